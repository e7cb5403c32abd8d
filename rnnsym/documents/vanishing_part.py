"""Vanishing and exploding gradients: the step Jacobian in blocks, and its product over time.

Comes in: a Derivation and a typesetter. Goes out: blocks of a document, for every recurrence of the model; a plain sentence where it has
none. What is displayed comes from the calculus (`recurrence.py`, `growth.py`); nothing here knows a model. Bounds are told in
`growth_telling.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from rnnsym.algebra.tensor import Quantity
from rnnsym.calculus.linear_map import Cut, Factor, NotLinear, Pad, Turn
from rnnsym.calculus.ranges import Ranges
from rnnsym.derivation.derivation import Derivation
from rnnsym.derivation.growth import Growth
from rnnsym.derivation.recurrence import Block as JacobianBlock
from rnnsym.derivation.recurrence import Recurrence, recurrences
from rnnsym.documents.conventions import total_derivative
from rnnsym.documents.document import Block, Heading, Paragraph, StepClaim, display
from rnnsym.documents.free_letters import StepLetters
from rnnsym.documents.growth_telling import GrowthTeller
from rnnsym.documents.linear_maps import MapSetter, has_matrix
from rnnsym.documents.mathematics import (
    AlignedRow,
    Fenced,
    Identifier,
    Inline,
    Matrix,
    Node,
    Numeral,
    Operator,
    Scripts,
    Space,
    row,
    separated,
)
from rnnsym.documents.names import Names
from rnnsym.documents.typeset import Typesetter
from rnnsym.documents.wording import listed

STEP = Identifier("t")


def vanishing_blocks(derivation: Derivation, setter: Typesetter) -> Iterator[Block]:
    """The part on vanishing and exploding gradients."""
    yield Heading(1, ("Vanishing and exploding gradients",))
    try:
        found = recurrences(derivation.prepared)
    except NotLinear as reason:
        yield Paragraph((f"The Jacobian of a step is not written down here: {reason} has no matrix form.",))
        return
    if not found:
        yield Paragraph(("No value depends on itself through time: there is no recurrence, and so no product over the steps.",))
        return
    ranges = Ranges(derivation.prepared)
    letters = StepLetters.of(setter.names)
    yield from _opening(found, letters, setter.names)
    for recurrence in found:
        if len(found) > 1:
            yield Heading(2, _title(recurrence, setter))
        yield from _jacobian(recurrence, Growth(recurrence, ranges), setter, letters)
    yield Paragraph(
        (
            "A bound takes the worst direction at every step; what a run does is an average over directions and steps, and mostly less. "
            f"They are two things: the command “rnnsym analyze {derivation.model.name}” measures the second and shows it beside the first.",
        )
    )


def _title(recurrence: Recurrence, setter: Typesetter) -> tuple[Inline, ...]:
    names = [(setter.names.base(q.name),) for q in recurrence.variables]
    return ("The recurrence of ", *listed(names), ", backwards in time" if recurrence.direction < 0 else "")


def _opening(found: tuple[Recurrence, ...], letters: StepLetters, names: Names) -> Iterator[Block]:
    """How errors travel through time: the product of the step Jacobians."""
    s_t, s_k = (names.at(letters.state, when) for when in (STEP, letters.earlier))
    last = row(STEP, Operator("−", "prefix"), Numeral("1"))
    first = row(letters.earlier, Operator("+", "prefix"), Numeral("1"))
    j_t, j_last, j_first = (names.at(letters.jacobian, when) for when in (STEP, last, first))
    yield Paragraph(
        (
            *("The state ", s_t, " is what a recurrence carries from one step to the next. An error at step ", STEP, " reaches the state"),
            *(" of an earlier step ", letters.earlier, " through one Jacobian for every step in between:"),
        )
    )
    thin = Space("thin")
    product = row(j_t, thin, j_last, thin, Operator("⋯", "prefix"), thin, j_first)
    definition = row(j_t, Operator("=", "relation"), total_derivative(s_t, names.at(letters.state, last)))
    yield display([AlignedRow(total_derivative(s_t, s_k), "=", row(product, Operator(",", "separator"), Space("quad"), definition))])
    text: list[Inline] = [
        "Such a product shrinks or grows exponentially with its length, unless its factors keep lengths. A derivative in ",
        j_t,
        " is the one along every path inside the step, what else the state carries being held.",
    ]
    if any(r.direction < 0 for r in found):
        text.append(" Where a recurrence runs backwards in time the same holds with the steps in the opposite order.")
    if len(found) > 1:
        text.append(" Recurrences that follow each other have a product each: nothing flows from a later one back into an earlier one.")
    yield Paragraph(tuple(text))


# ---------------------------------------------------------------- one recurrence


def _jacobian(recurrence: Recurrence, growth: Growth, setter: Typesetter, letters: StepLetters) -> Iterator[Block]:
    """The state, the blocks of the step Jacobian, then what bounds them."""
    if not recurrence.blocks:
        yield Paragraph(("No gradient flows from one step of it to the next: its step Jacobian, as backpropagation uses it, is zero.",))
        return
    maps = MapSetter(setter, letters.vector, letters.matrix)
    every = (*recurrence.parts, *recurrence.blocks)
    rows = [AlignedRow(left, "=", right) for left, right in (maps.equation(b.of, b.by, b.map) for b in every)]
    claims = [StepClaim(recurrence, b, growth.bounds[b.of, b.by]) for b in every]
    carried = [setter.expression(q) for q in recurrence.carried]
    if len(carried) == 1:
        yield Paragraph(("The state is ", carried[0], " alone, and its step Jacobian"))
        yield display(rows, claims)
    else:
        yield Paragraph(("The state and its Jacobian are",))
        state = Fenced(separated(carried, ";"), "[", "]")
        cells = tuple(tuple(_cell(recurrence, maps, of, by) for by in recurrence.previous) for of in recurrence.carried)
        yield display(
            [
                AlignedRow(setter.names.at(letters.state, STEP), "=", state),
                AlignedRow(setter.names.at(letters.jacobian, STEP), "=", Matrix(cells)),
            ]
        )
        yield Paragraph(("with the blocks",))
        yield display(rows, claims)
    said = tuple(_signs(recurrence, every, letters))
    if said:
        yield Paragraph(tuple(piece for sentence in said for piece in (*sentence, " ")))
    yield from GrowthTeller(recurrence, growth, setter, letters, maps).blocks()


def _cell(recurrence: Recurrence, maps: MapSetter, of: Quantity, by: Quantity) -> Node:
    if of == by:
        return Identifier("I", "bold") if of.shape else Numeral("1")
    return Numeral("0") if recurrence.block(of, by) is None else maps.derivative(of, by)


def _signs(recurrence: Recurrence, blocks: tuple[JacobianBlock, ...], letters: StepLetters) -> Iterator[tuple[Inline, ...]]:
    """What signs mean that only such blocks need."""
    factors: list[Factor] = [f for b in blocks for chain in b.map.chains for f in chain.factors]
    if not all(has_matrix(b.map) for b in blocks):
        yield (
            "Where matrices take part, a derivative is told by what it makes of a matrix ",
            *(letters.matrix, " or a vector ", letters.vector, "."),
        )
    if any(isinstance(f, Cut | Pad) for f in factors):
        inside = Fenced(letters.matrix, "[", "]")
        bounds = row(Identifier("a"), Operator(":", "prefix"), Identifier("b"))
        columns = Scripts(inside, sub=row(Operator(":", "prefix"), Operator(",", "separator"), bounds))
        yield (Scripts(inside, sub=bounds), " holds the rows a to b of a matrix, ", columns, " these columns.")
    if any(isinstance(f, Turn) for f in factors):
        yield ("roll moves the rows of what follows it cyclically.",)
    if recurrence.passes_no_gradient:
        yield ("Nothing passes through sg: this is the Jacobian that backpropagation uses, not the derivative of the step.",)
