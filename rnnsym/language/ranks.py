"""Ranks: whether each name is a scalar, a vector or a matrix.

Comes in: `Names`. Goes out: the rank of every name. An equation falls into *regions*: what is combined elementwise meets in one region;
`dot`, `outer`, a reduction, a concatenation, a slice, the left of `@` open new ones; the right of `@` lies in the region of the
result, since it gives the result its rank. Each rule of the language is one method below; they are asked in this order, again and
again, until nothing changes:

1. what meets a vector or a matrix: open parameters take its rank, and so does the left side of the equation;
2. a computed variable whose equation holds nothing but names of open rank takes it from the equations that read it;
3. right of `@` stands a vector;
4. only then scalars, by the same two rules.

A computed variable is evidence only once its own rank is settled: so a state's own past decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS
from rnnsym.language.builtin import ELEMENTWISE, ENTRIES, KEEPING, LOSSES, VECTOR_KEEPING
from rnnsym.language.findings import Findings
from rnnsym.language.macros import Equation
from rnnsym.language.names import Names, key_of
from rnnsym.language.syntax import (
    At,
    Call,
    Choice,
    Comparison,
    Cut,
    MatMul,
    Name,
    Negative,
    Node,
    Part,
    Power,
    Product,
    Ratio,
    Sum,
    Transpose,
)

_MEETING = (Sum, Product, Ratio, Power, Negative, Comparison, Choice)
_WORDS = ("scalar", "vector", "matrix")


@dataclass(eq=False)
class Region:
    """What is combined elementwise: the names in it, the ranks that operators in it state, whether an `@` ends in it."""

    names: list[str] = field(default_factory=list)
    stated: set[int] = field(default_factory=set)
    has_product: bool = False


@dataclass(frozen=True, eq=False)
class _Side:
    """The region of a whole equation, which its left side belongs to."""

    key: str
    region: Region
    is_boundary: bool


def find_ranks(names: Names, findings: Findings) -> dict[str, int]:
    """The rank of every name (by key). What stays open is an error (E304) that names the line to add, and is left out."""
    search = _Ranks(names)
    search.settle()
    if names.is_complete:
        search.report_open(findings)
    return search.ranks


class _Ranks:
    """The regions of a text and what is settled so far."""

    def __init__(self, names: Names):
        self.names = names
        self.ranks: dict[str, int] = {}
        for key in names.symbols:
            if key in (STEP_LOSS, FINAL_LOSS):
                self.ranks[key] = 0
            elif key in names.declared:
                self.ranks[key] = len(names.declared[key])
        self.regions: list[Region] = []
        self.sides = [self.side(e) for e in names.equations]
        self.starts: dict[str, list[Region]] = {}
        for side in self.sides:
            if side.is_boundary:
                self.starts.setdefault(side.key, []).append(side.region)
        self.holding: dict[str, list[Region]] = {}
        for region in self.regions:
            region.names = list(dict.fromkeys(region.names))
            for key in region.names:
                self.holding.setdefault(key, []).append(region)

    # ------------------------------------------------------------ regions

    def side(self, equation: Equation) -> _Side:
        region = self.region()
        key = key_of(equation)
        region.names.append(key)
        if equation.value is not None:
            self.enter(equation.value, region)
        return _Side(key, region, equation.target.is_boundary)

    def region(self, *stated: int) -> Region:
        new = Region(stated=set(stated))
        self.regions.append(new)
        return new

    def enter(self, node: Node, region: Region) -> None:
        """Put an expression into a region, opening new ones for what does not meet it."""
        if isinstance(node, (Name, At)):
            symbol = self.names.symbol(node)
            if symbol is not None:
                region.names.append(symbol.name)
        elif isinstance(node, _MEETING):
            for child in node.children:
                self.enter(child, region)
        elif isinstance(node, MatMul):
            region.has_product = True
            self.enter(node.left, self.region(2))
            self.enter(node.right, region)
        elif isinstance(node, Transpose):
            region.stated.add(2)
            self.enter(node.of, self.region(2))
        elif isinstance(node, (Cut, Part)):
            region.stated.add(1)
            self.enter(node.of, self.region(1))
        elif isinstance(node, Call):
            self.enter_call(node, region)

    def enter_call(self, node: Call, region: Region) -> None:
        name, parts = node.function, node.parts
        if name in ELEMENTWISE or name in KEEPING:
            region.stated |= {1} if name in VECTOR_KEEPING else set()
            for part in parts if name in ELEMENTWISE else parts[:1]:
                self.enter(part, region)
        elif name in LOSSES:
            region.stated.add(0)
            inner = self.region()
            for part in parts:
                self.enter(part, inner)
        else:
            result, argument = {
                "dot": (0, 1), "outer": (2, 1), "concat": (1, None), "diag": (2, 1), "logsumexp": (0, 1), "eye": (2, None),
                "ones": (len(parts), None), **dict.fromkeys(ENTRIES, (0, None)),
            }[name]  # fmt: skip
            region.stated.add(result)
            if name not in ("eye", "ones"):
                for part in parts:
                    self.enter(part, self.region() if argument is None else self.region(argument))

    # ------------------------------------------------------------ the rules

    def settle(self) -> None:
        """Ask the rules in their order until nothing changes."""
        while True:
            if self.met(1) or self.closed() or self.read_elsewhere(1) or self.products():
                continue
            if not (self.met(0) or self.read_elsewhere(0)):
                return

    def level(self, region: Region) -> int | None:
        """The largest rank settled in a region; None when nothing in it is."""
        ranks = [self.ranks[key] for key in region.names if key in self.ranks]
        return max([*region.stated, *ranks], default=None)

    def is_computed(self, key: str) -> bool:
        return self.names.symbols[key].kind == "variable"

    def met(self, least: int) -> bool:
        """Rule 1: open parameters and the left side take the rank of what they meet (a vector or matrix first: least = 1)."""
        changed = False
        for region in self.regions:
            level = self.level(region)
            if level is not None and level >= least:
                changed |= self.set_all([k for k in region.names if not self.is_computed(k)], level)
        for side in self.sides:
            level = self.level(side.region)
            if level is not None and level >= least and not side.is_boundary:
                changed |= self.set_all([side.key], level)
        return changed

    def set_all(self, keys: list[str], rank: int) -> bool:
        new = {key: rank for key in keys if key not in self.ranks}
        self.ranks.update(new)
        return bool(new)

    def closed(self) -> bool:
        """An equation in which nothing is open any more, its own past aside: its left side has the smallest rank it allows."""
        changed = False
        for side in self.sides:
            others = [k for k in side.region.names if k != side.key]
            if side.is_boundary or side.key in self.ranks or side.region.has_product or not all(k in self.ranks for k in others):
                continue
            level = self.level(side.region)
            starts = self.starts.get(side.key, [])
            if level is None and starts:  # nothing but its own past: then its initial value says
                if any(k not in self.ranks and k != side.key and self.is_computed(k) for r in starts for k in r.names):
                    continue
                level = max((self.level(r) or 0 for r in starts), default=0)
            changed |= self.set_all([side.key], level or 0)
        return changed

    def read_elsewhere(self, least: int) -> bool:
        """Rule 2: a computed variable whose equation holds only names of open rank takes it from those that read it."""
        found: dict[str, int] = {}
        for key, own in self.undecided().items():
            levels = [self.level(r) for r in self.holding[key] if r is not own]
            best = max((x for x in levels if x is not None), default=None)
            if best is not None and best >= least:
                found[key] = best
        self.ranks.update(found)
        return bool(found)

    def undecided(self) -> dict[str, Region]:
        """The computed variables whose own equation holds nothing but names of open rank.

        A variable whose equation does hold something else is not of open rank, even before it is settled: it only waits for its
        parameters, and so does all that reads it.
        """
        found: dict[str, Region] = {}
        for side in self.sides:
            others = [k for k in side.region.names if k != side.key]
            is_open = side.key not in self.ranks and not side.region.stated and not any(k in self.ranks for k in others)
            if is_open and others and not side.is_boundary:
                found[side.key] = side.region
        while True:
            decided = [k for k, region in found.items() if any(self.is_computed(n) and n != k and n not in found for n in region.names)]
            if not decided:
                return found
            for key in decided:
                del found[key]

    def products(self) -> bool:
        """Rule 3: right of `@` stands a vector unless the result meets a matrix."""
        found = [r for r in self.regions if r.has_product and not self.level(r)]
        for region in found:
            region.stated.add(1)
        return bool(found)

    # ------------------------------------------------------------ what stays open

    def report_open(self, findings: Findings) -> None:
        """One error for each group of names that would be settled together; it names the line to add."""
        pending = [k for k in self.names.symbols if k not in self.ranks]
        while pending:
            group, queue = {pending[0]}, [pending[0]]
            while queue:
                for region in self.holding.get(queue.pop(), ()):
                    new = [k for k in region.names if k not in self.ranks and k not in group]
                    group.update(new)
                    queue += new
            members = [k for k in pending if k in group]
            pending = [k for k in pending if k not in group]
            symbol = self.names.symbols[next((k for k in members if self.is_computed(k)), members[0])]
            kind = "vector" if symbol.kind == "variable" else symbol.kind
            also = [k for k in members if k != symbol.name]
            more = f" (and with it {', '.join(f'`{k}`' for k in also[:4])}{' …' if len(also) > 4 else ''})" if also else ""
            line = f"{symbol.name}: {kind}[{fresh_size(symbol.name, self.names)}]"
            other = f"{symbol.name}: {'scalar' if symbol.kind == 'variable' else kind}"
            found = f"nothing says whether `{symbol.name}`{more} is a scalar, a vector or a matrix"
            findings.error("E304", found, symbol.place, instead=f"the line `{line}`, or `{other}` for a scalar")


def fresh_size(name: str, names: Names) -> str:
    """A name for a size of `name` that the text does not use."""
    wanted = f"n_{name}"
    while wanted in names.sizes or wanted in names.symbols:
        wanted += "_"
    return wanted


def rank_word(rank: int) -> str:
    return _WORDS[rank]
