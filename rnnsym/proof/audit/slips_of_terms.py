"""Slips within one equation: a term or a path dropped, a factor missing, a sign, a factor 2, a transpose."""

from __future__ import annotations

from collections.abc import Iterator

from rnnsym.algebra import operators as op
from rnnsym.algebra.tensor import Number, Quantity, Tensor, as_tensor, quantities, shift, t
from rnnsym.proof.audit.sheet import Change, Edit, spread
from rnnsym.proof.audit.slips import Path, Rows, Slip, from_another_step, is_square, places, terms

HALF = Number(as_tensor(0.5).value)


def dropped_paths(rows: Rows) -> Iterator[Slip]:
    """The paths through time of one error, and of all errors: what a loop forgets to hand on, or to set back."""
    every: list[Edit] = []
    shown: list[tuple[str, str]] = []
    for row, value in rows:
        found = [(path, term) for path, term in terms(value) if from_another_step(rows, term)]
        if not found or row not in rows.errors or row in rows.sheet.messages:
            continue
        edits = tuple(Edit(row, path, _none) for path, _ in found)
        parts = tuple((row, rows.tell.part(row, term)) for _, term in found)
        every += edits
        shown += parts
        where = rows.tell.name(row)
        if len(found) > 1:
            sentence = f"everything that `{where}` receives from another step is dropped"
            yield Slip("path through time dropped", sentence, 0, row, parts, edits)
        yield from _never_reset(rows, row, value, parts)
    if len({edit.row for edit in every}) > 1:
        sentence = "no error is handed from one step to another: every term that comes from another step is dropped"
        yield Slip("all paths through time dropped", sentence, 0, "", tuple(shown), tuple(every))


def _never_reset(rows: Rows, row: str, value: Tensor, parts: tuple[tuple[str, str], ...]) -> Iterator[Slip]:
    """A carried error that is added to at every step and never set back: e[t] = local[t] + carried[t+1] + (e[t+1] - local[t+1])."""
    local = [term for _, term in terms(value) if not from_another_step(rows, term)]
    after = [int(q.offset or 0) for _, term in terms(value) for q in quantities(term) if q.name in rows.own]
    ahead = 1 if max(after, default=0) > 0 else -1
    own = Quantity(row, value.shape, t + ahead)
    carried = op.Plus(own, *(op.Negate(shift(term, ahead)) for term in local))
    sentence = f"what `{rows.tell.name(row)}` receives from another step is added up over the steps and never set back"
    yield Slip("carried error never set back", sentence, 3, row, parts, (Edit(row, (), lambda u: op.Plus(u, carried)),))


def paths_left_out_of_one_gradient(rows: Rows) -> Iterator[Slip]:
    """One parameter's gradient is formed of what each step's own loss hands back, as if nothing came from other steps."""
    for row, value in rows:
        if row not in rows.gradient_of:
            continue
        for path, node in places(value):
            if isinstance(node, Quantity) and node.name in rows.sheet.rows and node.offset == 0:
                own = _of_own_step(rows, rows.sheet.rows[node.name])
                if own != rows.sheet.rows[node.name] and not op.is_zero(own):
                    words = "{row} takes {part} of each step's own loss alone: what other steps hand back is left out of it"
                    yield rows.slip("path through time dropped", 3, row, path, node, _always(own), words)


def _of_own_step(rows: Rows, value: Tensor, depth: int = 8) -> Tensor:
    """The right side of an error without what comes from other steps, also inside the errors of its own step that it reads."""
    kept = [term for _, term in terms(value) if not from_another_step(rows, term)]
    if not kept or not depth:
        return op.zeros(value.shape)
    whole = op.Plus(*kept)
    inner = {q for q in quantities(whole) if q.name in rows.sheet.rows and q.offset == 0}
    return whole.xreplace({q: _of_own_step(rows, rows.sheet.rows[q.name], depth - 1) for q in inner})


def dropped_terms(rows: Rows) -> Iterator[Slip]:
    """One term of a sum, or all of an equation."""
    for row, value in rows:
        for path, node in places(value):
            if isinstance(node, op.Plus):
                for index, term in enumerate(node.args):
                    kind = "path through time dropped" if from_another_step(rows, term) else "term dropped"
                    rank = 1 if rows.has_error(term) else 2  # inside a factor: it is more likely that the whole factor is missing
                    yield rows.slip(kind, rank, row, (*path, index), term, _none, "the term {part} in {row} is dropped")
        if from_another_step(rows, value) and not isinstance(value, op.Plus):
            yield rows.slip("path through time dropped", 1, row, (), value, _zero, "the term {part} in {row} is dropped")
        if row not in rows.sheet.messages:
            yield rows.slip("left zero", 2, row, (), value, _zero, "{row} is left zero")


def missing_factors(rows: Rows) -> Iterator[Slip]:
    """One factor of a product, all that an error is multiplied with, a divisor, a matrix in front of an error."""
    for row, value in rows:
        for path, node in places(value):
            if isinstance(node, op.Times):
                yield from _missing_of_product(rows, row, path, node)
            if isinstance(node, op.Quotient):
                words = f"the division by `{rows.tell.part(row, node.args[1])}` in {{row}} is missing"
                yield rows.slip("divisor missing", 3, row, path, node, lambda u: spread(u.args[0], u), words)
            if isinstance(node, Quantity):
                yield from _missing_of_operand(rows, row, path, node)
            if isinstance(node, op.MatrixProduct) and is_square(node.args[0]):
                words = f"the matrix `{rows.tell.part(row, node.args[0])}` in {{part}} in {{row}} is missing"
                yield rows.slip("matrix missing", 4, row, path, node, lambda u: u.args[1], words)


def _missing_of_product(rows: Rows, row: str, path: Path, node: op.Times) -> Iterator[Slip]:
    free = [(i, f) for i, f in enumerate(node.args) if not rows.has_error(f)]
    function = activation_before(rows, row)
    if len(free) > 1 and len(free) < len(node.args):
        edits = tuple(Edit(row, (*path, i), _none) for i, _ in free)
        parts = tuple((row, rows.tell.part(row, f)) for _, f in free)
        texts = rows.tell.part(row, op.Times(*(f for _, f in free)))
        what = f"the derivative of {function}, `{texts}`," if function else f"the factor `{texts}`"
        kind = "activation derivative missing" if function else "factor missing"
        yield Slip(kind, f"{what} in `{rows.tell.name(row)}` is missing", 1, row, parts, edits)
    for index, factor in free:
        alone = function and len(free) == 1
        words = f"the derivative of {function}, {{part}}, in {{row}} is missing" if alone else "the factor {part} in {row} is missing"
        kind = "activation derivative missing" if alone else "factor missing"
        yield rows.slip(kind, 1 if alone else 3, row, (*path, index), factor, _none, words)
        words = "the factor {part} in {row} is applied twice"
        yield rows.slip("factor applied twice", 4, row, (*path, index), factor, lambda u: op.Times(u, u), words)


def _missing_of_operand(rows: Rows, row: str, path: Path, node: Quantity) -> Iterator[Slip]:
    """A factor of a product that has a name only because a matrix acts on it: r[t] of r[t] * h[t-1]."""
    derivation = rows.sheet.derivation
    defined = derivation.prepared.defined.get(node.name)
    if defined is None or node.name in derivation.model.by_name or node.offset is None or not isinstance(defined.rhs, op.Times):
        return
    product = defined.rhs.xreplace({t: node.time})
    for index, factor in enumerate(product.args):
        rest = spread(op.Times(*(f for i, f in enumerate(product.args) if i != index)), product)
        whole, missing = rows.tell.part(row, product), rows.tell.part(row, factor)
        words = f"the factor `{missing}` of {{part}} = `{whole}` in {{row}} is missing"
        yield rows.slip("factor missing", 3, row, path, node, _always(rest), words)


def activation_before(rows: Rows, row: str) -> str:
    """The elementwise function through which the variable of this error acts, "" where it acts otherwise too."""
    key = rows.origin.get(rows.tell.home(row)[0], "")
    readers = [definition for definition, _ in rows.sheet.derivation.prepared.readers.get(key, ())]
    if len(readers) != 1 or not isinstance(readers[0].rhs, op.Elementwise) or len(readers[0].rhs.arguments) != 1:
        return ""
    return readers[0].rhs.function


def wrong_signs(rows: Rows) -> Iterator[Slip]:
    """A term, or a whole equation, with the other sign."""
    for row, value in rows:
        for path, node in places(value):
            if isinstance(node, op.Plus):
                for index, term in enumerate(node.args):
                    yield rows.slip("sign", 2, row, (*path, index), term, op.Negate, "the sign of {part} in {row} is reversed")
        yield rows.slip("sign", 2, row, (), value, op.Negate, "the sign of all of {row} is reversed")


def wrong_factors(rows: Rows) -> Iterator[Slip]:
    """Twice or half of an equation or a term; a square forgotten."""
    for row, value in rows:
        yield rows.slip("factor 2", 3, row, (), value, _twice, "{row} is taken twice")
        yield rows.slip("factor 1/2", 3, row, (), value, lambda u: op.Times(HALF, u), "{row} is halved")
        for path, node in places(value):
            if isinstance(node, op.Plus) and rows.has_error(node):
                for index, term in enumerate(node.args):
                    yield rows.slip("term counted twice", 4, row, (*path, index), term, _twice, "the term {part} in {row} is counted twice")
            if isinstance(node, op.Raise):
                words = "the power {part} in {row} is forgotten"
                yield rows.slip("power forgotten", 2, row, path, node, lambda u: spread(u.args[0], u), words)


def transposes(rows: Rows) -> Iterator[Slip]:
    """A square matrix transposed, or not; the two sides of an outer product exchanged."""
    for row, value in rows:
        for path, node in places(value):
            if isinstance(node, op.MatrixProduct) and is_square(node.args[0]):
                matrix = node.args[0]
                yield rows.put("transpose", 1, row, (*path, 0), matrix, op.Transposed(matrix))
            if isinstance(node, op.Outer) and is_square(node):
                yield rows.put("transpose", 1, row, path, node, op.Outer(*reversed(node.args)))
        if is_square(value) and row in rows.gradient_of:
            yield rows.slip("transpose", 1, row, (), value, op.Transposed, "{row} is transposed")


def wrong_reductions(rows: Rows) -> Iterator[Slip]:
    """Sum for mean and mean for sum of entries; a vector's gradient summed over its entries, that is over the wrong axis."""
    for row, value in rows:
        for path, node in places(value):
            if isinstance(node, op.SumEntries):
                yield rows.put("mean for sum", 3, row, path, node, op.MeanEntries(*node.args))
            if isinstance(node, op.MeanEntries):
                yield rows.put("sum for mean", 3, row, path, node, op.SumEntries(*node.args))
        if row in rows.gradient_of and value.rank == 1:
            words = "{row} is summed over its entries, that is over the wrong axis"
            yield rows.slip("wrong axis", 2, row, (), value, lambda u: spread(op.SumEntries(u), u), words)
            words = "{row} is averaged over its entries, that is over the wrong axis"
            yield rows.slip("wrong axis", 3, row, (), value, lambda u: spread(op.MeanEntries(u), u), words)


def _always(new: Tensor) -> Change:
    return lambda _: new


def _none(_: Tensor) -> None:
    return None


def _zero(part: Tensor) -> Tensor:
    return op.zeros(part.shape)


def _twice(part: Tensor) -> Tensor:
    return op.Times(Number(2), part)


FAMILIES = (
    dropped_paths, paths_left_out_of_one_gradient, dropped_terms, missing_factors, wrong_signs, wrong_factors, transposes, wrong_reductions,
)  # fmt: skip
