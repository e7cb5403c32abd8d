"""An LSTM as courses write it: arrays are features × examples × steps, each gate has one weight for [a; x], biases are columns, and the error that
goes from step to step is handed on by the loop. `slip` puts one mistake in."""

import numpy as np

RNNSYM_AUDIT = {
    "layout": "nbt",
    "vectors": "column",
    "params": {
        "Wf": "[U_f, W_f]", "bf": "b_f", "Wi": "[U_i, W_i]", "bi": "b_i", "Wc": "[U_g, W_g]", "bc": "b_g", "Wo": "[U_o, W_o]", "bo": "b_o",
        "Wy": "V", "by": "b_y",
    },
}  # fmt: skip


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=0)


def forward(x, p):
    n_a, m = p["Wf"].shape[0], x.shape[1]
    a, c = np.zeros((n_a, m)), np.zeros((n_a, m))
    caches = []
    for t in range(x.shape[2]):
        stacked = np.concatenate([a, x[:, :, t]])
        ft, it = sigmoid(p["Wf"] @ stacked + p["bf"]), sigmoid(p["Wi"] @ stacked + p["bi"])
        cct, ot = np.tanh(p["Wc"] @ stacked + p["bc"]), sigmoid(p["Wo"] @ stacked + p["bo"])
        c_prev = c
        c = ft * c_prev + it * cct
        a = ot * np.tanh(c)
        caches.append((stacked, ft, it, cct, ot, c_prev, c, a, softmax(p["Wy"] @ a + p["by"])))
    return caches


def cell_backward(da, dc, cache, p, later, slip):
    stacked, ft, it, cct, ot, c_prev, c, _, _ = cache
    n_a = ft.shape[0]
    inner = c if slip in ("c_for_tanh_c", "two_that_meet") else np.tanh(c)
    dc = dc + da * ot * (1 - inner**2)
    dot = da * np.tanh(c) * ot * (1 - ot)
    dit = dc * cct * it * (1 - it)
    dft = dc * (c if slip == "new_cell_for_old" else c_prev) * ft * (1 - ft)
    dcct = dc * (ft if slip == "forget_for_input" else it) * (1 - cct**2)
    da_prev = np.zeros_like(da)
    for gate, d in (("Wf", dft), ("Wi", dit), ("Wc", dcct), ("Wo", dot)):
        if not (slip == "forget_gate_not_handed_on" and gate == "Wf"):
            da_prev += p[gate][:, :n_a].T @ d
    dc_prev = dc * (later[1] if slip == "forget_gate_of_next_step" and later is not None else ft)
    return (
        da_prev,
        dc_prev,
        {"f": dft @ stacked.T, "i": dit @ stacked.T, "c": dcct @ stacked.T, "o": dot @ stacked.T},
        dict(f=dft, i=dit, c=dcct, o=dot),
    )


def backward(params, x, y, slip=""):
    caches = forward(x, params)
    m = x.shape[1]
    grads = {f"d{name}": np.zeros_like(value) for name, value in params.items()}
    da_prev = dc_prev = 0.0
    cost = 0.0
    for t in reversed(range(x.shape[2])):
        a, yhat = caches[t][7], caches[t][8]
        cost -= np.sum(y[:, :, t] * np.log(yhat)) / m
        dz = (yhat - y[:, :, t]) / m
        grads["dWy"] += dz @ a.T
        grads["dby"] += dz.sum(axis=1, keepdims=True)
        da = params["Wy"].T @ dz
        if slip != "nothing_handed_on":  # the mistake that is copied widely: each step is given the error of its own output alone
            da = da + da_prev
        dc = 0.0 if slip in ("nothing_handed_on", "cell_not_handed_on", "two_that_meet") else dc_prev
        before = caches[t - 1] if t > 0 else None
        da_prev, dc_prev, weights, errors = cell_backward(da, dc, caches[t], params, before, slip)
        for gate in "fico":
            grads[f"dW{gate}"] += weights[gate]
            grads[f"db{gate}"] += errors[gate].sum(axis=1, keepdims=True)
    return cost, grads


def seeded(slip):
    return lambda params, x, y: backward(params, x, y, slip)


nothing_handed_on = seeded("nothing_handed_on")
cell_not_handed_on = seeded("cell_not_handed_on")
forget_gate_not_handed_on = seeded("forget_gate_not_handed_on")
forget_gate_of_next_step = seeded("forget_gate_of_next_step")
c_for_tanh_c = seeded("c_for_tanh_c")
new_cell_for_old = seeded("new_cell_for_old")
forget_for_input = seeded("forget_for_input")
two_that_meet = seeded("two_that_meet")
