"""Expressions, equations, models and derivations show themselves in a notebook."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import sympy

from rnnsym.algebra import Quantity, System, apply, sizes, t
from rnnsym.derivation.derive import derive
from rnnsym.language import load
from rnnsym.pictures import structure

ROOT = Path(__file__).parents[2]
(n,) = sizes("n")
h, U = Quantity("h", (n,)), Quantity("U", (n, n), kind="param")


def test_an_expression_shows_itself():
    assert apply("tanh", U @ h[t - 1])._repr_latex_() == r"$\tanh(U h_{t-1})$"


def test_an_equation_of_sympy_shows_itself():
    model = System.from_equations("m", [(h[t], apply("tanh", U @ h[t - 1]))])
    assert sympy.latex(model.equations[0]) == r"h_{t} = \tanh(U h_{t-1})"
    assert r"\tanh(U h_{t-1})" in model.equations[0]._repr_latex_()


def test_a_model_shows_its_equations():
    bundle = load(ROOT / "rnnsym" / "models" / "rnn.rnn")._repr_mimebundle_()
    assert bundle["text/latex"].startswith("\\begin{align}")
    assert r"W^{(h)} a_{t-1}^{(x)}" in bundle["text/latex"]
    assert "loss" not in bundle["text/plain"]


def test_a_derivation_shows_its_argument():
    bundle = derive(load(ROOT / "rnnsym" / "models" / "lstm.rnn"))._repr_mimebundle_()
    text = bundle["text/markdown"]
    assert text.startswith("# lstm\n")
    assert "\n## Gradients\n" in text
    assert text.count("$$") % 2 == 0
    assert r"The hidden state $h_{t}$ is read by the pre\-activation $\bar{p}_{t}$ in (13) at the same step" in text


def test_the_algebra_does_not_load_documents_by_itself():
    program = "import sys, rnnsym.algebra, rnnsym.derivation.derive; print([m for m in sys.modules if m.startswith('rnnsym.documents')])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
    assert run.stdout.strip() == "[]"


def test_a_model_shows_its_symbols_with_their_shapes():
    text = load(ROOT / "rnnsym" / "models" / "lstm.rnn")._repr_mimebundle_()["text/markdown"]
    assert r"| $U_{i}$, $U_{f}$, $U_{o}$, $U_{g}$ | $\mathbb{R}^{n_{h}\times n_{h}}$ | parameter |" in text
    assert r"c_{t} &= f_{t} \odot c_{t-1} + i_{t} \odot g_{t} &\qquad& (5)" in text


def test_where_nothing_can_be_typeset_objects_say_briefly_what_they_are():
    model = load(ROOT / "rnnsym" / "models" / "elman.rnn")
    derivation = derive(model)
    assert repr(derivation) == "<Derivation of elman: 3 errors, 5 gradients>"
    assert repr(model.definitions[0]) == "<Definition h[t] = sigmoid(W @ x[t] + U @ h[t-1] + b)>"
    assert repr(derivation.gradients[0]).startswith("<Entry (9) d_W = total(")
    assert repr(structure(model)).startswith("<Drawing elman-structure: 6 nodes, 6 edges>")
