"""Columns: which operations an expression becomes, in which order, over which axes."""

from __future__ import annotations

import pytest
import sympy

import rnnsym
from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import Number, Quantity, T, Tensor, t
from rnnsym.program.assembling import assembled, cells_of
from rnnsym.program.columns import Columns, summed_over_batch, vanishes
from rnnsym.program.ops import ALONE, PER_SEQUENCE, PER_STEP
from rnnsym.program.schedule import schedule

DATA = """x: input[n]
z: input[n]
k: input[m]
q: input
e: token[m]
y: target[n]
A: input[n, m]
B: input[n, n]
c: constant[n]
W: param[n, n]
U: param[n, m]
V: param[n, n]
b: param[n]
g: param
"""


def operations(equations: str, classes: tuple[str, ...] = ()) -> list[str]:
    """The operations of some equations, over the data above."""
    system = rnnsym.parse(DATA + equations)
    _, (stages,) = assembled([schedule(system)], frozenset(classes), frozenset(), frozenset())
    return [str(o).replace(", :]", "]") + (f" {o.details}" if o.details else "") for stage in stages for o in stage.ops]


ONE_EQUATION = {
    # sums and products
    "x[t] - z[t]": ["r = subtract(x[t], z[t])"],
    "-x[t] + z[t]": ["r = subtract(z[t], x[t])"],
    "-x[t] - z[t]": ["%1 = negative(x[t])", "r = subtract(%1[t], z[t])"],
    "-x[t]": ["r = negative(x[t])"],
    "x[t] / z[t]": ["r = divide(x[t], z[t])"],
    "x[t]**2": ["r = square(x[t])"],
    "x[t]**3": ["r = power(x[t], 3)"],
    "exp(g) + x[t]": ["%1 = exp(g)", "r = add(%1, x[t])"],
    "stop_gradient(x[t])": ["r = real(x[t])"],
    # products with matrices
    "W @ x[t] + V @ z[t] + b": ["r = affine(W, x[t], V, z[t], b) (2,)"],
    "W @ x[t] + W.T @ z[t] + b": ["%1 = affine(W, x[t], b) (1,)", "%2 = affine(W.T, z[t]) (1,)", "r = add(%1[t], %2[t])"],
    "W.T @ x[t] + V.T @ z[t] + b": ["%1 = affine(W.T, x[t], V.T, z[t]) (2,)", "r = add(b, %1[t])"],
    "W @ ones(n) + x[t]": ["%1 = row_sums(W)", "r = add(%1, x[t])"],
    "U @ e[t]": ["r = columns(U, e[t])"],
    "A[t] @ k[t]": ["r = matvec(A[t], k[t])"],
    "A[t] @ k[t] + W @ x[t]": ["%1 = affine(W, x[t]) (1,)", "%2 = matvec(A[t], k[t])", "r = add(%1[t], %2[t])"],
    "A[t].T @ x[t]": ["r = matvec(A[t].T, x[t])"],
    "(A[t].T if 1 < 2 else 2 * A[t].T) @ x[t]": ["r = matvec(A[t].T, x[t])"],
    "diag(x[t]) @ z[t]": ["r = multiply(x[t], z[t])"],
    "diag(x[t]) @ A[t]": ["r = scale_rows(x[t], A[t])"],
    "A[t] @ diag(k[t])": ["r = scale_columns(A[t], k[t])"],
    "outer(x[t], z[t]) @ x[t]": ["%1 = dot(z[t], x[t])", "r = multiply(%1[t], x[t])"],
    "A[t] @ ones(m)": ["r = row_sums(A[t])"],
    # parts of vectors
    "(concat(x[t], k[t])[1:n+1])[2:n]": ["%1 = concat(x[t], k[t])", "r = copy(%1[t][3:n + 1])"],
    "roll(x[t], 1)": ["r = roll(x[t]) (1,)"],
    "mean(x[t])": ["r = mean(x[t])"],
    # conditions
    "x[t] if x[t] < z[t] else z[t]": ["%1 = less(x[t], z[t])", "r = where(%1[t], x[t], z[t])"],
    "x[t] if 1 < 2 else z[t]": ["r = copy(x[t])"],
    "2 if 1 < 2 else z[t]": ["%1 = ones()", "%2 = multiply(2, %1)", "r = copy(%2)"],
    "2 if q[t] > 0 else 3": ["%1 = greater(q[t], 0)", "%2 = array(2)", "r = where(%1[t], %2, 3)"],
    "x[t] if t == 1 else z[t]": ["%1 = mark(at_first[t]) ('at_first', 0)", "r = where(%1[t], x[t], z[t])"],
    "x[t] if t == T else z[t]": ["%1 = mark(at_last[t]) ('at_last', 0)", "r = where(%1[t], x[t], z[t])"],
    "log(x[t]) if x[t] > 0 else z[t]": [
        "%1 = greater(x[t], 0) ('quiet',)", "%2 = log(x[t]) ('quiet',)", "r = where(%1[t], %2[t], z[t])"
    ],
    "x[t] if abs(z[t]) > 0 else z[t]": [
        "%1 = abs(z[t]) ('quiet',)", "%2 = greater(%1[t], 0) ('quiet',)", "r = where(%2[t], x[t], z[t])"
    ],
    # losses
    "squared_error(y[t], x[t])": ["%1 = squared_error_terms(y[t], x[t])", "r = sum(%1[t])"],
    "squared_error(q[t], g)": ["%1 = array(g)", "r = squared_error_terms(q[t], %1)"],
}  # fmt: skip


@pytest.mark.parametrize("text", ONE_EQUATION)
def test_an_equation_over_all_steps(text):
    assert operations(f"r[t] = {text}\n") == ONE_EQUATION[text]


OVER_TIME = {
    "x[T]": ["r = at_end(x[t]) (0,)"],
    "x[1]": ["r = at_step(x[t]) (1,)"],
    "total(x[t])": ["r = total(x[t])"],
    "total(2 * x[t] * z[t])": ["%1 = multiply(2, x[t])", "%2 = multiply(%1[t], z[t])", "r = total(%2[t])"],
    "total(x[t-1])": ["%1 = valid(x[t-1])", "r = total(%1[t])"],
    "total(exp(x[t]))": ["%1 = exp(x[t])", "%2 = valid(%1[t])", "r = total(%2[t])"],
    "total(x[t] / z[t])": ["%1 = divide(x[t], z[t])", "%2 = valid(%1[t])", "r = total(%2[t])"],
    "total(x[t] + 1)": ["%1 = add(1, x[t])", "%2 = valid(%1[t])", "r = total(%2[t])"],
    "total(U @ e[t])": ["%1 = columns(U, e[t])", "%2 = valid(%1[t])", "r = total(%2[t])"],
    "total(g)": ["%1 = every_step(g)", "%2 = valid(%1[t])", "r = total(%2[t])"],
}


@pytest.mark.parametrize("text", OVER_TIME)
def test_an_equation_of_all_steps(text):
    assert operations(f"r = {text}\n") == OVER_TIME[text]


LOOPS = {  # what does not need the loop comes first: it can be taken out
    "h[t] = h[t-1] + x[t] + q[t] + c": ["%1 = add(c, q[t])", "%2 = add(%1[t], x[t])", "h = add(%2[t], h[t-1])"],
    "h[t] = h[t-1] * x[t] * z[t]": ["%1 = multiply(x[t], z[t])", "h = multiply(%1[t], h[t-1])"],
    "h[t] = W.T @ h[t-1] + V.T @ z[t]": ["%1 = affine(V.T, z[t]) (1,)", "%2 = affine(W.T, h[t-1]) (1,)", "h = add(%1[t], %2[t])"],
}


@pytest.mark.parametrize("text", LOOPS)
def test_an_equation_of_a_loop(text):
    assert operations(text + "\n") == LOOPS[text]


def test_what_an_equation_takes_over_and_what_it_copies():
    assert operations("a[t] = x[t]\nr[t] = a[t]\n") == ["a = copy(x[t])", "r = copy(a[t])"]
    assert operations("a[t] = tanh(x[t])\nr[t] = a[t]\n") == ["a = tanh(x[t])", "r = copy(a[t])"]
    assert operations("a[t] = tanh(h[t-1] + x[t])\nh[t] = a[t]\n")[-2:] == ["a = tanh(%1[t])", "h = copy(a[t])"]
    assert operations("h[t] = W @ x[t]\nh[0] = c + b\ns[t] = h[t-1]\n")[:2] == ["%1 = add(c, b)", "h[0] = copy(%1)"]
    assert operations("h[t] = W @ x[t]\nh[0] = total(x[t])\ns[t] = h[t-1]\n")[:2] == ["%1 = total(x[t])", "h[0] = copy(%1)"]
    assert operations("r: vector[n]\nr[t] = sum(x[t])\n") == ["%1 = sum(x[t])", "r = copy(%1[t])"]


def test_a_statement_does_not_read_what_the_last_one_left():
    assert operations("a[t] = tanh(x[t])\nr[t] = exp(tanh(x[t]))\n") == ["a = tanh(x[t])", "%2 = tanh(x[t])", "r = exp(%2[t])"]


def test_targets_that_may_be_class_numbers_become_vectors_only_where_they_must():
    p = "p[t] = softmax(x[t])\n"
    assert operations("r[t] = softmax(x[t]) * sum(y[t]) - y[t]\n", ("y",)) == ["%1 = softmax(x[t])", "r = excess(%1[t], y[t])"]
    other = operations("r[t] = softmax(x[t]) * sum(x[t]) - y[t]\n", ("y",))
    assert other[-2:] == ["%4 = dense(y[t]) (n,)", "r = subtract(%3[t], %4[t])"]
    assert operations(p + "loss[t] = cross_entropy(y[t], p[t])\n", ("y",))[1] == "%2 = dense(y[t]) (n,)"
    logits = columns(classes=("y",))
    logits.lower(op.SoftmaxCrossEntropy(read("y"), read("x")))
    assert [str(o) for o in logits.ops] == ["%1 = softmax_cross_entropy(y[t], x[t])"]


# ---------------------------------------------------------------- on their own: shapes, steps, sums over the batch


SYSTEM = rnnsym.parse(
    DATA + "d_s[t] = q[t]\nd_h[t] = x[t]\nd_g = g\nw[t] = z[t+1]\nl = q[T]\nv: input[n]\nl_v = sum(v)\nk_s: token[m]\nl_k = sum(U @ k_s)\n"
)
N = SYSTEM.by_name["x"].shape[0]


def columns(seeds: tuple[str, ...] = (), classes: tuple[str, ...] = ()) -> Columns:
    return Columns(cells_of(schedule(SYSTEM).buffers), seeds=frozenset(seeds), classes=frozenset(classes))


def read(name: str, time: object = t) -> Quantity:
    declared = SYSTEM.by_name[name]
    return Quantity(name, declared.shape, time if declared.timed else None, declared.kind)


def test_results_have_the_shape_and_the_axes_of_their_operands():
    found = columns()
    A, x, q, g, c = (read(name) for name in "Axqgc")
    M = A.shape[1]
    tall = found.lower(op.apply("tanh", op.Transposed(A)))
    assert found.shape(tall) == (M, N) and found.axes(tall) == PER_STEP
    assert found.shape(found.lower(op.Times(q, x))) == (N,) and found.axes(found.lower(op.Times(g, c))) == ALONE
    back = found.lower(op.apply("exp", op.Transposed(op.apply("tanh", op.Transposed(A)))))
    assert found.shape(back) == (N, M)


def test_numbers_are_computed_when_the_file_is_written():
    found = columns()
    assert str(found.lower(op.Negate(Number(3)))) == "-3" and not found.ops


@pytest.mark.parametrize(
    ("when", "expected"),
    [(T, "at_end (0,)"), (T - 2, "at_end (-2,)"), (T + 1, "at_end (1,)"), (1, "at_step (1,)"), (0, "before (0,)"), (-2, "before (-2,)")],
)
def test_fixed_steps(when, expected):
    found = columns()
    value = found.lower(read("x", sympy.sympify(when)))
    assert f"{found.ops[-1].function} {found.ops[-1].details}" == expected and found.axes(value) == PER_SEQUENCE


def test_marks_are_shifted_with_what_reads_them():
    found = columns()
    found.lower(op.Branch(op.TimeIs(t - 1, T), read("x"), read("z")))
    assert found.ops[0].details == ("at_last", -1)


VANISH = {
    "x[t]": (read("x"), True),
    "x[t-1]": (read("x", t - 1), False),
    "a token": (read("e"), False),
    "with a value beyond the end": (read("z"), False),
    "x + d_h": (op.Plus(read("x"), read("d_h")), True),
    "x + c": (op.Plus(read("x"), read("c")), False),
    "[x; 0]": (op.Concat(read("x"), op.Zeros(N)), True),
    "[x; c]": (op.Concat(read("x"), read("c")), False),
    "c x": (op.Times(read("c"), read("x")), True),
    "c x / z": (op.Times(read("x"), op.Quotient(read("c"), read("z"))), False),
    "2 x": (op.Times(Number(2), read("x")), True),
    "∞ x": (op.Times(Number(sympy.oo), read("x")), False),
    "tanh(x)": (op.apply("tanh", read("x")), False),
}


@pytest.mark.parametrize("name", VANISH)
def test_what_is_zero_in_the_padding_by_itself(name):
    expression, expected = VANISH[name]
    assert vanishes(columns(), expression) == expected


def summed(expression: Tensor, errors: tuple[str, ...] = (), seeds: tuple[str, ...] = ()) -> list[str]:
    found = columns(seeds)
    value = summed_over_batch(found, expression, frozenset(errors))
    assert found.axes(value) == ALONE
    return [*map(str, found.ops), str(value)]


d_s, d_h, d_g, x_, z_, q_, g_, c_, e_, v_, k_ = (read(name) for name in ("d_s", "d_h", "d_g", "x", "z", "q", "g", "c", "e", "v", "k_s"))
last = read("q", T)

SUMS = {
    "a sum over time": (op.Total(q_), ["%1 = sum_all(q[t])", "%1"]),
    "minus a sum over time": (op.Negate(op.Total(q_)), ["%1 = sum_all(q[t])", "%2 = negative(%1)", "%2"]),
    "a difference under a sum": (op.Total(op.Plus(q_, op.Negate(d_s))), ["%1 = sum_all(q[t])", "%2 = sum_all(d_s[t])", "%3 = subtract(%1, %2)", "%3"]),
    "minus a difference": (
        op.Plus(g_, op.Negate(op.Total(op.Plus(q_, op.Negate(d_s))))),
        ["%1 = sum_all(q[t])", "%2 = sum_all(d_s[t])", "%3 = subtract(g, %1)", "%4 = add(%3, %2)", "%4"],
    ),
    "what does not vanish": (op.Total(op.apply("exp", q_)), ["%1 = exp(q[t])", "%2 = valid(%1[t])", "%3 = sum_all(%2[t])", "%3"]),
    "an outer product": (op.Total(op.Outer(d_h, x_)), ["%1 = outer_sum(d_h[t], x[t])", "%1"]),
    "an outer product with a factor": (
        op.Total(op.Times(q_, op.Outer(d_h, x_))), ["%1 = multiply(q[t], d_h[t])", "%2 = outer_sum(%1[t], x[t])", "%2"]
    ),
    "an outer product that does not vanish": (
        op.Total(op.Outer(op.apply("exp", d_h), read("x", t - 1))),
        ["%1 = exp(d_h[t])", "%2 = valid(%1[t])", "%3 = outer_sum(%2[t], x[t-1])", "%3"],
    ),
    "an outer product of earlier steps": (
        op.Total(op.Outer(read("z", t - 1), read("x", t - 1))), ["%1 = valid(z[t-1])", "%2 = outer_sum(%1[t], x[t-1])", "%2"]
    ),
    "an outer product of shifted values": (
        op.Total(op.Outer(read("x", t - 1), read("x", t - 2))), ["%1 = valid(x[t-1])", "%2 = outer_sum(%1[t], x[t-2])", "%2"]
    ),
    "an outer product of one step": (op.Outer(read("x", T), read("z", T)), ["%1 = at_end(x[t])", "%2 = at_end(z[t])", "%3 = outer_sum(%1, %2)", "%3"]),
    "an outer product at every step, of what does not run": (
        op.Total(op.Outer(v_, v_)), ["%1 = outer(v, v)", "%2 = every_step(%1)", "%3 = valid(%2[t])", "%4 = sum_all(%3[t])", "%4"]
    ),
    "tokens": (op.Total(op.Outer(d_h, e_)), ["%1 = scatter(d_h[t], e[t])", "%1"]),
    "tokens first": (op.Total(op.Outer(e_, d_h)), ["%1 = scatter(d_h[t], e[t])", "%1.T"]),
    "parameters with tokens of each sequence": (op.Outer(c_, k_), ["%1 = one_hot(k_s)", "%2 = outer(c, %1)", "%3 = sum_all(%2)", "%3"]),
    "parameters alone": (op.Times(g_, c_), ["%1 = multiply(g, c)", "%1"]),
}  # fmt: skip


@pytest.mark.parametrize("name", SUMS)
def test_a_gradient_is_summed_over_the_batch(name):
    expression, expected = SUMS[name]
    assert summed(expression) == expected


def test_errors_with_and_without_a_batch_axis_are_summed_apart():
    found = summed(op.Times(op.Plus(last, d_g), g_), ("q", "d_g"))
    words = sorted(row.split(" = ")[1].split("(")[0] for row in found[:-1])
    assert words == ["add", "at_end", "multiply", "multiply", "sum_all"]  # the term of d_g is not summed over the batch


def test_a_seed_counts_once_for_each_sequence():
    assert summed(op.Times(d_g, c_), seeds=("d_g",)) == ["%1 = multiply(d_g, c)", "%2 = for_each(%1)", "%2"]
    assert summed(op.Times(g_, c_), seeds=("d_g",)) == ["%1 = multiply(g, c)", "%1"]
