"""A fresh process for the measurements, so that its numbers of threads hold from the first import on.

Comes in: a request as plain data. Goes out: the report, as plain data, from `python -m rnnsym.bench.process`, which reads the one from
its standard input and writes the other to its standard output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from rnnsym.bench.machine import environment
from rnnsym.errors import InternalError, RnnsymError, UsageError

ROOT = Path(__file__).resolve().parents[2]


def in_fresh_process(task: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run a task of `rnnsym.bench.tasks` with `request["threads"]` threads."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-m", "rnnsym.bench.process", task],
        input=json.dumps(request),
        env=os.environ | environment(request["threads"]) | {"PYTHONPATH": path},
        text=True,
        stdout=subprocess.PIPE,
    )
    if done.returncode != 0:
        raise InternalError.at("E999", f"the measuring process ended with code {done.returncode}; what it said stands above")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "wrong" in answer:
        raise UsageError.at("U505", answer["wrong"], file="bench")
    return answer


def main() -> None:
    """The measuring process."""
    from rnnsym.bench import tasks  # brings NumPy, which must not be there before the threads are settled

    try:
        answer = getattr(tasks, sys.argv[1])(json.loads(sys.stdin.read()))
    except RnnsymError as error:
        answer = {"wrong": str(error)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
