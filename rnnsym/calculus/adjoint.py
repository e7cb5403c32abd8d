"""The adjoint of a System: for a generic t, the error of every variable and the gradient of every parameter, as equations.

Comes in: a prepared System. Goes out: the joined System, forward and adjoint equations together, with the contributions that each
adjoint equation is made of. The error of `u` is dC/du along every path. Each equation `w[t] = f(… u[t+k] …)` is pulled back once,
at its own generic step; what reaches `u[t+k]` is shifted by -k. A contribution from another step that reads more than errors and
static quantities is given a name at its reader's step, so that nothing is ever evaluated outside 1 … T, where errors are zero.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.graph import WHOLE, closure, per_sequence, reads
from rnnsym.algebra.sizes import Shape, same_shape
from rnnsym.algebra.system import Declaration, Definition, System
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS, Number, Quantity, T, Tensor, at_time, quantities, shift, t, time_text
from rnnsym.calculus.naming import name_repeated, stands_for_its_equation, walk
from rnnsym.calculus.pullback import ENTRYWISE, pull, reduce_to, where_nonzero

INITIAL = "initial"  # in `wrt`: the gradients of all values outside 1 … T


@dataclass(frozen=True)
class Contribution:
    """What one reader contributes to the error of one quantity.

    reader   the equation that reads it
    delay    k when it reads u[t+k] (k = 0: the same step), None for a static quantity, WHOLE when it reads one fixed step
    raw      the cotangent at the reader's own step
    value    the same where the error stands: shifted to the step of u, or summed over time for a static quantity
    laws     the laws used on the way
    """

    reader: Definition
    delay: int | str | None
    raw: Tensor
    value: Tensor
    laws: tuple[str, ...]


@dataclass(frozen=True)
class Adjoint:
    """The joined System and the tables of its names.

    system         forward and adjoint equations; constants (or inputs) that stand for dC/dloss are declared in it
    forward        the System that was differentiated
    errors         forward key (`h`, a static `A`, `h[0]`) → name of its error
    gradients      parameter, constant, input, or `h[0]` → name of the variable that holds its gradient
    seeds          STEP_LOSS, FINAL_LOSS → name of what stands for dC/dloss: 1 for one sequence
    upstream       variable → name of the input that is added to its error (vector-Jacobian products)
    initial        key of a value outside 1 … T → (its gradient, the part that flows on into the equation the file gives it, or None)
    origin         adjoint variable → forward key whose error, or part of whose error, it is
    contributions  forward key or parameter → what its error is made of, reader by reader
    """

    system: System
    forward: System
    errors: Mapping[str, str]
    gradients: Mapping[str, str]
    seeds: Mapping[str, str]
    upstream: Mapping[str, str]
    initial: Mapping[str, tuple[str, str | None]]
    origin: Mapping[str, str]
    contributions: Mapping[str, tuple[Contribution, ...]] = field(repr=False)

    @property
    def definitions(self) -> tuple[Definition, ...]:
        """The adjoint equations alone."""
        return tuple(d for d in self.system.definitions if d.name in self.origin)


def adjoint(system: System, wrt: Iterable[str] | None = None, upstream: bool = False) -> Adjoint:
    """The adjoint System.

    wrt        names whose gradients are wanted: parameters, constants, inputs, and `"initial"` for the values outside 1 … T;
               by default all parameters
    upstream   also add an input for the error of every variable, as a vector-Jacobian product needs
    """
    return _Adjoining(system, wrt, upstream).run()


class _Adjoining:
    """One run of `adjoint`: the names given and the contributions collected so far."""

    def __init__(self, system: System, wrt: Iterable[str] | None, upstream: bool):
        self.forward = system
        self.wanted = {p.name for p in system.params} if wrt is None else set(wrt)
        self.taken = {d.name for d in system.declarations} | {s.name for s in system.sizes}
        self.declared: list[Declaration] = []
        self.rows: list[Definition] = []
        self.errors: dict[str, str] = {}
        self.gradients: dict[str, str] = {}
        self.seeds: dict[str, str] = {}
        self.upstream: dict[str, str] = {}
        self.initial: dict[str, tuple[str, str | None]] = {}
        self.origin: dict[str, str] = {}
        self.found: dict[str, list[Contribution]] = {}
        self.messages: dict[tuple[str, int], str] = {}  # (name, delay) → what one step passes to another
        self.boundaries: list[tuple[Declaration, sympy.Expr, str, str | None]] = []
        self.with_upstream = upstream
        self.at_hand = {d.rhs: d.lhs for d in system.definitions if stands_for_its_equation(d)}
        self.active = self._active()
        self.unbounded = self._unbounded() if upstream else frozenset()

    # -------------------------------------------------------- which errors are needed

    def _active(self) -> set[str]:
        """Names that a wanted quantity reaches, and (unless errors come from upstream) that reach the cost."""
        system = self.forward
        feeds: set[str] = set(self.wanted)
        if INITIAL in self.wanted:
            feeds |= {name for name, (lag, lead) in system.extents.items() if lag or lead}
        forwards = closure(feeds, {name: [d.name for d, _ in rows] for name, rows in system.readers.items()})
        if self.with_upstream:
            return forwards
        return forwards & self._reaching()

    def _reaching(self) -> set[str]:
        """Names that reach the cost."""
        read_by: dict[str, list[str]] = {}
        for definition in self.forward.every_definition:
            read_by.setdefault(definition.name, []).extend(read.name for read in reads(definition.rhs))
        return closure({STEP_LOSS, FINAL_LOSS}, read_by)

    def _unbounded(self) -> frozenset[str]:
        """Variables that the cost does not read, a stable form having taken their place, and that may be infinite: `e = exp(z)` beside
        `softplus(z)`. Their errors come from outside alone and are mostly zero; 0 · inf must not reach the gradients."""
        idle = {d.name for d in self.forward.definitions} - self._reaching()
        readers = {name: [d.name for d, _ in rows if d.name in idle] for name, rows in self.forward.readers.items()}
        return frozenset(closure({d.name for d in self.forward.definitions if d.name in idle and may_overflow(d.rhs)}, readers) & idle)

    def _fresh(self, wanted: str) -> str:
        while wanted in self.taken:
            wanted += "_"
        self.taken.add(wanted)
        return wanted

    # -------------------------------------------------------- the run

    def run(self) -> Adjoint:
        system = self.forward
        self._name_errors()
        order = [d for component in system.components for d in component.definitions]
        dynamic = [d for d in reversed(order) if not d.is_boundary]
        for definition in dynamic:
            self._pull_back(definition)
        self._name_boundaries()
        place = {d.key: i for i, d in enumerate(system.every_definition)}
        for parts in self.found.values():  # this step before other steps, and readers in the order of the equations
            parts.sort(key=lambda part: (abs(part.delay) if isinstance(part.delay, int) else 0, place[part.reader.key]))
        for definition in dynamic:
            self._define_error(definition)
        self._define_messages_to_data()
        for boundary in self.boundaries:
            self._define_boundary(*boundary)
        self._define_gradients()
        return self._joined()

    def _name_errors(self) -> None:
        batched = per_sequence(self.forward) if self.with_upstream else frozenset()
        for definition in self.forward.definitions:
            name = definition.name
            if name in (STEP_LOSS, FINAL_LOSS):
                kind = "input" if self.with_upstream and name in batched else "constant"
                timed = self.with_upstream and definition.lhs.time is not None
                wanted = "d_" + name.replace("'", "_once")
                self.seeds[name] = self._declare(wanted, kind, (), timed, "dC/dloss, the error that the cost starts with")
            elif self.with_upstream:
                kind = "input" if name in batched else "constant"
                timed = definition.lhs.time is not None
                self.upstream[name] = self._declare(f"up_{name}", kind, definition.lhs.shape, timed, f"error of {name} from outside")
        for definition in self.forward.definitions:
            is_read = bool(self.forward.readers[definition.name])
            if definition.name in self.active and (is_read or definition.name not in self.seeds):
                self.errors[definition.key] = self._fresh("d_" + definition.name.replace("'", "_once"))

    def _declare(self, wanted: str, kind: str, shape, timed: bool, description: str) -> str:
        name = self._fresh(wanted)
        self.declared.append(Declaration(name, kind, shape, timed, description))
        return name

    def _error_of(self, definition: Definition) -> Tensor | None:
        """The error of what an equation defines, as its pullback starts with it."""
        name = definition.name
        lhs = definition.lhs
        if definition.key not in self.errors:
            return self._seed(name) if name in self.seeds else None
        return Quantity(self.errors[definition.key], lhs.shape, t if lhs.time is not None else None)

    def _seed(self, name: str) -> Quantity:
        """What stands for dC/dloss."""
        return next(d for d in self.declared if d.name == self.seeds[name]).quantity

    # -------------------------------------------------------- contributions

    def _pull_back(self, definition: Definition) -> None:
        """Pull the error of one equation back to everything it reads."""
        error = self._error_of(definition)
        if error is not None:
            self._collect(definition, error)

    def _collect(self, definition: Definition, error: Tensor) -> None:
        gathered: dict[tuple[str, object, bool], list[tuple[Tensor, tuple[str, ...]]]] = {}
        spread_over = reduce_to(definition.rhs.shape, error)  # a scalar right side fills a vector
        for pulled in pull(definition.rhs, spread_over, lambda q: q.name in self.active):
            when = pulled.quantity.time
            raw = pulled.cotangent.xreplace(self.at_hand)
            gathered.setdefault((pulled.quantity.name, when, pulled.summed), []).append((raw, pulled.laws))
        for (name, when, summed), parts in gathered.items():
            raw = collect([part for part, _ in parts])
            raw = unless_zero(error, raw, acts_entrywise(definition.rhs)) if definition.name in self.unbounded else raw
            laws = tuple(dict.fromkeys(law for _, path in parts for law in path))
            contribution = self._place(definition, when, summed, raw, laws)
            if not op.is_zero(contribution.value):
                self.found.setdefault(name, []).append(contribution)

    def _place(self, reader: Definition, when, summed: bool, raw: Tensor, laws: tuple[str, ...]) -> Contribution:
        """Where a cotangent stands: at its own step, or summed over time for a static quantity."""
        running = reader.lhs.offset is not None or summed
        if when is None:
            return Contribution(reader, None, raw, op.Total(raw) if running else raw, laws)
        if when.has(t):
            steps = int(when - t)
            return Contribution(reader, steps, raw, shift(raw, -steps), laws)
        return Contribution(reader, WHOLE, raw, op.Branch(op.TimeIs(t, when), raw, Number(0)), laws)

    # -------------------------------------------------------- adjoint equations

    def _terms(self, key: str, name: str, shape, parts: list[Contribution]) -> list[Tensor]:
        """The terms of an error at step t; those from other steps that cannot simply be shifted are named at their reader's step."""
        terms: list[Tensor] = []
        held: dict[int, list[Tensor]] = {}
        for part in parts:
            steps = part.delay
            if isinstance(steps, int) and steps != 0 and not self._shifts_safely(part.raw):
                if steps not in held:
                    terms.append(self._message(name, steps, shape))
                held.setdefault(steps, []).append(part.raw)
            else:
                terms.append(part.value)
        for steps, raws in held.items():
            message = self._message(name, steps, shape)
            self._add(key, Quantity(message.name, shape, t), merged(raws), f"what step t passes to {name}[{time_text(t + steps)}]")
        return terms

    def _message(self, name: str, steps: Any, shape: Shape) -> Quantity:
        word = "back" if steps < 0 else "ahead"
        wanted = f"d_{name}_{word}" + ("" if abs(steps) == 1 else str(abs(steps)))
        if (name, steps) not in self.messages:
            self.messages[name, steps] = self._fresh(wanted)
        return Quantity(self.messages[name, steps], shape, t - steps)

    def _shifts_safely(self, raw: Tensor) -> bool:
        """Whether errors, and nothing else, run with t in it: being linear in them it is zero beyond 1 … T by itself."""
        own = set(self.errors.values())
        timed = {q.name for q in quantities(raw) if q.time is not None}
        return bool(timed) and timed <= own and not raw.has(op.Branch, op.Total)

    def _define_error(self, definition: Definition) -> None:
        key, lhs = definition.key, definition.lhs
        if key not in self.errors:
            return
        terms = self._terms(key, definition.name, lhs.shape, self.found.get(definition.name, []))
        if definition.name in self.seeds:
            terms.insert(0, self._seed(definition.name))
        if definition.name in self.upstream:
            declared = next(d for d in self.declared if d.name == self.upstream[definition.name])
            terms.append(declared.quantity)
        error = Quantity(self.errors[key], lhs.shape, t if lhs.time is not None else None)
        self._add(key, error, merged(terms, lhs.shape), f"error of {definition.name}")

    def _name_boundaries(self) -> None:
        """Names for the errors of the values outside 1 … T; those with an equation are pulled back through it."""
        for declaration in self.forward.declarations:
            lag, lead = self.forward.extents.get(declaration.name, (0, 0))
            positions = [sympy.Integer(1 - k) for k in range(lag, 0, -1)] + [T + k for k in range(1, lead + 1)]
            for position in positions:
                key = f"{declaration.name}[{time_text(position)}]"
                given = self.forward.defined.get(key)
                flows = given is not None and any(read.name in self.active for read in reads(given.rhs))
                if not flows and INITIAL not in self.wanted:
                    continue
                full = self._fresh(f"d_{declaration.name}_{_position_word(position)}")
                flow = self._fresh(f"{full}_flow") if flows else None
                self.boundaries.append((declaration, position, full, flow))
                self.initial[key] = (full, flow)
                self.errors[key] = full
                if given is not None and flow is not None:
                    self._collect(given, Quantity(flow, declaration.shape))

    def _define_messages_to_data(self) -> None:
        """What steps pass to data outside 1 … T, where the gradient of the data inside, which would define it, is not asked for."""
        outside = {declaration.name: declaration for declaration, *_ in self.boundaries}
        for name, declaration in outside.items():
            if declaration.kind != "variable" and name not in self.wanted:
                self._terms(name, name, declaration.shape, self.found.get(name, []))

    def _define_boundary(self, declaration: Declaration, position: sympy.Expr, full: str, flow: str | None) -> None:
        """The error of a value outside 1 … T: the same contributions, at the steps of those who read it."""
        key = f"{declaration.name}[{time_text(position)}]"
        terms = []
        for part, reader_time in readers_of_outside(self.found.get(declaration.name, []), position):
            if self._shifts_safely(part.raw):
                terms.append(at_time(part.raw, reader_time))
            else:
                terms.append(self._message(declaration.name, part.delay, declaration.shape).at(reader_time))
        value = merged(list(dict.fromkeys(terms)), declaration.shape)
        self._add(key, Quantity(full, declaration.shape), value, f"error of {key}")
        if INITIAL in self.wanted:
            self.gradients[key] = full
        if flow is not None:
            passed = Quantity(flow, declaration.shape)
            self._add(key, passed, Quantity(full, declaration.shape), f"the part of it that the equation of {key} passes on")

    def _define_gradients(self) -> None:
        late = [d for d in self.forward.declarations if d.name in self.wanted and d.kind != "variable"]
        for declaration in late:
            parts = self.found.get(declaration.name, [])
            name = self._fresh(f"d_{declaration.name}")
            quantity = Quantity(name, declaration.shape, t if declaration.timed else None)
            terms = self._terms(declaration.name, declaration.name, declaration.shape, parts)
            self._add(declaration.name, quantity, merged(terms, declaration.shape), f"gradient of {declaration.name}")
            self.gradients[declaration.name] = name
        for name in self.wanted:
            declared = self.forward.by_name.get(name)
            if declared is not None and declared.kind == "variable" and declared.name in self.errors:
                self.gradients[name] = self.errors[name]

    def _add(self, key: str, quantity: Quantity, value: Tensor, description: str) -> None:
        self.origin[quantity.name] = key
        self.declared.append(Declaration(quantity.name, "variable", quantity.shape, quantity.time is not None, description))
        self.rows.append(Definition(quantity, value, description))

    def _joined(self) -> Adjoint:
        joined = dataclasses.replace(
            self.forward,
            declarations=self.forward.declarations + tuple(self.declared),
            definitions=self.forward.definitions + tuple(self.rows),
            source="",
        )
        apart = per_sequence(self.forward)
        summed = frozenset(name for name, key in self.origin.items() if key.partition("[")[0] not in apart)
        named = name_repeated(joined, [d.key for d in self.rows], summed)
        origin = dict(self.origin)
        owner = ""
        for definition in reversed(named.definitions):  # a part named for an error stands just before it
            owner = origin.get(definition.name, owner)
            if definition.name not in origin and definition.name not in self.forward.by_name:
                origin[definition.name] = owner
        contributions = {name: tuple(parts) for name, parts in self.found.items()}
        return Adjoint(named, self.forward, self.errors, self.gradients, self.seeds, self.upstream, self.initial, origin, contributions)


def readers_of_outside(parts: Iterable[Contribution], position: sympy.Expr) -> list[tuple[Contribution, sympy.Expr]]:
    """Who reads the value at a position outside 1 … T, and at which step: those whose own step lies inside."""
    found = []
    for part in parts:
        if isinstance(part.delay, int) and part.delay != 0 and (part.delay < 0) != position.has(T):
            reader_time = position - part.delay
            if bool(reader_time - T <= 0 if position.has(T) else reader_time >= 1):
                found.append((part, reader_time))
    return found


def _position_word(position: sympy.Expr) -> str:
    """A position as part of a name: `at0`, `atm1`, `atT1`."""
    return "at" + time_text(position).replace("-", "m").replace("+", "")


# ---------------------------------------------------------------- sums of contributions


def collect(terms: list[Tensor]) -> Tensor:
    """The sum of contributions of one reader; a first factor that all share is written once: δ ⊙ (a - b)."""
    if len(terms) < 2:
        return op.Plus(*terms)
    split = [_first_factor(term) for term in terms]
    head = split[0][0]
    same = all(first == head and rest is not None for first, rest in split)
    if not same or any(term.shape != head.shape for term in terms):
        return op.Plus(*terms)
    return op.Times(head, op.Plus(*(rest for _, rest in split)))


def may_overflow(expression: Basic) -> bool:
    """Whether finite arguments may give an infinite value."""
    functions = {n.function for n in walk(expression) if isinstance(n, op.Elementwise)}
    return bool(functions & {"exp", "log"}) or any(isinstance(n, (op.Quotient, op.Raise)) for n in walk(expression))


def unless_zero(error: Tensor, cotangent: Tensor, entrywise: bool) -> Tensor:
    """The cotangent, but 0 where the error that it is made of is 0: entry by entry, or where all its entries are."""
    if not error.shape or (entrywise and same_shape(error.shape, cotangent.shape)):
        return where_nonzero(error, cotangent)
    return where_nonzero(op.scalar_sum(op.apply("abs", error)), cotangent)


def acts_entrywise(value: Tensor) -> bool:
    """Whether an entry of the value depends on the same entries of what it reads, and on scalars, alone."""
    leaves = (Quantity, Number, op.Ones, op.Zeros, op.Condition)
    return all(isinstance(node, (*ENTRYWISE, *leaves)) for node in walk(value))


def _first_factor(term: Tensor) -> tuple[Basic, Tensor | None]:
    negative = isinstance(term, op.Negate)
    inner = term.args[0] if negative else term
    if isinstance(inner, op.Times) and isinstance(inner.args[0], Quantity):
        rest = op.Times(*inner.args[1:])
        return inner.args[0], op.Negate(rest) if negative else rest
    return inner, None


def merged(terms: list[Tensor], shape=None) -> Tensor:
    """The sum of terms: sums over time joined into one, pieces of a vector that fit together put side by side."""
    if not terms:
        return op.zeros(shape or ())
    negated_or_plain = [(isinstance(u, op.Negate), u.args[0] if isinstance(u, op.Negate) else u) for u in terms]
    totals = [(neg, u) for neg, u in negated_or_plain if isinstance(u, op.Total)]
    others = [u for u in terms if not isinstance(u.args[0] if isinstance(u, op.Negate) else u, op.Total)]
    if totals:
        bodies = [op.Negate(u.body) if neg else u.body for neg, u in totals]
        others.append(op.Total(op.Plus(*_side_by_side(bodies))))
    result = op.Plus(*_side_by_side(others))
    return op.Times(result, op.Ones(*shape)) if shape and not result.shape else result


def _side_by_side(terms: list[Tensor]) -> list[Tensor]:
    """Padded pieces that tile the whole vector become one concatenation."""
    pieces = [(term, piece) for term in terms if (piece := _piece(term)) is not None]
    if len(pieces) < 2:
        return terms
    by_start = {piece[0]: piece for _, piece in pieces}
    tiles: list[Tensor] = []
    length, place = pieces[0][0].shape[0], sympy.Integer(0)
    while place in by_start and len(tiles) <= len(pieces):
        _, stop, inner = by_start[place]
        tiles.append(inner)
        place = stop
    if len(tiles) != len(pieces) or sympy.expand(place - length) != 0:
        return terms
    used = [term for term, _ in pieces]
    position = terms.index(used[0])
    rest = [term for term in terms if term not in used]
    return [*rest[:position], op.Concat(*tiles), *rest[position:]]


def _piece(term: Tensor) -> tuple[sympy.Expr, sympy.Expr, Tensor] | None:
    """(start, stop, inner) when the term is zeros, an inner vector, zeros."""
    if not isinstance(term, op.Concat):
        return None
    start, found = sympy.Integer(0), None
    for part in term.args:
        stop = sympy.expand(start + op.part_length(part))
        if not op.is_zero(part):
            if found is not None:
                return None
            found = (start, stop, part)
        start = stop
    return found


__all__ = ["INITIAL", "Adjoint", "Contribution", "adjoint"]
