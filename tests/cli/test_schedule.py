"""`rnnsym show MODEL --schedule`: phases, stacks, what is held, and the cost model behind it."""

from __future__ import annotations

import pytest
import sympy

import rnnsym
from rnnsym.backends.planned import plan_of
from rnnsym.cli.schedule_text import schedule_sections
from rnnsym.program.cost import B, Cost, T, op_cost, phase_cost, plan_cost

ELMAN_FORWARD = """\
  step by step, t = 1 … T
    h_bar = affine(weights, operands[t])
    h = sigmoid(h_bar[t])
    — B (2 n_h² + 2 n_h n_x + 2 n_h) in products, 14 n_h B in other flops, per step; 2 calls at each step
  all steps at once
    p_bar = affine(V, h[t], b_y)
    p = softmax(p_bar[t])
    loss = softmax_cross_entropy(y[t], p_bar[t])
    — 2 n_h n_y B in products, 28 n_y B in other flops, per step; 3 calls in all"""

ELMAN_COST = """\
  products  B (6 n_h² + 4 n_h n_x + 6 n_h n_y + 4 n_h) flops per step
  other     B (18 n_h + 32 n_y) flops per step
  calls     5 T + 11 for T steps
  For n_x = 128, n_y = 128, n_h = 128, B = 16, T = 100:
    430.5 Mflop, 63.4 MB read or written in float32, 511 calls
    97.6 % of the flops are matrix products: their time is the limit that no plan goes below"""


def sections(model: str, **sizes: int) -> dict[str, str]:
    return dict(schedule_sections(rnnsym.load(model), sizes))


def test_the_whole_text_for_the_smallest_network():
    found = sections("elman")
    assert found["Forward"] == ELMAN_FORWARD
    assert found["Cost of a training step"] == ELMAN_COST
    assert found["Parameters stacked into one matrix"].split() == (
        ["weights", "(n_h,", "n_h", "+", "n_x", "+", "1)", "times", "x[t],", "h[t-1],", "1", "h_bar:", "W,", "U,", "b"]
    )


def test_gates_are_one_product_and_their_factors_are_hoisted():
    found = sections("lstm", n_h=256, B=32)
    assert found["Parameters stacked into one matrix"].count("_bar: W_") == 4
    before, loop = found["Gradients"].split("  step by step, t = T … 1")
    assert "square(tanh_c[t])" in before and "square" not in loop and "%" not in "".join(list(found.values())[:4])
    assert "n_h = 256, B = 32, T = 100" in found["Cost of a training step"]
    assert "sums " in found["Held for all steps"] and "d_x = affine" in loop and "only for x" in loop


def test_the_flops_of_products_are_those_of_the_equations():
    n_x, n_h, n_y = (next(s for s in rnnsym.load("lstm").sizes if s.name == name) for name in ("n_x", "n_h", "n_y"))
    gates, readout = 4 * n_h * (n_x + n_h + 1), n_h * n_y
    wanted = 2 * B * T * (2 * gates + 4 * n_h * n_h + 3 * readout)  # forward and gradients; the error of h; readout thrice
    assert sympy.expand(plan_cost(plan_of(rnnsym.load("lstm"))).products - wanted) == 0


def test_a_plan_with_fewer_passes_costs_more_calls():
    system = rnnsym.load("lstm")
    whole, bare = plan_cost(plan_of(system)), plan_cost(plan_of(system, passes=()))
    assert bare.calls.coeff(T, 1) > 2 * whole.calls.coeff(T, 1)


def test_costs_add_up():
    plan = plan_of(rnnsym.load("gru"))
    total = Cost()
    for phase in (*plan.forward, *plan.gradient):
        total = total + phase_cost(phase, plan.cells)
    assert total == plan_cost(plan) and total.flops == total.products + total.others
    op = next(op for phase in plan.forward for op in phase.ops if op.function == "tanh")
    assert sympy.expand(op_cost(op, plan.cells).others - 10 * B * plan.cells[op.out].shape[0]) == 0


def test_an_operation_on_some_rows_of_an_array_costs_these():
    plan = plan_of(rnnsym.load("lstm"))
    op = next(op for phase in plan.forward for op in phase.ops if op.function == "sigmoid")  # of three of the four sums
    assert op.details[0] == "into" and sympy.expand(3 * plan.cells[op.out].shape[0] - 4 * op.details[1][1]) == 0
    entries = op.details[1][1] * B
    cost = op_cost(op, plan.cells)
    assert sympy.expand(cost.others - 14 * entries) == 0 and sympy.expand(cost.bytes - 2 * 4 * entries) == 0


@pytest.mark.parametrize("model", ["narx", "mlstm", "birnn", "language_model", "many_to_one", "delta_net"])
def test_every_model_has_a_schedule(model):
    found = sections(model)
    assert {"Forward", "Gradients", "Held for all steps", "Cost of a training step"} <= set(found)
    assert "% of the flops" in found["Cost of a training step"] and "nan" not in found["Cost of a training step"]
