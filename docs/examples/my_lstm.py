"""An LSTM's backward pass, written by hand, with a mistake that is copied widely: what one step owes to the next is forgotten."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward(p, x):
    h = c = np.zeros((x.shape[1], len(p.b_i)))
    steps = []
    for x_t in x:
        i, f, o = (sigmoid(x_t @ p[f"W_{k}"].T + h @ p[f"U_{k}"].T + p[f"b_{k}"]) for k in "ifo")
        g = np.tanh(x_t @ p.W_g.T + h @ p.U_g.T + p.b_g)
        before = h, c
        c = f * c + i * g
        h = o * np.tanh(c)
        q = np.exp(h @ p.V.T + p.b_y)
        steps.append((before, i, f, o, g, c, h, q / q.sum(axis=1, keepdims=True)))
    return steps


def backward(params, x, y):
    """Cost and gradients; x: (T, B, n_x), y: (T, B, n_y), one-hot. Summed over steps, averaged over sequences."""
    p, (T, B, _) = params, x.shape
    steps = forward(p, x)
    grads = {name: np.zeros_like(w) for name, w in p.items()}
    cost = -sum(np.sum(y[t] * np.log(steps[t][-1])) for t in range(T)) / B
    for t in reversed(range(T)):
        (h_old, c_old), i, f, o, g, c, h, q = steps[t]
        dz = (q - y[t]) / B
        grads["V"] += dz.T @ h
        grads["b_y"] += dz.sum(axis=0)
        dh = dz @ p.V
        dc = dh * o * (1 - np.tanh(c) ** 2)
        do, df = dh * np.tanh(c) * o * (1 - o), dc * c_old * f * (1 - f)
        di, dg = dc * g * i * (1 - i), dc * i * (1 - g**2)
        for k, d in zip("ifog", (di, df, do, dg), strict=True):
            grads[f"W_{k}"] += d.T @ x[t]
            grads[f"U_{k}"] += d.T @ h_old
            grads[f"b_{k}"] += d.sum(axis=0)
    return cost, grads
