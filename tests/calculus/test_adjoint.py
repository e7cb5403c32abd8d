"""The adjoint of a System agrees with the complex step, whatever the System is made of."""

from __future__ import annotations

import numpy as np
import pytest

from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS, T, t, time_text
from rnnsym.calculus.adjoint import INITIAL, adjoint
from rnnsym.calculus.prepare import prepare
from rnnsym.calculus.tangent import tangent
from rnnsym.language import parse
from rnnsym.program.interpret import interpret

HEAD = "x: input[n_x]\ny: target[n_y]\nh: vector[n_h]\n"
TAIL = "p[t] = softmax(V @ h[t] + b_y)\nloss[t] = cross_entropy(y[t], p[t])\n"
CELL = "h[t] = tanh(W @ x[t] + U @ h[t-1] + b)\n"

MODELS = {
    "elman": HEAD + CELL + TAIL,
    "trained start": HEAD + "h[0] = h_0\n" + CELL + TAIL,
    "start from a static input": "z: input[n_z]\n" + HEAD + "h[0] = tanh(A @ z)\n" + CELL + TAIL,
    "start from the first input": HEAD + "h[0] = tanh(A @ x[1])\n" + CELL + TAIL,
    "lags two and three": HEAD + "h[0] = h_0\nh[-1] = g_0\nh[t] = tanh(W @ x[t] + U @ h[t-2] * h[t-1] + h[t-3] + sum(x[t-2]) * b)\n" + TAIL,
    "future": HEAD + "h[t] = tanh(W @ x[t+1] + U @ h[t+1] * sum(x[t]) + b)\nh[T+1] = h_0\n" + TAIL,
    "future, two ahead": HEAD + "h[t] = tanh(W @ x[t+2] + U @ h[t+2] + 0.5 * h[t+1])\nh[T+2] = h_0\n" + TAIL,
    "bidirectional, then forwards": HEAD
    + "f: vector[n_h]\nb: vector[n_h]\nf[t] = tanh(W_f @ x[t] + U_f @ f[t-1])\nb[t] = tanh(W_b @ x[t] + U_b @ b[t+1])\n"
    + "h[t] = f[t] * b[t-1] + tanh(Q @ h[t-1])\n"
    + TAIL,
    "output fed back": HEAD + "h[t] = sigmoid(W @ x[t] + U @ p[t-1] + b)\n" + TAIL,
    "last step only": HEAD + "q: vector[n_y]\n" + CELL + "q = softmax(V @ h[T] + b_y)\nloss = 0.5 * squared_error(q, c)\n",
    "first and last in every step": HEAD + CELL + "g[t] = h[t] * h[T] + h[1] * total(h[t])\nloss[t] = sum(g[t]**2)\n",
    "pooling": HEAD + CELL + "m = total(h[t] * w[t]) / total(w[t])\nloss = sum(m**2)\nw: input\n",
    "lagged inside a sum over time": HEAD + CELL + "m = total(h[t-1] * h[t] + sum(x[t+1]) * c)\nloss = sum(m**3)\n",
    "a loss at the last step": HEAD + CELL + "loss[t] = (sum(h[t]**2) if t == T else 0) + (h_sum[t] if t == 1 else 0)\nh_sum[t] = sum(h[t])\n",
    "static equations": HEAD + "A = -exp(A_log)\nh[t] = exp(A * s[t]) * h[t-1] + W @ x[t]\ns[t] = softplus(dot(w, x[t]) + c)\n" + TAIL,
    "two of three parts": HEAD + "a[t], b[t], c[t] = split(W @ x[t], 3)\nh[t] = tanh(a[t] * b[t] + U @ h[t-1])\n" + TAIL,
    "regulariser beside the loss": HEAD + CELL + TAIL + "loss = 0.01 * sum(W**2) + 0.1 * norm(U)\n",
    "loss read by another equation": HEAD + CELL + "loss[t] = sum(h[t]**2) + 0.1 * s[t]\ns[t] = 0.5 * s[t-1] + loss[t-1]\n",
    "matrix state": HEAD.replace("h: vector[n_h]", "S: matrix[n_k, n_v]")
    + "k[t] = W_k @ x[t]\nv[t] = W_v @ x[t]\nq[t] = W_q @ x[t]\ne[t] = sigmoid(dot(w, x[t]))\n"
    + "S[t] = (eye(n_k) - e[t] * outer(k[t], k[t])) @ S[t-1] + e[t] * outer(k[t], v[t])\n"
    + "p[t] = softmax(V @ S[t].T @ q[t])\nloss[t] = cross_entropy(y[t], p[t])\n",
    "diagonal": HEAD + "a[t] = sigmoid(W_a @ x[t])\nh[t] = (diag(a[t]) + 0.1 * outer(a[t], u)) @ h[t-1] + diag(a[t]) @ W @ x[t]\n" + TAIL,
    "split and slices": HEAD
    + "i[t], f[t], g[t] = split(W @ x[t] + U @ h[t-1] + b, 3)\nh[t] = sigmoid(f[t]) * h[t-1] + sigmoid(i[t]) * tanh(g[t])\n"
    + TAIL,
    "concat and roll": HEAD + "h[t] = tanh(W @ concat(x[t], roll(h[t-1], 1), 1) + b)\n" + TAIL,
    "stabilised exponential gate": HEAD
    + "m[0] = -inf\ni[t] = W_i @ x[t] + U_i @ h[t-1]\nf[t] = log(sigmoid(W_f @ x[t] + b_f))\nm[t] = max(f[t] + m[t-1], i[t])\n"
    + "c[t] = exp(f[t] + m[t-1] - m[t]) * c[t-1] + exp(i[t] - m[t]) * tanh(W_z @ x[t])\nn[t] = exp(f[t] + m[t-1] - m[t]) * n[t-1] + exp(i[t] - m[t])\n"
    + "h[t] = c[t] / n[t]\n"
    + TAIL,
    "conditionals": HEAD + "u[t] = W @ x[t] + U @ h[t-1]\nh[t] = u[t] if u[t] >= 0 else 0.1 * (exp(u[t]) - 1)\n" + TAIL,
    "layer normalisation": "def layer_norm(z, gain, bias):\n    d = z - mean(z)\n    return gain * d / sqrt(mean(d**2) + 1e-5) + bias\n"
    + HEAD
    + "h[t] = tanh(layer_norm(W @ x[t] + U @ h[t-1], gamma, beta))\n"
    + TAIL,
    "scalar parameters": HEAD + "alpha: param\ng[t] = tanh(W @ x[t] + U @ h[t-1])\nh[t] = alpha * g[t] + sigmoid(beta) * h[t-1]\nbeta: param\n" + TAIL,
    "parameters shared by equations": HEAD + "h[t] = tanh(U @ h[t-1] + W @ x[t])\ng[t] = U @ h[t] * a\nloss[t] = sum(g[t]**2) + sum(a)\n",
    "tokens": "x: token[n_x]\ny: target[n_y]\nh: vector[n_h]\nh[t] = tanh(E @ x[t] + F @ x[t-1] + U @ h[t-1])\n" + TAIL,
    "log forms": HEAD + CELL + "p[t] = softmax(V @ h[t])\ns[t] = sigmoid(h[t])\nloss[t] = -sum(y[t] * log(p[t])) - sum(log(s[t]) + log(1 - s[t]))\n",
    "one minus a named gate": HEAD + "z[t] = sigmoid(W @ x[t])\nh[t] = z[t] * h[t-1] + (1 - z[t]) * tanh(U @ h[t-1])\n" + TAIL,
}  # fmt: skip

SIZES = {"n_x": 3, "n_y": 2, "n_h": 4, "n_k": 3, "n_v": 5, "n_z": 6}


def drawn(system, steps, rng):
    """Random arrays for data, parameters and constants."""
    arrays = {}
    sizes = {s.name: SIZES.get(s.name, 4) for s in system.sizes}
    for declaration in system.declarations:
        shape = tuple(size_value(s, sizes) for s in declaration.shape)
        shape = (steps, *shape) if declaration.timed else shape
        if declaration.kind == "token":
            arrays[declaration.name] = rng.integers(0, sizes["n_x"], shape[:1])
        elif declaration.kind == "target":
            arrays[declaration.name] = rng.uniform(0.1, 0.9, shape)
        elif declaration.kind != "variable":
            arrays[declaration.name] = rng.normal(size=shape) * 0.7
    return arrays, sizes


def starts(system, sizes, steps, rng):
    """Values outside 1 … T for everything that is read there and has no equation of its own."""
    found = {}
    for name, (lag, lead) in system.extents.items():
        if system.by_name[name].kind not in ("variable", "input"):
            continue
        shape = tuple(size_value(s, sizes) for s in system.by_name[name].shape)
        for time in [*range(1 - lag, 1), *(T + k for k in range(1, lead + 1))]:
            key = f"{name}[{time_text(T * 0 + time)}]"
            if key not in system.defined:
                found[key] = rng.normal(size=shape) * 0.5
    return found


def cost(system, arrays, steps, initial, sizes):
    return interpret(system, arrays, steps=steps, initial=initial, sizes=sizes).cost


def complex_gradient(evaluate, array, step=1e-30):
    out = np.zeros(np.shape(array))
    for index in np.ndindex(out.shape):
        moved = np.array(array, dtype=complex)
        moved[index] += 1j * step
        out[index] = np.imag(evaluate(moved)) / step
    return out


@pytest.mark.parametrize("steps", [1, 2, 4])
@pytest.mark.parametrize("name", MODELS)
def test_every_gradient_agrees_with_the_complex_step(name, steps):
    model = parse(MODELS[name])
    prepared = prepare(model)
    wrt = [d.name for d in model.declarations if d.kind in ("param", "input", "constant")]
    joined = adjoint(prepared, [*wrt, INITIAL])
    rng = np.random.default_rng(len(name) + steps)
    arrays, sizes = drawn(model, steps, rng)
    initial = starts(prepared, sizes, steps, rng)
    seeds = {seed: np.array(1.0) for seed in joined.seeds.values()}
    run = interpret(joined.system, arrays | seeds, steps=steps, initial=initial, sizes=sizes)
    np.testing.assert_allclose(run.cost, cost(model, arrays, steps, initial, sizes), rtol=1e-13)
    for quantity in wrt:
        error = joined.gradients[quantity]
        found = run.series(error) if model.by_name[quantity].timed else run.static(error)
        expected = complex_gradient(lambda a, q=quantity: cost(model, arrays | {q: a}, steps, initial, sizes), arrays[quantity])
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12, err_msg=quantity)
    for key, value in initial.items():
        expected = complex_gradient(lambda a, k=key: cost(model, arrays, steps, initial | {k: a}, sizes), value)
        found = run.static(joined.gradients[key]) if key in joined.gradients else 0 * expected
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("name", MODELS)
def test_the_tangent_is_an_independent_witness(name):
    model = parse(MODELS[name])
    moving = tangent(prepare(model))
    rng = np.random.default_rng(3)
    arrays, sizes = drawn(model, 3, rng)
    directions = {dot: rng.normal(size=arrays[p].shape) for p, dot in moving.directions.items()}
    run = interpret(moving.system, arrays | directions, steps=3, sizes=sizes)
    moved = {p: arrays[p] + 1e-30j * directions[dot] for p, dot in moving.directions.items()}
    expected = np.imag(cost(model, arrays | moved, 3, {}, sizes)) / 1e-30
    found = 0.0
    if STEP_LOSS in moving.tangents:
        found += run.series(moving.tangents[STEP_LOSS]).sum()
    if FINAL_LOSS in moving.tangents:
        found += run.static(moving.tangents[FINAL_LOSS])
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


def test_the_tangent_of_the_adjoint_is_a_hessian_vector_product():
    model = parse(MODELS["split and slices"])
    joined = adjoint(prepare(model))
    second = tangent(joined.system, [p.name for p in model.params])
    rng = np.random.default_rng(5)
    arrays, sizes = drawn(model, 4, rng)
    arrays |= {seed: np.array(1.0) for seed in joined.seeds.values()}
    directions = {dot: rng.normal(size=arrays[p].shape) for p, dot in second.directions.items()}
    run = interpret(second.system, arrays | directions, steps=4, sizes=sizes)
    step = 1e-6
    ends = []
    for sign in (step, -step):
        moved = {p: arrays[p] + sign * directions[dot] for p, dot in second.directions.items()}
        ends.append(interpret(joined.system, arrays | moved, steps=4, sizes=sizes))
    for parameter, error in joined.gradients.items():
        difference = (ends[0].static(error) - ends[1].static(error)) / (2 * step)
        np.testing.assert_allclose(run.static(second.tangents[error]), difference, rtol=1e-6, atol=1e-7, err_msg=parameter)


def test_an_error_from_another_step_is_never_evaluated_outside_the_sequence():
    model = parse(HEAD + "g[t] = exp(W @ x[t])\nh[t] = h[t-1] / g[t] + g[t]\n" + TAIL)
    joined = adjoint(prepare(model))
    error = joined.system.defined["d_h"].rhs
    assert "g[t+1]" not in str(error) and "d_h_back[t+1]" in str(error)


def test_what_leads_to_no_cost_has_no_error():
    model = parse(HEAD + CELL + TAIL + "unused: vector[n_y]\nunused[t] = tanh(Q @ h[t])\n")
    joined = adjoint(prepare(model))
    assert "unused" not in joined.errors
    assert str(joined.system.defined[joined.gradients["Q"]].rhs) == "0 * ones(n_y, n_h)"


def test_errors_from_upstream_are_inputs():
    model = parse(HEAD + CELL + TAIL)
    joined = adjoint(prepare(model), upstream=True)
    assert joined.upstream["h"] in joined.system.by_name and "up_h[t]" in str(joined.system.defined["d_h"].rhs)


def test_time_runs_backwards_for_errors_of_a_forward_recurrence():
    joined = adjoint(prepare(parse(HEAD + CELL + TAIL)))
    assert [c.direction for c in joined.system.components if c.kind == "scan"] == [1, -1]
    assert str(joined.system.defined["d_h"].rhs) == "V.T @ d_p_bar[t] + U.T @ d_h_bar[t+1]"
    assert t in joined.system.defined["d_h"].rhs.free_symbols


def test_a_scalar_that_fills_a_vector_collects_the_errors_of_all_entries():
    joined = adjoint(parse("s: param\nx: input[n]\nh: vector[n]\nh[t] = s\nloss[t] = sum(h[t] * x[t])\n"))
    assert str(joined.system.defined[joined.gradients["s"]].rhs) == "total(sum(d_h[t]))"


def test_what_may_fail_keeps_its_place_in_the_branch_that_keeps_it_from_failing():
    model = parse("s: input\nu[t] = tanh(log(s[t]) * w + b) if s[t] > 0 else 0\nloss[t] = u[t]**2\n")
    assert [d.key for d in prepare(model).definitions] == ["u", "loss"]
