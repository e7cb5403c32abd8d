"""A generated module with one statement of a pass broken, for every statement.

Comes in: the module's text. Goes out: what can be broken, and the broken text for one of these. Only the syntax of the passes is looked at: a value that is
assigned is negated, an addition in place is a subtraction, a call for its effect is left out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

PASSES = ("_forward", "_gradients", "_backward")


def breakable(source: str) -> list[str]:
    """Every statement that can be broken, with its line, in the order of the module."""
    return [f"{body[index].lineno}: {ast.unparse(body[index])}" for body, index in _statements(ast.parse(source))]


def broken(source: str, place: int) -> str:
    """The module whose statement at this place of the list is broken."""
    tree = ast.parse(source)
    body, index = list(_statements(tree))[place]
    body[index] = _broken(body[index])
    return ast.unparse(ast.fix_missing_locations(tree))


def _statements(tree: ast.AST) -> Iterator[tuple[list[ast.stmt], int]]:
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and function.name in PASSES:
            for node in ast.walk(function):
                for body in (getattr(node, "body", None), getattr(node, "orelse", None)):
                    for index, statement in enumerate(body if isinstance(body, list) else ()):
                        if _can_be_broken(statement):
                            yield body, index


def _can_be_broken(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Call)
    return isinstance(statement, ast.AugAssign) or (isinstance(statement, ast.Assign) and not _is_bookkeeping(statement.value))


def _is_bookkeeping(value: ast.expr) -> bool:
    """Dictionaries of results, and names of what was computed elsewhere."""
    return isinstance(value, (ast.Dict, ast.Name))


def _broken(statement: ast.stmt) -> ast.stmt:
    if isinstance(statement, ast.Expr):
        return ast.Pass()
    if isinstance(statement, ast.AugAssign):
        other = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}.get(type(statement.op), ast.Sub)
        return ast.AugAssign(statement.target, other(), statement.value)
    return ast.Assign(statement.targets, ast.UnaryOp(ast.USub(), statement.value))
