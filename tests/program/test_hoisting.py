"""Hoisting: where operations go, and which are not needed at all."""

from __future__ import annotations

from stages import arrays, operation, stage, told, values

from rnnsym.program.hoisting import hoisted, without_unread

CELLS = arrays("x", "h", "s", "%1", "%2", "%3", "%4") | values("W", "%w", "%v")


def test_what_a_loop_does_not_change_stands_before_it():
    loop = stage("scan ←", "%1 = tanh(x[t])", "%w = exp(W)", "%2 = multiply(%1[t], h[t+1])", "h = add(%2[t], %w)")
    assert told(hoisted([loop], CELLS)) == [
        ("static", ["%w = exp(W)"]),
        ("map", ["%1 = tanh(x[t])"]),
        ("scan ←", ["%2 = multiply(%1[t], h[t+1])", "h = add(%2[t], %w)"]),
    ]


def test_a_value_of_one_place_is_no_part_of_the_loop_that_fills_it():
    before = operation("%w = before(h[t])", details=(0,))
    loop = stage("scan →", before, "h = add(h[t-1], %w)")
    assert told(hoisted([loop], CELLS)) == [("static", [str(before)]), ("scan →", ["h = add(h[t-1], %w)"])]


def test_what_is_left_to_a_loop_is_what_it_alone_reads():
    loop = stage("scan →", "%1 = tanh(x[t])", "%2 = exp(x[t])", "%3 = negative(%2[t])", "h = add(%1[t], h[t-1])", "s = add(%3[t], %2[t])")
    cells = CELLS | arrays("%5")
    left = hoisted([loop], cells, lambda op: op.out in ("%1", "%2"))
    assert told(left) == [
        ("map", ["%2 = exp(x[t])", "%3 = negative(%2[t])"]),
        ("scan →", ["%1 = tanh(x[t])", "h = add(%1[t], h[t-1])", "s = add(%3[t], %2[t])"]),
    ]


def test_once_and_over_all_steps_keep_their_order():
    rows = ["%1 = tanh(x[t])", "%v = total(%1[t])", "%w = exp(W)", "%2 = multiply(%1[t], %v)"]
    slot = operation("h = copy(%v)", place="h[0]")
    found = hoisted([stage("map", *rows, slot)], CELLS)
    assert told(found) == [
        ("static", ["%w = exp(W)"]),
        ("map", ["%1 = tanh(x[t])"]),
        ("static", ["%v = total(%1[t])"]),
        ("map", ["%2 = multiply(%1[t], %v)"]),
        ("static", ["h[0] = copy(%v)"]),
    ]


def test_what_nothing_reads_is_left_out():
    stages = [
        stage("map", "%1 = tanh(x[t])", "%2 = exp(x[t])"),
        stage("scan →", "h = add(s[t-1], %1[t])", "s = tanh(h[t])", "%3 = exp(h[t])"),
    ]
    assert told(without_unread(stages, {"h"})) == [("map", ["%1 = tanh(x[t])"]), ("scan →", ["h = add(s[t-1], %1[t])", "s = tanh(h[t])"])]
    assert without_unread(stages, set()) == []
