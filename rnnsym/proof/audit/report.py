"""An audit as text and as data.

Comes in: an `Audit`. Goes out: a table of gradients, one sentence for what is wrong, the equation with the place marked; or a dictionary
for JSON.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from rnnsym.proof.audit.audit import Audit
from rnnsym.proof.audit.search import Explanation
from rnnsym.proof.audit.slips import Slip
from rnnsym.proof.audit.telling import Telling

WIDTH = 110
SHOWN = 5  # explanations beside the first


def report_text(audit: Audit) -> str:
    """The report that a person reads."""
    return "\n".join(_lines(audit))


def _lines(audit: Audit) -> Iterator[str]:
    sizes = ", ".join(f"{name} = {n}" for name, n in audit.point.items())
    yield f"{audit.place} against {audit.model} ({sizes}; seed {audit.seed})"
    for note in (audit.cost, *audit.notes):
        if note:
            yield from textwrap.wrap(note, WIDTH, initial_indent="  ", subsequent_indent="  ")
    yield ""
    yield from _table(audit)
    yield ""
    yield from textwrap.wrap(sentence(audit), WIDTH)
    yield from _explained(audit)


def _table(audit: Audit) -> Iterator[str]:
    rows = [("gradient", "shape", "error", "", "")]
    for c in audit.compared:
        shape = f"({', '.join(map(str, c.shape))}{',' if len(c.shape) == 1 else ''})"
        place = f" at [{', '.join(map(str, c.entry))}]" if c.entry else ""
        where = "" if c.is_right else f"{c.theirs:.6g}{place}, exact {c.exact:.6g}"
        rows.append((c.name, shape, f"{c.error:.1e}", "right" if c.is_right else "WRONG", where))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    for row in rows:
        yield ("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()


def sentence(audit: Audit) -> str:
    """The one plain sentence."""
    count = len(audit.compared)
    if audit.is_right:
        worst = max((c.error for c in audit.compared), default=0.0)
        what = (
            "The gradient is right: equal to the exact one" if count == 1 else f"All {count} gradients are right: equal to the exact ones"
        )
        return f"{what}, to {_bound(worst)} of the largest entry, at three points."
    first = audit.wrong[0]
    wrong = len(audit.wrong)
    which = "The gradient of" if count == 1 else f"{wrong} of {count} gradients {'is' if wrong == 1 else 'are'} wrong;"
    if count > 1:
        which += " it is that of" if wrong == 1 else " the first, going backwards from the loss, is that of"
    return f"{which} `{first.name}`{' is wrong' if count == 1 else ''}."


def _explained(audit: Audit) -> Iterator[str]:
    if audit.is_right:
        return
    if not audit.explanations:
        yield from _unexplained(audit)
        return
    first, *others = audit.explanations
    what = "It is equal to the exact gradient" if len(audit.wrong) == 1 else "They are equal to the exact gradients"
    joined = " and" if len(first.slips) > 1 else ""
    yield f"{what} (to {_bound(first.residual)}, at three points) if{' together' if joined else ''}"
    yield from _told(audit, first)
    if others:
        yield "The same numbers come out if"
        for other in others[:SHOWN]:
            yield from _told(audit, other, marked=False)
        if len(others) > SHOWN:
            yield f"  and in {len(others) - SHOWN} more ways (--json lists all)"


def _told(audit: Audit, explanation: Explanation, marked: bool = True) -> Iterator[str]:
    for index, slip in enumerate(explanation.slips):
        lead = "  and " if index else "  "
        yield from textwrap.wrap(slip.sentence, WIDTH, initial_indent=lead, subsequent_indent="    ", break_on_hyphens=False)
        if marked:
            yield from equations(audit, slip)


def _unexplained(audit: Audit) -> Iterator[str]:
    first, found = audit.wrong[0], audit.found
    assert found is not None
    over = "" if found.finished else ", then the time was over"
    yield f"No known slip, and no pair of them, reproduces these numbers ({found.tried} tried{over})."
    if math.isnan(first.error):
        yield f"`{first.name}` holds nan or infinity."
    elif first.entry:
        place = ", ".join(map(str, first.entry))
        yield f"`{first.name}` differs most at [{place}]: {first.theirs:.8g} where {first.exact:.8g} is exact."
    if audit.from_steps == 1:
        yield "It is wrong for a sequence of one step already: look within a step, not at what is passed between steps."
    elif audit.from_steps:
        yield f"It is right for sequences of fewer than {audit.from_steps} steps: look at what is passed from one step to another."
    if found.nearest:
        slip, left = found.nearest
        names = ", ".join(f"`{of}`" for of in left)
        yield from textwrap.wrap(f"Nearest: {slip.sentence}. That explains all but {names}.", WIDTH, break_on_hyphens=False)
        yield from equations(audit, slip)


# ---------------------------------------------------------------- equations with marks


def equations(audit: Audit, slip: Slip) -> Iterator[str]:
    """The equations that a slip alters, with the places marked."""
    tell = Telling(audit.sheet)
    homes: dict[str, list[str]] = {}
    for row, part in slip.parts:
        homes.setdefault(tell.home(row)[0], []).append(part)
    if not homes and slip.row:
        homes[tell.home(slip.row)[0]] = []
    for row, parts in homes.items():
        yield from _marked(f"({tell.number(row)}) {tell.equation(row)}", parts)


def _marked(equation: str, parts: list[str]) -> Iterator[str]:
    marks = [" "] * len(equation)
    begin = dict.fromkeys(parts, equation.find("="))  # where to look for the next part of this text
    for part in parts:
        found = re.compile(r"(?<!\w)" + re.escape(part.removeprefix("-"))).search(equation, begin[part])
        if found is not None:
            marks[found.start() : found.end()] = "~" * len(found[0])
            begin[part] = found.end()
    start, indent = 0, "    "
    while start < len(equation):
        end = len(equation)
        if end - start > WIDTH - len(indent):
            end = equation.rfind(" ", start, start + WIDTH - len(indent)) + 1 or end
        yield (indent + equation[start:end]).rstrip()
        if "~" in marks[start:end]:
            yield (indent + "".join(marks[start:end])).rstrip()
        start, indent = end, "        "


def _bound(value: float) -> str:
    return f"{value:.0e}"


# ---------------------------------------------------------------- data


def as_dict(audit: Audit) -> dict[str, Any]:
    """For JSON: numbers that are not finite as text."""
    return {
        "function": audit.place,
        "model": audit.model,
        "seed": audit.seed,
        "point": dict(audit.point),
        "tolerance": audit.tolerance,
        "right": audit.is_right,
        "sentence": sentence(audit),
        "cost": audit.cost,
        "notes": list(audit.notes),
        "gradients": [
            {
                "name": c.name, "shape": list(c.shape), "error": _number(c.error), "right": c.is_right,
                "entry": list(c.entry), "theirs": _number(c.theirs), "exact": _number(c.exact),
            }
            for c in audit.compared
        ],
        "explanations": [
            {"residual": _number(e.residual), "slips": [_slip(audit, slip) for slip in e.slips]} for e in audit.explanations
        ],
        "wrong_from_steps": audit.from_steps,
        "tried": audit.found.tried if audit.found else 0,
    }  # fmt: skip


def _slip(audit: Audit, slip: Slip) -> dict[str, Any]:
    tell = Telling(audit.sheet)
    rows = list(dict.fromkeys([tell.home(row)[0] for row, _ in slip.parts] or ([tell.home(slip.row)[0]] if slip.row else [])))
    return {
        "kind": slip.kind,
        "if": slip.sentence,
        "equations": [{"number": tell.number(row), "text": tell.equation(row)} for row in rows],
    }


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
