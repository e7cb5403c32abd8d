"""Declarations by themselves: how many sizes each kind takes, and which start fits which shape.

Comes in: a `Page`. Goes out: nothing; what is wrong (E109, E302) is noted. What the sizes come to is decided with the shapes.
"""

from __future__ import annotations

from rnnsym.language.findings import Findings
from rnnsym.language.syntax import Declare, Page

# kind: the ranks it may have, what to write
_RANKS: dict[str, tuple[tuple[int, ...], str]] = {
    "input": ((0, 1, 2), "input, input[n] or input[n, m]"),
    "target": ((0, 1), "target or target[n]"),
    "token": ((1,), "token[n]"),
    "param": ((0, 1, 2), "param, param[n], param[n, m] or param[...]"),
    "constant": ((0, 1, 2), "constant, constant[n], constant[n, m] or constant[...]"),
    "vector": ((1,), "vector[n]"),
    "matrix": ((2,), "matrix[n, m]"),
    "scalar": ((0,), "scalar"),
}


def check_declarations(page: Page, findings: Findings) -> None:
    """Note every declaration whose brackets or start do not fit its kind."""
    for declare in page.declares:
        ranks, forms = _RANKS[declare.kind]
        if declare.sizes is None:
            if declare.kind not in ("param", "constant"):
                findings.error("E109", f"`{declare.kind}[...]` leaves the shape open", declare.span, expected=forms)
        elif len(declare.sizes) not in ranks:
            count = len(declare.sizes)
            sizes = f"{count} size{'s' if count != 1 else ''}"
            findings.error("E109", f"`{declare.name}` is a {declare.kind} with {sizes}", declare.span, expected=forms)
        _check_start(declare, findings)


def _check_start(declare: Declare, findings: Findings) -> None:
    start = declare.start
    if start is None or declare.sizes is None:
        return
    if start.rule in ("glorot", "orthogonal", "eye") and len(declare.sizes) != 2:
        instead = "a number, uniform(0.1) or normal(0.01)"
        findings.error(
            "E302", f"`{declare.name}` starts as {start.rule}, but is no matrix", declare.span, expected="a param[n, m]", instead=instead
        )
