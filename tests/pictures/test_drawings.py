"""Every model of the library, every cell and every corpus file draws, four ways, and nothing lies on anything else."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from functools import cache
from operator import gt
from pathlib import Path

import pytest

from rnnsym.derivation.derive import derive
from rnnsym.language import load, parse
from rnnsym.pictures import Drawing, backpropagation, data_flow, structure, unfolded
from rnnsym.pictures.geometry import crossings, faults

ROOT = Path(__file__).parents[2]
MODELS = sorted([*ROOT.glob("rnnsym/models/*.rnn"), *ROOT.glob("tests/cells/*.rnn"), *ROOT.glob("tests/truth/corpus/*.rnn")])
NAMES = [f"{path.parent.name}/{path.stem}" for path in MODELS]


@cache
def drawings(path: Path) -> tuple[Drawing, ...]:
    system = load(path)
    return structure(system), unfolded(system), backpropagation(derive(system)), data_flow(system)


@pytest.mark.parametrize("path", MODELS, ids=NAMES)
def test_nothing_lies_on_anything_else(path):
    assert {drawing.title: faults(drawing) for drawing in drawings(path)} == {drawing.title: () for drawing in drawings(path)}


@pytest.mark.parametrize("path", MODELS, ids=NAMES)
def test_the_svg_is_well_formed_and_says_what_it_shows(path):
    for drawing in drawings(path):
        root = ElementTree.fromstring(drawing.svg())
        space = "{http://www.w3.org/2000/svg}"
        assert root.get("role") == "img"
        title, description = root.find(f"{space}title"), root.find(f"{space}desc")
        assert title is not None and description is not None
        assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
        assert title.text and description.text


@pytest.mark.parametrize("path", MODELS, ids=NAMES)
def test_the_tikz_has_the_same_nodes_and_lines(path):
    for drawing in drawings(path):
        source = drawing.tikz()
        assert source.count(r"\path[line") == len(drawing.edges)
        assert source.count(r"\path[node outline") == sum(node.kind != "plain" for node in drawing.nodes)
        assert source.count("{") == source.count("}")


TABLE = Path(__file__).with_name("crossings.txt")


@pytest.mark.parametrize("folder", ["models", pytest.param("cells", marks=pytest.mark.slow)])
def test_lines_cross_as_seldom_as_the_table_says(folder):
    """A number to watch: none may grow. `python tests/pictures/test_drawings.py` writes the table anew."""
    said = {row.split()[0]: [int(n) for n in row.split()[1:]] for row in TABLE.read_text().splitlines()[1:]}
    found = crossing_counts(folder)
    assert {name: (counts, said[name]) for name, counts in found.items() if any(map(gt, counts, said[name]))} == {}


def crossing_counts(folder: str) -> dict[str, list[int]]:
    """For every model of a folder the crossings in its four pictures."""
    return {path.stem: [crossings(drawing) for drawing in drawings(path)] for path in MODELS if path.parent.name == folder}


def crossing_table() -> str:
    """A row for every model of the library and every cell, and the sum."""
    counts = crossing_counts("models") | crossing_counts("cells")
    counts["altogether"] = [sum(column) for column in zip(*counts.values(), strict=True)]
    head = f"{'':18} {'structure':>9} {'unfolded':>9} {'backward':>9} {'step':>9}"
    return "\n".join([head, *(f"{name:18} {' '.join(f'{n:9}' for n in row)}" for name, row in counts.items()), ""])


# ---------------------------------------------------------------- what a picture must show


def model(name: str):
    return load(ROOT / "rnnsym" / "models" / f"{name}.rnn")


def test_the_lstm_s_step_has_its_gates_and_its_rails():
    drawing = data_flow(model("lstm"))
    kinds = [node.kind for node in drawing.nodes]
    assert kinds.count("operator") == 4  # three products and a sum
    assert {node.key for node in drawing.nodes if node.dashed} == {"in h[t-1]", "in c[t-1]"}
    left = min(node.x for node in drawing.nodes)
    right = max(node.x for node in drawing.nodes)
    assert all(node.x == left for node in drawing.nodes if node.dashed)
    assert all(node.x == right for node in drawing.nodes if node.key in ("out h[t]", "out c[t]"))


def test_operands_come_from_the_left():
    drawing = data_flow(model("gru"))
    assert all(a[0] <= b[0] for edge in drawing.edges for a, b in zip(edge.points, edge.points[1:], strict=False))


def test_a_product_that_is_read_twice_is_drawn_once():
    drawing = data_flow(model("ln_lstm"))
    labels = [node.label for node in drawing.nodes if node.kind == "function"]
    assert len([label for label in labels if "W" in repr(label)]) == 2


def test_a_lag_is_a_chain_of_delays_in_the_folded_network():
    delays = [node.key for node in structure(model("narx")).nodes if node.kind == "delay"]
    assert sum(key.startswith("v ") for key in delays) == 3
    assert sum(key.startswith("u ") for key in delays) == 2


def test_a_backward_recurrence_runs_to_the_left():
    drawing = unfolded(model("birnn"))
    lines = [edge.points for edge in drawing.edges if edge.net.startswith("forward b lead")]
    assert lines
    assert all(points[0][0] > points[-1][0] for points in lines)


def test_errors_travel_against_the_values():
    drawing = backpropagation(derive(model("elman")))
    values = [edge for edge in drawing.edges if edge.net.startswith("forward h lag")]
    errors = [edge for edge in drawing.edges if edge.net.startswith("error h lag")]
    assert len(values) == len(errors) == 4
    assert all(edge.points[0][0] < edge.points[-1][0] for edge in values)
    assert all(edge.points[0][0] > edge.points[-1][0] for edge in errors)


def test_a_decoder_starts_from_the_encoder_s_last_step_and_sends_its_error_back_there():
    system = parse(
        "x: input[n]\ny: target[n]\nh: vector[n]\ns: vector[n]\nh[t] = tanh(W @ x[t] + U @ h[t-1])\ns[0] = h[T]\n"
        "s[t] = tanh(S @ s[t-1])\nloss[t] = squared_error(y[t], s[t])\n"
    )
    drawing = backpropagation(derive(system))
    last, first = max(n.x for n in drawing.nodes if n.key.startswith("h ")), min(n.x for n in drawing.nodes if n.key.startswith("s "))
    (value,) = (edge.points for edge in drawing.edges if edge.net.startswith("forward h at T"))
    (error,) = (edge.points for edge in drawing.edges if edge.net.startswith("error h at T"))
    assert first < value[-1][0] < first + 40 and last - 40 < value[0][0] < last
    assert first < error[0][0] < first + 40 and last - 40 < error[-1][0] < last
    assert [edge.dashed for edge in structure(system).edges if edge.net.startswith("h right")] == [True]


def test_no_error_travels_where_no_gradient_flows():
    system = parse(
        "x: input[n]\ny: target[n]\nh: vector[n]\nh[t] = tanh(W @ x[t] + U @ stop_gradient(h[t-1]))\nloss[t] = squared_error(y[t], h[t])\n"
    )
    drawing = backpropagation(derive(system))
    assert any(edge.net.startswith("forward h lag") for edge in drawing.edges)
    assert not any(edge.net.startswith("error h lag") for edge in drawing.edges)


def test_a_lag_of_many_steps_stays_a_small_picture():
    text = "x: input[n]\ny: target[n]\nh[t] = tanh(W @ x[t-400] + b)\nloss[t] = squared_error(y[t], h[t])\n"
    system = parse(text)
    for drawing in (structure(system), unfolded(system), backpropagation(derive(system)), data_flow(system)):
        assert faults(drawing) == ()
        assert drawing.height < 700


def test_a_deep_stack_is_drawn_in_seconds():
    layers = [f"h{i}[t] = tanh(W_{i} @ {'x' if i == 1 else f'h{i - 1}'}[t] + U_{i} @ h{i}[t-1] + b_{i})" for i in range(1, 13)]
    system = parse(
        "\n".join(
            ["x: input[n]", "y: target[n]", *(f"h{i}: vector[n]" for i in range(1, 13)), *layers, "loss[t] = squared_error(y[t], h12[t])"]
        )
    )
    for drawing in (structure(system), unfolded(system), data_flow(system)):
        assert faults(drawing) == ()


# ---------------------------------------------------------------- the same input gives the same bytes


def test_the_bytes_do_not_depend_on_the_hash_seed():
    script = (
        "from rnnsym.language import load\nfrom rnnsym.derivation.derive import derive\nimport rnnsym.pictures as p, hashlib\n"
        "s = load('rnnsym/models/mlstm.rnn')\n"
        "ds = [p.structure(s), p.unfolded(s), p.backpropagation(derive(s)), p.data_flow(s)]\n"
        "print(hashlib.sha256(''.join(d.svg() + d.tikz() for d in ds).encode()).hexdigest())\n"
    )
    found = set()
    for seed in ("1", "2", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        found.add(run.stdout)
    assert len(found) == 1


def test_nothing_but_shapes_and_letters_stands_in_an_svg():
    tags = {
        element.tag.split("}")[1]
        for path in MODELS[:6]
        for drawing in drawings(path)
        for element in ElementTree.fromstring(drawing.svg()).iter()
    }
    assert tags <= {"svg", "title", "desc", "style", "path", "circle", "rect", "text", "tspan"}


if __name__ == "__main__":
    TABLE.write_text(crossing_table())
