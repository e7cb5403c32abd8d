"""Columns: a tensor expression as a sequence of array operations, features by batch.

Comes in: an expression, and what is known of the arrays it reads. Goes out: an operand; the operations that compute it are appended to
the list at hand. Inside a recurrence, what does not depend on it is put together first, so that it can be hoisted: the factors of a
product and the terms of a sum are ordered by how much of the loop they need. Products of parameters with vectors in one sum, and the
bias beside them, are one operation, `affine`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import sympy
from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import Shape
from rnnsym.algebra.tensor import Number, Quantity, T, Tensor
from rnnsym.errors import InternalError
from rnnsym.program.ops import ALONE, ALWAYS, PER_SEQUENCE, PER_STEP, Amount, Cell, Guard, Op, Operand, Ref

LOWERINGS: dict[type, Callable[..., Operand]] = {}
ARITHMETIC = {"<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal"}
LOSS_TERMS = {
    op.CrossEntropy: "cross_entropy_terms",
    op.BinaryCrossEntropy: "binary_cross_entropy_terms",
    op.SquaredError: "squared_error_terms",
    op.SigmoidCrossEntropy: "sigmoid_cross_entropy_terms",
    op.SigmoidBinaryCrossEntropy: "sigmoid_binary_cross_entropy_terms",
}


GATHERING = ("at_step", "at_end", "before", "total", "outer_sum", "sum_all", "scatter")
"""Words that read an array of all steps as a whole."""


def lowering(*operators: type):
    """Enter a function (columns, node) into the table."""

    def enter(rule):
        LOWERINGS.update(dict.fromkeys(operators, rule))
        return rule

    return enter


@dataclass
class Columns:
    """The arrays known so far, and the operations of one statement after the other.

    cells    what is known of every array; results that no equation names are entered as they arise
    varying  names that the running recurrence computes
    guard    under which the statement at hand is carried out
    classes  targets that may be given as class numbers
    seeds    numbers that stand for an error of each sequence
    """

    cells: dict[str, Cell]
    classes: frozenset[str] = frozenset()
    seeds: frozenset[str] = frozenset()
    varying: set[str] = field(default_factory=set)
    guard: Guard = ALWAYS
    numbers: tuple[int, ...] = ()
    ops: list[Op] = field(default_factory=list)
    count: int = 0
    memo: dict[Basic, Operand] = field(default_factory=dict)

    # ------------------------------------------------------------ what is known of operands

    def shape(self, operand: Operand) -> Shape:
        if isinstance(operand, Amount):
            return ()
        shape = self.cells[operand.name].shape if self.cells[operand.name].rank else ()
        if operand.rows is not None:
            return (sympy.expand(operand.rows[1] - operand.rows[0]),)
        return shape[::-1] if operand.turned else shape

    def rank(self, operand: Operand) -> int:
        return len(self.shape(operand))

    def axes(self, operand: Operand) -> int:
        return ALONE if isinstance(operand, Amount) else self.cells[operand.name].axes

    def level(self, operand: Operand) -> int:
        """0: does not run in time, 1: runs, but not with this recurrence, 2: computed by this recurrence."""
        if isinstance(operand, Amount) or self.cells[operand.name].axes < PER_STEP:
            return 0
        return 2 if operand.name in self.varying else 1

    def truth(self, operand: Operand) -> bool:
        return isinstance(operand, Ref) and self.cells[operand.name].entries == "truth"

    # ------------------------------------------------------------ operations

    def emit(
        self, function: str, *args: Operand, shape: Shape | None = None, axes: int | None = None, details: tuple = (), entries="number"
    ):
        """Append an operation; elementwise (shape None): the result broadcasts."""
        if shape is None:
            shape = max((self.shape(a) for a in args), key=len, default=())
        found = max((self.axes(a) for a in args), default=ALONE) if axes is None else axes
        self.count += 1
        name = f"%{self.count}"
        self.cells[name] = Cell(name, "part", tuple(shape), found, entries)
        if any(self.level(a) == 2 for a in args) and found == PER_STEP:
            self.varying.add(name)
        self.ops.append(Op(name, function, tuple(args), details, self.numbers, self.guard))
        return Ref(name, 0 if found == PER_STEP else None)

    def lower(self, node: Basic) -> Operand:
        if node in self.memo:
            return self.memo[node]
        for cls in type(node).__mro__:
            if cls in LOWERINGS:
                found = LOWERINGS[cls](self, node)
                self.memo[node] = found
                return found
        raise InternalError.at("E999", f"no array form of {type(node).__name__}")

    def all(self, nodes) -> list[Operand]:
        return [self.lower(n) for n in nodes]

    def sum(self, terms: list[tuple[bool, Operand]]) -> Operand:
        """The sum of operands with signs (True: subtracted)."""
        terms = sorted(terms, key=lambda u: u[0]) if terms[0][0] and not all(n for n, _ in terms) else terms
        negative, result = terms[0]
        if negative:
            result = self.negative(result)
        for negative, operand in terms[1:]:
            result = self.emit("subtract" if negative else "add", result, operand)
        return result

    def negative(self, operand: Operand) -> Operand:
        return Amount(-operand.value) if isinstance(operand, Amount) else self.emit("negative", operand)

    def product(self, factors: list[Operand]) -> Operand:
        result = factors[0]
        for factor in factors[1:]:
            result = self.emit("multiply", result, factor)
        return result

    # ------------------------------------------------------------ statements

    def define(self, name: str, value: Operand, place: str = "") -> None:
        """Make an operand the value of a name (or of one of its places outside 1 … T)."""
        cell = self.cells[name]
        axes = PER_SEQUENCE if place else cell.axes
        last = self.ops[-1] if self.ops else None
        if (
            last is not None
            and value == Ref(last.out, 0 if self.cells[last.out].axes == PER_STEP else None)
            and self.cells[last.out].kind == "part"
            and self.cells[last.out].axes == axes
            and len(self.cells[last.out].shape) == len(cell.shape)
            and not last.place
            and not (place and last.function in GATHERING)
        ):
            self.cells.pop(last.out)
            self.varying.discard(last.out)
            self.ops[-1] = replace(last, out=name, place=place)
        else:
            self.ops.append(Op(name, "copy", (value,), (), self.numbers, self.guard, place))
        self.memo.clear()


# ---------------------------------------------------------------- leaves


@lowering(Number)
def _number(columns: Columns, node: Number) -> Operand:
    return Amount(node.value)


@lowering(op.Zeros, op.Ones, op.Identity)
def _filled(columns: Columns, node: Tensor) -> Operand:
    word = {op.Zeros: "zeros", op.Ones: "ones", op.Identity: "eye"}[type(node)]
    return columns.emit(word, shape=node.shape, axes=ALONE)


@lowering(Quantity)
def _quantity(columns: Columns, node: Quantity) -> Operand:
    operand = leaf(columns, node)
    if node.kind == "token":
        return columns.emit("one_hot", operand, shape=node.shape, details=(node.shape[0],))
    if node.name in columns.classes:
        return columns.emit("dense", operand, shape=node.shape, details=(node.shape[0],))
    return operand


def leaf(columns: Columns, node: Quantity) -> Operand:
    """The array of a quantity as it is given: class numbers stay class numbers."""
    if node.time is None:
        return Ref(node.name)
    if not node.is_absolute:
        return Ref(node.name, node.offset)
    cell = columns.cells[node.name]
    from_end = node.time.has(T)
    step = int(node.time.xreplace({T: sympy.Integer(0)}))
    inside = from_end or step >= 1
    entries = cell.entries
    return columns.emit(
        "at_end" if from_end else "at_step" if inside else "before",
        Ref(node.name, 0),
        shape=cell.shape,
        axes=PER_SEQUENCE,
        details=(step,),
        entries=entries,
    )


def _dense(columns: Columns, node: Tensor) -> Operand:
    return columns.lower(node)


# ---------------------------------------------------------------- arithmetic


@lowering(op.Plus)
def _plus(columns: Columns, node: op.Plus) -> Operand:
    excess = _excess(columns, node)
    if excess is not None:
        return excess
    terms = [(isinstance(u, op.Negate), u.args[0] if isinstance(u, op.Negate) else u) for u in node.args]
    products = [u for negative, u in terms if not negative and _is_product(columns, u)]
    loose = [(negative, u) for negative, u in terms if negative or u not in products]
    turned = [u for u in products if isinstance(u.args[0], op.Transposed)]
    straight = [u for u in products if u not in turned]
    groups: list[list[Tensor]] = [straight] if straight else []
    for wanted in (False, True):  # errors: what the recurrence does not need is a product over all steps
        group = [u for u in turned if _varies(columns, u) == wanted]
        groups += [group] if group else []
    bias = next((u for negative, u in loose if not negative and straight and _is_bias(columns, u)), None)
    rest = [(negative, u) for negative, u in loose if u is not bias]
    parts: list[tuple[bool, Operand]] = []
    for group in groups:
        parts.append((False, _affine(columns, group, bias if group is straight else None)))
    parts += [(negative, columns.lower(u)) for negative, u in rest]
    parts.sort(key=lambda part: (columns.level(part[1]), 0 if columns.rank(part[1]) else -1))
    return columns.sum(parts)


def _excess(columns: Columns, node: op.Plus) -> Operand | None:
    """p Σy − y for a target that may be given as class numbers: no vector of y is formed."""
    if len(node.args) != 2 or not isinstance(node.args[1], op.Negate):
        return None
    product, y = node.args[0], node.args[1].args[0]
    if not isinstance(y, Quantity) or y.name not in columns.classes:
        return None
    if not isinstance(product, op.Times) or len(product.args) != 2 or product.args[1] != op.SumEntries(y):
        return None
    return columns.emit("excess", columns.lower(product.args[0]), leaf(columns, y), shape=node.shape)


def _is_product(columns: Columns, node: Basic) -> bool:
    """Whether it is a matrix that does not depend on data, times a vector that does."""
    if not isinstance(node, op.MatrixProduct) or node.args[1].rank != 1:
        return False
    a, b = node.args
    inner = a.args[0] if isinstance(a, op.Transposed) else a
    if not isinstance(inner, Quantity) or inner.time is not None or columns.cells[inner.name].axes != ALONE:
        return False
    if isinstance(b, Quantity) and b.kind == "token":
        return False
    return any(isinstance(q, Quantity) and columns.cells[q.name].axes > ALONE for q in sympy.preorder_traversal(b))


def _varies(columns: Columns, node: Basic) -> bool:
    return any(isinstance(q, Quantity) and q.name in columns.varying for q in sympy.preorder_traversal(node))


def _is_bias(columns: Columns, node: Basic) -> bool:
    return isinstance(node, Quantity) and node.rank == 1 and columns.cells[node.name].axes == ALONE


def _affine(columns: Columns, products: list[Tensor], bias: Tensor | None) -> Operand:
    args: list[Operand] = []
    for node in products:
        a, b = node.args
        turned = isinstance(a, op.Transposed)
        matrix = leaf(columns, a.args[0] if turned else a)
        assert isinstance(matrix, Ref)
        args += [replace(matrix, turned=turned), columns.lower(b)]
    if bias is not None:
        args.append(columns.lower(bias))
    axes = max(columns.axes(a) for a in args)
    return columns.emit("affine", *args, shape=products[0].shape, axes=axes, details=(len(products),))


@lowering(op.Negate)
def _negate(columns: Columns, node: op.Negate) -> Operand:
    return columns.negative(columns.lower(node.args[0]))


@lowering(op.Times)
def _times(columns: Columns, node: op.Times) -> Operand:
    factors = columns.all(node.args)
    factors.sort(key=lambda u: (columns.level(u), columns.rank(u)))
    return columns.product(factors)


@lowering(op.Quotient)
def _quotient(columns: Columns, node: op.Quotient) -> Operand:
    above, below = columns.all(node.args)
    if isinstance(above, Amount) and isinstance(below, Amount):
        return Amount(above.value / below.value)
    return columns.emit("divide", above, below)


@lowering(op.Raise)
def _raise(columns: Columns, node: op.Raise) -> Operand:
    base, exponent = columns.all(node.args)
    if isinstance(exponent, Amount) and exponent.value == 2 and isinstance(base, Ref):
        return columns.emit("square", base)
    return columns.emit("power", base, exponent)


@lowering(op.Complement)
def _complement(columns: Columns, node: op.Complement) -> Operand:
    return columns.emit("complement", columns.lower(node.args[1]))


@lowering(op.Elementwise)
def _elementwise(columns: Columns, node: op.Elementwise) -> Operand:
    return columns.emit(node.function, *columns.all(node.arguments))


@lowering(op.StopGradient)
def _stop_gradient(columns: Columns, node: op.StopGradient) -> Operand:
    value = columns.lower(node.args[0])
    return value if isinstance(value, Amount) else columns.emit("real", value)


# ---------------------------------------------------------------- conditions


@lowering(op.Compare)
def _compare(columns: Columns, node: op.Compare) -> Operand:
    return columns.emit(ARITHMETIC[node.comparison], *columns.all(node.args[1:]), entries="truth")


@lowering(op.TimeIs)
def _time_is(columns: Columns, node: op.TimeIs) -> Operand:
    name = "at_last" if node.mark.has(T) else "at_first"
    delay = int(node.time.as_coeff_Add()[0])
    if name not in columns.cells:
        columns.cells[name] = Cell(name, "mark", (), PER_STEP, "truth")
    return columns.emit("mark", Ref(name, 0), details=(name, delay), axes=PER_STEP, entries="truth", shape=())


COMPLAINING = (op.Quotient, op.Raise, op.Norm, op.LogSumExp, op.LogSoftmax, op.CrossEntropy, op.BinaryCrossEntropy)


def _settled(condition: Basic) -> bool | None:
    """Whether a comparison of two literals holds; None where it is to be computed."""
    if not isinstance(condition, op.Compare) or not all(isinstance(a, Number) for a in condition.args[1:]):
        return None
    left, right = (a.value for a in condition.args[1:])
    holds = {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[condition.comparison]
    return bool(holds) if holds in (sympy.true, sympy.false) else None


@lowering(op.Branch)
def _branch(columns: Columns, node: op.Branch) -> Operand:
    settled = _settled(node.args[0])
    if settled is not None and not node.args[0].shape:
        arm = node.args[1] if settled else node.args[2]
        return columns.lower(op.Times(arm, op.Ones(*node.shape)) if node.shape and not arm.shape else arm)
    start = len(columns.ops)
    condition, u, v = columns.all(node.args)
    loud = any(isinstance(n, COMPLAINING) or _is_complaining(n) for arm in node.args[1:] for n in sympy.preorder_traversal(arm))
    for index in range(start, len(columns.ops)) if loud or _is_guard(node.args[0]) else ():
        columns.ops[index] = replace(columns.ops[index], details=(*columns.ops[index].details, QUIET))
    if all(columns.axes(arm) == ALONE and not columns.rank(arm) for arm in (u, v)):
        u = _as_array(columns, u)  # two Python numbers would make an array of another precision
    return columns.emit("where", condition, u, v)


QUIET = "quiet"  # among an operation's details: where it is not taken, anything may be computed without a warning


def _is_complaining(node: Basic) -> bool:
    return isinstance(node, op.Elementwise) and node.function in ("log", "sqrt", "mod", "exp")


def _is_guard(condition: Basic) -> bool:
    """Whether it asks if something is not zero, `abs(g) > 0`: it stands before products 0 · inf and 0 · log 0."""
    is_size = isinstance(condition, op.Compare) and isinstance(condition.args[1], op.Elementwise) and condition.args[1].function == "abs"
    return is_size and op.is_zero(condition.args[2])


# ---------------------------------------------------------------- linear algebra


@lowering(op.Transposed)
def _transposed(columns: Columns, node: op.Transposed) -> Operand:
    value = columns.lower(node.args[0])
    assert isinstance(value, Ref)
    return replace(value, turned=not value.turned)


@lowering(op.MatrixProduct)
def _matrix_product(columns: Columns, node: op.MatrixProduct) -> Operand:
    a, b = node.args
    if isinstance(a, op.Diagonal):  # diag(v) @ b: scales the rows
        v, right = columns.lower(a.args[0]), columns.lower(b)
        return columns.emit("multiply", v, right) if b.rank == 1 else columns.emit("scale_rows", v, right, shape=node.shape)
    if isinstance(b, op.Diagonal):  # a @ diag(v): scales the columns
        left, v = columns.lower(a), columns.lower(b.args[0])
        return columns.emit("scale_columns", left, v, shape=node.shape)
    if isinstance(b, op.Ones) and b.rank == 1:
        return columns.emit("row_sums", columns.lower(a), shape=node.shape)
    if isinstance(a, op.Outer) and b.rank == 1:  # (p qᵀ) b = p (q · b)
        return columns.lower(op.Times(a.args[0], op.Dot(a.args[1], b)))
    if b.rank == 2:
        return columns.emit("matmul", *columns.all(node.args), shape=node.shape)
    if _is_product(columns, node):
        return _affine(columns, [node], None)
    turned = isinstance(a, op.Transposed)
    matrix = columns.lower(a.args[0] if turned else a)
    assert isinstance(matrix, Ref)
    matrix = replace(matrix, turned=matrix.turned != turned)
    if isinstance(b, Quantity) and b.kind == "token" and columns.axes(matrix) == ALONE:
        return columns.emit("columns", matrix, leaf(columns, b), shape=node.shape)
    vector = columns.lower(b)
    if columns.axes(matrix) == ALONE and columns.axes(vector) > ALONE:
        return columns.emit("affine", matrix, vector, shape=node.shape, details=(1,))
    return columns.emit("matvec", matrix, vector, shape=node.shape)


@lowering(op.Outer)
def _outer(columns: Columns, node: op.Outer) -> Operand:
    return columns.emit("outer", *columns.all(node.args), shape=node.shape)


@lowering(op.Dot)
def _dot(columns: Columns, node: op.Dot) -> Operand:
    return columns.emit("dot", *columns.all(node.args), shape=())


@lowering(op.Diagonal)
def _diagonal(columns: Columns, node: op.Diagonal) -> Operand:
    v = columns.lower(node.args[0])
    eye = columns.emit("eye", shape=node.shape, axes=ALONE)
    return columns.emit("scale_rows", v, eye, shape=node.shape)


# ---------------------------------------------------------------- reductions and vectors


@lowering(op.SumEntries)
def _sum(columns: Columns, node: op.SumEntries) -> Operand:
    return columns.emit("sum", columns.lower(node.args[0]), shape=())


@lowering(op.MeanEntries)
def _mean(columns: Columns, node: op.MeanEntries) -> Operand:
    return columns.emit("mean", columns.lower(node.args[0]), shape=())


@lowering(op.Norm)
def _norm(columns: Columns, node: op.Norm) -> Operand:
    return columns.emit("norm", columns.lower(node.args[0]), shape=())


@lowering(op.Concat)
def _concat(columns: Columns, node: op.Concat) -> Operand:
    return columns.emit("concat", *columns.all(node.args), shape=node.shape)


@lowering(op.Slice)
def _slice(columns: Columns, node: op.Slice) -> Operand:
    value = columns.lower(node.args[0])
    assert isinstance(value, Ref)
    before = sympy.Integer(0) if value.rows is None else value.rows[0]
    return replace(value, rows=(before + node.args[1], before + node.args[2]))


@lowering(op.Roll)
def _roll(columns: Columns, node: op.Roll) -> Operand:
    return columns.emit("roll", columns.lower(node.args[0]), details=(int(node.args[1]),))


@lowering(op.Softmax, op.LogSoftmax, op.LogSumExp)
def _vector_function(columns: Columns, node: Tensor) -> Operand:
    word = {op.Softmax: "softmax", op.LogSoftmax: "log_softmax", op.LogSumExp: "logsumexp"}[type(node)]
    return columns.emit(word, columns.lower(node.args[0]), shape=node.shape)


# ---------------------------------------------------------------- losses


def _as_array(columns: Columns, operand: Operand) -> Operand:
    """A number as an array, so that what is computed of it keeps the working precision."""
    is_number = columns.axes(operand) == ALONE and not columns.rank(operand)
    return columns.emit("array", operand, shape=(), axes=ALONE) if is_number else operand


@lowering(*LOSS_TERMS)
def _loss(columns: Columns, node: Tensor) -> Operand:
    terms = columns.emit(LOSS_TERMS[type(node)], *(_as_array(columns, a) for a in columns.all(node.args)))
    return columns.emit("sum", terms, shape=()) if columns.rank(terms) else terms


@lowering(op.SoftmaxCrossEntropy)
def _softmax_cross_entropy(columns: Columns, node: Tensor) -> Operand:
    y, z = node.args
    given = leaf(columns, y) if isinstance(y, Quantity) and y.name in columns.classes else _as_array(columns, columns.lower(y))
    return columns.emit("softmax_cross_entropy", given, columns.lower(z), shape=())


# ---------------------------------------------------------------- sums over time and batch


@lowering(op.Total)
def _total(columns: Columns, node: op.Total) -> Operand:
    return columns.emit("total", over_steps(columns, node.body), axes=PER_SEQUENCE)


def over_steps(columns: Columns, body: Tensor) -> Operand:
    """The summand at all steps, zero in the padding."""
    value = columns.lower(body)
    if columns.axes(value) < PER_STEP:
        value = columns.emit("every_step", value, axes=PER_STEP, shape=columns.shape(value))
    elif vanishes(columns, body):
        return value
    return columns.emit("valid", value)


_LINEAR = (op.Negate, op.Times, op.MatrixProduct, op.Outer, op.Dot, op.SumEntries, op.Transposed, op.Concat, op.Slice, op.Diagonal)


def vanishes(columns: Columns, body: Basic) -> bool:
    """Whether it is zero in the padding of itself: products of stored values, one of them at the very step."""
    if isinstance(body, Quantity):
        return body.offset == 0 and body.kind != "token" and not columns.cells[body.name].ends
    if isinstance(body, op.Plus):
        return all(vanishes(columns, a) for a in body.args)
    if isinstance(body, op.Concat):
        return all(vanishes(columns, a) or op.is_zero(a) for a in body.args)
    if isinstance(body, _LINEAR):
        arguments = [a for a in body.args if isinstance(a, Tensor)]
        return all(map(_is_plain, arguments)) and any(vanishes(columns, a) for a in arguments)
    return False


def _is_plain(node: Basic) -> bool:
    if isinstance(node, (Quantity, op.Zeros, op.Ones, op.Identity)):
        return True
    if isinstance(node, Number):
        return bool(node.value.is_finite)
    return isinstance(node, (*_LINEAR, op.Plus)) and all(_is_plain(a) for a in node.args if isinstance(a, Tensor))


def summed_over_batch(columns: Columns, expression: Tensor, errors: frozenset[str]) -> Operand:
    """The value of a quantity without batch axis: terms that have one are summed over it."""
    terms = expression.args if isinstance(expression, op.Plus) else (expression,)
    parts: list[tuple[bool, Operand]] = []
    for term in (piece for whole in terms for piece in _separated(columns, whole, errors)):
        negative = isinstance(term, op.Negate)
        inner = term.args[0] if negative else term
        bodies = [(negative, inner, False)]
        if isinstance(inner, op.Total):
            rows = inner.body.args if isinstance(inner.body, op.Plus) else (inner.body,)
            bodies = [(negative != isinstance(b, op.Negate), b.args[0] if isinstance(b, op.Negate) else b, True) for b in rows]
        parts += [(minus, _sum_of_all(columns, body, over_time)) for minus, body, over_time in bodies]
    return columns.sum(parts)


def _separated(columns: Columns, term: Tensor, errors: frozenset[str]) -> list[Tensor]:
    """A term that mixes errors with and without batch axis, as a sum of one of each: it is linear in them."""
    from rnnsym.program.schedule import without

    read = {q.name for q in sympy.preorder_traversal(term) if isinstance(q, Quantity)} & errors
    with_batch = {name for name in read if columns.cells[name].axes > ALONE}
    if not with_batch or with_batch == read:
        return [term]
    return [part for part in (without(term, read - with_batch), without(term, with_batch)) if not op.is_zero(part)]


def _sum_of_all(columns: Columns, body: Tensor, over_time: bool) -> Operand:
    """Σ over the batch, and over time too where asked; Σ of an outer product is one matrix product."""
    factors = [f for f in body.args if not f.rank] if isinstance(body, op.Times) else []
    products = [f for f in body.args if f.rank] if isinstance(body, op.Times) else [body]
    if len(products) == 1 and isinstance(products[0], op.Outer):
        a, b = products[0].args
        summed = _sum_of_outer(columns, op.Times(*factors, a) if factors else a, b, over_time)
        if summed is not None:
            return summed
    value = over_steps(columns, body) if over_time else columns.lower(body)
    if columns.axes(value) == ALONE:
        each = any(isinstance(q, Quantity) and q.name in columns.seeds for q in sympy.preorder_traversal(body))
        return columns.emit("for_each", value, shape=columns.shape(value)) if each else value
    return columns.emit("sum_all", value, axes=ALONE, shape=columns.shape(value))


def _sum_of_outer(columns: Columns, a: Tensor, b: Tensor, over_time: bool) -> Operand | None:
    shape = (a.shape[0], b.shape[0])
    tokens = [isinstance(u, Quantity) and u.kind == "token" for u in (a, b)]
    if over_time and not vanishes(columns, op.Outer(a, b)):
        return None if any(tokens) else _sum_of_valid_outer(columns, a, b)
    if tokens == [True, False]:
        found = _sum_of_outer(columns, b, a, over_time)
        return replace(found, turned=not found.turned) if isinstance(found, Ref) else None
    first = columns.lower(a)
    second = leaf(columns, b) if tokens[1] else columns.lower(b)
    axes = max(columns.axes(first), columns.axes(second))
    mixed = columns.axes(first) != columns.axes(second)
    if axes == ALONE or (tokens[1] and mixed):
        return None
    if tokens[1]:
        return columns.emit("scatter", first, second, shape=shape, axes=ALONE, details=(b.shape[0],))
    return columns.emit("outer_sum", first, second, shape=shape, axes=ALONE)


def _sum_of_valid_outer(columns: Columns, a: Tensor, b: Tensor) -> Operand | None:
    """The same where the padding holds anything: what may be no number there is selected, and one operand at least is zero."""
    operands = [columns.lower(u) for u in (a, b)]
    running = [columns.axes(u) == PER_STEP for u in operands]
    if not any(running):
        return None
    unsure = [runs and not _is_plain(u) for u, runs in zip((a, b), running, strict=True)]
    if not any(unsure) and not any(vanishes(columns, u) for u in (a, b)):
        unsure[running.index(True)] = True
    operands = [columns.emit("valid", u) if guarded else u for u, guarded in zip(operands, unsure, strict=True)]
    return columns.emit("outer_sum", *operands, shape=(a.shape[0], b.shape[0]), axes=ALONE)


__all__ = ["Columns", "leaf", "over_steps", "summed_over_batch", "vanishes"]
