"""Hoisting: what does not depend on a recurrence is computed for all steps at once, what does not run in time only once.

Comes in: stages. Goes out: stages in which every operation stands where the fewest repetitions are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rnnsym.program.ops import PER_STEP, Cell, Op, Stage


def hoisted(stages: Sequence[Stage], cells: Mapping[str, Cell]) -> list[Stage]:
    """The stages with loop-invariant operations before their loops."""
    found: list[Stage] = []
    for stage in stages:
        found += _split(stage, cells)
    return [s for s in found if s.ops]


def _split(stage: Stage, cells: Mapping[str, Cell]) -> list[Stage]:
    if stage.kind == "static":
        return _by_axes(stage, cells)
    once = [op for op in stage.ops if cells[op.out].axes < PER_STEP and not op.place]
    rest = [op for op in stage.ops if op not in once]
    if stage.kind == "map":
        return [Stage("static", 0, tuple(once)), Stage("map", 0, tuple(rest))]
    varying = {op.out for op in rest if cells[op.out].kind != "part"}
    for op in rest:
        if any(ref.name in varying for ref in op.reads):
            varying.add(op.out)
    outside = [op for op in rest if op.out not in varying]
    inside = [op for op in rest if op.out in varying]
    return [Stage("static", 0, tuple(once)), Stage("map", 0, tuple(outside)), Stage("scan", stage.direction, tuple(inside))]


def _by_axes(stage: Stage, cells: Mapping[str, Cell]) -> list[Stage]:
    """What a sum over time is made of runs over the steps; the sum itself is done once."""
    found: list[Stage] = []
    for op in stage.ops:
        kind = "map" if cells[op.out].axes == PER_STEP and not op.place else "static"
        if found and found[-1].kind == kind:
            found[-1] = Stage(kind, 0, (*found[-1].ops, op))
        else:
            found.append(Stage(kind, 0, (op,)))
    return found


def without_unread(stages: Sequence[Stage], wanted: set[str]) -> list[Stage]:
    """The stages without operations whose results nothing reads; `wanted` are results that leave the program."""
    needed = set(wanted)
    kept: list[Stage] = []
    for stage in reversed(stages):
        rows: list[Op] = []
        size = -1
        while size != len(needed):  # a loop may read what later steps of itself compute
            size = len(needed)
            rows = [op for op in stage.ops if op.out in needed]
            for op in rows:
                needed.update(ref.name for ref in op.reads)
        kept.append(Stage(stage.kind, stage.direction, tuple(rows)))
    return [s for s in reversed(kept) if s.ops]
