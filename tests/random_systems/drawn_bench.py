"""One model, its planned module, one point: what the witnesses of modules work on, and how they compare.

Comes in: a System, its sizes, a seed. Goes out: a Bench: arrays, the module's arguments, and the interpreter's answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
from witnesses import Arrays, arrays_of, parts_of

from rnnsym.algebra.system import System
from rnnsym.backends.live import compile_module
from rnnsym.backends.names import python_names
from rnnsym.backends.numpy_module import module_text
from rnnsym.backends.parts import Parts
from rnnsym.program.interpret import Run, interpret

BATCH = 3
TOLERANCE, SINGLE = 1e-9, 2e-3


def differ(found: Any, wanted: Any, tolerance: float = TOLERANCE) -> bool:
    a, b = np.asarray(found), np.asarray(wanted)
    if a.shape != b.shape:
        return True
    if not a.size:
        return False
    with np.errstate(all="ignore"):
        return not np.all((np.abs(a - b) <= tolerance * max(1.0, float(np.max(np.abs(b[np.isfinite(b)]), initial=0.0)))) | (a == b))


def assert_same(what: str, found: Any, wanted: Any, tolerance: float = TOLERANCE) -> None:
    assert not differ(found, wanted, tolerance), (
        f"{what}: shapes {np.shape(found)} {np.shape(wanted)}, found {np.asarray(found).ravel()[:4]}, wanted {np.asarray(wanted).ravel()[:4]}"
    )


@dataclass
class Bench:
    """One model, its module, one point."""

    system: System
    sizes: dict[str, int]
    steps: int
    lengths: tuple[int, ...]
    arrays: Arrays
    parts: Parts
    module: ModuleType

    @classmethod
    def of(cls, system: System, sizes: dict[str, int], seed: int, steps: int) -> Bench:
        rng = np.random.default_rng(seed)
        lengths = (*(int(n) for n in rng.integers(1, steps + 1, BATCH - 1)), steps)
        arrays = arrays_of(system, sizes, rng, steps, BATCH)
        parts = parts_of(system)
        return cls(system, sizes, steps, lengths, arrays, parts, compile_module(module_text(parts), system.name))

    # -------------------------------------------------------- the module's arguments

    @cached_property
    def public(self) -> dict[str, str]:
        return python_names(self.system)

    def params(self, dtype: Any = float, module: ModuleType | None = None):
        arrays = {p.name: self.arrays[p.name].astype(dtype) for p in self.system.params}
        return (module or self.module).Params.from_arrays(arrays, **{self.public[n]: k for n, k in self.sizes.items()})

    def data(self, first: int = 0, last: int | None = None, padding: float | None = None) -> dict[str, Any]:
        """Keyword arguments for steps first … last; padding: what stands behind each sequence's end."""
        found: dict[str, Any] = {}
        for d in (*self.system.data, *self.system.constants):
            if d.name not in self.arrays:
                continue
            array = self.arrays[d.name]
            if d.timed:
                array = array[first:last].copy()
                if padding is not None:
                    for b, n in enumerate(self.lengths):
                        array[n:, b] = -1 if d.kind == "token" else padding
            found[self.public[d.name]] = array
        return found | self.steps_keyword(last if last is not None else self.steps, first)

    def steps_keyword(self, last: int, first: int) -> dict[str, int]:
        found = {} if any(d.timed for d in self.system.data) else {"steps": last - first}
        return found | ({} if self.system.data else {"batch": BATCH})

    @property
    def wrt(self) -> list[str]:
        return [d.name for d in (*self.system.of_kind("input"), *self.system.constants)]

    # -------------------------------------------------------- the interpreter's answers

    def one(self, b: int, length: int | None = None) -> Arrays:
        found: Arrays = {}
        for name, array in self.arrays.items():
            d = self.system.by_name[name]
            found[name] = array if d.kind in ("param", "constant") else array[: length or self.steps, b] if d.timed else array[b]
        return found

    @cached_property
    def joined(self):
        return self.parts.cost

    def runs(self, lengths: tuple[int, ...]) -> list[Run]:
        seeds = {name: np.ones(()) for name in self.joined.seeds.values()}
        with np.errstate(all="ignore"):
            return [interpret(self.joined.system, {**self.one(b, n), **seeds}, steps=n, sizes=self.sizes) for b, n in enumerate(lengths)]
