"""How expressions, models and derivations show themselves in a notebook.

Comes in: the object. Goes out: what IPython's display protocol asks for. The classes of the algebra look these functions up when a notebook
asks them, and not before, so that neither start-up nor the order of the rooms suffers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sympy import Basic

from rnnsym.documents.derivation_document import derivation_document
from rnnsym.documents.expressions import latex_equations, latex_expression, unicode_equations
from rnnsym.documents.markdown import markdown

if TYPE_CHECKING:
    from rnnsym.algebra.system import System
    from rnnsym.derivation.derivation import Derivation

Bundle = dict[str, str]


def expression_latex(expression: Basic) -> str:
    """An expression for mathematics mode, its names typeset from themselves."""
    return latex_expression(expression)


def system_bundle(system: System) -> Bundle:
    """A model: its equations, numbered; as plain text the lines of its file."""
    return {"text/latex": latex_equations(system), "text/plain": unicode_equations(system)}


def derivation_bundle(derivation: Derivation) -> Bundle:
    """A derivation as Markdown with mathematics; as plain text its equations."""
    return {"text/markdown": markdown(derivation_document(derivation)), "text/plain": str(derivation)}
