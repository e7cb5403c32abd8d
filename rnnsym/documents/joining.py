"""How factors are put beside each other: precedences, the signs of products, juxtaposition.

Comes in: trees of mathematics. Goes out: their product as one row.
"""

from __future__ import annotations

from rnnsym.documents.mathematics import Delimiter, Fenced, Fraction, Identifier, Node, Numeral, Operator, Row, Scripts, row

CASES, SUM, BIG, HADAMARD, PRODUCT, SCRIPT, ATOM = range(7)  # precedences, loosest first
Typeset = tuple[Node, int]  # a tree and its precedence

INVISIBLE, THIN = Operator("\u2062", "invisible"), Operator("\u2062", "thin")
HADAMARD_SIGN, OSLASH, CDOT = Operator("⊙"), Operator("⊘"), Operator("·")
ONES, IDENTITY = Identifier("1", "bold"), Identifier("I", "bold")


def starts_bracket(node: Node) -> bool:
    """Whether a tree begins with a bracket: beside a name it would read as a function's argument."""
    first = node.children[0] if isinstance(node, Row) else node
    while isinstance(first, Scripts):
        first = first.base
    return isinstance(first, Fenced | Delimiter)


def starts_number(node: Node) -> bool:
    first = node.children[0] if isinstance(node, Row) else node
    while isinstance(first, Scripts):
        first = first.base
    return isinstance(first, Numeral | Fraction) or (isinstance(first, Identifier) and first.text.isdigit())


def _is_wide(node: Node) -> bool:
    """Whether a factor needs a little air beside it: a word, a function, a bracket, a fraction."""
    while isinstance(node, Scripts):
        node = node.base
    return not isinstance(node, Identifier | Numeral) or (isinstance(node, Identifier) and (len(node.text) > 1 or node.style == "upright"))


def juxtaposed(left: Node, right: Node) -> Node:
    """A product written by juxtaposition, with a thin space where letters alone would run together."""
    last = left.children[-1] if isinstance(left, Row) else left
    first = right.children[0] if isinstance(right, Row) else right
    return row(left, THIN if _is_wide(last) or _is_wide(first) else INVISIBLE, right)
