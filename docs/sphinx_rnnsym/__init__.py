"""What the site has beside prose: printed by the program itself when the site is built, so that no page can go stale.

A page names what it wants in a block ```` ```{rnnsym} errors ````; before Sphinx reads the page, the block is replaced by the Markdown that
the printer of that name returns (`PRINTERS`). Mathematics is MathML by rnnsym's own serialiser, in its own font; the derivations that the
gallery links are written beside the pages. Nothing is fetched, and nothing is written outside the output folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rnnsym.documents.html_document import FONT
from sphinx_rnnsym.gallery import write_derivations
from sphinx_rnnsym.lexer import ModelLexer
from sphinx_rnnsym.mathematics import block_math, inline_math
from sphinx_rnnsym.printers import expand
from sphinx_rnnsym.style import style_sheet

_STYLE = "rnnsym.css"


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_html_math_renderer("rnnsym", inline_renderers=(inline_math, None), block_renderers=(block_math, None))
    app.add_css_file(_STYLE)
    app.add_lexer("rnn", ModelLexer)
    app.connect("builder-inited", _write_style)
    app.connect("env-get-outdated", _every_page)
    app.connect("source-read", _expand)
    app.connect("build-finished", _write_derivations)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _write_style(app: Any) -> None:
    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    (static / _STYLE).write_text(style_sheet(), encoding="utf-8")
    (static / FONT.name).write_bytes(FONT.read_bytes())


def _every_page(app: Any, env: Any, added: set[str], changed: set[str], removed: set[str]) -> set[str]:
    """What a page prints may have changed where its text has not."""
    return set(env.found_docs)


def _expand(app: Any, page: str, source: list[str]) -> None:
    source[0] = expand(source[0], page)


def _write_derivations(app: Any, failure: Exception | None) -> None:
    if failure is None and app.builder.format == "html":
        write_derivations(Path(app.outdir))
