"""Vanilla LSTM: gates that see the cell through peepholes, the output gate the new cell, the others the old one.

Greff, Srivastava, Koutnik, Steunebrink & Schmidhuber 2015, LSTM: a search space odyssey, section II.A, in its notation (y is the
block output, p_i, p_f, p_o the peephole weights). Peepholes: Gers & Schmidhuber 2000, Recurrent nets that time and count. The backward pass
that is printed there in section II.B and the one that is derived here are equal, formula by formula.

Equations, for one sequence and column vectors:

    \"\"\"Vanilla LSTM: gates that see the cell through peepholes, the output gate the new cell, the others the old one.
    Greff, Srivastava, Koutnik, Steunebrink & Schmidhuber 2015, LSTM: a search space odyssey, section II.A, in its notation (y is the
    block output, p_i, p_f, p_o the peephole weights). Peepholes: Gers & Schmidhuber 2000, Recurrent nets that time and count. The backward pass
    that is printed there in section II.B and the one that is derived here are equal, formula by formula.\"\"\"
    x: input[n_x]     # features of a step
    d: target[n_d]    # classes
    y: vector[n]
    z[t] = tanh(W_z @ x[t] + R_z @ y[t-1] + b_z)                      # block input
    i[t] = sigmoid(W_i @ x[t] + R_i @ y[t-1] + p_i * c[t-1] + b_i)    # input gate
    f[t] = sigmoid(W_f @ x[t] + R_f @ y[t-1] + p_f * c[t-1] + b_f)    # forget gate
    c[t] = z[t] * i[t] + c[t-1] * f[t]                                # cell
    o[t] = sigmoid(W_o @ x[t] + R_o @ y[t-1] + p_o * c[t] + b_o)      # output gate
    y[t] = tanh(c[t]) * o[t]                                          # block output
    q[t] = softmax(V @ y[t] + b_q)                                    # class probabilities
    loss[t] = cross_entropy(d[t], q[t])

Arrays are time-major, with a batch axis: (T, B, n).

    x: input (T, B, n_x)  features of a step
    d: target (T, B, n_d)  classes
    W_z: param (n, n_x)
    R_z: param (n, n)
    b_z: param (n,)
    W_i: param (n, n_x)
    R_i: param (n, n)
    p_i: param (n,)
    b_i: param (n,)
    W_f: param (n, n_x)
    R_f: param (n, n)
    p_f: param (n,)
    b_f: param (n,)
    W_o: param (n, n_x)
    R_o: param (n, n)
    p_o: param (n,)
    b_o: param (n,)
    V: param (n_d, n)
    b_q: param (n_d,)

Made by rnnsym 0.1.0: rnnsym generate lstm_peephole
Fingerprint: aad53b50974d0b9eaf68f2427e82a11e41e0be4d9c5f8aaff8b14d6d0af4df2b
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
    "n_d",
    "n",
)
SHAPES: dict[str, tuple[str, ...]] = {
    "W_z": ("n", "n_x"),
    "R_z": ("n", "n"),
    "b_z": ("n",),
    "W_i": ("n", "n_x"),
    "R_i": ("n", "n"),
    "p_i": ("n",),
    "b_i": ("n",),
    "W_f": ("n", "n_x"),
    "R_f": ("n", "n"),
    "p_f": ("n",),
    "b_f": ("n",),
    "W_o": ("n", "n_x"),
    "R_o": ("n", "n"),
    "p_o": ("n",),
    "b_o": ("n",),
    "V": ("n_d", "n"),
    "b_q": ("n_d",),
}
DATA: dict[str, tuple[str, bool, tuple[str, ...]]] = {
    "x": ("input", True, ("n_x",)),
    "d": ("target", True, ("n_d",)),
}
CLASSES: frozenset[str] = frozenset({"d"})
FIXED: dict[str, tuple[float, tuple[str, ...]]] = {}
OUTSIDE: dict[str, tuple[int, int, tuple[str, ...]]] = {
    "y": (1, 0, ("n",)),
    "c": (1, 0, ("n",)),
}
CARRIED: dict[str, tuple[int, int]] = {
    "y": (1, 1),
    "c": (1, 1),
}
LATE: dict[str, tuple[str, ...]] = {}
TIMED: frozenset[str] = frozenset(
    {
        "y",
        "z",
        "i",
        "c",
        "f",
        "o",
        "q",
        "loss",
        "z_bar",
        "i_bar",
        "f_bar",
        "o_bar",
        "q_bar",
    }
)
RENAMED: dict[str, str] = {}
NO_CHUNKS = ""
# Matrices of the parameters' vector that hold several parameters, and which of their rows and columns each is.
STACKS: dict[str, tuple[str, str]] = {
    "weights": ("4*n", "n + n_x + 1"),
}
PLACES: dict[str, tuple[str, str, str, str, str]] = {
    "W_z": ("weights", "0", "n", "0", "n_x"),
    "R_z": ("weights", "0", "n", "n_x", "n + n_x"),
    "b_z": ("weights", "0", "n", "n + n_x", "n + n_x + 1"),
    "W_i": ("weights", "n", "2*n", "0", "n_x"),
    "R_i": ("weights", "n", "2*n", "n_x", "n + n_x"),
    "b_i": ("weights", "n", "2*n", "n + n_x", "n + n_x + 1"),
    "W_f": ("weights", "2*n", "3*n", "0", "n_x"),
    "R_f": ("weights", "2*n", "3*n", "n_x", "n + n_x"),
    "b_f": ("weights", "2*n", "3*n", "n + n_x", "n + n_x + 1"),
    "W_o": ("weights", "3*n", "4*n", "0", "n_x"),
    "R_o": ("weights", "3*n", "4*n", "n_x", "n + n_x"),
    "b_o": ("weights", "3*n", "4*n", "n + n_x", "n + n_x + 1"),
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
        """Where warnings were off for the padding's sake: one if a result is not finite."""
        if self.padding is not None and not all(np.isfinite(v).all() for v in values):
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


def softmax(z: NDArray) -> NDArray:
    """exp(z) / sum(exp(z)), without overflow."""
    small = np.exp(z - top(z))
    return small / small.sum(-1, keepdims=True)


def top(z: NDArray) -> NDArray:
    """The largest real part of each vector, 0 where it is infinite."""
    highest = np.real(z).max(-1, keepdims=True)
    return np.where(np.isfinite(highest), highest, 0)


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


def turned(u: NDArray) -> NDArray:
    """Features by batch as batch by features, and back: a view."""
    return u.swapaxes(-1, -2)


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
    n = run.sizes["n"]
    n_x = run.sizes["n_x"]
    n_d = run.sizes["n_d"]
    p_i = params.p_i
    p_f = params.p_f
    p_o = params.p_o
    V = params.V
    b_q = params.b_q
    weights = params.stack("weights")  # W_z, R_z, b_z; W_i, R_i, b_i; W_f, R_f, b_f; W_o, R_o, b_o
    sums = work.array("sums", (steps, 4 * n, batch), dtype)  # z, i, f, o
    operands = work.array("operands", (steps + 1, n + n_x + 1, batch), dtype)  # x, y[t-1], 1
    c_all = work.array("c", (steps + 1, n, batch), dtype)
    tanh_c = work.array("tanh_c", (steps, n, batch), dtype)
    q = work.array("q", (steps, n_d, batch), dtype)
    loss = work.array("loss", (steps, batch), dtype)
    span = stretch(steps, batch * (3 * n_d + n + n_x + 2))
    part = work.array("part", (n, batch), dtype)
    part_2 = work.array("part_2", (n, batch), dtype)
    q_bar_room = work.array("q_bar_room", (span, n_d, batch), dtype)
    operands_2 = operands[:steps]
    z = sums[:, :n]
    p_i_column = p_i[:, None]
    c_prev = c_all[:steps]
    i = sums[:, n : 2 * n]
    p_f_column = p_f[:, None]
    f = sums[:, 2 * n : 3 * n]
    c = c_all[1 : steps + 1]
    p_o_column = p_o[:, None]
    o = sums[:, 3 * n : 4 * n]
    y = operands[1 : steps + 1, n_x : n + n_x]
    b_q_column = b_q[:, None]
    x = operands[:steps, :n_x]
    operands[:, n + n_x] = 1
    (walk,) = along([slice(0, steps)], True, sums, operands_2, z, c_prev, i, f, c, o, tanh_c, y)
    chunks = stretches(steps, span, True)

    def forward_pass(run: Run) -> Trace:
        """All variables at all steps, in an order in which each can be computed."""
        d: Any = features_first(run.data.get("d"), 2)
        x[...] = turned(run.data["x"])
        run.fill_outside("y", turned(operands[:, n_x : n + n_x]), 1, 0, 1)
        run.fill_outside("c", turned(c_all), 1, 0, 1)

        # step by step, forwards
        for (
            (sums_t, operands_2_t, z_t, c_prev_t, i_t, f_t, c_t, o_t, tanh_c_t, y_t),
            over,
        ) in zip(walk, run.masks):
            weights.dot(operands_2_t, out=sums_t)  # (9-12)
            np.tanh(z_t, out=z_t)  # (1) block input
            np.multiply(p_i_column, c_prev_t, out=part)  # (10) pre-activation of i
            np.add(i_t, part, out=i_t)  # (10) pre-activation of i
            sigmoid_into(i_t, out=i_t)  # (2) input gate
            np.multiply(p_f_column, c_prev_t, out=part)  # (11) pre-activation of f
            np.add(f_t, part, out=f_t)  # (11) pre-activation of f
            sigmoid_into(f_t, out=f_t)  # (3) forget gate
            np.multiply(z_t, i_t, out=part)  # (4) cell
            np.multiply(c_prev_t, f_t, out=part_2)  # (4) cell
            np.add(part, part_2, out=c_t)  # (4) cell
            np.multiply(p_o_column, c_t, out=part)  # (12) pre-activation of o
            np.add(o_t, part, out=o_t)  # (12) pre-activation of o
            sigmoid_into(o_t, out=o_t)  # (5) output gate
            np.tanh(c_t, out=tanh_c_t)  # (6) block output
            np.multiply(tanh_c_t, o_t, out=y_t)  # (6) block output
            if over is not None:
                clear(over, sums_t.T, c_t.T, tanh_c_t.T, y_t.T)

        # all steps, a stretch at a time
        for chunk in chunks:
            count = chunk.stop - chunk.start
            q_bar = q_bar_room[:count]
            # (13)
            np.matmul(V, y[chunk], out=q_bar)
            np.add(q_bar, b_q_column, out=q_bar)
            softmax_rows(q_bar, -2, out=q[chunk])  # (7) class probabilities
            if run.padding is not None:
                clear(run.padding[chunk], turned(q[chunk]))
            if "d" in run.data:
                loss[chunk] = softmax_loss(d[chunk], q_bar, -2, q[chunk])  # (8)
            if run.padding is not None:
                clear(run.padding[chunk], loss[chunk])

        values = {
            "y": turned(y),
            "z": turned(z),
            "i": turned(i),
            "c": turned(c),
            "f": turned(f),
            "o": turned(o),
            "q": turned(q),
        }
        if "d" in run.data:
            values["loss"] = loss
        whole = {
            "y": turned(operands[:, n_x : n + n_x]),
            "c": turned(c_all),
        }
        return Trace(values, whole, run)

    return forward_pass


def _step(params: Params, run: Run, work: Workspace) -> Callable[[Run], tuple[State, Values]]:
    """One step of a stream: what is made once for these sizes, and what each call does."""
    steps = run.steps
    batch = run.batch
    dtype = run.dtype
    n = run.sizes["n"]
    n_x = run.sizes["n_x"]
    n_d = run.sizes["n_d"]
    p_i = params.p_i
    p_f = params.p_f
    p_o = params.p_o
    V = params.V
    b_q = params.b_q
    weights = params.stack("weights")  # W_z, R_z, b_z; W_i, R_i, b_i; W_f, R_f, b_f; W_o, R_o, b_o
    sums = work.array("sums", (steps, 4 * n, batch), dtype)  # z, i, f, o
    operands = work.array("operands", (steps + 1, n + n_x + 1, batch), dtype)  # x, y[t-1], 1
    c_all = work.array("c", (steps + 1, n, batch), dtype)
    tanh_c = work.array("tanh_c", (steps, n, batch), dtype)
    q = work.array("q", (steps, n_d, batch), dtype)
    part = work.array("part", (n, batch), dtype)
    part_2 = work.array("part_2", (n, batch), dtype)
    q_bar = work.array("q_bar", (n_d, batch), dtype)
    sums_now = sums[0]
    operands_2 = operands[0]
    z = sums[0, :n]
    p_i_column = p_i[:, None]
    c_prev = c_all[0]
    i = sums[0, n : 2 * n]
    p_f_column = p_f[:, None]
    f = sums[0, 2 * n : 3 * n]
    c = c_all[1]
    p_o_column = p_o[:, None]
    o = sums[0, 3 * n : 4 * n]
    tanh_c_now = tanh_c[0]
    y = operands[1, n_x : n + n_x]
    b_q_column = b_q[:, None]
    q_now = q[0]
    x = operands[0, :n_x]
    operands[:, n + n_x] = 1

    def one_step(run: Run) -> tuple[State, Values]:
        """Every variable that needs no target, in memory of its own."""
        x[...] = turned(run.data["x"])
        operands[0, n_x : n + n_x] = run.outside("y[0]").T
        c_all[0] = run.outside("c[0]").T

        weights.dot(operands_2, out=sums_now)  # (9-12)
        np.tanh(z, out=z)  # (1) block input
        np.multiply(p_i_column, c_prev, out=part)  # (10) pre-activation of i
        np.add(i, part, out=i)  # (10) pre-activation of i
        sigmoid_into(i, out=i)  # (2) input gate
        np.multiply(p_f_column, c_prev, out=part)  # (11) pre-activation of f
        np.add(f, part, out=f)  # (11) pre-activation of f
        sigmoid_into(f, out=f)  # (3) forget gate
        np.multiply(z, i, out=part)  # (4) cell
        np.multiply(c_prev, f, out=part_2)  # (4) cell
        np.add(part, part_2, out=c)  # (4) cell
        np.multiply(p_o_column, c, out=part)  # (12) pre-activation of o
        np.add(o, part, out=o)  # (12) pre-activation of o
        sigmoid_into(o, out=o)  # (5) output gate
        np.tanh(c, out=tanh_c_now)  # (6) block output
        np.multiply(tanh_c_now, o, out=y)  # (6) block output
        # (13)
        V.dot(y, out=q_bar)
        np.add(q_bar, b_q_column, out=q_bar)
        softmax_rows(q_bar, -2, out=q_now)  # (7) class probabilities

        out = {
            "y": np.array(y.T),
            "z": np.array(z.T),
            "i": np.array(i.T),
            "c": np.array(c.T),
            "f": np.array(f.T),
            "o": np.array(o.T),
            "q": np.array(q_now.T),
        }
        carried = {
            "y": np.array(y.T),
            "c": np.array(c.T),
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
    n_d = run.sizes["n_d"]
    n_x = run.sizes["n_x"]
    n = run.sizes["n"]
    R_z = params.R_z
    R_i = params.R_i
    p_i = params.p_i
    R_f = params.R_f
    p_f = params.p_f
    R_o = params.R_o
    p_o = params.p_o
    V = params.V
    weights = params.stack("weights")  # W_z, R_z, b_z; W_i, R_i, b_i; W_f, R_f, b_f; W_o, R_o, b_o
    q = work.arrays["q"]
    d_q_bar = work.array("d_q_bar", (steps, n_d, batch), dtype)
    operands = work.arrays["operands"]
    sums = work.arrays["sums"]
    tanh_c = work.arrays["tanh_c"]
    d_sums = work.array("d_sums", (steps + 1, 4 * n, batch), dtype)
    c_all = work.arrays["c"]
    d_c_back_all = work.array("d_c_back", (steps + 1, n, batch), dtype)
    d_x = work.array("d_x", (steps, n_x, batch), dtype)
    multiply_d_i_bar = work.array("multiply_d_i_bar", (steps, n, batch), dtype)
    multiply_d_f_bar = work.array("multiply_d_f_bar", (steps, n, batch), dtype)
    multiply_d_o_bar = work.array("multiply_d_o_bar", (steps, n, batch), dtype)
    span = stretch(steps, batch * (4 * n_d))
    span_2 = stretch(steps, batch * (23 * n + n_d))
    span_3 = stretch(steps, batch * (6 * n + n_x))
    span_4 = stretch(steps, batch * (6 * n))
    span_5 = stretch(steps, batch * (6 * n))
    part_room = work.array("part_room", (span, n_d, batch), dtype)
    part_2_room = work.array("part_2_room", (span_2, n, batch), dtype)
    part_3_room = work.array("part_3_room", (span_2, n, batch), dtype)
    part_4_room = work.array("part_4_room", (span_2, n, batch), dtype)
    part_5_room = work.array("part_5_room", (span_2, n, batch), dtype)
    part_6 = work.array("part_6", (n, batch), dtype)
    d_y = work.array("d_y", (n, batch), dtype)
    part_7 = work.array("part_7", (n, batch), dtype)
    part_8 = work.array("part_8", (n, batch), dtype)
    part_9 = work.array("part_9", (n, batch), dtype)
    d_c = work.array("d_c", (n, batch), dtype)
    V_T = V.T
    o = sums[:, 3 * n : 4 * n]
    d_o_bar = d_sums[:steps, 3 * n : 4 * n]
    f = sums[:, 2 * n : 3 * n]
    c_prev = c_all[:steps]
    d_f_bar = d_sums[:steps, 2 * n : 3 * n]
    i = sums[:, n : 2 * n]
    z = sums[:, :n]
    d_i_bar = d_sums[:steps, n : 2 * n]
    d_z_bar = d_sums[:steps, :n]
    d_sums_2 = d_sums[1 : steps + 1]
    p_o_column = p_o[:, None]
    p_i_column = p_i[:, None]
    d_i_bar_next = d_sums[1 : steps + 1, n : 2 * n]
    p_f_column = p_f[:, None]
    d_f_bar_next = d_sums[1 : steps + 1, 2 * n : 3 * n]
    d_c_back_next = d_c_back_all[1 : steps + 1]
    d_c_back = d_c_back_all[:steps]
    d_z_bar_d_i_bar_d_f_bar_parts = d_sums[:steps, : 3 * n].reshape(steps, 3, n, batch)
    d_z_bar_d_i_bar_d_f_bar = d_sums[:steps, : 3 * n]
    weights_T_2 = weights[:, :n_x].T
    d_sums_3 = d_sums[:steps]
    c = c_all[1 : steps + 1]
    d_sums[steps:] = 0
    d_c_back_all[steps:] = 0
    chunks = stretches(steps, span, True)
    chunks_2 = stretches(steps, span_2, False)
    walks = along(
        chunks_2,
        False,
        d_sums_2,
        d_o_bar,
        d_i_bar_next,
        d_f_bar_next,
        d_c_back_next,
        d_c_back,
        f,
        d_z_bar_d_i_bar_d_f_bar_parts,
        d_z_bar_d_i_bar_d_f_bar,
        part_2_room,
        part_3_room,
        rooms=2,
    )
    chunks_3 = stretches(steps, span_3, True)
    chunks_4 = stretches(steps, span_4, True)
    chunks_5 = stretches(steps, span_5, True)

    def gradient_pass(trace: Trace, wrt: frozenset[str]) -> Gradients:
        """The errors of all variables, backwards through the equations, and their sums, the gradients."""
        run = trace._run
        grads = Gradients(params.sizes, np.empty(params.vector.shape, dtype))
        d_loss = 1 / max(batch, 1)
        d: Any = features_first(run.data.get("d"), 2)
        weights_T = np.ascontiguousarray(weights[:, n_x : n + n_x].T)

        # all steps, a stretch at a time
        for chunk in chunks:
            count = chunk.stop - chunk.start
            part = part_room[:count]
            excess(q[chunk], d[chunk], out=part)  # (14) error of q_bar
            np.multiply(d_loss, part, out=d_q_bar[chunk])  # (14) error of q_bar
            if run.padding is not None:
                clear(run.padding[chunk], turned(d_q_bar[chunk]))

        # (33)
        d_q_bar_flat = work.flat("d_q_bar_flat", d_q_bar, flatten)
        operands_flat = work.flat("operands_flat", operands, flatten)
        grads.V[...] = np.matmul(
            d_q_bar_flat.reshape(len(d_q_bar_flat), -1),
            operands_flat[n_x : n + n_x, 1 : steps + 1].reshape(n, -1).T,
        )
        grads.b_q[...] = d_q_bar_flat.reshape(len(d_q_bar_flat), -1).sum(-1)  # (38) gradient of b_q

        # step by step, backwards
        for chunk, walk in zip(chunks_2, walks):
            count = chunk.stop - chunk.start
            part_2 = part_2_room[:count]
            part_3 = part_3_room[:count]
            part_4 = part_4_room[:count]
            part_5 = part_5_room[:count]
            np.matmul(V_T, d_q_bar[chunk], out=part_2)  # (15) error of y
            np.subtract(1, o[chunk], out=part_3)  # (16, 17)
            np.multiply(tanh_c[chunk], o[chunk], out=part_4)  # (16, 17)
            np.multiply(part_4, part_3, out=d_o_bar[chunk])  # (16, 17)
            np.square(tanh_c[chunk], out=part_3)  # (18) error of c
            np.subtract(1, part_3, out=part_4)  # (18) error of c
            np.multiply(o[chunk], part_4, out=part_3)  # (18) error of c
            np.subtract(1, f[chunk], out=part_4)  # (19, 22)
            np.multiply(c_prev[chunk], f[chunk], out=part_5)  # (19, 22)
            np.multiply(part_5, part_4, out=d_f_bar[chunk])  # (19, 22)
            np.subtract(1, i[chunk], out=part_4)  # (20, 23)
            np.multiply(z[chunk], i[chunk], out=part_5)  # (20, 23)
            np.multiply(part_5, part_4, out=d_i_bar[chunk])  # (20, 23)
            np.square(z[chunk], out=part_4)  # (21, 24)
            np.subtract(1, part_4, out=part_5)  # (21, 24)
            np.multiply(i[chunk], part_5, out=d_z_bar[chunk])  # (21, 24)
            if run.padding is not None:
                clear(run.padding[chunk], turned(d_o_bar[chunk]), turned(d_f_bar[chunk]))
                clear(run.padding[chunk], turned(d_i_bar[chunk]), turned(d_z_bar[chunk]))
            for (
                (
                    d_sums_2_t,
                    d_o_bar_t,
                    d_i_bar_next_t,
                    d_f_bar_next_t,
                    d_c_back_next_t,
                    d_c_back_t,
                    f_t,
                    d_z_bar_d_i_bar_d_f_bar_parts_t,
                    d_z_bar_d_i_bar_d_f_bar_t,
                    part_2_t,
                    part_3_t,
                ),
                over,
            ) in zip(walk, run.masks[chunk][::-1]):
                weights_T.dot(d_sums_2_t, out=part_6)  # (15) error of y
                np.add(part_2_t, part_6, out=d_y)  # (15) error of y
                np.multiply(d_o_bar_t, d_y, out=d_o_bar_t)  # (16, 17)
                np.multiply(p_o_column, d_o_bar_t, out=part_6)  # (18) error of c
                np.multiply(part_3_t, d_y, out=part_7)  # (18) error of c
                np.multiply(p_i_column, d_i_bar_next_t, out=part_8)  # (18) error of c
                np.multiply(p_f_column, d_f_bar_next_t, out=part_9)  # (18) error of c
                np.add(part_6, part_7, out=part_6)  # (18) error of c
                np.add(part_6, part_8, out=part_7)  # (18) error of c
                np.add(part_7, part_9, out=part_8)  # (18) error of c
                np.add(part_8, d_c_back_next_t, out=d_c)  # (18) error of c
                np.multiply(f_t, d_c, out=d_c_back_t)  # (18) error of c
                # (19-24)
                np.multiply(
                    d_z_bar_d_i_bar_d_f_bar_parts_t, d_c, out=d_z_bar_d_i_bar_d_f_bar_parts_t
                )
                if over is not None:
                    clear(over, d_o_bar_t.T, d_c_back_t.T, d_z_bar_d_i_bar_d_f_bar_t.T)

        if "initial" in wrt:
            at_step_d_z_bar = at_step(d_z_bar, 1)
            at_step_d_i_bar = at_step(d_i_bar, 1)
            at_step_d_f_bar = at_step(d_f_bar, 1)
            at_step_d_o_bar = at_step(d_o_bar, 1)
            d_y_at0 = (
                R_z.T @ at_step_d_z_bar
                + R_i.T @ at_step_d_i_bar
                + R_f.T @ at_step_d_f_bar
                + R_o.T @ at_step_d_o_bar
            )
            at_step_d_i_bar_2 = at_step(d_i_bar, 1)
            multiply_p_i = np.multiply(at_step_d_i_bar_2, p_i[:, None])
            at_step_d_f_bar_2 = at_step(d_f_bar, 1)
            multiply_p_f = np.multiply(at_step_d_f_bar_2, p_f[:, None])
            at_step_d_c_back = at_step(d_c_back, 1)
            add = np.add(multiply_p_i, multiply_p_f)
            d_c_at0 = np.add(add, at_step_d_c_back)
        # (25-32, 34-37)
        d_sums_flat = work.flat("d_sums_flat", d_sums, flatten)
        np.matmul(
            d_sums_flat[:, :steps].reshape(4 * n, -1),
            operands_flat[:, :steps].reshape(n + n_x + 1, -1).T,
            out=grads.stack("weights"),
        )

        # all steps, a stretch at a time
        for chunk in chunks_3:
            if "x" in wrt:
                np.matmul(weights_T_2, d_sums_3[chunk], out=d_x[chunk])
            if run.padding is not None:
                clear(run.padding[chunk], turned(d_x[chunk]))
            np.multiply(d_i_bar[chunk], c_prev[chunk], out=multiply_d_i_bar[chunk])  # (39)
            if run.padding is not None:
                clear(run.padding[chunk], turned(multiply_d_i_bar[chunk]))

        grads.p_i[...] = multiply_d_i_bar.sum(0).sum(-1)  # (39) gradient of p_i

        # all steps, a stretch at a time
        for chunk in chunks_4:
            np.multiply(d_f_bar[chunk], c_prev[chunk], out=multiply_d_f_bar[chunk])  # (40)
            if run.padding is not None:
                clear(run.padding[chunk], turned(multiply_d_f_bar[chunk]))

        grads.p_f[...] = multiply_d_f_bar.sum(0).sum(-1)  # (40) gradient of p_f

        # all steps, a stretch at a time
        for chunk in chunks_5:
            np.multiply(d_o_bar[chunk], c[chunk], out=multiply_d_o_bar[chunk])  # (41)
            if run.padding is not None:
                clear(run.padding[chunk], turned(multiply_d_o_bar[chunk]))

        grads.p_o[...] = multiply_d_o_bar.sum(0).sum(-1)  # (41) gradient of p_o

        if "x" in wrt:
            grads.inputs["x"] = np.array(turned(d_x))
        if "initial" in wrt:
            grads.initial["y"] = np.array(d_y_at0.T)
            grads.initial["c"] = np.array(d_c_at0.T)
        return grads

    return gradient_pass


# ---------------------------------------------------------------- backward


def _backward(
    params: Params, trace: Trace, cotangents: Mapping[str, NDArray], wrt: frozenset[str]
) -> Gradients:
    """The errors of all variables, backwards through the equations, and their sums, the gradients."""
    run = trace._run
    full = all(name in run.data for name in ("d",))
    grads = Gradients(params.sizes, np.zeros(params.vector.shape, run.dtype))
    steps = run.steps
    n_d = run.sizes["n_d"]
    n = run.sizes["n"]
    x = run.data["x"]
    d_loss = run.error(cotangents, "loss")
    d: Any = run.vectors("d")
    W_z = params.W_z
    R_z = params.R_z
    W_i = params.W_i
    R_i = params.R_i
    p_i = params.p_i
    W_f = params.W_f
    R_f = params.R_f
    p_f = params.p_f
    W_o = params.W_o
    R_o = params.R_o
    p_o = params.p_o
    V = params.V
    y_all = trace._whole["y"]
    y_prev = y_all[:steps]
    y = y_all[1 : steps + 1]
    z = trace._arrays["z"]
    i = trace._arrays["i"]
    c_all = trace._whole["c"]
    c_prev = c_all[:steps]
    c = c_all[1 : steps + 1]
    f = trace._arrays["f"]
    o = trace._arrays["o"]
    q = trace._arrays["q"]
    d_q = run.error(cotangents, "q", n_d)
    d_y = run.error(cotangents, "y", n)
    d_o = run.error(cotangents, "o", n)
    d_o_bar_all = run.zeros(n, lag=0, lead=1)
    d_o_bar = d_o_bar_all[:steps]
    d_o_bar_next = d_o_bar_all[1 : steps + 1]
    d_c_back_all = run.zeros(n, lag=0, lead=1)
    d_c_back = d_c_back_all[:steps]
    d_c_back_next = d_c_back_all[1 : steps + 1]
    d_c = run.error(cotangents, "c", n)
    d_f = run.error(cotangents, "f", n)
    d_f_bar_all = run.zeros(n, lag=0, lead=1)
    d_f_bar = d_f_bar_all[:steps]
    d_f_bar_next = d_f_bar_all[1 : steps + 1]
    d_i = run.error(cotangents, "i", n)
    d_i_bar_all = run.zeros(n, lag=0, lead=1)
    d_i_bar = d_i_bar_all[:steps]
    d_i_bar_next = d_i_bar_all[1 : steps + 1]
    d_z = run.error(cotangents, "z", n)
    d_z_bar_all = run.zeros(n, lag=0, lead=1)
    d_z_bar = d_z_bar_all[:steps]
    d_z_bar_next = d_z_bar_all[1 : steps + 1]

    # all steps at once
    d_q_bar = q * (d_q - dot(d_q, q)[..., None])  # (14) error of q_bar
    clear(run.padding, d_q, d_q_bar)
    if full:
        d_q_bar += d_loss[..., None] * (q * d.sum(-1)[..., None] - d)  # (14) error of q_bar
        clear(run.padding, d_q_bar)
    d_o_sub = np.tanh(c)  # (16) used more than once
    clear(run.padding, d_o_sub)

    # step by step, backwards
    for t in reversed(range(steps)):
        # (15) error of y
        d_y[t] += (
            d_q_bar[t] @ V
            + d_z_bar_next[t] @ R_z
            + d_i_bar_next[t] @ R_i
            + d_f_bar_next[t] @ R_f
            + d_o_bar_next[t] @ R_o
        )
        d_o[t] += d_y[t] * d_o_sub[t]  # (16) error of o
        d_o_bar[t] = d_o[t] * o[t] * (1 - o[t])  # (17) error of o_bar
        # (18) error of c
        d_c[t] += (
            d_o_bar[t] * p_o
            + d_y[t] * o[t] * (1 - d_o_sub[t] ** 2)
            + d_i_bar_next[t] * p_i
            + d_f_bar_next[t] * p_f
            + d_c_back_next[t]
        )
        d_c_back[t] = d_c[t] * f[t]  # (18) what step t passes to c[t-1]
        d_f[t] += d_c[t] * c_prev[t]  # (19) error of f
        d_f_bar[t] = d_f[t] * f[t] * (1 - f[t])  # (22) error of f_bar
        d_i[t] += d_c[t] * z[t]  # (20) error of i
        d_i_bar[t] = d_i[t] * i[t] * (1 - i[t])  # (23) error of i_bar
        d_z[t] += d_c[t] * i[t]  # (21) error of z
        d_z_bar[t] = d_z[t] * (1 - z[t] ** 2)  # (24) error of z_bar
        if run.padding is not None:
            clear(run.padding[t], d_y[t], d_o[t], d_o_bar[t], d_c[t], d_c_back[t], d_f[t])
            clear(run.padding[t], d_f_bar[t], d_i[t], d_i_bar[t], d_z[t], d_z_bar[t])

    # all steps at once
    if "initial" in wrt:
        d_y_at0 = (
            at_step(d_z_bar, 1) @ R_z
            + at_step(d_i_bar, 1) @ R_i
            + at_step(d_f_bar, 1) @ R_f
            + at_step(d_o_bar, 1) @ R_o
        )
        d_c_at0 = at_step(d_i_bar, 1) * p_i + at_step(d_f_bar, 1) * p_f + at_step(d_c_back, 1)
    if "x" in wrt:
        d_x = d_z_bar @ W_z + d_i_bar @ W_i + d_f_bar @ W_f + d_o_bar @ W_o
        clear(run.padding, d_x)
    grads.W_z[...] = outer_sum(d_z_bar, x)  # (25) gradient of W_z
    grads.R_z[...] = outer_sum(d_z_bar, y_prev)  # (29) gradient of R_z
    grads.b_z[...] = d_z_bar.sum((0, 1))  # (34) gradient of b_z
    grads.W_i[...] = outer_sum(d_i_bar, x)  # (26) gradient of W_i
    grads.R_i[...] = outer_sum(d_i_bar, y_prev)  # (30) gradient of R_i
    grads.p_i[...] = (d_i_bar * c_prev).sum((0, 1))  # (39) gradient of p_i
    grads.b_i[...] = d_i_bar.sum((0, 1))  # (35) gradient of b_i
    grads.W_f[...] = outer_sum(d_f_bar, x)  # (27) gradient of W_f
    grads.R_f[...] = outer_sum(d_f_bar, y_prev)  # (31) gradient of R_f
    grads.p_f[...] = (d_f_bar * c_prev).sum((0, 1))  # (40) gradient of p_f
    grads.b_f[...] = d_f_bar.sum((0, 1))  # (36) gradient of b_f
    grads.W_o[...] = outer_sum(d_o_bar, x)  # (28) gradient of W_o
    grads.R_o[...] = outer_sum(d_o_bar, y_prev)  # (32) gradient of R_o
    grads.p_o[...] = (d_o_bar * c).sum((0, 1))  # (41) gradient of p_o
    grads.b_o[...] = d_o_bar.sum((0, 1))  # (37) gradient of b_o
    grads.V[...] = outer_sum(d_q_bar, y)  # (33) gradient of V
    grads.b_q[...] = d_q_bar.sum((0, 1))  # (38) gradient of b_q

    if "x" in wrt:
        grads.inputs["x"] = d_x
    if "initial" in wrt:
        grads.initial["y"] = d_y_at0
        grads.initial["c"] = d_c_at0
    return grads


# ---------------------------------------------------------------- what a user calls


def init_params(
    *,
    n_x: int,
    n_d: int,
    n: int,
    rng: Any = None,
    dtype: Any = np.float32,
) -> Params:
    """Parameters as training starts with them, from sizes.

    `rng` is a seed or a numpy Generator; `dtype` float32, float64 or complex128.
    """
    sizes = {
        "n_x": int(n_x),
        "n_d": int(n_d),
        "n": int(n),
    }
    for name, number in sizes.items():
        if number < 1:
            raise ValueError(f"{name}: expected a whole number from 1, found {number}")
    shapes = [[length_of(axis, sizes) for axis in shape] for shape in SHAPES.values()]
    total = sum(int(np.prod(shape)) for shape in shapes)
    params = Params(sizes, np.zeros(total, working_dtype(np.dtype(dtype))))
    generator = np.random.default_rng(rng)
    params.W_z[...] = glorot(params.W_z.shape, generator)
    params.R_z[...] = glorot(params.R_z.shape, generator)
    params.W_i[...] = glorot(params.W_i.shape, generator)
    params.R_i[...] = glorot(params.R_i.shape, generator)
    params.p_i[...] = 1
    params.W_f[...] = glorot(params.W_f.shape, generator)
    params.R_f[...] = glorot(params.R_f.shape, generator)
    params.p_f[...] = 1
    params.W_o[...] = glorot(params.W_o.shape, generator)
    params.R_o[...] = glorot(params.R_o.shape, generator)
    params.p_o[...] = 1
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
    n = run.sizes["n"]
    y_all = run.extended("y", n, lag=1, lead=0)
    c_all = run.extended("c", n, lag=1, lead=0)
    whole = {
        "y": y_all,
        "c": c_all,
    }
    return State(Trace({}, whole, run).state)


def forward(
    params: Params,
    /,
    *,
    x: ArrayLike,
    d: ArrayLike | None = None,
    initial: Any = None,
    lengths: ArrayLike | None = None,
) -> Trace:
    """Every variable at every step: `trace.NAME`, (T, B, ...).

    x: (T, B, n_x); features of a step
    d: (T, B, n_d); classes
    initial: a State, or arrays by name: (B, ...), or (K, B, ...) oldest first
    lengths: (B,) whole numbers 1 to T, where sequences end before T

    Without a target, what depends on it is left out. Raises ValueError for wrong arguments.
    """
    data = {
        "x": x,
        "d": d,
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
    d: ArrayLike,
    initial: Any = None,
    lengths: ArrayLike | None = None,
    work: Workspace | None = None,
) -> Any:
    """The cost: the losses summed over time, averaged over the batch.

    x: (T, B, n_x); features of a step
    d: (T, B, n_d); classes

    Raises ValueError for wrong arguments.
    """
    data = {
        "x": x,
        "d": d,
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
    d: ArrayLike,
    initial: Any = None,
    lengths: ArrayLike | None = None,
    wrt: Any = (),
    work: Workspace | None = None,
) -> tuple[Any, Gradients, State]:
    """The cost, its gradients, and the state after the last step.

    wrt: further gradients: names of inputs (`grads.inputs[name]`), of constants
        (`grads.constants[name]`), and "initial" (`grads.initial[name]`)
    x: (T, B, n_x); features of a step
    d: (T, B, n_d); classes

    Raises ValueError for wrong arguments.
    """
    data = {
        "x": x,
        "d": d,
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
    d_y: ArrayLike | None = None,
    d_z: ArrayLike | None = None,
    d_i: ArrayLike | None = None,
    d_c: ArrayLike | None = None,
    d_f: ArrayLike | None = None,
    d_o: ArrayLike | None = None,
    d_q: ArrayLike | None = None,
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
        "y": d_y,
        "z": d_z,
        "i": d_i,
        "c": d_c,
        "f": d_f,
        "o": d_o,
        "q": d_q,
        "loss": d_loss,
    }
    given = {name: value for name, value in given.items() if value is not None}
    cotangents: dict[str, NDArray] = {} if given else _shares(run)
    if not given and "d" not in run.data:
        raise ValueError("d: expected it in forward(), or a cotangent d_NAME here")
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
    n_d: int,
    n: int,
    dtype: Any = np.float32,
) -> dict[str, int]:
    """Bytes of the arrays in which a training step works, by name, for sequences of T steps in a batch of B.

    With `work=` they are made in the first call and used again. Beside them a call makes its results,
    and a copy of data that have not the parameters' type.
    """
    forward_span = stretch(T, B * (3 * n_d + n + n_x + 2))
    gradient_span = stretch(T, B * (4 * n_d))
    gradient_span_2 = stretch(T, B * (23 * n + n_d))
    shapes: dict[str, tuple[int, ...]] = {
        "sums": (T, 4 * n, B),
        "operands": (T + 1, n + n_x + 1, B),
        "c": (T + 1, n, B),
        "tanh_c": (T, n, B),
        "q": (T, n_d, B),
        "loss": (T, B),
        "part": (n, B),
        "part_2": (n, B),
        "q_bar_room": (forward_span, n_d, B),
        "d_q_bar": (T, n_d, B),
        "d_q_bar_flat": (T, n_d, B),
        "operands_flat": (T + 1, n + n_x + 1, B),
        "d_sums": (T + 1, 4 * n, B),
        "d_sums_flat": (T + 1, 4 * n, B),
        "d_c_back": (T + 1, n, B),
        "d_x": (T, n_x, B),
        "multiply_d_i_bar": (T, n, B),
        "multiply_d_f_bar": (T, n, B),
        "multiply_d_o_bar": (T, n, B),
        "part_room": (gradient_span, n_d, B),
        "part_2_room": (gradient_span_2, n, B),
        "part_3_room": (gradient_span_2, n, B),
        "part_4_room": (gradient_span_2, n, B),
        "part_5_room": (gradient_span_2, n, B),
        "part_6": (n, B),
        "d_y": (n, B),
        "part_7": (n, B),
        "part_8": (n, B),
        "part_9": (n, B),
        "d_c": (n, B),
    }
    each = np.dtype(dtype).itemsize
    return {name: each * int(np.prod(shape)) for name, shape in shapes.items()}


# rnnsym-seal: sha256:b863c1beead74013af3a95f1c635532c875de27ce0d2084c53b0275c948c4bb1
