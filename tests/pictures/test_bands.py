"""A step that is too wide goes on in further lines: nothing is lost, nothing is drawn twice, what is parted has the same letters at both ends."""

from __future__ import annotations

from collections import Counter
from math import inf
from pathlib import Path

import pytest

from rnnsym.documents.names import Names
from rnnsym.language import load, parse
from rnnsym.pictures import data_flow
from rnnsym.pictures.bands import bands, cuts
from rnnsym.pictures.flow import WIDEST, ranked
from rnnsym.pictures.geometry import faults
from rnnsym.pictures.steps import StepGraph

ROOT = Path(__file__).parents[2]
WIDE = ("ln_lstm", "mlstm", "stacked_lstm")


def graph(name: str) -> StepGraph:
    system = load(ROOT / "rnnsym" / "models" / f"{name}.rnn")
    return StepGraph(system, Names.of(system))


@pytest.mark.parametrize("name", WIDE)
def test_every_operation_stands_in_one_band_with_all_that_it_reads(name):
    step = graph(name)
    items = ranked(list(step.items.values()), step.links)
    right = {rank: 50.0 * (rank + 1) for rank in range(1 + max(item.rank for item in items))}
    found = list(bands(items, step.links, cuts(items, step.links, right, 3)))
    assert len(found) == 3
    drawn = Counter((link.source, link.target, link.label) for band in found for link in band.links if not link.target.endswith(" on"))
    assert drawn == Counter((link.source, link.target, link.label) for link in step.links)
    for band in found:
        keys = {item.key for item in band.items}
        assert {end for link in band.links for end in (link.source, link.target)} == keys


@pytest.mark.parametrize("name", WIDE)
def test_what_is_parted_ends_and_begins_with_the_same_letters(name):
    step = graph(name)
    items = ranked(list(step.items.values()), step.links)
    right = {rank: 50.0 * (rank + 1) for rank in range(1 + max(item.rank for item in items))}
    ended: set = set()
    for band in bands(items, step.links, cuts(items, step.links, right, 3)):
        computed = {link.target for link in band.links}
        source = {item.key for item in items} & {link.target for link in step.links}
        begun = {item.label for item in band.items if item.key in source - computed}
        assert begun <= ended
        ended |= {item.label for item in band.items if item.key.startswith("out ")}


@pytest.mark.parametrize("name", WIDE)
def test_a_wide_step_keeps_the_width_and_stays_clean(name):
    system = load(ROOT / "rnnsym" / "models" / f"{name}.rnn")
    drawing, whole = data_flow(system), data_flow(system, width=inf)
    assert drawing.width <= WIDEST + 30 < whole.width
    assert drawing.height > whole.height
    assert faults(drawing) == faults(whole) == ()


def test_one_operation_that_is_wider_than_the_line_is_drawn_all_the_same():
    system = parse("x: input[n]\nh: vector[n]\nh[t] = tanh(W @ x[t] + U @ h[t-1])\nloss[t] = sum(h[t])\n")
    assert faults(data_flow(system, width=10.0)) == ()
