"""The equation language: text -> System."""

from rnnsym.language.resolve import edit, load, parse

__all__ = ["edit", "load", "parse"]
