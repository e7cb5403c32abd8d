"""What every name is: data, parameter, constant, size, computed variable; with or without time; and what it was mistaken for.

Comes in: a `Page` and its expanded equations. Goes out: `Names`. A name without an index that no equation defines, no line declares and no
brackets contain is a parameter; a name with an index needs an equation or a declaration as data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rnnsym.algebra.tensor import DATA, FINAL_LOSS, STEP_LOSS
from rnnsym.errors import Span
from rnnsym.language.findings import Findings, article, near
from rnnsym.language.functions import size_names
from rnnsym.language.macros import Equation
from rnnsym.language.syntax import At, Call, Cut, Declare, Name, Node, Page, StepTest
from rnnsym.language.unify import Form

NUMBERS = ("inf", "pi")
_VARIABLE_KINDS = ("vector", "matrix", "scalar")


@dataclass(frozen=True)
class Symbol:
    """What is known of a name before its shape: kind as in the algebra, whether it has a time, where it is declared and used."""

    name: str
    kind: str
    timed: bool
    declare: Declare | None = None
    equation: Equation | None = None
    first: Span | None = None

    @property
    def place(self) -> Span | None:
        """Where the name comes from: its declaration, its equation, its first use."""
        if self.declare is not None:
            return self.declare.span
        return self.equation.target.span if self.equation is not None else self.first


@dataclass(frozen=True)
class Names:
    """Every name of a text.

    symbols    what has a value, by key (`loss` for loss[t], `loss'` for the loss added once), in the order of the text
    sizes      names of sizes
    equations  those whose names are in order; the others are in `broken` (by key of their left side)
    clashing   names of sizes that are the names of quantities too (an error)
    declared   for every declared name the sizes in its brackets, None for one that is wrong; filled by `declarations`
    is_whole   false where a line could not be read, so that something may be missing
    """

    symbols: dict[str, Symbol]
    sizes: dict[str, Span]
    equations: tuple[Equation, ...]
    broken: set[str] = field(default_factory=set)
    clashing: frozenset[str] = frozenset()
    declared: dict[str, tuple[Form | None, ...]] = field(default_factory=dict)
    is_whole: bool = True

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing or wrong so far, so that what stays open is the text's fault."""
        return self.is_whole and not self.broken

    def symbol(self, node: Node) -> Symbol | None:
        """The symbol that a name in an expression stands for; None for a number or a size."""
        if isinstance(node, Name):
            return self.symbols.get(FINAL_LOSS if node.name == "loss" else node.name)
        return self.symbols.get(node.name) if isinstance(node, At) else None

    def step_of(self, symbol: Symbol) -> str:
        """`h[t]` for a parameter that is called `h_t` beside a running `h`: a subscript where brackets were meant; else ""."""
        base = self.symbols.get(symbol.name.removesuffix("_t"))
        is_meant = symbol.kind == "param" and symbol.declare is None and base is not None and base is not symbol and base.timed
        return f"{base.name}[t]" if is_meant and base is not None else ""


def key_of(equation: Equation) -> str:
    """The name under which an equation's left side is known."""
    target = equation.target
    return FINAL_LOSS if target.name == "loss" and target.when is None else target.name


def occurrences(node: Node) -> Iterator[Name | At]:
    """The names read in an expression, without those in places of sizes."""
    stack = [node]
    while stack:
        here = stack.pop()
        if isinstance(here, (Name, At)):
            yield here
        elif isinstance(here, Cut):
            stack.append(here.of)
        elif not (isinstance(here, Call) and here.function in ("eye", "ones")):
            stack.extend(reversed(here.children))


def find_names(page: Page, equations: tuple[Equation, ...], findings: Findings) -> Names:
    """The names of a text; what is wrong with them is noted in `findings`."""
    return _Finder(page, equations, findings).run()


class _Finder:
    """Gathers what the lines say of each name, then looks at every use."""

    def __init__(self, page: Page, equations: tuple[Equation, ...], findings: Findings):
        self.page, self.equations, self.findings = page, equations, findings
        self.sizes = size_names(page)
        self.declares: dict[str, Declare] = {}
        self.defined: dict[str, Equation] = {}
        self.used: dict[str, list[Name | At]] = {}
        self.broken: set[str] = set()
        self.complained: set[str] = set()

    def run(self) -> Names:
        self.gather_declarations()
        self.gather_equations()
        self.gather_uses()
        self.check_sizes()
        symbols = self.symbols()
        self.check_boundaries(symbols)
        self.check_uses(symbols)
        self.check_declared(symbols)
        good = tuple(e for e in self.equations if e.value is not None and id(e) not in self.bad)
        clashing = frozenset(n for n in self.sizes if n in symbols or n in NUMBERS)
        return Names(symbols, self.sizes, good, self.broken, clashing, is_whole=self.page.is_whole)

    # ------------------------------------------------------------ what the lines say

    def gather_declarations(self) -> None:
        for declare in self.page.declares:
            if declare.name in self.declares:
                other = self.declares[declare.name]
                self.findings.error(
                    "E202",
                    f"`{declare.name}` is declared twice",
                    declare.name_span,
                    expected="one line for each name",
                    notes=((other.span, "declared here"),),
                )
            self.declares.setdefault(declare.name, declare)

    def gather_equations(self) -> None:
        self.bad: set[int] = set()
        seen: dict[str, Equation] = {}
        for equation in self.equations:
            target, key = equation.target, key_of(equation)
            full = target.text if target.is_boundary else key
            if full in seen:
                self.duplicate(equation, seen[full])
                self.bad.add(id(equation))
                continue
            seen[full] = equation
            if not target.is_boundary:
                self.defined[key] = equation
            if equation.value is None:
                self.broken.add(key)
        for equation in self.equations:
            declare = self.declares.get(equation.target.name)
            if declare is not None and declare.kind not in _VARIABLE_KINDS:
                self.given(equation, declare)
                self.bad.add(id(equation))

    def duplicate(self, equation: Equation, other: Equation) -> None:
        target, first = equation.target, other.target
        both = "with [t] and without" if (target.when is None) != (first.when is None) else ""
        found = f"`{target.name}` has two equations, {both}" if both else f"`{target.text}` has two equations"
        self.findings.error("E202", found, target.span, expected="one equation for each name", notes=((first.span, "the first one"),))

    def given(self, equation: Equation, declare: Declare) -> None:
        """An equation for what comes from outside."""
        name, target = declare.name, equation.target
        if target.is_boundary and declare.kind in DATA:
            instead = f"a variable that repeats it: {name}_in[t] = {name}[t], {name}_in[{target.when}] = …"
        else:
            instead = f"another name on the left, or `vector` in place of `{declare.kind}`"
        found = f"`{target.text}` has an equation, but it is declared {article(declare.kind)}"
        self.findings.error("E205", found, target.span, instead=instead, notes=((declare.span, "declared here"),))

    def gather_uses(self) -> None:
        for equation in self.equations:
            if equation.value is not None:
                for node in occurrences(equation.value):
                    key = FINAL_LOSS if isinstance(node, Name) and node.name == "loss" else node.name
                    self.used.setdefault(key, []).append(node)

    def check_sizes(self) -> None:
        for name, span in self.sizes.items():
            other = self.declares.get(name)
            place = other.name_span if other else self.defined[name].target.span if name in self.defined else None
            if place is not None:
                self.findings.error(
                    "E206",
                    f"`{name}` is a size and the name of a quantity",
                    place,
                    notes=((span, "used as a size"),),
                    instead="another name for one of them",
                )
            elif name in NUMBERS:
                self.findings.error("E206", f"`{name}` is a number, here it stands for a size", span, instead=f"n_{name}")

    # ------------------------------------------------------------ what they come to

    def symbols(self) -> dict[str, Symbol]:
        """Every name that has a value: declared ones first, then in the order of the equations."""
        found: dict[str, Symbol] = {}
        for declare in self.declares.values():
            kind = "variable" if declare.kind in _VARIABLE_KINDS else declare.kind
            equation = self.defined.get(declare.name)
            timed = equation.target.when is not None if equation is not None else self.has_time(declare)
            found[declare.name] = Symbol(declare.name, kind, timed, declare, equation, declare.name_span)
        for equation in self.equations:
            key = key_of(equation)
            if key not in found and key in self.defined:
                own = self.defined[key]
                found[key] = Symbol(key, "variable", own.target.when is not None, None, own, own.target.span)
            if equation.value is not None:
                for node in occurrences(equation.value):
                    self.infer(node, found)
        return found

    def has_time(self, declare: Declare) -> bool:
        """Whether data is used with a time (most uses say so, of equally many the first; unused data has one value per step)."""
        if declare.kind in ("param", "constant"):
            return False
        timed = [isinstance(node, At) for node in self.used.get(declare.name, ())]
        return not timed or 2 * sum(timed) + timed[0] > len(timed)

    def infer(self, node: Name | At, found: dict[str, Symbol]) -> None:
        if not isinstance(node, Name) or node.name in found or node.name in self.sizes or node.name in self.defined or node.name == "loss":
            return
        if node.name in NUMBERS or node.name in self.declares or self.is_elsewhere_timed(node.name):
            return
        found[node.name] = Symbol(node.name, "param", False, first=node.span)

    def is_elsewhere_timed(self, name: str) -> bool:
        return any(isinstance(other, At) for other in self.used.get(name, ()))

    # ------------------------------------------------------------ whether every use is right

    def check_boundaries(self, symbols: dict[str, Symbol]) -> None:
        for equation in self.equations:
            target = equation.target
            if not target.is_boundary or id(equation) in self.bad:
                continue
            symbol = symbols.get(target.name)
            if symbol is None or symbol.equation is None:
                self.bad.add(id(equation))
                known = [s.name for s in symbols.values() if s.kind == "variable" and s.timed]
                close = near(target.name, known)
                instead = f"{close[0]}[{target.when}] = …" if close else f"an equation {target.name}[t] = … beside it"
                if self.page.is_whole:
                    self.findings.error(
                        "E201", f"`{target.text}` is given, but no equation defines `{target.name}[t]`", target.span, instead=instead
                    )
            elif not symbol.timed:
                self.bad.add(id(equation))
                self.findings.error(
                    "E204", f"`{target.text}` is given, but `{target.name}` is static", target.span, notes=((symbol.place, "its equation"),)
                )

    def check_uses(self, symbols: dict[str, Symbol]) -> None:
        for equation in self.equations:
            if equation.value is None:
                continue
            static = equation.target.when is None or equation.target.is_boundary
            if static and self.lacks_its_time(equation):
                self.bad.add(id(equation))
                self.broken.add(key_of(equation))
                continue
            if not self.equation_is_right(equation.value, symbols, static, equation):
                self.bad.add(id(equation))
                self.broken.add(key_of(equation))

    def lacks_its_time(self, equation: Equation) -> bool:
        """Whether `c = …` should be `c[t] = …`: it reads running steps, and others read it at steps. Noted as one error."""
        name = equation.target.name
        reader = next((node for node in self.used.get(name, ()) if isinstance(node, At)), None)
        assert equation.value is not None
        runs = any(isinstance(node, At) and node.when.is_running and not summed for node, summed in with_sums(equation.value))
        if equation.target.is_boundary or reader is None or not runs or name == "loss":
            return False
        found = f"`{name}` has no time on the left, but is read as `{name}[{reader.when}]`"
        notes = ((reader.span, "here"),)
        self.findings.error("E204", found, equation.target.span, instead=f"{name}[t] = …", notes=notes)
        self.complained.add(name)
        return True

    def equation_is_right(self, value: Node, symbols: dict[str, Symbol], static: bool, equation: Equation) -> bool:
        good = True
        for node, summed in with_sums(value):
            if isinstance(node, StepTest):
                if static and not summed and node.when.is_running:
                    found = f"`{equation.target.text}` is static; it has no running step to compare"
                    self.findings.error("E404", found, node, instead="the condition in an equation with [t]")
                    good = False
            elif isinstance(node, (Name, At)) and not self.use_is_right(node, symbols):
                good = False
            elif static and not summed and isinstance(node, At) and node.when.is_running:
                if good:
                    self.report_running(node, equation, symbols)
                good = False
        return good

    def report_running(self, node: At, equation: Equation, symbols: dict[str, Symbol]) -> None:
        """A static equation reads a running step: said once for an equation."""
        name, target = node.name, equation.target.name
        found = f"`{equation.target.text}` is static but reads `{name}[{node.when}]` at a running step"
        instead = f"{name}[T], the last step, or total({name}[t]), the sum over steps"
        if equation.target.is_boundary:
            instead = f"{name}[1], the first step, or {instead}"
        elif name != "loss":
            meant = target[:-2] if target.endswith("_t") and target[:-2] in symbols else target
            instead = f"{meant}[t] = … on the left; or {instead}"
        self.findings.error("E404", found, node, instead=instead)

    def use_is_right(self, node: Name | At, symbols: dict[str, Symbol]) -> bool:
        symbol = symbols.get(FINAL_LOSS if isinstance(node, Name) and node.name == "loss" else node.name)
        if symbol is None:
            return self.unknown_is_right(node, symbols)
        if isinstance(node, Name) and node.of_function and node.name not in self.sizes:
            found = f"`{node.name}` in the body of `{node.of_function}` is a name of the file here"
            self.findings.error("E208", found, node, instead=f"a parameter of `{node.of_function}`, and `{node.name}` as its argument")
            return False
        if isinstance(node, At) and not symbol.timed:
            if node.name not in self.complained:
                self.report_static(node, symbol)
            return False
        if isinstance(node, Name) and symbol.timed:
            name = node.name
            notes = ((symbol.equation.target.span, "its equation"),) if symbol.equation else ()
            found = f"`{name}` is used without a time, but it has a value per step"
            if symbol.kind in DATA:
                first = next((n for n in self.used[name] if isinstance(n, At)), None)
                notes = ((first.span, "used with a time here"),) if first is not None else ()
            self.findings.error("E204", found, node, instead=f"{name}[t], {name}[t-1] or {name}[T]", notes=notes)
            return False
        return True

    def report_static(self, node: At, symbol: Symbol) -> None:
        name, what = (
            node.name,
            {"param": "a parameter", "constant": "a constant", "variable": "static"}.get(symbol.kind, "used without a time"),
        )
        found = f"`{name}[{node.when}]` has a time, but `{name}` is {what}"
        notes = ((symbol.place, "here"),) if symbol.kind != "param" or symbol.declare else ()
        if symbol.kind in DATA:
            first = next((n for n in self.used[name] if isinstance(n, Name)), None)
            notes = ((first.span, "used without a time here"),) if first is not None else ()
        self.findings.error(
            "E204",
            found,
            node,
            instead=f"`{name}` alone" if symbol.kind != "variable" else f"`{name}` alone, or {name}[t] = … as its equation",
            notes=notes,
        )

    def unknown_is_right(self, node: Name | At, symbols: dict[str, Symbol]) -> bool:
        """A name that stands for nothing: right for sizes and numbers, else an error with the likely spelling."""
        name = node.name
        if isinstance(node, Name) and (name in self.sizes or name in NUMBERS):
            return True
        if not self.page.is_whole:
            return False
        if name in self.sizes and isinstance(node, At):
            self.findings.error("E204", f"`{name}[{node.when}]` has a time, but `{name}` is a size", node, instead=f"`{name}` alone")
            return False
        if name == "loss":
            text = f"loss[{node.when}]" if isinstance(node, At) else "loss"
            self.findings.error("E201", f"`{text}` is read, but no equation defines it", node, instead=f"{text} = …")
            return False
        if name in self.complained:  # once is enough
            return False
        self.complained.add(name)
        text = f"{name}[{node.when}]" if isinstance(node, At) else name
        known = [s.name for s in symbols.values() if s.timed and s.name != "loss"] if isinstance(node, At) else list(symbols)
        close = [] if self.findings.is_full else near(name, known)
        if close:
            instead = " or ".join(f"{c}[{node.when}]" if isinstance(node, At) else c for c in close)
        else:
            instead = f"an equation {name}[t] = …, or a declaration: {name}: input[n_{name}]"
            instead += f"; `{name}` alone for a parameter" if isinstance(node, At) else ""
        self.findings.error("E201", f"`{text}` has no equation and no declaration as data", node, instead=instead)
        return False

    def check_declared(self, symbols: dict[str, Symbol]) -> None:
        """A declared variable needs an equation; a declaration's brackets must fit its kind."""
        for symbol in symbols.values():
            declare = symbol.declare
            if declare is None or symbol.kind != "variable" or symbol.equation is not None:
                continue
            known = [s.name for s in symbols.values() if s.kind == "variable" and s.declare is None]
            close = near(declare.name, known)
            example = f"{declare.name}: input[…], if it is given from outside"
            if self.page.is_whole:
                instead = f"{close[0]}: {declare.kind}…" if close else f"{declare.name}[t] = …, or {example}"
                self.findings.error("E201", f"`{declare.name}` is declared, but no equation defines it", declare.span, instead=instead)
            self.broken.add(declare.name)


def with_sums(value: Node) -> Iterator[tuple[Node, bool]]:
    """Names and step tests of an expression, each with whether it stands under total(…)."""
    stack = [(value, False)]
    while stack:
        node, summed = stack.pop()
        if isinstance(node, (Name, At, StepTest)):
            yield node, summed
        elif isinstance(node, Cut):
            stack.append((node.of, summed))
        elif not (isinstance(node, Call) and node.function in ("eye", "ones")):
            inner = summed or (isinstance(node, Call) and node.function == "total")
            stack.extend((child, inner) for child in reversed(node.children))


__all__ = ["DATA", "NUMBERS", "STEP_LOSS", "Names", "Symbol", "find_names", "key_of", "occurrences", "with_sums"]
