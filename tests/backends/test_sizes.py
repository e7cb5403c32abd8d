"""Sizes that the parameters alone do not tell: a module learns them from the data of each call, or says what is missing."""

from __future__ import annotations

import numpy as np
import pytest

import rnnsym
from rnnsym.backends.live import compile_module

# The reservoir's length n_h and n_u stand in no parameter but as a sum, n_s in none at all.
RESERVOIR = """
u: input[n_u]
y: target[n_y]
M: input[n_s, n_u]
R: constant[n_h, n_h]
W: constant[n_h, n_u]
h[t] = tanh(W @ u[t] + R @ h[t-1])
loss[t] = squared_error(y[t], V @ concat(h[t], M.T @ softmax(M @ u[t])))
"""
MEMORY = """
x: input[n_x]
M: matrix[n_c, n_m]
w[t] = softmax(M[t-1] @ (K @ x[t]))
M[t] = M[t-1] + outer(w[t], V @ x[t])
loss[t] = sum(M[t]**2)
"""


@pytest.fixture(scope="module", params=[0, 1])
def level(request):
    return request.param


def module(text: str, level: int):
    return compile_module(rnnsym.generate(rnnsym.parse(text, "sizes"), level=level), f"sizes_{level}")


def test_data_tell_the_sizes_that_parameters_do_not(level):
    reservoir, rng = module(RESERVOIR, level), np.random.default_rng(0)
    arrays = {"V": rng.normal(size=(2, 8))}
    data = {"u": rng.normal(size=(4, 2, 3)), "y": rng.normal(size=(4, 2, 2)), "M": rng.normal(size=(2, 6, 3))}
    data |= {"R": rng.normal(size=(5, 5)), "W": rng.normal(size=(5, 3))}
    told = reservoir.Params.from_arrays(arrays, n_u=3, n_h=5, n_s=6)
    found = reservoir.Params.from_arrays(arrays)
    loss, grads, _ = reservoir.loss_and_grads(found, **data)
    wanted, gradients, _ = reservoir.loss_and_grads(told, **data)
    assert loss == wanted and np.array_equal(grads.V, gradients.V)
    reservoir.sgd_step(found, grads, learning_rate=0.1)
    assert reservoir.loss(found, **data) < loss


def test_a_sum_of_sizes_that_the_data_contradict_is_an_error(level):
    reservoir = module(RESERVOIR, level)
    params = reservoir.Params.from_arrays({"V": np.zeros((2, 9))})
    data = {"u": np.zeros((4, 2, 3)), "y": np.zeros((4, 2, 2)), "M": np.zeros((2, 6, 3)), "R": np.zeros((5, 5)), "W": np.zeros((5, 3))}
    with pytest.raises(ValueError, match=r"params: expected shape \(n_h \+ n_u,\) = \(8,\), found \(9,\)"):
        reservoir.loss_and_grads(params, **data)


def test_a_size_that_no_array_tells_is_asked_for(level):
    memory, x = module(MEMORY, level), np.ones((3, 2, 4))
    arrays = {"K": np.ones((3, 4)), "V": np.ones((3, 4))}
    with pytest.raises(ValueError) as caught:
        memory.loss_and_grads(memory.Params.from_arrays(arrays), x=x)
    assert str(caught.value) == "n_c: no array tells this size; expected Params.from_arrays(arrays, n_c=...)"
    assert memory.loss(memory.Params.from_arrays(arrays, n_c=5), x=x) > 0


STACK = """
x: input[n_x]
s: vector[n_s]
s[t] = concat(tanh(dot(w, x[t])), s[t-1][:n_s - 1]) + sum(s[t-1][:2]) * v
loss[t] = sum(s[t]**2)
"""


def test_a_slice_that_does_not_fit_is_named(level):
    stack, x = module(STACK, level), np.ones((3, 2, 4))
    assert stack.loss(stack.init_params(n_x=4, n_s=2, rng=0), x=x) > 0
    with pytest.raises(ValueError) as caught:
        stack.loss(stack.init_params(n_x=4, n_s=1, rng=0), x=x)
    assert str(caught.value) == "s[t-1][:n_s - 1]: expected 1 <= n_s - 1, found n_s = 1"


def test_slices_that_always_fit_are_not_checked():
    assert "SLICES" not in rnnsym.generate(rnnsym.load("slstm"))
