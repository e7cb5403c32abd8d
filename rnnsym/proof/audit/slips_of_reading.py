"""Slips in what an equation reads: another step, the value before or after the activation, a neighbour, another function's derivative."""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import same_shape
from rnnsym.algebra.system import Definition
from rnnsym.algebra.tensor import Number, Quantity, T, Tensor, t
from rnnsym.calculus.elementwise import partials
from rnnsym.proof.audit.sheet import Change, Edit
from rnnsym.proof.audit.slips import Path, Rows, Slip, places
from rnnsym.proof.audit.slips_of_terms import activation_before

DERIVATIVES = ("sigmoid", "tanh", "relu")


def leaves(rows: Rows) -> Iterator[tuple[str, Path, Quantity]]:
    """Every quantity that a row reads, with its place."""
    for row, value in rows:
        for path, node in places(value):
            if isinstance(node, Quantity):
                yield row, path, node


def lags(rows: Rows) -> Iterator[Slip]:
    """One step too early or too late."""
    for row, path, leaf in leaves(rows):
        if leaf.time is None:
            continue
        for by in (1, -1):
            yield rows.put("lag off by one", 2, row, path, leaf, leaf.at(leaf.time + by))
        if leaf.offset:
            yield rows.put("other direction of time", 3, row, path, leaf, leaf.at(t - leaf.offset))


def ends_of_lags(rows: Rows) -> Iterator[Slip]:
    """The value before the first step: the last one (index -1 of an array), or zero where there is one; time read in reverse."""
    for row, path, leaf in leaves(rows):
        if leaf.offset is None or leaf.name in rows.own:
            continue
        if leaf.offset < 0:
            yield from _before_the_first(rows, row, path, leaf)
        if leaf.offset == 0:
            yield rows.slip(
                "time reversed", 5, row, path, leaf, lambda u: u.at(T + 1 - t), "the steps of {part} in {row} are read in reverse"
            )


def _before_the_first(rows: Rows, row: str, path: Path, leaf: Quantity) -> Iterator[Slip]:
    name, parts, lag = rows.tell.name(row), ((row, rows.tell.part(row, leaf)),), leaf.offset or 0
    start, end = leaf.at(sympy.Integer(1 + lag)), leaf.at(T + 1 + lag)
    at_first = op.TimeIs(t, sympy.Integer(1))
    words = f"at the first step `{end}` (index {lag} of an array) stands in place of `{start}` in `{name}`"
    yield Slip("wraps around", words, 3, row, parts, (Edit(row, path, _branch(at_first, end)),))
    words = f"the initial value `{start}` is taken as zero in `{name}`"
    yield Slip("initial state ignored", words, 3, row, parts, (Edit(row, path, _branch(at_first, op.zeros(leaf.shape))),))


def _branch(condition: op.Condition, instead: Tensor) -> Change:
    return lambda u: op.Branch(condition, instead, u)


def activations(rows: Rows) -> Iterator[Slip]:
    """The value before the activation for the value after it, the activation applied once more, or not at all."""
    defined = rows.sheet.derivation.prepared.defined
    for row, value in rows:
        for path, node in places(value):
            if isinstance(node, op.Elementwise) and len(node.arguments) == 1:
                yield rows.put("pre- for post-activation", 2, row, path, node, node.arguments[0])
            if not isinstance(node, Quantity) or node.offset is None or node.name not in defined:
                continue
            rule = defined[node.name].rhs
            if _is_activation(rule):
                before = rule.args[-1].xreplace({t: node.time})
                yield rows.put("pre- for post-activation", 2, row, path, node, before)
                yield rows.put("activation applied twice", 2, row, path, node, rule.func(*rule.args[:-1], node))
            for reader, _ in rows.sheet.derivation.prepared.readers[node.name]:
                if _is_activation(reader.rhs) and reader.rhs.args[-1] == node.at(t):
                    yield rows.put("post- for pre-activation", 3, row, path, node, reader.lhs.at(node.time))


def complements(rows: Rows) -> Iterator[Slip]:
    """A gate for what it leaves, 1 - gate, and the other way round."""
    for row, value in rows:
        for path, node in places(value):
            rest = _rest(node)
            if rest is not None:
                yield rows.put("gate for its complement", 2, row, path, node, rest)
            elif isinstance(node, Quantity) and _is_gate(rows, node):
                yield rows.put("gate for its complement", 2, row, path, node, op.Plus(op.Ones(*node.shape), op.Negate(node)))
            if isinstance(node, op.Plus) and len(node.args) == 2 and op.is_one(node.args[0]) and isinstance(node.args[1], op.Negate):
                inner = node.args[1].args[0]
                if isinstance(inner, op.Raise):  # 1 - u**2: the power around the difference
                    base, power = inner.args
                    yield rows.put("power misplaced", 3, row, path, node, op.Raise(op.Plus(node.args[0], op.Negate(base)), power))


def _rest(node: Tensor) -> Tensor | None:
    """q for 1 - q."""
    if isinstance(node, op.Plus) and len(node.args) == 2 and op.is_one(node.args[0]) and isinstance(node.args[1], op.Negate):
        inner = node.args[1].args[0]
        return inner if isinstance(inner, Quantity) else None
    return None


def _is_gate(rows: Rows, leaf: Quantity) -> bool:
    defined = rows.sheet.derivation.prepared.defined.get(leaf.name)
    return defined is not None and leaf.offset is not None and isinstance(defined.rhs, op.Elementwise) and defined.rhs.function == "sigmoid"


def _is_activation(rule: Tensor) -> bool:
    single = isinstance(rule, op.Elementwise) and len(rule.arguments) == 1
    return (single or isinstance(rule, op.Softmax)) and isinstance(rule.args[-1], Quantity)


def derivatives(rows: Rows) -> Iterator[Slip]:
    """The derivative of another function, or one more derivative than there should be."""
    for row, value in rows:
        function, key = activation_before(rows, row), rows.origin.get(row, "")
        if function and isinstance(value, op.Times):
            yield from _other_derivatives(rows, row, value, function)
        definition = rows.sheet.derivation.prepared.defined.get(key)
        if definition is not None and not definition.is_boundary:
            for name, after in _undone(rows, definition).items():
                slope = _slope(name, after)
                words = f"{{row}} is multiplied by one more derivative of {'softmax or ' if name == 'sigmoid' else ''}{name}, `{slope}`"
                yield rows.slip("derivative applied twice", 3, row, (), value, _times(slope), words)


def _other_derivatives(rows: Rows, row: str, value: op.Times, function: str) -> Iterator[Slip]:
    after = next(d for d, _ in rows.sheet.derivation.prepared.readers[rows.origin[row]]).lhs
    errors = [f for f in value.args if rows.has_error(f)]
    for other in DERIVATIVES:
        if other != function:
            slope = _slope(other, after)
            words = f"the derivative of {other}, `{slope}`, stands in {{row}} where that of {function} belongs"
            yield rows.slip("another function's derivative", 2, row, (), value, _always(op.Times(*errors, slope)), words)


def _always(new: Tensor) -> Change:
    return lambda _: new


def _times(factor: Tensor) -> Change:
    return lambda u: op.Times(u, factor)


def _undone(rows: Rows, definition: Definition) -> dict[str, Quantity]:
    """The functions whose derivative may have been applied once too often to the error of a variable, with their values."""
    readers = [reader for reader, _ in rows.sheet.derivation.prepared.readers.get(definition.name, ())]
    found: dict[str, Quantity] = {}
    for near in (definition, *readers):
        if _is_activation(near.rhs):
            found.setdefault("sigmoid" if isinstance(near.rhs, op.Softmax) else near.rhs.function, near.lhs)
    return {name: after for name, after in found.items() if name in DERIVATIVES}


def _slope(function: str, after: Quantity) -> Tensor:
    """φ' in terms of φ's own value."""
    if function == "relu":
        return op.Branch(op.Compare(">", after, Number(0)), op.Ones(*after.shape), op.zeros(after.shape))
    argument = Quantity("_argument", after.shape, t)
    (slope,) = partials(op.Elementwise(function, argument))
    return slope.xreplace({op.Elementwise(function, argument): after})


def neighbours(rows: Rows) -> Iterator[Slip]:
    """Another quantity of the same kind and shape: another gate, another error, another matrix."""
    prepared = rows.sheet.derivation.prepared
    written = [d for d in rows.sheet.derivation.model.declarations if d.timed and d.kind in ("variable", "input")]
    errors = [Quantity(name, rows.sheet.shapes[name], t) for name in rows.origin if name in rows.sheet.timed]
    for row, path, leaf in leaves(rows):
        if leaf.name in rows.own:
            others = [e.at(leaf.time) for e in errors if leaf.time is not None]
        elif leaf.kind == "param":
            others = [d.quantity for d in prepared.params]
        elif leaf.time is not None and leaf.kind in ("variable", "input"):
            others = [d.quantity.at(leaf.time) for d in written]
        else:
            continue
        for other in others:
            if other.name != leaf.name and same_shape(other.shape, leaf.shape):
                yield rows.put("wrong neighbour", 4, row, path, leaf, other)


def neighbours_throughout(rows: Rows) -> Iterator[Slip]:
    """Another quantity wherever one stands in an equation: the derivative of another gate, `r[t] * (1 - r[t])` for `z[t] * (1 - z[t])`."""
    written = [d for d in rows.sheet.derivation.model.declarations if d.timed and d.kind in ("variable", "input")]
    found: dict[tuple[str, Quantity], list[Path]] = {}
    for row, path, leaf in leaves(rows):
        if leaf.name not in rows.own and leaf.time is not None and leaf.kind in ("variable", "input"):
            found.setdefault((row, leaf), []).append(path)
    for (row, leaf), paths in found.items():
        for other in (d.quantity.at(leaf.time) for d in written if len(paths) > 1):
            if other.name != leaf.name and same_shape(other.shape, leaf.shape):
                here, there = rows.tell.part(row, leaf), rows.tell.part(row, other)
                sentence = f"`{there}` stands in place of `{here}` throughout `{rows.tell.name(row)}`"
                edits = tuple(Edit(row, path, _always(other)) for path in paths)
                yield Slip("wrong neighbour", sentence, 4, row, ((row, here),) * len(paths), edits)


def exchanged_errors(rows: Rows) -> Iterator[Slip]:
    """Two errors exchanged, in all gradients or everywhere: gates in another order than the weights."""
    read = [(row, path, leaf) for row, path, leaf in leaves(rows) if leaf.name in rows.origin and leaf.time is not None]
    final = [name for name in rows.origin if any(leaf.name == name and row in rows.gradient_of for row, _, leaf in read)]
    for index, first in enumerate(final):
        for second in final[index + 1 :]:
            if not same_shape(rows.sheet.shapes[first], rows.sheet.shapes[second]):
                continue
            pair = f"`{first}[t]` and `{second}[t]`"
            for words, everywhere, rank in (("in all gradients of parameters", False, 2), ("wherever they are read", True, 3)):
                edits = tuple(
                    Edit(row, path, _other(first, second))
                    for row, path, leaf in read
                    if leaf.name in (first, second) and (everywhere or row in rows.gradient_of)
                )
                yield Slip("gates exchanged", f"{pair} are exchanged {words}", rank, "", (), edits)


def _other(first: str, second: str) -> Change:
    return lambda u: Quantity(second if u.name == first else first, u.shape, u.time, u.kind)


def starts(rows: Rows) -> Iterator[Slip]:
    """The gradient of an initial value: the error of the first step itself, not what it passes back."""
    for row in rows.gradient_of:
        of = rows.gradient_of[row]
        name, bracket, place = of.partition("[")
        error = rows.sheet.derivation.adjoint.errors.get(name)
        if bracket and error and error in rows.sheet.timed:
            first = T if place.startswith("T") else sympy.Integer(1)
            yield rows.put("initial state", 1, row, (), rows.sheet.rows[row], Quantity(error, rows.sheet.shapes[error], first))


FAMILIES = (lags, ends_of_lags, activations, complements, derivatives, neighbours, neighbours_throughout, exchanged_errors, starts)
