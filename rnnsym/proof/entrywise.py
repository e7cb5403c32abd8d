"""What every operator means when entries are objects that are no floats: elements of a finite field, SymPy expressions.

Comes in: an arithmetic, which gives the functions of one entry (`exp`, `sigmoid`, `power`, `sign`, …). Goes out: a table of meanings for
the interpreter, over NumPy arrays of objects. Written apart from the meanings in floating point, and without any rule of the calculus:
what is differentiated through this table is a witness of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import sympy
from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.tensor import Number

Table = Mapping[type, Callable[..., Any]]


class Arithmetic(Protocol):
    """The functions of one entry. `compare` gives a truth value, `frozen` the entry without derivative."""

    def number(self, value: sympy.Expr) -> Any: ...
    def function(self, name: str) -> Callable[..., Any]: ...
    def power(self, u: Any, k: Any) -> Any: ...
    def compare(self, comparison: str, u: Any, v: Any) -> Any: ...
    def choose(self, condition: Any, u: Any, v: Any) -> Any: ...
    def frozen(self, u: Any) -> Any: ...


def meanings(arithmetic: Arithmetic) -> Table:
    """The table of meanings over an arithmetic."""
    return _Meanings(arithmetic).table()


def _array(value: Any) -> np.ndarray:
    """The value as an array of objects, also where it is a single one."""
    return value if isinstance(value, np.ndarray) and value.dtype == object else np.asarray(value).astype(object)


class _Meanings:
    def __init__(self, arithmetic: Arithmetic):
        self.of = arithmetic
        self.known: dict[tuple[str, int], Any] = {}

    def each(self, function: Callable[..., Any], *arguments: Any) -> np.ndarray:
        """A function entry by entry, with broadcasting."""
        return _array(np.frompyfunc(function, len(arguments), 1)(*map(_array, arguments)))

    def named(self, name: str, *arguments: Any) -> np.ndarray:
        return self.each(self.of.function(name), *arguments)

    def table(self) -> Table:
        return {
            Number: self.number, op.Zeros: self.filled(0), op.Ones: self.filled(1), op.Identity: self.identity,
            op.Plus: self.plus, op.Times: self.times, op.Negate: lambda node, sizes, u: -_array(u),
            op.Quotient: lambda node, sizes, u, v: self.each(lambda a, b: a / b, self.lifted(u), self.lifted(v)),
            op.Raise: self.power, op.Elementwise: lambda node, sizes, *u: self.named(node.function, *u),
            op.Complement: lambda node, sizes, s, u: 1 - self.lifted(s),
            op.Compare: lambda node, sizes, u, v: self.each(lambda a, b: self.of.compare(node.comparison, a, b), u, v),
            op.Branch: lambda node, sizes, c, u, v: self.each(self.of.choose, c, self.lifted(u), self.lifted(v)),
            op.MatrixProduct: lambda node, sizes, a, x: _array(_array(a) @ _array(x)),
            op.Transposed: lambda node, sizes, m: m.T, op.Diagonal: lambda node, sizes, v: _array(np.diag(v)),
            op.Outer: lambda node, sizes, a, b: _array(a)[:, None] * _array(b)[None, :],
            op.Dot: lambda node, sizes, a, b: self.total(_array(a) * _array(b)),
            op.SumEntries: lambda node, sizes, u: self.total(u),
            op.MeanEntries: lambda node, sizes, u: _array(self.total(u) * self.of.number(sympy.Rational(1, np.size(u)))),
            op.Norm: lambda node, sizes, u: self.norm(u),
            op.Concat: lambda node, sizes, *parts: np.concatenate([np.atleast_1d(_array(p)) for p in parts]),
            op.Slice: lambda node, sizes, v: v[size_value(node.args[1], sizes) : size_value(node.args[2], sizes)],
            op.Roll: lambda node, sizes, v: np.roll(v, int(node.args[1])),
            op.Softmax: lambda node, sizes, z: self.softmax(z), op.LogSumExp: lambda node, sizes, z: self.logsumexp(z),
            op.LogSoftmax: lambda node, sizes, z: _array(z) - self.logsumexp(z),
            op.StopGradient: lambda node, sizes, u: self.each(self.of.frozen, u),
            op.CrossEntropy: lambda node, sizes, y, p: -self.total(self.lifted(y) * self.named("log", p)),
            op.BinaryCrossEntropy: self.binary_cross_entropy,
            op.SquaredError: lambda node, sizes, y, v: self.total((self.lifted(v) - self.lifted(y)) * (self.lifted(v) - self.lifted(y))),
            op.SoftmaxCrossEntropy: lambda node, sizes, y, z: -self.total(self.lifted(y) * (_array(z) - self.logsumexp(z))),
            op.SigmoidCrossEntropy: lambda node, sizes, y, z: self.total(self.lifted(y) * self.named("softplus", -self.lifted(z))),
            op.SigmoidBinaryCrossEntropy:
                lambda node, sizes, y, z: self.total(self.named("softplus", z) - self.lifted(y) * self.lifted(z)),
        }  # fmt: skip

    def lifted(self, value: Any) -> np.ndarray:
        """Entries of the arithmetic, also where the array holds plain numbers (zeros outside 1 … T)."""
        return self.each(lambda a: a if not isinstance(a, (int, float)) else self.of.number(_exact(a)), value)

    def number(self, node: Number, sizes: Mapping[str, int]) -> np.ndarray:
        value = node.value.xreplace({s: sympy.Integer(sizes[s.name]) for s in node.value.free_symbols})
        return _array(self.of.number(value))

    def filled(self, entry: int) -> Callable[..., np.ndarray]:
        def fill(node: op.Tensor, sizes: Mapping[str, int]) -> np.ndarray:
            return self.lifted(np.full([size_value(s, sizes) for s in node.shape], entry))

        return fill

    def identity(self, node: op.Identity, sizes: Mapping[str, int]) -> np.ndarray:
        return self.lifted(np.eye(size_value(node.shape[0], sizes), dtype=int))

    def plus(self, node: Basic, sizes: Mapping[str, int], *terms: Any) -> np.ndarray:
        total = self.lifted(terms[0])
        for term in terms[1:]:
            total = total + self.lifted(term)
        return _array(total)

    def times(self, node: Basic, sizes: Mapping[str, int], *factors: Any) -> np.ndarray:
        product = self.lifted(factors[0])
        for factor in factors[1:]:
            product = product * self.lifted(factor)
        return _array(product)

    def power(self, node: op.Raise, sizes: Mapping[str, int], u: Any, k: Any) -> np.ndarray:
        exponent = node.args[1].args[0] if isinstance(node.args[1], op.Negate) else node.args[1]
        if isinstance(exponent, Number) and exponent.value.is_Integer:
            steps = int(exponent.value)
            value = self.each(lambda a: _whole_power(a, steps), self.lifted(u))
            return value if exponent is node.args[1] else self.each(lambda a: 1 / a, value)
        return self.each(self.of.power, self.lifted(u), self.lifted(k))

    def total(self, u: Any) -> np.ndarray:
        entries = list(self.lifted(u).flat)
        result = entries[0]
        for entry in entries[1:]:
            result = result + entry
        return _array(result)

    def norm(self, u: Any) -> np.ndarray:
        lifted = self.lifted(u)
        return self.named("norm", self.total(lifted * lifted))

    def softmax(self, z: Any) -> np.ndarray:
        e = self.named("exp", z)
        return self.each(lambda a, b: a / b, e, self.total(e))

    def logsumexp(self, z: Any) -> np.ndarray:
        return self.named("log", self.total(self.named("exp", z)))

    def binary_cross_entropy(self, node: Basic, sizes: Mapping[str, int], y: Any, p: Any) -> np.ndarray:
        y, p = self.lifted(y), self.lifted(p)
        return -self.total(y * self.named("log", p) + (1 - y) * self.named("log", 1 - p))


def _exact(value: int | float) -> sympy.Expr:
    return sympy.Integer(int(value)) if value == value and abs(value) != float("inf") and value == int(value) else sympy.sympify(value)


def _whole_power(value: Any, steps: int) -> Any:
    half = value if steps == 1 else _whole_power(value, steps // 2)
    square = half if steps == 1 else half * half
    return square * value if steps % 2 and steps > 1 else square


__all__ = ["Arithmetic", "meanings"]
