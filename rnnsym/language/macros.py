"""A file's own functions are expanded where they are used: what is left has built-in functions only.

Comes in: a `Page`. Goes out: one `Equation` per quantity on the left, its right side expanded. A function's parameters and local
names hide the file's; its body names nothing else but functions, numbers and sizes, so that an argument can never be captured.
An expanded expression may share parts with itself; its size as a tree is counted, so that doubling thirty times is refused, not tried.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from rnnsym.errors import Span
from rnnsym.language.builtin import ARITY, FOREIGN, arity_text
from rnnsym.language.findings import Findings, differ_by_one_letter, near
from rnnsym.language.functions import checked_functions
from rnnsym.language.syntax import (
    Call,
    Choice,
    Cut,
    Function,
    Name,
    Negative,
    Node,
    Num,
    Page,
    Pair,
    Part,
    Product,
    Sum,
    Target,
    Transpose,
)

MAX_NODES = 4_000  # of one expanded equation, counted as a tree
MAX_CALLS = 200_000  # expressions visited for one file
MAX_DEPTH = 100
MAX_NESTED = 25
MAX_PARTS = 100  # of one split


@dataclass(frozen=True)
class Equation:
    """One quantity and what it is equal to; `value` is None where the right side is wrong (and the error is noted)."""

    target: Target
    value: Node | None
    description: str
    span: Span

    @property
    def right(self) -> Node:
        """The right side, where it is known to be in order."""
        assert self.value is not None
        return self.value


class _Wrong(Exception):
    """The expression is wrong; the error is noted already."""


class _TooLarge(Exception):
    """The expression is too large; the error is noted already, and nothing else of it is looked at."""


def expand(page: Page, findings: Findings) -> tuple[Equation, ...]:
    """The equations of a page with every function of the file expanded. Errors are noted in `findings`."""
    functions = checked_functions(page, findings)
    expander = _Expander(functions, page, findings)
    out: list[Equation] = []
    for line in page.assigns:
        values = expander.values_of(line)
        out += [Equation(target, value, line.description, line.span) for target, value in zip(line.targets, values, strict=True)]
    return tuple(out)


# ---------------------------------------------------------------- expansion


class _Expander:
    """Puts arguments for parameters. One method per question; the environment maps names to expressions."""

    def __init__(self, functions: Mapping[str, Function | None], page: Page, findings: Findings):
        self.functions, self.findings = functions, findings
        self.variables = {t.name for a in page.assigns for t in a.targets} | {d.name for d in page.declares}
        self.is_whole = page.is_whole
        self.nested = 0
        self.calls_left = MAX_CALLS

    def values_of(self, line) -> tuple[Node | None, ...]:
        """One expanded expression for each name on the left of a line."""
        nothing = (None,) * len(line.targets)
        if line.value is None:
            return nothing
        try:
            values = self.values(line.value, {}, None, len(line.targets), "")
            for value in values:
                if value.size > MAX_NODES or value.depth > MAX_DEPTH:
                    how = "too large" if value.size > MAX_NODES else "nested too deep"
                    found = f"the right side is {how} once the functions are put in"
                    raise self.wrong("E104", found, line.value, instead="equations for what is used several times")
            return values
        except (_Wrong, _TooLarge):
            return nothing

    def wrong(self, code: str, found: str, where: Node | Span, **fields: object) -> _Wrong:
        self.findings.error(code, found, where, **fields)
        return _Wrong()

    def too_large(self, found: str, where: Node | Span, instead: str) -> _TooLarge:
        self.findings.error("E104", found, where, instead=instead)
        return _TooLarge()

    def values(self, node: Node, env: Mapping[str, Node], via: Span | None, count: int, body_of: str) -> tuple[Node, ...]:
        """The node as `count` values: split and functions with several results give several."""
        if count == 1 and not (isinstance(node, Call) and node.function == "split" and "split" not in self.functions):
            return (self.one(node, env, via, body_of),)
        if isinstance(node, Call) and node.function in self.functions:
            values = self.own(node, env, via, body_of)
            if len(values) != count:
                raise self.counted(f"`{node.function}` returns", len(values), count, node)
            return values
        if isinstance(node, Call) and node.function == "split":
            return self.split(node, env, via, count, body_of)
        raise self.wrong(
            "E209", f"{count} names on the left, one expression on the right", node, instead="an equation for each, or split(v, k)"
        )

    def counted(self, who: str, given: int, wanted: int, node: Node) -> _Wrong:
        plural = "value" if given == 1 else "values"
        return self.wrong(
            "E209", f"{who} {given} {plural}; {wanted} {'is' if wanted == 1 else 'are'} taken", node, expected=f"{given} on the left"
        )

    def split(self, node: Call, env: Mapping[str, Node], via: Span | None, count: int, body_of: str) -> tuple[Node, ...]:
        if len(node.parts) != 2:
            raise self.wrong("E112", f"split takes two arguments and is given {len(node.parts)}", node, instead="i[t], f[t] = split(v, 2)")
        vector, parts = (self.one(p, env, via, body_of) for p in node.parts)
        if not (isinstance(parts, Num) and parts.value.is_Integer and 1 <= parts.value <= MAX_PARTS):
            raise self.wrong("E112", f"split takes no such number of parts: 1 to {MAX_PARTS}", node.parts[1], instead="split(v, 4)")
        if int(parts.value) != count:
            raise self.counted("split gives", int(parts.value), count, node)
        return tuple(Part(vector, count, k, span=node.span, via=via) for k in range(count))

    def one(self, node: Node, env: Mapping[str, Node], via: Span | None, body_of: str) -> Node:
        """The node, expanded."""
        self.calls_left -= 1
        if self.calls_left < 0:
            found = "the equations are too large once their functions are put in"
            raise self.too_large(found, via or node, "equations for what is used several times")
        if isinstance(node, Name):
            if node.name in env:
                return env[node.name]
            return dataclasses.replace(node, via=via, of_function=body_of)
        if isinstance(node, Call):
            return self.call(node, env, via, body_of)
        if not node.children:
            return dataclasses.replace(node, via=via) if via else node
        return self.rebuilt(node, env, via, body_of)

    def all(self, nodes: tuple[Node, ...], env: Mapping[str, Node], via: Span | None, body_of: str) -> tuple[Node, ...]:
        """Each of them; every error among them is noted before the first is raised."""
        out, wrong = [], None
        for node in nodes:
            try:
                out.append(self.one(node, env, via, body_of))
            except _Wrong as error:
                wrong = error
        if wrong:
            raise wrong
        return tuple(out)

    def rebuilt(self, node: Node, env: Mapping[str, Node], via: Span | None, body_of: str) -> Node:
        new = self.all(node.children, env, via, body_of)
        if isinstance(node, (Sum, Product)):
            return dataclasses.replace(node, parts=new, via=via)
        if isinstance(node, (Negative, Transpose)):
            return dataclasses.replace(node, of=new[0], via=via)
        if isinstance(node, Choice):
            return dataclasses.replace(node, test=new[0], yes=new[1], no=new[2], via=via)
        if isinstance(node, Cut):
            rest = list(new[1:])
            start = rest.pop(0) if node.start is not None else None
            return dataclasses.replace(node, of=new[0], start=start, stop=rest[0] if rest else None, via=via)
        assert isinstance(node, Pair)
        return dataclasses.replace(node, left=new[0], right=new[1], via=via)

    def call(self, node: Call, env: Mapping[str, Node], via: Span | None, body_of: str) -> Node:
        if node.function in self.functions:
            values = self.own(node, env, via, body_of)
            if len(values) != 1:
                raise self.counted(f"`{node.function}` returns", len(values), 1, node)
            return values[0]
        if node.function == "split":
            raise self.wrong("E209", "split stands inside an expression", node, instead="names for the parts: i[t], f[t] = split(v, 2)")
        if node.function not in ARITY:
            raise self.unknown(node)
        low, high = ARITY[node.function]
        if not low <= len(node.parts) <= high:
            text = arity_text(node.function)
            found = f"{node.function} takes {text} argument{'s' if high > 1 else ''} and is given {len(node.parts)}"
            raise self.wrong("E112", found, node)
        parts = self.all(node.parts, env, via, body_of)
        if node.function in ("min", "max") and len(parts) > 2 and len(parts) > MAX_DEPTH:
            raise self.wrong("E104", f"{node.function} of {len(parts)} arguments", node, instead="several equations")
        return dataclasses.replace(node, parts=parts, via=via)

    def unknown(self, node: Call) -> _Wrong:
        name = node.function
        if name in FOREIGN:
            instead = FOREIGN[name]
        elif name in self.variables:
            instead = f"{name} * (…) for a product, {name}[t] for its value at a step"
        else:
            typed = [own for own in self.functions if differ_by_one_letter(name, own)]
            close = typed or near(name, [*self.functions, *ARITY])
            if not close and not self.is_whole:
                return _Wrong()  # its definition may be among the lines that could not be read
            instead = f"{close[0]}(…)" if close else f"def {name}(u): return …, at the margin of the file"
        return self.wrong("E203", f"there is no function `{name}`", node.name_span, instead=instead)

    def own(self, node: Call, env: Mapping[str, Node], via: Span | None, body_of: str) -> tuple[Node, ...]:
        """The results of a call of a function of the file."""
        function = self.functions[node.function]
        if function is None:
            raise _Wrong()
        if len(node.parts) != len(function.parameters):
            wanted = len(function.parameters)
            found = f"`{node.function}` takes {wanted} argument{'s' if wanted != 1 else ''} and is given {len(node.parts)}"
            raise self.wrong("E112", found, node, notes=((function.span, "defined here"),))
        arguments = self.all(node.parts, env, via, body_of)
        if self.nested >= MAX_NESTED:
            raise self.too_large(f"more than {MAX_NESTED} functions call each other in a row", via or node, "fewer, larger functions")
        self.nested += 1
        try:
            return self.body(function, arguments, via or node.span)
        finally:
            self.nested -= 1

    def body(self, function: Function, arguments: tuple[Node, ...], call: Span) -> tuple[Node, ...]:
        """What the function returns for these arguments."""
        inner: dict[str, Node] = dict(zip(function.parameters, arguments, strict=True))
        for names, value in function.body:
            inner.update(zip(names, self.values(value, inner, call, len(names), function.name), strict=True))
        return self.all(function.returns, inner, call, function.name)


__all__ = ["Equation", "expand"]
