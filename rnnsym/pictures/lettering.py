"""Letters of a picture: the tree of mathematics as runs of text with sizes and shifts, and how much room they take.

Comes in: a tree and a size in pixels. Goes out: `Lettering`: runs in reading order, each with a shift and a rise of its own, and the
width and height of the whole. The widths are those of a wide serif face, so that what has room here has room in any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rnnsym.documents.mathematics import (
    Aligned,
    BigOperator,
    Cases,
    Delimiter,
    Fenced,
    Fraction,
    Identifier,
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
    changed,
    row,
)

SCRIPT = 0.72  # a script's size beside its base
SUP_RISE, SUB_DROP = 0.38, 0.24
_ACCENTS = {
    "tilde": "˜", "hat": "ˆ", "bar": "¯", "dot": "˙", "vec": "→", "rvec": "→", "lvec": "←", "under": "_", "ddot": "¨", "check": "ˇ",
    "breve": "˘", "acute": "´", "grave": "`", "ring": "˚",
}  # fmt: skip
_WIDE, _BROAD, _NARROW = set("mwMWΩΨΦ∞→←"), set("+−=<>≤≥⊙⊘⊗⊕×∑√‖"), set("ijlftrI1ιτ⟨⟩,.;:|()[]{}'′·˜ˆ¯˙ ")


@dataclass(frozen=True)
class Run:
    """A piece of text of one size; `shift` moves it along before it is set, `rise` lifts it from the base line (both in pixels)."""

    text: str
    size: float
    rise: float
    shift: float
    italic: bool
    bold: bool = False


@dataclass(frozen=True)
class Lettering:
    """Runs in the order of setting, with the room they take: width and height in pixels, and how far below its middle the base line is."""

    runs: tuple[Run, ...]
    width: float
    height: float
    drop: float


@dataclass
class _Setter:
    """Collects runs; `shift` is what the next run is moved by."""

    runs: list[Run] = field(default_factory=list)
    shift: float = 0.0
    top: float = 0.0
    bottom: float = 0.0

    def put(self, text: str, size: float, rise: float, italic: bool = False, bold: bool = False) -> float:
        if not text:
            return 0.0
        self.runs.append(Run(text, round(size, 1), round(rise, 1), round(self.shift, 1), italic, bold))
        self.shift = 0.0
        self.top, self.bottom = max(self.top, rise + 0.74 * size), min(self.bottom, rise - 0.22 * size)
        return sum(map(_em, text)) * size

    def skip(self, amount: float) -> float:
        self.shift += amount
        return amount


def lettering(tree: Node, size: float) -> Lettering:
    """The runs of a tree, set at `size` pixels.

    >>> from rnnsym.documents.mathematics import Identifier, Scripts
    >>> [run.text for run in lettering(Scripts(Identifier("h"), Identifier("t")), 16).runs]
    ['h', 't']
    """
    setter = _Setter()
    width = _set(setter, tree, size, 0.0)
    height = max(setter.top - setter.bottom, 0.9 * size)
    return Lettering(tuple(setter.runs), round(width, 1), round(height, 1), round((setter.top + setter.bottom) / 2, 1))


def _em(character: str) -> float:
    if character in _WIDE:
        return 1.0
    if character in _BROAD:
        return 0.8
    if character in _NARROW:
        return 0.4
    return 0.72 if character.isupper() else 0.58


def _set(setter: _Setter, node: Node | None, size: float, rise: float) -> float:
    """Set a node; its width."""
    if node is None:
        return 0.0
    return _RULES[type(node)](setter, node, size, rise)


def _row(setter: _Setter, node: Row, size: float, rise: float) -> float:
    return sum(_set(setter, child, size, rise) for child in node.children)


def _identifier(setter: _Setter, node: Identifier, size: float, rise: float) -> float:
    text = "ℒ" if node.style == "calligraphic" and node.text == "L" else node.text
    return setter.put(text, size, rise, node.style == "italic" and text != "∞", node.style == "bold")


def _operator(setter: _Setter, node: Operator, size: float, rise: float) -> float:
    if node.form in ("invisible", "thin"):
        return setter.skip(0.16 * size if node.form == "thin" else 0.06 * size)
    air = {"infix": 0.2, "relation": 0.26}.get(node.form, 0.0) * size * (1.0 if rise == 0 else 0.3)
    width = setter.skip(air) + setter.put(node.text, size, rise) + setter.skip(air)
    return width + (setter.skip(0.14 * size) if node.form == "separator" else 0.0)


def _scripts(setter: _Setter, node: Scripts, size: float, rise: float) -> float:
    width = _set(setter, node.base, size, rise)
    small = SCRIPT * size
    if node.sup is None:
        return width + _set(setter, node.sub, small, rise - SUB_DROP * size)
    above = _set(setter, node.sup, small, rise + SUP_RISE * size)
    if node.sub is None:
        return width + above
    setter.skip(-above)  # the lower script stands under the upper one
    below = _set(setter, node.sub, small, rise - (SUB_DROP + 0.06) * size)
    setter.skip(max(0.0, above - below))
    return width + max(above, below)


def _over(setter: _Setter, node: Over, size: float, rise: float) -> float:
    width = _set(setter, node.base, size, rise)
    arrow = node.accent.endswith("vec")
    small = (0.62 if arrow else 1.0) * size
    sign = _ACCENTS[node.accent]
    room = _em(sign) * small
    setter.skip(-(width + room) / 2)
    lift = 0.22 if _is_tall(node.base) else 0.0
    inner = node.base
    while isinstance(inner, Over):  # an accent above an accent
        lift, inner = lift + 0.2, inner.base
    setter.put(sign, small, rise + (lift + (0.5 if arrow else 0.04)) * size)
    setter.skip((width - room) / 2)
    return width


def _is_tall(node: Node) -> bool:
    while isinstance(node, Over):
        node = node.base
    return isinstance(node, Identifier) and any(c.isupper() or c in "bdfhkltβδζθλξ" for c in node.text)


def _fenced(setter: _Setter, node: Fenced, size: float, rise: float) -> float:
    left = setter.put(node.left, size, rise)
    return left + _set(setter, node.body, size, rise) + setter.put(node.right, size, rise)


def in_one_line(tree: Node) -> Node:
    """The tree with every fraction as numerator / denominator: a node of a picture has room for one line."""

    def change(node: Node) -> Node | None:
        if not isinstance(node, Fraction):
            return None
        return row(_grouped(in_one_line(node.numerator)), Operator("/", "prefix"), _grouped(in_one_line(node.denominator)))

    return changed(tree, change)


def _fraction(setter: _Setter, node: Fraction, size: float, rise: float) -> float:
    return _set(setter, in_one_line(node), size, rise)


def _grouped(node: Node) -> Node:
    torn = isinstance(node, Row) and any(isinstance(c, Operator) and c.form != "invisible" for c in node.children)
    return Fenced(node) if torn else node


def _root(setter: _Setter, node: Root, size: float, rise: float) -> float:
    body = node.body if isinstance(node.body, Identifier | Numeral | Scripts) else Fenced(node.body)
    return setter.put("√", size, rise) + _set(setter, body, size, rise)


def _big_operator(setter: _Setter, node: BigOperator, size: float, rise: float) -> float:
    return _scripts(setter, Scripts(Operator(node.text, "prefix"), node.lower, node.upper), size, rise)


def _plain(text: Callable[..., str]) -> Callable[[_Setter, Node, float, float], float]:
    return lambda setter, node, size, rise: setter.put(text(node), size, rise)


_RULES: dict[type, Callable[..., float]] = {
    Row: _row,
    Identifier: _identifier,
    Numeral: _plain(lambda node: node.text),
    Operator: _operator,
    Text: _plain(lambda node: node.text),
    Space: lambda setter, node, size, rise: setter.skip((0.17 if node.width == "thin" else 1.0) * size),
    Fraction: _fraction,
    Scripts: _scripts,
    Over: _over,
    Fenced: _fenced,
    Delimiter: _plain(lambda node: node.text),
    BigOperator: _big_operator,
    Root: _root,
    Matrix: _plain(lambda node: "[…]"),
    Cases: _plain(lambda node: "{…"),
    Aligned: _plain(lambda node: "…"),
}
