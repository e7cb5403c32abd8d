"""Each sentence of the language reference, as a behaviour."""

from __future__ import annotations

import pickle

import pytest
import sympy
from language_models import MODELS, SHAPES

from rnnsym.algebra import Quantity, System, T, size, t
from rnnsym.algebra.sizes import shape_text
from rnnsym.algebra.system import Start
from rnnsym.errors import ModelError, UsageError
from rnnsym.language import edit, load, parse

DATA = "x: input[n_x]\ny: target[n_y]\nh: vector[n_h]\n"
STEP = "h[t] = tanh(W @ x[t] + U @ h[t-1] + b)\n"
LOSS = "loss[t] = cross_entropy(y[t], softmax(V @ h[t]))\n"


def shape(system: System, name: str) -> str:
    return shape_text(system.by_name[name].shape)


def code(text: str) -> str:
    with pytest.raises(ModelError) as caught:
        parse(text)
    return caught.value.code


# ---------------------------------------------------------------- whole models


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_read_and_reads_back_equal(name):
    system = parse(MODELS[name], name)
    again = parse(str(system), name)
    assert again == system
    assert str(again) == str(system)
    assert pickle.loads(pickle.dumps(system)) == system


@pytest.mark.parametrize("name", SHAPES)
def test_the_shapes_of_a_model_are_inferred(name):
    system = parse(MODELS[name], name)
    assert {n: shape(system, n) for n in SHAPES[name]} == SHAPES[name]


def test_the_order_of_lines_has_no_meaning():
    lines = (DATA + STEP + "p[t] = softmax(V @ h[t] + c)\nloss[t] = cross_entropy(y[t], p[t])\n").splitlines()
    one, other = parse("\n".join(lines)), parse("\n".join(reversed(lines)))
    assert {d.name: d.shape for d in one.declarations} == {d.name: d.shape for d in other.declarations}
    assert set(one.equations) == set(other.equations)


def test_the_lines_of_the_file_come_first_then_what_was_inferred():
    assert [d.name for d in parse(DATA + STEP).declarations] == ["x", "y", "h", "W", "U", "b"]


# ---------------------------------------------------------------- texts, comments, places


def test_the_first_text_is_the_description():
    assert parse('"""One.\n\n    Two."""\n' + DATA + STEP).doc == "One.\n\nTwo."


@pytest.mark.parametrize("doc", ['ends with a "quote"', "a \\ backslash", 'three """ quotes', "ends with \\", "ä ξ", "two\nlines"])
def test_a_description_reads_back_equal(doc):
    system = System("m", parse(DATA + STEP).declarations, parse(DATA + STEP).definitions, doc=doc)
    assert parse(str(system), "m").doc == doc


def test_a_comment_describes_an_equation_and_what_comes_from_outside():
    text = "x: input[n]   # features  of a step\nb: param[n] = 1  # bias\nh: vector[n]  # only a remark\n# nothing\nh[t] = (x[t] +\n  b)  ## hidden\n"
    system = parse(text)
    assert [d.description for d in system.declarations] == ["features of a step", "bias", ""]
    assert system.definitions[0].description == "hidden"
    assert parse(str(system)) == system


def test_a_sign_in_quotes_begins_no_comment():
    assert (
        parse('notation(h=r"h_{\\mathrm{x}}")\nx: input\nh[t] = x[t]  # "quoted" # more\n').definitions[0].description == '"quoted" # more'
    )


def test_an_equation_goes_on_inside_brackets():
    assert parse("x: input\nh[t] = (x[t]\n   + x[t-1])\n") == parse("x: input\nh[t] = x[t] + x[t-1]\n")


def test_places_of_reads_are_kept_for_the_errors_of_cycles():
    definition = parse(DATA + STEP).definitions[0]
    assert (definition.read_spans["x"].line, definition.read_spans["x"].column) == (4, 17)
    assert (definition.span.column, definition.span.end_column) == (1, 5)


def test_a_system_knows_its_source_and_file(tmp_path):
    path = tmp_path / "mine.rnn"
    path.write_text(DATA + STEP, encoding="utf-8")
    system = load(path)
    assert (system.name, system.file, system.source) == ("mine", str(path), DATA + STEP)


def test_a_missing_file_is_a_wrong_call(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: no such file"):
        load(tmp_path / "none.rnn")


def test_a_folder_is_no_model(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path)


# ---------------------------------------------------------------- names


def test_names_of_other_programs_are_ordinary_names():
    for name in [
        "E",
        "S",
        "Q",
        "O",
        "N",
        "I",
        "C",
        "beta",
        "gamma",
        "zeta",
        "re",
        "im",
        "dt",
        "params",
        "np",
        "out",
        "sin_",
        "input",
        "vector",
        "scalar",
    ]:
        system = parse(f"x: input[n]\n{name}[t] = tanh(W @ x[t] + U_ @ {name}[t-1])\n{name}: vector[n_z]\n")
        assert shape(system, name) == "(n_z,)"


def test_functions_and_variables_are_separate():
    assert shape(parse("x: input[n]\nnorm[t] = norm(x[t])\nsum[t] = sum(x[t]) + norm[t]\n"), "norm") == "()"


def test_the_last_step_is_meant_only_inside_brackets():
    system = parse("x: input[n]\nT: constant\nT_[t] = x[t] / T\nq = x[T]\n")
    assert system.by_name["T"].kind == "constant"
    assert system.defined["q"].rhs == Quantity("x", (size("n"),), T, "input")


def test_an_undeclared_T_used_as_a_number_is_warned_about():
    assert [w.code for w in parse("x: input\nh[t] = x[t] / T\n").warnings] == ["W202"]
    assert [w.code for w in parse("x: input\nlos[t] = x[t]**2\n").warnings] == ["W206"]
    assert [w.code for w in parse("x: input\nlos[t] = x[t]**2\nloss[t] = los[t]\n").warnings] == []


def test_pi_and_inf_are_numbers_unless_the_file_defines_them():
    assert parse("x: input\nh[t] = pi * x[t]\n").params == ()
    system = parse("x: input[n]\npi[t] = softmax(x[t])\nh[t] = pi[t] * x[t]\n")
    assert [d.name for d in system.variables] == ["pi", "h"]


def test_a_slip_of_the_pen_in_a_long_parameter_is_warned_about():
    system = parse("x: input[n]\nh[t] = gain * x[t] + gaim * x[t-1] + b_x1 + b_x2\n")
    assert [w.found for w in system.warnings] == [
        "the parameter `gaim` differs by one letter from `gain`",
    ]
    assert all(w.level == "warning" for w in system.warnings)


def test_names_that_lead_to_each_other_by_single_letters_are_warned_about_once():
    system = parse("x: input[n]\nh[t] = W_out * x[t] + U_out * x[t-1] + b_out\nb_rho: param[n]\nq[t] = b_rho + W_rho * h[t]\n")
    assert [w.found for w in system.warnings] == [
        "the parameter `W_rho` differs by one letter from `b_rho`",
        "the parameters `W_out`, `U_out` and `b_out` differ by single letters",
    ]


def test_short_names_and_digits_are_no_slips():
    assert parse("x: input[n]\nh[t] = a_i * x[t] + a_f * x[t-1] + gain1 * x[t-2] + gain2\n").warnings == ()


def test_sizes_are_numbers_too_and_no_parameters():
    system = parse("x: input[n_k]\nh[t] = x[t] / sqrt(n_k)\n")
    assert system.params == () and str(system.definitions[0]) == "h[t] = x[t] / sqrt(n_k)"


def test_a_name_is_used_with_or_without_time():
    assert code("x: input\nh[t] = x[t] + x\n") == "E204"
    assert code("x: input\nA = exp(a)\na: param\nh[t] = A[t] * x[t]\n") == "E204"


def test_data_without_time_is_one_per_sequence():
    assert parse("u: input[n]\nx: input[n]\nh[t] = x[t] + u\n").by_name["u"].timed is False


def test_the_loss_has_two_equations_at_most():
    system = parse("x: input\nloss[t] = x[t]**2\nloss = x[T]\n")
    assert [d.name for d in system.definitions] == ["loss", "loss'"]
    assert parse(str(system)) == system
    assert code("x: input\nloss[t] = x[t]\nloss[t] = x[t]\n") == "E202"


# ---------------------------------------------------------------- declarations


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("1", Start("value", sympy.Integer(1))),
        ("-0.5", Start("value", sympy.Rational(-1, 2))),
        ("glorot", Start("glorot")),
        ("orthogonal", Start("orthogonal")),
        ("eye", Start("eye")),
        ("uniform(0.1)", Start("uniform", sympy.Rational(1, 10))),
        ("normal(1e-2)", Start("normal", sympy.Rational(1, 100))),
    ],
)
def test_a_parameter_may_say_how_it_starts(text, start):
    system = parse(f"x: input[n]\nW: param[n, n] = {text}\nh[t] = W @ x[t]\n")
    assert system.by_name["W"].start == start
    assert parse(str(system)) == system


def test_a_start_without_a_shape():
    assert shape(parse(DATA + STEP + "b: param[...] = 1\n"), "b") == "(n_h,)"


def test_a_constant_may_be_fixed():
    assert parse("x: input\nc: constant = 0.5\nh[t] = c * x[t]\n").by_name["c"].start == Start("value", sympy.Rational(1, 2))


def test_sizes_are_linear_forms():
    system = parse("x: input[2*(n + 1) - 1, 3]\nh[t] = W @ x[t]\nW: param[4*n_h, ...]\n".replace(", ...]", ", 2*n + 1]"))
    assert shape(system, "x") == "(2*n + 1, 3)" and shape(system, "h") == "(4*n_h, 3)"


def test_declared_sizes_are_never_identified():
    assert code("x: input[n_x]\nh: vector[n_h]\nh[t] = x[t] + h[t-1]\n") == "E301"


def test_a_param_that_nothing_uses_stays():
    system = parse("x: input\nw: param[n]\nh[t] = x[t]\n")
    assert [p.name for p in system.params] == ["w"] and parse(str(system)) == system


def test_a_name_that_a_zero_removes_is_declared_in_the_text():
    system = parse("x: input[n]\nh[t] = x[t] + 0 * b\n")
    assert "b: param[n]" in str(system) and parse(str(system)) == system


# ---------------------------------------------------------------- ranks


def test_a_parameter_takes_the_shape_of_what_it_meets():
    system = parse(DATA + "h[t] = alpha * tanh(W @ x[t]) + (1 - beta) * h[t-1]\n")
    assert (shape(system, "alpha"), shape(system, "beta")) == ("(n_h,)", "(n_h,)")


def test_vectors_are_asked_for_before_scalars():
    system = parse("x: input[n]\ns: input\nu[t] = a * s[t]\nv[t] = a * x[t]\n")
    assert (shape(system, "a"), shape(system, "u")) == ("(n,)", "(n,)")


def test_what_meets_only_scalars_is_a_scalar():
    assert shape(parse("s: input\nu[t] = a * s[t] + b\n"), "b") == "()"


def test_a_rank_is_passed_back_through_names_of_open_rank():
    system = parse("x: input[n]\nA = -exp(A_log)\na = exp(A) * 2\nh[t] = a * h[t-1] + x[t]\n")
    assert [shape(system, name) for name in ("A_log", "A", "a")] == ["(n,)"] * 3


def test_what_waits_for_a_scalar_is_not_of_open_rank():
    system = parse("x: input[n]\ng[t] = dot(w, x[t]) + b\ni[t] = exp(g[t])\nC[t] = i[t] * outer(x[t], x[t]) + C[t-1]\n")
    assert (shape(system, "b"), shape(system, "i"), shape(system, "C")) == ("()", "()", "(n, n)")


def test_a_state_takes_the_smallest_rank_of_its_equation():
    system = parse("x: input[n]\ns: input\nm[t] = max(m[t-1], s[t])\nn_[t] = n_[t-1] + 1\nh[t] = m[t] * n_[t] * x[t]\n")
    assert (shape(system, "m"), shape(system, "n_")) == ("()", "()")


def test_right_of_a_matrix_stands_a_vector_unless_the_result_meets_a_matrix():
    assert shape(parse("x: input[n]\nh[t] = x[t] + W @ b\nb: param[...]\nW: param[n, m]\n"), "b") == "(m,)"
    assert shape(parse("x: input[n, k]\nh[t] = x[t] + W @ B\nW: param[n, m]\n"), "B") == "(m, k)"


def test_a_scalar_broadcasts_only_when_it_is_declared_or_met():
    assert shape(parse("x: input[n]\na: param\nh[t] = a * x[t]\n"), "a") == "()"


def test_what_stays_open_names_the_line_to_add():
    with pytest.raises(ModelError, match=r"the line `A: vector\[n_A\]`, or `A: scalar` for a scalar"):
        parse("y: target\nA = exp(A_log)\nloss[t] = squared_error(y[t], sum(A))\n")
    with pytest.raises(ModelError, match=r"the line `h: vector\[n_h\]`"):
        parse("x: input[n]\n" + STEP)


# ---------------------------------------------------------------- time


@pytest.mark.parametrize("text", ["h[t-3]", "h[t+2]", "h[1]", "h[T]"])
def test_a_time_is_read_and_printed_alike(text):
    system = parse(f"x: input\nh[t] = x[t]\nq[t] = {text} * x[t+2]\n")
    assert str(system.defined["q"]) == f"q[t] = {text} * x[t+2]"


@pytest.mark.parametrize(("text", "carried"), [("h[T-2]", "u[t] = h[t-2], then u[T]"), ("h[4]", "u[t] = h[t+3], then u[1]")])
def test_a_fixed_step_is_the_first_or_the_last(text, carried):
    with pytest.raises(ModelError) as caught:
        parse(f"x: input\nh[t] = x[t]\nq[t] = {text} * x[t+2]\n")
    assert caught.value.code == "E108" and carried in str(caught.value)


def test_initial_values_stand_before_and_after_the_sequence():
    system = parse(
        DATA + STEP + "h[0] = h_0\nh[-1] = 0.5\nb_[t] = 0.5 * b_[t+1] + h[t]\nb_[T+1] = tanh(h_0)\nm[t] = max(m[t-1], x[t])\nm[0] = -inf\n"
    )
    assert [d.key for d in system.boundaries] == ["h[0]", "h[-1]", "b_[T+1]", "m[0]"]
    assert shape(system, "h_0") == "(n_h,)"
    assert parse(str(system)) == system


def test_an_initial_value_may_depend_on_the_end_of_another_sequence():
    assert parse(DATA + STEP + "d[t] = tanh(U_d @ d[t-1])\nd[0] = h[T]\nd: vector[n_h]\n").boundaries[0].key == "d[0]"


def test_a_static_equation_reads_no_running_step():
    assert code(DATA + STEP + "q = sum(h[t])\n") == "E404"
    assert parse(DATA + STEP + "q = sum(total(h[t]))\n").by_name["q"].timed is False


def test_conditions_on_the_step():
    system = parse("x: input\nh[t] = x[t] if t == T else (0.5 if t == 1 else 2 * x[t])\n")
    assert parse(str(system)) == system


# ---------------------------------------------------------------- expressions


@pytest.mark.parametrize(
    "right",
    [
        "-x[t]**2", "(-x[t])**2", "2**-x[t]", "x[t]**2**x[t]", "(x[t]**2)**3", "x[t] - (x[t-1] - x[t-2])", "x[t] / (x[t-1] / x[t-2])",
        "x[t] / x[t-1] / x[t-2]", "x[t] * (x[t-1] / 2)", "-(x[t] + 1)", "1 - -x[t]", "min(x[t], x[t-1], 2)", "max(x[t], 0)",
        "clip(x[t], -1, 1)", "mod(x[t], 2)", "(x[t] if x[t] >= 0 else -x[t]) * 2", "x[t] if x[t] < 1 else x[t-1] if x[t] <= 2 else 3",
        "(x[t] if x[t-1] > 0 else 1) if x[t] > 0 else 2", "0.1 * x[t] + 1e-5", "1e-30 * x[t]", "1_000 * x[t]", "x[t] * 3 / 4",
        "stop_gradient(x[t])", "x[t] if x[t] + 1 > 2 * x[t] else 0", "+x[t]", "sigmoid(tanh(relu(exp(log(sqrt(abs(sign(sin(cos(x[t]))))))))))",
        "erf(softplus(silu(gelu(elu(x[t])))))", "x[t] * (1/3)", "123456789.123456789123456789 * x[t]", "x[t] if t == 1 else 0",
    ],
)  # fmt: skip
def test_a_scalar_expression_reads_back_equal(right):
    system = parse(f"x: input\nh[t] = {right}\n")
    assert parse(str(system)) == system


@pytest.mark.parametrize(
    "right",
    [
        "softmax(v[t])", "log_softmax(v[t])", "logsumexp(v[t]) * v[t]", "dot(v[t], v[t-1]) * v[t]", "outer(v[t], v[t-1]) @ v[t]",
        "concat(v[t], v[t-1])[n:]", "concat(1, v[t], mean(v[t]))[1:n + 1]", "roll(v[t], 1)", "roll(v[t], -2)", "diag(v[t]) @ v[t-1]",
        "eye(n) @ v[t]", "ones(n) * sum(v[t])", "norm(v[t]) * v[t]", "M[t].T @ v[t]", "(M[t] @ M[t-1]) @ v[t]", "M[t] @ (M[t-1] @ v[t])",
        "-M[t] @ v[t]", "M[t] @ -v[t]", "(M[t] + eye(n)) @ v[t]", "(M[t] * M[t-1]).T @ v[t]", "mean(M[t]) * v[t]", "v[t] @ v[t]",
        "v[t][:n] + v[t][0:n]", "(v[t] + v[t-1])[:n]", "squared_error(v[t], 1) * v[t]", "cross_entropy(v[t], v[t-1]) * v[t]",
        "binary_cross_entropy(v[t], 0.5) * v[t]", "total(v[t] * total(v[t]))", "v[t] if v[t-1] > 0 else 0", "v[t] if sum(v[t]) > 0 else -v[t]",
    ],
)  # fmt: skip
def test_an_expression_of_vectors_reads_back_equal(right):
    text = f"v: input[n]\nM: input[n, n]\nh[t] = {right}\n"
    if right == "v[t] @ v[t]":
        assert code(text) == "E302"
        return
    system = parse(text)
    assert shape(system, "h") == "(n,)"
    assert parse(str(system)) == system


def test_numbers_are_exact():
    assert parse("x: input\nh[t] = 0.1 * x[t]\n").definitions[0].rhs.args[0].value == sympy.Rational(1, 10)


def test_several_at_once():
    system = parse("x: input[n]\na[t], c[t], d[t] = split(W @ x[t], 3)  # parts\nh[t] = a[t] * c[t] + d[t] * h[t-1]\nh: vector[m]\n")
    assert shape(system, "W") == "(3*m, n)"
    assert str(system.defined["c"]) == "c[t] = (W @ x[t])[m:2*m]"
    assert [system.defined[k].description for k in "acd"] == ["parts"] * 3
    assert parse(str(system)) == system


# ---------------------------------------------------------------- functions of the file


def test_a_function_is_expanded_where_it_is_used():
    text = "x: input[n]\ndef twice(u, v):\n    d = u - mean(u)\n    return d * v + d\nh[t] = twice(x[t], g)\n"
    assert str(parse(text).definitions[0]) == "h[t] = (x[t] - mean(x[t])) * g + x[t] - mean(x[t])"


def test_names_of_a_function_hide_those_of_the_file():
    text = "u: input[n]\nd: input[n]\ndef f(u):\n    d = 2 * u\n    return d\nh[t] = f(d[t]) + u[t]\n"
    assert str(parse(text).definitions[0]) == "h[t] = 2 * d[t] + u[t]"


def test_an_argument_is_never_captured_by_a_local_name():
    text = "x: input[n]\ndef f(u):\n    d = 3 * u\n    return u + d\nh[t] = f(d * x[t])\n"
    assert str(parse(text).definitions[0]) == "h[t] = d * x[t] + 3 * d * x[t]"


def test_a_local_name_may_be_given_again():
    text = "x: input\ndef f(u):\n    u = u + 1\n    u = u * u\n    return u\nh[t] = f(x[t])\n"
    assert str(parse(text).definitions[0]) == "h[t] = (x[t] + 1) * (x[t] + 1)"


def test_a_function_hides_a_built_in_one():
    assert str(parse("x: input\ndef sigmoid(u):\n    return u / (1 + abs(u))\nh[t] = sigmoid(x[t])\n").definitions[0]).startswith(
        "h[t] = x[t] / (1"
    )


def test_a_function_may_return_several_values_and_take_sizes():
    text = "x: input[2*n]\ndef halves(v, k):\n    a, b = split(v, 2)\n    return a, v[:k], b\np[t], q[t], r[t] = halves(x[t], n)\n"
    assert [shape(parse(text), name) for name in "pqr"] == ["(n,)"] * 3


def test_a_function_may_call_others_in_any_order():
    assert parse("x: input\ndef f(u):\n    return g(u) + 1\ndef g(u):\n    return 2 * u\nh[t] = f(x[t])\n").definitions[0].rhs.args


# ---------------------------------------------------------------- notation


def test_notation_is_kept_in_order():
    system = parse('notation(h=r"h^{(x)}", W=r"W^{(x)}")\n' + DATA + STEP)
    assert system.notation == (("h", r"h^{(x)}"), ("W", r"W^{(x)}"))
    assert parse(str(system)) == system


def test_notation_of_nothing_is_warned_about():
    assert [w.code for w in parse('notation(q="Q")\n' + DATA + STEP + LOSS).warnings] == ["W204"]


# ---------------------------------------------------------------- editing


def test_a_line_goes_before_the_one_it_replaces():
    system = parse(DATA + STEP + "h[0] = h_0\np[t] = softmax(V @ h[t] + c)\nloss[t] = cross_entropy(y[t], p[t])\n", "mine")
    new = edit(system, "h[t] = relu(W @ x[t] + u * h[t-1])\nu: param[n_h] = 1\nq[t] = norm(h[t])  # size\n")
    assert new.name == "mine"
    assert str(new.defined["h"]) == "h[t] = relu(W @ x[t] + u * h[t-1])"
    assert new.by_name["u"].start == Start("value", sympy.Integer(1))
    assert {"h[0]", "loss", "q", "p"} <= set(new.defined)
    assert edit(system, "h[0] = 0.5\n").defined["h[0]"].rhs.value == sympy.Rational(1, 2)
    assert edit(system, "h: vector[m]\n").by_name["W"].shape == (size("m"), size("n_x"))


def test_an_edit_may_bring_a_new_description():
    assert edit(parse('"""Old."""\n' + DATA + STEP), '"""New.\n\nLonger."""\nq[t] = sum(h[t])\n').doc == "New.\n\nLonger."


def test_an_edit_is_checked():
    with pytest.raises(ModelError, match="no equation"):
        edit(parse(DATA + STEP), "h[t] = tanh(W @ x[t] + z[t])\n")


def test_quantities_carry_time_kind_and_shape():
    rhs = parse("x: input[n]\nh[t] = x[t-2]\n").definitions[0].rhs
    assert rhs == Quantity("x", (size("n"),), t - 2, "input")


def test_an_edit_keeps_functions_remarks_and_the_order_of_lines():
    text = "x: input[n]\n# the cell\ndef f(u):\n    return 2 * u\nh[t] = f(x[t])  # old\nq[t] = f(h[t])\n"
    new = edit(parse(text), "h[t] = f(x[t] +\n  x[t-1])  # new\nr[t] = f(q[t])\n")
    assert new.source == text.replace("h[t] = f(x[t])  # old", "h[t] = f(x[t] +\n  x[t-1])  # new") + "r[t] = f(q[t])\n"
    assert [d.name for d in new.definitions] == ["h", "q", "r"]
    assert str(edit(new, "def f(u):\n    return 3 * u\n").definitions[2]) == "r[t] = 3 * q[t]"


def test_an_edit_of_one_of_several_at_once():
    new = edit(parse("x: input[2*n]\na[t], c[t] = split(x[t], 2)\n"), "c[t] = 2 * a[t]\n")
    assert [str(d) for d in new.definitions] == ["a[t] = x[t][:n]", "c[t] = 2 * a[t]"]


def test_an_edit_of_a_system_without_text():
    system = parse(DATA + STEP)
    built = system.replace((Quantity("h", (size("n_h"),), t), system.definitions[0].rhs))
    assert built.source == ""
    assert str(edit(built, "h[t] = W @ x[t]\n").definitions[0]) == "h[t] = W @ x[t]"


def test_a_shape_error_of_a_scalar_proposes_the_scalar_products():
    with pytest.raises(ModelError, match=r"dot\(a, b\), sum\(v\) or norm\(v\)"):
        parse("x: input[n]\ns: scalar\ns[t] = W @ x[t]\n")


def test_an_edit_of_the_notation():
    system = parse('notation(h="H",\n  W="W_h")\n' + DATA + STEP)
    assert edit(system, 'notation(h="h_1")\n').notation == (("W", "W_h"), ("h", "h_1"))


def test_a_product_that_makes_a_matrix_of_a_parameter_is_warned_about():
    system = parse(DATA + "h[t] = tanh(alpha * W @ x[t] + U @ h[t-1])\n" + LOSS)
    assert [w.code for w in system.warnings] == ["W205"]
    assert system.warnings[0].instead.startswith("alpha * (W @ x[t])")
    assert parse(DATA + "h[t] = tanh((alpha * W) @ x[t] + U @ h[t-1])\n" + LOSS).warnings == ()


@pytest.mark.parametrize(
    ("text", "code", "found", "instead"),
    [
        (STEP, "W206", "`y` is a target, but no equation defines `loss`", "loss[t] = …, which is summed over time, or loss = …"),
        (STEP.replace("+ b)", "+ h_t)") + LOSS, "W207", "`h_t` is read as a parameter of that name", "h[t]"),
        (STEP + "z: input[n_x]\n" + LOSS, "W208", "`z` is declared, but no equation reads it", ""),
        (STEP + "p[0] = 1\np[t] = V @ h[t]\n" + LOSS, "W208", "`p[0]` is given, but no equation reads `p[t-1]`", ""),
        (STEP + "h_0 = 1\n" + LOSS, "W208", "`h_0` is computed, but no equation reads it", "h[0] = …, for the initial value of `h`"),
        (
            STEP + "loss[t] = cross_entropy(softmax(V @ h[t]), y[t])\n",
            "W209",
            "the second argument of cross_entropy is the target",
            "cross_entropy(y[t], softmax(V @ h[t]))",
        ),
        (
            STEP + "p[t] = V @ h[t] + b_y\nloss[t] = cross_entropy(y[t], p[t])\n",
            "W209",
            "the second argument of cross_entropy is no probability",
            "softmax(p[t])",
        ),
        (
            STEP + "p[t] = softmax(V @ h[t] + b_y)\nloss[t] = binary_cross_entropy(y[t], p[t])\n",
            "W210",
            "the second argument of binary_cross_entropy is a softmax, which may round to 1, where the loss is infinite",
            "cross_entropy(y[t], p[t]), or a sigmoid for each entry",
        ),
    ],
)
def test_what_is_well_formed_but_hardly_meant_is_warned_about(text, code, found, instead):
    (warning,) = parse(DATA + text).warnings
    assert (warning.code, warning.found, warning.instead) == (code, found, instead)


def test_what_is_meant_is_not_warned_about():
    past = "h[0] = h_0\nh[-1] = 1\nh[t] = tanh(W @ x[t] + U @ h[t-2])\n"
    assert parse(DATA + past + LOSS).warnings == ()
    assert parse(DATA + STEP + "B: constant[n_y, n_h]\nloss[t] = cross_entropy(y[t], B @ softmax(h[t]))\n").warnings == ()
    assert parse("x: input[n_x]\nh: vector[n_h]\n" + STEP).warnings == ()
