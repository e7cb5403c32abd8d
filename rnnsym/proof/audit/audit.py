"""A person's hand-written backward against the derived one: what is wrong, and with what.

Comes in: `FILE.py:function`, a System. Goes out: an `Audit`. Their function is called at three points (other arrays, other numbers of
steps), so that what explains the numbers at one by accident is found out at the others; then, where nothing explains, with fewer steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnsym.algebra.system import System
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS
from rnnsym.derivation import Derivation, derive
from rnnsym.errors import UsageError
from rnnsym.program.meanings import Array
from rnnsym.proof.audit.contract import Answer, Contract, load_function
from rnnsym.proof.audit.layout import Layout, layout_from
from rnnsym.proof.audit.points import AuditPoint, draw
from rnnsym.proof.audit.rules_of_training import unequal_by_rule
from rnnsym.proof.audit.search import SINGLE_TOLERANCE, TOLERANCE, Explanation, Found, Place, Search, error
from rnnsym.proof.audit.sheet import Sheet
from rnnsym.proof.draws import small_sizes

SIZES = (4, 5, 3, 7, 2, 8, 9, 6)
SECONDS = 20.0
MAIN = 1  # of the points: the one that is told; the first is a small one, for the search


@dataclass(frozen=True)
class Compared:
    """One gradient: its error (max|a - b| over max|b|, the worst point), whether it is right, and where it differs most.

    entry, theirs, exact  the indices and the two values there
    """

    name: str
    shape: tuple[int, ...]
    error: float
    is_right: bool
    entry: tuple[int, ...]
    theirs: float
    exact: float


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    compared    every gradient, in the order of going backwards from the loss
    found       the search for slips; None where all is right
    cost        their cost over the exact one, None where they gave none
    from_steps  the smallest number of steps with which something is wrong, None where it was not asked
    notes       what a person should know besides
    """

    place: str
    model: str
    derivation: Derivation
    sheet: Sheet
    point: Mapping[str, int]
    seed: int
    tolerance: float
    compared: tuple[Compared, ...]
    found: Found | None
    cost: str
    from_steps: int | None
    notes: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        return all(c.is_right for c in self.compared)

    @property
    def wrong(self) -> tuple[Compared, ...]:
        return tuple(c for c in self.compared if not c.is_right)

    @property
    def explanations(self) -> tuple[Explanation, ...]:
        return self.found.explanations if self.found else ()


def audit(
    place: str, system: System, table: Mapping[str, Any] | None = None, *, source: str = "map", seed: int = 0,
    tolerance: float | None = None, seconds: float = SECONDS,
) -> Audit:  # fmt: skip
    """Compare `FILE.py:function` with the gradients of a System.

    The file is executed. table: the map (see `Layout`), by default the file's own `RNNSYM_AUDIT`. seconds: for pairs of slips.
    Raises UsageError where the function cannot be called or does not give what an audit needs.
    """
    if not any(d.name in (STEP_LOSS, FINAL_LOSS) for d in system.definitions):
        raise UsageError.at("U502", f"`{system.name}` has no cost, so there is no gradient to compare", instead="loss[t] = …", file="audit")
    function, own = load_function(place)
    if table is None:
        table, source = own, f"{place.rpartition(':')[0]}: RNNSYM_AUDIT"
    layout = layout_from(table, system, source)
    contract = Contract(place, function, system, layout)
    return _Auditing(contract, seed, tolerance, seconds).run()


@dataclass(frozen=True)
class Convention:
    """What a cost is averaged over."""

    batch: bool
    time: bool

    def factor(self, steps: int, batch: int) -> float:
        """Their cost over the model's: a sum over steps, averaged over sequences."""
        return (1 if self.batch else batch) / (steps if self.time else 1)

    @property
    def sentence(self) -> str:
        over = {(True, False): "averaged over sequences and summed over steps", (False, False): "summed over sequences and steps"}
        over |= {(True, True): "averaged over sequences and steps", (False, True): "summed over sequences and averaged over steps"}
        return over[self.batch, self.time]


@dataclass
class _Auditing:
    """One audit on its way."""

    contract: Contract
    seed: int
    tolerance: float | None
    seconds: float

    @property
    def system(self) -> System:
        return self.contract.system

    @property
    def layout(self) -> Layout:
        return self.contract.layout

    def run(self) -> Audit:
        points = self._points()
        answers = [self.contract.call(p) for p in points]
        convention, cost = self._cost(points, answers)
        notes = self._notes(points, answers)
        tolerance = self.tolerance or (SINGLE_TOLERANCE if any(a.single for a in answers) else TOLERANCE)
        derivation = derive(self.system, [of.partition("[")[0] if "[" not in of else "initial" for of in answers[0].gradients])
        places = [self._place(derivation, p, a, convention) for p, a in zip(points, answers, strict=True)]
        search = Search(places, tolerance, self.seconds, self.layout.stacks, lambda: self._short(derivation, convention, 1))
        order = _backwards(derivation, search.names)
        compared = tuple(_compared(of, places, of not in search.wrong) for of in order)
        found = search.run() if search.wrong else None
        from_steps = self._from_steps(derivation, convention, tolerance) if found and not found.explanations else None
        if found and not found.explanations:
            notes += tuple(unequal_by_rule(points, places, search.wrong, tolerance))
        main = points[MAIN]
        point = {**main.sizes, "T": main.steps, "B": main.batch}
        where = (self.contract.place, self.system.name, derivation, places[MAIN].sheet, point, self.seed, tolerance)
        return Audit(*where, compared, found, cost, from_steps, notes)

    # ------------------------------------------------------------ points and answers

    def _points(self) -> list[AuditPoint]:
        reach = max((lag + lead for lag, lead in self.system.extents.values()), default=0)
        first = small_sizes(self.system, SIZES)
        second = small_sizes(self.system, (*SIZES[1:], SIZES[0]))
        return [self._point(first, 3 + reach, 2), self._point(first, 5 + reach, 0), self._point(second, 6 + reach, 1)]

    def _point(self, sizes: Mapping[str, int], least: int, shift: int) -> AuditPoint:
        small = shift == 2
        batch = self.layout.batch if self.layout.sequences or not small else min(2, self.layout.batch)
        steps = least if small else next(n for n in range(least, 1000) if n not in (*sizes.values(), batch))
        return draw(self.system, sizes, steps, batch, self.contract.initial(), self.seed + shift)

    def _cost(self, points: list[AuditPoint], answers: list[Answer]) -> tuple[Convention, str]:
        """The convention of their cost (what it is a mean over), from the map, or from the cost itself; and the words for it."""
        said = Convention("batch" in self.layout.average_over, "time" in self.layout.average_over)
        costs = [a.cost for a in answers]
        if any(c is None for c in costs):
            return said, ""
        for convention in (said, *(Convention(b, t) for b in (True, False) for t in (False, True))):
            factors = [convention.factor(p.steps, p.batch) for p in points]
            if all(abs((c or 0) - f * p.cost) <= 1e-5 * max(1.0, abs(f * p.cost)) for c, f, p in zip(costs, factors, points, strict=True)):
                same = "their cost is that of the model"
                other = f"their cost is {convention.sentence}; gradients are compared accordingly"
                return convention, same if convention == said else other
        ours, theirs = points[MAIN].cost * said.factor(points[MAIN].steps, points[MAIN].batch), costs[MAIN]
        return said, f"their cost is {theirs:.6g}, that of the model {ours:.6g}: the forward pass, or the cost, is another one"

    def _notes(self, points: list[AuditPoint], answers: list[Answer]) -> tuple[str, ...]:
        notes = []
        again = self.contract.call(points[0])
        if any(not np.array_equal(again.gradients[of], value, equal_nan=True) for of, value in answers[0].gradients.items()):
            notes.append("called twice with the same arguments it gives other numbers: does it add to gradients of the call before?")
        if answers[0].ignored:
            notes.append(f"not compared, being no gradient of anything known: {', '.join(answers[0].ignored)}")
        if self.layout.skip:
            notes.append(f"left out on purpose: {', '.join(self.layout.skip)}")
        if any(a.single for a in answers):
            notes.append("computed in single precision, so compared to 1e-4")
        return tuple(notes)

    def _place(self, derivation: Derivation, point: AuditPoint, answer: Answer, convention: Convention) -> Place:
        sheet = Sheet(derivation, point.runs(derivation.prepared))
        apart = {d.name for d in self.system.data} | set(point.initial)
        factor = convention.factor(point.steps, point.batch) / point.batch
        timed = {d.name for d in self.system.data if d.timed}

        def over_batch(of: str, parts: list[Array], _: Sheet) -> Array:
            if of in apart:
                return factor * np.stack(parts, axis=1 if of in timed else 0)
            return factor * np.sum(parts, axis=0)

        return Place(sheet, answer.gradients, over_batch)

    def _short(self, derivation: Derivation, convention: Convention, steps: int) -> Place | None:
        """A place with few steps; None where their function does not take so few."""
        sizes = small_sizes(self.system, SIZES)
        try:
            point = draw(self.system, sizes, steps, self.layout.batch, self.contract.initial(), self.seed)
            return self._place(derivation, point, self.contract.call(point), convention)
        except UsageError:
            return None

    def _from_steps(self, derivation: Derivation, convention: Convention, tolerance: float) -> int | None:
        """The smallest number of steps with which something is wrong; None where it is not known."""
        for steps in (1, 2, 3):
            place = self._short(derivation, convention, steps)
            if place is None or Search([place], tolerance, 0.0).wrong:
                return steps if place else None
        return None


def _backwards(derivation: Derivation, names: list[str]) -> list[str]:
    """The gradients in the order in which going backwards from the loss gives them."""
    place = {entry.error.name: i for i, entry in enumerate(derivation.errors)}
    own = set(derivation.adjoint.errors.values())

    def first(of: str) -> tuple[int, int]:
        row = derivation.adjoint.system.defined[derivation.adjoint.gradients[of]]
        reads = [place[q.name] for q in row.rhs.atoms() | row.rhs.free_symbols if getattr(q, "name", None) in own and q.name in place]
        return (max(reads, default=len(place)), names.index(of))

    return sorted(names, key=first)


def _compared(of: str, places: list[Place], is_right: bool) -> Compared:
    errors = [error(p.theirs[of], p.exact(of)) for p in places]
    worst = int(np.argmax([np.inf if np.isnan(e) else e for e in errors]))
    theirs, exact = places[MAIN].theirs[of], places[MAIN].exact(of)
    gap = np.abs(theirs - exact)
    entry = tuple(int(i) for i in np.unravel_index(int(np.argmax(np.where(np.isnan(gap), np.inf, gap))), gap.shape)) if gap.size else ()
    found = (float(theirs[entry]), float(exact[entry])) if gap.size else (0.0, 0.0)
    return Compared(of, exact.shape, errors[worst], is_right, entry, *found)
