"""What must agree between the generated NumPy module of a model and the reference interpreter on its equations.

Comes in: a System, its sizes, a seed. Each function raises AssertionError and names what differs. The interpreter runs one sequence at a
time, each to its own end; the module, planned for speed, runs the padded batch, in chunks, in float32, in a workspace, and backwards from
any error. The module of one statement per equation, and the one that calls compiled kernels, are held against the planned one.
"""

from __future__ import annotations

import inspect
import os
import tempfile
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from witnesses import STEP, Arrays, Unmeasurable, arrays_of, kinks_seen, parts_of

from rnnsym.algebra.graph import closure
from rnnsym.algebra.operators import Compare, Elementwise, StopGradient
from rnnsym.algebra.system import System
from rnnsym.backends.head import classes_allowed
from rnnsym.backends.live import compile_module
from rnnsym.backends.names import python_names
from rnnsym.backends.numpy_module import module_text, module_with_kernels
from rnnsym.backends.parts import Parts
from rnnsym.program.interpret import Run, interpret

BATCH = 3
TOLERANCE, SINGLE = 1e-9, 2e-3


def differ(found: Any, wanted: Any, tolerance: float = TOLERANCE) -> bool:
    a, b = np.asarray(found), np.asarray(wanted)
    if a.shape != b.shape:
        return True
    if not a.size:
        return False
    with np.errstate(all="ignore"):
        return not np.all((np.abs(a - b) <= tolerance * max(1.0, float(np.max(np.abs(b[np.isfinite(b)]), initial=0.0)))) | (a == b))


def assert_same(what: str, found: Any, wanted: Any, tolerance: float = TOLERANCE) -> None:
    assert not differ(found, wanted, tolerance), (
        f"{what}: shapes {np.shape(found)} {np.shape(wanted)}, found {np.asarray(found).ravel()[:4]}, wanted {np.asarray(wanted).ravel()[:4]}"
    )


@dataclass
class Bench:
    """One model, its module, one point."""

    system: System
    sizes: dict[str, int]
    steps: int
    lengths: tuple[int, ...]
    arrays: Arrays
    parts: Parts
    module: ModuleType

    @classmethod
    def of(cls, system: System, sizes: dict[str, int], seed: int, steps: int) -> Bench:
        rng = np.random.default_rng(seed)
        lengths = (*(int(n) for n in rng.integers(1, steps + 1, BATCH - 1)), steps)
        arrays = arrays_of(system, sizes, rng, steps, BATCH)
        parts = parts_of(system)
        return cls(system, sizes, steps, lengths, arrays, parts, compile_module(module_text(parts), system.name))

    # -------------------------------------------------------- the module's arguments

    @cached_property
    def public(self) -> dict[str, str]:
        return python_names(self.system)

    def params(self, dtype: Any = float, module: ModuleType | None = None):
        arrays = {p.name: self.arrays[p.name].astype(dtype) for p in self.system.params}
        return (module or self.module).Params.from_arrays(arrays, **{self.public[n]: k for n, k in self.sizes.items()})

    def data(self, first: int = 0, last: int | None = None, padding: float | None = None) -> dict[str, Any]:
        """Keyword arguments for steps first … last; padding: what stands behind each sequence's end."""
        found: dict[str, Any] = {}
        for d in (*self.system.data, *self.system.constants):
            if d.name not in self.arrays:
                continue
            array = self.arrays[d.name]
            if d.timed:
                array = array[first:last].copy()
                if padding is not None:
                    for b, n in enumerate(self.lengths):
                        array[n:, b] = -1 if d.kind == "token" else padding
            found[self.public[d.name]] = array
        return found | self.steps_keyword(last if last is not None else self.steps, first)

    def steps_keyword(self, last: int, first: int) -> dict[str, int]:
        found = {} if any(d.timed for d in self.system.data) else {"steps": last - first}
        return found | ({} if self.system.data else {"batch": BATCH})

    @property
    def wrt(self) -> list[str]:
        return [d.name for d in (*self.system.of_kind("input"), *self.system.constants)]

    # -------------------------------------------------------- the interpreter's answers

    def one(self, b: int, length: int | None = None) -> Arrays:
        found: Arrays = {}
        for name, array in self.arrays.items():
            d = self.system.by_name[name]
            found[name] = array if d.kind in ("param", "constant") else array[: length or self.steps, b] if d.timed else array[b]
        return found

    @cached_property
    def joined(self):
        return self.parts.cost

    def runs(self, lengths: tuple[int, ...]) -> list[Run]:
        seeds = {name: np.ones(()) for name in self.joined.seeds.values()}
        with np.errstate(all="ignore"):
            return [interpret(self.joined.system, {**self.one(b, n), **seeds}, steps=n, sizes=self.sizes) for b, n in enumerate(lengths)]


def check(system: System, sizes: dict[str, int], seed: int, kernels: bool = False) -> bool:
    """All that a module must satisfy; kernels: the one with compiled kernels, too. Returns whether there was such a one."""
    bench = Bench.of(system, sizes, seed, 1 + seed % 5)
    whole = (bench.steps,) * BATCH
    runs = bench.runs(whole)
    if not all(np.isfinite(r.cost) and abs(r.cost) < 1e8 for r in runs):
        raise Unmeasurable([float(r.cost) for r in runs])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agrees_with_interpreter(bench, runs, whole, None)
        agrees_with_interpreter(bench, bench.runs(bench.lengths), bench.lengths, np.asarray(bench.lengths))
        chunks_are_one_run(bench)
        single_steps_are_one_run(bench)
        cotangents_flow_back(bench, seed)
        given_initial_values_are_seen(bench, seed)
        other_modules_agree(bench, {"-O0": compile_module(module_text(bench.parts, level=0), system.name)})
        compiled = kernels and compiled_kernels_agree(bench)
        class_numbers_are_one_hot_targets(bench, seed)
    if system.params:  # the dtype of a call follows its parameters
        single_precision_is_close(bench)
    return compiled


def other_modules_agree(bench: Bench, others: dict[str, ModuleType], dtype: Any = float, tolerance: float = TOLERANCE) -> None:
    """Other modules of the model, and the module in a workspace that other lengths were computed in: the same answers."""
    work, own = bench.module.Workspace(), [bench.public[d.name] for d in bench.system.variables]
    for lengths in (np.asarray(bench.lengths), None):
        given = {"lengths": lengths, "wrt": [bench.public[n] for n in bench.wrt] + ["initial"]} | bench.data()
        wanted = _answers(bench.module.loss_and_grads(bench.params(dtype), **given))
        _same_answers("in a workspace", _answers(bench.module.loss_and_grads(bench.params(dtype), **given, work=work)), wanted, tolerance)
        for name, module in others.items():
            found = module.loss_and_grads(bench.params(dtype, module), **given)
            _same_answers(name, _answers(found), wanted, tolerance)
            if dtype is float:
                traces = [m.forward(bench.params(module=m), **bench.data(), lengths=lengths) for m in (module, bench.module)]
                _same_answers(name, *({k: np.asarray(trace[k]) for k in own if k in trace} for trace in traces), tolerance)


def _answers(found: tuple[Any, Any, Any]) -> Arrays:
    """Cost, gradients, state: everything that loss_and_grads returns, by name."""
    cost, grads, state = found
    rows = {"the cost": np.asarray(cost)} | {f"the gradient of {k}": v for k, v in grads.items()}
    for what in ("inputs", "constants", "initial"):
        rows |= {f"the gradient of {what} {k}": np.array(v) for k, v in getattr(grads, what).items()}
    return rows | {f"the state {k}": np.array(v) for k, v in state.items()}


def _same_answers(where: str, found: Arrays, wanted: Arrays, tolerance: float) -> None:
    assert found.keys() == wanted.keys(), f"{where}: {sorted(found.keys() ^ wanted.keys())} in one module alone"
    for name, value in wanted.items():
        assert_same(f"{name}, {where}", found[name], value, tolerance)


def class_numbers_are_one_hot_targets(bench: Bench, seed: int) -> None:
    """Where a target may be given as class numbers: the same answers as with one-hot vectors."""
    names = classes_allowed(bench.system)
    if not names:
        return
    rng, data = np.random.default_rng(seed), bench.data()
    numbers = {bench.public[n]: rng.integers(0, bench.arrays[n].shape[-1], bench.arrays[n].shape[:-1]) for n in names}
    vectors = {k: (v[..., None] == np.arange(data[k].shape[-1])).astype(float) for k, v in numbers.items()}
    found, wanted = (_answers(bench.module.loss_and_grads(bench.params(), **data | given)) for given in (numbers, vectors))
    _same_answers("with class numbers", found, wanted, TOLERANCE)


def compiled_kernels_agree(bench: Bench) -> bool:
    """The module with compiled kernels, where it has loops to call them from: they are built, used, and change no answer."""
    source, code = module_with_kernels(bench.parts, file="drawn_kernels.c")
    if "run.kernels.bind(" not in source:
        return False
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "drawn_kernels.c").write_text(code, encoding="utf-8")
        module = ModuleType("drawn")
        module.__file__ = str(Path(folder, "drawn.py"))
        exec(compile(source, module.__file__, "exec"), module.__dict__)
        before, os.environ["XDG_CACHE_HOME"] = os.environ.get("XDG_CACHE_HOME"), folder
        try:
            assert module.kernels_for(np.dtype(float)) is not None, "the kernels were not built, or not the same as NumPy on a sample"
        finally:
            os.environ.pop("XDG_CACHE_HOME") if before is None else os.environ.update(XDG_CACHE_HOME=before)
        other_modules_agree(bench, {"--kernels c": module})
    return True


def agrees_with_interpreter(bench: Bench, runs: list[Run], ends: tuple[int, ...], lengths: np.ndarray | None) -> None:
    """Loss, every variable at every step, every gradient; with lengths, what stands in the padding is nan."""
    module, joined = bench.module, bench.joined
    data = bench.data(padding=None if lengths is None else np.nan)
    cost, grads, _ = module.loss_and_grads(bench.params(), **data, lengths=lengths, wrt=[bench.public[n] for n in bench.wrt] + ["initial"])
    assert_same("cost", cost, np.mean([float(r.cost) for r in runs]))
    assert_same("cost of loss()", module.loss(bench.params(), **data, lengths=lengths), cost)
    trace = module.forward(bench.params(), **data, lengths=lengths)
    for d in bench.system.variables:
        for b, (run, n) in enumerate(zip(runs, ends, strict=True)):
            if d.name not in joined.system.by_name:
                continue
            found = trace[bench.public[d.name]]
            if d.timed:
                assert_same(f"{d.name}[{b}]", found[:n, b], run.series(d.name))
                assert not np.any(found[n:, b]), f"{d.name} is not zero in the padding"
            elif found.ndim == len(d.shape):
                assert_same(d.name, found, run.static(d.name))
            else:
                assert_same(f"{d.name}[{b}]", found[b], run.static(d.name))
    for name, variable in joined.gradients.items():
        if "[" in name or bench.system.by_name[name].kind not in ("param", "input", "constant"):
            continue
        d = bench.system.by_name[name]
        public = bench.public[name]
        values = [(r.series(variable) if d.timed else r.static(variable)) / BATCH for r in runs]
        if d.kind == "param":
            assert_same(f"gradient of {name}", grads[name], sum(values))
        elif d.kind == "constant":
            assert_same(f"gradient of {name}", grads.constants[public], sum(values))
        elif d.timed:
            found = grads.inputs[public]
            for b, n in enumerate(ends):
                assert_same(f"gradient of {name}, sequence {b}", found[:n, b], values[b])
                assert not np.any(found[n:, b]), f"the gradient of {name} is not zero in the padding"
        else:
            assert_same(f"gradient of {name}", grads.inputs[public], np.stack(values))
    _initial_gradients(bench, grads, runs)


def _initial_gradients(bench: Bench, grads: Any, runs: list[Run]) -> None:
    for name, (lag, lead) in joined_extents(bench).items():
        public = bench.public.get(name)
        if public is None:
            continue
        before = [f"{name}[{-k}]" for k in reversed(range(lag))]
        behind = [f"{name}[T+{k + 1}]" for k in range(lead)]
        for label, keys in ((public, before), (f"{public}[T+1]", behind)):
            if not keys or not all(k in bench.joined.gradients for k in keys):
                continue
            wanted = np.stack([np.stack([r.static(bench.joined.gradients[k]) / BATCH for r in runs]) for k in keys])
            assert label in grads.initial, f"no gradient of the initial value {label}: {list(grads.initial)}"
            assert_same(f"gradient of initial {label}", grads.initial[label], wanted[0] if len(keys) == 1 else wanted)


def joined_extents(bench: Bench) -> dict[str, tuple[int, int]]:
    return {n: e for n, e in bench.joined.forward.extents.items() if n in bench.system.by_name}


def judged_names(system: System) -> set[str]:
    """Everything that depends on a target."""
    return closure((d.name for d in system.of_kind("target")), {n: [d.name for d, _ in r] for n, r in system.readers.items()})


def chunks_are_one_run(bench: Bench) -> None:
    """Two chunks give the values of one run, where the module offers them."""
    module = bench.module
    if module.NO_CHUNKS or bench.steps < 2 or any("t == T" in str(d.rhs) for d in bench.system.every_definition):
        return
    whole = module.forward(bench.params(), **bench.data())
    cut = bench.steps // 2
    first = module.forward(bench.params(), **bench.data(0, cut))
    second = module.forward(bench.params(), **bench.data(cut, bench.steps), initial=first.state)
    judged = judged_names(bench.system)
    for d in bench.system.variables:
        public = bench.public[d.name]
        if d.timed and d.name not in judged:  # what reads a target may look ahead, and has no chunks
            assert_same(f"{d.name} in chunks", np.concatenate([first[public], second[public]]), whole[public])
    names = {public: name for name, public in bench.public.items()}
    for key, value in whole.state.items():
        if names[key] in judged:
            continue
        assert_same(f"state of {key}", second.state[key], value)


def single_steps_are_one_run(bench: Bench) -> None:
    """Steps of a stream in one workspace: the values of one long run, in memory that no later step writes to."""
    module = bench.module
    if module.NO_CHUNKS or any("t == T" in str(d.rhs) for d in bench.system.every_definition):
        return
    params, work, seen = bench.params(), module.Workspace(), []
    everything = bench.data()
    whole = module.forward(params, **everything)
    timed = {bench.public[d.name] for d in bench.system.data if d.timed}
    taken = inspect.signature(module.step).parameters.keys() & {bench.public[d.name] for d in bench.system.declarations}
    batched = taken & {bench.public[d.name] for d in bench.system.data}
    state = None if batched else module.initial_state(params, batch=BATCH)
    for t in range(bench.steps):
        now = {k: v[t] if k in timed else v for k, v in everything.items() if k in taken}
        state, out = module.step(params, state, **now, work=work)
        for name, value in out.items():
            assert_same(f"{name} in step {t + 1}", value, whole[name][t] if name in module.TIMED else whole[name])
        seen.append(({**out}, {**state}, {k: np.array(v) for k, v in out.items()}, {k: np.array(v) for k, v in state.items()}))
    for out, state, *copies in seen:
        for given, copy in zip((out, state), copies, strict=True):
            for name, value in given.items():
                assert not differ(value, copy[name], 0.0), f"a later step wrote over {name}"
    assert state.keys() == whole.state.keys() - module.LATE.keys(), f"the state is {list(state)}"
    judged = {bench.public[name] for name in judged_names(bench.system) if name in bench.public}
    for name, value in state.items():
        if name not in judged:  # it may look ahead
            assert_same(f"{name} after the last step", value, whole.state[name])


def cotangents_flow_back(bench: Bench, seed: int) -> None:
    """backward() with errors of all variables against the complex step of the sum that they are the errors of."""
    rng, module = np.random.default_rng(seed), bench.module
    data, params = bench.data(), bench.params()
    trace = module.forward(params, **data)
    names = {d.name: bench.public[d.name] for d in bench.system.variables}
    errors = {n: 0.3 * rng.standard_normal(np.shape(trace[n])) for n in names.values() if n in trace and np.all(np.isfinite(trace[n]))}
    if not errors:
        return
    grads = module.backward(params, trace, **{f"d_{n}": e for n, e in errors.items()}, wrt=[bench.public[n] for n in bench.wrt])
    if any(d.rhs.has(StopGradient) for d in bench.system.every_definition):
        return
    with np.errstate(all="ignore"), kinks_seen() as kinks:
        for b in range(BATCH):
            interpret(bench.system, bench.one(b), steps=bench.steps, sizes=bench.sizes)
    if kinks:
        return
    direction = rng.standard_normal(params.vector.shape)
    moved = module.Params(params.sizes, params.vector + 1j * STEP * direction)
    inputs = {bench.public[n]: rng.standard_normal(bench.arrays[n].shape) for n in bench.wrt if n in bench.arrays}
    with np.errstate(all="ignore"):
        shifted = module.forward(moved, **{k: v + 1j * STEP * inputs[k] if k in inputs else v for k, v in data.items()})
    wanted = sum(float(np.sum(np.imag(shifted[n]) / STEP * e)) for n, e in errors.items())
    given = {**grads.inputs, **grads.constants}
    parts = [float(np.sum(grads.vector * direction)), *(float(np.sum(given[n] * v)) for n, v in inputs.items())]
    assert abs(sum(parts) - wanted) <= TOLERANCE * max(1.0, sum(map(abs, parts)), abs(wanted)), (
        f"VJP: {sum(parts)!r}, complex step {wanted!r}"
    )


def given_initial_values_are_seen(bench: Bench, seed: int) -> None:
    """A caller's values before step 1 and after step T: the same loss as the interpreter's with the same values."""
    rng, module = np.random.default_rng(seed), bench.module
    initial: Arrays = {}
    for name, (lag, lead, shape) in module.OUTSIDE.items():
        if module.DATA.get(name, ("",))[0] == "token":
            continue
        keys = [f"[{-k}]" for k in range(lag)] + [f"[T+{k + 1}]" for k in range(lead)]
        lengths = tuple(module.length_of(axis, bench.params().sizes) for axis in shape)
        initial |= {name + key: 0.5 * rng.standard_normal((BATCH, *lengths)) for key in keys}
    if not initial:
        return
    originals = {public: name for name, public in bench.public.items()}
    cost, grads, _ = module.loss_and_grads(bench.params(), **bench.data(), initial=initial)
    wanted = []
    for b in range(BATCH):
        mine = {}
        for key, value in initial.items():
            name, _, rest = key.partition("[")
            if originals[name] in bench.joined.forward.by_name:
                mine[f"{originals[name]}[{rest}"] = value[b]
        with np.errstate(all="ignore"):
            wanted.append(float(interpret(bench.joined.forward, bench.one(b), steps=bench.steps, sizes=bench.sizes, initial=mine).cost))
    if np.all(np.isfinite(wanted)) and max(map(abs, wanted)) < 1e8:
        assert_same("cost with given initial values", cost, np.mean(wanted))
        assert np.all(np.isfinite(grads.vector)), "gradients with given initial values are not finite"


def single_precision_is_close(bench: Bench) -> None:
    """float32 stays float32, and near float64."""
    module = bench.module
    data = {k: v.astype(np.float32) if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v for k, v in bench.data().items()}
    cost, grads, _ = module.loss_and_grads(bench.params(np.float32), **data)
    exact, _, _ = module.loss_and_grads(bench.params(), **bench.data())
    assert grads.vector.dtype == np.float32, f"gradients of float32 parameters are {grads.vector.dtype}"
    for name, value in module.forward(bench.params(np.float32), **data).items():
        assert value.dtype == np.float32, f"{name} is {value.dtype} in single precision"
    rows = [d.rhs for d in bench.system.every_definition]
    jumps = any(node.has(Compare) or {"mod", "sign"} & {e.function for e in node.atoms(Elementwise)} for node in rows)
    if not jumps:  # rounding may take another branch
        assert_same("cost in single precision", cost, exact, SINGLE)
