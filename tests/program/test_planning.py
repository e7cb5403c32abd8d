"""The passes of the planner: none changes a result, none knows a name."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from agreement import error, keywords, some_data, some_params

import rnnsym
from rnnsym.algebra.system import Definition, System
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS, Quantity, quantities
from rnnsym.backends import planned as planned_backend
from rnnsym.backends.live import compile_module
from rnnsym.backends.numpy_module import generate
from rnnsym.backends.parts import program_parts
from rnnsym.backends.planned import plan_of
from rnnsym.errors import InternalError
from rnnsym.program import planning
from rnnsym.program.ops import Amount, Op, Ref
from rnnsym.program.phases import Phase
from rnnsym.program.planning import KERNEL_PASSES, PASSES, Plan
from rnnsym.program.storage import STORED

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cells"))
from cells import EVERY, LIBRARY, system_of

VARIED = ("lstm", "gru", "mlstm", "narx", "birnn", "lmu", "indrnn")
LARGE = {"mlstm", "delta_net", "deep_birnn", "stacked_lstm", "ln_lstm", "lstm_peephole"}


# ---------------------------------------------------------------- leaving one out


def results(system: System, **how) -> dict[str, np.ndarray]:
    """Loss and gradients of a module that is generated in this way."""
    module, rng = compile_module(generate(system, **how), system.name), np.random.default_rng(5)
    params, data = some_params(system, rng), some_data(system, rng)
    loss, grads, _ = module.loss_and_grads(module.Params.from_arrays(params), **keywords(system, data))
    return {"loss": loss, **{name: grads[name] for name in params}}


@cache
def on_paper(name: str) -> dict[str, np.ndarray]:
    return results(system_of(name), level=0)


def without(*left_out: str) -> tuple[str, ...]:
    return tuple(p for p in PASSES if p not in left_out)


@pytest.mark.parametrize("left_out", PASSES)
@pytest.mark.parametrize("name", VARIED)
def test_a_pass_left_out_changes_no_result(name, left_out):
    found, wanted = results(system_of(name), passes=without(left_out)), on_paper(name)
    assert {key: error(found[key], wanted[key]) < 1e-12 for key in wanted} == dict.fromkeys(wanted, True)


@pytest.mark.slow
@pytest.mark.parametrize("left_out", [*PASSES, PASSES])
@pytest.mark.parametrize("name", sorted(set(EVERY) - set(VARIED)))
def test_a_pass_left_out_changes_no_result_of_any_cell(name, left_out):
    passes = without(*([left_out] if isinstance(left_out, str) else left_out))
    found, wanted = results(system_of(name), passes=passes), on_paper(name)
    assert {key: error(found[key], wanted[key]) < 1e-12 for key in wanted} == dict.fromkeys(wanted, True)


def test_each_pass_does_what_it_is_called():
    def words(left_out: str, name: str = "lstm") -> str:
        return str(plan_of(system_of(name), passes=without(left_out)))

    whole = words("")
    assert whole.count("affine") == 6 and "W_i" not in whole
    assert "affine(W_i, x[t], U_i, h[t-1], b_i)" in words("stacking")
    assert whole.count("sigmoid") == 1 and words("fusing").count("sigmoid") == 3
    assert words("numbering").count("(") > whole.count("(")

    def maps(text: str) -> int:
        return sum(len(part.split("  scan")[0].split("\n")) for part in text.split("  map")[1:])

    assert maps(words("hoisting")) < maps(whole)
    assert words("phases").count("over the steps") > whole.count("over the steps")


def test_each_pass_can_be_left_out():
    def plan(*left_out: str) -> Plan:
        return plan_of(system_of("lstm"), passes=without(*left_out))

    assert "d_g_bar = " in str(plan("inlining", "fusing")) and "d_g = " in str(plan("inlining")) and "d_g = " not in str(plan())
    assert not plan("stacking").stacks and plan().stacks
    assert not plan("stacking", "placing").storage.places and len(plan("placing").storage.places) < len(plan().storage.places)
    assert all(len(phase.stages) == 1 for phase in plan("phases").forward) and not all(len(p.stages) == 1 for p in plan().gradient)


def test_kernels_keep_in_the_loop_what_they_can_compute_there():
    def rows(passes: tuple[str, ...]) -> dict[str, int]:
        plan = plan_of(system_of("gru"), passes=passes)
        return {k: sum(len(s.ops) for p in plan.gradient for s in p.stages if s.kind == k) for k in ("map", "scan")}

    kernels, calls = rows(KERNEL_PASSES), rows(PASSES)
    assert kernels["map"] < calls["map"]


# ---------------------------------------------------------------- what is planned, and what is handed on


def test_what_leaves_the_gradients_is_held_and_what_they_read_is_handed_on():
    plan = plan_of(system_of("lmu"))
    for name in plan.traced:
        assert plan.storage.held.get(name, STORED) == STORED
    made = {op.out for phase in plan.forward for op in phase.ops}
    assert set(plan.kept) <= made
    text = "x: input[n]\nS: matrix[n, n]\nS = exp(A)\nQ = tanh(A)\nh[t] = tanh(S @ h[t-1] + x[t])\nloss[t] = sum(h[t])\nA: param[n, n]\n"
    plan = plan_of(rnnsym.parse(text, name="made"))
    assert plan.kept == ("S",)


def test_what_the_gradients_read_is_computed_though_nobody_asks_for_it(monkeypatch):
    """Without a trace the forward pass computes what the gradients need, and the loss no more."""
    asked = []
    monkeypatch.setattr(planned_backend, "planned", lambda request, passes: asked.append(request) or planning.planned(request, passes))
    whole = plan_of(system_of("lstm"))
    bare = planning.planned(replace(asked[0], traced=frozenset()))
    made = [{op.out for phase in plan.forward for op in phase.ops} for plan in (whole, bare)]
    assert made[1] < made[0] and "loss" in made[0] - made[1] and "%sums" in made[1]


def test_what_leaves_either_pass_keeps_its_place():
    """The sums a and b are variables of the model: nothing may be written over them, though nothing else reads them."""
    text = (
        "x: input[m]\na[t] = W @ x[t] + U @ h[t-1]\nb[t] = V @ x[t] + P @ h[t-1]\nh[t] = tanh(a[t]) * sigmoid(b[t])\nloss[t] = sum(h[t])\n"
    )
    plan = plan_of(rnnsym.parse(text + "W: param[n, m]\nV: param[n, m]\nU: param[n, n]\nP: param[n, n]\n", name="sums"))
    places = plan.storage.places
    assert places["a"].array == places["b"].array and plan.traced == {"a", "b", "h", "loss"}
    assert not [n for n, place in places.items() if n not in plan.traced and place in (places["a"], places["b"])]
    assert all(plan.storage.held[name] == STORED for name in (*plan.traced, "d_x"))


def test_equal_gradients_and_equal_variables_each_have_their_own_result():
    text = "x: input[n]\ns[t] = tanh(x[t])\nr[t] = tanh(x[t])\nh[t] = tanh(s[t] * r[t] + h[t-1] + a + b + c)\nloss[t] = sum(h[t])\na: param[n]\nb: param[n]\nc: param[n]\n"
    plan = plan_of(rnnsym.parse(text, name="twins"))
    assert {"s", "r"} <= {op.out for phase in plan.forward for op in phase.ops}
    assert {"d_a", "d_b", "d_c"} <= {op.out for phase in plan.gradient for op in phase.ops}


def test_what_serves_a_request_waits_for_it():
    """The gradient of the input, and what it alone reads, on request; the parameters' always."""
    text = "x: input[n]\nh[t] = tanh(exp(x[t]) * a + h[t-1])\nloss[t] = sum(h[t])\na: param[n]\n"
    plan = plan_of(rnnsym.parse(text, name="asked"))
    wanted = {op.out: set(op.guard.wanted) for phase in plan.gradient for op in phase.ops}
    assert wanted["d_x"] == {"x"} and wanted["d_a"] == set() and not any(op.guard.wanted for phase in plan.forward for op in phase.ops)
    assert sum(bool(w) for w in wanted.values()) >= 2


@pytest.mark.parametrize("name", ["lstm", "narx"])
def test_the_operations_cite_every_equation_of_the_forward_pass(name):
    parts = program_parts(system_of(name))
    plan = plan_of(system_of(name), parts.numbers)
    cited = {number for phase in plan.forward for op in phase.ops for number in op.numbers}
    assert cited == {parts.numbers[d.key] for d in parts.prepared.every_definition} != set()


def test_what_needs_a_target_says_so():
    needs = {op.out: set(op.guard.needs) for phase in plan_of(system_of("lstm")).forward for op in phase.ops}
    assert needs["loss"] == {"y"} and needs["p"] == needs["h"] == set()


# ---------------------------------------------------------------- a pass that is broken


def overlaid(over: str, under: str):
    """`in_place`, and one value over another that is still needed."""

    def broken(stages, cells, places, kept):
        found = right(stages, cells, places, kept)
        places[over] = places.get(under) or planning.Place(under)
        return found

    right = planning.in_place
    return broken


@pytest.mark.parametrize("pair", [("f_bar", "i_bar"), ("d_c", "c")])
def test_a_value_over_one_that_is_needed_is_no_plan(monkeypatch, pair):
    """The first pair is seen before operations are fused, the second where they have been moved."""
    monkeypatch.setattr(planning, "in_place", overlaid(*pair))
    with pytest.raises(InternalError, match="E998"):
        plan_of(system_of("lstm"))


def test_phases_in_the_wrong_order_and_direction_are_no_plan(monkeypatch):
    right = planning.phases
    monkeypatch.setattr(planning, "phases", lambda *words: right(*words)[::-1])
    with pytest.raises(InternalError, match="E998"):
        plan_of(system_of("lstm"))
    monkeypatch.setattr(planning, "phases", lambda *words: [Phase(-p.direction, p.stages) for p in right(*words)])
    with pytest.raises(InternalError, match="E998"):
        plan_of(system_of("lstm"))


# ---------------------------------------------------------------- names


def renamed(system: System) -> System:
    """The system with other names for everything, whose alphabetical order is the reverse."""
    names = sorted({d.name for d in system.declarations} - {STEP_LOSS, FINAL_LOSS}, reverse=True)
    other = {name: f"z{k:02d}" for k, name in enumerate(names)}

    def quantity(q: Quantity) -> Quantity:
        return Quantity(other.get(q.name, q.name), q.shape, q.time, q.kind)

    def definition(d: Definition) -> Definition:
        return Definition(quantity(d.lhs), d.rhs.xreplace({q: quantity(q) for q in quantities(d.rhs)}))

    declarations = tuple(replace(d, name=other.get(d.name, d.name)) for d in system.declarations)
    return System(system.name, declarations, tuple(map(definition, system.definitions)), tuple(map(definition, system.boundaries)))


def anonymous(plan: Plan) -> list:
    """A plan whose names are numbers, in the order in which they appear."""
    seen: dict[str, int] = {}

    def number(name: str) -> int:
        return seen.setdefault(name, len(seen))

    def operand(a: Ref | Amount) -> object:
        return str(a.value) if isinstance(a, Amount) else (number(a.name), a.delay, a.rows, a.columns, a.turned, a.groups)

    def detail(d: object) -> object:
        if isinstance(d, tuple):
            return tuple(map(detail, d))
        return number(d) if isinstance(d, str) and d in plan.cells else d

    def row(op: Op) -> tuple:
        args = tuple(map(operand, op.args))
        return (op.function, args, number(op.out), detail(op.details), bool(op.place), plan.storage.held.get(op.out))

    sides = (plan.forward, plan.gradient)
    rows: list = [[(p.direction, [(s.kind, s.direction, [row(op) for op in s.ops]) for s in p.stages]) for p in side] for side in sides]
    rows += [[(s.shape, s.owned, {place: number(n) for place, n in s.grid.items()}) for s in plan.stacks]]
    return [*rows, sorted((number(n), number(p.array), str(p.rows), p.shift) for n, p in plan.storage.places.items())]


@pytest.mark.parametrize("name", sorted(set(LIBRARY) - LARGE))
def test_other_names_give_the_same_plan(name):
    assert anonymous(plan_of(renamed(system_of(name)))) == anonymous(plan_of(system_of(name)))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(EVERY) - set(LIBRARY) | LARGE))
def test_other_names_give_the_same_plan_of_any_cell(name):
    assert anonymous(plan_of(renamed(system_of(name)))) == anonymous(plan_of(system_of(name)))


def test_another_model_gives_another_plan():
    assert anonymous(plan_of(system_of("gru"))) != anonymous(plan_of(system_of("gru_reset_after")))
    text = str(system_of("elman"))
    swapped = rnnsym.parse(text.replace("1 - h", "1 + h").replace("sigmoid", "tanh"), name="elman")
    assert anonymous(plan_of(swapped)) != anonymous(plan_of(system_of("elman")))


WITHOUT_NAMES = """x: input[n_x]
h: vector[n_h]
h[t] = tanh(W @ log(x[t]**2) + U @ max(h[t-1], 0)**2 + b)
loss[t] = sum(h[t])
"""


@pytest.mark.parametrize("level", [0, 1])
def test_gradients_of_products_with_unnamed_operands_are_one_product_over_all_steps(level):
    system = rnnsym.parse(WITHOUT_NAMES, "without_names")
    text = generate(system, level=level)
    assert "batch_outer(" not in text
    module, rng = compile_module(text, f"without_names_{level}"), np.random.default_rng(0)
    params = module.init_params(n_x=3, n_h=4, rng=0, dtype=np.float64)
    x = rng.standard_normal((5, 2, 3))
    alone = [module.loss_and_grads(params, x=x[:n, b : b + 1])[1].vector for b, n in enumerate((5, 2))]
    x[2:, 1] = np.nan
    padded = module.loss_and_grads(params, x=x, lengths=[5, 2])[1].vector
    np.testing.assert_allclose(padded, np.mean(alone, 0), rtol=1e-12, atol=1e-13)
