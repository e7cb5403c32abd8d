"""What became of a command: exit codes, and how an error is told.

A person never sees a traceback unless `--debug` asks for it; an error of the model shows its line and a caret; a bug in rnnsym says that
it is one.
"""

from __future__ import annotations

import sys
import traceback

from rnnsym.cli.terminal import colours
from rnnsym.errors import InternalError, RnnsymError

DONE, FAILED, WRONG, UNDECIDED, BUG, INTERRUPTED = 0, 1, 2, 3, 70, 130
_REPORT = "please report it with the model's text and the output of the same command with --debug"


def tell(error: Exception, debug: bool = False) -> int:
    """Say on stderr what went wrong; returns the exit code that belongs to it."""
    if isinstance(error, RnnsymError) and not isinstance(error, InternalError):
        print(error.render(colours(sys.stderr)), file=sys.stderr)
        return WRONG
    if isinstance(error, OSError):
        print(f"rnnsym: `{error.filename}`: {error.strerror}" if error.filename else f"rnnsym: {error}", file=sys.stderr)
        return WRONG
    if debug:
        traceback.print_exception(error)
    sentence = str(error).strip().split("\n")[0]
    print(f"bug in rnnsym: {type(error).__name__}: {sentence}\n  {_REPORT}", file=sys.stderr)
    return BUG
