"""A network with one class for a whole sequence, its initial state given, and gradients of inputs and initial state. `slip` puts one mistake in."""

import numpy as np

RNNSYM_AUDIT = {"layout": "btn", "classes": ["y"], "gradients": {"dstart": "h[0]"}, "data": {"start": "h[0]"}}


def backward(params, x, y, start, slip=""):
    p, (B, T, _) = params, x.shape
    hs = [start]
    for t in range(T):
        hs.append(np.tanh(x[:, t] @ p.W.T + hs[-1] @ p.U.T + p.b))
    q = np.exp(hs[-1] @ p.V.T + p.b_y)
    q /= q.sum(1, keepdims=True)
    d = q.copy()
    d[np.arange(B), y] -= 1
    d /= B
    grads = {name: np.zeros_like(value) for name, value in p.items()}
    grads |= {"x": np.zeros_like(x), "V": d.T @ hs[-1], "b_y": d.sum(0) * (B if slip == "summed_over_batch" else 1)}
    dh = d @ p.V
    for t in reversed(range(T)):
        dz = dh * (1 - hs[t + 1] ** 2)
        grads["W"] += dz.T @ x[:, t]
        grads["U"] += dz.T @ (np.zeros_like(start) if slip == "start_as_zero" and t == 0 else hs[t])
        grads["b"] += dz.sum(0)
        grads["x"][:, t] = dz @ p.W
        if not (slip == "start_of_first_step" and t == 0):
            dh = dz @ p.U
    return {**grads, "dstart": dh}


def seeded(slip):
    return lambda params, x, y, start: backward(params, x, y, start, slip)


summed_over_batch = seeded("summed_over_batch")
start_as_zero = seeded("start_as_zero")
start_of_first_step = seeded("start_of_first_step")
