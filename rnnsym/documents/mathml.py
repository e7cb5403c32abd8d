"""The tree of mathematics as MathML Core.

Comes in: a node. Goes out: elements for the inside of `<math>`. Spaces around signs are said at every `<mo>` (a browser's own table of
operators differs from one to the next), none in scripts; styles are characters of their own (𝐖, ℝ), because MathML Core has no others.
What text a node holds is escaped.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape

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
    Marked,
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
from rnnsym.documents.measure import bracket_level

_SPACES = {"infix": ("0.2222em", "0.2222em"), "relation": ("0.2778em", "0.2778em"), "separator": ("0", "0.1667em")}
_THIN, _QUAD = '<mspace width="0.1667em"></mspace>', '<mspace width="1em"></mspace>'
_GROWS = 'stretchy="true"'
_SIZES = ("", "1.2em", "1.8em", "2.4em", "3em")  # of a bracket that stands alone
_ACCENTS = {
    "tilde": "˜", "hat": "ˆ", "bar": "¯", "dot": "˙", "vec": "→", "lvec": "←", "rvec": "→", "under": "_", "ddot": "¨", "check": "ˇ",
    "breve": "˘", "acute": "´", "grave": "`", "ring": "˚",
}  # fmt: skip
_ALPHABETS = {  # style → where its A and its a stand in Unicode, and what stands elsewhere
    "italic": (0x1D434, 0x1D44E, {"h": "ℎ"}),
    "bold": (0x1D400, 0x1D41A, {}),
    "calligraphic": (0x1D49C, 0x1D4B6, dict(zip("BEFHILMRego", "ℬℰℱℋℐℒℳℛℯℊℴ", strict=True))),
    "fraktur": (0x1D504, 0x1D51E, dict(zip("CHIRZ", "ℭℌℑℜℨ", strict=True))),
    "doublestruck": (0x1D538, 0x1D552, dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True))),
    "sans": (0x1D5A0, 0x1D5BA, {}),
    "typewriter": (0x1D670, 0x1D68A, {}),
}
_GREEK = {"bold": 0x1D6C2, "italic": 0x1D6FC}  # where their α stands
_UPRIGHT = set("ΓΔΘΛΞΠΣΥΦΨΩ∇∞ℝ")  # single letters that stand upright where others slant


def mathml(node: Node, scripted: bool = False) -> str:
    """The node as MathML; `scripted` where it stands in a script, whose signs have no space around them.

    >>> print(mathml(Scripts(Identifier("h"), Identifier("t"))))
    <msub><mi>h</mi><mi>t</mi></msub>
    """
    return _PRINTERS[type(node)](node, scripted)


def math_element(node: Node, display: bool = False) -> str:
    """The node as a whole `<math>` element; in a display sums carry their limits below and above."""
    style = ' displaystyle="true"' if display else ""
    return f"<math{style}>{mathml(node)}</math>"


def _one(node: Node | None, scripted: bool) -> str:
    """Exactly one element, as scripts and fractions need."""
    if node is None:
        return "<mrow></mrow>"
    inner = mathml(node, scripted)
    return f"<mrow>{inner}</mrow>" if isinstance(node, Row) or not inner else inner


def _row(node: Row, scripted: bool) -> str:
    out = ""
    for child, after in zip(node.children, (*node.children[1:], None), strict=True):
        out += mathml(child, scripted)
        spaced = after is not None and not isinstance(after, Fenced | Delimiter | Operator | Space)
        if spaced and _is_function(child) and not scripted:
            out += _THIN
    return out


def _is_function(node: Node) -> bool:
    while isinstance(node, Scripts):
        node = node.base
    return isinstance(node, Identifier) and node.style == "function"


def _identifier(node: Identifier, scripted: bool) -> str:
    text = node.text
    if node.style in ("upright", "function") or (node.style == "italic" and text in _UPRIGHT):
        upright = ' mathvariant="normal"' if len(text) == 1 else ""
        return f"<mi{upright}>{_literal(text)}</mi>"
    if node.style == "italic" and len(text) <= 1:
        return f"<mi>{_literal(text)}</mi>"
    text = "".join(styled(c, node.style) for c in text)
    fixed = ' mathvariant="normal"' if len(text) == 1 else ""  # it is italic, bold, … already
    return f"<mi{fixed}>{_literal(text)}</mi>"


def styled(character: str, style: str) -> str:
    """The character that Unicode has for a letter in a style; what it has none for stays as it is."""
    capital, small, elsewhere = _ALPHABETS[style]
    if character in elsewhere:
        return elsewhere[character]
    if "A" <= character <= "Z":
        return chr(capital + ord(character) - ord("A"))
    if "a" <= character <= "z":
        return chr(small + ord(character) - ord("a"))
    if style == "bold" and character.isascii() and character.isdigit():
        return chr(0x1D7CE + int(character))
    if style in _GREEK and "α" <= character <= "ω":
        return chr(_GREEK[style] + ord(character) - ord("α"))
    return character


def _literal(text: str) -> str:
    """Text as it is; characters that no HTML file may hold are shown as marks, spaces at the ends stay."""
    clean = "".join(c if c >= " " and not "\x7f" <= c <= "\x9f" and not "\ud800" <= c <= "\udfff" else "\ufffd" for c in text)
    return escape(clean).replace(" ", "\u00a0")


def _operator(node: Operator, scripted: bool) -> str:
    if node.form == "thin" and not scripted:
        return _THIN
    if node.form in ("invisible", "thin"):
        return _sign("\u2062")
    left, right = ("0", "0") if scripted else _SPACES.get(node.form, ("0", "0"))
    return _sign(node.text, left, right)


def _sign(text: str, left: str = "0", right: str = "0") -> str:
    return f'<mo form="infix" stretchy="false" largeop="false" lspace="{left}" rspace="{right}">{_literal(text)}</mo>'


def _fence(text: str, side: str, attributes: str) -> str:
    form = "prefix" if side == "left" else "postfix"
    return f'<mo form="{form}" {attributes} lspace="0" rspace="0">{_literal(text)}</mo>' if text else ""


def _fenced(node: Fenced, scripted: bool) -> str:
    grows = f'stretchy="{"true" if bracket_level(node) else "false"}"'
    return f"<mrow>{_fence(node.left, 'left', grows)}{mathml(node.body, scripted)}{_fence(node.right, 'right', grows)}</mrow>"


def _delimiter(node: Delimiter, scripted: bool) -> str:
    size = _SIZES[min(node.level, 4)]
    return _fence(node.text, node.side, f'stretchy="true" minsize="{size}" maxsize="{size}"' if size else 'stretchy="false"')


def _scripts(node: Scripts, scripted: bool) -> str:
    base = _one(node.base, scripted)
    if node.sub is None:
        return f"<msup>{base}{_one(node.sup, True)}</msup>"
    if node.sup is None:
        return f"<msub>{base}{_one(node.sub, True)}</msub>"
    return f"<msubsup>{base}{_one(node.sub, True)}{_one(node.sup, True)}</msubsup>"


def _over(node: Over, scripted: bool) -> str:
    letter = node.base.text if isinstance(node.base, Identifier) else ""
    wide = "false" if len(letter) == 1 and node.accent != "under" else "true"
    dotless = {"i": "<mi>\U0001d6a4</mi>", "j": "<mi>\U0001d6a5</mi>"}.get(letter if node.accent != "under" else "")
    accent = f'<mo stretchy="{wide}" lspace="0" rspace="0">{_ACCENTS[node.accent]}</mo>'
    if node.accent == "under":
        return f'<munder accentunder="true">{_one(node.base, scripted)}{accent}</munder>'
    return f'<mover accent="true">{dotless or _one(node.base, scripted)}{accent}</mover>'


def _big_operator(node: BigOperator, scripted: bool) -> str:
    sign = f'<mo largeop="true" movablelimits="true" lspace="0" rspace="0.1667em">{_literal(node.text)}</mo>'
    if node.lower is None and node.upper is None:
        return sign
    if node.upper is None:
        return f"<munder>{sign}{_one(node.lower, True)}</munder>"
    return f"<munderover>{sign}{_one(node.lower, True)}{_one(node.upper, True)}</munderover>"


def _grid(rows: list[list[str]], kind: str) -> str:
    body = "".join("<mtr>" + "".join(f"<mtd>{cell}</mtd>" for cell in cells) + "</mtr>" for cells in rows)
    return f'<mtable class="{kind}">{body}</mtable>'


def _matrix(node: Matrix, scripted: bool) -> str:
    table = _grid([[mathml(cell) for cell in cells] for cells in node.rows], "matrix")
    left, right = _fence("[", "left", _GROWS), _fence("]", "right", _GROWS)
    return f"<mrow>{left}{table}{right}</mrow>"


def _cases(node: Cases, scripted: bool) -> str:
    table = _grid([[mathml(value), _when(condition)] for value, condition in node.rows], "cases")
    brace = _fence("{", "left", _GROWS)
    return f"<mrow>{brace}{table}</mrow>"


def _when(condition: Node | None) -> str:
    if condition == EMPTY:
        return ""
    return "<mtext>otherwise</mtext>" if condition is None else f"<mtext>if\u00a0</mtext>{mathml(condition)}"


def relation_and_right(line: AlignedRow) -> str:
    """What stands to the right of the alignment: the relation and the right side."""
    sign = _sign(line.relation, *_SPACES["relation"]) if line.relation else ""
    return f"{_QUAD if line.indent else ''}{sign}{mathml(line.right)}"


def _aligned(node: Aligned, scripted: bool) -> str:
    return _grid([[mathml(line.left) if line.left is not None else "", relation_and_right(line)] for line in node.rows], "aligned")


_PRINTERS: dict[type, Callable[..., str]] = {
    Row: _row,
    Identifier: _identifier,
    Numeral: lambda node, scripted: f"<mn>{_literal(node.text)}</mn>",
    Operator: _operator,
    Text: lambda node, scripted: f"<mtext>{_literal(node.text)}</mtext>",
    Space: lambda node, scripted: _THIN if node.width == "thin" else _QUAD,
    Fraction: lambda node, scripted: f"<mfrac>{_one(node.numerator, scripted)}{_one(node.denominator, scripted)}</mfrac>",
    Scripts: _scripts,
    Over: _over,
    Fenced: _fenced,
    Delimiter: _delimiter,
    BigOperator: _big_operator,
    Root: lambda node, scripted: f"<msqrt>{mathml(node.body, scripted)}</msqrt>",
    Matrix: _matrix,
    Cases: _cases,
    Marked: lambda node, scripted: f'<mrow class="{node.mark}">{mathml(node.body, scripted)}</mrow>',
    Aligned: _aligned,
}
