"""Every rule is proved for all sizes against SymPy's derivative, and a wrong rule is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import sympy

from rnnsym import library
from rnnsym.algebra import operators as op
from rnnsym.calculus.pullback import PULLBACKS
from rnnsym.calculus.pushforward import PUSHFORWARDS
from rnnsym.proof.index_form import Frozen, IndexForm
from rnnsym.proof.rules import prove, prove_expression

sys.path.insert(0, str(Path(__file__).parents[1] / "calculus"))
from samples import SAMPLES, SPECIMENS, A, a, u, v, w


@pytest.mark.parametrize("name", sorted(set(SAMPLES) - set(SPECIMENS)))
def test_the_rules_of_several_operators_are_proved(name):
    assert prove_expression(SAMPLES[name]).open == ()


@pytest.mark.parametrize("model", library.names())
def test_every_equation_of_a_model_is_proved(model):
    report = prove(library.load(model))
    assert report.proofs and report.open == ()


WRONG = {
    "outer, sign": (op.Outer, lambda n, g: [g @ n.args[1], -(g.T @ n.args[0])], op.Outer(u, w)),
    "product, transpose": (op.MatrixProduct, lambda n, g: [op.Outer(g, n.args[1]), n.args[0] @ g], op.MatrixProduct(op.Outer(u, v), v)),
    "softmax, term": (op.Softmax, lambda n, g: [op.Times(n, g)], op.Softmax(u)),
    "softmax cross-entropy, Σ y = 1": (
        op.SoftmaxCrossEntropy,
        lambda n, g: [None, op.Times(g, op.Softmax(n.args[1]) - n.args[0])],
        op.SoftmaxCrossEntropy(op.StopGradient(v), u),
    ),
    "slice, place": (op.Slice, lambda n, g: [op.Concat(g, op.Zeros(n.args[0].shape[0] - g.shape[0])), None, None],
                     op.Slice(op.Concat(w, u), w.shape[0], w.shape[0] + u.shape[0])),
    "roll, direction": (op.Roll, lambda n, g: [op.Roll(g, n.args[1]), None], op.Roll(u, 1)),
    "mean, sum": (op.MeanEntries, lambda n, g: [op.Times(g, op.Ones(*n.args[0].shape))], op.MeanEntries(A)),
    "branch, both": (op.Branch, lambda n, g: [None, g, g], op.Branch(op.Compare(">", u, v), u * v, v)),
    "product, factor": (op.Times, lambda n, g: [op.scalar_sum(g), op.Times(g, n.args[0])], op.Times(a, u)),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_pullback_is_not_proved(monkeypatch, name):
    cls, rule, expression = WRONG[name]
    monkeypatch.setitem(PULLBACKS, cls, rule)
    found = prove_expression(expression)
    assert found.open and found.open[0].rule == "pullback"


def test_a_wrong_pushforward_is_not_proved(monkeypatch):
    monkeypatch.setitem(PUSHFORWARDS, op.LogSumExp, lambda n, d: op.SumEntries(d[0]))
    assert [o.rule for o in prove_expression(op.LogSumExp(u)).open] == ["pushforward"]


def test_conventions_are_listed_not_proved():
    assert prove_expression(op.apply("relu", u)).conventions == ("relu'(0) = 0",)
    assert "norm'(0) = 0" in prove_expression(op.Norm(u)).conventions[0]


def test_entries_are_those_that_the_language_states():
    """A proof compares derivatives; what is wrong alike in value and derivative shows here."""
    i, form = sympy.Symbol("i", integer=True), IndexForm({v: "v"})
    entry, n = sympy.IndexedBase("v", real=True), v.shape[0]
    assert form.entry(op.Roll(v, 2), (i,)).subs({i: 3, n: 5}) == entry[1]
    assert form.entry(op.StopGradient(v), (i,)) == Frozen(entry[i])
