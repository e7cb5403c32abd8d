"""The digits example does what its first lines say: at least 95 % of the test digits, in under a minute."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

import pytest

pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "digits.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("digits_example", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_edited_model_has_peepholes_and_one_answer(example):
    system = example.edited_lstm()
    assert {"P_i", "P_f", "P_o"} <= {p.name for p in system.params}
    assert not system.by_name["p"].timed and not system.by_name["y"].timed


def test_the_split_is_fixed(example):
    (x, y), (x_test, y_test) = example.digits()
    assert x.shape == (8, 1437, 8) and x_test.shape == (8, 360, 8) and len(y) + len(y_test) == 1797


def test_digits_are_read_rightly_in_under_a_minute(example):
    began = time.perf_counter()
    assert example.train() >= 0.95
    assert time.perf_counter() - began < 60
