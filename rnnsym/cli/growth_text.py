"""A `GrowthReport` as text: a table for every recurrence, what was measured beside what bounds it, and sentences.

Comes in: a report. Goes out: lines for a terminal. A rate is an average over steps and directions, fitted; a bound is what no step can
exceed; both are shown, never equated.
"""

from __future__ import annotations

from collections.abc import Iterator

from rnnsym.cli.terminal import table
from rnnsym.proof.measured_growth import Curve, GrowthReport, Measured

_NEAR = 0.02  # of 1: neither vanishing nor exploding


def growth_text(report: GrowthReport) -> str:
    """The whole report."""
    sizes = ", ".join(f"{n} = {v}" for n, v in report.sizes.items())
    head = f"{report.model}: how errors vanish or explode with the distance in time"
    lines = [head, f"  T = {report.steps}, {sizes or 'no sizes'}, seed {report.seed}; medians over a few random sequences"]
    if report.weights:
        lines.append(f"  recurrent weights: {', '.join(report.weights)}, each with ‖·‖₂ as in the table")
    for measured in report.recurrences:
        lines += ["", *_one(measured, report)]
    lines += ["", *(f"note: {note}" for note in report.notes)]
    lines += [
        "rate: the factor per step of ‖ds_T/ds_k‖₂, an average, fitted to its logarithm; bound: what the derivation's bound allows.",
        "A rate is not a bound: below 1 the bound proves that errors vanish, above 1 it proves nothing.",
    ]
    return "\n".join(lines)


def _one(measured: Measured, report: GrowthReport) -> Iterator[str]:
    away = _distances(report.steps)
    how = ", backwards in time" if measured.direction < 0 else ""
    yield f"state {', '.join(measured.states)}{how}"
    has_cost = any(any(curve.cost) for curve in measured.curves)
    sign = "+" if measured.direction < 0 else "-"
    what = f"‖dC_{measured.end}/ds_k‖" if has_cost else f"‖ds_{measured.end}/ds_k‖₂"
    columns = [f"k = {measured.end}{sign}{d}" if d else f"k = {measured.end}" for d in away]
    rows = [("recurrent weights", "‖·‖₂", *columns, "rate", "bound")]
    for curve in measured.curves:
        values = curve.cost if has_cost else curve.jacobian
        shown = [_norm(values[d]) if d < len(values) else "–" for d in away]
        scale = "–" if curve.scale is None else f"{curve.scale:.3g}"
        rows.append((curve.word, scale, *shown, _rate(curve.rate), _rate(curve.bound_rate)))
    yield f"  {what} at"
    yield table(rows)
    yield from (f"  {curve.word}: {_verdict(curve)}" for curve in measured.curves)


def _distances(steps: int) -> list[int]:
    """A few distances, from none to all of the sequence."""
    return sorted({round(part * (steps - 1)) for part in (0, 0.25, 0.5, 0.75, 1)})


def _norm(value: float) -> str:
    return "0" if value == 0 else f"{value:.1e}"


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _verdict(curve: Curve) -> str:
    """What happened, and whether it had to."""
    rate, bound = curve.rate, curve.bound_rate
    if rate is None:
        return "too few norms that are neither zero nor infinite to fit a rate"
    if rate < 1 - _NEAR:
        what = f"errors vanish, by {rate:.3f} per step"
        had_to = "as they must" if bound is not None and bound < 1 - 1e-9 else "though the bound does not force them to"
        return f"{what}; {had_to}" + (f" (bound {bound:.3f})" if bound is not None else "")
    if rate > 1 + _NEAR:
        return f"errors explode, by {rate:.3f} per step" + (f"; the bound allows {bound:.3f}" if bound is not None else "")
    return f"errors are kept, by {rate:.3f} per step" + (f"; the bound allows {bound:.3f}" if bound is not None else "")
