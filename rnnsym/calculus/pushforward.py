"""The pushforward of every operator: tangents of its arguments become the tangent of its value.

Comes in: a node and one tangent per argument (None: the argument does not change). Goes out: the tangent of the node. Written
apart from the pullbacks, so that forward and reverse mode can be witnesses of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import Number, Quantity, Tensor
from rnnsym.calculus.elementwise import partials
from rnnsym.calculus.pullback import divide, one_less, scale, spread, where_nonzero
from rnnsym.errors import InternalError

Tangent = Tensor | None
Rule = Callable[[Basic, Sequence[Tangent]], Tensor]
PUSHFORWARDS: dict[type[Basic], Rule] = {}


def pushforward(*classes: type[Basic]) -> Callable[[Rule], Rule]:
    """Register a rule for operators."""

    def register(rule: Rule) -> Rule:
        for cls in classes:
            PUSHFORWARDS[cls] = rule
        return rule

    return register


def push(node: Basic, tangent_of: Callable[[Quantity], Tangent]) -> Tangent:
    """The tangent of an expression; None where nothing in it changes."""
    if isinstance(node, Quantity):
        return tangent_of(node)
    if isinstance(node, (op.StopGradient, op.Condition)) or not isinstance(node, Tensor) or not node.args:
        return None
    if isinstance(node, op.Total):
        inner = push(node.body, tangent_of)
        return None if inner is None else op.Total(inner)
    tangents = [push(argument, tangent_of) for argument in node.args]
    if all(tangent is None for tangent in tangents):
        return None
    rule = PUSHFORWARDS.get(type(node))
    if rule is None:
        raise InternalError.at("E902", f"no pushforward is known for {type(node).__name__}")
    result = rule(node, tangents)
    return op.Times(result, op.Ones(*node.shape)) if node.shape and not result.shape else result


def _linear(node: Basic, tangents: Sequence[Tangent]) -> Tensor:
    """A function that is linear in each argument: the sum of its values with one argument replaced by its tangent."""
    terms = []
    for index, tangent in enumerate(tangents):
        if tangent is not None:
            terms.append(node.func(*node.args[:index], tangent, *node.args[index + 1 :]))
    return op.Plus(*terms)


def _weighted(pairs: Sequence[tuple[Tangent, Tensor]]) -> Tensor:
    return op.Plus(*(scale(tangent, factor) for tangent, factor in pairs if tangent is not None))


@pushforward(op.Times, op.MatrixProduct, op.Outer, op.Dot, op.Negate, op.Transposed, op.Diagonal)
@pushforward(op.SumEntries, op.MeanEntries, op.Slice, op.Roll)
def push_linear(node: Basic, tangents: Sequence[Tangent]) -> Tensor:
    """d f(u, v) = f(du, v) + f(u, dv)."""
    return _linear(node, tangents)


@pushforward(op.Plus)
def push_sum(node: op.Plus, tangents: Sequence[Tangent]) -> Tensor:
    """d(u + v) = du + dv."""
    return op.Plus(*(d for d in tangents if d is not None))


@pushforward(op.Concat)
def push_concat(node: op.Concat, tangents: Sequence[Tangent]) -> Tensor:
    """d[a; b] = [da; db]."""
    filled = [op.zeros(part.shape) if d is None else d for part, d in zip(node.args, tangents, strict=True)]
    return op.Concat(*filled)


@pushforward(op.Quotient)
def push_quotient(node: op.Quotient, tangents: Sequence[Tangent]) -> Tensor:
    """d(u ⊘ v) = du ⊘ v - (u ⊘ v) ⊙ dv ⊘ v."""
    _, v = node.args
    du, dv = tangents
    terms = [] if du is None else [divide(du, v)]
    return op.Plus(*terms, *([] if dv is None else [op.Negate(divide(scale(dv, node), v))]))


@pushforward(op.Raise)
def push_power(node: op.Raise, tangents: Sequence[Tangent]) -> Tensor:
    """d(u^k) = k u^(k-1) du + u^k log u dk."""
    u, k = node.args
    du, dk = tangents
    terms = [] if du is None else [scale(scale(du, k), op.Raise(u, one_less(k)))]
    if dk is not None:
        terms.append(where_nonzero(u, scale(scale(dk, node), op.apply("log", u))))
    return op.Plus(*terms)


@pushforward(op.Elementwise)
def push_elementwise(node: op.Elementwise, tangents: Sequence[Tangent]) -> Tensor:
    """d f(u) = f'(u) ⊙ du."""
    return _weighted(list(zip(tangents[1:], partials(node), strict=True)))


@pushforward(op.Complement)
def push_complement(node: op.Complement, tangents: Sequence[Tangent]) -> Tensor:
    """d(1 - s) = -ds."""
    return op.Negate(tangents[0]) if tangents[0] is not None else op.zeros(node.shape)


@pushforward(op.Branch)
def push_branch(node: op.Branch, tangents: Sequence[Tangent]) -> Tensor:
    """d(u if … else v) is the tangent of the branch taken."""
    _, du, dv = tangents
    return op.Branch(node.args[0], Number(0) if du is None else du, Number(0) if dv is None else dv)


@pushforward(op.Norm)
def push_norm(node: op.Norm, tangents: Sequence[Tangent]) -> Tensor:
    """d‖u‖ = Σ u du / ‖u‖, 0 where u = 0."""
    inner = op.scalar_sum(op.Times(node.args[0], tangents[0]))
    return op.Branch(op.Compare(">", node, Number(0)), op.Quotient(inner, node), Number(0))


@pushforward(op.Softmax)
def push_softmax(node: op.Softmax, tangents: Sequence[Tangent]) -> Tensor:
    """d softmax(z) = p ⊙ (dz - pᵀ dz)."""
    (dz,) = tangents
    return op.Times(node, op.Plus(dz, op.Negate(op.Dot(node, dz))))


@pushforward(op.LogSoftmax)
def push_log_softmax(node: op.LogSoftmax, tangents: Sequence[Tangent]) -> Tensor:
    """d log softmax(z) = dz - pᵀ dz."""
    (dz,) = tangents
    return op.Plus(dz, op.Negate(op.Dot(op.Softmax(*node.args), dz)))


@pushforward(op.LogSumExp)
def push_logsumexp(node: op.LogSumExp, tangents: Sequence[Tangent]) -> Tensor:
    """d log Σ exp(z) = pᵀ dz."""
    return op.Dot(op.Softmax(*node.args), tangents[0])


def _loss_terms(node: Basic, tangents: Sequence[Tangent], slope_y: Callable[[], Tensor], slope_v: Callable[[Tensor], Tensor]) -> Tensor:
    """Σ (∂loss/∂y ⊙ dy) + Σ (∂loss/∂v ⊙ dv), spread over the longer of the two."""
    y, v = node.args
    dy, dv = tangents
    terms = []
    if dy is not None:
        terms.append(op.scalar_sum(op.Times(spread(dy, v), slope_y())))
    if dv is not None:
        terms.append(op.scalar_sum(slope_v(spread(dv, y))))
    return op.Plus(*terms)


@pushforward(op.CrossEntropy)
def push_cross_entropy(node: op.CrossEntropy, tangents: Sequence[Tangent]) -> Tensor:
    """d(-Σ y log p) = -Σ (log p dy + y ⊘ p dp)."""
    y, p = node.args
    return _loss_terms(
        node, tangents, lambda: op.Negate(op.apply("log", p)), lambda dp: where_nonzero(spread(y, dp), op.Negate(scale(divide(dp, p), y)))
    )


@pushforward(op.BinaryCrossEntropy)
def push_binary_cross_entropy(node: op.BinaryCrossEntropy, tangents: Sequence[Tangent]) -> Tensor:
    """d(binary cross-entropy) = Σ ((log(1-p) - log p) dy + ((1-y) ⊘ (1-p) - y ⊘ p) dp)."""
    y, p = node.args

    def slope_p(dp: Tensor) -> Tensor:
        on = where_nonzero(spread(y, dp), op.Negate(scale(divide(dp, p), y)))
        return op.Plus(on, where_nonzero(spread(1 - y, dp), scale(divide(dp, 1 - p), 1 - y)))

    return _loss_terms(node, tangents, lambda: op.apply("log", 1 - p) - op.apply("log", p), slope_p)


@pushforward(op.SquaredError)
def push_squared_error(node: op.SquaredError, tangents: Sequence[Tangent]) -> Tensor:
    """dΣ(v - y)² = Σ 2 (v - y) (dv - dy)."""
    y, v = node.args
    return _loss_terms(node, tangents, lambda: op.Times(Number(2), y - v), lambda dv: op.Times(Number(2), v - y, dv))


@pushforward(op.SoftmaxCrossEntropy)
def push_softmax_cross_entropy(node: op.SoftmaxCrossEntropy, tangents: Sequence[Tangent]) -> Tensor:
    """d(-Σ y log softmax(z)) = Σ (p Σy - y) dz - Σ log softmax(z) dy."""
    y, z = node.args
    full = spread(y, z)
    slope = op.Plus(op.Times(op.Softmax(z), op.scalar_sum(full)), op.Negate(full))
    return _loss_terms(node, tangents, lambda: op.Negate(op.LogSoftmax(z)), lambda dz: op.Times(slope, dz))


@pushforward(op.SigmoidCrossEntropy)
def push_sigmoid_cross_entropy(node: op.SigmoidCrossEntropy, tangents: Sequence[Tangent]) -> Tensor:
    """d(-Σ y log sigmoid(z)) = Σ softplus(-z) dy - Σ y sigmoid(-z) dz."""
    y, z = node.args
    return _loss_terms(node, tangents, lambda: op.apply("softplus", -z), lambda dz: op.Negate(op.Times(y, op.apply("sigmoid", -z), dz)))


@pushforward(op.SigmoidBinaryCrossEntropy)
def push_sigmoid_binary_cross_entropy(node: op.SigmoidBinaryCrossEntropy, tangents: Sequence[Tangent]) -> Tensor:
    """d(binary cross-entropy of y and sigmoid(z)) = Σ (sigmoid(z) - y) dz - Σ z dy."""
    y, z = node.args
    return _loss_terms(node, tangents, lambda: op.Negate(z), lambda dz: op.Times(op.apply("sigmoid", z) - y, dz))
