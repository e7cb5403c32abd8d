"""Systems: built from Python, edited, checked, ordered."""

from __future__ import annotations

import dataclasses
import pickle

import pytest
import sympy

from rnnsym.algebra import Quantity, System, apply, sizes, t
from rnnsym.algebra import operators as op
from rnnsym.errors import ModelError

n_x, n_h = sizes("n_x n_h")
x, h, r = Quantity("x", (n_x,), kind="input"), Quantity("h", (n_h,)), Quantity("r", (n_h,))
W, U = Quantity("W", (n_h, n_x), kind="param"), Quantity("U", (n_h, n_h), kind="param")
loss = Quantity("loss")


@pytest.fixture
def model():
    return System.from_equations("elman", [(h[t], apply("tanh", W @ x[t] + U @ h[t - 1])), (loss[t], op.SumEntries(h[t] ** 2))])


def test_a_start_that_needs_the_recurrence_it_starts_is_a_cycle():
    with pytest.raises(ModelError, match=r"h\[0\] → h → h\[0\]"):
        System.from_equations("circular", [(h[0], op.Total(h[t])), (h[t], apply("tanh", W @ x[t] + U @ h[t - 1]))])


def test_a_system_is_built_from_equations(model):
    assert [d.name for d in model.params] == ["W", "U"]
    assert [str(e) for e in model.equations] == ["Eq(h[t], tanh(W @ x[t] + U @ h[t-1]))", "Eq(loss[t], sum(h[t]**2))"]
    assert all(isinstance(e, sympy.Eq) for e in model.equations)
    assert model.extents == {"x": (0, 0), "h": (1, 0)}


def test_an_equation_is_replaced_and_parameters_follow(model):
    edited = model.replace((h[t], r[t] * h[t - 1]), (r[t], apply("sigmoid", U @ h[t - 1])))
    assert [d.name for d in edited.params] == ["U"] and "x" not in edited.by_name
    assert model.by_name["x"].kind == "input"


def test_equations_are_added_and_dropped(model):
    grown = model.add((r[t], h[t] * h[t]))
    assert grown.drop("r") == model
    with pytest.raises(ModelError, match="E202"):
        model.add((h[t], h[t - 1]))
    with pytest.raises(ModelError, match="E201"):
        model.drop("q")
    with pytest.raises(ModelError, match="E201"):
        model.drop("h")


@pytest.mark.parametrize(
    ("equations", "code", "path"),
    [
        ([(h[t], r[t] * h[t - 1]), (r[t], apply("tanh", U @ h[t]))], "E401", "h → r → h"),
        ([(h[t], r[t] * h[t - 1]), (r[t], apply("tanh", U @ h[t + 1]))], "E402", "h → h → r → h"),
        ([(h[t], h[t - 1] + op.Total(h[t]))], "E403", "h → h"),
        ([(h[t], h[t])], "E401", "h → h"),
    ],
)
def test_what_cannot_be_computed_prints_its_cycle(equations, code, path):
    with pytest.raises(ModelError) as caught:
        System.from_equations("wrong", equations)
    assert caught.value.code == code and path in str(caught.value)


def test_components_come_in_an_order_of_computation():
    b, p = Quantity("b", (n_h,)), Quantity("p", (n_h,))
    both = System.from_equations(
        "both", [(p[t], h[t] + b[t]), (h[t], apply("tanh", W @ x[t] + U @ h[t - 1])), (b[t], apply("tanh", U @ b[t + 1] + h[t]))]
    )
    assert [(c.kind, c.direction, c.names) for c in both.components] == [("scan", 1, ("h",)), ("scan", -1, ("b",)), ("map", 0, ("p",))]


def test_a_static_equation_may_not_read_a_running_step(model):
    with pytest.raises(ModelError, match="E404"):
        model.add((Quantity("A", (n_h,)), h[t] * 1))


def test_one_name_has_one_kind_and_shape(model):
    with pytest.raises(ModelError, match="E204"):
        model.add((r[t], Quantity("x", (n_h,), kind="input")[t]))


def test_boundary_values_are_equations_of_their_own(model):
    h_0 = Quantity("h_0", (n_h,), kind="param")
    started = model.add((h[0], h_0))
    assert [d.key for d in started.boundaries] == ["h[0]"] and "h_0" in {p.name for p in started.params}
    assert started.components[0].names == ("h[0]",)


def test_a_system_is_frozen_picklable_and_compares_by_content(model):
    assert pickle.loads(pickle.dumps(model)) == model
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.name = "other"
    assert dataclasses.replace(model, name="other") != model


def test_a_fresh_name_is_not_taken(model):
    assert model.fresh("h") == "h_" and model.fresh("q") == "q" and model.fresh("n_x") == "n_x_"
