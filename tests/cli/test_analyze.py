"""`rnnsym analyze`: the table, JSON, figures of the same bytes each time, and plain sentences where something is missing."""

from __future__ import annotations

import importlib.util
import json

import pytest

from rnnsym.cli.main import main
from rnnsym.library import load

QUICK = ["--steps", "10", "--sizes", "n_h=6"]


def test_the_table_shows_rate_and_bound_side_by_side(capsys):
    assert main(["analyze", "rnn", *QUICK]) == 0
    said = capsys.readouterr().out
    assert "recurrent weights: W_h" in said and "rate   bound" in said
    assert "small: errors vanish" in said and "as they must (bound 0.500)" in said
    assert "A rate is not a bound" in said


def test_json_holds_every_number(capsys):
    assert main(["analyze", "gru", "--json", "--scales", "0.5,2", *QUICK]) == 0
    report = json.loads(capsys.readouterr().out)
    (recurrence,) = report["recurrences"]
    assert [c["scale"] for c in recurrence["curves"]] == [0.5, 2.0]
    assert all(len(c["cost"]) == 10 and c["rate"] > 0 for c in recurrence["curves"])


def test_figures_have_the_same_bytes_each_time(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="figures need matplotlib (pip install rnnsym[figures])")
    from rnnsym.cli.growth_figure import growth_figure
    from rnnsym.proof.measured_growth import measure_growth

    report = measure_growth(load("birnn"), steps=6, sizes={"n_f": 3, "n_b": 4})
    for kind in ("svg", "pdf"):
        assert growth_figure(report, kind) == growth_figure(report, kind)
    target = tmp_path / "rnn.png"
    words = ["analyze", "rnn", *QUICK, "-o", str(target)]
    assert main(words) == 0
    assert target.read_bytes().startswith(b"\x89PNG") and len(target.read_bytes()) > 20_000
    assert main(words) == 0 and "(unchanged)" in capsys.readouterr().err
    assert main([*words, "--seed", "1"]) == 2 and "is left as it is" in capsys.readouterr().err


def test_without_matplotlib_there_is_the_table_and_a_sentence(tmp_path, capsys, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr("rnnsym.cli.analyze.find_spec", lambda name: None if name == "matplotlib" else found(name))
    assert main(["analyze", "rnn", *QUICK, "-o", str(tmp_path / "rnn.png")]) == 2
    shown = capsys.readouterr()
    assert "rate   bound" in shown.out and "a figure needs matplotlib" in shown.err and not (tmp_path / "rnn.png").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-o", "rnn.jpg"], "an ending of png, svg, pdf"),
        (["--scales", "0.5,much"], "positive numbers"),
        (["--scales", "-1"], "positive numbers"),
        (["--steps", "2"], "at least 5"),
        (["--sizes", "n_z=3"], "not a size of `rnn`"),
    ],
)
def test_wrong_options_are_told_what_is_expected(words, sentence, capsys):
    assert main(["analyze", "rnn", *words]) == 2
    assert sentence in capsys.readouterr().err
