"""A second opinion in double precision on gradients about which the exact check is in doubt.

Comes in: a System, its adjoint System, names of gradients. Goes out: those that agree with the complex step through the interpreter, at
random real numbers. The field knows few relations between functions; real numbers know them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.system import System
from rnnsym.calculus.adjoint import Adjoint
from rnnsym.errors import RnnsymError
from rnnsym.program.interpret import interpret
from rnnsym.proof.draws import STYLES, Style, small_sizes

TOLERANCE, STEP = 1e-10, 1e-30
TRIED = 3  # points for each style of drawing


def confirmed(system: System, joined: Adjoint, names: Iterable[str], seed: int) -> set[str]:
    """The names whose gradients agree at every point where everything is finite, and at one point at least."""
    agreed: dict[str, list[bool]] = {name: [] for name in names}
    rng = np.random.default_rng(seed)
    for style in STYLES:
        for _ in range(TRIED):
            try:
                with np.errstate(all="ignore"):
                    _compare(system, joined, agreed, style, rng)
            except (RnnsymError, FloatingPointError, OverflowError, ZeroDivisionError):
                continue
        if all(agreed.values()):
            break
    return {name for name, votes in agreed.items() if votes and all(votes)}


def _compare(system: System, joined: Adjoint, agreed: dict[str, list[bool]], style: Style, rng: np.random.Generator) -> None:
    sizes = small_sizes(system)
    reach = max((max(extent) for extent in system.extents.values()), default=0)
    steps = reach + 3
    arrays: dict[str, Any] = {}
    for d in system.declarations:
        if d.kind == "variable" or (d.kind == "constant" and d.start is not None):
            continue
        shape = ((steps,) if d.timed else ()) + tuple(size_value(s, sizes) for s in d.shape)
        positive = style.positive_params if d.kind == "param" else style.positive_data or d.kind == "target"
        arrays[d.name] = rng.uniform(0.1, 0.9, shape) if positive else style.spread * rng.standard_normal(shape)
        if d.kind == "token":
            arrays[d.name] = rng.integers(0, size_value(d.shape[0], sizes), shape[:-1])
    seeds = {name: np.asarray(1.0) for name in joined.seeds.values()}
    initial = _outside(system, joined, sizes, rng)
    run = interpret(joined.system, {**arrays, **seeds}, steps=steps, sizes=sizes, initial=initial)
    for name in agreed:
        variable = joined.gradients[name]
        gradient = run.series(variable) if joined.system.by_name[variable].timed else run.static(variable)
        direction = rng.standard_normal(gradient.shape)
        claimed = float(np.sum(gradient * direction))
        slope = _slope(system, arrays, initial, name, direction, steps, sizes)
        if np.isfinite(claimed) and np.isfinite(slope):
            agreed[name].append(abs(claimed - slope) <= TOLERANCE * max(1.0, float(np.sum(np.abs(gradient * direction)))))


def _outside(system: System, joined: Adjoint, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, Any]:
    """Values outside 1 … T that no equation gives: from zeros alone much would be zero, and agree."""
    keys = [key for key in joined.gradients if "[" in key and key not in system.defined]
    shapes = {key: tuple(size_value(s, sizes) for s in system.by_name[key.partition("[")[0]].shape) for key in keys}
    return {key: rng.uniform(0.1, 0.9, shape) for key, shape in shapes.items()}


def _slope(
    system: System, arrays: Mapping[str, Any], initial: Mapping[str, Any], name: str, direction: Any, steps: int, sizes: Mapping[str, int]
) -> float:
    """The derivative of the cost in one direction, by a complex step."""
    step = 1j * STEP * direction
    if "[" in name:
        if name in system.defined:
            return float("nan")  # a value that an equation gives cannot be moved from outside
        run = interpret(system, arrays, steps=steps, sizes=sizes, initial={**initial, name: initial[name] + step})
    else:
        fixed = {
            d.name: float(d.start.amount) for d in system.constants if d.name == name and d.start is not None and d.start.amount is not None
        }
        start = arrays.get(name, fixed.get(name, 0.0))
        run = interpret(system, {**arrays, name: start + step}, steps=steps, sizes=sizes, initial=initial)
    return float(np.imag(run.cost) / STEP)


__all__ = ["confirmed"]
