"""Sizes as the text writes them: a name, a whole number, or a sum of them with whole factors.

Comes in: an expression in a size's place. Goes out: a linear form, or None when it is no size (the error is noted).
"""

from __future__ import annotations

from rnnsym.language.findings import Findings
from rnnsym.language.names import Names
from rnnsym.language.syntax import Name, Negative, Node, Num, Product, Sum, walk
from rnnsym.language.unify import Form


def size_form(node: Node, names: Names, findings: Findings) -> Form | None:
    """A size as a linear form, or None (noted) when it is none: a name, a whole number, a sum of them with whole factors."""
    form = _linear(node, names)
    if form is None and not any(isinstance(n, Name) and n.name in names.clashing for n in walk(node)):
        text = findings.text(node)
        expected = "a name (n_h), a whole number, or a sum of them with whole factors (n_x + n_h, 4*n_h)"
        findings.error("E305", f"`{text}` is not a size", node, expected=expected)
    return form


def _linear(node: Node, names: Names) -> Form | None:
    if isinstance(node, Num):
        return Form(int(node.value)) if node.value.is_Integer else None
    if isinstance(node, Name):
        return Form(0, {node.name: 1}) if node.name in names.sizes and node.name not in names.clashing else None
    parts = [_linear(c, names) for c in node.children]
    if any(p is None for p in parts) or not parts:
        return None
    forms = [p for p in parts if p is not None]
    if isinstance(node, Negative):
        return forms[0].times(-1)
    if isinstance(node, Sum):
        return sum(forms[1:], forms[0])
    if isinstance(node, Product):
        product = Form(1)
        for form in forms:
            if product.terms and form.terms:
                return None
            product = form.times(product.constant) if not product.terms else product.times(form.constant)
        return product
    return None


def never_positive(form: Form) -> bool:
    """Whether a size without unknowns is below one for all values of its names."""
    return not form.unknowns and form.constant + sum(f for f in form.terms.values()) < 1 and all(f <= 0 for f in form.terms.values())
