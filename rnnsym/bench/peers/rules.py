"""One rule per operator: its text over arrays with leading axes for time and batch.

Comes in: the writer, which knows where it stands, and a node. Goes out: a `Text`. The words are those of every vocabulary; what they mean
in a library stands there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import Quantity, T, Tensor
from rnnsym.bench.peers.translation import ALONE, PER_SEQUENCE, PER_STEP, Text

if TYPE_CHECKING:
    from rnnsym.bench.peers.translate import Writer

RULES: dict[type, Callable[[Writer, Any], Text]] = {}


def rule(*operators: type):
    """Enter a function (writer, node) into the table."""

    def enter(function):
        RULES.update(dict.fromkeys(operators, function))
        return function

    return enter


@rule(Quantity)
def _quantity(writer: Writer, node: Quantity) -> Text:
    one_hot = node.kind == "token" or node.name in writer.classes
    value = leaf(writer, node)
    if one_hot:
        return Text(f"one_hot({value.text}, {writer.size(node.shape[0])})", value.axes, 1)
    return value


def leaf(writer: Writer, node: Quantity) -> Text:
    if node.time is None:
        if node.kind == "variable":
            return writer.static(node.name)
        declared = writer.plan.system.by_name[node.name]
        if node.kind == "constant" and declared.start is not None and declared.start.amount is not None:
            value = np.full(writer.shape(node.shape), float(declared.start.amount))
            return Text(writer.constant(value), ALONE, node.rank)
        return Text(writer.leaf(node.name), PER_SEQUENCE if node.kind in ("input", "target", "token") else ALONE, node.rank)
    if node.is_absolute:
        return writer.at(node)
    offset = node.offset or 0
    if writer.inner is None:
        return Text(writer.series(node.name, offset), PER_STEP, node.rank)
    if node.name in writer.members:
        return Text(writer.carry(node.name, abs(offset)), PER_SEQUENCE, node.rank)
    return Text(writer.stepping(writer.series(node.name, offset), node.name), PER_SEQUENCE, node.rank)


@rule(op.Plus)
def _plus(writer: Writer, node: op.Plus) -> Text:
    for term in node.args:
        if isinstance(term, op.MatrixProduct) and writer.stacks.find(term) and (writer.place, node) in writer.pieces:
            return writer.pieces[writer.place, node]
    result = writer.lower(node.args[0])
    for term in node.args[1:]:
        negative = isinstance(term, op.Negate)
        result = writer.combine("-" if negative else "+", result, writer.lower(term.args[0] if negative else term))
    return result


@rule(op.Negate)
def _negate(writer: Writer, node: op.Negate) -> Text:
    value = writer.lower(node.args[0])
    return Text(f"(-{value.text})", value.axes, value.rank, value.weak)


@rule(op.Times)
def _times(writer: Writer, node: op.Times) -> Text:
    values = sorted((writer.lower(f) for f in node.args), key=lambda v: (v.axes * (v.rank > 0), v.rank))  # small ones first
    result = values[0]
    for value in values[1:]:
        result = writer.combine("*", result, value)
    return result


@rule(op.Quotient)
def _quotient(writer: Writer, node: op.Quotient) -> Text:
    return writer.combine("/", *map(writer.lower, node.args))


@rule(op.Raise)
def _raise(writer: Writer, node: op.Raise) -> Text:
    return writer.combine("**", *map(writer.lower, node.args))


@rule(op.Complement)
def _complement(writer: Writer, node: op.Complement) -> Text:
    u = writer.lower(node.args[1])
    return writer.call("sigmoid", Text(f"(-{u.text})", u.axes, u.rank))


ELEMENTWISE = {"abs": "absolute", "min": "minimum", "max": "maximum"}


@rule(op.Elementwise)
def _elementwise(writer: Writer, node: op.Elementwise) -> Text:
    return writer.call(ELEMENTWISE.get(node.function, node.function), *map(writer.lower, node.arguments))


@rule(op.StopGradient)
def _stop(writer: Writer, node: op.StopGradient) -> Text:
    return writer.call("stopped", value := writer.lower(node.args[0]), rank=value.rank)


@rule(op.Compare)
def _compare(writer: Writer, node: op.Compare) -> Text:
    return writer.combine(node.comparison, *map(writer.lower, node.args[1:]))


@rule(op.TimeIs)
def _time_is(writer: Writer, node: op.TimeIs) -> Text:
    steps = np.arange(1, writer.sizes["T"] + 1) + int(node.time.as_coeff_Add()[0])
    mark = int(node.mark.xreplace({T: sympy.Integer(writer.sizes["T"])}))
    name = writer.constant((steps == mark)[:, None])
    return Text(name, PER_STEP, 0) if writer.inner is None else Text(writer.stepping(name, "mark"), PER_SEQUENCE, 0)


@rule(op.Branch)
def _branch(writer: Writer, node: op.Branch) -> Text:
    return writer.call("where", *map(writer.lower, node.args))


@rule(op.MatrixProduct)
def _matrix_product(writer: Writer, node: op.MatrixProduct) -> Text:
    a, b = node.args
    if isinstance(a, op.Diagonal):
        v, right = writer.lower(a.args[0]), writer.lower(b)
        return writer.combine("*", Text(f"{v.text}[..., :, None]", v.axes, 2) if b.rank == 2 else v, right)
    if isinstance(b, op.Diagonal):
        v, left = writer.lower(b.args[0]), writer.lower(a)
        return writer.combine("*", left, Text(f"{v.text}[..., None, :]", v.axes, 2))
    if isinstance(b, op.Ones) and b.rank == 1:
        left = writer.lower(a)
        return Text(f"add_up({left.text}, (-1,))", left.axes, 1)
    if isinstance(a, op.Outer) and b.rank == 1:
        return writer.lower(op.Times(a.args[0], op.Dot(a.args[1], b)))
    if isinstance(b, Quantity) and (b.kind == "token" or b.name in writer.classes) and not writer.plan.is_batched(a):
        number = leaf(writer, b)
        return Text(f"select({writer.lower(a).text}, {number.text}, {bool(b.offset)})", number.axes, 1)
    if writer.stacks.find(node):
        return writer.pieces[writer.place, node]
    left, right = writer.lower(a), writer.lower(b)
    if b.rank == 2:
        return Text(f"({left.text} @ {right.text})", max(left.axes, right.axes), 2)
    if left.axes == ALONE and right.axes > ALONE:
        return Text(f"linear({right.text}, {left.text})", right.axes, 1)
    if right.axes == ALONE:
        return Text(f"({left.text} @ {right.text})", left.axes, 1)
    return Text(f"matvec({left.text}, {right.text})", max(left.axes, right.axes), 1)


@rule(op.Transposed)
def _transposed(writer: Writer, node: op.Transposed) -> Text:
    value = writer.lower(node.args[0])
    return Text(f"turn({value.text})", value.axes, 2)


@rule(op.Outer)
def _outer(writer: Writer, node: op.Outer) -> Text:
    return writer.call("outer", *map(writer.lower, node.args), rank=2)


@rule(op.Dot)
def _dot(writer: Writer, node: op.Dot) -> Text:
    return writer.call("dot", *map(writer.lower, node.args), rank=0)


@rule(op.Diagonal)
def _diagonal(writer: Writer, node: op.Diagonal) -> Text:
    v = writer.lower(node.args[0])
    eye = Text(writer.constant(np.eye(writer.size(node.shape[0]))), ALONE, 2)
    return writer.combine("*", Text(f"{v.text}[..., :, None]", v.axes, 2), eye)


@rule(op.SumEntries, op.MeanEntries, op.Norm)
def _reduced(writer: Writer, node: Tensor) -> Text:
    word = {op.SumEntries: "add_up", op.MeanEntries: "mean_of", op.Norm: "norm"}[type(node)]
    value = writer.lower(node.args[0])
    return Text(f"{word}({value.text}, {'(-1,)' if value.rank == 1 else '(-2, -1)'})", value.axes, 0)


@rule(op.Concat)
def _concat(writer: Writer, node: op.Concat) -> Text:
    values = [writer.lower(part) for part in node.args]
    texts = [f"{writer.strong(v)}[..., None]" if v.rank == 0 else v.text for v in values]
    return Text(f"concat([{', '.join(texts)}])", max(v.axes for v in values), 1)


@rule(op.Slice)
def _slice(writer: Writer, node: op.Slice) -> Text:
    value = writer.lower(node.args[0])
    return Text(f"{value.text}[..., {writer.size(node.args[1])}:{writer.size(node.args[2])}]", value.axes, 1)


@rule(op.Roll)
def _roll(writer: Writer, node: op.Roll) -> Text:
    value = writer.lower(node.args[0])
    return Text(f"roll({value.text}, {int(node.args[1])})", value.axes, 1)


@rule(op.Softmax, op.LogSoftmax)
def _softmax(writer: Writer, node: Tensor) -> Text:
    return writer.call("softmax" if isinstance(node, op.Softmax) else "log_softmax", writer.lower(node.args[0]), rank=1)


@rule(op.LogSumExp)
def _logsumexp(writer: Writer, node: op.LogSumExp) -> Text:
    return writer.call("logsumexp", writer.lower(node.args[0]), rank=0)


LOSSES = {
    op.CrossEntropy: "cross_entropy",
    op.BinaryCrossEntropy: "binary_cross_entropy",
    op.SquaredError: "squared_error",
    op.SoftmaxCrossEntropy: "softmax_cross_entropy",
    op.SigmoidCrossEntropy: "sigmoid_cross_entropy",
    op.SigmoidBinaryCrossEntropy: "sigmoid_binary_cross_entropy",
}


@rule(*LOSSES)
def _loss(writer: Writer, node: Tensor) -> Text:
    y, other = node.args
    word, value = LOSSES[type(node)], writer.lower(other)
    if isinstance(y, Quantity) and y.name in writer.classes and word in ("cross_entropy", "softmax_cross_entropy") and not y.offset:
        number = leaf(writer, y)
        return Text(f"{word}_of_class({number.text}, {value.text})", max(value.axes, number.axes), 0)
    terms = writer.call(word, writer.lower(y), value)
    return Text(f"add_up({terms.text}, (-1,))", terms.axes, 0) if terms.rank else terms


@rule(op.Total)
def _total(writer: Writer, node: op.Total) -> Text:
    body = writer.lower(node.body)
    if body.axes < PER_STEP or writer.is_thin(node.body):
        body = Text(
            f"spread({writer.strong(body)}, {(writer.sizes['T'], writer.sizes['B'], *writer.shape(node.shape))})", PER_STEP, node.rank
        )
    return Text(f"add_up({body.text}, (0,))", PER_SEQUENCE, node.rank)
