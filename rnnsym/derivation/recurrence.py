"""The step Jacobian of every recurrence of a System: how the state at one step moves with the state at the step before.

Comes in: a prepared System. Goes out: a `Recurrence` for every component that depends on itself through time. Its state holds all that
the component carries from step to step; a lag of k is carried as k values. Each block of the Jacobian comes from the pushforwards of the
component's equations by the chain rule. (Between recurrences that follow each other nothing flows back, so that each one's
Jacobians multiply on their own.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from rnnsym.algebra import operators as op
from rnnsym.algebra.graph import Component, reads
from rnnsym.algebra.system import Definition, System
from rnnsym.algebra.tensor import Quantity, Tensor, quantities, t
from rnnsym.calculus.linear_map import Chain, Known, LinearMap, NotLinear, derivative_map
from rnnsym.calculus.naming import stands_for_its_equation

_LONG = 4  # names in a derivative that is still written into others, where several need it


@dataclass(frozen=True)
class Block:
    """d of / d by, within one step: along every path inside it, what else the step carries being held."""

    of: Quantity
    by: Quantity
    map: LinearMap

    def __str__(self) -> str:
        return f"d {self.of} / d {self.by} = {self.map}"


@dataclass(frozen=True)
class Recurrence:
    """One recurrence and its step Jacobian.

    system      the prepared System
    component   its equations
    carried     the state: u[t] and, for longer lags, u[t-1], … (u[t+1], … where it runs backwards), in the order of the equations
    blocks      for every pair of a variable and a carried value of the step before that it moves with
    parts       derivatives of equations in between that blocks refer to
    """

    system: System
    component: Component
    carried: tuple[Quantity, ...]
    blocks: tuple[Block, ...]
    parts: tuple[Block, ...] = ()

    @property
    def direction(self) -> int:
        """+1 where it runs forwards in time, -1 where it runs backwards."""
        return self.component.direction

    @cached_property
    def previous(self) -> tuple[Quantity, ...]:
        """The same state at the step before."""
        return tuple(q.at(q.time - self.direction) for q in self.carried)

    @property
    def variables(self) -> tuple[Quantity, ...]:
        """The carried variables at t, without their older values."""
        return tuple(q for q in self.carried if q.time == t)

    def block(self, of: Quantity, by: Quantity) -> Block | None:
        """The block of a pair, None where it is zero or one value is merely handed on."""
        return next((b for b in (*self.blocks, *self.parts) if (b.of, b.by) == (of, by)), None)

    @property
    def passes_no_gradient(self) -> bool:
        """Whether `stop_gradient` takes part: the Jacobian is then what backpropagation uses, not the derivative of the step."""
        return any(d.rhs.has(op.StopGradient) for d in self.component.definitions)

    def __str__(self) -> str:
        return "\n".join(map(str, (*self.parts, *self.blocks)))


def recurrences(system: System) -> tuple[Recurrence, ...]:
    """Every recurrence of a prepared System, in the order of computation. Raises NotLinear where a step has no factors for its map."""
    return tuple(_Stepping(system, c).run() for c in system.components if c.kind == "scan")


class _Stepping:
    """One run: the derivatives of each equation of a step with respect to each carried value."""

    def __init__(self, system: System, component: Component):
        self.system = system
        self.component = component
        self.at_hand = {d.rhs: d.lhs for d in system.definitions if stands_for_its_equation(d)}
        self.locals: dict[tuple[str, Quantity], LinearMap] = {}
        self.carried = self._carried()
        self.states = {q.name for q in self.carried}

    def _carried(self) -> tuple[Quantity, ...]:
        members = {d.name: d.lhs for d in self.component.definitions}
        spans = dict.fromkeys(members, 0)
        for definition in self.component.definitions:
            for read in reads(definition.rhs):
                if read.name in members and isinstance(read.delay, int):
                    spans[read.name] = max(spans[read.name], abs(read.delay))
        order = [d.name for d in self.system.definitions if d.name in members]
        return tuple(members[n].at(t - self.component.direction * lag) for n in order for lag in range(spans[n]))

    def run(self) -> Recurrence:
        blocks: list[Block] = []
        parts: list[Block] = []
        for value in self.carried:
            by = value.at(value.time - self.component.direction)
            for block in self._moving(by):
                (blocks if block.of.name in self.states else parts).append(block)
        place = {q.name: i for i, q in enumerate(self.carried)}
        blocks.sort(key=lambda b: place[b.of.name])
        return Recurrence(self.system, self.component, self.carried, tuple(blocks), _needed(parts, blocks))

    def _moving(self, by: Quantity) -> list[Block]:
        """The derivatives of everything in the step that moves with one carried value."""
        usable: dict[str, LinearMap] = {}
        found: list[Block] = []
        for definition in self.component.definitions:
            whole = self._derivative(definition, by, usable)
            if not whole.chains:
                continue
            is_state = definition.name in self.states
            named = self._deserves_a_name(definition, whole, is_state)
            if is_state or named:
                found.append(Block(definition.lhs, by, whole))
            known = LinearMap(whole.domain, whole.codomain, (Chain((Known(definition.lhs, by),)),))
            usable[definition.name] = known if named else whole
        return found

    def _derivative(self, definition: Definition, by: Quantity, usable: Mapping[str, LinearMap]) -> LinearMap:
        """The chain rule: what the equation reads, times how that moves."""
        total = LinearMap(by.shape, definition.lhs.shape, ())
        for read in reads(definition.rhs):
            if read.quantity == by:
                total = total.plus(self._local(definition, by))
            elif read.delay == 0 and read.name in usable:
                total = total.plus(self._local(definition, read.quantity).after(usable[read.name]))
        return total

    def _local(self, definition: Definition, of: Quantity) -> LinearMap:
        key = (definition.key, of)
        if key not in self.locals:
            self.locals[key] = derivative_map(definition.rhs, of, definition.lhs.shape, self.at_hand)
        return self.locals[key]

    def _deserves_a_name(self, definition: Definition, whole: LinearMap, is_state: bool) -> bool:
        """Whether others refer to this derivative instead of repeating it: it has several terms, or is long, and is needed again."""
        terms = len(whole.chains)
        long = terms > 1 or any(len(list(_names(chain))) > _LONG for chain in whole.chains)
        users = {d.key for d, _ in self.system.readers[definition.name] if d in self.component.definitions}
        return long and (is_state or len(users) > 1 or terms > 2)


def _names(chain: Chain) -> Iterator[Quantity]:
    for factor in chain.factors:
        for name in type(factor).__dataclass_fields__:
            value = getattr(factor, name)
            if isinstance(value, Tensor):
                yield from quantities(value)


def _needed(parts: list[Block], blocks: list[Block]) -> tuple[Block, ...]:
    """The parts that a block refers to, in the order in which they were found."""
    wanted: set[tuple[Quantity, Quantity]] = set()
    for block in (*blocks, *reversed(parts)):
        if block in blocks or (block.of, block.by) in wanted:
            wanted |= {(f.of, f.by) for chain in block.map.chains for f in chain.factors if isinstance(f, Known)}
    return tuple(p for p in parts if (p.of, p.by) in wanted)


__all__ = ["Block", "NotLinear", "Recurrence", "recurrences"]
