"""The same cells in PyTorch, written from the papers without any part of rnnsym: what comes in are tensors, what goes out the cost.

Each function is named after a file of this folder (or of the library) and takes `p`, the parameters, and `d`, the data, as float64
tensors: time-major (T, B, n). It returns the cost, the mean over the batch of Σ_t loss_t + loss. Gradients are PyTorch's own.
"""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is the reference of these cells")
Tensor, F = torch.Tensor, torch.nn.functional

Arrays = dict[str, Tensor]  # by name


def zeros(d: Arrays, *shape: int) -> Tensor:
    """A state of zeros, (B, *shape), for the batch of the first array that has a batch axis."""
    some = next(v for v in d.values() if v.ndim >= 2)
    return torch.zeros(some.shape[1], *shape, dtype=torch.float64)


def nll(y: Tensor, logits: Tensor) -> Tensor:
    """Cross-entropy of unnormalised targets, (B,)."""
    return -(y * F.log_softmax(logits, -1)).sum(-1)


def gated_delta_net(p: Arrays, d: Arrays) -> Tensor:
    def unit(u: Tensor) -> Tensor:
        return u * torch.rsqrt((u * u).sum(-1, keepdim=True) + 1e-6)

    x, y = d["x"], d["y"]
    S, cost = zeros(d, p["W_v"].shape[0], p["W_k"].shape[0]), 0.0
    for t in range(len(x)):
        q, k, v = unit(F.silu(x[t] @ p["W_q"].T)), unit(F.silu(x[t] @ p["W_k"].T)), F.silu(x[t] @ p["W_v"].T)
        alpha = torch.exp(-torch.exp(p["a_log"]) * F.softplus(x[t] @ p["w_a"] + p["dt_bias"]))[:, None, None]
        beta = torch.sigmoid(x[t] @ p["w_b"])[:, None]
        S = alpha * S
        S = S + torch.einsum("bv,bk->bvk", beta * (v - torch.einsum("bvk,bk->bv", S, k)), k)
        cost = cost + nll(y[t], torch.einsum("bvk,bk->bv", S, q) @ p["W_o"].T + p["b"])
    return cost.mean()


def linear_attention(p: Arrays, d: Arrays) -> Tensor:
    """The quadratic form with a causal mask, not the recurrence."""
    q, k, v = F.elu(d["x"] @ p["W_Q"].T) + 1, F.elu(d["x"] @ p["W_K"].T) + 1, d["x"] @ p["W_V"].T
    weights = torch.tril(torch.einsum("tbk,sbk->bts", q, k))
    out = torch.einsum("bts,sbv->tbv", weights / weights.sum(-1, keepdim=True), v)
    return ((out - d["y"]) ** 2).sum(-1).sum(0).mean()


def rg_lru(p: Arrays, d: Arrays) -> Tensor:
    x, y, cost = d["x"], d["y"], 0.0
    h = zeros(d, x.shape[-1])
    for t in range(len(x)):
        r, i = torch.sigmoid(x[t] @ p["W_a"].T + p["b_a"]), torch.sigmoid(x[t] @ p["W_x"].T + p["b_x"])
        a = torch.exp(-8 * F.softplus(p["Lambda"]) * r)
        h = a * h + torch.sqrt(1 - a * a) * i * x[t]
        cost = cost + nll(y[t], h @ p["V"].T + p["b_y"])
    return cost.mean()


def mamba(p: Arrays, d: Arrays) -> Tensor:
    x, y, cost = d["x"], d["y"], 0.0
    A = -torch.exp(p["A_log"])
    h = zeros(d, *A.shape)
    for t in range(len(x)):
        delta = F.softplus(x[t] @ p["W_Delta"].T + p["b_Delta"])
        B, C = x[t] @ p["W_B"].T, x[t] @ p["W_C"].T
        h = torch.exp(delta[:, :, None] * A) * h + (delta * x[t])[:, :, None] * B[:, None, :]
        v = (h * C[:, None, :]).sum(-1) + p["D"] * x[t]
        cost = cost + 0.5 * ((v - y[t]) ** 2).sum(-1)
    return cost.mean()


def lru(p: Arrays, d: Arrays) -> Tensor:
    """With complex numbers, as the paper's own listing."""
    u, y, cost = d["u"], d["y"], 0.0
    eigenvalues = torch.exp(torch.complex(-torch.exp(p["nu"]), torch.exp(p["theta"])))
    gamma = torch.sqrt(1 - torch.abs(eigenvalues) ** 2)
    B, C = torch.complex(p["B_re"], p["B_im"]), torch.complex(p["C_re"], p["C_im"])
    h = zeros(d, len(gamma)).to(torch.complex128)
    for t in range(len(u)):
        h = eigenvalues * h + gamma * (u[t].to(torch.complex128) @ B.T)
        cost = cost + nll(y[t], F.gelu((h @ C.T).real + u[t] @ p["D"].T))
    return cost.mean()


class FastSigmoidSpike(torch.autograd.Function):
    """A step forwards, the derivative of the fast sigmoid u / (1 + 5|u|) backwards."""

    @staticmethod
    def forward(ctx, u: Tensor) -> Tensor:
        ctx.save_for_backward(u)
        return (u >= 0).to(u.dtype)

    @staticmethod
    def backward(ctx, g: Tensor) -> Tensor:
        (u,) = ctx.saved_tensors
        return g / (1 + 5 * u.abs()) ** 2


def spiking(p: Arrays, d: Arrays) -> Tensor:
    x, y, cost = d["x"], d["y"], 0.0
    m = s = zeros(d, p["W"].shape[0])
    v = zeros(d, p["V"].shape[0])
    for t in range(len(x)):
        m = 0.9 * m + x[t] @ p["W"].T + s @ p["U"].T - s
        s = FastSigmoidSpike.apply(m - 0.3)
        v = 0.9 * v + s @ p["V"].T
        cost = cost + nll(y[t], v)
    return cost.mean() + 0.01 * (p["W"] ** 2).sum() + 0.02 * (p["U"] ** 2).sum()


def zoneout_lstm(p: Arrays, d: Arrays) -> Tensor:
    x, y, cost = d["x"], d["y"], 0.0
    c = p["c_0"].expand(x.shape[1], -1)
    h = torch.tanh(c)
    for t in range(len(x)):
        i, f, o, g = (x[t] @ p["W"].T + h @ p["U"].T + p["b"]).chunk(4, -1)
        new = torch.clamp(torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g), -0.8, 0.8)
        h = torch.where(d["d_h"][t] > 0, h, torch.sigmoid(o) * torch.tanh(new))
        c = torch.where(d["d_c"][t] > 0, c, new)
        cost = cost + nll(y[t], h @ p["V"].T + p["b_y"])
    return cost.mean()


def deep_bigru(p: Arrays, d: Arrays) -> Tensor:
    def run(x: Tensor, h: Tensor, half: str) -> Tensor:
        name, layer = half[0], half[1]
        W, U, b = p[f"W_{half}"], p[f"U_{half}"], p[f"c_{half}"]
        W_n, U_n, b_n = p[f"W_{name}n{layer}"], p[f"U_{name}n{layer}"], p[f"c_{name}n{layer}"]
        out = []
        for t in range(len(x)) if name == "f" else reversed(range(len(x))):
            r, z = torch.sigmoid(x[t] @ W.T + h @ U.T + b).chunk(2, -1)
            h = z * h + (1 - z) * torch.tanh(x[t] @ W_n.T + (r * h) @ U_n.T + b_n)
            out.append(h)
        return torch.stack(out if name == "f" else out[::-1])

    x = d["x"]
    first = torch.cat([run(x, zeros(d, len(p["e_1"])), "f1"), run(x, p["e_1"].expand(x.shape[1], -1), "b1")], -1)
    f2, b2 = run(first, zeros(d, len(p["e_2"])), "f2"), run(first, p["e_2"].expand(x.shape[1], -1), "b2")
    return nll(d["y"], f2 @ p["V_f"].T + b2 @ p["V_b"].T + x @ p["V_x"].T + p["c"]).sum(0).mean()


def attention_pooling(p: Arrays, d: Arrays) -> Tensor:
    """The weights by a softmax over the time axis."""
    cell = torch.nn.RNN(p["W"].shape[1], p["W"].shape[0], bias=True, dtype=torch.float64)
    weights = {"weight_ih_l0": p["W"], "weight_hh_l0": p["U"], "bias_ih_l0": p["b"], "bias_hh_l0": torch.zeros_like(p["b"])}
    h = torch.func.functional_call(cell, weights, d["x"])[0]
    scores = torch.tanh(h @ p["W_w"].T + p["b_w"]) @ p["u_w"]
    s = (torch.softmax(scores, 0)[..., None] * h).sum(0)
    return nll(d["y"], s @ p["W_c"].T + p["b_c"]).mean()


def scrn(p: Arrays, d: Arrays) -> Tensor:
    x, y, cost = d["x"].long(), d["y"], 0.0
    s, h = torch.zeros(x.shape[1], len(p["B"]), dtype=torch.float64), torch.zeros(x.shape[1], len(p["R"]), dtype=torch.float64)
    for t in range(len(x)):
        s = 0.05 * p["B"].T[x[t]] + 0.95 * s
        h = torch.sigmoid(s @ p["P"].T + p["A"].T[x[t]] + h @ p["R"].T)
        cost = cost + nll(y[t], h @ p["U"].T + s @ p["V"].T)
    return cost.mean()


def clockwork(p: Arrays, d: Arrays) -> Tensor:
    x, y, cost = d["x"], d["y"], 0.0
    h = zeros(d, len(p["b"]))
    for t in range(len(x)):
        h = torch.where(d["tick"][t] > 0.5, torch.tanh(x[t] @ p["W"].T + h @ p["U"].T + p["b"]), h)
        cost = cost + torch.linalg.vector_norm(h @ p["V"].T + p["d"] - y[t], dim=-1)
    return cost.mean()


def qrnn(p: Arrays, d: Arrays) -> Tensor:
    """The three gates by a convolution over time, padded on the left."""
    x = F.pad(d["x"].permute(1, 2, 0), (2, 0))

    def convolve(gate: str) -> Tensor:
        kernel = torch.stack([p[f"W_{gate}1"], p[f"W_{gate}2"], p[f"W_{gate}3"]], -1)
        return F.conv1d(x, kernel).permute(2, 0, 1)

    Z, forget, out = torch.tanh(convolve("z")), torch.sigmoid(convolve("f")), torch.sigmoid(convolve("o"))
    c, cost = zeros(d, Z.shape[-1]), 0.0
    for t in range(len(Z)):
        c = forget[t] * c + (1 - forget[t]) * Z[t]
        logits = (out[t] * c) @ p["V"].T + p["b"]
        cost = cost + F.binary_cross_entropy_with_logits(logits, d["y"][t], reduction="none").sum(-1)
    return cost.mean()


def sru(p: Arrays, d: Arrays) -> Tensor:
    x, y, cost = d["x"], d["y"], 0.0
    c = zeros(d, x.shape[-1])
    for t in range(len(x)):
        new, f, r = (x[t] @ p["W"].T).chunk(3, -1)
        f, r = torch.sigmoid(f + p["v_f"] * c + p["b_f"]), torch.sigmoid(r + p["v_r"] * c + p["b_r"])
        c = f * c + (1 - f) * new
        cost = cost + nll(y[t], (r * c + (1 - r) * x[t]) @ p["V"].T + p["b_y"])
    return cost.mean()


def indrnn(p: Arrays, d: Arrays) -> Tensor:
    x, y, cost = d["x"], d["y"], 0.0
    h1, h2, vs = [], [], []
    for t in range(len(x)):
        h1.append(torch.relu(x[t] @ p["W1"].T + (p["u1"] * h1[-1] if t else 0) + p["b1"]))
        h2.append(torch.relu(h1[t] @ p["W2"].T + (p["u2"] * h2[-1] if t else 0) + p["b2"]))
        v = h2[t] @ p["V"].T
        v = v + h2[t - 9] @ p["V_9"].T if t >= 9 else v
        v = v + vs[t - 7] @ p["R"].T if t >= 7 else v
        vs.append(v)
        cost = cost + nll(y[t], v)
    return cost.mean()


def lmu(p: Arrays, d: Arrays) -> Tensor:
    x, y, cost = d["x"], d["y"], 0.0
    h, m = zeros(d, p["W_h"].shape[0]), zeros(d, len(d["B"]))
    for t in range(len(x)):
        u = x[t] @ p["e_x"] + h @ p["e_h"] + m @ p["e_m"]
        m = m @ d["A"].T + u[:, None] * d["B"]
        h = torch.tanh(x[t] @ p["W_x"].T + h @ p["W_h"].T + m @ p["W_m"].T)
        cost = cost + ((h @ p["V"].T - y[t]) ** 2).sum(-1)
    return cost.mean()


def ntm(p: Arrays, d: Arrays) -> Tensor:
    """The rotation as a circular convolution through the index, not through rolls."""
    x, y, cost = d["x"], d["y"], 0.0
    batch, cells = x.shape[1], p["M_0"].shape[0]
    M, w = p["M_0"].expand(batch, -1, -1), torch.softmax(p["w_0"], -1).expand(batch, -1)
    h, r = zeros(d, p["U"].shape[0]), zeros(d, p["M_0"].shape[1])
    for t in range(len(x)):
        h = torch.tanh(x[t] @ p["W"].T + h @ p["U"].T + r @ p["R"].T + p["b"])
        k, beta, g = h @ p["W_k"].T, F.softplus(h @ p["w_beta"])[:, None], torch.sigmoid(h @ p["w_g"])[:, None]
        content = torch.softmax(beta * torch.einsum("bcm,bm->bc", M, k), -1)
        gated = g * content + (1 - g) * w
        s, gamma = torch.softmax(h @ p["W_s"].T, -1), 1 + F.softplus(h @ p["w_gamma"])[:, None]
        index = torch.arange(cells)
        moved = sum(s[:, j, None] * gated[:, (index - shift) % cells] for j, shift in enumerate((-1, 0, 1)))
        w = moved**gamma / (moved**gamma).sum(-1, keepdim=True)
        erase, add = torch.sigmoid(h @ p["W_e"].T), torch.tanh(h @ p["W_a"].T)
        M = M * (1 - w[:, :, None] * erase[:, None, :]) + w[:, :, None] * add[:, None, :]
        r = torch.einsum("bcm,bc->bm", M, w)
        cost = cost + nll(y[t], h @ p["V"].T + r @ p["V_r"].T)
    return cost.mean()


def phased_lstm(p: Arrays, d: Arrays) -> Tensor:
    x, y = d["x"], d["y"]
    h = c = zeros(d, len(p["tau"]))
    for t in range(len(x)):
        tau = torch.exp(p["tau"])
        phi = torch.remainder(d["time"][t][:, None] - p["s"], tau) / tau
        k = torch.where(phi < 0.2, 2 * phi / 0.4, torch.where(phi < 0.4, 2 - 2 * phi / 0.4, 0.01 * phi))
        i = torch.sigmoid(x[t] @ p["W_i"].T + h @ p["U_i"].T + p["w_i"] * c + p["b_i"])
        f = torch.sigmoid(x[t] @ p["W_f"].T + h @ p["U_f"].T + p["w_f"] * c + p["b_f"])
        new = f * c + i * torch.tanh(x[t] @ p["W_c"].T + h @ p["U_c"].T + p["b_c"])
        c = k * new + (1 - k) * c
        o = torch.sigmoid(x[t] @ p["W_o"].T + h @ p["U_o"].T + p["w_o"] * c + p["b_o"])
        h = k * o * torch.tanh(new) + (1 - k) * h
    return nll(y[-1], h @ p["V"].T + p["b_y"]).mean()


def antisymmetric(p: Arrays, d: Arrays) -> Tensor:
    x = d["x"]
    n = len(p["W"])
    A = p["W"] - p["W"].T - 0.01 * torch.eye(n, dtype=torch.float64)
    h, hs = zeros(d, n), []
    for t in range(len(x)):
        z = torch.sigmoid(h @ A.T + x[t] @ p["V_z"].T + p["b_z"])
        h = h + 0.1 * z * torch.tanh(h @ A.T + x[t] @ p["V_h"].T + p["b_h"])
        hs.append(h)
    return nll(d["y"], (hs[-1] + 0.5 * hs[0]) @ p["V"].T + p["b_y"]).mean() + 0.001 * (p["V"] ** 2).sum()


def unitary(p: Arrays, d: Arrays) -> Tensor:
    """The rotations by complex numbers of modulus one, the reflections by their matrices."""

    def rotate(v: Tensor, angle: Tensor) -> Tensor:
        a, b = v.chunk(2, -1)
        turned = torch.complex(a, b) * torch.polar(torch.ones_like(angle), angle)
        return torch.cat([turned.real, turned.imag], -1)

    def reflection(u: Tensor) -> Tensor:
        return torch.eye(len(u), dtype=torch.float64) - 2 * torch.outer(u, u) / (u @ u)

    x, y, cost = d["x"], d["y"], 0.0
    h = p["h_0"].expand(x.shape[1], -1)
    for t in range(len(x)):
        h = torch.roll(rotate(h, p["omega_1"]), 3, -1) @ reflection(p["rho_1"])
        z = rotate(h @ reflection(p["rho_2"]), p["omega_2"]) + x[t] @ p["W"].T
        h = torch.sign(z) * torch.relu(z.abs() + p["b"])
        cost = cost + nll(y[t], h @ p["V"].T + p["b_y"])
    return cost.mean()


def multiplicative(p: Arrays, d: Arrays) -> Tensor:
    """One-hot vectors formed, so that the selection of columns is checked."""
    x = F.one_hot(d["x"].long(), p["E"].shape[1]).to(torch.float64)
    cost, h = 0.0, torch.zeros(x.shape[1], p["W_hf"].shape[0], dtype=torch.float64)
    for t in range(len(x)):
        f = (x[t] @ p["W_fx"].T) * (h @ p["W_fh"].T)
        before = x[t - 2] @ p["E"].T @ p["W_h2"].T if t >= 2 else 0
        h = torch.tanh(f @ p["W_hf"].T + x[t] @ p["E"].T @ p["W_hx"].T + before)
        cost = cost + nll(d["y"][t], h @ p["P"].T @ p["E"] + p["b"])
    return cost.mean()


def slstm_two_heads(p: Arrays, d: Arrays) -> Tensor:
    """Without the stabiliser: plain exponentials, which small data allow."""

    def run(head: str) -> Tensor:
        W, R, b = p[f"W_{head}"], p[f"R_{head}"], p[f"b_{head}"]
        h = c = n = zeros(d, R.shape[1])
        out = []
        for x in d["x"]:
            z, i, f, o = (x @ W.T + h @ R.T + b).chunk(4, -1)
            c, n = torch.exp(f) * c + torch.exp(i) * torch.tanh(z), torch.exp(f) * n + torch.exp(i)
            h = torch.sigmoid(o) * c / n
            out.append(h)
        return torch.stack(out)

    return nll(d["y"], torch.cat([run("a"), run("b")], -1) @ p["V"].T + p["b_y"]).sum(0).mean()


def fast_weights(p: Arrays, d: Arrays) -> Tensor:
    """The fast weights as attention over the earlier hidden states, never as a matrix."""
    x, y, cost = d["x"], d["y"], 0.0
    n = len(p["gain"])
    hs = [zeros(d, n)]
    for t in range(len(x)):
        s = hs[-1] @ p["W"].T + x[t] @ p["C"].T

        def attend(inner: Tensor) -> Tensor:
            past = torch.stack(hs)
            decay = 0.95 ** torch.arange(len(hs) - 1, -1, -1, dtype=torch.float64)
            return 0.5 * torch.einsum("s,sb,sbn->bn", decay, (past * inner).sum(-1), past)

        h = torch.relu(F.layer_norm(s + attend(torch.tanh(s)), (n,), p["gain"], p["bias"], 1e-5))
        h = torch.relu(F.layer_norm(s + attend(h), (n,), p["gain"], p["bias"], 1e-5))
        hs.append(h)
        cost = cost + nll(y[t], h @ p["V"].T + p["b_y"])
    return cost.mean()


# ---------------------------------------------------------------- models of the library


def jordan(p: Arrays, d: Arrays) -> Tensor:
    x, y, cost = d["x"], d["y"], 0.0
    s = out = zeros(d, y.shape[-1])
    for t in range(len(x)):
        s = 0.5 * s + out
        h = torch.sigmoid(x[t] @ p["W"].T + s @ p["U"].T + p["b"])
        logits = h @ p["V"].T + p["b_y"]
        out = torch.softmax(logits, -1)
        cost = cost + nll(y[t], logits)
    return cost.mean()


def gru(p: Arrays, d: Arrays) -> Tensor:
    x, y, cost = d["x"], d["y"], 0.0
    h = zeros(d, len(p["b"]))
    for t in range(len(x)):
        r = torch.sigmoid(x[t] @ p["W_r"].T + h @ p["U_r"].T + p["b_r"])
        z = torch.sigmoid(x[t] @ p["W_z"].T + h @ p["U_z"].T + p["b_z"])
        h = z * h + (1 - z) * torch.tanh(x[t] @ p["W"].T + (r * h) @ p["U"].T + p["b"])
        cost = cost + nll(y[t], h @ p["V"].T + p["b_y"])
    return cost.mean()


def deep_birnn(p: Arrays, d: Arrays) -> Tensor:
    """Two layers of torch.nn.RNN, bidirectional."""
    cell = torch.nn.RNN(p["W_f1"].shape[1], len(p["U_f1"]), bidirectional=True, dtype=torch.float64)
    cells = [cell, torch.nn.RNN(2 * len(p["U_f1"]), len(p["U_f2"]), bidirectional=True, dtype=torch.float64)]
    h = d["x"]
    for layer, module in enumerate(cells, 1):
        weights = {}
        for half, suffix in (("f", "l0"), ("b", "l0_reverse")):
            weights |= {f"weight_ih_{suffix}": p[f"W_{half}{layer}"], f"weight_hh_{suffix}": p[f"U_{half}{layer}"]}
            weights |= {f"bias_ih_{suffix}": p[f"c_{half}{layer}"], f"bias_hh_{suffix}": torch.zeros_like(p[f"c_{half}{layer}"])}
        h = torch.func.functional_call(module, weights, h)[0]
    return nll(d["y"], h @ p["V"].T + p["c"]).sum(0).mean()


def ln_lstm(p: Arrays, d: Arrays) -> Tensor:
    x, y, cost = d["x"], d["y"], 0.0
    n = len(p["alpha_3"])
    h = c = zeros(d, n)
    for t in range(len(x)):
        z = F.layer_norm(h @ p["W_h"].T, (4 * n,), p["alpha_1"], p["beta_1"], 1e-5)
        z = z + F.layer_norm(x[t] @ p["W_x"].T, (4 * n,), p["alpha_2"], p["beta_2"], 1e-5) + p["b"]
        f, i, o, g = z.chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(F.layer_norm(c, (n,), p["alpha_3"], p["beta_3"], 1e-5))
        cost = cost + nll(y[t], h @ p["V"].T + p["b_y"])
    return cost.mean()


def slstm(p: Arrays, d: Arrays) -> Tensor:
    """Without the stabiliser, eq. 8-14 of the paper: sigmoid forget gate, plain exponential input gate."""
    x, y, cost = d["x"], d["y"], 0.0
    h = c = n = zeros(d, len(p["b_z"]))
    for t in range(len(x)):
        z, i, f, o = (x[t] @ p[f"W_{g}"].T + h @ p[f"R_{g}"].T + p[f"b_{g}"] for g in "zifo")
        c, n = torch.sigmoid(f) * c + torch.exp(i) * torch.tanh(z), torch.sigmoid(f) * n + torch.exp(i)
        h = torch.sigmoid(o) * c / n
        cost = cost + nll(y[t], h @ p["V"].T + p["b_y"])
    return cost.mean()


def mlstm(p: Arrays, d: Arrays) -> Tensor:
    """The parallel form without the stabiliser: gates as a lower triangle of decays, never a matrix state."""
    x = d["x"]
    q, v, o = (x @ p[f"W_{g}"].T + p[f"b_{g}"] for g in "qvo")
    k = x @ p["W_k"].T / p["W_k"].shape[0] ** 0.5 + p["b_k"]
    forget = torch.cumsum(F.logsigmoid(x @ p["w_f"] + p["b_f"]), 0)
    decay = torch.exp(forget[:, None] - forget[None] + (x @ p["w_i"] + p["b_i"])[None])
    steps = torch.arange(len(x))
    weights = torch.where((steps[:, None] >= steps)[..., None], decay, 0.0) * torch.einsum("tbk,sbk->tsb", q, k)
    h = torch.einsum("tsb,sbv->tbv", weights, v) / torch.clamp(weights.sum(1).abs(), min=1.0)[..., None]
    return nll(d["y"], (torch.sigmoid(o) * h) @ p["V"].T + p["b_y"]).sum(0).mean()


def delta_net(p: Arrays, d: Arrays) -> Tensor:
    def unit(u: Tensor) -> Tensor:
        return u * torch.rsqrt((u * u).sum(-1, keepdim=True) + 1e-6)

    x, y, cost = d["x"], d["y"], 0.0
    S, one = zeros(d, len(p["W_v"]), len(p["W_k"])), torch.eye(len(p["W_k"]), dtype=torch.float64)
    for t in range(len(x)):
        q, k, v = unit(F.silu(x[t] @ p["W_q"].T)), unit(F.silu(x[t] @ p["W_k"].T)), F.silu(x[t] @ p["W_v"].T)
        beta = torch.sigmoid(x[t] @ p["w_beta"])[:, None, None]
        S = S @ (one - beta * k[:, :, None] * k[:, None, :]) + beta * v[:, :, None] * k[:, None, :]
        cost = cost + nll(y[t], torch.einsum("bvk,bk->bv", S, q) @ p["W_o"].T + p["b_o"])
    return cost.mean()


def narx(p: Arrays, d: Arrays) -> Tensor:
    u, y, cost, vs = d["u"], d["y"], 0.0, []
    for t in range(len(u)):
        z = p["b"] + sum(u[t - k] @ p[f"B_{k}"].T for k in range(3) if t >= k)
        z = z + sum(vs[t - k] @ p[f"A_{k}"].T for k in range(1, 4) if t >= k)
        vs.append(torch.tanh(z) @ p["C"].T + p["d"])
        cost = cost + 0.5 * ((vs[t] - y[t]) ** 2).sum(-1)
    return cost.mean()


def language_model(p: Arrays, d: Arrays) -> Tensor:
    w, y, cost = d["w"].long(), d["y"], 0.0
    s = torch.zeros(w.shape[1], len(p["U"]), dtype=torch.float64)
    for t in range(len(w)):
        s = torch.sigmoid(p["E"].T[w[t]] + s @ p["U"].T)
        cost = cost + nll(y[t], s @ p["V"].T)
    return cost.mean()


def many_to_one(p: Arrays, d: Arrays) -> Tensor:
    h = zeros(d, len(p["b"]))
    for x in d["x"]:
        h = torch.tanh(x @ p["W"].T + h @ p["U"].T + p["b"])
    return nll(d["y"], h @ p["V"].T + p["b_y"]).mean()


def mgu(p: Arrays, d: Arrays) -> Tensor:
    x, y, cost = d["x"], d["y"], 0.0
    h = zeros(d, len(p["b_h"]))
    for t in range(len(x)):
        f = torch.sigmoid(torch.cat([h, x[t]], -1) @ p["W_f"].T + p["b_f"])
        h = (1 - f) * h + f * torch.tanh(torch.cat([f * h, x[t]], -1) @ p["W_h"].T + p["b_h"])
        cost = cost + nll(y[t], h @ p["V"].T + p["b_y"])
    return cost.mean()


def coupled_lstm(p: Arrays, d: Arrays) -> Tensor:
    x, target, cost = d["x"], d["d"], 0.0
    y, c = zeros(d, len(p["p_f"])), zeros(d, len(p["p_f"]))
    for t in range(len(x)):
        z = torch.tanh(x[t] @ p["W_z"].T + y @ p["R_z"].T + p["b_z"])
        f = torch.sigmoid(x[t] @ p["W_f"].T + y @ p["R_f"].T + p["p_f"] * c + p["b_f"])
        c = (1 - f) * z + f * c
        o = torch.sigmoid(x[t] @ p["W_o"].T + y @ p["R_o"].T + p["p_o"] * c + p["b_o"])
        y = o * torch.tanh(c)
        cost = cost + nll(target[t], y @ p["W_y"].T + p["b_y"])
    return cost.mean()
