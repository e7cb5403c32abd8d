"""Empty strips become narrow, and nothing else changes."""

from __future__ import annotations

from rnnsym.pictures.closing import WIDEST, closed_up
from rnnsym.pictures.drawing import Edge, Shape
from rnnsym.pictures.layered import Parts


def box(key: str, y: float) -> Shape:
    return Shape(key, "data", 0.0, y, 20.0, 20.0, 4.0)


def test_what_lies_below_an_empty_strip_moves_up():
    line = Edge("a", ((10.0, 0.0), (30.0, 0.0), (30.0, 300.0), (50.0, 300.0)))
    closed = closed_up(Parts([box("a", 0.0), box("b", 100.0), box("c", 112.0), box("d", 300.0)], [line]))
    assert [shape.y for shape in closed.shapes] == [0.0, 20 + WIDEST, 32 + WIDEST, 52 + 2 * WIDEST]
    assert closed.edges[0].points == ((10.0, 0.0), (30.0, 0.0), (30.0, 52 + 2 * WIDEST), (50.0, 52 + 2 * WIDEST))


def test_a_level_line_keeps_its_strip():
    line = Edge("a", ((10.0, 30.0), (90.0, 30.0)))
    parts = Parts([box("a", 0.0), box("b", 60.0)], [line])
    assert closed_up(parts).shapes == parts.shapes


def test_nothing_stays_nothing():
    assert closed_up(Parts()) == Parts()
