"""What must agree between the generated NumPy module of a model and the reference interpreter on its equations.

Comes in: a System, its sizes, a seed. Each function raises AssertionError and names what differs. The interpreter runs one sequence at a
time, each to its own end; the module, planned for speed, runs the padded batch, in chunks, in single steps, in float32, and backwards from
any error.
"""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
from drawn_bench import BATCH, SINGLE, TOLERANCE, Bench, assert_same, differ
from other_modules import class_numbers_are_one_hot_targets, compiled_kernels_agree, other_modules_agree
from witnesses import STEP, Arrays, Unmeasurable, kinks_seen

from rnnsym.algebra.graph import closure
from rnnsym.algebra.operators import Compare, Elementwise, StopGradient
from rnnsym.algebra.system import System
from rnnsym.backends.live import compile_module
from rnnsym.backends.numpy_module import module_text
from rnnsym.program.interpret import Run, interpret


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

    def costs(factor: float) -> list[float]:
        """Of each sequence, by the interpreter, from initial values times a factor."""
        found = []
        for b in range(BATCH):
            mine = {}
            for key, value in initial.items():
                name, _, rest = key.partition("[")
                if originals[name] in bench.joined.forward.by_name:
                    mine[f"{originals[name]}[{rest}"] = factor * value[b]
            with np.errstate(all="ignore"):
                found.append(float(interpret(bench.joined.forward, bench.one(b), steps=bench.steps, sizes=bench.sizes, initial=mine).cost))
        return found

    wanted = costs(1)
    if np.all(np.isfinite(wanted)) and max(map(abs, wanted)) < 1e8:
        if not np.allclose(wanted, costs(1 + 1e-15), rtol=1e-10, atol=1e-10):  # as sine of a large number: rounding decides
            return
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
