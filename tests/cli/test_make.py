"""`derive`, `generate`, `make`, `verify`, `build`, with the real generator; the same bytes from every process."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rnnsym
from rnnsym import library
from rnnsym.cli.files import is_untouched

CHECKOUT = Path(__file__).resolve().parent.parent.parent


def test_make_writes_a_module_that_runs_and_a_derivation(run, folder: Path):
    run("new", "mine", "--from", "lstm")
    assert run("make", "mine.rnn", "-o", "out") == (0, "out/mine.py\nout/mine.tex\n", "")
    assert (folder / "out" / "mine.tex").read_text().startswith("\\documentclass")
    spec = importlib.util.spec_from_file_location("mine", folder / "out" / "mine.py")
    mine = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mine)
    params = mine.init_params(n_x=3, n_h=4, n_y=2, rng=0)
    loss, grads, _ = mine.loss_and_grads(params, x=np.ones((5, 2, 3)), y=np.zeros((5, 2), int))
    assert np.isfinite(loss) and np.abs(grads.U_i).max() > 0


def test_make_again_changes_nothing_and_says_so(run):
    run("make", "elman")
    assert run("make", "elman").out == "elman.py  (unchanged)\nelman.tex  (unchanged)\n"


def test_make_leaves_an_edited_module_and_its_derivation_alone(run, folder: Path):
    run("make", "elman")
    module, document = folder / "elman.py", folder / "elman.tex"
    module.write_text(module.read_text() + "# mine\n")
    document.unlink()
    done = run("make", "elman")
    assert done.code == 2 and "`elman.py` was edited after rnnsym wrote it, and is left as it is" in done.err
    assert module.read_text().endswith("# mine\n") and not document.exists()
    assert run("make", "elman", "--force").code == 0
    assert is_untouched(module.read_text()) and document.exists()


def test_generate_gives_the_terminal_and_the_file_the_same_text(run, folder: Path):
    shown = run("generate", "elman")
    assert shown.code == 0 and shown.err == ""
    written = run("generate", "elman", "-o", "a.py")
    assert written == (0, "", "a.py\n") and (folder / "a.py").read_text() == shown.out


def test_derive_prints_the_equations_with_their_numbers(run):
    done = run("derive", "elman")
    assert done.code == 0
    assert "d_W = total(outer(" in done.out and "seal" not in done.out


def test_derive_writes_a_document_where_the_file_is_one(run, folder: Path):
    assert run("derive", "elman", "-o", "a.tex").code == 0
    assert (folder / "a.tex").read_text().startswith("\\documentclass")
    assert run("derive", "elman", "--format", "text", "-o", "a.tex").code == 2


def test_a_wrong_model_is_shown_with_a_caret_and_writes_nothing(run, folder: Path):
    (folder / "bad.rnn").write_text("x: input[n_x]\nh: vector[n_h]\nh[t] = tanh(W @ x[t] + U @ h_nw[t-1])\n")
    done = run("make", "bad.rnn", "-o", "out")
    assert done.code == 2 and done.out == ""
    assert "bad.rnn:3:28: error[" in done.err and "^^^^" in done.err and "Traceback" not in done.err
    assert not (folder / "out").exists()


def test_an_output_folder_that_is_a_file_is_named(run, folder: Path):
    (folder / "out").write_text("")
    done = run("make", "elman", "-o", "out")
    assert done.code == 2 and "`out` is not a folder: a file stands in the way" in done.err


def test_a_library_model_gives_the_same_module_by_name_and_by_path(run):
    by_name, by_path = run("generate", "elman").out, run("generate", str(library.find("elman"))).out
    assert by_name == by_path


def test_no_path_of_this_machine_is_in_an_output(run, folder: Path):
    (folder / "deep").mkdir()
    (folder / "deep" / "mine.rnn").write_text(library.find("lstm").read_text())
    run("make", str(folder / "deep" / "mine.rnn"), "-o", "a")
    run("make", "deep/mine.rnn", "-o", "b")
    for name in ("mine.py", "mine.tex"):
        text = (folder / "a" / name).read_text()
        assert text == (folder / "b" / name).read_text()
        assert str(folder) not in text and "deep/" not in text and str(CHECKOUT) not in text


def digests(seed: str, names: tuple[str, ...]) -> str:
    """What a fresh process with this hash seed makes of these models."""
    code = (
        "import sys, hashlib, rnnsym; from rnnsym.cli.make import module_file, derivation_file\n"
        "for name in sys.argv[1:]:\n"
        "    model = rnnsym.load(name)\n"
        "    texts = module_file(model), derivation_file(model), str(rnnsym.derive(model)), str(model)\n"
        "    print(name, *(hashlib.sha256(text.encode()).hexdigest() for text in texts))\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_two_processes_with_different_hash_seeds_write_the_same_bytes():
    names = ("birnn", "mlstm", "language_model")
    assert digests("1", names) == digests("2", names)


@pytest.mark.slow
def test_five_processes_with_different_hash_seeds_write_the_same_bytes():
    assert len({hashlib.sha256(digests(seed, library.names()).encode()).hexdigest() for seed in ("0", "1", "2", "3", "42")}) == 1


def test_loading_deriving_and_compiling_work_from_python_alone():
    model = rnnsym.load("gru")
    assert "d_U" in str(rnnsym.derive(model)) and "def loss_and_grads(" in rnnsym.generate(model)
    assert rnnsym.compile(model) is rnnsym.compile(rnnsym.load("gru"))


def test_a_device_is_not_replaced_by_a_file(run):
    done = run("generate", "elman", "-o", os.devnull)
    assert done.code == 2 and f"`{os.devnull}` is no ordinary file" in done.err
    assert not Path(os.devnull).is_file()


def test_a_name_that_cannot_be_imported_is_mentioned(run, folder: Path):
    (folder / "my-cell.rnn").write_text(library.find("elman").read_text())
    done = run("make", "my-cell.rnn")
    assert done.code == 0 and (folder / "my-cell.py").exists()
    assert done.err == "note: `import my-cell` is no Python: rename the model's file, or load the module by its path\n"


def test_make_with_tests_writes_a_test_beside_the_module(run, folder: Path):
    assert run("make", "elman", "-o", "out", "--with-tests").out == "out/elman.py\nout/elman.tex\nout/test_elman.py\n"
    text = (folder / "out" / "test_elman.py").read_text()
    assert is_untouched(text) and '"elman.py"' in text
    again = run("generate", "elman", "-o", "out/elman.py", "--with-tests")
    assert again.err == "out/elman.py  (unchanged)\nout/test_elman.py  (unchanged)\n"


def test_generate_with_tests_asks_for_a_place(run):
    done = run("generate", "elman", "--with-tests")
    assert done.code == 2 and done.out == "" and "error[U306]" in done.err and "instead:  -o FILE" in done.err
