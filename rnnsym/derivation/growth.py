"""How fast errors can grow: a bound for the norm of every block of a step Jacobian, built from its factors.

Comes in: a `Recurrence`. Goes out: for each block a `Bound`, a sum of products of numbers (suprema of slopes, ranges of gates) and of sizes
that the parameters and the run decide (‖U‖₂, max |c|). The norm of a product is at most the product of the norms, that of a sum at
most the sum; vectors have the Euclidean norm, matrices as states the Frobenius norm, and the norm of a map is the largest factor by
which it stretches. A bound is never an estimate: what a run does is measured elsewhere (`rnnsym analyze`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import sympy
from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.system import System
from rnnsym.algebra.tensor import Number, Quantity, Tensor, quantities
from rnnsym.calculus.elementwise import partials
from rnnsym.calculus.linear_map import (
    Chain,
    ColumnTimes,
    Entries,
    Factor,
    Inner,
    Known,
    Left,
    LinearMap,
    Right,
    Scale,
    Spread,
    TimesRow,
    product,
)
from rnnsym.calculus.naming import stands_for_its_equation, walk
from rnnsym.calculus.ranges import Interval, Ranges, steepest
from rnnsym.derivation.recurrence import Recurrence

ONE = sympy.Integer(1)


@dataclass(frozen=True)
class Size:
    """A number that the parameters or the run decide.

    kind   "operator": ‖A‖₂; "largest": the largest absolute entry; "length": the Euclidean (for a matrix Frobenius) norm;
           "block": the norm of another block, whose pair is then in `block`
    """

    kind: str
    tensor: Tensor | None = None
    block: tuple[Quantity, Quantity] | None = None

    @property
    def runs(self) -> bool:
        """Whether it differs from step to step."""
        return self.tensor is None or any(q.time is not None for q in quantities(self.tensor))


@dataclass(frozen=True)
class Bound:
    """A sum of terms (number, sizes)."""

    terms: tuple[tuple[sympy.Expr, tuple[Size, ...]], ...]

    def plus(self, other: Bound) -> Bound:
        found: dict[tuple[Size, ...], sympy.Expr] = {}
        for number, sizes in (*self.terms, *other.terms):
            found[sizes] = found.get(sizes, sympy.Integer(0)) + number
        return Bound(tuple((number, sizes) for sizes, number in found.items()))

    def times(self, other: Bound) -> Bound:
        total = Bound(())
        for number, sizes in self.terms:
            for other_number, other_sizes in other.terms:
                total = total.plus(Bound(((number * other_number, tuple(sorted((*sizes, *other_sizes), key=str))),)))
        return total

    @property
    def runs(self) -> bool:
        """Whether it holds for one step at a time, because it contains what the run decides."""
        return any(size.runs for _, sizes in self.terms for size in sizes)


def number(value: sympy.Expr | int) -> Bound:
    return Bound(((sympy.sympify(value), ()),))


class Growth:
    """The bounds of one recurrence's blocks, and what they rest on.

    slopes     elementwise functions whose steepest slope was used
    intervals  interval → what was used as having its entries there
    inductive  states that were used as staying in [-1, 1] when they start there
    """

    def __init__(self, recurrence: Recurrence, ranges: Ranges | None = None):
        self.recurrence = recurrence
        self.ranges = ranges or Ranges(recurrence.system)
        self.slopes: dict[str, None] = {}
        self.inductive: dict[str, None] = {}
        self.intervals: dict[Interval, dict[Tensor, None]] = {}
        self._slopes = _slopes_at_hand(recurrence.system)
        self._definitions = recurrence.system.defined

    @cached_property
    def bounds(self) -> dict[tuple[Quantity, Quantity], Bound]:
        """The bound of every block and of every part, by its pair."""
        return {(b.of, b.by): self.of_map(b.map) for b in (*self.recurrence.parts, *self.recurrence.blocks)}

    def of_map(self, linear: LinearMap) -> Bound:
        """‖Σ chains‖ ≤ Σ ‖chain‖; diag(p) - p pᵀ of a softmax counts as one."""
        total = Bound(())
        for steep, chain in self._with_softmax_slopes(linear.chains):
            rest = number(1)
            for factor in chain.factors:
                rest = rest.times(self._factor(factor))
            total = total.plus(number(steep).times(rest))
        return total

    def _with_softmax_slopes(self, chains: tuple[Chain, ...]) -> Iterable[tuple[sympy.Expr, Chain]]:
        """Chains with a number in front; the two halves of a softmax's derivative, ‖diag(p) - p pᵀ‖ ≤ 1/2, are one chain."""
        waiting = list(chains)
        while waiting:
            chain = waiting.pop(0)
            partner = self._other_half(chain, waiting)
            if partner is None:
                yield ONE, chain
            else:
                waiting.remove(partner)
                yield sympy.Rational(1, 2), Chain(chain.factors[1:])

    def _other_half(self, chain: Chain, others: list[Chain]) -> Chain | None:
        if not chain.factors or not isinstance(chain.factors[0], Entries) or not self._is_softmax(chain.factors[0].v):
            return None
        p, rest = chain.factors[0].v, chain.factors[1:]
        wanted = Chain((Spread(p), Inner(p), *rest), not chain.negative)
        return wanted if wanted in others else None

    def _is_softmax(self, p: Tensor) -> bool:
        definition = self._definitions.get(p.name) if isinstance(p, Quantity) else None
        return isinstance(definition.rhs if definition is not None else p, op.Softmax)

    # ------------------------------------------------------------ factors

    def _factor(self, factor: Factor) -> Bound:
        """The norm of one factor."""
        if isinstance(factor, Scale):
            return self._largest(factor.a)
        if isinstance(factor, Entries):
            return self._largest(factor.v)
        if isinstance(factor, Left):
            return self._operator(factor.a)
        if isinstance(factor, Right):
            return self._operator(factor.b) if factor.b.rank == 2 else self._length(factor.b)
        if isinstance(factor, Inner | Spread | ColumnTimes):
            return self._length(factor.a)
        if isinstance(factor, TimesRow):
            return self._length(factor.b)
        if isinstance(factor, Known):
            return Bound(((ONE, (Size("block", block=(factor.of, factor.by)),)),))
        return number(1)  # entries that move elsewhere, or are left out

    def _largest(self, v: Tensor) -> Bound:
        """max |v_i|: slopes by their supremum, gates by their range, the rest as it is."""
        rest = _factors(v)
        total: sympy.Expr = ONE
        for slope, function in self._slopes:
            while all(rest.count(f) >= slope.count(f) for f in slope):
                for used in slope:
                    rest.remove(used)
                total *= steepest(function)
                self.slopes[function] = None
        kept = []
        for factor in rest:
            size = self._size(factor)
            if size.is_infinite:
                kept.append(factor)
            else:
                total *= size
                if isinstance(factor, Quantity | op.Elementwise) and factor.has(Quantity) and not self._is_fixed(factor):
                    self.intervals.setdefault(self.ranges.of(factor), {})[factor] = None
                self.inductive.update({q.name: None for q in quantities(factor) if q.name in self.ranges.inductive})
        return Bound(((total, (Size("largest", product(kept)),) if kept else ()),))

    def _is_fixed(self, factor: Tensor) -> bool:
        """Whether it is a number of the file, or bounded by induction, which is said elsewhere."""
        low, high = self.ranges.of(factor)
        return low == high or (isinstance(factor, Quantity) and factor.name in self.ranges.inductive)

    def _size(self, factor: Tensor) -> sympy.Expr:
        """The largest absolute value of a factor, oo where nothing bounds it; of a branch, that of its larger arm."""
        if not isinstance(factor, op.Branch):
            return self.ranges.size(factor)
        arms = [self._largest(arm).terms for arm in factor.args[1:]]
        return sympy.Max(*(sympy.oo if sizes else value for ((value, sizes),) in arms))

    def _operator(self, a: Tensor) -> Bound:
        """‖A‖₂, through products, transposes and scalars."""
        if isinstance(a, op.Negate | op.Transposed):
            return self._operator(a.args[0])
        if isinstance(a, op.Identity):
            return number(1)
        if isinstance(a, op.Diagonal):
            return self._largest(a.args[0])
        if isinstance(a, op.Outer):
            return self._length(a.args[0]).times(self._length(a.args[1]))
        if isinstance(a, op.MatrixProduct) and a.args[1].rank == 2:
            return self._operator(a.args[0]).times(self._operator(a.args[1]))
        if isinstance(a, op.Times) and sum(1 for f in a.args if f.shape) == 1:
            matrix = next(f for f in a.args if f.shape)
            return self._largest(op.Times(*(f for f in a.args if f is not matrix))).times(self._operator(matrix))
        return Bound(((ONE, (Size("operator", a),)),))

    def _length(self, a: Tensor) -> Bound:
        """‖a‖; of a softmax at most 1, of bounded entries at most their bound times √n."""
        if self._is_softmax(a):
            return number(1)
        if not a.shape:
            return self._largest(a)
        if isinstance(a, op.Times) and any(not f.shape for f in a.args):
            scalars = [f for f in a.args if not f.shape]
            return self._largest(op.Times(*scalars)).times(self._length(op.Times(*(f for f in a.args if f.shape))))
        if isinstance(a, op.Quotient) and not a.args[1].shape:
            return self._largest(op.Quotient(Number(1), a.args[1])).times(self._length(a.args[0]))
        size = self.ranges.size(a)
        if not size.is_infinite:
            return number(size * sympy.sqrt(sympy.Mul(*a.shape)))
        return Bound(((ONE, (Size("length", a),)),))


def _factors(v: Tensor) -> list[Tensor]:
    """The factors of an elementwise product, without signs."""
    if isinstance(v, op.Negate):
        return _factors(v.args[0])
    if isinstance(v, op.Times):
        return [f for factor in v.args for f in _factors(factor)]
    if isinstance(v, op.Quotient) and not op.is_one(v.args[0]):
        return [*_factors(v.args[0]), op.Quotient(Number(1), v.args[1])]
    return [v]


def _slopes_at_hand(system: System) -> tuple[tuple[list[Tensor], str], ...]:
    """The slope of every elementwise function that the System applies, as factors, with the function; bounded slopes, longest first."""
    at_hand: dict[Basic, Basic] = {d.rhs: d.lhs for d in system.definitions if stands_for_its_equation(d)}
    found: dict[tuple[Tensor, ...], str] = {}
    for definition in system.definitions:
        for node in walk(definition.rhs):
            if isinstance(node, op.Elementwise) and len(node.arguments) == 1 and not steepest(node.function).is_infinite:
                (slope,) = partials(node)
                if slope.has(Quantity):
                    found[tuple(_factors(slope.xreplace(at_hand)))] = node.function
    return tuple((list(factors), name) for factors, name in sorted(found.items(), key=lambda item: -len(item[0])))


__all__ = ["Bound", "Growth", "Size", "number"]
