"""Schedules: what is a map, what a scan, where values live, what can be streamed; and how values become arrays."""

from __future__ import annotations

import sys
from pathlib import Path

import rnnsym
from rnnsym.program.arrays import Binary, Call, Load, Transpose
from rnnsym.program.batching import batched
from rnnsym.program.lowering import LOWERINGS
from rnnsym.program.schedule import needed_targets, schedule, streaming

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


def test_columns_become_arrays():
    system = rnnsym.parse("x: input[n]\nz[t] = W @ x[t]\ns[t] = dot(z[t], z[t])\nv[t] = s[t] * z[t]\nW: param[m, n]")
    values = {s.name: s.value for s in batched(schedule(system)).statements}
    assert values["z"] == Binary("@", Load("x", 0), Transpose(Load("W"), plain=True))
    assert values["s"] == Call("dot", (Load("z", 0), Load("z", 0)))
    assert str(schedule(system)).startswith("map\n    z[t] = W @ x[t]")


def test_every_operator_has_an_array_form():
    from rnnsym.program.meanings import MEANINGS

    assert set(MEANINGS) <= set(LOWERINGS)
