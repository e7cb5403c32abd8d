"""Mutants of the program: what is scheduled, which buffers have slots, what is summed over a batch, how an operator becomes arrays."""

from __future__ import annotations

from mutation.mutant import broken

SMALL = "tests/cells/test_small_systems.py"
ON_PAPER = f"{SMALL}::test_one_statement_per_equation_gives_the_same"  # the passes of -O0, and of errors from outside
SCHEDULED = ("tests/program/test_programs.py", ON_PAPER, "tests/program", SMALL)
LOWERED_SO = ("tests/program/test_programs.py", ON_PAPER, "tests/truth/test_levels.py", "tests/program", "tests/backends")
SCHEDULE, BATCHING, LOWERING = "rnnsym/program/schedule.py", "rnnsym/program/batching.py", "rnnsym/program/lowering.py"

SCHEDULING = broken(
    SCHEDULE,
    SCHEDULED,
    ("schedule: a boundary value is an array of its own", 'if definition.is_boundary:\n        return "slot"', 'if False:\n        return "slot"'),
    ("schedule: what was computed forwards is computed again", "rows = [d for d in component.definitions if d.key not in done]", "rows = [d for d in component.definitions]"),
    ("slots: none for fixed places before the first step", "lag_lead[0] = max(lag_lead[0], 1 - place)", "lag_lead[0] = max(lag_lead[0], -place)"),
    ("slots: none for fixed places after the last step", "lag_lead[1] = max(lag_lead[1], place)", "lag_lead[1] = max(lag_lead[1], place - 1)"),
    ("slots: T - 1 may be 0, forgotten", "lag_lead[0] = max(lag_lead[0], -place)  # T-1 may be 0", "pass"),
    ("ends: what is read ahead counts as zero beyond the end", "ends = {name for name, (_, lead) in slots.items() if lead and name in forward.by_name}", "ends = set()"),
    ("batch: what depends on data has one value per call", "sums or any(q.name in names for q in quantities(definition.rhs))", "sums"),
    ("batch: a sum over time of what has no batch axis", "if settled.get(definition.name, True) and (sums or", "if settled.get(definition.name, True) and (False or"),
    ("targets: only those read directly are needed", "by_name[definition.name] = by_name.get(definition.name, frozenset()) | together", "by_name[definition.name] = by_name.get(definition.name, frozenset())"),
    ("streams: a model that reads ahead is stepped", "if isinstance(read.delay, int) and read.delay > 0:", "if False:"),
    ("streams: one value fewer is carried", "carried = {name: lag for name, (lag, _) in system.extents.items() if lag}", "carried = {name: lag - 1 for name, (lag, _) in system.extents.items() if lag}"),
    ("streams: what reads a target's past counts as late", "past = isinstance(read.delay, int) and read.delay < 0", "past = False"),
    ("requests: what serves one alone is always computed", "kept.append(replace(statement, wanted=frozenset(serves[statement.name])))", "kept.append(statement)"),
)  # fmt: skip

BATCHES = broken(
    BATCHING,
    LOWERED_SO,
    ("batch sum: terms without batch axis are counted as they are", "if not with_batch or with_batch == read:\n        return [term]", "if True:\n        return [term]"),
    ("batch sum: sign of a term lost", 'result = layout.combine("-" if negative else "+", result, value)\n    assert result is not None\n    return result\n\n\ndef _separated', 'result = layout.combine("+", result, value)\n    assert result is not None\n    return result\n\n\ndef _separated'),
    ("batch sum: scalar factors of an outer product lost", "summed = _sum_of_outer(op.Times(*factors, a) if factors else a, b, layout, over_time)", "summed = _sum_of_outer(a, b, layout, over_time)"),
    ("batch sum: outer product of what does not vanish in the padding", "if over_time and not vanishes(layout, op.Outer(a, b)):", "if False:"),
    ("batch sum: what may be no number in the padding is multiplied", 'nodes = [Call("valid", (u.node,)) if guarded else u.node for', "nodes = [u.node for"),
    ("batch sum: in the padding neither operand is zero", "unsure[running.index(True)] = True", "pass"),
    ("batch sum: scatter without transposing", "return value and replace(value, node=Transpose(value.node, plain=True))", "return value"),
    ("batch sum: not over time", "value = over_steps(layout, body) if over_time else layout.lower(body)", "value = layout.lower(body)"),
    ("a new array where the value is another's", "return not value.weak and not isinstance(value.node, (Load, LoadAt, Part, Real, Transpose))", "return True"),
)  # fmt: skip

LOWERED = broken(
    LOWERING,
    LOWERED_SO,
    ("lowering: a scalar is not spread over a vector", "if self.rank == 0 and rank > 0 and self.axes > ALONE:", "if False:"),
    ("lowering: T and absolute steps exchanged", "from_end = node.time.has(T)", "from_end = not node.time.has(T)"),
    ("lowering: matrix not transposed for x @ W.T", "return Value(Binary(\"@\", vector.node, matrix.node if turned else Transpose(matrix.node, plain=True)), axes, 1)", "return Value(Binary(\"@\", vector.node, Transpose(matrix.node, plain=True) if turned else matrix.node), axes, 1)"),
    ("lowering: a token's column of the transposed table", "table = Transpose(matrix.node, plain=True) if turned else matrix.node", "table = matrix.node"),
    ("lowering: diag on the left scales columns", "column = replace(v, node=Expand(v.node, 1), rank=2) if b.rank == 2 else v", "column = replace(v, rank=2) if b.rank == 2 else v"),
    ("lowering: (p qᵀ) b as q (p · b)", "return layout.lower(op.Times(a.args[0], op.Dot(a.args[1], b)))", "return layout.lower(op.Times(a.args[1], op.Dot(a.args[0], b)))"),
    ("lowering: vector times matrix for matrix times vector", 'function, first, second = ("vecmat", vector, matrix) if turned else ("matvec", matrix, vector)', 'function, first, second = ("matvec", matrix, vector) if turned else ("matvec", matrix, vector)'),
    ("lowering: sum of a matrix over one axis", "(-1,) if rank == 1 else (-2, -1)), value.axes, 0)", "(-1,)), value.axes, 0)"),
    ("lowering: first step for last", "mark = TimeMark(not node.mark.has(T), delay, layout.running)", "mark = TimeMark(node.mark.has(T), delay, layout.running)"),
    ("lowering: a shifted mark is not shifted", "delay = int(node.time.as_coeff_Add()[0])", "delay = 0"),
    ("lowering: comparisons see the imaginary part", "left, right = (_real(layout.lower(a)) for a in node.args[1:])", "left, right = (layout.lower(a) for a in node.args[1:])"),
    ("lowering: what does not vanish in the padding is summed with it", 'return replace(value, node=Call("valid", (value.node,)))', "return value"),
    ("lowering: a token vanishes in the padding", 'return body.offset == 0 and body.kind != "token" and not layout.buffers[body.name].ends', "return body.offset == 0 and not layout.buffers[body.name].ends", "in the padding a token is class -1, the zero vector: it vanishes, and what is selected once more stays zero"),
    ("lowering: a shifted value vanishes in the padding", 'return body.offset == 0 and body.kind != "token" and not', 'return body.kind != "token" and not'),
    ("lowering: 1 - s of sigmoid(u)", "return layout.call(\"sigmoid\", replace(u, node=Unary(\"-\", u.node)))", "return layout.call(\"sigmoid\", u)"),
    ("lowering: a settled comparison takes the other arm", "arm = node.args[1] if settled else node.args[2]", "arm = node.args[2] if settled else node.args[1]"),
    ("lowering: what may complain is computed loudly", 'Call("choose" if quiet else "where", nodes)', 'Call("where", nodes)'),
)  # fmt: skip

MUTANTS = [*SCHEDULING, *BATCHES, *LOWERED]
