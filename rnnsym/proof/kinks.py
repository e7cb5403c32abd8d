"""How far a point is from the nearest kink.

Comes in: a bench and a point of it. Goes out: the smallest distance to a tie, a zero, a jump (between the two sides of a comparison, of
max, min and clip, from 0 in abs, sign, relu and norm, from a whole number in mod), and the ties that the point sits on whatever is
drawn (`max(s, 0)` at a start s = 0). Beside a kink differences say nothing; on one, where the sides move apart, the complex step says
nothing either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnsym.algebra import operators as op
from rnnsym.algebra.system import System
from rnnsym.program.interpret import interpret
from rnnsym.program.meanings import FUNCTIONS, MEANINGS
from rnnsym.proof.bench import STEP, Bench, Point
from rnnsym.proof.draws import Array
from rnnsym.proof.sequences import sequences

CLEAR = 1e-3  # wide against the widths of differences and against rounding to single precision

# for each function, the pairs of values between which it has a kink
_PAIRS: dict[str, Callable[..., list[tuple[Any, Any]]]] = {
    "max": lambda u, v: [(u, v)], "min": lambda u, v: [(u, v)], "clip": lambda u, low, high: [(u, low), (u, high)],
    "abs": lambda u: [(u, 0)], "sign": lambda u: [(u, 0)], "relu": lambda u: [(u, 0)],
    "mod": lambda u, m: [(u, m * np.round(np.real(u) / np.real(m)))],
}  # fmt: skip


@dataclass
class Kinks:
    """The distance to the nearest kink that is not touched, and the names of those that are."""

    distance: float = np.inf
    touched: dict[str, None] = field(default_factory=dict)

    def meet(self, name: str, u: Any, v: Any) -> None:
        """Take note of two values that are compared; they carry their derivatives as imaginary parts."""
        apart = np.abs(np.real(u) - np.real(v))
        if np.any((apart == 0) & (np.imag(u) != np.imag(v))):
            self.touched[name] = None
        self.distance = min(self.distance, float(np.min(apart, initial=np.inf, where=apart > 0)))

    def table(self) -> Mapping[type, Any]:
        """The meanings, which take note of every kink on the way."""

        def elementwise(node, sizes, *arguments):
            for pair in _PAIRS.get(node.function, lambda *u: [])(*arguments):
                self.meet(node.function, *pair)
            return FUNCTIONS[node.function](*arguments)

        def compare(node, sizes, u, v):
            self.meet("a condition", u, v)
            return MEANINGS[op.Compare](node, sizes, u, v)

        def norm(node, sizes, u):
            length = np.sqrt(np.sum(np.abs(u) ** 2)) if np.any(np.real(u)) else np.sum(np.imag(u) ** 2) ** 0.5 * 1j
            self.meet("norm", length, 0)
            return MEANINGS[op.Norm](node, sizes, u)

        return {**MEANINGS, op.Elementwise: elementwise, op.Compare: compare, op.Norm: norm}


def has_kinks(system: System) -> bool:
    """Whether any operator of the model has one."""
    rows = [d.rhs for d in system.every_definition]
    functions = {e.function for rhs in rows for e in rhs.atoms(op.Elementwise)}
    return bool(functions & set(_PAIRS)) or any(rhs.has(op.Compare, op.Norm) for rhs in rows)


def kinks_near(bench: Bench, point: Point, rng: np.random.Generator) -> Kinks:
    """The kinks that the model meets at a point of its bench, with everything that has a gradient moving in a random direction."""
    found = Kinks()
    if not has_kinks(bench.system):
        return found

    def moving(array: Array) -> Array:
        return array if array.dtype.kind in "iu" else array + 1j * STEP * rng.standard_normal(np.shape(array))

    table = found.table()
    with np.errstate(all="ignore"):
        for one in sequences(bench, point):
            arrays = {name: moving(value) if bench.system.by_name[name].kind != "target" else value for name, value in one.arrays.items()}
            given = {key: moving(value) for key, value in one.initial.items()}
            interpret(bench.system, arrays, steps=one.steps, initial=given, sizes=bench.sizes, table=table)
    return found


__all__ = ["CLEAR", "Kinks", "has_kinks", "kinks_near"]
