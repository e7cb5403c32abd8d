"""All ways of calling a generated module agree: gradients of everything with complex step, padded batches with single sequences,
vector-Jacobian products, empty batches, float32."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from agreement import error, keywords, one_sequence, sizes_of, some_data, some_params
from models import TEXTS, module_of, system_of

from rnnsym.backends.names import python_names

STEPS, BATCH = 6, 2
MODELS = sorted(TEXTS)
TOLERANCE = 1e-12


@pytest.fixture(autouse=True)
def loud():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def arrays(name, seed=0, steps=STEPS, batch=BATCH):
    system, rng = system_of(name), np.random.default_rng(seed)
    return some_params(system, rng), keywords(system, some_data(system, rng, steps, batch))


def some_initial(name, rng, batch=BATCH):
    """An initial value for everything that reads beyond its ends."""
    module, sizes = module_of(name), sizes_of(system_of(name))
    found = {}
    for key, (lag, lead, shape) in module.OUTSIDE.items():
        lengths = tuple(module.length_of(axis, sizes) for axis in shape)
        if module.DATA.get(key, ("",))[0] == "token":
            continue
        for count, label in ((lag, key), (lead, f"{key}[T+1]")):
            if count == 1:
                found[label] = 0.3 * rng.standard_normal((batch, *lengths))
            elif count and label == key:
                found[label] = 0.3 * rng.standard_normal((count, batch, *lengths))
    return found


def complex_step(run, array):
    """d run / d array, entry by entry."""
    out = np.zeros(array.shape)
    for index in np.ndindex(array.shape):
        shifted = array.astype(complex)
        shifted = np.array(shifted)
        shifted[index] += 1e-30j
        out[index] = np.imag(run(shifted)) / 1e-30
    return out


def words(name):
    module = module_of(name)
    return [n for n, (kind, _, _) in module.DATA.items() if kind in ("input", "constant")]


@pytest.mark.parametrize("lengths", [None, (6, 3)])
@pytest.mark.parametrize("name", MODELS)
def test_every_gradient_agrees_with_the_complex_step(name, lengths):
    module, (params, data) = module_of(name), arrays(name)
    initial = some_initial(name, np.random.default_rng(1))
    extra = words(name)
    call = {"lengths": lengths, "initial": initial}
    loss, grads, _ = module.loss_and_grads(module.Params.from_arrays(params), **data, **call, wrt=(*extra, "initial"))
    whole = module.Params.from_arrays({k: v.astype(complex) for k, v in params.items()})
    assert error(module.loss(whole, **data, **call).real, loss) < TOLERANCE
    for key, value in params.items():
        wanted = complex_step(lambda v, key=key: module.loss(module.Params.from_arrays({**params, key: v}), **data, **call), value)
        assert error(grads[key], wanted) < TOLERANCE, key
    for key in extra:
        given = data[key] if key in data else np.array(module.FIXED[key][0])
        wanted = complex_step(lambda v, key=key: module.loss(whole, **{**data, key: v}, **call), np.asarray(given))
        found = grads.inputs[key] if key in grads.inputs else grads.constants[key]
        assert error(found, wanted) < TOLERANCE, key
    for key, value in initial.items():
        wanted = complex_step(lambda v, key=key: module.loss(whole, **data, lengths=lengths, initial={**initial, key: v}), value)
        if key in grads.initial:
            assert error(grads.initial[key], wanted) < TOLERANCE, key
        else:
            assert not wanted.any()


@pytest.mark.parametrize("name", MODELS)
def test_gradients_of_what_the_file_says_of_the_outside(name):
    module, (params, data) = module_of(name), arrays(name, 3)
    _, grads, _ = module.loss_and_grads(module.Params.from_arrays(params), **data)
    for key, value in params.items():
        wanted = complex_step(lambda v, key=key: module.loss(module.Params.from_arrays({**params, key: v}), **data), value)
        assert error(grads[key], wanted) < TOLERANCE, key


@pytest.mark.parametrize("lengths", [None, (4, 6)])
@pytest.mark.parametrize("name", MODELS)
def test_vector_jacobian_products_of_every_variable(name, lengths):
    module, (params, data), rng = module_of(name), arrays(name, 5), np.random.default_rng(6)
    p = module.Params.from_arrays(params)
    trace = module.forward(p, **data, lengths=lengths)
    names = python_names(system_of(name))
    variables = [names[v.name] for v in system_of(name).variables]
    cotangents = {f"d_{v}": rng.standard_normal(np.shape(trace[v])) for v in variables}
    grads = module.backward(p, trace, **cotangents)

    def pulled(v, key):
        found = module.forward(module.Params.from_arrays({**params, key: v}), **data, lengths=lengths)
        return sum(np.sum(cotangents[f"d_{u}"] * found[u]) for u in variables)

    for key, value in params.items():
        assert error(grads[key], complex_step(lambda v, key=key: pulled(v, key), value)) < TOLERANCE, key
    cost = module.backward(p, trace)
    _, wanted, _ = module.loss_and_grads(p, **data, lengths=lengths)
    assert error(cost.vector, wanted.vector) < TOLERANCE


@pytest.mark.parametrize("name", MODELS)
def test_the_outputs_can_be_pulled_back_without_targets(name):
    module, (params, data), rng = module_of(name), arrays(name, 7), np.random.default_rng(8)
    p = module.Params.from_arrays(params)
    targets = [n for n, (kind, _, _) in module.DATA.items() if kind == "target"]
    required = {"teacher": ["y"], "driven by nothing": ["y"]}.get(name, [])
    blind = {k: v for k, v in data.items() if k not in targets or k in required}
    trace, seen = module.forward(p, **blind), module.forward(p, **data)
    assert set(trace) <= set(seen)
    assert all(np.array_equal(trace[v], seen[v]) for v in trace)
    public = [python_names(system_of(name))[v.name] for v in system_of(name).variables]
    cotangents = {f"d_{v}": rng.standard_normal(np.shape(trace[v])) for v in public if v in trace}
    found, wanted = module.backward(p, trace, **cotangents), module.backward(p, seen, **cotangents)
    assert error(found.vector, wanted.vector) < TOLERANCE


def with_batch_axis(declaration, array):
    """The array of one sequence as a batch of one."""
    return array if declaration.kind == "constant" else array[:, None] if declaration.timed else array[None]


def sequence_of(array, b, axes):
    """One sequence of values outside 1 … T, whose last `axes` axes are their own."""
    return array[:, b : b + 1] if array.ndim > axes + 1 else array[b : b + 1]


@pytest.mark.parametrize("name", MODELS)
def test_a_padded_batch_equals_its_sequences(name):
    module, system, lengths = module_of(name), system_of(name), (6, 3, 1)
    rng = np.random.default_rng(9)
    params, plain = some_params(system, rng), some_data(system, rng, STEPS, 3)
    p, initial = module.Params.from_arrays(params), some_initial(name, rng, 3)
    spoiled = {k: v.copy() for k, v in plain.items()}
    for d in system.data:
        for b, length in enumerate(lengths):
            if d.timed:
                spoiled[d.name][length:, b] = -1 if d.kind == "token" else np.nan
    extra = (*words(name), "initial")
    loss, grads, state = module.loss_and_grads(p, **keywords(system, spoiled), lengths=lengths, initial=initial, wrt=extra)
    losses, vectors = [], []
    for b, length in enumerate(lengths):
        single = {k: with_batch_axis(system.by_name[k], v) for k, v in one_sequence(system, plain, b, length).items()}
        start = {k: sequence_of(v, b, len(module.OUTSIDE[k.partition("[")[0]][2])) for k, v in initial.items()}
        one, one_grads, one_state = module.loss_and_grads(p, **keywords(system, single), initial=start, wrt=extra)
        losses.append(one)
        vectors.append(one_grads)
        for key, value in one_grads.inputs.items():
            timed = module.DATA[key][1]
            found = grads.inputs[key][:length, b : b + 1] if timed else grads.inputs[key][b : b + 1]
            assert error(3 * found, value) < TOLERANCE, key
            assert not timed or not grads.inputs[key][length:, b].any()
        for key, value in one_grads.initial.items():
            whole = sequence_of(grads.initial[key], b, len(module.OUTSIDE[key.partition("[")[0]][2]))
            assert error(3 * whole, value) < TOLERANCE, key
        for key, value in one_state.items():
            axes = 0 if module.DATA.get(key, ("",))[0] == "token" else len(module.OUTSIDE[key][2])
            assert error(sequence_of(state[key], b, axes), value) < TOLERANCE, key
    assert error(loss, np.mean(losses)) < TOLERANCE
    assert error(grads.vector, np.mean([g.vector for g in vectors], axis=0)) < TOLERANCE
    for key, value in grads.constants.items():
        assert error(value, np.mean([g.constants[key] for g in vectors], axis=0)) < TOLERANCE


@pytest.mark.parametrize("name", MODELS)
def test_one_step_and_no_sequence_at_all(name):
    module, (params, data) = module_of(name), arrays(name, 11, steps=1, batch=1)
    p = module.Params.from_arrays(params)
    assert np.isfinite(module.loss_and_grads(p, **data)[0])
    _, none = arrays(name, 12, steps=4, batch=0)
    loss, grads, state = module.loss_and_grads(p, **none)
    assert loss == 0 and not grads.vector.any()
    assert all(0 in np.shape(v) for v in state.values())


@pytest.mark.parametrize("name", MODELS)
def test_float32_stays_float32(name):
    module, (params, data) = module_of(name), arrays(name, 13)
    small = module.Params.from_arrays({k: v.astype(np.float32) for k, v in params.items()})
    large = module.Params.from_arrays(params)
    loss, grads, state = module.loss_and_grads(small, **data, wrt=(*words(name), "initial"))
    wanted, wanted_grads, _ = module.loss_and_grads(large, **data)
    assert error(loss, wanted) < 1e-4 and error(grads.vector, wanted_grads.vector) < 1e-4
    trace = module.forward(small, **data)
    found = [grads.vector, *grads.inputs.values(), *grads.constants.values(), *grads.initial.values(), *trace.values()]
    found += [v for v in state.values() if np.asarray(v).dtype.kind != "i"]
    assert {np.asarray(v).dtype for v in found} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", MODELS)
def test_chunks_and_single_steps_equal_one_long_run(name):
    module, system, (params, data) = module_of(name), system_of(name), arrays(name, 14)
    p = module.Params.from_arrays(params)
    if module.NO_CHUNKS:
        with pytest.raises(ValueError, match="has no step and no chunks"):
            module.step(p, None, **{k: v for k, v in data.items() if module.DATA[k][0] != "target"})
        return
    whole = module.forward(p, **data)
    pieces, state = [], None
    for part in (slice(0, 1), slice(1, 4), slice(4, 6)):
        chunk = {k: v[part] if module.DATA[k][1] else v for k, v in data.items()}
        trace = module.forward(p, **chunk, initial=state)
        pieces.append(trace)
        state = trace.state
    for v in module.TIMED & set(whole):
        assert error(np.concatenate([piece[v] for piece in pieces]), whole[v]) < TOLERANCE, v
    told = {k: data[k] for k in module.initial_state.__annotations__ if k in data}
    state, static = module.initial_state(p, BATCH, **told), [k for k, (_, timed, _) in module.DATA.items() if not timed]
    for t in range(STEPS):
        needed = module.step.__annotations__
        now = {k: v if k in static else v[t] for k, v in data.items() if k in needed}
        state, out = module.step(p, state, **now)
        for v in set(out) & module.TIMED:
            assert error(out[v], whole[v][t]) < TOLERANCE, v
    assert system.variables


def test_the_state_is_no_view():
    module, (params, data) = module_of("static"), arrays("static")
    p = module.Params.from_arrays(params)
    trace = module.forward(p, **data)
    state = trace.state
    assert not any(np.shares_memory(state["h"], v) for v in trace.values())
    assert state.h.shape == (3, BATCH, 5) and np.array_equal(state.h[-1], trace.h[-1]) and np.array_equal(state.h[0], trace.h[-3])
