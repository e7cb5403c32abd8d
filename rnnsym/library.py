"""Models by name or by path.

Comes in: what a person types, `lstm` or `cells/mine.rnn`. Goes out: the file, or its System. A word without `/` and without `.rnn` is
always a name of the library, whatever lies in the current folder; everything else is always a path. So a command means the same
wherever it is run.
"""

from __future__ import annotations

import ast
import difflib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rnnsym.errors import UsageError
from rnnsym.resources import models_folder

if TYPE_CHECKING:
    from rnnsym.algebra import System

SUFFIX = ".rnn"


def names() -> tuple[str, ...]:
    """The library's names, sorted."""
    return tuple(sorted(path.stem for path in models_folder().glob(f"*{SUFFIX}")))


def is_path(model: str) -> bool:
    """Whether MODEL is meant as a path: it has a folder separator or ends with `.rnn`."""
    return model.endswith(SUFFIX) or "/" in model or os.sep in model


def find(model: str | os.PathLike[str]) -> Path:
    """The file of a model. Raises UsageError for an unknown name (with the nearest ones) or a path that is no file."""
    word = os.fspath(model)
    if isinstance(model, os.PathLike) or is_path(word):
        return _existing(Path(word))
    path = models_folder() / f"{word}{SUFFIX}"
    if word in names():
        return path
    beside = Path(f"{word}{SUFFIX}")
    if beside.is_file() or Path(word).is_file():
        there = beside if beside.is_file() else Path(".") / word
        shown = str(there) if there is beside else f"./{word}"
        raise UsageError.at("U101", f"the library has no model `{word}`", instead=f"{shown}, the file in this folder", file="rnnsym")
    raise UsageError.at(
        "U101",
        f"the library has no model `{word}`",
        expected="a name from `rnnsym list`, or a path to a file such as cells/mine.rnn",
        instead=nearest(word, names()),
        file="rnnsym",
    )


def _existing(path: Path) -> Path:
    if path.is_dir():
        inside = sorted(p.name for p in path.glob(f"*{SUFFIX}"))[:3]
        example = f"{path}/{inside[0]}" if inside else ""
        raise UsageError.at("U102", f"`{path}` is a folder", expected="one .rnn file", instead=example, file="rnnsym")
    if not path.exists():
        around = [str(p) for p in sorted(path.parent.glob(f"*{SUFFIX}")) if p.exists()] if path.parent.is_dir() else []
        raise UsageError.at("U102", f"there is no file `{path}`", instead=nearest(str(path), [*around, *names()]), file="rnnsym")
    return path


def nearest(word: str, known: Iterable[str]) -> str:
    """The known words that are spelled most like this one, "" when none is near."""
    return " or ".join(difflib.get_close_matches(word, list(known), n=3, cutoff=0.6))


def load(model: str | os.PathLike[str]) -> System:
    """The System of a library model (`"lstm"`) or of a `.rnn` file (`"cells/mine.rnn"`).

    Raises UsageError where there is no such model, ModelError where the file's text is wrong.

    >>> load("lstm").name
    'lstm'
    """
    from rnnsym import language  # brings SymPy: only when a model is read

    path = find(model)
    try:
        return language.load(path)
    except OSError as error:
        raise UsageError.at("U103", f"`{path}` cannot be read: {error.strerror or error}", file="rnnsym") from None


def summary(path: Path) -> str:
    """The first sentence of a model's docstring, "" where it has none; the file is read but not checked."""
    try:
        doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    except (SyntaxError, ValueError, OSError):
        return ""
    paragraph = " ".join((doc or "").strip().split("\n\n")[0].split())
    return re.split(r"(?<=[.!?]) (?=[A-Z])", paragraph)[0]
