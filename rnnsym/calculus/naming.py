"""Naming of parts: pre-activations, operands and repeated parts get equations of their own, as in textbooks.

Comes in: a System. Goes out: an equal System with more, simpler equations. A part is named so that its error is formed once: the
argument of a nonlinear function, a compound operand of a matrix product, what occurs more than once, and what a running step takes
from the whole sequence (`total(u[t])`, `h[T]`). Nothing is taken out of a conditional that could fail where it is not taken.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator

from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.system import Declaration, Definition, System
from rnnsym.algebra.tensor import Number, Quantity, T, Tensor, quantities, t

_NONLINEAR = (
    op.Elementwise, op.Softmax, op.LogSoftmax, op.LogSumExp, op.Norm, op.Raise, op.CrossEntropy, op.BinaryCrossEntropy,
    op.SquaredError, op.SoftmaxCrossEntropy, op.SigmoidCrossEntropy, op.SigmoidBinaryCrossEntropy,
)  # fmt: skip
_PRODUCTS = (op.MatrixProduct, op.Outer)
_FACTORS = (op.Times, op.Quotient, op.Dot)
_HEAVY = (*_NONLINEAR, *_PRODUCTS, op.Dot, op.SumEntries, op.MeanEntries, op.Quotient)
_MAY_FAIL = {"log", "sqrt", "mod"}  # outside their domain, so never taken out of a branch


class _Names:
    """The names given so far: which part has which quantity, and the definitions made for them.

    summed: names that stand, over a batch, for the sum of their equation over its sequences, so that they are not what it says of one
    """

    def __init__(self, system: System, summed: frozenset[str] = frozenset()):
        self.system = system
        self.taken = {d.name for d in system.declarations} | {s.name for s in system.sizes} | {"t", "T", "loss", "inf", "pi"}
        self.known: dict[Basic, Quantity] = {}
        self.twins: dict[Basic, Quantity] = {}  # the same for `summed`: one may stand for another, as a whole
        self.made: list[Declaration] = []
        for definition in system.definitions:
            if stands_for_its_equation(definition):
                found = self.twins if definition.name in summed else self.known
                found.setdefault(definition.rhs, definition.lhs)

    def give(self, part: Tensor, wanted: str, description: str, before: list[Definition]) -> Quantity:
        """The quantity that stands for a part; its definition is put into `before`, ahead of its reader."""
        if part in self.known:
            return self.known[part]
        name, count = wanted, 1
        while name in self.taken:
            count += 1
            name = f"{wanted}{count}"
        self.taken.add(name)
        timed = runs(part)
        quantity = Quantity(name, part.shape, t if timed else None)
        self.made.append(Declaration(name, "variable", part.shape, timed, description))
        before.append(Definition(quantity, part, description))
        self.known[part] = quantity
        return quantity


def runs(part: Basic) -> bool:
    """Whether the value differs from step to step."""
    if isinstance(part, Quantity):
        return part.time is not None and part.time.has(t)
    if isinstance(part, op.TimeIs):
        return part.time.has(t)
    return any(runs(a) for a in part.args) and not isinstance(part, op.Total)


def stands_for_its_equation(definition: Definition) -> bool:
    """Whether the name may be written wherever its equation's right side occurs.

    Not where a running name has a right side that does not run (`u[t] = W @ b`): that may occur in static equations, too.
    """
    if isinstance(definition.rhs, (Quantity, Number)):
        return False
    return definition.lhs.time is None or runs(definition.rhs)


def name_arguments(system: System) -> System:
    """Name what nonlinear functions and products act on, and what running steps take from the whole sequence."""
    names = _Names(system)

    def visit(node: Basic, owner: Definition, before: list[Definition], running: bool, in_arm: bool) -> Basic:
        if isinstance(node, Quantity):
            if running and node.is_absolute:
                place = {T: "last", 1: "first"}.get(node.time, "fixed")
                return names.give(node, f"{node.name}_{place}", f"{node}, seen from every step", before)
            return node
        if isinstance(node, op.Total):
            inside = op.Total(visit(node.body, owner, before, True, in_arm))
            return names.give(inside, f"{_stem(owner)}_total", "summed over time", before) if running else inside
        if not node.args or not isinstance(node, (Tensor, op.Condition)):
            return node
        arms = isinstance(node, op.Branch)
        arguments = [visit(a, owner, before, running, in_arm or (arms and i > 0)) for i, a in enumerate(node.args)]
        suffix, said = ("bar", "pre-activation") if isinstance(node, _NONLINEAR) else ("hat", "operand")
        arguments = [
            names.give(a, f"{_stem(owner)}_{suffix}", f"{said} of {_stem(owner)}", before)
            if _is_formed_once(node, a, arguments) and not (in_arm and may_fail(a))
            else a
            for a in arguments
        ]
        changed = any(a is not b for a, b in zip(arguments, node.args, strict=True))
        return node.func(*arguments) if changed else node

    return _rebuild(system, names, lambda d, before: visit(d.rhs, d, before, d.lhs.offset is not None, False))


def name_repeated(system: System, keys: Iterable[str] | None = None, summed: frozenset[str] = frozenset()) -> System:
    """Name what occurs more than once in the equations (of these keys, or all).

    summed: names that are sums over a batch (gradients of what has one value per call), which no other equation may read in place of
    their right side
    """
    chosen = None if keys is None else set(keys)
    scope = [d for d in system.every_definition if chosen is None or d.key in chosen]
    names = _Names(system, summed)
    count: Counter[Basic] = Counter()
    seen: set[Basic] = set()
    work: list[tuple[Basic, bool]] = [(d.rhs, False) for d in scope]
    while work:
        node, in_arm = work.pop()
        if isinstance(node, (Quantity, Number)) or not isinstance(node, (Tensor, op.Condition)):
            continue
        if not in_arm or not may_fail(node):
            count[node] += 1
        if node in seen:
            continue
        seen.add(node)
        inner = (node.body,) if isinstance(node, op.Total) else node.args
        work += [(a, in_arm or (isinstance(node, op.Branch) and i > 0)) for i, a in enumerate(inner)]
    repeated = {node for node, n in count.items() if n > 1 and isinstance(node, Tensor) and is_heavy(node) and not list(_bound(node))}
    if not repeated:
        return system
    done: dict[Basic, Basic] = {}

    def visit(node: Basic, owner: Definition, before: list[Definition], root: bool) -> Basic:
        if isinstance(node, (Quantity, Number)) or not isinstance(node, (Tensor, op.Condition)):
            return node
        if node in repeated and not root:
            if node not in names.known:
                inner = visit(node, owner, before, True)
                names.known[node] = names.give(inner, f"{_stem(owner)}_sub", "used more than once", before)
            return names.known[node]
        if node not in done or root:
            if isinstance(node, op.Total):
                result: Basic = op.Total(visit(node.body, owner, before, False))
            else:
                arguments = [visit(a, owner, before, False) for a in node.args]
                result = node.func(*arguments) if any(a is not b for a, b in zip(arguments, node.args, strict=True)) else node
            if root:
                return result
            done[node] = result
        return done[node]

    def rewritten(definition: Definition, before: list[Definition]) -> Basic:
        if chosen is not None and definition.key not in chosen:
            return definition.rhs
        twin = names.twins.get(definition.rhs, definition.lhs)
        if definition.name in summed and twin != definition.lhs:
            return twin
        own = names.known.get(definition.rhs)
        root = own is None or own == definition.lhs
        return visit(definition.rhs, definition, before, root)

    return _rebuild(system, names, rewritten)


def drop_unread(system: System, original: System) -> System:
    """The System without names that were given to parts and that nothing reads any more."""
    while True:
        unread = {d.name for d in system.definitions if d.name not in original.by_name and not system.readers[d.name]}
        if not unread:
            return system
        system = dataclasses.replace(
            system,
            declarations=tuple(d for d in system.declarations if d.name not in unread),
            definitions=tuple(d for d in system.definitions if d.name not in unread),
        )


def _bound(node: Basic) -> Iterator[Quantity]:
    """Quantities at a bound step that is not bound inside the node itself."""
    if isinstance(node, op.Total):
        return
    if isinstance(node, Quantity):
        if node.time is not None and not node.time.has(t) and not node.is_absolute:
            yield node
        return
    for argument in node.args:
        yield from _bound(argument)


def _rebuild(system: System, names: _Names, rewrite) -> System:
    rows: list[Definition] = []
    for definition in system.every_definition:
        before: list[Definition] = []
        rhs = rewrite(definition, before)
        rows += [*before, definition if rhs is definition.rhs else dataclasses.replace(definition, rhs=rhs)]
    if not names.made:
        return system
    return dataclasses.replace(
        system,
        declarations=system.declarations + tuple(names.made),
        definitions=tuple(d for d in rows if not d.is_boundary),
        boundaries=tuple(d for d in rows if d.is_boundary),
    )


def _stem(definition: Definition) -> str:
    """The part of a name that a definition lends to its parts."""
    return definition.name.rstrip("'")


def _deserves_name(part: Basic) -> bool:
    """Whether an argument is compound: its error would otherwise be formed more than once."""
    if isinstance(part, (Quantity, Number)) or not isinstance(part, Tensor):
        return False
    if isinstance(part, (op.Negate, op.Transposed, op.Diagonal)):
        return _deserves_name(part.args[0])
    active = [q for q in quantities(part) if q.kind in ("param", "variable")]
    return len(active) >= 2 or (bool(active) and any(isinstance(n, op.MatrixProduct) for n in walk(part)))


def _is_formed_once(node: Basic, argument: Basic, siblings: list[Basic]) -> bool:
    """Whether an argument of this node gets a name: a compound one of a nonlinear function or a product of matrices; and a matrix
    product that is a factor, because the error of the other factors needs its value."""
    if isinstance(node, (*_NONLINEAR, *_PRODUCTS)):
        return _deserves_name(argument)
    if isinstance(node, _FACTORS) and any(isinstance(n, op.MatrixProduct) for n in walk(argument)):
        return any(_is_active(other) for other in siblings if other is not argument)
    return False


def _is_active(part: Basic) -> bool:
    return isinstance(part, Tensor) and any(q.kind in ("param", "variable") for q in quantities(part))


def is_heavy(part: Basic) -> bool:
    """Whether a part costs enough, to compute or to read, to be formed once."""
    return any(isinstance(n, _HEAVY) for n in walk(part)) and any(True for _ in quantities(part))


def may_fail(part: Basic) -> bool:
    """Whether a part has values that it cannot be computed for (log of a negative number, a division by zero)."""
    return any(fails_itself(node) for node in walk(part))


def fails_itself(node: Basic) -> bool:
    """Whether the operator at the root has arguments that it cannot be computed for."""
    if isinstance(node, (op.Quotient, op.Raise, op.CrossEntropy, op.BinaryCrossEntropy)):
        return True
    return isinstance(node, op.Elementwise) and node.function in _MAY_FAIL


def walk(node: Basic) -> Iterator[Basic]:
    """The tensors and conditions of an expression, root first."""
    if isinstance(node, (Tensor, op.Condition)):
        yield node
        for argument in node.args:
            yield from walk(argument)
