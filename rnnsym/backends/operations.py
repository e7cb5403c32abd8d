"""How each word of the vocabulary is written in NumPy, for values kept features by batch.

Comes in: an operation whose operands are source text. Goes out: an expression, or a call that fills the result's array. `axis` is the
axis of features: the last but one where there is a batch, the last where there is none.
"""

from __future__ import annotations

from rnnsym.program.vocabulary import COMPARISONS, UFUNCS

INTO = {
    "sigmoid": "sigmoid_into", "complement": "complement_into", "relu": "relu_into", "max": "maximum_into", "min": "minimum_into",
}  # fmt: skip
"""Words that a function of the module computes into an array."""

PLAIN = {
    "abs": "absolute", "sign": "sign", "erf": "erf", "softplus": "softplus", "silu": "silu", "gelu": "gelu", "elu": "elu", "mod": "mod",
    "clip": "clip", "real": "np.real",
    "cross_entropy_terms": "cross_entropy_terms", "binary_cross_entropy_terms": "binary_cross_entropy_terms",
    "squared_error_terms": "squared_error_terms", "sigmoid_cross_entropy_terms": "sigmoid_cross_entropy_terms",
    "sigmoid_binary_cross_entropy_terms": "sigmoid_binary_cross_entropy_terms",
}  # fmt: skip
"""Words that a function of the module, or of NumPy, answers with a new array."""

SOURCE = '''
def sigmoid_into(u: NDArray, out: NDArray) -> NDArray:
    """1 / (1 + exp(-u))."""
    if np.iscomplexobj(u):
        out[...] = sigmoid(u)
        return out
    np.negative(u, out=out)
    np.exp(out, out=out)
    np.add(out, 1, out=out)
    return np.reciprocal(out, out=out)


def complement_into(u: NDArray, out: NDArray) -> NDArray:
    """1 - sigmoid(u), without loss of digits: 1 / (1 + exp(u))."""
    if np.iscomplexobj(u):
        out[...] = sigmoid(-u)
        return out
    np.exp(u, out=out)
    np.add(out, 1, out=out)
    return np.reciprocal(out, out=out)


def relu_into(u: NDArray, out: NDArray) -> NDArray:
    """u where it is positive, otherwise 0."""
    if np.iscomplexobj(u):
        out[...] = relu(u)
        return out
    return np.maximum(u, 0, out=out)


def maximum_into(u: NDArray, v: NDArray, out: NDArray) -> NDArray:
    """The larger one, by the real parts."""
    if np.iscomplexobj(out):
        out[...] = maximum(u, v)
        return out
    return np.maximum(u, v, out=out)


def minimum_into(u: NDArray, v: NDArray, out: NDArray) -> NDArray:
    """The smaller one, by the real parts."""
    if np.iscomplexobj(out):
        out[...] = minimum(u, v)
        return out
    return np.minimum(u, v, out=out)


def choose(condition: NDArray, u: NDArray, v: NDArray, out: NDArray) -> None:
    """u where the condition holds, otherwise v; neither spoils the other."""
    np.copyto(out, v)
    np.copyto(out, u, where=condition)


def turned(u: NDArray) -> NDArray:
    """Features by batch as batch by features, and back: a view."""
    return u.swapaxes(-1, -2)


def batch_matvec(m: NDArray, v: NDArray) -> NDArray:
    """m @ v for a matrix per sequence (..., B, i, j) and vectors (..., j, B)."""
    return np.matmul(m, v.swapaxes(-1, -2)[..., None])[..., 0].swapaxes(-1, -2)


def batch_outer(a: NDArray, b: NDArray, out: NDArray) -> NDArray:
    """a b.T for vectors (..., i, B) and (..., j, B): a matrix per sequence."""
    a, b = a.swapaxes(-1, -2), b.swapaxes(-1, -2)
    return np.multiply(a[..., :, None], b[..., None, :], out=out)


def excess(p: NDArray, y: NDArray, out: NDArray | None = None) -> NDArray:
    """p sum(y) - y for probabilities (..., n, B), y being vectors or class numbers (..., B)."""
    classes = y.dtype.kind in "iu"
    if out is None:
        shape = y[..., None, :].shape if classes else y.shape
        out = np.empty(np.broadcast_shapes(p.shape, shape), p.dtype)
    if not classes:
        np.multiply(p, total(y, -2), out=out)
        return np.subtract(out, y, out=out)
    y = np.broadcast_to(y, (*out.shape[:-2], out.shape[-1]))
    np.copyto(out, p)
    if y.size and y.min() < 0:
        np.multiply(out, (y >= 0)[..., None, :], out=out)
    out[places_of(y)] -= y >= 0
    return out


def places_of(y: NDArray) -> tuple[NDArray, ...]:
    """Where the entries of classes (..., B) lie in an array (..., n, B); of what is no class, that of the first."""
    batch = np.arange(y.shape[-1])
    y = np.maximum(y, 0)
    return (y, batch) if y.ndim == 1 else (np.arange(len(y))[:, None], y, batch)


def softmax_rows(z: NDArray, axis: int, out: NDArray | None = None) -> NDArray:
    """exp(z) / sum(exp(z)) along an axis, without overflow."""
    out = np.subtract(z, highest_of(z, axis), out=out)
    np.exp(out, out=out)
    return np.divide(out, total(out, axis), out=out)


def total(u: NDArray, axis: int) -> NDArray:
    """The sum along an axis, which is kept; over features (..., n, B) as a product with ones, which is sooner done."""
    if axis != -2 or u.dtype.kind not in "fc":
        return u.sum(axis, keepdims=True)
    return np.matmul(np.ones((1, u.shape[-2]), u.dtype), u)


def highest_of(z: NDArray, axis: int) -> NDArray:
    """The largest real part along an axis, 0 where it is infinite."""
    highest = z.real
    while axis == -2 and highest.size > 4000 and highest.shape[-2] > 4:
        # one half of the features against the other
        half = (highest.shape[-2] + 1) // 2
        highest = np.maximum(highest[..., :half, :], highest[..., -half:, :])
    highest = highest.max(axis, keepdims=True)
    highest[~np.isfinite(highest)] = 0
    return highest


def log_softmax_rows(z: NDArray, axis: int) -> NDArray:
    """z - log(sum(exp(z))) along an axis, without overflow or loss of digits."""
    lowered = z - highest_of(z, axis)
    return lowered - log_sum_of(lowered.copy(), axis)


def logsumexp_rows(z: NDArray, axis: int) -> NDArray:
    """log(sum(exp(z))) along an axis, without overflow; minus infinity where all entries are."""
    return np.squeeze(highest_of(z, axis) + log_sum_of(z - highest_of(z, axis), axis), axis)


def log_sum_of(lowered: NDArray, axis: int) -> NDArray:
    """The log of the sum of exp(lowered), overwritten: the largest entry, which is 0, is the 1 of log(1 + rest)."""
    if np.iscomplexobj(lowered):
        largest = np.expand_dims(lowered.real.argmax(axis), axis)
        first = np.expm1(np.take_along_axis(lowered, largest, axis))
        np.exp(lowered, out=lowered)
        np.put_along_axis(lowered, largest, first, axis)
        rest = lowered.sum(axis, keepdims=True)
    else:
        at_top = lowered >= 0
        np.exp(lowered, out=lowered)
        np.copyto(lowered, 0, where=at_top)
        rest = total(lowered, axis)
        if np.count_nonzero(at_top) != rest.size:  # several entries are the largest, or none is
            rest += at_top.sum(axis, keepdims=True, dtype=lowered.dtype) - 1
    with np.errstate(divide="ignore"):
        return np.log1p(rest)


def softmax_loss(y: NDArray, z: NDArray, axis: int, p: NDArray | None = None) -> NDArray:
    """-sum(y log(softmax(z))) along an axis, y being vectors or class numbers; `p`, if at hand, is softmax(z)."""
    if y.dtype.kind in "iu":
        shape = np.broadcast_shapes(z.shape, np.expand_dims(y, axis).shape)
        if shape != z.shape:  # one z for all sequences
            z, p = np.broadcast_to(z, shape), None
        if p is not None and axis == -2 and p.dtype.kind == "f" and p.size:
            return class_loss(y, z, p)
    lowered = z - highest_of(z, axis)
    if y.dtype.kind not in "iu":
        return -(y * np.where(y == 0, 0, lowered - log_sum_of(lowered.copy(), axis))).sum(axis)
    y = np.broadcast_to(y, (*z.shape[:axis], *z.shape[axis:][1:]))
    picked = np.take_along_axis(lowered, np.expand_dims(np.maximum(y, 0), axis), axis)
    losses = np.squeeze(log_sum_of(lowered, axis) - picked, axis)
    return losses if y.size == 0 or y.min() >= 0 else np.where(y >= 0, losses, 0)


def class_loss(y: NDArray, z: NDArray, p: NDArray) -> NDArray:
    """-log(p[y]) for class numbers: from p[y] where it is small, from the sum of the others where it is near 1."""
    y = np.broadcast_to(y, (*p.shape[:-2], p.shape[-1]))
    places = places_of(y)
    own = p[places]
    p[places] = 0
    others = total(p, -2)[..., 0, :]
    p[places] = own
    is_near = own > 0.5
    near, far = np.log1p(-others, where=is_near, out=others), np.log(np.maximum(own, 1e-30))
    losses = -np.where(is_near, near, far)
    hard = (own < 1e-30) & (y >= 0)  # too small for its digits: from z itself
    if hard.any():
        columns_ = np.moveaxis(z, -2, 0)[:, hard]
        losses[hard] = softmax_loss(y[hard], columns_, 0)
    return losses if y.min() >= 0 else np.where(y >= 0, losses, 0)


def dense(y: NDArray, count: int, dtype: Any) -> NDArray:
    """Class numbers (..., B) as vectors (..., n, B); vectors as they are."""
    return turned(one_hot(y, count, dtype)) if y.dtype.kind in "iu" else y


def gathered(table: NDArray, classes: NDArray) -> NDArray:
    """The columns of a matrix that class numbers (..., B) select, (..., n, B); class -1 is the zero vector."""
    return turned(columns(table, classes))


def scattered(a: NDArray, classes: NDArray, count: int) -> NDArray:
    """The sum of a b.T over steps and batch for vectors (..., n, B), b being one-hot vectors given as class numbers."""
    return scatter(turned(a), classes, count)


def joined(*parts: NDArray, out: NDArray) -> NDArray:
    """Vectors one after the other; a part without the axis of features is one entry."""
    start = 0
    for part in parts:
        length = part.shape[-2] if part.ndim == out.ndim else 1
        out[..., start : start + length, :] = part if part.ndim == out.ndim else part[..., None, :]
        start += length
    return out


def outer_total(a: NDArray, b: NDArray) -> NDArray:
    """The sum of a b.T over steps and batch for vectors of which either may lack these axes."""
    lead = max(a.ndim, b.ndim, 2)
    a, b = (v if v.ndim > 1 else v[:, None] for v in (a, b))
    a, b = (v.reshape((1,) * (lead - v.ndim) + v.shape) for v in (a, b))
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    batch = np.broadcast_shapes(a.shape[-1:], b.shape[-1:])[0]
    a = np.broadcast_to(a, (*shape, a.shape[-2], batch)).swapaxes(-1, -2).reshape(-1, a.shape[-2])
    b = np.broadcast_to(b, (*shape, b.shape[-2], batch)).swapaxes(-1, -2).reshape(-1, b.shape[-2])
    return a.T @ b


def features_first(u: Any, lead: int) -> Any:
    """Vectors (..., B, n) as (..., n, B), a view; class numbers, with `lead` axes, as they are."""
    return u if u is None or u.ndim == lead else u.swapaxes(-1, -2)


def flatten(u: NDArray, out: NDArray) -> NDArray:
    """Vectors (T, n, B) as (n, T, B), into an array; the numbers of a row at a step move as one."""
    if u.strides[2] != u.itemsize:  # a view of what the caller gave, (T, B, n)
        np.copyto(out, u.swapaxes(0, 1))
    elif u.size:
        item = f"V{u.itemsize * u.shape[2]}"
        out.view(item)[..., 0] = u.view(item)[..., 0].T
    return out


def stretch(steps: int, numbers: int) -> int:
    """How many steps are worked on together: as many as stay near the processor."""
    return max(1, min(steps, NEARBY // max(numbers, 1)))


def stretches(steps: int, span: int, forwards: bool) -> list[slice]:
    """The steps in stretches, as slices, in the order in which they are walked."""
    found = [slice(start, min(start + span, steps)) for start in range(0, steps, span)]
    return found if forwards else found[::-1]


def along(chunks: list[slice], forwards: bool, *arrays: Any, rooms: int = 0) -> list[list[Any]]:
    """For each stretch, what a loop walks along: the steps' parts of arrays; the last `rooms` hold one stretch alone."""
    stored, short = arrays[: len(arrays) - rooms], arrays[len(arrays) - rooms :]
    found = []
    for chunk in chunks:
        parts = [u[chunk] for u in stored] + [u[: chunk.stop - chunk.start] for u in short]
        found.append([*zip(*(parts if forwards else (u[::-1] for u in parts)))])
    return found
'''


def function_table() -> dict[str, str]:
    """The functions of this file by name."""
    import re

    parts = re.split(r"\n(?=def )", SOURCE.strip("\n"))
    return {re.match(r"def (\w+)", part).group(1): part.strip("\n") for part in parts}  # type: ignore[union-attr]


__all__ = ["COMPARISONS", "INTO", "PLAIN", "UFUNCS", "function_table"]
