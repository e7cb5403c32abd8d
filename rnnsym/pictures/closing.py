"""Closing up: empty strips across a drawing become narrow.

Comes in: what a layout made. Goes out: the same, with everything below a high empty strip moved up. Only upright lines cross such a
strip, and these become shorter; nothing else changes, so what was clean stays clean.
"""

from __future__ import annotations

from dataclasses import replace

from rnnsym.pictures.drawing import Edge
from rnnsym.pictures.layered import Parts

WIDEST = 26.0  # pixels of a strip that stays
_BESIDE = 2.0  # pixels that a level line takes on both sides


def closed_up(parts: Parts) -> Parts:
    """The parts without empty strips that are higher than `WIDEST`."""
    cuts = _cuts(parts)

    def moved(y: float) -> float:
        return y - sum(surplus for bottom, surplus in cuts if y >= bottom)

    return Parts(
        [replace(shape, y=moved(shape.y)) for shape in parts.shapes],
        [Edge(e.net, tuple((x, moved(y)) for x, y in e.points), e.kind, e.arrow, e.dashed) for e in parts.edges],
        [replace(label, y=moved(label.y)) for label in parts.labels],
        [replace(dot, y=moved(dot.y)) for dot in parts.dots],
    )


def _cuts(parts: Parts) -> list[tuple[float, float]]:
    """The lower ends of the strips that are too high, and by how much they are."""
    taken = sorted(_taken(parts))
    found = []
    reached = taken[0][1] if taken else 0.0
    for top, bottom in taken:
        if top - reached > WIDEST:
            found.append((top, top - reached - WIDEST))
        reached = max(reached, bottom)
    return found


def _taken(parts: Parts) -> list[tuple[float, float]]:
    """From where to where every shape, label and level line reaches."""
    rows = [(part.box[1], part.box[3]) for part in parts.shapes] + [(part.box[1], part.box[3]) for part in parts.labels]
    level = {a[1] for edge in parts.edges for a, b in zip(edge.points, edge.points[1:], strict=False) if a[1] == b[1]}
    return rows + [(y - _BESIDE, y + _BESIDE) for y in level]
