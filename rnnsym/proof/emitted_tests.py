"""System -> a pytest file that checks the generated module of that System, with NumPy and pytest alone.

Comes in: a System, and the path of its module from the test. Goes out: the text of the test. The equations are printed as on paper
(`paper`), the arrays are drawn where the model is finite (`emitted_data`); the template holds layout only.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from types import ModuleType
from typing import Any

import jinja2
import numpy as np
from sympy import Basic

import rnnsym
from rnnsym.algebra.graph import WHOLE, reads
from rnnsym.algebra.operators import Branch, Compare, CrossEntropy, Elementwise, Norm, StopGradient, TimeIs, Total
from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.system import Declaration, Definition, System
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS, Quantity, T
from rnnsym.backends.names import python_names
from rnnsym.backends.numpy_module import fingerprint_of
from rnnsym.live import compile, model_word
from rnnsym.program.schedule import Streaming, streaming
from rnnsym.proof.draws import BATCH
from rnnsym.proof.emitted_data import Drawing
from rnnsym.proof.paper import WIDTH, Paper
from rnnsym.resources import templates_folder

KINKED = frozenset({"abs", "relu", "min", "max", "clip", "elu"})  # functions that somewhere have no slope, or jump there
JUMPING = frozenset({"sign", "mod"})
_REMARKS = {
    "TIMED": "data with a value per step",
    "SHARED": "arguments without an axis of sequences",
    "INITIAL": "name in initial=, and where its gradient stands: grads.initial[name][row]",
    "CHUNKED": "what needs no later step",
    "STREAMED": "what step() returns, and what it asks for",
    "STARTING": "what initial_state() asks for",
}


def emitted_tests(system: System, module_path: str, command: str = "", module: ModuleType | None = None) -> str:
    """The text of the pytest file for a model's module.

    module_path: from the folder of the test, with `/`. command: makes the file again. module: the live module, made here by default.
    Raises UsageError where no arrays are found at which the model is finite.
    """
    view = _View(system, module or compile(system))
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    template = (templates_folder() / "numpy" / "test_module.py.jinja").read_text(encoding="utf-8")
    name = _plain(PurePosixPath(module_path).name)
    text = environment.from_string(template).render(
        **view.strings(), module_name=name, test_name=f"test_{name}", module_path=_string(module_path), version=rnnsym.__version__,
        command=_plain(command or f"rnnsym generate {model_word(system)} --with-tests"), fingerprint=fingerprint_of(system, "tests"),
    )  # fmt: skip
    return text.rstrip("\n") + "\n"


def _plain(text: str) -> str:
    """A file's name inside a docstring."""
    return "".join(ch if ch.isprintable() and ch not in '"\\' else "?" for ch in text)


def _string(text: str) -> str:
    return '"' + "".join(ch if ch.isprintable() and ch not in '"\\' else ascii(ch)[1:-1].replace('"', '\\"') for ch in text) + '"'


def _listing(name: str, items: Sequence[str], remark: str) -> str:
    """A constant on one line, or with one item per line, as `ruff format` leaves both; a remark goes before it."""
    line = f"{name} = [{', '.join(items)}]"
    line = line if len(line) <= 88 else "\n".join([f"{name} = [", *(f"    {item}," for item in items), "]"])
    return f"# {remark}\n{line}" if remark else line


@dataclass(frozen=True)
class _View:
    """What the template asks for."""

    system: System
    module: ModuleType

    @cached_property
    def public(self) -> dict[str, str]:
        return python_names(self.system)

    @cached_property
    def paper(self) -> Paper:
        return Paper(self.system, self.public)

    @cached_property
    def drawing(self) -> Drawing:
        return Drawing(self.system, self.module, self.paper)

    @cached_property
    def losses(self) -> list[str]:
        return [n for n in (STEP_LOSS, FINAL_LOSS) if n in self.system.by_name]

    @cached_property
    def streaming(self) -> Streaming:
        return streaming(self.system)

    @cached_property
    def nodes(self) -> list[Basic]:
        """Every node of every equation."""
        return [node for d in self.system.every_definition for node in _walk(d.rhs)]

    def has(self, kinds: tuple[type, ...], functions: frozenset[str] = frozenset()) -> bool:
        return any(isinstance(n, kinds) or (isinstance(n, Elementwise) and n.function in functions) for n in self.nodes)

    def classes(self) -> list[Declaration]:
        """Targets that may be given as class numbers."""
        read = {n.args[0].name for n in self.nodes if isinstance(n, CrossEntropy) and isinstance(n.args[0], Quantity)}
        return [d for d in self.system.of_kind("target") if len(d.shape) == 1 and d.name in read]

    def numbered(self, rows: Sequence[Declaration]) -> list[tuple[str, int, str]]:
        """Name, number of classes, and shape of data that are class numbers."""
        shapes = {True: "(STEPS, BATCH)", False: "BATCH"}
        return [(self.public[d.name], size_value(d.shape[0], self.drawing.sizes), shapes[d.timed]) for d in rows]

    def looking_ahead(self) -> set[str]:
        """Variables that need a later step, the last one, or a sum over all: no chunk knows them."""
        found: set[str] = set()
        count = -1
        while count != len(found):
            count = len(found)
            found |= {d.name for d in self.system.every_definition if _looks_ahead(d, found)}
        return found

    def remarks(self) -> list[str]:
        rows = []
        if self.has((StopGradient,)):
            rows.append("The model stops gradients, which differences would not see: there are none.")
        if not self.losses:
            rows.append("The model has no loss: its gradients are those of errors from outside.")
        if self.streaming.obstacle:
            name, read = self.streaming.obstacle
            rows.append(f"The model has no chunks and no stream: {name} reads {read}.")
        return textwrap.wrap(" ".join(rows), WIDTH)

    def strings(self) -> dict[str, Any]:
        """The view as strings, lists of strings and flags."""
        drawing, paper, public = self.drawing, self.paper, self.public
        text, drawn = drawing.chosen
        with np.errstate(all="ignore"):
            trace = self.module.forward(drawn["some_params"](), **drawn["some_data"]())
        variables = [d for d in self.system.variables if public[d.name] in trace]
        return {
            "sizes": "{" + ", ".join(f'"{n}": {k}' for n, k in drawing.python_sizes.items()) + "}",
            "steps": drawing.steps,
            "batch": BATCH,
            "lengths": ", ".join(map(str, drawing.lengths)),
            "drawing": text,
            "remarks": self.remarks(),
            "counts": drawing.counts,
            "functions": paper.functions,
            "paper": paper.lines,
            "variables": [(public[d.name], paper.names[d.name]) for d in variables],
            "losses": bool(self.losses),
            "cost_on_paper": " + ".join(f'np.sum(run["{public[n]}"])' for n in self.losses),
            "differences": not self.has((StopGradient,)),
            "kinks": self.has((Norm, Compare, Branch), KINKED | JUMPING),
            "single": not self.has((Compare, Branch), JUMPING),  # rounding may take another branch
            "classes": self.numbered(self.classes()),
            "numbered": self.numbered([*self.system.of_kind("token"), *self.classes()]),
            "outside": bool(drawing.initial_gradients),
            **self._lists([d.name for d in variables], [d.name for d in variables if d.timed]),
        }

    def _lists(self, variables: list[str], timed: list[str]) -> dict[str, Any]:
        """Names of what is there to test, as constants of the file, and by name whether there are any."""
        drawing, system = self.drawing, self.system
        ahead, can_stream = self.looking_ahead(), self.streaming.obstacle is None
        names = {
            "PARAMS": [d.name for d in system.params],
            "DATA": [d.name for d in drawing.given],
            "TIMED": [d.name for d in drawing.given if d.timed],
            "INPUTS": [d.name for d in system.of_kind("input")],
            "CONSTANTS": [d.name for d in drawing.given if d.kind == "constant"],
            "VARIABLES": variables,
            "TIMED_VARIABLES": timed,
            "CHUNKED": [n for n in timed if can_stream and n not in ahead],
            "STREAMED": [n for n in timed if can_stream and n in self.streaming.outputs],
            "STEPPED": self._accepted("step") if can_stream else [],
            "STARTING": self._accepted("initial_state") if can_stream else [],
        }
        shared = [*names["CONSTANTS"], *drawing.counts]
        rows = {n: [_string(self.public[w]) for w in words] for n, words in names.items()}
        rows["SHARED"] = [_string(self.public.get(word, word)) for word in shared]
        rows["INITIAL"] = [f"({_string(o.key)}, {_string(o.label)}, {o.row})" for o in drawing.initial_gradients]
        always = ("TIMED", "SHARED", "TIMED_VARIABLES")
        printed = [_listing(n, r, _REMARKS.get(n, "")) for n, r in rows.items() if r or n in always]
        return {"constants": printed, **{n: bool(r) for n, r in rows.items()}}

    def _accepted(self, function: str) -> list[str]:
        """The data that a function of the module asks for, by the model's names."""
        asked = inspect.signature(getattr(self.module, function)).parameters
        return [d.name for d in self.drawing.given if self.public[d.name] in asked]


def _walk(node: Basic) -> Iterator[Basic]:
    yield node
    for argument in node.args:
        yield from _walk(argument)


def _looks_ahead(definition: Definition, known: set[str]) -> bool:
    marks = any(isinstance(n, Total) or (isinstance(n, TimeIs) and n.mark == T) for n in _walk(definition.rhs))
    found = (r.name in known or r.delay == WHOLE or (isinstance(r.delay, int) and r.delay > 0) for r in reads(definition.rhs))
    return marks or any(found)
