"""The estimated widths against TeX's: never much too small, so that what fits by estimate fits on the page."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from rnnsym.documents.expressions import expression_tree
from rnnsym.documents.latex import latex
from rnnsym.documents.measure import width

from .test_typeset import SHOWN

PREAMBLE = r"""\documentclass[11pt]{scrartcl}
\usepackage[T1]{fontenc}\usepackage{amsmath,amssymb,mathtools}\usepackage{mathpazo}
\begin{document}
\newsavebox\measured
\newcommand{\measure}[1]{\sbox\measured{$\displaystyle #1$}\typeout{WIDTH \the\wd\measured}}
"""


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_estimated_widths_are_those_of_tex(tmp_path):
    trees = [expression_tree(expression) for expression, _ in SHOWN]
    lines = [rf"\measure{{{latex(tree)}}}" for tree in trees]
    (tmp_path / "widths.tex").write_text(PREAMBLE + "\n".join(lines) + "\n\\end{document}\n", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "widths.tex"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=True)
    found = [float(points) / 10.95 for points in re.findall(r"WIDTH ([\d.]+)pt", (tmp_path / "widths.log").read_text(encoding="latin-1"))]
    assert len(found) == len(trees)
    compared = [(latex(tree), width(tree), real) for tree, real in zip(trees, found, strict=True)]
    assert [row for row in compared if row[1] < 0.95 * row[2] - 0.3] == []
    assert [row for row in compared if row[1] > 1.35 * row[2] + 1] == []
