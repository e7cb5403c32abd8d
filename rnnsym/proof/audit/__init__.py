"""The audit of a hand-written backward: the derived gradient with one slip of the pen after the other, until the person's numbers come out.

contract.py     their function: found, called, its answer read; `layout.py` is the map between their arrays and the model's
points.py       where it is called
sheet.py        the adjoint equations as rows that can be altered and evaluated again
slips*.py       the known slips, found from the equations of any model
search.py       which of them explain the numbers
audit.py        the whole; `report.py` tells it
"""

from rnnsym.proof.audit.audit import Audit, Compared, audit
from rnnsym.proof.audit.report import as_dict, report_text

__all__ = ["Audit", "Compared", "as_dict", "audit", "report_text"]
