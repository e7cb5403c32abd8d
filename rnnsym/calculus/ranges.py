"""Ranges: between which numbers the entries of an expression lie, whatever the parameters and the data are.

Comes in: a System. Goes out: for an expression, the ends of an interval (±oo where nothing bounds it). Intervals are computed operator by
operator; a sum of products of bounded factors, each at most once in a product, takes its extremes at corners, so that a mean of two
values (`z h + (1 - z) g`) stays between them. That a state stays in [-1, 1] is proved by induction over the step.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import product
from typing import Any

import sympy
from sympy import oo

from rnnsym.algebra import operators as op
from rnnsym.algebra.graph import reads
from rnnsym.algebra.system import Definition, System
from rnnsym.algebra.tensor import Number, Quantity, Tensor
from rnnsym.calculus.elementwise import FORMULAS, F, S, derivative, u

Interval = tuple[sympy.Expr, sympy.Expr]
EVERYTHING: Interval = (-oo, oo)
ONE_BALL: Interval = (sympy.Integer(-1), sympy.Integer(1))

_MONOTONE = ("sigmoid", "tanh", "relu", "exp", "log", "sqrt", "erf", "softplus", "elu", "sign")
_BETWEEN = {"sin": ONE_BALL, "cos": ONE_BALL, "silu": (sympy.Rational(-3, 10), oo), "gelu": (sympy.Rational(-1, 5), oo)}
_CORNERS = 10  # factors that a sum may have before its corners are too many


class Ranges:
    """The ranges of one System's expressions."""

    def __init__(self, system: System):
        self.system = system
        self.known: dict[str, Interval] = {}
        self.inductive: list[str] = []  # states that stay in [-1, 1] if they start there
        for component in system.components:
            if component.kind == "scan":
                self._by_induction(list(component.definitions))

    def of(self, node: Tensor) -> Interval:
        """The interval of the entries of an expression."""
        if isinstance(node, Quantity):
            return self._quantity(node)
        rule = _RULES.get(type(node))
        return EVERYTHING if rule is None else rule(self, node)

    def size(self, node: Tensor) -> sympy.Expr:
        """A bound of the absolute values of the entries, oo where there is none."""
        low, high = self.of(node)
        return sympy.Max(abs(low), abs(high))

    # ------------------------------------------------------------ names

    def _quantity(self, node: Quantity) -> Interval:
        if node.kind == "token":
            return sympy.Integer(0), sympy.Integer(1)
        if node.kind != "variable":
            start = self.system.by_name[node.name].start if node.name in self.system.by_name else None
            fixed = node.kind == "constant" and start is not None and start.rule == "value" and start.amount is not None
            return (start.amount, start.amount) if fixed and start is not None else EVERYTHING
        if node.name not in self.known:
            self.known[node.name] = EVERYTHING  # what needs its own past is not known unless induction says so
            definition = self.system.defined.get(node.name)
            if definition is not None:
                self.known[node.name] = self.of(definition.rhs)
        low, high = self.known[node.name]
        return low, high

    def _by_induction(self, step: list[Definition]) -> None:
        """The carried values of a recurrence that one step cannot bring out of [-1, 1] when they all were in it."""
        members = {d.name for d in step}
        carried = {read.name for d in step for read in reads(d.rhs) if read.name in members and read.delay != 0}
        hoped = {d.name: d for d in step if d.name in carried and self._starts_inside(d.name)}
        before = dict(self.known)
        failing: set[str] | None = None
        while hoped and failing != set():
            self.known = {**before, **dict.fromkeys(hoped, ONE_BALL)}
            failing = {name for name, d in hoped.items() if not _inside(self.of(d.rhs))}
            hoped = {name: d for name, d in hoped.items() if name not in failing}
        self.known = {**before}
        natural = {name for name, d in hoped.items() if _inside(self.of(d.rhs))}
        self.known = {**before, **dict.fromkeys(hoped, ONE_BALL)}
        self.inductive += [name for name in hoped if name not in natural]

    def _starts_inside(self, name: str) -> bool:
        starts = [b for b in self.system.boundaries if b.name == name]
        return all(_inside(self.of(b.rhs)) for b in starts)


def _inside(interval: Interval) -> bool:
    return bool(interval[0] >= -1) and bool(interval[1] <= 1)


# ---------------------------------------------------------------- arithmetic of intervals


def _plus(a: Interval, b: Interval) -> Interval:
    return _end(a[0] + b[0], -oo), _end(a[1] + b[1], oo)


def _times(a: Interval, b: Interval) -> Interval:
    corners = [sympy.Integer(0) if 0 in (x, y) else x * y for x in a for y in b]
    return sympy.Min(*corners), sympy.Max(*corners)


def _end(value: sympy.Expr, otherwise: sympy.Expr) -> sympy.Expr:
    return otherwise if value is sympy.nan else value


def _hull(intervals: list[Interval]) -> Interval:
    return sympy.Min(*(i[0] for i in intervals)), sympy.Max(*(i[1] for i in intervals))


def _sum(ranges: Ranges, node: op.Plus) -> Interval:
    plain = ranges.of(node.args[0])
    for term in node.args[1:]:
        plain = _plus(plain, ranges.of(term))
    at_corners = _corners(ranges, node)
    if at_corners is None:
        return plain
    return sympy.Max(plain[0], at_corners[0]), sympy.Min(plain[1], at_corners[1])


def _corners(ranges: Ranges, node: Tensor) -> Interval | None:
    """The extremes of a polynomial that is linear in each of its bounded factors, None for anything else."""
    symbols: dict[Tensor, sympy.Symbol] = {}
    polynomial = sympy.expand(_polynomial(node, symbols))
    if len(symbols) > _CORNERS or any(sympy.degree(polynomial, s) > 1 for s in symbols.values()):
        return None
    intervals = [ranges.of(factor) for factor in symbols]
    if any(end.is_infinite for interval in intervals for end in interval):
        return None
    values = [polynomial.subs(dict(zip(symbols.values(), corner, strict=True))) for corner in product(*intervals)]
    if any(value.free_symbols for value in values):
        return None  # a size is in it
    return sympy.Min(*values), sympy.Max(*values)


def _polynomial(node: Tensor, symbols: dict[Tensor, sympy.Symbol]) -> sympy.Expr:
    if isinstance(node, op.Plus):
        return sympy.Add(*(_polynomial(a, symbols) for a in node.args))
    if isinstance(node, op.Times):
        return sympy.Mul(*(_polynomial(a, symbols) for a in node.args))
    if isinstance(node, op.Negate):
        return -_polynomial(node.args[0], symbols)
    if isinstance(node, op.Complement):
        return 1 - _polynomial(node.args[0], symbols)
    if isinstance(node, Number):
        return node.value
    if isinstance(node, op.Ones):
        return sympy.Integer(1)
    return symbols.setdefault(node, sympy.Symbol(f"factor_{len(symbols)}", real=True))


def _product(ranges: Ranges, node: op.Times) -> Interval:
    result: Interval = (sympy.Integer(1), sympy.Integer(1))
    for factor in node.args:
        result = _times(result, ranges.of(factor))
    return result


def _quotient(ranges: Ranges, node: op.Quotient) -> Interval:
    low, high = ranges.of(node.args[1])
    if not (low > 0 or high < 0):
        return EVERYTHING
    inverse = tuple(sympy.Integer(0) if end.is_infinite else 1 / end for end in (high, low))
    return _times(ranges.of(node.args[0]), inverse)


def _power(ranges: Ranges, node: op.Raise) -> Interval:
    base, exponent = node.args
    if not (isinstance(exponent, Number) and exponent.value.is_Integer and exponent.value > 0):
        return EVERYTHING
    low, high = ranges.of(base)
    ends = (low**exponent.value, high**exponent.value)
    if exponent.value % 2 == 0:
        return (sympy.Integer(0) if low <= 0 <= high else sympy.Min(*ends)), sympy.Max(*ends)
    return ends


def _elementwise(ranges: Ranges, node: op.Elementwise) -> Interval:
    inner = [ranges.of(a) for a in node.arguments]
    if node.function in _MONOTONE:
        return _image(node.function, *inner[0])
    if node.function in _BETWEEN:
        return _BETWEEN[node.function]
    if node.function == "abs":
        low, high = inner[0]
        least = sympy.Integer(0) if low <= 0 <= high else sympy.Min(abs(low), abs(high))
        return least, sympy.Max(abs(low), abs(high))
    if node.function in ("max", "min"):
        pick = sympy.Max if node.function == "max" else sympy.Min
        return pick(inner[0][0], inner[1][0]), pick(inner[0][1], inner[1][1])
    if node.function == "clip":
        return sympy.Max(inner[0][0], inner[1][0]), sympy.Min(inner[0][1], inner[2][1])
    return EVERYTHING


@cache
def _image(name: str, low: sympy.Expr, high: sympy.Expr) -> Interval:
    """The image of an interval under an increasing function."""
    low = sympy.Max(low, 0) if name in ("log", "sqrt") else low
    return _limit(FORMULAS[name], low, "+"), _limit(FORMULAS[name], high, "-")


def _limit(formula: sympy.Expr, end: sympy.Expr, side: str) -> sympy.Expr:
    """The limit of a function of u at an end of an interval, from inside."""
    if isinstance(formula, sympy.Piecewise):
        formula = next(value for value, condition in formula.args if condition.subs(u, end) == True)  # noqa: E712 (SymPy's own true)
    return sympy.limit(formula, u, end, side)


def _matrix_product(ranges: Ranges, node: op.MatrixProduct) -> Interval:
    a, b = node.args
    if isinstance(a, op.Diagonal):
        return _times(ranges.of(a.args[0]), ranges.of(b))
    return EVERYTHING


_PASSING = (op.Transposed, op.Slice, op.Roll, op.MeanEntries, op.StopGradient)
_ZERO_ONE = (sympy.Integer(0), sympy.Integer(1))
_RULES: dict[type, Callable[[Ranges, Any], Any]] = {
    Number: lambda ranges, node: (node.value, node.value) if node.value.is_number else EVERYTHING,
    op.Ones: lambda ranges, node: (sympy.Integer(1), sympy.Integer(1)),
    op.Zeros: lambda ranges, node: (sympy.Integer(0), sympy.Integer(0)),
    op.Identity: lambda ranges, node: _ZERO_ONE,
    op.Plus: _sum,
    op.Negate: lambda ranges, node: tuple(-end for end in ranges.of(node.args[0])[::-1]),
    op.Complement: lambda ranges, node: tuple(1 - end for end in ranges.of(node.args[0])[::-1]),
    op.Times: _product,
    op.Quotient: _quotient,
    op.Raise: _power,
    op.Elementwise: _elementwise,
    op.Branch: lambda ranges, node: _hull([ranges.of(a) for a in node.args[1:]]),
    op.Softmax: lambda ranges, node: _ZERO_ONE,
    op.LogSoftmax: lambda ranges, node: (-oo, sympy.Integer(0)),
    op.Norm: lambda ranges, node: (sympy.Integer(0), oo),
    op.Outer: lambda ranges, node: _times(ranges.of(node.args[0]), ranges.of(node.args[1])),
    op.Diagonal: lambda ranges, node: _hull([ranges.of(node.args[0]), (sympy.Integer(0), sympy.Integer(0))]),
    op.Concat: lambda ranges, node: _hull([ranges.of(a) for a in node.args]),
    op.MatrixProduct: _matrix_product,
    **{kind: lambda ranges, node: ranges.of(node.args[0]) for kind in _PASSING},
}


# ---------------------------------------------------------------- how steep a function is


STATED = {
    "silu": (sympy.Rational(11, 10), "u σ(u) is steepest where u tanh(u/2) = 2, near u = 2.3994, with slope 1.0998"),
    "gelu": (sympy.Rational(113, 100), "its slope Φ(u) + u φ(u) is steepest where (2 − u²) φ(u) = 0, at u = √2, with 1.1290"),
}
"""Functions whose steepest slope is stated, as a number that is not below it, with the reason; of all others it is derived."""


@cache
def steepest(function: str) -> sympy.Expr:
    """sup |f'|, found by SymPy from the derivative that the calculus uses, oo where it has no bound.

    >>> steepest("sigmoid"), steepest("tanh"), steepest("relu"), steepest("exp")
    (1/4, 1, 1, oo)
    """
    if function in STATED:
        return STATED[function][0]
    formula, slope = FORMULAS[function], derivative(function)
    if not isinstance(slope, sympy.Piecewise):
        return _supremum(slope, function, EVERYTHING)
    bounds, low = [], sympy.S.Reals
    for place, (value, condition) in enumerate(slope.args):
        where = low if condition == True else low.intersect(condition.as_set())  # noqa: E712 (SymPy's own true)
        low = low - where
        value = value.subs(F, formula.args[place][0]) if value.has(F) else value
        bounds.append(sympy.Integer(0) if where.is_empty or where.measure == 0 else _supremum(value, function, (where.inf, where.sup)))
    return sympy.Max(*bounds)


def _supremum(slope: sympy.Expr, function: str, where: Interval) -> sympy.Expr:
    """sup |slope| for arguments in an interval; a slope that is written in the function's value F runs through all of its values."""
    if slope.is_number:
        return abs(slope)
    if slope.func in (sympy.sin, sympy.cos, sympy.sign):
        return sympy.Integer(1)
    (variable,) = slope.free_symbols
    if function == "log":
        where = (sympy.Integer(0), oo)
    low, high = {F: lambda: _image(function, *where), S: lambda: _ZERO_ONE, u: lambda: where}[variable]()
    places = [p for p in sympy.solve(sympy.diff(slope, variable), variable) if p.is_real and low <= p <= high]
    values = [slope.subs(variable, p) for p in places]
    values += [sympy.limit(slope, variable, low, "+"), sympy.limit(slope, variable, high, "-")]
    return sympy.Max(*(abs(value) for value in values))


__all__ = ["STATED", "Ranges", "steepest"]
