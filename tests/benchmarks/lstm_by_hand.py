"""An LSTM's training step as a person would schedule it by hand in NumPy: what the array compiler is measured against.

    python tests/benchmarks/lstm_by_hand.py tiny,small,medium,long

Feature-major inside, `(n, B)` per step. One product per step on the column [h; x; 1], with the gates o, i, f, g as blocks of rows; the rows
of o, i, f are halved, so that one tanh over the slab serves sigmoid too: sigmoid(z) = tanh(z/2)/2 + 1/2. Whatever the backward loop
needs of the gates is worked out for several steps at once before it reaches them, and written over the gates. Gradients of all
parameters are one product after the loop. Every array is made once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

import rnnsym
from rnnsym.bench import limit, training
from rnnsym.bench.cases import Case, cases, scales
from rnnsym.bench.contest import Contestant, disagreement, race
from rnnsym.bench.machine import description, sentence
from rnnsym.bench.report import duration
from rnnsym.bench.schedule import plan

GATES = "oifg"
NUMBERS = 1 << 17  # that are worked on at once before the backward loop


class LSTM:
    """Arrays for one shape, and the training step in them. Parameters are those of the library's `lstm`, by name."""

    def __init__(self, params: Mapping[str, Any], x: Any, y: Any):
        self.n, self.n_x = params["W_i"].shape
        self.steps, self.batch = y.shape
        n, steps, batch, dtype = self.n, self.steps, self.batch, x.dtype
        self.matrix = np.concatenate([np.hstack([params[f"U_{g}"], params[f"W_{g}"], params[f"b_{g}"][:, None]]) for g in GATES])
        self.halved = self.matrix.copy()
        self.halved[: 3 * n] *= 0.5
        self.back = np.ascontiguousarray(self.matrix[:, :n].T)
        self.V, self.b_y = params["V"], params["b_y"]
        self.y = (np.arange(steps * batch), y.ravel())
        self.column = np.ones((steps + 1, n + self.n_x + 1, batch), dtype)  # [h; x; 1] as each step reads it
        self.column[0, :n] = 0
        self.column[:-1, n:-1] = x.transpose(0, 2, 1)
        self.gates = np.empty((steps, 4 * n, batch), dtype)
        self.cells = np.zeros((steps + 1, n, batch), dtype)
        self.squashed = np.empty((steps, n, batch), dtype)  # tanh(c)
        self.through = np.empty((steps, n, batch), dtype)  # dh/dc at one step
        self.forget = np.empty((steps, n, batch), dtype)
        self.states = np.empty((steps, batch, n), dtype)
        self.logits = np.empty((steps * batch, len(self.V)), dtype)
        self.errors = np.empty((steps, n, batch), dtype)  # of h, from the readout
        self.flat = np.empty((4 * n, steps, batch), dtype)
        self.read = np.empty((steps, batch, n + self.n_x + 1), dtype)
        self.room = np.empty((3, n, batch), dtype)
        self.chunk = max(1, NUMBERS // (4 * n * batch))
        self.views = list(zip(self.column, self.gates, self.cells, self.cells[1:], self.squashed, self.column[1:], strict=False))

    def __call__(self) -> tuple[float, dict[str, Any]]:
        """Loss and gradients."""
        self._forward()
        loss, d_V, d_b_y = self._readout()
        self._backward()
        np.copyto(self.flat, self.gates.transpose(1, 0, 2))
        np.copyto(self.read, self.column[:-1].transpose(0, 2, 1))
        whole = self.flat.reshape(4 * self.n, -1) @ self.read.reshape(-1, self.read.shape[2])
        found = {"V": d_V, "b_y": d_b_y}
        for gate, rows in zip(GATES, np.split(whole, 4), strict=True):
            found |= {f"U_{gate}": rows[:, : self.n], f"W_{gate}": rows[:, self.n : -1], f"b_{gate}": rows[:, -1]}
        return loss, found

    def _forward(self) -> None:
        n, product = self.n, self.room[0]
        for column, z, before, c, squashed, following in self.views:
            np.matmul(self.halved, column, out=z)
            np.tanh(z, out=z)
            sigmoids = z[: 3 * n]
            sigmoids *= 0.5
            sigmoids += 0.5
            np.multiply(z[2 * n : 3 * n], before, out=c)
            np.multiply(z[n : 2 * n], z[3 * n :], out=product)
            c += product
            np.tanh(c, out=squashed)
            np.multiply(z[:n], squashed, out=following[:n])

    def _readout(self) -> tuple[float, Any, Any]:
        """The loss, the gradients of V and b_y; writes the errors of h."""
        np.copyto(self.states, self.column[1:, : self.n].transpose(0, 2, 1))
        h, p = self.states.reshape(-1, self.n), self.logits
        np.matmul(h, self.V.T, out=p)
        p += self.b_y
        p -= p.max(1, keepdims=True)
        chosen = p[self.y]
        np.exp(p, out=p)
        total = p.sum(1)
        loss = float((np.log(total) - chosen).sum()) / self.batch
        p *= (1 / (total * self.batch))[:, None]
        p[self.y] -= 1 / self.batch
        d_V, d_b_y = p.T @ h, p.sum(0)
        np.matmul(p, self.V, out=h)
        np.copyto(self.errors, self.states.transpose(0, 2, 1))
        return loss, d_V, d_b_y

    def _backward(self) -> None:
        """Write the errors of the gates' arguments over the gates."""
        n, (d_h, d_c, more) = self.n, self.room
        d_c[...] = 0
        after = None
        for stop in range(self.steps, 0, -self.chunk):
            start = max(0, stop - self.chunk)
            self._factors(slice(start, stop))
            for t in range(stop - 1, start - 1, -1):
                factors, d_h = self.gates[t], self.errors[t]
                if after is not None:
                    np.matmul(self.back, after, out=more)
                    d_h += more
                    d_c *= self.forget[t + 1]
                np.multiply(d_h, self.through[t], out=more)
                d_c += more
                factors[:n] *= d_h
                blocks = factors[n:].reshape(3, n, -1)
                blocks *= d_c
                after = factors

    def _factors(self, steps: slice) -> None:
        """The gates of some steps become what their arguments' errors are multiples of; f and dh/dc are kept."""
        n, gates, squashed, through = self.n, self.gates[steps], self.squashed[steps], self.through[steps]
        o, i, f, g = (gates[:, k * n : (k + 1) * n] for k in range(4))
        np.copyto(self.forget[steps], f)
        np.multiply(squashed, squashed, out=through)
        np.subtract(1, through, out=through)
        through *= o
        slope = 1 - g * g
        slope *= i  # of g
        sigmoids = gates[:, : 3 * n]
        sigmoids -= sigmoids * sigmoids  # s (1 - s)
        o *= squashed
        i *= g
        f *= self.cells[:-1][steps]
        np.copyto(g, slope)


def by_hand(case: Case) -> Contestant:
    """The hand-scheduled step as a contestant."""
    lstm = LSTM(case.params, case.data["x"], case.data["y"])
    return Contestant("hand", lstm, lstm)


def main() -> None:
    """Time it beside the module and the bare products, on as many threads as the environment says."""
    system = rnnsym.load("lstm")
    module, schedule = rnnsym.compile(system), plan(system)
    for scale in scales(system, sys.argv[1] if len(sys.argv) > 1 else "tiny,small,medium,long"):
        case = cases(system, module, scale, "float32")
        bare, ours, hand = limit.contestant(case, schedule), training.contestant("rnnsym", case, module), by_hand(case)
        assert bare is not None and hand.result is not None
        error, whose = disagreement(hand.result(), training.result(module, case, np.float64))
        assert error < 1e-4, f"{whose} differs by {error:.1e}"
        print(scale)
        for timing in (timings := race([bare, ours, hand], 9)):
            low, middle, high = timing.ratios(timings[0])
            print(f"  {timing.name:<8} {duration(timing.median):>8}  / limit {middle:.2f} ({low:.2f} … {high:.2f})")
    print(sentence(description(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)), [])))


if __name__ == "__main__":
    main()
