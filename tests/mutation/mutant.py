"""A mutant: rnnsym with one thing broken, and the tests that should notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class StaleMutant(Exception):
    """The text that a mutant replaces is not there exactly once: the code has changed, the mutant must too."""


@dataclass(frozen=True)
class Mutant:
    """One thing broken.

    name        what is broken, in words; unique
    file        where, from the root of the project
    old, new    the text that is there exactly once, and what takes its place
    tests       what should notice, quickest first; every room of `WIDER` follows where none of these does
    equivalent  why no test can notice: the mutant means the same as the original
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    equivalent: str = ""

    def applied(self, text: str) -> str:
        """The mutated text of the file. Raises StaleMutant."""
        count = text.count(self.old)
        if count != 1 or self.old == self.new:
            raise StaleMutant(f"{self.name}: {self.file} holds {self.old!r} {count} times, not once")
        return text.replace(self.old, self.new)


def broken(file: str, tests: tuple[str, ...], *rows: tuple[str, ...]) -> list[Mutant]:
    """Mutants of one file that the same tests should notice: (name, old, new), and perhaps why none can."""
    return [Mutant(name, file, old, new, tests, *equivalent) for name, old, new, *equivalent in rows]


WIDER = ("tests/calculus", "tests/program", "tests/proof", "tests/cells", "tests/truth", "tests/backends", "tests/random_systems")
