"""The functions of an emitted test that draw parameters, data and initial values, as text; tried before they are printed.

Comes in: a System, its module, its equations on paper (for the names of sizes). Goes out: a `Drawing`: source text, at whose values the
module is finite, and what of the module's interface those values meet.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
from sympy import Expr

from rnnsym.algebra.system import Declaration, System
from rnnsym.algebra.tensor import FINAL_LOSS, STEP_LOSS
from rnnsym.errors import UsageError
from rnnsym.proof.draws import BATCH, STYLES, Style, small_sizes
from rnnsym.proof.paper import Paper

GENTLE, MODERATE = Style(0.1, False, False), 1e3
Drawn = Mapping[str, Callable[[], Any]]  # some_params, some_data, some_initial


@dataclass(frozen=True)
class Outside:
    """A key of `initial=`, its shape as text, and where its gradient stands: `grads.initial[label][row]`."""

    key: str
    shape: str
    label: str
    row: str


@dataclass(frozen=True)
class Drawing:
    """How arrays for a model are drawn."""

    system: System
    module: ModuleType
    paper: Paper

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Numbers for the sizes, by the model's names."""
        return small_sizes(self.system)

    @cached_property
    def python_sizes(self) -> dict[str, int]:
        return {self.paper.public[name]: n for name, n in self.sizes.items()}

    @cached_property
    def steps(self) -> int:
        """Long enough for every lag, and a number that no size has."""
        reach = max((lag + lead for lag, lead in self.system.extents.values()), default=0)
        return next(n for n in range(5 + reach, 1000) if n not in {*self.sizes.values(), BATCH})

    @cached_property
    def lengths(self) -> list[int]:
        """From all steps down to one."""
        return [max(1, self.steps - k * self.steps // (BATCH - 1)) for k in range(BATCH)]

    @cached_property
    def given(self) -> list[Declaration]:
        """What a caller gives: data, and constants that the file does not fix."""
        return [*self.system.data, *(d for d in self.system.constants if d.start is None)]

    @cached_property
    def counts(self) -> list[str]:
        """What says the number of steps and of sequences where no data do."""
        steps = [] if any(d.timed for d in self.system.data) else ["steps"]
        return steps if self.system.data else [*steps, "batch"]

    @cached_property
    def outside(self) -> list[Outside]:
        """All that is read outside 1 … T, class numbers excepted."""
        rows = []
        for name, (lag, lead) in self.system.extents.items():
            declaration, word = self.system.by_name[name], self.paper.public[name]
            if declaration.kind == "token":
                continue
            axes = ["BATCH", *map(self._size, declaration.shape)]
            if lag:
                rows.append(Outside(word, _tuple(axes if lag == 1 else [str(lag), *axes]), word, "..."))
            for k in range(1, lead + 1):
                rows.append(Outside(f"{word}[T+{k}]", _tuple(axes), f"{word}[T+1]", str(k - 1) if lead > 1 else "..."))
        return rows

    # ------------------------------------------------------------ text

    def text(self, style: Style) -> str:
        """The functions in one style."""
        entries = [(self.paper.public[d.name], self._value(d, style)) for d in self.given]
        entries += [(word, word.upper()) for word in self.counts]
        functions = [self._params(style), _function("some_data", "A batch of sequences.", self._dictionary(entries))]
        if self.outside:
            rows = self._dictionary([(o.key, f"rng.uniform(0.1, 0.9, {o.shape})") for o in self.outside])
            functions.append(_function("some_initial", "Values outside 1 .. T, for whatever is read there.", rows))
        return "\n\n\n".join(functions)

    def _params(self, style: Style) -> str:
        spread = f"params[name][...] += {style.spread} * rng.standard_normal(params[name].shape)"
        moved = "params[name][...] = rng.uniform(0.1, 0.9, params[name].shape)" if style.positive_params else spread
        rows = ["rng = np.random.default_rng(0)", "params = model.init_params(**SIZES, rng=rng, dtype=np.float64)"]
        rows += ["for name in params:", f"    {moved}"] if self.system.params else []
        said = "Parameters, all of them positive." if style.positive_params else "Parameters around those that training starts with."
        return _function("some_params", said, [*rows, "return params"])

    def _value(self, declaration: Declaration, style: Style) -> str:
        inner = [self._size(n) for n in declaration.shape]
        if declaration.kind == "constant":
            return f"rng.uniform(0.5, 1.5, {_tuple(inner)})"
        lead = ["STEPS", "BATCH"] if declaration.timed else ["BATCH"]
        if declaration.kind == "token":
            return f"rng.integers(0, {inner[0]}, {_tuple(lead)})"
        if declaration.kind == "target" and len(inner) == 1:  # shares of one, which every loss of the language can read
            return f"rng.dirichlet(np.ones({inner[0]}), {_tuple(lead)})"
        positive = declaration.kind == "target" or style.positive_data
        return f"rng.uniform(0.1, 0.9, {_tuple(lead + inner)})" if positive else f"rng.standard_normal({_tuple(lead + inner)})"

    def _size(self, length: Expr) -> str:
        """A length, spaced as ruff spaces it."""
        return self.paper.size(length).replace("*", " * ")

    def _dictionary(self, entries: list[tuple[str, str]]) -> list[str]:
        """The body of a function that returns a dictionary of drawn arrays."""
        words = set(re.findall(r"\w+", " ".join(value for _, value in entries)))
        names = self.paper.names
        rows = ["rng = np.random.default_rng(1)"] if "rng" in words else []
        rows += [f'{names[s.name]} = SIZES["{self.paper.public[s.name]}"]' for s in self.system.sizes if names[s.name] in words]
        return [*rows, "return {", *(f'    "{key}": {value},' for key, value in entries), "}"] if entries else [*rows, "return {}"]

    # ------------------------------------------------------------ trying

    @cached_property
    def chosen(self) -> tuple[str, Drawn]:
        """The text in a style at which values are moderate, or at least finite, and its functions; UsageError where there is none."""
        tried = [(text, self._run(text)) for text in map(self.text, (STYLES[0], GENTLE, *STYLES[1:]))]
        for largest in (MODERATE, np.inf):
            for text, drawn in tried:
                if self.is_finite(drawn, largest):
                    return text, drawn
        raise UsageError.at(
            "U503",
            f"`{self.system.name}` is not finite at any of the random arrays tried, so there is nothing to test it at",
            expected="a model that is finite for parameters and data of ordinary size",
            file="rnnsym",
        )

    def _run(self, text: str) -> dict[str, Any]:
        """What the text defines, where the test has its module and its constants."""
        place: dict[str, Any] = {"np": np, "model": self.module, "SIZES": self.python_sizes, "STEPS": self.steps, "BATCH": BATCH}
        exec(compile(text, "<drawing>", "exec"), place)
        return place

    def is_finite(self, drawn: Drawn, largest: float = np.inf, **given: Any) -> bool:
        """Whether cost and gradients, or without a cost all values, are finite; and no value is larger than said."""
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            params, data = drawn["some_params"](), drawn["some_data"]() | given
            values = [np.asarray(value) for value in self.module.forward(params, **data).values()]
            if {STEP_LOSS, FINAL_LOSS} & set(self.system.by_name):
                cost, grads, _ = self.module.loss_and_grads(params, **data)
                finite = np.isfinite(cost) and np.all(np.isfinite(grads.vector))
            else:
                finite = all(np.all(np.isfinite(value)) for value in values)
            return bool(finite and all(np.all(np.abs(value) <= largest) for value in values))

    @cached_property
    def initial_gradients(self) -> list[Outside]:
        """Those values outside 1 … T for which the module gives a gradient; none where it is not finite at them."""
        _, drawn = self.chosen
        if not self.outside or not self.is_finite(drawn, initial=drawn["some_initial"]()):
            return []
        if not {STEP_LOSS, FINAL_LOSS} & set(self.system.by_name):
            return []
        data = drawn["some_data"]() | {"initial": drawn["some_initial"]()}
        _, grads, _ = self.module.loss_and_grads(drawn["some_params"](), **data, wrt=["initial"])
        return [o for o in self.outside if o.label in grads.initial]


def _tuple(axes: list[str]) -> str:
    return f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"


def _function(name: str, said: str, rows: list[str]) -> str:
    return "\n".join([f"def {name}():", f'    """{said}"""', *(f"    {row}" for row in rows)])
