"""The body of a planned pass: arrays, views, loops over stretches of steps, and one call per operation.

Comes in: phases of a Plan. Goes out: indented lines of NumPy. Inside, a step's vector is an array (n, B): products read as in the
equations. Views are made before the loops; results are written into arrays that exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import sympy

from rnnsym.algebra.sizes import Shape, same_shape
from rnnsym.algebra.tensor import DATA
from rnnsym.backends.body import plain
from rnnsym.backends.c_columns import column_function
from rnnsym.backends.c_kernels import CFunction, c_function, needed_outside
from rnnsym.backends.names import Locals
from rnnsym.backends.operations import COMPARISONS, INTO, PLAIN, UFUNCS
from rnnsym.backends.printing import WIDTH, _sympy_source, mark_name, size_source
from rnnsym.program.checking import check_pool
from rnnsym.program.columns import QUIET
from rnnsym.program.kernels import Kernel, segments
from rnnsym.program.ops import ALONE, ALWAYS, PER_SEQUENCE, PER_STEP, Amount, Bounds, Cell, Guard, Op, Operand, Ref, Stage
from rnnsym.program.phases import Phase
from rnnsym.program.planning import Plan
from rnnsym.program.storage import STEP, STORED, STRETCH, resolved
from rnnsym.program.vocabulary import ELEMENTWISE

INDENT = 8  # a pass is a function within the one that makes its arrays
ARRANGING = ("concat", "outer", "scale_rows", "scale_columns", "columns", "matvec", "matmul", "row_sums", "every_step")
WHOLE = "chunk"  # the slice of steps that a stretch spans


@dataclass
class Loop:
    """One scan's loop: what is walked along, and the names of its steps' parts.

    stored  arrays of all steps that calls of equal shape use again
    rooms   arrays of one stretch of steps
    given   what is another array in each call, or in each stretch
    """

    direction: int
    stored: dict[str, str] = field(default_factory=dict)
    rooms: dict[str, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)


@dataclass
class PlannedBody:
    """One function body under construction.

    side         "forward" or "gradient"
    described    equation number → what the file says of it
    results      name → where a result is written: `grads.W`
    flows        name → key of the value outside 1 … T; nothing flows on where the caller gave that value
    compiled     the C functions of both passes, to which this one's are added; None: NumPy alone
    """

    plan: Plan
    names: Locals
    side: str
    described: Mapping[int, str] = field(default_factory=dict)
    results: Mapping[str, str] = field(default_factory=dict)
    flows: Mapping[str, str] = field(default_factory=dict)
    public: Mapping[str, str] = field(default_factory=dict)
    compiled: list[CFunction] | None = None

    walks: ClassVar[bool] = True  # loops over steps, and operands that are worth a copy before them

    def __post_init__(self) -> None:
        self.cells = self.plan.cells
        self.places, self.held = self.plan.storage.places, self.plan.storage.held
        self.owned = {stack.name for stack in self.plan.stacks if stack.owned}
        self.functions: set[str] = set()
        self.sizes: dict[str, None] = {}
        self.arrays: dict[str, None] = {}
        self.views: dict[tuple, tuple[str, str]] = {}  # key → (name, definition)
        self.late: dict[tuple, tuple[str, str]] = {}  # views of what this body computes, made before the loop that reads them
        self.room_cells: dict[str, tuple[str, str]] = {}  # local array → whose shape it has, the span of its loop
        self.rooms: dict[str, str] = {}  # local arrays of a step or a stretch → definition
        self.varying: set[str] = set()  # views that are others in each call
        self.setup: list[str] = []  # what is made once: the stretches, the parts of steps that loops walk along, bound kernels
        self.chunks = ""
        self.columns = ""
        self.along: dict[str, str] = {}  # of each loop over a stretch, what it walks along, and that of all stretches
        self.flat: dict[str, str] = {}
        self.statics: dict[str, None] = {}
        self.marks: dict[tuple[bool, int], None] = {}
        self.locals: dict[str, str] = {}
        self.pool: dict[str, str] = {}
        self.spans: dict[str, sympy.Expr] = {}  # how many steps a stretch has → how many numbers of a step it works on
        self.span = ""
        self.counts = False
        self.weak: set[str] = set()  # Python numbers: they take the precision of what they meet
        self.stretch_rooms: dict[str, str] = {}
        self.labels = labels(self.plan)
        self.loop: Loop | None = None
        self.kind = "static"
        self.window = ""
        phases = self.plan.forward if self.side == "forward" else self.plan.gradient
        self.made = {op.out for phase in phases for op in phase.ops}
        self.sometimes = {op.out for phase in phases for op in phase.ops if op.guard != ALWAYS}
        self.lines = [line for phase in phases for line in self._phase(phase)]

    # ------------------------------------------------------------ names

    def fresh(self, wanted: str) -> str:
        return self.names.fresh(wanted)

    def local(self, name: str) -> str:
        """The Python name of an array or a value that is not read at other steps."""
        if name in self.results:
            return self.results[name]
        if name not in self.locals:
            if not name.startswith("%"):
                self.locals[name] = self.names.of(name)
            else:
                self.locals[name] = self.fresh(self.labels.get(name, "part"))
        return self.locals[name]

    def size(self, length: sympy.Expr) -> str:
        return size_source(length, self._size_name)

    def _size_name(self, name: str) -> str:
        self.sizes[name] = None
        return self.names.of(name)

    def lengths(self, name: str) -> list[str]:
        """The axes of one step's value."""
        cell = self.cells[name]
        axes = [self.size(s) for s in cell.shape] if cell.rank else []
        return [*axes, "batch"] if cell.rank == 1 else ["batch", *axes]

    def function(self, name: str) -> str:
        self.functions.add(name)
        return name

    def column_function(self, name: str) -> str:
        """A function that acts along vectors side by side; where kernels are called, who computes it is settled before the loops."""
        self.functions.add(name)
        if self.compiled is None:
            return name
        if all(known.name != name for known in self.compiled):
            self.compiled.append(column_function(name))
        if not self.columns:
            self.columns = self.fresh("columns")
            self.setup.insert(0, f"{self.columns}: Any = NumPy if run.kernels is None else run.kernels")
        return f"{self.columns}.{name}"

    # ------------------------------------------------------------ arrays of all steps

    def whole(self, array: str) -> str:
        """The array of all steps, with its slots."""
        self.arrays[array] = None
        cell = self.cells[array]
        if cell.lag or cell.lead:
            return self.names.of(array, "all") if not array.startswith("%") else self.local(array)
        return self.local(array)

    def view(self, ref: Ref, align: str = "", groups: int = 1, each: sympy.Expr | None = None) -> str:
        """The values at all steps of what a reference reads, as a local name."""
        ref = resolved(ref, self.places)
        key = (ref.name, ref.delay, ref.rows, align, groups)
        if key in self.views:
            return self.views[key][0]
        cell = self.cells[ref.name]
        start = cell.lag + (ref.delay or 0)
        stop = f"steps + {start}" if start else "steps"
        is_all = not (cell.lag or cell.lead)
        bounds = [":" if is_all else slice_text("" if not start else str(start), stop)]
        if ref.rows is not None and cell.rank == 1:
            bounds.append(slice_text("" if ref.rows[0] == 0 else self.size(ref.rows[0]), self.size(ref.rows[1])))
        text = self.whole(ref.name)
        if bounds != [":"]:
            text += f"[{', '.join(bounds)}]"
        if groups > 1:
            assert each is not None
            text += f".reshape(steps, {groups}, {self.size(each)}, batch)"
        text += align
        plain_name = self._view_name(ref, align, groups)
        if self.varies(ref.name):
            self.varying.add(plain_name)
        if text == plain_name:
            return text
        self.views[key] = (plain_name, text)
        return plain_name

    def varies(self, name: str) -> bool:
        """Whether it is another array, or another value, in each call: data that are not copied, what is computed before the loops."""
        cell = self.cells[name]
        if cell.kind in DATA:
            return not is_copied(cell)
        if cell.axes == PER_STEP or name in self.owned:
            return False
        return cell.kind != "param"

    def _view_name(self, ref: Ref, align: str, groups: int) -> str:
        cell = self.cells[ref.name]
        members = self._members(ref)
        if not align and groups == 1:
            if members == [] and ref.rows is None and not ref.name.startswith("%"):
                return self.names.of(ref.name, ref.delay or 0)
            if len(members) == 1:
                name, delay = members[0]
                if not name.startswith("%"):
                    return self.names.of(name, delay)
            if not members and ref.rows is None and not (cell.lag or cell.lead):
                return self.local(ref.name)
        words = [n for n, _ in members if not n.startswith("%")]
        joined = "_".join(words)
        if not words or len(joined) > 24:
            joined = self.local(ref.name)
        return self.fresh(joined + ("_wide" if align else "_parts" if groups > 1 else "_rows" if ref.rows and not words else ""))

    def _members(self, ref: Ref) -> list[tuple[str, int]]:
        """The names whose values lie in the rows that a reference reads, and how many steps away; results before what they overwrite."""
        found: dict[Bounds, tuple[str, int]] = {}
        for name, place in self.places.items():
            if place.array != ref.name or place.rows is None or (name.startswith("%") and place.rows in found):
                continue
            inside = ref.rows is None or (_at_least(place.rows[0], ref.rows[0]) and _at_least(ref.rows[1], place.rows[1]))
            if inside:
                found[place.rows] = (name, (ref.delay or 0) - place.shift)
        if ref.rows is None:
            return []
        rows = sorted(found.items(), key=lambda item: str(item[0]))
        ordered = _chained([b for b, _ in rows], ref.rows)
        return [found[b] for b in ordered]

    # ------------------------------------------------------------ operands

    def text(self, operand: Operand, rank: int, axes: int = PER_STEP, groups: int = 1, total: sympy.Expr | None = None) -> str:
        """An operand where a result of this rank is computed."""
        if isinstance(operand, Amount):
            source, _level = _sympy_source(operand.value, self._size_name)
            return source
        ref = operand
        cell = self.cells[ref.name]
        if cell.axes < PER_STEP or ref.delay is None:
            return self._static(ref, rank, axes)
        own_rank = cell.rank
        if own_rank == 0 and rank == 2:
            align = "[..., None, None]"
        elif own_rank == 0 and rank == 1 and self.kind == "map":
            align = "[:, None]"
        else:
            align = ""
        ref = resolved(ref, self.places)
        held = self.held.get(ref.name, STORED)
        split, each = 1, None
        if groups > 1 and total is not None and self._length(ref) is not None and sympy.expand(self._length(ref) - total) == 0:
            split, each = groups, sympy.expand(total / groups)
        if held == STORED:
            name = self.view(ref, align, split, each)
            turned = "" if not ref.turned else ".swapaxes(-1, -2)"
            if self.kind == "map":
                return f"{name}[{WHOLE}]{turned}"
            return self._walked(name) + turned
        rows = ""
        if ref.rows is not None and own_rank == 1:
            bounds = slice_text("" if ref.rows[0] == 0 else self.size(ref.rows[0]), self.size(ref.rows[1]))
            rows = f"[{bounds}]" if held == STEP else f"[:, {bounds}]"
        base = self.room(ref.name)
        turned = "" if not ref.turned else ".swapaxes(-1, -2)"
        if held == STRETCH and self.kind == "scan":
            return self._walked(base + rows + align, stretch=True) + turned
        if split > 1:
            return f"{base}{rows}.reshape({split}, {self.size(each)}, batch){turned}"
        if held == STEP and align:
            return f"{base}{rows}[:, None, None]{turned}"
        return base + rows + align + turned

    def unaligned(self, operand: Operand) -> str:
        """An operand as it is kept, for an operation that arranges its axes itself."""
        return self.text(operand, -1 if self._axes(operand) == ALONE else self._operand_rank(operand))

    def _length(self, ref: Ref) -> sympy.Expr | None:
        if ref.rows is not None:
            return sympy.expand(ref.rows[1] - ref.rows[0])
        cell = self.cells[ref.name]
        return cell.shape[0] if cell.rank == 1 else None

    def _static(self, ref: Ref, rank: int, axes: int) -> str:
        cell = self.cells[ref.name]
        self.statics[ref.name] = None
        name = self.local(ref.name)
        tail = ""
        if ref.rows or ref.columns:
            both = [self._bounds(b) for b in (ref.rows, ref.columns)]
            tail = f"[{', '.join(both[: 2 if cell.rank == 2 or ref.columns else 1])}]"
        if ref.turned:
            tail += ".T" if cell.axes == ALONE else ".swapaxes(-1, -2)"
        if cell.axes == ALONE and cell.rank == 1 and rank == 1 and axes > ALONE:
            tail += "[:, None]"
        if cell.axes == PER_SEQUENCE and cell.rank == 0 and rank == 2:
            tail += "[:, None, None]"
        if not tail:
            return name
        key = (ref.name, "static", ref.rows, ref.columns, ref.turned, tail)
        if self.kind == "static":
            return name + tail
        if key in self.late:
            return self.late[key][0]
        if key not in self.views:
            word = "_T" if ref.turned else "_column" if tail.endswith("None]") else "_part"
            text = (
                f"np.ascontiguousarray({name}{tail})"
                if ref.turned and cell.axes == ALONE and self.kind == "scan" and self.walks
                else name + tail
            )
            found = (self.fresh(name.replace(".", "_") + word), text)  # a gradient is an attribute of `grads`
            if ref.name in self.sometimes:
                return name + tail
            if self.varies(ref.name) or text.startswith("np.asc"):
                self.varying.add(found[0])
            if ref.name in self.made:  # its value is computed in this body, before the loop that is being written
                self.late[key] = found
                return found[0]
            self.views[key] = found
        return self.views[key][0]

    def _bounds(self, bounds: Bounds | None) -> str:
        if bounds is None:
            return ":"
        return slice_text("" if bounds[0] == 0 else self.size(bounds[0]), self.size(bounds[1]))

    def _walked(self, source: str, stretch: bool = False) -> str:
        """The running step's part of what a loop walks along."""
        loop = self.loop
        assert loop is not None
        chunk = f"[{WHOLE}]" if self.window else ""
        if stretch:
            has_room = re.sub(r"\W.*", "", source) in self.stretch_rooms
            walked = loop.rooms if has_room else loop.given
        elif source == "run.masks" or source in self.varying:
            walked, source = loop.given, source + chunk
        else:
            walked = loop.stored
        if source not in walked:
            name = "over" if source.startswith("run.masks") else re.sub(r"\W.*", "", source) + "_t"
            walked[source] = self.fresh(name)
        return walked[source]

    def is_made(self, array: str) -> bool:
        """Whether this pass asks for an array of all steps (otherwise an earlier one has), data that are only looked at apart."""
        cell = self.cells[array]
        if cell.kind in DATA:
            return self.side == "forward" and is_copied(cell)
        return self.side == "forward" or array in self.made or any(self.plan.storage.array(n) == array for n in self.made)

    def room(self, name: str) -> str:
        """The local array of a value that is held for a step or a stretch."""
        return self.pool.get(name) or self.local(name)

    # ------------------------------------------------------------ phases

    def _phase(self, phase: Phase) -> list[str]:
        if not phase.direction:
            self.kind, self.window = "static", ""
            return self._guarded([op for stage in phase.stages for op in stage.ops], INDENT, first="\n")
        self.pool = _pooled(phase, self) if self.compiled is None else {}  # a kernel's arrays are never the same memory
        self.late, self.counts = {}, False
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
        counted = self.counts or bool(self.stretch_rooms)
        count = [f"{pad}    count = {WHOLE}.stop - {WHOLE}.start"] if counted else []
        head = [f"{pad}    {name} = {text}" for name, text in self.stretch_rooms.items()]
        return ["", note, *self._late_lines(), *_for_loop(names, lists, INDENT), *count, *head, *rows]

    def pooled(self, phase: Phase) -> dict[str, str]:
        """Local arrays that share one."""
        return _pooled(phase, self)

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
        return made, _for_loop(names, sources, indent)

    def _is_given(self, ref: Ref) -> bool:
        """Whether what a kernel is handed is another array in each call."""
        cell = self.cells[ref.name] if not ref.name.startswith("#") else None
        if cell is None:
            return False
        if cell.axes < PER_STEP or ref.delay is None:
            return self.varies(ref.name)
        return self.varies(resolved(ref, self.places).name)

    def _handed(self, ref: Ref) -> str:
        """An array as a kernel takes it: steps by features by sequences; what is missing is as if repeated."""
        if ref.name.startswith("#"):
            return f"run.number({self.size(sympy.sympify(ref.name[1:], locals={s.name: s for s in self._size_symbols()}))})"
        cell = self.cells[ref.name]
        if cell.axes < PER_STEP or ref.delay is None:
            self.statics[ref.name] = None
            name = self.local(ref.name)
            if cell.axes == ALONE:
                return f"{name}[None, :, None]" if cell.rank else f"run.number({name})"
            return f"np.ascontiguousarray({name})[None]" if cell.rank else f"{name}[None, None]"
        place = resolved(ref, self.places)
        held = self.held.get(place.name, STORED)
        thin = "[:, None]" if cell.rank == 0 else ""
        if held == STORED:
            name = self.view(ref)
            return f"{name}{thin}"
        name = self.room(place.name)
        if held == STRETCH:
            self._make_room(place.name, name)
            name = self.fresh_room(name)
            return f"{name}[:, {self._bounds(place.rows)}]" if place.rows is not None and cell.rank else f"{name}{thin}"
        self._make_room(place.name, name)
        rows = f"[{self._bounds(place.rows)}]" if place.rows is not None else ""
        return f"{name}{rows}[None]" if cell.rank else f"{name}[None, None]"

    def _size_symbols(self) -> set[sympy.Symbol]:
        return {s for cell in self.cells.values() for length in cell.shape for s in length.free_symbols}

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

    def _guarded(self, ops: list[Op], indent: int, first: str = "", shared: Guard | None = None) -> list[str]:
        lines: list[str] = []
        position = 0
        while position < len(ops):
            guard, quiet = ops[position].guard, QUIET in ops[position].details
            stop = position
            while stop < len(ops) and ops[stop].guard == guard and (QUIET in ops[stop].details) == quiet:
                stop += 1
            test = "" if guard == shared else condition(guard, self.public)
            pad = indent + (4 if test else 0) + (4 if quiet else 0)
            rows = [line for op in ops[position:stop] for line in self._operation(op, pad)]
            if rows:
                lines += [f"{' ' * indent}if {test}:"] if test else []
                lines += [f'{" " * (pad - 4)}with np.errstate(all="ignore"):'] if quiet else []
                lines += rows
            position = stop
        return ["", *lines] if first and lines else lines

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
        return _outermost(list(found))

    def _clear_map(self, stage: Stage, indent: int) -> list[str]:
        names = []
        for ref in self._padded(stage):
            text = f"{self.view(ref)}[{WHOLE}]"
            names.append(f"{self.function('turned')}({text})" if self.cells[ref.name].rank == 1 else text)
        lines = (
            [f"{' ' * (indent + 4)}clear(run.padding[{WHOLE}], {chunk})" for chunk in _chunks(names, WIDTH - indent - 40)] if names else []
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
        lines += [f"{' ' * (indent + 4)}clear({pad}, {chunk})" for chunk in _chunks(names, WIDTH - indent - 20)]
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

    def place_end_line(self, name: str, indent: int) -> str:
        self.functions.add("place_end")
        base, lag = self.outside(name)
        return f"{' ' * indent}place_end({base}, {lag}, {self.end_name(name)}, run.ends)"

    def end_name(self, name: str) -> str:
        return self.names.of(name, "end")

    def outside(self, name: str) -> tuple[str, int]:
        """A name's array with all its slots, batch by features, and how many slots stand before step 1."""
        ref = resolved(Ref(name, 0), self.places)
        cell = self.cells[ref.name]
        text = self.whole(ref.name)
        if ref.rows is not None:
            text += f"[:, {self._bounds(ref.rows)}]"
        if self.cells[name].rank == 1 and cell.kind == "target":  # vectors, turned back, or class numbers
            text = f"{self.function('features_first')}({text}, 2)"
        elif self.cells[name].rank == 1:
            text = f"{self.function('turned')}({text})"
        return text, cell.lag + (ref.delay or 0)

    # ------------------------------------------------------------ operations

    def _operation(self, op: Op, indent: int) -> list[str]:
        rows = self._statement(op)
        return [" " * indent + row for row in self._cited(rows, op, indent)]

    def _cited(self, rows: list[str], op: Op, indent: int) -> list[str]:
        if not op.numbers or not rows:
            return [line for row in rows for line in wrapped(row, WIDTH - indent)]
        cited = ranges(op.numbers)
        said = next((self.described[n] for n in op.numbers if self.described.get(n)), "") if len(op.numbers) == 1 else ""
        for note in (f"# ({cited}) {plain(said)}".rstrip(), f"# ({cited})"):
            if len(rows) == 1 and indent + len(rows[0]) + 2 + len(note) <= WIDTH:
                return [f"{rows[0]}  {note}"]
        return [f"# ({cited})", *(line for row in rows for line in wrapped(row, WIDTH - indent))]

    def _statement(self, op: Op) -> list[str]:
        if op.function == "mark":
            return self._mark(op)
        if op.place:
            return self._slot(op)
        if self.kind == "static":
            return self._static_statement(op)
        rank = self._rank(op)
        target, bound = self._target(op)
        writer = WRITERS.get(op.function)
        if writer is not None:
            return writer(self, op, target, bound, rank)
        groups, total = self._grouping(op)
        args = [self.text(a, rank, PER_STEP, groups, total) for a in op.args]
        if op.function == "copy":
            return [f"np.copyto({target}, {args[0]})"] if bound else [f"{target}[...] = {args[0]}"]
        if op.function in UFUNCS and bound:
            return [f"np.{UFUNCS[op.function]}({', '.join(args)}, out={target})"]
        if op.function in INTO and bound:
            return [f"{self.function(INTO[op.function])}({', '.join(args)}, out={target})"]
        if op.function == "where" and bound:
            if args[1] == target:  # in place of the first branch: what is left to write is the other
                return [f"np.copyto({target}, {args[2]}, where=np.logical_not({args[0]}))"]
            return [f"{self.function('choose')}({', '.join(args)}, out={target})"]
        return [self._assign(target, bound, self._expression(op, args, rank, PER_STEP))]

    def _assign(self, target: str, bound: bool, expression: str) -> str:
        place = target if target.endswith("]") else f"{target}[...]"  # never a name for an operand's array, which is used again
        return f"{place} = {expression}" if bound else f"{target} = {expression}"

    def _grouping(self, op: Op) -> tuple[int, sympy.Expr | None]:
        if op.details[:1] != ("into",):
            return 1, None
        _, rows, _, groups, _ = op.details
        return groups, sympy.expand(rows[1] - rows[0])

    def _rank(self, op: Op) -> int:
        return self.cells[op.out].rank

    def _target(self, op: Op) -> tuple[str, bool]:
        """Where a result goes, and whether that is an array that exists (otherwise a name to be bound)."""
        if op.details[:1] == ("into",):
            _, rows, shift, groups, _ = op.details
            ref = Ref(op.out, shift, rows)
            return self.text(ref, 1, PER_STEP, groups, sympy.expand(rows[1] - rows[0])), True
        if op.details[:1] == ("rows",):
            return self.text(Ref(op.out, 0, (op.details[1], op.details[2])), 1), True
        ref = resolved(Ref(op.out, 0), self.places)
        if self.held.get(ref.name, STORED) == STORED:
            return self.text(Ref(op.out, 0), self._rank(op)), True
        name = self.room(ref.name)
        if op.out != ref.name or self._wants_room(op):
            self._make_room(ref.name, name)
            return self.text(Ref(op.out, 0), self._rank(op)), True
        return name, False

    def _wants_room(self, op: Op) -> bool:
        if self.cells[op.out].entries != "number":
            return False
        if self.compiled is not None:  # a kernel is bound to arrays, not to names
            return True
        words = (*UFUNCS, *INTO, "where", "copy", "affine", "sum", "outer", "excess", "concat", "mean", "real", "valid", "softmax")
        return op.function in words

    def _make_room(self, array: str, name: str) -> None:
        axes = self.lengths(array)
        room = self.fresh_room(name)
        self.room_cells[room if self.held[array] == STRETCH else name] = (array, self.span)
        if self.held[array] == STRETCH:
            self.rooms.setdefault(room, f'work.array("{room}", ({self.span}, {", ".join(axes)}), dtype)')
            self.stretch_rooms.setdefault(name, f"{room}[:count]")
        else:
            self.rooms.setdefault(name, f'work.array("{name}", ({", ".join(axes)}{"," if len(axes) == 1 else ""}), dtype)')

    def fresh_room(self, name: str) -> str:
        return name + "_room" if name + "_room" in self.rooms else self.names.reserve(name + "_room")

    # ------------------------------------------------------------ expressions that make new arrays

    def _expression(self, op: Op, args: list[str], rank: int, axes: int) -> str:
        function = op.function
        details = tuple(d for d in op.details if d != QUIET)
        batched = axes > ALONE
        features = "-2" if batched else "-1"
        if function in UFUNCS:
            return f"np.{UFUNCS[function]}({', '.join(args)})"
        if function in COMPARISONS:
            return " ".join([_real(args[0], op.args[0]), COMPARISONS[function], _real(args[1], op.args[1])])
        if function in PLAIN or function in INTO:
            word = PLAIN.get(function) or {"complement": "sigmoid", "max": "maximum", "min": "minimum"}.get(function, function)
            if function == "complement":
                args = [f"-{args[0]}" if re.fullmatch(r"[\w.\[\]]+", args[0]) else f"-({args[0]})"]
            return f"{word if word.startswith('np.') else self.function(word)}({', '.join(args)})"
        if function == "where":
            return f"np.where({', '.join(args)})"
        if function == "softmax_cross_entropy":
            return f"{self.column_function('softmax_loss')}({', '.join([*args, features, *self._softmax_at_hand(op)])})"
        if function == "softmax":
            return f"{self.column_function('softmax_rows')}({args[0]}, {features})"
        if function in ("log_softmax", "logsumexp"):
            return f"{self.function(function + '_rows')}({args[0]}, {features})"
        if function in ("sum", "mean"):
            return self._summed(args[0], op.args[0], mean=function == "mean")
        if function == "norm":
            return f"np.sqrt({self._summed(f'np.square({args[0]})', op.args[0])})"
        if function == "dot":
            column = op.args[0] if self._axes(op.args[0]) > ALONE else op.args[1]
            return self._summed(f"np.multiply({args[0]}, {args[1]})", column)
        if function == "concat":
            return self._concatenated(op, args, batched)
        if function == "roll":
            return f"np.roll({args[0]}, {details[0]}, {features})"
        if function == "matvec":
            return self._matvec(op, args, batched)
        if function == "matmul":
            return f"np.matmul({args[0]}, {args[1]})"
        if function == "outer":
            if not batched:
                return f"np.multiply({args[0]}[:, None], {args[1]})"
            a, b = (self._columns(text, a) for text, a in zip(args, op.args, strict=True))
            return f"{a}[..., :, None] * {b}[..., None, :]"
        if function == "scale_rows":
            return f"{self._columns(args[0], op.args[0]) if batched else args[0]}[..., None] * {args[1]}"
        if function == "scale_columns":
            return f"{args[0]} * {self._columns(args[1], op.args[1]) if batched else args[1]}[..., None, :]"
        if function == "row_sums":
            text = f"{args[0]}.sum(-1)"
            return f"{text}.swapaxes(-1, -2)" if self._axes(op.args[0]) > ALONE else text
        if function == "columns":
            return f"{self.function('gathered')}({', '.join(args)})"
        if function == "one_hot":
            self.functions |= {"turned", "one_hot"}
            return f"turned(one_hot({args[0]}, {self.size(details[0])}, dtype))"
        if function == "dense":
            return f"{self.function('dense')}({args[0]}, {self.size(details[0])}, dtype)"
        if function in ("zeros", "ones"):
            shape = ", ".join(map(self.size, self.cells[op.out].shape))
            return f"np.{function}(({shape},), dtype)" if "," not in shape else f"np.{function}(({shape}), dtype)"
        if function == "eye":
            return f"np.eye({self.size(self.cells[op.out].shape[0])}, dtype=dtype)"
        if function == "array":
            return f"np.asarray({args[0]}, dtype)"
        if function == "for_each":
            return f"batch * {args[0]}"
        if function == "excess":
            return f"{self.function('excess')}({args[0]}, {args[1]})"
        if function == "affine":
            count = details[0]
            terms = [f"{args[2 * k]} @ {args[2 * k + 1]}" for k in range(count)] + args[2 * count :]
            return " + ".join(terms)
        if function == "every_step":
            return self._every_step(op, args)
        if function == "valid":
            return self._valid(op, args)
        raise AssertionError(f"no NumPy for {function}")

    def _softmax_at_hand(self, op: Op) -> list[str]:
        """The softmax of the same argument, where an operation before this one has computed it."""
        for phase in self.plan.forward if self.side == "forward" else ():
            for other in phase.ops:
                if other is op:
                    return []
                if other.function == "softmax" and other.args == op.args[1:] and other.guard == ALWAYS and not other.place:
                    ref = Ref(other.out, 0 if self.cells[other.out].axes == PER_STEP else None)
                    return [self.text(ref, 1)]
        return []

    def _axes(self, operand: Operand) -> int:
        return ALONE if isinstance(operand, Amount) else self.cells[operand.name].axes

    def _operand_rank(self, operand: Operand) -> int:
        return 0 if isinstance(operand, Amount) else self.cells[operand.name].rank

    def _summed(self, text: str, operand: Operand, out: str = "", mean: bool = False) -> str:
        """The sum or mean of entries; over the features of vectors side by side as a product, which is sooner done."""
        ones = self.ones(operand, mean)
        into = f", out={out}" if out else ""
        if ones:
            return f"{ones}.dot({text}{into})" if self.kind == "scan" else f"np.matmul({ones}, {text}{into})"
        axis = self._entries_axis(operand)
        if out:
            return f"np.{'mean' if mean else 'add.reduce'}({text}, axis={axis}, out={out})"
        return f"{text}.{'mean' if mean else 'sum'}({axis})"

    def ones(self, operand: Operand, mean: bool) -> str:
        """A vector of ones, or of the shares of a mean, by which a vector per sequence is summed; "" for anything else."""
        if not isinstance(operand, Ref) or self.kind == "static":
            return ""
        cell, length = self.cells[operand.name], self._length(operand)
        if cell.rank != 1 or cell.axes == ALONE or cell.entries != "number" or length is None:
            return ""
        key = ("ones", length, mean)
        if key not in self.views:
            count = self.size(length)
            text = f"np.full({count}, 1 / {f'({count})' if ' ' in count else count}, dtype)" if mean else f"np.ones({count}, dtype)"
            self.views[key] = (self.fresh("shares" if mean else "ones"), text)
        return self.views[key][0]

    def _entries_axis(self, inner: Operand) -> str:
        own = self._axes(inner) > ALONE
        if self._operand_rank(inner) == 1:
            return "-2" if own else "-1"
        return "(-2, -1)"

    def _columns(self, text: str, operand: Operand) -> str:
        """A vector with its features last."""
        return text if self._axes(operand) == ALONE else f"{self.function('turned')}({text})"

    def _concatenated(self, op: Op, args: list[str], batched: bool) -> str:
        if batched:
            parts = [self._spread_part(a, text) for a, text in zip(op.args, args, strict=True)]
            self.functions |= {"concat", "turned"}
            return f"turned(concat({', '.join(parts)}))"
        parts = [
            text if self._operand_rank(a) else f"np.reshape(np.asarray({text}, dtype), 1)" for a, text in zip(op.args, args, strict=True)
        ]
        return f"np.concatenate(({', '.join(parts)}{',' if len(parts) == 1 else ''}))"

    def _spread_part(self, operand: Operand, text: str) -> str:
        if self._operand_rank(operand) == 0:
            return f"np.asarray({text}, dtype)[..., None]"
        return self._columns(text, operand)

    def _matvec(self, op: Op, args: list[str], batched: bool) -> str:
        matrix, vector = op.args
        if not batched:
            return f"np.matmul({args[0]}, {args[1]})"
        if self._axes(matrix) == ALONE:
            return f"np.matmul({args[0]}, {args[1]})"
        if self._axes(vector) == ALONE:
            text = args[1].removesuffix("[:, None]")
            return f"{self.function('turned')}(np.matmul({args[0]}, {text}))"
        return f"{self.function('batch_matvec')}({args[0]}, {args[1]})"

    def _every_step(self, op: Op, args: list[str]) -> str:
        operand, rank = op.args[0], self.cells[op.out].rank
        shape = {0: "(steps, batch)", 1: "(steps, {0}, batch)", 2: "(steps, batch, {0}, {1})"}[rank]
        shape = shape.format(*map(self.size, self.cells[op.out].shape))
        text = f"np.asarray({args[0]}, dtype)" if isinstance(operand, Amount) or operand.name in self.weak else args[0]
        if rank == 1 and self._axes(operand) == ALONE and not text.endswith("[:, None]"):
            text = f"{text}[:, None]"
        return f"np.broadcast_to({text}, {shape})[{WHOLE}]" if self.kind == "map" else f"np.broadcast_to({text}, {shape})"

    def _valid(self, op: Op, args: list[str]) -> str:
        padding = f"run.padding if run.padding is None else run.padding[{WHOLE}]" if self.kind == "map" else "run.padding"
        self.functions |= {"valid", "turned"}
        if self.cells[op.out].rank == 1:
            return f"turned(valid(turned({args[0]}), {padding}))"
        return f"valid({args[0]}, {padding})"

    # ------------------------------------------------------------ what is done once

    def _static_statement(self, op: Op) -> list[str]:
        cell = self.cells[op.out]
        rank, axes = cell.rank, cell.axes
        name = self.local(op.out)
        if op.function in STATIC:
            rows = STATIC[op.function](self, op)
        elif op.function == "copy":
            rows = [self._filled(op)]
        else:
            args = [self.text(a, self._rank_of(a, op), axes) for a in op.args]
            expression = self._expression(op, args, rank, axes)
            if (
                op.function != "array"
                and op.args
                and all(isinstance(a, Amount) or a.name in self.weak for a in op.args)
                and axes == ALONE
                and not rank
            ):
                if cell.kind == "part":
                    self.weak.add(op.out)
                expression = f"float({expression})" if cell.kind == "part" else f"np.asarray({expression}, dtype)"
            rows = [f"{name} = {expression}"]
        if op.out in self.results:
            rows = [f"{self.results[op.out]}[...] = {rows[0].removeprefix(name + ' = ')}"] if rows[0].startswith(name + " = ") else rows
        if op.out in self.flows:
            rows += [f'if "{self.flows[op.out]}" in run.given:', f"    {name} = np.zeros_like({name})"]
        if op.out in self.plan.kept and self.side == "forward":
            rows += [f'work.kept["{self.labels.get(op.out, op.out)}"] = {name}']
        return rows

    def _rank_of(self, operand: Operand, op: Op) -> int:
        """The rank that an operand is brought to: the result's, its own, or (-1) none, where the operation arranges the axes itself."""
        if op.function in ELEMENTWISE or op.function == "affine":
            return self.cells[op.out].rank
        if op.function in ("dot", "softmax_cross_entropy"):
            return 1
        return -1 if op.function in ARRANGING else self._operand_rank(operand)

    def _filled(self, op: Op) -> str:
        """A value spread over the whole shape of what it is the value of."""
        cell = self.cells[op.out]
        text = self.text(op.args[0], cell.rank, cell.axes)
        axes = self.lengths(op.out) if cell.axes == PER_SEQUENCE else [self.size(s) for s in cell.shape]
        shape = f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"
        return f"{self.local(op.out)} = np.full({shape}, {text}, dtype)"

    def _slot(self, op: Op) -> list[str]:
        """A value outside 1 … T, unless the caller gave it."""
        name, bracket, place = op.place.partition("[")
        self.kind = "static"
        rank = self.cells[name].rank
        if op.function == "copy":
            text = self.text(op.args[0], rank, PER_SEQUENCE)
        else:
            args = [self.text(a, self._rank_of(a, op), PER_SEQUENCE) for a in op.args]
            text = self._expression(op, args, rank, PER_SEQUENCE)
        key = f"{self.public[name]}{bracket}{place}"
        position = place.rstrip("]")
        if position.startswith("T"):
            slot = int(position[1:]) - 1
            if slot >= self.cells[name].lead:
                return []
            value = f"{self.function('turned')}({text})" if rank == 1 and not self._is_alone(op) else text
            value = value.removesuffix("[:, None]") if self._is_alone(op) else value
            rows = [f'if "{key}" not in run.given:', f"    {self.end_name(name)}[{slot}] = {value}"]
            return [*rows, self.place_end_line(name, 0)]
        ref = resolved(Ref(name, 0), self.places)
        cell = self.cells[ref.name]
        index = cell.lag + (ref.delay or 0) + int(position) - 1
        if self.cells[name].lag - 1 + int(position) < 0 or index < 0:
            return []
        rows_text = f", {self._bounds(ref.rows)}" if ref.rows is not None else ""
        return [f'if "{key}" not in run.given:', f"    {self.whole(ref.name)}[{index}{rows_text}] = {text}"]

    def _is_alone(self, op: Op) -> bool:
        return all(self._axes(a) == ALONE for a in op.args)

    def _mark(self, op: Op) -> list[str]:
        first, delay = op.details[0] == "at_first", op.details[1]
        self.marks[first, delay] = None
        name = self.room(op.out)
        if self.held.get(op.out) == STORED:
            return [f"{self.text(Ref(op.out, 0), 0)}[...] = {mark_name(first, delay)}[{WHOLE}]"]
        return [f"{name} = {mark_name(first, delay)}[{WHOLE}]"]


# ---------------------------------------------------------------- operations with a form of their own


def _affine(body: PlannedBody, op: Op, target: str, bound: bool, rank: int) -> list[str]:
    count = op.details[0]
    rows = []

    def product(matrix: str, vector: str, out: str = "") -> str:
        """In a loop the array's own method, which is called sooner."""
        into = f", out={out}" if out else ""
        return f"{matrix}.dot({vector}{into})" if body.kind == "scan" else f"np.matmul({matrix}, {vector}{into})"

    for k in range(count):
        matrix, vector = body.text(op.args[2 * k], 2), body.text(op.args[2 * k + 1], 1)
        if k == 0:
            rows.append(product(matrix, vector, target))
        else:
            rows.append(f"np.add({target}, {product(matrix, vector)}, out={target})")
    for bias in op.args[2 * count :]:
        assert isinstance(bias, Ref)
        rows.append(f"np.add({target}, {body.text(bias, 1)}, out={target})")
    return rows


def _sum(body: PlannedBody, op: Op, target: str, bound: bool, rank: int) -> list[str]:
    inner, mean = body.text(op.args[0], body._operand_rank(op.args[0])), op.function == "mean"
    if body._axes(op.args[0]) == ALONE or not bound:
        return [body._assign(target, bound, body._summed(inner, op.args[0], mean=mean))]
    return [body._summed(inner, op.args[0], target, mean)]


def _softmax(body: PlannedBody, op: Op, target: str, bound: bool, rank: int) -> list[str]:
    z = body.text(op.args[0], 1)
    call = f"{body.column_function('softmax_rows')}({z}, -2"
    return [f"{call}, out={target})" if bound else f"{target} = {call})"]


def _outer(body: PlannedBody, op: Op, target: str, bound: bool, rank: int) -> list[str]:
    a, b = (body.unaligned(x) for x in op.args)
    if bound and all(body._axes(x) > ALONE for x in op.args):
        return [f"{body.function('batch_outer')}({a}, {b}, out={target})"]
    first, second = (body._columns(text, x) for text, x in zip((a, b), op.args, strict=True))
    return [body._assign(target, bound, f"{first}[..., :, None] * {second}[..., None, :]")]


def _excess(body: PlannedBody, op: Op, target: str, bound: bool, rank: int) -> list[str]:
    p, y = (body.text(x, 1) for x in op.args)
    if not bound:
        return [f"{target} = {body.function('excess')}({p}, {y})"]
    return [f"{body.column_function('excess')}({p}, {y}, out={target})"]


def _concat(body: PlannedBody, op: Op, target: str, bound: bool, rank: int) -> list[str]:
    if bound and all(body._axes(a) > ALONE for a in op.args):
        parts = [body.text(a, body._operand_rank(a)) for a in op.args]
        stepped = body.kind == "map" and any(body._axes(a) < PER_STEP for a in op.args)
        if not stepped:
            return [f"{body.function('joined')}({', '.join(parts)}, out={target})"]
    args = [body.unaligned(a) for a in op.args]
    return [body._assign(target, bound, body._concatenated(op, args, True))]


def _own_rank(body: PlannedBody, op: Op, target: str, bound: bool, rank: int) -> list[str]:
    """Operations whose operands are not aligned with the result."""
    args = [body.unaligned(a) if op.function in ARRANGING else body.text(a, body._rank_of(a, op)) for a in op.args]
    return [body._assign(target, bound, body._expression(op, args, rank, PER_STEP))]


WRITERS: dict[str, Callable[[PlannedBody, Op, str, bool, int], list[str]]] = {
    "affine": _affine,
    "sum": _sum,
    "mean": _sum,
    "outer": _outer,
    "softmax": _softmax,
    "excess": _excess,
    "concat": _concat,
    **dict.fromkeys(
        (
            "softmax_cross_entropy", "log_softmax", "logsumexp", "norm", "dot", "roll", "matvec", "matmul", "scale_rows",
            "scale_columns", "row_sums", "columns", "one_hot", "dense", "every_step", "valid",
        ),
        _own_rank,
    ),
}  # fmt: skip


# ---------------------------------------------------------------- operations over all steps and sequences, done once


def _flat(body: PlannedBody, ref: Ref) -> str:
    """A vector of all steps and sequences as one matrix: features by (steps x batch)."""
    ref = resolved(ref, body.places)
    cell = body.cells[ref.name]
    body.whole(ref.name)
    if ref.name not in body.flat:
        name = body.fresh(f"{body.local(ref.name)}_flat")
        body.flat[ref.name] = name
    name = body.flat[ref.name]
    start = cell.lag + (ref.delay or 0)
    rows = body._bounds(ref.rows)
    if cell.lag or cell.lead:
        steps = slice_text("" if not start else str(start), f"steps + {start}" if start else "steps")
        length = body.size(ref.rows[1] - ref.rows[0]) if ref.rows else body.size(cell.shape[0])
        text = f"{name}[{rows}, {steps}].reshape({length}, -1)"
    else:
        text = f"{name}[{rows}].reshape({body.size(ref.rows[1] - ref.rows[0])}, -1)" if ref.rows else f"{name}.reshape(len({name}), -1)"
    return text


def _flat_line(body: PlannedBody, name: str) -> str:
    return f'{body.flat[name]} = work.flat("{body.flat[name]}", {body.whole(name)}, {body.column_function("flatten")})'


def _is_flat(body: PlannedBody, operand: Operand) -> bool:
    return (
        isinstance(operand, Ref)
        and body.cells[operand.name].axes == PER_STEP
        and body.cells[operand.name].rank == 1
        and operand.delay is not None
    )


def _outer_sum(body: PlannedBody, op: Op) -> list[str]:
    a, b = op.args
    rows: list[str] = []
    known = set(body.flat)
    if _is_flat(body, a) and _is_flat(body, b):
        first, second = _flat(body, a), _flat(body, b)  # type: ignore[arg-type]
        fresh = [n for n in body.flat if n not in known]
        rows += [_flat_line(body, n) for n in fresh]
        rows.append(_result(body, op, f"np.matmul({first}, {second}.T", True))
        for name in fresh if op.guard != ALWAYS else ():  # elsewhere it may not be there
            body.flat.pop(name)
        return rows
    texts = [_unaligned(body, x) for x in (a, b)]
    return [_result(body, op, f"{body.function('outer_total')}({', '.join(texts)}", False)]


def _result(body: PlannedBody, op: Op, call: str, has_out: bool) -> str:
    """The call, its result where it belongs: a local name, a parameter's gradient, some columns of a stack's gradient."""
    target = body.results.get(op.out)
    bounds = body._bounds(op.details[1:3]) if op.details[:1] in (("columns",), ("column",)) else ""
    if target is None:
        return f"{body.local(op.out)} = {call})"
    if bounds:
        return f"{target}[:, {bounds}] = {call})"
    if has_out and body.cells[op.out].kind == "stack gradient":
        return f"{call}, out={target})"
    return f"{target}[...] = {call})"


def _unaligned(body: PlannedBody, operand: Operand) -> str:
    if isinstance(operand, Ref) and body.cells[operand.name].axes == PER_STEP and operand.delay is not None:
        return body.view(operand) + (".swapaxes(-1, -2)" if operand.turned else "")
    return body.text(operand, -1, ALONE)


def _sum_all(body: PlannedBody, op: Op) -> list[str]:
    a = op.args[0]
    rows: list[str] = []
    rank, axes = body._operand_rank(a), body._axes(a)
    if _is_flat(body, a) and isinstance(a, Ref) and resolved(a, body.places).name in body.flat:
        text = f"{_flat(body, a)}.sum(-1)"
    elif axes == PER_STEP:
        text = f"{_unaligned(body, a)}.{ {0: 'sum()', 1: 'sum(0).sum(-1)', 2: 'sum((0, 1))'}[rank] }"
    else:
        text = f"{_unaligned(body, a)}.sum({ {0: '', 1: '-1', 2: '0'}[rank] })"
    if op.details[:1] == ("column",):
        return [*rows, f"{body.results[op.out]}[:, {body.size(op.details[1])}] = {text}"]
    target = body.results.get(op.out)
    return [*rows, f"{target}[...] = {text}" if target else f"{body.local(op.out)} = {text}"]


def _scatter(body: PlannedBody, op: Op) -> list[str]:
    texts = [_unaligned(body, a) for a in op.args]
    body.functions |= {"scattered"}
    call = f"scattered({', '.join(texts)}, {body.size(op.details[0])}"
    return [_result(body, op, call, False)]


def _at_step(body: PlannedBody, op: Op) -> list[str]:
    ref = op.args[0]
    assert isinstance(ref, Ref)
    return [f"{body.local(op.out)} = {body.function('at_step')}({body.view(ref)}, {op.details[0]})"]


def _at_end(body: PlannedBody, op: Op) -> list[str]:
    ref = op.args[0]
    assert isinstance(ref, Ref)
    base, lag = body.outside(ref.name)
    text = f"{body.function('at_end')}({base}, {lag}, run.ends, {op.details[0]})"
    return [f"{body.local(op.out)} = {text}" + (".T" if body.cells[op.out].rank == 1 else "")]


def _before(body: PlannedBody, op: Op) -> list[str]:
    ref = op.args[0]
    assert isinstance(ref, Ref)
    base, lag = body.outside(ref.name)
    return [f"{body.local(op.out)} = {base}[{lag - 1 + op.details[0]}]" + (".T" if body.cells[op.out].rank == 1 else "")]


def _total(body: PlannedBody, op: Op) -> list[str]:
    return [f"{body.local(op.out)} = {_unaligned(body, op.args[0])}.sum(0)"]


def _static_valid(body: PlannedBody, op: Op) -> list[str]:
    text = _unaligned(body, op.args[0])
    return [f"{body.local(op.out)} = {body._valid(op, [text])}"]


STATIC: dict[str, Callable[[PlannedBody, Op], list[str]]] = {
    "outer_sum": _outer_sum,
    "sum_all": _sum_all,
    "scatter": _scatter,
    "at_step": _at_step,
    "at_end": _at_end,
    "before": _before,
    "total": _total,
}


# ---------------------------------------------------------------- text


def condition(guard: Guard | None, public: Mapping[str, str]) -> str:
    """A guard as Python, "" where there is none."""
    if guard is None:
        return ""
    parts = [f'"{public[n]}" in run.data' for n in sorted(guard.needs)]
    if len(guard.wanted) == 1:
        parts.append(f'"{min(guard.wanted)}" in wrt')
    elif guard.wanted:
        words = ", ".join(f'"{w}"' for w in sorted(guard.wanted))
        parts.append(f"wrt & {{{words}}}")
    return " and ".join(parts)


def slice_text(start: str, stop: str) -> str:
    """A slice as the formatter sets it: spaces around the colon where a bound is more than a name."""
    simple = all(not bound or bound.isidentifier() or bound.isdigit() for bound in (start, stop))
    if simple:
        return f"{start}:{stop}"
    return f"{start} : {stop}".strip()


def ranges(numbers: Sequence[int]) -> str:
    """Numbers as a person lists them: 3, 5-8."""
    parts: list[str] = []
    rows = sorted(numbers)
    start = 0
    for k in range(1, len(rows) + 1):
        if k == len(rows) or rows[k] != rows[k - 1] + 1:
            parts.append(
                str(rows[start])
                if k - start == 1
                else f"{rows[start]}, {rows[k - 1]}"
                if k - start == 2
                else f"{rows[start]}-{rows[k - 1]}"
            )
            start = k
    return ", ".join(parts)


def _real(text: str, operand: Operand) -> str:
    if isinstance(operand, Amount):
        return text
    return f"{text}.real" if re.fullmatch(r"[\w\[\].:, ]+", text) else f"np.real({text})"


def is_copied(cell: Cell) -> bool:
    """Whether data are copied, features first: inputs that are vectors and run in time."""
    return cell.kind == "input" and cell.rank == 1 and cell.axes == PER_STEP


def _for_loop(names: Sequence[str | list[str]], sources: list[str], indent: int) -> list[str]:
    """The head of a loop over several sources at once; what is several names comes from its source as a tuple."""
    pad = " " * indent
    over = sources[0] if len(sources) == 1 else f"zip({', '.join(sources)})"
    whole = [name if isinstance(name, str) else f"({', '.join(name)}{',' if len(name) == 1 else ''})" for name in names]
    if len(names) == 1 and not isinstance(names[0], str) and len(names[0]) > 1:
        whole = [whole[0][1:-1]]
    line = f"{pad}for {', '.join(whole)} in {over}:"
    if len(line) <= WIDTH:
        return [line]
    rows = []
    parts = [*names[0]] if len(names) == 1 and not isinstance(names[0], str) else names
    for name, text in zip(parts, whole if len(parts) > 1 and len(names) > 1 else parts, strict=True):
        if isinstance(name, str) or len(f"{pad}    {text},") <= WIDTH:
            rows.append(f"{pad}    {text},")
        else:
            rows += [f"{pad}    (", *(f"{pad}        {part}," for part in name), f"{pad}    ),"]
    if len(f"{pad}) in {over}:") <= WIDTH:
        return [f"{pad}for (", *rows, f"{pad}) in {over}:"]
    return [f"{pad}for (", *rows, f"{pad}) in zip(", *(f"{pad}    {s}," for s in sources), f"{pad}):"]


def wrapped(row: str, room: int) -> list[str]:
    """A statement that is too long for one line: its terms, or its arguments, on lines of their own."""
    lead = len(row) - len(row.lstrip())
    if len(row) <= room or row.lstrip().startswith(("#", "if ")):
        return [row]
    pad = " " * (lead + 4)
    head, is_assignment, value = row.partition(" = ")
    terms = _top_level(value, " + ") if is_assignment else [row]
    if len(terms) > 1:
        rows = [pad + value] if len(pad + value) <= room else [pad + terms[0], *(f"{pad}+ {term}" for term in terms[1:])]
        return [f"{head} = (", *rows, " " * lead + ")"]
    depth, start = 0, None
    for index in range(len(row) - 1, -1, -1):
        depth += (row[index] == ")") - (row[index] == "(")
        if depth == 0:
            start = index
            break
    if start is None or not row.endswith(")"):
        return [row]
    head, inner = row[: start + 1], row[start + 1 : -1]
    if len(pad + inner) <= room:
        return [head, pad + inner, " " * lead + ")"]
    return [head, *(f"{pad}{part}," for part in _top_level(inner, ", ")), " " * lead + ")"]


def _top_level(text: str, separator: str) -> list[str]:
    """Parts of a text between separators that stand outside brackets."""
    parts, depth, start = [], 0, 0
    for index, ch in enumerate(text):
        depth += (ch in "([{") - (ch in ")]}")
        if depth == 0 and text.startswith(separator, index):
            parts.append(text[start:index])
            start = index + len(separator)
    return [*parts, text[start:]]


def _chunks(names: list[str], room: int) -> list[str]:
    pieces: list[str] = []
    for name in names:
        if pieces and len(pieces[-1]) + 2 + len(name) <= room:
            pieces[-1] += f", {name}"
        else:
            pieces.append(name)
    return pieces


def _at_least(a: sympy.Expr, b: sympy.Expr) -> bool:
    """Whether a >= b for all positive sizes."""
    difference = sympy.expand(a - b)
    return difference == 0 or bool(difference.is_nonnegative)


def _chained(bounds: Iterable[Bounds], whole: Bounds) -> list[Bounds]:
    """Bounds that follow each other from the beginning of the whole to its end; [] where there are gaps."""
    rest, found, place = list(bounds), [], whole[0]
    while sympy.expand(place - whole[1]) != 0:
        following = next((b for b in rest if sympy.expand(b[0] - place) == 0), None)
        if following is None:
            return []
        rest.remove(following)
        found.append(following)
        place = following[1]
    return found


def _outermost(refs: list[Ref]) -> list[Ref]:
    """References without those that lie inside others."""

    def inside(a: Ref, b: Ref) -> bool:
        if a == b or a.name != b.name or a.delay != b.delay:
            return False
        return b.rows is None or (a.rows is not None and _at_least(a.rows[0], b.rows[0]) and _at_least(b.rows[1], a.rows[1]))

    return [a for k, a in enumerate(refs) if not any(inside(a, b) for j, b in enumerate(refs) if j != k)]


def _pooled(phase: Phase, body: PlannedBody) -> dict[str, str]:
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


def labels(plan: Plan) -> dict[str, str]:
    """Names for arrays that no equation names and that both passes may read: what they hold, or what they are made of."""
    found: dict[str, str] = {}
    taken = {*plan.cells, *(name[1:] for name in plan.cells if name.startswith("%"))}
    for phase in (*plan.forward, *plan.gradient):
        for op in phase.ops:
            if op.out.startswith("%") and op.out[1:].isdigit() and op.out not in found and _is_lasting(plan, op.out):
                first = next((ref.name for ref in op.reads if not ref.name.startswith("%")), "")
                wanted = label = "_".join(word for word in (op.function, first) if word)
                count = 1
                while label in taken:
                    count += 1
                    label = f"{wanted}_{count}"
                taken.add(label)
                found[op.out] = label
    for name in plan.cells:
        if name.startswith("%") and not name[1:].isdigit():
            found[name] = name[1:]
    return found


def _is_lasting(plan: Plan, name: str) -> bool:
    return plan.cells[name].axes < PER_STEP or plan.storage.held.get(name, STORED) == STORED


def data_names(plan: Plan) -> list[str]:
    """Data that the loops read."""
    read = {ref.name for phase in (*plan.forward, *plan.gradient) for op in phase.ops for ref in op.reads}
    read |= {name for name in plan.storage.places}
    return [name for name, cell in plan.cells.items() if cell.kind in ("input", "target", "token") and name in read]


__all__ = ["PlannedBody", "data_names", "labels", "slice_text", "wrapped"]
