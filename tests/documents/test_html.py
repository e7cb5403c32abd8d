"""The derivation as HTML: it stands alone, its links have their ends, its text is literal, and a browser shows it without overflow."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rnnsym import library
from rnnsym.cli.files import is_sealed, is_untouched, seal
from rnnsym.derivation import derive
from rnnsym.documents.derivation_page import html_document
from rnnsym.language import parse
from rnnsym.live import generate

MODELS = ("rnn", "lstm", "gru", "birnn", "mlstm")
VOID = {"meta", "link", "br"}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SWITCHES = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--virtual-time-budget=4000", "--dump-dom",
)  # fmt: skip
PROBE = """<script>document.fonts.ready.then(() => { const e = document.documentElement; document.title =
`wide ${Math.max(0, e.scrollWidth - e.clientWidth)} font ${[...document.fonts].map(f => f.status)} asked ${performance.getEntriesByType("resource")
.filter(r => !r.name.startsWith("data:")).length}`; });</script>"""


class Page(HTMLParser):
    """What a page holds: ids, links, headings, the order of its elements."""

    def __init__(self, text: str):
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.requests: list[str] = []
        self.headings: list[int] = []
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.add(tag)
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values["href"]] if tag == "a" else []
        self.requests += [v for k, v in attrs if k in ("src", "href", "xlink:href", "srcset") and tag != "a"]
        self.headings += [int(tag[1])] if re.fullmatch(r"h[1-6]", tag) else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def page(name: str) -> str:
    system = library.load(name)
    return html_document(derive(system), generate(system))


@pytest.mark.parametrize("name", MODELS)
def test_a_page_stands_alone_and_every_link_has_its_end(name):
    text = page(name)
    found = Page(text)
    assert len(found.ids) == len(set(found.ids))
    assert {link.removeprefix("#") for link in found.links} <= set(found.ids)
    assert all(place.startswith("data:") for place in found.requests)
    assert "script" not in found.tags
    assert not re.search(r"@import|url\((?!data:)", text)


def test_headings_are_in_order_and_code_and_equations_lead_to_each_other():
    text = page("lstm")
    found = Page(text)
    assert found.headings[0] == 1
    assert all(after <= before + 1 for before, after in zip(found.headings, found.headings[1:], strict=False))
    assert {"eq-1", "code-1"} <= set(found.ids)
    assert {"#eq-1", "#code-1"} <= set(found.links)
    assert '<html lang="en">' in text
    assert "W_i ∈ ℝ^(nₕ×nₓ)" in text or "Wᵢ ∈ " in text


def test_what_a_model_says_is_never_markup():
    text = '"""<script>alert(1)</script> & <b>"""\nx: input[n]\nh: vector[m]\nh[t] = tanh(W @ x[t])  # <img src=x> & "quotes"\nloss[t] = sum(h[t])\n'
    system = parse(text, name="hostile")
    made = html_document(derive(system), generate(system))
    found = Page(made)
    assert not found.tags & {"script", "img", "b"}
    assert "&lt;script&gt;" in made


def test_the_same_derivation_is_the_same_page():
    assert page("rnn") == page("rnn")


def test_a_page_carries_a_seal():
    text = seal("<p>a</p>\n", "<!--")
    assert is_sealed(text) and is_untouched(text) and not is_untouched(text.replace("a</p>", "b</p>"))


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize("width", [1280, 800, 500])
def test_a_browser_shows_it_without_overflow_and_with_its_font(width, tmp_path: Path):
    file = tmp_path / "page.html"
    file.write_text(page("mlstm").replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    command = [CHROMIUM, *SWITCHES, f"--window-size={width},900", f"--user-data-dir={tmp_path / 'profile'}", file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "<title>wide 0 font loaded asked 0</title>" in done.stdout
