"""What a training step computes in a loop over time and what at once: the plan that a careful person would follow by hand.

Comes in: a System. Goes out: a `Plan`: an equal System in which whatever does not depend on a recurrence stands outside it, and the
products that read one operand at one time, in groups. From it the limit counts products, and the peers in PyTorch and JAX are written.
It shares nothing with `rnnsym.program`, which it is there to be compared with.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.graph import Component, closure, per_sequence, reads
from rnnsym.algebra.system import Declaration, Definition, System
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS, Quantity, Tensor, quantities
from rnnsym.bench.columns import Columns, separated
from rnnsym.calculus.prepare import prepare


@dataclass(frozen=True)
class Group:
    """Products `M_1 @ u, M_2 @ u, …` of one operand at one time, which are one product of the stacked matrices.

    place  the component of the plan's System in which they stand: -1 for all that stands outside every recurrence
    """

    place: int
    operand: Tensor
    matrices: tuple[Tensor, ...]


@dataclass(frozen=True)
class Plan:
    """The hoisted System; what the cost needs of it, in order of computation; its products in groups.

    columns  parameters that are held as blocks of their columns
    """

    system: System
    columns: tuple[Columns, ...] = ()

    @cached_property
    def needed(self) -> frozenset[str]:
        """Names that the cost depends on, and the costs; of a model without a cost all."""
        read: dict[str, list[str]] = {d.name: [] for d in self.system.declarations}
        for definition in self.system.every_definition:
            read[definition.name] += [r.name for r in reads(definition.rhs)]
        return frozenset(closure({STEP_LOSS, FINAL_LOSS} & set(read) or set(read), read))

    @cached_property
    def components(self) -> tuple[Component, ...]:
        """The components that the cost needs, without the equations that it does not need."""
        found = []
        for component in self.system.components:
            rows = tuple(d for d in component.definitions if d.name in self.needed)
            if rows:
                found.append(dataclasses.replace(component, definitions=rows))
        return tuple(found)

    @cached_property
    def batched(self) -> frozenset[str]:
        """Names with a value per sequence; all others have one per call."""
        return per_sequence(self.system)

    @cached_property
    def trained(self) -> frozenset[str]:
        """Names that depend on a parameter."""
        readers = {name: [d.name for d, _ in rows] for name, rows in self.system.readers.items()}
        return frozenset(closure({p.name for p in self.system.params}, readers))

    def is_batched(self, node: Basic) -> bool:
        """Whether an expression has a value per sequence (or per step)."""
        return node.has(op.Total, op.TimeIs) or any(q.name in self.batched or q.time is not None for q in quantities(node))

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """All products of a matrix that has one value per call with a vector per sequence, grouped by operand."""
        found: dict[tuple[int, Tensor], dict[Tensor, None]] = {}
        for place, node in self.products:
            matrix, operand = node.args
            if operand.rank == 1 and not self.is_batched(matrix) and self.is_batched(operand):
                found.setdefault((place, operand), {})[matrix] = None
        return tuple(Group(place, operand, tuple(matrices)) for (place, operand), matrices in found.items())

    @cached_property
    def other_products(self) -> tuple[tuple[int, op.MatrixProduct], ...]:
        """Products in no group, with their places: of a matrix per sequence, or of a matrix per call with one."""
        grouped = {(g.place, g.operand, m) for g in self.groups for m in g.matrices}
        rest = ((place, node) for place, node in self.products if (place, node.args[1], node.args[0]) not in grouped)
        return tuple(dict.fromkeys(rest))

    @cached_property
    def products(self) -> tuple[tuple[int, op.MatrixProduct], ...]:
        """Every product that is computed as one, with the component in which it stands."""
        found = []
        for place, component in enumerate(self.components):
            where = place if component.kind == "scan" else -1
            for definition in component.definitions:
                found += [
                    (where, node) for node in subexpressions(definition.rhs) if isinstance(node, op.MatrixProduct) and is_product(node)
                ]
        return tuple(found)


def is_product(node: op.MatrixProduct) -> bool:
    """Whether it is multiplied out: diagonals scale, outer products are taken apart, a token selects a column, ones sum."""
    a, b = node.args
    if isinstance(a, (op.Diagonal, op.Outer)) or isinstance(b, (op.Diagonal, op.Outer, op.Ones)):
        return False
    return not (isinstance(b, Quantity) and b.kind == "token")


def subexpressions(node: Basic) -> Iterator[Basic]:
    """The node and everything in it, summands of sums over time at the generic step."""
    yield node
    for part in parts(node):
        yield from subexpressions(part)


def parts(node: Basic) -> tuple[Basic, ...]:
    """The tensors and conditions that an expression is made of."""
    arguments = (node.body,) if isinstance(node, op.Total) else node.args
    return tuple(a for a in arguments if isinstance(a, (Tensor, op.Condition)))


def plan(system: System) -> Plan:
    """The plan of a model as it is written."""
    apart, columns = separated(prepare(system))
    return Plan(hoisted(apart), columns)


# ---------------------------------------------------------------- what need not wait for the recurrence


def hoisted(system: System) -> System:
    """An equal System in which every part of a recurrence that does not depend on it has a name, and so is computed outside it."""
    hoisting = _Hoisting(system)
    new = {d.key: d for component in system.components if component.kind == "scan" for d in hoisting.component(component)}
    definitions = [new.get(d.key, d) for d in system.definitions]
    return dataclasses.replace(
        system, declarations=(*system.declarations, *hoisting.declared), definitions=(*hoisting.definitions, *definitions)
    )


class _Hoisting:
    """The names given so far to what stands outside the recurrences."""

    def __init__(self, system: System):
        self.system = system
        self.declared: list[Declaration] = []
        self.definitions: list[Definition] = []
        self.known: dict[Tensor, Quantity] = {}

    def component(self, component: Component) -> list[Definition]:
        members = {d.name for d in component.definitions}
        return [dataclasses.replace(d, rhs=self._lift(d.rhs, members, d.name)) for d in component.definitions]

    def _lift(self, node: Basic, members: set[str], name: str) -> Basic:
        if not isinstance(node, (Tensor, op.Condition)) or _is_at_hand(node):
            return node
        if isinstance(node, Tensor) and not any(q.name in members for q in quantities(node)):
            return self._named(node, name)
        if isinstance(node, (op.Plus, op.Times)):
            free = [a for a in node.args if not any(q.name in members for q in quantities(a))]
            bound = [self._lift(a, members, name) for a in node.args if a not in free]
            together = self._lift(type(node)(*free), members, name) if free else None
            return type(node)(*([together] if together is not None else []), *bound)
        arguments = [self._lift(a, members, name) for a in node.args]
        return node.func(*arguments)

    def _named(self, node: Tensor, name: str) -> Quantity:
        if node not in self.known:
            timed = node.has(op.TimeIs) or any(q.offset is not None for q in quantities(node))
            declaration = Declaration(self._fresh(f"{name}_in"), "variable", node.shape, timed)
            self.declared.append(declaration)
            self.definitions.append(Definition(declaration.quantity, node))
            self.known[node] = declaration.quantity
        return self.known[node]

    def _fresh(self, wanted: str) -> str:
        taken = {d.name for d in self.declared}
        base, count = wanted, 1
        while wanted in taken or wanted != self.system.fresh(wanted):
            count += 1
            wanted = f"{base}{count}"
        return wanted


def _is_at_hand(node: Basic) -> bool:
    """Whether nothing is gained by naming it: a quantity, a parameter's transpose, a number."""
    if isinstance(node, Quantity):
        return not node.is_absolute
    if isinstance(node, (op.Negate, op.Transposed, op.Diagonal)):
        return _is_at_hand(node.args[0])
    return not node.has(Quantity, op.Total, op.TimeIs)
