"""The check of gradients, and above all that it catches wrong ones."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import rnnsym
from rnnsym.errors import UsageError
from rnnsym.proof.draws import small_sizes
from rnnsym.proof.measured import measure
from rnnsym.proof.witnesses import COMPLEX_STEP, DIFFERENCES, SINGLE, WITNESSES

CELLS = Path(__file__).resolve().parent.parent / "cells"


def tampered(system, change):
    """The model's own module, whose gradients are changed before anyone sees them."""
    module = rnnsym.compile(system)

    def loss_and_grads(params, **words):
        loss, grads, state = module.loss_and_grads(params, **words)
        change(grads)
        return loss, grads, state

    return SimpleNamespace(**{**vars(module), "loss_and_grads": loss_and_grads})


def scale(name, factor):
    return lambda grads: getattr(grads, name).__imul__(factor)


MUTANTS = {
    "a wrong sign": scale("U", -1),
    "a forgotten half": scale("U", 0.5),
    "a gradient that is lost": scale("U", 0),
    "one entry off by a millionth": lambda grads: grads.U.__setitem__((0, 1), grads.U[0, 1] + 1e-6),
    "a swapped axis": lambda grads: grads.U.__setitem__(..., grads.U.T.copy()),
    "a gradient that is nowhere finite": scale("U", np.inf),
}


@pytest.mark.parametrize("name", ["lstm", "gru", "birnn", "jordan", "mlstm", "language_model", "many_to_one"])
def test_every_gradient_of_the_library_is_right(name):
    report = measure(rnnsym.load(name))
    assert report.is_right, report.wrong
    assert {m.name for m in report.gradients} >= {p.name for p in rnnsym.load(name).params}
    for m in report.gradients:
        told = {"complex step", "differences", "interpreter", "float32"} | ({"tangents"} if m.kind != "initial" else set())
        assert set(m.residuals) == told
    assert {m.name for m in report.variables} == {v.name for v in rnnsym.load(name).variables}


@pytest.mark.parametrize("fault", [name for name in MUTANTS if "finite" not in name])
def test_a_wrong_gradient_is_caught_and_named(fault):
    model = rnnsym.load("elman")
    report = measure(model, module=tampered(model, MUTANTS[fault]))
    assert [m.name for m in report.wrong] == ["U"]
    assert report.wrong[0].fails(report.tolerances)[0] == COMPLEX_STEP


def test_a_gradient_that_is_nowhere_finite_is_not_called_right():
    model = rnnsym.load("elman")
    with pytest.raises(UsageError, match="is not finite at any of the random arrays tried"):
        measure(model, module=tampered(model, MUTANTS["a gradient that is nowhere finite"]))


def test_wrong_gradients_of_inputs_and_initial_values_are_caught():
    model = rnnsym.load("elman")
    for group, name in (("inputs", "x"), ("initial", "initial h")):
        report = measure(
            model, module=tampered(model, lambda grads, group=group: [g.__imul__(1.001) for g in getattr(grads, group).values()])
        )
        assert [m.name for m in report.wrong] == [name]


def test_the_same_seed_gives_the_same_report_and_another_one_another():
    model = rnnsym.load("elman")
    assert measure(model, seed=3) == measure(model, seed=3)
    assert measure(model, seed=3).loss != measure(model, seed=4).loss


def test_logarithms_of_data_are_measured_where_they_are_finite():
    text = "x: input[n]\nh: vector[n]\nh[t] = tanh(w * log(x[t]) + u * h[t-1])\nloss[t] = sum(sqrt(x[t]) * h[t])\n"
    assert measure(rnnsym.parse(text, name="logs")).is_right


STOPPED = "x: input[n]\nh: vector[n]\nh[t] = tanh(w * x[t] + u * stop_gradient(h[t-1] * v))\nloss[t] = sum(h[t] * stop_gradient(h[t]))\n"


def test_differences_hold_fast_what_stop_gradient_hides():
    model = rnnsym.parse(STOPPED, name="stopped")
    report = measure(model)
    assert report.is_right and all(m.residuals[DIFFERENCES] <= 1e-8 for m in report.gradients)
    wrong = measure(model, module=tampered(model, scale("w", 1.01)))
    assert [m.name for m in wrong.wrong] == ["w"] and DIFFERENCES in wrong.wrong[0].fails(wrong.tolerances)


def test_names_that_python_calls_otherwise_are_measured():
    assert measure(rnnsym.load(CELLS / "odd_names.rnn")).is_right


def test_a_model_without_a_cost_is_told_what_is_missing():
    with pytest.raises(UsageError, match="has no cost, so there is no gradient to verify"):
        measure(rnnsym.parse("x: input[n]\nh: vector[n]\nh[t] = tanh(w * x[t] + u * h[t-1])\n", name="open"))


def test_sizes_are_different_and_fit_every_slice():
    text = "x: input[n_x]\nh: vector[n_h]\nh[t] = tanh(W @ x[t][:n_h] + U @ h[t-1])\nloss[t] = sum(h[t])\n"
    sizes = small_sizes(rnnsym.parse(text, name="sliced"))
    assert sizes["n_h"] < sizes["n_x"]
    assert len(set(small_sizes(rnnsym.load("lstm")).values())) == 3


def test_a_gradient_that_is_wrong_only_in_a_padded_batch_is_caught():
    model = rnnsym.load("elman")
    honest = rnnsym.compile(model)

    def loss_and_grads(params, **words):
        loss, grads, state = honest.loss_and_grads(params, **words)
        if "lengths" in words:
            grads.b[...] *= 1.01
        return loss, grads, state

    report = measure(model, module=SimpleNamespace(**{**vars(honest), "loss_and_grads": loss_and_grads}))
    assert [m.name for m in report.wrong] == ["b"]


ENDED = """
x: token[n_v]
y: target[n_y]
b: vector[n]
b[t] = tanh(E @ x[t+1] + B @ b[t+1])
b[T+1] = b_end
loss = cross_entropy(y, softmax(V @ b[1] + c))
"""


def test_where_the_caller_gives_a_trained_end_nothing_flows_into_it():
    """`initial=` goes before `b[T+1] = b_end`; the gradients of all others are measured there as well."""
    model = rnnsym.parse(ENDED, name="ended")
    report = measure(model)
    assert report.is_right, report.wrong

    def wrong_where_given(grads):
        if grads.initial:
            grads.B[...] *= 1.01

    assert [m.name for m in measure(model, module=tampered(model, wrong_where_given)).wrong] == ["B"]


def test_two_values_beyond_the_end_are_measured_one_by_one():
    text = "x: input[n]\nh: vector[n]\nh[t] = tanh(x[t+2] + w * h[t+2] + 0.5 * h[t+1])\nloss[t] = sum(h[t]**2)\n"
    report = measure(rnnsym.parse(text, name="ahead"))
    assert report.is_right and {"initial h[T+1]", "initial h[T+2]", "initial x[T+2]"} <= {g.name for g in report.gradients}


def test_what_rounding_the_arrays_does_is_no_fault_of_single_precision():
    steep = rnnsym.parse("x: input[n]\nw: param[n]\nloss[t] = sum(sin(1e4 * (w + x[t])))\n", "steep")
    alone = [w for w in WITNESSES if w.name == SINGLE]
    assert measure(steep, witnesses=alone).is_right

    def change(grads):
        if grads.w.dtype == np.float32:
            grads.w[0] *= 2

    report = measure(steep, module=tampered(steep, change), witnesses=alone)
    assert [(m.name, m.fails(report.tolerances)) for m in report.wrong] == [("w", (SINGLE,))]
