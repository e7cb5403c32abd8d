"""Pictures: drawings of a System, laid out once, written as SVG and as TikZ.

Comes in: a System, for the errors a Derivation. Goes out: `Drawing`.
"""

from rnnsym.pictures.drawing import Drawing
from rnnsym.pictures.flow import data_flow
from rnnsym.pictures.structure import structure
from rnnsym.pictures.unfolded import backpropagation, unfolded

__all__ = ["Drawing", "backpropagation", "data_flow", "structure", "unfolded"]
