"""The function `plan` of a module: the arrays in which a training step works, and how many bytes they take.

Comes in: the bodies of both passes, which know the arrays that they ask the workspace for. Goes out: source text.
"""

from __future__ import annotations

from collections.abc import Iterable

from rnnsym.backends.parts import Parts
from rnnsym.backends.planned_body import PlannedBody
from rnnsym.backends.planned_lines import wrapped
from rnnsym.backends.printing import size_source
from rnnsym.backends.tables import string
from rnnsym.program.storage import STRETCH

DOC = '''    """Bytes of the arrays in which a training step works, by name, for sequences of T steps in a batch of B.

    With `work=` they are made in the first call and used again. Beside them a call makes its results,
    and a copy of data that have not the parameters' type.
    """'''


def memory_function(parts: Parts, bodies: Iterable[PlannedBody]) -> tuple[str, set[str]]:
    """The source of `plan`, and the functions that it uses."""
    public = parts.names.public

    def size(length) -> str:
        return size_source(length, public.__getitem__)

    shapes: dict[str, list[str]] = {}
    spans: dict[str, str] = {}
    for body in bodies:
        for name, total in body.spans.items():
            text = size(total) if total != 0 else "1"
            spans[f"{body.side}_{name}"] = "T" if body.compiled is not None else f"stretch(T, B * {f'({text})' if ' ' in text else text})"
        for array in body.arrays:
            cell = body.cells[array]
            if body.is_made(array):
                slots = cell.lag + cell.lead
                axes = [size(s) for s in cell.shape] if cell.rank else []
                first = f"T + {slots}" if slots else "T"
                key = body.labels.get(array, array)
                shapes[key] = [first, *axes, "B"] if cell.rank == 1 else [first, "B", *axes]
                if array in body.flat:
                    shapes[body.flat[array]] = shapes[key]
            elif array in body.flat:
                shapes[body.flat[array]] = shapes.get(body.labels.get(array, array), [])
        for room, (array, span) in body.room_cells.items():
            cell = body.cells[array]
            axes = [size(s) for s in cell.shape] if cell.rank else []
            one = [*axes, "B"] if cell.rank == 1 else ["B", *axes]
            shapes[room] = [f"{body.side}_{span}", *one] if body.held[array] == STRETCH else one
    spans = {name: call for name, call in spans.items() if any(axes[:1] == [name] for axes in shapes.values())}
    rows = ["def plan(", "    *,", "    T: int,", "    B: int,", *(f"    {public[s.name]}: int," for s in parts.prepared.sizes)]
    rows += ["    dtype: Any = np.float32,", ") -> dict[str, int]:", DOC]
    rows += [line for name, call in spans.items() for line in wrapped(f"    {name} = {call}", 100)]
    rows += ["    shapes: dict[str, tuple[int, ...]] = {"]
    for key, axes in shapes.items():
        inner = ", ".join(axes) + ("," if len(axes) == 1 else "")
        rows.append(f"        {string(key)}: ({inner}),")
    rows += ["    }", "    each = np.dtype(dtype).itemsize"]
    rows += ["    return {name: each * int(np.prod(shape)) for name, shape in shapes.items()}"]
    return "\n".join(rows), {"stretch"} if any("stretch" in call for call in spans.values()) else set()
