"""Numerical meaning (language reference): log-forms and cross-entropies neither overflow nor lose digits, written in one line or in parts.

Each case gives a loss of one vector z (as a parameter, T = 1), the value it has at extreme z and its gradient there, by formulas that
are stable by themselves.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from agreement import error, some_data, some_params

import rnnsym

HUGE = np.array([1e4, -1e4, 3.0, 0.0])
SMALL = np.array([1e-12, -40.0, 40.0, 0.5])
Y = np.array([0.2, 0.3, 0.1, 0.9])


def softplus(z):
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def sigmoid(z):
    return np.exp(-softplus(-z))


def log_softmax(z):
    d = z - z.max()
    return d - np.log(np.exp(d).sum())


def softmax(z):
    return np.exp(log_softmax(z))


def lse(z):
    return z.max() + np.log(np.exp(z - z.max()).sum())


CASES = {
    "log of a softmax": (
        [
            "loss[t] = -dot(y[t], log(softmax(z)))",
            "p = softmax(z)\nl[t] = log(p)\nloss[t] = -dot(y[t], l[t])",
            "p = softmax(z)\nloss[t] = -sum(y[t] * log(p))",
        ],
        lambda z, y: -(y * log_softmax(z)).sum(),
        lambda z, y: softmax(z) * y.sum() - y,
    ),
    "cross-entropy of a softmax": (
        [
            "loss[t] = cross_entropy(y[t], softmax(z))",
            "p[t] = softmax(z + 0 * x[t])\nloss[t] = cross_entropy(y[t], p[t])",
            "p = softmax(z)\nq[t] = p\nloss[t] = cross_entropy(y[t], q[t])",
        ],
        lambda z, y: -(y * log_softmax(z)).sum(),
        lambda z, y: softmax(z) * y.sum() - y,
    ),
    "softmax written out": (
        ["e = exp(z)\np = e / sum(e)\nloss[t] = cross_entropy(y[t], p)", "loss[t] = -dot(y[t], log(exp(z) / sum(exp(z))))"],
        lambda z, y: -(y * log_softmax(z)).sum(),
        lambda z, y: softmax(z) * y.sum() - y,
    ),
    "log of a sigmoid": (
        [
            "loss[t] = -dot(y[t], log(sigmoid(z)))",
            "s = sigmoid(z)\nloss[t] = -dot(y[t], log(s))",
            "s = sigmoid(z)\nl = log(s)\nloss[t] = -dot(y[t], l)",
        ],
        lambda z, y: (y * softplus(-z)).sum(),
        lambda z, y: -y * sigmoid(-z),
    ),
    "log of one minus a sigmoid": (
        ["loss[t] = -dot(y[t], log(1 - sigmoid(z)))", "s = sigmoid(z)\nr = 1 - s\nloss[t] = -dot(y[t], log(r))"],
        lambda z, y: (y * softplus(z)).sum(),
        lambda z, y: y * sigmoid(z),
    ),
    "one minus a sigmoid": (
        ["loss[t] = dot(y[t], 1 - sigmoid(z))", "s = sigmoid(z)\nloss[t] = dot(y[t], 1 - s)"],
        lambda z, y: (y * sigmoid(-z)).sum(),
        lambda z, y: -y * sigmoid(z) * sigmoid(-z),
    ),
    "binary cross-entropy of a sigmoid": (
        [
            "loss[t] = binary_cross_entropy(y[t], sigmoid(z))",
            "s = sigmoid(z)\nloss[t] = binary_cross_entropy(y[t], s)",
            "s = sigmoid(z)\nloss[t] = -sum(y[t] * log(s) + (1 - y[t]) * log(1 - s))",
        ],
        lambda z, y: (y * softplus(-z) + (1 - y) * softplus(z)).sum(),
        lambda z, y: sigmoid(z) - y,
    ),
    "cross-entropy of a sigmoid": (
        ["loss[t] = cross_entropy(y[t], sigmoid(z))", "s = sigmoid(z)\nloss[t] = cross_entropy(y[t], s)"],
        lambda z, y: (y * softplus(-z)).sum(),
        lambda z, y: -y * sigmoid(-z),
    ),
    "log(1 + exp)": (
        [
            "loss[t] = dot(y[t], log(1 + exp(z)))",
            "e = exp(z)\nloss[t] = dot(y[t], log(1 + e))",
            "e = exp(z)\nd = e + 1\nloss[t] = dot(y[t], log(d))",
        ],
        lambda z, y: (y * softplus(z)).sum(),
        lambda z, y: y * sigmoid(z),
    ),
    "log(sum(exp))": (
        [
            "loss[t] = log(sum(exp(z))) * sum(y[t])",
            "e = exp(z)\nloss[t] = log(sum(e)) * sum(y[t])",
            "e = exp(z)\ns = sum(e)\nloss[t] = log(s) * sum(y[t])",
        ],
        lambda z, y: lse(z) * y.sum(),
        lambda z, y: softmax(z) * y.sum(),
    ),
}
EVERY = [pytest.param(kind, source, id=f"{kind}-{i}") for kind, (sources, _, _) in CASES.items() for i, source in enumerate(sources)]


def run(source: str, z: np.ndarray, y: np.ndarray, dtype=np.float64):
    head = ("x: input[n]\n" if "x[t]" in source else "") + "y: target[n]\nz: param[n]\n"
    module = rnnsym.compile(rnnsym.parse(head + source + "\n"))
    params = module.Params.from_arrays({"z": z.astype(dtype)})
    data = {"y": y[None, None].astype(dtype)} | ({"x": np.zeros((1, 1, len(z)), dtype)} if "x[t]" in source else {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss, grads, _ = module.loss_and_grads(params, **data)
        again = module.loss(params, **data)
    assert loss == again
    return loss, grads.z


@pytest.mark.parametrize(("kind", "source"), EVERY)
@pytest.mark.parametrize("z", [HUGE, -HUGE, SMALL], ids=["huge", "minus huge", "small"])
def test_extreme_values_give_the_exact_loss_and_gradient(kind, source, z):
    _, value, slope = CASES[kind]
    loss, grad = run(source, z, Y)
    assert error(loss, value(z, Y)) <= 1e-14 and error(grad, slope(z, Y)) <= 1e-14


@pytest.mark.parametrize("z", [SMALL, np.array([-30.0, -25.0, -35.0, -28.0])], ids=["small", "tiny probabilities"])
def test_no_digits_are_lost_where_the_value_is_tiny(z):
    """Relative accuracy: the loss is as small as 1e-11 and still right to twelve digits."""
    loss, grad = run("loss[t] = dot(y[t], log(1 + exp(z)))", z, Y)
    assert abs(loss / (Y * softplus(z)).sum() - 1) < 1e-12 and np.allclose(grad, Y * sigmoid(z), rtol=1e-12, atol=0)
    loss, grad = run("s = sigmoid(z)\nloss[t] = dot(y[t], 1 - s)", -z, Y)
    assert abs(loss / (Y * sigmoid(z)).sum() - 1) < 1e-12


@pytest.mark.parametrize("kind", ["cross-entropy of a softmax", "log of a softmax"])
def test_a_row_of_zeros_costs_nothing_and_passes_no_gradient(kind):
    for source in CASES[kind][0]:
        loss, grad = run(source, HUGE, np.zeros(4))
        assert loss == 0 and not grad.any()


def test_a_class_of_probability_zero_that_is_not_asked_for_does_no_harm():
    module = rnnsym.compile(rnnsym.parse("y: target[n]\np: param[n]\nloss[t] = cross_entropy(y[t], p)\n"))
    params = module.Params.from_arrays({"p": np.array([0.0, 0.25, 0.75])})
    loss, grads, _ = module.loss_and_grads(params, y=np.array([[[0.0, 1.0, 0.0]]]))
    assert error(loss, np.log(4)) < 1e-15 and error(grads.p, [0.0, -4.0, 0.0]) < 1e-15


@pytest.mark.parametrize("model", ["rnn", "lstm", "gru", "jordan", "slstm", "mlstm", "ln_lstm"])
def test_library_models_stay_finite_on_enormous_weights(model):
    system = rnnsym.load(model)
    module = rnnsym.compile(system)
    rng = np.random.default_rng(0)
    params = module.Params.from_arrays({k: 1e4 * v for k, v in some_params(system, rng).items()})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss, grads, _ = module.loss_and_grads(params, **some_data(system, rng))
    assert np.isfinite(loss) and np.isfinite(grads.vector).all()
