"""The words for rows and their parts: what a person finds in the printed derivation.

Comes in: a sheet. Goes out: texts in the equation language. What one step passes to another has a row of its own in the sheet and none in
the derivation; its parts are told as they stand in the error's equation, at the reader's step.
"""

from __future__ import annotations

from typing import Any

from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import Quantity, Tensor, shift, t
from rnnsym.proof.audit.sheet import Sheet


class Telling:
    """Texts for one sheet."""

    def __init__(self, sheet: Sheet):
        self.sheet = sheet

    def home(self, row: str) -> tuple[str, int]:
        """The row in whose equation a row's parts are printed, and by how many steps they are shifted there."""
        lag = 0
        while row in self.sheet.messages:
            row, further = self.sheet.messages[row]
            lag += further
        return row, lag

    def name(self, row: str) -> str:
        """`d_h[t]`, `d_W`."""
        home, _ = self.home(row)
        return f"{home}[t]" if home in self.sheet.timed else home

    def number(self, row: str) -> int | None:
        """The equation's number in the derivation."""
        return self.sheet.derivation.numbers.get(self.home(row)[0])

    def part(self, row: str, part: Basic) -> str:
        """A part of a row, as it is printed."""
        return str(shift(self.inlined(part), self.home(row)[1]))

    def equation(self, row: str) -> str:
        """The whole equation, as it is printed."""
        home, _ = self.home(row)
        return f"{self.name(row)} = {self.inlined(self.sheet.rows[home])}"

    def inlined(self, node: Basic) -> Any:
        """The node with what one step passes to another written out at the step that reads it."""
        if isinstance(node, Quantity):
            return self._carried(node) if node.name in self.sheet.messages else node
        if isinstance(node, op.Total):
            return op.Total(self.inlined(node.body))
        if not node.args or not isinstance(node, (Tensor, op.Condition)):
            return node
        parts = [self.inlined(a) for a in node.args]
        return node if all(a is b for a, b in zip(parts, node.args, strict=True)) else node.func(*parts)

    def _carried(self, node: Quantity) -> Tensor:
        passed = self.inlined(self.sheet.rows[node.name])
        return passed.xreplace({t: node.time})
