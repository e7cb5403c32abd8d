"""Operations as statements: where a result goes, and which equation it is cited with."""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from rnnsym.backends.body import plain
from rnnsym.backends.operations import INTO, UFUNCS
from rnnsym.backends.planned_expressions import PassExpressions
from rnnsym.backends.planned_lines import WHOLE, condition, ranges, wrapped
from rnnsym.backends.planned_once import ONCE
from rnnsym.backends.planned_writers import ARRANGING, WRITERS
from rnnsym.backends.printing import WIDTH, mark_name
from rnnsym.program.columns import QUIET
from rnnsym.program.ops import ALONE, PER_SEQUENCE, PER_STEP, Amount, Guard, Op, Operand, Ref
from rnnsym.program.storage import STORED, resolved
from rnnsym.program.vocabulary import ELEMENTWISE


@dataclass
class PassStatements(PassExpressions):
    """Expressions of a pass, and the statements that they stand in."""

    def _guarded(self, ops: list[Op], indent: int, first: str = "", shared: Guard | None = None) -> list[str]:
        lines: list[str] = []
        position = 0
        while position < len(ops):
            guard, quiet = ops[position].guard, QUIET in ops[position].details
            stop = position
            while stop < len(ops) and ops[stop].guard == guard and (QUIET in ops[stop].details) == quiet:
                stop += 1
            test = "" if guard == shared else condition(guard, self.public)
            pad = indent + (4 if test else 0) + (4 if quiet else 0)
            rows = [line for op in ops[position:stop] for line in self._operation(op, pad)]
            if rows:
                lines += [f"{' ' * indent}if {test}:"] if test else []
                lines += [f'{" " * (pad - 4)}with np.errstate(all="ignore"):'] if quiet else []
                lines += rows
            position = stop
        return ["", *lines] if first and lines else lines

    def _operation(self, op: Op, indent: int) -> list[str]:
        rows = self._statement(op)
        return [" " * indent + row for row in self._cited(rows, op, indent)]

    def _cited(self, rows: list[str], op: Op, indent: int) -> list[str]:
        if not op.numbers or not rows:
            return [line for row in rows for line in wrapped(row, WIDTH - indent)]
        cited = ranges(op.numbers)
        said = next((self.described[n] for n in op.numbers if self.described.get(n)), "") if len(op.numbers) == 1 else ""
        for note in (f"# ({cited}) {plain(said)}".rstrip(), f"# ({cited})"):
            if len(rows) == 1 and indent + len(rows[0]) + 2 + len(note) <= WIDTH:
                return [f"{rows[0]}  {note}"]
        return [f"# ({cited})", *(line for row in rows for line in wrapped(row, WIDTH - indent))]

    def _statement(self, op: Op) -> list[str]:
        if op.function == "mark":
            return self._mark(op)
        if op.place:
            return self._slot(op)
        if self.kind == "static":
            return self._static_statement(op)
        rank = self._rank(op)
        target, bound = self._target(op)
        writer = WRITERS.get(op.function)
        if writer is not None:
            return writer(self, op, target, bound, rank)
        groups, total = self._grouping(op)
        args = [self.text(a, rank, PER_STEP, groups, total) for a in op.args]
        if op.function == "copy":
            return [f"np.copyto({target}, {args[0]})"] if bound else [f"{target}[...] = {args[0]}"]
        if op.function in UFUNCS and bound:
            return [f"np.{UFUNCS[op.function]}({', '.join(args)}, out={target})"]
        if op.function in INTO and bound:
            return [f"{self.function(INTO[op.function])}({', '.join(args)}, out={target})"]
        if op.function == "where" and bound:
            if args[1] == target:  # in place of the first branch: what is left to write is the other
                return [f"np.copyto({target}, {args[2]}, where=np.logical_not({args[0]}))"]
            return [f"{self.function('choose')}({', '.join(args)}, out={target})"]
        return [self._assign(target, bound, self._expression(op, args, rank, PER_STEP))]

    def _assign(self, target: str, bound: bool, expression: str) -> str:
        place = target if target.endswith("]") else f"{target}[...]"  # never a name for an operand's array, which is used again
        return f"{place} = {expression}" if bound else f"{target} = {expression}"

    def _grouping(self, op: Op) -> tuple[int, sympy.Expr | None]:
        if op.details[:1] != ("into",):
            return 1, None
        _, rows, _, groups, _ = op.details
        return groups, sympy.expand(rows[1] - rows[0])

    def _rank(self, op: Op) -> int:
        return self.cells[op.out].rank

    def _target(self, op: Op) -> tuple[str, bool]:
        """Where a result goes, and whether that is an array that exists (otherwise a name to be bound)."""
        if op.details[:1] == ("into",):
            _, rows, shift, groups, _ = op.details
            ref = Ref(op.out, shift, rows)
            return self.text(ref, 1, PER_STEP, groups, sympy.expand(rows[1] - rows[0])), True
        if op.details[:1] == ("rows",):
            return self.text(Ref(op.out, 0, (op.details[1], op.details[2])), 1), True
        ref = resolved(Ref(op.out, 0), self.places)
        if self.held.get(ref.name, STORED) == STORED:
            return self.text(Ref(op.out, 0), self._rank(op)), True
        name = self.room(ref.name)
        if op.out != ref.name or self._wants_room(op):
            self._make_room(ref.name, name)
            return self.text(Ref(op.out, 0), self._rank(op)), True
        return name, False

    def _wants_room(self, op: Op) -> bool:
        if self.cells[op.out].entries != "number":
            return False
        if self.compiled is not None:  # a kernel is bound to arrays, not to names
            return True
        words = (*UFUNCS, *INTO, "where", "copy", "affine", "sum", "outer", "excess", "concat", "mean", "real", "valid", "softmax")
        return op.function in words

    # ------------------------------------------------------------ what is done once

    def _static_statement(self, op: Op) -> list[str]:
        cell = self.cells[op.out]
        rank, axes = cell.rank, cell.axes
        name = self.local(op.out)
        if op.function in ONCE:
            rows = ONCE[op.function](self, op)
        elif op.function == "copy":
            rows = [self._filled(op)]
        else:
            args = [self.text(a, self._rank_of(a, op), axes) for a in op.args]
            expression = self._expression(op, args, rank, axes)
            if (
                op.function != "array"
                and op.args
                and all(isinstance(a, Amount) or a.name in self.weak for a in op.args)
                and axes == ALONE
                and not rank
            ):
                if cell.kind == "part":
                    self.weak.add(op.out)
                expression = f"float({expression})" if cell.kind == "part" else f"np.asarray({expression}, dtype)"
            rows = [f"{name} = {expression}"]
        if op.out in self.results:
            rows = [f"{self.results[op.out]}[...] = {rows[0].removeprefix(name + ' = ')}"] if rows[0].startswith(name + " = ") else rows
        if op.out in self.flows:
            rows += [f'if "{self.flows[op.out]}" in run.given:', f"    {name} = np.zeros_like({name})"]
        if op.out in self.plan.kept and self.side == "forward":
            rows += [f'work.kept["{self.labels.get(op.out, op.out)}"] = {name}']
        return rows

    def _rank_of(self, operand: Operand, op: Op) -> int:
        """The rank that an operand is brought to: the result's, its own, or (-1) none, where the operation arranges the axes itself."""
        if op.function in ELEMENTWISE or op.function == "affine":
            return self.cells[op.out].rank
        if op.function in ("dot", "softmax_cross_entropy"):
            return 1
        return -1 if op.function in ARRANGING else self._operand_rank(operand)

    def _filled(self, op: Op) -> str:
        """A value spread over the whole shape of what it is the value of."""
        cell = self.cells[op.out]
        text = self.text(op.args[0], cell.rank, cell.axes)
        axes = self.lengths(op.out) if cell.axes == PER_SEQUENCE else [self.size(s) for s in cell.shape]
        shape = f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"
        return f"{self.local(op.out)} = np.full({shape}, {text}, dtype)"

    def _slot(self, op: Op) -> list[str]:
        """A value outside 1 … T, unless the caller gave it."""
        name, bracket, place = op.place.partition("[")
        self.kind = "static"
        rank = self.cells[name].rank
        if op.function == "copy":
            text = self.text(op.args[0], rank, PER_SEQUENCE)
        else:
            args = [self.text(a, self._rank_of(a, op), PER_SEQUENCE) for a in op.args]
            text = self._expression(op, args, rank, PER_SEQUENCE)
        key = f"{self.public[name]}{bracket}{place}"
        position = place.rstrip("]")
        if position.startswith("T"):
            slot = int(position[1:]) - 1
            if slot >= self.cells[name].lead or not self.walks:  # a single step has no end
                return []
            value = f"{self.function('turned')}({text})" if rank == 1 and not self._is_alone(op) else text
            value = value.removesuffix("[:, None]") if self._is_alone(op) else value
            rows = [f'if "{key}" not in run.given:', f"    {self.end_name(name)}[{slot}] = {value}"]
            return [*rows, self.place_end_line(name, 0)]
        ref = resolved(Ref(name, 0), self.places)
        cell = self.cells[ref.name]
        index = cell.lag + (ref.delay or 0) + int(position) - 1
        if self.cells[name].lag - 1 + int(position) < 0 or index < 0:
            return []
        rows_text = f", {self._bounds(ref.rows)}" if ref.rows is not None else ""
        return [f'if "{key}" not in run.given:', f"    {self.whole(ref.name)}[{index}{rows_text}] = {text}"]

    def _is_alone(self, op: Op) -> bool:
        return all(self._axes(a) == ALONE for a in op.args)

    def _mark(self, op: Op) -> list[str]:
        first, delay = op.details[0] == "at_first", op.details[1]
        self.marks[first, delay] = None
        name = self.room(op.out)
        if self.held.get(op.out) == STORED:
            return [f"{self.text(Ref(op.out, 0), 0)}[...] = {mark_name(first, delay)}[{WHOLE}]"]
        return [f"{name} = {mark_name(first, delay)}[{WHOLE}]"]


__all__ = ["PassStatements"]
