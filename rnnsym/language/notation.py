"""Whether a piece of LaTeX from `notation(...)` may stand in a formula of a document.

It goes into a `.tex` file as it is: so it must be one balanced piece of mathematics that reads, writes and defines nothing.
"""

from __future__ import annotations

import re

_LATEX_REFUSED = (
    "input", "include", "write", "read", "open", "close", "def", "edef", "gdef", "xdef", "let", "catcode", "csname", "endcsname", "special",
    "immediate", "newcommand", "renewcommand", "providecommand", "usepackage", "documentclass", "begin", "end", "loop",
    "repeat", "expandafter",
    "output", "openin", "openout", "newread", "newwrite", "directlua", "ShellEscape", "verbatiminput", "lstinputlisting", "includegraphics",
    "futurelet", "global", "long", "outer", "toks", "every", "jobname", "font", "char", "message", "errmessage", "par", "item", "section",
)  # fmt: skip


def latex_problem(latex: str) -> str:
    """Why a piece of LaTeX cannot stand in a formula, or ""."""
    if not latex.strip() or len(latex) > 200:
        return "is empty" if not latex.strip() else "is longer than 200 characters"
    if any(not c.isprintable() for c in latex):
        return "holds characters that are not text"
    bare = re.sub(r"\\[{}\\]", "", latex)
    depth = 0
    for char in bare:
        depth += (char == "{") - (char == "}")
        if depth < 0:
            break
    if depth:
        return "has braces that do not match"
    if re.search(r"(?<!\\)[$%#&~]", latex) or "^^" in latex or latex.endswith("\\"):
        return "holds one of $ % # & ~ ^^, or ends in a backslash"
    words = re.findall(r"\\([A-Za-z@]+)", latex)
    refused = [w for w in words if w in _LATEX_REFUSED or "@" in w]
    return f"uses \\{refused[0]}" if refused else ""
