"""What a translation is: its text, its leaves, and the library's vocabulary that it is written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = Any
ALONE, PER_SEQUENCE, PER_STEP = 0, 1, 2  # how many leading axes: none, (B,), (T, B)


@dataclass(frozen=True)
class Text:
    """Source text of a value, with its leading axes, its rank, and whether it is a Python number."""

    text: str
    axes: int
    rank: int
    weak: bool = False

    def aligned(self, rank: int) -> Text:
        """With axes at the end, so that a scalar per sequence meets a vector or a matrix."""
        if self.rank == 0 and rank and self.axes:
            return Text(f"{self.text}[{', '.join(['...', *['None'] * rank])}]", self.axes, rank)
        return self


@dataclass(frozen=True)
class Loop:
    """A recurrence to be written out.

    entering  (series computed before it, name of its value at the running step)
    carried   (name of a past value, what it starts with, what it becomes), the nearest past first
    kept      (name of a value, name of the series of it that is read later)
    """

    direction: int
    steps: int
    entering: list[tuple[str, str]]
    carried: list[tuple[str, str, str]]
    kept: list[tuple[str, str]]
    body: list[str]


@dataclass(frozen=True)
class Language:
    """A library's vocabulary: what every word of a translation means there, and how a loop over steps is written."""

    words: Mapping[str, Any]
    loop: Callable[[Loop], list[str]]


@dataclass(frozen=True)
class Bundle:
    """Parameters that are held as one array, one above the other: (name, first row, last row) or (None, 0, rows) for zeros."""

    name: str
    blocks: tuple[tuple[str | None, int, int], ...]

    def joined(self, params: Mapping[str, Array], like: Array) -> Array:
        """The bundle's array. `like` gives dtype and the axes after the first."""
        rows = [np.zeros((stop, *like.shape[1:]), like.dtype) if n is None else params[n][start:stop] for n, start, stop in self.blocks]
        return np.concatenate(rows)

    def part(self, gradient: Array, into: Mapping[str, Array]) -> None:
        """Write the rows of a gradient of the bundle where they belong."""
        place = 0
        for name, start, stop in self.blocks:
            if name is not None:
                into[name][start:stop] = gradient[place : place + stop - start]
            place += stop - start


@dataclass(frozen=True)
class Translation:
    """The text of `cost(leaves, data, constants)`, the parameters that are held together, and constant arrays that it uses."""

    source: str
    bundles: tuple[Bundle, ...]
    constants: Mapping[str, Array] = field(repr=False)

    def function(self, language: Language) -> Callable[[Any, Any, Any], Any]:
        """The function itself; its text is our own, nothing of a user's text is code in it."""
        names: dict[str, Any] = dict(language.words)
        exec(compile(self.source, "<translation>", "exec"), names)
        return names["cost"]

    def leaves(self, params: Mapping[str, Array]) -> dict[str, Array]:
        """The arrays that are differentiated: bundles, and the parameters that are in none."""
        bundled = {n: b for b in self.bundles for n, _, _ in b.blocks if n is not None}
        found = {b.name: b.joined(params, next(params[n] for n, _, _ in b.blocks if n is not None)) for b in self.bundles}
        return found | {name: np.asarray(value) for name, value in params.items() if name not in bundled}

    def gradients(self, leaves: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """Gradients by the model's names from those of the leaves."""
        found = {name: np.zeros(np.shape(value), np.asarray(value).dtype) for name, value in params.items()}
        for bundle in self.bundles:
            bundle.part(leaves[bundle.name], found)
        return found | {name: np.asarray(value) for name, value in leaves.items() if name in params}
