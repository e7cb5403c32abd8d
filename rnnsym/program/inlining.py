"""Inlining: an error that one equation of its own step reads, and nothing else, is put into that equation.

Comes in: the Program of the gradients, its values tensors. Goes out: the Program with fewer statements, whose products then hold all
factors that do not depend on the recurrence: these can be put together before it runs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from rnnsym.algebra.tensor import quantities
from rnnsym.program.program import Block, Program, Statement


def inlined(program: Program, wanted: frozenset[str]) -> Program:
    """The Program without statements that one other statement of the same block and step can hold; `wanted` ones stay."""
    reads: Counter[str] = Counter()
    for statement in program.statements:
        for quantity in quantities(statement.value):
            reads[quantity.name] += 1
    return replace(program, blocks=tuple(_block(b, reads, wanted) for b in program.blocks))


def _block(block: Block, reads: Counter[str], wanted: frozenset[str]) -> Block:
    if block.kind != "scan":
        return block
    rows = list(block.statements)
    for statement in block.statements:
        if statement.name in wanted or reads[statement.name] != 1 or statement.how == "slot":
            continue
        own = statement.definition.lhs
        reader = next((r for r in rows if r is not statement and any(q == own for q in quantities(r.value))), None)
        if reader is None or (reader.wanted, reader.needs) != (statement.wanted, statement.needs):
            continue
        current = next(r for r in rows if r.name == statement.name)
        rows[rows.index(reader)] = _with(reader, current)
        rows.remove(current)
    return replace(block, statements=tuple(rows))


def _with(reader: Statement, part: Statement) -> Statement:
    """The reading statement with the other's right side in place of its name."""
    value = reader.value.xreplace({part.definition.lhs: part.value})  # type: ignore[union-attr]
    cited = (*part.also, *([part.number] if part.number is not None else []), *reader.also)
    return replace(reader, value=value, also=cited)
