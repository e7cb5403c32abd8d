"""The example notebook runs in Jupyter from top to bottom, and every kind of object shows itself as it should."""

from __future__ import annotations

from pathlib import Path

import pytest

jupytext = pytest.importorskip("jupytext", reason="the notebook needs Jupyter's tools (pip install rnnsym[docs])")
nbclient = pytest.importorskip("nbclient", reason="the notebook needs Jupyter's tools (pip install rnnsym[docs])")
pytest.importorskip("ipykernel", reason="the notebook needs Jupyter's tools (pip install rnnsym[docs])")

pytestmark = pytest.mark.slow  # a kernel has to start
DOCS = Path(__file__).parents[2] / "docs"
NOTEBOOK = DOCS / "examples" / "notebook.md"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The notebook with its outputs; an exception in a cell fails here."""
    notebook = jupytext.read(NOTEBOOK)
    folder = tmp_path_factory.mktemp("notebook")
    return nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()


def shown(executed, last_line: str) -> dict[str, str]:
    """What the cell that ends in this line shows, by MIME type."""
    (cell,) = [c for c in executed.cells if c.cell_type == "code" and c.source.strip().split("\n")[-1] == last_line]
    (output,) = [o for o in cell.outputs if o.output_type == "execute_result"]
    return dict(output.data)


def test_a_model_shows_equations_and_shapes(executed):
    data = shown(executed, "leaky")
    assert r"\sigma(r)" in data["text/markdown"] and r"| $W$ | $\mathbb{R}^{n_{h}\times n_{x}}$ | parameter |" in data["text/markdown"]
    assert data["text/latex"].startswith("\\begin{align}")


def test_an_equation_and_an_expression_show_themselves(executed):
    assert shown(executed, "model.definitions[0]")["text/latex"] == r"$\displaystyle h_{t} = \sigma(W x_{t} + U h_{t-1} + b)$"
    assert shown(executed, "model.definitions[0].rhs")["text/latex"] == r"$\sigma(W x_{t} + U h_{t-1} + b)$"


@pytest.mark.parametrize("line", ["structure(model)", "unfolded(model)", "data_flow(leaky)", "backpropagation(derivation)"])
def test_a_picture_shows_itself(executed, line):
    assert shown(executed, line)["image/svg+xml"].startswith("<svg ")


def test_a_derivation_shows_its_argument(executed):
    text = shown(executed, "derivation")["text/markdown"]
    assert text.startswith("# elman\n") and "## Gradients" in text and text.count("$$") % 2 == 0


def test_the_training_trains(executed):
    (printed,) = [o.text for c in executed.cells if c.cell_type == "code" for o in c.outputs if "loss per step" in o.get("text", "")]
    first, last = (float(word) for word in printed.replace(",", "").split() if word.startswith("0."))
    assert last < 0.5 * first
