"""The tree of mathematics as LaTeX.

Comes in: a node. Goes out: a string for mathematics mode. Brackets get an explicit size, so that a line may end inside them; what text a
node holds is escaped.
"""

from __future__ import annotations

from collections.abc import Callable

from rnnsym.documents.escape import escape
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
from rnnsym.documents.measure import bracket_level, height
from rnnsym.documents.notation import GREEK

_LETTERS = {letter: f"\\{name}" for name, letter in GREEK.items()} | {
    "ο": "o", "ℓ": r"\ell", "ℏ": r"\hbar", "∂": r"\partial", "∇": r"\nabla", "∞": r"\infty", "ℝ": r"\mathbb{R}",
}  # fmt: skip
_SIGNS = {
    "−": "-", "⊙": r"\odot", "⊘": r"\oslash", "·": r"\cdot", "⊤": r"\top", "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "∗": r"\ast",
    "′": r"\prime",
    "←": r"\leftarrow", "→": r"\to", "×": r"\times", "⋆": r"\star", "†": r"\dagger", "∘": r"\circ", "•": r"\bullet", "↑": r"\uparrow",
    "↓": r"\downarrow", "⊥": r"\perp", "∥": r"\parallel", "⊕": r"\oplus", "⊗": r"\otimes", "±": r"\pm", "…": r"\ldots", "⋯": r"\cdots",
    "≔": r"\coloneqq", "{": r"\{", "}": r"\}", "_": r"\_", "%": r"\%", "#": r"\#", "&": r"\&", "⟨": r"\langle", "⟩": r"\rangle",
    "⊖": r"\ominus", "∓": r"\mp", "♯": r"\sharp", "♭": r"\flat", "⋄": r"\diamond", "∧": r"\wedge", "∨": r"\vee",
    "|": r"\vert", "‖": r"\Vert",
}  # fmt: skip
_FUNCTIONS = {name: f"\\{name}" for name in ("tanh", "exp", "log", "sin", "cos", "min", "max")} | {
    "log softmax": r"\log\operatorname{softmax}"
}
_STYLES = {
    "upright": r"\mathrm",
    "bold": r"\mathbf",
    "calligraphic": r"\mathcal",
    "italic": r"\mathit",
    "sans": r"\mathsf",
    "typewriter": r"\mathtt",
    "doublestruck": r"\mathbb",
    "fraktur": r"\mathfrak",
}
_ACCENTS = {
    "tilde": r"\tilde",
    "hat": r"\hat",
    "bar": r"\bar",
    "dot": r"\dot",
    "vec": r"\vec",
    "lvec": r"\overleftarrow",
    "rvec": r"\overrightarrow",
    "under": r"\underline",
    "ddot": r"\ddot",
    "check": r"\check",
    "breve": r"\breve",
    "acute": r"\acute",
    "grave": r"\grave",
    "ring": r"\mathring",
}
_WIDE_ACCENTS = _ACCENTS | {"tilde": r"\widetilde", "hat": r"\widehat", "bar": r"\overline", "vec": r"\overrightarrow"}
_DELIMITERS = {"(": "(", ")": ")", "[": "[", "]": "]", "{": r"\{", "}": r"\}", "": ".", "⟨": r"\langle", "⟩": r"\rangle"}
_BARS = {"|": "vert", "‖": "Vert"}
_BIG_SIGNS = {"∑": r"\sum", "∏": r"\prod"}
_LINE = 1.3  # a cell of a matrix that is taller needs room above and below it
_SIZES = ("", r"\big", r"\Big", r"\bigg", r"\Bigg")


def latex(node: Node) -> str:
    """The node as LaTeX.

    >>> print(latex(Scripts(Identifier("h"), Row((Identifier("t"), Operator("−", "prefix"), Numeral("1"))))))
    h_{t-1}
    """
    return _PRINTERS[type(node)](node)


def _sequence(parts: tuple[str, ...] | list[str]) -> str:
    """Parts joined; a space keeps a command's name apart from a letter after it."""
    out = ""
    for part in parts:
        if not part:
            continue
        glue = " " if out and (_ends_in_command(out) and part[0].isalpha()) else ""
        out += glue + part
    return out


def _ends_in_command(text: str) -> bool:
    stem = text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return stem != text and stem.endswith("\\")


def _row(node: Row) -> str:
    return _sequence([latex(child) for child in node.children])


def _identifier(node: Identifier) -> str:
    text = node.text
    if node.style == "function":
        return _FUNCTIONS.get(text) or rf"\operatorname{{{_plain(text)}}}"
    letters = "".join(_LETTERS[c] if c in _LETTERS else _plain(c) for c in text)
    if node.style == "italic" and (len(text) <= 1 or text in _LETTERS):
        return letters
    if node.style == "bold" and any(c in _LETTERS for c in text):
        return rf"\boldsymbol{{{letters}}}"
    return f"{_STYLES[node.style]}{{{letters}}}"


def _plain(text: str) -> str:
    """Letters and digits as they are; anything else as escaped text."""
    return text if text.isascii() and text.replace(" ", "").isalnum() else rf"\text{{{escape(text)}}}" if text else ""


def _operator(node: Operator) -> str:
    if node.form in ("invisible", "thin"):
        return r"\," if node.form == "thin" else " "
    sign = _SIGNS.get(node.text) or (node.text if node.text in "+-*/=<>,;:.!" else rf"\text{{{escape(node.text)}}}")
    if node.form == "infix":
        return f" {sign} " if node.text in "+−⊙⊘·×" else rf" \mathbin{{{sign}}} "
    if node.form == "relation":
        return f" {sign} "
    if node.form == "separator":
        return f"{sign}\\, " if node.text == "," else rf"{sign}\; "
    return sign


def _text(node: Text) -> str:
    return rf"\text{{{escape(node.text)}}}"


def _scripts(node: Scripts) -> str:
    base = latex(node.base)
    if isinstance(node.base, Scripts | Row | Fraction | Aligned | Cases):
        base = f"{{{{}}{base}}}"  # without the empty group TeX takes a single accented letter out of its braces
    sub = f"_{{{latex(node.sub)}}}" if node.sub is not None else ""
    sup = f"^{{{latex(node.sup)}}}" if node.sup is not None else ""
    return f"{base or '{}'}{sub}{sup}"


def _over(node: Over) -> str:
    wide = not (isinstance(node.base, Identifier) and len(node.base.text) == 1)
    base = {"i": r"\imath", "j": r"\jmath"}.get(getattr(node.base, "text", "")) or latex(node.base)
    return f"{(_WIDE_ACCENTS if wide else _ACCENTS)[node.accent]}{{{base}}}"


def _delimiter_text(text: str, side: str) -> str:
    if text in _BARS:
        return rf"\{'l' if side == 'left' else 'r'}{_BARS[text]}"
    return _DELIMITERS[text]


def _fenced(node: Fenced) -> str:
    level = bracket_level(node)
    left, right, body = _delimiter_text(node.left, "left"), _delimiter_text(node.right, "right"), latex(node.body)
    if level > 4 or "" in (node.left, node.right):
        return rf"\left{left} {body} \right{right}"
    if level == 0:
        return _sequence([left, body, right])
    return _sequence([f"{_SIZES[level]}l{left}", body, f"{_SIZES[level]}r{right}"])


def _delimiter(node: Delimiter) -> str:
    sign = _delimiter_text(node.text, node.side)
    size = (
        f"{_SIZES[node.level]}{'l' if node.side == 'left' else 'r'}"
        if node.level
        else r"\mathopen"
        if node.side == "left"
        else r"\mathclose"
    )
    return f"{size}{sign}" if node.level else f"{size}{{{sign}}}"


def _big_operator(node: BigOperator) -> str:
    lower = f"_{{{latex(node.lower)}}}" if node.lower is not None else ""
    upper = f"^{{{latex(node.upper)}}}" if node.upper is not None else ""
    return f"{_BIG_SIGNS[node.text]}{lower}{upper} "


def _cases(node: Cases) -> str:
    rows = [f"{latex(value)} & {_when(condition)}" for value, condition in node.rows]
    return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"


def _when(condition: Node | None) -> str:
    if condition == EMPTY:
        return ""
    return r"\text{otherwise}" if condition is None else rf"\text{{if }} {latex(condition)}"


def _matrix(node: Matrix) -> str:
    tall = any(height(cell) > _LINE for cells in node.rows for cell in cells)
    between = r" \\[4pt] " if tall else r" \\ "
    return r"\begin{bmatrix} " + between.join(" & ".join(map(latex, cells)) for cells in node.rows) + r" \end{bmatrix}"


def _aligned(node: Aligned) -> str:
    return r"\begin{aligned}[t] " + r" \\ ".join(aligned_row(line) for line in node.rows) + r" \end{aligned}"


def aligned_row(line: AlignedRow) -> str:
    """The cells of a row, without its number: `left &= right`."""
    left = latex(line.left) if line.left is not None else ""
    indent = r"\quad " if line.indent else ""
    relation = _SIGNS.get(line.relation, line.relation)
    right = latex(line.right).strip()
    if line.indent and right.startswith(("+", "-")):  # a sign at a line's start is still a sign between two terms
        right = "{}" + right
    return f"{left} &{relation} {indent}{right}".strip()


_PRINTERS: dict[type, Callable[..., str]] = {
    Row: _row,
    Identifier: _identifier,
    Numeral: lambda node: node.text,
    Operator: _operator,
    Text: _text,
    Space: lambda node: r"\," if node.width == "thin" else r"\quad ",
    Fraction: lambda node: rf"\frac{{{latex(node.numerator)}}}{{{latex(node.denominator)}}}",
    Scripts: _scripts,
    Over: _over,
    Fenced: _fenced,
    Delimiter: _delimiter,
    BigOperator: _big_operator,
    Root: lambda node: rf"\sqrt{{{latex(node.body)}}}",
    Matrix: _matrix,
    Cases: _cases,
    Aligned: _aligned,
}
