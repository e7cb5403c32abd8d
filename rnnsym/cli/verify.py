"""`rnnsym verify MODEL …`: is every gradient right? A table and a plain sentence, or a line for each of several models."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rnnsym.cli.make import read
from rnnsym.cli.outcome import BUG, DONE, FAILED, UNDECIDED, WRONG, tell
from rnnsym.cli.terminal import GREEN, RED, paint, progress, table
from rnnsym.errors import RnnsymError

if TYPE_CHECKING:
    from rnnsym.proof.report import Report

_CODES = {"right": DONE, "wrong": FAILED, "undecided": UNDECIDED}


def verify(options: Namespace) -> int:
    """Verify every model, print, and fail with the first wrong equation."""
    if len(options.models) > 1:
        return _several(options)
    report = _report(options.models[0], options)
    if options.json:
        print(json.dumps(report.as_dict(), indent=1))
    else:
        listing, _, sentence = str(report).rpartition("\n")
        print(f"{listing}\n{_painted(sentence, report)}")
    return _CODES[report.outcome]


def _several(options: Namespace) -> int:
    """A model that cannot be read or measured is told, and the others go on; the exit code is that of the worst."""
    reports, codes = [], []
    for model in options.models:
        try:
            reports.append(_report(model, options))
            codes.append(_CODES[reports[-1].outcome])
        except RnnsymError as error:
            codes.append(tell(error, options.debug))
    if options.json:
        print(json.dumps([report.as_dict() for report in reports], indent=1))
    else:
        _print_summary(reports, len(options.models))
    return max(codes, key=(DONE, UNDECIDED, WRONG, FAILED, BUG).index)


def _report(model: str, options: Namespace) -> Report:
    system = read(model)
    with progress(f"{system.name}:") as say:
        from rnnsym.proof.verify import verify as verified  # brings NumPy and the module's making

        return verified(system, options.seed, deep=options.deep, peers=options.witness, told=lambda what: say(f" {what}"))


def _print_summary(reports: Sequence[Report], asked: int) -> None:
    """One line for each model, the residual of each witness in a column; then a sentence for each that is not right, and one for all."""
    witnesses = list(dict.fromkeys(c.name for r in reports for c in r.checks if c.name))
    rows = [("model", "found", *witnesses, "time")]
    for report in reports:
        short = {c.name: c.short for c in report.checks}
        seconds = sum(c.seconds or 0.0 for c in report.checks)
        rows.append((report.model, report.outcome, *(short.get(w, "") for w in witnesses), f"{seconds:.1f} s"))
    print(table(rows, indent=""))
    print()
    for report in reports:
        if not report.is_right:
            print(_painted(report.sentence, report))
    right = sum(report.is_right for report in reports)
    print(paint(f"{right} of {asked} models are right.", GREEN if right == asked else RED, sys.stdout))


def _painted(sentence: str, report: Report) -> str:
    return paint(sentence, GREEN if report.is_right else RED, sys.stdout)
