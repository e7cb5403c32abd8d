"""Runs a page of the documentation from top to bottom, as its reader would, in a folder of its own.

Comes in: a Markdown page. Every block of code is run; what a block is, its language says, and an HTML comment in the line before it:

    rnn        a model: it is read and compiled; with `<!-- file: cell.rnn -->` it is written first;
               with `<!-- malformed: cell.rnn -->` it is written and not read
    toml       a file, with such a comment
    python     runs in one namespace with the page's other blocks; with `<!-- in: cell.py -->` it shows lines that must stand in that file
    console    `$ rnnsym …`, `$ python …`, `$ cat …`, each with what it prints (`…` for what is left out) and, as its last
               line, `exit code N` where that is not 0
    text       output, or what is no code; not run

`<!-- needs: torch -->` leaves a block out where that package is not installed; `<!-- not run: REASON -->` excuses one. Anything else is an error, so that no block escapes.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shown import stands_in

import rnnsym
from rnnsym.cli.main import main

_FENCE = re.compile(
    r"(?ms)^(?:<!-- (?P<word>file|malformed|in|needs|not run): (?P<said>.*?) -->\n)?^```(?P<language>[^\n]*)\n(?P<text>.*?)^```$"
)
_PRINTED = ("{rnnsym}", "{code-block}")


@dataclass(frozen=True)
class PageBlock:
    """A fenced block, its language, and what the comment before it says."""

    language: str
    text: str
    word: str = ""
    said: str = ""


def blocks(page: Path) -> Iterator[PageBlock]:
    """The fenced blocks of a page, in order."""
    for found in _FENCE.finditer(page.read_text("utf-8")):
        yield PageBlock(found["language"].strip(), found["text"], found["word"] or "", found["said"] or "")


def run(page: Path, folder: Path) -> dict[str, object]:
    """Run all blocks of a page in a folder, which is the current one; returns the namespace of its Python. AssertionError says which fails."""
    space: dict[str, object] = {"__name__": "__page__"}
    for block in blocks(page):
        if block.word == "not run" or block.language.split(" ")[0] in _PRINTED or block.language == "text":
            continue
        if block.word == "needs" and importlib.util.find_spec(block.said) is None:
            continue
        if block.word == "in":
            there = (folder / block.said).read_text("utf-8").split("\n")
            assert stands_in(_stripped(block.text), there), f"these lines are not in {block.said}:\n{block.text}"
            continue
        if block.word in ("file", "malformed"):
            path = folder / block.said
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        if block.word == "malformed":
            continue
        if block.language == "rnn":
            assert rnnsym.compile(rnnsym.parse(block.text)).forward
        elif block.language in ("python", "{code-cell} python"):
            if block.word != "file":
                exec(compile(block.text, page.name, "exec"), space)
        elif block.language == "console":
            _session(block.text)
        else:
            assert block.language == "toml" and block.word == "file", f"{page.name}: nothing runs a block of `{block.language}`"
    return space


def _stripped(text: str) -> list[str]:
    return [line.strip() if line.strip() == "…" else line.rstrip() for line in text.rstrip("\n").split("\n")]


def _session(text: str) -> None:
    """Commands and what they print, on both streams."""
    for session in re.split(r"(?m)^\$ ", text)[1:]:
        command, *shown = session.rstrip("\n").split("\n")
        code, printed = _command(shlex.split(command))
        expected = 1 if shown and shown[-1].startswith("exit code ") else 0
        if expected:
            expected = int(shown.pop().removeprefix("exit code "))
        assert code == expected, f"$ {command}\n{printed}"
        assert not shown or stands_in(shown, printed.split("\n")), f"$ {command}\n{printed}"


def _command(words: list[str]) -> tuple[int, str]:
    """Exit code and output of one command. What stands after `#` is a remark."""
    words = words[: words.index("#")] if "#" in words else words
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        if words[0] == "rnnsym":
            code = main(words[1:])
        elif words[0] == "python":  # a process of its own: what a script adds to rnnsym's tables stays there
            done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, timeout=120)
            code = done.returncode
            print(done.stdout + done.stderr)
        else:
            assert words[0] == "cat", f"nothing runs the command {words[0]}"
            print(Path(words[1]).read_text("utf-8"))
            code = 0
    return code, printed.getvalue()
