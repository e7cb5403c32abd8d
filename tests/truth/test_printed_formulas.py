"""Backward passes as printed in the literature, typed off the page in NumPy, against what is derived here.

Greff et al. 2015, LSTM: a search space odyssey, section II.B; Goodfellow, Bengio & Courville 2016, Deep Learning (MIT Press, first
edition), eq. 10.18-10.28. Both write for one sequence. Where the limits of a printed sum differ from ours, the test says how they map.
"""

from __future__ import annotations

import numpy as np
from agreement import assert_agree, some_data, some_params

import rnnsym

TOLERANCE = 1e-12


def derived(model: str, seed: int):
    """Parameters, data and trace of a library model for one sequence, and its gradients with those of the inputs."""
    system = rnnsym.load(model)
    module = rnnsym.compile(system)
    rng = np.random.default_rng(seed)
    arrays, data = some_params(system, rng), some_data(system, rng, batch=1)
    params = module.Params.from_arrays(arrays)
    _, grads, _ = module.loss_and_grads(params, **data, wrt=("x",))
    trace = module.forward(params, **data)
    values = {name: getattr(trace, name)[:, 0] for name in (v.name for v in system.variables) if hasattr(trace, name)}
    found = {name: getattr(grads, name) for name in arrays} | {"x": grads.inputs["x"][:, 0]}
    return arrays, {name: array[:, 0] for name, array in data.items()}, values, found


def test_greff_section_ii_b_backward_pass_of_the_peephole_lstm():
    p, data, v, found = derived("lstm_peephole", 1)
    x, d = data["x"], data["d"]
    steps, n = len(x), p["p_i"].shape[0]
    z, i, f, c, o, y, q = (v[name] for name in "zifcoyq")
    above = (q * d.sum(-1, keepdims=True) - d) @ p["V"]  # Δ_t: what the layer above passes down
    beyond = np.zeros(n)
    dz, di, df, do, dc = ([beyond] * (steps + 1) for _ in range(5))  # zero at t = T + 1
    for t in reversed(range(steps)):
        dy = above[t] + p["R_z"].T @ dz[t + 1] + p["R_i"].T @ di[t + 1] + p["R_f"].T @ df[t + 1] + p["R_o"].T @ do[t + 1]
        c_before, f_after = (c[t - 1] if t else beyond), (f[t + 1] if t + 1 < steps else beyond)
        do[t] = dy * np.tanh(c[t]) * o[t] * (1 - o[t])
        dc[t] = dy * o[t] * (1 - np.tanh(c[t]) ** 2) + p["p_o"] * do[t] + p["p_i"] * di[t + 1] + p["p_f"] * df[t + 1] + dc[t + 1] * f_after
        df[t] = dc[t] * c_before * f[t] * (1 - f[t])
        di[t] = dc[t] * z[t] * i[t] * (1 - i[t])
        dz[t] = dc[t] * i[t] * (1 - z[t] ** 2)
    deltas = {"z": dz, "i": di, "f": df, "o": do}
    wanted = {"x": np.stack([sum(p[f"W_{gate}"].T @ delta[t] for gate, delta in deltas.items()) for t in range(steps)])}
    for gate, delta in deltas.items():
        wanted[f"W_{gate}"] = sum(np.outer(delta[t], x[t]) for t in range(steps))
        # printed: Σ over t = 0 … T-1 of ⟨δ_{t+1}, y_t⟩; ours: Σ over t = 1 … T of δ_t y_{t-1}ᵀ, whose first term is zero
        wanted[f"R_{gate}"] = sum(np.outer(delta[t + 1], y[t]) for t in range(steps - 1))
        wanted[f"b_{gate}"] = sum(delta[t] for t in range(steps))
    wanted["p_i"] = sum(c[t] * di[t + 1] for t in range(steps - 1))
    wanted["p_f"] = sum(c[t] * df[t + 1] for t in range(steps - 1))
    wanted["p_o"] = sum(c[t] * do[t] for t in range(steps))
    assert_agree(found, wanted, TOLERANCE)


def test_goodfellow_eq_10_18_to_10_28():
    """U, W, V, b, c of the book are W_x, W_h, W_y, b_x, b_y here.

    The book's targets are classes (Σ y = 1), ours any numbers: eq. 10.18 is then ŷ Σy − y. Eq. 10.21 is taken in its corrected form,
    Wᵀ diag(1 − (h^{(t+1)})²) ∇h^{(t+1)}; with the factors in the order Wᵀ ∇h^{(t+1)} diag(…) it is not well-typed: a column stands
    left of a matrix.
    """
    p, data, v, found = derived("rnn", 2)
    x, y = data["x"], data["y"]
    steps, h, p_y = len(x), v["a_x"], v["a_y"]
    U, W, V = p["W_x"], p["W_h"], p["W_y"]
    g_o = p_y * y.sum(-1, keepdims=True) - y  # 10.18
    g_h = [np.zeros(len(W))] * steps
    g_h[-1] = V.T @ g_o[-1]  # 10.19
    for t in reversed(range(steps - 1)):
        g_h[t] = W.T @ np.diag(1 - h[t + 1] ** 2) @ g_h[t + 1] + V.T @ g_o[t]  # 10.20, 10.21
    inner = [np.diag(1 - h[t] ** 2) @ g_h[t] for t in range(steps)]
    wanted = {
        "b_y": g_o.sum(0),  # 10.22
        "b_x": sum(inner),  # 10.23
        "W_y": sum(np.outer(g_o[t], h[t]) for t in range(steps)),  # 10.24
        "W_h": sum(np.outer(inner[t], h[t - 1]) for t in range(1, steps)),  # 10.25, 10.26: h^{(0)} = 0
        "W_x": sum(np.outer(inner[t], x[t]) for t in range(steps)),  # 10.27, 10.28
        "x": np.stack([U.T @ inner[t] for t in range(steps)]),
    }
    assert_agree(found, wanted, TOLERANCE)
