"""Mathematics in prose, `$\\partial C/\\partial h_t$`: LaTeX's small subset for notations, as MathML.

Comes in: Sphinx's nodes of mathematics. Goes out: HTML. What the reader of notations does not understand ends the build.
Signs get the spaces that they have between operands.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes

from rnnsym.documents.mathematics import BigOperator, Fenced, Fraction, Identifier, Node, Operator, Row, Scripts, row
from rnnsym.documents.mathml import math_element
from rnnsym.documents.notation import read_notation

_RELATIONS = {"=", "<", ">", "≤", "≥", "→", "∈"}
_INFIX = {"+", "−", "⊙", "·", "×"}


def mathematics(text: str) -> Node:
    """The tree of a piece of LaTeX.

    >>> from rnnsym.documents.unicode_text import unicode_text
    >>> print(unicode_text(mathematics(r"c_t = f_t \\odot c_{t-1}")))
    cₜ = fₜ ⊙ cₜ₋₁
    """
    return _spaced(read_notation("a formula", text.replace(r"\sum", r"\Sigma ").replace("…", r"\ldots ").strip()))


def _spaced(node: Node) -> Node:
    """Signs between two operands are infix signs and relations; Σ with a lower limit is a sum."""
    if isinstance(node, Row):
        parts: list[Node] = []
        for child in node.children:
            if isinstance(child, Operator) and child.text in _RELATIONS:
                child = Operator(child.text, "relation")
            elif isinstance(child, Operator) and child.text in _INFIX and parts and not isinstance(parts[-1], Operator):
                child = Operator(child.text, "infix")
            parts.append(_spaced(child))
        return row(*parts)
    if isinstance(node, Scripts):
        if node.base == Identifier("Σ") and node.sub is not None:
            return BigOperator("∑", node.sub, node.sup)
        return Scripts(_spaced(node.base), node.sub, node.sup)
    if isinstance(node, Fenced):
        return Fenced(_spaced(node.body), node.left, node.right)
    if isinstance(node, Fraction):
        return Fraction(_spaced(node.numerator), _spaced(node.denominator))
    return node


def inline_math(translator: Any, node: nodes.math) -> None:
    """For Sphinx: mathematics in a line."""
    translator.body.append(math_element(mathematics(node.astext())))
    raise nodes.SkipNode


def block_math(translator: Any, node: nodes.math_block) -> None:
    """For Sphinx: mathematics of its own line."""
    translator.body.append(f'<div class="equations single">{math_element(mathematics(node.astext()), display=True)}</div>')
    raise nodes.SkipNode
