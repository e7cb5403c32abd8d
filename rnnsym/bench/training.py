"""A generated module's training step as a contestant, with a workspace where the module has one, as in a training loop."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnsym.backends.names import python_names
from rnnsym.bench.cases import Case
from rnnsym.bench.contest import Contestant, Gradients


def result(module: Any, case: Case, dtype: Any = None) -> tuple[float, Gradients]:
    """Loss and gradients by the model's names."""
    names = python_names(case.system)
    loss, gradients, _ = module.loss_and_grads(case.module_params(module, dtype), **case.keywords())
    return float(loss), {name: np.asarray(gradients[names[name]]) for name in case.params}


def contestant(name: str, case: Case, module: Any) -> Contestant:
    """The module's `loss_and_grads`, as a training loop calls it."""
    params, more = case.module_params(module), case.keywords() | room(module)
    return Contestant(name, lambda: module.loss_and_grads(params, **more), lambda: result(module, case))


def room(module: Any) -> dict[str, Any]:
    """The argument that lets calls of equal shape use their arrays again."""
    return {"work": module.Workspace()} if hasattr(module, "Workspace") else {}
