"""The two planned passes of a module, as text: what stands before the loops, the loops, and what leaves the pass.

Comes in: what is known of a model (`Parts`), and its Plan. Goes out: the lines of `_forward` and `_gradients`, and the tables of the
stacks: where parameters lie in the one vector.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sympy

from rnnsym.algebra.sizes import size, size_text
from rnnsym.algebra.system import Declaration
from rnnsym.backends.c_kernels import CFunction
from rnnsym.backends.memory import memory_function
from rnnsym.backends.names import Locals
from rnnsym.backends.parts import Parts
from rnnsym.backends.planned_body import PlannedBody
from rnnsym.backends.planned_lines import INDENT, slice_text
from rnnsym.backends.planned_preamble import Preamble, preamble
from rnnsym.backends.tables import data_table, string
from rnnsym.calculus.adjoint import Adjoint
from rnnsym.program.ops import ALONE, PER_STEP, Ref
from rnnsym.program.planning import Plan
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


__all__ = ["PAD", "PlannedText", "is_there", "pass_text", "planned_text", "whole_text"]
