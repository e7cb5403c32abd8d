"""Backwards through one step: the error of every variable, last equation first.

Comes in: a Teller. Goes out: blocks. For every variable: who reads it and when, the chain rule, what each reader contributes and by which
law, the sum. What is like something told before is told by analogy, unless everything is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import DATA, FINAL_LOSS, STEP_LOSS, Number, Quantity, Tensor
from rnnsym.calculus.adjoint import Contribution
from rnnsym.calculus.naming import walk
from rnnsym.derivation.derivation import Entry
from rnnsym.derivation.telling import alike
from rnnsym.documents.chain_rule import Teller
from rnnsym.documents.contributions import by_reader
from rnnsym.documents.document import AnyClaim, Block, Claim, Heading, Paragraph, TotalClaim, display
from rnnsym.documents.mathematics import AlignedRow, Inline, Node, Numeral, Operator, References, row
from rnnsym.documents.wording import listed

Left = Callable[[Entry], Node]  # the left side of an entry's equation


def error_blocks(teller: Teller) -> Iterator[Block]:
    """The errors of the variables, in the order of the derivation."""
    entries = [e for e in teller.derivation.errors if e.of.name not in (STEP_LOSS, FINAL_LOSS)]

    def left(entry: Entry) -> Node:
        return teller.error_node(entry.of)

    yield Heading(1, ("Backwards through one step, last equation first",))
    yield Paragraph(_seed(teller))
    if teller.detail == "result":
        yield from result_blocks(teller, entries, left)
        return
    for group in groups(teller, entries):
        yield from by_analogy(teller, group, left) if is_told_by_analogy(teller, group) else _error(teller, group[0])


def groups(teller: Teller, entries: Sequence[Entry]) -> list[list[Entry]]:
    """Entries that are told in full, each alone, and runs of those that are told after the same one by analogy."""
    out: list[list[Entry]] = []
    for entry in entries:
        if entry.like is not None and teller.detail != "full" and out and out[-1][0].like == entry.like:
            out[-1].append(entry)
        else:
            out.append([entry])
    return out


def is_told_by_analogy(teller: Teller, group: Sequence[Entry]) -> bool:
    return group[0].like is not None and teller.detail != "full"


def _seed(teller: Teller) -> tuple[Inline, ...]:
    setter = teller.setter
    losses = [d.quantity for n in (STEP_LOSS, FINAL_LOSS) if (d := teller.derivation.model.by_name.get(n))]
    one = row(setter.names.gradient(setter.expression(losses[0])), Operator("=", "relation"), Numeral("1"))
    present = listed([(setter.expression(loss),) for loss in losses])
    first = ("The cost ", setter.names.cost, " holds ", *present, " with factor 1, so that ", one, ".")
    return (*first, " Every error below is made of errors found above it, or at other steps.")


# ---------------------------------------------------------------- results alone


def result_blocks(teller: Teller, entries: Sequence[Entry], left: Left) -> Iterator[Block]:
    """One row for each entry, who reads it in the margin."""
    rows, claims = [], []
    for entry in entries:
        result = teller.plain(entry.result)
        parts = readers_of(entry)
        reason = ("read ", *teller.readers(entry.of, parts, brief=True)) if parts else ()
        rows.append(AlignedRow(left(entry), "=", teller.tree(result), entry.number, reason))
        claims += claims_of(teller, entry, parts)
    if rows:
        yield display(rows, claims)


def readers_of(entry: Entry) -> tuple[Contribution, ...]:
    """The contributions by reader; those to a value outside 1 … T stand as they are."""
    return entry.contributions if entry.of.time is not None and entry.of.is_absolute else by_reader(entry)


def claims_of(teller: Teller, entry: Entry, parts: Sequence[Contribution]) -> list[AnyClaim]:
    """Every contribution, and their sum: what a result claims even where its steps are not shown."""
    if entry.of.time is not None and entry.of.is_absolute:
        return [Claim(entry.error, teller.plain(entry.result)), TotalClaim(entry.of, teller.plain(entry.result))]
    return [*(teller.local_claim(entry, part) for part in parts), Claim(entry.error, teller.plain(entry.result))]


# ---------------------------------------------------------------- one error in full


def _error(teller: Teller, entry: Entry) -> Iterator[Block]:
    parts = by_reader(entry)
    yield Paragraph((*teller.is_read(entry.of, parts), "; the chain rule gives"))
    if len(parts) == 1:
        yield _of_one_reader(teller, entry, parts[0])
    else:
        yield from _of_many_readers(teller, entry, parts)
    yield from _for_distributions(teller, teller.plain(entry.result))


def _of_one_reader(teller: Teller, entry: Entry, part: Contribution) -> Block:
    left, result = teller.error_node(entry.of), teller.plain(entry.result)
    last = AlignedRow(None, "=", teller.tree(result), entry.number, teller.laws([part], entry.number))
    between, claims = teller.jacobian(entry.of, part)
    return display([teller.chain(entry.of, left, [part]), *between, last], [*claims_of(teller, entry, [part]), *claims])


def _of_many_readers(teller: Teller, entry: Entry, parts: Sequence[Contribution]) -> Iterator[Block]:
    """The chain rule, the contributions (those alike once), their sum."""
    left, result = teller.error_node(entry.of), teller.plain(entry.result)
    together = op.Plus(*(teller.plain(part.value) for part in parts))
    yield display([teller.chain(entry.of, left, parts)], [Claim(entry.error, together)])
    kinds = alike(parts) if teller.detail != "full" else tuple((part,) for part in parts)
    yield Paragraph(("with the contribution" if len(kinds) == 1 else "with the contributions",))
    told = [teller.contribution(entry, kind[0], _likewise(teller, entry, kind[1:])) for kind in kinds]
    local: list[AnyClaim] = [teller.local_claim(entry, part) for part in parts]
    yield display([row for rows, _ in told for row in rows], [*local, *(claim for _, claims in told for claim in claims)])
    yield Paragraph(("so that",))
    rows = [AlignedRow(left, "=", teller.tree(together), entry.number if result == together else None)]
    if result != together:
        rows.append(AlignedRow(None, "=", teller.tree(result), entry.number, ("collected",)))
    yield display(rows, [Claim(entry.error, together), Claim(entry.error, result)])


def _likewise(teller: Teller, entry: Entry, others: Sequence[Contribution]) -> tuple[Inline, ...]:
    if not others:
        return ()
    return ("likewise for ", *listed([(teller.setter.expression(teller.reader_of(entry.of, part)),) for part in others]))


def _for_distributions(teller: Teller, result: Tensor) -> Iterator[Block]:
    """What is left where a target is a distribution: p Σy - y becomes p - y. A remark, never used."""
    sums = {n for n in walk(result) if isinstance(n, op.SumEntries) and isinstance(n.args[0], Quantity) and n.args[0].kind in DATA}
    if len(sums) == 1:
        (total,) = sums
        ones = row(teller.tree(total), Operator("=", "relation"), Numeral("1"))
        yield Paragraph(("Where ", ones, ", this is ", teller.tree(result.xreplace({total: Number(1)})), "."))


# ---------------------------------------------------------------- by analogy


def by_analogy(teller: Teller, group: Sequence[Entry], left: Left) -> Iterator[Block]:
    """Those that follow an earlier result by renaming: one row each."""
    named = listed([(teller.setter.expression(entry.of),) for entry in group])
    yield Paragraph(("In the same way as ", References((group[0].like or 0,)), ", for ", *named, ":"))
    yield from result_blocks(teller, group, left)
