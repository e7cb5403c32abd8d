"""The two planned passes of a module, as text: what stands before the loops, the loops, and what leaves the pass.

Comes in: what is known of a model (`Parts`), and its Plan. Goes out: the lines of `_forward` and `_gradients`, and the tables of the
stacks: where parameters lie in the one vector.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sympy

from rnnsym.algebra.sizes import size, size_text
from rnnsym.algebra.system import Declaration
from rnnsym.algebra.tensor import DATA
from rnnsym.backends.c_kernels import CFunction
from rnnsym.backends.memory import memory_function
from rnnsym.backends.names import Locals
from rnnsym.backends.parts import Parts
from rnnsym.backends.planned_body import INDENT, PlannedBody, data_names, is_copied, slice_text, wrapped
from rnnsym.backends.tables import data_table, string
from rnnsym.calculus.adjoint import Adjoint
from rnnsym.program.ops import ALONE, PER_STEP, Ref
from rnnsym.program.planning import Plan
from rnnsym.program.stacking import Stack
from rnnsym.program.storage import STORED, resolved

PAD = " " * INDENT
FORWARD = '''def forward_pass(run: Run) -> Trace:
    """All variables at all steps, in an order in which each can be computed."""'''
GRADIENT = '''def gradient_pass(trace: Trace, wrt: frozenset[str]) -> Gradients:
    """The errors of all variables, backwards through the equations, and their sums, the gradients."""'''


@dataclass(frozen=True)
class PlannedText:
    """Lines of the passes, tables, and the functions that they use."""

    forward: list[str]
    gradient: list[str]
    tables: str
    functions: frozenset[str]
    described: Mapping[int, str]
    memory: str


def planned_text(
    parts: Parts, adj: Adjoint, plan: Plan, numbers: Mapping[str, int], compiled: list[CFunction] | None = None
) -> PlannedText:
    """Both passes as text; `compiled`, if given, is filled with the C functions that they call."""
    described = {numbers[d.key]: d.description for d in adj.system.every_definition if d.key in numbers and d.description}
    forward = PlannedBody(plan, Locals(adj.system), "forward", described, public=parts.names.public, compiled=compiled)
    leaving = _trace(forward, parts)
    front = pass_text(preamble(forward, parts, adj), FORWARD, [*forward.lines, *leaving])
    results, flows = _results(parts, adj, plan), {flow: key for key, (_, flow) in adj.initial.items() if flow}
    flows = {name: _public_key(parts, key) for name, key in flows.items()}
    gradient = PlannedBody(plan, Locals(adj.system), "gradient", described, results, flows, parts.names.public, compiled)
    tail = _extras(gradient, parts, adj)
    back = pass_text(preamble(gradient, parts, adj), GRADIENT, [*gradient.lines, *tail, f"{PAD}return grads"])
    memory, used = memory_function(parts, (forward, gradient))
    functions = frozenset(forward.functions | gradient.functions | used)
    return PlannedText(front, back, stack_tables(parts, plan), functions, described, memory)


def pass_text(first: Preamble, head: str, lines: list[str]) -> list[str]:
    """What is made once; within it, the pass itself."""
    inner = tidy([*first.each, *lines])
    name = head.partition("(")[0].removeprefix("def ")
    return [*first.once, "", *(" " * (INDENT - 4) + row for row in head.split("\n")), *inner, "", f"{' ' * (INDENT - 4)}return {name}"]


def tidy(lines: Iterable[str]) -> list[str]:
    """Never two empty lines in a row."""
    found: list[str] = []
    for line in lines:
        if line or (found and found[-1]):
            found.append(line)
    return found


def _public_key(parts: Parts, key: str) -> str:
    name, bracket, place = key.partition("[")
    return parts.names.public[name] + bracket + place


def _results(parts: Parts, adj: Adjoint, plan: Plan) -> dict[str, str]:
    found = {}
    for declaration in parts.prepared.params:
        found[adj.gradients[declaration.name]] = f"grads.{parts.names.public[declaration.name]}"
    for target in set(plan.merged.values()):
        stack = next(s for s in plan.stacks if f"%d_{s.name[1:]}" == target)
        found[target] = f'grads.stack("{stack.name[1:]}")'
    return found


# ---------------------------------------------------------------- what stands before the loops


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
    from rnnsym.backends.printing import mark_name

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


def _ones(body: PlannedBody) -> list[str]:
    return [f"{body.whole(array)}[:, {body.size(sympy.sympify(row))}] = 1" for array, row in body.plan.ones if array in body.arrays]


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


# ---------------------------------------------------------------- what leaves the passes


def _trace(body: PlannedBody, parts: Parts) -> list[str]:
    """The dictionary of values, time and batch first, and the arrays with their slots."""
    public = parts.names.public
    rows, late, whole = [], [], []
    for declaration in parts.prepared.variables:
        if not is_there(body, declaration):
            continue
        text = _turned_view(body, declaration)
        if parts.forward.buffers[declaration.name].lead:
            body.functions.add("valid")
            text = f"valid({text}, run.padding)"
        if declaration.name in parts.late:
            late.append((declaration.name, text))
        else:
            rows.append((public[declaration.name], text))
    for name, buffer in parts.forward.buffers.items():
        if buffer.is_extended and (buffer.kind != "variable" or is_there(body, parts.prepared.by_name[name])):
            whole.append((public[name], whole_text(body, name, buffer.lag, buffer.lead)))
    lines = ["", *_dictionary("values", rows)]
    for name, text in late:
        given = " and ".join(f'"{public[n]}" in run.data' for n in parts.needs(name))
        lines += [f"{PAD}if {given}:", f'{PAD}    values["{public[name]}"] = {text}']
    return [*lines, *_dictionary("whole", whole), f"{PAD}return Trace(values, whole, run)"]


def is_there(body: PlannedBody, declaration: Declaration) -> bool:
    cell = body.cells[declaration.name]
    if cell.axes < PER_STEP:
        return declaration.name in body.made
    return declaration.name in body.plan.traced and body.held.get(declaration.name, 0) == STORED


def _turned_view(body: PlannedBody, declaration: Declaration) -> str:
    cell = body.cells[declaration.name]
    if cell.axes < PER_STEP:
        name = body.local(declaration.name)
        return f"{name}.T" if cell.axes > ALONE and cell.rank == 1 else name
    text = body.view(Ref(declaration.name, 0))
    return f"{body.function('turned')}({text})" if cell.rank == 1 else text


def whole_text(body: PlannedBody, name: str, lag: int, lead: int) -> str:
    ref = resolved(Ref(name, 0), body.places)
    cell = body.cells[ref.name]
    start = cell.lag + (ref.delay or 0) - lag
    count = lag + lead + start
    text = body.whole(ref.name)
    total = cell.lag + cell.lead
    bounds = []
    if start or count != total:
        bounds.append(slice_text(str(start) if start else "", f"steps + {count}" if count else "steps"))
    if ref.rows is not None:
        bounds = bounds or [":"]
        bounds.append(body._bounds(ref.rows))
    text += f"[{', '.join(bounds)}]" if bounds else ""
    return f"{body.function('turned')}({text})" if cell.rank == 1 and cell.entries == "number" else text


def _extras(body: PlannedBody, parts: Parts, adj: Adjoint) -> list[str]:
    """What `wrt` asks for besides the parameters."""
    lines: list[str] = []
    public = parts.names.public
    for name, gradient in adj.gradients.items():
        declared = parts.prepared.by_name.get(name)
        if declared is None or declared.kind not in ("input", "constant"):
            continue
        place = "inputs" if declared.kind == "input" else "constants"
        lines += [f'{PAD}if "{public[name]}" in wrt:', f'{PAD}    grads.{place}["{public[name]}"] = {_own(body, gradient)}']
    rows = []
    for declaration in parts.prepared.declarations:
        lag, lead = parts.prepared.extents.get(declaration.name, (0, 0))
        for keys, label in (
            ([f"{declaration.name}[{-k}]" for k in reversed(range(lag))], public[declaration.name]),
            ([f"{declaration.name}[T+{k + 1}]" for k in range(lead)], f"{public[declaration.name]}[T+1]"),
        ):
            found = [_own(body, adj.gradients[k]) for k in keys if k in adj.gradients]
            if found and len(found) == len(keys):
                rows += _stacked(f'grads.initial["{label}"] = ', found)
    return ["", *lines, *([f'{PAD}if "initial" in wrt:', *(f"{PAD}    {row}" for row in rows)] if rows else [])] if lines or rows else []


def _stacked(head: str, found: list[str]) -> list[str]:
    if len(found) == 1:
        return [head + found[0]]
    inner = f"[{', '.join(found)}]"
    if len(f"{head}np.stack({inner})") <= 88:
        return [f"{head}np.stack({inner})"]
    return [f"{head}np.stack(", "    [", *(f"        {name}," for name in found), "    ]", ")"]


def _own(body: PlannedBody, name: str) -> str:
    """A result as the caller sees it: batch before features, in memory of its own."""
    cell = body.cells[name]
    if cell.axes == PER_STEP:
        text = body.view(Ref(name, 0))
        text = f"{body.function('turned')}({text})" if cell.rank == 1 else text
    else:
        text = body.local(name)
        text = f"{text}.T" if cell.rank == 1 and cell.axes > ALONE else text
    return f"np.array({text})"


def _dictionary(name: str, rows: list[tuple[str, str]]) -> list[str]:
    if not rows:
        return [f"{PAD}{name}: dict[str, NDArray] = {{}}"]
    return [f"{PAD}{name} = {{", *(f'{PAD}    "{key}": {text},' for key, text in rows), f"{PAD}}}"]


# ---------------------------------------------------------------- where parameters lie


def stack_tables(parts: Parts, plan: Plan) -> str:
    """STACKS: matrices of the parameters' vector; PLACES: which of their rows and columns a parameter is."""
    public = parts.names.public

    def axis(length: sympy.Expr) -> str:
        return string(size_text(length.xreplace({s: size(public[s.name]) for s in length.free_symbols})))

    stacks = [(s.name[1:], f"({axis(s.shape[0])}, {axis(s.shape[1])})") for s in plan.stacks if s.owned]
    places = []
    for stack in plan.stacks:
        for (k, j), name in stack.grid.items() if stack.owned else ():
            bounds = ", ".join(axis(b) for b in (*stack.rows[k], *stack.columns[j]))
            places.append((public[name], f"({string(stack.name[1:])}, {bounds})"))
    return "\n".join(
        [
            data_table("STACKS", "dict[str, tuple[str, str]]", stacks),
            data_table("PLACES", "dict[str, tuple[str, str, str, str, str]]", places),
        ]
    )


__all__ = ["PlannedText", "Preamble", "is_there", "pass_text", "planned_text", "preamble", "whole_text"]
