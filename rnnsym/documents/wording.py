"""Sentences: lists, numbers of equations, who reads a quantity and when.

Comes in: contributions and names. Goes out: tuples of inline pieces, grammatical for one and for many.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import sympy

from rnnsym.algebra.graph import WHOLE
from rnnsym.algebra.tensor import Quantity, T, quantities, t
from rnnsym.calculus.adjoint import Contribution
from rnnsym.documents.mathematics import Inline, Node, References
from rnnsym.documents.names import time_node

Sentence = tuple[Inline, ...]
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


# ---------------------------------------------------------------- who reads what, and when

OWN_NOUNS = ("pre-activation", "operand")  # what our own passes name; their plural is known to be regular


@dataclass(frozen=True)
class Reader:
    """Who reads: its name as mathematics, its equation's number, what it is in words."""

    node: Node
    number: int
    description: str = ""


def who_reads(of: Quantity, parts: Sequence[Contribution], reader: Callable[[Contribution], Reader], brief: bool = False) -> Sentence:
    """`by the pre-activation p̄_t in (13) at the same step and by the four pre-activations ī_{t+1}, … in (9) to (12) at step t+1`

    brief: without nouns and without what the symbols say of time themselves.
    """
    by_time: dict[tuple, list[Reader]] = {}
    for part in parts:
        by_time.setdefault(_occasion(of, part), []).append(reader(part))
    if brief:
        return listed([("by ", *_named([replace(r, description="") for r in found])) for found in by_time.values()])
    return listed([("by ", *_named(found), *_when(occasion)) for occasion, found in by_time.items()])


def _named(found: Sequence[Reader]) -> Sentence:
    """`the hidden state h_t in (6)`, `the four pre-activations ī_t, f̄_t, ō_t and ḡ_t in (9) to (12)`, `a_t and b_t in (1) and (2)`."""
    found = sorted(found, key=lambda r: r.number)
    numbers = (" in ", References(tuple(dict.fromkeys(r.number for r in found))))
    nodes = tuple(dict.fromkeys(r.node for r in found))
    words = {r.description for r in found}
    if len(nodes) == 1:
        return (*_the(found[0].description), nodes[0], *numbers)
    word = words.pop() if len(words) == 1 else ""
    return (*((f"the {count(len(nodes), word)} ",) if word in OWN_NOUNS else ()), *listed([(node,) for node in nodes]), *numbers)


def _the(noun: str) -> Sentence:
    return (f"the {noun} ",) if noun else ()


def noun_in(description: str) -> str:
    """A description that can stand in a sentence behind `the`: one to three plain words that end in a noun; otherwise nothing."""
    words = description.split()
    plain = 1 <= len(words) <= 3 and all(_WORD.fullmatch(word) and word not in _NO_NOUNS for word in words)
    return description if plain and not words[-1].endswith(("ed", "ing", "ly")) else ""


def is_plural(noun: str) -> bool:
    """Whether a noun looks like a plural: `hidden units`, but not `bias`, `loss`, `radius`."""
    return noun.endswith("s") and not noun.endswith(("ss", "us", "is", "as"))


_WORD = re.compile(r"[a-z]{2,}(-[a-z]+)*")
_OTHER_WORDS = """a an the this that these what which who when where how why if then else is are be was were has have does do can may
of in on at by for to from with without over under per as into after before and or not no but so than its it their all each every both only
also"""
_NO_NOUNS = frozenset(_OTHER_WORDS.split())


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
        "static": (),
        "whole": (" for all steps at once",),
        "last": (" at the last step only",),
        "first": (" at the first step only",),
        "now": (" at the same step",),
    }
    if occasion[0] == "shifted":
        return (" at step ", time_node(occasion[1]))
    return words[occasion[0]]
