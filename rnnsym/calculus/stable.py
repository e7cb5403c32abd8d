"""Stable forms: one table of rewrites on a System, applied before anything is differentiated.

Comes in: a System as written. Goes out: a System in which `log(softmax(z))`, `1 - sigmoid(z)` and their like are taken as one, also when
the parts have names of their own, and the list of what was rewritten. No printer patches a formula.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.graph import reads
from rnnsym.algebra.system import Definition, System
from rnnsym.algebra.tensor import BOUND, Quantity, T, Tensor, at_time, t

Look = Callable[[Basic], Basic]  # a name replaced by what defines it, anything else unchanged


@dataclass(frozen=True)
class Rewrite:
    """One rewrite that was made: in which equation, by which law, from what, to what."""

    key: str
    law: str
    before: Tensor
    after: Tensor


def stabilise(system: System) -> tuple[System, tuple[Rewrite, ...]]:
    """The System in stable forms, and the rewrites that led there. One form may make way for another (a written-out softmax, then its
    logarithm), so the table is gone through until nothing changes; every rewrite leaves fewer functions than it found."""
    log: list[Rewrite] = []
    while True:
        before, look = len(log), _looking_through(system)

        def rewritten(definition: Definition, look: Look = look) -> Definition:
            return dataclasses.replace(definition, rhs=_rewrite(definition.rhs, look, definition.key, log))

        definitions = tuple(map(rewritten, system.definitions))
        boundaries = tuple(map(rewritten, system.boundaries))
        if len(log) == before:
            return system, tuple(log)
        system = dataclasses.replace(system, definitions=definitions, boundaries=boundaries)


def _looking_through(system: System) -> Look:
    """How a name is looked through: at the same step, at the first or last one, or static. An earlier or later step may lie outside
    1 … T, where the value is a boundary value and not what the equation says."""
    rules = {d.name: d.rhs for d in system.definitions}

    def look(node: Basic) -> Basic:
        seen = 0
        while isinstance(node, Quantity) and node.name in rules and seen < len(rules):
            time, rule = node.time, rules[node.name]
            if time is None or time == t:
                node = rule
            elif time == BOUND:
                node = rule.xreplace({t: BOUND})
            elif time in (T, 1) and all(read.delay in (0, None) for read in reads(rule)):
                node = at_time(rule, time)
            else:
                break
            seen += 1
        return node

    return look


def _rewrite(node: Basic, look: Look, key: str, log: list[Rewrite]) -> Basic:
    if isinstance(node, Quantity) or not node.args or not isinstance(node, (Tensor, op.Condition)):
        return node
    arguments = [_rewrite(a, look, key, log) for a in node.args]
    changed = any(a is not b for a, b in zip(arguments, node.args, strict=True))
    node = node.func(*arguments) if changed else node
    for law, rule in REWRITES:
        after = rule(node, look)
        if after is not None:
            log.append(Rewrite(key, law, node, after))
            return after
    return node


def _function(node: Basic, name: str) -> Tensor | None:
    """The argument u when the node is name(u)."""
    return node.arguments[0] if isinstance(node, op.Elementwise) and node.function == name else None


def _one_minus(node: Basic) -> Tensor | None:
    """s when the node is 1 - s."""
    if isinstance(node, op.Complement):
        return node.args[0]
    if isinstance(node, op.Plus) and len(node.args) == 2:
        for one, other in (node.args, node.args[::-1]):
            if op.is_one(one) and isinstance(other, op.Negate):
                return other.args[0]
    return None


def _sigmoid_argument(node: Basic, look: Look) -> Tensor | None:
    """u when the node is sigmoid(u), -u when it is 1 - sigmoid(u), by any names."""
    seen = look(node)
    inner = _function(seen, "sigmoid")
    if inner is not None:
        return inner
    complement = _one_minus(seen)
    inner = _function(look(complement), "sigmoid") if complement is not None else None
    return None if inner is None else op.Negate(inner)


def _softmax_argument(node: Basic, look: Look) -> Tensor | None:
    """z when the node is softmax(z) or exp(log_softmax(z)), by any names."""
    seen = look(node)
    if isinstance(seen, op.Softmax):
        return seen.args[0]
    inner = _function(seen, "exp")
    inner = look(inner) if inner is not None else None
    return inner.args[0] if isinstance(inner, op.LogSoftmax) else None


def _exp_argument(node: Basic, look: Look) -> Tensor | None:
    return _function(look(node), "exp")


def log_of_softmax(node: Basic, look: Look) -> Tensor | None:
    argument = _function(node, "log")
    z = None if argument is None else _softmax_argument(argument, look)
    return None if z is None else op.LogSoftmax(z)


def log_of_sigmoid(node: Basic, look: Look) -> Tensor | None:
    argument = _function(node, "log")
    u = None if argument is None else _sigmoid_argument(argument, look)
    return None if u is None else op.Negate(op.apply("softplus", op.Negate(u)))


def log_of_one_plus_exp(node: Basic, look: Look) -> Tensor | None:
    argument = _function(node, "log")
    u = None if argument is None else _one_plus_exp_argument(argument, look)
    return None if u is None else op.apply("softplus", u)


def log_of_sum_of_exp(node: Basic, look: Look) -> Tensor | None:
    argument = _function(node, "log")
    seen = None if argument is None else look(argument)
    if isinstance(seen, op.SumEntries):
        z = _exp_argument(seen.args[0], look)
        return op.LogSumExp(z) if z is not None and z.rank == 1 else None
    return None


def log_of_exp(node: Basic, look: Look) -> Tensor | None:
    argument = _function(node, "log")
    return None if argument is None else _exp_argument(argument, look)


def one_minus_sigmoid(node: Basic, look: Look) -> Tensor | None:
    s = _one_minus(node) if isinstance(node, op.Plus) else None
    u = None if s is None else _function(look(s), "sigmoid")
    if u is None:
        return None
    return op.Complement(s, u) if isinstance(s, Quantity) else op.apply("sigmoid", op.Negate(u))


def exp_over_sum(node: Basic, look: Look) -> Tensor | None:
    if not isinstance(node, op.Quotient) or node.rank != 1:
        return None
    z, total = _exp_argument(node.args[0], look), look(node.args[1])
    if z is not None and isinstance(total, op.SumEntries) and _exp_argument(total.args[0], look) == z:
        return op.Softmax(z)
    return None


def _one_plus_exp_argument(node: Basic, look: Look) -> Tensor | None:
    """u when the node is 1 + exp(u), by any names."""
    seen = look(node)
    if isinstance(seen, op.Plus) and len(seen.args) == 2:
        for one, other in (seen.args, seen.args[::-1]):
            if op.is_one(one):
                return _exp_argument(other, look)
    return None


def _quotient(node: Basic) -> tuple[Tensor, Tensor] | None:
    """u and v when the node is u / v or, with u = 1, v ** -1."""
    if isinstance(node, op.Quotient):
        return node.args
    if isinstance(node, op.Raise) and node.args[1] == op.Negate(op.Number(1)):
        return op.Number(1), node.args[0]
    return None


def sigmoid_written_out(node: Basic, look: Look) -> Tensor | None:
    parts = _quotient(node)
    u = None if parts is None else _one_plus_exp_argument(parts[1], look)
    if parts is None or u is None:
        return None
    if op.is_one(look(parts[0])):
        return op.apply("sigmoid", op.Negate(u))
    return op.apply("sigmoid", u) if _exp_argument(parts[0], look) == u else None


def tanh_written_out(node: Basic, look: Look) -> Tensor | None:
    if not isinstance(node, op.Quotient):
        return None
    above, below = look(node.args[0]), look(node.args[1])
    if not isinstance(above, op.Plus) or not isinstance(below, op.Plus) or not len(above.args) == len(below.args) == 2:
        return None
    if not isinstance(above.args[1], op.Negate):
        return None
    u, minus_u = _exp_argument(above.args[0], look), _exp_argument(above.args[1].args[0], look)
    terms = [_exp_argument(term, look) for term in below.args]
    is_tanh = u is not None and minus_u == op.Negate(u) and terms in ([u, minus_u], [minus_u, u])
    return op.apply("tanh", u) if is_tanh else None


def less_its_logsumexp(node: Basic, look: Look) -> Tensor | None:
    if not isinstance(node, op.Plus) or len(node.args) != 2 or not isinstance(node.args[1], op.Negate):
        return None
    z, total = node.args[0], look(node.args[1].args[0])
    return op.LogSoftmax(z) if isinstance(total, op.LogSumExp) and look(total.args[0]) == look(z) else None


def exp_of_log_softmax(node: Basic, look: Look) -> Tensor | None:
    argument = _function(node, "exp")
    seen = None if argument is None else look(argument)
    return op.Softmax(seen.args[0]) if isinstance(seen, op.LogSoftmax) else None


def cross_entropy_of_softmax(node: Basic, look: Look) -> Tensor | None:
    if not isinstance(node, op.CrossEntropy):
        return None
    z = _softmax_argument(node.args[1], look)
    return None if z is None else op.SoftmaxCrossEntropy(node.args[0], z)


def cross_entropy_of_sigmoid(node: Basic, look: Look) -> Tensor | None:
    if not isinstance(node, (op.CrossEntropy, op.BinaryCrossEntropy)):
        return None
    u = _sigmoid_argument(node.args[1], look)
    fused = op.SigmoidCrossEntropy if isinstance(node, op.CrossEntropy) else op.SigmoidBinaryCrossEntropy
    return None if u is None else fused(node.args[0], u)


REWRITES: tuple[tuple[str, Callable[[Basic, Look], Tensor | None]], ...] = (
    ("log softmax(z) = z - log Σ exp(z)", log_of_softmax),
    ("log sigmoid(u) = -softplus(-u)", log_of_sigmoid),
    ("log(1 + exp(u)) = softplus(u)", log_of_one_plus_exp),
    ("log Σ exp(z), computed as one", log_of_sum_of_exp),
    ("log exp(u) = u", log_of_exp),
    ("exp(z) / Σ exp(z) = softmax(z)", exp_over_sum),
    ("1 / (1 + exp(-u)) = sigmoid(u)", sigmoid_written_out),
    ("(exp(u) - exp(-u)) / (exp(u) + exp(-u)) = tanh(u)", tanh_written_out),
    ("z - log Σ exp(z) = log softmax(z)", less_its_logsumexp),
    ("exp(log softmax(z)) = softmax(z)", exp_of_log_softmax),
    ("1 - sigmoid(u) = sigmoid(-u)", one_minus_sigmoid),
    ("cross-entropy of a softmax, computed as one", cross_entropy_of_softmax),
    ("cross-entropy of a sigmoid, computed as one", cross_entropy_of_sigmoid),
)

__all__ = ["REWRITES", "Rewrite", "stabilise"]
