"""What is derived here equals what is printed, formula by formula and exactly: over a finite field, wherever the model's equations hold.

The printed formulas stand in `printed/`, typed off the page in the equation language. Each is compared by itself, as a function of the
errors on its right side. How the limits of printed sums map:

Greff et al. sum outer products of δ and x over t = 0 … T, those of δ_{t+1} and y_t (and the peepholes' c_t ⊙ δ_{t+1}) over t = 0 … T-1. Here
t runs from 1; what lies outside 1 … T is zero, so that Σ_{t=1}^{T} δ_{t+1} y_tᵀ and Σ_{t=1}^{T} δ_t y_{t-1}ᵀ are the same sum.
Goodfellow et al. sum over t without limits: t = 1 … τ, with h^{(0)} given; here h^{(0)} = 0, and τ is T.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import rnnsym
from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import T
from rnnsym.errors import ModelError
from rnnsym.language import load, parse
from rnnsym.proof.formulas import Formula, compare, derived_formula, distribution, printed_formulas

PRINTED = Path(__file__).parent / "printed"
GREFF_ERRORS = ("y", "o_bar", "c", "f_bar", "i_bar", "z_bar", "x", "q_bar")
GREFF_PARAMETERS = (*(f"{letter}_{gate}" for letter in "WRb" for gate in "zifo"), "p_i", "p_f", "p_o")
GREFF_VALUES = ("x", "y", "z", "i", "c", "f", "o", "z_bar", "i_bar", "f_bar", "o_bar", "V")
GREFF_NAMES = {name: name for name in (*GREFF_VALUES, *GREFF_PARAMETERS)} | {f"d_{n}": f"d {n}" for n in (*GREFF_ERRORS, *GREFF_PARAMETERS)}
BOOK_NAMES = {
    "x": "x", "h": "a_x", "y": "y", "y_hat": "a_y", "U": "W_x", "W": "W_h", "V": "W_y", "b": "b_x", "c": "b_y",
    "g_o": "d z_y", "g_h": "d a_x", "g_c": "d b_y", "g_b": "d b_x", "g_V": "d W_y", "g_W": "d W_h", "g_U": "d W_x",
}  # fmt: skip


def derivation_of(name: str) -> rnnsym.Derivation:
    model = rnnsym.load(name)
    return rnnsym.derive(model, [*(p.name for p in model.params), "x"])


def outcomes(found) -> dict[str, str]:
    assert all(f.bound < 1e-100 for f in found)
    return {f.formula.name: f.outcome for f in found}


def greff(replaced: tuple[str, str] = ("", "")) -> tuple[rnnsym.Derivation, tuple[Formula, ...]]:
    """The derivation and the formulas, with Δ written out as what the readout passes down."""
    derivation = derivation_of("lstm_peephole")
    printed = parse((PRINTED / "greff_2015.rnn").read_text(encoding="utf-8").replace(*replaced), "greff")
    formulas = printed_formulas(derivation, printed, GREFF_NAMES)
    delta = printed.defined["Delta"]
    return derivation, tuple(dataclasses.replace(f, printed=f.printed.xreplace({delta.lhs: delta.rhs})) for f in formulas)


def test_greff_section_ii_b_formula_by_formula():
    derivation, formulas = greff()
    found = outcomes(compare(derivation, formulas))
    assert found == dict.fromkeys((*(f"d_{n}" for n in GREFF_ERRORS if n != "q_bar"), *(f"d_{n}" for n in GREFF_PARAMETERS)), "equal")


def test_goodfellow_10_18_to_10_28_formula_by_formula():
    derivation = derivation_of("rnn")
    formulas = printed_formulas(derivation, load(PRINTED / "goodfellow_2016.rnn"), BOOK_NAMES)
    found = outcomes(compare(derivation, formulas, draws={"y": distribution}))  # the book's target is one class: its entries sum to 1
    assert found == dict.fromkeys(["g_o", "g_h", "g_c", "g_b", "g_V", "g_W", "g_U"], "equal")
    assert outcomes(compare(derivation, formulas))["g_o"] == "wrong"  # for other targets it is ŷ Σy − y


def test_goodfellow_10_19_is_the_error_at_the_last_step():
    derivation = derivation_of("rnn")
    entry = next(e for e in derivation.errors if e.of.name == "a_x")
    error = next(e.error for e in derivation.errors if e.of.name == "z_y")
    printed = op.MatrixProduct(op.Transposed(derivation.model.by_name["W_y"].quantity), error.at(T))
    last = derived_formula(derivation, entry, ("z_y",), entry.at_last)
    assert outcomes(compare(derivation, [Formula("10.19", printed, last, T)])) == {"10.19": "equal"}


def test_10_21_with_its_factors_in_the_other_order_is_not_well_typed():
    text = (PRINTED / "goodfellow_2016.rnn").read_text(encoding="utf-8")
    misprint = text.replace("W.T @ (diag(1 - h[t+1]**2) @ g_h[t+1])", "W.T @ g_h[t+1] @ diag(1 - h[t+1]**2)")
    assert misprint != text
    with pytest.raises(ModelError, match="left of @"):
        parse(misprint, "misprint")


@pytest.mark.parametrize(
    ("right", "wrong", "name"),
    [
        (" + p_o * d_o_bar[t]", "", "d_c"),
        ("p_i * d_i_bar[t+1] + p_f", "p_i * d_i_bar[t+2] + p_f", "d_c"),
        ("+ d_c[t+1] * f[t+1]", "+ d_c[t+1] * f[t]", "d_c"),
        ("R_i.T @ d_i_bar[t+1] + R_f", "R_i @ d_i_bar[t+1] + R_f", "d_y"),
        ("d_c[t] * z[t] *", "-d_c[t] * z[t] *", "d_i_bar"),
        ("total(c[t] * d_i_bar[t+1])", "total(c[t] * d_i_bar[t])", "d_p_i"),
    ],
)
def test_a_slip_in_print_would_be_found(right, wrong, name):
    assert right in (PRINTED / "greff_2015.rnn").read_text(encoding="utf-8")
    derivation, formulas = greff((right, wrong))
    assert {f.formula.name for f in compare(derivation, formulas) if f.outcome == "wrong"} == {name}
