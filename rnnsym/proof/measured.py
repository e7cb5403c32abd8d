"""Measured: are the generated module's gradients right, on random arrays?

Comes in: a System and its module. Goes out: for every gradient the residual against every witness. None of them is enough alone: the
complex step Im C(w + i·h·v) / h (Squire & Trapp 1998) and central differences know no rule of ours; the tangent equations are derived
by other rules, forwards; the interpreter computes the same adjoint equations, one sequence at a time, and so finds what the code
generator did to them; single precision finds what rounding does. Everything is measured for sequences of equal length and for a padded
batch with nan in its padding, with the model's own initial values and with the caller's. The worst counts.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType

import numpy as np

from rnnsym.algebra.system import System
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS
from rnnsym.calculus.adjoint import adjoint
from rnnsym.calculus.prepare import prepare
from rnnsym.errors import UsageError
from rnnsym.live import compile
from rnnsym.proof.bench import Bench, Claim
from rnnsym.proof.draws import BATCH, small_sizes
from rnnsym.proof.finite_field import everything
from rnnsym.proof.kinks import CLEAR, Kinks, kinks_near
from rnnsym.proof.witnesses import COMPLEX_STEP, DIFFERENCES, PEERS, WITNESSES, Setting, Witness

TRIED = 20  # points, until one is clear of kinks


@dataclass(frozen=True)
class Measurement:
    """One gradient of the module, or one of its variables, and its residual against each witness that applies, by the witness's name."""

    name: str
    kind: str
    shape: tuple[int, ...]
    residuals: Mapping[str, float]

    def fails(self, tolerances: Mapping[str, float]) -> tuple[str, ...]:
        """The witnesses that do not agree (with a nan none does)."""
        return tuple(w for w, residual in self.residuals.items() if not residual <= tolerances[w])


@dataclass(frozen=True)
class Measured:
    """What was measured, at which sizes.

    gradients   of parameters, inputs, constants that the caller gives, initial values; in the order of the model
    variables   of the forward pass, against the interpreter
    tolerances  by witness
    seconds     by witness
    skipped     witnesses that do not apply, and why
    """

    model: str
    seed: int
    sizes: Mapping[str, int]
    loss: float
    gradients: tuple[Measurement, ...]
    variables: tuple[Measurement, ...]
    tolerances: Mapping[str, float]
    seconds: Mapping[str, float] = field(compare=False)
    skipped: Mapping[str, str] = field(default_factory=dict)

    @property
    def wrong(self) -> tuple[Measurement, ...]:
        """What some witness contradicts: variables in the order of the equations, then gradients."""
        return tuple(m for m in (*self.variables, *self.gradients) if m.fails(self.tolerances))

    @property
    def is_right(self) -> bool:
        return not self.wrong

    def worst(self, witness: str) -> float | None:
        """The largest residual against a witness; None where it saw nothing."""
        found = [m.residuals[witness] for m in (*self.variables, *self.gradients) if witness in m.residuals]
        return max(found, key=lambda r: np.inf if np.isnan(r) else r, default=None)


def measure(
    system: System,
    seed: int = 0,
    module: ModuleType | None = None,
    witnesses: Sequence[Witness] = WITNESSES,
    told: Callable[[str], None] | None = None,
) -> Measured:
    """Measure every gradient of the model's module, and every variable of its forward pass.

    seed: of arrays and directions. module: what to measure instead of the generated module, of the same interface. told: is told the name
    of each witness before it is heard.
    Raises UsageError where the model has no cost, or no random arrays are found at which it is finite.

    >>> import rnnsym
    >>> found = measure(rnnsym.load("elman"))
    >>> len(found.gradients), found.is_right
    (7, True)
    """
    if not any(d.name in (STEP_LOSS, FINAL_LOSS) for d in system.definitions):
        raise UsageError.at("U502", f"`{system.name}` has no cost, so there is no gradient to verify", instead="loss[t] = …", file="verify")
    skipped = {w.name: w.missing for w in witnesses if w.missing}
    bench = Bench(system, module or compile(system), small_sizes(system))
    rng = np.random.default_rng(seed)
    rows: dict[tuple[str, str], Measurement] = {}
    seconds: dict[str, float] = {}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        loss, settings, kinks = _settings(bench, rng)
        skipped = _beside_kinks(kinks) | skipped
        for witness in witnesses:
            if witness.name in skipped:
                continue
            if told:
                told(witness.name)
            start = time.perf_counter()
            for setting in settings:
                for name, residual in witness.residuals(setting, rng).items():
                    _enter(rows, setting, witness.name, name, residual)
            seconds[witness.name] = time.perf_counter() - start
    gradients = tuple(rows[key] for key in _order(rows, settings) if key[0] == "gradient")
    variables = tuple(row for key, row in rows.items() if key[0] == "variable")
    sizes = {**bench.sizes, "T": bench.steps, "B": BATCH}
    tolerances = {w.name: w.tolerance(bench.steps) for w in witnesses}
    return Measured(system.name, seed, sizes, loss, gradients, variables, tolerances, seconds, skipped)


def _settings(bench: Bench, rng: np.random.Generator) -> tuple[float, list[Setting], Kinks]:
    """The places where it is measured: whole and ragged, each without and with initial values of the caller's; far from kinks."""
    best: tuple[float, list[Setting], Kinks] | None = None
    joined = adjoint(prepare(bench.system), everything(bench.system))
    for _ in range(TRIED):
        point, loss, claims = bench.find_point(rng)
        outside = bench.with_initial(point, rng)
        settings, kinks = [], Kinks()
        for here in (bench, replace(bench, ragged=True)):
            for place in [point, outside] if outside.initial else [point]:
                here_claimed = claims if here is bench and place is point else here.claims(place)[1]
                settings.append(Setting(here, place, here_claimed, joined))
                near = kinks_near(here, place, rng)
                kinks = Kinks(min(kinks.distance, near.distance), kinks.touched | near.touched)
        if best is None or kinks.distance > best[2].distance:
            best = loss, settings, kinks
        if kinks.distance >= CLEAR or kinks.touched:
            break
    assert best is not None
    return best


def _beside_kinks(kinks: Kinks) -> dict[str, str]:
    """The witnesses that say nothing there."""
    if kinks.touched:
        why = f"the point lies on a kink, whatever is drawn ({', '.join(kinks.touched)})"
        return dict.fromkeys((COMPLEX_STEP, DIFFERENCES, *PEERS), why)
    if kinks.distance < CLEAR / 10:
        return {DIFFERENCES: f"every point tried lies within {CLEAR / 10:g} of a kink"}
    return {}


def _enter(rows: dict[tuple[str, str], Measurement], setting: Setting, witness: str, name: str, residual: float) -> None:
    """Keep the larger residual; a nan is the largest."""
    group, _, label = name.partition(" ")
    key = (group, label)
    if key not in rows:
        rows[key] = Measurement(label, *_facts(setting, group, label), {})
    old = rows[key].residuals.get(witness, 0.0)
    worse = old if np.isnan(old) or residual <= old else residual
    rows[key] = replace(rows[key], residuals={**rows[key].residuals, witness: worse})


def _facts(setting: Setting, group: str, label: str) -> tuple[str, tuple[int, ...]]:
    if group == "variable":
        return "variable", ()
    claim = next(c for c in setting.claims if gradient_label(c) == label)
    kind = "initial" if claim.group == "initial" else setting.bench.system.by_name[claim.name].kind
    return kind, claim.gradient.shape


def gradient_label(claim: Claim) -> str:
    """What a gradient is called in a report: `W`, `x`, `initial h`."""
    return f"initial {claim.name}" if claim.group == "initial" else claim.name


def _order(rows: Mapping[tuple[str, str], Measurement], settings: Iterable[Setting]) -> list[tuple[str, str]]:
    """The gradients in the order in which the module gives them."""
    claimed = [("gradient", gradient_label(c)) for s in settings for c in s.claims]
    return [key for key in dict.fromkeys(claimed) if key in rows]


__all__ = ["Measured", "Measurement", "measure"]
