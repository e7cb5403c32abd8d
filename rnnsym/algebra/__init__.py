"""The middle: sizes, typed tensor expressions on `sympy.Basic`, equations, and the `System` of them."""

from rnnsym.algebra.operators import apply
from rnnsym.algebra.sizes import size, sizes
from rnnsym.algebra.system import Declaration, Definition, Start, System
from rnnsym.algebra.tensor import Number, Quantity, T, Tensor, shift, t

__all__ = ["Declaration", "Definition", "Number", "Quantity", "Start", "System", "T", "Tensor", "apply", "shift", "size", "sizes", "t"]
