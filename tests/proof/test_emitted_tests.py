"""Emitted tests: they pass beside the module they are made for, fail beside a broken one, and are files one would keep."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from broken_modules import breakable, broken

import rnnsym
from rnnsym.proof.emitted_tests import emitted_tests
from rnnsym.resources import models_folder

CHECKOUT = Path(__file__).parents[2]
ODD = {
    "tokens": "x: token[n]\ny: target[n]\nh: vector[m]\nh[t] = tanh(E @ x[t] + F @ x[t-1] + U @ h[t-1])\n"
    "loss[t] = cross_entropy(y[t], softmax(V @ h[t]))\n",
    "static": "x: input[n]\ns: input[m]\ngamma: constant\nlam: constant = 0.1\ny: target\nh[0] = tanh(W_0 @ s)\nh: vector[n_h]\n"
    "h[t] = tanh(W @ x[t] + gamma * (C @ s) + U @ h[t-1] - Q @ h[t-3])\nloss = squared_error(y[T], sum(h[T])) + lam * sum(W**2)\n",
    "both_ways": "x: input[n]\ny: target[m]\nf: vector[k]\nb: vector[l]\nb[T+1] = e\nf[t] = tanh(W @ x[t] + U @ f[t-1])\n"
    "b[t] = tanh(V @ x[t] + Q @ b[t+2] + R @ f[t-1])\nloss[t] = squared_error(y[t], P @ f[t] + S @ b[t] + Z @ x[t+1])\n",
    "no_loss": "x: input[n]\nh: vector[m]\nh[t] = max(tanh(W @ x[t] + U @ h[t-1]), 0.1 * h[t-1])\n",
    "no_data": "h: vector[m]\nh[0] = h_0\nh[t] = tanh(U @ h[t-1] + stop_gradient(b))\nloss[t] = sum(h[t]**2) * (1 if t == T else 0.5)\n",
    "odd_names": "np: input[T]\ndata: target[T]\nI: vector[T]\nI[t] = tanh(seq @ I[t-1] + np[t] * exp)\nexp: param[T]\nseq: param[T, T]\n"
    "steps[t] = sum(I[t])\nsum[t] = norm(I[t]) + pi * steps[t]\nloss[t] = squared_error(data[t], I[t]) + 0.1 * sum[t]\n",
    "no_params": "x: input[n]\ny: target[n]\nh[t] = 0.5 * h[t-1] + x[t]\nh: vector[n]\nloss[t] = squared_error(y[t], h[t])\n",
}


def _pytest(folder: Path) -> tuple[str, set[str]]:
    """What pytest says of a folder's tests, and the files of which one failed."""
    words = [sys.executable, "-m", "pytest", "-q", "--tb=line", "-rfE", "-p", "no:cacheprovider", "-c", "/dev/null", "."]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout, set(re.findall(r"^(?:FAILED|ERROR) ([^:\s]+)", done.stdout, re.M))


def _write(folder: Path, name: str, system: rnnsym.System, module: str | None = None) -> None:
    (folder / f"{name}.py").write_text(module or rnnsym.generate(system), encoding="utf-8")
    (folder / f"test_{name}.py").write_text(emitted_tests(system, f"{name}.py"), encoding="utf-8")


def _ruff(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "ruff", *words, "--no-cache"], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    for name, text in ODD.items():
        _write(folder, name, rnnsym.parse(text, name=name))
    return folder


def test_emitted_tests_of_models_of_every_kind_pass(odd):
    said, failed = _pytest(odd)
    assert not failed and re.search(r"\d{3} passed", said), said


@pytest.mark.parametrize("width", [100, 140])
def test_emitted_tests_are_as_ruff_leaves_them(odd, width):
    for name in ODD:
        path = str(odd / f"test_{name}.py")
        settings = ("--isolated", "--config", f"line-length={width}")
        assert not _ruff("check", *settings, path)
        assert not _ruff("format", "--diff", *settings, path)


def test_emitted_tests_need_numpy_and_pytest_alone(odd):
    for path in odd.glob("test_*.py"):
        imported = re.findall(r"^(?:import|from) (\w+)", path.read_text(encoding="utf-8"), re.M)
        assert set(imported) <= {"importlib", "math", "pathlib", "numpy", "pytest"}


def test_the_equations_stand_in_the_test_as_on_paper():
    text = emitted_tests(rnnsym.load("lstm"), "lstm.py")
    assert "c = Series(T, (n_h,), lambda t: f[t] * c[t-1] + i[t] * g[t])" in text
    assert "rnnsym generate lstm --with-tests" in text


def test_equal_systems_have_equal_tests():
    system = rnnsym.parse(ODD["static"], name="static")
    assert emitted_tests(system, "a.py") == emitted_tests(rnnsym.parse(str(system), name="static"), "a.py")


def test_seeded_faults_fail_the_emitted_tests(tmp_path):
    system = rnnsym.load("elman")
    source = rnnsym.generate(system)
    places = [place for place, what in enumerate(breakable(source)) if not HARMLESS.search(what)]
    for place in (places[0], places[len(places) // 2]):
        _write(tmp_path, f"fault_{place}", system, broken(source, place))
    _, failed = _pytest(tmp_path)
    assert failed == {f"test_fault_{place}.py" for place in (places[0], places[len(places) // 2])}


# A break that changes no result: zeros have no sign, nor has room that is written before it is read; what is cleared in the padding was
# zero there, or is overwritten; `full` is a flag.
HARMLESS = re.compile(r"\.zeros\(|work\.array\(|= \w+_room\b|\bclear\(|\bfull = ")


@pytest.mark.slow
def test_every_tenth_broken_statement_of_a_module_fails_its_emitted_test(tmp_path):
    system = rnnsym.load("elman")
    source = rnnsym.generate(system)
    said = {place: what for place, what in enumerate(breakable(source)) if place % 10 == 0}
    for place in said:
        _write(tmp_path, f"fault_{place}", system, broken(source, place))
    _, failed = _pytest(tmp_path)
    survivors = [what for place, what in said.items() if f"test_fault_{place}.py" not in failed]
    assert len(failed) > 4 and not [what for what in survivors if not HARMLESS.search(what)], survivors


@pytest.mark.slow
def test_emitted_tests_of_some_of_the_library_and_the_cells_pass(tmp_path):
    for path in (*sorted(models_folder().glob("*.rnn"))[::8], *sorted((CHECKOUT / "tests" / "cells").glob("*.rnn"))[::8]):
        _write(tmp_path, path.stem, rnnsym.load(path))
    said, failed = _pytest(tmp_path)
    assert not failed and " passed" in said, said
