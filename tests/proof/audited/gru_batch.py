"""A GRU in the model's own layout, steps × batch × features. `slip` puts one mistake in."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def backward(params, x, y, slip=""):
    p = params
    steps, h, cost = [], np.zeros((x.shape[1], p.U.shape[0])), 0.0
    for t in range(len(x)):
        r = sigmoid(x[t] @ p.W_r.T + h @ p.U_r.T + p.b_r)
        z = sigmoid(x[t] @ p.W_z.T + h @ p.U_z.T + p.b_z)
        n = np.tanh(x[t] @ p.W.T + (r * h) @ p.U.T + p.b)
        old, h = h, z * h + (1 - z) * n
        logits = h @ p.V.T + p.b_y
        q = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        cost -= np.mean(np.sum(y[t] * np.log(q), 1))
        steps.append((old, r, z, n, h, q))
    grads = {name: np.zeros_like(value) for name, value in p.items()}
    back = 0.0
    for t in reversed(range(len(x))):
        old, r, z, n, h, q = steps[t]
        dlogits = (q - y[t]) / x.shape[1]
        if slip == "softmax_twice":
            dlogits = dlogits * q * (1 - q)
        dh = dlogits @ p.V + back
        dn = dh * (z if slip == "gate_for_rest" else 1 - z) * (1 - n**2)
        dz = dh * (n - old if slip == "sign_of_update" else old - n) * (r * (1 - r) if slip == "slope_of_another_gate" else z * (1 - z))
        dgated = dn @ p.U
        dr = dgated * old * ((1 - r**2) if slip == "tanh_for_sigmoid" else r * (1 - r))
        for name, error, read in (("r", dr, old), ("z", dz, old)):
            grads[f"W_{name}"] += error.T @ x[t]
            grads[f"U_{name}"] += error.T @ read
            grads[f"b_{name}"] += error.sum(0)
        grads["W"] += dn.T @ x[t]
        grads["U"] += dn.T @ (old if slip == "ungated_state" else r * old)
        grads["b"] += dn.sum() if slip == "wrong_axis" else dn.sum(0)
        grads["V"] += dlogits.T @ h
        grads["b_y"] += dlogits.sum(0)
        back = dr @ p.U_r + dz @ p.U_z + dgated * {"gate_dropped": 1, "gate_twice": r**2}.get(slip, r) + dh * z
    if slip == "clipped_by_norm":
        norm = np.sqrt(sum(np.sum(g**2) for g in grads.values()))
        grads = {name: g / max(1, norm) for name, g in grads.items()}
    if slip == "weight_decay":
        grads = {name: g + 0.01 * p[name] for name, g in grads.items()}
    return cost, grads


def seeded(slip):
    return lambda params, x, y: backward(params, x, y, slip)


softmax_twice = seeded("softmax_twice")
gate_for_rest = seeded("gate_for_rest")
sign_of_update = seeded("sign_of_update")
tanh_for_sigmoid = seeded("tanh_for_sigmoid")
ungated_state = seeded("ungated_state")
wrong_axis = seeded("wrong_axis")
gate_dropped = seeded("gate_dropped")
slope_of_another_gate = seeded("slope_of_another_gate")
gate_twice = seeded("gate_twice")
clipped_by_norm = seeded("clipped_by_norm")
weight_decay = seeded("weight_decay")
