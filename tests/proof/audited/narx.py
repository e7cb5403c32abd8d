"""A NARX network: tapped delays up to three steps, squared error. `slip` puts one mistake in."""

import numpy as np


def backward(params, u, y, slip=""):
    p, T, B = params, *u.shape[:2]
    zero_u, zero_v = np.zeros_like(u[0]), np.zeros_like(y[0])
    v, h = [], []

    def at(series, t, zero):
        return series[t] if 0 <= t < len(series) else zero

    for t in range(T):
        z = u[t] @ p.B_0.T + at(u, t - 1, zero_u) @ p.B_1.T + at(u, t - 2, zero_u) @ p.B_2.T + p.b
        z = z + at(v, t - 1, zero_v) @ p.A_1.T + at(v, t - 2, zero_v) @ p.A_2.T + at(v, t - 3, zero_v) @ p.A_3.T
        h.append(np.tanh(z))
        v.append(h[t] @ p.C.T + p.d)
    grads = {name: np.zeros_like(value) for name, value in p.items()}
    dz = [np.zeros_like(h[0]) for _ in range(T + 3)]
    for t in reversed(range(T)):
        dv = (v[t] - y[t]) / B * (2 if slip == "factor_two" else 1)
        third = dz[t + 2] if slip == "third_as_second" else dz[t + 3]
        dv = dv + dz[t + 1] @ p.A_1 + dz[t + 2] @ p.A_2 + third @ p.A_3
        dz[t] = (dv @ p.C) * (1 - h[t] ** 2)
        grads["C"] += dv.T @ h[t]
        grads["d"] += dv.sum(0)
        grads["b"] += dz[t].sum(0)
        for lag in range(3):
            grads[f"B_{lag}"] += dz[t].T @ at(u, t - lag, zero_u)
            grads[f"A_{lag + 1}"] += dz[t].T @ at(v, t - lag - 1, zero_v)
    return sum(np.sum((a - b) ** 2) for a, b in zip(v, y, strict=True)) / 2 / B, grads


def seeded(slip):
    return lambda params, u, y: backward(params, u, y, slip)


factor_two = seeded("factor_two")
third_as_second = seeded("third_as_second")
