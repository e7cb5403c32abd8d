"""Documents: a Derivation, a System, an expression as LaTeX and as Unicode text, through one tree of mathematics."""

from rnnsym.documents.checking import check_document
from rnnsym.documents.derivation_document import derivation_document
from rnnsym.documents.expressions import latex_equations, latex_expression, unicode_equations, unicode_expression
from rnnsym.documents.latex_document import latex_source

__all__ = [
    "derivation_document",
    "latex_document",
    "latex_equations",
    "latex_expression",
    "latex_source",
    "unicode_equations",
    "unicode_expression",
]


def latex_document(derivation) -> str:
    """The complete LaTeX source of a derivation; compiles with pdfLaTeX and packages of latex-recommended, latex-extra and pictures.

    Raises InternalError E905 where a displayed step does not hold on random arrays.
    """
    document = derivation_document(derivation)
    check_document(derivation, document)
    return latex_source(document)
