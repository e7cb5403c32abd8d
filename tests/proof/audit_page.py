"""What docs/guide/auditing.md shows, made by running it: `python tests/proof/audit_page.py` writes the report and the table of slips anew."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from proof.audit_cases import CASES

import rnnsym
from rnnsym.proof.audit import audit, report_text

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "guide" / "auditing.md"


def report() -> str:
    """The report on the example, with the errors of right gradients, which differ from machine to machine, as bounds."""
    text = report_text(audit(str(DOCS / "examples" / "my_lstm.py") + ":backward", rnnsym.load("lstm")))
    text = text.replace(str(DOCS / "examples") + "/", "")
    text = re.sub(r"\d\.\de-1[5-9]  right", "≤ 1e-14  right", text)
    return "```text\n" + re.sub(r"\(to \de-1[5-9], ", "(to 1e-14, ", text) + "\n```"


def table() -> str:
    """Every seeded slip, and what is said of it."""
    rows = ["| slip | model | what is said first |", "|---|---|---|"]
    for case in CASES:
        found = audit(case.place, rnnsym.load(case.model))
        told = " and ".join(slip.sentence for slip in found.explanations[0].slips) if found.explanations else "nothing"
        rows.append(f"| {case.function.replace('_', ' ')} | `{case.model}` | {told} |")
    return "\n".join(rows)


PARTS: dict[str, Callable[[], str]] = {"report": report, "table": table}


def part(text: str, name: str) -> str:
    """What stands between the two marks of a part."""
    return re.findall(rf"<!-- {name} -->\n(.*?)\n<!-- end -->", text, re.DOTALL)[0]


def main() -> None:
    text = PAGE.read_text("utf-8")
    for name, make in PARTS.items():
        begin, end = f"<!-- {name} -->\n", "\n<!-- end -->"
        before, _, rest = text.partition(begin)
        text = before + begin + make() + end + rest.partition(end)[2]
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
