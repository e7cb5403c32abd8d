"""`rnnsym audit` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "my_lstm.py"


def test_a_wrong_backward_fails_with_what_is_wrong(run, folder):
    (folder / "mine.py").write_bytes(EXAMPLE.read_bytes())
    done = run("audit", "mine.py:backward", "lstm")
    assert done.code == 1 and done.err == ""
    assert done.out.startswith(
        "mine.py:backward against lstm (n_x = 4, n_y = 5, n_h = 3, T = 6, B = 3; seed 0)\n  their cost is that of the model\n"
    )
    assert "\n12 of 14 gradients are wrong; the first, going backwards from the loss, is that of `W_g`.\nThey are equal to" in done.out


def test_json_is_data_alone_whatever_the_function_prints(run, folder):
    text = "def backward(params, x, y):\n    print('working')\n    return {n: 0 * w for n, w in params.items()}\n"
    (folder / "mine.py").write_text("print('hello')\n" + text, encoding="utf-8")
    done = run("audit", "mine.py:backward", "elman", "--json", "--seconds", "0")
    report = json.loads(done.out)
    assert done.code == 1 and "hello" in done.err and "working" in done.err
    assert not report["right"] and [g["name"] for g in report["gradients"]] == ["V", "b_y", "W", "U", "b"]
    assert report["explanations"][0]["slips"][0] == {
        "kind": "left zero",
        "if": "all gradients are zero: never filled in",
        "equations": [],
    }


def test_a_right_backward_is_done(run, folder):
    text = (
        "def backward(params, x, y):\n    return {'W': sum(2 * (x[t] @ params.W.T - y[t]).T @ x[t] for t in range(len(x))) / x.shape[1]}\n"
    )
    (folder / "mine.py").write_text(text, encoding="utf-8")
    (folder / "line.rnn").write_text("x: input[n]\ny: target[m]\nloss[t] = squared_error(y[t], W @ x[t])\n", encoding="utf-8")
    done = run("audit", "mine.py:backward", "line.rnn")
    assert done.code == 0
    assert done.out.split("\n")[-2].startswith("The gradient is right: equal to the exact one, to ")


def test_a_map_in_a_file_is_followed(run, folder):
    text = "def backward(A, u, y):\n    return {'dA': sum(2 * u[:, t].T @ (u[:, t] @ A - y[:, t]) for t in range(u.shape[1]))}\n"
    (folder / "mine.py").write_text(text, encoding="utf-8")
    (folder / "line.rnn").write_text("x: input[n]\ny: target[m]\nloss[t] = squared_error(y[t], W @ x[t])\n", encoding="utf-8")
    (folder / "map.toml").write_text('layout = "btn"\naverage_over = []\nparams.A = "W.T"\ndata.u = "x"\n', encoding="utf-8")
    assert run("audit", "mine.py:backward", "line.rnn", "--map", "map.toml").code == 0


def test_a_wrong_call_is_told_without_a_traceback(run, folder):
    done = run("audit", "mine.py:backward", "lstm")
    assert done.code == 2 and done.err == "audit: error[U801]: there is no file `mine.py`\n"
