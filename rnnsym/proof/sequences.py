"""The sequences of a batch, one at a time, for witnesses that know no batch.

Comes in: a bench and a point of it. Goes out: the arrays of each sequence by the model's names, cut to its own length; and back: the
gradients that a witness gives for each of them, put together as the module gives them, the mean over the batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnsym.proof.bench import Bench, Claim, Point
from rnnsym.proof.draws import BATCH, Array


@dataclass(frozen=True)
class OneSequence:
    """Arrays by name (data, parameters, constants), values outside 1 … T by key (`h[0]`, `h[-1]`, `b[T+1]`), and its length."""

    arrays: Mapping[str, Array]
    initial: Mapping[str, Array]
    steps: int


def sequences(bench: Bench, point: Point) -> Iterator[OneSequence]:
    """Every sequence of the batch."""
    declared = bench.system.by_name
    for b, length in enumerate(bench.lengths):
        arrays = dict(point.params)
        for name, array in point.data.items():
            d = declared[name]
            arrays[name] = array if d.kind == "constant" else array[:length, b] if d.timed else array[b]
        yield OneSequence(arrays, {place: array[at][b] for place, _, at, array in _places(bench, point)}, length)


def outside_keys(bench: Bench, name: str) -> list[tuple[str, Any]]:
    """The places that one array of initial values fills, as (`h[-1]`, index into the array): oldest first, as `initial=` takes them."""
    if "[" in name:
        return [(name, ...)]
    lag, _ = bench.system.extents[name]
    return [(f"{name}[0]", ...)] if lag == 1 else [(f"{name}[{k - lag + 1}]", k) for k in range(lag)]


def _places(bench: Bench, point: Point) -> Iterator[tuple[str, str, Any, Array]]:
    for name, array in point.initial.items():
        for place, at in outside_keys(bench, name):
            yield place, name, at, array


def together(bench: Bench, claim: Claim, found: Sequence[Mapping[str, Any]]) -> Array:
    """One gradient of the batch from those of its sequences; what a sequence does not have is zero."""
    whole = np.zeros(claim.gradient.shape)
    for b, gradients in enumerate(found):
        if claim.group == "initial":
            for place, at in outside_keys(bench, claim.name):
                whole[at][b] += np.asarray(gradients.get(place, 0.0))
            continue
        value = np.asarray(gradients.get(claim.name, 0.0))
        d = bench.system.by_name[claim.name]
        if d.kind in ("param", "constant"):
            whole += value
        elif d.timed:
            whole[: len(value) if value.ndim else None, b] = value
        else:
            whole[b] = value
    return whole / BATCH


def error(found: Any, wanted: Any) -> float:
    """max|a - b| / max(1, max|b|), the measure of the whole project; infinite where shapes differ or a number is none."""
    a, b = np.asarray(found), np.asarray(wanted)
    if a.shape != b.shape:
        return np.inf
    if not b.size:
        return 0.0
    with np.errstate(all="ignore"):
        worst = float(np.max(np.abs(a - b)) / max(1.0, float(np.max(np.abs(b)))))
    return worst if np.isfinite(worst) else np.inf


__all__ = ["OneSequence", "error", "outside_keys", "sequences", "together"]
