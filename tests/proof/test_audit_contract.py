"""What an audit says where a person's file, function or map is not what it needs; and that arrays come and go in every layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rnnsym
from rnnsym.errors import UsageError
from rnnsym.proof.audit import audit
from rnnsym.proof.audit.contract import Arrays
from rnnsym.proof.audit.layout import Layout, layout_from, read_map
from rnnsym.proof.audit.points import draw

HEAD = "import numpy as np\n\n\ndef zeros(params):\n    return {k: np.zeros_like(v) for k, v in params.items()}\n\n\n"


def said(folder: Path, code: str, name: str = "f", **table) -> str:
    (folder / "mine.py").write_text(HEAD + code, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        audit(f"mine.py:{name}", rnnsym.load("elman"), table or None)
    return str(caught.value)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (
            "def f(params, x, y):\n    pass\n",
            "mine.py:f: error[U805]: it returns nothing\n  expected: a dictionary of gradients, or (cost, dictionary)",
        ),
        (
            "def f(params, x, y):\n    g = zeros(params)\n    del g['b']\n    return g\n",
            "mine.py:f: error[U808]: it gives no gradient of `b` (it gives `W`, `U`, `V`, `b_y`)\n"
            "  expected: a gradient of every parameter\n"
            '  instead:  skip = ["b"] in the map where one is left out on purpose; [gradients] where it has another name',
        ),
        (
            "def f(params, x, y):\n    return {**zeros(params), 'W': params.W.T}\n",
            "mine.py:f: error[U807]: the gradient `W` has shape (4, 3): this is the shape of its transpose\n  expected: (3, 4), the shape of `W`",
        ),
        (
            "def f(params, x, y):\n    return {**zeros(params), 'b': np.zeros((7, 3))}\n",
            "mine.py:f: error[U807]: the gradient `b` has shape (7, 3): an axis is left that should have been summed over\n"
            "  expected: (3,), the shape of `b`",
        ),
        (
            "def f(params, x, y):\n    h = x @ params['U']\n    return h\n",
            "mine.py:f: error[U802]: their code raises ValueError: matmul: ",
        ),
        (
            "def f(params, x, y):\n    return params['Wx']\n",
            "mine.py:f: error[U802]: their code raises KeyError: 'Wx; there are W, U, b, V, b_y'\n"
            "  note: line 9 of mine.py, in f: return params['Wx']",
        ),
        ("def f(params, x, y):\n    return {**zeros(params), 'b': 'no'}\n", "mine.py:f: error[U806]: the gradient `b` is a str\n  expected: an array of numbers"),
        (
            "def f(params, x, y, cache):\n    return {}\n",
            "mine.py:f: error[U804]: it takes `cache`, which is neither data nor a parameter of `elman` (`params` is given all parameters)\n"
            "  expected: params, and x, y, h[0]\n"
            '  instead:  [data] cache = "…" in the map, or a default for `cache`',
        ),
        (
            "def f(params, x, y):\n    return 1.0, 2.0, 3.0\n",
            "mine.py:f: error[U805]: it returns a tuple of 3\n  expected: a dictionary of gradients, or (cost, dictionary)\n"
            '  instead:  returns = ["cost", "W", "b", …] in the map, in the order of the tuple',
        ),
        ("def f(params, x, y):\n    raise SystemExit(3)\n", "mine.py:f: error[U802]: their code ends the program: SystemExit\n  note: line 9 of mine.py, in f: raise SystemExit(3)"),
        ("def f(params, x, /, y):\n    return {}\n", "mine.py:f: error[U803]: `params` can only be passed by position\n  expected: a function without `/` among its arguments"),
        ("f = 3\n", "audit: error[U801]: `f` in `mine.py` is no function\n  expected: zeros"),
        ("def ff():\n    pass\n", "audit: error[U801]: `mine.py` has no function `f`\n  expected: zeros, ff\n  instead:  ff"),
        ("def f(:\n", "mine.py:f: error[U802]: their code raises SyntaxError: invalid syntax\n  note: line 8 of mine.py: def f(:"),
        ("import numpyy\n", "mine.py:f: error[U802]: their code raises ModuleNotFoundError: No module named 'numpyy'\n  note: line 8 of mine.py, in <module>: import numpyy"),
        ("RNNSYM_AUDIT = 3\ndef f(params):\n    return {}\n", "mine.py: error[U811]: RNNSYM_AUDIT is a int\n  expected: a dictionary"),
    ],
)  # fmt: skip
def test_a_misuse_is_told_with_what_was_expected(here, code, told):
    assert said(here, code).startswith(told)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"lay": "nbt"}, "map: error[U811]: `lay` means nothing here"),
        ({"layout": "nbx"}, 'map: error[U811]: `layout` is "nbx"\n  expected: an order of t (time), b (batch), n (features), such as tbn, btn, nbt, tn'),
        ({"layout": "tn", "sequences": 2}, "map: error[U811]: `sequences` is 2, but the layout has no batch axis"),
        ({"sequences": 0}, "map: error[U811]: `sequences` is 0\n  expected: a whole number, at least 1"),
        ({"average_over": ["steps"]}, 'map: error[U811]: `average_over` has "steps"'),
        ({"vectors": "tall"}, 'map: error[U811]: `vectors` is "tall"\n  expected: flat, column or row'),
        ({"classes": ["z"]}, "map: error[U811]: `classes` has `z`, which is not data of `elman`\n  expected: x, y"),
        ({"params": ["W"]}, "map: error[U811]: `params` is ['W']\n  expected: names and texts"),
        ({"params": {"A": "W", "B": "W"}}, "map: error[U812]: `W` is found 2 times in [params]"),
        ({"params": {"A": "[W, U"}}, 'map: params.A: error[U812]: in "[W, U" a `]` is missing'),
        ({"params": {"A": "[W; V]"}}, 'map: params.A: error[U812]: in "[W; V]" the parts do not fit: '),
        ({"params": {"A": "Wx"}}, 'map: params.A: error[U812]: in "Wx" `Wx` is not a parameter of the model; W?'),
        ({"params": {"A": "W + U"}}, 'map: params.A: error[U812]: in "W + U" `+ U` is not understood'),
        ({"data": {"x": "z"}}, 'map: error[U813]: `data.x` is "z", which `elman` does not take'),
        ({"gradients": {"W": "z"}}, 'map: error[U813]: `gradients.W` is "z", of which no gradient is known'),
    ],
)  # fmt: skip
def test_a_wrong_map_is_told(here, table, told):
    assert said(here, "def f(params, x, y):\n    return zeros(params)\n", **table).startswith(told)


def test_a_file_that_is_not_there_and_a_place_without_function(here):
    (here / "mine.py").write_text("", encoding="utf-8")
    for place, told in (
        ("mine.py", "audit: error[U801]: `mine.py` names no function\n  expected: FILE.py:function\n  instead:  mine.py:backward"),
        ("nine.py:f", "audit: error[U801]: there is no file `nine.py`\n  instead:  mine.py"),
    ):
        with pytest.raises(UsageError) as caught:
            audit(place, rnnsym.load("elman"))
        assert str(caught.value) == told


def test_a_model_without_cost_has_nothing_to_compare(here):
    model = rnnsym.parse("x: input[n]\nh[t] = tanh(x[t])\n", name="free")
    with pytest.raises(UsageError, match="has no cost"):
        audit("mine.py:f", model)


# ---------------------------------------------------------------- layouts


@pytest.mark.parametrize("letters", ["tbn", "btn", "nbt", "tnb", "bnt", "ntb"])
def test_data_come_and_go_in_every_layout(letters):
    layout = Layout(letters)
    for shape, timed in (((6, 3, 4), True), ((6, 3, 4, 5), True), ((6, 3), True), ((3, 4), False), ((3,), False)):
        array = np.random.default_rng(0).normal(size=shape)
        theirs = layout.laid_out(array, timed, True)
        own = len(shape) - 1 - int(timed)
        np.testing.assert_array_equal(layout.read_back(theirs, own, timed, True), array)
    assert layout.laid_out(np.zeros((6, 3, 4)), True, True).shape == tuple({"t": 6, "b": 3, "n": 4}[a] for a in letters)


def test_one_sequence_has_no_batch_axis():
    layout = Layout("nt")
    array = np.random.default_rng(0).normal(size=(6, 1, 4))
    assert layout.batch == 1 and layout.laid_out(array, True, True).shape == (4, 6)
    np.testing.assert_array_equal(layout.read_back(layout.laid_out(array, True, True), 1, True, True), array)


def test_weights_are_stacked_side_by_side_and_transposed():
    values = {"W": np.arange(6.0).reshape(2, 3), "U": np.arange(4.0).reshape(2, 2), "b": np.arange(2.0), "c": np.arange(2.0) + 5}
    layout = Layout(vectors="column", params={"A": "[U, W].T", "d": "[b; c]", "B": "[W.T, W.T]"})
    found = layout.arranged(values)
    np.testing.assert_array_equal(found["A"], np.concatenate([values["U"], values["W"]], axis=1).T)
    np.testing.assert_array_equal(found["d"], [[0.0], [1.0], [5.0], [6.0]])
    assert found["B"].shape == (3, 4) and set(found) == {"A", "d", "B"}


def test_parameters_are_read_by_key_and_by_name():
    held = Arrays({"W": 1})
    assert held["W"] == held.W == 1
    with pytest.raises(AttributeError, match="U; there are W"):
        _ = held.U


def test_a_map_may_stand_in_a_file(here):
    (here / "map.toml").write_text('layout = "nbt"\naverage_over = []\nparams.A = "W.T"\n', encoding="utf-8")
    layout = layout_from(read_map(here / "map.toml"), rnnsym.load("elman"), "map.toml")
    assert (layout.layout, layout.average_over, layout.params) == ("nbt", (), {"A": "W.T"})
    (here / "map.toml").write_text("layout = nbt", encoding="utf-8")
    with pytest.raises(UsageError, match="this is no TOML"):
        read_map(here / "map.toml")


# ---------------------------------------------------------------- what is noticed besides

RIGHT = """
def f(params, x, y, scale=1.0, dtype=float):
    p = {k: v.astype(dtype) for k, v in params.items()}
    x = x.astype(dtype)
    B, h, steps, cost = x.shape[1], 0 * x[0] @ p["W"].T, [], 0.0
    for t in range(len(x)):
        old, h = h, 1 / (1 + np.exp(-(x[t] @ p["W"].T + h @ p["U"].T + p["b"])))
        e = np.exp(h @ p["V"].T + p["b_y"])
        q = e / e.sum(1, keepdims=True)
        cost -= np.sum(y[t] * np.log(q)) / B
        steps.append((old, h, q))
    g, back = zeros(p), 0.0
    for t in reversed(range(len(x))):
        old, h, q = steps[t]
        d = ((q - y[t]) / B * scale).astype(dtype)
        g["V"] += d.T @ h
        g["b_y"] += d.sum(0)
        z = ((d @ p["V"] + back) * h * (1 - h)).astype(dtype)
        g["W"] += z.T @ x[t]
        g["U"] += z.T @ old
        g["b"] += z.sum(0)
        back = z @ p["U"]
    return scale * cost, g
"""


def audited(folder: Path, code: str, name: str, **table):
    (folder / "mine.py").write_text(HEAD + RIGHT + code, encoding="utf-8")
    return audit(f"mine.py:{name}", rnnsym.load("elman"), table or None)


def test_a_cost_summed_over_sequences_is_taken_as_that_and_said(here):
    found = audited(here, "def g(params, x, y):\n    return f(params, x, y, scale=x.shape[1])\n", "g")
    assert found.is_right
    assert found.cost == "their cost is summed over sequences and steps; gradients are compared accordingly"


def test_without_a_cost_the_factor_is_named(here):
    found = audited(here, "def g(params, x, y):\n    return f(params, x, y, scale=x.shape[1])[1]\n", "g")
    assert "all gradients are summed over the sequences instead of averaged" in found.explanations[0].slips[0].sentence
    assert audited(here, "def g(params, x, y):\n    return f(params, x, y, scale=x.shape[1])[1]\n", "g", average_over=[]).is_right


def test_another_forward_pass_is_told_by_its_cost(here):
    found = audited(here, "def g(params, x, y):\n    c, d = f(params, x, y)\n    return c + 1, d\n", "g")
    assert "the forward pass, or the cost, is another one" in found.cost


def test_single_precision_is_compared_as_such(here):
    found = audited(here, "def g(params, x, y):\n    return f(params, x, y, dtype=np.float32)\n", "g")
    assert found.is_right and found.tolerance == 1e-4 and "computed in single precision, so compared to 1e-4" in found.notes


def test_gradients_that_grow_from_call_to_call_are_noticed(here):
    code = "kept = {}\ndef g(params, x, y):\n    c, d = f(params, x, y)\n    for k in d:\n        s = (k, d[k].shape)\n        kept[s] = kept.get(s, 0) + d[k]\n        d[k] = kept[s]\n    return c, d\n"
    found = audited(here, code, "g")
    assert not found.is_right and any("does it add to gradients of the call before?" in note for note in found.notes)


def test_what_is_no_gradient_is_passed_over_and_said(here):
    found = audited(here, "def g(params, x, y):\n    c, d = f(params, x, y)\n    return c, {**d, 'steps': 3}\n", "g")
    assert found.is_right and "not compared, being no gradient of anything known: steps" in found.notes


def test_their_function_cannot_change_what_it_is_compared_with(here):
    code = "def g(params, x, y):\n    c, d = f(params, x, y)\n    for v in [*params.values(), x, y]:\n        v[...] = 0\n    return c, d\n"
    assert audited(here, code, "g").is_right


def test_nan_is_wrong_and_said(here):
    found = audited(here, "def g(params, x, y):\n    c, d = f(params, x, y)\n    d['V'][:] = np.nan\n    return c, d\n", "g")
    assert [c.name for c in found.wrong] == ["V"] and np.isnan(found.wrong[0].error) and not found.explanations


def test_targets_of_a_cross_entropy_are_classes_and_points_repeat():
    model = rnnsym.load("elman")
    first, again = (draw(model, {"n_x": 4, "n_h": 3, "n_y": 5}, 6, 3, (), 0) for _ in range(2))
    assert set(np.unique(first.data["y"])) == {0.0, 1.0} and (first.data["y"].sum(-1) == 1).all()
    np.testing.assert_array_equal(first.data["x"], again.data["x"])
