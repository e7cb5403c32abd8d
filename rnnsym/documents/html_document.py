"""A document as one HTML file that needs nothing else: `html/derivation.html.j2` is the layout, everything that it receives is text.

Comes in: a Document, the generated module, what its symbols are. Goes out: HTML with MathML and SVG, the font inside, no script and no
request. A link to an equation shows that equation while the pointer or the focus is on it, a symbol says what it is: by style rules alone.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path

import jinja2

from rnnsym.documents.code_listing import listing
from rnnsym.documents.document import Block, Code, Display, Document, Figure, Heading, Items, Paragraph, Table
from rnnsym.documents.mathematics import AlignedRow, Inline, Marked, Node, Operator, References, Row, changed, row
from rnnsym.documents.mathml import math_element, relation_and_right
from rnnsym.documents.mathml import mathml as mathml_of
from rnnsym.documents.measure import width
from rnnsym.documents.wording import in_words
from rnnsym.resources import templates_folder

_WIDTH, _SMALLEST = 800.0, 0.8  # pixels for pictures beside each other, and how far they are made smaller for it
_UNBROKEN = 8.0  # ems of mathematics that stay on one line of a sentence
FONT = Path(__file__).parent / "fonts" / "stix-two-math.woff2"


@dataclass(frozen=True)
class Symbol:
    """What is said of a symbol while the pointer is on it, and the trees by which it is known."""

    said: str
    looks: frozenset[Node]


@dataclass(frozen=True)
class Entry:
    """A line of the index: a page, what it is about, further files of the same model with their links."""

    name: str
    summary: str
    page: str
    files: tuple[tuple[str, str], ...] = ()


def html_source(document: Document, symbols: Sequence[Symbol] = ()) -> str:
    """The complete file."""
    rows = {r.number: r for b in document.blocks if isinstance(b, Display) for r in b.mathematics.rows if r.number is not None}
    module = next((block.source for block in document.blocks if isinstance(block, Code)), "")
    code, cited = listing(module, frozenset(rows)) if module else ("", frozenset())
    writer = _Writer(_whole_equations(document), cited, code, {look: f"s{i}" for i, s in enumerate(symbols) for look in s.looks})
    body = writer.body(document.blocks)
    view = {
        "title": _text(document.title),
        "subtitle": _text(document.subtitle),
        "font": base64.b64encode(FONT.read_bytes()).decode(),
        "hints": "\n".join(_hint(f"s{i}", symbol.said) for i, symbol in enumerate(symbols) if f"s{i}" in writer.met),
        "headings": [{"anchor": anchor, "text": text} for anchor, text in writer.headings],
        "body": body,
    }
    return _environment().get_template("html/derivation.html.j2").render(view)


def index_source(title: str, entries: Sequence[Entry]) -> str:
    """The page that leads to other pages."""
    lines = [
        {
            "name": _text(entry.name),
            "summary": _text(entry.summary),
            "page": _text(entry.page),
            "files": [{"label": _text(label), "place": _text(place)} for label, place in entry.files],
        }
        for entry in entries
    ]
    return _environment().get_template("html/index.html.j2").render({"title": _text(title), "entries": lines})


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_folder()), undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, autoescape=False,
    )  # fmt: skip


def _hint(mark: str, said: str) -> str:
    """The rule that says what a symbol is below the line in which the pointer is on it."""
    text = "".join(c if c.isalnum() or c in " ,.∈^_()×" else f"\\{ord(c):x} " for c in said)
    return f':is(.row,p,li,td):has(.{mark}:hover)::after{{content:"{text}"}}'


def _breakable(node: Node) -> list[Node]:
    """Mathematics in a sentence, taken apart before its signs where it is wide: a browser ends a line only between whole elements."""
    if not isinstance(node, Row) or width(node) < _UNBROKEN:
        return [node]
    parts: list[list[Node]] = [[]]
    for child in node.children:
        if isinstance(child, Operator) and child.form in ("relation", "infix") and parts[-1]:
            parts.append([])
        parts[-1].append(child)
    return [row(*part) for part in parts]


def _whole_equations(document: Document) -> dict[int, tuple[AlignedRow, ...]]:
    """For every number the rows that it names: those of a broken equation, or a left side found further up, included."""
    found: dict[int, tuple[AlignedRow, ...]] = {}
    for block in document.blocks:
        pending: list[AlignedRow] = []
        for line in block.mathematics.rows if isinstance(block, Display) else ():
            pending = [line] if line.left is not None else [*pending, line]
            if line.number is not None:
                found[line.number] = tuple(pending)
    return found


def _text(text: str) -> str:
    """Text as it is; characters that no HTML file may hold are shown as marks."""
    clean = (c if c in "\n\t" or (c >= " " and not "\x7f" <= c <= "\x9f" and not "\ud800" <= c <= "\udfff") else "\ufffd" for c in text)
    return escape("".join(clean))


_CODE = "Below are its functions that do so. A number in a comment leads to its equation; “code” beside an equation leads here."


@dataclass
class _Writer:
    """Blocks as HTML; `marks` names the class of a symbol's tree, `met` collects those that occur."""

    equations: Mapping[int, tuple[AlignedRow, ...]]
    cited: frozenset[int]
    code: str
    marks: Mapping[Node, str]
    met: set[str] = field(default_factory=set)
    headings: list[tuple[str, str]] = field(default_factory=list)
    sections: int = 0
    figures: int = 0

    def body(self, blocks: Sequence[Block]) -> str:
        return "\n".join(map(self.block, blocks))

    def block(self, block: Block) -> str:
        printers: dict[type, Callable[..., str]] = {
            Heading: self.heading,
            Paragraph: lambda b: f"<p>{self.inline(b.text)}</p>",
            Display: self.display,
            Table: self.table,
            Figure: self.figure,
            Code: lambda b: f"<p>{_CODE}</p>\n{self.code}",
            Items: lambda b: "<ul>" + "".join(f"<li>{self.inline(item)}</li>" for item in b.items) + "</ul>",
        }
        return printers[type(block)](block)

    def heading(self, block: Heading) -> str:
        self.sections += 1
        anchor, text = f"section-{self.sections}", self.inline(block.text)
        if block.level == 1:
            self.headings.append((anchor, text))
        return f'<h{block.level + 1} id="{anchor}">{text}</h{block.level + 1}>'

    def inline(self, pieces: Sequence[Inline]) -> str:
        return "".join(map(self.piece, pieces))

    def piece(self, piece: Inline) -> str:
        if isinstance(piece, str):
            return _text(piece)
        if isinstance(piece, References):
            return in_words(piece.numbers, self.reference)
        return "".join(math_element(self.marked(part)) for part in _breakable(piece))

    def marked(self, node: Node) -> Node:
        """The tree with its symbols marked."""

        def change(part: Node) -> Node | None:
            mark = self.marks.get(part)
            if mark is None:
                return None
            self.met.add(mark)
            return Marked(part, mark)

        return changed(node, change)

    def figure(self, block: Figure) -> str:
        self.figures += 1
        drawn = "\n".join(picture.svg(mathematical=True) for picture in block.pictures)
        caption = f"Figure {self.figures}. {self.inline(block.caption)}"
        together = sum(picture.width for picture in block.pictures)
        beside = " beside" if len(block.pictures) > 1 and together * _SMALLEST <= _WIDTH else ""
        return f'<figure id="fig-{block.mark}"><div class="pictures{beside}">{drawn}</div><figcaption>{caption}</figcaption></figure>'

    def reference(self, number: int) -> str:
        """A link, and the equation that appears beside it; hidden from screen readers, which follow the link."""
        rows = self.equations.get(number)
        if rows is None:
            return f"({number})"
        preview = "".join(f"<span>{self.line(row)}</span>" for row in rows)
        return f'<a class="ref" href="#eq-{number}">({number})<span class="preview" aria-hidden="true">{preview}</span></a>'

    def line(self, row: AlignedRow) -> str:
        left = mathml_of(row.left) if row.left is not None else ""
        return f'<math displaystyle="true">{left}{relation_and_right(row)}</math>'

    def display(self, block: Display) -> str:
        return '<div class="equations">' + "\n".join(map(self.row, block.mathematics.rows)) + "</div>"

    def row(self, row: AlignedRow) -> str:
        """Four cells: left side, relation and right side, number, reason."""
        left = math_element(self.marked(row.left), display=True) if row.left is not None else ""
        right = f'<math displaystyle="true">{relation_and_right(replace(row, left=None, right=self.marked(row.right)))}</math>'
        anchor = f' id="eq-{row.number}"' if row.number is not None else ""
        cells = f'<div class="left">{left}</div><div class="right">{right}</div><div class="number">{self.number(row)}</div>'
        return f'<div class="row"{anchor}>{cells}<div class="reason">{self.inline(row.reason)}</div></div>'

    def number(self, row: AlignedRow) -> str:
        if row.number is None:
            return ""
        said = f'aria-label="equation {row.number}"'
        code = f'<a class="to-code" href="#code-{row.number}" aria-label="code of equation {row.number}">code</a>'
        return f'{code if row.number in self.cited else ""}<a href="#eq-{row.number}" {said}>({row.number})</a>'

    def table(self, block: Table) -> str:
        head = "".join(f'<th scope="col">{_text(title)}</th>' for title in block.head)
        rows = "\n".join("<tr>" + "".join(f"<td>{self.inline(cell)}</td>" for cell in cells) + "</tr>" for cells in block.rows)
        return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
