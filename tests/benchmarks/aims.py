"""What the generated modules are to reach, and whether they do: a line for each aim, with the figure measured.

    python tests/benchmarks/aims.py [WORD]      only aims whose line has the word in it

Ratios are medians over the rounds, `rnnsym bench`'s own; it takes some minutes on a quiet machine, and on a busy one says little.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

from rnnsym.bench.machine import sentence
from rnnsym.bench.process import in_fresh_process

ROUNDS = 9


@dataclass(frozen=True)
class Aim:
    """`ours` takes at most `bound` times as long as `other`."""

    model: str
    size: str
    threads: int
    other: str
    bound: float
    ours: str = "rnnsym"

    def __str__(self) -> str:
        threads = "one thread" if self.threads == 1 else "two threads"
        return f"{self.model}, {self.size}, {threads}: {self.ours} / {self.other} at most {self.bound:.2f}"


AIMS = (
    *(Aim("lstm", size, 1, "limit", bound) for size, bound in (("tiny", 5), ("small", 1.55), ("medium", 1.35), ("long", 1.7))),
    *(
        Aim("lstm", size, 1, "limit", bound, "kernels")
        for size, bound in (("tiny", 1.75), ("small", 1.25), ("medium", 1.2), ("long", 1.25))
    ),
    *(Aim("lstm", size, 2, "torch", bound, "kernels") for size, bound in (("small", 1), ("medium", 1.1), ("long", 1))),
    *(Aim(model, size, 1, "torch", 1.1) for model in ("rnn", "gru_reset_after") for size in ("small", "medium")),
    *(
        Aim(m, size, 1, "torch-loop", 1 / k)
        for m in ("gru", "lstm_peephole", "ln_lstm", "mlstm")
        for size, k in (("small", 2.5), ("medium", 1.3))
    ),
    *(Aim(m, size, 1, "jax", 1) for m in ("gru", "lstm_peephole", "ln_lstm", "mlstm") for size in ("small", "medium")),
)
STREAM = "lstm without readout, one step of one sequence, n_h = 128: at most twice its products and 15 µs"


@cache
def report(model: str, size: str, threads: int) -> dict[str, Any]:
    """The bench's report, measured once."""
    against = ["limit", "torch", "torch-loop", "jax", "kernels"]
    request = {"model": model, "sizes": size, "against": against, "threads": threads, "dtype": "float32", "rounds": ROUNDS}
    return in_fresh_process("compare", request)


def outcome(aim: Aim) -> str:
    """The aim's line: met or missed by how much, or why it could not be measured."""
    row = report(aim.model, aim.size, aim.threads)["rows"][0]
    found = {c["name"]: c["to_rnnsym"]["median"] for c in row["contestants"]}
    for name in (aim.ours, aim.other):
        if name not in found:
            return f"–       {aim}: {row['absent'].get(name, f'there is no {name}')}"
    ratio = found[aim.ours] / found[aim.other]
    return f"{'met   ' if ratio <= aim.bound else 'MISSED'}  {aim}: {ratio:.2f}"


def stream() -> str:
    """The aim of a stream's step."""
    request = {"model": "lstm", "sizes": "T=1,B=1,n_x=128,n_h=128", "threads": 1, "dtype": "float32", "rounds": ROUNDS}
    row = in_fresh_process("streaming", request)["rows"][0]
    seconds = {c["name"]: c["seconds"]["median"] for c in row["contestants"]}
    bound = 2 * seconds["products"] + 15e-6
    return f"{'met   ' if seconds['step'] <= bound else 'MISSED'}  {STREAM}: {seconds['step'] * 1e6:.0f} µs, at most {bound * 1e6:.0f} µs"


def main() -> None:
    """Print every aim's line as soon as it is measured."""
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    for aim in AIMS:
        if word in str(aim):
            print(outcome(aim), flush=True)
    if word in STREAM:
        print(stream())
    print(sentence(report("lstm", "tiny", 1)["machine"]))


if __name__ == "__main__":
    main()
