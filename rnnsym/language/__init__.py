"""The equation language: text -> System."""

from rnnsym.language.editing import edit
from rnnsym.language.resolve import load, parse

__all__ = ["edit", "load", "parse"]
