"""Python literals for the tables of a generated module, formatted as `ruff format` would leave them."""

from __future__ import annotations

from collections.abc import Iterable

from rnnsym.backends.printing import WIDTH


def string(text: str) -> str:
    """A Python string literal in double quotes, whatever the text holds.

    >>> string('a "b"')
    '"a \\\\"b\\\\""'
    """
    inner = "".join(ch if ch.isprintable() else " " for ch in text)
    return '"' + inner.replace("\\", "\\\\").replace('"', '\\"') + '"'


def table(name: str, annotation: str, rows: Iterable[str], empty: str) -> str:
    """A constant that holds a tuple, or a set of names."""
    rows = list(rows)
    if not rows:
        return f"{name}: {annotation} = {empty}"
    if len(rows) == 1:
        return f"{name}: {annotation} = " + (f"frozenset({{{rows[0]}}})" if empty.startswith("frozenset") else f"({rows[0]},)")
    opening, closing = ("frozenset(\n    {\n", "    }\n)") if empty.startswith("frozenset") else ("(\n", ")")
    pad = "        " if empty.startswith("frozenset") else "    "
    return f"{name}: {annotation} = {opening}" + "".join(f"{pad}{row},\n" for row in rows) + closing


def line(name: str, value: str) -> str:
    """A constant on one line, or in brackets where it would be too long for one."""
    whole = f"{name} = {value}"
    return whole if len(whole) <= WIDTH else f"{name} = (\n    {value}\n)"


def data_table(name: str, annotation: str, rows: Iterable[tuple[str, str]]) -> str:
    """A constant that holds a dictionary."""
    rows = list(rows)
    if not rows:
        return f"{name}: {annotation} = {{}}"
    return f"{name}: {annotation} = {{\n" + "".join(f"    {string(key)}: {value},\n" for key, value in rows) + "}"
