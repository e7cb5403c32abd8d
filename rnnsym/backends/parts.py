"""From a model's equations to the two Programs of its module: prepare, adjoint, schedule, what may be left out, batching.

Comes in: a System as the user wrote it. Goes out: `Parts`, all that is derived from it on the way to a module, for any backend.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from rnnsym.algebra import operators as op
from rnnsym.algebra.system import System
from rnnsym.algebra.tensor import DATA
from rnnsym.backends.names import Locals
from rnnsym.calculus.adjoint import INITIAL, Adjoint, adjoint
from rnnsym.calculus.prepare import prepare
from rnnsym.program.batching import batched
from rnnsym.program.program import Program
from rnnsym.program.schedule import Streaming, batched_names, needed_targets, restricted, schedule, streaming, without
from rnnsym.program.unjudged import without_targets


@dataclass(frozen=True)
class Parts:
    """A model with all that is derived from it on the way to a module."""

    model: System
    prepared: System
    adjoint: Adjoint
    names: Locals
    stream: Streaming
    forward: Program
    backward: Program
    optional: frozenset[str]  # targets that forward can do without
    late: frozenset[str]  # variables that depend on them
    numbers: Mapping[str, int]  # of the equations, by key

    @cached_property
    def cost(self) -> Adjoint:
        """The adjoint equations of the cost alone, without errors from outside."""
        return adjoint(self.prepared, wrt=_wanted(self.prepared))

    def needs(self, name: str) -> list[str]:
        """The optional targets without which a variable is not computed."""
        return sorted({n for s in self.forward.statements if s.name == name for n in s.needs})


def program_parts(system: System, numbers: Mapping[str, int] | None = None) -> Parts:
    """Everything between the model and its text."""
    prepared = prepare(system)
    adj = adjoint(prepared, wrt=_wanted(prepared), upstream=True)
    stream = replace(streaming(prepared, system.by_name), obstacle=streaming(system).obstacle)  # said in the user's own names
    optional = frozenset(d.name for d in prepared.of_kind("target")) - stream.targets
    cited = numbers or _numbered(adj)
    needs = {key: found & optional for key, found in needed_targets(prepared).items()}
    late = frozenset(prepared.defined[key].name for key, found in needs.items() if found)
    forward = schedule(prepared, numbers=cited)
    forward = _with_slots_of(forward, adj, needs)
    backward = _backward_program(adj, late, optional, cited, system)
    return Parts(system, prepared, adj, Locals(adj.system), stream, batched(forward), backward, optional, late, dict(cited))


def _wanted(prepared: System) -> list[str]:
    """What can have a gradient."""
    return sorted({d.name for d in prepared.of_kind("param", "constant", "input")} | {INITIAL})


def _numbered(adj: Adjoint) -> dict[str, int]:
    """Numbers in the order of the equations, where no derivation gives them."""
    keys = [d.key for d in adj.forward.every_definition] + [d.key for d in adj.definitions]
    return {key: number for number, key in enumerate(keys, 1)}


def _with_slots_of(forward: Program, adj: Adjoint, needs: Mapping[str, frozenset[str]]) -> Program:
    """The forward Program with the slots that the backward pass reads too, and the targets that each statement needs."""
    joined = schedule(adj.system).buffers
    buffers = {name: replace(joined[name], batched=b.batched, ends=b.ends) for name, b in forward.buffers.items()}
    blocks = tuple(replace(b, statements=tuple(replace(s, needs=needs[s.definition.key]) for s in b.statements)) for b in forward.blocks)
    return replace(forward, buffers=buffers, blocks=blocks)


def _backward_program(adj: Adjoint, late: frozenset[str], optional: frozenset[str], cited: Mapping[str, int], model: System) -> Program:
    per_sequence = batched_names(adj.forward, {})
    settled: dict[str, bool] = {}
    for key, name in adj.errors.items():
        settled[name] = True if "[" in key else key in per_sequence
    for name, gradient in adj.gradients.items():
        declared = adj.forward.by_name.get(name)
        if declared is not None and declared.kind != "variable":
            settled[gradient] = declared.kind in DATA
    for full, flow in adj.initial.values():
        settled |= {full: True} | ({flow: True} if flow else {})
    program = schedule(adj.system, within=adj.forward, numbers=cited, per_sequence=settled)
    program = _without_upstream(program, adj)
    program = restricted(program, requests(adj))
    errors = linear_names(adj)
    late_errors = {name for name, key in adj.origin.items() if name in errors and key.partition("[")[0] in late}
    late_errors |= {seed for loss, seed in adj.seeds.items() if loss in late}
    program = without_targets(program, late | optional, late_errors, errors)
    added = frozenset(adj.errors[k] for k in adj.errors if k in model.by_name and "[" not in k)
    return batched(program, frozenset(errors), added)


def linear_names(adj: Adjoint) -> set[str]:
    """Errors, and parts of errors: what is zero where all errors are; and linear in them. (Other parts are forward values.)"""
    found = set(adj.errors.values()) | set(adj.gradients.values()) | set(adj.seeds.values()) | set(adj.upstream.values())
    found |= {name for pair in adj.initial.values() for name in pair if name}
    for component in adj.system.components:
        found |= {d.name for d in component.definitions if d.name in adj.origin and op.is_zero(without(d.rhs, found))}
    return found


def _without_upstream(program: Program, adj: Adjoint) -> Program:
    """Errors from outside are what an error's array starts with: they are no terms of its equation."""
    names = set(adj.upstream.values())
    blocks = tuple(
        replace(b, statements=tuple(replace(s, value=without(s.value, names), needs=frozenset()) for s in b.statements))
        for b in program.blocks
    )
    return replace(program, blocks=blocks)


def requests(adj: Adjoint) -> dict[str, frozenset[str]]:
    """Which gradients are computed only when asked for, and by which word in `wrt`."""
    found: dict[str, frozenset[str]] = {}
    names = Locals(adj.system).public
    for name, gradient in adj.gradients.items():
        declared = adj.forward.by_name.get(name)
        if "[" in name:
            found[gradient] = frozenset([INITIAL])
        elif declared is not None and declared.kind == "param":
            found[gradient] = frozenset()
        elif declared is not None and declared.kind != "variable":
            found[gradient] = frozenset([names[name]])
    return found
