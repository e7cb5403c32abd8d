"""Every error as data: code, place, what was found, what was expected, what to write instead.

One place draws the caret (`Diagnostic.render`). Three families are kept apart: the user's text is wrong (`ModelError`), the
tool does not do this yet (`NotSupported`), the tool itself is wrong (`InternalError`). `UsageError` is for wrong calls from
the command line or from Python: a missing file, an unknown model, a file that would be overwritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

__all__ = ["Diagnostic", "InternalError", "ModelError", "NotSupported", "RnnsymError", "Span", "UsageError"]


@dataclass(frozen=True)
class Span:
    """A stretch of a model's text. Lines and columns count from 1, columns in characters (not bytes); `end_column` is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int

    def to(self, other: Span) -> Span:
        """The smallest span that covers this one and `other`."""
        first = min((self.line, self.column), (other.line, other.column))
        last = max((self.end_line, self.end_column), (other.end_line, other.end_column))
        return Span(*first, *last)


@dataclass(frozen=True)
class Diagnostic:
    """One thing that is wrong, as data.

    code      `E204`, stable, listed in the language reference
    found     the sentence that says what was found
    span      where, or None when there is no text (a System built from Python)
    expected  what would have been right, or ""
    instead   what to write instead, or ""
    notes     further places: (span, sentence)
    source    the whole text of the file, for the caret
    file      the file's name as the user gave it
    """

    code: str
    found: str
    span: Span | None = None
    expected: str = ""
    instead: str = ""
    notes: tuple[tuple[Span | None, str], ...] = ()
    source: str = ""
    file: str = "<text>"
    level: str = "error"

    @property
    def location(self) -> str:
        """`file:line:column`, or the file alone when there is no span."""
        return f"{self.file}:{self.span.line}:{self.span.column}" if self.span else self.file

    def render(self, colour: bool = False) -> str:
        """The text a person reads: location, sentence, the line with a caret, what was expected, what to write instead."""
        bold, red, dim, off = ("\033[1m", "\033[31m", "\033[2m", "\033[0m") if colour else ("", "", "", "")
        rows = [f"{self.location}: {red}{self.level}[{self.code}]{off}: {bold}{self.found}{off}"]
        rows += self._excerpt(self.span, red, dim, off)
        for span, sentence in self.notes:
            place = f"line {span.line}: " if span else ""
            rows.append(f"  note: {place}{sentence}")
            rows += self._excerpt(span, dim, dim, off)
        if self.expected:
            rows.append(f"  expected: {self.expected}")
        if self.instead:
            rows.append(f"  instead:  {self.instead}")
        return "\n".join(rows)

    def _excerpt(self, span: Span | None, mark: str, dim: str, off: str) -> list[str]:
        lines = self.source.split("\n")
        if span is None or not self.source or span.line > len(lines):
            return []
        line = lines[span.line - 1].rstrip("\r")
        end = span.end_column if span.end_line == span.line else len(line) + 1
        start, width = span.column, max(1, end - span.column)
        if len(line) > 160:  # a very long line: show the neighbourhood of the caret
            left = max(0, start - 60)
            line = ("…" if left else "") + line[left : left + 150] + "…"
            start, width = start - left + (1 if left else 0), min(width, 90)
        number = f"{span.line:>5}"
        shown = "".join(ch if ch.isprintable() else " " for ch in line)
        return [f"{dim}{number} |{off} {shown}", f"{dim}      |{off} {' ' * (start - 1)}{mark}{'^' * width}{off}"]


class RnnsymError(Exception):
    """Base of all errors that rnnsym raises; `diagnostics` holds them as data, `code` and `span` are the first one's.

    >>> import rnnsym
    >>> try:
    ...     rnnsym.parse("x: input[n]\\nh[t] = tahn(x[t])")
    ... except rnnsym.RnnsymError as error:
    ...     error.code, error.span.line, error.diagnostics[0].found
    ('E203', 2, 'there is no function `tahn`')
    """

    def __init__(self, diagnostics: Diagnostic | Sequence[Diagnostic]):
        self.diagnostics = (diagnostics,) if isinstance(diagnostics, Diagnostic) else tuple(diagnostics)
        super().__init__(self.render())

    @classmethod
    def at(cls, code: str, found: str, span: Span | None = None, **fields: object) -> Self:
        """The error with one diagnostic, in one call."""
        return cls(Diagnostic(code, found, span, **fields))  # type: ignore[arg-type]

    @property
    def code(self) -> str:
        return self.diagnostics[0].code

    @property
    def span(self) -> Span | None:
        return self.diagnostics[0].span

    def render(self, colour: bool = False) -> str:
        return "\n\n".join(d.render(colour) for d in self.diagnostics)

    def __reduce__(self):
        return type(self), (self.diagnostics,)


class ModelError(RnnsymError):
    """The model's text, or a System built from Python, is wrong."""


class NotSupported(RnnsymError):
    """The model is well formed, but rnnsym does not do this yet."""


class UsageError(RnnsymError):
    """A call or a command is wrong: an unknown model, a file in the way, an unreadable folder."""


class InternalError(RnnsymError):
    """A bug in rnnsym: one of its own checks failed."""
