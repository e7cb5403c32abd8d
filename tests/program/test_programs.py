"""Schedules: what is a map, what a scan, where values live, what can be streamed; and how values become arrays."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import rnnsym
from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import sizes
from rnnsym.algebra.system import Declaration, Definition, System
from rnnsym.algebra.tensor import Quantity, T, t
from rnnsym.backends.live import compile_module
from rnnsym.backends.numpy_module import generate
from rnnsym.program.arrays import Binary, Call, Load, Transpose
from rnnsym.program.batching import batched
from rnnsym.program.lowering import LOWERINGS, Layout
from rnnsym.program.schedule import needed_targets, restricted, schedule, slot_counts, streaming

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "backends"))
from models import system_of


def test_what_needs_no_recurrence_is_a_map():
    system = rnnsym.parse(
        "x: input[n]\nb: vector[n]\na[t] = W @ x[t]\nb[t] = tanh(a[t] + b[t+1])\nA = exp(g)\nc[t] = A * b[t]\nW: param[n, n]"
    )
    blocks = [(b.kind, b.direction, [s.name for s in b.statements]) for b in schedule(system).blocks]
    assert blocks == [("map", 0, ["a"]), ("scan", -1, ["b"]), ("static", 0, ["A"]), ("map", 0, ["c"])]


def test_buffers_have_room_for_what_is_read_shifted():
    buffers = schedule(system_of("static")).buffers
    assert (buffers["h"].lag, buffers["h"].lead, buffers["h"].batched, buffers["h"].timed) == (3, 0, True, True)
    assert (buffers["c"].batched, buffers["c"].timed) == (True, False)
    assert not buffers["gamma"].batched and not buffers["W_0"].batched
    both = schedule(system_of("both ways")).buffers
    assert (both["b"].lag, both["b"].lead, both["b"].ends) == (0, 2, True)


def test_a_stream_asks_for_a_target_only_where_its_past_is_read():
    stream = streaming(system_of("teacher"))
    assert stream.outputs == ("h", "v") and stream.targets == {"y"} and stream.obstacle is None
    assert stream.carried == {"y": 2, "h": 1, "e": 1}
    plain = streaming(system_of("plain"))
    assert plain.outputs == ("h", "p") and not plain.targets
    assert streaming(system_of("last step")).obstacle == ("p", "h[T]") or streaming(system_of("last step")).obstacle is not None
    assert streaming(system_of("both ways")).obstacle == ("b", "b[t+1]")


def test_what_depends_on_a_target_is_known_by_equation():
    needs = needed_targets(system_of("plain"))
    assert needs["p"] == frozenset() and needs["loss"] == {"y"}


def test_what_depends_on_a_target_through_others_is_known_too():
    system = rnnsym.parse("x: input[n]\ny: target[n]\na[t] = tanh(x[t])\ne[t] = y[t] - a[t]\nq[t] = sum(e[t])\nloss[t] = q[t]**2")
    needs = needed_targets(system)
    assert {key: set(found) for key, found in needs.items()} == {"a": set(), "e": {"y"}, "q": {"y"}, "loss": {"y"}}


def test_values_at_fixed_steps_have_room():
    """A sequence may be shorter than a fixed step is away from its end: T-2 is -1 for T = 1."""
    (n,) = sizes("n")

    def read(name: str, when: object) -> Quantity:
        return Quantity(name, (n,), when, "input")

    reads = {"a": (read("u", T - 2),), "b": (read("v", T + 2),), "c": (read("w", -1), read("w", 3)), "d": (read("x", T), read("x", 1))}
    definitions = tuple(Definition(Quantity(name, (n,)), op.Plus(*r) if len(r) > 1 else r[0]) for name, r in reads.items())
    declarations = [Declaration(name, "input", (n,), True) for name in "uvwx"]
    system = System("made", (*declarations, *(Declaration(name, "variable", (n,), False) for name in reads)), definitions)
    assert slot_counts(system) == {"u": (2, 0), "v": (0, 2), "w": (2, 0), "x": (0, 0)}


def test_a_sum_over_time_has_a_value_for_each_sequence_whatever_is_summed():
    system = rnnsym.parse("x: input[n]\na = g * g\nm = total(g)\nh[t] = m * x[t] + a\ng: param")
    buffers = schedule(system).buffers
    assert buffers["m"].batched and not buffers["a"].batched and not buffers["g"].batched


def test_outer_products_are_summed_without_what_the_padding_holds():
    def value(text: str):
        system = rnnsym.parse(f"x: input[n]\nz: input[n]\nr = total(outer({text}))\n")
        return next(s.value for s in batched(schedule(system, per_sequence={"r": False})).statements)

    assert value("x[t], z[t-1]") == Call("outer_sum", (Load("x", 0), Load("z", -1)))
    assert value("x[t-2], z[t-1]") == Call("outer_sum", (Call("valid", (Load("x", -2),)), Load("z", -1)))
    assert value("x[t], log(z[t])") == Call("outer_sum", (Load("x", 0), Call("valid", (Call("log", (Load("z", 0),)),))))


def test_what_serves_a_request_says_so_and_what_serves_nothing_is_left_out():
    system = rnnsym.parse("x: input[n]\na[t] = tanh(x[t])\nb[t] = exp(a[t])\nc[t] = sin(a[t])\nd[t] = cos(c[t])\ne[t] = x[t]**2")
    found = restricted(schedule(system), {"b": frozenset(), "c": frozenset({"x"}), "d": frozenset({"x", "h"})})
    wanted = {s.name: set(s.wanted) for s in found.statements}
    assert wanted == {"a": set(), "b": set(), "c": {"x", "h"}, "d": {"x", "h"}}


def test_columns_become_arrays():
    system = rnnsym.parse("x: input[n]\nz[t] = W @ x[t]\ns[t] = dot(z[t], z[t])\nv[t] = s[t] * z[t]\nW: param[m, n]")
    values = {s.name: s.value for s in batched(schedule(system)).statements}
    assert values["z"] == Binary("@", Load("x", 0), Transpose(Load("W"), plain=True))
    assert values["s"] == Call("dot", (Load("z", 0), Load("z", 0)))
    assert str(schedule(system)).startswith("map\n    z[t] = W @ x[t]")


def test_every_operator_has_an_array_form():
    from rnnsym.program.meanings import MEANINGS

    assert set(MEANINGS) <= set(LOWERINGS)


# ---------------------------------------------------------------- one statement per equation


def on_paper(text: str):
    return compile_module(generate(rnnsym.parse(text, name="small"), level=0), "small")


def test_a_value_that_is_another_s_is_a_copy():
    module = on_paper("x: input[n]\ng: param[n]\na[t] = x[t]\nb[t] = a[t]\nc = g\nd[t] = x[t][:n]\nloss[t] = sum(b[t] * c) + sum(d[t])\n")
    x, params = np.ones((3, 2, 4)), module.Params.from_arrays({"g": np.ones(4)})
    trace = module.forward(params, x=x)
    arrays = [x, params.g, trace.a, trace.b, trace.c, trace.d]
    assert not [1 for k, a in enumerate(arrays) for b in arrays[:k] if np.shares_memory(a, b)]


@pytest.mark.parametrize("level", [0, 1])
def test_branches_go_by_the_real_part(level):
    text = "x: input[n]\nc: constant[n]\nw: param[n]\nh[t] = 2 * x[t] if x[t] < c else 5 * x[t]\nloss[t] = sum(w * h[t])\n"
    module = compile_module(generate(rnnsym.parse(text, name="small"), level=level), "small")
    x, params = np.ones((1, 1, 3)), module.Params.from_arrays({"w": np.ones(3)})
    moved = x + 1e-30j * np.array([-1.0, 0.0, 1.0])  # beside the edge in the imaginary direction alone
    loss = module.loss(params, x=moved, c=np.ones(3))
    assert loss.real == 15 and abs(loss.imag) < 1e-40


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.filterwarnings("error")
def test_an_arm_that_is_not_taken_is_silent(level):
    text = "x: input[n]\nw: param[n]\nh[t] = log(x[t]) if x[t] > 0 else x[t]\nloss[t] = sum(w * h[t])\n"
    module = compile_module(generate(rnnsym.parse(text, name="small"), level=level), "small")
    x, params = np.array([[[1.0, -1.0, 0.0]]]), module.Params.from_arrays({"w": np.ones(3)})
    loss, grads, _ = module.loss_and_grads(params, x=x, wrt=["x"])
    assert loss == -1 and grads.w.tolist() == [0, -1, 0] and grads.inputs["x"].tolist() == [[[1, 1, 1]]]


def test_marks_are_shifted_with_what_reads_them():
    buffers = schedule(rnnsym.parse("x: input[n]\na[t] = x[t]\n")).buffers
    marks = [Layout(buffers, False).lower(op.TimeIs(t + k, T)).node for k in (0, -2)]
    assert [mark.delay for mark in marks] == [0, -2]
