"""Evidence: what a document may say of how its model was checked.

Comes in: a System. Goes out: rows for the document's last part, from the checks of `verify`, each with the bound that it passed instead of
its residual. A model whose derivation fails a check has no document.
"""

from __future__ import annotations

import math

from rnnsym.algebra.system import System
from rnnsym.documents.evidence_part import Evidence
from rnnsym.errors import InternalError, UsageError
from rnnsym.proof.report import MEASURED, SKIPPED, TESTED, UNDECIDED, WRONG, Check
from rnnsym.proof.verify import verify


def evidence(system: System) -> tuple[Evidence, ...]:
    """The checks that were run; those that failed to decide, or that the module failed, say so. None where there is nothing to verify.

    Raises InternalError E905 where a proof or an exact test failed: the derivation is wrong.
    """
    try:
        report = verify(system)
    except UsageError:  # no cost, or no random arrays at which it is finite: then nothing was run
        return ()
    if any(c.outcome == WRONG and c.grade != MEASURED for c in report.checks):
        raise InternalError.at("E905", report.sentence)
    return tuple(Evidence(c.grade, c.what, c.how, _found(c)) for c in report.checks if c.outcome != SKIPPED)


def _found(check: Check) -> str:
    """What was found, without a figure that another machine might give otherwise."""
    if check.outcome == UNDECIDED:
        return f"undecided: {', '.join(check.names) or check.found}"
    if check.outcome == WRONG:
        return f"not passed: {', '.join(check.names) or check.found}"
    if check.grade == MEASURED:
        return f"≤ {_power(check.figures['tolerance'])}"
    if check.grade == TESTED:
        return f"equal; a wrong one would pass with a chance of at most {_power(check.figures['bound'])}"
    return check.found


def _power(bound: float) -> str:
    """A bound, rounded up to a power of ten."""
    return f"1e{math.ceil(math.log10(bound) - 1e-9)}" if 0 < bound < 1 else f"{bound:g}"
