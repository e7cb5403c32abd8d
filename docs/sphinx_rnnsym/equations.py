"""Equations of a model, and of its derivation, as MathML.

Comes in: what a page says, `lstm` or `elman d_h d_W`. Goes out: Markdown with HTML inside. The rows are those of the documents.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

import rnnsym
from rnnsym import pictures
from rnnsym.algebra import System
from rnnsym.derivation import Derivation
from rnnsym.documents.derivation_document import derivation_names
from rnnsym.documents.document import display
from rnnsym.documents.mathematics import AlignedRow
from rnnsym.documents.mathml import math_element, relation_and_right
from rnnsym.documents.model_part import equation_row
from rnnsym.documents.typeset import Typesetter


def raw(html: str) -> str:
    """HTML as a block of Markdown."""
    return f"````{{raw}} html\n{html}\n````\n"


def grid(rows: Iterable[AlignedRow]) -> str:
    """Rows of equations: left side, relation and right side, number, what is said of them."""
    return f'<div class="equations">{"".join(map(_row, display(rows).mathematics.rows))}</div>'


def _row(row: AlignedRow) -> str:
    left = math_element(row.left, display=True) if row.left is not None else ""
    right = f'<math displaystyle="true">{relation_and_right(row)}</math>'
    number = f"({row.number})" if row.number is not None else ""
    said = "".join(piece if isinstance(piece, str) else "" for piece in row.reason)
    cells = ((left, "left"), (right, "right"), (number, "number"), (said, "reason"))
    return "".join(f'<div class="{kind}">{cell}</div>' for cell, kind in cells)


def system_grid(system: System, described: bool = True) -> str:
    """The equations of a System, numbered as everywhere, with or without their descriptions."""
    derivation = rnnsym.derive(system)
    setter = Typesetter(derivation_names(derivation))
    said = None if described else ()
    return grid(equation_row(d, setter, derivation.numbers[d.key], said) for d in system.every_definition)


def derived_grid(derivation: Derivation, *errors: str) -> str:
    """Results of a derivation by the names of the errors, `d_h`; all of them where none is named. KeyError for one that it has not."""
    setter = Typesetter(derivation_names(derivation))
    entries = {entry.error.name: entry for entry in derivation.entries}
    rows = []
    for name in errors or entries:
        entry = entries[name]
        rows.append(AlignedRow(*_sides(setter, entry), number=entry.number))
    return grid(rows)


def _sides(setter: Typesetter, entry) -> tuple:
    left, right = setter.equation(entry.error, entry.result)
    return left, "=", right


def model_equations(model: str) -> str:
    """The equations of a library model."""
    return raw(system_grid(rnnsym.load(model)))


def derived_equations(model: str, *errors: str) -> str:
    """What was derived for a library model."""
    return raw(derived_grid(rnnsym.derive(rnnsym.load(model)), *errors))


def model_picture(model: str, kind: str) -> str:
    """A picture of a library model: structure, unfolded, data_flow or backpropagation."""
    system = rnnsym.load(model)
    drawing = getattr(pictures, kind)(rnnsym.derive(system) if kind == "backpropagation" else system)
    return raw(f'<figure class="picture">{drawing.svg()}</figure>')


def cited_code(model: str, first: str, last: str) -> str:
    """The lines of a library model's module from the first that cites equation `first` to the next that cites `last`."""
    lines = rnnsym.generate(rnnsym.load(model)).split("\n")
    start = next(i for i, line in enumerate(lines) if _cites(line, first))
    stop = next(i for i, line in enumerate(lines) if i >= start and _cites(line, last))
    return "```python\n" + textwrap.dedent("\n".join(lines[start : stop + 1])) + "\n```\n"


def _cites(line: str, number: str) -> bool:
    return bool(re.search(rf"#.*\({number}\)", line))
