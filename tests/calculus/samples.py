"""The specimens of every operator, and expressions in which several operators meet."""

from __future__ import annotations

from rnnsym.algebra import Number
from rnnsym.algebra import operators as op
from rnnsym.proof.specimens import POSITIVE, SIZES, SPECIMENS, A, a, u, v, w

SAMPLES = {
    **{name: expression for name, expression in SPECIMENS.items() if not expression.has(op.TimeIs)},  # which has no value by itself
    "nested": op.apply("tanh", A @ (w * op.apply("sigmoid", a * w))) * u / (1 + op.SumEntries(v**2)),
    "branch whose other arm fails": op.Branch(op.Compare(">", u, Number(0)), op.apply("sqrt", op.apply("max", u, 0 * u)), u * v),
}

__all__ = ["POSITIVE", "SAMPLES", "SIZES", "SPECIMENS", "A", "a", "u", "v", "w"]
