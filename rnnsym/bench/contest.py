"""The contest: check that all contestants compute the same, then time them in turn.

Comes in: contestants and a reference. Goes out: a time per round for each. In every round each contestant runs once, so that what else the
machine does meets all alike; ratios are taken round by round, and their median and quartiles are what is reported. What takes a
moment only is called several times a round.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Gradients = Mapping[str, Any]
TOLERANCES = {"float32": 2e-3, "float64": 1e-8}  # of an array, relative to its largest entry
MOMENT = 0.004  # seconds that a measurement lasts at least
WARMING = 2


@dataclass(frozen=True)
class Contestant:
    """A way to do one training step.

    step    does it once, and comes back when it is done
    result  does it once and gives loss and gradients by the model's names (None for the bare products, which compute nothing)
    source  the program text, where it was written for the occasion
    """

    name: str
    step: Callable[[], Any]
    result: Callable[[], tuple[float, Gradients]] | None = None
    source: str = field(default="", repr=False)


@dataclass(frozen=True)
class Timing:
    """Seconds per call, round by round; `error` against the reference, the worst over loss and gradients."""

    name: str
    seconds: tuple[float, ...]
    error: float | None

    @property
    def median(self) -> float:
        return float(np.median(self.seconds))

    def ratios(self, other: Timing) -> tuple[float, float, float]:
        """Lower quartile, median, upper quartile of the ratios to another contestant, round by round."""
        low, middle, high = np.percentile(np.divide(self.seconds, other.seconds), (25, 50, 75))
        return float(low), float(middle), float(high)


def disagreement(found: tuple[float, Gradients], wanted: tuple[float, Gradients]) -> tuple[float, str]:
    """The worst error of loss and gradients, relative to the largest entry of each, and whose it is; infinite for what is missing."""
    (loss, gradients), (wanted_loss, wanted_gradients) = found, wanted
    errors = {"the loss": _error(loss, wanted_loss)}
    errors |= {name: _error(gradients[name], value) if name in gradients else math.inf for name, value in wanted_gradients.items()}
    worst = max(errors, key=errors.__getitem__)
    return errors[worst], worst if worst == "the loss" else f"the gradient of {worst}"


def _error(found: Any, wanted: Any) -> float:
    a, b = np.asarray(found, float), np.asarray(wanted, float)
    if a.shape != b.shape or not np.isfinite(a).all():
        return math.inf
    largest = float(np.max(np.abs(b), initial=0.0))
    return float(np.max(np.abs(a - b), initial=0.0)) / max(largest, 1e-6)


def race(contestants: Sequence[Contestant], rounds: int, errors: Mapping[str, float] | None = None) -> tuple[Timing, ...]:
    """Time the contestants in turn, `rounds` times."""
    calls = {c.name: _calls(c) for c in contestants}
    seconds: dict[str, list[float]] = {c.name: [] for c in contestants}
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for number in range(rounds):
            turn = number % len(contestants)  # nobody always comes after the same one
            for contestant in (*contestants[turn:], *contestants[:turn]):
                seconds[contestant.name].append(_time(contestant.step, calls[contestant.name]))
            gc.collect()
    finally:
        if was_on:
            gc.enable()
    return tuple(Timing(c.name, tuple(seconds[c.name]), (errors or {}).get(c.name)) for c in contestants)


def _calls(contestant: Contestant) -> int:
    """How often it is called in a round."""
    for _ in range(WARMING):
        contestant.step()
    return max(1, math.ceil(MOMENT / max(_time(contestant.step, 1), 1e-7)))


def _time(step: Callable[[], Any], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        step()
    return (time.perf_counter() - start) / calls
