"""The document checks itself: every displayed step holds on random arrays, and a wrong one is caught."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import shift
from rnnsym.derivation.derive import derive
from rnnsym.documents import derivation_document
from rnnsym.documents.checking import failing_claims
from rnnsym.documents.document import Claim, Display, LocalClaim
from rnnsym.language import load

ROOT = Path(__file__).parents[2]
MODELS = sorted((ROOT / "rnnsym" / "models").glob("*.rnn")) + sorted((ROOT / "tests" / "cells").glob("*.rnn"))


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_every_displayed_step_holds(path):
    derivation = derive(load(path))
    document = derivation_document(derivation)
    assert len(document.claims) > len(derivation.errors)
    assert failing_claims(derivation, document) == ()


MUTANTS = {
    "a sign": lambda right: op.Negate(right),
    "a missing term": lambda right: op.Plus(*right.args[:-1]) if isinstance(right, op.Plus) else None,
    "a shift": lambda right: shift(right, 1),
    "a factor": lambda right: op.Times(right, 2),
}


@pytest.mark.parametrize("fault", MUTANTS)
def test_a_wrong_step_is_caught(fault):
    derivation = derive(load(ROOT / "rnnsym" / "models" / "lstm.rnn"))
    document = derivation_document(derivation)
    error = next(e for e in derivation.errors if e.of.name == "h")
    place, block = next(
        (i, b) for i, b in enumerate(document.blocks) if isinstance(b, Display) and b.claims and b.claims[-1].left == error.error
    )
    wrong = MUTANTS[fault](block.claims[-1].right)
    bad = dataclasses.replace(block, claims=(Claim(error.error, wrong),))
    mutant = dataclasses.replace(document, blocks=(*document.blocks[:place], bad, *document.blocks[place + 1 :]))
    assert failing_claims(derivation, mutant) == (Claim(error.error, wrong),)


LOCAL_MUTANTS = {
    "a sign": lambda claim: dataclasses.replace(claim, value=op.Negate(claim.value)),
    "a shift": lambda claim: dataclasses.replace(claim, value=shift(claim.value, 1)),
    "another reader's delay": lambda claim: dataclasses.replace(claim, delay=claim.delay - 1),
    "nothing": lambda claim: claim,
}


@pytest.mark.parametrize("fault", LOCAL_MUTANTS)
@pytest.mark.parametrize("name", ["h", "c", "i", "p_bar"])
def test_a_wrong_contribution_is_caught(fault, name):
    derivation = derive(load(ROOT / "rnnsym" / "models" / "lstm.rnn"))
    document = derivation_document(derivation)
    claim = next(c for c in document.claims if isinstance(c, LocalClaim) and c.of.name == name)
    wrong = LOCAL_MUTANTS[fault](claim)
    mutant = dataclasses.replace(document, blocks=(Display(document.blocks[0], (wrong,)),))
    assert failing_claims(derivation, mutant) == ((wrong,) if fault != "nothing" else ())
