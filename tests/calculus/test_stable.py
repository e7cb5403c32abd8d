"""Stable forms: what is taken as one, also by name, and what is left alone."""

from __future__ import annotations

import pytest

from rnnsym.calculus.stable import stabilise
from rnnsym.language import parse

HEAD = "z: input[n]\ny: target[n]\nu: vector[n]\n"

FORMS = {
    "u[t] = log(softmax(z[t]))": "log_softmax(z[t])",
    "u[t] = log(sigmoid(z[t]))": "-softplus(-z[t])",
    "u[t] = log(1 - sigmoid(z[t]))": "-softplus(z[t])",
    "u[t] = 1 - sigmoid(z[t])": "sigmoid(-z[t])",
    "u[t] = log(1 + exp(z[t]))": "softplus(z[t])",
    "u[t] = log(exp(z[t]) + 1)": "softplus(z[t])",
    "u[t] = log(sum(exp(z[t]))) * ones(n)": "logsumexp(z[t]) * ones(n)",
    "u[t] = exp(z[t]) / sum(exp(z[t]))": "softmax(z[t])",
    "u[t] = 1 / (1 + exp(-z[t]))": "sigmoid(z[t])",
    "u[t] = log(1 / (1 + exp(-z[t])))": "-softplus(-z[t])",
    "u[t] = log(exp(z[t]) / sum(exp(z[t])))": "log_softmax(z[t])",
    "u[t] = exp(z[t]) / (1 + exp(z[t]))": "sigmoid(z[t])",
    "u[t] = exp(-z[t]) / (exp(-z[t]) + 1)": "sigmoid(-z[t])",
    "u[t] = (1 + exp(-z[t]))**(-1)": "sigmoid(z[t])",
    "e[t] = exp(z[t])\nu[t] = e[t] / (1 + e[t])": "sigmoid(z[t])",
    "u[t] = 1 - 1 / (1 + exp(-z[t]))": "sigmoid(-z[t])",
    "u[t] = log(1 - exp(z[t]) / (1 + exp(z[t])))": "-softplus(z[t])",
    "u[t] = log(1 + exp(-abs(z[t])))": "softplus(-abs(z[t]))",
    "u[t] = (exp(z[t]) - exp(-z[t])) / (exp(z[t]) + exp(-z[t]))": "tanh(z[t])",
    "a[t] = exp(z[t])\nb[t] = exp(-z[t])\nu[t] = (a[t] - b[t]) / (b[t] + a[t])": "tanh(z[t])",
    "u[t] = z[t] - log(sum(exp(z[t])))": "log_softmax(z[t])",
    "u[t] = exp(z[t] - logsumexp(z[t]))": "softmax(z[t])",
    "def my_softmax(v):\n    top = logsumexp(v)\n    return exp(v - top)\nu[t] = log(my_softmax(z[t]))": "log_softmax(z[t])",
    "def my_softmax(v):\n    e = exp(v - mean(v))\n    return e / sum(e)\nu[t] = log(my_softmax(z[t]))": "log_softmax(z[t] - mean(z[t]))",
    "p[t] = softmax(z[t])\nu[t] = log(p[t])": "log_softmax(z[t])",
    "s[t] = sigmoid(z[t])\nq[t] = 1 - s[t]\nu[t] = log(q[t])": "-softplus(z[t])",
    "e[t] = exp(z[t])\na[t] = sum(e[t])\nu[t] = log(a[t]) * ones(n)": "logsumexp(z[t]) * ones(n)",
}
KEPT = (
    "u[t] = log(1 + z[t])",
    "u[t] = 1 - tanh(z[t])",
    "p[t] = softmax(z[t])\nu[t] = log(p[t-1])",
    "u[t] = 2 - sigmoid(z[t])",
    "u[t] = exp(z[t]) / sum(exp(y[t]))",
    "M: input[n, n]\nu[t] = log(sum(exp(M[t]))) * ones(n)",
    "u[t] = exp(z[t]) / (1 + exp(-z[t]))",
    "u[t] = (exp(z[t]) - exp(-z[t])) / (exp(z[t]) + exp(z[t]))",
    "u[t] = z[t] - logsumexp(2 * z[t])",
    "p[t] = softmax(z[t-1])\nq = log(p[T])\nu[t] = q + z[t]",
)


@pytest.mark.parametrize("text", FORMS)
def test_a_form_is_taken_as_one(text):
    system, rewrites = stabilise(parse(HEAD + text))
    assert str(system.defined["u"].rhs) == FORMS[text] and rewrites


@pytest.mark.parametrize("text", KEPT)
def test_what_is_no_such_form_is_left_alone(text):
    system, rewrites = stabilise(parse(HEAD + text))
    assert system == parse(HEAD + text) and not rewrites


def test_one_minus_a_named_gate_is_computed_from_its_pre_activation_and_read_as_written():
    system, _ = stabilise(parse(HEAD + "s[t] = sigmoid(z[t])\nu[t] = (1 - s[t]) * z[t]"))
    assert str(system.defined["u"].rhs) == "(1 - s[t]) * z[t]" and type(system.defined["u"].rhs.args[0]).__name__ == "Complement"
