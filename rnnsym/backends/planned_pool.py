"""Local arrays of a planned pass: parts that are not needed at the same time share one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnsym.algebra.sizes import Shape, same_shape
from rnnsym.program.checking import check_pool
from rnnsym.program.ops import Ref
from rnnsym.program.phases import Phase
from rnnsym.program.storage import STEP, STORED, resolved
from rnnsym.program.vocabulary import ELEMENTWISE

if TYPE_CHECKING:
    from rnnsym.backends.planned_statements import PassStatements


def pooled(phase: Phase, body: PassStatements) -> dict[str, str]:
    """Local arrays of parts that are not needed at the same time share one."""
    flat = [op for stage in phase.stages for op in stage.ops]
    last: dict[str, int] = {}
    for index, op in enumerate(flat):
        for ref in op.reads:
            last[resolved(ref, body.places).name] = index
    stage_of = {id(op): k for k, stage in enumerate(phase.stages) for op in stage.ops}
    free: list[tuple[int, Shape, int, str, int]] = []
    found: dict[str, str] = {}
    ends: list[tuple[int, tuple[int, Shape, int, str, int]]] = []
    for index, op in enumerate(flat):
        name = resolved(Ref(op.out, 0), body.places).name
        held = body.held.get(name, STORED)
        if held == STORED or name in found or not name.startswith("%") or not name[1:].isdigit() or body.cells[name].entries != "number":
            continue
        if not body._wants_room(op):
            continue
        in_place = op.function in ELEMENTWISE and op.function != "where"
        for entry in list(ends):
            if entry[0] < index or (entry[0] == index and in_place):
                free.append(entry[1])
                ends.remove(entry)
        stage = stage_of[id(op)] if held == STEP else -1
        cell = body.cells[name]
        match = next((f for f in free if f[0] == held and same_shape(f[1], cell.shape) and f[4] == stage), None)
        if match is not None:
            free.remove(match)
            found[name] = match[3]
        else:
            found[name] = body.fresh("part")
        ends.append((last.get(name, index), (held, cell.shape, cell.rank, found[name], stage)))
    check_pool(flat, found, body.places)
    return found


__all__ = ["pooled"]
