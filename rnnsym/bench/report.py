"""Reports as tables of plain text.

Comes in: a report as the tasks give it. Goes out: rows for a terminal or for a page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

Row = tuple[str, ...]

WORDS = {
    "limit": "the bare matrix products",
    "rnnsym": "the generated module",
    "kernels": "the module with compiled kernels",
    "naive": "the module at -O0",
    "torch": "PyTorch, fused layer",
    "torch-loop": "PyTorch, Python loop",
    "jax": "JAX, jit and lax.scan",
    "products": "the bare matrix-vector products",
    "step": "the module's step",
}
LINES = 20  # of a profile


def compared(row: dict[str, Any]) -> list[Row]:
    """One line per contestant: time, ratio to the limit with its quartiles, ratio to the module, error against the reference."""
    has_limit = any(c["name"] == "limit" for c in row["contestants"])
    found: list[Row] = [("", "", "median", "best", *(("/ limit", "quartiles") if has_limit else ()), "/ rnnsym", "error")]
    for entry in row["contestants"]:
        seconds = entry["seconds"]
        cells = [entry["name"], WORDS[entry["name"]], duration(seconds["median"]), duration(seconds["best"])]
        cells += ratio(entry["to_limit"]) if has_limit else ()
        cells.append(f"{entry['to_rnnsym']['median']:.2f}" if entry["to_rnnsym"] else "")
        cells.append("" if entry["error"] is None else f"{entry['error']:.0e}")
        found.append(tuple(cells))
    return found


def ratio(entry: dict[str, float]) -> Row:
    """A ratio's median and its quartiles."""
    return f"{entry['median']:.2f}", f"{entry['lower']:.2f} … {entry['upper']:.2f}"


def streamed(row: dict[str, Any]) -> list[Row]:
    """The products and the step, with the aim: twice the products and 15 µs."""
    found: list[Row] = [("", "", "median", "best", "2 × products + 15 µs")]
    bare = next((c["seconds"]["median"] for c in row["contestants"] if c["name"] == "products"), 0.0)
    for entry in row["contestants"]:
        seconds = entry["seconds"]
        aim = duration(2 * bare + 15e-6) if entry["name"] == "step" else ""
        found.append((entry["name"], WORDS[entry["name"]], duration(seconds["median"]), duration(seconds["best"]), aim))
    return found


def grown(report: dict[str, Any]) -> list[Row]:
    """Time and memory while T and B double, each also per step and sequence."""
    found: list[Row] = [("", "time", "per step and sequence", "peak of memory", "per step and sequence")]
    for row in report["rows"]:
        units = row["units"]
        memory = f"{row['peak'] / 1e6:.3g} MB", f"{row['peak'] / units / 1e3:.3g} kB"
        found.append((row["name"], duration(row["seconds"]), duration(row["seconds"] / units), *memory))
    return found


def generated(report: dict[str, Any]) -> list[Row]:
    """Time to make a module, by its number of layers."""
    found: list[Row] = [("layers", "equations", "time", "per equation")]
    for row in report["rows"]:
        each = row["seconds"] / row["equations"]
        found.append((str(row["layers"]), str(row["equations"]), duration(row["seconds"]), duration(each)))
    return found


def profiled(row: dict[str, Any]) -> list[Row]:
    """The shares of each kind of work, then the statements that take longest."""
    lines = row["lines"]
    whole = sum(line["seconds"] for line in lines) or 1.0
    kinds: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for line in lines:
        total = kinds[line["kind"], line["where"]]
        total[0] += line["seconds"]
        total[1] += line["calls"]
    found: list[Row] = [("share", "time", "calls", "each", "kind", "where", "")]
    for (kind, where), (seconds, calls) in sorted(kinds.items(), key=lambda item: -item[1][0]):
        found.append((f"{seconds / whole:.1%}", duration(seconds), f"{calls:,.0f}", "", kind, where, ""))
    found.append(("",) * 7)
    for line in sorted(lines, key=lambda line: -line["seconds"])[:LINES]:
        each = duration(line["seconds"] / line["calls"])
        text = line["text"] if len(line["text"]) <= 80 else line["text"][:79] + "…"
        share = f"{line['seconds'] / whole:.1%}"
        found.append(
            (share, duration(line["seconds"]), f"{line['calls']:,.0f}", each, line["kind"], line["where"], f"{line['number']}: {text}")
        )
    return found


TABLES: dict[str, tuple[str, Callable[[dict[str, Any]], list[Row]]]] = {
    "compare": ("one training step", compared),
    "streaming": ("one step of a stream", streamed),
    "growing": ("one training step as T and B grow", grown),
    "profiling": ("where the time of a training step goes", profiled),
}


def duration(seconds: float) -> str:
    """A time with three digits.

    >>> duration(0.0123), duration(4.2e-5), duration(2.5), duration(3e-8)
    ('12.3 ms', '42 µs', '2.5 s', '30 ns')
    """
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)):
        if seconds >= 0.9995 * scale:
            return f"{seconds / scale:.3g} {unit}"
    return "0"


def heading(row: dict[str, Any]) -> str:
    """The sizes, and the work of the bare products."""
    sizes = ", ".join(f"{name} = {n}" for name, n in row["sizes"].items())
    flops = sum(p["flops"] for p in row.get("products", ()))
    return f"{row['scale']}: {sizes}" + (f"; {flops / 1e6:,.0f} Mflop in {len(row['products'])} products" if flops else "")
