"""The documentation's code runs: every block of every page, from top to bottom, and prints what the page shows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pages import blocks, run

from rnnsym import RnnsymError

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(path for folder in (DOCS, DOCS / "guide", DOCS / "reference") for path in folder.glob("*.md"))
WRONG = {
    "a model": "```rnn\nh[t] = x[t]\n```\n",
    "python": "```python\nassert 1 == 2\n```\n",
    "a command that fails": "```console\n$ rnnsym show nothing\n```\n",
    "a command that succeeds where it should fail": "```console\n$ rnnsym list\nexit code 1\n```\n",
    "output": "```console\n$ rnnsym list\nsomething else\n```\n",
    "an excerpt": "<!-- file: m.rnn -->\n```rnn\nx: input\nh[t] = x[t]\n```\n<!-- in: m.rnn -->\n```python\nh[t] = 2 * x[t]\n```\n",
    "a language that nothing runs": "```sh\nls\n```\n",
    "an unknown command": "```console\n$ ls\n```\n",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, the current one, from which modules are imported and forgotten again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_of_the_page_runs(page, folder):
    run(page, folder)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_page_with_a_wrong_block_fails(wrong, folder):
    page = folder / "page.md"
    page.write_text(WRONG[wrong], encoding="utf-8")
    with pytest.raises((AssertionError, RnnsymError)):
        run(page, folder)


def test_a_block_that_is_excused_says_why():
    excused = [block for page in PAGES for block in blocks(page) if block.word == "not run"]
    assert all(len(block.said.split()) >= 2 for block in excused)
