"""Ranges and slopes: SymPy's bounds hold on a grid and are not wasteful, and a state that stays in [-1, 1] is recognised."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from sympy import oo

from rnnsym.calculus.elementwise import FORMULAS, u
from rnnsym.calculus.prepare import prepare
from rnnsym.calculus.ranges import Ranges, steepest
from rnnsym.language import parse

GRID = np.linspace(-12, 12, 4001)
UNBOUNDED = {"exp", "log", "sqrt"}


def slope_on_grid(name: str) -> np.ndarray:
    smooth = {"relu": GRID > 0, "abs": np.sign(GRID), "sign": 0 * GRID, "elu": np.where(GRID > 0, 1, np.exp(np.minimum(GRID, 0)))}
    if name in smooth:
        return np.asarray(smooth[name], float)
    return np.asarray(sympy.lambdify(u, sympy.diff(FORMULAS[name], u), ["scipy", "numpy"])(GRID), float) + 0 * GRID


@pytest.mark.parametrize("name", sorted(set(FORMULAS) - UNBOUNDED))
def test_the_steepest_slope_bounds_the_grid_and_is_reached_within_a_hundredth(name):
    largest = np.max(np.abs(slope_on_grid(name)))
    assert largest <= float(steepest(name)) * (1 + 1e-12)
    assert float(steepest(name)) <= largest + 0.01


@pytest.mark.parametrize("name", sorted(UNBOUNDED))
def test_a_slope_without_a_bound_is_said_to_be_infinite(name):
    assert steepest(name) == oo


def ranges_of(text: str) -> Ranges:
    return Ranges(prepare(parse(text, name="model")))


RANGES = {
    "sigmoid(w * x[t])": (0, 1),
    "1 - sigmoid(w * x[t])": (0, 1),
    "tanh(w * x[t])**2": (0, 1),
    "exp(-exp(w))": (0, 1),
    "2 * tanh(w * x[t]) + 1": (-1, 3),
    "1 / (1 + exp(w * x[t]))": (0, 1),
    "max(w * x[t], 0)": (0, oo),
    "w * x[t]": (-oo, oo),
    "0.5 if x[t] > 0 else -2": (-2, 0.5),
}


@pytest.mark.parametrize("text", RANGES)
def test_the_range_of_an_expression(text):
    low, high = ranges_of(f"x: input\nw: param\nv[t] = {text}\nloss[t] = v[t]").of(sympy_quantity("v"))
    assert (float(low), float(high)) == RANGES[text]


def sympy_quantity(name: str):
    from rnnsym.algebra import Quantity, t

    return Quantity(name, (), t)


MEAN = "x: input\nu: param\nw: param\n{start}h[t] = z[t] * h[t-1] + (1 - z[t]) * tanh(u * x[t])\nz[t] = sigmoid(w * x[t])\nloss[t] = h[t]"


def test_a_gated_mean_stays_between_minus_one_and_one_by_induction():
    assert ranges_of(MEAN.format(start="")).inductive == ["h"]


@pytest.mark.parametrize("start", ["h[0] = 2\n", "h[0] = h_0\n"])
def test_the_induction_needs_a_start_inside(start):
    assert ranges_of(MEAN.format(start=start)).inductive == []


def test_a_sum_that_grows_is_not_taken_for_bounded():
    ranges = ranges_of("x: input\nh[t] = h[t-1] + tanh(x[t])\nloss[t] = h[t]")
    assert ranges.inductive == [] and ranges.of(sympy_quantity("h")) == (-oo, oo)
