"""Lowering: a tensor expression of column vectors as an array expression, operator by operator.

Comes in: an expression and the layout of its leaves. Goes out: a `Value`. A vector of length n is the last axis of an array, whatever
axes stand before it (time and batch, batch alone, none), so that NumPy's broadcasting does the rest; `W @ x` becomes `x @ W.T`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import sympy
from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import Number, Quantity, T, Tensor
from rnnsym.errors import InternalError
from rnnsym.program.arrays import (
    ArrayExpression,
    Binary,
    Call,
    Expand,
    Filled,
    Literal,
    Load,
    LoadAt,
    Part,
    Real,
    Reduce,
    Row,
    TimeMark,
    Transpose,
    Unary,
)
from rnnsym.program.program import Buffer

ALONE, PER_SEQUENCE, PER_STEP = 0, 1, 2  # how many leading axes: none, (B,), (T, B)


@dataclass(frozen=True)
class Value:
    """An array expression with what is known of its layout: leading axes, rank of one value, whether it is a Python number."""

    node: ArrayExpression
    axes: int
    rank: int
    weak: bool = False

    def aligned(self, rank: int) -> Value:
        """With axes at the end, so that a scalar per sequence broadcasts over a vector or a matrix."""
        if self.rank == 0 and rank > 0 and self.axes > ALONE:
            return Value(Expand(self.node, rank), self.axes, rank)
        return self


LOWERINGS: dict[type, Callable[..., Value]] = {}


def lowering(*operators: type):
    """Enter a function (layout, node) into the table."""

    def enter(rule):
        LOWERINGS.update(dict.fromkeys(operators, rule))
        return rule

    return enter


@dataclass(frozen=True)
class Layout:
    """Where leaves live, and whether the expression stands inside a loop over steps."""

    buffers: Mapping[str, Buffer]
    running: bool

    def lower(self, node: Basic) -> Value:
        for cls in type(node).__mro__:
            if cls in LOWERINGS:
                return LOWERINGS[cls](self, node)
        raise InternalError.at("E999", f"no array form of {type(node).__name__}")

    def combine(self, operator: str, left: Value, right: Value) -> Value:
        rank = max(left.rank, right.rank)
        node = Binary(operator, left.aligned(rank).node, right.aligned(rank).node)
        return Value(node, max(left.axes, right.axes), rank, left.weak and right.weak)

    def call(self, function: str, *values: Value, rank: int | None = None) -> Value:
        """An elementwise function (rank None: broadcast), or one with a rank of its own."""
        shared = max(v.rank for v in values) if rank is None else 0
        nodes = tuple((v.aligned(shared) if rank is None else v).node for v in values)
        weak = rank is None and all(v.weak for v in values)
        node: ArrayExpression = Call(function, nodes)
        return Value(Call("number", (node,)) if weak else node, max(v.axes for v in values), shared if rank is None else rank, weak)


# ---------------------------------------------------------------- leaves


@lowering(Number)
def _number(layout: Layout, node: Number) -> Value:
    return Value(Literal(node.value), ALONE, 0, weak=True)


@lowering(op.Zeros, op.Ones, op.Identity)
def _filled(layout: Layout, node: Tensor) -> Value:
    word = {op.Zeros: "zeros", op.Ones: "ones", op.Identity: "eye"}[type(node)]
    return Value(Filled(word, node.shape), ALONE, node.rank)


@lowering(Quantity)
def _quantity(layout: Layout, node: Quantity) -> Value:
    value = leaf(layout, node)
    if node.kind == "token":
        return Value(Call("one_hot", (value.node, Literal(node.shape[0]))), value.axes, 1)
    return value


def leaf(layout: Layout, node: Quantity) -> Value:
    buffer = layout.buffers[node.name]
    rank = 0 if node.kind == "token" else node.rank
    if node.time is None:
        return Value(Load(node.name), int(buffer.batched), rank)
    if node.is_absolute:
        from_end = node.time.has(T)
        return Value(LoadAt(node.name, int(node.time.xreplace({T: sympy.Integer(0)})), from_end), PER_SEQUENCE, rank)
    return Value(Load(node.name, node.offset, layout.running), PER_SEQUENCE if layout.running else PER_STEP, rank)


# ---------------------------------------------------------------- arithmetic


@lowering(op.Plus)
def _plus(layout: Layout, node: op.Plus) -> Value:
    result = layout.lower(node.args[0])
    for term in node.args[1:]:
        negative = isinstance(term, op.Negate)
        result = layout.combine("-" if negative else "+", result, layout.lower(term.args[0] if negative else term))
    return result


@lowering(op.Negate)
def _negate(layout: Layout, node: op.Negate) -> Value:
    return _negated(layout.lower(node.args[0]))


def _negated(value: Value) -> Value:
    """-(a * b) as -a * b: one bracket less to read."""
    if isinstance(value.node, Binary) and value.node.operator in "*/" and not value.weak:
        left = _negated(replace(value, node=value.node.left)).node
        return replace(value, node=replace(value.node, left=left))
    return replace(value, node=Unary("-", value.node))


@lowering(op.Times)
def _times(layout: Layout, node: op.Times) -> Value:
    factors = [layout.lower(f) for f in node.args]
    scalars = [f for f in factors if f.rank == 0]
    others = [f for f in factors if f.rank > 0]
    if scalars and others and factors[: len(scalars)] == scalars:  # scalars are multiplied first: fewer operations
        return layout.combine("*", _product(layout, scalars), _product(layout, others)) if len(others) == 1 else _product(layout, factors)
    return _product(layout, factors)


def _product(layout: Layout, factors: list[Value]) -> Value:
    result = factors[0]
    for factor in factors[1:]:
        result = layout.combine("*", result, factor)
    return result


@lowering(op.Quotient)
def _quotient(layout: Layout, node: op.Quotient) -> Value:
    return layout.combine("/", *map(layout.lower, node.args))


@lowering(op.Raise)
def _raise(layout: Layout, node: op.Raise) -> Value:
    return layout.combine("**", *map(layout.lower, node.args))


@lowering(op.Complement)
def _complement(layout: Layout, node: op.Complement) -> Value:
    u = layout.lower(node.args[1])
    return layout.call("sigmoid", replace(u, node=Unary("-", u.node)))


@lowering(op.Elementwise)
def _elementwise(layout: Layout, node: op.Elementwise) -> Value:
    return layout.call(node.function, *map(layout.lower, node.arguments))


@lowering(op.StopGradient)
def _stop_gradient(layout: Layout, node: op.StopGradient) -> Value:
    value = layout.lower(node.args[0])
    return value if value.weak else replace(value, node=Real(value.node))


# ---------------------------------------------------------------- conditions


def _real(value: Value) -> Value:
    return value if value.weak else replace(value, node=Real(value.node))


@lowering(op.Compare)
def _compare(layout: Layout, node: op.Compare) -> Value:
    left, right = (_real(layout.lower(a)) for a in node.args[1:])
    return replace(layout.combine(node.comparison, left, right), weak=False)


@lowering(op.TimeIs)
def _time_is(layout: Layout, node: op.TimeIs) -> Value:
    delay = int(node.time.as_coeff_Add()[0])
    mark = TimeMark(not node.mark.has(T), delay, layout.running)
    return Value(mark, PER_SEQUENCE if layout.running else PER_STEP, 0)


COMPLAINING = (op.Quotient, op.Raise, op.Norm, op.LogSumExp, op.LogSoftmax, op.CrossEntropy, op.BinaryCrossEntropy)


def _may_complain(node: Basic) -> bool:
    """Whether evaluating it where it is not taken may warn: logarithms, roots, quotients, differences of infinities."""
    return any(
        isinstance(n, COMPLAINING) or (isinstance(n, op.Elementwise) and n.function in ("log", "sqrt", "mod", "exp"))
        for n in sympy.preorder_traversal(node)
    )


def _is_guard(condition: Basic) -> bool:
    """Whether it asks if something is not zero, `abs(g) > 0`: it stands before products 0 · inf and 0 · log 0."""
    is_size = isinstance(condition, op.Compare) and isinstance(condition.args[1], op.Elementwise) and condition.args[1].function == "abs"
    return is_size and op.is_zero(condition.args[2])


def _settled(condition: Basic) -> bool | None:
    """Whether a comparison of two literals holds; None where it is to be computed."""
    if not isinstance(condition, op.Compare) or not all(isinstance(a, Number) for a in condition.args[1:]):
        return None
    left, right = (a.value for a in condition.args[1:])
    holds = {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[condition.comparison]
    return bool(holds) if holds in (sympy.true, sympy.false) else None


@lowering(op.Branch)
def _branch(layout: Layout, node: op.Branch) -> Value:
    settled = _settled(node.args[0])
    if settled is not None and not node.args[0].shape:
        arm = node.args[1] if settled else node.args[2]
        return layout.lower(op.Times(arm, op.Ones(*node.shape)) if node.shape and not arm.shape else arm)
    condition, u, v = map(layout.lower, node.args)
    rank = max(condition.rank, u.rank, v.rank)
    quiet = _is_guard(node.args[0]) or any(map(_may_complain, node.args[1:]))
    nodes = tuple(x.aligned(rank).node for x in (condition, u, v))
    chosen: ArrayExpression = Call("choose" if quiet else "where", nodes)
    if u.weak and v.weak:
        chosen = Call("array", (chosen,))
    return Value(chosen, max(condition.axes, u.axes, v.axes), rank)


# ---------------------------------------------------------------- linear algebra


def _turned(value: Value) -> ArrayExpression:
    return Transpose(value.node, plain=value.axes == ALONE)


@lowering(op.Transposed)
def _transposed(layout: Layout, node: op.Transposed) -> Value:
    value = layout.lower(node.args[0])
    return replace(value, node=_turned(value))


@lowering(op.MatrixProduct)
def _matrix_product(layout: Layout, node: op.MatrixProduct) -> Value:
    a, b = node.args
    if isinstance(a, op.Diagonal):  # diag(v) @ b: scales the rows
        v, right = layout.lower(a.args[0]), layout.lower(b)
        column = replace(v, node=Expand(v.node, 1), rank=2) if b.rank == 2 else v
        return layout.combine("*", column, right)
    if isinstance(b, op.Diagonal):  # a @ diag(v): scales the columns
        v, left = layout.lower(b.args[0]), layout.lower(a)
        return layout.combine("*", left, replace(v, node=Row(v.node), rank=2) if v.axes else replace(v, rank=2))
    if isinstance(b, op.Ones) and b.rank == 1:
        left = layout.lower(a)
        return Value(Reduce("sum", left.node, (-1,)), left.axes, 1)
    if isinstance(a, op.Outer) and b.rank == 1:  # (p qᵀ) b = p (q · b)
        return layout.lower(op.Times(a.args[0], op.Dot(a.args[1], b)))
    if b.rank == 2:
        left, right = layout.lower(a), layout.lower(b)
        return Value(Binary("@", left.node, right.node), max(left.axes, right.axes), 2)
    return _matrix_vector(layout, a, b)


def _matrix_vector(layout: Layout, a: Tensor, b: Tensor) -> Value:
    turned = isinstance(a, op.Transposed)
    matrix = layout.lower(a.args[0] if turned else a)
    if isinstance(b, Quantity) and b.kind == "token" and matrix.axes == ALONE:
        classes = leaf(layout, b)
        table = Transpose(matrix.node, plain=True) if turned else matrix.node
        return Value(Call("columns", (table, classes.node)), classes.axes, 1)
    vector = layout.lower(b)
    axes = max(matrix.axes, vector.axes)
    if matrix.axes == ALONE and vector.axes > ALONE:
        return Value(Binary("@", vector.node, matrix.node if turned else Transpose(matrix.node, plain=True)), axes, 1)
    if matrix.axes == ALONE:
        return Value(Binary("@", Transpose(matrix.node, plain=True) if turned else matrix.node, vector.node), axes, 1)
    function, first, second = ("vecmat", vector, matrix) if turned else ("matvec", matrix, vector)
    return Value(Call(function, (first.node, second.node)), axes, 1)


@lowering(op.Outer)
def _outer(layout: Layout, node: op.Outer) -> Value:
    return layout.call("outer", *map(layout.lower, node.args), rank=2)


@lowering(op.Dot)
def _dot(layout: Layout, node: op.Dot) -> Value:
    return layout.call("dot", *map(layout.lower, node.args), rank=0)


@lowering(op.Diagonal)
def _diagonal(layout: Layout, node: op.Diagonal) -> Value:
    v = layout.lower(node.args[0])
    eye = Value(Filled("eye", node.shape), ALONE, 2)
    return layout.combine("*", replace(v, node=Expand(v.node, 1), rank=2), eye)


# ---------------------------------------------------------------- reductions and vectors


@lowering(op.SumEntries)
def _sum(layout: Layout, node: op.SumEntries) -> Value:
    return _reduced("sum", layout.lower(node.args[0]), node.args[0].rank)


@lowering(op.MeanEntries)
def _mean(layout: Layout, node: op.MeanEntries) -> Value:
    return _reduced("mean", layout.lower(node.args[0]), node.args[0].rank)


def _reduced(function: str, value: Value, rank: int) -> Value:
    return Value(Reduce(function, value.node, (-1,) if rank == 1 else (-2, -1)), value.axes, 0)


@lowering(op.Norm)
def _norm(layout: Layout, node: op.Norm) -> Value:
    value = layout.lower(node.args[0])
    return Value(Call("norm" if node.args[0].rank == 1 else "matrix_norm", (value.node,)), value.axes, 0)


@lowering(op.Concat)
def _concat(layout: Layout, node: op.Concat) -> Value:
    values = [layout.lower(part) for part in node.args]
    nodes = []
    for value in values:
        inner = Call("array", (value.node,)) if value.weak else value.node
        nodes.append(inner if value.rank else Expand(inner, 1))
    return Value(Call("concat", tuple(nodes)), max(v.axes for v in values), 1)


@lowering(op.Slice)
def _slice(layout: Layout, node: op.Slice) -> Value:
    value = layout.lower(node.args[0])
    return replace(value, node=Part(value.node, node.args[1], node.args[2]))


@lowering(op.Roll)
def _roll(layout: Layout, node: op.Roll) -> Value:
    value = layout.lower(node.args[0])
    return replace(value, node=Call("roll", (value.node, Literal(node.args[1]))))


@lowering(op.Softmax)
def _softmax(layout: Layout, node: op.Softmax) -> Value:
    return layout.call("softmax", layout.lower(node.args[0]), rank=1)


@lowering(op.LogSoftmax)
def _log_softmax(layout: Layout, node: op.LogSoftmax) -> Value:
    return layout.call("log_softmax", layout.lower(node.args[0]), rank=1)


@lowering(op.LogSumExp)
def _logsumexp(layout: Layout, node: op.LogSumExp) -> Value:
    return layout.call("logsumexp", layout.lower(node.args[0]), rank=0)


# ---------------------------------------------------------------- losses

LOSS_TERMS = {
    op.CrossEntropy: "cross_entropy_terms",
    op.BinaryCrossEntropy: "binary_cross_entropy_terms",
    op.SquaredError: "squared_error_terms",
    op.SigmoidCrossEntropy: "sigmoid_cross_entropy_terms",
    op.SigmoidBinaryCrossEntropy: "sigmoid_binary_cross_entropy_terms",
}


def _as_array(value: Value) -> Value:
    """A Python number as an array, so that what is computed of it keeps the working precision."""
    return replace(value, node=Call("array", (value.node,)), weak=False) if value.weak else value


@lowering(*LOSS_TERMS)
def _loss(layout: Layout, node: Tensor) -> Value:
    terms = layout.call(LOSS_TERMS[type(node)], *(_as_array(layout.lower(a)) for a in node.args))
    return _reduced("sum", terms, 1) if terms.rank else terms


@lowering(op.SoftmaxCrossEntropy)
def _softmax_cross_entropy(layout: Layout, node: Tensor) -> Value:
    y, z = (_as_array(layout.lower(a)) for a in node.args)
    terms = layout.call("cross_entropy_from_log", y, layout.call("log_softmax", z, rank=1))
    return _reduced("sum", terms, 1)


# ---------------------------------------------------------------- sums over time and batch


@lowering(op.Total)
def _total(layout: Layout, node: op.Total) -> Value:
    value = over_steps(replace(layout, running=False), node.body)
    return Value(Reduce("sum", value.node, (0,)), PER_SEQUENCE, node.rank)


def over_steps(layout: Layout, body: Tensor) -> Value:
    """The summand at all steps, zero in the padding."""
    value = layout.lower(body)
    if value.axes < PER_STEP:
        inner = Call("array", (value.node,)) if value.weak else value.node
        value = Value(Call("every_step", (inner, Literal(sympy.Integer(value.rank)))), PER_STEP, value.rank)
    elif vanishes(layout, body):
        return value
    return replace(value, node=Call("valid", (value.node,)))


_LINEAR = (op.Negate, op.Times, op.MatrixProduct, op.Outer, op.Dot, op.SumEntries, op.Transposed, op.Concat, op.Slice, op.Diagonal)


def vanishes(layout: Layout, body: Basic) -> bool:
    """Whether it is zero in the padding of itself: products of stored values, one of them at the very step."""
    if isinstance(body, Quantity):
        return body.offset == 0 and body.kind != "token" and not layout.buffers[body.name].ends
    if isinstance(body, op.Plus):
        return all(vanishes(layout, a) for a in body.args)
    if isinstance(body, op.Concat):
        return all(vanishes(layout, a) or op.is_zero(a) for a in body.args)
    if isinstance(body, _LINEAR):
        arguments = [a for a in body.args if isinstance(a, Tensor)]
        return all(map(is_plain, arguments)) and any(vanishes(layout, a) for a in arguments)
    return False


def is_plain(node: Basic) -> bool:
    if isinstance(node, (Quantity, op.Zeros, op.Ones, op.Identity)):
        return True
    if isinstance(node, Number):
        return bool(node.value.is_finite)
    return isinstance(node, (*_LINEAR, op.Plus)) and all(is_plain(a) for a in node.args if isinstance(a, Tensor))
