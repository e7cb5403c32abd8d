"""Specimens: one expression, or several, for every operator of the language, over quantities with different sizes.

Comes in: nothing. Goes out: expressions by name. The catalogue of laws proves both rules of each; tests measure them.
"""

from __future__ import annotations

import sympy

from rnnsym.algebra import Number, Quantity, sizes, t
from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import T

n, m, k = sizes("n m k")
SIZES = {"n": 3, "m": 4, "k": 5}

a, b = Quantity("a"), Quantity("b")
running = Quantity("v", (n,), t)
u, v, w = Quantity("u", (n,)), Quantity("v", (n,)), Quantity("w", (m,))
A, B, D = Quantity("A", (n, m)), Quantity("B", (m, k)), Quantity("D", (n, n))
probability, label = Quantity("q", (n,)), Quantity("y", (n,))
p_scalar, y_scalar = Quantity("q1"), Quantity("y1")

POSITIVE = {"q", "q1", "y", "y1"}  # drawn from (0.1, 0.9)

SPECIMENS = {
    "sum": op.Plus(u, v, a),
    "sum with a scalar": op.Plus(a, Number(2), b),
    "negation": op.Negate(u),
    "product": op.Times(a, u, v),
    "product of scalars": op.Times(a, b),
    "matrix times scalar": op.Times(a, A),
    "quotient": op.Quotient(u, 3 + v**2),
    "scalar over vector": op.Quotient(a, 3 + v**2),
    "vector over scalar": op.Quotient(u, 3 + a**2),
    "power": op.Raise(u, Number(3)),
    "negative power": op.Raise(3 + u**2, op.Negate(Number(1))),
    "power with exponent": op.Raise(probability, v),
    "power with scalar exponent": op.Raise(probability, a),
    **{f"function {name}": op.apply(name, u) for name in op.UNARY_FUNCTIONS if name not in ("log", "sqrt")},
    "function log": op.apply("log", probability),
    "function sqrt": op.apply("sqrt", probability),
    "max": op.apply("max", u, v),
    "max with a scalar": op.apply("max", u, a),
    "min of three": op.apply("min", u, v, a),
    "mod": op.apply("mod", u, probability),
    "clip": op.apply("clip", u, -probability, probability),
    "complement": op.Complement(op.apply("sigmoid", u), u),
    "branch": op.Branch(op.Compare(">", u, v), u * v, a),
    "branch over scalars": op.Branch(op.Compare("<=", a, b), u, v),
    "branch with a vector condition": op.Branch(op.Compare("<", u, Number(0)), a, b),
    "branch at the last step": op.Branch(op.TimeIs(t, T), u * v, a),
    "branch at the first step": op.Branch(op.TimeIs(t, sympy.Integer(1)), u, v),
    "matrix product": op.MatrixProduct(A, w),
    "product of matrices": op.MatrixProduct(A, B),
    "transpose": op.MatrixProduct(A.T, u),
    "outer": op.Outer(u, w),
    "dot": op.Dot(u, v),
    "diagonal times vector": op.MatrixProduct(op.Diagonal(u), v),
    "diagonal times matrix": op.MatrixProduct(op.Diagonal(u), A),
    "matrix times diagonal": op.MatrixProduct(A, op.Diagonal(w)),
    "diagonal in a sum": op.Plus(op.Diagonal(u), D),
    "identity": op.Plus(op.Identity(n), op.Negate(op.Outer(u, v))),
    "sum of entries": op.SumEntries(u),
    "sum of a matrix": op.SumEntries(A),
    "mean": op.MeanEntries(u),
    "mean of a matrix": op.MeanEntries(A),
    "norm": op.Norm(u),
    "norm of a matrix": op.Norm(A),
    "concat": op.Concat(u, a, w),
    "slice": op.Slice(op.Concat(u, w), 1, n),
    "slice to the end": op.Slice(op.Concat(u, w), n, n + m),
    "roll": op.Roll(u, 1),
    "roll back": op.Roll(w, -2),
    "stop gradient": op.Times(op.StopGradient(u), u),
    "softmax": op.Softmax(u),
    "log softmax": op.LogSoftmax(u),
    "logsumexp": op.LogSumExp(u),
    "cross entropy": op.CrossEntropy(label, probability),
    "cross entropy of scalars": op.CrossEntropy(y_scalar, p_scalar),
    "cross entropy, one label for all": op.CrossEntropy(y_scalar, probability),
    "binary cross entropy": op.BinaryCrossEntropy(label, probability),
    "binary cross entropy, one label for all": op.BinaryCrossEntropy(y_scalar, probability),
    "squared error": op.SquaredError(u, v),
    "squared error of a scalar": op.SquaredError(a, v),
    "softmax cross entropy": op.SoftmaxCrossEntropy(label, u),
    "sigmoid cross entropy": op.SigmoidCrossEntropy(label, u),
    "sigmoid binary cross entropy": op.SigmoidBinaryCrossEntropy(label, u),
    "sigmoid binary cross entropy of scalars": op.SigmoidBinaryCrossEntropy(y_scalar, a),
}

OVER_TIME = {"sum over time": op.Total(a * running * op.apply("tanh", running))}
"""Expressions that stand for all steps at once; the others are those of one step."""
