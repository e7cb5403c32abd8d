"""`rnnsym show MODEL`: what a model is, and everything that was inferred about it.

Comes in: a System. Goes out: sections of plain text: numbered equations (the numbers that derivation and module cite), data, parameters
with shapes, starts and counts, computed variables, state, Python names that differ, the schedule over time.
"""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Set

import sympy

from rnnsym.algebra.listing import start_text
from rnnsym.algebra.sizes import shape_text
from rnnsym.algebra.system import Declaration, System
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS
from rnnsym.backends.names import python_names
from rnnsym.backends.starts import multipliers
from rnnsym.cli.make import read
from rnnsym.cli.schedule_text import schedule_sections
from rnnsym.cli.terminal import BOLD, paint, table
from rnnsym.errors import UsageError
from rnnsym.library import nearest

Row = tuple[str, ...]
LONG = 80  # characters of an equation, beyond which it does not widen the column


def show(options: Namespace) -> int:
    """Print the sections of a model; warnings go to stderr, where they stand first."""
    system = read(options.model)
    values = size_values(system, options.sizes, ("B", "T") if options.schedule else ())
    parts = schedule_sections if options.schedule else sections
    print(f"{paint(system.name, BOLD)}: {system.doc.strip()}\n" if system.doc else f"{paint(system.name, BOLD)}\n")
    print("\n\n".join(f"{paint(title, BOLD)}\n{body}" for title, body in parts(system, values)))
    if system.warnings:
        print(f"\n{len(system.warnings)} warning{'s' if len(system.warnings) > 1 else ''}, printed above", file=sys.stderr)
    return 0


def size_values(system: System, text: str, more: tuple[str, ...] = ()) -> dict[str, int]:
    """`n_x=28,n_h=128` as numbers. Raises UsageError for what is not a size of the model or not a whole number ≥ 1."""
    known = [*(s.name for s in system.sizes), *more]
    values = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, number = (p.strip() for p in part.partition("="))
        if name not in known:
            sizes = ", ".join(known) or "this model has no sizes"
            raise UsageError.at(
                "U302", f"`{name}` is not a size of `{system.name}`", expected=sizes, instead=nearest(name, known), file="--sizes"
            )
        if not number.isascii() or not number.isdigit() or int(number) < 1:
            raise UsageError.at("U302", f"`{part}` gives no whole number", expected=f"{name}=64", file="--sizes")
        values[name] = int(number)
    return values


def sections(system: System, values: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Title and text of each section that the model has."""
    yield "Equations", _equations(system)
    if system.data:
        yield "Data", table([_row(system, d) for d in system.data])
    if system.constants:
        yield "Constants", table([_row(system, d) for d in system.constants])
    if system.params:
        yield "Parameters", _parameters(system, values)
    variables = [d for d in system.variables if d.name not in (STEP_LOSS, FINAL_LOSS)]
    if variables:
        yield "Computed", table([_row(system, d) for d in variables])
    state = _state(system)
    if state:
        yield "Carried from step to step", table(state)
    renamed = _renamed(system)
    if renamed:
        yield "Named otherwise in Python", table(renamed)
    yield "Schedule", _schedule(system)


def _equations(system: System) -> str:
    """Numbered lines, descriptions in one column; a very long equation keeps its own."""
    rows = [(f"({number})", str(d), d.description) for number, d in enumerate(system.every_definition, 1)]
    numbers, width = max(len(row[0]) for row in rows), max((len(row[1]) for row in rows if len(row[1]) <= LONG), default=0)
    lines = (f"  {number:>{numbers}}  {text:<{width}}  {f'# {remark}' if remark else ''}" for number, text, remark in rows)
    return "\n".join(line.rstrip() for line in lines)


def _name(declaration: Declaration) -> str:
    return f"{declaration.name}[t]" if declaration.timed else declaration.name


def _shape(declaration: Declaration) -> str:
    return shape_text(declaration.shape) if declaration.shape else "scalar"


def _row(system: System, declaration: Declaration) -> Row:
    fixed = start_text(declaration).strip()
    return (_name(declaration), declaration.kind, _shape(declaration), fixed, _said(system, declaration), declaration.description)


def _said(system: System, declaration: Declaration) -> str:
    """Whether the file has no line for a name: it stands where the name is first used, and does not begin with `NAME:`."""
    if not system.source or declaration.span is None:
        return ""
    line = system.source.split("\n")[declaration.span.line - 1]
    return "" if re.match(rf"\s*{re.escape(declaration.name)}\s*:", line) else "inferred"


def _parameters(system: System, values: Mapping[str, int]) -> str:
    rows, total, multiplying = [], sympy.Integer(0), multipliers(system)
    for declaration in system.params:
        count = sympy.prod(declaration.shape)
        total += count
        start = start_text(declaration).removeprefix(" = ") or _default_start(declaration, multiplying)
        said = _said(system, declaration)
        rows.append((declaration.name, _shape(declaration), count_text(count, values), start, said, declaration.description))
    listing = table([("", "shape", "count", "start", "", ""), *rows])
    return f"{listing}\n  altogether {count_text(total, values)}"


def _default_start(declaration: Declaration, multiplying: Set[str]) -> str:
    """How a parameter starts of which the file says nothing."""
    if len(declaration.shape) == 2:
        return "glorot"
    return "1" if declaration.name in multiplying else "0"


def count_text(count: sympy.Expr, values: Mapping[str, int]) -> str:
    """A number of entries: symbolic, and as a number where every size is known.

    >>> n = sympy.Symbol("n_h")
    >>> count_text(4 * n**2 + n, {}), count_text(4 * n**2 + n, {"n_h": 10})
    ('4 n_h² + n_h', '4 n_h² + n_h = 410')
    """
    expanded = sympy.expand(count)
    known = expanded.xreplace({s: sympy.Integer(values[s.name]) for s in expanded.free_symbols if s.name in values})
    if known == expanded:
        return _product_text(expanded)
    return f"{_product_text(expanded)} = {f'{int(known):,}' if known.is_Integer else _product_text(known)}"


def _product_text(count: sympy.Expr) -> str:
    return str(count).replace("**2", "²").replace("**3", "³").replace("*", " ")


def _state(system: System) -> list[Row]:
    """What later steps read: `h[t-1]`, `x[t-2 … t-1]`; and what earlier ones read, backwards."""
    rows: list[Row] = []
    for name, (lag, lead) in system.extents.items():
        for reach, sign in ((lag, "-"), (lead, "+")):
            if reach:
                when = f"[t{sign}1]" if reach == 1 else f"[t{sign}1 … t{sign}{reach}]"
                rows.append((f"{name}{when}", _shape(system.by_name[name])))
    return rows


def _renamed(system: System) -> list[Row]:
    return [(name, f"→ {python}") for name, python in python_names(system).items() if name != python]


def _schedule(system: System) -> str:
    """The order of computation; neighbours of one kind that are computed alike share a line."""
    rows: list[list[str]] = []
    for component in system.components:
        kind = {"static": "once", "map": "all steps at once"}.get(component.kind, "step by step")
        direction = {1: "t = 1 … T", -1: "t = T … 1"}.get(component.direction, "")
        names = ", ".join(component.names)
        if rows and component.kind != "scan" and rows[-1][0] == kind:
            rows[-1][2] += f", {names}"
        else:
            rows.append([kind, direction, names])
    return table(rows)
