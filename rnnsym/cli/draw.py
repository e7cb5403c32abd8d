"""`rnnsym draw`: the pictures of a model alone, as SVG, as TikZ or as PDF.

Comes in: a model's name and the words of the command. Goes out: a picture on the terminal or in a file, or all of them in a folder. Files
carry a seal (see `files`).
"""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from rnnsym.algebra import System
from rnnsym.cli.files import seal, write_all
from rnnsym.cli.make import emit, read
from rnnsym.cli.pdf import write_pdf
from rnnsym.cli.terminal import progress
from rnnsym.errors import UsageError

if TYPE_CHECKING:
    from rnnsym.pictures import Drawing

PICTURES = ("structure", "unfolded", "backward", "step")
FORMATS = ("svg", "tex", "pdf")
_PDF = """\\documentclass[border=2pt]{standalone}
\\usepackage[T1]{fontenc}
\\usepackage{amsmath,amssymb,mathpazo,tikz}
\\usetikzlibrary{arrows.meta}
\\begin{document}
%s\\end{document}
"""


def draw(options: Namespace) -> int:
    """Print or write one picture; write all of them."""
    suffix = Path(options.output or "").suffix.removeprefix(".")
    whole = options.picture == "all"
    kind = options.format or (suffix if suffix and not whole else "svg")
    if kind not in FORMATS:
        instead = "-o NAME.svg; a browser or rsvg-convert makes a PNG of it" if kind in ("png", "jpg") else "-o NAME.svg"
        raise UsageError.at("U301", f"a picture is not written as .{kind}", expected=", ".join(FORMATS), instead=instead, file="rnnsym")
    system = read(options.model)
    with progress(f"{system.name}: pictures"):
        drawings = {name: drawing(system, name, options.notation) for name in (PICTURES if whole else (options.picture,))}
    if whole:
        return _write_all(system, drawings, kind, Path(options.output or "."), options.force)
    (picture,) = drawings.values()
    if kind == "pdf":
        return write_pdf(_PDF % picture.tikz(), Path(options.output or f"{system.name}-{options.picture}.pdf"), options.force)
    emit(_text(picture, kind), options)
    return 0


def _write_all(system: System, drawings: dict[str, Drawing], kind: str, folder: Path, force: bool) -> int:
    places = {folder / f"{system.name}-{name}.{kind}": picture for name, picture in drawings.items()}
    if kind == "pdf":
        return max(write_pdf(_PDF % picture.tikz(), place, force) for place, picture in places.items())
    changed = write_all({place: _text(picture, kind) for place, picture in places.items()}, force)
    for place in places:
        print(f"{place}{'' if place in changed else '  (unchanged)'}", file=sys.stderr)
    return 0


def _text(picture: Drawing, kind: str) -> str:
    return seal(picture.tikz(), "%") if kind == "tex" else seal(picture.svg(), "<!--")


def drawing(system: System, name: str, notation: str = "house") -> Drawing:
    """One of the `PICTURES` of a model, its letters those of the model's derivation."""
    from rnnsym import pictures
    from rnnsym.derivation import derive
    from rnnsym.documents.derivation_document import derivation_names

    derivation = derive(system)
    names = derivation_names(derivation, notation)
    if name == "backward":
        return pictures.backpropagation(derivation, names)
    draw_one = {"structure": pictures.structure, "unfolded": pictures.unfolded, "step": pictures.data_flow}[name]
    return draw_one(system, names)
