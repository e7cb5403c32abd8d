"""Sentences: lists, numbers of equations, who reads a quantity and when.

Comes in: contributions and names. Goes out: tuples of inline pieces, grammatical for one and for many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
        return ("every",) if running or _is_summed(of, part) else ("static",)
    if not running and part.delay == 0:
        return ("whole",)
    if part.delay == WHOLE or not isinstance(part.delay, int):
        fixed = next((q.time for q in quantities(part.reader.rhs) if q.name == of.name and q.is_absolute), None)
        return ("last",) if fixed == T else ("first",) if fixed == 1 else ("fixed",)
    return ("now",) if part.delay == 0 else ("shifted", t - part.delay)


def _is_summed(of: Quantity, part: Contribution) -> bool:
    """Whether a static equation reads it under a sum over time."""
    return part.value != part.raw


def _when(occasion: tuple) -> tuple[Inline, ...]:
    words = {
        "every": (" at every step",),
        "static": ("",),
        "whole": (" for all steps at once",),
        "last": (" at the last step only",),
        "first": (" at the first step only",),
        "fixed": (" at one fixed step",),
        "now": (" at the same step",),
    }
    if occasion[0] == "shifted":
        return (" at step ", time_node(occasion[1]))
    return words[occasion[0]]
