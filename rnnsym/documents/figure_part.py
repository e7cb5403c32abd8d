"""The pictures of a derivation and their captions.

Comes in: a Derivation and its names. Goes out: blocks of a document. The room of pictures is to the right of this one: it is imported when
they are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rnnsym.derivation.derivation import Derivation
from rnnsym.documents.document import Block, Figure
from rnnsym.documents.names import Names

if TYPE_CHECKING:
    from rnnsym.pictures.drawing import Drawing


def model_figures(derivation: Derivation, names: Names) -> Iterator[Block]:
    """The network folded and unfolded, and one step of it."""
    from rnnsym.pictures import data_flow, structure, unfolded

    model = derivation.model
    folded, step, over_time = structure(model, names), data_flow(model, names), unfolded(model, names)
    signs = ["a small square holds a value for a step"] if _has(folded, "delay") else []
    signs += ["a dashed line leads to a value before the first step or after the last one"] if any(e.dashed for e in folded.edges) else []
    said = f" ({'; '.join(signs)})" if signs else ""
    yield Figure("network", (folded, over_time), (f"The network, folded{said} and unfolded over time.",))
    legend = "; ".join(words for kind, words in _COLOURS.items() if _has(step, kind))
    goes_on = " What a line ends with at the right goes on further down, under the same letters." if "goes on" in step.description else ""
    yield Figure("step", (step,), (f"One step as data flow{f' ({legend})' if legend else ''}.{goes_on}",))


def error_figures(derivation: Derivation, names: Names) -> Iterator[Block]:
    """The errors that travel back, where any do."""
    from rnnsym.pictures import backpropagation

    drawing = backpropagation(derivation, names)
    if any(edge.kind == "error" for edge in drawing.edges):
        yield Figure("errors", (drawing,), ("The errors travel back (red), from the loss to all that it was computed from.",))


_COLOURS = {
    "state": "blue: carried from step to step",
    "function": "yellow: the recurrence",
    "readout": "green: outside of it",
}


def _has(drawing: Drawing, kind: str) -> bool:
    return any(node.kind == kind for node in drawing.nodes)
