"""Program: what is computed, in which order, into which arrays. Every later pass takes a Program and returns one.

A Program is Blocks over time; a Block is Statements; a Statement computes one definition of a System into one Buffer. Before
batching, a statement's value is an expression of column vectors (`Tensor`); after it, an array expression (`arrays.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rnnsym.algebra.sizes import Shape
from rnnsym.algebra.system import Definition, System
from rnnsym.algebra.tensor import Tensor
from rnnsym.program.arrays import ArrayExpression


@dataclass(frozen=True)
class Buffer:
    """One array of the program: `name` is that of the quantity in the System.

    kind       input, target, token, param, constant or variable
    shape      of one value, without time and batch
    timed      has a value per step: (T, B, *shape), held with `lag` slots before step 1 and `lead` slots after step T
    batched    has a value per sequence: (B, *shape); what is neither timed nor batched has one per call
    carried    how many past values a later chunk needs (at most `lag`)
    ends       whether a value beyond the last step may be other than zero (`b[T+1] = …`, or the caller's)
    """

    name: str
    kind: str
    shape: Shape
    timed: bool
    batched: bool
    lag: int = 0
    lead: int = 0
    carried: int = 0
    ends: bool = False

    @property
    def is_extended(self) -> bool:
        return self.lag + self.lead > 0

    @property
    def axes(self) -> int:
        """The number of leading axes: 2 with time, 1 with a batch alone, 0 without."""
        return 2 if self.timed else int(self.batched)


@dataclass(frozen=True)
class Statement:
    """One definition, computed.

    number   of the equation in the derivation, or None
    value    what is computed: columns (Tensor) before batching, arrays after it
    how      new (a fresh array), full (a fresh array, the value spread over it), store (into an array that exists),
             add (onto what the array holds), slot (a value outside 1 … T)
    needs    targets without which it is not computed
    wanted   requests (`wrt=`) for which alone it is computed; empty: always
    judged   computed only where every target is given (errors of what depends on a target)
    otherwise  what is computed instead where a target is missing; None: nothing
    also     numbers of the equations that were put into this one
    """

    definition: Definition
    value: Tensor | ArrayExpression
    number: int | None = None
    how: str = "new"
    needs: frozenset[str] = frozenset()
    wanted: frozenset[str] = frozenset()
    judged: bool = False
    otherwise: Tensor | ArrayExpression | None = None
    also: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return self.definition.name


@dataclass(frozen=True)
class Block:
    """Statements that are computed together: once (static), at all steps at once (map), or step by step (scan)."""

    kind: str
    direction: int
    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class Program:
    """Buffers and blocks of one pass over the sequence, forward or backward."""

    system: System
    buffers: dict[str, Buffer]
    blocks: tuple[Block, ...] = field(default=())

    @property
    def statements(self) -> tuple[Statement, ...]:
        return tuple(s for b in self.blocks for s in b.statements)

    def __str__(self) -> str:
        rows = []
        for block in self.blocks:
            arrow = {1: " →", -1: " ←", 0: ""}[block.direction]
            rows.append(f"{block.kind}{arrow}")
            rows += [f"    {'' if s.number is None else f'({s.number}) '}{s.definition.lhs} = {s.value}" for s in block.statements]
        return "\n".join(rows)
