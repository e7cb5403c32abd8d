"""Bands: a step too wide for one line goes on in further lines below, as a text does.

Comes in: ranked items and links. Goes out: bands of items and links, to be laid out one below the other. What comes in from outside stands
again in every band that reads it. A computed value that a later band reads ends in letters at the right, its name or else a number in a
circle, and begins there with the same letters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rnnsym.documents.mathematics import Node, Numeral
from rnnsym.pictures.drawing import NODE_SIZE
from rnnsym.pictures.layered import Item, Link
from rnnsym.pictures.lettering import lettering

LOOSE = 0.35  # of a band's width: how far from its ideal place a cut may be moved to part fewer lines
_UNNAMED = 1.5  # how much worse it is to part a line that has no name
CIRCLE = 24.0


@dataclass(frozen=True)
class Band:
    """What stands in one line; ranks still to be given."""

    items: tuple[Item, ...]
    links: tuple[Link, ...]


def cuts(items: Sequence[Item], links: Sequence[Link], right: Mapping[int, float], count: int) -> tuple[int, ...]:
    """The ranks before which the bands begin: evenly spread, but moved a little where that parts fewer lines.

    right: how far each rank reaches when all stand in one line.
    """
    last, whole = max(right), max(right.values())
    chosen = [0]
    for number in range(1, count):
        ideal = whole * number / count
        far = {rank: abs(right.get(rank - 1, 0.0) - ideal) for rank in range(chosen[-1] + 1, last + 1)}
        places = [rank for rank in far if far[rank] <= LOOSE * whole / count] or sorted(far, key=far.__getitem__)[:1]
        chosen += [min(places, key=lambda rank: (_loss(items, links, rank), far[rank]))] if places else []
    return (*chosen, last + 1)


def _loss(items: Sequence[Item], links: Sequence[Link], rank: int) -> float:
    """How much is lost by a cut before a rank: the lines of values computed before it and read after it."""
    of = {item.key: item for item in items}
    computed = {link.target for link in links}
    parted = {k.source for k in links if k.source in computed and not _is_end(k.target) and of[k.source].rank < rank <= of[k.target].rank}
    return sum(1.0 if of[key].name is not None or _ends_outside(key, links) else _UNNAMED for key in parted)


def _is_end(key: str) -> bool:
    """Whether an item only says where a value goes on."""
    return key.startswith("out ")


def _ends_outside(key: str, links: Sequence[Link]) -> bool:
    return any(link.source == key and _is_end(link.target) for link in links)


def bands(items: Sequence[Item], links: Sequence[Link], starts: Sequence[int]) -> Iterator[Band]:
    """The bands between these ranks."""
    computed = {link.target for link in links}
    of = {item.key: item for item in items}
    ranges = list(pairwise(starts))
    home = {key: next(i for i, (a, b) in enumerate(ranges) if a <= of[key].rank < b) for key in computed if not _is_end(key)}
    home |= {link.target: home.get(link.source, 0) for link in links if _is_end(link.target)}
    signs = _signs(items, links, home)
    for number in range(len(ranges)):
        inner = [item for item in items if home.get(item.key) == number]
        here = [link for link in links if home[link.target] == number]
        sources = dict.fromkeys(link.source for link in here if home.get(link.source) != number)
        entering = [_letters(key, signs[key]) if key in signs else of[key] for key in sources]
        leaving = [key for key in signs if home[key] == number and not _ends_outside(key, links)]
        inner = [replace(item, name=None) if item.key in leaving else item for item in inner]  # the letters at the end say it
        ends = {f"out {key} on": key for key in leaving}
        parts = (*entering, *inner, *(_letters(end, signs[key]) for end, key in ends.items()))
        yield Band(parts, (*here, *(Link(key, end) for end, key in ends.items())))


def _signs(items: Sequence[Item], links: Sequence[Link], home: Mapping[str, int]) -> dict[str, Node]:
    """What stands for each value that is read in a later band than its own: its name, or the next number."""
    of = {item.key: item for item in items}
    outside = {link.source: of[link.target].label for link in links if _is_end(link.target)}
    found: dict[str, Node] = {}
    count = 0
    for item in items:
        later = any(k.source == item.key and home[k.target] > home[item.key] for k in links) if item.key in home else False
        if not later:
            continue
        name = outside.get(item.key) or item.name
        count += name is None
        found[item.key] = name or Numeral(str(count))
    return found


def _letters(key: str, sign: Node) -> Item:
    if isinstance(sign, Numeral):
        return Item(key, "delay", CIRCLE, CIRCLE, True, 0, sign)
    return Item(key, "plain", lettering(sign, NODE_SIZE).width + 10, 22.0, False, 0, sign)
