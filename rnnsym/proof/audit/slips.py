"""A slip of the pen, as data: what is altered in the equations or in the results, and the sentence that says so.

Comes in (to the families of slips, `slips_of_*.py`): a sheet. Goes out: `Slip`s. They are found from the equations of any model; nothing
here knows a network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import same_shape
from rnnsym.algebra.tensor import Quantity, Tensor, quantities
from rnnsym.program.meanings import Array
from rnnsym.proof.audit.sheet import Edit, Sheet, children
from rnnsym.proof.audit.telling import Telling

Getter = Callable[[str], "list[Array]"]  # what a gradient is of → its value, sequence by sequence
After = Callable[[Getter, Sheet], Getter]
Path = tuple[int, ...]


@dataclass(frozen=True)
class Slip:
    """One thing that may have gone wrong.

    kind       a word or two, for tables
    sentence   what follows "equal to the exact gradient if"
    rank       how likely it is against others that explain the same numbers: lower is told first
    row        the row whose equation shows it, "" where it concerns no single one
    parts      (row, text of a part of its equation) that it alters
    edits      what it does to the equations
    after      what it does to the gradients once they are computed
    of         the gradients that `after` alters; empty: all
    """

    kind: str
    sentence: str
    rank: int
    row: str = ""
    parts: tuple[tuple[str, str], ...] = ()
    edits: tuple[Edit, ...] = ()
    after: After | None = None
    of: frozenset[str] = frozenset()


class Rows:
    """What the families of slips ask of a sheet; `stacks` says which parameters the person holds in one array, block by block."""

    def __init__(self, sheet: Sheet, stacks: Mapping[str, list[tuple[str, ...]]] | None = None):
        self.sheet, self.tell, self.stacks = sheet, Telling(sheet), stacks or {}
        joined = sheet.derivation.adjoint
        self.errors = set(joined.errors.values()) | set(sheet.messages)
        self.origin = {error: key for key, error in joined.errors.items()}
        self.gradient_of = {row: of for of, row in sheet.gradients.items()}
        self.own = {*self.errors, *sheet.rows}

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        return iter(self.sheet.rows.items())

    def has_error(self, node: Basic) -> bool:
        """Whether a part reads an error, so that it carries gradient."""
        return any(q.name in self.own or self._is_seed(q) for q in quantities(node))

    def _is_seed(self, quantity: Quantity) -> bool:
        return quantity.name in self.sheet.derivation.adjoint.seeds.values()

    def slip(self, kind: str, rank: int, row: str, path: Path, node: Basic, change: Callable[[Tensor], Tensor | None], words: str) -> Slip:
        """A slip at one place; `words` may name the place as {part} and the equation as {row}."""
        part = self.tell.part(row, node)
        where = (
            f"`{self.tell.name(row)}`" if path or row not in self.sheet.messages else f"what `{self.tell.name(row)}` receives, `{part}`,"
        )
        sentence = words.replace("{part}", f"`{part}`").replace("{row}", where)
        return Slip(kind, sentence, rank, row, ((row, part),) if path or "{part}" in words else (), (Edit(row, path, change),))

    def put(self, kind: str, rank: int, row: str, path: Path, node: Basic, new: Tensor) -> Slip:
        """The slip that one thing stands where another should."""
        words = f"`{self.tell.part(row, new)}` stands in place of {{part}} in `{self.tell.name(row)}`"
        return self.slip(kind, rank, row, path, node, lambda _: new, words)


def places(node: Basic, path: Path = ()) -> Iterator[tuple[Path, Tensor]]:
    """Every part of a right side with the path to it, root first; conditions are left alone."""
    if isinstance(node, Tensor):
        yield path, node
        for index, child in enumerate(children(node)):
            yield from places(child, (*path, index))


def is_square(node: Tensor) -> bool:
    return node.rank == 2 and same_shape((node.shape[0],), (node.shape[1],))


def terms(value: Tensor) -> list[tuple[Path, Tensor]]:
    """The terms of a right side: those of its sum, or itself."""
    if isinstance(value, op.Plus):
        return [((i,), term) for i, term in enumerate(value.args)]
    return [((), value)]


def from_another_step(rows: Rows, term: Basic) -> bool:
    """Whether a term brings an error from another step."""
    return any(q.name in rows.own and q.offset not in (0, None) for q in quantities(term))
