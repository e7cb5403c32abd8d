"""A drawing: shapes, edges, labels and dots with coordinates, laid out once and independent of any format.

Comes in: what a layout made. Goes out: `Drawing`, which writes itself as SVG and as TikZ. Coordinates are pixels, x to the right, y
downwards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from rnnsym.documents.mathematics import Node
from rnnsym.pictures.lettering import lettering

NODE_SIZE, LABEL_SIZE, SIGN_SIZE, DETAIL_SIZE = 16, 13, 12, 11  # of letters, in pixels: in nodes, on lines, in delays, below
MARGIN = 12.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Shape:
    """A node: a box with round corners around (x, y); a circle where `corner` is half of both sides.

    kind: "data", "state", "function" (part of a recurrence), "readout" (none), "operator", "loss", "delay" or "plain" (letters alone).
    """

    key: str
    kind: str
    x: float
    y: float
    width: float
    height: float
    corner: float
    label: Node | None = None
    detail: Node | None = None
    dashed: bool = False

    @property
    def box(self) -> tuple[float, float, float, float]:
        """left, top, right, bottom"""
        return self.x - self.width / 2, self.y - self.height / 2, self.x + self.width / 2, self.y + self.height / 2

    def inset(self, dy: float) -> float:
        """How far the outline stands back from the side of the box, `dy` away from the middle."""
        return corner_inset(self.height, self.corner, dy)


@dataclass(frozen=True)
class Edge:
    """A line through points with right angles; edges of one `net` carry one value and may meet. kind: "forward" or "error"."""

    net: str
    points: tuple[Point, ...]
    kind: str = "forward"
    arrow: bool = True
    dashed: bool = False


@dataclass(frozen=True)
class Label:
    """Letters around (x, y); kind: "forward" or "error"."""

    tree: Node
    x: float
    y: float
    kind: str = "forward"

    @property
    def drop(self) -> float:
        """How far below y the base line of the letters is."""
        return lettering(self.tree, LABEL_SIZE).drop

    @property
    def box(self) -> tuple[float, float, float, float]:
        """left, top, right, bottom"""
        width, height = label_room(self.tree)
        return self.x - width / 2, self.y - height / 2, self.x + width / 2, self.y + height / 2


@dataclass(frozen=True)
class Dot:
    """Where a line branches."""

    x: float
    y: float
    kind: str = "forward"


@dataclass(frozen=True)
class Drawing:
    """A picture: what it is (for those who cannot see it), its size, and everything in it."""

    name: str
    title: str
    description: str
    width: float
    height: float
    nodes: tuple[Shape, ...]
    edges: tuple[Edge, ...]
    labels: tuple[Label, ...] = ()
    dots: tuple[Dot, ...] = ()

    def svg(self, mathematical: bool = False) -> str:
        """The drawing as an SVG element that stands alone or inside a page; light and dark by custom properties.

        mathematical: letters in italics are characters of their own (𝑥), for a page that brings a font which has them.
        """
        from rnnsym.pictures.svg import svg_source  # imported late: the serialisers import this file

        return svg_source(self, mathematical)

    def tikz(self, width: float = 346.0, height: float = inf) -> str:
        """The drawing as a `tikzpicture` (library arrows.meta) not larger than this in points, letters of at most 9 points."""
        from rnnsym.pictures.tikz import tikz_source

        return tikz_source(self, width, height)

    def _repr_svg_(self) -> str:
        """For notebooks."""
        return self.svg()

    def __repr__(self) -> str:
        return f"<Drawing {self.name}: {len(self.nodes)} nodes, {len(self.edges)} edges>"


def label_room(tree: Node) -> tuple[float, float]:
    """Width and height that a label takes."""
    letters = lettering(tree, LABEL_SIZE)
    return letters.width, letters.height


def corner_inset(height: float, corner: float, dy: float) -> float:
    """How far a round corner stands back, `dy` away from the middle of a side of that height."""
    into = abs(dy) - (height / 2 - corner)
    if into <= 0 or corner <= 0:
        return 0.0
    return corner - (max(0.0, corner**2 - min(into, corner) ** 2)) ** 0.5


def _one_line(text: str) -> str:
    """The text without line ends and other characters that a picture's comments or XML cannot hold: a model's name is a file's name."""
    return " ".join("".join(ch if ch.isprintable() else " " for ch in text).split())


def cropped(name: str, title: str, description: str, nodes, edges, labels, dots) -> Drawing:
    """The drawing of these parts, moved so that its upper left corner is at the margin; coordinates to a tenth of a pixel."""
    boxes = [part.box for part in (*nodes, *labels)]
    points = [point for edge in edges for point in edge.points]
    left = min([b[0] for b in boxes] + [p[0] for p in points], default=0.0) - MARGIN
    top = min([b[1] for b in boxes] + [p[1] for p in points], default=0.0) - MARGIN
    right = max([b[2] for b in boxes] + [p[0] for p in points], default=0.0) + MARGIN
    bottom = max([b[3] for b in boxes] + [p[1] for p in points], default=0.0) + MARGIN

    def moved(part):
        return replace(part, x=round(part.x - left, 1), y=round(part.y - top, 1))

    lines = tuple(replace(e, points=tuple((round(x - left, 1), round(y - top, 1)) for x, y in e.points)) for e in edges)
    size = round(right - left, 1), round(bottom - top, 1)
    return Drawing(
        name,
        _one_line(title),
        _one_line(description),
        *size,
        tuple(map(moved, nodes)),
        lines,
        tuple(map(moved, labels)),
        tuple(map(moved, dots)),
    )
