"""The derivation as LaTeX: complete, literal where the model speaks, the same bytes each time, and it compiles."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rnnsym.algebra import Quantity, System, apply, sizes, t
from rnnsym.algebra import operators as op
from rnnsym.derivation.derive import derive
from rnnsym.documents import derivation_document, latex_document, latex_fragment
from rnnsym.documents.derivation_document import DETAILS
from rnnsym.documents.document import Display, Paragraph
from rnnsym.documents.latex_document import inline_source
from rnnsym.language import load, parse

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "rnnsym" / "models"
needs_tex = pytest.mark.skipif(shutil.which("latexmk") is None, reason="latexmk is not installed")


def library(name: str):
    return derive(load(LIBRARY / f"{name}.rnn"))


def sentences(derivation) -> list[str]:
    return [inline_source(b.text).replace("{}", "") for b in derivation_document(derivation).blocks if isinstance(b, Paragraph)]


def test_sentences_say_who_reads_a_variable_and_when():
    said = sentences(library("lstm"))
    assert (
        r"The hidden state \(h_{t}\) is read by the pre-activation \(\bar{p}_{t}\) in \labelcref{eq:13} at the same step and by the four "
        r"pre-activations \(\bar{\imath}_{t+1}\), \(\bar{f}_{t+1}\), \(\bar{o}_{t+1}\) and \(\bar{g}_{t+1}\) in \labelcref{eq:9} to "
        r"\labelcref{eq:12} at step \(t+1\); the chain rule gives" in said
    )
    assert r"\(W_{i}\) is read by the pre-activation \(\bar{\imath}_{t}\) in \labelcref{eq:9} at every step; the chain rule gives" in said
    assert (
        r"The output gate \(o_{t}\) is read by the hidden state \(h_{t}\) in \labelcref{eq:6} at the same step; the chain rule gives"
        in said
    )


def test_what_is_alike_is_told_by_analogy_and_in_full_on_request():
    derivation = library("lstm")
    assert r"In the same way as \labelcref{eq:22}, for \(\bar{f}_{t}\) and \(\bar{\imath}_{t}\):" in sentences(derivation)
    full = derivation_document(derivation, "full")
    assert not any("In the same way" in inline_source(b.text) for b in full.blocks if isinstance(b, Paragraph))
    rows = {
        detail: sum(len(b.mathematics.rows) for b in derivation_document(derivation, detail).blocks if isinstance(b, Display))
        for detail in DETAILS
    }
    assert rows["result"] < rows["steps"] < rows["full"]


def test_renaming_a_model_changes_nothing_but_names():
    text = load(LIBRARY / "lstm.rnn").source
    renamed = re.sub(r"\bf\b(?=\[)", "keep", re.sub(r"(?<=[WUb])_f\b", "_keep", text))
    kinds = [[type(b).__name__ for b in derivation_document(derive(parse(source, "m"))).blocks] for source in (text, renamed)]
    assert kinds[0] == kinds[1]


def test_a_state_that_is_read_at_the_last_step_only_says_so():
    assert any("at the last step only" in sentence for sentence in sentences(library("many_to_one")))


def test_the_results_of_an_elman_network_are_those_of_the_textbook():
    text = latex_document(library("rnn"))
    assert r"a_{t}^{(y)}\,(\mathbf{1}^{\top} y_{t}) - y_{t}" in text
    assert r"{W^{(y)}}" not in text
    assert r"\sum_{t=1}^{T} \delta_{t}^{(z^{(x)})} x_{t}^{\top}" in text
    assert r"w - \alpha\,\frac{\mathrm{d}C}{\mathrm{d}w}" in text


def test_every_number_is_printed_once_and_every_link_has_its_equation():
    for name in ("lstm", "deep_birnn", "mlstm", "many_to_one"):
        derivation = library(name)
        text = latex_document(derivation)
        labels = re.findall(r"\\label\{eq:(\d+)\}", text)
        assert len(labels) == len(set(labels)), name
        links = {number for group in re.findall(r"\\labelcref\{([^}]*)\}", text) for number in re.findall(r"\d+", group)}
        assert links <= set(labels), (name, links - set(labels))
        assert {str(e.number) for e in (*derivation.errors, *derivation.gradients) if e.of.name != "loss"} <= set(labels)


def hostile() -> System:
    n, m = sizes("n m")
    x, h = Quantity("x", (n,), kind="input"), Quantity("h", (m,))
    W, U = Quantity("W", (m, n), kind="param"), Quantity("U", (m, m), kind="param")
    doc = '50% \\input{secret} $x$ #1 & a_b^c ~ "quoted" -- \\end{document} σ 中 é\n^^5cinput'
    model = System.from_equations(
        "a_b%c\\x", [(h[t], apply("tanh", W @ x[t] + U @ h[t - 1])), (Quantity("loss")[t], op.SumEntries(h[t] ** 2))], doc=doc
    )
    described = tuple(dataclasses.replace(d, description="} \\def\\a{ $$ & _ ^ # ~ \\\\ %") for d in model.definitions)
    return dataclasses.replace(model, definitions=described)


def test_what_a_model_says_is_printed_literally():
    text = latex_document(derive(hostile()))
    assert r"50\% \textbackslash{}input\{secret\} \$x\$ \#1 \& a\_b\textasciicircum{}c" in text
    assert r"\input" not in text
    assert r"\def\a" not in text
    assert text.count(r"\end{document}") == 1


PROGRAM = """
from rnnsym.derivation.derive import derive
from rnnsym.documents import latex_document
from rnnsym.language import load
import hashlib, sys
for name in ("lstm", "mlstm", "deep_birnn"):
    print(hashlib.sha256(latex_document(derive(load(f"{sys.argv[1]}/{name}.rnn"))).encode()).hexdigest())
"""


def test_the_bytes_do_not_depend_on_the_hash_seed():
    found = set()
    for seed in ("0", "1", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(LIBRARY)], capture_output=True, text=True, env=environment, timeout=120, check=True
        )
        found.add(run.stdout)
    assert len(found) == 1


def test_a_small_model_and_one_without_parameters_are_documents_too():
    for text in (
        "x: input\nloss[t] = (w * x[t])**2\n",
        "x: input[n]\nh[t] = tanh(x[t])\nloss[t] = sum(h[t])\n",
        "x: input\nloss = total((w * x[t])**2)\n",
    ):
        assert latex_document(derive(parse(text, "small"))).endswith("\\end{document}\n")


WITH_ENDS = """x: input[n_x]
h: vector[n_h]
b: vector[n_h]
h[0] = tanh(V @ h_0)
b[T+1] = g * h_0
A = -exp(A_log)
h[t] = tanh(W @ x[t] + U @ h[t-1])
b[t] = tanh(A * b[t+1] + h[t])
loss[t] = sum(b[t]**2)
"""


def test_errors_of_values_outside_the_steps_and_of_static_quantities_keep_their_place():
    text = latex_document(derive(parse(WITH_ENDS, "ends")))
    assert r"&= \delta_{t=0}^{(h)} \odot \bigl(1 - " in text
    assert r"&= \delta_{T+1}^{(b)} \odot h_{0}" in text
    assert r"\delta^{(A)} &= \sum_{t=1}^{T} \,\biggl(\frac{\partial\bar{b}_{t}}{\partial A}\biggr)^{\top}" in text
    assert r"\frac{\mathrm{d}C}{\mathrm{d}h_{t=0}}" in text


def compile_document(text: str, folder: Path) -> str:
    """The log of a compilation that succeeded."""
    (folder / "derivation.tex").write_text(text, encoding="utf-8")
    command = ["latexmk", "-pdf", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "derivation.tex"]
    run = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    log = (folder / "derivation.log").read_text(encoding="latin-1")
    assert run.returncode == 0, log[-2000:]
    return log


@needs_tex
@pytest.mark.parametrize("name", ["mlstm", "hostile"])
def test_it_compiles_without_overfull_boxes_and_undefined_references(name, tmp_path):
    log = compile_document(latex_document(derive(hostile()) if name == "hostile" else library(name)), tmp_path)
    assert [width for width in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log) if float(width) > 2] == []
    assert "undefined" not in log
    assert "multiply defined" not in log


@needs_tex
@pytest.mark.slow
def test_every_model_of_the_library_and_many_cells_compile_without_overfull_boxes_and_undefined_references(tmp_path):
    """One document holds them all: the preamble of one, the fragment of each. The pictures, which take most of TeX's time, are left out."""
    cells = ("phased_lstm", "ntm", "odd_names", "deep_bigru")
    paths = [*sorted(LIBRARY.glob("*.rnn")), *(ROOT / "tests" / "cells" / f"{name}.rnn" for name in cells)]
    preamble = latex_document(library("elman")).partition(r"\begin{document}")[0]
    parts = [f"\\typeout{{== {path.stem}}}\n{latex_fragment(derive(load(path)))}\n\\clearpage" for path in paths]
    text = "\n".join([preamble, r"\begin{document}", *parts, r"\end{document}", ""])
    text, pictures = re.subn(r"(?s)\\begin\{tikzpicture\}.*?\\end\{tikzpicture\}", "", text)
    assert pictures == 4 * len(paths)
    (tmp_path / "all.tex").write_text(text, encoding="utf-8")
    for _ in range(2):
        command = ["pdflatex", "-draftmode", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "all.tex"]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=300, check=False)
    log = (tmp_path / "all.log").read_text(encoding="latin-1")
    assert run.returncode == 0, log[-2000:]
    assert log.count("\n== ") == len(paths)
    wide = {part.split("\n")[0]: re.findall(r"Overfull \\[hv]box \(([\d.]+)pt", part) for part in log.split("\n== ")[1:]}
    assert {name: found for name, found in wide.items() if any(float(width) > 2 for width in found)} == {}
    assert "undefined" not in log
    assert "multiply defined" not in log
