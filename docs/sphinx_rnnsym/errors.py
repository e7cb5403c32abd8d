"""Every error and warning, with texts that raise it and the message as it is printed.

Comes in: the catalogue, the malformed models of the tests, and calls that go wrong. Goes out: Markdown. The models of the tests are read
and the calls are run when the site is built: a message shown is a message printed.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rnnsym.cli.main import main
from rnnsym.error_catalogue import CATALOGUE, CatalogueEntry
from rnnsym.errors import ModelError
from rnnsym.language import parse
from sphinx_rnnsym.wrong_calls import CALLS, WARNINGS, WrongCall

MALFORMED = Path(__file__).parents[2] / "tests" / "language" / "malformed.txt"
FAMILIES = {
    "E1": "A text that cannot be read", "E2": "Names", "E3": "Shapes", "E4": "Time", "E7": "Notation", "E9": "Bugs in rnnsym",
    "W2": "Warnings", "U1": "Finding a model", "U2": "Writing files", "U3": "Options and formats", "U4": "Projects",
    "U5": "Checking", "U6": "Arrays", "U7": "Vanishing and exploding gradients", "U8": "Auditing",
}  # fmt: skip


def malformed() -> dict[str, list[str]]:
    """The malformed models of the tests by the first code that each raises; a model is shown under one code."""
    cases: dict[str, list[str]] = {}
    for text in re.findall(r"^=== .*?\n(.*?)\n--- says\n", MALFORMED.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        cases.setdefault(_raised(text).code, []).append(text)
    return cases


def _raised(text: str) -> ModelError:
    try:
        parse(text + "\n")
    except ModelError as error:
        return error
    raise AssertionError(f"this text is not malformed:\n{text}")


def error_reference() -> str:
    """Codes that begin with E, each with all malformed models that raise it first."""
    cases = malformed()
    return "\n".join(_sections("E", lambda code: [_model_shown(text) for text in cases.get(code, [])]))


def warning_reference() -> str:
    """Codes that begin with W."""
    return "\n".join(_sections("W", lambda code: [_call_shown(call) for call in WARNINGS if call.code == code]))


def call_reference() -> str:
    """Codes that begin with U: calls and commands."""
    return "\n".join(_sections("U", lambda code: [_call_shown(call) for call in CALLS if call.code == code]))


def _sections(letter: str, examples) -> Iterator[str]:
    family = ""
    for code, entry in CATALOGUE.items():
        if not code.startswith(letter):
            continue
        if code[:2] != family:
            family = code[:2]
            yield f"## {FAMILIES.get(family, f'{family}xx')}\n"
        yield _heading(code, entry)
        shown = examples(code)
        yield shown[0] if shown else ""
        if len(shown) > 1:
            yield _folded(shown[1:])


def _heading(code: str, entry: CatalogueEntry) -> str:
    return f"({code})=\n### {code}: {entry.title}\n\n{entry.meaning}\n"


def _folded(shown: list[str]) -> str:
    """Further examples, which the reader opens."""
    summary = "one more example" if len(shown) == 1 else f"{len(shown)} more examples"
    opening = f'```{{raw}} html\n<details class="more"><summary>{summary}</summary>\n```\n'
    return "\n".join([opening, *shown, "```{raw} html\n</details>\n```\n"])


def _model_shown(text: str) -> str:
    return _code("rnn", text) + _code("text", _raised(text).render().replace("<text>:", "model.rnn:"))


def _call_shown(call: WrongCall) -> str:
    files = "".join(_code("toml" if name.endswith("toml") else "rnn", text) for name, text in call.files.items())
    return files + _code("console", f"$ rnnsym {call.words}\n{call_output(call)}")


def call_output(call: WrongCall) -> str:
    """What a call prints on both streams, in a folder of its own that holds the files of the example and nothing else."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        try:
            os.chdir(folder)
            for name, text in call.files.items():
                Path(name).write_text(text, encoding="utf-8")
            for words in call.first:
                _printed(words)
            return _printed(call.words).replace(f"{Path(folder).resolve()}/", "").replace(f"{folder}/", "")
        finally:
            os.chdir(before)


def _printed(words: str) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        main(words.split())
    return printed.getvalue().rstrip("\n")


def _code(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```\n\n"
