"""A page's blocks ```` ```{rnnsym} NAME WORDS ```` and ```` ```{code-cell} ```` replaced by what they print.

Comes in: a page's Markdown. Goes out: the Markdown that Sphinx reads. A printer takes the words after its name and returns Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sphinx_rnnsym.api import module_reference, public_reference
from sphinx_rnnsym.cells import Cells
from sphinx_rnnsym.commands import command_reference
from sphinx_rnnsym.contents import contents
from sphinx_rnnsym.equations import cited_code, derived_equations, model_equations, model_picture
from sphinx_rnnsym.errors import call_reference, error_reference, warning_reference
from sphinx_rnnsym.functions import function_reference
from sphinx_rnnsym.gallery import gallery

PRINTERS: dict[str, Callable[..., str]] = {
    "api": public_reference,
    "calls": call_reference,
    "code": cited_code,
    "commands": command_reference,
    "contents": contents,
    "derived": derived_equations,
    "equations": model_equations,
    "errors": error_reference,
    "functions": function_reference,
    "gallery": gallery,
    "module": module_reference,
    "picture": model_picture,
    "warnings": warning_reference,
}

_BLOCK = re.compile(r"^```\{(rnnsym|code-cell)\}([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


def expand(text: str, page: str) -> str:
    """The page with every block printed. Raises KeyError where a printer does not exist."""
    cells = Cells(page)

    def printed(block: re.Match[str]) -> str:
        kind, words, body = block.groups()
        if kind == "code-cell":
            return cells.run(body)
        name, *rest = words.split()
        return PRINTERS[name](*rest)

    return _BLOCK.sub(printed, _FRONT_MATTER.sub("", text) if "{code-cell}" in text else text)
