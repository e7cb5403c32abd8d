"""The functions a generated NumPy module may contain, as source text; a module gets those that it uses.

Each keeps float32 as float32, takes any leading axes, and in complex numbers goes by the real part and conjugates nothing (a complex
step must differentiate it). Sources: the rational approximations of erf are W. J. Cody's (Math. Comp. 23, 1969, 631-637).
"""

from __future__ import annotations

import re

from rnnsym.backends.operations import function_table as planned_functions

DIRECT = {"exp": "np.exp", "log": "np.log", "sqrt": "np.sqrt", "tanh": "np.tanh", "sin": "np.sin", "cos": "np.cos", "where": "np.where"}

SOURCE = '''
def sigmoid(u: NDArray) -> NDArray:
    """1 / (1 + exp(-u)), without overflow."""
    positive = np.real(u) >= 0
    small = np.exp(np.where(positive, -u, u))
    return np.where(positive, 1, small) / (1 + small)


def relu(u: NDArray) -> NDArray:
    """u, or 0 where it is not positive; what is no number stays none."""
    return np.where(np.real(u) <= 0, 0, u)


def absolute(u: NDArray) -> NDArray:
    """The absolute value; of a complex number u sign(Re u), so that a complex step goes through."""
    return u * np.sign(np.real(u))


def sign(u: NDArray) -> NDArray:
    """The sign of the real part."""
    return np.sign(np.real(u))


def softplus(u: NDArray) -> NDArray:
    """log(1 + exp(u)), without overflow."""
    positive = np.real(u) > 0
    return np.where(positive, u, 0) + np.log1p(np.exp(np.where(positive, -u, u)))


def silu(u: NDArray) -> NDArray:
    """u sigmoid(u)."""
    return u * sigmoid(u)


def gelu(u: NDArray) -> NDArray:
    """u times the standard normal distribution function, exact."""
    return 0.5 * u * (1 + erf(u * 0.5**0.5))


def elu(u: NDArray) -> NDArray:
    """u where it is positive, otherwise exp(u) - 1."""
    positive = np.real(u) > 0
    return np.where(positive, u, np.expm1(np.where(positive, 0, u)))


def ratio(u: NDArray, above: tuple[float, ...], below: tuple[float, ...]) -> NDArray:
    """A quotient of two polynomials, highest powers first."""
    top = below_ = np.zeros_like(u)
    for a in above:
        top = top * u + a
    for b in below:
        below_ = below_ * u + b
    return top / below_


def erf(u: NDArray) -> NDArray:
    """The error function (W. J. Cody 1969); of a complex number erf(Re u) + i Im u erf'(Re u)."""
    if np.iscomplexobj(u):
        real = np.real(u)
        return erf(real) + 1j * np.imag(u) * (2 / np.pi**0.5) * np.exp(-(real**2))
    u = np.asarray(u)
    size = np.minimum(np.abs(u), 6)
    near, square = np.minimum(size, 0.5), np.minimum(size, 0.5) ** 2
    inner = near * ratio(square, ERF_NEAR[0], ERF_NEAR[1])
    middle = np.clip(size, 0.46875, 4)
    tail = np.exp(-(middle**2)) * ratio(middle, ERF_MIDDLE[0], ERF_MIDDLE[1])
    far = np.maximum(size, 4)
    inverse = 1 / far**2
    rest = (1 / np.pi**0.5 - inverse * ratio(inverse, ERF_FAR[0], ERF_FAR[1])) / far
    outer_ = np.where(size <= 4, 1 - tail, 1 - np.exp(-(far**2)) * rest)
    value = np.sign(u) * np.where(size <= 0.46875, inner, outer_)
    return value.astype(u.dtype, copy=False) if u.dtype.kind == "f" else value


def minimum(u: NDArray, v: NDArray) -> NDArray:
    """The smaller one, by the real parts."""
    return np.where((np.real(u) <= np.real(v)) | np.isnan(u), u, v)


def maximum(u: NDArray, v: NDArray) -> NDArray:
    """The larger one, by the real parts."""
    return np.where((np.real(u) >= np.real(v)) | np.isnan(u), u, v)


def mod(u: NDArray, v: NDArray) -> NDArray:
    """u - v floor(u / v)."""
    return u - v * np.floor(np.real(u) / np.real(v))


def clip(u: NDArray, low: NDArray, high: NDArray) -> NDArray:
    """u, not below `low`, not above `high`."""
    return minimum(maximum(u, low), high)


def norm(u: NDArray) -> NDArray:
    """The Euclidean norm of vectors."""
    return np.sqrt((u * u).sum(-1))


def matrix_norm(u: NDArray) -> NDArray:
    """The Frobenius norm of matrices."""
    return np.sqrt((u * u).sum((-2, -1)))


def softmax(z: NDArray) -> NDArray:
    """exp(z) / sum(exp(z)), without overflow."""
    small = np.exp(z - top(z))
    return small / small.sum(-1, keepdims=True)


def log_softmax(z: NDArray) -> NDArray:
    """z - log(sum(exp(z))), without overflow or loss of digits."""
    lowered = z - top(z)
    return lowered - log_excess(lowered)


def logsumexp(z: NDArray) -> NDArray:
    """log(sum(exp(z))), without overflow; minus infinity where all entries are."""
    highest = top(z)
    return (highest + log_excess(z - highest))[..., 0]


def log_excess(lowered: NDArray) -> NDArray:
    """log(sum(exp(z))) where the largest real part is 0: the largest entry is the 1 of log(1 + rest)."""
    terms = np.exp(lowered)
    largest = np.real(lowered).argmax(-1)[..., None]
    np.put_along_axis(terms, largest, np.expm1(np.take_along_axis(lowered, largest, -1)), -1)
    with np.errstate(divide="ignore"):
        return np.log1p(terms.sum(-1, keepdims=True))


def top(z: NDArray) -> NDArray:
    """The largest real part of each vector, 0 where it is infinite."""
    highest = np.real(z).max(-1, keepdims=True)
    return np.where(np.isfinite(highest), highest, 0)


def times_log(y: NDArray, p: NDArray) -> NDArray:
    """y log(p), with 0 log(0) = 0."""
    return y * np.log(np.where(y == 0, 1, p))


def cross_entropy_terms(y: NDArray, p: NDArray) -> NDArray:
    """-y log(p)."""
    return -times_log(y, p)


def cross_entropy_from_log(y: NDArray, log_p: NDArray) -> NDArray:
    """-y log(p), given log(p)."""
    return -y * np.where(y == 0, 0, log_p)


def binary_cross_entropy_terms(y: NDArray, p: NDArray) -> NDArray:
    """-y log(p) - (1 - y) log(1 - p)."""
    return -times_log(y, p) - times_log(1 - y, 1 - p)


def squared_error_terms(y: NDArray, v: NDArray) -> NDArray:
    """(v - y) squared."""
    return (v - y) ** 2


def sigmoid_cross_entropy_terms(y: NDArray, z: NDArray) -> NDArray:
    """-y log(sigmoid(z))."""
    return y * np.where(y == 0, 0, softplus(-z))


def sigmoid_binary_cross_entropy_terms(y: NDArray, z: NDArray) -> NDArray:
    """Binary cross-entropy of y and sigmoid(z)."""
    return softplus(z) - y * z


def matvec(m: NDArray, v: NDArray) -> NDArray:
    """m @ v for matrices and vectors with leading axes."""
    return (m @ v[..., None])[..., 0]


def vecmat(v: NDArray, m: NDArray) -> NDArray:
    """m.T @ v for matrices and vectors with leading axes."""
    return (v[..., None, :] @ m)[..., 0, :]


def outer(a: NDArray, b: NDArray) -> NDArray:
    """a b.T for vectors with leading axes."""
    return a[..., :, None] * b[..., None, :]


def dot(a: NDArray, b: NDArray) -> NDArray:
    """The inner product over the last axis."""
    return (a * b).sum(-1)


def outer_sum(a: NDArray, b: NDArray) -> NDArray:
    """The sum of a b.T over all leading axes: one matrix product."""
    lead = np.broadcast_shapes(a.shape[:-1], b.shape[:-1])
    a, b = (np.broadcast_to(v, lead + v.shape[-1:]).reshape(-1, v.shape[-1]) for v in (a, b))
    return a.T @ b


def columns(table: NDArray, classes: NDArray) -> NDArray:
    """The columns of a matrix that class numbers select; class -1 is the zero vector."""
    found = table.T[classes]
    if classes.size and classes.min() < 0:
        found = np.where((classes >= 0)[..., None], found, 0)
    return found


def one_hot(classes: NDArray, count: int, dtype: Any = float) -> NDArray:
    """Class numbers as vectors with a single one; class -1 is the zero vector."""
    return (classes[..., None] == np.arange(count)).astype(dtype)


def scatter(a: NDArray, classes: NDArray, count: int) -> NDArray:
    """The sum of a b.T over all leading axes, b being one-hot vectors given as class numbers."""
    found = np.zeros((count, a.shape[-1]), a.dtype)
    known = classes >= 0
    numbers, rows = classes[known], a[known]
    if numbers.size:  # in the order of the classes, so that each is one stretch of rows
        order = np.argsort(numbers, kind="stable")
        numbers = numbers[order]
        first = np.flatnonzero(np.diff(numbers, prepend=-1))
        found[numbers[first]] = np.add.reduceat(rows[order], first, axis=0)
    return found.T


def concat(*parts: NDArray) -> NDArray:
    """Vectors one after the other, with common leading axes."""
    lead = np.broadcast_shapes(*(p.shape[:-1] for p in parts))
    return np.concatenate([np.broadcast_to(p, lead + p.shape[-1:]) for p in parts], axis=-1)


def roll(v: NDArray, places: int) -> NDArray:
    """Entry i of the result is entry i - places, cyclic."""
    return np.roll(v, places, axis=-1)


def at_end(u: NDArray, lag: int, ends: NDArray, after: int) -> NDArray:
    """The value `after` steps after each sequence's own last step, where `lag` slots stand before step 1."""
    return u[lag + ends - 1 + after, np.arange(len(ends))]


def at_step(u: NDArray, number: int) -> NDArray:
    """The value at step `number`, zero where there is none."""
    return u[number - 1] if number <= len(u) else np.zeros_like(u[0])


def every_step(u: NDArray, steps: int, batch: int, rank: int) -> NDArray:
    """A value that does not run in time, at every step of every sequence."""
    return np.broadcast_to(u, (steps, batch, *u.shape[u.ndim - rank :]))


def valid(u: NDArray, padding: NDArray | None) -> NDArray:
    """Values (T, B, ...) with zeros in the padding."""
    if padding is None:
        return u
    return np.where(padding.reshape(padding.shape + (1,) * (u.ndim - 2)), 0, u)


def place_end(u: NDArray, lag: int, values: NDArray, ends: NDArray) -> None:
    """Put the values after each sequence's own end where a read at t+k finds them."""
    for k, value in enumerate(values):
        u[lag + ends + k, np.arange(len(ends))] = value


def glorot(shape: tuple[int, ...], generator: np.random.Generator) -> NDArray:
    """Uniform with variance 2 / (rows + columns) (Glorot & Bengio 2010)."""
    bound = (6 / (shape[0] + shape[1] if len(shape) == 2 else sum(shape) + 1)) ** 0.5
    return generator.uniform(-bound, bound, shape)


def orthogonal(shape: tuple[int, ...], generator: np.random.Generator) -> NDArray:
    """Orthonormal rows or columns, uniformly distributed (Saxe et al. 2014)."""
    rows, cols = shape if len(shape) == 2 else (int(np.prod(shape)), 1)
    q, r = np.linalg.qr(generator.standard_normal((max(rows, cols), min(rows, cols))))
    q = q * np.where(np.diag(r) < 0, -1, 1)
    return (q if rows >= cols else q.T).reshape(shape)


def clear(where: NDArray | None, *arrays: NDArray) -> None:
    """Set the rows of padding to zero, where there is any."""
    for u in arrays if where is not None else ():
        u[where] = 0
'''

ERF_TABLES = """
# coefficients of erf, highest powers first: |u| <= 0.46875 in u**2, up to 4 in |u|, beyond in 1 / u**2
ERF_NEAR = (
    (
        1.85777706184603153e-1,
        3.16112374387056560e0,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (
        1.0,
        2.36012909523441209e1,
        2.44024637934444173e2,
        1.28261652607737228e3,
        2.84423683343917062e3,
    ),
)
ERF_MIDDLE = (
    (
        2.15311535474403846e-8,
        5.64188496988670089e-1,
        8.88314979438837594e0,
        6.61191906371416295e1,
        2.98635138197400131e2,
        8.81952221241769090e2,
        1.71204761263407058e3,
        2.05107837782607147e3,
        1.23033935479799725e3,
    ),
    (
        1.0,
        1.57449261107098347e1,
        1.17693950891312499e2,
        5.37181101862009858e2,
        1.62138957456669019e3,
        3.29079923573345963e3,
        4.36261909014324716e3,
        3.43936767414372164e3,
        1.23033935480374942e3,
    ),
)
ERF_FAR = (
    (
        1.63153871373020978e-2,
        3.05326634961232344e-1,
        3.60344899949804439e-1,
        1.25781726111229246e-1,
        1.60837851487422766e-2,
        6.58749161529837803e-4,
    ),
    (
        1.0,
        2.56852019228982242e0,
        1.87295284992346725e0,
        5.27905102951428412e-1,
        6.05183413124413191e-2,
        2.33520497626869185e-3,
    ),
)
"""

CONSTANTS = {
    "erf": ERF_TABLES.strip("\n") + "\n\n\n",
    "stretch": "NEARBY = 300_000  # numbers that stay near the processor\n\n\n",
}

RENAMED = {"abs": "absolute", "min": "minimum", "max": "maximum"}


def _parsed() -> dict[str, str]:
    parts = re.split(r"\n(?=def )", SOURCE.strip("\n"))
    return {re.match(r"def (\w+)", part).group(1): part.strip("\n") for part in parts}  # type: ignore[union-attr]


FUNCTIONS = _parsed()


FUNCTIONS |= planned_functions()


def closure(used: set[str]) -> list[str]:
    """The names of the functions needed, those that they call included, in the order of the table."""
    pending, found = list(used), set()
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += [other for other in FUNCTIONS if other != name and re.search(rf"(?<![\w.]){other}\(", FUNCTIONS[name])]
    return [name for name in FUNCTIONS if name in found]


def sources(used: set[str]) -> list[str]:
    """The source text of the functions needed, tables of coefficients before the function that reads them."""
    texts = []
    for name in closure(used):
        texts.append(CONSTANTS.get(name, "") + FUNCTIONS[name])
    return texts
