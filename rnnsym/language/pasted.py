"""What people paste or type from elsewhere, and what to write instead: LaTeX, MATLAB, a page's own signs.

Comes in: the text around the place where reading stopped. Goes out: what was found there and a proposal; or None where nothing is known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rnnsym.language.builtin import ARITY

_GREEK = (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta iota kappa mu nu xi rho tau upsilon phi varphi chi psi omega "
    "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
_COMMANDS = {
    **{name: name for name in _GREEK.split()},
    **{name: f"{name}(…)" for name in ARITY},
    **dict.fromkeys(["odot", "circ", "cdot", "times", "ast"], "*"),
    **dict.fromkeys(["top", "intercal", "mathsf", "prime"], ".T, if a transpose is meant"),
    **dict.fromkeys(["hat", "tilde", "bar", "dot", "vec", "check", "overline"], "an ending: h_hat, h_tilde, h_bar"),
    **dict.fromkeys(["left", "right", "big", "Big", "bigl", "bigr"], "the bracket alone"),
    **dict.fromkeys(["mathbf", "mathrm", "mathit", "boldsymbol", "bm", "text", "operatorname"], "the name alone"),
    "sigma": "sigmoid(…) for the function, sigma for a name", "lambda": "lambda_", "pi": "pi for the number, pi_ for a name",
    "ell": "ell", "frac": "a / b", "sum": "sum(…) over entries, total(…) over time", "sqrt": "sqrt(…)", "otimes": "outer(a, b)",
    "oplus": "concat(a, b)", "leq": "<=", "geq": ">=", "le": "<=", "ge": ">=", "infty": "inf", "ln": "log(…)", "softmax": "softmax(…)",
}  # fmt: skip
_KEPT = ("if", "else", "def", "return", "for", "in", "and", "or", "not")
_OPERAND = r"(?:[A-Za-z]\w*(?:\[[^\[\]]*\])?|[0-9][0-9.]*)"
_BESIDE = re.compile(rf"({_OPERAND}|[)\]])[ \t]+({_OPERAND})")


@dataclass(frozen=True)
class Pasted:
    """What was found between two places of a row, and what to write instead."""

    start: int
    end: int
    found: str
    instead: str


def command(source: str, place: int) -> Pasted | None:
    r"""A LaTeX command at a backslash: `\sigma`, `\frac`."""
    match = re.compile(r"\\([A-Za-z]+)").match(source, place)
    if match is None:
        return None
    instead = _COMMANDS.get(match[1], "the words of the language: tanh(…), W_x, h[t-1]")
    return Pasted(place, match.end(), f"`{match[0]}` is LaTeX", instead)


def braced(source: str, place: int) -> Pasted | None:
    """A LaTeX subscript or superscript at its brace: `h_{t-1}`, `W_{xh}`, `c^{2}`.

    >>> braced("h_{t-1}", 2).instead, braced("W_{xh}", 2).instead, braced("c^{2}", 2).instead
    ('h[t-1]', 'W_xh', 'c**2')
    """
    before = re.search(r"([A-Za-z]\w*)(\^?)$", source[max(0, place - 100) : place])
    inside = re.compile(r"\{([^{}\n]*)\}").match(source, place)
    if before is None or inside is None:
        return None
    name, text = before[1].rstrip("_"), inside[1].replace(" ", "")
    is_time = bool(re.fullmatch(r"t([-+][0-9]+)?", text))
    if before[2]:
        power = f"{name}**{text}" if re.fullmatch(r"[\w.]+", text) else "u**k, or a name of its own"
        instead = f"{name}.T" if text in ("T", "\\top") else power
    elif is_time:
        instead = f"{name}[{text}]"
    elif before[1].endswith("_"):
        instead = f"{name}_{re.sub('[^A-Za-z0-9]+', '_', text).strip('_')}"
    else:
        return None
    start = place - len(before[0])
    found = "is LaTeX" if before[2] or before[1].endswith("_") else "stands in braces"
    return Pasted(start, inside.end(), f"`{source[start : inside.end()]}` {found}", instead)


def raised(row: str, place: int) -> str:
    """What is meant by `^` at a place of a row; "" where what stands beside it is no plain name or number.

    >>> raised("h[t] = W^T @ x[t]", 8), raised("h[t] = a * x[t]^2", 15)
    ('W.T', 'x[t]**2')
    """
    before, after = re.search(rf"{_OPERAND}\s*$", row[max(0, place - 200) : place]), re.match(r"\s*(\w+)", row[place + 1 :])
    if before is None or after is None:
        return ""
    return f"{before[0].strip()}.T" if after[1] == "T" else f"{before[0].strip()}**{after[1]}"


def in_row(row: str) -> Pasted | None:
    """What stops the reading of a row that is no equation, no declaration and no function.

    >>> in_row("h[t] = tanh(U h[t-1])").instead
    '`U @ h[t-1]` for a matrix, `U * h[t-1]` entry by entry'
    """
    bare = row.split("#")[0].rstrip()
    begin = len(row) - len(row.lstrip())
    for sign in ("%", "//", "--", "/*"):
        if bare.lstrip().startswith(sign):
            return Pasted(begin, begin + len(sign), f"a comment begins with `#`, not with `{sign}`", "# …")
    if bare.endswith("."):
        return Pasted(len(bare) - 1, len(bare), "a full stop ends the line", "the line without it")
    if re.fullmatch(r"\s*[A-Za-z]\w*([ ,]+[A-Za-z][\w-]*){2,}", bare):
        return Pasted(begin, len(bare), "a sentence stands between the lines", 'a comment, # …, or """…""" as the first line')
    bar = bare.find("|")
    if bar >= 0:
        return Pasted(bar, bar + 1, "`|` is not part of the language", "abs(u) for numbers, norm(v) for a vector")
    for match in _BESIDE.finditer(bare):
        first, second = match[1], match[2]
        if first not in _KEPT and second not in _KEPT:
            first = "" if first in ")]" else first
            both = f"between `{first}` and `{second}`" if first else f"before `{second}`"
            left = first or "u"
            comma = "; a comma between arguments" if _has_a_comma_beside(bare, match.start(2)) else ""
            instead = f"{left} * {second}" if left[0].isdigit() else f"`{left} @ {second}` for a matrix, `{left} * {second}` entry by entry"
            return Pasted(match.start(2), match.end(2), f"no operator stands {both}", instead + comma)
    return None


def _has_a_comma_beside(row: str, place: int) -> bool:
    """Whether the innermost brackets around a place hold a comma of their own."""
    open_: list[tuple[int, bool]] = []
    for here, char in enumerate(row):
        if char in "([":
            open_.append((here, False))
        elif char == "," and open_:
            open_[-1] = open_[-1][0], True
        elif char in ")]" and open_:
            start, has_comma = open_.pop()
            if start < place <= here:
                return has_comma
    return False
