"""Minimal models that once were derived or generated wrongly, or not at all; each was found by drawing models at random."""

from __future__ import annotations

import module_witnesses
import pytest
from witnesses import adjoint_agrees, reads_back

from rnnsym.language import parse

SIZES = {"n": 3, "m": 2}
HEAD = "x: input[n]\na: param[n]\nb: param[n]\n"
MODELS = {
    "a target read at a lag": "y: target\nloss[t] = y[t-1]**2\n",
    "a token read ahead": "w: token[n]\nE: param[m, n]\nloss[t] = sum(tanh(E @ w[t+2]) * c[t])\nc[t] = E @ w[t]\n",
    "a running name for a number": "x: input\na: param\nn[t] = -1\nloss = binary_cross_entropy(1, sigmoid(a)) + total(n[t] * x[t])\n",
    "a running name for what does not run": HEAD + "u[t] = a * b\nloss[t] = sum(u[t] * x[t])\nloss = sum((a * b)**2)\n",
    "a gradient that is another one negated": HEAD + "loss[t] = sum((a - b) * x[t])\n",
    "a sum over time of numbers": HEAD + "loss[t] = sum(a * x[t])\nloss = total(2 / 3) + total(0.5) + total(log(0.7))\n",
    "a gradient that equals an error of each sequence": HEAD + "f[t] = a\nloss = sum((f[T] + b) / (2 + sum(x[1])**2))\n",
    "a gradient of a static variable, likewise": HEAD + "A = exp(a)\nf[t] = x[t]*b\nloss = sum((f[T] + A) / (2 + sum(x[1])**2))\n",
    "an error function of a whole number": HEAD + "z = erf(1)\nloss[t] = z * sum(a * x[t])\n",
    "a start of a variable that Python names otherwise": HEAD + "outer[0] = a\nouter[t] = tanh(x[t] + b * outer[t-1])\nloss[t] = sum(outer[t])\n",
}


@pytest.mark.parametrize("name", MODELS)
def test_is_read_back_derived_and_generated(name):
    system = parse(MODELS[name], name="minimal")
    sizes = {size.name: SIZES[size.name] for size in system.sizes}
    reads_back(system)
    assert adjoint_agrees(system, sizes, seed=1, steps=4)
    module_witnesses.check(system, sizes, seed=3)
