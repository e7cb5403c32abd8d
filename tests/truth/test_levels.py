"""-O0, -O1 and the reference agree on the corpus: in both precisions, and with every size 1."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from agreement import error
from test_corpus import CASES, case, data_and_initial

from rnnsym.algebra.sizes import size_value
from rnnsym.backends.live import compile_module
from rnnsym.backends.numpy_module import generate

MODELS = sorted({name.split("@")[0] for name in CASES})
TOLERANCE = {np.float64: 1e-11, np.float32: 2e-4}


@cache
def module(model: str, level: int):
    system = next(case(name)[0] for name in CASES if name.split("@")[0] == model)
    return compile_module(generate(system, level=level), model)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("name", CASES)
def test_both_levels_are_the_reference_in_both_precisions(name, level, dtype):
    _, groups = case(name)
    built = module(name.split("@")[0], level)
    data, initial = data_and_initial(groups)
    params = built.Params.from_arrays({k: np.asarray(v, dtype) for k, v in groups["param"].items()})
    assert params.vector.dtype == dtype
    loss, grads, _ = built.loss_and_grads(params, **data, initial=initial or None)
    errors = {"loss": error(loss, groups["loss"][""]), **{k: error(grads[k], v) for k, v in groups["grad"].items()}}
    assert grads.vector.dtype == dtype
    assert {k: e for k, e in errors.items() if not e <= TOLERANCE[dtype]} == {}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("model", MODELS)
def test_both_levels_agree_with_all_sizes_one(model, dtype):
    system = case(next(name for name in CASES if name.split("@")[0] == model))[0]
    rng, one = np.random.default_rng(3), {s.name: 1 for s in system.sizes}
    arrays = {p.name: np.asarray(0.5 * rng.standard_normal([size_value(n, one) for n in p.shape]), dtype) for p in system.params}
    data = {}
    for d in system.data:
        shape = [1] * (1 + d.timed) + ([] if d.kind == "token" else [size_value(n, one) for n in d.shape])
        data[d.name] = np.zeros(shape, int) if d.kind == "token" else rng.standard_normal(shape)
    data |= {c.name: np.full([size_value(n, one) for n in c.shape], 0.7) for c in system.constants if c.start is None}
    found = []
    for level in (0, 1):
        built = module(model, level)
        loss, grads, _ = built.loss_and_grads(built.Params.from_arrays(arrays), **data)
        found.append({"loss": loss, **{k: grads[k] for k in arrays}})
    assert {k: error(found[1][k], v) for k, v in found[0].items() if not error(found[1][k], v) <= TOLERANCE[dtype] / 10} == {}
