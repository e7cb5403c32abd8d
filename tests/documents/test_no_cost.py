"""A model without a cost has no derivation; it says so, before anything is written."""

from __future__ import annotations

import pytest

import rnnsym
from rnnsym.documents.derivation_document import derivation_document
from rnnsym.errors import UsageError


def test_a_model_without_a_cost_has_no_document():
    model = rnnsym.parse("x: input[n_x]\nh: vector[n_h]\nh[t] = tanh(W @ x[t] + U @ h[t-1])\n", "bare")
    with pytest.raises(UsageError, match="`bare` has no cost, so there is nothing to differentiate"):
        derivation_document(rnnsym.derive(model))
