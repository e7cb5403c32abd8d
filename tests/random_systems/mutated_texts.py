"""Broken model files: changes to a text by character, by word, by line, and by exchange with other files.

Comes in: a source of choices and the texts of good models. Goes out: a text that may or may not be a model.
"""

from __future__ import annotations

import re
from random import Random

_WORD = re.compile(r"\w+|\*\*|<=|>=|==|[^\w\s]|\s+")
_CHARACTERS = (
    "()[]{}@*+-/=,.:;#\"'\\\n\t ~^%&|<>!?$`0123456789abtTWh_\u00e9\u03c3\u0302\u2080\ufeff\u00a0\u200b\x00\x0c\x1b\ud800\U0001d465\r"
)
_WORDS = [
    "t",
    "T",
    "loss",
    "h[t]",
    "h[t-1]",
    "h[t+1]",
    "h[0]",
    "h[T]",
    "h[T+1]",
    "x[t]",
    "W",
    "U",
    "b",
    "inf",
    "pi",
    "eye",
    "ones",
    "total",
    "split",
    "sum",
    "softmax",
    "cross_entropy",
    "def",
    "return",
    "if",
    "else",
    "and",
    "or",
    "not",
    "lambda",
    "import",
    "for",
    "in",
    "is",
    "None",
    "True",
    "input",
    "target",
    "token",
    "param",
    "constant",
    "vector",
    "matrix",
    "scalar",
    "notation",
    ".T",
    "**",
    "@",
    "=",
    "==",
    ":",
    "[",
    "]",
    "(",
    ")",
    "-1",
    "0",
    "1",
    "1e309",
    "9**9**9",
    "1e-400",
    "0x1f",
    "1_000",
    "1j",
    "99999999999999999999",
    "t-0",
    "t-1000000",
    "h[1:2]",
    "h[:n]",
    "h[t][t]",
    "h[t,t]",
    "[...]",
    "...",
    "*x",
    "**k",
    "f(x)",
    "f(f(x))",
    "__class__",
    "__import__('os')",
    "x.y",
    "x.T.T",
    "(yield)",
    "await",
    "async",
    "with",
    "raise",
    "assert",
    "del",
    "global",
    "print",
    "exec",
    "eval",
    "f'{x}'",
    "b'x'",
    "r'x'",
    "u''",
    "@staticmethod",
    "->",
    ":=",
    ";",
    "n_h",
    "2*n_h",
    "n_h+n_x",
    "-n_h",
    "n_h*n_h",
    "n_h/2",
    "h_0",
    "x[T]",
    "x[1]",
    "x[2]",
    "x[T-1]",
    "total(h[t])",
    "total(total(h[t]))",
    "split(h[t],3)",
    "split(h[t],0)",
    "roll(h[t],k)",
    "diag(eye(n))",
    "concat()",
    "min(x[t])",
    "norm(1)",
    "h[t]=h[t]",
    "loss=loss[t]",
    "loss[t]=1",
    "t=1",
    "T=1",
    "a,b=",
    "(a,b)=",
    "a=b=c",
    "a+=1",
    "a:b",
    "a:input[x]",
    "a:param[1/2]",
    "a:param[0]",
    "a:vector",
    "a:input=3",
    "a:param=x",
    "a:param=uniform()",
    "a:constant=inf",
    "a:token",
    "a:token[1,2]",
    "#",
]


def mutated(choices: Random, texts: list[str]) -> str:
    """One of the texts with one to six changes."""
    text = choices.choice(texts)
    for _ in range(choices.choice([1, 1, 1, 2, 3, 6])):
        text = choices.choice([_character, _character, _word, _word, _word, _line, _line, _crossed, _repeated])(choices, text, texts)
    return text


def _character(choices: Random, text: str, texts: list[str]) -> str:
    place = choices.randrange(len(text) + 1)
    end = min(len(text), place + choices.choice([0, 0, 1, 1, 2, 5]))
    return text[:place] + choices.choice(["", choices.choice(_CHARACTERS), choices.choice(_CHARACTERS) * 2]) + text[end:]


def _word(choices: Random, text: str, texts: list[str]) -> str:
    words = _WORD.findall(text)
    if not words:
        return choices.choice(_WORDS)
    place = choices.randrange(len(words))
    kind = choices.randrange(5)
    if kind == 0:
        words[place] = choices.choice(_WORDS)
    elif kind == 1:
        words.insert(place, choices.choice([" ", "", ", "]) + choices.choice(_WORDS))
    elif kind == 2:
        del words[place]
    elif kind == 3:
        other = choices.randrange(len(words))
        words[place], words[other] = words[other], words[place]
    else:
        words[place] = choices.choice(words)
    return "".join(words)


def _line(choices: Random, text: str, texts: list[str]) -> str:
    lines = text.split("\n")
    place, other = choices.randrange(len(lines)), choices.randrange(len(lines))
    kind = choices.randrange(5)
    if kind == 0:
        del lines[place]
    elif kind == 1:
        lines.insert(place, lines[other])
    elif kind == 2:
        lines[place], lines[other] = lines[other], lines[place]
    elif kind == 3:
        lines[place] = " " * choices.choice([1, 4]) + lines[place]
    else:
        lines[place] += lines[other]
    return "\n".join(lines)


def _crossed(choices: Random, text: str, texts: list[str]) -> str:
    """The first half of one file and the second half of another, or a line of another."""
    lines, others = text.split("\n"), choices.choice(texts).split("\n")
    if choices.random() < 0.5:
        return "\n".join(lines[: choices.randrange(len(lines) + 1)] + others[choices.randrange(len(others)) :])
    lines.insert(choices.randrange(len(lines) + 1), choices.choice(others))
    return "\n".join(lines)


def _repeated(choices: Random, text: str, texts: list[str]) -> str:
    """A stretch many times over: deep nests, long sums, long names."""
    if not text:
        return text
    place = choices.randrange(len(text))
    stretch = text[place : place + choices.choice([1, 1, 2, 5, 20])]
    return text[:place] + stretch * choices.choice([2, 3, 10, 70, 300]) + text[place:]
