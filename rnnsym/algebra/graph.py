"""Who reads whom, and when: the dependency graph of a System, and its order of computation.

Comes in: a System. Goes out: reads of an equation, and `Component`s in an order in which they can be computed. A component is static,
a map (all steps at once) or a scan (a recurrence, forwards or backwards in time). What cannot be computed is an error that
prints its whole cycle (E401 needs itself at the same step, E402 needs its own past and future, E403 needs its own whole).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from sympy import Basic

from rnnsym.algebra.operators import Total
from rnnsym.algebra.tensor import Quantity, t, time_text
from rnnsym.errors import ModelError

if TYPE_CHECKING:
    from rnnsym.algebra.system import Definition, System

WHOLE = "whole"  # the reader needs every step: h[T], h[1], total(h[t])


@dataclass(frozen=True)
class Read:
    """One quantity as an equation reads it. `delay` is k for `u[t+k]`, None for a static quantity, WHOLE for all or one fixed step."""

    quantity: Quantity
    delay: int | str | None

    @property
    def name(self) -> str:
        return self.quantity.name


@lru_cache(maxsize=8192)  # every System that is made asks it of every equation, and most were in the System before
def reads(expression: Basic) -> tuple[Read, ...]:
    """What an expression reads, each once, in the order of reading."""
    return tuple(dict.fromkeys(_reads(expression, False)))


def _reads(node: Basic, summed: bool) -> Iterator[Read]:
    if isinstance(node, Quantity):
        if node.time is None:
            yield Read(node, None)
        elif node.is_absolute or summed or node.offset is None:
            yield Read(node, WHOLE)
        else:
            yield Read(node, node.offset)
    elif isinstance(node, Total):
        yield from _reads(node.body, True)
    else:
        for argument in node.args:
            if isinstance(argument, Basic):
                yield from _reads(argument, summed)


@dataclass(frozen=True)
class Component:
    """Equations that are computed together.

    kind: "static" (once), "map" (all steps at once) or "scan" (step by step); direction: +1 forwards, -1 backwards, 0 otherwise.
    The definitions stand in an order in which one step can be computed.
    """

    kind: str
    direction: int
    definitions: tuple[Definition, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(d.key for d in self.definitions)


@dataclass(frozen=True)
class _Edge:
    reader: str
    read: str
    delay: int | str | None


def _edges(system: System) -> dict[str, list[_Edge]]:
    """The edges from each definition to the definitions that it reads; boundary values count as read with every shifted read."""
    keys = {d.key for d in system.every_definition}
    boundary_keys: dict[str, list[Definition]] = {}
    for boundary in system.boundaries:
        boundary_keys.setdefault(boundary.name, []).append(boundary)
    graph: dict[str, list[_Edge]] = {}
    for definition in system.every_definition:
        out = []
        for read in reads(definition.rhs):
            if read.name in keys:
                delay = 0 if read.delay is None else read.delay
                out.append(_Edge(definition.key, read.name, WHOLE if definition.lhs.offset is None and read.delay is not None else delay))
            if read.delay not in (None, 0):
                out += [_Edge(definition.key, b.key, WHOLE) for b in boundary_keys.get(read.name, ())]
        graph[definition.key] = out
    return graph


def components(system: System) -> tuple[Component, ...]:
    """The System's equations in an order of computation; raises the cycle errors."""
    graph = _edges(system)
    by_key = {d.key: d for d in system.every_definition}
    position = {key: i for i, key in enumerate(by_key)}
    groups = _strongly_connected(graph)
    return tuple(_component(sorted(group, key=position.__getitem__), graph, by_key, system) for group in groups)


def _component(group: list[str], graph: dict[str, list[_Edge]], by_key: dict[str, Definition], system: System) -> Component:
    members = set(group)
    inner = [e for key in group for e in graph[key] if e.read in members]
    if not inner:
        definition = by_key[group[0]]
        return Component("map" if definition.lhs.offset is not None else "static", 0, (definition,))
    for code, wanted, sentence in (
        ("E403", lambda e: e.delay == WHOLE, "needs its own value at every step, or at a fixed one, before it is computed"),
        ("E401", lambda e: e.delay == 0, "needs itself at the same step"),
    ):
        for edge in inner:
            if wanted(edge):
                allowed = inner if code == "E403" else [e for e in inner if e.delay == 0]
                path = _path(allowed, edge.read, edge.reader)
                if path:
                    raise _cycle_error(code, [edge.reader, *path], sentence, by_key, system)
    past = next((e for e in inner if isinstance(e.delay, int) and e.delay < 0), None)
    future = next((e for e in inner if isinstance(e.delay, int) and e.delay > 0), None)
    if past and future:
        there = _path(inner, past.read, future.reader) or [future.reader]
        back = _path(inner, future.read, past.reader) or [past.reader]
        raise _cycle_error("E402", [past.reader, *there, *back], "needs its own past and its own future", by_key, system)
    now = {key: [e for e in graph[key] if e.read in members and e.delay == 0] for key in group}
    order = [key for found in _strongly_connected(now) for key in found]
    return Component("scan", 1 if past else -1, tuple(by_key[key] for key in order))


def _cycle_error(code: str, path: list[str], sentence: str, by_key: dict[str, Definition], system: System) -> ModelError:
    first, second = path[0], path[1]
    definition = by_key[first]
    span = definition.read_spans.get(second, definition.span)
    others = tuple((by_key[k].span, f"`{k}` reads `{n}`") for k, n in pairwise(path[1:]) if by_key[k].span)
    instead = {
        "E401": f"read an earlier value somewhere on the way, for example {second.split('[')[0]}[t-1]",
        "E402": "let one variable run forwards (h[t-1]) and another one backwards (b[t+1])",
        "E403": "read the running value, [t-1], or let another variable collect what is needed",
    }[code]
    return ModelError.at(
        code,
        f"`{first}` {sentence}: {' → '.join(path)}",
        span,
        instead=instead,
        notes=others[:6],
        source=system.source,
        file=system.file,
    )


def _path(edges: list[_Edge], start: str, goal: str) -> list[str]:
    """The shortest path of reads from `start` to `goal`, both included; empty when there is none."""
    following: dict[str, list[str]] = {}
    for edge in edges:
        following.setdefault(edge.reader, []).append(edge.read)
    came: dict[str, str | None] = {start: None}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        if here == goal:
            path = []
            step: str | None = here
            while step is not None:
                path.append(step)
                step = came[step]
            return path[::-1]
        for there in following.get(here, ()):
            if there not in came:
                came[there] = here
                queue.append(there)
    return []


def _strongly_connected(graph: dict[str, list[_Edge]]) -> list[list[str]]:
    """Tarjan's strongly connected components, what is read before its readers; iterative, so that depth is no limit."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    on_stack: set[str] = set()
    stack: list[str] = []
    groups: list[list[str]] = []
    for root in graph:
        if root in index:
            continue
        work = [(root, iter(graph[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            key, pending = work[-1]
            for edge in pending:
                if edge.read not in graph:
                    continue
                if edge.read not in index:
                    index[edge.read] = low[edge.read] = len(index)
                    stack.append(edge.read)
                    on_stack.add(edge.read)
                    work.append((edge.read, iter(graph[edge.read])))
                    break
                if edge.read in on_stack:
                    low[key] = min(low[key], index[edge.read])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[key])
                if low[key] == index[key]:
                    group = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        group.append(member)
                        if member == key:
                            break
                    groups.append(group)
    return groups


def extents(system: System) -> dict[str, tuple[int, int]]:
    """For every timed quantity (lag, lead): how far before and after the running step it is read, at least 0 each."""
    found: dict[str, tuple[int, int]] = {}
    for definition in system.every_definition:
        for read in _reads(definition.rhs, False):
            when = read.quantity.time
            if when is None:
                continue
            lag, lead = found.get(read.name, (0, 0))
            offset = read.quantity.offset
            if offset is None and read.delay == WHOLE and not read.quantity.is_absolute:
                offset = int(when.xreplace({s: 0 for s in when.free_symbols}))
            offset = offset or 0
            found[read.name] = (max(lag, -offset), max(lead, offset))
    return found


def quantity_key(quantity: Quantity) -> str:
    """The key of what a definition defines: `h` for h[t] and for a static h, `h[0]` for a boundary value."""
    return quantity.name if quantity.time is None or quantity.time == t else f"{quantity.name}[{time_text(quantity.time)}]"


def closure(start: Iterable[str], following: Mapping[str, Iterable[str]]) -> set[str]:
    """Everything that can be reached from `start` along `following`, `start` included."""
    found = set(start)
    queue = list(found)
    while queue:
        for name in following.get(queue.pop(), ()):
            if name not in found:
                found.add(name)
                queue.append(name)
    return found


def per_sequence(system: System) -> frozenset[str]:
    """The names that have a value per sequence: data, whatever runs over time, and static quantities that depend on these.

    Parameters, constants and what depends on them alone have one value per call.
    """
    found = {d.name for d in system.declarations if d.timed or d.kind in ("input", "target", "token")}
    definitions = [d for component in system.components for d in component.definitions]
    for definition in definitions:
        sums = definition.rhs.has(Total)  # as many terms as the sequence has steps
        if (sums or any(read.name in found for read in reads(definition.rhs))) and not definition.is_boundary:
            found.add(definition.name)
    return frozenset(found)
