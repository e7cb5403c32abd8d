"""MathML: every node as the elements of MathML Core, and nothing of a model's text as markup."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from rnnsym.documents import mathematics as m
from rnnsym.documents.mathml import _PRINTERS, mathml

H, TIME, TWO = m.Identifier("h"), m.Identifier("t"), m.Numeral("2")


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (H, "<mi>h</mi>"),
        (m.Identifier("tanh", "function"), "<mi>tanh</mi>"),
        (m.Identifier("W", "bold"), '<mi mathvariant="normal">𝐖</mi>'),
        (m.Identifier("ℝ"), '<mi mathvariant="normal">ℝ</mi>'),
        (TWO, "<mn>2</mn>"),
        (m.Text("if x"), "<mtext>if\u00a0x</mtext>"),
        (m.Scripts(H, sub=TIME), "<msub><mi>h</mi><mi>t</mi></msub>"),
        (m.Scripts(H, sup=TWO), "<msup><mi>h</mi><mn>2</mn></msup>"),
        (m.Scripts(H, TIME, TWO), "<msubsup><mi>h</mi><mi>t</mi><mn>2</mn></msubsup>"),
        (m.Fraction(H, TWO), "<mfrac><mi>h</mi><mn>2</mn></mfrac>"),
        (m.Root(TWO), "<msqrt><mn>2</mn></msqrt>"),
        (m.Over(H, "hat"), '<mover accent="true"><mi>h</mi><mo stretchy="false" lspace="0" rspace="0">ˆ</mo></mover>'),
    ],
)
def test_a_node_is_its_element(node, expected):
    assert mathml(node) == expected


def test_there_is_a_printer_for_every_node_and_each_gives_well_formed_elements():
    nodes = [
        H, TWO, m.Operator("⊙"), m.Operator("−", "prefix"), m.Operator("\u2062", "invisible"), m.Operator("\u2062", "thin"), m.Text("<a & b>"), m.Space(),
        m.Row((H, m.Operator("+"), TWO)), m.Fraction(m.Row((H, TWO)), TWO), m.Scripts(m.Row((H, TWO)), TIME, m.TRANSPOSE), m.Over(m.Identifier("i"), "bar"),
        m.Over(H, "under"), m.Fenced(m.Fraction(H, TWO)), m.Fenced(H, "", "‖"), m.Delimiter("(", 3, "left"), m.BigOperator("∑", TIME, TWO), m.BigOperator("∏"),
        m.Root(H), m.Matrix(((H, TWO), (TWO, H))), m.Marked(H, "s1"), m.Cases(((H, TIME), (TWO, None))), m.Aligned((m.AlignedRow(H, "=", TWO), m.AlignedRow(None, "", H, indent=True))),
    ]  # fmt: skip
    assert {type(node) for node in nodes} == set(_PRINTERS)
    assert {node.__name__ for node in m.Node.__subclasses__()} == {node.__name__ for node in (*_PRINTERS, m.AlignedRow)}
    for node in nodes:
        ElementTree.fromstring(f"<math>{mathml(node)}</math>")


@pytest.mark.parametrize("accent", m.ACCENTS)
def test_every_accent_is_known(accent):
    assert mathml(m.Over(H, accent)).startswith(("<mover", "<munder"))


@pytest.mark.parametrize("style", m.STYLES)
def test_every_style_is_known(style):
    assert mathml(m.Identifier("A", style)).startswith("<mi")


def test_signs_have_their_spaces_in_a_line_and_none_in_a_script():
    assert 'lspace="0.2222em"' in mathml(m.Operator("+"))
    assert "0.2222em" not in mathml(m.Scripts(H, sub=m.Row((TIME, m.Operator("+"), TWO))))


def test_text_is_never_markup():
    for make in (m.Identifier, m.Text, m.Numeral, m.Operator):
        assert "<script" not in mathml(make("<script>&\x00"))
        assert "\x00" not in mathml(make("<script>&\x00"))
