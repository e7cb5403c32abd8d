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
    "a gradient that equals an error of each sequence": HEAD + "c: param\nv: input\nf[t] = v\nloss = 1 / sum(a) * (total(f[t+1]) + c)\n",
    "a static variable whose error equals one of each sequence": HEAD
    + "c: param\nv: input\nA = exp(c)\nf[t] = v\nloss = 1 / sum(a) * (total(f[t+1]) + A)\n",
    "a settled comparison between a vector and a scalar": HEAD
    + "g: vector[n]\ng[t] = a if 2 < 0.3 else sum(x[t])\nloss[t] = sum(g[t] * b)\n",
    "a start that depends on the number of steps": HEAD + "h[0] = tanh(total(0.1 * a))\nh[t] = tanh(x[t] + h[t-1])\nloss[t] = sum(h[t])\n",
    "a branch of two whole numbers at the last step": HEAD + "loss[t] = sum(a * x[t])\nloss = (2 if sum(x[T]) >= 0.1 else 1) * sum(a)\n",
    "a loss of numbers": HEAD + "loss[t] = sum(a * x[t])\nloss = binary_cross_entropy(total(1), sigmoid(8)) * sum(a)\n",
    "an error function of a whole number": HEAD + "z = erf(1)\nloss[t] = z * sum(a * x[t])\n",
    "an error from outside alone, through a product of matrices": HEAD
    + "W: param[n, n]\ne[t] = exp(x[t] * a)\nf[t] = max(W @ e[t], b)\ng[t] = W @ softmax(f[t])\nloss[t] = sum(a)\n",
    "a softmax in a branch over entries": HEAD + "h[t] = 1 if x[t] > 0.5 else softmax(a)\nloss[t] = norm(h[t] * b)\n",
    "a square matrix in a branch over entries": HEAD
    + "W: param[n, n]\nh[t] = W @ x[t] if x[t] > 1 / (1 + sum(a)**2) else b\nloss[t] = sum(h[t])\n",
    "a scalar start of a vector": HEAD + "s: param\nh: vector[n]\nh[0] = s\nh[t] = tanh(x[t] + b * h[t-1])\nloss[t] = sum(h[t])\n",
    "a scalar of each sequence beyond the end": HEAD
    + "z: input\nh: vector[n]\nh[T+1] = z[T]\nh[t] = tanh(x[t] + b * h[t+1])\nloss[t] = sum(h[t])\n",
    "a scalar right side of a vector": HEAD + "h: vector[n]\nh[t] = sum(a * x[t])\nk: vector[n]\nk = sum(b)\nloss[t] = sum(h[t] * b * k)\n",
    "a parameter and an input that nothing reads": "x: input[n]\na: param[n]\nloss = 1\n",
    "a parameter that is added as its transpose": "x: input[n]\nW: param[m, n]\nh: matrix[n, m]\nh[t] = tanh(W.T + h[t-1])\n"
    "loss[t] = sum(h[t]) + sum(x[t])\n",
    "classes of each sequence and probabilities of the whole call": "y: target[n]\nc: param[n]\nx: input[n]\n"
    "loss = cross_entropy(y, softmax(c))\nloss[t] = sum(x[t] * c)\n",
    "errors at two lags that are negatives of each other": "x: input\nk[t] = squared_error(D[t-2], D[t-3]) + x[t]\nD[t] = k[t] + 1\nloss[t] = k[t]\n",
    "a branch between what is computed ahead and the past": HEAD + "h: vector[n]\nc: param\n"
    "h[t] = sin(a * x[t] if c >= mean(x[t+2]) else h[t-1])\nloss[t] = sum(h[t])\n",
    "classes that are read as a vector at the last step": "y: target[n]\nx: input[n]\nc: param[n]\nv[0] = min(y[T], c)\n"
    "v[t] = 0.5 * v[t-1] + x[t]\nloss[t] = cross_entropy(y[t], softmax(c * x[t])) * sum(v[t])\n",
    "a bias that is a constant, or computed": HEAD + "W: param[n, n]\nU: param[n, n]\nk: constant[n]\nd = a * b\n"
    "h[t] = tanh(W @ h[t-1] + k)\ng[t] = tanh(U @ g[t-1] + d)\nloss[t] = sum(h[t] * g[t] * x[t])\n",
    "a static reading of a variable that is called as a kind": HEAD + "vector[t] = a * x[t]\nd = vector[T]\nloss = sum(d)\n",
    "a cost in one term whose gradient reads its value": "x: input[n]\na: param\nloss[t] = sum(a * x[t])\nloss = elu(a)\n",
    "two biases whose gradients are equal, beside a recurrence that is no stack": HEAD + "A: param[n, n]\nQ: param[n, n]\ns: param[n, n]\n"
    "W: param[n, n]\nz[t] = tanh(A @ z[t-2] + a + b)\nq[t] = tanh(Q @ q[t-2] + x[t])\n"
    "d[t] = sigmoid(s @ q[t-2]) * d[t-2] + tanh(1 / (1 + exp(-(W @ d[t-2]))))\nloss[t] = sum(z[t]) + mean(q[t]**2) + sum(d[t])\n",
    "initial values that no cost sees": HEAD + "k[t] = tanh(a * k[t-1] + x[t+1])\nloss[t] = sum(b * x[t])\n",
    "a start of a variable that Python names otherwise": HEAD
    + "outer[0] = a\nouter[t] = tanh(x[t] + b * outer[t-1])\nloss[t] = sum(outer[t])\n",
    "errors of one stack that are complete at different times": "x: input[n]\nA: param[n, n]\nB: param[n, n]\nZ: param[n, m]\nS: param[1 + m, n]\n"
    "e: vector[n]\nv: vector[n]\nw: vector[m]\nh: matrix[n, n]\n\ne[t] = x[t]\n"
    "v[t] = tanh(A @ v[t-2] + norm(w[t-3] + 0.1) - B @ e[t-2])\nh[t] = 0.5 * h[t-1] + tanh(outer(Z @ w[t-3], softmax(v[t])))\n"
    "w[t] = tanh(1 - sigmoid((S @ v[t-2])[:m]) + w[t-3])\nloss[t] = sum(h[t])\n",
    "a norm as the loss of a sequence": HEAD + "loss[t] = sum(a * x[t])\nloss = norm(a)\n",
    "a value after the last step that a stream never reaches": HEAD
    + "y: target\ng: param\nz[t] = tanh(0.5 * z[t-1] + sum(a * x[t]))\nz[T+1] = g\nloss[t] = (z[t] - z[t+1])**2 * y[t]\n",
}


@pytest.mark.parametrize("name", MODELS)
def test_is_read_back_derived_and_generated(name):
    system = parse(MODELS[name], name="minimal")
    sizes = {size.name: SIZES[size.name] for size in system.sizes}
    reads_back(system)
    assert adjoint_agrees(system, sizes, seed=1, steps=4)
    module_witnesses.check(system, sizes, seed=3)
