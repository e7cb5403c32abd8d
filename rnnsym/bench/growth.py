"""How time and memory grow: of a training step with T and with B, of making a module with the number of equations.

Comes in: a System, or numbers of layers. Goes out: rows as plain data. Linear growth shows as one time per unit from row to row.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Sequence
from statistics import median
from typing import Any

from rnnsym import language
from rnnsym.algebra.system import System
from rnnsym.bench.cases import Case, cases, scales
from rnnsym.bench.contest import race
from rnnsym.bench.training import contestant
from rnnsym.live import generate

LAYERS = (1, 2, 4, 8, 16, 24)
FACTORS = (1, 2, 4, 8)


def with_steps_and_sequences(system: System, module: Any, sizes: str, dtype: str, rounds: int) -> list[dict[str, Any]]:
    """Seconds of a training step and its peak of memory while T doubles, and while B doubles; all timed in turn."""
    (start,) = scales(system, sizes)
    found: list[tuple[str, Case]] = []
    for axis in ("T", "B"):
        for factor in FACTORS:
            number = start.sizes[axis] * factor
            said = ",".join(f"{name}={number if name == axis else value}" for name, value in start.sizes.items())
            found.append((f"{axis} = {number}", cases(system, module, scales(system, said)[0], dtype)))
    timings = race([contestant(name, case, module) for name, case in found], rounds)
    return [
        {"name": name, "seconds": timing.median, "units": case.scale.sizes["T"] * case.scale.sizes["B"], "peak": _peak(case, module)}
        for (name, case), timing in zip(found, timings, strict=True)
    ]


def _peak(case: Case, module: Any) -> int:
    """The most bytes of arrays that one training step holds beyond its arguments."""
    step = contestant("", case, module).step
    tracemalloc.start()
    try:
        step()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def with_equations(layers: Sequence[int], rounds: int) -> list[dict[str, Any]]:
    """Seconds from the text of a stack of LSTM layers to its module's text."""
    rows = []
    for count in layers:
        text, taken = stack_of_layers(count), []
        for _ in range(rounds):
            start = time.perf_counter()
            system = language.parse(text, name=f"layers_{count}")
            generate(system)
            taken.append(time.perf_counter() - start)
        rows.append({"layers": count, "equations": len(system.definitions), "seconds": median(taken)})
    return rows


def stack_of_layers(count: int) -> str:
    """The text of a stack of LSTM layers with a softmax readout."""
    lines = ["x: input[n_x]", "y: target[n_y]", *(f"h{k}: vector[n_h]" for k in range(1, count + 1))]
    for k in range(1, count + 1):
        below = f"h{k - 1}[t]" if k > 1 else "x[t]"
        gates = [("i", "sigmoid"), ("f", "sigmoid"), ("o", "sigmoid"), ("g", "tanh")]
        lines += [f"{g}{k}[t] = {f}(W_{g}{k} @ {below} + U_{g}{k} @ h{k}[t-1] + b_{g}{k})" for g, f in gates]
        lines += [f"c{k}[t] = f{k}[t] * c{k}[t-1] + i{k}[t] * g{k}[t]", f"h{k}[t] = o{k}[t] * tanh(c{k}[t])"]
    lines += [f"p[t] = softmax(V @ h{count}[t] + b_y)", "loss[t] = cross_entropy(y[t], p[t])"]
    return "\n".join(lines) + "\n"
