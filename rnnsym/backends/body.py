"""The bodies of a module's forward and backward pass: statements, blocks, guards, and the names that they unpack first.

Comes in: a batched Program. Goes out: indented lines of NumPy. Every line of computation cites the number of its equation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import sympy

from rnnsym.algebra.tensor import DATA, T
from rnnsym.backends.names import Locals
from rnnsym.backends.printing import WIDTH, Printer, mark_name
from rnnsym.program.arrays import ArrayExpression, Filled, Literal, Load, LoadAt, Spread
from rnnsym.program.program import Block, Buffer, Program, Statement

INDENT = 4


@dataclass
class Body:
    """One function body under construction.

    saved    names that an earlier pass computed (read from the trace); empty for the forward pass
    results  variable -> the place that its value is written to: `grads.W[...]`
    errors   error -> the variable whose cotangent it starts with
    flows    error -> the key of the value outside 1 … T; nothing flows on where the caller gave that value
    vectors  targets that a call may hold as class numbers, and that are read as vectors here
    """

    program: Program
    names: Locals
    saved: frozenset[str] = frozenset()
    results: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    flows: Mapping[str, str] = field(default_factory=dict)
    vectors: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.printer = Printer(self.names, self.program.buffers, self.results)
        self.stored: dict[str, None] = {}
        self.lines = self._blocks()

    def buffer(self, name: str) -> Buffer:
        return self.program.buffers[name]

    # ------------------------------------------------------------ blocks

    def _blocks(self) -> list[str]:
        lines: list[str] = []
        flat: list[tuple[Block, Statement]] = []
        for block in self.program.blocks:
            if block.kind == "scan":
                lines += self._flat(flat) + self._scan(block)
                flat = []
            else:
                flat += [(block, s) for s in block.statements]
        return lines + self._flat(flat)

    def _flat(self, rows: list[tuple[Block, Statement]]) -> list[str]:
        """Statements outside loops, those under the same guard together."""
        rows = [(b, s) for b, s in rows if not self._is_void(s)]
        if not rows:
            return []
        lines: list[str] = []
        position = 0
        while position < len(rows):
            guard = self._guard(rows[position][1])
            stop = position
            while stop < len(rows) and self._guard(rows[stop][1]) == guard and (guard is None or rows[stop][1].otherwise is None):
                stop += 1
            stop = max(stop, position + 1)
            lines += self._guarded(guard, [s for _, s in rows[position:stop]])
            position = stop
        return ["", f"{' ' * INDENT}# all steps at once", *lines] if any(b.kind == "map" for b, _ in rows) else ["", *lines]

    def _guarded(self, guard: str | None, statements: list[Statement]) -> list[str]:
        indent = INDENT + (4 if guard else 0)
        lines: list[str] = []
        pending: list[str] = []
        for statement in statements:
            if pending and self._needs_clear(statement, pending):
                lines += self._clear(pending, indent)
            lines += self._lines(statement, indent, False)
            if self.buffer(statement.name).timed and statement.how != "slot" and self._is_cleared(statement):
                pending.append(statement.name)
        lines += self._clear(pending, indent)
        if not lines:
            return []
        lines = [f"{' ' * INDENT}if {guard}:", *lines] if guard else lines
        if guard and statements[0].otherwise is not None:
            other = self._guard(replace(statements[0], judged=False))
            lines += [f"{' ' * INDENT}{f'elif {other}' if other else 'else'}:", *self._lines(statements[0], indent, False, otherwise=True)]
            lines += self._clear([s.name for s in statements if self.buffer(s.name).timed], indent)
        return lines

    def _is_cleared(self, statement: Statement) -> bool:
        return statement.name not in self.results

    def _is_void(self, statement: Statement) -> bool:
        """A value outside 1 … T that nothing reads."""
        if statement.how != "slot":
            return False
        time, buffer = statement.definition.lhs.time, self.buffer(statement.name)
        return self._slot(time) >= buffer.lead if time.has(T) else buffer.lag - 1 + int(time) < 0

    @staticmethod
    def _slot(time: sympy.Expr) -> int:
        return int(time.xreplace({T: sympy.Integer(0)})) - 1

    def _needs_clear(self, statement: Statement, pending: list[str]) -> bool:
        if not self.buffer(statement.name).timed or statement.how == "slot":
            return True
        return any(isinstance(n, LoadAt) or (isinstance(n, Load) and n.delay and n.name in pending) for n in walk(statement.value))

    def _clear(self, pending: list[str], indent: int) -> list[str]:
        """Zeros in the padding of what was computed; `pending` is emptied."""
        pad, names = " " * indent, [self.printer.local(n) for n in dict.fromkeys(pending)]
        lines = [f"{pad}clear(run.padding, {chunk})" for chunk in _chunks(names, WIDTH - indent - 22)] if names else []
        for name in dict.fromkeys(pending):
            lines += self._restore(name, indent)
        pending.clear()
        return lines

    def _restore(self, name: str, indent: int) -> list[str]:
        """Values after each sequence's own end, which clearing has taken."""
        buffer = self.buffer(name)
        if not buffer.lead or name in self.errors or buffer.kind in DATA or self.saved:
            return []
        whole, end = self.printer.local(name, "all"), self.printer.local(name, "end")
        self.printer.functions.add("place_end")
        return [f"{' ' * indent}place_end({whole}, {buffer.lag}, {end}, run.ends)"]

    def _scan(self, block: Block) -> list[str]:
        forwards = block.direction > 0
        guards = {self._guard(s) for s in block.statements}
        shared = guards.pop() if len(guards) == 1 and all(s.otherwise is None for s in block.statements) else None
        indent = INDENT + (4 if shared else 0)
        pad = " " * indent
        lines = ["", f"{' ' * INDENT}# step by step, {'forwards' if forwards else 'backwards'}"]
        lines += [f"{' ' * INDENT}if {shared}:"] if shared else []
        lines += [f"{pad}for t in {'range(steps)' if forwards else 'reversed(range(steps))'}:"]
        for statement in block.statements:
            guard = None if shared else self._guard(statement)
            inner = indent + 4 + (4 if guard else 0)
            rows = self._lines(statement, inner, True)
            lines += [f"{pad}    if {guard}:"] if guard and rows else []
            lines += rows
            if guard and statement.otherwise is not None:
                other = self._guard(replace(statement, judged=False))
                lines += [f"{pad}    {f'elif {other}' if other else 'else'}:", *self._lines(statement, inner, True, otherwise=True)]
        names = list(dict.fromkeys(s.name for s in block.statements))
        lines.append(f"{pad}    if run.padding is not None:")
        for chunk in _chunks([f"{self.printer.local(n)}[t]" for n in names], WIDTH - indent - 33):
            lines.append(f"{pad}        clear(run.padding[t], {chunk})")
        for name in names:
            lines += self._restore(name, indent + 8)
        return lines

    # ------------------------------------------------------------ statements

    def _guard(self, statement: Statement) -> str | None:
        conditions = [f'"{self.names.public[n]}" in run.data' for n in sorted(statement.needs)]
        conditions += ["full"] if statement.judged else []
        if len(statement.wanted) == 1:
            conditions += [f'"{min(statement.wanted)}" in wrt']
        elif statement.wanted:
            conditions += [f"wrt & {{{', '.join(f'{chr(34)}{w}{chr(34)}' for w in sorted(statement.wanted))}}}"]
        if statement.how == "slot":
            conditions += [f'"{self._public_key(statement.definition.key)}" not in run.given']
        return " and ".join(conditions) or None

    def _public_key(self, key: str) -> str:
        """The key of a value outside 1 … T as a caller gives it."""
        name, bracket, place = key.partition("[")
        return self.names.public[name] + bracket + place

    def _lines(self, statement: Statement, indent: int, running: bool, otherwise: bool = False) -> list[str]:
        value = statement.otherwise if otherwise else statement.value
        assert isinstance(value, ArrayExpression)
        target, operator = self._target(statement, running)
        if operator == "+=" and isinstance(value, (Filled, Literal)):  # nothing but what comes from outside
            return []
        if statement.how == "full" and statement.name not in self.results:
            buffer = self.buffer(statement.name)
            value = Spread(value, buffer.axes, buffer.shape)
        rows = self.printer.assign(target, operator, value, indent)
        lines = [" " * indent + row for row in self._cited(rows, statement, indent)]
        if statement.how == "slot":
            lines += self._restore(statement.name, indent) if statement.definition.lhs.time.has(T) else []
        if statement.name in self.flows:
            key, name = self.flows[statement.name], self.printer.local(statement.name)
            lines += [f'{" " * indent}if "{self._public_key(key)}" in run.given:', f"{' ' * indent}    {name}[...] = 0"]
        return lines

    def _target(self, statement: Statement, running: bool) -> tuple[str, str]:
        name, buffer = statement.name, self.buffer(statement.name)
        if name in self.results:
            return f"{self.results[name]}[...]", "+=" if statement.how == "add" else "="
        if statement.how == "slot":
            time = statement.definition.lhs.time
            if time.has(T):
                return f"{self.printer.local(name, 'end')}[{self._slot(time)}]", "="
            return f"{self.printer.local(name, 'all')}[{buffer.lag - 1 + int(time)}]", "="
        local = self.printer.local(name)
        if running or statement.how == "store":
            self.stored[name] = None
        if statement.how == "add":
            if name in self.errors:
                self.stored[name] = None
            return local + ("[t]" if running else ""), "+="
        if running:
            return f"{local}[t]", "="
        return (f"{local}[...]", "=") if statement.how == "store" else (local, "=")

    def _cited(self, rows: list[str], statement: Statement, indent: int) -> list[str]:
        """The statement with the number of its equation, and what the file says of it."""
        if statement.number is None:
            return rows
        said = plain(statement.definition.description)
        for note in (f"# ({statement.number}) {said}".rstrip(), f"# ({statement.number})"):
            if len(rows) == 1 and indent + len(rows[0]) + 2 + len(note) <= WIDTH:
                return [f"{rows[0]}  {note}"]
        note = f"# ({statement.number}) {said}".rstrip()
        return [note if len(note) + indent <= WIDTH else f"# ({statement.number})", *rows]

    # ------------------------------------------------------------ what stands before the statements

    def preamble(self, head: Iterable[str] = (), optional: Iterable[str] = ()) -> list[str]:
        """Local names for sizes, parameters, data, earlier values; room for what is stored."""
        loads = dict(self.printer.loads)
        touched: dict[str, set[int]] = {}
        for name, delay in loads:
            touched.setdefault(name, set()).update([delay or 0] if not isinstance(delay, str) else [])
        order = [d.name for d in self.program.system.declarations if d.name in touched and d.name not in self.results]
        order.sort(key=lambda name: (*DATA, "constant", "param", "variable").index(self.buffer(name).kind))
        rows: list[str] = []
        for name in order:
            rows += self._unpacked(name, touched[name], set(optional), loads)
        rows = [*rows, *self._marks()]
        text = re.sub("#.*", "", "\n".join([*rows, *self.lines]))
        first = [f"{n} = run.{n}" for n in ("steps", "batch", "dtype") if _occurs(n, text)]
        sizes = [n for n in self.printer.sizes if _occurs(self.names.of(n), text)]
        first += [f'{self.names.of(n)} = run.sizes["{self.names.public[n]}"]' for n in sizes]
        return [" " * INDENT + row for row in [*head, *first, *rows]]

    def _marks(self) -> list[str]:
        rows = []
        for first, delay in self.printer.marks:
            when = "np.arange(1, steps + 1)" + (f" + {delay}" if delay > 0 else f" - {-delay}" if delay else "")
            name = mark_name(first, delay)
            if first:
                rows.append(
                    f"{name} = np.outer(({when}) == 1, np.full(batch, not run.started))"
                    if delay
                    else f"{name} = np.outer({when} == 1, np.full(batch, not run.started))"
                )
            else:
                rows.append(f"{name} = ({when})[:, None] == run.ends" if delay else f"{name} = {when}[:, None] == run.ends")
        return rows

    def _unpacked(self, name: str, delays: set[int], optional: set[str], loads: Mapping) -> list[str]:
        buffer, public, local = self.buffer(name), self.names.public[name], self.printer.names.of(name)
        lengths = "".join(f", {self.printer.size(s)}" for s in buffer.shape)
        if buffer.kind == "param":
            return [f"{local} = params.{public}"]
        if name in self.vectors and name not in self.errors and not buffer.is_extended:
            return [f'{local}: Any = run.vectors("{public}")']
        if buffer.kind in (*DATA, "constant") and name not in self.errors and not buffer.is_extended:
            return [f'{local}: Any = run.data.get("{public}")' if name in optional else f'{local} = run.data["{public}"]']
        if buffer.is_extended:
            return self._with_slots(name, delays, lengths, loads)
        if name in self.saved:
            return [f'{local} = trace._arrays.get("{public}")' if name in optional else f'{local} = trace._arrays["{public}"]']
        if name in self.errors:
            return [f"{local} = {self._room(name, lengths)}"]
        if name in self.stored:
            return [f"{local} = run.zeros({lengths.removeprefix(', ')})"]
        return []

    def _room(self, name: str, lengths: str) -> str:
        """An error's array, which starts with what comes from outside."""
        buffer = self.buffer(name)
        slots = f", lag={buffer.lag}, lead={buffer.lead}" if buffer.is_extended else ""
        if buffer.timed:
            return f'run.error(cotangents, "{self.errors[name]}"{lengths}{slots})'
        lead = "batch" if buffer.batched else ""
        shape = ", ".join(u for u in (lead, lengths.removeprefix(", ")) if u)
        shape += "," if shape and "," not in shape else ""
        return f'np.array(cotangents.get("{self.errors[name]}", np.zeros(({shape}), dtype)))'

    def _with_slots(self, name: str, delays: set[int], lengths: str, loads: Mapping) -> list[str]:
        buffer, whole = self.buffer(name), self.names.of(name, "all")
        slots = f", lag={buffer.lag}, lead={buffer.lead}"
        public = self.names.public[name]
        rows = []
        if name in self.saved:
            rows.append(f'{whole} = trace._whole["{public}"]')
        elif name in self.errors:
            rows.append(f"{whole} = {self._room(name, lengths)}")
        elif self.saved:
            rows.append(f"{whole} = run.zeros({(lengths + slots).removeprefix(', ')})")
        else:
            rows.append(f'{whole} = run.extended("{public}"{lengths}{slots})')
        for delay in sorted(delays):
            start = buffer.lag + delay
            stop = "steps" if start == 0 else f"steps + {start}"
            bounds = ":steps" if start == 0 else f"{start} : {stop}"
            rows.append(f"{self.names.of(name, delay)} = {whole}[{bounds}]")
        if (name, "end") in loads:
            end = self.names.of(name, "end")
            rows.append(f'{end} = run.after("{public}"{lengths}, lead={buffer.lead})')
            rows.append(f"place_end({whole}, {buffer.lag}, {end}, run.ends)")
        return rows


def _occurs(name: str, text: str) -> bool:
    """Whether a local name occurs in the source (not as an attribute, not inside a string)."""
    return re.search(rf"(?<![\w.\"]){name}\b(?!\")", text) is not None


def walk(node: ArrayExpression) -> Iterable[ArrayExpression]:
    """The node and everything in it."""
    yield node
    for value in vars(node).values():
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, ArrayExpression):
                yield from walk(inner)


def plain(text: str) -> str:
    """A user's text as part of a comment: one line, printable."""
    return " ".join("".join(ch if ch.isprintable() else " " for ch in text).split())


def _chunks(names: list[str], room: int) -> list[str]:
    """Names joined by commas, in pieces that fit the room."""
    pieces = [names[0]]
    for name in names[1:]:
        if len(pieces[-1]) + 2 + len(name) <= room:
            pieces[-1] += f", {name}"
        else:
            pieces.append(name)
    return pieces
