"""The peers compute what the module computes: written for every model of the library and every test cell, and checked here at small sizes."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

import rnnsym
from rnnsym.bench.cases import Case, cases, scales
from rnnsym.bench.contest import Contestant, disagreement
from rnnsym.bench.peers.layers import find_layers
from rnnsym.bench.schedule import plan
from rnnsym.bench.training import result

ROOT = Path(__file__).parents[2]
MODELS = [*sorted((ROOT / "rnnsym" / "models").glob("*.rnn")), *sorted((ROOT / "tests" / "cells").glob("*.rnn"))]
FUSED = {
    "birnn": ["RNN_TANH", "RNN_TANH"],
    "deep_birnn": ["RNN_TANH"] * 4,
    "gru_reset_after": ["GRU"],
    "lstm": ["LSTM"],
    "many_to_one": ["RNN_TANH"],
    "rnn": ["RNN_TANH"],
    "stacked_lstm": ["LSTM", "LSTM"],
    "attention_pooling": ["RNN_TANH"],
}


def peer(package: str, module: str):
    """A peer's module, where its library is installed."""
    pytest.importorskip(package, reason=f"{package} is not installed")
    return import_module(f"rnnsym.bench.peers.{module}")


def case_of(system: rnnsym.System, sizes: str = "tiny,T=5,B=3") -> tuple[Case, object]:
    module = rnnsym.compile(system)
    return cases(system, module, scales(system, sizes)[0], "float64"), module


def agrees(contestant: Contestant, case: Case, module: object) -> bool:
    assert contestant.result is not None
    return disagreement(contestant.result(), result(module, case))[0] < 1e-9


QUICK = {"lstm", "gru_reset_after", "birnn", "mlstm", "language_model", "multiplicative"}
EACH = [pytest.param(p, id=p.stem, marks=() if p.stem in QUICK else pytest.mark.slow) for p in MODELS]


@pytest.mark.parametrize("path", EACH)
def test_the_loop_in_pytorch_computes_what_the_module_computes(path: Path):
    pytorch = peer("torch", "pytorch")
    system = rnnsym.load(path)
    case, module = case_of(system)
    assert agrees(pytorch.contestant("torch-loop", case, plan(system)), case, module)


@pytest.mark.slow
@pytest.mark.parametrize("path", [p for p in MODELS if p.stem in QUICK], ids=lambda p: p.stem)
def test_the_scan_in_jax_computes_what_the_module_computes(path: Path):
    jax_scan = peer("jax", "jax_scan")
    system = rnnsym.load(path)
    case, module = case_of(system)
    with jax_scan.jax.enable_x64(True):
        assert agrees(jax_scan.contestant("jax", case, plan(system)), case, module)


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_a_fused_layer_is_found_where_it_is_the_same_function_and_only_there(path: Path):
    layers, reason = find_layers(plan(rnnsym.load(path)))
    assert [layer.kind for layer in layers.values()] == FUSED.get(path.stem, [])
    assert bool(reason) == (path.stem not in FUSED)


CONCATENATED = """
x: input[n_x]
y: target[n_y]
h: vector[n_h]
i[t], f[t], o[t], g[t] = split(W @ concat(x[t], h[t-1]) + b, 4)
c[t] = sigmoid(f[t]) * c[t-1] + sigmoid(i[t]) * tanh(g[t])
h[t] = sigmoid(o[t]) * tanh(c[t])
loss[t] = cross_entropy(y[t], softmax(V @ concat(h[t], x[t])))
"""


def test_a_matrix_that_multiplies_input_and_state_together_is_taken_apart_and_its_gradient_put_together():
    system = rnnsym.parse(CONCATENATED, name="concatenated")
    schedule = plan(system)
    assert {(c.param, str(c.start), str(c.stop)) for c in schedule.columns} == {("W", "0", "n_x"), ("W", "n_x", "n_h + n_x")}
    layers, _ = find_layers(schedule)
    assert [layer.kind for layer in layers.values()] == ["LSTM"]
    pytorch = peer("torch", "pytorch")
    case, module = case_of(system)
    for contestant in (pytorch.contestant("torch", case, schedule, layers), pytorch.contestant("torch-loop", case, schedule)):
        assert agrees(contestant, case, module)


def test_a_layer_is_told_by_its_function_not_by_its_words():
    other = CONCATENATED.replace("sigmoid(o[t]) * tanh(c[t])", "sigmoid(o[t]) * sigmoid(c[t])")
    assert find_layers(plan(rnnsym.parse(other, name="lstm")))[0] == {}


def test_a_cost_that_depends_on_no_parameter_has_zero_gradients():
    pytorch = peer("torch", "pytorch")
    system = rnnsym.parse("x: input[n]\nh: vector[n]\nh[t] = tanh(W @ x[t])\nloss[t] = sum(x[t]**2)", name="idle")
    case, module = case_of(system)
    assert agrees(pytorch.contestant("torch-loop", case, plan(system)), case, module)


@pytest.mark.parametrize("name", [n for n in FUSED if (ROOT / "rnnsym" / "models" / f"{n}.rnn").is_file()])
def test_the_fused_layer_computes_what_the_module_computes(name: str):
    pytorch = peer("torch", "pytorch")
    system = rnnsym.load(name)
    case, module = case_of(system)
    schedule = plan(system)
    assert agrees(pytorch.contestant("torch", case, schedule, find_layers(schedule)[0]), case, module)
