"""Lines of a planned pass as text: heads of loops, slices, conditions, and statements that are too long for one line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rnnsym.backends.printing import WIDTH
from rnnsym.program.ops import Amount, Guard, Operand

INDENT = 8  # a pass is a function within the one that makes its arrays  # a pass is a function within the one that makes its arrays
WHOLE = "chunk"  # the slice of steps that a stretch spans  # the slice of steps that a stretch spans


def condition(guard: Guard | None, public: Mapping[str, str]) -> str:
    """A guard as Python, "" where there is none."""
    if guard is None:
        return ""
    parts = [f'"{public[n]}" in run.data' for n in sorted(guard.needs)]
    if len(guard.wanted) == 1:
        parts.append(f'"{min(guard.wanted)}" in wrt')
    elif guard.wanted:
        words = ", ".join(f'"{w}"' for w in sorted(guard.wanted))
        parts.append(f"wrt & {{{words}}}")
    return " and ".join(parts)


def slice_text(start: str, stop: str) -> str:
    """A slice as the formatter sets it: spaces around the colon where a bound is more than a name."""
    simple = all(not bound or bound.isidentifier() or bound.isdigit() for bound in (start, stop))
    if simple:
        return f"{start}:{stop}"
    return f"{start} : {stop}".strip()


def ranges(numbers: Sequence[int]) -> str:
    """Numbers as a person lists them: 3, 5-8."""
    parts: list[str] = []
    rows = sorted(numbers)
    start = 0
    for k in range(1, len(rows) + 1):
        if k == len(rows) or rows[k] != rows[k - 1] + 1:
            parts.append(
                str(rows[start])
                if k - start == 1
                else f"{rows[start]}, {rows[k - 1]}"
                if k - start == 2
                else f"{rows[start]}-{rows[k - 1]}"
            )
            start = k
    return ", ".join(parts)


def real_part(text: str, operand: Operand) -> str:
    if isinstance(operand, Amount):
        return text
    return f"{text}.real" if re.fullmatch(r"[\w\[\].:, ]+", text) else f"np.real({text})"


def for_loop(names: Sequence[str | list[str]], sources: list[str], indent: int) -> list[str]:
    """The head of a loop over several sources at once; what is several names comes from its source as a tuple."""
    pad = " " * indent
    over = sources[0] if len(sources) == 1 else f"zip({', '.join(sources)})"
    whole = [name if isinstance(name, str) else f"({', '.join(name)}{',' if len(name) == 1 else ''})" for name in names]
    if len(names) == 1 and not isinstance(names[0], str) and len(names[0]) > 1:
        whole = [whole[0][1:-1]]
    line = f"{pad}for {', '.join(whole)} in {over}:"
    if len(line) <= WIDTH:
        return [line]
    rows = []
    parts = [*names[0]] if len(names) == 1 and not isinstance(names[0], str) else names
    for name, text in zip(parts, whole if len(parts) > 1 and len(names) > 1 else parts, strict=True):
        if isinstance(name, str) or len(f"{pad}    {text},") <= WIDTH:
            rows.append(f"{pad}    {text},")
        else:
            rows += [f"{pad}    (", *(f"{pad}        {part}," for part in name), f"{pad}    ),"]
    if len(f"{pad}) in {over}:") <= WIDTH:
        return [f"{pad}for (", *rows, f"{pad}) in {over}:"]
    return [f"{pad}for (", *rows, f"{pad}) in zip(", *(f"{pad}    {s}," for s in sources), f"{pad}):"]


def wrapped(row: str, room: int) -> list[str]:
    """A statement that is too long for one line: its terms, or its arguments, on lines of their own."""
    lead = len(row) - len(row.lstrip())
    if len(row) <= room or row.lstrip().startswith(("#", "if ")):
        return [row]
    pad = " " * (lead + 4)
    head, is_assignment, value = row.partition(" = ")
    terms = _top_level(value, " + ") if is_assignment else [row]
    if len(terms) > 1:
        rows = [pad + value] if len(pad + value) <= room else [pad + terms[0], *(f"{pad}+ {term}" for term in terms[1:])]
        return [f"{head} = (", *rows, " " * lead + ")"]
    depth, start = 0, None
    for index in range(len(row) - 1, -1, -1):
        depth += (row[index] == ")") - (row[index] == "(")
        if depth == 0:
            start = index
            break
    if start is None or not row.endswith(")"):
        return [row]
    head, inner = row[: start + 1], row[start + 1 : -1]
    if len(pad + inner) <= room:
        return [head, pad + inner, " " * lead + ")"]
    return [head, *(f"{pad}{part}," for part in _top_level(inner, ", ")), " " * lead + ")"]


def _top_level(text: str, separator: str) -> list[str]:
    """Parts of a text between separators that stand outside brackets."""
    parts, depth, start = [], 0, 0
    for index, ch in enumerate(text):
        depth += (ch in "([{") - (ch in ")]}")
        if depth == 0 and text.startswith(separator, index):
            parts.append(text[start:index])
            start = index + len(separator)
    return [*parts, text[start:]]


def fitting(names: list[str], room: int) -> list[str]:
    pieces: list[str] = []
    for name in names:
        if pieces and len(pieces[-1]) + 2 + len(name) <= room:
            pieces[-1] += f", {name}"
        else:
            pieces.append(name)
    return pieces


__all__ = ["INDENT", "WHOLE", "condition", "fitting", "for_loop", "ranges", "real_part", "slice_text", "wrapped"]
