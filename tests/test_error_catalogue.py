"""The catalogue holds exactly the codes that the program raises, and every code of the language has texts that raise it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from rnnsym.error_catalogue import CATALOGUE

CHECKOUT = Path(__file__).resolve().parent.parent
PACKAGE = CHECKOUT / "rnnsym"


@cache
def raised() -> dict[str, set[str]]:
    """Every string of the form of a code in the package's source, with the files where it stands."""
    found: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name == "error_catalogue.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[EUW]\d{3}", node.value):
                found.setdefault(node.value, set()).add(path.relative_to(PACKAGE).as_posix())
    return found


def test_every_code_that_is_raised_has_an_entry():
    assert len(raised()) > 50
    assert {code: files for code, files in raised().items() if code not in CATALOGUE} == {}


def test_every_entry_is_raised_somewhere():
    assert [code for code in CATALOGUE if code not in raised()] == []


def test_every_entry_is_a_title_and_whole_sentences():
    for entry in CATALOGUE.values():
        assert entry.title and not entry.title.endswith(".") and entry.meaning.rstrip(")").endswith((".", "?"))
    assert len({entry.title for entry in CATALOGUE.values()}) >= len(CATALOGUE) - 1  # two rules may be missing


def test_every_code_of_the_language_has_a_malformed_model():
    errors = pytest.importorskip("sphinx_rnnsym.errors", reason="the site's printers need Sphinx (pip install rnnsym[docs])")
    shown = errors.malformed()
    assert [code for code in CATALOGUE if re.match("E[1-4]", code) and code not in shown] == []


def test_every_wrong_call_raises_the_code_that_it_shows():
    errors = pytest.importorskip("sphinx_rnnsym.errors", reason="the site's printers need Sphinx (pip install rnnsym[docs])")
    from sphinx_rnnsym.wrong_calls import CALLS, WARNINGS

    for call in (*CALLS, *WARNINGS):
        assert f"[{call.code}]" in errors.call_output(call), call
    assert {call.code for call in WARNINGS} == {code for code in CATALOGUE if code.startswith("W")}
    beyond = (103, 104, 105, 204, 205, 303, 304, 501, 504, 505, 601, 602, 603, 604)  # an unreadable disk, no TeX, calls from Python
    assert {call.code for call in CALLS} >= {code for code in CATALOGUE if code.startswith("U")} - {f"U{number}" for number in beyond}


def test_every_family_of_codes_has_a_heading():
    errors = pytest.importorskip("sphinx_rnnsym.errors", reason="the site's printers need Sphinx (pip install rnnsym[docs])")
    assert {code[:2] for code in CATALOGUE} <= set(errors.FAMILIES)
