"""The vocabulary of JAX: what a translation's words mean there, and a loop over steps as `lax.scan`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from rnnsym.bench.cases import Case
from rnnsym.bench.columns import put_together, taken_apart
from rnnsym.bench.contest import Contestant
from rnnsym.bench.peers.translate import translate
from rnnsym.bench.peers.translation import Language, Loop
from rnnsym.bench.schedule import Plan

Array = Any


def _root(s: Array) -> Array:
    """sqrt with slope 0 at 0."""
    return jnp.where(s > 0, jnp.sqrt(jnp.where(s > 0, s, 1)), 0)


def _clip(u: Array, low: Array, high: Array) -> Array:
    """Slope 1 on the closed interval."""
    return jnp.where(u < low, low, jnp.where(u > high, high, u))


def _concat(parts: list[Array]) -> Array:
    lead = jnp.broadcast_shapes(*(p.shape[:-1] for p in parts))
    return jnp.concatenate([jnp.broadcast_to(p, (*lead, p.shape[-1])) for p in parts], -1)


def _shift(series: Array, offset: int, rows: list[Array]) -> Array:
    beyond = [jnp.broadcast_to(r, series.shape[1:])[None].astype(series.dtype) for r in rows]
    joined = [*beyond, series] if offset < 0 else [series, *beyond]
    whole = jnp.concatenate(joined)
    return whole[: len(series)] if offset < 0 else whole[-len(series) :]


def _select(table: Array, numbers: Array, shifted: bool) -> Array:
    """Columns of a table; no class gives zero."""
    columns = table.T[jnp.maximum(numbers, 0) if shifted else numbers]
    return jnp.where((numbers >= 0)[..., None], columns, 0) if shifted else columns


def _split(v: Array, sizes: list[int]) -> list[Array]:
    return jnp.split(v, np.cumsum(sizes)[:-1].tolist(), -1)


def _logs(y: Array, logs: Array) -> Array:
    """-y log p with 0 · log 0 = 0."""
    return jnp.where(y == 0, 0, -y * jnp.where(y == 0, 0, logs))


def _safe_log(y: Array, p: Array) -> Array:
    return jnp.log(jnp.where(y == 0, 1, p))


def _pick(y: Array, values: Array) -> Array:
    return jnp.take_along_axis(values, y[..., None], -1)[..., 0]


WORDS: dict[str, Any] = {
    "sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh, "relu": jax.nn.relu, "exp": jnp.exp, "log": jnp.log, "sqrt": jnp.sqrt,
    "absolute": jnp.abs, "sign": jnp.sign, "sin": jnp.sin, "cos": jnp.cos, "erf": jax.scipy.special.erf, "softplus": jax.nn.softplus,
    "silu": jax.nn.silu, "gelu": lambda u: jax.nn.gelu(u, approximate=False), "elu": jax.nn.elu, "minimum": jnp.minimum,
    "maximum": jnp.maximum, "mod": jnp.mod, "clip": _clip, "where": jnp.where, "stopped": lax.stop_gradient,
    "outer": lambda a, b: a[..., :, None] * b[..., None, :],
    "dot": lambda a, b: (a * b).sum(-1),
    "matvec": lambda m, u: (m @ u[..., None])[..., 0],
    "add_up": lambda u, axes: u.sum(axes),
    "mean_of": lambda u, axes: u.mean(axes),
    "norm": lambda u, axes: _root((u * u).sum(axes)),
    "concat": _concat, "roll": lambda v, k: jnp.roll(v, k, -1), "split": _split,
    "softmax": jax.nn.softmax, "log_softmax": jax.nn.log_softmax, "logsumexp": lambda z: jax.scipy.special.logsumexp(z, -1),
    "turn": lambda m: m.mT,
    "linear": lambda u, m, b=0: u @ m.T + b, "affine": lambda before, u, m: before + u @ m, "product": jnp.matmul, "join": jnp.concatenate,
    "select": _select, "shift": _shift, "spread": jnp.broadcast_to, "average": jnp.mean,
    "cross_entropy": lambda y, p: _logs(y, _safe_log(y, p)),
    "cross_entropy_of_class": lambda y, p: -jnp.log(_pick(y, p)),
    "softmax_cross_entropy": lambda y, z: _logs(y, jax.nn.log_softmax(z)),
    "softmax_cross_entropy_of_class": lambda y, z: -_pick(y, jax.nn.log_softmax(z)),
    "binary_cross_entropy": lambda y, p: _logs(y, _safe_log(y, p)) + _logs(1 - y, _safe_log(1 - y, 1 - p)),
    "squared_error": lambda y, v: (v - y) ** 2,
    "sigmoid_cross_entropy": lambda y, z: jnp.where(y == 0, 0, y * jax.nn.softplus(-z)),
    "sigmoid_binary_cross_entropy": lambda y, z: jax.nn.softplus(z) - y * z,
    "scan": lax.scan,
}  # fmt: skip


def _loop(loop: Loop) -> list[str]:
    """`lax.scan` over what enters; it gives back what is kept."""

    def row(names: list[str]) -> str:
        return f"({', '.join(names)}{',' if len(names) == 1 else ''})"

    lags, now, entering = [c[0] for c in loop.carried], [c[2] for c in loop.carried], [n for _, n in loop.entering]
    lines = ["def body(carry, at):"]
    lines += [f"    {row(lags)} = carry"] if lags else []
    lines += [f"    {row(entering)} = at"] if entering else []
    lines += [f"    {line}" for line in loop.body]
    lines.append(f"    return {row(now)}, {row([n for n, _ in loop.kept])}")
    given = row([s for s, _ in loop.entering]) if entering else "None"
    starts = row([c[1] for c in loop.carried])
    lines.append(f"_, {row([s for _, s in loop.kept]) or '_'} = scan(body, {starts}, {given}, {loop.steps}, {loop.direction < 0})")
    return lines


def language(dtype: str) -> Language:
    """JAX's vocabulary in a dtype."""
    return Language(WORDS | {"one_hot": lambda numbers, count: jax.nn.one_hot(numbers, count, dtype=dtype)}, _loop)


def contestant(name: str, case: Case, plan: Plan) -> Contestant:
    """A training step in JAX: `jit(value_and_grad)` of the translated cost."""
    words = language(case.dtype)
    params = taken_apart(case.params, plan.columns, case.scale.sizes)
    text = translate(plan, case.scale.sizes, words, case.classes)
    call = jax.jit(jax.value_and_grad(text.function(words)))
    leaves = {key: jnp.asarray(value) for key, value in text.leaves(params).items()}
    data = {key: jnp.asarray(value) for key, value in case.data.items()}
    constants = {key: jnp.asarray(value, case.dtype if value.dtype.kind == "f" else None) for key, value in text.constants.items()}

    def step() -> Any:
        return jax.block_until_ready(call(leaves, data, constants))

    def result() -> tuple[float, dict[str, Any]]:
        loss, gradients = step()
        found = text.gradients({key: np.asarray(value) for key, value in gradients.items()}, params)
        return float(loss), put_together(found, plan.columns)

    return Contestant(name, step, result, text.source)
