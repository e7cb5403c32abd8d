"""The contest: who disagrees is found out, ratios are taken round by round, everyone is timed as often."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from rnnsym.bench.contest import Contestant, Timing, disagreement, race

RIGHT = (2.0, {"W": np.array([[1.0, -4.0]]), "b": np.array([0.5])})


@pytest.mark.parametrize(
    ("found", "whose"),
    [
        ((2.1, RIGHT[1]), "the loss"),
        ((2.0, {"W": np.array([[1.0, -4.1]]), "b": RIGHT[1]["b"]}), "the gradient of W"),
        ((2.0, {"W": np.array([[1.0, np.nan]]), "b": RIGHT[1]["b"]}), "the gradient of W"),
        ((2.0, {"W": RIGHT[1]["W"]}), "the gradient of b"),
        ((2.0, {"W": RIGHT[1]["W"].T, "b": RIGHT[1]["b"]}), "the gradient of W"),
    ],
)
def test_what_differs_is_found_and_named(found, whose: str):
    size, name = disagreement(found, RIGHT)
    assert name == whose
    assert size > 0.02


def test_equal_results_agree():
    assert disagreement(RIGHT, RIGHT)[0] == 0


def test_an_error_counts_relative_to_the_largest_entry_of_its_array():
    found = (2.0, {"W": np.array([[1.0, -4.4]]), "b": RIGHT[1]["b"]})
    assert math.isclose(disagreement(found, RIGHT)[0], 0.1)


def test_ratios_are_taken_round_by_round():
    slow = Timing("slow", (2.0, 40.0, 6.0), None)
    bare = Timing("bare", (1.0, 10.0, 1.0), None)
    assert slow.ratios(bare) == (3.0, 4.0, 5.0)


def test_everyone_runs_in_every_round_and_nobody_always_first():
    order = []
    contestants = [Contestant(name, lambda name=name: order.append(name) or time.sleep(0.0045)) for name in "abc"]
    timings = race(contestants, 3)
    assert [len(t.seconds) for t in timings] == [3, 3, 3]
    assert order[-9:] == list("abcbcacab")
    assert all(t.median >= 0.004 for t in timings)


def test_what_takes_a_moment_is_called_more_than_once_a_round():
    calls = []
    race([Contestant("quick", lambda: calls.append(0))], 2)
    assert len(calls) > 100
