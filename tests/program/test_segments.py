"""Kernels: which operations of a loop are compiled together, in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stages import ON_REQUEST, M, N, arrays, operation, stage, values

from rnnsym.program.kernels import Kernel, keeps, segments
from rnnsym.program.ops import Ref
from rnnsym.program.stacking import Place

CELLS = (
    arrays("x", "h", "s", "u", "%1", "%2", "%3", "%4")
    | arrays("y", kind="target")
    | arrays("k", "%k", shape=(M,))
    | arrays("q", "%q", shape=())
    | arrays("%b", "%c", entries="truth")
    | values("w")
    | values("W", shape=(N, N))
)


def run(*rows, places=None, cells=CELLS) -> list[str | list[str]]:
    """Segments: the names of a kernel's results in a list, other operations by the name of their result."""
    found = segments(stage("scan →", *rows), cells, places or {})
    return [[op.out for op in s.ops] if isinstance(s, Kernel) else s.out for s in found]


def test_what_acts_entry_by_entry_runs_together():
    assert run("%1 = tanh(x[t])", "%2 = affine(W, h[t-1])", "%3 = exp(x[t])", "h = add(%1[t], %2[t])") == ["%2", ["%1", "%3", "h"]]


def test_vectors_of_different_lengths_and_numbers_run_apart():
    assert run("%1 = tanh(x[t])", "%k = tanh(k[t])", "%q = tanh(q[t])") == [["%1"], ["%k"], ["%q"]]
    assert run("%1 = multiply(q[t], x[t])") == [["%1"]]
    found = segments(stage("scan →", "%1 = tanh(x[t])", "%q = tanh(q[t])"), CELLS, {})
    assert [s.length for s in found] == [N, None]


OUTSIDE = {
    "a word that no kernel knows": "%1 = softmax(x[t])",
    "a target": "%1 = add(x[t], y[t])",
    "an operand of another length": "%1 = add(x[t], k[t])",
    "a matrix": "%1 = add(W, x[t])",
    "on request alone": operation("%1 = tanh(x[t])", guard=ON_REQUEST),
    "a value outside 1 … T": operation("h = tanh(w)", place="h[0]"),
    "a slice of what does not run": replace(operation("%1 = tanh(w)"), args=(Ref("w", None, (0, N)),)),
    "a part of a longer result": operation("%1 = tanh(x[t])", details=("rows", 0, N)),
}


@pytest.mark.parametrize("reason", OUTSIDE)
def test_the_rest_stays_outside(reason):
    (segment,) = segments(stage("scan →", OUTSIDE[reason]), CELLS, {})
    assert not isinstance(segment, Kernel)


def test_truth_values_neither_leave_nor_enter():
    inside = ["%b = less(x[t], h[t-1])", "%1 = where(%b[t], x[t], h[t-1])"]
    assert run(*inside) == [["%b", "%1"]]
    assert run(*inside, "%2 = softmax(%b[t])") == ["%b", "%1", "%2"]
    assert run("%b = all(x[t])", *inside[1:]) == ["%b", "%1"]


def test_what_reads_a_value_stands_behind_it():
    rows = ["%1 = tanh(x[t])", "%2 = affine(W, %1[t])", "%3 = add(%2[t], %1[t])"]
    assert run(*rows) == [["%1"], "%2", ["%3"]]


SHARED = {"u": Place("s")}


def test_a_place_is_written_again_only_when_its_value_has_been_read():
    rows = ["s = tanh(x[t])", "%1 = softmax(s[t])", "u = exp(x[t])", "h = add(u[t], %1[t])"]
    assert run(*rows, places=SHARED) == [["s"], "%1", ["u", "h"]]


def test_of_two_values_in_one_place_the_last_stays():
    rows = ["s = softmax(x[t])", "%2 = affine(W, h[t-1])", "u = tanh(x[t])"]
    assert run(*rows, places=SHARED)[-1] == ["u"]
    turned = ["u = tanh(x[t])", "s = softmax(x[t])"]
    assert run(*turned, places=SHARED) == [["u"], "s"]


def test_neighbours_in_one_array_do_not_wait_for_each_other():
    cells = CELLS | arrays("%slab", kind="slab", shape=(2 * N,))
    rows = ["%1 = tanh(x[t])", "%2 = softmax(%1[t])", "%3 = exp(x[t])"]
    apart = {"%2": Place("%slab", (0, N)), "%3": Place("%slab", (N, 2 * N))}
    assert run(*rows, places=apart, cells=cells) == [["%1", "%3"], "%2"]
    over = {"%2": Place("%slab", (0, N)), "%3": Place("%slab", (0, 2 * N))}
    assert run(*rows, places=over, cells=cells) == [["%1"], "%2", ["%3"]]


def test_what_only_a_later_kernel_reads_is_computed_there():
    rows = ["%1 = tanh(x[t])", "%2 = exp(x[t])", "%3 = affine(W, %2[t])", "h = add(%3[t], %1[t])"]
    assert run(*rows) == [["%2"], "%3", ["%1", "h"]]
    twice = ["%1 = tanh(x[t])", "%3 = affine(W, %1[t])", "h = add(%3[t], %1[t])"]
    assert run(*twice) == [["%1"], "%3", ["h"]]
    several = [
        "%1 = tanh(x[t])",
        "%2 = exp(x[t])",
        "%3 = affine(W, %2[t])",
        "%4 = add(%3[t], %1[t])",
        "h = affine(W, %4[t])",
        "u = add(h[t], %1[t])",
    ]
    assert run(*several) == [["%2"], "%3", ["%1", "%4"], "h", ["u"]]
    named = ["s = tanh(x[t])", "%2 = exp(x[t])", "%3 = affine(W, %2[t])", "h = add(%3[t], s[t])"]
    assert run(*named) == [["s", "%2"], "%3", ["h"]]


def test_a_loop_keeps_what_its_kernels_can_compute():
    assert keeps(operation("%1 = tanh(x[t])"), CELLS)
    assert not keeps(operation("%1 = softmax(x[t])"), CELLS)
    assert not keeps(operation("w = tanh(w)"), CELLS)
    assert not keeps(operation("%1 = tanh(x[t])", guard=ON_REQUEST), CELLS)
