"""The README shows what the tool prints: its model is made, its commands are run, its lines of code are found in the module."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from shown import OMITTED, stands_in

from rnnsym.cli.arguments import parser
from rnnsym.cli.main import main

CHECKOUT = Path(__file__).resolve().parent.parent
README = (CHECKOUT / "README.md").read_text()
BLOCKS = re.findall(r"(?ms)^```(\w+)\n(.*?)^```$", README)


def blocks(language: str) -> list[str]:
    return [text for word, text in BLOCKS if word == language]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds the README's model, as cell.rnn."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cell.rnn").write_text(blocks("python")[0])
    return tmp_path


def test_every_command_prints_what_the_readme_shows(folder, capsys):
    for session in re.split(r"(?m)^\$ rnnsym ", "".join(blocks("console")))[1:]:
        command, *shown = session.rstrip("\n").split("\n")
        assert main(command.split()) == 0, command
        assert stands_in(shown, capsys.readouterr().out.split("\n")), command


def test_the_lines_of_code_in_the_readme_are_in_the_module(folder):
    assert main(["generate", "cell.rnn", "-o", "cell.py"]) == 0
    shown = [line.rstrip() for line in blocks("python")[1].rstrip("\n").split("\n")]
    assert stands_in([OMITTED if line.strip() == OMITTED else line for line in shown], (folder / "cell.py").read_text().split("\n"))


def test_the_use_in_the_readme_runs(folder, monkeypatch):
    assert main(["generate", "cell.rnn", "-o", "cell.py"]) == 0
    monkeypatch.syspath_prepend(str(folder))
    space: dict = {}
    exec(blocks("python")[2], space)
    assert space["loss"] > 0 and space["grads"].vector.shape == space["params"].vector.shape


def test_ci_runs_the_readme_s_test_command_itself():
    script = (CHECKOUT / ".ci" / "run").read_text()
    pattern = re.search(r"command=\$\(sed -n '/(.+)/p' README\.md\)\n", script)
    assert pattern and 'bash -c "$command"\n' in script
    found = [line for line in README.split("\n") if re.search(pattern[1], line)]
    assert found == [blocks("sh")[1].strip()]


def test_the_readme_counts_the_library_right():
    count = len(list((CHECKOUT / "rnnsym" / "models").glob("*.rnn")))
    words = {16: "sixteen", 17: "seventeen", 18: "eighteen", 19: "nineteen", 20: "twenty", 21: "twenty-one", 22: "twenty-two"}
    assert f"the library: {words[count]} published cells" in README


def test_the_python_version_is_said_once_and_the_same():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert f"Python {project['requires-python'].removeprefix('>=')} or newer" in README


def test_the_readme_names_every_command():
    (choices,) = [action.choices for action in parser()._actions if action.dest == "command"]
    table = README[README.index("## Commands") :]
    assert [command for command in choices if f"`rnnsym {command}" not in table and f"`{command}`" not in table] == []


def test_the_files_that_the_readme_names_exist():
    named = re.findall(r"`((?:docs|tests|rnnsym|generated)/[\w./-]+)`", README)
    assert named and [path for path in named if not (CHECKOUT / path).exists()] == []
