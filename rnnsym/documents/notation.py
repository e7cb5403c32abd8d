r"""Reading what a file says about the look of a name: `notation(a=r"a^{(x)}")`.

Comes in: a fragment of LaTeX by the user. Goes out: a tree of mathematics. Only letters, numbers, brackets, scripts, accents, styles and
the names of letters are understood; whatever else (`\input`, `\def`) is refused, so that no command of a model's text reaches TeX.
"""

from __future__ import annotations

import re
from dataclasses import replace

from rnnsym.documents.mathematics import ACCENTS, Fenced, Fraction, Identifier, Node, Numeral, Operator, Over, Root, Row, Scripts, Text, row
from rnnsym.errors import ModelError

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "varepsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ",
    "vartheta": "ϑ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "omicron": "ο", "pi": "π", "rho": "ρ",
    "varrho": "ϱ", "sigma": "σ", "varsigma": "ς", "tau": "τ", "upsilon": "υ", "phi": "ϕ", "varphi": "φ", "chi": "χ", "psi": "ψ",
    "omega": "ω",
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Upsilon": "Υ", "Phi": "Φ",
    "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip
LETTERS = {**GREEK, "ell": "ℓ", "hbar": "ℏ", "partial": "∂", "nabla": "∇", "infty": "∞"}
SIGNS = {
    "prime": "′", "star": "⋆", "ast": "∗", "top": "⊤", "dagger": "†", "circ": "∘", "bullet": "•", "odot": "⊙", "cdot": "·", "times": "×",
    "leftarrow": "←", "rightarrow": "→", "to": "→", "uparrow": "↑", "downarrow": "↓", "perp": "⊥", "parallel": "∥", "oplus": "⊕",
    "otimes": "⊗", "ominus": "⊖", "pm": "±", "mp": "∓", "langle": "⟨", "rangle": "⟩", "lvert": "|",
    "rvert": "|", "lVert": "‖", "rVert": "‖",
    "|": "‖", "sharp": "♯", "flat": "♭", "diamond": "⋄", "wedge": "∧", "vee": "∨", "ldots": "…", "cdots": "⋯",
}  # fmt: skip
STYLE_COMMANDS = {
    "mathrm": "upright", "mathit": "italic", "mathbf": "bold", "boldsymbol": "bold", "bm": "bold", "mathcal": "calligraphic",
    "mathscr": "calligraphic", "mathsf": "sans", "mathtt": "typewriter", "mathbb": "doublestruck", "mathfrak": "fraktur",
    "operatorname": "function",
}  # fmt: skip
WORD_COMMANDS = {"text": "upright", "textrm": "upright", "textit": "italic", "textbf": "bold", "textsf": "sans", "texttt": "typewriter"}
SWITCHES = {"rm": "upright", "bf": "bold", "it": "italic", "cal": "calligraphic", "sf": "sans", "tt": "typewriter"}
ACCENT_COMMANDS = {
    **{accent: accent for accent in ACCENTS}, "widetilde": "tilde", "widehat": "hat", "overline": "bar", "overrightarrow": "rvec",
    "overleftarrow": "lvec", "underline": "under", "ddot": "ddot", "check": "check", "breve": "breve", "acute": "acute",
    "grave": "grave", "mathring": "ring",
}  # fmt: skip
IGNORED = {",", ";", ":", "!", " ", "quad", "left", "right", "big", "Big", "bigl", "bigr", "Bigl", "Bigr", "displaystyle", "textstyle"}
_TOKEN = re.compile(r"\\([A-Za-z]+|.)|([A-Za-z])|(\d+(?:\.\d+)?)|(\s+)|(.)", re.DOTALL)
_LONGEST = 400
_GREEK_LETTERS = frozenset(GREEK.values())


def read_notation(name: str, text: str) -> Node:
    """The tree of a notation.

    Raises ModelError E701 where the text is not in the small subset: the message names the part that is not understood.
    """
    if len(text) > _LONGEST:
        raise _refusal(name, f"{len(text)} characters", f"at most {_LONGEST}")
    return _Reader(name, [m.group() for m in _TOKEN.finditer(text)], depth=0).whole()


def _refusal(
    name: str, found: str, expected: str = "letters, numbers, brackets, _ and ^, accents, \\mathrm, \\mathbf, \\mathcal, Greek letters"
):
    return ModelError.at("E701", f"the notation of `{name}` holds {found}", expected=expected)


class _Reader:
    """A reader by recursive descent over the tokens of one notation."""

    def __init__(self, name: str, tokens: list[str], depth: int):
        self.name, self.tokens, self.place, self.depth = name, tokens, 0, depth

    def whole(self) -> Node:
        node = self.sequence(closing=None)
        if self.place < len(self.tokens):
            raise _refusal(self.name, "a `}` without its `{`")
        return node

    def sequence(self, closing: str | None) -> Node:
        """Terms up to the closing bracket."""
        parts: list[Node] = []
        while self.place < len(self.tokens) and self.tokens[self.place] not in (closing, "}"):
            term = self.scripted()
            parts += [term] if term is not None else []
        if not parts:
            raise _refusal(self.name, "an empty group")
        return row(*parts)

    def scripted(self) -> Node | None:
        """One atom with the scripts that follow it."""
        base = self.atom()
        sub: Node | None = None
        sup: Node | None = None
        self.skip_spaces()
        while self.place < len(self.tokens) and self.tokens[self.place] in ("_", "^", "'"):
            sign = self.tokens[self.place]
            self.place += 1
            script = Operator("′", "prefix") if sign == "'" else self.argument()
            if sign == "_" and sub is None:
                sub = script
            elif sign != "_" and (sup is None or sup == Operator("′", "prefix")):
                sup = script if sup is None else row(sup, script)
            else:
                raise _refusal(self.name, f"two scripts `{sign}` on one base")
        if sub is None and sup is None:
            return base
        return Scripts(base if base is not None else Identifier(""), sub, sup)

    def skip_spaces(self) -> None:
        while self.place < len(self.tokens) and self.tokens[self.place].isspace():
            self.place += 1

    def argument(self) -> Node:
        """What a script or a command takes: a group or one atom."""
        self.skip_spaces()
        if self.place >= len(self.tokens):
            raise _refusal(self.name, "a sign at its end that nothing follows")
        atom = self.atom()
        if atom is None:
            raise _refusal(self.name, "a space where a letter is due")
        return atom

    def atom(self) -> Node | None:
        token = self.tokens[self.place]
        if token in ("_", "^", "'"):
            return None
        self.place += 1
        if token.isspace():
            return None
        if token == "{":
            return self.group("}")
        if token.startswith("\\"):
            return self.command(token[1:])
        if token in "([|":
            closing = {"(": ")", "[": "]", "|": "|"}[token]
            return Fenced(self.group(closing), token, closing)
        if token[0].isdigit():
            return Numeral(token)
        if (token.isalpha() and token.isascii()) or token in _GREEK_LETTERS:
            return Identifier(token)
        if token in "+-*/=<>,;:.!":
            return Operator({"-": "−", "*": "∗"}.get(token, token), "prefix" if token not in ",;" else "separator")
        raise _refusal(self.name, f"`{token}`")

    def group(self, closing: str) -> Node:
        """A sequence up to its closing bracket, which is consumed."""
        self.depth += 1
        if self.depth > 20:
            raise _refusal(self.name, "brackets nested more than 20 deep")
        body = self.sequence(closing)
        if self.place >= len(self.tokens) or self.tokens[self.place] != closing:
            raise _refusal(self.name, "a bracket that is not closed", f"`{closing}`")
        self.place += 1
        self.depth -= 1
        return body

    def command(self, word: str) -> Node | None:
        if word in LETTERS:
            return Identifier(LETTERS[word])
        if word in SIGNS:
            return Operator(SIGNS[word], "prefix")
        if word in IGNORED:
            return None
        if word in ("{", "}", "_", "%", "#", "&"):
            return Operator(word, "prefix")
        if word in ACCENT_COMMANDS:
            return Over(self.argument(), ACCENT_COMMANDS[word])
        if word in WORD_COMMANDS:
            return self.words(WORD_COMMANDS[word])
        if word in STYLE_COMMANDS:
            return styled(self.argument(), STYLE_COMMANDS[word])
        if word in SWITCHES:
            return styled(self.sequence("}"), SWITCHES[word])
        if word in ("frac", "tfrac", "dfrac"):
            return Fraction(self.argument(), self.argument())
        if word == "sqrt":
            return Root(self.argument())
        raise _refusal(self.name, f"`\\{word}`")

    def words(self, style: str) -> Node:
        """What stands in `\\text{…}`: letters, digits, spaces and a few signs, as they are."""
        self.skip_spaces()
        end = self.place + 1
        while end < len(self.tokens) and self.tokens[end] != "}":
            end += 1
        text = "".join(self.tokens[self.place + 1 : end])
        if (
            self.tokens[self.place : self.place + 1] != ["{"]
            or end >= len(self.tokens)
            or not text
            or not all(c.isascii() and (c.isalnum() or c in " -.,:;+/()'") for c in text)
        ):
            raise _refusal(self.name, "words that are not plain text")
        self.place = end + 1
        return Identifier(text, style) if text.isalnum() else Text(text)


def styled(argument: Node, style: str) -> Node:
    """The letters of a group as one name in a style: `\\mathrm{new}`, `\\mathbf{W}_i`."""
    if isinstance(argument, Scripts):
        return replace(argument, base=styled(argument.base, style))
    parts = argument.children if isinstance(argument, Row) else (argument,)
    letters = [part.text for part in parts if isinstance(part, Identifier | Numeral | Operator)]
    if len(letters) < len(parts):
        return Row(tuple(styled(part, style) for part in parts)) if len(parts) > 1 else argument
    plain = all(isinstance(part, Identifier | Numeral) for part in parts)
    return Identifier("".join(letters), style) if plain or style != "upright" else Text("".join(letters))


__all__ = ["GREEK", "read_notation"]
