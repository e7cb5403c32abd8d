"""Scanned text -> `Page`: an explicit list of the syntax that the language has; everything else is refused.

Python's parser makes the tree (nothing is executed). Each kind of node that the language knows has a method here; what has none is
refused with what to write instead. Names, times and shapes are nobody's business yet.
"""

from __future__ import annotations

import ast
import inspect
import re
import warnings
from collections.abc import Iterator

import sympy

from rnnsym.algebra.system import Start
from rnnsym.errors import ModelError, Span
from rnnsym.language.expressions import TAKEN, ExpressionReader, Refused
from rnnsym.language.findings import Findings, article, near
from rnnsym.language.notation import latex_problem
from rnnsym.language.pasted import in_row
from rnnsym.language.reader import MAX_OPERATORS, Scan, is_no_text
from rnnsym.language.syntax import (
    Assign,
    Declare,
    Function,
    Node,
    Page,
    Target,
    When,
)

KINDS = ("input", "target", "token", "param", "constant", "vector", "matrix", "scalar")
_STARTS = {"zeros": "0", "zero": "0", "ones": "1", "one": "1", "xavier": "glorot", "identity": "eye", "randn": "normal(1)"}  # elsewhere
_STATEMENTS: dict[type, tuple[str, str]] = {
    ast.AugAssign: ("an equation does not change its own left side", "h[t] = h[t-1] + …"),
    ast.If: ("`if` is no statement of the language", "one equation: h[t] = a if u >= 0 else b"),
    ast.Return: ("`return` stands outside a function", "an equation: name[t] = …"),
    ast.Delete: ("`del` is not part of the language", "the file without that line"),
}


def read(scan: Scan, findings: Findings) -> Page:
    """The page of a scanned text. Raises ModelError at the first syntax error; what the fence refuses is noted in `findings`."""
    return _Fence(scan, findings).page(_parse(scan.source, findings))


def _parse(source: str, findings: Findings) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "invalid escape sequence": a docstring may hold LaTeX
            return ast.parse(source)
    except (RecursionError, MemoryError):
        found = "an equation of this text is too long or nested too deep"
        raise findings.refusal(
            "E104", found, None, instead=f"several equations, each with fewer than {MAX_OPERATORS:,} operators"
        ) from None
    except SyntaxError as error:
        raise _syntax_error(error, findings) from None
    except ValueError:
        raise findings.refusal("E102", "the text cannot be read", None, expected="equations in the syntax of Python") from None


def _syntax_error(error: SyntaxError, findings: Findings) -> ModelError:
    line = min(max(error.lineno or 1, 1), len(findings.lines))
    row = findings.lines[line - 1]
    column = min(max(error.offset or 1, 1), len(row) + 1)
    message = str(error.msg)
    if isinstance(error, IndentationError):
        column = len(row) - len(row.lstrip()) + 1
        if "expected an indented block" in message:
            found, instead = "a function without an indented body", "def f(u):\n              return u"
        else:
            found, instead = "this line is indented", "lines at the margin; an equation goes on over lines inside brackets"
        return findings.refusal("E102", found, Span(line, column, line, max(column + 1, len(row.rstrip()) + 1)), instead=instead)
    instead = ""
    found = "the line cannot be read from here on"
    kind = re.match(rf"\s*([A-Za-z]\w*)\s+((?:{'|'.join(KINDS)})\b.*)", row)
    if kind:
        found, instead = "a `:` is missing before the kind", f"{kind[1]}: {kind[2].split('#')[0].strip()}"
    elif re.match(rf"\s*[A-Za-z]\w*\s*:\s*(?:{'|'.join(KINDS)})\b[^#]*,\s*[A-Za-z]\w*\s*:", row):
        found, instead = "two declarations stand on one line", "a line for each name"
    elif re.match(r"\s*def\b[^#:]*$", row) and "expected ':'" in message:
        found, instead = "a `:` is missing at the end", f"{row.strip()}:"
    elif "can be annotated" in message:
        found, instead = "a line declares one name", "a line for each name: x: input[n_x]"
    elif "cannot assign" in message or "illegal target" in message:
        found, instead = "this cannot stand left of `=`", "a variable: h[t] = …, A = …, h[0] = …"
    elif "expression cannot contain assignment" in message or "keyword argument" in message:
        found, instead = "an argument is given by name", "arguments in their order, without names"
    elif "expected ':'" in message and "def" not in row:
        instead = "a if u >= 0 else b"
    elif "expected 'else'" in message:
        found, instead = "a condition without `else`", "a if u >= 0 else b"
    span = Span(line, column, line, column + 1)
    pasted = None if instead else in_row(row)
    if pasted is not None:
        found, instead = pasted.found, pasted.instead
        span = Span(line, pasted.start + 1, line, pasted.end + 1)
    return findings.refusal(
        "E102",
        found,
        span,
        expected="" if instead else "an equation, a declaration or a function",
        instead=instead,
    )


class _Fence(ExpressionReader):
    """Turns Python's tree into ours. One method per construct of the language."""

    def remark(self, node: ast.stmt) -> str:
        return self.scan.comments.get(node.end_lineno or node.lineno, "")

    # ------------------------------------------------------------ lines

    def page(self, module: ast.Module) -> Page:
        doc, doc_end, body = "", 0, list(module.body)
        self.named = set(_left_names(body))
        if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
            doc_end = body[0].end_lineno or 1
            doc = self.doc(body.pop(0).value)  # type: ignore[attr-defined]
        lines: dict[type, list] = {Declare: [], Assign: [], Function: [], tuple: []}
        whole = True
        for statement in body:
            try:
                for line in self.statement(statement):
                    lines[type(line)].append(line)
            except Refused:
                whole = False
        return Page(doc, tuple(lines[tuple]), tuple(lines[Declare]), tuple(lines[Assign]), tuple(lines[Function]), whole, doc_end)

    def doc(self, node: ast.Constant) -> str:
        text = inspect.cleandoc(str(node.value))
        if any(map(is_no_text, text)):
            self.findings.error(
                "E101", "the description holds characters that are not text", self.span(node), instead='r"""…""", so that \\ stays \\'
            )
            return ""
        return text

    def statement(self, node: ast.stmt) -> list:
        if isinstance(node, ast.AnnAssign):
            return [self.declaration(node)]
        if isinstance(node, ast.Assign):
            return [self.assignment(node)]
        if isinstance(node, ast.FunctionDef):
            return [self.function(node)]
        if isinstance(node, ast.Expr):
            return self.bare(node)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Subscript) and isinstance(node.target.value, ast.Name):
            name = node.target.value.id
            found = "an equation does not change its own left side"
            raise self.refuse("E105", found, self.head(node), instead=f"{name}[t] = {name}[t-1] + …")
        found, instead = _STATEMENTS.get(
            type(node), ("this statement is not part of the language", "an equation, a declaration or a function")
        )
        raise self.refuse("E105", found, self.head(node), instead=instead)

    def head(self, node: ast.stmt) -> Span:
        """The first line of a statement."""
        span = self.span(node)
        if span.line == span.end_line:
            return span
        return Span(span.line, span.column, span.line, len(self.findings.lines[span.line - 1]) + 1)

    def bare(self, node: ast.Expr) -> list:
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name) and node.value.func.id == "notation":
            return self.notation(node.value)
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            raise self.refuse(
                "E105", "a text stands between the lines", self.head(node), instead="a comment: # …; the description stands at the top"
            )
        left = node.value.left if isinstance(node.value, ast.Compare) else None  # `==`, or an arrow `<-`
        name = self.findings.text(self.span(left), 40) if isinstance(left, (ast.Name, ast.Subscript)) else "name[t]"
        raise self.refuse("E105", "this expression has no left side", self.head(node), instead=f"an equation: {name} = …")

    def notation(self, call: ast.Call) -> list:
        pairs: list[tuple[str, str, Span]] = []
        for argument in call.args:
            self.findings.error("E111", "this notation has no name", self.span(argument), instead='notation(a=r"a^{(x)}")')
        for item in call.keywords:
            span = self.span(item)
            if item.arg is None or not isinstance(item.value, ast.Constant) or not isinstance(item.value.value, str):
                self.findings.error("E111", "this notation is not a string", span, instead='notation(a=r"a^{(x)}")')
                continue
            problem = latex_problem(item.value.value)
            if problem:
                self.findings.error("E111", f"the notation of `{item.arg}` {problem}", span, expected="a piece of LaTeX mathematics")
            elif any(item.arg == name for name, _, _ in pairs):
                self.findings.error("E111", f"the notation of `{item.arg}` is given twice", span)
            else:
                pairs.append((item.arg, item.value.value, span))
        return pairs

    # ------------------------------------------------------------ declarations

    def declaration(self, node: ast.AnnAssign) -> Declare:
        if not isinstance(node.target, ast.Name) or not node.simple:
            raise self.refuse("E109", "what is declared is not a name", node.target, instead="the name alone, without [t]: h: vector[n_h]")
        note = node.annotation
        sizes: tuple[Node, ...] | None = ()
        if isinstance(note, ast.Subscript):
            inner = note.slice.elts if isinstance(note.slice, ast.Tuple) else [note.slice]
            dots = len(inner) == 1 and isinstance(inner[0], ast.Constant) and inner[0].value is ...
            sizes = None if dots else tuple(self.expression(s) for s in inner)
            note = note.value
        example = f"{node.target.id}: input[n_x]"
        if not isinstance(note, ast.Name):
            raise self.refuse("E109", "after `:` stands no kind of quantity", node.annotation, expected=", ".join(KINDS), instead=example)
        if note.id not in KINDS:
            close = near(note.id, KINDS)
            raise self.refuse("E109", f"`{note.id}` is not a kind", note, expected=", ".join(KINDS), instead=close[0] if close else example)
        self.taken(node.target.id, node.target)
        start = None if node.value is None else self.start(node.value, note.id)
        return Declare(node.target.id, note.id, sizes, start, self.remark(node), self.span(node), self.span(node.target))

    def taken(self, name: str, node: ast.AST) -> None:
        if name in ("t", "loss"):
            raise self.refuse("E109", f"`{name}` is taken: it is {TAKEN[name]}", node, instead=f"{name}_, or another name")

    def start(self, node: ast.expr, kind: str) -> Start:
        if kind not in ("param", "constant"):
            found = f"a value for {article(kind)}"
            instead = "an equation on a line of its own" if kind in ("vector", "matrix", "scalar") else "a param or a constant, or no value"
            if kind == "vector" and isinstance(node, ast.Name):
                instead = f"the size in brackets, {kind}[{node.id}], or {instead}"
            raise self.refuse("E109", found, node, instead=instead)
        rules = "a number, glorot, orthogonal, eye, uniform(0.1), normal(0.01)" if kind == "param" else "a number"
        if kind == "param" and isinstance(node, ast.Name) and node.id in ("glorot", "orthogonal", "eye"):
            return Start(node.id)
        if kind == "param" and isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("uniform", "normal"):
            amount = self.signed(node.args[0]) if len(node.args) == 1 and not node.keywords else None
            if amount is None or amount < 0:
                raise self.refuse("E109", f"`{node.func.id}` needs one number, zero or more", node, instead=f"{node.func.id}(0.1)")
            return Start(node.func.id, amount)
        amount = self.signed(node)
        if amount is None:
            word = node.id if isinstance(node, ast.Name) else ""
            instead = _STARTS.get(word) or next(iter(near(word, ("glorot", "orthogonal", "eye", *_STARTS))), "")
            if isinstance(node, (ast.List, ast.Tuple)) and kind == "constant":
                instead = "no value; the caller gives the array"
            found = f"`{self.findings.text(self.span(node))}` is not a start"
            raise self.refuse("E109", found, node, expected=rules, instead=_STARTS.get(instead, instead))
        return Start("value", amount)

    def signed(self, node: ast.expr) -> sympy.Rational | None:
        """A number with an optional sign, or None."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            inner = self.signed(node.operand)
            return None if inner is None else -inner if isinstance(node.op, ast.USub) else inner
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return self.rational(node)
        return None

    # ------------------------------------------------------------ equations

    def assignment(self, node: ast.Assign) -> Assign:
        if len(node.targets) > 1:
            raise self.refuse("E105", "two `=` stand in one line", self.head(node), instead="an equation for each name")
        left = node.targets[0]
        if isinstance(left, ast.Name) and isinstance(node.value, ast.Subscript) and self.is_kind(node.value.value):
            line = f"{left.id}: {self.findings.text(self.span(node.value))}"
            raise self.refuse("E109", "a `=` stands before a kind of quantity", self.head(node), expected="a `:`", instead=line)
        items = left.elts if isinstance(left, (ast.Tuple, ast.List)) else [left]
        targets = tuple(self.target(item) for item in items)
        try:
            value = self.expression(node.value)
        except Refused:
            value = None
        return Assign(targets, value, self.remark(node), self.span(node))

    def is_kind(self, node: ast.expr) -> bool:
        """Whether it is a word for a kind and the file has no quantity of that name."""
        return _is_kind(node) and node.id not in self.named  # type: ignore[attr-defined]

    def target(self, node: ast.expr) -> Target:
        span = self.span(node)
        if isinstance(node, ast.Name):
            if node.id == "t":
                raise self.refuse("E205", f"`t` is taken: it is {TAKEN['t']}", node, instead="another name")
            return Target(node.id, None, span)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            name = node.value.id
            self.taken_target(name, node)
            when = self.when(node.slice)
            if when is not None:
                return self.timed_target(name, when, node)
            raise self.refuse(
                "E108", f"`{self.findings.text(span)}` is not a time", node, expected=f"{name}[t], or {name}[0] for an initial value"
            )
        raise self.refuse("E205", "this cannot stand left of `=`", node, expected="a variable: h[t] = …, A = …, h[0] = …")

    def taken_target(self, name: str, node: ast.AST) -> None:
        if name == "t":
            raise self.refuse("E205", f"`t` is taken: it is {TAKEN['t']}", node, instead="another name")

    def timed_target(self, name: str, when: When, node: ast.expr) -> Target:
        if when.is_running and when.offset:
            shifted = f"{name}[t] = …, with every time on the right moved by {-when.offset:+d}"
            raise self.refuse("E205", f"`{name}[{when}]` stands left of an equation", node, instead=shifted)
        if not when.is_running and not when.is_outside:
            mark = "t == T" if when.base == "T" else "t == 1"
            inside = when in (When("", 1), When("T", 0))
            instead = f"{name}[t] = … if {mark} else …" if inside else f"an equation {name}[t] = … for every step"
            raise self.refuse("E205", f"`{name}[{when}]` lies inside 1 … T, where {name}[t] is defined", node, instead=instead)
        if name == "loss" and not when.is_running:
            raise self.refuse("E205", "the loss has no initial value", node, instead="loss[t] = …, or loss = … for what is added once")
        return Target(name, when, self.span(node))

    # ------------------------------------------------------------ functions

    def function(self, node: ast.FunctionDef) -> Function:
        self.signature(node)
        body, returns = [], None
        for statement in node.body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str):
                continue
            if returns is not None:
                raise self.refuse(
                    "E110", f"a line follows the return of `{node.name}`", self.head(statement), instead="return as the last line"
                )
            if isinstance(statement, ast.Return):
                values = statement.value.elts if isinstance(statement.value, ast.Tuple) else [statement.value]
                if values == [None] or not values:
                    raise self.refuse("E110", f"`{node.name}` returns nothing", statement, instead="return with an expression")
                returns = tuple(self.expression(v) for v in values if v is not None)
            elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                body.append((self.local_names(statement.targets[0]), self.expression(statement.value)))
            else:
                raise self.refuse(
                    "E110", "this cannot stand in a function", self.head(statement), expected="local names (d = …) and one return"
                )
        if returns is None:
            raise self.refuse(
                "E110", f"`{node.name}` returns nothing", self.head(node), instead="return with an expression, as its last line"
            )
        return Function(node.name, tuple(a.arg for a in node.args.args), tuple(body), returns, self.head(node), self.span(node).end_line)

    def signature(self, node: ast.FunctionDef) -> None:
        args = node.args
        names = [a.arg for a in args.args]
        if args.posonlyargs or args.kwonlyargs or args.vararg or args.kwarg or args.defaults or any(a.annotation for a in args.args):
            raise self.refuse(
                "E110", f"the parameters of `{node.name}` are more than names", self.head(node), expected="plain names: def f(u, v)"
            )
        if node.decorator_list or node.returns or getattr(node, "type_params", None):
            raise self.refuse(
                "E110", f"the first line of `{node.name}` holds more than a name and parameters", self.head(node), instead="def f(u, v):"
            )
        if node.name in ("notation", "split"):
            raise self.refuse("E110", f"a function cannot be called `{node.name}`", self.head(node), instead=f"{node.name}_")
        for name in names:
            if name in ("t", "loss"):
                raise self.refuse("E110", f"`{name}` is taken: it is {TAKEN[name]}", self.head(node), instead="another name")

    def local_names(self, node: ast.expr) -> tuple[str, ...]:
        items = node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node]
        for item in items:
            if not isinstance(item, ast.Name) or item.id in ("t", "loss"):
                raise self.refuse(
                    "E110", f"`{self.findings.text(self.span(item))}` is not a local name", item, instead="a plain name: d = …"
                )
        return tuple(item.id for item in items if isinstance(item, ast.Name))


def _left_names(body: list[ast.stmt]) -> Iterator[str]:
    """The names that equations define and lines declare."""
    for statement in body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            for left in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
                yield from (node.id for node in ast.walk(left) if isinstance(node, ast.Name))


def _is_kind(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in KINDS
