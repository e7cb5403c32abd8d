"""The long campaigns, run once and reported: models drawn at random, and broken files.

    python -m tests.random_systems.campaign systems --count 10000
    python -m tests.random_systems.campaign files --count 50000
    python -m tests.random_systems.campaign page

Number k of a campaign is its own seed, so a failure is seen again from its number alone. Each number's result is a line at the end of a file in
.rnnsym_cache/campaigns, with a fingerprint of the code it ran on: a campaign that was stopped goes on where it was and loses nothing. Numbers that
failed run again on other code; `--anew` begins again with all. `page` writes docs/reference/campaigns.md from the records (of another
checkout with `--records`) and says which numbers ran on which code. Exit code 1 where anything failed.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import shutil
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT), str(Path(__file__).parent)]

import module_witnesses  # noqa: E402
from mutated_texts import mutated  # noqa: E402
from test_mutated_texts import SECONDS, TEXTS, speaks  # noqa: E402
from witnesses import Unmeasurable, adjoint_agrees, reads_back  # noqa: E402

from rnnsym.algebra import System  # noqa: E402
from rnnsym.algebra import operators as op  # noqa: E402
from rnnsym.cli.build import program_fingerprint  # noqa: E402
from rnnsym.cli.files import write_all  # noqa: E402
from rnnsym.errors import InternalError, RnnsymError  # noqa: E402
from rnnsym.language import parse  # noqa: E402
from rnnsym.proof.random_models import random_model  # noqa: E402

RECORDS, PAGE = CHECKOUT / ".rnnsym_cache" / "campaigns", CHECKOUT / "docs" / "reference" / "campaigns.md"
KERNELS_EACH, TOLD_EVERY = 10, 20
COMPILER = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


@dataclass
class Result:
    """What was found at one number."""

    number: int
    program: str  # the fingerprint of the code
    outcome: str
    features: list[str]
    seconds: float  # of processor time
    memory: int  # the process's peak so far, in megabytes
    failure: str = ""


@dataclass
class Record:
    """What a campaign has found so far, by number."""

    results: dict[int, Result] = field(default_factory=dict)

    @classmethod
    def load(cls, name: str) -> Record:
        """The last result of each number; a line that was cut off by a stop does not count."""
        path = RECORDS / f"{name}.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        found = [Result(**json.loads(line)) for line in lines if line.endswith("}")]
        return cls({result.number: result for result in found})

    def is_done(self, number: int, program: str) -> bool:
        result = self.results.get(number)
        return result is not None and (not result.failure or result.program == program)

    @property
    def failures(self) -> list[Result]:
        return [result for result in self.results.values() if result.failure]

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(result.outcome for result in self.results.values())


def append(name: str, result: Result) -> None:
    """The result at the end of the campaign's file, on a line of its own also where a stop has cut off the line before."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    with open(RECORDS / f"{name}.jsonl", "a", encoding="utf-8") as file:
        file.write(f"\n{json.dumps(vars(result))}" if file.tell() else json.dumps(vars(result)))


# ---------------------------------------------------------------- one model, one file


def draw_system(number: int, seen: set[str]) -> str:
    """Whether derivation, code and interpreter agree about one drawn model; AssertionError where they do not."""
    model = random_model(Random(number))
    system = parse(model.text, name="drawn")
    sizes = {size.name: model.sizes[size.name] for size in system.sizes}
    seen |= features(system, model.text)
    reads_back(system)
    try:
        smooth = adjoint_agrees(system, sizes, number, 1 + number % 5)
        if module_witnesses.check(system, sizes, number, kernels=number % KERNELS_EACH == 0 and COMPILER is not None):
            seen.add("compiled kernels compared")
    except Unmeasurable:
        return "not finite at the point drawn, or too large to compare"
    return "agree" if smooth else "agree; on a kink, where the tangent alone is a witness"


def features(system: System, text: str) -> set[str]:
    """What of the language a model uses: operators by the names of their classes, and forms by words."""
    nodes = [node for d in system.every_definition for node in _walk(d.rhs)]
    found = {n.function if isinstance(n, op.Elementwise) else type(n).__name__ for n in nodes if isinstance(n, (op.Tensor, op.Condition))}
    found -= {"Number", "Quantity"}
    directions = {c.direction for c in system.components if c.kind == "scan"}
    forms = {
        "runs forwards": 1 in directions,
        "runs backwards": -1 in directions,
        "several variables in one recurrence": any(c.kind == "scan" and len(c.definitions) > 1 for c in system.components),
        "a lag of two or more": any(max(pair) > 1 for pair in system.extents.values()),
        "a matrix as a state": any(len(system.by_name[n].shape) == 2 and any(e) for n, e in system.extents.items()),
        "an own function": "def " in text,
        "several left sides": re.search(r"^\w+(\[t\])?, ", text, re.M) is not None,
        "a value outside 1 … T": bool(system.boundaries),
        "a start at -inf": "= -inf" in text,
        "a static equation": any(d.lhs.time is None and d.name not in ("loss'",) for d in system.definitions),
        "tokens": bool(system.of_kind("token")),
        "static data": any(not d.timed for d in system.data),
        "constants": bool(system.constants),
        "h[T] or h[1]": re.search(r"\[(T|1)\]", text) is not None,
        "loss[t]": "loss[t] =" in text,
        "loss": re.search(r"^loss =", text, re.M) is not None,
    }
    return found | {name for name, has in forms.items() if has}


def _walk(node):
    yield node
    for argument in node.args:
        yield from _walk(argument)


def break_file(number: int, seen: set[str]) -> str:
    """Whether a broken file is a model or a proper error, soon."""
    text = mutated(Random(number), TEXTS)
    try:
        assert isinstance(parse(text, name="broken"), System)
        return "read as a model"
    except RnnsymError as error:
        assert not isinstance(error, InternalError)
        speaks(error, text)
        seen.add(error.code)
        return "refused with a proper error"


# ---------------------------------------------------------------- a campaign

CAMPAIGNS: dict[str, Callable[[int, set[str]], str]] = {"systems": draw_system, "files": break_file}


def run(name: str, first: int, count: int) -> Record:
    """Numbers first … count - 1, those that are not done."""
    program, record = program_fingerprint()[:16], Record.load(name)
    for number in range(first, count):
        if record.is_done(number, program):
            continue
        record.results[number] = _one(name, number, program)
        append(name, record.results[number])
        if (number + 1) % TOLD_EVERY == 0:
            print(f"\r{name}: {number + 1} of {count}, {len(record.failures)} failed", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return record


def _one(name: str, number: int, program: str) -> Result:
    began, seen, failure = time.process_time(), set[str](), ""
    try:
        outcome = CAMPAIGNS[name](number, seen)
        if name == "files" and time.process_time() - began > SECONDS:
            raise AssertionError(f"took {time.process_time() - began:.1f} s")
    except Exception as error:  # whatever it is, it is a finding
        outcome, failure = "failed", " ".join([type(error).__name__ + ":", *str(error).splitlines()[:1]])
        traceback.print_exc()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return Result(number, program, outcome, sorted(seen), round(time.process_time() - began, 4), memory, failure)


# ---------------------------------------------------------------- the page

AIMS = {"systems": 10_000, "files": 50_000}
TITLES = {
    "systems": (
        "Models drawn at random",
        "Each is a well-formed model over the whole language. It must read back from its own text; its adjoint equations must agree with "
        "its tangent equations and, away from kinks, with the complex step (1e-9 of the sum of all terms); its NumPy module, planned for "
        "speed, must agree with the reference interpreter: values, cost, every gradient, padded batches, chunks, single steps, given initial "
        "values, errors from outside, single precision. The module of one statement per equation (`-O0`), the same module in a workspace "
        "that was used before, and targets given as class numbers must give the planned module's answers; so must, for every tenth model "
        "that has loops with entrywise parts, the module with compiled C kernels. What failed on earlier states of the code was mended and "
        "stands, made small, in `tests/random_systems/test_minimal_models.py`.",
    ),
    "files": (
        "Broken files",
        "Each is a model's file with one to six changes: characters, words, lines, halves of other files, long repetitions. It must be read "
        f"as a model or refused with a proper error at a place that the text has, in less than {SECONDS:g} s.",
    ),
}


def page() -> str:
    """The results as Markdown."""
    rows = [
        "# Campaigns",
        "",
        "Long runs of the drawing of models and of the breaking of files. This page is written by the last of these:",
        "",
    ]
    rows += ["```text", *re.findall(r"python -m tests.*", __doc__ or ""), "```"]
    for name, (title, said) in TITLES.items():
        record = Record.load(name)
        rows += ["", f"## {title}", "", said, ""]
        rows += _figures(name, record) if record.results else ["Not run yet."]
    return "\n".join(rows) + "\n"


def _figures(name: str, record: Record) -> list[str]:
    results = [record.results[number] for number in sorted(record.results)]
    rows = [f"{_ranges(list(record.results)).capitalize()}, each its own seed. {_programs(results)}"]
    if len(results) < AIMS[name]:
        rows[0] += f" These are {len(results):,} of {AIMS[name]:,}; the command goes on from there."
    rows += ["", "| outcome | number |", "|---|---:|"]
    rows += [f"| {outcome} | {count:,} |" for outcome, count in record.outcomes.most_common()]
    if not record.failures:
        rows.append("| failed | 0 |")
    longest, memory = max(r.seconds for r in results), max(r.memory for r in results)
    rows += ["", f"The longest took {longest:.2f} s of processor time; the process's peak was {memory} MB."]
    if record.failures:
        rows += ["", "Failures:", "", *(f"- `{r.number}: {r.failure}`" for r in results if r.failure)]
    what = "How many of the models hold what" if name == "systems" else "How many of the files gave which error first"
    features = Counter(f for r in results for f in r.features)
    rows += ["", f"{what}:", "", ", ".join(f"{f} {n:,}" for f, n in sorted(features.items(), key=lambda r: (-r[1], r[0]))) + "."]
    return rows


def _programs(results: list[Result]) -> str:
    """Which numbers ran on which state of the code."""
    numbers: dict[str, list[int]] = {}
    for result in results:
        numbers.setdefault(result.program, []).append(result.number)
    if len(numbers) == 1:
        return f"rnnsym's code and templates: `{results[0].program}`."
    parts = "; ".join(f"{_ranges(found)} on `{program}`" for program, found in numbers.items())
    return f"Not all on one state of rnnsym's code and templates: {parts}."


def _ranges(numbers: list[int]) -> str:
    """Whole numbers in words: "numbers 0 to 499 and 600"."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    words = [f"{a:,}" if a == b else f"{a:,} to {b:,}" for a, b in found]
    return "numbers " + " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def main() -> int:
    global RECORDS
    words = argparse.ArgumentParser(prog="python -m tests.random_systems.campaign", description=__doc__.split("\n")[0])
    words.add_argument("what", choices=(*CAMPAIGNS, "page"))
    words.add_argument("--first", type=int, default=0, help="the first number")
    words.add_argument("--count", type=int, default=200, help="the number after the last one")
    words.add_argument("--anew", action="store_true", help="forget the results so far")
    words.add_argument("--records", type=Path, default=RECORDS, help="the folder of the results")
    options = words.parse_args()
    RECORDS = options.records
    if options.what == "page":
        write_all({PAGE: page()}, force=True)
        return 0
    if options.anew:
        (RECORDS / f"{options.what}.jsonl").unlink(missing_ok=True)
    record = run(options.what, options.first, options.count)
    print(f"{options.what}: {len(record.results)} done: {dict(record.outcomes)}")
    for result in record.failures:
        print(f"{result.number}: {result.failure}")
    return 1 if record.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
