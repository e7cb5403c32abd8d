"""How it was checked: what was evaluated when the document was made, and what was proved, tested and measured.

Comes in: the document so far and the evidence that others found. Goes out: blocks. Only what was run is told, and of what was measured only
the bound that it passed, so that the same model always gives the same document.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rnnsym.documents.document import AnyClaim, Block, Claim, Heading, IndexClaim, Items, LocalClaim, Paragraph, Table, TotalClaim
from rnnsym.documents.mathematics import Identifier, Inline
from rnnsym.documents.wording import count


@dataclass(frozen=True)
class Evidence:
    """One check that was passed: `proved`, `tested` or `measured`; what was checked, how, what was found (a count, or a bound)."""

    grade: str
    what: str
    how: str
    found: str


def evidence_blocks(name: str, claims: Sequence[AnyClaim], evidence: Sequence[Evidence]) -> Iterator[Block]:
    """The part: what the document's own check evaluated, what else is known, and the argument that is left to the reader."""
    yield Heading(1, ("How it was checked",))
    yield Paragraph(("What is displayed above was evaluated on random arrays, in double precision, before it was written:",))
    yield Items(tuple(_own_check(claims)))
    command = f"“rnnsym verify {name}”"
    if evidence:
        yield Paragraph(("Beyond that, the gradients were checked in three grades, which are not of equal strength:",))
        rows = tuple(tuple((cell,) for cell in (e.grade, e.what, e.how, e.found)) for e in evidence)
        yield Table(("grade", "what was checked", "how", "found"), rows, (0.14, 0.24, 0.28, 0.24))
        yield Paragraph((f"{command} repeats these checks and shows each residual.",))
    else:
        yield Paragraph((f"No proof was run for this document; {command} proves the rules, tests their assembly and measures the module.",))
    yield Paragraph(_INDUCTION)


_INDUCTION = (
    "What no machine checked is the argument that puts the steps together: an error at step ",
    Identifier("t"),
    " is found from errors at steps nearer to the end where its recurrence starts, and there it is complete, because nothing lies beyond. "
    "By induction it is complete at every step.",
)


def _own_check(claims: Sequence[AnyClaim]) -> Iterator[tuple[Inline, ...]]:
    """What was evaluated, by kind."""

    def number(*kinds: type) -> int:
        return len(dict.fromkeys(c for c in claims if isinstance(c, kinds)))

    equal, local, total, index = (number(kind) for kind in (Claim, LocalClaim, TotalClaim, IndexClaim))
    others = sum(not isinstance(c, Claim | LocalClaim | TotalClaim | IndexClaim) for c in claims)
    if equal:
        yield (f"{count(equal, 'equation')}, both sides at every step that they speak of, equal to 1e-9;",)
    if local:
        yield (f"{count(local, 'contribution')} of one equation to an error, against differences of that equation alone;",)
    if total:
        yield (f"{count(total, 'gradient')} of values outside the steps, against differences of the whole cost;",)
    if index:
        yield (f"{count(index, 'step')} in index form, derivatives among them against complex steps;",)
    if others:
        yield (f"{count(others, 'block')} and bounds of the step Jacobian, against differences of one step and against norms.",)
