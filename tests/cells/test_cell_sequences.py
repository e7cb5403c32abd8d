"""Sequences of different length, chunks and single steps: for every cell and every library model, the same values as one plain run.

A padded batch equals its sequences run one by one, whatever stands in the padding; two chunks, and T single steps, equal one long run.
"""

from __future__ import annotations

import numpy as np
import pytest
from agreement import assert_agree, keywords, timed_variables
from cells import EVERY, alone, arrays_of, module_of, spoiled, system_of

STEPS, LENGTHS = 7, (7, 3, 1, 5)
TOLERANCE = 1e-13


@pytest.mark.parametrize("name", EVERY)
def test_a_padded_batch_equals_its_sequences_run_one_by_one(name):
    system, module = system_of(name), module_of(name)
    arrays, data = arrays_of(name, 7, STEPS, len(LENGTHS))
    params, padded, lengths = module.Params.from_arrays(arrays), spoiled(system, data, LENGTHS), np.array(LENGTHS)
    loss, grads, _ = module.loss_and_grads(params, **keywords(system, padded), lengths=lengths)
    trace = module.forward(params, **keywords(system, padded), lengths=lengths)
    singles = [module.loss_and_grads(params, **keywords(system, alone(system, data, b, n))) for b, n in enumerate(LENGTHS)]
    wanted = {p: sum(getattr(g, p) for _, g, _ in singles) / len(LENGTHS) for p in arrays}
    assert_agree({"loss": loss} | {p: getattr(grads, p) for p in arrays}, {"loss": np.mean([s[0] for s in singles])} | wanted, TOLERANCE)
    for b, n in enumerate(LENGTHS):
        single = module.forward(params, **keywords(system, alone(system, data, b, n)))
        for v in timed_variables(system, single):
            assert_agree({v: trace[v][:n, b]}, {v: single[v][:, 0]}, TOLERANCE)
            assert not np.any(trace[v][n:, b]), f"{v} is not zero in the padding"


LOOKING_AHEAD = {"birnn", "deep_birnn", "deep_bigru", "many_to_one", "attention_pooling", "antisymmetric", "odd_names"}


def test_models_that_look_ahead_have_no_chunks_and_say_so():
    assert {name for name in EVERY if module_of(name).NO_CHUNKS} == LOOKING_AHEAD


@pytest.mark.parametrize("name", sorted(EVERY.keys() - LOOKING_AHEAD))
def test_two_chunks_equal_one_run(name):
    system, module = system_of(name), module_of(name)
    arrays, data = arrays_of(name, 8, STEPS, 2)
    params = module.Params.from_arrays(arrays)

    def part(steps):
        return keywords(system, {k: v[steps] if system.by_name[k].timed else v for k, v in data.items()})

    whole = module.forward(params, **part(slice(None)))
    first = module.forward(params, **part(slice(0, 4)))
    second = module.forward(params, **part(slice(4, None)), initial=first.state)
    for v in timed_variables(system, whole):
        if (name, v) == ("phased_lstm", "loss"):
            continue  # it counts at t = T, and each chunk has its own T
        assert_agree({v: np.concatenate([first[v], second[v]])}, {v: whole[v]}, TOLERANCE)
    loss, _, state = module.loss_and_grads(params, **keywords(system, data))
    assert_agree(dict(state), dict(second.state), TOLERANCE)
    assert_agree({"loss": module.loss(params, **keywords(system, data))}, {"loss": loss}, TOLERANCE)


@pytest.mark.parametrize("name", sorted(EVERY.keys() - LOOKING_AHEAD))
def test_single_steps_equal_one_run(name):
    system, module = system_of(name), module_of(name)
    arrays, data = arrays_of(name, 9, STEPS, 2)
    params = module.Params.from_arrays(arrays)
    whole, state, seen = module.forward(params, **keywords(system, data)), None, 0
    for t in range(STEPS):
        at_t = {k: v[t] if system.by_name[k].timed else v for k, v in data.items() if system.by_name[k].kind != "target"}
        state, out = module.step(params, state, **keywords(system, at_t))
        seen = [v for v in timed_variables(system, whole) if v in out]
        assert_agree({v: out[v] for v in seen}, {v: whole[v][t] for v in seen}, TOLERANCE)
    assert seen
