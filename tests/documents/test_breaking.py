"""What is too wide is broken: every line fits, nothing is lost, brackets stay balanced over the lines."""

from __future__ import annotations

import time

import pytest

from rnnsym.algebra import Quantity, sizes, t
from rnnsym.algebra import operators as op
from rnnsym.documents.breaking import break_lines
from rnnsym.documents.document import COLUMN, display
from rnnsym.documents.expressions import expression_tree
from rnnsym.documents.latex import latex
from rnnsym.documents.mathematics import AlignedRow, Identifier, Node
from rnnsym.documents.measure import width
from rnnsym.documents.unicode_text import unicode_text

(n,) = sizes("n")
U = Quantity("U", (n, n), kind="param")


def _vector(name: str):
    return Quantity(name, (n,))[t]


LONG_SUM = op.Plus(*(_vector(f"a_{i}") * _vector(f"b_{i}") for i in range(30)))
LONG_PRODUCT = op.Times(*(_vector(f"a_{i}") for i in range(40)))
IN_BRACKETS = U @ (LONG_SUM * _vector("c")) + _vector("d")
CASES = {
    "a sum": LONG_SUM,
    "a product": LONG_PRODUCT,
    "in brackets": IN_BRACKETS,
    "a function": op.Elementwise("tanh", IN_BRACKETS),
    "a fraction": LONG_SUM / op.Norm(LONG_PRODUCT),
    "a root": op.Elementwise("sqrt", op.Dot(LONG_SUM, LONG_SUM)),
    "a concatenation": op.Concat(*(_vector(f"a_{i}") for i in range(40))),
    "cases": op.Branch(op.Compare("<", LONG_PRODUCT, LONG_SUM), LONG_SUM, LONG_PRODUCT),
    "cases in a sum": op.Branch(op.Compare("<", LONG_PRODUCT, LONG_SUM), LONG_SUM, LONG_PRODUCT) + _vector("c"),
}


@pytest.mark.parametrize("room", [12.0, 20.0, 29.0])
@pytest.mark.parametrize("case", CASES)
def test_every_line_fits(case, room):
    lines = break_lines(expression_tree(CASES[case]), room, room - 1)
    assert all(width(line) <= room + 0.01 for line in lines), [round(width(line), 1) for line in lines]


def _squeezed(node: Node) -> str:
    return "".join(unicode_text(node).split()).replace("{", "").replace("}", "")


@pytest.mark.parametrize("case", ["a sum", "a product", "in brackets", "a function", "a concatenation"])
def test_nothing_is_lost(case):
    tree = expression_tree(CASES[case])
    assert "".join(map(_squeezed, break_lines(tree, 20.0, 19.0))) == _squeezed(tree)


def test_a_break_parts_brackets_of_one_size():
    lines = [latex(line) for line in break_lines(expression_tree(CASES["in brackets"]), 20.0, 19.0)]
    text = " ".join(lines)
    assert text.count("\\left") == text.count("\\right") == 0
    assert sum(text.count(f"\\{s}l") for s in ("big", "Big", "bigg")) == sum(text.count(f"\\{s}r") for s in ("big", "Big", "bigg")) > 0


def test_a_short_line_stays_one_line():
    tree = expression_tree(_vector("a") + _vector("b"))
    assert break_lines(tree, 20.0, 19.0) == (tree,)


def test_breaks_stand_before_plus_rather_than_inside_a_product():
    lines = break_lines(expression_tree(LONG_SUM), 20.0, 19.0)
    assert all(unicode_text(line).strip().startswith("+") for line in lines[1:])


def test_a_broken_row_keeps_its_number_on_the_last_line():
    rows = display([AlignedRow(Identifier("u"), "=", expression_tree(LONG_SUM), 7, ("why",))]).mathematics.rows
    assert [r.number for r in rows] == [None] * (len(rows) - 1) + [7]
    assert rows[0].reason == ("why",)
    assert all(width(r.right) < COLUMN for r in rows)


def test_deep_nests_and_long_sums_take_no_long_time():
    nest = _vector("a")
    for _ in range(60):
        nest = op.Elementwise("tanh", U @ (nest * _vector("b")) + _vector("c"))
    terms = op.Plus(*(_vector(f"a_{i}") for i in range(2000)))
    started = time.process_time()
    for expression in (nest, terms):
        lines = break_lines(expression_tree(expression), 25.0, 24.0)
        assert all(width(line) <= 25.01 for line in lines)
        assert all(latex(line) for line in lines)
    assert time.process_time() - started < 10
