"""Central differences of a model in which stop_gradient hides something.

Comes in: a bench, a point, a direction. Goes out: the difference of the cost with everything under stop_gradient held at its value at the
point: that is what the gradient means. The interpreter computes the cost; it visits the hidden values in the same order in every run.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rnnsym.algebra.operators import StopGradient
from rnnsym.program.interpret import interpret
from rnnsym.program.meanings import MEANINGS
from rnnsym.proof.bench import Bench, Claim, Point
from rnnsym.proof.draws import Array
from rnnsym.proof.sequences import sequences


def frozen_difference(bench: Bench, point: Point, claim: Claim, direction: Array, width: float) -> float:
    """(C(u + h v) - C(u - h v)) / 2h with the hidden values of C(u)."""
    hidden: list[Array] = []

    def noted(node, sizes, u):
        hidden.append(u)
        return u

    _cost(bench, point, noted)
    costs = []
    for sign in (1, -1):
        values: Iterator[Array] = iter(hidden)
        costs.append(_cost(bench, point.moved(claim.group, claim.name, sign * width * direction), lambda node, sizes, u, v=values: next(v)))
    return float((costs[0] - costs[1]) / (2 * width))


def _cost(bench: Bench, point: Point, stop_gradient) -> float:
    table = {**MEANINGS, StopGradient: stop_gradient}
    runs = [
        interpret(bench.system, one.arrays, steps=one.steps, initial=one.initial, sizes=bench.sizes, table=table)
        for one in sequences(bench, point)
    ]
    return float(np.mean([run.cost for run in runs]))


__all__ = ["frozen_difference"]
