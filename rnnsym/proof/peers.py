"""The automatic differentiation of PyTorch and JAX, as witnesses for any model.

Comes in: a System as written and one sequence. Goes out: its gradients by the other library. The interpreter walks the equations as it
does for NumPy; what the operators mean is a table over the other library's arrays, with its own functions wherever it has them. None of
our rules, stable forms or names of parts is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.system import Definition, System
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS, Number
from rnnsym.program.interpret import Run
from rnnsym.program.meanings import number_value
from rnnsym.proof.sequences import OneSequence

Values = Mapping[str, Any]


def gradients(peer: str, system: System, one: OneSequence, sizes: Mapping[str, int], keys: Iterable[str]) -> dict[str, np.ndarray]:
    """The gradients of the cost of one sequence: of parameters, constants, inputs, and of the values outside 1 … T that are given."""
    wanted = [key for key in keys if key in one.initial or (key in one.arrays and system.by_name[key].kind not in ("token", "target"))]
    moving = {key: one.initial[key] if key in one.initial else one.arrays[key] for key in wanted}

    def cost(values: Values) -> Any:
        return _computed(library, system, one, sizes, values)

    library = _LIBRARIES[peer]()
    return {key: np.asarray(value) for key, value in library.grad(cost, moving).items()}


# ---------------------------------------------------------------- two libraries


@dataclass(frozen=True)
class Library:
    """What differs between the libraries: functions under NumPy's names, and how a cost is differentiated."""

    of: Mapping[str, Callable[..., Any]]
    array: Callable[[Any], Any]
    grad: Callable[[Callable[[Values], Any], Mapping[str, np.ndarray]], Mapping[str, Any]]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return self.of[name]


def _torch() -> Library:
    import torch  # only when asked for: it takes seconds

    def array(value: Any) -> Any:
        return torch.as_tensor(np.asarray(value, dtype=np.float64))

    def grad(cost: Callable[[Values], Any], moving: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        values = {key: array(value).clone().requires_grad_() for key, value in moving.items()}
        total = cost(values)
        found = torch.autograd.grad(total, list(values.values()), allow_unused=True) if total.requires_grad else [None] * len(values)
        return {key: np.zeros(np.shape(moving[key])) if g is None else g.numpy() for key, g in zip(values, found, strict=True)}

    f = torch.nn.functional
    functions: dict[str, Callable[..., Any]] = {
        "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt,
        "abs": torch.abs, "sign": torch.sign, "sin": torch.sin, "cos": torch.cos, "erf": torch.erf, "silu": f.silu, "gelu": f.gelu,
        "elu": f.elu, "softplus": lambda u: torch.logaddexp(u, torch.zeros_like(u)), "max": torch.maximum, "min": torch.minimum,
        "clip": torch.clamp, "floor": torch.floor, "where": torch.where, "softmax": lambda z: torch.softmax(z, 0), "diag": torch.diag,
        "log_softmax": lambda z: torch.log_softmax(z, 0), "logsumexp": lambda z: torch.logsumexp(z, 0), "sum": torch.sum,
        "mean": torch.mean, "norm": lambda u: torch.linalg.vector_norm(u), "concatenate": torch.cat, "reshape": torch.reshape,
        "roll": lambda v, k: torch.roll(v, k, 0), "detach": lambda u: u.detach(), "broadcast_to": torch.broadcast_to,
    }  # fmt: skip
    return Library(functions, array, grad)


def _jax() -> Library:
    import jax  # only when asked for: it takes seconds
    import jax.numpy as jnp

    def array(value: Any) -> Any:
        return jnp.asarray(np.asarray(value, dtype=np.float64))

    def grad(cost: Callable[[Values], Any], moving: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        with jax.enable_x64(True):
            return {k: np.asarray(g) for k, g in jax.grad(cost)({key: array(value) for key, value in moving.items()}).items()}

    n = jax.nn
    functions: dict[str, Callable[..., Any]] = {
        "sigmoid": n.sigmoid, "tanh": jnp.tanh, "relu": n.relu, "exp": jnp.exp, "log": jnp.log, "sqrt": jnp.sqrt, "abs": jnp.abs,
        "sign": jnp.sign, "sin": jnp.sin, "cos": jnp.cos, "erf": jax.scipy.special.erf, "silu": n.silu, "elu": n.elu,
        "gelu": lambda u: n.gelu(u, approximate=False), "softplus": n.softplus, "max": jnp.maximum, "min": jnp.minimum, "clip": jnp.clip,
        "floor": jnp.floor, "where": jnp.where, "softmax": n.softmax, "log_softmax": n.log_softmax, "logsumexp": n.logsumexp,
        "sum": jnp.sum, "mean": jnp.mean, "norm": lambda u: jnp.sqrt(jnp.sum(u * u)), "concatenate": jnp.concatenate, "diag": jnp.diag,
        "reshape": jnp.reshape, "roll": jnp.roll, "detach": jax.lax.stop_gradient, "broadcast_to": jnp.broadcast_to,
    }  # fmt: skip
    return Library(functions, array, grad)


_LIBRARIES: dict[str, Callable[[], Library]] = {"torch": _torch, "jax": _jax}


# ---------------------------------------------------------------- one run


class _Run(Run):
    """A run whose values are the other library's arrays."""

    library: Library

    def define(self, definition: Definition, step: int | None) -> None:
        value = self.library.broadcast_to(self.value(definition.rhs, step), self._shape(definition.name))
        if definition.is_boundary:
            self._boundary_values[definition.name, self._step_of(definition.lhs.time, None)] = value
        elif step is None:
            self.statics[definition.name] = value
        else:
            self.timed[definition.name, step] = value

    def at(self, name: str, step: int) -> Any:
        value = super().at(name, step)
        return self.library.array(value) if isinstance(value, np.ndarray) else value


def _computed(library: Library, system: System, one: OneSequence, sizes: Mapping[str, int], values: Values) -> Any:
    """The cost; `values` go before the arrays of the sequence."""
    run = _Run(system, one.steps, dict(sizes), {}, table=_table(library))
    run.library = library
    for key, given in one.initial.items():
        name, _, place = key.rstrip("]").partition("[")
        run.given[name, one.steps + int(place[1:]) if place.startswith("T") else int(place)] = values.get(key, given)
    for d in system.declarations:
        if d.kind == "variable":
            continue
        value = values[d.name] if d.name in values else library.array(_given(d, one, sizes))
        if d.timed:
            run.timed.update({(d.name, s + 1): value[s] for s in range(one.steps)})
        else:
            run.statics[d.name] = value
    run.compute()
    total = sum((run.timed[STEP_LOSS, s] for s in range(1, one.steps + 1) if (STEP_LOSS, s) in run.timed), library.array(0.0))
    return total + run.statics.get(FINAL_LOSS, 0.0)


def _given(d: Any, one: OneSequence, sizes: Mapping[str, int]) -> np.ndarray:
    """The array of a name: class numbers as vectors, what the file fixes."""
    shape = tuple(size_value(n, sizes) for n in d.shape)
    if d.name not in one.arrays:
        return np.full(shape, float(d.start.amount))
    array = np.asarray(one.arrays[d.name])
    if d.kind == "token":
        return (array[..., None] == np.arange(shape[0])).astype(float)
    return array


def _table(xp: Library) -> Mapping[type, Callable[..., Any]]:
    """What the operators mean over the library's arrays."""

    def lengths(node: op.Tensor, sizes: Mapping[str, int]) -> tuple[int, ...]:
        return tuple(size_value(s, sizes) for s in node.shape)

    def raised(node: Basic, sizes: Mapping[str, int], u: Any, k: Any) -> Any:
        exponent = node.args[1].value if isinstance(node.args[1], Number) else None
        return u ** int(exponent) if exponent is not None and exponent.is_Integer else u**k

    def elementwise(node: op.Elementwise, sizes: Mapping[str, int], *u: Any) -> Any:
        if node.function == "mod":
            return u[0] - u[1] * xp.floor(xp.detach(u[0] / u[1]))
        return xp.of[node.function](*u)

    def times_log(y: Any, p: Any) -> Any:
        """y log p, 0 where y is 0; the other branch is kept away from there, so that no nan comes back."""
        taken = (y != 0) | (p > 0)
        return xp.where(taken, y * xp.log(xp.where(taken, p, xp.array(1.0))), xp.array(0.0))

    def branch(node: op.Branch, sizes: Mapping[str, int], condition: Any, u: Any, v: Any) -> Any:
        known = isinstance(condition, (np.ndarray, np.bool_))  # `t == T`: no array of the library's
        return xp.broadcast_to((u if condition else v) if known else xp.where(condition, u, v), lengths(node, sizes))

    compared: dict[str, Callable[[Any, Any], Any]] = {
        "<": lambda u, v: u < v, "<=": lambda u, v: u <= v, ">": lambda u, v: u > v, ">=": lambda u, v: u >= v,
    }  # fmt: skip

    def total(first: Any, *others: Any) -> Any:
        for other in others:
            first = first + other
        return first

    def product(first: Any, *others: Any) -> Any:
        for other in others:
            first = first * other
        return first

    return {
        Number: lambda node, sizes: xp.array(number_value(node.value, sizes)),
        op.Zeros: lambda node, sizes: xp.array(np.zeros(lengths(node, sizes))),
        op.Ones: lambda node, sizes: xp.array(np.ones(lengths(node, sizes))),
        op.Identity: lambda node, sizes: xp.array(np.eye(lengths(node, sizes)[0])),
        op.Plus: lambda node, sizes, *u: total(*u), op.Times: lambda node, sizes, *u: product(*u),
        op.Negate: lambda node, sizes, u: -u, op.Quotient: lambda node, sizes, u, v: u / v, op.Raise: raised,
        op.Complement: lambda node, sizes, s, u: 1 - s, op.Elementwise: elementwise,
        op.MatrixProduct: lambda node, sizes, a, b: a @ b, op.Transposed: lambda node, sizes, m: m.T,
        op.Outer: lambda node, sizes, a, b: a[:, None] * b[None, :], op.Dot: lambda node, sizes, a, b: xp.sum(a * b),
        op.Diagonal: lambda node, sizes, v: xp.diag(v), op.SumEntries: lambda node, sizes, u: xp.sum(u),
        op.MeanEntries: lambda node, sizes, u: xp.mean(u), op.Norm: lambda node, sizes, u: xp.norm(u),
        op.Concat: lambda node, sizes, *parts: xp.concatenate([p if p.ndim else xp.reshape(p, (1,)) for p in parts]),
        op.Slice: lambda node, sizes, v: v[size_value(node.args[1], sizes) : size_value(node.args[2], sizes)],
        op.Roll: lambda node, sizes, v: xp.roll(v, int(node.args[1])),
        op.Softmax: lambda node, sizes, z: xp.softmax(z), op.LogSoftmax: lambda node, sizes, z: xp.log_softmax(z),
        op.LogSumExp: lambda node, sizes, z: xp.logsumexp(z), op.StopGradient: lambda node, sizes, u: xp.detach(u),
        op.CrossEntropy: lambda node, sizes, y, p: -xp.sum(times_log(y, p)),
        op.BinaryCrossEntropy: lambda node, sizes, y, p: -xp.sum(times_log(y, p) + times_log(1 - y, 1 - p)),
        op.SquaredError: lambda node, sizes, y, v: xp.sum((v - y) ** 2),
        op.Compare: lambda node, sizes, u, v: compared[node.comparison](u, v),
        op.Branch: branch,
    }  # fmt: skip


__all__ = ["gradients"]
