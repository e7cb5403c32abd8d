"""Editing a model by text: new lines take the place of the old ones that say something of the same name.

Comes in: a System and some lines. Goes out: the System of the whole new text, checked like any other. The text that is edited is the
System's own source where it has one, so that functions, remarks and the order of lines stay; otherwise what `str` prints.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from rnnsym.algebra.system import System
from rnnsym.language.fence import read
from rnnsym.language.findings import Findings
from rnnsym.language.reader import plain, scan
from rnnsym.language.resolve import parse
from rnnsym.language.syntax import Page

_Key = tuple[str, ...]


def edit(system: System, text: str) -> System:
    """The System with the lines of `text` in place of those that define or declare the same; other lines are added at the end.

    Raises ModelError as `parse` does; places in its errors are those of the whole new text.

    >>> model = edit(parse("x: input[n]\\nh: vector[m]\\nh[t] = tanh(W @ x[t])"), "h[t] = relu(W @ x[t])")
    >>> print(model.definitions[0])
    h[t] = relu(W @ x[t])
    """
    new, new_lines = _page(text, "<edit>")
    old, old_lines = _page(system.source or str(system), system.file)
    noted = {name for name, _, _ in new.notation}
    if any(_splits(keys, new) for keys, _, _ in _statements(old)) or any(name in noted for name, _ in system.notation):
        # an old line says more than the new lines replace: the printed text has a line for each thing
        remaining = tuple(pair for pair in system.notation if pair[0] not in noted)
        old, old_lines = _page(str(dataclasses.replace(system, notation=remaining)), system.file)
    pieces = {key: (first, last) for keys, first, last in _statements(new) for key in keys}
    out: list[str | None] = list(old_lines)
    placed: set[tuple[int, int]] = set()
    for keys, first, last in _statements(old):
        said = [pieces[key] for key in keys if key in pieces]
        if said:
            fresh = [piece for piece in dict.fromkeys(said) if piece not in placed]
            placed.update(fresh)
            lines = [line for a, b in fresh for line in new_lines[a - 1 : b]]
            out[first - 1 : last] = ["\n".join(lines) if lines else None, *([None] * (last - first))]
    kept = {number for first, last in placed for number in range(first, last + 1)}
    rest = [line for number, line in enumerate(new_lines, 1) if number not in kept]
    text = "\n".join(line for line in out if line is not None)
    return parse("\n".join([text.rstrip("\n"), *rest]), system.name, system.file)


def _page(text: str, file: str) -> tuple[Page, list[str]]:
    findings = Findings(plain(text), file)
    page = read(scan(findings), findings)
    findings.raise_errors()
    return page, findings.lines


def _statements(page: Page) -> Iterator[tuple[tuple[_Key, ...], int, int]]:
    """What each statement says something of, and its first and last line."""
    if page.doc:
        yield (("description",),), 1, page.doc_end
    for line in page.assigns:
        keys = tuple(_equation_key(target.name, None if target.when is None else str(target.when)) for target in line.targets)
        yield keys, line.span.line, line.span.end_line
    for declare in page.declares:
        yield (("declaration", declare.name),), declare.span.line, declare.span.end_line
    for function in page.functions:
        yield (("function", function.name),), function.span.line, function.end_line


def _splits(keys: tuple[_Key, ...], new: Page) -> bool:
    said = {key for new_keys, _, _ in _statements(new) for key in new_keys}
    return 0 < sum(key in said for key in keys) < len(keys)


def _equation_key(name: str, when: str | None) -> _Key:
    """h[t] and a static h define one name, h[0] another thing; loss[t] and loss are two."""
    return ("equation", name, when or "") if name == "loss" or when not in (None, "t") else ("equation", name)
