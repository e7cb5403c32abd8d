"""Tables printed by courses and by Keras, reproduced to as many digits as they print; the weights are converted here, in the test."""

from __future__ import annotations

import numpy as np
import pytest

import rnnsym

# ---------------------------------------------------------------- Coursera, Sequence Models, week 1

COURSERA_RNN = '''
"""Recurrent network of the course; what comes from above, da, enters as a scalar product."""
x: input[n_x]
d: input[n_a]
a[t] = tanh(W_ax @ x[t] + W_aa @ a[t-1] + b_a)
loss[t] = dot(a[t], d[t])
'''

COURSERA_LSTM = '''
"""LSTM step of the course: the gates act on [a_prev; x]; da_next and dc_next enter as scalar products."""
x: input[n_x]
da: input[n_a]
dc: input[n_a]
f[t] = sigmoid(W_f @ concat(a[t-1], x[t]) + b_f)
i[t] = sigmoid(W_i @ concat(a[t-1], x[t]) + b_i)
g[t] = tanh(W_c @ concat(a[t-1], x[t]) + b_c)
o[t] = sigmoid(W_o @ concat(a[t-1], x[t]) + b_o)
c[t] = f[t] * c[t-1] + i[t] * g[t]
a[t] = o[t] * tanh(c[t])
loss[t] = dot(a[t], da[t]) + dot(c[t], dc[t])
'''


def digits(found, printed: str) -> bool:
    """Whether a number is the printed one, to as many digits as are printed (half a unit of the last place, and a little for rounding)."""
    places = len(printed.partition(".")[2])
    return abs(float(found) - float(printed)) <= 0.51 * 10.0**-places


def assert_digits(found, *printed: str) -> None:
    flat = np.atleast_1d(np.asarray(found)).ravel()
    assert len(flat) == len(printed)
    for value, text in zip(flat, printed, strict=True):
        assert digits(value, text), f"{value!r} is not {text}"


def gradients(source: str, arrays, data, initial):
    """Gradients of parameters, inputs and initial values, as the course has them: summed over its 10 examples."""
    module = rnnsym.compile(rnnsym.parse(source))
    params = module.Params.from_arrays(arrays)
    _, grads, _ = module.loss_and_grads(params, **data, initial=initial, wrt=("x", "initial"))
    return grads


@pytest.fixture(scope="module")
def coursera_rnn():
    random = np.random.RandomState(1)
    x, a0 = random.randn(3, 10, 4), random.randn(5, 10)
    W_ax, W_aa, _W_ya = random.randn(5, 3), random.randn(5, 5), random.randn(2, 5)
    b_a, _b_y = random.randn(5, 1), random.randn(2, 1)
    da = random.randn(5, 10, 4)
    arrays = {"W_ax": W_ax, "W_aa": W_aa, "b_a": b_a[:, 0]}
    return gradients(COURSERA_RNN, arrays, {"x": x.transpose(2, 1, 0), "d": da.transpose(2, 1, 0)}, {"a": a0.T})


def test_coursera_rnn_gradients_of_parameters(coursera_rnn):
    grads = coursera_rnn
    assert_digits(10 * grads.W_ax[3, 1], "11.2641044965")
    assert_digits(10 * grads.W_aa[1, 2], "2.30333312658")
    assert_digits(10 * grads.b_a[4], "-0.74747722")


def test_coursera_rnn_gradients_of_inputs_and_initial_state(coursera_rnn):
    grads = coursera_rnn
    assert_digits(10 * grads.inputs["x"][:, 2, 1], "-2.07101689", "-0.59255627", "0.02466855", "0.01483317")
    assert_digits(10 * grads.initial["a"][3, 2], "-0.314942375127")


@pytest.fixture(scope="module")
def coursera_lstm():
    random = np.random.RandomState(1)
    x, a_prev, c_prev = random.randn(3, 10), random.randn(5, 10), random.randn(5, 10)
    arrays = {}
    for gate in "fioc":
        arrays[f"W_{gate}"] = random.randn(5, 8)
        arrays[f"b_{gate}"] = random.randn(5, 1)[:, 0]
    _W_y, _b_y = random.randn(2, 5), random.randn(2, 1)
    da, dc = random.randn(5, 10), random.randn(5, 10)
    data = {"x": x.T[None], "da": da.T[None], "dc": dc.T[None]}
    return gradients(COURSERA_LSTM, arrays, data, {"a": a_prev.T, "c": c_prev.T})


def test_coursera_lstm_step_gradients(coursera_lstm):
    grads = coursera_lstm
    assert_digits(10 * grads.inputs["x"][0, 2, 1], "3.23055911511")
    assert_digits(10 * grads.initial["a"][3, 2], "-0.0639621419711")
    assert_digits(10 * grads.initial["c"][3, 2], "0.797522038797")
    assert_digits(10 * grads.W_f[3, 1], "-0.147954838164")
    assert_digits(10 * grads.W_i[1, 2], "1.05749805523")
    assert_digits(10 * grads.W_c[3, 1], "2.30456216369")
    assert_digits(10 * grads.W_o[1, 2], "0.331311595289")
    assert_digits(10 * grads.b_f[4], "0.18864637")
    assert_digits(10 * grads.b_i[4], "-0.40142491")
    assert_digits(10 * grads.b_c[4], "0.25587763")
    assert_digits(10 * grads.b_o[4], "0.13893342")


# ---------------------------------------------------------------- Stanford CS231n, assignment 3

CS231N = '''
"""LSTM with stacked gates in the order i, f, o, g."""
x: input[n_x]
h: vector[n_h]
i[t], f[t], o[t], g[t] = split(W @ x[t] + U @ h[t-1] + b, 4)
c[t] = sigmoid(f[t]) * c[t-1] + sigmoid(i[t]) * tanh(g[t])
h[t] = sigmoid(o[t]) * tanh(c[t])
loss[t] = sum(h[t])
'''


def test_cs231n_lstm_step_has_the_gates_in_the_order_i_f_o_g():
    module = rnnsym.compile(rnnsym.parse(CS231N))
    x = np.linspace(-0.4, 1.2, num=12).reshape(3, 4)
    h = np.linspace(-0.3, 0.7, num=15).reshape(3, 5)
    c = np.linspace(-0.4, 0.9, num=15).reshape(3, 5)
    W = np.linspace(-2.1, 1.3, num=80).reshape(4, 20)
    U = np.linspace(-0.7, 2.2, num=100).reshape(5, 20)
    b = np.linspace(0.3, 0.7, num=20)
    params = module.Params.from_arrays({"W": W.T, "U": U.T, "b": b})
    trace = module.forward(params, x=x[None], initial={"h": h, "c": c})
    assert_digits(trace.h[0, 0], "0.24635157", "0.28610883", "0.32240467", "0.35525807", "0.38474904")


# ---------------------------------------------------------------- Keras 3

SEQUENCE = np.arange(72.0).reshape(3, 6, 4).transpose(1, 0, 2)  # time-major


def keras_kernels(names: str, units: int = 3) -> dict[str, np.ndarray]:
    """Keras' stacked columns, all alike here, cut into our matrices: kernel 0.01, recurrent kernel 0.02, bias 0.03."""
    width = len(names) * units
    kernel, recurrent, bias = np.full((4, width), 0.01), np.full((units, width), 0.02), np.full(width, 0.03)
    arrays = {}
    for j, gate in enumerate(names):
        columns = slice(j * units, (j + 1) * units)
        arrays |= {f"W_{gate}": kernel[:, columns].T, f"U_{gate}": recurrent[:, columns].T, f"b_{gate}": bias[columns]}
    return arrays


def last_output(model: str, arrays) -> np.ndarray:
    """The hidden state at the last step, of a library model whose readout plays no part: (3, units)."""
    module = rnnsym.compile(rnnsym.load(model))
    readout = {"V": np.zeros((2, 3)), "b_y": np.zeros(2)}
    return module.forward(module.Params.from_arrays(arrays | readout), x=SEQUENCE).h[-1]


def assert_keras(found: np.ndarray, printed: list[float]) -> None:
    """All units are equal, and each is the printed one (Keras computes in float32: 1e-6)."""
    assert found.shape == (3, 3)
    np.testing.assert_allclose(found, np.repeat(np.array(printed)[:, None], 3, 1), rtol=0, atol=1e-6)


def test_keras_lstm_with_order_i_f_c_o():
    arrays = keras_kernels("ifgo")
    assert_keras(last_output("lstm", arrays), [0.57019705, 0.8661914, 0.9459622])
    arrays["b_f"] = np.ones(3)
    assert_keras(last_output("lstm", arrays), [0.6288687, 0.86899155, 0.9460773])


def test_keras_gru_reset_after_with_order_z_r_h():
    arrays = keras_kernels("zrn")
    arrays["b_hn"] = np.full(3, 0.03)
    arrays["b_z"] = arrays["b_z"] + 0.03  # two biases, (2, 3u) in Keras, which meet in one sum
    arrays["b_r"] = arrays["b_r"] + 0.03
    assert_keras(last_output("gru_reset_after", arrays), [0.5217289, 0.6371659, 0.39384964])


def test_keras_gru_reset_before_with_order_z_r_h():
    arrays = keras_kernels("zrh")
    arrays = {name.removesuffix("_h"): value for name, value in arrays.items()}
    assert_keras(last_output("gru", arrays), [0.51447755, 0.6426879, 0.40208298])
