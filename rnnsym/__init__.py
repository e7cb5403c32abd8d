"""rnnsym: recurrent networks as equations.

    import rnnsym

    model = rnnsym.load("lstm")                # a library name, or the path of a .rnn file
    print(rnnsym.derive(model))                # backpropagation through time, equation by equation
    print(rnnsym.generate(model))              # the NumPy module's text
    lstm = rnnsym.compile(model)               # the same module, live
    print(rnnsym.verify(model))                # rules proved, assembly tested exactly, numbers measured
    peephole = rnnsym.edit(model, "o[t] = sigmoid(W_o @ x[t] + U_o @ h[t-1] + P_o * c[t] + b_o)")

Names are imported when they are first used, so that `import rnnsym` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rnnsym.errors import InternalError, ModelError, NotSupported, RnnsymError, UsageError

if TYPE_CHECKING:
    from rnnsym.algebra import Quantity, System, apply, sizes, t
    from rnnsym.derivation import derive
    from rnnsym.derivation.derivation import Derivation
    from rnnsym.language import edit, parse
    from rnnsym.library import load
    from rnnsym.live import compile, generate
    from rnnsym.proof.verify import verify

__version__ = "0.1.0"

_HOMES = {
    "load": "rnnsym.library",  # load(name or path) -> System
    "parse": "rnnsym.language",  # parse(text, name=...) -> System
    "edit": "rnnsym.language",  # edit(system, text) -> System with these equations in place of, or beside, its own
    "derive": "rnnsym.derivation",  # derive(system) -> Derivation
    "generate": "rnnsym.live",  # generate(system) -> str, the text of a NumPy module
    "compile": "rnnsym.live",  # compile(system) -> module, cached by fingerprint
    "verify": "rnnsym.proof.verify",  # verify(system) -> Report: is every gradient right?
    "System": "rnnsym.algebra",
    "Derivation": "rnnsym.derivation.derivation",
    "Quantity": "rnnsym.algebra",  # with sizes, apply and t: a System from Python, see System.from_equations
    "apply": "rnnsym.algebra",
    "sizes": "rnnsym.algebra",
    "t": "rnnsym.algebra",
}

__all__ = [
    "Derivation", "InternalError", "ModelError", "NotSupported", "Quantity", "RnnsymError", "System", "UsageError", "__version__",
    "apply", "compile", "derive", "edit", "generate", "load", "parse", "sizes", "t", "verify",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rnnsym' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
