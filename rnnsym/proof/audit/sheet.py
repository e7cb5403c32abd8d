"""The sheet of a gradient: the adjoint equations as rows that can be altered one by one, and only what follows computed again.

Comes in: a Derivation and the forward runs of some sequences. Goes out: the gradients of the rows as they are, or with edits. A value is
computed when it is asked for, so an edited row may read what the schedule of the System did not foresee; a row that then needs itself
raises `Undefined`. The meanings of the operators are those of the reference interpreter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.graph import closure
from rnnsym.algebra.sizes import same_shape, size_value
from rnnsym.algebra.tensor import BOUND, Number, Quantity, T, Tensor, quantities, t
from rnnsym.derivation import Derivation
from rnnsym.errors import ModelError
from rnnsym.program.interpret import Run
from rnnsym.program.meanings import MEANINGS, Array, tensor_arguments

Change = Callable[[Tensor], "Tensor | None"]
Formula = Callable[["_Look", "int | None"], Array]


class Undefined(Exception):
    """An edited row has no value: shapes do not fit, or it needs itself."""


@dataclass(frozen=True)
class Edit:
    """What is done to one place of one row: `path` leads from the row's right side to a part, `change` gives the part that takes its
    place, or None where it is dropped from its sum or product."""

    row: str
    path: tuple[int, ...]
    change: Change


def children(node: Basic) -> tuple[Basic, ...]:
    """The parts of a node that a path counts; a sum over time has its summand, at the generic step."""
    return (node.body,) if isinstance(node, op.Total) else node.args


def edited(node: Basic, edits: Sequence[tuple[tuple[int, ...], Change]]) -> Any:
    """The node with its edits made, inner ones first. Raises Undefined where a part cannot be dropped, ModelError where shapes break."""
    deeper: dict[int, list[tuple[tuple[int, ...], Change]]] = {}
    for path, change in edits:
        if path:
            deeper.setdefault(path[0], []).append((path[1:], change))
    if deeper:
        parts = [edited(child, deeper[i]) if i in deeper else child for i, child in enumerate(children(node))]
        node = _rebuilt(node, parts)
    for path, change in edits:
        if not path and node is not None:
            node = change(node)
    return node


def _rebuilt(node: Basic, parts: list[Any]) -> Basic:
    kept = [part for part in parts if part is not None]
    if isinstance(node, op.Total):
        return op.Total(*kept)
    if len(kept) == len(parts):
        return node.func(*kept)
    if isinstance(node, op.Plus):
        return spread(op.Plus(*kept), node) if kept else op.zeros(node.shape)
    if isinstance(node, op.Times):
        return spread(op.Times(*kept), node) if kept else op.Ones(*node.shape)
    raise Undefined


def spread(value: Tensor, like: Tensor) -> Tensor:
    """A scalar spread over the shape of what it stands for."""
    return op.Times(value, op.Ones(*like.shape)) if like.shape and not value.shape else value


class Sheet:
    """The rows of a Derivation, and their values for some sequences.

    rows      right side by name: errors, what one step passes to another, gradients; parts that were named for more than one row are
              written out, so that each row can be edited alone
    messages  row that passes an error to another step → (the error's row, by how many steps it is read later)
    """

    def __init__(self, derivation: Derivation, runs: Sequence[Run]):
        self.derivation, self.runs = derivation, runs
        joined = derivation.adjoint
        self.shapes = {d.name: d.lhs.shape for d in joined.definitions}
        self.timed = {d.name for d in joined.definitions if d.lhs.time is not None}
        self.messages = _messages(derivation)
        outside = {name for pair in joined.initial.values() for name in pair if name}
        kept = {*joined.errors.values(), *joined.gradients.values(), *self.messages, *outside}
        self.rows = _written_out(derivation, kept)
        sizes = runs[0].sizes
        self.lengths = {name: tuple(size_value(n, sizes) for n in shape) for name, shape in self.shapes.items()}
        self._compiled: dict[Basic, Formula] = {}

    @property
    def steps(self) -> int:
        return self.runs[0].steps

    @cached_property
    def gradients(self) -> dict[str, str]:
        """Row by what it is the gradient of: parameter, constant, input, `h[0]`."""
        return dict(self.derivation.adjoint.gradients)

    @cached_property
    def readers(self) -> dict[str, set[str]]:
        """The rows that read each row."""
        found: dict[str, set[str]] = {name: set() for name in self.rows}
        for name, value in self.rows.items():
            for quantity in quantities(value):
                if quantity.name in self.rows:
                    found[quantity.name].add(name)
        return found

    def following(self, names: Iterable[str]) -> set[str]:
        """These rows and all that depend on them."""
        return closure(names, self.readers)

    @cached_property
    def exact(self) -> dict[str, list[Array]]:
        """Every gradient, sequence by sequence."""
        return {of: [self._gradient(look, row) for look in self._base] for of, row in self.gradients.items()}

    @cached_property
    def _base(self) -> list[_Look]:
        looks = [_Look(self, run, self.rows, {}, set(self.rows)) for run in self.runs]
        order = [d.name for c in self.derivation.adjoint.system.components for d in c.definitions if d.name in self.rows]
        with np.errstate(all="ignore"):
            for look in looks:
                for step in range(self.steps, 0, -1):  # from the last, so that a value finds what it reads at hand
                    for name in order:
                        look.get(name, step if name in self.timed else None)
        return looks

    def apply(self, edits: Sequence[Edit]) -> dict[str, Tensor]:
        """The right sides that differ after the edits. Raises Undefined where they make no sense."""
        by_row: dict[str, list[tuple[tuple[int, ...], Change]]] = {}
        for edit in edits:
            by_row.setdefault(edit.row, []).append((edit.path, edit.change))
        changed = {}
        for name, parts in by_row.items():
            try:
                value = edited(self.rows[name], parts)
            except (ModelError, TypeError, ValueError, IndexError, AttributeError):
                raise Undefined from None
            value = op.zeros(self.shapes[name]) if value is None else value
            if value.shape and not same_shape(value.shape, self.shapes[name]):
                raise Undefined
            changed[name] = value
        return changed

    def gradients_with(self, changed: Mapping[str, Tensor], wanted: Iterable[str]) -> Callable[[str], list[Array]]:
        """A function from what a gradient is of to its value, sequence by sequence, with these right sides in place of the sheet's own."""
        touched = self.following(changed)
        rows = {**self.rows, **changed}
        looks = [_Look(self, run, rows, base.memo, touched) for run, base in zip(self.runs, self._base, strict=True)]

        def value(of: str) -> list[Array]:
            row = self.gradients[of]
            if row not in touched:
                return self.exact[of]
            with np.errstate(all="ignore"):
                return [self._gradient(look, row) for look in looks]

        return value

    def _gradient(self, look: _Look, row: str) -> Array:
        if row in self.timed:
            return np.stack([look.get(row, s) for s in range(1, self.steps + 1)])
        return look.get(row, None)

    # ------------------------------------------------------------ formulas

    def formula(self, node: Basic) -> Formula:
        """The node as a function of where values are looked up and of the running step."""
        found = self._compiled.get(node)
        if found is None:
            found = self._compiled[node] = self._compile(node)
        return found

    def _compile(self, node: Basic) -> Formula:
        if isinstance(node, Quantity):
            return _leaf(node, self.steps)
        if isinstance(node, op.TimeIs):
            time, mark = _time(node.time, self.steps), _time(node.mark, self.steps)
            return lambda look, step: np.asarray(time(step) == mark(step))
        if isinstance(node, op.Total):
            body, steps = self.formula(node.body), range(1, self.steps + 1)
            return lambda look, step: np.asarray(sum(body(look, s) for s in steps))
        rule, sizes = MEANINGS[type(node)], self.runs[0].sizes
        parts = [self.formula(a) for a in tensor_arguments(node)]
        if not parts:
            constant = rule(node, sizes)
            return lambda look, step: constant
        return lambda look, step: rule(node, sizes, *[part(look, step) for part in parts])


class _Look:
    """Where one sequence's values are looked up: rows that an edit touches are computed anew, all others are taken from before."""

    def __init__(self, sheet: Sheet, run: Run, rows: Mapping[str, Tensor], before: dict[Any, Array], touched: set[str]):
        self.sheet, self.run, self.rows, self.before, self.touched = sheet, run, rows, before, touched
        self.memo: dict[Any, Any] = {}

    def get(self, name: str, step: int | None) -> Array:
        key = (name, step)
        found = self.memo.get(key)
        if found is None:
            self.memo[key] = _UNDER_WAY
            found = self.memo[key] = self._value(name, step, key)
        elif found is _UNDER_WAY:
            raise Undefined
        return found

    def _value(self, name: str, step: int | None, key: Any) -> Array:
        if name not in self.rows:
            return self._forward(name, step)
        if name not in self.touched:
            known = self.before.get(key)
            if known is not None:
                return known
        shape = self.sheet.lengths[name]
        if step is not None and not 1 <= step <= self.run.steps:
            return np.zeros(shape)
        value = self.sheet.formula(self.rows[name])(self, step)
        return value if np.shape(value) == shape else np.broadcast_to(value, shape)

    def _forward(self, name: str, step: int | None) -> Array:
        if name in self.run.system.by_name:
            return self.run.static(name) if step is None else self.run.at(name, step)
        return np.asarray(1.0)  # dC/dloss of one sequence


_UNDER_WAY: Any = object()


def _leaf(node: Quantity, steps: int) -> Formula:
    name = node.name
    if node.time is None:
        return lambda look, step: look.get(name, None)
    time = _time(node.time, steps)
    return lambda look, step: look.get(name, time(step))


def _time(time: Any, steps: int) -> Callable[[int | None], int]:
    """A time as a function of the running step: t + k, T + k, a number, or T + 1 - t."""
    fixed = int(time.xreplace({t: 0, BOUND: 0, T: steps}))
    slope = int(time.xreplace({t: 1, BOUND: 1, T: steps})) - fixed
    return lambda step: slope * (step or 0) + fixed


def _messages(derivation: Derivation) -> dict[str, tuple[str, int]]:
    """Rows that hold what one step passes to another: read at another step than their own, and neither an error nor a gradient."""
    joined = derivation.adjoint
    known = {*joined.errors.values(), *joined.gradients.values(), *(n for pair in joined.initial.values() for n in pair if n)}
    own = {d.name for d in joined.definitions} - known
    found: dict[str, tuple[str, int]] = {}
    for definition in joined.definitions:
        for quantity in quantities(definition.rhs):
            if quantity.name in own and quantity.offset not in (0, None):
                found[quantity.name] = (definition.name, int(quantity.offset or 0))
    for definition in joined.definitions:
        for quantity in quantities(definition.rhs):
            if quantity.name in own and quantity.is_absolute:
                found.setdefault(quantity.name, (definition.name, 0))
    return found


def _written_out(derivation: Derivation, kept: set[str]) -> dict[str, Tensor]:
    """The adjoint equations of the kept names, with all other adjoint names replaced by their equations."""
    joined = derivation.adjoint
    known = {d.name: d.rhs for d in joined.definitions}
    running = {*joined.errors.values(), *(n for pair in joined.initial.values() for n in pair if n)} | set(_messages(derivation))
    done: dict[str, Tensor] = {}

    def written(name: str) -> Tensor:
        if name not in done:
            done[name] = inside(known[name])
        return done[name]

    def inside(node: Basic) -> Any:
        if isinstance(node, Quantity):
            return node if node.name not in known or node.name in running else written(node.name)
        if isinstance(node, op.Total):
            return op.Total(inside(node.body))
        if isinstance(node, op.Complement):  # as it reads, so that what it reads can be altered
            return op.Plus(Number(1), op.Negate(inside(node.args[0])))
        if not node.args or not isinstance(node, (Tensor, op.Condition)):
            return node
        parts = [inside(a) for a in node.args]
        return node if all(a is b for a, b in zip(parts, node.args, strict=True)) else node.func(*parts)

    return {name: written(name) for name in known if name in kept}
