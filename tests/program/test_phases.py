"""Phases: which loops are walked together, and in which direction."""

from __future__ import annotations

from stages import operation, stage

from rnnsym.program.ops import Ref, Stage
from rnnsym.program.phases import phases


def walked(stages: list[Stage], places: dict[str, str] | None = None, lasting: tuple[str, ...] = ()) -> list[tuple[int, list[str]]]:
    """(direction, kinds of its stages) of every phase; what is done once shows its operations."""
    found = phases(stages, lambda name: (places or {}).get(name, name), frozenset(lasting))
    return [(p.direction, [s.kind for s in p.stages] if p.direction else [str(op) for op in p.ops]) for p in found]


def test_a_map_and_the_loop_that_reads_it_are_walked_together_in_the_loop_s_direction():
    rows = [stage("map", "a = tanh(x[t])"), stage("scan ←", "h = add(a[t], h[t+1])")]
    assert walked(rows) == [(-1, ["map", "scan"])]


def test_loops_in_opposite_directions_are_walked_apart():
    rows = [stage("scan →", "h = add(x[t], h[t-1])"), stage("scan ←", "b = add(x[t], b[t+1])")]
    assert walked(rows) == [(1, ["scan"]), (-1, ["scan"])]


def test_a_loop_that_reads_ahead_of_another_waits_for_its_end():
    for delay, together in ((0, True), (-1, True), (1, False)):
        word = f"h[t{delay:+d}]" if delay else "h[t]"
        rows = [stage("scan →", "h = add(x[t], h[t-1])"), stage("scan →", f"s = add({word}, s[t-1])")]
        assert (walked(rows) == [(1, ["scan", "scan"])]) == together, delay
        back = [
            stage("scan ←", "h = add(x[t], h[t+1])"),
            stage("scan ←", f"s = add({word.replace('+', '~').replace('-', '+').replace('~', '-')}, s[t+1])"),
        ]
        assert (walked(back) == [(-1, ["scan", "scan"])]) == together, delay


def test_what_reads_all_steps_as_a_whole_waits_for_the_end():
    rows = [stage("map", "a = tanh(x[t])"), Stage("map", 0, (operation("b = add(x[t], a)"),))]
    assert walked(rows) == [(1, ["map"]), (1, ["map"])]


def test_maps_that_read_a_map_at_another_step_do_not_join_a_loop_against_it():
    rows = [stage("map", "a = tanh(x[t])"), stage("map", "b = exp(a[t-1])"), stage("scan ←", "h = add(b[t], h[t+1])")]
    assert walked(rows) == [(1, ["map"]), (-1, ["map", "scan"])]
    joined = phases(
        [Stage("map", 0, (operation("a = tanh(x[t])"), operation("b = exp(a[t-1])"))), stage("scan ←", "h = add(b[t], h[t+1])")]
    )
    assert [p.direction for p in joined] == [1, -1]  # the first stage reads behind itself: it cannot be walked backwards
    assert walked(
        [Stage("map", 0, (operation("a = tanh(x[t])"), operation("b = exp(a[t-1])"))), stage("scan →", "h = add(b[t], h[t-1])")]
    ) == [(1, ["map", "scan"])]


def test_a_map_behind_a_loop_is_done_over_all_steps():
    rows = [stage("scan →", "h = add(x[t], h[t-1])"), stage("map", "p = tanh(h[t])")]
    assert walked(rows) == [(1, ["scan"]), (1, ["map"])]


def test_what_lasts_anyway_is_not_computed_a_stretch_at_a_time():
    rows = [stage("map", "p = tanh(x[t])"), stage("scan →", "h = add(x[t], h[t-1])")]
    assert walked(rows, lasting=("p",)) == [(1, ["map"]), (1, ["scan"])]
    last = [stage("map", "p = tanh(x[t])"), stage("map", "q = exp(x[t])")]
    assert walked(last, lasting=("p", "q")) == [(1, ["map", "map"])]


def test_what_is_done_once_stands_as_early_as_it_can():
    loop = stage("scan →", "h = add(x[t], h[t-1])")
    free, late = operation("w = exp(W)"), operation("v = total(h[t])")
    assert walked([loop, Stage("static", 0, (free, late))]) == [(0, [str(free)]), (1, ["scan"]), (0, [str(late)])]
    second = operation("u = tanh(w)")
    assert walked([loop, Stage("static", 0, (free, second))]) == [(0, [str(free), str(second)]), (1, ["scan"])]


def test_what_is_done_once_stands_behind_what_reads_or_fills_its_place():
    fills = operation("h = copy(w)", place="h[0]")
    reads = stage("map", "a = tanh(s[t])")
    assert walked([reads, Stage("static", 0, (fills,))], {"s": "A", "h": "A"}) == [(1, ["map"]), (0, [str(fills)])]
    writes = stage("map", "s = tanh(x[t])")
    assert walked([writes, Stage("static", 0, (fills,))], {"s": "A", "h": "A"}) == [(1, ["map"]), (0, [str(fills)])]
    assert walked([writes, Stage("static", 0, (fills,))]) == [(0, [str(fills)]), (1, ["map"])]
    assert Ref("w") in fills.reads
