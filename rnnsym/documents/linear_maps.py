"""Linear maps as mathematics: as a matrix where vectors are mapped to vectors, otherwise by what they make of a direction.

Comes in: a `LinearMap` and a typesetter. Goes out: a tree. diag(f) U is the matrix of x ↦ f ⊙ (U x); a map from or to matrices is printed
as its value for a matrix E.
"""

from __future__ import annotations

from dataclasses import dataclass

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import Quantity, Tensor
from rnnsym.calculus.linear_map import (
    Chain,
    ColumnTimes,
    Cut,
    Entries,
    Factor,
    Inner,
    Known,
    Left,
    LinearMap,
    OnDiagonal,
    Pad,
    Right,
    Scale,
    Spread,
    TimesRow,
    Transposition,
    Turn,
)
from rnnsym.documents.conventions import total_derivative
from rnnsym.documents.joining import (
    ATOM,
    CDOT,
    HADAMARD,
    HADAMARD_SIGN,
    IDENTITY,
    PRODUCT,
    SCRIPT,
    juxtaposed,
    starts_bracket,
    starts_number,
)
from rnnsym.documents.mathematics import Fenced, Identifier, Node, Numeral, Operator, Scripts, row, separated, transposed
from rnnsym.documents.names import size_node
from rnnsym.documents.typeset import Typesetter


@dataclass(frozen=True)
class MapSetter:
    """Prints the maps of one document; `vector` and `matrix_letter` stand for what a map that has no matrix acts on."""

    setter: Typesetter
    vector: Node
    matrix_letter: Node

    def derivative(self, of: Quantity, by: Quantity) -> Node:
        """d of / d by."""
        return total_derivative(self.setter.expression(of), self.setter.expression(by))

    def equation(self, of: Quantity, by: Quantity, linear: LinearMap) -> tuple[Node, Node]:
        """Both sides: the derivative and its matrix, or the derivative applied to a direction and what comes out."""
        if has_matrix(linear):
            return self.derivative(of, by), self.matrix(linear)
        return row(self.derivative(of, by), Fenced(self._direction(linear), "[", "]")), self.applied(linear)

    def _direction(self, linear: LinearMap) -> Node:
        return self.matrix_letter if len(linear.domain) == 2 else self.vector

    # ------------------------------------------------------------ as a matrix

    def matrix(self, linear: LinearMap) -> Node:
        """The sum of the chains' matrices; the two halves of a softmax's derivative stand in one bracket."""
        is_square = bool(linear.domain) and bool(linear.codomain)
        terms: list[tuple[bool, Node]] = []
        waiting = list(linear.chains)
        while waiting:
            chain = waiting.pop(0)
            partner = _other_half(chain, waiting)
            if partner is None:
                terms.append((chain.negative, self._chain(chain.factors, is_square)))
                continue
            waiting.remove(partner)
            head, rest = chain.factors[:1], chain.factors[1:]
            both = _sum([(False, self._chain(head, True)), (True, self._chain(partner.factors[:2], True))])
            tree = juxtaposed(Fenced(both), self._chain(rest, True)) if rest else both
            terms.append((chain.negative, tree if rest or not chain.negative else Fenced(both)))
        return _sum(terms) if terms else Numeral("0")

    def _chain(self, factors: tuple[Factor, ...], is_square: bool) -> Node:
        """The product of the factors' matrices."""
        if not factors:
            return IDENTITY if is_square else Numeral("1")
        head, rest = factors[0], factors[1:]
        if isinstance(head, Cut):
            bounds = self._bounds(head.start, head.stop)
            return Scripts(Fenced(self._chain(rest, is_square), "[", "]"), sub=bounds)
        if isinstance(head, Pad):
            return self._padded(head, self._chain(rest, is_square))
        if isinstance(head, Left) and rest and isinstance(rest[0], Pad):
            columns = self._bounds(rest[0].before, rest[0].before + rest[0].length)
            matrix = Scripts(
                Fenced(self.setter.expression(head.a), "[", "]"), sub=row(Operator(":", "prefix"), Operator(",", "separator"), columns)
            )
            return self._beside(matrix, rest[1:])
        if isinstance(head, Scale) and not rest and is_square:
            return juxtaposed(self.setter.expression(head.a, SCRIPT), IDENTITY)
        return self._beside(self._factor(head), rest)

    def _beside(self, first: Node, rest: tuple[Factor, ...]) -> Node:
        if not rest:
            return first
        second = self._chain(rest, True)
        if (starts_number(second) and not isinstance(rest[0], Known)) or (starts_bracket(second) and not starts_bracket(first)):
            return row(first, CDOT, second)
        return juxtaposed(first, second)

    def _factor(self, factor: Factor) -> Node:
        if isinstance(factor, Scale):
            return self.setter.expression(factor.a, SCRIPT)
        if isinstance(factor, Entries):
            return row(Identifier("diag", "function"), Fenced(self.setter.expression(factor.v)))
        if isinstance(factor, Left | Spread):
            return self._tensor(factor.a)
        if isinstance(factor, Inner):
            return transposed(self.setter.expression(factor.a, ATOM))
        if isinstance(factor, Turn):
            return Scripts(Identifier("roll", "function"), sub=size_node(factor.steps, self.setter.names))
        if isinstance(factor, Known):
            return self.derivative(factor.of, factor.by)
        raise TypeError(f"{type(factor).__name__} has no matrix")

    def _tensor(self, a: Tensor) -> Node:
        return self.setter.expression(a, SCRIPT if isinstance(a, op.Times) else PRODUCT)

    def _bounds(self, start, stop) -> Node:
        names = self.setter.names
        return row(size_node(start + 1, names), Operator(":", "prefix"), size_node(stop, names))

    def _padded(self, pad: Pad, inner: Node) -> Node:
        parts = [Numeral("0")] * (pad.before != 0), [Numeral("0")] * (pad.after != 0)
        return Fenced(separated([*parts[0], inner, *parts[1]], ";"), "[", "]")

    # ------------------------------------------------------------ applied to a direction

    def applied(self, linear: LinearMap) -> Node:
        """What the map makes of the direction."""
        terms = [(chain.negative, self._applied(chain, linear)) for chain in linear.chains]
        return _sum(terms) if terms else Numeral("0")

    def _applied(self, chain: Chain, linear: LinearMap) -> Node:
        tree, precedence, rank = self._direction(linear), ATOM, len(linear.domain)
        for factor in reversed(chain.factors):
            tree, precedence, rank = self._act(factor, tree, precedence, rank)
        return tree

    def _act(self, factor: Factor, x: Node, precedence: int, rank: int) -> tuple[Node, int, int]:
        """The value of one factor for x, with its precedence and its rank."""
        setter = self.setter
        in_product = Fenced(x) if precedence < PRODUCT else x
        alone = Fenced(x) if precedence < ATOM else x
        if isinstance(factor, Scale):
            return juxtaposed(setter.expression(factor.a, SCRIPT), in_product), PRODUCT, rank
        if isinstance(factor, Entries):
            return row(setter.expression(factor.v, HADAMARD), HADAMARD_SIGN, in_product), HADAMARD, rank
        if isinstance(factor, Left):
            return juxtaposed(self._tensor(factor.a), in_product), PRODUCT, rank
        if isinstance(factor, Right):
            return juxtaposed(in_product, setter.expression(factor.b, PRODUCT)), PRODUCT, 1 + (factor.b.rank == 2)
        if isinstance(factor, Inner) and rank == 2:
            return Fenced(separated([setter.expression(factor.a), x]), "⟨", "⟩"), ATOM, 0
        if isinstance(factor, Inner):
            return juxtaposed(transposed(setter.expression(factor.a, ATOM)), in_product), PRODUCT, 0
        if isinstance(factor, Spread):
            return juxtaposed(Fenced(x) if precedence < ATOM else x, self._tensor(factor.a)), PRODUCT, factor.a.rank
        if isinstance(factor, TimesRow):
            return juxtaposed(in_product, transposed(setter.expression(factor.b, ATOM))), PRODUCT, 2
        if isinstance(factor, ColumnTimes):
            return juxtaposed(self._tensor(factor.a), transposed(alone)), PRODUCT, 2
        if isinstance(factor, Transposition):
            return transposed(alone), SCRIPT, 2
        if isinstance(factor, Cut):
            return Scripts(Fenced(x, "[", "]"), sub=self._bounds(factor.start, factor.stop)), ATOM, 1
        if isinstance(factor, Pad):
            return self._padded(factor, x), ATOM, 1
        if isinstance(factor, Known):
            return row(self.derivative(factor.of, factor.by), Fenced(x, "[", "]")), SCRIPT, len(factor.of.shape)
        name = (
            Identifier("diag", "function")
            if isinstance(factor, OnDiagonal)
            else Scripts(Identifier("roll", "function"), sub=size_node(factor.steps, setter.names))
        )
        return row(name, Fenced(x)), SCRIPT, 2 if isinstance(factor, OnDiagonal) else 1


def has_matrix(linear: LinearMap) -> bool:
    """Whether only vectors and scalars take part, from the direction to the result."""
    if max(len(linear.domain), len(linear.codomain)) > 1:
        return False
    factors = [factor for chain in linear.chains for factor in chain.factors]
    through_matrices = any(isinstance(f, Right | TimesRow | ColumnTimes | Transposition | OnDiagonal) for f in factors)
    return not through_matrices and all(max(len(f.of.shape), len(f.by.shape)) < 2 for f in factors if isinstance(f, Known))


def _sum(terms: list[tuple[bool, Node]]) -> Node:
    parts: list[Node] = []
    for negative, tree in terms:
        if parts:
            parts.append(Operator("−" if negative else "+"))
        elif negative:
            parts.append(Operator("−", "prefix"))
        parts.append(tree)
    return row(*parts)


def _other_half(chain: Chain, others: list[Chain]) -> Chain | None:
    """−p pᵀ M beside diag(p) M."""
    if not chain.factors or not isinstance(chain.factors[0], Entries):
        return None
    p = chain.factors[0].v
    wanted = Chain((Spread(p), Inner(p), *chain.factors[1:]), not chain.negative)
    return wanted if wanted in others else None
