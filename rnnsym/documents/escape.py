"""Any text as literal LaTeX: nothing in it can become a command.

Comes in: a string with any characters. Goes out: LaTeX for pdfTeX with T1 fonts that prints it as it is. Ligatures are broken, accented
letters are taken apart, a character that the fonts do not have is shown by its number.
"""

from __future__ import annotations

import unicodedata

from rnnsym.documents.notation import GREEK

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}", "`": r"\textasciigrave{}", "'": "'{}", '"': r"\textquotedbl{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "-": "-{}", ",": ",{}", "–": "--", "—": "---", "‘": "`{}", "’": "'{}", "“": "``", "”": "''", "…": r"\dots{}",
    "ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "ø": r"\o{}", "Ø": r"\O{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ł": r"\l{}", "Ł": r"\L{}",
    "ı": r"\i{}", "đ": r"\dj{}", "Đ": r"\DJ{}", "þ": r"\th{}", "Þ": r"\TH{}", "ð": r"\dh{}", "§": r"\S{}", "©": r"\textcopyright{}",
    "°": r"\textdegree{}", "«": r"\guillemotleft{}", "»": r"\guillemotright{}", "¿": r"\textquestiondown{}",
    "¡": r"\textexclamdown{}", "\u00a0": "~", "•": r"\textbullet{}",
    "€": r"\texteuro{}", "£": r"\pounds{}",
}  # fmt: skip
_ACCENTS = {
    "\u0300": r"\`", "\u0301": r"\'", "\u0302": r"\^", "\u0303": r"\~", "\u0304": r"\=", "\u0306": r"\u", "\u0307": r"\.", "\u0308": r"\"",
    "\u030a": r"\r", "\u030b": r"\H", "\u030c": r"\v", "\u0327": r"\c", "\u0328": r"\k", "\u0323": r"\d",
}  # fmt: skip
_MATHEMATICS = {
    "·": r"\cdot", "×": r"\times", "÷": r"\div", "±": r"\pm", "→": r"\to", "←": r"\leftarrow", "↔": r"\leftrightarrow", "⇒": r"\Rightarrow",
    "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "≈": r"\approx", "∈": r"\in", "∑": r"\sum", "Σ": r"\Sigma", "∂": r"\partial", "√": r"\surd",
    "∞": r"\infty", "⊙": r"\odot", "⊗": r"\otimes", "∘": r"\circ", "−": "-", "⊤": r"\top", "ᵀ": r"{}^{\top}", "²": "{}^{2}", "³": "{}^{3}",
    "¹": "{}^{1}", "½": r"\tfrac{1}{2}", "′": "{}'", "‖": r"\Vert", "ₜ": "{}_{t}", "∇": r"\nabla",
    "⌊": r"\lfloor", "⌋": r"\rfloor", "⁺": "{}^{+}", "⊘": r"\oslash", "⁻": "{}^{-}", "∗": r"\ast", "ℓ": r"\ell", "𝓛": r"\mathcal{L}",
}  # fmt: skip


def escape(text: str) -> str:
    r"""The text as literal LaTeX.

    >>> print(escape("50% of \\input{x}"))
    50\% of \textbackslash{}input\{x\}
    """
    out: list[str] = []
    pending = ""
    for character in _taken_apart(text):
        if unicodedata.combining(character) and pending:
            accent = _ACCENTS.get(character)
            pending = f"{accent}{{{pending}}}" if accent else pending + _number(character)
            continue
        out.append(pending)
        pending = _literal(character)
    return "".join([*out, pending])


def _taken_apart(text: str) -> str:
    """Accents after their letters; what has a sign of its own stays whole (≠ is no = with a stroke)."""
    whole = unicodedata.normalize("NFC", text)
    return "".join(c if c in _SPECIAL or c in _MATHEMATICS else unicodedata.normalize("NFD", c) for c in whole)


def _literal(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character.isspace():
        return " "
    if " " < character < "\x7f":
        return character
    command = _MATHEMATICS.get(character) or _greek(character)
    return rf"\ensuremath{{{command}}}" if command else _number(character)


def _greek(character: str) -> str:
    return next((f"\\{name}" for name, letter in GREEK.items() if letter == character and name != "omicron"), "")


def _number(character: str) -> str:
    return rf"\texttt{{[U+{ord(character):04X}]}}"


def paragraphs(text: str) -> tuple[str, ...]:
    """The paragraphs of a docstring: blank lines part them, other line breaks are spaces."""
    blocks = "\n".join(line.strip() for line in text.split("\n")).split("\n\n")
    return tuple(" ".join(block.split()) for block in blocks if block.strip())
