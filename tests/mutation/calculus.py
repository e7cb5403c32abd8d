"""Mutants of the calculus: every pullback rule, pushforwards, slopes, stable forms, the adjoint with its shifts and boundaries, naming."""

from __future__ import annotations

from mutation.mutant import Mutant, broken

RULES = (
    "tests/calculus/test_rules.py",
    "tests/calculus/test_adjoint.py",
    "tests/cells/test_extreme_values.py",
    "tests/proof/test_rule_proofs.py",
)
ASSEMBLY = ("tests/calculus/test_adjoint.py", "tests/proof/test_finite_field.py", "tests/cells/test_small_systems.py")
STABLE = ("tests/calculus/test_stable.py", "tests/cells/test_extreme_values.py")

PULLBACK, PUSHFORWARD = "rnnsym/calculus/pullback.py", "rnnsym/calculus/pushforward.py"
SLOPES, FORMS, ADJOINT = "rnnsym/calculus/elementwise.py", "rnnsym/calculus/stable.py", "rnnsym/calculus/adjoint.py"
NAMING, TANGENT = "rnnsym/calculus/naming.py", "rnnsym/calculus/tangent.py"


PULLBACKS = broken(
    PULLBACK,
    RULES,
    ("sum: broadcast error not reduced", "return [reduce_to(term.shape, g) for term in node.args]", "return [g for term in node.args]"),
    (
        "negation: sign lost",
        '"""∂(-u) changes the sign of the error."""\n    return [op.Negate(g)]',
        '"""∂(-u) changes the sign of the error."""\n    return [g]',
    ),
    (
        "product: own factor for the others",
        "others = op.Times(*node.args[:index], *node.args[index + 1 :])",
        "others = op.Times(*node.args[: index + 1], *node.args[index + 2 :])",
    ),
    ("product: error of a scalar factor not summed", "out.append(reduce_to(factor.shape, scale(g, others)))", "out.append(scale(g, others))"),
    ("quotient: sign of the divisor's error", "reduce_to(v.shape, op.Negate(divide(scale(g, node), v)))]", "reduce_to(v.shape, divide(scale(g, node), v))]"),
    ("quotient: dividend's error not divided", "return [reduce_to(u.shape, divide(g, v)), ", "return [reduce_to(u.shape, g), "),
    ("power: exponent not lowered", "base = scale(scale(g, k), op.Raise(u, one_less(k)))", "base = scale(scale(g, k), op.Raise(u, k))"),
    ("power: factor k lost", "base = scale(scale(g, k), op.Raise(u, one_less(k)))", "base = scale(g, op.Raise(u, one_less(k)))"),
    ("power: log u lost", 'exponent = where_nonzero(u, scale(scale(g, node), op.apply("log", u)))', "exponent = where_nonzero(u, scale(g, node))"),
    (
        "complement: sign lost",
        '"""∂(1 - s) changes the sign of the error."""\n    return [op.Negate(g), None]',
        '"""∂(1 - s) changes the sign of the error."""\n    return [g, None]',
    ),
    ("branch: arms exchanged", "taken, other = op.Branch(condition, g, Number(0)), op.Branch", "other, taken = op.Branch(condition, g, Number(0)), op.Branch"),
    ("matrix product: outer product turned", "for_a = op.Outer(g, x) if x.rank == 1", "for_a = op.Outer(x, g) if x.rank == 1"),
    ("matrix product: right matrix not transposed", "else op.MatrixProduct(g, op.Transposed(x))", "else op.MatrixProduct(g, x)"),
    ("matrix product: left matrix not transposed", "return [for_a, op.MatrixProduct(op.Transposed(a), g)]", "return [for_a, op.MatrixProduct(a, g)]"),
    ("transpose: error not transposed", "return [op.Transposed(g)]", "return [g]"),
    ("outer: error not transposed for b", "return [op.MatrixProduct(g, b), op.MatrixProduct(op.Transposed(g), a)]", "return [op.MatrixProduct(g, b), op.MatrixProduct(g, a)]"),
    ("dot: arguments exchanged", "return [op.Times(g, b), op.Times(g, a)]", "return [op.Times(g, a), op.Times(g, b)]"),
    ("diag: whole rows for the diagonal", "return [diagonal_part(g)]", "return [row_sums(g)]"),
    ("sum of entries: mean", "return [op.Times(g, op.Ones(*u.shape))]", "return [op.Times(op.Quotient(g, entries(u.shape)), op.Ones(*u.shape))]"),
    ("mean: sum", "return [op.Times(op.Quotient(g, entries(u.shape)), op.Ones(*u.shape))]", "return [op.Times(g, op.Ones(*u.shape))]"),
    ("norm: not divided", "op.Times(op.Quotient(g, node), u), Number(0))]", "op.Times(g, u), Number(0))]"),
    ("concat: every part from the start", "        out.append(piece if part.shape else op.SumEntries(piece))\n        start = stop", "        out.append(piece if part.shape else op.SumEntries(piece))\n        start = start"),
    ("slice: zeros on the other side", "return [op.Concat(*padding[0], g, *padding[1]), None, None]", "return [op.Concat(*padding[1], g, *padding[0]), None, None]"),
    ("roll: rolled on instead of back", "return [op.Roll(g, -node.args[1]), None]", "return [op.Roll(g, node.args[1]), None]"),
    ("softmax: the mean of the error not taken off", "return [op.Times(node, op.Plus(g, op.Negate(op.Dot(g, node))))]", "return [op.Times(node, g)]"),
    ("log softmax: the sum of the error not taken off", "return [op.Plus(g, op.Negate(op.Times(op.scalar_sum(g), op.Softmax(*node.args))))]", "return [op.Plus(g, op.Negate(op.Softmax(*node.args)))]"),
    ("logsumexp: softmax lost", "return [op.Times(g, op.Softmax(*node.args))]", "return [op.Times(g, op.Ones(*node.args[0].shape))]"),
    ("stop_gradient: gradient passes", '"""stop_gradient(u) passes nothing on."""\n    return [None]', '"""stop_gradient(u) passes nothing on."""\n    return [g]'),
    ("cross-entropy: sign", "for_p = where_nonzero(spread(y, p), op.Negate(scale(divide(g, p), y)))", "for_p = where_nonzero(spread(y, p), scale(divide(g, p), y))"),
    ("cross-entropy: 0 log 0 not guarded", "for_p = where_nonzero(spread(y, p), op.Negate(scale(divide(g, p), y)))", "for_p = op.Negate(scale(divide(g, p), y))"),
    ("binary cross-entropy: second half lost", "return [reduce_to(y.shape, for_y), reduce_to(p.shape, op.Plus(on, off))]", "return [reduce_to(y.shape, for_y), reduce_to(p.shape, on)]"),
    ("squared error: factor 2 lost", "slope = op.Times(g, Number(2), op.Plus(v, op.Negate(y)))", "slope = op.Times(g, op.Plus(v, op.Negate(y)))"),
    ("softmax cross-entropy: Σy lost", "for_z = op.Times(g, op.Plus(op.Times(op.Softmax(z), op.scalar_sum(y_full)), op.Negate(y_full)))", "for_z = op.Times(g, op.Plus(op.Softmax(z), op.Negate(y_full)))"),
    ("sigmoid cross-entropy: argument's sign", 'for_z = op.Negate(op.Times(g, y, op.apply("sigmoid", -z)))', 'for_z = op.Negate(op.Times(g, y, op.apply("sigmoid", z)))'),
    ("sigmoid binary cross-entropy: target lost", 'for_z = op.Times(g, op.Plus(op.apply("sigmoid", z), op.Negate(y)))', 'for_z = op.Times(g, op.apply("sigmoid", z))'),
    ("total: error of a sum over time lost", '"""∂Σ_t u[t] gives the error to every step."""\n    return [g]', '"""∂Σ_t u[t] gives the error to every step."""\n    return [op.Negate(g)]'),
    ("scalar argument: one entry for the sum", "return op.scalar_sum(cotangent)\n    return cotangent if cotangent.shape", "return cotangent\n    return cotangent if cotangent.shape"),
    ("conditional over scalars: arms exchanged", "(u, lambda out: op.Branch(condition, out, zero)), (v, lambda out", "(v, lambda out: op.Branch(condition, out, zero)), (u, lambda out"),
    ("sum over time: cotangent not marked as summed", "yield dataclasses.replace(inner, summed=True)", "yield inner"),
    ("branch over entries: what is not taken may fail", "guarded = _where_taken(node, g, cotangent) if masked else cotangent", "guarded = cotangent"),
)  # fmt: skip

PUSHFORWARDS = broken(
    PUSHFORWARD,
    RULES,
    ("tangent of a product: first factor alone", "    for index, tangent in enumerate(tangents):\n        if tangent is not None:\n            terms.append", "    for index, tangent in enumerate(tangents[:1]):\n        if tangent is not None:\n            terms.append"),
    ("tangent of a quotient: sign", "[op.Negate(divide(scale(dv, node), v))]", "[divide(scale(dv, node), v)]"),
    ("tangent of a power: factor k lost", "terms = [] if du is None else [scale(scale(du, k), op.Raise(u, one_less(k)))]", "terms = [] if du is None else [scale(du, op.Raise(u, one_less(k)))]"),
    ("tangent of a complement: sign", "return op.Negate(tangents[0]) if tangents[0] is not None", "return tangents[0] if tangents[0] is not None"),
    ("tangent of a norm: not divided", "op.Quotient(inner, node), Number(0))", "inner, Number(0))"),
    ("tangent of a softmax: mean not taken off", "return op.Times(node, op.Plus(dz, op.Negate(op.Dot(node, dz))))", "return op.Times(node, dz)"),
    ("tangent of a squared error: y's sign", "lambda: op.Times(Number(2), y - v)", "lambda: op.Times(Number(2), v - y)"),
    ("tangent of a concat: what is still left out", "filled = [op.zeros(part.shape) if d is None else d", "filled = [part if d is None else d"),
)  # fmt: skip

SLOPES_AND_FORMS = [
    Mutant("tie of max: all to one side", SLOPES, "half = Number(Rational(1, 2))", "half = Number(Rational(1, 1))", ("tests/cells/test_kinks.py", *RULES)),
    Mutant("clip: open interval", SLOPES, 'below, above = op.Compare("<", a, low), op.Compare(">", a, high)', 'below, above = op.Compare("<=", a, low), op.Compare(">=", a, high)', ("tests/cells/test_kinks.py", *RULES)),
    Mutant("mod: slope of the divisor", SLOPES, "return Number(1), op.Negate(op.Quotient(op.Plus(a, op.Negate(node)), m))", "return Number(1), op.Quotient(op.Plus(a, op.Negate(node)), m)", RULES),
    Mutant("relu: slope one at zero", SLOPES, '"relu": Piecewise((u, u > 0), (0, True)),', '"relu": Piecewise((u, u >= 0), (0, True)),', ("tests/cells/test_kinks.py", *RULES)),
    Mutant("elu: slope through a wrong value", SLOPES, "return F + constant if constant.is_number else value", "return F - constant if constant.is_number else value", RULES),
    Mutant("stable log softmax: plain softmax", FORMS, "return None if z is None else op.LogSoftmax(z)", "return None if z is None else op.Softmax(z)", STABLE),
    Mutant("stable log sigmoid: sign inside", FORMS, 'return None if u is None else op.Negate(op.apply("softplus", op.Negate(u)))', 'return None if u is None else op.Negate(op.apply("softplus", u))', STABLE),
    Mutant("stable 1 - sigmoid(u): sigmoid(u)", FORMS, 'return op.Complement(s, u) if isinstance(s, Quantity) else op.apply("sigmoid", op.Negate(u))', 'return op.Complement(s, u) if isinstance(s, Quantity) else op.apply("sigmoid", u)', STABLE),
    Mutant("stable exp / Σ exp: any sum will do", FORMS, "if z is not None and isinstance(total, op.SumEntries) and _exp_argument(total.args[0], look) == z:", "if z is not None and isinstance(total, op.SumEntries):", STABLE),
    Mutant("stable 1 / (1 + exp u): sign", FORMS, "        return op.apply(\"sigmoid\", op.Negate(u))\n", "        return op.apply(\"sigmoid\", u)\n", STABLE),
    Mutant("stable log Σ exp: of a matrix too", FORMS, "return op.LogSumExp(z) if z is not None and z.rank == 1 else None", "return op.LogSumExp(z) if z is not None else None", (*STABLE, "tests/random_systems/test_minimal_models.py")),
    Mutant("cross-entropy of a softmax: not taken as one", FORMS, "return None if z is None else op.SoftmaxCrossEntropy(node.args[0], z)", "return None", STABLE),
    Mutant("names looked through at other steps too", FORMS, "            if time is None or time == t:\n                node = rule", "            if time is None or time.has(t):\n                node = rule", (*STABLE, *ASSEMBLY)),
    Mutant("names looked through at T though they read the past", FORMS, "elif time in (T, 1) and all(read.delay in (0, None) for read in reads(rule)):", "elif time in (T, 1):", (*STABLE, *ASSEMBLY)),
]  # fmt: skip

ASSEMBLING = [
    Mutant("shift of a contribution: other direction", ADJOINT, "return Contribution(reader, steps, raw, shift(raw, -steps), laws)", "return Contribution(reader, steps, raw, shift(raw, steps), laws)", ASSEMBLY),
    Mutant("shift of a contribution: left out", ADJOINT, "return Contribution(reader, steps, raw, shift(raw, -steps), laws)", "return Contribution(reader, steps, raw, raw, laws)", ASSEMBLY),
    Mutant("parameters: not summed over time", ADJOINT, "return Contribution(reader, None, raw, op.Total(raw) if running else raw, laws)", "return Contribution(reader, None, raw, raw, laws)", ASSEMBLY),
    Mutant("h[T]: reaches every step", ADJOINT, "op.Branch(op.TimeIs(t, when), raw, Number(0)), laws)", "raw, laws)", ASSEMBLY),
    Mutant("passed between steps: other direction", ADJOINT, "return Quantity(self.messages[name, steps], shape, t - steps)", "return Quantity(self.messages[name, steps], shape, t + steps)", ASSEMBLY),
    Mutant("everything is shifted, also what is not zero beyond the ends", ADJOINT, "return bool(timed) and timed <= own and not raw.has(op.Branch, op.Total)", "return bool(timed)", ASSEMBLY),
    Mutant("boundary: readers inside are asked at the wrong end", ADJOINT, "if bool(reader_time - T <= 0 if position.has(T) else reader_time >= 1):", "if bool(reader_time - T <= 0 if position.has(T) else reader_time >= 2):", ASSEMBLY),
    Mutant("boundary: wrong reader's step", ADJOINT, "reader_time = position - part.delay", "reader_time = position - part.delay + 1", ASSEMBLY),
    Mutant("boundary: not handed on to its own equation", ADJOINT, "self._collect(given, Quantity(flow, declaration.shape))", "pass", ASSEMBLY),
    Mutant("error of a variable with a loss of its own: seed lost", ADJOINT, "            terms.insert(0, self._seed(definition.name))", "            pass", ASSEMBLY),
    Mutant("scalar right side of a vector: error not summed", ADJOINT, "spread_over = reduce_to(definition.rhs.shape, error)", "spread_over = error", ASSEMBLY),
    Mutant("contributions of one reader: the first alone", ADJOINT, "raw = collect([part for part, _ in parts])", "raw = parts[0][0]", ASSEMBLY),
    Mutant("common factor taken out: sign lost", ADJOINT, "return inner.args[0], op.Negate(rest) if negative else rest", "return inner.args[0], rest", ASSEMBLY),
    Mutant("common factor taken out: though shapes differ", ADJOINT, "if not same or any(term.shape != head.shape for term in terms):", "if not same:", ASSEMBLY, "d a + d b and d (a + b) for a scalar d are equal entry by entry; only the print is another"),
    Mutant("sums over time joined: sign lost", ADJOINT, "bodies = [op.Negate(u.body) if neg else u.body for neg, u in totals]", "bodies = [u.body for neg, u in totals]", ASSEMBLY),
    Mutant("pieces side by side: though they do not fill the vector", ADJOINT, "if len(tiles) != len(pieces) or sympy.expand(place - length) != 0:", "if len(tiles) != len(pieces):", ASSEMBLY),
    Mutant("active: what the cost does not reach counts too", ADJOINT, "return forwards & self._reaching()", "return forwards", ("tests/calculus", "tests/derivation", "tests/backends")),
    Mutant("names: a part that could fail is taken out of a branch", NAMING, "and not (in_arm and may_fail(a))", "", ("tests/calculus", "tests/cells/test_extreme_values.py", "tests/random_systems/test_minimal_models.py", "tests/cells/test_small_systems.py")),
    Mutant("names: a running name for a static right side", NAMING, "return definition.lhs.time is None or runs(definition.rhs)", "return True", ("tests/calculus", "tests/random_systems/test_minimal_models.py", "tests/cells/test_small_systems.py")),
    Mutant("names: repeated parts inside a sum over time's own step", NAMING, "and is_heavy(node) and not list(_bound(node))}", "and is_heavy(node)}", ("tests/calculus", "tests/random_systems/test_minimal_models.py", "tests/cells/test_small_systems.py"), "a sum is walked through its summand at the generic step, so no part that is counted holds the bound one"),
    Mutant("names: sums over a batch stand for their terms", NAMING, "found = self.twins if definition.name in summed else self.known", "found = self.known", ("tests/calculus", "tests/random_systems/test_minimal_models.py", "tests/backends", "tests/cells/test_small_systems.py")),
    Mutant("tangent: boundary values do not move", TANGENT, "if definition.is_boundary and op.is_zero(value):", "if definition.is_boundary:", ("tests/calculus", "tests/cells/test_hessian_vector_product.py", "tests/proof/test_finite_field.py")),
]  # fmt: skip

MUTANTS = [*PULLBACKS, *PUSHFORWARDS, *SLOPES_AND_FORMS, *ASSEMBLING]
