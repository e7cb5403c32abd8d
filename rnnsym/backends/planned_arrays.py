"""The arrays of a planned pass: their names, the views of them that loops read, and what is made only once.

Comes in: a Plan. Goes out: for a reference, the local name of a view, written down with its definition when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import sympy

from rnnsym.algebra.tensor import DATA
from rnnsym.backends.c_columns import column_function
from rnnsym.backends.c_kernels import CFunction
from rnnsym.backends.names import Locals
from rnnsym.backends.planned_labels import is_copied, labels
from rnnsym.backends.planned_lines import slice_text
from rnnsym.backends.printing import size_source
from rnnsym.program.ops import ALONE, ALWAYS, PER_STEP, Amount, Bounds, Operand, Ref
from rnnsym.program.planning import Plan
from rnnsym.program.rows import at_least, chained
from rnnsym.program.storage import STRETCH, resolved


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
class PassArrays:
    """The arrays of one pass, as they are asked for.

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
        self.flat: dict[str, str] = {}  # array → its copy for sums over steps
        self.turned: set[str] = set()  # arrays whose copies are up to date
        self.statics: dict[str, None] = {}
        self.marks: dict[tuple[bool, int], None] = {}
        self.locals: dict[str, str] = {}
        self.pool: dict[str, str] = {}
        self.spans: dict[str, sympy.Expr] = {}  # how many steps a stretch has → how many numbers of a step it works on
        self.span = ""
        self.weak: set[str] = set()  # Python numbers: they take the precision of what they meet
        self.stretch_rooms: dict[str, str] = {}
        self.labels = labels(self.plan)
        self.loop: Loop | None = None
        self.kind = "static"
        self.window = ""
        phases = self.plan.forward if self.side == "forward" else self.plan.gradient
        self.made = {op.out for phase in phases for op in phase.ops}
        self.sometimes = {op.out for phase in phases for op in phase.ops if op.guard != ALWAYS}

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
            inside = ref.rows is None or (at_least(place.rows[0], ref.rows[0]) and at_least(ref.rows[1], place.rows[1]))
            if inside:
                found[place.rows] = (name, (ref.delay or 0) - place.shift)
        if ref.rows is None:
            return []
        rows = sorted(found.items(), key=lambda item: str(item[0]))
        ordered = chained([b for b, _ in rows], ref.rows)
        return [found[b] for b in ordered]

    def _bounds(self, bounds: Bounds | None) -> str:
        if bounds is None:
            return ":"
        return slice_text("" if bounds[0] == 0 else self.size(bounds[0]), self.size(bounds[1]))

    def _length(self, ref: Ref) -> sympy.Expr | None:
        if ref.rows is not None:
            return sympy.expand(ref.rows[1] - ref.rows[0])
        cell = self.cells[ref.name]
        return cell.shape[0] if cell.rank == 1 else None

    def _axes(self, operand: Operand) -> int:
        return ALONE if isinstance(operand, Amount) else self.cells[operand.name].axes

    def _operand_rank(self, operand: Operand) -> int:
        return 0 if isinstance(operand, Amount) else self.cells[operand.name].rank

    # ------------------------------------------------------------ arrays of a step or a stretch

    def is_made(self, array: str) -> bool:
        """Whether this pass asks for an array of all steps (otherwise an earlier one has), data that are only looked at apart."""
        cell = self.cells[array]
        if cell.kind in DATA:
            return self.side == "forward" and is_copied(cell)
        return self.side == "forward" or array in self.made or any(self.plan.storage.array(n) == array for n in self.made)

    def room(self, name: str) -> str:
        """The local array of a value that is held for a step or a stretch."""
        return self.pool.get(name) or self.local(name)

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

    # ------------------------------------------------------------ values outside 1 … T

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

    def end_name(self, name: str) -> str:
        return self.names.of(name, "end")

    def place_end_line(self, name: str, indent: int) -> str:
        self.functions.add("place_end")
        base, lag = self.outside(name)
        return f"{' ' * indent}place_end({base}, {lag}, {self.end_name(name)}, run.ends)"


__all__ = ["Loop", "PassArrays"]
