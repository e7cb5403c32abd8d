"""Minimal models that once were derived wrongly, or not at all; each was found by drawing models at random."""

from __future__ import annotations

import pytest
from witnesses import adjoint_agrees, reads_back

from rnnsym.language import parse

MODELS = {
    "a target read at a lag": "y: target\nloss[t] = y[t-1]**2\n",
    "a token read ahead": "w: token[n]\nE: param[m, n]\nloss[t] = sum(tanh(E @ w[t+2]) * c[t])\nc[t] = E @ w[t]\n",
    "a running name for a number": "x: input\nn[t] = -1\nq = sigmoid(a)\nloss = binary_cross_entropy(1, q) + total(n[t] * x[t])\na: param\n",
    "a running name for what does not run": "x: input[n]\nW: param[n, n]\nb: param[n]\nu[t] = W @ b\nloss[t] = sum(u[t] * x[t])\nloss = sum((W @ b)**2)\n",
}


@pytest.mark.parametrize("name", MODELS)
def test_is_read_back_and_derived(name):
    system = parse(MODELS[name], name="minimal")
    reads_back(system)
    assert adjoint_agrees(system, {"n": 3, "m": 2}, seed=1, steps=4)
