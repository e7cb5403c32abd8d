"""The second half of a derivation: the errors, last equation first, and the gradients as sums over time.

Comes in: a Derivation and a typesetter. Goes out: blocks. For every variable: who reads it and when, the chain rule, what each reader
contributes and by which law, the sum, and what is left of it at the last and the first step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import sympy

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import DATA, FINAL_LOSS, STEP_LOSS, Number, Quantity, T, Tensor, t
from rnnsym.calculus.adjoint import Contribution
from rnnsym.calculus.naming import walk
from rnnsym.derivation.derivation import Derivation, Entry
from rnnsym.documents.contributions import by_reader, law_text, plain
from rnnsym.documents.conventions import adjoint_map, partial, total_derivative
from rnnsym.documents.document import Block, Claim, Heading, LocalClaim, Paragraph, display
from rnnsym.documents.joining import ONES, juxtaposed
from rnnsym.documents.mathematics import (
    AlignedRow,
    BigOperator,
    Fenced,
    Identifier,
    Inline,
    Node,
    Numeral,
    Operator,
    References,
    Scripts,
    Space,
    row,
    transposed,
    with_subscript,
)
from rnnsym.documents.names import time_node
from rnnsym.documents.typeset import Typesetter
from rnnsym.documents.wording import fixed_time, listed, readers

_SMOOTH = ("sigmoid", "tanh", "exp", "log", "sin", "cos", "erf", "softplus", "silu", "gelu", "sqrt")


@dataclass
class Teller:
    """Tells the entries of one derivation; `told` remembers where each law was stated first."""

    derivation: Derivation
    setter: Typesetter
    told: dict[str, int] = field(default_factory=dict)

    # ------------------------------------------------------------ sections

    def errors(self) -> Iterator[Block]:
        """The errors of the variables, in the order of the derivation."""
        losses = [e for e in self.derivation.errors if e.of.name in (STEP_LOSS, FINAL_LOSS)]
        others = [e for e in self.derivation.errors if e not in losses]
        yield Heading(1, ("Errors, last equation first",))
        yield from self._loss()
        for entry in others:
            yield from self._error(entry)

    def gradients(self) -> Iterator[Block]:
        """The gradients of parameters and of whatever else was asked for, and the update."""
        entries = self.derivation.gradients
        if not entries:
            return
        yield Heading(1, ("Gradients",))
        yield Paragraph(("A parameter is the same at every step, so its gradient is the sum of what the steps contribute.",))
        for entry in entries:
            yield from self._gradient(entry)
        yield from self._update()

    def _loss(self) -> Iterator[Block]:
        names = self.setter.names
        present = [self.setter.expression(d.quantity) for n in (STEP_LOSS, FINAL_LOSS) if (d := self.derivation.model.by_name.get(n))]
        sentence = listed([(node,) for node in present])
        yield Paragraph(("The cost ", names.cost, " holds ", *sentence, " with factor 1, so that ", self._seed_node(present[0]), " = 1."))

    def _seed_node(self, loss: Node) -> Node:
        return total_derivative(self.setter.names.cost, loss)

    # ------------------------------------------------------------ one error

    def _error(self, entry: Entry) -> Iterator[Block]:
        setter = self.setter
        of = setter.expression(entry.of)
        parts = by_reader(entry)
        numbers = self.derivation.numbers
        yield Paragraph((*readers(entry.of, of, parts, numbers), "; the chain rule gives" if len(parts) > 1 else ":"))
        left = self.error_node(entry.of)
        sum_of_parts = op.Plus(*(self.plain(p.value) for p in parts)) if parts else self.plain(entry.result)
        result = self.plain(entry.result)
        if len(parts) == 1:
            rows = self._chain(entry, left, parts)
            rows += self._prime(parts[0])
            rows.append(AlignedRow(None, "=", self._tree(result), entry.number, self._laws(parts[0], entry.number)))
            yield display(rows, [self._local_claim(entry, parts[0]), Claim(entry.error, result)])
        else:
            yield display(self._chain(entry, left, parts), [Claim(entry.error, sum_of_parts)])
            yield Paragraph(("with the contributions",))
            yield display([self._contribution(entry, part) for part in parts], [self._local_claim(entry, part) for part in parts])
            yield Paragraph(("which together are",))
            rows = [AlignedRow(left, "=", self._tree(sum_of_parts), entry.number if result == sum_of_parts else None)]
            if result != sum_of_parts:
                rows.append(AlignedRow(None, "=", self._tree(result), entry.number, ("collected",)))
            yield display(rows, [Claim(entry.error, sum_of_parts), Claim(entry.error, result)])
        yield from self._for_distributions(of, result)
        yield from self._ends(entry)

    def _for_distributions(self, of: Node, result: Tensor) -> Iterator[Block]:
        """What is left where a target is a distribution: p Σy - y becomes p - y. A remark, never used."""
        sums = {n for n in walk(result) if isinstance(n, op.SumEntries) and isinstance(n.args[0], Quantity) and n.args[0].kind in DATA}
        if len(sums) == 1:
            (total,) = sums
            ones = row(self._tree(total), Operator("=", "relation"), Numeral("1"))
            yield Paragraph(("Where ", ones, ", this is ", self._tree(result.xreplace({total: Number(1)})), "."))

    def _chain(self, entry: Entry, left: Node, parts: tuple[Contribution, ...]) -> list[AlignedRow]:
        """The chain rule: a term for every reader."""
        terms: list[Node] = []
        for part in parts:
            terms += [Operator("+")] if terms else []
            terms.append(self.term(entry.of, part))
        return [AlignedRow(left, "=", row(*terms), None, ("chain rule",))]

    def _contribution(self, entry: Entry, part: Contribution) -> AlignedRow:
        return AlignedRow(self.term(entry.of, part), "=", self._tree(self.plain(part.value)), None, self._laws(part, entry.number))

    def _local_claim(self, entry: Entry, part: Contribution) -> LocalClaim:
        joined = self.derivation.adjoint
        reader = part.reader.lhs
        name = joined.errors.get(part.reader.key) or joined.seeds[reader.name]
        known = joined.system.by_name[name]
        error = Number(1) if name in joined.seeds.values() else known.quantity
        return LocalClaim(part.reader, entry.of, part.delay, error, self.plain(part.value))

    def _prime(self, part: Contribution) -> list[AlignedRow]:
        """σ′(u) ⊙ δ, where the reader is one smooth function of what it reads."""
        rule = part.reader.rhs
        if (
            not isinstance(rule, op.Elementwise)
            or rule.function not in _SMOOTH
            or not isinstance(rule.arguments[0], Quantity)
            or part.delay not in (0, None)
        ):
            return []
        name = self.setter.names.sigmoid if rule.function == "sigmoid" else Identifier(rule.function, "function")
        if part.delay is None and part.value != part.raw:
            return []
        slope = row(Scripts(name, sup=Operator("′", "prefix")), Fenced(self.setter.expression(rule.arguments[0])))
        error = self.error_node(part.reader.lhs)
        sign = row(slope, Operator("⊙"), error) if rule.shape else juxtaposed(slope, error)
        return [AlignedRow(None, "=", sign)]

    def _laws(self, part: Contribution, number: int) -> tuple[Inline, ...]:
        """The laws used: in words the first time, later by the equation that they were stated at."""
        new = [law for law in part.laws if law not in self.told]
        old = sorted({self.told[law] for law in part.laws if law in self.told and self.told[law] != number})
        for law in new:
            self.told[law] = number
        said: list[Inline] = [*law_text(" ".join(law if law.endswith(".") else law + "." for law in new))] if new else []
        if old:
            said += [" As in " if said else "as in ", References(tuple(old))]
        return tuple(said)

    def _ends(self, entry: Entry) -> Iterator[Block]:
        """The error at t = T and t = 1, where it differs."""
        delays = [part.delay for part in entry.contributions if isinstance(part.delay, int)]
        beyond = "nothing lies beyond the last step" if min(delays, default=0) < 0 else ""
        before = "nothing lies before the first step" if max(delays, default=0) > 0 else ""
        ends = (("At the last step", T, entry.at_last, beyond), ("At the first step", sympy.Integer(1), entry.at_first, before))
        for words, time, value, reason in ends:
            if value is not None:
                result = self.plain(value)
                left = self.error_node(entry.of.at(time))
                yield Paragraph((words,))
                yield display(
                    [AlignedRow(left, "=", self._tree(result), None, (reason,) if reason else ())],
                    [Claim(entry.error.at(time), result, time)],
                )

    # ------------------------------------------------------------ one gradient

    def _gradient(self, entry: Entry) -> Iterator[Block]:
        of = self.setter.expression(entry.of)
        parts = self._reaching(entry)
        result = self.plain(entry.result)
        left = total_derivative(self.setter.names.cost, of)
        if not parts:
            yield Paragraph((of, " does not reach the cost:"))
            yield display([AlignedRow(left, "=", self._tree(result), entry.number)], [Claim(entry.error, result)])
            return
        yield Paragraph((*readers(entry.of, of, parts, self.derivation.numbers), ":"))
        rows = self._chain(entry, left, parts)
        laws = tuple(dict.fromkeys(law for p in parts for law in p.laws))
        merged_part = Contribution(parts[0].reader, parts[0].delay, parts[0].raw, parts[0].value, laws)
        rows.append(AlignedRow(None, "=", self._tree(result), entry.number, self._laws(merged_part, entry.number)))
        local = [self._local_claim(entry, p) for p in parts] if not (entry.of.time is not None and entry.of.is_absolute) else []
        yield display(rows, [*local, Claim(entry.error, result)])

    def _summed(self, node: Node) -> Node:
        lower = row(Identifier("t"), Operator("=", "prefix"), Numeral("1"))
        return row(BigOperator("∑", lower, Identifier("T")), Space("thin"), node)

    def _reaching(self, entry: Entry) -> tuple[Contribution, ...]:
        """The readers of a value outside 1 … T are those whose step lies inside."""
        of = entry.of
        if of.time is None or not of.is_absolute:
            return by_reader(entry)
        after = of.time.has(T)
        kept = []
        for part in entry.contributions:
            if not isinstance(part.delay, int) or part.delay == 0 or (part.delay > 0) != after:
                continue
            reader = of.time - part.delay
            if (reader - T <= 0) if after else (reader >= 1):
                kept.append(part)
        return tuple(kept)

    def _update(self) -> Iterator[Block]:
        params = {p.name for p in self.derivation.model.params}
        updated = [e.of for e in self.derivation.gradients if e.of.name in params]
        if not updated:
            return
        w = Identifier("w") if len(updated) > 1 else self.setter.expression(updated[0])
        names = self.setter.names
        step = row(w, Operator("←", "relation"), w, Operator("−"), juxtaposed(names.rate, total_derivative(names.cost, w)))
        if len(updated) == 1:
            yield Paragraph(("A step of gradient descent with step size ", names.rate, " is"))
        else:
            each = listed([(self.setter.expression(q),) for q in updated])
            yield Paragraph(("A step of gradient descent with step size ", names.rate, " is, for ", w, " each of ", *each, ","))
        yield display([AlignedRow(None, "", step)])

    # ------------------------------------------------------------ mathematics

    def error_node(self, of: Quantity, step: Node | None = None) -> Node:
        """δ^{(h)}_t; for a loss 1."""
        base = self.setter.names.error_of(of.name)
        return base if of.time is None else with_subscript(base, time_node(of.time))

    def term(self, of: Quantity, part: Contribution) -> Node:
        """(∂v/∂u)ᵀ δ_v, at the step where the error of u stands; summed over time where every step reads a static u."""
        reader, read = part.reader.lhs, of
        if isinstance(part.delay, int) and reader.offset is not None:
            reader = reader.at((of.time if of.time is not None and of.is_absolute else t) - part.delay)
        fixed = fixed_time(of, part) if of.time is not None else None
        local = partial(self.setter.expression(reader), self.setter.expression(read))
        is_loss = reader.name in (STEP_LOSS, FINAL_LOSS)
        term = self._applied(local, reader, of, is_loss)
        if fixed is not None:
            when = row(Identifier("t"), Operator("=", "relation"), Identifier("T") if fixed == T else Numeral(str(fixed)))
            return juxtaposed(Scripts(ONES, sub=Fenced(when, "{", "}")), term)
        return self._summed(term) if of.time is None and reader.offset is not None else term

    def _applied(self, local: Node, reader: Quantity, of: Quantity, is_loss: bool) -> Node:
        error = self.error_node(reader)
        if not reader.shape and not of.shape:
            return local if is_loss else juxtaposed(local, error)
        if len(of.shape) == 2 or len(reader.shape) == 2:
            return row(adjoint_map(local), Fenced(Numeral("1") if is_loss else error, "[", "]"))
        column = transposed(Fenced(local))
        return column if is_loss else juxtaposed(column, error)

    def _tree(self, tensor: Tensor) -> Node:
        return self.setter.inside(tensor.has(t)).expression(tensor)

    # ------------------------------------------------------------ what stands in the joined System for the sake of code

    def plain(self, tensor: Tensor) -> Tensor:
        """The expression in errors and the model's own names: dC/dloss is 1, what only code needs names for is written out."""
        return plain(tensor, self.derivation)
