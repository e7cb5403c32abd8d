"""Which slips explain a person's numbers.

Comes in: sheets (one for each point at which their function was called), and their gradients. Goes out: the slips that reproduce every
gradient at every point, the likeliest first; where one alone does not, two; where none do, those that come nearest. A slip is first
tried at the first point, a small one, on the gradients that are wrong; few come further.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product

import numpy as np

from rnnsym.program.meanings import Array
from rnnsym.proof.audit import slips_of_reading, slips_of_sums, slips_of_terms
from rnnsym.proof.audit.sheet import Sheet, Undefined
from rnnsym.proof.audit.slips import Getter, Rows, Slip

FAMILIES = (*slips_of_terms.FAMILIES, *slips_of_reading.FAMILIES, *slips_of_sums.FAMILIES)
TOLERANCE, SINGLE_TOLERANCE = 1e-8, 1e-4
Stacks = Mapping[str, list[tuple[str, ...]]]
PROMISING = 12  # slips that explain a part, for each of which a second one is looked for


def error(found: Array, exact: Array) -> float:
    """max|a - b| over max|b|; nan where the answer is not finite."""
    if not exact.size:
        return 0.0
    if not np.isfinite(found).all():
        return float("nan")
    return float(np.max(np.abs(found - exact)) / max(float(np.max(np.abs(exact))), 1e-12))


@dataclass(frozen=True)
class Place:
    """One point: its sheet, and what their function answered there."""

    sheet: Sheet
    theirs: Mapping[str, Array]
    over_batch: Callable[[str, list[Array], Sheet], Array]  # sequences to the whole, in their convention of the cost

    def whole(self, value: Getter, of: str) -> Array:
        return self.over_batch(of, value(of), self.sheet)

    def exact(self, of: str) -> Array:
        return self.whole(lambda name: self.sheet.exact[name], of)

    @cached_property
    def scale(self) -> float:
        """The largest entry of all exact gradients."""
        return max((float(np.max(np.abs(self.exact(of)), initial=0.0)) for of in self.theirs), default=1.0)


Probe = Callable[[], "Place | None"]


@dataclass(frozen=True)
class Explanation:
    """Slips that together reproduce their numbers, and the largest error that is left."""

    slips: tuple[Slip, ...]
    residual: float


@dataclass(frozen=True)
class Found:
    """What a search found.

    explanations  the smallest sets of slips that explain everything, likeliest first
    nearest       where none do: a slip that explains some gradients, and which stay wrong
    tried         how many slips and pairs were tried
    finished      whether all that was meant to be tried was tried in time
    """

    explanations: tuple[Explanation, ...]
    nearest: tuple[Slip, tuple[str, ...]] | None
    tried: int
    finished: bool


def _likeliest(pairs: Iterable[tuple[Slip, Slip]]) -> list[tuple[Slip, Slip]]:
    return sorted(pairs, key=lambda pair: pair[0].rank + pair[1].rank)


class Search:
    """One search, over all places, within a number of seconds for pairs."""

    def __init__(
        self, places: Sequence[Place], tolerance: float, seconds: float, stacks: Stacks | None = None, one_step: Probe | None = None
    ):
        self.places, self.tolerance, self.seconds, self.stacks = places, tolerance, seconds, stacks
        self.one_step = one_step or (lambda: None)
        self.first = places[0]
        self.sheet = self.first.sheet
        self.names = [of for of in self.sheet.gradients if of in self.first.theirs]
        self.tried = 0

    @cached_property
    def wrong(self) -> list[str]:
        """The gradients that are wrong at some place."""
        return [of for of in self.names if any(not self._agrees(p, p.sheet.exact.__getitem__, of) for p in self.places)]

    @cached_property
    def slips(self) -> list[Slip]:
        """Every slip, likeliest first; of two that alter the equations alike, the likelier."""
        rows = Rows(self.sheet, self.stacks)
        found = sorted((slip for family in FAMILIES for slip in family(rows)), key=lambda s: s.rank)
        kept, seen = [], set()
        for slip in found:
            try:
                changed = self.sheet.apply(slip.edits)
            except Undefined:
                continue
            key = (tuple(sorted(changed.items())), slip.sentence if slip.after else "")
            if key not in seen and (slip.after or any(v != self.sheet.rows[k] for k, v in changed.items())):
                seen.add(key)
                kept.append(slip)
        return kept

    def run(self) -> Found:
        singles = [e for slip in self.slips if (e := self._explains((slip,)))]
        if singles:
            return Found(tuple(singles), None, self.tried, True)
        partial = self._partial()
        pairs = list(self._apart(partial)) or list(self._second(partial))
        finished = True
        if not pairs:
            pairs, finished = self._brute()
        nearest = self._nearest(partial)
        return Found(tuple(pairs), None if pairs else nearest, self.tried, finished)

    # ------------------------------------------------------------ trying

    def _agrees(self, place: Place, value: Getter, of: str) -> bool:
        return error(place.theirs[of], place.whole(value, of)) <= self.tolerance or self._both_nothing(place, value, of)

    def _both_nothing(self, place: Place, value: Getter, of: str) -> bool:
        """A gradient that is zero, up to rounding of what its sums cancel."""
        return float(np.max(np.abs(place.theirs[of] - place.whole(value, of)), initial=0.0)) <= 1e-12 * max(1.0, place.scale)

    def _value(self, place: Place, slips: Sequence[Slip]) -> Getter:
        edits = tuple(edit for slip in slips for edit in slip.edits)
        value = place.sheet.gradients_with(place.sheet.apply(edits), ())
        for slip in slips:
            value = slip.after(value, place.sheet) if slip.after else value
        return value

    def _reaches(self, slips: Sequence[Slip]) -> set[str]:
        """The gradients that slips may alter."""
        found: set[str] = set()
        for slip in slips:
            if slip.after:
                found |= slip.of or set(self.names)
            touched = self.sheet.following({edit.row for edit in slip.edits})
            found |= {of for of in self.names if self.sheet.gradients[of] in touched}
        return found

    def _explains(self, slips: tuple[Slip, ...]) -> Explanation | None:
        """The explanation that these slips together are, None where they leave or bring something wrong."""
        self.tried += 1
        reach = self._reaches(slips)
        if not set(self.wrong) <= reach:
            return None
        order = sorted(self.names, key=lambda of: (of not in self.wrong, of not in reach))
        worst = 0.0
        try:
            for place in self.places:
                value = self._value(place, slips)
                for of in order:
                    if not self._agrees(place, value, of):
                        return None
                    worst = max(worst, error(place.theirs[of], place.whole(value, of)))
        except Undefined:
            return None
        return Explanation(slips, worst)

    def _left(self, slips: tuple[Slip, ...]) -> tuple[str, ...] | None:
        """The gradients that are still wrong at the first place; None where the slips make no sense."""
        try:
            value = self._value(self.first, slips)
            return tuple(of for of in self.names if not self._agrees(self.first, value, of))
        except Undefined:
            return None

    # ------------------------------------------------------------ more than one

    def _partial(self) -> list[tuple[Slip, tuple[str, ...]]]:
        """Slips that explain some of the wrong gradients and spoil none, with those that stay wrong, fewest first."""
        found = []
        for slip in self.slips:
            left = self._left((slip,))
            if left is not None and len(left) < len(self.wrong) and set(left) <= set(self.wrong):
                found.append((slip, left))
        return sorted(found, key=lambda pair: (len(pair[1]), pair[0].rank))

    def _apart(self, partial: list[tuple[Slip, tuple[str, ...]]]) -> Iterator[Explanation]:
        """Slips that have nothing to do with each other: each explains gradients of its own."""
        chosen: list[Slip] = []
        open_ = set(self.wrong)
        for slip, left in partial:
            mends = set(self.wrong) - set(left)
            if mends <= open_ and not self._reaches((slip,)) & set(left):
                chosen.append(slip)
                open_ -= mends
            if not open_:
                break
        if not open_ and len(chosen) > 1:
            explanation = self._explains(tuple(chosen))
            if explanation:
                yield explanation

    def _second(self, partial: list[tuple[Slip, tuple[str, ...]]]) -> Iterator[Explanation]:
        """A slip that explains most, and a second one where it leaves something."""
        seen: set[tuple[str, ...]] = set()
        for slip, left in partial[:PROMISING]:
            if left in seen:  # another slip leaves the same: it gives the same numbers, or its second would be the same
                continue
            seen.add(left)
            for other in self.slips:
                if set(left) <= self._reaches((other,)) and not self._reaches((other,)) & (set(self.wrong) - set(left)):
                    explanation = self._explains((slip, other))
                    if explanation:
                        yield explanation
                        break

    def _brute(self) -> tuple[list[Explanation], bool]:
        """Pairs, likeliest first, until the time is over.

        With one step nothing is passed between steps: what is wrong there is wrong within a step, and is told apart from the rest.
        """
        end = time.monotonic() + self.seconds
        probe = self.one_step()
        slips = [s for s in self.slips if self._reaches((s,)) & set(self.wrong)]
        for first, second in self._pairs(slips, probe):
            if time.monotonic() > end:
                return [], False
            if probe and not self._fits(probe, (first, second)):
                self.tried += 1
                continue
            explanation = self._explains((first, second))
            if explanation:
                return [explanation], True
        return [], True

    def _pairs(self, slips: list[Slip], probe: Place | None) -> Iterator[tuple[Slip, Slip]]:
        if probe is None:
            yield from _likeliest(combinations(slips, 2))
            return
        silent = [s for s in slips if self._is_silent(probe, s)]
        heard = [s for s in slips if s not in set(silent)]
        if self._fits(probe, ()):
            yield from _likeliest(combinations(silent, 2))
        else:
            alone = [s for s in heard if self._fits(probe, (s,))]
            yield from _likeliest(product(alone, silent))
        yield from _likeliest(combinations(heard, 2))

    def _fits(self, place: Place, slips: tuple[Slip, ...]) -> bool:
        """Whether slips explain every gradient at one place."""
        try:
            value = self._value(place, slips)
            return all(self._agrees(place, value, of) for of in self.names)
        except Undefined:
            return False

    def _is_silent(self, place: Place, slip: Slip) -> bool:
        """Whether a slip changes nothing at a place."""
        try:
            value = self._value(place, (slip,))
            return all(error(place.whole(value, of), place.exact(of)) <= self.tolerance for of in self.names)
        except Undefined:
            return False

    def _nearest(self, partial: list[tuple[Slip, tuple[str, ...]]]) -> tuple[Slip, tuple[str, ...]] | None:
        return partial[0] if partial else None
