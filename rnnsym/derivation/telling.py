"""The order of telling, and what follows by analogy.

Comes in: entries of a derivation, not numbered yet. Goes out: the same in an order in which each is made of what was told before (what
comes from other steps aside), those that are alike next to each other where they can be, each with its number and the number of the first
that it is like.
Two are alike where one becomes the other by renaming: the same delays of their readers, the same laws, the same expressions up to the
names of quantities and sizes. Nothing is known of models or names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Sequence

import sympy
from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import size
from rnnsym.algebra.tensor import Quantity, Tensor, quantities
from rnnsym.calculus.adjoint import Contribution
from rnnsym.derivation.derivation import Entry


def arranged(entries: Sequence[Entry], number: Callable[[Entry], int]) -> tuple[Entry, ...]:
    """The entries in the order of telling; `number` gives each its equation number when its turn comes."""
    needs = _needs(entries)
    forms = {entry.error.name: likeness(entry) for entry in entries}
    waiting, told, out = list(entries), set[str](), list[Entry]()
    models: dict[Hashable, int] = {}
    while waiting:
        first = next(entry for entry in waiting if needs[entry.error.name] <= told)
        form = forms[first.error.name]
        group = [entry for entry in waiting if forms[entry.error.name] == form and needs[entry.error.name] <= told]
        for entry in group:
            out.append(dataclasses.replace(entry, number=number(entry), like=models.get(form)))
            models.setdefault(form, out[-1].number)
        told |= {entry.error.name for entry in group}
        waiting = [entry for entry in waiting if entry.error.name not in told]
    return tuple(out)


def _needs(entries: Sequence[Entry]) -> dict[str, set[str]]:
    """For every error the others that it is made of, of those that stood before it in the order of computation."""
    needs: dict[str, set[str]] = {}
    for entry in entries:
        needs[entry.error.name] = {q.name for q in quantities(entry.result)} & needs.keys()
    return needs


# ---------------------------------------------------------------- alike up to names


def likeness(entry: Entry) -> Hashable:
    """Equal for entries that become each other by renaming."""
    skeleton = Skeleton()
    parts = tuple((part.delay, part.laws, _rule(part), skeleton(part.raw), skeleton(part.value)) for part in entry.contributions)
    ends = tuple(None if end is None else skeleton(end) for end in (entry.at_last, entry.at_first))
    return skeleton(entry.of), entry.of.time, parts, skeleton(entry.result), ends


def alike(parts: Iterable[Contribution]) -> tuple[tuple[Contribution, ...], ...]:
    """The contributions in groups of those that become each other by renaming, in order."""
    groups: dict[Hashable, list[Contribution]] = {}
    for part in parts:
        groups.setdefault((part.delay, part.laws, _rule(part), part.reader.lhs.rank, Skeleton()(part.value)), []).append(part)
    return tuple(map(tuple, groups.values()))


def _rule(part: Contribution) -> Hashable:
    """What the reader does at the root: which operator, which function."""
    rhs = part.reader.rhs
    return type(rhs), rhs.function if isinstance(rhs, op.Elementwise) else ""


class Skeleton:
    """Expressions as nested tuples, quantities and sizes numbered in the order in which they are first met."""

    def __init__(self) -> None:
        self.met: dict[tuple[str, object], int] = {}
        self.sizes: dict[Basic, Basic] = {}

    def __call__(self, node: Basic) -> Hashable:
        if isinstance(node, Quantity):
            number = self.met.setdefault((node.name, node.time), len(self.met))
            return "quantity", number, node.kind, node.time is None, node.rank
        if isinstance(node, Tensor | op.Condition):
            return type(node), *map(self, node.args)
        return self._size(node) if isinstance(node, sympy.Expr) else node

    def _size(self, length: Basic) -> Basic:
        """A size, or a number in which sizes take part."""
        for symbol in sorted(length.free_symbols, key=str):
            if symbol == size(str(symbol)):
                self.sizes.setdefault(symbol, size(f"n{len(self.sizes)}"))
        return length.xreplace(self.sizes)


__all__ = ["Skeleton", "alike", "arranged", "likeness"]
