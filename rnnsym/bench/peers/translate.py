"""System -> the source text of its cost over a batch, for PyTorch or JAX: the same cell as a good programmer writes it there.

Comes in: a Plan, numbers for its sizes, a vocabulary (what the library calls things, and how it loops). Goes out: a `Translation`. Products
that read one operand are one product of stacked parameters, what no recurrence needs stands before the loop, biases are added with
the product. The library differentiates; no rule of rnnsym's calculus is used, so that equal gradients say something.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.graph import Component, closure
from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.system import Definition
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS, Quantity, T, quantities
from rnnsym.bench.peers.holding import Holdings
from rnnsym.bench.peers.rules import RULES
from rnnsym.bench.peers.stacking import Stacks
from rnnsym.bench.peers.translation import ALONE, PER_SEQUENCE, PER_STEP, Array, Language, Loop, Text, Translation
from rnnsym.bench.schedule import Plan
from rnnsym.errors import InternalError
from rnnsym.program.interpret import evaluate


def translate(
    plan: Plan, sizes: Mapping[str, int], language: Language, classes: frozenset[str] = frozenset(), layers: Mapping[int, Any] | None = None
) -> Translation:
    """The translation of a plan.

    sizes     of the model, and T and B
    language  a vocabulary: `pytorch.language`, `jax_scan.language`
    classes   targets that are given as class numbers
    layers    component → the library's own layer that computes it (`layers.py`)
    """
    writer = Writer(plan, sizes, language, classes, layers or {})
    return writer.write()


class Writer:
    """The lines written so far, and what has a name in them."""

    def __init__(self, plan: Plan, sizes: Mapping[str, int], language: Language, classes: frozenset[str], layers: Mapping[int, Any]):
        self.plan, self.sizes, self.language, self.classes, self.layers = plan, sizes, language, classes, layers
        self.lines: list[str] = []  # before and between the loops
        self.inner: list[str] | None = None  # inside one
        self.place = -1
        self.members: frozenset[str] = frozenset()
        self.entering: dict[str, str] = {}  # series → its value at the running step
        self.taken = (
            set(keyword.kwlist) | set(language.words) | {"leaves", "data", "constants", "range", "step", "body", "carry", "at", "inf"}
        )
        self.given: dict[Any, str] = {}
        self.known: dict[Any, Text] = {}
        self.constants: dict[str, Array] = {}
        self.pieces: dict[tuple[int, Basic], Text] = {}
        self.held, self.stacks = Holdings(self), Stacks(self)

    # ------------------------------------------------------------ names

    def name(self, key: Any, wanted: str) -> str:
        """The local name of what `key` stands for."""
        if key not in self.given:
            base = wanted.replace("'", "_once")
            while base in self.taken:
                base += "_"
            self.taken.add(base)
            self.given[key] = base
        return self.given[key]

    def fresh(self, wanted: str) -> str:
        return self.name(object(), wanted) if wanted not in self.taken else self.fresh(f"{wanted}_")

    def say(self, line: str) -> None:
        (self.lines if self.inner is None else self.inner).append(line)

    def size(self, length: sympy.Expr) -> int:
        return size_value(length, self.sizes)

    # ------------------------------------------------------------ the whole

    def write(self) -> Translation:
        for place, component in enumerate(self.plan.components):
            if place in self.layers:
                self.layers[place].write(self)
            elif component.kind == "scan":
                self._scan(place, component)
            elif component.definitions[0].name in self.needed:
                self._outside(component)
        total = self._cost()
        used = {name for name in self.given if isinstance(name, tuple) and name[0] == "leaf"}
        head = [f"{self.given[key]} = {source}" for key in self.given if key in used for source in [self._source(key[1])]]
        source = "\n".join(["def cost(leaves, data, constants):", *(f"    {line}" for line in [*head, *self.lines, f"return {total}"])])
        return Translation(source + "\n", tuple(self.held.bundles.values()), self.constants)

    @cached_property
    def needed(self) -> set[str]:
        """What is computed: a layer of the library takes its input and its parameters as they are."""
        read: dict[str, list[str]] = {}
        for place, component in enumerate(self.plan.components):
            layer = self.layers.get(place)
            for definition in component.definitions:
                names = (
                    [layer.reads.name, layer.state, *filter(None, [layer.cell])] if layer else [q.name for q in quantities(definition.rhs)]
                )
                read.setdefault(definition.name, []).extend(names)
        return closure({STEP_LOSS, FINAL_LOSS} & set(read), read)

    def written(self) -> Iterator[tuple[int, Definition]]:
        """The equations that are written out, each with the loop that it stands in (-1: none)."""
        for place, component in enumerate(self.plan.components):
            for definition in component.definitions if place not in self.layers else ():
                if definition.name in self.needed:
                    yield place if component.kind == "scan" else -1, definition

    def _source(self, name: str) -> str:
        if name in self.constants:
            return f'constants["{name}"]'
        declared = self.plan.system.by_name.get(name)
        return f'leaves["{name}"]' if name in self.held.bundles or (declared and declared.kind == "param") else f'data["{name}"]'

    def leaf(self, name: str) -> str:
        """The local name of a parameter, a bundle, data or a constant array."""
        return self.name(("leaf", name), name)

    def constant(self, value: Array) -> str:
        """The local name of a constant array."""
        for key, known in self.constants.items():
            if known.shape == value.shape and np.array_equal(known, value):
                return self.leaf(key)
        key = f"k{len(self.constants) + 1}"
        while key in self.plan.system.by_name:
            key += "_"
        self.constants[key] = value
        return self.leaf(key)

    def _cost(self) -> str:
        terms = []
        if STEP_LOSS in self.plan.needed:
            terms.append(f"add_up({self.series(STEP_LOSS, 0)}, (0,))")
        if FINAL_LOSS in self.plan.needed:
            terms.append(self.static(FINAL_LOSS).text)
        return f"average({' + '.join(terms)})"

    # ------------------------------------------------------------ outside the recurrences

    def _outside(self, component: Component) -> None:
        (definition,) = component.definitions
        value = self.lower(definition.rhs)
        lhs = definition.lhs
        if definition.is_boundary:
            shape = self.shape(lhs.shape)
            value = Text(f"spread({self.strong(value, lhs.rank)}, {(self.sizes['B'], *shape)})", PER_SEQUENCE, lhs.rank)
            self.known[definition.key] = self._assigned(("boundary", definition.key), f"{lhs.name}_start", value)
        elif component.kind == "map":
            if value.axes < PER_STEP or value.rank < lhs.rank or self.is_thin(definition.rhs):
                shape = (self.sizes["T"], self.sizes["B"], *self.shape(lhs.shape))
                value = Text(f"spread({self.strong(value, lhs.rank)}, {shape})", PER_STEP, lhs.rank)
            self.known[lhs.name] = self._assigned(("series", lhs.name), f"{lhs.name}_all", value)
        else:
            if value.weak or value.rank < lhs.rank:
                lead = (self.sizes["B"],) if value.axes else ()
                value = Text(f"spread({self.strong(value, lhs.rank)}, {(*lead, *self.shape(lhs.shape))})", value.axes, lhs.rank)
            self.known[lhs.name] = self._assigned(("static", lhs.name), lhs.name, value)

    def _assigned(self, key: Any, wanted: str, value: Text) -> Text:
        if value.text.isidentifier():
            self.given[key] = value.text
            return value
        name = self.name(key, wanted)
        self.say(f"{name} = {value.text}")
        return Text(name, value.axes, value.rank)

    def is_thin(self, node: Basic) -> bool:
        """Whether its batch axis may be of length one: it runs in time by its marks alone."""
        return node.has(op.TimeIs) and not any(q.name in self.plan.batched for q in quantities(node))

    def shape(self, shape: Any) -> tuple[int, ...]:
        return tuple(self.size(n) for n in shape)

    def strong(self, value: Text, rank: int = 0) -> str:
        """The text as an array, also where it is a number."""
        return self.constant(np.asarray(float(value.text))) if value.weak else value.aligned(rank).text

    def static(self, name: str) -> Text:
        return self.known[name]

    def settle(self, name: str, series: str) -> None:
        """A library's layer has computed a variable at every step."""
        self.known[name] = Text(series, PER_STEP, 1)

    # ------------------------------------------------------------ values of timed quantities

    def series(self, name: str, offset: int) -> str:
        """The array (T, B, …) of a quantity, shifted: entry s holds step s + offset, beyond the ends what is said there."""
        declared = self.plan.system.by_name[name]
        base = self.known[name].text if declared.kind == "variable" else self.leaf(name)
        if offset == 0:
            return base
        key = ("shifted", name, offset)
        if key not in self.given:
            steps = range(1 + offset, 1) if offset < 0 else range(1, offset + 1)
            rows = [self.beyond(name, f"{name}[{s}]" if offset < 0 else f"{name}[T+{s}]").text for s in steps]
            local = self.name(key, f"{name}_{'before' if offset < 0 else 'after'}{abs(offset)}")
            self.lines.append(f"{local} = shift({base}, {offset}, [{', '.join(rows)}])")
        return self.given[key]

    def beyond(self, name: str, key: str) -> Text:
        """The value outside 1 … T: the file's, or zero (no class, for numbers of classes)."""
        declared = self.plan.system.by_name[name]
        if key in self.known:
            return self.known[key]
        rank = len(declared.shape)
        if declared.kind == "token" or name in self.classes:
            return Text(self.constant(np.full((self.sizes["B"],), -1)), PER_SEQUENCE, rank)
        return Text(self.constant(np.zeros((self.sizes["B"], *self.shape(declared.shape)))), PER_SEQUENCE, rank)

    def at(self, quantity: Quantity) -> Text:
        """A timed quantity at a fixed step."""
        place = quantity.time.xreplace({T: sympy.Integer(self.sizes["T"])})
        if 1 <= place <= self.sizes["T"]:
            return Text(f"{self.series(quantity.name, 0)}[{int(place) - 1}]", PER_SEQUENCE, quantity.rank)
        key = f"{quantity.name}[{quantity.time if not quantity.time.has(T) else f'T+{int(quantity.time - T)}'}]"
        return self.beyond(quantity.name, key)

    def stepping(self, series: str, wanted: str) -> str:
        """The value at the running step of an array that was computed before the loop."""
        if series not in self.entering:
            self.entering[series] = self.name(("step", self.place, series), wanted)
        return self.entering[series]

    # ------------------------------------------------------------ a recurrence

    def _scan(self, place: int, component: Component) -> None:
        names = [d.name for d in component.definitions]
        self.place, self.members, self.inner, self.entering = place, frozenset(names), [], {}
        reach = self._reach(component)
        for definition in component.definitions:
            value = self.lower(definition.rhs)
            lhs = definition.lhs
            if value.rank < lhs.rank or value.weak or value.axes < PER_SEQUENCE:
                value = Text(f"spread({self.strong(value, lhs.rank)}, {(self.sizes['B'], *self.shape(lhs.shape))})", PER_SEQUENCE, lhs.rank)
            self._assigned_now(lhs.name, value)
        body, self.inner = self.inner, None
        carried = [
            (self.carry(n, k), self.beyond(n, f"{n}[{1 - k}]" if component.direction > 0 else f"{n}[T+{k}]").text, self.carry(n, k - 1))
            for n in names
            for k in range(1, reach.get(n, 0) + 1)
        ]
        read = self._read_outside(place)
        kept = [(self.carry(n, 0), self.name(("series", n), f"{n}_all")) for n in names if n in read]
        for n in names:
            self.known[n] = Text(self.given.get(("series", n), ""), PER_STEP, len(self.plan.system.by_name[n].shape))
        self.lines += self.language.loop(Loop(component.direction, self.sizes["T"], list(self.entering.items()), carried, kept, body))
        self.place, self.members = -1, frozenset()

    def _assigned_now(self, name: str, value: Text) -> None:
        local = self.carry(name, 0)
        self.say(f"{local} = {value.text}")

    def carry(self, name: str, lag: int) -> str:
        return self.name(("now", name), name) if lag == 0 else self.name(("lag", name, lag), f"{name}_{lag}")

    def _reach(self, component: Component) -> dict[str, int]:
        found: dict[str, int] = {}
        for definition in component.definitions:
            for quantity in quantities(definition.rhs):
                if quantity.name in self.members and quantity.offset:
                    found[quantity.name] = max(found.get(quantity.name, 0), abs(quantity.offset))
        return found

    def _read_outside(self, place: int) -> set[str]:
        rows = [d for i, c in enumerate(self.plan.components) if i != place for d in c.definitions]
        return {q.name for d in rows for q in quantities(d.rhs)} | {STEP_LOSS}

    # ------------------------------------------------------------ expressions

    def lower(self, node: Basic) -> Text:
        """The text of an expression where the writer stands."""
        if (self.place, node) in self.pieces:
            return self.pieces[self.place, node]
        if not node.has(Quantity, op.Total, op.TimeIs):
            value = evaluate(node, {}, self.sizes)
            if value.shape == () and not isinstance(node, op.Condition):
                return Text(repr(float(value)), ALONE, 0, weak=True)
            return Text(self.constant(value), ALONE, value.ndim)
        rule = RULES.get(type(node))
        if rule is None:
            raise InternalError.at("E999", f"no translation of {type(node).__name__}")
        return rule(self, node)

    def combine(self, operator: str, left: Text, right: Text) -> Text:
        rank = max(left.rank, right.rank)
        text = f"({left.aligned(rank).text} {operator} {right.aligned(rank).text})"
        return Text(text, max(left.axes, right.axes), rank, left.weak and right.weak)

    def call(self, function: str, *values: Text, rank: int | None = None) -> Text:
        """A function of the vocabulary: elementwise (rank None) or with a rank of its own; numbers become arrays."""
        shared = max(v.rank for v in values) if rank is None else 0
        texts = [self.strong(v, shared) for v in values]
        return Text(f"{function}({', '.join(texts)})", max(v.axes for v in values), shared if rank is None else rank)
