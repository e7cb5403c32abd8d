"""Expressions of numbers alone: their value as a float, so that what no machine can hold is refused and never worked out.

Comes in: an expression. Goes out: a float, or None when it holds anything but numbers. `9**9**9` overflows here, at once.
"""

from __future__ import annotations

import math

from rnnsym.language.syntax import Name, Negative, Node, Num, Power, Product, Ratio, Sum


def constant(node: Node) -> float | None:
    """The value of an expression of numbers alone, as a float (inf or nan where it is none); None when it holds anything else."""
    if isinstance(node, Num):
        return float(node.value)
    if not isinstance(node, (Sum, Product, Negative, Ratio, Power)):
        return math.pi if isinstance(node, Name) and node.name == "pi" else None
    values = [constant(c) for c in node.children]
    numbers = [v for v in values if v is not None]
    if len(numbers) < len(values):
        return None
    try:
        if isinstance(node, Negative):
            return -numbers[0]
        if isinstance(node, Sum):
            return math.fsum(numbers)
        if isinstance(node, Product):
            return math.prod(numbers)
        result = numbers[0] / numbers[1] if isinstance(node, Ratio) else numbers[0] ** numbers[1]
        return result if isinstance(result, float) else math.nan
    except (OverflowError, ZeroDivisionError, ValueError):
        return math.nan
