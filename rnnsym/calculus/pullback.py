"""The pullback of every operator: a cotangent of its value becomes cotangents of its arguments.

Comes in: a node and the cotangent g of its value (g has the node's shape). Goes out: one cotangent per argument, or None where no
gradient flows. A rule is a named function in `PULLBACKS`; the first line of its docstring is the law it states, and documents
print it. `pull` applies the rules from the root of an expression to its quantities.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import sympy
from sympy import Basic

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import Shape
from rnnsym.algebra.tensor import Number, Quantity, Tensor
from rnnsym.calculus.elementwise import partials
from rnnsym.calculus.naming import fails_itself
from rnnsym.errors import InternalError

Rule = Callable[[Basic, Tensor], "Sequence[Tensor | None]"]
PULLBACKS: dict[type[Basic], Rule] = {}


def pullback(*classes: type[Basic]) -> Callable[[Rule], Rule]:
    """Register a rule for operators."""

    def register(rule: Rule) -> Rule:
        for cls in classes:
            PULLBACKS[cls] = rule
        return rule

    return register


def law(node: Basic) -> str:
    """The law that the node's pullback states."""
    return (PULLBACKS[type(node)].__doc__ or "").strip().split("\n")[0]


def law_title(stated: str) -> str:
    """What a law is called: `matrix product` for the law that `pull_matrix_product` states.

    >>> law_title(law(op.Plus(Quantity("u"), Quantity("v"))))
    'sum'
    """
    return _titles()[stated]


@cache
def _titles() -> dict[str, str]:
    named = ((rule.__doc__ or "", rule.__name__) for rule in PULLBACKS.values())
    return {text.strip().split("\n")[0]: name.removeprefix("pull_").replace("_", " ") for text, name in named}


@dataclass(frozen=True)
class Pulled:
    """One cotangent that reached a quantity: which quantity, the cotangent, the laws on the way, whether under a sum over time."""

    quantity: Quantity
    cotangent: Tensor
    laws: tuple[str, ...]
    summed: bool = False


def pull(node: Basic, g: Tensor, wanted: Callable[[Quantity], bool], laws: tuple[str, ...] = (), masked: bool = False) -> Iterator[Pulled]:
    """The cotangents of the wanted quantities of an expression, in the order of reading.

    A sum over time hands its cotangent to every step; what comes out of it is marked `summed` and stands at the generic step.
    A condition over scalars is put around what comes out of its branches. One over entries goes in with the cotangent; `masked`
    says that this has happened, and that entries of the cotangent may be zero because a branch is not taken.
    """
    if isinstance(node, Quantity):
        if wanted(node):
            yield Pulled(node, g, laws)
        return
    if not node.args or not any(wanted(q) for q in _quantities(node)):
        return
    if isinstance(node, op.Total):
        for inner in pull(node.body, g, wanted, (*laws, law(node)), masked):
            yield dataclasses.replace(inner, summed=True)
        return
    if isinstance(node, op.Branch) and not node.args[0].shape:
        yield from _pull_arms(node, g, wanted, (*laws, law(node)), masked)
        return
    rule = PULLBACKS.get(type(node))
    if rule is None:
        raise InternalError.at("E901", f"no pullback is known for {type(node).__name__}")
    masked = masked or isinstance(node, op.Branch)
    for argument, cotangent in zip(node.args, rule(node, g), strict=True):
        if cotangent is not None and not op.is_zero(cotangent):
            guarded = _where_taken(node, g, cotangent) if masked else cotangent
            yield from pull(argument, guarded, wanted, (*laws, law(node)), masked)


def _pull_arms(node: op.Branch, g: Tensor, wanted: Callable[[Quantity], bool], laws: tuple[str, ...], masked: bool) -> Iterator[Pulled]:
    """Each branch under its condition: what is not taken is never multiplied (0 · inf would be nan)."""
    condition, u, v = node.args
    zero = Number(0)
    for arm, around in ((u, lambda out: op.Branch(condition, out, zero)), (v, lambda out: op.Branch(condition, zero, out))):
        for inner in pull(arm, reduce_to(arm.shape, g), wanted, laws, masked):
            yield dataclasses.replace(inner, cotangent=_fit(around(inner.cotangent), inner.quantity.shape))


ENTRYWISE = (
    op.Plus, op.Negate, op.Times, op.Quotient, op.Raise, op.Elementwise, op.Complement, op.Branch, op.StopGradient,
)  # fmt: skip
"""Operators of which an entry depends on the same entries of what they act on, and on scalars, alone."""


def _where_taken(node: Basic, g: Tensor, cotangent: Tensor) -> Tensor:
    """A cotangent formed from g inside a branch: 0 where g is, also where the factor between them does not exist.

    Entry by entry where the operator acts so; an operator that mixes entries (softmax, a square matrix) passes what any of them has.
    """
    bare = cotangent.args[0] if isinstance(cotangent, op.Negate) else cotangent
    if isinstance(bare, op.Branch) or not _fails_in_the_open(cotangent):
        return cotangent
    entries_of_g = op.apply("abs", g)
    fits = not g.shape or (g.shape == cotangent.shape and isinstance(node, ENTRYWISE))
    size = entries_of_g if fits else op.SumEntries(entries_of_g)
    return op.Branch(op.Compare(">", size, Number(0)), cotangent, Number(0))


def _fails_in_the_open(node: Basic) -> bool:
    """Whether something may fail that no branch with a zero beside it keeps away already."""
    if isinstance(node, op.Branch):
        return not any(map(op.is_zero, node.args[1:])) and any(map(_fails_in_the_open, node.args[1:]))
    return fails_itself(node) or any(_fails_in_the_open(a) for a in node.args if isinstance(a, Tensor))


def _quantities(node: Basic) -> Iterator[Quantity]:
    if isinstance(node, Quantity):
        yield node
    elif isinstance(node, op.Total):
        yield from _quantities(node.body)
    elif not isinstance(node, (op.Condition, op.StopGradient)):
        for argument in node.args:
            yield from _quantities(argument)


# ---------------------------------------------------------------- what the rules share


def scale(g: Tensor, factor: Tensor) -> Tensor:
    """g ⊙ factor; goes inside a branch, so that what is not taken is never multiplied (0 · inf would be nan)."""
    if isinstance(factor, op.Branch):
        condition, u, v = factor.args
        return op.Branch(condition, scale(g, u), scale(g, v))
    return _inside(g, lambda inner: op.Times(inner, factor))


def divide(g: Tensor, divisor: Tensor) -> Tensor:
    """g ⊘ divisor, inside a branch as in `scale`."""
    return _inside(g, lambda inner: op.Quotient(inner, divisor))


def _inside(g: Tensor, act: Callable[[Tensor], Tensor]) -> Tensor:
    if isinstance(g, op.Negate):
        return op.Negate(_inside(g.args[0], act))
    if isinstance(g, op.Branch) and any(op.is_zero(a) for a in g.args[1:]):
        condition, u, v = g.args
        return op.Branch(condition, *(a if op.is_zero(a) else _inside(a, act) for a in (u, v)))
    return act(g)


def reduce_to(shape: Shape, cotangent: Tensor) -> Tensor:
    """The cotangent of an argument that was broadcast: summed for a scalar, spread where it has no shape yet."""
    if not shape:
        return op.scalar_sum(cotangent)
    return cotangent if cotangent.shape else op.Times(cotangent, op.Ones(*shape))


def where_nonzero(y: Tensor, value: Tensor) -> Tensor:
    """`value`, but 0 where y is 0: the meaning of 0 · log 0 and of its derivative."""
    return op.Branch(op.Compare(">", op.apply("abs", y), Number(0)), value, Number(0))


def row_sums(matrix: Tensor) -> Tensor:
    """(Σ_j M_ij)_i as the product with a vector of ones."""
    return op.MatrixProduct(matrix, op.Ones(matrix.shape[1]))


def diagonal_part(matrix: Tensor) -> Tensor:
    """(M_ii)_i, without forming the products that make M where that is possible."""
    if isinstance(matrix, op.Negate):
        return op.Negate(diagonal_part(matrix.args[0]))
    if isinstance(matrix, op.Plus):
        return op.Plus(*map(diagonal_part, matrix.args))
    if isinstance(matrix, op.Outer):
        return op.Times(*matrix.args)
    if isinstance(matrix, op.MatrixProduct):
        return row_sums(op.Times(matrix.args[0], op.Transposed(matrix.args[1])))
    return row_sums(op.Times(matrix, op.Identity(matrix.shape[0])))


def one_less(k: Tensor) -> Tensor:
    """k - 1, as a number where k is one."""
    if isinstance(k, Number):
        return Number(k.value - 1)
    if isinstance(k, op.Negate) and isinstance(k.args[0], Number):
        return Number(-k.args[0].value - 1)
    return k - 1


def entries(shape: Shape) -> Number:
    """How many entries a shape has, as a number."""
    return Number(sympy.Mul(*shape))


# ---------------------------------------------------------------- arithmetic


@pullback(op.Plus)
def pull_sum(node: op.Plus, g: Tensor):
    """∂(u + v) passes the error on to each term."""
    return [reduce_to(term.shape, g) for term in node.args]


@pullback(op.Negate)
def pull_negation(node: op.Negate, g: Tensor):
    """∂(-u) changes the sign of the error."""
    return [op.Negate(g)]


@pullback(op.Times)
def pull_product(node: op.Times, g: Tensor):
    """∂(u ⊙ v) multiplies the error by the other factors."""
    out = []
    for index, factor in enumerate(node.args):
        others = op.Times(*node.args[:index], *node.args[index + 1 :])
        out.append(reduce_to(factor.shape, scale(g, others)))
    return out


@pullback(op.Quotient)
def pull_quotient(node: op.Quotient, g: Tensor):
    """∂(u ⊘ v): the error over v for u, times -u ⊘ v² for v."""
    u, v = node.args
    return [reduce_to(u.shape, divide(g, v)), reduce_to(v.shape, op.Negate(divide(scale(g, node), v)))]


@pullback(op.Raise)
def pull_power(node: op.Raise, g: Tensor):
    """∂(u^k) = k u^(k-1) times the error; for the exponent, u^k log u times the error, 0 where u = 0."""
    u, k = node.args
    base = scale(scale(g, k), op.Raise(u, one_less(k)))
    if not any(_quantities(k)):
        return [reduce_to(u.shape, base), None]
    exponent = where_nonzero(u, scale(scale(g, node), op.apply("log", u)))
    return [reduce_to(u.shape, base), reduce_to(k.shape, exponent)]


@pullback(op.Elementwise)
def pull_elementwise(node: op.Elementwise, g: Tensor):
    """∂f(u) multiplies the error by f'(u), entry by entry."""
    factors = partials(node)
    pairs = zip(node.arguments, factors, strict=True)
    return [None, *(reduce_to(a.shape, _fit(scale(g, factor), node.shape)) for a, factor in pairs)]


def _fit(cotangent: Tensor, shape: Shape) -> Tensor:
    """A cotangent with the shape of the node (a condition over scalars may have left it scalar)."""
    return cotangent if cotangent.shape or not shape else op.Times(cotangent, op.Ones(*shape))


@pullback(op.Complement)
def pull_complement(node: op.Complement, g: Tensor):
    """∂(1 - s) changes the sign of the error."""
    return [op.Negate(g), None]


@pullback(op.Branch)
def pull_branch(node: op.Branch, g: Tensor):
    """∂(u if … else v) gives the error to the branch taken; none flows through the condition."""
    condition, u, v = node.args
    taken, other = op.Branch(condition, g, Number(0)), op.Branch(condition, Number(0), g)
    return [None, reduce_to(u.shape, taken), reduce_to(v.shape, other)]


# ---------------------------------------------------------------- linear algebra


@pullback(op.MatrixProduct)
def pull_matrix_product(node: op.MatrixProduct, g: Tensor):
    """∂(A x): the outer product of error and x for A, Aᵀ times the error for x."""
    a, x = node.args
    for_a = op.Outer(g, x) if x.rank == 1 else op.MatrixProduct(g, op.Transposed(x))
    return [for_a, op.MatrixProduct(op.Transposed(a), g)]


@pullback(op.Transposed)
def pull_transpose(node: op.Transposed, g: Tensor):
    """∂(Mᵀ) transposes the error."""
    return [op.Transposed(g)]


@pullback(op.Outer)
def pull_outer(node: op.Outer, g: Tensor):
    """∂(a bᵀ): the error times b for a, its transpose times a for b."""
    a, b = node.args
    return [op.MatrixProduct(g, b), op.MatrixProduct(op.Transposed(g), a)]


@pullback(op.Dot)
def pull_dot(node: op.Dot, g: Tensor):
    """∂(aᵀ b): the error times b for a, times a for b."""
    a, b = node.args
    return [op.Times(g, b), op.Times(g, a)]


@pullback(op.Diagonal)
def pull_diagonal(node: op.Diagonal, g: Tensor):
    """∂diag(v) is the diagonal of the error."""
    return [diagonal_part(g)]


# ---------------------------------------------------------------- reductions


@pullback(op.SumEntries)
def pull_sum_of_entries(node: op.SumEntries, g: Tensor):
    """∂Σu gives the error to every entry."""
    (u,) = node.args
    return [op.Times(g, op.Ones(*u.shape))]


@pullback(op.MeanEntries)
def pull_mean(node: op.MeanEntries, g: Tensor):
    """∂mean(u) gives the error, divided by the number of entries, to every entry."""
    (u,) = node.args
    return [op.Times(op.Quotient(g, entries(u.shape)), op.Ones(*u.shape))]


@pullback(op.Norm)
def pull_norm(node: op.Norm, g: Tensor):
    """∂‖u‖ = u / ‖u‖ times the error, 0 where u = 0."""
    (u,) = node.args
    return [op.Branch(op.Compare(">", node, Number(0)), op.Times(op.Quotient(g, node), u), Number(0))]


# ---------------------------------------------------------------- vectors


@pullback(op.Concat)
def pull_concat(node: op.Concat, g: Tensor):
    """∂[a; b] cuts the error into the same parts."""
    out, start = [], sympy.Integer(0)
    for part in node.args:
        stop = sympy.expand(start + op.part_length(part))
        piece = op.Slice(g, start, stop)
        out.append(piece if part.shape else op.SumEntries(piece))
        start = stop
    return out


@pullback(op.Slice)
def pull_slice(node: op.Slice, g: Tensor):
    """∂v[a:b] puts the error at the slice's place, zeros elsewhere."""
    v, start, stop = node.args
    after = sympy.expand(v.shape[0] - stop)
    padding = [op.Zeros(start)] * (start != 0), [op.Zeros(after)] * (after != 0)
    return [op.Concat(*padding[0], g, *padding[1]), None, None]


@pullback(op.Roll)
def pull_roll(node: op.Roll, g: Tensor):
    """∂roll(v, k) rolls the error back."""
    return [op.Roll(g, -node.args[1]), None]


@pullback(op.Softmax)
def pull_softmax(node: op.Softmax, g: Tensor):
    """∂softmax(z): (diag(p) - p pᵀ) times the error, p = softmax(z)."""
    return [op.Times(node, op.Plus(g, op.Negate(op.Dot(g, node))))]


@pullback(op.LogSoftmax)
def pull_log_softmax(node: op.LogSoftmax, g: Tensor):
    """∂log softmax(z): the error minus softmax(z) times the sum of the error."""
    return [op.Plus(g, op.Negate(op.Times(op.scalar_sum(g), op.Softmax(*node.args))))]


@pullback(op.LogSumExp)
def pull_logsumexp(node: op.LogSumExp, g: Tensor):
    """∂log Σ exp(z) = softmax(z) times the error."""
    return [op.Times(g, op.Softmax(*node.args))]


@pullback(op.StopGradient)
def pull_stop_gradient(node: op.StopGradient, g: Tensor):
    """stop_gradient(u) passes nothing on."""
    return [None]


# ---------------------------------------------------------------- losses


def spread(y: Tensor, like: Tensor) -> Tensor:
    """A scalar spread over the shape of its partner."""
    return op.Times(y, op.Ones(*like.shape)) if like.shape and not y.shape else y


@pullback(op.CrossEntropy)
def pull_cross_entropy(node: op.CrossEntropy, g: Tensor):
    """∂(-Σ y log p) = -y ⊘ p for p (0 where y = 0), -log p for y, times the error."""
    y, p = node.args
    for_p = where_nonzero(spread(y, p), op.Negate(scale(divide(g, p), y)))
    return [reduce_to(y.shape, op.Negate(scale(g, op.apply("log", p)))), reduce_to(p.shape, for_p)]


@pullback(op.BinaryCrossEntropy)
def pull_binary_cross_entropy(node: op.BinaryCrossEntropy, g: Tensor):
    """∂(-Σ [y log p + (1-y) log(1-p)]) = (1-y) ⊘ (1-p) - y ⊘ p for p, log(1-p) - log p for y, times the error."""
    y, p = node.args
    rest_y, rest_p = 1 - y, 1 - p
    on = where_nonzero(spread(y, p), op.Negate(scale(divide(g, p), y)))
    off = where_nonzero(spread(rest_y, p), scale(divide(g, rest_p), rest_y))
    for_y = scale(g, op.Plus(op.apply("log", rest_p), op.Negate(op.apply("log", p))))
    return [reduce_to(y.shape, for_y), reduce_to(p.shape, op.Plus(on, off))]


@pullback(op.SquaredError)
def pull_squared_error(node: op.SquaredError, g: Tensor):
    """∂Σ(v - y)² = 2 (v - y) for v, -2 (v - y) for y, times the error."""
    y, v = node.args
    slope = op.Times(g, Number(2), op.Plus(v, op.Negate(y)))
    return [reduce_to(y.shape, op.Negate(slope)), reduce_to(v.shape, slope)]


@pullback(op.SoftmaxCrossEntropy)
def pull_softmax_cross_entropy(node: op.SoftmaxCrossEntropy, g: Tensor):
    """∂(-Σ y log softmax(z)) = p Σy - y for z, p = softmax(z); -log softmax(z) for y."""
    y, z = node.args
    y_full = spread(y, z)
    for_z = op.Times(g, op.Plus(op.Times(op.Softmax(z), op.scalar_sum(y_full)), op.Negate(y_full)))
    return [reduce_to(y.shape, op.Negate(op.Times(g, op.LogSoftmax(z)))), for_z]


@pullback(op.SigmoidCrossEntropy)
def pull_sigmoid_cross_entropy(node: op.SigmoidCrossEntropy, g: Tensor):
    """∂(-Σ y log sigmoid(z)) = -y sigmoid(-z) for z, softplus(-z) for y."""
    y, z = node.args
    for_z = op.Negate(op.Times(g, y, op.apply("sigmoid", -z)))
    return [reduce_to(y.shape, op.Times(g, op.apply("softplus", -z))), reduce_to(z.shape, for_z)]


@pullback(op.SigmoidBinaryCrossEntropy)
def pull_sigmoid_binary_cross_entropy(node: op.SigmoidBinaryCrossEntropy, g: Tensor):
    """∂(binary cross-entropy of y and sigmoid(z)) = sigmoid(z) - y for z, -z for y."""
    y, z = node.args
    for_z = op.Times(g, op.Plus(op.apply("sigmoid", z), op.Negate(y)))
    return [reduce_to(y.shape, op.Negate(op.Times(g, z))), reduce_to(z.shape, for_z)]


@pullback(op.Total)
def pull_sum_over_time(node: op.Total, g: Tensor):
    """∂Σ_t u[t] gives the error to every step."""
    return [g]
