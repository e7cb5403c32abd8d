"""Normal form of sums with symbolic sizes: when are two index expressions equal?

Comes in: a SymPy expression with `Sum`, `KroneckerDelta` and `Within`, and the ranges of its free indices. Goes out: an equal expression in
which sums stand outermost, deltas are collapsed, ranges are decided where the sizes decide them, and bound indices have standard names; so
that equal expressions are the same. What is left between two of them is decided as a rational function of what it is made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, permutations

import sympy
from sympy import Expr, Integer, KroneckerDelta, Mod, Mul, Pow, Sum

from rnnsym.proof.index_form import Positive, Within

Ranges = dict[sympy.Symbol, Expr]  # index → its length: 0 ≤ i < length


@dataclass(frozen=True)
class _Term:
    """One product under sums over its bound indices."""

    factor: Expr
    bound: tuple[tuple[sympy.Symbol, Expr], ...] = ()


class Normal:
    """The normal form, for free indices with these ranges.

    facts      expressions known to be at least 0
    negative   expressions known to be at most 0: two differences with such a sum are not both positive
    """

    def __init__(self, ranges: Mapping[sympy.Symbol, Expr], facts: Iterable[Expr] = (), negative: Iterable[Expr] = ()):
        self.ranges: Ranges = dict(ranges)
        self.facts = tuple(facts)
        self.negative = (Integer(0), *negative)
        self.fresh = count()

    # ------------------------------------------------------------ the form

    def __call__(self, expression: Expr) -> Expr:
        """The normal form of an expression."""
        return sympy.Add(*(self._closed(term) for opened in self._terms(expression) for term in self._collapsed(opened)))

    def _terms(self, expression: Expr) -> Iterator[_Term]:
        """The expression as a sum of products, every Sum opened with fresh indices."""
        if expression.is_Add:
            for argument in expression.args:
                yield from self._terms(argument)
        elif isinstance(expression, Sum):
            yield from self._opened(expression)
        elif expression.is_Mul:
            yield from self._product(list(expression.args))
        elif _is_whole_power(expression):
            yield from self._product([expression.base] * int(expression.exp))
        else:
            yield _Term(self._inside(expression))

    def _product(self, factors: list[Expr]) -> Iterator[_Term]:
        plain = Mul(*(f for f in factors if not _is_compound(f)))
        found = [_Term(self._inside(plain) if plain.is_Mul is False else Mul(*map(self._inside, Mul.make_args(plain))))]
        for factor in factors:
            if _is_compound(factor):
                terms = list(self._terms(factor))
                found = [_Term(a.factor * b.factor, a.bound + b.bound) for a in found for b in terms]
        yield from found

    def _opened(self, total: Sum) -> Iterator[_Term]:
        limits, names = [], {}
        for symbol, low, high in total.limits:
            assert low == 0
            renamed = sympy.Symbol(f"k{next(self.fresh)}", integer=True, nonnegative=True)
            names[symbol] = renamed
            limits.append((renamed, sympy.expand(high + 1)))
            self.ranges[renamed] = limits[-1][1]
        for term in self._terms(total.function.xreplace(names)):
            yield _Term(term.factor, term.bound + tuple(limits))

    def _inside(self, expression: Expr) -> Expr:
        """An atom, with the sums in its arguments in normal form."""
        if not expression.has(Sum, Within, KroneckerDelta) or isinstance(expression, (Within, KroneckerDelta)):
            return expression
        return expression.func(*(self(a) if isinstance(a, Expr) else a for a in expression.args))

    # ------------------------------------------------------------ deltas and ranges

    def _collapsed(self, term: _Term) -> Iterator[_Term]:
        waiting = [term]
        while waiting:
            here = waiting.pop()
            factor = self.reduced(here.factor)
            if factor == 0:
                continue
            stepped = self._step(_Term(factor, here.bound))
            if stepped is None:
                yield _Term(factor, here.bound)
            else:
                waiting.append(stepped)

    def _step(self, term: _Term) -> _Term | None:
        """One collapse of a delta, or one decision of a range; None where there is none."""
        for factor in Mul.make_args(term.factor):
            base = factor.base if factor.is_Pow else factor
            if isinstance(base, KroneckerDelta):
                found = self._delta(term, factor, *base.args[:2])
            elif isinstance(base, Within):
                found = self._range(term, factor, *base.args)
            else:
                continue
            if found is not None:
                return found
        return None

    def _delta(self, term: _Term, delta: Expr, a: Expr, b: Expr) -> _Term | None:
        if self.at_least(a - b - 1) or self.at_least(b - a - 1):
            return _Term(Integer(0))
        bound = dict(term.bound)
        for index, length in term.bound:
            value = _solved(a, b, index, length)
            if value is None or value.has(*[i for i in bound if i == index]):
                continue
            rest = (term.factor / delta).xreplace({index: value})
            rest = rest.subs({m: _inner_mod(m) for m in rest.atoms(Mod)}) if rest.has(Mod) else rest
            left = tuple(pair for pair in term.bound if pair[0] != index)
            inside = Integer(1) if isinstance(value, Mod) else Within(value, Integer(0), length)
            return _Term(self._settled(rest * inside), left)
        return None

    def _settled(self, factor: Expr) -> Expr:
        return Mul(*(sympy.expand(f) if f.is_Add else f for f in Mul.make_args(factor)))

    def _range(self, term: _Term, within: Expr, i: Expr, low: Expr, high: Expr) -> _Term | None:
        rest = term.factor / within
        above, below = self.at_least(i - low), self.at_least(high - 1 - i)
        if above and below:
            return _Term(rest, term.bound)
        if self.at_least(low - 1 - i) or self.at_least(i - high):
            return _Term(Integer(0))
        for index, length in term.bound:
            shift = sympy.expand(i - index)
            if shift.has(index) or any(shift.has(j) for j in self.ranges):
                continue
            first, last = self._larger(Integer(0), low - shift), self._smaller(length, high - shift)
            if first is None or last is None:
                continue
            if self.at_least(first - last):
                return _Term(Integer(0))
            renamed = sympy.Symbol(f"k{next(self.fresh)}", integer=True, nonnegative=True)
            self.ranges[renamed] = sympy.expand(last - first)
            left = tuple(pair for pair in term.bound if pair[0] != index)
            return _Term(self._settled(rest.xreplace({index: renamed + first})), (*left, (renamed, self.ranges[renamed])))
        return None

    def _larger(self, a: Expr, b: Expr) -> Expr | None:
        return sympy.expand(a) if self.at_least(a - b) else sympy.expand(b) if self.at_least(b - a) else None

    def _smaller(self, a: Expr, b: Expr) -> Expr | None:
        return sympy.expand(b) if self.at_least(a - b) else sympy.expand(a) if self.at_least(b - a) else None

    def at_least(self, expression: Expr) -> bool:
        """Whether an expression, linear in indices and sizes, is provably ≥ 0 (sizes are at least 1)."""
        lowest = sympy.expand(expression)
        if lowest.has(Mod):
            return False
        for _ in range(8):
            present = [i for i in self.ranges if lowest.has(i)]
            if not present:
                break
            for i in present:
                coefficient = lowest.coeff(i)
                worst = Integer(0) if coefficient.is_positive else self.ranges[i] - 1
                lowest = sympy.expand(lowest.xreplace({i: worst}))
        return any(_is_nonnegative(sympy.expand(lowest - fact)) for fact in (Integer(0), *self.facts))

    def reduced(self, factor: Expr) -> Expr:
        """A product in which truth values are idempotent and no difference is positive and negative at once."""
        if not factor.has(Positive, Within, KroneckerDelta):
            return factor
        kept: list[Expr] = []
        seen: list[Expr] = []
        for part in Mul.make_args(factor):
            base = part.base if isinstance(part, Pow) and part.exp.is_positive else part
            if isinstance(base, Positive):
                if any(self._is_known_negative(sympy.expand(base.args[0] + other)) for other in seen):
                    return Integer(0)
                seen.append(base.args[0])
            kept.append(base if isinstance(base, (Positive, Within, KroneckerDelta)) else part)
        return Mul(*kept)

    def _is_known_negative(self, total: Expr) -> bool:
        """Whether a sum of two differences is one of those known to be at most 0, at whatever index."""
        shown = total.replace(lambda e: isinstance(e, sympy.Indexed), lambda e: e.base.label)
        return any(sympy.expand(shown - fact) == 0 for fact in self.negative)

    # ------------------------------------------------------------ equality

    def is_zero(self, expression: Expr) -> bool:
        """Whether an expression in normal form vanishes: sums over the same ranges are put under one, the summand and what stands
        outside of sums are taken as rational functions of their parts."""
        if expression == 0:
            return True
        by_sum: dict[tuple[Expr, ...], list[Expr]] = {}
        for term in sympy.Add.make_args(sympy.expand(expression)):
            inner = [f for f in Mul.make_args(term) if isinstance(f, Sum)]
            outer = Mul(*(f for f in Mul.make_args(term) if not isinstance(f, Sum)))
            limits = inner[0].limits if len(inner) == 1 else ()
            body = outer * inner[0].function if limits else term
            by_sum.setdefault(tuple(limits), []).append(body)
        merged = [(limits, sympy.Add(*bodies)) for limits, bodies in by_sum.items()]
        left = [Sum(body, *limits) if limits else body for limits, body in merged if not self._vanishes(body)]
        return not left or self._vanishes(sympy.Add(*left)) or self._vanishes(expression)

    def _vanishes(self, expression: Expr) -> bool:
        table: dict[Expr, Expr] = {}

        def symbol(part: Expr) -> Expr:
            return table.setdefault(part, sympy.Symbol(f"s{len(table)}", positive=True))

        def flat(node: Expr) -> Expr:
            if isinstance(node, sympy.exp):
                mirrored = table.get(sympy.exp(-node.args[0]))
                return symbol(node) if mirrored is None else 1 / mirrored
            if isinstance(node, (Sum, sympy.Function, sympy.Indexed, KroneckerDelta)):
                return symbol(node)
            if isinstance(node, Pow) and not node.exp.is_Integer:
                whole, rest = node.exp.as_coeff_Add()
                return symbol(node.base**rest) * flat(node.base) ** whole if whole.is_Integer and rest != 0 else symbol(node)
            return node if not node.args else node.func(*map(flat, node.args))

        numerator = sympy.expand(sympy.numer(sympy.together(flat(expression))))
        if numerator == 0:
            return True
        truths = {v: k for k, v in table.items() if isinstance(k, Positive)}
        if not truths:
            return False
        return sympy.expand(sympy.Add(*(self.reduced(term.xreplace(truths)) for term in sympy.Add.make_args(numerator)))) == 0

    # ------------------------------------------------------------ standard names

    def _closed(self, term: _Term) -> Expr:
        """The term as a SymPy expression: constants before the sum, bound indices named in the order that reads smallest."""
        factor, bound = term.factor, []
        for index, length in term.bound:
            if factor.has(index):
                bound.append((index, length))
            else:
                factor = factor * length
        if not bound:
            return sympy.expand(factor) if factor.is_Add else factor
        inner = [f for f in Mul.make_args(factor) if any(f.has(i) for i, _ in bound)]
        outer = [f for f in Mul.make_args(factor) if not any(f.has(i) for i, _ in bound)]
        names = [sympy.Symbol(f"j{n}", integer=True, nonnegative=True) for n in range(len(bound))]
        bound.sort(key=lambda pair: str(pair[1]))  # by length; among equal lengths the order that reads smallest
        orders = [o for o in permutations(bound) if [n for _, n in o] == [n for _, n in bound]] if len(bound) <= 4 else [tuple(bound)]
        best = min((_named(Mul(*inner), order, names) for order in orders), key=str)
        return Mul(*outer) * best


def _named(body: Expr, order: tuple[tuple[sympy.Symbol, Expr], ...], names: list[sympy.Symbol]) -> Expr:
    renamed = body.xreplace({i: name for (i, _), name in zip(order, names, strict=False)})
    return Sum(renamed, *((name, 0, length - 1) for (_, length), name in zip(order, names, strict=False)))


def _is_compound(factor: Expr) -> bool:
    return factor.is_Add or isinstance(factor, Sum) or _is_whole_power(factor)


def _is_whole_power(expression: Expr) -> bool:
    if not (isinstance(expression, Pow) and expression.exp.is_Integer and 1 < expression.exp <= 6):
        return False
    return bool(expression.base.is_Add or isinstance(expression.base, Sum))


def _solved(a: Expr, b: Expr, index: sympy.Symbol, length: Expr) -> Expr | None:
    """The index for which a = b, where there is exactly one."""
    if a.has(index) == b.has(index):
        return None
    here, there = (a, b) if a.has(index) else (b, a)
    if isinstance(here, Mod):
        shift = sympy.expand(here.args[0] - index)
        if shift.has(index) or sympy.expand(here.args[1] - length) != 0:
            return None
        return Mod(sympy.expand(there - shift), length)
    shift = sympy.expand(here - index)
    return None if shift.has(index) else sympy.expand(there - shift)


def _inner_mod(m: Expr) -> Expr:
    """Mod(Mod(u, n) + v, n) = Mod(u + v, n), with whole multiples of n taken out."""
    argument, n = m.args
    flat = argument.xreplace({inner: inner.args[0] for inner in argument.atoms(Mod) if inner.args[1] == n})
    return Mod(sympy.expand(flat), n)


def _is_nonnegative(expression: Expr) -> bool:
    """Whether a linear form of sizes is ≥ 0 for all sizes of at least 1."""
    shifted = sympy.expand(expression.xreplace({s: s + 1 for s in expression.free_symbols}))
    return all(c.is_nonnegative for c in shifted.as_coefficients_dict().values())


__all__ = ["Normal", "Ranges"]
