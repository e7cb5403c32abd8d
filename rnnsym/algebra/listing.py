"""A System as the text of a `.rnn` file that reads back equal.

Comes in: a System. Goes out: docstring, notation, declarations, boundary values, equations, descriptions as aligned comments.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rnnsym.algebra.sizes import size_text
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS, decimal_text

if TYPE_CHECKING:
    from rnnsym.algebra.system import Declaration, System

_RANK_WORDS = ("scalar", "vector", "matrix")


def system_text(system: System) -> str:
    """The `.rnn` text of a System."""
    blocks = []
    if system.doc:
        blocks.append([_docstring(system.doc)])
    if system.notation:
        pairs = ", ".join(f"{name}={_string(latex)}" for name, latex in system.notation)
        blocks.append([f"notation({pairs})"])
    blocks.append(_aligned([(declaration_text(d), _remark(d)) for d in system.declarations if _is_printed(d)]))
    blocks.append(_aligned([(f"{d.lhs} = {d.rhs}", d.description) for d in system.boundaries]))
    blocks.append(_aligned([(f"{d.lhs} = {d.rhs}", d.description) for d in system.definitions]))
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def declaration_text(declaration: Declaration) -> str:
    """`x: input[n_x]`, `b_f: param[n_h] = 1`, `h: vector[n_h]`."""
    kind = _RANK_WORDS[len(declaration.shape)] if declaration.kind == "variable" else declaration.kind
    sizes = f"[{', '.join(size_text(s) for s in declaration.shape)}]" if declaration.shape else ""
    return f"{declaration.name}: {kind}{sizes}{start_text(declaration)}"


def start_text(declaration: Declaration) -> str:
    start = declaration.start
    if start is None:
        return ""
    if start.rule == "value":
        return f" = {_signed(start.amount)}"
    return f" = {start.rule}" if start.amount is None else f" = {start.rule}({_signed(start.amount)})"


def _signed(value) -> str:
    return f"-{decimal_text(-value)}" if value < 0 else decimal_text(value)


def _is_printed(declaration: Declaration) -> bool:
    if declaration.name in (STEP_LOSS, FINAL_LOSS):
        return False
    return declaration.explicit or declaration.kind not in ("param", "variable") or declaration.start is not None


def _remark(declaration: Declaration) -> str:
    return "" if declaration.kind == "variable" else declaration.description


def _aligned(rows: list[tuple[str, str]]) -> list[str]:
    """Lines with their comments in one column (a very long line keeps its own)."""
    width = max((len(text) for text, remark in rows if remark and len(text) <= 80), default=0)
    return [f"{text.ljust(width)}    # {remark}" if remark else text for text, remark in rows]


def _docstring(doc: str) -> str:
    escaped = re.sub(r'"(?="|\Z)', r"\"", doc.replace("\\", "\\\\"))  # no three quotes in a row, none before the closing ones
    return f'"""{escaped}"""'


def _string(text: str) -> str:
    raw_is_safe = '"' not in text and "\n" not in text and not text.endswith("\\")
    return f'r"{text}"' if raw_is_safe else repr(text)
