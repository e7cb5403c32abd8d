"""The network unfolded in time, and the errors that travel back.

Comes in: a System, or a Derivation. Goes out: a Drawing: one column for each of the steps t-1, t, t+1, lines between them for what one
step reads of another, dashed where the drawing ends and time goes on. Static values stand in columns of their own, before and after the
steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import sympy

from rnnsym.algebra.system import System
from rnnsym.algebra.tensor import T, t
from rnnsym.derivation.derivation import Derivation
from rnnsym.documents.derivation_document import derivation_names
from rnnsym.documents.mathematics import Operator, row, separated
from rnnsym.documents.names import Names
from rnnsym.pictures.cast import Cast, fixed_time, is_lag, is_lead, lags
from rnnsym.pictures.columns import Cell, End, Port, Rung, Strand, lay_out
from rnnsym.pictures.drawing import Drawing, cropped, label_room
from rnnsym.pictures.skeleton import SUM, Flow, Skeleton

STEPS = (-1, 0, 1)  # the steps that are drawn, from t
EDGE = 2  # the columns beside them, where lines go on
FAR = 3  # the greatest distance in time that is drawn as a line; what is farther is said in letters
LANE = 12.0  # half the least distance between a value's line and its error's


def unfolded(system: System, names: Names | None = None) -> Drawing:
    """The network over the steps t-1, t and t+1."""
    cast = Cast(Skeleton(system), names or Names.of(system))
    title = f"{system.name} unfolded over three steps"
    text = f"One column for each of the steps t−1, t and t+1; from bottom to top {', '.join(cast.rows[::-1])}."
    return _drawn(cast, f"{system.name}-unfolded", title, text, errors=False)


def backpropagation(derivation: Derivation, names: Names | None = None) -> Drawing:
    """The unfolded network with the errors that travel back, in red, each labelled where it leaves its reader."""
    system = derivation.model
    cast = Cast(Skeleton(system, derivation), names or derivation_names(derivation))
    title = f"Backpropagation through time in {system.name}"
    text = "The unfolded network; red lines carry errors back, from every reader to what it has read; where they meet, errors add up."
    return _drawn(cast, f"{system.name}-backpropagation", title, text, errors=True)


def _drawn(cast: Cast, name: str, title: str, text: str, errors: bool) -> Drawing:
    unfolding = _Unfolding(cast, errors)
    parts = lay_out(unfolding.rows, len(unfolding.columns), unfolding.cells(), unfolding.rungs(), unfolding.strands())
    return cropped(name, title, text, parts.shapes, parts.edges, parts.labels, parts.dots)


class _Unfolding:
    def __init__(self, cast: Cast, errors: bool):
        self.cast = cast
        skeleton = cast.skeleton
        self.groups = {"forward": skeleton.flows} | ({"error": skeleton.errors} if errors else {})
        self.columns: list[int | str] = [*(["before"] if cast.before else []), -EDGE, *STEPS, EDGE, *(["after"] if cast.after else [])]
        self.at = {column: i for i, column in enumerate(self.columns)}
        self.beside = cast.neighbours(cast.timed) | cast.neighbours(cast.after) | cast.neighbours(cast.before)
        self.lanes = {name: self._lanes(name) for name in cast.rows}
        self.rows = tuple(row for name in cast.rows for row in (*self._slots(name), name))

    def _slots(self, name: str) -> list[str]:
        """The empty rows above a value's row in which its lines pass the columns of other steps."""
        flows = [f for group in self.groups.values() for f in group if f.source == name]
        lag = max(lags(f for f in flows if is_lag(f) and not _is_far(f)), default=0)
        lead = max(lags(f for f in flows if is_lead(f) and not _is_far(f)), default=0)
        slots = [f"{name} lag {j}" for j in range(1, lag)] + [f"{name} lead {j}" for j in range(1, lead)]
        slots += [f"{name} sum"] if any(f.delay == SUM for f in flows) else []
        slots += [f"{name} at {time}" for time in dict.fromkeys(map(fixed_time, flows)) if time is not None and self._passes(name, time)]
        return slots

    def _passes(self, name: str, time: sympy.Expr) -> bool:
        flows = [f for f in self.cast.skeleton.flows if f.source == name and f.delay == time]
        return not time.has(T) or any(f.target in self.cast.timed for f in flows)

    # ------------------------------------------------------------ cells and rungs

    def cells(self) -> Iterator[Cell]:
        for k in STEPS:
            for name in self.cast.timed:
                yield self.cast.cell(self.at[k], name, t + k)
        for column in ("before", "after"):
            for name in getattr(self.cast, column):
                yield self.cast.cell(self.at[column], name)
        yield from self._fixed_cells()

    def _fixed_cells(self) -> Iterator[Cell]:
        """Values of one step, in the columns where time goes on: those that are read at it, and those that are made for it."""
        flows = self.cast.skeleton.flows
        fixed = [(f.source, fixed_time(f)) for f in flows] + [(f.target, f.start) for f in flows]
        found: dict[tuple[str, int], dict[sympy.Expr, None]] = {}
        for name, time in fixed:
            if time is not None:
                found.setdefault((name, self._column_of(time)), {})[time] = None
        for (name, column), times in found.items():
            cells = [self.cast.cell(self.at[column], name, time) for time in sorted(times, key=lambda time: time.subs(T, 0))]
            yield replace(cells[0], label=separated([cell.label for cell in cells]))

    def _column_of(self, time: sympy.Expr) -> int:
        return EDGE if time.has(T) else -EDGE

    def _columns_of(self, name: str) -> tuple[int | str, ...]:
        return STEPS if name in self.cast.timed else ("after",) if name in self.cast.after else ("before",)

    def _targets(self, flow: Flow) -> tuple[int | str, ...]:
        """The columns in which a flow arrives."""
        return self._columns_of(flow.target) if flow.start is None else (self._column_of(flow.start),)

    def _is_rung(self, flow: Flow) -> bool:
        same = self._columns_of(flow.source) == self._targets(flow)
        return flow.delay == 0 and same and (flow.source, flow.target) in self.beside

    def rungs(self) -> Iterator[Rung]:
        pairs = {kind: {(f.source, f.target) for f in group if self._is_rung(f)} for kind, group in self.groups.items()}
        for kind, group in self.groups.items():
            for flow in group:
                if not self._is_rung(flow):
                    continue
                paired = all((flow.source, flow.target) in found for found in pairs.values()) and len(pairs) > 1
                for column in self._columns_of(flow.source):
                    label = self.cast.label(flow, kind, t + column if isinstance(column, int) else None)
                    ends = (flow.source, flow.target) if kind == "forward" else (flow.target, flow.source)
                    yield Rung(self.at[column], *ends, kind, label, paired)

    # ------------------------------------------------------------ strands

    def strands(self) -> Iterator[Strand]:
        for kind, group in self.groups.items():
            for source in self.cast.rows:
                flows = [f for f in group if f.source == source and not self._is_rung(f)]
                yield from self._at_once(kind, source, [f for f in flows if f.delay == 0])
                yield from self._through_time(kind, source, [f for f in flows if is_lag(f)], 1)
                yield from self._through_time(kind, source, [f for f in flows if is_lead(f)], -1)
                yield from self._of_one_step(kind, source, [f for f in flows if fixed_time(f) is not None])
                yield from self._of_all_steps(kind, source, [f for f in flows if f.delay == SUM])

    def _strand(
        self, kind: str, key: str, sources: Iterable[End], targets: Iterable[End], passes: Iterable[tuple[int, Port]] = ()
    ) -> Iterator[Strand]:
        """A strand, turned round for an error; none where nothing is read."""
        sources, targets = tuple(sources), tuple(targets)
        if sources and targets:
            ends = (sources, targets) if kind == "forward" else (targets, sources)
            yield Strand(f"{kind} {key}", kind, *ends, tuple(passes))

    def _port(self, kind: str, name: str, side: str, role: str, pull: float = 0.0, height: float | None = None) -> Port:
        """A port; an error's port stands just below that of its value."""
        shift = 0.05 if kind == "error" else 0.0
        return Port(name, side, f"{kind} {role}", pull + shift, height)

    def _lanes(self, name: str) -> dict[tuple[str, str], float]:
        """Heights of the straight lines through a value's row: to later and to earlier steps, for the value and for its error."""
        found = []
        for word, wanted in (("lag", is_lag), ("lead", is_lead)):
            found += [
                (k, word) for k, group in self.groups.items() if any(f.source == name and wanted(f) and not _is_far(f) for f in group)
            ]
        labels = [self.cast.label(f, kind, t + 1) for kind, group in self.groups.items() for f in group if f.source == name and f.steps]
        apart = max([2 * LANE, *(label_room(label)[1] + 8.0 for label in labels if label is not None)])
        return {lane: round(apart * (i - (len(found) - 1) / 2), 1) for i, lane in enumerate(found)}

    def _lane(self, kind: str, name: str, side: str, word: str, role: str) -> Port:
        """A port on one of the straight lines through a value's row."""
        return self._port(kind, name, side, f"{word} {role}", height=self.lanes[name][kind, word])

    def _slot(self, kind: str, row: str) -> Port:
        paired = "error" in self.groups
        return self._port(kind, row, "left", "slot", height=(8.0 if kind == "error" else -8.0) if paired else 0.0)

    def _reader(self, kind: str, flow: Flow, column: int | str, side: str, role: str) -> End:
        """The end of a flow at its reader, with its label."""
        pull = self.cast.pull(flow.target, flow.source)
        port = self._port(kind, flow.target, side, f"{role} {flow.source}", pull)
        time = flow.start if flow.start is not None else t + column if isinstance(column, int) else None
        return End(self.at[column], port, self.cast.label(flow, kind, time))

    def _at_once(self, kind: str, source: str, flows: list[Flow]) -> Iterator[Strand]:
        """Reads at the same step that pass by other rows, and reads of static values."""
        if not flows:
            return
        if source in self.cast.timed:
            out = self._port(kind, source, "left", "out", self.cast.pull(source, flows[0].target))
            for k in STEPS:
                yield from self._strand(
                    kind, f"{source} now {k}", [End(self.at[k], out)], [self._reader(kind, f, k, "left", "now") for f in flows]
                )
            return
        start = "before" if source in self.cast.before else "after"
        side, towards = ("right", "left") if start == "before" else ("left", "right")
        inner = [f for f in flows if self._targets(f) == (start,)]
        outer = [f for f in flows if f not in inner]
        out = self._port(kind, source, "left", "out", -0.5)
        yield from self._strand(
            kind, f"{source} beside", [End(self.at[start], out)], [self._reader(kind, f, start, "left", "now") for f in inner]
        )
        out = self._port(kind, source, side, "rail", height=8.0 if kind == "error" else 0.0)
        targets = [self._reader(kind, f, column, towards, "static") for f in outer for column in self._targets(f)]
        yield from self._strand(kind, f"{source} rail", [End(self.at[start], out)], targets, self._between(self.at[start], targets, out))

    def _between(self, start: int, targets: list[End], port: Port) -> list[tuple[int, Port]]:
        """The columns that a line passes on its way to the farthest of its targets."""
        columns = [end.column for end in targets]
        low, high = min([start, *columns]), max([start, *columns])
        return [(column, port) for column in range(low + 1, high)]

    def _through_time(self, kind: str, source: str, flows: list[Flow], step: int) -> Iterator[Strand]:
        """Reads of other steps: what is read later (step = 1) or earlier (step = -1) passes the columns between in rows of its own."""
        if not flows:
            return
        word, out, side = ("lag", "right", "left") if step > 0 else ("lead", "left", "right")
        yield from self._far(kind, [f for f in flows if _is_far(f)], side, word)
        flows = [f for f in flows if not _is_far(f)]
        if not flows:
            return
        farthest = max(lags(flows))
        first, last = -EDGE * step, EDGE * step  # the column that values come from, and the one where they go on
        for start in range(first - (farthest - 1) * step, last, step):
            inside = start in STEPS
            away = abs(first - start)
            begin = self._lane(kind, source, out, word, "out") if inside or not away else self._slot(kind, f"{source} {word} {away}")
            origin = End(self.at[start if inside else first], begin if inside or not away else _on(begin, out), dashed=not inside)
            targets, passes = [], []
            for distance in range(1, farthest + 1):
                column = start + step * distance
                if column in STEPS:
                    targets += [self._delayed(kind, f, column, side, word) for f in flows if abs(f.steps) == distance]
                    passes += [(self.at[column], self._slot(kind, f"{source} {word} {distance}"))] if distance < farthest else []
                elif column == last:
                    goal = (
                        self._lane(kind, source, side, word, "edge")
                        if distance == 1
                        else _on(self._slot(kind, f"{source} {word} {distance - 1}"), side)
                    )
                    targets.append(End(self.at[last], goal, dashed=True))
            yield from self._strand(kind, f"{source} {word} {start}", [origin], targets, passes)

    def _far(self, kind: str, flows: list[Flow], side: str, word: str) -> Iterator[Strand]:
        """Reads of steps far away: a stub with the name of the value."""
        for flow in flows:
            for k in STEPS:
                end = self._reader(kind, flow, k, side, f"{word} {abs(flow.steps)}")
                names = self.cast.names
                value = names.at(names.base(flow.source), names.time(t + k + flow.steps))
                said = [end.label, value] if kind == "forward" else [end.label or value]
                present = [part for part in said if part is not None]
                tree = row(present[0], Operator("\u2062", "thin"), present[1]) if len(present) > 1 else present[0]
                ends = ((), (replace(end, label=tree),))
                yield Strand(f"{kind} {flow.source} {flow.target} {flow.delay} {k}", kind, *(ends if kind == "forward" else ends[::-1]))

    def _delayed(self, kind: str, flow: Flow, column: int, side: str, word: str) -> End:
        end = self._reader(kind, flow, column, side, f"{word} {abs(flow.steps)}")
        if flow.source == flow.target and abs(flow.steps) == 1:
            return End(end.column, self._lane(kind, flow.target, side, word, "in"), end.label)
        return end

    def _of_one_step(self, kind: str, source: str, flows: list[Flow]) -> Iterator[Strand]:
        """Reads of the last or the first step."""
        for time in dict.fromkeys(map(fixed_time, flows)):
            if time is None:
                continue
            here = [f for f in flows if f.delay == time]
            start = self._column_of(time)
            beside = [f for f in here if self._targets(f) == (start,)]
            later = [f for f in here if f not in beside and (start < 0 or f.target not in self.cast.timed)]
            earlier = [f for f in here if f not in beside and f not in later]
            inner = "right" if start < 0 else "left"
            for side, towards, group in (("right", "left", later), ("left", "right", earlier), (inner, inner, beside)):
                out = self._port(kind, source, side, f"at {time}", -0.5)
                columns = [(f, column) for f in group for column in self._targets(f)]
                targets = [self._reader(kind, f, column, towards, f"at {time}") for f, column in columns]
                passes = self._between(self.at[start], targets, self._slot(kind, f"{source} at {time}")) if targets else []
                yield from self._strand(kind, f"{source} at {time} {side} {towards}", [End(self.at[start], out)], targets, passes)

    def _of_all_steps(self, kind: str, source: str, flows: list[Flow]) -> Iterator[Strand]:
        """Sums over time: every step joins a rail."""
        if not flows:
            return
        slot = self._slot(kind, f"{source} sum")
        out = self._port(kind, source, "right", "sum", -0.6)
        sources = [End(self.at[k], out) for k in STEPS] + [End(self.at[-EDGE], _on(slot, "right"), dashed=True)]
        readers = [(f, column) for f in flows for column in self._targets(f)]
        targets = [self._reader(kind, f, column, "right" if column == -EDGE else "left", "sum") for f, column in readers]
        columns = [*targets, End(self.at[EDGE], slot)]  # the rail takes in the last step's value behind that step
        yield from self._strand(kind, f"{source} sum", sources, targets, self._between(self.at[-EDGE], columns, slot))


def _is_far(flow: Flow) -> bool:
    return abs(flow.steps) > FAR


def _on(port: Port, side: str) -> Port:
    """The port at the same height on another side."""
    return Port(port.row, side, port.role, port.pull, port.height)
