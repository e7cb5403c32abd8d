"""Linear maps, read off tangents: the derivative of an equation as a sum of chains of simple factors.

Comes in: a tangent (see `pushforward`), an expression that is linear in a direction e. Goes out: a `LinearMap`, the same thing without e:
`f ⊙ (U e)` is the chain diag(f), U. So a Jacobian can be printed as a matrix, composed by the chain rule, evaluated and bounded factor
by factor, for vectors, scalars and matrices alike; what each operator's derivative is, the pushforwards alone say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import sympy
from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import Shape, same_size
from rnnsym.algebra.tensor import Number, Quantity, Tensor
from rnnsym.calculus.pushforward import push

# ---------------------------------------------------------------- factors: what each does to x


@dataclass(frozen=True)
class Scale:
    """x ↦ a x for a scalar a."""

    a: Tensor


@dataclass(frozen=True)
class Entries:
    """x ↦ v ⊙ x; for a vector, diag(v)."""

    v: Tensor


@dataclass(frozen=True)
class Left:
    """x ↦ A x for a vector or a matrix x."""

    a: Tensor


@dataclass(frozen=True)
class Right:
    """X ↦ X B for a matrix X; for a vector b, X ↦ X b."""

    b: Tensor


@dataclass(frozen=True)
class Inner:
    """x ↦ Σ a ⊙ x, a scalar; for a vector, aᵀ."""

    a: Tensor


@dataclass(frozen=True)
class Spread:
    """A scalar x ↦ x a."""

    a: Tensor


@dataclass(frozen=True)
class TimesRow:
    """A vector x ↦ x bᵀ."""

    b: Tensor


@dataclass(frozen=True)
class ColumnTimes:
    """A vector x ↦ a xᵀ."""

    a: Tensor


@dataclass(frozen=True)
class Transposition:
    """X ↦ Xᵀ."""


@dataclass(frozen=True)
class Cut:
    """A vector x ↦ x[start:stop]."""

    start: sympy.Expr
    stop: sympy.Expr


@dataclass(frozen=True)
class Pad:
    """A vector x ↦ [0; x; 0], with so many zeros before and after; a scalar counts as length 1."""

    before: sympy.Expr
    length: sympy.Expr
    after: sympy.Expr
    of_scalar: bool = False


@dataclass(frozen=True)
class Turn:
    """x ↦ roll(x, steps)."""

    steps: sympy.Expr


@dataclass(frozen=True)
class OnDiagonal:
    """A vector x ↦ diag(x)."""


@dataclass(frozen=True)
class Known:
    """A map that has a name of its own: the derivative of `of` with respect to `by`, written down elsewhere."""

    of: Quantity
    by: Quantity


Factor = (
    Scale | Entries | Left | Right | Inner | Spread | TimesRow | ColumnTimes | Transposition | Cut | Pad | Turn | OnDiagonal | Known
)  # fmt: skip


@dataclass(frozen=True)
class Chain:
    """A composition of factors, the outermost first, with a sign; without factors, the identity."""

    factors: tuple[Factor, ...] = ()
    negative: bool = False

    def after(self, inner: Chain) -> Chain:
        """This chain applied to what the inner one gives."""
        return Chain(self.factors + inner.factors, self.negative != inner.negative)


def _said(factor: Factor) -> str:
    inner = ", ".join(str(getattr(factor, name)) for name in type(factor).__dataclass_fields__)
    return f"{type(factor).__name__}({inner})"


@dataclass(frozen=True)
class LinearMap:
    """A sum of chains from tensors of shape `domain` to tensors of shape `codomain`; without chains, zero."""

    domain: Shape
    codomain: Shape
    chains: tuple[Chain, ...]

    def after(self, inner: LinearMap) -> LinearMap:
        """The composition: this map applied to what `inner` gives."""
        return LinearMap(inner.domain, self.codomain, simplified(a.after(b) for a in self.chains for b in inner.chains))

    def plus(self, other: LinearMap) -> LinearMap:
        return LinearMap(self.domain, self.codomain, simplified((*self.chains, *other.chains)))

    def __str__(self) -> str:
        return " + ".join(("-" if c.negative else "") + (" ".join(map(_said, c.factors)) or "Id") for c in self.chains) or "0"


class NotLinear(Exception):
    """An operator that no factor stands for: the map has to be told in words."""


def derivative_map(expression: Tensor, of: Quantity, codomain: Shape, at_hand: dict[Basic, Basic]) -> LinearMap:
    """The derivative of an expression with respect to one quantity, wherever it stands in it, as a map; from its pushforward.

    `at_hand` says which expressions have names: slopes are then written in the values of named functions.
    """
    direction = Quantity("direction'", of.shape)  # the language has no name with an apostrophe
    tangent = push(expression, lambda q: direction if q == of else None)
    chains = () if tangent is None else tuple(_fitted(tangent.xreplace(at_hand), direction, codomain))
    return LinearMap(of.shape, codomain, simplified(chains))


# ---------------------------------------------------------------- reading a tangent


def _fitted(node: Tensor, e: Quantity, shape: Shape) -> Iterator[Chain]:
    """The chains of a part; one that is a scalar where a vector or a matrix is needed is spread over it."""
    spread = (Spread(op.Ones(*shape)),) if shape and not node.shape else ()
    return (Chain(spread).after(chain) for chain in _chains(node, e))


def _chains(node: Tensor, e: Quantity) -> Iterator[Chain]:
    """The chains of an expression that is linear in e."""
    if op.is_zero(node):
        return
    if node == e:
        yield Chain()
    elif isinstance(node, op.Plus):
        for term in node.args:
            if term.has(e):
                yield from _fitted(term, e, node.shape)
    elif isinstance(node, op.Negate):
        yield from _under(Chain((), True), node.args[0], e)
    elif isinstance(node, op.Times):
        moving = next(f for f in node.args if f.has(e))
        yield from _weighted([f for f in node.args if f is not moving], moving, e)
    elif isinstance(node, op.Quotient):
        above, below = node.args
        yield from _weighted([op.Quotient(Number(1), below)], above, e)
    elif isinstance(node, op.Branch):
        yield from _branch(node, e)
    elif isinstance(node, op.Concat):
        yield from _parts(node, e)
    else:
        yield from _linear(node, e)


def _branch(node: op.Branch, e: Quantity) -> Iterator[Chain]:
    """Each arm where it is taken; arms that differ in a weight alone are one chain, whose weight has the branches."""
    condition, *arms = node.args
    moving = [simplified(_fitted(arm, e, node.shape)) if arm.has(e) else () for arm in arms]
    split = [_split(chain) for chains in moving for chain in chains]
    if all(len(chains) <= 1 for chains in moving) and len({rest for _, _, rest in split}) == 1:
        weights = [_split(chains[0])[1] if chains else Number(0) for chains in moving]
        weight = op.Branch(condition, *weights)
        yield Chain(((Entries(weight) if weight.shape else Scale(weight)), *split[0][2]))
        return
    for place, chains in enumerate(moving):
        taken = op.Branch(condition, *(Number(int(place == i)) for i in range(2)))
        for chain in chains:
            yield Chain((Entries(taken) if taken.shape else Scale(taken),)).after(chain)


def _under(outer: Chain, node: Tensor, e: Quantity) -> Iterator[Chain]:
    return (outer.after(chain) for chain in _chains(node, e))


def _weighted(weights: Sequence[Tensor], moving: Tensor, e: Quantity) -> Iterator[Chain]:
    """Entry by entry: scalars scale, the rest multiplies the entries, or is what a moving scalar is spread over."""
    if moving.has(op.Condition) and any(c.has(e) for c in moving.atoms(op.Condition)):
        raise NotLinear(str(moving))
    weight = op.Times(*weights)
    if not weight.shape:
        factor: Factor = Scale(weight)
    elif not moving.shape:
        factor = Spread(weight)
    else:
        factor = Entries(weight)
    yield from _under(Chain((factor,)), moving, e)


def _parts(node: op.Concat, e: Quantity) -> Iterator[Chain]:
    start = sympy.Integer(0)
    for part in node.args:
        stop = sympy.expand(start + op.part_length(part))
        if part.has(e):
            pad = Pad(start, op.part_length(part), sympy.expand(node.shape[0] - stop), not part.shape)
            yield from _under(Chain((pad,)), part, e)
        start = stop


def _linear(node: Tensor, e: Quantity) -> Iterator[Chain]:
    """The operators of linear algebra, and what moves entries about."""
    factors = _OF_TWO.get(type(node))
    if factors is not None:
        first, second = node.args
        make_left, make_right = factors
        moving, factor = (first, make_left(second)) if first.has(e) else (second, make_right(first))
        yield from _under(Chain((factor,)), moving, e)
    elif type(node) in _OF_ONE:
        yield from _under(Chain(_OF_ONE[type(node)](node)), node.args[0], e)
    else:
        raise NotLinear(type(node).__name__)


_OF_TWO: dict[type, tuple[Callable[[Tensor], Factor], Callable[[Tensor], Factor]]] = {
    op.MatrixProduct: (Right, Left),
    op.Outer: (TimesRow, ColumnTimes),
    op.Dot: (Inner, Inner),
}
"""For a product of two: the factor where the first argument moves, and where the second does."""

_OF_ONE: dict[type, Callable[[Tensor], tuple[Factor, ...]]] = {
    op.SumEntries: lambda node: (Inner(op.Ones(*node.args[0].shape)),),
    op.MeanEntries: lambda node: (
        Scale(op.Quotient(Number(1), Number(sympy.Mul(*node.args[0].shape)))),
        Inner(op.Ones(*node.args[0].shape)),
    ),
    op.Transposed: lambda node: (Transposition(),),
    op.Diagonal: lambda node: (OnDiagonal(),),
    op.Slice: lambda node: (Cut(*node.args[1:]),),
    op.Roll: lambda node: (Turn(node.args[1]),),
}


# ---------------------------------------------------------------- simplification


def simplified(chains: Iterable[Chain]) -> tuple[Chain, ...]:
    """Chains with neighbouring factors joined, and those that differ in their outermost weight alone added up."""
    found: dict[tuple, list[Tensor]] = {}
    for chain in chains:
        joined = _joined(chain)
        if joined is None:
            continue
        kind, weight, rest = _split(joined)
        found.setdefault((kind, rest), []).append(weight)
    out = []
    for (kind, rest), weights in found.items():
        total = weights[0] if len(weights) == 1 else factored_sum(weights)
        if op.is_zero(total):
            continue
        negative, bare = (True, total.args[0]) if isinstance(total, op.Negate) else (False, total)
        out.append(Chain(rest if op.is_one(bare) else (kind(bare), *rest), negative))
    return tuple(out)


def _split(chain: Chain) -> tuple[type, Tensor, tuple[Factor, ...]]:
    """The outermost weight with its sign, and what it acts on."""
    kind: type = Scale
    weight: Tensor = Number(1)
    head, rest = (chain.factors[0], chain.factors[1:]) if chain.factors else (None, ())
    if isinstance(head, Entries):
        kind, weight = Entries, head.v
    elif isinstance(head, Scale):
        weight = head.a
    else:
        rest = chain.factors
    return kind, op.Negate(weight) if chain.negative else weight, rest


def _joined(chain: Chain) -> Chain | None:
    """The chain with scalars in front and neighbours multiplied; None where it is zero."""
    rest: list[Factor] = []
    scales: list[Tensor] = []

    def append(factor: Factor) -> None:
        both = _neighbours(rest[-1], factor) if rest else None
        if isinstance(factor, Scale):
            scales.append(factor.a)
        elif both is None:
            rest.append(factor)
        else:
            rest.pop()
            for one in both:
                append(one)

    for factor in chain.factors:
        append(factor)
    if rest and isinstance(rest[0], Entries | Spread):
        scales.append(rest[0].v if isinstance(rest[0], Entries) else rest[0].a)
    weight = product(scales)
    negative, weight = (not chain.negative, weight.args[0]) if isinstance(weight, op.Negate) else (chain.negative, weight)
    if op.is_zero(weight):
        return None
    if rest and isinstance(rest[0], Entries | Spread):
        return Chain((type(rest[0])(weight), *rest[1:]), negative)
    return Chain(tuple(rest) if op.is_one(weight) else (Scale(weight), *rest), negative)


def _neighbours(outer: Factor, inner: Factor) -> tuple[Factor, ...] | None:
    """What two neighbours are together, without factors the identity; None where they stay as they are."""
    if isinstance(inner, Entries | Spread):
        weight = inner.v if isinstance(inner, Entries) else inner.a
        if isinstance(outer, Entries):
            return (type(inner)(product([outer.v, weight])),)
        if isinstance(outer, Inner):
            together = product([outer.a, weight])
            return (Inner(together),) if isinstance(inner, Entries) else (Scale(op.scalar_sum(together)),)
    if isinstance(outer, Transposition) and isinstance(inner, Transposition):
        return ()
    if isinstance(outer, Cut) and isinstance(inner, Pad):
        return _cut_of_padded(outer, inner)
    return None


def _cut_of_padded(cut: Cut, pad: Pad) -> tuple[Factor, ...] | None:
    """What a slice takes of a padded vector, where that is all of it or nothing."""
    end = pad.before + pad.length
    if same_size(cut.start, pad.before) and same_size(cut.stop, end):
        return (Spread(op.Ones(1)),) if pad.of_scalar else ()
    apart = any(sympy.expand(gap).is_nonnegative for gap in (pad.before - cut.stop, cut.start - end))
    return (Scale(Number(0)),) if apart else None


def product(factors: Sequence[Tensor]) -> Tensor:
    """The elementwise product as one quotient at most: a ⊙ (1 ⊘ b) is a ⊘ b."""
    above, below = [], []
    for factor in _flat(factors):
        if isinstance(factor, op.Quotient):
            above.append(factor.args[0])
            below.append(factor.args[1])
        else:
            above.append(factor)
    top = op.Times(*above)
    return op.Quotient(top, op.Times(*below)) if below else top


def _flat(factors: Sequence[Tensor]) -> Iterator[Tensor]:
    for factor in factors:
        if isinstance(factor, op.Times):
            yield from _flat(factor.args)
        elif isinstance(factor, op.Negate):
            yield Number(-1)
            yield from _flat(factor.args)
        else:
            yield factor


def factored_sum(terms: Sequence[Tensor]) -> Tensor:
    """The sum of products, what all terms share written once behind it: (a - b) ⊙ c."""
    split = [_signed_factors(term) for term in terms]
    shared: list[Tensor] = []
    for factor in split[0][1]:
        if all(factor in factors for _, factors in split):
            shared.append(factor)
            for _, factors in split:
                factors.remove(factor)
    rests = [op.Negate(op.Times(*factors)) if negative else op.Times(*factors) for negative, factors in split]
    return op.Times(op.Plus(*rests), *shared)


def _signed_factors(term: Tensor) -> tuple[bool, list[Tensor]]:
    negative, bare = (True, term.args[0]) if isinstance(term, op.Negate) else (False, term)
    return negative, list(bare.args) if isinstance(bare, op.Times) else [bare]
