"""Routing in a channel: every net is connected, and no two wires or trunks lie on each other, whatever the pins."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from rnnsym.pictures.channel import CLEARANCE, LEFT, RIGHT, Net, route


def apart(values: list[int]) -> list[float]:
    return [20.0 * v for v in values]


@st.composite
def nets(draw) -> list[Net]:
    """Nets with pins that keep their distance on each side, but may face each other."""
    left = apart(draw(st.lists(st.integers(0, 12), unique=True, max_size=8)))
    right = apart(draw(st.lists(st.integers(0, 12), unique=True, max_size=8)))
    count = draw(st.integers(1, 5))
    sides: list[tuple[list[float], list[float]]] = [([], []) for _ in range(count)]
    for pin in left:
        sides[draw(st.integers(0, count - 1))][0].append(pin)
    for pin in right:
        sides[draw(st.integers(0, count - 1))][1].append(pin)
    return [Net(f"n{i}", tuple(a), tuple(b)) for i, (a, b) in enumerate(sides) if a or b]


@given(nets())
@settings(max_examples=300, deadline=None)
def test_nothing_lies_on_anything_else(given_nets):
    routing = route(given_nets)
    for a, b in combinations(routing.wires, 2):
        if a.net != b.net and abs(a.height - b.height) < CLEARANCE:
            spans = [(LEFT if w.start == LEFT else w.start, w.end) for w in (a, b)]
            assert min(s[1] for s in spans) <= max(s[0] for s in spans), (a, b)
    for a, b in combinations(routing.trunks, 2):
        if a.net != b.net and a.track == b.track:
            assert a.bottom + CLEARANCE <= b.top or b.bottom + CLEARANCE <= a.top


@given(nets())
@settings(max_examples=200, deadline=None)
def test_every_pin_is_reached(given_nets):
    routing = route(given_nets)
    for net in given_nets:
        if (net.left and net.right) or len(net.heights) > 1:
            wires = [w for w in routing.wires if w.net == net.key]
            assert {w.height for w in wires if w.start == LEFT} == set(net.left)
            assert {w.height for w in wires if w.end == RIGHT} == set(net.right)


def test_two_nets_that_change_places_need_a_third_trunk():
    routing = route([Net("a", (0.0,), (20.0,)), Net("b", (20.0,), (0.0,))])
    assert len(routing.trunks) == 3
