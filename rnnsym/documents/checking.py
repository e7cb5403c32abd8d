"""Every displayed step, evaluated: is the left side equal to the right side on random arrays?

Comes in: a Derivation and its document. Goes out: the claims that do not hold. The reference interpreter computes the joined System once;
each claim is then evaluated at every step that it speaks of.
"""

from __future__ import annotations

import numpy as np

from rnnsym.algebra.system import Declaration
from rnnsym.algebra.tensor import Tensor, quantities, t
from rnnsym.derivation.derivation import INSIDE, Derivation
from rnnsym.documents.difference_checking import holds_in_total, holds_locally
from rnnsym.documents.document import (
    AnyClaim,
    Claim,
    Document,
    IndexClaim,
    LocalClaim,
    ProductClaim,
    StepClaim,
    TotalClaim,
)
from rnnsym.documents.index_checking import holds_by_index
from rnnsym.documents.step_claims import product_claim_holds, step_claim_holds
from rnnsym.errors import InternalError
from rnnsym.program.interpret import Run, interpret

_LENGTHS = (3, 4, 5, 7, 8, 9, 10, 11, 12, 13)  # of the sizes, in order: all different


def failing_claims(derivation: Derivation, document: Document, seed: int = 0, tolerance: float = 1e-9) -> tuple[AnyClaim, ...]:
    """The claims whose sides differ by more than `tolerance · max(1, |right|)` for the arrays that `seed` gives."""
    run = random_run(derivation, seed)
    rng = np.random.default_rng(seed + 1)
    return tuple(claim for claim in document.claims if not _is_true(claim, derivation, run, rng, tolerance))


def check_document(derivation: Derivation, document: Document) -> None:
    """Raise InternalError E905 where a displayed step does not hold: such a document is not written."""
    failing = failing_claims(derivation, document)
    if failing:
        raise InternalError.at(
            "E905",
            f"{len(failing)} displayed step(s) of the derivation of `{derivation.model.name}` do not hold on random arrays",
            notes=tuple((None, _claim_text(claim)) for claim in failing[:5]),
        )


def _claim_text(claim: AnyClaim) -> str:
    if isinstance(claim, StepClaim):
        return str(claim.block)
    if isinstance(claim, ProductClaim):
        return f"the bound of the product over time, with the blocks\n{claim.recurrence}"
    if isinstance(claim, LocalClaim):
        return f"what `{claim.reader.key}` contributes to the error of `{claim.of}`: {claim.value}"
    if isinstance(claim, TotalClaim):
        return f"the gradient of `{claim.of}`: {claim.value}"
    return f"{claim.left} = {claim.right}"


def _is_true(claim: AnyClaim, derivation: Derivation, run: Run, rng: np.random.Generator, tolerance: float) -> bool:
    if isinstance(claim, IndexClaim):
        return holds_by_index(claim, tolerance)
    if isinstance(claim, StepClaim):
        return step_claim_holds(claim, run, rng)
    if isinstance(claim, ProductClaim):
        return product_claim_holds(claim, run)
    if isinstance(claim, TotalClaim):
        return holds_in_total(claim, derivation.adjoint.forward, run, rng)
    return holds_locally(claim, run, rng) if isinstance(claim, LocalClaim) else _holds(claim, run, tolerance)


def random_run(derivation: Derivation, seed: int) -> Run:
    """The joined System, computed for one sequence of random arrays.

    Where that gives no numbers (a model may take roots of a variance), what kinds are drawn positive grows until it does.
    """
    runs = []
    for positive in ((), ("constant",), ("constant", "input"), ("constant", "input", "param")):
        runs.append(_drawn_run(derivation, seed, positive))
        if not any(np.isnan(value).any() for value in (*runs[-1].timed.values(), *runs[-1].statics.values())):
            return runs[-1]
    return runs[0]


def _drawn_run(derivation: Derivation, seed: int, positive: tuple[str, ...]) -> Run:
    system = derivation.adjoint.system
    lags = [span for extent in system.extents.values() for span in extent]
    steps = 4 + max(lags, default=0)
    sizes = {s.name: _LENGTHS[i % len(_LENGTHS)] for i, s in enumerate(system.sizes)}
    rng = np.random.default_rng(seed)
    seeds = set(derivation.adjoint.seeds.values())
    arrays = {d.name: np.ones(()) if d.name in seeds else _some(d, sizes, steps, rng) for d in system.declarations if d.kind != "variable"}
    arrays |= {d.name: np.abs(arrays[d.name]) + 0.1 for d in system.of_kind(*positive) if d.name not in seeds}
    fixed = {d.name for d in system.declarations if d.kind == "constant" and d.start is not None}
    with np.errstate(all="ignore"):
        return with_inside(interpret(system, {n: a for n, a in arrays.items() if n not in fixed}, steps=steps, sizes=sizes))


def with_inside(run: Run) -> Run:
    """The run, in which `INSIDE` has its values too."""
    run.timed.update({(INSIDE, step): np.ones(()) for step in range(1, run.steps + 1)})
    run.given.update({(INSIDE, step): np.zeros(()) for step in (*range(-run.steps, 1), *range(run.steps + 1, 2 * run.steps + 1))})
    return run


def _some(declaration: Declaration, sizes: dict[str, int], steps: int, rng: np.random.Generator) -> np.ndarray:
    """Normal numbers for inputs and parameters, numbers between 0.1 and 0.9 for targets, classes for tokens."""
    shape = _shape(declaration, sizes)
    lead = (steps,) if declaration.timed else ()
    if declaration.kind == "token":
        return rng.integers(0, shape[0], lead)
    if declaration.kind == "target":
        return rng.uniform(0.1, 0.9, lead + shape)
    return rng.standard_normal(lead + shape) * (1.0 if declaration.kind == "input" else 0.5)


def _shape(declaration: Declaration, sizes: dict[str, int]) -> tuple[int, ...]:
    return tuple(int(length.xreplace({s: sizes[s.name] for s in length.free_symbols})) for length in declaration.shape)


def _holds(claim: Claim, run: Run, tolerance: float) -> bool:
    return all(_holds_at(claim, step, run, tolerance) for step in _steps(claim, run))


def _steps(claim: Claim, run: Run) -> tuple[int | None, ...]:
    left = claim.left
    running = any(q.time is not None and q.time.has(t) for q in quantities(left))
    if claim.time is not None or not running:
        return (None,)
    return tuple(range(1, run.steps + 1))


def _holds_at(claim: Claim, step: int | None, run: Run, tolerance: float) -> bool:
    with np.errstate(all="ignore"):
        left, right = np.asarray(run.value(claim.left, step)), np.asarray(run.value(claim.right, step))
        if not np.all(np.isfinite(right)) and _reads_outside(claim.right, step, run):
            return True  # 0/0 beyond the ends: what holds there is a claim of its own
        difference = np.max(np.where(left == right, 0.0, np.abs(left - right)), initial=0.0)  # inf - inf, where both are inf
        return bool(difference <= tolerance * max(1.0, float(np.max(np.abs(right), initial=0.0, where=np.isfinite(right)))))


def _reads_outside(side: Tensor, step: int | None, run: Run) -> bool:
    return step is not None and any(q.offset is not None and not 1 <= step + q.offset <= run.steps for q in quantities(side))
