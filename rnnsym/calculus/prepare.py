"""Preparation: the System that is differentiated and computed, from the System as written.

Comes in: a System. Goes out: an equal one in stable forms, with pre-activations, operands and repeated parts named.
"""

from __future__ import annotations

from rnnsym.algebra.system import System
from rnnsym.calculus.naming import drop_unread, name_arguments, name_repeated
from rnnsym.calculus.stable import Rewrite, stabilise


def prepare(system: System) -> System:
    """The System with stable forms and names for its parts."""
    return prepare_and_report(system)[0]


def prepare_and_report(system: System) -> tuple[System, tuple[Rewrite, ...]]:
    """The prepared System, and what the stable forms replaced.

    Parts are named before the stable forms are looked for, because these look through names; and again after, for the parts of the
    stable forms themselves.
    """
    stable, rewrites = stabilise(name_arguments(system))
    return drop_unread(name_repeated(name_arguments(stable)), system), rewrites
