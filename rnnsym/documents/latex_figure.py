"""A figure as LaTeX: pictures side by side where the page has room, else below each other, none wider than column and margin together.

Comes in: a Figure. Goes out: a `figure` environment with tikzpictures.
"""

from __future__ import annotations

from collections.abc import Sequence

from rnnsym.documents.document import Figure, Picture

COLUMN, PAGE = 346.0, 474.0  # points: the text column (122 mm), and with it the margin
_TALLEST = 560.0  # points of pictures on one page, their caption left out
_APART = 22.0
_NATURAL = 0.5625  # points for a pixel: letters of 9 points
_SMALLEST = 0.8  # how far pictures are made smaller to stand side by side


def figure_source(block: Figure, caption: str) -> str:
    """The environment; a picture wider than the column reaches into the margin."""
    lines = "\n".join(_line(pictures, height) for pictures, height in _arranged(block.pictures))
    return f"\\begin{{figure}}[!htb]\n{lines}\n\\caption{{{caption}}}\n\\label{{fig:{block.mark}}}\n\\end{{figure}}"


def _arranged(pictures: Sequence[Picture]) -> list[tuple[Sequence[Picture], float]]:
    """The lines of a figure, each with the height that it may take."""
    if sum(p.width for p in pictures) * _NATURAL * _SMALLEST + _APART * (len(pictures) - 1) <= PAGE:
        return [(pictures, _TALLEST)]
    whole = sum(p.height for p in pictures)
    return [([p], _TALLEST * p.height / whole) for p in pictures]


def _line(pictures: Sequence[Picture], height: float) -> str:
    """Pictures beside each other, in the middle of the column or, where they are wider, from its left side on."""
    room = PAGE - _APART * (len(pictures) - 1)
    scale = min(_NATURAL, room / sum(p.width for p in pictures), height / max(p.height for p in pictures))
    wide = scale * sum(p.width for p in pictures) + _APART * (len(pictures) - 1) > COLUMN
    drawn = f"%\n\\hspace{{{_APART:g}pt}}%\n".join(p.tikz(scale * p.width, scale * p.height).strip() for p in pictures)
    return f"\\makebox[\\linewidth][{'l' if wide else 'c'}]{{%\n{drawn}%\n}}\\par"
