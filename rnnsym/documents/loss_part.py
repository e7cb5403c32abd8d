"""The loss entry by entry: the softmax's Jacobian, the cross-entropy's slope, and their product.

Comes in: a Derivation. Goes out: blocks; every line is computed by SymPy from the one before it, for a symbolic number of classes, and
carries what it claims, so that it is evaluated like every other step. Nothing is told where no cross-entropy of a softmax occurs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy
from sympy import Derivative, Expr, IndexedBase, KroneckerDelta, Sum, Symbol, exp, log

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import Quantity
from rnnsym.calculus.naming import walk
from rnnsym.derivation.derivation import Derivation
from rnnsym.documents.conventions import partial
from rnnsym.documents.document import Block, Display, Heading, IndexClaim, Paragraph, display
from rnnsym.documents.index_notation import index_tree
from rnnsym.documents.joining import juxtaposed
from rnnsym.documents.mathematics import AlignedRow, BigOperator, Fenced, Identifier, Inline, Node, Numeral, Operator, row, with_subscript
from rnnsym.documents.names import Names
from rnnsym.documents.typeset import Typesetter

Y, Z, P = (IndexedBase(letter, real=True) for letter in "yzp")
I, J, K = (Symbol(letter, integer=True) for letter in "ijk")  # noqa: E741 (indices of the mathematics)
N = Symbol("n", integer=True, positive=True)


def _sum(body: Expr, index: Symbol) -> Sum:
    return Sum(body, (index, 0, N - 1))


TOTAL = _sum(exp(Z[J]), J)  # Σ_j e^{z_j}


def collapsed(expression: Expr) -> Expr:
    """The expression with each sum over a Kronecker delta replaced by its one term, and constants taken out of sums."""
    return sympy.expand(expression).replace(lambda node: isinstance(node, Sum), _collapsed_sum)


def _collapsed_sum(node: Sum) -> Expr:
    body, (index, *bounds) = node.args
    terms = []
    for term in sympy.Add.make_args(sympy.expand(body)):
        constant, rest = term.as_independent(index, as_Add=False)
        delta = next((d for d in rest.atoms(KroneckerDelta) if d.has(index)), None)
        if delta is None:
            terms.append(constant * Sum(rest, (index, *bounds)))
        else:
            (other,) = (a for a in delta.args if a != index)
            terms.append(constant * (rest / delta).xreplace({index: other}))
    return sympy.Add(*terms)


@dataclass(frozen=True)
class Steps:
    """The computation: each tuple holds equal expressions, every one made from the one before."""

    softmax: tuple[Expr, ...]
    slope: tuple[Expr, ...]
    product: tuple[Expr, ...]


def steps() -> Steps:
    """SymPy's computation, line by line."""
    entry = exp(Z[K]) / TOTAL
    raw = entry.diff(Z[I])
    single = collapsed(raw)
    jacobian = sympy.factor(sympy.expand(single.xreplace({exp(Z[K]): P[K] * TOTAL, exp(Z[I]): P[I] * TOTAL})))
    cost = -_sum(Y[J] * log(P[J]), J)
    slope = (cost.diff(P[K]), collapsed(cost.diff(P[K])))
    chain = _sum(slope[-1] * jacobian, K)
    opened = _sum(sympy.expand(chain.function), K)
    return Steps((raw, single, jacobian), slope, (chain, opened, collapsed(opened)))


def loss_blocks(derivation: Derivation, setter: Typesetter) -> Iterator[Block]:
    """The section, where a softmax stands inside a cross-entropy."""
    fused = [n for d in derivation.prepared.every_definition for n in walk(d.rhs) if isinstance(n, op.SoftmaxCrossEntropy)]
    if not fused:
        return
    names = setter.names
    letters = _letters(derivation, fused[0], names)
    y, z, p = (letters[name] for name in "yzp")
    i, j, k = (letters[name] for name in "ijk")
    found = steps()
    yield Heading(1, ("The loss, entry by entry",))
    yield Paragraph(
        (
            *("The step is left out here; ", i, ", ", j, " and ", k, " count entries, and ", index_tree(KroneckerDelta(K, I), letters)),
            *(" with two indices is Kronecker’s: 1 where ", row(k, Operator("=", "relation"), i), ", otherwise 0. Of the softmax "),
            *(row(with_subscript(p, k), Operator("=", "relation"), index_tree(exp(Z[K]) / TOTAL, letters)), " the derivatives are"),
        )
    )
    of_softmax = partial(with_subscript(p, k), with_subscript(z, i))
    reasons = ("quotient rule", "the sum over a delta has one term", "by the definition of the softmax")
    yield _chain(of_softmax, Derivative(exp(Z[K]) / TOTAL, Z[I]), found.softmax, reasons, letters)
    call = row(names.entropy, Fenced(row(y, Operator(",", "separator"), p)))
    cost = -_sum(Y[J] * log(P[J]), J)
    yield Paragraph(("Of the cross-entropy ", row(call, Operator("=", "relation"), index_tree(cost, letters)), " they are"))
    of_entropy = partial(names.entropy, with_subscript(p, k))
    yield _chain(of_entropy, Derivative(cost, P[K]), found.slope, ("term by term", ""), letters)
    yield Paragraph(("The chain rule takes both together; the division by ", with_subscript(p, k), " cancels:"))
    left = partial(names.entropy, with_subscript(z, i))
    first = row(BigOperator("∑", k), juxtaposed(of_entropy, partial(with_subscript(p, k), with_subscript(z, i))))
    whole = -_sum(Y[J] * log(exp(Z[J]) / _sum(exp(Z[K]), K)), J)
    reasons = ("", "multiplied out", "the sum over a delta has one term")
    yield _chain(left, Derivative(whole, Z[I]), found.product, reasons, letters, AlignedRow(left, "=", first, None, ("chain rule",)))
    ones = _sum(Y[K], K)
    short = found.product[-1].xreplace({ones: sympy.Integer(1)})
    condition = row(index_tree(ones, letters), Operator("=", "relation"), Numeral("1"))
    yield Paragraph(("Only where ", condition, ", as for a distribution or a class, this is ", index_tree(short, letters), "."))


def _chain(
    left: Node, claimed: Expr, parts: tuple[Expr, ...], reasons: tuple[str, ...], letters: dict[str, Node], first: AlignedRow | None = None
) -> Display:
    rows = [first] if first is not None else []
    for part, reason in zip(parts, reasons, strict=True):
        said: tuple[Inline, ...] = (reason,) if reason else ()
        rows.append(AlignedRow(None if rows else left, "=", index_tree(part, letters), None, said))
    return display(rows, [IndexClaim(claimed, part) for part in parts])


def _letters(derivation: Derivation, fused: op.SoftmaxCrossEntropy, names: Names) -> dict[str, Node]:
    """The model's own letters for target, argument and softmax, and indices that they do not carry."""
    y, z = fused.args
    defined = [d.lhs for d in derivation.model.every_definition if isinstance(d.rhs, op.Softmax)]
    defined += [d.lhs for d in derivation.prepared.every_definition if d.rhs == op.Softmax(z)]
    out = {
        "y": names.base(y.name) if isinstance(y, Quantity) else Identifier("y"),
        "z": names.base(z.name) if isinstance(z, Quantity) else Identifier("z"),
        "p": names.base(defined[-1].name) if defined else Identifier("p"),
    }
    free = [letter for letter in map(Identifier, "ijklmnrsuvqab") if letter not in names.bases.values()]
    return out | dict(zip("ijk", [*free, *map(Identifier, "ijk")][:3], strict=True))
