"""Proof of each equation's pullback and pushforward, for all sizes.

Comes in: an expression, or a System. Goes out: for each, whether SymPy's own derivative of its index form equals what our rules give,
entry by entry, with symbolic indices and sizes. For the pullback ∂/∂u_r of Σ g_i f_i(u) is compared with the cotangent of u at r; for the
pushforward the derivative of f_i(u + ε du) at ε = 0 with the tangent at i. A difference that is not shown to vanish is `open`; numbers then
say whether it is wrong. Where they say no, the operators of the expression are proved one by one, if they can be; what is left stays open:
neither proved nor wrong.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import sympy
from sympy import Basic, Expr

from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import size
from rnnsym.algebra.system import System
from rnnsym.algebra.tensor import Number, Quantity, Tensor, quantities
from rnnsym.calculus.prepare import prepare
from rnnsym.calculus.pullback import Pulled, law, pull
from rnnsym.calculus.pushforward import push
from rnnsym.proof.counterexample import compare
from rnnsym.proof.index_form import STEPS, IndexForm, Within
from rnnsym.proof.sums import Normal

PULLBACK, PUSHFORWARD = "pullback", "pushforward"


@dataclass(frozen=True)
class Open:
    """What was not shown: of which rule, with respect to what, and what is left of the difference (or why it was not formed).

    counterexample  numbers at which the rule differs from SymPy's derivative: it is wrong; "" where none was found
    agreed          at how many points the two agreed; 0 where they could not be compared
    """

    rule: str
    quantity: str
    difference: str
    counterexample: str = ""
    agreed: int = 0

    @property
    def is_wrong(self) -> bool:
        return bool(self.counterexample)


@dataclass(frozen=True)
class Proof:
    """The proof of one expression's rules.

    expression   what was differentiated
    compared     how many derivatives were compared, each for all entries
    open         those that were not shown
    conventions  what holds at kinks by the language's own statement, and is no theorem
    seconds      how long it took
    """

    expression: Tensor
    compared: int
    open: tuple[Open, ...]
    conventions: tuple[str, ...]
    seconds: float = field(compare=False)
    by_parts: bool = False  # operator by operator; the chain rule puts them together

    @property
    def is_proved(self) -> bool:
        return not self.open

    @property
    def is_wrong(self) -> bool:
        return any(o.is_wrong for o in self.open)


@dataclass(frozen=True)
class RuleReport:
    """The proofs of a System's equations.

    proofs  by key of the (prepared) equation; equal forms share one proof
    laws    the pullback laws that are used
    """

    proofs: Mapping[str, Proof]
    laws: tuple[str, ...]

    @property
    def is_proved(self) -> bool:
        return all(p.is_proved for p in self.proofs.values())

    @property
    def open(self) -> tuple[str, ...]:
        """The equations whose rules were not proved."""
        return tuple(key for key, proof in self.proofs.items() if not proof.is_proved)

    @property
    def wrong(self) -> tuple[str, ...]:
        """The equations with a rule that is not SymPy's derivative, shown by numbers."""
        return tuple(key for key, proof in self.proofs.items() if proof.is_wrong)

    @property
    def compared(self) -> int:
        """How many derivatives were compared."""
        return sum(p.compared for p in self.forms)

    @property
    def conventions(self) -> tuple[str, ...]:
        """What the equations rest on at kinks."""
        return tuple(dict.fromkeys(c for p in self.proofs.values() for c in p.conventions))

    @property
    def forms(self) -> tuple[Proof, ...]:
        """The different proofs."""
        return tuple({id(p): p for p in self.proofs.values()}.values())


def prove(model: System) -> RuleReport:
    """Prove the pullback and pushforward of every equation of a model, for all sizes."""
    prepared = prepare(model)
    known: dict[Basic, Proof] = {}
    proofs, laws = {}, {}
    for definition in prepared.every_definition:
        form = standard_form(definition.rhs)
        if isinstance(form, (Quantity, Number)) or not form.atoms(Quantity):
            continue
        if form not in known:
            known[form] = prove_expression(form)
        proofs[definition.key] = known[form]
        laws.update(dict.fromkeys(law(n) for n in sympy.preorder_traversal(definition.rhs) if isinstance(n, Tensor) and _has_rule(n)))
    return RuleReport(proofs, tuple(laws))


def _has_rule(node: Tensor) -> bool:
    return bool(node.args) and not isinstance(node, (Quantity, Number, op.Zeros, op.Ones, op.Identity))


def standard_form(expression: Basic) -> Basic:
    """The expression with standard names for quantities and sizes, sums over time opened: equal forms have equal proofs."""
    opened = without_totals(expression)
    leaves = list(dict.fromkeys(quantities(opened)))
    renamed = opened.xreplace({q: Quantity(f"u{n}", q.shape) for n, q in enumerate(leaves)})
    symbols: dict[sympy.Symbol, None] = {}
    for leaf in dict.fromkeys(quantities(renamed)):
        for length in leaf.shape:
            symbols.update(dict.fromkeys(sorted(length.free_symbols, key=str)))
    return renamed.xreplace({s: size(f"n{n}") for n, s in enumerate(symbols)})


def without_totals(node: Basic) -> Basic:
    """Every sum over time as its summand at one step: the sum's derivative is the sum of the summand's."""
    if isinstance(node, op.Total):
        return without_totals(node.body)
    if isinstance(node, Quantity) or not isinstance(node, (Tensor, op.Condition)) or not node.args:
        return node
    arguments = [without_totals(a) for a in node.args]
    return node if all(a is b for a, b in zip(arguments, node.args, strict=True)) else node.func(*arguments)


def prove_expression(expression: Tensor) -> Proof:
    """Compare both rules of an expression with SymPy's derivative; nothing about its quantities is assumed but that they are real."""
    start = time.perf_counter()
    task = Task(expression)
    left = [opened for question in task.questions() for opened in task.open(question)]
    parts = _parts(expression) if left and all(o.agreed and not o.is_wrong for o in left) else []
    if len(parts) > 1:
        proofs = [prove_expression(part) for part in parts]
        left = [opened for proof in proofs for opened in proof.open]
    seconds = time.perf_counter() - start
    return Proof(expression, len(task.leaves) + 1, tuple(left), tuple(task.form.conventions), seconds, len(parts) > 1)


def _parts(expression: Tensor) -> list[Tensor]:
    """Every operator of an expression by itself, its compound arguments taken as quantities of their own."""
    found: dict[Tensor, None] = {}
    for node in sympy.preorder_traversal(expression):
        if not isinstance(node, Tensor) or not _has_rule(node):
            continue
        arguments = []
        for number, argument in enumerate(node.args):
            compound = isinstance(argument, Tensor) and _has_rule(argument)
            arguments.append(Quantity(f"part{number}", argument.shape) if compound else argument)
        part = node.func(*arguments)
        if not isinstance(part, (Quantity, Number)):
            found[part] = None
    return list(found)


@dataclass(frozen=True)
class Question:
    """Is what our law gives, at every entry, SymPy's derivative?

    rule      PULLBACK or PUSHFORWARD
    quantity  with respect to what (a pullback)
    law       the cotangent or tangent that our rules give
    truth     SymPy's derivative in index form, ours likewise
    ranges    the free indices and their lengths
    """

    rule: str
    quantity: str
    law: Tensor
    truth: Callable[[], Expr]
    ours: Callable[[], Expr]
    ranges: Mapping[sympy.Symbol, Expr]


class Task:
    """The proof of one expression: its leaves, its index form, and the cotangent and tangents as further leaves."""

    def __init__(self, expression: Tensor):
        self.expression = expression
        self.leaves = list(dict.fromkeys(quantities(without_totals(expression))))
        self.sums = expression.has(op.Total)  # then running quantities stand at one of T steps, and have an index for it
        taken = {q.name for q in self.leaves}
        self.g = Quantity(next(n for n in ("g", "g_", "g__") if n not in taken), expression.shape)
        taken |= {self.g.name} | ({f"d{name}" for name in taken} & taken)
        self.dots = {q: Quantity(f"d{q.name}" + "_" * (f"d{q.name}" in taken), q.shape, q.time) for q in self.leaves}
        names = {q: f"{q.name}" if q.time is None else f"{q.name}({q.time})" for q in (*self.leaves, self.g, *self.dots.values())}
        self.form = IndexForm(names, expression.atoms(op.Compare))
        self.facts = [f for s in expression.atoms(op.Slice) for f in (s.args[1], s.args[2] - s.args[1], s.args[0].shape[0] - s.args[2])]

    def questions(self) -> Iterable[Question]:
        """∂/∂u_r Σ g_i f_i = the cotangent of u at r, for every quantity u; d/dε f_i(u + ε du) = the tangent at i."""
        pulled: dict[Quantity, list[Pulled]] = {q: [] for q in self.leaves}
        for found in pull(self.expression, self.g, lambda q: True):
            pulled[found.quantity].append(found)
        for quantity in self.leaves:
            yield self._pullback(quantity, pulled[quantity])
        yield self._pushforward()

    def _pullback(self, quantity: Quantity, pulled: list[Pulled]) -> Question:
        form = self.form
        at = tuple(form.index() for _ in quantity.shape)
        step = form.index() if self.sums and quantity.time is not None else None
        ranges = {**dict(zip(at, quantity.shape, strict=True)), **({} if step is None else {step: STEPS})}

        def truth() -> Expr:
            return sympy.diff(self.cost, form.at_step(step, lambda: form.leaf(quantity, at)))

        def ours() -> Expr:
            return sympy.Add(*(self._arrived(found, at, step) for found in pulled))

        parts = [op.Total(f.cotangent) if f.summed and quantity.time is None else f.cotangent for f in pulled]
        return Question(PULLBACK, quantity.name, op.Plus(*parts) if parts else op.zeros(quantity.shape), truth, ours, ranges)

    def _arrived(self, found: Pulled, at: tuple[Expr, ...], step: Expr | None) -> Expr:
        """What reached a quantity, at its entry: summed over time for a static one inside a sum over time."""
        if step is None and found.summed:
            return self.form.over_time(lambda: self.form.at(found.cotangent, at))
        return self.form.at_step(step, lambda: self.form.at(found.cotangent, at))

    def _pushforward(self) -> Question:
        form = self.form
        at = tuple(form.index() for _ in self.expression.shape)
        tangent = push(self.expression, self.dots.get)
        law = op.zeros(self.expression.shape) if tangent is None else tangent

        def truth() -> Expr:
            step = sympy.Symbol("epsilon", real=True)
            value = form.entry(self.expression, at)
            return sympy.diff(value.xreplace(dict(self._moved(value, step))), step).subs(step, 0)

        return Question(PUSHFORWARD, "", law, truth, lambda: form.at(law, at), dict(zip(at, self.expression.shape, strict=True)))

    @cached_property
    def cost(self) -> Expr:
        """Σ g_i f_i."""
        form = self.form
        return form.total(lambda i: form.entry(self.g, i) * form.entry(self.expression, i), self.expression.shape)

    def _moved(self, value: Expr, step: sympy.Symbol) -> Iterable[tuple[Expr, Expr]]:
        """u → u + ε du for every entry of every quantity that occurs."""
        by_name = {self.form.leaves[q]: self.form.leaves[d] for q, d in self.dots.items()}
        for entry in value.atoms(sympy.Indexed):
            yield entry, entry + step * sympy.IndexedBase(by_name[str(entry.base)], real=True)[entry.indices]
        for symbol in value.free_symbols:
            if str(symbol) in by_name and not isinstance(symbol, sympy.Indexed) and symbol.is_integer is None:
                yield symbol, symbol + step * sympy.Symbol(by_name[str(symbol)], real=True)

    def open(self, question: Question) -> Iterable[Open]:
        """Nothing where SymPy's derivative and ours are shown to be equal. An error of SymPy's leaves the question open, never proved."""
        rule, quantity, ranges = question.rule, question.quantity, question.ranges
        try:
            truth = question.truth()
        except _SYMPY_FAILS as error:
            yield Open(rule, quantity, f"{type(error).__name__}: {error}")
            return
        ours = question.ours()  # an error here is one of ours
        try:
            left = _what_is_left(truth - ours, ranges, (self.facts, self.form.negative))
        except _SYMPY_FAILS as error:
            yield Open(rule, quantity, f"{type(error).__name__}: {error}")
            return
        if left is None:
            return
        if not all(bound.is_number for bound in self.form.negative):  # numbers are not drawn so that low ≤ high in clip
            yield Open(rule, quantity, str(left))
            return
        found = compare(truth, ours, ranges, self.facts)
        yield Open(rule, quantity, str(left), found.difference, found.points)


_SYMPY_FAILS = (NotImplementedError, ValueError, TypeError, RecursionError)
"""What SymPy raises where it cannot go on: no method, no such limits, a truth value that sizes leave open, an expression too deep.

Our rules and the index form of what they give are evaluated outside of this net; what only a slip of ours raises (a failed assertion, a
missing key or attribute) is caught nowhere.
"""


def _what_is_left(difference: Expr, ranges: Mapping, known: tuple[Iterable[Expr], Iterable[Expr]], depth: int = 0) -> Expr | None:
    """The difference in normal form, None where it vanishes; a free index whose range is cut is gone through piece by piece."""
    normal = Normal(ranges, *known)
    left = normal(difference)
    if normal.is_zero(left):
        return None
    cut = _cut(left, ranges) if depth < 6 else None
    if cut is None:
        return left
    index, place = cut
    low = {**ranges, index: place}
    high = {**ranges, index: sympy.expand(ranges[index] - place)}
    for pieces, shifted in ((low, difference), (high, difference.xreplace({index: index + place}))):
        rest = _what_is_left(shifted, pieces, known, depth + 1)
        if rest is not None:
            return rest
    return None


def _cut(expression: Expr, ranges: Mapping) -> tuple[sympy.Symbol, Expr] | None:
    """A free index and a place inside its range at which a `Within` changes."""
    for within in sorted(expression.atoms(Within), key=str):
        argument, low, high = within.args
        for index, length in ranges.items():
            shift = sympy.expand(argument - index)
            if shift.has(index) or any(shift.has(j) for j in ranges):
                continue
            for edge in (low, high):
                place = sympy.expand(edge - shift)
                if place.is_positive and sympy.expand(length - place) != 0 and (length - place).is_negative is not True:
                    return index, place
    return None


__all__ = ["Open", "Proof", "Question", "RuleReport", "Task", "prove", "prove_expression", "standard_form", "without_totals"]
