"""Where a hand-written gradient is compared: random parameters, data and initial values of several sequences, at small sizes.

Comes in: a System, sizes, how many steps and sequences. Goes out: arrays by the model's own names, time-major with a batch axis.
Targets of a cross-entropy are classes, one-hot, since that is what hand-written code mostly assumes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from sympy import Basic, preorder_traversal

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.system import Declaration, System
from rnnsym.algebra.tensor import Quantity
from rnnsym.errors import UsageError
from rnnsym.program.interpret import Run, interpret
from rnnsym.proof.draws import STYLES, Array, Style

_CLASSES = (op.CrossEntropy, op.SoftmaxCrossEntropy, op.SigmoidCrossEntropy)
_CHANCES = (*_CLASSES, op.BinaryCrossEntropy, op.SigmoidBinaryCrossEntropy)


@dataclass(frozen=True)
class AuditPoint:
    """One set of arrays: parameters and constants as they are, data (T, B, …) or (B, …), initial values (B, …) by key (`h[0]`)."""

    system: System
    sizes: Mapping[str, int]
    steps: int
    batch: int
    params: Mapping[str, Array]
    constants: Mapping[str, Array]
    data: Mapping[str, Array]
    initial: Mapping[str, Array] = field(default_factory=dict)

    def runs(self, system: System) -> list[Run]:
        """The forward pass of each sequence, by the reference interpreter, of this System (the model, or the model prepared)."""
        with np.errstate(all="ignore"):
            return [self._run(system, index) for index in range(self.batch)]

    def _run(self, system: System, index: int) -> Run:
        timed = {d.name for d in self.system.data if d.timed}
        data = {name: (value[:, index] if name in timed else value[index]) for name, value in self.data.items()}
        initial = {key: value[index] for key, value in self.initial.items()}
        arrays = {**self.params, **self.constants, **data}
        return interpret(system, arrays, steps=self.steps, initial=initial, sizes=self.sizes)

    @cached_property
    def cost(self) -> float:
        """The mean over the sequences of Σ_t loss[t] + loss."""
        return float(np.mean([np.real(run.cost) for run in self.runs(self.system)]))

    def only(self, index: int) -> AuditPoint:
        """The point with one of its sequences alone."""
        timed = {d.name for d in self.system.data if d.timed}
        data = {n: (v[:, index : index + 1] if n in timed else v[index : index + 1]) for n, v in self.data.items()}
        return replace(self, batch=1, data=data, initial={k: v[index : index + 1] for k, v in self.initial.items()})


def outside_keys(system: System) -> tuple[str, ...]:
    """Every value outside 1 … T that is read and may be given: `h[0]`, `h[-1]`, `b[T+1]`."""
    keys = []
    for name, (lag, lead) in system.extents.items():
        if system.by_name[name].kind != "token":
            keys += [f"{name}[{1 - k}]" for k in range(1, lag + 1)] + [f"{name}[T+{k}]" for k in range(1, lead + 1)]
    return tuple(keys)


def draw(system: System, sizes: Mapping[str, int], steps: int, batch: int, initial: tuple[str, ...], seed: int) -> AuditPoint:
    """Random arrays at which the cost is finite. Raises UsageError where none are found."""
    for number, style in enumerate(STYLES):
        rng = np.random.default_rng([seed, steps, number])
        point = AuditPoint(
            system,
            sizes,
            steps,
            batch,
            {d.name: _param(d, sizes, style, rng) for d in system.params},
            {d.name: _constant(d, sizes, rng) for d in system.constants},
            {d.name: _datum(system, d, sizes, steps, batch, style, rng) for d in system.data},
            {key: rng.uniform(-0.9, 0.9, (batch, *_lengths(system.by_name[key.partition("[")[0]], sizes))) for key in initial},
        )
        if np.isfinite(point.cost):
            return point
    raise UsageError.at("U503", f"the cost of `{system.name}` is not finite at any of the random arrays tried", file="audit")


def _lengths(declaration: Declaration, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(size_value(n, sizes) for n in declaration.shape)


def _param(declaration: Declaration, sizes: Mapping[str, int], style: Style, rng: np.random.Generator) -> Array:
    shape = _lengths(declaration, sizes)
    if style.positive_params:
        return rng.uniform(0.1, 0.9, shape)
    start = declaration.start
    fixed = float(start.amount) if start is not None and start.rule == "value" and start.amount is not None else 0.0
    return fixed + style.spread * rng.standard_normal(shape)


def _constant(declaration: Declaration, sizes: Mapping[str, int], rng: np.random.Generator) -> Array:
    start, shape = declaration.start, _lengths(declaration, sizes)
    return np.full(shape, float(start.amount)) if start is not None and start.amount is not None else rng.uniform(0.5, 1.5, shape)


def _datum(
    system: System, declaration: Declaration, sizes: Mapping[str, int], steps: int, batch: int, style: Style, rng: np.random.Generator
) -> Array:
    lead = (steps, batch) if declaration.timed else (batch,)
    shape = _lengths(declaration, sizes)
    if declaration.kind == "token":
        return rng.integers(0, shape[0], lead)
    if declaration.kind == "target" and len(shape) == 1 and _is_compared(system, declaration.name, _CLASSES):
        return np.eye(shape[0])[rng.integers(0, shape[0], lead)]
    if declaration.kind == "target" and _is_compared(system, declaration.name, _CHANCES):
        return rng.integers(0, 2, lead + shape).astype(float)
    return rng.uniform(0.1, 0.9, lead + shape) if style.positive_data else rng.standard_normal(lead + shape)


def _is_compared(system: System, name: str, losses: tuple[type[Basic], ...]) -> bool:
    """Whether a target is the first argument of one of these losses."""
    for definition in system.every_definition:
        for node in preorder_traversal(definition.rhs):
            if isinstance(node, losses) and any(q.name == name for q in node.args[0].atoms(Quantity)):
                return True
    return False
