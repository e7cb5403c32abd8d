"""Storage: what is written over what, and how long it is held."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stages import M, N, arrays, operation, stage, values

from rnnsym.program.ops import Ref
from rnnsym.program.phases import Phase
from rnnsym.program.stacking import Place
from rnnsym.program.storage import STEP, STORED, STRETCH, in_place, resolved, storage

CELLS = arrays("x", "a", "b", "h", "s", "k", "%1", "%2", "%3", "%f") | arrays("%sums", kind="slab", shape=(2 * N,)) | values("W")
SUMS = {"a": Place("%sums", (0, N)), "b": Place("%sums", (N, 2 * N))}


def placed(*rows, cells=CELLS, kept=(), before=(), after=()):
    """The places after a loop that computes `%sums` and then this, and its operations as they stand then."""
    places = dict(SUMS)
    stages = [*before, stage("scan →", "%sums = exp(x[t])", *rows), *after]
    found = in_place(stages, cells, places, set(kept))
    return {name: p for name, p in places.items() if name not in SUMS}, [str(op) for op in found[len(before)].ops[1:]]


def test_a_result_lies_over_the_operand_that_it_alone_reads():
    assert placed("h = tanh(a[t])")[0] == {"h": SUMS["a"]}
    assert placed("h = tanh(a[t])", kept=["a"])[0] == {}


def test_other_readers_stand_before_the_result():
    found = placed("h = tanh(a[t])", "%1 = exp(h[t])", "%2 = square(a[t])", kept=["h"])
    assert found == ({"h": SUMS["a"]}, ["%2 = square(a[t])", "h = tanh(a[t])", "%1 = exp(h[t])"])


def test_a_reader_that_needs_more_than_the_operand_comes_last_itself():
    found = placed("h = tanh(a[t])", "%1 = exp(h[t])", "%2 = add(a[t], %1[t])", kept=["h"])
    assert found == ({"%2": SUMS["a"]}, ["h = tanh(a[t])", "%1 = exp(h[t])", "%2 = add(a[t], %1[t])"])


KEPT = {
    "a reader in another stage": dict(rows=["h = tanh(a[t])"], after=[stage("map", "%1 = exp(a[t])")]),
    "two readers that need more than the operand": dict(rows=["h = add(a[t], x[t])", "%2 = add(a[t], s[t-1])"]),
    "another step": dict(rows=["h = tanh(a[t-1])"]),
    "a word that sees the whole vector": dict(rows=["h = softmax(a[t])"]),
    "a result of another length": dict(rows=["h = tanh(a[t])"], cells=CELLS | arrays("h", shape=(M,))),
    "values outside 1 … T": dict(rows=["h = tanh(a[t])"], cells=CELLS | arrays("h", lag=1)),
    "a result that is a number per sequence": dict(rows=["h = tanh(a[t])"], cells=CELLS | arrays("h", axes=1)),
}


@pytest.mark.parametrize("reason", KEPT)
def test_an_operand_that_is_needed_is_not_written_over(reason):
    how = dict(KEPT[reason])
    assert placed(*how.pop("rows"), **how)[0] == {}


def test_part_of_an_operand_is_not_its_place():
    part = operation("h = tanh(a[t])")
    part = replace(part, args=(replace(part.args[0], rows=(0, N)),))
    assert placed(part)[0] == {}


def test_one_operand_gives_its_place_once():
    found, _ = placed("h = tanh(a[t])", "s = exp(a[t])")
    assert found in ({"h": SUMS["a"]}, {"s": SUMS["a"]})


def test_a_hoisted_factor_lies_where_its_product_will():
    before = [stage("map", "%f = tanh(x[t])")]
    after = [stage("map", "%3 = exp(s[t])")]
    assert placed("s = multiply(%f[t], h[t-1])", before=before, after=after)[0] == {"%f": Place("s")}
    assert placed("s = multiply(%f[t], h[t-1])", before=before)[0] == {}  # s is gone after its step, the factors are not
    assert placed("s = multiply(%f[t], h[t-1])", after=after)[0] == {}  # computed in the loop itself
    again = [stage("map", "%3 = exp(s[t])", "%2 = exp(%f[t])")]
    assert placed("s = multiply(%f[t], h[t-1])", before=before, after=again)[0] == {}
    named = [stage("map", "k = tanh(W)")]
    assert placed("s = multiply(k[t], h[t-1])", before=named, after=after)[0] == {}


# ---------------------------------------------------------------- how long


def held(*phases: Phase, traced=(), places=None):
    found = storage(phases, CELLS, places or {}, set(traced))
    return {name: found.held[name] for name in ("%1", "%2", "h", "s") if name in found.held}


def test_what_only_its_own_step_reads_is_held_for_it():
    loop = Phase(1, (stage("map", "%1 = tanh(x[t])"), stage("scan →", "%2 = exp(%1[t])", "h = add(%2[t], h[t-1])")))
    assert held(loop) == {"%1": STRETCH, "%2": STEP, "h": STORED}
    assert held(loop, traced=["%2"]) == {"%1": STRETCH, "%2": STORED, "h": STORED}


def test_what_other_loops_stages_or_wholes_read_is_held_for_all_steps():
    scan = stage("scan →", "%2 = exp(x[t])", "h = add(%2[t], h[t-1])")
    assert held(Phase(1, (scan,)), Phase(1, (stage("map", "s = tanh(%2[t])"),)))["%2"] == STORED
    assert held(Phase(1, (scan, stage("scan →", "s = add(%2[t], s[t-1])"))))["%2"] == STORED
    assert held(Phase(1, (stage("map", "%1 = tanh(x[t])"), stage("map", "s = exp(%1[t-1])"))))["%1"] == STORED
    whole = Phase(0, (stage("static", "%1 = tanh(x[t])", "W = total(%1[t])"),))
    assert held(whole)["%1"] == STORED


def test_what_a_map_computes_for_no_one_takes_a_stretch():
    assert held(Phase(1, (stage("map", "%1 = tanh(x[t])"),))) == {"%1": STRETCH}


def test_what_lies_in_one_array_is_held_as_long_as_any_of_it():
    loop = Phase(1, (stage("scan →", "%1 = exp(x[t])", "%2 = exp(x[t])", "h = add(%1[t], %2[t-1])"),))
    assert held(loop)["%1"] == STEP
    assert held(loop, places={"%1": Place("%2", None)})["%1"] == STORED


def test_rows_and_shifts_of_places_add_up():
    places = {"a": Place("b", (2, 7), 1), "b": Place("c", (10, 20), 2)}
    assert resolved(Ref("a", -1, (1, 3)), places) == Ref("c", 2, (13, 15))
    assert resolved(Ref("a", 0), places) == Ref("c", 3, (12, 17))
    assert resolved(Ref("a", None), places) == Ref("a", None)
