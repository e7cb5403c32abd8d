"""The long campaigns, run once and reported: models drawn at random, and broken files.

    python -m tests.random_systems.campaign systems --count 10000 --seed 0
    python -m tests.random_systems.campaign files --count 50000 --seed 0
    python -m tests.random_systems.campaign page

Number k of a campaign is drawn with seed + k, so a failure is seen again from its number alone. A campaign that was interrupted goes on where
it was (the record in .rnnsym_cache/campaigns holds for one state of rnnsym's code; another state begins anew); `page` writes
docs/reference/campaigns.md from the records. Exit code 1 where anything failed.
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
SAVED_EVERY, KERNELS_EACH = 20, 10
COMPILER = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


@dataclass
class Record:
    """What a campaign has found so far."""

    program: str
    seed: int
    done: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    features: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    longest: float = 0.0  # seconds of processor time
    memory: int = 0  # the process's peak, in megabytes

    def save(self, name: str) -> None:
        write_all({RECORDS / f"{name}.json": json.dumps(vars(self), indent=1) + "\n"}, force=True)

    @classmethod
    def load(cls, name: str) -> Record | None:
        path = RECORDS / f"{name}.json"
        if not path.is_file():
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(**found | {key: Counter(found[key]) for key in ("outcomes", "features")})


# ---------------------------------------------------------------- one model, one file


def draw_system(number: int, record: Record) -> str:
    """Whether derivation, code and interpreter agree about one drawn model; AssertionError where they do not."""
    model = random_model(Random(number))
    system = parse(model.text, name="drawn")
    sizes = {size.name: model.sizes[size.name] for size in system.sizes}
    record.features.update(features(system, model.text))
    reads_back(system)
    try:
        smooth = adjoint_agrees(system, sizes, number, 1 + number % 5)
        if module_witnesses.check(system, sizes, number, kernels=number % KERNELS_EACH == 0 and COMPILER is not None):
            record.features.update(["compiled kernels compared"])
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


def break_file(number: int, record: Record) -> str:
    """Whether a broken file is a model or a proper error, soon."""
    text = mutated(Random(number), TEXTS)
    try:
        assert isinstance(parse(text, name="broken"), System)
        return "read as a model"
    except RnnsymError as error:
        assert not isinstance(error, InternalError)
        speaks(error, text)
        record.features.update({error.code})
        return "refused with a proper error"


# ---------------------------------------------------------------- a campaign

CAMPAIGNS: dict[str, Callable[[int, Record], str]] = {"systems": draw_system, "files": break_file}


def run(name: str, count: int, seed: int) -> Record:
    """Go on with a campaign, or begin one."""
    program, record = program_fingerprint(), Record.load(name)
    if record is None or (record.program, record.seed) != (program, seed):
        record = Record(program, seed)
    try:
        while record.done < count:
            _one(name, record)
            if record.done % SAVED_EVERY == 0:
                print(f"\r{name}: {record.done} of {count}, {len(record.failures)} failed", end="", file=sys.stderr, flush=True)
                record.save(name)
    finally:
        print(file=sys.stderr)
        record.save(name)
    return record


def _one(name: str, record: Record) -> None:
    number, began = record.seed + record.done, time.process_time()
    try:
        outcome = CAMPAIGNS[name](number, record)
        if name == "files" and time.process_time() - began > SECONDS:
            raise AssertionError(f"took {time.process_time() - began:.1f} s")
    except Exception as error:  # whatever it is, it is a finding
        outcome = "failed"
        record.failures.append(f"{number}: {type(error).__name__}: {str(error).splitlines()[:1]}")
        traceback.print_exc()
    record.outcomes[outcome] += 1
    record.longest = max(record.longest, time.process_time() - began)
    record.memory = max(record.memory, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    record.done += 1


# ---------------------------------------------------------------- the page

TITLES = {
    "systems": (
        "Models drawn at random",
        "Each is a well-formed model over the whole language. It must read back from its own text; its adjoint equations must agree with "
        "its tangent equations and, away from kinks, with the complex step (1e-9 of the sum of all terms); its NumPy module must agree with "
        "the reference interpreter: values, cost, every gradient, padded batches, chunks, errors from outside, single precision.",
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
        rows += _figures(name, record) if record else ["Not run yet."]
    return "\n".join(rows) + "\n"


def _figures(name: str, record: Record) -> list[str]:
    rows = [
        f"Numbers {record.seed} to {record.seed + record.done - 1}, each its own seed; rnnsym's code and templates: `{record.program[:16]}`."
    ]
    rows += ["", "| outcome | number |", "|---|---:|"]
    rows += [f"| {outcome} | {count:,} |" for outcome, count in record.outcomes.most_common()]
    if "failed" not in record.outcomes:
        rows.append("| failed | 0 |")
    rows += ["", f"The longest took {record.longest:.2f} s of processor time; the process's peak was {record.memory} MB."]
    if record.failures:
        rows += ["", "Failures:", "", *(f"- `{failure}`" for failure in record.failures)]
    what = "How many of the models hold what" if name == "systems" else "How many of the files gave which error first"
    rows += ["", f"{what}:", "", ", ".join(f"{f} {n:,}" for f, n in sorted(record.features.items(), key=lambda r: (-r[1], r[0]))) + "."]
    return rows


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m tests.random_systems.campaign", description=__doc__.split("\n")[0])
    words.add_argument("what", choices=(*CAMPAIGNS, "page"))
    words.add_argument("--count", type=int, default=200)
    words.add_argument("--seed", type=int, default=0)
    options = words.parse_args()
    if options.what == "page":
        write_all({PAGE: page()}, force=True)
        return 0
    record = run(options.what, options.count, options.seed)
    print(f"{options.what}: {record.done} from seed {record.seed}: {dict(record.outcomes)}")
    for failure in record.failures:
        print(failure)
    return 1 if record.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
