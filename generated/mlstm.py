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

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Gradients",
    "Params",
    "State",
    "Trace",
    "Workspace",
    "backward",
    "forward",
    "init_params",
    "initial_state",
    "loss",
    "loss_and_grads",
    "plan",
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
# Matrices of the parameters' vector that hold several parameters, and which of their rows and columns each is.
STACKS: dict[str, tuple[str, str]] = {
    "weights": ("n_k", "n_x + 1"),
    "weights2": ("n_y", "n_v + 1"),
}
PLACES: dict[str, tuple[str, str, str, str, str]] = {
    "W_q": ("weights", "0", "n_k", "0", "n_x"),
    "b_q": ("weights", "0", "n_k", "n_x", "n_x + 1"),
    "V": ("weights2", "0", "n_y", "0", "n_v"),
    "b_y": ("weights2", "0", "n_y", "n_v", "n_v + 1"),
}


# ---------------------------------------------------------------- parameters, states, traces


class Params:
    """The parameters: one contiguous `vector`, and a view into it for every name.

    `params.NAME` has the shape of the equations; to assign to it writes into the vector.
    """

    __slots__ = ("_stacks", "_views", "sizes", "vector")
    sizes: dict[str, int]
    vector: NDArray
    _views: dict[str, NDArray]
    _stacks: dict[str, NDArray]

    def __init__(self, sizes: Mapping[str, int], vector: NDArray) -> None:
        total, matrices, places = layout(tuple(sizes.items()))
        if vector.shape != (total,):
            raise ValueError(f"vector: expected shape ({total},), found {vector.shape}")
        stacks = {name: vector[part].reshape(shape) for name, part, shape in matrices}
        views: dict[str, NDArray] = {}
        for name, stack, part, shape in places:
            views[name] = stacks[stack][part] if stack else vector[part].reshape(shape)
        rows_ = (("sizes", dict(sizes)), ("vector", vector), ("_views", views), ("_stacks", stacks))
        for slot, value in rows_:
            object.__setattr__(self, slot, value)

    def stack(self, name: str) -> NDArray:
        """A matrix that holds several parameters: a view into the vector."""
        return self._stacks[name]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, ArrayLike], **sizes: int) -> Params:
        """Parameters from arrays by name; copied, dtype follows them.

        `sizes` are needed only where neither these shapes nor the data of a call tell them. Raises ValueError for names that are
        unknown or missing, and for wrong shapes.
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
        params = cls(found, np.zeros(sum(given[name].size for name in SHAPES), dtype))
        for name, view in params.items():
            view[...] = given[name]
        return params

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
            if not all(target in run.data for target in LATE.get(name, ())):
                continue
            if run.padding is None:
                last = self._whole[name][lag + run.steps - count : lag + run.steps]
                arrays[name] = (last[0] if count == 1 else last).copy()
            else:
                first = lag + run.ends - count
                past = [self._whole[name][first + k, np.arange(run.batch)] for k in range(count)]
                arrays[name] = past[0] if count == 1 else np.stack(past)
        return State(arrays, started=True)


_LAYOUTS: dict[Any, Any] = {}


def layout(numbers: tuple[tuple[str, int], ...]) -> Any:
    """How long the vector is, where its matrices lie, and where each parameter: (name, matrix, part, shape)."""
    if numbers not in _LAYOUTS:
        sizes = dict(numbers)
        matrices: list[Any] = []
        places: list[Any] = []
        start = 0
        for name, axes in STACKS.items():
            rows, columns = (length_of(axis, sizes) for axis in axes)
            matrices.append((name, slice(start, start + rows * columns), (rows, columns)))
            start += rows * columns
        for name, shape in SHAPES.items():
            lengths = tuple(length_of(axis, sizes) for axis in shape)
            if name in PLACES:
                first, last, left, right = (length_of(axis, sizes) for axis in PLACES[name][1:])
                column = slice(left, right) if len(shape) == 2 else left
                places.append((name, PLACES[name][0], (slice(first, last), column), lengths))
            else:
                stop = start + int(np.prod(lengths))
                places.append((name, "", slice(start, stop), lengths))
                start = stop
        _LAYOUTS[numbers] = (start, matrices, places)
    return _LAYOUTS[numbers]


class Workspace:
    """What calls of equal shape use again: arrays, and passes with their views of them.

    Give the same one to each call: `work=`. Not for two threads at a time.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray] = {}
        self.kept: dict[str, Any] = {}
        self.passes: dict[Any, Any] = {}
        self.params: Any = None
        self.key: Any = None

    def ready(self, make: Any, params: Params, run: Run) -> Any:
        """The pass that `make` gives; it is made again where parameters, sizes or dtype are others than in the last call."""
        key = (run.steps, run.batch, run.single, run.dtype, *run.sizes.values())
        if self.params is not params or self.key != key:
            self.passes.clear()
            self.params, self.key = params, key
        found = self.passes.get(make)
        if found is None:
            found = self.passes[make] = make(params, run, self)
        return found

    def array(self, name: str, shape: tuple[int, ...], dtype: Any) -> NDArray:
        """An array of this shape, whatever it holds."""
        found = self.arrays.get(name)
        if found is None or found.shape != shape or found.dtype != dtype:
            found = self.arrays[name] = np.empty(shape, dtype)
        return found

    def flat(self, name: str, u: NDArray, flatten: Any) -> NDArray:
        """Vectors (T, n, B) as (n, T, B), so that a sum over steps and batch is one matrix product."""
        if u.shape[2] == 1:  # a matrix product takes the transpose as it is
            return u.swapaxes(0, 1)
        return flatten(u, self.array(name, (u.shape[1], u.shape[0], u.shape[2]), u.dtype))


# ---------------------------------------------------------------- calls


class Run:
    """What one call works on: checked data, sizes, values from outside 1 .. T, and where each sequence ends."""

    def __init__(self, params: Params, initial: Any, lengths: ArrayLike | None) -> None:
        self.sizes = dict(params.sizes)
        self.dtype = params.vector.dtype
        self.data: dict[str, NDArray] = {}
        self.given: dict[str, NDArray] = {}
        self.places: dict[str, list[str]] = {}  # which of them each argument gave
        self.started = isinstance(initial, State) and initial._started
        self.initial, self.lengths = initial, lengths
        self.steps, self.batch = 0, 0
        self.single = False  # one step, without a time axis
        self.owns = True  # whether data are copied: the caller may change them while a trace lives
        self.ends = np.zeros(0, int)
        self.padding: NDArray | None = None

    @property
    def masks(self) -> Any:
        """For each step which sequences are over, or None."""
        return [None] * self.steps if self.padding is None else self.padding

    def vectors(self, name: str) -> Any:
        """Data as vectors, also where class numbers were given."""
        found = self.data.get(name)
        if found is None or name not in CLASSES or found.dtype.kind not in "iu":
            return found
        return one_hot(found, length_of(DATA[name][2][0], self.sizes), self.dtype)

    def outside(self, key: str) -> NDArray:
        """A value from outside 1 .. T, the caller's or zero."""
        return self.given[key] if key in self.given else np.zeros((), self.dtype)

    def fill_outside(self, name: str, whole: NDArray, lag: int, lead: int, first: int) -> None:
        """Values before step 1 and after step T, the caller's or zero; step 1 stands at `first`."""
        for k in range(lag):
            whole[first - 1 - k] = self.given.get(f"{name}[{-k}]", 0)
        for k in range(lead):
            whole[first + self.steps + k] = 0
            if f"{name}[T+{k + 1}]" in self.given:
                rows = first + self.ends + k
                whole[rows, np.arange(self.batch)] = self.given[f"{name}[T+{k + 1}]"]

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
            whole[lag : lag + self.steps] = self.vectors(name)
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
    owns: bool = True,
) -> Run:
    """Check all arguments of a call; ValueError names the argument, what was expected, what was found."""
    known = isinstance(params, Params)
    if not known:
        raise ValueError(f"params: expected Params, found {type(params).__name__}")
    run = Run(params, initial, lengths)
    run.owns, run.single = owns, single
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
    sums = [("params", (), (axis,), (n,)) for axis, n in run.sizes.items() if axis not in SIZES]
    run.sizes = bound(rows + sums, {n: k for n, k in run.sizes.items() if n in SIZES} | said)
    require_sizes(SIZES, run.sizes)
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
    fill_fixed(run)
    read_initial(run, initial)
    return run


_CHECKED: dict[Any, Run] = {}  # a step of each kind that was right


def checked_step(params: Params, data: Mapping[str, Any], state: Any) -> Run:
    """Check the arguments of a step; what has the names, shapes and dtypes of an earlier one is right if that was."""
    kind = kind_of(params, data, state)
    known = _CHECKED.get(kind) if kind else None
    if known is None:
        run = checked(params, data, state, single=True)
        if kind:
            if len(_CHECKED) >= 64:
                _CHECKED.clear()
            _CHECKED[kind] = run
        return run
    run = Run(params, state, None)
    run.sizes, run.dtype, run.batch = known.sizes, known.dtype, known.batch
    run.steps, run.ends, run.single = 1, known.ends, True
    for name, value in data.items():
        if value is not None:
            run.data[name] = read_data(run, name, value[None] if DATA[name][1] else value)
    fill_fixed(run)
    for key, value in state.items():
        keys = known.places[key]
        array = np.array(value, known.given[keys[0]].dtype)
        run.given.update(zip(keys, array if len(keys) > 1 else (array,)))
    return run


def kind_of(params: Params, data: Mapping[str, Any], state: Any) -> Any:
    """What decides whether the arguments of a step are right, class numbers aside; None where not all are arrays."""
    if type(params) is not Params or type(state) not in (State, dict):
        return None
    found: list[Any] = [params.vector.dtype, *params.sizes.values()]
    for values in (data, state):
        for name, value in values.items():
            if type(value) is np.ndarray:
                found += (name, value.shape, value.dtype)
            elif value is not None or values is state:
                return None
        found.append(None)
    return tuple(found)


def fill_fixed(run: Run) -> None:
    """Constants that have a value where the caller gives none."""
    for name, (value, shape) in FIXED.items():
        if name not in run.data:
            lengths = tuple(length_of(axis, run.sizes) for axis in shape)
            run.data[name] = np.full(lengths, value, run.dtype)


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
        return valid(array.astype(run.dtype, copy=run.owns), padding)
    array = array.astype(int, copy=run.owns)
    count = length_of(shape[0], run.sizes)
    inside = array if padding is None else array[~padding]
    if inside.size and (inside.min() < 0 or inside.max() >= count):
        wrong = inside[(inside < 0) | (inside >= count)][0]
        raise ValueError(f"{name}: expected classes 0 to {count - 1}, found {wrong}")
    if padding is not None:
        array = np.where(padding, -1, array)
    return array


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
        run.places[key] = keys


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


_TERMS: dict[str, list[tuple[int, str]]] = {}


def terms_of(axis: str) -> list[tuple[int, str]]:
    """The terms of a length that is written as a sum of sizes, `n_x + 2*n_h`: factors and names."""
    if axis in _TERMS:
        return _TERMS[axis]
    terms = []
    for term in axis.replace("- ", "+ -").split(" + "):
        factor, _, name = term.lstrip("-").rpartition("*")
        terms.append(((-1 if term.startswith("-") else 1) * int(factor or 1), name))
    _TERMS[axis] = terms
    return terms


def names_in(axis: str) -> list[str]:
    """The sizes that a length is made of."""
    return [name for _, name in terms_of(axis) if not name.isdigit()]


def require_sizes(names: Any, sizes: Mapping[str, int]) -> None:
    """ValueError where a size is not known."""
    unknown = [name for name in names if name not in sizes]
    if unknown:
        said = ", ".join(f"{name}=..." for name in unknown)
        raise ValueError(
            f"{unknown[0]}: no array tells this size; expected Params.from_arrays(arrays, {said})"
        )


def length_of(axis: str, sizes: Mapping[str, int]) -> int:
    """The length of an axis in numbers."""
    if axis in sizes:
        return sizes[axis]
    require_sizes(names_in(axis), sizes)
    return sum(k * (int(name) if name.isdigit() else sizes[name]) for k, name in terms_of(axis))


_BOUND: dict[Any, dict[str, int]] = {}  # sizes of arguments that were right


def bound(rows: Any, sizes: Mapping[str, int]) -> dict[str, int]:
    """`bind`; for arguments like those of an earlier call the answer is remembered."""
    key = (*rows, *sizes.items())
    if key not in _BOUND:
        if len(_BOUND) >= 64:
            _BOUND.clear()
        _BOUND[key] = bind(rows, sizes)
    return dict(_BOUND[key])


def bind(rows: Any, sizes: Mapping[str, int]) -> dict[str, int]:
    """Sizes from rows (name, leading axes, shape, actual shape); ValueError where they contradict each other.

    Where an axis has several sizes that no row tells, its length is kept under its own text: `{"n_u + n_x": 19}`.
    """
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
    for name, shape, actual, axis, n in pending:
        if found.setdefault(axis, n) != n:
            raise ValueError(f"{name}: expected shape {shape_text(shape, found)}, found {actual}")
    return found


def shape_text(shape: tuple[str, ...], sizes: Mapping[str, int]) -> str:
    """A shape in names, and in numbers as far as they are known."""
    numbers = []
    for axis in shape:
        try:
            numbers.append(str(length_of(axis, sizes)))
        except ValueError:
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


def top(z: NDArray) -> NDArray:
    """The largest real part of each vector, 0 where it is infinite."""
    highest = np.real(z).max(-1, keepdims=True)
    return np.where(np.isfinite(highest), highest, 0)


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


def sigmoid_into(u: NDArray, out: NDArray) -> NDArray:
    """1 / (1 + exp(-u))."""
    if np.iscomplexobj(u):
        out[...] = sigmoid(u)
        return out
    np.negative(u, out=out)
    np.exp(out, out=out)
    np.add(out, 1, out=out)
    return np.reciprocal(out, out=out)


def maximum_into(u: NDArray, v: NDArray, out: NDArray) -> NDArray:
    """The larger one, by the real parts."""
    if np.iscomplexobj(out):
        out[...] = maximum(u, v)
        return out
    return np.maximum(u, v, out=out)


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


NEARBY = 300_000  # numbers that stay near the processor


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


# ---------------------------------------------------------------- forward


def _forward(params: Params, run: Run, work: Workspace) -> Callable[[Run], Trace]:
    """The forward pass: what is made once for these sizes, and what each call does."""
    steps = run.steps
    batch = run.batch
    dtype = run.dtype
    n_k = run.sizes["n_k"]
    n_x = run.sizes["n_x"]
    n_v = run.sizes["n_v"]
    n_y = run.sizes["n_y"]
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
    weights = params.stack("weights")  # W_q, b_q
    weights2 = params.stack("weights2")  # V, b_y
    m_all = work.array("m", (steps + 1, batch), dtype)
    q = work.array("q", (steps, n_k, batch), dtype)
    operands = work.array("operands", (steps, n_x + 1, batch), dtype)  # x, 1
    k = work.array("k", (steps, n_k, batch), dtype)
    v = work.array("v", (steps, n_v, batch), dtype)
    i_tilde = work.array("i_tilde", (steps, batch), dtype)
    f_tilde = work.array("f_tilde", (steps, batch), dtype)
    o = work.array("o", (steps, n_v, batch), dtype)
    l = work.array("l", (steps, batch), dtype)
    m_bar = work.array("m_bar", (steps, batch), dtype)
    i = work.array("i", (steps, batch), dtype)
    f = work.array("f", (steps, batch), dtype)
    outer_v = work.array("outer_v", (steps, batch, n_v, n_k), dtype)
    C_all = work.array("C", (steps + 1, batch, n_v, n_k), dtype)
    n_all = work.array("n", (steps + 1, n_k, batch), dtype)
    h_hat = work.array("h_hat", (steps, n_v, batch), dtype)
    h_bar = work.array("h_bar", (steps, batch), dtype)
    operands2 = work.array("operands2", (steps, n_v + 1, batch), dtype)  # h, 1
    p = work.array("p", (steps, n_y, batch), dtype)
    loss = work.array("loss", (steps, batch), dtype)
    span = stretch(steps, batch * (4 * n_k + n_v + n_x + 5))
    span_2 = stretch(steps, batch * (2 * n_v + n_x + 5))
    span_3 = stretch(steps, batch * 4)
    span_4 = stretch(steps, batch * 5)
    span_5 = stretch(steps, batch * (2 * n_k * n_v + n_k + n_v + 2))
    span_6 = stretch(steps, batch * (2 * n_k + 2))
    span_7 = stretch(steps, batch * (2 * n_k + 4 * n_v + n_k * n_v + 7))
    span_8 = stretch(steps, batch * (3 * n_y + n_v + 2))
    part_room = work.array("part_room", (span, n_k, batch), dtype)
    o_bar_room = work.array("o_bar_room", (span_2, n_v, batch), dtype)
    part_4_room = work.array("part_4_room", (span_2, batch), dtype)
    i_bar_room = work.array("i_bar_room", (span_3, batch), dtype)
    part_6_room = work.array("part_6_room", (span_4, batch), dtype)
    f_bar_room = work.array("f_bar_room", (span_4, batch), dtype)
    part_7 = work.array("part_7", (batch, n_v, n_k), dtype)
    part_8 = work.array("part_8", (n_k, batch), dtype)
    part_9_room = work.array("part_9_room", (span_7, n_v, batch), dtype)
    part_10_room = work.array("part_10_room", (span_7, batch), dtype)
    p_bar_room = work.array("p_bar_room", (span_8, n_y, batch), dtype)
    x = operands[:, :n_x]
    b_k_column = b_k[:, None]
    b_v_column = b_v[:, None]
    w_i_column = w_i[:, None]
    ones = np.ones(n_x, dtype)
    w_f_column = w_f[:, None]
    b_o_column = b_o[:, None]
    m_prev = m_all[:steps]
    m = m_all[1 : steps + 1]
    C = C_all[1 : steps + 1]
    i_wide = i[..., None, None]
    f_wide = f[..., None, None]
    C_prev = C_all[:steps]
    n = n_all[1 : steps + 1]
    i_wide_2 = i[:, None]
    n_prev = n_all[:steps]
    ones_2 = np.ones(n_k, dtype)
    h = operands2[:, :n_v]
    operands[:, n_x] = 1
    operands2[:, n_v] = 1
    chunks = stretches(steps, span, True)
    chunks_2 = stretches(steps, span_2, True)
    (walk,) = along([slice(0, steps)], True, m_bar, l, m_prev, m, i_tilde)
    chunks_3 = stretches(steps, span_3, True)
    chunks_4 = stretches(steps, span_4, True)
    chunks_5 = stretches(steps, span_5, True)
    walks = along(chunks_5, True, f_wide, C_prev, C)
    chunks_6 = stretches(steps, span_6, True)
    walks_2 = along(chunks_6, True, f, n_prev, n)
    chunks_7 = stretches(steps, span_7, True)
    chunks_8 = stretches(steps, span_8, True)

    def forward_pass(run: Run) -> Trace:
        """All variables at all steps, in an order in which each can be computed."""
        y: Any = features_first(run.data.get("y"), 2)
        x[...] = turned(run.data["x"])
        run.fill_outside("C", C_all, 1, 0, 1)
        run.fill_outside("m", m_all, 1, 0, 1)
        run.fill_outside("n", turned(n_all), 1, 0, 1)

        # (1)
        if "m[0]" not in run.given:
            m_all[0] = -np.inf
        # (3)
        sqrt = float(np.sqrt(n_k))
        work.kept["sqrt"] = sqrt

        # all steps, a stretch at a time
        for chunk in chunks:
            count = chunk.stop - chunk.start
            part = part_room[:count]
            np.matmul(weights, operands[chunk], out=q[chunk])  # (2) query
            if run.padding is not None:
                clear(run.padding[chunk], turned(q[chunk]))
            np.matmul(W_k, x[chunk], out=part)  # (3) key
            np.divide(part, sqrt, out=part)  # (3) key
            np.add(b_k_column, part, out=k[chunk])  # (3) key
            if run.padding is not None:
                clear(run.padding[chunk], turned(k[chunk]))
            # (4)
            np.matmul(W_v, x[chunk], out=v[chunk])
            np.add(v[chunk], b_v_column, out=v[chunk])
            if run.padding is not None:
                clear(run.padding[chunk], turned(v[chunk]))
            part_2 = np.matmul(ones, np.multiply(w_i_column, x[chunk]))  # (5)
            np.add(b_i, part_2, out=i_tilde[chunk])  # (5) logarithm of the input gate
            if run.padding is not None:
                clear(run.padding[chunk], i_tilde[chunk])
            part_3 = np.matmul(ones, np.multiply(w_f_column, x[chunk]))  # (6)
            np.add(b_f, part_3, out=f_tilde[chunk])  # (6) what enters the forget gate
            if run.padding is not None:
                clear(run.padding[chunk], f_tilde[chunk])

        # all steps, a stretch at a time
        for chunk in chunks_2:
            count = chunk.stop - chunk.start
            o_bar = o_bar_room[:count]
            part_4 = part_4_room[:count]
            # (17)
            np.matmul(W_o, x[chunk], out=o_bar)
            np.add(o_bar, b_o_column, out=o_bar)
            sigmoid_into(o_bar, out=o[chunk])  # (7) output gate
            if run.padding is not None:
                clear(run.padding[chunk], turned(o[chunk]))
            np.negative(f_tilde[chunk], out=part_4)  # (8) logarithm of the forget gate
            part_5 = softplus(part_4)  # (8) logarithm of the forget gate
            np.negative(part_5, out=l[chunk])  # (8) logarithm of the forget gate
            if run.padding is not None:
                clear(run.padding[chunk], l[chunk])

        # step by step, forwards
        for (m_bar_t, l_t, m_prev_t, m_t, i_tilde_t), over in zip(walk, run.masks):
            np.add(l_t, m_prev_t, out=m_bar_t)  # (18) pre-activation of m
            maximum_into(m_bar_t, i_tilde_t, out=m_t)  # (9) stabiliser
            if over is not None:
                clear(over, m_bar_t, m_t)

        # all steps, a stretch at a time
        for chunk in chunks_3:
            count = chunk.stop - chunk.start
            i_bar = i_bar_room[:count]
            np.subtract(i_tilde[chunk], m[chunk], out=i_bar)  # (19) pre-activation of i
            np.exp(i_bar, out=i[chunk])  # (10) stabilised input gate
            if run.padding is not None:
                clear(run.padding[chunk], i[chunk])

        # all steps, a stretch at a time
        for chunk in chunks_4:
            count = chunk.stop - chunk.start
            part_6 = part_6_room[:count]
            f_bar = f_bar_room[:count]
            np.add(l[chunk], m_prev[chunk], out=part_6)  # (20) pre-activation of f
            np.subtract(part_6, m[chunk], out=f_bar)  # (20) pre-activation of f
            np.exp(f_bar, out=f[chunk])  # (11) stabilised forget gate
            if run.padding is not None:
                clear(run.padding[chunk], f[chunk])

        # step by step, forwards
        for chunk, walk_2 in zip(chunks_5, walks):
            batch_outer(v[chunk], k[chunk], out=outer_v[chunk])  # (12) memory
            np.multiply(i_wide[chunk], outer_v[chunk], out=C[chunk])  # (12) memory
            if run.padding is not None:
                clear(run.padding[chunk], outer_v[chunk], C[chunk])
            for (f_wide_t, C_prev_t, C_t), over_2 in zip(walk_2, run.masks[chunk]):
                np.multiply(f_wide_t, C_prev_t, out=part_7)  # (12) memory
                np.add(C_t, part_7, out=C_t)  # (12) memory
                if over_2 is not None:
                    clear(over_2, C_t)

        # step by step, forwards
        for chunk, walk_3 in zip(chunks_6, walks_2):
            np.multiply(i_wide_2[chunk], k[chunk], out=n[chunk])  # (13) normaliser
            if run.padding is not None:
                clear(run.padding[chunk], turned(n[chunk]))
            for (f_t, n_prev_t, n_t), over_3 in zip(walk_3, run.masks[chunk]):
                np.multiply(f_t, n_prev_t, out=part_8)  # (13) normaliser
                np.add(n_t, part_8, out=n_t)  # (13) normaliser
                if over_3 is not None:
                    clear(over_3, n_t.T)

        # all steps, a stretch at a time
        for chunk in chunks_7:
            count = chunk.stop - chunk.start
            part_9 = part_9_room[:count]
            part_10 = part_10_room[:count]
            h_hat[chunk] = batch_matvec(C[chunk], q[chunk])  # (21) operand of h
            if run.padding is not None:
                clear(run.padding[chunk], turned(h_hat[chunk]))
            h_bar[chunk] = np.matmul(ones_2, np.multiply(n[chunk], q[chunk]))  # (22)
            if run.padding is not None:
                clear(run.padding[chunk], h_bar[chunk])
            np.multiply(o[chunk], h_hat[chunk], out=part_9)  # (14) hidden state
            part_11 = absolute(h_bar[chunk])  # (14) hidden state
            np.negative(m[chunk], out=part_10)  # (14) hidden state
            np.exp(part_10, out=part_10)  # (14) hidden state
            maximum_into(part_11, part_10, out=part_10)  # (14) hidden state
            np.divide(part_9, part_10[:, None], out=h[chunk])  # (14) hidden state
            if run.padding is not None:
                clear(run.padding[chunk], turned(h[chunk]))

        # all steps, a stretch at a time
        for chunk in chunks_8:
            count = chunk.stop - chunk.start
            p_bar = p_bar_room[:count]
            np.matmul(weights2, operands2[chunk], out=p_bar)  # (23) pre-activation of p
            softmax_rows(p_bar, -2, out=p[chunk])  # (15) class probabilities
            if run.padding is not None:
                clear(run.padding[chunk], turned(p[chunk]))
            if "y" in run.data:
                loss[chunk] = softmax_loss(y[chunk], p_bar, -2, p[chunk])  # (16)
            if run.padding is not None:
                clear(run.padding[chunk], loss[chunk])

        values = {
            "C": C,
            "m": m,
            "q": turned(q),
            "k": turned(k),
            "v": turned(v),
            "i_tilde": i_tilde,
            "f_tilde": f_tilde,
            "o": turned(o),
            "l": l,
            "i": i,
            "f": f,
            "n": turned(n),
            "h": turned(h),
            "p": turned(p),
            "m_bar": m_bar,
            "h_hat": turned(h_hat),
            "h_bar": h_bar,
        }
        if "y" in run.data:
            values["loss"] = loss
        whole = {
            "C": C_all,
            "m": m_all,
            "n": turned(n_all),
        }
        return Trace(values, whole, run)

    return forward_pass


def _step(params: Params, run: Run, work: Workspace) -> Callable[[Run], tuple[State, Values]]:
    """One step of a stream: what is made once for these sizes, and what each call does."""
    steps = run.steps
    batch = run.batch
    dtype = run.dtype
    n_k = run.sizes["n_k"]
    n_x = run.sizes["n_x"]
    n_v = run.sizes["n_v"]
    n_y = run.sizes["n_y"]
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
    weights = params.stack("weights")  # W_q, b_q
    weights2 = params.stack("weights2")  # V, b_y
    m_all = work.array("m", (steps + 1, batch), dtype)
    q = work.array("q", (steps, n_k, batch), dtype)
    operands = work.array("operands", (steps, n_x + 1, batch), dtype)  # x, 1
    k = work.array("k", (steps, n_k, batch), dtype)
    v = work.array("v", (steps, n_v, batch), dtype)
    i_tilde = work.array("i_tilde", (steps, batch), dtype)
    f_tilde = work.array("f_tilde", (steps, batch), dtype)
    o = work.array("o", (steps, n_v, batch), dtype)
    l = work.array("l", (steps, batch), dtype)
    m_bar = work.array("m_bar", (steps, batch), dtype)
    i = work.array("i", (steps, batch), dtype)
    f = work.array("f", (steps, batch), dtype)
    outer_v = work.array("outer_v", (steps, batch, n_v, n_k), dtype)
    C_all = work.array("C", (steps + 1, batch, n_v, n_k), dtype)
    n_all = work.array("n", (steps + 1, n_k, batch), dtype)
    h_hat = work.array("h_hat", (steps, n_v, batch), dtype)
    h_bar = work.array("h_bar", (steps, batch), dtype)
    operands2 = work.array("operands2", (steps, n_v + 1, batch), dtype)  # h, 1
    p = work.array("p", (steps, n_y, batch), dtype)
    part = work.array("part", (n_k, batch), dtype)
    o_bar = work.array("o_bar", (n_v, batch), dtype)
    part_2 = work.array("part_2", (batch,), dtype)
    i_bar = work.array("i_bar", (batch,), dtype)
    f_bar = work.array("f_bar", (batch,), dtype)
    part_3 = work.array("part_3", (batch, n_v, n_k), dtype)
    part_4 = work.array("part_4", (n_v, batch), dtype)
    p_bar = work.array("p_bar", (n_y, batch), dtype)
    q_now = q[0]
    operands_now = operands[0]
    x = operands[0, :n_x]
    k_now = k[0]
    b_k_column = b_k[:, None]
    v_now = v[0]
    b_v_column = b_v[:, None]
    w_i_column = w_i[:, None]
    ones = np.ones(n_x, dtype)
    i_tilde_now = i_tilde[0]
    w_f_column = w_f[:, None]
    f_tilde_now = f_tilde[0]
    b_o_column = b_o[:, None]
    o_now = o[0]
    l_now = l[0]
    m_bar_now = m_bar[0]
    m_prev = m_all[0]
    m = m_all[1]
    i_now = i[0]
    f_now = f[0]
    outer_v_now = outer_v[0]
    C = C_all[1]
    i_wide = i[0][..., None, None]
    f_wide = f[0][..., None, None]
    C_prev = C_all[0]
    n = n_all[1]
    n_prev = n_all[0]
    h_hat_now = h_hat[0]
    h_bar_now = h_bar[0]
    ones_2 = np.ones(n_k, dtype)
    h = operands2[0, :n_v]
    operands2_now = operands2[0]
    p_now = p[0]
    operands[:, n_x] = 1
    operands2[:, n_v] = 1

    def one_step(run: Run) -> tuple[State, Values]:
        """Every variable that needs no target, in memory of its own."""
        x[...] = turned(run.data["x"])
        C_all[0] = run.outside("C[0]")
        m_all[0] = run.outside("m[0]")
        n_all[0] = run.outside("n[0]").T

        # (1)
        if "m[0]" not in run.given:
            m_all[0] = -np.inf
        sqrt = float(np.sqrt(n_k))  # (3) key

        weights.dot(operands_now, out=q_now)  # (2) query
        W_k.dot(x, out=part)  # (3) key
        np.divide(part, sqrt, out=part)  # (3) key
        np.add(b_k_column, part, out=k_now)  # (3) key
        # (4)
        W_v.dot(x, out=v_now)
        np.add(v_now, b_v_column, out=v_now)
        part_5 = ones.dot(np.multiply(w_i_column, x))  # (5) logarithm of the input gate
        np.add(b_i, part_5, out=i_tilde_now)  # (5) logarithm of the input gate
        part_6 = ones.dot(np.multiply(w_f_column, x))  # (6) what enters the forget gate
        np.add(b_f, part_6, out=f_tilde_now)  # (6) what enters the forget gate
        # (17)
        W_o.dot(x, out=o_bar)
        np.add(o_bar, b_o_column, out=o_bar)
        sigmoid_into(o_bar, out=o_now)  # (7) output gate
        np.negative(f_tilde_now, out=part_2)  # (8) logarithm of the forget gate
        part_7 = softplus(part_2)  # (8) logarithm of the forget gate
        np.negative(part_7, out=l_now)  # (8) logarithm of the forget gate
        np.add(l_now, m_prev, out=m_bar_now)  # (18) pre-activation of m
        maximum_into(m_bar_now, i_tilde_now, out=m)  # (9) stabiliser
        np.subtract(i_tilde_now, m, out=i_bar)  # (19) pre-activation of i
        np.exp(i_bar, out=i_now)  # (10) stabilised input gate
        np.add(l_now, m_prev, out=part_2)  # (20) pre-activation of f
        np.subtract(part_2, m, out=f_bar)  # (20) pre-activation of f
        np.exp(f_bar, out=f_now)  # (11) stabilised forget gate
        batch_outer(v_now, k_now, out=outer_v_now)  # (12) memory
        np.multiply(i_wide, outer_v_now, out=C)  # (12) memory
        np.multiply(f_wide, C_prev, out=part_3)  # (12) memory
        np.add(C, part_3, out=C)  # (12) memory
        np.multiply(i_now, k_now, out=n)  # (13) normaliser
        np.multiply(f_now, n_prev, out=part)  # (13) normaliser
        np.add(n, part, out=n)  # (13) normaliser
        h_hat_now[...] = batch_matvec(C, q_now)  # (21) operand of h
        h_bar_now[...] = ones_2.dot(np.multiply(n, q_now))  # (22) pre-activation of h
        np.multiply(o_now, h_hat_now, out=part_4)  # (14) hidden state
        part_8 = absolute(h_bar_now)  # (14) hidden state
        np.negative(m, out=part_2)  # (14) hidden state
        np.exp(part_2, out=part_2)  # (14) hidden state
        maximum_into(part_8, part_2, out=part_2)  # (14) hidden state
        np.divide(part_4, part_2, out=h)  # (14) hidden state
        weights2.dot(operands2_now, out=p_bar)  # (23) pre-activation of p
        softmax_rows(p_bar, -2, out=p_now)  # (15) class probabilities

        out = {
            "C": np.array(C),
            "m": np.array(m),
            "q": np.array(q_now.T),
            "k": np.array(k_now.T),
            "v": np.array(v_now.T),
            "i_tilde": np.array(i_tilde_now),
            "f_tilde": np.array(f_tilde_now),
            "o": np.array(o_now.T),
            "l": np.array(l_now),
            "i": np.array(i_now),
            "f": np.array(f_now),
            "n": np.array(n.T),
            "h": np.array(h.T),
            "p": np.array(p_now.T),
        }
        carried = {
            "m": np.array(m),
            "C": np.array(C),
            "n": np.array(n.T),
        }
        return State(carried, started=True), Values(out)

    return one_step


# ---------------------------------------------------------------- gradients of the cost


def _gradients(
    params: Params, run: Run, work: Workspace
) -> Callable[[Trace, frozenset[str]], Gradients]:
    """The gradients of the cost: what is made once for these sizes, and what each call does."""
    steps = run.steps
    batch = run.batch
    dtype = run.dtype
    n_y = run.sizes["n_y"]
    n_v = run.sizes["n_v"]
    n_k = run.sizes["n_k"]
    n_x = run.sizes["n_x"]
    W_q = params.W_q
    W_k = params.W_k
    W_v = params.W_v
    w_i = params.w_i
    w_f = params.w_f
    W_o = params.W_o
    V = params.V
    p = work.arrays["p"]
    d_p_bar = work.array("d_p_bar", (steps, n_y, batch), dtype)
    operands2 = work.arrays["operands2"]
    d_h = work.array("d_h", (steps, n_v, batch), dtype)
    d_h_bar_sub = work.array("d_h_bar_sub", (steps, batch), dtype)
    h_bar = work.arrays["h_bar"]
    m_all = work.arrays["m"]
    d_h_bar_sub2 = work.array("d_h_bar_sub2", (steps, batch), dtype)
    d_h_bar_sub3 = work.array("d_h_bar_sub3", (steps, batch), dtype)
    d_h_bar = work.array("d_h_bar", (steps, batch), dtype)
    d_h_hat_sub = work.array("d_h_hat_sub", (steps, n_v, batch), dtype)
    d_h_hat = work.array("d_h_hat", (steps, n_v, batch), dtype)
    o = work.arrays["o"]
    d_n = work.array("d_n", (steps, n_k, batch), dtype)
    q = work.arrays["q"]
    d_n_back_all = work.array("d_n_back", (steps + 1, n_k, batch), dtype)
    f = work.arrays["f"]
    d_C = work.array("d_C", (steps, batch, n_v, n_k), dtype)
    d_C_back_all = work.array("d_C_back", (steps + 1, batch, n_v, n_k), dtype)
    C_all = work.arrays["C"]
    n_all = work.arrays["n"]
    d_f_bar_all = work.array("d_f_bar", (steps + 1, batch), dtype)
    outer_v = work.arrays["outer_v"]
    k = work.arrays["k"]
    d_i_bar = work.array("d_i_bar", (steps, batch), dtype)
    i = work.arrays["i"]
    d_m = work.array("d_m", (steps, batch), dtype)
    m_bar = work.arrays["m_bar"]
    i_tilde = work.arrays["i_tilde"]
    d_m_bar_all = work.array("d_m_bar", (steps + 1, batch), dtype)
    h_hat = work.arrays["h_hat"]
    d_o_bar = work.array("d_o_bar", (steps, n_v, batch), dtype)
    f_tilde = work.arrays["f_tilde"]
    d_f_tilde = work.array("d_f_tilde", (steps, batch), dtype)
    d_i_tilde = work.array("d_i_tilde", (steps, batch), dtype)
    d_v = work.array("d_v", (steps, n_v, batch), dtype)
    v = work.arrays["v"]
    d_k = work.array("d_k", (steps, n_k, batch), dtype)
    d_q = work.array("d_q", (steps, n_k, batch), dtype)
    d_x_sub = work.array("d_x_sub", (steps, n_k, batch), dtype)
    d_x = work.array("d_x", (steps, n_x, batch), dtype)
    operands = work.arrays["operands"]
    multiply_d_i_tilde = work.array("multiply_d_i_tilde", (steps, n_x, batch), dtype)
    multiply_d_f_tilde = work.array("multiply_d_f_tilde", (steps, n_x, batch), dtype)
    span = stretch(steps, batch * (4 * n_y))
    span_2 = stretch(steps, batch * (3 * n_k + 7 * n_v + n_y + 18))
    span_3 = stretch(steps, batch * (2 * n_k * n_v + n_k + n_v + 1))
    span_4 = stretch(steps, batch * (2 * n_k + 3 * n_k * n_v + 5))
    span_5 = stretch(steps, batch * (2 * n_k + 3 * n_k * n_v + 4 * n_v + 24))
    span_6 = stretch(steps, batch * (10 * n_k + 10 * n_v + 4 * n_k * n_v + 5 * n_x + 19))
    span_7 = stretch(steps, batch * (2 * n_x + 2))
    span_8 = stretch(steps, batch * (2 * n_x + 2))
    part_room = work.array("part_room", (span, n_y, batch), dtype)
    part_2_room = work.array("part_2_room", (span_2, batch), dtype)
    part_3_room = work.array("part_3_room", (span_2, n_v, batch), dtype)
    part_4_room = work.array("part_4_room", (span_2, batch), dtype)
    part_5_room = work.array("part_5_room", (span_2, batch), dtype)
    part_9_room = work.array("part_9_room", (span_4, batch, n_v, n_k), dtype)
    part_10_room = work.array("part_10_room", (span_4, batch), dtype)
    d_f_room = work.array("d_f_room", (span_4, batch), dtype)
    part_12_room = work.array("part_12_room", (span_5, batch, n_v, n_k), dtype)
    part_13_room = work.array("part_13_room", (span_5, batch), dtype)
    d_i_room = work.array("d_i_room", (span_5, batch), dtype)
    part_14_room = work.array("part_14_room", (span_5, n_v, batch), dtype)
    part_15_room = work.array("part_15_room", (span_5, batch), dtype)
    part_16_room = work.array("part_16_room", (span_5, batch), dtype)
    part_17 = work.array("part_17", (batch,), dtype)
    part_18 = work.array("part_18", (batch,), dtype)
    d_l_room = work.array("d_l_room", (span_6, batch), dtype)
    d_o_room = work.array("d_o_room", (span_6, n_v, batch), dtype)
    part_24_room = work.array("part_24_room", (span_6, n_v, batch), dtype)
    part_25_room = work.array("part_25_room", (span_6, n_v, batch), dtype)
    part_26_room = work.array("part_26_room", (span_6, batch), dtype)
    part_27_room = work.array("part_27_room", (span_6, batch), dtype)
    part_28_room = work.array("part_28_room", (span_6, batch, n_v, n_k), dtype)
    part_29_room = work.array("part_29_room", (span_6, n_k, batch), dtype)
    part_30_room = work.array("part_30_room", (span_6, n_x, batch), dtype)
    part_31_room = work.array("part_31_room", (span_6, n_x, batch), dtype)
    part_32_room = work.array("part_32_room", (span_6, n_x, batch), dtype)
    V_T = V.T
    m = m_all[1 : steps + 1]
    h = operands2[:, :n_v]
    d_h_bar_sub3_wide = d_h_bar_sub3[:, None]
    ones = np.ones(n_v, dtype)
    d_h_bar_wide = d_h_bar[:, None]
    d_n_back_next = d_n_back_all[1 : steps + 1]
    d_n_back = d_n_back_all[:steps]
    d_C_back_next = d_C_back_all[1 : steps + 1]
    d_C_back = d_C_back_all[:steps]
    f_wide = f[..., None, None]
    C_prev = C_all[:steps]
    n_prev = n_all[:steps]
    ones_2 = np.ones(n_k, dtype)
    d_f_bar = d_f_bar_all[:steps]
    d_f_bar_next = d_f_bar_all[1 : steps + 1]
    d_m_bar_next = d_m_bar_all[1 : steps + 1]
    d_m_bar = d_m_bar_all[:steps]
    i_wide = i[..., None, None]
    i_wide_2 = i[:, None]
    C = C_all[1 : steps + 1]
    n = n_all[1 : steps + 1]
    W_q_T = W_q.T
    W_k_T = W_k.T
    W_v_T = W_v.T
    W_o_T = W_o.T
    w_i_column = w_i[:, None]
    d_i_tilde_wide = d_i_tilde[:, None]
    w_f_column = w_f[:, None]
    d_f_tilde_wide = d_f_tilde[:, None]
    x = operands[:, :n_x]
    d_n_back_all[steps:] = 0
    d_C_back_all[steps:] = 0
    d_f_bar_all[steps:] = 0
    d_m_bar_all[steps:] = 0
    chunks = stretches(steps, span, True)
    chunks_2 = stretches(steps, span_2, False)
    walks = along(chunks_2, False, d_n, d_n_back_next, d_n_back, f)
    chunks_3 = stretches(steps, span_3, False)
    walks_2 = along(chunks_3, False, d_C, d_C_back_next, d_C_back, f_wide)
    chunks_4 = stretches(steps, span_4, True)
    chunks_5 = stretches(steps, span_5, False)
    walks_3 = along(chunks_5, False, d_f_bar_next, d_m_bar_next, d_i_bar, d_f_bar, d_m, d_m_bar)
    chunks_6 = stretches(steps, span_6, True)
    chunks_7 = stretches(steps, span_7, True)
    chunks_8 = stretches(steps, span_8, True)

    def gradient_pass(trace: Trace, wrt: frozenset[str]) -> Gradients:
        """The errors of all variables, backwards through the equations, and their sums, the gradients."""
        run = trace._run
        grads = Gradients(params.sizes, np.empty(params.vector.shape, dtype))
        d_loss = 1 / max(batch, 1)
        sqrt = work.kept["sqrt"]
        y: Any = features_first(run.data.get("y"), 2)

        # all steps, a stretch at a time
        for chunk in chunks:
            count = chunk.stop - chunk.start
            part = part_room[:count]
            excess(p[chunk], y[chunk], out=part)  # (24) error of p_bar
            np.multiply(d_loss, part, out=d_p_bar[chunk])  # (24) error of p_bar
            if run.padding is not None:
                clear(run.padding[chunk], turned(d_p_bar[chunk]))

        # (51, 57)
        d_p_bar_flat = work.flat("d_p_bar_flat", d_p_bar, flatten)
        operands2_flat = work.flat("operands2_flat", operands2, flatten)
        np.matmul(
            d_p_bar_flat.reshape(len(d_p_bar_flat), -1),
            operands2_flat.reshape(len(operands2_flat), -1).T,
            out=grads.stack("weights2"),
        )

        # step by step, backwards
        for chunk, walk in zip(chunks_2, walks):
            count = chunk.stop - chunk.start
            part_2 = part_2_room[:count]
            part_3 = part_3_room[:count]
            part_4 = part_4_room[:count]
            part_5 = part_5_room[:count]
            np.matmul(V_T, d_p_bar[chunk], out=d_h[chunk])  # (25) error of h
            if run.padding is not None:
                clear(run.padding[chunk], turned(d_h[chunk]))
            d_h_bar_sub[chunk] = absolute(h_bar[chunk])  # (26) error of h_bar
            if run.padding is not None:
                clear(run.padding[chunk], d_h_bar_sub[chunk])
            np.negative(m[chunk], out=part_2)  # (26) error of h_bar
            np.exp(part_2, out=d_h_bar_sub2[chunk])  # (26) error of h_bar
            if run.padding is not None:
                clear(run.padding[chunk], d_h_bar_sub2[chunk])
            maximum_into(d_h_bar_sub[chunk], d_h_bar_sub2[chunk], out=d_h_bar_sub3[chunk])  # (26)
            if run.padding is not None:
                clear(run.padding[chunk], d_h_bar_sub3[chunk])
            with np.errstate(all="ignore"):
                part_6 = d_h_bar_sub[chunk].real > d_h_bar_sub2[chunk].real  # (26) error of h_bar
                np.multiply(d_h[chunk], h[chunk], out=part_3)  # (26) error of h_bar
                np.divide(part_3, d_h_bar_sub3_wide[chunk], out=part_3)  # (26) error of h_bar
                np.matmul(ones, part_3, out=part_2)  # (26) error of h_bar
                np.negative(part_2, out=part_4)  # (26) error of h_bar
                part_7 = d_h_bar_sub[chunk].real < d_h_bar_sub2[chunk].real  # (26) error of h_bar
                np.multiply(0.5, part_2, out=part_2)  # (26) error of h_bar
                np.negative(part_2, out=part_2)  # (26) error of h_bar
                choose(part_7, 0, part_2, out=part_5)  # (26) error of h_bar
            choose(part_6, part_4, part_5, out=part_2)  # (26) error of h_bar
            part_8 = sign(h_bar[chunk])  # (26) error of h_bar
            np.multiply(part_2, part_8, out=d_h_bar[chunk])  # (26) error of h_bar
            if run.padding is not None:
                clear(run.padding[chunk], d_h_bar[chunk])
            np.divide(d_h[chunk], d_h_bar_sub3_wide[chunk], out=d_h_hat_sub[chunk])  # (27)
            if run.padding is not None:
                clear(run.padding[chunk], turned(d_h_hat_sub[chunk]))
            np.multiply(d_h_hat_sub[chunk], o[chunk], out=d_h_hat[chunk])  # (27) error of h_hat
            if run.padding is not None:
                clear(run.padding[chunk], turned(d_h_hat[chunk]))
            np.multiply(d_h_bar_wide[chunk], q[chunk], out=d_n[chunk])  # (29) error of n
            if run.padding is not None:
                clear(run.padding[chunk], turned(d_n[chunk]))
            for (
                (d_n_t, d_n_back_next_t, d_n_back_t, f_t),
                over,
            ) in zip(walk, run.masks[chunk][::-1]):
                np.add(d_n_t, d_n_back_next_t, out=d_n_t)  # (29) error of n
                np.multiply(f_t, d_n_t, out=d_n_back_t)  # (29) error of n
                if over is not None:
                    clear(over, d_n_t.T, d_n_back_t.T)

        if "initial" in wrt:
            d_n_at0 = at_step(d_n_back, 1)

        # step by step, backwards
        for chunk, walk_2 in zip(chunks_3, walks_2):
            batch_outer(d_h_hat[chunk], q[chunk], out=d_C[chunk])  # (30) error of C
            if run.padding is not None:
                clear(run.padding[chunk], d_C[chunk])
            for (
                (d_C_t, d_C_back_next_t, d_C_back_t, f_wide_t),
                over_2,
            ) in zip(walk_2, run.masks[chunk][::-1]):
                np.add(d_C_t, d_C_back_next_t, out=d_C_t)  # (30) error of C
                np.multiply(f_wide_t, d_C_t, out=d_C_back_t)  # (30) error of C
                if over_2 is not None:
                    clear(over_2, d_C_t, d_C_back_t)

        if "initial" in wrt:
            d_C_at0 = at_step(d_C_back, 1)

        # all steps, a stretch at a time
        for chunk in chunks_4:
            count = chunk.stop - chunk.start
            part_9 = part_9_room[:count]
            part_10 = part_10_room[:count]
            d_f = d_f_room[:count]
            np.multiply(d_C[chunk], C_prev[chunk], out=part_9)  # (31) error of f
            np.add.reduce(part_9, axis=(-2, -1), out=part_10)  # (31) error of f
            part_11 = np.matmul(ones_2, np.multiply(d_n[chunk], n_prev[chunk]))  # (31) error of f
            np.add(part_10, part_11, out=d_f)  # (31) error of f
            np.multiply(d_f, f[chunk], out=d_f_bar[chunk])  # (32) error of f_bar
            if run.padding is not None:
                clear(run.padding[chunk], d_f_bar[chunk])

        if "initial" in wrt:
            at_step_d_f_bar = at_step(d_f_bar, 1)

        # step by step, backwards
        for chunk, walk_3 in zip(chunks_5, walks_3):
            count = chunk.stop - chunk.start
            part_12 = part_12_room[:count]
            part_13 = part_13_room[:count]
            d_i = d_i_room[:count]
            part_14 = part_14_room[:count]
            part_15 = part_15_room[:count]
            part_16 = part_16_room[:count]
            np.multiply(d_C[chunk], outer_v[chunk], out=part_12)  # (33) error of i
            np.add.reduce(part_12, axis=(-2, -1), out=part_13)  # (33) error of i
            part_19 = np.matmul(ones_2, np.multiply(d_n[chunk], k[chunk]))  # (33) error of i
            np.add(part_13, part_19, out=d_i)  # (33) error of i
            np.multiply(d_i, i[chunk], out=d_i_bar[chunk])  # (34) error of i_bar
            if run.padding is not None:
                clear(run.padding[chunk], d_i_bar[chunk])
            with np.errstate(all="ignore"):
                part_20 = d_h_bar_sub[chunk].real > d_h_bar_sub2[chunk].real  # (35) error of m
                part_21 = d_h_bar_sub[chunk].real < d_h_bar_sub2[chunk].real  # (35) error of m
                np.multiply(d_h[chunk], h[chunk], out=part_14)  # (35) error of m
                np.divide(part_14, d_h_bar_sub3_wide[chunk], out=part_14)  # (35) error of m
                np.matmul(ones, part_14, out=part_13)  # (35) error of m
                np.negative(part_13, out=part_15)  # (35) error of m
                np.multiply(0.5, part_13, out=part_13)  # (35) error of m
                np.negative(part_13, out=part_13)  # (35) error of m
                choose(part_21, part_15, part_13, out=part_16)  # (35) error of m
                np.multiply(part_16, d_h_bar_sub2[chunk], out=part_15)  # (35) error of m
            choose(part_20, 0, part_15, out=d_m[chunk])  # (35) error of m
            part_22 = m_bar[chunk].real > i_tilde[chunk].real  # (36) error of m_bar
            part_23 = m_bar[chunk].real < i_tilde[chunk].real  # (36) error of m_bar
            if run.padding is not None:
                clear(run.padding[chunk], d_m[chunk])
            for (
                (d_f_bar_next_t, d_m_bar_next_t, d_i_bar_t, d_f_bar_t, d_m_t, d_m_bar_t),
                part_23_t,
                part_22_t,
                over_3,
            ) in zip(walk_3, part_23[::-1], part_22[::-1], run.masks[chunk][::-1]):
                np.add(d_f_bar_next_t, d_m_bar_next_t, out=part_17)  # (35) error of m
                np.subtract(part_17, d_i_bar_t, out=part_17)  # (35) error of m
                np.subtract(part_17, d_f_bar_t, out=part_17)  # (35) error of m
                np.subtract(part_17, d_m_t, out=d_m_t)  # (35) error of m
                np.multiply(0.5, d_m_t, out=part_17)  # (36) error of m_bar
                choose(part_23_t, 0, part_17, out=part_18)  # (36) error of m_bar
                choose(part_22_t, d_m_t, part_18, out=d_m_bar_t)  # (36) error of m_bar
                if over_3 is not None:
                    clear(over_3, d_m_t, d_m_bar_t)

        if "initial" in wrt:
            at_step_d_m_bar = at_step(d_m_bar, 1)
            d_m_at0 = np.add(at_step_d_m_bar, at_step_d_f_bar)

        # all steps, a stretch at a time
        for chunk in chunks_6:
            count = chunk.stop - chunk.start
            d_l = d_l_room[:count]
            d_o = d_o_room[:count]
            part_24 = part_24_room[:count]
            part_25 = part_25_room[:count]
            part_26 = part_26_room[:count]
            part_27 = part_27_room[:count]
            part_28 = part_28_room[:count]
            part_29 = part_29_room[:count]
            part_30 = part_30_room[:count]
            part_31 = part_31_room[:count]
            part_32 = part_32_room[:count]
            np.add(d_m_bar[chunk], d_f_bar[chunk], out=d_l)  # (37) error of l
            np.multiply(d_h_hat_sub[chunk], h_hat[chunk], out=d_o)  # (28) error of o
            np.subtract(1, o[chunk], out=part_24)  # (38) error of o_bar
            np.multiply(d_o, o[chunk], out=part_25)  # (38) error of o_bar
            np.multiply(part_25, part_24, out=d_o_bar[chunk])  # (38) error of o_bar
            if run.padding is not None:
                clear(run.padding[chunk], turned(d_o_bar[chunk]))
            np.negative(f_tilde[chunk], out=part_26)  # (39) error of f_tilde
            sigmoid_into(part_26, out=part_26)  # (39) error of f_tilde
            np.multiply(d_l, part_26, out=d_f_tilde[chunk])  # (39) error of f_tilde
            if run.padding is not None:
                clear(run.padding[chunk], d_f_tilde[chunk])
            part_33 = m_bar[chunk].real > i_tilde[chunk].real  # (40) error of i_tilde
            part_34 = m_bar[chunk].real < i_tilde[chunk].real  # (40) error of i_tilde
            np.multiply(0.5, d_m[chunk], out=part_26)  # (40) error of i_tilde
            choose(part_34, d_m[chunk], part_26, out=part_27)  # (40) error of i_tilde
            choose(part_33, 0, part_27, out=part_26)  # (40) error of i_tilde
            np.add(part_26, d_i_bar[chunk], out=d_i_tilde[chunk])  # (40) error of i_tilde
            if run.padding is not None:
                clear(run.padding[chunk], d_i_tilde[chunk])
            np.multiply(i_wide[chunk], d_C[chunk], out=part_28)  # (41) error of v
            d_v[chunk] = batch_matvec(part_28, k[chunk])  # (41) error of v
            if run.padding is not None:
                clear(run.padding[chunk], turned(d_v[chunk]))
            np.multiply(i_wide[chunk], d_C[chunk], out=part_28)  # (42) error of k
            part_35 = batch_matvec(part_28.swapaxes(-1, -2), v[chunk])  # (42) error of k
            np.multiply(i_wide_2[chunk], d_n[chunk], out=part_29)  # (42) error of k
            np.add(part_35, part_29, out=d_k[chunk])  # (42) error of k
            if run.padding is not None:
                clear(run.padding[chunk], turned(d_k[chunk]))
            part_36 = batch_matvec(C[chunk].swapaxes(-1, -2), d_h_hat[chunk])  # (43) error of q
            np.multiply(d_h_bar_wide[chunk], n[chunk], out=part_29)  # (43) error of q
            np.add(part_36, part_29, out=d_q[chunk])  # (43) error of q
            if run.padding is not None:
                clear(run.padding[chunk], turned(d_q[chunk]))
            np.divide(d_k[chunk], sqrt, out=d_x_sub[chunk])
            if run.padding is not None:
                clear(run.padding[chunk], turned(d_x_sub[chunk]))
            if "x" in wrt:
                np.matmul(W_q_T, d_q[chunk], out=part_30)
                np.add(part_30, np.matmul(W_k_T, d_x_sub[chunk]), out=part_30)
                np.add(part_30, np.matmul(W_v_T, d_v[chunk]), out=part_30)
                np.add(part_30, np.matmul(W_o_T, d_o_bar[chunk]), out=part_30)
                np.multiply(w_i_column, d_i_tilde_wide[chunk], out=part_31)
                np.multiply(w_f_column, d_f_tilde_wide[chunk], out=part_32)
                np.add(part_30, part_31, out=part_30)
                np.add(part_30, part_32, out=d_x[chunk])
            if run.padding is not None:
                clear(run.padding[chunk], turned(d_x[chunk]))

        # (44, 47)
        d_q_flat = work.flat("d_q_flat", d_q, flatten)
        operands_flat = work.flat("operands_flat", operands, flatten)
        np.matmul(
            d_q_flat.reshape(len(d_q_flat), -1),
            operands_flat.reshape(len(operands_flat), -1).T,
            out=grads.stack("weights"),
        )
        # (52)
        d_x_sub_flat = work.flat("d_x_sub_flat", d_x_sub, flatten)
        grads.W_k[...] = np.matmul(
            d_x_sub_flat.reshape(len(d_x_sub_flat), -1), operands_flat[:n_x].reshape(n_x, -1).T
        )
        grads.b_k[...] = d_k.sum(0).sum(-1)  # (48) gradient of b_k
        # (45)
        d_v_flat = work.flat("d_v_flat", d_v, flatten)
        grads.W_v[...] = np.matmul(
            d_v_flat.reshape(len(d_v_flat), -1), operands_flat[:n_x].reshape(n_x, -1).T
        )
        grads.b_v[...] = d_v_flat.reshape(len(d_v_flat), -1).sum(-1)  # (49) gradient of b_v
        grads.b_i[...] = d_i_tilde.sum()  # (55) gradient of b_i
        grads.b_f[...] = d_f_tilde.sum()  # (56) gradient of b_f
        # (46)
        d_o_bar_flat = work.flat("d_o_bar_flat", d_o_bar, flatten)
        grads.W_o[...] = np.matmul(
            d_o_bar_flat.reshape(len(d_o_bar_flat), -1), operands_flat[:n_x].reshape(n_x, -1).T
        )
        grads.b_o[...] = d_o_bar_flat.reshape(len(d_o_bar_flat), -1).sum(-1)  # (50) gradient of b_o

        # all steps, a stretch at a time
        for chunk in chunks_7:
            np.multiply(d_i_tilde_wide[chunk], x[chunk], out=multiply_d_i_tilde[chunk])  # (53)
            if run.padding is not None:
                clear(run.padding[chunk], turned(multiply_d_i_tilde[chunk]))

        grads.w_i[...] = multiply_d_i_tilde.sum(0).sum(-1)  # (53) gradient of w_i

        # all steps, a stretch at a time
        for chunk in chunks_8:
            np.multiply(d_f_tilde_wide[chunk], x[chunk], out=multiply_d_f_tilde[chunk])  # (54)
            if run.padding is not None:
                clear(run.padding[chunk], turned(multiply_d_f_tilde[chunk]))

        grads.w_f[...] = multiply_d_f_tilde.sum(0).sum(-1)  # (54) gradient of w_f

        if "x" in wrt:
            grads.inputs["x"] = np.array(turned(d_x))
        if "initial" in wrt:
            grads.initial["C"] = np.array(d_C_at0)
            grads.initial["m"] = np.array(d_m_at0)
            grads.initial["n"] = np.array(d_n_at0.T)
        return grads

    return gradient_pass


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
    y: Any = run.vectors("y")
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
        return Workspace().ready(_forward, params, run)(run)


def _cost(trace: Trace) -> Any:
    """The mean over the batch of each sequence's loss."""
    if trace._run.batch == 0:
        return 0.0
    return (trace.loss.sum() / trace._run.batch).item()


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
    work: Workspace | None = None,
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
    run = checked(params, data, initial, lengths, owns=False)
    with run.quiet():
        value = _cost((Workspace() if work is None else work).ready(_forward, params, run)(run))
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
    work: Workspace | None = None,
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
    run = checked(params, data, initial, lengths, owns=False)
    extra = wanted(wrt)
    with run.quiet():
        room = Workspace() if work is None else work
        trace = room.ready(_forward, params, run)(run)
        value = _cost(trace)
        grads = room.ready(_gradients, params, run)(trace, extra)
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
    work: Workspace | None = None,
) -> tuple[State, Values]:
    """One step of every sequence, for streams: the new state, and every variable that needs no target.

    Data are as in `forward`, without the time axis: (B, ...).
    """
    data = {
        "x": x,
    }
    run = checked_step(params, data, state)
    with run.quiet():
        return (Workspace() if work is None else work).ready(_step, params, run)(run)


def sgd_step(
    params: Params, grads: Params, *, learning_rate: float, max_norm: float | None = None
) -> None:
    """params - learning_rate * grads, in place; gradients longer than `max_norm` are scaled to it."""
    scale = learning_rate
    if max_norm is not None:
        length = float(np.linalg.norm(grads.vector))
        scale *= min(1.0, max_norm / length) if length > 0 else 1.0
    params.vector[...] -= scale * grads.vector


def plan(
    *,
    T: int,
    B: int,
    n_x: int,
    n_y: int,
    n_v: int,
    n_k: int,
    dtype: Any = np.float32,
) -> dict[str, int]:
    """Bytes of the arrays in which a training step works, by name, for sequences of T steps in a batch of B.

    With `work=` they are made in the first call and used again. Beside them a call makes its results,
    and a copy of data that have not the parameters' type.
    """
    forward_span_2 = stretch(T, B * (2 * n_v + n_x + 5))
    forward_span_3 = stretch(T, B * 4)
    forward_span_4 = stretch(T, B * 5)
    forward_span_8 = stretch(T, B * (3 * n_y + n_v + 2))
    gradient_span = stretch(T, B * (4 * n_y))
    gradient_span_2 = stretch(T, B * (3 * n_k + 7 * n_v + n_y + 18))
    gradient_span_4 = stretch(T, B * (2 * n_k + 3 * n_k * n_v + 5))
    gradient_span_5 = stretch(T, B * (2 * n_k + 3 * n_k * n_v + 4 * n_v + 24))
    gradient_span_6 = stretch(T, B * (10 * n_k + 10 * n_v + 4 * n_k * n_v + 5 * n_x + 19))
    shapes: dict[str, tuple[int, ...]] = {
        "m": (T + 1, B),
        "q": (T, n_k, B),
        "operands": (T, n_x + 1, B),
        "k": (T, n_k, B),
        "v": (T, n_v, B),
        "i_tilde": (T, B),
        "f_tilde": (T, B),
        "o": (T, n_v, B),
        "l": (T, B),
        "m_bar": (T, B),
        "i": (T, B),
        "f": (T, B),
        "outer_v": (T, B, n_v, n_k),
        "C": (T + 1, B, n_v, n_k),
        "n": (T + 1, n_k, B),
        "h_hat": (T, n_v, B),
        "h_bar": (T, B),
        "operands2": (T, n_v + 1, B),
        "p": (T, n_y, B),
        "loss": (T, B),
        "part_room": (gradient_span, n_y, B),
        "o_bar_room": (forward_span_2, n_v, B),
        "part_4_room": (gradient_span_2, B),
        "i_bar_room": (forward_span_3, B),
        "part_6_room": (forward_span_4, B),
        "f_bar_room": (forward_span_4, B),
        "part_7": (B, n_v, n_k),
        "part_8": (n_k, B),
        "part_9_room": (gradient_span_4, B, n_v, n_k),
        "part_10_room": (gradient_span_4, B),
        "p_bar_room": (forward_span_8, n_y, B),
        "d_p_bar": (T, n_y, B),
        "d_p_bar_flat": (T, n_y, B),
        "operands2_flat": (T, n_v + 1, B),
        "d_h": (T, n_v, B),
        "d_h_bar_sub": (T, B),
        "d_h_bar_sub2": (T, B),
        "d_h_bar_sub3": (T, B),
        "d_h_bar": (T, B),
        "d_h_hat_sub": (T, n_v, B),
        "d_h_hat": (T, n_v, B),
        "d_n": (T, n_k, B),
        "d_n_back": (T + 1, n_k, B),
        "d_C": (T, B, n_v, n_k),
        "d_C_back": (T + 1, B, n_v, n_k),
        "d_f_bar": (T + 1, B),
        "d_i_bar": (T, B),
        "d_m": (T, B),
        "d_m_bar": (T + 1, B),
        "d_o_bar": (T, n_v, B),
        "d_o_bar_flat": (T, n_v, B),
        "d_f_tilde": (T, B),
        "d_i_tilde": (T, B),
        "d_v": (T, n_v, B),
        "d_v_flat": (T, n_v, B),
        "d_k": (T, n_k, B),
        "d_q": (T, n_k, B),
        "d_q_flat": (T, n_k, B),
        "d_x_sub": (T, n_k, B),
        "d_x_sub_flat": (T, n_k, B),
        "d_x": (T, n_x, B),
        "operands_flat": (T, n_x + 1, B),
        "multiply_d_i_tilde": (T, n_x, B),
        "multiply_d_f_tilde": (T, n_x, B),
        "part_2_room": (gradient_span_2, B),
        "part_3_room": (gradient_span_2, n_v, B),
        "part_5_room": (gradient_span_2, B),
        "d_f_room": (gradient_span_4, B),
        "part_12_room": (gradient_span_5, B, n_v, n_k),
        "part_13_room": (gradient_span_5, B),
        "d_i_room": (gradient_span_5, B),
        "part_14_room": (gradient_span_5, n_v, B),
        "part_15_room": (gradient_span_5, B),
        "part_16_room": (gradient_span_5, B),
        "part_17": (B,),
        "part_18": (B,),
        "d_l_room": (gradient_span_6, B),
        "d_o_room": (gradient_span_6, n_v, B),
        "part_24_room": (gradient_span_6, n_v, B),
        "part_25_room": (gradient_span_6, n_v, B),
        "part_26_room": (gradient_span_6, B),
        "part_27_room": (gradient_span_6, B),
        "part_28_room": (gradient_span_6, B, n_v, n_k),
        "part_29_room": (gradient_span_6, n_k, B),
        "part_30_room": (gradient_span_6, n_x, B),
        "part_31_room": (gradient_span_6, n_x, B),
        "part_32_room": (gradient_span_6, n_x, B),
    }
    each = np.dtype(dtype).itemsize
    return {name: each * int(np.prod(shape)) for name, shape in shapes.items()}


# rnnsym-seal: sha256:e41910925fe40bcba2ae32cb189a41241f509e0082997bc8816854f8adc0b426
