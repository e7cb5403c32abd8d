"""Documents: a Derivation, a System, an expression as LaTeX and as Unicode text, through one tree of mathematics."""

from rnnsym.documents.checking import check_document
from rnnsym.documents.derivation_document import derivation_document
from rnnsym.documents.expressions import latex_equations, latex_expression, unicode_equations, unicode_expression
from rnnsym.documents.latex_document import fragment_source, latex_source

__all__ = [
    "check_document",
    "derivation_document",
    "latex_document",
    "latex_equations",
    "latex_expression",
    "latex_fragment",
    "latex_source",
    "unicode_equations",
    "unicode_expression",
]


def latex_document(derivation, detail: str = "steps", module: str = "", evidence=(), notation: str = "house") -> str:
    """The complete LaTeX source of a derivation; compiles with pdfLaTeX and packages of latex-recommended, latex-extra and pictures."""
    return latex_source(derivation_document(derivation, detail, module, evidence, notation))


def latex_fragment(derivation, detail: str = "steps", module: str = "", evidence=(), notation: str = "house") -> str:
    """The LaTeX source of a derivation to be read by another document with `\\input`; its first lines say what that one needs."""
    return fragment_source(derivation_document(derivation, detail, module, evidence, notation))
