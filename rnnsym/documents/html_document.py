"""A document as one HTML file that needs nothing else: `html/derivation.html.j2` is the layout, everything that it receives is text.

Comes in: a Document, the drawings beside it, the generated module, the shapes of the symbols. Goes out: HTML with MathML, the font inside,
no script and no request. A link to an equation shows that equation while the pointer or the focus is on it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import jinja2

from rnnsym.documents.code_listing import listing
from rnnsym.documents.document import Block, Display, Document, Heading, Items, Paragraph, Table
from rnnsym.documents.mathematics import AlignedRow, Inline, Node, References
from rnnsym.documents.mathml import math_element, relation_and_right
from rnnsym.documents.mathml import mathml as mathml_of
from rnnsym.documents.wording import in_words
from rnnsym.resources import templates_folder

FONT = Path(__file__).parent / "fonts" / "stix-two-math.woff2"
Figure = tuple[str, str]  # an SVG element and its caption


def html_source(document: Document, figures: Sequence[Figure] = (), module: str = "", shapes: Mapping[Node, str] | None = None) -> str:
    """The complete file.

    figures: SVG elements with captions, shown after the first section. module: the generated module's source, whose functions that cite
    equations are shown at the end. shapes: for the tree of a symbol, what is shown while the pointer is on it.
    """
    rows = {r.number: r for b in document.blocks if isinstance(b, Display) for r in b.mathematics.rows if r.number is not None}
    code, cited = listing(module, frozenset(rows)) if module else ("", frozenset())
    writer = _Writer(_whole_equations(document), cited, dict(shapes or {}))
    body = writer.body(document.blocks, figures)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_folder()), undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, autoescape=False,
    )  # fmt: skip
    view = {
        "title": _text(document.title),
        "subtitle": _text(document.subtitle),
        "font": base64.b64encode(FONT.read_bytes()).decode(),
        "headings": [{"anchor": anchor, "text": text} for anchor, text in writer.headings],
        "body": body,
        "code": code,
    }
    return environment.get_template("html/derivation.html.j2").render(view)


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


@dataclass
class _Writer:
    equations: Mapping[int, tuple[AlignedRow, ...]]
    cited: frozenset[int]
    shapes: Mapping[Node, str]
    headings: list[tuple[str, str]] = field(default_factory=list)
    sections: int = 0

    def body(self, blocks: Sequence[Block], figures: Sequence[Figure]) -> str:
        """The blocks in order; the figures stand before the second section."""
        drawn = "\n".join(f"<figure>{svg}<figcaption>{_text(caption)}</figcaption></figure>" for svg, caption in figures)
        out: list[str] = []
        for block in blocks:
            if isinstance(block, Heading) and block.level == 1 and len(self.headings) == 1 and drawn:
                out.append(drawn)
                drawn = ""
            out.append(self.block(block))
        return "\n".join([*out, *([drawn] if drawn else [])])

    def block(self, block: Block) -> str:
        printers: dict[type, Callable[..., str]] = {
            Heading: self.heading,
            Paragraph: lambda b: f"<p>{self.inline(b.text)}</p>",
            Display: self.display,
            Table: self.table,
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
        shape = self.shapes.get(piece)
        return f'<span title="{_text(shape)}">{math_element(piece)}</span>' if shape else math_element(piece)

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
        left = math_element(row.left, display=True) if row.left is not None else ""
        right = f'<math displaystyle="true">{relation_and_right(row)}</math>'
        said = "; ".join(dict.fromkeys(self.shapes_in(row)))
        title = f' title="{_text(said)}"' if said else ""
        anchor = f' id="eq-{row.number}"' if row.number is not None else ""
        cells = f'<div class="left">{left}</div><div class="right">{right}</div><div class="number">{self.number(row)}</div>'
        return f'<div class="row"{anchor}{title}>{cells}<div class="reason">{self.inline(row.reason)}</div></div>'

    def number(self, row: AlignedRow) -> str:
        if row.number is None:
            return ""
        code = f'<a class="to-code" href="#code-{row.number}">code</a>' if row.number in self.cited else ""
        return f'{code}<a href="#eq-{row.number}">({row.number})</a>'

    def shapes_in(self, node: object) -> list[str]:
        """What is known of the symbols in a tree, outermost first."""
        if isinstance(node, Node) and node in self.shapes:
            return [self.shapes[node]]
        if isinstance(node, tuple):
            return [said for part in node for said in self.shapes_in(part)]
        if isinstance(node, AlignedRow):
            return [*self.shapes_in(node.left), *self.shapes_in(node.right)]
        if not isinstance(node, Node):
            return []
        return [said for name in type(node).__dataclass_fields__ for said in self.shapes_in(getattr(node, name))]  # type: ignore[attr-defined]

    def table(self, block: Table) -> str:
        head = "".join(f'<th scope="col">{_text(title)}</th>' for title in block.head)
        rows = "\n".join("<tr>" + "".join(f"<td>{self.inline(cell)}</td>" for cell in cells) + "</tr>" for cells in block.rows)
        return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
