"""Mutants of the other rooms left of the program: graph, operators, language, derivation, and the proofs themselves."""

from __future__ import annotations

from mutation.mutant import Mutant

PROOFS = ("tests/proof/test_rule_proofs.py", "tests/proof/test_laws.py", "tests/calculus/test_rules.py")
FIELD = ("tests/proof/test_finite_field.py",)
GRAPH, OPERATORS, TENSOR = "rnnsym/algebra/graph.py", "rnnsym/algebra/operators.py", "rnnsym/algebra/tensor.py"
INDEX, FINITE = "rnnsym/proof/index_form.py", "rnnsym/proof/finite_field.py"
MEANINGS, INTERPRET = "rnnsym/program/meanings.py", "rnnsym/program/interpret.py"
DERIVE, UNIFY = "rnnsym/derivation/derive.py", "rnnsym/language/unify.py"

ALGEBRA = [
    Mutant("graph: boundary values are not read with shifted reads", GRAPH, "            if read.delay not in (None, 0):\n", "            if False:\n", ("tests/algebra", "tests/program", "tests/cells/test_small_systems.py")),
    Mutant("graph: a scan's direction", GRAPH, 'return Component("scan", 1 if past else -1,', 'return Component("scan", -1 if past else 1,', ("tests/algebra", "tests/program")),
    Mutant("graph: past and future at once is allowed", GRAPH, "    if past and future:\n", "    if False:\n", ("tests/algebra", "tests/language/test_language.py", "tests/language/test_malformed.py")),
    Mutant("graph: lag and lead exchanged", GRAPH, "found[read.name] = (max(lag, -offset), max(lead, offset))", "found[read.name] = (max(lag, offset), max(lead, -offset))", ("tests/algebra", "tests/program", "tests/cells/test_small_systems.py")),
    Mutant("operators: sign of a product", OPERATORS, "            negative ^= sign\n", "            negative |= sign\n", ("tests/algebra", "tests/calculus/test_rules.py")),
    Mutant("operators: sign of a quotient", OPERATORS, "return _signed(minus_u ^ minus_v, cls._make(shape, u, v))", "return _signed(minus_u, cls._make(shape, u, v))", ("tests/algebra", "tests/calculus/test_rules.py", "tests/language/test_random_expressions.py")),
    Mutant("operators: transposed outer product", OPERATORS, "result = Outer(m.args[1], m.args[0])", "result = m", ("tests/algebra", "tests/calculus/test_rules.py")),
    Mutant("operators: sum over time binds nothing", OPERATORS, "if isinstance(node, Total) or not node.args:\n        return node", "if not node.args:\n        return node", ("tests/algebra", "tests/calculus", "tests/cells/test_small_systems.py"), "made anew, the inner sum binds its step again"),
    Mutant("tensor: shift by one too many", TENSOR, "expression.xreplace({t: t + steps})", "expression.xreplace({t: t + steps + 1})", ("tests/algebra", "tests/calculus/test_adjoint.py")),
]  # fmt: skip

INDEX_FORMS = [
    Mutant("index form: matrix product over the wrong axis", INDEX, "form.entry(a, (i[0], *j)) * form.entry(x, (*j, *i[1:])), (a.shape[1],))", "form.entry(a, (*j, i[0])) * form.entry(x, (*j, *i[1:])), (a.shape[1],))", PROOFS),
    Mutant("index form: transpose", INDEX, "return form.entry(node.args[0], i[::-1])", "return form.entry(node.args[0], i)", PROOFS),
    Mutant("index form: outer product turned", INDEX, "return form.entry(node.args[0], i[:1]) * form.entry(node.args[1], i[1:])", "return form.entry(node.args[0], i[1:]) * form.entry(node.args[1], i[:1])", PROOFS),
    Mutant("index form: dot is a sum of a", INDEX, "return form.total(lambda j: form.entry(a, j) * form.entry(b, j), a.shape)", "return form.total(lambda j: form.entry(a, j) + form.entry(b, j), a.shape)", PROOFS),
    Mutant("index form: mean not divided", INDEX, "return form.total(lambda j: form.entry(u, j), u.shape) / sympy.Mul(*u.shape)", "return form.total(lambda j: form.entry(u, j), u.shape)", PROOFS),
    Mutant("index form: norm without the root", INDEX, "return sqrt(form.total(lambda j: form.entry(u, j) ** 2, u.shape))", "return form.total(lambda j: form.entry(u, j) ** 2, u.shape)", PROOFS),
    Mutant("index form: slice from the start", INDEX, "return form.entry(node.args[0], (i[0] + node.args[1],))", "return form.entry(node.args[0], (i[0],))", PROOFS),
    Mutant("index form: concat, every part at the start", INDEX, "form.entry(part, (i[0] - start,)) if part.shape else", "form.entry(part, (i[0],)) if part.shape else", PROOFS),
    Mutant("index form: roll the other way", INDEX, "(Mod(i[0] - node.args[1], node.shape[0]),)", "(Mod(i[0] + node.args[1], node.shape[0]),)", PROOFS),
    Mutant("index form: softmax not normalised", INDEX, "return exp(form.entry(z, i)) / form.total(lambda j: exp(form.entry(z, j)), z.shape)", "return exp(form.entry(z, i))", PROOFS),
    Mutant("index form: complement", INDEX, "return 1 - form.at(node.args[0], i)", "return form.at(node.args[0], i)", PROOFS),
    Mutant("index form: branches exchanged", INDEX, "return holds * form.at(u, i) + (1 - holds) * form.at(v, i)", "return holds * form.at(v, i) + (1 - holds) * form.at(u, i)", PROOFS),
    Mutant("index form: squared error halved", INDEX, "return _loss(form, node, lambda y, v: (v - y) ** 2)", "return _loss(form, node, lambda y, v: (v - y) ** 2 / 2)", PROOFS),
    Mutant("index form: cross-entropy's sign", INDEX, "return _loss(form, node, lambda y, p: -y * log(p))", "return _loss(form, node, lambda y, p: y * log(p))", PROOFS),
    Mutant("index form: stop_gradient lets through", INDEX, "return Frozen(form.entry(node.args[0], i))", "return form.entry(node.args[0], i)", PROOFS),
    Mutant("index form: sum from 1 on", INDEX, "value = Sum(value, (i, 0, length - 1))", "value = Sum(value, (i, 1, length - 1))", PROOFS),
]  # fmt: skip

CHECKERS = [
    Mutant("exact check: what is wrong counts as equal", FINITE, "return (EQUAL if left.value == right.value else WRONG), chance", "return EQUAL, chance", FIELD),
    Mutant("exact check: one outcome hides the other", FINITE, "worse = outcome if old is None or old.outcome == EQUAL else old.outcome", "worse = outcome", ("tests/proof/test_finite_field.py::test_an_outcome_that_is_bad_once_stays_bad", *FIELD)),
    Mutant("exact check: infinite values are compared", FINITE, "        if not (left.is_finite and right.is_finite):\n            return UNDECIDED, chance\n", "", ("tests/proof/test_finite_field.py::test_what_is_infinite_is_undecided", *FIELD)),
    Mutant("exact check: bound without the degree", FINITE, "chance = min(1.0, _ratio(degree + self.field.accident, self.field.prime))", "chance = min(1.0, _ratio(self.field.accident, self.field.prime))", ("tests/proof/test_finite_field.py::test_the_bound_grows_with_the_degree", *FIELD)),
    Mutant("exact check: no initial values given", FINITE, "and name in self.system.by_name and self.seed % 2 == 0:", "and name in self.system.by_name and False:", (*FIELD, "tests/proof")),
    Mutant("measured: the smaller error is told", "rnnsym/proof/measured.py", "worse = old if np.isnan(old) or residual <= old else residual", "worse = residual if np.isnan(old) or residual <= old else old", ("tests/proof/test_measured.py",)),
    Mutant("measured: complex step without its width", "rnnsym/proof/bench.py", "return float(np.imag(self.cost(moved, np.complex128)) / STEP)", "return float(np.imag(self.cost(moved, np.complex128)))", ("tests/proof/test_measured.py",)),
    Mutant("interpreter: values outside are those given to the file alone", INTERPRET, "        if (name, step) in self.given:\n            return self.given[name, step]\n", "", ("tests/program", "tests/cells")),
    Mutant("interpreter: backward scans run forwards", INTERPRET, "for step in reversed(walk) if component.direction < 0 else walk:", "for step in walk:", ("tests/program", "tests/cells/test_small_systems.py")),
    Mutant("interpreter: cost without the static loss", INTERPRET, "return total + self.statics.get(FINAL_LOSS, 0.0)", "return total", ("tests/program", "tests/cells/test_small_systems.py", "tests/truth/test_corpus.py")),
    Mutant("meaning: sigmoid for negative arguments", MEANINGS, "small / (1 + small))", "1 - small / (1 + small))", ("tests/program", "tests/cells/test_small_systems.py")),
    Mutant("meaning: 1 - s computed of u", MEANINGS, '@meaning(op.Complement)\ndef _complement(node, sizes, s, u):\n    return sigmoid(-u)', '@meaning(op.Complement)\ndef _complement(node, sizes, s, u):\n    return sigmoid(u)', ("tests/program", "tests/calculus", "tests/cells/test_small_systems.py")),
]  # fmt: skip

TELLING = [
    Mutant("derivation: at t = T the terms of the other end are dropped", DERIVE, "kept = [p.value for p in parts if not (isinstance(p.delay, int) and (p.delay < 0 if last else p.delay > 0))]", "kept = [p.value for p in parts if not (isinstance(p.delay, int) and (p.delay > 0 if last else p.delay < 0))]", ("tests/derivation", "tests/documents/test_checking.py")),
    Mutant("derivation: `t == T` decided the other way", DERIVE, "node.args[1] if node.args[0].mark == end else node.args[2]", "node.args[2] if node.args[0].mark == end else node.args[1]", ("tests/derivation", "tests/documents/test_checking.py")),
    Mutant("derivation: errors told in the order of the file", DERIVE, "for d in component.definitions][::-1]", "for d in component.definitions]", ("tests/derivation", "tests/documents")),
    Mutant("sizes: unequal numbers unify", UNIFY, "return not difference.terms and difference.constant == 0", "return not difference.terms", ("tests/language/test_unify.py", "tests/language")),
    Mutant("sizes: below one is allowed", UNIFY, "        if not value.terms and value.constant < 1:\n            return False\n", "", ("tests/language/test_unify.py", "tests/language")),
    Mutant("sizes: divided without remainder checked", UNIFY, "        if any(value % divisor for value in others):\n            return False\n", "", ("tests/language/test_unify.py", "tests/language")),
]  # fmt: skip

MUTANTS = [*ALGEBRA, *INDEX_FORMS, *CHECKERS, *TELLING]
