"""Plain sympy.diff of the unrolled loss agrees with every entry of every gradient, and finds what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults import faults

import rnnsym
from rnnsym.calculus.adjoint import adjoint
from rnnsym.calculus.prepare import prepare
from rnnsym.proof import deep
from rnnsym.proof.deep import check_deeply
from rnnsym.proof.finite_field import everything
from rnnsym.proof.verify import verify

ODD = {
    "kinks and marks of time": """
x: input
m[0] = -inf
m[t] = max(m[t-1], w * x[t])
h[t] = clip(u * x[t], -m[t], m[t]) + relu(h[t-1]) if x[t] > h[t-1] else abs(h[t-1])
loss[t] = h[t] * m[t] if t == T else 0
""",
    "roots, powers, error functions": """
x: input
h[t] = gelu(w * h[t-1]) + sqrt(2 + x[t]) ** a
loss[t] = norm(concat(h[t], x[t])) + log(1 + exp(h[t] * x[t])) + mod(h[t], 2 + b)
h[0] = k
""",
    "classes, constants, what is hidden": """
x: token[n]
y: target[n]
s: constant = 0.5
h: vector[n]
h[t] = tanh(E @ x[t] + s * stop_gradient(h[t-1]) * h[t-1])
loss[t] = cross_entropy(y[t], softmax(h[t]))
loss = squared_error(total(sum(h[t])), c)
""",
}


SMALL = "x: input[n]\nh: vector[n]\nh[t] = tanh(U @ h[t-1] + w * x[t])\nloss[t] = sum(h[t]**2)\n"


def joined_of(system):
    return adjoint(prepare(system), everything(system))


@pytest.mark.parametrize("name", ODD)
def test_every_entry_is_equal(name):
    system = rnnsym.parse(ODD[name], name="odd")
    found = check_deeply(system, joined_of(system))
    assert found.entries >= 5 and not found.wrong and not found.undecided and found.bound <= 1e-20


def test_faults_are_found():
    system = rnnsym.parse(SMALL, name="small")
    tried = list(faults(joined_of(system)))
    assert len(tried) >= 8
    for what, name, wrong in tried:
        assert check_deeply(system, wrong).wrong, f"{what} in {name} passed"


def test_the_report_has_a_row_for_it():
    row = next(c for c in verify(rnnsym.parse(SMALL, name="small"), deep=True).checks if c.grade == "computed")
    assert row.outcome == "right" and row.figures["bound"] <= 1e-20 and "T = 3" in row.what


def test_what_is_too_large_is_said_not_done(monkeypatch):
    monkeypatch.setattr(deep, "WORK", 10)
    row = next(c for c in verify(rnnsym.load("elman"), deep=True).checks if c.grade == "computed")
    assert row.outcome == "not run" and row.found == "written out for T = 1, the loss has 359 operations: too many for sympy.diff"


@pytest.mark.slow
@pytest.mark.parametrize("model", ["jordan", "birnn", "linear_attention"])
def test_library_models_agree(model):
    system = rnnsym.load(model if model != "linear_attention" else Path(__file__).parents[1] / "cells" / "linear_attention.rnn")
    assert not check_deeply(system, joined_of(system)).wrong
