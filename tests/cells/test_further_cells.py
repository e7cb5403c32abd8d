"""Cells from the literature as a reader would type them (`further/`), read a second time by PyTorch straight from their text.

A few are compared at every run, all in the slow runs: there without the planner, with compiled kernels and on padded sequences as well; and
of some the document and the verification are made.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agreement import assert_agree, keywords, shape_of, sizes_of, some_data, some_params
from cells import CELLS, LIBRARY, spoiled
from second_reading import Reading, Text, torch

import rnnsym
from rnnsym.algebra.sizes import size_value
from rnnsym.backends.live import compile_module
from rnnsym.documents import latex_document
from rnnsym.documents.derivation_page import html_document
from rnnsym.live import compile_with_kernels
from rnnsym.proof.verify import verify

FURTHER = {path.stem: path for path in sorted((Path(__file__).parent / "further").glob("*.rnn"))}
EVERY_TIME = ("bn_lstm", "crf_tagger", "echo_state", "rwkv4", "skip_rnn")
TOLD = ("bn_lstm", "deepar", "rwkv4", "seq2seq", "stack_rnn")  # documents and verification take the longest
MASKS, POSITIVE = ("m",), ("Delta", "delta", "nu", "var_x", "var_h", "var_c")
STEPS, BATCH, LENGTHS = 5, 3, (5, 1, 3)


def arrays_of(system, seed=1, steps=STEPS, batch=BATCH):
    """Parameters and data: masks are zeros and ones, variances, scales and times are positive."""
    rng = np.random.default_rng(seed)
    params, data = some_params(system, rng), some_data(system, rng, steps, batch)
    for name, array in data.items():
        if system.by_name[name].kind in ("input", "constant") and name in MASKS:
            data[name] = (array > 0).astype(float)
        if name in POSITIVE:
            data[name] = np.abs(array) + 0.1
    return params, data


def read_again(path, system, params, data, lengths):
    """Cost and gradients of the parameters by the second reading."""
    text, sizes = Text(path.read_text(encoding="utf-8")), sizes_of(system)
    shapes = {d.name: shape_of(d, sizes) for d in system.declarations}
    leaves = {name: torch.tensor(array, requires_grad=True) for name, array in params.items()}
    cost = 0.0
    for b, length in enumerate(lengths):
        arrays = dict(leaves)
        for d in (*system.data, *system.constants):
            if d.name in data:
                array = torch.tensor(data[d.name])
                if d.kind == "token":
                    array = torch.nn.functional.one_hot(array, size_value(d.shape[0], sizes)).double()
                arrays[d.name] = array if d.kind == "constant" else array[:length, b] if d.timed else array[b]
        cost = cost + Reading(text, arrays, sizes, shapes, length).cost / len(lengths)
    cost.backward()
    return cost.item(), {n: np.zeros(u.shape) if u.grad is None else u.grad.numpy() for n, u in leaves.items()}


def of_module(module, system, params, data, **words):
    known = {name: n for name, n in sizes_of(system).items() if name in module.SIZES}
    loss, grads, _ = module.loss_and_grads(module.Params.from_arrays(params, **known), **keywords(system, data), **words)
    return {"loss": loss, **{name: grads[name] for name in params}}


def agree(path, module, lengths=None):
    system = rnnsym.load(path)
    params, data = arrays_of(system)
    cost, wanted = read_again(path, system, params, data, lengths or (STEPS,) * BATCH)
    words = {} if lengths is None else {"lengths": np.array(lengths)}
    found = of_module(module, system, params, data if lengths is None else spoiled(system, data, lengths), **words)
    assert_agree(found, {"loss": cost, **wanted}, 1e-11)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in EVERY_TIME else pytest.mark.slow) for n in FURTHER])
def test_loss_and_gradients_are_those_of_the_second_reading(name):
    agree(FURTHER[name], rnnsym.compile(rnnsym.load(FURTHER[name])))


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in {**LIBRARY, **CELLS} if n not in ("phased_lstm", "odd_names")])
def test_the_library_and_the_cells_are_read_alike(name):
    path = {**LIBRARY, **CELLS}[name]
    agree(path, rnnsym.compile(rnnsym.load(path)))


@pytest.mark.slow
@pytest.mark.parametrize("name", FURTHER)
def test_every_level_agrees_on_padded_sequences(name):
    system = rnnsym.load(FURTHER[name])
    modules = [rnnsym.compile(system), compile_module(rnnsym.generate(system, level=0), f"{name}_0"), compile_with_kernels(system)]
    for module in modules:
        if module is not None:
            agree(FURTHER[name], module, LENGTHS)


@pytest.mark.slow
@pytest.mark.parametrize("name", TOLD)
def test_documents_and_verification_are_made(name):
    system = rnnsym.load(FURTHER[name])
    derivation = rnnsym.derive(system)
    assert "Backwards through one step" in latex_document(derivation)
    assert "<math" in html_document(derivation)
    assert verify(system).is_right


def test_the_second_reading_sees_a_wrong_equation():
    path = FURTHER["skip_rnn"]
    wrong = rnnsym.parse(path.read_text(encoding="utf-8").replace("(1 - u[t]) * s[t-1]", "(1 - u[t]) * s[t-2]"), "skip_rnn")
    with pytest.raises(AssertionError, match="loss"):
        agree(path, rnnsym.compile(wrong))
