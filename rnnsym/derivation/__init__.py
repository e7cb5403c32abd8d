"""The argument, in order: what a document tells and what the code cites."""

from rnnsym.derivation.derivation import Derivation, Entry
from rnnsym.derivation.derive import derive

__all__ = ["Derivation", "Entry", "derive"]
