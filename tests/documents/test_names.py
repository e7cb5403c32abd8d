"""How names are typeset: from themselves, by the file's notation, never two alike, time apart from a name's own index."""

from __future__ import annotations

import pytest

from rnnsym.algebra import Quantity, System, T, apply, sizes, t
from rnnsym.documents import latex_equations, latex_expression
from rnnsym.documents.latex import latex
from rnnsym.documents.names import Names, name_node
from rnnsym.documents.notation import read_notation
from rnnsym.documents.unicode_text import unicode_text
from rnnsym.errors import ModelError

(n,) = sizes("n")

NAMES = {
    "W": "W",
    "W_i": "W_{i}",
    "W_xh": "W_{xh}",
    "W_h1": "W_{h1}",
    "W1": "W_{1}",
    "b_y": "b_{y}",
    "h_0": "h_{0}",
    "h_new": r"h_{\mathrm{new}}",
    "alpha": r"\alpha",
    "lambda_": r"\lambda",
    "Omega": r"\Omega",
    "gamma_1": r"\gamma_{1}",
    "h_tilde": r"\tilde{h}",
    "i_bar": r"\bar{\imath}",
    "sigma_hat": r"\hat{\sigma}",
    "W_i_tilde": r"\tilde{W}_{i}",
    "z_bar2": r"\bar{z}_{2}",
    "h_prime": r"h^{\prime}",
    "hf": r"\mathit{hf}",
    "hf_tilde": r"\widetilde{\mathit{hf}}",
    "w_beta": r"w_{\beta}",
    "W_x_1": r"W_{x,\, 1}",
    "_": r"\mathrm{\text{\_}}",
    "_x": "x",
}


@pytest.mark.parametrize(("name", "expected"), NAMES.items())
def test_a_name_is_typeset_from_itself(name, expected):
    assert latex(name_node(name)) == expected


def _model(*rows, **notation):
    return System.from_equations("m", rows, notation=notation)


def test_a_names_own_index_is_kept_apart_from_time():
    h, h_0 = Quantity("h", (n,)), Quantity("h_0", (n,), kind="param")
    text = latex_equations(_model((h[0], h_0), (h[t], apply("tanh", h[t - 1])), (Quantity("h_1", (n,))[t], h[t])))
    assert "h_{t=0} &= h_{0} " in text
    assert r"h_{1,\, t} &= h_{t}" in text


def test_two_names_never_look_alike():
    pairs = [("W1", "W_1"), ("h_T", "h"), ("lambda", "lambda_")]
    for first, second in pairs:
        a, b = Quantity(first, (n,), kind="param"), Quantity(second, (n,))
        names = Names.of(_model((b[t], a + b[t - 1])))
        shown = {latex(names.quantity(a)), *(latex(names.quantity(b[time])) for time in (t, t - 1, T))}
        assert len(shown) == 4, (first, second, shown)


def test_the_files_notation_wins_and_time_comes_last():
    a = Quantity("a", (n,))
    model = _model((a[t], apply("tanh", a[t - 1])), a=r"a^{(x)}")
    assert latex_expression(a[t - 1], model) == "a^{(x)}_{t-1}".replace("a^{(x)}_{t-1}", "a_{t-1}^{(x)}")


def test_a_part_named_after_a_noted_name_carries_its_notation():
    a, bar = Quantity("a", (n,)), Quantity("a_bar", (n,))
    model = _model((a[t], apply("tanh", bar[t])), (bar[t], a[t - 1]), a=r"a^{(x)}")
    assert latex_expression(bar[t], model) == r"\bar{a}_{t}^{(x)}"


def test_cost_loss_error_and_sigmoid_take_letters_that_the_model_leaves_free():
    free = Names.of(_model((Quantity("h", (n,))[t], Quantity("b", (n,), kind="param"))))
    assert [latex(x) for x in (free.cost, free.step_loss, free.error, free.rate, free.sigmoid)] == [
        "C",
        r"\mathcal{L}",
        r"\delta",
        r"\alpha",
        r"\sigma",
    ]
    names = ["C_1", "delta", "alpha_tilde", "sigma"]
    rows = [
        (Quantity("h", (n,))[t], sum((Quantity(name, (n,), kind="param") for name in names[1:]), Quantity(names[0], (n,), kind="param")))
    ]
    taken = Names.of(_model(*rows))
    assert [latex(x) for x in (taken.cost, taken.step_loss, taken.error, taken.rate, taken.sigmoid)] == [
        r"\mathcal{L}",
        r"\ell",
        r"\varepsilon",
        r"\eta",
        r"\operatorname{sigmoid}",
    ]


NOTATIONS = {
    r"a^{(x)}": r"a^{(x)}",
    r"W^{(h)}_{ij}": r"W_{ij}^{(h)}",
    r"i'": r"i^{\prime}",
    r"\ell": r"\ell",
    r"\tilde{h}": r"\tilde{h}",
    r"\mathbf{W}": r"\mathbf{W}",
    r"\mathrm{new}_2": r"\mathrm{new}_{2}",
    r"\overleftarrow{h}^1": r"\overleftarrow{h}^{1}",
    r"\mathcal{L}": r"\mathcal{L}",
    r"x_{t\,k}": "x_{tk}",
    r"a^{\langle t \rangle}": r"a^{\langle t\rangle}",
    r"\mathsf W_{h}": r"\mathsf{W}_{h}",
    r"W^{\rm in}": r"W^{\mathrm{in}}",
    r"\boldsymbol{\alpha}": r"\boldsymbol{\alpha}",
    r"\hat{\mathbf{h}}": r"\hat{\mathbf{h}}",
    r"\left(a\right)": "(a)",
    r"W_{\text{fast weights}}": r"W_{\text{fast weights}}",
    r"\mathbb{X}_{+}^{-1}": r"\mathbb{X}_{+}^{-1}",
    r"\frac{a}{2}": r"\frac{a}{2}",
    r"W_{\text{in}}": r"W_{\mathrm{in}}",
}


@pytest.mark.parametrize(("text", "expected"), NOTATIONS.items())
def test_a_notation_is_read(text, expected):
    assert latex(read_notation("a", text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        r"\input{x}",
        r"\def\a{b}",
        r"a}",
        "{a",
        "a^b^c",
        "a_",
        "",
        "$x$",
        r"\csname a\endcsname",
        "a%b",
        "é",
        "^^5c",
        "{" * 60,
        "x" * 500,
        r"a\\b",
        "#1",
    ],
)
def test_a_notation_that_is_no_notation_is_refused(text):
    with pytest.raises(ModelError) as caught:
        read_notation("a", text)
    assert caught.value.code == "E701"


def test_unicode_names():
    assert [unicode_text(name_node(n)) for n in ("W_i", "h_tilde", "alpha", "h_new")] == ["Wᵢ", "h̃", "α", "h_(new)"]
