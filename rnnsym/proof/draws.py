"""Random sizes, parameters and data for which a model can be measured.

Comes in: a System. Goes out: small sizes, all different where the equations allow it (so that a swapped axis cannot hide), and arrays in
float64. A model may take logarithms or roots of its data: `STYLES` are tried in turn, from the widest to the most careful.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice, permutations, product
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy import Basic

from rnnsym.algebra.operators import Slice
from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.system import Declaration, System
from rnnsym.algebra.tensor import Tensor
from rnnsym.errors import UsageError

Array = NDArray[Any]
BATCH = 3
CANDIDATES = (4, 5, 6, 2, 7, 8, 9, 11)
TRIED = 5000  # assignments of sizes


@dataclass(frozen=True)
class Style:
    """How values are drawn: `spread` of the noise on the parameters' starts, or positive values; whether data are positive."""

    spread: float
    positive_params: bool
    positive_data: bool


STYLES = (Style(0.5, False, False), Style(0.5, False, True), Style(0.1, False, True), Style(0.3, True, True))


def small_sizes(system: System, candidates: tuple[int, ...] = CANDIDATES) -> dict[str, int]:
    """Numbers for the model's sizes: different ones, so that every shape and every slice exists.

    Raises UsageError where no such numbers are found.
    """
    return _fitting(system, _assignments(len(system.sizes), candidates))


def fewest_sizes(system: System, candidates: tuple[int, ...]) -> dict[str, int]:
    """The smallest numbers for the model's sizes, equal ones too, so that every shape and every slice exists."""
    count = len(system.sizes)
    several = islice(product(candidates, repeat=count), TRIED)
    return _fitting(system, chain(sorted(several, key=sum), _assignments(count, CANDIDATES)))


def _fitting(system: System, assignments: Iterable[tuple[int, ...]]) -> dict[str, int]:
    """The first assignment for which every length is at least 1 and every slice lies inside its vector."""
    names = [s.name for s in system.sizes]
    lengths, slices = constraints(system)
    for values in assignments:
        sizes = dict(zip(names, values, strict=True))
        if all(size_value(n, sizes) >= 1 for n in lengths) and all(
            0 <= size_value(a, sizes) <= size_value(b, sizes) <= size_value(n, sizes) for a, b, n in slices
        ):
            return sizes
    raise UsageError.at("U501", f"no small sizes were found that fit every shape of `{system.name}`", file="verify")


def _assignments(count: int, candidates: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Different numbers first, then scaled ones (a size may have to be larger than the sum of others)."""
    if count > len(candidates):
        yield tuple(range(2, 2 + count))
        return
    for index, values in enumerate(permutations(candidates, count)):
        if index == TRIED:
            break
        yield values
    for values in permutations((4, 2, 8, 12, 16, 24), min(count, 6)):
        yield values + (4,) * (count - len(values))
    yield (4,) * count


def constraints(system: System) -> tuple[set[sympy.Expr], set[tuple[sympy.Expr, sympy.Expr, sympy.Expr]]]:
    """Every length that occurs anywhere, and every slice as (start, stop, length)."""
    lengths: set[sympy.Expr] = {n for d in system.declarations for n in d.shape}
    slices = set()
    waiting: list[Basic] = [d.rhs for d in system.every_definition]
    seen: set[Basic] = set()
    while waiting:
        node = waiting.pop()
        if node in seen or not isinstance(node, Basic):
            continue
        seen.add(node)
        waiting += node.args
        if isinstance(node, Tensor):
            lengths |= set(node.shape)
        if isinstance(node, Slice):
            slices.add((node.args[1], node.args[2], node.args[0].shape[0]))
    return lengths, slices


def draw_data(system: System, sizes: Mapping[str, int], steps: int, style: Style, rng: np.random.Generator) -> dict[str, Array]:
    """Arrays for every input, target, token, and every constant that the file does not fix, under the model's names."""
    found = {d.name: _draw(d, sizes, steps, style, rng) for d in system.data}
    free = (d for d in system.constants if d.start is None)
    return found | {d.name: rng.uniform(0.5, 1.5, tuple(size_value(n, sizes) for n in d.shape)) for d in free}


def _draw(declaration: Declaration, sizes: Mapping[str, int], steps: int, style: Style, rng: np.random.Generator) -> Array:
    lead = (steps, BATCH) if declaration.timed else (BATCH,)
    shape = tuple(size_value(n, sizes) for n in declaration.shape)
    if declaration.kind == "token":
        return rng.integers(0, shape[0], lead)
    if declaration.kind == "target":  # shares of one, which every loss of the language can read
        return rng.dirichlet(np.ones(shape[0]), lead) if len(shape) == 1 else rng.uniform(0.1, 0.9, lead + shape)
    return rng.uniform(0.1, 0.9, lead + shape) if style.positive_data else rng.standard_normal(lead + shape)


def draw_initial(system: System, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, Array]:
    """Arrays for what is read outside 1 … T, as `initial=` takes them: `h`, (B, …) or (K, B, …) for lag K; `b[T+1]`, (B, …)."""
    found = {}
    for name, (lag, lead) in system.extents.items():
        declaration = system.by_name[name]
        shape = (BATCH, *(size_value(n, sizes) for n in declaration.shape))
        if declaration.kind == "token":
            continue
        if lag:
            found[name] = rng.uniform(0.1, 0.9, shape if lag == 1 else (lag, *shape))
        found |= {f"{name}[T+{k}]": rng.uniform(0.1, 0.9, shape) for k in range(1, lead + 1)}
    return found


def draw_params(starts: Mapping[str, Array], style: Style, rng: np.random.Generator) -> dict[str, Array]:
    """Parameters around their starts, or positive ones."""
    if style.positive_params:
        return {name: rng.uniform(0.1, 0.9, np.shape(value)) for name, value in starts.items()}
    return {name: value + style.spread * rng.standard_normal(np.shape(value)) for name, value in starts.items()}
