"""What is no slip but a rule of training that stands among the gradients: clipping by norm, weight decay.

Comes in: the points of an audit, with what the function answered and the exact gradients. Goes out: sentences that say what was noticed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from rnnsym.proof.audit.points import AuditPoint
from rnnsym.proof.audit.search import Place


def unequal_by_rule(points: Sequence[AuditPoint], places: Sequence[Place], wrong: Sequence[str], tolerance: float) -> Iterator[str]:
    """Whether the wrong gradients are the exact ones times a number, or besides a multiple of the parameters, at every point."""
    rows = [(np.concatenate([p.theirs[of].ravel() for of in wrong]), np.concatenate([p.exact(of).ravel() for of in wrong])) for p in places]
    factors = [_multiple(theirs, exact, tolerance) for theirs, exact in rows]
    if all(factor is not None for factor in factors):
        said = ", ".join(f"{factor:.4g}" for factor in factors if factor is not None)
        yield f"the wrong gradients are the exact ones, times {said} at the three points: are they clipped by their norm, or scaled?"
    if not all(of in point.params for of in wrong for point in points):
        return
    held = [np.concatenate([point.params[of].ravel() for of in wrong]) for point in points]
    decays = [_multiple(theirs - exact, params, tolerance) for (theirs, exact), params in zip(rows, held, strict=True)]
    if all(decay is not None and abs(decay - (decays[0] or 0.0)) <= 1e-6 * abs(decay) for decay in decays):
        yield f"the wrong gradients are the exact ones plus {decays[0]:.4g} times the parameters: weight decay, which the cost has not"


def _multiple(found: np.ndarray, of: np.ndarray, tolerance: float) -> float | None:
    """The number times which `of` is what was found; None where there is none."""
    square = float(of @ of)
    factor = float(found @ of) / square if square else 0.0
    scale = max(1.0, float(np.max(np.abs(of), initial=0.0)))
    fits = np.all(np.isfinite(found)) and np.max(np.abs(found - factor * of), initial=0.0) <= 10 * tolerance * scale
    return factor if square and fits else None
