"""The document checks itself: every displayed step holds on random arrays, and a wrong one is caught."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from random import Random

import pytest
import sympy

import rnnsym
from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import T, shift, t
from rnnsym.derivation.derive import derive
from rnnsym.documents import derivation_document
from rnnsym.documents.checking import check_document, failing_claims
from rnnsym.documents.document import Claim, Display, LocalClaim, TotalClaim
from rnnsym.errors import InternalError
from rnnsym.language import load, parse
from rnnsym.proof.random_models import random_model

ROOT = Path(__file__).parents[2]
MODELS = sorted((ROOT / "rnnsym" / "models").glob("*.rnn")) + sorted((ROOT / "tests" / "cells").glob("*.rnn"))
LSTM = derive(load(ROOT / "rnnsym" / "models" / "lstm.rnn"))
DOCUMENT = derivation_document(LSTM)


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_every_document_is_made_and_holds_claims(path):
    derivation = derive(load(path))
    document = derivation_document(derivation)  # checks itself
    assert len(document.claims) > len(derivation.errors)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200))
def test_no_step_of_a_drawn_model_is_refused(seed):
    derivation_document(derive(parse(random_model(Random(seed)).text, "drawn")))


def faults(wrong) -> tuple:
    """The claims that fail when the LSTM's document makes this one claim alone."""
    return failing_claims(
        LSTM,
        dataclasses.replace(DOCUMENT, blocks=(Display(next(b for b in DOCUMENT.blocks if isinstance(b, Display)).mathematics, (wrong,)),)),
    )


def told(kind: type, name: str):
    return next(c for c in DOCUMENT.claims if isinstance(c, kind) and (c.left.name if kind is Claim else c.of.name) == name)


MUTANTS = {
    "a sign": op.Negate,
    "a missing term": lambda right: op.Plus(*right.args[:-1]),
    "a shift": lambda right: shift(right, 1),
    "a factor": lambda right: op.Times(right, 2),
    "a transpose": lambda right: right.xreplace({op.Transposed(node): node for node in [LSTM.model.by_name["U_i"].quantity]}),
}


@pytest.mark.parametrize("fault", MUTANTS)
def test_a_wrong_step_is_caught(fault):
    claim = told(Claim, "d_h")
    wrong = dataclasses.replace(claim, right=MUTANTS[fault](claim.right))
    assert wrong != claim
    assert faults(claim) == ()
    assert faults(wrong) == (wrong,)


def test_a_document_with_a_wrong_step_is_not_made(monkeypatch):
    wrong = dataclasses.replace(LSTM.errors[1], result=op.Negate(LSTM.errors[1].result))
    with pytest.raises(InternalError, match="do not hold on random arrays"):
        derivation_document(dataclasses.replace(LSTM, errors=(LSTM.errors[0], wrong, *LSTM.errors[2:])))
    check_document(LSTM, DOCUMENT)


@pytest.mark.parametrize("end", [T, sympy.Integer(1)])
def test_a_wrong_value_at_an_end_is_caught(end):
    """With the terms from beyond the end left in, or taken at its neighbour, an end's value is wrong."""
    entry = next(e for e in rnnsym.derive(rnnsym.load("birnn")).errors if (e.at_last if end == T else e.at_first) is not None)
    derivation = rnnsym.derive(rnnsym.load("birnn"))
    document = derivation_document(derivation)
    claim = next(c for c in document.claims if isinstance(c, Claim) and c.time == end and c.left.name == entry.error.name)
    neighbour = shift(claim.right.xreplace({end: t}), -1 if end == T else 1).xreplace({t: end})
    for wrong in (op.Negate(claim.right), op.Times(claim.right, 2), neighbour):
        bad = dataclasses.replace(claim, right=wrong)
        block = next(b for b in document.blocks if isinstance(b, Display) and claim in b.claims)
        mutant = dataclasses.replace(document, blocks=(dataclasses.replace(block, claims=(bad,)),))
        assert failing_claims(derivation, mutant) == (bad,), wrong


LOCAL_MUTANTS = {
    "a sign": lambda claim: dataclasses.replace(claim, value=op.Negate(claim.value)),
    "a shift": lambda claim: dataclasses.replace(claim, value=shift(claim.value, 1)),
    "another reader's delay": lambda claim: dataclasses.replace(claim, delay=claim.delay - 1),
}


@pytest.mark.parametrize("fault", LOCAL_MUTANTS)
@pytest.mark.parametrize("name", ["h", "c", "i", "p_bar"])
def test_a_wrong_contribution_is_caught(fault, name):
    claim = told(LocalClaim, name)
    wrong = LOCAL_MUTANTS[fault](claim)
    assert faults(claim) == ()
    assert faults(wrong) == (wrong,)


@pytest.mark.parametrize("name", ["h", "c"])
def test_a_wrong_gradient_of_a_value_before_the_first_step_is_caught(name):
    claim = told(TotalClaim, name)
    for wrong in (op.Negate(claim.value), shift(claim.value.xreplace({sympy.Integer(1): t}), 1).xreplace({t: sympy.Integer(1)})):
        bad = dataclasses.replace(claim, value=wrong)
        assert faults(bad) == (bad,)


STOPPED = """x: input[n]
h: vector[n]
g[t] = tanh(u * h[t-1] + x[t])
h[t] = g[t] + stop_gradient(g[t] * h[t-1])
loss[t] = sum(h[t]**2)
"""


def test_what_stop_gradient_holds_back_is_held_back_in_the_check_too():
    derivation = derive(parse(STOPPED, "stopped"))
    document = derivation_document(derivation)
    claim = next(c for c in document.claims if isinstance(c, TotalClaim))
    bad = dataclasses.replace(claim, value=op.Times(claim.value, 2))
    block = next(b for b in document.blocks if isinstance(b, Display) and claim in b.claims)
    assert failing_claims(derivation, dataclasses.replace(document, blocks=(dataclasses.replace(block, claims=(bad,)),))) == (bad,)


FROM_THE_END = """x: input[n]
h: vector[n]
v: vector[n]
h[t] = tanh(x[t] + u * h[t-1])
v[0] = h[T]
v[t] = tanh(v[t-1] + x[t])
loss[t] = sum(v[t])
"""


def test_a_model_that_starts_from_the_end_of_another_has_a_document():
    assert derivation_document(derive(parse(FROM_THE_END, "end"))).claims


BESIDE_A_POLE = """x: input[n]
c[t] = c[t-1] + x[t] * tanh(u)
s[t] = c[t-1]**2 + 1e-8
r[t] = sqrt(s[t])
loss[t] = sum(c[t] / r[t])
"""


def test_a_root_beside_its_pole_is_checked_with_small_steps():
    derivation = derive(parse(BESIDE_A_POLE, "pole"))
    document = derivation_document(derivation)
    claim = next(c for c in document.claims if isinstance(c, LocalClaim) and c.reader.lhs.name == "r")
    bad = dataclasses.replace(claim, value=op.Times(claim.value, 2))
    block = next(b for b in document.blocks if isinstance(b, Display) and claim in b.claims)
    assert failing_claims(derivation, dataclasses.replace(document, blocks=(dataclasses.replace(block, claims=(bad,)),))) == (bad,)


NORMALISED = """x: input[n]
variance: constant[n]
h[t] = tanh(x[t] + u * h[t-1] / sqrt(variance + 1e-5))
loss[t] = sum(h[t] * log(variance))
"""


def test_a_model_with_roots_of_its_data_is_checked_where_it_has_numbers():
    derivation = derive(parse(NORMALISED, "normalised"))
    document = derivation_document(derivation)
    claim = next(c for c in document.claims if isinstance(c, LocalClaim) and c.of.name == "h")
    bad = dataclasses.replace(claim, value=op.Times(claim.value, 2))
    block = next(b for b in document.blocks if isinstance(b, Display) and claim in b.claims)
    assert failing_claims(derivation, dataclasses.replace(document, blocks=(dataclasses.replace(block, claims=(bad,)),))) == (bad,)
