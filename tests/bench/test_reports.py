"""What the command reports: contestants, those that cannot take part, profile, streams, growth; as data and as tables."""

from __future__ import annotations

import ast
import json
import time

import numpy as np
import pytest

import rnnsym
from rnnsym.bench import machine, page, tasks
from rnnsym.bench.machine import sentence
from rnnsym.bench.page import matrix
from rnnsym.bench.profile import _kind, profile
from rnnsym.bench.report import compared, generated, grown, profiled, streamed
from rnnsym.bench.schedule import Plan
from rnnsym.bench.stream import recurrences
from rnnsym.cli.main import main

SMALL = {"model": "lstm", "sizes": "T=3,B=2,n_x=3,n_h=4,n_y=5", "threads": 1, "dtype": "float64", "rounds": 2}
SPREAD = {"lower", "median", "upper"}


def test_a_report_holds_times_ratios_errors_products_and_the_machine():
    report = json.loads(json.dumps(tasks.compare(SMALL | {"against": ["limit", "naive"]})))
    (row,) = report["rows"]
    assert [c["name"] for c in row["contestants"]] == ["limit", "rnnsym", "naive"]
    assert row["sizes"] == {"T": 3, "B": 2, "n_x": 3, "n_h": 4, "n_y": 5}
    for entry in row["contestants"]:
        assert set(entry["to_limit"]) == SPREAD
        assert set(entry["seconds"]) == SPREAD | {"best"}
        assert (entry["error"] is None) == (entry["name"] == "limit")
    assert {"role", "product", "shape", "flops"} == set(row["products"][0])
    assert len(row["products"]) == 8
    assert {"processor", "cores", "python", "versions", "blas", "threads", "load"} <= set(report["machine"])
    assert "1 thread" in sentence(report["machine"])
    head, *lines = compared(row)
    assert head[2:] == ("median", "best", "/ limit", "quartiles", "/ rnnsym", "error")
    assert [line[0] for line in lines] == ["limit", "rnnsym", "naive"]
    assert lines[0][4] == "1.00"


def test_a_peer_that_is_not_installed_is_said_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine.util, "find_spec", lambda name: None)
    report = tasks.compare(SMALL | {"against": ["torch", "torch-loop", "jax"]})
    assert report["rows"][0]["absent"] == {
        "torch": "torch is not installed",
        "torch-loop": "torch is not installed",
        "jax": "jax is not installed",
    }
    assert "JAX, jit and lax.scan: jax is not installed." in matrix(report)
    assert "| JAX, jit and lax.scan | – |" in matrix(report)


def test_a_cell_that_pytorch_has_not_is_said_so():
    report = tasks.compare(SMALL | {"model": "gru", "against": ["torch"]})
    assert report["rows"][0]["absent"]["torch"] == "PyTorch has no such cell: the recurrence of h is none of its RNN, LSTM, GRU"


def test_a_model_without_matrices_says_that_it_has_no_limit(tmp_path):
    file = tmp_path / "leaky.rnn"
    file.write_text("x: input[n]\nh[t] = a * h[t-1] + x[t]\nloss[t] = sum(h[t]**2)\n")
    report = tasks.compare(SMALL | {"model": str(file), "sizes": "T=3,B=2,n=4", "against": ["limit"]})
    assert report["rows"][0]["absent"] == {"limit": "the model has no matrix product that all sequences share"}
    assert compared(report["rows"][0])[0] == ("", "", "median", "best", "/ rnnsym", "error")


def test_who_computes_something_else_is_not_timed(monkeypatch: pytest.MonkeyPatch):
    def wrong(case, module, schedule: Plan, threads: int):
        honest = tasks.BUILDERS["rnnsym"](case, module, schedule, threads)

        def result():
            loss, gradients = honest.result()
            return loss, gradients | {"U_f": gradients["U_f"].T}

        return tasks.Contestant("naive", honest.step, result)

    monkeypatch.setitem(tasks.BUILDERS, "naive", wrong)
    row = tasks.compare(SMALL | {"against": ["naive"]})["rows"][0]
    assert [c["name"] for c in row["contestants"]] == ["rnnsym"]
    assert row["absent"]["naive"].startswith("not timed: the gradient of U_f differs by ")


STEEP = "x: input[n]\nW: param[n, n]\nh[t] = W @ x[t]\nloss[t] = sum(sin({} * h[t]))\n"


@pytest.mark.parametrize("slope, rounding_decides", [("1", False), ("3e4", True)])
def test_what_rounding_alone_does_is_allowed_but_no_wrong_gradient(slope, rounding_decides, tmp_path):
    """In float32 the sine of large numbers is not exact: who rounds otherwise is timed, who computes something else is not."""
    file = tmp_path / "steep.rnn"
    file.write_text(STEEP.format(slope))
    system = rnnsym.load(str(file))
    module = rnnsym.compile(system)
    (scale,) = tasks.scales(system, "T=3,B=2,n=4")
    case = tasks.cases(system, module, scale, "float32")
    reference = tasks.training.result(module, case, np.float64)
    allowed = tasks._allowed(case, reference)
    assert (allowed > tasks.TOLERANCES["float32"]) == rounding_decides and allowed <= tasks.WRONG
    honest = tasks.training.result(module, case)
    assert tasks.disagreement(honest, reference)[0] <= allowed
    wrong = honest[0], {name: 1.3 * gradient for name, gradient in honest[1].items()}
    assert tasks.disagreement(wrong, reference)[0] > allowed


def test_a_profile_finds_the_products_of_every_step_and_its_shares_are_all_of_the_time():
    report = tasks.profiling(SMALL | {"against": []})
    (row,) = report["rows"]
    assert {line["kind"] for line in row["lines"]} >= {"product", "elementwise", "check"}
    assert any(line["kind"] == "product" and line["where"] == "forward, loop" and line["calls"] == 3 for line in row["lines"])
    assert any(line["kind"] == "product" and line["where"].startswith("backward") for line in row["lines"])
    shares = [float(cells[0].rstrip("%")) for cells in profiled(row)[1 : [*map(any, profiled(row))].index(False)]]
    assert abs(sum(shares) - 100) < 1


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("np.dot(weights, h_t, out=z_t)", "product"),
        ("d_h[t] += d_z[t + 1] @ U", "product"),
        ("np.tanh(z, out=z)", "elementwise"),
        ("c[t] = f[t] * c_prev[t]", "elementwise"),
        ("h = operands[1 : steps + 1, n_x : n_h + n_x]", "move"),
        ("sums = work.array('sums', (steps, 4 * n_h, batch), dtype)", "move"),
    ],
)
def test_a_statement_is_told_by_the_heaviest_thing_it_does(line: str, kind: str):
    source = f"def _forward(params, run):\n    {line}\ndef loss_and_grads(params):\n    pass\n"
    assert [_kind(statement) for statement in ast.parse(source).body[0].body] == [kind]


def test_a_profile_finds_where_the_time_goes():
    source = "def _forward(params):\n    for t in range(3):\n        wait(0.01)\n    wait(0.002)\n\ndef loss_and_grads(params):\n    _forward(params)\n"

    def run(module):
        module.wait = time.sleep
        module.loss_and_grads(None)
        module.loss_and_grads(None)

    lines = {line.number: line for line in profile(source, "waiting", run, 2)}
    assert lines[3].calls == 3 and lines[3].where == "forward, loop" and lines[3].seconds >= 0.029
    assert lines[4].calls == 1 and lines[4].where == "forward" and lines[4].seconds > 0.001
    assert lines[3].seconds > 2 * lines[4].seconds


def test_the_recurrences_alone_are_what_a_stream_is_timed_with():
    alone = recurrences(rnnsym.load("lstm"))
    assert [d.name for d in alone.definitions] == ["i", "f", "o", "g", "c", "h"]
    assert {"V", "b_y", "y"}.isdisjoint(alone.by_name)


def test_a_stream_stands_beside_its_products():
    report = tasks.streaming(SMALL | {"sizes": "T=1,B=1,n_h=4,n_x=3", "against": []})
    rows = streamed(report["rows"][0])
    assert [row[0] for row in rows] == ["", "products", "step"]
    assert rows[2][4].endswith("µs")


def test_growth_has_a_row_for_every_number_of_steps_and_sequences():
    report = tasks.growing(SMALL | {"sizes": "T=2,B=3,n_h=4,n_x=3,n_y=5", "against": []})
    rows = grown(report)
    assert [row[0] for row in rows] == ["", "T = 2", "T = 4", "T = 8", "T = 16", "B = 3", "B = 6", "B = 12", "B = 24"]
    assert all(r["peak"] > 0 for r in report["rows"])


@pytest.mark.slow
def test_the_page_has_every_part_with_its_figures(monkeypatch: pytest.MonkeyPatch):
    """Measured here in this process, at sizes that take no time, without the peers."""
    asked = []

    def quickly(task: str, request: dict) -> dict:
        asked.append((task, request["model"], request["sizes"], request["threads"]))
        small = {"T": 2, "B": 3} if task == "growing" else {"T": 1, "B": 1} if task == "streaming" else {"T": 3, "B": 2}
        words = [
            *(f"{n}={v}" for n, v in small.items()),
            *(f"{s.name}=4" for s in rnnsym.load(request["model"]).sizes if s.name != "n_y" or task != "streaming"),
        ]
        names = [w for w in request["sizes"].split(",") if "=" not in w]
        return getattr(tasks, task)(request | {"sizes": ",".join([*names, *words]), "against": ["limit"], "rounds": 1})

    monkeypatch.setattr(page, "in_fresh_process", quickly)
    monkeypatch.setattr(tasks.growth, "LAYERS", (1, 2))
    monkeypatch.setattr(machine.os, "getloadavg", lambda: (0.3, 9.0, 9.0))
    said = []
    text = page.page(1, said.append)
    titles = [line for line in text.split("\n") if line.startswith("#")]
    assert titles[:4] == ["# Benchmarks", "## LSTM, one thread", "## LSTM, two threads", "## Other cells that PyTorch has"]
    assert titles[-3:] == ["## Streams", "## Longer and wider", "## Making the module"]
    assert {f"### {model}" for _, models in page.OTHERS for model in models} <= set(titles)
    assert ("compare", "lstm", "small,medium,large,long", 2) in asked
    assert len(said) == len(asked)
    assert "Its load before the measurements: 0.3." in text
    assert all(
        len(set(block.count("|") for block in table.split("\n"))) == 1 for table in text.strip().split("\n\n") if table.startswith("|")
    )


def test_generating_counts_equations():
    rows = generated({"rows": [{"layers": 2, "equations": 14, "seconds": 0.14}]})
    assert rows[1] == ("2", "14", "140 ms", "10 ms")


def test_the_command_measures_in_a_process_of_its_own(capsys: pytest.CaptureFixture[str]):
    words = ["bench", "rnn", "--sizes", "T=3,B=2,n_h=4,n_x=3,n_y=5", "--rounds", "1", "--against", "limit", "--json"]
    assert main(words) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["model"] == "rnn"
    assert report["machine"]["blas_threads"] in (1, None)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["bench", "lstm", "--against", "limit,tensorflow"], "`tensorflow` is nothing to compare with"),
        (["bench", "lstm", "--rounds", "0"], "0 rounds measure nothing"),
        (["bench", "lstm", "--sizes", "huge"], "`huge` is no size of `lstm`"),
        (["bench"], "no model is named"),
    ],
)
def test_a_wrong_call_is_told_before_anything_is_started(words: list[str], found: str, capsys: pytest.CaptureFixture[str]):
    assert main(words) == 2
    assert found in capsys.readouterr().err
