"""The loss in index form: computed step by step, checked entry by entry, told only where it belongs; a wrong step keeps a document unwritten."""

from __future__ import annotations

import dataclasses

import pytest

import rnnsym
from rnnsym import documents
from rnnsym.documents.checking import check_document, failing_claims
from rnnsym.documents.document import Display, IndexClaim
from rnnsym.documents.loss_part import I, K, P, Y, _sum, steps
from rnnsym.errors import InternalError


def test_the_product_is_p_times_the_sum_of_y_minus_y():
    assert steps().product[-1] == P[I] * _sum(Y[K], K) - Y[I]


def test_every_line_in_index_form_is_claimed_and_holds():
    derivation = rnnsym.derive(rnnsym.load("rnn"))
    document = documents.derivation_document(derivation)
    assert sum(isinstance(claim, IndexClaim) for claim in document.claims) == 8
    assert failing_claims(derivation, document) == ()


def test_a_wrong_line_in_index_form_is_caught():
    derivation = rnnsym.derive(rnnsym.load("rnn"))
    document = documents.derivation_document(derivation)
    claim = [c for c in document.claims if isinstance(c, IndexClaim)][-1]
    wrong = IndexClaim(claim.left, claim.right + 2 * Y[I])
    assert failing_claims(derivation, dataclasses.replace(document, blocks=(Display(None, (wrong,)),))) == (wrong,)


def test_a_loss_of_another_kind_has_no_such_section():
    model = rnnsym.parse("x: input[n]\ny: target[n]\nh[t] = tanh(U @ h[t-1] + x[t])\nloss[t] = squared_error(y[t], h[t])\n", name="m")
    document = documents.derivation_document(rnnsym.derive(model))
    assert not any(isinstance(claim, IndexClaim) for claim in document.claims)


def test_a_document_with_a_wrong_step_is_refused_by_its_check():
    derivation = rnnsym.derive(rnnsym.load("rnn"))
    right = documents.derivation_document(derivation)
    claim = next(c for c in right.claims if isinstance(c, IndexClaim))
    wrong = dataclasses.replace(right, blocks=(*right.blocks, Display(None, (IndexClaim(claim.left, -claim.right),))))
    with pytest.raises(InternalError, match="E905"):
        check_document(derivation, wrong)
    check_document(derivation, right)
