"""A single step of a stream: arguments are checked as strictly the second time, nothing that is returned is written to later."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from agreement import some_data, some_params

sys.path.insert(0, str(Path(__file__).resolve().parent))

from rnnsym.backends.live import compile_module
from rnnsym.backends.numpy_module import generate
from rnnsym.backends.parts import program_parts
from rnnsym.backends.planned import plan_of
from rnnsym.backends.planned_step import single_step, step_text
from rnnsym.language import parse

CELL = "x: input[n]\nh: vector[m]\nh[t] = tanh(W @ x[t] + U @ h[t-1] + 0.5 * h[t-2] + b)\np[t] = softmax(V @ h[t])\nq: vector[n]\np: vector[n]\nq[t] = p[t]\n"
WORDS = "w: token[k]\nx: input[n]\nh: vector[n]\nE: param[n, k]\nh[t] = tanh(E @ w[t] + E @ w[t-1] + x[t-1] + U @ h[t-1])\n"
TAUGHT = "y: target[n]\nh: vector[n]\np: vector[n]\nh[t] = tanh(U @ h[t-1] + W @ y[t-1] + b)\np[t] = softmax(V @ h[t])\nloss[t] = cross_entropy(y[t], p[t])\n"


@pytest.fixture(scope="module", params=[0, 1])
def level(request):
    return request.param


def module_of(text, level=1):
    return compile_module(generate(parse(text, name="streamed"), level=level), "streamed")


def some(module, dtype=np.float64, **sizes):
    return module.init_params(**sizes, rng=0, dtype=dtype)


def test_what_was_right_once_is_not_right_in_another_shape_or_dtype(level):
    module = module_of(WORDS, level)
    params, x, w = some(module, n=2, k=4), np.ones((3, 2)), np.array([0, 1, 3])
    state, _ = module.step(params, None, x=x, w=w)
    module.step(params, state, x=x, w=w)
    wrong = [
        (state, {"x": x[:2], "w": w}, "x: expected shape|w: expected shape"),
        (state, {"x": x[:, :1], "w": w}, "x: expected shape"),
        (state, {"x": x.astype(str), "w": w}, "x: expected numbers, found"),
        (state, {"x": x, "w": w.astype(float)}, "w: expected whole numbers, found float64"),
        (state, {"x": x, "w": w + 1}, "w: expected classes 0 to 3, found 4"),
        (state, {"x": x, "w": -w}, "w: expected classes 0 to 3, found -1"),
        ({**state, "h": np.ones((3, 3))}, {"x": x, "w": w}, r"initial\['h'\]: expected shape \(3, 2\), found \(3, 3\)"),
        ({**state, "g": np.ones(3)}, {"x": x, "w": w}, "initial: expected .*, found 'g'"),
        (list(state), {"x": x, "w": w}, "initial: expected a State or a dictionary"),
    ]
    for given, data, said in wrong:
        for _ in range(2):  # what was wrong once is not taken for right either
            with pytest.raises(ValueError, match=said):
                module.step(params, given, **data)
            module.step(params, state, x=x, w=w)
    with pytest.raises(ValueError, match="params: expected Params"):
        module.step({}, state, x=x, w=w)


def test_lists_and_arrays_are_the_same_step(level):
    module = module_of(CELL, level)
    params, x = some(module, n=2, m=3), np.ones((2, 2))
    state, _ = module.step(params, None, x=x)
    for given in (state, dict(state), {"h[0]": state["h"][1], "h[-1]": state["h"][0]}, {"h": state["h"].tolist()}):
        _, first = module.step(params, state, x=x)
        _, second = module.step(params, given, x=x.tolist())
        _, third = module.step(params, given, x=x)
        for name, value in first.items():
            assert np.array_equal(value, second[name]), name
            assert np.array_equal(value, third[name]), name


@pytest.mark.parametrize("text", [CELL, WORDS, TAUGHT])
def test_what_is_returned_lies_in_memory_of_its_own(text):
    module = module_of(text)
    params, work = some(module, **{n: 3 for n in module.SIZES}), module.Workspace()
    data = {n: np.ones(2, int) if kind == "token" else np.ones((2, 3)) for n, (kind, *_) in module.DATA.items()}
    state, out = module.step(params, None, **data, work=work)
    again, _ = module.step(params, state, **data, work=work)
    arrays = [*state.values(), *out.values(), *again.values()]
    others = [*work.arrays.values(), params.vector, *data.values()]
    assert len(work.arrays) > 0
    for k, array in enumerate(arrays):
        assert not any(np.shares_memory(array, other) for other in (*others, *arrays[k + 1 :]))


def test_parameters_may_change_between_steps_and_workspaces_may_be_shared():
    module = module_of(TAUGHT)
    params, work = some(module, n=3), module.Workspace()
    y, one = np.eye(3)[np.zeros((4, 2), int)], np.eye(3)[[0, 1]]
    state, _ = module.step(params, None, y=one, work=work)
    for _ in range(3):
        _, grads, _ = module.loss_and_grads(params, y=y, work=work)
        module.sgd_step(params, grads, learning_rate=0.5)
        _, found = module.step(params, state, y=one, work=work)
        wanted = module.forward(params, y=one[None], initial=state)
        for name, value in found.items():
            assert np.allclose(value, wanted[name][0], atol=1e-14, rtol=0), name
        module.step(params, None, y=one[:1], work=work)  # another batch in the same workspace


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("batch", [0, 1, 3])
def test_dtypes_and_batches_are_kept(dtype, batch):
    module = module_of(CELL)
    params, x = some(module, dtype, n=2, m=3), np.linspace(-1, 1, 2 * batch).reshape(batch, 2).astype(dtype)
    state = module.initial_state(params, batch=batch)
    for _ in range(3):
        whole = module.forward(params, x=x[None], initial=state)
        state, out = module.step(params, state, x=x)
        for name, value in (*out.items(), *state.items()):
            assert value.dtype == dtype, name
        for name, value in out.items():
            assert np.allclose(value, whole[name][0], atol=1e-6, rtol=0), name
            assert value.shape == whole[name][0].shape


def test_a_real_model_takes_complex_data():
    module = module_of(CELL)
    params, x = some(module, n=2, m=3), np.full((1, 2), 0.3 + 1e-20j)
    state, out = module.step(params, None, x=x)
    assert out.h.dtype == complex
    assert np.array_equal(out.p, module.forward(params, x=x[None]).p[0])
    state, out = module.step(params, state, x=x.real)
    assert out.h.dtype == complex


def test_a_step_is_planned_only_where_nothing_is_gathered_over_the_steps():
    system = parse("x: input[n]\ns: vector[n]\ns[t] = tanh(a * x[t])\nr: vector[n]\nr = total(s[t])\nloss = sum(r * a)\n", name="gathers")
    plan = plan_of(system)
    assert single_step(plan, {"r"}) is None
    assert single_step(plan, {"s"}) is not None


def test_a_step_leaves_out_what_needs_a_target():
    system = parse(TAUGHT, name="taught")
    assert not {"loss"} & set(program_parts(system).stream.outputs)
    source = generate(system)
    step = source[source.index("def _step(") : source.index("def _gradients(")]
    assert "softmax_loss" not in step
    assert "loss" in source


STREAMS = {
    "lags": "x: input[n]\nh: vector[n]\nh[t] = tanh(W @ x[t] + U @ h[t-1] + Q @ h[t-3] + x[t-2])\nW: param[n, n]\nU: param[n, n]\n",
    "tokens": "w: token[k]\nx: input[n]\nh: vector[n]\nE: param[n, k]\nh[t] = tanh(E @ w[t] + E @ w[t-2] + x[t-1] + U @ h[t-1])\n",
    "marks": "x: input[n]\nh: vector[n]\nh[t] = tanh(W @ x[t] if t == 1 else U @ h[t-1] + x[t-1])\nW: param[n, n]\n",
    "teaching": TAUGHT.replace("W @ y[t-1]", "W @ y[t-2] + y[t-1]").replace("loss[t] =", "e[t] = y[t] - p[t]\ns[t] = sum(e[t-1]) + sum(p[t])\nloss[t] ="),
    "error carried": TAUGHT.replace("loss[t] =", "e[t] = y[t] - p[t]\nloss[t] = sum(e[t-1]**2) +"),
    "starts": "x: input[n]\nv: input[m]\nh: vector[n]\nh[0] = tanh(S @ v)\ng = exp(a)\nc[t] = g * c[t-1] + sum(h[t-1])\nh[t] = tanh(x[t] + c[t] * (S @ v) + R @ h[t-1])\nS: param[n, m]\n",
    "judged": "x: input[n]\ny: target[m]\nh: vector[m]\nh[t] = tanh(W @ x[t] + U @ h[t-1] + b)\nr[t] = y[t] * tanh(V @ x[t] + P @ h[t-1] + c)\nloss[t] = sum(r[t]) + sum(r[t-1] * y[t-2]) + sum(h[t]) + sum(tanh(A @ u[t] + B @ r[t] + d))\nu[t] = tanh(x[t])\nA: param[n, n]\nV: param[m, n]\nP: param[m, m]\n",
    "gates": "x: input[n]\nz: vector[n]\nh: vector[n]\nz[t], r[t] = split(sigmoid(W @ x[t] + U @ h[t-1]), 2)\nh[t] = z[t] * h[t-1] + (1 - z[t]) * tanh(x[t] + r[t] * h[t-1])\nW: param[2*n, n]\nq[t] = tanh(h[t]) * h[t-1]\n",
}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
def test_steps_one_by_one_are_the_forward_pass(name):
    """Whole, and going on from a forward pass over its beginning."""
    system, rng = parse(STREAMS[name], name="streamed"), np.random.default_rng(4)
    parts = program_parts(system)
    module, params, data = compile_module(generate(system), "streamed"), some_params(system, rng), some_data(system, rng, steps=6)
    params, running = module.Params.from_arrays(params), {d.name for d in system.data if d.timed}
    whole, stream = module.forward(params, **data), parts.stream
    given = {k: v for k, v in data.items() if system.by_name[k].kind != "target" or k in stream.targets}
    for begun in (0, 2):
        first = {k: v[:begun] if k in running else v for k, v in data.items()}
        state = module.forward(params, **first).state if begun else None
        for step in range(begun, 6):
            state, out = module.step(params, state, **{k: v[step] if k in running else v for k, v in given.items()})
            assert set(out) == set(stream.outputs)
            for key, value in out.items():
                expected = whole[key][step] if system.by_name[key].timed else whole[key]
                assert np.allclose(value, expected, atol=1e-13, rtol=0), (key, step)
            assert set(state) == set(stream.carried) - parts.late - parts.optional
            if step == 3 and set(state) == set(stream.carried):  # all that the loss reads of the past is there
                after = module.forward(params, **{k: v[4:] if k in running else v for k, v in data.items()}, initial=state)
                assert all(np.allclose(after[d.name], whole[d.name][4:], atol=1e-13, rtol=0) for d in system.variables if d.timed)


def test_a_step_holds_nothing_that_needs_a_target_though_it_lies_in_an_array_that_is_needed():
    plan = plan_of(parse(STREAMS["judged"], name="judged"))
    assert plan.storage.places["r"].array == plan.storage.places["u"].array
    single = single_step(plan, {"h", "u"})
    assert {op.out for phase in single.forward for op in phase.ops} == {"h_bar", "h", "u"}


def test_a_model_that_reads_ahead_has_no_step():
    module = module_of("x: input[n]\nh: vector[n]\nh[t] = tanh(x[t+1] + R @ h[t-1])\n")
    with pytest.raises((ValueError, AttributeError), match=r"x\[t\+1\]|step"):
        module.step(some(module, n=2), None, x=np.ones((1, 2)))
    system = parse("x: input[n]\nh: vector[n]\nh[t] = tanh(x[t+1] + R @ h[t-1])\n", name="ahead")
    parts = program_parts(system)
    assert step_text(parts, parts.cost, plan_of(system), {}) is None
