"""`rnnsym bench MODEL`: how long a training step takes beside the bare matrix products and other libraries, and where its time goes."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from rnnsym.bench import CONTESTANTS
from rnnsym.cli.files import write_all
from rnnsym.cli.make import read
from rnnsym.cli.outcome import DONE
from rnnsym.cli.terminal import BOLD, DIM, paint, table
from rnnsym.errors import UsageError
from rnnsym.library import nearest


def bench(options: Namespace) -> int:
    """Measure in a fresh process; print a table or JSON, or write the page of all figures."""
    from rnnsym.bench.cases import has_cost, scales  # brings NumPy, which `--help` does not need
    from rnnsym.bench.process import in_fresh_process

    if options.page:
        from rnnsym.bench.page import page

        write_all({Path(options.page): page(_rounds(options.rounds), _say)}, force=options.force)
        return DONE
    if options.model is None:
        raise UsageError.at("U506", "no model is named", expected="rnnsym bench MODEL, or rnnsym bench --page FILE", file="bench")
    task = options.task or "compare"
    system = read(options.model)
    scales(system, options.sizes)  # so that a wrong word is told before anything is started
    if task != "streaming" and not has_cost(system):
        raise UsageError.at(
            "U502", f"`{system.name}` has no cost, so there is no training step", instead="loss[t] = …, or --step", file="bench"
        )
    report = in_fresh_process(task, request(options))
    print(json.dumps(report, indent=1) if options.json else "\n".join(_lines(task, report)))
    return DONE


def request(options: Namespace) -> dict[str, Any]:
    """What the measuring process is asked for."""
    return {
        "model": options.model, "sizes": options.sizes, "against": _against(options.against), "threads": options.threads,
        "dtype": options.dtype, "rounds": _rounds(options.rounds),
    }  # fmt: skip


def _against(text: str) -> list[str]:
    names = [word for word in (w.strip() for w in text.split(",")) if word]
    for name in names:
        if name not in CONTESTANTS:
            raise UsageError.at(
                "U506",
                f"`{name}` is nothing to compare with",
                expected=", ".join(CONTESTANTS),
                instead=nearest(name, CONTESTANTS),
                file="--against",
            )
    return names


def _rounds(count: int) -> int:
    if count < 1:
        raise UsageError.at("U506", f"{count} rounds measure nothing", expected="a whole number from 1", file="--rounds")
    return count


def _say(sentence: str) -> None:
    print(paint(sentence, DIM))


def _lines(task: str, report: dict[str, Any]) -> list[str]:
    """The report as text: a heading, a table per size, what could not take part, the machine."""
    from rnnsym.bench.machine import sentence
    from rnnsym.bench.report import TABLES, heading

    title, rows = TABLES[task]
    lines = [f"{paint(report['model'], BOLD)}: {title}, {report['dtype']}, medians of {report['rounds']} rounds", ""]
    for row in [report] if task == "growing" else report["rows"]:
        lines += [] if task == "growing" else [paint(heading(row), BOLD)]
        lines += [table(rows(row)), *(f"  {name}: {reason}" for name, reason in row.get("absent", {}).items()), ""]
    return [*lines, paint(sentence(report["machine"]), DIM)]
