"""Every cell and every library model: the generated gradients are those of the complex step, of the interpreted adjoint equations and,
where there is one, of an implementation in PyTorch that shares nothing with rnnsym.
"""

from __future__ import annotations

import numpy as np
import pytest
from agreement import STEPS, assert_agree, interpreted, keywords
from cells import EVERY, LONG, arrays_of, module_of, system_of

try:
    import torch
    import torch_references
except ImportError:
    torch = torch_references = None

AGAINST_COMPLEX_STEP, AGAINST_REFERENCE = 1e-12, 1e-11
REFERENCES = [n for n in EVERY if torch_references is None or hasattr(torch_references, n)]
WITH_STEPS = [(name, steps) for name in REFERENCES for steps in (STEPS, *([LONG[name]] if name in LONG else []))]


def generated(name: str, arrays, data):
    """Loss and gradients of parameters from the generated module."""
    module = module_of(name)
    loss, grads, _ = module.loss_and_grads(module.Params.from_arrays(arrays), **keywords(system_of(name), data))
    return loss, {p: np.array(grads[p]) for p in arrays}


def some_entries(shape):
    """Every index of a small array, 25 of a large one."""
    every = list(np.ndindex(shape))
    return every if len(every) <= 25 else [every[i] for i in np.random.default_rng(0).choice(len(every), 25, replace=False)]


@pytest.mark.parametrize("name", EVERY)
def test_gradients_agree_with_the_complex_step(name):
    arrays, data = arrays_of(name, 1)
    module, step = module_of(name), 1e-30
    loss, grads = generated(name, arrays, data)
    shifted = {p: np.array(a, complex) for p, a in arrays.items()}
    found, wanted = {}, {}
    for p, a in arrays.items():
        for index in some_entries(a.shape):
            kept = shifted[p][index]
            shifted[p][index] = kept + 1j * step
            cost = module.loss(module.Params.from_arrays(shifted), **keywords(system_of(name), data))
            shifted[p][index] = kept
            found[f"{p}{list(index)}"], wanted[f"{p}{list(index)}"] = grads[p][index], cost.imag / step
    assert_agree({"loss": module.loss(module.Params.from_arrays(arrays), **keywords(system_of(name), data))}, {"loss": loss}, 1e-14)
    assert_agree(found, wanted, AGAINST_COMPLEX_STEP)


@pytest.mark.parametrize("name", EVERY)
def test_gradients_agree_with_the_interpreted_adjoint_equations(name):
    arrays, data = arrays_of(name, 2)
    loss, grads = generated(name, arrays, data)
    cost, _, wanted = interpreted(system_of(name), arrays, data)
    assert_agree({"loss": loss, **grads}, {"loss": cost, **wanted}, AGAINST_COMPLEX_STEP)


@pytest.mark.skipif(torch is None, reason="PyTorch is the reference of this test")
@pytest.mark.parametrize(("name", "steps"), WITH_STEPS)
def test_loss_and_gradients_agree_with_pytorch(name, steps):
    arrays, data = arrays_of(name, 3, steps, batch=3)
    loss, grads = generated(name, arrays, data)
    leaves = {p: torch.tensor(a, requires_grad=True) for p, a in arrays.items()}
    cost = getattr(torch_references, name)(leaves, {k: torch.tensor(v) for k, v in data.items()})
    cost.backward()
    wanted = {p: leaf.grad.numpy() if leaf.grad is not None else np.zeros(leaf.shape) for p, leaf in leaves.items()}
    assert_agree({"loss": loss, **grads}, {"loss": cost.item(), **wanted}, AGAINST_REFERENCE)
