"""The tangent of a System: how every variable moves when parameters, inputs, constants or initial values move.

Comes in: a System (an adjoint one, too: the tangent of the adjoint is a Hessian-vector product). Goes out: the joined System with an
equation for every tangent; it runs in the same direction as what it is the tangent of. An independent witness of the adjoint.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rnnsym.algebra import operators as op
from rnnsym.algebra.graph import closure
from rnnsym.algebra.system import Declaration, Definition, System
from rnnsym.algebra.tensor import Quantity
from rnnsym.calculus.pushforward import push


@dataclass(frozen=True)
class Tangent:
    """The joined System and its names.

    system      forward and tangent equations
    forward     the System whose tangent it is
    directions  parameter, input or constant → name of the data or constant that holds its direction (same shape)
    tangents    variable → name of its tangent; a variable that does not move has none
    """

    system: System
    forward: System
    directions: Mapping[str, str]
    tangents: Mapping[str, str]


def tangent(system: System, wrt: Iterable[str] | None = None) -> Tangent:
    """The tangent System in the directions of the quantities `wrt` (by default all parameters).

    The direction of a parameter or a constant is a `constant` of the new System, that of an input an `input`.
    """
    wanted = [p.name for p in system.params] if wrt is None else list(wrt)
    taken = {d.name for d in system.declarations} | {s.name for s in system.sizes}
    declared: list[Declaration] = []

    def fresh(name: str) -> str:
        while name in taken:
            name += "_"
        taken.add(name)
        return name

    directions: dict[str, str] = {}
    for name in wanted:
        old = system.by_name[name]
        kind = "input" if old.kind in ("input", "target") else "constant"
        directions[name] = fresh(f"dot_{name}")
        declared.append(Declaration(directions[name], kind, old.shape, old.timed, f"direction of {name}"))
    kinds = {name: d.kind for name, d in zip(wanted, declared, strict=True)}
    moving = _moving(system, wanted)
    tangents = {d.name: fresh("dot_" + d.name.replace("'", "_once")) for d in system.definitions if d.name in moving}

    def tangent_of(quantity: Quantity) -> Quantity | None:
        if quantity.name in directions:
            return Quantity(directions[quantity.name], quantity.shape, quantity.time, kinds[quantity.name])
        if quantity.name in tangents:
            return Quantity(tangents[quantity.name], quantity.shape, quantity.time)
        return None

    rows: list[Definition] = []
    for definition in system.every_definition:
        lhs = tangent_of(definition.lhs)
        if lhs is None:
            continue
        value = push(definition.rhs, tangent_of)
        zero = op.zeros(lhs.shape)
        value = zero if value is None else value if value.shape or not lhs.shape else op.Times(value, op.Ones(*lhs.shape))
        if definition.is_boundary and op.is_zero(value):
            continue
        rows.append(Definition(lhs, value, f"tangent of {definition.key}"))
    for definition in rows:
        if not definition.is_boundary:
            lhs = definition.lhs
            declared.append(Declaration(lhs.name, "variable", lhs.shape, lhs.time is not None, definition.description))
    joined = dataclasses.replace(
        system,
        declarations=system.declarations + tuple(declared),
        definitions=system.definitions + tuple(d for d in rows if not d.is_boundary),
        boundaries=system.boundaries + tuple(d for d in rows if d.is_boundary),
        source="",
    )
    return Tangent(joined, system, directions, tangents)


def _moving(system: System, wanted: list[str]) -> set[str]:
    """The variables that depend on what moves."""
    return closure(wanted, {name: [d.name for d, _ in rows] for name, rows in system.readers.items()})


__all__ = ["Tangent", "tangent"]
