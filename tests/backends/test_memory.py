"""What `plan` says of the memory of a training step is what the workspace holds after one."""

from __future__ import annotations

import numpy as np
import pytest
from test_kernels import arguments

import rnnsym


@pytest.mark.parametrize("name", ["lstm", "gru", "mlstm", "narx", "language_model"])
@pytest.mark.parametrize(("dtype", "steps"), [(np.float32, 7), (np.float64, 7), (np.float32, 3000)])
def test_plan_says_what_the_workspace_holds(name, dtype, steps):
    module = rnnsym.compile(rnnsym.load(name))
    sizes = {size: 3 + k for k, size in enumerate(module.SIZES)}
    params = module.init_params(**sizes, rng=0, dtype=dtype)
    work = module.Workspace()
    module.loss_and_grads(params, **arguments(module, sizes, np.random.default_rng(0), steps, 5), work=work)
    told = module.plan(T=steps, B=5, **sizes, dtype=dtype)
    held = {key: array.nbytes for key, array in work.arrays.items()}
    assert set(held) <= set(told)  # what only `wrt=` asks for is told too
    assert all(told[key] == size for key, size in held.items()), [(k, told[k], v) for k, v in held.items() if told[k] != v]


def test_memory_grows_with_the_steps_and_no_faster():
    module = rnnsym.compile(rnnsym.load("lstm"))
    sums = [sum(module.plan(T=steps, B=16, n_x=64, n_h=128, n_y=64).values()) for steps in (100, 200, 400)]
    assert 1.9 < (sums[2] - sums[1]) / (sums[1] - sums[0]) < 2.1
