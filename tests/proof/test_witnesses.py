"""PyTorch and JAX as witnesses of any model: they agree where we are right, contradict where we are wrong, and are not missed in silence."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_measured import scale, tampered

import rnnsym
from rnnsym.proof import witnesses
from rnnsym.proof.measured import measure
from rnnsym.proof.verify import verify
from rnnsym.proof.witnesses import foreign

CELLS = Path(__file__).parents[1] / "cells"
CLIPPED = """
x: input[n_x]
y: target
h: vector[n_h]
h[t] = clip(W @ x[t] + roll(h[t-1], 1), -1, 1)
loss[t] = binary_cross_entropy(y[t], sigmoid(dot(v, h[t]))) if t == T else 0
loss = 0.1 * norm(W) + 0.01 * total(mod(u * sum(h[t]), 3))
"""
MODELS = ["birnn", "narx", "mlstm", "language_model", *(CELLS / f"{n}.rnn" for n in ("odd_names", "attention_pooling", "spiking"))]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: Path(m).stem)
def test_torch_agrees(model):
    pytest.importorskip("torch")
    found = measure(rnnsym.load(model), witnesses=(foreign("torch"),))
    assert found.is_right and all("torch" in m.residuals for m in found.gradients)


def test_torch_agrees_on_functions_with_kinks_and_marks_of_time():
    pytest.importorskip("torch")
    found = measure(rnnsym.parse(CLIPPED, name="clipped"), witnesses=(foreign("torch"),))
    assert found.is_right and len(found.gradients) >= 4 and all("torch" in m.residuals for m in found.gradients)


@pytest.mark.slow
def test_jax_agrees():
    pytest.importorskip("jax")
    for system in (rnnsym.load("elman"), rnnsym.parse(CLIPPED, name="clipped")):
        found = measure(system, witnesses=(foreign("jax"),))
        assert found.is_right and all("jax" in m.residuals for m in found.gradients)


@pytest.mark.parametrize("peer", ["torch", pytest.param("jax", marks=pytest.mark.slow)])
def test_a_wrong_gradient_is_contradicted(peer):
    pytest.importorskip(peer)
    model = rnnsym.load("elman")
    found = measure(model, module=tampered(model, scale("U", 1.0001)), witnesses=(foreign(peer),))
    assert [m.name for m in found.wrong] == ["U"]


def test_what_is_not_installed_is_said(monkeypatch):
    monkeypatch.setattr(witnesses, "find_spec", lambda name: None)
    rows = [c for c in verify(rnnsym.load("elman"), peers=("torch", "jax")).checks if c.name in ("torch", "jax")]
    assert [(c.outcome, c.found) for c in rows] == [("not run", "torch is not installed"), ("not run", "jax is not installed")]
