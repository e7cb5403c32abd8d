"""The told argument is the computed one: every displayed result equals what the joined System computes."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

import numpy as np
import pytest

from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.tensor import quantities, t
from rnnsym.derivation import derive
from rnnsym.derivation.derivation import INSIDE
from rnnsym.documents.checking import with_inside
from rnnsym.language import load, parse
from rnnsym.program.interpret import interpret

LIBRARY = sorted(Path(str(importlib.resources.files("rnnsym") / "models")).glob("*.rnn"))
CELLS = sorted((Path(__file__).parents[1] / "cells").glob("*.rnn"))
LSTM = next(path for path in LIBRARY if path.stem == "lstm")


def run_of(derivation, steps, seed):
    """The joined System of a derivation on random arrays."""
    rng = np.random.default_rng(seed)
    system = derivation.adjoint.system
    sizes = {s.name: 2 + i for i, s in enumerate(system.sizes)}
    arrays = {}
    for declaration in system.declarations:
        shape = tuple(size_value(s, sizes) for s in declaration.shape)
        shape = (steps, *shape) if declaration.timed else shape
        if declaration.name in derivation.adjoint.seeds.values():
            arrays[declaration.name] = np.array(1.0)
        elif declaration.kind == "token":
            arrays[declaration.name] = rng.integers(0, 2, shape[: int(declaration.timed)])
        elif declaration.kind != "variable":
            arrays[declaration.name] = rng.uniform(0.2, 0.8, shape)
    return with_inside(interpret(system, arrays, steps=steps, sizes=sizes))


@pytest.mark.parametrize("path", LIBRARY + CELLS, ids=lambda path: path.stem)
def test_every_result_as_told_equals_the_result_as_computed(path):
    model = load(path)
    derivation = derive(model, [*(d.name for d in model.declarations if d.kind in ("param", "input")), "initial"])
    steps = 4
    with np.errstate(all="ignore"):
        run = run_of(derivation, steps, seed=len(path.stem))
        for entry in derivation.entries:
            timed = entry.error.time is not None
            for step in range(1, steps + 1) if timed else [None]:
                computed = run.at(entry.error.name, step) if timed else run.static(entry.error.name)
                told = run.value(entry.result, step)
                parts = sum((run.value(part.value, step) for part in entry.contributions), np.zeros(())) if timed else told
                for other in (told, parts):
                    np.testing.assert_allclose(
                        np.broadcast_to(other, computed.shape), computed, rtol=1e-9, atol=1e-10, err_msg=str(entry.error)
                    )
            for end, step in ((entry.at_last, steps), (entry.at_first, 1)):
                if end is not None:
                    told = np.broadcast_to(run.value(end, None), run.at(entry.error.name, step).shape)
                    np.testing.assert_allclose(told, run.at(entry.error.name, step), rtol=1e-9, atol=1e-10, err_msg=str(entry.error))


def test_every_equation_has_a_number_and_results_have_their_own():
    derivation = derive(load(LSTM))
    assert {d.key for d in derivation.adjoint.system.every_definition} <= set(derivation.numbers)
    told = [derivation.numbers[d.key] for d in derivation.prepared.every_definition] + [e.number for e in derivation.entries]
    assert sorted(told) == list(range(1, len(told) + 1))


def test_the_equations_as_written_come_first():
    derivation = derive(load(LSTM))
    assert [derivation.numbers[d.key] for d in derivation.model.definitions] == list(range(1, len(derivation.model.definitions) + 1))


def test_errors_are_told_last_equation_first():
    names = [e.of.name for e in derive(load(LSTM)).errors]
    assert names.index("h") < names.index("c") < names.index("g") and names.index("c") < names.index(
        "c_bar" if "c_bar" in names else "i_bar"
    )


def test_a_reader_at_another_step_is_named_with_its_delay():
    derivation = derive(load(LSTM))
    cell = next(e for e in derivation.errors if e.of.name == "c")
    assert [(part.reader.name, part.delay) for part in cell.contributions] == [("h", 0), ("c", -1)]
    assert str(cell.result) == "d_h[t] * o[t] * (1 - tanh(c[t])**2) + d_c[t+1] * f[t+1]"
    assert str(cell.at_last) == "d_h[T] * o[T] * (1 - tanh(c[T])**2)" and cell.at_first is None


def test_gradients_are_sums_over_time():
    gradients = {e.of.name: str(e.result) for e in derive(load(LSTM)).gradients}
    assert gradients["U_f"] == "total(outer(d_f_bar[t], h[t-1]))" and gradients["b_f"] == "total(d_f_bar[t])"


def test_requested_gradients_of_inputs_and_initial_values_are_told():
    derivation = derive(load(LSTM), ["x", "initial"])
    told = {str(e.of): str(e.result) for e in derivation.gradients}
    assert set(told) == {"x[t]", "h[0]", "c[0]"}
    assert told["c[0]"] == "d_c[1] * f[1]"


def test_the_loss_of_a_softmax_is_told_in_general():
    derivation = derive(parse("x: input[n]\ny: target[n]\np[t] = softmax(W @ x[t])\nloss[t] = cross_entropy(y[t], p[t])"))
    (error,) = derivation.errors
    assert str(error.result) == "d_loss * (p[t] * sum(y[t]) - y[t])"
    assert "p Σy - y" in error.contributions[0].laws[0]


def test_alike_results_stand_together_and_follow_the_first():
    derivation = derive(load(LSTM))
    like = {str(e.of): e.like for e in derivation.entries}
    number = {str(e.of): e.number for e in derivation.entries}
    assert [str(e.of) for e in derivation.errors] == [
        "p_bar[t]", "h[t]", "c[t]", "g[t]", "f[t]", "i[t]", "g_bar[t]", "o[t]", "o_bar[t]", "f_bar[t]", "i_bar[t]",
    ]  # fmt: skip
    assert like["f[t]"] == like["i[t]"] == number["g[t]"]
    assert like["f_bar[t]"] == like["i_bar[t]"] == number["o_bar[t]"]
    assert like["g_bar[t]"] is None  # tanh, not sigmoid
    assert like["U_f"] == number["U_i"]
    assert like["W_f"] == number["W_i"]


@pytest.mark.parametrize("path", LIBRARY + CELLS, ids=lambda path: path.stem)
def test_numbers_rise_and_every_error_is_told_after_those_that_it_is_made_of(path):
    derivation = derive(load(path))
    numbers = [e.number for e in derivation.entries]
    assert numbers == sorted(set(numbers))
    told: set[str] = set()
    for entry in derivation.errors:
        now = {q.name for q in quantities(entry.result) if q.time is not None and q.time == t}
        later = {e.error.name for e in derivation.errors} - told - {entry.error.name}
        assert not now & later, entry.error
        told.add(entry.error.name)


def test_results_that_differ_by_a_law_a_delay_or_a_repeated_name_are_not_alike():
    text = """x: input[n]
a: vector[n]
b: vector[n]
a[t] = tanh(x[t] + u * a[t-1])
b[t] = tanh(x[t] + v * b[t-2])
loss[t] = sum(a[t] * a[t]) + sum(b[t] * x[t])
"""
    assert all(e.like is None for e in derive(parse(text, "unlike")).errors if e.of.name in "ab")


def test_what_a_loss_reads_from_another_step_counts_only_where_that_step_exists():
    text = "x: input[n]\nh: vector[n]\nh[t] = tanh(x[t] + u * h[t-1])\nloss[t] = sum(h[t-2]**2)\nloss = total(sum(h[t-1]))\n"
    entry = next(e for e in derive(parse(text, "late")).errors if e.of.name == "h")
    assert {q.time for q in quantities(entry.result) if q.name == INSIDE} == {t + 1, t + 2}
    assert "inside'" in str(derive(parse(text, "late")))
