"""The reference interpreter, against numbers worked out by hand, and against generated modules."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "backends"))

from agreement import error, interpreted, keywords, some_data, some_params
from models import TEXTS, module_of, system_of

import rnnsym
from rnnsym.algebra import Quantity, apply, sizes, t
from rnnsym.algebra import operators as op
from rnnsym.errors import UsageError
from rnnsym.program.interpret import evaluate, interpret
from rnnsym.program.meanings import MEANINGS


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_the_interpreter_and_the_module_agree(name):
    system, module, rng = system_of(name), module_of(name), np.random.default_rng(21)
    params, data = some_params(system, rng), some_data(system, rng)
    wanted = [d.name for d in system.declarations if d.kind in ("input", "constant")]
    public = [n for n, (kind, _, _) in module.DATA.items() if kind in ("input", "constant")]
    loss, grads, _ = module.loss_and_grads(module.Params.from_arrays(params), **keywords(system, data), wrt=public)
    cost, _, gradients = interpreted(system, params, data, wrt=wanted)
    assert error(loss, cost) < 1e-12
    for key in params:
        assert error(grads[key], gradients[key]) < 1e-12, key
    for key, there in zip(wanted, public, strict=True):
        found = grads.inputs.get(there, grads.constants.get(there))
        assert error(found, gradients[key]) < 1e-12, key


def test_values_outside_are_given_or_said_or_zero():
    system = rnnsym.parse("x: input\nh[t] = h[t-1] + 10*h[t-2] + x[t] + 100*x[t+1]\nh[0] = 3")
    run = interpret(system, {"x": np.array([1.0, 2.0])})
    assert run.series("h").tolist() == [3 + 1 + 200, 204 + 30 + 2]
    given = interpret(system, {"x": np.array([1.0, 2.0])}, initial={"h[0]": 5.0, "h[-1]": 1.0, "x[T+1]": 7.0})
    assert given.series("h").tolist() == [5 + 10 + 1 + 200, 216 + 50 + 2 + 700]


def test_a_later_chunk_is_not_at_the_first_step():
    system = rnnsym.parse("x: input\nh[t] = x[t] if t == 1 else h[t-1]")
    data = {"x": np.array([4.0, 5.0])}
    assert interpret(system, data).series("h").tolist() == [4, 4]
    assert interpret(system, data, started=True, initial={"h[0]": 1.0}).series("h").tolist() == [1, 1]


def test_one_expression_is_evaluated_on_arrays():
    n, m = sizes("n m")
    W, h = Quantity("W", (m, n), kind="param"), Quantity("h", (n,))
    rng = np.random.default_rng(0)
    w, v = rng.standard_normal((3, 2)), rng.standard_normal(2)
    assert np.allclose(evaluate(apply("tanh", W @ h[t - 1]) / op.Number(m), {W: w, h[t - 1]: v}), np.tanh(w @ v) / 3)
    with pytest.raises(UsageError, match="U602"):
        evaluate(W @ h[t], {"W": w, h[t]: np.zeros(3)})


def test_every_operator_has_a_meaning():
    def below(cls):
        return {cls} | {c for sub in cls.__subclasses__() for c in below(sub)}

    known_elsewhere = {Quantity, op.Total, op.TimeIs, op.Condition}
    ours = {
        c for c in below(op.Tensor) | below(op.Condition) if not c.__name__.startswith("_") and c.__module__.startswith("rnnsym.algebra")
    }
    assert ours - known_elsewhere - {op.Tensor} == set(MEANINGS)


def test_the_steps_must_agree():
    system = rnnsym.parse("x: input\nz: input\nh[t] = x[t] + z[t]")
    with pytest.raises(UsageError, match="U604"):
        interpret(system, {"x": np.zeros(3), "z": np.zeros(4)})
    with pytest.raises(UsageError, match="U603"):
        interpret(system, {"x": np.zeros(3)})
