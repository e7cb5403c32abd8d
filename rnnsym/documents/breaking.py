"""Breaking what is too wide for the column.

Comes in: a tree and the width that there is. Goes out: lines. A break stands before a sign, better outside brackets than inside, better
before + than before ⊙; brackets that a break parts keep their size on both lines. Nothing is left to overflow where it can be broken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rnnsym.documents.mathematics import (
    EMPTY,
    Aligned,
    AlignedRow,
    Cases,
    Delimiter,
    Fenced,
    Fraction,
    Node,
    Numeral,
    Operator,
    Root,
    Row,
    Scripts,
    Text,
    row,
)
from rnnsym.documents.measure import bracket_level, width

_PRICE_OF_DEPTH = 0.35  # as a share of the line: how much emptier a line may be to break one bracket further out
_PRICES = {"+": 0.0, "−": 0.0, ";": 0.0, ",": 0.02, "⊙": 0.28, "⊘": 0.28, "·": 0.3, "/": 0.25, "\u2062": 0.4}
_LEAST_WIDTH = 4.0
_ROOM_OF_BRACKETS = 1.7


@dataclass(frozen=True)
class _Piece:
    """Something that stays on one line; `price` of a break before it, None where there is none."""

    node: Node
    price: float | None = None


def break_lines(node: Node, first: float, following: float) -> tuple[Node, ...]:
    """The tree as lines: the first at most `first` ems wide, the others `following`."""
    if width(node) <= first:
        return (node,)
    limit = max(min(first, following), _LEAST_WIDTH)
    pieces = list(_pieces(node, 0, limit))
    lines: list[Node] = []
    while pieces:
        count = _first_line(pieces, max(following if lines else first, _LEAST_WIDTH))
        lines.append(_joined(pieces[:count]))
        pieces = pieces[count:]
        while pieces and _is_invisible(pieces[0].node):
            pieces = pieces[1:]
    return tuple(lines)


def _pieces(node: Node, depth: int, limit: float) -> Iterator[_Piece]:
    """The tree as pieces in a row; brackets are opened, and fractions and roots that are wider than a line."""
    if isinstance(node, Row):
        after: float | None = None
        for child in node.children:
            if isinstance(child, Operator) and child.form in ("infix", "relation", "invisible", "thin"):
                yield _Piece(child, _price(child.text, depth))
            elif isinstance(child, Operator) and child.form == "separator":
                yield _Piece(child)
                after = _price(child.text, depth)
            else:
                for piece in _pieces(child, depth, limit):
                    yield replace(piece, price=after) if after is not None else piece
                    after = None
    elif isinstance(node, Fenced) and _opens(node, limit):
        yield from _opened(node, node, depth, limit)
    elif isinstance(node, Scripts) and isinstance(node.base, Fenced) and _opens(node.base, limit):
        yield from _opened(node, node.base, depth, limit)
    elif isinstance(node, Fraction) and width(node) > limit:
        yield from _pieces(row(_bracketed(node.numerator), Operator("/"), _bracketed(node.denominator)), depth, limit)
    elif isinstance(node, Root) and width(node) > limit:
        half = row(Numeral("1"), Operator("/", "prefix"), Numeral("2"))
        yield from _pieces(Scripts(Fenced(node.body), sup=half), depth, limit)
    elif isinstance(node, Cases) and width(node) > limit:
        yield _Piece(_narrowed(node, limit))
    else:
        yield _Piece(node)


def _opens(fence: Fenced, limit: float) -> bool:
    """Whether lines may break inside: in round and square brackets, between bars only if need be."""
    return fence.left in ("(", "[") or (fence.left in ("|", "‖") and width(fence) > limit)


def _opened(whole: Node, fence: Fenced, depth: int, limit: float) -> Iterator[_Piece]:
    level = min(bracket_level(fence), 4)
    yield _Piece(Delimiter(fence.left, level, "left"))
    yield from _pieces(fence.body, depth + 1, limit - _ROOM_OF_BRACKETS)
    closing = Delimiter(fence.right, level, "right")
    yield _Piece(replace(whole, base=closing) if isinstance(whole, Scripts) else closing)


def _bracketed(node: Node) -> Node:
    return Fenced(node) if isinstance(node, Row) else node


def _price(sign: str, depth: int) -> float:
    return _PRICES.get(sign, 0.05) + _PRICE_OF_DEPTH * depth


def _first_line(pieces: list[_Piece], limit: float) -> int:
    """How many pieces stand on the first line."""
    so_far, best, best_cost = 0.0, 0, float("inf")
    for count, piece in enumerate(pieces):
        if count and piece.price is not None and any(not _is_invisible(p.node) for p in pieces[:count]):
            too_wide = max(0.0, so_far - limit)
            cost = piece.price + abs(1 - min(so_far, limit) / limit) + 50 * too_wide
            if cost < best_cost:
                best, best_cost = count, cost
        so_far += width(piece.node)
        if so_far > limit and best:
            return best
    return len(pieces) if so_far <= limit or not best else best


def _is_invisible(node: Node) -> bool:
    return isinstance(node, Operator) and node.form in ("invisible", "thin")


def _joined(pieces: list[_Piece]) -> Node:
    """The pieces of a line as a tree; brackets that open and close on it are fences again."""
    stack: list[list[Node]] = [[]]
    opened: list[Delimiter] = []
    for piece in pieces:
        node = piece.node
        inner = node.base if isinstance(node, Scripts) else node
        if isinstance(node, Delimiter) and node.side == "left":
            opened.append(node)
            stack.append([])
        elif isinstance(inner, Delimiter) and inner.side == "right" and opened:
            left, body = opened.pop(), stack.pop()
            fence = Fenced(row(*body), left.text, inner.text)
            stack[-1].append(replace(node, base=fence) if isinstance(node, Scripts) else fence)
        else:
            stack[-1].append(node)
    flat = stack[0]
    for left, body in zip(opened, stack[1:], strict=True):
        flat += [left, *body]
    return row(*flat)


def _narrowed(node: Cases, limit: float) -> Cases:
    """Cases whose long values go on over several lines; where that does not help, conditions stand under their values."""
    conditions = max(width(condition) if condition else 4.6 for _, condition in node.rows)
    room = limit - conditions - 3.0
    if room > 0.4 * limit:
        narrowed = Cases(tuple((_stacked(value, room), condition) for value, condition in node.rows))
        if width(narrowed) <= limit:
            return narrowed
    room = max(limit - 3.0, _LEAST_WIDTH)
    return Cases(tuple((_above(value, condition, room), EMPTY) for value, condition in node.rows))


def _above(value: Node, condition: Node | None, room: float) -> Node:
    """A value, and in the line below it the condition under which it holds."""
    said = Text("otherwise") if condition is None else row(Text("if "), condition)
    lines = [*break_lines(value, room, room - 1.0), *break_lines(said, room - 1.0, room - 1.0)]
    return Aligned(tuple(AlignedRow(None, "", line, indent=i > 0) for i, line in enumerate(lines)))


def _stacked(value: Node, room: float) -> Node:
    lines = break_lines(value, room, room - 1.0)
    return value if len(lines) == 1 else Aligned(tuple(AlignedRow(None, "", line, indent=i > 0) for i, line in enumerate(lines)))
