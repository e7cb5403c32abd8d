"""What must agree about one model, whatever it is: each function raises AssertionError with the numbers that do not.

Comes in: a System, its sizes, a seed. The interpreter computes the cost in complex numbers (complex step), the adjoint equations, and
the tangent equations; where a drawn point sits on a kink (a tie of max or min, a norm at zero), the complex step is no witness and
the tangent, which states the same conventions by other rules, is.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache

import numpy as np

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.system import System
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS
from rnnsym.backends.parts import Parts, program_parts
from rnnsym.calculus.tangent import tangent
from rnnsym.language import parse
from rnnsym.program import meanings
from rnnsym.program.interpret import interpret

STEP = 1e-30
Arrays = dict[str, np.ndarray]


class Unmeasurable(Exception):
    """The drawn point says nothing: the cost is not finite there, or too large for its digits to mean anything."""


def arrays_of(system: System, sizes: dict[str, int], rng: np.random.Generator, steps: int, batch: int | None = None) -> Arrays:
    """Arrays for parameters, data and constants: one sequence, or a batch with its axis after time."""
    found: Arrays = {}
    for d in (*system.params, *system.data, *system.constants):
        shape = tuple(size_value(n, sizes) for n in d.shape)
        several = (batch,) if batch is not None and d.kind in ("input", "target", "token") else ()
        lead = ((steps,) if d.timed else ()) + several
        if d.kind == "token":
            found[d.name] = rng.integers(0, shape[0], lead)
        elif d.kind == "target":
            found[d.name] = rng.uniform(0.1, 0.9, lead + shape)
        elif d.start is None or d.kind != "constant":
            found[d.name] = 0.7 * rng.standard_normal(lead + shape)
    return found


@lru_cache(maxsize=2)
def parts_of(system: System) -> Parts:
    """The model with all that is derived from it on the way to a module; derived once for all that ask."""
    return program_parts(system)


@contextmanager
def kinks_seen():
    """Collects the names of kinks that the interpreter meets inside the block."""
    seen: set[str] = set()
    functions, table = dict(meanings.FUNCTIONS), dict(meanings.MEANINGS)

    def note(name: str, where) -> None:
        if np.any(where):
            seen.add(name)

    def ties(*pairs):
        return [np.real(u) == np.real(v) for u, v in pairs]

    tests = {
        "max": lambda u, v: ties((u, v)), "min": lambda u, v: ties((u, v)), "abs": lambda u: ties((u, 0)), "sign": lambda u: ties((u, 0)),
        "relu": lambda u: ties((u, 0)), "clip": lambda u, a, b: [np.any(x) for x in ties((u, a), (u, b))],
        "mod": lambda u, v: ties((np.real(u) / np.real(v), np.round(np.real(u) / np.real(v)))),
    }  # fmt: skip

    def watch(name):
        def watched(*arguments):
            note(name, tests[name](*arguments))
            return functions[name](*arguments)

        return watched

    def norm(node, sizes, u):
        note("norm", not np.any(u.real))
        return table[op.Norm](node, sizes, u)

    def compare(node, sizes, u, v):
        note("comparison", ties((u, v)))
        return table[op.Compare](node, sizes, u, v)

    meanings.FUNCTIONS.update({name: watch(name) for name in tests})
    meanings.MEANINGS[op.Compare] = compare
    meanings.MEANINGS[op.Norm] = norm
    try:
        yield seen
    finally:
        meanings.FUNCTIONS.update(functions)
        meanings.MEANINGS.update(table)


def reads_back(system: System) -> None:
    """str(system) is a text that reads back equal, and prints the same again."""
    again = parse(str(system), name=system.name)
    assert again == system, f"reads back as another system:\n{again}\nwas\n{system}"
    assert str(again) == str(system)


def _close(found: float, wanted: float, scale: float, tolerance: float = 1e-9) -> bool:
    return bool(abs(found - wanted) <= tolerance * max(1.0, abs(wanted), scale))


def adjoint_agrees(system: System, sizes: dict[str, int], seed: int, steps: int) -> bool:
    """Adjoint against tangent, and against the complex step where the point is no kink (returned: whether it was none)."""
    rng = np.random.default_rng(seed)
    arrays = arrays_of(system, sizes, rng, steps)
    with np.errstate(all="ignore"), kinks_seen() as kinks:
        cost = float(interpret(system, arrays, steps=steps, sizes=sizes).cost)
    if not np.isfinite(cost) or abs(cost) > 1e8:
        raise Unmeasurable(cost)
    joined = parts_of(system).cost
    moved = [d.name for d in (*system.params, *system.constants, *system.of_kind("input")) if d.name in arrays]
    seeds = {name: np.ones(()) for name in joined.seeds.values()}
    run = interpret(joined.system, {**arrays, **seeds}, steps=steps, sizes=sizes)
    assert _close(float(run.cost), cost, 0), f"the prepared system costs {run.cost}, the model {cost}"
    gradients = {n: run.series(v) if joined.system.by_name[v].timed else run.static(v) for n, v in joined.gradients.items()}
    directions = {name: rng.standard_normal(arrays[name].shape) for name in moved}
    for name, gradient in gradients.items():
        wanted = directions[name].shape if name in directions else gradient.shape
        assert gradient.shape == wanted, f"the gradient of {name} has shape {gradient.shape}, not {wanted}"
    along = {name: float(np.sum(gradients[name] * directions[name])) if name in gradients else 0.0 for name in moved}
    if not all(map(np.isfinite, along.values())):
        raise AssertionError(f"gradients that are no numbers: {[n for n, v in along.items() if not np.isfinite(v)]}")
    scale = sum(map(abs, along.values()))
    if scale > 1e8:
        raise Unmeasurable(scale)
    _tangent_agrees(system, arrays, sizes, steps, directions, along, scale)
    if kinks:
        return False
    _complex_step_agrees(system, arrays, sizes, steps, directions, along, scale)
    _initial_values_agree(system, arrays, sizes, steps, gradients, rng)
    return True


def _tangent_agrees(system, arrays, sizes, steps, directions, along, scale) -> None:
    moving = tangent(system, list(directions))
    given = {moving.directions[name]: value for name, value in directions.items()}
    with np.errstate(all="ignore"):
        run = interpret(moving.system, {**arrays, **given}, steps=steps, sizes=sizes)
    found = 0.0
    if STEP_LOSS in moving.tangents:
        found += float(np.sum(run.series(moving.tangents[STEP_LOSS])))
    if FINAL_LOSS in moving.tangents:
        found += float(run.static(moving.tangents[FINAL_LOSS]))
    assert _close(sum(along.values()), found, scale), f"adjoint {sum(along.values())!r}, tangent {found!r}"


def _derivative(system, arrays, sizes, steps, initial=None) -> float:
    with np.errstate(all="ignore"):
        return float(np.imag(interpret(system, arrays, steps=steps, sizes=sizes, initial=initial).cost)) / STEP


def _complex_step_agrees(system, arrays, sizes, steps, directions, along, scale) -> None:
    everything = {n: a + 1j * STEP * directions[n] if n in directions else a for n, a in arrays.items()}
    found = _derivative(system, everything, sizes, steps)
    if _close(sum(along.values()), found, scale):
        return
    rows = []
    for name in directions:  # which one
        single = _derivative(system, {**arrays, name: everything[name]}, sizes, steps)
        if not _close(along[name], single, scale):
            rows.append(f"{name}: adjoint {along[name]!r}, complex step {single!r}")
    raise AssertionError("\n".join(rows) or "the sum of the gradients, but no single one, differs")


def _initial_values_agree(system, arrays, sizes, steps, gradients, rng) -> None:
    plain = interpret(system, arrays, steps=steps, sizes=sizes)
    for key, gradient in gradients.items():
        if "[" not in key:
            continue
        name, _, rest = key.rstrip("]").partition("[")
        value = plain.at(name, steps + int(rest[1:]) if rest.startswith("T") else int(rest))
        if not np.all(np.isfinite(value)):
            continue
        direction = rng.standard_normal(value.shape)
        with kinks_seen() as kinks:
            found = _derivative(system, arrays, sizes, steps, {key: value + 1j * STEP * direction})
        wanted = float(np.sum(gradient * direction))
        assert kinks or _close(wanted, found, 1.0), f"{key}: adjoint {wanted!r}, complex step {found!r}"
