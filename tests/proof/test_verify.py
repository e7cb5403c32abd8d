"""The report keeps three grades apart, names the first wrong equation wherever a fault is put, and never calls what is open right."""

from __future__ import annotations

import pytest
import sympy
from faults import dropped_term, transposed_product, with_rhs, wrong_sign

import rnnsym
from rnnsym.algebra import operators as op
from rnnsym.calculus.adjoint import adjoint
from rnnsym.calculus.prepare import prepare
from rnnsym.calculus.pullback import PULLBACKS
from rnnsym.calculus.pushforward import PUSHFORWARDS
from rnnsym.proof import index_form, rules
from rnnsym.proof.finite_field import everything
from rnnsym.proof.verify import verify

LSTM = rnnsym.load("lstm")


def outcomes(report):
    return {grade: {c.outcome for c in report.of(grade)} for grade in ("proved", "tested", "measured")}


def test_a_right_model_is_right_in_every_grade():
    report = verify(LSTM)
    assert outcomes(report) == {"proved": {"right"}, "tested": {"right"}, "measured": {"right"}}
    assert report.is_right and report.fault is None and report.of("tested")[0].figures["bound"] <= 1e-20
    assert set(report.gradients) == {*(p.name for p in LSTM.params), "x", "initial h", "initial c"}


ELMAN = rnnsym.load("elman")


def faulty(name, change):
    """The report on a model with one wrong adjoint equation."""
    joined = adjoint(prepare(ELMAN), everything(ELMAN))
    definition = joined.system.defined[name]
    return verify(ELMAN, joined=with_rhs(joined, name, change(definition.rhs)))


ENCODER = "x: input[n_x]\ny: target[n_y]\nh: vector[n_h]\nv: vector[n_h]\nh[t] = tanh(W @ x[t] + U @ h[t-1] + b)\n"
READOUT = "p[t] = softmax(V @ v[t] + d)\nloss[t] = cross_entropy(y[t], p[t])\n"
STARTS = {
    "from the last state": "v[0] = h[T]\nv[t] = tanh(R @ v[t-1] + V.T @ y[t-1])\n",
    "at two lags": "u[t] = h[t-1]\nv[0] = h[T]\nv[-1] = tanh(Q @ u[T])\nv[t] = tanh(R @ v[t-1] + S @ v[t-2])\n",
    "from the mean": "m = total(h[t]) / total(1)\nv[0] = tanh(A @ m)\nv[t] = tanh(R @ v[t-1] + c)\n",
    "from both directions": "g: vector[n_h]\ng[t] = tanh(D @ x[t] + E @ g[t+1])\nv[0] = tanh(A @ h[T] + B @ g[1])\nv[t] = tanh(R @ v[t-1])\n",
    "with a mask, backwards": "k: input\nv[T+1] = h[T]\nv[t] = k[t] * tanh(R @ v[t+1]) + (1 - k[t]) * v[t+1]\n",
}


@pytest.mark.parametrize("start", STARTS)
def test_a_decoder_that_starts_from_the_encoder_s_end_is_right(start):
    report = verify(rnnsym.parse(ENCODER + STARTS[start] + READOUT))
    assert outcomes(report) == {"proved": {"right"}, "tested": {"right"}, "measured": {"right"}}


def test_a_decoder_whose_error_does_not_reach_the_encoder_is_wrong():
    model = rnnsym.parse(ENCODER + STARTS["from the last state"] + READOUT)
    joined = adjoint(prepare(model), everything(model))
    handed_on = joined.system.defined["d_h"].rhs.args[1]  # U.T @ d_h_bar[t+1], without what the decoder's start sends back
    report = verify(model, joined=with_rhs(joined, "d_h", handed_on))
    assert report.outcome == "wrong" and outcomes(report)["tested"] == {"wrong"} and outcomes(report)["measured"] == {"right"}


def test_a_wrong_assembly_is_named_and_told_apart_from_rules_and_module():
    for name, change in (("d_h", dropped_term), ("d_V", wrong_sign)):
        report = faulty(name, change)
        assert outcomes(report) == {"proved": {"right"}, "tested": {"wrong"}, "measured": {"right"}}
        assert report.fault.equation.startswith(name) and report.sentence.startswith("elman: wrong. The first wrong equation is (")


def test_a_transposed_recurrent_matrix_is_named():
    report = faulty("d_h", transposed_product)
    assert report.fault.equation.startswith("d_h[t] = ") and report.fault.what == "it is not the error of `h`"


def test_a_wrong_rule_is_named_with_numbers_that_show_it(monkeypatch):
    monkeypatch.setitem(PULLBACKS, op.Quotient, lambda n, g: [op.Quotient(g, n.args[1]), op.Quotient(op.Times(g, n), n.args[1])])
    model = rnnsym.parse("x: input\nh[t] = tanh(w * h[t-1] / (2 + v**2 + x[t]**2))\nloss[t] = h[t]**2\n", name="quotient")
    report = verify(model)
    assert outcomes(report)["proved"] == {"wrong"} and outcomes(report)["tested"] == {"wrong"}
    assert "with respect to `" in report.fault.what and "is not SymPy's derivative (SymPy " in report.fault.what


def test_a_wrong_pushforward_is_found_by_proof_and_tangents_while_the_gradient_is_right(monkeypatch):
    monkeypatch.setitem(PUSHFORWARDS, op.Softmax, lambda n, d: op.Times(n, d[0]))
    model = rnnsym.parse("x: input[n]\nh: vector[n]\nh[t] = softmax(w * x[t] + h[t-1])\nloss[t] = sum(h[t]**2)\n", name="pushed")
    report = verify(model)
    wrong = {c.name for c in report.checks if c.outcome == "wrong"}
    assert wrong == {"rules", "tangents"} and "its pushforward" in report.fault.what


def test_what_sympy_cannot_do_is_undecided_never_proved(monkeypatch):
    def fails(*words):
        raise NotImplementedError("no such integral")

    monkeypatch.setattr(rules, "_what_is_left", fails)
    report = verify(ELMAN)
    assert report.outcome == "undecided" and not report.is_right
    assert outcomes(report) == {"proved": {"undecided"}, "tested": {"right"}, "measured": {"right"}}


def test_an_error_inside_one_of_our_rules_is_not_swallowed(monkeypatch):
    def broken(node, g):
        raise TypeError("a bug of ours")

    monkeypatch.setitem(PULLBACKS, op.Softmax, broken)
    try:
        rules.prove_expression(op.Softmax(rnnsym.Quantity("u", rnnsym.sizes("n"))))
    except TypeError as error:
        assert str(error) == "a bug of ours"
    else:
        raise AssertionError("a rule that fails was reported on")


@pytest.mark.parametrize("slip", [AssertionError, KeyError, AttributeError])
def test_a_slip_of_the_normal_form_is_not_taken_for_an_open_question(monkeypatch, slip):
    def fails(*words):
        raise slip("a bug of ours")

    monkeypatch.setattr(rules, "_what_is_left", fails)
    with pytest.raises(slip, match="a bug of ours"):
        rules.prove_expression(op.Softmax(rnnsym.Quantity("u", rnnsym.sizes("n"))))


def test_an_error_in_the_index_form_of_a_cotangent_is_not_swallowed(monkeypatch):
    def fails(form, node, i):
        raise TypeError("a bug of ours")

    monkeypatch.setitem(index_form._ENTRIES, op.Dot, fails)  # the softmax's pullback holds a dot product, the softmax none
    with pytest.raises(TypeError, match="a bug of ours"):
        rules.prove_expression(op.Softmax(rnnsym.Quantity("u", rnnsym.sizes("n"))))


def test_what_is_open_as_a_whole_is_proved_by_parts_only_if_numbers_agree(monkeypatch):
    u, v = rnnsym.Quantity("u", rnnsym.sizes("n")), rnnsym.Quantity("v", rnnsym.sizes("n"))
    expression = op.Times(op.apply("tanh", u), v)
    left = rules._what_is_left
    monkeypatch.setattr(rules, "_what_is_left", lambda *words: sympy.Symbol("too_hard") if expression in seen else left(*words))
    seen, task = [], rules.Task

    def noted(expression):
        seen[:] = [expression]
        return task(expression)

    monkeypatch.setattr(rules, "Task", noted)
    proof = rules.prove_expression(expression)
    assert proof.is_proved and proof.by_parts
    right = rules.pull

    def wrong_as_a_whole(node, g, wanted):
        for found in right(node, g, wanted):
            yield type(found)(found.quantity, -found.cotangent if node == expression else found.cotangent, found.laws)

    monkeypatch.setattr(rules, "pull", wrong_as_a_whole)
    assert rules.prove_expression(expression).is_wrong


def test_the_same_seed_gives_the_same_report():
    assert verify(ELMAN, 3) == verify(ELMAN, 3)


def test_nothing_to_verify_is_said():
    report = verify(rnnsym.parse("y: target\nk[t] = 2\nloss[t] = squared_error(y[t], k[t])\n", name="fixed"))
    assert report.sentence == "fixed: there is nothing to verify: the model has no parameter and no real data."


def test_a_notebook_shows_the_same_rows_as_the_text():
    report = verify(ELMAN)
    html = report._repr_html_()
    assert all(cell.replace("'", "&#x27;") in html for check in report.checks for cell in check.cells)
    assert all(cell in str(report) for check in report.checks for cell in check.cells)
