"""A Derivation as an HTML page: its document, its code, what its symbols are.

Comes in: a Derivation and, where it is at hand, the source of its module. Goes out: HTML.
"""

from __future__ import annotations

from collections.abc import Sequence

from rnnsym.algebra.tensor import Quantity, T, t
from rnnsym.derivation.derivation import Derivation
from rnnsym.documents.derivation_document import derivation_document, derivation_names
from rnnsym.documents.evidence_part import Evidence
from rnnsym.documents.html_document import Symbol, html_source
from rnnsym.documents.mathematics import Node
from rnnsym.documents.model_part import space
from rnnsym.documents.names import Names
from rnnsym.documents.typeset import Typesetter
from rnnsym.documents.unicode_text import unicode_text

_LAGS = range(-3, 4)  # the steps beside t at which a symbol is known


def html_document(
    derivation: Derivation, module: str = "", detail: str = "steps", evidence: Sequence[Evidence] = (), notation: str = "house"
) -> str:
    """The page of a derivation: one file, no request, no script. `module`: the generated module, to show what computes each equation."""
    names = derivation_names(derivation, notation)
    return html_source(derivation_document(derivation, detail, module, evidence, notation), symbols(derivation, names))


def symbols(derivation: Derivation, names: Names) -> tuple[Symbol, ...]:
    """What every symbol is, and how it looks at t and the steps around it: `W_i ∈ ℝ^(n_h×n_x), input weights`."""
    prepared = derivation.prepared
    found = []
    for declaration in prepared.declarations:
        defined = prepared.defined.get(declaration.name)
        said = declaration.description or (defined.description if defined is not None else "")
        found.append(_symbol(declaration.quantity, said, names))
    for entry in derivation.entries:
        found.append(_symbol(entry.error, f"the error of {unicode_text(names.quantity(entry.of))}", names))
    return tuple(found)


def _symbol(quantity: Quantity, said: str, names: Names) -> Symbol:
    timed = quantity.time is not None and not quantity.is_absolute
    looks = [names.quantity(quantity.at(time)) for time in (*(t + lag for lag in _LAGS), T)] if timed else [names.quantity(quantity)]
    where = unicode_text(space(quantity.shape, Typesetter(names)))
    return Symbol(f"{unicode_text(names.quantity(quantity))} ∈ {where}{f', {said}' if said else ''}", frozenset[Node](looks))
