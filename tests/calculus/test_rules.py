"""Every operator has every rule, and every rule agrees with the complex step."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from samples import POSITIVE, SAMPLES, SIZES

from rnnsym.algebra import Quantity
from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.tensor import Tensor, quantities, t
from rnnsym.calculus.pullback import PULLBACKS, pull
from rnnsym.calculus.pushforward import PUSHFORWARDS, push
from rnnsym.program.interpret import evaluate
from rnnsym.program.meanings import MEANINGS

LEAVES = {op.Zeros, op.Ones, op.Identity}
OPERATORS = [
    cls
    for _, cls in inspect.getmembers(op, inspect.isclass)
    if issubclass(cls, Tensor) and cls.__module__ == op.__name__ and not cls.__name__.startswith("_") and cls not in LEAVES
]


def drawn(expression, rng):
    """A random array for every quantity of the expression."""
    values = {}
    for quantity in dict.fromkeys(quantities(expression)):
        shape = tuple(size_value(s, SIZES) for s in quantity.shape)
        values[quantity] = rng.uniform(0.1, 0.9, shape) if quantity.name in POSITIVE else rng.uniform(-2, 2, shape)
    return values


def value(expression, values):
    return np.asarray(evaluate(expression, values, SIZES))


def complex_step(expression, values, quantity, g, step=1e-30):
    """Σ g · d expression / d quantity, entry by entry."""
    out = np.zeros(np.shape(values[quantity]))
    for index in np.ndindex(out.shape):
        moved = np.array(values[quantity], dtype=complex)
        moved[index] += 1j * step
        out[index] = np.sum(g * value(expression, {**values, quantity: moved}).imag) / step
    return out


@pytest.mark.parametrize("name", SAMPLES)
def test_a_pullback_agrees_with_the_complex_step(name):
    expression = SAMPLES[name]
    rng = np.random.default_rng(7)
    values = drawn(expression, rng)
    cotangent = Quantity("g", expression.shape)
    g = rng.normal(size=tuple(size_value(s, SIZES) for s in expression.shape))
    found = {}
    for pulled in pull(expression, cotangent, lambda q: True):
        part = value(pulled.cotangent, {**values, cotangent: g})
        assert pulled.cotangent.shape == pulled.quantity.shape
        found[pulled.quantity] = found.get(pulled.quantity, 0) + part
    for quantity in values:
        expected = complex_step(expression, values, quantity, g)
        np.testing.assert_allclose(found.get(quantity, 0 * expected), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_pushforward_agrees_with_the_complex_step(name):
    expression = SAMPLES[name]
    rng = np.random.default_rng(8)
    values = drawn(expression, rng)
    dots = {q: Quantity("dot_" + q.name, q.shape) for q in values}
    moves = {dots[q]: rng.normal(size=np.shape(array)) for q, array in values.items()}
    moved = {q: array + 1e-30j * moves[dots[q]] for q, array in values.items()}
    expected = value(expression, moved).imag / 1e-30
    tangent = push(expression, dots.get)
    assert tangent.shape == expression.shape
    np.testing.assert_allclose(value(tangent, {**values, **moves}), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cls", OPERATORS, ids=lambda cls: cls.__name__)
def test_every_operator_answers_every_question(cls):
    special = {op.StopGradient, op.Total}  # push treats these itself
    assert cls in PULLBACKS, "no pullback"
    assert cls in PUSHFORWARDS or cls in special, "no pushforward"
    assert cls in MEANINGS or cls is op.Total, "no meaning"
    assert inspect.getdoc(PULLBACKS[cls]), "the pullback states no law"
    used = {type(node) for expression in SAMPLES.values() for node in _nodes(expression)}
    assert cls in used | special, "no sample"


def _nodes(node):
    yield node
    for argument in node.args:
        yield from _nodes(argument)


def test_a_wrong_rule_is_caught(monkeypatch):
    monkeypatch.setitem(PULLBACKS, op.Outer, lambda node, g: [op.MatrixProduct(g, node.args[1]), -op.MatrixProduct(g.T, node.args[0])])
    with pytest.raises(AssertionError):
        test_a_pullback_agrees_with_the_complex_step("outer")


def test_no_gradient_flows_through_stop_gradient():
    u = Quantity("u")
    assert [p.cotangent for p in pull(op.StopGradient(u) * u, Quantity("g"), lambda q: True)] == [Quantity("g") * op.StopGradient(u)]


def test_rules_that_are_read_and_not_asked_hold_too():
    """`pull` goes into a sum over time itself, and not at all into stop_gradient; documents print these two laws all the same."""
    u, g = Quantity("u", (), t), Quantity("g")
    assert PULLBACKS[op.StopGradient](op.StopGradient(u), g) == [None]
    assert PULLBACKS[op.Total](op.Total(u), g) == [g]


def test_the_branch_not_taken_never_reaches_the_gradient():
    u = Quantity("u", SAMPLES["norm"].args[0].shape)
    expression = op.Branch(op.Compare(">", u, 0), op.apply("log", u), u)
    ((first, second)) = list(pull(expression, Quantity("g", u.shape), lambda q: True))
    values = {u: np.array([0.0, -1.0, 2.0]), Quantity("g", u.shape): np.ones(3)}
    with np.errstate(all="ignore"):
        total = value(first.cotangent, values) + value(second.cotangent, values)
    np.testing.assert_array_equal(total, [1.0, 1.0, 0.5])


UNSAFE_ARMS = {
    "a softmax of a quotient": lambda u, z: op.Branch(op.Compare(">", z, 0), op.SumEntries(op.Softmax(u / z)), op.Number(1)),
    "a product with a root": lambda u, z: op.SumEntries(op.Branch(op.Compare(">", u, 5), op.Diagonal(u) @ op.apply("sqrt", u - 5), u)),
    "a dot product of logarithms": lambda u, z: op.Branch(op.Compare(">", z, 0), op.Dot(op.apply("log", u), op.apply("log", u)), z),
    "a norm over a scalar": lambda u, z: op.Branch(op.Compare(">", z, 0), op.Norm(u) / z, op.SumEntries(u)),
    "one failing branch in another": lambda u, z: op.Branch(
        op.Compare(">", z, 0), op.SumEntries(op.Branch(op.Compare(">", u, 0), op.apply("log", u) / z, u)), op.SumEntries(u)
    ),
    "a row of a matrix that fails": lambda u, z: op.SumEntries(
        op.Branch(op.Compare(">", u, 9), op.Outer(u, u) @ (1 / op.apply("max", u, 0)), u)
    ),
}


@pytest.mark.parametrize("name", UNSAFE_ARMS)
def test_an_arm_that_fails_where_it_is_not_taken_passes_no_gradient(name):
    n = SAMPLES["norm"].args[0].shape
    u, z = Quantity("u", n), Quantity("z")
    expression = UNSAFE_ARMS[name](u, z)
    values = {u: np.array([0.0, -1.0, -2.0]), z: np.array(0.0)}
    with np.errstate(all="ignore"):
        for quantity in (u, z):
            parts = [value(p.cotangent, values) for p in pull(expression, op.Number(1), lambda q, w=quantity: q == w)]
            expected = complex_step(expression, values, quantity, 1.0)
            np.testing.assert_allclose(sum(parts, np.zeros(expected.shape)), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("expression", "at", "slope"),
    [
        (lambda u: op.apply("relu", u), 0.0, 0.0),
        (lambda u: op.apply("abs", u), 0.0, 0.0),
        (lambda u: op.apply("sign", u), 0.0, 0.0),
        (lambda u: op.apply("max", u, 0), 0.0, 0.5),
        (lambda u: op.apply("min", u, 0), 0.0, 0.5),
        (lambda u: op.apply("clip", u, -1, 1), 1.0, 1.0),
        (lambda u: op.apply("clip", u, -1, 1), -1.0, 1.0),
        (lambda u: op.apply("clip", u, -1, 1), 1.5, 0.0),
        (lambda u: op.Norm(op.Concat(u, u)), 0.0, 0.0),
        (lambda u: op.apply("mod", u, 2), 3.5, 1.0),
        (lambda u: op.apply("mod", 3, u), -2.0, 2.0),
    ],
)
def test_kinks_follow_the_stated_conventions(expression, at, slope):
    u = Quantity("u")
    parts = pull(expression(u), op.Number(1), lambda q: True)
    assert sum(float(value(p.cotangent, {u: np.array(at)})) for p in parts) == slope
