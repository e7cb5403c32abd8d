"""The body of a planned pass: loops over stretches of steps and over steps, one call per operation.

Comes in: phases of a Plan. Goes out: indented lines of NumPy. Inside, a step's vector is an array (n, B): products read as in the
equations. Views are made before the loops; results are written into arrays that exist.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import sympy

from rnnsym.backends.c_kernels import c_function, needed_outside
from rnnsym.backends.planned_arrays import Loop
from rnnsym.backends.planned_lines import INDENT, WHOLE, condition, fitting, for_loop, ranges, wrapped
from rnnsym.backends.planned_pool import pooled
from rnnsym.backends.planned_statements import PassStatements
from rnnsym.backends.printing import WIDTH
from rnnsym.program.kernels import Kernel, segments
from rnnsym.program.ops import ALWAYS, PER_STEP, Ref, Stage
from rnnsym.program.phases import Phase
from rnnsym.program.rows import outermost
from rnnsym.program.storage import STEP, STORED, resolved


@dataclass
class PlannedBody(PassStatements):
    """One function body under construction: its loops."""

    def __post_init__(self) -> None:
        super().__post_init__()
        phases = self.plan.forward if self.side == "forward" else self.plan.gradient
        self.lines = [line for phase in phases for line in self._phase(phase)]

    def _phase(self, phase: Phase) -> list[str]:
        if not phase.direction:
            self.kind, self.window = "static", ""
            return self._guarded([op for stage in phase.stages for op in stage.ops], INDENT, first="\n")
        self.pool = pooled(phase, self) if self.compiled is None else {}  # a kernel's arrays are never the same memory
        self.late = {}
        self.turned -= {resolved(Ref(op.out, 0), self.places).name for op in phase.ops}
        only_scan = len(phase.stages) == 1 and phase.has_scan
        word = "backwards" if phase.direction < 0 else "forwards"
        pad = " " * INDENT
        note = f"{pad}# step by step, {word}" if phase.has_scan else f"{pad}# all steps, a stretch at a time"
        if only_scan:
            self.window = ""
            walked = self._scan(phase.stages[0], INDENT)
            return ["", note, *self._late_lines(), *walked]
        self.window, self.span, self.chunks = WHOLE, self.fresh("span"), self.fresh("chunks")
        self.setup.append(f"{self.chunks} = {self.function('stretches')}(steps, {self.span}, {phase.direction > 0})")
        rows: list[str] = []
        self.stretch_rooms, self.along = {}, {}
        for stage in phase.stages:
            rows += self._map(stage, INDENT + 4) if stage.kind == "map" else self._scan(stage, INDENT + 4)
        self.spans[self.span] = self._weight(phase)
        names, lists = [WHOLE, *self.along], [self.chunks, *self.along.values()]
        count = [f"{pad}    count = {WHOLE}.stop - {WHOLE}.start"] if self.stretch_rooms else []
        head = [f"{pad}    {name} = {text}" for name, text in self.stretch_rooms.items()]
        return ["", note, *self._late_lines(), *for_loop(names, lists, INDENT), *count, *head, *rows]

    def _late_lines(self) -> list[str]:
        return [f"{' ' * INDENT}{name} = {text}" for name, text in self.late.values()]

    def _weight(self, phase: Phase) -> sympy.Expr:
        """How many numbers of one step of one sequence the phase works on."""
        total = sympy.Integer(0)
        for name in {self.plan.storage.array(op.out) for op in phase.ops} | {
            self.plan.storage.array(r.name) for op in phase.ops for r in op.reads
        }:
            cell = self.cells[name]
            if cell.axes == PER_STEP and self.held.get(name, STORED) != STEP:
                total += sympy.Mul(*cell.shape) if cell.rank else 1
        return sympy.expand(total)

    def _map(self, stage: Stage, indent: int) -> list[str]:
        self.kind = "map"
        lines = self._guarded(list(stage.ops), indent)
        return lines + self._clear_map(stage, indent)

    def _scan(self, stage: Stage, indent: int) -> list[str]:
        self.kind = "scan"
        guards = {op.guard for op in stage.ops}
        walk = self.fresh("walk")
        if self.window:
            self.along[walk] = self.fresh("walks")
        if self.compiled is not None and guards == {ALWAYS}:
            made, fast = self._kernel_scan(stage, indent + 4, walk)
            if fast:
                plain_made, plain_loop = self._numpy_scan(stage, indent + 4, walk)
                pad = " " * indent
                self.setup += ["if run.kernels is None:", *(f"    {row}" for row in plain_made)]
                self.setup += ["else:", *(f"    {row}" for row in made)]
                return [f"{pad}if run.kernels is None:", *plain_loop, f"{pad}else:", *fast]
        made, loop = self._numpy_scan(stage, indent, walk)
        self.setup += made
        return loop

    def _kernel_scan(self, stage: Stage, indent: int, walk: str) -> tuple[list[str], list[str]]:
        """What is made once, and the loop with its entrywise parts compiled; nothing where there are none.

        Loops that call kernels walk all steps in one stretch.
        """
        assert self.compiled is not None
        parts = segments(stage, self.cells, self.places)
        if not any(isinstance(part, Kernel) for part in parts):
            return [], []
        self.loop = Loop(stage.direction)
        self.loop.stored["range(steps)"] = step = self.fresh("k")
        made: list[str] = []
        binds: list[str] = []
        body: list[str] = []
        for k, part in enumerate(parts):
            if not isinstance(part, Kernel):
                body += self._guarded([part], indent + 4, shared=ALWAYS)
                continue
            number = 1 + sum(f.name.startswith(self.side) for f in self.compiled)
            function = c_function(f"{self.side}_{number}", part, self.plan, needed_outside(parts, k))
            self.compiled.append(function)
            local = self.fresh(function.name)
            arrays = [self._handed(ref) for ref in function.arrays]
            rows = self.size(part.length) if part.length is not None else "1"
            call = f'{local} = run.kernels.bind("{function.name}", {rows}, batch, {", ".join(arrays)})'
            if any(self._is_given(ref) for ref in function.arrays):
                binds += [" " * indent + line for line in wrapped(call, WIDTH - indent)]
            else:
                made.append(call)
            cited = f"  # ({ranges(function.numbers)})" if function.numbers else ""
            body.append(f"{' ' * (indent + 4)}{local}({step}){cited}")
        body += self._clear_step(stage, indent + 4)
        walked, head = self._walk(walk, indent)
        return [*walked, *made], [*binds, *head, *body]

    def _walk(self, walk: str, indent: int) -> tuple[list[str], list[str]]:
        """What a loop walks along, made once, and the loop's head."""
        loop, self.loop = self.loop, None
        assert loop is not None
        flip = "[::-1]" if loop.direction < 0 else ""
        given = [f"{text}{flip}" for text in loop.given]
        made: list[str] = []
        names: list[str | list[str]] = list(loop.given.values())
        sources = given
        stored = [*loop.stored.values(), *loop.rooms.values()]
        if stored:
            rooms = [re.sub(r"^\w+", lambda m: self.fresh_room(m.group()), text) for text in loop.rooms]
            arrays = [*loop.stored, *rooms, *([f"rooms={len(rooms)}"] if rooms else [])]
            chunks = self.chunks if self.window else "[slice(0, steps)]"
            call = f"{self.function('along')}({chunks}, {loop.direction > 0}, {', '.join(arrays)})"
            made = [f"{self.along[walk]} = {call}" if self.window else f"({walk},) = {call}"]
            names = [stored, *names]
            sources = [walk, *sources]
        elif self.window:
            self.along.pop(walk)
        return made, for_loop(names, sources, indent)

    def _numpy_scan(self, stage: Stage, indent: int, walk: str) -> tuple[list[str], list[str]]:
        """What is made once, and the loop."""
        self.kind = "scan"
        self.loop = Loop(stage.direction)
        guards = {op.guard for op in stage.ops}
        shared = guards.pop() if len(guards) == 1 else None
        test = condition(shared, self.public)
        outer = indent + (4 if test else 0)
        body = self._guarded(list(stage.ops), outer + 4, shared=shared)
        body += self._clear_step(stage, outer + 4)
        made, head = self._walk(walk, outer)
        return made, [*([f"{' ' * indent}if {test}:"] if test else []), *head, *body]

    # ------------------------------------------------------------ padding

    def _padded(self, stage: Stage) -> list[Ref]:
        """What a stage computes and all steps of which are held."""
        found: dict[Ref, None] = {}
        for op in stage.ops:
            if self.cells[op.out].axes != PER_STEP or op.place or self.cells[op.out].kind == "mark":
                continue
            rows, shift = (op.details[1], op.details[2]) if op.details[:1] == ("into",) else (None, 0)
            if op.details[:1] == ("rows",):
                continue
            ref = resolved(Ref(op.out, shift, rows), self.places)
            if self.held.get(ref.name, STORED) == STORED and self.cells[ref.name].entries == "number":
                found[ref] = None
        return outermost(list(found))

    def _clear_map(self, stage: Stage, indent: int) -> list[str]:
        names = []
        for ref in self._padded(stage):
            text = f"{self.view(ref)}[{WHOLE}]"
            names.append(f"{self.function('turned')}({text})" if self.cells[ref.name].rank == 1 else text)
        lines = (
            [f"{' ' * (indent + 4)}clear(run.padding[{WHOLE}], {chunk})" for chunk in fitting(names, WIDTH - indent - 40)] if names else []
        )
        lines += self._ends(stage, indent + 4)
        return [f"{' ' * indent}if run.padding is not None:", *lines] if lines else []

    def _clear_step(self, stage: Stage, indent: int) -> list[str]:
        names = []
        for ref in self._padded(stage):
            text = self._walked(self.view(ref))
            names.append(f"{text}.T" if self.cells[ref.name].rank == 1 else text)
        ends = self._ends(stage, indent + 4)
        if not names and not ends:
            return []
        pad = self._walked("run.masks")
        lines = [f"{' ' * indent}if {pad} is not None:"]
        lines += [f"{' ' * (indent + 4)}clear({pad}, {chunk})" for chunk in fitting(names, WIDTH - indent - 20)]
        return lines + ends

    def _ends(self, stage: Stage, indent: int) -> list[str]:
        """Values after each sequence's own end, which clearing has taken."""
        if self.side != "forward":
            return []
        lines = []
        for name in dict.fromkeys(self._named_outs(stage)):
            cell = self.cells[name]
            if cell.lead and cell.kind == "variable":
                lines.append(self.place_end_line(name, indent))
        return lines

    def _named_outs(self, stage: Stage) -> list[str]:
        found = []
        for op in stage.ops:
            found.append(op.out)
            found += [n for n, p in self.places.items() if p.array == op.out and not n.startswith("%")]
        return [n for n in found if self.cells[n].axes == PER_STEP]


__all__ = ["PlannedBody"]
