"""The normal form of sums: deltas are collapsed, ranges decided, also where an index is a number in the summand."""

from __future__ import annotations

import sympy
from sympy import KroneckerDelta, Sum

from rnnsym.proof.index_form import Within
from rnnsym.proof.sums import Normal

n = sympy.Symbol("n", positive=True, integer=True)
i, j, k = (sympy.Symbol(name, integer=True, nonnegative=True) for name in "ijk")
u = sympy.IndexedBase("u", real=True)


def test_a_delta_puts_one_index_for_the_other():
    assert Normal({j: n})(Sum(KroneckerDelta(i, j) * u[i], (i, 0, n - 1))) == u[j]
    assert Normal({j: n})(Sum(KroneckerDelta(i, j + 1) * u[i], (i, 0, n - 1))) == u[j + 1] * Within(j + 1, 0, n)


def test_an_index_that_is_a_factor_may_become_a_sum():
    whole = Sum(KroneckerDelta(i, j + 1) * i, (i, 0, n))  # j + 1 ≤ n: the range holds
    assert sympy.expand(Normal({j: n})(whole) - (j + 1)) == 0
    twice = Sum(KroneckerDelta(i, j + 1) * i * Sum(KroneckerDelta(k, i + 2) * k, (k, 0, n + 3)), (i, 0, n))
    normal = Normal({j: n})
    assert normal.is_zero(normal(twice - (j + 1) * (j + 3))) and not normal.is_zero(normal(twice - (j + 1) * (j + 2)))
