"""Mutants of the columns: how a tensor expression becomes array operations, features by batch."""

from __future__ import annotations

from mutation.mutant import broken

COLUMNS = "rnnsym/program/columns.py"
ROOMS = ("tests/program/test_columns.py", "tests/cells/test_small_systems.py", "tests/program")

ARITHMETIC = broken(
    COLUMNS,
    ROOMS,
    ("columns: a transpose has the shape of its matrix", "return shape[::-1] if operand.turned else shape", "return shape"),
    ("columns: what the loop computes does not count as varying", "            self.varying.add(name)\n        self.ops.append", "            pass\n        self.ops.append"),
    ("columns: subtracted terms are added", 'result = self.emit("subtract" if negative else "add", result, operand)', 'result = self.emit("add", result, operand)'),
    ("columns: sign of the first term", "        if negative:\n            result = self.negative(result)\n", ""),
    ("columns: sign of a number", "return Amount(-operand.value) if", "return Amount(operand.value) if"),
    ("columns: terms that vary are not last", "parts.sort(key=lambda part: (columns.level(part[1]), 0 if columns.rank(part[1]) else -1))", "pass"),
    ("columns: factors that vary are not last", "factors.sort(key=lambda u: (columns.level(u), columns.rank(u)))", "pass"),
    ("columns: products the loop needs together with those it does not", "group = [u for u in turned if _varies(columns, u) == wanted]", "group = [u for u in turned if wanted]"),
    ("columns: the bias is added apart", "and straight and _is_bias(columns, u)), None)", "and False), None)"),
    ("columns: the bias is lost", "    if bias is not None:\n        args.append(columns.lower(bias))\n", ""),
    ("columns: the bias in every sum", "bias if group is straight else None", "bias"),
    ("columns: errors go through the matrix itself", "args += [replace(matrix, turned=turned), columns.lower(b)]", "args += [matrix, columns.lower(b)]"),
    ("columns: quotient turned", "above, below = columns.all(node.args)", "below, above = columns.all(node.args)"),
    ("columns: every literal power is a square", "and exponent.value == 2 and isinstance(base, Ref):", "and isinstance(base, Ref):"),
    ("columns: s for 1 - s", 'return columns.emit("complement", columns.lower(node.args[1]))', 'return columns.lower(node.args[0])'),
    ("columns: stop_gradient lets imaginary parts through", 'return value if isinstance(value, Amount) else columns.emit("real", value)', "return value"),
    ("columns: a sum keeps the place of what it was in the last statement", "        self.memo.clear()\n\n\n# ---", "        pass\n\n\n# ---"),
    ("columns: an equation takes over a value of another shape", "            and len(self.cells[last.out].shape) == len(cell.shape)\n", ""),
    ("columns: an equation takes over a value of other axes", "            and self.cells[last.out].axes == axes\n", ""),
    ("columns: a named value loses its name to the next equation", '            and self.cells[last.out].kind == "part"\n', ""),
    ("columns: values outside 1 … T take over what reads all steps", "            and not (place and last.function in GATHERING)\n", ""),
    ("columns: a number times what is given as class numbers", "if not isinstance(product, op.Times) or len(product.args) != 2 or product.args[1] != op.SumEntries(y):", "if not isinstance(product, op.Times) or len(product.args) != 2:"),
    ("columns: p Σy - y forms the vector y", "    if excess is not None:\n        return excess\n", ""),
    ("columns: tokens are vectors to multiply", 'if isinstance(b, Quantity) and b.kind == "token":\n        return False', "pass"),
    ("columns: a matrix state is a parameter", "if not isinstance(inner, Quantity) or inner.time is not None or columns.cells[inner.name].axes != ALONE:", "if not isinstance(inner, Quantity):"),
)  # fmt: skip

TIMES = broken(
    COLUMNS,
    ROOMS,
    ("columns: [T] as an absolute step", "from_end = node.time.has(T)", "from_end = not node.time.has(T)"),
    ("columns: [T-1] as [T]", "details=(step,),\n        entries=entries,", "details=(0 if from_end else step,),\n        entries=entries,"),
    ("columns: a value before the first step as one of the steps", '"at_end" if from_end else "at_step" if inside else "before"', '"at_end" if from_end else "at_step"'),
    ("columns: the first step for the last", 'name = "at_last" if node.mark.has(T) else "at_first"', 'name = "at_first" if node.mark.has(T) else "at_last"'),
    ("columns: a shifted mark is not shifted", "delay = int(node.time.as_coeff_Add()[0])", "delay = 0"),
    ("columns: a number counts once in a sum over time", 'value = columns.emit("every_step", value, axes=PER_STEP, shape=columns.shape(value))', "return value"),
    ("columns: padding is summed", 'return columns.emit("valid", value)\n', "return value\n"),
    ("columns: all is cleared in the padding", "    elif vanishes(columns, body):\n        return value\n", ""),
    ("columns: a shifted value vanishes in the padding", 'return body.offset == 0 and body.kind != "token" and not', 'return body.kind != "token" and not'),
    ("columns: a token vanishes in the padding", 'return body.offset == 0 and body.kind != "token" and not', "return body.offset == 0 and not"),
    ("columns: values beyond the end vanish in the padding", 'and body.kind != "token" and not columns.cells[body.name].ends', 'and body.kind != "token"'),
    ("columns: a sum vanishes with one of its terms", "return all(vanishes(columns, a) for a in body.args)", "return any(vanishes(columns, a) for a in body.args)"),
    ("columns: joined vectors vanish with one of them", "return all(vanishes(columns, a) or op.is_zero(a) for a in body.args)", "return any(vanishes(columns, a) or op.is_zero(a) for a in body.args)"),
    ("columns: whatever is beside a zero vanishes", "return all(map(_is_plain, arguments)) and any(", "return any("),
    ("columns: infinity times zero vanishes", "return bool(node.value.is_finite)", "return True"),
)  # fmt: skip

SHAPES = broken(
    COLUMNS,
    ROOMS,
    ("columns: arms exchanged", 'return columns.emit("where", condition, u, v)', 'return columns.emit("where", condition, v, u)'),
    ("columns: a settled comparison takes the other arm", "arm = node.args[1] if settled else node.args[2]\n        return columns", "arm = node.args[2] if settled else node.args[1]\n        return columns"),
    ("columns: a settled scalar does not fill its vector", "op.Times(arm, op.Ones(*node.shape)) if node.shape and not arm.shape else arm", "arm"),
    ("columns: what is not taken complains", "for index in range(start, len(columns.ops)) if loud or _is_guard(node.args[0]) else ():", "for index in ():"),
    ("columns: a guard against zero complains", "if loud or _is_guard(node.args[0]) else ()", "if loud else ()"),
    ("columns: two numbers decide the precision", "        u = _as_array(columns, u)  # two Python numbers", "        pass  # two Python numbers"),
    ("columns: diag on the left scales columns", 'else columns.emit("scale_rows", v, right, shape=node.shape)', 'else columns.emit("scale_columns", v, right, shape=node.shape)'),
    ("columns: diag on the right scales rows", 'return columns.emit("scale_columns", left, v, shape=node.shape)', 'return columns.emit("scale_rows", v, left, shape=node.shape)'),
    ("columns: (p qᵀ) b as q (p · b)", "return columns.lower(op.Times(a.args[0], op.Dot(a.args[1], b)))", "return columns.lower(op.Times(a.args[1], op.Dot(a.args[0], b)))"),
    ("columns: matrix times vector with the wrong transpose", "matrix = replace(matrix, turned=matrix.turned != turned)", "matrix = replace(matrix, turned=turned)"),
    ("columns: a matrix state times a vector with the wrong transpose", "matrix = replace(matrix, turned=matrix.turned != turned)", "pass"),
    ("columns: a transpose is forgotten", "return replace(value, turned=not value.turned)\n\n\n@lowering(op.MatrixProduct)", "return value\n\n\n@lowering(op.MatrixProduct)"),
    ("columns: tokens are one-hot vectors", 'if isinstance(b, Quantity) and b.kind == "token" and columns.axes(matrix) == ALONE:', "if False:"),
    ("columns: a slice of a slice counts from the beginning", "before = sympy.Integer(0) if value.rows is None else value.rows[0]", "before = sympy.Integer(0)"),
    ("columns: roll the other way", "details=(int(node.args[1]),))", "details=(-int(node.args[1]),))"),
    ("columns: mean is a sum", 'return columns.emit("mean", columns', 'return columns.emit("sum", columns'),
    ("columns: losses of vectors are not summed", 'return columns.emit("sum", terms, shape=()) if columns.rank(terms) else terms', "return terms"),
    ("columns: a loss of numbers decides the precision", "*(_as_array(columns, a) for a in columns.all(node.args))", "*columns.all(node.args)"),
    ("columns: class numbers become vectors for the loss", "given = leaf(columns, y) if isinstance(y, Quantity) and y.name in columns.classes else", "given ="),
)  # fmt: skip

BATCHES = broken(
    COLUMNS,
    ROOMS,
    ("columns: batch sum: sign of a term lost", "parts += [(minus, _sum_of_all(columns, body, over_time)) for", "parts += [(False, _sum_of_all(columns, body, over_time)) for"),
    ("columns: batch sum: sign of a sum over time lost", "bodies = [(negative != isinstance(b, op.Negate), b.args[0]", "bodies = [(isinstance(b, op.Negate), b.args[0]"),
    ("columns: batch sum: sign inside a sum over time lost", "bodies = [(negative != isinstance(b, op.Negate), b.args[0]", "bodies = [(negative, b.args[0]"),
    ("columns: batch sum: terms without batch axis are counted as they are", "if not with_batch or with_batch == read:\n        return [term]", "if True:\n        return [term]"),
    ("columns: batch sum: scalar factors of an outer product lost", "summed = _sum_of_outer(columns, op.Times(*factors, a) if factors else a, b, over_time)", "summed = _sum_of_outer(columns, a, b, over_time)"),
    ("columns: batch sum: outer products one by one", "if len(products) == 1 and isinstance(products[0], op.Outer):", "if False:"),
    ("columns: batch sum: outer product of what does not vanish in the padding", "if over_time and not vanishes(columns, op.Outer(a, b)):", "if False:"),
    ("columns: batch sum: what may be no number in the padding is multiplied", 'columns.emit("valid", u) if guarded else u for', "u for"),
    ("columns: batch sum: in the padding neither operand is zero", "unsure[running.index(True)] = True", "pass"),
    ("columns: batch sum: scatter without transposing", "return replace(found, turned=not found.turned) if isinstance(found, Ref) else None", "return found"),
    ("columns: batch sum: a number for each sequence counts once", "each = any(isinstance(q, Quantity) and q.name in columns.seeds for q in sympy.preorder_traversal(body))", "each = False"),
    ("columns: batch sum: what has no batch axis is counted for each sequence", "each = any(isinstance(q, Quantity) and q.name in columns.seeds for q in sympy.preorder_traversal(body))", "each = True"),
    ("columns: batch sum: not over time", "value = over_steps(columns, body) if over_time else columns.lower(body)", "value = columns.lower(body)"),
    ("columns: batch sum: a token per step with an error per sequence", "if axes == ALONE or (tokens[1] and mixed):", "if axes == ALONE:"),
)  # fmt: skip

MUTANTS = [*ARITHMETIC, *TIMES, *SHAPES, *BATCHES]
