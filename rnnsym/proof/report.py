"""Report: what is known of a model's gradients, in three grades that are kept apart.

*Proved* are the rules, for all sizes. *Tested exactly* is what is put together from them, at given lengths, with a computed chance that
a wrong gradient passes. *Measured* are the numbers of the generated module. One table of rows is the text, the HTML and the JSON alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

RIGHT, WRONG, UNDECIDED, SKIPPED = "right", "wrong", "undecided", "not run"
PROVED, TESTED, MEASURED, COMPUTED = "proved", "tested", "measured", "computed"
HEAD = ("grade", "what was checked", "how", "found", "time")
_MARK = {RIGHT: "", WRONG: "WRONG", UNDECIDED: "UNDECIDED", SKIPPED: ""}


@dataclass(frozen=True)
class Check:
    """One row: of which grade, what was checked, how, with which outcome, and the bound or residual in words.

    name     in one or two words
    figures  the numbers in it, by name
    names    the equations or gradients that are not right
    """

    grade: str
    name: str
    what: str
    how: str
    outcome: str
    found: str
    seconds: float | None = field(default=None, compare=False)
    figures: Mapping[str, float] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """What was found, in one number or word."""
        if self.outcome == SKIPPED:
            return "–"
        numbers = [short(value) if value < 1 else f"{value:.0f}" for value in list(self.figures.values())[:1]]
        return " ".join([*numbers, _MARK[self.outcome]]).strip()

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """The row as it is printed."""
        grade = SKIPPED if self.outcome == SKIPPED else self.grade
        found = f"{_MARK[self.outcome]}: {self.found}" if _MARK[self.outcome] else self.found
        return grade, self.what, self.how, found, "" if self.seconds is None else f"{self.seconds:.2f} s"


@dataclass(frozen=True)
class Fault:
    """The first wrong equation: its number in the derivation (None: it is told there without one), its text, and what is wrong with it."""

    equation: str
    number: int | None
    what: str

    def __str__(self) -> str:
        return f"({self.number}) {self.equation}: {self.what}" if self.number is not None else f"{self.equation}: {self.what}"


@dataclass(frozen=True)
class Report:
    """What was checked of a model, row by row, and the sentence that follows.

    setting      sizes, T and B of the measurements, and the seed of everything random
    gradients    name → {witness: residual}
    conventions  what the language states at kinks, which is no theorem
    fault        the first wrong equation; None where nothing is wrong
    """

    model: str
    setting: Mapping[str, int]
    checks: tuple[Check, ...]
    gradients: Mapping[str, Mapping[str, float]]
    conventions: tuple[str, ...] = ()
    fault: Fault | None = None

    @property
    def outcome(self) -> str:
        """`wrong` where anything is; else `undecided` where anything is; else `right`."""
        found = {check.outcome for check in self.checks}
        return WRONG if WRONG in found else UNDECIDED if UNDECIDED in found else RIGHT

    @property
    def is_right(self) -> bool:
        return self.outcome == RIGHT

    def of(self, grade: str) -> tuple[Check, ...]:
        """The rows of a grade that were run."""
        return tuple(c for c in self.checks if c.grade == grade and c.outcome != SKIPPED)

    @property
    def sentence(self) -> str:
        """The outcome in one sentence."""
        if not self.gradients:
            return f"{self.model}: there is nothing to verify: the model has no parameter and no real data."
        if self.fault is not None:
            return f"{self.model}: wrong. The first wrong equation is {self.fault}."
        open_ = [f"{c.how}: {', '.join(c.names[:3]) or c.found}" for c in self.checks if c.outcome == UNDECIDED]
        if open_:
            return f"{self.model}: nothing is wrong, but not all is decided ({'; '.join(open_)})."
        bound = max(c.figures["bound"] for c in self.of(TESTED))
        lengths = self.of(TESTED)[0].what.partition(", ")[2]
        return (
            f"{self.model}: right. Every rule is proved for all sizes, their assembly is exact at {lengths} "
            f"(chance of error ≤ {short(bound)}), and the module agrees with every witness."
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What belongs to the table and stands below it."""
        rows = [f"stated by the language, not proved: {'; '.join(self.conventions)}"] if self.conventions else []
        rows += [f"not right by {c.how}: {', '.join(c.names)}" for c in self.checks if c.outcome in (WRONG, UNDECIDED) and c.names]
        return tuple(rows)

    def __str__(self) -> str:
        rows = [HEAD, *(c.cells for c in self.checks)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([self.heading, "", *lines, *self.notes, "", self.sentence])

    @property
    def heading(self) -> str:
        """Where it was measured."""
        return f"{self.model}, measured at {', '.join(f'{name} = {n}' for name, n in self.setting.items())}"

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data, for JSON."""
        rows = [
            {"grade": c.grade, "what": c.what, "how": c.how, "outcome": c.outcome, "found": c.found, "seconds": c.seconds}
            | {"figures": {name: plain(value) for name, value in c.figures.items()}, "names": list(c.names)}
            for c in self.checks
        ]
        gradients = {name: {w: plain(r) for w, r in found.items()} for name, found in self.gradients.items()}
        fault = None if self.fault is None else {"equation": self.fault.equation, "number": self.fault.number, "what": self.fault.what}
        return {
            "model": self.model, "outcome": self.outcome, "sentence": self.sentence, "first_wrong_equation": fault,
            "setting": dict(self.setting), "checks": rows, "gradients": gradients, "conventions": list(self.conventions),
        }  # fmt: skip

    def _repr_html_(self) -> str:
        """For notebooks."""

        def row(cells: tuple[str, ...], tag: str) -> str:
            return "<tr>" + "".join(f'<{tag} style="text-align:left">{escape(cell)}</{tag}>' for cell in cells) + "</tr>"

        body = "".join(row(c.cells, "td") for c in self.checks)
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        table = f"<table><caption>{escape(self.heading)}</caption><thead>{row(HEAD, 'th')}</thead><tbody>{body}</tbody></table>"
        return table + (f"<ul>{notes}</ul>" if notes else "") + f"<p><strong>{escape(self.sentence)}</strong></p>"


def short(value: float) -> str:
    """A number as a power of ten with one digit: 2e-33, 1e-6."""
    return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e+")


def counted(number: int, noun: str) -> str:
    """`1 gradient`, `3 gradients`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def plain(value: float) -> float | str:
    """A number as JSON has it; nan and infinities as words."""
    return value if math.isfinite(value) else str(value)


__all__ = [
    "COMPUTED", "MEASURED", "PROVED", "RIGHT", "SKIPPED", "TESTED", "UNDECIDED", "WRONG",
    "Check", "Fault", "Report", "counted", "plain", "short",
]  # fmt: skip
