"""Operations over all steps and sequences that are done once: sums of gradients, values at the first and the last step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rnnsym.backends.planned_lines import slice_text
from rnnsym.program.ops import ALONE, ALWAYS, PER_STEP, Op, Operand, Ref
from rnnsym.program.storage import resolved

if TYPE_CHECKING:
    from rnnsym.backends.planned_statements import PassStatements


def _flat(body: PassStatements, ref: Ref) -> str:
    """A vector of all steps and sequences as one matrix: features by (steps x batch)."""
    ref = resolved(ref, body.places)
    cell = body.cells[ref.name]
    body.whole(ref.name)
    if ref.name not in body.flat:
        name = body.fresh(f"{body.local(ref.name)}_flat")
        body.flat[ref.name] = name
    name = body.flat[ref.name]
    start = cell.lag + (ref.delay or 0)
    rows = body._bounds(ref.rows)
    if cell.lag or cell.lead:
        steps = slice_text("" if not start else str(start), f"steps + {start}" if start else "steps")
        length = body.size(ref.rows[1] - ref.rows[0]) if ref.rows else body.size(cell.shape[0])
        text = f"{name}[{rows}, {steps}].reshape({length}, -1)"
    else:
        text = f"{name}[{rows}].reshape({body.size(ref.rows[1] - ref.rows[0])}, -1)" if ref.rows else f"{name}.reshape(len({name}), -1)"
    return text


def _flat_line(body: PassStatements, name: str) -> str:
    return f'{body.flat[name]} = work.flat("{body.flat[name]}", {body.whole(name)}, {body.column_function("flatten")})'


def _is_flat(body: PassStatements, operand: Operand) -> bool:
    return (
        isinstance(operand, Ref)
        and body.cells[operand.name].axes == PER_STEP
        and body.cells[operand.name].rank == 1
        and operand.delay is not None
    )


def _outer_sum(body: PassStatements, op: Op) -> list[str]:
    a, b = op.args
    rows: list[str] = []
    if _is_flat(body, a) and _is_flat(body, b):
        first, second = _flat(body, a), _flat(body, b)  # type: ignore[arg-type]
        arrays = dict.fromkeys(resolved(ref, body.places).name for ref in op.reads)
        fresh = [name for name in arrays if name not in body.turned]
        rows += [_flat_line(body, name) for name in fresh]
        if op.guard == ALWAYS:  # else it may not be there for another operation
            body.turned.update(fresh)
        return [*rows, _result(body, op, f"np.matmul({first}, {second}.T", True)]
    texts = [_unaligned(body, x) for x in (a, b)]
    return [_result(body, op, f"{body.function('outer_total')}({', '.join(texts)}", False)]


def _result(body: PassStatements, op: Op, call: str, has_out: bool) -> str:
    """The call, its result where it belongs: a local name, a parameter's gradient, some columns of a stack's gradient."""
    target = body.results.get(op.out)
    bounds = body._bounds(op.details[1:3]) if op.details[:1] in (("columns",), ("column",)) else ""
    if target is None:
        return f"{body.local(op.out)} = {call})"
    if bounds:
        return f"{target}[:, {bounds}] = {call})"
    if has_out and body.cells[op.out].kind == "stack gradient":
        return f"{call}, out={target})"
    return f"{target}[...] = {call})"


def _unaligned(body: PassStatements, operand: Operand) -> str:
    if isinstance(operand, Ref) and body.cells[operand.name].axes == PER_STEP and operand.delay is not None:
        return body.view(operand) + (".swapaxes(-1, -2)" if operand.turned else "")
    return body.text(operand, -1, ALONE)


def _sum_all(body: PassStatements, op: Op) -> list[str]:
    a = op.args[0]
    rows: list[str] = []
    rank, axes = body._operand_rank(a), body._axes(a)
    if _is_flat(body, a) and isinstance(a, Ref) and resolved(a, body.places).name in body.turned:
        text = f"{_flat(body, a)}.sum(-1)"
    elif axes == PER_STEP:
        text = f"{_unaligned(body, a)}.{ {0: 'sum()', 1: 'sum(0).sum(-1)', 2: 'sum((0, 1))'}[rank] }"
    else:
        text = f"{_unaligned(body, a)}.sum({ {0: '', 1: '-1', 2: '0'}[rank] })"
    if op.details[:1] == ("column",):
        return [*rows, f"{body.results[op.out]}[:, {body.size(op.details[1])}] = {text}"]
    target = body.results.get(op.out)
    return [*rows, f"{target}[...] = {text}" if target else f"{body.local(op.out)} = {text}"]


def _scatter(body: PassStatements, op: Op) -> list[str]:
    texts = [_unaligned(body, a) for a in op.args]
    body.functions |= {"scattered"}
    call = f"scattered({', '.join(texts)}, {body.size(op.details[0])}"
    return [_result(body, op, call, False)]


def _at_step(body: PassStatements, op: Op) -> list[str]:
    ref = op.args[0]
    assert isinstance(ref, Ref)
    return [f"{body.local(op.out)} = {body.function('at_step')}({body.view(ref)}, {op.details[0]})"]


def _at_end(body: PassStatements, op: Op) -> list[str]:
    ref = op.args[0]
    assert isinstance(ref, Ref)
    base, lag = body.outside(ref.name)
    text = f"{body.function('at_end')}({base}, {lag}, run.ends, {op.details[0]})"
    return [f"{body.local(op.out)} = {text}" + (".T" if body.cells[op.out].rank == 1 else "")]


def _before(body: PassStatements, op: Op) -> list[str]:
    ref = op.args[0]
    assert isinstance(ref, Ref)
    base, lag = body.outside(ref.name)
    return [f"{body.local(op.out)} = {base}[{lag - 1 + op.details[0]}]" + (".T" if body.cells[op.out].rank == 1 else "")]


def _total(body: PassStatements, op: Op) -> list[str]:
    return [f"{body.local(op.out)} = {_unaligned(body, op.args[0])}.sum(0)"]


ONCE: dict[str, Callable[[PassStatements, Op], list[str]]] = {
    "outer_sum": _outer_sum,
    "sum_all": _sum_all,
    "scatter": _scatter,
    "at_step": _at_step,
    "at_end": _at_end,
    "before": _before,
    "total": _total,
}


__all__ = ["ONCE"]
