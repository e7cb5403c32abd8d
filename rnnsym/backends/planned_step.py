"""One step of a stream, as text: the forward equations that need no target, once each, without a loop and without a time axis.

Comes in: what is known of a model (`Parts`), and its Plan. Goes out: the lines of `_step`, or none where the step is the whole forward
pass on one step: where what is done once reads what the loops compute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import sympy

from rnnsym.algebra.system import Declaration
from rnnsym.backends.names import Locals
from rnnsym.backends.parts import Parts
from rnnsym.backends.planned_body import PlannedBody
from rnnsym.backends.planned_lines import INDENT, slice_text
from rnnsym.backends.planned_module import PAD, is_there, pass_text, whole_text
from rnnsym.backends.planned_pool import pooled
from rnnsym.backends.planned_preamble import preamble
from rnnsym.backends.printing import mark_name
from rnnsym.calculus.adjoint import Adjoint
from rnnsym.program.ops import ALONE, PER_STEP, Op, Ref, Stage
from rnnsym.program.phases import Phase
from rnnsym.program.planning import Plan
from rnnsym.program.storage import STEP, STRETCH, Storage, resolved

STEPPING = '''def one_step(run: Run) -> tuple[State, Values]:
    """Every variable that needs no target, in memory of its own."""'''


@dataclass(frozen=True)
class StepText:
    """Lines of `_step`, and the functions that they use."""

    lines: list[str]
    functions: frozenset[str]


def step_text(parts: Parts, adj: Adjoint, plan: Plan, described: Mapping[int, str]) -> StepText | None:
    """The step of a stream; None where it is the forward pass on one step, or where there is none."""
    if parts.stream.obstacle:
        return None
    single = single_step(plan, _leaving(parts))
    if single is None:
        return None
    body = StepBody(single, Locals(adj.system), "forward", described, public=parts.names.public)
    out, state = body.fresh("out"), body.fresh("carried")
    tail = [*_outputs(body, parts, out), *_state(body, parts, state), f"{PAD}return State({state}, started=True), Values({out})"]
    first = preamble(body, parts, adj)
    first = replace(first, each=[row for row in first.each if not row.lstrip().startswith("work.kept[")])
    return StepText(pass_text(first, STEPPING, [*body.lines, *tail]), frozenset(body.functions))


def _leaving(parts: Parts) -> set[str]:
    """What leaves a step: the outputs, and what the next step reads."""
    return set(parts.stream.outputs) | set(_carried(parts))


def _carried(parts: Parts) -> dict[str, int]:
    """How many past values of each name the next step needs; what depends on a target that a step is not given has none."""
    held = parts.late | parts.optional
    return {name: count for name, count in parts.stream.carried.items() if name not in held}


def single_step(plan: Plan, wanted: set[str]) -> Plan | None:
    """The part of a plan's forward pass that computes `wanted`, as what is done once and one stage; None where it is no such thing."""
    stages = _needed([stage for phase in plan.forward for stage in phase.stages], plan.storage, wanted)
    once = [op for stage in stages if stage.kind == "static" for op in stage.ops]
    running = [op for stage in stages if stage.kind != "static" for op in stage.ops]
    if any(plan.cells[ref.name].axes == PER_STEP for op in once for ref in op.reads):
        return None
    found = []
    if once:
        found.append(Phase(0, (Stage("static", 0, tuple(once)),)))
    if running:
        found.append(Phase(1, (Stage("scan", 1, tuple(running)),)))
    held = {name: STEP if how == STRETCH else how for name, how in plan.storage.held.items()}
    return replace(plan, forward=tuple(found), gradient=(), kept=(), storage=replace(plan.storage, held=held))


def _needed(stages: list[Stage], storage: Storage, wanted: set[str]) -> list[Stage]:
    """The stages without operations that `wanted` does not need, by the arrays in which values lie."""
    needed = {storage.array(name) for name in wanted}
    size = -1
    while size != len(needed):
        size = len(needed)
        for stage in stages:
            for op in stage.ops:
                if storage.array(op.out) in needed and not op.guard.needs:
                    needed.update(storage.array(ref.name) for ref in op.reads)
    kept = [tuple(op for op in s.ops if storage.array(op.out) in needed and not op.guard.needs) for s in stages]
    return [replace(s, ops=ops) for s, ops in zip(stages, kept, strict=True) if ops]


class StepBody(PlannedBody):
    """The body of `_step`: values of the one step are views without a time axis."""

    walks = False

    def view(self, ref: Ref, align: str = "", groups: int = 1, each: sympy.Expr | None = None) -> str:
        ref = resolved(ref, self.places)
        key = (ref.name, ref.delay, ref.rows, align, groups)
        if key in self.views:
            return self.views[key][0]
        cell = self.cells[ref.name]
        bounds = [str(cell.lag + (ref.delay or 0))]
        if ref.rows is not None and cell.rank == 1:
            bounds.append(slice_text("" if ref.rows[0] == 0 else self.size(ref.rows[0]), self.size(ref.rows[1])))
        text = f"{self.whole(ref.name)}[{', '.join(bounds)}]"
        if groups > 1:
            assert each is not None
            text += f".reshape({groups}, {self.size(each)}, batch)"
        name = self._view_name(ref, align, groups)
        name = self.fresh(f"{name}_now") if name == self.whole(ref.name) else name
        self.views[key] = (name, text + align)
        if self.varies(ref.name):
            self.varying.add(name)
        return name

    def _walked(self, source: str, stretch: bool = False) -> str:
        return source

    def _phase(self, phase: Phase) -> list[str]:
        if not phase.direction:
            return super()._phase(phase)
        self.kind, self.window, self.late = "scan", "", {}
        self.pool = pooled(phase, self)
        rows = self._guarded(list(phase.ops), INDENT)
        return ["", *self._late_lines(), *rows]

    def _every_step(self, op: Op, args: list[str]) -> str:
        lengths = self.lengths(op.out)
        text = args[0]
        if self.cells[op.out].rank == 1 and self._axes(op.args[0]) == ALONE and not text.endswith("[:, None]"):
            text = f"{text}[:, None]"
        return f"np.broadcast_to({text}, ({', '.join(lengths)}{',' if len(lengths) == 1 else ''}))"

    def _valid(self, op: Op, args: list[str]) -> str:
        return args[0]

    def _mark(self, op: Op) -> list[str]:
        delay = op.details[1]  # of the first step: what asks for the last is not stepped
        self.marks[True, delay] = None
        text = f"{mark_name(True, delay)}[0]"
        target, bound = self._target(op)
        return [self._assign(target, bound, text)]


# ---------------------------------------------------------------- what leaves the step


def _outputs(body: StepBody, parts: Parts, local: str) -> list[str]:
    """Every output, batch by features, in memory of its own."""
    rows = []
    for declaration in parts.model.variables:
        if declaration.name in parts.stream.outputs and is_there(body, declaration):
            rows.append(f'{PAD}    "{parts.names.public[declaration.name]}": {_own(body, declaration)},')
    return ["", f"{PAD}{local} = {{", *rows, f"{PAD}}}"] if rows else ["", f"{PAD}{local}: dict[str, NDArray] = {{}}"]


def _own(body: StepBody, declaration: Declaration) -> str:
    cell = body.cells[declaration.name]
    if cell.axes < PER_STEP:
        name = body.local(declaration.name)
        return f"{name}.T" if cell.axes > ALONE and cell.rank == 1 else name
    text = body.view(Ref(declaration.name, 0))
    return f"np.array({text}{'.T' if cell.rank == 1 else ''})"


def _state(body: StepBody, parts: Parts, local: str) -> list[str]:
    rows = []
    for name, count in _carried(parts).items():
        buffer, cell = parts.forward.buffers[name], body.cells[name]
        if count == 1:
            text = body.view(Ref(name, 0)) + (".T" if cell.rank == 1 and cell.entries == "number" else "")
        else:
            whole = whole_text(body, name, buffer.lag, buffer.lead)
            text = f"{whole}[{slice_text(str(buffer.lag + 1 - count), str(buffer.lag + 1))}]"
        rows.append(f'{PAD}    "{parts.names.public[name]}": np.array({text}),')
    return [f"{PAD}{local} = {{", *rows, f"{PAD}}}"] if rows else [f"{PAD}{local}: dict[str, NDArray] = {{}}"]


__all__ = ["StepText", "single_step", "step_text"]
