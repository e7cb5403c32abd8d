"""Expressions of the text -> tensors of the algebra, once every shape is known.

Comes in: `Names`, shapes, expanded equations. Goes out: `Definition`s. The algebra checks every node again as it is
made; an error of its own gets the place of the expression put on.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import size
from rnnsym.algebra.system import Definition
from rnnsym.algebra.tensor import Number, Quantity, Tensor
from rnnsym.errors import ModelError, Span
from rnnsym.language.builtin import ELEMENTWISE
from rnnsym.language.findings import Findings
from rnnsym.language.lengths import size_form
from rnnsym.language.macros import Equation
from rnnsym.language.names import Names, key_of, occurrences
from rnnsym.language.syntax import (
    At,
    Call,
    Choice,
    Comparison,
    Cut,
    MatMul,
    Name,
    Negative,
    Node,
    Num,
    Part,
    Power,
    Product,
    Ratio,
    StepTest,
    Sum,
    Transpose,
    When,
)
from rnnsym.language.unify import Shape


class Builder:
    """Makes tensors. One method or table row per construct."""

    def __init__(self, names: Names, shapes: dict[str, Shape], findings: Findings):
        self.names, self.findings = names, findings
        self.built: dict[Node, Tensor] = {}  # a function's argument may stand at several places
        self.lengths = {key: tuple(f.length for f in shape) for key, shape in shapes.items()}

    def definition(self, equation: Equation) -> Definition | None:
        """The definition that an equation says, or None when it is wrong (noted)."""
        target = equation.target
        try:
            right = self.tensor(equation.right)
        except ModelError as error:
            self.findings.take(error)
            return None
        left = self.quantity(key_of(equation), target.when)
        return Definition(left, right, equation.description, target.span, self.read_spans(equation.right))

    def read_spans(self, value: Node) -> dict[str, Span]:
        """Where each name is read; the place of a read at the same step goes before others."""
        found: dict[str, Span] = {}
        for node in occurrences(value):
            symbol = self.names.symbol(node)
            if symbol is not None:
                found.setdefault(symbol.name, node.span)
        for node in reversed(list(occurrences(value))):
            if isinstance(node, At) and node.when == When("t"):
                found[node.name] = node.span
        return found

    def quantity(self, key: str, when: When | None) -> Quantity:
        return Quantity(key, self.lengths[key], None if when is None else when.time, self.names.symbols[key].kind)

    def tensor(self, node: Node) -> Tensor:
        """The tensor of an expression; raises ModelError with its place."""
        if node in self.built:
            return self.built[node]
        try:
            self.built[node] = _BUILDERS[type(node)](self, node)
            return self.built[node]
        except ModelError as error:
            if error.diagnostics[0].span is not None:
                raise
            first = error.diagnostics[0]
            raise self.findings.refusal(first.code, first.found, node, expected=first.expected, instead=first.instead) from None

    def several(self, node: Node) -> list[Tensor]:
        return [self.tensor(child) for child in node.children]

    def length(self, node: Node) -> sympy.Expr:
        form = size_form(node, self.names, self.findings)
        assert form is not None
        return form.length

    def name(self, node: Name) -> Tensor:
        symbol = self.names.symbol(node)
        if symbol is not None:
            return self.quantity(symbol.name, None)
        if node.name in self.names.sizes:
            return Number(size(node.name))
        return Number({"inf": sympy.oo, "pi": sympy.pi}[node.name])

    def condition(self, node: Node) -> op.Condition:
        if isinstance(node, StepTest):
            return op.TimeIs(node.when.time, node.mark.time)
        assert isinstance(node, Comparison)
        return op.Compare(node.sign, *self.several(node))

    def choice(self, node: Choice) -> Tensor:
        try:
            condition = self.condition(node.test)
        except ModelError as error:
            first = error.diagnostics[0]
            if first.span is not None:
                raise
            raise self.findings.refusal(first.code, first.found, node.test, expected=first.expected) from None
        return op.Branch(condition, self.tensor(node.yes), self.tensor(node.no))

    def part(self, node: Part) -> Tensor:
        vector = self.tensor(node.of)
        step = sympy.expand(vector.shape[0] / node.count)
        return op.Slice(vector, step * node.index, step * (node.index + 1))

    def cut(self, node: Cut) -> Tensor:
        vector = self.tensor(node.of)
        start = sympy.Integer(0) if node.start is None else self.length(node.start)
        stop = vector.shape[0] if node.stop is None else self.length(node.stop)
        return op.Slice(vector, start, stop)

    def call(self, node: Call) -> Tensor:
        name = node.function
        if name in ELEMENTWISE:
            arguments = self.several(node)
            if name == "clip":
                self._check_bounds(node, *arguments[1:])
            return op.apply(name, *arguments)
        if name in ("eye", "ones"):
            lengths = [self.length(p) for p in node.parts]
            return op.Identity(*lengths) if name == "eye" else op.Ones(*lengths)
        if name == "roll":
            steps = node.parts[1]
            value = -steps.of.value if isinstance(steps, Negative) and isinstance(steps.of, Num) else steps.value  # type: ignore[attr-defined]
            return op.Roll(self.tensor(node.parts[0]), value)
        return _CALLS[name](*self.several(node))

    def _check_bounds(self, node: Call, low: Tensor, high: Tensor) -> None:
        """Bounds that are numbers must be in order: between others nothing lies, and no slope has a meaning."""
        smallest, largest = _literal(low), _literal(high)
        if smallest is not None and largest is not None and smallest > largest:
            found = f"`clip` between {low} and {high}, between which nothing lies"
            raise self.findings.refusal(
                "E112", found, node, expected="clip(u, low, high) with low ≤ high", instead=f"clip(…, {high}, {low})"
            )


def _literal(tensor: Tensor) -> sympy.Expr | None:
    """The number that the tensor is, None where it is none."""
    sign, inner = (-1, tensor.args[0]) if isinstance(tensor, op.Negate) else (1, tensor)
    return sign * inner.value if isinstance(inner, Number) and inner.value.is_number else None


_CALLS: dict[str, Callable[..., Tensor]] = {
    "softmax": op.Softmax, "log_softmax": op.LogSoftmax, "logsumexp": op.LogSumExp, "sum": op.SumEntries, "mean": op.MeanEntries,
    "norm": op.Norm, "dot": op.Dot, "outer": op.Outer, "concat": op.Concat, "diag": op.Diagonal, "stop_gradient": op.StopGradient,
    "total": op.Total, "cross_entropy": op.CrossEntropy, "binary_cross_entropy": op.BinaryCrossEntropy, "squared_error": op.SquaredError,
}  # fmt: skip

_BUILDERS: dict[type, Callable[..., Tensor]] = {
    Num: lambda b, n: Number(n.value),
    Name: Builder.name,
    At: lambda b, n: b.quantity(n.name, n.when),
    Sum: lambda b, n: op.Plus(*b.several(n)),
    Product: lambda b, n: op.Times(*b.several(n)),
    Negative: lambda b, n: op.Negate(*b.several(n)),
    Ratio: lambda b, n: op.Quotient(*b.several(n)),
    Power: lambda b, n: op.Raise(*b.several(n)),
    MatMul: lambda b, n: op.MatrixProduct(*b.several(n)),
    Transpose: lambda b, n: op.Transposed(*b.several(n)),
    Choice: Builder.choice,
    Part: Builder.part,
    Cut: Builder.cut,
    Call: Builder.call,
}
