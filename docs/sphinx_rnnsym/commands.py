"""The reference of the command line, from the parser that reads it.

Comes in: argparse's parser. Goes out: Markdown: for every command what it does, how it is called, its options, its examples.
"""

from __future__ import annotations

import argparse
import re

from rnnsym.cli.arguments import parser


def command_reference() -> str:
    """Every command, in the order of `rnnsym --help`."""
    root = parser()
    codes = re.search(r"exit codes: (.*)", root.epilog or "")
    assert codes is not None
    return "\n".join([*(_command(name, command) for name, command in commands(root).items()), f"## Exit codes\n\n{codes[1]}.\n"])


def commands(root: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parser of every command by its name."""
    (choices,) = [action.choices for action in root._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(choices)


def _command(name: str, command: argparse.ArgumentParser) -> str:
    usage = " ".join(command.format_usage().removeprefix("usage: ").split())
    shown = [action for action in command._actions if action.help != argparse.SUPPRESS and not isinstance(action, argparse._HelpAction)]
    rows = "".join(f"{_words(action)}\n: {_help(action)}\n\n" for action in shown)
    examples = "\n\n".join(_code(part) for part in _parts(command.epilog or ""))
    return f"(command-{name})=\n## `rnnsym {name}`\n\n{command.description}\n\n```text\n{usage}\n```\n\n{rows}{examples}\n"


def _words(action: argparse.Action) -> str:
    """`--sizes n_h=128,…` or `MODEL`."""
    value = action.metavar or ("{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper())
    if not action.option_strings:
        return f"`{value}{' …' if action.nargs in ('+', '*') else ''}`"
    takes = "" if action.nargs == 0 else f" {value}"
    return ", ".join(f"`{word}{takes}`" for word in action.option_strings)


def _help(action: argparse.Action) -> str:
    text = (action.help or "").replace("%(default)s", str(action.default))
    return re.sub(r"(?<!`)(--[a-z][a-z-]*)(?!`)", r"`\1`", text)


def _parts(epilog: str) -> list[str]:
    """The epilog's parts: a title line, then indented lines."""
    return [part for part in epilog.strip("\n").split("\n\n") if part.strip()]


def _code(part: str) -> str:
    title, *lines = part.split("\n")
    body = "\n".join(line.removeprefix("  ") for line in lines)
    return f"{title[0].upper()}{title[1:]}\n\n```text\n{body}\n```"
