"""A plain network on one sequence, columns throughout, classes as numbers, states in a dictionary by step. `slip` puts one mistake in."""

import numpy as np

RNNSYM_AUDIT = {
    "layout": "tnb",
    "sequences": 1,
    "vectors": "column",
    "classes": ["y"],
    "data": {"inputs": "x", "targets": "y"},
    "params": {"Wxh": "W_x", "Whh": "W_h", "bh": "b_x", "Why": "W_y", "by": "b_y"},
    "returns": ["loss", "dWxh", "dWhh", "dWhy", "dbh", "dby"],
}


def backward(inputs, targets, Wxh, Whh, Why, bh, by, slip=""):
    last = len(inputs) - 1
    hs, ps = {-1: np.zeros((Whh.shape[0], 1))}, {}
    loss = 0.0
    for t in range(len(inputs)):
        hs[t] = np.tanh(Wxh @ inputs[t] + Whh @ hs[t - 1] + bh)
        ys = Why @ hs[t] + by
        ps[t] = np.exp(ys) / np.sum(np.exp(ys))
        loss -= np.log(ps[t][targets[t], 0]).item()
    if slip == "wraps_around":
        hs[-1] = hs[last]
    dWxh, dWhh, dWhy, dbh, dby = (np.zeros_like(w) for w in (Wxh, Whh, Why, bh, by))
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(1 if slip == "first_step_left_out" else 0, len(inputs))):
        dy = ps[t].copy()
        dy[targets[t]] -= 1
        dWhy += dy @ hs[t].T
        dby += dy
        dh = Why.T @ dy + dhnext
        h = np.tanh(hs[t]) if slip == "tanh_twice" else hs[t]
        dhraw = dh if slip == "no_derivative" else (1 - h) * dh if slip == "no_square" else (1 - h * h) * dh
        dhraw = (1 - h) ** 2 * dh if slip == "square_around" else dhraw
        dbh = dhraw if slip == "not_accumulated" else dbh + dhraw
        dWxh += dhraw @ inputs[t].T
        dWhh += ((1 - h * h) * (Why.T @ dy) if slip == "own_loss_alone" else dhraw) @ hs[t if slip == "same_step" else t - 1].T
        dhnext = (Whh if slip == "not_transposed" else Whh.T) @ dhraw
    if slip == "two_slips":
        return loss, dWxh, dWhh.T, -dWhy, dbh, dby
    if slip == "noise":
        dWhh = dWhh + 0.01 * np.sin(np.arange(dWhh.size)).reshape(dWhh.shape)
    return loss, dWxh, dWhh, dWhy, dbh, dby


def seeded(slip):
    return lambda inputs, targets, Wxh, Whh, Why, bh, by: backward(inputs, targets, Wxh, Whh, Why, bh, by, slip)


no_derivative = seeded("no_derivative")
no_square = seeded("no_square")
tanh_twice = seeded("tanh_twice")
same_step = seeded("same_step")
not_transposed = seeded("not_transposed")
wraps_around = seeded("wraps_around")
not_accumulated = seeded("not_accumulated")
first_step_left_out = seeded("first_step_left_out")
square_around = seeded("square_around")
own_loss_alone = seeded("own_loss_alone")
two_slips = seeded("two_slips")
noise = seeded("noise")
