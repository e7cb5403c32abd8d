"""An LSTM as libraries lay it out: batch first, one matrix for the four gates, x @ W, a cost summed over the batch. `slip` puts one mistake in."""

import numpy as np

RNNSYM_AUDIT = {
    "layout": "btn",
    "average_over": [],
    "params": {"W": "[W_i; W_f; W_o; W_g].T", "U": "[U_i; U_f; U_o; U_g].T", "b": "[b_i; b_f; b_o; b_g]", "Vy": "V.T", "by": "b_y"},
}


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def backward(W, U, b, Vy, by, x, y, slip=""):
    B, T, _ = x.shape
    n = U.shape[0]
    h, c = np.zeros((B, n)), np.zeros((B, n))
    cost, steps = 0.0, []
    for t in range(T):
        z = x[:, t] @ W + h @ U + b
        i, f, o = (sigmoid(z[:, k * n : (k + 1) * n]) for k in range(3))
        g = np.tanh(z[:, 3 * n :])
        old = h, c
        c = f * c + i * g
        h = o * np.tanh(c)
        logits = h @ Vy + by
        p = np.exp(logits - logits.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        cost -= np.sum(y[:, t] * np.log(p))
        steps.append((old, i, f, o, g, c, h, p))
    dW, dU, db, dVy, dby = (np.zeros_like(w) for w in (W, U, b, Vy, by))
    dh_next, dc_next = np.zeros((B, n)), np.zeros((B, n))
    for t in reversed(range(T)):
        (h_old, c_old), i, f, o, g, c, h, p = steps[t]
        dlogits = p - y[:, t]
        dVy += h.T @ dlogits
        dby += dlogits.sum(0)
        dh = dlogits @ Vy.T + dh_next
        dc = dh * o * (1 - np.tanh(c) ** 2) + dc_next
        gates = [dc * g * i * (1 - i), dc * c_old * f * (1 - f), dh * np.tanh(c) * o * (1 - o), dc * i * (1 - g**2)]
        dz = np.concatenate(gates, axis=1)
        dz_w = np.concatenate([gates[0], gates[1], gates[3], gates[2]], axis=1) if slip == "order_of_gates" else dz
        dW += x[:, t].T @ dz_w
        dU += h_old.T @ dz_w
        db += dz_w.sum(0)
        dh_next = dz @ U.T + (dh_next if slip == "never_set_back" else 0)
        dc_next = dc * f
    if slip == "bias_averaged":
        db = db / B
    return cost, {"W": dW, "U": dU, "b": db, "Vy": dVy, "by": dby}


def seeded(slip):
    return lambda W, U, b, Vy, by, x, y: backward(W, U, b, Vy, by, x, y, slip)


order_of_gates = seeded("order_of_gates")
never_set_back = seeded("never_set_back")
bias_averaged = seeded("bias_averaged")
