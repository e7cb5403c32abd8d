"""Derivatives of the elementwise functions, found by SymPy and written in terms of values already at hand.

Comes in: the name of a function, its arguments, its value. Goes out: one factor per argument, as tensors. SymPy differentiates
the closed form in `FORMULAS`; the result is rewritten in the function's own value F (tanh' = 1 - F²), or, where it is rational in
e^u, in the sigmoid of u. At kinks the conventions of the language hold; they are listed in `KINKS`.
"""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Abs, Piecewise, Rational, cos, erf, exp, log, sign, sin, sqrt, tanh

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import Number, Tensor

u = sympy.Symbol("u", real=True)  # the argument
F = sympy.Symbol("F", real=True)  # the function's own value
S = sympy.Symbol("S", real=True)  # sigmoid(u)
_E = sympy.Symbol("E", positive=True)  # e^u

FORMULAS: dict[str, sympy.Expr] = {
    "sigmoid": 1 / (1 + exp(-u)),
    "tanh": tanh(u),
    "relu": Piecewise((u, u > 0), (0, True)),
    "exp": exp(u),
    "log": log(u),
    "sqrt": sqrt(u),
    "abs": Abs(u),
    "sign": Piecewise((1, u > 0), (-1, u < 0), (0, True)),
    "sin": sin(u),
    "cos": cos(u),
    "erf": erf(u),
    "softplus": log(1 + exp(u)),
    "silu": u / (1 + exp(-u)),
    "gelu": u * (1 + erf(u / sqrt(2))) / 2,
    "elu": Piecewise((u, u > 0), (exp(u) - 1, True)),
}

KINKS = {
    "relu": "relu'(0) = 0",
    "abs": "abs'(0) = sign(0) = 0",
    "sign": "sign'(u) = 0 everywhere",
    "clip": "clip has slope 1 on the closed interval",
    "max": "at a tie, each side of max gets half",
    "min": "at a tie, each side of min gets half",
    "mod": "mod(u, m) has derivatives 1 and -floor(u/m)",
}


@cache
def derivative(name: str) -> sympy.Expr:
    """f'(u) as an expression in u, F = f(u) and S = sigmoid(u).

    >>> derivative("tanh"), derivative("sigmoid"), derivative("softplus")
    (1 - F**2, F*(1 - F), S)
    """
    formula = FORMULAS[name]
    plain = sympy.diff(formula, u)
    in_value = plain.subs(formula, F)
    if not in_value.has(u):
        return in_value
    if formula.has(exp) and not formula.has(Piecewise):
        return _in_sigmoid(plain, name)
    if isinstance(plain, Piecewise):
        return Piecewise(*((_arm(value, formula, index), condition) for index, (value, condition) in enumerate(plain.args)))
    return plain


def _arm(value: sympy.Expr, formula: Piecewise, index: int) -> sympy.Expr:
    """A branch of a derivative, through the value of the same branch of the function: e^u = F + 1 where F = e^u - 1."""
    own = formula.args[index][0]
    if not value.has(exp):
        return value
    constant = sympy.simplify(value - own)
    return F + constant if constant.is_number else value


def _in_sigmoid(plain: sympy.Expr, name: str) -> sympy.Expr:
    """What is rational in e^u, in the sigmoid: e^u = S / (1 - S); and u S = F for a function that is u times its sigmoid."""
    rational = plain.subs(exp(-u), 1 / _E).subs(exp(u), _E)
    inner = sympy.cancel(rational.subs(_E, S / (1 - S)))
    if sympy.cancel(FORMULAS[name].subs(exp(-u), 1 / _E).subs(exp(u), _E).subs(_E, S / (1 - S)) - u * S) == 0:
        inner = sympy.collect(sympy.expand(sympy.cancel(inner.subs(u, F / S))), S)
    own = F if name == "sigmoid" else S
    return _positive_factors(sympy.factor(inner) if not inner.has(F) else inner).subs(S, own)


def _positive_factors(expression: sympy.Expr) -> sympy.Expr:
    """-S (S - 1) as S (1 - S): a sign goes into a factor that ends in -1."""
    coefficient, factors = expression.as_coeff_mul()
    if coefficient != -1:
        return expression
    for index, factor in enumerate(factors):
        if factor.is_Add and factor.as_coeff_Add()[0] == -1:
            return sympy.Mul(*factors[:index], sympy.Add(1, -(factor + 1), evaluate=True), *factors[index + 1 :])
    return expression


def partials(node: op.Elementwise) -> tuple[Tensor, ...]:
    """∂f/∂argument for each argument of an elementwise function, as factors of its shape or scalars."""
    if node.function in _SEVERAL:
        return _SEVERAL[node.function](node)
    (argument,) = node.arguments
    values = {u: argument, F: node, S: op.Elementwise("sigmoid", argument)}
    return (as_expression(derivative(node.function), values),)


def _extremum(above: str, below: str):
    def rule(node: op.Elementwise) -> tuple[Tensor, ...]:
        a, b = node.arguments
        half = Number(Rational(1, 2))
        wins = op.Branch(op.Compare(above, a, b), Number(1), op.Branch(op.Compare(below, a, b), Number(0), half))
        loses = op.Branch(op.Compare(above, a, b), Number(0), op.Branch(op.Compare(below, a, b), Number(1), half))
        return wins, loses

    return rule


def _mod(node: op.Elementwise) -> tuple[Tensor, ...]:
    a, m = node.arguments
    return Number(1), op.Negate(op.Quotient(op.Plus(a, op.Negate(node)), m))  # (u - mod(u, m)) / m is floor(u/m)


def _clip(node: op.Elementwise) -> tuple[Tensor, ...]:
    a, low, high = node.arguments
    below, above = op.Compare("<", a, low), op.Compare(">", a, high)
    inside = op.Branch(below, Number(0), op.Branch(above, Number(0), Number(1)))
    return inside, op.Branch(below, Number(1), Number(0)), op.Branch(above, Number(1), Number(0))


_SEVERAL = {"max": _extremum(">", "<"), "min": _extremum("<", ">"), "mod": _mod, "clip": _clip}


def as_expression(expression: sympy.Expr, values: dict[sympy.Symbol, Tensor]) -> Tensor:
    """A SymPy expression in u, F and S as a tensor expression."""
    if expression in values:
        return values[expression]
    if expression.is_number:
        return Number(expression)
    if isinstance(expression, Piecewise):
        return _branches(expression.args, values)
    arguments = [as_expression(a, values) for a in _readable(expression)]
    if expression.is_Add:
        return op.Plus(*arguments)
    if expression.is_Mul:
        return _product(expression, values)
    if expression.is_Pow and not isinstance(expression, exp):
        return op.Quotient(Number(1), arguments[0]) if expression.exp == -1 else op.Raise(*arguments)
    return op.Elementwise(_FUNCTION_NAMES[expression.func], *arguments)


def _product(expression: sympy.Mul, values: dict[sympy.Symbol, Tensor]) -> Tensor:
    """One number, then the factors above the line, over those below it (e^{-x} stays above: e^x could overflow)."""
    constant, above, below = sympy.Integer(1), [], []
    for factor in expression.args:
        if factor.is_number:
            constant *= factor
        elif factor.is_Pow and factor.exp.is_negative and not isinstance(factor, exp):
            below.append(1 / factor)
        else:
            above.append(factor)
    if below and constant.is_Rational and constant.q != 1:
        below, constant = [sympy.Integer(constant.q), *below], sympy.Integer(constant.p)
    numbers = [] if constant == 1 else [Number(constant)]
    top = op.Times(*numbers, *(as_expression(f, values) for f in above))
    return op.Quotient(top, op.Times(*(as_expression(f, values) for f in below))) if below else top


def _readable(expression: sympy.Expr) -> tuple[sympy.Expr, ...]:
    """Arguments in the order of print: a positive number first in a sum, so that it reads 1 - F²."""
    if expression.is_Add:
        constant, *_ = expression.as_coeff_Add()
        others = sorted((a for a in expression.args if not a.is_number), key=lambda a: (a.could_extract_minus_sign(), str(a)))
        return ((constant, *others) if constant > 0 else (*others, constant)) if constant != 0 else tuple(others)
    return expression.args


def _branches(arms: tuple, values: dict[sympy.Symbol, Tensor]) -> Tensor:
    (value, condition), *others = arms
    if condition is sympy.true or not others:
        return as_expression(value, values)
    compare = op.Compare(condition.rel_op, as_expression(condition.lhs, values), as_expression(condition.rhs, values))
    return op.Branch(compare, as_expression(value, values), _branches(tuple(others), values))


_FUNCTION_NAMES = {tanh: "tanh", exp: "exp", log: "log", Abs: "abs", sign: "sign", sin: "sin", cos: "cos", erf: "erf"}
