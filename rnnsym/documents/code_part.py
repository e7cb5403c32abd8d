"""The generated code: which statement computes which equation.

Comes in: the name of a model, the numbers that its document has, the source of its module. Goes out: blocks of a document.
"""

from __future__ import annotations

from collections.abc import Iterator

from rnnsym.documents.code_listing import statements
from rnnsym.documents.document import Block, Code, Heading, Paragraph


def code_blocks(name: str, equations: frozenset[int], module: str) -> Iterator[Block]:
    """The statements that cite equations; nothing where no module is at hand."""
    found = statements(module, equations) if module else ()
    if found:
        yield Heading(1, ("The generated code",))
        said = f"The NumPy module that “rnnsym generate {name} -O0” writes has a statement for each equation and cites its number. "
        said += f"What “rnnsym generate {name}” writes computes the same in fewer, larger operations, and cites the same numbers."
        yield Paragraph((said,))
        yield Code(module, found)
