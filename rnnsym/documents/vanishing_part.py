"""Vanishing and exploding gradients: the step Jacobian in blocks, its product over time, what bounds it.

Comes in: a Derivation and a typesetter. Goes out: blocks of a document.
"""

from __future__ import annotations

from collections.abc import Iterator

from rnnsym.derivation.derivation import Derivation
from rnnsym.documents.document import Block
from rnnsym.documents.typeset import Typesetter


def vanishing_blocks(derivation: Derivation, setter: Typesetter) -> Iterator[Block]:
    """Nothing yet: the part follows the gradients and comes before the code."""
    yield from ()
