"""Shapes: every expression gets one, every size that the text leaves open is determined by what it meets.

Comes in: `Names` and ranks. Goes out: the shape of every name, as forms without unknowns. A mismatch is an error that points at the
expression, says both shapes and where each came from; a size that stays open is an error that names the line to add.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from rnnsym.algebra.sizes import size_text
from rnnsym.errors import Span
from rnnsym.language.builtin import ARITY, ELEMENTWISE, ENTRIES, LOSSES, VECTOR_KEEPING
from rnnsym.language.constants import constant
from rnnsym.language.findings import Findings
from rnnsym.language.lengths import never_positive, size_form
from rnnsym.language.macros import Equation
from rnnsym.language.names import Names, Symbol, key_of, occurrences
from rnnsym.language.origins import Origins
from rnnsym.language.ranks import fresh_size, rank_word
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
    Num,
    Part,
    Power,
    Product,
    Ratio,
    StepTest,
    Sum,
    Transpose,
)
from rnnsym.language.unify import Form, Shape, Sizes

_WHAT = {
    Sum: "this sum",
    Product: "this product",
    Ratio: "this quotient",
    Power: "this power",
    Comparison: "this comparison",
    Choice: "this conditional",
}


class _Wrong(Exception):
    """The expression has no shape; the error is noted already."""


def find_shapes(names: Names, ranks: dict[str, int], findings: Findings) -> dict[str, Shape]:
    """The shape of every name whose rank is known. Errors E301–E303, E305 are noted in `findings`."""
    return _Shapes(names, ranks, findings).run()


class _Shapes:
    """Walks every equation once; each construct has a method that returns its shape."""

    def __init__(self, names: Names, ranks: dict[str, int], findings: Findings):
        self.names, self.ranks, self.findings = names, ranks, findings
        self.sizes = Sizes()
        self.shapes: dict[str, Shape] = {}
        self.why = Origins(names, self.sizes, self.shapes)

    def run(self) -> dict[str, Shape]:
        for key, symbol in self.names.symbols.items():
            if key in self.ranks:
                self.shapes[key] = self.declared(symbol)
        before = len(self.findings.errors)
        for equation in self.names.equations:
            known = all((s := self.names.symbol(n)) is None or s.name in self.shapes for n in occurrences(equation.right))
            if known and key_of(equation) in self.shapes:
                self.equation(equation)
        for place in self.sizes.retry():
            self.findings.error(
                "E301", "the sizes that this expression needs are no whole numbers", place, expected="sizes that can be divided as asked"
            )
        if len(self.findings.errors) == before and self.names.is_complete and len(self.shapes) == len(self.names.symbols):
            self.report_open()
        return {key: self.sizes.shape(shape) for key, shape in self.shapes.items()}

    def declared(self, symbol: Symbol) -> Shape:
        """The declared shape, or unknowns."""
        forms = self.names.declared.get(symbol.name, (None,) * self.ranks[symbol.name])
        return tuple(self.sizes.unknown() if form is None else form for form in forms)

    # ------------------------------------------------------------ equations

    def equation(self, equation: Equation) -> None:
        try:
            right = self.shape(equation.right, () if equation.target.name == "loss" else self.shapes[key_of(equation)])
        except _Wrong:
            return
        key = key_of(equation)
        left = self.shapes[key]
        if not right:
            return  # a scalar fills the shape
        target = equation.target
        if key.startswith("loss") and target.name == "loss":
            instead = f"the sum of its entries: sum({self.findings.text(equation.right, 40)})"
            self.findings.error(
                "E301", f"`{target.text}` is a scalar, its equation gives shape {self.why.say(right)}", equation.right, instead=instead
            )
        elif len(left) != len(right) or not self.equal(left, right, equation.right):
            found = f"`{target.text}` has shape {self.why.say(left)}, its equation gives {self.why.say(right)}"
            notes = self.why.reasons(left, right, [equation.right], [self.names.symbols[key]])
            instead = "dot(a, b), sum(v) or norm(v), if a scalar is meant" if not left else ""
            self.findings.error("E301", found, equation.right, expected="equal shapes", instead=instead, notes=notes)

    def equal(self, left: Shape, right: Shape, place: Node) -> bool:
        return len(left) == len(right) and all([self.sizes.equate(a, b, place) for a, b in zip(left, right, strict=True)])

    # ------------------------------------------------------------ expressions

    def shape(self, node: Node, expected: Shape = ()) -> Shape:
        """The shape of an expression; raises _Wrong after noting what is wrong.

        `expected` is the shape of what it meets (the left side), so that an error points at the part that does not fit.
        """
        if isinstance(node, (Num, StepTest)):
            return ()
        if isinstance(node, (Name, At)):
            symbol = self.names.symbol(node)
            return self.shapes[symbol.name] if symbol is not None else ()
        if isinstance(node, Negative):
            return self.shape(node.of, expected)
        if isinstance(node, MatMul):
            return self.product(node)
        if isinstance(node, Transpose):
            rows, columns = self.of_rank(node.of, 2, ".T is taken of")
            return (columns, rows)
        if isinstance(node, Part):
            (length,) = self.of_rank(node.of, 1, "split is taken of")
            part = self.sizes.unknown()
            if not self.sizes.equate(length, part.times(node.count), node):
                length = self.sizes.resolve(length)
                found = f"`{self.findings.text(node.of)}` has length {size_text(length.length)}, which has no {node.count} equal parts"
                raise self.wrong("E302", found, node, expected=f"a length of {node.count} times a size")
            return (part,)
        if isinstance(node, Cut):
            return self.cut(node)
        if isinstance(node, Call):
            return self.call(node, expected)
        if isinstance(node, (Power, Ratio)):
            self.check_constant(node)
        return self.meet(node, node.children, _WHAT[type(node)], expected)

    def check_constant(self, node: Power | Ratio) -> None:
        """Refuse numbers that no machine holds: `9**9**9`, `1 / 0`."""
        if isinstance(node, Ratio) and constant(node.right) == 0:
            raise self.wrong("E302", f"`{self.findings.text(node)}` divides by zero", node, expected="a divisor that is not zero")
        value = constant(node)
        if value is not None and not math.isfinite(value):
            found = f"`{self.findings.text(node)}` is not a finite number"
            raise self.wrong("E107", found, node, expected="a number that a machine can hold")

    def wrong(self, code: str, found: str, where: Node | Span, **fields: object) -> _Wrong:
        self.findings.error(code, found, where, **fields)
        return _Wrong()

    def all(self, nodes: Sequence[Node], expected: Shape = ()) -> list[Shape]:
        out, wrong = [], None
        for node in nodes:
            try:
                out.append(self.shape(node, expected))
            except _Wrong as error:
                wrong = error
        if wrong:
            raise wrong
        return out

    def meet(self, where: Node, nodes: Sequence[Node], what: str, expected: Shape = ()) -> Shape:
        """The shape of an elementwise combination: scalars broadcast, everything else agrees."""
        result: Shape = ()
        first = where
        for node, shape in zip(nodes, self.all(nodes, expected), strict=True):
            if shape and expected:
                self.equal(expected, shape, where)
            if shape and not result:
                result, first = shape, node
            elif shape and not self.equal(result, shape, where):
                one = f"shape {self.why.say(result)} of `{self.findings.text(first)}`"
                found = f"{what} combines {one} with shape {self.why.say(shape)} of `{self.findings.text(node)}`"
                notes = self.why.reasons(result, shape, [first, node])
                instead = self.meant(where, first, node, len(result), len(shape))
                raise self.wrong("E301", found, where, expected="equal shapes, or a scalar", notes=notes, instead=instead)
        return result

    def meant(self, where: Node, first: Node, second: Node, rank: int, other: int) -> str:
        """What was perhaps meant by a product of shapes that do not meet; "" where nothing is likely."""
        if not isinstance(where, Product) or len(where.children) != 2:
            return ""
        texts = self.findings.text(first, 40), self.findings.text(second, 40)
        if (rank, other) == (1, 2):
            return f"diag({texts[0]}) @ {texts[1]}, which scales its rows"
        if (rank, other) == (2, 1) and isinstance(first, At):
            return f"diag({texts[1]}) @ {texts[0]}, which scales its rows"
        symbol = self.names.symbol(first)
        if symbol is not None and symbol.kind == "param" and symbol.declare is None:
            return f"{texts[0]} @ {texts[1]}, if `{texts[0]}` is a matrix"
        return ""

    def of_rank(self, node: Node, rank: int, what: str) -> Shape:
        shape = self.shape(node)
        if len(shape) != rank:
            found = f"{what} `{self.findings.text(node)}` of shape {self.why.say(shape)}"
            instead = "the vector itself; dot(a, b) and outer(a, b) transpose by themselves" if what.startswith(".T") and shape else ""
            raise self.wrong("E302", found, node, expected=f"a {rank_word(rank)}", instead=instead, notes=self.why.origins([node]))
        return shape

    def product(self, node: MatMul) -> Shape:
        before = len(self.findings.errors)
        try:
            left = self.shape(node.left)
        except _Wrong:
            self.suggest_brackets(node, before)
            raise
        right = self.shape(node.right)
        self.warn_of_precedence(node)
        texts = self.findings.text(node.left), self.findings.text(node.right)
        if len(left) != 2:
            columns = f"{texts[1]} @ {texts[0]}, or {texts[1]}.T @ {texts[0]}; " if isinstance(node.right, Name) else ""
            vectors = f"{columns}`*` entry by entry, dot(a, b) or outer(a, b) for two vectors"
            instead = self.bracketed(node) or (vectors if len(left) == 1 else "`*` for a product with a scalar")
            raise self.wrong(
                "E302",
                f"left of @ stands `{texts[0]}` of shape {self.why.say(left)}",
                node.left,
                expected="a matrix",
                instead=instead,
                notes=self.why.origins([node.left]),
            )
        if not right:
            raise self.wrong(
                "E302",
                f"right of @ stands `{texts[1]}` of shape ()",
                node.right,
                expected="a vector or a matrix",
                instead="`*` for a product with a scalar",
                notes=self.why.origins([node.right]),
            )
        if not self.sizes.equate(left[1], right[0], node):
            columns, rows = (size_text(self.sizes.resolve(f).length) for f in (left[1], right[0]))
            found = f"`{texts[0]}` has {columns} columns, `{texts[1]}` has {rows} rows"
            notes = self.why.reasons((left[1],), (right[0],), [node.left, node.right])
            raise self.wrong("E302", found, node, expected="equal inner sizes", notes=notes, instead=self.bracketed(node))
        return (left[0], *right[1:])

    def bracketed(self, node: MatMul) -> str:
        """`alpha * (W @ x)` for `alpha * W @ x`, which Python reads as `(alpha * W) @ x`; "" where that is not the form."""
        left = node.left
        if not isinstance(left, (Product, Ratio)) or left.span.line != node.span.line:
            return ""
        last = left.children[-1]
        head = Span(left.span.line, left.span.column, last.span.line, last.span.column)
        if (left.span.line, left.span.column) != (node.span.line, node.span.column):
            return ""  # it stands in brackets of its own
        inner = f"({self.findings.text(last)} @ {self.findings.text(node.right)})"
        return f"{self.findings.text(head)} {inner}; `*` and `@` have equal precedence and are read from the left"

    def warn_of_precedence(self, node: MatMul) -> None:
        """`alpha * W @ x` makes a matrix of an undeclared alpha, which is seldom meant."""
        text = self.bracketed(node)
        symbols = [self.names.symbol(child) for child in node.left.children[:-1]] if text else []
        for symbol in symbols:
            if symbol is not None and symbol.kind == "param" and symbol.declare is None and self.ranks[symbol.name] == 2:
                found = (
                    f"`{self.findings.text(node)}` is read as `({self.findings.text(node.left)}) @ …`, and makes `{symbol.name}` a matrix"
                )
                self.findings.warn("W205", found, node, instead=text)

    def suggest_brackets(self, node: MatMul, before: int) -> None:
        """Add the brackets to the error that was just noted, when the left of `@` is a product that does not fit."""
        text = self.bracketed(node)
        errors = self.findings.errors
        if text and len(errors) > before and errors[-1].span == node.left.span:
            errors[-1] = dataclasses.replace(errors[-1], instead=text)

    def cut(self, node: Cut) -> Shape:
        (length,) = self.of_rank(node.of, 1, "a slice is taken of")
        bounds = []
        for bound in (node.start, node.stop):
            form = None if bound is None else size_form(bound, self.names, self.findings)
            if bound is not None and form is None:
                raise _Wrong()
            if bound is not None and form is not None and not form.terms and form.constant < 0:
                text = self.findings.text(node.of)
                raise self.wrong(
                    "E305",
                    f"the bound `{self.findings.text(bound)}` counts from the end",
                    bound,
                    instead=f"{text}[:n - {-form.constant}], with n the length of `{text}`",
                )
            bounds.append(form)
        start, stop = bounds[0] or Form(), bounds[1] if bounds[1] is not None else length
        extent = self.sizes.resolve(stop - start)
        rest = self.sizes.resolve(length - stop)
        if never_positive(extent) or (
            not rest.unknowns and rest.constant + sum(rest.terms.values()) < 0 and all(f <= 0 for f in rest.terms.values())
        ):
            found = f"`{self.findings.text(node)}` leaves the vector, which has length {size_text(self.sizes.resolve(length).length)}"
            raise self.wrong(
                "E305", found, node, expected="bounds inside it, the first below the second", notes=self.why.origins([node.of])
            )
        return (extent,)

    def call(self, node: Call, expected: Shape = ()) -> Shape:
        name, parts = node.function, node.parts
        if name in ELEMENTWISE:
            return self.meet(node, parts, f"`{name}`", expected)
        if name in VECTOR_KEEPING:
            shape = self.of_rank(parts[0], 1, f"{name} is taken of")
            if name == "roll" and not _is_whole(parts[1]):
                raise self.wrong("E112", f"roll by `{self.findings.text(parts[1])}`", parts[1], expected="a whole number: roll(v, 1)")
            return shape
        if name in ("stop_gradient", "total"):
            return self.shape(parts[0], expected)
        if name in ENTRIES:
            if not self.shape(parts[0]):
                found = f"{name} is taken of the scalar `{self.findings.text(parts[0])}`"
                instead = f"total({self.findings.text(parts[0])}) for a sum over time" if name == "sum" else ""
                raise self.wrong("E302", found, node, expected="a vector or a matrix", instead=instead, notes=self.why.origins([parts[0]]))
            return ()
        if name in LOSSES:
            shapes = self.all(parts)
            for part, shape in zip(parts, shapes, strict=True):
                if len(shape) > 1:
                    raise self.wrong(
                        "E302",
                        f"{name} is taken of `{self.findings.text(part)}` of shape {self.why.say(shape)}",
                        part,
                        expected="vectors or scalars",
                    )
            self.meet(node, parts, f"`{name}`")
            return ()
        return self.vector_call(node, name, parts)

    def vector_call(self, node: Call, name: str, parts: tuple[Node, ...]) -> Shape:
        if name in ("dot", "outer"):
            (a,), (b,) = (self.of_rank(p, 1, f"{name} is taken of") for p in parts)
            if name == "outer":
                return (a, b)
            if not self.sizes.equate(a, b, node):
                lengths = [size_text(self.sizes.resolve(f).length) for f in (a, b)]
                texts = [self.findings.text(p) for p in parts]
                found = f"dot of `{texts[0]}` of length {lengths[0]} and `{texts[1]}` of length {lengths[1]}"
                raise self.wrong("E302", found, node, expected="equal lengths", notes=self.why.reasons((a,), (b,), list(parts)))
            return ()
        if name == "logsumexp":
            self.of_rank(parts[0], 1, "logsumexp is taken of")
            return ()
        if name == "diag":
            (n,) = self.of_rank(parts[0], 1, "diag is taken of")
            return (n, n)
        if name == "concat":
            total = Form()
            for part, shape in zip(parts, self.all(parts), strict=True):
                if len(shape) > 1:
                    raise self.wrong(
                        "E302",
                        f"concat of `{self.findings.text(part)}` of shape {self.why.say(shape)}",
                        part,
                        expected="vectors or scalars",
                    )
                total = total + (shape[0] if shape else Form(1))
            return (total,)
        forms = [size_form(p, self.names, self.findings) for p in parts]  # eye, ones
        if any(f is None for f in forms):
            raise _Wrong()
        for part, form in zip(parts, forms, strict=True):
            if form is not None and never_positive(form):
                raise self.wrong("E305", f"the size `{self.findings.text(part)}` is below one", part, expected="a size of one or more")
        good = tuple(f for f in forms if f is not None)
        return (good[0], good[0]) if name == "eye" else good

    # ------------------------------------------------------------ what stays open

    def report_open(self) -> None:
        """An error for every size that nothing determines, naming the line to add; one for all names that share it."""
        pending = [s for s in self.names.symbols.values() if any(f.unknowns for f in self.sizes.shape(self.shapes[s.name]))]
        if not pending:
            return
        states = {
            n.name for e in self.names.equations for n in occurrences(e.right) if isinstance(n, At) and n.when.is_running and n.when.offset
        }
        reported: set[int] = set()
        # the names that are best declared come first: states, other variables, then parameters; vectors before matrices
        for symbol in sorted(pending, key=lambda s: (s.kind != "variable", s.name not in states, len(self.shapes[s.name]))):
            shape = self.sizes.shape(self.shapes[symbol.name])
            unknowns = {u for f in shape for u in f.unknowns}
            if not unknowns & reported:
                reported |= unknowns
                self.report_size(symbol, shape)

    def report_size(self, symbol: Symbol, shape: Shape) -> None:
        kind = rank_word(len(shape)) if symbol.kind == "variable" else symbol.kind
        base = fresh_size(symbol.name, self.names)
        sizes = [size_text(f.length) if not f.unknowns else base if len(shape) == 1 else f"{base}{i}" for i, f in enumerate(shape, 1)]
        line = f"{symbol.name}: {kind}[{', '.join(sizes)}]"
        how = "long" if len(shape) == 1 else "large"
        found = f"nothing says how {how} `{symbol.name}` is{f': {self.why.say(shape)}' if len(shape) > 1 else ''}"
        step = self.names.step_of(symbol)
        meant = f"{step}, its value at a step; or " if step else ""
        if symbol.kind == "param" and symbol.declare is None and symbol.name in ARITY:
            meant = f"{symbol.name}(…), the function; or "
        self.findings.error("E303", found, symbol.place, instead=f"{meant}the line `{line}`")


def _is_whole(node: Node) -> bool:
    inner = node.of if isinstance(node, Negative) else node
    return isinstance(inner, Num) and bool(inner.value.is_Integer)
