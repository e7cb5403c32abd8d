"""The cells of a notebook page, run in order when the site is built, each shown with what it prints and what it shows.

Comes in: the body of a `code-cell`. Goes out: Markdown. What shows itself as a picture, as HTML or as mathematics is shown so.
"""

from __future__ import annotations

import ast
import contextlib
import io
from html import escape
from typing import Any

from rnnsym.algebra import Definition, System, Tensor
from rnnsym.derivation import Derivation
from rnnsym.documents.expressions import expression_tree
from rnnsym.documents.mathematics import AlignedRow
from rnnsym.documents.mathml import math_element
from rnnsym.documents.names import Names
from rnnsym.documents.typeset import Typesetter
from sphinx_rnnsym.equations import derived_grid, grid, raw, system_grid


class Cells:
    """One page's namespace."""

    def __init__(self, page: str):
        self.page = page
        self.space: dict[str, Any] = {"__name__": "__main__"}

    def run(self, body: str) -> str:
        """The cell's code and its output. An exception in it ends the build."""
        code = _without_options(body)
        tree = ast.parse(code)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(tree, self.page, "exec"), self.space)
            value = None if last is None else eval(compile(ast.Expression(last.value), self.page, "eval"), self.space)
        shown = [f"```python\n{code.rstrip()}\n```\n"]
        if printed.getvalue():
            shown.append(raw(f'<pre class="output">{escape(printed.getvalue().rstrip())}</pre>'))
        if value is not None:
            shown.append(raw(f'<div class="output">{html_of(value)}</div>'))
        return "\n".join(shown)


def _without_options(body: str) -> str:
    """The code without the `:option: value` lines before it."""
    lines = body.split("\n")
    while lines and lines[0].startswith(":"):
        lines.pop(0)
    return "\n".join(lines)


def html_of(value: Any) -> str:
    """How a value shows itself on the site."""
    if isinstance(value, System):
        return system_grid(value)
    if isinstance(value, Derivation):
        return derived_grid(value)
    if isinstance(value, Definition):
        left, right = Typesetter(Names.of()).equation(value.lhs, value.rhs)
        return grid([AlignedRow(left, "=", right)])
    if isinstance(value, Tensor):
        return math_element(expression_tree(value), display=True)
    for method in ("_repr_svg_", "_repr_html_"):
        if hasattr(value, method):
            return str(getattr(value, method)())
    return f"<pre>{escape(repr(value))}</pre>"
