"""The site: built without a warning, it asks nothing of the network, every link leads somewhere, and nothing is missing."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from rnnsym import library
from rnnsym.cli.arguments import parser
from rnnsym.error_catalogue import CATALOGUE

pytest.importorskip("sphinx", reason="the site needs Sphinx (pip install rnnsym[docs])")
pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]
DOCS = CHECKOUT / "docs"
_LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "object": "data", "embed": "src"}


class _Page(HTMLParser):
    """What a page loads, where it leads, and its anchors."""

    def __init__(self, path: Path):
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.anchors.update(value for name, value in given.items() if name in ("id", "name"))
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and given.get("rel") not in ("canonical",):
            self.loads.append(given.get("href", ""))
        if tag in _LOADED:
            self.loads.append(given.get(_LOADED[tag], ""))


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The built site; the build fails on a warning, and writes nothing beside its own folder."""
    folder = tmp_path_factory.mktemp("site")
    before = sorted(path for path in DOCS.rglob("*") if "__pycache__" not in path.parts)
    words = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-E",
        "-d",
        str(folder / "doctrees"),
        str(DOCS),
        str(folder / "html"),
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, cwd=CHECKOUT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path for path in DOCS.rglob("*") if "__pycache__" not in path.parts) == before
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, _Page]:
    return {path: _Page(path) for path in sorted(site.rglob("*.html"))}


def test_nothing_is_asked_of_the_network(site, pages):
    assert len(pages) > 30
    for path, page in pages.items():
        outside = [load for load in page.loads if re.match(r"(https?:)?//", load)]
        assert outside == [], path
    for sheet in site.rglob("*.css"):
        assert re.findall(r"url\([\"']?(?:https?:)?//[^)]*\)|@import[^;]*//[^;]*", sheet.read_text("utf-8")) == [], sheet


def test_every_link_within_the_site_leads_somewhere(site, pages):
    broken = []
    for path, page in pages.items():
        for link in [*page.links, *page.loads]:
            if re.match(r"[a-z]+:", link) or not link or link == "#":
                continue
            target, _, anchor = link.partition("#")
            there = (path.parent / unquote(target.partition("?")[0])).resolve() if target else path
            if not there.exists() or (anchor and there in pages and unquote(anchor) not in pages[there].anchors):
                broken.append((path.relative_to(site).as_posix(), link))
    assert broken == []


def test_every_model_has_a_card_and_its_files(site):
    gallery = (site / "gallery.html").read_text("utf-8")
    for name in library.names():
        assert f'class="card" id="{name}"' in gallery
        assert {path.suffix for path in (site / "derivations").glob(f"{name}.*")} == {".html", ".tex", ".py", ".rnn"}
    assert gallery.count("rnnsym-picture") >= len(library.names())


def test_every_error_is_shown_with_every_malformed_model(site, pages):
    path = site / "reference" / "errors.html"
    assert [code for code in CATALOGUE if code.lower() not in pages[path].anchors] == []
    count = (CHECKOUT / "tests" / "language" / "malformed.txt").read_text("utf-8").count("\n--- says\n")
    messages = re.findall(r"^(?:<[^>]*>)*model\.rnn:\d+:\d+: error\[", path.read_text("utf-8"), re.MULTILINE)
    assert len(messages) >= count


def test_every_command_is_in_the_reference(site):
    from sphinx_rnnsym.commands import commands

    text = (site / "reference" / "commands.html").read_text("utf-8")
    for name, command in commands(parser()).items():
        assert f"rnnsym {name}" in text
        for action in command._actions:
            assert all(word in text for word in action.option_strings if word not in ("-h", "--help", "--debug"))


def test_mathematics_is_our_own_mathml(site):
    text = (site / "guide" / "reading-a-derivation.html").read_text("utf-8")
    assert text.count("<math") > 10
    assert not re.search(r"<script[^>]*(mathjax|katex)", text, re.IGNORECASE)
    style = (site / "_static" / "rnnsym.css").read_text("utf-8")
    assert "stix-two-math.woff2" in style and (site / "_static" / "stix-two-math.woff2").stat().st_size > 50_000
