"""`rnnsym audit FILE.py:function MODEL`: is a hand-written backward right, and if not, what is wrong with it?

The one command that executes a person's own Python file, because it is asked to.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

from rnnsym.cli.make import read
from rnnsym.cli.outcome import DONE, FAILED
from rnnsym.cli.terminal import GREEN, RED, paint, progress


def audit(options: Namespace) -> int:
    """Compare, print, and fail where a gradient is wrong."""
    system = read(options.model)
    with progress(f"{options.function}: comparing"):
        from rnnsym.proof.audit import as_dict, report_text  # brings NumPy and SymPy
        from rnnsym.proof.audit import audit as compare
        from rnnsym.proof.audit.layout import read_map

        table = read_map(Path(options.map)) if options.map else None
        found = compare(
            options.function, system, table, source=options.map or "map",
            seed=options.seed, tolerance=options.tolerance, seconds=options.seconds,
        )  # fmt: skip
    if options.json:
        print(json.dumps(as_dict(found), indent=1))
    else:
        head, blank, rest = report_text(found).partition("\n\n")
        listing, again, told = rest.partition("\n\n")
        first, *more = told.split("\n")
        coloured = "\n".join([paint(first, GREEN if found.is_right else RED, sys.stdout), *more])
        print(f"{head}{blank}{listing}{again}{coloured}")
    return DONE if found.is_right else FAILED
