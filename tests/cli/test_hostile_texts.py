"""A stranger's words stay words: in module, tests, LaTeX, HTML, Markdown and pictures nothing that a model says becomes code or a command.

Each output is made of one model twice, with harmless and with hostile words as its name, docstring and descriptions; what is left when the
words are taken away must be the same.
"""

from __future__ import annotations

import ast
import dataclasses
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

import rnnsym
from rnnsym.cli.draw import PICTURES, drawing
from rnnsym.derivation import derive
from rnnsym.documents import derivation_document, latex_document
from rnnsym.documents.derivation_page import html_document
from rnnsym.documents.markdown import markdown
from rnnsym.proof.emitted_tests import emitted_tests

MODEL = "x: input[n]\ny: target[n]\nh: vector[n]\nh[t] = tanh(W @ x[t] + U @ h[t-1] + b)\nloss[t] = squared_error(y[t], h[t])\n"
HOSTILE = {
    "templates": "{{ 7*7 }} {% for x in y %} {# gone #} ${env}",
    "quotes": 'end """ \'\'\' " \\" \\',
    "code": '"""\nimport os\nos.system("x")\n"""',
    "comment": "# x\rimport os\x0bimport os\x0cimport os\x85import os\u2028import os\u2029import os",
    "latex": r"\input{/etc/passwd} \write18{x} \immediate\openout1 % & $ # _ ^ ~ ^^5cinput \end{document} \catcode`\%=12",
    "html": "</title></style></script><script>alert(1)</script><img src=x onerror=alert(1)> <!-- --> ]]> &lt; &#x3c;script",
    "markdown": "[a](javascript:alert(1)) `x` ``` | <script>alert(1)</script>\n\n# heading\n\n<!-- ",
    "control": "a\rb\x1b[31mred\x07 \u202ereversed",
}


def _system(words: str) -> rnnsym.System:
    """The model with these words wherever a model may say any."""
    system = rnnsym.parse(MODEL, name="plain")
    said = {"description": words}
    return dataclasses.replace(
        system,
        name=words.replace("/", " ") or "plain",
        doc=words,
        declarations=tuple(dataclasses.replace(d, **said) for d in system.declarations),
        definitions=tuple(dataclasses.replace(d, **said) for d in system.definitions),
        source="",
    )


HARMLESS = _system("word")


def _code(source: str) -> str:
    """What Python would run: the tree without docstrings, and without the texts of messages and paths."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            body[0].value.value = ""
    return ast.dump(tree)


class _Tags(HTMLParser):
    """Tags with the names of their attributes, and addresses."""

    def __init__(self, text: str):
        super().__init__()
        self.found: set[tuple[str, ...]] = set()
        self.addresses: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.add((tag, *sorted(name for name, _ in attrs)))
        self.addresses |= {value or "" for name, value in attrs if name in ("href", "src")}


@pytest.fixture(params=HOSTILE, ids=str)
def hostile(request):
    return _system(HOSTILE[request.param])


def test_modules_run_the_same_code(hostile):
    assert _code(rnnsym.generate(hostile)) == _code(rnnsym.generate(HARMLESS))


def test_emitted_tests_run_the_same_code(hostile):
    assert _code(emitted_tests(hostile, "m.py")) == _code(emitted_tests(HARMLESS, "m.py"))


COMMANDS = re.compile(r"\\(?:input|include|write|immediate|openout|openin|catcode|def|let|csname|special|end|begin)(?![A-Za-z])")


def _commands(text: str) -> list[str]:
    """The commands of a LaTeX text that are not in comments."""
    return COMMANDS.findall(re.sub(r"(?m)(?<!\\)%.*$", "", text.replace("\r", "\n")))


def test_latex_has_the_same_commands(hostile):
    texts = [latex_document(derive(system)) for system in (hostile, HARMLESS)]
    assert _commands(texts[0]) == _commands(texts[1])
    assert "\r" not in texts[0] and "\x1b" not in texts[0]


def test_pages_have_the_same_elements(hostile):
    pages = [_Tags(html_document(derive(system), rnnsym.generate(system))) for system in (hostile, HARMLESS)]
    assert pages[0].found <= pages[1].found
    assert not [a for a in pages[0].addresses if "script" in a.lower()]


def test_markdown_has_no_element_of_its_own(hostile):
    text = markdown(derivation_document(derive(hostile)))
    outside = re.sub(r"(?ms)^```.*?^```|`[^`\n]*`", "", text)
    assert not re.search(r"(?<!\\)<(?:script|img|!)", outside) and "](javascript" not in outside and "\n# heading" not in outside


def test_pictures_have_the_same_elements(hostile):
    for name in PICTURES:
        drawings = [drawing(system, name) for system in (hostile, HARMLESS)]
        shapes = [[node.tag for node in ElementTree.fromstring(d.svg()).iter()] for d in drawings]
        assert shapes[0] == shapes[1]
        assert _commands(drawings[0].tikz()) == _commands(drawings[1].tikz())
