"""System -> the source text of its cost over a batch, for PyTorch or JAX: the same cell as a good programmer writes it there.

Comes in: a Plan, numbers for its sizes, a vocabulary (what the library calls things, and how it loops). Goes out: a `Translation`. Products
that read one operand are one product of stacked parameters, what no recurrence needs stands before the loop, biases are added with
the product. The library differentiates; no rule of rnnsym's calculus is used, so that equal gradients say something.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.graph import Component, closure
from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS, Quantity, T, Tensor, quantities
from rnnsym.bench.schedule import Group, Plan, parts, subexpressions
from rnnsym.errors import InternalError
from rnnsym.program.interpret import evaluate

Array = Any
ALONE, PER_SEQUENCE, PER_STEP = 0, 1, 2  # how many leading axes: none, (B,), (T, B)


@dataclass(frozen=True)
class Text:
    """Source text of a value, with its leading axes, its rank, and whether it is a Python number."""

    text: str
    axes: int
    rank: int
    weak: bool = False

    def aligned(self, rank: int) -> Text:
        """With axes at the end, so that a scalar per sequence meets a vector or a matrix."""
        if self.rank == 0 and rank and self.axes:
            return Text(f"{self.text}[{', '.join(['...', *['None'] * rank])}]", self.axes, rank)
        return self


@dataclass(frozen=True)
class Loop:
    """A recurrence to be written out.

    entering  (series computed before it, name of its value at the running step)
    carried   (name of a past value, what it starts with, what it becomes), the nearest past first
    kept      (name of a value, name of the series of it that is read later)
    """

    direction: int
    steps: int
    entering: list[tuple[str, str]]
    carried: list[tuple[str, str, str]]
    kept: list[tuple[str, str]]
    body: list[str]


@dataclass(frozen=True)
class Language:
    """A library's vocabulary: what every word of a translation means there, and how a loop over steps is written."""

    words: Mapping[str, Any]
    loop: Callable[[Loop], list[str]]


@dataclass(frozen=True)
class Bundle:
    """Parameters that are held as one array, one above the other: (name, first row, last row) or (None, 0, rows) for zeros."""

    name: str
    blocks: tuple[tuple[str | None, int, int], ...]

    def joined(self, params: Mapping[str, Array], like: Array) -> Array:
        """The bundle's array. `like` gives dtype and the axes after the first."""
        rows = [np.zeros((stop, *like.shape[1:]), like.dtype) if n is None else params[n][start:stop] for n, start, stop in self.blocks]
        return np.concatenate(rows)

    def part(self, gradient: Array, into: Mapping[str, Array]) -> None:
        """Write the rows of a gradient of the bundle where they belong."""
        place = 0
        for name, start, stop in self.blocks:
            if name is not None:
                into[name][start:stop] = gradient[place : place + stop - start]
            place += stop - start


@dataclass(frozen=True)
class Translation:
    """The text of `cost(leaves, data, constants)`, the parameters that are held together, and constant arrays that it uses."""

    source: str
    bundles: tuple[Bundle, ...]
    constants: Mapping[str, Array] = field(repr=False)

    def function(self, language: Language) -> Callable[[Any, Any, Any], Any]:
        """The function itself; its text is our own, nothing of a user's text is code in it."""
        names: dict[str, Any] = dict(language.words)
        exec(compile(self.source, "<translation>", "exec"), names)
        return names["cost"]

    def leaves(self, params: Mapping[str, Array]) -> dict[str, Array]:
        """The arrays that are differentiated: bundles, and the parameters that are in none."""
        bundled = {n: b for b in self.bundles for n, _, _ in b.blocks if n is not None}
        found = {b.name: b.joined(params, next(params[n] for n, _, _ in b.blocks if n is not None)) for b in self.bundles}
        return found | {name: np.asarray(value) for name, value in params.items() if name not in bundled}

    def gradients(self, leaves: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """Gradients by the model's names from those of the leaves."""
        found = {name: np.zeros(np.shape(value), np.asarray(value).dtype) for name, value in params.items()}
        for bundle in self.bundles:
            bundle.part(leaves[bundle.name], found)
        return found | {name: np.asarray(value) for name, value in leaves.items() if name in params}


def translate(
    plan: Plan, sizes: Mapping[str, int], language: Language, classes: frozenset[str] = frozenset(), layers: Mapping[int, Any] | None = None
) -> Translation:
    """The translation of a plan.

    sizes     of the model, and T and B
    language  a vocabulary: `pytorch.language`, `jax_scan.language`
    classes   targets that are given as class numbers
    layers    component → the library's own layer that computes it (`layers.py`)
    """
    writer = _Writer(plan, sizes, language, classes, layers or {})
    return writer.write()


class _Writer:
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
        self.bundles: dict[str, Bundle] = {}
        self.pieces: dict[tuple[int, Basic], Text] = {}
        self.whole: dict[tuple[str, ...], str] = {}  # pieces in order → the array that they are pieces of
        self.groups = {(g.place, g.operand): g for g in plan.groups}
        self.count = self._occurrences()
        self.static_axes: dict[str, int] = {}

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

    def _occurrences(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for component in self.plan.components:
            for definition in component.definitions:
                for node in subexpressions(definition.rhs):
                    if isinstance(node, Quantity) and node.kind == "param":
                        found[node.name] = found.get(node.name, 0) + 1
        return found

    # ------------------------------------------------------------ the whole

    def write(self) -> Translation:
        needed = self._needed()
        for place, component in enumerate(self.plan.components):
            if place in self.layers:
                self.layers[place].write(self)
            elif component.kind == "scan":
                self._scan(place, component)
            elif component.definitions[0].name in needed:
                self._outside(component)
        total = self._cost()
        used = {name for name in self.given if isinstance(name, tuple) and name[0] == "leaf"}
        head = [f"{self.given[key]} = {source}" for key in self.given if key in used for source in [self._source(key[1])]]
        source = "\n".join(["def cost(leaves, data, constants):", *(f"    {line}" for line in [*head, *self.lines, f"return {total}"])])
        return Translation(source + "\n", tuple(self.bundles.values()), self.constants)

    def _needed(self) -> set[str]:
        """What is computed: a layer of the library takes its input and its parameters as they are."""
        read: dict[str, list[str]] = {}
        for place, component in enumerate(self.plan.components):
            for definition in component.definitions:
                layer = self.layers.get(place)
                names = (
                    [layer.reads.name, layer.state, *filter(None, [layer.cell])] if layer else [q.name for q in quantities(definition.rhs)]
                )
                read.setdefault(definition.name, []).extend(names)
        return closure({STEP_LOSS, FINAL_LOSS} & set(read), read)

    def _source(self, name: str) -> str:
        if name in self.constants:
            return f'constants["{name}"]'
        declared = self.plan.system.by_name.get(name)
        return f'leaves["{name}"]' if name in self.bundles or (declared and declared.kind == "param") else f'data["{name}"]'

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
            if value.axes < PER_STEP or value.rank < lhs.rank or self._is_thin(definition.rhs):
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

    def _is_thin(self, node: Basic) -> bool:
        """Whether its batch axis may be of length one: it runs in time by its marks alone."""
        return node.has(op.TimeIs) and not any(q.name in self.plan.batched for q in quantities(node))

    def shape(self, shape: Any) -> tuple[int, ...]:
        return tuple(self.size(n) for n in shape)

    def strong(self, value: Text, rank: int = 0) -> str:
        """The text as an array, also where it is a number."""
        return self.constant(np.asarray(float(value.text))) if value.weak else value.aligned(rank).text

    def static(self, name: str) -> Text:
        return self.known[name]

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

    # ------------------------------------------------------------ stacked products

    def stacked(self, node: op.MatrixProduct) -> bool:
        """Write the group that the product belongs to, if it is in one; afterwards `pieces` holds it."""
        if (self.place, node) in self.pieces:
            return True
        matrix, operand = node.args
        group = self.groups.get((self.place, operand))
        if group is None or not _is_given(matrix):
            return False
        matrices = [m for m in group.matrices if _is_given(m) and op.MatrixProduct(m, operand) in self.parents]
        added = {m: self._added(group, m) for m in matrices}
        timed = [m for m, found in added.items() if found is not None and found[1].time is not None]
        order = timed + [m for m in matrices if m not in timed]
        self._write_group(group, order, added, len(timed))
        return True

    def _added(self, group: Group, matrix: Tensor) -> tuple[op.Plus, Quantity] | None:
        """The sum `M @ u + b` in which the product stands alone with what is added: a bias, or in a loop what was computed before it."""
        product = op.MatrixProduct(matrix, group.operand)
        readers = [parent for place, parent in self.parents.get(product, ()) if place == group.place]
        if len(readers) == 1 and isinstance(readers[0], op.Plus) and len(readers[0].args) == 2:
            other = next((a for a in readers[0].args if a != product), product)
            if isinstance(other, Quantity) and other.rank == 1 and self._is_addable(other, group):
                return readers[0], other
        return None

    @cached_property
    def parents(self) -> dict[Basic, list[tuple[int, Basic | None]]]:
        """For every product that is written: where it stands, and what reads it (None: an equation as a whole), each time."""
        found: dict[Basic, list[tuple[int, Basic | None]]] = {}
        needed = self._needed()
        for place, component in enumerate(self.plan.components):
            where = place if component.kind == "scan" else -1
            for definition in component.definitions if place not in self.layers else ():
                if definition.name in needed:
                    pairs = [(None, definition.rhs), *((n, a) for n in subexpressions(definition.rhs) for a in parts(n))]
                    for reader, node in pairs:
                        if isinstance(node, op.MatrixProduct):
                            found.setdefault(node, []).append((where, reader))
        return found

    def _is_addable(self, other: Quantity, group: Group) -> bool:
        if other.kind == "param":
            return True
        return group.place >= 0 and other.kind == "variable" and other.offset == 0 and other.name not in self.members

    def _write_group(self, group: Group, order: list[Tensor], added: Mapping[Tensor, Any], timed: int) -> None:
        operand = self.lower(group.operand)
        rows = [self.size(m.shape[0]) for m in order]
        matrix = self._matrix(order)
        sums: dict[Tensor, Basic] = {}
        if group.place < 0:
            biased = [m for m in order if added[m] is not None]
            bias = f", {self._bias([added[m] and added[m][1] for m in order], rows)}" if biased else ""
            text = f"linear({operand.text}, {matrix}{bias})"
            sums = {m: added[m][0] for m in biased}
        elif timed == len(order):
            text = f"affine({self._before([added[m][1] for m in order])}, {operand.text}, {self._turned(matrix)})"
            sums = {m: added[m][0] for m in order}
        else:
            text = f"product({operand.text}, {self._turned(matrix)})"
            if timed:
                sums = {m: added[m][0] for m in order[:timed]}
        axes = PER_SEQUENCE if self.place >= 0 else operand.axes
        if len(order) == 1:
            names = [self._assigned(object(), _word(order[0]), Text(text, axes, 1)).text]
        else:
            whole = self.fresh("stack")
            self.say(f"{whole} = {text}")
            parts = rows
            names = [self.fresh(_word(m)) for m in order]
            if group.place >= 0 and 0 < timed < len(order):
                length = sum(rows[:timed])
                before = self._before([added[m][1] for m in order[:timed]])
                upper = self.fresh("upper")
                self.say(f"{upper} = {whole}[..., :{length}] + {before}")
                self._split(names[:timed], upper, parts[:timed])
                lower = names[timed:]
                self._split(lower, f"{whole}[..., {length}:]", parts[timed:])
            else:
                self._split(names, whole, parts)
                self.whole[tuple(names)] = whole
        for m, name in zip(order, names, strict=True):
            node = sums.get(m, op.MatrixProduct(m, group.operand))
            self.pieces[self.place, node] = Text(name, axes, 1)

    def _split(self, names: list[str], whole: str, rows: list[int]) -> None:
        if len(names) == 1:
            self.say(f"{names[0]} = {whole}")
        else:
            self.say(f"{', '.join(names)} = split({whole}, {rows})")

    def _matrix(self, matrices: list[Tensor]) -> str:
        """The stacked matrix: held as one where all are parameters that nothing else reads, else joined."""
        if len(matrices) == 1:
            return self._outer(matrices[0])
        if all(self._is_alone(m) for m in matrices):
            return self.bundle(tuple((m.name, 0, self.size(m.shape[0])) for m in matrices), "stacked")
        return self._joined([self._outer(m) for m in matrices], "stacked")

    def _is_alone(self, node: Tensor) -> bool:
        """Whether it is a parameter that is read once."""
        return isinstance(node, Quantity) and node.kind == "param" and self.count[node.name] == 1

    def _joined(self, texts: list[str], word: str) -> str:
        key = ("joined", tuple(texts))
        if key not in self.given:
            self.lines.append(f"{self.name(key, word)} = join([{', '.join(texts)}])")
        return self.given[key]

    def bundle(self, blocks: tuple[tuple[str | None, int, int], ...], word: str) -> str:
        """The local name of parameters held together."""
        name = f"{word} {len(self.bundles) + 1}"  # no name of a model has a blank in it
        self.bundles[name] = Bundle(name, blocks)
        return self.name(("leaf", name), word)

    def held(self, blocks: tuple[tuple[Quantity, int] | None, ...], length: int, word: str) -> str:
        """The local name of blocks of rows, held together where nothing else reads these parameters (None: zeros)."""
        names = [b[0] for b in blocks if b is not None]
        if not names:
            return self.constant(np.zeros(length * len(blocks)))
        rows = [(None, 0, length) if b is None else (b[0].name, b[1] * length, (b[1] + 1) * length) for b in blocks]
        if all(map(self._is_alone, names)):
            return self.bundle(tuple(rows), word)
        zeros = self.constant(np.zeros(length)) if None in blocks else ""
        return self._joined([zeros if n is None else f"{self.leaf(n)}[{start}:{stop}]" for n, start, stop in rows], word)

    def settle(self, name: str, series: str) -> None:
        """A library's layer has computed a variable at every step."""
        self.known[name] = Text(series, PER_STEP, 1)

    def _bias(self, wanted: list[Quantity | None], rows: list[int]) -> str:
        if len(wanted) == 1 and wanted[0] is not None:
            return self._outer(wanted[0])
        if all(q is None or self._is_alone(q) for q in wanted):
            blocks = tuple((None if q is None else q.name, 0, n) for q, n in zip(wanted, rows, strict=True))
            return self.bundle(blocks, "bias")
        texts = [self.constant(np.zeros(n)) if q is None else self._outer(q) for q, n in zip(wanted, rows, strict=True)]
        return self._joined(texts, "bias")

    def _before(self, added: list[Quantity]) -> str:
        """At the running step, what was computed before the loop for several gates, as one array."""
        texts = tuple(self.series(q.name, 0) for q in added)
        if len(texts) == 1:
            return self.stepping(texts[0], added[0].name)
        whole = self.whole.get(texts)
        if whole is None:
            whole = self.name(("beside", texts), "before")
            self.lines.append(f"{whole} = concat([{', '.join(texts)}])")
            self.whole[texts] = whole
        return self.stepping(whole, "now")

    def _turned(self, matrix: str) -> str:
        key = ("turned", matrix)
        if key not in self.given:
            self.lines.append(f"{self.name(key, f'{matrix}_T')} = turn({matrix})")
        return self.given[key]

    def _outer(self, node: Tensor) -> str:
        """A parameter, constant, or its transpose, outside the loop."""
        return _leaf(self, node).text if isinstance(node, Quantity) else self._turned(self._outer(node.args[0]))


def _is_given(matrix: Tensor) -> bool:
    """Whether it is there before anything is computed."""
    inner = matrix.args[0] if isinstance(matrix, op.Transposed) else matrix
    return isinstance(inner, Quantity) and inner.kind in ("param", "constant")


def _word(matrix: Tensor) -> str:
    return f"{next(quantities(matrix)).name}_u"


# ---------------------------------------------------------------- one rule per operator

RULES: dict[type, Callable[[_Writer, Any], Text]] = {}


def rule(*operators: type):
    """Enter a function (writer, node) into the table."""

    def enter(function):
        RULES.update(dict.fromkeys(operators, function))
        return function

    return enter


@rule(Quantity)
def _quantity(writer: _Writer, node: Quantity) -> Text:
    one_hot = node.kind == "token" or node.name in writer.classes
    value = _leaf(writer, node)
    if one_hot:
        return Text(f"one_hot({value.text}, {writer.size(node.shape[0])})", value.axes, 1)
    return value


def _leaf(writer: _Writer, node: Quantity) -> Text:
    if node.time is None:
        if node.kind == "variable":
            return writer.static(node.name)
        declared = writer.plan.system.by_name[node.name]
        if node.kind == "constant" and declared.start is not None and declared.start.amount is not None:
            value = np.full(writer.shape(node.shape), float(declared.start.amount))
            return Text(writer.constant(value), ALONE, node.rank)
        return Text(writer.leaf(node.name), PER_SEQUENCE if node.kind in ("input", "target", "token") else ALONE, node.rank)
    if node.is_absolute:
        return writer.at(node)
    offset = node.offset or 0
    if writer.inner is None:
        return Text(writer.series(node.name, offset), PER_STEP, node.rank)
    if node.name in writer.members:
        return Text(writer.carry(node.name, abs(offset)), PER_SEQUENCE, node.rank)
    return Text(writer.stepping(writer.series(node.name, offset), node.name), PER_SEQUENCE, node.rank)


@rule(op.Plus)
def _plus(writer: _Writer, node: op.Plus) -> Text:
    for term in node.args:
        if isinstance(term, op.MatrixProduct) and writer.stacked(term) and (writer.place, node) in writer.pieces:
            return writer.pieces[writer.place, node]
    result = writer.lower(node.args[0])
    for term in node.args[1:]:
        negative = isinstance(term, op.Negate)
        result = writer.combine("-" if negative else "+", result, writer.lower(term.args[0] if negative else term))
    return result


@rule(op.Negate)
def _negate(writer: _Writer, node: op.Negate) -> Text:
    value = writer.lower(node.args[0])
    return Text(f"(-{value.text})", value.axes, value.rank, value.weak)


@rule(op.Times)
def _times(writer: _Writer, node: op.Times) -> Text:
    values = sorted((writer.lower(f) for f in node.args), key=lambda v: (v.axes * (v.rank > 0), v.rank))  # small ones first
    result = values[0]
    for value in values[1:]:
        result = writer.combine("*", result, value)
    return result


@rule(op.Quotient)
def _quotient(writer: _Writer, node: op.Quotient) -> Text:
    return writer.combine("/", *map(writer.lower, node.args))


@rule(op.Raise)
def _raise(writer: _Writer, node: op.Raise) -> Text:
    return writer.combine("**", *map(writer.lower, node.args))


@rule(op.Complement)
def _complement(writer: _Writer, node: op.Complement) -> Text:
    u = writer.lower(node.args[1])
    return writer.call("sigmoid", Text(f"(-{u.text})", u.axes, u.rank))


ELEMENTWISE = {"abs": "absolute", "min": "minimum", "max": "maximum"}


@rule(op.Elementwise)
def _elementwise(writer: _Writer, node: op.Elementwise) -> Text:
    return writer.call(ELEMENTWISE.get(node.function, node.function), *map(writer.lower, node.arguments))


@rule(op.StopGradient)
def _stop(writer: _Writer, node: op.StopGradient) -> Text:
    return writer.call("stopped", value := writer.lower(node.args[0]), rank=value.rank)


@rule(op.Compare)
def _compare(writer: _Writer, node: op.Compare) -> Text:
    return writer.combine(node.comparison, *map(writer.lower, node.args[1:]))


@rule(op.TimeIs)
def _time_is(writer: _Writer, node: op.TimeIs) -> Text:
    steps = np.arange(1, writer.sizes["T"] + 1) + int(node.time.as_coeff_Add()[0])
    mark = int(node.mark.xreplace({T: sympy.Integer(writer.sizes["T"])}))
    name = writer.constant((steps == mark)[:, None])
    return Text(name, PER_STEP, 0) if writer.inner is None else Text(writer.stepping(name, "mark"), PER_SEQUENCE, 0)


@rule(op.Branch)
def _branch(writer: _Writer, node: op.Branch) -> Text:
    return writer.call("where", *map(writer.lower, node.args))


@rule(op.MatrixProduct)
def _matrix_product(writer: _Writer, node: op.MatrixProduct) -> Text:
    a, b = node.args
    if isinstance(a, op.Diagonal):
        v, right = writer.lower(a.args[0]), writer.lower(b)
        return writer.combine("*", Text(f"{v.text}[..., :, None]", v.axes, 2) if b.rank == 2 else v, right)
    if isinstance(b, op.Diagonal):
        v, left = writer.lower(b.args[0]), writer.lower(a)
        return writer.combine("*", left, Text(f"{v.text}[..., None, :]", v.axes, 2))
    if isinstance(b, op.Ones) and b.rank == 1:
        left = writer.lower(a)
        return Text(f"add_up({left.text}, (-1,))", left.axes, 1)
    if isinstance(a, op.Outer) and b.rank == 1:
        return writer.lower(op.Times(a.args[0], op.Dot(a.args[1], b)))
    if isinstance(b, Quantity) and (b.kind == "token" or b.name in writer.classes) and not writer.plan.is_batched(a):
        number = _leaf(writer, b)
        return Text(f"select({writer.lower(a).text}, {number.text}, {bool(b.offset)})", number.axes, 1)
    if writer.stacked(node):
        return writer.pieces[writer.place, node]
    left, right = writer.lower(a), writer.lower(b)
    if b.rank == 2:
        return Text(f"({left.text} @ {right.text})", max(left.axes, right.axes), 2)
    if left.axes == ALONE and right.axes > ALONE:
        return Text(f"linear({right.text}, {left.text})", right.axes, 1)
    if right.axes == ALONE:
        return Text(f"({left.text} @ {right.text})", left.axes, 1)
    return Text(f"matvec({left.text}, {right.text})", max(left.axes, right.axes), 1)


@rule(op.Transposed)
def _transposed(writer: _Writer, node: op.Transposed) -> Text:
    value = writer.lower(node.args[0])
    return Text(f"turn({value.text})", value.axes, 2)


@rule(op.Outer)
def _outer(writer: _Writer, node: op.Outer) -> Text:
    return writer.call("outer", *map(writer.lower, node.args), rank=2)


@rule(op.Dot)
def _dot(writer: _Writer, node: op.Dot) -> Text:
    return writer.call("dot", *map(writer.lower, node.args), rank=0)


@rule(op.Diagonal)
def _diagonal(writer: _Writer, node: op.Diagonal) -> Text:
    v = writer.lower(node.args[0])
    eye = Text(writer.constant(np.eye(writer.size(node.shape[0]))), ALONE, 2)
    return writer.combine("*", Text(f"{v.text}[..., :, None]", v.axes, 2), eye)


@rule(op.SumEntries, op.MeanEntries, op.Norm)
def _reduced(writer: _Writer, node: Tensor) -> Text:
    word = {op.SumEntries: "add_up", op.MeanEntries: "mean_of", op.Norm: "norm"}[type(node)]
    value = writer.lower(node.args[0])
    return Text(f"{word}({value.text}, {'(-1,)' if value.rank == 1 else '(-2, -1)'})", value.axes, 0)


@rule(op.Concat)
def _concat(writer: _Writer, node: op.Concat) -> Text:
    values = [writer.lower(part) for part in node.args]
    texts = [f"{writer.strong(v)}[..., None]" if v.rank == 0 else v.text for v in values]
    return Text(f"concat([{', '.join(texts)}])", max(v.axes for v in values), 1)


@rule(op.Slice)
def _slice(writer: _Writer, node: op.Slice) -> Text:
    value = writer.lower(node.args[0])
    return Text(f"{value.text}[..., {writer.size(node.args[1])}:{writer.size(node.args[2])}]", value.axes, 1)


@rule(op.Roll)
def _roll(writer: _Writer, node: op.Roll) -> Text:
    value = writer.lower(node.args[0])
    return Text(f"roll({value.text}, {int(node.args[1])})", value.axes, 1)


@rule(op.Softmax, op.LogSoftmax)
def _softmax(writer: _Writer, node: Tensor) -> Text:
    return writer.call("softmax" if isinstance(node, op.Softmax) else "log_softmax", writer.lower(node.args[0]), rank=1)


@rule(op.LogSumExp)
def _logsumexp(writer: _Writer, node: op.LogSumExp) -> Text:
    return writer.call("logsumexp", writer.lower(node.args[0]), rank=0)


LOSSES = {
    op.CrossEntropy: "cross_entropy",
    op.BinaryCrossEntropy: "binary_cross_entropy",
    op.SquaredError: "squared_error",
    op.SoftmaxCrossEntropy: "softmax_cross_entropy",
    op.SigmoidCrossEntropy: "sigmoid_cross_entropy",
    op.SigmoidBinaryCrossEntropy: "sigmoid_binary_cross_entropy",
}


@rule(*LOSSES)
def _loss(writer: _Writer, node: Tensor) -> Text:
    y, other = node.args
    word, value = LOSSES[type(node)], writer.lower(other)
    if isinstance(y, Quantity) and y.name in writer.classes and word in ("cross_entropy", "softmax_cross_entropy") and not y.offset:
        number = _leaf(writer, y)
        return Text(f"{word}_of_class({number.text}, {value.text})", max(value.axes, number.axes), 0)
    terms = writer.call(word, writer.lower(y), value)
    return Text(f"add_up({terms.text}, (-1,))", terms.axes, 0) if terms.rank else terms


@rule(op.Total)
def _total(writer: _Writer, node: op.Total) -> Text:
    body = writer.lower(node.body)
    if body.axes < PER_STEP or writer._is_thin(node.body):
        body = Text(
            f"spread({writer.strong(body)}, {(writer.sizes['T'], writer.sizes['B'], *writer.shape(node.shape))})", PER_STEP, node.rank
        )
    return Text(f"add_up({body.text}, (0,))", PER_SEQUENCE, node.rank)
