"""A counterexample: are two index expressions different at some numbers?

Comes in: two SymPy expressions in index form, with symbolic sizes and free indices. Goes out: a point at which they differ, or that
they agreed at so many points, or that no point was finite. What the normal form does not show to vanish is judged here: a difference at
one point is a proof that a rule is wrong, agreement at many is none that it is right.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product

import sympy
from sympy import Expr, KroneckerDelta, Sum

from rnnsym.proof.index_form import Floor, Frozen, Positive, Within

POINTS = 12
TOLERANCE = 1e-7  # of two sums in double precision; a wrong rule is off by a part of the whole


@dataclass(frozen=True)
class Verdict:
    """How many points were finite, and the first at which the two sides differ, in words ("" where there is none)."""

    points: int
    difference: str = ""


def compare(left: Expr, right: Expr, ranges: Mapping[sympy.Symbol, Expr], facts: Iterable[Expr] = ()) -> Verdict:
    """Evaluate both sides at random points, for every value of the free indices, with small sizes; `facts` are at least 0."""
    names = sorted({s for side in (left, right, *ranges.values()) for s in side.free_symbols if s.is_integer and s.is_positive}, key=str)
    finite = 0
    for seed in range(POINTS):
        draw = random.Random(seed)
        sizes = _sizes(names, facts, draw)
        point = _Point(sizes, draw, positive=seed % 3 == 1)
        for place in product(*(range(int(point.value(n))) for n in ranges.values())):
            point.indices = dict(zip(ranges, place, strict=True))
            a, b = point.number(left), point.number(right)
            if a is None or b is None:
                continue
            finite += 1
            if abs(a - b) > TOLERANCE * max(1.0, abs(a), abs(b)):
                at = ", ".join(f"{name} = {number}" for name, number in sizes.items())
                return Verdict(finite, f"SymPy {a:.6g}, the rule {b:.6g}" + (f" (at {at})" if at else ""))
    return Verdict(finite)


def _sizes(names: list[sympy.Symbol], facts: Iterable[Expr], draw: random.Random) -> dict[sympy.Symbol, int]:
    """Small sizes for which every fact (a length, the place of a slice) is at least 0."""
    for _ in range(50):
        found = {name: draw.choice((2, 3, 4, 5)) for name in names}
        if all(fact.xreplace({k: sympy.Integer(v) for k, v in found.items()}).is_negative is not True for fact in facts):
            break
    return found


class _Point:
    """Numbers for sizes, indices and quantities; an entry of a quantity is drawn when it is first met."""

    def __init__(self, sizes: Mapping[sympy.Symbol, int], draw: random.Random, positive: bool):
        self.sizes, self.draw, self.positive = sizes, draw, positive
        self.indices: dict[sympy.Symbol, int] = {}
        self.known: dict[object, float] = {}

    def number(self, expression: Expr) -> float | None:
        """The value, or None where there is no finite one."""
        try:
            value = self.value(expression)
        except (ZeroDivisionError, OverflowError, ValueError):
            return None
        return value if math.isfinite(value) else None

    def value(self, node: Expr) -> float:
        if node.is_Number or node.is_NumberSymbol:
            return float(node)
        if isinstance(node, sympy.Symbol):
            bound = self.indices.get(node, self.sizes.get(node))
            return self._drawn(node) if bound is None else bound
        if isinstance(node, sympy.Indexed):
            return self._drawn((node.base.label, *(round(self.value(i)) for i in node.indices)))
        if isinstance(node, Sum):
            return self._sum(node)
        if node.is_Mul:
            return self._product(node.args)
        return _VALUES[node.func](*map(self.value, node.args))

    def _product(self, factors: Iterable[Expr]) -> float:
        """A factor that is 0 (a range, a branch not taken) hides the others, which may not exist there."""
        total = 1.0
        for factor in sorted(factors, key=lambda f: not f.has(Within, Positive, KroneckerDelta)):
            total *= self.value(factor)
            if total == 0:
                return 0.0
        return total

    def _sum(self, node: Sum) -> float:
        (index, low, high), *others = reversed(node.limits)
        inner = Sum(node.function, *reversed(others)) if others else node.function
        outside, total = dict(self.indices), 0.0
        for number in range(round(self.value(low)), round(self.value(high)) + 1):
            self.indices = {**outside, index: number}
            total += self.value(inner)
        self.indices = outside
        return total

    def _drawn(self, key: object) -> float:
        if key not in self.known:
            size = self.draw.uniform(0.15, 0.85)
            self.known[key] = size if self.positive or self.draw.random() < 0.5 else -size
        return self.known[key]


def _power(base: float, exponent: float) -> float:
    value = base**exponent
    if isinstance(value, complex):
        raise ValueError("no real power")
    return value


_VALUES: dict[type, Callable[..., float]] = {
    sympy.Add: lambda *terms: math.fsum(terms), sympy.Pow: _power, sympy.exp: math.exp, sympy.log: math.log,
    sympy.sin: math.sin, sympy.cos: math.cos, sympy.tanh: math.tanh, sympy.erf: math.erf, sympy.Mod: lambda a, n: a % n,
    Positive: lambda u: float(u > 0), Within: lambda i, low, high: float(low <= i < high), Floor: math.floor, Frozen: lambda u: u,
    KroneckerDelta: lambda a, b, *bounds: float(a == b), sympy.Abs: abs,
}  # fmt: skip

__all__ = ["Verdict", "compare"]
