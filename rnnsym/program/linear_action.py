"""What a linear map does, in numbers: its matrix at one step of a run, and the value of a bound of its norm.

Comes in: a `LinearMap` (or a `Recurrence`) and a run of the reference interpreter. Goes out: NumPy matrices. Matrices as states are read
row by row, so that the Frobenius norm of a state is the Euclidean norm of its entries.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from rnnsym.algebra.sizes import Shape, size_value
from rnnsym.algebra.tensor import Quantity
from rnnsym.calculus.linear_map import (
    Chain,
    ColumnTimes,
    Cut,
    Entries,
    Factor,
    Inner,
    Known,
    Left,
    LinearMap,
    OnDiagonal,
    Pad,
    Right,
    Scale,
    Spread,
    TimesRow,
    Transposition,
    Turn,
)
from rnnsym.derivation.growth import Bound, Size
from rnnsym.derivation.recurrence import Recurrence
from rnnsym.program.interpret import Run

Array = np.ndarray


class StepMatrices:
    """The matrices of a recurrence's blocks at one step of a run; what blocks refer to is computed once."""

    def __init__(self, recurrence: Recurrence, run: Run, step: int, fixed: dict[Size, float] | None = None):
        """`fixed` keeps the sizes that are the same at every step, from step to step."""
        self.recurrence, self.run, self.step = recurrence, run, step
        self._fixed = {} if fixed is None else fixed
        self._known: dict[tuple[Quantity, Quantity], Array] = {}

    def block(self, of: Quantity, by: Quantity) -> Array:
        """d of / d by as a matrix: entries of `of` × entries of `by`."""
        if (of, by) not in self._known:
            block = self.recurrence.block(of, by)
            if block is None:
                rows, columns = (_count(q.shape, self.run) for q in (of, by))
                self._known[of, by] = np.eye(rows) if of == by else np.zeros((rows, columns))
            else:
                self._known[of, by] = self.of(block.map)
        return self._known[of, by]

    @property
    def jacobian(self) -> Array:
        """The whole step Jacobian: rows by the state at this step, columns by the state at the step before."""
        return np.block([[self.block(of, by) for by in self.recurrence.previous] for of in self.recurrence.carried])

    def of(self, linear: LinearMap) -> Array:
        """The matrix of a map: what it makes of every unit direction, column by column."""
        count = _count(linear.domain, self.run)
        directions = np.eye(count).reshape(count, *_lengths(linear.domain, self.run))
        total = np.zeros((count, *_lengths(linear.codomain, self.run)))
        for chain in linear.chains:
            total = total + self._act(chain, directions)
        return total.reshape(count, -1).T

    def _act(self, chain: Chain, x: Array) -> Array:
        for factor in reversed(chain.factors):
            if isinstance(factor, Known):
                inner = self.block(factor.of, factor.by)
                x = (x.reshape(len(x), -1) @ inner.T).reshape(len(x), *_lengths(factor.of.shape, self.run))
            else:
                value = self._value(factor)
                x = _ACTIONS[type(factor)](factor, value, x, self.run)
        return -x if chain.negative else x

    def _value(self, factor: Factor) -> Array | None:
        for name in ("a", "v", "b"):
            if hasattr(factor, name):
                return np.asarray(self.run.value(getattr(factor, name), self.step))
        return None

    # ------------------------------------------------------------ bounds

    def bound(self, bound: Bound) -> float:
        """The value of a bound at this step."""
        return sum(self._number(number) * math.prod(map(self.size, sizes)) for number, sizes in bound.terms)

    def _number(self, number) -> float:
        return float(number.subs({s: self.run.sizes[s.name] for s in number.free_symbols}))

    def size(self, size: Size) -> float:
        """One of the sizes that a bound is made of."""
        if size.block is not None:
            return float(np.linalg.norm(self.block(*size.block), 2))
        if size not in self._fixed:
            value = self._size(size)
            if size.runs:
                return value
            self._fixed[size] = value
        return self._fixed[size]

    def _size(self, size: Size) -> float:
        assert size.tensor is not None
        value = np.asarray(self.run.value(size.tensor, self.step))
        if size.kind == "operator":
            return float(np.linalg.norm(value, 2))
        return float(np.max(np.abs(value), initial=0.0)) if size.kind == "largest" else float(np.linalg.norm(value))


def _lengths(shape: Shape, run: Run) -> tuple[int, ...]:
    return tuple(size_value(length, run.sizes) for length in shape)


def _count(shape: Shape, run: Run) -> int:
    return math.prod(_lengths(shape, run))


def _padded(factor: Pad, value, x: Array, run: Run) -> Array:
    before, after = (size_value(n, run.sizes) for n in (factor.before, factor.after))
    return np.pad(x[:, None] if factor.of_scalar else x, ((0, 0), (before, after)))


def _cut(factor: Cut, value, x: Array, run: Run) -> Array:
    return x[:, size_value(factor.start, run.sizes) : size_value(factor.stop, run.sizes)]


def _spread(factor: Spread, value, x: Array, run: Run) -> Array:
    return x.reshape(-1, *(1,) * value.ndim) * value


def _left(factor: Left, a, x: Array, run: Run) -> Array:
    return x @ a.T if x.ndim == 2 else a @ x


_ACTIONS: dict[type, Callable[..., Array]] = {
    Scale: lambda factor, a, x, run: a * x,
    Entries: lambda factor, v, x, run: v * x,
    Left: _left,
    Right: lambda factor, b, x, run: x @ b,
    Inner: lambda factor, a, x, run: (x * a).reshape(len(x), -1).sum(axis=1),
    Spread: _spread,
    TimesRow: lambda factor, b, x, run: x[:, :, None] * b,
    ColumnTimes: lambda factor, a, x, run: a[:, None] * x[:, None, :],
    Transposition: lambda factor, value, x, run: np.swapaxes(x, 1, 2),
    Cut: _cut,
    Pad: _padded,
    Turn: lambda factor, value, x, run: np.roll(x, int(factor.steps), axis=1),
    OnDiagonal: lambda factor, value, x, run: x[:, :, None] * np.eye(x.shape[1]),
}
