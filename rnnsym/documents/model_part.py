"""The first half of a derivation: what the model is, and the names given to its parts.

Comes in: a Derivation and a typesetter. Goes out: blocks of a document.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnnsym.algebra.sizes import Shape
from rnnsym.algebra.system import Declaration, Definition, System
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS
from rnnsym.derivation.derivation import Derivation
from rnnsym.documents.document import COLUMN, Block, Claim, Heading, Paragraph, Table, display
from rnnsym.documents.escape import paragraphs
from rnnsym.documents.mathematics import (
    AlignedRow,
    BigOperator,
    Fenced,
    Identifier,
    Inline,
    Node,
    Numeral,
    Operator,
    References,
    Row,
    Scripts,
    row,
)
from rnnsym.documents.measure import width
from rnnsym.documents.names import size_node
from rnnsym.documents.typeset import Typesetter
from rnnsym.documents.wording import OWN_NOUNS, count

_KIND_ORDER = ("input", "token", "target", "variable", "param", "constant")
_KIND_WORDS = {"input": "input", "target": "target", "token": "one-hot input", "param": "parameter", "constant": "constant"}


def model_blocks(derivation: Derivation, setter: Typesetter) -> Iterator[Block]:
    """Docstring, numbered equations, the cost, the table of symbols."""
    model = derivation.model
    yield Heading(1, ("The model",))
    for text in paragraphs(model.doc):
        yield Paragraph((text,))
    says = (
        f"{count(len(model.every_definition), 'equation').capitalize()} {'says' if len(model.every_definition) == 1 else 'say'} what it is"
    )
    yield Paragraph((f"{says}; the step ", setter.step, " runs from 1 to ", Identifier("T"), "."))
    yield display(
        [equation_row(d, setter, derivation.numbers[d.key]) for d in model.every_definition],
        [Claim(d.lhs, d.rhs) for d in model.every_definition],
    )
    yield Paragraph(("The cost of one sequence is",))
    yield display([AlignedRow(setter.names.cost, "=", cost_node(model, setter))])
    yield Paragraph(("Symbols, with the spaces that they live in:",))
    yield symbol_table(model, setter)


def equation_row(definition: Definition, setter: Typesetter, number: int | None, reason: tuple[Inline, ...] | None = None) -> AlignedRow:
    left, right = setter.equation(definition.lhs, definition.rhs)
    return AlignedRow(left, "=", right, number, described(definition, setter) if reason is None else reason)


def described(definition: Definition, setter: Typesetter) -> tuple[Inline, ...]:
    """An equation's description; one that a pass wrote ends in the name of what it is a part of, which is set as mathematics."""
    said, _, owner = definition.description.rpartition(" of ")
    if said in OWN_NOUNS and (owner in setter.names.bases or owner == STEP_LOSS):
        return (f"{said} of ", setter.names.base(owner))
    return (definition.description,) if definition.description else ()


def cost_node(model: System, setter: Typesetter) -> Node:
    """Σ_t loss[t] + loss, what there is of it."""
    names = setter.names
    parts: list[Node] = []
    if STEP_LOSS in model.by_name:
        lower = row(Identifier("t"), Operator("=", "prefix"), Numeral("1"))
        parts += [BigOperator("∑", lower, Identifier("T")), names.at(names.base(STEP_LOSS), Identifier("t"))]
    if FINAL_LOSS in model.by_name:
        parts += [*([Operator("+")] if parts else []), names.base(FINAL_LOSS)]
    return row(*parts) if parts else Numeral("0")


def symbol_table(model: System, setter: Typesetter) -> Table:
    """Every name with its space; names of one kind and one space that nothing is said of share a row."""
    shown = [d for d in model.declarations if d.name not in (STEP_LOSS, FINAL_LOSS)]
    groups: dict[tuple, list[Declaration]] = {}
    for declaration in sorted(shown, key=lambda d: _KIND_ORDER.index(d.kind)):
        said = _what_it_is(declaration, model)
        groups.setdefault((declaration.kind, declaration.shape, said, declaration.name if ", " in said else ""), []).append(declaration)
    rows = [
        (_enumerated([setter.names.quantity(d.quantity) for d in members]), (space(members[0].shape, setter),), (said,))
        for (_, _, said, _), members in groups.items()
    ]
    return Table(("symbol", "space", "what it is"), tuple(rows), _column_widths(rows))


def _column_widths(rows: Sequence[tuple[tuple[Inline, ...], ...]]) -> tuple[float, float, float]:
    """Shares of the column: what symbols and spaces need, the rest for words."""
    symbols = max((sum(width(p) + 0.55 for p in row[0] if not isinstance(p, str | References)) for row in rows), default=4.0)
    spaces = max((width(p) for row in rows for p in row[1] if not isinstance(p, str | References)), default=2.0)
    second = spaces / COLUMN + 0.01
    first = min(max(symbols / COLUMN, 0.12), max(0.72 - second, 0.2))
    return first, second, max(0.9 - first - second, 0.15)


def _enumerated(nodes: list[Node]) -> tuple[Inline, ...]:
    return tuple(piece for place, node in enumerate(nodes) for piece in ((", ", node) if place else (node,)))


def _what_it_is(declaration: Declaration, model: System) -> str:
    description = declaration.description
    defined = model.defined.get(declaration.name)
    if not description and defined is not None:
        description = defined.description
    kind = _KIND_WORDS.get(declaration.kind, "")
    return ", ".join(part for part in (kind, description) if part) or ("computed" if declaration.timed else "computed once")


def space(shape: Shape, setter: Typesetter) -> Node:
    """ℝ, ℝ^n, ℝ^{m×n}."""
    letter = Identifier("ℝ")
    lengths = [size_node(length, setter.names) for length in shape]
    lengths = [Fenced(n) if isinstance(n, Row) and len(shape) > 1 else n for n in lengths]
    if not lengths:
        return letter
    return Scripts(letter, sup=row(*(p for i, n in enumerate(lengths) for p in ((Operator("×", "prefix"), n) if i else (n,)))))


# ---------------------------------------------------------------- stable forms and named parts


def part_blocks(derivation: Derivation, setter: Typesetter) -> Iterator[Block]:
    """What was taken as one for the sake of stability, and the parts that got names."""
    written = {d.key: d.rhs for d in derivation.model.every_definition}
    new = [d for d in derivation.prepared.every_definition if d.key not in written]
    changed = [d for d in derivation.prepared.every_definition if d.key in written and d.rhs != written[d.key]]
    if not new and not changed:
        return
    yield Heading(1, ("Names for the parts",))
    if derivation.rewrites:
        yield from _stable_forms(derivation, setter)
    if new:
        yield Paragraph(
            ("So that every local derivative is a simple one, compound arguments get names of their own" + (":" if new else "."),)
        )
        yield display([equation_row(d, setter, derivation.numbers[d.key]) for d in new], [Claim(d.lhs, d.rhs) for d in new])
    if changed:
        yield Paragraph(("With them the equations read" if new else "The equations then read",))
        rows = [equation_row(d, setter, None, ("instead of ", References((derivation.numbers[d.key],)))) for d in changed]
        yield display(rows, [Claim(d.lhs, d.rhs) for d in changed])


def _stable_forms(derivation: Derivation, setter: Typesetter) -> Iterator[Block]:
    rows = []
    for rewrite in dict.fromkeys(derivation.rewrites):
        inner = setter.inside(True)
        before, after = inner.expression(rewrite.before), inner.expression(rewrite.after)
        if before == after:
            continue
        rows.append(AlignedRow(before, "=", after, None, (rewrite.law, ", in ", References((derivation.numbers[rewrite.key],)))))
    if rows:
        yield Paragraph(("Some parts are taken as one, so that nothing overflows and no digits are lost; their values are the same:",))
        yield display(rows)
