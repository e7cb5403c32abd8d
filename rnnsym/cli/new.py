"""`rnnsym new NAME --from MODEL`: a copy of a model to be edited, in the current folder and nowhere else."""

from __future__ import annotations

import keyword
import re
from argparse import Namespace
from pathlib import Path

from rnnsym import library
from rnnsym.cli.files import write_all
from rnnsym.errors import UsageError


def new(options: Namespace) -> int:
    """Write NAME.rnn and say what to do with it."""
    name = options.name.removesuffix(library.SUFFIX)
    _check_name(name)
    path = Path(f"{name}{library.SUFFIX}")
    if path.exists() and not options.force:
        raise UsageError.at("U201", f"`{path}` exists and is left as it is", instead="another name, or --force", file="rnnsym")
    origin = library.find(options.origin)
    write_all({path: origin.read_text(encoding="utf-8")}, force=True)
    print(f"{path}: from {options.origin}. Edit it, then\n  rnnsym show {path}\n  rnnsym make {path}")
    return 0


def _check_name(name: str) -> None:
    """A model's name becomes a Python module's name, so it must be one."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) and not keyword.iskeyword(name):
        return
    likely = re.sub(r"\W+", "_", Path(name).name, flags=re.ASCII).strip("_")
    near = likely if re.fullmatch(r"[A-Za-z]\w*", likely) and not keyword.iskeyword(likely) else f"model_{likely}".rstrip("_")
    raise UsageError.at(
        "U202",
        f"`{name}` cannot be a model's name: it will be the name of a Python module, in the current folder",
        expected="letters, digits and _, a letter first, no Python keyword",
        instead=near,
        file="rnnsym",
    )
