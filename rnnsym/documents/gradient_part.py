"""The gradients of the parameters as sums over time, and the update.

Comes in: a Teller. Goes out: blocks; those that are alike are told by analogy, unless everything is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnnsym.derivation.derivation import Entry
from rnnsym.documents.chain_rule import Teller
from rnnsym.documents.contributions import by_reader
from rnnsym.documents.document import Block, Claim, Heading, Paragraph, display
from rnnsym.documents.error_part import by_analogy, claims_of, groups, is_told_by_analogy, result_blocks
from rnnsym.documents.joining import juxtaposed
from rnnsym.documents.mathematics import AlignedRow, Identifier, Node, Operator, row
from rnnsym.documents.time_part import is_outside
from rnnsym.documents.wording import listed


def gradient_blocks(teller: Teller) -> Iterator[Block]:
    """The gradients of parameters and of whatever else was asked for, and the update."""
    entries = [e for e in teller.derivation.gradients if not is_outside(e)]
    if not entries:
        return

    def left(entry: Entry) -> Node:
        return teller.gradient_node(entry.of)

    yield Heading(1, ("Gradients",))
    running = any(part.reader.lhs.offset is not None for e in entries if e.of.time is None for part in e.contributions)
    if running:
        yield Paragraph(("A parameter is the same at every step, so its gradient is the sum of what the steps contribute.",))
    if teller.detail == "result":
        yield from result_blocks(teller, entries, left)
    else:
        for group in groups(teller, entries):
            yield from by_analogy(teller, group, left) if is_told_by_analogy(teller, group) else _gradient(teller, group[0])
    yield from _update(teller, entries)


def _gradient(teller: Teller, entry: Entry) -> Iterator[Block]:
    parts = by_reader(entry)
    result, left = teller.plain(entry.result), teller.gradient_node(entry.of)
    if not parts:
        yield Paragraph((teller.setter.expression(entry.of), " does not reach the cost:"))
        yield display([AlignedRow(left, "=", teller.tree(result), entry.number)], [Claim(entry.error, result)])
        return
    yield Paragraph((*teller.is_read(entry.of, parts), "; the chain rule gives"))
    last = AlignedRow(None, "=", teller.tree(result), entry.number, teller.laws(parts, entry.number))
    yield display([teller.chain(entry.of, left, parts), last], claims_of(teller, entry, parts))


def _update(teller: Teller, entries: Sequence[Entry]) -> Iterator[Block]:
    params = {p.name for p in teller.derivation.model.params}
    updated = [e.of for e in entries if e.of.name in params]
    if not updated:
        return
    names = teller.setter.names
    alone = len(updated) == 1
    w = teller.setter.expression(updated[0]) if alone else Identifier("w")
    step = row(w, Operator("←", "relation"), w, Operator("−"), juxtaposed(names.rate, names.gradient(w)))
    said = ("A step of gradient descent with step size ", names.rate, " is")
    each = () if alone else (", for ", w, " each of ", *listed([(teller.setter.expression(q),) for q in updated]), ",")
    yield Paragraph((*said, *each))
    yield display([AlignedRow(None, "", step)])
