"""Expressions through the fence: one method for each construct that the language has; what has none is refused.

Comes in: Python's tree of one expression (never executed). Goes out: our node, or `Refused` after the error is noted.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

import sympy

from rnnsym.errors import Span
from rnnsym.language.findings import Findings
from rnnsym.language.pasted import raised
from rnnsym.language.reader import Scan
from rnnsym.language.syntax import (
    At,
    Call,
    Choice,
    Comparison,
    Cut,
    MatMul,
    Name,
    Negative,
    Node,
    Num,
    Power,
    Product,
    Ratio,
    StepTest,
    Sum,
    Transpose,
    When,
)

MAX_DEPTH = 80
TAKEN = {
    "t": "the step; give time as an input, for example `time: input`",
    "loss": "the cost, as loss[t] = … or loss = …",
    "T": "the last step",
}
_COMPARISONS: dict[type, str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_REFUSED_OPERATORS: dict[type, tuple[str, str]] = {
    ast.Mod: ("%", "mod(u, m)"),
    ast.BitXor: ("^", "u**k"),
    ast.FloorDiv: ("//", "(u - mod(u, m)) / m"),
    ast.BitAnd: ("&", "one condition after the other"),
    ast.BitOr: ("|", "one condition after the other"),
    ast.LShift: ("<<", "u * 2**k"),
    ast.RShift: (">>", "u / 2**k"),
}
_REFUSED: dict[type, tuple[str, str]] = {
    ast.List: ("a list in brackets", "concat(a, b) joins vectors; a number is written as it is"),
    ast.Set: ("a set in braces", "ordinary brackets ( )"),
    ast.Dict: ("a dictionary in braces", "a declaration per name"),
    ast.JoinedStr: ("a formatted string", "plain text"),
    ast.Starred: ("a star before an expression", "the values one by one"),
    ast.Tuple: ("a row of values with commas", "an equation for each, or split(v, k)"),
}


class Refused(Exception):
    """An expression was refused; the error is noted already."""


class ExpressionReader:
    """Reads expressions of one scanned text."""

    def __init__(self, scan: Scan, findings: Findings):
        self.scan, self.findings = scan, findings
        self.rows = [line.encode("utf-8") if not line.isascii() else None for line in findings.lines]

    # ------------------------------------------------------------ places

    def column(self, line: int, offset: int) -> int:
        """Python counts UTF-8 bytes from 0; we count characters from 1."""
        row = self.rows[line - 1]
        return (offset if row is None else len(row[:offset].decode("utf-8", "replace"))) + 1

    def span(self, node: ast.AST) -> Span:
        start = node.lineno, self.column(node.lineno, node.col_offset)  # type: ignore[attr-defined]
        return Span(*start, node.end_lineno, self.column(node.end_lineno, node.end_col_offset))  # type: ignore[attr-defined]

    def refuse(self, code: str, found: str, node: ast.AST | Span, **fields: object) -> Refused:
        self.findings.error(code, found, node if isinstance(node, Span) else self.span(node), **fields)
        return Refused()

    def when(self, node: ast.expr) -> When | None:
        """The time in a pair of brackets, or None when it is something else."""
        whole = _whole(node)
        if whole is not None:
            return When("", whole)
        if isinstance(node, ast.Name) and node.id in ("t", "T"):
            return When(node.id)
        if (
            isinstance(node, ast.BinOp)
            and isinstance(node.op, (ast.Add, ast.Sub))
            and isinstance(node.left, ast.Name)
            and node.left.id in ("t", "T")
        ):
            steps = _whole(node.right)
            if steps is not None and steps >= 0 and not isinstance(node.right, ast.UnaryOp):
                return When(node.left.id, steps if isinstance(node.op, ast.Add) else -steps)
        return None

    def expression(self, node: ast.expr, depth: int = 0) -> Node:
        """One expression. Raises Refused after noting the error."""
        if depth > MAX_DEPTH:
            raise self.refuse("E104", f"an expression nested more than {MAX_DEPTH} deep", node, instead="equations for the inner parts")
        reader = _READERS.get(type(node))
        if reader is None:
            what, instead = _REFUSED.get(type(node), ("this expression", ""))
            raise self.refuse("E106", f"{what} is not part of the language", node, instead=instead)
        return reader(self, node, depth + 1)

    def several(self, nodes: list[ast.expr], depth: int) -> tuple[Node, ...]:
        """All of them, so that every error among them is noted."""
        out, refused = [], None
        for node in nodes:
            try:
                out.append(self.expression(node, depth))
            except Refused as error:
                refused = error
        if refused:
            raise refused
        return tuple(out)

    def constant(self, node: ast.Constant, depth: int) -> Node:
        if type(node.value) not in (int, float):
            what = {str: "a text", bytes: "a text", complex: "an imaginary number", type(...): "`...`"}.get(
                type(node.value), "this constant"
            )
            raise self.refuse("E106", f"{what} stands in an expression", node, expected="a number or a name")
        return Num(self.rational(node), span=self.span(node))

    def rational(self, node: ast.Constant) -> sympy.Rational:
        """The exact value of a literal, from its decimal text."""
        span = self.span(node)
        text = self.scan.numbers.get((span.line, span.column), repr(node.value))
        return sympy.Rational(text.replace("_", ""))

    def name(self, node: ast.Name, depth: int) -> Node:
        if node.id == "t":
            found = "`t` alone: the number of the step is not a quantity"
            raise self.refuse("E106", found, node, instead="`t == 1`, `t == T` in a condition, or time as an input: time[t]")
        return Name(node.id, span=self.span(node))

    def attribute(self, node: ast.Attribute, depth: int) -> Node:
        if node.attr != "T":
            found = f"the attribute `.{node.attr[:40]}` is not part of the language"
            raise self.refuse("E106", found, node, expected=".T, the transpose of a matrix")
        return Transpose(self.expression(node.value, depth), span=self.span(node))

    def unary(self, node: ast.UnaryOp, depth: int) -> Node:
        if isinstance(node.op, ast.USub):
            return Negative(self.expression(node.operand, depth), span=self.span(node))
        if isinstance(node.op, ast.UAdd):
            return self.expression(node.operand, depth)
        raise self.refuse("E106", "`~` is not part of the language", node, instead="1 - u")

    def binary(self, node: ast.BinOp, depth: int) -> Node:
        span = self.span(node)
        if isinstance(node.op, (ast.Add, ast.Sub)):
            return Sum(self.several_signed(_row(node, (ast.Add, ast.Sub)), depth), span=span)
        if isinstance(node.op, ast.Mult):
            return Product(self.several([n for _, n in _row(node, (ast.Mult,))], depth), span=span)
        cls = {ast.Div: Ratio, ast.Pow: Power, ast.MatMult: MatMul}.get(type(node.op))
        if cls is None:
            sign, instead = _REFUSED_OPERATORS[type(node.op)]
            texts = [self.findings.text(self.span(part), 40) for part in (node.left, node.right)]
            where = self.operator_span(node, sign)
            local = raised(self.findings.lines[where.line - 1], where.column - 1) if sign == "^" else ""
            instead = local or {"^": "{0}**{1}", "%": "mod({0}, {1})"}.get(sign, instead).format(*texts)
            raise self.refuse("E106", f"`{sign}` is not an operator of the language", where, instead=instead)
        left, right = self.several([node.left, node.right], depth)
        return cls(left, right, span=span)

    def operator_span(self, node: ast.BinOp, sign: str) -> Span:
        """Where the operator itself stands, if that is on one line with its left side's end."""
        left, whole = self.span(node.left), self.span(node)
        place = self.findings.lines[left.end_line - 1].find(sign, left.end_column - 1)
        return whole if place < 0 else Span(left.end_line, place + 1, left.end_line, place + 1 + len(sign))

    def several_signed(self, terms: list[tuple[ast.operator | None, ast.expr]], depth: int) -> tuple[Node, ...]:
        nodes = self.several([n for _, n in terms], depth)
        return tuple(Negative(n, span=n.span) if isinstance(sign, ast.Sub) else n for (sign, _), n in zip(terms, nodes, strict=True))

    def choice(self, node: ast.IfExp, depth: int) -> Node:
        problems = []
        parts: list[Node] = []
        for read_part in (
            lambda: self.condition(node.test, depth),
            lambda: self.expression(node.body, depth),
            lambda: self.expression(node.orelse, depth),
        ):
            try:
                parts.append(read_part())
            except Refused as error:
                problems.append(error)
        if problems:
            raise problems[0]
        return Choice(*parts, span=self.span(node))

    def condition(self, node: ast.expr, depth: int) -> Node:
        if not isinstance(node, ast.Compare):
            text = self.findings.text(self.span(node), 40)
            raise self.refuse(
                "E106",
                "this condition compares nothing",
                node,
                instead=f"{text} > 0" if isinstance(node, (ast.Name, ast.Subscript)) else "u > 0",
            )
        if len(node.ops) > 1:
            raise self.refuse(
                "E106", "two comparisons stand in a row", node, instead="one condition after the other: (a if u > 0 else b) if u < 1 else b"
            )
        sign = _COMPARISONS.get(type(node.ops[0]))
        right = node.comparators[0]
        if isinstance(node.ops[0], ast.Eq):
            when, mark = self.when(node.left), self.when(right)
            if when is not None and mark is not None and (when.base or mark.base):
                return self.step_test(when, mark, node)
        if sign is None:
            text = "==" if isinstance(node.ops[0], ast.Eq) else "!=" if isinstance(node.ops[0], ast.NotEq) else "this comparison"
            running = any(isinstance(n, ast.Name) and n.id in ("t", "T") for n in (node.left, right))
            instead = "t == 1 or t == T, with the branches in that order" if running else "< <= > >="
            raise self.refuse(
                "E106",
                f"a condition cannot ask for `{text}`" if text[0] in "=!" else f"{text} is not part of the language",
                node,
                instead=instead,
            )
        left, other = self.several([node.left, right], depth)
        return Comparison(left, other, sign, span=self.span(node))

    def step_test(self, when: When, mark: When, node: ast.Compare) -> Node:
        if mark.is_running or mark not in (When("", 1), When("T")):
            instead = "time as an input: a if time[t] >= 3 else b"
            raise self.refuse("E106", f"a condition cannot ask for `{when} == {mark}`", node, expected="t == 1 or t == T", instead=instead)
        return StepTest(when, mark, span=self.span(node))

    def stray_comparison(self, node: ast.Compare, depth: int) -> Node:
        raise self.refuse(
            "E106", "a comparison stands outside a condition", node, instead=f"1 if {self.findings.text(self.span(node), 40)} else 0"
        )

    def call(self, node: ast.Call, depth: int) -> Node:
        if not isinstance(node.func, ast.Name):
            text = self.findings.text(self.span(node.func), 40)
            last = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            owner = node.func.value if isinstance(node.func, ast.Attribute) else None
            if last in ("t", "T", "transpose") and owner is not None:
                instead = f"{self.findings.text(self.span(owner), 40)}.T"
            elif isinstance(owner, ast.Subscript):
                instead = f"{last}({self.findings.text(self.span(owner), 40)})"
            else:
                instead = f"{last}(…)" if last else ""
            raise self.refuse(
                "E106",
                f"`{text}` is called",
                node.func,
                expected="a function of the language or of the file",
                instead=instead,
            )
        when = self.when(node.args[0]) if len(node.args) == 1 else None
        if when is not None and when.base == "t":
            text = self.findings.text(self.span(node), 40)
            raise self.refuse("E108", f"`{text}`: a time stands in square brackets", node, instead=f"{node.func.id}[{when}]")
        if node.func.id == "where" and len(node.args) == 3 and isinstance(node.args[0], ast.Compare):
            test, then, other = (self.findings.text(self.span(a), 40) for a in node.args)
            raise self.refuse("E203", "there is no function `where`", node.func, instead=f"{then} if {test} else {other}")
        if node.func.id == "notation":
            raise self.refuse("E106", "notation stands inside an expression", node, instead="a line of its own")
        if node.keywords:
            raise self.refuse(
                "E112",
                "an argument is given by name",
                self.span(node.keywords[0]),
                instead="arguments in their order, without names",
            )
        return Call(self.several(node.args, depth), node.func.id, self.span(node.func), span=self.span(node))

    def subscript(self, node: ast.Subscript, depth: int) -> Node:
        span, index = self.span(node), node.slice
        if isinstance(index, ast.Slice):
            return self.cut(node, index, depth)
        text = self.findings.text(span, 40)
        when = self.when(index)
        if not isinstance(node.value, ast.Name):
            instead = "a slice: v[t][0:1]" if when is not None and not when.base else ""
            raise self.refuse("E108", f"`{text}`: only a name has a time", node, instead=instead, expected="" if instead else "h[t-1]")
        name = node.value.id
        if name == "t":
            raise self.refuse("E106", f"`t` is taken: it is {TAKEN['t']}", node)
        if when is None:
            raise self.bad_index(node, name, index)
        if when.is_outside:
            raise self.outside(node, name, when)
        if when.base != "t" and when.offset != (0 if when.base else 1):
            raise self.between(node, name, when)
        return At(name, when, span=span)

    def bad_index(self, node: ast.Subscript, name: str, index: ast.expr) -> Refused:
        text = self.findings.text(self.span(index), 40)
        if isinstance(index, ast.Tuple):
            return self.refuse("E108", f"`{name}[{text}]` has two indices", node, instead=f"{name}[t]; entries are not taken one by one")
        if isinstance(index, ast.Name):
            return self.refuse("E108", f"`{text}` is not a time", index, expected="t, t-1, t+1, T or 1")
        return self.refuse("E108", f"`{text}` is not a time", index, expected="t, t-1, t+2 or another whole number of steps, T or 1")

    def between(self, node: ast.Subscript, name: str, when: When) -> Refused:
        """A fixed step that is neither the first nor the last: a sequence may be too short to have it."""
        steps, end = (f"t{when.offset:+d}", "T") if when.base else (f"t{when.offset - 1:+d}", "1")
        instead = f"a variable that carries it there: u[t] = {name}[{steps}], then u[{end}]"
        return self.refuse("E108", f"`{name}[{when}]` is a fixed step", node, expected=f"{name}[T] or {name}[1]", instead=instead)

    def outside(self, node: ast.Subscript, name: str, when: When) -> Refused:
        steps = f"{name}[t{when.offset - 1:+d}] at t = 1" if when.base == "" else f"{name}[t{when.offset:+d}] at t = T"
        last = f"; {name}[T] is the last step" if when == When("", -1) else ""
        instead = f"the expression that {name}[{when}] is given by; in an equation with [t] it is {steps}{last}"
        return self.refuse("E405", f"`{name}[{when}]` is read: it lies outside 1 … T", node, instead=instead)

    def cut(self, node: ast.Subscript, index: ast.Slice, depth: int) -> Node:
        if index.step is not None:
            raise self.refuse("E108", "this slice has a step", node, expected="v[a:b] with sizes as bounds")
        bounds = [None if b is None else self.expression(b, depth) for b in (index.lower, index.upper)]
        return Cut(self.expression(node.value, depth), *bounds, span=self.span(node))


_READERS: dict[type, Callable[..., Node]] = {
    ast.Constant: ExpressionReader.constant,
    ast.Name: ExpressionReader.name,
    ast.Attribute: ExpressionReader.attribute,
    ast.UnaryOp: ExpressionReader.unary,
    ast.BinOp: ExpressionReader.binary,
    ast.IfExp: ExpressionReader.choice,
    ast.Compare: ExpressionReader.stray_comparison,
    ast.Call: ExpressionReader.call,
    ast.Subscript: ExpressionReader.subscript,
}


def _row(node: ast.expr, operators: tuple[type, ...]) -> list[tuple[ast.operator | None, ast.expr]]:
    """The terms of a row of equal-ranking operators, each with the operator before it; a long row is no deep tree."""
    terms: list[tuple[ast.operator | None, ast.expr]] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, operators):
        terms.append((node.op, node.right))
        node = node.left
    return [(None, node), *reversed(terms)]


def _whole(node: ast.expr) -> int | None:
    """A literal whole number, with an optional sign, or None."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _whole(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Constant) and type(node.value) is int and node.value <= 1_000_000:
        return node.value
    return None
