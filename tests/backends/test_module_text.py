"""What a generated module looks like: formatted, typed, safe against hostile text, the same every time, NumPy alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from models import TEXTS, module_of, system_of

import rnnsym
from rnnsym.backends.names import python_names
from rnnsym.backends.numpy_module import generate

MODELS = Path(rnnsym.__file__).parent / "models"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All modules of these tests and of the library, written out."""
    place = tmp_path_factory.mktemp("modules")
    for name in TEXTS:
        (place / f"{name.replace(' ', '_')}.py").write_text(rnnsym.generate(system_of(name)), encoding="utf-8")
    for path in sorted(MODELS.glob("*.rnn")):
        (place / f"{path.stem}.py").write_text(rnnsym.generate(rnnsym.load(path)), encoding="utf-8")
    return place


@pytest.mark.parametrize("command", [["check"], ["format", "--check", "--line-length", "100"]])
def test_the_formatter_and_the_linter_have_nothing_to_say(folder, command):
    tool = [str(Path(sys.executable).parent / "ruff"), *command, "--isolated", str(folder)]
    done = subprocess.run(tool, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_modules_import_numpy_alone(folder):
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert [a.name for a in node.names] == ["numpy"]
            if isinstance(node, ast.ImportFrom):
                assert node.module in ("__future__", "collections.abc", "typing", "numpy.typing")


def test_every_equation_is_cited():
    for name in TEXTS:
        system = system_of(name)
        text = rnnsym.generate(system)
        missing = [n for n in rnnsym.derive(system).numbers.values() if f"# ({n})" not in text]
        assert not missing, (name, missing)


def test_the_same_system_gives_the_same_bytes():
    assert generate(system_of("static")) == generate(rnnsym.parse(TEXTS["static"], name="static"))


HOSTILE = '''"""A doc with \\"\\"\\" quotes, {braces}, {{ jinja }}, {% raw %}, a backslash \\\\ and a # sign."""
x: input[n_x]    # said "so" \\ and {so} # fmt: off
y: target[n_x]
h: vector[n_x]
h[t] = tanh(U @ h[t-1] + x[t])    # """ + __import__("os") + """ {{ 7*7 }} \\n
loss[t] = squared_error(y[t], h[t])
'''


def test_a_users_text_is_never_code():
    system = rnnsym.parse(HOSTILE, name='no"ne')
    text = generate(system)
    tree = ast.parse(text)
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == "__import__"]
    assert "49" not in text.split("Fingerprint")[0]
    assert "{{ jinja }}" in ast.get_docstring(tree)


def test_names_that_meet_pythons_get_an_underscore_in_python_only():
    names = python_names(system_of("names"))
    changed = {k: v for k, v in names.items() if k != v}
    assert sorted(changed) == ["copy", "lengths", "np", "params", "range", "sigmoid", "steps", "trace"]
    assert all(python == f"{name}_" for name, python in changed.items())
    params = module_of("names").init_params(n_x=2, n_h=3, n_y=4, rng=0)
    assert params.copy_.shape == (3, 3) and params["copy"] is params.copy_


def test_a_model_that_looks_ahead_says_why_it_has_no_step():
    module = module_of("both ways")
    assert module.NO_CHUNKS == "both_ways has no step and no chunks: b reads b[t+1]"
    assert module.NO_CHUNKS in module.__doc__
