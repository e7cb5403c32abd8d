"""One small tree of mathematics: what LaTeX, Unicode text and (later) MathML are printed from.

Comes in: nothing but strings and further nodes. Goes out: frozen nodes that know no format. Characters are Unicode (`α`, `⊙`, `⊤`); a
serialiser says how its format writes them. A node never holds markup, so nothing of a model's text can become a command.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

ACCENTS = ("tilde", "hat", "bar", "dot", "vec", "lvec", "rvec", "under", "ddot", "check", "breve", "acute", "grave", "ring")
STYLES = ("italic", "upright", "bold", "calligraphic", "sans", "typewriter", "doublestruck", "fraktur", "function")


class Node:
    """A piece of mathematics."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Identifier(Node):
    """A name: one letter in italics, a word, a function's name (`style="function"` sets `tanh` upright with a thin space)."""

    text: str
    style: str = "italic"


@dataclass(frozen=True, slots=True)
class Numeral(Node):
    """A number as it is printed: `2`, `0.5`."""

    text: str


@dataclass(frozen=True, slots=True)
class Operator(Node):
    """A sign.

    form: "infix" (spaces around it), "prefix" (none: a minus in front), "relation" (wide spaces), "separator" (a space after it),
    "invisible" and "thin" (a product by juxtaposition, without and with a thin space).
    """

    text: str
    form: str = "infix"


@dataclass(frozen=True, slots=True)
class Text(Node):
    """Words inside mathematics, printed as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class Space(Node):
    """A horizontal space: "thin" or "quad"."""

    width: str = "thin"


@dataclass(frozen=True, slots=True)
class Row(Node):
    """One after the other."""

    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Fraction(Node):
    numerator: Node
    denominator: Node


@dataclass(frozen=True, slots=True)
class Scripts(Node):
    """A base with a subscript, a superscript, or both."""

    base: Node
    sub: Node | None = None
    sup: Node | None = None


@dataclass(frozen=True, slots=True)
class Over(Node):
    """A base under an accent, one of `ACCENTS`."""

    base: Node
    accent: str


@dataclass(frozen=True, slots=True)
class Fenced(Node):
    """A body between two delimiters: `(`, `[`, `{`, `|`, `‖`, or "" for none on that side."""

    body: Node
    left: str = "("
    right: str = ")"


@dataclass(frozen=True, slots=True)
class Delimiter(Node):
    """One delimiter alone, of a given size (0 to 4): what is left of a fence that was broken over two lines."""

    text: str
    level: int
    side: str  # "left" or "right"


@dataclass(frozen=True, slots=True)
class BigOperator(Node):
    """`∑` or `∏` with its limits; what it acts on follows it in the row."""

    text: str
    lower: Node | None = None
    upper: Node | None = None


@dataclass(frozen=True, slots=True)
class Root(Node):
    body: Node


@dataclass(frozen=True, slots=True)
class Matrix(Node):
    """Rows of cells between brackets."""

    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True, slots=True)
class Cases(Node):
    """Values with their conditions, behind one brace; a condition None reads "otherwise"."""

    rows: tuple[tuple[Node, Node | None], ...]


@dataclass(frozen=True, slots=True)
class Marked(Node):
    """A body that can be pointed at: HTML gives it `mark` as a class. No other format meets one."""

    body: Node
    mark: str


@dataclass(frozen=True, slots=True)
class References:
    """Links to numbered equations, in words: (1), (3) and (7)."""

    numbers: tuple[int, ...]


Inline = str | Node | References  # what a sentence is made of: literal text, mathematics, links


@dataclass(frozen=True, slots=True)
class AlignedRow(Node):
    """One line of a display: left side (None: as above), relation, right side; its number; the reason in the margin."""

    left: Node | None
    relation: str
    right: Node
    number: int | None = None
    reason: tuple[Inline, ...] = ()
    indent: bool = False  # the row goes on from the row above


@dataclass(frozen=True, slots=True)
class Aligned(Node):
    """Rows whose relations stand under each other."""

    rows: tuple[AlignedRow, ...]


EMPTY = Row(())


def changed(node: Node, change: Callable[[Node], Node | None]) -> Node:
    """The tree with some of its parts exchanged: what `change` gives for a part stands in its place; for None its own parts are asked."""
    found = change(node)
    if found is not None:
        return found

    def inner(value: Any) -> Any:
        if isinstance(value, Node):
            return changed(value, change)
        return tuple(map(inner, value)) if isinstance(value, tuple) else value

    return replace(node, **{f.name: inner(getattr(node, f.name)) for f in fields(node)}) if is_dataclass(node) else node


def row(*parts: Node) -> Node:
    """The parts one after the other; rows inside are flattened, a single part stays itself."""
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.children if isinstance(part, Row) else (part,))
    return flat[0] if len(flat) == 1 else Row(tuple(flat))


def separated(parts: tuple[Node, ...] | list[Node], separator: str = ",") -> Node:
    """The parts with a separator between them."""
    out: list[Node] = []
    for part in parts:
        out += [Operator(separator, "separator")] if out else []
        out.append(part)
    return row(*out)


def with_subscript(base: Node, sub: Node) -> Node:
    """The base with a further subscript, after a comma where it has one already; under an accent the accent stays outside."""
    if isinstance(base, Scripts):
        return replace(base, sub=sub if base.sub is None else separated((base.sub, sub)))
    return Scripts(base, sub=sub)


def with_superscript(base: Node, sup: Node) -> Node:
    """The base with a superscript; one that has a superscript already is taken as a whole."""
    if isinstance(base, Scripts) and base.sup is None:
        return replace(base, sup=sup)
    return Scripts(base, sup=sup)


def has_superscript(node: Node) -> bool:
    return isinstance(node, Scripts) and node.sup is not None


TRANSPOSE = Operator("⊤", "prefix")


def transposed(base: Node) -> Node:
    """The base with the sign of transposition."""
    return with_superscript(base, TRANSPOSE)


def call(name: str, *arguments: Node) -> Node:
    """A function's name and its arguments in brackets."""
    return row(Identifier(name, "function"), Fenced(separated(arguments)))
