"""A document as LaTeX: `derivation.tex.j2` is the layout, everything that it receives is text.

Comes in: a Document. Goes out: the source of a complete `.tex` file, or the blocks alone to `\\input` elsewhere.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import jinja2

from rnnsym.documents.document import Block, Code, Display, Document, Figure, Heading, Items, Paragraph, Table
from rnnsym.documents.escape import escape
from rnnsym.documents.latex import aligned_row, latex
from rnnsym.documents.latex_figure import figure_source
from rnnsym.documents.mathematics import AlignedRow, Inline, References
from rnnsym.documents.measure import height
from rnnsym.documents.wording import in_words
from rnnsym.resources import templates_folder

_POINTS = 10.95  # one em
_TOGETHER = 4  # the last rows of a table stand on one page
_NOTE_LINE, _NOTE_CHARACTERS = 10.0, 25  # the margin's lines in points, and how many characters they hold


def latex_source(document: Document) -> str:
    """The complete source of a document."""
    view = {"title": escape(document.title), "subtitle": escape(document.subtitle), "body": body_source(document)}
    return _environment().get_template("derivation.tex.j2").render(view)


def fragment_source(document: Document) -> str:
    """The document as a part of another one, which reads it by `\\input`: a comment says what that one's preamble needs.

    Labels begin with the document's title, so that several parts can stand in one document.
    """
    prefix = re.sub(r"[^A-Za-z0-9]+", "-", document.title)
    body = re.sub(r"(\\(?:label|labelcref|cref)\{)(eq:|fig:)", rf"\1{prefix}:\2", body_source(document))
    view = {"title": _comment(document.title), "subtitle": _comment(document.subtitle), "prefix": prefix, "body": body}
    return _environment().get_template("fragment.tex.j2").render(view)


def _comment(text: str) -> str:
    """Text for one line of a comment, where nothing but a line's end has a meaning."""
    return " ".join(text.split())


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_folder()),
        undefined=jinja2.StrictUndefined,
        block_start_string="<%", block_end_string="%>", variable_start_string="<<", variable_end_string=">>",
        comment_start_string="<#", comment_end_string="#>", trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
        autoescape=False,
    )  # fmt: skip


def body_source(document: Document) -> str:
    """The blocks alone; a display belongs to the paragraph before it, so that no empty line parts them."""
    source = ""
    for block in document.blocks:
        source += ("\n" if isinstance(block, Display) else "\n\n") + block_source(block)
    return source.strip("\n")


def block_source(block: Block) -> str:
    return _PRINTERS[type(block)](block)


def inline_source(pieces: tuple[Inline, ...]) -> str:
    """A sentence: text escaped, mathematics between \\( and \\), links."""
    return "".join(_inline(piece) for piece in pieces)


def _inline(piece: Inline) -> str:
    if isinstance(piece, str):
        return escape(piece)
    if isinstance(piece, References):
        return in_words(piece.numbers, lambda number: rf"\labelcref{{eq:{number}}}")
    return rf"\({latex(piece).strip()}\)"


def _display(block: Display) -> str:
    """An `align` environment; rows are moved apart where a note in the margin needs the room."""
    source = ""
    debt = 0.0  # how far the margin's notes reach below the rows so far, in points
    for place, line in enumerate(block.mathematics.rows):
        note = _note_height(line)
        skip = math.ceil(debt) if note and debt > 3 else 0
        source += "" if not place else f" \\\\[{skip}pt]\n" if skip else " \\\\\n"
        debt = max(0.0, max(debt - skip, note) - _pitch(line))
        source += f"  {aligned_row(line)}{_tag(line)}"
    after = f"\n\\vspace{{{math.ceil(debt - 10)}pt}}" if debt > 10 else ""
    return f"\\begin{{align}}\n{source}\n\\end{{align}}{after}"


def _pitch(line: AlignedRow) -> float:
    """From this row's baseline to the next one's, in points, rather too little than too much."""
    tallest = max(height(line.right), height(line.left) if line.left is not None else 1.0)
    return _POINTS * 1.1 * tallest + 3 if tallest > 1.75 else 16.0  # what is lower has room between two lines


def _note_height(line: AlignedRow) -> float:
    text = sum(len(p) if isinstance(p, str) else 4 * len(p.numbers) if isinstance(p, References) else 6 for p in line.reason)
    return math.ceil(text / _NOTE_CHARACTERS) * _NOTE_LINE if text else 0.0


def _tag(line: AlignedRow) -> str:
    """The row's number, and its reason in the margin; a row without a number has an empty one to hang the reason on."""
    reason = inline_source(line.reason)
    if line.number is not None:
        note = rf"\reason{{{reason}}}" if reason else ""
        return rf" {note}\tag{{{line.number}}}\label{{eq:{line.number}}}"
    return rf" \tag*{{\kern1em\marginreason{{{reason}}}}}" if reason else r" \notag"


def _table(block: Table) -> str:
    columns = "".join(f">{{\\raggedright\\arraybackslash}}p{{{width:.2f}\\linewidth}}" if width else "l" for width in block.widths)
    head = " & ".join(rf"\textit{{{escape(title)}}}" for title in block.head)
    last = len(block.rows) - _TOGETHER
    ends = (r"\\*" if place >= last and cells is not block.rows[-1] else r"\\" for place, cells in enumerate(block.rows))
    rows = "\n".join(f"{' & '.join(map(inline_source, cells))} {end}" for cells, end in zip(block.rows, ends, strict=True))
    top = f"\\begin{{longtable}}[l]{{@{{}}{columns}@{{}}}}\n\\toprule\n{head} \\\\\n\\midrule\n\\endhead"
    return f"{top}\n{rows}\n\\bottomrule\n\\end{{longtable}}"


def _code(block: Code) -> str:
    """A row for each statement: its equation, its line in the module, its text, broken at spaces where it is long."""
    columns = r"r@{\quad}r@{\quad}>{\raggedright\arraybackslash\hangindent1em\footnotesize\ttfamily}p{0.74\linewidth}"
    head = r"\multicolumn{1}{l}{\textit{equation}} & \textit{line} & \multicolumn{1}{l}{\textit{statement}}"
    rows = "\n".join(rf"\labelcref{{eq:{s.equation}}} & {s.line} & {escape(s.text)} \\" for s in block.statements)
    top = f"\\begin{{longtable}}[l]{{@{{}}{columns}@{{}}}}\n\\toprule\n{head} \\\\\n\\midrule\n\\endhead"
    return f"{top}\n{rows}\n\\bottomrule\n\\end{{longtable}}"


def _items(block: Items) -> str:
    rows = "\n".join(rf"  \item {inline_source(item)}" for item in block.items)
    return f"\\begin{{itemize}}\n{rows}\n\\end{{itemize}}"


_HEADINGS = {1: "section", 2: "subsection"}
_PRINTERS: dict[type, Callable[..., str]] = {
    Heading: lambda block: rf"\{_HEADINGS[block.level]}{{{inline_source(block.text)}}}",
    Paragraph: lambda block: inline_source(block.text),
    Display: _display,
    Table: _table,
    Items: _items,
    Code: _code,
    Figure: lambda block: figure_source(block, inline_source(block.caption)),
}


__all__ = ["block_source", "fragment_source", "inline_source", "latex_source"]
