"""Numbers and sizes as mathematics.

Comes in: a SymPy number, or a size. Goes out: a tree and its precedence.
"""

from __future__ import annotations

import sympy

from rnnsym.algebra.tensor import decimal_text
from rnnsym.documents.joining import ATOM, CASES, CDOT, PRODUCT, SCRIPT, SUM, Typeset, juxtaposed, starts_number
from rnnsym.documents.mathematics import Fenced, Fraction, Identifier, Node, Numeral, Operator, Root, Scripts, Text, row
from rnnsym.documents.names import Names, size_node

MANY_ZEROS = 6  # at the end of a whole number: from here on a power of ten is read more easily


def scalar(value: sympy.Expr, names: Names) -> Typeset:
    """A number or a size: `0.5`, `10^{-5}`, `1/3` as a fraction, `4 n_h`, `2/√π`."""
    if value is sympy.oo:
        return Identifier("∞"), ATOM
    if value is sympy.pi:
        return Identifier("π"), ATOM
    if value is sympy.E:
        return Identifier("e", "upright"), ATOM
    if value.is_Rational:
        return _decimal(decimal_text(value), value)
    if value.free_symbols and value.is_polynomial() and sympy.Poly(value).is_linear:
        return size_node(value, names), ATOM if value.is_Symbol else SUM if value.is_Add else PRODUCT
    return _compound(value, names)


def _decimal(text: str, value: sympy.Rational) -> Typeset:
    if "/" in text:
        return Fraction(Numeral(str(value.p)), Numeral(str(value.q))), SCRIPT
    mantissa, _, exponent = text.lower().partition("e")
    digits = mantissa.rstrip("0")
    if not exponent and "." not in text and len(text) - len(digits) >= MANY_ZEROS:
        mantissa, exponent = digits, str(len(text) - len(digits))
    if not exponent:
        return Numeral(text), ATOM
    places = int(exponent)
    power = Scripts(Numeral("10"), sup=row(*([Operator("−", "prefix")] if places < 0 else []), Numeral(str(abs(places)))))
    return (power, SCRIPT) if mantissa in ("1", "1.0") else (row(Numeral(mantissa), CDOT, power), PRODUCT)


def _compound(value: sympy.Expr, names: Names) -> Typeset:
    """An irrational number: products, quotients and powers of what `scalar` knows."""

    def inner(part: sympy.Expr, least: int) -> Node:
        tree, precedence = scalar(part, names)
        return Fenced(tree) if precedence < least else tree

    above, below = value.as_numer_denom()
    if below != 1:
        return Fraction(inner(above, CASES), inner(below, CASES)), SCRIPT
    if value.is_Pow and value.exp == sympy.Rational(1, 2):
        return Root(inner(value.base, CASES)), ATOM
    if value.is_Pow:
        return Scripts(inner(value.base, ATOM), sup=inner(value.exp, CASES)), SCRIPT
    if value.is_Mul:
        parts = [inner(part, PRODUCT) for part in value.as_ordered_factors()]
        out = parts[0]
        for part in parts[1:]:
            out = row(out, CDOT, part) if starts_number(part) else juxtaposed(out, part)
        return out, PRODUCT
    if value.is_Add:
        terms = [inner(part, PRODUCT) for part in value.as_ordered_terms()]
        return row(*(piece for i, term in enumerate(terms) for piece in ((Operator("+"), term) if i else (term,)))), SUM
    return Text(str(value)), ATOM
