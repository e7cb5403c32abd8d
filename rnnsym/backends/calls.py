"""The public functions of a generated module: signatures, docstrings, and the few lines that call the two passes.

Comes in: what is known of the model (`Parts`). Goes out: source text. Long signatures stand one argument per line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rnnsym.algebra.sizes import size_text
from rnnsym.algebra.system import Declaration
from rnnsym.algebra.tensor import DATA, FINAL_LOSS, STEP_LOSS, decimal_text
from rnnsym.backends.body import plain
from rnnsym.backends.tables import string

if TYPE_CHECKING:
    from rnnsym.backends.numpy_module import Parts


def public_functions(parts: Parts, initial_lines: list[str], planned: bool = False, streams: bool = False) -> tuple[list[str], set[str]]:
    """The functions in the order of the module, and the helper functions that they use."""
    calls = _Calls(parts, planned, streams)
    return [
        calls.initial_state(initial_lines), calls.forward(), calls.cost(), calls.loss(), calls.loss_and_grads(), calls.backward(),
        calls.step(), SGD_STEP,
    ], set()  # fmt: skip


def signature(name: str, positional: Sequence[str], keywords: Sequence[str], returns: str) -> list[str]:
    """A `def` with one argument per line."""
    rows = [*positional, *(["*"] if keywords else []), *keywords]
    return [f"def {name}(", *(f"    {row}," for row in rows), f") -> {returns}:"]


class _Calls:
    def __init__(self, parts: Parts, planned: bool, streams: bool):
        self.parts, self.planned, self.streams = parts, planned, streams
        self.public = parts.names.public
        system = parts.prepared
        self.data: list[Declaration] = [*system.data, *system.constants]
        self.losses = [n for n in (STEP_LOSS, FINAL_LOSS) if n in system.by_name]
        self.steps = ["steps: int"] if not any(d.timed for d in system.data) else []
        self.batch = ["batch: int = 1"] if not system.data else []

    # ------------------------------------------------------------ arguments

    def keywords(self, optional: frozenset[str] = frozenset(), only: Sequence[Declaration] | None = None) -> list[str]:
        rows = []
        for d in self.data if only is None else only:
            name = self.public[d.name]
            if d.kind == "constant" and d.start is not None and d.start.amount is not None:
                rows.append(f"{name}: ArrayLike | None = None")
            else:
                rows.append(f"{name}: ArrayLike | None = None" if d.name in optional else f"{name}: ArrayLike")
        return rows

    def dictionary(self, only: Sequence[Declaration] | None = None) -> list[str]:
        names = [self.public[d.name] for d in (self.data if only is None else only)]
        return ["    data = {", *(f"        {string(n)}: {n}," for n in names), "    }"] if names else ["    data: dict[str, Any] = {}"]

    def described(self, only: Sequence[Declaration] | None = None) -> list[str]:
        """One line per argument: its shape and what the file says of it."""
        rows = []
        for d in self.data if only is None else only:
            lead = ["T", "B"] if d.timed else ["B"] if d.kind in DATA else []
            inner = [] if d.kind == "token" else [size_text(s) for s in d.shape]
            axes = lead + inner
            shape = f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"
            classes = " whole numbers" if d.kind == "token" else ""
            default = ""
            if d.start is not None and d.start.amount is not None and d.kind == "constant":
                amount = d.start.amount
                default = f"; {'-' if amount < 0 else ''}{decimal_text(abs(amount))} unless given"
            about = _safe(f"; {d.description}" if d.description else "")
            rows.append(f"    {self.public[d.name]}: {shape}{classes}{default}{about}")
        return rows

    def checked(self, single: bool = False, owns: bool = True) -> str:
        extra = "".join(f", {n}={n}" for n, rows in (("steps", self.steps), ("batch", self.batch)) if rows and not single)
        return f"checked(params, data, initial, lengths{extra}{'' if owns else ', owns=False'})"

    COMMON = ("initial: Any = None", "lengths: ArrayLike | None = None")

    def pass_forward(self, work: str) -> str:
        return f"{work}.ready(_forward, params, run)(run)" if self.planned else "_forward(params, run)"

    def room(self) -> str:
        return "(Workspace() if work is None else work)"

    def work(self) -> list[str]:
        """The argument by which calls share their arrays."""
        return ["work: Workspace | None = None" if self.planned else "work: Any = None"]

    # ------------------------------------------------------------ functions

    def initial_state(self, lines: list[str]) -> str:
        static = [d for d in self.data if not d.timed and d.kind != "target"]
        only = [d for d in static if any(f'run.data["{self.public[d.name]}"]' in row for row in lines)]
        rows = ["def initial_state(", "    params: Params,", "    batch: int = 1,"]
        rows += [f"    {'*'},", *(f"    {k}," for k in self.keywords(only=only))] if only else []
        rows += [") -> State:", '    """The state before the first step, for `batch` sequences: what the file says, otherwise zero."""']
        rows += self.dictionary(only)
        rows += ["    run = checked(params, data, batch=batch, single=True)", "    run.steps, run.ends = 0, np.zeros(batch, int)"]
        rows += ["    return _initial(params, run)", "", "", "def _initial(params: Params, run: Run) -> State:"]
        rows += ['    """Values at and before step 0, as the equations give them."""', *lines]
        return "\n".join(rows)

    def forward(self) -> str:
        optional = self.parts.optional
        if not any(d.timed and d.kind != "target" for d in self.data):  # a target says how many steps there are
            optional -= {d.name for d in self.data if d.timed and d.kind == "target"}
        keywords = [*self.keywords(optional), *self.steps, *self.batch, *self.COMMON]
        rows = signature("forward", ["params: Params", "/"], keywords, "Trace")
        rows += ['    """Every variable at every step: `trace.NAME`, (T, B, ...).', "", *self.described()]
        rows += [
            "    initial: a State, or arrays by name: (B, ...), or (K, B, ...) oldest first",
            "    lengths: (B,) whole numbers 1 to T, where sequences end before T",
            "",
            "    Without a target, what depends on it is left out. Raises ValueError for wrong arguments.",
            '    """',
            *self.dictionary(),
            f"    run = {self.checked()}",
            "    with run.quiet():",
            f"        return {self.pass_forward('Workspace()')}",
        ]
        return "\n".join(rows)

    def cost(self) -> str:
        """Two private functions: the cost from a trace, and the error that it starts with."""
        rows = ["def _cost(trace: Trace) -> Any:", '    """The mean over the batch of each sequence\'s loss."""']
        rows += ["    if trace._run.batch == 0:", "        return 0.0"]
        batched = {n: self.parts.forward.buffers[n].batched for n in self.losses}
        sums = " + ".join(f"trace.{self.public[n]}.sum()" for n in self.losses if batched[n])
        terms = [f"{f'({sums})' if ' + ' in sums else sums} / trace._run.batch"] if sums else []
        terms += [f"trace.{self.public[n]}" for n in self.losses if not batched[n]]
        value = " + ".join(terms)
        rows += [f"    return {f'({value})' if sums or len(terms) > 1 else value}.item()"]
        rows += ["", "", "def _shares(run: Run) -> dict[str, NDArray]:", '    """dC/dloss: each sequence has its share of the mean."""']
        rows += ["    share = 1 / max(run.batch, 1)"] if any(self.parts.forward.buffers[n].batched for n in self.losses) else []
        rows += ["    return {"]
        for name in self.losses:
            buffer = self.parts.forward.buffers[name]
            if buffer.timed:
                value = "valid(np.full((run.steps, run.batch), share, run.dtype), run.padding)"
            elif buffer.batched:
                value = "np.full((run.batch,), share, run.dtype)"
            else:
                value = "np.asarray(float(run.batch > 0), run.dtype)"
            rows.append(f"        {string(self.public[name])}: {value},")
        return "\n".join([*rows, "    }"]) if self.losses else ""

    def _head(self, name: str, extra: list[str], returns: str, doc: list[str]) -> list[str]:
        rows = signature(name, ["params: Params", "/"], [*self.keywords(), *self.steps, *self.batch, *self.COMMON, *extra], returns)
        return [*rows, f'    """{doc[0]}', "", *doc[1:], *self.described(), "", "    Raises ValueError for wrong arguments.", '    """']

    def loss(self) -> str:
        rows = self._head("loss", self.work(), "Any", ["The cost: the losses summed over time, averaged over the batch."])
        if not self.losses:
            return "\n".join([*rows, '    raise ValueError("loss: the model has no equation for loss")'])
        rows += [*self.dictionary(), f"    run = {self.checked(owns=False)}", "    with run.quiet():"]
        rows += [f"        value = _cost({self.pass_forward(self.room())})"]
        return "\n".join([*rows, "    run.complain(value)", "    return value"])

    def wrt_words(self) -> list[str]:
        words = [self.public[d.name] for d in self.data if d.kind in ("input", "constant")]
        return [*words, "initial"]

    def loss_and_grads(self) -> str:
        doc = [
            "The cost, its gradients, and the state after the last step.",
            "    wrt: further gradients: names of inputs (`grads.inputs[name]`), of constants",
            '        (`grads.constants[name]`), and "initial" (`grads.initial[name]`)',
        ]
        rows = self._head("loss_and_grads", ["wrt: Any = ()", *self.work()], "tuple[Any, Gradients, State]", doc)
        if not self.losses:
            return "\n".join([*rows, '    raise ValueError("loss_and_grads: the model has no equation for loss")'])
        rows += [*self.dictionary(), f"    run = {self.checked(owns=False)}", "    extra = wanted(wrt)", "    with run.quiet():"]
        if self.planned:
            rows += ["        room = Workspace() if work is None else work", f"        trace = {self.pass_forward('room')}"]
            rows += ["        value = _cost(trace)", "        grads = room.ready(_gradients, params, run)(trace, extra)"]
        else:
            rows += ["        trace = _forward(params, run)", "        value = _cost(trace)"]
            rows += ["        grads = _backward(params, trace, _shares(run), extra)"]
        return "\n".join([*rows, "    run.complain(value, grads.vector)", "    return value, grads, trace.state"])

    def backward(self) -> str:
        variables = [d for d in self.parts.model.variables if d.name in self.parts.prepared.by_name]
        names = [self.public[d.name] for d in variables]
        rows = ["def wanted(wrt: Any) -> frozenset[str]:", '    """The names in `wrt`, checked."""']
        rows += ["    names = frozenset([wrt] if isinstance(wrt, str) else wrt)"]
        words = [string(w) for w in self.wrt_words()]
        rows += ["    allowed = (", *(f"        {w}," for w in words), "    )"] if len(words) > 1 else [f"    allowed = ({words[0]},)"]
        rows += ["    for name in sorted(names):", "        if name not in allowed:"]
        rows += ["            raise ValueError(f\"wrt: expected {', '.join(allowed)}, found {name!r}\")"]
        rows += ["    return names", "", ""]
        keywords = [*(f"d_{n}: ArrayLike | None = None" for n in names), "wrt: Any = ()"]
        rows += signature("backward", ["params: Params", "trace: Trace", "/"], keywords, "Gradients")
        rows += ['    """Vector-Jacobian product: gradients of sum(d_NAME * NAME), summed over the batch, no mean.']
        rows += ["", "    d_NAME: an array of the shape of `trace.NAME`, for any variables. With none, the gradients of"]
        rows += ["        the cost, as `loss_and_grads` gives them.", "    wrt: as in `loss_and_grads`", '    """']
        rows += ["    run = trace._run", "    given: dict[str, Any] = {", *(f"        {string(n)}: d_{n}," for n in names), "    }"]
        rows += ["    given = {name: value for name, value in given.items() if value is not None}"]
        if self.losses:
            targets = [self.public[n] for n in sorted(self.parts.optional)]
            rows += ["    cotangents: dict[str, NDArray] = {} if given else _shares(run)"]
            for name in targets:
                rows += [f"    if not given and {string(name)} not in run.data:"]
                rows += [f'        raise ValueError("{name}: expected it in forward(), or a cotangent d_NAME here")']
        else:
            rows += ["    cotangents: dict[str, NDArray] = {}"]
        rows += ["    for name, value in given.items():", "        cotangents[name] = read_cotangent(trace, name, value)"]
        rows += ["    extra = wanted(wrt)", "    with run.quiet():", "        return _backward(params, trace, cotangents, extra)"]
        return READ_COTANGENT + "\n\n\n" + "\n".join(rows)

    def step(self) -> str:
        parts = self.parts
        only = [d for d in self.data if d.kind != "target" or d.name in parts.stream.targets]
        keywords = [*self.keywords(only=only), *self.work()]
        rows = signature("step", ["params: Params", "state: Any", "/"], keywords, "tuple[State, Values]")
        rows += ['    """One step of every sequence, for streams: the new state, and every variable that needs no target.', ""]
        rows += ["    Data are as in `forward`, without the time axis: (B, ...).", '    """']
        if parts.stream.obstacle:
            return "\n".join([*rows, "    raise ValueError(NO_CHUNKS)"])
        outputs = [d for d in parts.model.variables if d.name in parts.stream.outputs]
        rows += [*self.dictionary(only), "    run = checked_step(params, data, state)"]
        if self.streams:
            return "\n".join([*rows, "    with run.quiet():", f"        return {self.room()}.ready(_step, params, run)(run)"])
        rows += ["    with run.quiet():", f"        trace = {self.pass_forward(self.room())}"]
        own = "np.array(trace.{}[0])" if self.planned else "trace.{}[0]"
        inner = [f"        {string(self.public[d.name])}: {(own if d.timed else 'trace.{}').format(self.public[d.name])}," for d in outputs]
        rows += ["    out = {", *inner, "    }"] if inner else ["    out: dict[str, NDArray] = {}"]
        return "\n".join([*rows, "    return trace.state, Values(out)"])


def _safe(text: str) -> str:
    """A user's text inside a docstring."""
    return plain(text).replace("\\", "\\\\").replace('"', '\\"')


READ_COTANGENT = '''def read_cotangent(trace: Trace, name: str, value: ArrayLike) -> NDArray:
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
    return valid(array, run.padding) if name in TIMED else array'''

SGD_STEP = '''def sgd_step(
    params: Params, grads: Params, *, learning_rate: float, max_norm: float | None = None
) -> None:
    """params - learning_rate * grads, in place; gradients longer than `max_norm` are scaled to it."""
    scale = learning_rate
    if max_norm is not None:
        length = float(np.linalg.norm(grads.vector))
        scale *= min(1.0, max_norm / length) if length > 0 else 1.0
    params.vector[...] -= scale * grads.vector'''
