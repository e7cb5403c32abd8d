"""From a System to its NumPy module: as text, and alive.

Comes in: a System. Goes out: the module's source, or the module itself, made once for equal Systems.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from rnnsym.algebra import System
from rnnsym.backends import numpy_module
from rnnsym.backends.live import compile_module
from rnnsym.derivation import derive
from rnnsym.library import SUFFIX
from rnnsym.resources import models_folder


def generate(system: System, level: int = 1) -> str:
    """The text of the model's NumPy module, which imports NumPy alone and cites the equation numbers of its derivation.

    `level` 0 has one statement per equation, as on paper; 1 is planned for speed. Both have the same functions. Same System, same
    bytes. Raises UsageError where `system` is no System, NotSupported where the model is well formed but cannot be written yet.

    >>> import rnnsym
    >>> print(generate(rnnsym.load("elman")).split(":")[0])
    \"\"\"Simple recurrent network
    """
    numbers = derive(system).numbers  # first: it says what to write where there is no System
    command = f"rnnsym generate {model_word(system)}{'' if level else ' -O0'}"
    return numpy_module.generate(system, numbers=numbers, command=command, level=level)


def generate_with_kernels(system: System, file: str) -> tuple[str, str]:
    """The module whose loops call compiled kernels, and the text of the C file `file` beside it, from which it builds them on first use.

    Without a C compiler the module says so in a line and works in NumPy alone. Raises as `generate` does.
    """
    command = f"rnnsym generate {model_word(system)} --kernels c"
    return numpy_module.generate_with_kernels(system, numbers=derive(system).numbers, command=command, file=file)


@lru_cache(maxsize=64)
def compile(system: System) -> ModuleType:
    """The live module of a model: `forward`, `loss`, `loss_and_grads`, `step`, … (see the module's own docstring).

    Arrays are time-major: x is (T, B, n_x). Equal Systems (same equations, names, descriptions) give the same module object. Raises as
    `generate` does; the module's own functions raise ValueError for wrong arguments.

    >>> import numpy as np, rnnsym
    >>> elman = compile(rnnsym.load("elman"))
    >>> params = elman.init_params(n_x=3, n_h=4, n_y=2, rng=0)
    >>> elman.forward(params, x=np.zeros((5, 1, 3))).h.shape
    (5, 1, 4)
    """
    return compile_module(generate(system), system.name)


def compile_with_kernels(system: System) -> ModuleType | None:
    """The live module whose loops call compiled kernels, from files of its own in a temporary folder; None where it has no such loop."""
    text, source = generate_with_kernels(system, f"{system.name}_kernels.c")
    if "run.kernels.bind(" not in text:
        return None
    folder = Path(tempfile.mkdtemp(prefix="rnnsym-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / f"{system.name}_kernels.c").write_text(source, encoding="utf-8")
    path = folder / f"{system.name}.py"
    path.write_text(text, encoding="utf-8")
    spec = spec_from_file_location(f"rnnsym_kernels_{system.name}", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def model_word(system: System) -> str:
    """What stands for the model in the command that makes its module again: never a folder, so that every place gives the same bytes."""
    path = models_folder() / f"{system.name}{SUFFIX}"
    of_library = path.is_file() and Path(system.file).resolve() == path
    return system.name if of_library else f"{system.name}{SUFFIX}"
