"""Array operations: what a planned program is made of. One operation, one named result; no nesting.

A plan computes with columns: the value of a vector is an array (n, B), features by batch, as the equations have it; a scalar is (B,), a
matrix (B, n, m). A value per step has the time axis before these. An operand names an array and how many steps away it is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import sympy

from rnnsym.algebra.sizes import Shape

ALONE, PER_SEQUENCE, PER_STEP = 0, 1, 2  # a value per call, per sequence, per step of every sequence

Bounds = tuple[sympy.Expr, sympy.Expr]


@dataclass(frozen=True)
class Ref:
    """An array as an operand.

    delay   how many steps from the running step it is read; None where it does not run in time
    rows    a range of entries of a vector, or of rows of a matrix; None: all
    columns a range of columns of a matrix; None: all
    turned  a matrix read as its transpose
    groups  how many equal parts the rows are seen as: a vector of (groups, n), each part of which meets the same other operand
    """

    name: str
    delay: int | None = None
    rows: Bounds | None = None
    columns: Bounds | None = None
    turned: bool = False
    groups: int = 1

    def __str__(self) -> str:
        when = "" if self.delay is None else f"[t{self.delay:+d}]" if self.delay else "[t]"
        bounds = ", ".join(f"{b[0]}:{b[1]}" if b else ":" for b in (self.rows, self.columns))
        inner = f"[{bounds}]" if self.rows or self.columns else ""
        return f"{self.name}{when}{inner}{'.T' if self.turned else ''}"


@dataclass(frozen=True)
class Amount:
    """A number known when the file is read: a literal, or an expression of sizes."""

    value: sympy.Expr

    def __str__(self) -> str:
        return str(self.value)


Operand = Ref | Amount


@dataclass(frozen=True)
class Cell:
    """What is known of one array: its shape without time and batch, which axes it has, what its entries are.

    kind     input, target, token, param, constant, variable, or part (a result that no equation names)
    entries  number, class (whole numbers), truth
    lag, lead  slots before step 1 and after step T
    ends     whether a value after step T may be other than zero
    """

    name: str
    kind: str
    shape: Shape
    axes: int
    entries: str = "number"
    lag: int = 0
    lead: int = 0
    ends: bool = False

    @property
    def rank(self) -> int:
        return 0 if self.entries == "class" else len(self.shape)


@dataclass(frozen=True)
class Guard:
    """When an operation is carried out: which targets must be there (`needs`), which requests (`wanted`: any of them; empty: always)."""

    needs: frozenset[str] = frozenset()
    wanted: frozenset[str] = frozenset()

    def covers(self, other: Guard) -> bool:
        """Whether this one is carried out whenever the other is."""
        return self.needs <= other.needs and (not self.wanted or (bool(other.wanted) and other.wanted <= self.wanted))


ALWAYS = Guard()


@dataclass(frozen=True)
class Op:
    """One operation.

    out       the array that it fills
    function  a word of the vocabulary: `add`, `tanh`, `affine`, `outer_sum`, …
    args      operands in order
    details   what else the function needs to know: shapes, bounds, places
    numbers   of the equations that it computes, or helps to compute
    place     "" or the key of a value outside 1 … T that it fills: `h[0]`
    """

    out: str
    function: str
    args: tuple[Operand, ...]
    details: tuple = ()
    numbers: tuple[int, ...] = ()
    guard: Guard = ALWAYS
    place: str = ""

    @property
    def reads(self) -> tuple[Ref, ...]:
        return tuple(a for a in self.args if isinstance(a, Ref))

    def __str__(self) -> str:
        inner = ", ".join(map(str, self.args))
        cited = f"  ({', '.join(map(str, self.numbers))})" if self.numbers else ""
        return f"{self.place or self.out} = {self.function}({inner}){cited}"


@dataclass(frozen=True)
class Stage:
    """Operations that are carried out together: once (static), over all steps (map), or step by step (scan)."""

    kind: str
    direction: int
    ops: tuple[Op, ...]

    def __str__(self) -> str:
        arrow = {1: " →", -1: " ←", 0: ""}[self.direction]
        return "\n".join([f"{self.kind}{arrow}", *(f"    {op}" for op in self.ops)])


@dataclass(frozen=True)
class ArrayProgram:
    """Stages in order, and what is known of every array in them."""

    cells: dict[str, Cell] = field(repr=False)
    stages: tuple[Stage, ...]

    @property
    def ops(self) -> tuple[Op, ...]:
        return tuple(op for stage in self.stages for op in stage.ops)

    def __str__(self) -> str:
        return "\n".join(map(str, self.stages))
