"""The skeleton of a System: the few values that a picture of the whole network shows, and who reads whom and when.

Comes in: a System, or a Derivation for the errors. Goes out: rows from bottom to top, and flows between them. Kept are data, what is
carried from step to step, what every way from a carried value to the cost passes through, and the cost; all else is told inside its
reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import sympy
from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.graph import WHOLE, Read, per_sequence, reads
from rnnsym.algebra.system import Definition, System
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS, Quantity, quantities
from rnnsym.calculus.adjoint import Contribution
from rnnsym.derivation.derivation import Derivation

SUM = "sum"  # delay of a flow that takes all steps together
LOSSES = (STEP_LOSS, FINAL_LOSS)
Delay: TypeAlias = int | str | sympy.Expr  # k for u[t+k]; SUM; the fixed time of u[T], u[1]


@dataclass(frozen=True)
class Flow:
    """A value as a reader takes it. `through` are the matrices on the way, or for an error the quantities whose errors travel.

    `start` is the time outside 1 … T at which the reader's value is made of it: 0 in `v[0] = h[T]`; None for a reader's own equation.
    """

    source: str
    target: str
    delay: Delay
    through: tuple[Basic, ...] = ()
    start: sympy.Expr | None = None

    @property
    def steps(self) -> int:
        """By how many steps the value is later than its reader; 0 also for sums and fixed times."""
        return self.delay if isinstance(self.delay, int) else 0


class Skeleton:
    """What is kept of a System, with the flows between; `errors` are flows whose error travels back, from `target` to `source`."""

    def __init__(self, system: System, derivation: Derivation | None = None):
        self.system = system
        self.running = per_sequence(system)
        self.kept = self._kept()
        self.flows = tuple(self._flows())
        self.errors = tuple(_error_flows(self, derivation)) if derivation is not None else ()

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """The equations of running values, what is read before its readers."""
        found = [d for component in self.system.components for d in component.definitions]
        return {d.name: d for d in found if not d.is_boundary and d.name in self.running}

    @cached_property
    def starts(self) -> tuple[Definition, ...]:
        """The equations of values outside 1 … T that are made of running values."""
        read = {d.key: [r for r in reads(d.rhs) if r.name in self.running] for d in self.system.boundaries}
        return tuple(d for d in self.system.boundaries if read[d.key])

    @cached_property
    def carried(self) -> frozenset[str]:
        """The names that another step reads, or the whole: h[t-1], h[T], total(h[t])."""
        readers = (*self.definitions.values(), *self.starts)
        return frozenset(read.name for d in readers for read in reads(d.rhs) if _delay_of(read) != 0) & self.running

    def is_static(self, name: str) -> bool:
        return not self.system.by_name[name].timed

    def _kept(self) -> frozenset[str]:
        readers: dict[str, list[str]] = {name: [] for name in self.running}
        for definition in self.definitions.values():
            for read in reads(definition.rhs):
                if read.name in self.running and (read.delay == 0 or not isinstance(read.delay, int)):
                    readers[read.name].append(definition.name)
        ends = {name for name in self.definitions if name in LOSSES or not any(_others(self.system, name))}
        passed: dict[str, frozenset[str]] = {}
        for name in reversed(self.definitions):
            ways = [passed[r] for r in readers[name] if r in passed]
            passed[name] = frozenset.intersection(*ways) | {name} if ways else frozenset({name})
        carried = self.carried & set(self.definitions)
        kept = ends | carried | {name for name in self.definitions if self.is_static(name)}
        ways = [passed[name] for name in carried]
        for name in self.carried:  # what all readers of another step have in common, a hidden layer for example
            later = [passed[d.name] for d, delay in self.system.readers[name] if isinstance(delay, int) and d.name in passed]
            ways.append(frozenset.intersection(*later) if later else frozenset())
        passing = {name for name in frozenset().union(*ways) if not self._is_told_inside(name, readers[name])}
        return frozenset(kept | passing | {d.name for d in self.system.data})

    def _is_told_inside(self, name: str, readers: list[str]) -> bool:
        """Whether its one reader is a function of it alone, without a matrix: a pre-activation."""
        if len(readers) != 1 or name in self.carried:
            return False
        reader = self.definitions[readers[0]].rhs
        return {q.name for q in quantities(reader) if q.name in self.running} == {name} and not reader.has(op.MatrixProduct, op.Dot)

    # ------------------------------------------------------------ flows

    def _flows(self) -> Iterator[Flow]:
        inner: dict[str, tuple[Flow, ...]] = {}
        for name, definition in self.definitions.items():
            found: dict[tuple[str, Delay], dict[Basic, None]] = {}
            matrices = _matrices(definition.rhs, self.running)
            for read in reads(definition.rhs):
                if read.name not in self.running:
                    continue
                own = matrices.get(read.quantity, ())
                if read.name in self.kept:
                    found.setdefault((read.name, _delay_of(read)), {}).update(dict.fromkeys(own))
                for flow in inner.get(read.name, ()) if read.name not in self.kept else ():
                    found.setdefault((flow.source, flow.delay), {}).update(dict.fromkeys(flow.through or own))
            inner[name] = tuple(Flow(source, name, delay, tuple(through)) for (source, delay), through in found.items())
            if name in self.kept:
                yield from inner[name]
        for start in self.starts:  # what they read is static, or taken from another step or all of them: it is kept
            matrices = _matrices(start.rhs, self.running)
            for read in reads(start.rhs):
                if read.name in self.running and start.name in self.kept:
                    yield Flow(read.name, start.name, _delay_of(read), matrices.get(read.quantity, ()), start.lhs.time)

    @cached_property
    def rows(self) -> tuple[str, ...]:
        """The kept names from bottom to top: few flows pass by a row that they do not touch."""
        used = {flow.source for flow in self.flows} | {flow.target for flow in self.flows}
        names = [name for name in (*(d.name for d in self.system.data), *self.definitions) if name in self.kept]
        targets = frozenset(d.name for d in self.system.of_kind("target"))
        return _settled([name for name in names if name in used or name in self.definitions], self.flows, targets)


def _others(system: System, name: str) -> Iterable[str]:
    return (d.name for d, _ in system.readers[name] if d.name != name)


def _delay_of(read: Read) -> Delay:
    """The delay of a read as flows have it."""
    if read.delay is None:
        return 0
    if read.delay == WHOLE:
        return read.quantity.time if read.quantity.is_absolute and read.quantity.time is not None else SUM
    return int(read.delay)


def _matrices(node: Basic, running: frozenset[str], path: tuple[Basic, ...] = ()) -> dict[Quantity, tuple[Basic, ...]]:
    """For every running quantity the static matrices that multiply it directly."""
    if isinstance(node, Quantity):
        return {node: path}
    if isinstance(node, op.Total):
        return _matrices(node.body, running)
    keeps = isinstance(node, op.MatrixProduct | op.Times | op.Plus | op.Negate | op.Concat | op.Dot)
    static = [a for a in node.args if isinstance(a, Quantity) and a.name not in running and a.time is None]
    factors = isinstance(node, op.MatrixProduct | op.Dot) and len(node.args) == 2 and len(static) == 1
    inner = (*path, *static) if factors else path if keeps else ()
    found: dict[Quantity, tuple[Basic, ...]] = {}
    for argument in node.args:
        if isinstance(argument, Basic) and argument.args:
            for quantity, factors_of in _matrices(argument, running, inner).items():
                found[quantity] = tuple(dict.fromkeys(found.get(quantity, ()) + factors_of))
    return found


def _settled(names: list[str], flows: tuple[Flow, ...], targets: frozenset[str]) -> tuple[str, ...]:
    """An order from bottom to top in which values stand above what they read at the same step, found by moving one at a time."""
    ties = [(f.source, f.target) for f in flows if f.delay == 0 and f.source != f.target]
    computed = {f.target for f in flows}
    must = [(a, b) for a, b in ties if a in computed]
    later = [(f.source, f.target) for f in flows if f.delay != 0 and f.source != f.target]

    def cost(order: list[str]) -> tuple[float, ...]:
        place = {name: i for i, name in enumerate(order)}
        if any(place[a] > place[b] for a, b in must):
            return (float("inf"),)
        passing = sum(1.0 + 0.3 * abs(place[b] - place[a]) for a, b in ties if abs(place[b] - place[a]) > 1)
        hanging = sum(0.35 if a in targets else 2.5 for a, b in ties if place[b] < place[a])
        return (passing + hanging + sum(0.2 * abs(place[a] - place[b]) for a, b in later),)

    order = list(names)
    order = [n for n in order if n not in computed] + [n for n in order if n in computed]
    best = cost(order)
    for _ in range(4):
        improved = False
        for name in list(order):
            rest = [n for n in order if n != name]
            trials = [[*rest[:i], name, *rest[i:]] for i in range(len(order))]
            found = min(trials, key=cost)
            if cost(found) < best:
                order, best, improved = found, cost(found), True
        if not improved:
            break
    return tuple(order)


# ---------------------------------------------------------------- errors


def _error_flows(skeleton: Skeleton, derivation: Derivation) -> Iterator[Flow]:
    """For every contribution of the derivation: the error that travels from its reader's node back to the node of what is read.

    A value that is told inside several nodes sends its error along those ways on which values come forwards.
    """
    owners = _owners(skeleton, derivation.prepared)
    joined = derivation.adjoint
    forward = {(f.source, f.target, f.delay, f.start) for f in skeleton.flows}
    found: dict[tuple[str, str, Delay, sympy.Expr | None], dict[str, None]] = {}
    for name, contributions in joined.contributions.items():
        for contribution in contributions if name in owners else ():
            reader = contribution.reader.name
            start = contribution.reader.lhs.time if contribution.reader.is_boundary else None
            for delay in _delays(contribution, name):
                told = [(v, _composed(delay, d), start if k is None else k) for v, d, k in owners.get(reader, ())]
                ways = [(source, *way) for source, *_ in owners[name] for way in told]
                taken = [way for way in ways if way in forward]
                if not taken and not any(s == v and k == 0 for s, v, k, _ in ways):
                    taken = ways[:1]
                for way in taken:
                    found.setdefault(way, {})[reader if len(taken) == 1 else way[1]] = None
    for (source, target, delay, start), readers in found.items():
        teller = next(iter(readers)) if len(readers) == 1 else target
        has_error = teller in joined.errors and teller not in LOSSES
        yield Flow(source, target, delay, (derivation.prepared.quantity(teller),) if has_error else (), start)


def _delays(contribution: Contribution, name: str) -> Iterator[Delay]:
    """The delays, as flows have them, with which a contribution's reader reads a name."""
    for read in reads(contribution.reader.rhs):
        summed = read.delay == WHOLE and not read.quantity.is_absolute and isinstance(contribution.delay, int)
        if read.name == name and (summed or read.delay == contribution.delay):
            yield _delay_of(read)


def _composed(delay: Delay, onward: Delay) -> Delay:
    return delay if onward == 0 else onward


def _owners(skeleton: Skeleton, prepared: System) -> dict[str, tuple[tuple[str, Delay, sympy.Expr | None], ...]]:
    """In whose nodes each value of the prepared System is told, lowest first, how these take it, and for which start: its own, or those
    that read it."""
    height = {name: i for i, name in enumerate(skeleton.rows)}
    owners: dict[str, tuple[tuple[str, Delay, sympy.Expr | None], ...]] = {}
    order = [d for component in prepared.components for d in component.definitions if not d.is_boundary]
    for definition in reversed(order):
        name = definition.name
        if name in height:
            owners[name] = ((name, 0, None),)
            continue
        found: dict[tuple[str, Delay, sympy.Expr | None], None] = {}
        for reader in dict.fromkeys(d for d, _ in prepared.readers[name]):
            for read in reads(reader.rhs):
                if read.name == name:
                    start = reader.lhs.time if reader.is_boundary else None
                    ways = owners.get(reader.name, ())
                    found.update(dict.fromkeys((v, _composed(_delay_of(read), d), start if k is None else k) for v, d, k in ways))
        owners[name] = tuple(sorted(found, key=lambda way: height[way[0]]))
    return owners
