"""What a crash, a full disk, Ctrl-C or a stranger's folder leaves behind: every file old or new, none half, nothing beside them."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rnnsym.cli import files
from rnnsym.cli.files import is_untouched, seal, write_all
from rnnsym.errors import UsageError

SETTINGS = '[tool.rnnsym]\nmodels = ["m/*.rnn"]\nmodule = "gen/{name}.py"\n'
MODEL = "x: input[n]\nh: vector[n]\nh[t] = tanh(W @ x[t] + U @ h[t-1])\nloss[t] = sum(h[t])\n"


@pytest.fixture
def pair(tmp_path: Path) -> dict[Path, str]:
    """Two files that rnnsym wrote, and what they should become."""
    places = [tmp_path / "a.py", tmp_path / "b.py"]
    write_all({place: seal("old = 1\n") for place in places})
    return {place: seal("new = 1\n" * 5_000) for place in places}


def _contents(pair: dict[Path, str]) -> list[str]:
    """ "old" or "new" for each file; nothing else may lie in their folder."""
    folder = next(iter(pair)).parent
    assert sorted(p.name for p in folder.iterdir()) == ["a.py", "b.py"]
    found = [path.read_text() for path in pair]
    assert all(is_untouched(text) for text in found)
    return [text[:3] for text in found]


def test_a_full_disk_leaves_every_file_old(pair):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))  # a write stops in the middle, as on a full disk
    try:
        with pytest.raises(UsageError, match="cannot be written: File too large"):
            write_all(pair)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert _contents(pair) == ["old", "old"]


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
def test_a_stop_at_any_step_leaves_every_file_old_or_new(pair, monkeypatch, step, call, stop):
    real, seen = getattr(os, step), []

    def stopping(*arguments):
        seen.append(arguments)
        if len(seen) == call:
            raise stop
        return real(*arguments)

    monkeypatch.setattr(files.os, step, stopping)
    with pytest.raises(stop):
        write_all(pair)
    monkeypatch.undo()
    assert _contents(pair) == (["new", "old"] if (step, call) == ("replace", 2) else ["old", "old"])


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.4, 1.0, 1.6])
def test_ctrl_c_in_the_middle_of_a_build(tmp_path: Path, after):
    (tmp_path / "pyproject.toml").write_text(SETTINGS)
    (tmp_path / "m").mkdir()
    for number in range(12):
        (tmp_path / "m" / f"m{number}.rnn").write_text(MODEL)
    process = subprocess.Popen(
        [sys.executable, "-m", "rnnsym", "build"], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode in (0, 130, -signal.SIGINT), said
    assert not [p for p in tmp_path.rglob("*.part")]
    assert all(is_untouched(path.read_text()) for path in (tmp_path / "gen").glob("*.py"))
    assert subprocess.run([sys.executable, "-m", "rnnsym", "build"], cwd=tmp_path, check=False, capture_output=True).returncode == 0


# ---------------------------------------------------------------- a stranger's project


@pytest.fixture
def project(folder: Path) -> Path:
    """A project inside the current folder, and a place beside it that is none of its business."""
    inside = folder / "project"
    (inside / "m").mkdir(parents=True)
    (inside / "m" / "one.rnn").write_text(MODEL)
    (inside / "pyproject.toml").write_text(SETTINGS)
    (folder / "private").mkdir()
    os.chdir(inside)
    return inside


def test_an_output_that_is_a_link_to_the_outside_is_refused(run, project: Path):
    os.chdir(project)
    (project / "gen").mkdir()
    (project / "gen" / "one.py").symlink_to(project.parent / "private" / "start.py")
    done = run("build", "--force")
    assert done.code == 2 and "gen/one.py is a link that leads out of the project's folder" in done.err
    assert not list((project.parent / "private").iterdir())


def test_a_cache_that_is_a_link_to_the_outside_is_not_written(run, project: Path):
    os.chdir(project)
    (project / ".rnnsym_cache").symlink_to(project.parent / "private")
    assert run("build").code == 0
    assert not list((project.parent / "private").iterdir())


@pytest.mark.parametrize(
    "line", ['module = "../{name}.py"', 'module = "/tmp/{name}.py"', 'tests = "a/../../test_{name}.py"', 'page = "~/../../{name}.html"']
)
def test_places_outside_the_project_are_refused(run, project: Path, line):
    os.chdir(project)
    (project / "pyproject.toml").write_text(
        '[tool.rnnsym]\nmodels = ["m/*.rnn"]\n' + ("" if line.startswith("module") else 'module = "{name}.py"\n') + line + "\n"
    )
    done = run("build")
    assert done.code == 2 and "leads out of the project's folder" in done.err


@pytest.mark.parametrize("name", ["..", "...", "-x", "a b", "модель", "a'b", 'a"b', "a{{b}}", "a%b&c#d", "a\nimport os\n", "$(touch x)"])
def test_a_model_of_any_file_name_stays_in_its_folder_and_runs(run, folder: Path, name):
    (folder / f"{name}.rnn").write_text(MODEL)
    done = run("make", f"./{name}.rnn", "-o", "out", "--with-tests")
    assert done.code == 0, done.err
    assert sorted(p.name for p in (folder / "out").iterdir()) == sorted([f"{name}.py", f"{name}.tex", f"test_{name}.py"])
    assert {p.name for p in folder.iterdir()} == {f"{name}.rnn", "out"}
    for path in (folder / "out").glob("*.py"):
        imported = re.findall(r"(?m)^\s*(?:import|from) ([\w.]+)", re.sub(r'(?s)""".*?"""', "", path.read_text()))
        assert set(imported) <= {
            "__future__",
            "collections.abc",
            "typing",
            "numpy",
            "numpy.typing",
            "importlib.util",
            "math",
            "pathlib",
            "pytest",
        }


@pytest.mark.parametrize("change", [lambda b: b.replace(b"\n", b"\r\n"), lambda b: b"\xef\xbb\xbf" + b])
def test_line_ends_and_byte_order_marks_change_no_output(run, folder: Path, change):
    (folder / "m.rnn").write_bytes(MODEL.encode())
    plain = run("generate", "m.rnn").out
    (folder / "m.rnn").write_bytes(change(MODEL.encode()))
    assert run("generate", "m.rnn").out == plain


def test_a_folder_of_any_name_holds_a_project(run, folder: Path):
    place = folder / "données é 模型"
    place.mkdir()
    (place / "m.rnn").write_text(MODEL)
    assert run("make", "données é 模型/m.rnn", "-o", "données é 模型/öut").code == 0
    assert (place / "öut" / "m.py").is_file()
