"""Faults to be put into an adjoint System: what a person, or a broken pass, gets wrong.

Comes in: an adjoint System. Goes out: named copies in which one adjoint equation is wrong.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import sympy

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import same_size
from rnnsym.algebra.tensor import Quantity, Tensor, t
from rnnsym.calculus.adjoint import Adjoint
from rnnsym.errors import ModelError

Change = Callable[[Tensor], Tensor | None]


def with_rhs(joined: Adjoint, name: str, rhs: Tensor) -> Adjoint:
    """The adjoint System with another right side for one equation."""
    rows = tuple(dataclasses.replace(d, rhs=rhs) if d.name == name else d for d in joined.system.definitions)
    return dataclasses.replace(joined, system=dataclasses.replace(joined.system, definitions=rows))


def dropped_term(rhs: Tensor) -> Tensor | None:
    return op.Plus(*rhs.args[:-1]) if isinstance(rhs, op.Plus) else None


def wrong_sign(rhs: Tensor) -> Tensor | None:
    return -rhs


def later_by_one(rhs: Tensor) -> Tensor | None:
    """An error read one step too late: δ[t+1] for δ[t]."""
    moved = next((q for q in rhs.atoms(Quantity) if q.name.startswith("d_") and q.time == t), None)
    return None if moved is None else rhs.xreplace({moved: moved.at(t + 1)})


def earlier_by_one(rhs: Tensor) -> Tensor | None:
    """A lag dropped: δ[t] for δ[t+1], h[t] for h[t-1]."""
    moved = next((q for q in rhs.atoms(Quantity) if q.time is not None and q.offset not in (0, None)), None)
    return None if moved is None else rhs.xreplace({moved: moved.at(t)})


def transposed_product(rhs: Tensor) -> Tensor | None:
    """A square matrix that is not transposed."""
    for node in sympy.preorder_traversal(rhs):
        if isinstance(node, op.Transposed) and same_size(*node.shape):
            return rhs.xreplace({node: node.args[0]})
    return None


def dropped_factor(rhs: Tensor) -> Tensor | None:
    """A factor forgotten, such as the derivative of an activation."""
    for node in sympy.preorder_traversal(rhs):
        if isinstance(node, op.Times) and len(node.args) > 1 and op.Times(*node.args[:-1]).shape == node.shape:
            return rhs.xreplace({node: op.Times(*node.args[:-1])})
    return None


CHANGES: dict[str, Change] = {
    "a dropped term": dropped_term, "a wrong sign": wrong_sign, "an error read too late": later_by_one, "a lag dropped": earlier_by_one,
    "a matrix not transposed": transposed_product, "a factor forgotten": dropped_factor,
}  # fmt: skip


def faults(joined: Adjoint) -> Iterator[tuple[str, str, Adjoint]]:
    """(what is wrong, name of the equation, the wrong adjoint System) for every equation and change that still makes a System."""
    for definition in joined.definitions:
        for what, change in CHANGES.items():
            try:
                rhs = change(definition.rhs)
                if rhs is None or rhs == definition.rhs or rhs.shape != definition.rhs.shape:
                    continue
                yield what, definition.name, with_rhs(joined, definition.name, rhs)
            except ModelError:  # the change makes a cycle: no System at all
                continue
