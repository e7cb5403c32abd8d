"""Array expressions as NumPy source, formatted as `ruff format` would leave them.

Comes in: an array expression and the names of its buffers. Goes out: text, and statements that fit the line: a sum that is too
long stands in brackets, one term per line; what is longer still is computed in parts that have names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import sympy

from rnnsym.backends.functions import DIRECT, RENAMED
from rnnsym.backends.names import Locals
from rnnsym.errors import InternalError
from rnnsym.program.arrays import (
    ArrayExpression,
    Binary,
    Call,
    Expand,
    Filled,
    Literal,
    Load,
    LoadAt,
    Part,
    Real,
    Reduce,
    Row,
    Spread,
    TimeMark,
    Transpose,
    Unary,
)
from rnnsym.program.program import Buffer

WIDTH = 100
WRAPPED = ("where", "concat")  # calls whose arguments may stand on lines of their own
LAMBDA, COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = range(7)
_LEVEL = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "@": PRODUCT} | dict.fromkeys(("<", "<=", ">", ">="), COMPARISON)


def size_source(length: sympy.Expr, rename: Callable[[str], str]) -> str:
    """A size as Python: `4 * n_h - n_x + 2`."""
    return _sympy_source(sympy.expand(length), rename)[0]


def _sympy_source(value: sympy.Expr, rename: Callable[[str], str]) -> tuple[str, int]:
    """Source and precedence of a number: a literal, or an expression of sizes."""
    if value.is_Symbol:
        return rename(value.name), ATOM
    if not value.free_symbols:
        return _number_source(value)
    if value.is_Add:
        constant, terms = value.as_coeff_Add()
        parts = sorted(sympy.Add.make_args(terms), key=lambda u: (u.could_extract_minus_sign(), str(u)))
        text = _sympy_source(parts[0], rename)[0]
        for part in parts[1:] + ([constant] if constant != 0 else []):
            negative = part.could_extract_minus_sign()
            text += f" {'-' if negative else '+'} {_sympy_source(-part if negative else part, rename)[0]}"
        return text, SUM
    if value.is_Mul:
        factor, rest = value.as_coeff_Mul()
        if factor < 0:
            return f"-{_bracketed(_sympy_source(-value, rename), PRODUCT)}", SIGN
        factors = ([factor] if factor != 1 else []) + list(rest.args if rest.is_Mul else [rest])
        return " * ".join(_bracketed(_sympy_source(f, rename), SIGN) for f in factors), PRODUCT
    if value.is_Pow:
        base, exponent = (_bracketed(_sympy_source(a, rename), ATOM) for a in value.args)
        return f"{base} ** {exponent}" if "(" in base + exponent else f"{base}**{exponent}", POWER
    raise InternalError.at("E999", f"no source for the number {value}")


def _number_source(value: sympy.Expr) -> tuple[str, int]:
    if value is sympy.oo:
        return "np.inf", ATOM
    if value is -sympy.oo:
        return "-np.inf", SIGN
    if value is sympy.pi:
        return "np.pi", ATOM
    if value.is_Integer and abs(value) < 10**15:
        return str(value), ATOM if value >= 0 else SIGN
    if value.is_Rational and sympy.Rational(repr(float(value))) != value and value.q < 10**9 and abs(value.p) < 10**9:
        return f"{value.p} / {value.q}", PRODUCT
    return repr(float(value)), ATOM if value >= 0 else SIGN


def _bracketed(source: tuple[str, int], least: int) -> str:
    text, level = source
    return f"({text})" if level < least else text


class Printer:
    """Prints array expressions of one function; remembers the functions and the names that it used."""

    def __init__(self, names: Locals, buffers: dict[str, Buffer], results: Mapping[str, str] | None = None):
        self.names = names
        self.buffers = buffers
        self.results = dict(results or {})  # variable → `grads.W`, where its value is kept and read
        self.functions: set[str] = set()
        self.loads: dict[tuple[str, int | str | None], None] = {}
        self.marks: dict[tuple[bool, int], None] = {}
        self.sizes: dict[str, None] = {}
        self.parts = 0

    def text(self, node: ArrayExpression, least: int = LAMBDA) -> str:
        """The source of an expression, in brackets where it binds less than `least`."""
        return _bracketed(getattr(self, "_" + type(node).__name__.lower())(node), least)

    def size(self, length: sympy.Expr) -> str:
        return size_source(length, self._size_name)

    def shape(self, shape: tuple[sympy.Expr, ...], *lead: str) -> str:
        """A tuple of lengths."""
        axes = [*lead, *map(self.size, shape)]
        return f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"

    def _size_name(self, name: str) -> str:
        self.sizes[name] = None
        return self.names.of(name)

    def local(self, name: str, delay: int | str | None = 0) -> str:
        self.loads[name, delay] = None
        return self.names.of(name, delay)

    def function(self, name: str) -> str:
        if name in DIRECT:
            return DIRECT[name]
        name = RENAMED.get(name, name)
        self.functions.add(name)
        return name

    # ------------------------------------------------------------ one method per kind of node

    def _load(self, node: Load) -> tuple[str, int]:
        if node.name in self.results:
            return self.results[node.name], ATOM
        return self.local(node.name, node.delay) + ("[t]" if node.running else ""), ATOM

    def _loadat(self, node: LoadAt) -> tuple[str, int]:
        buffer = self.buffers[node.name]
        whole = self.local(node.name, "all" if buffer.is_extended else 0)
        if node.from_end:
            return f"{self.function('at_end')}({whole}, {buffer.lag}, run.ends, {node.step})", ATOM
        if node.step < 1:
            return f"{whole}[{buffer.lag - 1 + node.step}]", ATOM
        return f"{self.function('at_step')}({self.local(node.name)}, {node.step})", ATOM

    def _timemark(self, node: TimeMark) -> tuple[str, int]:
        self.marks[node.first, node.delay] = None
        return mark_name(node.first, node.delay) + ("[t]" if node.running else ""), ATOM

    def _literal(self, node: Literal) -> tuple[str, int]:
        return _sympy_source(node.value, self._size_name)

    def _call(self, node: Call) -> tuple[str, int]:
        arguments = [self.text(a) for a in node.arguments]
        if node.function == "number":
            return f"float({arguments[0]})", ATOM
        if node.function == "array":
            return f"np.asarray({arguments[0]}, dtype)", ATOM
        if node.function == "one_hot":
            arguments.append("dtype")
        elif node.function == "valid":
            arguments.append("run.padding")
        elif node.function == "every_step":
            arguments = [arguments[0], "steps", "batch", arguments[1]]
        return f"{self.function(node.function)}({', '.join(arguments)})", ATOM

    def _filled(self, node: Filled) -> tuple[str, int]:
        if node.function == "eye":
            return f"np.eye({self.size(node.shape[0])}, dtype=dtype)", ATOM
        shape = self.size(node.shape[0]) if len(node.shape) == 1 else self.shape(node.shape)
        return f"np.{node.function}({shape}, dtype)", ATOM

    def _spread(self, node: Spread) -> tuple[str, int]:
        if node.axes == 2 and isinstance(node.value, Filled) and node.value.function == "zeros":
            return f"run.zeros({', '.join(map(self.size, node.shape))})", ATOM
        lead = ("steps", "batch")[2 - node.axes :] if node.axes else ()
        return f"np.full({self.shape(node.shape, *lead)}, {self.text(node.value)}, dtype)", ATOM

    def _unary(self, node: Unary) -> tuple[str, int]:
        is_power = isinstance(node.value, Binary) and node.value.operator == "**"
        return f"-{self.text(node.value, ATOM if is_power else SIGN)}", SIGN

    def _binary(self, node: Binary) -> tuple[str, int]:
        if node.operator == "**":
            left, right = self.text(node.left, ATOM), self.text(node.right, SIGN)
            simple = all(_is_simple(operand) for operand in (left, right))
            return f"{left}**{right}" if simple else f"{left} ** {right}", POWER
        level = _LEVEL[node.operator]
        return f"{self.text(node.left, level)} {node.operator} {self.text(node.right, level + 1)}", level

    def _expand(self, node: Expand) -> tuple[str, int]:
        return f"{self._subscripted(node.value)}[..., {', '.join(['None'] * node.count)}]", ATOM

    def _row(self, node: Row) -> tuple[str, int]:
        return f"{self._subscripted(node.value)}[..., None, :]", ATOM

    def _part(self, node: Part) -> tuple[str, int]:
        start, stop = "" if node.start == 0 else self.size(node.start), self.size(node.stop)
        simple = all(_is_name(bound) for bound in (start, stop) if bound)
        bounds = f"{start}:{stop}" if simple else f"{start} : {stop}".strip()
        return f"{self._subscripted(node.value)}[..., {bounds}]", ATOM

    def _subscripted(self, node: ArrayExpression) -> str:
        return self.text(node, ATOM)

    def _transpose(self, node: Transpose) -> tuple[str, int]:
        return f"{self.text(node.value, ATOM)}{'.T' if node.plain else '.swapaxes(-1, -2)'}", ATOM

    def _reduce(self, node: Reduce) -> tuple[str, int]:
        axes = str(node.axes[0]) if len(node.axes) == 1 else str(node.axes)
        return f"{self.text(node.value, ATOM)}.{node.function}({axes})", ATOM

    def _real(self, node: Real) -> tuple[str, int]:
        return f"{self.text(node.value, ATOM)}.real", ATOM

    # ------------------------------------------------------------ statements that fit the line

    def assign(self, target: str, operator: str, value: ArrayExpression, indent: int) -> list[str]:
        """`target operator value` as lines (without `indent`, the columns that stand before them).

        A branch whose arm may be nan or infinite where it is not taken is chosen in a quiet context of its own.
        """
        if isinstance(value, Call) and value.function == "choose":
            rows = self._fitted(f"{target} {operator} ", _mapped(value, _as_where), indent + 4)
            return ['with np.errstate(all="ignore"):', *(f"    {row}" for row in rows)]
        lines: list[str] = []

        def hoisted(node: ArrayExpression) -> ArrayExpression | None:
            if not (isinstance(node, Call) and node.function == "choose"):
                return None
            name = self._part_name()
            lines.extend(self.assign(name, "=", node, indent))
            return NamedPart(name)

        value = _mapped(value, hoisted)
        return lines + self._fitted(f"{target} {operator} ", value, indent)

    def _fitted(self, head: str, value: ArrayExpression, indent: int) -> list[str]:
        room = WIDTH - indent
        if len(head + self.text(value)) <= room:
            return [head + self.text(value)]
        if isinstance(value, Call) and value.function in WRAPPED:
            return self._called(head, value, indent)
        lines: list[str] = []
        level, terms = _chain(value)
        if len(terms) >= 3:
            short = [(sign, self._shortened(u, room - 8, indent, lines)) for sign, u in terms]
            rows = [f"{sign} {self.text(u, level + bool(sign))}".strip() for sign, u in short]
            whole = " ".join(rows)
            if len(head + whole) <= room:
                return [*lines, head + whole]
            rows = [whole] if len(whole) <= room - 4 else rows
            return [*lines, f"{head}(", *(f"    {row}" for row in rows), ")"]
        value = self._shortened(value, room - len(head), indent, lines)
        return [*lines, head + self.text(value)]

    def _called(self, head: str, value: Call, indent: int) -> list[str]:
        """A call whose arguments stand on lines of their own."""
        lines: list[str] = []
        room = WIDTH - indent - 4
        value = replace(value, arguments=tuple(self._shortened(a, room - 1, indent, lines) for a in value.arguments))
        whole = self.text(value)
        if len(head + whole) <= WIDTH - indent:
            return [*lines, head + whole]
        inner = [self.text(a) for a in value.arguments]
        joined = ", ".join(inner)
        rows = [joined] if len(joined) <= room else [f"{row}," for row in inner]
        return [*lines, f"{head}{self.function(value.function)}(", *(f"    {row}" for row in rows), ")"]

    def _shortened(self, node: ArrayExpression, room: int, indent: int, lines: list[str]) -> ArrayExpression:
        """The node with its largest parts computed before, under names, until its text fits the room."""
        while len(self.text(node)) > room:
            parts = [c for c in _children(node) if not isinstance(c, (Load, Literal)) and len(self.text(c)) > 8]
            if not parts:
                break
            largest = max(parts, key=lambda c: len(self.text(c)))
            name = self._part_name()
            lines += self._fitted(f"{name} = ", largest, indent)
            node = _exchanged(node, largest, NamedPart(name))
        return node

    def _part_name(self) -> str:
        self.parts += 1
        return self.names.part(self.parts)

    def _namedpart(self, node: NamedPart) -> tuple[str, int]:
        return node.name, ATOM


class NamedPart(Load):
    """A part that was computed before, under a local name."""


def mark_name(first: bool, delay: int) -> str:
    """The local array that says at which steps `t + delay` is the first or the last one."""
    word = "at_first" if first else "at_last"
    return word if delay == 0 else f"{word}_{'p' if delay > 0 else 'm'}{abs(delay)}"


def _is_name(text: str) -> bool:
    return text.isidentifier() or text.isdigit()


def _is_simple(text: str) -> bool:
    """Whether the formatter sets a power of it without spaces: names, attributes, numbers, with a sign or without."""
    inner = text.removeprefix("-")
    return all(part.isidentifier() for part in inner.split(".")) or inner.replace(".", "", 1).isdigit()


def _chain(node: ArrayExpression) -> tuple[int, list[tuple[str, ArrayExpression]]]:
    """The operands of a sum or of a product, each with the operator before it, and their precedence."""
    if not isinstance(node, Binary) or node.operator not in "+-*/@":
        return ATOM, [("", node)]
    level, terms = _LEVEL[node.operator], []
    while isinstance(node, Binary) and _LEVEL.get(node.operator) == level:
        terms.append((node.operator, node.right))
        node = node.left
    return level, [("", node), *reversed(terms)]


def _children(node: ArrayExpression) -> list[ArrayExpression]:
    found = []
    for value in vars(node).values():
        found += [v for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, ArrayExpression)]
    return found


def _mapped(node: ArrayExpression, change: Callable[[ArrayExpression], ArrayExpression | None]) -> ArrayExpression:
    """The node with parts exchanged, from the top: what `change` answers replaces a part; where it answers None, it looks inside."""
    new = change(node)
    if new is not None:
        return new
    changed: dict[str, Any] = {}
    for name, value in vars(node).items():
        if isinstance(value, tuple):
            changed[name] = tuple(_mapped(v, change) if isinstance(v, ArrayExpression) else v for v in value)
        elif isinstance(value, ArrayExpression):
            changed[name] = _mapped(value, change)
    return replace(node, **changed) if changed else node


def _as_where(node: ArrayExpression) -> ArrayExpression | None:
    """Inside a quiet context every branch is a plain `where`."""
    if isinstance(node, Call) and node.function == "choose":
        return Call("where", tuple(_mapped(a, _as_where) for a in node.arguments))
    return None


def _exchanged(node: ArrayExpression, old: ArrayExpression, new: ArrayExpression) -> ArrayExpression:
    changed: dict[str, Any] = {}
    for name, value in vars(node).items():
        if isinstance(value, tuple):
            changed[name] = tuple(new if v is old else v for v in value)
        elif value is old:
            changed[name] = new
    return replace(node, **changed)
