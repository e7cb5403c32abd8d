"""The last parts of a document: the code that computes its equations, and how it was checked. Only what was run is told."""

from __future__ import annotations

import dataclasses

import pytest

import rnnsym
from rnnsym.documents import derivation_document
from rnnsym.documents.code_listing import statements
from rnnsym.documents.document import Code, Heading, Paragraph, Table
from rnnsym.errors import InternalError
from rnnsym.proof import evidence as evidence_room
from rnnsym.proof.report import MEASURED, RIGHT, WRONG, Check, Report

ELMAN = rnnsym.load("elman")
CHECKS = (
    Check("proved", "rules", "rules of 7 equations", "SymPy", RIGHT, "9 derivatives equal"),
    Check("tested", "assembly", "7 gradients", "a finite field", RIGHT, "equal", figures={"bound": 3.2e-31}),
    Check(MEASURED, "complex", "7 gradients", "complex step", RIGHT, "3.1e-16 ≤ 1e-12", figures={"residual": 3.1e-16, "tolerance": 1e-12}),
)


def headings(document) -> list[str]:
    return [b.text[0] for b in document.blocks if isinstance(b, Heading) and b.level == 1]


def test_residuals_are_told_as_the_bounds_that_they_passed(monkeypatch):
    monkeypatch.setattr(evidence_room, "verify", lambda system: Report("elman", {}, CHECKS, {}))
    found = evidence_room.evidence(ELMAN)
    assert [e.found for e in found] == ["9 derivatives equal", "equal; a wrong one would pass with a chance of at most 1e-30", "≤ 1e-12"]
    document = derivation_document(rnnsym.derive(ELMAN), evidence=found)
    table = next(b for b in reversed(document.blocks) if isinstance(b, Table))
    assert [row[0] for row in table.rows] == [("proved",), ("tested",), ("measured",)]


def test_a_measurement_that_the_module_fails_is_told(monkeypatch):
    wrong = dataclasses.replace(CHECKS[2], outcome=WRONG, names=("W",))
    monkeypatch.setattr(evidence_room, "verify", lambda system: Report("elman", {}, (*CHECKS[:2], wrong), {}))
    assert evidence_room.evidence(ELMAN)[-1].found == "not passed: W"


@pytest.mark.parametrize("place", [0, 1])
def test_a_derivation_that_fails_a_check_has_no_document(monkeypatch, place):
    wrong = dataclasses.replace(CHECKS[place], outcome=WRONG)
    monkeypatch.setattr(evidence_room, "verify", lambda system: Report("elman", {}, (*CHECKS[1:], wrong), {}))
    with pytest.raises(InternalError, match="E905"):
        evidence_room.evidence(ELMAN)


def test_without_evidence_the_document_says_that_no_proof_was_run():
    document = derivation_document(rnnsym.derive(ELMAN))
    said = [b.text[0] for b in document.blocks if isinstance(b, Paragraph) and isinstance(b.text[0], str)]
    assert any(text.startswith("No proof was run for this document") for text in said)
    assert "The generated code" not in headings(document)


def test_the_parts_stand_in_their_order():
    document = derivation_document(rnnsym.derive(ELMAN), module=rnnsym.generate(ELMAN, level=0))
    assert headings(document) == [
        "The model", "Names for the parts", "Conventions", "The loss, entry by entry", "Backwards through one step, last equation first",
        "Through time", "Gradients", "Vanishing and exploding gradients", "The generated code", "How it was checked",
    ]  # fmt: skip


def test_every_equation_of_the_derivation_has_a_statement_and_every_statement_its_line():
    derivation, module = rnnsym.derive(ELMAN), rnnsym.generate(ELMAN, level=0)
    document = derivation_document(derivation, module=module)
    code = next(b for b in document.blocks if isinstance(b, Code))
    lines = module.splitlines()
    assert {s.equation for s in code.statements} >= {e.number for e in derivation.entries}
    assert all(lines[s.line - 1].strip().startswith(s.text[:6]) for s in code.statements)


def test_a_citation_on_its_own_line_is_of_the_statement_below_it():
    module = "def f(a):\n    # (3) error\n    b = (\n        a\n        + 1  # more\n    )\n    c = b  # (4)\n    return c  # (9)\n"
    assert [(s.equation, s.line, s.text) for s in statements(module, frozenset({3, 4}))] == [(3, 3, "b = (a + 1)"), (4, 7, "c = b")]
