"""Slips of the pen that are no errors: a name that is read as a parameter, but was perhaps not meant as one.

Comes in: `Names`. Goes out: warnings.
"""

from __future__ import annotations

from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS
from rnnsym.language.builtin import ARITY
from rnnsym.language.findings import Findings
from rnnsym.language.names import Names

MAX_COMPARED = 1_000  # names are compared in pairs


def warn_of_slips(names: Names, findings: Findings) -> None:
    """Warn of parameters that were perhaps not meant to be: `T` and functions without brackets, names that nearly agree."""
    _warn_of_a_misspelt_loss(names, findings)
    params = [s for s in names.symbols.values() if s.kind == "param"]
    long = [s.name for s in params if sum(c.isalpha() for c in s.name) >= 4][:MAX_COMPARED]
    for symbol in params:
        if symbol.declare is not None:
            continue
        if symbol.name == "T":
            found = "`T` without brackets is read as a parameter of that name"
            findings.warn("W202", found, symbol.first, instead="h[T] for the last step; a number of steps as an input or a constant")
        if symbol.name in ARITY:
            findings.warn(
                "W203",
                f"`{symbol.name}` without brackets is read as a parameter of that name",
                symbol.first,
                instead=f"{symbol.name}(…)",
            )
        close = [other for other in long if symbol.name in long and differ_by_one_letter(symbol.name, other)]
        if close:
            others = " and ".join(f"`{c}`" for c in close[:3])
            findings.warn(
                "W201",
                f"the parameter `{symbol.name}` differs by one letter from {others}",
                symbol.first,
                expected="that both are meant",
            )


def _warn_of_a_misspelt_loss(names: Names, findings: Findings) -> None:
    """Warn of `los[t] = …` where nothing is called loss: such a model has no gradients."""
    if any(s.name in (STEP_LOSS, FINAL_LOSS) for s in names.symbols.values()):
        return
    for symbol in names.symbols.values():
        if symbol.kind == "variable" and differ_by_one_letter(symbol.name, STEP_LOSS):
            found = f"no equation defines `loss`, and `{symbol.name}` differs from it by one letter"
            findings.warn("W206", found, symbol.first, instead="loss[t] = …, which is summed over time, or loss = …")


def differ_by_one_letter(a: str, b: str) -> bool:
    """Whether one letter, changed, added or left out, makes one name the other; digits do not count.

    >>> differ_by_one_letter("gain", "gaim"), differ_by_one_letter("W_x1", "W_x2"), differ_by_one_letter("gain", "gains")
    (True, False, True)
    """
    if a == b or abs(len(a) - len(b)) > 1:
        return False
    if len(a) == len(b):
        pairs = [(c, d) for c, d in zip(a, b, strict=True) if c != d]
        return len(pairs) == 1 and all(c.isalpha() for c in pairs[0])
    short, long = sorted((a, b), key=len)
    return any(long[:i] + long[i + 1 :] == short and long[i].isalpha() for i in range(len(long)))
