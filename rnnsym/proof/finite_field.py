"""Exact check of the assembly: the adjoint System against forward dual numbers, over a finite field.

Comes in: a System as written and its adjoint System. Goes out: for every gradient whether ∂C/∂w · v, by dual numbers through the model as
written, equals Σ ∂C/∂w ⊙ v, by the adjoint equations, both exact modulo p; and a computed bound on the chance that a wrong gradient
passes. Where a gradient is wrong, the errors of all variables are gone through in the order in which the adjoint is computed, and the
first equation that is wrong is named. Where functions are related in a way the field does not know, numbers in double precision
decide: what they confirm is undecided, not wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnsym.algebra.operators import Softmax
from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.system import Definition, System
from rnnsym.calculus.adjoint import INITIAL, Adjoint, adjoint
from rnnsym.calculus.prepare import prepare
from rnnsym.program.interpret import Run
from rnnsym.proof.draws import small_sizes
from rnnsym.proof.entrywise import Table, meanings
from rnnsym.proof.field import PRIMES, Element, Field
from rnnsym.proof.second_opinion import confirmed

ENOUGH = 1e-20  # a run whose bounds have a larger sum is repeated over the larger field
SMALL = (2, 3, 4, 5, 6, 7, 8, 9)
EQUAL, WRONG, UNDECIDED = "equal", "wrong", "undecided"

Place = tuple[str, int | None]  # a name and a step; None: static


@dataclass(frozen=True)
class Compared:
    """One gradient at one T: `equal`, `wrong` or `undecided`, and how many of the runs agreed."""

    name: str
    steps: int
    outcome: str
    bound: float


@dataclass(frozen=True)
class Assembly:
    """What the exact check found.

    sizes      the numbers that the sizes had
    compared   gradient by gradient, for every T
    runs       how many runs were made, over which primes
    branches   how many signs were drawn: each run takes the branches its seed gives
    fault      the first adjoint equation that is wrong, with the key of what it is the error of; None where none is
    reason     why something stayed undecided
    """

    sizes: Mapping[str, int]
    compared: tuple[Compared, ...]
    runs: int
    primes: tuple[int, ...]
    branches: int
    fault: tuple[Definition, str] | None = None
    reason: str = ""

    @property
    def steps(self) -> tuple[int, ...]:
        """The lengths T at which it was tested."""
        return tuple(sorted({c.steps for c in self.compared}))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(c.name for c in self.compared))

    def of(self, outcome: str) -> tuple[str, ...]:
        """The gradients with this outcome at some T."""
        return tuple(dict.fromkeys(c.name for c in self.compared if c.outcome == outcome))

    @property
    def bound(self) -> float:
        """The chance, at most, that any gradient is wrong at a length tested, in a branch taken, and passed all the same."""
        worst: dict[str, float] = {}
        for c in self.compared:
            worst[c.name] = max(worst.get(c.name, 0.0), c.bound)
        return min(1.0, sum(worst.values()))


def check_assembly(
    system: System, joined: Adjoint | None = None, seed: int = 0, runs: int | None = None, lengths: Iterable[int] | None = None
) -> Assembly:
    """Test every gradient of a System exactly.

    joined  the adjoint System to be tested; by default the one that is derived, with gradients for parameters, constants, inputs and
            values outside 1 … T
    runs    seeds for each T; by default 1, and 4 where there are branches
    lengths the T at which it is tested; by default 1, 2, and one that is longer than every lag
    """
    joined = joined or adjoint(prepare(system), everything(system))
    sizes = small_sizes(system, SMALL)
    reach = max((max(extent) for extent in system.extents.values()), default=0)
    compared: dict[tuple[str, int], Compared] = {}
    count, branches, used, bad = 0, 0, set(), None
    for steps in dict.fromkeys(lengths or (max(3, reach + 2), 1, 2)):
        wanted = runs or 1
        trial = 0
        while trial < wanted:
            run = Trial(system, joined, sizes, steps, seed * 1000 + trial)
            found = run.compare()
            count, trial = count + 1, trial + 1
            used.add(run.field.prime)
            branches = max(branches, run.field.branches)
            wanted = max(wanted, 4) if runs is None and run.field.branches else wanted
            for name, (outcome, bound) in found.items():
                old = compared.get((name, steps))
                worse = outcome if old is None or old.outcome == EQUAL else old.outcome
                compared[name, steps] = Compared(name, steps, worse, max(bound, old.bound if old else 0.0))
                bad = bad or (run if outcome != EQUAL else None)
    result = Assembly(sizes, tuple(compared.values()), count, tuple(sorted(used)), branches)
    return result if bad is None else _judged(result, bad)


def everything(system: System) -> list[str]:
    """What gradients can be asked for: parameters, constants, real data, and values outside 1 … T."""
    return [d.name for d in system.of_kind("param", "constant", "input", "target")] + [INITIAL]


# ---------------------------------------------------------------- one run


class FieldArithmetic:
    """The functions of one entry, over a finite field."""

    def __init__(self, field: Field):
        self.field = field
        self.number = field.number
        self.power = field.power

    def function(self, name: str):
        own = getattr(self, f"_{name}", None)
        if own is None:
            direct = getattr(self.field, name)
            return lambda u: direct(self.field.coerce(u))
        return lambda *u: own(*map(self.field.coerce, u))

    def compare(self, comparison: str, u: Any, v: Any) -> bool:
        sign = self.field.sign(self.field.coerce(u) - self.field.coerce(v))
        return {"<": sign < 0, "<=": sign <= 0, ">": sign > 0, ">=": sign >= 0}[comparison]

    def choose(self, condition: Any, u: Any, v: Any) -> Any:
        return u if condition else v

    def frozen(self, u: Any) -> Element:
        return self.field.coerce(u).plain

    def _norm(self, square: Element) -> Element:
        return self.field.sqrt(square) if square.value else square.plain  # norm'(0) = 0

    def _sign(self, u: Element) -> Element:
        return self.field.coerce(self.field.sign(u))

    def _abs(self, u: Element) -> Element:
        return u * self.field.sign(u)

    def _relu(self, u: Element) -> Element:
        return u if self.field.sign(u) > 0 else self.field.coerce(0)

    def _silu(self, u: Element) -> Element:
        return u * self.field.sigmoid(u)

    def _gelu(self, u: Element) -> Element:
        half = self.field.coerce(1) / 2
        return half * u * (1 + self.field.erf(u * self.field.power(half, half)))

    def _elu(self, u: Element) -> Element:
        return u if self.field.sign(u) > 0 else self.field.exp(u) - 1

    def _max(self, u: Element, v: Element) -> Element:
        sign = self.field.sign(u - v)
        return (u + v) / 2 if sign == 0 else u if sign > 0 else v

    def _min(self, u: Element, v: Element) -> Element:
        sign = self.field.sign(u - v)
        return (u + v) / 2 if sign == 0 else u if sign < 0 else v

    def _clip(self, u: Element, low: Element, high: Element) -> Element:
        """Signs are drawn one by one; that what is below low ≤ high is below high too has to be said."""
        if self.field.sign(u - low) < 0:
            self.field.make_positive(high - u)
            return low
        if self.field.sign(u - high) > 0:
            self.field.make_positive(u - low)
            return high
        return u

    def _mod(self, u: Element, m: Element) -> Element:
        return u - m * self.field.floor((u / m).plain)


@dataclass
class _Moving(Run):
    """A run in which some values move: after its equation is computed, a quantity gets derivatives."""

    moves: Mapping[tuple[str, int | None], list[tuple[int, np.ndarray]]] = field(default_factory=dict)
    count: int = 0

    def define(self, definition: Definition, step: int | None) -> None:
        super().define(definition, step)
        place = (definition.key, step)
        if place not in self.moves:
            return
        if definition.is_boundary:
            values: Any = self._boundary_values
            where: Any = (definition.name, self._step_of(definition.lhs.time, None))
        elif step is None:
            values, where = self.statics, definition.name
        else:
            values, where = self.timed, (definition.name, step)
        values[where] = moved(values[where], self.moves[place], self.count)


def moved(array: np.ndarray, moves: list[tuple[int, np.ndarray]], count: int) -> np.ndarray:
    """The array with derivatives: in direction number `index` the array's direction, for each move."""
    out = np.array(array, dtype=object)
    for index, direction in moves:
        for place in np.ndindex(out.shape):
            element: Any = direction[place]
            entry = element.field.coerce(out[place])
            out[place] = entry.field.moving(entry, index, count, element)
    return out


class Trial:
    """One point of one field: random arrays, the dual run of the model as written, the run of the adjoint System."""

    def __init__(self, system: System, joined: Adjoint, sizes: Mapping[str, int], steps: int, seed: int):
        self.system, self.joined, self.sizes, self.steps, self.seed = system, joined, dict(sizes), steps, seed

    def compare(self) -> dict[str, tuple[str, float]]:
        """(outcome, bound) for every gradient; over the larger field where the smaller one says too little."""
        for prime in PRIMES:
            found = self._compare(prime)
            if sum(bound for _, bound in found.values()) <= ENOUGH:
                break
        return found

    def _compare(self, prime: int) -> dict[str, tuple[str, float]]:
        self.draw(prime)
        claims = list(self.joined.gradients)
        leaves, moves = self._claimed_places(claims)
        dual = self.run(self.system, leaves, moves, len(claims))
        self.adjoint_run = self.run(self.joined.system, {}, {}, 0)
        cost = self.field.coerce(dual.cost[()] if isinstance(dual.cost, np.ndarray) else dual.cost)
        found = {}
        for index, name in enumerate(claims):
            claimed = self.field.coerce(0)
            for value, direction in self._pairs(name, self.joined.gradients[name]):
                claimed = _inner(self.field, claimed, value, direction)
            found[name] = self.outcome(cost.dot(index), claimed)
        return found

    def outcome(self, left: Element, right: Element) -> tuple[str, float]:
        """Whether two values are equal, and the chance that different functions have equal values here."""
        degree = max(left.top + right.bottom, right.top + left.bottom)
        chance = min(1.0, _ratio(degree + self.field.accident, self.field.prime))
        if not (left.is_finite and right.is_finite):
            return UNDECIDED, chance
        return (EQUAL if left.value == right.value else WRONG), chance

    # ------------------------------------------------------------ the point

    def draw(self, prime: int) -> None:
        """Draw the point of a field: equal seeds and primes, equal points."""
        self.field = Field(prime, self.seed)
        self.table = exact_table(self.field)
        self.point: dict[Place, np.ndarray] = {}
        self.directions: dict[Place, np.ndarray] = {}
        for d in self.system.declarations:
            if d.kind == "variable":
                continue
            for step in range(1, self.steps + 1) if d.timed else (None,):
                self.point[d.name, step] = self._value(d)
        self.given: dict[tuple[str, int], np.ndarray] = {}
        for key in self.joined.gradients:
            name, step = self.boundary(key)
            if step is not None and key not in self.system.defined and name in self.system.by_name and self.seed % 2 == 0:
                self.given[name, step] = self.random(self.system.by_name[name].shape)

    def is_fixed(self, name: str) -> bool:
        """Whether a name's values are drawn by no one: a constant that the file fixes; or not from the field: a token."""
        declaration = self.system.by_name[name]
        return declaration.kind == "token" or (declaration.kind == "constant" and declaration.start is not None)

    def _value(self, declaration) -> np.ndarray:
        if declaration.kind == "token":
            length = size_value(declaration.shape[0], self.sizes)
            chosen = self.field.random.randrange(length)
            return np.array([self.field.coerce(int(i == chosen)) for i in range(length)], dtype=object)
        if declaration.kind == "constant" and declaration.start is not None:
            shape = [size_value(s, self.sizes) for s in declaration.shape]
            return np.full(shape, self.field.number(declaration.start.amount), dtype=object)
        return self.random(declaration.shape)

    def random(self, shape) -> np.ndarray:
        """An array of fresh indeterminates."""
        out = np.empty([size_value(s, self.sizes) for s in shape], dtype=object)
        for place in np.ndindex(out.shape):
            out[place] = self.field.draw()
        return out

    def boundary(self, key: str) -> tuple[str, int | None]:
        """The name and the step of `h[0]`, `b[T+1]`; no step for a plain name."""
        name, bracket, rest = key.partition("[")
        if not bracket:
            return name, None
        place = rest.rstrip("]")
        return name, self.steps + int(place[1:] or 0) if place.startswith("T") else int(place)

    def _claimed_places(self, claims: Iterable[str]):
        """Where each claim's direction enters: leaves (data, parameters, values given outside 1 … T) and boundary equations."""
        leaves: dict[Place, list[tuple[int, np.ndarray]]] = {}
        moves: dict[tuple[str, int | None], list[tuple[int, np.ndarray]]] = {}
        for index, key in enumerate(claims):
            name, outside = self.boundary(key)
            declared = self.system.by_name[name]
            steps = (outside,) if outside is not None else range(1, self.steps + 1) if declared.timed else (None,)
            for step in steps:
                direction = self.random(declared.shape)
                self.directions[key, step] = direction
                if outside is not None and key in self.system.defined:
                    moves.setdefault((key, None), []).append((index, direction))
                else:
                    leaves.setdefault((name, step), []).append((index, direction))
        return leaves, moves

    def _pairs(self, key: str, variable: str):
        """The gradient's value and its direction, at every step where it has one."""
        for (name, step), direction in self.directions.items():
            if name == key:
                timed = step is not None and self.joined.system.by_name[variable].timed
                value = self.adjoint_run.timed[variable, step or 0] if timed else self.adjoint_run.statics[variable]
                yield value, direction

    # ------------------------------------------------------------ running

    def run(self, system: System, leaves, moves, count: int) -> _Moving:
        """Compute a System at the point, with some of its leaves and equations moving."""
        run = _Moving(system, self.steps, self.sizes, dict(self.given), table=self.table, moves=moves, count=count)
        place: Place
        for place, array in self.point.items():
            name, step = place
            value = moved(array, leaves[place], count) if place in leaves else array
            if step is None:
                run.statics[name] = value
            else:
                run.timed[name, step] = value
        for name in (*self.joined.seeds.values(), *self.joined.upstream.values()):
            if name in system.by_name:
                run.statics[name] = np.asarray(self.field.coerce(1), dtype=object)
        for (name, step), directions in leaves.items():
            if (name, step) not in self.point and step is not None:
                shape = [size_value(s, self.sizes) for s in system.by_name[name].shape]
                start = run.given.get((name, step), np.full(shape, self.field.coerce(0), dtype=object))
                run.given[name, step] = moved(start, directions, count)
        run.compute()
        return run

    # ------------------------------------------------------------ which equation is wrong

    def first_fault(self) -> tuple[Definition, str] | None:
        """The first adjoint equation, in the order of computation, whose error is not dC/du."""
        forward = self.joined.forward
        places: list[tuple[str, str, int | None]] = []
        for component in self.joined.system.components:
            walk: Iterable[int | None] = range(1, self.steps + 1)
            walk = (None,) if component.kind == "static" else reversed(list(walk)) if component.direction < 0 else walk
            by_error = {error: key for key, error in (*self.joined.errors.items(), *self.joined.gradients.items())}
            for step in walk:
                places += [(d.name, by_error[d.name], step) for d in component.definitions if d.name in by_error]
        moves: dict[tuple[str, int | None], list[tuple[int, np.ndarray]]] = {}
        leaves: dict[Place, list[tuple[int, np.ndarray]]] = {}
        for index, (_, key, step) in enumerate(places):
            name, outside = self.boundary(key)
            direction = self.random(forward.by_name[name].shape)
            self.directions["fault", index] = direction
            at = outside if outside is not None else step
            if key in forward.defined:
                moves.setdefault((key, None if outside is not None else step), []).append((index, direction))
            else:
                leaves.setdefault((name, at), []).append((index, direction))
        dual = self.run(forward, leaves, moves, len(places))
        cost = self.field.coerce(dual.cost[()] if isinstance(dual.cost, np.ndarray) else dual.cost)
        for index, (error, key, step) in enumerate(places):
            value = self.adjoint_run.statics[error] if step is None else self.adjoint_run.timed[error, step]
            claimed = _inner(self.field, self.field.coerce(0), value, self.directions["fault", index])
            if self.outcome(cost.dot(index), claimed)[0] != EQUAL:
                return self.joined.system.defined[error], key
        return None


def exact_table(field: Field) -> Table:
    """The meanings over the field; log softmax(z) is known to be z - log Σ e^z."""
    table = dict(meanings(FieldArithmetic(field)))
    plain = table[Softmax]

    def softmax(node, sizes, z):
        p = plain(node, sizes, z)
        entries = [field.coerce(e).plain for e in np.asarray(z, dtype=object)]
        if all(e.is_finite for e in entries):
            total = entries[0] - entries[0]
            for e in entries:
                total = total + field.exp(e)
            if total.value:
                over = field.log(total)
                for probability, e in zip(p, entries, strict=True):
                    field.logs.setdefault(probability.value, e - over)
        return p

    return {**table, Softmax: softmax}


def _inner(field: Field, total: Element, value: np.ndarray, direction: np.ndarray) -> Element:
    for left, right in zip(np.broadcast_to(value, direction.shape).flat, direction.flat, strict=True):
        total = total + field.coerce(left) * right
    return total


def _ratio(count: int, prime: int) -> float:
    """count / prime without overflow."""
    if count <= 0:
        return 0.0
    return 2.0 ** min(0.0, math.log2(count) - math.log2(prime)) if count < prime else 1.0


# ---------------------------------------------------------------- wrong, or undecided


def _judged(result: Assembly, trial: Trial) -> Assembly:
    """The result with its disagreements judged by numbers in double precision: what these confirm is undecided."""
    doubtful = [c.name for c in result.compared if c.outcome != EQUAL]
    agreed = confirmed(trial.system, trial.joined, dict.fromkeys(doubtful), trial.seed)
    compared = tuple(
        c if c.outcome == EQUAL else Compared(c.name, c.steps, UNDECIDED if c.name in agreed else WRONG, c.bound) for c in result.compared
    )
    fault = trial.first_fault() if any(c.outcome == WRONG for c in compared) else None
    reason = "" if set(doubtful) - agreed else "functions of the model are related in a way that the field does not know"
    return Assembly(result.sizes, compared, result.runs, result.primes, result.branches, fault, reason)


__all__ = ["Assembly", "Compared", "Trial", "check_assembly", "everything"]
