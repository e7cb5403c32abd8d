"""Through time: where the recurrence of the errors starts, which way it runs, and what is left of it before the first step.

Comes in: a Teller. Goes out: blocks, all read off from the errors of one step: nothing is derived anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import sympy

from rnnsym.algebra import operators as op
from rnnsym.algebra.graph import Component
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS, Quantity, T, Tensor, quantities, shift, t
from rnnsym.calculus.adjoint import merged
from rnnsym.calculus.naming import walk
from rnnsym.derivation.derivation import Entry
from rnnsym.derivation.derive import outside_parts
from rnnsym.documents.chain_rule import Teller
from rnnsym.documents.document import Block, Claim, Heading, Paragraph, TotalClaim, display
from rnnsym.documents.error_part import by_analogy, groups, is_told_by_analogy, result_blocks
from rnnsym.documents.mathematics import AlignedRow, Identifier, Node, Numeral, Operator, References, row
from rnnsym.documents.measure import width
from rnnsym.documents.wording import equations, listed

_SHORT = 46.0  # ems: a recurrence in closed form is shown where it is not wider
_FEW = 60  # nodes: what is larger is wider anyway


def time_blocks(teller: Teller) -> Iterator[Block]:
    """The part; nothing where no error comes from another step and no value outside 1 … T is read."""
    blocks = [*_ends(teller), *_directions(teller), *_closed_forms(teller), *_outside(teller)]
    if blocks:
        yield Heading(1, ("Through time",))
        yield from blocks


def _told(teller: Teller) -> list[Entry]:
    return [e for e in teller.derivation.errors if e.of.name not in (STEP_LOSS, FINAL_LOSS)]


# ---------------------------------------------------------------- the ends


def _ends(teller: Teller) -> Iterator[Block]:
    """The errors at t = T and t = 1, where they differ from those in between."""
    for words, time in (("last", T), ("first", sympy.Integer(1))):
        found = [(e, v) for e in _told(teller) if (v := e.at_last if time == T else e.at_first) is not None]
        if not found:
            continue
        beyond = any(isinstance(p.delay, int) and (p.delay < 0 if time == T else p.delay > 0) for e, _ in found for p in e.contributions)
        side = "after" if time == T else "before"
        why = f"Nothing comes {side} the {words} step, so that there" if beyond else f"At the {words} step"
        rows, claims = [], []
        for entry, value in found:
            result = teller.plain(value)
            reason = ("in place of ", References((entry.number,)))
            rows.append(AlignedRow(teller.error_node(entry.of.at(time)), "=", teller.tree(result), None, reason))
            claims.append(Claim(entry.error.at(time), result, time))
        yield Paragraph((why,))
        yield display(rows, claims)


# ---------------------------------------------------------------- which way


def _directions(teller: Teller) -> Iterator[Block]:
    """`Equations (15) to (24) are one recurrence, computed from t = T down to t = 1.`"""
    for component, members in _recurrences(teller):
        numbers = [e.number for e in members]
        verb = " is a recurrence" if len(numbers) == 1 else " are one recurrence"
        ends = [_step_is(Identifier("T")), _step_is(Numeral("1"))]
        first, last = ends if component.direction < 0 else ends[::-1]
        way = " down to " if component.direction < 0 else " up to "
        head, *rest = equations(numbers)
        yield Paragraph((str(head).capitalize(), *rest, verb, ", computed from ", first, way, last, "."))


def _recurrences(teller: Teller) -> Iterator[tuple[Component, list[Entry]]]:
    """The recurrences of the adjoint System, each with the entries whose errors take part."""
    by_error = {e.error.name: e for e in _told(teller)}
    for component in teller.derivation.adjoint.system.components:
        members = sorted((by_error[d.name] for d in component.definitions if d.name in by_error), key=lambda e: e.number)
        if component.kind == "scan" and members:
            yield component, members


def _step_is(value: Node) -> Node:
    return row(Identifier("t"), Operator("=", "relation"), value)


def _closed_forms(teller: Teller) -> Iterator[Block]:
    """A recurrence of several errors as one of a single error, where that is short: δ_t = … + Wᵀ(… ⊙ δ_{t+1})."""
    for _, members in _recurrences(teller):
        target, *others = members
        found = _eliminated(teller, target, others) if others else None
        if found is None:
            continue
        tree = teller.tree(found)
        if width(tree) <= _SHORT:
            numbers = References(tuple(e.number for e in members))
            yield Paragraph(("Put into each other, ", numbers, " are a recurrence of one error alone:"))
            yield display([AlignedRow(teller.error_node(target.of), "=", tree)], [Claim(target.error, found)])


def _eliminated(teller: Teller, target: Entry, others: Sequence[Entry]) -> Tensor | None:
    """The target's result with the others' put in for their errors; None where some are left, or do not vanish beyond the ends."""
    errors = {e.error.name for e in teller.derivation.errors}
    results = {e.error.name: teller.plain(e.result) for e in others}
    if not all(_vanishes_outside(result, errors) for result in results.values()):
        return None
    found = teller.plain(target.result)
    for _ in others:
        table = {q: shift(results[q.name], int(q.time - t)) for q in quantities(found) if q.name in results and q.time is not None}
        if not table:
            break
        found = cast(Tensor, found.xreplace(table))
        if sum(1 for _ in walk(found)) > _FEW:
            return None
    return None if any(q.name in results for q in quantities(found)) else found


def _vanishes_outside(result: Tensor, errors: set[str]) -> bool:
    """Whether each of its terms has a running error as a factor, so that it is zero wherever errors are."""
    terms = result.args if isinstance(result, op.Plus) else (result,)
    return all(any(q.name in errors and q.time is not None for q in quantities(term)) for term in terms)


# ---------------------------------------------------------------- before the first step, after the last


def _outside(teller: Teller) -> Iterator[Block]:
    """The gradients of values outside 1 … T: first those that are trained or computed, then those that a caller may give."""
    entries = [e for e in teller.derivation.gradients if is_outside(e)]

    def left(entry: Entry) -> Node:
        return teller.gradient_node(entry.of)

    if teller.detail == "result":
        yield from result_blocks(teller, entries, left)
    for group in groups(teller, entries) if teller.detail != "result" else ():
        yield from by_analogy(teller, group, left) if is_told_by_analogy(teller, group) else _outside_entry(teller, group[0])
    numbered = {e.of for e in entries}
    for after in (False, True):
        rows = [found for found in _given(teller, after) if found[0] not in numbered]
        if rows:
            yield from _for_a_caller(teller, rows, "last" if after else "first")


def is_outside(entry: Entry) -> bool:
    """Whether an entry is the gradient of a value outside 1 … T."""
    return entry.of.time is not None and entry.of.is_absolute


def _outside_entry(teller: Teller, entry: Entry) -> Iterator[Block]:
    of, parts = entry.of, entry.contributions
    result, left = teller.plain(entry.result), teller.gradient_node(entry.of)
    if not parts:
        yield Paragraph((teller.setter.expression(of), " does not reach the cost:"))
        yield display([AlignedRow(left, "=", teller.tree(result), entry.number)], [Claim(entry.error, result)])
        return
    yield Paragraph((teller.setter.expression(of), " is read ", *teller.readers(of, parts), ":"))
    rows = [teller.chain(of, left, parts), AlignedRow(None, "=", teller.tree(result), entry.number, teller.laws(parts, entry.number))]
    yield display(rows, [Claim(entry.error, result), TotalClaim(of, result)])


_Given = tuple[Quantity, Tensor, int]  # a value outside, its gradient, the number of the error that it is read off from


def _given(teller: Teller, after: bool) -> Iterator[_Given]:
    """The values outside 1 … T on one side, with the terms that come from the steps that read them."""
    joined = teller.derivation.adjoint
    for entry in _told(teller):
        lag, lead = joined.forward.extents.get(entry.of.name, (0, 0))
        times = [T + k for k in range(1, lead + 1)] if after else [sympy.Integer(1 - k) for k in range(1, lag + 1)]
        for time in times if entry.of.time is not None else ():
            parts = outside_parts(joined.contributions.get(entry.of.name, ()), time)
            if parts:
                of = Quantity(entry.of.name, entry.of.shape, time, entry.of.kind)
                yield of, teller.plain(merged([part.value for part in parts], of.shape)), entry.number


def _for_a_caller(teller: Teller, found: Sequence[_Given], end: str) -> Iterator[Block]:
    setter = teller.setter
    named = listed([(setter.expression(of),) for of, _, _ in found])
    it, are, its = ("it", "is", "its gradient is") if len(found) == 1 else ("them", "are", "their gradients are")
    terms = (" what comes from the ", end, " step in ", References(tuple(sorted({number for _, _, number in found}))), ":")
    yield Paragraph((*named, f" {are} not trained. For a caller who gives {it}, a piece of a longer sequence for example, {its}", *terms))
    rows = [AlignedRow(teller.gradient_node(of), "=", teller.tree(value)) for of, value, _ in found]
    yield display(rows, [TotalClaim(of, value) for of, value, _ in found])
