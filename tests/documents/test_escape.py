"""Text prints literally: nothing that a model says becomes a command."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnsym.documents.escape import escape, paragraphs

CASES = {
    r"\input{/etc/passwd}": r"\textbackslash{}input\{/etc/passwd\}",
    "50% & #1 $x$ a_b ^ ~": r"50\% \& \#1 \$x\$ a\_b \textasciicircum{} \textasciitilde{}",
    "a--b": "a-{}-{}b",
    "``x''": r"\textasciigrave{}\textasciigrave{}x'{}'{}",
    '<a> "b" |c|': r"\textless{}a\textgreater{} \textquotedbl{}b\textquotedbl{} \textbar{}c\textbar{}",
    "Hölder, Poincaré, Łoś": r"H\"{o}lder,{} Poincar\'{e},{} \L{}o\'{s}",
    "σ ≤ 1, t → T": r"\ensuremath{\sigma} \ensuremath{\le} 1,{} t \ensuremath{\to} T",
    "≠": r"\ensuremath{\ne}",
    "中": r"\texttt{[U+4E2D]}",
    "\x00\x1b": r"\texttt{[U+0000]}\texttt{[U+001B]}",
    "a\tb\nc": "a b c",
    "^^5cinput": r"\textasciicircum{}\textasciicircum{}5cinput",
}


@pytest.mark.parametrize(("text", "expected"), CASES.items())
def test_text_is_escaped(text, expected):
    assert escape(text) == expected


_COMMANDS = re.compile(r"\\[A-Za-z]+(\{\})?|\\.")


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30))
def test_what_is_left_of_any_text_is_harmless(text):
    escaped = escape(text)
    assert escaped.isascii()
    bare = _COMMANDS.sub("", escaped)
    assert not set(bare) & set("\\%$&#"), escaped
    depth = 0
    for character in re.sub(r"\\[{}]", "", escaped):
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0


def test_a_docstring_is_cut_into_paragraphs():
    assert paragraphs("a\n  b\n\n\nc  d\n") == ("a b", "c d")
