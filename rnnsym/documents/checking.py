"""Every displayed step, evaluated: is the left side equal to the right side on random arrays?

Comes in: a Derivation and its document. Goes out: the claims that do not hold. The reference interpreter computes the joined System once;
each claim is then evaluated at every step that it speaks of.
"""

from __future__ import annotations

import numpy as np

from rnnsym.algebra import operators as op
from rnnsym.algebra.system import Declaration
from rnnsym.algebra.tensor import T, Tensor, quantities
from rnnsym.derivation.derivation import INSIDE, Derivation
from rnnsym.documents.document import AnyClaim, Claim, Document, IndexClaim, LocalClaim, ProductClaim, StepClaim
from rnnsym.documents.index_checking import holds_by_index
from rnnsym.documents.step_claims import product_claim_holds, step_claim_holds
from rnnsym.errors import InternalError
from rnnsym.program.interpret import Run, interpret

_LENGTHS = (3, 4, 5, 7, 8, 9, 10, 11, 12, 13)  # of the sizes, in order: all different


def failing_claims(derivation: Derivation, document: Document, seed: int = 0, tolerance: float = 1e-9) -> tuple[AnyClaim, ...]:
    """The claims whose sides differ by more than `tolerance · max(1, |right|)` for the arrays that `seed` gives."""
    run = random_run(derivation, seed)
    rng = np.random.default_rng(seed + 1)
    return tuple(claim for claim in document.claims if not _is_true(claim, run, rng, tolerance))


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
    return f"{claim.left} = {claim.right}"


def _is_true(claim: AnyClaim, run: Run, rng: np.random.Generator, tolerance: float) -> bool:
    if isinstance(claim, IndexClaim):
        return holds_by_index(claim, tolerance)
    if isinstance(claim, StepClaim):
        return step_claim_holds(claim, run, rng)
    if isinstance(claim, ProductClaim):
        return product_claim_holds(claim, run)
    return _holds_locally(claim, run, rng) if isinstance(claim, LocalClaim) else _holds(claim, run, tolerance)


def random_run(derivation: Derivation, seed: int) -> Run:
    """The joined System, computed for one sequence of random arrays."""
    system = derivation.adjoint.system
    lags = [span for extent in system.extents.values() for span in extent]
    steps = 4 + max(lags, default=0)
    sizes = {s.name: _LENGTHS[i % len(_LENGTHS)] for i, s in enumerate(system.sizes)}
    rng = np.random.default_rng(seed)
    seeds = set(derivation.adjoint.seeds.values())
    arrays = {d.name: np.ones(()) if d.name in seeds else _some(d, sizes, steps, rng) for d in system.declarations if d.kind != "variable"}
    fixed = {d.name for d in system.declarations if d.kind == "constant" and d.start is not None}
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
    times = [q.time for q in quantities(left)]
    if claim.time is not None or not times or times[0] is None or not times[0].free_symbols or times[0].has(T):
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


# ---------------------------------------------------------------- one equation's derivative, by differences

_STEP, _LOCAL_TOLERANCE = 1e-6, 1e-5
_ROUNDING = 1e-15  # of a value, in its own size: large values have differences of few digits
_KINK = 1e-3  # how far the slopes of both sides differ at a kink; a bend of the curve makes a difference of about _STEP


def _holds_locally(claim: LocalClaim, run: Run, rng: np.random.Generator) -> bool:
    """Whether ⟨value, u̇⟩ is ⟨δ_v, the change of v⟩ for a random change u̇ of what is read, by central differences.

    The reader's equation is evaluated alone, so that only the immediate derivative is seen. What passes no error on purpose
    (stop_gradient) has a difference all the same and is not judged.
    """
    rhs = claim.reader.rhs.replace(lambda n: isinstance(n, op.Complement), lambda n: op.Plus(1, op.Negate(n.args[0])))
    if rhs.has(op.StopGradient):
        return True
    name, timed = claim.of.name, claim.of.time is not None
    return all(_agrees_at(claim, rhs, run, rng, name, step) for step in (range(1, run.steps + 1) if timed else (None,)))


def _agrees_at(claim: LocalClaim, rhs: Tensor, run: Run, rng: np.random.Generator, name: str, step: int | None) -> bool:
    readings = _readings(claim, run, step)
    if not readings:
        return True  # the reader's step lies outside 1 … T
    change = rng.standard_normal(np.shape(run.statics[name] if step is None else run.timed[name, step]))
    with np.errstate(all="ignore"):
        claimed = np.sum(run.value(claim.value, step) * change)
        below, here, above = (np.asarray(_evaluated(rhs, run, readings, name, step, sign * _STEP * change)) for sign in (-1, 0, 1))
        errors = np.asarray([np.broadcast_to(run.value(claim.error, at), here[i].shape) for i, at in enumerate(readings)])
        after, before = (np.sum(errors * _difference(*pair)) / _STEP for pair in ((above, here), (here, below)))
        found = (after + before) / 2
        rounding = np.sum(np.abs(errors * here), where=np.isfinite(here)) * _ROUNDING / _STEP
        if abs(after - before) > _KINK * max(1.0, abs(found)) + rounding:
            return True  # the point lies on a kink, where the language says what the derivative is
    return bool(abs(claimed - found) <= _LOCAL_TOLERANCE * max(1.0, abs(found)) + rounding)


def _difference(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.where(above == below, 0.0, above - below)  # -inf stays -inf


def _readings(claim: LocalClaim, run: Run, step: int | None) -> tuple[int | None, ...]:
    """The steps at which the reader reads what is changed; None for a static reader."""
    if claim.reader.lhs.offset is None:
        return (None,)
    if step is None:
        return tuple(range(1, run.steps + 1))
    at = step - claim.delay if isinstance(claim.delay, int) else None
    return (at,) if at is not None and 1 <= at <= run.steps else ()


def _evaluated(
    rhs: Tensor, run: Run, readings: tuple[int | None, ...], name: str, step: int | None, change: np.ndarray
) -> list[np.ndarray]:
    """The reader's right side at its steps, with one value changed."""
    values: dict = run.statics if step is None else run.timed
    key: object = name if step is None else (name, step)
    kept = values[key]
    values[key] = kept + change
    try:
        shape = np.asarray(run.value(rhs, readings[0])).shape
        return [np.broadcast_to(run.value(rhs, at), shape) for at in readings]
    finally:
        values[key] = kept
