"""Value numbering: what counts as the same value, and whose result is read then."""

from __future__ import annotations

import pytest
from stages import ON_REQUEST, M, N, arrays, operation, stage, told, values

from rnnsym.program.numbering import numbered

CELLS = arrays("x", "z", "h", "%1", "%2", "%3", "%4", "%5") | values("W", "%v", "%w")


def one(*ops, kept=()):
    (stages,) = numbered([[stage("scan →", *ops)]], CELLS, set(kept))
    return told(stages)[0][1]


def test_a_repetition_is_read_where_it_was_first_computed_at_every_step():
    ops = [
        "%3 = exp(%2[t-1])",
        "%1 = add(x[t], z[t])",
        "%2 = add(x[t], z[t])",
        "%4 = tanh(%1[t])",
        "%5 = tanh(%2[t])",
        "h = multiply(%4[t], %5[t])",
    ]
    assert one(*ops) == ["%3 = exp(%1[t-1])", "%1 = add(x[t], z[t])", "%4 = tanh(%1[t])", "h = multiply(%4[t], %4[t])"]


APART = {
    "function": ("%1 = exp(x[t])", "%2 = tanh(x[t])"),
    "step": ("%1 = exp(x[t])", "%2 = exp(x[t-1])"),
    "order": ("%1 = subtract(x[t], z[t])", "%2 = subtract(z[t], x[t])"),
    "number": ("%1 = power(x[t], 3)", "%2 = power(x[t], 5)"),
    "details": (operation("%1 = roll(x[t])", details=(1,)), operation("%2 = roll(x[t])", details=(2,))),
    "place": (operation("h = tanh(W)", place="h[0]"), operation("h = tanh(W)", place="h[-1]")),
    "time of a fixed place": (operation("%v = before(h[t])", details=(0,)), operation("%w = before(h[t])", details=(0,))),
}


@pytest.mark.parametrize("difference", APART)
def test_what_differs_stays_apart(difference):
    assert one(*APART[difference]) == [str(operation(o) if isinstance(o, str) else o) for o in APART[difference]]


def test_zeros_of_different_shapes_and_axes_stay_apart():
    cells = arrays("%1", shape=(N,)) | arrays("%2", shape=(M,)) | values("%v", shape=(N,))
    rows = ["%1 = zeros()", "%2 = zeros()", "%v = zeros()"]
    (stages,) = numbered([[stage("map", *rows)]], cells, set())
    assert told(stages) == [("map", rows)]


@pytest.mark.parametrize("room", ["lag", "lead"])
def test_what_is_read_beyond_the_sequence_keeps_an_array_with_room(room):
    cells = arrays("x", "%1") | arrays("%2", **{room: 1})
    rows = ["%1 = tanh(x[t])", "%2 = tanh(x[t])"]
    assert told(numbered([[stage("map", *rows)]], cells, set())[0]) == [("map", rows)]
    assert told(numbered([[stage("map", *rows[::-1])]], cells, set())[0]) == [("map", rows[1:])]


def test_a_name_of_an_equation_keeps_an_operation_of_its_own():
    assert one("%1 = tanh(x[t])", "h = tanh(x[t])", "%2 = exp(h[t])", kept=["h"]) == ["%1 = tanh(x[t])", "h = tanh(x[t])", "%2 = exp(h[t])"]


def test_gradients_read_what_was_dear_and_compute_again_what_is_cheap():
    forward = [stage("map", "%1 = tanh(x[t])", "%2 = add(x[t], z[t])", "%v = square(W)")]
    gradient = [stage("map", "%3 = tanh(x[t])", "%4 = add(x[t], z[t])", "%w = square(W)", "%5 = multiply(%3[t], %4[t], %w)")]
    found = numbered([forward, gradient], CELLS, set())
    assert told(found[1]) == [("map", ["%4 = add(x[t], z[t])", "%5 = multiply(%1[t], %4[t], %v)"])]


def test_what_is_computed_again_is_computed_once_there():
    forward = [stage("map", "%1 = add(x[t], z[t])")]
    gradient = [stage("map", "%2 = add(x[t], z[t])", "%3 = add(x[t], z[t])", "%4 = exp(%3[t])")]
    assert told(numbered([forward, gradient], CELLS, set())[1]) == [("map", ["%2 = add(x[t], z[t])", "%4 = exp(%2[t])"])]


def test_what_is_computed_on_request_serves_no_one_else():
    asked, always = operation("%1 = tanh(x[t])", guard=ON_REQUEST), operation("%2 = tanh(x[t])")
    assert one(asked, always) == [str(asked), str(always)]
    assert one(always, asked) == [str(always)]
    third = operation("%3 = tanh(x[t])")
    assert one(asked, always, third) == [str(asked), str(always)]
