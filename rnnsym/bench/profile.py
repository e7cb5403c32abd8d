"""Where the time of a training step goes: statement by statement, and by what kind of work each does.

Comes in: a generated module's text and arguments. Goes out: `Line`s with time and number of calls. A copy of the module is run in which a
clock is read after every statement of its passes; the clock's own time, measured too, is taken off. Time inside a function that a
statement calls belongs to the statement.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from rnnsym.backends.live import compile_module

CLOCK = "clock_"
PRODUCTS = frozenset(["matmul", "dot", "einsum", "outer_sum", "matvec", "vecmat", "tensordot", "inner"])
MOVES = frozenset([  # functions that copy, make room or give views, and compute nothing
    "zeros", "empty", "full", "array", "asarray", "astype", "ascontiguousarray", "copy", "copyto", "concat", "concatenate",
    "stack", "flat", "reshape", "transpose", "swapaxes", "turned", "features_first", "extended", "fill_outside", "error",
    "columns", "take", "scatter", "roll", "clear", "range", "reversed", "len", "slice", "zip", "enumerate", "tuple", "list",
    "max", "min", "stretches",
])  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One statement: its place, text, kind of work, and what it cost in one training step.

    where  forward, backward or call (checks, and what a call returns), and `loop` where it stands in a loop over steps
    kind   product, elementwise, move (no arithmetic: copies, room, views), loop (what the loop itself costs) or check
    """

    number: int
    where: str
    text: str
    kind: str
    calls: float
    seconds: float


@dataclass
class _Clock:
    """Adds the time since it was last read to a statement."""

    seconds: list[float]
    calls: list[int]
    last: float = 0.0

    def read(self, index: int) -> None:
        now = time.perf_counter()
        self.seconds[index] += now - self.last
        self.calls[index] += 1
        self.last = time.perf_counter()


def profile(source: str, name: str, run: Callable[[Any], None], repeats: int) -> list[Line]:
    """The statements of a module's training step. `run` is given the copied module and does `repeats` training steps in it."""
    tree = ast.parse(source)
    places: list[tuple[ast.stmt, str, bool]] = []
    for function in [n for n in tree.body if isinstance(n, ast.FunctionDef)]:
        where = _where(function)
        if where:
            function.body = list(_timed(function.body, where, False, places))
        if where == "call":  # what the last call gave is let go before this one begins
            places.append((function, where, False))
            function.body.insert(0, _reading(len(places) - 1))
    clock = _Clock([0.0] * len(places), [0] * len(places))
    module = compile_module(ast.unparse(ast.fix_missing_locations(tree)), name)
    setattr(module, CLOCK, clock.read)
    clock.last = time.perf_counter()
    run(module)
    cost = _cost_of_reading()
    texts = source.split("\n")
    lines = []
    for (statement, where, in_loop), seconds, calls in zip(places, clock.seconds, clock.calls, strict=True):
        if calls:
            kind = "check" if where == "call" else "loop" if isinstance(statement, ast.For) else _kind(statement)
            spent = max(0.0, seconds - calls * cost) / repeats
            text = " ".join(row.strip() for row in texts[statement.lineno - 1 : _last_row(statement)])
            if isinstance(statement, ast.FunctionDef):
                text = "(the arrays of the call before are freed)" if kind == "check" else "(the pass is called)"
            lines.append(Line(statement.lineno, where + (", loop" if in_loop else ""), text, kind, calls / repeats, spent))
    return lines


def _last_row(statement: ast.stmt) -> int:
    """Of a loop its head alone."""
    if isinstance(statement, ast.FunctionDef):
        return statement.lineno
    if isinstance(statement, ast.For):
        return statement.iter.end_lineno or statement.lineno
    return statement.end_lineno or statement.lineno


def _where(function: ast.FunctionDef) -> str:
    """What a function of the module is part of; nothing for what is only called by these."""
    first = function.args.posonlyargs + function.args.args
    if function.name == "loss_and_grads":
        return "call"
    if not function.name.startswith("_") or not first or first[0].arg != "params":
        return ""
    return "forward" if function.name.startswith("_forward") else "backward"


def _timed(body: list[ast.stmt], where: str, in_loop: bool, places: list[tuple[ast.stmt, str, bool]]) -> Iterator[ast.stmt]:
    """The statements, each followed by a reading of the clock; the head of a loop is read at the start of each round."""

    def reading(statement: ast.stmt, inside: bool) -> ast.stmt:
        places.append((statement, where, inside))
        return _reading(len(places) - 1)

    for statement in body:
        if isinstance(statement, ast.For):
            head = reading(statement, True)
            statement.body = [head, *_timed(statement.body, where, True, places)]
            yield statement
        elif isinstance(statement, ast.FunctionDef):  # a pass within the function that makes its arrays
            head = reading(statement, False)
            statement.body = [head, *_timed(statement.body, where, False, places)]
            yield statement
        elif isinstance(statement, (ast.With, ast.If)):
            statement.body = list(_timed(statement.body, where, in_loop, places))
            if isinstance(statement, ast.If):
                statement.orelse = list(_timed(statement.orelse, where, in_loop, places))
            yield statement
        elif isinstance(statement, ast.Return) or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            yield statement
        else:
            yield statement
            yield reading(statement, in_loop)


def _reading(index: int) -> ast.stmt:
    return ast.parse(f"{CLOCK}({index})").body[0]


def _kind(statement: ast.stmt) -> str:
    """What a statement does, by the operations in it: the heaviest counts."""
    names = {_called(n) for n in ast.walk(statement) if isinstance(n, ast.Call)}
    operations = [n for n in ast.walk(statement) if isinstance(n, (ast.BinOp, ast.AugAssign))]
    if names & PRODUCTS or any(isinstance(n.op, ast.MatMult) for n in operations):
        return "product"
    return "elementwise" if names - MOVES or not all(map(_only_counts, operations)) else "move"


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""


def _only_counts(node: ast.AST) -> bool:
    """Whether it is arithmetic of step numbers and sizes, as in `t + 1` or `4 * n_h`."""
    leaves = [n for n in ast.walk(node) if isinstance(n, (ast.Name, ast.Constant, ast.Attribute, ast.Subscript, ast.Call))]
    counting = {"t", "steps", "batch", "count", "span", "lag"}
    return all(
        isinstance(n.value, int) if isinstance(n, ast.Constant) else isinstance(n, ast.Name) and (n.id in counting or n.id.startswith("n_"))
        for n in leaves
    )


def _cost_of_reading(count: int = 20_000) -> float:
    """What one reading of the clock adds to the statement that is read, in seconds."""
    clock = _Clock([0.0], [0], time.perf_counter())
    for _ in range(count):
        clock.read(0)
    return clock.seconds[0] / count
