"""Bounds of norms as mathematics.

Comes in: a `Bound` and a typesetter. Goes out: a tree such as `¼ ‖U_o‖₂ + ‖dc_t/dh_{t-1}‖₂`.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import Quantity
from rnnsym.derivation.growth import Bound, Size
from rnnsym.documents.joining import juxtaposed
from rnnsym.documents.linear_maps import MapSetter
from rnnsym.documents.mathematics import Fenced, Fraction, Identifier, Node, Numeral, Operator, Scripts, row, with_superscript
from rnnsym.documents.numerals import scalar
from rnnsym.documents.typeset import Typesetter

_DIGITS = 3  # of numbers that have no short exact form, rounded up


@dataclass(frozen=True)
class BoundSetter:
    """Prints the bounds of one document."""

    setter: Typesetter
    maps: MapSetter

    def operator(self, inside: Node) -> Node:
        """‖inside‖₂."""
        return _norm(inside, Numeral("2"))

    def of_block(self, of: Quantity, by: Quantity) -> Node:
        """The norm of a block; of a scalar by a scalar, its absolute value."""
        inside = self.maps.derivative(of, by)
        return self.operator(inside) if of.shape or by.shape else Fenced(inside, "|", "|")

    def bound(self, bound: Bound) -> Node:
        """A sum of products."""
        if not bound.terms:
            return Numeral("0")
        parts: list[Node] = []
        for number, sizes in bound.terms:
            parts += [Operator("+")] if parts else []
            parts.append(self._term(number, sizes))
        return row(*parts)

    def _term(self, number: sympy.Expr, sizes: tuple[Size, ...]) -> Node:
        counted = [(size, sizes.count(size)) for size in dict.fromkeys(sizes)]
        norms = [self.size(size) if n == 1 else with_superscript(self.size(size), Numeral(str(n))) for size, n in counted]
        if number != 1 or not norms:
            norms.insert(0, self.number(number))
        out = norms[0]
        for norm in norms[1:]:
            out = juxtaposed(out, norm)
        return out

    def number(self, number: sympy.Expr) -> Node:
        """A number: exact where that is short, otherwise rounded up."""
        if number.is_Rational and number.q != 1 and number.q < 100:
            return Fraction(Numeral(str(number.p)), Numeral(str(number.q)))
        if number.is_number and not number.is_Rational and len(str(number)) > 8:
            number = sympy.ceiling(number * 10**_DIGITS) / sympy.Integer(10) ** _DIGITS
            return Numeral(str(float(number)))
        return scalar(number, self.setter.names)[0]

    def size(self, size: Size) -> Node:
        """‖A‖₂, the largest entry ‖v‖_∞, the length ‖a‖₂, the norm of a block."""
        if size.block is not None:
            return self.of_block(*size.block)
        assert size.tensor is not None
        tree = self.setter.expression(size.tensor)
        if not size.tensor.shape:
            return tree if isinstance(size.tensor, op.Elementwise) and size.tensor.function == "abs" else Fenced(tree, "|", "|")
        if size.kind == "operator":
            return self.operator(tree)
        if size.kind == "largest":
            return _norm(tree, Identifier("∞"))
        return _norm(tree, Numeral("2") if size.tensor.rank == 1 else Identifier("F"))


def _norm(inside: Node, which: Node) -> Node:
    return Scripts(Fenced(inside, "‖", "‖"), sub=which)
