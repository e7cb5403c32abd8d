"""Fusing: which operations on neighbouring vectors become one, and which must not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stages import WITH_TARGET, M, N, arrays, operation, stage

from rnnsym.program.fusing import fused
from rnnsym.program.stacking import Place

CELLS = (
    arrays("x", "a", "b", "c", "i", "f", "o", "h", "s")
    | arrays("k", "l", shape=(M,))
    | arrays("%in", "%out", kind="slab", shape=(3 * N,))
    | arrays("W", shape=(N, N), axes=0, kind="param")
    | arrays("q", shape=(), axes=2)
)
PARTS = {name: Place(array, (k * N, (k + 1) * N)) for array, names in {"%in": "abc", "%out": "ifo"}.items() for k, name in enumerate(names)}


def result(*rows, places=PARTS, cells=CELLS) -> list[str]:
    """The operations of a loop after fusing; parts and rows as `%out[0:2*n] (2)`, the number of groups in brackets."""

    def said(op):
        details = op.details[:1] == ("into",)
        where = f"{op.out}[{op.details[1][0]}:{op.details[1][1]}]x{op.details[3]}" if details else op.out
        return f"{where} = {op.function}({', '.join(map(str, op.args))})".replace(", :]", "]")

    return [said(op) for op in fused(stage("scan →", *rows), cells, places).ops]


def test_one_call_for_vectors_that_are_neighbours():
    assert result("i = tanh(a[t])", "f = tanh(b[t])") == ["%out[0:2*n]x1 = tanh(%in[t][0:2*n])"]
    assert result("f = tanh(b[t])", "i = tanh(a[t])") == ["%out[0:2*n]x1 = tanh(%in[t][0:2*n])"]
    assert result("o = tanh(c[t])", "i = tanh(a[t])", "f = tanh(b[t])") == ["%out[0:3*n]x1 = tanh(%in[t][0:3*n])"]


def test_a_shared_operand_meets_each_part():
    rows = [f"{out} = multiply(s[t], {a}[t])" for out, a in zip("ifo", "abc", strict=True)]
    assert result(*rows) == ["%out[0:3*n]x3 = multiply(s[t], %in[t][0:3*n])"]
    numbers = [f"{out} = multiply(q[t], {a}[t])" for out, a in zip("ifo", "abc", strict=True)]
    assert result(*numbers) == ["%out[0:3*n]x1 = multiply(q[t], %in[t][0:3*n])"]


APART = {
    "functions": ("i = tanh(a[t])", "f = exp(b[t])"),
    "steps": ("i = tanh(a[t])", "f = tanh(b[t-1])"),
    "order": ("i = tanh(b[t])", "f = tanh(a[t])"),
    "no neighbours": ("i = tanh(a[t])", "o = tanh(c[t])"),
    "no neighbours among operands": ("i = tanh(a[t])", "f = tanh(c[t])"),
    "no neighbours among results": ("i = tanh(s[t])", "o = tanh(s[t])"),
    "arrays": ("i = add(a[t], x[t])", "f = add(b[t], s[t])"),
    "occasions": ("i = tanh(a[t])", operation("f = tanh(b[t])", guard=WITH_TARGET)),
    "results of different arrays": ("a = tanh(x[t])", "f = tanh(x[t])"),
}


@pytest.mark.parametrize("reason", APART)
def test_what_is_not_alike_stays_apart(reason):
    assert len(result(*APART[reason])) == 2


def test_operands_of_different_arrays_stay_apart():
    places = {**PARTS, "b": Place("%other", (N, 2 * N))}
    assert len(result("i = tanh(a[t])", "f = tanh(b[t])", places=places, cells=CELLS | arrays("%other", kind="slab", shape=(2 * N,)))) == 2


def test_parts_of_unequal_length_share_no_vector():
    places = {"a": Place("%in", (0, N)), "b": Place("%in", (N, N + M)), "i": Place("%out", (0, N)), "f": Place("%out", (N, N + M))}
    assert result("i = tanh(a[t])", "f = tanh(b[t])", places=places) == ["%out[0:m + n]x1 = tanh(%in[t][0:m + n])"]
    assert len(result("i = add(q[t], a[t])", "f = add(q[t], b[t])", places=places)) == 1
    assert len(result("i = add(s[t], a[t])", "f = add(s[t], b[t])", places=places)) == 2


def test_what_parts_share_does_not_grow_with_the_next():
    """Two parts share s; the third has its neighbour u instead."""
    cells = CELLS | arrays("u", "v") | arrays("%shared", kind="slab", shape=(2 * N,))
    places = {**PARTS, "s": Place("%shared", (0, N)), "u": Place("%shared", (N, 2 * N))}
    pair = "%out[0:2*n]x2 = multiply(%shared[t][0:n], %in[t][0:2*n])"
    rows = ["i = multiply(s[t], a[t])", "f = multiply(s[t], b[t])", "o = multiply(u[t], c[t])"]
    assert result(*rows, places=places, cells=cells) == [pair, "o = multiply(u[t], c[t])"]
    rows = ["i = clip(v[t], s[t], a[t])", "f = clip(v[t], s[t], b[t])", "o = clip(v[t], u[t], c[t])"]
    assert len(result(*rows, places=places, cells=cells)) == 2


def test_results_of_different_steps_stay_apart():
    moved = {**PARTS, "f": Place("%out", (N, 2 * N), 1)}
    assert len(result("i = tanh(a[t])", "f = tanh(b[t])", places=moved)) == 2
    moved = {**PARTS, "b": Place("%in", (N, 2 * N), 1)}
    assert len(result("i = tanh(a[t])", "f = tanh(b[t])", places=moved)) == 2
    assert len(result("i = tanh(a[t])", "f = tanh(b[t-1])", places=moved)) == 1


def test_nothing_is_moved_before_what_it_needs():
    needs = ["i = tanh(a[t])", "b = exp(i[t])", "f = tanh(b[t])"]
    assert [text.split(" =")[0] for text in result(*needs)] == ["i", "b", "f"]
    needs = ["i = multiply(s[t], a[t])", "s = exp(x[t])", "f = multiply(s[t], b[t])"]
    assert len(result(*needs)) == 3


def test_nothing_is_written_before_its_place_is_read():
    over = {**PARTS, "h": PARTS["f"]}  # h and f lie in one place, in turn
    rows = ["h = exp(x[t])", "i = tanh(a[t])", "s = exp(h[t])", "f = tanh(b[t])"]
    assert result(*rows, places=over)[1:3] == ["i = tanh(a[t])", "s = exp(h[t])"]
    free = ["i = tanh(a[t])", "s = exp(x[t])", "f = tanh(b[t])"]
    assert len(result(*free, places=over)) == 2


def test_other_steps_of_a_result_may_be_read_in_between():
    rows = ["i = tanh(a[t])", "s = exp(f[t-1])", "f = tanh(b[t])"]
    assert len(result(*rows)) == 2


def test_every_equation_stays_cited():
    rows = [operation("i = tanh(a[t])", numbers=(4, 5)), operation("f = tanh(b[t])", numbers=(2,))]
    (op,) = fused(stage("scan →", *rows), CELLS, PARTS).ops
    assert op.numbers == (2, 4, 5)


def test_outside_of_loops_and_for_results_with_places_of_their_own_nothing_changes():
    rows = stage("map", "i = tanh(a[t])", "f = tanh(b[t])")
    assert fused(rows, CELLS, PARTS) is rows
    slot = replace(operation("i = tanh(a[t])"), place="i[0]")
    assert len(fused(stage("scan →", slot, "f = tanh(b[t])"), CELLS, PARTS).ops) == 2
