"""Assembling: Programs over columns, as stages of array operations.

Comes in: the forward Program and the gradient Program of a model, their values still tensors. Goes out: the arrays and the stages of
both. The gradient of a quantity without a batch axis is the sum, over the batch, of what each sequence contributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from rnnsym.algebra.tensor import Tensor
from rnnsym.program.columns import Columns, summed_over_batch
from rnnsym.program.ops import ALONE, PER_STEP, Cell, Guard, Op, Stage
from rnnsym.program.program import Block, Buffer, Program, Statement


def cells_of(buffers: Mapping[str, Buffer]) -> dict[str, Cell]:
    """What is known of the arrays that quantities live in."""
    return {
        b.name: Cell(b.name, b.kind, b.shape, b.axes, "class" if b.kind == "token" else "number", b.lag, b.lead, b.ends)
        for b in buffers.values()
    }


def assembled(
    programs: Iterable[Program], classes: frozenset[str], errors: frozenset[str], seeds: frozenset[str]
) -> tuple[dict[str, Cell], list[list[Stage]]]:
    """The arrays of all Programs, and the stages of each.

    classes  targets that may be given as class numbers
    errors   names that hold errors (of which every equation that reads one is linear in them)
    seeds    what stands for dC/dloss where a loss has a value per sequence: the same number for each
    """
    programs = list(programs)
    cells: dict[str, Cell] = {}
    for program in programs:
        cells |= cells_of(program.buffers)
    cells |= {name: replace(cells[name], axes=ALONE) for name in seeds if name in cells}  # one number, the same for every sequence
    columns = Columns(cells, classes, seeds)
    return cells, [[_stage(block, columns, errors) for block in program.blocks] for program in programs]


def _stage(block: Block, columns: Columns, errors: frozenset[str]) -> Stage:
    columns.varying = {s.name for s in block.statements} if block.kind == "scan" else set()
    columns.ops = []
    for statement in block.statements:
        _statement(statement, columns, errors)
    return Stage(block.kind, block.direction, tuple(columns.ops))


def _statement(statement: Statement, columns: Columns, errors: frozenset[str]) -> None:
    columns.guard = Guard(statement.needs, statement.wanted)
    columns.numbers = tuple(sorted({*statement.also, *(() if statement.number is None else (statement.number,))}))
    assert isinstance(statement.value, Tensor)
    start = len(columns.ops)
    cell = columns.cells[statement.name]
    value = summed_over_batch(columns, statement.value, errors) if cell.axes == ALONE else columns.lower(statement.value)
    columns.define(statement.name, value, statement.definition.key if statement.how == "slot" else "")
    if statement.definition.lhs.time is None or statement.how == "slot":
        return
    for op in columns.ops[start:]:
        _settle(op, columns)


def _settle(op: Op, columns: Columns) -> None:
    """What a running equation computes of itself runs too."""
    cell = columns.cells[op.out]
    if cell.kind == "variable" and cell.axes != PER_STEP:
        raise AssertionError(f"{op.out} runs and has no axis of time")
