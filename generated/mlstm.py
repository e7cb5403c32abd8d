"""mLSTM: a matrix memory that stores a value under a key and is read with a query; exponential input gate, stabilised.

Beck, Poeppel, Spanring, Auer, Prudnikova, Kopp, Klambauer, Brandstetter & Hochreiter 2024, xLSTM: extended long short-term memory,
eq. 19-27 with the stabiliser of eq. 15-17; one head. The bound 1 of the denominator becomes exp(-m) in the stabilised state.

Equations, for one sequence and column vectors:

    \"\"\"mLSTM: a matrix memory that stores a value under a key and is read with a query; exponential input gate, stabilised.
    Beck, Poeppel, Spanring, Auer, Prudnikova, Kopp, Klambauer, Brandstetter & Hochreiter 2024, xLSTM: extended long short-term memory,
    eq. 19-27 with the stabiliser of eq. 15-17; one head. The bound 1 of the denominator becomes exp(-m) in the stabilised state.\"\"\"
    notation(i=r"i'", f=r"f'", l=r"\\ell")
    x: input[n_x]     # features of a step
    y: target[n_y]    # classes
    C: matrix[n_v, n_k]
    m[0] = -inf
    q[t] = W_q @ x[t] + b_q                                                # query
    k[t] = W_k @ x[t] / sqrt(n_k) + b_k                                    # key
    v[t] = W_v @ x[t] + b_v                                                # value
    i_tilde[t] = dot(w_i, x[t]) + b_i                                      # logarithm of the input gate
    f_tilde[t] = dot(w_f, x[t]) + b_f                                      # what enters the forget gate
    o[t] = sigmoid(W_o @ x[t] + b_o)                                       # output gate
    l[t] = log(sigmoid(f_tilde[t]))                                        # logarithm of the forget gate
    m[t] = max(l[t] + m[t-1], i_tilde[t])                                  # stabiliser
    i[t] = exp(i_tilde[t] - m[t])                                          # stabilised input gate
    f[t] = exp(l[t] + m[t-1] - m[t])                                       # stabilised forget gate
    C[t] = f[t] * C[t-1] + i[t] * outer(v[t], k[t])                        # memory
    n[t] = f[t] * n[t-1] + i[t] * k[t]                                     # normaliser
    h[t] = o[t] * (C[t] @ q[t]) / max(abs(dot(n[t], q[t])), exp(-m[t]))    # hidden state
    p[t] = softmax(V @ h[t] + b_y)                                         # class probabilities
    loss[t] = cross_entropy(y[t], p[t])

Arrays are time-major, with a batch axis: (T, B, n).

    x: input (T, B, n_x)  features of a step
    y: target (T, B, n_y)  classes
    W_q: param (n_k, n_x)
    b_q: param (n_k,)
    W_k: param (n_k, n_x)
    b_k: param (n_k,)
    W_v: param (n_v, n_x)
    b_v: param (n_v,)
    w_i: param (n_x,)
    b_i: param ()
    w_f: param (n_x,)
    b_f: param ()
    W_o: param (n_v, n_x)
    b_o: param (n_v,)
    V: param (n_y, n_v)
    b_y: param (n_y,)

Made by rnnsym 0.1.0: rnnsym generate mlstm
Fingerprint: 585b816e50831e298c535f31c6d7f78c1160fa3191716a32aae57793683f5a13
This file is yours: read it, change it, ship it; it needs NumPy and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Gradients",
    "Params",
    "State",
    "Trace",
    "backward",
    "forward",
    "init_params",
    "initial_state",
    "loss",
    "loss_and_grads",
    "sgd_step",
    "step",
]

# Shapes in the model's sizes, without the axes of time T and batch B.
SIZES: tuple[str, ...] = (
    "n_x",
    "n_y",
    "n_v",
    "n_k",
)
SHAPES: dict[str, tuple[str, ...]] = {
    "W_q": ("n_k", "n_x"),
    "b_q": ("n_k",),
    "W_k": ("n_k", "n_x"),
    "b_k": ("n_k",),
    "W_v": ("n_v", "n_x"),
    "b_v": ("n_v",),
    "w_i": ("n_x",),
    "b_i": (),
    "w_f": ("n_x",),
    "b_f": (),
    "W_o": ("n_v", "n_x"),
    "b_o": ("n_v",),
    "V": ("n_y", "n_v"),
    "b_y": ("n_y",),
}
DATA: dict[str, tuple[str, bool, tuple[str, ...]]] = {
    "x": ("input", True, ("n_x",)),
    "y": ("target", True, ("n_y",)),
}
CLASSES: frozenset[str] = frozenset({"y"})
FIXED: dict[str, tuple[float, tuple[str, ...]]] = {}
OUTSIDE: dict[str, tuple[int, int, tuple[str, ...]]] = {
    "C": (1, 0, ("n_v", "n_k")),
    "m": (1, 0, ()),
    "n": (1, 0, ("n_k",)),
}
CARRIED: dict[str, tuple[int, int]] = {
    "m": (1, 1),
    "C": (1, 1),
    "n": (1, 1),
}
LATE: dict[str, tuple[str, ...]] = {}
TIMED: frozenset[str] = frozenset(
    {
        "C",
        "m",
        "q",
        "k",
        "v",
        "i_tilde",
        "f_tilde",
        "o",
        "l",
        "i",
        "f",
        "n",
        "h",
        "p",
        "loss",
        "o_bar",
        "m_bar",
        "i_bar",
        "f_bar",
        "h_hat",
        "h_bar",
        "p_bar",
    }
)
RENAMED: dict[str, str] = {}
NO_CHUNKS = ""


# ---------------------------------------------------------------- parameters, states, traces


class Params:
    """The parameters: one contiguous `vector`, and a view into it for every name.

    `params.NAME` has the shape of the equations; to assign to it writes into the vector.
    """

    __slots__ = ("_views", "sizes", "vector")
    sizes: dict[str, int]
    vector: NDArray
    _views: dict[str, NDArray]

    def __init__(self, sizes: Mapping[str, int], vector: NDArray) -> None:
        views, start = {}, 0
        for name, shape in SHAPES.items():
            lengths = tuple(length_of(axis, sizes) for axis in shape)
            stop = start + int(np.prod(lengths))
            views[name] = vector[start:stop].reshape(lengths)
            start = stop
        if vector.shape != (start,):
            raise ValueError(f"vector: expected shape ({start},), found {vector.shape}")
        for slot, value in (("sizes", dict(sizes)), ("vector", vector), ("_views", views)):
            object.__setattr__(self, slot, value)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, ArrayLike], **sizes: int) -> Params:
        """Parameters from arrays by name; copied, dtype follows them.

        `sizes` are needed only where the shapes of the parameters do not tell them. Raises ValueError for names that are unknown
        or missing, and for wrong shapes.
        """
        given = {python_name(name): np.asarray(value) for name, value in arrays.items()}
        for name in given:
            if name not in SHAPES:
                raise ValueError(
                    f"{name}: no such parameter; expected {', '.join(SHAPES) or 'none'}"
                )
        for name in SHAPES:
            if name not in given:
                raise ValueError(f"{name}: expected an array, found nothing")
            if given[name].dtype.kind not in "fciub":
                raise ValueError(f"{name}: expected numbers, found {given[name].dtype}")
        dtype = working_dtype(*(value.dtype for value in given.values()))
        found = bind([(name, (), SHAPES[name], given[name].shape) for name in SHAPES], sizes)
        parts = [given[name].astype(dtype).ravel() for name in SHAPES]
        return cls(found, np.concatenate(parts) if parts else np.zeros(0, dtype))

    def __getattr__(self, name: str) -> NDArray:
        if name.startswith("__") or name in Params.__slots__ or name not in self._views:
            raise AttributeError(f"no parameter is called {name!r}; there are: {', '.join(SHAPES)}")
        return self._views[name]

    def __setattr__(self, name: str, value: ArrayLike) -> None:
        if name == "vector":
            self.vector[...] = value
        else:
            self[name][...] = value

    def __getitem__(self, name: str) -> NDArray:
        return self._views[python_name(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def keys(self) -> list[str]:
        """The names, in the order of the model."""
        return list(self._views)

    def items(self) -> list[tuple[str, NDArray]]:
        """Names and views."""
        return list(self._views.items())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.vector.size} numbers, {self.vector.dtype}, {self.sizes}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.sizes, self.vector.copy())

    def copy(self) -> Params:
        """The same values in a vector of their own."""
        return Params(self.sizes, self.vector.copy())

    def save(self, path: Any) -> None:
        """Write an npz file: `param/NAME` for every parameter, `size/NAME` for every size."""
        arrays: dict[str, Any] = {f"param/{model_name(name)}": view for name, view in self.items()}
        arrays |= {f"size/{name}": n for name, n in self.sizes.items()}
        with open(path, "wb") as file:
            np.savez(file, **arrays)

    @classmethod
    def load(cls, path: Any) -> Params:
        """Read what `save` wrote; names and shapes are checked."""
        with np.load(path, allow_pickle=False) as file:
            sizes = {key[5:]: int(file[key]) for key in file.files if key.startswith("size/")}
            arrays = {key[6:]: file[key] for key in file.files if key.startswith("param/")}
        return cls.from_arrays(arrays, **{name: n for name, n in sizes.items() if name in SIZES})


class Gradients(Params):
    """Gradients of all parameters, laid out as `Params`; what was asked for besides them in three dictionaries.

    inputs     dC/d input, shaped as the input: (T, B, ...)
    constants  dC/d constant, summed over the batch
    initial    dC/d initial value, shaped as in `initial=`: (B, ...), or (K, B, ...) oldest first
    """

    __slots__ = ("constants", "initial", "inputs")
    inputs: dict[str, NDArray]
    constants: dict[str, NDArray]
    initial: dict[str, NDArray]

    def __init__(self, sizes: Mapping[str, int], vector: NDArray) -> None:
        super().__init__(sizes, vector)
        for slot in Gradients.__slots__:
            object.__setattr__(self, slot, {})


class Values(Mapping[str, Any]):
    """Arrays by name, also as attributes."""

    def __init__(self, arrays: Mapping[str, NDArray]) -> None:
        self._arrays = dict(arrays)

    def __getattr__(self, name: str) -> NDArray:
        if name.startswith("_") or name not in self._arrays:
            raise AttributeError(
                f"no value is called {name!r}; there are: {', '.join(self.keys())}"
            )
        return self._arrays[name]

    def __getitem__(self, name: str) -> NDArray:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {np.shape(value)}" for name, value in self._arrays.items())
        return f"<{type(self).__name__}: {shapes}>"


class State(Values):
    """What a sequence carries into its next chunk: (B, ...) for each name, (K, B, ...) oldest first where K steps are read."""

    def __init__(self, arrays: Mapping[str, NDArray], started: bool = False) -> None:
        super().__init__(arrays)
        self._started = started


class Trace(Values):
    """Every variable of a forward pass: (T, B, ...) where it runs in time; zero in the padding."""

    def __init__(
        self, values: Mapping[str, NDArray], whole: Mapping[str, NDArray], run: Run
    ) -> None:
        super().__init__(values)
        self._whole = dict(whole)  # arrays with the slots before step 1 and after step T
        self._run = run

    @property
    def state(self) -> State:
        """The state after each sequence's own last step."""
        run = self._run
        arrays = {}
        for name, (lag, count) in CARRIED.items():
            if all(target in run.data for target in LATE.get(name, ())):
                first = lag + run.ends - count
                past = [self._whole[name][first + k, np.arange(run.batch)] for k in range(count)]
                arrays[name] = past[0] if count == 1 else np.stack(past)
        return State(arrays, started=True)


# ---------------------------------------------------------------- calls


class Run:
    """What one call works on: checked data, sizes, values from outside 1 .. T, and where each sequence ends."""

    def __init__(self, params: Params, initial: Any, lengths: ArrayLike | None) -> None:
        self.sizes = dict(params.sizes)
        self.dtype = params.vector.dtype
        self.data: dict[str, NDArray] = {}
        self.given: dict[str, NDArray] = {}
        self.started = isinstance(initial, State) and initial._started
        self.initial, self.lengths = initial, lengths
        self.steps, self.batch = 0, 0
        self.ends = np.zeros(0, int)
        self.padding: NDArray | None = None

    def zeros(self, *shape: int, lag: int = 0, lead: int = 0) -> NDArray:
        """Zeros for every step, with slots before and after."""
        return np.zeros((lag + self.steps + lead, self.batch, *shape), self.dtype)

    def extended(self, name: str, *shape: int, lag: int, lead: int) -> NDArray:
        """Room for a variable, with the caller's values where they were given."""
        if DATA.get(name, ("",))[0] == "token":
            whole = np.full((lag + self.steps + lead, self.batch), -1)
        else:
            whole = self.zeros(*shape, lag=lag, lead=lead)
        for k in range(lag):
            if f"{name}[{-k}]" in self.given:
                whole[lag - 1 - k] = self.given[f"{name}[{-k}]"]
        if name in self.data:
            whole[lag : lag + self.steps] = self.data[name]
        for k in range(lead):
            if f"{name}[T+{k + 1}]" in self.given:
                rows = lag + self.ends + k
                whole[rows, np.arange(self.batch)] = self.given[f"{name}[T+{k + 1}]"]
        return whole

    def after(self, name: str, *shape: int, lead: int) -> NDArray:
        """The values after each sequence's own end that the caller gave."""
        values = np.zeros((lead, self.batch, *shape), self.dtype)
        for k in range(lead):
            if f"{name}[T+{k + 1}]" in self.given:
                values[k] = self.given[f"{name}[T+{k + 1}]"]
        return values

    def error(
        self, cotangents: Mapping[str, NDArray], name: str, *shape: int, lag: int = 0, lead: int = 0
    ) -> NDArray:
        """Room for the error of a variable; it starts with what comes from outside."""
        whole = self.zeros(*shape, lag=lag, lead=lead)
        if name in cotangents:
            whole[lag : lag + self.steps] = cotangents[name]
        return whole

    def quiet(self) -> Any:
        """Overflow and underflow are harmless in these formulas; in the padding anything may be computed."""
        if self.padding is not None:
            return np.errstate(all="ignore")
        return np.errstate(over="ignore", under="ignore")

    def complain(self, *values: Any) -> None:
        """One warning where others were off, for branches or padding, and a result is no number."""
        padded = self.padding is not None
        if not all((np.isfinite(v) if padded else ~np.isnan(v)).all() for v in values):
            np.sqrt(np.float64(-1.0))


def checked(
    params: Params,
    data: Mapping[str, Any],
    initial: Any = None,
    lengths: ArrayLike | None = None,
    steps: int | None = None,
    batch: int | None = None,
    single: bool = False,
) -> Run:
    """Check all arguments of a call; ValueError names the argument, what was expected, what was found."""
    known = isinstance(params, Params)
    if not known:
        raise ValueError(f"params: expected Params, found {type(params).__name__}")
    run = Run(params, initial, lengths)
    arrays = {name: np.asarray(value) for name, value in data.items() if value is not None}
    rows = []
    for name, array in arrays.items():
        kind, timed, shape = DATA[name]
        wanted = "iu" if kind == "token" else "fciub"
        if array.dtype.kind not in wanted:
            expected = "whole numbers" if kind == "token" else "numbers"
            raise ValueError(f"{name}: expected {expected}, found {array.dtype}")
        lead = () if kind == "constant" else ("B",) if single or not timed else ("T", "B")
        rows.append((name, lead, () if is_classes(name, array, len(lead)) else shape, array.shape))
    if lengths is not None and np.ndim(lengths) == 1:
        batch = len(np.asarray(lengths))
    said = {name: n for name, n in (("T", steps), ("B", batch)) if n is not None}
    run.sizes = bind(rows, run.sizes | said)
    run.steps = 1 if single else run.sizes.pop("T", 0)
    if run.steps < 1:
        raise ValueError("T: expected at least one step, found 0")
    run.batch = run.sizes.pop("B", state_batch(initial))
    outside = initial.values() if isinstance(initial, Mapping) else ()
    given = [np.asarray(a).dtype for a in (*arrays.values(), *outside)]
    run.dtype = working_dtype(run.dtype, *(kind for kind in given if kind.kind == "c"))
    set_lengths(run, lengths)
    for name, array in arrays.items():
        run.data[name] = read_data(run, name, array[None] if single and DATA[name][1] else array)
    for name, (value, shape) in FIXED.items():
        if name not in run.data:
            lengths_ = tuple(length_of(axis, run.sizes) for axis in shape)
            run.data[name] = np.full(lengths_, value, run.dtype)
    read_initial(run, initial)
    return run


def is_classes(name: str, array: NDArray, lead: int) -> bool:
    """Whether data are class numbers: tokens, and whole numbers where a target may be given so."""
    if DATA[name][0] == "token":
        return True
    return name in CLASSES and array.dtype.kind in "iu" and array.ndim == lead


def read_data(run: Run, name: str, array: NDArray) -> NDArray:
    """Data in the working dtype: class numbers checked (and made vectors where they are targets), padding set to zero."""
    kind, timed, shape = DATA[name]
    lead = 0 if kind == "constant" else 2 if timed else 1
    padding = run.padding if timed else None
    if not is_classes(name, array, lead):
        return valid(array.astype(run.dtype), padding)
    array = array.astype(int) if padding is None else np.where(padding, -1, array.astype(int))
    count = length_of(shape[0], run.sizes)
    checked_classes = array if padding is None else array[~padding]
    wrong = (checked_classes < 0) | (checked_classes >= count)
    if wrong.any():
        raise ValueError(
            f"{name}: expected classes 0 to {count - 1}, found {checked_classes[wrong][0]}"
        )
    return array if kind == "token" else one_hot(array, count, run.dtype)


def set_lengths(run: Run, lengths: ArrayLike | None) -> None:
    """Where each sequence ends, and which steps are padding."""
    run.ends = np.full(run.batch, run.steps)
    if lengths is None:
        return
    ends = np.asarray(lengths)
    if ends.dtype.kind not in "iu" or ends.shape != (run.batch,):
        raise ValueError(
            f"lengths: expected whole numbers of shape ({run.batch},), found {ends.dtype} {ends.shape}"
        )
    if ends.size and (ends.min() < 1 or ends.max() > run.steps):
        wrong = ends.min() if ends.min() < 1 else ends.max()
        raise ValueError(f"lengths: expected 1 to {run.steps}, found {wrong}")
    run.ends = ends.astype(int)
    padding = np.arange(run.steps)[:, None] >= run.ends
    run.padding = padding if padding.any() else None


def read_initial(run: Run, initial: Any) -> None:
    """Values outside 1 .. T: a State, or arrays by `h`, `h[0]`, `h[-1]`, `b`, `b[T+1]`."""
    if initial is None:
        return
    if isinstance(initial, State) and NO_CHUNKS:
        raise ValueError(f"initial: expected a dictionary, found a State; {NO_CHUNKS}")
    known = isinstance(initial, Mapping)
    if not known:
        found = type(initial).__name__
        raise ValueError(f"initial: expected a State or a dictionary of arrays, found {found}")
    for key, value in initial.items():
        name, _, place = key.partition("[")
        if name not in OUTSIDE:
            raise ValueError(f"initial: expected {', '.join(OUTSIDE) or 'nothing'}, found {key!r}")
        lag, lead, shape = OUTSIDE[name]
        before = [f"{name}[{-k}]" for k in reversed(range(lag))]
        behind = [f"{name}[T+{k + 1}]" for k in range(lead)]
        keys = [key] if place else before or behind
        if place and key not in before + behind:
            raise ValueError(f"initial: expected {', '.join(before + behind)}, found {key!r}")
        lengths = tuple(length_of(axis, run.sizes) for axis in shape)
        token = DATA.get(name, ("",))[0] == "token"
        lengths = () if token else lengths
        expected = (run.batch, *lengths) if len(keys) == 1 else (len(keys), run.batch, *lengths)
        array = np.array(value, int if token else run.dtype)
        if array.shape != expected:
            raise ValueError(f"initial[{key!r}]: expected shape {expected}, found {array.shape}")
        run.given |= dict(zip(keys, array if len(keys) > 1 else [array]))


def state_batch(initial: Any) -> int:
    """The number of sequences that an initial state is for; 1 where nothing says it."""
    if isinstance(initial, Mapping):
        for key, value in initial.items():
            name = key.partition("[")[0]
            if name in OUTSIDE:
                shape = OUTSIDE[name][2]
                axes = 0 if DATA.get(name, ("",))[0] == "token" else len(shape)
                return int(np.shape(value)[np.ndim(value) - axes - 1])
    return 1


def working_dtype(*dtypes: Any) -> Any:
    """float32, float64 or complex128: the smallest that holds them all."""
    found = np.result_type(*dtypes) if dtypes else np.dtype(np.float64)
    if found.kind == "c":
        return np.dtype(np.complex128)
    is_small = found.kind == "f" and found.itemsize <= 4
    return np.dtype(np.float32) if is_small else np.dtype(np.float64)


def terms_of(axis: str) -> list[tuple[int, str]]:
    """The terms of a length that is written as a sum of sizes, `n_x + 2*n_h`: factors and names."""
    terms = []
    for term in axis.replace("- ", "+ -").split(" + "):
        factor, _, name = term.lstrip("-").rpartition("*")
        terms.append(((-1 if term.startswith("-") else 1) * int(factor or 1), name))
    return terms


def names_in(axis: str) -> list[str]:
    """The sizes that a length is made of."""
    return [name for _, name in terms_of(axis) if not name.isdigit()]


def length_of(axis: str, sizes: Mapping[str, int]) -> int:
    """The length of an axis in numbers."""
    return sum(k * (int(name) if name.isdigit() else sizes[name]) for k, name in terms_of(axis))


def bind(rows: Any, sizes: Mapping[str, int]) -> dict[str, int]:
    """Sizes from rows (name, leading axes, shape, actual shape); ValueError where they contradict each other."""
    found = dict(sizes)
    pending = []
    for name, lead, shape, actual in rows:
        if len(actual) != len(lead) + len(shape):
            raise ValueError(
                f"{name}: expected shape {shape_text(lead + shape, found)}, found {actual}"
            )
        pending += [(name, lead + shape, actual, axis, n) for axis, n in zip(lead + shape, actual)]
    settled = -1
    while settled != len(pending):
        settled = len(pending)
        waiting = []
        for name, shape, actual, axis, n in pending:
            unknown = [size for size in names_in(axis) if size not in found]
            if len(unknown) > 1:
                waiting.append((name, shape, actual, axis, n))
                continue
            if unknown:  # the axis is linear in its one unknown size
                zero, one = (length_of(axis, found | {unknown[0]: k}) for k in (0, 1))
                found[unknown[0]] = (n - zero) // (one - zero)
            too_small = unknown and axis not in ("T", "B") and found[unknown[0]] < 1
            if length_of(axis, found) != n or too_small:
                raise ValueError(
                    f"{name}: expected shape {shape_text(shape, found)}, found {actual}"
                )
        pending = waiting
    return found


def shape_text(shape: tuple[str, ...], sizes: Mapping[str, int]) -> str:
    """A shape in names, and in numbers as far as they are known."""
    numbers = []
    for axis in shape:
        try:
            numbers.append(str(length_of(axis, sizes)))
        except KeyError:
            numbers.append(axis)
    end = ",)" if len(shape) == 1 else ")"
    text = f"({', '.join(shape)}{end}"
    return text if list(shape) == numbers else f"{text} = ({', '.join(numbers)}{end}"


def python_name(name: str) -> str:
    """The Python name of a parameter."""
    return RENAMED.get(name, name)


def model_name(name: str) -> str:
    """The model's name of a parameter."""
    return next((model for model, python in RENAMED.items() if python == name), name)


# ---------------------------------------------------------------- functions of the equations


def sigmoid(u: NDArray) -> NDArray:
    """1 / (1 + exp(-u)), without overflow."""
    positive = np.real(u) >= 0
    small = np.exp(np.where(positive, -u, u))
    return np.where(positive, 1, small) / (1 + small)


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


def maximum(u: NDArray, v: NDArray) -> NDArray:
    """The larger one, by the real parts."""
    return np.where((np.real(u) >= np.real(v)) | np.isnan(u), u, v)


def softmax(z: NDArray) -> NDArray:
    """exp(z) / sum(exp(z)), without overflow."""
    small = np.exp(z - top(z))
    return small / small.sum(-1, keepdims=True)


def log_softmax(z: NDArray) -> NDArray:
    """z - log(sum(exp(z))), without overflow or loss of digits."""
    lowered = z - top(z)
    return lowered - log_excess(lowered)


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


def cross_entropy_from_log(y: NDArray, log_p: NDArray) -> NDArray:
    """-y log(p), given log(p)."""
    return -y * np.where(y == 0, 0, log_p)


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


def one_hot(classes: NDArray, count: int, dtype: Any = float) -> NDArray:
    """Class numbers as vectors with a single one; class -1 is the zero vector."""
    return (classes[..., None] == np.arange(count)).astype(dtype)


def at_step(u: NDArray, number: int) -> NDArray:
    """The value at step `number`, zero where there is none."""
    return u[number - 1] if number <= len(u) else np.zeros_like(u[0])


def valid(u: NDArray, padding: NDArray | None) -> NDArray:
    """Values (T, B, ...) with zeros in the padding."""
    if padding is None:
        return u
    return np.where(padding.reshape(padding.shape + (1,) * (u.ndim - 2)), 0, u)


def glorot(shape: tuple[int, ...], generator: np.random.Generator) -> NDArray:
    """Uniform with variance 2 / (rows + columns) (Glorot & Bengio 2010)."""
    bound = (6 / (shape[0] + shape[1] if len(shape) == 2 else sum(shape) + 1)) ** 0.5
    return generator.uniform(-bound, bound, shape)


def clear(where: NDArray | None, *arrays: NDArray) -> None:
    """Set the rows of padding to zero, where there is any."""
    for u in arrays if where is not None else ():
        u[where] = 0


# ---------------------------------------------------------------- forward


def _forward(params: Params, run: Run) -> Trace:
    """All variables at all steps, in an order in which each can be computed."""
    steps = run.steps
    n_k = run.sizes["n_k"]
    n_v = run.sizes["n_v"]
    x = run.data["x"]
    y: Any = run.data.get("y")
    W_q = params.W_q
    b_q = params.b_q
    W_k = params.W_k
    b_k = params.b_k
    W_v = params.W_v
    b_v = params.b_v
    w_i = params.w_i
    b_i = params.b_i
    w_f = params.w_f
    b_f = params.b_f
    W_o = params.W_o
    b_o = params.b_o
    V = params.V
    b_y = params.b_y
    C_all = run.extended("C", n_v, n_k, lag=1, lead=0)
    C_prev = C_all[:steps]
    C = C_all[1 : steps + 1]
    m_all = run.extended("m", lag=1, lead=0)
    m_prev = m_all[:steps]
    m = m_all[1 : steps + 1]
    n_all = run.extended("n", n_k, lag=1, lead=0)
    n_prev = n_all[:steps]
    n = n_all[1 : steps + 1]
    m_bar = run.zeros()

    # all steps at once
    if "m[0]" not in run.given:
        m_all[0] = -np.inf  # (1)
    q = x @ W_q.T + b_q  # (2) query
    k = x @ W_k.T / float(np.sqrt(n_k)) + b_k  # (3) key
    v = x @ W_v.T + b_v  # (4) value
    i_tilde = dot(w_i, x) + b_i  # (5) logarithm of the input gate
    f_tilde = dot(w_f, x) + b_f  # (6) what enters the forget gate
    o_bar = x @ W_o.T + b_o  # (17) pre-activation of o
    o = sigmoid(o_bar)  # (7) output gate
    l = -softplus(-f_tilde)  # (8) logarithm of the forget gate
    clear(run.padding, q, k, v, i_tilde, f_tilde, o_bar, o, l)

    # step by step, forwards
    for t in range(steps):
        m_bar[t] = l[t] + m_prev[t]  # (18) pre-activation of m
        m[t] = maximum(m_bar[t], i_tilde[t])  # (9) stabiliser
        if run.padding is not None:
            clear(run.padding[t], m_bar[t], m[t])

    # all steps at once
    i_bar = i_tilde - m  # (19) pre-activation of i
    i = np.exp(i_bar)  # (10) stabilised input gate
    f_bar = l + m_prev - m  # (20) pre-activation of f
    f = np.exp(f_bar)  # (11) stabilised forget gate
    clear(run.padding, i_bar, i, f_bar, f)

    # step by step, forwards
    for t in range(steps):
        C[t] = f[t][..., None, None] * C_prev[t] + i[t][..., None, None] * outer(v[t], k[t])  # (12)
        if run.padding is not None:
            clear(run.padding[t], C[t])

    # step by step, forwards
    for t in range(steps):
        n[t] = f[t][..., None] * n_prev[t] + i[t][..., None] * k[t]  # (13) normaliser
        if run.padding is not None:
            clear(run.padding[t], n[t])

    # all steps at once
    h_hat = matvec(C, q)  # (21) operand of h
    h_bar = dot(n, q)  # (22) pre-activation of h
    h = o * h_hat / maximum(absolute(h_bar), np.exp(-m))[..., None]  # (14) hidden state
    p_bar = h @ V.T + b_y  # (23) pre-activation of p
    p = softmax(p_bar)  # (15) class probabilities
    clear(run.padding, h_hat, h_bar, h, p_bar, p)
    if "y" in run.data:
        loss = cross_entropy_from_log(y, log_softmax(p_bar)).sum(-1)  # (16)
        clear(run.padding, loss)

    values = {
        "C": C,
        "m": m,
        "q": q,
        "k": k,
        "v": v,
        "i_tilde": i_tilde,
        "f_tilde": f_tilde,
        "o": o,
        "l": l,
        "i": i,
        "f": f,
        "n": n,
        "h": h,
        "p": p,
        "o_bar": o_bar,
        "m_bar": m_bar,
        "i_bar": i_bar,
        "f_bar": f_bar,
        "h_hat": h_hat,
        "h_bar": h_bar,
        "p_bar": p_bar,
    }
    if "y" in run.data:
        values["loss"] = loss
    whole = {
        "C": C_all,
        "m": m_all,
        "n": n_all,
    }
    return Trace(values, whole, run)


# ---------------------------------------------------------------- backward


def _backward(
    params: Params, trace: Trace, cotangents: Mapping[str, NDArray], wrt: frozenset[str]
) -> Gradients:
    """The errors of all variables, backwards through the equations, and their sums, the gradients."""
    run = trace._run
    full = all(name in run.data for name in ("y",))
    grads = Gradients(params.sizes, np.zeros(params.vector.shape, run.dtype))
    steps = run.steps
    batch = run.batch
    dtype = run.dtype
    n_v = run.sizes["n_v"]
    n_k = run.sizes["n_k"]
    n_y = run.sizes["n_y"]
    x = run.data["x"]
    d_loss = run.error(cotangents, "loss")
    y: Any = run.data.get("y")
    W_q = params.W_q
    W_k = params.W_k
    W_v = params.W_v
    w_i = params.w_i
    w_f = params.w_f
    W_o = params.W_o
    V = params.V
    C_all = trace._whole["C"]
    C_prev = C_all[:steps]
    C = C_all[1 : steps + 1]
    m_all = trace._whole["m"]
    m = m_all[1 : steps + 1]
    q = trace._arrays["q"]
    k = trace._arrays["k"]
    v = trace._arrays["v"]
    i_tilde = trace._arrays["i_tilde"]
    f_tilde = trace._arrays["f_tilde"]
    o = trace._arrays["o"]
    i = trace._arrays["i"]
    f = trace._arrays["f"]
    n_all = trace._whole["n"]
    n_prev = n_all[:steps]
    n = n_all[1 : steps + 1]
    h = trace._arrays["h"]
    p = trace._arrays["p"]
    m_bar = trace._arrays["m_bar"]
    h_hat = trace._arrays["h_hat"]
    h_bar = trace._arrays["h_bar"]
    d_p = run.error(cotangents, "p", n_y)
    d_h = run.error(cotangents, "h", n_v)
    d_n_back_all = run.zeros(n_k, lag=0, lead=1)
    d_n_back = d_n_back_all[:steps]
    d_n_back_next = d_n_back_all[1 : steps + 1]
    d_n = run.error(cotangents, "n", n_k)
    d_C_back_all = run.zeros(n_v, n_k, lag=0, lead=1)
    d_C_back = d_C_back_all[:steps]
    d_C_back_next = d_C_back_all[1 : steps + 1]
    d_C = run.error(cotangents, "C", n_v, n_k)
    d_f = run.error(cotangents, "f")
    d_f_bar_all = run.zeros(lag=0, lead=1)
    d_f_bar = d_f_bar_all[:steps]
    d_f_bar_next = d_f_bar_all[1 : steps + 1]
    d_i = run.error(cotangents, "i")
    d_m = run.error(cotangents, "m")
    d_m_bar_all = run.zeros(lag=0, lead=1)
    d_m_bar = d_m_bar_all[:steps]
    d_m_bar_next = d_m_bar_all[1 : steps + 1]
    d_l = run.error(cotangents, "l")
    d_o = run.error(cotangents, "o", n_v)
    d_f_tilde = run.error(cotangents, "f_tilde")
    d_i_tilde = run.error(cotangents, "i_tilde")
    d_v = run.error(cotangents, "v", n_v)
    d_k = run.error(cotangents, "k", n_k)
    d_q = run.error(cotangents, "q", n_k)

    # all steps at once
    d_p_bar = p * (d_p - dot(d_p, p)[..., None])  # (24) error of p_bar
    clear(run.padding, d_p, d_p_bar)
    if full:
        d_p_bar += d_loss[..., None] * (p * y.sum(-1)[..., None] - y)  # (24) error of p_bar
        clear(run.padding, d_p_bar)
    d_h += d_p_bar @ V  # (25) error of h
    d_h_bar_sub = absolute(h_bar)  # (26) used more than once
    d_h_bar_sub2 = np.exp(-m)  # (26) used more than once
    d_h_bar_sub3 = maximum(d_h_bar_sub, d_h_bar_sub2)  # (26) used more than once
    # (26) error of h_bar
    with np.errstate(all="ignore"):
        part_2 = -(d_h * h / d_h_bar_sub3[..., None]).sum(-1) * 0.5
        part_1 = np.where(
            d_h_bar_sub.real > d_h_bar_sub2.real,
            -(d_h * h / d_h_bar_sub3[..., None]).sum(-1),
            np.where(d_h_bar_sub.real < d_h_bar_sub2.real, 0, part_2),
        )
    d_h_bar = part_1 * sign(h_bar)
    d_h_hat_sub = d_h / d_h_bar_sub3[..., None]  # (27) used more than once
    d_h_hat = d_h_hat_sub * o  # (27) error of h_hat
    clear(run.padding, d_h, d_h_bar_sub, d_h_bar_sub2, d_h_bar_sub3, d_h_bar, d_h_hat_sub)
    clear(run.padding, d_h_hat)

    # step by step, backwards
    for t in reversed(range(steps)):
        d_n[t] += d_h_bar[t][..., None] * q[t] + d_n_back_next[t]  # (29) error of n
        d_n_back[t] = d_n[t] * f[t][..., None]  # (29) what step t passes to n[t-1]
        if run.padding is not None:
            clear(run.padding[t], d_n[t], d_n_back[t])

    # step by step, backwards
    for t in reversed(range(steps)):
        d_C[t] += outer(d_h_hat[t], q[t]) + d_C_back_next[t]  # (30) error of C
        d_C_back[t] = d_C[t] * f[t][..., None, None]  # (30) what step t passes to C[t-1]
        if run.padding is not None:
            clear(run.padding[t], d_C[t], d_C_back[t])

    # all steps at once
    d_f += (d_C * C_prev).sum((-2, -1)) + dot(d_n, n_prev)  # (31) error of f
    d_f_bar[...] = d_f * f  # (32) error of f_bar
    d_i += (d_C * outer(v, k)).sum((-2, -1)) + dot(d_n, k)  # (33) error of i
    d_i_bar = d_i * i  # (34) error of i_bar
    clear(run.padding, d_f, d_f_bar, d_i, d_i_bar)

    # step by step, backwards
    for t in reversed(range(steps)):
        # (35) error of m
        with np.errstate(all="ignore"):
            part_4 = np.where(
                d_h_bar_sub[t].real < d_h_bar_sub2[t].real,
                -(d_h[t] * h[t] / d_h_bar_sub3[t][..., None]).sum(-1),
                -(d_h[t] * h[t] / d_h_bar_sub3[t][..., None]).sum(-1) * 0.5,
            )
            part_3 = np.where(
                d_h_bar_sub[t].real > d_h_bar_sub2[t].real, 0, part_4 * d_h_bar_sub2[t]
            )
        d_m[t] += -d_i_bar[t] - d_f_bar[t] - part_3 + d_m_bar_next[t] + d_f_bar_next[t]
        # (36) error of m_bar
        d_m_bar[t] = np.where(
            m_bar[t].real > i_tilde[t].real,
            d_m[t],
            np.where(m_bar[t].real < i_tilde[t].real, 0, d_m[t] * 0.5),
        )
        if run.padding is not None:
            clear(run.padding[t], d_m[t], d_m_bar[t])

    # all steps at once
    d_l += d_m_bar + d_f_bar  # (37) error of l
    d_o += d_h_hat_sub * h_hat  # (28) error of o
    d_o_bar = d_o * o * (1 - o)  # (38) error of o_bar
    d_f_tilde += d_l * sigmoid(-f_tilde)  # (39) error of f_tilde
    # (40) error of i_tilde
    part_5 = np.where(
        m_bar.real > i_tilde.real, 0, np.where(m_bar.real < i_tilde.real, d_m, d_m * 0.5)
    )
    d_i_tilde += part_5 + d_i_bar
    d_v += matvec(d_C * i[..., None, None], k)  # (41) error of v
    d_k += vecmat(v, d_C * i[..., None, None]) + d_n * i[..., None]  # (42) error of k
    d_q += vecmat(d_h_hat, C) + d_h_bar[..., None] * n  # (43) error of q
    clear(run.padding, d_l, d_o, d_o_bar, d_f_tilde, d_i_tilde, d_v, d_k, d_q)
    if "initial" in wrt:
        d_C_at0 = np.full((batch, n_v, n_k), at_step(d_C_back, 1), dtype)
        d_m_at0 = at_step(d_m_bar, 1) + at_step(d_f_bar, 1)
        d_n_at0 = np.full((batch, n_k), at_step(d_n_back, 1), dtype)
    d_x_sub = d_k / float(np.sqrt(n_k))
    clear(run.padding, d_x_sub)
    if "x" in wrt:
        d_x = (
            d_q @ W_q
            + d_x_sub @ W_k
            + d_v @ W_v
            + d_i_tilde[..., None] * w_i
            + d_f_tilde[..., None] * w_f
            + d_o_bar @ W_o
        )
        clear(run.padding, d_x)
    grads.W_q[...] = outer_sum(d_q, x)  # (44) gradient of W_q
    grads.b_q[...] = d_q.sum((0, 1))  # (47) gradient of b_q
    grads.W_k[...] = outer_sum(d_x_sub, x)  # (52) gradient of W_k
    grads.b_k[...] = d_k.sum((0, 1))  # (48) gradient of b_k
    grads.W_v[...] = outer_sum(d_v, x)  # (45) gradient of W_v
    grads.b_v[...] = d_v.sum((0, 1))  # (49) gradient of b_v
    grads.w_i[...] = (d_i_tilde[..., None] * x).sum((0, 1))  # (53) gradient of w_i
    grads.b_i[...] = d_i_tilde.sum((0, 1))  # (55) gradient of b_i
    grads.w_f[...] = (d_f_tilde[..., None] * x).sum((0, 1))  # (54) gradient of w_f
    grads.b_f[...] = d_f_tilde.sum((0, 1))  # (56) gradient of b_f
    grads.W_o[...] = outer_sum(d_o_bar, x)  # (46) gradient of W_o
    grads.b_o[...] = d_o_bar.sum((0, 1))  # (50) gradient of b_o
    grads.V[...] = outer_sum(d_p_bar, h)  # (57) gradient of V
    grads.b_y[...] = d_p_bar.sum((0, 1))  # (51) gradient of b_y

    if "x" in wrt:
        grads.inputs["x"] = d_x
    if "initial" in wrt:
        grads.initial["C"] = d_C_at0
        grads.initial["m"] = d_m_at0
        grads.initial["n"] = d_n_at0
    return grads


# ---------------------------------------------------------------- what a user calls


def init_params(
    *,
    n_x: int,
    n_y: int,
    n_v: int,
    n_k: int,
    rng: Any = None,
    dtype: Any = np.float32,
) -> Params:
    """Parameters as training starts with them, from sizes.

    `rng` is a seed or a numpy Generator; `dtype` float32, float64 or complex128.
    """
    sizes = {
        "n_x": int(n_x),
        "n_y": int(n_y),
        "n_v": int(n_v),
        "n_k": int(n_k),
    }
    for name, number in sizes.items():
        if number < 1:
            raise ValueError(f"{name}: expected a whole number from 1, found {number}")
    shapes = [[length_of(axis, sizes) for axis in shape] for shape in SHAPES.values()]
    total = sum(int(np.prod(shape)) for shape in shapes)
    params = Params(sizes, np.zeros(total, working_dtype(np.dtype(dtype))))
    generator = np.random.default_rng(rng)
    params.W_q[...] = glorot(params.W_q.shape, generator)
    params.W_k[...] = glorot(params.W_k.shape, generator)
    params.W_v[...] = glorot(params.W_v.shape, generator)
    params.w_i[...] = 1
    params.w_f[...] = 1
    params.W_o[...] = glorot(params.W_o.shape, generator)
    params.V[...] = glorot(params.V.shape, generator)
    return params


def initial_state(
    params: Params,
    batch: int = 1,
) -> State:
    """The state before the first step, for `batch` sequences: what the file says, otherwise zero."""
    data: dict[str, Any] = {}
    run = checked(params, data, batch=batch, single=True)
    run.steps, run.ends = 0, np.zeros(batch, int)
    return _initial(params, run)


def _initial(params: Params, run: Run) -> State:
    """Values at and before step 0, as the equations give them."""
    n_v = run.sizes["n_v"]
    n_k = run.sizes["n_k"]
    C_all = run.extended("C", n_v, n_k, lag=1, lead=0)
    m_all = run.extended("m", lag=1, lead=0)
    n_all = run.extended("n", n_k, lag=1, lead=0)

    if "m[0]" not in run.given:
        m_all[0] = -np.inf  # (1)
    whole = {
        "m": m_all,
        "C": C_all,
        "n": n_all,
    }
    return State(Trace({}, whole, run).state)


def forward(
    params: Params,
    /,
    *,
    x: ArrayLike,
    y: ArrayLike | None = None,
    initial: Any = None,
    lengths: ArrayLike | None = None,
) -> Trace:
    """Every variable at every step: `trace.NAME`, (T, B, ...).

    x: (T, B, n_x); features of a step
    y: (T, B, n_y); classes
    initial: a State, or arrays by name: (B, ...), or (K, B, ...) oldest first
    lengths: (B,) whole numbers 1 to T, where sequences end before T

    Without a target, what depends on it is left out. Raises ValueError for wrong arguments.
    """
    data = {
        "x": x,
        "y": y,
    }
    run = checked(params, data, initial, lengths)
    with run.quiet():
        return _forward(params, run)


def _cost(trace: Trace) -> Any:
    """The mean over the batch of each sequence's loss."""
    if trace._run.batch == 0:
        return 0.0
    return np.mean(trace.loss.sum(0)).item()


def _shares(run: Run) -> dict[str, NDArray]:
    """dC/dloss: each sequence has its share of the mean."""
    share = 1 / max(run.batch, 1)
    return {
        "loss": valid(np.full((run.steps, run.batch), share, run.dtype), run.padding),
    }


def loss(
    params: Params,
    /,
    *,
    x: ArrayLike,
    y: ArrayLike,
    initial: Any = None,
    lengths: ArrayLike | None = None,
) -> Any:
    """The cost: the losses summed over time, averaged over the batch.

    x: (T, B, n_x); features of a step
    y: (T, B, n_y); classes

    Raises ValueError for wrong arguments.
    """
    data = {
        "x": x,
        "y": y,
    }
    run = checked(params, data, initial, lengths)
    with run.quiet():
        value = _cost(_forward(params, run))
    run.complain(value)
    return value


def loss_and_grads(
    params: Params,
    /,
    *,
    x: ArrayLike,
    y: ArrayLike,
    initial: Any = None,
    lengths: ArrayLike | None = None,
    wrt: Any = (),
) -> tuple[Any, Gradients, State]:
    """The cost, its gradients, and the state after the last step.

    wrt: further gradients: names of inputs (`grads.inputs[name]`), of constants
        (`grads.constants[name]`), and "initial" (`grads.initial[name]`)
    x: (T, B, n_x); features of a step
    y: (T, B, n_y); classes

    Raises ValueError for wrong arguments.
    """
    data = {
        "x": x,
        "y": y,
    }
    run = checked(params, data, initial, lengths)
    extra = wanted(wrt)
    with run.quiet():
        trace = _forward(params, run)
        value = _cost(trace)
        grads = _backward(params, trace, _shares(run), extra)
    run.complain(value, grads.vector)
    return value, grads, trace.state


def read_cotangent(trace: Trace, name: str, value: ArrayLike) -> NDArray:
    """A cotangent in the working dtype, zero in the padding."""
    run = trace._run
    if name not in trace._arrays:
        raise ValueError(
            f"d_{name}: expected forward() to have been given the targets that {name} needs"
        )
    array, expected = np.asarray(value), np.shape(trace[name])
    if array.dtype.kind not in "fciub":
        raise ValueError(f"d_{name}: expected numbers, found {array.dtype}")
    if array.shape != expected:
        raise ValueError(f"d_{name}: expected shape {expected}, found {array.shape}")
    array = array.astype(run.dtype)
    return valid(array, run.padding) if name in TIMED else array


def wanted(wrt: Any) -> frozenset[str]:
    """The names in `wrt`, checked."""
    names = frozenset([wrt] if isinstance(wrt, str) else wrt)
    allowed = (
        "x",
        "initial",
    )
    for name in sorted(names):
        if name not in allowed:
            raise ValueError(f"wrt: expected {', '.join(allowed)}, found {name!r}")
    return names


def backward(
    params: Params,
    trace: Trace,
    /,
    *,
    d_C: ArrayLike | None = None,
    d_m: ArrayLike | None = None,
    d_q: ArrayLike | None = None,
    d_k: ArrayLike | None = None,
    d_v: ArrayLike | None = None,
    d_i_tilde: ArrayLike | None = None,
    d_f_tilde: ArrayLike | None = None,
    d_o: ArrayLike | None = None,
    d_l: ArrayLike | None = None,
    d_i: ArrayLike | None = None,
    d_f: ArrayLike | None = None,
    d_n: ArrayLike | None = None,
    d_h: ArrayLike | None = None,
    d_p: ArrayLike | None = None,
    d_loss: ArrayLike | None = None,
    wrt: Any = (),
) -> Gradients:
    """Vector-Jacobian product: gradients of sum(d_NAME * NAME), summed over the batch, no mean.

    d_NAME: an array of the shape of `trace.NAME`, for any variables. With none, the gradients of
        the cost, as `loss_and_grads` gives them.
    wrt: as in `loss_and_grads`
    """
    run = trace._run
    given: dict[str, Any] = {
        "C": d_C,
        "m": d_m,
        "q": d_q,
        "k": d_k,
        "v": d_v,
        "i_tilde": d_i_tilde,
        "f_tilde": d_f_tilde,
        "o": d_o,
        "l": d_l,
        "i": d_i,
        "f": d_f,
        "n": d_n,
        "h": d_h,
        "p": d_p,
        "loss": d_loss,
    }
    given = {name: value for name, value in given.items() if value is not None}
    cotangents: dict[str, NDArray] = {} if given else _shares(run)
    if not given and "y" not in run.data:
        raise ValueError("y: expected it in forward(), or a cotangent d_NAME here")
    for name, value in given.items():
        cotangents[name] = read_cotangent(trace, name, value)
    extra = wanted(wrt)
    with run.quiet():
        return _backward(params, trace, cotangents, extra)


def step(
    params: Params,
    state: Any,
    /,
    *,
    x: ArrayLike,
) -> tuple[State, Values]:
    """One step of every sequence, for streams: the new state, and every variable that needs no target.

    Data are as in `forward`, without the time axis: (B, ...).
    """
    data = {
        "x": x,
    }
    run = checked(params, data, state, single=True)
    with run.quiet():
        trace = _forward(params, run)
    out = {
        "C": trace.C[0],
        "m": trace.m[0],
        "q": trace.q[0],
        "k": trace.k[0],
        "v": trace.v[0],
        "i_tilde": trace.i_tilde[0],
        "f_tilde": trace.f_tilde[0],
        "o": trace.o[0],
        "l": trace.l[0],
        "i": trace.i[0],
        "f": trace.f[0],
        "n": trace.n[0],
        "h": trace.h[0],
        "p": trace.p[0],
    }
    return trace.state, Values(out)


def sgd_step(
    params: Params, grads: Params, *, learning_rate: float, max_norm: float | None = None
) -> None:
    """params - learning_rate * grads, in place; gradients longer than `max_norm` are scaled to it."""
    scale = learning_rate
    if max_norm is not None:
        length = float(np.linalg.norm(grads.vector))
        scale *= min(1.0, max_norm / length) if length > 0 else 1.0
    params.vector[...] -= scale * grads.vector


# rnnsym-seal: sha256:94cc79faf08923c5ea7e91418bb706bb37364ccf4f39b7427b6a03924f1786c8
