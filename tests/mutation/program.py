"""Mutants of the program: scheduling, batching, lowering."""

from __future__ import annotations

from mutation.mutant import Mutant

MUTANTS: list[Mutant] = []
