"""The local Jacobian of one equation, put into the chain rule: diag(f_{t+1}) δ^{(c)}_{t+1}, before it is multiplied out.

Comes in: what one reader contributes, between vectors and scalars. Goes out: the Jacobian's transpose applied to the reader's error, as
mathematics and as a tensor that can be evaluated; None where the Jacobian has no short matrix form, or where nothing is to be
multiplied out. The Jacobian comes from the pushforwards, what is claimed of it from the pullbacks.
"""

from __future__ import annotations

from dataclasses import dataclass

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import Quantity, Tensor, shift, t
from rnnsym.calculus.adjoint import Contribution
from rnnsym.calculus.linear_map import Chain, Entries, Factor, Left, LinearMap, NotLinear, Scale, derivative_map
from rnnsym.calculus.naming import stands_for_its_equation
from rnnsym.derivation.derivation import Derivation
from rnnsym.documents.joining import PRODUCT, juxtaposed
from rnnsym.documents.linear_maps import MapSetter
from rnnsym.documents.mathematics import Fenced, Identifier, Node, Row, transposed
from rnnsym.documents.measure import width
from rnnsym.documents.typeset import Typesetter

_WIDEST = 24.0  # ems: what is wider is easier to read multiplied out


@dataclass(frozen=True)
class Applied:
    """Jᵀ δ: how it is printed, and what it is."""

    tree: Node
    value: Tensor


def applied_jacobian(derivation: Derivation, of: Quantity, part: Contribution, setter: Typesetter) -> Applied | None:
    """Jᵀ δ of one contribution to the error of `of`, at the step where that error stands."""
    reader = part.reader
    if not isinstance(part.delay, int) or reader.lhs.offset is None or of.rank != 1 or reader.lhs.rank != 1:
        return None
    if reader.rhs.has(op.StopGradient, op.Branch):
        return None
    read = of.at(t + part.delay)
    at_hand = {d.rhs: d.lhs for d in derivation.prepared.definitions if stands_for_its_equation(d)}
    try:
        linear = derivative_map(reader.rhs, read, reader.lhs.shape, at_hand)
    except NotLinear:
        return None
    factors = [factor for chain in linear.chains for factor in chain.factors]
    if not all(isinstance(f, Entries | Left | Scale) for f in factors) or not any(isinstance(f, Entries) for f in factors):
        return None
    moved = LinearMap(linear.domain, linear.codomain, tuple(_moved(chain, -part.delay) for chain in linear.chains))
    letters = MapSetter(setter, Identifier("e"), Identifier("E"))
    matrix = letters.matrix(moved)
    diagonal = all(isinstance(f, Entries | Scale) for f in factors)
    column = (Fenced(matrix) if isinstance(matrix, Row) and len(linear.chains) > 1 else matrix) if diagonal else transposed(Fenced(matrix))
    joined = derivation.adjoint
    there = joined.system.by_name[joined.errors[reader.key]].quantity.at(t - part.delay)
    tree = juxtaposed(column, setter.expression(there, PRODUCT))
    if width(tree) > _WIDEST:
        return None
    return Applied(tree, op.Plus(*(_transposed(chain, there) for chain in moved.chains)))


def _moved(chain: Chain, steps: int) -> Chain:
    """The chain at another step."""
    return Chain(tuple(_factor_moved(factor, steps) for factor in chain.factors), chain.negative)


def _factor_moved(factor: Factor, steps: int) -> Factor:
    if isinstance(factor, Entries):
        return Entries(shift(factor.v, steps))
    if isinstance(factor, Left):
        return Left(shift(factor.a, steps))
    return Scale(shift(factor.a, steps)) if isinstance(factor, Scale) else factor


def _transposed(chain: Chain, error: Tensor) -> Tensor:
    """The chain's transpose applied to an error."""
    value = error
    for factor in chain.factors:
        if isinstance(factor, Entries):
            value = op.Times(factor.v, value)
        elif isinstance(factor, Scale):
            value = op.Times(factor.a, value)
        elif isinstance(factor, Left):
            value = op.MatrixProduct(op.Transposed(factor.a), value)
    return op.Negate(value) if chain.negative else value
