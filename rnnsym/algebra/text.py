"""Expressions as text: of the equation language, where what is printed reads back equal; other dialects say only what they say otherwise.

Comes in: a tensor or a condition. Goes out: one line. Precedences are Python's; the names of the numbers below are the whole of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import size_text
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS, Number, Quantity, Tensor, decimal_text, time_text

TERNARY, COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = range(7)
Printed = tuple[str, int]  # a text and its precedence

_NAMES: dict[type, str] = {
    op.Softmax: "softmax", op.LogSoftmax: "log_softmax", op.LogSumExp: "logsumexp", op.SumEntries: "sum", op.MeanEntries: "mean",
    op.Norm: "norm", op.Dot: "dot", op.Outer: "outer", op.Concat: "concat", op.Diagonal: "diag", op.StopGradient: "stop_gradient",
    op.CrossEntropy: "cross_entropy", op.BinaryCrossEntropy: "binary_cross_entropy", op.SquaredError: "squared_error",
}  # fmt: skip


def expression_text(node: Basic) -> str:
    """The expression in the equation language."""
    return ExpressionPrinter().text(node)


class ExpressionPrinter:
    """The equation language. A dialect replaces names in `names`, or methods."""

    names: ClassVar[Mapping[type, str]] = _NAMES

    def text(self, node: Basic, least: int = TERNARY) -> str:
        """The text of a node, in brackets where its precedence is below `least`."""
        method = next((_METHODS[cls] for cls in type(node).__mro__ if cls in _METHODS), "named")
        text, precedence = getattr(self, method)(node)
        return f"({text})" if precedence < least else text

    def named(self, node: Basic) -> Printed:
        """A function of the language, or a node of a System that was edited in Python."""
        arguments = ", ".join(self.text(a) if isinstance(a, (Tensor, op.Condition)) else str(a) for a in node.args)
        return f"{self.names.get(type(node), type(node).__name__)}({arguments})", ATOM

    def size(self, length: Basic) -> str:
        return size_text(length)

    def number(self, node: Number) -> Printed:
        text = decimal_text(node.value)
        if "/" in text or "*" in text:
            return text, PRODUCT
        return text, SUM if " " in text else ATOM

    def quantity(self, node: Quantity) -> Printed:
        name = STEP_LOSS if node.name == FINAL_LOSS else node.name
        return (name if node.time is None else f"{name}[{time_text(node.time)}]"), ATOM

    def plus(self, node: op.Plus) -> Printed:
        text = self.text(node.args[0], SUM)
        for term in node.args[1:]:
            negative = isinstance(term, op.Negate)
            text += f" - {self.text(term.args[0], PRODUCT)}" if negative else f" + {self.text(term, PRODUCT)}"
        return text, SUM

    def times(self, node: Basic) -> Printed:
        return self._chain(" * ", node)

    def quotient(self, node: Basic) -> Printed:
        return self._chain(" / ", node)

    def _chain(self, sign: str, node: Basic) -> Printed:
        first, *others = node.args
        return sign.join([self.text(first, PRODUCT), *(self.text(o, SIGN) for o in others)]), PRODUCT

    def matrix_product(self, node: op.MatrixProduct) -> Printed:
        left, right = node.args
        return f"{self.text(left, SIGN)} @ {self.text(right, SIGN)}", PRODUCT

    def negate(self, node: op.Negate) -> Printed:
        return f"-{self.text(node.args[0], PRODUCT)}", SIGN

    def power(self, node: op.Raise) -> Printed:
        return f"{self.text(node.args[0], ATOM)}**{self.text(node.args[1], ATOM)}", POWER

    def complement(self, node: op.Complement) -> Printed:
        return f"1 - {self.text(node.args[0], PRODUCT)}", SUM

    def branch(self, node: op.Branch) -> Printed:
        condition, u, v = node.args
        return f"{self.text(u, COMPARISON)} if {self.text(condition)} else {self.text(v, COMPARISON)}", TERNARY

    def compare(self, node: op.Compare) -> Printed:
        return f"{self.text(node.args[1], SUM)} {node.comparison} {self.text(node.args[2], SUM)}", COMPARISON

    def time_is(self, node: op.TimeIs) -> Printed:
        return f"{time_text(node.time)} == {time_text(node.mark)}", COMPARISON

    def slice(self, node: op.Slice) -> Printed:
        v, start, stop = node.args
        return f"{self.text(v, ATOM)}[{'' if start == 0 else self.size(start)}:{self.size(stop)}]", ATOM

    def elementwise(self, node: op.Elementwise) -> Printed:
        return self.call(node.function, *node.arguments)

    def call(self, function: str, *arguments: Basic) -> Printed:
        return f"{function}({', '.join(map(self.text, arguments))})", ATOM

    def transposed(self, node: op.Transposed) -> Printed:
        return f"{self.text(node.args[0], ATOM)}.T", ATOM

    def roll(self, node: op.Roll) -> Printed:
        return f"roll({self.text(node.args[0])}, {node.args[1]})", ATOM

    def total(self, node: op.Total) -> Printed:
        return self.call("total", node.body)

    def zeros(self, node: op.Zeros) -> Printed:
        return f"0 * {self._sized('ones', node)}", PRODUCT

    def ones(self, node: op.Ones) -> Printed:
        return self._sized("ones", node), ATOM

    def identity(self, node: op.Identity) -> Printed:
        return self._sized("eye", node), ATOM

    def _sized(self, name: str, node: Basic) -> str:
        return f"{name}({', '.join(map(self.size, node.args))})"

    def softmax_loss(self, node: Basic) -> Printed:
        return self._fused("cross_entropy", "softmax", node)

    def sigmoid_loss(self, node: Basic) -> Printed:
        return self._fused("cross_entropy", "sigmoid", node)

    def sigmoid_binary_loss(self, node: Basic) -> Printed:
        return self._fused("binary_cross_entropy", "sigmoid", node)

    def _fused(self, loss: str, inner: str, node: Basic) -> Printed:
        return f"{loss}({self.text(node.args[0])}, {self.call(inner, node.args[1])[0]})", ATOM


_METHODS: dict[type, str] = {
    Number: "number", Quantity: "quantity", op.Plus: "plus", op.Negate: "negate", op.Times: "times", op.Quotient: "quotient",
    op.MatrixProduct: "matrix_product", op.Raise: "power", op.Branch: "branch", op.Slice: "slice", op.Elementwise: "elementwise",
    op.Transposed: "transposed", op.Compare: "compare", op.TimeIs: "time_is", op.Roll: "roll", op.Total: "total",
    op.Complement: "complement", op.Zeros: "zeros", op.Ones: "ones", op.Identity: "identity",
    op.SoftmaxCrossEntropy: "softmax_loss", op.SigmoidCrossEntropy: "sigmoid_loss", op.SigmoidBinaryCrossEntropy: "sigmoid_binary_loss",
}  # fmt: skip
