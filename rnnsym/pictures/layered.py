"""Layered drawing: ranks from left to right, lines with right angles between them.

Comes in: items with their ranks, and links between them. Goes out: shapes, edges, labels and dots. A link that spans several ranks
passes through the ranks between as a line that all its readers share. Labels stand in zones of their own on both sides of a channel,
above the line that they belong to, and every line keeps their height of distance from the next: so nothing can overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

from rnnsym.documents.mathematics import Node
from rnnsym.pictures.channel import Net, Routing, route
from rnnsym.pictures.drawing import Dot, Edge, Label, Point, Shape, corner_inset, label_room
from rnnsym.pictures.ordering import ordered
from rnnsym.pictures.placement import Tie, placed
from rnnsym.pictures.web import Web, spin

PIN, GAP, TRACK, LIFT = 14.0, 18.0, 12.0, 3.0  # between lines, between shapes, between tracks, of a label above its line
HEAD = 14.0  # a straight piece for the arrow's head


@dataclass(frozen=True)
class Item:
    """A node to be placed. `name` is printed where its line begins; `keeps_order` says that its links come in as given."""

    key: str
    kind: str
    width: float
    height: float
    round: bool
    rank: int
    label: Node | None = None
    detail: Node | None = None
    name: Node | None = None
    dashed: bool = False
    keeps_order: bool = False


@dataclass(frozen=True)
class Link:
    """From an item to an item of a later rank, with what is printed where it arrives."""

    source: str
    target: str
    label: Node | None = None


@dataclass
class _Seat:
    """What stands in a rank: an item, or a line passing through (item None); pins are relative to its middle."""

    net: str
    rank: int
    item: Item | None
    height: float = 0.0
    ports: list[tuple[Link, float]] = field(default_factory=list)


@dataclass
class Parts:
    """What a layout draws."""

    shapes: list[Shape] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    dots: list[Dot] = field(default_factory=list)


def lay_out(items: Sequence[Item], links: Sequence[Link]) -> Parts:
    """Place items and lines."""
    return _Layout(items, links).parts()


class _Layout:
    def __init__(self, items: Sequence[Item], links: Sequence[Link]):
        self.items = {item.key: item for item in items}
        self.links = links
        self.seats: dict[str, _Seat] = {item.key: _Seat(item.key, item.rank, item) for item in items}
        self.following: dict[str, list[str]] = {}
        self._pass_through()
        self.ranks = self._ordered()
        self._set_ports()
        self.place = placed(self.ranks, self._distance, self._ties())

    # ------------------------------------------------------------ order

    def _pass_through(self) -> None:
        """Seats for lines in the ranks that they only pass."""
        self.steps: list[tuple[str, str, Link | None]] = []  # seat, seat of the next rank, the link if it ends there
        for link in self.links:
            here = link.source
            for rank in range(self.items[link.source].rank + 1, self.items[link.target].rank):
                there = f"{link.source} at {rank}"
                if there not in self.seats:
                    self.seats[there] = _Seat(link.source, rank, None)
                    self.steps.append((here, there, None))
                here = there
            self.steps.append((here, link.target, link))
        for a, b, _ in self.steps:
            self.following.setdefault(a, []).append(b)

    def _ordered(self) -> list[list[str]]:
        count = max((seat.rank for seat in self.seats.values()), default=0) + 1
        ranks: list[list[str]] = [[] for _ in range(count)]
        for key, seat in self.seats.items():
            ranks[seat.rank].append(key)
        return ordered(ranks, self.following)

    # ------------------------------------------------------------ room

    def _set_ports(self) -> None:
        """The pins of every item, top to bottom, and the height that they need."""
        position = {key: i for rank in self.ranks for i, key in enumerate(rank)}
        arriving: dict[str, list[tuple[int, Link]]] = {}
        for a, b, link in self.steps:
            if link is not None:
                arriving.setdefault(b, []).append((position[a], link))
        for key, item in self.items.items():
            rows = arriving.get(key, [])
            if not item.keeps_order:
                rows = sorted(rows, key=lambda row: row[0])
            here, ports = 0.0, []
            for i, (_, link) in enumerate(rows):
                here += _pin_room(link.label) if i else 0.0
                ports.append((link, here))
            seat = self.seats[key]
            seat.ports = [(link, at - here / 2) for link, at in ports]
            seat.height = max(item.height, here + (16.0 if item.round else 20.0)) if here else item.height

    def _distance(self, a: str, b: str) -> float:
        """How far the middles of two neighbours in a rank must be apart, a above b."""
        upper, lower = self.seats[a], self.seats[b]
        solid = sum(seat.item is not None for seat in (upper, lower))
        bodies = (upper.height + lower.height) / 2 + (0.0, 12.0, GAP)[solid]
        last = upper.ports[-1][1] if upper.ports else 0.0
        first, label = (lower.ports[0][1], lower.ports[0][0].label) if lower.ports else (0.0, None)
        left = last - first + _pin_room(label)
        return max(bodies, left, _pin_room(lower.item.name if lower.item else None))

    def _ties(self) -> list[Tie]:
        ties = []
        for a, b, link in self.steps:
            pin = next((at for other, at in self.seats[b].ports if other is link), 0.0)
            passing = sum(self.seats[k].item is None for k in (a, b))
            ties.append(Tie(a, b, 0.0, pin, (1.0, 2.0, 6.0)[passing]))
        return ties

    # ------------------------------------------------------------ coordinates

    def parts(self) -> Parts:
        """Everything with its coordinates."""
        parts = Parts()
        webs = {key: Web() for key in self.items}
        ends: list[tuple[Link, Point]] = []
        x = 0.0
        for number, rank in enumerate(self.ranks):
            width = max((seat.item.width for seat in map(self.seats.get, rank) if seat and seat.item), default=20.0)
            self._draw_rank(rank, x, width, parts, webs, ends)
            x += width
            if number + 1 < len(self.ranks):
                x = self._draw_channel(number, x, parts, webs)
        starts = {shape.key: (shape.box[2], shape.y) for shape in parts.shapes}
        for source, web in webs.items():
            goals = [end for link, end in ends if link.source == source]
            parts.edges += [Edge(source, way) for way in web.ways(starts[source], goals)]
        parts.dots += [Dot(*point) for web in webs.values() for point in web.branches()]
        return parts

    def _draw_rank(self, rank: list[str], left: float, width: float, parts: Parts, webs: dict[str, Web], ends: list) -> None:
        for key in rank:
            seat, y = self.seats[key], self.place[key]
            if seat.item is None:
                webs[seat.net].join((left, y), (left + width, y))
                continue
            item, middle = seat.item, left + width / 2
            corner = min(item.width, seat.height) / 2 if item.round else 8.0
            shape = Shape(key, item.kind, middle, y, item.width, seat.height, corner, item.label, item.detail, item.dashed)
            parts.shapes.append(shape)
            webs[key].join((shape.box[2], y), (left + width, y))
            for link, pin in seat.ports:
                end = (shape.box[0] + corner_inset(seat.height, corner, pin), y + pin)
                webs[link.source].join((left, y + pin), end)
                ends.append((link, end))

    def _draw_channel(self, number: int, left: float, parts: Parts, webs: dict[str, Web]) -> float:
        """The lines and labels after a rank; where the next rank begins."""
        rank = set(self.ranks[number])
        leaving: dict[str, set[float]] = {}
        arriving: dict[str, set[float]] = {}
        source_labels: list[tuple[Node, float]] = []
        target_labels: list[tuple[Node, float]] = []
        for a, b, link in self.steps:
            if a not in rank:
                continue
            net = self.seats[a].net
            leaving.setdefault(net, set()).add(self.place[a])
            pin = next((at for other, at in self.seats[b].ports if other is link), 0.0)
            arriving.setdefault(net, set()).add(round(self.place[b] + pin, 2))
            if link is not None and link.label is not None:
                target_labels.append((link.label, self.place[b] + pin))
        for key in self.ranks[number]:
            item = self.seats[key].item
            if item is not None and item.name is not None and key in self.following:
                source_labels.append((item.name, self.place[key]))
        nets = [Net(net, tuple(sorted(leaving[net])), tuple(sorted(arriving[net]))) for net in leaving]
        return _draw_routing(route(nets), nets, left, source_labels, target_labels, parts, webs)


def _draw_routing(
    routing: Routing,
    nets: list[Net],
    left: float,
    source_labels: list[tuple[Node, float]],
    target_labels: list[tuple[Node, float]],
    parts: Parts,
    webs: dict[str, Web],
) -> float:
    """A channel with its two zones of labels; its right end."""
    before = max([label_room(tree)[0] + 10 for tree, _ in source_labels], default=0.0)
    after = max([label_room(tree)[0] + 8 for tree, _ in target_labels], default=0.0) + HEAD
    first = left + before + 8
    right = first + max(routing.tracks - 1, 0) * TRACK + 6 + after
    spin(routing, nets, webs, left, right, {i: first + i * TRACK for i in range(routing.tracks)})
    for tree, y in source_labels:
        width, height = label_room(tree)
        parts.labels.append(Label(tree, left + 5 + width / 2, y - LIFT - height / 2))
    for tree, y in target_labels:
        width, height = label_room(tree)
        parts.labels.append(Label(tree, right - HEAD + 2 - width / 2, y - LIFT - height / 2))
    return right


def _pin_room(label: Node | None) -> float:
    """The distance of a line from the line above it."""
    return PIN if label is None else 2.0 * ceil(max(PIN, label_room(label)[1] + 2 * LIFT) / 2)
