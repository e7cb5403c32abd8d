"""The tables of contents: the pages of a folder, those that are named first in that order, then whatever else is there."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).parents[1]


def contents(caption: str, *pages: str) -> str:
    """A toctree. Words: its caption, then pages; a word that ends in `/` stands for all other pages of that folder."""
    named = [page for page in pages if not page.endswith("/")]
    others = [
        f"{folder}{path.stem}" for folder in pages if folder.endswith("/") for path in sorted((DOCS / folder).glob("*.md"))
    ]  # fmt: skip
    rows = dict.fromkeys([*named, *others])
    return f"```{{toctree}}\n:caption: {caption}\n:maxdepth: 1\n\n" + "\n".join(rows) + "\n```\n"
