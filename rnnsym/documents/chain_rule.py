"""The chain rule in mathematics: errors, local derivatives, the laws in the margin.

Comes in: a Derivation and a typesetter. Goes out: trees and rows that the parts of a document are put together from. A `Teller` remembers
where each law was stated first, so that it is said in full once and by name and number afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS, Number, Quantity, T, Tensor, quantities, t
from rnnsym.calculus.adjoint import Contribution
from rnnsym.calculus.elementwise import FORMULAS, partials
from rnnsym.calculus.pullback import law_title
from rnnsym.derivation.derivation import INSIDE, Derivation, Entry
from rnnsym.documents.contributions import law_text, plain
from rnnsym.documents.conventions import adjoint_map, partial
from rnnsym.documents.document import Claim, LocalClaim
from rnnsym.documents.joining import HADAMARD, ONES, juxtaposed
from rnnsym.documents.local_jacobian import Applied, applied_jacobian
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
    call,
    row,
    transposed,
)
from rnnsym.documents.typeset import Typesetter, inside_node
from rnnsym.documents.wording import OWN_NOUNS, Reader, Sentence, fixed_time, is_plural, noun_in, who_reads

_KINKED = ("relu", "abs", "sign", "elu")  # their derivatives are told as cases, where they are used


@dataclass
class Teller:
    """What the parts of one document share. `detail` is "result", "steps" or "full" (see `derivation_document`)."""

    derivation: Derivation
    setter: Typesetter
    detail: str = "steps"
    told: dict[str, int] = field(default_factory=dict)

    # ------------------------------------------------------------ expressions and errors

    def tree(self, tensor: Tensor) -> Node:
        return self.setter.inside(tensor.has(t)).expression(tensor)

    def plain(self, tensor: Tensor) -> Tensor:
        """The expression in errors and the model's own names: dC/dloss is 1, what only code needs names for is written out."""
        return plain(tensor, self.derivation)

    def error_node(self, of: Quantity) -> Node:
        """δ^{(h)}_t."""
        names = self.setter.names
        return names.error_node(names.base(of.name), None if of.time is None else names.time(of.time), of.name)

    def error_factor(self, of: Quantity) -> Node:
        """The same beside another factor."""
        node = self.error_node(of)
        return Fenced(node) if self.setter.names.error_precedence == HADAMARD else node

    def gradient_node(self, of: Quantity) -> Node:
        """dC/dW."""
        return self.setter.names.gradient(self.setter.expression(of))

    # ------------------------------------------------------------ one reader's term

    def term(self, of: Quantity, part: Contribution) -> Node:
        """(∂v/∂u)ᵀ δ_v, at the step where the error of u stands; summed over time where every step reads a static u."""
        reader = self.reader_of(of, part)
        local = partial(self.setter.expression(reader), self.setter.expression(of))
        term = self._applied(local, reader, of, reader.name in (STEP_LOSS, FINAL_LOSS))
        fixed = fixed_time(of, part) if of.time is not None else None
        if fixed is not None:
            when = row(Identifier("t"), Operator("=", "relation"), Identifier("T") if fixed == T else Numeral(str(fixed)))
            return juxtaposed(Scripts(ONES, sub=Fenced(when, "{", "}")), term)
        inside = next((q for q in quantities(part.value) if q.name == INSIDE), None)
        if inside is not None and inside.time is not None:
            return juxtaposed(inside_node(inside.time, self.setter.step), term)
        return self._summed(term) if of.time is None and reader.offset is not None else term

    def reader_of(self, of: Quantity, part: Contribution) -> Quantity:
        """The reader at the step at which it reads what stands at the step of `of`."""
        reader = part.reader.lhs
        if isinstance(part.delay, int) and reader.offset is not None:
            return reader.at((of.time if of.time is not None and of.is_absolute else t) - part.delay)
        return reader

    def _applied(self, local: Node, reader: Quantity, of: Quantity, is_loss: bool) -> Node:
        error = self.error_node(reader)
        if not reader.shape and not of.shape:
            return local if is_loss else juxtaposed(local, self.error_factor(reader))
        if len(of.shape) == 2 or len(reader.shape) == 2:
            return row(adjoint_map(local), Fenced(Numeral("1") if is_loss else error, "[", "]"))
        column = transposed(Fenced(local))
        return column if is_loss else juxtaposed(column, self.error_factor(reader))

    def _summed(self, node: Node) -> Node:
        lower = row(Identifier("t"), Operator("=", "prefix"), Numeral("1"))
        return row(BigOperator("∑", lower, Identifier("T")), Space("thin"), node)

    def local_claim(self, entry: Entry, part: Contribution) -> LocalClaim:
        joined = self.derivation.adjoint
        reader = part.reader.lhs
        name = joined.errors.get(part.reader.key) or joined.seeds[reader.name]
        error = Number(1) if name in joined.seeds.values() else joined.system.by_name[name].quantity
        return LocalClaim(part.reader, entry.of, part.delay, error, self.plain(part.value))

    # ------------------------------------------------------------ rows

    def chain(self, of: Quantity, left: Node, parts: Iterable[Contribution]) -> AlignedRow:
        """The chain rule: a term for every reader."""
        terms: list[Node] = []
        for part in parts:
            terms += [Operator("+")] if terms else []
            terms.append(self.term(of, part))
        return AlignedRow(left, "=", row(*terms), None, ("chain rule",))

    def contribution(self, entry: Entry, part: Contribution, reason: tuple[Inline, ...] = ()) -> tuple[list[AlignedRow], list[Claim]]:
        """The rows of one contribution: with the local Jacobian in its place, then multiplied out."""
        said = self.laws([part], entry.number)
        reason = (*said, "; ", *reason) if said and reason else (*said, *reason)
        between, claims = self.jacobian(entry.of, part)
        rows = [*between, AlignedRow(None, "=", self.tree(self.plain(part.value)), None, reason)]
        return [replace(rows[0], left=self.term(entry.of, part)), *rows[1:]], claims

    def jacobian(self, of: Quantity, part: Contribution) -> tuple[list[AlignedRow], list[Claim]]:
        """Jᵀ δ, where that is something else than the result, and the claim that it is equal to it."""
        value = self.plain(part.value)
        found = self.slope(part) or applied_jacobian(self.derivation, of, part, self.setter)
        if isinstance(found, Applied):
            claim = Claim(found.value, value)
            return ([AlignedRow(None, "=", found.tree)], [claim]) if found.tree != self.tree(value) else ([], [])
        return found or [], []

    def slope(self, part: Contribution) -> list[AlignedRow]:
        """diag(σ′(u)) δ, where the reader is one smooth function of what it reads; beside it what σ′ is."""
        rule = part.reader.rhs
        if not isinstance(rule, op.Elementwise) or rule.function not in FORMULAS or rule.function in _KINKED:
            return []
        (argument,) = rule.arguments
        if not isinstance(argument, Quantity) or part.delay not in (0, None) or (part.delay is None and part.value != part.raw):
            return []
        name = self._function(rule.function)
        prime = Scripts(name, sup=Operator("′", "prefix"))
        slope, error = row(prime, Fenced(self.setter.expression(argument))), self.error_factor(part.reader.lhs)
        diagonal = juxtaposed(call("diag", slope), error) if rule.shape else juxtaposed(slope, error)
        return [AlignedRow(None, "=", diagonal, None, self._derivative(rule.function, prime))]

    def _function(self, name: str) -> Node:
        return self.setter.names.sigmoid if name == "sigmoid" else Identifier(name, "function")

    def _derivative(self, function: str, prime: Node) -> tuple[Inline, ...]:
        """`σ′(u) = σ(u) (1 − σ(u))`, as SymPy found it; said the first time."""
        key = f"{function}′"
        if key in self.told:
            return ()
        self.told[key] = 0
        letter = Quantity("u", ())
        (slope,) = partials(op.Elementwise(function, letter))
        return (row(prime, Fenced(self.setter.expression(letter)), Operator("=", "relation"), self.setter.expression(slope)),)

    # ------------------------------------------------------------ laws

    def laws(self, parts: Iterable[Contribution], number: int) -> tuple[Inline, ...]:
        """The laws used: in words the first time, later by name and the equation that they were stated at."""
        laws = tuple(dict.fromkeys(law for part in parts for law in part.laws))
        known = [law for law in laws if law in self.told and self.told[law] != number]
        new = [law for law in laws if law not in self.told]
        self.told.update(dict.fromkeys(new, number))
        said: list[Sentence] = [(f"{law_title(law)} rule ", References((self.told[law],))) for law in known]
        said += [(f"{law_title(law)} rule: ", *law_text(law.rstrip("."))) for law in new]
        return tuple(piece for place, sentence in enumerate(said) for piece in (("; ", *sentence) if place else sentence))

    # ------------------------------------------------------------ sentences

    def is_read(self, of: Quantity, parts: Sequence[Contribution]) -> Sentence:
        """`The hidden state h_t is read by …`, `The hidden units h_t are read by …`, `W_i is read by …`"""
        noun = self._noun(of.name)
        subject = (*((f"The {noun} ",) if noun else ()), self.setter.expression(of))
        return (*subject, " are read " if is_plural(noun) else " is read ", *self.readers(of, parts))

    def readers(self, of: Quantity, parts: Sequence[Contribution], brief: bool = False) -> Sentence:
        """`by h_t in (6) at the same step and by c_{t+1} in (5) at step t+1`"""

        def reader(part: Contribution) -> Reader:
            node = self.setter.expression(self.reader_of(of, part))
            return Reader(node, self.derivation.numbers[part.reader.key], self._noun(part.reader.name))

        return who_reads(of, parts, reader, brief)

    def _noun(self, name: str) -> str:
        if name in (STEP_LOSS, FINAL_LOSS):
            return "loss"
        defined = self.derivation.prepared.defined.get(name)
        description = defined.description if defined is not None else self.derivation.model.by_name[name].description
        own = next((noun for noun in OWN_NOUNS if description.startswith(f"{noun} of ")), "")
        return own or noun_in(description)
