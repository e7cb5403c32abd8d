"""Operands as text: how what an operation reads is written where its result is computed."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sympy

from rnnsym.backends.planned_arrays import PassArrays
from rnnsym.backends.planned_lines import WHOLE, slice_text
from rnnsym.backends.printing import _sympy_source
from rnnsym.program.ops import ALONE, PER_SEQUENCE, PER_STEP, Amount, Operand, Ref
from rnnsym.program.storage import STEP, STORED, STRETCH, resolved


@dataclass
class PassOperands(PassArrays):
    """The arrays of a pass, and operands made of them."""

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

    # ------------------------------------------------------------ what a kernel is given

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


__all__ = ["PassOperands"]
