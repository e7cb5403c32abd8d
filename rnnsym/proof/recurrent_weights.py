"""Recurrent weights: the parameters that multiply what is carried from step to step, found in the step Jacobians; and draws of them.

Comes in: the recurrences of a prepared System. Goes out: names, and arrays of a given scale: a matrix with orthonormal columns or rows
times the scale, so that it stretches every direction alike, and ±scale where a vector or a scalar multiplies entry by entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import sympy

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.system import Declaration, System
from rnnsym.algebra.tensor import Tensor, quantities
from rnnsym.backends.starts import multipliers
from rnnsym.calculus.linear_map import Entries, Left, Right, Scale
from rnnsym.calculus.naming import walk
from rnnsym.derivation.growth import Growth
from rnnsym.derivation.recurrence import Recurrence

Array = np.ndarray


def recurrent_weights(found: Iterable[Recurrence]) -> tuple[str, ...]:
    """Of each recurrence the matrices that carried values are multiplied with; where it has none, what multiplies their entries."""
    names: dict[str, None] = {}
    for recurrence in found:
        factors = [f for b in (*recurrence.parts, *recurrence.blocks) for chain in b.map.chains for f in chain.factors]
        matrices = [f.a if isinstance(f, Left) else f.b for f in factors if isinstance(f, Left | Right)]
        weights = [f.v if isinstance(f, Entries) else f.a for f in factors if isinstance(f, Entries | Scale)]
        linear = [name for tensor in matrices for name in _parameters(tensor, recurrence.system)]
        linear = linear or [name for tensor in weights for name in _parameters(tensor, recurrence.system)]
        names.update(dict.fromkeys(linear))
    return tuple(names)


def _parameters(tensor: Tensor, system: System) -> Iterator[str]:
    """The parameters that a factor is linear in: itself, or what a static equation makes of it without a function."""
    for quantity in quantities(tensor):
        if quantity.kind == "param":
            yield quantity.name
        elif quantity.kind == "variable" and quantity.time is None:
            rule = system.defined[quantity.name].rhs
            if not any(isinstance(n, op.Elementwise | op.Raise | op.Softmax | op.Norm) for n in walk(rule)):
                yield from _parameters(rule, system)


def critical_scale(growth: Growth) -> float | None:
    """The scale at which the bound of one step is 1, where that bound is a number times one ‖U‖₂; otherwise None."""
    bounds = list(growth.bounds.values())
    if len(bounds) == 1 and len(bounds[0].terms) == 1:
        ((value, sizes),) = bounds[0].terms
        if len(sizes) == 1 and sizes[0].kind in ("operator", "largest") and not sizes[0].runs and value.is_number and value > 0:
            return float(1 / value)
    return None


def drawn_parameters(system: System, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, Array]:
    """Parameters as training starts with them (see `init_params` of a generated module)."""
    multiplying = multipliers(system)
    return {d.name: _start(d, _shape(d, sizes), d.name in multiplying, rng) for d in system.params}


def scaled_weights(system: System, names: Iterable[str], scale: float, sizes: Mapping[str, int], seed: int) -> dict[str, Array]:
    """Recurrent weights of a scale; the same directions for every scale."""
    rng = np.random.default_rng(seed)
    found = {}
    for name in names:
        shape = _shape(system.by_name[name], sizes)
        found[name] = scale * (_orthonormal(shape, rng) if len(shape) == 2 else rng.choice([-1.0, 1.0], shape))
    return found


def _shape(declaration: Declaration, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(size_value(length, sizes) for length in declaration.shape)


def _start(declaration: Declaration, shape: tuple[int, ...], multiplies: bool, rng: np.random.Generator) -> Array:
    start = declaration.start
    rule = start.rule if start is not None else "glorot" if len(shape) == 2 else "value"
    amount = start.amount if start is not None and start.amount is not None else sympy.Integer(int(multiplies))
    if rule == "value":
        return np.full(shape, float(amount))
    if rule == "eye":
        return np.eye(*shape) if len(shape) == 2 else np.ones(shape)
    if rule == "orthogonal":
        return _orthonormal(shape, rng)
    if rule == "normal":
        return float(amount) * rng.standard_normal(shape)
    limit = float(amount) if rule == "uniform" else np.sqrt(6 / sum(shape)) if len(shape) == 2 else 1.0
    return rng.uniform(-limit, limit, shape)


def _orthonormal(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """A random matrix whose singular values are all 1 (QR of a normal matrix, signs fixed: Mezzadri 2007)."""
    rows, columns = shape
    q, r = np.linalg.qr(rng.standard_normal((max(shape), min(shape))))
    q = q * np.sign(np.diag(r))
    return q if rows >= columns else q.T


def spectral_norm(value: Array) -> float:
    """‖·‖₂ of a matrix; of a vector or a scalar, that of its diagonal matrix."""
    return float(np.linalg.norm(value, 2)) if value.ndim == 2 else float(np.max(np.abs(value), initial=0.0))


__all__ = ["critical_scale", "drawn_parameters", "recurrent_weights", "scaled_weights", "spectral_norm"]
