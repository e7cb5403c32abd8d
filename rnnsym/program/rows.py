"""Ranges of rows: which follow each other, which lie inside others."""

from __future__ import annotations

from collections.abc import Iterable

import sympy

from rnnsym.program.ops import Bounds, Ref


def at_least(a: sympy.Expr, b: sympy.Expr) -> bool:
    """Whether a >= b for all positive sizes."""
    difference = sympy.expand(a - b)
    return difference == 0 or bool(difference.is_nonnegative)


def chained(bounds: Iterable[Bounds], whole: Bounds) -> list[Bounds]:
    """Bounds that follow each other from the beginning of the whole to its end; [] where there are gaps."""
    rest, found, place = list(bounds), [], whole[0]
    while sympy.expand(place - whole[1]) != 0:
        following = next((b for b in rest if sympy.expand(b[0] - place) == 0), None)
        if following is None:
            return []
        rest.remove(following)
        found.append(following)
        place = following[1]
    return found


def outermost(refs: list[Ref]) -> list[Ref]:
    """References without those that lie inside others."""

    def inside(a: Ref, b: Ref) -> bool:
        if a == b or a.name != b.name or a.delay != b.delay:
            return False
        return b.rows is None or (a.rows is not None and at_least(a.rows[0], b.rows[0]) and at_least(b.rows[1], a.rows[1]))

    return [a for k, a in enumerate(refs) if not any(inside(a, b) for j, b in enumerate(refs) if j != k)]


__all__ = ["at_least", "chained", "outermost"]
