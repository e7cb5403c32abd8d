"""Hoisting: what does not depend on a recurrence is computed for all steps at once, what does not run in time only once.

Comes in: stages. Goes out: stages in which every operation stands where the fewest repetitions are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rnnsym.program.ops import PER_STEP, Cell, Op, Stage


def hoisted(stages: Sequence[Stage], cells: Mapping[str, Cell], stays: Callable[[Op], bool] = lambda op: False) -> list[Stage]:
    """The stages with loop-invariant operations before their loops; `stays`: what is left where only its loop reads it."""
    found: list[Stage] = []
    for stage in stages:
        found += _split(stage, cells, stays)
    return [s for s in found if s.ops]


def _split(stage: Stage, cells: Mapping[str, Cell], stays: Callable[[Op], bool]) -> list[Stage]:
    if stage.kind != "scan":
        return _by_axes(stage.ops, cells)
    varying = {op.out for op in stage.ops if cells[op.out].kind != "part"}
    for op in stage.ops:
        if cells[op.out].axes == PER_STEP and any(ref.name in varying for ref in op.reads):
            varying.add(op.out)
    for op in reversed(stage.ops):  # of what does not vary, what stays
        readers = [other for other in stage.ops if any(ref.name == op.out for ref in other.reads)]
        if op.out not in varying and stays(op) and readers and all(other.out in varying for other in readers):
            varying.add(op.out)
    outside = [op for op in stage.ops if op.out not in varying]
    inside = [op for op in stage.ops if op.out in varying]
    return [*_by_axes(outside, cells), Stage("scan", stage.direction, tuple(inside))]


def _by_axes(ops: Sequence[Op], cells: Mapping[str, Cell]) -> list[Stage]:
    """Operations over all steps and operations that are done once, in runs; what needs no steps goes first."""
    found: list[Stage] = []
    waiting: set[str] = set()  # what runs, and what reads it
    early: list[Op] = []
    for op in ops:
        if cells[op.out].axes == PER_STEP or any(ref.name in waiting for ref in op.reads):
            waiting.add(op.out)
        else:
            early.append(op)
    if early:
        found.append(Stage("static", 0, tuple(early)))
    for op in (op for op in ops if op not in early):
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
