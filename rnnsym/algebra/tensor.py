"""Typed tensors on `sympy.Basic`: the base class, time, and the leaves.

A tensor has a shape: `()` for a scalar, `(n,)` for a vector, `(m, n)` for a matrix, never 1×1. Shapes are checked in
`__new__`, so also on `xreplace`, `subs` and unpickling. Time is an argument of a leaf: to shift an expression by k steps is to
substitute `t → t + k`. (Class names must not be those of SymPy's own classes: its printers dispatch on the name.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import sympy
from sympy import Basic, Tuple
from sympy.core.symbol import Str

from rnnsym.algebra.sizes import Shape, same_shape, shape_text, size_text
from rnnsym.errors import ModelError


class TimeSymbol(sympy.Symbol):
    """A symbol that stands for a time; of its own class, so that a size called `T` never meets it. `rnnsym.t` is the running step.

    >>> Quantity("h")[t-1]
    h[t-1]
    """


t = TimeSymbol("t", integer=True)  # the generic step
T = TimeSymbol("T", integer=True)  # the last step
BOUND = TimeSymbol("tau", integer=True)  # the step that a sum over time binds
STATIC = Str("static")

KINDS = ("input", "target", "token", "param", "constant", "variable")
DATA = ("input", "target", "token")
STEP_LOSS, FINAL_LOSS = "loss", "loss'"  # `loss[t] = …` and `loss = …`: the one name the language uses both with and without [t]


class Tensor(Basic):
    """A typed expression. `shape` is a tuple of SymPy sizes; arithmetic is elementwise, `@` is the matrix product."""

    __slots__ = ("shape",)
    shape: Shape

    @property
    def rank(self) -> int:
        return len(self.shape)

    @classmethod
    def _make(cls, shape: Shape, *args: Basic) -> Tensor:
        node = Basic.__new__(cls, *args)
        node.shape = shape
        return node

    def __add__(self, other):
        return _operators().Plus(self, as_tensor(other))

    def __radd__(self, other):
        return _operators().Plus(as_tensor(other), self)

    def __sub__(self, other):
        return _operators().Plus(self, _operators().Negate(as_tensor(other)))

    def __rsub__(self, other):
        return _operators().Plus(as_tensor(other), _operators().Negate(self))

    def __mul__(self, other):
        return _operators().Times(self, as_tensor(other))

    def __rmul__(self, other):
        return _operators().Times(as_tensor(other), self)

    def __truediv__(self, other):
        return _operators().Quotient(self, as_tensor(other))

    def __rtruediv__(self, other):
        return _operators().Quotient(as_tensor(other), self)

    def __pow__(self, other):
        return _operators().Raise(self, as_tensor(other))

    def __rpow__(self, other):
        return _operators().Raise(as_tensor(other), self)

    def __neg__(self):
        return _operators().Negate(self)

    def __matmul__(self, other):
        return _operators().MatrixProduct(self, as_tensor(other))

    @property
    def T(self) -> Tensor:
        """The transpose of a matrix."""
        return _operators().Transposed(self)

    def __getitem__(self, bounds: slice) -> Tensor:
        """A slice `v[a:b]` of a vector; bounds are sizes or whole numbers."""
        if not isinstance(bounds, slice) or bounds.step is not None:
            raise TypeError("a tensor is sliced as v[a:b]; only a quantity takes a time, as in h[t-1]")
        stop = self.shape[0] if bounds.stop is None else bounds.stop
        return _operators().Slice(self, sympy.sympify(bounds.start or 0), sympy.sympify(stop))

    def __iter__(self):
        raise TypeError("a tensor has symbolic entries and cannot be iterated")

    def _sympystr(self, printer) -> str:
        return _text()(self)

    def __str__(self) -> str:
        return _text()(self)

    __repr__ = __str__

    def _repr_pretty_(self, printer, cycle) -> None:
        printer.text(str(self))

    def _latex(self, printer) -> str:
        """For SymPy's LaTeX printer, so that an `Eq` of tensors shows itself too."""
        return _rich().expression_latex(self)

    def _repr_latex_(self) -> str:
        return f"${_rich().expression_latex(self)}$"


def _operators():
    """The operators' module (imported late: they are subclasses of `Tensor`)."""
    from rnnsym.algebra import operators

    return operators


def _rich():
    """The display of a notebook (looked up only when a notebook asks: documents come after the algebra)."""
    from rnnsym.documents import rich

    return rich


def _text() -> Callable[[Basic], str]:
    from rnnsym.algebra.text import expression_text

    return expression_text


class Number(Tensor):
    """A scalar known when the file is read: a literal, `pi`, `inf`, or a size used as a number. Never negative: signs are pulled out."""

    __slots__ = ()

    def __new__(cls, value):
        value = sympy.sympify(value)
        if value.is_Float:
            value = sympy.Rational(str(value))
        if value.is_extended_negative and (value.is_number or value.could_extract_minus_sign()):
            return _operators().Negate(cls(-value))
        return cls._make((), value)

    @property
    def value(self) -> sympy.Expr:
        return self.args[0]


class Quantity(Tensor):
    """A named leaf: data, parameter, constant or computed variable; static, or at a time.

    name    as in a file
    shape   sizes, never time or batch: `()`, `(n,)`, `(m, n)`
    time    None for a static one; `h[t-1]` gives the quantity at another time
    kind    input, target, token, param, constant, or variable: what an equation defines

    Raises ModelError where the kind is none of these.

    >>> from rnnsym.algebra import sizes
    >>> n_x, n_h = sizes("n_x n_h")
    >>> W, x = Quantity("W", (n_h, n_x), kind="param"), Quantity("x", (n_x,), kind="input")
    >>> W @ x[t-1], (W @ x[t-1]).shape
    (W @ x[t-1], (n_h,))
    """

    __slots__ = ()

    def __new__(cls, name, shape=(), time=STATIC, kind="variable"):
        kind_name = str(kind)
        if kind_name not in KINDS:
            raise ModelError.at("E109", f"'{kind_name}' is not a kind of quantity", expected=", ".join(KINDS))
        sizes = tuple(sympy.sympify(s) for s in shape)
        when = STATIC if time is None or time == STATIC else sympy.sympify(time)
        return cls._make(sizes, Str(str(name)), Tuple(*sizes), when, Str(kind_name))

    @property
    def name(self) -> str:
        return self.args[0].name

    @property
    def time(self) -> Any:
        """The time at which it is taken (`t - 1`, `T`, `0`), or None when it is static."""
        when = self.args[2]
        return None if when == STATIC else when

    @property
    def kind(self) -> str:
        return self.args[3].name

    @property
    def offset(self) -> int | None:
        """k for a quantity at `t + k`; None for a static quantity or an absolute time."""
        return _offset(self.args[2])

    @property
    def is_absolute(self) -> bool:
        """Whether it is taken at a fixed time: `h[1]`, `h[T]`, `h[0]`."""
        return _is_absolute(self.args[2])

    def at(self, time: sympy.Expr | int | None) -> Quantity:
        """The same quantity at another time (None: static)."""
        return Quantity(self.name, self.shape, time, self.kind)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return Tensor.__getitem__(self, index)
        return self.at(sympy.sympify(index))

    @property
    def free_symbols(self) -> set[Basic]:
        """The quantity itself, its time and its sizes (as SymPy's `Indexed` does)."""
        return {self}.union(*(a.free_symbols for a in (self.args[1], self.args[2])))

    def _hashable_content(self):
        return self._args


@lru_cache(maxsize=1024)  # asked for every read of every equation, of a handful of times
def _offset(when: Basic) -> int | None:
    return int(when - t) if when.has(t) else None


@lru_cache(maxsize=1024)
def _is_absolute(when: Basic) -> bool:
    return when != STATIC and not when.has(t, BOUND)


def number(value) -> Tensor:
    """A number as a scalar tensor (a negative one is the negation of a positive one)."""
    return Number(value)


def as_tensor(value) -> Tensor:
    """A tensor unchanged; a Python or SymPy number as a scalar tensor."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, float):
        value = sympy.Rational(repr(value)) if value == value and abs(value) != float("inf") else sympy.sympify(value)
    return Number(sympy.sympify(value))


def shift(expression: Basic, steps: int) -> Basic:
    """The expression `steps` later: t → t + steps."""
    return expression if steps == 0 else expression.xreplace({t: t + steps})


def at_time(expression: Basic, time: sympy.Expr | int) -> Basic:
    """The expression at an absolute time: t → time."""
    return expression.xreplace({t: sympy.sympify(time)})


def quantities(expression: Basic) -> Iterator[Quantity]:
    """Every quantity in the expression, in the order of reading, with repetitions."""
    if isinstance(expression, Quantity):
        yield expression
        return
    for argument in expression.args:
        if isinstance(argument, Basic):
            yield from quantities(argument)


def time_text(time: sympy.Expr) -> str:
    """A time as the language writes it.

    >>> time_text(t - 1), time_text(T + 1), time_text(sympy.Integer(0))
    ('t-1', 'T+1', '0')
    """
    base = next((str(s) for s in (t, BOUND, T) if time.has(s)), "")
    base = "t" if base == "tau" else base
    rest = int(time.as_coeff_Add()[0])
    if not base:
        return str(rest)
    return base if rest == 0 else f"{base}{rest:+d}"


def decimal_text(value: sympy.Expr) -> str:
    """A number as the language writes it: `2`, `0.5`, `1e-05`, `1/3`, `pi`, `inf`, `n_h + 1`."""
    if value is sympy.oo:
        return "inf"
    if value.is_Integer:
        return str(value)
    if value.is_Rational:
        as_float = float(value)
        if sympy.Rational(repr(as_float)) == value:
            return repr(as_float)
        places = next((k for k in range(value.q.bit_length() + 1) if 10**k % value.q == 0), None)
        if places is not None:  # a finite decimal, written out
            digits = str(value.p * 10**places // value.q).zfill(places + 1)
            return f"{digits[:-places]}.{digits[-places:]}"
        return f"{value.p}/{value.q}"
    if value.is_number:
        return str(value)
    return size_text(value)


def broadcast_shape(tensors, what: str) -> Shape:
    """The shape of an elementwise combination: scalars broadcast, everything else must agree (errors: E301)."""
    shape: Shape = ()
    first: Tensor | None = None
    for tensor in tensors:
        if not tensor.shape:
            continue
        if first is None:
            shape, first = tensor.shape, tensor
        elif not same_shape(shape, tensor.shape):
            raise ModelError.at(
                "E301",
                f"{what} combines shape {shape_text(shape)} of `{first}` with shape {shape_text(tensor.shape)} of `{tensor}`",
                expected="equal shapes, or a scalar",
            )
    return shape


def require(condition: bool, found: Callable[[], str], expected: str) -> None:
    """Raise the shape error E302 unless the condition holds; the sentence is formed only then."""
    if not condition:
        raise ModelError.at("E302", found(), expected=expected)
