"""How errors vanish or explode, measured: the exponential law beside its bound, and the parameters that are recurrent weights."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from rnnsym.calculus.prepare import prepare
from rnnsym.derivation.recurrence import recurrences
from rnnsym.errors import UsageError
from rnnsym.language import load, parse
from rnnsym.proof.measured_growth import fitted_rate, measure_growth
from rnnsym.proof.recurrent_weights import recurrent_weights

ROOT = Path(__file__).parents[2]
SMALL = {"steps": 16, "sizes": {"n_h": 12}}


def system_of(name: str):
    found = [p for folder in ("rnnsym/models", "tests/cells") if (p := ROOT / folder / f"{name}.rnn").is_file()]
    return load(found[0])


@cache
def report(name: str):
    return measure_growth(system_of(name), steps=16, sizes={"n_h": 12})


def test_the_tanh_network_shows_the_exponential_law_just_below_its_spectral_bound():
    small, critical, large = report("rnn").recurrences[0].curves
    assert small.bound_rate == pytest.approx(0.5) and 0.49 < small.rate < 0.5
    assert critical.bound_rate == pytest.approx(1.0) and 0.9 < critical.rate < 1.0
    assert large.bound_rate == pytest.approx(2.0) and 1.05 < large.rate < 2.0
    assert small.cost_rate == pytest.approx(small.rate, abs=0.02)


def test_a_sigmoid_network_is_critical_at_four():
    assert [c.scale for c in report("elman").recurrences[0].curves] == [2.0, 4.0, 8.0]


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "birnn", "mlstm", "delta_net", "jordan"])
def test_no_measured_product_is_above_its_bound(name):
    for measured in report(name).recurrences:
        for curve in measured.curves:
            assert curve.jacobian and np.all(np.array(curve.jacobian) <= np.array(curve.bound) * (1 + 1e-9))


def test_the_measured_gradient_is_the_product_of_the_jacobians_applied_to_the_last_error():
    """‖dC_T/ds_k‖ ≤ ‖dC_T/ds_T‖ ‖ds_T/ds_k‖₂, sequence by sequence: two ways of computing that share no equation."""
    for curve in report("gru").recurrences[0].curves:
        assert np.all(np.array(curve.least) <= max(curve.largest[:1]) * np.array(curve.jacobian) * 1.5)


WEIGHTS = {
    "rnn": ("W_h",),
    "lstm": ("U_f", "U_i", "U_g", "U_o"),
    "gru": ("U_z", "U", "U_r"),
    "narx": ("C", "A_1", "A_2", "A_3"),
    "indrnn": ("u1", "u2", "R"),
    "antisymmetric": ("W",),
    "mlstm": (),
    "lru": (),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_recurrent_weights_are_found_by_structure(name):
    assert recurrent_weights(recurrences(prepare(system_of(name)))) == WEIGHTS[name]


def test_a_vector_that_multiplies_entry_by_entry_is_a_recurrent_weight_too():
    system = parse("x: input[n]\nh: vector[n]\nh[t] = tanh(x[t] + u * h[t-1])\nloss[t] = sum(h[t])", name="model")
    assert recurrent_weights(recurrences(prepare(system))) == ("u",)
    small, *_ = measure_growth(system, steps=12).recurrences[0].curves
    assert small.bound_rate == pytest.approx(0.5) and small.rate <= 0.5


def test_a_model_without_recurrence_is_refused_in_a_sentence():
    with pytest.raises(UsageError, match="no value depends on itself through time"):
        measure_growth(parse("x: input\nloss[t] = w * x[t]", name="model"))


def test_a_state_that_no_cost_reads_is_measured_by_its_jacobians_alone():
    system = parse("x: input[n]\nh: vector[n]\nh[t] = tanh(x[t] + U @ h[t-1])", name="model")
    result = measure_growth(system, steps=8)
    assert result.recurrences[0].curves[0].cost == () and result.recurrences[0].curves[0].jacobian
    assert "no cost" in result.notes[0]


def test_the_same_seed_gives_the_same_numbers_and_another_one_others():
    first, again, other = (measure_growth(system_of("rnn"), seed=s, **SMALL) for s in (3, 3, 4))
    assert first == again and first != other


def test_a_fit_finds_the_rate_of_a_power_and_refuses_too_few_points():
    assert fitted_rate([3 * 0.7**d for d in range(20)]) == pytest.approx(0.7)
    assert fitted_rate([1.0, 0.0, 0.0]) is None
