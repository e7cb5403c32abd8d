"""`rnnsym show MODEL --schedule`: the plan of a model's module as text: phases, their operations, and what they cost.

Comes in: a System, and sizes as far as they are given. Goes out: sections of plain text: stacks, forward, gradients, kept values, cost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import sympy

from rnnsym.algebra.sizes import shape_text
from rnnsym.algebra.system import System
from rnnsym.backends.planned import plan_of
from rnnsym.backends.planned_labels import labels
from rnnsym.cli.terminal import table
from rnnsym.program.cost import B, Cost, T, phase_cost, plan_cost
from rnnsym.program.ops import PER_STEP, Stage
from rnnsym.program.phases import Phase
from rnnsym.program.planning import Plan
from rnnsym.program.storage import STORED

USUAL = {"B": 16, "T": 100}
WIDE = 128  # a size of which nothing is said


def schedule_sections(system: System, values: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Title and text of each section."""
    plan = plan_of(system)
    named = labels(plan)
    if plan.stacks:
        yield "Parameters stacked into one matrix", table([_named(row, named) for s in plan.stacks for row in _stack_rows(s)])
    yield "Forward", _said(_side(plan, plan.forward), named)
    yield "Gradients", _said(_side(plan, plan.gradient), named)
    yield "Held for all steps", _held(plan, named)
    yield "Cost of a training step", _cost(system, plan_cost(plan), values)


def _said(text: str, named: Mapping[str, str]) -> str:
    """Parts under the names that the module gives them."""
    return re.sub(r"%\w+", lambda m: named.get(m[0], "part" + m[0][1:] if m[0][1:].isdigit() else m[0][1:]), text)


def _named(row: Sequence[str], named: Mapping[str, str]) -> list[str]:
    return [_said(cell, named) for cell in row]


def _stack_rows(stack) -> Iterator[Sequence[str]]:
    yield (stack.name, shape_text(stack.shape), "times " + ", ".join("1" if o is None else str(o) for o in stack.operands))
    for k, result in enumerate(stack.results):
        yield ("", "", f"{result}: " + ", ".join(stack.grid[k, j] for j in range(len(stack.operands))))


def _side(plan: Plan, phases: Sequence[Phase]) -> str:
    return "\n".join(line for phase in phases for line in _phase(plan, phase))


def _phase(plan: Plan, phase: Phase) -> list[str]:
    """What is done together, and its cost; a stage over all steps that stands before a loop has been hoisted out of it."""
    lines: list[str] = []
    last = ""
    for stage in phase.stages:
        if (title := _title(stage)) != last:
            lines.append(f"  {title}")
            last = title
        lines += [f"    {op}" + (f"  only for {', '.join(sorted(op.guard.wanted))}" if op.guard.wanted else "") for op in stage.ops]
    cost = phase_cost(phase, plan.cells)
    return [*lines, f"    — {_line(cost, 'per step' if phase.direction else 'once')}"]


def _title(stage: Stage) -> str:
    if stage.kind == "scan":
        return "step by step, t = 1 … T" if stage.direction > 0 else "step by step, t = T … 1"
    return "all steps at once" if stage.kind == "map" else "once"


def _line(cost: Cost, when: str) -> str:
    per = T if when == "per step" else sympy.Integer(1)
    calls = sympy.expand(cost.calls)
    loop, rest = calls.coeff(T, 1), calls.coeff(T, 0)
    said = [f"{loop} calls at each step"] * bool(loop) + [f"{rest} call{'s' if rest != 1 else ''} in all"] * bool(rest)
    flops = [f"{flop_text(u / per)} in {word}" for u, word in ((cost.products, "products"), (cost.others, "other flops")) if u != 0]
    return "; ".join(filter(None, [", ".join([*flops, *([when] if flops else [])]), *said])) or "nothing in a usual call"


def flop_text(count: sympy.Expr) -> str:
    """
    >>> n, m = sympy.symbols("n_h n_x")
    >>> flop_text(8 * B * n**2 + 8 * B * n * m)
    'B (8 n_h² + 8 n_h n_x)'
    """
    count = sympy.expand(count)
    per_batch = sympy.expand(count / B)
    text = per_batch if not per_batch.has(B) else count
    said = str(text).replace("**2", "²").replace("**3", "³").replace("*", " ")
    if text is count:
        return said
    return "B" if said == "1" else f"B ({said})" if " + " in said or " - " in said else f"{said} B"


def _held(plan: Plan, named: Mapping[str, str]) -> str:
    """The arrays of all steps, each with what lies in it."""
    rows = []
    inside: dict[str, list[str]] = {}
    for name in plan.storage.places:
        if not name.startswith("%"):
            inside.setdefault(plan.storage.array(name), []).append(name)
    for name, held in plan.storage.held.items():
        cell = plan.cells[name]
        if held == STORED and name not in plan.storage.places and cell.axes == PER_STEP:
            members = [n for n in inside.get(name, ()) if n != name]
            rows.append((name, shape_text(cell.shape) if cell.shape else "scalar", ", ".join(members)))
    return table([_named(row, named) for row in rows])


def _cost(system: System, cost: Cost, values: Mapping[str, int]) -> str:
    sizes = {**{s.name: WIDE for s in system.sizes}, **USUAL, **values}
    known = cost.at(sizes)
    flops, moved = float(known.flops) / 1e6, float(known.bytes) / 1e6
    share = 100 * float(known.products) / max(float(known.flops), 1.0)
    return "\n".join(
        [
            table(
                [
                    ("products", flop_text(cost.products / T) + " flops per step"),
                    ("other", flop_text(cost.others / T) + " flops per step"),
                    ("calls", f"{str(cost.calls).replace('*', ' ')} for T steps"),
                ]
            ),
            f"  For {', '.join(f'{n} = {v}' for n, v in sizes.items())}:",
            f"    {flops:,.1f} Mflop, {moved:,.1f} MB read or written in float32, {known.calls} calls",
            f"    {share:.1f} % of the flops are matrix products: their time is the limit that no plan goes below",
        ]
    )
