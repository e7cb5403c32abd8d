"""The exact check of the assembly passes what is right, and catches, names and never excuses what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults import faults, with_rhs

from rnnsym import library, parse
from rnnsym.algebra import Number
from rnnsym.algebra.graph import reads
from rnnsym.calculus.adjoint import adjoint
from rnnsym.calculus.prepare import prepare
from rnnsym.proof.field import Field
from rnnsym.proof.finite_field import Trial, check_assembly, everything

ROOT = Path(__file__).parents[1]
MODELS = [*library.names(), *map(str, sorted([*ROOT.glob("cells/*.rnn"), *ROOT.glob("truth/corpus/*.rnn")]))]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: Path(m).stem)
def test_every_gradient_is_exactly_equal(model):
    found = check_assembly(library.load(model))
    assert not found.of("wrong") and not found.of("undecided")
    assert found.names and 0 < found.bound <= 1e-20


@pytest.mark.parametrize(("model", "every"), [("lstm", 3), ("gru", 3), ("birnn", 1), ("jordan", 1), ("narx", 2), ("delta_net", 3)])
def test_seeded_faults_are_caught_and_named(model, every):
    system = library.load(model)
    joined = adjoint(prepare(system), everything(system))
    tried = list(faults(joined))[::every]
    assert len(tried) >= 10
    for what, name, wrong in tried:
        found = check_assembly(system, wrong, runs=1, lengths=[3 if model != "narx" else 5])
        assert found.of("wrong"), f"{what} in {name} passed"
        assert found.fault is not None
        assert name in parts_of(wrong, found.fault[0]), f"{what} in {name} was taken for {found.fault[0]}"


def parts_of(joined, definition):
    """An adjoint equation and the parts it is made of, which are the errors of nothing themselves."""
    errors = {*joined.errors.values(), *joined.gradients.values()}
    found, waiting = {definition.name}, [definition]
    while waiting:
        for read in reads(waiting.pop().rhs):
            if read.name in joined.origin and read.name not in errors | found:
                found.add(read.name)
                waiting.append(joined.system.defined[read.name])
    return found


MASKED = """
x: input[n_x]
mask: input
h: vector[n_h]
u[t] = tanh(W @ x[t] + U @ h[t-1] + b)
h[t] = mask[t] * u[t] + (1 - mask[t]) * h[t-1]
h[0] = h_0
A = exp(a) * tanh(B)
B: param[n_h]
last = A * h[T]
loss[t] = squared_error(dot(v, h[t-3]), 1) if t == T else 0
loss = norm(last)
"""


def test_masks_lags_trained_starts_and_static_quantities():
    found = check_assembly(parse(MASKED, name="masked"))
    assert {"W", "U", "h_0", "a", "B", "v", "x", "mask", "h[0]", "h[-2]"} <= set(found.names)
    assert not found.of("wrong") and not found.of("undecided")
    assert found.steps == (1, 2, 5)


def test_related_functions_are_undecided_not_wrong():
    """sin 2u = 2 sin u cos u is not known to the field; the true cost is one here, whatever w is."""
    system = parse("w: param\nk[t] = sin(2*w) / (2 * sin(w) * cos(w))\nloss[t] = k[t]**2", name="related")
    joined = adjoint(prepare(system))
    found = check_assembly(system, with_rhs(joined, joined.gradients["w"], Number(0)))
    assert found.of("undecided") == ("w",) and not found.of("wrong")
    assert "related" in found.reason


def test_the_same_seed_gives_the_same_report():
    system = library.load("elman")
    assert check_assembly(system) == check_assembly(system)


def test_relations_that_the_field_knows():
    field = Field(seed=3)
    u = field.draw()
    assert field.sigmoid(-u) == 1 - field.sigmoid(u)
    assert field.tanh(u) == (field.exp(u + u) - 1) / (field.exp(u + u) + 1)
    assert field.log(field.exp(u)) == u and field.exp(field.log(u)) == u
    assert field.softplus(u) == field.log(1 + field.exp(u))
    assert field.softplus(-u) == -field.log(field.sigmoid(u))
    assert field.sin(u) * field.sin(u) + field.cos(u) * field.cos(u) == field.coerce(1)
    assert field.sign(-u) == -field.sign(u)


def a_trial() -> Trial:
    model = library.load("elman")
    trial = Trial(model, adjoint(prepare(model)), {"n_x": 2, "n_h": 2, "n_y": 2}, 2, 0)
    trial.compare()
    return trial


def test_what_is_infinite_is_undecided():
    trial = a_trial()
    infinite = trial.field.coerce(1) / trial.field.coerce(0)
    assert trial.outcome(infinite, infinite)[0] == "undecided"


def test_the_bound_grows_with_the_degree():
    trial = a_trial()
    x, y = trial.field.draw(), trial.field.draw()
    assert trial.outcome(x, x)[1] < trial.outcome(x * y * x * y * x, x * y * x * y * x)[1]


def test_an_outcome_that_is_bad_once_stays_bad(monkeypatch):
    outcomes = iter(["wrong", "equal"])
    plain = Trial.compare

    def scripted(trial):
        outcome = next(outcomes)
        return {name: (outcome, bound) for name, (_, bound) in plain(trial).items()}

    monkeypatch.setattr(Trial, "compare", scripted)
    assert check_assembly(library.load("elman"), runs=2, lengths=[2]).of("equal") == ()
