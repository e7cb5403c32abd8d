"""Expressions with indices, as SymPy computes them, as mathematics.

Comes in: a SymPy expression made of `Indexed`, `Sum`, `KroneckerDelta`, exp and log, and the tree of each name. Goes out: a tree. Factors
stand in the order constants, letters, deltas, sums; what has a negative power stands under a fraction.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy
from sympy import Expr, Indexed, Integer, KroneckerDelta, Sum

from rnnsym.documents.joining import juxtaposed
from rnnsym.documents.mathematics import (
    BigOperator,
    Fenced,
    Fraction,
    Identifier,
    Node,
    Numeral,
    Operator,
    Scripts,
    row,
    with_subscript,
)

Letters = Mapping[str, Node]


def index_tree(expression: Expr, letters: Letters) -> Node:
    """The tree of an index expression; `letters` says how indexed names and indices look."""
    terms = sorted(sympy.Add.make_args(expression), key=lambda term: (bool(term.could_extract_minus_sign()), str(term)))
    parts: list[Node] = []
    for term in terms:
        negative = term.could_extract_minus_sign()
        if parts or negative:
            parts.append(Operator("−" if negative else "+", "infix" if parts else "prefix"))
        parts.append(_product(-term if negative else term, letters))
    return row(*parts)


def _product(term: Expr, letters: Letters) -> Node:
    above: list[Expr] = []
    below: list[Expr] = []
    for factor in sympy.Mul.make_args(term):
        under = factor.is_Pow and factor.exp.is_Integer and factor.exp.is_negative
        (below if under else above).append(1 / factor if under else factor)
    if not below:
        return _row_of(above, letters)
    return Fraction(_row_of(above, letters), _row_of(below, letters))


def _row_of(factors: list[Expr], letters: Letters) -> Node:
    kept = sorted((f for f in factors if f != 1), key=_place) or [Integer(1)]
    out = _factor(kept[0], letters, len(kept) > 1)
    for factor in kept[1:]:
        out = juxtaposed(out, _factor(factor, letters, True))
    return out


def _place(factor: Expr) -> tuple[int, str]:
    kinds = (factor.is_number, isinstance(factor, Indexed), factor.is_Pow or isinstance(factor, sympy.exp), factor.is_Add)
    return next((i for i, found in enumerate(kinds) if found), len(kinds) + isinstance(factor, Sum)), str(factor)


def _factor(node: Expr, letters: Letters, beside: bool) -> Node:
    if isinstance(node, Indexed):
        return with_subscript(letters[str(node.base)], letters[str(node.indices[0])])
    if isinstance(node, KroneckerDelta):
        return Scripts(Identifier("δ"), sub=row(*(letters[str(index)] for index in sorted(node.args, key=str, reverse=True))))
    if isinstance(node, Sum):
        return row(BigOperator("∑", letters[str(node.limits[0][0])]), _summand(node.function, letters))
    if isinstance(node, sympy.exp):
        return Scripts(Identifier("e", "upright"), sup=index_tree(node.args[0], letters))
    if isinstance(node, sympy.log):
        return juxtaposed(Identifier("log", "function"), index_tree(node.args[0], letters))
    if node.is_Pow:
        base = index_tree(node.base, letters)
        return Scripts(Fenced(base), sup=Numeral(str(node.exp)))
    if node.is_Integer:
        return Numeral(str(node))
    tree = index_tree(node, letters)
    return Fenced(tree) if node.is_Add and beside else tree


def _summand(body: Expr, letters: Letters) -> Node:
    tree = index_tree(body, letters)
    return Fenced(tree) if body.is_Add or body.could_extract_minus_sign() else tree
