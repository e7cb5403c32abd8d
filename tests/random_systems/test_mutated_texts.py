"""A broken file is a model or a proper error: never another exception, never a long wait."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import pytest
from mutated_texts import mutated

import rnnsym.models
from rnnsym.algebra import System
from rnnsym.errors import InternalError, RnnsymError
from rnnsym.language import parse

TESTS = Path(__file__).parents[1]
FOLDERS = (*(Path(p) for p in rnnsym.models.__path__), TESTS / "cells", TESTS / "truth" / "corpus")
TEXTS = [path.read_text(encoding="utf-8") for folder in FOLDERS for path in sorted(folder.glob("*.rnn"))]
SECONDS = 2.0


def _read(text: str) -> None:
    began = time.process_time()
    try:
        assert isinstance(parse(text, name="broken"), System)
    except RnnsymError as error:
        assert not isinstance(error, InternalError)
        speaks(error, text)
    assert time.process_time() - began < SECONDS


def speaks(error: RnnsymError, text: str) -> None:
    """Every diagnostic says something, at a place that the text has."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert error.diagnostics
    for diagnostic in error.diagnostics:
        assert diagnostic.found and diagnostic.code.startswith("E")
        span = diagnostic.span
        if span is not None:
            assert 1 <= span.line <= len(lines) and 1 <= span.column <= len(lines[span.line - 1]) + 1
            assert (span.end_line, span.end_column) >= (span.line, span.column)


@pytest.mark.parametrize("block", range(4))
def test_broken_files_are_read_or_refused(block):
    assert len(TEXTS) > 30
    for seed in range(100 * block, 100 * (block + 1)):
        _read(mutated(Random(seed), TEXTS))


@pytest.mark.slow
def test_thousands_of_broken_files():
    for seed in range(1_000_000, 1_005_000):
        _read(mutated(Random(seed), TEXTS))
