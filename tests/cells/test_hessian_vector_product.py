"""The closure of the idea: a Hessian-vector product is the tangent of the adjoint. The same two passes, no special code."""

from __future__ import annotations

import numpy as np
import pytest
from agreement import assert_agree, interpreted, one_sequence, some_data, some_params

import rnnsym
from rnnsym.calculus.adjoint import adjoint
from rnnsym.calculus.prepare import prepare
from rnnsym.calculus.tangent import tangent
from rnnsym.program.interpret import interpret


def hessian_vector_product(system, params, direction, data):
    """H v by parameter, from the tangent of the adjoint equations, for one sequence."""
    joined = adjoint(prepare(system))
    moved = tangent(joined.system)
    seeds = {name: np.ones(()) for name in joined.seeds.values()}
    directions = {moved.directions[p]: direction[p] for p in params}
    run = interpret(moved.system, {**params, **data, **seeds, **directions})
    return {p: run.static(moved.tangents[joined.gradients[p]]) for p in params}


@pytest.mark.parametrize("model", ["lstm", "rnn", "gru", "jordan", "birnn", "delta_net"])
def test_tangent_of_the_adjoint_agrees_with_differences_of_gradients(model):
    system, rng, step = rnnsym.load(model), np.random.default_rng(5), 1e-6
    params, direction, data = some_params(system, rng), some_params(system, rng, 1.0), some_data(system, rng, batch=1)
    product = hessian_vector_product(system, params, direction, one_sequence(system, data, 0))
    ahead = interpreted(system, {p: a + step * direction[p] for p, a in params.items()}, data)[2]
    behind = interpreted(system, {p: a - step * direction[p] for p, a in params.items()}, data)[2]
    assert_agree(product, {p: (ahead[p] - behind[p]) / (2 * step) for p in params}, 1e-8)


def test_the_hessian_is_symmetric():
    system, rng = rnnsym.load("lstm"), np.random.default_rng(6)
    params, data = some_params(system, rng), one_sequence(system, some_data(system, rng, batch=1), 0)
    u, v = some_params(system, rng, 1.0), some_params(system, rng, 1.0)
    Hu, Hv = hessian_vector_product(system, params, u, data), hessian_vector_product(system, params, v, data)
    left, right = sum(np.vdot(v[p], Hu[p]) for p in params), sum(np.vdot(u[p], Hv[p]) for p in params)
    assert abs(left - right) <= 1e-12 * max(1.0, abs(left))
