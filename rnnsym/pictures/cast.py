"""Who appears in a picture in columns, and how: the look of a value's cell, on which side of time a static value stands.

Comes in: a Skeleton and names. Goes out: cells, labels, ports' pulls; shared by the folded and the unfolded picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import sympy

from rnnsym.documents.mathematics import Identifier, Node, Operator, Scripts, row, separated, transposed
from rnnsym.documents.names import Names
from rnnsym.pictures.columns import Cell
from rnnsym.pictures.drawing import label_room
from rnnsym.pictures.skeleton import LOSSES, SUM, Flow, Skeleton

WIDEST = 60.0  # pixels of a label on a line; a longer one would hide the picture


@dataclass(frozen=True)
class Cast:
    """The values of a picture."""

    skeleton: Skeleton
    names: Names

    @cached_property
    def rows(self) -> tuple[str, ...]:
        """From top to bottom."""
        return self.skeleton.rows[::-1]

    @cached_property
    def place(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.rows)}

    @cached_property
    def timed(self) -> tuple[str, ...]:
        return tuple(name for name in self.rows if not self.skeleton.is_static(name))

    @cached_property
    def after(self) -> tuple[str, ...]:
        """The static values that stand after the last step: they need the steps, or no step needs them."""
        flows = self.skeleton.flows
        found = {f.target for f in flows if self.skeleton.is_static(f.target) and (f.delay != 0 or not self.skeleton.is_static(f.source))}
        while True:
            more = {f.target for f in flows if f.source in found and self.skeleton.is_static(f.target)}
            if more <= found:
                break
            found |= more
        needed = {f.source for f in flows if not self.skeleton.is_static(f.target)}
        while True:
            more = {f.source for f in flows if f.target in needed and f.target not in found and self.skeleton.is_static(f.target)}
            if more <= needed:
                break
            needed |= more
        return tuple(n for n in self.rows if self.skeleton.is_static(n) and (n in found or n not in needed))

    @cached_property
    def before(self) -> tuple[str, ...]:
        """The static values that the steps need."""
        return tuple(n for n in self.rows if self.skeleton.is_static(n) and n not in self.after)

    def cell(self, column: int, name: str, time: sympy.Expr | None = None) -> Cell:
        """A value's node, at a time."""
        declared = self.skeleton.system.by_name[name]
        base = self.names.base(name)
        label = base if time is None else self.names.at(base, self.names.time(sympy.sympify(time)))
        if name in LOSSES:
            return Cell(column, name, "loss", label, round=False)
        if declared.kind != "variable":
            return Cell(column, name, "data", label)
        if name in self.skeleton.carried:
            return Cell(column, name, "state", label)
        return Cell(column, name, "readout", label, round=False)

    def label(self, flow: Flow, kind: str, time: sympy.Expr | None) -> Node | None:
        """What stands on a flow where it arrives: its matrices, or the error that travels there (at the reader's time)."""
        if not flow.through:
            return None
        if kind == "error":
            quantity = flow.through[0]
            when = None if quantity.time is None or time is None else self.names.time(sympy.sympify(time))
            return self.names.error_node(self.names.base(quantity.name), when, quantity.name)
        trees = [self.names.quantity(q) if q.rank != 1 else transposed(self.names.quantity(q)) for q in flow.through]
        tree = separated(trees)
        return tree if len(trees) <= 2 and label_room(tree)[0] <= WIDEST else None

    def pull(self, reader: str, source: str) -> float:
        """Where a line from `source` arrives at `reader`: above where it comes from above."""
        distance = self.place[source] - self.place[reader]
        return float(distance) if distance else 0.4

    def neighbours(self, names: Iterable[str]) -> set[tuple[str, str]]:
        """The pairs that stand next to each other in a column, in both directions."""
        order = list(names)
        pairs = set(pairwise(order))
        return pairs | {(b, a) for a, b in pairs}


def lags(flows: Iterable[Flow]) -> list[int]:
    """The distances in time of these flows, each once, the nearest first."""
    return sorted({abs(f.steps) for f in flows if f.steps})


def fixed_time(flow: Flow) -> sympy.Expr | None:
    """The time of a flow from one fixed step, else None."""
    return flow.delay if isinstance(flow.delay, sympy.Expr) else None


def is_lag(flow: Flow) -> bool:
    return flow.steps < 0


def is_lead(flow: Flow) -> bool:
    return flow.steps > 0


def taken_as(names: Names, flow: Flow, label: Node | None) -> Node | None:
    """What a folded picture says of a read at one fixed step or of all steps together: `V h_T`, `∑_t`."""
    if flow.delay == SUM:
        return Scripts(Operator("∑", "prefix"), Identifier("t"))
    time = fixed_time(flow)
    if time is None:
        return label
    whole = names.at(names.base(flow.source), names.time(time))
    return whole if label is None else row(label, Operator("\u2062", "thin"), whole)


__all__ = ["Cast", "fixed_time", "is_lag", "is_lead", "lags", "taken_as"]
