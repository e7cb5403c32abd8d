"""A second reading of the language: a file's cost in PyTorch, straight from the text, sharing nothing with rnnsym but the text.

Python's own parser gives the tree, and each right side is evaluated as it stands, one sequence at a time, on column vectors; a value that
is asked for is computed then, and what lies outside 1 … T is what the file gives or zero. Gradients are PyTorch's own. It knows no errors:
it is for models that are right.
"""

from __future__ import annotations

import ast
import copy
import math
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch reads the cells a second time")
Tensor = torch.Tensor


def number(u: Any) -> Tensor:
    return torch.as_tensor(u, dtype=torch.float64)


def elementwise(home: Any, name: str) -> Callable[[Any], Tensor]:
    function = getattr(home, name)
    return lambda u: function(number(u))


def pairwise(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda *parts: reduce(lambda a, b: function(*torch.broadcast_tensors(a, b)), map(number, parts))


def cross_entropy(y: Tensor, p: Tensor) -> Tensor:
    some = y != 0
    return -(torch.where(some, y * torch.log(torch.where(some, p, torch.ones_like(p))), torch.zeros_like(p))).sum()


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: elementwise(torch, name) for name in ("sigmoid", "tanh", "relu", "exp", "log", "sqrt", "abs", "sign", "sin", "cos", "erf")},
    **{name: elementwise(torch.nn.functional, name) for name in ("softplus", "silu", "gelu", "elu")},
    "max": pairwise(torch.maximum),
    "min": pairwise(torch.minimum),
    "clip": torch.clamp,
    "mod": lambda u, m: u - m * torch.floor(u / m),
    "softmax": lambda v: torch.softmax(v, 0),
    "log_softmax": lambda v: torch.log_softmax(v, 0),
    "logsumexp": lambda v: torch.logsumexp(v, 0),
    "dot": lambda a, b: (a * b).sum(),
    "outer": lambda a, b: a[:, None] * b[None, :],
    "concat": lambda *parts: torch.cat([torch.atleast_1d(number(p)) for p in parts]),
    "split": torch.chunk,
    "roll": torch.roll,
    "diag": torch.diag,
    "eye": lambda n: torch.eye(n, dtype=torch.float64),
    "ones": lambda n: torch.ones(n, dtype=torch.float64),
    "stop_gradient": lambda u: u.detach(),
    "sum": lambda u: u.sum(),
    "mean": lambda u: u.mean(),
    "norm": lambda u: torch.sqrt((u * u).sum()),
    "cross_entropy": cross_entropy,
    "binary_cross_entropy": lambda y, p: -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).sum(),
    "squared_error": lambda y, v: ((v - y) ** 2).sum(),
    "where": lambda condition, a, b: torch.where(torch.as_tensor(condition), number(a), number(b)),
}


class Asked(ast.NodeTransformer):
    """`h[t-1]` becomes at('h', t-1), `W` becomes static('W'), `a if u > 0 else b` becomes where(u > 0, a, b), total(u) a sum over t."""

    def visit_IfExp(self, node: ast.IfExp) -> ast.Call:
        return _call("where", self.visit(node.test), self.visit(node.body), self.visit(node.orelse))

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if isinstance(node.value, ast.Name) and not isinstance(node.slice, ast.Slice):
            return _call("at", ast.Constant(node.value.id), node.slice)
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return node if node.id in ("t", "T") else _call("static", ast.Constant(node.id))

    def visit_Call(self, node: ast.Call) -> ast.Call:
        arguments = [self.visit(a) for a in node.args]
        if isinstance(node.func, ast.Name) and node.func.id == "total":
            over_time = ast.arguments([], [ast.arg("t")], None, [], [], None, [])
            return _call("total", ast.Lambda(over_time, arguments[0]))
        return ast.Call(node.func, arguments, [])


class Branches(ast.NodeTransformer):
    """Conditionals in the body of a file's own function."""

    def visit_IfExp(self, node: ast.IfExp) -> ast.Call:
        return _call("where", self.visit(node.test), self.visit(node.body), self.visit(node.orelse))


def _call(name: str, *arguments: ast.AST) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])  # type: ignore[arg-type]


class Text:
    """The lines of a file: equations by (name, timed), values outside 1 … T, declared values, functions."""

    def __init__(self, text: str) -> None:
        self.equations: dict[tuple[str, bool], tuple[ast.expr, int | None]] = {}
        self.outside: dict[str, dict[str, ast.expr]] = {}
        self.data: set[str] = set()
        self.fixed: dict[str, float] = {}
        self.functions: list[ast.FunctionDef] = []
        for line in ast.parse(text).body:
            if isinstance(line, ast.FunctionDef):
                self.functions.append(line)
            elif isinstance(line, ast.AnnAssign):
                self.declare(line)
            elif isinstance(line, ast.Assign):
                self.assign(line.targets[0], line.value)

    def declare(self, line: ast.AnnAssign) -> None:
        kind = line.annotation.value if isinstance(line.annotation, ast.Subscript) else line.annotation
        name, word = line.target.id, kind.id  # type: ignore[union-attr,attr-defined]
        if word in ("input", "target", "token"):
            self.data.add(name)
        if word == "constant" and line.value is not None:
            self.fixed[name] = float(ast.literal_eval(line.value))

    def assign(self, left: ast.expr, value: ast.expr) -> None:
        for place, item in enumerate(left.elts) if isinstance(left, ast.Tuple) else [(None, left)]:
            if isinstance(item, ast.Name):
                self.equations[item.id, False] = value, place
            elif ast.unparse(item.slice) == "t":  # type: ignore[attr-defined]
                self.equations[item.value.id, True] = value, place  # type: ignore[attr-defined]
            else:
                self.outside.setdefault(item.value.id, {})[ast.unparse(item.slice)] = value  # type: ignore[attr-defined]


class Reading:
    """One sequence: every value, computed when it is asked for."""

    def __init__(self, text: Text, arrays: Mapping[str, Tensor], sizes: Mapping[str, int], shapes: Mapping[str, tuple], steps: int) -> None:
        self.text, self.arrays, self.sizes, self.shapes, self.steps = text, arrays, sizes, shapes, steps
        self.known: dict[Any, Tensor] = {}
        self.words = {**FUNCTIONS, "at": self.at, "static": self.static, "T": steps, **sizes, "pi": math.pi, "inf": math.inf}
        self.words["total"] = lambda function: sum(function(k) for k in range(1, steps + 1))
        for function in text.functions:
            exec(_compiled(ast.Module([Branches().visit(copy.deepcopy(function))], []), "exec"), self.words)

    def value(self, expression: ast.expr, t: int | None) -> Any:
        return eval(_compiled(ast.Expression(Asked().visit(copy.deepcopy(expression))), "eval"), {**self.words, "t": t})

    def equation(self, name: str, timed: bool, t: int | None) -> Tensor:
        expression, place = self.text.equations[name, timed]
        found = self.value(expression, t)
        return self.filled(name, found if place is None else found[place])

    def filled(self, name: str, value: Any) -> Tensor:
        value = number(value)
        return value if value.ndim or name == "loss" else value.expand(self.shapes[name])

    def at(self, name: str, step: int) -> Tensor:
        if (name, step) not in self.known:
            self.known[name, step] = self.at_first(name, step)
        return self.known[name, step]

    def at_first(self, name: str, step: int) -> Tensor:
        if 1 <= step <= self.steps:
            return self.arrays[name][step - 1] if name in self.text.data else self.equation(name, True, step)
        for place, expression in self.text.outside.get(name, {}).items():
            if eval(place, {"T": self.steps}) == step:
                return self.filled(name, self.value(expression, None))
        return torch.zeros(self.shapes[name], dtype=torch.float64)

    def static(self, name: str) -> Any:
        if name not in self.known:
            known = {**self.words, **self.text.fixed, **self.arrays}
            self.known[name] = self.equation(name, False, None) if (name, False) in self.text.equations else known[name]
        return self.known[name]

    @property
    def cost(self) -> Tensor:
        equations = self.text.equations
        running = sum(self.at("loss", k) for k in range(1, self.steps + 1)) if ("loss", True) in equations else 0.0
        return number(running) + (self.equation("loss", False, None) if ("loss", False) in equations else 0.0)


def _compiled(tree: ast.AST, mode: str) -> Any:
    return compile(ast.fix_missing_locations(tree), "<cell>", mode)  # type: ignore[call-overload]
