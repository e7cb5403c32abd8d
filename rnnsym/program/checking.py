"""The proof that a plan keeps its values: nothing is read before it is written, nor after something else was written in its place.

Comes in: a Plan. Goes out: nothing, or an error that names the operation and the value. The argument is for a generic step: what lies in
a place at step t is what the last write put there; a read at t+k inside a loop sees a step that is done, if the loop comes from there,
or one that only earlier loops have filled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sympy

from rnnsym.errors import InternalError
from rnnsym.program.ops import PER_STEP, Bounds, Cell, Op, Ref
from rnnsym.program.phases import Phase
from rnnsym.program.stacking import Place, Stack
from rnnsym.program.storage import Storage, resolved


@dataclass(frozen=True)
class _Write:
    """A value put into rows of an array: by which operation, where in the program."""

    name: str
    array: str
    rows: Bounds | None
    shift: int
    order: tuple[int, int, int]  # phase, stage, operation


def check(
    forward: Sequence[Phase],
    gradient: Sequence[Phase],
    cells: Mapping[str, Cell],
    stacks: Sequence[Stack],
    storage: Storage,
    given: set[str],
    ones: Iterable[tuple[str, object]] = (),
) -> None:
    """Raise InternalError where a value is read that is not there.

    given  what is there before the first operation
    ones   (array, row) that is 1 at every step
    """
    phases = [*forward, *gradient]
    writes = [w for p, phase in enumerate(phases) for w in _writes(p, phase, cells, stacks, storage.places)]
    by_array: dict[str, list[_Write]] = {}
    for write in writes:
        by_array.setdefault(write.array, []).append(write)
    known = {w.name for w in writes} | {op.out for phase in phases for op in phase.ops}
    for p, phase in enumerate(phases):
        for s, stage in enumerate(phase.stages):
            for o, op in enumerate(stage.ops):
                for ref in op.reads:
                    if cells[ref.name].axes == PER_STEP and cells[ref.name].kind != "mark":
                        if cells[ref.name].kind == "slab" and any(place.array == ref.name for place in storage.places.values()):
                            rows = _rows_of(ref.name, by_array, storage.places, given, ones)
                            _check_whole(op, ref, cells[ref.name], (p, s, o), phase, by_array, rows)
                        else:
                            _check_read(op, ref, (p, s, o), phase, by_array, storage.places, given, known)


def _writes(p: int, phase: Phase, cells: Mapping[str, Cell], stacks: Sequence[Stack], places: Mapping[str, Place]) -> Iterable[_Write]:
    for s, stage in enumerate(phase.stages):
        for o, op in enumerate(stage.ops):
            if cells[op.out].axes == PER_STEP and not op.place:
                for name in _names(op, stacks, places):
                    rows = (op.details[1], op.details[2]) if op.details[:1] == ("rows",) else None
                    ref = resolved(Ref(name, 0, rows), places)
                    yield _Write(name, ref.name, ref.rows, ref.delay or 0, (p, s, o))


def _names(op: Op, stacks: Sequence[Stack], places: Mapping[str, Place]) -> tuple[str, ...]:
    """The values that an operation computes: several where products were stacked, or vectors joined."""
    if op.details[:1] == ("into",):
        return op.details[4]
    for stack in stacks:
        if op.function == "affine" and places.get(stack.results[0], Place("")).array == op.out:
            return stack.results
    return (op.out,)


def _check_read(
    op: Op, ref: Ref, at: tuple[int, int, int], phase: Phase, by_array, places: Mapping[str, Place], given: set[str], known: set[str]
) -> None:
    place = resolved(ref, places)
    delay, start = ref.delay or 0, resolved(Ref(ref.name, 0, ref.rows), places)
    if ref.name not in known:
        if ref.name in given:
            return
        raise InternalError.at("E998", f"`{op}` reads `{ref}`, which nothing has computed")
    same = [w for w in by_array.get(place.name, ()) if w.shift == (start.delay or 0) and _meet(w.rows, place.rows)]
    for seen in _views(same, at, phase, delay):
        inside = [w for w in seen if w.name == ref.name]
        if not inside:
            raise InternalError.at("E998", f"`{op}` reads `{ref}` before it is computed")
        last = max(seen, key=lambda w: w.order)
        if last.name != ref.name and last.order > max(w.order for w in inside):
            raise InternalError.at("E998", f"`{op}` reads `{ref}` after `{last.name}` was written in its place")


def _rows_of(
    array: str, by_array: Mapping[str, list[_Write]], places: Mapping[str, Place], given: set[str], ones: Iterable[tuple[str, object]]
) -> list[tuple[Bounds, int, str]]:
    """What lies in the rows of an array: (rows, shift, name); the name is empty for what is there from the start."""
    members = [(p.rows, p.shift, "" if n in given else n) for n, p in places.items() if p.array == array and p.rows is not None]
    copied = [(w.rows, w.shift, w.name) for w in by_array.get(array, ()) if w.name == array and w.rows is not None]
    filled = [((sympy.sympify(row), sympy.sympify(row) + 1), 0, "") for name, row in ones if name == array]
    return [*members, *copied, *filled]


def _check_whole(
    op: Op, ref: Ref, cell: Cell, at: tuple[int, int, int], phase: Phase, by_array, contents: list[tuple[Bounds, int, str]]
) -> None:
    """Several values are read as one longer vector: its rows must be full, and each of its members there."""
    inside = [(rows, shift, name) for rows, shift, name in contents if _meet(rows, ref.rows)]
    first, last = ref.rows or (0, cell.shape[0])
    if sympy.expand(sum(b - a for a, b in {rows for rows, _, _ in inside}) - (last - first)) != 0:
        raise InternalError.at("E998", f"`{op}` reads `{ref}`, of which nothing fills some rows")
    there = {rows for rows, _, name in inside if not name}
    for rows, shift, name in inside:
        same = [w for w in by_array.get(ref.name, ()) if w.shift == shift and _meet(w.rows, rows)]
        if rows not in there and not all(_views(same, at, phase, (ref.delay or 0) - shift)):
            raise InternalError.at("E998", f"`{op}` reads `{ref}`, of which `{name}` is not computed yet")


def _views(writes: list[_Write], at: tuple[int, int, int], phase: Phase, delay: int) -> Iterable[list[_Write]]:
    """The writes that a read may find done: one list for each state in which the loop may be."""
    p, s, _ = at
    before = [w for w in writes if w.order < at]
    if not phase.direction or not delay:
        yield before
        return
    if delay * phase.direction > 0:  # a step that this loop has not come to
        yield [w for w in writes if w.order[0] < p or (w.order[0] == p and w.order[1] < s and phase.stages[w.order[1]].kind == "map")]
        return
    yield [w for w in writes if w.order[:2] <= (p, s)]  # a step of this stretch
    yield [w for w in writes if w.order[0] <= p]  # a step of an earlier one


def _meet(a: Bounds | None, b: Bounds | None) -> bool:
    """Whether two ranges of rows have any in common."""
    if a is None or b is None:
        return True
    apart = (sympy.expand(a[0] - b[1]), sympy.expand(b[0] - a[1]))
    return not any(d == 0 or bool(d.is_nonnegative) for d in apart)


def check_pool(ops: Sequence[Op], rooms: Mapping[str, str], places: Mapping[str, Place]) -> None:
    """Raise InternalError where a local array that several values share in turn is read after another value was written to it."""
    holds: dict[str, str] = {}
    for op in ops:
        for ref in op.reads:
            name = resolved(ref, places).name
            if name in rooms and holds.get(rooms[name]) != name:
                raise InternalError.at("E998", f"`{op}` reads `{ref}`, in whose place `{holds.get(rooms[name])}` lies")
        name = resolved(Ref(op.out, 0), places).name
        if name in rooms:
            holds[rooms[name]] = name


__all__ = ["check", "check_pool"]
