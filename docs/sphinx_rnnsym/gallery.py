"""The gallery: a card for every model of the library, with the picture of its structure, its source, and its derivation.

Goes out: Markdown with the cards, and beside the site's pages the derivation of each model as one HTML file, its text, its module.
"""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path

import rnnsym
from rnnsym import library
from rnnsym.algebra import System
from rnnsym.documents.derivation_page import html_document
from rnnsym.pictures import structure
from rnnsym.proof.evidence import evidence
from sphinx_rnnsym.equations import raw, system_grid

FOLDER = "derivations"
CHECKOUT = Path(__file__).parents[2]


@cache
def _model(name: str) -> System:
    return rnnsym.load(name)


def gallery() -> str:
    """All cards."""
    return raw("".join(_card(_model(name)) for name in library.names()))


def _card(system: System) -> str:
    sentence, source = said_by(system)
    page = f"{FOLDER}/{system.name}"
    name = escape(system.name)
    files = "".join(
        f'<a href="{page}{suffix}"{attribute}>{word}</a>'
        for word, suffix, attribute in (
            ("derivation", ".html", ""), ("model", ".rnn", " download"), ("module", ".py", " download"), ("LaTeX", ".tex", " download"),
        )
    )  # fmt: skip
    return (
        f'<section class="card" id="{name}"><a class="drawn" href="{page}.html" aria-label="the derivation of {name}">'
        f'{structure(system).svg()}</a><div class="said"><p class="name"><a href="{page}.html">{name}</a></p><p>{escape(sentence)}</p>'
        f'<p class="source">{escape(source)}</p>{system_grid(system, described=False)}<p class="files">{files}</p></div></section>\n'
    )


def said_by(system: System) -> tuple[str, str]:
    """What a model's docstring says first, and where it is from."""
    paragraphs = [" ".join(part.split()) for part in system.doc.split("\n\n")]
    return paragraphs[0], " ".join(paragraphs[1:])


def write_derivations(folder: Path) -> None:
    """Every model's derivation as one HTML file; beside it its text, and module and LaTeX as `rnnsym build` keeps them in the checkout."""
    target = folder / FOLDER
    target.mkdir(exist_ok=True)
    for name in library.names():
        system = _model(name)
        module = (CHECKOUT / "generated" / f"{name}.py").read_text(encoding="utf-8")
        texts = {
            ".html": html_document(rnnsym.derive(system), module, evidence=evidence(system)), ".rnn": system.source, ".py": module,
            ".tex": (CHECKOUT / "docs" / "derivations" / f"{name}.tex").read_text(encoding="utf-8"),
        }  # fmt: skip
        for suffix, text in texts.items():
            (target / f"{name}{suffix}").write_text(text, encoding="utf-8")
