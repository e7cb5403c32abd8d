"""The mutation campaign: `python tests/mutation/run.py` breaks rnnsym in a copy of the tree, one thing at a time, and runs the tests that should
notice, each mutant in a fresh process.

    python tests/mutation/run.py                      the mutants of which no result is known; writes results.json and docs/reference/mutants.md
    python tests/mutation/run.py --all                every mutant once more
    python tests/mutation/run.py --only pullback,sum  those whose name or file holds one of these words, known or not; writes nothing
    python tests/mutation/run.py --near               the tests named with each mutant alone, not the wider rooms
    python tests/mutation/run.py --first              the first of these alone: for writing tests

Results are kept as they come, so that a run that was stopped goes on. They are known by what a mutant changes: who alters one, or adds one,
runs it. Not done in CI, where every mutant takes seconds to minutes; there a test sees that each still fits the source and has a result.
"""

from __future__ import annotations

import argparse
import hashlib
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
RESULTS = Path(__file__).parent / "results.json"
TIMEOUT = 600


@dataclass(frozen=True)
class Result:
    """What became of a mutant: killed (witness: the first test that failed), unended (the tests went on beyond the time), or survived.

    change  what tells that the result is about this mutant, as it is now
    """

    name: str
    outcome: str
    witness: str
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
    if done.returncode < 0:  # ended by a signal: compiled code wrote or read where nothing is
        running = re.search(r'/(tests/[^"]+)", line \d+ in (test_\w+)', done.stderr)
        return "killed", f"{running[1]}::{running[2]} (it crashes)" if running else f"{tests[0]} (it crashes)"
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
    path.write_text(mutant.applied(whole), encoding="utf-8")
    try:
        outcome, witness = "survived", ""
        for tests in groups_of(mutant, how):
            if outcome == "survived":
                outcome, witness = run_tests(tree, tests)
    finally:
        path.write_text(whole, encoding="utf-8")
    return Result(mutant.name, outcome, witness, change_of(mutant))


def change_of(mutant: Mutant) -> str:
    """A digest of what a mutant changes."""
    return hashlib.sha256(f"{mutant.file}\n{mutant.old}\n{mutant.new}".encode()).hexdigest()[:16]


def known_results() -> dict[str, Result]:
    """The results that are kept, of mutants as they are now."""
    kept = {r["name"]: Result(**r) for r in json.loads(RESULTS.read_text(encoding="utf-8"))} if RESULTS.exists() else {}
    return {m.name: kept[m.name] for m in MUTANTS if m.name in kept and kept[m.name].change == change_of(m)}


def keep(results: dict[str, Result]) -> None:
    """Write what is known, in the order of the list, and the page that tells it."""
    rows = [json.dumps(asdict(results[m.name]), ensure_ascii=False) for m in MUTANTS if m.name in results]
    RESULTS.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")
    PAGE.write_text(page(results, MUTANTS), encoding="utf-8")


def is_as_said(mutant: Mutant, result: Result) -> bool:
    """Whether a mutant was killed, or survived as one that means the same as the original."""
    return result.outcome == ("survived" if mutant.equivalent else "killed")


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
    reader.add_argument("--all", action="store_true", help="run again what is known, too")
    reader.add_argument(
        "--near", dest="how", action="store_const", const="near", default="wide", help="the tests named with each mutant alone"
    )
    reader.add_argument("--first", dest="how", action="store_const", const="first", help="the first of the tests named with each alone")
    options = reader.parse_args()
    words = [w for w in options.only.split(",") if w]
    for mutant in MUTANTS:
        mutant.applied((ROOT / mutant.file).read_text(encoding="utf-8"))  # a stale one is an error before anything is run
    known = {} if options.all or words else known_results()
    results = {m.name: known[m.name] for m in MUTANTS if m.name in known and is_as_said(m, known[m.name])}
    chosen = [m for m in MUTANTS if (any(w in m.name or w in m.file for w in words) if words else m.name not in results)]
    with tempfile.TemporaryDirectory() as folder:
        tree = copied_tree(Path(folder))
        for number, mutant in enumerate(chosen, 1):
            begun = time.monotonic()
            results[mutant.name] = result = tried(tree, mutant, options.how)
            took = time.monotonic() - begun
            print(f"{number}/{len(chosen)}  {result.outcome:8}  {took:6.1f} s  {mutant.name}  {result.witness}", flush=True)
            if not words:
                keep(results)
    if not words:
        keep(results)
    wrong = [m for m in (chosen if words else MUTANTS) if not is_as_said(m, results[m.name])]
    for mutant in wrong:
        print(f"not as said: {mutant.name}: {results[mutant.name].outcome}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
