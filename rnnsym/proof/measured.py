"""Measured: are the generated module's gradients right, on random arrays in float64?

Comes in: a System (and, to test this check itself, a module in place of the generated one). Goes out: a `Report`. Two witnesses, neither
of which knows a rule of ours: the complex step, Im C(w + i·h·v) / h, exact to rounding (Squire & Trapp 1998), and central differences
(C(w + h·v) - C(w - h·v)) / 2h. Each is compared with the sum of gradient times direction v, for random directions, name by name; once
for sequences of equal length and once for a padded batch with nan in its padding. The worse of the two counts.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np

from rnnsym.algebra.operators import StopGradient
from rnnsym.algebra.system import System
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS
from rnnsym.errors import UsageError
from rnnsym.live import compile
from rnnsym.proof.bench import WIDTHS, Bench, Claim, Point
from rnnsym.proof.draws import BATCH, Array, small_sizes

COMPLEX_TOLERANCE, DIFFERENCE_TOLERANCE = 1e-12, 1e-6
DIRECTIONS = 2


@dataclass(frozen=True)
class Measurement:
    """One gradient g. Errors are |g·v - b| / max(1, Σ|g_i v_i|), the worst over the directions v; None: that witness does not apply."""

    name: str
    kind: str
    shape: tuple[int, ...]
    complex_step: float
    differences: float | None

    @property
    def is_right(self) -> bool:
        """Whether both witnesses agree (a nan never does)."""
        return self.complex_step <= COMPLEX_TOLERANCE and (self.differences is None or self.differences <= DIFFERENCE_TOLERANCE)


@dataclass(frozen=True)
class Report:
    """What was measured, at which sizes, and the sentence that follows."""

    model: str
    seed: int
    sizes: dict[str, int]
    loss: float
    measurements: tuple[Measurement, ...]

    @property
    def wrong(self) -> tuple[Measurement, ...]:
        return tuple(m for m in self.measurements if not m.is_right)

    @property
    def is_right(self) -> bool:
        return not self.wrong

    @property
    def sentence(self) -> str:
        """The outcome in one sentence."""
        if not self.measurements:
            return f"{self.model}: there is nothing to measure: the model has no parameter and no real data."
        if not self.wrong:
            return f"{self.model}: all {len(self.measurements)} gradients agree with complex step and central differences."
        first, others = self.wrong[0], len(self.wrong) - 1
        more = (
            f" ({others} more of {len(self.measurements)} are wrong too)"
            if others
            else f" (the other {len(self.measurements) - 1} are right)"
        )
        return f"{self.model}: the gradient of `{first.name}` is wrong{more}."

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data, for JSON."""
        rows: list[dict[str, Any]] = [
            {"name": m.name, "kind": m.kind, "shape": list(m.shape), "complex_step": _finite(m.complex_step)}
            | {"differences": None if m.differences is None else _finite(m.differences), "is_right": m.is_right}
            for m in self.measurements
        ]
        return {
            "model": self.model, "seed": self.seed, "sizes": self.sizes, "loss": self.loss, "is_right": self.is_right,
            "tolerances": {"complex_step": COMPLEX_TOLERANCE, "differences": DIFFERENCE_TOLERANCE},
            "sentence": self.sentence, "gradients": rows,
        }  # fmt: skip

    def __str__(self) -> str:
        rows = [("gradient of", "shape", "complex step", "differences", "")]
        for m in self.measurements:
            shape = " × ".join(map(str, m.shape)) or "scalar"
            differences = "–" if m.differences is None else f"{m.differences:.1e}"
            rows.append((m.name, shape, f"{m.complex_step:.1e}", differences, "right" if m.is_right else "WRONG"))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, "", self.sentence])


def _finite(value: float) -> float | str:
    return value if np.isfinite(value) else str(value)


def verify(system: System, seed: int = 0, module: ModuleType | None = None, told: Callable[[str], None] | None = None) -> Report:
    """Measure every gradient of the model's module: of parameters, inputs, constants that the caller gives, initial values.

    seed: of arrays and directions. module: what to measure instead of the generated module, of the same interface. told: is told
    the name of each gradient before it is measured.
    Raises UsageError where the model has no cost, or no random arrays are found at which it is finite.

    >>> import rnnsym
    >>> print(verify(rnnsym.load("elman")).sentence)
    elman: all 7 gradients agree with complex step and central differences.
    """
    module = module or compile(system)
    if not any(d.name in (STEP_LOSS, FINAL_LOSS) for d in system.definitions):
        raise UsageError.at("U502", f"`{system.name}` has no cost, so there is no gradient to verify", instead="loss[t] = …", file="verify")
    bench = Bench(system, module, small_sizes(system))
    rng = np.random.default_rng(seed)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        point, loss, _ = bench.find_point(rng)
        whole, ragged = (_measurements(b, point, rng, told) for b in (bench, replace(bench, ragged=True)))
    return Report(system.name, seed, {**bench.sizes, "T": bench.steps, "B": BATCH}, loss, tuple(map(_worst, whole, ragged)))


def _measurements(bench: Bench, point: Point, rng: np.random.Generator, told: Callable[[str], None] | None) -> list[Measurement]:
    """Every gradient at a point, and those of initial values at the same point with initial values."""
    outside = bench.with_initial(point, rng)
    found = []
    for here in [point, outside] if outside.initial else [point]:
        for claim in bench.claims(here)[1]:
            if told:
                told(claim.name)
            found.append(_measure(bench, here, claim, rng))
    return found


def _worst(left: Measurement, right: Measurement) -> Measurement:
    """The larger errors of two measurements of one gradient."""
    differences = None if left.differences is None or right.differences is None else _worse(left.differences, right.differences)
    return replace(left, complex_step=_worse(left.complex_step, right.complex_step), differences=differences)


def _measure(bench: Bench, point: Point, claim: Claim, rng: np.random.Generator) -> Measurement:
    """The worst error of one gradient over the directions."""
    by_step, by_differences = 0.0, 0.0
    for _ in range(DIRECTIONS):
        direction = rng.standard_normal(claim.gradient.shape)
        terms = claim.gradient * direction
        claimed, scale = float(np.sum(terms)), max(1.0, float(np.sum(np.abs(terms))))
        by_step = _worse(by_step, abs(claimed - bench.complex_step(point, claim, direction)) / scale)
        by_differences = _worse(by_differences, _by_differences(bench, point, claim, direction, claimed, scale))
    kind = "initial" if claim.group == "initial" else bench.system.by_name[claim.name].kind
    comparable = not any(d.rhs.has(StopGradient) for d in bench.system.every_definition)  # differences see what it hides
    name = f"initial {claim.name}" if claim.group == "initial" else claim.name
    return Measurement(name, kind, claim.gradient.shape, by_step, by_differences if comparable else None)


def _by_differences(bench: Bench, point: Point, claim: Claim, direction: Array, claimed: float, scale: float) -> float:
    """The error against differences of the first width that agrees: a kink may lie inside one, a wrong gradient is wrong at all."""
    best = np.inf
    for width in WIDTHS:
        best = min(best, abs(claimed - bench.difference(point, claim, direction, width)) / scale)
        if best <= DIFFERENCE_TOLERANCE:
            break
    return best


def _worse(left: float, right: float) -> float:
    return left if np.isnan(left) or right <= left else right  # a nan is the worst
