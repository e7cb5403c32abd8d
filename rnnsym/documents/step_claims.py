"""Whether a block of a step Jacobian is what it is said to be, and is not longer than its bound: by differences, on random arrays.

Comes in: a claim and a run of the joined System. Goes out: yes or no. One carried value is moved a little both ways, the component's
equations of one step are computed again by the interpreter, and the change is compared with what the block's matrix says.
"""

from __future__ import annotations

import numpy as np

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import Quantity
from rnnsym.derivation.recurrence import Recurrence
from rnnsym.documents.document import ProductClaim, StepClaim
from rnnsym.program.interpret import Run
from rnnsym.program.linear_action import StepMatrices

_STEP, _TOLERANCE = 1e-6, 1e-5
_ROUNDING = 1e-15  # of a value, in its own size
_JUMP = 1e4  # a slope that is none: the values on both sides of a jump
_KINK = 1e-3  # how far the slopes on both sides of a kink differ, as in `difference_checking`


def step_claim_holds(claim: StepClaim, run: Run, rng: np.random.Generator) -> bool:
    """Whether the claim holds at every step whose past lies inside the run.

    What passes no gradient on purpose (stop_gradient) has a difference all the same: there only the bound is judged.
    """
    return all(_holds_at(claim, run, rng, step) for step in inner_steps(claim.recurrence, run))


def inner_steps(recurrence: Recurrence, run: Run) -> range:
    """The steps whose past, as the recurrence reads it, lies inside the run, in the order in which it walks."""
    lag = max(abs(q.offset or 0) for q in recurrence.previous)
    return range(1 + lag, run.steps + 1) if recurrence.direction > 0 else range(run.steps - lag, 0, -1)


def product_claim_holds(claim: ProductClaim, run: Run) -> bool:
    """Whether the product of the step Jacobians is never longer than the product of the norms of the blocks' bounds."""
    recurrence = claim.recurrence
    total, bound = np.eye(0), 1.0
    with np.errstate(all="ignore"):
        for step in inner_steps(recurrence, run):
            matrices = StepMatrices(recurrence, run, step)
            jacobian = matrices.jacobian
            total = jacobian if not total.size else jacobian @ total
            bound *= float(np.linalg.norm(_numbers(claim, matrices), 2))
            if not np.all(np.isfinite(total)) or not np.isfinite(bound):
                return True
            if not np.linalg.norm(total, 2) <= bound * (1 + 1e-9):
                return False
    return True


def _numbers(claim: ProductClaim, matrices: StepMatrices) -> np.ndarray:
    """The bounds in place of the blocks."""
    recurrence = claim.recurrence

    def number(of: Quantity, by: Quantity) -> float:
        bound = claim.bounds.get((of, by))
        return float(of == by) if bound is None else matrices.bound(bound)

    return np.array([[number(of, by) for by in recurrence.previous] for of in recurrence.carried])


def _holds_at(claim: StepClaim, run: Run, rng: np.random.Generator, step: int) -> bool:
    with np.errstate(all="ignore"):
        matrices = StepMatrices(claim.recurrence, run, step)
        matrix = matrices.of(claim.block.map)
        if not np.all(np.isfinite(matrix)):
            return True
        if claim.bound is not None and not np.linalg.norm(matrix, 2) <= matrices.bound(claim.bound) * (1 + 1e-9):
            return False
        if any(d.rhs.has(op.StopGradient) for d in claim.recurrence.component.definitions):
            return True
        of, by = claim.block.of, claim.block.by
        change = rng.standard_normal(np.shape(_value(run, by, step)))
        up, down = (_moved(claim, run, step, sign * _STEP * change) for sign in (1, -1))
        here = _value(run, of, step)
        found = np.where(up == down, 0.0, up - down).ravel() / (2 * _STEP)
        bend = np.where((up == here) & (here == down), 0.0, up - 2 * here + down) / _STEP
        size = max(1.0, float(np.max(np.abs(found), initial=0.0)))
        value = max(1.0, float(np.max(np.abs(here), initial=0.0)))
        rounding = _ROUNDING * value / _STEP
        if np.max(np.abs(bend), initial=0.0) > _KINK * size + 2 * rounding or size > _JUMP * value:
            return True  # the point lies on a kink or a jump, where the language says what the derivative is
        said = matrix @ change.ravel()
        assert of.shape == claim.block.map.codomain
        return bool(np.max(np.abs(found - said), initial=0.0) <= _TOLERANCE * size + rounding)


def _value(run: Run, quantity: Quantity, step: int) -> np.ndarray:
    return run.timed[quantity.name, step + (quantity.offset or 0)]


def _moved(claim: StepClaim, run: Run, step: int, change: np.ndarray) -> np.ndarray:
    """The block's variable at a step, with one carried value changed and the equations of that step computed again."""
    of, by = claim.block.of, claim.block.by
    key = (by.name, step + (by.offset or 0))
    touched = [(d.name, step) for d in claim.recurrence.component.definitions]
    kept = {k: run.timed[k] for k in (*touched, key)}
    run.timed[key] = kept[key] + change
    try:
        for definition in claim.recurrence.component.definitions:
            run.define(definition, step)
        return run.timed[of.name, step]
    finally:
        run.timed.update(kept)
