"""Steps in index form, evaluated: is the left side equal to the right side for vectors of a few entries?

Comes in: a claim about SymPy expressions with free indices. Goes out: whether it holds. The evaluation is our own, with complex
numbers, so that a displayed derivative is compared with the complex step Im f(z + ih)/h of what is differentiated, not with SymPy's
`diff` again.
"""

from __future__ import annotations

import cmath
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product

import sympy
from sympy import Expr, Indexed, KroneckerDelta, Symbol

from rnnsym.documents.document import IndexClaim

_ENTRIES = 3
_STEP = 1e-40
_LENGTH = Symbol("n", integer=True, positive=True)
_Entry = tuple[str, int]  # of which vector, which place


@lru_cache(maxsize=256)
def holds_by_index(claim: IndexClaim, tolerance: float = 1e-9) -> bool:
    """Whether both sides are equal for every value of their free indices, for vectors of three entries; p is the softmax of z."""
    free = sorted((claim.left.free_symbols | claim.right.free_symbols) - {_LENGTH}, key=str)
    indices = [symbol for symbol in free if symbol.is_Symbol and symbol.is_integer]
    values = _point()
    for places in product(range(_ENTRIES), repeat=len(indices)):
        bound = dict(zip(indices, places, strict=True))
        left, right = (_value(side, bound, values) for side in (claim.left, claim.right))
        if abs(left - right) > tolerance * max(1.0, abs(right)):
            return False
    return True


def _point() -> dict[_Entry, complex]:
    """Entries that differ from each other."""
    values: dict[_Entry, complex] = {}
    for place in range(_ENTRIES):
        values["z", place] = (1 + 3 * place**2) / 11
        values["y", place] = (2 + 5 * place) / 7
    total = sum(cmath.exp(values["z", place]) for place in range(_ENTRIES))
    return values | {("p", place): cmath.exp(values["z", place]) / total for place in range(_ENTRIES)}


def _value(node: Expr, bound: Mapping[Symbol, int], values: Mapping[_Entry, complex]) -> complex:
    if isinstance(node, Indexed):
        return values[str(node.base), int(_value(node.indices[0], bound, values).real)]
    if isinstance(node, Symbol):
        return complex(_ENTRIES if node == _LENGTH else bound[node])
    if node.is_Number:
        return complex(node)
    if isinstance(node, sympy.Sum):
        return sum(_value(node.function, inner, values) for inner in _inside(node, bound, values))
    if isinstance(node, sympy.Derivative):
        ((entry, _),) = node.variable_count
        key = str(entry.base), int(_value(entry.indices[0], bound, values).real)
        moved = {**values, key: values[key] + 1j * _STEP}
        return complex(_value(node.expr, bound, moved).imag / _STEP)
    return _applied(node, [_value(argument, bound, values) for argument in node.args])


def _inside(node: sympy.Sum, bound: Mapping[Symbol, int], values: Mapping[_Entry, complex]) -> Iterator[dict[Symbol, int]]:
    index, first, last = node.limits[0]
    low, high = (int(_value(limit, bound, values).real) for limit in (first, last))
    return ({**bound, index: place} for place in range(low, high + 1))


def _applied(node: Expr, arguments: list[complex]) -> complex:
    if isinstance(node, sympy.Add):
        return sum(arguments, 0j)
    if isinstance(node, sympy.Mul):
        result = 1 + 0j
        for factor in arguments:
            result *= factor
        return result
    if isinstance(node, sympy.Pow):
        whole = arguments[1].imag == 0 and arguments[1].real == int(arguments[1].real)
        return arguments[0] ** (int(arguments[1].real) if whole else arguments[1])
    if isinstance(node, sympy.exp):
        return cmath.exp(arguments[0])
    if isinstance(node, sympy.log):
        return cmath.log(arguments[0])
    if isinstance(node, KroneckerDelta):
        return complex(arguments[0] == arguments[1])
    raise TypeError(f"no value for {type(node).__name__}")
