"""The mutation campaign: `python tests/mutation/run.py` breaks rnnsym in a copy of the tree, one thing at a time, and runs the tests that should
notice, each mutant in a fresh process.

    python tests/mutation/run.py                      all mutants; writes docs/reference/mutants.md
    python tests/mutation/run.py --only pullback,sum  those whose name or file holds one of these words; writes nothing
    python tests/mutation/run.py --again FILE.json    results are kept in FILE.json, and what is known there is not run again
    python tests/mutation/run.py --known FILE.json    nothing is run: the page is written from what is known
    python tests/mutation/run.py --near               the tests named with each mutant alone, not the wider rooms
    python tests/mutation/run.py --first              the first of these alone: for writing tests

It is run once for a release, not in CI: each mutant takes seconds to minutes. A mutant whose text is not there exactly once is an error.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mutation import backends, calculus, columns, passes, program, rooms
from mutation.mutant import ROOT, WIDER, Mutant

MUTANTS = [*calculus.MUTANTS, *rooms.MUTANTS, *program.MUTANTS, *columns.MUTANTS, *passes.MUTANTS, *backends.MUTANTS]
PAGE = ROOT / "docs" / "reference" / "mutants.md"
TIMEOUT = 600


@dataclass(frozen=True)
class Result:
    """What became of a mutant: killed (witness: the first test that failed), unended (the tests went on beyond the time), or survived."""

    name: str
    outcome: str
    witness: str
    seconds: float
    change: str


def copied_tree(folder: Path) -> Path:
    """A copy of what git knows, and of what is new."""
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    tree = folder / "tree"
    for name in filter(None, names):
        source, target = ROOT / name, tree / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return tree


def run_tests(tree: Path, tests: tuple[str, ...]) -> tuple[str, str]:
    """What became of a mutant in these tests, and the first that fails."""
    words = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--no-header", "-rfE", *tests]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        done = subprocess.run(words, cwd=tree, capture_output=True, text=True, timeout=TIMEOUT, env=environment)
    except subprocess.TimeoutExpired:
        return "unended", f"no end within {TIMEOUT} s"
    if done.returncode == 0:
        return "survived", ""
    found = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done.stdout, re.M)
    if done.returncode != 1 or not found:  # no tests, or pytest itself failed: nothing was tested
        raise RuntimeError(f"pytest {' '.join(tests)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return "killed", found[1]


def groups_of(mutant: Mutant, how: str) -> list[tuple[str, ...]]:
    """The tests that are run one after the other until one fails; `how`: first, near or wide."""
    named = [mutant.tests[:1], mutant.tests[1:]]
    wider = [WIDER] if how == "wide" and not mutant.equivalent else []
    return [tests for tests in ([mutant.tests[:1]] if how == "first" else [*named, *wider]) if tests]


def tried(tree: Path, mutant: Mutant, how: str) -> Result:
    """Break, test, mend."""
    path = tree / mutant.file
    whole = path.read_text(encoding="utf-8")
    begun = time.monotonic()
    path.write_text(mutant.applied(whole), encoding="utf-8")
    try:
        outcome, witness = "survived", ""
        for tests in groups_of(mutant, how):
            if outcome == "survived":
                outcome, witness = run_tests(tree, tests)
    finally:
        path.write_text(whole, encoding="utf-8")
    return Result(mutant.name, outcome, witness, round(time.monotonic() - begun, 1), change_of(mutant))


def change_of(mutant: Mutant) -> str:
    """What tells that a known result still is about this mutant."""
    return f"{mutant.file}\n{mutant.old}\n{mutant.new}"


def page(results: dict[str, Result], mutants: list[Mutant]) -> str:
    """The page of results."""
    run = [m for m in mutants if m.name in results]
    killed = [m for m in run if results[m.name].outcome == "killed"]
    equal = [m for m in run if results[m.name].outcome == "survived" and m.equivalent]
    alive = [m for m in run if m not in killed and m not in equal]
    waiting = [m for m in mutants if m not in run]
    rows = [
        "# Mutants",
        "",
        "One thing in rnnsym is broken at a time, and the tests are run: a test that should notice must fail. Written by",
        "`python tests/mutation/run.py`; the list of what is broken stands in `tests/mutation/`.",
        "",
        f"{len(mutants)} mutants: {len(killed)} killed, {len(equal)} equivalent to the original, {len(alive)} not killed"
        + (f", {len(waiting)} not run." if waiting else "."),
        "",
    ]
    if alive:
        rows += ["## Not killed", "", *(f"- {m.name} (`{m.file}`): {results[m.name].outcome}" for m in alive), ""]
    if waiting:
        rows += ["## Not run", "", *(f"- {m.name} (`{m.file}`)" for m in waiting), ""]
    rows += ["## Equivalent", "", *(f"- {m.name} (`{m.file}`): {m.equivalent}" for m in equal), ""] if equal else []
    rows += ["## Killed", "", "| what is broken | where | first test that fails |", "|---|---|---|"]
    for mutant in killed:
        witness = results[mutant.name].witness.removeprefix("tests/").replace("|", "\\|").replace("`", "'")
        rows.append(f"| {mutant.name} | `{mutant.file.removeprefix('rnnsym/')}` | `{witness}` |")
    return "\n".join(rows) + "\n"


def main() -> int:
    reader = argparse.ArgumentParser(description="Break rnnsym in a copy, one thing at a time, and see which test notices.")
    reader.add_argument("--only", default="", help="words, separated by commas, of the names or files of mutants")
    reader.add_argument("--again", metavar="FILE.json", help="keep results here, and do not run again what is known")
    reader.add_argument(
        "--near", dest="how", action="store_const", const="near", default="wide", help="the tests named with each mutant alone"
    )
    reader.add_argument("--first", dest="how", action="store_const", const="first", help="the first of the tests named with each alone")
    reader.add_argument("--known", metavar="FILE.json", help="write the page from these results, and run nothing")
    options = reader.parse_args()
    words = [w for w in options.only.split(",") if w]
    chosen = [m for m in MUTANTS if not words or any(w in m.name or w in m.file for w in words)]
    for mutant in chosen:
        mutant.applied((ROOT / mutant.file).read_text(encoding="utf-8"))  # a stale one is an error before anything is run
    kept = Path(options.known or options.again) if options.known or options.again else None
    known = {r["name"]: Result(**r) for r in json.loads(kept.read_text())} if kept and kept.exists() else {}
    results = {m.name: known[m.name] for m in chosen if m.name in known and known[m.name].change == change_of(m)}
    if options.known:
        PAGE.write_text(page(results, chosen), encoding="utf-8")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        tree = copied_tree(Path(folder))
        for number, mutant in enumerate(chosen, 1):
            if mutant.name in results and results[mutant.name].outcome == "killed":
                continue
            results[mutant.name] = result = tried(tree, mutant, options.how)
            print(f"{number}/{len(chosen)}  {result.outcome:8}  {result.seconds:6.1f} s  {mutant.name}  {result.witness}", flush=True)
            if kept:
                kept.write_text(json.dumps([asdict(r) for r in {**known, **results}.values()], indent=1))
    wrong = [m for m in chosen if results[m.name].outcome != ("survived" if m.equivalent else "killed")]
    if not words and options.how == "wide":
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(page(results, chosen), encoding="utf-8")
    for mutant in wrong:
        print(f"not as said: {mutant.name}: {results[mutant.name].outcome}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
