"""The words of the command line: every command, its options, its examples.

Goes out: an argparse parser, whose result holds `run`, the place of the command's function ("rnnsym.cli.show:show"). Nothing heavy is
imported here, so that `rnnsym --help` answers at once.
"""

from __future__ import annotations

import argparse
import difflib
import re
from typing import Any, NoReturn

from rnnsym import __version__
from rnnsym.bench import CONTESTANTS

MODEL = "a name of the library (see `rnnsym list`), or a path: anything with a `/` or ending in .rnn"
DERIVED = "text: equations alone; tex, html, md, pdf: a document (default: by -o, else text); pdf needs latexmk"
NOTATIONS = ("house", "slides", "goodfellow", "plain")  # the names of `documents.skins`, known here without SymPy
OVERVIEW = """\
examples:
  rnnsym list                         the models of the library
  rnnsym show lstm                    equations, and everything that was inferred
  rnnsym new mine --from lstm         mine.rnn, to be edited
  rnnsym make mine.rnn -o out         out/mine.py and out/mine.tex
  rnnsym verify mine.rnn              is every gradient right?
  rnnsym audit own.py:backward lstm   is your own backward right, and if not, what is wrong with it?

exit codes: 0 done, 1 a check failed, 2 the model or the call is wrong, 3 a check could not decide, 70 a bug in rnnsym
"""


class _Parser(argparse.ArgumentParser):
    """argparse with one habit changed: an error names the nearest help in one line, without the whole usage."""

    def error(self, message: str) -> NoReturn:
        asked = re.match(r"argument COMMAND: invalid choice: '(.*?)' \(choose from (.*)\)", message)
        instead = f"`{self.prog} --help` says what it takes"
        if asked:
            word, known = asked[1], re.findall(r"\w+", asked[2])
            message = f"there is no command `{word}`"
            instead = next((f"{self.prog} {near}" for near in difflib.get_close_matches(word, known, n=1)), instead)
        self.exit(2, f"{self.prog}: {message}\n  instead:  {instead}\n")


def parser() -> argparse.ArgumentParser:
    """The parser of `rnnsym`."""
    root = _Parser(
        prog="rnnsym",
        description="Recurrent networks as equations: derives their gradients, writes NumPy modules and LaTeX derivations.",
        epilog=OVERVIEW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    root.add_argument("--version", action="version", version=f"rnnsym {__version__}")
    root.add_argument("--debug", action="store_true", help="show the traceback of a bug in rnnsym")
    commands = root.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for add in (_list, _show, _check, _new, _derive, _draw, _generate, _make, _build, _verify, _audit, _analyze, _bench):
        add(commands)
    return root


def _command(commands: Any, name: str, run: str, sentence: str, examples: str) -> argparse.ArgumentParser:
    lines = "\n".join(f"  {line}" for line in examples.strip().split("\n"))
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=_short(sentence),
        description=sentence,
        epilog=f"examples:\n{lines}\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    command.set_defaults(run=run)
    return command


def _short(sentence: str) -> str:
    """What stands beside the command in the list of commands: the sentence up to its first pause."""
    for pause in (". ", "; ", ": "):
        sentence = sentence.split(pause)[0]
    return sentence[0].lower() + sentence[1:].rstrip(".")


def _force(command: argparse.ArgumentParser) -> None:
    command.add_argument("--force", action="store_true", help="overwrite files that were edited by hand or not written by rnnsym")


def _with_tests(command: argparse.ArgumentParser) -> None:
    said = "write a pytest file beside the module, too, that checks it with NumPy and pytest alone"
    command.add_argument("--with-tests", action="store_true", help=said)


def _list(commands: Any) -> None:
    _command(commands, "list", "rnnsym.cli.library:list_models", "The models of the library, with their sources.", "rnnsym list")


def _show(commands: Any) -> None:
    command = _command(
        commands,
        "show",
        "rnnsym.cli.show:show",
        "What a model is: its equations, everything that was inferred, its parameters, its schedule over time.",
        "rnnsym show lstm\nrnnsym show lstm --sizes n_x=28,n_h=128,n_y=10\nrnnsym show cells/mine.rnn\n"
        "rnnsym show lstm --schedule --sizes n_h=256,B=32,T=100",
    )
    command.add_argument("model", metavar="MODEL", help=MODEL)
    command.add_argument("--sizes", metavar="n_h=128,…", default="", help="sizes for which parameters are counted in numbers too")
    command.add_argument("--schedule", action="store_true", help="the plan of the module: phases, stacks, what is kept, and its cost")


def _check(commands: Any) -> None:
    command = _command(
        commands,
        "check",
        "rnnsym.cli.check:check",
        "Read models and report every error and warning; write nothing.",
        "rnnsym check mine.rnn\nrnnsym check cells/*.rnn",
    )
    command.add_argument("models", metavar="FILE", nargs="+", help="a .rnn file, or a name of the library")


def _new(commands: Any) -> None:
    command = _command(
        commands,
        "new",
        "rnnsym.cli.new:new",
        "Write NAME.rnn into the current folder, a copy of a library model to be edited.",
        "rnnsym new mine --from lstm\nrnnsym new deep --from stacked_lstm",
    )
    command.add_argument("name", metavar="NAME", help="the new model's name: letters, digits and _; the file is NAME.rnn")
    command.add_argument("--from", dest="origin", metavar="MODEL", default="elman", help="what to start from (default: elman); " + MODEL)
    command.add_argument("--force", action="store_true", help="overwrite NAME.rnn")


def _notation(command: argparse.ArgumentParser) -> None:
    said = "of a document: letters, time and errors (default: house); a file's own notation(...) goes before it"
    command.add_argument("--notation", choices=NOTATIONS, default="house", help=said)


def _derive(commands: Any) -> None:
    command = _command(
        commands,
        "derive",
        "rnnsym.cli.make:derive",
        "Derive backpropagation through time: every variable's error, every parameter's gradient.",
        "rnnsym derive gru\nrnnsym derive gru -o gru.tex\nrnnsym derive lstm -o lstm.html\n"
        "rnnsym derive gru --fragment -o gru.tex      to be read by \\input in lecture notes",
    )
    command.add_argument("model", metavar="MODEL", help=MODEL)
    command.add_argument("--format", choices=("text", "tex", "html", "md", "pdf"), help=DERIVED)
    command.add_argument(
        "--detail",
        choices=("result", "steps", "full"),
        help="of a document: results; steps (default), what is alike told once; all in full",
    )
    _notation(command)
    command.add_argument("--fragment", action="store_true", help="LaTeX without a preamble; its first lines say what the document needs")
    command.add_argument("-o", dest="output", metavar="FILE", help="write to FILE instead of the terminal")
    _force(command)


def _draw(commands: Any) -> None:
    command = _command(
        commands,
        "draw",
        "rnnsym.cli.draw:draw",
        "Draw a model: folded, unfolded over time, with the errors that travel back, or one step as data flow.",
        "rnnsym draw lstm -o lstm.svg\nrnnsym draw lstm --picture backward -o errors.tex      a tikzpicture\n"
        "rnnsym draw mine.rnn --picture all -o pictures",
    )
    command.add_argument("model", metavar="MODEL", help=MODEL)
    pictures = ("structure", "unfolded", "backward", "step", "all")
    command.add_argument("--picture", choices=pictures, default="step", help="which one (default: step); all: each in a file of its own")
    command.add_argument("--format", choices=("svg", "tex", "pdf"), help="default: by -o, else svg; pdf needs latexmk")
    command.add_argument("-o", dest="output", metavar="PLACE", help="write to this file, or all into this folder, instead of the terminal")
    _notation(command)
    _force(command)


def _level(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-O",
        dest="level",
        type=int,
        choices=(0, 1),
        default=1,
        help="-O0: one statement per equation, as on paper; -O1 (default): planned for speed; both have the same functions",
    )


def _kernels(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--kernels",
        choices=("c",),
        help="write a C file beside the module too, with the entrywise parts of its loops; built on first use, NumPy where no compiler is",
    )


def _generate(commands: Any) -> None:
    command = _command(
        commands,
        "generate",
        "rnnsym.cli.make:generate",
        "Write the NumPy module with the model's forward pass and gradients; it imports NumPy alone.",
        "rnnsym generate lstm -o lstm.py\nrnnsym generate lstm -o lstm.py --with-tests\n"
        "rnnsym generate lstm -o lstm.py --kernels c\nrnnsym generate lstm -O0 | less",
    )
    command.add_argument("model", metavar="MODEL", help=MODEL)
    command.add_argument("-o", dest="output", metavar="FILE", help="write to FILE instead of the terminal")
    _with_tests(command)
    _level(command)
    _kernels(command)
    _force(command)


def _make(commands: Any) -> None:
    command = _command(
        commands,
        "make",
        "rnnsym.cli.make:make",
        "Write a model's NumPy module NAME.py and its derivation NAME.tex into one folder.",
        "rnnsym make lstm -o out\nrnnsym make mine.rnn",
    )
    command.add_argument("model", metavar="MODEL", help=MODEL)
    command.add_argument("-o", dest="output", metavar="FOLDER", default=".", help="the folder, made if need be (default: the current one)")
    _with_tests(command)
    _notation(command)
    _level(command)
    _kernels(command)
    _force(command)


def _build(commands: Any) -> None:
    command = _command(
        commands,
        "build",
        "rnnsym.cli.build:build",
        "Make everything that [tool.rnnsym] in pyproject.toml names; only what changed.",
        "rnnsym build\nrnnsym build --check      in CI: exit code 1 and a diff where a file is not what its model gives\n"
        "rnnsym build --watch      again on every save",
    )
    command.epilog = (command.epilog or "") + (
        "\nin pyproject.toml:\n  [tool.rnnsym]\n  models = [\"cells/*.rnn\"]\n  module = \"generated/{name}.py\"\n"
        "  derivation = \"docs/{name}.tex\"\n"
        "  page = \"docs/{name}.html\"\n  index = \"docs/index.html\"\n  tests = \"tests/test_{name}.py\"\n"
    )  # fmt: skip
    kinds = command.add_mutually_exclusive_group()
    kinds.add_argument("--check", action="store_true", help="write nothing; exit 1 with a diff where something would change")
    kinds.add_argument("--watch", action="store_true", help="build again whenever a model is saved; errors are printed, Ctrl-C ends")
    _force(command)


def _verify(commands: Any) -> None:
    command = _command(
        commands,
        "verify",
        "rnnsym.cli.verify:verify",
        "Is every gradient right? The rules are proved for all sizes, their assembly is tested exactly, the module is measured.",
        "rnnsym verify lstm\nrnnsym verify mine.rnn --seed 7 --json\nrnnsym verify lstm --witness torch,jax\n"
        "rnnsym verify cells/*.rnn      one line for each",
    )
    command.epilog = (command.epilog or "") + "\nexit codes: 0 all right, 1 something is wrong, 3 nothing is wrong but not all is decided\n"
    command.add_argument("models", metavar="MODEL", nargs="+", help=MODEL)
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of everything random (default: 0)")
    command.add_argument("--deep", action="store_true", help="also sympy.diff of the unrolled loss, every entry; about a minute for lstm")
    command.add_argument("--witness", type=_peers, default=(), metavar="torch,jax", help="also their automatic differentiation")
    command.add_argument("--json", action="store_true", help="the report as JSON; a list where several models are given")


def _peers(words: str) -> tuple[str, ...]:
    """The libraries that are asked as witnesses."""
    names = tuple(dict.fromkeys(word.strip() for word in words.split(",")))
    for name in names:
        if name not in ("torch", "jax"):
            raise argparse.ArgumentTypeError(f"there is no witness `{name}`; there are torch, jax")
    return names


def _audit(commands: Any) -> None:
    command = _command(
        commands,
        "audit",
        "rnnsym.cli.audit:audit",
        "Compare your own hand-written backward with the derived one, and name what is wrong with it. Executes FILE.py, and nothing else "
        "that is not rnnsym's own.",
        "rnnsym audit my_lstm.py:backward lstm\nrnnsym audit my_lstm.py:backward lstm --map layout.toml --json",
    )
    command.epilog = (command.epilog or "") + (
        "\nthe function takes parameters as a dictionary, and data by the model's names; it returns gradients, or (cost, gradients):\n"
        "  def backward(params, x, y): ...          x: (T, B, n_x); the cost is summed over steps, averaged over sequences\n"
        '      return cost, {"W_i": ..., ...}\n'
        "\nother layouts in RNNSYM_AUDIT = {...} in FILE.py, or in FILE.toml:\n"
        '  layout = "nbt"                           features, batch, time; "tn": one sequence without a batch axis\n'
        "  average_over = []                        a cost summed over sequences, too\n"
        '  params.W = "[W_i; W_f; W_o; W_g]"       stacked weights, in this order; .T for x @ W\n'
    )
    command.add_argument("function", metavar="FILE.py:function", help="your function; its file is executed")
    command.add_argument("model", metavar="MODEL", help=MODEL)
    command.add_argument(
        "--map", metavar="FILE.toml", help="how your arrays lie, where they lie otherwise than the model's (docs/guide/auditing.md)"
    )
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of the random parameters and data (default: 0)")
    command.add_argument(
        "--tolerance", type=float, metavar="R", help="relative to the largest entry (default: 1e-8; 1e-4 in single precision)"
    )
    command.add_argument(
        "--seconds", type=float, default=20.0, metavar="S", help="for trying pairs of slips where one explains nothing (default: 20)"
    )
    command.add_argument("--json", action="store_true", help="the report as JSON")


def _bench(commands: Any) -> None:
    command = _command(
        commands,
        "bench",
        "rnnsym.cli.bench:bench",
        "Time a training step beside the bare matrix products and beside other libraries, after checking that all compute the same.",
        "rnnsym bench lstm\nrnnsym bench gru --sizes tiny,medium --threads 2\n"
        "rnnsym bench mine.rnn --sizes T=200,B=8,n_h=96 --against limit,torch-loop --json\n"
        "rnnsym bench lstm --profile          where the time goes, statement by statement\n"
        "rnnsym bench lstm --step --sizes T=1,B=1,n_h=128",
    )
    against = ",".join(CONTESTANTS)
    sizes = "tiny, small, medium, large, long, and numbers: T=100,B=16,n_h=128 (default: small)"
    command.add_argument("model", metavar="MODEL", nargs="?", help=MODEL)
    command.add_argument("--sizes", metavar="small,…", default="", help=sizes)
    command.add_argument("--against", metavar="PEER,…", default=against, help=f"what to compare with (default: {against})")
    command.add_argument("--threads", type=int, choices=(1, 2, 4, 8), default=1, help="of every library (default: 1)")
    command.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="default: float32")
    command.add_argument("--rounds", type=int, metavar="N", default=9, help="each contestant runs once in each (default: 9)")
    command.add_argument("--json", action="store_true", help="the report as JSON")
    kinds = command.add_mutually_exclusive_group()
    for option, task, sentence in (
        ("--profile", "profiling", "where the time of a training step goes instead"),
        ("--step", "streaming", "one step of a stream instead, the recurrences alone"),
        ("--growth", "growing", "time and memory as T and B double instead"),
    ):
        kinds.add_argument(option, dest="task", action="store_const", const=task, help=sentence)
    kinds.add_argument("--page", metavar="FILE", help="measure everything that the documentation states, and write it there as Markdown")
    _force(command)


def _analyze(commands: Any) -> None:
    command = _command(
        commands,
        "analyze",
        "rnnsym.cli.analyze:analyze",
        "Measure how errors vanish or explode with the distance in time, for small, critical and large recurrent weights.",
        "rnnsym analyze rnn\nrnnsym analyze lstm -o lstm.svg\nrnnsym analyze gru --scales 0.5,1,2,4 --steps 100 --sizes n_h=64",
    )
    command.add_argument("model", metavar="MODEL", help=MODEL)
    command.add_argument("-o", dest="output", metavar="FILE", help="also draw the norms: FILE.png, FILE.svg or FILE.pdf; needs matplotlib")
    command.add_argument("--sizes", metavar="n_h=64,…", default="", help="sizes; those not given are chosen")
    command.add_argument("--steps", type=int, default=40, metavar="T", help="the number of steps (default: 40)")
    command.add_argument(
        "--scales", metavar="0.5,1,…", default="", help="‖·‖₂ of the recurrent weights (default: half, once, twice the critical)"
    )
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of parameters and sequences (default: 0)")
    command.add_argument("--json", action="store_true", help="the report as JSON")
    _force(command)
