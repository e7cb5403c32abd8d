"""The conventions of a derivation: what an error is, what signs and functions mean, what holds at the ends of time and at kinks.

Comes in: a Derivation and a typesetter. Goes out: one list of sentences; only what occurs in the model is explained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rnnsym.algebra import operators as op
from rnnsym.calculus.naming import walk
from rnnsym.derivation.derivation import Derivation
from rnnsym.documents.document import Block, Heading, Items
from rnnsym.documents.joining import ONES, juxtaposed
from rnnsym.documents.mathematics import (
    BigOperator,
    Fenced,
    Fraction,
    Identifier,
    Inline,
    Node,
    Operator,
    Scripts,
    row,
    separated,
    with_subscript,
)
from rnnsym.documents.names import Names
from rnnsym.documents.typeset import Typesetter
from rnnsym.documents.wording import listed

Sentence = tuple[Inline, ...]
A, B, K, P, U, V, Y = map(Identifier, "abkpuvy")
EQUALS = Operator("=", "relation")


def convention_blocks(derivation: Derivation, setter: Typesetter) -> Iterator[Block]:
    yield Heading(1, ("Conventions",))
    yield Items(
        (
            *_errors(derivation, setter.names),
            *_time(derivation, setter),
            *_operators(derivation, setter.names),
            ("Over a batch the cost is the mean over its sequences, and so is every gradient of a parameter.",),
        )
    )


# ---------------------------------------------------------------- derivatives


def total_derivative(above: Node, below: Node) -> Node:
    """d above / d below, along every path."""
    return Fraction(row(Identifier("d", "upright"), above), row(Identifier("d", "upright"), below))


def partial(above: Node, below: Node) -> Node:
    """∂ above / ∂ below, through one equation."""
    return Fraction(row(Identifier("∂"), above), row(Identifier("∂"), below))


def adjoint_map(local: Node) -> Node:
    """(local)^*, the adjoint of a derivative that maps matrices."""
    return Scripts(Fenced(local), sup=Operator("∗", "prefix"))


def _errors(derivation: Derivation, names: Names) -> Iterator[Sentence]:
    u_t = names.at(U, Identifier("t"))
    total = total_derivative(names.cost, u_t)
    error = names.error_node(U, Identifier("t"))
    definition = error if error == total else row(error, EQUALS, total)
    if names.skin.says:
        yield (names.skin.says,)
    yield (
        *("The error ", definition, " is the gradient of the whole cost with respect to ", u_t),
        " along every path that leaves it, within the step or through others. An upright d marks this total derivative; ",
        *(partial(V, U), " is the immediate one, through the equation of ", V),
        " alone (written with ∂⁺ by Pascanu, Mikolov & Bengio 2013).",
    )
    yield (
        *("Vectors are columns. An error, and every gradient of ", names.cost, ", has the shape of what it belongs to; "),
        *(partial(V, U), " has a row for each entry of ", V, " and a column for each entry of ", U, "."),
    )
    if _matrices_take_part(derivation):
        applied = row(adjoint_map(partial(V, U)), Fenced(names.error_node(V, None, "v"), "[", "]"))
        yield (
            *("Where a matrix takes part, ", applied, " is the adjoint of the linear map ", partial(V, U)),
            ", with the sum of the products of the entries as inner product.",
        )


def _matrices_take_part(derivation: Derivation) -> bool:
    entries = (*derivation.errors, *derivation.gradients)
    return any(len(e.of.shape) == 2 or any(len(c.reader.lhs.shape) == 2 for c in e.contributions) for e in entries)


def _time(derivation: Derivation, setter: Typesetter) -> Iterator[Sentence]:
    model = derivation.model
    if not any(lag or lead for lag, lead in model.extents.values()):
        return
    text: Sentence = ("What lies outside the steps 1 to ", Identifier("T"), " is zero, values and errors alike")
    if model.boundaries:
        text += (", except ", *listed([(setter.expression(d.lhs),) for d in model.boundaries]), ", which the model gives")
    yield (*text, ".")


# ---------------------------------------------------------------- operators


def _cross_entropy(names: Names) -> Sentence:
    log = row(Identifier("log", "function"), with_subscript(P, K))
    terms = row(Operator("−", "prefix"), BigOperator("∑", K), juxtaposed(with_subscript(Y, K), log))
    return (row(names.entropy, Fenced(separated((Y, P))), EQUALS, terms), " is the cross-entropy, with 0 · log 0 = 0.")


def _binary_cross_entropy(names: Names) -> Sentence:
    call = row(Identifier("BCE", "function"), Fenced(separated((Y, P))))
    return (call, " is the sum over the entries of −y log p − (1 − y) log(1 − p), with 0 · log 0 = 0.")


def _slice(names: Names) -> Sentence:
    part = Scripts(Fenced(V, "[", "]"), row(A, Operator(":", "prefix"), B))
    return ("Entries are counted from 1; ", part, " holds the entries a to b, both included.")


def _concat(names: Names) -> Sentence:
    return (Fenced(separated((A, B), ";"), "[", "]"), " puts one vector under the other.")


def _said(text: str) -> Callable[[Names], Sentence]:
    return lambda names: (text,)


_OPERATORS: tuple[tuple[set[type], Callable[[Names], Sentence]], ...] = (
    ({op.CrossEntropy, op.SoftmaxCrossEntropy, op.SigmoidCrossEntropy}, _cross_entropy),
    ({op.BinaryCrossEntropy, op.SigmoidBinaryCrossEntropy}, _binary_cross_entropy),
    ({op.Slice}, _slice),
    ({op.Concat}, _concat),
    ({op.StopGradient}, _said("sg(u) has the value of u and passes no error on.")),
    ({op.Roll}, _said("roll moves the entries of a vector cyclically: entry i − k comes to place i.")),
    ({op.Norm}, _said("The derivative of a norm at 0 is 0.")),
    ({op.Branch}, _said("Cases are read from top to bottom. The error goes to the branch taken; none flows through its condition.")),
)
_KINKS = {
    "relu": "relu′(0) = 0",
    "abs": "the derivative of |u| at 0 is 0",
    "clip": "clip has slope 1 on the closed interval",
    "max": "at a tie max gives each side half of the error",
    "min": "at a tie min gives each side half of the error",
    "elu": "elu has α = 1",
    "mod": "mod(u, m) = u − m ⌊u/m⌋, with derivatives 1 and −⌊u/m⌋",
}


def _operators(derivation: Derivation, names: Names) -> Iterator[Sentence]:
    """What signs and functions mean."""
    sides = [d.rhs for d in derivation.model.every_definition + derivation.prepared.every_definition]
    sides += [entry.result for entry in (*derivation.errors, *derivation.gradients)]
    nodes = [node for side in sides for node in walk(side)]
    kinds = {type(n) for n in nodes}
    functions = {n.function for n in nodes if isinstance(n, op.Elementwise)}
    yield (
        *(Operator("⊙", "prefix"), " multiplies and ", Operator("⊘", "prefix"), " divides entry by entry, functions act on every entry, "),
        *("a scalar meets a vector in each of its entries, ", ONES, " has ones as entries."),
    )
    yield from (sentence(names) for wanted, sentence in _OPERATORS if wanted & kinds)
    kinks = [said for name, said in _KINKS.items() if name in functions]
    if kinks:
        yield ("At kinks: " + "; ".join(kinks) + ".",)
