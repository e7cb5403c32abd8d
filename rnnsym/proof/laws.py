"""The catalogue of laws: every operator's pullback and pushforward, with what SymPy's own derivative is and whether the two are equal.

Comes in: the specimens, at least one expression for every operator and every function. Goes out: one `Law` each, and the page that
documents show, in Markdown. `python -m rnnsym.proof.laws docs/reference/laws.md` writes it; nothing in it is typed by hand but the
headings.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sympy import Basic, Expr
from sympy.printing.str import StrPrinter

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import Tensor
from rnnsym.calculus.elementwise import FORMULAS, derivative
from rnnsym.calculus.pullback import PULLBACKS
from rnnsym.calculus.pushforward import PUSHFORWARDS
from rnnsym.proof.rules import PULLBACK, Proof, Task, prove_expression
from rnnsym.proof.specimens import OVER_TIME, SPECIMENS
from rnnsym.proof.sums import Normal

SECTIONS = {
    "Arithmetic": (op.Plus, op.Negate, op.Times, op.Quotient, op.Raise, op.Complement),
    "Functions of one entry": (op.Elementwise,),
    "Conditions and what passes no gradient": (op.Branch, op.StopGradient),
    "Matrices": (op.MatrixProduct, op.Transposed, op.Outer, op.Dot, op.Diagonal, op.Identity),
    "Sums over entries": (op.SumEntries, op.MeanEntries, op.Norm),
    "Vectors": (op.Concat, op.Slice, op.Roll, op.Softmax, op.LogSoftmax, op.LogSumExp),
    "Losses": (op.CrossEntropy, op.BinaryCrossEntropy, op.SquaredError, op.SoftmaxCrossEntropy, op.SigmoidCrossEntropy,
               op.SigmoidBinaryCrossEntropy),
    "Time": (op.Total,),
}  # fmt: skip
"""The operators in the order in which the page tells them; a test finds what is missing."""


@dataclass(frozen=True)
class Row:
    """One rule of a specimen: by our law, in the language of models, and by SymPy, entry by entry."""

    rule: str
    law: str
    truth: str
    is_proved: bool


@dataclass(frozen=True)
class Law:
    """A specimen with both rules, and the proof, for all sizes, that they are SymPy's derivative."""

    name: str
    expression: Tensor
    entry: str
    rows: tuple[Row, ...]
    proof: Proof


@cache
def laws() -> tuple[Law, ...]:
    """Every specimen, proved."""
    return tuple(law_of(name, expression) for name, expression in {**SPECIMENS, **OVER_TIME}.items())


def law_of(name: str, expression: Tensor) -> Law:
    """Both rules of an expression and their proof."""
    proof, task = prove_expression(expression), Task(expression)
    open_ = {(opened.rule, opened.quantity) for opened in proof.open}
    entry = task.form.entry(expression, tuple(task.form.index() for _ in expression.shape))
    rows = []
    for question in task.questions():
        rule = f"pullback to {question.quantity}" if question.rule == PULLBACK else "pushforward"
        truth = Normal(question.ranges, task.facts, task.form.negative)(question.truth())
        rows.append(Row(rule, str(question.law), index_text(truth), (question.rule, question.quantity) not in open_))
    return Law(name, expression, index_text(entry), tuple(rows), proof)


def nodes(expression: Basic) -> Iterator[Tensor]:
    """Every node of an expression."""
    if isinstance(expression, Tensor):
        yield expression
    for argument in expression.args:
        yield from nodes(argument)


# ---------------------------------------------------------------- the page


def page() -> str:
    """The catalogue in Markdown."""
    found = laws()
    proved = sum(law.proof.is_proved for law in found)
    derivatives = sum(law.proof.compared for law in found)
    lines = [HEAD.format(specimens=len(found), proved=proved, derivatives=derivatives).strip(), ""]
    for title, operators in SECTIONS.items():
        lines += [f"## {title}", ""]
        for operator in operators:
            of_it = [law for law in found if _is_about(law, operator)]
            if of_it:
                lines += [*_stated(operator), "", *_table(of_it), ""]
    return "\n".join(lines).rstrip() + "\n"


HEAD = """
# Laws of differentiation

Every rule by which rnnsym differentiates, and what SymPy's own derivative of the same expression is. This page is written by
`python -m rnnsym.proof.laws`, which proves while it writes: {proved} of its {specimens} expressions, {derivatives} derivatives, are equal
entry by entry, for all sizes.

How to read it: f[i] is the entry of the expression; δ[a, b] is 1 where a = b, [a ≤ i < b] and [u > 0] are 1 where that is so, else 0.

- *Pullback*: g is the error that arrives at f. What our law passes on to u stands in the language of models; beside it ∂/∂u[r] of
  Σ g[i] f[i], as SymPy has it.
- *Pushforward*: du is how u moves; beside our law d/dε of f(u + ε du) at ε = 0.

What holds at a kink is a convention of the language, no theorem, and is listed where it is used.
"""


def _is_about(law: Law, operator: type) -> bool:
    """Whether a specimen stands under an operator: the outermost one, or the first that is no product or sum."""
    return _subject(law.expression) is operator


def _subject(expression: Tensor) -> type:
    simple = (op.Plus, op.Negate, op.Times, op.MatrixProduct)
    special = (op.Diagonal, op.Identity, op.Transposed, op.StopGradient, op.Total)
    inner = [type(n) for n in nodes(expression) if isinstance(n, special)]
    return inner[0] if inner and isinstance(expression, (*simple, op.Total)) else type(expression)


def _stated(operator: type) -> list[str]:
    """The operator's meaning and its laws, from their docstrings."""
    lines = [f"### {operator.__name__}", "", _first_line(operator)]
    for word, table in (("Pullback", PULLBACKS), ("Pushforward", PUSHFORWARDS)):
        if operator in table:
            lines += ["", f"*{word}*: {_first_line(table[operator])}"]
    return lines


def _first_line(stated: object) -> str:
    return (stated.__doc__ or "").strip().split("\n")[0]


def _table(found: Iterable[Law]) -> list[str]:
    """One table for each specimen: its entry, and rule by rule ours beside SymPy's."""
    lines = []
    for law in found:
        lines += [f"| {_code(str(law.expression))} | by our law | entry by entry, by SymPy | equal |", "|---|---|---|---|"]
        lines.append(f"| f{_places(law.expression)} | | {_code(law.entry)} | |")
        function = law.expression.function if isinstance(law.expression, op.Elementwise) else ""
        if function in FORMULAS:
            lines.append(f"| f′, with F = f(u) and S = sigmoid(u) | {_code(str(derivative(function)))} | | |")
        lines += [f"| {r.rule} | {_code(r.law)} | {_code(r.truth)} | {'proved' if r.is_proved else '**open**'} |" for r in law.rows]
        if law.proof.conventions:
            lines += ["", f"Stated by the language, not proved: {'; '.join(law.proof.conventions)}."]
        lines.append("")
    return lines[:-1]


def _code(text: str) -> str:
    return f"`{text}`"


def _places(expression: Tensor) -> str:
    return f"[{', '.join('ij'[: expression.rank])}]" if expression.rank else ""


# ---------------------------------------------------------------- index forms as text


class _Printer(StrPrinter):
    """Index forms in one line."""

    def _print_Sum(self, node: Basic) -> str:
        limits = ", ".join(f"{self._print(i)} < {self._print(high + 1)}" for i, _, high in node.limits)
        return f"Σ({limits}) {self.parenthesize(node.function, 60)}"

    def _print_KroneckerDelta(self, node: Basic) -> str:
        return f"δ[{', '.join(map(self._print, node.args[:2]))}]"

    def _print_Within(self, node: Basic) -> str:
        i, low, high = map(self._print, node.args)
        return f"[{low} ≤ {i} < {high}]"

    def _print_Positive(self, node: Basic) -> str:
        return f"[{self._print(node.args[0])} > 0]"

    def _print_Frozen(self, node: Basic) -> str:
        return f"held({self._print(node.args[0])})"

    def _print_Floor(self, node: Basic) -> str:
        return f"floor({self._print(node.args[0])})"


def index_text(expression: Expr) -> str:
    """An index form in one line, its indices named i, j, k … in the order of meeting.

    >>> from sympy import IndexedBase, Symbol
    >>> index_text(2 * IndexedBase("u")[Symbol("i17", integer=True, nonnegative=True)])
    '2*u[i]'
    """
    text = _Printer().doprint(expression)
    names: dict[str, str] = {}
    letters = iter(["i", "j", "k", "l", "q", "r", "s", *(f"i{n}" for n in range(100))])
    for word in _words(text):
        if word not in names and word[0] in "ijk" and word[1:].isdigit():
            names[word] = next(letters)
    return "".join(names.get(part, part) for part in _split(text)).replace("**", "^")


def _split(text: str) -> list[str]:
    parts: list[str] = []
    for character in text:
        if parts and (character.isalnum() or character == "_") and (parts[-1][-1].isalnum() or parts[-1][-1] == "_"):
            parts[-1] += character
        else:
            parts.append(character)
    return parts


def _words(text: str) -> list[str]:
    return [part for part in _split(text) if part[0].isalpha()]


# ---------------------------------------------------------------- from the command line


def main(words: list[str]) -> int:
    """Print the page, or write it to a file; fail where a law is not proved."""
    text = page()
    if words:
        Path(words[0]).write_text(text, "utf-8")
    else:
        sys.stdout.write(text)
    return 0 if all(law.proof.is_proved for law in laws()) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
