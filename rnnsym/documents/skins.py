"""Notation skins: how a document writes what every derivation has, as in the house, in a book, on slides, or as in the file.

Goes out: one frozen table each; a further skin is a further row of `SKINS`. A skin says how time is written, how errors are, which letters
the document itself uses, and what parameters, pre-activations and outputs are called. A file's own `notation(...)` goes before all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rnnsym.errors import UsageError


@dataclass(frozen=True)
class Skin:
    """One notation.

    says           the sentence that a document prints of it
    time           how a value at t is written: "subscript" (h_t), "parentheses" (h^{(t)}), "angles" (h^{⟨t⟩}), "brackets" (h[t])
    errors         "delta" (δ^{(h)}_t), "nabla" (∇_{h^{(t)}} L), "derivative" (dC/dh_t), "name" (d_h[t])
    labels         how the label of a parameter is set: "subscript" (W_i), "superscript" (W^i), "bracketed" (W^{(i)})
    cost, loss     letters for the whole cost and the cost of a step, the first that is free; they may share one, since time sets them apart
    rate           letters for the step size
    activations    letters for what enters a function (pre-activations); without one it keeps its bar
    outputs        letters for what enters the softmax of a cross-entropy
    estimate       whether what is compared with a target is written as that target under a hat
    roles          letters of parameters by what they multiply: "input", "recurrent", "output"; and of biases: "bias", "output bias"
    literal        names are set as they are spelled
    """

    name: str
    says: str = ""
    time: str = "subscript"
    errors: str = "delta"
    labels: str = "subscript"
    cost: tuple[str, ...] = ("C", "𝓛", "J")
    loss: tuple[str, ...] = ("𝓛", "ℓ")
    rate: tuple[str, ...] = ("α", "η", "λ")
    activations: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    estimate: bool = False
    roles: Mapping[str, str] = field(default_factory=dict)
    literal: bool = False


HOUSE = Skin("house")

GOODFELLOW = Skin(
    "goodfellow",
    says="The notation is that of Goodfellow, Bengio & Courville 2016, Deep Learning, chapter 10: time is an upper index in brackets, "
    "gradients are written with a nabla, U acts on inputs, W on earlier states, V on states for the output.",
    time="parentheses",
    errors="nabla",
    labels="superscript",
    cost=("L", "𝓛", "J"),
    loss=("L", "ℓ", "𝓛"),
    rate=("ϵ", "η", "α"),
    activations=("a", "z", "u"),
    outputs=("o",),
    estimate=True,
    roles={"input": "U", "recurrent": "W", "output": "V", "bias": "b", "output bias": "c"},
)

SLIDES = Skin(
    "slides",
    says="The notation is that of lecture slides: time is an upper index in angle brackets, labels are upper indices in brackets, what "
    "enters a function has a letter of its own (z where the model leaves it free), and errors are written as derivatives of the cost.",
    time="angles",
    errors="derivative",
    labels="bracketed",
    cost=("C", "J", "𝓛"),
    loss=("C", "ℓ", "𝓛"),
    rate=("η", "α", "λ"),
    activations=("z", "u", "v"),
)

PLAIN = Skin(
    "plain",
    says="Names are those of the file, with the time in square brackets; d_u is the error of u.",
    time="brackets",
    errors="name",
    cost=("C", "𝓛", "J"),
    loss=("loss",),
    literal=True,
)

SKINS: Mapping[str, Skin] = {skin.name: skin for skin in (HOUSE, SLIDES, GOODFELLOW, PLAIN)}
NOTATIONS = tuple(SKINS)


def skin_of(name: str) -> Skin:
    """The skin of that name. Raises UsageError U307 where there is none."""
    if name not in SKINS:
        raise UsageError.at("U307", f"there is no notation `{name}`", expected=", ".join(NOTATIONS), file="rnnsym --notation")
    return SKINS[name]
