"""The conversions on the page of conventions, against the libraries themselves where they are installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pages import run

import rnnsym

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "conventions.md"
T, B, N_X, N_H = 5, 2, 3, 4


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return run(PAGE, tmp_path_factory.mktemp("conventions"))


def hidden(model: str, arrays, x, variable: str = "h", bias: str = "b_y"):
    """All values of the state, with a readout that plays no part."""
    module = rnnsym.compile(rnnsym.load(model))
    readout = {"V": np.zeros((2, N_H)), bias: np.zeros(2)}
    return module.forward(module.Params.from_arrays(arrays | readout), x=x)[variable]


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_layer_of_pytorch_is_carried_over(page, kind):
    torch = pytest.importorskip("torch", reason="PyTorch is the reference of this test")
    layer = getattr(torch.nn, kind)(N_X, N_H, dtype=torch.float64)
    arrays = {name: value.numpy() for name, value in layer.state_dict().items()}
    x = np.random.default_rng(0).normal(size=(T, B, N_X))
    wanted = layer(torch.from_numpy(x))[0].detach().numpy()
    model, function = {"LSTM": ("lstm", "lstm_from_pytorch"), "GRU": ("gru_reset_after", "gru_from_pytorch")}[kind]
    assert np.abs(hidden(model, page[function](arrays), x) - wanted).max() < 1e-12


def test_parameters_are_carried_back_into_a_layer_of_pytorch(page):
    torch = pytest.importorskip("torch", reason="PyTorch is the reference of this test")
    lstm = rnnsym.compile(rnnsym.load("lstm"))
    params = lstm.init_params(n_x=N_X, n_h=N_H, n_y=2, rng=0, dtype=np.float64)
    layer = torch.nn.LSTM(N_X, N_H, dtype=torch.float64)
    layer.load_state_dict({name: torch.from_numpy(value) for name, value in page["lstm_to_pytorch"](params).items()})
    x = np.random.default_rng(1).normal(size=(T, B, N_X))
    assert np.abs(lstm.forward(params, x=x).h - layer(torch.from_numpy(x))[0].detach().numpy()).max() < 1e-12


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_node_of_onnx_is_carried_over(page, kind):
    onnx = pytest.importorskip("onnx", reason="ONNX's reference evaluator is the reference of this test")
    from onnx.reference import ReferenceEvaluator

    rng, count = np.random.default_rng(2), {"LSTM": 4, "GRU": 3}[kind]
    shapes = {"X": (T, B, N_X), "W": (1, count * N_H, N_X), "R": (1, count * N_H, N_H), "B": (1, 2 * count * N_H)}
    given = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    zeros = {"initial_h": np.zeros((1, B, N_H)), "initial_c": np.zeros((1, B, N_H)), "P": rng.normal(size=(1, 3 * N_H))}
    words = ["X", "W", "R", "B", "", "initial_h", "initial_c", "P"] if kind == "LSTM" else ["X", "W", "R", "B"]
    feeds = given | {name: value for name, value in zeros.items() if name in words}
    options = {"hidden_size": N_H} | ({"linear_before_reset": 1} if kind == "GRU" else {})
    node = onnx.helper.make_node(kind, words, ["Y"], **options)
    double = onnx.TensorProto.DOUBLE
    inputs = [onnx.helper.make_tensor_value_info(name, double, value.shape) for name, value in feeds.items()]
    outputs = [onnx.helper.make_tensor_value_info("Y", double, None)]
    graph = onnx.helper.make_graph([node], "cell", inputs, outputs)
    (wanted,) = ReferenceEvaluator(onnx.helper.make_model(graph)).run(None, feeds)
    if kind == "LSTM":
        arrays = page["lstm_from_onnx"](given["W"], given["R"], given["B"], zeros["P"])
        found = hidden("lstm_peephole", arrays, given["X"], "y", "b_q")
    else:
        found = hidden("gru_reset_after", page["gru_from_onnx"](given["W"], given["R"], given["B"]), given["X"])
    assert np.abs(found - wanted[:, 0]).max() < 1e-12
