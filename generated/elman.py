"""Simple recurrent network: the hidden layer reads a copy of itself, the context, from the step before.

Elman 1990, Finding structure in time, Cognitive Science 14. Logistic hidden units as there; the output is a softmax.

Equations, for one sequence and column vectors:

    \"\"\"Simple recurrent network: the hidden layer reads a copy of itself, the context, from the step before.
    Elman 1990, Finding structure in time, Cognitive Science 14. Logistic hidden units as there; the output is a softmax.\"\"\"
    x: input[n_x]     # input of a step
    y: target[n_y]    # classes
    h: vector[n_h]
    h[t] = sigmoid(W @ x[t] + U @ h[t-1] + b)    # hidden units; h[t-1] is the context
    p[t] = softmax(V @ h[t] + b_y)               # class probabilities
    loss[t] = cross_entropy(y[t], p[t])

Arrays are time-major, with a batch axis: (T, B, n).

    x: input (T, B, n_x)  input of a step
    y: target (T, B, n_y)  classes
    W: param (n_h, n_x)
    U: param (n_h, n_h)
    b: param (n_h,)
    V: param (n_y, n_h)
    b_y: param (n_y,)

Made by rnnsym 0.1.0: rnnsym generate elman
Fingerprint: 263baf963aa0cf851832084e1c1d7016e03443f2908b13a441f7c6148f7f89f3
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
    "n_h",
)
SHAPES: dict[str, tuple[str, ...]] = {
    "W": ("n_h", "n_x"),
    "U": ("n_h", "n_h"),
    "b": ("n_h",),
    "V": ("n_y", "n_h"),
    "b_y": ("n_y",),
}
DATA: dict[str, tuple[str, bool, tuple[str, ...]]] = {
    "x": ("input", True, ("n_x",)),
    "y": ("target", True, ("n_y",)),
}
CLASSES: frozenset[str] = frozenset({"y"})
FIXED: dict[str, tuple[float, tuple[str, ...]]] = {}
OUTSIDE: dict[str, tuple[int, int, tuple[str, ...]]] = {
    "h": (1, 0, ("n_h",)),
}
CARRIED: dict[str, tuple[int, int]] = {
    "h": (1, 1),
}
LATE: dict[str, tuple[str, ...]] = {}
TIMED: frozenset[str] = frozenset(
    {
        "h",
        "p",
        "loss",
        "h_bar",
        "p_bar",
    }
)
RENAMED: dict[str, str] = {}
NO_CHUNKS = ""
# Matrices of the parameters' vector that hold several parameters, and which of their rows and columns each is.
STACKS: dict[str, tuple[str, str]] = {
    "weights": ("n_h", "n_h + n_x + 1"),
}
PLACES: dict[str, tuple[str, str, str, str, str]] = {
    "W": ("weights", "0", "n_h", "0", "n_x"),
    "U": ("weights", "0", "n_h", "n_x", "n_h + n_x"),
    "b": ("weights", "0", "n_h", "n_h + n_x", "n_h + n_x + 1"),
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
    n_h = run.sizes["n_h"]
    n_x = run.sizes["n_x"]
    n_y = run.sizes["n_y"]
    V = params.V
    b_y = params.b_y
    weights = params.stack("weights")  # W, U, b
    operands = work.array("operands", (steps + 1, n_h + n_x + 1, batch), dtype)  # x, h[t-1], 1
    p = work.array("p", (steps, n_y, batch), dtype)
    loss = work.array("loss", (steps, batch), dtype)
    span = stretch(steps, batch * (3 * n_y + n_h + n_x + 2))
    h_bar = work.array("h_bar", (n_h, batch), dtype)
    p_bar_room = work.array("p_bar_room", (span, n_y, batch), dtype)
    operands_2 = operands[:steps]
    h = operands[1 : steps + 1, n_x : n_h + n_x]
    b_y_column = b_y[:, None]
    x = operands[:steps, :n_x]
    operands[:, n_h + n_x] = 1
    (walk,) = along([slice(0, steps)], True, operands_2, h)
    chunks = stretches(steps, span, True)

    def forward_pass(run: Run) -> Trace:
        """All variables at all steps, in an order in which each can be computed."""
        y: Any = features_first(run.data.get("y"), 2)
        x[...] = turned(run.data["x"])
        run.fill_outside("h", turned(operands[:, n_x : n_h + n_x]), 1, 0, 1)

        # step by step, forwards
        for (operands_2_t, h_t), over in zip(walk, run.masks):
            weights.dot(operands_2_t, out=h_bar)  # (4) pre-activation of h
            sigmoid_into(h_bar, out=h_t)  # (1) hidden units; h[t-1] is the context
            if over is not None:
                clear(over, h_t.T)

        # all steps, a stretch at a time
        for chunk in chunks:
            count = chunk.stop - chunk.start
            p_bar = p_bar_room[:count]
            # (5)
            np.matmul(V, h[chunk], out=p_bar)
            np.add(p_bar, b_y_column, out=p_bar)
            softmax_rows(p_bar, -2, out=p[chunk])  # (2) class probabilities
            if run.padding is not None:
                clear(run.padding[chunk], turned(p[chunk]))
            if "y" in run.data:
                loss[chunk] = softmax_loss(y[chunk], p_bar, -2, p[chunk])  # (3)
            if run.padding is not None:
                clear(run.padding[chunk], loss[chunk])

        values = {
            "h": turned(h),
            "p": turned(p),
        }
        if "y" in run.data:
            values["loss"] = loss
        whole = {
            "h": turned(operands[:, n_x : n_h + n_x]),
        }
        return Trace(values, whole, run)

    return forward_pass


def _step(params: Params, run: Run, work: Workspace) -> Callable[[Run], tuple[State, Values]]:
    """One step of a stream: what is made once for these sizes, and what each call does."""
    steps = run.steps
    batch = run.batch
    dtype = run.dtype
    n_h = run.sizes["n_h"]
    n_x = run.sizes["n_x"]
    n_y = run.sizes["n_y"]
    V = params.V
    b_y = params.b_y
    weights = params.stack("weights")  # W, U, b
    operands = work.array("operands", (steps + 1, n_h + n_x + 1, batch), dtype)  # x, h[t-1], 1
    p = work.array("p", (steps, n_y, batch), dtype)
    h_bar = work.array("h_bar", (n_h, batch), dtype)
    p_bar = work.array("p_bar", (n_y, batch), dtype)
    operands_2 = operands[0]
    h = operands[1, n_x : n_h + n_x]
    b_y_column = b_y[:, None]
    p_now = p[0]
    x = operands[0, :n_x]
    operands[:, n_h + n_x] = 1

    def one_step(run: Run) -> tuple[State, Values]:
        """Every variable that needs no target, in memory of its own."""
        x[...] = turned(run.data["x"])
        operands[0, n_x : n_h + n_x] = run.outside("h[0]").T

        weights.dot(operands_2, out=h_bar)  # (4) pre-activation of h
        sigmoid_into(h_bar, out=h)  # (1) hidden units; h[t-1] is the context
        # (5)
        V.dot(h, out=p_bar)
        np.add(p_bar, b_y_column, out=p_bar)
        softmax_rows(p_bar, -2, out=p_now)  # (2) class probabilities

        out = {
            "h": np.array(h.T),
            "p": np.array(p_now.T),
        }
        carried = {
            "h": np.array(h.T),
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
    n_x = run.sizes["n_x"]
    n_h = run.sizes["n_h"]
    W = params.W
    U = params.U
    V = params.V
    p = work.arrays["p"]
    d_p_bar = work.array("d_p_bar", (steps, n_y, batch), dtype)
    operands = work.arrays["operands"]
    d_h_bar_all = work.array("d_h_bar", (steps + 1, n_h, batch), dtype)
    d_x = work.array("d_x", (steps, n_x, batch), dtype)
    span = stretch(steps, batch * (4 * n_y))
    span_2 = stretch(steps, batch * (4 * n_h + n_x + n_y + 1))
    span_3 = stretch(steps, batch * (n_h + n_x))
    part_room = work.array("part_room", (span, n_y, batch), dtype)
    part_2_room = work.array("part_2_room", (span_2, n_h, batch), dtype)
    part_3_room = work.array("part_3_room", (span_2, n_h, batch), dtype)
    part_4 = work.array("part_4", (n_h, batch), dtype)
    V_T = V.T
    h = operands[1 : steps + 1, n_x : n_h + n_x]
    d_h_bar = d_h_bar_all[:steps]
    d_h_bar_next = d_h_bar_all[1 : steps + 1]
    W_T = W.T
    d_h_bar_all[steps:] = 0
    chunks = stretches(steps, span, True)
    chunks_2 = stretches(steps, span_2, False)
    walks = along(chunks_2, False, d_h_bar_next, d_h_bar, part_2_room, rooms=1)
    chunks_3 = stretches(steps, span_3, True)

    def gradient_pass(trace: Trace, wrt: frozenset[str]) -> Gradients:
        """The errors of all variables, backwards through the equations, and their sums, the gradients."""
        run = trace._run
        grads = Gradients(params.sizes, np.empty(params.vector.shape, dtype))
        d_loss = 1 / max(batch, 1)
        y: Any = features_first(run.data.get("y"), 2)
        U_T = np.ascontiguousarray(U.T)

        # all steps, a stretch at a time
        for chunk in chunks:
            count = chunk.stop - chunk.start
            part = part_room[:count]
            excess(p[chunk], y[chunk], out=part)  # (6) error of p_bar
            np.multiply(d_loss, part, out=d_p_bar[chunk])  # (6) error of p_bar
            if run.padding is not None:
                clear(run.padding[chunk], turned(d_p_bar[chunk]))

        # (11)
        d_p_bar_flat = work.flat("d_p_bar_flat", d_p_bar, flatten)
        operands_flat = work.flat("operands_flat", operands, flatten)
        grads.V[...] = np.matmul(
            d_p_bar_flat.reshape(len(d_p_bar_flat), -1),
            operands_flat[n_x : n_h + n_x, 1 : steps + 1].reshape(n_h, -1).T,
        )
        grads.b_y[...] = d_p_bar_flat.reshape(len(d_p_bar_flat), -1).sum(-1)  # (13) gradient of b_y

        # step by step, backwards
        for chunk, walk in zip(chunks_2, walks):
            count = chunk.stop - chunk.start
            part_2 = part_2_room[:count]
            part_3 = part_3_room[:count]
            np.matmul(V_T, d_p_bar[chunk], out=part_2)  # (7, 8)
            np.subtract(1, h[chunk], out=part_3)  # (7, 8)
            np.multiply(h[chunk], part_3, out=d_h_bar[chunk])  # (7, 8)
            if run.padding is not None:
                clear(run.padding[chunk], turned(d_h_bar[chunk]))
            for (d_h_bar_next_t, d_h_bar_t, part_2_t), over in zip(walk, run.masks[chunk][::-1]):
                U_T.dot(d_h_bar_next_t, out=part_4)  # (7, 8)
                np.add(part_2_t, part_4, out=part_4)  # (7, 8)
                np.multiply(d_h_bar_t, part_4, out=d_h_bar_t)  # (7, 8)
                if over is not None:
                    clear(over, d_h_bar_t.T)

        if "initial" in wrt:
            at_step_d_h_bar = at_step(d_h_bar, 1)
            d_h_at0 = U.T @ at_step_d_h_bar
        # (9, 10, 12)
        d_h_bar_flat = work.flat("d_h_bar_flat", d_h_bar_all, flatten)
        np.matmul(
            d_h_bar_flat[:, :steps].reshape(n_h, -1),
            operands_flat[:, :steps].reshape(n_h + n_x + 1, -1).T,
            out=grads.stack("weights"),
        )

        # all steps, a stretch at a time
        for chunk in chunks_3:
            if "x" in wrt:
                np.matmul(W_T, d_h_bar[chunk], out=d_x[chunk])
            if run.padding is not None:
                clear(run.padding[chunk], turned(d_x[chunk]))

        if "x" in wrt:
            grads.inputs["x"] = np.array(turned(d_x))
        if "initial" in wrt:
            grads.initial["h"] = np.array(d_h_at0.T)
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
    n_y = run.sizes["n_y"]
    n_h = run.sizes["n_h"]
    x = run.data["x"]
    d_loss = run.error(cotangents, "loss")
    y: Any = run.vectors("y")
    W = params.W
    U = params.U
    V = params.V
    h_all = trace._whole["h"]
    h_prev = h_all[:steps]
    h = h_all[1 : steps + 1]
    p = trace._arrays["p"]
    d_p = run.error(cotangents, "p", n_y)
    d_h = run.error(cotangents, "h", n_h)
    d_h_bar_all = run.zeros(n_h, lag=0, lead=1)
    d_h_bar = d_h_bar_all[:steps]
    d_h_bar_next = d_h_bar_all[1 : steps + 1]

    # all steps at once
    d_p_bar = p * (d_p - dot(d_p, p)[..., None])  # (6) error of p_bar
    clear(run.padding, d_p, d_p_bar)
    if full:
        d_p_bar += d_loss[..., None] * (p * y.sum(-1)[..., None] - y)  # (6) error of p_bar
        clear(run.padding, d_p_bar)

    # step by step, backwards
    for t in reversed(range(steps)):
        d_h[t] += d_p_bar[t] @ V + d_h_bar_next[t] @ U  # (7) error of h
        d_h_bar[t] = d_h[t] * h[t] * (1 - h[t])  # (8) error of h_bar
        if run.padding is not None:
            clear(run.padding[t], d_h[t], d_h_bar[t])

    # all steps at once
    if "initial" in wrt:
        d_h_at0 = at_step(d_h_bar, 1) @ U
    if "x" in wrt:
        d_x = d_h_bar @ W
        clear(run.padding, d_x)
    grads.W[...] = outer_sum(d_h_bar, x)  # (9) gradient of W
    grads.U[...] = outer_sum(d_h_bar, h_prev)  # (10) gradient of U
    grads.b[...] = d_h_bar.sum((0, 1))  # (12) gradient of b
    grads.V[...] = outer_sum(d_p_bar, h)  # (11) gradient of V
    grads.b_y[...] = d_p_bar.sum((0, 1))  # (13) gradient of b_y

    if "x" in wrt:
        grads.inputs["x"] = d_x
    if "initial" in wrt:
        grads.initial["h"] = d_h_at0
    return grads


# ---------------------------------------------------------------- what a user calls


def init_params(
    *,
    n_x: int,
    n_y: int,
    n_h: int,
    rng: Any = None,
    dtype: Any = np.float32,
) -> Params:
    """Parameters as training starts with them, from sizes.

    `rng` is a seed or a numpy Generator; `dtype` float32, float64 or complex128.
    """
    sizes = {
        "n_x": int(n_x),
        "n_y": int(n_y),
        "n_h": int(n_h),
    }
    for name, number in sizes.items():
        if number < 1:
            raise ValueError(f"{name}: expected a whole number from 1, found {number}")
    shapes = [[length_of(axis, sizes) for axis in shape] for shape in SHAPES.values()]
    total = sum(int(np.prod(shape)) for shape in shapes)
    params = Params(sizes, np.zeros(total, working_dtype(np.dtype(dtype))))
    generator = np.random.default_rng(rng)
    params.W[...] = glorot(params.W.shape, generator)
    params.U[...] = glorot(params.U.shape, generator)
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
    n_h = run.sizes["n_h"]
    h_all = run.extended("h", n_h, lag=1, lead=0)
    whole = {
        "h": h_all,
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

    x: (T, B, n_x); input of a step
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

    x: (T, B, n_x); input of a step
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
    x: (T, B, n_x); input of a step
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
    n_h: int,
    dtype: Any = np.float32,
) -> dict[str, int]:
    """Bytes of the arrays in which a training step works, by name, for sequences of T steps in a batch of B.

    With `work=` they are made in the first call and used again. Beside them a call makes its results,
    and a copy of data that have not the parameters' type.
    """
    forward_span = stretch(T, B * (3 * n_y + n_h + n_x + 2))
    gradient_span = stretch(T, B * (4 * n_y))
    gradient_span_2 = stretch(T, B * (4 * n_h + n_x + n_y + 1))
    shapes: dict[str, tuple[int, ...]] = {
        "operands": (T + 1, n_h + n_x + 1, B),
        "p": (T, n_y, B),
        "loss": (T, B),
        "h_bar": (n_h, B),
        "p_bar_room": (forward_span, n_y, B),
        "d_p_bar": (T, n_y, B),
        "d_p_bar_flat": (T, n_y, B),
        "operands_flat": (T + 1, n_h + n_x + 1, B),
        "d_h_bar": (T + 1, n_h, B),
        "d_h_bar_flat": (T + 1, n_h, B),
        "d_x": (T, n_x, B),
        "part_room": (gradient_span, n_y, B),
        "part_2_room": (gradient_span_2, n_h, B),
        "part_3_room": (gradient_span_2, n_h, B),
        "part_4": (n_h, B),
    }
    each = np.dtype(dtype).itemsize
    return {name: each * int(np.prod(shape)) for name, shape in shapes.items()}


# rnnsym-seal: sha256:8df6d1d88df30b0fefaea55b6e98d5973893712a339306e49c409bfa5666fa6e
