"""Declarations by themselves: how many sizes each kind takes, what the sizes are, which start fits which shape.

Comes in: a `Page` and its `Names`. Goes out: the names with their declared sizes; what is wrong (E109, E302, E305) is noted.
"""

from __future__ import annotations

import dataclasses

from rnnsym.language.findings import Findings, article
from rnnsym.language.lengths import never_positive, size_form
from rnnsym.language.names import Names
from rnnsym.language.syntax import Declare, Page
from rnnsym.language.unify import Form

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


def with_declared_sizes(page: Page, names: Names, findings: Findings) -> Names:
    """The names with the sizes that their declarations state; a declaration that is wrong makes its name a broken one."""
    declared: dict[str, tuple[Form | None, ...]] = {}
    broken = set(names.broken)
    for declare in page.declares:
        before = len(findings.errors)
        fits = _check_form(declare, findings)
        forms = tuple(_length(declare, index, names, findings) for index in range(len(declare.sizes or ())))
        _check_start(declare, findings)
        if fits and declare.sizes is not None:
            declared.setdefault(declare.name, forms)
        if len(findings.errors) > before or any(form is None for form in forms):
            broken.add(declare.name)
    return dataclasses.replace(names, declared=declared, broken=broken)


def _check_form(declare: Declare, findings: Findings) -> bool:
    """Whether the brackets fit the kind."""
    ranks, forms = _RANKS[declare.kind]
    if declare.sizes is None:
        if declare.kind in ("param", "constant"):
            return True
        findings.error("E109", f"`{declare.kind}[...]` leaves the shape open", declare.span, expected=forms)
        return False
    if len(declare.sizes) in ranks:
        return True
    count = len(declare.sizes)
    sizes = "no size" if count == 0 else f"{count} size{'s' if count > 1 else ''}"
    findings.error("E109", f"`{declare.name}` is {article(declare.kind)} with {sizes}", declare.span, expected=forms)
    return False


def _length(declare: Declare, index: int, names: Names, findings: Findings) -> Form | None:
    assert declare.sizes is not None
    node = declare.sizes[index]
    form = size_form(node, names, findings)
    if form is not None and never_positive(form):
        found = f"the size `{findings.text(node)}` of `{declare.name}` is below one"
        findings.error("E305", found, node, expected="a size of one or more")
        return None
    return form


def _check_start(declare: Declare, findings: Findings) -> None:
    start = declare.start
    if start is None or declare.sizes is None:
        return
    if start.rule in ("glorot", "orthogonal", "eye") and len(declare.sizes) != 2:
        instead = "a number, uniform(0.1) or normal(0.01)"
        findings.error(
            "E302", f"`{declare.name}` starts as {start.rule}, but is no matrix", declare.span, expected="a param[n, m]", instead=instead
        )
