"""Array expressions: what is computed once batch and time are axes. Small and free of any target language.

A backend prints them; passes rewrite them. Functions are named in the vocabulary of the language (`sigmoid`, `matvec`,
`outer_sum`), axes are counted from the end for a value's own shape and from the start for time and batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy


@dataclass(frozen=True)
class ArrayExpression:
    """Base of all array expressions."""


@dataclass(frozen=True)
class Load(ArrayExpression):
    """A buffer, `delay` steps away (None: static). `running`: at the running step of a scan; otherwise at all steps."""

    name: str
    delay: int | None = None
    running: bool = False


@dataclass(frozen=True)
class LoadAt(ArrayExpression):
    """A timed buffer at a fixed step: `from_end` counts from each sequence's own end (0 is T), otherwise `step` is absolute."""

    name: str
    step: int
    from_end: bool


@dataclass(frozen=True)
class TimeMark(ArrayExpression):
    """Whether it is the first or the last step: truth values (T, B), at the running step (B,)."""

    first: bool
    delay: int = 0
    running: bool = False


@dataclass(frozen=True)
class Literal(ArrayExpression):
    """A number known when the file is read: a literal, or an expression of sizes."""

    value: sympy.Expr


@dataclass(frozen=True)
class Call(ArrayExpression):
    """A function of the vocabulary applied to array expressions."""

    function: str
    arguments: tuple[ArrayExpression, ...]


@dataclass(frozen=True)
class Filled(ArrayExpression):
    """`ones`, `zeros` or `eye` of a shape of sizes."""

    function: str
    shape: tuple[sympy.Expr, ...]


@dataclass(frozen=True)
class Unary(ArrayExpression):
    operator: str
    value: ArrayExpression


@dataclass(frozen=True)
class Binary(ArrayExpression):
    """`+ - * / ** @ < <= > >=`, elementwise with broadcasting; `@` multiplies the last axes."""

    operator: str
    left: ArrayExpression
    right: ArrayExpression


@dataclass(frozen=True)
class Expand(ArrayExpression):
    """New axes at the end (`count` of them)."""

    value: ArrayExpression
    count: int


@dataclass(frozen=True)
class Row(ArrayExpression):
    """A new axis before the last one: a vector as a row."""

    value: ArrayExpression


@dataclass(frozen=True)
class Transpose(ArrayExpression):
    """The last two axes exchanged; `plain` where there are no others."""

    value: ArrayExpression
    plain: bool


@dataclass(frozen=True)
class Reduce(ArrayExpression):
    """`sum` or `mean` over axes."""

    function: str
    value: ArrayExpression
    axes: tuple[int, ...]


@dataclass(frozen=True)
class Part(ArrayExpression):
    """A slice of the last axis."""

    value: ArrayExpression
    start: sympy.Expr
    stop: sympy.Expr


@dataclass(frozen=True)
class Real(ArrayExpression):
    """The real part."""

    value: ArrayExpression


@dataclass(frozen=True)
class Spread(ArrayExpression):
    """A fresh array of a buffer's whole shape, filled with a value that broadcasts to it."""

    value: ArrayExpression
    axes: int
    shape: tuple[sympy.Expr, ...]
