"""Index form: what every operator means entry by entry, as a SymPy expression with symbolic sizes.

Comes in: a tensor expression and one symbol per axis. Goes out: its entry there, made of `Indexed`, `Sum` and SymPy's own functions, so
that SymPy can differentiate it. Functions of ours stand for what has no derivative: `Positive` (1 where the argument is positive, else
0), `Within` (1 where an index lies in a range), `Floor`, and `Frozen`, which stop_gradient hides. At kinks they say what the language says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count

import sympy
from sympy import Basic, Expr, IndexedBase, Integer, Mod, Rational, Sum, exp, log, sqrt

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import size
from rnnsym.algebra.tensor import Number, Quantity, Tensor
from rnnsym.calculus.elementwise import KINKS

Entry = Callable[..., Expr]
STEPS = size("T")  # how many steps a sum over time has
Indices = tuple[Expr, ...]


class _Constant(sympy.Function):
    """A function that is constant wherever it has a derivative."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return Integer(0)


class Positive(_Constant):
    """1 where the argument is positive, otherwise 0."""

    nargs = 1
    is_real = True

    @classmethod
    def eval(cls, argument: Expr) -> Expr | None:
        if argument.is_number and argument.is_extended_real:
            return Integer(1 if argument.is_extended_positive else 0)
        expanded = sympy.expand(argument)
        return None if expanded == argument else cls(expanded)


class Within(_Constant):
    """Within(i, a, b) is 1 for a ≤ i < b, otherwise 0."""

    nargs = 3
    is_real = True


class Floor(_Constant):
    """The largest whole number that is not greater."""

    nargs = 1
    is_real = True


class Frozen(_Constant):
    """A value that passes no gradient on."""

    nargs = 1
    is_real = True


class IndexForm:
    """Entries of expressions whose leaves are named by one table.

    leaves      SymPy name by quantity
    own         conditions that the model itself states; any other `|y| > 0` and `norm > 0` is a convention of a rule
    conventions what the entries rest on at kinks, in the order of meeting
    negative    what is at most 0 by the meaning of a function: low - high in clip(u, low, high), without indices
    """

    def __init__(self, leaves: dict[Quantity, str], own: Iterable[Basic] = ()):
        self.leaves = leaves
        self.own = frozenset(own)
        self.conventions: dict[str, None] = {}
        self.negative: list[Expr] = []
        self.numbers = count()
        self.step: Expr | None = None  # inside a sum over time: the step at which running quantities stand

    def index(self) -> sympy.Symbol:
        """A fresh index: capture would be silent."""
        return sympy.Symbol(f"i{next(self.numbers)}", integer=True, nonnegative=True)

    def leaf(self, quantity: Quantity, indices: Indices) -> Expr:
        name = self.leaves[quantity]
        if self.step is not None and quantity.time is not None:
            indices = (*indices, self.step)
        return IndexedBase(name, real=True)[indices] if indices else sympy.Symbol(name, real=True)

    def entry(self, node: Basic, indices: Indices = ()) -> Expr:
        """The entry of a tensor at these indices."""
        if isinstance(node, Quantity):
            return self.leaf(node, indices)
        return _ENTRIES[type(node)](self, node, indices)

    def at(self, node: Tensor, indices: Indices) -> Expr:
        """The entry of an argument that may be a scalar, broadcast."""
        return self.entry(node, indices if node.shape else ())

    def total(self, body: Callable[[Indices], Expr], shape: Iterable[Expr]) -> Expr:
        """Σ over all entries of a shape."""
        lengths = tuple(shape)
        indices = tuple(self.index() for _ in lengths)
        value = body(indices)
        for i, length in zip(reversed(indices), reversed(lengths), strict=True):
            value = Sum(value, (i, 0, length - 1))
        return value

    def over_time(self, body: Callable[[], Expr]) -> Expr:
        """Σ over all steps."""
        outside, self.step = self.step, self.index()
        step, value = self.step, body()
        self.step = outside
        return Sum(value, (step, 0, STEPS - 1))

    def at_step(self, step: Expr | None, body: Callable[[], Expr]) -> Expr:
        """The value of `body` where running quantities stand at a step."""
        outside, self.step = self.step, step
        value = body()
        self.step = outside
        return value

    def holds(self, condition: Basic, indices: Indices) -> Expr:
        """1 where a condition holds, otherwise 0."""
        if isinstance(condition, op.TimeIs):
            return Positive(sympy.Symbol(f"({condition.time} is {condition.mark})", real=True))
        assert isinstance(condition, op.Compare)
        _, u, v = condition.args
        if condition not in self.own and condition.comparison == ">" and op.is_zero(v) and _is_size_of_something(u):
            self.conventions["where a value is 0, so is the gradient that would be divided by it (norm'(0) = 0, 0 · log 0 = 0)"] = None
            return Integer(1)
        a, b = self.at(u, indices), self.at(v, indices)
        return {"<": Positive(b - a), ">": Positive(a - b), "<=": 1 - Positive(a - b), ">=": 1 - Positive(b - a)}[condition.comparison]


def _is_size_of_something(u: Basic) -> bool:
    return isinstance(u, op.Norm) or (isinstance(u, op.Elementwise) and u.function == "abs")


_ENTRIES: dict[type, Entry] = {}


def index_form(*operators: type) -> Callable[[Entry], Entry]:
    """Enter a function (form, node, indices) into the table."""

    def enter(rule: Entry) -> Entry:
        _ENTRIES.update(dict.fromkeys(operators, rule))
        return rule

    return enter


@index_form(Number)
def _number(form, node, i):
    return node.value


@index_form(op.Zeros)
def _zeros(form, node, i):
    return Integer(0)


@index_form(op.Ones)
def _ones(form, node, i):
    return Integer(1)


@index_form(op.Identity)
def _identity(form, node, i):
    return sympy.KroneckerDelta(*i)


@index_form(op.Plus)
def _plus(form, node, i):
    return sympy.Add(*(form.at(u, i) for u in node.args))


@index_form(op.Negate)
def _negate(form, node, i):
    return -form.at(node.args[0], i)


@index_form(op.Times)
def _times(form, node, i):
    return sympy.Mul(*(form.at(u, i) for u in node.args))


@index_form(op.Quotient)
def _quotient(form, node, i):
    return form.at(node.args[0], i) / form.at(node.args[1], i)


@index_form(op.Raise)
def _raise(form, node, i):
    return form.at(node.args[0], i) ** form.at(node.args[1], i)


@index_form(op.Complement)
def _complement(form, node, i):
    return 1 - form.at(node.args[0], i)


@index_form(op.Elementwise)
def _elementwise(form, node, i):
    if node.function in KINKS:
        form.conventions[KINKS[node.function]] = None
    arguments = [form.at(u, i) for u in node.arguments]
    if node.function == "clip":
        bound = sympy.expand(arguments[1] - arguments[2])
        form.negative.append(bound.replace(lambda e: isinstance(e, sympy.Indexed), lambda e: e.base.label))
    return FUNCTIONS[node.function](*arguments)


@index_form(op.Branch)
def _branch(form, node, i):
    condition, u, v = node.args
    holds = form.holds(condition, i if condition.shape else ())
    return holds * form.at(u, i) + (1 - holds) * form.at(v, i)


# ---------------------------------------------------------------- elementwise functions


def _sign(u: Expr) -> Expr:
    return Positive(u) - Positive(-u)


def _max(u: Expr, v: Expr) -> Expr:
    tie = 1 - Positive(u - v) - Positive(v - u)
    return Positive(u - v) * u + Positive(v - u) * v + tie * (u + v) / 2


def _min(u: Expr, v: Expr) -> Expr:
    return u + v - _max(u, v)


def _clip(u: Expr, low: Expr, high: Expr) -> Expr:
    below, above = Positive(low - u), Positive(u - high)  # never both: low ≤ high
    return below * low + above * high + (1 - below - above) * u


FUNCTIONS: dict[str, Callable[..., Expr]] = {
    "sigmoid": lambda u: 1 / (1 + exp(-u)),
    "tanh": sympy.tanh,
    "relu": lambda u: Positive(u) * u,
    "exp": exp,
    "log": log,
    "sqrt": sqrt,
    "abs": lambda u: _sign(u) * u,
    "sign": _sign,
    "sin": sympy.sin,
    "cos": sympy.cos,
    "erf": sympy.erf,
    "softplus": lambda u: log(1 + exp(u)),
    "silu": lambda u: u / (1 + exp(-u)),
    "gelu": lambda u: u * (1 + sympy.erf(u / sqrt(2))) / 2,
    "elu": lambda u: Positive(u) * u + (1 - Positive(u)) * (exp(u) - 1),
    "min": _min,
    "max": _max,
    "mod": lambda u, m: u - m * Floor(u / m),
    "clip": _clip,
}


# ---------------------------------------------------------------- linear algebra, reductions


@index_form(op.MatrixProduct)
def _matrix_product(form, node, i):
    a, x = node.args
    return form.total(lambda j: form.entry(a, (i[0], *j)) * form.entry(x, (*j, *i[1:])), (a.shape[1],))


@index_form(op.Transposed)
def _transposed(form, node, i):
    return form.entry(node.args[0], i[::-1])


@index_form(op.Outer)
def _outer(form, node, i):
    return form.entry(node.args[0], i[:1]) * form.entry(node.args[1], i[1:])


@index_form(op.Dot)
def _dot(form, node, i):
    a, b = node.args
    return form.total(lambda j: form.entry(a, j) * form.entry(b, j), a.shape)


@index_form(op.Diagonal)
def _diagonal(form, node, i):
    return sympy.KroneckerDelta(*i) * form.entry(node.args[0], i[:1])


@index_form(op.SumEntries)
def _sum(form, node, i):
    return form.total(lambda j: form.entry(node.args[0], j), node.args[0].shape)


@index_form(op.MeanEntries)
def _mean(form, node, i):
    (u,) = node.args
    return form.total(lambda j: form.entry(u, j), u.shape) / sympy.Mul(*u.shape)


@index_form(op.Norm)
def _norm(form, node, i):
    (u,) = node.args
    return sqrt(form.total(lambda j: form.entry(u, j) ** 2, u.shape))


# ---------------------------------------------------------------- vectors


@index_form(op.Concat)
def _concat(form, node, i):
    start, entries = Integer(0), []
    for part in node.args:
        stop = sympy.expand(start + op.part_length(part))
        entries.append(Within(i[0], start, stop) * (form.entry(part, (i[0] - start,)) if part.shape else form.entry(part)))
        start = stop
    return sympy.Add(*entries)


@index_form(op.Slice)
def _slice(form, node, i):
    return form.entry(node.args[0], (i[0] + node.args[1],))


@index_form(op.Roll)
def _roll(form, node, i):
    return form.entry(node.args[0], (Mod(i[0] - node.args[1], node.shape[0]),))


def _log_total(form: IndexForm, z: Tensor) -> Expr:
    return log(form.total(lambda j: exp(form.entry(z, j)), z.shape))


@index_form(op.Softmax)
def _softmax(form, node, i):
    (z,) = node.args
    return exp(form.entry(z, i)) / form.total(lambda j: exp(form.entry(z, j)), z.shape)


@index_form(op.LogSoftmax)
def _log_softmax(form, node, i):
    return form.entry(node.args[0], i) - _log_total(form, node.args[0])


@index_form(op.LogSumExp)
def _logsumexp(form, node, i):
    return _log_total(form, node.args[0])


@index_form(op.StopGradient)
def _stop_gradient(form, node, i):
    return Frozen(form.entry(node.args[0], i))


@index_form(op.Total)
def _total(form, node, i):
    return form.over_time(lambda: form.entry(node.body, i))


# ---------------------------------------------------------------- losses


def _loss(form: IndexForm, node: Basic, summand: Callable[[Expr, Expr], Expr]) -> Expr:
    y, v = node.args
    shape = v.shape or y.shape
    return form.total(lambda j: summand(form.at(y, j), form.at(v, j)), shape)


@index_form(op.CrossEntropy)
def _cross_entropy(form, node, i):
    return _loss(form, node, lambda y, p: -y * log(p))


@index_form(op.BinaryCrossEntropy)
def _binary_cross_entropy(form, node, i):
    return _loss(form, node, lambda y, p: -y * log(p) - (1 - y) * log(1 - p))


@index_form(op.SquaredError)
def _squared_error(form, node, i):
    return _loss(form, node, lambda y, v: (v - y) ** 2)


@index_form(op.SoftmaxCrossEntropy)
def _softmax_cross_entropy(form, node, i):
    over = _log_total(form, node.args[1])
    return _loss(form, node, lambda y, z: -y * (z - over))


@index_form(op.SigmoidCrossEntropy)
def _sigmoid_cross_entropy(form, node, i):
    return _loss(form, node, lambda y, z: y * log(1 + exp(-z)))


@index_form(op.SigmoidBinaryCrossEntropy)
def _sigmoid_binary_cross_entropy(form, node, i):
    return _loss(form, node, lambda y, z: log(1 + exp(z)) - y * z)


OPERATORS = tuple(_ENTRIES)

__all__ = ["FUNCTIONS", "OPERATORS", "Floor", "Frozen", "IndexForm", "Positive", "Rational", "Within"]
