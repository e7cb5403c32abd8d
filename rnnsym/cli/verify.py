"""`rnnsym verify MODEL`: is every gradient right? A table, one plain sentence, and an exit code."""

from __future__ import annotations

import json
import sys
from argparse import Namespace

from rnnsym.cli.make import read
from rnnsym.cli.outcome import DONE, FAILED
from rnnsym.cli.terminal import GREEN, RED, paint, progress


def verify(options: Namespace) -> int:
    """Measure, print, and fail with the name of the first wrong gradient."""
    system = read(options.model)
    with progress(f"{system.name}: measuring") as say:
        from rnnsym.proof.measured import verify as measure  # brings NumPy and the module's making

        report = measure(system, options.seed, told=lambda name: say(f" {name}"))
    if options.json:
        print(json.dumps(report.as_dict(), indent=1))
    else:
        listing, _, sentence = str(report).rpartition("\n")
        print(listing)
        print(paint(sentence, GREEN if report.is_right else RED, sys.stdout))
    return DONE if report.is_right else FAILED
