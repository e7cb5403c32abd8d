"""The functions that the language has: how many arguments each takes, and what it does to ranks.

A function is *elementwise* (its arguments meet, the result has their shape), *keeping* (one argument's shape is the result's),
*reducing* (the result is a scalar), or has a row of its own in ranks and shapes.
"""

from __future__ import annotations

from rnnsym.algebra.operators import FUNCTION_ARITY

MANY = 1_000  # what a function of any number of arguments takes at most
ELEMENTWISE = frozenset(FUNCTION_ARITY)
VECTOR_KEEPING = frozenset({"softmax", "log_softmax", "roll"})  # vector -> vector
KEEPING = VECTOR_KEEPING | {"stop_gradient", "total"}
LOSSES = frozenset({"cross_entropy", "binary_cross_entropy", "squared_error"})
ENTRIES = frozenset({"sum", "mean", "norm"})  # vector or matrix -> scalar
SIZED = frozenset({"eye", "ones"})  # their arguments are sizes
ARITY: dict[str, tuple[int, int]] = {
    **{name: (count, count) for name, count in FUNCTION_ARITY.items()},
    "min": (2, MANY), "max": (2, MANY), "concat": (1, MANY), "ones": (1, 2), "eye": (1, 1), "diag": (1, 1), "logsumexp": (1, 1),
    "softmax": (1, 1), "log_softmax": (1, 1), "dot": (2, 2), "outer": (2, 2), "split": (2, 2), "roll": (2, 2),
    "stop_gradient": (1, 1), "total": (1, 1), **dict.fromkeys(ENTRIES, (1, 1)), **dict.fromkeys(LOSSES, (2, 2)),
}  # fmt: skip
FOREIGN = {
    "matmul": "W @ x", "pow": "u**v", "power": "u**v", "maximum": "max(u, v)", "minimum": "min(u, v)", "concatenate": "concat(a, b)",
    "where": "a if u >= 0 else b", "hstack": "concat(a, b)", "stack": "concat(a, b)", "cat": "concat(a, b)", "transpose": "M.T",
    "ln": "log(u)", "logistic": "sigmoid(u)", "expit": "sigmoid(u)", "swish": "silu(u)", "sgn": "sign(u)", "absolute": "abs(u)",
    "square": "u**2", "tan": "sin(u) / cos(u)", "sinh": "(exp(u) - exp(-u)) / 2", "cosh": "(exp(u) + exp(-u)) / 2",
    "var": "mean((v - mean(v))**2)",
    "std": "sqrt(mean((v - mean(v))**2))", "identity": "eye(n)", "zeros": "0 * ones(n)", "mse": "squared_error(y, v)",
    "leaky_relu": "max(u, 0.01 * u)", "hard_sigmoid": "clip(0.2 * u + 0.5, 0, 1)", "heaviside": "1 if u >= 0 else 0",
    "step": "1 if u >= 0 else 0",
    "floor": "u - mod(u, 1)", "round": "u + 0.5 - mod(u + 0.5, 1)", "dropout": "a mask as an input: m[t] * u", "rand": "noise as an input",
    "randn": "noise as an input", "random": "noise as an input", "normal": "noise as an input", "uniform": "noise as an input",
    "bernoulli": "a mask as an input", "argmax": "softmax(z)", "inner": "dot(a, b)", "trace": "sum(diag(ones(n)) * M)",
    "kron": "outer(a, b)",
    "cumsum": "s[t] = s[t-1] + u[t]", "prod": "exp(sum(log(v)))", "rsqrt": "1 / sqrt(u)", "lambda_": "def f(u): return …",
    "hardtanh": "clip(u, -1, 1)", "selu": "1.0507 * (u if u > 0 else 1.67326 * (exp(u) - 1))", "len": "the size itself: n_h",
    "sigma": "sigmoid(u)", "sigm": "sigmoid(u)", "hadamard": "u * v", "multiply": "u * v", "add": "u + v", "logit": "log(u / (1 - u))",
    "nll": "cross_entropy(y, p)", "nll_loss": "cross_entropy(y, p)", "bce": "binary_cross_entropy(y, p)", "ce": "cross_entropy(y, p)",
    "bce_loss": "binary_cross_entropy(y, p)", "mse_loss": "squared_error(y, v)", "kl": "sum(p * (log(p) - log(q)))",
    "kl_div": "sum(p * (log(p) - log(q)))", "l2": "norm(v), or sum(v**2)", "l1": "sum(abs(v))", "einsum": "products with @, dot, outer",
    "softsign": "u / (1 + abs(u))", "mish": "u * tanh(softplus(u))", "log1p": "log(1 + u)", "expm1": "exp(u) - 1", "avg": "mean(v)",
    "layer_norm": "def layer_norm(z, gain, bias): …", "embedding": "E @ x[t], with x: token[n]", "linear": "W @ x[t] + b",
}  # fmt: skip


def arity_text(name: str) -> str:
    """`mod takes 2 arguments`, `max takes two or more`."""
    low, high = ARITY[name]
    words = ["one", "two", "three", "four"]
    if high == MANY:
        return f"{words[low - 1]} or more"
    return words[low - 1] if low == high else f"{words[low - 1]} or {words[high - 1]}"
