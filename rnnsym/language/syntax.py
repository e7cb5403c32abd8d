"""What a model's text says, before anyone asks what it means: frozen nodes, each with its place in the text.

Comes out of the fence, goes through the macros, is read by names, ranks and shapes. A node is compared by identity, so that two
equal expressions at two places stay two; it knows its size and depth, so that no pass meets a tree that it cannot walk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import sympy

from rnnsym.algebra.system import Start
from rnnsym.algebra.tensor import T, t, time_text
from rnnsym.errors import Span


@dataclass(frozen=True)
class When:
    """The time in a pair of brackets: `t-1` is ("t", -1), `T` is ("T", 0), `0` is ("", 0)."""

    base: str
    offset: int = 0

    @property
    def time(self) -> sympy.Expr:
        """The same as a SymPy time."""
        return {"t": t, "T": T, "": sympy.Integer(0)}[self.base] + self.offset

    @property
    def is_running(self) -> bool:
        return self.base == "t"

    @property
    def is_outside(self) -> bool:
        """Whether it lies before the first or after the last step, where only initial values are."""
        return (self.base == "" and self.offset < 1) or (self.base == "T" and self.offset > 0)

    def __str__(self) -> str:
        return time_text(self.time)


NOW = When("t")


@dataclass(frozen=True, eq=False, kw_only=True)
class Node:
    """An expression. `span` is where it stands; `via` is the call that brought it there, for an expression from a function's body."""

    span: Span
    via: Span | None = None
    size: int = field(init=False, default=1)
    depth: int = field(init=False, default=1)

    def __post_init__(self) -> None:
        children = tuple(self.children)
        object.__setattr__(self, "size", 1 + sum(c.size for c in children))
        object.__setattr__(self, "depth", 1 + max((c.depth for c in children), default=0))

    @property
    def children(self) -> tuple[Node, ...]:
        """The expressions inside, in the order of reading."""
        return ()


@dataclass(frozen=True, eq=False)
class Num(Node):
    """A literal number, exact; never negative."""

    value: sympy.Rational


@dataclass(frozen=True, eq=False)
class Name(Node):
    """A name without a time. `of_function` is the function in whose body it stands, or ""."""

    name: str
    of_function: str = ""


@dataclass(frozen=True, eq=False)
class At(Node):
    """A name at a time: `h[t-1]`."""

    name: str
    when: When


@dataclass(frozen=True, eq=False)
class _Several(Node):
    parts: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return self.parts


@dataclass(frozen=True, eq=False)
class Sum(_Several):
    """u + v - w: all terms of a row of `+` and `-`, a subtracted one as `Negative`."""


@dataclass(frozen=True, eq=False)
class Product(_Several):
    """u * v * w."""


@dataclass(frozen=True, eq=False)
class Call(_Several):
    """function(arguments)."""

    function: str
    name_span: Span


@dataclass(frozen=True, eq=False)
class _Single(Node):
    of: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.of,)


@dataclass(frozen=True, eq=False)
class Negative(_Single):
    """-u."""


@dataclass(frozen=True, eq=False)
class Transpose(_Single):
    """M.T."""


@dataclass(frozen=True, eq=False)
class Part(_Single):
    """The part number `index` of `split(v, count)`."""

    count: int
    index: int


@dataclass(frozen=True, eq=False)
class Cut(Node):
    """A slice v[a:b]; a missing bound is None."""

    of: Node
    start: Node | None
    stop: Node | None

    @property
    def children(self) -> tuple[Node, ...]:
        return tuple(c for c in (self.of, self.start, self.stop) if c is not None)


@dataclass(frozen=True, eq=False)
class Pair(Node):
    """Two operands."""

    left: Node
    right: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.left, self.right)


@dataclass(frozen=True, eq=False)
class Ratio(Pair):
    """u / v."""


@dataclass(frozen=True, eq=False)
class Power(Pair):
    """u ** v."""


@dataclass(frozen=True, eq=False)
class MatMul(Pair):
    """A @ x."""


@dataclass(frozen=True, eq=False)
class Comparison(Pair):
    """u < v and the like, the condition of a `Choice`."""

    sign: str


@dataclass(frozen=True, eq=False)
class StepTest(Node):
    """`t == 1`, `t == T`, the condition of a `Choice`."""

    when: When
    mark: When


@dataclass(frozen=True, eq=False)
class Choice(Node):
    """u if condition else v."""

    test: Node
    yes: Node
    no: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.test, self.yes, self.no)


def walk(node: Node) -> Iterator[Node]:
    """The node and everything inside it, in the order of reading."""
    stack = [node]
    while stack:
        here = stack.pop()
        yield here
        stack.extend(reversed(here.children))


# ---------------------------------------------------------------- lines


@dataclass(frozen=True)
class Declare:
    """`NAME: KIND[SIZES] = START`. sizes: expressions, or None for `[...]`."""

    name: str
    kind: str
    sizes: tuple[Node, ...] | None
    start: Start | None
    description: str
    span: Span
    name_span: Span


@dataclass(frozen=True)
class Target:
    """What stands left of `=`: `h[t]`, `A` (no time), `h[0]`."""

    name: str
    when: When | None
    span: Span

    @property
    def text(self) -> str:
        return self.name if self.when is None else f"{self.name}[{self.when}]"

    @property
    def is_boundary(self) -> bool:
        return self.when is not None and not self.when.is_running


@dataclass(frozen=True)
class Assign:
    """One line with `=`. `value` is None where the right side could not be read (the error is reported already)."""

    targets: tuple[Target, ...]
    value: Node | None
    description: str
    span: Span


@dataclass(frozen=True)
class Function:
    """`def name(parameters): local names, one return`."""

    name: str
    parameters: tuple[str, ...]
    body: tuple[tuple[tuple[str, ...], Node], ...]
    returns: tuple[Node, ...]
    span: Span  # its first line
    end_line: int


@dataclass(frozen=True)
class Page:
    """The whole text. `is_whole` is false when a line could not be read at all, so that names may be missing.

    doc_end is the line on which the description ends, 0 without one.
    """

    doc: str
    notation: tuple[tuple[str, str, Span], ...]
    declares: tuple[Declare, ...]
    assigns: tuple[Assign, ...]
    functions: tuple[Function, ...]
    is_whole: bool = True
    doc_end: int = 0
