"""Colours for models: Python's lexer, since the language's syntax is a part of Python's; what is no Python is shown plainly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pygments.lexers.python import PythonLexer
from pygments.token import Error, Text


class ModelLexer(PythonLexer):
    """`.rnn` files, malformed ones included."""

    name = "rnn"
    aliases = ["rnn"]
    filenames = ["*.rnn"]

    def get_tokens_unprocessed(self, text: str, stack: Any = ("root",)) -> Iterator[tuple[int, Any, str]]:
        for index, token, value in super().get_tokens_unprocessed(text, stack):
            yield index, Text if token is Error else token, value
