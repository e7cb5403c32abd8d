"""What a page shows against what is: lines that must stand in a text, with `…` for what is left out."""

from __future__ import annotations

OMITTED = "…"


def stands_in(shown: list[str], whole: list[str]) -> bool:
    """Whether the shown lines stand in the whole in order; between two `…` (or the ends) without a gap."""
    text = "\n".join(["", *whole, ""])
    for part in "\n".join(["", *shown, ""]).split(f"\n{OMITTED}"):
        if part.strip("\n"):
            found = text.find(part.rstrip("\n") + "\n")
            if found < 0:
                return False
            text = text[found + len(part.rstrip("\n")) :]
    return True
