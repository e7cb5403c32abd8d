"""Planning: a model's two Programs through all passes, in order. The pipeline reads from top to bottom in `planned`.

Comes in: the forward Program and the Program of the cost's gradients. Goes out: a Plan: phases of array operations, the stacks of
parameters, and where every array lives and how long. `passes` names those that are done; leaving one out changes speed, not results.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from rnnsym.program.assembling import assembled
from rnnsym.program.checking import check
from rnnsym.program.fusing import fused
from rnnsym.program.hoisting import hoisted, without_unread
from rnnsym.program.inlining import inlined
from rnnsym.program.kernels import keeps
from rnnsym.program.numbering import numbered
from rnnsym.program.ops import PER_STEP, Cell, Op, Stage
from rnnsym.program.phases import Phase, phases
from rnnsym.program.program import Program
from rnnsym.program.stacking import Place, Stack, Stacked, stacked
from rnnsym.program.storage import Storage, in_place, storage

KERNEL_PASSES = ("inlining", "hoisting", "kernels", "numbering", "stacking", "placing", "phases")
PASSES = ("inlining", "hoisting", "numbering", "stacking", "placing", "fusing", "phases")


@dataclass(frozen=True)
class Plan:
    """A module's two passes over a sequence.

    cells     what is known of every array
    forward, gradient  phases in order
    stacks    matrices that hold several parameters
    ones      (array, row) that is 1 at every step
    merged    gradient of a parameter → the array of the stack's gradient in which it lies
    storage   how long every array of the loops is held, and where
    kept      what the forward pass hands to the gradients beside its arrays of steps: values of a call or a sequence
    traced    variables whose values leave the forward pass
    """

    cells: dict[str, Cell] = field(repr=False)
    forward: tuple[Phase, ...]
    gradient: tuple[Phase, ...]
    stacks: tuple[Stack, ...]
    ones: tuple[tuple[str, object], ...]
    merged: Mapping[str, str]
    storage: Storage
    kept: tuple[str, ...]
    traced: frozenset[str]

    def __str__(self) -> str:
        return "\n".join(["forward", *map(str, self.forward), "", "gradients", *map(str, self.gradient)])


@dataclass(frozen=True)
class Request:
    """What is to be planned.

    forward, gradient  the Programs, their values tensors
    errors       names in which the gradient equations are linear
    classes      targets that may be given as class numbers
    gradients    parameter → name of its gradient
    seeds        what stands for dC/dloss where a loss has a value per sequence
    traced       variables whose values leave the forward pass
    wanted       results that leave the gradient pass
    """

    forward: Program
    gradient: Program
    errors: frozenset[str]
    classes: frozenset[str]
    gradients: Mapping[str, str]
    seeds: frozenset[str]
    traced: frozenset[str]
    wanted: frozenset[str]


def planned(request: Request, passes: tuple[str, ...] = PASSES) -> Plan:
    """The plan of a model."""
    equations = inlined(request.gradient, request.wanted) if "inlining" in passes else request.gradient
    cells, (forward, gradient) = assembled([request.forward, equations], request.classes, request.errors, request.seeds)
    stays = partial(_stays, passes=passes, cells=cells)
    forward, gradient = hoisted(forward, cells, stays), hoisted(gradient, cells, stays)
    named = {name for name, cell in cells.items() if cell.kind != "part"} & {op.out for stage in forward for op in stage.ops}
    if "numbering" in passes:
        forward, gradient = numbered([forward, gradient], cells, named | set(request.wanted))
    gradient = without_unread(gradient, set(request.wanted))
    needed = {ref.name for stage in gradient for op in stage.ops for ref in op.reads}
    forward = without_unread(forward, set(request.traced) | needed)
    work = Stacked(forward, gradient, cells)
    if "stacking" in passes:
        work = stacked(forward, gradient, cells, request.gradients)
    places: dict[str, Place] = work.places
    both = [*work.forward, *work.gradient]
    if "placing" in passes:
        both = in_place(both, cells, places, set(request.traced))
    given = {name for name, cell in cells.items() if cell.kind in ("input", "target", "token", "param", "constant")}
    cut = len(work.forward)
    check(_one_each(both[:cut]), _one_each(both[cut:]), cells, work.stacks, where_of(places), given, work.ones)
    if "fusing" in passes:
        both = [fused(stage, cells, places) for stage in both]
    front, back = both[:cut], both[cut:]
    where = where_of(places).array
    lasting = frozenset(
        request.traced | request.wanted | {r.name for s in back for op in s.ops for r in op.reads if r.name not in written_in(back)}
    )
    first, second = (phases(side, where, lasting) if "phases" in passes else _one_each(side) for side in (front, back))
    check(first, second, cells, work.stacks, where_of(places), given, work.ones)
    room = storage([*first, *second], cells, places, set(request.traced | request.wanted))
    return Plan(
        cells,
        tuple(first),
        tuple(second),
        tuple(work.stacks),
        tuple(work.ones),
        work.merged,
        room,
        _kept(first, second, cells),
        request.traced,
    )


def _stays(op: Op, passes: tuple[str, ...], cells: Mapping[str, Cell]) -> bool:
    """Whether an operation is left in the only loop that reads it: what kernels compute there; without hoisting all that runs in time."""
    if "hoisting" not in passes:
        return cells[op.out].axes == PER_STEP and op.function != "mark"
    return "kernels" in passes and keeps(op, cells)


def where_of(places: dict[str, Place]) -> Storage:
    """The places alone, before it is known how long what lies there is held."""
    return Storage(places=places)


def written_in(stages: list[Stage]) -> set[str]:
    """What stages compute."""
    return {op.out for stage in stages for op in stage.ops}


def _one_each(stages: list[Stage]) -> list[Phase]:
    return [Phase(0 if s.kind == "static" else s.direction or 1, (s,)) for s in stages]


def _kept(first: list[Phase], second: list[Phase], cells: Mapping[str, Cell]) -> tuple[str, ...]:
    made = {op.out: None for phase in first for op in phase.ops if cells[op.out].axes < PER_STEP and not op.place}
    read = {ref.name for phase in second for op in phase.ops for ref in op.reads}
    return tuple(name for name in made if name in read)


__all__ = ["KERNEL_PASSES", "PASSES", "Plan", "Request", "planned"]
