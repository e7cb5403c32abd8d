"""Sentences: lists, numbers of equations, who reads a quantity and when.

Comes in: contributions and names. Goes out: tuples of inline pieces, grammatical for one and for many.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import sympy

from rnnsym.algebra.graph import WHOLE
from rnnsym.algebra.tensor import Quantity, T, quantities, t
from rnnsym.calculus.adjoint import Contribution
from rnnsym.documents.mathematics import Inline, References
from rnnsym.documents.names import time_node

COUNT_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def count(number: int, noun: str, plural: str = "") -> str:
    """`one equation`, `four equations`, `13 equations`."""
    word = COUNT_WORDS[number] if number < len(COUNT_WORDS) else str(number)
    return f"{word} {noun if number == 1 else plural or noun + 's'}"


def listed(parts: Sequence[tuple[Inline, ...]], last: str = "and") -> tuple[Inline, ...]:
    """`a`, `a and b`, `a, b and c`."""
    out: list[Inline] = []
    for place, part in enumerate(parts):
        if place:
            out.append(f" {last} " if place == len(parts) - 1 else ", ")
        out.extend(part)
    return tuple(out)


def in_words(numbers: Sequence[int], link: Callable[[int], str]) -> str:
    """`(1), (3) and (7) to (9)`: three or more that follow each other are a range."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words: list[str] = []
    for run in runs:
        words += [f"{link(run[0])} to {link(run[-1])}"] if len(run) > 2 else [link(number) for number in run]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def equations(numbers: Sequence[int]) -> tuple[Inline, ...]:
    """`equation (7)`, `equations (1) to (4)`."""
    unique = tuple(sorted(set(numbers)))
    return ("equation " if len(unique) == 1 else "equations ", References(unique))


def readers(of: Quantity, subject: Inline, parts: Sequence[Contribution], numbers: Mapping[str, int]) -> tuple[Inline, ...]:
    """`h_t is read by equation (7) at the same step and by equations (1) to (4) at step t+1`."""
    by_time: dict[tuple, list[int]] = {}
    for part in parts:
        by_time.setdefault(_occasion(of, part), []).append(numbers[part.reader.key])
    phrases = [
        (*(("by ",) if place else ()), *equations(found), *_when(occasion)) for place, (occasion, found) in enumerate(by_time.items())
    ]
    return (subject, " is read by ", *listed(phrases))


def _occasion(of: Quantity, part: Contribution) -> tuple:
    """When a reader reads: a word, and a time where one is needed."""
    running = part.reader.lhs.offset is not None
    if of.time is None:
        return ("every",) if running else ("static",)
    if part.delay == WHOLE:
        fixed = fixed_time(of, part)
        return ("last",) if fixed == T else ("first",) if fixed == 1 else ("whole",)
    if not running:
        return ("whole",)
    return ("now",) if part.delay == 0 else ("shifted", (of.time if of.is_absolute else t) - part.delay)


def fixed_time(of: Quantity, part: Contribution) -> sympy.Expr | None:
    """The only step at which a reader takes a quantity (`h[T]`), or None."""
    times = {q.time for q in quantities(part.reader.rhs) if q.name == of.name}
    return times.pop() if part.delay == WHOLE and len(times) == 1 else None


def _when(occasion: tuple) -> tuple[Inline, ...]:
    words = {
        "every": (" at every step",),
        "static": ("",),
        "whole": (" for all steps at once",),
        "last": (" at the last step only",),
        "first": (" at the first step only",),
        "now": (" at the same step",),
    }
    if occasion[0] == "shifted":
        return (" at step ", time_node(occasion[1]))
    return words[occasion[0]]
