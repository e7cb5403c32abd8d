"""The bare products of a training step are counted right, and they are all that the limit does."""

from __future__ import annotations

import numpy as np
import pytest

import rnnsym
from rnnsym.bench.limit import Product, products, runner
from rnnsym.bench.schedule import plan

SIZES = {"T": 7, "B": 3, "n_x": 4, "n_h": 5, "n_y": 6}


def counted(model: str, sizes: dict[str, int]) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    found = products(plan(rnnsym.load(model)), sizes)
    return {(p.role, p.text.split(" @ ")[1]): (p.times, p.m, p.k, p.columns) for p in found}


def test_an_lstm_has_one_stacked_recurrent_product_per_step_each_way_and_the_rest_over_all_steps():
    assert counted("lstm", SIZES) == {
        ("forward", "x[t]"): (1, 20, 4, 21),
        ("forward", "h[t-1]"): (7, 20, 5, 3),
        ("forward", "h[t]"): (1, 6, 5, 21),
        ("backward", "h[t-1]"): (7, 5, 20, 3),
        ("backward", "h[t]"): (1, 5, 6, 21),
        ("sum", "x[t]"): (1, 20, 21, 4),
        ("sum", "h[t-1]"): (1, 20, 21, 5),
        ("sum", "h[t]"): (1, 6, 21, 5),
    }


def test_nothing_goes_back_to_an_input():
    assert ("backward", "x[t]") not in counted("gru", SIZES)


def test_a_token_makes_no_product():
    found = counted("language_model", {"T": 7, "B": 3, "n_w": 11, "n_s": 5})
    assert {operand for _, operand in found} == {"s[t-1]", "s[t]"}


def test_a_recurrent_product_of_a_lagged_operand_stands_in_the_loop():
    system = rnnsym.parse("x: input[n]\nh: vector[n]\nh[t] = tanh(x[t] + U @ h[t-1] + V @ h[t-3])\nloss[t] = sum(h[t])")
    found = products(plan(system), {"T": 7, "B": 3, "n": 5})
    assert sorted((p.role, p.times) for p in found) == [("backward", 7)] * 2 + [("forward", 7)] * 2 + [("sum", 1)] * 2


def test_a_matrix_per_sequence_is_multiplied_sequence_by_sequence():
    found = products(plan(rnnsym.load("mlstm")), {"T": 7, "B": 3, "n_x": 4, "n_y": 6, "n_v": 5, "n_k": 2})
    each = [p for p in found if p.sequences > 1]
    assert [(p.role, p.times, p.sequences, p.m, p.k) for p in each] == [("forward", 1, 21, 5, 2), ("backward", 1, 21, 2, 5)]


def test_a_model_without_matrices_has_no_limit():
    system = rnnsym.parse("x: input[n]\nh[t] = tanh(u * h[t-1] + x[t])\nloss[t] = sum(h[t]**2)")
    assert products(plan(system), {"T": 7, "B": 3, "n": 5}) == ()


@pytest.mark.parametrize("role", ["forward", "backward", "sum"])
@pytest.mark.parametrize("sequences", [1, 4])
def test_the_products_are_done(monkeypatch: pytest.MonkeyPatch, role: str, sequences: int):
    done = []
    matmul = np.matmul
    monkeypatch.setattr(np, "matmul", lambda a, b, out: done.append((a.shape, b.shape)) or matmul(a, b, out=out))
    times = 1 if role == "sum" else 3
    run = runner((Product(role, "", times, 5, 6, 7, sequences),), "float32")
    done.clear()
    run()
    assert len(done) == times
    flops = sum(2 * np.prod(a[:-2], dtype=int) * a[-2] * a[-1] * b[-1] for a, b in done)
    assert flops == Product(role, "", times, 5, 6, 7, sequences).flops
