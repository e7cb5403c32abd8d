"""From a model that fails to a small one that fails in the same way.

Comes in: a text and a question "does it still fail so?". Goes out: the smallest text found by dropping lines, dropping a name with all that
reads it replaced by 1, and replacing expressions by their parts.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator


def shrink(text: str, still_fails: Callable[[str], bool], tries: int = 4000) -> str:
    """The smallest text found that still fails."""
    best, left = ast.unparse(ast.parse(text)), tries
    if not still_fails(best):
        return text
    place, since = 0, 0  # go round and round, on from the last success, until a whole round brings nothing
    while left > 0:
        candidates = list(_smaller(best))
        if since >= len(candidates):
            break
        place %= len(candidates)
        candidate = candidates[place]
        since, left = since + 1, left - (len(candidate) < len(best))
        if len(candidate) < len(best) and still_fails(candidate):
            best, since = candidate, 0
        else:
            place += 1
    return best


def _smaller(text: str) -> Iterator[str]:
    tree = ast.parse(text)
    names = {n.id for s in tree.body if not isinstance(s, ast.FunctionDef) for n in ast.walk(_left(s)) if isinstance(n, ast.Name)}
    for name in sorted(names - {"t", "T", "loss"}):
        yield _without(text, name)
    for index in range(len(tree.body)):
        copy = ast.parse(text)
        del copy.body[index]
        yield ast.unparse(copy)
    spots = [n for s in tree.body for n in ast.walk(s) if isinstance(n, ast.expr)]
    for place, node in enumerate(spots):
        for part in [*(c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)), ast.Constant(1)]:
            copy = ast.parse(text)
            target = [n for s in copy.body for n in ast.walk(s) if isinstance(n, ast.expr)][place]
            yield _unparsed(_Swap(target, part).visit(copy))


def _unparsed(tree: ast.AST) -> str:
    try:
        return ast.unparse(tree)
    except (AttributeError, ValueError, TypeError):  # not a statement any more
        return " " * 10**6


def _left(statement: ast.stmt) -> ast.AST:
    if isinstance(statement, ast.Assign):
        return statement.targets[0]
    return statement.target if isinstance(statement, ast.AnnAssign) else ast.Module([], [])


def _without(text: str, name: str) -> str:
    tree = ast.parse(text)
    tree.body = [s for s in tree.body if not any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(_left(s)))]
    return _unparsed(_Forget(name).visit(tree))


class _Forget(ast.NodeTransformer):
    def __init__(self, name: str):
        self.name = name

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == self.name:
            return ast.Constant(1)
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Constant(1) if node.id == self.name else node


class _Swap(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST):
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)
