"""The page of all figures that the documentation states, made by one command: `rnnsym bench --page docs/reference/benchmarks.md`.

Comes in: the number of rounds. Goes out: Markdown. Each part is measured in a process of its own; machine, versions and threads stand in
it, and the command that measures the part alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rnnsym.bench import CONTESTANTS
from rnnsym.bench.machine import sentence
from rnnsym.bench.process import in_fresh_process
from rnnsym.bench.report import WORDS, Row, duration, generated, grown, streamed

Say = Callable[[str], None]

HEAD = """# Benchmarks

One training step is the forward pass, the loss and all gradients of the parameters. Its time stands beside that of the **bare matrix
products** of the same step: the same shapes, the same BLAS, each product as NumPy's `matmul` into an array that exists, in the faster
layout, with all that can be stacked stacked and all that no recurrence needs done at once. 1.00 is that limit. Before anything is
timed, loss and gradients of every contestant are compared with the module's in float64. Contestants take turns; a figure is the
median over {rounds} rounds of the ratio in one round, with its quartiles in brackets.

- **rnnsym**: the generated module, NumPy alone. **-O0**: the same with one statement per equation, one product per gate and step.
- **PyTorch, fused layer**: `nn.LSTM`, `nn.GRU`, `nn.RNN`, where one of them is the same function; with autograd.
- **PyTorch, Python loop**: the cell as a loop of PyTorch operations, gates stacked, input product before the loop; with autograd.
- **JAX**: `jit(value_and_grad)` of a `lax.scan`, gates stacked, input product before the scan. Its compilation is not counted.

This page is written by `rnnsym bench --page FILE`. {machine}
"""


def page(rounds: int, say: Say) -> str:
    """Measure everything and give the page's text; `say` is told each part before it is measured."""
    machines: list[dict[str, Any]] = []

    def measured(task: str, **wanted: Any) -> dict[str, Any]:
        request = {"model": "lstm", "sizes": "small", "against": CONTESTANTS, "threads": 1, "dtype": "float32", "rounds": rounds} | wanted
        say(f"{task}: {request['model']}, {request['sizes']}, threads: {request['threads']}")
        report = in_fresh_process(task, request)
        machines.append(report["machine"])
        return report

    parts = [part for pair in _lstm(measured) for part in pair]
    for title, models in OTHERS:
        parts += [f"## {title}", "One thread; " + command(f"{models[0]} --sizes small,medium") + ", and so for each."]
        parts += [f"### {m}\n\n{matrix(measured('compare', model=m, sizes='small,medium'))}" for m in models]
    sizes = "T=1,B=1,n_x=128,n_h=128"
    parts += [
        "## Streams",
        STREAMS + command(f"lstm --step --sizes {sizes}"),
        markdown(streamed(measured("streaming", sizes=sizes)["rows"][0])),
    ]
    parts += ["## Longer and wider", GROWTH + command("lstm --growth"), markdown(grown(measured("growing")))]
    parts += ["## Making the module", MAKING, markdown(generated(measured("generating")))]
    head = HEAD.format(rounds=rounds, machine=_about(machines)).rstrip()
    return "\n\n".join([head, *parts]) + "\n"


def _lstm(measured: Callable[..., dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    for threads, word, sizes in ((1, "one thread", "tiny,small,medium,long"), (2, "two threads", "small,medium,large,long")):
        report = measured("compare", sizes=sizes, threads=threads)
        yield f"## LSTM, {word}", command(f"lstm --sizes {sizes} --threads {threads}"), matrix(report)


def _about(machines: Sequence[dict[str, Any]]) -> str:
    """The machine, with the versions of all that took part anywhere, and how busy it was before."""
    versions = {name: version for m in machines for name, version in m["versions"].items()}
    about, _, _ = sentence(machines[0] | {"versions": versions}).rpartition(";")
    return f"Machine: {about}. Its load before the measurements: {machines[0]['load']}."


OTHERS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("Other cells that PyTorch has", ("rnn", "gru_reset_after")),
    ("Cells that PyTorch has not", ("gru", "lstm_peephole", "ln_lstm", "mlstm", "language_model")),
)
STREAMS = "One step of one sequence through `step`, checks included, of an LSTM without its readout; beside its matrix-vector products. "
GROWTH = "A training step while the number of steps, then of sequences, doubles; memory is the peak of arrays beyond the arguments. "
MAKING = "From the text of a stack of LSTM layers to the text of its module: reading, differentiating, planning, writing."


def command(words: str) -> str:
    """How to measure a part alone."""
    return f"`rnnsym bench {words}`"


def matrix(report: dict[str, Any]) -> str:
    """Contestants down, sizes across: ratios to the limit with quartiles; the limit's own row says its time."""
    rows = report["rows"]
    names = [n for n in ("limit", "rnnsym", *CONTESTANTS[1:]) if any(n in row["absent"] or _entry(row, n) for row in rows)]
    table: list[Row] = [("", *(row["scale"] for row in rows))]
    table += [(WORDS[name], *(_cell(row, name) for row in rows)) for name in names]
    reasons = dict.fromkeys(f"{WORDS[n]}: {reason}." for row in rows for n, reason in row["absent"].items())
    sizes = "; ".join(f"{row['scale']}: " + ", ".join(f"{k} = {v}" for k, v in row["sizes"].items()) for row in rows)
    return "\n\n".join([markdown(table), *reasons, f"({sizes})"])


def _entry(row: dict[str, Any], name: str) -> dict[str, Any] | None:
    return next((c for c in row["contestants"] if c["name"] == name), None)


def _cell(row: dict[str, Any], name: str) -> str:
    entry = _entry(row, name)
    if entry is None:
        return "–"
    time, ratio = duration(entry["seconds"]["median"]), entry["to_limit"]
    if name == "limit" or ratio is None:
        return time
    return f"{ratio['median']:.2f} ({ratio['lower']:.2f} … {ratio['upper']:.2f})"


def markdown(rows: Sequence[Row]) -> str:
    """A table of Markdown, its first row the head; the columns after the first stand to the right.

    >>> print(markdown([("", "time"), ("a | b", "1 s")]))
    |  | time |
    | :-- | --: |
    | a \\| b | 1 s |
    """
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    rule = "| " + " | ".join([":--", *["--:"] * (len(rows[0]) - 1)]) + " |"
    return "\n".join([lines[0], rule, *lines[1:]])
