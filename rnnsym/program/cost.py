"""The cost model: what the phases of a Plan cost in flops, bytes and calls, as expressions of sizes, the batch B and the steps T.

Comes in: a Plan. Goes out: a Cost for each phase. One product of a matrix (n, m) with a batch of vectors is 2 n m B flops; an entrywise
operation costs its word's flops for each entry. Bytes count every operand read and every result written once, 4 each (float32); calls
are operations, each of which is one call of NumPy or a few.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sympy

from rnnsym.program.ops import ALONE, PER_STEP, Cell, Op, Operand, Ref
from rnnsym.program.phases import Phase
from rnnsym.program.planning import Plan
from rnnsym.program.vocabulary import ELEMENTWISE

B, T = sympy.Symbol("B", positive=True, integer=True), sympy.Symbol("T", positive=True, integer=True)
ZERO = sympy.Integer(0)
WORD = 4  # bytes of a number
ROWS = {"softmax": 13, "log_softmax": 14, "logsumexp": 13, "softmax_cross_entropy": 14, "dot": 2, "norm": 2, "outer": 1, "excess": 2}
"""Flops for an entry of the longest operand, for words that see whole vectors."""


@dataclass(frozen=True)
class Cost:
    """flops of matrix products, flops of everything else, bytes, calls."""

    products: sympy.Expr = ZERO
    others: sympy.Expr = ZERO
    bytes: sympy.Expr = ZERO
    calls: sympy.Expr = ZERO

    @property
    def flops(self) -> sympy.Expr:
        return self.products + self.others

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.products + other.products, self.others + other.others, self.bytes + other.bytes, self.calls + other.calls
        ).expanded()

    def times(self, factor: sympy.Expr) -> Cost:
        return Cost(self.products * factor, self.others * factor, self.bytes * factor, self.calls * factor)

    def expanded(self) -> Cost:
        return Cost(*(sympy.expand(u) for u in (self.products, self.others, self.bytes, self.calls)))

    def at(self, values: Mapping[str, int]) -> Cost:
        """The cost for these sizes; names that are not given stay."""

        def known(u: sympy.Expr) -> sympy.Expr:
            return u.xreplace({s: sympy.Integer(values[s.name]) for s in u.free_symbols if s.name in values})

        return Cost(known(self.products), known(self.others), known(self.bytes), known(self.calls)).expanded()


def plan_cost(plan: Plan) -> Cost:
    """A whole training step: the forward pass and the gradients."""
    return _sum(phase_cost(phase, plan.cells) for phase in (*plan.forward, *plan.gradient))


def phase_cost(phase: Phase, cells: Mapping[str, Cell]) -> Cost:
    """A phase over the whole sequence, without what is done on request alone. A loop calls at each step; over all
    steps at once one call does, a stretch being all of them.
    """
    found = []
    for stage in phase.stages:
        for op in stage.ops:
            if op.guard.wanted:
                continue
            cost = op_cost(op, cells)
            if cells[op.out].axes == PER_STEP and not op.place:
                calls = cost.calls * T if stage.kind == "scan" else cost.calls
                cost = Cost(cost.products * T, cost.others * T, cost.bytes * T, calls)
            found.append(cost)
    return _sum(found)


def _sum(costs: Iterable[Cost]) -> Cost:
    total = Cost()
    for cost in costs:
        total = total + cost
    return total


def op_cost(op: Op, cells: Mapping[str, Cell]) -> Cost:
    """One operation, at one step if it runs in time."""
    written = _result(op, cells)
    read = [_entries(a, cells) for a in op.args]
    moved = WORD * (sum(read, ZERO) + written)
    products, others = ZERO, ZERO
    if op.function == "affine":
        count = op.details[0] if op.details and isinstance(op.details[0], int) else 1
        batch = B if cells[op.out].axes > ALONE else sympy.Integer(1)
        products = sum((2 * _entries(a, cells, False) * batch for a in op.args[: 2 * count : 2]), ZERO)
        others = written * (len(op.args) - count - 1)
    elif op.function in ("matvec", "matmul"):
        inner = _shape(op.args[0], cells)[-1]
        products = 2 * written * inner
    elif op.function == "outer_sum":
        runs = T if any(isinstance(a, Ref) and cells[a.name].axes == PER_STEP for a in op.args) else sympy.Integer(1)
        products, moved = 2 * written * B * runs, WORD * (sum(read, ZERO) * runs + written)
    elif op.function in ELEMENTWISE:
        others = ELEMENTWISE[op.function] * written
    elif op.function in ("sum_all", "total", "scatter", "sum", "mean", "row_sums"):
        runs = T if cells[op.out].axes < PER_STEP and any(_runs(a, cells) for a in op.args) else sympy.Integer(1)
        others, moved = read[0] * runs, moved * runs
    else:
        others = ROWS.get(op.function, 1 if op.function in ("scale_rows", "scale_columns") else 0) * max([written, *read], key=_rough)
    return Cost(products, others, moved, sympy.Integer(0 if op.function == "mark" else 1))


def _runs(operand: Operand, cells: Mapping[str, Cell]) -> bool:
    return isinstance(operand, Ref) and cells[operand.name].axes == PER_STEP


def _rough(entries: sympy.Expr) -> float:
    return float(sympy.sympify(entries).subs({s: 64 for s in sympy.sympify(entries).free_symbols}))


def _shape(operand: Operand, cells: Mapping[str, Cell]) -> tuple:
    if not isinstance(operand, Ref):
        return (sympy.Integer(1),)
    shape = list(cells[operand.name].shape if cells[operand.name].rank else ())
    for axis, bounds in enumerate((operand.rows, operand.columns)):
        if bounds is not None and axis < len(shape):
            shape[axis] = bounds[1] - bounds[0]
    return tuple(shape[::-1] if operand.turned else shape) or (sympy.Integer(1),)


def _entries(operand: Operand, cells: Mapping[str, Cell], batched: bool = True) -> sympy.Expr:
    """Numbers that are read of an operand at one step."""
    if not isinstance(operand, Ref):
        return ZERO
    batch = B if batched and cells[operand.name].axes > ALONE else sympy.Integer(1)
    return sympy.expand(sympy.prod(_shape(operand, cells)) * batch)


def _result(op: Op, cells: Mapping[str, Cell]) -> sympy.Expr:
    """Numbers that are written."""
    rows = op.details[1] if op.details[:1] == ("into",) else op.details[1:3] if op.details[:1] == ("rows",) else None
    return _entries(Ref(op.out, 0, rows), cells)


__all__ = ["Cost", "op_cost", "phase_cost", "plan_cost"]
