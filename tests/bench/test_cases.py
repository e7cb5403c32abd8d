"""Sizes for any model, and arrays for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rnnsym
from rnnsym.bench.cases import NAMED, cases, roles, scales
from rnnsym.errors import UsageError

ROOT = Path(__file__).parents[2]
MODELS = [*sorted((ROOT / "rnnsym" / "models").glob("*.rnn")), *sorted((ROOT / "tests").glob("*/**/*.rnn"))]


@pytest.mark.parametrize("path", MODELS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_every_model_has_every_named_size(path: Path):
    system = rnnsym.load(path)
    found = scales(system, ",".join(NAMED))
    assert [s.name for s in found] == list(NAMED)
    assert all(set(s.sizes) == {"T", "B", *(n.name for n in system.sizes)} and min(s.sizes.values()) >= 1 for s in found)


def test_an_lstm_takes_the_named_sizes_as_they_are():
    for scale in scales(rnnsym.load("lstm"), ",".join(NAMED)):
        assert scale.sizes == NAMED[scale.name]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("lstm", {"n_x": ("n_x", False), "n_h": ("n_h", False), "n_y": ("n_y", False)}),
        ("language_model", {"n_w": ("n_y", False), "n_s": ("n_h", False)}),
        ("mlstm", {"n_x": ("n_x", False), "n_y": ("n_y", False), "n_k": ("n_h", True), "n_v": ("n_h", True)}),
        (str(ROOT / "tests/cells/zoneout_lstm.rnn"), {"n_x": ("n_x", False), "n_h": ("n_h", False), "n_y": ("n_y", False)}),
    ],
)
def test_what_a_size_stands_for_follows_from_where_it_occurs(model: str, expected):
    assert roles(rnnsym.load(model)) == expected


def test_numbers_go_before_the_named_size():
    (scale,) = scales(rnnsym.load("lstm"), "medium, n_h=7,B=2")
    assert scale.sizes == {"T": 100, "B": 2, "n_x": 128, "n_h": 7, "n_y": 128}


@pytest.mark.parametrize(
    ("text", "found", "instead"),
    [
        ("smal", "`smal` is no size of `lstm`", "small"),
        ("n_hh=3", "`n_hh=3` is no size of `lstm`", "n_h"),
        ("n_h=0", "`n_h=0` gives no whole number", ""),
        ("n_h=x", "`n_h=x` gives no whole number", ""),
    ],
)
def test_a_wrong_word_is_told(text: str, found: str, instead: str):
    with pytest.raises(UsageError) as caught:
        scales(rnnsym.load("lstm"), text)
    assert found in str(caught.value)
    assert instead in caught.value.render()


def test_a_target_that_only_the_cross_entropy_reads_is_given_as_class_numbers():
    system = rnnsym.load("lstm")
    case = cases(system, rnnsym.compile(system), scales(system, "T=3,B=2,n_h=4,n_x=3,n_y=5")[0], "float32")
    assert case.classes == {"y"}
    assert case.data["y"].shape == (3, 2)
    assert case.data["x"].dtype == np.float32


def test_a_target_that_is_read_otherwise_too_is_given_as_vectors():
    system = rnnsym.parse(
        "x: input[n]\ny: target[n]\np[t] = softmax(W @ x[t] + U @ y[t-1])\nloss[t] = cross_entropy(y[t], p[t])", name="teacher"
    )
    case = cases(system, rnnsym.compile(system), scales(system, "T=3,B=2,n=4")[0], "float64")
    assert case.classes == frozenset()
    assert case.data["y"].shape == (3, 2, 4)
