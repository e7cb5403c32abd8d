"""Derive: System → Derivation.

Comes in: a System as written. Goes out: its argument in the order of telling. The equations as written are numbered first, then the
names given to their parts, then the errors (last equation first), then the gradients.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import sympy
from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.system import Definition, System, require_system
from rnnsym.algebra.tensor import STEP_LOSS, Number, Quantity, T, Tensor, at_time, t
from rnnsym.calculus.adjoint import Adjoint, Contribution, adjoint, merged, readers_of_outside
from rnnsym.calculus.prepare import prepare_and_report
from rnnsym.derivation.derivation import INSIDE, Derivation, Entry
from rnnsym.derivation.telling import arranged
from rnnsym.errors import UsageError


def derive(system: System, wrt: Iterable[str] | None = None) -> Derivation:
    """The gradient through time of a System, with its argument: one equation for each variable's error, one for each gradient.

    wrt: names of parameters, constants, inputs, and `"initial"` for the values outside 1 … T; by default all parameters.
    Every error and gradient has the shape of what it belongs to. Raises UsageError where `system` is no System, or `wrt` names
    what it has not.

    >>> import rnnsym
    >>> derivation = derive(rnnsym.load("elman"))
    >>> print(derivation.entries[1])
    (7) d_h[t] = V.T @ d_p_bar[t] + U.T @ d_h_bar[t+1]
    >>> print(derive(rnnsym.load("elman"), wrt=["x"]).gradients[0])
    (9) d_x[t] = W.T @ d_h_bar[t]
    """
    wrt = None if wrt is None else tuple(wrt)
    _check_call(system, wrt)
    prepared, rewrites = prepare_and_report(system)
    joined = adjoint(prepared, wrt)
    numbers = _forward_numbers(system, prepared)
    errors, gradients = _entries(joined, numbers)
    _number_parts(joined, numbers)
    return Derivation(system, prepared, joined, errors, gradients, numbers, rewrites)


def _check_call(system: object, wrt: tuple[str, ...] | None) -> None:
    """Raise UsageError unless there is a System, and everything that is asked for is in it."""
    system = require_system(system)
    known = [d.name for d in system.of_kind("param", "constant", "input")] + ["initial"]
    for name in wrt or ():
        if name not in known:
            raise UsageError.at("U105", f"`{name}` has no gradient to ask for", expected=", ".join(known), file="wrt")


def _forward_numbers(system: System, prepared: System) -> dict[str, int]:
    """1 … n for the equations as written, then the parts that were named."""
    keys = [d.key for d in system.every_definition]
    keys += [d.key for d in prepared.every_definition if d.key not in set(keys)]
    return {key: index for index, key in enumerate(keys, 1)}


def _entries(joined: Adjoint, numbers: dict[str, int]) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    computed = [d for component in joined.forward.components for d in component.definitions][::-1]
    errors = [_entry(joined, d) for d in computed if d.key in joined.errors and not d.is_boundary]
    boundaries = [_boundary_entry(joined, key) for key in joined.errors if key in joined.initial]
    seen = {entry.error.name for entry in (*errors, *boundaries)}
    gradients = [_gradient_entry(joined, name) for name, error in joined.gradients.items() if error not in seen]

    def number(entry: Entry) -> int:
        return numbers.setdefault(entry.error.name, max(numbers.values(), default=0) + 1)

    told = arranged(errors, number)
    of_values_outside = arranged(boundaries, number)
    for full, flow in joined.initial.values():
        if flow is not None:
            numbers[flow] = numbers[full]
    return told, of_values_outside + arranged(gradients, number)


def _entry(joined: Adjoint, definition: Definition) -> Entry:
    lhs = definition.lhs
    name = joined.errors[definition.key]
    error = Quantity(name, lhs.shape, t if lhs.time is not None else None)
    return _told(joined, definition.name, lhs, error)


def _gradient_entry(joined: Adjoint, name: str) -> Entry:
    declared = joined.forward.by_name[name]
    error = Quantity(joined.gradients[name], declared.shape, t if declared.timed else None)
    return _told(joined, name, declared.quantity, error)


def _told(joined: Adjoint, name: str, of: Quantity, error: Quantity) -> Entry:
    """An entry, not numbered yet."""
    flows = _flows(joined)
    parts = tuple(
        dataclasses.replace(p, raw=p.raw.xreplace(flows), value=p.value.xreplace(flows))
        for p in map(_inside, joined.contributions.get(name, ()))
    )
    values = [part.value for part in parts]
    result = merged(values, of.shape)
    if error.time is None:
        return Entry(0, of, error, parts, result)
    return Entry(0, of, error, parts, result, _at_end(parts, T, of, result), _at_end(parts, sympy.Integer(1), of, result))


def _inside(part: Contribution) -> Contribution:
    """A contribution from another step counts only where that step lies in 1 … T. Errors of running readers are zero outside, and it with
    them; that of a loss is 1, and a static reader's has no step, so that a factor says it."""
    static = part.reader.lhs.offset is None or part.reader.name == STEP_LOSS
    if not static or not isinstance(part.delay, int) or part.delay == 0:
        return part
    return dataclasses.replace(part, value=op.Times(Quantity(INSIDE, (), t - part.delay), part.value))


def _flows(joined: Adjoint) -> dict[Quantity, Quantity]:
    """What flows on from a value outside 1 … T is, in mathematics, its whole error."""
    return {joined.system.quantity(flow): joined.system.quantity(full) for full, flow in joined.initial.values() if flow is not None}


def _at_end(parts: tuple[Contribution, ...], end: sympy.Expr, of: Quantity, result: Tensor) -> Tensor | None:
    """The result at the last or the first step: what would come from beyond it is zero, `t == T` and `t == 1` are decided."""
    last = end == T
    kept = [p.value for p in parts if not (isinstance(p.delay, int) and (p.delay < 0 if last else p.delay > 0))]
    decided = [_decide(value, end) for value in kept]
    if len(kept) == len(parts) and all(a == b for a, b in zip(decided, kept, strict=True)):
        return None
    return at_time(merged(decided, of.shape), end)


def _decide(node: Basic, end: sympy.Expr) -> Basic:
    """`t == T` and `t == 1` at a given end, for T > 1."""
    if isinstance(node, op.Branch) and isinstance(node.args[0], op.TimeIs) and node.args[0].time == t:
        decided = _decide(node.args[1] if node.args[0].mark == end else node.args[2], end)
        return op.Times(decided, op.Ones(*node.shape)) if node.shape and not decided.shape else decided
    if isinstance(node, (Quantity, Number)) or not isinstance(node, (Tensor, op.Condition)) or not node.args:
        return node
    return node.func(*(_decide(a, end) for a in node.args))


def _boundary_entry(joined: Adjoint, key: str) -> Entry:
    """The entry of a value outside 1 … T, not numbered yet."""
    full, _ = joined.initial[key]
    name, _, position = key.partition("[")
    declared = joined.forward.by_name[name]
    time = sympy.sympify(position.rstrip("]"), locals={"T": T})
    of = Quantity(name, declared.shape, time, declared.kind)
    parts = outside_parts(joined.contributions.get(name, ()), time)
    return Entry(0, of, joined.system.defined[full].lhs, parts, merged([part.value for part in parts], declared.shape))


def outside_parts(contributions: Iterable[Contribution], time: sympy.Expr) -> tuple[Contribution, ...]:
    """What the readers of a value at a step outside 1 … T contribute to its error."""
    reading = readers_of_outside(contributions, time)
    return tuple(dataclasses.replace(part, value=at_time(part.raw, step)) for part, step in reading)


def _number_parts(joined: Adjoint, numbers: dict[str, int]) -> None:
    """What one step passes to another, and parts named for an error, carry the number of that error."""
    for definition in joined.definitions:
        if definition.key not in numbers:
            of = joined.origin[definition.name]
            error = joined.errors.get(of) or joined.gradients.get(of)
            numbers[definition.key] = numbers[error] if error in numbers else max(numbers.values()) + 1
