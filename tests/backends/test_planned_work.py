"""What a planned module does not do: form one-hot products or distributions, or allocate for every step when it has a workspace."""

from __future__ import annotations

import re
import tracemalloc

import numpy as np
import pytest

import rnnsym
from rnnsym.backends.live import compile_module
from rnnsym.backends.numpy_module import generate
from rnnsym.live import compile_with_kernels


def passes_of(model: str) -> str:
    """The text of both planned passes."""
    text = generate(rnnsym.load(model))
    forward = re.search(r"^def _forward\(.*?(?=^def |\Z)", text, re.S | re.M)
    gradients = re.search(r"^def _gradients\(.*?(?=^def |\Z)", text, re.S | re.M)
    assert forward and gradients
    return forward[0] + gradients[0]


def test_tokens_are_gathered_and_scattered():
    text = passes_of("language_model")
    assert "gathered(" in text and "one_hot" not in text and "dense(" not in text
    assert re.search(r"scatter\w*\(", text)


@pytest.mark.parametrize("model", ["lstm", "elman", "language_model"])
def test_class_numbers_never_become_distributions(model, monkeypatch):
    module, rng = rnnsym.compile(rnnsym.load(model)), np.random.default_rng(0)
    n_y = 7
    sizes = {name: n_y if name in ("n_y", "n_w") else 5 for name in module.SIZES}
    params = module.init_params(**sizes, rng=0)
    data = {}
    for name, (kind, _, shape) in module.DATA.items():
        whole = kind in ("token", "target")
        data[name] = rng.integers(0, n_y, (6, 3)) if whole else rng.standard_normal((6, 3, sizes[str(shape[0])]))
    for word in ("one_hot", "dense"):
        if hasattr(module, word):
            monkeypatch.setattr(module, word, lambda *_: pytest.fail("a class number became a vector"))
    loss, grads, _ = module.loss_and_grads(params, **data)
    assert np.isfinite(loss) and np.abs(grads.vector).max() > 0


def peak(module, steps: int, batch: int, sizes: dict[str, int]) -> int:
    """Bytes that a second training step has at most allocated, with a workspace and data in the working dtype."""
    rng = np.random.default_rng(0)
    params, work = module.init_params(**sizes, rng=0), module.Workspace()
    data = {"x": np.asarray(rng.standard_normal((steps, batch, sizes["n_x"])), np.float32)}
    data["y"] = rng.integers(0, sizes["n_y"], (steps, batch))
    module.loss_and_grads(params, **data, work=work)
    tracemalloc.start()
    try:
        module.loss_and_grads(params, **data, work=work)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("model", ["lstm", "elman", "gru_reset_after"])
def test_a_second_step_keeps_to_its_workspace(model):
    """Beyond one stretch of steps nothing grows: less than a number per step and sequence, were it of one byte."""
    module, batch, sizes = rnnsym.compile(rnnsym.load(model)), 32, {"n_x": 8, "n_h": 64, "n_y": 10}
    grown = peak(module, 1600, batch, sizes) - peak(module, 800, batch, sizes)
    assert grown < 800 * batch, f"{grown:,} bytes more for 800 steps more"


def call(module, params, steps: int, batch: int, work, seed: int = 0, **more):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((steps, batch, 3)), rng.integers(0, 4, (steps, batch))
    cost, grads, state = module.loss_and_grads(params, x=x, y=y, work=work, **more)
    return [cost, grads.vector, *state.values(), *grads.inputs.values(), *grads.initial.values()]


@pytest.mark.parametrize("build", [rnnsym.compile, compile_with_kernels])
def test_a_shared_workspace_changes_nothing(build):
    """Other lengths, batches, parameters, requests, models, single steps in between: each call is as with a workspace of its own."""
    first, second = (build(rnnsym.load(name)) for name in ("lstm", "gru"))
    sizes = dict(n_x=3, n_h=5, n_y=4)
    one, two, other = (m.init_params(**sizes, rng=k, dtype=np.float64) for k, m in enumerate((first, first, second)))
    work = first.Workspace()
    calls = [
        (first, one, 6, 3, {}),
        (first, one, 6, 3, {"wrt": ("x", "initial")}),
        (first, two, 6, 3, {}),
        (second, other, 6, 3, {}),
        (first, two, 6, 3, {"lengths": [6, 2, 4]}),
        (first, two, 6, 3, {}),
        (first, two, 1, 3, {}),
        (first, two, 9, 2, {"wrt": "x"}),
        (second, other, 9, 2, {}),
        (first, one, 6, 3, {}),
    ]
    for number, (module, params, steps, batch, more) in enumerate([*calls, *calls]):
        expected = call(module, params, steps, batch, None, number, **more)
        found = call(module, params, steps, batch, work, number, **more)
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True)), number
        if number % 3 == 0:
            state = module.initial_state(params, batch)
            module.step(params, state, x=np.ones((batch, 3)), work=work)
            module.loss(params, x=np.ones((steps, batch, 3)), y=np.zeros((steps, batch), int), work=work)


def test_parameters_changed_in_place_are_seen():
    module = rnnsym.compile(rnnsym.load("lstm"))
    params, work = module.init_params(n_x=3, n_h=5, n_y=4, rng=0, dtype=np.float64), module.Workspace()
    before = call(module, params, 6, 3, work)
    params.vector[...] *= 1.5
    params.U_f = params.U_f * 2
    after = call(module, params, 6, 3, work)
    assert not np.allclose(before[1], after[1])
    assert np.array_equal(after[1], call(module, params.copy(), 6, 3, None)[1])


def test_what_a_call_gave_stays_when_its_workspace_is_used_again():
    module = rnnsym.compile(rnnsym.load("lstm"))
    params, work = module.init_params(n_x=3, n_h=5, n_y=4, rng=0, dtype=np.float64), module.Workspace()
    first = call(module, params, 6, 3, work, wrt=("x", "initial"))
    copies = [np.array(value) for value in first]
    call(module, params, 6, 3, work, seed=1, wrt=("x", "initial"))
    assert all(np.array_equal(a, b) for a, b in zip(first, copies, strict=True))


def test_data_read_at_earlier_steps_meet_the_gradient_of_a_constant():
    text = (
        "d: target[n_y]\nx: vector[n]\nW: constant[n, n_y]\nx[t] = tanh(W @ d[t-1] + a * x[t-1])\nloss[t] = squared_error(d[t], V @ x[t])\n"
    )
    system, rng = rnnsym.parse(text, "fed_back"), np.random.default_rng(0)
    data = {"d": rng.standard_normal((5, 2, 3)), "W": rng.standard_normal((4, 3))}
    found = {}
    for level in (0, 1):
        module = compile_module(rnnsym.generate(system, level=level), f"fed_back_{level}")
        params = module.init_params(n=4, n_y=3, rng=0, dtype=np.float64)
        found[level] = module.loss_and_grads(params, **data, wrt="W")[1].constants["W"]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)
