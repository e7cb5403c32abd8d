"""Deep: plain `sympy.diff` of the unrolled loss, every entry, against the adjoint equations.

Comes in: a System as written and its adjoint System. Goes out: whether ∂C/∂w_ij, as SymPy differentiates the whole cost of a short
sequence written out in scalar symbols, is what the adjoint equations give there; for every entry of every gradient. The two are
compared exactly at a random point of a finite field, for `simplify` does not end; the chance that two different functions agree there
is computed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import sympy
from sympy import Expr

from rnnsym.algebra.system import System
from rnnsym.calculus.adjoint import Adjoint
from rnnsym.program.interpret import Run
from rnnsym.proof.draws import fewest_sizes
from rnnsym.proof.entrywise import meanings
from rnnsym.proof.field import PRIMES, Element, Field
from rnnsym.proof.finite_field import ENOUGH, UNDECIDED, WRONG, Trial
from rnnsym.proof.index_form import FUNCTIONS, Floor, Frozen, Positive

SMALL = (2, 3, 4, 5, 6)


@dataclass(frozen=True)
class Deep:
    """What SymPy's own differentiation of the unrolled loss found.

    sizes, steps   the numbers that the sizes and T had
    entries        how many derivatives were compared
    wrong          entries that differ, as `W[0, 1]`; undecided: those with no finite value in the field
    bound          the chance that any entry is wrong and was found equal
    operations     how many operations the unrolled loss has
    """

    sizes: Mapping[str, int]
    steps: int
    entries: int
    wrong: tuple[str, ...]
    undecided: tuple[str, ...]
    bound: float
    operations: int
    seconds: float = field(compare=False)


WORK = 1_000_000  # operations of the loss times entries, which SymPy differentiates in about half a minute
PATIENCE = 6  # times as much for a single step, which is less than anyone wants, and better than nothing


def check_deeply(system: System, joined: Adjoint, seed: int = 0, told: Callable[[str], None] | None = None) -> Deep | str:
    """Differentiate the unrolled loss by SymPy and compare every entry; a sentence where it is too large for that, whatever T.

    T is the longest of one or two more than the longest lag, 2 and 1 for which it ends in about a minute. told: is told which gradient
    is next.
    """
    start = time.perf_counter()
    sizes = fewest_sizes(system, SMALL)
    reach = max((max(extent) for extent in system.extents.values()), default=0)
    for steps in sorted({reach + 2, reach + 1, 2, 1}, reverse=True):
        unrolled = _Unrolled(system, joined, sizes, steps, seed)
        if unrolled.work <= WORK * (PATIENCE if steps == 1 else 1):
            break
    else:
        return f"written out for T = 1, the loss has {unrolled.operations:,} operations: too many for sympy.diff"
    for prime in PRIMES:
        found = list(unrolled.compared(prime, told or (lambda name: None)))
        bound = min(1.0, sum(chance for *_, chance in found))
        if bound <= ENOUGH:
            break
    wrong, undecided = (tuple(name for name, outcome, _ in found if outcome == kind) for kind in (WRONG, UNDECIDED))
    return Deep(sizes, steps, len(found), wrong, undecided, bound, unrolled.operations, time.perf_counter() - start)


class _Unrolled:
    """The loss of one short sequence in scalar symbols, and its derivatives, which do not depend on the field."""

    def __init__(self, system: System, joined: Adjoint, sizes: Mapping[str, int], steps: int, seed: int):
        self.trial = Trial(system, joined, sizes, steps, seed - seed % 2)  # even seeds draw the values outside 1 … T
        self.trial.draw(PRIMES[0])
        self.symbols: dict[tuple[str, int | None], np.ndarray] = {}
        self.derivatives: dict[sympy.Symbol, Expr] = {}
        self.cost = self._cost(system, steps, sizes)
        self.operations = _operations(self.cost)

    @property
    def work(self) -> int:
        """Operations times entries: what the time grows with."""
        return self.operations * sum(isinstance(s, sympy.Symbol) for array in self.symbols.values() for s in array.flat)

    def _cost(self, system: System, steps: int, sizes: Mapping[str, int]) -> Expr:
        run = Run(system, steps, dict(sizes), {}, table=meanings(_Symbolic()))
        trial = self.trial
        for place, array in trial.point.items():
            name, step = place
            self.symbols[place] = _symbols(name, step, array.shape)
            if trial.is_fixed(name):  # a token, a constant of the file: its entries are numbers
                self.symbols[place] = np.vectorize(lambda e: sympy.Integer(e.value), otypes=[object])(array)
            if step is None:
                run.statics[name] = self.symbols[place]
            else:
                run.timed[name, step] = self.symbols[place]
        for outside, array in trial.given.items():
            self.symbols[outside] = run.given[outside] = _symbols(*outside, array.shape)
        run.compute()
        cost = run.cost
        return sympy.sympify(cost[()] if isinstance(cost, np.ndarray) else cost)

    def compared(self, prime: int, told: Callable[[str], None]) -> Iterator[tuple[str, str, float]]:
        """(entry, outcome, chance of an accident) for every entry of every gradient."""
        trial = self.trial
        trial.draw(prime)
        adjoint_run = trial.run(trial.joined.system, {}, {}, 0)
        values: dict[Expr, Element] = {}
        for places in (trial.point, trial.given):
            for place, array in places.items():
                pairs = zip(self.symbols[place].flat, array.flat, strict=True)
                values.update({s: trial.field.coerce(e) for s, e in pairs if isinstance(s, sympy.Symbol)})
        number = _Valuation(trial.field, values)
        for key, variable in trial.joined.gradients.items():
            told(key)
            name, outside = trial.boundary(key)
            timed = outside is None and trial.system.by_name[name].timed
            walk: Iterable[int | None] = range(1, trial.steps + 1) if timed else (outside,)
            for step in walk:
                ours = adjoint_run.timed[variable, step or 0] if timed else adjoint_run.statics[variable]
                symbols = self.symbols.get((name, step))
                if symbols is None:  # a value outside 1 … T that an equation gives
                    continue
                for at in product(*map(range, symbols.shape)):
                    if isinstance(symbols[at], sympy.Symbol):
                        truth, claimed = number(self._derivative(symbols[at])), trial.field.coerce(np.broadcast_to(ours, symbols.shape)[at])
                        yield str(symbols[at]), *trial.outcome(truth, claimed)

    def _derivative(self, symbol: sympy.Symbol) -> Expr:
        if symbol not in self.derivatives:
            self.derivatives[symbol] = sympy.diff(self.cost, symbol)
        return self.derivatives[symbol]


def _symbols(name: str, step: int | None, shape: tuple[int, ...]) -> np.ndarray:
    """One real symbol for every entry: `W[0, 1]`, `x(2)[0]`."""
    out = np.empty(shape, dtype=object)
    for at in np.ndindex(shape):
        place = f"[{', '.join(map(str, at))}]" if at else ""
        out[at] = sympy.Symbol(f"{name}{'' if step is None else f'({step})'}{place}", real=True)
    return out


# ---------------------------------------------------------------- entries as SymPy expressions


def _operations(expression: Expr) -> int:
    """How many nodes the expression has, written out; equal parts are counted as often as they stand there."""
    known: dict[Expr, int] = {}

    def count(node: Expr) -> int:
        if node not in known:
            known[node] = 1 + sum(map(count, node.args))
        return known[node]

    return count(expression)


_U = sympy.symbols("u:3", real=True)


class _Own(sympy.Function):
    """A function of SymPy's under a name of its own, of which SymPy merges nothing and asks nothing; its derivative is SymPy's.

    By itself SymPy would make e^a · e^b into e^(a+b), √u · √u into u, u^a · u^b into u^(a+b); the field knows no such relations, and two
    equal derivatives would have different values there. And it would ask for the sign of every argument, which takes hours.
    """

    is_real = True
    original: Any

    def fdiff(self, argindex: int = 1) -> Expr:
        return _slope(self.func, argindex).xreplace(dict(zip(_U, self.args, strict=False)))


@cache
def _slope(own: Any, argindex: int) -> Expr:
    """The partial derivative, by SymPy, in `_U`."""
    arguments = _U[: own.nargs.args[0]]
    return _unmerged(sympy.diff(own.original(*arguments), arguments[argindex - 1]))


def _own(name: str, original: Callable[..., Expr], count: int = 1) -> Any:
    return type(name, (_Own,), {"nargs": count, "original": staticmethod(original)})


Exp, Log, Tanh, Sin, Cos, Erf = (_own(f.__name__.title(), f) for f in (sympy.exp, sympy.log, sympy.tanh, sympy.sin, sympy.cos, sympy.erf))
Root = _own("Root", sympy.sqrt)
Power = _own("Power", sympy.Pow, 2)
Above = _own("Above", Positive)
_OWN = {sympy.exp: Exp, sympy.log: Log, sympy.tanh: Tanh, sympy.sin: Sin, sympy.cos: Cos, sympy.erf: Erf, Positive: Above}


def _unmerged(form: Expr) -> Expr:
    """The form with functions of ours for SymPy's, powers that are not whole included."""
    if not form.args or form.is_number:
        return form
    arguments = [_unmerged(a) for a in form.args]
    if form.is_Pow and not form.exp.is_Integer:
        twice = 2 * form.exp
        return Root(arguments[0]) ** twice if twice.is_Integer else Power(*arguments)
    return _OWN.get(form.func, form.func)(*arguments)


@cache
def _form(name: str, count: int) -> Expr:
    """A function of `count` arguments in `_U`, of which SymPy merges nothing."""
    return _unmerged(FUNCTIONS["sqrt" if name == "norm" else name](*_U[:count]))  # of the norm the square is given


class _Symbolic:
    """The functions of one entry, as SymPy expressions."""

    def number(self, value: Expr) -> Expr:
        return sympy.sympify(value)

    def function(self, name: str) -> Callable[..., Expr]:
        if name in ("max", "min"):
            return lambda u, v: self._extremum(name, u, v)
        return lambda *u: _form(name, len(u)).xreplace(dict(zip(_U, map(sympy.sympify, u), strict=False)))

    def _extremum(self, name: str, u: Expr, v: Expr) -> Expr:
        u, v = sympy.sympify(u), sympy.sympify(v)
        loser = sympy.S.NegativeInfinity if name == "max" else sympy.S.Infinity
        if loser in (u, v):  # a start at -inf; 0 · inf would be no number
            return v if u == loser else u
        return _form(name, 2).xreplace(dict(zip(_U, (u, v), strict=False)))

    def power(self, u: Expr, k: Expr) -> Expr:
        return Power(sympy.sympify(u), sympy.sympify(k))

    def compare(self, comparison: str, u: Expr, v: Expr) -> Expr:
        u, v = sympy.sympify(u), sympy.sympify(v)
        return {"<": Above(v - u), ">": Above(u - v), "<=": 1 - Above(u - v), ">=": 1 - Above(v - u)}[comparison]

    def choose(self, condition: Any, u: Expr, v: Expr) -> Expr:
        if isinstance(condition, (bool, np.bool_)) or condition in (0, 1):  # `t == T`, or decided
            return u if condition else v
        return condition * u + (1 - condition) * v

    def frozen(self, u: Expr) -> Expr:
        return Frozen(sympy.sympify(u))


# ---------------------------------------------------------------- their values in the field


class _Valuation:
    """The value of an expression in the field; equal parts are computed once."""

    def __init__(self, field: Field, values: dict[Expr, Element]):
        self.field, self.known = field, values

    def __call__(self, node: Expr) -> Element:
        found = self.known.get(node)
        if found is None:
            found = self.known[node] = self._value(node)
        return found

    def _value(self, node: Expr) -> Element:
        f = self.field
        if node.is_number:
            return f.number(node)
        if node.is_Add or node.is_Mul:
            total = self(node.args[0])
            for part in node.args[1:]:
                total = total + self(part) if node.is_Add else total * self(part)
            return total
        if node.is_Pow:
            return self._whole_power(node)
        return _IN_FIELD[node.func](f, *map(self, node.args))

    def _whole_power(self, node: sympy.Pow) -> Element:
        base = value = self(node.base)
        for _ in range(abs(int(node.exp)) - 1):
            value = value * base
        return value if node.exp > 0 else 1 / value


_IN_FIELD: dict[type, Callable[..., Element]] = {
    Exp: lambda f, u: f.exp(u), Log: lambda f, u: f.log(u), Tanh: lambda f, u: f.tanh(u), Sin: lambda f, u: f.sin(u),
    Cos: lambda f, u: f.cos(u), Erf: lambda f, u: f.erf(u), Root: lambda f, u: f.sqrt(u), Power: lambda f, u, k: f.power(u, k),
    Above: lambda f, u: f.coerce(int(f.sign(u) > 0)), Floor: lambda f, u: f.floor(u), Frozen: lambda f, u: u,
}  # fmt: skip

__all__ = ["Deep", "check_deeply"]
