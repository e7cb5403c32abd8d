"""Sizes are linear forms: names that the text declares, and unknowns that the equations determine.

Comes in: equalities between forms. Goes out: what each unknown is equal to, or the news that an equality can never hold. Declared names
are rigid: two of them are never identified. An unknown with the factor ±1 is solved at once; other equalities wait for more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import gcd

import sympy

from rnnsym.algebra.sizes import size
from rnnsym.language.syntax import Node


@dataclass(frozen=True)
class Form:
    """constant + Σ factor · name; a rigid name is a string, an unknown its number."""

    constant: int = 0
    terms: Mapping[str | int, int] = field(default_factory=dict)

    def __add__(self, other: Form) -> Form:
        terms = dict(self.terms)
        for name, factor in other.terms.items():
            terms[name] = terms.get(name, 0) + factor
        return Form(self.constant + other.constant, {n: f for n, f in terms.items() if f})

    def times(self, factor: int) -> Form:
        return Form(self.constant * factor, {n: f * factor for n, f in self.terms.items() if factor})

    def __sub__(self, other: Form) -> Form:
        return self + other.times(-1)

    @property
    def unknowns(self) -> list[int]:
        return [n for n in self.terms if isinstance(n, int)]

    @property
    def rigid(self) -> list[str]:
        return [n for n in self.terms if isinstance(n, str)]

    @property
    def length(self) -> sympy.Expr:
        """As a SymPy size; an unknown shows as `?`."""
        return sympy.Integer(self.constant) + sum(f * size(n if isinstance(n, str) else "?") for n, f in self.terms.items())


Shape = tuple[Form, ...]


class Sizes:
    """The equalities seen so far, solved."""

    def __init__(self) -> None:
        self.count = 0
        self.solved: dict[int, Form] = {}
        self.waiting: list[tuple[Form, Node | None]] = []
        self.reason: dict[int, Node | None] = {}  # the place at which an unknown was solved

    def unknown(self) -> Form:
        self.count += 1
        return Form(0, {self.count: 1})

    def resolve(self, form: Form) -> Form:
        """The form with every solved unknown put in."""
        while True:
            unknown = next((u for u in form.unknowns if u in self.solved), None)
            if unknown is None:
                return form
            rest = Form(form.constant, {n: f for n, f in form.terms.items() if n != unknown})
            form = rest + self.solved[unknown].times(form.terms[unknown])

    def shape(self, shape: Shape) -> Shape:
        return tuple(map(self.resolve, shape))

    def equate(self, left: Form, right: Form, place: Node | None = None) -> bool:
        """Make two sizes equal; False when they never can be."""
        difference = self.resolve(left - right)
        unknowns = difference.unknowns
        if not unknowns:
            return not difference.terms and difference.constant == 0
        divisor = 0
        for unknown in unknowns:
            divisor = gcd(divisor, difference.terms[unknown])
        others = [difference.constant, *(difference.terms[n] for n in difference.rigid)]
        if any(value % divisor for value in others):
            return False
        difference = Form(difference.constant // divisor, {n: f // divisor for n, f in difference.terms.items()})
        single = [u for u in unknowns if abs(difference.terms[u]) == 1]
        if not single:
            self.waiting.append((difference, place))
            return True
        return self.solve(max(single), difference, place)

    def solve(self, unknown: int, difference: Form, place: Node | None) -> bool:
        """Solve `difference = 0` for an unknown with the factor ±1."""
        sign = difference.terms[unknown]
        rest = Form(difference.constant, {n: f for n, f in difference.terms.items() if n != unknown})
        value = rest.times(-sign)
        if not value.terms and value.constant < 1:
            return False
        if value.terms and value.constant <= 0 and all(f < 0 for f in value.terms.values()):
            return False  # below one for all sizes
        self.solved[unknown] = value
        self.reason[unknown] = place
        return True

    def retry(self) -> list[Node | None]:
        """Try the waiting equalities again with what is known now; the places of those that cannot hold."""
        failed = []
        progress = True
        while progress:
            progress = False
            waiting, self.waiting = self.waiting, []
            before = len(self.solved)
            for difference, place in waiting:
                if not self.equate(difference, Form(), place):
                    failed.append(place)
            progress = len(self.solved) > before
        return failed
