"""The catalogue of laws: nothing is missing from it, everything in it is proved, and the committed page is what the program writes."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import Tensor
from rnnsym.calculus.pullback import PULLBACKS
from rnnsym.calculus.pushforward import PUSHFORWARDS
from rnnsym.proof import rules
from rnnsym.proof.laws import SECTIONS, law_of, laws, nodes, page
from rnnsym.proof.specimens import OVER_TIME, SPECIMENS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "laws.md"
WITHOUT_ARGUMENTS = {op.Zeros, op.Ones, op.Identity}
OPERATORS = [
    cls
    for _, cls in inspect.getmembers(op, inspect.isclass)
    if issubclass(cls, Tensor) and cls.__module__ == op.__name__ and not cls.__name__.startswith("_") and cls not in WITHOUT_ARGUMENTS
]


def test_every_law_is_proved():
    assert [(law.name, law.proof.open) for law in laws() if not law.proof.is_proved] == []
    assert not any(law.proof.by_parts for law in laws())
    assert all(row.is_proved for law in laws() for row in law.rows)


def test_every_operator_and_function_has_both_rules_proved():
    """Operators times questions: a specimen for each, a heading on the page, a pullback, a pushforward."""
    used = {type(node) for law in laws() for node in nodes(law.expression)}
    assert set(OPERATORS) <= used
    assert set(OPERATORS) <= {operator for operators in SECTIONS.values() for operator in operators}
    functions = {node.function for law in laws() for node in nodes(law.expression) if isinstance(node, op.Elementwise)}
    assert functions == set(op.FUNCTION_ARITY)
    for law in laws():
        said = [row.rule for row in law.rows]
        assert said[-1] == "pushforward" and all(word.startswith("pullback to ") for word in said[:-1]) and len(said) >= 2
    assert set(OPERATORS) <= set(PULLBACKS)
    assert set(OPERATORS) - set(PUSHFORWARDS) <= {op.StopGradient, op.Total}  # `push` treats these itself; both have specimens


def test_the_page_is_what_the_program_writes():
    assert page() == PAGE.read_text("utf-8"), "python -m rnnsym.proof.laws docs/reference/laws.md"


def test_every_specimen_stands_on_the_page():
    text = page()
    assert [name for name, expression in {**SPECIMENS, **OVER_TIME}.items() if f"| `{expression}` |" not in text] == []
    assert "**open**" not in text


def test_conventions_are_told_from_proofs():
    assert "Stated by the language, not proved: relu'(0) = 0." in page()


def test_a_wrong_law_is_not_called_proved(monkeypatch):
    monkeypatch.setitem(PULLBACKS, op.Norm, lambda n, g: [op.Times(g, n.args[0])])
    found = law_of("norm", SPECIMENS["norm"])
    assert [row.is_proved for row in found.rows] == [False, True] and found.proof.is_wrong


@pytest.mark.parametrize("wrong", ["the sum lost", "one step only"])
def test_a_wrong_sum_over_time_is_not_called_proved(monkeypatch, wrong):
    right = rules.pull

    def pull(node, g, wanted):
        for found in right(node, g, wanted):
            if found.quantity.time is None and wrong == "the sum lost":
                yield type(found)(found.quantity, found.cotangent, found.laws, summed=False)
            else:
                yield type(found)(found.quantity, 2 * found.cotangent, found.laws, found.summed)

    monkeypatch.setattr(rules, "pull", pull)
    assert not law_of("sum over time", OVER_TIME["sum over time"]).proof.is_proved
