"""A model's equations as they stand on paper, as NumPy: one sequence, column vectors, no batch, no schedule, nothing fused.

Comes in: a System. Goes out: lines of Python in which every equation stands once, as a lazily computed series (`h[t]`), and the functions
that they use. A generated module is compared with this: it shares no pass with it.
"""

from __future__ import annotations

import keyword
import re
import textwrap
from collections.abc import Mapping

from sympy import Basic, Expr, Symbol

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import Shape, same_shape, size_text
from rnnsym.algebra.system import Declaration, Definition, System
from rnnsym.algebra.tensor import Number, Quantity, Tensor, decimal_text, time_text
from rnnsym.algebra.text import ATOM, PRODUCT, SUM, ExpressionPrinter, Printed

WIDTH = 100
INDENT = " " * 4
AMBIGUOUS = frozenset({"l", "I", "O"})  # ruff's E741
USED = frozenset(  # names inside the functions that the lines, and those that draw data, become a part of
    {"np", "math", "Series", "given", "SIZES", "STEPS", "BATCH", "data", "params", "seq", "t", "T", "steps", "range", "sum", "rng"}
)
_OWN = {
    "sigmoid": "def sigmoid(u):\n    return 0.5 * (1 + np.tanh(0.5 * u))",
    "softplus": "def softplus(u):\n    return np.logaddexp(0, u)",
    "relu": "def relu(u):\n    return np.maximum(u, 0)",
    "silu": "def silu(u):\n    return u * sigmoid(u)",
    "erf": "def erf(u):\n    return np.vectorize(math.erf, otypes=[float])(u)",
    "gelu": "def gelu(u):\n    return 0.5 * u * (1 + erf(u / math.sqrt(2)))",
    "elu": "def elu(u):\n    return np.where(u > 0, u, np.expm1(np.minimum(u, 0)))",
    "logsumexp": "def logsumexp(z):\n    return np.logaddexp.reduce(z)",
    "log_softmax": "def log_softmax(z):\n    return z - logsumexp(z)",
    "softmax": "def softmax(z):\n    return np.exp(log_softmax(z))",
    "cross_entropy": """\
def cross_entropy(y, p):
    y, p = np.broadcast_arrays(y, p)
    return -np.sum(y[y != 0] * np.log(p[y != 0]))  # 0 log 0 = 0""",
    "binary_cross_entropy": "def binary_cross_entropy(y, p):\n    return cross_entropy(y, p) + cross_entropy(1 - y, 1 - p)",
    "squared_error": "def squared_error(y, v):\n    return np.sum((v - y) ** 2)",
}
_NEEDS = {
    "silu": ("sigmoid",), "gelu": ("erf",), "log_softmax": ("logsumexp",), "softmax": ("log_softmax", "logsumexp"),
    "binary_cross_entropy": ("cross_entropy",),
}  # fmt: skip
_NUMPY = {"min": "minimum", "max": "maximum", "concat": "hstack", "norm": "linalg.norm"}
_NUMPY |= {name: name for name in ("tanh", "exp", "log", "sqrt", "abs", "sign", "sin", "cos", "mod", "clip", "sum", "mean", "dot", "outer")}
_NUMPY |= {name: name for name in ("diag", "roll", "ones", "eye", "where")}


class Paper:
    """The equations of a System on paper.

    names      identifier of every name and size of the model in `lines`
    lines      the statements, indented as the body of a function of `params`, `data`, the number `seq` of a sequence, and its length `T`
    functions  sources of the functions that the lines call
    public     the generated module's name of everything
    """

    def __init__(self, system: System, public: Mapping[str, str]):
        self.system, self.public = system, public
        self.names = _identifiers(system, {*USED, *_OWN, *keyword.kwlist})
        self._printer = _NumpyPrinter(self.names)
        self.lines = self._lines()
        used = self._printer.used | {n for name in self._printer.used for n in _NEEDS.get(name, ())}
        self.functions = [text for name, text in _OWN.items() if name in used]

    def _lines(self) -> list[str]:
        rows = [d for component in self.system.components for d in component.definitions if not d.is_boundary]
        equations = [self._statement(d) for d in rows]
        used = _words(equations)
        leaves = [d for d in self.system.declarations if d.kind != "variable" and self.names[d.name] in used]
        body = [*(f"{self.names[d.name]} = {self._leaf(d)}" for d in leaves), *equations]
        used = _words(body)
        sizes = [f'{self.names[s.name]} = SIZES["{self.public[s.name]}"]' for s in self.system.sizes if self.names[s.name] in used]
        steps = ["steps = range(1, T + 1)"] if "steps" in used else []
        return [row for statement in [*sizes, *steps, *body] for row in _wrapped(statement)]

    def _leaf(self, declaration: Declaration) -> str:
        word = f'"{self.public[declaration.name]}"'
        if declaration.kind == "param":
            return f"params[{word}]"
        if declaration.kind == "constant" and declaration.start is not None:
            value = self._printer.text(_signed(declaration.start.amount))
            return f"np.full({self.shape(declaration.shape)}, {value})"
        value = f"data[{word}]{'' if declaration.kind == 'constant' else '[:T, seq]' if declaration.timed else '[seq]'}"
        if declaration.kind == "token":
            value = f"np.eye({self.size(declaration.shape[0])})[{value}]"
        return f"given({value})" if declaration.timed else value

    def _statement(self, definition: Definition) -> str:
        shape, right = self.shape(definition.lhs.shape), self._printer.text(definition.rhs)
        left = self.names[definition.name]
        if definition.lhs.time is None:
            filled = same_shape(definition.lhs.shape, definition.rhs.shape)
            return f"{left} = {right}" if filled else f"{left} = np.broadcast_to({right}, {shape})"
        outside = [b for b in self.system.boundaries if b.name == definition.name]
        entries = ", ".join(f"{_place(b.lhs.time)}: lambda: {self._printer.text(b.rhs)}" for b in outside)
        return f"{left} = Series(T, {shape}, lambda t: {right}{f', {{{entries}}}' if entries else ''})"

    def shape(self, shape: Shape) -> str:
        """A shape as a tuple, in the identifiers of the sizes."""
        axes = [self.size(length) for length in shape]
        return f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"

    def size(self, length: Expr) -> str:
        return self._printer.size(length)


def _words(statements: list[str]) -> set[str]:
    """The identifiers in the statements, attributes of others excepted."""
    return set(re.findall(r"(?<![.\w])\w+", " ".join(statements)))


def _place(time: Expr) -> str:
    return time_text(time).replace("+", " + ")


def _signed(amount: Expr) -> Tensor:
    return op.Negate(Number(-amount)) if amount < 0 else Number(amount)


def _identifiers(system: System, taken: set[str]) -> dict[str, str]:
    """An identifier for every name: the name itself, or with underscores after it."""
    names = [d.name for d in system.declarations] + [s.name for s in system.sizes]
    used, found = taken | AMBIGUOUS | set(names), {}
    for name in names:
        wanted = re.sub(r"\W", "_final", name)  # the static loss is called loss' inside
        while wanted in used and (wanted != name or name in taken or name in AMBIGUOUS):
            wanted += "_"
        used.add(wanted)
        found[name] = wanted
    return found


def _wrapped(statement: str) -> list[str]:
    """A statement on lines that fit the page: inside brackets every space is a place to break."""
    if len(INDENT + statement) <= WIDTH:
        return [INDENT + statement]
    left, _, right = statement.partition(" = ")
    right = right if right.startswith("Series(") else f"({right})"
    rows = textwrap.wrap(right, WIDTH - 2 * len(INDENT) - len(left) - 3, break_long_words=False, break_on_hyphens=False)
    return [f"{INDENT}{left} = {rows[0]}", *(INDENT * 2 + row for row in rows[1:])]


class _NumpyPrinter(ExpressionPrinter):
    """Expressions as NumPy on column vectors; `used` collects the functions that NumPy has not."""

    def __init__(self, identifiers: Mapping[str, str]):
        self.identifiers = identifiers
        self.used: set[str] = set()

    def size(self, length: Basic) -> str:
        return size_text(length.xreplace({s: Symbol(self.identifiers[s.name], integer=True) for s in length.free_symbols}))

    def number(self, node: Number) -> Printed:
        in_numpy = re.sub(r"\b(pi|inf|sqrt)\b", r"np.\1", decimal_text(node.value))
        text = self.size(node.value) if node.value.free_symbols else in_numpy
        return text, PRODUCT if "/" in text or "*" in text else SUM if " " in text else ATOM

    def quantity(self, node: Quantity) -> Printed:
        name = self.identifiers[node.name]
        return (name if node.time is None else f"{name}[{time_text(node.time)}]"), ATOM

    def branch(self, node: op.Branch) -> Printed:
        return self.call("where", *node.args)

    def call(self, function: str, *arguments: Basic) -> Printed:
        inner = ", ".join(map(self.text, arguments))
        return f"{self._function(function)}({f'[{inner}]' if function == 'concat' else inner})", ATOM

    def _function(self, name: str) -> str:
        if name in _NUMPY:
            return f"np.{_NUMPY[name]}"
        self.used.add(name)
        return name

    def roll(self, node: op.Roll) -> Printed:
        return f"np.roll({self.text(node.args[0])}, {node.args[1]})", ATOM

    def total(self, node: op.Total) -> Printed:
        return f"sum({self.text(node.body)} for t in steps)", ATOM

    def _sized(self, name: str, node: Basic) -> str:
        sizes = ", ".join(map(self.size, node.args))
        return f"np.{name}(({sizes}))" if len(node.args) > 1 else f"np.{name}({sizes})"

    def named(self, node: Basic) -> Printed:
        return (self.text(node.args[0], ATOM), ATOM) if isinstance(node, op.StopGradient) else self.call(self.names[type(node)], *node.args)
