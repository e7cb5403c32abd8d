"""Stages written by hand: arrays, operations and stages in one line each, for tests of one pass."""

from __future__ import annotations

import re

import sympy

from rnnsym.program.ops import ALONE, ALWAYS, PER_STEP, Amount, Cell, Guard, Op, Ref, Stage

N, M = sympy.symbols("n m", positive=True, integer=True)
ON_REQUEST, WITH_TARGET = Guard(wanted=frozenset(["x"])), Guard(needs=frozenset(["y"]))


def arrays(*names: str, shape=(N,), axes: int = PER_STEP, kind: str = "variable", **more) -> dict[str, Cell]:
    """What is known of arrays: those whose name begins with % are parts of equations."""
    return {name: Cell(name, "part" if name.startswith("%") else kind, shape, axes, **more) for name in names}


def values(*names: str, **more) -> dict[str, Cell]:
    """Arrays without an axis of time or batch."""
    return arrays(*names, axes=ALONE, **{"kind": "param", **more})


def operation(text: str, guard: Guard = ALWAYS, numbers: tuple[int, ...] = (), details: tuple = (), place: str = "") -> Op:
    """`h = add(a[t], b[t-1], W, 2)`."""
    out, function, inner = re.fullmatch(r"(\S+) = (\w+)\((.*)\)", text).groups()
    args = []
    for word in filter(None, (w.strip() for w in inner.split(", "))):
        name, when = re.fullmatch(r"([^\[]+)(?:\[t([+-]\d+)?\])?", word).groups()
        delay = int(when or 0) if "[" in word else None
        args.append(Amount(sympy.sympify(word)) if re.fullmatch(r"[\d.]+", word) else Ref(name, delay))
    return Op(out, function, tuple(args), details, numbers, guard, place)


def stage(kind: str, *ops: str | Op) -> Stage:
    """`stage("scan ←", "h = tanh(h[t+1])")`."""
    word, _, arrow = kind.partition(" ")
    return Stage(word, {"": 0, "→": 1, "←": -1}[arrow], tuple(operation(o) if isinstance(o, str) else o for o in ops))


def told(stages: list[Stage]) -> list[tuple[str, list[str]]]:
    """Stages as they are read: kind with arrow, operations."""
    return [(s.kind + {1: " →", -1: " ←", 0: ""}[s.direction], [str(op) for op in s.ops]) for s in stages]
