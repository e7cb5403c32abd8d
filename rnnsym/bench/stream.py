"""Streams: one step of one sequence at a time, beside the matrix-vector products that it cannot do without."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from rnnsym.algebra.graph import closure
from rnnsym.algebra.system import System
from rnnsym.algebra.tensor import quantities
from rnnsym.backends.names import python_names
from rnnsym.bench import limit
from rnnsym.bench.cases import Case
from rnnsym.bench.contest import Contestant
from rnnsym.bench.schedule import Plan


def recurrences(system: System) -> System:
    """The model without its readout and its cost: what its recurrences need, and no more.

    >>> import rnnsym
    >>> [str(d.lhs) for d in recurrences(rnnsym.load("elman")).definitions]
    ['h[t]']
    """
    read = {d.name: [q.name for e in system.every_definition if e.name == d.name for q in quantities(e.rhs)] for d in system.declarations}
    kept = closure([d.name for c in system.components if c.kind == "scan" for d in c.definitions], read)
    return dataclasses.replace(
        system,
        declarations=tuple(d for d in system.declarations if d.name in kept),
        definitions=tuple(d for d in system.definitions if d.name in kept),
        boundaries=tuple(d for d in system.boundaries if d.name in kept),
        notation=tuple(pair for pair in system.notation if pair[0] in kept),
    )


def step(case: Case, module: Any) -> Contestant:
    """The module's `step`, its checks included: each call goes on from the state that the one before gave."""
    names = python_names(case.system)
    accepted = set(module.step.__kwdefaults__ or {}) | set(module.step.__annotations__)
    data = {
        names[name]: array[0] if case.system.by_name[name].timed else array for name, array in case.data.items() if names[name] in accepted
    }
    params = case.module_params(module)
    more = {"work": module.Workspace()} if "work" in accepted else {}
    held = [module.initial_state(params, batch=case.scale.sizes["B"])]

    def call() -> None:
        held[0], _ = module.step(params, held[0], **data, **more)

    return Contestant("step", call)


def products(case: Case, plan: Plan) -> Contestant | None:
    """The matrix-vector products of one step."""
    sizes = {**case.scale.sizes, "T": 1}
    found = tuple(p for p in limit.products(plan, sizes) if p.role == "forward")
    return Contestant("products", limit.runner(found, np.dtype(case.dtype))) if found else None
