"""Random well-shaped expressions: read with the shape they were made with, and read back equal from what is printed."""

from __future__ import annotations

import random

import pytest

from rnnsym.algebra import Tensor, sizes
from rnnsym.algebra.sizes import same_shape
from rnnsym.errors import ModelError
from rnnsym.language import parse

N, M = sizes("n m")
_DATA = "s: input\nu: input[n]\nv: input[m]\nA: input[n, m]\nB: input[n, n]\nc: constant\nW: param[m, n]\np: input[n]\n"
_LEAVES = {
    (): ["s[t]", "s[t-1]", "c", "2", "0.5", "1", "pi", "n", "0"],
    (N,): ["u[t]", "u[t+2]", "p[T]", "ones(n)", "u[1]"],
    (M,): ["v[t]", "v[t-3]", "ones(m)"],
    (N, M): ["A[t]", "W.T"],
    (M, N): ["W", "A[t].T"],
    (N, N): ["B[t]", "B[t-1].T", "eye(n)", "diag(u[t])"],
    (M, M): ["W @ A[t]", "eye(m)", "outer(v[t], v[t-1])"],
}
_UNARY = ["sigmoid", "tanh", "relu", "exp", "abs", "sign", "sin", "cos", "erf", "softplus", "silu", "gelu", "elu", "stop_gradient"]
_COMPARISONS = ("<", "<=", ">", ">=")


def expression(shape: tuple, depth: int, chance: random.Random) -> str:
    """An expression of that shape, every part in brackets or not by chance."""
    if depth == 0 or chance.random() < 0.1:
        return chance.choice(_LEAVES[shape])

    def inner(other: tuple = shape) -> str:
        text = expression(other, depth - 1, chance)
        return f"({text})" if not text.isalnum() else text

    def loose() -> str:
        return inner(() if chance.random() < 0.3 else shape)

    kinds = ["+", "-", "*", "/", "negate", "power", "unary", "min", "choice", "step"]
    kinds += {0: ["dot", "sum", "norm", "loss"], 1: ["product", "softmax", "slice", "roll"], 2: ["outer", "product", "transpose"]}[
        len(shape)
    ]
    kind = chance.choice(kinds)
    if kind in "+-*/":
        left = inner()
        return f"{left} {kind} {loose()}" if kind != "/" else f"{left} / (2 + {loose()}**2)"
    square = chance.choice([(N,), (M,)])
    return {
        "negate": lambda: f"-{inner()}",
        "power": lambda: f"{inner()}**{chance.choice(['2', '3', '0.5', inner(())])}",
        "unary": lambda: f"{chance.choice(_UNARY)}({inner()})",
        "min": lambda: f"{chance.choice(['min', 'max'])}({inner()}, {loose()}, {loose()})",
        "choice": lambda: f"{inner()} if {loose()} {chance.choice(_COMPARISONS)} {loose()} else {inner()}",
        "step": lambda: f"{inner()} if t == {chance.choice('1T')} else {inner()}",
        "dot": lambda: f"dot({inner(square)}, {inner(square)})",
        "sum": lambda: f"{chance.choice(['sum', 'mean'])}({inner(chance.choice([(N,), (N, M)]))})",
        "norm": lambda: f"norm({inner((M, N))})",
        "loss": lambda: f"squared_error({inner(square)}, {inner(square)})",
        "product": lambda: f"{inner((shape[0], N))} @ {inner((N, *shape[1:]))}",
        "softmax": lambda: f"{chance.choice(['softmax', 'log_softmax'])}({inner()})",
        "slice": lambda: f"concat({inner(())}, {inner()}, {inner((N,))})[1:{shape[0]} + 1]",
        "roll": lambda: f"roll({inner()}, {chance.choice(['1', '-2'])})",
        "outer": lambda: f"outer({inner(shape[:1])}, {inner(shape[1:])})",
        "transpose": lambda: f"{inner(shape[::-1])}.T",
    }[kind]()


def check(text: str, shape: tuple) -> Tensor | None:
    """Read, compare the shape, read back. A division by what folds to zero is refused, rightly."""
    try:
        system = parse(text)
    except ModelError as error:
        assert ({d.code for d in error.diagnostics} <= {"E302", "E107"} and "zero" in str(error)) or "finite" in str(error), (
            f"{text}\n{error}"
        )
        return None
    assert same_shape(system.by_name["q"].shape, shape), text
    assert parse(str(system)) == system, text
    return system.defined["q"].rhs


@pytest.mark.parametrize("seed", range(8))
def test_random_expressions_have_their_shape_and_read_back_equal(seed):
    chance = random.Random(seed)
    for _ in range(15):
        shape = chance.choice(list(_LEAVES))
        lines = {0: "q: scalar\n", 1: f"q: vector[{', '.join(map(str, shape))}]\n", 2: f"q: matrix[{', '.join(map(str, shape))}]\n"}
        check(_DATA + lines[len(shape)] + f"q[t] = {expression(shape, chance.randint(1, 4), chance)}\n", shape)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
def test_many_random_expressions_have_their_shape_and_read_back_equal(seed):
    test_random_expressions_have_their_shape_and_read_back_equal(seed)
