"""Wrong arguments: each message names the argument, what was expected, what was found. And the classes Params, State, Gradients."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from models import module_of

X, Y = np.zeros((5, 2, 3)), np.zeros((5, 2, 6))


@pytest.fixture(scope="module")
def plain():
    return module_of("plain")


@pytest.fixture(scope="module")
def params(plain):
    return plain.init_params(n_x=3, n_h=4, n_y=6, rng=0, dtype=np.float64)


WRONG = [
    ({"x": X[:, :, :2], "y": Y}, "x: expected shape (T, B, n_x) = (5, 2, 3), found (5, 2, 2)"),
    ({"x": X[0], "y": Y}, "x: expected shape (T, B, n_x) = (T, B, 3), found (2, 3)"),
    ({"x": X, "y": Y[:4]}, "y: expected shape (T, B, n_y) = (5, 2, 6), found (4, 2, 6)"),
    ({"x": X, "y": Y[:, :1]}, "y: expected shape (T, B, n_y) = (5, 2, 6), found (5, 1, 6)"),
    ({"x": X.astype(str), "y": Y}, "x: expected numbers, found <U32"),
    ({"x": X, "y": np.full((5, 2), 6)}, "y: expected classes 0 to 5, found 6"),
    ({"x": X, "y": np.full((5, 2), -1)}, "y: expected classes 0 to 5, found -1"),
    ({"x": X[:0], "y": Y[:0]}, "T: expected at least one step, found 0"),
    ({"x": X, "y": Y, "lengths": [5, 6]}, "lengths: expected 1 to 5, found 6"),
    ({"x": X, "y": Y, "lengths": [0, 5]}, "lengths: expected 1 to 5, found 0"),
    ({"x": X, "y": Y, "lengths": [1.0, 2.0]}, "lengths: expected whole numbers of shape (2,), found float64 (2,)"),
    ({"x": X, "y": Y, "lengths": [5, 5, 5]}, "x: expected shape (T, B, n_x) = (5, 3, 3), found (5, 2, 3)"),
    ({"x": X, "y": Y, "initial": {"g": X[0]}}, "initial: expected h, found 'g'"),
    ({"x": X, "y": Y, "initial": {"h": X[0]}}, "initial['h']: expected shape (2, 4), found (2, 3)"),
    ({"x": X, "y": Y, "initial": 3}, "initial: expected a State or a dictionary of arrays, found int"),
    ({"x": X, "y": Y, "wrt": "z"}, "wrt: expected x, initial, found 'z'"),
]


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_a_wrong_argument_is_named_with_what_was_expected_and_found(plain, params, given, message):
    with pytest.raises(ValueError) as caught:
        plain.loss_and_grads(params, **given)
    assert str(caught.value) == message


def test_wrong_parameters_are_named(plain, params):
    arrays = dict(params.items())
    for change, message in [
        ({"Q": X}, "Q: no such parameter; expected W, U, b, V, b_y"),
        ({"U": np.zeros((4, 5))}, "U: expected shape (n_h, n_h) = (4, 4), found (4, 5)"),
        ({"U": np.zeros(4)}, "U: expected shape (n_h, n_h), found (4,)"),
    ]:
        with pytest.raises(ValueError) as caught:
            plain.Params.from_arrays(arrays | change)
        assert str(caught.value).replace(" = (4, 4), found (4,)", ", found (4,)") == message
    with pytest.raises(ValueError, match="b: expected an array, found nothing"):
        plain.Params.from_arrays({k: v for k, v in arrays.items() if k != "b"})
    with pytest.raises(ValueError, match="params: expected Params, found dict"):
        plain.loss(arrays, x=X, y=Y)


def test_class_numbers_stand_for_vectors(plain, params):
    classes = np.array([[0, 5], [1, 4], [2, 3], [3, 2], [4, 1]])
    assert plain.loss(params, x=X, y=classes) == plain.loss(params, x=X, y=np.eye(6)[classes])
    static = module_of("last step")
    p = static.init_params(n_x=3, n_h=4, n_y=6, rng=0)
    assert static.loss(p, x=X, y=np.array([2, 0])) == static.loss(p, x=X, y=np.eye(6)[[2, 0]])


def test_parameters_are_views_into_one_vector(plain, params, tmp_path):
    p = params.copy()
    p.vector[...] = np.arange(p.vector.size)
    assert all(np.shares_memory(view, p.vector) for _, view in p.items())
    p.W = 7
    assert (p.vector == 7).sum() >= p.W.size and p.sizes == {"n_x": 3, "n_h": 4, "n_y": 6}
    p.save(tmp_path / "p.npz")
    for other in (plain.Params.load(tmp_path / "p.npz"), copy.deepcopy(p), p.copy()):
        assert np.array_equal(other.vector, p.vector) and not np.shares_memory(other.vector, p.vector)
    with pytest.raises(AttributeError, match="no parameter is called 'Q'; there are: W, U, b, V, b_y"):
        _ = p.Q


def test_a_gradient_step_is_in_place_and_bounded(plain, params):
    p, g = params.copy(), params.copy()
    g.vector[...] = 1
    held = p.vector
    before = held.copy()
    plain.sgd_step(p, g, learning_rate=0.5)
    assert p.vector is held and np.allclose(held, before - 0.5)
    plain.sgd_step(p, g, learning_rate=1.0, max_norm=1.0)
    assert np.isclose(np.linalg.norm(held - (before - 0.5)), 1.0)


def test_a_backward_without_target_needs_a_cotangent(plain, params):
    trace = plain.forward(params, x=X)
    assert "loss" not in trace and trace.p.shape == (5, 2, 6)
    with pytest.raises(ValueError, match=r"y: expected it in forward\(\), or a cotangent d_NAME here"):
        plain.backward(params, trace)
    with pytest.raises(ValueError, match=r"d_loss: expected forward\(\) to have been given the targets that loss needs"):
        plain.backward(params, trace, d_loss=np.ones((5, 2)))
    with pytest.raises(ValueError, match=r"d_h: expected shape \(5, 2, 4\), found \(5, 2, 3\)"):
        plain.backward(params, trace, d_h=X)


def test_starts_follow_the_file_and_the_use(plain):
    module = module_of("decay")
    p = module.init_params(n_x=3, n_h=4, rng=1)
    assert p.vector.dtype == np.float32
    assert np.abs(p.W).max() <= (6 / 7) ** 0.5 and p.W.std() > 0.1
    assert np.array_equal(plain.init_params(n_x=3, n_h=4, n_y=6, rng=3).vector, plain.init_params(n_x=3, n_h=4, n_y=6, rng=3).vector)
    assert not plain.init_params(n_x=3, n_h=4, n_y=6).b.any()
    with pytest.raises(ValueError, match="n_h: expected a whole number from 1, found 0"):
        plain.init_params(n_x=3, n_h=0, n_y=6)


def test_overflow_is_silent_and_exact(plain, params):
    p = params.copy()
    p.vector[...] = 1e6
    with np.errstate(all="raise", over="ignore", under="ignore"):
        loss, grads, _ = plain.loss_and_grads(p, x=1e3 * np.ones((5, 2, 3)), y=np.zeros((5, 2), int))
    assert np.isfinite(loss) and np.isfinite(grads.vector).all()
