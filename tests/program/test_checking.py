"""The proof that a plan keeps its values: it passes every plan, and objects to planners that are broken on purpose."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import sympy
from stages import arrays
from stages import stage as made

from rnnsym.backends.planned import plan_of
from rnnsym.errors import InternalError
from rnnsym.program.checking import check, check_pool
from rnnsym.program.ops import PER_STEP, Cell, Op, Ref, Stage
from rnnsym.program.phases import Phase
from rnnsym.program.planning import Plan
from rnnsym.program.stacking import Place
from rnnsym.program.storage import Storage

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cells"))
from cells import LIBRARY, system_of

GIVEN = ("input", "target", "token", "param", "constant")


def checked(plan: Plan) -> None:
    given = {name for name, cell in plan.cells.items() if cell.kind in GIVEN}
    check(plan.forward, plan.gradient, plan.cells, plan.stacks, plan.storage, given, plan.ones)


def edited(plan: Plan, stage: Stage, ops: list[Op]) -> Plan:
    """The plan with other operations in one stage."""

    def side(phases):
        return tuple(replace(p, stages=tuple(replace(s, ops=tuple(ops)) if s is stage else s for s in p.stages)) for p in phases)

    return replace(plan, forward=side(plan.forward), gradient=side(plan.gradient))


def stages_of(plan: Plan) -> list[Stage]:
    return [stage for phase in (*plan.forward, *plan.gradient) for stage in phase.stages]


def objects(plan: Plan) -> bool:
    try:
        checked(plan)
    except InternalError as bug:
        return bug.code == "E998"
    return False


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_every_plan_passes_and_no_write_can_be_left_out(name):
    plan = plan_of(system_of(name))
    checked(plan)
    read = {ref.name for stage in stages_of(plan) for op in stage.ops for ref in op.reads if ref.delay is not None}
    missed, tried = [], 0
    for stage in stages_of(plan):
        for op in stage.ops:
            if plan.cells[op.out].axes == PER_STEP and op.out in read and not op.place and op.function != "mark":
                tried += 1
                if not objects(edited(plan, stage, [o for o in stage.ops if o is not op])):
                    missed.append(str(op))
    assert tried and not missed


@pytest.mark.parametrize("name", ["lstm", "gru", "narx", "mlstm"])
def test_an_operation_before_what_it_reads_is_seen(name):
    plan, missed, tried = plan_of(system_of(name)), [], 0
    for stage in stages_of(plan):
        for k, op in enumerate(stage.ops):
            reads = {ref.name for ref in op.reads if ref.delay == 0}
            first = next((j for j, other in enumerate(stage.ops[:k]) if other.out in reads and other.out != op.out), None)
            if first is not None:
                tried += 1
                ops = [o for o in stage.ops if o is not op]
                if not objects(edited(plan, stage, [*ops[:first], op, *ops[first:]])):
                    missed.append(str(op))
    assert tried and not missed


def test_a_place_over_a_value_that_is_still_read_is_seen():
    plan = plan_of(system_of("lstm"))
    squashed = next(op.out for op in stages_of(plan)[0].ops if str(op).endswith("tanh(c[t])") or op.args == (Ref("c", 0),))
    places = {**plan.storage.places, squashed: plan.storage.places["o"]}
    with pytest.raises(InternalError, match=r"(?s)E998.*`h = multiply\(o\[t\], .*after .* was written in its place"):
        checked(replace(plan, storage=replace(plan.storage, places=places)))


def test_a_place_over_a_value_that_the_gradients_read_is_seen():
    plan = plan_of(system_of("gru"))
    assert not objects(plan)
    found = 0
    for name in ("r", "z", "g"):  # the state over a gate that its error needs
        if name in plan.storage.places:
            places = {**plan.storage.places, "h": Place(plan.storage.places[name].array, plan.storage.places[name].rows)}
            found += objects(replace(plan, storage=replace(plan.storage, places=places)))
    assert found >= 1


def test_a_loop_in_the_wrong_direction_is_seen():
    plan = plan_of(system_of("lstm"))
    backwards = tuple(replace(p, direction=-p.direction) if p.has_scan else p for p in plan.forward)
    assert objects(replace(plan, forward=backwards))


def test_a_room_for_two_values_that_are_both_needed_is_seen():
    n = sympy.Symbol("n")
    cells = [Cell(name, "part", (n,), PER_STEP) for name in ("%1", "%2", "%3")]
    x, y, z = (Ref(cell.name, 0) for cell in cells)
    ops = [Op(x.name, "tanh", (Ref("u", 0),)), Op(y.name, "exp", (Ref("u", 0),)), Op(z.name, "add", (x, y))]
    check_pool(ops, {"%1": "part", "%2": "part_2", "%3": "part"}, {})  # written over an operand: nobody reads it again
    with pytest.raises(InternalError, match=r"(?s)E998.*`%3 = add\(%1\[t\], %2\[t\]\)` reads `%1\[t\]`, in whose place `%2` lies"):
        check_pool(ops, {"%1": "part", "%2": "part", "%3": "part_2"}, {})


# ---------------------------------------------------------------- loops in stretches, written by hand


def refuses(*stages: Stage, places: dict[str, Place] | None = None) -> bool:
    """Whether one loop of these stages, walked together, is no plan."""
    cells = arrays("x", "a", "b", "h", "s", "u")
    try:
        check([Phase(1, stages)], [], cells, [], Storage(places=places or {}), {"x"})
    except InternalError as bug:
        return bug.code == "E998"
    return False


def test_a_stage_does_not_see_what_a_later_one_computes_in_its_own_stretch():
    early, late = made("scan →", "h = add(s[t-1], h[t-1])"), made("map", "s = tanh(x[t])")
    assert refuses(early, late) and not refuses(late, early)


def test_a_stage_sees_what_later_ones_wrote_in_the_stretch_before():
    state, over = made("scan →", "a = add(x[t], a[t-1])"), made("map", "u = tanh(a[t])")
    assert not refuses(state, over) and refuses(state, over, places={"u": Place("a")})


def test_a_step_that_the_loop_has_not_come_to_is_there_only_if_a_map_computed_it_before():
    ahead = made("scan →", "h = add(a[t+1], h[t-1])")
    assert refuses(made("scan →", "a = tanh(x[t])"), ahead) and not refuses(made("map", "a = tanh(x[t])"), ahead)
    assert refuses(ahead, made("map", "a = tanh(x[t])"))


def test_values_of_different_steps_in_one_array_do_not_meet():
    rows = made("scan →", "a = tanh(x[t])", "b = exp(x[t])", "h = add(a[t], h[t-1])")
    assert not refuses(rows, places={"a": Place("s"), "b": Place("s", None, 1)}) and refuses(
        rows, places={"a": Place("s"), "b": Place("s")}
    )


def test_storage_is_what_the_checker_reads():
    assert Storage(places={"a": Place("b"), "b": Place("c")}).array("a") == "c"
