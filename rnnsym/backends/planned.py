"""From a model's equations to the Plan of its module: the forward pass, and the gradients of its cost.

Comes in: a System as the user wrote it, with its Parts. Goes out: the Plan. What the cost does not reach has no error here; errors from
outside are a matter of the general backward pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rnnsym.algebra.system import System
from rnnsym.algebra.tensor import DATA
from rnnsym.backends.head import classes_allowed
from rnnsym.backends.parts import Parts, linear_names, program_parts, requests
from rnnsym.calculus.adjoint import Adjoint
from rnnsym.program.planning import PASSES, Plan, Request, planned
from rnnsym.program.program import Program
from rnnsym.program.schedule import batched_names, needed_targets, restricted, schedule


def plan_of(system: System, numbers: Mapping[str, int] | None = None, passes: tuple[str, ...] = PASSES) -> Plan:
    """The plan of a model's module."""
    parts = program_parts(system, numbers)
    return plan_parts(parts, numbers or {}, frozenset(), passes)


def plan_parts(parts: Parts, numbers: Mapping[str, int], traced: frozenset[str], passes: tuple[str, ...] = PASSES) -> Plan:
    """The plan of a model of which all else is known."""
    adj = parts.cost
    gradients = {d.name: adj.gradients[d.name] for d in parts.prepared.params}
    seeds = frozenset(seed for loss, seed in adj.seeds.items() if parts.forward.buffers[loss].batched)
    request = Request(
        forward=_forward(parts, adj, numbers),
        gradient=_gradient(adj, numbers, seeds),
        errors=frozenset(linear_names(adj)),
        classes=frozenset(classes_allowed(parts.model)),
        gradients=gradients,
        seeds=seeds,
        traced=traced | {d.name for d in parts.model.variables},
        wanted=frozenset(adj.gradients.values()) | {name for pair in adj.initial.values() for name in pair if name},
    )
    return planned(request, passes)


def _forward(parts: Parts, adj: Adjoint, numbers: Mapping[str, int]) -> Program:
    """The forward Program with the slots that the gradients read too, and the targets that each statement needs."""
    program = schedule(parts.prepared, numbers=numbers)
    needs = {key: found & parts.optional for key, found in needed_targets(parts.prepared).items()}
    joined = {**schedule(adj.system).buffers}
    buffers = {}
    for name, b in program.buffers.items():
        general = parts.forward.buffers[name]
        lag, lead = (max(joined[name].lag, general.lag), max(joined[name].lead, general.lead))
        buffers[name] = replace(b, lag=lag, lead=lead, ends=b.ends)
    blocks = tuple(replace(b, statements=tuple(replace(s, needs=needs[s.definition.key]) for s in b.statements)) for b in program.blocks)
    return replace(program, buffers=buffers, blocks=blocks)


def _gradient(adj: Adjoint, numbers: Mapping[str, int], seeds: frozenset[str]) -> Program:
    per_sequence = batched_names(adj.forward, {})
    settled = dict.fromkeys(seeds, True)
    for key, name in adj.errors.items():
        settled[name] = True if "[" in key else key in per_sequence
    for name, gradient in adj.gradients.items():
        declared = adj.forward.by_name.get(name)
        if declared is not None and declared.kind != "variable":
            settled[gradient] = declared.kind in DATA
    for full, flow in adj.initial.values():
        settled |= {full: True} | ({flow: True} if flow else {})
    program = schedule(adj.system, within=adj.forward, numbers=numbers, per_sequence=settled)
    program = restricted(program, requests(adj))
    blocks = tuple(replace(b, statements=tuple(replace(s, needs=frozenset()) for s in b.statements)) for b in program.blocks)
    return replace(program, blocks=blocks)
