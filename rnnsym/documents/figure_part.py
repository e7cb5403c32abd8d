"""The pictures of a derivation and their captions.

Comes in: a Derivation and its names. Goes out: blocks of a document. The room of pictures is to the right of this one: it is imported when
they are drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rnnsym.derivation.derivation import Derivation
from rnnsym.documents.document import Block, Figure, Paragraph
from rnnsym.documents.names import Names

if TYPE_CHECKING:
    from rnnsym.pictures.drawing import Drawing


def model_figures(derivation: Derivation, names: Names) -> Iterator[Block]:
    """The network folded and unfolded, and one step of it."""
    from rnnsym.pictures import data_flow, structure, unfolded

    model = derivation.model
    folded, step, over_time = structure(model, names), data_flow(model, names), _laid_out(unfolded, model, names)
    squares = " (a small square holds a value for a step)" if _has(folded, "delay") else ""
    if over_time is None:
        yield Figure("network", (folded,), (f"The network, folded{squares}. {_NO_LINES}",))
    else:
        yield Figure("network", (folded, over_time), (f"The network, folded{squares} and unfolded over time.",))
    legend = "; ".join(words for kind, words in _COLOURS.items() if _has(step, kind))
    goes_on = " What a line ends with at the right goes on further down, under the same letters." if "goes on" in step.description else ""
    yield Figure("step", (step,), (f"One step as data flow{f' ({legend})' if legend else ''}.{goes_on}",))


def error_figures(derivation: Derivation, names: Names) -> Iterator[Block]:
    """The errors that travel back, where any do."""
    from rnnsym.pictures import backpropagation

    drawing = _laid_out(backpropagation, derivation, names)
    if drawing is None:
        yield Paragraph((_NO_LINES,))
    elif any(edge.kind == "error" for edge in drawing.edges):
        yield Figure("errors", (drawing,), ("The errors travel back (red), from the loss to all that it was computed from.",))


_COLOURS = {
    "state": "blue: carried from step to step",
    "function": "yellow: the recurrence",
    "readout": "green: outside of it",
}


_NO_LINES = "The picture over several steps is left out: its lines could not be laid out."


def _laid_out(draw: Callable[..., Drawing], *arguments: object) -> Drawing | None:
    """The picture; None for what the columns of steps cannot show yet (a start that is made of the last step)."""
    try:
        return draw(*arguments)
    except (KeyError, ValueError):
        return None


def _has(drawing: Drawing, kind: str) -> bool:
    return any(node.kind == kind for node in drawing.nodes)
