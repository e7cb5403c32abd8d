"""The vocabulary of array operations: which act entry by entry, and what they cost.

`ELEMENTWISE` words act on every entry alone and may write over an operand; the figures are flops for one entry of the result, the unit
of the cost model (a transcendental function counts as ten).
"""

from __future__ import annotations

ELEMENTWISE: dict[str, int] = {
    "copy": 0, "add": 1, "subtract": 1, "multiply": 1, "divide": 4, "negative": 1, "square": 1, "power": 20, "real": 0,
    "exp": 10, "log": 10, "sqrt": 4, "tanh": 10, "sin": 10, "cos": 10, "sigmoid": 14, "complement": 14, "relu": 1, "abs": 1, "sign": 1,
    "erf": 30, "softplus": 20, "silu": 15, "gelu": 34, "elu": 11, "min": 1, "max": 1, "mod": 6, "clip": 2, "where": 1,
    "less": 1, "less_equal": 1, "greater": 1, "greater_equal": 1,
    "cross_entropy_terms": 12, "binary_cross_entropy_terms": 24, "squared_error_terms": 2,
    "sigmoid_cross_entropy_terms": 22, "sigmoid_binary_cross_entropy_terms": 22,
}  # fmt: skip

UFUNCS = {
    "add": "add", "subtract": "subtract", "multiply": "multiply", "divide": "divide", "negative": "negative", "square": "square",
    "power": "power", "exp": "exp", "log": "log", "sqrt": "sqrt", "tanh": "tanh", "sin": "sin", "cos": "cos",
}  # fmt: skip
"""Words that are a ufunc of NumPy, with `out=`."""

COMPARISONS = {"less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">="}
