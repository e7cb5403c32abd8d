"""Inlining: which errors are put into the equation that reads them."""

from __future__ import annotations

from dataclasses import replace

import rnnsym
from rnnsym.program.inlining import inlined
from rnnsym.program.program import Program
from rnnsym.program.schedule import schedule

TEXT = """x: input[n]
a[t] = W @ h[t+1]
b[t] = a[t] * x[t]
c[t] = tanh(b[t])
d[t] = c[t] + e[t+1]
e[t] = c[t]
h[t] = d[t] + e[t]
W: param[n, n]
"""


def program(text: str = TEXT) -> Program:
    system = rnnsym.parse(text)
    return schedule(system, numbers={d.key: k for k, d in enumerate(system.every_definition, 1)})


def rows(found: Program) -> list[str]:
    return [f"{s.definition.lhs} = {s.value}" for s in found.statements]


def test_a_chain_of_equations_of_one_step_becomes_one():
    found = inlined(program(), frozenset())
    assert rows(found) == ["c[t] = tanh(W @ h[t+1] * x[t])", "e[t] = c[t]", "h[t] = c[t] + e[t+1] + e[t]"]
    assert [(s.number, s.also) for s in found.statements] == [(3, (1, 2)), (5, ()), (6, (4,))]


def test_what_leaves_the_program_stays():
    assert rows(inlined(program(), frozenset(["b"])))[:2] == ["b[t] = W @ h[t+1] * x[t]", "c[t] = tanh(b[t])"]


def test_what_is_computed_on_other_occasions_stays():
    whole = program()
    (block,) = whole.blocks
    asked = tuple(replace(s, wanted=frozenset(["x"])) if s.name in ("a", "b") else s for s in block.statements)
    found = inlined(replace(whole, blocks=(replace(block, statements=asked),)), frozenset())
    assert rows(found)[:2] == ["b[t] = W @ h[t+1] * x[t]", "c[t] = tanh(b[t])"]


def test_outside_of_loops_nothing_is_put_together():
    apart = program("x: input[n]\na[t] = tanh(x[t])\nb[t] = exp(a[t])\n")
    assert rows(inlined(apart, frozenset())) == rows(apart) and len(rows(apart)) == 2
