"""The structure of a network, folded: every value once, and delays as small squares on the lines that go back.

Comes in: a System. Goes out: a Drawing: values of the running step from bottom to top; at the right what reads the past, at the left
what reads the future; static values in columns of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from rnnsym.algebra.system import System
from rnnsym.algebra.tensor import t
from rnnsym.documents.mathematics import Node, Numeral, Operator, row
from rnnsym.documents.names import Names
from rnnsym.pictures.cast import Cast, is_lag, is_lead, lags, taken_as
from rnnsym.pictures.columns import LOOP, Cell, End, Port, Rung, Strand, lay_out
from rnnsym.pictures.drawing import Drawing, cropped
from rnnsym.pictures.skeleton import Flow, Skeleton

BEFORE, LEADS, MAIN, LAGS, AFTER = range(5)


def structure(system: System, names: Names | None = None) -> Drawing:
    """The folded network; a small square holds a value for as many steps as it says."""
    cast = Cast(Skeleton(system), names or Names.of(system))
    folding = _Folding(cast)
    parts = lay_out(cast.rows, 5, folding.cells(), folding.rungs(), folding.strands())
    text = "From bottom to top " + ", ".join(cast.rows[::-1]) + ". Small squares hold values of earlier (−) or later (+) steps."
    text += " Dashed lines lead to values before the first step or after the last one." if folding.has_starts else ""
    return cropped(f"{system.name}-structure", f"Structure of {system.name}", text, parts.shapes, parts.edges, parts.labels, parts.dots)


class _Folding:
    def __init__(self, cast: Cast):
        self.cast = cast
        self.flows = cast.skeleton.flows
        self.beside = cast.neighbours(cast.timed) | cast.neighbours(cast.after) | cast.neighbours(cast.before)

    @property
    def has_starts(self) -> bool:
        return any(flow.start is not None for flow in self.flows)

    def _column(self, name: str) -> int:
        return MAIN if name in self.cast.timed else AFTER if name in self.cast.after else BEFORE

    def _is_rung(self, flow: Flow) -> bool:
        return (
            flow.delay == 0
            and flow.start is None
            and self._column(flow.source) == self._column(flow.target)
            and (flow.source, flow.target) in self.beside
        )

    def cells(self) -> Iterator[Cell]:
        for name in self.cast.rows:
            column = self._column(name)
            yield self.cast.cell(column, name, t if column == MAIN else None)
            for word, place in (("lag", LAGS), ("lead", LEADS)):
                distances = [0, *self._distances(name, word)]
                for step, (near, far) in enumerate(pairwise(distances)):
                    yield Cell(place, name, "delay", delay_sign(word, far - near), round=False, step=step)

    def _distances(self, name: str, word: str) -> list[int]:
        wanted = is_lag if word == "lag" else is_lead
        return lags(f for f in self.flows if f.source == name and wanted(f))

    def rungs(self) -> Iterator[Rung]:
        for flow in self.flows:
            if self._is_rung(flow):
                yield Rung(self._column(flow.source), flow.source, flow.target, label=self.cast.label(flow, "forward", t))

    def strands(self) -> Iterator[Strand]:
        for source in self.cast.rows:
            flows = [f for f in self.flows if f.source == source and not self._is_rung(f)]
            yield from self._through(source, [f for f in flows if is_lag(f)], "lag")
            yield from self._through(source, [f for f in flows if is_lead(f)], "lead")
            yield from self._directly(source, [f for f in flows if not is_lag(f) and not is_lead(f)])

    def _directly(self, source: str, flows: list[Flow]) -> Iterator[Strand]:
        """Reads without a delay that are no rungs: within a column at its left side, between columns straight across."""
        start = self._column(source)
        inner = [f for f in flows if self._column(f.target) == start and f.delay == 0]
        whole = [f for f in flows if self._column(f.target) == start and f.delay != 0]
        later = [f for f in flows if self._column(f.target) > start]
        earlier = [f for f in flows if self._column(f.target) < start]
        for group, side, towards in (
            (inner, "left", "left"),
            (whole, "right", "right"),
            (later, "right", "left"),
            (earlier, "left", "right"),
        ):
            for delay in dict.fromkeys(f.delay for f in group):
                some = [f for f in group if f.delay == delay]
                out = Port(source, side, f"out {towards} {delay}", self.cast.pull(source, some[0].target) - 0.3)
                targets = [self._reader(f, towards, f"at {delay}" if f.start is None else f"at {delay} for {f.start}") for f in some]
                passes = [(c, self._passing(source, out, targets)) for c in _between(start, targets)]
                yield Strand(f"{source} {side} {towards} {delay}", "forward", (End(start, out),), tuple(targets), tuple(passes))

    def _passing(self, source: str, out: Port, targets: list[End]) -> Port:
        """At which height a line passes a column: in the row of its static end, which is empty there."""
        return out if self._column(source) != MAIN else next(end.port for end in targets if end.column != MAIN)

    def _reader(self, flow: Flow, side: str, role: str) -> End:
        label = taken_as(self.cast.names, flow, self.cast.label(flow, "forward", t))
        port = Port(flow.target, side, f"in {flow.source} {role}", self.cast.pull(flow.target, flow.source))
        return End(self._column(flow.target), port, label, dashed=flow.start is not None)

    def _through(self, source: str, flows: list[Flow], word: str) -> Iterator[Strand]:
        """A chain of delays beside a value: out of the value, down through one square after the other, back to the readers after each."""
        if not flows:
            return
        side, inner, place = ("right", "left", LAGS) if word == "lag" else ("left", "right", LEADS)
        out = Port(source, side, f"{word} out", height=-LOOP)
        entry = Port(source, inner, f"{word} 0", height=-LOOP, layer=word)
        yield Strand(f"{source} {word} 0", "forward", (End(MAIN, out),), (End(place, entry, step=0),))
        distances = self._distances(source, word)
        for step, distance in enumerate(distances):
            tap = Port(source, inner, f"{word} {distance}", height=LOOP + 2 * LOOP * step, layer=word)
            targets = [self._delayed(f, side, word, step) for f in flows if abs(f.steps) == distance]
            onward = [End(place, tap, step=step + 1)] if step + 1 < len(distances) else []
            yield Strand(f"{source} {word} {distance}", "forward", (End(place, tap, step=step),), tuple(targets + onward))

    def _delayed(self, flow: Flow, side: str, word: str, step: int) -> End:
        end = self._reader(flow, side, f"{word} {abs(flow.steps)}")
        if flow.source == flow.target and step == 0:
            return End(end.column, Port(flow.target, side, f"{word} in", height=LOOP), end.label)
        return end


def _between(start: int, targets: list[End]) -> list[int]:
    columns = [end.column for end in targets]
    return list(range(min([start, *columns]) + 1, max([start, *columns])))


def delay_sign(word: str, steps: int) -> Node:
    """What stands in a delay's square: how many steps it holds a value."""
    return row(Operator("−" if word == "lag" else "+", "prefix"), Numeral(str(steps)))
