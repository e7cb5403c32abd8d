"""The witnesses of a module's gradients: one function each, from a setting to residuals.

Comes in: a setting (a bench, a point, the gradients that the module claims there). Goes out: a residual by name: `gradient W`,
`variable h`. Directional witnesses compare g·v: |g·v - b| / max(1, Σ|g_i v_i|), the worst over the directions v. The others compare
arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from rnnsym.algebra.operators import StopGradient, zeros
from rnnsym.algebra.system import System
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS
from rnnsym.calculus.adjoint import Adjoint
from rnnsym.calculus.tangent import Tangent, tangent
from rnnsym.program.interpret import interpret
from rnnsym.proof.bench import WIDTHS, Bench, Claim, Point
from rnnsym.proof.draws import Array
from rnnsym.proof.frozen import frozen_difference
from rnnsym.proof.sequences import error, sequences, together

COMPLEX_STEP, DIFFERENCES, TANGENTS, INTERPRETER, SINGLE = "complex step", "differences", "tangents", "interpreter", "float32"
DIRECTIONS = 2
Residuals = dict[str, float]


@dataclass(frozen=True)
class Setting:
    """Where it is measured: a bench, a point of it, the gradients that the module gives there, the adjoint equations of everything."""

    bench: Bench
    point: Point
    claims: tuple[Claim, ...]
    joined: Adjoint = field(repr=False)

    def label(self, claim: Claim) -> str:
        return f"gradient initial {claim.name}" if claim.group == "initial" else f"gradient {claim.name}"


@dataclass(frozen=True)
class Witness:
    """A name, what it does in words, the tolerance (for T steps), the function, and why it cannot be heard here ("" where it can)."""

    name: str
    how: str
    tolerance: Callable[[int], float]
    residuals: Callable[[Setting, np.random.Generator], Residuals]
    missing: str = ""


# ---------------------------------------------------------------- derivatives in a direction


def _along(setting: Setting, claim: Claim, rng: np.random.Generator, slope: Callable[[Array, float, float], float]) -> float:
    """The worst residual of one gradient over random directions; `slope` is told the direction, what is claimed and its scale."""
    worst = 0.0
    for _ in range(DIRECTIONS):
        direction = rng.standard_normal(claim.gradient.shape)
        terms = claim.gradient * direction
        claimed, scale = float(np.sum(terms)), max(1.0, float(np.sum(np.abs(terms))))
        residual = abs(claimed - slope(direction, claimed, scale)) / scale
        worst = worst if residual <= worst else residual  # a nan stays
    return worst


def by_complex_step(setting: Setting, rng: np.random.Generator) -> Residuals:
    """Im C(u + i h v) / h, through the module's own forward pass."""
    bench, point = setting.bench, setting.point
    return {setting.label(c): _along(setting, c, rng, lambda v, *_, c=c: bench.complex_step(point, c, v)) for c in setting.claims}


def by_differences(setting: Setting, rng: np.random.Generator) -> Residuals:
    """(C(u + h v) - C(u - h v)) / 2h, with what stop_gradient hides held fast; of the width that agrees best."""
    bench, point = setting.bench, setting.point
    hides = any(d.rhs.has(StopGradient) for d in bench.system.every_definition)

    def difference(claim: Claim, direction: Array, width: float) -> float:
        if hides:
            return frozen_difference(bench, point, claim, direction, width)
        return bench.difference(point, claim, direction, width)

    def slope(claim: Claim, direction: Array, claimed: float, scale: float) -> float:
        best = np.inf
        for width in WIDTHS:
            found = difference(claim, direction, width)
            best = found if not abs(claimed - best) <= abs(claimed - found) else best
            if abs(claimed - best) <= DIFFERENCE_TOLERANCE * scale:
                break
        return best

    return {setting.label(c): _along(setting, c, rng, lambda *v, c=c: slope(c, *v)) for c in setting.claims}


def by_tangents(setting: Setting, rng: np.random.Generator) -> Residuals:
    """The tangent equations, forwards, for all parameters, inputs and constants at once; one by one where the sum does not agree."""
    if setting.point.initial:  # the tangent equations have no directions for these
        return {}
    moving = tangent(setting.bench.system, [c.name for c in setting.claims])
    directions = {c.name: rng.standard_normal(c.gradient.shape) for c in setting.claims}
    residual = _tangent_residual(setting, moving, directions, setting.claims)
    if residual <= EXACT or not setting.claims:
        return {setting.label(c): residual for c in setting.claims}
    return {setting.label(c): _tangent_residual(setting, moving, directions, (c,)) for c in setting.claims}


def _tangent_residual(setting: Setting, moving: Tangent, directions: Mapping[str, Array], claims: tuple[Claim, ...]) -> float:
    """|Σ g·v - dC| / max(1, Σ|g_i v_i|) for the directions of these claims, the others at rest."""
    system = setting.bench.system
    alive = {c.name for c in claims}
    given = {name: v if name in alive else np.zeros_like(v) for name, v in directions.items()}
    both = Point(setting.point.params, {**setting.point.data})
    slopes = []
    for b, one in enumerate(sequences(setting.bench, both)):
        arrays = dict(one.arrays)
        for name, v in given.items():
            d = system.by_name[name]
            per_call = d.kind in ("param", "constant")
            arrays[moving.directions[name]] = v if per_call else v[: one.steps, b] if d.timed else v[b]
        run = interpret(moving.system, arrays, steps=one.steps, sizes=setting.bench.sizes)
        slope = float(np.sum(run.series(moving.tangents[STEP_LOSS]))) if STEP_LOSS in moving.tangents else 0.0
        slopes.append(slope + (float(run.static(moving.tangents[FINAL_LOSS])) if FINAL_LOSS in moving.tangents else 0.0))
    terms = [c.gradient * directions[c.name] for c in claims]
    scale = max(1.0, sum(float(np.sum(np.abs(u))) for u in terms))
    return abs(sum(float(np.sum(u)) for u in terms) - float(np.mean(slopes))) / scale


# ---------------------------------------------------------------- the same arrays, computed otherwise


def by_interpreter(setting: Setting, rng: np.random.Generator) -> Residuals:
    """The adjoint equations by the reference interpreter, one sequence at a time; the variables of the forward pass as well."""
    bench, joined = setting.bench, setting.joined
    seeds = {name: np.ones(()) for name in joined.seeds.values()}
    system = _without_flows(joined) if setting.point.initial else joined.system
    runs = [
        interpret(system, {**one.arrays, **seeds}, steps=one.steps, initial=one.initial, sizes=bench.sizes)
        for one in sequences(bench, setting.point)
    ]
    found: Residuals = {}
    for name, array in bench.trace(setting.point).items():
        d = bench.system.by_name[name]
        for b, run in enumerate(runs):
            if name in joined.system.by_name:
                wanted = run.series(name) if d.timed else run.static(name)
                here = array[: run.steps, b] if d.timed else array if np.ndim(array) == len(d.shape) else array[b]
                found[f"variable {name}"] = max(found.get(f"variable {name}", 0.0), error(here, wanted))
    by_name = [{n: run.series(v) if joined.system.by_name[v].timed else run.static(v) for n, v in joined.gradients.items()} for run in runs]
    return found | _against(setting, by_name)


def _without_flows(joined: Adjoint) -> System:
    """The adjoint equations where the caller gives what lies outside 1 … T: then nothing flows into the equations the file gives it."""
    flows = {flow for _, flow in joined.initial.values() if flow is not None}
    rows = tuple(replace(d, rhs=zeros(d.lhs.shape)) if d.name in flows else d for d in joined.system.definitions)
    return replace(joined.system, definitions=rows)


def _against(setting: Setting, gradients: Sequence[Mapping[str, Any]]) -> Residuals:
    """Residuals against the gradients of single sequences."""
    return {setting.label(c): error(c.gradient, together(setting.bench, c, gradients)) for c in setting.claims}


def by_single_precision(setting: Setting, rng: np.random.Generator) -> Residuals:
    """The module in float32 against itself in float64.

    Where a model is badly conditioned (`1 / log(e + x)` beside its pole), rounding the arrays alone moves its gradients far; ten times
    that is no fault of the module and is not counted.
    """
    single = setting.bench.claims(setting.point, np.float32)[1]
    residuals = [error(s.gradient, c.gradient) for c, s in zip(setting.claims, single, strict=True)]
    if max(residuals, default=0.0) > SINGLE_TOLERANCE:
        rounded = setting.bench.claims(setting.point.rounded())[1]
        moved = max(error(r.gradient, c.gradient) for c, r in zip(setting.claims, rounded, strict=True))
        residuals = [_beyond(r, 10 * moved) for r in residuals] if np.isfinite(moved) else residuals
    return {setting.label(c): r for c, r in zip(setting.claims, residuals, strict=True)}


def _beyond(residual: float, excused: float) -> float:
    """What is left of a residual; a nan stays one."""
    return 0.0 if residual <= excused else residual - excused


# ---------------------------------------------------------------- the table

DIFFERENCE_TOLERANCE, EXACT, SINGLE_TOLERANCE = 1e-6, 1e-11, 1e-4

WITNESSES = (
    Witness(COMPLEX_STEP, "complex step, in random directions", lambda steps: 1e-12, by_complex_step),
    Witness(DIFFERENCES, "central differences, in random directions", lambda steps: DIFFERENCE_TOLERANCE, by_differences),
    Witness(TANGENTS, "tangent equations, forwards", lambda steps: EXACT, by_tangents),
    Witness(INTERPRETER, "module against interpreter", lambda steps: EXACT, by_interpreter),
    Witness(SINGLE, "float32 against float64", lambda steps: SINGLE_TOLERANCE * max(1.0, (steps / 100) ** 0.5), by_single_precision),
)
PEERS = {"torch": "PyTorch's autograd", "jax": "JAX's grad"}


def heard(peers: Iterable[str] = ()) -> tuple[Witness, ...]:
    """Our own witnesses, and those of other libraries that are asked for."""
    return (*WITNESSES, *map(foreign, peers))


def foreign(peer: str) -> Witness:
    """The witness of another library."""

    def residuals(setting: Setting, rng: np.random.Generator) -> Residuals:
        from rnnsym.proof.peers import gradients  # brings PyTorch or JAX: only when asked for

        bench, keys = setting.bench, list(setting.joined.gradients)
        if not bench.ragged:  # there the first sequence is whole, the others shorter: enough for what is slow
            return {}
        found = [gradients(peer, bench.system, one, bench.sizes, keys) for one in sequences(bench, setting.point)]
        heard = [c for c in setting.claims if np.isfinite(together(bench, c, found)).all()]  # theirs is nan behind a branch not taken
        return _against(replace(setting, claims=tuple(heard)), found)

    missing = "" if find_spec(peer) else f"{peer} is not installed"
    return Witness(peer, PEERS[peer], lambda steps: EXACT, residuals, missing)


__all__ = ["PEERS", "WITNESSES", "Setting", "Witness", "foreign", "heard"]
