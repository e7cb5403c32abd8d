"""Expressions as text of the equation language: what is printed reads back equal.

Comes in: a tensor or a condition. Goes out: one line. Precedences are Python's; the table below is the whole of them.
"""

from __future__ import annotations

from collections.abc import Callable

from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import size_text
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS, Number, Quantity, Tensor, decimal_text, time_text

TERNARY, COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = range(7)

_NAMES = {
    op.Softmax: "softmax", op.LogSoftmax: "log_softmax", op.LogSumExp: "logsumexp", op.SumEntries: "sum", op.MeanEntries: "mean",
    op.Norm: "norm", op.Dot: "dot", op.Outer: "outer", op.Concat: "concat", op.Diagonal: "diag", op.StopGradient: "stop_gradient",
    op.CrossEntropy: "cross_entropy", op.BinaryCrossEntropy: "binary_cross_entropy", op.SquaredError: "squared_error",
}  # fmt: skip


def expression_text(node: Basic) -> str:
    """The expression in the equation language."""
    return _text(node, TERNARY)


def _text(node: Basic, least: int) -> str:
    """The text of a node, in brackets where its precedence is below `least`."""
    for cls in type(node).__mro__:
        if cls in _PRINTERS:
            text, precedence = _PRINTERS[cls](node)
            return f"({text})" if precedence < least else text
    arguments = ", ".join(_text(a, TERNARY) if isinstance(a, (Tensor, op.Condition)) else str(a) for a in node.args)
    return f"{_NAMES.get(type(node), type(node).__name__)}({arguments})"


def _number(node: Number) -> tuple[str, int]:
    text = decimal_text(node.value)
    if "/" in text or "*" in text:
        return text, PRODUCT
    return text, SUM if " " in text else ATOM


def _quantity(node: Quantity) -> tuple[str, int]:
    name = STEP_LOSS if node.name == FINAL_LOSS else node.name
    return (name if node.time is None else f"{name}[{time_text(node.time)}]"), ATOM


def _plus(node: op.Plus) -> tuple[str, int]:
    text = _text(node.args[0], SUM)
    for term in node.args[1:]:
        negative = isinstance(term, op.Negate)
        text += f" - {_text(term.args[0], PRODUCT)}" if negative else f" + {_text(term, PRODUCT)}"
    return text, SUM


def _chain(sign: str) -> Callable[[Basic], tuple[str, int]]:
    def print_chain(node: Basic) -> tuple[str, int]:
        first, *others = node.args
        return sign.join([_text(first, PRODUCT), *(_text(o, SIGN) for o in others)]), PRODUCT

    return print_chain


def _matrix_product(node: op.MatrixProduct) -> tuple[str, int]:
    left, right = node.args
    return f"{_text(left, SIGN)} @ {_text(right, SIGN)}", PRODUCT


def _negate(node: op.Negate) -> tuple[str, int]:
    return f"-{_text(node.args[0], PRODUCT)}", SIGN


def _raise(node: op.Raise) -> tuple[str, int]:
    return f"{_text(node.args[0], ATOM)}**{_text(node.args[1], ATOM)}", POWER


def _branch(node: op.Branch) -> tuple[str, int]:
    condition, u, v = node.args
    return f"{_text(u, COMPARISON)} if {_text(condition, TERNARY)} else {_text(v, COMPARISON)}", TERNARY


def _slice(node: op.Slice) -> tuple[str, int]:
    v, start, stop = node.args
    return f"{_text(v, ATOM)}[{'' if start == 0 else size_text(start)}:{size_text(stop)}]", ATOM


def _elementwise(node: op.Elementwise) -> tuple[str, int]:
    return f"{node.function}({', '.join(_text(a, TERNARY) for a in node.arguments)})", ATOM


def _fused_loss(name: str, inner: str) -> Callable[[Basic], tuple[str, int]]:
    return lambda node: (f"{name}({_text(node.args[0], TERNARY)}, {inner}({_text(node.args[1], TERNARY)}))", ATOM)


def _sized(name: str) -> Callable[[Basic], tuple[str, int]]:
    return lambda node: (f"{name}({', '.join(size_text(s) for s in node.args)})", ATOM)


_PRINTERS: dict[type, Callable[..., tuple[str, int]]] = {
    Number: _number,
    Quantity: _quantity,
    op.Plus: _plus,
    op.Negate: _negate,
    op.Times: _chain(" * "),
    op.Quotient: _chain(" / "),
    op.MatrixProduct: _matrix_product,
    op.Raise: _raise,
    op.Branch: _branch,
    op.Slice: _slice,
    op.Elementwise: _elementwise,
    op.Transposed: lambda node: (f"{_text(node.args[0], ATOM)}.T", ATOM),
    op.Compare: lambda node: (f"{_text(node.args[1], SUM)} {node.comparison} {_text(node.args[2], SUM)}", COMPARISON),
    op.TimeIs: lambda node: (f"{time_text(node.time)} == {time_text(node.mark)}", COMPARISON),
    op.Roll: lambda node: (f"roll({_text(node.args[0], TERNARY)}, {node.args[1]})", ATOM),
    op.Total: lambda node: (f"total({_text(node.body, TERNARY)})", ATOM),
    op.Complement: lambda node: (f"1 - {_text(node.args[0], PRODUCT)}", SUM),
    op.Zeros: lambda node: (f"0 * ones({', '.join(size_text(s) for s in node.args)})", PRODUCT),
    op.Ones: _sized("ones"),
    op.Identity: _sized("eye"),
    op.SoftmaxCrossEntropy: _fused_loss("cross_entropy", "softmax"),
    op.SigmoidCrossEntropy: _fused_loss("cross_entropy", "sigmoid"),
    op.SigmoidBinaryCrossEntropy: _fused_loss("binary_cross_entropy", "sigmoid"),
}
