"""Tensor expressions: shapes are checked, the user's order stays, SymPy's surface works."""

from __future__ import annotations

import pickle

import pytest
import sympy

from rnnsym.algebra import Number, Quantity, T, apply, shift, sizes, t
from rnnsym.algebra import operators as op
from rnnsym.errors import ModelError

n, m = sizes("n m")
A = Quantity("A", (m, n), kind="param")
h, x, s = Quantity("h", (n,)), Quantity("x", (n,), kind="input"), Quantity("s")
PREACTIVATION = A.T @ (A @ x[t]) + 2 * h[t - 1] - s[t]


def test_an_expression_prints_in_the_users_order():
    assert str(PREACTIVATION) == "A.T @ (A @ x[t]) + 2 * h[t-1] - s[t]"


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (h + 0, "h"),
        (1 * h, "h"),
        (op.Negate(-h), "h"),
        ((-h) * (-s), "h * s"),
        (h * -s, "-h * s"),
        (h - (x - h), "h - (x - h)"),
        (h / s / s, "h / s / s"),
        (h / (s * s), "h / (s * s)"),
        (h * (x / s), "h * (x / s)"),
        ((h * x) ** 2, "(h * x)**2"),
        (-(h**2), "-h**2"),
        ((-h) ** 2, "(-h)**2"),
        (A @ (h * x), "A @ (h * x)"),
        ((s * A) @ h, "(s * A) @ h"),
        (s * (A @ h), "s * (A @ h)"),
        (op.Branch(op.Compare(">=", h, 0), h, 0.5 * h) + x, "(h if h >= 0 else 0.5 * h) + x"),
        (Number(1) / 3 * h, "1 / 3 * h"),
        (op.Total(h[t] * h[t - 1]), "total(h[t] * h[t-1])"),
        (0 * h, "0 * ones(n)"),
        (h[1:n], "h[1:n]"),
        (h / -x, "-h / x"),
        (-h / -x, "h / x"),
    ],
)
def test_constructors_normalise_lightly(expression, text):
    assert str(expression) == text


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: A @ A,
        lambda: h @ A,
        lambda: A.T @ h,
        lambda: h + A,
        lambda: op.Dot(h, A @ h),
        lambda: op.Softmax(s),
        lambda: op.Outer(h, s),
        lambda: h[0 : n + 1],
        lambda: op.SumEntries(s),
        lambda: h / 0,
    ],
)
def test_shapes_are_checked_when_a_node_is_made(wrong):
    with pytest.raises(ModelError) as caught:
        wrong()
    assert caught.value.code in ("E301", "E302")


def test_shapes_are_checked_after_a_substitution():
    with pytest.raises(ModelError):
        (A @ x).xreplace({x: Quantity("x", (m,), kind="input")})


def test_shifting_is_a_substitution_that_leaves_bound_time_alone():
    expression = h[t - 1] * op.Total(h[t])
    assert str(shift(expression, 2)) == "h[t+1] * total(h[t])"
    assert op.Total(op.Total(h[t]) * h[t]).body == op.Total(h[t]) * h[t]


def test_pickling_and_hashing_keep_equality():
    copy = pickle.loads(pickle.dumps(PREACTIVATION))
    assert copy == PREACTIVATION and hash(copy) == hash(PREACTIVATION) and copy.shape == (n,)


def test_equations_are_sympy_equations():
    equation = sympy.Eq(h[t], apply("tanh", PREACTIVATION), evaluate=False)
    assert equation.xreplace({t: t + 1}).lhs == h[t + 1]
    assert {A, n, h[t]} <= equation.free_symbols
    assert pickle.loads(pickle.dumps(equation)) == equation


def test_a_size_called_T_is_not_the_last_step():
    (size,) = sizes("T")
    assert size != T and Quantity("v", (size,))[T].shape == (size,)


def test_a_quantity_called_t_is_not_time():
    assert str(Quantity("t_")[t] + 1) == "t_[t] + 1"


def test_numbers_are_exact_and_never_negative():
    assert Number(0.1).value == sympy.Rational(1, 10)
    assert str(Number(-3)) == "-3" and isinstance(Number(-3), op.Negate)
    assert str(Number(sympy.oo)) == "inf" and str(Number(-sympy.oo)) == "-inf"


def test_a_tensor_cannot_be_iterated():
    with pytest.raises(TypeError):
        list(h)
