"""The web of one value's line: segments that meet, and the ways through them from where the value is made to where it is read.

Comes in: segments. Goes out: for every end a line of points with right angles, and the points where the line branches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from rnnsym.pictures.channel import LEFT, RIGHT, Net, Routing
from rnnsym.pictures.drawing import Point

STUB = 6.0


@dataclass
class Web:
    """Segments of one net; what meets in a point is connected."""

    near: dict[Point, list[Point]] = field(default_factory=dict)

    def join(self, a: Point, b: Point) -> None:
        """Add the segment from a to b."""
        a, b = _rounded(a), _rounded(b)
        if a == b:
            self.near.setdefault(a, [])
            return
        for start, end in ((a, b), (b, a)):
            points = self.near.setdefault(start, [])
            if end not in points:
                points.append(end)

    def ways(self, start: Point, ends: Iterable[Point]) -> list[tuple[Point, ...]]:
        """A line to every end: the first one from the start, every other one from where it leaves those before it."""
        drawn: set[Point] = set()
        lines = []
        for end in ends:
            way = self._way(start, end)
            shared = 0
            while drawn and shared + 1 < len(way) - 1 and way[shared + 1] in drawn:
                shared += 1
            drawn.update(way)
            if shared:
                way = [_between(way[shared], way[shared - 1]), *way[shared:]]
            lines.append(straightened(way))
        return lines

    def _way(self, start: Point, end: Point) -> list[Point]:
        """The points from start to end."""
        start, end = _rounded(start), _rounded(end)
        came: dict[Point, Point | None] = {start: None}
        queue = deque([start])
        while queue and end not in came:
            here = queue.popleft()
            for there in self.near.get(here, ()):
                if there not in came:
                    came[there] = here
                    queue.append(there)
        if end not in came:
            raise AssertionError(f"a line does not reach {end} from {start}")
        way: list[Point] = []
        step: Point | None = end
        while step is not None:
            way.append(step)
            step = came[step]
        return way[::-1]

    def branches(self) -> list[Point]:
        """The points in which three or more segments meet."""
        return [point for point, near in self.near.items() if len(near) > 2]


def _between(point: Point, before: Point) -> Point:
    """A point a little before another one: so far back begins the round corner with which a line leaves a line."""
    back = min(STUB, abs(point[0] - before[0]) + abs(point[1] - before[1]))
    sign_x, sign_y = (before[0] > point[0]) - (before[0] < point[0]), (before[1] > point[1]) - (before[1] < point[1])
    return round(point[0] + sign_x * back, 2), round(point[1] + sign_y * back, 2)


def _rounded(point: Point) -> Point:
    return round(point[0], 2), round(point[1], 2)


def straightened(points: Iterable[Point]) -> tuple[Point, ...]:
    """The points of a line without doubles and without those between two others on a straight line."""
    kept: list[Point] = []
    for point in points:
        if kept and kept[-1] == point:
            continue
        if len(kept) >= 2 and (kept[-2][0] == kept[-1][0] == point[0] or kept[-2][1] == kept[-1][1] == point[1]):
            kept[-1] = point
        else:
            kept.append(point)
    return tuple(kept)


def spin(routing: Routing, nets: Iterable[Net], webs: Mapping[str, Web], left: float, right: float, tracks: Mapping[int, float]) -> None:
    """Add a channel's lines to the webs: the channel lies between `left` and `right`, its tracks at `tracks`."""
    at = {LEFT: left, RIGHT: right, **tracks}
    meets: dict[tuple[str, int], set[float]] = {}
    for wire in routing.wires:
        webs[wire.net].join((at[wire.start], wire.height), (at[wire.end], wire.height))
        for end in (wire.start, wire.end):
            if end not in (LEFT, RIGHT):
                meets.setdefault((wire.net, end), set()).add(wire.height)
    for trunk in routing.trunks:
        x = at[trunk.track]
        heights = sorted(h for h in meets[trunk.net, trunk.track] if trunk.top <= h <= trunk.bottom)
        for above, below in pairwise(heights):
            webs[trunk.net].join((x, above), (x, below))
