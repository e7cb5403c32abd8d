"""Preparation: the System that is differentiated and computed, from the System as written.

Comes in: a System. Goes out: an equal one in stable forms, with pre-activations, operands and repeated parts named.
"""

from __future__ import annotations

import dataclasses

from rnnsym.algebra import operators as op
from rnnsym.algebra.system import Definition, System
from rnnsym.algebra.tensor import Quantity
from rnnsym.calculus.naming import drop_unread, name_arguments, name_repeated
from rnnsym.calculus.stable import Rewrite, stabilise


def prepare(system: System) -> System:
    """The System with stable forms and names for its parts."""
    return prepare_and_report(system)[0]


def prepare_and_report(system: System) -> tuple[System, tuple[Rewrite, ...]]:
    """The prepared System, and what the stable forms replaced.

    Parts are named before the stable forms are looked for, because these look through names; and again after, for the parts of the
    stable forms themselves.
    """
    stable, rewrites = stabilise(name_arguments(spread_scalars(system)))
    return drop_unread(name_repeated(name_arguments(stable)), system), rewrites


def spread_scalars(system: System) -> System:
    """Scalar right sides of vectors and matrices (`h[0] = s`), spread over the shape that they fill; numbers stay as they are."""

    def spread(definition: Definition) -> Definition:
        lhs, rhs = definition.lhs, definition.rhs
        if not lhs.shape or rhs.shape or not rhs.has(Quantity, op.Total, op.TimeIs):
            return definition
        return dataclasses.replace(definition, rhs=op.Times(rhs, op.Ones(*lhs.shape)))

    rows = [spread(d) for d in system.every_definition]
    if all(a is b for a, b in zip(rows, system.every_definition, strict=True)):
        return system
    kept = len(system.boundaries)
    return dataclasses.replace(system, boundaries=tuple(rows[:kept]), definitions=tuple(rows[kept:]))
