"""The LSTM that is scheduled by hand, which the compiler is measured against, computes what the module computes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import rnnsym
from rnnsym.bench.cases import cases, scales
from rnnsym.bench.contest import disagreement
from rnnsym.bench.training import result

FILE = Path(__file__).parents[1] / "benchmarks" / "lstm_by_hand.py"


@pytest.mark.parametrize("numbers", [1, 1 << 17], ids=["step by step", "all steps at once"])
def test_the_lstm_by_hand_computes_what_the_module_computes(numbers: int, monkeypatch: pytest.MonkeyPatch):
    spec = importlib.util.spec_from_file_location("lstm_by_hand", FILE)
    assert spec is not None and spec.loader is not None
    by_hand = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(by_hand)
    monkeypatch.setattr(by_hand, "NUMBERS", numbers)
    system = rnnsym.load("lstm")
    module = rnnsym.compile(system)
    case = cases(system, module, scales(system, "T=5,B=3,n_x=4,n_h=6,n_y=7")[0], "float64")
    contestant = by_hand.by_hand(case)
    for _ in range(2):  # it works in place, and again
        assert disagreement(contestant.result(), result(module, case))[0] < 1e-12
