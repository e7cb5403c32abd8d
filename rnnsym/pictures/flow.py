"""One step as data flow: the picture of the equations between the values that come in and those that go out.

Comes in: a System. Goes out: a Drawing: what comes in stands at the left, what goes on to other steps at the right, operations between,
each one rank after the last of its operands. A step that would be too wide goes on in further lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rnnsym.algebra.system import System
from rnnsym.documents.mathematics import Node
from rnnsym.documents.names import Names
from rnnsym.documents.unicode_text import unicode_text
from rnnsym.pictures.bands import bands, cuts
from rnnsym.pictures.closing import closed_up
from rnnsym.pictures.drawing import Dot, Drawing, Edge, cropped
from rnnsym.pictures.layered import Item, Link, Parts, lay_out
from rnnsym.pictures.steps import StepGraph

WIDEST = 900.0  # pixels of a line of operations: what a page of text or a screen shows without shrinking the letters much
_BETWEEN = 34.0  # pixels between two lines


def data_flow(system: System, names: Names | None = None, width: float = WIDEST) -> Drawing:
    """One step of a System as layered data flow, from left to right.

    names: how names are typeset; by default as the System says. width: in pixels; a step that is wider goes on in further lines.
    """
    graph = StepGraph(system, names or Names.of(system))
    items = ranked(list(graph.items.values()), graph.links)
    lines = _lines(items, graph.links, width)
    parts = _stacked(lines)
    entering = [item for item in items if item.key.startswith("in ")]
    leaving = [item for item in items if item.key.startswith("out ")]
    title = f"One step of {system.name} as data flow"
    text = f"From the left come {listing(entering)}; to the right leave {listing(leaving)}; between stand operations, first operands above."
    text += f" It goes on over {len(lines)} lines; what a line hands on to a later one has the same letters in both." if lines[1:] else ""
    return cropped(f"{system.name}-data-flow", title, text, parts.shapes, parts.edges, parts.labels, parts.dots)


def _lines(items: Sequence[Item], links: Sequence[Link], width: float) -> list[Parts]:
    """The layout in one line or, where that is too wide, in as few lines as keep the width."""
    whole = closed_up(lay_out(items, links))
    rank = {item.key: item.rank for item in items}
    right: dict[int, float] = {}
    for shape in whole.shapes:
        right[rank[shape.key]] = max(right.get(rank[shape.key], 0.0), shape.box[2])
    found = [whole]
    for count in range(2, len(right) + 1):
        if max(_width(part) for part in found) <= width:
            break
        parts = bands(items, links, cuts(items, links, right, count))
        found = [closed_up(lay_out(ranked(band.items, band.links), band.links)) for band in parts if band.items]
    return found


def _width(parts: Parts) -> float:
    return max(shape.box[2] for shape in parts.shapes) - min(shape.box[0] for shape in parts.shapes)


def _stacked(lines: Sequence[Parts]) -> Parts:
    """The lines, one below the other; what stands in several keeps its key with the number of the line."""
    whole, bottom = Parts(), 0.0
    for number, line in enumerate(lines):
        top, low = _reach(line)
        down = bottom - top if number else 0.0
        mark = f" {number}" if number else ""
        whole.shapes += [replace(shape, key=f"{shape.key}{mark}", y=shape.y + down) for shape in line.shapes]
        whole.edges += [Edge(f"{e.net}{mark}", tuple((x, y + down) for x, y in e.points)) for e in line.edges]
        whole.labels += [replace(label, y=label.y + down) for label in line.labels]
        whole.dots += [Dot(dot.x, dot.y + down) for dot in line.dots]
        bottom = low + down + _BETWEEN
    return whole


def _reach(parts: Parts) -> tuple[float, float]:
    """The highest and the lowest of everything drawn."""
    boxes = [shape.box for shape in parts.shapes] + [label.box for label in parts.labels]
    heights = [y for edge in parts.edges for _, y in edge.points]
    return min([box[1] for box in boxes] + heights), max([box[3] for box in boxes] + heights)


def listing(items: Sequence[Item]) -> str:
    """The items' labels in words: `x_t, h_{t-1} and c_{t-1}`."""
    words = [unicode_text(item.label) for item in items if isinstance(item.label, Node)]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words) or "no values"


def ranked(items: Sequence[Item], links: Sequence[Link]) -> list[Item]:
    """Every item with its rank: one after its last operand; data just before its first reader; what leaves, last."""
    operands: dict[str, list[str]] = {item.key: [] for item in items}
    readers: dict[str, list[str]] = {item.key: [] for item in items}
    for link in links:
        operands[link.target].append(link.source)
        readers[link.source].append(link.target)
    rank: dict[str, int] = {}
    pending = [item.key for item in items]
    while pending:
        for key in pending:
            if all(k in rank for k in operands[key]):
                rank[key] = max((rank[k] + 1 for k in operands[key]), default=0)
        pending = [key for key in pending if key not in rank]
    last = max(rank.values(), default=0)
    for item in items:
        if item.key.startswith("out "):
            rank[item.key] = last
    for item in items:
        if not operands[item.key] and readers[item.key] and item.kind in ("data", "plain", "delay") and not item.dashed:
            rank[item.key] = min(rank[k] for k in readers[item.key]) - 1
    return [replace(item, rank=rank[item.key]) for item in items]
