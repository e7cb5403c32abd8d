"""Exact numbers for the check of the assembly: the finite field F_p, with derivatives and degrees carried along.

Comes in: a prime and a seed. Goes out: `Element`s that add, multiply and divide exactly modulo p. What is no rational function (σ, exp,
log, powers, sin, erf) is a generator: a fresh random element for each new argument, looked up again where the argument returns, and
known relations hold (σ(-u) = 1 - σ(u), tanh u = 2σ(2u) - 1, log e^u = u, sin² + cos² = 1). An element also bounds the degrees of numerator
and denominator of the rational function it is a value of: from these the chance that two different functions agree by accident is
computed (Schwartz 1980, Zippel 1979). Signs of differences, which decide branches, are random but consistent.
"""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import sympy

PRIMES = (2**127 - 1, 2**521 - 1)  # both are Mersenne primes; the second where degrees are too high for the first


class Element:
    """A value modulo p with degree bounds, and its derivatives in several directions at once (`dots`; None: all zero).

    `value` is an int, or one of the floats inf, -inf, nan for what lies outside the field; these have no derivative.
    """

    __slots__ = ("bottom", "dot_bottom", "dot_top", "dots", "field", "top", "value")

    def __init__(self, field: Field, value: Any, top: int = 0, bottom: int = 0, dots=None, dot_top: int = 0, dot_bottom: int = 0):
        self.field, self.value, self.top, self.bottom = field, value, top, bottom
        self.dots, self.dot_top, self.dot_bottom = dots, dot_top, dot_bottom

    @property
    def is_finite(self) -> bool:
        return type(self.value) is int

    @property
    def plain(self) -> Element:
        """The value without its derivatives."""
        return self if self.dots is None else Element(self.field, self.value, self.top, self.bottom)

    def dot(self, index: int) -> Element:
        """The derivative in one direction, as an element."""
        if self.dots is None:
            return Element(self.field, 0 if self.is_finite else self.value)
        return Element(self.field, self.dots[index], self.dot_top, self.dot_bottom)

    def __add__(self, other: Any) -> Element:
        if isinstance(other, np.ndarray):
            return NotImplemented  # NumPy goes through the entries
        other = self.field.coerce(other)
        if not (self.is_finite and other.is_finite):
            return Element(self.field, _float(self) + _float(other))
        p = self.field.prime
        top, bottom = _sum_degrees(self.top, self.bottom, other.top, other.bottom)
        value = (self.value + other.value) % p
        if self.dots is None or other.dots is None:
            one = other if self.dots is None else self
            return Element(self.field, value, top, bottom, one.dots, one.dot_top, one.dot_bottom)
        dots = [(a + b) % p for a, b in zip(self.dots, other.dots, strict=True)]
        return Element(self.field, value, top, bottom, dots, *_sum_degrees(self.dot_top, self.dot_bottom, other.dot_top, other.dot_bottom))

    __radd__ = __add__

    def __neg__(self) -> Element:
        if not self.is_finite:
            return Element(self.field, -self.value)
        p = self.field.prime
        dots = None if self.dots is None else [-d % p for d in self.dots]
        return Element(self.field, -self.value % p, self.top, self.bottom, dots, self.dot_top, self.dot_bottom)

    def __sub__(self, other: Any) -> Element:
        if isinstance(other, np.ndarray):
            return NotImplemented  # NumPy goes through the entries
        return self + (-self.field.coerce(other))

    def __rsub__(self, other: Any) -> Element:
        if isinstance(other, np.ndarray):
            return NotImplemented  # NumPy goes through the entries
        return self.field.coerce(other) + (-self)

    def __mul__(self, other: Any) -> Element:
        if isinstance(other, np.ndarray):
            return NotImplemented  # NumPy goes through the entries
        other = self.field.coerce(other)
        if not (self.is_finite and other.is_finite):
            return Element(self.field, self.field.signed_float(self) * self.field.signed_float(other))
        p = self.field.prime
        value = self.value * other.value % p
        top, bottom = self.top + other.top, self.bottom + other.bottom
        if self.dots is None and other.dots is None:
            return Element(self.field, value, top, bottom)
        if self.dots is None or other.dots is None:
            fixed, moving = (self, other) if self.dots is None else (other, self)
            dots = [fixed.value * d % p for d in moving.dots]
            return Element(self.field, value, top, bottom, dots, fixed.top + moving.dot_top, fixed.bottom + moving.dot_bottom)
        a, b = self.value, other.value
        dots = [(a * y + b * x) % p for x, y in zip(self.dots, other.dots, strict=True)]
        degrees = _sum_degrees(
            self.top + other.dot_top, self.bottom + other.dot_bottom, other.top + self.dot_top, other.bottom + self.dot_bottom
        )
        return Element(self.field, value, top, bottom, dots, *degrees)

    __rmul__ = __mul__

    def inverse(self) -> Element:
        """1 / u; not a number where u is zero."""
        if not self.is_finite:
            return Element(self.field, 0 if not math.isnan(self.value) else math.nan)
        if self.value == 0:
            return Element(self.field, math.nan)
        plain = Element(self.field, pow(self.value, -1, self.field.prime), self.bottom, self.top)
        return self.field.chain(plain, self, lambda: -(plain * plain))

    def __truediv__(self, other: Any) -> Element:
        if isinstance(other, np.ndarray):
            return NotImplemented  # NumPy goes through the entries
        return self * self.field.coerce(other).inverse()

    def __rtruediv__(self, other: Any) -> Element:
        if isinstance(other, np.ndarray):
            return NotImplemented  # NumPy goes through the entries
        return self.field.coerce(other) * self.inverse()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Element) and self.value == other.value

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Element({self.value})"


def _sum_degrees(top: int, bottom: int, other_top: int, other_bottom: int) -> tuple[int, int]:
    """Degree bounds of a/b + c/d = (ad + cb) / bd."""
    return max(top + other_bottom, other_top + bottom), bottom + other_bottom


def _float(element: Element) -> float:
    return 0.0 if element.is_finite else element.value


class Field:
    """The field, its generators and the random signs of one run. Everything is drawn from the seed."""

    def __init__(self, prime: int = PRIMES[0], seed: int = 0):
        self.prime = prime
        self.random = random.Random(seed)
        self.exps: dict[int, Element] = {}
        self.logs: dict[int, Element] = {}
        self.sigmoids: dict[int, Element] = {}
        self.powers: dict[tuple[int, int], Element] = {}
        self.roots: dict[int, Element] = {}
        self.angles: dict[int, Element] = {}
        self.errors: dict[int, Element] = {}
        self.signs: dict[int, int] = {}
        self.floors: dict[int, Element] = {}
        self.constants: dict[sympy.Expr, Element] = {}
        self.keys = 0  # how many arguments had to be told apart
        self.key_degree = 0
        self.branches = 0  # how many signs were drawn

    # ------------------------------------------------------------ elements

    def coerce(self, value: Any) -> Element:
        """An element unchanged; a whole number as an element."""
        if isinstance(value, Element):
            return value
        number = float(value)
        return Element(self, int(number) % self.prime) if math.isfinite(number) else Element(self, number)

    def draw(self) -> Element:
        """A random element: the value of an indeterminate of its own."""
        return Element(self, self.random.randrange(2, self.prime - 1), 1)

    def moving(self, element: Element, index: int, count: int, direction: Element) -> Element:
        """The element with a derivative in one of `count` directions."""
        dots = [0] * count if element.dots is None else list(element.dots)
        dots[index] = (dots[index] + direction.value) % self.prime
        return Element(self, element.value, element.top, element.bottom, dots, max(1, element.dot_top), element.dot_bottom)

    def chain(self, plain: Element, argument: Element, slope) -> Element:
        """f(u) with the derivative f'(u) du; `slope` is called only where u moves."""
        if argument.dots is None or not plain.is_finite:
            return plain
        s = slope()
        if not s.is_finite:
            return plain if not any(argument.dots) else Element(self, math.nan)
        p = self.prime
        dots = [s.value * d % p for d in argument.dots]
        return Element(self, plain.value, plain.top, plain.bottom, dots, s.top + argument.dot_top, s.bottom + argument.dot_bottom)

    def number(self, value: sympy.Expr) -> Element:
        """A number of the file: rational numbers exactly; π is a random square, roots are generators."""
        if value is sympy.oo:
            return Element(self, math.inf)
        if value.is_Rational:
            return Element(self, int(value.p) * pow(int(value.q), -1, self.prime) % self.prime)
        if value not in self.constants:
            self.constants[value] = self._constant(value)
        return self.constants[value]

    def _constant(self, value: sympy.Expr) -> Element:
        if value.is_Add or value.is_Mul:
            parts = [self.number(a) for a in value.args]
            total = parts[0]
            for part in parts[1:]:
                total = total + part if value.is_Add else total * part
            return total
        if value is sympy.pi:
            root = self.draw()
            square = root * root
            self._remember_powers(square, self.number(sympy.Rational(1, 2)), root)
            return square
        if value.is_Pow and not isinstance(value, sympy.exp):
            return self.power(self.number(value.base), self.number(value.exp))
        return self.exp(self.number(value.args[0])) if isinstance(value, sympy.exp) else self.draw()

    def _argument(self, u: Element, degree_of: Element | None = None) -> None:
        """Count an argument that a generator is keyed by: two different ones may meet by accident."""
        self.keys += 1
        self.key_degree = max(self.key_degree, u.top + u.bottom, 0 if degree_of is None else degree_of.top + degree_of.bottom)

    @property
    def accident(self) -> int:
        """A bound on p times the chance that two different arguments of generators or signs had one value."""
        return self.keys * self.keys * 2 * max(1, self.key_degree)

    # ------------------------------------------------------------ signs

    def sign(self, w: Element) -> int:
        """The sign of a difference: random, odd, the same for the same value; 0 for zero."""
        if not w.is_finite:
            return 0 if math.isnan(w.value) else int(math.copysign(1, w.value))
        if w.value == 0:
            return 0
        key, flip = (w.value, 1) if w.value <= self.prime // 2 else (self.prime - w.value, -1)
        if key not in self.signs:
            self._argument(w)
            if w.top + w.bottom == 0 and key < 2**40:  # a whole number: its own sign
                self.signs[key] = 1
            else:
                self.branches += 1
                self.signs[key] = self.random.choice((1, -1))
        return flip * self.signs[key]

    def make_positive(self, w: Element) -> None:
        """State that a value (a root) is positive."""
        if w.is_finite and w.value:
            key, flip = (w.value, 1) if w.value <= self.prime // 2 else (self.prime - w.value, -1)
            self.signs[key] = flip

    def signed_float(self, w: Element) -> float:
        """Something finite as its sign, for products with infinity."""
        return float(self.sign(w)) if w.is_finite else w.value

    # ------------------------------------------------------------ functions

    def sigmoid(self, u: Element) -> Element:
        if not u.is_finite:
            return Element(self, {math.inf: 1, -math.inf: 0}.get(u.value, math.nan))
        s = self._sigmoid(u.plain)
        return self.chain(s, u, lambda: s * (1 - s))

    def _sigmoid(self, u: Element) -> Element:
        if u.value == 0:
            return self.number(sympy.Rational(1, 2))
        if u.value in self.sigmoids:
            return self.sigmoids[u.value]
        mirrored = -u.value % self.prime
        if mirrored in self.sigmoids:
            return 1 - self.sigmoids[mirrored]
        self._argument(u)
        if u.value in self.exps:  # u is the logarithm of something
            e = self.exps[u.value]
            s = e / (1 + e)
        else:
            s = self.draw()
        self.sigmoids[u.value] = s
        above = self.draw()  # softplus(u) = -log σ(-u)
        self.logs[s.value] = u - above
        self.logs[(1 - s).value] = -above
        return s

    def exp(self, u: Element) -> Element:
        if not u.is_finite:
            return Element(self, {math.inf: math.inf, -math.inf: 0}.get(u.value, math.nan))
        e = self._exp(u.plain)
        return self.chain(e, u, lambda: e)

    def _exp(self, u: Element) -> Element:
        if u.value == 0:
            return Element(self, 1)
        if u.value not in self.exps:
            mirrored = -u.value % self.prime
            if mirrored in self.exps:
                return self.exps[mirrored].inverse()
            s = self._sigmoid(u)
            self.exps[u.value] = s / (1 - s)
            self.logs[self.exps[u.value].value] = u
        return self.exps[u.value]

    def log(self, u: Element) -> Element:
        if not u.is_finite:
            return Element(self, math.inf if u.value == math.inf else math.nan)
        if u.value == 0:
            return Element(self, -math.inf)
        value = self._log(u.plain)
        return self.chain(value, u, lambda: u.plain.inverse())

    def _log(self, u: Element) -> Element:
        if u.value == 1:
            return Element(self, 0)
        if u.value in self.logs:
            return self.logs[u.value]
        inverse = u.inverse()
        if inverse.value in self.logs:
            return -self.logs[inverse.value]
        self._argument(u)
        found = self.draw()
        self.logs[u.value], self.exps[found.value] = found, u
        return found

    def softplus(self, u: Element) -> Element:
        if not u.is_finite:
            return Element(self, {math.inf: math.inf, -math.inf: 0}.get(u.value, math.nan))
        s = self._sigmoid(u.plain)
        value = -self._log(1 - s)
        return self.chain(value, u, lambda: s)

    def tanh(self, u: Element) -> Element:
        return 2 * self.sigmoid(u + u) - 1

    def power(self, u: Element, k: Element) -> Element:
        """u^k for an exponent that is no literal whole number."""
        if not (u.is_finite and k.is_finite):
            return Element(self, math.nan)
        if k.value == 0:
            return Element(self, 1)
        if u.value == 0:  # 0^k = 0, and no finite slope
            moves = any(any(e.dots) for e in (u, k) if e.dots is not None)
            return Element(self, math.nan if moves else 0)
        value = self._power(u.plain, k.plain)
        result = self.chain(value, u, lambda: k.plain * value / u.plain)
        exponent = self.chain(value, k, lambda: value * self._log(u.plain))
        return result if exponent.dots is None else result + exponent - value

    def _power(self, u: Element, k: Element) -> Element:
        if u.value == 1:
            return Element(self, 1)
        if (u.value, k.value) not in self.powers:
            self._argument(u, k)
            root = self.number(sympy.Rational(1, 2))
            exact = u.top + u.bottom == 0 and k.value == root.value and pow(u.value, (self.prime - 1) // 2, self.prime) == 1
            found = Element(self, pow(u.value, (self.prime + 1) // 4, self.prime)) if exact else self.draw()
            self._remember_powers(u, k, found)
        return self.powers[u.value, k.value]

    def _remember_powers(self, u: Element, k: Element, found: Element) -> None:
        """u^k, with u^(k±1), u^(k±2) and their inverses."""
        p = self.prime
        double = 2 * k.value % p
        halves = min(double, p - double) < 1000  # half-integer or whole: there the inverse would be one of the powers
        for steps in range(-2, 3):
            value = found
            for _ in range(abs(steps)):
                value = value * u if steps > 0 else value / u
            self.powers[u.value, (k.value + steps) % p] = value
            if not halves:
                self.powers[u.value, -(k.value + steps) % p] = value.inverse()
        self.make_positive(found)

    def sqrt(self, u: Element) -> Element:
        """A generator q whose slope is 1/2q: half of all elements have no root in the field, so that q² = u is not required."""
        if not u.is_finite:
            return Element(self, u.value if u.value == math.inf else math.nan)
        if u.value == 0:
            return Element(self, math.nan if u.dots is not None and any(u.dots) else 0)
        plain = u.plain
        if u.value not in self.roots:
            self._argument(plain)
            self.roots[u.value] = self.power(plain, self.number(sympy.Rational(1, 2))) if plain.top + plain.bottom == 0 else self.draw()
            self.make_positive(self.roots[u.value])
        root = self.roots[u.value]
        return self.chain(root, u, lambda: 1 / (2 * root))

    def _half_angle(self, u: Element) -> Element:
        """tan(u/2), a generator that is odd in u."""
        if u.value == 0:
            return Element(self, 0)
        mirrored = -u.value % self.prime
        if mirrored in self.angles:
            return -self.angles[mirrored]
        if u.value not in self.angles:
            self._argument(u)
            self.angles[u.value] = self.draw()
        return self.angles[u.value]

    def _sin_cos(self, u: Element) -> tuple[Element, Element]:
        half = self._half_angle(u.plain)
        square = half * half
        return 2 * half / (1 + square), (1 - square) / (1 + square)

    def sin(self, u: Element) -> Element:
        if not u.is_finite:
            return Element(self, math.nan)
        s, c = self._sin_cos(u)
        return self.chain(s, u, lambda: c)

    def cos(self, u: Element) -> Element:
        if not u.is_finite:
            return Element(self, math.nan)
        s, c = self._sin_cos(u)
        return self.chain(c, u, lambda: -s)

    def erf(self, u: Element) -> Element:
        if not u.is_finite:
            return Element(self, {math.inf: 1, -math.inf: -1}.get(u.value, math.nan))
        plain = u.plain
        if plain.value != 0 and plain.value not in self.errors:
            mirrored = -plain.value % self.prime
            if mirrored in self.errors:
                self.errors[plain.value] = -self.errors[mirrored]
            else:
                self._argument(plain)
                self.errors[plain.value] = self.draw()
        value = self.errors[plain.value] if plain.value else Element(self, 0)
        return self.chain(value, u, lambda: 2 / self.number(sympy.sqrt(sympy.pi)) * self._exp(-(plain * plain)))

    def floor(self, u: Element) -> Element:
        """A random whole number, the same for the same value; no derivative flows through it."""
        if not u.is_finite:
            return Element(self, math.nan)
        if u.value not in self.floors:
            self._argument(u)
            self.branches += 1
            self.floors[u.value] = Element(self, self.random.randrange(-50, 50) % self.prime)
        return self.floors[u.value]


__all__ = ["PRIMES", "Element", "Field"]
