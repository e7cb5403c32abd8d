"""`draw` gives pictures alone; `derive --fragment` a derivation for another document."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from rnnsym.cli.files import is_untouched

needs_tex = pytest.mark.skipif(shutil.which("latexmk") is None, reason="latexmk is not installed")


def test_draw_gives_the_terminal_and_the_file_the_same_picture(run, folder: Path):
    shown = run("draw", "elman")
    assert shown.code == 0 and shown.err == ""
    assert ElementTree.fromstring(shown.out).find("{http://www.w3.org/2000/svg}title").text == "One step of elman as data flow"
    assert run("draw", "elman", "-o", "a.svg") == (0, "", "a.svg\n")
    assert (folder / "a.svg").read_text() == shown.out and is_untouched(shown.out)


def test_each_picture_has_a_word(run):
    titles = {
        "structure": "Structure of elman",
        "unfolded": "elman unfolded over three steps",
        "backward": "Backpropagation through time in elman",
    }
    for word, title in titles.items():
        assert f">{title}</title>" in run("draw", "elman", "--picture", word).out
    assert "error" in run("draw", "elman", "--picture", "backward").out


def test_all_pictures_go_into_a_folder(run, folder: Path):
    done = run("draw", "gru", "--picture", "all", "-o", "out")
    assert done.code == 0
    names = ["gru-backward.svg", "gru-step.svg", "gru-structure.svg", "gru-unfolded.svg"]
    assert sorted(path.name for path in (folder / "out").iterdir()) == names
    assert run("draw", "gru", "--picture", "all", "-o", "out").err.count("(unchanged)") == 4


def test_a_picture_as_tikz(run, folder: Path):
    assert run("draw", "elman", "-o", "a.tex").code == 0
    text = (folder / "a.tex").read_text()
    assert text.count(r"\begin{tikzpicture}") == 1 and is_untouched(text)


def test_a_format_that_there_is_not_is_refused(run, folder: Path):
    done = run("draw", "elman", "-o", "a.png")
    assert done.code == 2 and "a picture is not written as .png" in done.err and "svg, tex, pdf" in done.err
    assert not (folder / "a.png").exists()


@needs_tex
def test_a_picture_as_pdf(run, folder: Path):
    assert run("draw", "elman", "--picture", "unfolded", "-o", "a.pdf") == (0, "a.pdf\n", "")
    assert (folder / "a.pdf").read_bytes().startswith(b"%PDF")


def test_without_tex_a_pdf_is_refused_in_a_sentence(run, monkeypatch, folder: Path):
    monkeypatch.setenv("PATH", str(folder))
    for words in (("draw", "elman", "-o", "a.pdf"), ("derive", "elman", "-o", "a.pdf")):
        done = run(*words)
        assert done.code == 2 and "a PDF needs latexmk, which is not installed" in done.err and "Traceback" not in done.err


def test_a_fragment_is_latex_alone(run, folder: Path):
    assert run("derive", "elman", "--fragment", "-o", "a.tex").code == 0
    text = (folder / "a.tex").read_text()
    assert is_untouched(text) and r"\documentclass" not in text and text.startswith("% elman: ")
    for words in (("--format", "html"), ("-o", "a.html"), ("--format", "pdf")):
        done = run("derive", "elman", "--fragment", *words)
        assert done.code == 2 and "a fragment is LaTeX" in done.err


NOTES = r"""\documentclass[11pt]{article}
%s
\begin{document}
\section{Two networks} In \cref{elman:eq:1,gru:eq:1} and \cref{gru:fig:network}.
\input{elman}
\input{gru}
An equation after them: \begin{align} a &= b \label{last} \end{align} and \eqref{last}.
\end{document}
"""


@needs_tex
@pytest.mark.slow
def test_fragments_stand_together_in_lecture_notes(run, folder: Path):
    """The preamble is what the fragment's own first lines say, no more."""
    for name in ("elman", "gru"):
        assert run("derive", name, "--fragment", "-o", f"{name}.tex").code == 0
    said = re.findall(r"(?m)^%   (\\use\w+.*)$", (folder / "gru.tex").read_text())
    (folder / "notes.tex").write_text(NOTES % "\n".join(said))
    command = ["latexmk", "-pdf", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "notes.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=200, check=False)
    log = (folder / "notes.log").read_text(encoding="latin-1")
    assert done.returncode == 0, log[-2000:]
    assert "undefined" not in log and "multiply defined" not in log
    assert [width for width in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log) if float(width) > 2] == []
