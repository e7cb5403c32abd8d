"""The campaign's own parts: every mutant still fits the source, a stale one is an error, and the page tells what survived from what was killed."""

from __future__ import annotations

import ast
import dataclasses
from functools import cache

import pytest

from mutation.mutant import ROOT, Mutant, StaleMutant
from mutation.run import MUTANTS, PAGE, Result, is_as_said, known_results, page

ONE = Mutant("sign lost", "rnnsym/somewhere.py", "-g", "g", ("tests/calculus",))


def test_a_mutant_replaces_what_is_there_exactly_once():
    assert ONE.applied("return -g\n") == "return g\n"
    for text in ("return g\n", "return -g, -g\n"):
        with pytest.raises(StaleMutant, match="sign lost"):
            ONE.applied(text)
    with pytest.raises(StaleMutant):
        dataclasses.replace(ONE, new="-g").applied("return -g\n")


@cache
def source(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_every_mutant_still_breaks_the_source(mutant: Mutant):
    ast.parse(mutant.applied(source(mutant.file)), mutant.file)


def test_every_mutant_has_a_name_of_its_own_and_tests_that_exist():
    assert len({m.name for m in MUTANTS}) == len(MUTANTS) >= 60
    assert {t for m in MUTANTS for t in m.tests if not (ROOT / t.partition("::")[0]).exists()} == set()


def test_every_mutant_as_it_is_now_has_been_run_and_was_killed_or_is_equivalent():
    known = known_results()
    assert [m.name for m in MUTANTS if m.name not in known or not is_as_said(m, known[m.name])] == [], "python tests/mutation/run.py"
    assert PAGE.read_text(encoding="utf-8") == page(known, MUTANTS), "python tests/mutation/run.py"


def test_the_page_keeps_killed_survived_equivalent_and_not_run_apart():
    mutants = [dataclasses.replace(ONE, name=name) for name in ("a", "b", "d")] + [
        dataclasses.replace(ONE, name="c", equivalent="it is the same.")
    ]
    outcomes = {"a": ("killed", "tests/calculus/test_rules.py::test_x"), "b": ("survived", ""), "c": ("survived", "")}
    text = page({name: Result(name, outcome, witness, "") for name, (outcome, witness) in outcomes.items()}, mutants)
    assert "4 mutants: 1 killed, 1 equivalent to the original, 1 not killed, 1 not run." in text
    assert "| a | `somewhere.py` | `calculus/test_rules.py::test_x` |" in text
    assert "## Not killed\n\n- b (" in text and "- c (`rnnsym/somewhere.py`): it is the same." in text and "## Not run\n\n- d (" in text
