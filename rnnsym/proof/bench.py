"""A module on the bench: its cost as a plain function of named arrays, and the gradients that it claims.

Comes in: a System and its module. Goes out: a point at which everything is finite, and for one gradient the two witnesses' answers. All
arrays go by the model's own names; where Python calls a name otherwise, the translation is made here.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np

from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.system import System
from rnnsym.backends.names import python_names
from rnnsym.errors import UsageError
from rnnsym.proof.draws import BATCH, STYLES, Array, draw_data, draw_initial, draw_params

STEP = 1e-30  # of the complex step: no difference is taken, so it may be as small as one likes
WIDTHS = (1e-5, 1e-6, 1e-4)  # of the differences; a kink inside the widest may lie outside the next


@dataclass(frozen=True)
class Point:
    """Where a module is measured: parameters, data, and values outside 1 … T where they are given, by the model's names."""

    params: Mapping[str, Array]
    data: Mapping[str, Array]
    initial: Mapping[str, Array] = field(default_factory=dict)

    def moved(self, group: str, name: str, by: Array) -> Point:
        """The point with one array moved."""
        arrays = dict(getattr(self, group))
        arrays[name] = arrays[name] + by
        return replace(self, **{group: arrays})

    def rounded(self) -> Point:
        """The point with every array rounded to float32 and back; class numbers stay."""
        groups = {name: getattr(self, name) for name in ("params", "data", "initial")}
        return Point(**{name: {key: _rounded(array) for key, array in arrays.items()} for name, arrays in groups.items()})


@dataclass(frozen=True)
class Claim:
    """A gradient that the module gives: of which array, in which group of the point, and its value."""

    group: str
    name: str
    gradient: Array


def _rounded(array: Array) -> Array:
    return array if np.issubdtype(np.asarray(array).dtype, np.integer) else np.asarray(array, np.float32).astype(np.float64)


def _apart(key: str, gradient: Array, given: Mapping[str, str]) -> list[tuple[str, Array]]:
    """The gradient of each value beyond the end: where `h[T+2]` is given too, that of `h[T+1]` holds both, one above the other."""
    stem, ahead, _ = key.partition("[T+")
    if not ahead or f"{stem}[T+2]" not in given:
        return [(key, gradient)]
    return [(f"{stem}[T+{k}]", part) for k, part in enumerate(gradient, 1)]


@dataclass(frozen=True)
class Bench:
    """A System, its module, and the sizes at which it is run; with `ragged`, sequences of different length, and nan in the padding."""

    system: System
    module: ModuleType
    sizes: Mapping[str, int]
    ragged: bool = False

    @property
    def steps(self) -> int:
        """Long enough for every lag, and a number that no size has."""
        reach = max((lag + lead for lag, lead in self.system.extents.values()), default=0)
        return next(n for n in range(5 + reach, 1000) if n not in self.sizes.values())

    @property
    def lengths(self) -> tuple[int, ...]:
        """The length of each sequence; when ragged from all steps down to one."""
        return tuple(max(1, self.steps - k * self.steps // (BATCH - 1)) if self.ragged else self.steps for k in range(BATCH))

    def cost(self, point: Point, dtype: type = np.float64) -> complex:
        """The cost at a point."""
        return self.module.loss(self._params(point, dtype), **self._data(point))

    def claims(self, point: Point, dtype: type = np.float64) -> tuple[complex, tuple[Claim, ...]]:
        """The cost and every gradient that the module gives at a point, computed in float64 or float32.

        Of parameters, inputs and constants, and of the initial values where there are some.
        """
        real = [d.name for d in (*self.system.data, *self.system.constants) if d.kind in ("input", "constant") and d.name in point.data]
        asked = [*map(self._python, real), *(["initial"] if point.initial else [])]
        loss, grads, _ = self._loss_and_grads(point, asked, dtype)
        found = [Claim("params", name, np.asarray(getattr(grads, self._python(name)))) for name in point.params]
        for name in real:
            extra = grads.constants if self.system.by_name[name].kind == "constant" else grads.inputs
            found.append(Claim("data", name, np.asarray(extra[self._python(name)])))
        words = {self._initial_word(key): key for key in point.initial}
        parts = [part for key, g in grads.initial.items() for part in _apart(key, np.asarray(g), words)]
        found += [Claim("initial", words[key], part) for key, part in parts if key in words]
        return loss, tuple(found)

    def find_point(self, rng: np.random.Generator) -> tuple[Point, float, tuple[Claim, ...]]:
        """Random arrays at which cost and gradients are finite. Raises UsageError where none are found."""
        for style in STYLES:
            shapes = {d.name: tuple(size_value(n, self.sizes) for n in d.shape) for d in self.system.params}
            start = self._start(rng)
            params = {name: np.asarray(getattr(start, self._python(name))).reshape(shape) for name, shape in shapes.items()}
            point = Point(draw_params(params, style, rng), draw_data(self.system, self.sizes, self.steps, style, rng))
            loss, claims = self.claims(point)
            if np.isfinite(loss) and all(np.isfinite(c.gradient).all() for c in claims):
                return point, float(np.real(loss)), claims
        raise UsageError.at(
            "U503",
            f"the cost of `{self.system.name}`, or a gradient, is not finite at any of the random arrays tried",
            expected="a model that is finite for parameters and data of ordinary size",
            file="verify",
        )

    def with_initial(self, point: Point, rng: np.random.Generator) -> Point:
        """The point with random values for everything that is read outside 1 … T, class numbers excepted."""
        outside = draw_initial(self.system, self.sizes, rng)
        return replace(point, initial=outside)

    def complex_step(self, point: Point, claim: Claim, direction: Array) -> float:
        """Im C(u + i h v) / h: the derivative in the direction v, exact to rounding."""
        moved = point.moved(claim.group, claim.name, 1j * STEP * direction)
        return float(np.imag(self.cost(moved, np.complex128)) / STEP)

    def difference(self, point: Point, claim: Claim, direction: Array, width: float) -> float:
        """(C(u + h v) - C(u - h v)) / 2h."""
        above, below = (point.moved(claim.group, claim.name, sign * width * direction) for sign in (1, -1))
        return float(np.real(self.cost(above) - self.cost(below)) / (2 * width))

    # ------------------------------------------------------------ the module's own words

    @cached_property
    def _names(self) -> dict[str, str]:
        return python_names(self.system)

    def _python(self, name: str) -> str:
        return self._names[name]

    def _start(self, rng: np.random.Generator) -> Any:
        accepted = inspect.signature(self.module.init_params).parameters
        sizes = {self._python(name): n for name, n in self.sizes.items() if self._python(name) in accepted}
        return self.module.init_params(**sizes, rng=rng, dtype=np.float64)

    def trace(self, point: Point) -> Mapping[str, Array]:
        """Every variable that the module's forward pass gives, by the model's names."""
        found = self.module.forward(self._params(point, np.float64), **self._data(point))
        return {d.name: found[self._python(d.name)] for d in self.system.variables if self._python(d.name) in found}

    def _params(self, point: Point, dtype: type) -> Any:
        arrays: dict[str, Array] = {self._python(name): value.astype(dtype) for name, value in point.params.items()}
        known = {self._python(name): n for name, n in self.sizes.items() if self._python(name) in self.module.SIZES}
        return self.module.Params.from_arrays(arrays, **known)

    def _data(self, point: Point) -> dict[str, Any]:
        data: dict[str, Any] = {self._python(name): value for name, value in point.data.items()}
        if self.ragged:
            data["lengths"] = np.array(self.lengths)
            data |= {self._python(d.name): self._padded(point.data[d.name]) for d in self.system.of_kind("input") if d.timed}
        if not any(d.timed for d in self.system.data):
            data["steps"] = self.steps
        if not self.system.data:
            data["batch"] = BATCH
        if point.initial:
            data["initial"] = {self._initial_word(key): value for key, value in point.initial.items()}
        return data

    def _padded(self, array: Array) -> Array:
        """The data with nan after each sequence's own end."""
        ended = np.arange(self.steps)[:, None] >= np.array(self.lengths)
        return np.where(ended.reshape(ended.shape + (1,) * (array.ndim - 2)), np.nan, array)

    def _initial_word(self, key: str) -> str:
        name, bracket, time = key.partition("[")
        return self._python(name) + bracket + time

    def _loss_and_grads(self, point: Point, wrt: list[str], dtype: type) -> Any:
        return self.module.loss_and_grads(self._params(point, dtype), **self._data(point), wrt=tuple(wrt))
