"""`rnnsym list`: the library's models and what they say of themselves. Reads files, imports no SymPy."""

from __future__ import annotations

from argparse import Namespace

from rnnsym import library
from rnnsym.cli.terminal import BOLD, paint


def list_models(options: Namespace) -> int:
    """Print name and summary of every library model."""
    names = library.names()
    width = max(map(len, names), default=0)
    for name in names:
        print(f"{paint(name.ljust(width), BOLD)}  {library.summary(library.find(name))}")
    return 0
