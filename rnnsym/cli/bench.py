"""`rnnsym bench MODEL`: how long a training step takes, beside the bare matrix products and beside other libraries."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import Any

from rnnsym.cli.make import read
from rnnsym.cli.outcome import DONE
from rnnsym.cli.terminal import BOLD, DIM, paint, table
from rnnsym.errors import UsageError
from rnnsym.library import nearest

CONTESTANTS = ("limit", "naive", "torch", "torch-loop", "jax")


def bench(options: Namespace) -> int:
    """Measure in a fresh process, print a table or JSON."""
    from rnnsym.bench.cases import scales  # brings NumPy, which `--help` does not need
    from rnnsym.bench.process import in_fresh_process

    scales(read(options.model), options.sizes)  # so that a wrong word is told before anything is started
    request = {
        "model": options.model, "sizes": options.sizes, "against": _against(options.against), "threads": options.threads,
        "dtype": options.dtype, "rounds": _rounds(options.rounds),
    }  # fmt: skip
    report = in_fresh_process("compare", request)
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        _print(report)
    return DONE


def _against(text: str) -> list[str]:
    names = [word for word in (w.strip() for w in text.split(",")) if word]
    for name in names:
        if name not in CONTESTANTS:
            raise UsageError.at(
                "U302",
                f"`{name}` is nothing to compare with",
                expected=", ".join(CONTESTANTS),
                instead=nearest(name, CONTESTANTS),
                file="--against",
            )
    return names


def _rounds(count: int) -> int:
    if count < 1:
        raise UsageError.at("U302", f"{count} rounds measure nothing", expected="a whole number from 1", file="--rounds")
    return count


def _print(report: dict[str, Any]) -> None:
    from rnnsym.bench.machine import sentence
    from rnnsym.bench.report import heading, rows

    print(f"{paint(report['model'], BOLD)}: one training step, {report['dtype']}, medians of {report['rounds']} rounds\n")
    for row in report["rows"]:
        print(paint(heading(row), BOLD))
        print(table(rows(row)))
        for name, reason in row["absent"].items():
            print(f"  {name}: {reason}")
        print()
    print(paint(sentence(report["machine"]), DIM))
