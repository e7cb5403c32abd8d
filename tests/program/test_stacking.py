"""Stacking: which products become one, where their rows, operands and errors lie, and how parts are put together again."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sympy
from stages import ON_REQUEST, M, N, Stage, arrays, operation, stage, values

from rnnsym.program.ops import Op, Ref
from rnnsym.program.stacking import Place, Stacked, bounds_of, stacked

K = sympy.Symbol("k", positive=True, integer=True)
CELLS = (
    arrays("a", "b", "c", "h", "s", "d_a", "d_b", "d_c", "%1", "%2")
    | arrays("x", shape=(M,), kind="input")
    | arrays("y", shape=(M,), kind="target")
    | values("U", "V", "P", "Q", shape=(N, N))
    | values("W", "X", "Y", shape=(N, M))
    | values("p", "q", "r")
)


def affine(text: str, **how) -> Op:
    """`a = affine(W, x[t], U, h[t-1], p)`: products of matrices (capital letters) with vectors, and perhaps a bias."""
    op = operation(text, **how)
    return replace(op, details=(sum(isinstance(a, Ref) and a.name.isupper() for a in op.args),))


def outer(text: str) -> Op:
    return operation(text)


GRADIENT = {"W": "d_W", "X": "d_X", "Y": "d_Y", "U": "d_U", "V": "d_V", "P": "d_P", "Q": "d_Q", "p": "d_p", "q": "d_q", "r": "d_r"}


def run(*ops: Op, gradient: tuple[Op, ...] = (), more: dict | None = None, kind: str = "scan →") -> Stacked:
    cells = CELLS | values(*(n for n in GRADIENT.values()), kind="variable") | (more or {})
    return stacked([stage(kind, *ops)], [Stage("map", 0, gradient)] if gradient else [], dict(cells), GRADIENT)


TWO = (affine("a = affine(W, x[t], U, h[t-1], p)"), affine("b = affine(X, x[t], V, h[t-1], q)"))


def test_parts_lie_one_after_the_other():
    assert bounds_of([N, M, K]) == ((0, N), (N, M + N), (M + N, K + M + N))


def test_products_with_the_same_operands_become_one():
    found = run(*TWO, "h = add(a[t], b[t])")
    (stack,) = found.stacks
    assert (stack.results, stack.owned, stack.shape) == (("a", "b"), True, (2 * N, M + N + 1))
    assert stack.grid == {(0, 0): "W", (0, 1): "U", (0, 2): "p", (1, 0): "X", (1, 1): "V", (1, 2): "q"}
    assert found.places == {
        "a": Place("%sums", (0, N)),
        "b": Place("%sums", (N, 2 * N)),
        "x": Place("%operands", (0, M)),
        "h": Place("%operands", (M, M + N), 1),
    }
    assert found.ones == [("%operands", M + N)]
    assert [str(op) for op in found.forward[0].ops] == ["%sums = affine(%weights, %operands[t])", "h = add(a[t], b[t])"]


def test_there_is_room_for_the_steps_that_operands_are_read_at():
    def room(text: str, kind: str, **extents: int) -> tuple[int, int, int]:
        found = run(affine(text), more=arrays("h", **extents), kind=kind)
        return found.places["h"].shift, found.cells["%operands"].lag, found.cells["%operands"].lead

    assert room("a = affine(W, x[t], U, h[t-2], p)", "scan →", lag=2) == (2, 0, 2)
    assert room("a = affine(W, x[t], U, h[t-1], p)", "scan →", lag=3) == (1, 2, 1)
    assert room("a = affine(W, x[t], U, h[t+1], p)", "scan ←", lead=1) == (-1, 1, 0)
    assert room("a = affine(W, x[t], U, h[t+1], p)", "scan ←", lead=3, lag=1) == (-1, 2, 2)


# ---------------------------------------------------------------- which go together


APART = {
    "a bias": (TWO[0], affine("b = affine(X, x[t], V, h[t-1])")),
    "steps": (TWO[0], affine("b = affine(X, x[t], V, h[t-2], q)")),
    "occasions": (TWO[0], replace(TWO[1], guard=ON_REQUEST)),
    "operands": (TWO[0], affine("b = affine(X, x[t], V, s[t-1], q)")),
}


@pytest.mark.parametrize("difference", APART)
def test_products_that_differ_stay_apart(difference):
    found = run(*APART[difference])
    assert [s.results for s in found.stacks] == [("a",), ("b",)]


def test_products_of_different_loops_stay_apart():
    cells = dict(CELLS)
    found = stacked([stage("scan →", TWO[0], "h = tanh(a[t])"), stage("scan →", TWO[1])], [], cells, {})
    assert [s.results for s in found.stacks] == [("a",), ("b",)]


def test_the_order_of_terms_does_not_matter():
    turned = affine("b = affine(V, h[t-1], X, x[t], q)")
    assert run(TWO[0], turned).stacks == run(*TWO).stacks


def test_a_parameter_that_is_read_twice_lies_in_one_place_of_the_vector():
    assert not run(TWO[0], affine("b = affine(W, x[t], V, h[t-1], q)")).stacks[0].owned
    first, second = run(TWO[0], affine("b = affine(W, x[t], V, s[t-1], q)")).stacks
    assert first.owned and not second.owned


# ---------------------------------------------------------------- operands that live elsewhere are copied


def copies(*ops, more=None) -> list[list[str]]:
    found = run(*ops, more=more)
    return [[f"{op} {op.details}" for op in s.ops if op.function == "copy"] for s in found.forward]


def test_one_vector_at_two_steps_is_copied_once():
    twice = affine("a = affine(U, h[t-1], V, h[t-2], p)")
    assert copies(twice, "h = tanh(a[t])") == [["%operands = copy(h[t-2]) ('rows', n, 2*n)"]]
    assert run(twice, "h = tanh(a[t])").places["h"] == Place("%operands", (0, N), 1)


def test_what_lives_in_another_stack_is_copied_too():
    found = run(TWO[0], affine("b = affine(X, x[t], P, s[t-1], r)"))
    assert [f"{op}" for op in found.forward[0].ops] == ["%operands2 = copy(x[t])"] and found.places["x"].array == "%operands"


@pytest.mark.parametrize(
    "more", [arrays("x", shape=(M,), kind="target"), arrays("x", shape=(M,), entries="class"), arrays("x", shape=(M,), axes=1)]
)
def test_targets_class_numbers_and_what_does_not_run_are_copied(more):
    assert "x" not in run(TWO[0], more=more).places


def test_part_of_a_vector_is_copied():
    part = affine("a = affine(W, x[t], U, h[t-1], p)")
    part = replace(part, args=(part.args[0], replace(part.args[1], rows=(1, M + 1)), *part.args[2:]))
    found = run(part)
    assert "x" not in found.places and str(found.forward[0].ops[0]).startswith("%operands = copy(x[t][1:m + 1")


def test_what_the_loop_computes_is_copied_inside_before_it_is_read():
    first, second = affine("b = affine(U, c[t], P, s[t-1], q)"), affine("a = affine(Q, c[t], V, h[t-1], p)")
    found = run(operation("c = exp(h[t-1])"), first, second, operation("h = tanh(a[t])"))
    assert [str(op) for op in found.forward[-1].ops] == [
        "c = exp(h[t-1])",
        "b = affine(%weights, %operands[t])",
        "%operands2 = copy(c[t])",
        "a = affine(%weights2, %operands2[t])",
        "h = tanh(a[t])",
    ]


def test_outside_of_loops_nothing_is_copied():
    found = run(
        affine("a = affine(W, x[t], U, h[t-1])"),
        affine("b = affine(X, x[t], V, h[t-1])"),
        more=arrays("x", shape=(M,), kind="target"),
        kind="map",
    )
    (op,) = found.forward[0].ops
    assert str(op) == "%sums = affine(%weights[:, 0:m], x[t], %weights[:, m:m + n], h[t-1])"


# ---------------------------------------------------------------- errors and gradients


GRADIENTS = [
    "d_W = outer_sum(d_a[t], x[t])", "d_X = outer_sum(d_b[t], x[t])", "d_U = outer_sum(d_a[t], h[t-1])",
    "d_V = outer_sum(d_b[t], h[t-1])", "d_p = sum_all(d_a[t])", "d_q = sum_all(d_b[t])",
]  # fmt: skip


def gradients(rows=GRADIENTS, ops=TWO, kind: str = "scan →") -> list[str]:
    found = run(*ops, gradient=tuple(operation(r) if isinstance(r, str) else r for r in rows), kind=kind)
    return [str(op).replace(", :]", "]") + (f" {op.details}" if op.details else "") for s in found.gradient for op in s.ops]


def test_the_gradients_of_a_stack_are_one_product():
    assert gradients() == ["%d_weights = outer_sum(%d_sums[t], %operands[t])"]
    found = run(*TWO, gradient=tuple(map(operation, GRADIENTS)))
    assert found.places["d_b"] == Place("%d_sums", (N, 2 * N)) and found.merged == dict.fromkeys(
        [r.split(" ")[0] for r in GRADIENTS], "%d_weights"
    )


def test_operands_that_lie_apart_fill_columns_of_their_own():
    targets = (affine("a = affine(W, y[t], U, h[t-1], p)"), affine("b = affine(X, y[t], V, h[t-1], q)"))
    found = gradients([r.replace("x[t]", "y[t]") for r in GRADIENTS], targets, "map")
    assert found == [
        "%d_weights = outer_sum(%d_sums[t], y[t]) ('columns', 0, m)",
        "%d_weights = outer_sum(%d_sums[t], h[t-1]) ('columns', m, m + n)",
        "%d_weights = sum_all(%d_sums[t]) ('column', m + n, m + n + 1)",
    ]


SINGLE = {
    "another operand": {2: "d_U = outer_sum(d_a[t], h[t-2])"},
    "another error": {2: "d_U = outer_sum(d_c[t], h[t-1])"},
    "an error of another step": {2: "d_U = outer_sum(d_a[t-1], h[t-1])"},
    "another word": {4: "d_p = outer_sum(d_a[t], x[t])"},
    "a request": {2: replace(operation("d_U = outer_sum(d_a[t], h[t-1])"), guard=ON_REQUEST)},
}


@pytest.mark.parametrize("reason", SINGLE)
def test_gradients_that_are_not_the_stack_s_are_computed_one_by_one(reason):
    rows = [SINGLE[reason].get(k, r) for k, r in enumerate(GRADIENTS)]
    found = run(*TWO, gradient=tuple(operation(r) if isinstance(r, str) else r for r in rows))
    assert not found.merged and len(found.gradient[0].ops) == len(GRADIENTS)


def test_a_stack_of_one_result_asks_for_its_error_at_its_own_step():
    rows = [r for r in GRADIENTS if "d_a" in r]
    assert run(TWO[0], gradient=tuple(map(operation, rows))).merged
    rows[1] = rows[1].replace("d_a[t]", "d_a[t-1]")
    assert not run(TWO[0], gradient=tuple(map(operation, rows))).merged


def test_one_error_of_two_results_lies_in_one_place():
    rows = [r.replace("d_b", "d_a") for r in GRADIENTS]
    found = run(*TWO, gradient=tuple(map(operation, rows)))
    assert "d_a" not in found.places and not found.merged


def test_errors_that_lie_in_another_order_are_no_rows_of_a_stack():
    """Two stacks whose results have the same errors, in opposite orders: they lie as the first wants them."""
    inputs = affine("a = affine(W, x[t])"), affine("b = affine(X, x[t])")
    states = affine("c = affine(P, h[t-1])"), affine("s = affine(Q, h[t-1])")
    first = ["d_W = outer_sum(d_a[t], x[t])", "d_X = outer_sum(d_b[t], x[t])"]
    alike = ["d_P = outer_sum(d_a[t], h[t-1])", "d_Q = outer_sum(d_b[t], h[t-1])"]
    crossed = ["d_P = outer_sum(d_b[t], h[t-1])", "d_Q = outer_sum(d_a[t], h[t-1])"]
    assert {"d_P", "d_W"} <= set(run(*inputs, *states, gradient=tuple(map(operation, [*first, *alike]))).merged)
    found = run(*inputs, *states, gradient=tuple(map(operation, [*first, *crossed])))
    assert [s.results for s in found.stacks] == [("a", "b"), ("c", "s")] and set(found.merged) == {"d_W", "d_X"}


def test_gradients_stand_behind_what_they_sum():
    early, late = Stage("map", 0, tuple(map(operation, GRADIENTS[:2]))), Stage("map", 0, tuple(map(operation, GRADIENTS[2:])))
    cells = CELLS | values(*GRADIENT.values(), kind="variable")
    found = stacked([stage("scan →", *TWO)], [early, stage("scan ←", "d_b = tanh(d_a[t+1])"), late], dict(cells), GRADIENT)
    assert [[op.out for op in s.ops] for s in found.gradient] == [[], ["d_b"], ["%d_weights"]]


# ---------------------------------------------------------------- errors through a stack


def through(*rows: Op, ops=TWO) -> list[str]:
    found = run(*ops, gradient=(*map(operation, GRADIENTS), *rows))
    return [str(op).replace(":, ", "") for op in found.gradient[0].ops if op.function == "affine"]


def turned(text: str) -> Op:
    """A sum of products with transposes."""
    op = affine(text)
    return replace(op, args=tuple(replace(a, turned=True) if isinstance(a, Ref) and a.name.isupper() else a for a in op.args))


def test_errors_go_back_through_several_rows_at_once():
    both = turned("s = affine(U, d_a[t+1], V, d_b[t+1])")
    assert through(both) == ["s = affine(%weights[m:m + n].T, %d_sums[t+1])"]
    assert through(turned("s = affine(V, d_b[t+1], U, d_a[t+1])")) == ["s = affine(%weights[m:m + n].T, %d_sums[t+1])"]
    assert through(turned("s = affine(U, d_a[t+1])")) == ["s = affine(%weights[0:n, m:m + n].T, %d_sums[t+1][0:n, :])"]


def test_parts_that_do_not_lie_together_stay_apart():
    steps = turned("s = affine(U, d_a[t+1], V, d_b[t])")
    assert through(steps)[0].count("%weights") == 2
    columns = turned("s = affine(U, d_a[t+1], X, d_b[t+1])")
    assert through(columns)[0].count("%weights") == 2
    crossed = turned("s = affine(U, d_b[t+1], V, d_a[t+1])")
    assert through(crossed) == [str(crossed)]


def test_parameters_that_lie_elsewhere_are_read_there():
    shared = (TWO[0], affine("b = affine(W, x[t], V, h[t-1], q)"))
    both = turned("s = affine(U, d_a[t+1], V, d_b[t+1])")
    assert through(both, ops=shared) == [str(both)]


def test_a_stack_that_owns_no_parameters_gives_no_parts():
    """U lies twice in the second stack, which is therefore no part of the parameters; d_a lies as its first row does."""
    owned = affine("a = affine(W, x[t])"), affine("b = affine(X, x[t])")
    mixed = affine("c = affine(U, h[t-1], V, s[t-1])"), affine("%1 = affine(P, h[t-1], U, s[t-1])")
    errors = tuple(map(operation, ["d_W = outer_sum(d_a[t], x[t])", "d_X = outer_sum(d_b[t], x[t])"]))
    back = turned("%2 = affine(V, d_a[t+1])")
    found = run(*owned, *mixed, gradient=(*errors, back))
    assert [s.owned for s in found.stacks] == [True, False] and found.places["d_a"].rows == found.stacks[1].rows[0]
    assert back in found.gradient[0].ops


# ---------------------------------------------------------------- the order of the rows


def test_rows_that_are_treated_alike_are_neighbours():
    ops = [affine(f"{name} = affine({m}, x[t], {bias})") for name, m, bias in (("a", "W", "p"), ("b", "X", "q"), ("c", "Y", "r"))]
    uses = ["h = sigmoid(a[t])", "s = tanh(b[t])", "%1 = sigmoid(c[t])"]
    (stack,) = run(*ops, *uses).stacks
    assert stack.results in (("a", "c", "b"), ("b", "a", "c"), ("b", "c", "a"), ("c", "a", "b"))
    assert {stack.grid[k, 0] for k in range(3)} == {"W", "X", "Y"}
    assert [stack.grid[k, 0] for k in range(3)] == [dict(a="W", b="X", c="Y")[name] for name in stack.results]


def test_many_rows_are_sorted_by_their_treatment():
    names = [f"a{k}" for k in range(8)]
    more = arrays(*names) | values(*(f"W{k}" for k in range(8)), shape=(N, M)) | arrays(*(f"%u{k}" for k in range(8)))
    ops = [replace(operation(f"a{k} = affine(W{k}, x[t])"), details=(1,)) for k in range(8)]
    uses = [f"%u{k} = {'tanh' if k % 2 else 'sigmoid'}(a{k}[t])" for k in range(8)]
    (stack,) = run(*ops, *uses, more=more).stacks
    parity = [int(name[1:]) % 2 for name in stack.results]
    assert parity in ([0] * 4 + [1] * 4, [1] * 4 + [0] * 4)


def test_loops_choose_first_where_their_operands_live():
    outside, loop = (
        stage("map", affine("a = affine(W, x[t], p)")),
        stage("scan →", affine("b = affine(X, x[t], V, h[t-1], q)"), "h = tanh(b[t])"),
    )
    found = stacked([outside, loop], [], dict(CELLS), {})
    assert found.places["x"] == Place("%operands", (0, M)) and found.cells["%operands"].shape == (M + N + 1,)
