"""How a translation holds its parameters: those that are multiplied together as one array from the start, as a good programmer would.

A parameter that is read in one place only can be held in a bundle; others are joined with their neighbours on the way, each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import Quantity, Tensor
from rnnsym.bench.peers.rules import leaf
from rnnsym.bench.peers.translation import Bundle
from rnnsym.bench.schedule import subexpressions

if TYPE_CHECKING:
    from rnnsym.bench.peers.translate import Writer

Block = tuple[Quantity, int]  # a parameter, and which of its blocks of rows


class Holdings:
    """The bundles of one translation, and what was joined or transposed for it."""

    def __init__(self, writer: Writer):
        self.writer = writer
        self.bundles: dict[str, Bundle] = {}
        self.count: dict[str, int] = {}  # how often each parameter is read
        for component in writer.plan.components:
            for definition in component.definitions:
                for node in subexpressions(definition.rhs):
                    if isinstance(node, Quantity) and node.kind == "param":
                        self.count[node.name] = self.count.get(node.name, 0) + 1

    def matrix(self, matrices: list[Tensor]) -> str:
        """The local name of a matrix, or of several, one above the other."""
        if len(matrices) == 1:
            return self.given(matrices[0])
        if all(self._is_alone(m) for m in matrices):
            return self._bundle(tuple((m.name, 0, self.writer.size(m.shape[0])) for m in matrices if isinstance(m, Quantity)), "stacked")
        return self._joined([self.given(m) for m in matrices], "stacked")

    def bias(self, wanted: list[Quantity | None], rows: list[int]) -> str:
        """The local name of a bias, or of several; None stands for zeros."""
        if len(wanted) == 1 and wanted[0] is not None:
            return self.given(wanted[0])
        if all(q is None or self._is_alone(q) for q in wanted):
            return self._bundle(tuple((None if q is None else q.name, 0, n) for q, n in zip(wanted, rows, strict=True)), "bias")
        texts = [self.writer.constant(np.zeros(n)) if q is None else self.given(q) for q, n in zip(wanted, rows, strict=True)]
        return self._joined(texts, "bias")

    def rows(self, blocks: tuple[Block | None, ...], length: int, word: str) -> str:
        """The local name of blocks of `length` rows, in this order; None stands for zeros."""
        names = [b[0] for b in blocks if b is not None]
        if not names:
            return self.writer.constant(np.zeros(length * len(blocks)))
        rows = [(None, 0, length) if b is None else (b[0].name, b[1] * length, (b[1] + 1) * length) for b in blocks]
        if all(map(self._is_alone, names)):
            return self._bundle(tuple(rows), word)
        zeros = self.writer.constant(np.zeros(length)) if None in blocks else ""
        return self._joined([zeros if n is None else f"{self.writer.leaf(n)}[{start}:{stop}]" for n, start, stop in rows], word)

    def turned(self, matrix: str) -> str:
        """The local name of a matrix's transpose."""
        return self._once(("turned", matrix), f"{matrix}_T", f"turn({matrix})")

    def given(self, node: Tensor) -> str:
        """The local name of a parameter, a constant, or the transpose of one."""
        return leaf(self.writer, node).text if isinstance(node, Quantity) else self.turned(self.given(node.args[0]))

    def _is_alone(self, node: Tensor) -> bool:
        """Whether it is a parameter that is read once."""
        return isinstance(node, Quantity) and node.kind == "param" and self.count[node.name] == 1

    def _joined(self, texts: list[str], word: str) -> str:
        return self._once(("joined", tuple(texts)), word, f"join([{', '.join(texts)}])")

    def _once(self, key: tuple[str, object], word: str, text: str) -> str:
        """The name of what is computed before every loop, once."""
        if key not in self.writer.given:
            self.writer.lines.append(f"{self.writer.name(key, word)} = {text}")
        return self.writer.given[key]

    def _bundle(self, blocks: tuple[tuple[str | None, int, int], ...], word: str) -> str:
        name = f"{word} {len(self.bundles) + 1}"  # no name of a model has a blank in it
        self.bundles[name] = Bundle(name, blocks)
        return self.writer.name(("leaf", name), word)


def is_given(matrix: Tensor) -> bool:
    """Whether it is there before anything is computed."""
    inner = matrix.args[0] if isinstance(matrix, op.Transposed) else matrix
    return isinstance(inner, Quantity) and inner.kind in ("param", "constant")
