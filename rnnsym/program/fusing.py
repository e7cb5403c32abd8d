"""Fusing: one call for several vectors that lie one after the other and are treated alike.

Comes in: the operations of a loop's body and the places of vectors. Goes out: the operations in an order in which those that can be one
are neighbours, and made one. An operand that all share (`d_c` in three gates' errors) meets each part of the longer vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rnnsym.algebra.sizes import same_size
from rnnsym.program.ops import Bounds, Cell, Op, Operand, Ref, Stage
from rnnsym.program.stacking import Place
from rnnsym.program.vocabulary import ELEMENTWISE


def fused(stage: Stage, cells: Mapping[str, Cell], places: Mapping[str, Place]) -> Stage:
    """A scan in which neighbouring vectors are treated by one operation."""
    if stage.kind != "scan":
        return stage
    return replace(stage, ops=tuple(_fused(list(stage.ops), cells, places)))


def _fused(ops: list[Op], cells: Mapping[str, Cell], places: Mapping[str, Place]) -> list[Op]:
    """List scheduling: when an operation is due, those that can join it and whose operands are there join."""
    rows = [(op, _resolved(op, cells, places), [_located(a, places) for a in op.reads]) for op in ops]
    done: set[int] = set()
    found: list[Op] = []
    for index, (op, resolved, _) in enumerate(rows):
        if index in done:
            continue
        group = [index]
        done.add(index)
        whole = resolved
        grown = op.function in ELEMENTWISE and resolved is not None
        while grown:
            grown = False
            for other in range(index + 1, len(rows)):
                candidate = rows[other][1]
                if other in done or candidate is None or whole is None or not _is_free(other, group, rows, done):
                    continue
                bigger = _joined(whole, candidate, cells)
                if bigger is not None:
                    whole, grown = bigger, True
                    group.append(other)
                    done.add(other)
        found.append(op if len(group) == 1 or whole is None else replace(whole, numbers=_numbers(ops, group)))
    return found


def _numbers(ops: Sequence[Op], group: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted({n for k in group for n in ops[k].numbers}))


def _is_free(index: int, group: Sequence[int], rows, done: set[int]) -> bool:
    """Whether an operation can be moved before those that stand before it and are not done: nothing it reads is computed by them."""
    waiting = [k for k in range(index) if k not in done]
    pending = [rows[k][0] for k in (*waiting, *group)]
    op, own, _ = rows[index]
    if any(_overlaps(ref, own) for k in waiting for ref in rows[k][2]):  # it would be overwritten before it is read
        return False
    read = {ref.name for ref in op.reads if not ref.delay}
    written = {other.out for other in pending}
    return not read & written


def _overlaps(ref: Operand, own: Op | None) -> bool:
    """Whether an operand lies where an operation writes, at the same step."""
    if own is None or not isinstance(ref, Ref) or ref.name != own.out:
        return False
    _, rows, shift, *_ = own.details
    return ref.delay == shift and (ref.rows is None or ref.rows == rows)


def _resolved(op: Op, cells: Mapping[str, Cell], places: Mapping[str, Place]) -> Op | None:
    """The operation on the arrays in which its vectors lie; None where its result lies in no larger one."""
    place = places.get(op.out)
    if place is None or place.rows is None or op.place or op.details:
        return None
    args = tuple(_located(a, places) for a in op.args)
    return replace(op, out=place.array, args=args, details=("into", place.rows, place.shift, 1, (op.out,)))


def _located(operand: Operand, places: Mapping[str, Place]) -> Operand:
    if not isinstance(operand, Ref) or operand.name not in places or operand.rows is not None or operand.delay is None:
        return operand
    place = places[operand.name]
    return Ref(place.array, operand.delay + place.shift, place.rows)


def _joined(op: Op, other: Op, cells: Mapping[str, Cell]) -> Op | None:
    """Two operations on neighbouring vectors as one on the longer vector."""
    if (op.function, op.out, op.guard, len(op.args)) != (other.function, other.out, other.guard, len(other.args)):
        return None
    _, rows, shift, groups, names = op.details
    _, next_rows, next_shift, _, others = other.details
    each = (rows[1] - rows[0]) / groups
    if shift != next_shift or (rows[1] != next_rows[0] and next_rows[1] != rows[0]):
        return None
    args: list[Operand] = []
    is_shared = False
    for a, b in zip(op.args, other.args, strict=True):
        if a == b:
            is_shared = is_shared or (isinstance(a, Ref) and cells[a.name].rank == 1)
            args.append(a)
            continue
        grown = _grown(a, b, rows, next_rows)
        if grown is None:
            return None
        args.append(grown)
    if is_shared and not same_size(each, next_rows[1] - next_rows[0]):
        return None
    whole = _side_by_side(rows, next_rows)
    return replace(op, args=tuple(args), details=("into", whole, shift, groups + 1 if is_shared else 1, (*names, *others)))


def _side_by_side(first: Bounds, second: Bounds) -> Bounds:
    return (first[0], second[1]) if first[1] == second[0] else (second[0], first[1])


def _grown(a: Operand, b: Operand, rows: Bounds, next_rows: Bounds) -> Operand | None:
    """An operand that lies beside the next one's, in the order of the results, and is as long as the result (not shared by its parts)."""
    if not isinstance(a, Ref) or not isinstance(b, Ref) or a.rows is None or b.rows is None:
        return None
    if (a.name, a.delay, a.turned, a.columns) != (b.name, b.delay, b.turned, b.columns):
        return None
    if not same_size(a.rows[1] - a.rows[0], rows[1] - rows[0]):
        return None
    first, second = (a.rows, b.rows) if rows[1] == next_rows[0] else (b.rows, a.rows)
    return replace(a, rows=(first[0], second[1])) if first[1] == second[0] else None
