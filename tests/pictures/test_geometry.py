"""The check of a drawing catches what it is there for: each test spoils a clean drawing in one way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rnnsym.language import load
from rnnsym.pictures import Drawing, data_flow
from rnnsym.pictures.drawing import Edge
from rnnsym.pictures.geometry import crossings, faults


@pytest.fixture(scope="module")
def clean() -> Drawing:
    drawing = data_flow(load(Path(__file__).parents[2] / "rnnsym" / "models" / "lstm.rnn"))
    assert faults(drawing) == ()
    return drawing


def test_a_label_on_a_label(clean):
    first, second, *others = clean.labels
    spoiled = replace(clean, labels=(first, replace(second, x=first.x + 3, y=first.y + 2), *others))
    assert any("lies on label" in fault for fault in faults(spoiled))


def test_a_label_on_a_line(clean):
    label, *others = clean.labels
    x, y = clean.edges[0].points[-1]
    spoiled = replace(clean, labels=(replace(label, x=x - 12, y=y), *others))
    assert any("lies on the line" in fault for fault in faults(spoiled))


def test_a_line_through_a_node(clean):
    node = clean.nodes[0]
    line = Edge("stray", ((node.x - 100, node.y), (node.x + 100, node.y)))
    assert any(f"goes through node {node.key}" in fault for fault in faults(replace(clean, edges=(*clean.edges, line))))


def test_a_node_on_a_node(clean):
    first, second, *others = clean.nodes
    spoiled = replace(clean, nodes=(first, replace(second, x=first.x + 10, y=first.y + 10), *others))
    assert any("lies on node" in fault for fault in faults(spoiled))


def test_a_line_along_another_line(clean):
    edge = clean.edges[0]
    twin = Edge("twin", tuple((x, y + 1.5) for x, y in edge.points))
    assert any("lies on the line" in fault for fault in faults(replace(clean, edges=(*clean.edges, twin))))


def test_letters_wider_than_their_node(clean):
    node, *others = clean.nodes
    assert any("do not fit" in fault for fault in faults(replace(clean, nodes=(replace(node, width=5.0), *others))))


def test_a_crossing_is_counted(clean):
    cross = (Edge("a", ((-50.0, -20.0), (-10.0, -20.0))), Edge("b", ((-30.0, -40.0), (-30.0, 0.0))))
    assert crossings(replace(clean, edges=(*clean.edges, *cross))) == crossings(clean) + 1
