"""The witnesses object to a module that computes something else: one seeded fault each."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_bench import Bench
from module_witnesses import agrees_with_interpreter
from other_modules import class_numbers_are_one_hot_targets, other_modules_agree

from rnnsym.backends.live import compile_module
from rnnsym.backends.numpy_module import module_text
from rnnsym.language import parse

MODEL = """
x: input[n_x]
y: target[n_y]
h: vector[n_h]
h[t] = tanh(W @ x[t] + U @ h[t-1] + b)
p[t] = softmax(V @ h[t] + c)
loss[t] = cross_entropy(y[t], p[t])
"""


@pytest.fixture
def bench() -> Bench:
    return Bench.of(parse(MODEL, name="drawn"), {"n_x": 2, "n_y": 3, "n_h": 4}, seed=1, steps=5)


def wrapped(module, change):
    """The module with another loss_and_grads: `change` may alter its arguments' cost, gradients and state in place."""
    right = module.loss_and_grads

    def loss_and_grads(params, **given):
        cost, grads, state = right(params, **given)
        return cost + change(grads, state, given), grads, state

    module.loss_and_grads = loss_and_grads
    return module


def turned_a_little(grads, state, given) -> float:
    grads.W[0, 0] += 1e-6
    return 0.0


def plain(bench: Bench):
    return compile_module(module_text(bench.parts, level=0), "plain")


def test_the_right_modules_agree(bench):
    other_modules_agree(bench, {"-O0": plain(bench)})
    class_numbers_are_one_hot_targets(bench, seed=1)


def test_a_gradient_that_differs_in_the_sixth_digit_is_found(bench):
    with pytest.raises(AssertionError, match="the gradient of W, -O0"):
        other_modules_agree(bench, {"-O0": wrapped(plain(bench), turned_a_little)})
    wrapped(bench.module, turned_a_little)
    with pytest.raises(AssertionError, match="gradient of W"):
        agrees_with_interpreter(bench, bench.runs((bench.steps,) * 3), (bench.steps,) * 3, None)


def test_a_gradient_that_one_module_alone_gives_is_found(bench):
    other = wrapped(plain(bench), lambda grads, state, given: grads.initial.pop("h") is None)
    with pytest.raises(AssertionError, match="the gradient of initial h"):
        other_modules_agree(bench, {"-O0": other})


def test_what_a_workspace_changes_is_found(bench):
    wrapped(bench.module, lambda grads, state, given: 1e-6 * ("work" in given))
    with pytest.raises(AssertionError, match="the cost, in a workspace"):
        other_modules_agree(bench, {})


def test_padding_that_is_not_cleared_is_found(bench):
    bench.module.clear = lambda *where: None
    with pytest.raises(AssertionError):
        agrees_with_interpreter(bench, bench.runs(bench.lengths), bench.lengths, np.asarray(bench.lengths))


def test_class_numbers_with_another_cost_are_found(bench):
    wrapped(bench.module, lambda grads, state, given: 1e-6 * (given["y"].dtype.kind == "i"))
    with pytest.raises(AssertionError, match="the cost, with class numbers"):
        class_numbers_are_one_hot_targets(bench, seed=1)
