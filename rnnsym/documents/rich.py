"""How expressions, models and derivations show themselves in a notebook.

Comes in: the object. Goes out: what IPython's display protocol asks for. The classes of the algebra look these functions up when a notebook
asks them, and not before, so that neither start-up nor the order of the rooms suffers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sympy import Basic

from rnnsym.documents.derivation_document import derivation_document
from rnnsym.documents.document import Block, Paragraph, display
from rnnsym.documents.escape import paragraphs
from rnnsym.documents.expressions import latex_equations, latex_expression, unicode_equations
from rnnsym.documents.latex import latex
from rnnsym.documents.markdown import markdown, markdown_blocks
from rnnsym.documents.model_part import equation_row, symbol_table
from rnnsym.documents.names import Names
from rnnsym.documents.typeset import Typesetter

if TYPE_CHECKING:
    from rnnsym.algebra.system import Definition, System
    from rnnsym.derivation.derivation import Derivation

Bundle = dict[str, str]


def expression_latex(expression: Basic) -> str:
    """An expression for mathematics mode, its names typeset from themselves."""
    return latex_expression(expression)


def definition_latex(definition: Definition) -> str:
    """One equation for mathematics mode, its names typeset from themselves."""
    left, right = Typesetter(Names.of()).equation(definition.lhs, definition.rhs)
    return f"{latex(left).strip()} = {latex(right).strip()}"


def system_bundle(system: System) -> Bundle:
    """A model: what it says of itself, its equations, its symbols with their shapes; as LaTeX and as plain text the equations alone."""
    setter = Typesetter(Names.of(system))
    said = paragraphs(system.doc)[:1]
    blocks: list[Block] = [
        *(Paragraph((text,)) for text in said),
        display([equation_row(d, setter, number, ()) for number, d in enumerate(system.every_definition, 1)]),
        symbol_table(system, setter),
    ]
    return {
        "text/markdown": markdown_blocks(blocks),
        "text/latex": latex_equations(system),
        "text/plain": unicode_equations(system),
    }


def derivation_bundle(derivation: Derivation) -> Bundle:
    """A derivation as Markdown with mathematics; as plain text its equations."""
    return {"text/markdown": markdown(derivation_document(derivation)), "text/plain": str(derivation)}
