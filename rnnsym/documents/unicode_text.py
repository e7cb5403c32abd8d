"""The tree of mathematics as one line of Unicode text, for a terminal and for `repr`.

Comes in: a node. Goes out: text such as `hₜ = tanh(W xₜ + U (rₜ ⊙ hₜ₋₁) + b)`. Scripts are raised and lowered where Unicode has all their
characters, otherwise written with `_(…)` and `^(…)`.
"""

from __future__ import annotations

from collections.abc import Callable

from rnnsym.documents.mathematics import (
    EMPTY,
    Aligned,
    AlignedRow,
    BigOperator,
    Cases,
    Delimiter,
    Fenced,
    Fraction,
    Identifier,
    Matrix,
    Node,
    Numeral,
    Operator,
    Over,
    Root,
    Row,
    Scripts,
    Space,
    Text,
)

_SUB = dict(zip("0123456789+−=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True))
_SUP = dict(
    zip(
        "0123456789+−=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWαβγδεθφχ⊤′∗",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵅᵝᵞᵟᵋᶿᵠᵡᵀ′*",
        strict=True,
    )
)
_ACCENTS = {"tilde": "\u0303", "hat": "\u0302", "bar": "\u0304", "dot": "\u0307", "vec": "\u20d7", "lvec": "\u20d6", "rvec": "\u20d7"} | {
    "under": "\u0332", "ddot": "\u0308", "check": "\u030c", "breve": "\u0306", "acute": "\u0301", "grave": "\u0300", "ring": "\u030a",
}  # fmt: skip
_STYLED = {("bold", "1"): "𝟏", ("bold", "I"): "𝐈", ("calligraphic", "L"): "ℒ"}


def unicode_text(node: Node) -> str:
    """The node as one line.

    >>> unicode_text(Scripts(Identifier("h"), Row((Identifier("t"), Operator("−", "prefix"), Numeral("1")))))
    'hₜ₋₁'
    """
    return _PRINTERS[type(node)](node)


def _row(node: Row) -> str:
    out = ""
    previous: Node | None = None
    for child in node.children:
        text = unicode_text(child)
        if isinstance(child, Operator) and child.form in ("invisible", "thin"):
            text = " "
        elif isinstance(previous, Identifier) and previous.style == "function" and not isinstance(child, Fenced):
            text = " " + text
        out += text
        previous = child
    return " ".join(out.split(" ")) if out else out


def _operator(node: Operator) -> str:
    if node.form in ("infix", "relation"):
        return f" {node.text} "
    if node.form == "separator":
        return f"{node.text} "
    return " " if node.form in ("invisible", "thin") else node.text


def _scripts(node: Scripts) -> str:
    base = unicode_text(node.base)
    if isinstance(node.base, Row | Fraction):
        base = f"({base})"
    return base + _script(node.sub, _SUB, "_") + _script(node.sup, _SUP, "^")


def _script(node: Node | None, table: dict[str, str], sign: str) -> str:
    if node is None:
        return ""
    text = unicode_text(node).replace(" ", "")
    if all(c in table for c in text):
        return "".join(table[c] for c in text)
    return f"{sign}{text}" if len(text) == 1 or (text[0] == "(" and text[-1] == ")") else f"{sign}({text.replace(',', ', ')})"


def _fraction(node: Fraction) -> str:
    return f"{_grouped(node.numerator)}/{_grouped(node.denominator)}"


def _grouped(node: Node) -> str:
    """In brackets where it holds a sign that a slash would tear apart."""
    text = unicode_text(node)
    return f"({text})" if " " in text else text


def _cases(node: Cases) -> str:
    rows = [f"{unicode_text(value)} {_when(condition)}".strip() for value, condition in node.rows]
    return "{ " + "; ".join(rows) + " }"


def _when(condition: Node | None) -> str:
    return "otherwise" if condition is None else f"if {unicode_text(condition)}" if condition != EMPTY else ""


def _line(line: AlignedRow) -> str:
    left = f"{unicode_text(line.left)} {line.relation} " if line.left is not None else f"{line.relation} "
    number = f"    ({line.number})" if line.number is not None else ""
    return f"{'    ' if line.indent else ''}{left.lstrip()}{unicode_text(line.right).strip()}{number}"


def _big_operator(node: BigOperator) -> str:
    limits = [f"_({unicode_text(node.lower).replace(' ', '')})" if node.lower else "", f"^{unicode_text(node.upper)}" if node.upper else ""]
    return f"Σ{''.join(limits)} " if node.text == "∑" else f"Π{''.join(limits)} "


_PRINTERS: dict[type, Callable[..., str]] = {
    Row: _row,
    Identifier: lambda node: _STYLED.get((node.style, node.text), node.text),
    Numeral: lambda node: node.text,
    Operator: _operator,
    Text: lambda node: node.text,
    Space: lambda node: " ",
    Fraction: _fraction,
    Scripts: _scripts,
    Over: lambda node: "".join(c + _ACCENTS[node.accent] for c in unicode_text(node.base)[:1]) + unicode_text(node.base)[1:],
    Fenced: lambda node: f"{node.left}{unicode_text(node.body)}{node.right}",
    Delimiter: lambda node: node.text,
    BigOperator: _big_operator,
    Root: lambda node: f"√({unicode_text(node.body)})",
    Matrix: lambda node: "[" + "; ".join(", ".join(map(unicode_text, cells)) for cells in node.rows) + "]",
    Cases: _cases,
    Aligned: lambda node: "\n".join(map(_line, node.rows)),
}
