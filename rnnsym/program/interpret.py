"""The reference interpreter: any System, for one sequence, by its definitions alone.

Comes in: a System (a model, its adjoint, a tangent) and arrays for its data, parameters and constants. Goes out: the value of every
quantity at every step. Time is walked in the order of the System's components; what an operator means stands in `meanings.py`,
as a table that can be exchanged. Nothing is shared with the batched code path, so that each can be tested against the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import sympy
from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import Shape, size_value
from rnnsym.algebra.system import Declaration, Definition, System
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS, Quantity, T, Tensor, t
from rnnsym.errors import UsageError
from rnnsym.program.meanings import MEANINGS, Array, Meaning, tensor_arguments


def evaluate(expression: Basic, values: Mapping[Any, Any], sizes: Mapping[str, int] | None = None) -> Array:
    """The value of one expression.

    values  array by quantity (`{h[t-1]: …, W: …}`) or by name for static quantities
    sizes   whole number by size name; what the arrays' shapes say need not be given

    >>> from rnnsym.algebra import Quantity
    >>> float(evaluate(Quantity("a") * 2, {"a": 3.0}))
    6.0
    """
    leaves = list(dict.fromkeys(q for q in sympy.preorder_traversal(expression) if isinstance(q, Quantity)))
    arrays = {q: np.asarray(values[q] if q in values else values[q.name]) for q in leaves}
    bound = bind_sizes([(str(q), q.shape, arrays[q].shape) for q in leaves], sizes)
    return _evaluate(expression, lambda quantity: arrays[quantity], bound, MEANINGS)


def _evaluate(node: Basic, leaf, sizes: Mapping[str, int], table: Mapping[type, Meaning], condition=None) -> Array:
    if isinstance(node, Quantity):
        return leaf(node)
    if isinstance(node, (op.TimeIs, op.Total)):
        if condition is None:
            raise UsageError.at("U601", f"`{node}` has no value outside a System")
        return condition(node)
    if isinstance(node, op.Branch):  # the branch not taken is computed quietly: it may be 1/0
        with np.errstate(all="ignore"):
            return table[op.Branch](node, sizes, *(_evaluate(a, leaf, sizes, table, condition) for a in node.args))
    arguments = (_evaluate(a, leaf, sizes, table, condition) for a in tensor_arguments(node))
    return table[type(node)](node, sizes, *arguments)


def bind_sizes(rows: list[tuple[str, Shape, tuple[int, ...]]], known: Mapping[str, int] | None = None) -> dict[str, int]:
    """Whole numbers for the size symbols, from (name, symbolic shape, actual shape) rows; UsageError where they contradict."""
    bound = dict(known or {})
    pending = []
    for name, shape, actual in rows:
        if len(shape) != len(actual):
            raise UsageError.at("U602", f"`{name}` has shape {actual}", expected=f"{len(shape)} axes: {shape}")
        pending += [(name, length, number) for length, number in zip(shape, actual, strict=True)]
    progress = True
    while progress:
        progress, waiting = False, []
        for name, length, number in pending:
            rest = sympy.expand(length.xreplace({s: sympy.Integer(bound[s.name]) for s in length.free_symbols if s.name in bound}) - number)
            if not rest.free_symbols:
                if rest != 0:
                    raise UsageError.at("U602", f"an axis of `{name}` has length {number}", expected=f"{length} = {number + rest}")
            elif len(rest.free_symbols) == 1:
                (symbol,) = rest.free_symbols
                bound[symbol.name] = int(sympy.solve(rest, symbol)[0])
                progress = True
                waiting.append((name, length, number))
            else:
                waiting.append((name, length, number))
        pending = waiting
    return bound


@lru_cache(maxsize=1024)
def _linear(time: sympy.Expr) -> tuple[int, int, int]:
    """(a, b, c) of a time a t + b T + c."""
    a, b = int(time.coeff(t)), int(time.coeff(T))
    return a, b, int(time - a * t - b * T)


@dataclass
class Run:
    """The values of one run. `series(name)` has shape (T, …), `static(name)` the quantity's own; `at(name, s)` any step, also outside."""

    system: System
    steps: int
    sizes: dict[str, int]
    given: dict[tuple[str, int], Array]
    started: bool = False
    table: Mapping[type, Meaning] = field(default_factory=lambda: MEANINGS)
    statics: dict[str, Array] = field(default_factory=dict)
    timed: dict[tuple[str, int], Array] = field(default_factory=dict)

    def static(self, name: str) -> Array:
        return self.statics[name]

    def series(self, name: str) -> Array:
        return np.stack([self.timed[name, s] for s in range(1, self.steps + 1)])

    def at(self, name: str, step: int) -> Array:
        """The value at a step; outside 1 … T what the caller gave, the file's boundary value, or zero."""
        if 1 <= step <= self.steps:
            return self.timed[name, step]
        if (name, step) in self.given:
            return self.given[name, step]
        return self._boundary_values.get((name, step), np.zeros(self._shape(name)))

    @property
    def cost(self) -> Array:
        """Σ_t loss[t] + loss."""
        total = sum((self.timed[STEP_LOSS, s] for s in range(1, self.steps + 1) if (STEP_LOSS, s) in self.timed), np.asarray(0.0))
        return total + self.statics.get(FINAL_LOSS, 0.0)

    # ------------------------------------------------------------ time

    def __post_init__(self) -> None:
        self._boundary_values: dict[tuple[str, int], Array] = {}

    def _shape(self, name: str) -> tuple[int, ...]:
        return tuple(size_value(s, self.sizes) for s in self.system.by_name[name].shape)

    def _step_of(self, time: sympy.Expr, step: int | None) -> int:
        runs, ends, rest = _linear(time)
        return runs * (step or 0) + ends * self.steps + rest

    def value(self, expression: Tensor, step: int | None) -> Array:
        """The value of an expression of the System at a step (None: a static expression)."""

        def leaf(quantity: Quantity) -> Array:
            return self.statics[quantity.name] if quantity.time is None else self.at(quantity.name, self._step_of(quantity.time, step))

        def over_time(node: Basic) -> Array:
            if isinstance(node, op.Total):
                first, *others = (self.value(node.body, s) for s in range(1, self.steps + 1))
                return sum(others, first)
            is_so = self._step_of(node.time, step) == self._step_of(node.mark, step)
            return np.asarray(is_so and not (node.mark == 1 and self.started))

        return _evaluate(expression, leaf, self.sizes, self.table, over_time)

    def define(self, definition: Definition, step: int | None) -> None:
        value = np.asarray(self.value(definition.rhs, step))
        shape = self._shape(definition.name)
        value = value if value.shape == shape else np.broadcast_to(value, shape).copy()
        if definition.is_boundary:
            self._boundary_values[definition.name, self._step_of(definition.lhs.time, None)] = value
        elif step is None:
            self.statics[definition.name] = value
        else:
            self.timed[definition.name, step] = value

    def compute(self) -> None:
        """Every definition at every step, in the order of the System's components."""
        for component in self.system.components:
            if component.kind == "static":
                self.define(component.definitions[0], None)
                continue
            walk = range(1, self.steps + 1)
            for step in reversed(walk) if component.direction < 0 else walk:
                for definition in component.definitions:
                    self.define(definition, step)


def interpret(
    system: System,
    arrays: Mapping[str, Any],
    *,
    steps: int | None = None,
    initial: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    started: bool = False,
    table: Mapping[type, Meaning] = MEANINGS,
) -> Run:
    """Compute a System for one sequence.

    arrays   by name: data (T, …) or static, parameters, constants; tokens and class numbers as whole numbers, -1 the zero vector
    steps    T, where no timed array says it
    initial  values outside 1 … T by key: `h[0]`, `h[-1]`, `b[T+1]`; they go before the System's own
    started  whether steps have run before (then `t == 1` is false)
    table    what the operators mean
    """
    data = [d for d in system.declarations if d.kind != "variable" and (d.name in arrays or d.start is None or d.kind != "constant")]
    missing = [d.name for d in data if d.name not in arrays]
    if missing:
        raise UsageError.at("U603", f"no array for `{missing[0]}`", expected=", ".join(d.name for d in data))
    given = {d.name: np.asarray(arrays[d.name]) for d in data}
    lengths = [given[d.name].shape[0] for d in data if d.timed]
    steps = lengths[0] if lengths else steps
    if steps is None or steps < 1 or any(n != steps for n in lengths):
        raise UsageError.at("U604", f"the timed arrays have {lengths or 'no'} steps", expected="one number of steps, at least 1")
    rows = [(d.name, d.shape, given[d.name].shape[int(d.timed) :]) for d in data if not _is_numbers(d, given[d.name])]
    bound = bind_sizes(rows, sizes)
    run = Run(system, steps, bound, {}, started, table)
    run.given.update(_outside(initial or {}, steps))
    for declaration in system.declarations:
        if declaration.kind != "variable":
            _enter(run, declaration, given.get(declaration.name))
    run.compute()
    return run


def _is_numbers(declaration: Declaration, array: Array) -> bool:
    """Whether a vector is given as class numbers."""
    return len(declaration.shape) == 1 and array.ndim == int(declaration.timed) and np.issubdtype(array.dtype, np.integer)


def _enter(run: Run, declaration: Declaration, array: Array | None) -> None:
    if array is None:
        assert declaration.start is not None and declaration.start.amount is not None
        array = np.full(run._shape(declaration.name), float(declaration.start.amount), float)
    if _is_numbers(declaration, array):
        classes = size_value(declaration.shape[0], run.sizes)
        array = (array[..., None] == np.arange(classes)).astype(float)
    if declaration.timed:
        run.timed.update({(declaration.name, s + 1): array[s] for s in range(run.steps)})
    else:
        run.statics[declaration.name] = array


def _outside(initial: Mapping[str, Any], steps: int) -> dict[tuple[str, int], Array]:
    found = {}
    for key, value in initial.items():
        name, _, rest = key.partition("[")
        place = rest.rstrip("]")
        found[name, steps + int(place[1:]) if place.startswith("T") else int(place)] = np.asarray(value)
    return found
