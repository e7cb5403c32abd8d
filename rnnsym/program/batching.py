"""Batching: from column vectors of one sequence to arrays of many. The only place where the batch axis comes in.

Comes in: a Program whose values are Tensors. Goes out: the same Program with array expressions (`lowering.py`). What is timed has axes
(T, B), what depends on data alone (B,), what depends on parameters alone none. The gradient of a quantity without a batch axis is
the sum, over the batch, of what each sequence contributes; the sum of an outer product is one matrix product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import Quantity, Tensor, quantities
from rnnsym.program.arrays import Call, Literal, Load, LoadAt, Part, Real, Reduce, Transpose, Unary
from rnnsym.program.lowering import ALONE, PER_SEQUENCE, PER_STEP, Layout, Value, is_plain, leaf, over_steps, vanishes
from rnnsym.program.program import Block, Buffer, Program, Statement
from rnnsym.program.schedule import without


def batched(program: Program, errors: frozenset[str] = frozenset(), added: frozenset[str] = frozenset()) -> Program:
    """The Program over arrays.

    errors  names that hold errors (of which every equation that reads one is linear in them)
    added   names whose array holds a value already, onto which the equation is added (cotangents from outside)
    """
    return replace(program, blocks=tuple(_block(b, program.buffers, errors, added) for b in program.blocks))


def _block(block: Block, buffers: Mapping[str, Buffer], errors: frozenset[str], added: frozenset[str]) -> Block:
    layout = Layout(buffers, block.kind == "scan")
    return replace(block, statements=tuple(_statement(s, layout, errors, added) for s in block.statements))


def _statement(statement: Statement, layout: Layout, errors: frozenset[str], added: frozenset[str]) -> Statement:
    buffer = layout.buffers[statement.name]
    axes = min(buffer.axes, PER_SEQUENCE if layout.running or statement.how == "slot" else PER_STEP)
    if not buffer.timed and not buffer.batched:
        value = _summed_over_batch(statement.value, layout, errors)
    else:
        value = layout.lower(statement.value)
    value = value.aligned(len(buffer.shape))
    how = statement.how
    if statement.name in added or how == "add":
        how = "add"
    elif how == "new" and buffer.is_extended:
        how = "store"
    elif how == "new" and (value.axes < axes or value.rank < len(buffer.shape) or not _is_fresh(value)):
        how = "full"
    otherwise = None
    if statement.otherwise is not None:
        otherwise = layout.lower(statement.otherwise).aligned(len(buffer.shape)).node
        how = "full" if how == "new" else how
    return replace(statement, value=value.node, how=how, otherwise=otherwise)


def _is_fresh(value: Value) -> bool:
    """Whether computing it makes an array that nothing else holds."""
    if isinstance(value.node, Reduce):
        return value.axes > ALONE
    return not value.weak and not isinstance(value.node, (Load, LoadAt, Part, Real, Transpose))


# ---------------------------------------------------------------- sums over the batch


def _summed_over_batch(expression: Any, layout: Layout, errors: frozenset[str]) -> Value:
    """The value of a quantity without batch axis: terms that have one are summed over it."""
    terms = expression.args if isinstance(expression, op.Plus) else (expression,)
    result: Value | None = None
    for term in (piece for whole in terms for piece in _separated(whole, layout, errors)):
        negative, inner = isinstance(term, op.Negate), term
        inner = term.args[0] if negative else term
        value = _batch_sum(inner, layout)
        if result is None:
            result = replace(value, node=Unary("-", value.node)) if negative else value
        else:
            result = layout.combine("-" if negative else "+", result, value)
    assert result is not None
    return result


def _separated(term: Tensor, layout: Layout, errors: frozenset[str]) -> list[Tensor]:
    """A term that mixes errors with and without batch axis, as a sum of one of each: it is linear in them."""
    read = {q.name for q in quantities(term)} & errors
    with_batch = {name for name in read if layout.buffers[name].batched}
    if not with_batch or with_batch == read:
        return [term]
    return [part for part in (without(term, read - with_batch), without(term, with_batch)) if not op.is_zero(part)]


def _batch_sum(term: Tensor, layout: Layout) -> Value:
    if isinstance(term, op.Total):
        bodies = term.body.args if isinstance(term.body, op.Plus) else (term.body,)
        result = None
        for body in bodies:
            negative = isinstance(body, op.Negate)
            value = _sum_of_all(body.args[0] if negative else body, replace(layout, running=False), True)
            if result is None:
                result = replace(value, node=Unary("-", value.node)) if negative else value
            else:
                result = layout.combine("-" if negative else "+", result, value)
        assert result is not None
        return result
    return _sum_of_all(term, layout, False)


def _sum_of_all(body: Tensor, layout: Layout, over_time: bool) -> Value:
    """Σ over the batch, and over time too where asked; Σ of an outer product is one matrix product."""
    factors = [f for f in body.args if not f.rank] if isinstance(body, op.Times) else []
    products = [f for f in body.args if f.rank] if isinstance(body, op.Times) else [body]
    if len(products) == 1 and isinstance(products[0], op.Outer):
        a, b = products[0].args
        summed = _sum_of_outer(op.Times(*factors, a) if factors else a, b, layout, over_time)
        if summed is not None:
            return summed
    value = over_steps(layout, body) if over_time else layout.lower(body)
    if value.axes == ALONE:
        return value
    return Value(Reduce("sum", value.node, tuple(range(value.axes))), ALONE, body.rank)


def _sum_of_outer(a: Tensor, b: Tensor, layout: Layout, over_time: bool) -> Value | None:
    if over_time and not vanishes(layout, op.Outer(a, b)):
        tokens = any(isinstance(u, Quantity) and u.kind == "token" for u in (a, b))
        return None if tokens else _sum_of_valid_outer(a, b, layout)
    if isinstance(a, Quantity) and a.kind == "token" and not (isinstance(b, Quantity) and b.kind == "token"):
        value = _sum_of_outer(b, a, layout, over_time)
        return value and replace(value, node=Transpose(value.node, plain=True))
    first = layout.lower(a)
    is_token = isinstance(b, Quantity) and b.kind == "token"
    second = leaf(layout, b) if is_token else layout.lower(b)
    axes = max(first.axes, second.axes)
    if axes == ALONE or (is_token and first.axes != second.axes):
        return None
    if is_token:
        return Value(Call("scatter", (first.node, second.node, Literal(b.shape[0]))), ALONE, 2)
    return Value(Call("outer_sum", (first.node, second.node)), ALONE, 2)


def _sum_of_valid_outer(a: Tensor, b: Tensor, layout: Layout) -> Value | None:
    """The same where the padding holds anything: what may be no number there is selected, and one operand at least is zero."""
    operands = [layout.lower(u) for u in (a, b)]
    running = [u.axes == PER_STEP for u in operands]
    if not any(running):
        return None
    unsure = [runs and not is_plain(u) for u, runs in zip((a, b), running, strict=True)]
    if not any(unsure) and not any(vanishes(layout, u) for u in (a, b)):
        unsure[running.index(True)] = True
    nodes = [Call("valid", (u.node,)) if guarded else u.node for u, guarded in zip(operands, unsure, strict=True)]
    return Value(Call("outer_sum", tuple(nodes)), ALONE, 2)
