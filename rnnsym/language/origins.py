"""Where a shape comes from: the notes of a shape error.

Comes in: names, shapes, what is known of sizes so far. Goes out: notes, each a place and the shape that a name got there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnnsym.algebra.sizes import shape_text
from rnnsym.errors import Span
from rnnsym.language.names import Names, Symbol, occurrences
from rnnsym.language.syntax import Node
from rnnsym.language.unify import Shape, Sizes


@dataclass(frozen=True)
class Origins:
    """Says shapes, and why they are as they are, at the moment of asking."""

    names: Names
    sizes: Sizes
    shapes: dict[str, Shape]

    def say(self, shape: Shape) -> str:
        return shape_text(tuple(f.length for f in self.sizes.shape(shape)))

    def reasons(self, left: Shape, right: Shape, nodes: list[Node], symbols: Sequence[Symbol] = ()) -> tuple[tuple[Span | None, str], ...]:
        """Where two shapes that do not agree come from: the names whose shapes hold the sizes in question."""
        left, right = self.sizes.shape(left), self.sizes.shape(right)
        differing = [f for a, b in zip(left, right, strict=False) if a != b for f in (a, b)] if len(left) == len(right) else [*left, *right]
        wanted = {name for form in differing for name in form.terms}
        return self.origins(nodes, wanted, list(symbols))

    def origins(
        self, nodes: list[Node], wanted: set[str | int] | None = None, symbols: Sequence[Symbol] = ()
    ) -> tuple[tuple[Span | None, str], ...]:
        """A note for each name in the expressions: its shape, and the line that gives it."""
        found: dict[str, Symbol] = {s.name: s for s in symbols}
        for node in nodes:
            for name in occurrences(node):
                symbol = self.names.symbol(name)
                if symbol is not None:
                    found.setdefault(symbol.name, symbol)
        notes: list[tuple[Span | None, str]] = []
        for symbol in found.values():
            shape = self.sizes.shape(self.shapes[symbol.name])
            if wanted is not None and not any(set(f.terms) & wanted or (not f.terms and len(shape) > 0) for f in shape):
                continue
            if shape and all(f.unknowns for f in shape):
                continue
            notes.append((self.source_of(symbol, wanted), f"`{symbol.name}` has shape {self.say(shape)}"))
        return tuple(n for n in notes if n[0] is not None)[:4]

    def source_of(self, symbol: Symbol, wanted: set[str | int] | None) -> Span | None:
        """The declaration of a name, or the expression that determined its size."""
        if symbol.declare is not None and symbol.declare.sizes is not None:
            return symbol.declare.span
        for form in self.shapes[symbol.name]:
            if wanted is None or set(self.sizes.resolve(form).terms) & wanted:
                for unknown in form.unknowns:
                    reason = self.sizes.reason.get(unknown)
                    if isinstance(reason, Node):
                        return reason.span
        return symbol.place
