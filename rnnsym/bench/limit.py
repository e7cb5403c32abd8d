"""The limit: the matrix products that a training step cannot do without, and nothing else, as NumPy calls them.

Comes in: a Plan and sizes. Goes out: the list of its products (forward, back to the operand, gradient of the matrix), and a function that
does just these. Products that read one operand are one; what no recurrence needs is one product over all steps and sequences; gradients
of matrices are sums over steps, so one product after the loop. Each is `np.matmul` into an array that exists, in the layout that is
fastest for it, which is found out first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import sympy

from rnnsym.algebra.operators import MatrixProduct, Total
from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.tensor import Tensor, quantities
from rnnsym.bench.cases import Case
from rnnsym.bench.contest import Contestant
from rnnsym.bench.schedule import Plan

TRIALS = 5  # calls by which the layouts of one product are compared


@dataclass(frozen=True)
class Product:
    """`times` products of (m, k) with (k, columns), each of them `sequences` small ones where the matrix differs by sequence.

    role  forward, backward (back to the operand) or sum (gradient of the matrix)
    """

    role: str
    text: str
    times: int
    m: int
    k: int
    columns: int
    sequences: int = 1

    @property
    def flops(self) -> int:
        return 2 * self.times * self.m * self.k * self.columns * self.sequences

    @property
    def shape(self) -> str:
        """`100 × (512, 128)(128, 16)`."""
        each = f"{self.sequences:,} each of " if self.sequences > 1 else ""
        return f"{self.times} × {each}({self.m}, {self.k}) ({self.k}, {self.columns})"


def products(plan: Plan, sizes: Mapping[str, int]) -> tuple[Product, ...]:
    """Every product of one training step; `sizes` holds the model's sizes, T and B."""
    found: list[Product] = []
    for group in plan.groups:
        m = sum(size_value(matrix.shape[0], sizes) for matrix in group.matrices)
        k = size_value(group.operand.shape[0], sizes)
        trained = any(_is_trained(plan, matrix) for matrix in group.matrices)
        text = _text(group.matrices, group.operand)
        found += _training(plan, group.place, group.operand, trained, (text, m, k, 1), sizes)
    for place, node in plan.other_products:
        found += _other(plan, place, node, sizes)
    order = ("forward", "backward", "sum")
    return tuple(sorted(found, key=lambda p: order.index(p.role)))


def _text(matrices: tuple[Tensor, ...], operand: Tensor) -> str:
    left = str(matrices[0]) if len(matrices) == 1 else "[" + "; ".join(map(str, matrices)) + "]"
    return f"{left} @ {operand}"


def _is_trained(plan: Plan, node: Tensor) -> bool:
    return any(q.name in plan.trained for q in quantities(node))


def _training(
    plan: Plan, place: int, operand: Tensor, trained: bool, product: tuple[str, int, int, int], sizes: Mapping[str, int]
) -> list[Product]:
    """The products of one group: forward, back to its operand, and the sum that is its matrix's gradient."""
    text, m, k, columns = product
    steps = sizes["T"] if _runs(operand) else 1
    loops, rows = (steps, columns * sizes["B"]) if place >= 0 else (1, steps * columns * sizes["B"])
    found = [Product("forward", text, loops, m, k, rows)]
    if _is_trained(plan, operand):
        found.append(Product("backward", text, loops, k, m, rows))
    if trained:
        found.append(Product("sum", text, 1, m, loops * rows, k))
    return found


def _runs(node: Tensor) -> bool:
    """Whether it has a value per step."""
    return node.has(Total) or any(q.offset is not None for q in quantities(node))


def _other(plan: Plan, place: int, node: MatrixProduct, sizes: Mapping[str, int]) -> list[Product]:
    """A product with a matrix of its own per sequence, one of two matrices, or one without data."""
    a, b = node.args
    m, k = (size_value(n, sizes) for n in a.shape)
    columns = size_value(sympy.Mul(*b.shape[1:]), sizes)
    if not plan.is_batched(node):
        found = [Product("forward", str(node), 1, m, k, columns)]
        found += [Product("backward", str(node), 1, k, m, columns)] if _is_trained(plan, b) else []
        return found + ([Product("backward", str(node), 1, m, columns, k)] if _is_trained(plan, a) and columns > 1 else [])
    if not plan.is_batched(a):
        return _training(plan, place, b, _is_trained(plan, a), (str(node), m, k, columns), sizes)
    steps = sizes["T"] if _runs(node) else 1
    loops, each = (steps, sizes["B"]) if place >= 0 else (1, steps * sizes["B"])
    found = [Product("forward", str(node), loops, m, k, columns, each)]
    if _is_trained(plan, b):
        if plan.is_batched(b):
            found.append(Product("backward", str(node), loops, k, m, columns, each))
        else:
            found.append(Product("sum", str(node), 1, k, m * loops * each, columns))
    if _is_trained(plan, a) and columns > 1:  # with a vector it is an outer product: no sum, so no work for a matrix product
        found.append(Product("backward", str(node), loops, m, columns, k, each))
    return found


# ---------------------------------------------------------------- doing them


def runner(found: tuple[Product, ...], dtype: Any) -> Callable[[], None]:
    """A function that does these products, each in its fastest form."""
    rng = np.random.default_rng(0)
    calls = [_fastest(_forms(product, dtype, rng)) for product in found]

    def run() -> None:
        for call in calls:
            call()

    return run


def _forms(product: Product, dtype: Any, rng: np.random.Generator) -> list[Callable[[], None]]:
    """The product in columns (as on paper), in rows (transposed), in rows with the matrix as it lies; for a sum also transposed."""

    def numbers(*shape: int) -> list[Any]:
        return list(rng.standard_normal((p.times, *shape)).astype(dtype))

    def room(*shape: int) -> list[Any]:
        return list(np.empty((p.times, *shape), dtype))

    p = product
    lead = () if p.sequences == 1 else (p.sequences,)
    a, b = numbers(*lead, p.m, p.k) if lead else numbers(p.m, p.k)[:1] * p.times, numbers(*lead, p.k, p.columns)
    if lead:
        return [partial(_each, a, b, room(*lead, p.m, p.columns))]
    turned = np.ascontiguousarray(a[0].T)
    if p.role == "sum":  # both operands lie as (time and batch, size)
        return [partial(_each, [turned.T], b, room(p.m, p.columns)), partial(_each, [b[0].T], [turned], room(p.columns, p.m))]
    rows = numbers(p.columns, p.k)
    return [
        partial(_each, a, b, room(p.m, p.columns)),
        partial(_each, rows, [turned] * p.times, room(p.columns, p.m)),
        partial(_each, rows, [a[0].T] * p.times, room(p.columns, p.m)),
    ]


def _each(left: list[Any], right: list[Any], out: list[Any]) -> None:
    for a, b, c in zip(left, right, out, strict=True):
        np.matmul(a, b, out=c)


def _fastest(forms: list[Callable[[], None]]) -> Callable[[], None]:
    if len(forms) == 1:
        return forms[0]
    best = dict.fromkeys(range(len(forms)), float("inf"))
    for _ in range(TRIALS):
        for index, form in enumerate(forms):
            start = time.perf_counter()
            form()
            best[index] = min(best[index], time.perf_counter() - start)
    return forms[min(best, key=best.__getitem__)]


def contestant(case: Case, plan: Plan) -> Contestant | None:
    """The bare products of a training step; None where there are none."""
    found = products(plan, case.scale.sizes)
    return Contestant("limit", runner(found, case.dtype)) if found else None
