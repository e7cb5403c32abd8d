"""What a derivative is at a kink, a tie, a bound, as the language states it; in the generated module."""

from __future__ import annotations

import numpy as np
import pytest

import rnnsym

KINKS = {
    "relu(z)": ([-1.0, 0.0, 2.0], [0, 0, 1]),
    "max(z, 0)": ([-1.0, 0.0, 2.0], [0, 0.5, 1]),
    "max(0, z)": ([-1.0, 0.0, 2.0], [0, 0.5, 1]),
    "min(z, 0)": ([-1.0, 0.0, 2.0], [1, 0.5, 0]),
    "max(z, z)": ([-1.0, 0.0, 2.0], [1, 1, 1]),
    "max(z, 0, -1)": ([-1.0, 0.0, 2.0], [0, 0.5, 1]),
    "abs(z)": ([-1.0, 0.0, 2.0], [-1, 0, 1]),
    "sign(z)": ([-1.0, 0.0, 2.0], [0, 0, 0]),
    "clip(z, -1, 2)": ([-1.5, -1.0, 0.0, 2.0, 2.5], [0, 1, 1, 1, 0]),
    "elu(z)": ([-1.0, 0.0, 2.0], [np.exp(-1.0), 1, 1]),
    "softplus(z)": ([-800.0, 0.0, 800.0], [0, 0.5, 1]),
    "sigmoid(z)": ([-800.0, 0.0, 800.0], [0, 0.25, 0]),
    "tanh(z)": ([-800.0, 0.0, 800.0], [0, 1, 0]),
    "silu(z)": ([-800.0, 0.0, 800.0], [0, 0.5, 1]),
    "gelu(z)": ([-800.0, 0.0, 800.0], [0, 0.5, 1]),
    "mod(z, 2)": ([-0.5, 0.5, 2.5], [1, 1, 1]),
    "mod(3, z)": ([2.0, -2.0, 0.7], [-1, 2, -4]),
    "z if z > 0 else 3 * z": ([-1.0, 0.0, 2.0], [3, 3, 1]),
    "z if z >= 0 else 3 * z": ([-1.0, 0.0, 2.0], [3, 1, 1]),
    "sqrt(z) if z > 0 else 0": ([-1.0, 0.0, 4.0], [0, 0, 0.25]),
    "1 / z if abs(z) > 0 else z": ([-1.0, 0.0, 2.0], [-1, 1, -0.25]),
    "z**2": ([-1.0, 0.0, 2.0], [-2, 0, 4]),
    "z**3": ([-1.0, 0.0, 2.0], [3, 0, 12]),
    "stop_gradient(z) * z": ([-1.0, 0.0, 2.0], [-1, 0, 2]),
    "exp(z)": ([-1e4, 0.0, 1.0], [0, 1, np.e]),
    "z * norm(0 * z)": ([-1.0, 0.0, 2.0], [0, 0, 0]),
}


@pytest.mark.parametrize("expression", KINKS)
@pytest.mark.filterwarnings("error")
def test_slope(expression):
    points, slopes = KINKS[expression]
    module = rnnsym.compile(rnnsym.parse(f"w: input[n]\nz: param[n]\nloss[t] = dot(w[t], {expression})\n"))
    w = np.arange(1.0, len(points) + 1)
    params = module.Params.from_arrays({"z": np.array(points)})
    _, grads, _ = module.loss_and_grads(params, w=w[None, None])
    np.testing.assert_allclose(grads.z / w, slopes, rtol=1e-14, atol=1e-300)


@pytest.mark.filterwarnings("error")
def test_the_norm_of_nothing_passes_no_gradient():
    module = rnnsym.compile(rnnsym.parse("z: param[n]\nw: input\nloss[t] = w[t] * norm(z)\n"))
    _, grads, _ = module.loss_and_grads(module.Params.from_arrays({"z": np.zeros(3)}), w=np.ones((1, 1)))
    assert not grads.z.any()
