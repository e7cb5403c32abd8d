"""What stands before the loops of a planned pass: what calls of equal shape use again, and what each call does.

Comes in: the body of a pass, which has written down what it asks for. Goes out: lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import sympy

from rnnsym.algebra.tensor import DATA
from rnnsym.backends.parts import Parts
from rnnsym.backends.planned_body import PlannedBody
from rnnsym.backends.planned_labels import data_names, is_copied
from rnnsym.backends.planned_lines import INDENT, slice_text, wrapped
from rnnsym.backends.printing import mark_name
from rnnsym.backends.tables import string
from rnnsym.calculus.adjoint import Adjoint
from rnnsym.program.ops import PER_STEP, Ref
from rnnsym.program.stacking import Stack
from rnnsym.program.storage import resolved


@dataclass(frozen=True)
class Preamble:
    """What stands before the loops of a pass: what calls of equal shape use again, and what each call does."""

    once: list[str]
    each: list[str]


def preamble(body: PlannedBody, parts: Parts, adj: Adjoint) -> Preamble:
    forward = body.side == "forward"
    fills = _fills(body, parts) if forward else []
    slots = _slots(body, parts) if forward else []
    ends = [row for name in _with_ends(body, parts) for row in _end_rows(body, parts, name)] if forward and body.walks else []
    statics, given = _statics(body, parts, adj)
    arrays, data = _arrays(body, parts)
    views = [(name, f"{name} = {text}") for name, text in body.views.values()]
    rooms = [f"{name} = {text}" for name, text in body.rooms.items()]
    kept_views = [row for name, row in views if name not in body.varying]
    own_views = [row for name, row in views if name in body.varying]
    extended = [row for row in fills if "run.extended(" in row or row.startswith("work.kept")]
    fills = [row for row in fills if row not in extended]
    constants = _ones(body) if forward else _zero_slots(body)
    once = [*statics, *arrays, *_spans(body), *rooms, *kept_views, *constants, *body.setup]
    each = [*given, *_marks(body), *data, *extended, *own_views, *fills, *slots, *ends]
    if not forward:
        each = ["run = trace._run", "grads = Gradients(params.sizes, np.empty(params.vector.shape, dtype))", *each]
    text = "\n".join([re.sub("#.*", "", row) for row in (*once, *each, *body.lines)])
    sizes = [n for n in body.sizes if re.search(rf"(?<![\w.\"]){re.escape(body.names.of(n))}\b(?!\")", text)]
    head = [f"{n} = run.{n}" for n in ("steps", "batch", "dtype") if re.search(rf"(?<![\w.\"]){n}\b(?!\")", text)]
    head += [f"{body.names.of(n)} = run.sizes[{string(parts.names.public[n])}]" for n in sizes]
    return Preamble(_set([*head, *once], INDENT - 4), _set(each, INDENT))


def _set(rows: list[str], indent: int) -> list[str]:
    return [" " * indent + line for row in rows for line in wrapped(row, 100 - indent)]


def _spans(body: PlannedBody) -> list[str]:
    """How many steps the stretches of each loop have; loops that call kernels are walked in one."""
    rows = []
    for name, total in body.spans.items():
        text = body.size(total) if total != 0 else "1"
        call = f"{body.function('stretch')}(steps, batch * {f'({text})' if ' ' in text else text})"
        rows.append(f"{name} = {call}" if body.compiled is None else f"{name} = {call} if run.kernels is None else steps")
    return rows


def _statics(body: PlannedBody, parts: Parts, adj: Adjoint) -> tuple[list[str], list[str]]:
    """Parameters and stacks in their vector; then constants, data of a sequence, stacks put together, what the forward pass has kept."""
    kept: list[str] = []
    rows: list[str] = []
    public = parts.names.public
    stacks = {s.name: s for s in body.plan.stacks}
    seeds = {seed: loss for loss, seed in adj.seeds.items()}
    for name in sorted(body.statics, key=lambda n: list(body.cells).index(n)):
        cell, local = body.cells[name], body.local(name)
        if name in stacks:
            (kept if stacks[name].owned else rows).extend(_stack_rows(body, parts, stacks[name]))
        elif name in seeds:
            loss = seeds[name]
            alone = not parts.forward.buffers[loss].batched
            rows.append(f"{local} = float(batch > 0)" if alone else f"{local} = 1 / max(batch, 1)")
        elif cell.kind == "param":
            kept.append(f"{local} = params.{public[name]}")
        elif cell.kind == "constant":
            rows.append(f'{local} = run.data["{public[name]}"]')
        elif cell.kind in DATA and cell.axes < PER_STEP:
            rows.append(_data_row(body, parts, name))
        elif body.side == "gradient" and name not in body.made:
            rows.append(f'{local} = work.kept["{_label(body, name)}"]')
    return kept, rows


def _label(body: PlannedBody, name: str) -> str:
    """The key of a kept value, the same in both passes."""
    return body.labels.get(name, name)


def _data_row(body: PlannedBody, parts: Parts, name: str) -> str:
    cell, public = body.cells[name], parts.names.public[name]
    get = f'run.data.get("{public}")' if name in parts.optional else f'run.data["{public}"]'
    note = ": Any" if name in parts.optional else ""
    if cell.rank == 1 and cell.entries == "number":
        return f"{body.local(name)}{note} = {body.function('features_first')}({get}, {1 + (cell.axes == PER_STEP)})"
    return f"{body.local(name)}{note} = {get}"


def _stack_rows(body: PlannedBody, parts: Parts, stack: Stack) -> list[str]:
    """The matrix of a stack: a part of the parameters' vector, or put together."""
    local, public = body.local(stack.name), parts.names.public
    contents = "; ".join(", ".join(public[stack.grid[k, j]] for j in range(len(stack.operands))) for k in range(len(stack.results)))
    note = f"  # {contents}"
    if stack.owned:
        line = f'{local} = params.stack("{stack.name[1:]}")'
        return [line + note] if len(line + note) + INDENT - 4 <= 100 else [line]
    rows = []
    for k in range(len(stack.results)):
        cells = []
        for j, operand in enumerate(stack.operands):
            name = public[stack.grid[k, j]]
            cells.append(f"params.{name}[:, None]" if operand is None else f"params.{name}")
        rows.append(f"    [{', '.join(cells)}],")
    return [f"{local} = np.block(", "    [", *("    " + row for row in rows), "    ]", ")"]


def _marks(body: PlannedBody) -> list[str]:
    rows = []
    for first, delay in body.marks:
        when = "np.arange(1, steps + 1)" + (f" + {delay}" if delay > 0 else f" - {-delay}" if delay else "")
        name = mark_name(first, delay)
        if first:
            inner = f"({when}) == 1" if delay else f"{when} == 1"
            rows.append(f"{name} = np.outer({inner}, np.full(batch, not run.started))")
        else:
            rows.append(f"{name} = ({when})[:, None] == run.ends" if delay else f"{name} = {when}[:, None] == run.ends")
    return rows


def _arrays(body: PlannedBody, parts: Parts) -> tuple[list[str], list[str]]:
    """Arrays of all steps, made by the forward pass, found again by the gradients; then data that are looked at where they are."""
    rows, data = [], []
    for name in body.arrays:
        cell = body.cells[name]
        text = body.whole(name)
        key = _label(body, name)
        if body.varies(name):
            if not (cell.lag or cell.lead):
                data.append(_data_row(body, parts, name))
            elif body.side == "gradient":
                data.append(f'{text} = work.kept["{key}"]')
            continue
        slots = cell.lag + cell.lead
        steps = f"steps + {slots}" if slots else "steps"
        axes = [body.size(s) for s in cell.shape] if cell.rank else []
        shape = [steps, *axes, "batch"] if cell.rank == 1 else [steps, "batch", *axes]
        made = name in body.made or any(body.plan.storage.array(n) == name for n in body.made) or body.side == "forward"
        if not made:
            rows.append(f'{text} = work.arrays["{key}"]')
            continue
        dtype = "bool" if cell.entries == "truth" else "dtype"
        line = f'{text} = work.array("{key}", ({", ".join(shape)}), {dtype})'
        note = _contents(body, name)
        rows.append(line + note if len(line + note) + INDENT - 4 <= 100 else line)
    return rows, data


def _contents(body: PlannedBody, name: str) -> str:
    """What lies in the rows of an array that holds several vectors."""
    rows: dict[sympy.Expr, str] = {}
    for member, place in body.places.items():
        if place.array == name and place.rows is not None and not member.startswith("%"):
            shift = f"[t-{place.shift}]" if place.shift > 0 else f"[t+{-place.shift}]" if place.shift else ""
            rows[place.rows[0]] = body.names.public.get(member, member) + shift
    rows |= {sympy.sympify(row): "1" for array, row in body.plan.ones if array == name}
    order = sorted(rows, key=lambda row: (row.subs({s: 64 for s in row.free_symbols}), str(row)))
    return f"  # {', '.join(rows[row] for row in order)}" if rows else ""


def _ones(body: PlannedBody) -> list[str]:
    return [f"{body.whole(array)}[:, {body.size(sympy.sympify(row))}] = 1" for array, row in body.plan.ones if array in body.arrays]


def _fills(body: PlannedBody, parts: Parts) -> list[str]:
    """Data that are copied, or have slots."""
    rows = []
    for name in data_names(body.plan):
        cell, public = body.cells[name], parts.names.public[name]
        if cell.axes < PER_STEP:
            continue
        if is_copied(cell):
            array = body.plan.storage.array(name)
            if array not in body.arrays and name not in body.arrays and array == name:
                body.whole(name)
            rows.append(f"{body.view(Ref(name, 0))}[...] = {body.function('turned')}(run.data[{string(public)}])")
        elif cell.lag or cell.lead:
            lengths = "".join(f", {body.size(s)}" for s in cell.shape) if cell.entries == "number" else ""
            text = f'run.extended("{public}"{lengths}, lag={cell.lag}, lead={cell.lead})'
            if cell.rank == 1 and cell.entries == "number":
                text = f"{body.function('turned')}({text})"
            rows += [f"{body.whole(name)} = {text}", f'work.kept["{_label(body, name)}"] = {body.whole(name)}']
    return rows


def _slots(body: PlannedBody, parts: Parts) -> list[str]:
    """Values outside 1 … T: zero, or the caller's."""
    rows = []
    for name, cell in body.cells.items():
        if (
            cell.kind not in ("variable", "input")
            or not (cell.lag or cell.lead)
            or cell.axes != PER_STEP
            or name not in parts.forward.buffers
        ):
            continue
        if cell.kind == "input" and not is_copied(cell):
            continue
        array = body.plan.storage.array(name)
        if array not in body.arrays:
            continue
        if not body.walks and not cell.lead:
            rows += _given_rows(body, parts, name)
            continue
        text, lag = body.outside(name)
        rows.append(f'run.fill_outside("{parts.names.public[name]}", {text}, {cell.lag}, {cell.lead}, {lag})')
    return rows


def _given_rows(body: PlannedBody, parts: Parts, name: str) -> list[str]:
    """Values before step 1, one by one."""
    ref = resolved(Ref(name, 0), body.places)
    whole, cell = body.whole(ref.name), body.cells[name]
    first = body.cells[ref.name].lag + (ref.delay or 0)
    rows = "" if ref.rows is None else f", {body._bounds(ref.rows)}"
    turn = ".T" if cell.rank == 1 else ""
    public = parts.names.public[name]
    return [f'{whole}[{first - 1 - k}{rows}] = run.outside("{public}[{-k}]"){turn}' for k in range(cell.lag)]


def _zero_slots(body: PlannedBody) -> list[str]:
    """Errors outside 1 … T are zero."""
    rows = []
    for name in body.arrays:
        cell = body.cells[name]
        if not any(body.plan.storage.array(n) == name for n in body.made):
            continue
        if cell.lag:
            rows.append(f"{body.whole(name)}[:{cell.lag}] = 0")
        if cell.lead:
            rows.append(f"{body.whole(name)}[{slice_text(f'steps + {cell.lag}' if cell.lag else 'steps', '')}] = 0")
    return rows


def _with_ends(body: PlannedBody, parts: Parts) -> list[str]:
    """Variables that are read beyond the last step."""
    ahead = [n for n, c in body.cells.items() if c.kind == "variable" and c.lead and c.axes == PER_STEP]
    return [n for n in ahead if n in parts.forward.buffers and body.plan.storage.array(n) in body.arrays]


def _end_rows(body: PlannedBody, parts: Parts, name: str) -> list[str]:
    cell = body.cells[name]
    lengths = "".join(f", {body.size(s)}" for s in cell.shape)
    first = f'{body.end_name(name)} = run.after("{parts.names.public[name]}"{lengths}, lead={cell.lead})'
    return [first, body.place_end_line(name, 0)]


__all__ = ["Preamble", "preamble"]
