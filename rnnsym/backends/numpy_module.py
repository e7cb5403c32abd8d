"""System -> a NumPy module, as text.

Comes in: a System as the user wrote it. Goes out: the source of a module that imports NumPy alone. The pipeline reads from top to
bottom in `generate`: prepare, adjoint, two schedules, batching, bodies, template. The template holds layout only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import jinja2

import rnnsym
from rnnsym.algebra import operators as op
from rnnsym.algebra.sizes import size, size_text
from rnnsym.algebra.system import Declaration, System
from rnnsym.algebra.tensor import DATA, FINAL_LOSS, Quantity, T, quantities
from rnnsym.backends.body import Body, plain
from rnnsym.backends.calls import public_functions
from rnnsym.backends.functions import sources
from rnnsym.backends.names import Locals
from rnnsym.backends.printing import WIDTH
from rnnsym.backends.starts import start_lines
from rnnsym.backends.tables import data_table, string, table
from rnnsym.calculus.adjoint import INITIAL, Adjoint, adjoint
from rnnsym.calculus.prepare import prepare
from rnnsym.program.batching import batched
from rnnsym.program.program import Program
from rnnsym.program.schedule import Streaming, batched_names, needed_targets, restricted, schedule, streaming, without
from rnnsym.program.unjudged import without_targets
from rnnsym.resources import templates_folder


@dataclass(frozen=True)
class Parts:
    """A model with all that is derived from it on the way to a module."""

    model: System
    prepared: System
    adjoint: Adjoint
    names: Locals
    stream: Streaming
    forward: Program
    backward: Program
    optional: frozenset[str]  # targets that forward can do without
    late: frozenset[str]  # variables that depend on them


def generate(system: System, *, numbers: Mapping[str, int] | None = None, command: str = "", fingerprint: str = "") -> str:
    """The source text of the NumPy module of a model.

    numbers      equation numbers by key (`h`, `h[0]`, `d_h`, `d_W`), as in `Derivation.numbers`; by default in the order of computation
    command      the command that makes the module again; by default `rnnsym generate NAME`
    fingerprint  of the text, version and options; by default computed here
    """
    parts = program_parts(system, numbers)
    view = module_view(parts, command or f"rnnsym generate {plain(system.name)}", fingerprint or fingerprint_of(system))
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    text = environment.from_string(template_text("numpy/module.py.jinja")).render(**view)
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n") + "\n"


def fingerprint_of(system: System, options: str = "") -> str:
    """sha256 of what a module is made from: the model's text, this version, the options."""
    parts = [str(system), system.name, rnnsym.__version__, options]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def template_text(name: str) -> str:
    """A template: inside the installed package, or at the top of a checkout."""
    return (templates_folder() / name).read_text(encoding="utf-8")


# ---------------------------------------------------------------- from equations to programs


def program_parts(system: System, numbers: Mapping[str, int] | None = None) -> Parts:
    """Everything between the model and its text."""
    prepared = prepare(system)
    wanted = {d.name for d in prepared.declarations if d.kind in ("param", "constant", "input")} | {INITIAL}
    adj = adjoint(prepared, wrt=sorted(wanted), upstream=True)
    stream = streaming(prepared)
    timed_inputs = [d for d in prepared.data if d.timed and d.kind != "target"]
    timed_targets = [d.name for d in prepared.of_kind("target") if d.timed]
    required = set(stream.targets) | (set() if timed_inputs else set(timed_targets[:1]))
    optional = frozenset(d.name for d in prepared.of_kind("target")) - required
    cited = numbers or _numbered(adj)
    needs = {key: found & optional for key, found in needed_targets(prepared).items()}
    late = frozenset(prepared.defined[key].name for key, found in needs.items() if found)
    forward = schedule(prepared, numbers=cited)
    forward = _with_slots_of(forward, adj, needs)
    return Parts(
        system, prepared, adj, Locals(adj.system), stream, batched(forward), _backward_program(adj, late, optional, cited, system), optional, late
    )


def _numbered(adj: Adjoint) -> dict[str, int]:
    """Numbers in the order of the equations, where no derivation gives them."""
    keys = [d.key for d in adj.forward.every_definition] + [d.key for d in adj.definitions]
    return {key: number for number, key in enumerate(keys, 1)}


def _with_slots_of(forward: Program, adj: Adjoint, needs: Mapping[str, frozenset[str]]) -> Program:
    """The forward Program with the slots that the backward pass reads too, and the targets that each statement needs."""
    joined = schedule(adj.system).buffers
    buffers = {name: replace(joined[name], batched=b.batched, ends=b.ends) for name, b in forward.buffers.items()}
    blocks = tuple(
        replace(b, statements=tuple(replace(s, needs=needs[s.definition.key]) for s in b.statements)) for b in forward.blocks
    )
    return replace(forward, buffers=buffers, blocks=blocks)


def _backward_program(adj: Adjoint, late: frozenset[str], optional: frozenset[str], cited: Mapping[str, int], model: System) -> Program:
    per_sequence = batched_names(adj.forward, {})
    settled: dict[str, bool] = {}
    for key, name in adj.errors.items():
        settled[name] = True if "[" in key else key in per_sequence
    for name, gradient in adj.gradients.items():
        declared = adj.forward.by_name.get(name)
        if declared is not None and declared.kind != "variable":
            settled[gradient] = declared.kind in DATA
    for full, flow in adj.initial.values():
        settled |= {full: True} | ({flow: True} if flow else {})
    program = schedule(adj.system, within=adj.forward, numbers=cited, per_sequence=settled)
    program = _without_upstream(program, adj)
    program = restricted(program, _requests(adj))
    errors = set(adj.errors.values()) | set(adj.gradients.values()) | set(adj.seeds.values()) | _messages(adj)
    errors |= {name for pair in adj.initial.values() for name in pair if name}
    late_errors = {name for name, key in adj.origin.items() if name in errors and key.partition("[")[0] in late}
    late_errors |= {seed for loss, seed in adj.seeds.items() if loss in late}
    program = without_targets(program, late | optional, late_errors, errors)
    added = frozenset(adj.errors[k] for k in adj.errors if k in model.by_name and "[" not in k)
    return batched(program, frozenset(errors), added)


def _messages(adj: Adjoint) -> set[str]:
    """Parts of errors that one step passes to another: linear in the errors, as these are."""
    found = set()
    held = set(adj.errors.values()) | set(adj.gradients.values())
    for definition in adj.definitions:
        if definition.lhs.time is not None and definition.name not in held and _is_shifted(adj, definition.name):
            found.add(definition.name)
    return found


def _is_shifted(adj: Adjoint, name: str) -> bool:
    return any(q.name == name and q.offset != 0 for d in adj.definitions for q in quantities(d.rhs))


def _without_upstream(program: Program, adj: Adjoint) -> Program:
    """Errors from outside are what an error's array starts with: they are no terms of its equation."""
    names = set(adj.upstream.values())
    blocks = tuple(
        replace(b, statements=tuple(replace(s, value=without(s.value, names), needs=frozenset()) for s in b.statements))
        for b in program.blocks
    )
    return replace(program, blocks=blocks)


def _requests(adj: Adjoint) -> dict[str, frozenset[str]]:
    """Which gradients are computed only when asked for, and by which word in `wrt`."""
    found: dict[str, frozenset[str]] = {}
    names = Locals(adj.system).public
    for name, gradient in adj.gradients.items():
        declared = adj.forward.by_name.get(name)
        if "[" in name:
            found[gradient] = frozenset([INITIAL])
        elif declared is not None and declared.kind == "param":
            found[gradient] = frozenset()
        elif declared is not None and declared.kind != "variable":
            found[gradient] = frozenset([names[name]])
    return found


# ---------------------------------------------------------------- from programs to text


def module_view(parts: Parts, command: str, fingerprint: str) -> dict[str, object]:
    """Everything the template asks for, as strings."""
    forward, forward_lines = _forward_lines(parts)
    backward, backward_lines = _backward_lines(parts)
    initial, initial_lines = _initial_lines(parts)
    public, used = public_functions(parts, initial_lines)
    starts, start_functions = start_lines(parts.model, parts.names)
    functions = forward.printer.functions | backward.printer.functions | initial | used | start_functions
    functions |= {"valid", "clear"} | ({"one_hot"})
    texts = sources(functions)
    return {
        "docstring": docstring(parts, command, fingerprint),
        "tables": _tables(parts),
        "functions": texts,
        "forward_lines": forward_lines,
        "backward_lines": backward_lines,
        "public": [starts, *public],
    }


def _forward_lines(parts: Parts) -> tuple[Body, list[str]]:
    body = Body(parts.forward, parts.names)
    names, public = parts.names, parts.names.public
    for declaration in parts.prepared.declarations:  # what later calls read must be there, whoever computed it
        buffer = body.buffer(declaration.name)
        if buffer.is_extended:
            body.printer.local(declaration.name, "all")
            if buffer.lead and buffer.kind == "variable":
                body.printer.local(declaration.name, "end")
                body.printer.functions.add("place_end")
        if declaration.kind == "variable":
            body.printer.local(declaration.name)
    values = [(public[d.name], _traced(parts, body, d)) for d in parts.prepared.variables]
    late = {public[n] for n in parts.late}
    whole = [(public[n], names.of(n, "all")) for n, b in parts.forward.buffers.items() if b.is_extended]
    tail = ["", "    values = {"]
    tail += [f'        "{name}": {text},' for name, text in values if name not in late] + ["    }"]
    tail = ["", "    values: dict[str, NDArray] = {}"] if len(tail) == 3 else tail
    for declaration in parts.prepared.variables:
        if declaration.name in parts.late:
            needs = _needs(parts, declaration.name)
            tail.append(f"    if {' and '.join(f'{chr(34)}{public[n]}{chr(34)} in run.data' for n in needs)}:")
            tail.append(f'        values["{public[declaration.name]}"] = {_traced(parts, body, declaration)}')
    tail += ["    whole = {", *(f'        "{n}": {text},' for n, text in whole), "    }"] if whole else ["    whole: dict[str, NDArray] = {}"]
    tail += ["    return Trace(values, whole, run)"]
    return body, [*body.preamble(optional=parts.optional), *body.lines, *tail]


def _needs(parts: Parts, name: str) -> list[str]:
    found = {n for s in parts.forward.statements if s.name == name for n in s.needs}
    return sorted(found)


def _traced(parts: Parts, body: Body, declaration: Declaration) -> str:
    local = parts.names.of(declaration.name)
    if parts.forward.buffers[declaration.name].lead:
        return f"valid({local}, run.padding)"
    return local


def _backward_lines(parts: Parts) -> tuple[Body, list[str]]:
    adj, public = parts.adjoint, parts.names.public
    variables = parts.model.by_name
    results = {adj.gradients[d.name]: f"grads.{public[d.name]}[...]" for d in parts.prepared.params}
    errors = {e: public[k] for k, e in adj.errors.items() if k in variables and "[" not in k}
    errors |= {seed: public[loss] for loss, seed in adj.seeds.items()}
    flows = {flow: key for key, (_, flow) in adj.initial.items() if flow}
    saved = frozenset(d.name for d in parts.prepared.declarations)
    body = Body(parts.backward, parts.names, saved, results, errors, flows)
    tail = _extra_lines(parts, body)
    head = ["run = trace._run"]
    if any("if full" in line or "full and" in line for line in body.lines):
        head.append("full = all(name in run.data for name in (" + "".join(f'"{public[n]}", ' for n in sorted(parts.optional)).rstrip(" ") + "))")
        head[-1] = head[-1].replace(",))", "))") if len(parts.optional) > 1 else head[-1]
    head.append("grads = Gradients(params.sizes, np.zeros(params.vector.shape, run.dtype))")
    late = set(parts.late) | set(parts.optional)
    lines = [*body.preamble(head, late), *body.lines, *tail, "    return grads"]
    return body, lines


def _extra_lines(parts: Parts, body: Body) -> list[str]:
    """What `wrt` asks for besides the parameters."""
    adj, names = parts.adjoint, parts.names
    lines: list[str] = []
    for name, gradient in adj.gradients.items():
        declared = parts.prepared.by_name.get(name)
        if declared is None or declared.kind not in ("input", "constant"):
            continue
        place = "inputs" if declared.kind == "input" else "constants"
        local = body.printer.local(gradient)
        lines += [f'    if "{names.public[name]}" in wrt:', f'        grads.{place}["{names.public[name]}"] = {local}']
    rows = []
    for declaration in parts.prepared.declarations:
        lag, lead = parts.prepared.extents.get(declaration.name, (0, 0))
        for keys, label in (
            ([f"{declaration.name}[{-k}]" for k in reversed(range(lag))], names.public[declaration.name]),
            ([f"{declaration.name}[T+{k + 1}]" for k in range(lead)], f"{names.public[declaration.name]}[T+1]"),
        ):
            found = [body.printer.local(adj.gradients[k]) for k in keys if k in adj.gradients]
            if found and len(found) == len(keys):
                rows += [" " * 8 + row for row in _stacked(f'grads.initial["{label}"] = ', found, WIDTH - 8)]
    return ["", *lines, *(['    if "initial" in wrt:', *rows] if rows else [])] if lines or rows else []


def _stacked(head: str, found: list[str], room: int) -> list[str]:
    """Arrays as one, oldest first."""
    if len(found) == 1:
        return [head + found[0]]
    inner = f"[{', '.join(found)}]"
    if len(f"{head}np.stack({inner})") <= room:
        return [f"{head}np.stack({inner})"]
    rows = [f"    {inner}"] if len(inner) + 4 <= room else ["    [", *(f"        {name}," for name in found), "    ]"]
    return [f"{head}np.stack(", *rows, ")"]


def _initial_lines(parts: Parts) -> tuple[set[str], list[str]]:
    """The body of `initial_state`: the file's values at and before step 0, for what a chunk carries."""
    system = parts.prepared
    wanted = [d for d in system.boundaries if not d.lhs.time.has(T) and d.name in parts.stream.carried]
    program = parts.forward
    keys = {d.key for d in wanted if _is_static_everywhere(system, d.key)}
    static = _static_closure(system, keys)
    blocks = tuple(b for b in program.blocks if {s.definition.key for s in b.statements} & (keys | static))
    body = Body(replace(program, blocks=blocks), parts.names)
    for name in parts.stream.carried:
        body.printer.local(name, "all")
    lines = [*body.preamble(optional=parts.optional), *body.lines]
    whole = [f'        "{parts.names.public[n]}": {parts.names.of(n, "all")},' for n in parts.stream.carried]
    lines += ["    whole = {", *whole, "    }"] if whole else ["    whole: dict[str, NDArray] = {}"]
    return body.printer.functions, [*lines, "    return State(Trace({}, whole, run).state)"]


def _is_static_everywhere(system: System, key: str) -> bool:
    return all(system.by_name[n].timed is False for n in _reads_below(system, key))


def _static_closure(system: System, keys: set[str]) -> set[str]:
    return {n for key in keys for n in _reads_below(system, key) if n in system.defined}


def _reads_below(system: System, key: str) -> set[str]:
    found: set[str] = set()
    pending = [q.name for q in quantities(system.defined[key].rhs)]
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            if name in system.defined:
                pending += [q.name for q in quantities(system.defined[name].rhs)]
    return found


# ---------------------------------------------------------------- tables and head


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


def _tables(parts: Parts) -> str:
    system, public = parts.prepared, parts.names.public
    rename = public.__getitem__
    carried = {public[n]: (parts.forward.buffers[n].lag, k) for n, k in parts.stream.carried.items()}
    outside = {public[d.name]: (*system.extents.get(d.name, (0, 0)), d.shape) for d in system.declarations if any(system.extents.get(d.name, (0, 0)))}
    fixed = {public[d.name]: (d.start.amount, d.shape) for d in system.constants if d.start is not None and d.start.amount is not None}
    no_chunks = obstacle_text(parts)
    late = {public[n]: [public[k] for k in (_needs(parts, n) or [n])] for n in (*parts.late, *parts.optional) if n in parts.stream.carried}
    return "\n".join(
        [
            table("SIZES", "tuple[str, ...]", [string(public[s.name]) for s in system.sizes], "()"),
            data_table("SHAPES", "dict[str, tuple[str, ...]]", [(public[d.name], _axes(d, rename)) for d in system.params]),
            data_table("DATA", "dict[str, tuple[str, bool, tuple[str, ...]]]", [(public[d.name], f"({string(d.kind)}, {d.timed}, {_axes(d, rename)})") for d in (*system.data, *system.constants)]),
            table("CLASSES", "frozenset[str]", [string(public[n]) for n in classes_allowed(parts.model)], "frozenset()"),
            data_table("FIXED", "dict[str, tuple[float, tuple[str, ...]]]", [(n, f"({float(v)!r}, {_shape(s, rename)})") for n, (v, s) in fixed.items()]),
            data_table("OUTSIDE", "dict[str, tuple[int, int, tuple[str, ...]]]", [(n, f"({lag}, {lead}, {_shape(s, rename)})") for n, (lag, lead, s) in outside.items()]),
            data_table("CARRIED", "dict[str, tuple[int, int]]", [(n, f"({lag}, {count})") for n, (lag, count) in carried.items()]),
            data_table("LATE", "dict[str, tuple[str, ...]]", [(n, "(" + ", ".join(map(string, k)) + ("," if len(k) == 1 else "") + ")") for n, k in sorted(late.items())]),
            table("TIMED", "frozenset[str]", [string(public[d.name]) for d in system.variables if d.timed], "frozenset()"),
            data_table("RENAMED", "dict[str, str]", [(d.name, string(public[d.name])) for d in system.declarations if public[d.name] != d.name and d.name != FINAL_LOSS]),
            f"NO_CHUNKS = {string(no_chunks)}",
        ]
    )  # fmt: skip


def obstacle_text(parts: Parts) -> str:
    """Why there is no step and there are no chunks, or ""."""
    if parts.stream.obstacle is None:
        return ""
    name, read = parts.stream.obstacle
    return f"{plain(parts.model.name)} has no step and no chunks: {name} reads {read}"


def _shape(shape, rename) -> str:
    axes = [string(_renamed(s, rename)) for s in shape]
    return f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"


def _axes(declaration: Declaration, rename) -> str:
    return _shape(declaration.shape, rename)


def _renamed(length, rename) -> str:
    return size_text(length.xreplace({s: size(rename(s.name)) for s in length.free_symbols}))


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
    rows += ["", f"Made by rnnsym {rnnsym.__version__}: {command}", f"Fingerprint: {fingerprint}", "This file is yours: read it, change it, ship it; it needs NumPy and nothing else."]
    text = "\n".join(row.rstrip() for row in rows)
    safe = "".join(ch if ch.isprintable() or ch == "\n" else " " for ch in text)
    safe = safe.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'"""{safe}\n"""'


__all__ = ["Parts", "fingerprint_of", "generate", "program_parts"]
