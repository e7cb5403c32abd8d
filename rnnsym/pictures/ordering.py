"""The order of nodes within their ranks: few crossings between neighbouring ranks.

Comes in: ranks of keys, and links between neighbouring ranks. Goes out: the ranks in a better order. Barycentres are swept to and fro, then
neighbours change places as long as that helps (Sugiyama, Tagawa & Toda 1981; Gansner et al. 1993).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from itertools import pairwise

Ranks = list[list[str]]
Links = Mapping[str, Sequence[str]]  # key → keys in the next rank (or the one before)


def crossings(ranks: Ranks, following: Links) -> int:
    """How many pairs of links between neighbouring ranks cross."""
    return sum(_between(upper, {k: i for i, k in enumerate(lower)}, following) for upper, lower in pairwise(ranks))


def _between(upper: Sequence[str], place: Mapping[str, int], following: Links) -> int:
    ends: list[int] = []
    count = 0
    for key in upper:
        targets = sorted(place[k] for k in following.get(key, ()))
        count += sum(len(ends) - bisect_right(ends, target) for target in targets)
        for target in targets:
            insort(ends, target)
    return count


def ordered(ranks: Ranks, following: Links, sweeps: int = 16) -> Ranks:
    """The ranks in the best order found; the same input gives the same order."""
    before: dict[str, list[str]] = {}
    for key, targets in following.items():
        for target in targets:
            before.setdefault(target, []).append(key)
    best, least = ranks, crossings(ranks, following)
    for start in (ranks, [rank[::-1] for rank in ranks]):
        current = [list(rank) for rank in start]
        for sweep in range(sweeps):
            if sweep % 2 == 0:
                for i in range(1, len(current)):
                    current[i] = _by_barycentre(current[i], current[i - 1], before)
            else:
                for i in range(len(current) - 2, -1, -1):
                    current[i] = _by_barycentre(current[i], current[i + 1], following)
            _exchange(current, following, before)
            count = crossings(current, following)
            if count < least:
                best, least = [list(rank) for rank in current], count
    return best


def _by_barycentre(rank: list[str], neighbours: list[str], links: Links) -> list[str]:
    """The rank sorted by the mean place of each key's neighbours; keys without neighbours keep their place."""
    place = {key: i for i, key in enumerate(neighbours)}
    mean = {}
    for i, key in enumerate(rank):
        places = [place[k] for k in links.get(key, ()) if k in place]
        mean[key] = sum(places) / len(places) if places else i * max(len(neighbours), 1) / max(len(rank), 1)
    return sorted(rank, key=lambda key: mean[key])


def _exchange(ranks: Ranks, following: Links, before: Links) -> None:
    """Let neighbours change places where that removes crossings."""
    for i, rank in enumerate(ranks):
        sides = []
        if i > 0:
            sides.append(({k: p for p, k in enumerate(ranks[i - 1])}, before))
        if i + 1 < len(ranks):
            sides.append(({k: p for p, k in enumerate(ranks[i + 1])}, following))
        for _ in range(len(rank)):
            improved = False
            for j in range(len(rank) - 1):
                a, b = rank[j], rank[j + 1]
                now = sum(_pair(a, b, place, links) for place, links in sides)
                then = sum(_pair(b, a, place, links) for place, links in sides)
                if then < now:
                    rank[j], rank[j + 1] = b, a
                    improved = True
            if not improved:
                break


def _pair(a: str, b: str, place: Mapping[str, int], links: Links) -> int:
    """Crossings between the links of a and those of b when a stands before b."""
    return sum(place[x] > place[y] for x in links.get(a, ()) for y in links.get(b, ()) if x in place and y in place)
