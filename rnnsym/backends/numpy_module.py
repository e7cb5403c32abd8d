"""System -> a NumPy module, as text.

Comes in: a System as the user wrote it. Goes out: the source of a module that imports NumPy alone. The pipeline reads from top to
bottom in `generate`: programs, bodies, calls, head, template. The template holds layout only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import jinja2

import rnnsym
from rnnsym.algebra.system import Declaration, System
from rnnsym.algebra.tensor import T, quantities
from rnnsym.backends.body import Body, plain
from rnnsym.backends.c_columns import METHODS
from rnnsym.backends.c_kernels import CFunction, c_source
from rnnsym.backends.calls import public_functions
from rnnsym.backends.functions import sources
from rnnsym.backends.head import classes_allowed, docstring, slice_tables, tables
from rnnsym.backends.parts import Parts, program_parts
from rnnsym.backends.planned import plan_parts
from rnnsym.backends.planned_module import planned_text
from rnnsym.backends.planned_step import step_text
from rnnsym.backends.printing import WIDTH
from rnnsym.backends.starts import start_lines
from rnnsym.backends.tables import string
from rnnsym.calculus.adjoint import Adjoint
from rnnsym.program.planning import KERNEL_PASSES, PASSES
from rnnsym.resources import templates_folder


def generate(
    system: System,
    *,
    numbers: Mapping[str, int] | None = None,
    command: str = "",
    fingerprint: str = "",
    level: int = 1,
    passes: tuple[str, ...] = PASSES,
) -> str:
    """The source text of the NumPy module of a model.

    numbers      equation numbers by key (`h`, `h[0]`, `d_h`, `d_W`), as in `Derivation.numbers`; by default in the order of computation
    command      the command that makes the module again; by default `rnnsym generate NAME`
    fingerprint  of the text, version and options; by default computed here
    level        0: one statement per equation, as on paper; 1: planned for speed
    passes       of the planner, where level is 1: without one of them the module computes the same, less quickly
    """
    return module_text(program_parts(system, numbers), command=command, fingerprint=fingerprint, level=level, passes=passes)


def generate_with_kernels(
    system: System, *, numbers: Mapping[str, int] | None = None, command: str = "", file: str = ""
) -> tuple[str, str]:
    """The module whose loops call compiled kernels, and the C file that it builds them from; `file`: what that file is called."""
    return module_with_kernels(program_parts(system, numbers), command=command, file=file)


def module_with_kernels(parts: Parts, *, command: str = "", file: str = "") -> tuple[str, str]:
    """As generate_with_kernels, from what is derived already."""
    compiled: list[CFunction] = []
    plain_name = plain(parts.model.name)
    name = file or f"{plain_name}_kernels.c"
    said = command or f"rnnsym generate {plain_name} --kernels c"
    module = module_text(parts, command=said, passes=KERNEL_PASSES, compiled=compiled, file=name)
    return module, c_source(plain_name, f"Made by rnnsym {rnnsym.__version__}: {said}", compiled)


def module_text(
    parts: Parts,
    *,
    command: str = "",
    fingerprint: str = "",
    level: int = 1,
    passes: tuple[str, ...] = PASSES,
    compiled: list[CFunction] | None = None,
    file: str = "",
) -> str:
    """As generate, from what is derived already. compiled: takes the C functions that the module calls, where it shall call any."""
    system = parts.model
    mark = fingerprint or fingerprint_of(system, f"--kernels {file}" if compiled is not None else "" if level else "-O0")
    view = module_view(parts, command or f"rnnsym generate {plain(system.name)}", mark, level, passes, compiled, file)
    text = _template().render(**view)
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n") + "\n"


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    return environment.from_string((templates_folder() / "numpy" / "module.py.jinja").read_text(encoding="utf-8"))


def fingerprint_of(system: System, options: str = "") -> str:
    """sha256 of what a module is made from: the model's text, this version, the options."""
    parts = [str(system), system.name, rnnsym.__version__, options]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def module_view(
    parts: Parts,
    command: str,
    fingerprint: str,
    level: int = 1,
    passes: tuple[str, ...] = PASSES,
    compiled: list[CFunction] | None = None,
    file: str = "",
) -> dict[str, object]:
    """Everything the template asks for, as strings."""
    planned = level > 0
    vectors = frozenset(classes_allowed(parts.model)) if planned else frozenset()
    backward, backward_lines = _backward_lines(parts, vectors)
    initial, initial_lines = _initial_lines(parts)
    starts, start_functions = start_lines(parts.model, parts.names)
    functions = backward.printer.functions | initial | start_functions | {"valid", "clear", "one_hot"}  # checks use them too
    view: dict[str, object] = {
        "planned": planned,
        "stack_tables": "",
        "gradient_lines": [],
        "step_lines": [],
        "has_step": not parts.stream.obstacle,
        "kernels": string(file) if compiled is not None else "",
    }
    memory: list[str] = []
    if planned:
        adj = parts.cost
        numbers = {**parts.numbers, **_numbers_of(adj, parts.numbers)}
        traced = frozenset(name for name, _ in backward.printer.loads if name in parts.prepared.by_name)
        plan = plan_parts(parts, numbers, traced, passes)
        text = planned_text(parts, adj, plan, numbers, compiled)
        functions |= text.functions
        step = step_text(parts, adj, plan, text.described)
        if step is not None:
            functions |= step.functions
            view["step_lines"] = step.lines
        view |= {"stack_tables": text.tables, "gradient_lines": text.gradient if adj.seeds else []}
        forward_lines, memory = text.forward, [text.memory]
    else:
        forward, forward_lines = _forward_lines(parts)
        functions |= forward.printer.functions
    public, used = public_functions(parts, initial_lines, planned, bool(view["step_lines"]))
    columns = [f.name for f in compiled or () if f.name in METHODS]
    return view | {
        "column_methods": [METHODS[name].rstrip() for name in columns],
        "columns": columns,
        "docstring": docstring(parts, command, fingerprint),
        "tables": tables(parts),
        "slices": slice_tables(parts),
        "functions": sources(functions | used),
        "forward_lines": forward_lines,
        "backward_lines": backward_lines,
        "public": [starts, *public, *memory],
    }


def _numbers_of(adj: Adjoint, known: Mapping[str, int]) -> dict[str, int]:
    """Numbers of the cost's adjoint equations where no derivation gives them."""
    fresh = max(known.values(), default=0)
    missing = [d.key for d in adj.definitions if d.key not in known]
    return {key: fresh + k for k, key in enumerate(missing, 1)} if missing and not any(d.key in known for d in adj.definitions) else {}


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
    tail = ["", *_dictionary("values", [(name, text) for name, text in values if name not in late])]
    for declaration in parts.prepared.variables:
        if declaration.name in parts.late:
            given = " and ".join(f'"{public[n]}" in run.data' for n in parts.needs(declaration.name))
            tail.append(f"    if {given}:")
            tail.append(f'        values["{public[declaration.name]}"] = {_traced(parts, body, declaration)}')
    tail += [*_dictionary("whole", whole), "    return Trace(values, whole, run)"]
    return body, [*body.preamble(optional=parts.optional), *body.lines, *tail]


def _dictionary(name: str, rows: list[tuple[str, str]]) -> list[str]:
    """A dictionary of arrays by name, one per line."""
    if not rows:
        return [f"    {name}: dict[str, NDArray] = {{}}"]
    return [f"    {name} = {{", *(f'        "{key}": {text},' for key, text in rows), "    }"]


def _traced(parts: Parts, body: Body, declaration: Declaration) -> str:
    local = parts.names.of(declaration.name)
    if parts.forward.buffers[declaration.name].lead:
        return f"valid({local}, run.padding)"
    return local


def _backward_lines(parts: Parts, vectors: frozenset[str] = frozenset()) -> tuple[Body, list[str]]:
    adj, public = parts.adjoint, parts.names.public
    variables = parts.model.by_name
    results = {adj.gradients[d.name]: f"grads.{public[d.name]}" for d in parts.prepared.params}
    errors = {e: public[k] for k, e in adj.errors.items() if k in variables and "[" not in k}
    errors |= {seed: public[loss] for loss, seed in adj.seeds.items()}
    flows = {flow: key for key, (_, flow) in adj.initial.items() if flow}
    saved = frozenset(d.name for d in parts.prepared.declarations)
    body = Body(parts.backward, parts.names, saved, results, errors, flows, vectors)
    tail = _extra_lines(parts, body)
    head = ["run = trace._run"]
    if any(statement.judged for statement in parts.backward.statements):
        names = [f'"{public[n]}"' for n in sorted(parts.optional)]
        head.append(f"full = all(name in run.data for name in ({', '.join(names)}{',' if len(names) == 1 else ''}))")
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
    lines += _dictionary("whole", [(parts.names.public[n], parts.names.of(n, "all")) for n in parts.stream.carried])
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
