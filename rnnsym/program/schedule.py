"""System -> Program: blocks over time in an order of computation, one buffer per quantity, and what depends on what.

Comes in: a System (a model, or a model joined with its adjoint equations). Goes out: a Program whose values are still columns.
The order is the System's own (`components`); this room adds where values live (slots before step 1 and after step T for what is
read shifted) and which statements can be left out (targets that the caller does not give, gradients that nobody asks for).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace

from sympy import preorder_traversal

from rnnsym.algebra.graph import WHOLE, reads
from rnnsym.algebra.operators import TimeIs, Total, zeros
from rnnsym.algebra.system import Definition, System
from rnnsym.algebra.tensor import T, quantities
from rnnsym.program.program import Block, Buffer, Program, Statement


def schedule(
    system: System,
    *,
    within: System | None = None,
    numbers: Mapping[str, int] | None = None,
    per_sequence: Mapping[str, bool] | None = None,
) -> Program:
    """The Program of a System's definitions.

    per_sequence  names for which it is settled whether they have a value per sequence (gradients of parameters have none)
    within   where the definitions of another System were computed before (the forward pass): only what it does not define is scheduled
    numbers  equation number by key, for citations
    """
    done = set(within.defined) if within else set()
    cited = numbers or {}
    missing = needed_targets(system)
    blocks = []
    for component in system.components:
        rows = [d for d in component.definitions if d.key not in done]
        statements = tuple(Statement(d, d.rhs, cited.get(d.key), _how(d, component.kind), missing[d.key]) for d in rows)
        if statements:
            blocks.append(Block(component.kind, component.direction, statements))
    return Program(system, buffers_of(system, per_sequence or {}, within or system), tuple(blocks))


def _how(definition: Definition, kind: str) -> str:
    if definition.is_boundary:
        return "slot"
    return "store" if kind == "scan" else "new"


def buffers_of(system: System, per_sequence: Mapping[str, bool], forward: System) -> dict[str, Buffer]:
    """One buffer per declared name, with the slots that shifted reads need; what lies beyond T is always zero but in `forward`."""
    batched = batched_names(system, per_sequence)
    slots = slot_counts(system)
    ends = {name for name, (_, lead) in slots.items() if lead and name in forward.by_name}
    return {
        d.name: Buffer(d.name, d.kind, d.shape, d.timed, d.name in batched, *slots.get(d.name, (0, 0)), ends=d.name in ends)
        for d in system.declarations
    }


def slot_counts(system: System) -> dict[str, tuple[int, int]]:
    """(lag, lead) per timed name: the furthest shifted read, reads at fixed places outside 1 … T included."""
    found = {name: list(pair) for name, pair in system.extents.items()}
    for definition in system.every_definition:
        for quantity in quantities(definition.rhs):
            if quantity.is_absolute:
                lag_lead = found.setdefault(quantity.name, [0, 0])
                place = int(quantity.time.xreplace({T: 0}))
                if quantity.time.has(T):
                    lag_lead[1] = max(lag_lead[1], place)
                    lag_lead[0] = max(lag_lead[0], -place)  # T-1 may be 0
                else:
                    lag_lead[0] = max(lag_lead[0], 1 - place)
    return {name: (lag, lead) for name, (lag, lead) in found.items()}


def batched_names(system: System, settled: Mapping[str, bool]) -> frozenset[str]:
    """Names with a value per sequence: whatever is timed, data, and what depends on these; `settled` goes before."""
    names = {d.name for d in system.declarations if d.timed or d.kind in ("input", "target", "token")}
    names |= {name for name, is_batched in settled.items() if is_batched}
    for component in system.components:
        for definition in component.definitions:
            sums = definition.rhs.has(Total)  # as many terms as the sequence has steps
            if settled.get(definition.name, True) and (sums or any(q.name in names for q in quantities(definition.rhs))):
                names.add(definition.name)
    return frozenset(names)


def needed_targets(system: System) -> dict[str, frozenset[str]]:
    """For every definition's key: the targets on which it depends, at whatever step."""
    targets = {d.name for d in system.of_kind("target")}
    found: dict[str, frozenset[str]] = {}
    by_name: dict[str, frozenset[str]] = {name: frozenset([name]) for name in targets}
    for component in system.components:
        read = {q.name for d in component.definitions for q in quantities(d.rhs)}
        together = frozenset().union(*(by_name.get(name, frozenset()) for name in sorted(read)))
        for definition in component.definitions:
            found[definition.key] = together
            by_name[definition.name] = by_name.get(definition.name, frozenset()) | together
    return found


# ---------------------------------------------------------------- what a stream needs


@dataclass(frozen=True)
class Streaming:
    """What of a System can be computed step by step as data come in.

    outputs    variables that do not depend on a target at the same step, in the order of the file
    targets    targets that the outputs need all the same (they read their past)
    carried    for every name how many past values the next chunk needs
    obstacle   why there is no stepping: (key of the variable, what it reads), or None
    """

    outputs: tuple[str, ...]
    targets: frozenset[str]
    carried: dict[str, int]
    obstacle: tuple[str, str] | None


def streaming(system: System, among: Container[str] | None = None) -> Streaming:
    """What of a System can be computed step by step; `among`: the variables that are wanted, if not all."""
    late = _depends_on_target_now(system)
    outputs = tuple(d.name for d in system.variables if d.name not in late and (among is None or d.name in among))
    needed = _closure(_names_read(system), outputs)
    rows = [d for d in system.every_definition if d.name in needed]
    obstacle = next(((d.key, text) for d in rows for text in _looks_ahead(d)), None)
    carried = {name: lag for name, (lag, _) in system.extents.items() if lag}
    targets = frozenset(d.name for d in system.of_kind("target") if d.name in needed)
    return Streaming(outputs, targets, carried, obstacle)


def _looks_ahead(definition: Definition) -> Iterable[str]:
    yield from (str(node) for node in preorder_traversal(definition.rhs) if isinstance(node, TimeIs) and node.mark == T)
    for read in reads(definition.rhs):
        when = read.quantity.time
        if isinstance(read.delay, int) and read.delay > 0:
            yield str(read.quantity)
        elif read.delay == WHOLE and not (read.quantity.is_absolute and not when.has(T) and when <= 0):
            yield str(read.quantity) if read.quantity.is_absolute else f"total(… {read.quantity} …)"
    yield from (str(node) for node in preorder_traversal(definition.rhs) if isinstance(node, Total))  # of numbers, too: T times them


def _depends_on_target_now(system: System) -> set[str]:
    late = {d.name for d in system.of_kind("target")}
    size = -1
    while len(late) != size:
        size = len(late)
        for definition in system.every_definition:
            for read in reads(definition.rhs):
                past = isinstance(read.delay, int) and read.delay < 0
                if read.name in late and not past:
                    late.add(definition.name)
    return late


def _closure(read: Mapping[str, frozenset[str]], names: Iterable[str]) -> set[str]:
    """Everything that the definitions of these names read, at whatever step."""
    found: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += read.get(name, ())
    return found


def _names_read(system: System) -> dict[str, frozenset[str]]:
    """Name of a variable -> names that its definitions read, boundary values included."""
    found: dict[str, set[str]] = {}
    for definition in system.every_definition:
        found.setdefault(definition.name, set()).update(q.name for q in quantities(definition.rhs))
    return {name: frozenset(names) for name, names in found.items()}


def restricted(program: Program, requests: Mapping[str, frozenset[str]]) -> Program:
    """The Program in which a statement that serves requests alone says so; `requests`: name of a variable -> requests it answers.

    An empty set of requests means that the variable is always wanted. What serves nothing is left out.
    """
    wanted: dict[str, frozenset[str] | None] = {name: (request or None) for name, request in requests.items()}
    read = _names_read(program.system)
    always = _closure(read, [n for n, r in wanted.items() if r is None])
    serves: dict[str, set[str]] = {}
    for name, request in wanted.items():
        if request is not None:
            for served in _closure(read, [name]):
                serves.setdefault(served, set()).update(request)
    blocks = []
    for block in program.blocks:
        kept = []
        for statement in block.statements:
            if statement.name in always:
                kept.append(statement)
            elif statement.name in serves:
                kept.append(replace(statement, wanted=frozenset(serves[statement.name])))
        if kept:
            blocks.append(replace(block, statements=tuple(kept)))
    return replace(program, blocks=tuple(blocks))


def without(expression, names: Iterable[str]):
    """The expression with these quantities taken as zero, at whatever time."""
    gone = set(names)
    zero = {q: zeros(q.shape) for q in quantities(expression) if q.name in gone}
    return expression.xreplace(zero) if zero else expression


__all__ = ["Streaming", "batched_names", "buffers_of", "needed_targets", "restricted", "schedule", "streaming", "without"]
