"""MODEL, `list`, `new`, `check`, `show`: what needs no generated code."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnnsym import library
from rnnsym.errors import UsageError

WRONG = "x: input[n_x]\nh[t] = tanh(W @ x[t] + U @ h[t-1]\n"


def test_list_prints_each_model_with_its_first_sentence(run):
    done = run("list")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()] == list(library.names())
    assert "Long short-term memory with a softmax readout." in done.out


def test_a_bare_word_is_a_library_name_whatever_lies_here(folder: Path):
    (folder / "lstm").mkdir()
    (folder / "lstm.rnn").write_text("h[t] = 1\n")
    assert library.find("lstm").parent != folder
    assert library.find("lstm.rnn") == Path("lstm.rnn")


def test_a_library_name_beside_a_file_of_that_name_is_mentioned(run, folder: Path):
    (folder / "elman.rnn").write_text("h[t] = 1\n")
    done = run("show", "elman")
    assert done.code == 0 and done.err == "note: `elman` is the library's model; the file in this folder is `elman.rnn`\n"


def test_an_unknown_name_gets_the_nearest_ones(run):
    done = run("show", "lstn")
    assert done.code == 2
    assert done.err.splitlines()[0] == "rnnsym: error[U101]: the library has no model `lstn`"
    assert "instead:  lstm" in done.err


def test_a_word_that_is_a_file_here_is_told_how_to_be_one(folder: Path):
    (folder / "mine.rnn").write_text("h[t] = 1\n")
    with pytest.raises(UsageError, match=r"instead:  mine\.rnn, the file in this folder"):
        library.find("mine")


def test_a_folder_is_no_model(run, folder: Path):
    (folder / "cells").mkdir()
    (folder / "cells" / "a.rnn").write_text("")
    done = run("show", "./cells")
    assert done.code == 2 and "`cells` is a folder" in done.err and "instead:  cells/a.rnn" in done.err


def test_a_missing_file_gets_its_neighbours(run, folder: Path):
    (folder / "mine.rnn").write_text("")
    done = run("show", "mime.rnn")
    assert done.code == 2 and "there is no file `mime.rnn`" in done.err and "mine.rnn" in done.err.splitlines()[-1]


def test_new_copies_a_model_and_says_what_to_do(run, folder: Path):
    done = run("new", "mine", "--from", "lstm")
    assert done == (0, "mine.rnn: from lstm. Edit it, then\n  rnnsym show mine.rnn\n  rnnsym make mine.rnn\n", "")
    assert (folder / "mine.rnn").read_text() == library.find("lstm").read_text()


def test_new_leaves_an_existing_file_alone(run, folder: Path):
    (folder / "mine.rnn").write_text("precious")
    done = run("new", "mine")
    assert done.code == 2 and "`mine.rnn` exists and is left as it is" in done.err
    assert (folder / "mine.rnn").read_text() == "precious"
    assert run("new", "mine", "--force").code == 0


@pytest.mark.parametrize(
    ("name", "instead"),
    [("../mine", "mine"), ("a/b", "b"), ("9lives", "model_9lives"), ("my-cell", "my_cell"), ("class", "model_class"), ("", "model")],
)
def test_new_refuses_names_that_no_module_can_have(run, folder: Path, name, instead):
    done = run("new", name)
    assert done.code == 2 and done.err.splitlines()[-1] == f"  instead:  {instead}"
    assert list(folder.iterdir()) == []


def test_check_reports_every_file_and_fails_if_one_is_wrong(run, folder: Path):
    (folder / "bad.rnn").write_text(WRONG)
    done = run("check", "bad.rnn", "elman")
    assert done.code == 2
    assert "bad.rnn:2:" in done.err and "^" in done.err and "Traceback" not in done.err
    assert done.out == "elman: 3 equations, 5 parameters, no warnings, no errors\n"


def test_check_prints_warnings_and_succeeds(run, folder: Path):
    (folder / "a.rnn").write_text("x: input[n_x]\nh[t] = tanh(W_hid @ x[t] + W_hit @ h[t-1])\nh: vector[n_h]\n")
    done = run("check", "a.rnn")
    assert done.code == 0 and "warning[" in done.err and "1 warning, no errors" in done.out


def test_show_has_every_section(run):
    done = run("show", "lstm")
    assert done.code == 0
    titles = [line for line in done.out.splitlines() if line and not line.startswith(" ")]
    assert titles[-5:] == ["Data", "Parameters", "Computed", "Carried from step to step", "Schedule"]
    assert "  (5)  c[t] = f[t] * c[t-1] + i[t] * g[t]               # cell state\n" in done.out
    assert "altogether 4 n_h² + 4 n_h n_x + n_h n_y + 4 n_h + n_y\n" in done.out


def test_show_counts_in_numbers_where_sizes_are_given(run):
    assert "= 81,674\n" in run("show", "lstm", "--sizes", "n_x=28, n_h=128,n_y=10").out


def test_show_says_which_way_each_recurrence_runs(run):
    schedule = run("show", "birnn").out.split("Schedule\n")[1]
    assert "step by step       t = 1 … T" in schedule and "step by step       t = T … 1" in schedule


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [("n_hh=3", "`n_hh` is not a size of `lstm`"), ("n_h=x", "`n_h=x` gives no whole number"), ("n_h=0", "`n_h=0` gives no whole number")],
)
def test_show_refuses_sizes_that_the_model_has_not(run, sizes, sentence):
    done = run("show", "lstm", "--sizes", sizes)
    assert done.code == 2 and sentence in done.err


def test_show_names_what_python_calls_otherwise(run, folder: Path):
    (folder / "a.rnn").write_text("x: input[n_x]\nh[t] = tanh(params @ x[t] + U @ h[t-1])\nh: vector[n_h]\n")
    assert "Named otherwise in Python\n  params  → params_\n" in run("show", "a.rnn").out


def test_show_tells_what_was_inferred_from_what_the_file_says(run):
    rows = {line.split()[0]: line for line in run("show", "lstm").out.splitlines() if line.startswith("  ")}
    assert "inferred" in rows["W_i"] and "inferred" not in rows["b_f"] and "inferred" in rows["c[t]"] and "inferred" not in rows["h[t]"]
