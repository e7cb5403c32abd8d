"""Is a drawing clean: nothing lies on anything else; and how often lines cross.

Comes in: a Drawing. Goes out: faults in words (none for a clean drawing) and the number of crossings. The check knows nothing of how
the drawing was laid out, so that it can judge the layout.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from rnnsym.documents.unicode_text import unicode_text
from rnnsym.pictures.drawing import DETAIL_SIZE, NODE_SIZE, Drawing, Edge, Label, Point, Shape
from rnnsym.pictures.lettering import lettering

Box = tuple[float, float, float, float]
Segment = tuple[Edge, Point, Point]
NEAR = 4.0  # parallel lines of different nets nearer than this count as one on the other
SLACK = 1.0


def faults(drawing: Drawing) -> tuple[str, ...]:
    """Everything that lies on something else, and letters that do not fit into their node."""
    return tuple(_faults(drawing))


def crossings(drawing: Drawing) -> int:
    """How often lines of different values cross."""
    pieces = segments(drawing)
    level = [p for p in pieces if p[1][1] == p[2][1]]
    upright = [p for p in pieces if p[1][0] == p[2][0] and p[1][1] != p[2][1]]
    return len({point for a in level for b in upright if (point := _crossing(a, b)) is not None})


def segments(drawing: Drawing) -> list[Segment]:
    """The straight pieces of all edges."""
    return [(edge, a, b) for edge in drawing.edges for a, b in zip(edge.points, edge.points[1:], strict=False)]


def _faults(drawing: Drawing) -> Iterator[str]:
    pieces = segments(drawing)
    for a, b in combinations(drawing.nodes, 2):
        if _overlap(a.box, b.box):
            yield f"node {a.key} lies on node {b.key}"
    for first, second in combinations(drawing.labels, 2):
        if _overlap(first.box, second.box):
            yield f"label {_words(first)} lies on label {_words(second)}"
    for label in drawing.labels:
        yield from (f"label {_words(label)} lies on node {node.key}" for node in drawing.nodes if _overlap(label.box, node.box))
        yield from (f"label {_words(label)} lies on the line {e.net}" for e, a, b in pieces if _overlap(label.box, _hull(a, b)))
    for node in drawing.nodes:
        yield from (f"the line {e.net} goes through node {node.key}" for e, a, b in pieces if _goes_through(node, a, b))
        yield from _crowded(node)
    for one, two in combinations(pieces, 2):
        if one[0].net != two[0].net and _lies_on(*one[1:], *two[1:]):
            yield f"the line {one[0].net} lies on the line {two[0].net}"
    for edge, start, end in pieces:
        if start[0] != end[0] and start[1] != end[1]:
            yield f"the line {edge.net} is askew"
    yield from _outside(drawing)


def _words(label: Label) -> str:
    return unicode_text(label.tree)


def _hull(a: Point, b: Point) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])


def _overlap(a: Box, b: Box) -> bool:
    """Whether two boxes share more than a border."""
    both = a[0] < b[2] - SLACK and b[0] < a[2] - SLACK and a[1] < b[3] - SLACK and b[1] < a[3] - SLACK
    return both or _inside(a, b) or _inside(b, a)


def _inside(a: Box, b: Box) -> bool:
    """Whether a flat box (a line) runs within the other one."""
    flat = a[0] == a[2] or a[1] == a[3]
    return flat and b[0] + SLACK < a[2] and a[0] < b[2] - SLACK and b[1] + SLACK < a[3] and a[1] < b[3] - SLACK


def _goes_through(node: Shape, a: Point, b: Point) -> bool:
    """Whether a line has a point inside a node's outline."""
    if not _inside(_hull(a, b), node.box):
        return False
    steps = max(1, int((abs(a[0] - b[0]) + abs(a[1] - b[1])) / 2))
    points = ((a[0] + (b[0] - a[0]) * i / steps, a[1] + (b[1] - a[1]) * i / steps) for i in range(steps + 1))
    return any(_holds(node, x, y) for x, y in points)


def _holds(node: Shape, x: float, y: float) -> bool:
    """Whether a point is inside the outline, a little more than its line's width."""
    left, top, right, bottom = node.box
    corner = node.corner
    dx = max(left + corner - x, x - right + corner, 0.0)
    dy = max(top + corner - y, y - bottom + corner, 0.0)
    within = left + 1.5 < x < right - 1.5 and top + 1.5 < y < bottom - 1.5
    return within and (dx == 0 or dy == 0 or dx**2 + dy**2 < (corner - 1.5) ** 2)


def _crowded(node: Shape) -> Iterator[str]:
    for tree, size in ((node.label, NODE_SIZE), (node.detail, DETAIL_SIZE)):
        if tree is not None and node.kind != "delay" and lettering(tree, size).width > node.width:
            yield f"the letters {unicode_text(tree)} do not fit into node {node.key}"


def _lies_on(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether two parallel pieces run along each other."""
    if a[1] == b[1] and c[1] == d[1] and abs(a[1] - c[1]) < NEAR:
        return min(max(a[0], b[0]), max(c[0], d[0])) - max(min(a[0], b[0]), min(c[0], d[0])) > SLACK
    if a[0] == b[0] and c[0] == d[0] and abs(a[0] - c[0]) < NEAR:
        return min(max(a[1], b[1]), max(c[1], d[1])) - max(min(a[1], b[1]), min(c[1], d[1])) > SLACK
    return False


def _crossing(level: Segment, upright: Segment) -> tuple[str, str, Point] | None:
    (first, a, b), (second, c, d) = level, upright
    if first.net == second.net or not min(a[0], b[0]) < c[0] < max(a[0], b[0]) or not min(c[1], d[1]) < a[1] < max(c[1], d[1]):
        return None
    return first.net, second.net, (c[0], a[1])


def _outside(drawing: Drawing) -> Iterator[str]:
    boxes = [node.box for node in drawing.nodes] + [label.box for label in drawing.labels]
    boxes += [_hull(a, b) for _, a, b in segments(drawing)]
    if any(b[0] < 0 or b[1] < 0 or b[2] > drawing.width or b[3] > drawing.height for b in boxes):
        yield "something lies outside the drawing"
