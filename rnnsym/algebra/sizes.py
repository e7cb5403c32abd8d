"""Sizes: the symbolic lengths of axes, as linear SymPy expressions in positive integer symbols.

Comes in: names and whole numbers. Goes out: `sympy.Expr`. Two sizes are equal when their difference expands to zero.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy

Shape = tuple[sympy.Expr, ...]


def size(name: str) -> sympy.Symbol:
    """The size called `name`: a positive integer symbol."""
    return sympy.Symbol(name, integer=True, positive=True)


def sizes(names: str) -> tuple[sympy.Symbol, ...]:
    """Several sizes at once, as symbols for whole numbers of one or more; two of different name are never taken to be equal.

    >>> sizes("n_x n_h")
    (n_x, n_h)
    """
    return tuple(size(name) for name in names.replace(",", " ").split())


def same_size(left: sympy.Expr, right: sympy.Expr) -> bool:
    """Whether two sizes are equal for all values of their symbols."""
    return left == right or sympy.expand(left - right) == 0


def same_shape(left: Shape, right: Shape) -> bool:
    """Whether two shapes have the same rank and equal sizes."""
    return left == right or (len(left) == len(right) and all(map(same_size, left, right)))


def shape_text(shape: Shape) -> str:
    """A shape as a person writes it.

    >>> shape_text((size("n_h"), size("n_x") + 1))
    '(n_h, n_x + 1)'
    """
    inner = ", ".join(size_text(s) for s in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def size_text(length: sympy.Expr) -> str:
    """A size as the language writes it: a sum of names with whole factors, positive terms first, in the order of their names.

    >>> size_text(4 * size("n_h") - size("n_x") + 2)
    '4*n_h - n_x + 2'
    """
    constant, terms = sympy.expand(length).as_coeff_Add()
    by_name = sorted(terms.as_coefficients_dict().items(), key=lambda item: (bool(item[1] < 0), str(item[0])))
    signed = [(factor, str(name) if abs(factor) == 1 else f"{abs(factor)}*{name}") for name, factor in by_name if name != 0 and factor != 0]
    if constant != 0 or not signed:
        signed.append((constant, str(abs(constant))))
    first, *others = signed
    head = first[1] if first[0] >= 0 else f"-{first[1]}"
    return head + "".join(f" {'+' if factor > 0 else '-'} {text}" for factor, text in others)


def size_value(length: sympy.Expr, values: Mapping[str, int]) -> int:
    """The whole number that a size has when its symbols have `values`."""
    return int(length.xreplace({s: sympy.Integer(values[s.name]) for s in length.free_symbols}))
