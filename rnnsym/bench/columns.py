"""`W @ concat(x[t], h[t-1])` as `W_1 @ x[t] + W_2 @ h[t-1]`: the same function, of which the first part need not wait for the recurrence.

Comes in: a System. Goes out: an equal one, in which a matrix that only ever multiplies such concatenations, of equal parts, is held as its
blocks of columns; and which columns these are, so that arrays and gradients can be taken apart and put together again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.system import Declaration, System
from rnnsym.algebra.tensor import Quantity, Tensor, quantities

Lengths = tuple[sympy.Expr, ...]


@dataclass(frozen=True)
class Columns:
    """A block of a parameter's columns that is a parameter of its own: `name` is the columns from `start` to `stop` of `param`."""

    name: str
    param: str
    start: sympy.Expr
    stop: sympy.Expr


def taken_apart(params: Mapping[str, Any], columns: tuple[Columns, ...], sizes: Mapping[str, int]) -> dict[str, Any]:
    """The parameters' arrays with the blocks in place of the wholes."""
    blocks = {c.name: params[c.param][:, size_value(c.start, sizes) : size_value(c.stop, sizes)] for c in columns}
    return {name: array for name, array in params.items() if name not in {c.param for c in columns}} | blocks


def put_together(gradients: Mapping[str, Any], columns: tuple[Columns, ...]) -> dict[str, Any]:
    """The gradients of the parameters from those of their blocks."""
    blocks: dict[str, list[Any]] = {}
    for column in columns:
        blocks.setdefault(column.param, []).append(gradients[column.name])
    wholes = {name: np.concatenate(parts, axis=1) for name, parts in blocks.items()}
    return {name: array for name, array in gradients.items() if name not in {c.name for c in columns}} | wholes


def separated(system: System) -> tuple[System, tuple[Columns, ...]]:
    """The System with blocks of columns, and what they are."""
    found = {p.name: lengths for p in system.params if len(p.shape) == 2 and (lengths := _lengths(system, p.name)) is not None}
    columns: list[Columns] = []
    declared: list[Declaration] = []
    for declaration in system.declarations:
        place = sympy.Integer(0)
        for length in found.get(declaration.name, ()):
            name = system.fresh(f"{declaration.name}_{len(declared) + 1}")
            declared.append(dataclasses.replace(declaration, name=name, shape=(declaration.shape[0], length)))
            columns.append(Columns(name, declaration.name, place, place + length))
            place += length
    blocks = {name: [d.quantity for d, c in zip(declared, columns, strict=True) if c.param == name] for name in found}
    rows = [dataclasses.replace(d, rhs=_rewritten(d.rhs, blocks, system)) for d in system.definitions]
    kept = tuple(d for d in system.declarations if d.name not in found)
    return (
        (dataclasses.replace(system, declarations=(*kept, *declared), definitions=tuple(rows)), tuple(columns)) if found else (system, ())
    )


def _lengths(system: System, name: str) -> Lengths | None:
    """The lengths of the parts that a parameter multiplies wherever it is read; None where it does anything else."""
    scans = [{d.name for d in c.definitions} for c in system.components if c.kind == "scan"]
    found: set[Lengths | None] = set()
    for definition in system.every_definition:
        recurrence = next((names for names in scans if definition.name in names and not definition.is_boundary), set())
        found |= {_lengths_read(node, name, system, recurrence) for node in _readers(definition.rhs, name)}
    return found.pop() if len(found) == 1 else None


def _readers(node: Basic, name: str) -> Iterator[Basic]:
    """Every node that reads the parameter directly."""
    for argument in node.args:
        if isinstance(argument, Quantity) and argument.name == name:
            yield node
        elif isinstance(argument, Basic):
            yield from _readers(argument, name)


def _lengths_read(node: Basic, name: str, system: System, recurrence: set[str]) -> Lengths | None:
    """The lengths of the parts that one node multiplies, if some of them belong to the recurrence and others need not wait for it."""
    if not isinstance(node, op.MatrixProduct) or not isinstance(node.args[0], Quantity) or node.args[0].name != name:
        return None
    parts = _parts(node.args[1], system)
    waiting = {any(q.name in recurrence for q in quantities(part)) for part in parts}
    return tuple(part.shape[0] for part in parts) if waiting == {True, False} else None


def _parts(operand: Tensor, system: System) -> tuple[Tensor, ...]:
    """The vectors that are put one after the other, where the operand is that; also where it is named first."""
    if isinstance(operand, Quantity) and operand.kind == "variable" and operand.offset in (0, None) and not operand.is_absolute:
        operand = system.defined[operand.name].rhs
    return tuple(operand.args) if isinstance(operand, op.Concat) and all(part.rank == 1 for part in operand.args) else ()


def _rewritten(node: Basic, blocks: Mapping[str, list[Quantity]], system: System) -> Basic:
    if not isinstance(node, (Tensor, op.Condition)) or isinstance(node, Quantity):
        return node
    if isinstance(node, op.MatrixProduct) and isinstance(node.args[0], Quantity) and node.args[0].name in blocks:
        parts = [_rewritten(part, blocks, system) for part in _parts(node.args[1], system)]
        return op.Plus(*(op.MatrixProduct(block, part) for block, part in zip(blocks[node.args[0].name], parts, strict=True)))
    arguments = [_rewritten(a, blocks, system) for a in node.args]
    return node if all(a is b for a, b in zip(arguments, node.args, strict=True)) else node.func(*arguments)
