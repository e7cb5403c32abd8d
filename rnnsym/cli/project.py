"""A project: what [tool.rnnsym] in pyproject.toml says is to be built.

Comes in: a folder. Goes out: a `Project` with a `Job` for every model. All paths are relative to the project's folder and must stay in it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rnnsym.cli.arguments import NOTATIONS
from rnnsym.errors import Diagnostic, UsageError
from rnnsym.library import nearest

PLACES = ("module", "derivation", "page", "tests")  # what is made of each model
KEYS = ("models", *PLACES, "index", "notation", "versions")
EXAMPLES = {
    "module": '"generated/{name}.py"',
    "derivation": '"docs/{name}.tex"',
    "page": '"docs/{name}.html"',
    "tests": '"tests/test_{name}.py"',
    "index": '"docs/index.html"',
}
LIBRARIES = ("sympy", "numpy", "jinja2")  # what the bytes of the outputs depend on, beside rnnsym itself


@dataclass(frozen=True)
class Job:
    """A model and the files it gives (None: not asked for)."""

    model: Path
    module: Path | None
    derivation: Path | None
    page: Path | None = None
    tests: Path | None = None

    @property
    def outputs(self) -> tuple[Path, ...]:
        return tuple(path for path in (self.module, self.derivation, self.page, self.tests) if path)


@dataclass(frozen=True)
class Project:
    """folder: where pyproject.toml lies; models: patterns; module, derivation, page, tests: places with {name}.

    versions: library → version; index: the place of the page that leads to all pages; notation: that of all documents.
    """

    folder: Path
    models: tuple[str, ...]
    module: str | None
    derivation: str | None
    versions: Mapping[str, str]
    page: str | None = None
    tests: str | None = None
    index: str | None = None
    notation: str = "house"

    def jobs(self) -> tuple[Job, ...]:
        """A job for every model file, in the order of their names."""
        found = sorted({path for pattern in self.models for path in self.folder.glob(pattern) if path.is_file()})
        if not found:
            raise _wrong(f"no file matches models = {list(self.models)}", expected="patterns such as cells/*.rnn")
        jobs = [Job(path, *(self._place(pattern, path.stem) for pattern in self.patterns)) for path in found]
        taken: dict[Path, Path] = {self.folder / self.index: Path(self.index)} if self.index else {}
        for job in jobs:
            for output in job.outputs:
                if not output.resolve().is_relative_to(self.folder.resolve()):
                    raise _wrong(f"{self.shown(output)} is a link that leads out of the project's folder", expected="a file inside it")
                if taken.setdefault(output, job.model) != job.model:
                    both = "`index`" if self.index and output == self.folder / self.index else self.shown(taken[output])
                    raise _wrong(f"{both} and {self.shown(job.model)} both give {self.shown(output)}")
        return tuple(jobs)

    @property
    def patterns(self) -> tuple[str | None, ...]:
        """Where modules, derivations, pages and tests go (None: not asked for)."""
        return (self.module, self.derivation, self.page, self.tests)

    def _place(self, pattern: str | None, name: str) -> Path | None:
        return self.folder / pattern.replace("{name}", name) if pattern else None

    def shown(self, path: Path) -> str:
        """A path as a person in the project's folder writes it."""
        return path.relative_to(self.folder).as_posix()

    def differing_versions(self) -> tuple[str, ...]:
        """What is installed in another version than [tool.rnnsym.versions] says: `numpy 2.5.0 (recorded: 2.4.6)`."""
        now = installed_versions()
        return tuple(f"{name} {now[name]} (recorded: {said})" for name, said in self.versions.items() if now[name] != said)


def installed_versions() -> dict[str, str]:
    """The versions of the libraries that the outputs depend on; asks the installed packages, imports none."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def read_project(start: Path) -> Project:
    """The project that a folder belongs to. Raises UsageError where there is none, or what it says is wrong."""
    start = start.resolve()
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            table = _table(path)
            if table is not None:
                return _project(folder, table)
    raise UsageError.at(
        "U401",
        "no pyproject.toml with [tool.rnnsym] here or above",
        instead='[tool.rnnsym]\n            models = ["cells/*.rnn"]\n            module = "generated/{name}.py"',
        file="rnnsym",
    )


def _table(path: Path) -> dict[str, Any] | None:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError.at("U402", f"{path.name} is not valid TOML: {error}", file=str(path)) from None
    tool = content.get("tool")
    table = tool.get("rnnsym") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise _wrong("[tool.rnnsym] is not a table")
    return table


def _project(folder: Path, table: dict[str, Any]) -> Project:
    for key in table:
        if key not in KEYS:
            raise _wrong(f"`{key}` is not a setting", expected=", ".join(KEYS), instead=nearest(key, KEYS))
    models = table.get("models", [])
    models = [models] if isinstance(models, str) else models
    if not isinstance(models, list) or not models or not all(isinstance(m, str) for m in models):
        raise _wrong("`models` must be a list of patterns", instead='models = ["cells/*.rnn"]')
    versions = table.get("versions", {})
    if not isinstance(versions, dict) or not all(isinstance(v, str) and k in LIBRARIES for k, v in versions.items()):
        raise _wrong("`versions` must give versions as strings", expected=", ".join(LIBRARIES))
    places = {key: table.get(key) for key in PLACES}
    if not any(places.values()):
        raise _wrong("nothing is to be made", instead='module = "generated/{name}.py"')
    for key, place in places.items():
        if place is not None and (not isinstance(place, str) or "{name}" not in Path(place).name):
            raise _wrong(f"`{key}` must hold {{name}} in the file's name", instead=f"{key} = {EXAMPLES[key]}")
    index = table.get("index")
    if index is not None and not (isinstance(index, str) and index and "{name}" not in index and places["page"]):
        raise _wrong("`index` is one file that leads to the pages", expected="`page` beside it", instead=f"index = {EXAMPLES['index']}")
    if places["tests"] and not places["module"]:
        raise _wrong("`tests` are of modules, and no modules are made", instead=f"module = {EXAMPLES['module']}")
    notation = table.get("notation", "house")
    if notation not in NOTATIONS:
        raise _wrong(f"there is no notation {notation!r}", expected=", ".join(NOTATIONS), instead='notation = "slides"')
    for place in (*models, *filter(None, (*places.values(), index))):
        _stays_inside(folder, place)
    return Project(
        folder, tuple(models), places["module"], places["derivation"], versions, places["page"], places["tests"], index, notation
    )


def _stays_inside(folder: Path, place: str) -> None:
    """No absolute path, no `..`, and no link that leads out of the folder."""
    parts = Path(place).parts
    literal = folder
    for part in parts:
        if any(mark in part for mark in "*?[{"):
            break
        literal = literal / part
    if Path(place).is_absolute() or ".." in parts or not literal.resolve().is_relative_to(folder):
        raise _wrong(f"`{place}` leads out of the project's folder", expected="a path inside it")


def _wrong(found: str, expected: str = "", instead: str = "") -> UsageError:
    return UsageError(Diagnostic("U402", found, None, expected, instead, file="pyproject.toml [tool.rnnsym]"))
