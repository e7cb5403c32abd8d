"""The functions of the language, each with what it computes and, where it is elementwise, the derivative that SymPy finds for it.

Comes in: the language's own table and the calculus. Goes out: a Markdown table; a function without a row here is an error of the build.
"""

from __future__ import annotations

from sympy import Piecewise, erf, exp

from rnnsym.algebra import Quantity, apply
from rnnsym.algebra.operators import FUNCTION_ARITY
from rnnsym.calculus.elementwise import FORMULAS, KINKS, as_expression, partials, u
from rnnsym.documents.expressions import expression_tree
from rnnsym.documents.mathematics import Identifier, Node, Operator, row
from rnnsym.documents.mathml import math_element
from rnnsym.language.builtin import ARITY
from sphinx_rnnsym.equations import raw

OTHERS = {
    "softmax": ("softmax(z)", "vector", "exp(z) over its sum"),
    "log_softmax": ("log_softmax(z)", "vector", "its logarithm, without overflow"),
    "logsumexp": ("logsumexp(z)", "scalar", "log of the sum of exp(z), without overflow"),
    "dot": ("dot(a, b)", "scalar", "aᵀ b"),
    "outer": ("outer(a, b)", "matrix", "a bᵀ"),
    "sum": ("sum(u)", "scalar", "of the entries of a vector or a matrix"),
    "mean": ("mean(u)", "scalar", "of the entries of a vector or a matrix"),
    "norm": ("norm(u)", "scalar", "Euclidean; of a matrix, Frobenius; norm′(0) = 0"),
    "concat": ("concat(a, b, …)", "vector", "one after the other; a scalar counts as length 1"),
    "split": ("split(v, k)", "k vectors", "k equal parts, with k names on the left"),
    "roll": ("roll(v, k)", "vector", "cyclic: entry i is v[i − k]"),
    "diag": ("diag(v)", "matrix", "v on the diagonal; never formed"),
    "eye": ("eye(n)", "matrix", "the identity"),
    "ones": ("ones(n), ones(n, m)", "vector, matrix", "of ones"),
    "stop_gradient": ("stop_gradient(u)", "as u", "u; no gradient passes"),
    "total": ("total(u[t])", "as u, static", "the sum over all steps"),
    "cross_entropy": ("cross_entropy(y, p)", "scalar", "−Σ y log p, with 0 · log 0 = 0"),
    "binary_cross_entropy": ("binary_cross_entropy(y, p)", "scalar", "−Σ [y log p + (1 − y) log(1 − p)]"),
    "squared_error": ("squared_error(y, v)", "scalar", "Σ (v − y)², no half"),
}
SEVERAL = {"max": "max(u, v, …)", "min": "min(u, v, …)", "clip": "clip(u, low, high)", "mod": "mod(u, m)"}


def function_reference() -> str:
    """Two tables: what acts entry by entry, and all else."""
    missing = set(ARITY) - set(OTHERS) - set(FUNCTION_ARITY)
    if missing:
        raise ValueError(f"functions that the reference does not show: {sorted(missing)}")
    elementwise = [_elementwise(name) for name in FUNCTION_ARITY]
    others = [f"<tr><td><code>{call}</code></td><td>{kind}</td><td>{said}</td></tr>" for call, kind, said in OTHERS.values()]
    return (
        "### Entry by entry\n\n" + raw(_table(("function", "value", "derivative", "at its kink"), elementwise))
        + "\n### Vectors, matrices, sums, losses\n\n" + raw(_table(("function", "gives", "what it is"), others))
    )  # fmt: skip


def _table(head: tuple[str, ...], rows: list[str]) -> str:
    titles = "".join(f'<th scope="col">{title}</th>' for title in head)
    return (
        f'<div class="table-wrapper"><table class="docutils"><thead><tr>{titles}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _elementwise(name: str) -> str:
    kink = KINKS.get(name, "")
    if name in SEVERAL:
        return f'<tr><td><code>{SEVERAL[name]}</code></td><td colspan="3">{kink}</td></tr>'
    node = apply(name, Quantity("u"))
    (slope,) = partials(node)
    value = math_element(row(Identifier("F"), Operator("=", "relation"), _formula(name)))
    derivative = math_element(expression_tree(slope.xreplace({node: Quantity("F")})))
    return f"<tr><td><code>{name}(u)</code></td><td>{value}</td><td>{derivative}</td><td>{kink}</td></tr>"


def _formula(name: str) -> Node:
    """The closed form that SymPy differentiates; the function itself where it has no other."""
    named = apply(name, Quantity("u"))
    if name == "sqrt" or not FORMULAS[name].has(exp, Piecewise, erf):
        return expression_tree(named)
    form = as_expression(FORMULAS[name], {u: Quantity("u")})
    return expression_tree(form)
