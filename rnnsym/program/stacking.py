"""Stacking: products of several parameters with the same operands become one product, forwards, backwards, and in the gradient sums.

Comes in: the stages of the forward pass and of the gradients. Goes out: the stages with one product per stack, the stacks (which
parameters lie where in one matrix), and the places of the vectors that lie together: the operands of a stack, its results, their errors.
A stack of k results from the operands u and v and a bias is the matrix [[A_1, B_1, b_1], …, [A_k, B_k, b_k]] times the vector [u; v; 1].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, permutations

import sympy

from rnnsym.algebra.sizes import same_shape
from rnnsym.program.ops import ALONE, PER_STEP, Bounds, Cell, Op, Operand, Ref, Stage

MANY = 7  # rows up to which all orders are tried


@dataclass(frozen=True)
class Place:
    """Where the values of a name live: rows of another array, `shift` steps later than their own step."""

    array: str
    rows: Bounds | None = None
    shift: int = 0


@dataclass(frozen=True)
class Stack:
    """One matrix of parameters.

    name      of the matrix
    results   what its rows compute, in order
    operands  what its columns are multiplied with, in order; None: the bias
    grid      (row, column) → parameter
    owned     whether every parameter lies here and nowhere else: then the matrix is a part of the parameters' vector
    rows, columns  where each begins and ends
    """

    name: str
    results: tuple[str, ...]
    operands: tuple[Ref | None, ...]
    grid: Mapping[tuple[int, int], str]
    owned: bool
    rows: tuple[Bounds, ...]
    columns: tuple[Bounds, ...]

    @property
    def shape(self) -> tuple[sympy.Expr, sympy.Expr]:
        return self.rows[-1][1], self.columns[-1][1]


@dataclass
class Stacked:
    """The stages with their stacks, and the places of what lies together."""

    forward: list[Stage]
    gradient: list[Stage]
    cells: dict[str, Cell]
    stacks: list[Stack] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    ones: list[tuple[str, sympy.Expr]] = field(default_factory=list)  # rows that are 1 at every step
    merged: dict[str, str] = field(default_factory=dict)  # gradient of a parameter → the gradient of the stack that holds it


def bounds_of(lengths: Sequence[sympy.Expr]) -> tuple[Bounds, ...]:
    """Where parts of these lengths begin and end, one after the other."""
    ends = [sympy.Integer(0)]
    for length in lengths:
        ends.append(sympy.expand(ends[-1] + length))
    return tuple(pairwise(ends))


def stacked(forward: list[Stage], gradient: list[Stage], cells: dict[str, Cell], gradients: Mapping[str, str]) -> Stacked:
    """The stages with stacked products.

    gradients  parameter → the name of its gradient
    """
    work = _Stacking(Stacked(forward, gradient, cells), gradients)
    work.run()
    return work.result


@dataclass
class _Group:
    """Results with the same operands, on the way to a stack."""

    stage: int
    ops: list[Op]

    @property
    def operands(self) -> list[Ref]:
        count = self.ops[0].details[0]
        return [a for a in self.ops[0].args[1 : 2 * count : 2] if isinstance(a, Ref)]

    @property
    def has_bias(self) -> bool:
        return len(self.ops[0].args) > 2 * self.ops[0].details[0]


class _Stacking:
    def __init__(self, result: Stacked, gradients: Mapping[str, str]):
        self.result, self.gradients = result, gradients
        self.cells = result.cells
        self.owner: dict[str, str] = {}  # parameter → the stack that it lies in
        self.before: dict[int, list[Op]] = {}  # stage → what is to be copied before it

    def run(self) -> None:
        groups = self._groups()
        groups.sort(key=lambda g: (self.result.forward[g.stage].kind != "scan", g.stage))
        for group in groups:
            self._stack(group)
        stages = self.result.forward
        self.result.forward = [
            s for k, stage in enumerate(stages) for s in (Stage("map", 0, tuple(self.before.get(k, ()))), stage) if s.ops
        ]
        for stack in self.result.stacks:
            self._gradients(stack)
        self.result.gradient = [replace(s, ops=tuple(self._merged_products(op) for op in s.ops)) for s in self.result.gradient]
        self.result.forward = [replace(s, ops=tuple(self._merged_products(op) for op in s.ops)) for s in self.result.forward]

    # ------------------------------------------------------------ which products go together

    def _groups(self) -> list[_Group]:
        found: dict[tuple, _Group] = {}
        for index, stage in enumerate(self.result.forward):
            for op in stage.ops:
                if op.function != "affine" or op.place or any(ref.turned for ref in op.reads) or self.cells[op.out].axes < PER_STEP:
                    continue
                group = _Group(index, [op])
                if any(self.cells[name].kind != "param" for name in _parameters(op)):  # or a bias that is computed, or a constant
                    continue
                key = (index, frozenset(group.operands), group.has_bias, op.guard, len(group.operands))
                if key in found:
                    found[key].ops.append(_in_order(op, found[key].operands))
                else:
                    found[key] = group
        return list(found.values())

    # ------------------------------------------------------------ one stack

    def _stack(self, group: _Group) -> None:
        stage = self.result.forward[group.stage]
        operands: list[Ref | None] = [*group.operands, *([None] if group.has_bias else [])]
        if len(group.ops) == 1 and len(operands) == 1:
            return
        errors = [self._error_of(op) for op in group.ops]
        order = self._order(group, errors)
        ops, errors = [group.ops[k] for k in order], [errors[k] for k in order]
        joined = self._joins(group, stage.kind == "scan")
        if not joined and len(group.ops) == 1:
            return
        rows = bounds_of([self.cells[op.out].shape[0] for op in ops])
        columns = bounds_of([sympy.Integer(1) if u is None else self._length(u) for u in operands])
        grid = {(k, j): name for k, op in enumerate(ops) for j, name in enumerate(_parameters(op))}
        names = list(grid.values())
        owned = len(set(names)) == len(names) and not any(name in self.owner for name in names)
        stack = Stack(self._fresh("weights"), tuple(op.out for op in ops), tuple(operands), grid, owned, rows, columns)
        self.result.stacks.append(stack)
        self.cells[stack.name] = Cell(stack.name, "stack", stack.shape, ALONE)
        for name in names:
            self.owner.setdefault(name, stack.name)
        results = self._lay_out("sums", [op.out for op in ops], rows)
        args = self._operands(stack, stage, group, joined)
        numbers = tuple(sorted({n for op in group.ops for n in op.numbers}))
        whole = Op(results, "affine", args, (1 if joined else len(group.operands),), numbers, group.ops[0].guard)
        self._exchange(group, whole)
        if len(ops) > 1 and len(set(errors)) == len(errors) and all(self._may_move(e) for e in errors):
            self._lay_out("d_sums", [e for e in errors if e is not None], rows)

    def _length(self, ref: Ref) -> sympy.Expr:
        return sympy.expand(ref.rows[1] - ref.rows[0]) if ref.rows else self.cells[ref.name].shape[0]

    def _fresh(self, word: str) -> str:
        count = sum(1 for name in self.cells if name.startswith(f"%{word}"))
        name = f"%{word}{count + 1 if count else ''}"
        return name

    def _lay_out(self, word: str, names: list[str], rows: Sequence[Bounds]) -> str:
        """One array for several vectors, one after the other."""
        if len(names) == 1:
            return names[0]
        array = self._fresh(word)
        lag, lead = max(self.cells[n].lag for n in names), max(self.cells[n].lead for n in names)
        self.cells[array] = Cell(array, "slab", (rows[-1][1],), PER_STEP, "number", lag, lead)
        for name, bounds in zip(names, rows, strict=True):
            self.result.places[name] = Place(array, bounds)
        return array

    def _may_move(self, name: str | None) -> bool:
        return name is not None and name not in self.result.places and self.cells[name].axes == PER_STEP

    # ------------------------------------------------------------ the operands of a stack, as one vector

    def _joins(self, group: _Group, running: bool) -> bool:
        """Whether the operands are put into one vector: in a loop always (what lives elsewhere is copied), outside where nothing is."""
        if len(group.operands) + group.has_bias == 1:
            return False
        return running or all(self._may_live_here(u, []) for u in group.operands)

    def _may_live_here(self, ref: Ref, others: list[Ref]) -> bool:
        cell = self.cells[ref.name]
        free = ref.name not in self.result.places and all(ref.name != other.name for other in others)
        return (
            free
            and ref.rows is None
            and cell.axes == PER_STEP
            and cell.entries == "number"
            and cell.kind != "target"
            and ref.delay is not None
        )

    def _operands(self, stack: Stack, stage: Stage, group: _Group, joined: bool) -> tuple[Operand, ...]:
        matrix = Ref(stack.name)
        if not joined:
            args: list[Operand] = []
            for operand, bounds in zip(stack.operands, stack.columns, strict=True):
                part = replace(matrix, columns=bounds if len(stack.columns) > 1 else None)
                args += [part] if operand is None else [part, operand]
            return tuple(args)
        array = self._fresh("operands")
        self.cells[array] = Cell(array, "slab", (stack.columns[-1][1],), PER_STEP)
        lag = lead = 0
        seen: list[Ref] = []
        for operand, bounds in zip(stack.operands, stack.columns, strict=True):
            if operand is None:
                self.result.ones.append((array, bounds[0]))
            elif self._may_live_here(operand, seen):
                cell, delay = self.cells[operand.name], operand.delay or 0
                self.result.places[operand.name] = Place(array, bounds, -delay)
                lag, lead = max(lag, cell.lag + delay), max(lead, cell.lead - delay)
                seen.append(operand)
            else:
                copy = Op(array, "copy", (operand,), ("rows", *bounds), (), group.ops[0].guard)
                self._insert(group, copy, hoist=not self._is_computed_in(operand, stage))
        self.cells[array] = replace(self.cells[array], lag=lag, lead=lead)
        return matrix, Ref(array, 0)

    def _is_computed_in(self, ref: Ref, stage: Stage) -> bool:
        return stage.kind == "scan" and any(op.out == ref.name for op in stage.ops)

    def _insert(self, group: _Group, op: Op, hoist: bool) -> None:
        stage = self.result.forward[group.stage]
        if hoist and stage.kind == "scan":
            self.before.setdefault(group.stage, []).append(op)
            return
        position = next(k for k, other in enumerate(stage.ops) if any(other.out == member.out for member in group.ops))
        self.result.forward[group.stage] = replace(stage, ops=(*stage.ops[:position], op, *stage.ops[position:]))

    def _exchange(self, group: _Group, whole: Op) -> None:
        """The stack's product in place of the first of the products that it holds."""
        stage = self.result.forward[group.stage]
        rows: list[Op] = []
        for op in stage.ops:
            if op.function == "affine" and any(op.out == member.out for member in group.ops):
                if op.out == group.ops[0].out:
                    rows.append(whole)
            else:
                rows.append(op)
        self.result.forward[group.stage] = replace(stage, ops=tuple(rows))

    # ------------------------------------------------------------ errors and gradients

    def _defining(self, name: str) -> Op | None:
        return next((op for stage in self.result.gradient for op in stage.ops if op.out == name and not op.place), None)

    def _error_of(self, op: Op) -> str | None:
        """The error of a result, as the gradients of the parameters that compute it name it."""
        found = set()
        for parameter in _parameters(op):
            gradient = self._defining(self.gradients.get(parameter, ""))
            if gradient is None or gradient.function not in ("outer_sum", "sum_all"):
                return None
            first = gradient.args[0]
            if not isinstance(first, Ref) or first.delay != 0 or first.rows is not None or first.turned:
                return None
            found.add(first.name)
        error = found.pop() if len(found) == 1 else None
        return error if error is not None and same_shape(self.cells[error].shape, self.cells[op.out].shape) else None

    def _gradients(self, stack: Stack) -> None:
        """One product for the gradients of all parameters of a stack, where they are the products that the stack suggests."""
        if not stack.owned:
            return
        errors: list[str] = []
        for k, _ in enumerate(stack.results):
            names = {self._row_error(stack, k, j) for j, _ in enumerate(stack.operands)}
            if len(names) != 1 or None in names:
                return
            errors.append(next(iter(names)) or "")
        array = self._whole(errors, stack.rows)
        if array is None:
            return
        grid = {self.gradients[p]: p for p in stack.grid.values()}
        old = [op for stage in self.result.gradient for op in stage.ops if op.out in grid]
        if any(op.guard.wanted for op in old):
            return
        others = [op for stage in self.result.gradient for op in stage.ops if op.out not in grid]
        if any(ref.name in grid for op in others for ref in op.reads):
            return  # another gradient is made of one of these, which therefore stands by itself
        numbers = tuple(sorted({n for op in old for n in op.numbers}))
        target = f"%d_{stack.name[1:]}"
        self.cells[target] = Cell(target, "stack gradient", stack.shape, ALONE)
        self.result.merged |= dict.fromkeys(grid, target)
        operands = self._operand_array(stack)
        new: list[Op] = []
        if operands is not None:
            new.append(Op(target, "outer_sum", (Ref(array, 0), Ref(operands, 0)), (), numbers))
        else:
            for operand, bounds in zip(stack.operands, stack.columns, strict=True):
                if operand is None:
                    new.append(Op(target, "sum_all", (Ref(array, 0),), ("column", *bounds), numbers))
                else:
                    details = ("columns", *bounds) if len(stack.operands) > 1 else ()
                    new.append(Op(target, "outer_sum", (Ref(array, 0), operand), details, numbers))
        last = max(i for i, stage in enumerate(self.result.gradient) if any(op.out in grid for op in stage.ops))
        stages = [replace(s, ops=tuple(op for op in s.ops if op.out not in grid)) for s in self.result.gradient]
        stages[last] = replace(stages[last], ops=(*new, *stages[last].ops))
        self.result.gradient = stages

    def _row_error(self, stack: Stack, k: int, j: int) -> str | None:
        gradient = self._defining(self.gradients.get(stack.grid[k, j], ""))
        if gradient is None or not gradient.args or not isinstance(gradient.args[0], Ref):
            return None
        first, operand = gradient.args[0], stack.operands[j]
        if first.delay != 0 or first.rows is not None or first.turned:
            return None
        if operand is None:
            return first.name if gradient.function == "sum_all" else None
        return first.name if gradient.function == "outer_sum" and gradient.args[1] == operand else None

    def _whole(self, names: list[str], rows: Sequence[Bounds]) -> str | None:
        """The array in which these vectors lie one after the other, as the rows of a stack do."""
        if len(names) == 1:
            return names[0]
        places = [self.result.places.get(n) for n in names]
        arrays = {p.array for p in places if p is not None and p.shift == 0}
        if None in places or len(arrays) != 1 or any(p is not None and p.rows != b for p, b in zip(places, rows, strict=True)):
            return None
        return arrays.pop()

    def _operand_array(self, stack: Stack) -> str | None:
        for stage in self.result.forward:
            for op in stage.ops:
                if op.function == "affine" and op.args and op.args[0] == Ref(stack.name) and isinstance(op.args[1], Ref):
                    return op.args[1].name if self.cells[op.args[1].name].kind == "slab" else None
        return None

    def _merged_products(self, op: Op) -> Op:
        """Sums of products with parts of one stack, written as one product."""
        if op.function != "affine":
            return op
        count = op.details[0]
        pairs = [(op.args[2 * k], op.args[2 * k + 1]) for k in range(count)]
        rest = op.args[2 * count :]
        parts = [self._as_part(matrix, vector) for matrix, vector in pairs]
        runs: list[tuple[Ref, Operand]] = []
        used: set[int] = set()
        for k, part in enumerate(parts):
            if k in used:
                continue
            if part is None:
                runs.append(pairs[k])  # type: ignore[arg-type]
                continue
            used.add(k)
            matrix, vector = part
            grown = True
            while grown:
                grown = False
                for other, candidate in enumerate(parts):
                    if other in used or candidate is None:
                        continue
                    bigger = _joined(matrix, vector, *candidate)
                    if bigger is not None:
                        matrix, vector = bigger
                        used.add(other)
                        grown = True
            runs.append((self._trimmed(matrix, 0), self._trimmed(vector, 0)))
        args = tuple(a for pair in runs for a in pair)
        return replace(op, args=(*args, *rest), details=(len(runs), *op.details[1:]))

    def _as_part(self, matrix: Operand, vector: Operand) -> tuple[Ref, Ref] | None:
        """A parameter's transpose and the error it multiplies, as parts of a stack and of the errors of its results."""
        if not isinstance(matrix, Ref) or not isinstance(vector, Ref) or not matrix.turned or matrix.rows or vector.rows:
            return None
        for stack in self.result.stacks:
            found = next(((k, j) for (k, j), name in stack.grid.items() if name == matrix.name), None)
            place = self.result.places.get(vector.name)
            if found is None or not stack.owned or place is None or place.shift:
                continue
            k, j = found
            if place.rows != stack.rows[k]:
                continue
            part = Ref(stack.name, None, stack.rows[k], stack.columns[j], True)
            return part, Ref(place.array, vector.delay, place.rows)
        return None

    def _trimmed(self, ref: Ref, axis: int) -> Ref:
        """Bounds that span the whole array are left out."""
        shape = self.cells[ref.name].shape
        rows = None if ref.rows and ref.rows[0] == 0 and same_shape((ref.rows[1],), shape[:1]) else ref.rows
        columns = None if ref.columns and ref.columns[0] == 0 and same_shape((ref.columns[1],), shape[1:2]) else ref.columns
        return replace(ref, rows=rows, columns=columns)

    # ------------------------------------------------------------ the order of the rows

    def _order(self, group: _Group, errors: list[str | None]) -> list[int]:
        """The order of a stack's rows in which most neighbours are treated alike, so that one call does for several."""
        count = len(group.ops)
        treated = [self._treatment(op.out, error) for op, error in zip(group.ops, errors, strict=True)]
        if count > MANY:
            return sorted(range(count), key=lambda k: (str(treated[k]), k))
        return list(max(permutations(range(count)), key=lambda order: _likeness([treated[k] for k in order])))

    def _treatment(self, name: str, error: str | None) -> frozenset:
        """What is done to a result, and how its error is computed."""
        signs: set[tuple] = set()
        for stage in self.result.forward:
            for op in stage.ops:
                if Ref(name, 0) in op.args:
                    signs.add(("read", op.function, tuple(a for a in op.args if a != Ref(name, 0))))
        defining = self._defining(error) if error else None
        if defining is not None:
            signs |= {("error", defining.function, a) for a in defining.args[1:] if isinstance(a, Ref)}
        return frozenset(signs)


def _likeness(rows: list[frozenset]) -> int:
    return sum(len(a & b) for a, b in pairwise(rows))


def _parameters(op: Op) -> list[str]:
    """The parameters of a sum of products in the order of its operands, the bias last."""
    count = op.details[0]
    return [a.name for a in (*op.args[0 : 2 * count : 2], *op.args[2 * count :]) if isinstance(a, Ref)]


def _in_order(op: Op, operands: list[Ref]) -> Op:
    """The same sum with its products in the order of these operands."""
    count = op.details[0]
    pairs = {op.args[2 * k + 1]: op.args[2 * k] for k in range(count)}
    args = tuple(a for operand in operands for a in (pairs[operand], operand))
    return replace(op, args=(*args, *op.args[2 * count :]))


def _joined(matrix: Ref, vector: Ref, other: Ref, next_vector: Ref) -> tuple[Ref, Ref] | None:
    """Two neighbouring parts of a stack as one."""
    same = (matrix.name, matrix.columns, vector.name, vector.delay) == (other.name, other.columns, next_vector.name, next_vector.delay)
    if not same or matrix.rows is None or other.rows is None or vector.rows is None or next_vector.rows is None:
        return None
    if matrix.rows[1] == other.rows[0]:
        return replace(matrix, rows=(matrix.rows[0], other.rows[1])), replace(vector, rows=(vector.rows[0], next_vector.rows[1]))
    if other.rows[1] == matrix.rows[0]:
        return replace(matrix, rows=(other.rows[0], matrix.rows[1])), replace(vector, rows=(next_vector.rows[0], vector.rows[1]))
    return None
