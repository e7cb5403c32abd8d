"""A document as Markdown with LaTeX mathematics, as notebooks and forges show it.

Comes in: a Document. Goes out: text; mathematics stands between dollar signs, a display is one `aligned` block per numbered group of rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from rnnsym.documents.document import Block, Code, Display, Document, Figure, Heading, Items, Paragraph, Table
from rnnsym.documents.latex import aligned_row, latex
from rnnsym.documents.mathematics import AlignedRow, Inline, References
from rnnsym.documents.wording import in_words

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|$~&])")


def markdown(document: Document) -> str:
    """The whole document."""
    head = f"# {_literal(document.title)}\n\n*{_literal(document.subtitle)}*"
    return f"{head}\n\n{markdown_blocks(document.blocks)}"


def markdown_blocks(blocks: Iterable[Block]) -> str:
    """Blocks one after the other, without a title."""
    shown = (block for block in blocks if not isinstance(block, Figure))  # a forge shows no drawing that stands in the text
    return "\n\n".join(_PRINTERS[type(block)](block) for block in shown) + "\n"


def _literal(text: str) -> str:
    """Text with every sign that Markdown could take for its own escaped; line breaks are spaces."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split("\n")))


def inline(pieces: tuple[Inline, ...]) -> str:
    return "".join(_inline(piece) for piece in pieces)


def _inline(piece: Inline) -> str:
    if isinstance(piece, str):
        return _literal(piece)
    if isinstance(piece, References):
        return in_words(piece.numbers, lambda number: f"({number})")
    return f"${latex(piece).strip()}$"


def _display(block: Display) -> str:
    """The rows as `aligned`; a row's number stands in a column of its own, because a tag is not allowed inside."""
    rows = " \\\\\n".join(aligned_row(line) + _number(line) for line in block.mathematics.rows)
    reasons = [inline(line.reason) for line in block.mathematics.rows if line.reason]
    note = f"\n\n<small>{'; '.join(dict.fromkeys(reasons))}</small>" if reasons else ""
    return f"$$\n\\begin{{aligned}}\n{rows}\n\\end{{aligned}}\n$${note}"


def _number(line: AlignedRow) -> str:
    return rf" &\qquad& ({line.number})" if line.number is not None else ""


def _code(block: Code) -> str:
    """The statements, each with its equation's number."""
    rows = "\n".join(f"{statement.text}  # ({statement.equation})" for statement in block.statements)
    return f"```python\n{rows}\n```"


def _table(block: Table) -> str:
    rows = [" | ".join(block.head), " | ".join("---" for _ in block.head)]
    rows += [" | ".join(inline(cell) for cell in cells) for cells in block.rows]
    return "\n".join(f"| {line} |" for line in rows)


_PRINTERS: dict[type, Callable[..., str]] = {
    Heading: lambda block: f"{'#' * (block.level + 1)} {inline(block.text)}",
    Paragraph: lambda block: inline(block.text),
    Display: _display,
    Table: _table,
    Code: _code,
    Items: lambda block: "\n".join(f"- {inline(item)}" for item in block.items),
}
