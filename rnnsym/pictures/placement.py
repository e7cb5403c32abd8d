"""Where nodes stand within their ranks: as straight as their order and their room allow.

Comes in: ordered ranks, the distance that neighbours in a rank must keep, and for every link the places of its two pins. Goes out: a place
for every key. Each rank is solved exactly for its neighbours' places: of all placements that keep order and distances the one with
the least sum of bends (an isotonic regression with medians, so that lines come out straight and not nearly so).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Tie:
    """A link: the pins stand at `source_pin` from the middle of its source, at `target_pin` from the middle of its target."""

    source: str
    target: str
    source_pin: float
    target_pin: float
    weight: float


Wish = tuple[float, float]  # place, weight


def placed(
    ranks: Sequence[Sequence[str]], distance: Callable[[str, str], float], ties: Sequence[Tie], rounds: int = 10
) -> dict[str, float]:
    """A place (of the middle) for every key."""
    incoming: dict[str, list[Tie]] = {}
    outgoing: dict[str, list[Tie]] = {}
    for tie in ties:
        incoming.setdefault(tie.target, []).append(tie)
        outgoing.setdefault(tie.source, []).append(tie)
    place: dict[str, float] = {}
    for rank in ranks:
        here = 0.0
        for i, key in enumerate(rank):
            here += distance(rank[i - 1], key) if i else 0.0
            place[key] = here
        for key in rank:
            place[key] -= here / 2
    best, least = dict(place), _bends(place, ties)
    for turn in range(rounds):
        forth, back = (incoming, None), (None, outgoing)
        both = (incoming, outgoing)
        for i in range(1, len(ranks)):
            _settle(ranks[i], distance, place, *(forth if turn < rounds // 2 else both))
        for i in range(len(ranks) - 2, -1, -1):
            _settle(ranks[i], distance, place, *(back if turn < rounds // 2 else both))
        if _bends(place, ties) < least:
            best, least = dict(place), _bends(place, ties)
    return best


def _bends(place: Mapping[str, float], ties: Sequence[Tie]) -> float:
    return sum(tie.weight * abs(place[tie.source] + tie.source_pin - place[tie.target] - tie.target_pin) for tie in ties)


def _settle(rank: Sequence[str], distance: Callable[[str, str], float], place: dict[str, float], incoming, outgoing) -> None:
    """The best places of one rank for given places in the others."""
    shift, offsets = 0.0, []
    for i, key in enumerate(rank):
        shift += distance(rank[i - 1], key) if i else 0.0
        offsets.append(shift)
    blocks: list[tuple[list[Wish], int]] = []  # wishes, number of keys
    for key, offset in zip(rank, offsets, strict=True):
        wishes = [(place[tie.source] + tie.source_pin - tie.target_pin - offset, tie.weight) for tie in (incoming or {}).get(key, ())]
        wishes += [(place[tie.target] + tie.target_pin - tie.source_pin - offset, tie.weight) for tie in (outgoing or {}).get(key, ())]
        blocks.append((wishes or [(place[key] - offset, 0.01)], 1))
        while len(blocks) > 1 and _median(blocks[-2][0]) > _median(blocks[-1][0]):
            last = blocks.pop()
            blocks[-1] = (blocks[-1][0] + last[0], blocks[-1][1] + last[1])
    values = [_median(wishes) for wishes, count in blocks for _ in range(count)]
    for key, offset, value in zip(rank, offsets, values, strict=True):
        place[key] = round(value + offset, 2)


def _median(wishes: list[Wish]) -> float:
    """The weighted median (the lower one of two)."""
    ordered = sorted(wishes)
    half, seen = sum(weight for _, weight in ordered) / 2, 0.0
    for value, weight in ordered:
        seen += weight
        if seen >= half - 1e-9:
            return value
    return ordered[-1][0]
