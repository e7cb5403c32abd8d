"""What bounds the product of step Jacobians, and what makes it contract or grow, in a model's own symbols.

Comes in: a recurrence and its `Growth`. Goes out: blocks of a document: the norm of every block, the norm of the product, and the paths on
which no matrix takes part.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import t
from rnnsym.calculus.linear_map import Chain, Entries, Scale
from rnnsym.calculus.ranges import STATED, steepest
from rnnsym.derivation.growth import Bound, Growth
from rnnsym.derivation.recurrence import Block as JacobianBlock
from rnnsym.derivation.recurrence import Recurrence
from rnnsym.documents.bounds import BoundSetter
from rnnsym.documents.conventions import total_derivative
from rnnsym.documents.document import Block, Paragraph, ProductClaim, display
from rnnsym.documents.free_letters import StepLetters
from rnnsym.documents.linear_maps import MapSetter
from rnnsym.documents.mathematics import (
    AlignedRow,
    BigOperator,
    Fenced,
    Identifier,
    Inline,
    Node,
    Numeral,
    Operator,
    Row,
    Scripts,
    row,
    with_superscript,
)
from rnnsym.documents.measure import width
from rnnsym.documents.typeset import Typesetter
from rnnsym.documents.wording import listed

STEP = Identifier("t")
_ONE = Numeral("1")
_WIDEST_INLINE = 12.0  # ems that a weight may take inside a sentence


class GrowthTeller:
    """Tells the bounds of one recurrence."""

    def __init__(self, recurrence: Recurrence, growth: Growth, setter: Typesetter, letters: StepLetters, maps: MapSetter):
        self.recurrence, self.growth, self.setter, self.letters = recurrence, growth, setter, letters
        self.norms = BoundSetter(setter, maps)
        self.alone = len(recurrence.carried) == 1

    def blocks(self) -> Iterator[Block]:
        every = (*self.recurrence.parts, *self.recurrence.blocks)
        bounds = self.growth.bounds
        yield Paragraph(self._grounds())
        yield display([AlignedRow(self.norms.of_block(b.of, b.by), "≤", self.norms.bound(bounds[b.of, b.by])) for b in every])
        yield from self._product_of_one() if self.alone else self._product_of_blocks()
        for block in self.recurrence.blocks:
            if block.of.name == block.by.name and abs(block.by.offset or 0) == 1:
                for chain in block.map.chains:
                    yield from self._path(block, chain)

    # ------------------------------------------------------------ what bounds rest on

    def _grounds(self) -> tuple[Inline, ...]:
        """Slopes, ranges, inductions, and the signs of norms."""
        every = [size for bound in self.growth.bounds.values() for _, sizes in bound.terms for size in sizes]
        text: list[Inline] = ["The norm of a product is at most the product of the norms, that of a sum at most the sum."]
        text += [" The slopes are bounded by ", *listed([(self._slope(f),) for f in self.growth.slopes]), "."] if self.growth.slopes else []
        text += [f" ({STATED[f][1]}.)" for f in self.growth.slopes if f in STATED]
        for (low, high), tensors in self.growth.intervals.items():
            between = f" between {self._end(low)} and {self._end(high)}."
            subject = [(self.setter.expression(tensor),) for tensor in tensors]
            text += [" ", *listed(subject), " has entries" if len(subject) == 1 else " have entries", between]
        if self.growth.inductive:
            values = [(self.setter.names.base(n),) for n in self.growth.inductive]
            text += [" The entries of ", *listed(values), " stay between −1 and 1 if they start there, by induction over the step."]
        if any(size.kind == "largest" and size.tensor is not None and size.tensor.shape for size in every):
            text += [" The norm with ∞ is the largest absolute entry."]
        if any(len(q.shape) == 2 for q in self.recurrence.carried):
            text += [" A matrix as a state has the Frobenius norm."]
        return (*text, " So")

    def _slope(self, function: str) -> Node:
        name = self.setter.names.sigmoid if function == "sigmoid" else Identifier(function, "function")
        return row(
            Fenced(Scripts(name, sup=Operator("′", "prefix")), "|", "|"),
            Operator("≤", "relation"),
            self.norms.number(steepest(function)),
        )

    @staticmethod
    def _end(value: sympy.Expr) -> str:
        return str(value).replace("-", "−")

    # ------------------------------------------------------------ the product

    def _power(self) -> Node:
        """t - k, or k - t where the recurrence runs backwards."""
        first, second = (STEP, self.letters.earlier) if self.recurrence.direction > 0 else (self.letters.earlier, STEP)
        return row(first, Operator("−", "prefix"), second)

    def _whole(self) -> Node:
        """‖d s_t / d s_k‖."""
        base = self.setter.names.base(self.recurrence.carried[0].name) if self.alone else self.letters.state
        inside = total_derivative(self.setter.names.at(base, STEP), self.setter.names.at(base, self.letters.earlier))
        return self.norms.operator(inside) if not self.alone or self.recurrence.carried[0].shape else Fenced(inside, "|", "|")

    def _over_steps(self, factor: Node) -> Node:
        """The product of a factor at every step between."""
        ends = (self.letters.earlier, "<", "≤", STEP) if self.recurrence.direction > 0 else (STEP, "≤", "<", self.letters.earlier)
        low, first, second, high = ends
        lower = row(low, Operator(first, "relation"), self.letters.between, Operator(second, "relation"), high)
        return row(BigOperator("∏", lower), factor)

    def _claim(self) -> ProductClaim:
        return ProductClaim(self.recurrence, self.growth.bounds)

    def _product_of_one(self) -> Iterator[Block]:
        (block,) = self.recurrence.blocks
        bound = self.growth.bounds[block.of, block.by]
        if bound.runs:
            at_t, at_j = (self.setter.names.at(self.letters.factor, when) for when in (STEP, self.letters.between))
            yield Paragraph(("With ", at_t, " for the right side of the last row,"))
            yield display([AlignedRow(self._whole(), "≤", self._over_steps(at_j))], [self._claim()])
            yield Paragraph(self._depends_on_run(at_t, "it"))
            return
        base = self.norms.bound(bound)
        yield Paragraph(("and over ", self._power(), " steps"))
        power = with_superscript(Fenced(base) if isinstance(base, Row) else base, self._power())
        yield display([AlignedRow(self._whole(), "≤", _ONE if base == _ONE else power)], [self._claim()])
        yield Paragraph(self._verdict(bound, base))

    def _depends_on_run(self, node: Node, subject: str) -> tuple[Inline, ...]:
        return (
            *(
                "No number bounds this for all runs, because ",
                node,
                " contains what a run decides. Where ",
                subject,
                " stays below 1, errors",
            ),
            " vanish exponentially; they can explode only where it is above 1.",
        )

    def _verdict(self, bound: Bound, base: Node) -> tuple[Inline, ...]:
        """What a bound that is the same at every step says."""
        if not any(sizes for _, sizes in bound.terms):
            value = sum(number for number, _ in bound.terms)
            if value < 1:
                return ("Whatever the parameters are, errors vanish at least as fast as this.",)
            if value == 1:
                return ("Whatever the parameters are, no step makes an error longer: errors cannot explode here, they can only vanish.",)
        if sum(number for number, sizes in bound.terms if not sizes) >= 1:
            return (
                "This is never below 1, so that it alone does not make errors vanish. Whether they vanish, are kept or explode is decided "
                "by what a run makes of the slopes and gates that are bounded here by their largest values.",
            )
        below = row(base, Operator("<", "relation"), _ONE)
        return (
            *("If ", below, ", errors vanish, at least exponentially. If it is above 1 they may explode, but need not: "),
            "the condition is necessary, not sufficient, since slopes are mostly below their maximum.",
        )

    def _product_of_blocks(self) -> Iterator[Block]:
        at_t, at_j = (self.setter.names.at(self.letters.bounds, when) for when in (STEP, self.letters.between))
        handed_on = " (1 for an identity)" if any(q.time != t for q in self.recurrence.carried) else ""
        yield Paragraph(("Let ", at_t, f" be the matrix of numbers with these bounds in place of the blocks{handed_on}. Then"))
        yield display([AlignedRow(self._whole(), "≤", self._over_steps(self.norms.operator(at_j)))], [self._claim()])
        if any(bound.runs for bound in self._expanded()):
            yield Paragraph(self._depends_on_run(at_t, "its norm"))
        else:
            yield Paragraph(
                (
                    *(at_t, " is the same at every step. If its largest eigenvalue is below 1, errors vanish exponentially; "),
                    "if it is above 1 they may explode, but need not.",
                )
            )

    def _expanded(self) -> Iterator[Bound]:
        """The bounds without those that only refer to others."""
        for bound in self.growth.bounds.values():
            yield Bound(tuple((n, tuple(s for s in sizes if s.block is None)) for n, sizes in bound.terms))

    # ------------------------------------------------------------ what keeps errors alive

    def _path(self, block: JacobianBlock, chain: Chain) -> Iterator[Block]:
        """What a term without a matrix does to an error, step by step."""
        name = self.setter.names.base(block.of.name)
        if not chain.factors:
            how = "changes its sign at" if chain.negative else "is passed on unchanged at"
            yield Paragraph(
                (
                    "Along ",
                    name,
                    f" itself, one part of the error {how} every step: on that path it neither vanishes nor grows.",
                )
            )
            return
        factor = chain.factors[0]
        if len(chain.factors) > 1 or not isinstance(factor, Entries | Scale):
            return
        weight = factor.v if isinstance(factor, Entries) else factor.a
        if weight.has(op.MatrixProduct):
            return
        entrywise = ", entry by entry," if isinstance(factor, Entries) and weight.shape else ""
        tree = self.setter.expression(weight)
        shown: Inline = tree if width(tree) <= _WIDEST_INLINE and not weight.has(op.Branch) else "the weight in its block above"
        start = ("Along ", name, " itself the error is multiplied at every step by ", shown, entrywise)
        yield Paragraph((*start, " and by no matrix", self._fate(weight)))

    def _fate(self, weight) -> str:
        low, high = self.growth.ranges.of(weight)
        if low == high:
            return "."
        if low >= 0 and high <= 1:
            return ", something between 0 and 1: on that path it is kept where this is near 1, fades where it is less, and never grows."
        if low >= -1 and high <= 1:
            return ", something between −1 and 1: on that path it never grows."
        return ": on that path it is kept where this is near 1 in absolute value."
