"""Value numbering: what is computed twice from the same operands is computed once.

Comes in: the stages of the forward pass and of the gradients. Goes out: the same stages, where an operation that repeats an earlier one
is left out and its readers read the earlier result. Across stages only what costs more than a pass over memory is kept (saved); what is
cheap is computed again (recomputed).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rnnsym.program.ops import PER_STEP, Cell, Op, Ref, Stage

CHEAP = frozenset(
    {"add", "subtract", "multiply", "negative", "square", "copy", "real", "where", "less", "less_equal", "greater", "greater_equal"}
)
CHEAP |= {"every_step", "valid", "zeros", "ones", "eye", "mark", "max", "min", "relu", "abs", "sign", "dense"}


def numbered(parts: Sequence[Sequence[Stage]], cells: Mapping[str, Cell], kept: set[str]) -> list[list[Stage]]:
    """The stages of all parts without repetitions; names in `kept` keep an operation of their own."""
    table: dict[tuple, tuple[Op, int]] = {}
    instead: dict[str, str] = {}
    place = 0
    found: list[list[Stage]] = []
    for stages in parts:
        rows: list[Stage] = []
        for stage in stages:
            place += 1
            ops: list[Op] = []
            for op in stage.ops:
                op = replace(op, args=tuple(_renamed(a, instead) for a in op.args))
                if op.place or op.function in ("at_step", "at_end", "before"):
                    ops.append(op)
                    continue
                key = (op.function, op.args, op.details, cells[op.out].shape, cells[op.out].axes)
                earlier = table.get(key)
                stands_in = earlier is not None and _stands_in(*earlier, op, place, cells)
                if earlier is not None and stands_in and op.out not in kept:
                    instead[op.out] = earlier[0].out
                    continue
                if not stands_in:
                    table[key] = (op, place)
                ops.append(op)
            rows.append(Stage(stage.kind, stage.direction, tuple(ops)))
        found.append([s for s in rows if s.ops])
    return [[_all_renamed(s, instead) for s in stages] for stages in found]


def _stands_in(first: Op, where: int, op: Op, place: int, cells: Mapping[str, Cell]) -> bool:
    """Whether an earlier operation's result can be read instead of a later one's."""
    mine, other = cells[op.out], cells[first.out]
    if mine.lag > other.lag or mine.lead > other.lead:  # it is read beyond 1 … T, where the other has no values
        return False
    return first.guard.covers(op.guard) and (where == place or mine.axes < PER_STEP or op.function not in CHEAP)


def _renamed(operand, instead: Mapping[str, str]):
    return replace(operand, name=instead[operand.name]) if isinstance(operand, Ref) and operand.name in instead else operand


def _all_renamed(stage: Stage, instead: Mapping[str, str]) -> Stage:
    """Reads of what a later operation defined (in a loop, at other steps) follow too."""
    return replace(stage, ops=tuple(replace(op, args=tuple(_renamed(a, instead) for a in op.args)) for op in stage.ops))
