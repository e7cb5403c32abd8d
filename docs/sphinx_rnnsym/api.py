"""The reference of Python names, from signatures and docstrings.

Comes in: the package and a generated module. Goes out: Markdown. The project's docstrings are Markdown already; rows of a name, spaces and
what it is become a list of definitions, and examples become code.
"""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

import rnnsym
from sphinx_rnnsym.public import MEMBERS, MODULE, SECTIONS

_ROW = re.compile(r"^([A-Za-z_*][\w*, .\[\]=]{0,24}?  +|[a-z_]+(?:, [a-z_]+)*: )(\S.*)$")


def public_reference() -> str:
    """Everything that `import rnnsym` offers, in sections."""
    shown = [name for names in SECTIONS.values() for name in names]
    missing = set(rnnsym.__all__) - set(shown) - {"__version__"}
    if missing:
        raise ValueError(f"public names that the reference does not show: {sorted(missing)}")
    parts = []
    for title, names in SECTIONS.items():
        parts.append(f"## {title}\n")
        parts += [_entry(f"rnnsym.{name}", getattr(rnnsym, name), MEMBERS.get(name, ())) for name in names]
    return "\n".join(parts)


def module_reference(name: str) -> str:
    """The names of a generated module that others build on."""
    module = importlib.import_module(f"generated.{name}")
    return "\n".join(_entry(f"{name}.{word}", getattr(module, word), members, level=2) for word, members in MODULE.items())


def _entry(name: str, what: Any, members: tuple[str, ...] = (), level: int = 3) -> str:
    call, said = _signature(what), docstring(inspect.getdoc(what) or "")
    parts = [f"{'#' * level} `{name}`\n", f"```python\n{name.rpartition('.')[2]}{call}\n```\n" if call else "", said]
    return "\n".join([*parts, *(_member(what, member) for member in members)])


def _member(of: type, name: str) -> str:
    """An attribute or a method, as a row of a list of definitions."""
    static, bound = inspect.getattr_static(of, name), getattr(of, name)
    function = static.__func__ if isinstance(static, classmethod | staticmethod) else static
    call = _signature(bound) if callable(bound) else ""
    return f"\n`.{name}{call}`\n: {_indented(docstring(inspect.getdoc(function) or ''))}\n"


def _signature(what: Any) -> str:
    """`(system, seed=0)`: names and defaults; types are in the source."""
    if not callable(what) or (inspect.isclass(what) and (issubclass(what, BaseException) or not _own_init(what))):
        return ""
    shown = [p for p in inspect.signature(what).parameters.values() if p.name != "self"]
    return str(inspect.Signature([p.replace(annotation=p.empty, default=_default(p.default)) for p in shown]))


def _default(value: Any) -> Any:
    is_class = inspect.isclass(value) and value is not inspect.Parameter.empty
    return _Shown(value.__name__) if is_class else value


class _Shown(str):
    """A default that is shown without quotes."""

    def __repr__(self) -> str:
        return str(self)


def _own_init(what: type) -> bool:
    return "__init__" in vars(what) or "__new__" in vars(what)


def docstring(text: str) -> str:
    """A docstring as Markdown.

    >>> print(docstring("Adds.\\n\\na: the first\\nb: the second\\n\\n>>> 1 + 1\\n2"))
    Adds.
    <BLANKLINE>
    `a`
    : the first
    <BLANKLINE>
    `b`
    : the second
    <BLANKLINE>
    ```python
    >>> 1 + 1
    2
    ```
    """
    return "\n\n".join(_paragraph(part) for part in re.split(r"\n{2,}", text.strip("\n")))


def _paragraph(text: str) -> str:
    lines = text.split("\n")
    if text.startswith(">>>"):
        return f"```python\n{text}\n```"
    if all(line.startswith("    ") for line in lines):
        return "```text\n" + "\n".join(line[4:] for line in lines) + "\n```"
    rows = [_ROW.match(line) for line in lines]
    if rows[0] is None or not rows[0][0]:
        return text
    out: list[str] = []
    for line, found in zip(lines, rows, strict=True):
        if found and not line.startswith(" "):
            out.append(f"`{found[1].strip().removesuffix(':')}`\n: {found[2]}")
        else:
            out[-1] += f"\n  {line.strip()}"
    return "\n\n".join(out)


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ").replace("\n  \n", "\n\n")
