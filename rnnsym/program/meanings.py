"""What every operator means, on column vectors of one sequence: the semantic reference that all generated code is tested against.

Comes in: a node and the values of its arguments. Goes out: its value, a NumPy array of the node's own shape. One small function per
operator in a table (`@meaning(Plus)`); nothing here knows of time or batches. In complex numbers, branches, maxima and shifts go
by the real part and nothing conjugates, so that a step of 1e-30 i differentiates every formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import sympy
from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.tensor import Number

Array = np.ndarray
Meaning = Callable[..., Array]

MEANINGS: dict[type, Meaning] = {}


def meaning(*operators: type) -> Callable[[Meaning], Meaning]:
    """Enter a function (node, sizes, *values of the tensor arguments) into the table."""

    def enter(rule: Meaning) -> Meaning:
        MEANINGS.update(dict.fromkeys(operators, rule))
        return rule

    return enter


def _shape(node: op.Tensor, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(size_value(s, sizes) for s in node.shape)


def number_value(value: sympy.Expr, sizes: Mapping[str, int]) -> float:
    """A number of the file as a float: literals, `pi`, `inf`, sizes used as numbers."""
    return _as_float(value, tuple((s, sizes[s.name]) for s in value.free_symbols))


@lru_cache(maxsize=1024)
def _as_float(value: sympy.Expr, sizes: tuple[tuple[sympy.Symbol, int], ...]) -> float:
    return float(value.xreplace({symbol: sympy.Integer(n) for symbol, n in sizes}))


@meaning(Number)
def _number(node, sizes):
    return np.asarray(number_value(node.value, sizes))


@meaning(op.Zeros)
def _zeros(node, sizes):
    return np.zeros(_shape(node, sizes))


@meaning(op.Ones)
def _ones(node, sizes):
    return np.ones(_shape(node, sizes))


@meaning(op.Identity)
def _identity(node, sizes):
    return np.eye(_shape(node, sizes)[0])


# ---------------------------------------------------------------- arithmetic


@meaning(op.Plus)
def _plus(node, sizes, first, *others):
    for other in others:
        first = first + other
    return first


@meaning(op.Negate)
def _negate(node, sizes, u):
    return -u


@meaning(op.Times)
def _times(node, sizes, first, *others):
    for other in others:
        first = first * other
    return first


@meaning(op.Quotient)
def _quotient(node, sizes, u, v):
    return u / v


@meaning(op.Raise)
def _raise(node, sizes, u, v):
    exponent = node.args[1].value if isinstance(node.args[1], Number) else None
    return u ** int(exponent) if exponent is not None and exponent.is_Integer else u**v


@meaning(op.Complement)
def _complement(node, sizes, s, u):
    return sigmoid(-u)


# ---------------------------------------------------------------- elementwise functions


def sigmoid(u: Array) -> Array:
    small = np.exp(np.where(u.real >= 0, -u, u))
    return np.where(u.real >= 0, 1 / (1 + small), small / (1 + small))


def softplus(u: Array) -> Array:
    return np.where(u.real > 0, u, 0) + np.log1p(np.exp(np.where(u.real > 0, -u, u)))


def erf(u: Array) -> Array:
    """erf of the real part; the imaginary part by the first-order term (it is a complex step)."""
    real = np.vectorize(math.erf, otypes=[float])(np.asarray(u).real)
    return real + 1j * u.imag * 2 / math.sqrt(math.pi) * np.exp(-(u.real**2)) if np.iscomplexobj(u) else real


def maximum(u: Array, v: Array) -> Array:
    return np.where(u.real >= v.real, u, v)


def minimum(u: Array, v: Array) -> Array:
    return np.where(u.real <= v.real, u, v)


FUNCTIONS: dict[str, Callable[..., Array]] = {
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": lambda u: np.where(u.real <= 0, 0, u),
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "abs": lambda u: u * np.sign(u.real),
    "sign": lambda u: np.sign(u.real),
    "sin": np.sin,
    "cos": np.cos,
    "erf": erf,
    "softplus": softplus,
    "silu": lambda u: u * sigmoid(u),
    "gelu": lambda u: 0.5 * u * (1 + erf(u / math.sqrt(2))),
    "elu": lambda u: np.where(u.real > 0, u, np.expm1(np.where(u.real > 0, 0, u))),
    "min": minimum,
    "max": maximum,
    "mod": lambda u, v: u - v * np.floor(u.real / v.real),
    "clip": lambda u, low, high: minimum(maximum(u, low), high),
}


@meaning(op.Elementwise)
def _elementwise(node, sizes, *arguments):
    return FUNCTIONS[node.function](*arguments)


# ---------------------------------------------------------------- linear algebra


@meaning(op.MatrixProduct)
def _matrix_product(node, sizes, a, b):
    return a @ b


@meaning(op.Transposed)
def _transposed(node, sizes, m):
    return m.T


@meaning(op.Outer)
def _outer(node, sizes, a, b):
    return a[:, None] * b[None, :]


@meaning(op.Dot)
def _dot(node, sizes, a, b):
    return np.sum(a * b)


@meaning(op.Diagonal)
def _diagonal(node, sizes, v):
    return np.diag(v)


# ---------------------------------------------------------------- reductions and vectors


@meaning(op.SumEntries)
def _sum(node, sizes, u):
    return np.sum(u)


@meaning(op.MeanEntries)
def _mean(node, sizes, u):
    return np.mean(u)


@meaning(op.Norm)
def _norm(node, sizes, u):
    return np.sqrt(np.sum(u * u))


@meaning(op.Concat)
def _concat(node, sizes, *parts):
    return np.concatenate([np.atleast_1d(p) for p in parts])


@meaning(op.Slice)
def _slice(node, sizes, v):
    return v[size_value(node.args[1], sizes) : size_value(node.args[2], sizes)]


@meaning(op.Roll)
def _roll(node, sizes, v):
    return np.roll(v, int(node.args[1]))


def _largest_and_rest(z: Array) -> tuple[Array, Array]:
    """The largest real part, and log(sum(exp(z))) above it as log(1 + rest), so that no digits are lost where one entry is alone."""
    place = np.argmax(z.real)
    top = z[place].real if np.isfinite(z[place].real) else np.zeros_like(z[place].real)
    lowered = z - top
    return top, np.log1p(np.expm1(lowered[place]) + np.sum(np.delete(np.exp(lowered), place)))


def logsumexp(z: Array) -> Array:
    top, rest = _largest_and_rest(z)
    return top + rest


def log_softmax(z: Array) -> Array:
    top, rest = _largest_and_rest(z)
    return z - top - rest


@meaning(op.LogSumExp)
def _logsumexp(node, sizes, z):
    return logsumexp(z)


@meaning(op.LogSoftmax)
def _log_softmax(node, sizes, z):
    return log_softmax(z)


@meaning(op.Softmax)
def _softmax(node, sizes, z):
    return np.exp(log_softmax(z))


@meaning(op.StopGradient)
def _stop_gradient(node, sizes, u):
    return u.real


# ---------------------------------------------------------------- losses


def times_log(y: Array, p: Array) -> Array:
    """y log p with 0 log 0 = 0."""
    y, p = np.broadcast_arrays(y, p)
    return np.where(y == 0, 0, y * np.log(np.where(y == 0, 1, p)))


@meaning(op.CrossEntropy)
def _cross_entropy(node, sizes, y, p):
    return -np.sum(times_log(y, p))


@meaning(op.BinaryCrossEntropy)
def _binary_cross_entropy(node, sizes, y, p):
    return -np.sum(times_log(y, p) + times_log(1 - y, 1 - p))


@meaning(op.SquaredError)
def _squared_error(node, sizes, y, v):
    return np.sum((v - y) ** 2)


@meaning(op.SoftmaxCrossEntropy)
def _softmax_cross_entropy(node, sizes, y, z):
    log_p = log_softmax(z)
    return -np.sum(np.where(y == 0, 0, y * np.where(y == 0, 0, log_p)))


@meaning(op.SigmoidCrossEntropy)
def _sigmoid_cross_entropy(node, sizes, y, z):
    return np.sum(np.where(y == 0, 0, y * softplus(-z)))


@meaning(op.SigmoidBinaryCrossEntropy)
def _sigmoid_binary_cross_entropy(node, sizes, y, z):
    return np.sum(softplus(z) - y * z)


# ---------------------------------------------------------------- conditions

_COMPARISONS = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}


@meaning(op.Compare)
def _compare(node, sizes, u, v):
    return _COMPARISONS[node.comparison](u.real, v.real)


@meaning(op.Branch)
def _branch(node, sizes, condition, u, v):
    return np.where(condition, u, v)


@lru_cache(maxsize=8192)  # the interpreter asks at every step
def tensor_arguments(node: Basic) -> tuple[Basic, ...]:
    """The arguments of a node that have values: tensors and conditions, not names, sizes or times."""
    return tuple(a for a in node.args if isinstance(a, (op.Tensor, op.Condition)))
