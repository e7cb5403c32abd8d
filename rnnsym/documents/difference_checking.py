"""Derivatives that a document states, compared with differences.

Comes in: what one reader contributes, or the gradient of a value outside 1 … T, and a run. Goes out: whether it is right, found by moving
the value and looking at what the equation, or the whole cost, does. No rule of ours takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.system import System
from rnnsym.algebra.tensor import T, Tensor, time_text
from rnnsym.documents.document import LocalClaim, TotalClaim
from rnnsym.program.interpret import Run, interpret
from rnnsym.program.meanings import MEANINGS, Meaning

_STEPS = (1e-6, 1e-9, 1e-12)  # the first that leads to numbers: beside the pole of sqrt(1e-8 + ...) only a small one does
_TOLERANCE = 1e-5
_ROUNDING = 1e-15  # of a value, in its own size: large values have differences of few digits
_JUMP = 1e4  # a slope that is none: the values on both sides of a jump
_KINK = 1e-3  # how far the slopes of both sides differ at a kink; a bend of the curve makes a difference of about a step

Table = Mapping[type, Meaning]  # what the operators mean


def holds_locally(claim: LocalClaim, run: Run, rng: np.random.Generator) -> bool:
    """Whether ⟨value, u̇⟩ is ⟨δ_v, the change of v⟩ for a random change u̇ of what is read, by central differences.

    The reader's equation is evaluated alone, so that only the immediate derivative is seen.
    """
    rhs = claim.reader.rhs.replace(lambda n: isinstance(n, op.Complement), lambda n: op.Plus(1, op.Negate(n.args[0])))
    name, timed = claim.of.name, claim.of.time is not None
    return all(_agrees_at(claim, rhs, run, rng, name, step) for step in (range(1, run.steps + 1) if timed else (None,)))


def _agrees_at(claim: LocalClaim, rhs: Tensor, run: Run, rng: np.random.Generator, name: str, step: int | None) -> bool:
    readings = _readings(claim, run, step)
    if not readings:
        return True  # the reader's step lies outside 1 … T
    change = rng.standard_normal(np.shape(run.statics[name] if step is None else run.timed[name, step]))
    with np.errstate(all="ignore"):
        claimed = np.sum(run.value(claim.value, step) * change)
        shape = np.asarray(run.value(rhs, readings[0])).shape
        errors = np.asarray([np.broadcast_to(run.value(claim.error, at), shape) for at in readings])
    return _is_slope(claimed, errors, lambda moved, table: _evaluated(rhs, run, table, readings, (name, step), moved * change))


def _is_slope(claimed: np.floating, weights: np.ndarray, value: Callable[[float, Table], object]) -> bool:
    """Whether the weighted values change at the claimed rate from a step below to a step above."""
    for width in _STEPS:
        with np.errstate(all="ignore"):
            here, below, above = _moved(value, width)
        if not np.isnan(above).any() and not np.isnan(below).any():
            break
    with np.errstate(all="ignore"):
        after, before = (np.sum(weights * _difference(*pair)) / width for pair in ((above, here), (here, below)))
        found = (after + before) / 2
        rounding = np.sum(np.abs(weights * here), where=np.isfinite(here)) * _ROUNDING / width
        jumps = np.max(np.abs(_difference(above, below)), initial=0.0) > _JUMP * width * max(1.0, float(np.max(np.abs(here), initial=0.0)))
        if abs(after - before) > _KINK * max(1.0, abs(found)) + rounding or jumps:
            return True  # the point lies on a kink or a jump, where the language says what the derivative is
        return bool(abs(claimed - found) <= _TOLERANCE * max(1.0, abs(found)) + rounding)


def _difference(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.where(above == below, 0.0, above - below)  # -inf stays -inf


def _readings(claim: LocalClaim, run: Run, step: int | None) -> tuple[int | None, ...]:
    """The steps at which the reader reads what is changed; None for a static reader."""
    if claim.reader.lhs.offset is None:
        return (None,)
    if step is None:
        return tuple(range(1, run.steps + 1))
    at = step - claim.delay if isinstance(claim.delay, int) else None
    return (at,) if at is not None and 1 <= at <= run.steps else ()


def _evaluated(
    rhs: Tensor, run: Run, table: Table, readings: tuple[int | None, ...], place: tuple[str, int | None], change: np.ndarray
) -> list[np.ndarray]:
    """The reader's right side at its steps, with one value changed."""
    name, step = place
    values: dict = run.statics if step is None else run.timed
    key: object = name if step is None else place
    kept, meant = values[key], run.table
    values[key], run.table = kept + change, table
    try:
        shape = np.asarray(run.value(rhs, readings[0])).shape
        return [np.broadcast_to(run.value(rhs, at), shape) for at in readings]
    finally:
        values[key], run.table = kept, meant


# ---------------------------------------------------------------- the whole cost


def holds_in_total(claim: TotalClaim, forward: System, run: Run, rng: np.random.Generator) -> bool:
    """Whether the cost changes at the rate ⟨value, u̇⟩ when a value outside 1 … T is moved by u̇, by differences."""
    step = int(claim.of.time.xreplace({T: run.steps}))
    kept = run.at(claim.of.name, step)
    change = rng.standard_normal(np.shape(kept))
    names = [d.name for d in forward.declarations if d.kind != "variable"]
    arrays = {name: run.series(name) if forward.by_name[name].timed else run.static(name) for name in names}
    key = f"{claim.of.name}[{time_text(claim.of.time)}]"

    def cost(moved: float, table: Table) -> np.ndarray:
        initial = {key: kept + moved * change}
        return interpret(forward, arrays, steps=run.steps, sizes=run.sizes, initial=initial, table=table).cost

    with np.errstate(all="ignore"):
        claimed = np.sum(run.value(claim.value, None) * change)
    return _is_slope(claimed, np.ones(()), cost)


# ---------------------------------------------------------------- what does not move


def _moved(value: Callable[[float, Table], object], width: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A value where nothing is moved, a step below and a step above; what stands in `stop_gradient` stays as it is in the first."""
    kept: list[np.ndarray] = []

    def recorded(node: Basic, sizes: Mapping[str, int], u: np.ndarray) -> np.ndarray:
        kept.append(np.asarray(u))
        return kept[-1]

    here = value(0, {**MEANINGS, op.StopGradient: recorded})
    replayed = [iter(kept), iter(kept)]
    below, above = (
        value(sign * width, {**MEANINGS, op.StopGradient: lambda node, sizes, u, again=again: next(again)})
        for sign, again in zip((-1, 1), replayed, strict=True)
    )
    return np.asarray(here), np.asarray(below), np.asarray(above)
