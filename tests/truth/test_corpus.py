"""The models of the corpus read as they stand, and loss, loss per step and every gradient are those of the reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agreement import assert_agree, interpreted

import rnnsym

CORPUS = Path(__file__).parent / "corpus"
CASES = sorted(path.stem for path in CORPUS.glob("*.npz"))
TOLERANCE = 1e-11


def case(name: str):
    """The model and the arrays of one case: (system, arrays by folder)."""
    groups: dict[str, dict[str, np.ndarray]] = {"loss": {}, "step_loss": {}}
    with np.load(CORPUS / f"{name}.npz") as file:
        for key in file.files:
            group, _, rest = key.partition("/")
            groups.setdefault(group, {})[rest] = file[key]
    return rnnsym.load(CORPUS / f"{name.split('@')[0]}.rnn"), groups


def data_and_initial(groups):
    data = {k: v for k, v in groups["input"].items() if "[" not in k}
    return data, {k: v for k, v in groups["input"].items() if "[" in k}


def test_the_corpus_is_complete():
    assert len(CASES) == 16 and len(list(CORPUS.glob("*.rnn"))) == 13


@pytest.mark.parametrize("name", CASES)
def test_interpreted_equations_agree_with_the_reference(name):
    system, groups = case(name)
    data, initial = data_and_initial(groups)
    wrt = [k for k in groups["input_grad"] if "[" not in k] + (["initial"] if initial else [])
    cost, step_loss, gradients = interpreted(system, groups["param"], data, wrt, initial)
    found = {"loss": cost, "step_loss": step_loss.mean(1), **gradients}
    wanted = {"loss": groups["loss"][""], "step_loss": groups["step_loss"][""], **groups["grad"], **groups["input_grad"]}
    assert_agree(found, wanted, TOLERANCE)


@pytest.mark.parametrize("name", CASES)
def test_generated_module_agrees_with_the_reference(name):
    system, groups = case(name)
    module = rnnsym.compile(system)
    data, initial = data_and_initial(groups)
    params = module.Params.from_arrays(groups["param"])
    initial = initial or None
    wrt = [k for k in groups["input_grad"] if "[" not in k] + (["initial"] if initial else [])
    loss, grads, _ = module.loss_and_grads(params, **data, initial=initial, wrt=wrt)
    trace = module.forward(params, **data, initial=initial)
    found = {"loss": loss, "step_loss": trace["loss"].mean(1), **{k: grads[k] for k in groups["grad"]}, **grads.inputs}
    found |= {f"{name}[0]": value for name, value in grads.initial.items()}
    wanted = {"loss": groups["loss"][""], "step_loss": groups["step_loss"][""], **groups["grad"], **groups["input_grad"]}
    assert_agree(found, wanted, TOLERANCE)
    assert_agree({"loss": module.loss(params, **data, initial=initial)}, {"loss": groups["loss"][""]}, TOLERANCE)
