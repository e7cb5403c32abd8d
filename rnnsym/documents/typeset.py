"""Tensor expressions as mathematics.

Comes in: an expression of the algebra and the `Names` of its model. Goes out: a tree of mathematics. The rules stand in one table, one for
each operator. Precedences are those of the page: a matrix product is written by juxtaposition and binds closer than the elementwise
product ⊙, but beside ⊙ it stands in brackets all the same, so that no reader has to know that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from sympy import Basic, Expr

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import Number, Quantity, T, Tensor, t
from rnnsym.derivation.derivation import INSIDE
from rnnsym.documents.joining import (
    ATOM,
    BIG,
    CASES,
    CDOT,
    HADAMARD,
    HADAMARD_SIGN,
    IDENTITY,
    ONES,
    OSLASH,
    PRODUCT,
    SCRIPT,
    SUM,
    Typeset,
    juxtaposed,
    starts_bracket,
    starts_number,
)
from rnnsym.documents.mathematics import (
    BigOperator,
    Cases,
    Fenced,
    Fraction,
    Identifier,
    Node,
    Numeral,
    Operator,
    Root,
    Scripts,
    Text,
    has_superscript,
    row,
    separated,
    transposed,
    with_superscript,
)
from rnnsym.documents.names import Names, size_node, time_node
from rnnsym.documents.numerals import scalar

COMPARISONS = {"<": "<", "<=": "≤", ">": ">", ">=": "≥"}
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_POWERS_ON_NAME = ("tanh", "sin", "cos")  # tanh²(u): the power stands on the name


@dataclass(frozen=True)
class Typesetter:
    """Turns expressions of one model into mathematics; `scope` counts the sums over time around the expression."""

    names: Names
    scope: int = 0

    def expression(self, node: Basic, least: int = CASES) -> Node:
        """The tree of an expression, in brackets where its precedence is below `least`."""
        for cls in type(node).__mro__:
            if cls in RULES:
                tree, precedence = RULES[cls](self, node, least)
                return Fenced(tree) if precedence < least else tree
        raise TypeError(f"no rule to typeset {type(node).__name__}")

    @property
    def step(self) -> Node:
        """The letter of the running step in this scope."""
        return self.names.steps[min(self.scope, len(self.names.steps) - 1)]

    def equation(self, left: Quantity, right: Tensor) -> tuple[Node, Node]:
        """Both sides of an equation; sums over time in it use another letter than t where t is running already."""
        return self.expression(left), self.inside(left.offset is not None or right.has(t)).expression(right)

    def inside(self, running: bool) -> Typesetter:
        """The typesetter for an expression in which t is running: a sum over time then binds the next letter."""
        return replace(self, scope=0) if running else replace(self, scope=-1)


# ---------------------------------------------------------------- leaves


def _number(setter: Typesetter, node: Number, least: int) -> Typeset:
    return scalar(node.value, setter.names)


def _quantity(setter: Typesetter, node: Quantity, least: int) -> Typeset:
    if node.name == INSIDE:
        return inside_node(node.time, setter.step), ATOM
    names = setter.names
    return names.quantity(node, setter.step), names.error_precedence if node.name in names.errors else ATOM


def inside_node(time: Expr, step: Node) -> Node:
    """1_{t+2 ≤ T}, 1_{t−2 ≥ 1}: whether a step lies in 1 … T, of which t does."""
    offset = time.as_coeff_Add()[0]
    bound = (Operator("≤", "relation"), Identifier("T")) if offset > 0 and not time.has(T) else (Operator("≥", "relation"), Numeral("1"))
    shown = time_node(time, step) if time.free_symbols else Numeral(str(time))
    return Scripts(ONES, sub=Fenced(row(shown, *bound), "{", "}"))


def _ones(setter: Typesetter, node: op.Ones, least: int) -> Typeset:
    return _sized(ONES, node, setter), ATOM


def _zeros(setter: Typesetter, node: op.Zeros, least: int) -> Typeset:
    return Numeral("0"), ATOM


def _identity(setter: Typesetter, node: op.Identity, least: int) -> Typeset:
    return Scripts(IDENTITY, size_node(node.args[0], setter.names)), ATOM


def _sized(letter: Node, node: Tensor, setter: Typesetter) -> Node:
    lengths = [size_node(length, setter.names) for length in node.shape]
    return Scripts(letter, row(*(p for i, n in enumerate(lengths) for p in ((Operator("×", "prefix"), n) if i else (n,)))))


# ---------------------------------------------------------------- arithmetic


def _plus(setter: Typesetter, node: op.Plus, least: int) -> Typeset:
    parts = [setter.expression(node.args[0], SUM)]
    for term in node.args[1:]:
        negative = isinstance(term, op.Negate)
        parts += [Operator("−" if negative else "+"), setter.expression(term.args[0] if negative else term, BIG)]
    return row(*parts), SUM


def _negate(setter: Typesetter, node: op.Negate, least: int) -> Typeset:
    return row(Operator("−", "prefix"), setter.expression(node.args[0], BIG)), SUM


def _times(setter: Typesetter, node: op.Times, least: int) -> Typeset:
    """Scalars multiply by juxtaposition, everything else by ⊙."""
    tensors = sum(1 for factor in node.args if factor.shape)
    last = len(node.args) - 1
    out: Node | None = None
    before: Tensor | None = None
    for place, factor in enumerate(node.args):
        alone = place == last and tensors == 1 and bool(factor.shape)
        tree = setter.expression(factor, PRODUCT if alone else SCRIPT)
        if out is None or before is None:
            out = tree
        elif before.shape and factor.shape:
            out = row(out, HADAMARD_SIGN, tree)
        elif starts_number(tree) or (starts_bracket(tree) and not before.shape and not isinstance(before, Number)):
            out = row(out, CDOT, tree)
        else:
            out = juxtaposed(out, tree)
        before = factor
    assert out is not None
    return out, HADAMARD if tensors > 1 else PRODUCT


def _quotient(setter: Typesetter, node: op.Quotient, least: int) -> Typeset:
    """A fraction where the divisor is a scalar, ⊘ where it has entries."""
    u, v = node.args
    if not v.shape:
        return Fraction(setter.expression(u), setter.expression(v)), SCRIPT
    above = setter.expression(u, HADAMARD if isinstance(u, op.Times) else SCRIPT)
    return row(above, OSLASH, setter.expression(v, SCRIPT)), HADAMARD


def _raise(setter: Typesetter, node: op.Raise, least: int) -> Typeset:
    """Powers; of a vector or a matrix entry by entry, u^{⊙2}."""
    u, v = node.args
    exponent = setter.expression(v)
    if isinstance(u, op.Elementwise) and u.function in _POWERS_ON_NAME and isinstance(v, Number) and v.value.is_Integer:
        name, argument = _applied(setter, u)
        return row(Scripts(name, sup=exponent), argument), SCRIPT
    if u.shape:
        exponent = row(Operator("⊙", "prefix"), setter.expression(v, SCRIPT))
    base = setter.expression(u, ATOM)
    return with_superscript(Fenced(base) if has_superscript(base) else base, exponent), SCRIPT


def _complement(setter: Typesetter, node: op.Complement, least: int) -> Typeset:
    return row(Numeral("1"), Operator("−"), setter.expression(node.args[0], BIG)), SUM


# ---------------------------------------------------------------- functions


def _elementwise(setter: Typesetter, node: op.Elementwise, least: int) -> Typeset:
    if node.function == "sqrt":
        return Root(setter.expression(node.arguments[0])), ATOM
    if node.function == "abs":
        return Fenced(setter.expression(node.arguments[0]), "|", "|"), ATOM
    name, argument = _applied(setter, node)
    return row(name, argument), SCRIPT


def _applied(setter: Typesetter, node: op.Elementwise) -> tuple[Node, Fenced]:
    """A function's name and its arguments; nested max and min are one with several arguments."""
    name = setter.names.sigmoid if node.function == "sigmoid" else Identifier(node.function, "function")
    arguments = list(node.arguments)
    while node.function in ("min", "max") and isinstance(arguments[0], op.Elementwise) and arguments[0].function == node.function:
        arguments[:1] = arguments[0].arguments
    return name, Fenced(separated([setter.expression(a) for a in arguments]))


def _named(name: str) -> Callable[[Typesetter, Tensor, int], Typeset]:
    def rule(setter: Typesetter, node: Tensor, least: int) -> Typeset:
        return row(Identifier(name, "function"), Fenced(separated([setter.expression(a) for a in node.args]))), SCRIPT

    return rule


def _roll(setter: Typesetter, node: op.Roll, least: int) -> Typeset:
    name = Scripts(Identifier("roll", "function"), sub=setter.expression(Number(node.args[1])))
    return row(name, Fenced(setter.expression(node.args[0]))), SCRIPT


def _concat(setter: Typesetter, node: op.Concat, least: int) -> Typeset:
    return Fenced(separated([setter.expression(part) for part in node.args], ";"), "[", "]"), ATOM


def _slice(setter: Typesetter, node: op.Slice, least: int) -> Typeset:
    """[v]_{a+1:b}: entries count from 1, both ends are included."""
    v, start, stop = node.args
    bounds = row(size_node(start + 1, setter.names), Operator(":", "prefix"), size_node(stop, setter.names))
    return Scripts(Fenced(setter.expression(v), "[", "]"), sub=bounds), ATOM


# ---------------------------------------------------------------- linear algebra and reductions


def _matrix_product(setter: Typesetter, node: op.MatrixProduct, least: int) -> Typeset:
    left, right = node.args
    return juxtaposed(
        setter.expression(left, SCRIPT if _is_product(left) else PRODUCT), setter.expression(right, _least_in_chain(right))
    ), PRODUCT


def _is_product(node: Tensor) -> bool:
    """Whether it is a product that a scalar takes part in (a chain of matrix products needs no brackets)."""
    return isinstance(node, op.Times)


def _least_in_chain(node: Tensor) -> int:
    return SCRIPT if _is_product(node) else PRODUCT


def _outer(setter: Typesetter, node: op.Outer, least: int) -> Typeset:
    a, b = node.args
    return juxtaposed(setter.expression(a, _least_in_chain(a)), transposed(setter.expression(b, ATOM))), PRODUCT


def _dot(setter: Typesetter, node: op.Dot, least: int) -> Typeset:
    a, b = node.args
    return juxtaposed(transposed(setter.expression(a, ATOM)), setter.expression(b, _least_in_chain(b))), PRODUCT


def _transposed(setter: Typesetter, node: op.Transposed, least: int) -> Typeset:
    return transposed(setter.expression(node.args[0], ATOM)), SCRIPT


def _sum_entries(setter: Typesetter, node: op.SumEntries, least: int) -> Typeset:
    """1ᵀu for a vector, 1ᵀM1 for a matrix."""
    (u,) = node.args
    body = juxtaposed(transposed(ONES), setter.expression(u, _least_in_chain(u)))
    return (body if u.rank == 1 else juxtaposed(body, ONES)), PRODUCT


def _norm(setter: Typesetter, node: op.Norm, least: int) -> Typeset:
    (u,) = node.args
    inner = Fenced(setter.expression(u), "‖", "‖")
    return (inner if u.rank == 1 else Scripts(inner, sub=Identifier("F"))), ATOM


def _total(setter: Typesetter, node: op.Total, least: int) -> Typeset:
    """Σ_{t=1}^{T}, over another letter where t is running already."""
    inner = replace(setter, scope=setter.scope + 1)
    lower = row(inner.step, Operator("=", "prefix"), Numeral("1"))
    return row(BigOperator("∑", lower, Identifier("T")), inner.expression(node.body, HADAMARD)), BIG


# ---------------------------------------------------------------- conditions


def _branch(setter: Typesetter, node: op.Branch, least: int) -> Typeset:
    """Cases where it stands alone; inside a larger expression, against 0, an indicator."""
    condition, u, v = node.args
    if least > CASES and op.is_zero(v):
        return _indicated(setter, _condition(setter, condition), u, condition.shape)
    if least > CASES and op.is_zero(u):
        return _indicated(setter, _opposite(setter, condition), v, condition.shape)
    return Cases(tuple(_cases(setter, node, ()))), CASES


def _cases(setter: Typesetter, node: Tensor, conditions: tuple[Node, ...]) -> Iterator[tuple[Node, Node | None]]:
    """The cases from top to bottom; those of a branch inside a branch hold under both conditions."""
    if isinstance(node, op.Branch):
        condition, u, v = node.args
        yield from _cases(setter, u, (*conditions, _condition(setter, condition)))
        yield from _cases(setter, v, conditions)
    else:
        yield setter.expression(node, SUM), _all_of(conditions)


def _all_of(conditions: tuple[Node, ...]) -> Node | None:
    """Conditions joined by "and"; None where there is none."""
    if not conditions:
        return None
    return row(*(piece for i, condition in enumerate(conditions) for piece in ((Text(" and "), condition) if i else (condition,))))


def _indicated(setter: Typesetter, condition: Node, value: Tensor, shape: tuple) -> Typeset:
    indicator = Scripts(ONES, sub=Fenced(condition, "{", "}"))
    if op.is_one(value):
        return indicator, ATOM
    if shape and value.shape:
        return row(indicator, HADAMARD_SIGN, setter.expression(value, SCRIPT)), HADAMARD
    factor = setter.expression(value, SCRIPT)
    return row(indicator, CDOT, factor) if starts_number(factor) else juxtaposed(indicator, factor), PRODUCT


def _condition(setter: Typesetter, node: Basic) -> Node:
    return RULES[type(node)](setter, node, CASES)[0]


def _opposite(setter: Typesetter, node: Basic) -> Node:
    if isinstance(node, op.Compare):
        return _condition(setter, op.Compare(_OPPOSITE[node.comparison], *node.args[1:]))
    return _time_is(setter, node, CASES, "≠")[0]


def _compare(setter: Typesetter, node: op.Compare, least: int) -> Typeset:
    sign = Operator(COMPARISONS[node.comparison], "relation")
    return row(setter.expression(node.args[1], SUM), sign, setter.expression(node.args[2], SUM)), CASES


def _time_is(setter: Typesetter, node: Basic, least: int, sign: str = "=") -> Typeset:
    assert isinstance(node, op.TimeIs)
    mark = Numeral(str(node.mark)) if node.mark.is_Integer else time_node(node.mark)
    return row(time_node(node.time, setter.step), Operator(sign, "relation"), mark), CASES


# ---------------------------------------------------------------- losses


def _entropy(inner: str = "") -> Callable[[Typesetter, Tensor, int], Typeset]:
    """H(y, p); a loss that was taken as one with its softmax or sigmoid shows that function inside."""

    def rule(setter: Typesetter, node: Tensor, least: int) -> Typeset:
        y, p = (setter.expression(a) for a in node.args)
        return row(setter.names.entropy, Fenced(separated([y, _within(setter, inner, p)]))), SCRIPT

    return rule


def _binary_entropy(inner: str = "") -> Callable[[Typesetter, Tensor, int], Typeset]:
    def rule(setter: Typesetter, node: Tensor, least: int) -> Typeset:
        y, p = (setter.expression(a) for a in node.args)
        return row(Identifier("BCE", "function"), Fenced(separated([y, _within(setter, inner, p)]))), SCRIPT

    return rule


def _within(setter: Typesetter, function: str, argument: Node) -> Node:
    if not function:
        return argument
    return row(setter.names.sigmoid if function == "sigmoid" else Identifier(function, "function"), Fenced(argument))


def _squared_error(setter: Typesetter, node: op.SquaredError, least: int) -> Typeset:
    """‖v - y‖² for vectors, (v - y)² for scalars."""
    y, v = node.args
    difference = row(setter.expression(v, SUM), Operator("−"), setter.expression(y, BIG))
    fence = ("‖", "‖") if y.shape or v.shape else ("(", ")")
    return with_superscript(Fenced(difference, *fence), Numeral("2")), SCRIPT


RULES: dict[type, Callable[..., Typeset]] = {
    Number: _number,
    Quantity: _quantity,
    op.Zeros: _zeros,
    op.Ones: _ones,
    op.Identity: _identity,
    op.Plus: _plus,
    op.Negate: _negate,
    op.Times: _times,
    op.Quotient: _quotient,
    op.Raise: _raise,
    op.Complement: _complement,
    op.Elementwise: _elementwise,
    op.Softmax: _named("softmax"),
    op.LogSoftmax: _named("log softmax"),
    op.LogSumExp: _named("logsumexp"),
    op.Diagonal: _named("diag"),
    op.MeanEntries: _named("mean"),
    op.StopGradient: _named("sg"),
    op.Roll: _roll,
    op.Concat: _concat,
    op.Slice: _slice,
    op.MatrixProduct: _matrix_product,
    op.Outer: _outer,
    op.Dot: _dot,
    op.Transposed: _transposed,
    op.SumEntries: _sum_entries,
    op.Norm: _norm,
    op.Total: _total,
    op.Branch: _branch,
    op.Compare: _compare,
    op.TimeIs: _time_is,
    op.CrossEntropy: _entropy(),
    op.SoftmaxCrossEntropy: _entropy("softmax"),
    op.SigmoidCrossEntropy: _entropy("sigmoid"),
    op.BinaryCrossEntropy: _binary_entropy(),
    op.SigmoidBinaryCrossEntropy: _binary_entropy("sigmoid"),
    op.SquaredError: _squared_error,
}
