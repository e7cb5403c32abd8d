"""How wide and how high a tree of mathematics will be, estimated without a typesetter.

Comes in: a tree. Goes out: ems (of the text's size) for width and height, and from the height the size of a bracket. The widths are those
of Palatino's mathematics, rounded up; a test compares them with TeX's.
"""

from __future__ import annotations

from rnnsym.documents.mathematics import (
    Aligned,
    BigOperator,
    Cases,
    Delimiter,
    Fenced,
    Fraction,
    Identifier,
    Marked,
    Matrix,
    Node,
    Numeral,
    Operator,
    Over,
    Root,
    Row,
    Scripts,
    Space,
    Text,
)

SCRIPT_SCALE = 0.74
_OPERATOR_WIDTH = {"infix": 1.32, "relation": 1.42, "prefix": 0.8, "separator": 0.48, "invisible": 0.0, "thin": 0.18}
_NARROW_SIGNS = {"⊤": 0.68, "′": 0.3, ":": 0.3, ",": 0.28, "·": 0.3}
_BRACKET_HEIGHTS = (1.25, 1.75, 2.3, 2.9, 3.4)  # what brackets of size 0 … 4 cover
_BRACKET_WIDTHS = (0.39, 0.48, 0.62, 0.76, 0.82)
_WIDE, _NARROW = set("mwMWΩΨΦ∞"), set("ijlfrtIιτ")


def width(node: Node, scale: float = 1.0) -> float:
    """The width in ems; `scale` is the size of the script level it stands in."""
    if isinstance(node, Row):
        return sum(width(child, scale) for child in node.children)
    if isinstance(node, Operator):
        if scale < 1:  # in scripts TeX sets no space around operators
            return scale * _NARROW_SIGNS.get(node.text, 0.0 if node.form == "invisible" else 0.18 if node.form == "thin" else 0.8)
        if node.form == "prefix":
            return _NARROW_SIGNS.get(node.text, 0.8)
        return _OPERATOR_WIDTH[node.form] - (0.5 if node.text == "·" else 0.0)
    if isinstance(node, Identifier):
        return scale * (_letters(node.text) + (0.34 if node.style == "function" else 0.0))
    if isinstance(node, Scripts):
        inner = scale * SCRIPT_SCALE
        sub = width(node.sub, inner) if node.sub else 0.0
        sup = width(node.sup, inner) if node.sup else 0.0
        return width(node.base, scale) + max(sub, sup) + 0.06
    if isinstance(node, Fenced):
        return width(node.body, scale) + 2 * scale * _BRACKET_WIDTHS[min(bracket_level(node), 4)]
    if isinstance(node, Fraction):
        return max(width(node.numerator, scale), width(node.denominator, scale)) + 0.3
    return _other_width(node, scale)


def _other_width(node: Node, scale: float) -> float:
    if isinstance(node, Numeral):
        return scale * 0.51 * len(node.text)
    if isinstance(node, Text):
        return scale * 0.53 * len(node.text)
    if isinstance(node, Space):
        return 0.18 if node.width == "thin" else 1.0
    if isinstance(node, Over):
        return width(node.base, scale) + 0.05
    if isinstance(node, Marked):
        return width(node.body, scale)
    if isinstance(node, Delimiter):
        return scale * _BRACKET_WIDTHS[min(node.level, 4)]
    if isinstance(node, BigOperator):
        limits = [width(part, SCRIPT_SCALE) for part in (node.lower, node.upper) if part]
        return max([1.45, *limits]) + 0.2
    if isinstance(node, Root):
        return width(node.body, scale) + 0.9 * scale
    if isinstance(node, Matrix):
        columns = zip(*node.rows, strict=True)
        return sum(max(width(cell) for cell in column) + 1.0 for column in columns) + 0.5
    if isinstance(node, Cases):
        conditions = [width(condition) if condition else 4.6 for _, condition in node.rows]
        return 0.95 + max(width(value) for value, _ in node.rows) + 1.2 + max(conditions) + 0.8
    if isinstance(node, Aligned):
        return max((width(line.left) + 1.4 if line.left else 1.0) + width(line.right) for line in node.rows)
    raise TypeError(f"no width for {type(node).__name__}")


def _letters(text: str) -> float:
    return sum(0.9 if c in _WIDE else 0.38 if c in _NARROW else 0.7 if c.isupper() else 0.57 for c in text)


def height(node: Node) -> float:
    """The height in ems, depth included; 1.0 for a letter."""
    if isinstance(node, Row):
        return max((height(child) for child in node.children), default=1.0)
    if isinstance(node, Scripts):
        return height(node.base) + (0.18 if node.sub and node.sup else 0.1) * (1 if isinstance(node.base, Identifier) else 0.5)
    if isinstance(node, Fraction):
        return 0.3 + height(node.numerator) + height(node.denominator)
    if isinstance(node, BigOperator):
        return 3.1 if node.lower and node.upper else 2.3
    if isinstance(node, Over):
        return height(node.base) + 0.15
    if isinstance(node, Marked):
        return height(node.body)
    if isinstance(node, Root):
        return height(node.body) + 0.2
    if isinstance(node, Fenced):
        body = height(node.body)  # measured once: nested brackets would double the work at every level
        return max(body, _BRACKET_HEIGHTS[min(_level(body, node), 4)] - 0.3)
    if isinstance(node, Delimiter):
        return _BRACKET_HEIGHTS[min(node.level, 4)] - 0.3
    if isinstance(node, Matrix | Cases | Aligned):
        return sum(1.35 * max(1.0, _row_height(line) / 1.35) for line in node.rows)
    return 1.0


def _row_height(line) -> float:
    if isinstance(line, tuple):
        return max(height(cell) for cell in line if cell is not None)
    return height(line.right) + 0.3


def bracket_level(fence: Fenced) -> int:
    """The size of a bracket: 0 (plain) to 4, 5 where it must grow freely; brackets inside make the outer ones one size larger, once."""
    return _level(height(fence.body), fence)


def _level(needed: float, fence: Fenced) -> int:
    level = next((i for i, covers in enumerate(_BRACKET_HEIGHTS) if needed <= covers), 5)
    return max(level, 1) if _holds_bracket(fence.body) else level


def _holds_bracket(node: Node) -> bool:
    if isinstance(node, Fenced):
        return node.left in ("(", "[")
    if isinstance(node, Row):
        return any(map(_holds_bracket, node.children))
    return isinstance(node, Scripts) and _holds_bracket(node.base)
