"""`rnnsym analyze MODEL`: norms of gradients against the distance in time, as a table, as JSON, as a figure.

The figure needs matplotlib, an extra; without it the table is printed all the same, and a plain sentence says what is missing.
"""

from __future__ import annotations

import json
import math
import sys
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path

from rnnsym.cli.files import write_bytes
from rnnsym.cli.make import read
from rnnsym.cli.outcome import DONE, WRONG
from rnnsym.cli.show import size_values
from rnnsym.cli.terminal import progress
from rnnsym.errors import UsageError

FIGURES = ("png", "svg", "pdf")
FEWEST_STEPS = 5


def analyze(options: Namespace) -> int:
    """Measure, print, and draw where a figure is asked for."""
    target = _target(options.output)
    scales = _scales(options.scales)
    if options.steps < FEWEST_STEPS:
        raise UsageError.at("U703", f"--steps {options.steps}", expected=f"a whole number of at least {FEWEST_STEPS}", file="analyze")
    system = read(options.model)
    with progress(f"{system.name}: measuring") as say:
        from rnnsym.cli.growth_text import growth_text  # brings NumPy
        from rnnsym.proof.measured_growth import measure_growth

        sizes = size_values(system, options.sizes)
        report = measure_growth(system, sizes=sizes, steps=options.steps, seed=options.seed, scales=scales, told=say)
    print(json.dumps(_plain(report.as_dict()), indent=1) if options.json else growth_text(report))
    if target is None:
        return DONE
    if find_spec("matplotlib") is None:
        print(f"`{target}` was not drawn: a figure needs matplotlib (pip install 'rnnsym[figures]')", file=sys.stderr)
        return WRONG
    from rnnsym.cli.growth_figure import growth_figure  # brings matplotlib

    changed = write_bytes(target, growth_figure(report, target.suffix[1:]), options.force)
    print(f"{target}{'' if changed else '  (unchanged)'}", file=sys.stderr)
    return DONE


def _target(output: str | None) -> Path | None:
    if output is None:
        return None
    target = Path(output)
    if target.suffix.removeprefix(".").lower() not in FIGURES:
        raise UsageError.at("U702", f"`{output}` names no figure", expected="an ending of " + ", ".join(FIGURES), file="analyze")
    return target


def _scales(text: str) -> list[float] | None:
    if not text:
        return None
    found = []
    for part in text.split(","):
        try:
            value = float(part)
        except ValueError:
            value = math.nan
        if not (value > 0 and math.isfinite(value)):
            raise UsageError.at(
                "U703", f"`{part.strip()}` is no scale", expected="positive numbers, as in --scales 0.5,1,2", file="analyze"
            )
        found.append(value)
    return found


def _plain(value):
    """Infinite numbers as text: JSON has none."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
