"""The tables of contents: the pages that are named, in that order, and whatever else is in their folder."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).parents[1]


def contents(caption: str, *pages: str) -> str:
    """A toctree. Words: its caption, then pages; a word that ends in `/` stands for all pages of that folder that are not named."""
    rows = [row for page in pages for row in (_others(page, pages) if page.endswith("/") else [page])]
    return f"```{{toctree}}\n:caption: {caption}\n:maxdepth: 1\n:hidden:\n\n" + "\n".join(rows) + "\n```\n"


def _others(folder: str, named: tuple[str, ...]) -> list[str]:
    found = [f"{folder}{path.stem}" for path in sorted((DOCS / folder).glob("*.md"))]
    return [page for page in found if page not in named]
