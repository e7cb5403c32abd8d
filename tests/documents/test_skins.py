"""Notation skins: what each writes, that no two names are typeset alike, and that documents in every skin hold what they say."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from rnnsym.algebra.tensor import T, t
from rnnsym.cli.arguments import NOTATIONS
from rnnsym.derivation.derive import derive
from rnnsym.documents import derivation_document, latex_document
from rnnsym.documents.derivation_document import derivation_names
from rnnsym.documents.derivation_page import html_document
from rnnsym.documents.document import LocalClaim, ProductClaim, StepClaim
from rnnsym.documents.latex import latex
from rnnsym.documents.markdown import markdown
from rnnsym.documents.skins import SKINS, skin_of
from rnnsym.errors import ModelError, UsageError
from rnnsym.language import load, parse

ROOT = Path(__file__).parents[2]
LIBRARY = sorted((ROOT / "rnnsym" / "models").glob("*.rnn"))
MODELS = LIBRARY + sorted((ROOT / "tests" / "cells").glob("*.rnn"))
SKINNED = [name for name in SKINS if name != "house"]

EQUATIONS = {
    ("lstm", "goodfellow"): [
        r"f^{(t)} &= \sigma(U^{f} x^{(t)} + W^{f} h^{(t-1)} + b^{f})",
        r"\hat{y}^{(t)} &= \operatorname{softmax}(V h^{(t)} + b^{y})",
        r"L^{(t)} &= \mathrm{H}(y^{(t)},\, \hat{y}^{(t)})",
        r"\nabla_{c^{(t)}}L",
    ],
    ("elman", "goodfellow"): [r"h^{(t)} &= \sigma(a^{(t)})", r"a^{(t)} &= U x^{(t)} + W h^{(t-1)} + b", r"o^{(t)} &= V h^{(t)} + c"],
    ("gru", "slides"): [
        r"r^{\langle t\rangle} &= \sigma(W^{(r)} x^{\langle t\rangle} + U^{(r)} h^{\langle t-1\rangle} + b^{(r)})",
        r"\frac{\mathrm{d}C}{\mathrm{d}h^{\langle t\rangle}}",
    ],
}


@cache
def derivation(path: Path):
    return derive(load(path))


def plain(text: str) -> str:
    return text.replace(r"\bigl", "").replace(r"\bigr", "").replace("{}", "")


def library(name: str):
    return derivation(ROOT / "rnnsym" / "models" / f"{name}.rnn")


@pytest.mark.parametrize(("model", "skin"), EQUATIONS)
def test_what_a_skin_writes(model, skin):
    text = plain(latex_document(library(model), notation=skin))
    for equation in EQUATIONS[model, skin]:
        assert equation in text


def test_plain_names_are_those_of_the_file():
    text = plain(latex_document(library("gru"), notation="plain"))
    assert r"\mathrm{h}[t-1]" in text and r"\mathrm{h\text{\_}tilde}" in text and r"\mathrm{d\text{\_}h}" in text


@pytest.mark.parametrize("skin", SKINNED)
def test_a_document_says_which_notation_it_is_in(skin):
    assert SKINS[skin].says[:30] in markdown(derivation_document(library("elman"), notation=skin)).replace("\\", "")


@pytest.mark.parametrize("skin", SKINS)
@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_no_two_names_are_typeset_alike(path, skin):
    names = derivation_names(derivation(path), skin)
    seen: dict[str, str] = {}  # look → whose it is
    for of in names.errors.values():
        if not of.name.startswith("loss"):  # dC/dloss is 1, and `loss` the one name that two quantities have
            record(seen, latex(names.error_node(names.base(of.name), None, of.name)), f"error of {of.name}")
    for declaration in derivation(path).prepared.declarations:
        if declaration.name.startswith("loss"):
            continue
        for time in (t, t - 1, T) if declaration.timed else (None,):
            record(seen, latex(names.quantity(declaration.quantity.at(time))), declaration.name)
    for letter in (names.cost, names.rate, names.sigmoid, names.entropy):
        record(seen, latex(letter), "a letter of the document")


def record(seen: dict[str, str], look: str, owner: str) -> None:
    assert seen.setdefault(look, owner) == owner or owner == "a letter of the document" == seen[look], (look, owner, seen[look])


QUICK = ("elman", "mlstm")
LIBRARY_ONCE = [pytest.param(p, id=p.stem, marks=() if p.stem in QUICK else pytest.mark.slow) for p in LIBRARY]


@pytest.mark.parametrize("skin", SKINNED)
@pytest.mark.parametrize("path", LIBRARY_ONCE)
def test_a_skin_changes_no_claim(path, skin):
    """The steps that are checked are the same in every notation; what a skin changes is their look."""
    document, house = (derivation_document(derivation(path), notation=name) for name in (skin, "house"))
    for kind in (LocalClaim, StepClaim, ProductClaim):  # of the others, some are shown only where they are short enough
        said, expected = ([c for c in d.claims if isinstance(c, kind)] for d in (document, house))
        assert said == expected and (said or kind is ProductClaim)


CLASHES = {
    "two parameters of one role and one label": "x: input[n]\nh: vector[m]\nh[t] = tanh(W @ x[t] + A @ x[t-1] + U @ h[t-1] + U_a @ (2*h[t-1]))\nloss[t] = sum(h[t])",
    "a variable that is called as the skin calls another": "x: input[n]\ny: target[k]\nh: vector[m]\na[t] = 2 * h[t-1]\no[t] = tanh(W @ x[t] + U @ a[t])\nh[t] = o[t] * tanh(U_2 @ h[t-1])\nloss[t] = cross_entropy(y[t], softmax(V @ h[t]))",
    "an estimate that is there already": "x: input[n]\ny: target[k]\nh: vector[m]\nh[t] = tanh(W @ x[t] + U @ h[t-1])\ny_hat[t] = softmax(V @ h[t])\np[t] = softmax(V @ h[t])\nloss[t] = cross_entropy(y[t], p[t]) + sum(y_hat[t])",
    "a notation that is the skin's own": "x: input[n]\nh: vector[m]\nh[t] = tanh(W @ x[t] + U @ h[t-1])\nloss[t] = sum(h[t])\nnotation(h=r'W', x=r'U^{(t)}')",
}


@pytest.mark.parametrize("skin", SKINNED)
@pytest.mark.parametrize("clash", CLASHES)
def test_names_that_a_skin_would_set_alike_are_told_apart(clash, skin):
    made = derive(parse(CLASHES[clash], "m"))
    names = derivation_names(made, skin)
    looks = [latex(names.quantity(d.quantity)) for d in made.prepared.declarations if not d.name.startswith("loss")]
    assert len(set(looks)) == len(looks), sorted(looks)
    derivation_document(made, notation=skin)


@pytest.mark.parametrize("skin", SKINNED)
def test_a_files_own_notation_goes_before_the_skin(skin):
    names = derivation_names(library("rnn"), skin)
    assert latex(names.base("W_h")) == "W^{(h)}" and latex(names.base("a_y")) == "a^{(y)}"


def test_a_skin_that_there_is_not_is_refused_with_those_that_there_are():
    with pytest.raises(UsageError, match="slides, goodfellow, plain"):
        skin_of("bishop")
    assert tuple(SKINS) == NOTATIONS


@pytest.mark.parametrize("notation", ['W="A", U="A"', 'h="x_t", x="x"'])
def test_a_file_that_sets_two_names_alike_is_told_so(notation):
    text = f"x: input[n]\nh: vector[n]\nh[t] = tanh(W @ x[t] + U @ h[t-1])\nloss[t] = sum(h[t])\nnotation({notation})"
    with pytest.raises(ModelError, match=r"the notation sets `[Wx]` and `[Uh]` alike|the notation sets `[Uh]` and `[Wx]` alike"):
        derivation_names(derive(parse(text, "m")))


@pytest.mark.parametrize("skin", SKINNED)
def test_a_page_is_in_the_skin_too(skin):
    page = html_document(library("elman"), notation=skin)
    assert SKINS[skin].says[:30] in page


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("latexmk") is None, reason="needs latexmk")
@pytest.mark.parametrize("skin", SKINNED)
@pytest.mark.parametrize("name", ["lstm", "rnn", "mlstm", "birnn"])
def test_documents_in_a_skin_compile_within_the_column(name, skin, tmp_path):
    (tmp_path / "d.tex").write_text(latex_document(library(name), notation=skin), encoding="utf-8")
    done = subprocess.run(
        ["latexmk", "-pdf", "-interaction=nonstopmode", "-halt-on-error", "-norc", "d.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
    )
    log = (tmp_path / "d.log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, log[-2000:]
    wide = [float(line.split("(")[1].split("pt")[0]) for line in log.splitlines() if line.startswith("Overfull \\hbox")]
    assert max(wide, default=0.0) <= 2 and "undefined" not in log.split("Output written")[0].rpartition("Package rerunfilecheck")[0]
