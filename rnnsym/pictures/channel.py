"""Routing in a channel: lines between what stands left and what stands right of it, with right angles and without overlap.

Comes in: nets, each with the heights at which it enters on the left and on the right. Goes out: for each net its trunks (vertical, on
numbered tracks) and wires (horizontal). Of two nets the one goes left whose wires then cross fewer trunks; where a wire would lie on
another net's wire, that order is a must; where two musts contradict each other, a net changes tracks on a free height between. (After
Sander's and ELK's routing of hyperedges.)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

CLEARANCE = 7.0  # lines nearer than this count as lying on each other
LEFT, RIGHT = -1, 10**6  # ends of a wire that are not tracks


@dataclass(frozen=True)
class Net:
    """One value's line through the channel: heights of its pins on the left side and on the right side."""

    key: str
    left: tuple[float, ...]
    right: tuple[float, ...]

    @property
    def heights(self) -> tuple[float, ...]:
        return self.left + self.right

    @property
    def is_straight(self) -> bool:
        return len(set(self.heights)) == 1

    def holds(self, height: float) -> bool:
        return min(self.heights) < height < max(self.heights)


@dataclass(frozen=True)
class Trunk:
    """A vertical line on a track."""

    net: str
    track: int
    top: float
    bottom: float


@dataclass(frozen=True)
class Wire:
    """A horizontal line between two tracks, or between a side (LEFT, RIGHT) and a track."""

    net: str
    start: int
    end: int
    height: float


@dataclass(frozen=True)
class Routing:
    trunks: tuple[Trunk, ...]
    wires: tuple[Wire, ...]
    tracks: int


def route(nets: Iterable[Net]) -> Routing:
    """Tracks for every net of a channel; nets with a single height need none."""
    given = [net for net in nets if net.heights]
    bent = [net for net in given if not net.is_straight]
    pieces, chained = _without_contradiction(bent, [h for net in given for h in net.heights])
    order = _order(pieces, chained)
    track = _tracks(order, pieces)
    trunks = [Trunk(net.key, track[i], min(net.heights), max(net.heights)) for i, net in enumerate(pieces)]
    wires = [Wire(net.key, LEFT, RIGHT, net.heights[0]) for net in given if net.is_straight and net.left and net.right]
    first_of = dict(chained)
    second_of = {second for _, second in chained}
    for i, net in enumerate(pieces):
        inner_left, inner_right = i in second_of, i in first_of
        wires += [Wire(net.key, LEFT, track[i], h) for h in net.left if not inner_left]
        wires += [Wire(net.key, track[i], track[first_of[i]] if inner_right else RIGHT, h) for h in net.right]
    return Routing(tuple(trunks), tuple(wires), max(track, default=-1) + 1)


def _must_precede(a: Net, b: Net) -> bool:
    """Whether a must stand left of b: a wire from the left to a would lie on a wire from b to the right."""
    return a.key != b.key and any(abs(x - y) < CLEARANCE for x in a.left for y in b.right)


def _crossings(a: Net, b: Net) -> int:
    """How many crossings there are when a stands left of b."""
    return sum(b.holds(h) for h in a.right) + sum(a.holds(h) for h in b.left)


def _without_contradiction(nets: list[Net], heights: list[float]) -> tuple[list[Net], list[tuple[int, int]]]:
    """The nets, those in a circle of musts cut in two at a free height; pairs of pieces that follow each other."""
    pieces, chained = list(nets), list[tuple[int, int]]()
    taken = list(heights)
    while True:
        following = [[j for j, b in enumerate(pieces) if j != i and _must_precede(a, b)] for i, a in enumerate(pieces)]
        for first, second in chained:
            following[first].append(second)
        circle = _circle(following)
        if circle is None:
            return pieces, chained
        cut = {i for pair in chained for i in pair}
        i = next(i for i in circle if i not in cut)
        net = pieces[i]
        free = _free_height(taken, sum(net.heights) / len(net.heights))
        taken.append(free)
        pieces[i] = Net(net.key, net.left, (free,))
        pieces.append(Net(net.key, (free,), net.right))
        chained.append((i, len(pieces) - 1))


def _circle(following: list[list[int]]) -> list[int] | None:
    """Some circle of a directed graph, or None."""
    state = [0] * len(following)
    for root in range(len(following)):
        if state[root]:
            continue
        path, pending = [root], [iter(following[root])]
        state[root] = 1
        while path:
            step = next(pending[-1], None)
            if step is None:
                state[path.pop()] = 2
                pending.pop()
            elif state[step] == 1:
                return path[path.index(step) :]
            elif state[step] == 0:
                state[step] = 1
                path.append(step)
                pending.append(iter(following[step]))
    return None


def _free_height(taken: list[float], wanted: float) -> float:
    """The free height nearest to the wanted one."""
    ordered = sorted(taken)
    room = 2 * CLEARANCE + 1
    candidates = [ordered[0] - room, ordered[-1] + room]
    candidates += [(a + b) / 2 for a, b in pairwise(ordered) if b - a >= room]
    nearest: float = min(candidates, key=lambda h: (abs(h - wanted), h))
    return round(nearest, 2)


def _order(pieces: list[Net], chained: list[tuple[int, int]]) -> list[int]:
    """An order from left to right that keeps every must and has few crossings."""
    count = len(pieces)
    after: list[set[int]] = [set() for _ in range(count)]
    for first, second in chained:
        after[first].add(second)
    wishes = []
    for i in range(count):
        for j in range(i + 1, count):
            a, b = pieces[i], pieces[j]
            if _must_precede(a, b):
                after[i].add(j)
            elif _must_precede(b, a):
                after[j].add(i)
            gain = _crossings(b, a) - _crossings(a, b)
            if gain:
                wishes.append((-abs(gain), i, j) if gain > 0 else (-abs(gain), j, i))
    for _, i, j in sorted(wishes):
        if not _reaches(after, j, i):
            after[i].add(j)
    return _sorted_topologically(after, [_inclination(net) for net in pieces])


def _inclination(net: Net) -> float:
    """Where a net goes: of several that rise, the highest is best taken first, of several that fall, the lowest."""
    start = net.left[0] if net.left else net.right[0]
    end = net.right[-1] if net.right else net.left[-1]
    return start if end < start else -start


def _reaches(after: list[set[int]], start: int, goal: int) -> bool:
    seen, queue = {start}, [start]
    while queue:
        here = queue.pop()
        if here == goal:
            return True
        for there in after[here] - seen:
            seen.add(there)
            queue.append(there)
    return False


def _sorted_topologically(after: list[set[int]], weight: list[float]) -> list[int]:
    before = [0] * len(after)
    for following in after:
        for j in following:
            before[j] += 1
    order: list[int] = []
    ready = [i for i in range(len(after)) if not before[i]]
    while ready:
        i = min(ready, key=lambda k: (weight[k], k))
        ready.remove(i)
        order.append(i)
        for j in sorted(after[i]):
            before[j] -= 1
            if not before[j]:
                ready.append(j)
    return order


def _tracks(order: list[int], pieces: list[Net]) -> list[int]:
    """The track of every piece: as far left as those before it allow."""
    track = [0] * len(pieces)
    for place, i in enumerate(order):
        low, high = min(pieces[i].heights) - CLEARANCE, max(pieces[i].heights) + CLEARANCE
        blocked = [track[j] for j in order[:place] if min(pieces[j].heights) <= high and max(pieces[j].heights) >= low]
        track[i] = max(blocked, default=-1) + 1
    return track
