"""The list of what is wrong in one text, collected so that a file's errors are reported together."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from rnnsym.errors import Diagnostic, ModelError, Span
from rnnsym.language.syntax import Node

MAX_ERRORS = 100  # of one text; what is wrong a hundred times is wrong for one reason


class Findings:
    """Errors and warnings of one text. The only thing in this room that grows."""

    def __init__(self, source: str, file: str):
        self.source, self.file = source, file
        self.lines = source.split("\n")
        self.errors: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []

    def diagnostic(self, code: str, found: str, where: Node | Span | None, **fields: object) -> Diagnostic:
        """One finding. For an expression from a function's body a note points at the call."""
        span = where.span if isinstance(where, Node) else where
        notes: tuple[tuple[Span | None, str], ...] = tuple(fields.pop("notes", ()))  # type: ignore[arg-type]
        if isinstance(where, Node) and where.via is not None:
            notes = ((where.via, "this call leads there"), *notes)
        return Diagnostic(code, found, span, notes=notes, source=self.source, file=self.file, **fields)  # type: ignore[arg-type]

    def error(self, code: str, found: str, where: Node | Span | None, **fields: object) -> None:
        """Note an error and go on. The same sentence at the same place is said once."""
        if self.is_full:
            return
        new = self.diagnostic(code, found, where, **fields)
        if new not in self.errors:
            self.errors.append(new)

    def warn(self, code: str, found: str, where: Node | Span | None, **fields: object) -> None:
        self.warnings.append(self.diagnostic(code, found, where, level="warning", **fields))

    def refusal(self, code: str, found: str, where: Node | Span | None, **fields: object) -> ModelError:
        """An error that ends the reading of something; the caller raises it."""
        return ModelError(self.diagnostic(code, found, where, **fields))

    def take(self, error: ModelError) -> None:
        """Note the errors of a caught ModelError."""
        for diagnostic in error.diagnostics:
            if diagnostic not in self.errors and not self.is_full:
                self.errors.append(diagnostic)

    @property
    def is_full(self) -> bool:
        """Whether no further error would be noted, so that looking for proposals is in vain."""
        return len(self.errors) >= MAX_ERRORS

    def raise_errors(self) -> None:
        """Raise everything noted so far in one ModelError, in the order of the text."""
        if self.errors:
            far = 10**9
            raise ModelError(sorted(self.errors, key=lambda d: (d.span.line, d.span.column) if d.span else (far, 0)))

    def text(self, where: Node | Span, limit: int = 60) -> str:
        """The text at a place, on one line; a long one is cut in its middle."""
        span = where.span if isinstance(where, Node) else where
        if span.line == span.end_line:
            text = self.lines[span.line - 1][span.column - 1 : span.end_column - 1]
        else:
            rows = self.lines[span.line - 1 : span.end_line]
            text = " ".join([rows[0][span.column - 1 :], *rows[1:-1], rows[-1][: span.end_column - 1]])
        text = " ".join(text.split())
        return text if len(text) <= limit else f"{text[: limit // 2]} … {text[-limit // 3 :]}"


def near(word: str, known: Iterable[str]) -> list[str]:
    """The known words that `word` was probably meant to be, best first."""
    known = list(dict.fromkeys(k for k in known if k != word))
    same = [k for k in known if k.lower() == word.lower()]
    return list(dict.fromkeys(same + difflib.get_close_matches(word, known, 3, 0.65)))[:3]


def differ_by_one_letter(a: str, b: str) -> bool:
    """Whether one letter, changed, added or left out, makes one name the other; digits do not count.

    >>> differ_by_one_letter("gain", "gaim"), differ_by_one_letter("W_x1", "W_x2"), differ_by_one_letter("gain", "gains")
    (True, False, True)
    """
    if a == b or abs(len(a) - len(b)) > 1:
        return False
    if len(a) == len(b):
        pairs = [(c, d) for c, d in zip(a, b, strict=True) if c != d]
        return len(pairs) == 1 and all(c.isalpha() for c in pairs[0])
    short, long = sorted((a, b), key=len)
    return any(long[:i] + long[i + 1 :] == short and long[i].isalpha() for i in range(len(long)))


def article(word: str) -> str:
    """The word with its article: `an input`, `a param`."""
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"
