"""Kernels: the runs of a loop's body that act entry by entry, each to be compiled as one function.

Comes in: a scan. Goes out: its operations in an order in which as many as possible of these follow each other, as segments: a Kernel,
or a single operation. Nothing is moved across what it depends on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy

from rnnsym.algebra.sizes import same_size
from rnnsym.program.ops import ALWAYS, PER_STEP, Cell, Op, Ref, Stage
from rnnsym.program.stacking import Place
from rnnsym.program.storage import resolved

WORDS = frozenset(
    {"add", "subtract", "multiply", "divide", "negative", "square", "copy", "exp", "tanh", "sigmoid", "complement", "relu", "sqrt"}
    | {"max", "min", "abs", "sign", "real", "where", "less", "less_equal", "greater", "greater_equal"}
)
"""What a kernel computes."""


@dataclass(frozen=True)
class Kernel:
    """Operations on vectors of one length (or, length None, on one number per sequence), in order."""

    ops: tuple[Op, ...]
    length: sympy.Expr | None


def keeps(op: Op, cells: Mapping[str, Cell]) -> bool:
    """Whether an operation is left in its loop: a kernel computes it there while its operands are at hand."""
    return op.function in WORDS and cells[op.out].axes == PER_STEP and cells[op.out].rank <= 1 and op.guard == ALWAYS and not op.place


def segments(stage: Stage, cells: Mapping[str, Cell], places: Mapping[str, Place]) -> list[Kernel | Op]:
    """The body of a scan as kernels and other operations; truth values never leave a kernel nor enter one."""
    outside: set[str] = {name for name, cell in cells.items() if cell.entries == "truth"} - {op.out for op in stage.ops}
    while True:
        found = _segments(stage, cells, places, outside)
        strangers = _crossing(found, cells)
        if not strangers:
            return found
        outside |= strangers


def _crossing(found: list[Kernel | Op], cells: Mapping[str, Cell]) -> set[str]:
    """Truth values that a kernel and something outside it share."""
    crossing = set()
    for segment in found:
        if isinstance(segment, Kernel):
            inside = {op.out for op in segment.ops}
            outer = {ref.name for other in found if other is not segment for op in _ops(other) for ref in op.reads}
            crossing |= {name for name in inside & outer if cells[name].entries == "truth"}
            crossing |= {r.name for op in segment.ops for r in op.reads if cells[r.name].entries == "truth" and r.name not in inside}
    return crossing


def _segments(stage: Stage, cells: Mapping[str, Cell], places: Mapping[str, Place], outside: set[str]) -> list[Kernel | Op]:
    ops = list(stage.ops)
    before = [_dependences(k, ops, places) for k in range(len(ops))]
    done: set[int] = set()
    found: list[Kernel | Op] = []
    while len(done) < len(ops):
        ready = [k for k in range(len(ops)) if k not in done and before[k] <= done]
        others = [k for k in ready if not _is_entrywise(ops[k], cells, outside)]
        if others:  # first what no kernel computes: then kernels are as long as can be
            found += [ops[k] for k in others]
            done.update(others)
            continue
        length = _length(ops[ready[0]], cells)
        rows: list[int] = []
        grown = True
        while grown:
            grown = False
            for k in range(len(ops)):
                if k not in done and before[k] <= done and _is_entrywise(ops[k], cells, outside) and _same(length, _length(ops[k], cells)):
                    rows.append(k)
                    done.add(k)
                    grown = True
        found.append(Kernel(tuple(ops[k] for k in rows), length))
    return _late(found, {id(op): {id(ops[j]) for j in before[k]} for k, op in enumerate(ops)})


def _late(found: list[Kernel | Op], before: Mapping[int, set[int]]) -> list[Kernel | Op]:
    """What is first read in a later kernel is computed there, not handed on to it through memory."""
    for k in reversed(range(len(found))):
        kernel = found[k]
        for op in reversed(kernel.ops) if isinstance(kernel, Kernel) else ():
            following = [j for j in range(k, len(found)) for other in _ops(found[j]) if id(op) in before[id(other)]]
            target = found[following[0]] if following else None
            if isinstance(target, Kernel) and following[0] > k and target.length == kernel.length and op.out.startswith("%"):  # type: ignore[union-attr]
                found[k] = Kernel(tuple(o for o in found[k].ops if o is not op), kernel.length)  # type: ignore[union-attr]
                found[following[0]] = Kernel((op, *target.ops), target.length)
    return [s for s in found if not isinstance(s, Kernel) or s.ops]


def _ops(segment: Kernel | Op) -> tuple[Op, ...]:
    return segment.ops if isinstance(segment, Kernel) else (segment,)


def _same(a: sympy.Expr | None, b: sympy.Expr | None) -> bool:
    return (a is None and b is None) or (a is not None and b is not None and same_size(a, b))


def _length(op: Op, cells: Mapping[str, Cell]) -> sympy.Expr | None:
    return cells[op.out].shape[0] if cells[op.out].rank == 1 else None


def _is_entrywise(op: Op, cells: Mapping[str, Cell], outside: set[str]) -> bool:
    if (
        op.out in outside
        or any(ref.name in outside for ref in op.reads)
        or not keeps(op, cells)
        or any(d in ("rows", "into") for d in op.details)
    ):
        return False
    length = _length(op, cells)
    for ref in op.reads:
        cell = cells[ref.name]
        if ref.turned or ref.columns or cell.rank > 1 or cell.entries == "class" or cell.kind in ("mark", "target"):
            return False
        if ref.delay is None and ref.rows is not None:
            return False
        own = (ref.rows[1] - ref.rows[0]) if ref.rows else cell.shape[0] if cell.rank == 1 else None
        if own is not None and (length is None or not same_size(own, length)):
            return False
    return True


def _dependences(index: int, ops: Sequence[Op], places: Mapping[str, Place]) -> set[int]:
    """The earlier operations that must be done before: what they write is read or written, or what they read is written."""
    write = _written(ops[index], places)
    reads = {_where(ref, places) for ref in ops[index].reads}
    found = set()
    for k in range(index):
        earlier = _written(ops[k], places)
        if _meets({earlier}, reads | {write}) or _meets({_where(r, places) for r in ops[k].reads}, {write}):
            found.add(k)
    return found


def _written(op: Op, places: Mapping[str, Place]) -> tuple:
    rows = (op.details[1], op.details[2]) if op.details[:1] == ("rows",) else None
    return _where(Ref(op.out, 0, rows), places)


def _where(ref: Ref, places: Mapping[str, Place]) -> tuple:
    ref = resolved(ref, places)
    return ref.name, ref.delay, ref.rows


def _meets(first: set[tuple], second: set[tuple]) -> bool:
    return any(a[:2] == b[:2] and (a[2] is None or b[2] is None or not _apart(a[2], b[2])) for a in first for b in second)


def _apart(a, b) -> bool:
    return any(sympy.expand(x - y) == 0 or bool(sympy.expand(x - y).is_nonnegative) for x, y in ((a[0], b[1]), (b[0], a[1])))
