"""Products that read one operand, written as one product of stacked parameters; with what is added to them, where that stands beside alone.

Comes in: the writer and a product. Goes out: the names of the pieces of its group, entered in the writer's table. Outside the loops a bias
is added with the product (`linear`); inside one, what was computed before the loop for all gates (`affine`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import Quantity, Tensor, quantities
from rnnsym.bench.peers.holding import is_given
from rnnsym.bench.peers.translation import PER_SEQUENCE, Text
from rnnsym.bench.schedule import Group, parts, subexpressions

if TYPE_CHECKING:
    from rnnsym.bench.peers.translate import Writer


@dataclass(frozen=True)
class Member:
    """One product of a group; where it stands alone beside one thing that is added, that sum and that thing."""

    matrix: Tensor
    rows: int
    sum: op.Plus | None = None
    added: Quantity | None = None


class Stacks:
    """The stacked products of one translation."""

    def __init__(self, writer: Writer):
        self.writer = writer
        self.groups = {(g.place, g.operand): g for g in writer.plan.groups}
        self.whole: dict[tuple[str, ...], str] = {}  # pieces in order → the array that they are pieces of

    def find(self, node: op.MatrixProduct) -> bool:
        """Whether the product is one of a group; its pieces then stand in the writer's table."""
        place = self.writer.place
        if (place, node) in self.writer.pieces:
            return True
        matrix, operand = node.args
        group = self.groups.get((place, operand))
        if group is None or not is_given(matrix):
            return False
        members = [self._member(group, m) for m in group.matrices if is_given(m) and op.MatrixProduct(m, operand) in self.parents]
        if place < 0:
            self._write_outside(group, members)
        else:
            self._write_in_loop(group, members)
        return True

    def _member(self, group: Group, matrix: Tensor) -> Member:
        product = op.MatrixProduct(matrix, group.operand)
        rows = self.writer.size(matrix.shape[0])
        readers = [reader for place, reader in self.parents.get(product, ()) if place == group.place]
        if len(readers) == 1 and isinstance(readers[0], op.Plus) and len(readers[0].args) == 2:
            other = next((a for a in readers[0].args if a != product), product)
            if isinstance(other, Quantity) and other.rank == 1 and self._is_addable(other, group):
                return Member(matrix, rows, readers[0], other)
        return Member(matrix, rows)

    def _is_addable(self, other: Quantity, group: Group) -> bool:
        """Outside a loop a bias; inside one, what was computed before it for the same step."""
        if group.place < 0:
            return other.kind == "param"
        return other.kind == "variable" and other.offset == 0 and other.name not in self.writer.members

    @cached_property
    def parents(self) -> dict[Basic, list[tuple[int, Basic | None]]]:
        """For every product that is written: where it stands, and what reads it (None: an equation as a whole), each time."""
        found: dict[Basic, list[tuple[int, Basic | None]]] = {}
        for place, definition in self.writer.written():
            pairs = [(None, definition.rhs), *((n, a) for n in subexpressions(definition.rhs) for a in parts(n))]
            for reader, node in pairs:
                if isinstance(node, op.MatrixProduct):
                    found.setdefault(node, []).append((place, reader))
        return found

    # ------------------------------------------------------------ writing

    def _write_outside(self, group: Group, members: list[Member]) -> None:
        operand = self.writer.lower(group.operand)
        matrix = self.writer.held.matrix([m.matrix for m in members])
        biased = any(m.added is not None for m in members)
        bias = f", {self.writer.held.bias([m.added for m in members], [m.rows for m in members])}" if biased else ""
        self._enter(group, members, self._pieces(members, f"linear({operand.text}, {matrix}{bias})"), operand.axes)

    def _write_in_loop(self, group: Group, members: list[Member]) -> None:
        operand = self.writer.lower(group.operand).text
        summed = [m for m in members if m.sum is not None]
        bare = [m for m in members if m.sum is None]
        matrix = self.writer.held.turned(self.writer.held.matrix([m.matrix for m in (*summed, *bare)]))
        if not bare:
            names = self._pieces(summed, f"affine({self._before(summed)}, {operand}, {matrix})")
        elif not summed:
            names = self._pieces(bare, f"product({operand}, {matrix})")
        else:
            whole, length = self.writer.fresh("stack"), sum(m.rows for m in summed)
            self.writer.say(f"{whole} = product({operand}, {matrix})")
            names = self._pieces(summed, f"{whole}[..., :{length}] + {self._before(summed)}")
            names += self._pieces(bare, f"{whole}[..., {length}:]")
        self._enter(group, [*summed, *bare], names, PER_SEQUENCE)

    def _pieces(self, members: list[Member], text: str) -> list[str]:
        """The names of the pieces of an array."""
        names = [self.writer.fresh(f"{next(quantities(m.matrix)).name}_u") for m in members]
        if len(members) == 1:
            self.writer.say(f"{names[0]} = {text}")
            return names
        whole = self.writer.fresh("stack")
        self.writer.say(f"{whole} = {text}")
        self.writer.say(f"{', '.join(names)} = split({whole}, {[m.rows for m in members]})")
        self.whole[tuple(names)] = whole
        return names

    def _enter(self, group: Group, members: list[Member], names: list[str], axes: int) -> None:
        for member, name in zip(members, names, strict=True):
            node = member.sum if member.sum is not None else op.MatrixProduct(member.matrix, group.operand)
            self.writer.pieces[self.writer.place, node] = Text(name, axes, 1)

    def _before(self, members: list[Member]) -> str:
        """At the running step, what was computed before the loop for several gates, as one array."""
        added = [m.added for m in members if m.added is not None]
        texts = tuple(self.writer.series(q.name, 0) for q in added)
        if len(texts) == 1:
            return self.writer.stepping(texts[0], added[0].name)
        if texts not in self.whole:
            self.whole[texts] = self.writer.fresh("before")
            self.writer.lines.append(f"{self.whole[texts]} = concat([{', '.join(texts)}])")
        return self.writer.stepping(self.whole[texts], "now")
