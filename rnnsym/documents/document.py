"""The tree of a document: headings, paragraphs, numbered displays, tables. It knows no format.

Comes in: sentences and mathematics. Goes out: frozen blocks in order. A display keeps beside its mathematics what it claims, as tensors,
so that every displayed step can be evaluated and checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from sympy import Expr

from rnnsym.algebra.system import Definition
from rnnsym.algebra.tensor import Quantity, Tensor
from rnnsym.derivation.growth import Bound
from rnnsym.derivation.recurrence import Block as JacobianBlock
from rnnsym.derivation.recurrence import Recurrence
from rnnsym.documents.breaking import break_lines
from rnnsym.documents.mathematics import Aligned, AlignedRow, Inline, Operator, row
from rnnsym.documents.measure import width

COLUMN = 31.6  # the text column in ems: 122 mm of 10.95 pt
NUMBER_WIDTH = 2.9  # an equation's number and the space before it
RELATION_WIDTH = 1.45
INDENT = 1.0
_WIDEST_LEFT = 0.38  # of the column: a wider left side stands alone in its line


@dataclass(frozen=True)
class Claim:
    """What a displayed step says: `left` is equal to `right`, for every step of time at which it is said.

    `time` is None where it holds at every t, otherwise the only step (1 or T) that it speaks of.
    """

    left: Tensor
    right: Tensor
    time: object = None


@dataclass(frozen=True)
class LocalClaim:
    """What a displayed contribution says: (∂v/∂u)ᵀ δ_v is equal to `value`, where `reader` defines v and reads u with a delay.

    `error` is δ_v at the reader's own step; `value` stands at the step of `of`, or is the sum over time for a static one.
    """

    reader: Definition
    of: Quantity
    delay: int | str | None
    error: Tensor
    value: Tensor


@dataclass(frozen=True)
class TotalClaim:
    """What the gradient of a value outside 1 … T says: the whole cost changes with `of` at the rate `value`."""

    of: Quantity
    value: Tensor


@dataclass(frozen=True)
class IndexClaim:
    """What a step in index form says: two SymPy expressions with free indices (`i`, `k`) are equal, for every number of entries `n`."""

    left: Expr
    right: Expr


@dataclass(frozen=True)
class StepClaim:
    """What a block of a step Jacobian says: the derivative within one step is this map, and its norm is not above the bound."""

    recurrence: Recurrence
    block: JacobianBlock
    bound: Bound | None = None


@dataclass(frozen=True)
class ProductClaim:
    """What the bound of a product of step Jacobians says: its norm is at most the product of the norms of the blocks' bounds."""

    recurrence: Recurrence
    bounds: Mapping[tuple[Quantity, Quantity], Bound]


AnyClaim = Claim | LocalClaim | TotalClaim | IndexClaim | StepClaim | ProductClaim


@dataclass(frozen=True)
class Heading:
    level: int
    text: tuple[Inline, ...]


@dataclass(frozen=True)
class Paragraph:
    text: tuple[Inline, ...]


@dataclass(frozen=True)
class Display:
    """Aligned equations, and what they claim."""

    mathematics: Aligned
    claims: tuple[AnyClaim, ...] = ()


@dataclass(frozen=True)
class Table:
    """A head and rows of cells; `widths` are shares of the column, 0 for a column as wide as its cells."""

    head: tuple[str, ...]
    rows: tuple[tuple[tuple[Inline, ...], ...], ...]
    widths: tuple[float, ...]


@dataclass(frozen=True)
class Items:
    """A list of sentences."""

    items: tuple[tuple[Inline, ...], ...]


class Picture(Protocol):
    """What a document asks of a drawing: its size in pixels, and itself as text of two formats."""

    @property
    def width(self) -> float: ...
    @property
    def height(self) -> float: ...
    def svg(self, mathematical: bool = False) -> str: ...
    def tikz(self, width: float = ..., height: float = ...) -> str: ...


@dataclass(frozen=True)
class Figure:
    """Pictures beside or below each other, as there is room, and a sentence that says what they show. `mark` is what links call it."""

    mark: str
    pictures: tuple[Picture, ...]
    caption: tuple[Inline, ...]


@dataclass(frozen=True)
class Statement:
    """A statement of a generated module that cites an equation: the equation's number, the line, the text on one line."""

    equation: int
    line: int
    text: str


@dataclass(frozen=True)
class Code:
    """A generated module: its source, and its statements that cite equations, in order."""

    source: str
    statements: tuple[Statement, ...]


Block = Heading | Paragraph | Display | Table | Items | Figure | Code


@dataclass(frozen=True)
class Document:
    title: str
    subtitle: str
    blocks: tuple[Block, ...]

    @property
    def claims(self) -> tuple[AnyClaim, ...]:
        """Every step that the document claims, in the order of telling."""
        return tuple(claim for block in self.blocks if isinstance(block, Display) for claim in block.claims)


def display(rows: Iterable[AlignedRow], claims: Iterable[AnyClaim] = (), column: float = COLUMN) -> Display:
    """A display whose long rows go on over further lines; the number of a broken row stands on its last line."""
    rows = tuple(rows)
    left = max((width(r.left) for r in rows if r.left is not None), default=0.0)
    if left > _WIDEST_LEFT * column:
        rows, left = tuple(line for r in rows for line in _under_each_other(r)), 0.0
    room = column - left - RELATION_WIDTH - (NUMBER_WIDTH if any(r.number is not None for r in rows) else 0.0)
    return Display(Aligned(tuple(line for r in rows for line in _lines(r, room))), tuple(claims))


def _under_each_other(line: AlignedRow) -> list[AlignedRow]:
    """A row whose left side is very wide: the right side stands in the line below it."""
    right = replace(line, left=None, relation="", right=row(Operator(line.relation, "relation"), line.right), indent=True)
    return [right] if line.left is None else [AlignedRow(None, "", line.left), right]


def _lines(line: AlignedRow, room: float) -> list[AlignedRow]:
    parts = break_lines(line.right, room, room - INDENT)
    if len(parts) == 1:
        return [replace(line, right=parts[0])]
    first = replace(line, right=parts[0], number=None)
    middle = [AlignedRow(None, "", part, indent=True) for part in parts[1:-1]]
    return [first, *middle, AlignedRow(None, "", parts[-1], number=line.number, indent=True)]
