"""Malformed models, each with its exact message: `malformed.txt` holds them one after the other, to be read aloud.

A case is `=== name`, the text, `--- says`, the message. A trailing newline of a text does not count.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rnnsym.errors import ModelError
from rnnsym.language import parse

_GOLDEN = Path(__file__).with_name("malformed.txt").read_text(encoding="utf-8")
CASES = {
    name: (text, message.strip("\n"))
    for name, text, message in re.findall(r"^=== (.*?)\n(.*?)\n--- says\n(.*?)(?=\n=== |\Z)", _GOLDEN, re.DOTALL | re.MULTILINE)
}


def test_there_are_many_malformed_models():
    assert len(CASES) >= 100
    assert len(CASES) == _GOLDEN.count("--- says")


@pytest.mark.parametrize("name", CASES)
def test_a_malformed_model_is_refused_with_exactly_this_message(name):
    text, message = CASES[name]
    with pytest.raises(ModelError) as caught:
        parse(text + "\n")
    assert caught.value.render() == message


@pytest.mark.parametrize("name", CASES)
def test_every_finding_has_a_code_a_place_and_a_way_on(name):
    text, _ = CASES[name]
    with pytest.raises(ModelError) as caught:
        parse(text + "\n")
    for diagnostic in caught.value.diagnostics:
        assert re.fullmatch(r"E[1-4]\d\d", diagnostic.code)
        assert diagnostic.span is not None
        line = text.split("\n")[diagnostic.span.line - 1]
        assert 1 <= diagnostic.span.column <= len(line) + 1
        assert not diagnostic.found.endswith(".") and "\n" not in diagnostic.found


def test_an_empty_text_holds_no_equation():
    with pytest.raises(ModelError, match="the text holds no equation"):
        parse("")


def test_all_errors_of_a_text_but_those_of_syntax_are_reported_together():
    text, _ = CASES["several at once"]
    with pytest.raises(ModelError) as caught:
        parse(text)
    assert [d.code for d in caught.value.diagnostics] == ["E201", "E106", "E203", "E301", "E401"]


def test_the_first_syntax_error_ends_the_reading():
    with pytest.raises(ModelError) as caught:
        parse("h[t] = (1\ng[t] = )\n")
    assert [d.code for d in caught.value.diagnostics] == ["E102"]


def test_columns_count_characters_not_bytes():
    with pytest.raises(ModelError) as caught:
        parse('"""ä"""\nx: input[n]  # größe\nnotation(x="ξ"); h[t] = 1\n')
    assert caught.value.span.column == 16
    with pytest.raises(ModelError) as caught:
        parse('notation(x="ξξξ", y=3)\nh[t] = 1\n')
    assert caught.value.span.column == 19
