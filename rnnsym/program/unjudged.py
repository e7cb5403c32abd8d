"""What is left of a backward pass where no target is given: only errors that come from outside flow.

Comes in: the backward Program and what depends on targets that a caller may leave out. Goes out: the Program in which every
statement says whether it needs them. An error of what depends on a target is zero without it, and every adjoint equation is linear
in the errors: so its other terms are what remains. A module can then sit inside a larger network that does the judging.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import Tensor, quantities
from rnnsym.program.program import Block, Program, Statement
from rnnsym.program.schedule import without


def without_targets(program: Program, late_values: Iterable[str], late_errors: Iterable[str], errors: Iterable[str]) -> Program:
    """The backward Program, split into what needs the optional targets and what does not.

    late_values  targets that may be missing and the forward variables that depend on them
    late_errors  errors (parts of errors, starts of the cost) of such variables
    errors       all errors
    """
    values, zero, linear = set(late_values), set(late_errors), set(errors)
    blocks = []
    for block in program.blocks:
        rows: list[Statement] = []
        for statement in block.statements:
            split = _split(statement, values, zero, linear)
            rows += split
        blocks.append(Block(block.kind, block.direction, tuple(rows)))
    return replace(program, blocks=tuple(blocks))


def _split(statement: Statement, values: set[str], zero: set[str], linear: set[str]) -> list[Statement]:
    whole = statement.value
    assert isinstance(whole, Tensor)
    read = {q.name for q in quantities(whole)}
    if not read & (values | zero):
        return [statement]
    rest = without(whole, zero)
    if statement.name in zero or {q.name for q in quantities(rest)} & values:  # nothing is left of it, or nobody reads it
        values.add(statement.name)
        return [replace(statement, judged=True)]
    if statement.name not in linear:
        return [replace(statement, judged=True, otherwise=rest)]
    terms = whole.args if isinstance(whole, op.Plus) else (whole,)
    kept = rest.args if isinstance(rest, op.Plus) else () if op.is_zero(rest) else (rest,)
    late = [u for u in terms if u not in kept]
    if len(kept) + len(late) == len(terms):
        return [replace(statement, value=rest), replace(statement, value=op.Plus(*late), how="add", judged=True)]
    return [replace(statement, judged=True, otherwise=rest)]
