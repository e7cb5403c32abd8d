"""Derivation: the argument from the model's equations to its gradients, as data, in the order in which it is told.

Comes in (see `derive.py`): a System. Goes out: numbered equations, and for every variable who reads it, what each reader
contributes, and the result. Documents print it; the generated code cites its numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from rnnsym.algebra.graph import WHOLE
from rnnsym.algebra.system import Definition, System
from rnnsym.algebra.tensor import Quantity, Tensor
from rnnsym.calculus.adjoint import Adjoint


@dataclass(frozen=True)
class Contribution:
    """What one reader of a quantity contributes to its error.

    reader     the equation that reads it
    delay      k when it reads `u[t+k]` (so the contribution is shifted by -k), None or WHOLE as in `Read`
    raw        the pullback at the reader's own time, before values at hand are put in
    value      the same at step t of the quantity itself, simplified
    laws       the laws used, in the order of use (first lines of the pullbacks' docstrings)
    """

    reader: Definition
    delay: int | None | str
    raw: Tensor
    value: Tensor
    laws: tuple[str, ...]

    @property
    def through_time(self) -> bool:
        return isinstance(self.delay, int) and self.delay != 0

    @property
    def from_whole(self) -> bool:
        return self.delay == WHOLE


@dataclass(frozen=True)
class Entry:
    """One result: the error of a variable, or the gradient of a parameter, an input, an initial value.

    of            the quantity (`h[t]`, a static `A`, `h[0]`, a parameter `W`)
    error         its adjoint as a quantity (`d_h[t]`, `d_W`)
    result        what it is equal to: a sum of the contributions' values, or a sum over time for a parameter
    at_last       the same at t = T, where it differs (terms from beyond the last step are zero); None otherwise
    at_first      the same at t = 1, likewise
    """

    number: int
    of: Quantity
    error: Quantity
    contributions: tuple[Contribution, ...]
    result: Tensor
    at_last: Tensor | None = None
    at_first: Tensor | None = None


@dataclass(frozen=True)
class Derivation:
    """The whole argument.

    model       the System as the user wrote it
    prepared    the System that is differentiated: stable forms, pre-activations and repeated parts named
    adjoint     the executable joined System (forward and adjoint equations) with its name tables
    errors      one Entry per variable that the cost depends on, last equation first
    gradients   one Entry per parameter, then per requested input, constant, initial value
    numbers     equation number by key: `h`, `h[0]` (forward), `d_h`, `d_W` (adjoint)
    rewrites    what the stable forms replaced: (equation's key, law, before, after)
    """

    model: System
    prepared: System
    adjoint: Adjoint
    errors: tuple[Entry, ...]
    gradients: tuple[Entry, ...]
    numbers: dict[str, int]
    rewrites: tuple[tuple[str, str, Tensor, Tensor], ...] = ()

    def __str__(self) -> str:
        rows = [f"({self.numbers[d.key]}) {d}" for d in self.prepared.every_definition]
        rows += [f"({e.number}) {e.error} = {e.result}" for e in (*self.errors, *self.gradients)]
        return "\n".join(rows)
