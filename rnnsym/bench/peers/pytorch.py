"""The vocabulary of PyTorch: what a translation's words mean there, and how it loops over steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from rnnsym.bench.cases import Case
from rnnsym.bench.columns import put_together, taken_apart
from rnnsym.bench.contest import Contestant
from rnnsym.bench.peers.layers import Layer
from rnnsym.bench.peers.translate import translate
from rnnsym.bench.peers.translation import Language, Loop
from rnnsym.bench.schedule import Plan


def _where_positive(s: torch.Tensor) -> torch.Tensor:
    """sqrt with slope 0 at 0."""
    return torch.where(s > 0, torch.where(s > 0, s, 1).sqrt(), 0)


def _clip(u: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    """Slope 1 on the closed interval."""
    return torch.where(u < low, low, torch.where(u > high, high, u))


def _concat(parts: list[torch.Tensor]) -> torch.Tensor:
    lead = torch.broadcast_shapes(*(p.shape[:-1] for p in parts))
    return torch.cat([p.expand(*lead, p.shape[-1]) for p in parts], -1)


def _shift(series: torch.Tensor, offset: int, rows: list[torch.Tensor]) -> torch.Tensor:
    beyond = [r.expand(series.shape[1:])[None] for r in rows]
    return torch.cat([*beyond, series])[: len(series)] if offset < 0 else torch.cat([series, *beyond])[-len(series) :]


def _select(table: torch.Tensor, numbers: torch.Tensor, shifted: bool) -> torch.Tensor:
    """Columns of a table; no class gives zero."""
    if not shifted:
        return F.embedding(numbers, table.mT)
    return torch.where((numbers >= 0)[..., None], F.embedding(numbers.clamp(min=0), table.mT), 0)


def _logs(y: torch.Tensor, logs: torch.Tensor) -> torch.Tensor:
    """-y log p with 0 · log 0 = 0."""
    return torch.where(y == 0, 0, -y * torch.where(y == 0, 0, logs))


def _safe_log(y: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    return torch.where(y == 0, 1, p).log()


def _outer(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return a[..., :, None] * b[..., None, :]


FUSED = {"RNN_TANH": torch._VF.rnn_tanh, "RNN_RELU": torch._VF.rnn_relu, "GRU": torch._VF.gru, "LSTM": torch._VF.lstm}


def _fused(kind: str, series: torch.Tensor, starts: list[torch.Tensor], weights: list[torch.Tensor], backwards: bool):
    """What nn.RNN, nn.GRU and nn.LSTM call, for one layer; weights in their order. Gives the states at every step, and the last ones."""
    held = [s.expand(series.shape[1], s.shape[-1])[None].contiguous() for s in starts]
    series = series.flip(0) if backwards else series
    out, *last = FUSED[kind](series, held if kind == "LSTM" else held[0], weights, True, 1, 0.0, True, False, False)
    return (out.flip(0) if backwards else out), last[-1][0]


WORDS: dict[str, Any] = {
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt,
    "absolute": torch.abs, "sign": torch.sign, "sin": torch.sin, "cos": torch.cos, "erf": torch.erf, "softplus": F.softplus,
    "silu": F.silu, "gelu": F.gelu, "elu": F.elu, "minimum": torch.minimum, "maximum": torch.maximum, "mod": torch.remainder,
    "clip": _clip, "where": torch.where, "stopped": torch.detach, "outer": _outer,
    "dot": lambda a, b: (a * b).sum(-1),
    "matvec": lambda m, u: (m @ u[..., None])[..., 0],
    "add_up": lambda u, axes: u.sum(axes),
    "mean_of": lambda u, axes: u.mean(axes),
    "norm": lambda u, axes: _where_positive((u * u).sum(axes)),
    "concat": _concat, "roll": lambda v, k: torch.roll(v, k, -1), "split": lambda v, sizes: v.split(sizes, -1),
    "softmax": lambda z: torch.softmax(z, -1), "log_softmax": lambda z: torch.log_softmax(z, -1),
    "logsumexp": lambda z: torch.logsumexp(z, -1), "turn": lambda m: m.mT,
    "linear": F.linear, "affine": torch.addmm, "product": torch.mm, "join": torch.cat,
    "select": _select, "shift": _shift,
    "spread": lambda u, shape: u.expand(shape), "average": torch.mean,
    "cross_entropy": lambda y, p: _logs(y, _safe_log(y, p)),
    "cross_entropy_of_class": lambda y, p: -p.gather(-1, y[..., None])[..., 0].log(),
    "softmax_cross_entropy": lambda y, z: _logs(y, torch.log_softmax(z, -1)),
    "softmax_cross_entropy_of_class": lambda y, z: F.cross_entropy(z.flatten(0, -2), y.flatten(), reduction="none").view(y.shape),
    "binary_cross_entropy": lambda y, p: _logs(y, _safe_log(y, p)) + _logs(1 - y, _safe_log(1 - y, 1 - p)),
    "squared_error": lambda y, v: (v - y) ** 2,
    "sigmoid_cross_entropy": lambda y, z: torch.where(y == 0, 0, y * F.softplus(-z)),
    "sigmoid_binary_cross_entropy": lambda y, z: F.softplus(z) - y * z,
    "fused": _fused, "unbind": torch.unbind, "stack": torch.stack,
}  # fmt: skip


def _loop(loop: Loop) -> list[str]:
    """A Python loop; series are taken apart once, since to index them in the loop costs a gradient of full length each time."""
    steps = [f"{now}_steps" for _, now in loop.entering]
    lines = [f"{lag} = {start}" for lag, start, _ in loop.carried]
    lines += [f"{local} = unbind({series})" for local, (series, _) in zip(steps, loop.entering, strict=True)]
    lines += [f"{series} = []" for _, series in loop.kept]
    lines.append(f"for step in {f'range({loop.steps})' if loop.direction > 0 else f'range({loop.steps - 1}, -1, -1)'}:")
    inner = [f"{now} = {local}[step]" for local, (_, now) in zip(steps, loop.entering, strict=True)] + loop.body
    inner += [f"{series}.append({now})" for now, series in loop.kept]
    inner += [f"{lag} = {now}" for lag, _, now in reversed(loop.carried)]
    back = "" if loop.direction > 0 else "[::-1]"
    return lines + [f"    {line}" for line in inner] + [f"{series} = stack({series}{back})" for _, series in loop.kept]


def language(dtype: str) -> Language:
    """PyTorch's vocabulary in a dtype."""
    kind = getattr(torch, dtype)
    return Language(WORDS | {"one_hot": lambda numbers, count: (numbers[..., None] == torch.arange(count)).to(kind)}, _loop)


def contestant(name: str, case: Case, plan: Plan, layers: Mapping[int, Layer] | None = None) -> Contestant:
    """A training step in PyTorch: the translated cost, its gradients by autograd."""
    words = language(case.dtype)
    params = taken_apart(case.params, plan.columns, case.scale.sizes)
    text = translate(plan, case.scale.sizes, words, case.classes, layers)
    cost = text.function(words)
    leaves = {key: torch.tensor(value, requires_grad=True) for key, value in text.leaves(params).items()}
    data = {key: torch.tensor(value) for key, value in case.data.items()}
    constants = {
        key: torch.tensor(np.asarray(value, case.dtype) if value.dtype.kind == "f" else value) for key, value in text.constants.items()
    }

    def step() -> tuple[Any, Any]:
        loss = cost(leaves, data, constants)
        if not loss.requires_grad:  # it depends on no parameter
            return loss, [None] * len(leaves)
        return loss, torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)

    def result() -> tuple[float, dict[str, Any]]:
        loss, found = step()
        gradients = {key: np.zeros(leaf.shape) if g is None else g.numpy() for (key, leaf), g in zip(leaves.items(), found, strict=True)}
        return loss.item(), put_together(text.gradients(gradients, params), plan.columns)

    return Contestant(name, step, result, text.source)
