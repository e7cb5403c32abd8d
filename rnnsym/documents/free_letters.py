"""Letters for a document's own purposes that a model leaves free.

Comes in: the names of a model and candidates. Goes out: the first that no name carries.
"""

from __future__ import annotations

from dataclasses import dataclass

from rnnsym.documents.mathematics import Identifier, Node
from rnnsym.documents.names import Names, carried_letters


def free_letter(names: Names, *candidates: str | Node) -> Node:
    """The first candidate that no name of the model and no letter of the document carries; the last where all are taken."""
    taken = carried_letters(names)
    nodes = [Identifier(c) if isinstance(c, str) else c for c in candidates]
    return next((node for node in nodes if node not in taken), nodes[-1])


@dataclass(frozen=True)
class StepLetters:
    """The letters of what is said about steps of a recurrence.

    state, jacobian, bounds  of a recurrence; `bounds` is the matrix of the blocks' bounds, `factor` the bound where there is one block
    earlier, between         an earlier step, and a step on the way to it
    vector, matrix           what a map acts on
    """

    state: Node
    jacobian: Node
    bounds: Node
    factor: Node
    earlier: Node
    between: Node
    vector: Node
    matrix: Node

    @classmethod
    def of(cls, names: Names) -> StepLetters:
        wanted = ("sqz", "JGF", "NBM", "βκω", "klr", "jiν", "evu", "EXZ")
        return cls(*(free_letter(names, *letters, Identifier(letters[0], "bold"), Identifier(letters[0], "sans")) for letters in wanted))
