"""The frame of the command line: help, exit codes, errors without tracebacks."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from rnnsym.cli import main as frame
from rnnsym.cli.arguments import parser
from rnnsym.errors import InternalError

COMMANDS = ("list", "show", "check", "new", "derive", "generate", "make", "build", "verify", "audit")


def process(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rnnsym", *words], capture_output=True, text=True, timeout=60, env={**os.environ, **environment}
    )


@pytest.mark.parametrize("words", [["--help"], ["list"], *[[c, "--help"] for c in COMMANDS]], ids=" ".join)
def test_what_needs_no_model_imports_neither_sympy_nor_numpy(words):
    code = (
        f"import sys; from rnnsym.cli.main import main; main({words!r}); print(sorted({{'sympy', 'numpy', 'jinja2'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_importing_the_package_imports_neither_sympy_nor_numpy():
    code = "import sys, rnnsym; dir(rnnsym); print(sorted({'sympy', 'numpy', 'jinja2'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stdout == "[]\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(run, command):
    done = run(command, "--help")
    assert done.code == 0 and f"examples:\n  rnnsym {command}" in done.out


def test_help_names_every_command(run):
    done = run("--help")
    assert done.code == 0
    assert all(f"\n    {command} " in done.out for command in COMMANDS)


def test_without_a_command_the_help_goes_to_stderr(run):
    done = run()
    assert (done.code, done.out) == (2, "") and "examples:" in done.err


def test_a_misspelt_command_gets_the_nearest_one(run):
    done = run("mkae")
    assert done == (2, "", "rnnsym: there is no command `mkae`\n  instead:  rnnsym make\n")


def test_a_missing_argument_is_a_usage_error(run):
    done = run("show")
    assert done == (
        2,
        "",
        "rnnsym show: the following arguments are required: MODEL\n  instead:  `rnnsym show --help` says what it takes\n",
    )


def test_an_option_is_never_guessed_from_its_beginning(run):
    assert run("build", "--che").code == 2


def test_a_bug_is_called_a_bug_and_shows_no_traceback(run, monkeypatch):
    def broken(options):
        raise ZeroDivisionError("division by zero\nsecond line")

    monkeypatch.setattr("rnnsym.cli.library.list_models", broken)
    done = run("list")
    assert done.code == 70
    assert done.err == (
        "bug in rnnsym: ZeroDivisionError: division by zero\n"
        "  please report it with the model's text and the output of the same command with --debug\n"
    )
    assert "Traceback" in run("--debug", "list").err
    assert "Traceback" in run("list", "--debug").err


def test_an_internal_check_that_fails_is_a_bug_too(run, monkeypatch):
    def broken(options):
        raise InternalError.at("I1", "a check failed")

    monkeypatch.setattr("rnnsym.cli.library.list_models", broken)
    assert run("list").code == 70


def test_an_interrupt_ends_quietly(run, monkeypatch):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("rnnsym.cli.library.list_models", interrupted)
    done = run("list")
    assert done.code == 130 and done.err.strip() == "interrupted"


def test_a_reader_that_has_seen_enough_gets_no_complaint():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "rnnsym", "list"], stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_pipe_gets_no_colours():
    assert "\033" not in process("list").stdout


def test_a_terminal_gets_colours_unless_no_color_is_set(monkeypatch):
    from rnnsym.cli.terminal import colours

    class Terminal:
        def isatty(self):
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert colours(Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not colours(Terminal())


def test_an_output_that_cannot_hold_greek_still_works():
    done = process("show", "elman", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and "t = 1 ? T" in done.stdout


def test_the_parser_is_made_afresh():
    assert parser() is not parser() and frame.main(["--version"]) == 0
