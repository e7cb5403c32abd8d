"""Any text is a System or a ModelError: never another exception, whatever was cut, doubled or mixed up in a model's file."""

from __future__ import annotations

import random
import re

import pytest
from language_models import MODELS

from rnnsym.errors import ModelError
from rnnsym.language import parse

_SPARE = [
    "t",
    "T",
    "loss",
    "h",
    "x",
    "[t]",
    "[t-1]",
    "[T]",
    "[0]",
    "[t+1]",
    "(",
    ")",
    "[",
    "]",
    ",",
    ":",
    "=",
    "==",
    "<",
    "+",
    "-",
    "*",
    "/",
    "**",
    "@",
    ".T",
    "if",
    "else",
    "def",
    "return",
    ":",
    "0",
    "1",
    "-1",
    "inf",
    "pi",
    "1e-5",
    "9**9",
    "sum",
    "softmax",
    "split",
    "concat",
    "outer",
    "dot",
    "total",
    "norm",
    "roll",
    "diag",
    "eye",
    "ones",
    "vector",
    "matrix",
    "scalar",
    "param",
    "input",
    "target",
    "token",
    "constant",
    "n_h",
    "n_x",
    "[...]",
    "[:n_h]",
    "α",
    "\t",
    "\n",
    "#",
    '"',
    "'",
    "\\",
    ";",
    "notation",
]


def _tokens(text: str) -> list[str]:
    return re.findall(r"\w+|\s+|[^\w\s]", text)


def mutated(text: str, chance: random.Random) -> str:
    """The text with a few of its tokens dropped, doubled, exchanged or replaced."""
    tokens = _tokens(text)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(tokens))
        kind = chance.randrange(5)
        if kind == 0:
            del tokens[place]
        elif kind == 1:
            tokens.insert(place, chance.choice(_SPARE))
        elif kind == 2:
            tokens[place] = chance.choice(tokens)
        elif kind == 3:
            tokens[place] = chance.choice(_SPARE)
        else:
            tokens.insert(place, tokens[chance.randrange(len(tokens))])
    return "".join(tokens)


def attempt(text: str) -> bool:
    """Whether the text is a model; one that is must read back equal."""
    try:
        system = parse(text)
    except ModelError as error:
        assert all(d.code and d.found for d in error.diagnostics)
        assert str(error)
        return False
    assert parse(str(system)) == system, text
    return True


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_model_is_a_model_or_an_error(seed):
    chance = random.Random(seed)
    names = sorted(MODELS)
    good = sum(attempt(mutated(MODELS[chance.choice(names)], chance)) for _ in range(60))
    assert good < 60


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_damaged_models_are_models_or_errors(seed):
    chance = random.Random(seed)
    names = sorted(MODELS)
    for _ in range(250):
        attempt(mutated(MODELS[chance.choice(names)], chance))
