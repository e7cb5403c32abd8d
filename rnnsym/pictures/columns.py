"""Drawing in columns: the same rows in every column, lines between the columns with right angles.

Comes in: cells, rungs (straight lines between neighbours of a column) and strands (lines that leave a cell at its side). Goes out:
shapes, edges, labels and dots. Each row has ports at fixed heights, the same in every column, so that what repeats in time looks alike;
each gap between columns is a channel with a zone for labels on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rnnsym.documents.mathematics import Node
from rnnsym.pictures.channel import Net, route
from rnnsym.pictures.drawing import NODE_SIZE, SIGN_SIZE, Dot, Edge, Label, Point, Shape, corner_inset, label_room
from rnnsym.pictures.layered import HEAD, LIFT, PIN, TRACK, Parts
from rnnsym.pictures.lettering import lettering
from rnnsym.pictures.web import Web, spin

ROW_GAP, SLOT_GAP, PAD, RUNG = 34.0, 24.0, 6.0, 9.0  # between rows, beside empty rows, of ports from corners, of paired rungs
BODY, DELAY, LOOP = 48.0, 18.0, 18.0  # a cell's side, a delay's side, half the height of a delay's loop

Place = tuple[int, str, int | None]  # column, row, step of a delay


@dataclass(frozen=True)
class Cell:
    """A node in a column and a row."""

    column: int
    row: str
    kind: str
    label: Node
    round: bool = True
    dashed: bool = False
    step: int | None = None  # the place of a delay in its chain, which hangs from the row's line


@dataclass(frozen=True)
class Port:
    """Where lines meet the side of a row's cells.

    `height` fixes it (downwards from the row's line); else `pull` < 0 puts it above the fixed ones, > 0 below, the further the greater.
    Ports of one `layer` share the side; those of delays have their own.
    """

    row: str
    side: str  # "left" or "right"
    role: str
    pull: float = 0.0
    height: float | None = None
    layer: str = ""


@dataclass(frozen=True)
class End:
    """An end of a strand at a port of a column; a label is printed above the line there. With a `step` it is at a delay of a chain: a
    target above it, a source below it."""

    column: int
    port: Port
    label: Node | None = None
    dashed: bool = False
    step: int | None = None


@dataclass(frozen=True)
class Strand:
    """A line from sources to targets; `passes` are the columns that it crosses at a port's height.

    Without sources, or without targets, it is a stub: its other end is too far away in time to be drawn.
    """

    key: str
    kind: str
    sources: tuple[End, ...]
    targets: tuple[End, ...]
    passes: tuple[tuple[int, Port], ...] = ()

    @property
    def ends(self) -> tuple[End, ...]:
        return self.sources + self.targets

    @property
    def is_stub(self) -> bool:
        return not self.sources or not self.targets


@dataclass(frozen=True)
class Rung:
    """A straight line between two neighbours of a column."""

    column: int
    source: str
    target: str
    kind: str = "forward"
    label: Node | None = None
    paired: bool = False


@dataclass
class _Row:
    top: float = 0.0  # of the body, from the row's line
    bottom: float = 0.0
    highest: float = 0.0  # of everything in the row
    lowest: float = 0.0
    filled: bool = False
    y: float = 0.0


def lay_out(rows: Sequence[str], columns: int, cells: Iterable[Cell], rungs: Iterable[Rung], strands: Iterable[Strand]) -> Parts:
    """Place everything; `rows` from top to bottom."""
    return _Layout(rows, columns, tuple(cells), tuple(rungs), tuple(strands)).parts()


@dataclass
class _Layout:
    names: Sequence[str]
    columns: int
    cells: tuple[Cell, ...]
    rungs: tuple[Rung, ...]
    strands: tuple[Strand, ...]
    height: dict[tuple[str, str, str], float] = field(default_factory=dict)
    x: dict[int, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows = {name: _Row() for name in self.names}
        for cell in self.cells:
            self.rows[cell.row].filled = True
        self._set_ports()
        self._set_rows()

    # ------------------------------------------------------------ heights

    def _set_ports(self) -> None:
        """The height of every port, from its row's line, and the extent of the rows."""
        room: dict[Port, float] = {}
        for strand in self.strands:
            for port, label in [*((end.port, end.label) for end in strand.ends), *((port, None) for _, port in strand.passes)]:
                needed = label_room(label)[1] + 2 * LIFT if label is not None else PIN
                room[port] = max(room.get(port, PIN), needed)
        sides: dict[tuple[str, str, str], dict[str, Port]] = {}
        for port in room:
            known = sides.setdefault((port.row, port.side, port.layer), {}).setdefault(port.role, port)
            room[known] = max(room[known], room[port])
        for (row, side, _), ports in sides.items():
            for role, height in _stacked(list(ports.values()), room).items():
                self.height[row, side, role] = height
        layers = {(port.row, port.side, port.role): port.layer for port in room}
        for name, extent in self.rows.items():
            inner = [h for key, h in self.height.items() if key[0] == name and not layers[key]]
            body = BODY / 2 if extent.filled else 0.0
            extent.top, extent.bottom = min([-body] + [h - PAD for h in inner]), max([body] + [h + PAD for h in inner])
            every = [h for key, h in self.height.items() if key[0] == name]
            extent.highest, extent.lowest = min([extent.top, *every]), max([extent.bottom, *every])

    def _set_rows(self) -> None:
        """The y of every row's line, from the top; between rows there is room for the labels of rungs and ports."""
        labelled = {end.port.row for strand in self.strands for end in strand.ends if end.label is not None}
        y, above = 0.0, None
        for name in self.names:
            row = self.rows[name]
            if above is not None:
                gap = ROW_GAP if row.filled or self.rows[above].filled else SLOT_GAP
                rung_labels = [label_room(r.label)[1] for r in self.rungs if r.label is not None and above in (r.source, r.target)]
                gap = max(gap, max(rung_labels, default=0.0) + 16.0) + (14.0 if name in labelled else 0.0)
                y += self.rows[above].lowest + gap - row.highest
            row.y, above = y, name

    def port_height(self, port: Port) -> float:
        return round(self.rows[port.row].y + self.height[port.row, port.side, port.role], 2)

    # ------------------------------------------------------------ drawing

    def parts(self) -> Parts:
        parts = Parts()
        webs = {strand.key: Web() for strand in self.strands}
        points: dict[tuple[str, End], Point] = {}
        shapes = self._shapes()
        x = 0.0
        for column in range(self.columns):
            width = _widest(shapes, column)
            self.x[column] = (x, x + width)
            x = self._channel(column, x + width, webs, shapes)
        placed = {key: _centred(shape, *self.x[key[0]]) for key, shape in shapes.items()}
        parts.shapes += placed.values()
        for strand in self.strands:
            for end in strand.ends:
                points[strand.key, end] = self._attach(end, strand, webs[strand.key], placed, parts)
            for column, port in strand.passes:
                y = self.port_height(port)
                webs[strand.key].join((self.x[column][0], y), (self.x[column][1], y))
            parts.edges += [self._stub(strand, points)] if strand.is_stub else _lines(strand, webs[strand.key], points)
            parts.dots += [Dot(*point, strand.kind) for point in webs[strand.key].branches()]
        for rung in self.rungs:
            self._draw_rung(rung, placed, parts)
        return parts

    def _shapes(self) -> dict[Place, Shape]:
        """The shape of every cell, still at x = 0."""
        shapes: dict[Place, Shape] = {}
        for cell in self.cells:
            row = self.rows[cell.row]
            if cell.step is not None:
                y = row.y + 2 * LOOP * cell.step
                key = f"{cell.row} {cell.column} {cell.step}"
                width = max(DELAY, lettering(cell.label, SIGN_SIZE).width + 4)
                shapes[cell.column, cell.row, cell.step] = Shape(key, cell.kind, 0.0, y, width, DELAY, 2.0, cell.label)
                continue
            height, middle = row.bottom - row.top, row.y + (row.top + row.bottom) / 2
            width = max(BODY, lettering(cell.label, NODE_SIZE).width + 18)
            corner = min(width, height) / 2 if cell.round else 8.0
            key = f"{cell.row} {cell.column}"
            shapes[cell.column, cell.row, None] = Shape(key, cell.kind, 0.0, middle, width, height, corner, cell.label, None, cell.dashed)
        return shapes

    def _attach(self, end: End, strand: Strand, web: Web, placed: Mapping[Place, Shape], parts: Parts) -> Point:
        """Join an end's line to its cell (or to the column's edge where there is none); draw its label; the point where it ends."""
        left, right = self.x[end.column]
        y = self.port_height(end.port)
        edge = left if end.port.side == "left" else right
        shape = placed.get((end.column, end.port.row, end.step))
        if end.step is not None and shape is not None:
            tip = shape.x, shape.box[3 if end in strand.sources else 1]
            web.join((shape.x, y), tip)
            if any(other.step is None for other in strand.ends):
                web.join((edge, y), (shape.x, y))
            return tip
        away = -1.0 if end.port.side == "left" else 1.0
        x = shape.x + away * (shape.width / 2 - shape.inset(y - shape.y)) if shape else edge
        if not strand.is_stub:
            web.join((edge, y), (x, y))
        if end.label is not None:
            width, height = label_room(end.label)
            side = shape.x + away * shape.width / 2 if shape else edge
            parts.labels.append(Label(end.label, side + away * (HEAD + width / 2), y - LIFT - height / 2, strand.kind))
        return x, y

    def _stub(self, strand: Strand, points: Mapping[tuple[str, End], Point]) -> Edge:
        """A short line at the only end of a strand, as long as its label."""
        (end,) = strand.ends
        x, y = points[strand.key, end]
        length = HEAD + 4.0 + (label_room(end.label)[0] if end.label is not None else 0.0)
        left, right = self.x[end.column]
        far = left - length if end.port.side == "left" else right + length
        way = ((far, y), (x, y)) if end in strand.targets else ((x, y), (far, y))
        return Edge(strand.key, way, strand.kind, dashed=True)

    def _channel(self, column: int, left: float, webs: Mapping[str, Web], shapes: Mapping[Place, Shape]) -> float:
        """The lines between a column and the next one; where the next one begins."""
        if column + 1 >= self.columns:
            return left
        entering: dict[str, set[float]] = {}
        leaving: dict[str, set[float]] = {}
        for strand in self.strands:
            if strand.is_stub:
                continue
            pins = [(end.column, end.port.side, end.port) for end in strand.ends]
            pins += [(c, side, port) for c, port in strand.passes for side in ("left", "right")]
            for c, side, port in pins:
                if (c, side) == (column, "right"):
                    entering.setdefault(strand.key, set()).add(self.port_height(port))
                elif (c, side) == (column + 1, "left"):
                    leaving.setdefault(strand.key, set()).add(self.port_height(port))
        keys = [s.key for s in self.strands if s.key in entering or s.key in leaving]
        nets = [Net(k, tuple(sorted(entering.get(k, ()))), tuple(sorted(leaving.get(k, ())))) for k in keys]
        routing = route(nets)
        first = left + self._zone(column, "right", shapes)
        right = first + max(routing.tracks - 1, 0) * TRACK + self._zone(column + 1, "left", shapes)
        spin(routing, nets, webs, left, right, {i: first + i * TRACK for i in range(routing.tracks)})
        return right

    def _zone(self, column: int, side: str, shapes: Mapping[Place, Shape]) -> float:
        """The width of the room for labels beside a column."""
        ends = [end for strand in self.strands for end in strand.ends if (end.column, end.port.side) == (column, side)]
        widths = [label_room(end.label)[0] + HEAD + 8 for end in ends if end.label is not None]
        widths += [HEAD + 6.0] if ends else [8.0]
        widest = _widest(shapes, column)
        for rung in self.rungs:
            if rung.column == column and rung.label is not None and (rung.kind == "forward" and rung.paired) == (side == "left"):
                widths.append(RUNG + 10 + label_room(rung.label)[0] - widest / 2)
        return max(widths)

    def _draw_rung(self, rung: Rung, placed: Mapping[Place, Shape], parts: Parts) -> None:
        source, target = placed[rung.column, rung.source, None], placed[rung.column, rung.target, None]
        dx = (-RUNG if rung.kind == "forward" else RUNG) if rung.paired else 0.0
        upper, lower = sorted((source, target), key=lambda shape: shape.y)
        x = source.x + dx
        top = upper.box[3] - corner_inset(upper.width, upper.corner, dx)
        bottom = lower.box[1] + corner_inset(lower.width, lower.corner, dx)
        points = ((x, bottom), (x, top)) if source is lower else ((x, top), (x, bottom))
        parts.edges.append(Edge(f"{rung.source} {rung.target} {rung.column} {rung.kind}", points, rung.kind))
        if rung.label is not None:
            width, height = label_room(rung.label)
            away = -1.0 if dx < 0 else 1.0
            parts.labels.append(Label(rung.label, x + away * (6 + width / 2), upper.box[3] + 6 + height / 2, rung.kind))


def _centred(shape: Shape, left: float, right: float) -> Shape:
    return replace(shape, x=(left + right) / 2)


def _widest(shapes: Mapping[Place, Shape], column: int) -> float:
    return max((shape.width for place, shape in shapes.items() if place[0] == column), default=0.0)


def _stacked(ports: list[Port], room: Mapping[Port, float]) -> dict[str, float]:
    """Heights of the ports of one side: fixed ones where they are, the others above and below them."""
    fixed = [p for p in ports if p.height is not None]
    above = sorted((p for p in ports if p.height is None and p.pull < 0), key=lambda p: (p.pull, p.role))
    below = sorted((p for p in ports if p.height is None and p.pull >= 0), key=lambda p: (p.pull, p.role))
    heights = {p.role: p.height for p in fixed if p.height is not None}
    order = above + sorted(fixed, key=lambda p: p.height or 0.0) + below
    if not fixed:
        here = 0.0
        for i, port in enumerate(order):
            here += room[port] if i else 0.0
            heights[port.role] = here
        return {role: round(h - here / 2, 2) for role, h in heights.items()}
    start = len(above)
    for i in range(start - 1, -1, -1):
        heights[order[i].role] = heights[order[i + 1].role] - room[order[i + 1]]
    for i in range(start + len(fixed), len(order)):
        heights[order[i].role] = heights[order[i - 1].role] + room[order[i]]
    return {role: round(h, 2) for role, h in heights.items()}


def _lines(strand: Strand, web: Web, points: Mapping[tuple[str, End], Point]) -> list[Edge]:
    """The edges of a strand; where several sources meet, only the first one's line bears the arrow's head."""
    first, target = strand.sources[0], strand.targets[0]
    edges = []
    if len(strand.sources) == 1 or len(strand.targets) > 1:
        ways = web.ways(points[strand.key, first], [points[strand.key, end] for end in strand.targets])
        edges = [Edge(strand.key, w, strand.kind, True, first.dashed or e.dashed) for w, e in zip(ways, strand.targets, strict=True)]
    if len(strand.sources) > 1:
        ways = web.ways(points[strand.key, target], [points[strand.key, end] for end in strand.sources])
        for i, (way, end) in enumerate(zip(ways, strand.sources, strict=True)):
            if i or not edges:
                edges.append(Edge(strand.key, way[::-1], strand.kind, not i, end.dashed or target.dashed))
    return edges
