"""Is a recurrence of the model one of PyTorch's fused layers? Decided by what it computes, not by what it is called.

Comes in: a Plan. Goes out: for each recurrence the layer (`nn.RNN`, `nn.LSTM`, `nn.GRU`) that is the same function, with how the model's
parameters become the layer's; or why there is none. Candidates are read off the equations: rows `W u`, `U h[t-1]` and biases of one
length. Which rows are which gate is then tried: a mapping counts only where the layer's formulas and the interpreter, run on the
model's own equations, give the same numbers on random arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from rnnsym.algebra import operators as op
from rnnsym.algebra.graph import Component
from rnnsym.algebra.sizes import same_size, size_value
from rnnsym.algebra.tensor import Quantity, Tensor, quantities
from rnnsym.bench.schedule import Plan, subexpressions
from rnnsym.program.interpret import Run, interpret
from rnnsym.proof.draws import small_sizes

Array = Any
STEPS, TOLERANCE = 5, 1e-10


class NoLayer(Exception):
    """Why a recurrence is not a layer of PyTorch."""


@dataclass(frozen=True)
class Row:
    """One gate's parameters: (matrix or bias, number of the block of rows), None where the equations have none."""

    inputs: tuple[Quantity, int] | None = None
    input_bias: tuple[Quantity, int] | None = None
    states: tuple[Quantity, int] | None = None
    state_bias: tuple[Quantity, int] | None = None


@dataclass(frozen=True)
class Layer:
    """A recurrence that a fused layer computes.

    kind   RNN_TANH, RNN_RELU, LSTM or GRU, as PyTorch calls them
    rows   the gates in PyTorch's order
    reads  what stands at its input; `state`, `cell` the names of h and c
    """

    kind: str
    place: int
    direction: int
    reads: Quantity
    state: str
    cell: str | None
    rows: tuple[Row, ...]

    def weights(self) -> tuple[tuple[str, tuple[tuple[Quantity, int] | None, ...]], ...]:
        """PyTorch's four weights, each as blocks of rows of the model's parameters."""
        words = ("inputs", "states", "input_bias", "state_bias")
        return tuple((word, tuple(getattr(row, word) for row in self.rows)) for word in words)

    def write(self, writer: Any) -> None:
        """The lines of a translation that compute it."""
        state = writer.plan.system.by_name[self.state]
        length = writer.size(state.shape[0])
        names = [writer.held.rows(blocks, length, word) for word, blocks in self.weights()]
        series, out = writer.series(self.reads.name, self.reads.offset), writer.name(("series", self.state), f"{self.state}_all")
        key = "[0]" if self.direction > 0 else "[T+1]"
        starts = [writer.beyond(n, n + key).text for n in (self.state, self.cell) if n is not None]
        arguments = f'"{self.kind}", {series}, [{", ".join(starts)}], [{", ".join(names)}], {self.direction < 0}'
        last = writer.fresh("last") if self.cell is None else writer.name(("last", self.cell), f"{self.cell}_last")
        writer.say(f"{out}, {last} = fused({arguments})")
        writer.settle(self.state, out)


def find_layers(plan: Plan) -> tuple[dict[int, Layer], str]:
    """The layers by component; and, where a recurrence is none, an empty dictionary and the reason."""
    found: dict[int, Layer] = {}
    try:
        for place, component in enumerate(plan.components):
            if component.kind == "scan":
                found[place] = _layer(plan, place, component)
    except NoLayer as reason:
        return {}, str(reason)
    return (found, "") if found else ({}, "the model has no recurrence")


def _layer(plan: Plan, place: int, component: Component) -> Layer:
    names = {d.name for d in component.definitions}
    word = ", ".join(sorted(names & {n for n, reach in plan.system.extents.items() if any(reach)}))
    state, rows, reads = _rows(plan, place, component, names)
    lagged = {q.name for d in component.definitions for q in quantities(d.rhs) if q.name in names and q.offset}
    others = sorted(lagged - {state})
    _require(len(others) <= 1, word)
    outside = {q.name for i, c in enumerate(plan.components) if i != place for d in c.definitions for q in quantities(d.rhs)} & names
    if not outside <= {state}:
        raise NoLayer(f"{', '.join(sorted(outside - {state}))} is read outside the recurrence; the fused layer does not give it")
    cell = others[0] if others else None
    run = _example(plan)
    for kind, order in _candidates(rows, cell):
        layer = Layer(kind, place, component.direction, reads, state, cell, order)
        if _agrees(layer, run):
            return layer
    raise NoLayer(f"the recurrence of {word} is none of its RNN, LSTM, GRU")


def _require(condition: bool, word: str) -> None:
    if not condition:
        raise NoLayer(f"the recurrence of {word} is none of its RNN, LSTM, GRU")


# ---------------------------------------------------------------- reading the rows off the equations


def _rows(plan: Plan, place: int, component: Component, names: set[str]) -> tuple[str, list[Row], Quantity]:
    """The recurrent operand, the rows of parameters (whole where the equations have both products in one sum), the input."""
    word = ", ".join(sorted(names & {n for n, reach in plan.system.extents.items() if any(reach)}))
    groups = [g for g in plan.groups if g.place == place]
    _require(len(groups) == 1 and isinstance(groups[0].operand, Quantity), word)
    state = groups[0].operand
    _require(state.offset == -component.direction and state.name in names, word)
    paired: list[Row] = []
    inputs: list[tuple[Quantity, Row | None]] = []
    states: list[Row] = []
    used: set[str] = set()
    maps = {d.name: d for c in plan.components if c.kind == "map" for d in c.definitions}
    sums = [n for d in component.definitions for n in subexpressions(d.rhs) if isinstance(n, op.Plus)]
    length = plan.system.by_name[state.name].shape[0]
    for matrix in groups[0].matrices:
        _require(isinstance(matrix, Quantity) and matrix.kind == "param", word)
        product = op.MatrixProduct(matrix, state)
        beside = next(([a for a in s.args if a != product] for s in sums if product in s.args), [])
        bias = [a for a in beside if isinstance(a, Quantity) and a.kind == "param"]
        before = [a for a in beside if isinstance(a, Quantity) and a.name in maps and a.offset == 0]
        _require(len(bias) + len(before) == len(beside) and len(before) <= 1 and len(bias) <= 1, word)
        used |= {q.name for q in (matrix, *bias, *before)}
        blocks = [
            Row(states=u, state_bias=b) for u, b in zip(_blocks(matrix, length, word), _optional(bias, matrix, length, word), strict=True)
        ]
        if before:
            given, source = _input(maps[before[0].name].rhs, word)
            _require(same_size(given[0].shape[0], matrix.shape[0]), word)
            pieces = _pieces(given, length, word)
            paired += [Row(i.inputs, i.input_bias, s.states, s.state_bias) for i, s in zip(pieces, blocks, strict=True)]
            inputs.append((source, None))
        else:
            states += blocks
    for quantity in {q for d in component.definitions for q in quantities(d.rhs) if q.name not in names and q.name not in used}:
        _require(quantity.name in maps and quantity.offset == 0, word)
        given, source = _input(maps[quantity.name].rhs, word)
        inputs += [(source, piece) for piece in _pieces(given, length, word)]
    sources = {source for source, _ in inputs}
    _require(len(sources) == 1, word)
    loose = [piece for _, piece in inputs if piece is not None]
    _require(len(loose) == len(states) and len(loose) <= 1, word)
    paired += [Row(i.inputs, i.input_bias, s.states, s.state_bias) for i, s in zip(loose, states, strict=True)]
    return state.name, paired, sources.pop()


def _input(node: Tensor, word: str) -> tuple[tuple[Quantity, Quantity | None], Quantity]:
    """(matrix, bias) and operand of `W @ u + b`, which stands before a recurrence."""
    terms = node.args if isinstance(node, op.Plus) else (node,)
    products = [u for u in terms if isinstance(u, op.MatrixProduct)]
    bias = [u for u in terms if isinstance(u, Quantity) and u.kind == "param"]
    _require(len(products) == 1 and len(bias) <= 1 and len(terms) == 1 + len(bias), word)
    matrix, operand = products[0].args
    _require(isinstance(matrix, Quantity) and matrix.kind == "param", word)
    _require(isinstance(operand, Quantity) and operand.kind in ("input", "variable") and operand.offset is not None, word)
    return (matrix, bias[0] if bias else None), operand


def _pieces(given: tuple[Quantity, Quantity | None], length: Any, word: str) -> list[Row]:
    matrix, bias = given
    both = zip(_blocks(matrix, length, word), _optional([bias] if bias else [], matrix, length, word), strict=True)
    return [Row(inputs=w, input_bias=b) for w, b in both]


def _optional(bias: list[Quantity], matrix: Quantity, length: Any, word: str) -> list[tuple[Quantity, int] | None]:
    if bias:
        return list(_blocks(bias[0], length, word))
    return [None] * len(_blocks(matrix, length, word))


def _blocks(quantity: Quantity, length: Any, word: str) -> list[tuple[Quantity, int]]:
    """The blocks of `length` rows that a parameter has."""
    for count in (1, 3, 4):
        if same_size(quantity.shape[0], count * length):
            return [(quantity, k) for k in range(count)]
    raise NoLayer(f"the recurrence of {word} is none of its RNN, LSTM, GRU")


# ---------------------------------------------------------------- trying


def _candidates(rows: list[Row], cell: str | None) -> Iterator[tuple[str, tuple[Row, ...]]]:
    """Kinds of layer and orders of gates that have as many rows and states."""
    kinds = {(1, False): ("RNN_TANH", "RNN_RELU"), (3, False): ("GRU",), (4, True): ("LSTM",)}.get((len(rows), cell is not None), ())
    for kind in kinds:
        for order in permutations(rows):
            yield kind, order


def _example(plan: Plan) -> Run:
    """The plan's own equations, interpreted on random arrays for one sequence."""
    sizes, rng = small_sizes(plan.system), np.random.default_rng(3)
    arrays: dict[str, Array] = {}
    for declaration in plan.system.declarations:
        shape = tuple(size_value(n, sizes) for n in declaration.shape)
        lead = (STEPS,) if declaration.timed else ()
        if declaration.kind == "token":
            arrays[declaration.name] = rng.integers(0, shape[0], lead)
        elif declaration.kind in ("input", "param", "target") or (declaration.kind == "constant" and declaration.start is None):
            arrays[declaration.name] = rng.uniform(0.2, 0.8, lead + shape) * rng.choice((-1, 1), lead + shape)
    with np.errstate(all="ignore"):
        return interpret(plan.system, arrays, steps=STEPS, sizes=sizes)


def _agrees(layer: Layer, run: Run) -> bool:
    """Whether the layer's formulas give the states that the equations give."""
    length = len(run.at(layer.state, 1))

    def rows(blocks: tuple[tuple[Quantity, int] | None, ...]) -> Array:
        parts = [np.zeros(length) if b is None else run.static(b[0].name)[b[1] * length : (b[1] + 1) * length] for b in blocks]
        return np.concatenate(parts)

    w, u, b, d = (rows(blocks) for _, blocks in layer.weights())
    order = range(1, STEPS + 1) if layer.direction > 0 else range(STEPS, 0, -1)
    outside = 0 if layer.direction > 0 else STEPS + 1
    state = [run.at(name, outside) for name in (layer.state, layer.cell) if name]
    for step in order:
        inputs = w @ run.at(layer.reads.name, step + (layer.reads.offset or 0)) + b
        state = FORMULAS[layer.kind](inputs, u @ state[0] + d, *state)
        for name, value in zip(filter(None, (layer.state, layer.cell)), state, strict=True):
            if not np.allclose(run.at(name, step), value, rtol=TOLERANCE, atol=TOLERANCE):
                return False
    return True


def _sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def _lstm(x: Array, r: Array, h: Array, c: Array) -> list[Array]:
    i, f, g, o = np.split(x + r, 4)
    c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
    return [_sigmoid(o) * np.tanh(c), c]


def _gru(x: Array, r: Array, h: Array) -> list[Array]:
    (x_r, x_z, x_n), (h_r, h_z, h_n) = np.split(x, 3), np.split(r, 3)
    z, n = _sigmoid(x_z + h_z), np.tanh(x_n + _sigmoid(x_r + h_r) * h_n)
    return [(1 - z) * n + z * h]


# The cells of torch.nn.RNN, LSTM, GRU as its documentation states them: x is W x + b, r is U h + b.
FORMULAS: Mapping[str, Callable[..., list[Array]]] = {
    "RNN_TANH": lambda x, r, h: [np.tanh(x + r)],
    "RNN_RELU": lambda x, r, h: [np.maximum(x + r, 0)],
    "LSTM": _lstm,
    "GRU": _gru,
}
