"""Models drawn at random over the whole language: what is read, derived and generated agrees, whatever the model."""

from __future__ import annotations

from random import Random

import module_witnesses
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from witnesses import Unmeasurable, adjoint_agrees, reads_back

from rnnsym.errors import ModelError
from rnnsym.language import parse
from rnnsym.proof.random_models import random_model

models = st.builds(random_model, st.randoms(use_true_random=False))
QUICK = settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def _agrees(text: str, sizes: dict[str, int], seed: int, steps: int) -> None:
    system = parse(text, name="drawn")
    needed = {size.name: sizes[size.name] for size in system.sizes}
    reads_back(system)
    try:
        adjoint_agrees(system, needed, seed, steps)
        module_witnesses.check(system, needed, seed)
    except Unmeasurable:
        pass


@QUICK
@given(models, st.integers(0, 1000), st.integers(1, 5))
def test_drawn_models_are_read_derived_and_generated(model, seed, steps):
    _agrees(model.text, model.sizes, seed, steps)


@pytest.mark.parametrize("seed", range(30))
def test_what_inference_finds_reads_back(seed):
    model = random_model(Random(seed), declared=False)
    try:
        system = parse(model.text, name="drawn")
    except ModelError as error:
        assert error.code.startswith("E3"), error  # a shape that is not said, or does not fit
    else:
        reads_back(system)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200))
def test_two_hundred_drawn_models(seed):
    model = random_model(Random(seed))
    _agrees(model.text, model.sizes, seed, 1 + seed % 5)
