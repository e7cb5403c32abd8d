"""Every operator as mathematics: exact strings, precedence and brackets."""

from __future__ import annotations

import pytest
import sympy

from rnnsym.algebra import Number, Quantity, System, T, apply, size, sizes, t
from rnnsym.algebra import operators as op
from rnnsym.documents import latex_equations, latex_expression, unicode_expression
from rnnsym.documents.typeset import RULES

n, m, k = sizes("n m k")
a, b, c = (Quantity(name, (n,))[t] for name in "abc")
s, r = Quantity("s")[t], Quantity("r")[t]
A, B = Quantity("A", (n, n), kind="param"), Quantity("B", (n, n), kind="param")
W, x = Quantity("W", (n, m), kind="param"), Quantity("x", (m,), kind="input")[t]
y = Quantity("y", (n,), kind="target")[t]

SHOWN = [
    (Number(2), "2"),
    (Number(0.5), "0.5"),
    (Number(sympy.Rational(1, 3)), r"\frac{1}{3}"),
    (Number(1e-5), "10^{-5}"),
    (Number(sympy.Rational("2.5e-7")), r"2.5 \cdot 10^{-7}"),
    (Number(sympy.oo), r"\infty"),
    (Number(sympy.pi), r"\pi"),
    (Number(size("n_h")), "n_{h}"),
    (Number(4 * n + 1), "4n + 1"),
    (Number(2 / sympy.sqrt(sympy.pi)), r"\frac{2}{\sqrt{\pi}}"),
    (a, "a_{t}"),
    (Quantity("h", (n,))[t - 1], "h_{t-1}"),
    (Quantity("h", (n,))[t + 2], "h_{t+2}"),
    (Quantity("h", (n,))[0], "h_{t=0}"),
    (Quantity("h", (n,))[-1], "h_{t=-1}"),
    (Quantity("h", (n,))[T], "h_{T}"),
    (Quantity("h", (n,))[T + 1], "h_{T+1}"),
    (Quantity("h_new", (n,))[t], r"h_{\mathrm{new},\, t}"),
    (op.Zeros(n), "0"),
    (op.Ones(n), r"\mathbf{1}_{n}"),
    (op.Ones(n, m), r"\mathbf{1}_{n\times m}"),
    (op.Identity(n), r"\mathbf{I}_{n}"),
    (a + b, "a_{t} + b_{t}"),
    (a - b + c, "a_{t} - b_{t} + c_{t}"),
    (a - (b - c), "a_{t} - (b_{t} - c_{t})"),
    (-a, "-a_{t}"),
    (-(a + b), "-(a_{t} + b_{t})"),
    (a * b, r"a_{t} \odot b_{t}"),
    (a * (b + c), r"a_{t} \odot (b_{t} + c_{t})"),
    (s * a, "s_{t} a_{t}"),
    (s * r, "s_{t} r_{t}"),
    (s * (1 - r), r"s_{t} \cdot (1 - r_{t})"),
    (0.5 * (a - b), r"0.5\,(a_{t} - b_{t})"),
    (a / b, r"a_{t} \oslash b_{t}"),
    (a / (b * c), r"a_{t} \oslash (b_{t} \odot c_{t})"),
    (a / (b / c), r"a_{t} \oslash (b_{t} \oslash c_{t})"),
    ((a / b) * c, r"(a_{t} \oslash b_{t}) \odot c_{t}"),
    (a / s, r"\frac{a_{t}}{s_{t}}"),
    (s / (1 + r), r"\frac{s_{t}}{1 + r_{t}}"),
    (s**2, "s_{t}^{2}"),
    (a**2, r"a_{t}^{\odot2}"),
    ((a + b) ** 2, r"(a_{t} + b_{t})^{\odot2}"),
    ((-s) ** 2, "(-s_{t})^{2}"),
    ((s**2) ** 3, "(s_{t}^{2})^{3}"),
    (s ** (-1 * Number(1)), "s_{t}^{-1}"),
    (op.Complement(a, b), "1 - a_{t}"),
    (op.Complement(a, b) * c, r"(1 - a_{t}) \odot c_{t}"),
    (apply("sigmoid", a), r"\sigma(a_{t})"),
    (apply("tanh", a + b), r"\tanh(a_{t} + b_{t})"),
    (apply("relu", a), r"\operatorname{relu}(a_{t})"),
    (apply("exp", a), r"\exp(a_{t})"),
    (apply("sqrt", s + 1), r"\sqrt{s_{t} + 1}"),
    (apply("abs", a), r"\lvert a_{t}\rvert"),
    (apply("max", a, b, c), r"\max(a_{t},\, b_{t},\, c_{t})"),
    (apply("clip", a, Number(0), Number(1)), r"\operatorname{clip}(a_{t},\, 0,\, 1)"),
    (apply("tanh", a) ** 2, r"\tanh^{2}(a_{t})"),
    (apply("sigmoid", a) ** 2, r"\bigl(\sigma(a_{t})\bigr)^{\odot2}"),
    (op.Softmax(a), r"\operatorname{softmax}(a_{t})"),
    (op.LogSoftmax(a), r"\log\operatorname{softmax}(a_{t})"),
    (op.LogSumExp(a), r"\operatorname{logsumexp}(a_{t})"),
    (op.StopGradient(a), r"\operatorname{sg}(a_{t})"),
    (op.Diagonal(a), r"\operatorname{diag}(a_{t})"),
    (op.Roll(a, -2), r"\operatorname{roll}_{-2}(a_{t})"),
    (op.Concat(a, x), r"[a_{t};\; x_{t}]"),
    (op.Slice(a, 0, 2), "[a_{t}]_{1:2}"),
    (op.Slice(Quantity("z", (4 * n,))[t], n, 2 * n), "[z_{t}]_{n + 1:2n}"),
    (W @ x, "W x_{t}"),
    (A @ (a * b), r"A\,(a_{t} \odot b_{t})"),
    (A @ (a + b), r"A\,(a_{t} + b_{t})"),
    ((A @ a) * b, r"(A a_{t}) \odot b_{t}"),
    (A @ B @ a, "A B a_{t}"),
    (A @ (B @ a), "A B a_{t}"),
    ((A + B) @ a, r"(A + B)\,a_{t}"),
    ((s * A) @ a, r"(s_{t} A)\,a_{t}"),
    (s * (A @ a), "s_{t} A a_{t}"),
    (A.T @ a, r"A^{\top} a_{t}"),
    ((A @ B).T @ a, r"(A B)^{\top}\,a_{t}"),
    (op.Outer(a, x), r"a_{t} x_{t}^{\top}"),
    (op.Outer(a * b, x), r"(a_{t} \odot b_{t})\,x_{t}^{\top}"),
    (op.Dot(a, b), r"a_{t}^{\top} b_{t}"),
    (op.Dot(a, b + c), r"a_{t}^{\top}\,(b_{t} + c_{t})"),
    (op.Dot(a, b) * c, r"(a_{t}^{\top} b_{t})\,c_{t}"),
    (op.SumEntries(a), r"\mathbf{1}^{\top} a_{t}"),
    (op.SumEntries(A), r"\mathbf{1}^{\top} A \mathbf{1}"),
    (op.MeanEntries(a), r"\operatorname{mean}(a_{t})"),
    (op.Norm(a), r"\lVert a_{t}\rVert"),
    (op.Norm(A), r"\lVert A\rVert_{F}"),
    (op.Total(Quantity("h", (n,))[t - 1]), r"\sum_{t=1}^{T} h_{t-1}"),
    (op.Total(a + b), r"\sum_{t=1}^{T} (a_{t} + b_{t})"),
    (c - op.Total(a), r"c_{t} - \sum_{\tau=1}^{T} a_{\tau}"),
    (op.CrossEntropy(y, a), r"\mathrm{H}(y_{t},\, a_{t})"),
    (op.SoftmaxCrossEntropy(y, a), r"\mathrm{H}\bigl(y_{t},\, \operatorname{softmax}(a_{t})\bigr)"),
    (op.SigmoidCrossEntropy(y, a), r"\mathrm{H}\bigl(y_{t},\, \sigma(a_{t})\bigr)"),
    (op.BinaryCrossEntropy(y, a), r"\operatorname{BCE}(y_{t},\, a_{t})"),
    (op.SigmoidBinaryCrossEntropy(y, a), r"\operatorname{BCE}\bigl(y_{t},\, \sigma(a_{t})\bigr)"),
    (op.SquaredError(y, a), r"\lVert a_{t} - y_{t}\rVert^{2}"),
    (op.SquaredError(r, s), "(s_{t} - r_{t})^{2}"),
    (op.Branch(op.Compare(">=", s, 0), a, b), r"\begin{cases} a_{t} & \text{if } s_{t} \ge 0 \\ b_{t} & \text{otherwise} \end{cases}"),
    (op.Branch(op.TimeIs(t, T), a, b), r"\begin{cases} a_{t} & \text{if } t = T \\ b_{t} & \text{otherwise} \end{cases}"),
    (op.Branch(op.Compare("<", a, b), a, op.Zeros(n)) + c, r"\mathbf{1}_{\{a_{t} < b_{t}\}} \odot a_{t} + c_{t}"),
    (op.Branch(op.Compare("<", a, b), op.Zeros(n), a) + c, r"\mathbf{1}_{\{a_{t} \ge b_{t}\}} \odot a_{t} + c_{t}"),
    (op.Branch(op.TimeIs(t, T), s, Number(0)) + r, r"\mathbf{1}_{\{t = T\}} s_{t} + r_{t}"),
    (
        op.Branch(op.Compare("<", a, b), a, b) * c,
        r"\biggl(\begin{cases} a_{t} & \text{if } a_{t} < b_{t} \\ b_{t} & \text{otherwise} \end{cases}\biggr) \odot c_{t}",
    ),
]


@pytest.mark.parametrize(("expression", "expected"), SHOWN, ids=[str(e) for e, _ in SHOWN])
def test_an_expression_is_typeset_as(expression, expected):
    assert latex_expression(expression) == expected


def _subclasses(cls):
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)


def test_every_operator_has_a_rule():
    from rnnsym.algebra.tensor import Tensor

    here = [c for base in (Tensor, op.Condition) for c in _subclasses(base)]
    operators = [c for c in here if c.__module__.startswith("rnnsym.") and not c.__name__.startswith("_") and c is not op.Condition]
    assert [c.__name__ for c in operators if c not in RULES] == []


def test_every_operator_of_the_table_is_shown_above():
    seen = {type(node) for e, _ in SHOWN for node in _walk(e)}
    assert [c.__name__ for c in RULES if c not in seen] == []


def _walk(node):
    yield node
    for argument in node.args:
        yield from _walk(argument)


def test_terms_stay_in_the_users_order():
    assert latex_expression(W @ x + A @ a + b) == "W x_{t} + A a_{t} + b_{t}"
    assert latex_expression(b + A @ a + W @ x) == "b_{t} + A a_{t} + W x_{t}"


def test_a_sum_over_time_binds_another_letter_where_t_or_that_letter_is_in_use():
    tau = Quantity("tau", (n,), kind="param")
    h = Quantity("h", (n,))
    model = System.from_equations("m", [(h[t], a * tau - op.Total(a)), (a, op.Zeros(n) + tau)])
    assert r"\sum_{s=1}^{T} a_{s}" in latex_equations(model)


def test_unicode_text_says_the_same():
    assert unicode_expression(apply("tanh", W @ x + A @ (a * Quantity("h", (n,))[t - 1]) + b)) == "tanh(W xₜ + A (aₜ ⊙ hₜ₋₁) + bₜ)"
    assert unicode_expression(op.Total(op.Outer(a, x))) == "Σ_(t=1)^T aₜ xₜᵀ"
