"""Reports as tables of plain text.

Comes in: a report as the tasks give it. Goes out: rows for a terminal or for a page.
"""

from __future__ import annotations

from typing import Any

Row = tuple[str, ...]

WORDS = {
    "limit": "bare matrix products",
    "rnnsym": "the generated module",
    "naive": "the module at -O0",
    "torch": "PyTorch, fused layer",
    "torch-loop": "PyTorch, Python loop",
    "jax": "JAX, jit and lax.scan",
}


def rows(row: dict[str, Any]) -> list[Row]:
    """One line per contestant: time, ratio to the limit with its quartiles, ratio to the module, error against the reference."""
    has_limit = any(c["name"] == "limit" for c in row["contestants"])
    head: Row = ("", "", "median", "best", *(("/ limit", "quartiles") if has_limit else ()), "/ rnnsym", "error")
    found = [head]
    for entry in row["contestants"]:
        seconds = entry["seconds"]
        cells = [entry["name"], WORDS.get(entry["name"], ""), duration(seconds["median"]), duration(seconds["best"])]
        if has_limit:
            ratio = entry["to_limit"]
            cells += [f"{ratio['median']:.2f}", f"{ratio['lower']:.2f} … {ratio['upper']:.2f}"]
        cells.append(f"{entry['to_rnnsym']['median']:.2f}" if entry["to_rnnsym"] else "")
        cells.append("" if entry["error"] is None else f"{entry['error']:.0e}")
        found.append(tuple(cells))
    return found


def duration(seconds: float) -> str:
    """A time with three digits.

    >>> duration(0.0123), duration(4.2e-5), duration(2.5)
    ('12.3 ms', '42 µs', '2.5 s')
    """
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale or unit == "µs":
            return f"{seconds / scale:.3g} {unit}"
    raise AssertionError(seconds)


def heading(row: dict[str, Any]) -> str:
    """The sizes, and the work of the bare products."""
    sizes = ", ".join(f"{name} = {n}" for name, n in row["sizes"].items())
    flops = sum(p["flops"] for p in row["products"])
    return f"{row['scale']}: {sizes}" + (f"; {flops / 1e6:,.0f} Mflop in {len(row['products'])} products" if flops else "")
