"""Every way to call a generated module, for every cell and every library model: one step, one sequence, no sequence, float32, class
numbers, gradients of constants, inputs and initial values, vector-Jacobian products.
"""

from __future__ import annotations

import numpy as np
import pytest
from agreement import assert_agree, error, keywords, sizes_of, timed_variables
from cells import EVERY, arrays_of, module_of, system_of

import rnnsym

STEP = 1e-30


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(("steps", "batch"), [(1, 1), (1, 3), (2, 1), (3, 0)])
def test_short_sequences_and_small_batches(name, steps, batch):
    system, module = system_of(name), module_of(name)
    arrays, data = arrays_of(name, 21, steps, max(batch, 1))
    if batch == 0:
        data = {k: v if system.by_name[k].kind == "constant" else v[:, :0] if system.by_name[k].timed else v[:0] for k, v in data.items()}
    params = module.Params.from_arrays(arrays)
    loss, grads, _ = module.loss_and_grads(params, **keywords(system, data))
    assert np.isfinite(grads.vector).all() and np.isfinite(loss)
    if batch == 0:
        assert loss == 0 and not grads.vector.any()
    trace = module.forward(params, **keywords(system, data))
    assert all(trace[v].shape[:2] == (steps, batch) for v in timed_variables(system, trace))


@pytest.mark.parametrize("name", EVERY)
def test_float32_is_near_float64(name):
    system, module = system_of(name), module_of(name)
    arrays, data = arrays_of(name, 22)
    single = {k: v.astype(np.float32) if v.dtype == float else v for k, v in data.items()}
    loss, grads, _ = module.loss_and_grads(module.Params.from_arrays(arrays), **keywords(system, data))
    params = module.Params.from_arrays({k: v.astype(np.float32) for k, v in arrays.items()})
    loss32, grads32, state = module.loss_and_grads(params, **keywords(system, single))
    assert grads32.vector.dtype == np.float32 and all(v.dtype in (np.float32, int) for v in state.values())
    trace = module.forward(params, **keywords(system, single))
    assert {trace[v].dtype for v in trace} == {np.dtype(np.float32)}
    assert_agree({"loss": loss32, **dict(grads32.items())}, {"loss": loss, **dict(grads.items())}, 1e-4)


@pytest.mark.parametrize("name", EVERY)
def test_targets_as_class_numbers_equal_one_hot_targets(name):
    system, module = system_of(name), module_of(name)
    names = {d.name: d for d in system.of_kind("target") if d.name in module.CLASSES}
    arrays, data = arrays_of(name, 23)
    sizes, rng = sizes_of(system), np.random.default_rng(23)
    numbers = {k: rng.integers(0, data[k].shape[-1], data[k].shape[:-1]) for k in names}
    one_hot = {k: np.eye(data[k].shape[-1])[numbers[k]] for k in names}
    params = module.Params.from_arrays(arrays)
    given, wanted = ({**data, **targets} for targets in (numbers, one_hot))
    loss, grads, _ = module.loss_and_grads(params, **keywords(system, given))
    wanted_loss, wanted_grads, _ = module.loss_and_grads(params, **keywords(system, wanted))
    assert abs(loss - wanted_loss) <= 1e-14 * abs(wanted_loss)  # the loss of a class is taken from its probability: other roundings
    assert np.array_equal(grads.vector, wanted_grads.vector) and sizes


@pytest.mark.parametrize("name", EVERY)
def test_gradients_of_inputs_constants_and_initial_values(name):
    system, module = system_of(name), module_of(name)
    arrays, data = arrays_of(name, 24, steps=3)
    params, rng = module.Params.from_arrays(arrays), np.random.default_rng(24)
    complex_params = module.Params.from_arrays({k: np.array(v, complex) for k, v in arrays.items()})
    inputs = [d.name for d in system.data if d.kind == "input"]
    constants = [d.name for d in system.constants]
    data |= {d.name: np.asarray(float(d.start.amount)) for d in system.constants if d.name not in data}
    initial = {} if module.NO_CHUNKS else given_state(module, params, system, arrays_of(name, 25, steps=3)[1])
    names = keywords(system, {k: k for k in (*inputs, *constants)})
    wrt = [*names, "initial"] if initial else [*names]
    _, grads, _ = module.loss_and_grads(params, **keywords(system, data), initial=initial or None, wrt=wrt)

    def slope(change):
        moved, start = change()
        return module.loss(complex_params, **keywords(system, moved), initial=start or None).imag / STEP

    def direction(array):
        return rng.standard_normal(array.shape)

    for public, k in names.items():
        d = direction(data[k])
        found = np.vdot(d, grads.inputs[public] if k in inputs else grads.constants[public])
        assert error(found, slope(lambda k=k, d=d: ({**data, k: data[k] + 1j * STEP * d}, initial))) <= 1e-12, k
    for k, value in initial.items():
        if value.dtype == float and k in grads.initial:
            d = direction(value)
            found = np.vdot(d, grads.initial[k])
            assert error(found, slope(lambda k=k, d=d, value=value: (data, {**initial, k: value + 1j * STEP * d}))) <= 1e-12, k


def given_state(module, params, system, data):
    """The state after another run, as plain arrays: values that a caller could give."""
    return {k: np.array(v) for k, v in module.forward(params, **keywords(system, data)).state.items()}


@pytest.mark.parametrize("name", EVERY)
def test_vector_jacobian_products(name):
    system, module = system_of(name), module_of(name)
    arrays, data = arrays_of(name, 26, steps=3)
    params, rng = module.Params.from_arrays(arrays), np.random.default_rng(26)
    trace = module.forward(params, **keywords(system, data))
    variables = keywords(system, {v.name: v.name for v in system.variables})
    cotangents = {v: rng.standard_normal(np.shape(trace[v])) for v in variables}
    grads = module.backward(params, trace, **{f"d_{v}": c for v, c in cotangents.items()})
    for p, array in arrays.items():
        d = rng.standard_normal(array.shape)
        moved = module.Params.from_arrays({**{k: np.array(v, complex) for k, v in arrays.items()}, p: array + 1j * STEP * d})
        values = module.forward(moved, **keywords(system, data))
        wanted = sum(np.sum(c * values[v].imag) for v, c in cotangents.items()) / STEP
        assert error(np.vdot(d, grads[p]), wanted) <= 1e-12, p


@pytest.mark.parametrize("name", EVERY)
def test_chunks_with_passed_back_errors_give_the_whole_gradient(name):
    """The gradient of the second chunk's initial state, passed back into the first, completes what truncation leaves out."""
    system, module = system_of(name), module_of(name)
    if module.NO_CHUNKS or name == "phased_lstm":  # its loss counts at t = T
        return
    arrays, data = arrays_of(name, 27)
    params = module.Params.from_arrays(arrays)

    def part(steps):
        return keywords(system, {k: v[steps] if system.by_name[k].timed else v for k, v in data.items()})

    whole = module.loss_and_grads(params, **part(slice(None)))
    first = module.forward(params, **part(slice(0, 3)))
    _, grads, _ = module.loss_and_grads(params, **part(slice(3, None)), initial=first.state, wrt=["initial"])
    variables = {v for v in timed_variables(system, first) if v in grads.initial}
    cotangents = {"d_loss": np.full(first["loss"].shape, 1 / first["loss"].shape[1])}
    for v in variables:
        cotangents[f"d_{v}"] = np.zeros_like(first[v])
        late = np.reshape(grads.initial[v], (-1, *first[v].shape[1:]))[-3:]
        cotangents[f"d_{v}"][3 - len(late) :] = late
    past = module.backward(params, first, **cotangents)
    if any(lag > 3 for lag, _ in module.CARRIED.values()) or system.by_name.get("loss'") or (not variables and module.CARRIED):
        return  # a lag that reaches over the first chunk, or a loss that each chunk adds
    assert_agree({p: past[p] + grads[p] for p in arrays}, {p: whole[1][p] for p in arrays}, 1e-12)


@pytest.mark.parametrize("name", EVERY)
def test_what_a_system_prints_reads_back_equal_and_makes_the_same_module(name):
    system = system_of(name)
    again = rnnsym.parse(str(system), system.name, system.file)
    assert again == system and str(again) == str(system)
    assert rnnsym.generate(again) == rnnsym.generate(system)


@pytest.mark.parametrize("name", EVERY)
def test_parameters_can_be_drawn_saved_and_read(name, tmp_path):
    system, module = system_of(name), module_of(name)
    sizes = keywords(system, {s: n for s, n in sizes_of(system).items() if s in {str(x) for d in system.params for x in free(d)}})
    params = module.init_params(**sizes, rng=3)
    params.save(tmp_path / "params.npz")
    again = module.Params.load(tmp_path / "params.npz")
    assert np.array_equal(again.vector, params.vector) and again.vector.dtype == params.vector.dtype
    assert np.array_equal(module.init_params(**sizes, rng=3).vector, params.vector)


def free(declaration):
    """The size symbols of a declaration."""
    return [s for length in declaration.shape for s in length.free_symbols]
