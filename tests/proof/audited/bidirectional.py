"""A bidirectional network, sequences × steps × features, one sequence at a time. `slip` puts one mistake in."""

import numpy as np

RNNSYM_AUDIT = {"layout": "tn"}


def backward(params, x, y, slip=""):
    p, T = params, len(x)
    f, b = np.zeros((T + 2, len(p.c_f))), np.zeros((T + 2, len(p.c_b)))
    for t in range(1, T + 1):
        f[t] = np.tanh(p.W_f @ x[t - 1] + p.U_f @ f[t - 1] + p.c_f)
    for t in range(T, 0, -1):
        b[t] = np.tanh(p.W_b @ x[t - 1] + p.U_b @ b[t + 1] + p.c_b)
    z = f[1:-1] @ p.V_f.T + b[1:-1] @ p.V_b.T + p.c
    q = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    d = q - y
    df, db = np.zeros_like(f), np.zeros_like(b)
    for t in range(T, 0, -1):
        df[t] = (p.V_f.T @ d[t - 1] + p.U_f.T @ df[t + 1]) * (1 - f[t] ** 2)
    order = range(T, 0, -1) if slip == "same_direction" else range(1, T + 1)
    for t in order:
        carried = db[t + 1] if slip == "same_direction" else db[t - 1]
        db[t] = (p.V_b.T @ d[t - 1] + p.U_b.T @ carried) * (1 - b[t] ** 2)
    before = b[:-2] if slip == "state_before" else b[2:]
    grads = {"V_f": d.T @ f[1:-1], "V_b": d.T @ b[1:-1], "c": d.sum(0), "c_f": df.sum(0), "c_b": db.sum(0)}
    grads |= {"W_f": df[1:-1].T @ x, "U_f": df[1:-1].T @ f[:-2], "W_b": db[1:-1].T @ x, "U_b": db[1:-1].T @ before}
    return -np.sum(y * np.log(q)), grads


def seeded(slip):
    return lambda params, x, y: backward(params, x, y, slip)


same_direction = seeded("same_direction")
state_before = seeded("state_before")
