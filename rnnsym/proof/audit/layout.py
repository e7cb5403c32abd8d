"""The map between a person's arrays and the model's: names, stacked and transposed weights, the order of axes, sums and means.

Comes in: a table, from a TOML file or from `RNNSYM_AUDIT = {...}` in the person's own file. Goes out: a `Layout`, checked against the
model, which lays out arrays their way and reads gradients back. The arrangement of weights is found by numbering their entries and
arranging the numbers, so that whatever can be written can also be read back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from rnnsym.algebra.system import System
from rnnsym.errors import UsageError
from rnnsym.library import nearest
from rnnsym.program.meanings import Array

AXES = {"t": "time", "b": "batch", "n": "features"}
AVERAGES = ("batch", "time")
_TOKEN = re.compile(r"\s*([A-Za-z_]\w*|\.T\b|[\[\],;])")


@dataclass(frozen=True)
class Layout:
    """How the person's function takes and gives arrays.

    layout        the axes of timed data: an order of t (time), b (batch), n (features); without b: one sequence
    sequences     how many sequences are passed; 1 keeps the batch axis, with one entry
    average_over  what their cost is a mean over: "batch" (as the model's own), "time", both, or nothing
    vectors       "flat": (n,); "column": (n, 1); "row": (1, n), for vectors among the parameters
    classes       targets and tokens that they take as class numbers (tokens always are, unless named in `one_hot`)
    one_hot       tokens that they take as one-hot vectors
    params        their name → the model's: `"W_f"`, `"W_f.T"`, `"[W_i; W_f]"` one below the other, `"[U_f, W_f]"` side by side
    data          their argument → the model's input, target, constant, size or initial value (`"h[0]"`)
    gradients     key of their result → what it is the gradient of, where `dW`, `d_W`, `grad_W`, `W` do not say it
    returns       what a tuple holds, where it is not (cost, dictionary): names, "cost", or "" to pass over
    skip          gradients that are left out on purpose
    """

    layout: str = "tbn"
    sequences: int | None = None
    average_over: tuple[str, ...] = ("batch",)
    vectors: str = "flat"
    classes: tuple[str, ...] = ()
    one_hot: tuple[str, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    gradients: Mapping[str, str] = field(default_factory=dict)
    returns: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    source: str = "map"

    @property
    def batch(self) -> int:
        """How many sequences a point has."""
        return self.sequences or (3 if "b" in self.layout else 1)

    # ------------------------------------------------------------ data

    def laid_out(self, array: Array, timed: bool, batched: bool) -> Array:
        """An array, time-major with a batch axis and then its own axes, their way."""
        held = [axis for axis, there in (("t", timed), ("b", batched)) if there]
        order: list[int] = []
        for axis in self.layout:
            order += range(len(held), array.ndim) if axis == "n" else [held.index(axis)] if axis in held else []
        if "b" not in self.layout and batched:
            array = np.take(array, 0, axis=held.index("b"))
            order = [i - (i > held.index("b")) for i in order]
        return np.array(array.transpose(order), order="C")

    def read_back(self, array: Array, own: int, timed: bool, batched: bool) -> Array:
        """An array of theirs, time-major with a batch axis."""
        axes: list[str] = []
        for axis in self.layout:
            axes += [f"n{i}" for i in range(own)] if axis == "n" else [axis] if (timed if axis == "t" else batched) else []
        wanted = [a for a in ("t", "b") if a in axes] + [f"n{i}" for i in range(own)]
        array = array.transpose([axes.index(a) for a in wanted])
        return np.expand_dims(array, int(timed)) if batched and "b" not in self.layout else array

    def shape_of(self, shape: tuple[int, ...], timed: bool, batched: bool) -> tuple[int, ...]:
        """The shape of theirs for an array of the model."""
        return self.laid_out(np.zeros(shape), timed, batched).shape

    # ------------------------------------------------------------ parameters

    @property
    def words(self) -> list[str]:
        """The model's names in their arrangement, with repetitions."""
        return [word for text in self.params.values() for word in re.findall(r"[A-Za-z_]\w*", text.replace(".T", ""))]

    @property
    def rearranged(self) -> frozenset[str]:
        """The parameters that they hold under another name or in another arrangement."""
        return frozenset(self.words)

    @property
    def stacks(self) -> dict[str, list[tuple[str, ...]]]:
        """What their stacked parameters hold, block by block: (W_i,), (W_f,), … or (U_f, W_f), (U_i, W_i), …"""
        found: dict[str, list[tuple[str, ...]]] = {}
        for theirs, text in self.params.items():
            rows: list[tuple[str, ...]] = [tuple(re.findall(r"[A-Za-z_]\w*", row.replace(".T", ""))) for row in text.split(";")]
            singles: list[tuple[str, ...]] = [(name,) for name in rows[0]]
            blocks = rows if len(rows) > 1 else singles
            if len(blocks) > 1:
                found[theirs] = blocks
        return found

    def arranged(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """Parameters, or anything of their shapes, under their names, in their arrangement."""
        plain = {name: self._vector(value) for name, value in values.items() if name not in self.rearranged}
        return plain | {theirs: self._composed(theirs, text, values) for theirs, text in self.params.items()}

    def _vector(self, value: Array) -> Array:
        if value.ndim != 1 or self.vectors == "flat":
            return np.array(value)
        return value[:, None].copy() if self.vectors == "column" else value[None, :].copy()

    def _composed(self, theirs: str, text: str, values: Mapping[str, Array]) -> Array:
        value = _Arrangement(text, values, f"{self.source}: params.{theirs}").read()
        return self._vector(value) if value.ndim == 1 else np.array(value)


class _Arrangement:
    """One reading of `[U_f, W_f; U_i, W_i].T`."""

    def __init__(self, text: str, values: Mapping[str, Array], place: str):
        self.text, self.values, self.place = text, values, place
        self.words: list[str] = []
        rest = text.strip()
        while rest:
            found = _TOKEN.match(rest)
            if not found:
                raise self._wrong(f"`{rest.strip()[:12]}` is not understood")
            self.words.append(found[1])
            rest = rest[found.end() :]

    def _wrong(self, found: str) -> UsageError:
        how = 'a name, "W.T", "[W_i; W_f]" (one below the other), "[U_f, W_f]" (side by side)'
        return UsageError.at("U812", f'in "{self.text}" {found}', expected=how, file=self.place)

    def read(self) -> Array:
        value = self._item()
        if self.words:
            raise self._wrong(f"`{self.words[0]}` is too much")
        return value

    def _item(self) -> Array:
        word = self.words.pop(0) if self.words else ""
        if word == "[":
            value = self._block()
        elif word in self.values:
            value = self.values[word]
        elif re.match(r"[A-Za-z_]", word):
            near = nearest(word, self.values)
            raise self._wrong(f"`{word}` is not a parameter of the model{f'; {near}?' if near else ''}")
        else:
            raise self._wrong(f"`{word or 'the end'}` stands where a name is expected")
        while self.words and self.words[0] == ".T":
            self.words.pop(0)
            value = value.T
        return value

    def _block(self) -> Array:
        rows: list[list[Array]] = [[self._item()]]
        while self.words:
            word = self.words.pop(0)
            if word == "]":
                try:
                    flat = all(part.ndim == 1 for row in rows for part in row)
                    return np.concatenate([p for row in rows for p in row]) if flat else np.block(rows)
                except ValueError as error:
                    raise self._wrong(f"the parts do not fit: {error}") from None
            if word == ";":
                rows.append([self._item()])
            elif word == ",":
                rows[-1].append(self._item())
            else:
                raise self._wrong(f"`{word}` stands where `,` `;` or `]` is expected")
        raise self._wrong("a `]` is missing")


def read_map(path: Path) -> dict[str, Any]:
    """The table of a TOML file."""
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError.at("U811", f"this is no TOML: {error}", instead='layout = "nbt"', file=str(path)) from None


def layout_from(table: Mapping[str, Any], system: System, source: str) -> Layout:
    """The layout that a table says, checked against the model. Raises UsageError for what is not known or does not fit."""
    known = {f.name for f in fields(Layout)} - {"source"}
    for key in table:
        if key not in known:
            near, everything = nearest(key, known), ", ".join(sorted(known))
            raise UsageError.at("U811", f"`{key}` means nothing here", expected=everything, instead=near, file=source)
    layout = Layout(**{key: _typed(key, value, source) for key, value in table.items()}, source=source)
    _check(layout, system, source)
    return layout


def _typed(key: str, value: Any, source: str) -> Any:
    if key in ("params", "data", "gradients"):
        if isinstance(value, Mapping) and all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
            return dict(value)
        raise UsageError.at(
            "U811", f"`{key}` is {value!r}", expected="names and texts", instead=f'[{key}] and lines such as W = "W_f"', file=source
        )
    if key in ("average_over", "classes", "one_hot", "returns", "skip"):
        value = [value] if isinstance(value, str) and value else value or []
        if isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value):
            return tuple(value)
        raise UsageError.at("U811", f"`{key}` is {value!r}", expected="a list of texts", file=source)
    if key == "sequences" and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise UsageError.at("U811", f"`sequences` is {value!r}", expected="a whole number, at least 1", file=source)
    if key in ("layout", "vectors") and not isinstance(value, str):
        raise UsageError.at("U811", f"`{key}` is {value!r}", expected="a text", file=source)
    return value


def _check(layout: Layout, system: System, source: str) -> None:
    def refuse(found: str, expected: str, instead: str = "") -> None:
        raise UsageError.at("U811", found, expected=expected, instead=instead, file=source)

    letters = layout.layout
    if set(letters) - set(AXES) or len(set(letters)) != len(letters) or not {"t", "n"} <= set(letters):
        refuse(f'`layout` is "{letters}"', "an order of t (time), b (batch), n (features), such as tbn, btn, nbt, tn", 'layout = "tbn"')
    if "b" not in letters and layout.batch != 1:
        refuse(f"`sequences` is {layout.sequences}, but the layout has no batch axis", "a layout with b, or one sequence")
    if layout.vectors not in ("flat", "column", "row"):
        refuse(f'`vectors` is "{layout.vectors}"', "flat, column or row")
    for name in layout.average_over:
        if name not in AVERAGES:
            refuse(f'`average_over` has "{name}"', 'a list of "batch" and "time", or an empty one')
    data = [d.name for d in system.data]
    for key in ("classes", "one_hot"):
        for name in getattr(layout, key):
            if name not in data:
                refuse(f"`{key}` has `{name}`, which is not data of `{system.name}`", ", ".join(data), nearest(name, data))
    _check_arrangement(layout, system, source)


def _check_arrangement(layout: Layout, system: System, source: str) -> None:
    """Every parameter must be found in their arrangement once, so that its gradient can be read back."""
    known = [d.name for d in system.params]
    for word in layout.words:
        if word in known and layout.words.count(word) > 1:
            raise UsageError.at(
                "U812", f"`{word}` is found {layout.words.count(word)} times in [params]", expected="each parameter once", file=source
            )
