"""Extreme numbers through every model of the library and every cell: what is finite stays finite, and what is not says so.

The rule that is tested: on finite arguments a call gives finite numbers without a warning, or NumPy warns. In the padding anything may
stand. NaN and infinity in data propagate to what depends on them, and no further.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

import rnnsym
from rnnsym.backends.names import python_names
from rnnsym.proof.draws import STYLES, draw_data, small_sizes
from rnnsym.resources import models_folder

LIBRARY = sorted(models_folder().glob("*.rnn"))
CELLS = sorted(Path(__file__).parent.glob("*.rnn"))
LONG = ("rnn", "lstm", "gru", "birnn", "slstm", "delta_net")
# Where the model's own formula leaves the numbers: exp(-m) of the stabiliser overflows.
BEYOND = {("mlstm", "inputs of 1e4"), ("mlstm", "parameters of 1e4")}


class Bench:
    """A model with arrays for it."""

    def __init__(self, path: Path, steps: int = 6, dtype: type = np.float64):
        self.system = rnnsym.load(path)
        self.module = rnnsym.compile(self.system)
        names, sizes, rng = python_names(self.system), small_sizes(self.system), np.random.default_rng(5)
        self.params = self.module.init_params(**{names[n]: k for n, k in sizes.items()}, rng=rng, dtype=dtype)
        drawn = draw_data(self.system, sizes, steps, STYLES[0], rng)
        self.data = {names[n]: a.astype(dtype) if a.dtype.kind == "f" else a for n, a in drawn.items()}
        self.inputs = [names[d.name] for d in self.system.of_kind("input")]
        self.timed = [names[d.name] for d in self.system.data if d.timed]
        self.has_loss = any(d.name.startswith("loss") for d in self.system.variables)

    def scaled(self, factor: float) -> dict[str, np.ndarray]:
        return {n: (a * factor).astype(a.dtype) if n in self.inputs else a for n, a in self.data.items()}

    def times(self, factor: float):
        params = self.params.copy()
        params.vector[...] *= factor
        return params

    def run(self, params, data, **more):
        """Values, cost and gradients, as one list of arrays."""
        if not self.has_loss:
            return list(self.module.forward(params, **data, **more).values())
        cost, grads, _ = self.module.loss_and_grads(params, **data, **more)
        return [np.asarray(cost), grads.vector]


def _extremes(bench: Bench):
    tiny = float(np.finfo(bench.params.vector.dtype).tiny)
    yield "inputs of 1e4", bench.params, bench.scaled(1e4)
    yield "inputs that are denormal", bench.params, bench.scaled(tiny / 8)
    yield "inputs of zero", bench.params, bench.scaled(0)
    yield "parameters of 1e4", bench.times(1e4), bench.data
    yield "parameters that are denormal", bench.times(tiny / 8), bench.data
    yield "parameters of zero", bench.times(0), bench.data


def _warned_or_finite(bench: Bench, params, data) -> str:
    """ "finite", or "warned"; a quiet number that is none fails."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = bench.run(params, data)
    if any(issubclass(w.category, RuntimeWarning) for w in said):
        return "warned"
    assert not any(np.isnan(a).any() for a in found), "a result is no number, and nothing was said"
    return "finite"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("path", LIBRARY, ids=lambda p: p.stem)
def test_the_library_is_finite_at_the_extremes_without_a_warning(path, dtype):
    bench = Bench(path, dtype=dtype)
    for what, params, data in _extremes(bench):
        if (path.stem, what) in BEYOND:
            assert _warned_or_finite(bench, params, data) == "warned", what
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = bench.run(params, data)
        assert all(np.isfinite(a).all() for a in found), what


@pytest.mark.slow
@pytest.mark.parametrize("path", CELLS, ids=lambda p: p.stem)
def test_a_cell_is_finite_at_the_extremes_or_warns(path):
    bench = Bench(path)
    outcomes = {what: _warned_or_finite(bench, params, data) for what, params, data in _extremes(bench)}
    assert outcomes["inputs that are denormal"] == "finite" or path.stem == "odd_names"


SLOWLY = [pytest.param(path, marks=pytest.mark.slow) for path in CELLS]


@pytest.mark.parametrize("path", [*LIBRARY, *SLOWLY], ids=lambda p: p.stem)
def test_nan_and_infinity_in_one_sequence_stay_in_it(path):
    bench = Bench(path)
    if not bench.inputs:
        pytest.skip("the model reads no real numbers")
    clean = bench.module.forward(bench.params, **bench.data)
    for wrong in (np.nan, np.inf):
        data = {n: a.copy() for n, a in bench.data.items()}
        for name in bench.inputs:
            data[name][(slice(None), 0) if name in bench.timed else 0] = wrong
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trace = bench.module.forward(bench.params, **data)
            cost = bench.module.loss(bench.params, **data) if bench.has_loss else np.nan
        for name in trace:
            if np.ndim(trace[name]) >= 2 and np.shape(trace[name])[1] == 3 and name in bench.module.TIMED:
                np.testing.assert_array_equal(trace[name][:, 1:], clean[name][:, 1:], err_msg=name)
        if np.isnan(wrong) and path.stem not in ("spiking", "clockwork"):  # where a condition on it is false, and the past is kept
            assert np.isnan(cost), "a nan in the data is nowhere in the cost"


@pytest.mark.slow
@pytest.mark.parametrize("path", [p for p in LIBRARY if p.stem in LONG], ids=lambda p: p.stem)
def test_ten_thousand_steps(path):
    bench = Bench(path, steps=10_000, dtype=np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        single = bench.run(bench.params, bench.data)
    assert all(np.isfinite(a).all() for a in single)


@pytest.mark.parametrize("path", [p for p in LIBRARY if p.stem in ("lstm", "rnn", "language_model", "birnn")], ids=lambda p: p.stem)
def test_a_target_of_zeros_costs_nothing_and_passes_no_gradient(path):
    bench = Bench(path)
    targets = [d.name for d in bench.system.of_kind("target")]
    data = {n: np.zeros_like(a) if n in targets else a for n, a in bench.data.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for params in (bench.params, bench.times(1e4)):
            cost, grads, _ = bench.module.loss_and_grads(params, **data)
            assert cost == 0 and not np.any(grads.vector)


def test_a_nan_of_the_branch_that_is_taken_is_said():
    module = rnnsym.compile(rnnsym.parse("x: input\nw: param\nh[t] = sqrt(w * x[t]) if x[t] > 0 else 0\nloss[t] = h[t]\n"))
    params = module.Params.from_arrays({"w": -1.0})
    with pytest.warns(RuntimeWarning, match="invalid value"):
        module.loss_and_grads(params, x=np.ones((2, 1)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert module.loss(params, x=-np.ones((2, 1))) == 0  # the other branch: nothing to say


def test_a_start_at_minus_infinity_is_a_number_soon():
    bench = Bench(models_folder() / "slstm.rnn")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trace = bench.module.forward(bench.params, **bench.data)
        found = bench.run(bench.params, bench.data)
    values = [trace[d.name] for d in bench.system.variables]  # pre-activations may be -inf: exp of them is zero
    assert all(np.isfinite(a).all() for a in (*values, *found))
