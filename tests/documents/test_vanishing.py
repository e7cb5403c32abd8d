"""The part on vanishing and exploding gradients: what it says of known models, and that wrong blocks and bounds are caught."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from rnnsym.algebra import Number
from rnnsym.calculus.linear_map import Chain, Entries, LinearMap, Scale
from rnnsym.derivation.derive import derive
from rnnsym.derivation.growth import number
from rnnsym.documents import derivation_document, latex_document
from rnnsym.documents.checking import failing_claims
from rnnsym.documents.document import Display, Paragraph, ProductClaim, StepClaim
from rnnsym.language import load, parse

ROOT = Path(__file__).parents[2]


def library(name: str):
    return derive(load(ROOT / "rnnsym" / "models" / f"{name}.rnn"))


def step_claims(derivation) -> dict[str, StepClaim]:
    claims = [c for c in derivation_document(derivation).claims if isinstance(c, StepClaim)]
    return {f"{c.block.of.name}/{c.block.by.name}": c for c in claims}


def part(derivation) -> str:
    return latex_document(derivation).split(r"\section{Vanishing and exploding gradients}")[1]


def test_the_blocks_of_the_lstm():
    text = part(library("lstm"))
    for block in (
        r"\frac{\mathrm{d}c_{t}}{\mathrm{d}c_{t-1}} &= \operatorname{diag}(f_{t})",
        r"\operatorname{diag}\bigl(c_{t-1} \odot f_{t} \odot (1 - f_{t})\bigr)\,U_{f}",
        r"\frac{\mathrm{d}h_{t}}{\mathrm{d}c_{t-1}} &= \operatorname{diag}\bigl(o_{t} \odot \bigl(1 - \tanh^{2}(c_{t})\bigr) \odot f_{t}\bigr)",
    ):
        assert block in text


def test_the_bound_of_the_tanh_network_is_that_of_pascanu():
    text = part(library("rnn"))
    assert r"\le \lVert W^{(h)}\rVert_{2}^{t-k}" in text and "not sufficient" in text


def test_a_sigmoid_network_has_a_quarter_in_its_bound():
    system = parse("x: input[n]\nh: vector[m]\nh[t] = sigmoid(W @ x[t] + U @ h[t-1])\nloss[t] = sum(h[t])", name="model")
    assert r"\Bigl(\frac{1}{4}\,\lVert U\rVert_{2}\Bigr)^{t-k}" in part(derive(system))


def test_a_backward_recurrence_multiplies_in_the_other_direction():
    assert r"^{k-t}" in part(library("birnn")) and r"^{t-k}" in part(library("birnn"))


def test_longer_lags_are_carried_as_a_stack():
    assert r"\begin{bmatrix}" in part(library("narx")) and r"[v_{t};\; v_{t-1};\; v_{t-2}]" in part(library("narx"))


def test_a_matrix_as_state_is_told_by_what_it_makes_of_a_matrix():
    assert "[E]" in part(library("delta_net"))


def test_a_model_without_recurrence_says_so_plainly():
    system = parse("x: input[n]\nh: vector[m]\nh[t] = tanh(W @ x[t])\nloss[t] = sum(h[t])", name="model")
    assert "there is no recurrence" in part(derive(system))


def test_a_recurrence_that_passes_no_gradient_says_so_plainly():
    system = parse("x: input\nh[t] = tanh(w * x[t]) + stop_gradient(h[t-1])\nloss[t] = h[t]", name="model")
    assert "is zero" in part(derive(system))


def with_first_chain(claim: StepClaim, change) -> StepClaim:
    chains = claim.block.map.chains
    linear = dataclasses.replace(claim.block.map, chains=(*change(chains[0]), *chains[1:]))
    return dataclasses.replace(claim, block=dataclasses.replace(claim.block, map=linear), bound=None)


FAULTS = {
    "a sign": lambda chain: (Chain(chain.factors, not chain.negative),),
    "a missing term": lambda chain: (),
    "a missing factor": lambda chain: (Chain(chain.factors[1:]),),
    "a number": lambda chain: (Chain((Scale(Number(2)), *chain.factors)),),
}


@pytest.mark.parametrize("pair", ["c/c", "c/h", "h/c", "h/h"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_block_is_caught(fault, pair):
    derivation = library("lstm")
    document = derivation_document(derivation)
    wrong = with_first_chain(step_claims(derivation)[pair], FAULTS[fault])
    display = next(b for b in document.blocks if isinstance(b, Display))
    mutant = dataclasses.replace(document, blocks=(dataclasses.replace(display, claims=(wrong,)),))
    assert failing_claims(derivation, mutant) == (wrong,)


def test_a_bound_that_is_too_small_is_caught():
    derivation = library("gru")
    document = derivation_document(derivation)
    (claim,) = step_claims(derivation).values()
    product = next(c for c in document.claims if isinstance(c, ProductClaim))
    small = dataclasses.replace(claim, bound=number(0))
    shrunk = dataclasses.replace(product, bounds={pair: number(0) for pair in product.bounds})
    display = next(b for b in document.blocks if isinstance(b, Display))
    mutant = dataclasses.replace(document, blocks=(dataclasses.replace(display, claims=(claim, small, product, shrunk)),))
    assert failing_claims(derivation, mutant) == (small, shrunk)


def test_what_the_part_says_of_the_gates():
    document = derivation_document(library("lstm"))
    said = [" ".join(p for p in b.text if isinstance(p, str)) for b in document.blocks if isinstance(b, Paragraph)]
    assert any("between 0 and 1: on that path it is kept where this is near 1" in sentence for sentence in said)


def test_a_diagonal_map_is_one_factor():
    derivation = library("lstm")
    linear: LinearMap = step_claims(derivation)["c/c"].block.map
    assert [type(f) for chain in linear.chains for f in chain.factors] == [Entries]
