"""Operations of loops that have a form of their own: products, sums, softmaxes, and what arranges its operands itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rnnsym.program.ops import ALONE, PER_STEP, Op, Ref

if TYPE_CHECKING:
    from rnnsym.backends.planned_statements import PassStatements

ARRANGING = ("concat", "outer", "scale_rows", "scale_columns", "columns", "matvec", "matmul", "row_sums", "every_step")


def _affine(body: PassStatements, op: Op, target: str, bound: bool, rank: int) -> list[str]:
    count = op.details[0]
    rows = []

    def product(matrix: str, vector: str, out: str = "") -> str:
        """In a loop the array's own method, which is called sooner."""
        into = f", out={out}" if out else ""
        return f"{matrix}.dot({vector}{into})" if body.kind == "scan" else f"np.matmul({matrix}, {vector}{into})"

    for k in range(count):
        matrix, vector = body.text(op.args[2 * k], 2), body.text(op.args[2 * k + 1], 1)
        if k == 0:
            rows.append(product(matrix, vector, target))
        else:
            rows.append(f"np.add({target}, {product(matrix, vector)}, out={target})")
    for bias in op.args[2 * count :]:
        assert isinstance(bias, Ref)
        rows.append(f"np.add({target}, {body.text(bias, 1)}, out={target})")
    return rows


def _sum(body: PassStatements, op: Op, target: str, bound: bool, rank: int) -> list[str]:
    inner, mean = body.text(op.args[0], body._operand_rank(op.args[0])), op.function == "mean"
    if body._axes(op.args[0]) == ALONE or not bound:
        return [body._assign(target, bound, body._summed(inner, op.args[0], mean=mean))]
    return [body._summed(inner, op.args[0], target, mean)]


def _softmax(body: PassStatements, op: Op, target: str, bound: bool, rank: int) -> list[str]:
    z = body.text(op.args[0], 1)
    call = f"{body.column_function('softmax_rows')}({z}, -2"
    return [f"{call}, out={target})" if bound else f"{target} = {call})"]


def _outer(body: PassStatements, op: Op, target: str, bound: bool, rank: int) -> list[str]:
    a, b = (body.unaligned(x) for x in op.args)
    if bound and all(body._axes(x) > ALONE for x in op.args):
        return [f"{body.function('batch_outer')}({a}, {b}, out={target})"]
    first, second = (body._columns(text, x) for text, x in zip((a, b), op.args, strict=True))
    return [body._assign(target, bound, f"{first}[..., :, None] * {second}[..., None, :]")]


def _excess(body: PassStatements, op: Op, target: str, bound: bool, rank: int) -> list[str]:
    p, y = (body.text(x, 1) for x in op.args)
    if not bound:
        return [f"{target} = {body.function('excess')}({p}, {y})"]
    return [f"{body.column_function('excess')}({p}, {y}, out={target})"]


def _concat(body: PassStatements, op: Op, target: str, bound: bool, rank: int) -> list[str]:
    if bound and all(body._axes(a) > ALONE for a in op.args):
        parts = [body.text(a, body._operand_rank(a)) for a in op.args]
        stepped = body.kind == "map" and any(body._axes(a) < PER_STEP for a in op.args)
        if not stepped:
            return [f"{body.function('joined')}({', '.join(parts)}, out={target})"]
    args = [body.unaligned(a) for a in op.args]
    return [body._assign(target, bound, body._concatenated(op, args, True))]


def _own_rank(body: PassStatements, op: Op, target: str, bound: bool, rank: int) -> list[str]:
    """Operations whose operands are not aligned with the result."""
    args = [body.unaligned(a) if op.function in ARRANGING else body.text(a, body._rank_of(a, op)) for a in op.args]
    return [body._assign(target, bound, body._expression(op, args, rank, PER_STEP))]


WRITERS: dict[str, Callable[[PassStatements, Op, str, bool, int], list[str]]] = {
    "affine": _affine,
    "sum": _sum,
    "mean": _sum,
    "outer": _outer,
    "softmax": _softmax,
    "excess": _excess,
    "concat": _concat,
    **dict.fromkeys(
        (
            "softmax_cross_entropy", "log_softmax", "logsumexp", "norm", "dot", "roll", "matvec", "matmul", "scale_rows",
            "scale_columns", "row_sums", "columns", "one_hot", "dense", "every_step", "valid",
        ),
        _own_rank,
    ),
}  # fmt: skip  # fmt: skip


__all__ = ["ARRANGING", "WRITERS"]
