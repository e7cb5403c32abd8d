"""`rnnsym check FILE …`: read models, report every error and warning, write nothing."""

from __future__ import annotations

import sys
from argparse import Namespace

from rnnsym import library
from rnnsym.algebra import System
from rnnsym.cli.outcome import DONE, tell
from rnnsym.cli.terminal import colours


def check(options: Namespace) -> int:
    """Read each file; exit code 2 where one is wrong."""
    code = DONE
    for model in options.models:
        try:
            system = library.load(model)
        except Exception as error:
            code = max(code, tell(error, options.debug))
            continue
        print_warnings(system)
        counts = ((len(system.every_definition), "equation"), (len(system.params), "parameter"), (len(system.warnings), "warning"))
        print(f"{model}: {', '.join(_counted(*pair) for pair in counts)}, no errors")
    return code


def print_warnings(system: System) -> None:
    """The model's warnings, on stderr."""
    for warning in system.warnings:
        print(warning.render(colours(sys.stderr)), file=sys.stderr)


def _counted(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"
