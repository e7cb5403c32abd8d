"""A command as a person runs it: words in, exit code and both streams out, in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from rnnsym.cli.main import main


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `rnnsym` with these words in the empty folder."""

    def call(*words: str) -> Outcome:
        capsys.readouterr()
        code = main(list(words))
        streams = capsys.readouterr()
        return Outcome(code, streams.out, streams.err)

    return call
