"""Exact comparison of formulas: is what is printed somewhere equal to what is derived here?

Comes in: a Derivation, a System that holds printed formulas, and a table of names. Goes out: formula by formula whether the right sides
are equal wherever the model's equations hold, over the finite field F_p, with a computed bound on the chance that different ones pass.
The errors are free: each formula is compared by itself, as a function of the errors that it is made of, so that two wrong formulas cannot
make up for each other. Errors that print has no name for are replaced by what they are equal to.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np

from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.system import Declaration, System
from rnnsym.algebra.tensor import BOUND, Quantity, Tensor, at_time, quantities, shift, t
from rnnsym.derivation.derivation import Derivation, Entry
from rnnsym.documents.contributions import plain
from rnnsym.program.interpret import Run
from rnnsym.proof.draws import small_sizes
from rnnsym.proof.field import PRIMES, Field
from rnnsym.proof.finite_field import EQUAL, SMALL, WRONG, exact_table

Draw = Callable[[Field, tuple[int, ...]], np.ndarray]  # entries for a datum that is not free: a distribution, a class


@dataclass(frozen=True)
class Formula:
    """One formula, printed and derived, in the names of the derivation; `time` is the only step that it speaks of, None for every one."""

    name: str
    printed: Tensor
    derived: Tensor
    time: object = None


@dataclass(frozen=True)
class ComparedFormula:
    """The outcome for one formula: `equal` or `wrong`, and the chance, at most, that different ones pass for equal."""

    formula: Formula
    outcome: str
    bound: float


def derived_formula(derivation: Derivation, entry: Entry, kept: Iterable[str], tensor: Tensor | None = None) -> Tensor:
    """What an entry is equal to (or `tensor`, its value at an end), in the errors of the names in `kept` alone."""
    named = set(kept)
    results = {e.error.name: plain(e.result, derivation) for e in derivation.errors if e.of.name not in named and e.error != entry.error}
    found = plain(entry.result if tensor is None else tensor, derivation)
    while True:
        table = {q: _at(results[q.name], q) for q in quantities(found) if q.name in results}
        if not table:
            return found
        found = cast(Tensor, found.xreplace(table))


def _at(result: Tensor, quantity: Quantity) -> Tensor:
    """A result at the step at which its error stands."""
    if quantity.time is None:
        return result
    if quantity.is_absolute:
        return at_time(result, quantity.time)
    if quantity.time.has(BOUND):  # under a sum over time
        return cast(Tensor, shift(result, int(quantity.time - BOUND)).xreplace({t: BOUND}))
    return shift(result, int(quantity.time - t))


def printed_formulas(derivation: Derivation, printed: System, names: Mapping[str, str]) -> tuple[Formula, ...]:
    """Each printed equation beside the derived one.

    names  printed name → ours: a name of the model, or for an error or a gradient `d h` with the name whose error it is
    """
    ours = {name: _quantity(derivation, said) for name, said in names.items()}
    kept = {said.removeprefix("d ") for said in names.values() if said.startswith("d ")}
    entries = {e.of.name: e for e in derivation.entries}
    found = []
    for definition in printed.every_definition:
        said = names.get(definition.name, "")
        if not said.startswith("d "):
            continue
        entry = entries[said.removeprefix("d ")]
        table = {q: ours[q.name].at(q.time) if q.time is not None else ours[q.name] for q in quantities(definition.rhs) if q.name in ours}
        found.append(Formula(definition.key, cast(Tensor, definition.rhs.xreplace(table)), derived_formula(derivation, entry, kept)))
    return tuple(found)


def _quantity(derivation: Derivation, said: str) -> Quantity:
    system, word = derivation.adjoint.system, said.removeprefix("d ")
    if word == said:
        return derivation.prepared.by_name[word].quantity
    name = next(e.error.name for e in derivation.entries if e.of.name == word)
    return system.by_name[name].quantity


# ---------------------------------------------------------------- comparison


def compare(
    derivation: Derivation, formulas: Iterable[Formula], steps: int = 4, seed: int = 0, draws: Mapping[str, Draw] | None = None
) -> tuple[ComparedFormula, ...]:
    """Compare formulas exactly, at every step 1 … T, for arrays drawn at random from F_p and forward values that satisfy the model."""
    run, field = _exact_run(derivation, steps, seed, draws or {})
    return tuple(_compared(formula, run, field) for formula in formulas)


def _exact_run(derivation: Derivation, steps: int, seed: int, draws: Mapping[str, Draw]) -> tuple[Run, Field]:
    forward = derivation.adjoint.forward
    errors = tuple(
        Declaration(e.error.name, "input" if e.error.time is not None else "constant", e.error.shape, e.error.time is not None)
        for e in derivation.entries
    )
    system = dataclasses.replace(forward, declarations=forward.declarations + errors, source="")
    field = Field(PRIMES[1], seed)
    sizes = small_sizes(forward, SMALL)
    run = Run(system, steps, sizes, {}, table=exact_table(field))
    for declaration in system.declarations:
        if declaration.kind == "variable":
            continue
        shape = tuple(size_value(length, sizes) for length in declaration.shape)
        for step in range(1, steps + 1) if declaration.timed else (None,):
            value = draws.get(declaration.name, _free)(field, shape)
            if step is None:
                run.statics[declaration.name] = value
            else:
                run.timed[declaration.name, step] = value
    run.compute()
    return run, field


def _free(field: Field, shape: tuple[int, ...]) -> np.ndarray:
    """Fresh indeterminates."""
    out = np.empty(shape, dtype=object)
    for place in np.ndindex(out.shape):
        out[place] = field.draw()
    return out


def distribution(field: Field, shape: tuple[int, ...]) -> np.ndarray:
    """Indeterminates whose sum is 1."""
    out = _free(field, shape)
    out[-1] = field.coerce(1) - sum(out[:-1], field.coerce(0))
    return out


def _compared(formula: Formula, run: Run, field: Field) -> ComparedFormula:
    sides = (formula.printed, formula.derived)
    running = formula.time is None and any(q.time is not None and q.time.has(t) for side in sides for q in quantities(side))
    steps: Iterable[int | None] = range(1, run.steps + 1) if running else (None,)
    equal, bound = True, 0.0
    for step in steps:
        left, right = (np.asarray(run.value(side, step), dtype=object) for side in sides)
        if left.shape != right.shape:
            return ComparedFormula(formula, WRONG, 0.0)
        for a, b in zip(map(field.coerce, left.flat), map(field.coerce, right.flat), strict=True):
            equal = equal and a.value == b.value
            degree = max(a.top + b.bottom, b.top + a.bottom) + field.accident
            bound = max(bound, min(1.0, degree / field.prime))
    return ComparedFormula(formula, EQUAL if equal else WRONG, bound)
