"""Expressions and equations of a System as LaTeX or Unicode text, without a document around them.

Comes in: an expression or a System. Goes out: a string.
"""

from __future__ import annotations

from sympy import Basic

from rnnsym.algebra.system import System
from rnnsym.algebra.tensor import t
from rnnsym.documents.document import display
from rnnsym.documents.latex import aligned_row, latex
from rnnsym.documents.mathematics import AlignedRow, Node
from rnnsym.documents.names import Names
from rnnsym.documents.typeset import Typesetter
from rnnsym.documents.unicode_text import unicode_text


def expression_tree(expression: Basic, system: System | None = None) -> Node:
    """The tree of an expression in the names of a System (without one, names are typeset from themselves)."""
    names = Names.of(system) if system is not None else Names.of()
    return Typesetter(names).inside(expression.has(t)).expression(expression)


def latex_expression(expression: Basic, system: System | None = None) -> str:
    r"""An expression as LaTeX for mathematics mode.

    >>> from rnnsym.algebra import Quantity, sizes, t
    >>> n, = sizes("n")
    >>> W, h = Quantity("W_h", (n, n), kind="param"), Quantity("h", (n,))
    >>> print(latex_expression(W @ h[t-1]))
    W_{h} h_{t-1}
    """
    return latex(expression_tree(expression, system)).strip()


def unicode_expression(expression: Basic, system: System | None = None) -> str:
    """An expression as one line of Unicode text."""
    return unicode_text(expression_tree(expression, system)).strip()


def equation_rows(system: System) -> tuple[AlignedRow, ...]:
    """The equations of a System as numbered rows, boundary values first."""
    setter = Typesetter(Names.of(system))
    pairs = [setter.equation(d.lhs, d.rhs) for d in system.every_definition]
    rows = [AlignedRow(left, "=", right, number) for number, (left, right) in enumerate(pairs, 1)]
    return display(rows).mathematics.rows


def latex_equations(system: System) -> str:
    """All equations of a System as one `align` environment of amsmath, numbered from 1; what is too wide is broken."""
    rows = [f"  {aligned_row(line)} {_number(line.number)}" for line in equation_rows(system)]
    return "\\begin{align}\n" + " \\\\\n".join(rows) + "\n\\end{align}"


def _number(number: int | None) -> str:
    return r"\notag" if number is None else rf"\tag{{{number}}}"


def unicode_equations(system: System) -> str:
    """All equations of a System as lines of Unicode text."""
    setter = Typesetter(Names.of(system))
    pairs = [setter.equation(d.lhs, d.rhs) for d in system.every_definition]
    return "\n".join(f"{unicode_text(left)} = {unicode_text(right)}" for left, right in pairs)
