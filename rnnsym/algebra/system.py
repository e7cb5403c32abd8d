"""System: a checked set of recurrence equations, the one object that everything else takes and returns.

Comes in: declarations and definitions (from the language, from Python, or from a pass). Goes out: a frozen object that prints as a
`.rnn` text, gives its equations as SymPy `Eq`, and has checked itself: names, shapes, time, cycles.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import sympy
from sympy import Eq

from rnnsym.algebra.graph import Component, components, extents, quantity_key, reads
from rnnsym.algebra.listing import system_text
from rnnsym.algebra.sizes import Shape, same_shape, shape_text
from rnnsym.algebra.tensor import DATA, Quantity, T, Tensor, as_tensor, t
from rnnsym.errors import Diagnostic, ModelError, Span, UsageError


@dataclass(frozen=True)
class Start:
    """How a parameter starts, or what a constant is fixed to.

    rule: "value", "glorot", "orthogonal", "eye", "uniform" (±amount) or "normal" (standard deviation `amount`).
    """

    rule: str
    amount: sympy.Expr | None = None


@dataclass(frozen=True)
class Declaration:
    """What is known of a name: kind (see `KINDS`), shape, whether it has a value per step, description, start."""

    name: str
    kind: str
    shape: Shape = ()
    timed: bool = False
    description: str = ""
    start: Start | None = None
    explicit: bool = field(default=True, compare=False)  # printed by str(); an inferred line is not
    span: Span | None = field(default=None, compare=False)

    @property
    def quantity(self) -> Quantity:
        """The quantity itself, at t when it is timed."""
        return Quantity(self.name, self.shape, t if self.timed else None, self.kind)


@dataclass(frozen=True)
class Definition:
    """One equation: what it defines (`h[t]`, a static `A`, a boundary value `h[0]`, `b[T+1]`), and by what."""

    lhs: Quantity
    rhs: Tensor
    description: str = ""
    span: Span | None = field(default=None, compare=False)
    read_spans: Mapping[str, Span] = field(default_factory=dict, compare=False, hash=False)  # name read → where it stands

    @property
    def name(self) -> str:
        return self.lhs.name

    @property
    def key(self) -> str:
        return quantity_key(self.lhs)

    @property
    def is_boundary(self) -> bool:
        return self.lhs.is_absolute

    @property
    def equation(self) -> Eq:
        return Eq(self.lhs, self.rhs, evaluate=False)

    def __str__(self) -> str:
        return f"{self.lhs} = {self.rhs}"

    def __repr__(self) -> str:
        return f"<Definition {self}>"

    def _repr_latex_(self) -> str:
        """For notebooks (looked up late: documents come after the algebra)."""
        from rnnsym.documents import rich

        return rf"$\displaystyle {rich.definition_latex(self)}$"


@dataclass(frozen=True)
class System:
    """A system of recurrence equations, checked when it is made.

    name, doc      what the file is called and says of itself
    declarations   every name: data, parameters, constants, computed variables, in the order of the file
    definitions    an equation for every computed variable
    boundaries     equations for values outside 1 … T: `h[0] = h_0`, `b[T+1] = …`; what has none is zero there
    notation       (name, LaTeX) pairs that the file states

    `str(system)` is a model's text again; equal Systems have equal equations, names and descriptions. Raises ModelError where names,
    shapes, times or cycles are not in order.

    >>> import rnnsym
    >>> model = rnnsym.load("lstm")
    >>> print(model.definitions[4])
    c[t] = f[t] * c[t-1] + i[t] * g[t]
    >>> model.sizes, model.by_name["W_i"].shape
    ((n_x, n_y, n_h), (n_h, n_x))
    """

    name: str
    declarations: tuple[Declaration, ...]
    definitions: tuple[Definition, ...]
    boundaries: tuple[Definition, ...] = ()
    doc: str = ""
    notation: tuple[tuple[str, str], ...] = ()
    warnings: tuple[Diagnostic, ...] = field(default=(), compare=False, hash=False)
    source: str = field(default="", compare=False, repr=False)
    file: str = field(default="<text>", compare=False)

    def __post_init__(self) -> None:
        self.check()

    # ------------------------------------------------------------ what it holds

    @cached_property
    def every_definition(self) -> tuple[Definition, ...]:
        """Boundary values first, then the equations."""
        return self.boundaries + self.definitions

    @property
    def equations(self) -> tuple[Eq, ...]:
        """The equations as SymPy `Eq`, boundary values first."""
        return tuple(d.equation for d in self.every_definition)

    @cached_property
    def by_name(self) -> dict[str, Declaration]:
        return {d.name: d for d in self.declarations}

    @cached_property
    def defined(self) -> dict[str, Definition]:
        """Definition by key: `h`, `h[0]`."""
        return {d.key: d for d in self.every_definition}

    def of_kind(self, *kinds: str) -> tuple[Declaration, ...]:
        """The declarations of these kinds, in order."""
        return tuple(d for d in self.declarations if d.kind in kinds)

    @property
    def params(self) -> tuple[Declaration, ...]:
        return self.of_kind("param")

    @property
    def data(self) -> tuple[Declaration, ...]:
        """Inputs, targets and tokens."""
        return self.of_kind(*DATA)

    @property
    def constants(self) -> tuple[Declaration, ...]:
        return self.of_kind("constant")

    @property
    def variables(self) -> tuple[Declaration, ...]:
        return self.of_kind("variable")

    @cached_property
    def sizes(self) -> tuple[sympy.Symbol, ...]:
        """The size symbols, in the order in which the declarations use them."""
        found: dict[sympy.Symbol, None] = {}
        for declaration in self.declarations:
            for length in declaration.shape:
                found.update(dict.fromkeys(sorted(length.free_symbols, key=str)))
        return tuple(found)

    @cached_property
    def components(self) -> tuple[Component, ...]:
        """The equations in an order of computation: static, maps and scans."""
        return components(self)

    @cached_property
    def extents(self) -> dict[str, tuple[int, int]]:
        """(lag, lead) with which each timed quantity is read."""
        return extents(self)

    def quantity(self, name: str) -> Quantity:
        """The quantity of that name, at t when it is timed."""
        return self.by_name[name].quantity

    @cached_property
    def readers(self) -> dict[str, tuple[tuple[Definition, object], ...]]:
        """For every name: the definitions that read it, with the delay of each read, in the order of the equations."""
        found: dict[str, list[tuple[Definition, object]]] = {d.name: [] for d in self.declarations}
        for definition in self.every_definition:
            for read in reads(definition.rhs):
                found[read.name].append((definition, read.delay))
        return {name: tuple(rows) for name, rows in found.items()}

    def fresh(self, wanted: str) -> str:
        """A name that the System does not use: the wanted one, or with underscores after it."""
        taken = set(self.by_name) | {s.name for s in self.sizes} | {"t", "T", "loss", "inf", "pi"}
        while wanted in taken:
            wanted += "_"
        return wanted

    # ------------------------------------------------------------ building and editing

    @classmethod
    def from_equations(
        cls,
        name: str,
        equations: Iterable[Eq | tuple[Quantity, Tensor]],
        *,
        doc: str = "",
        starts: Mapping[str, Start] | None = None,
        notation: Mapping[str, str] | None = None,
    ) -> System:
        """A System from equations written in Python; declarations follow from the quantities that occur.

        Raises ModelError where names, shapes or times do not fit.

        >>> from rnnsym.algebra import Quantity, apply, sizes, t
        >>> n_x, n_h = sizes("n_x n_h")
        >>> x, h = Quantity("x", (n_x,), kind="input"), Quantity("h", (n_h,))
        >>> W, U = Quantity("W", (n_h, n_x), kind="param"), Quantity("U", (n_h, n_h), kind="param")
        >>> model = System.from_equations("elman", [(h[t], apply("tanh", W @ x[t] + U @ h[t-1]))])
        >>> [p.name for p in model.params]
        ['W', 'U']
        """
        rows = [Definition(*_sides(e)) for e in equations]
        blank = cls(name, (), (), doc=doc, notation=tuple((notation or {}).items()))
        return blank._with(rows, {n: s for n, s in (starts or {}).items()})

    def replace(self, *equations: Eq | tuple[Quantity, Tensor]) -> System:
        """The System with these equations in place of those that define the same quantity; others are added at the end.

        Names that the new equations bring become what their quantities say; names that nothing uses any more are dropped. Raises
        ModelError where the result is not in order.

        >>> import rnnsym
        >>> model = rnnsym.load("elman")
        >>> h = model.quantity("h")
        >>> print(model.replace((h, rnnsym.apply("tanh", model.definitions[0].rhs))).definitions[0])
        h[t] = tanh(sigmoid(W @ x[t] + U @ h[t-1] + b))
        """
        new = {quantity_key(lhs): Definition(lhs, rhs) for lhs, rhs in map(_sides, equations)}
        rows = [self._edited(d, new.pop(d.key)) if d.key in new else d for d in self.every_definition]
        return self._with(rows + list(new.values()))

    def add(self, *equations: Eq | tuple[Quantity, Tensor]) -> System:
        """The System with further equations; raises ModelError E202 where one defines what is already defined."""
        return self._with([*self.every_definition, *(Definition(*_sides(e)) for e in equations)])

    def drop(self, *keys: str) -> System:
        """The System without the equations of these quantities (`"h"`, `"h[0]"`)."""
        missing = [key for key in keys if key not in self.defined]
        if missing:
            raise ModelError.at("E201", f"`{missing[0]}` has no equation to drop", expected=", ".join(self.defined))
        return self._with([d for d in self.every_definition if d.key not in keys])

    @staticmethod
    def _edited(old: Definition, new: Definition) -> Definition:
        return dataclasses.replace(new, description=old.description)

    def _with(self, rows: list[Definition], starts: Mapping[str, Start] | None = None) -> System:
        """The System with these definitions, and declarations for exactly what they use."""
        used: dict[str, Declaration] = {}
        everything = [q for d in rows for q in (d.lhs, *(read.quantity for read in reads(d.rhs)))]
        for quantity in everything:
            timed = quantity.time is not None
            fresh = Declaration(quantity.name, quantity.kind, quantity.shape, timed, start=(starts or {}).get(quantity.name))
            known = used.setdefault(quantity.name, fresh)
            if (known.kind, known.timed) != (fresh.kind, fresh.timed) or not same_shape(known.shape, fresh.shape):
                raise ModelError.at(
                    "E204",
                    f"`{quantity.name}` is used as {known.kind} {shape_text(known.shape)}{'[t]' if known.timed else ''} "
                    f"and as {fresh.kind} {shape_text(fresh.shape)}{'[t]' if timed else ''}",
                    expected="one kind, one shape, always or never with [t]",
                )
        kept = [_carry_over(old, used.pop(old.name)) for old in self.declarations if old.name in used]
        return dataclasses.replace(
            self,
            declarations=tuple(kept) + tuple(used.values()),
            definitions=tuple(d for d in rows if not d.is_boundary),
            boundaries=tuple(d for d in rows if d.is_boundary),
            source="",
        )

    # ------------------------------------------------------------ checks and text

    def check(self) -> None:
        """Raise ModelError unless names, shapes, times and cycles are in order."""
        problems: list[Diagnostic] = []

        def report(code: str, found: str, span: Span | None, expected: str = "", instead: str = "") -> None:
            problems.append(Diagnostic(code, found, span, expected, instead, source=self.source, file=self.file))

        seen: dict[str, Definition] = {}
        for definition in self.every_definition:
            key = definition.key
            if key in seen:
                report("E202", f"`{key}` has two equations", definition.span, "one equation for each name")
            seen[key] = definition
            if not same_shape(definition.lhs.shape, definition.rhs.shape) and definition.rhs.shape:
                left, right = shape_text(definition.lhs.shape), shape_text(definition.rhs.shape)
                report("E301", f"`{key}` has shape {left}, its equation gives {right}", definition.span, "equal shapes")
            self._check_quantities(definition, report)
        for declaration in self.declarations:
            if declaration.kind == "variable" and declaration.name not in seen:
                report("E201", f"`{declaration.name}` is read but no equation defines it", declaration.span, "an equation for it")
        if problems:
            raise ModelError(problems)
        _ = self.components  # raises the cycle errors

    def _check_quantities(self, definition: Definition, report) -> None:
        static = definition.lhs.offset is None
        for read in reads(definition.rhs):
            declared = self.by_name.get(read.name)
            if declared is None:
                report("E201", f"`{read.name}` is read in `{definition}` but not declared", definition.span)
            elif declared.kind != read.quantity.kind or declared.timed != (read.quantity.time is not None):
                report("E204", f"`{read.quantity}` is not used as it is declared", definition.span)
            elif not same_shape(declared.shape, read.quantity.shape):
                found, said = shape_text(read.quantity.shape), shape_text(declared.shape)
                report("E301", f"`{read.quantity}` has shape {found}, declared {said}", definition.span)
            if static and isinstance(read.delay, int):
                report(
                    "E404",
                    f"`{definition.key}` is static but reads `{read.quantity}` at a running step",
                    definition.span,
                    instead=f"`{read.name}[T]`, the last step, or `total({read.name}[t])`, the sum over steps",
                )

    def __str__(self) -> str:
        return system_text(self)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        """For notebooks: the equations as mathematics (looked up late: documents come after the algebra)."""
        from rnnsym.documents import rich

        return rich.system_bundle(self)

    def __repr__(self) -> str:
        return f"<System {self.name}: {len(self.definitions)} equations, {len(self.params)} parameters>"


def require_system(value: object) -> System:
    """The value, which must be a System; UsageError says how one is made from a name or a text."""
    if isinstance(value, System):
        return value
    instead = f'rnnsym.load("{value}")' if isinstance(value, str) and len(value) < 40 else "rnnsym.load(…) or rnnsym.parse(…)"
    raise UsageError.at(
        "U104", f"a value of type {type(value).__name__} stands where a model is needed", expected="a System", instead=instead
    )


def _sides(equation: Eq | tuple[Quantity, Tensor]) -> tuple[Quantity, Tensor]:
    left, right = equation.args if isinstance(equation, Eq) else equation
    if not isinstance(left, Quantity) or left.kind != "variable":
        raise ModelError.at("E205", f"`{left}` stands left of an equation", expected="a variable: h[t], A, h[0], b[T+1]")
    if left.time is not None and left.offset not in (0, None):
        raise ModelError.at("E205", f"`{left}` stands left of an equation", expected=f"{left.name}[t]")
    return left, as_tensor(right)


def _carry_over(old: Declaration, new: Declaration) -> Declaration:
    """The new facts of a name with what the old line said of it."""
    return dataclasses.replace(old, kind=new.kind, shape=new.shape, timed=new.timed, start=new.start or old.start)


__all__ = ["Declaration", "Definition", "Start", "System", "T", "require_system"]
