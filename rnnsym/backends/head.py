"""The head of a generated module: its docstring, and the tables of shapes by which calls are checked.

Comes in: what is known of a model (`Parts`). Goes out: source text. A user's text stands in it only as quoted or printable text.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy

import rnnsym
from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import Shape, size, size_text
from rnnsym.algebra.system import Declaration, System
from rnnsym.algebra.tensor import DATA, FINAL_LOSS, Quantity
from rnnsym.backends.body import plain
from rnnsym.backends.parts import Parts
from rnnsym.backends.tables import data_table, line, string, table


def classes_allowed(system: System) -> list[str]:
    """Targets that `cross_entropy` reads as they are: these may be given as class numbers."""
    found: dict[str, None] = {}
    for definition in system.every_definition:
        for node in _nodes(definition.rhs):
            if isinstance(node, op.CrossEntropy):
                y = node.args[0]
                if isinstance(y, Quantity) and y.kind == "target" and y.rank == 1:
                    found[y.name] = None
    return list(found)


def _nodes(node):
    yield node
    for argument in node.args:
        yield from _nodes(argument)


def tables(parts: Parts) -> str:
    """Shapes and kinds of everything a caller passes, as constants of the module."""
    system, public = parts.prepared, parts.names.public
    rename = public.__getitem__
    shapes = "dict[str, tuple[str, ...]]"
    data = [(public[d.name], f"({string(d.kind)}, {d.timed}, {_axes(d.shape, rename)})") for d in (*system.data, *system.constants)]
    fixed = [d for d in system.constants if d.start is not None and d.start.amount is not None]
    extents = {d: system.extents.get(d.name, (0, 0)) for d in system.declarations}
    outside = [(public[d.name], f"({lag}, {lead}, {_axes(d.shape, rename)})") for d, (lag, lead) in extents.items() if lag or lead]
    carried = [(public[n], f"({parts.forward.buffers[n].lag}, {count})") for n, count in parts.stream.carried.items()]
    held = [n for n in sorted(parts.late | parts.optional) if n in parts.stream.carried]
    late = [(public[n], [public[k] for k in parts.needs(n) or [n]]) for n in held]
    renamed = [(d.name, string(public[d.name])) for d in system.declarations if public[d.name] != d.name and d.name != FINAL_LOSS]
    rows = [
        table("SIZES", "tuple[str, ...]", [string(public[s.name]) for s in system.sizes], "()"),
        data_table("SHAPES", shapes, [(public[d.name], _axes(d.shape, rename)) for d in system.params]),
        data_table("DATA", "dict[str, tuple[str, bool, tuple[str, ...]]]", data),
        table("CLASSES", "frozenset[str]", [string(public[n]) for n in classes_allowed(parts.model)], "frozenset()"),
        data_table("FIXED", "dict[str, tuple[float, tuple[str, ...]]]", [(public[d.name], _fixed(d, rename)) for d in fixed]),
        data_table("OUTSIDE", "dict[str, tuple[int, int, tuple[str, ...]]]", outside),
        data_table("CARRIED", "dict[str, tuple[int, int]]", carried),
        data_table("LATE", shapes, [(name, f"({', '.join(map(string, k))}{',' if len(k) == 1 else ''})") for name, k in late]),
        table("TIMED", "frozenset[str]", [string(public[d.name]) for d in system.variables if d.timed], "frozenset()"),
        data_table("RENAMED", "dict[str, str]", renamed),
        line("NO_CHUNKS", string(obstacle_text(parts))),
    ]
    return "\n".join(rows)


def slice_tables(parts: Parts) -> str:
    """What slices need of sizes, where not all sizes are enough: (the slice, a length, what it must not exceed); or nothing."""
    rename = parts.names.public.__getitem__
    rows: dict[str, None] = {}
    for definition in parts.model.every_definition:
        for node in _nodes(definition.rhs):
            if isinstance(node, op.Slice):
                start, stop = node.args[1:]
                for least, most in ((stop, node.args[0].shape[0]), (start + 1, stop)):
                    if not _is_never_negative(most - least):
                        text = plain(str(node))
                        rows[f"({string(text[:60])}, {_axis(least, rename)}, {_axis(most, rename)})"] = None
    return table("SLICES", "tuple[tuple[str, str, str], ...]", rows, "()") if rows else ""


def _is_never_negative(length: sympy.Expr) -> bool:
    """Whether a linear length is zero or more for all sizes from 1 on."""
    length = sympy.expand(length)
    return all(length.coeff(s) >= 0 for s in length.free_symbols) and bool(length.subs({s: 1 for s in length.free_symbols}) >= 0)


def _fixed(declaration: Declaration, rename: Callable[[str], str]) -> str:
    value = float(declaration.start.amount)  # type: ignore[union-attr, arg-type]
    text = repr(value).replace("inf", "np.inf")
    return f"({text}, {_axes(declaration.shape, rename)})"


def obstacle_text(parts: Parts) -> str:
    """Why there is no step and there are no chunks, or ""."""
    if parts.stream.obstacle is None:
        return ""
    name, read = parts.stream.obstacle
    return f"{plain(parts.model.name)} has no step and no chunks: {name} reads {read}"


def _axes(shape: Shape, rename: Callable[[str], str]) -> str:
    """A shape as a tuple of strings, in Python's names of the sizes."""
    return f"({', '.join(_axis(length, rename) for length in shape)}{',' if len(shape) == 1 else ''})"


def _axis(length: sympy.Expr, rename: Callable[[str], str]) -> str:
    return string(size_text(length.xreplace({s: size(rename(s.name)) for s in length.free_symbols})))


def docstring(parts: Parts, command: str, fingerprint: str) -> str:
    """The head of the module: what it is, its equations, shapes, and how it is made again."""
    system, public = parts.model, parts.names.public
    rows = [system.doc.strip() or f"{system.name}.", "", "Equations, for one sequence and column vectors:", ""]
    rows += [f"    {line}".rstrip() for line in str(system).split("\n") if line]
    rows += ["", "Arrays are time-major, with a batch axis: (T, B, n).", ""]
    for declaration in (*system.data, *system.constants, *system.params):
        lead = ["T", "B"] if declaration.timed else ["B"] if declaration.kind in DATA else []
        inner = [] if declaration.kind == "token" else [size_text(s) for s in declaration.shape]
        shape = f"({', '.join(lead + inner)}{',' if len(lead + inner) == 1 else ''})"
        about = f"  {plain(declaration.description)}" if declaration.description else ""
        renamed = "" if public[declaration.name] == declaration.name else f"; in Python {public[declaration.name]}"
        rows.append(f"    {declaration.name}: {declaration.kind} {shape}{renamed}{about}")
    if parts.stream.obstacle:
        rows += ["", obstacle_text(parts) + "."]
    rows += ["", f"Made by rnnsym {rnnsym.__version__}: {command}", f"Fingerprint: {fingerprint}"]
    rows += ["This file is yours: read it, change it, ship it; it needs NumPy and nothing else."]
    text = "\n".join(row.rstrip() for row in rows)
    safe = "".join(ch if ch.isprintable() or ch == "\n" else " " for ch in text)
    safe = safe.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'"""{safe}\n"""'
