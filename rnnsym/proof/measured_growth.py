"""Measured: how errors vanish or explode with the distance in time, for recurrent weights of several scales, beside the bound.

Comes in: a System. Goes out: a `GrowthReport`. C_T is the cost of the last step alone (for a recurrence that runs backwards, of the first;
where the model has only one cost for the whole sequence, that). Measured are ‖dC_T/ds_k‖, every path included, and ‖ds_T/ds_k‖₂, the
product of the step Jacobians, over random sequences; a rate per step is fitted to the median. The bound is computed from the same run
with the formula that the documents print.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.system import Declaration, System
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS
from rnnsym.calculus.adjoint import INITIAL, Adjoint, adjoint
from rnnsym.calculus.prepare import prepare
from rnnsym.calculus.ranges import Ranges
from rnnsym.derivation.growth import Growth
from rnnsym.derivation.recurrence import Recurrence, recurrences
from rnnsym.errors import UsageError
from rnnsym.program.interpret import Run, interpret
from rnnsym.program.linear_action import StepMatrices
from rnnsym.proof.draws import constraints
from rnnsym.proof.recurrent_weights import critical_scale, drawn_parameters, recurrent_weights, scaled_weights, spectral_norm

Array = np.ndarray
SCALES = (0.5, 1.0, 2.0)
WORDS = ("small", "critical", "large")  # critical: where the bound of a step is 1
WORDS_WITHOUT_BOUND = ("small", "medium", "large")  # where no scale makes the bound 1
SEQUENCES = 3
WIDEST = 256  # entries of a state whose step Jacobian is still multiplied out
_QUIET = 0.1  # size of inputs: small ones keep functions near their steepest slope, where the bound is nearest


@dataclass(frozen=True)
class Curve:
    """One recurrence at one scale of the recurrent weights, against the distance 0, 1, … from the step of the cost.

    scale      the scale (None: the parameters as they start), and its word
    weights    ‖·‖₂ of each recurrent weight
    cost       median over the sequences of ‖dC_T/ds_k‖, with its least and its largest value
    jacobian   median of ‖ds_T/ds_k‖₂; empty where the state is too wide
    bound      median of the bound of ‖ds_T/ds_k‖₂
    """

    scale: float | None
    word: str
    weights: Mapping[str, float]
    cost: tuple[float, ...]
    least: tuple[float, ...]
    largest: tuple[float, ...]
    jacobian: tuple[float, ...]
    bound: tuple[float, ...]

    @cached_property
    def rate(self) -> float | None:
        """The factor per step of ‖ds_T/ds_k‖₂ (where it is not at hand, of ‖dC_T/ds_k‖), fitted to its logarithm."""
        return fitted_rate(self.jacobian or self.cost)

    @cached_property
    def cost_rate(self) -> float | None:
        return fitted_rate(self.cost)

    @cached_property
    def bound_rate(self) -> float | None:
        """The bound's factor per step, fitted in the same way."""
        return fitted_rate(self.bound)


@dataclass(frozen=True)
class Measured:
    """One recurrence: its carried variables, its direction, its curves."""

    states: tuple[str, ...]
    direction: int
    curves: tuple[Curve, ...]

    @property
    def end(self) -> str:
        """The step whose cost is differentiated."""
        return "T" if self.direction > 0 else "1"


@dataclass(frozen=True)
class GrowthReport:
    """What was measured, for which sizes; `sentence` says what it shows."""

    model: str
    seed: int
    steps: int
    sizes: Mapping[str, int]
    weights: tuple[str, ...]
    recurrences: tuple[Measured, ...]
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        out = asdict(self)
        for measured, row in zip(self.recurrences, out["recurrences"], strict=True):
            for curve, plain in zip(measured.curves, row["curves"], strict=True):
                plain |= {"rate": curve.rate, "cost_rate": curve.cost_rate, "bound_rate": curve.bound_rate}
        return out


def fitted_rate(norms: Sequence[float]) -> float | None:
    """exp of the slope of log ‖·‖ against the distance, by least squares over what is neither zero nor infinite."""
    values = np.asarray(norms, float)
    usable = np.flatnonzero(np.isfinite(values) & (values > 1e-290))
    if len(usable) < 3:
        return None
    start = usable[usable >= min(3, len(values) // 4)]  # the first steps hold how the cost reads the state, not the law
    chosen = start if len(start) >= 3 else usable
    slope = np.polyfit(chosen.astype(float), np.log(values[chosen]), 1)[0]
    return float(np.exp(slope))


# ---------------------------------------------------------------- the measurement


def measure_growth(
    system: System,
    *,
    sizes: Mapping[str, int] | None = None,
    steps: int = 40,
    seed: int = 0,
    scales: Sequence[float] | None = None,
    told: Callable[[str], None] | None = None,
) -> GrowthReport:
    """Measure the norms of dC_T/ds_k and ds_T/ds_k for every recurrence of a model.

    sizes    numbers for sizes; those not given are chosen (32 for states, smaller where matrices or many values are carried)
    scales   of the recurrent weights, their ‖·‖₂; by default half the critical scale, the critical one and twice it (critical: where
             the bound of a step is 1; where no scale does that, 1)
    Raises UsageError where the model has no recurrence.
    """
    prepared = prepare(system)
    found = recurrences(prepared)
    if not found:
        raise UsageError.at("U701", f"`{system.name}` has no recurrence: no value depends on itself through time", file="analyze")
    numbers = chosen_sizes(system, found, sizes or {})
    growths = [Growth(r, Ranges(prepared)) for r in found]
    weights = recurrent_weights(found)
    joined = adjoint(prepared, [*(p.name for p in prepared.params), INITIAL], upstream=True)
    settings = _settings(scales, growths, weights)
    curves: list[list[Curve]] = [[] for _ in found]
    for scale, word in settings:
        if told is not None:
            told(f" {word}")
        drawn = drawn_parameters(system, numbers, np.random.default_rng(seed))
        if scale is not None:
            drawn |= scaled_weights(system, weights, scale, numbers, seed)
        norms = {name: spectral_norm(drawn[name]) for name in weights}
        runs = [_runs(joined, drawn, numbers, steps, (seed, s), found) for s in range(SEQUENCES)]
        for place, (recurrence, growth) in enumerate(zip(found, growths, strict=True)):
            rows = [_norms_of(joined, recurrence, growth, both[recurrence.direction], numbers) for both in runs]
            curves[place].append(_curve(scale, word, norms, rows))
    measured = tuple(Measured(tuple(q.name for q in r.variables), r.direction, tuple(c)) for r, c in zip(found, curves, strict=True))
    return GrowthReport(system.name, seed, steps, numbers, weights, measured, tuple(_notes(prepared, found, numbers, weights)))


def _settings(scales: Sequence[float] | None, growths: list[Growth], weights: tuple[str, ...]) -> list[tuple[float | None, str]]:
    if not weights:
        return [(None, "as it starts")]
    found = [scale for scale in map(critical_scale, growths) if scale is not None]
    if scales is not None:
        return [(s, f"{s:g}") for s in scales]
    return [(min(found, default=1.0) * s, word) for s, word in zip(SCALES, WORDS if found else WORDS_WITHOUT_BOUND, strict=True)]


def _notes(prepared: System, found: tuple[Recurrence, ...], numbers: Mapping[str, int], weights: tuple[str, ...]):
    if not weights:
        yield "No parameter multiplies the carried values: one curve, with the parameters as training starts with them."
    if STEP_LOSS not in prepared.by_name and FINAL_LOSS not in prepared.by_name:
        yield "The model has no cost: the state's own Jacobians are measured alone."
    if any(_width(r, numbers) > WIDEST for r in found):
        yield f"A state with more than {WIDEST} entries: its Jacobians are not multiplied out; --sizes makes it smaller."


def chosen_sizes(system: System, found: tuple[Recurrence, ...], given: Mapping[str, int]) -> dict[str, int]:
    """A number for every size: as given, otherwise 32 for carried vectors, 6 for carried matrices, 8 for the rest; all slices exist."""
    in_matrices = {s.name for r in found for q in r.carried if len(q.shape) == 2 for n in q.shape for s in n.free_symbols}
    in_vectors = {s.name for r in found for q in r.carried if len(q.shape) == 1 for n in q.shape for s in n.free_symbols}
    wide = 32 if max(len(r.carried) for r in found) <= 2 else 12
    names = [s.name for s in system.sizes]
    numbers = {n: given.get(n, 6 if n in in_matrices else wide if n in in_vectors else 8) for n in names}
    lengths, slices = constraints(system)
    fits = all(size_value(n, numbers) >= 1 for n in lengths) and all(
        0 <= size_value(a, numbers) <= size_value(b, numbers) <= size_value(n, numbers) for a, b, n in slices
    )
    if not fits:
        text = ", ".join(f"{n}={v}" for n, v in numbers.items())
        raise UsageError.at(
            "U501", f"the sizes {text} do not fit every shape of `{system.name}`", instead="--sizes with others", file="analyze"
        )
    return numbers


def _width(recurrence: Recurrence, numbers: Mapping[str, int]) -> int:
    return sum(int(np.prod([size_value(n, numbers) for n in q.shape])) for q in recurrence.carried)


# ---------------------------------------------------------------- one sequence

Norms = tuple[list[float], list[float], list[float]]  # of the cost, of the Jacobians, of their bound


def _runs(
    joined: Adjoint,
    drawn: Mapping[str, Array],
    numbers: Mapping[str, int],
    steps: int,
    seed: tuple[int, int],
    found: tuple[Recurrence, ...],
) -> dict[int, Run]:
    """One random sequence, computed with the cost of its last step (its first, for recurrences that run backwards)."""
    out = {}
    for direction in {r.direction for r in found}:
        rng = np.random.default_rng(seed)
        end = steps if direction > 0 else 1
        arrays = {d.name: _data(d, joined, drawn, numbers, steps, end, rng) for d in joined.system.declarations if d.kind != "variable"}
        fixed = {d.name for d in joined.system.constants if d.start is not None}
        with np.errstate(all="ignore"):
            out[direction] = interpret(joined.system, {n: a for n, a in arrays.items() if n not in fixed}, steps=steps, sizes=numbers)
    return out


def _norms_of(joined: Adjoint, recurrence: Recurrence, growth: Growth, run: Run, numbers: Mapping[str, int]) -> Norms:
    away = list(range(run.steps, 0, -1) if recurrence.direction > 0 else range(1, run.steps + 1))
    errors = [joined.errors[q.name] for q in recurrence.variables if q.name in joined.errors]
    with np.errstate(all="ignore"):
        cost = [float(np.sqrt(sum(np.sum(run.at(e, k) ** 2) for e in errors))) for k in away] if joined.seeds else []
        return (cost, *_products(recurrence, growth, run, away)) if _width(recurrence, numbers) <= WIDEST else (cost, [], [])


def _data(declaration: Declaration, joined: Adjoint, drawn: Mapping[str, Array], numbers, steps: int, end: int, rng) -> Array:
    """Parameters as drawn, small inputs, shares of one as targets; of the seeds, 1 at the step whose cost is differentiated."""
    name, shape = declaration.name, tuple(size_value(n, numbers) for n in declaration.shape)
    lead = (steps,) if declaration.timed else ()
    if name in drawn:
        return drawn[name]
    if name in joined.seeds.values():
        return _seed(declaration, joined, steps, end)
    if name in joined.upstream.values():
        return np.zeros(lead + shape)
    if declaration.kind == "token":
        return rng.integers(0, shape[0], lead)
    if declaration.kind == "target" and len(shape) == 1:
        return rng.dirichlet(np.ones(shape[0]), lead or None)
    if declaration.kind == "constant":
        return rng.uniform(0.5, 1.0, shape) / max(1, shape[-1] if len(shape) == 2 else 1)
    return _QUIET * rng.standard_normal(lead + shape)


def _seed(declaration: Declaration, joined: Adjoint, steps: int, end: int) -> Array:
    of_step = declaration.name == joined.seeds.get(STEP_LOSS)
    if not declaration.timed:
        return np.asarray(0.0 if not of_step and STEP_LOSS in joined.seeds else 1.0)
    return (np.arange(1, steps + 1) == end).astype(float)


def _products(recurrence: Recurrence, growth: Growth, run: Run, away: list[int]) -> tuple[list[float], list[float]]:
    """‖ds_T/ds_k‖₂ and its bound for k = T, T-1, … (from the first step on where it runs backwards)."""
    norms, bounds = [1.0], [1.0]
    total: Array | None = None
    fixed: dict = {}
    for step in away[:-1]:
        matrices = StepMatrices(recurrence, run, step, fixed)
        jacobian = matrices.jacobian
        total = jacobian if total is None else total @ jacobian
        norms.append(_norm(total))
        numbers = [[_number(growth, matrices, of, by) for by in recurrence.previous] for of in recurrence.carried]
        bounds.append(bounds[-1] * _norm(np.array(numbers)))
    return norms, bounds


def _norm(matrix: Array) -> float:
    return float(np.linalg.norm(matrix, 2)) if np.all(np.isfinite(matrix)) else float("inf")


def _number(growth: Growth, matrices: StepMatrices, of, by) -> float:
    bound = growth.bounds.get((of, by))
    return float(of == by) if bound is None else matrices.bound(bound)


def _curve(scale: float | None, word: str, norms: Mapping[str, float], runs: list[Norms]) -> Curve:
    cost, jacobian, bound = (np.array([r[i] for r in runs]) for i in range(3))

    def summary(values: Array, of) -> tuple[float, ...]:
        return tuple(float(v) for v in of(values, axis=0)) if values.size else ()

    return Curve(
        scale, word, norms, summary(cost, np.median), summary(cost, np.min), summary(cost, np.max), summary(jacobian, np.median),
        summary(bound, np.median),
    )  # fmt: skip


__all__ = ["Curve", "GrowthReport", "Measured", "fitted_rate", "measure_growth"]
