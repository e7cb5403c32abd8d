"""What other modules of a model must answer as the planned one does: one statement per equation, compiled kernels, a workspace, classes.

Comes in: a Bench, whose planned module the interpreter has judged. Each function raises AssertionError and names what differs.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from drawn_bench import TOLERANCE, Bench, assert_same
from witnesses import Arrays

from rnnsym.backends.head import classes_allowed
from rnnsym.backends.numpy_module import module_with_kernels


def other_modules_agree(bench: Bench, others: dict[str, ModuleType], dtype: Any = float, tolerance: float = TOLERANCE) -> None:
    """Other modules of the model, and the module in a workspace that other lengths were computed in: the same answers."""
    work, own = bench.module.Workspace(), [bench.public[d.name] for d in bench.system.variables]
    for lengths in (np.asarray(bench.lengths), None):
        given = {"lengths": lengths, "wrt": [bench.public[n] for n in bench.wrt] + ["initial"]} | bench.data()
        wanted = _answers(bench.module.loss_and_grads(bench.params(dtype), **given))
        _same_answers("in a workspace", _answers(bench.module.loss_and_grads(bench.params(dtype), **given, work=work)), wanted, tolerance)
        for name, module in others.items():
            found = module.loss_and_grads(bench.params(dtype, module), **given)
            _same_answers(name, _answers(found), wanted, tolerance)
            if dtype is float:
                traces = [m.forward(bench.params(module=m), **bench.data(), lengths=lengths) for m in (module, bench.module)]
                _same_answers(name, *({k: np.asarray(trace[k]) for k in own if k in trace} for trace in traces), tolerance)


def _answers(found: tuple[Any, Any, Any]) -> Arrays:
    """Cost, gradients, state: everything that loss_and_grads returns, by name."""
    cost, grads, state = found
    rows = {"the cost": np.asarray(cost)} | {f"the gradient of {k}": v for k, v in grads.items()}
    for what in ("inputs", "constants", "initial"):
        rows |= {f"the gradient of {what} {k}": np.array(v) for k, v in getattr(grads, what).items()}
    return rows | {f"the state {k}": np.array(v) for k, v in state.items()}


def _same_answers(where: str, found: Arrays, wanted: Arrays, tolerance: float) -> None:
    assert found.keys() == wanted.keys(), f"{where}: {sorted(found.keys() ^ wanted.keys())} in one module alone"
    for name, value in wanted.items():
        assert_same(f"{name}, {where}", found[name], value, tolerance)


def class_numbers_are_one_hot_targets(bench: Bench, seed: int) -> None:
    """Where a target may be given as class numbers: the same answers as with one-hot vectors."""
    names = classes_allowed(bench.system)
    if not names:
        return
    rng, data = np.random.default_rng(seed), bench.data()
    numbers = {bench.public[n]: rng.integers(0, bench.arrays[n].shape[-1], bench.arrays[n].shape[:-1]) for n in names}
    vectors = {k: (v[..., None] == np.arange(data[k].shape[-1])).astype(float) for k, v in numbers.items()}
    found, wanted = (_answers(bench.module.loss_and_grads(bench.params(), **data | given)) for given in (numbers, vectors))
    _same_answers("with class numbers", found, wanted, TOLERANCE)


def compiled_kernels_agree(bench: Bench) -> bool:
    """The module with compiled kernels, where it has loops to call them from: they are built, used, and change no answer."""
    source, code = module_with_kernels(bench.parts, file="drawn_kernels.c")
    if "run.kernels.bind(" not in source:
        return False
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "drawn_kernels.c").write_text(code, encoding="utf-8")
        module = ModuleType("drawn")
        module.__file__ = str(Path(folder, "drawn.py"))
        exec(compile(source, module.__file__, "exec"), module.__dict__)
        before, os.environ["XDG_CACHE_HOME"] = os.environ.get("XDG_CACHE_HOME"), folder
        try:
            assert module.kernels_for(np.dtype(float)) is not None, "the kernels were not built, or not the same as NumPy on a sample"
        finally:
            os.environ.pop("XDG_CACHE_HOME") if before is None else os.environ.update(XDG_CACHE_HOME=before)
        other_modules_agree(bench, {"--kernels c": module})
    return True
