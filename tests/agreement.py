"""What it means that two computations agree: the error of an array, arrays to try a model on, and three witnesses of a gradient.

The witnesses are the reference interpreter on the adjoint equations (one sequence at a time), the generated module, and the complex
step through the generated module's forward pass. `error` is the one measure of the whole project.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.system import Declaration, System
from rnnsym.backends.names import python_names
from rnnsym.calculus.adjoint import adjoint
from rnnsym.calculus.prepare import prepare
from rnnsym.program.interpret import interpret

Arrays = dict[str, np.ndarray]

STEPS, BATCH = 6, 2
LENGTHS = (3, 4, 5, 7, 8, 9, 10, 11)  # of the size symbols, in order: all different, and none equal to STEPS or BATCH


def error(found: Any, wanted: Any) -> float:
    """max|a − b| / max(1, max|b|); infinite where shapes differ or a number is none."""
    a, b = np.asarray(found), np.asarray(wanted)
    if a.shape != b.shape:
        return np.inf
    if not b.size:
        return 0.0
    worst = float(np.max(np.abs(a - b)) / max(1.0, float(np.max(np.abs(b)))))
    return worst if np.isfinite(worst) else np.inf


def assert_agree(found: Mapping[str, Any], wanted: Mapping[str, Any], tolerance: float) -> None:
    """Every array of `wanted` is in `found`, within the tolerance; the message lists every one that is not."""
    missing = sorted(set(wanted) - set(found))
    assert not missing, f"nothing found for {', '.join(missing)}"
    errors = {name: error(found[name], wanted[name]) for name in wanted}
    worse = {name: e for name, e in errors.items() if not e <= tolerance}
    assert not worse, "\n".join(f"{name}: error {e:.3g} > {tolerance:g}" for name, e in worse.items())


# ---------------------------------------------------------------- arrays to try a model on


def sizes_of(system: System) -> dict[str, int]:
    """A whole number for each size, all different."""
    return {s.name: LENGTHS[i] for i, s in enumerate(system.sizes)}


def shape_of(declaration: Declaration, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(size_value(s, sizes) for s in declaration.shape)


def some_params(system: System, rng: np.random.Generator, scale: float = 0.5) -> Arrays:
    """Normal numbers for every parameter, whatever the file says it starts from."""
    sizes = sizes_of(system)
    return {p.name: np.asarray(scale * rng.standard_normal(shape_of(p, sizes))) for p in system.params}


def some_data(system: System, rng: np.random.Generator, steps: int = STEPS, batch: int = BATCH, **given: np.ndarray) -> Arrays:
    """Arrays for inputs (normal), targets (between 0.1 and 0.9, no distribution), tokens (classes) and constants without a value."""
    sizes = sizes_of(system)
    data: Arrays = {}
    for declaration in (*system.data, *system.constants):
        shape = shape_of(declaration, sizes)
        lead = (steps, batch) if declaration.timed else (batch,)
        if declaration.kind == "constant":
            if declaration.start is None:
                data[declaration.name] = 0.5 * rng.standard_normal(shape)
        elif declaration.kind == "token":
            data[declaration.name] = rng.integers(0, shape[0], lead)
        elif declaration.kind == "target":
            data[declaration.name] = rng.uniform(0.1, 0.9, lead + shape)
        else:
            data[declaration.name] = rng.standard_normal(lead + shape)
    return data | given


def keywords(system: System, data: Mapping[str, np.ndarray]) -> Arrays:
    """The data under the names that the generated module gives them: `lengths_` for an input that is called `lengths`."""
    names = python_names(system)
    return {names[name]: array for name, array in data.items()}


def timed_variables(system: System, trace: Any) -> list[str]:
    """The module's names of the variables that a trace holds for every step."""
    names = python_names(system)
    return [names[v.name] for v in system.variables if v.timed and names[v.name] in trace]


def one_sequence(system: System, data: Mapping[str, np.ndarray], b: int, length: int | None = None) -> Arrays:
    """The arrays of one sequence of a batch, without the batch axis, cut to its length."""
    out: Arrays = {}
    for name, array in data.items():
        declaration = system.by_name[name]
        out[name] = array if declaration.kind == "constant" else array[:length, b] if declaration.timed else array[b]
    return out


# ---------------------------------------------------------------- the reference interpreter


def interpreted(
    system: System,
    params: Mapping[str, np.ndarray],
    data: Mapping[str, np.ndarray],
    wrt: Iterable[str] = (),
    initial: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> tuple[float, np.ndarray, Arrays]:
    """Cost, loss per step and sequence (T, B), and gradients by name, from the adjoint equations evaluated one sequence at a time.

    wrt adds inputs, constants, `"initial"`; the gradients of parameters and constants are means over the batch, the others stay per
    sequence, divided by the batch. `initial` holds (B, n) arrays by key (`h[0]`); `sizes` says what no array says.
    """
    prepared = prepare(system)
    joined = adjoint(prepared, [p.name for p in prepared.params] + list(wrt))
    timed_names = [d for d in system.data]
    batch = next((data[d.name].shape[1 if d.timed else 0] for d in timed_names), 1)
    seeds = {name: np.ones(()) for name in joined.seeds.values()}
    cost, step_losses, gradients = 0.0, [], {}
    for b in range(batch):
        start = {key: value[b] for key, value in (initial or {}).items()}
        run = interpret(joined.system, {**params, **one_sequence(system, data, b), **seeds}, initial=start, sizes=sizes)
        cost += float(run.cost) / batch
        step_losses.append(run.series("loss") if "loss" in joined.system.by_name and joined.system.by_name["loss"].timed else None)
        for name, variable in joined.gradients.items():
            value = run.series(variable) if joined.system.by_name[variable].timed else run.static(variable)
            gradients.setdefault(name, []).append(np.asarray(value) / batch)
    per_call = {d.name for d in (*system.params, *system.constants)}
    folded = {}
    for name, values in gradients.items():
        timed = name in system.by_name and system.by_name[name].timed and "[" not in name
        folded[name] = sum(values) if name in per_call else np.stack(values, axis=1 if timed else 0)
    return cost, np.stack(step_losses, 1) if step_losses[0] is not None else np.zeros(0), folded
