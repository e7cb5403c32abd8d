"""Python names for a model's names: what meets a keyword, a control argument or a helper gets a trailing underscore, in Python only.

Comes in: a System. Goes out: dictionaries from the model's names to Python's. Public names (`python_names`) are what callers see;
local names (`Locals`) are those inside the generated functions, where shifted reads have names of their own (`h_prev`, `b_next`).
"""

from __future__ import annotations

import builtins
import keyword

from rnnsym.algebra.system import System
from rnnsym.algebra.tensor import FINAL_LOSS
from rnnsym.backends.functions import FUNCTIONS

CONTROL = frozenset({"initial", "lengths", "work", "dtype", "rng", "wrt", "params", "trace", "state", "steps", "batch"})
MEMBERS = frozenset(
    {"vector", "sizes", "shapes", "copy", "save", "load", "from_arrays", "keys", "values", "items", "get", "inputs", "constants"}
)
MODULE = frozenset(
    {"np", "Params", "Gradients", "State", "Trace", "Values", "init_params", "initial_state", "forward", "backward", "loss_and_grads"}
    | {"step", "sgd_step", "plan", "layout", "Mapping", "Iterator", "Any", "NDArray", "ArrayLike", "annotations"}
)
BUILTINS = frozenset(
    {"max", "min", "zip", "range", "reversed", "float", "frozenset", "dict", "len", "slice", "tuple", "bool", "None", "True", "False"}
)
AXES = frozenset({"T", "B"})  # which no size can be called beside them
INSIDE = frozenset({"run", "t", "steps", "batch", "dtype", "data", "grads", "full", "cotangents", "saved", "values", "self"})


def reserved() -> frozenset[str]:
    """Names that a model's names give way to in Python."""
    return CONTROL | MEMBERS | MODULE | BUILTINS | frozenset(FUNCTIONS) | frozenset(keyword.kwlist)


def python_names(system: System) -> dict[str, str]:
    """The Python name of every name of a model, sizes included; most are the same.

    A name that meets a keyword, a control argument, a method or a function of the generated module gets a trailing underscore.
    """
    sizes = {s.name for s in system.sizes}
    names = [d.name for d in system.declarations] + [s.name for s in system.sizes]
    taken = set(names) | reserved() | AXES
    found = {}
    for name in names:
        wanted = "final_loss" if name == FINAL_LOSS else name
        clashes = wanted in reserved() or (name in sizes and name in AXES) or (name == FINAL_LOSS and wanted in names)
        while clashes:
            wanted += "_"
            clashes = wanted in taken
        taken.add(wanted)
        found[name] = wanted
    return found


class Locals:
    """Names inside the generated functions: one per buffer and delay, never two the same."""

    def __init__(self, system: System):
        self.public = python_names(system)
        self._taken = set(self.public.values()) | reserved() | INSIDE
        self._given: dict[tuple[str, object], str] = {}
        for name, public in self.public.items():
            self._given[name, 0] = self._fresh(public) if public in INSIDE else public

    def _fresh(self, wanted: str) -> str:
        while wanted in self._taken:
            wanted += "_"
        self._taken.add(wanted)
        return wanted

    def fresh(self, wanted: str) -> str:
        """A new name, `wanted` or one with a number behind it."""
        name, count = wanted, 1
        while name in self._taken or hasattr(builtins, name) or keyword.iskeyword(name):
            count += 1
            name = f"{wanted}_{count}"
        self._taken.add(name)
        return name

    def reserve(self, name: str) -> str:
        """A name that is derived from a fresh one and asked for again."""
        self._taken.add(name)
        return name

    def of(self, name: str, delay: int | str | None = 0) -> str:
        """The local name of a buffer read at `delay` steps from now; "all" is the array with its slots, "end" its values after T."""
        key = (name, delay or 0)
        if key not in self._given:
            base = self._given[name, 0]
            if isinstance(delay, int):
                count = "" if abs(delay) == 1 else str(abs(delay))
                wanted = f"{base}_{'prev' if delay < 0 else 'next'}{count}"
            else:
                wanted = f"{base}_{delay}"
            self._given[key] = self._fresh(wanted)
        return self._given[key]

    def part(self, number: int) -> str:
        """The name of a part of a long statement."""
        if ("part", number) not in self._given:
            self._given["part", number] = self._fresh(f"part_{number}")
        return self._given["part", number]
