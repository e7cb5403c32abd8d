"""Names for what a plan leaves nameless, and which data its loops read."""

from __future__ import annotations

import re

from rnnsym.program.ops import PER_STEP, Cell
from rnnsym.program.planning import Plan
from rnnsym.program.storage import STORED


def labels(plan: Plan) -> dict[str, str]:
    """Names for arrays that no equation names and that both passes may read: what they hold, or what they are made of."""
    found: dict[str, str] = {}
    taken = {*plan.cells, *(name[1:] for name in plan.cells if name.startswith("%"))}
    for phase in (*plan.forward, *plan.gradient):
        for op in phase.ops:
            if op.out.startswith("%") and op.out[1:].isdigit() and op.out not in found and _is_lasting(plan, op.out):
                first = next((re.sub(r"\W", "", ref.name) for ref in op.reads if not ref.name.startswith("%")), "")
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


def is_copied(cell: Cell) -> bool:
    """Whether data are copied, features first: inputs that are vectors and run in time."""
    return cell.kind == "input" and cell.rank == 1 and cell.axes == PER_STEP


__all__ = ["data_names", "is_copied", "labels"]
