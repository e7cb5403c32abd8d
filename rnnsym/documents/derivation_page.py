"""A Derivation as an HTML page: its document, its pictures, its code, the shapes of its symbols.

Comes in: a Derivation and, where it is at hand, the source of its module. Goes out: HTML.
"""

from __future__ import annotations

from rnnsym.algebra.tensor import T, t
from rnnsym.derivation.derivation import Derivation
from rnnsym.documents.derivation_document import derivation_document, derivation_names
from rnnsym.documents.html_document import Figure, html_source
from rnnsym.documents.mathematics import Node
from rnnsym.documents.model_part import space
from rnnsym.documents.names import Names
from rnnsym.documents.typeset import Typesetter
from rnnsym.documents.unicode_text import unicode_text

_LAGS = range(-3, 4)  # the steps beside t at which a symbol's shape is shown


def html_document(derivation: Derivation, module: str = "") -> str:
    """The page of a derivation: one file, no request, no script. `module`: the generated module, to show what computes each equation."""
    names = derivation_names(derivation)
    return html_source(derivation_document(derivation), _figures(derivation, names), module, symbol_shapes(derivation, names))


def _figures(derivation: Derivation, names: Names) -> tuple[Figure, ...]:
    from rnnsym.pictures import backpropagation, data_flow, structure, unfolded  # imports documents' trees: late, to keep one direction

    drawings = (
        (structure(derivation.model, names), "The structure, folded: a small square holds a value for a step."),
        (data_flow(derivation.model, names), "One step as data flow."),
        (unfolded(derivation.model, names), "Unfolded over time."),
        (backpropagation(derivation, names), "The errors that travel back."),
    )
    return tuple((drawing.svg(), caption) for drawing, caption in drawings)


def symbol_shapes(derivation: Derivation, names: Names) -> dict[Node, str]:
    """For the tree of every symbol, at t and the steps around it: `W_i ∈ ℝ^(n_h×n_x)`."""
    setter = Typesetter(names)
    found: dict[Node, str] = {}
    for declaration in derivation.prepared.declarations:
        where = unicode_text(space(declaration.shape, setter))
        times = [t + lag for lag in _LAGS] + [T] if declaration.timed else [None]
        for time in times:
            node = names.quantity(declaration.quantity.at(time) if time is not None else declaration.quantity)
            found[node] = f"{unicode_text(node)} ∈ {where}"
    return found
