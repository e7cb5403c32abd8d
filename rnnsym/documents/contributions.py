"""Contributions as a document tells them: joined by reader, in the model's own names, their laws as text.

Comes in: entries of a Derivation. Goes out: contributions, tensors without what only code needs, pieces of sentences.
"""

from __future__ import annotations

import re

from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import Number, Tensor, at_time, quantities, shift, t
from rnnsym.calculus.adjoint import Contribution
from rnnsym.derivation.derivation import Derivation, Entry
from rnnsym.documents.mathematics import Identifier, Inline, Scripts, Text

_SCRIPT = re.compile(r"([_^])(\([^()]*\)|[A-Za-z0-9]+)")


def law_text(law: str) -> tuple[Inline, ...]:
    """A law in words, with what follows `_` and `^` as scripts."""
    out: list[Inline] = []
    place = 0
    for match in _SCRIPT.finditer(law):
        script = Text(match[2].strip("()"))
        out += [law[place : match.start()], Scripts(Identifier(""), sub=script) if match[1] == "_" else Scripts(Identifier(""), sup=script)]
        place = match.end()
    return tuple(piece for piece in (*out, law[place:]) if piece)


def by_reader(entry: Entry) -> tuple[Contribution, ...]:
    """The contributions, those of one static equation joined: its derivative is one, however often and wherever it reads."""
    joined: dict[object, Contribution] = {}
    for place, part in enumerate(entry.contributions):
        label = part.reader.key if part.reader.lhs.offset is None else place
        known = joined.get(label)
        if known is not None:
            laws = tuple(dict.fromkeys((*known.laws, *part.laws)))
            delay = known.delay if known.delay == part.delay else 0
            part = Contribution(part.reader, delay, op.Plus(known.raw, part.raw), op.Plus(known.value, part.value), laws)
        joined[label] = part
    return tuple(joined.values())


def plain(tensor: Tensor, derivation: Derivation) -> Tensor:
    """The expression in errors and the model's own names: dC/dloss is 1, what only code needs names for is written out."""
    joined = derivation.adjoint
    seeds = set(joined.seeds.values())
    kept = {*joined.errors.values(), *joined.gradients.values(), *joined.forward.by_name}
    found = {q for q in quantities(tensor) if q.name not in kept or q.name in seeds}
    table: dict[Basic, Basic] = {}
    for quantity in found:
        if quantity.name in seeds:
            table[quantity] = Number(1)
        elif quantity.name in joined.system.defined:
            rule = joined.system.defined[quantity.name].rhs
            table[quantity] = plain(_moved(rule, quantity.time), derivation)
    return tensor.xreplace(table) if table else tensor


def _moved(rule: Tensor, time) -> Tensor:
    if time is None or time == t:
        return rule
    return shift(rule, int(time - t)) if time.has(t) else at_time(rule, time)
