"""From an edited equation to a trained network: handwritten digits, read row by row.

The library's `lstm.rnn` is taken as text and edited as one would in an editor: the gates get peepholes, and instead of an answer at
every step there is one at the end of the sequence. rnnsym turns the edited equations into a NumPy module, gradients included, and the
module's own update step trains it on the 1,797 digits of scikit-learn (8 × 8 pixels: T = 8 steps of 8 features).

    pip install rnnsym[examples]
    python docs/examples/digits.py

On the command line the same is: `rnnsym new digits --from lstm`, edit `digits.rnn`, `rnnsym make digits.rnn -o generated`.
"""

from __future__ import annotations

import time

import numpy as np
from sklearn.datasets import load_digits  # only the data; everything else is NumPy

import rnnsym

EDITS = {
    "U_i @ h[t-1] + b_i": "U_i @ h[t-1] + P_i * c[t-1] + b_i",
    "U_f @ h[t-1] + b_f": "U_f @ h[t-1] + P_f * c[t-1] + b_f",
    "U_o @ h[t-1] + b_o": "U_o @ h[t-1] + P_o * c[t] + b_o",
    "p[t] = softmax(V @ h[t] + b_y)": "p = softmax(V @ h[T] + b_y)",
    "loss[t] = cross_entropy(y[t], p[t])": "loss = cross_entropy(y, p)",
}

Arrays = tuple[np.ndarray, np.ndarray]


def edited_lstm() -> rnnsym.System:
    """The library's LSTM with peepholes (Gers & Schmidhuber 2000) and one answer per sequence."""
    text = rnnsym.load("lstm").source
    for old, new in EDITS.items():
        if text.count(old) != 1:
            raise ValueError(f"lstm.rnn holds {old!r} {text.count(old)} times, expected once")
        text = text.replace(old, new)
    return rnnsym.parse(text, name="digits")


def digits(seed: int = 0) -> tuple[Arrays, Arrays]:
    """(training, test): images (T=8, N, 8) between 0 and 1, classes (N,); 1,437 and 360 of them, split the same way each time."""
    images, classes = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(images))
    rows = (images.reshape(-1, 8, 8) / 16.0).astype(np.float32).transpose(1, 0, 2)
    train, test = order[:1437], order[1437:]
    return (rows[:, train], classes[train]), (rows[:, test], classes[test])


def train(epochs: int = 30, n_h: int = 48, batch: int = 32, learning_rate: float = 0.5, seed: int = 0) -> float:
    """Train by gradient descent, print as it goes, and return the share of test digits that are read rightly."""
    lstm = rnnsym.compile(edited_lstm())
    (x, y), (x_test, y_test) = digits()
    rng = np.random.default_rng(seed)
    params = lstm.init_params(n_x=8, n_h=n_h, n_y=10, rng=seed)
    for epoch in range(1, epochs + 1):
        total, order = 0.0, rng.permutation(len(y))
        for first in range(0, len(order), batch):
            chosen = order[first : first + batch]
            loss, grads, _ = lstm.loss_and_grads(params, x=x[:, chosen], y=y[chosen])
            lstm.sgd_step(params, grads, learning_rate=learning_rate, max_norm=5.0)
            total += loss * len(chosen)
        if epoch % 5 == 0 or epoch == epochs:
            print(f"epoch {epoch:2d}   training loss {total / len(y):.4f}   test accuracy {accuracy(lstm, params, x_test, y_test):.4f}")
    return accuracy(lstm, params, x_test, y_test)


def accuracy(module, params, x: np.ndarray, y: np.ndarray) -> float:
    """The share of sequences whose most probable class is the right one."""
    return float(np.mean(module.forward(params, x=x).p.argmax(-1) == y))


if __name__ == "__main__":
    began = time.perf_counter()
    share = train()
    print(f"{share:.1%} of the test digits are read rightly after {time.perf_counter() - began:.1f} s")
