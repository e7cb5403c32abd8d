"""The operators of tensor expressions: one class each, shape-checked, lightly normalised, never sorted.

Comes in: tensors. Goes out: a tensor. Constructors drop zeros and ones, flatten sums and products and pull signs outwards; the
order of the user's terms stays. What an operator means entry by entry stands in its docstring.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import sympy
from sympy import Basic
from sympy.core.symbol import Str

from rnnsym.algebra.sizes import Shape, same_shape, same_size, shape_text, size_text
from rnnsym.algebra.tensor import BOUND, Number, Quantity, Tensor, as_tensor, broadcast_shape, require, t
from rnnsym.errors import ModelError

UNARY_FUNCTIONS = (
    "sigmoid", "tanh", "relu", "exp", "log", "sqrt", "abs", "sign", "sin", "cos", "erf", "softplus", "silu", "gelu", "elu",
)  # fmt: skip
BINARY_FUNCTIONS = ("min", "max", "mod")
FUNCTION_ARITY = {**dict.fromkeys(UNARY_FUNCTIONS, 1), **dict.fromkeys(BINARY_FUNCTIONS, 2), "clip": 3}
COMPARISONS = ("<", "<=", ">", ">=")


# ---------------------------------------------------------------- constants


class Zeros(Tensor):
    """Every entry is 0. (The scalar zero is `Number(0)`.)"""

    __slots__ = ()

    def __new__(cls, *shape):
        return cls._make(tuple(map(sympy.sympify, shape)), *map(sympy.sympify, shape)) if shape else Number(0)


class Ones(Tensor):
    """Every entry is 1. (The scalar one is `Number(1)`.)"""

    __slots__ = ()

    def __new__(cls, *shape):
        return cls._make(tuple(map(sympy.sympify, shape)), *map(sympy.sympify, shape)) if shape else Number(1)


class Identity(Tensor):
    """The identity matrix of size n."""

    __slots__ = ()

    def __new__(cls, n):
        n = sympy.sympify(n)
        return cls._make((n, n), n)


def zeros(shape: Shape) -> Tensor:
    """The zero tensor of that shape."""
    return Zeros(*shape)


def is_zero(tensor: Basic) -> bool:
    return isinstance(tensor, Zeros) or (isinstance(tensor, Number) and tensor.value == 0)


def is_one(tensor: Basic) -> bool:
    return isinstance(tensor, Ones) or (isinstance(tensor, Number) and tensor.value == 1)


def _unsigned(tensor: Tensor) -> tuple[bool, Tensor]:
    """Whether the tensor is a negation, and what is negated."""
    return (True, tensor.args[0]) if isinstance(tensor, Negate) else (False, tensor)


def _signed(negative: bool, tensor: Tensor) -> Tensor:
    return Negate(tensor) if negative else tensor


def _flat(cls: type[Tensor], tensors: Iterable[Tensor]) -> list[Tensor]:
    out: list[Tensor] = []
    for tensor in tensors:
        out.extend(tensor.args if isinstance(tensor, cls) else [tensor])
    return out


# ---------------------------------------------------------------- arithmetic, elementwise with scalar broadcast


class Plus(Tensor):
    """Sum of terms: (u + v)_i = u_i + v_i."""

    __slots__ = ()

    def __new__(cls, *terms):
        flat = _flat(cls, map(as_tensor, terms))
        shape = broadcast_shape(flat, "a sum")
        kept = [u for u in flat if not is_zero(u)]
        if shape and not any(u.shape for u in kept):
            kept += [Zeros(*shape)]
        if len(kept) == 1:
            return kept[0]
        return cls._make(shape, *kept) if kept else zeros(shape)


class Negate(Tensor):
    """Negation: (-u)_i = -u_i."""

    __slots__ = ()

    def __new__(cls, u):
        u = as_tensor(u)
        if isinstance(u, cls):
            return u.args[0]
        return u if is_zero(u) else cls._make(u.shape, u)


class Times(Tensor):
    """Elementwise (Hadamard) product: (u v)_i = u_i v_i; scalars broadcast."""

    __slots__ = ()

    def __new__(cls, *factors):
        flat = _flat(cls, map(as_tensor, factors))
        shape = broadcast_shape(flat, "a product")
        kept: list[Tensor] = []
        negative, coefficient, place = False, sympy.Integer(1), 0
        for factor in flat:
            sign, factor = _unsigned(factor)
            negative ^= sign
            parts = factor.args if isinstance(factor, cls) else (factor,)
            for part in parts:
                if is_zero(part):
                    return zeros(shape)
                if isinstance(part, Number) and part.value.is_Rational and _is_short(coefficient * part.value):
                    place = len(kept) if coefficient == 1 else place
                    coefficient *= part.value
                else:
                    kept.append(part)
        if coefficient != 1:
            kept.insert(place, Number(coefficient))
        needed = [u for u in kept if not is_one(u)]
        if shape and not any(u.shape for u in needed):  # a scalar spread over the shape
            needed += [next((u for u in kept if isinstance(u, Ones)), Ones(*shape))]
        result = needed[0] if len(needed) == 1 else cls._make(shape, *needed) if needed else Number(1)
        return _signed(negative, result)


def _is_short(value: sympy.Rational) -> bool:
    """Whether folding to this number keeps it printable exactly as a float literal."""
    return value.p.bit_length() < 54 and value.q.bit_length() < 54 and sympy.Rational(repr(float(value))) == value


class Quotient(Tensor):
    """Elementwise quotient: (u / v)_i = u_i / v_i."""

    __slots__ = ()

    def __new__(cls, u, v):
        (minus_u, u), (minus_v, v) = _unsigned(as_tensor(u)), _unsigned(as_tensor(v))
        shape = broadcast_shape((u, v), "a quotient")
        require(not is_zero(v), lambda: f"`{u}` is divided by zero", "a divisor that is not zero")
        if is_zero(u):
            return zeros(shape)
        if is_one(v) and same_shape(u.shape, shape):
            return _signed(minus_u ^ minus_v, u)
        return _signed(minus_u ^ minus_v, cls._make(shape, u, v))


class Raise(Tensor):
    """Elementwise power: (u ** v)_i = u_i ** v_i."""

    __slots__ = ()

    def __new__(cls, u, v):
        u, v = as_tensor(u), as_tensor(v)
        shape = broadcast_shape((u, v), "a power")
        if isinstance(v, Number) and v.value == 1:
            return u
        if is_zero(v):
            return Ones(*shape)
        return cls._make(shape, u, v)


class Elementwise(Tensor):
    """A function applied entry by entry; the first argument is its name, one of `FUNCTION_ARITY`."""

    __slots__ = ()

    def __new__(cls, function, *arguments):
        name = str(function)
        arguments = tuple(map(as_tensor, arguments))
        arity = FUNCTION_ARITY.get(name)
        require(arity == len(arguments), lambda: f"{name} with {len(arguments)} arguments", f"{arity} arguments")
        return cls._make(broadcast_shape(arguments, name), Str(name), *arguments)

    @property
    def function(self) -> str:
        return self.args[0].name

    @property
    def arguments(self) -> tuple[Tensor, ...]:
        return self.args[1:]


class Complement(Tensor):
    """1 - s for s = sigmoid(u), carried with u so that it is computed as sigmoid(-u), without loss of digits.

    As a function it depends on s alone; u only says how to compute it.
    """

    __slots__ = ()

    def __new__(cls, s, u):
        return cls._make(s.shape, s, u)


# ---------------------------------------------------------------- conditions and branches


class Condition(Basic):
    """A truth value per entry; has a shape and is no tensor: no gradient flows through it."""

    __slots__ = ("shape",)
    shape: Shape

    def __str__(self) -> str:
        from rnnsym.algebra.text import expression_text

        return expression_text(self)

    __repr__ = __str__

    def _sympystr(self, printer) -> str:
        return str(self)


class Compare(Condition):
    """u < v, u <= v, u > v or u >= v, entry by entry."""

    __slots__ = ()

    def __new__(cls, comparison, u, v):
        u, v = as_tensor(u), as_tensor(v)
        require(str(comparison) in COMPARISONS, lambda: f"comparison {comparison}", " ".join(COMPARISONS))
        node = Basic.__new__(cls, Str(str(comparison)), u, v)
        node.shape = broadcast_shape((u, v), "a comparison")
        return node

    @property
    def comparison(self) -> str:
        return self.args[0].name


class TimeIs(Condition):
    """Whether the running step is the first (`t == 1`) or the last (`t == T`)."""

    __slots__ = ()

    def __new__(cls, time, mark):
        node = Basic.__new__(cls, sympy.sympify(time), sympy.sympify(mark))
        node.shape = ()
        return node

    @property
    def time(self) -> sympy.Expr:
        return self.args[0]

    @property
    def mark(self) -> sympy.Expr:
        return self.args[1]


class Branch(Tensor):
    """`u if condition else v`, entry by entry; the branch not taken has no effect, not even through nan."""

    __slots__ = ()

    def __new__(cls, condition, u, v):
        u, v = as_tensor(u), as_tensor(v)
        shape = broadcast_shape((u, v), "a conditional")
        if condition.shape:
            require(
                not shape or same_shape(shape, condition.shape),
                lambda: f"the condition `{condition}` has shape {shape_text(condition.shape)}, its branches {shape_text(shape)}",
                "equal shapes, or a scalar",
            )
            shape = condition.shape
        if is_zero(u) and is_zero(v):
            return zeros(shape)
        return cls._make(shape, condition, u, v)


# ---------------------------------------------------------------- linear algebra


class MatrixProduct(Tensor):
    """(A @ x)_i = Σ_j A_ij x_j for a vector, (A @ B)_ik = Σ_j A_ij B_jk for a matrix."""

    __slots__ = ()

    def __new__(cls, a, b):
        (minus_a, a), (minus_b, b) = _unsigned(as_tensor(a)), _unsigned(as_tensor(b))
        require(a.rank == 2, lambda: f"left of @ stands `{a}` of shape {shape_text(a.shape)}", "a matrix")
        require(b.rank >= 1, lambda: f"right of @ stands `{b}` of shape ()", "a vector or a matrix")
        require(
            same_size(a.shape[1], b.shape[0]),
            lambda: f"`{a}` has {size_text(a.shape[1])} columns, `{b}` has {size_text(b.shape[0])} rows",
            "equal inner sizes",
        )
        shape = (a.shape[0], *b.shape[1:])
        if is_zero(a) or is_zero(b):
            return zeros(shape)
        if isinstance(a, Identity):
            return _signed(minus_a ^ minus_b, b)
        if isinstance(b, Identity):
            return _signed(minus_a ^ minus_b, a)
        return _signed(minus_a ^ minus_b, cls._make(shape, a, b))


class Transposed(Tensor):
    """(M.T)_ij = M_ji."""

    __slots__ = ()

    def __new__(cls, m):
        negative, m = _unsigned(as_tensor(m))
        require(m.rank == 2, lambda: f"`{m}` of shape {shape_text(m.shape)} is transposed", "a matrix")
        shape = (m.shape[1], m.shape[0])
        if isinstance(m, cls):
            result = m.args[0]
        elif isinstance(m, (Identity, Diagonal)):
            result = m
        elif isinstance(m, Outer):
            result = Outer(m.args[1], m.args[0])
        elif isinstance(m, (Zeros, Ones)):
            result = type(m)(*shape)
        else:
            result = cls._make(shape, m)
        return _signed(negative, result)


class Outer(Tensor):
    """outer(a, b)_ij = a_i b_j."""

    __slots__ = ()

    def __new__(cls, a, b):
        (minus_a, a), (minus_b, b) = _unsigned(as_tensor(a)), _unsigned(as_tensor(b))
        require(a.rank == 1 and b.rank == 1, lambda: f"outer of shapes {shape_text(a.shape)} and {shape_text(b.shape)}", "two vectors")
        shape = (a.shape[0], b.shape[0])
        if is_zero(a) or is_zero(b):
            return zeros(shape)
        return _signed(minus_a ^ minus_b, cls._make(shape, a, b))


class Dot(Tensor):
    """dot(a, b) = Σ_i a_i b_i."""

    __slots__ = ()

    def __new__(cls, a, b):
        (minus_a, a), (minus_b, b) = _unsigned(as_tensor(a)), _unsigned(as_tensor(b))
        require(a.rank == 1 and b.rank == 1, lambda: f"dot of shapes {shape_text(a.shape)} and {shape_text(b.shape)}", "two vectors")
        require(
            same_size(a.shape[0], b.shape[0]),
            lambda: f"dot of lengths {size_text(a.shape[0])} and {size_text(b.shape[0])}",
            "equal lengths",
        )
        if is_zero(a) or is_zero(b):
            return Number(0)
        return _signed(minus_a ^ minus_b, cls._make((), a, b))


class Diagonal(Tensor):
    """diag(v)_ij = v_i if i = j else 0; never formed where a product consumes it."""

    __slots__ = ()

    def __new__(cls, v):
        negative, v = _unsigned(as_tensor(v))
        require(v.rank == 1, lambda: f"diag of shape {shape_text(v.shape)}", "a vector")
        shape = (v.shape[0], v.shape[0])
        return zeros(shape) if is_zero(v) else _signed(negative, cls._make(shape, v))


# ---------------------------------------------------------------- reductions


class _Reduction(Tensor):
    """Shared by the reductions of a vector or a matrix to a scalar."""

    __slots__ = ()
    word = ""

    def __new__(cls, u):
        negative, u = _unsigned(as_tensor(u))
        require(u.rank >= 1, lambda: f"{cls.word} of the scalar `{u}`", "a vector or a matrix")
        return Number(0) if is_zero(u) else _signed(negative and cls.word != "norm", cls._make((), u))


class SumEntries(_Reduction):
    """sum(u) = Σ_i u_i (over all entries of a matrix)."""

    __slots__ = ()
    word = "sum"


class MeanEntries(_Reduction):
    """mean(u) = sum(u) divided by the number of entries."""

    __slots__ = ()
    word = "mean"


class Norm(_Reduction):
    """norm(u) = sqrt(Σ_i u_i²), the Euclidean or Frobenius norm; its derivative at 0 is 0."""

    __slots__ = ()
    word = "norm"


# ---------------------------------------------------------------- vectors


class Concat(Tensor):
    """concat(a, b, …): one after the other; a scalar counts as length 1."""

    __slots__ = ()

    def __new__(cls, *parts):
        flat = _flat(cls, map(as_tensor, parts))
        for part in flat:
            _require_part(part)
        length = sum((part_length(p) for p in flat), sympy.Integer(0))
        if all(map(is_zero, flat)):
            return Zeros(length)
        if len(flat) == 1 and flat[0].rank == 1:
            return flat[0]
        return cls._make((length,), *flat)


def _require_part(part: Tensor) -> None:
    require(part.rank <= 1, lambda: f"concat of `{part}` of shape {shape_text(part.shape)}", "vectors or scalars")


def part_length(part: Tensor) -> sympy.Expr:
    """How many entries a part of a concatenation takes."""
    return part.shape[0] if part.shape else sympy.Integer(1)


class Slice(Tensor):
    """v[a:b]_i = v_{a+i}, 0 ≤ i < b - a."""

    __slots__ = ()

    def __new__(cls, v, start, stop):
        negative, v = _unsigned(as_tensor(v))
        start, stop = sympy.sympify(start), sympy.sympify(stop)
        require(v.rank == 1, lambda: f"a slice of `{v}` of shape {shape_text(v.shape)}", "a vector")
        length = sympy.expand(stop - start)
        in_range = all(sympy.expand(d).is_negative is not True for d in (start, length, v.shape[0] - stop))
        bounds = f"[{size_text(start)}:{size_text(stop)}]"
        require(in_range, lambda: f"the slice {bounds} of a vector of length {size_text(v.shape[0])}", "bounds inside it")
        if start == 0 and same_size(length, v.shape[0]):
            return _signed(negative, v)
        return zeros((length,)) if is_zero(v) else _signed(negative, cls._make((length,), v, start, stop))


class Roll(Tensor):
    """roll(v, k)_i = v_{i-k}, cyclic."""

    __slots__ = ()

    def __new__(cls, v, steps):
        negative, v = _unsigned(as_tensor(v))
        steps = sympy.sympify(steps)
        require(v.rank == 1, lambda: f"roll of shape {shape_text(v.shape)}", "a vector")
        require(bool(steps.is_Integer), lambda: f"roll by {steps}", "a whole number")
        return v if steps == 0 or is_zero(v) else _signed(negative, cls._make(v.shape, v, steps))


class _VectorFunction(Tensor):
    """Shared by the functions that take one vector."""

    __slots__ = ()
    word = ""
    keeps_shape = True

    def __new__(cls, v):
        v = as_tensor(v)
        require(v.rank == 1, lambda: f"{cls.word} of `{v}` of shape {shape_text(v.shape)}", "a vector")
        return cls._make(v.shape if cls.keeps_shape else (), v)


class Softmax(_VectorFunction):
    """softmax(z)_i = exp(z_i) / Σ_j exp(z_j)."""

    __slots__ = ()
    word = "softmax"


class LogSoftmax(_VectorFunction):
    """log_softmax(z)_i = z_i - log Σ_j exp(z_j)."""

    __slots__ = ()
    word = "log_softmax"


class LogSumExp(_VectorFunction):
    """logsumexp(z) = log Σ_j exp(z_j)."""

    __slots__ = ()
    word = "logsumexp"
    keeps_shape = False


class StopGradient(Tensor):
    """stop_gradient(u) = u, a constant to every derivative."""

    __slots__ = ()

    def __new__(cls, u):
        u = as_tensor(u)
        return cls._make(u.shape, u)


# ---------------------------------------------------------------- losses


class _Loss(Tensor):
    """Shared by the losses: two vectors or two scalars (or one broadcast), a scalar result."""

    __slots__ = ()
    word = ""

    def __new__(cls, y, p):
        y, p = as_tensor(y), as_tensor(p)
        require(
            y.rank <= 1 and p.rank <= 1,
            lambda: f"{cls.word} of shapes {shape_text(y.shape)} and {shape_text(p.shape)}",
            "vectors or scalars",
        )
        broadcast_shape((y, p), cls.word)
        return cls._make((), y, p)


class CrossEntropy(_Loss):
    """cross_entropy(y, p) = -Σ_i y_i log p_i, with 0 · log 0 = 0."""

    __slots__ = ()
    word = "cross_entropy"


class BinaryCrossEntropy(_Loss):
    """binary_cross_entropy(y, p) = -Σ_i [y_i log p_i + (1 - y_i) log(1 - p_i)]."""

    __slots__ = ()
    word = "binary_cross_entropy"


class SquaredError(_Loss):
    """squared_error(y, v) = Σ_i (v_i - y_i)², no half."""

    __slots__ = ()
    word = "squared_error"


class SoftmaxCrossEntropy(_Loss):
    """cross_entropy(y, softmax(z)), taken as one: -Σ_i y_i log_softmax(z)_i."""

    __slots__ = ()
    word = "cross_entropy"


class SigmoidCrossEntropy(_Loss):
    """cross_entropy(y, sigmoid(z)), taken as one: Σ_i y_i softplus(-z_i)."""

    __slots__ = ()
    word = "cross_entropy"


class SigmoidBinaryCrossEntropy(_Loss):
    """binary_cross_entropy(y, sigmoid(z)), taken as one: Σ_i [softplus(z_i) - y_i z_i]."""

    __slots__ = ()
    word = "binary_cross_entropy"


# ---------------------------------------------------------------- time


class Total(Tensor):
    """total(u[t]) = Σ_{t=1}^{T} u[t], a static quantity. `body` gives u[t] back as a function of t."""

    __slots__ = ()

    def __new__(cls, u):
        negative, u = _unsigned(as_tensor(u))
        body = u.xreplace({t: BOUND})
        if is_zero(body):
            return zeros(body.shape)
        return _signed(negative, cls._make(body.shape, body))

    @property
    def body(self) -> Tensor:
        """The summand, at the generic step t."""
        return _unbind(self.args[0])


@lru_cache(maxsize=8192)
def _unbind(node: Basic) -> Basic:
    """The bound step becomes t again, but not inside a further sum over time."""
    if node is BOUND or node == BOUND:
        return t
    if isinstance(node, Total) or not node.args:
        return node
    arguments = [_unbind(a) for a in node.args]
    return node if all(a is b for a, b in zip(arguments, node.args, strict=True)) else node.func(*arguments)


# ---------------------------------------------------------------- shorthands for expressions built in Python


def apply(function: str, *arguments) -> Tensor:
    """An elementwise function by name; `min` and `max` take two or more.

    The result has the arguments' common shape, scalars spread. Raises ModelError for a name that is no such function, a wrong number of
    arguments, or shapes that do not meet.

    >>> from rnnsym.algebra import Quantity, sizes, t
    >>> (n,) = sizes("n")
    >>> h = apply("tanh", Quantity("u", (n,))[t])
    >>> h, h.shape
    (tanh(u[t]), (n,))
    """
    if function not in FUNCTION_ARITY:
        raise ModelError.at("E203", f"there is no elementwise function `{function}`", expected=", ".join(FUNCTION_ARITY))
    if function in ("min", "max") and len(arguments) > 2:
        return Elementwise(function, apply(function, *arguments[:-1]), arguments[-1])
    return Elementwise(function, *arguments)


def scalar_sum(tensor: Tensor) -> Tensor:
    """Σ of all entries, for a scalar itself; a sum over a product of two vectors is their dot product."""
    negative, inner = _unsigned(tensor)
    if not inner.shape:
        return tensor
    if isinstance(inner, Times) and inner.rank == 1:
        scalars = [f for f in inner.args if not f.shape]
        vectors = [f for f in inner.args if f.shape and not isinstance(f, Ones)]
        if len(vectors) >= 2:
            return _signed(negative, Times(*scalars, Dot(Times(*vectors[:-1]), vectors[-1])))
        if scalars and vectors:
            return _signed(negative, Times(*scalars, SumEntries(vectors[0])))
    if isinstance(inner, Ones) or (isinstance(inner, Times) and all(not f.shape or isinstance(f, Ones) for f in inner.args)):
        scalars = [f for f in inner.args if isinstance(inner, Times) and not f.shape]
        return _signed(negative, Times(*scalars, *(Number(s) for s in inner.shape)))
    return _signed(negative, SumEntries(inner))


__all__ = [
    "BinaryCrossEntropy", "Branch", "Compare", "Complement", "Concat", "Condition", "CrossEntropy", "Diagonal", "Dot", "Elementwise",
    "Identity", "LogSoftmax", "LogSumExp", "MatrixProduct", "MeanEntries", "Negate", "Norm", "Number", "Ones", "Outer", "Plus",
    "Quantity", "Quotient", "Raise", "Roll", "SigmoidBinaryCrossEntropy", "SigmoidCrossEntropy", "Slice", "Softmax",
    "SoftmaxCrossEntropy", "SquaredError", "StopGradient", "SumEntries", "TimeIs", "Times", "Total", "Transposed",
    "Zeros", "apply", "is_one", "is_zero", "part_length", "scalar_sum", "zeros",
]  # fmt: skip
