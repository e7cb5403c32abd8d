"""Preparation: the System that is differentiated and computed, from the System as written.

Comes in: a System. Goes out: an equal one in stable forms, with pre-activations, operands and repeated parts named.
"""

from __future__ import annotations

from rnnsym.algebra.system import System
from rnnsym.calculus.naming import name_arguments, name_repeated
from rnnsym.calculus.stable import stabilise


def prepare(system: System) -> System:
    """Stable forms first, then names for the parts."""
    stable, _ = stabilise(system)
    return name_repeated(name_arguments(stable))
