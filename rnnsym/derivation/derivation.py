"""Derivation: the argument from the model's equations to its gradients, as data, in the order in which it is told.

Comes in (see `derive.py`): a System. Goes out: numbered equations, and for every variable who reads it, what each reader
contributes, and the result. Documents print it; the generated code cites its numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rnnsym.algebra.system import System
from rnnsym.algebra.tensor import Quantity, Tensor, quantities
from rnnsym.calculus.adjoint import Adjoint, Contribution
from rnnsym.calculus.stable import Rewrite

INSIDE = "inside'"  # no model's name: the quantity that is 1 at the steps 1 … T and 0 outside


@dataclass(frozen=True)
class Entry:
    """One result: the error of a variable, or the gradient of a parameter, an input, an initial value.

    number         its equation number
    of             the quantity (`h[t]`, a static `A`, `h[0]`, a parameter `W`)
    error          its adjoint as a quantity (`d_h[t]`, `d_W`)
    contributions  reader by reader
    result         what it is equal to, at a generic step: the sum of the contributions' values
    at_last        the same at t = T, where terms from beyond the last step are zero; None where nothing changes
    at_first       the same at t = 1, likewise
    like           the number of an earlier result that becomes this one by renaming; None where there is none

    What a loss or a static equation contributes from another step has the factor `INSIDE` at that step: 1 in 1 … T, 0 outside.
    """

    number: int
    of: Quantity
    error: Quantity
    contributions: tuple[Contribution, ...]
    result: Tensor
    at_last: Tensor | None = None
    at_first: Tensor | None = None
    like: int | None = None

    def __str__(self) -> str:
        return f"({self.number}) {self.error} = {self.result}"

    def __repr__(self) -> str:
        return f"<Entry {self}>"


@dataclass(frozen=True)
class Derivation:
    """The whole argument.

    model       the System as the user wrote it
    prepared    the System that is differentiated: stable forms, pre-activations and repeated parts named
    adjoint     the executable joined System (forward and adjoint equations) with its name tables
    errors      one Entry per variable that the cost depends on, last equation first
    gradients   one Entry per parameter, then per requested input, constant, initial value
    numbers     equation number by key: `h`, `h[0]` (forward), `d_h`, `d_W` (adjoint)
    rewrites    what the stable forms replaced

    `str(derivation)` are its equations, numbered; `entries` its results. Made by `rnnsym.derive`.

    >>> import rnnsym
    >>> derivation = rnnsym.derive(rnnsym.load("elman"))
    >>> derivation, derivation.numbers["d_h"]
    (<Derivation of elman: 3 errors, 5 gradients>, 7)
    """

    model: System
    prepared: System
    adjoint: Adjoint
    errors: tuple[Entry, ...]
    gradients: tuple[Entry, ...]
    numbers: Mapping[str, int] = field(repr=False)
    rewrites: tuple[Rewrite, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Errors, then gradients: every result, in the order of telling."""
        return self.errors + self.gradients

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        """For notebooks: the whole argument as mathematics (looked up late: documents come after the derivation)."""
        from rnnsym.documents import rich

        return rich.derivation_bundle(self)

    def __str__(self) -> str:
        rows = [f"({self.numbers[d.key]}) {d}" for d in self.prepared.every_definition]
        rows += [str(entry) for entry in self.entries]
        if any(q.name == INSIDE for e in self.entries for q in quantities(e.result)):
            rows.append(f"({INSIDE}[s] is 1 where 1 <= s <= T, otherwise 0)")
        return "\n".join(rows)

    def __repr__(self) -> str:
        return f"<Derivation of {self.model.name}: {len(self.errors)} errors, {len(self.gradients)} gradients>"
