"""The cells of this folder and the library's models, with arrays to try them on.

Some cells need data of a certain kind: masks of zeros and ones, time stamps that increase. That is said here, once.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from agreement import BATCH, STEPS, Arrays, sizes_of, some_data, some_params

import rnnsym

CELLS = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.rnn"))}
LIBRARY = {path.stem: path for path in sorted((Path(rnnsym.__file__).parent / "models").glob("*.rnn"))}
EVERY = {**LIBRARY, **CELLS}
LONG = {"indrnn": 11}  # lags of 7 and 9: one run longer than they, one shorter


@cache
def system_of(name: str):
    return rnnsym.load(EVERY[name])


@cache
def module_of(name: str):
    return rnnsym.compile(system_of(name))


def mask(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Zeros, and ones with probability 0.4."""
    return (rng.random(shape) < 0.4).astype(float)


def arrays_of(name: str, seed: int, steps: int = STEPS, batch: int = BATCH) -> tuple[Arrays, Arrays]:
    """(parameters, data) for a cell or a library model."""
    system, rng = system_of(name), np.random.default_rng(seed)
    params, data, n_h = some_params(system, rng), some_data(system, rng, steps, batch), sizes_of(system).get("n_h")
    if name == "zoneout_lstm":
        data |= {"d_c": mask(rng, steps, batch, n_h), "d_h": mask(rng, steps, batch, n_h)}
    if name == "clockwork":
        data |= {"tick": mask(rng, steps, batch, n_h)}
    if name == "phased_lstm":
        data |= {"time": np.cumsum(rng.uniform(0.2, 1.0, (steps, batch)), 0)}
    return params, data


def alone(system, data, b, length):
    """One sequence of the batch, as a batch of one."""
    out = {}
    for name, array in data.items():
        declaration = system.by_name[name]
        out[name] = array if declaration.kind == "constant" else array[:length, b : b + 1] if declaration.timed else array[b : b + 1]
    return out


def spoiled(system, data, lengths):
    """The data with nan (or -1 for classes) wherever a sequence has ended."""
    out = dict(data)
    for declaration in system.data:
        if declaration.timed:
            array = data[declaration.name].copy()
            for b, length in enumerate(lengths):
                array[length:, b] = -1 if np.issubdtype(array.dtype, np.integer) else np.nan
            out[declaration.name] = array
    return out
