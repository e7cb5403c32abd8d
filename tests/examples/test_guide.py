"""The guide's code runs: every model in it reads, every Python line does what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import rnnsym

PAGES = sorted((Path(__file__).parents[2] / "docs" / "guide").glob("*.md"))


def blocks(page: Path, kind: str) -> list[str]:
    """The fenced blocks of one kind, in order."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_model_on_the_page_reads_and_compiles(page):
    for text in blocks(page, "rnn"):
        assert rnnsym.compile(rnnsym.parse(text)).loss_and_grads


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_python_on_the_page_runs_from_top_to_bottom(page):
    scope: dict[str, object] = {}
    for text in blocks(page, "python"):
        exec(compile(text, page.name, "exec"), scope)
