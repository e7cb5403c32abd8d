"""The command `rnnsym`: read the words, run the command, turn every outcome into an exit code and a sentence."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn, TextIO

from rnnsym.cli.arguments import parser
from rnnsym.cli.outcome import DONE, INTERRUPTED, WRONG, tell


def main(words: Sequence[str] | None = None) -> int:
    """Run `rnnsym` with these words (default: those of the process) and return its exit code."""
    root = parser()
    try:
        options = root.parse_args(words)
    except SystemExit as stop:  # argparse has said what there is to say: --help, --version, a wrong option
        return int(stop.code or 0)
    if options.command is None:
        root.print_help(sys.stderr)
        return WRONG
    try:
        code: int = _function(options.run)(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        return _quiet_stdout()
    except KeyboardInterrupt:
        print("\rinterrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        return tell(error, options.debug)


def _function(place: str) -> Any:
    module, function = place.split(":")
    return getattr(import_module(module), function)


def _quiet_stdout() -> int:
    """Point stdout nowhere, so that the interpreter's own flush at exit says nothing either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def _tolerant(stream: TextIO) -> None:
    """A terminal that cannot show σ shows a question mark, and the command goes on."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")


def run() -> NoReturn:
    """The console script."""
    _tolerant(sys.stdout)
    _tolerant(sys.stderr)
    raise SystemExit(main())
