"""Slips in sums over steps and sequences: a step left out, only one kept, sum for mean, results under the wrong name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations

import numpy as np
import sympy

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import same_shape
from rnnsym.algebra.tensor import T, Tensor, t
from rnnsym.program.meanings import Array
from rnnsym.proof.audit.sheet import Edit, Sheet
from rnnsym.proof.audit.slips import After, Getter, Rows, Slip, places

MOST_BLOCKS = 4  # 24 orders
FIRST, LAST = op.TimeIs(t, sympy.Integer(1)), op.TimeIs(t, T)


def boundary_steps(rows: Rows) -> Iterator[Slip]:
    """The first or the last step left out of a sum or of an error, or the only one that counts."""
    for word, at_error, kind, change in _ENDS:
        everywhere = []
        for row, value in rows:
            sums = [(path, node) for path, node in places(value) if isinstance(node, op.Total)]
            for path, _ in sums:
                everywhere.append(Edit(row, (*path, 0), change))
                sentence = word.replace("{row}", f"the sum over time in `{rows.tell.name(row)}`")
                yield Slip(kind, sentence, 2, row, (), (Edit(row, (*path, 0), change),))
            if row in rows.sheet.timed and row not in rows.sheet.messages:
                sentence = at_error.replace("{row}", f"`{rows.tell.name(row)}`")
                yield Slip(kind, sentence, 3, row, (), (Edit(row, (), change),))
        sentence = word.replace("{row}", "the sum over time of every gradient")
        yield Slip(kind, sentence, 1, "", (), tuple(everywhere))


def _kept(condition: op.Condition) -> Callable[[Tensor], Tensor]:
    return lambda u: op.Branch(condition, u, op.zeros(u.shape))


def _left_out(condition: op.Condition) -> Callable[[Tensor], Tensor]:
    return lambda u: op.Branch(condition, op.zeros(u.shape), u)


_ENDS = (
    ("the first step, t = 1, is left out of {row}", "{row} is zero at t = 1", "first step left out", _left_out(FIRST)),
    ("the last step, t = T, is left out of {row}", "{row} is zero at t = T", "last step left out", _left_out(LAST)),
    ("{row} keeps the first step alone, t = 1", "{row} is zero at all steps but t = 1", "not accumulated over time", _kept(FIRST)),
    ("{row} keeps the last step alone, t = T", "{row} is zero at all steps but t = T", "not accumulated over time", _kept(LAST)),
)


# ---------------------------------------------------------------- what is done to the results


def scales(rows: Rows) -> Iterator[Slip]:
    """Means for sums and sums for means, over steps, sequences, entries: of all gradients, of those of one rank, and of each."""
    declared = rows.sheet.derivation.model.by_name
    params = [declared[of] for of in rows.sheet.gradients if of in declared and declared[of].kind == "param"]
    vectors, matrices = ([d.name for d in params if len(d.shape) == rank] for rank in (1, 2))
    alone = "alone " if len(rows.sheet.gradients) > 1 else ""
    sets = {"the gradients of all vectors are": vectors, "the gradients of all matrices are": matrices}
    sets |= {f"the gradient of `{theirs}` is": [n for block in blocks for n in block] for theirs, blocks in rows.stacks.items()}
    sets |= {f"`{row}` {alone}is": [of] for of, row in rows.sheet.gradients.items()}
    for word, kind, factor in _factors(rows):
        yield Slip(kind, word.replace("{all}", "all gradients are"), 1, after=_scaled(factor))
        for what, names in sets.items():
            if names:
                row, of = rows.sheet.gradients[names[0]] if len(names) == 1 else "", frozenset(names)
                yield Slip(kind, word.replace("{all}", what), 2, row, after=_scaled(factor, of), of=of)


def _factors(rows: Rows) -> list[tuple[str, str, Callable[[Sheet], float]]]:
    found: list[tuple[str, str, Callable[[Sheet], float]]] = [
        ("{all} summed over the sequences instead of averaged (B times too large)", "sum for mean", lambda s: len(s.runs)),
        ("{all} divided by the number of sequences once too often (B times too small)", "mean for sum", lambda s: 1 / len(s.runs)),
        ("{all} averaged over the steps instead of summed (T times too small)", "mean for sum", lambda s: 1 / s.steps),
        ("{all} multiplied by the number of steps (T times too large)", "sum for mean", lambda s: s.steps),
        ("{all} divided by the number of sequences and of steps", "mean for sum", lambda s: 1 / s.steps / len(s.runs)),
        ("{all} summed over the sequences and divided by the number of steps", "sum for mean", lambda s: len(s.runs) / s.steps),
        ("{all} taken twice", "factor 2", lambda s: 2.0),
        ("{all} halved", "factor 1/2", lambda s: 0.5),
        ("{all} taken with the other sign", "sign", lambda s: -1.0),
        ("{all} zero: never filled in", "left zero", lambda s: 0.0),
    ]
    for size in rows.sheet.derivation.model.sizes:
        name = size.name
        found.append(("{all} averaged over " + name + " entries", "mean for sum", _per_entry(name)))
    return found


def _per_entry(size: str) -> Callable[[Sheet], float]:
    return lambda s: 1 / s.runs[0].sizes[size]


def _scaled(factor: Callable[[Sheet], float], only: frozenset[str] | None = None) -> After:
    def after(value: Getter, sheet: Sheet) -> Getter:
        by = factor(sheet)
        return lambda of: [by * part for part in value(of)] if only is None or of in only else value(of)

    return after


def sequences(rows: Rows) -> Iterator[Slip]:
    """One sequence of the batch instead of all."""
    for word, index in (("first", 0), ("last", -1)):
        for of in (None, *rows.sheet.gradients):
            if of is not None and _is_per_sequence(rows, of):
                continue
            row = rows.sheet.gradients[of] if of else ""
            what = f"`{row}` is" if of else "all gradients are"
            sentence = f"{what} not summed over the batch: the {word} sequence alone counts"
            names = frozenset({of}) if of else frozenset()
            yield Slip("not summed over the batch", sentence, 3, row, after=_one_sequence(index, of), of=names)


def _is_per_sequence(rows: Rows, of: str) -> bool:
    declared = rows.sheet.derivation.model.by_name.get(of)
    return declared is None or declared.kind in ("input", "target")


def _one_sequence(index: int, only: str | None) -> After:
    def after(value: Getter, sheet: Sheet) -> Getter:
        def one(of: str) -> list[Array]:
            parts = value(of)
            if only not in (None, of) or (of in sheet.derivation.model.by_name and sheet.derivation.model.by_name[of].kind == "input"):
                return parts
            kept = range(len(parts))[index]
            return [part if i == kept else np.zeros_like(part) for i, part in enumerate(parts)]

        return one

    return after


def exchanged_results(rows: Rows) -> Iterator[Slip]:
    """Two gradients of equal shape, each under the other's name."""
    declared = rows.sheet.derivation.model.by_name
    names = [of for of in rows.sheet.gradients if of in declared and declared[of].kind == "param"]
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            if declared[first].shape and same_shape(declared[first].shape, declared[second].shape):
                sentence = f"the gradients of `{first}` and `{second}` are exchanged"
                swap = {first: second, second: first}
                yield Slip("gradients exchanged", sentence, 3, after=_renamed(swap), of=frozenset(swap))


def blocks_in_another_order(rows: Rows) -> Iterator[Slip]:
    """The blocks of stacked weights in another order: of one array, and of all that have as many blocks."""
    every: dict[tuple[int, ...], dict[str, str]] = {}
    for theirs, blocks in rows.stacks.items():
        for order in permutations(range(len(blocks))) if len(blocks) <= MOST_BLOCKS else ():
            swap = {a: b for i, j in enumerate(order) for a, b in zip(blocks[i], blocks[j], strict=True) if a != b}
            if swap and _fit(rows, swap):
                yield _reordered(f"the gradient of `{theirs}`", blocks, order, swap, 2)
                every.setdefault(order, {}).update(swap)
    if len(rows.stacks) > 1:
        blocks = next(iter(rows.stacks.values()))
        for order, swap in every.items():
            yield _reordered("the gradient of every stack", blocks, order, swap, 1)


def _fit(rows: Rows, swap: dict[str, str]) -> bool:
    declared = rows.sheet.derivation.model.by_name
    return all(a in declared and same_shape(declared[a].shape, declared[b].shape) for a, b in swap.items())


def _reordered(what: str, blocks: list[tuple[str, ...]], order: tuple[int, ...], swap: dict[str, str], rank: int) -> Slip:
    names = ", ".join(blocks[i][0] for i in order)
    sentence = f"{what} has its blocks in the order {names} instead of {', '.join(b[0] for b in blocks)}"
    return Slip("gates exchanged", sentence, rank, after=_renamed(swap), of=frozenset(swap))


def _renamed(names: dict[str, str]) -> After:
    return lambda value, sheet: lambda of: value(names.get(of, of))


FAMILIES = (boundary_steps, scales, sequences, exchanged_results, blocks_in_another_order)
