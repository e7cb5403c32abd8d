"""What a person sees: colours, progress, plain tables; and what a pipe gets instead.

Colours only on a terminal, and not where NO_COLOR is set. Progress goes to stderr, only on a terminal, and leaves nothing behind.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

BOLD, DIM, RED, GREEN, OFF = "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[0m"


def colours(stream: TextIO) -> bool:
    """Whether to colour what goes to this stream."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str, stream: TextIO | None = None) -> str:
    """The text in a colour where the stream shows colours."""
    return f"{colour}{text}{OFF}" if colours(stream or sys.stdout) else text


@contextmanager
def progress(sentence: str) -> Iterator[Callable[[str], None]]:
    """Show a sentence on stderr while the work lasts, when stderr is a terminal; what it gives adds how far the work is."""
    shown = sys.stderr.isatty()

    def say(more: str) -> None:
        if shown:
            print(f"\r\033[K{sentence}{more} …", end="", file=sys.stderr, flush=True)

    say("")
    try:
        yield say
    finally:
        if shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def table(rows: Sequence[Sequence[str]], indent: str = "  ") -> str:
    """Columns of text, left-aligned, two spaces between them, no trailing space.

    >>> print(table([["W", "(n_h, n_x)"], ["b_long", "(n_h,)"]]))
      W       (n_h, n_x)
      b_long  (n_h,)
    """
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join((indent + line).rstrip() for line in lines)
