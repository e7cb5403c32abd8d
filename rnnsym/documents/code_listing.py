"""The part of a generated module that computes equations: its statements, and coloured HTML with links to the equations.

Comes in: a module's source, whose comments cite equations as `# (7)`. Goes out: the statements that cite one; and `<pre>` with the
functions that do: a line that cites has the anchor `code-7` where it is the first to do so, and its number leads back to the equation.
Coloured by the standard library's `tokenize`.
"""

from __future__ import annotations

import ast
import io
import keyword
import re
import tokenize
from collections.abc import Iterator
from html import escape

from rnnsym.documents.document import Statement

_CITATION = re.compile(r"\((\d+)\)")
_COLOURED = {tokenize.STRING: "string", tokenize.NUMBER: "number", tokenize.COMMENT: "comment"}


def listing(module: str, equations: frozenset[int]) -> tuple[str, frozenset[int]]:
    """The coloured functions, and the equations that they cite (of those that the document has)."""
    cited: set[int] = set()
    parts = [_coloured(source, equations, cited) for source in _citing(module)]
    if not parts:
        return "", frozenset()
    return f'<pre class="code" tabindex="0"><code>{(chr(10) * 2).join(parts)}</code></pre>', frozenset(cited)


def statements(module: str, equations: frozenset[int]) -> tuple[Statement, ...]:
    """The statements that cite one of these equations; a comment on a line of its own cites for the statement below it."""
    lines = module.splitlines()
    found = [node for node in ast.walk(ast.parse(module)) if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Expr)]
    starting = {node.lineno: node for node in found}
    ending = {node.end_lineno: node for node in found}
    out: dict[tuple[int, int], Statement] = {}
    for place, line in enumerate(lines, 1):
        cited = re.search(r"# \((\d+)\)", line)
        if cited is None or int(cited[1]) not in equations:
            continue
        alone = line.lstrip().startswith("#")
        node = starting.get(place + 1) if alone else ending.get(place) or starting.get(place)
        if node is not None:
            text = " ".join(part.split("  # ")[0].strip() for part in lines[node.lineno - 1 : node.end_lineno])
            text = text.replace("( ", "(").replace(" )", ")")
            out.setdefault((int(cited[1]), node.lineno), Statement(int(cited[1]), node.lineno, text))
    return tuple(out.values())


def _citing(module: str) -> Iterator[str]:
    """The source of each top-level function in which an equation is cited."""
    lines = module.splitlines()
    for statement in ast.parse(module).body:
        source = "\n".join(lines[statement.lineno - 1 : statement.end_lineno])
        if isinstance(statement, ast.FunctionDef) and re.search(r"# \(\d+\)", source):
            yield source


def _coloured(source: str, equations: frozenset[int], cited: set[int]) -> str:
    lines = source.splitlines(keepends=True)
    out, row, column = "", 1, 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.ENDMARKER, tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
            continue
        out += escape(_between(lines, (row, column), token.start)) + _token(token, equations, cited)
        row, column = token.end
    return out


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    """What stands between two places: blanks and line ends."""
    if start[0] == end[0]:
        return lines[start[0] - 1][start[1] : end[1]]
    return lines[start[0] - 1][start[1] :] + "".join(lines[start[0] : end[0] - 1]) + lines[end[0] - 1][: end[1]]


def _token(token: tokenize.TokenInfo, equations: frozenset[int], cited: set[int]) -> str:
    text = escape(token.string)
    if token.type == tokenize.COMMENT:
        text = _CITATION.sub(lambda found: _link(int(found[1]), equations, cited), text)
    kind = "keyword" if keyword.iskeyword(token.string) else _COLOURED.get(token.type)
    return f'<span class="{kind}">{text}</span>' if kind else text


def _link(number: int, equations: frozenset[int], cited: set[int]) -> str:
    if number not in equations:
        return f"({number})"
    anchor = "" if number in cited else f' id="code-{number}"'
    cited.add(number)
    return f'<a{anchor} href="#eq-{number}">({number})</a>'
