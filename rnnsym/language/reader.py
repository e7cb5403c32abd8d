"""Text -> scanned text: bounded, plain, and known token by token before Python's parser sees any of it.

Comes in: any string. Goes out: `Scan`: the text with plain line ends, its comments, its numbers as written. Refused here, in one
linear pass: too much text, odd characters, Python words that the language has not, names that are not ASCII, brackets that do not
match, rows too long or nested too deep to be walked. The first such error ends the reading.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass, field

from rnnsym.errors import Span
from rnnsym.language.findings import Findings
from rnnsym.language.pasted import Pasted, braced, command

MAX_CHARACTERS = 1_000_000
MAX_TOKENS = 100_000
MAX_BRACKETS = 120  # nested
MAX_OPERATORS = 1_500  # in one row, without brackets between
MAX_LONG = 20_000  # operators in one equation
MAX_CHAIN = 300  # signs in a row; powers or conditions in one equation
MAX_DIGITS = 400  # that count; zeros before and after them do not
MAX_WRITTEN = 2_000  # characters of a number
MAX_NAME = 100

_TOKEN = re.compile(
    r"""
    (?P<string>[^\W\d]{0,2}(?:\"{3}[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*\"{3}
        |'{3}[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'{3}
        |"(?!"")[^"\\\n]*(?:\\.[^"\\\n]*)*"
        |'(?!'')[^'\\\n]*(?:\\.[^'\\\n]*)*'))
    |(?P<comment>\#[^\n]*)
    |(?P<newline>\n)
    |(?P<space>[ \t]+|\\\n)
    |(?P<number>(?:[0-9]|\.[0-9])(?:[eE][+-](?=[0-9])|[A-Za-z0-9_.])*)
    |(?P<name>[^\W\d][\w\u0300-\u036f\u20d0-\u20f0]*)
    |(?P<operator>\*\*|//|<<|>>|<=|>=|==|!=|->|:=|[-+*/%@&|^~<>()\[\]{},:.;=])
    """,
    re.VERBOSE | re.DOTALL,
)
_CLOSING = {")": "(", "]": "[", "}": "{"}
_OPERATORS = frozenset(["+", "-", "*", "/", "@", "**", "%", "//", "&", "|", "^", "<<", ">>"])

_WORDS = {
    "lambda": ("`lambda` is a word of Python and cannot be a name", "lambda_; a function is written def f(u): return …"),
    "and": ("`and` is not part of the language", "one condition after the other: (a if u > 0 else b) if v > 0 else b"),
    "or": ("`or` is not part of the language", "one condition after the other: a if u > 0 else (a if v > 0 else b)"),
    "not": ("`not` is not part of the language", "the branches the other way round: b if u > 0 else a"),
    "in": ("`in` is not part of the language", "a comparison: < <= > >="),
    "is": ("`is` is not part of the language", "a comparison: < <= > >="),
    "for": ("the language has no loops", "the equation for one step: h[t] = …, it holds for every t"),
    "while": ("the language has no loops", "the equation for one step: h[t] = …, it holds for every t"),
    "import": ("`import` is not part of the language", "the equations themselves; functions are written with def"),
    "from": ("`import` is not part of the language", "the equations themselves; functions are written with def"),
    "class": ("`class` is not part of the language", "class_, if it is a name"),
    "True": ("`True` is not a number", "1"),
    "False": ("`False` is not a number", "0"),
    "None": ("`None` is not a number", "0"),
    "elif": ("`elif` is not part of the language", "a if u > 0 else b if u > -1 else c"),
}
_SPELLED = {
    "·": "*", "×": "*", "⊙": "*", "∘": "*", "−": "-", "–": "-", "≤": "<=", "≥": ">=", "ᵀ": ".T", "⊤": ".T", "∞": "inf", "√": "sqrt(…)",
    "∑": "sum(…) over entries, total(…) over time", "Σ": "sum(…) over entries, total(…) over time", "²": "**2", "³": "**3",
    "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "\u00a0": "an ordinary space", "…": "...", "÷": "/", "⊗": "outer(a, b)",
    "‖": "norm(…)", "∈": ":", "←": "=", "≠": "a comparison: < <= > >=",
}  # fmt: skip
_LOOK_ALIKES = str.maketrans("асеорхуіѕјԁһАВЕЅКМНОРСТХІЈ", "aceopxyisjdhABESKMHOPCTXIJ")  # Cyrillic letters that look Latin
_MARKED = {"ᵀ": ".T", "²": "**2", "³": "**3"}
_MARKS = {"\u0303": "tilde", "\u0302": "hat", "\u0304": "bar", "\u0305": "bar", "\u0307": "dot", "\u20d7": "vec", "\u030c": "check"}


@dataclass(frozen=True)
class Scan:
    """A text fit for parsing.

    source     with `\\n` as line ends and without a byte order mark
    comments   the comment on each line that has one
    numbers    the text of each number by (line, column)
    """

    source: str
    comments: dict[int, str] = field(default_factory=dict)
    numbers: dict[tuple[int, int], str] = field(default_factory=dict)


def plain(text: str) -> str:
    """The text without a byte order mark, with `\\n` as its only line end."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def check_size(text: str, file: str) -> None:
    """Raise E101 when there is more text than a model ever needs; the text is not looked at."""
    if len(text) > MAX_CHARACTERS:
        found = f"the text has {len(text):,} characters"
        raise Findings("", file).refusal("E101", found, None, expected=f"a model of at most {MAX_CHARACTERS:,} characters")


class _Scanner:
    """One pass over the tokens of a text."""

    def __init__(self, findings: Findings):
        self.findings, self.source = findings, findings.source
        self.starts = [0]
        for line in self.findings.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.scan = Scan(self.source)
        self.open: list[tuple[str, Span]] = []
        self.begin_row()

    def begin_row(self) -> None:
        self.operators, self.signs, self.chained = 0, 0, 0
        self.rows = [0]  # operators since the last bracket or comma, for every open bracket

    def span(self, start: int, end: int) -> Span:
        line, end_line = bisect_right(self.starts, start), bisect_right(self.starts, max(start, end - 1))
        return Span(line, start - self.starts[line - 1] + 1, end_line, end - self.starts[end_line - 1] + 1)

    def refuse(self, code: str, found: str, start: int, end: int, **fields: object):
        raise self.findings.refusal(code, found, self.span(start, end), **fields)

    def run(self) -> Scan:
        place, tokens = 0, 0
        while place < len(self.source):
            match = _TOKEN.match(self.source, place)
            if match is None:
                self.odd_character(place)
            assert match is not None
            tokens += match.lastgroup != "space"
            if tokens > MAX_TOKENS:
                self.refuse("E104", f"the text has more than {MAX_TOKENS:,} words and signs", place, place + 1, expected="a smaller model")
            getattr(self, f"on_{match.lastgroup}")(match.group(), place, match.end())
            place = match.end()
        if self.open:
            bracket, span = self.open[-1]
            raise self.findings.refusal("E102", f"this `{bracket}` is never closed", span)
        return self.scan

    def odd_character(self, place: int) -> None:
        char = self.source[place]
        before = self.source[place - 1] if place else " "
        if char == "'" and (before.isalnum() or before in "_)]"):
            instead = "M.T for a transpose; a name of its own for what is marked, such as h_prime"
            self.refuse("E102", "a `'` stands after a name", place, place + 1, instead=instead)
        if char in "\"'":
            end = self.source.find("\n", place)
            self.refuse(
                "E102", "this text in quotes does not end", place, len(self.source) if end < 0 else end, instead=f"a closing {char}"
            )
        if char == "\\":
            self.pasted(command(self.source, place))
            self.refuse("E102", "a backslash stands alone", place, place + 1, instead="brackets around what goes over several lines")
        if char in "?!$`":
            self.refuse("E102", f"`{char}` is not part of the language", place, place + 1)
        if not char.isprintable() and char != "\u00a0":
            self.refuse("E101", f"the character U+{ord(char):04X} is not text", place, place + 1, expected="printable characters")
        ascii_form = unicodedata.normalize("NFKC", char)
        spelled = _SPELLED.get(char, ascii_form if ascii_form.isascii() else "")
        self.refuse(
            "E103", f"the sign `{char}` is not part of the language", place, place + 1, instead=spelled, expected="" if spelled else "ASCII"
        )

    def pasted(self, found: Pasted | None) -> None:
        """Refuse what was written in another language, if it is known."""
        if found is not None:
            self.refuse("E102", found.found, found.start, found.end, instead=found.instead)

    # ------------------------------------------------------------ one method per kind of token

    def on_string(self, text: str, start: int, end: int) -> None:
        prefix = text[: min(text.find('"') % (len(text) + 1), text.find("'") % (len(text) + 1))]
        if prefix not in ("", "r", "R"):
            self.refuse("E106", f"a string with the prefix `{prefix}` is not part of the language", start, end, instead='r"…"')
        self.characters(text, start)

    def on_comment(self, text: str, start: int, end: int) -> None:
        self.characters(text, start)
        self.scan.comments[self.span(start, end).line] = " ".join(text.lstrip("#").split())

    def on_newline(self, text: str, start: int, end: int) -> None:
        if not self.open:
            self.begin_row()

    def on_space(self, text: str, start: int, end: int) -> None:
        pass

    def on_number(self, text: str, start: int, end: int) -> None:
        self.signs = 0
        span = self.span(start, end)
        plain_number = re.fullmatch(r"([0-9][0-9_]*)?\.?[0-9_]*([eE][+-]?[0-9]+)?", text) and not re.fullmatch(r"0[0-9_]*[1-9]", text)
        if not plain_number or "__" in text or text.endswith("_"):
            factor = re.fullmatch(r"([1-9][0-9]*(?:\.[0-9]+)?)([A-Za-z]\w*)", text)
            product = f"{factor[1]} * {factor[2]}" if factor and factor[2] not in ("j", "J", "l", "L") else ""
            instead = product or "decimals: 12, 0.5, 1e-3"
            self.refuse("E107", f"`{text[:40]}` is not a number as the language writes it", start, end, instead=instead)
        digits = re.split("[eE]", text)[0].replace(".", "").replace("_", "").strip("0")
        if len(digits) > MAX_DIGITS or len(text) > MAX_WRITTEN:
            self.refuse("E107", f"a number of {max(len(digits), len(text)):,} digits", start, end, expected=f"at most {MAX_DIGITS}")
        value = float(text)
        if value == float("inf"):
            self.refuse("E107", f"`{text[:40]}` is larger than any floating-point number", start, end, instead="inf, if infinity is meant")
        if value == 0 and re.search("[1-9]", re.split("[eE]", text)[0]):
            self.refuse("E107", f"`{text[:40]}` is smaller than any floating-point number", start, end, instead="0")
        self.scan.numbers[span.line, span.column] = text

    def on_name(self, text: str, start: int, end: int) -> None:
        self.signs = 0
        if not text.isascii():
            if text[0] in _SPELLED:
                self.odd_character(start)
            steps = re.compile("[₋₊][₀-₉]+").match(self.source, end)
            if text.endswith("ₜ") and steps:
                text, end = text + steps[0], steps.end()
            self.refuse("E103", f"the name `{text[:40]}` is not written in ASCII", start, end, instead=spelled(text))
        if len(text) > MAX_NAME:
            self.refuse("E104", f"a name of {len(text):,} characters", start, end, expected=f"at most {MAX_NAME}")
        if text.startswith("_"):
            self.refuse("E113", f"the name `{text}` begins with an underscore", start, end, expected="a name that begins with a letter")
        if keyword.iskeyword(text) and text not in ("if", "else", "def", "return"):
            found, instead = _WORDS.get(text, (f"`{text}` is a word of Python that the language has not", f"{text}_, if it is a name"))
            self.refuse("E113", found, start, end, instead=instead)
        if text == "if":
            self.chain(start, end, "conditions")

    def on_operator(self, text: str, start: int, end: int) -> None:
        self.signs = self.signs + 1 if text in "+-~" else 0
        if self.signs > MAX_CHAIN:
            self.refuse("E104", f"more than {MAX_CHAIN} signs in a row", start, end)
        if text in "()[]{},":
            self.begin_group(text)
        if text == "{":
            self.pasted(braced(self.source, start))
        if text in ("(", "[", "{"):
            self.open.append((text, self.span(start, end)))
            if len(self.open) > MAX_BRACKETS:
                self.refuse(
                    "E104", f"more than {MAX_BRACKETS} brackets inside each other", start, end, instead="equations for the inner parts"
                )
        elif text in _CLOSING:
            self.close(text, start, end)
        elif text == ";":
            self.semicolon(start, end)
        elif text == ":=":
            self.refuse("E105", "`:=` is not part of the language", start, end, instead="an equation of its own, on its own line")
        elif text in _OPERATORS:
            self.count(text, start, end)

    def semicolon(self, start: int, end: int) -> None:
        rest = self.source[end:].split("\n", 1)[0].split("#")[0]
        if self.open:
            self.refuse("E105", "a `;` stands in brackets", start, end, instead="concat(a, b) joins vectors")
        if not rest.strip():
            self.refuse("E105", "a `;` ends the line", start, end, instead="the line without it")
        self.refuse("E105", "two statements stand on one line", start, end, instead="a line for each equation")

    def begin_group(self, text: str) -> None:
        """A row of operators begins anew inside brackets, goes on after them, and ends at a comma."""
        if text in "([{":
            self.rows.append(0)
        elif text == ",":
            self.rows[-1] = 0
        elif len(self.rows) > 1:
            self.rows.pop()

    def count(self, text: str, start: int, end: int) -> None:
        self.operators += 1
        self.rows[-1] += 1
        if text == "**":
            self.chain(start, end, "powers")
        if self.rows[-1] > MAX_OPERATORS or self.operators > MAX_LONG:
            found = f"one equation holds more than {min(self.operators - 1, MAX_LONG):,} operators"
            self.refuse("E104", found, start, end, instead="several equations, or `@`, `sum`, `dot` for what is repeated")

    def close(self, text: str, start: int, end: int) -> None:
        if not self.open:
            self.refuse("E102", f"this `{text}` closes nothing", start, end)
        opened, span = self.open.pop()
        if opened != _CLOSING[text]:
            self.refuse("E102", f"this `{text}` meets an open `{opened}`", start, end, notes=((span, "opened here"),))

    def chain(self, start: int, end: int, what: str) -> None:
        self.chained += 1
        if self.chained > MAX_CHAIN:
            self.refuse("E104", f"more than {MAX_CHAIN} {what} in one equation", start, end, instead="several equations")

    def characters(self, text: str, start: int) -> None:
        """Refuse what is not text in strings and comments."""
        for place, char in enumerate(text, start):
            if is_no_text(char):
                self.refuse("E101", f"the character U+{ord(char):04X} is not text", place, place + 1, expected="printable characters")


def is_no_text(char: str) -> bool:
    """Control characters, halves of characters, line separators that editors hide, and marks that turn the direction of reading."""
    if char in "\n\t":
        return False
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or "\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069"


def scan(findings: Findings) -> Scan:
    """Scan the text of `findings` (already `plain`); raises ModelError E101–E107, E113 at the first thing that cannot be read."""
    return _Scanner(findings).run()


def spelled(name: str) -> str:
    """A name in ASCII: Greek letters by their names, accents as a suffix, subscripts after an underscore.

    >>> spelled("σ̂"), spelled("λ"), spelled("h₁"), spelled("Δc")
    ('sigma_hat', 'lambda_', 'h_1', 'Delta_c')
    """
    marked = re.fullmatch(r"(\w*?)(ᵀ|²|³|ₜ(?:[₋₊][₀-₉]+)?)", name)
    if marked and marked[1]:
        return spelled(marked[1]) + _MARKED.get(marked[2], f"[{unicodedata.normalize('NFKC', marked[2]).replace('−', '-')}]")
    name = name.translate(_LOOK_ALIKES)
    if name.isascii():
        return name
    out, suffix = "", ""
    for char in unicodedata.normalize("NFD", name):
        if char in _MARKS:
            suffix += "_" + _MARKS[char]
        elif char.isascii():
            out += f"_{char}" if out and out[-1] == "\0" and char != "_" else char
        elif "GREEK" in unicodedata.name(char, ""):
            word = unicodedata.name(char).split(" LETTER ")[-1].split()[0].lower().replace("lamda", "lambda")
            word = word.replace("final", "sigma")
            out += ("_" if out and out[-1] != "_" else "") + (word.capitalize() if char.isupper() else word) + "\0"
        else:
            simple = "".join(c for c in unicodedata.normalize("NFKD", char) if c.isascii() and c.isalnum())
            subscript = "SUBSCRIPT" in unicodedata.name(char, "") or "MODIFIER" in unicodedata.name(char, "")
            out += (("_" if subscript and out and out[-1] != "_" else "") + simple) if simple else ""
    result = re.sub(r"\W", "", out.replace("\0", "")) + suffix
    result = result.lstrip("_0123456789") or "a name in ASCII letters"
    return f"{result}_" if keyword.iskeyword(result) else result
