"""PyTorch's own recurrent layers, with their own weights, against the library's models after a conversion of the layout."""

from __future__ import annotations

import numpy as np
import pytest
from agreement import assert_agree

import rnnsym

torch = pytest.importorskip("torch", reason="PyTorch is the reference of this test")

T, B, N_X, N_H, N_Y = 6, 2, 3, 5, 4
TOLERANCE = 1e-11


def torch_run(layer, seed: int):
    """(parameters of the readout, data, cost, gradient of x) with a softmax readout on the layer's output; gradients stay in the layer."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.copy_(0.5 * torch.randn(weight.shape, generator=generator, dtype=torch.float64))
    x = torch.randn(T, B, N_X, generator=generator, dtype=torch.float64, requires_grad=True)
    y = torch.rand(T, B, N_Y, generator=generator, dtype=torch.float64)
    V = torch.randn(N_Y, layer.hidden_size * (1 + layer.bidirectional), generator=generator, dtype=torch.float64, requires_grad=True)
    b_y = torch.randn(N_Y, generator=generator, dtype=torch.float64, requires_grad=True)
    out, _ = layer(x)
    cost = -(y * torch.log_softmax(out @ V.T + b_y, -1)).sum(-1).sum(0).mean()
    cost.backward()
    return V, b_y, x, y, cost


def rows(layer, names: str, suffix: str = "_l0", grad: bool = False):
    """PyTorch's stacked rows, cut into one array per gate: (W, U, b_ih, b_hh) by gate."""
    out = []
    for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        weight = getattr(layer, kind + suffix)
        stacked = (weight.grad if grad else weight.detach()).numpy()
        out.append(dict(zip(names, np.split(stacked, len(names)), strict=True)))
    return out


def check(model: str, arrays, wanted, V, b_y, x, y, cost, readout=("V", "b_y")):
    module = rnnsym.compile(rnnsym.load(model))
    if "V" in readout:
        arrays = arrays | {"V": V.detach().numpy(), readout[1]: b_y.detach().numpy()}
        wanted = wanted | {"V": V.grad.numpy(), readout[1]: b_y.grad.numpy()}
    params = module.Params.from_arrays(arrays)
    loss, grads, _ = module.loss_and_grads(params, x=x.detach().numpy(), y=y.numpy(), wrt=("x",))
    found = {"loss": loss, "x": grads.inputs["x"], **{name: getattr(grads, name) for name in wanted}}
    assert_agree(found, {"loss": cost.item(), "x": x.grad.numpy(), **wanted}, TOLERANCE)


def test_nn_lstm_has_rows_i_f_g_o_and_two_biases_that_are_one():
    layer = torch.nn.LSTM(N_X, N_H, dtype=torch.float64)
    run = torch_run(layer, 1)
    W, U, b_ih, b_hh = rows(layer, "ifgo")
    dW, dU, db, _ = rows(layer, "ifgo", grad=True)
    arrays = {f"W_{g}": W[g] for g in W} | {f"U_{g}": U[g] for g in U} | {f"b_{g}": b_ih[g] + b_hh[g] for g in W}
    wanted = {f"W_{g}": dW[g] for g in W} | {f"U_{g}": dU[g] for g in U} | {f"b_{g}": db[g] for g in W}
    check("lstm", arrays, wanted, *run)


def test_nn_gru_has_rows_r_z_n_and_a_second_bias_under_the_reset_gate():
    layer = torch.nn.GRU(N_X, N_H, dtype=torch.float64)
    run = torch_run(layer, 2)

    def ours(parts):
        W, U, b_ih, b_hh = parts
        arrays = {f"W_{g}": W[g] for g in W} | {f"U_{g}": U[g] for g in U}
        return arrays, {"b_r": (b_ih["r"], b_hh["r"]), "b_z": (b_ih["z"], b_hh["z"]), "b_n": b_ih["n"], "b_hn": b_hh["n"]}

    arrays, biases = ours(rows(layer, "rzn"))
    wanted, bias_grads = ours(rows(layer, "rzn", grad=True))
    arrays |= {name: b[0] + b[1] if isinstance(b, tuple) else b for name, b in biases.items()}
    wanted |= {name: b[0] if isinstance(b, tuple) else b for name, b in bias_grads.items()}
    check("gru_reset_after", arrays, wanted, *run)


def test_nn_rnn_in_both_directions():
    layer = torch.nn.RNN(N_X, N_H, bidirectional=True, dtype=torch.float64)
    V, b_y, x, y, cost = torch_run(layer, 3)
    arrays, wanted = {}, {}
    for half, suffix in (("f", "_l0"), ("b", "_l0_reverse")):
        W, U, b_ih, b_hh = rows(layer, "a", suffix)
        dW, dU, db, _ = rows(layer, "a", suffix, grad=True)
        arrays |= {f"W_{half}": W["a"], f"U_{half}": U["a"], f"c_{half}": b_ih["a"] + b_hh["a"]}
        wanted |= {f"W_{half}": dW["a"], f"U_{half}": dU["a"], f"c_{half}": db["a"]}
    arrays |= {"V_f": V.detach().numpy()[:, :N_H], "V_b": V.detach().numpy()[:, N_H:], "c": b_y.detach().numpy()}
    wanted |= {"V_f": V.grad.numpy()[:, :N_H], "V_b": V.grad.numpy()[:, N_H:], "c": b_y.grad.numpy()}
    check("birnn", arrays, wanted, V, b_y, x, y, cost, readout=())


def test_two_layers_of_nn_lstm():
    layer = torch.nn.LSTM(N_X, N_H, num_layers=2, dtype=torch.float64)
    run = torch_run(layer, 4)
    arrays, wanted = {}, {}
    for j, suffix in ((1, "_l0"), (2, "_l1")):
        W, U, b_ih, b_hh = rows(layer, "ifgo", suffix)
        dW, dU, db, _ = rows(layer, "ifgo", suffix, grad=True)
        order = "ifog"  # ours: split(z, 4) into i, f, o, g
        arrays |= {f"W_{j}": np.vstack([W[g] for g in order]), f"U_{j}": np.vstack([U[g] for g in order])}
        arrays |= {f"b_{j}": np.hstack([b_ih[g] + b_hh[g] for g in order])}
        wanted |= {f"W_{j}": np.vstack([dW[g] for g in order]), f"U_{j}": np.vstack([dU[g] for g in order])}
        wanted |= {f"b_{j}": np.hstack([db[g] for g in order])}
    check("stacked_lstm", arrays, wanted, *run)
