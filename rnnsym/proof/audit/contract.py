"""The person's function: found, called with arrays laid out their way, and its answer read.

Comes in: `FILE.py:function`, a model, a layout. Goes out: their cost and their gradients under the model's names. Their file is executed:
that is what an audit asks for. Whatever goes wrong in it is told with the line of their file; what it prints goes to stderr.
"""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import linecache
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.system import System
from rnnsym.errors import UsageError
from rnnsym.library import nearest
from rnnsym.program.meanings import Array
from rnnsym.proof.audit.layout import Layout
from rnnsym.proof.audit.points import AuditPoint, outside_keys

COST_NAMES = ("cost", "loss", "J", "L", "C")


class Arrays(dict[str, Any]):
    """Parameters by name; `params["W"]` and `params.W` are the same."""

    def __missing__(self, name: str) -> Any:
        raise KeyError(f"{name}; there are {', '.join(self)}")

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(f"{name}; there are {', '.join(self)}")


@dataclass(frozen=True)
class Answer:
    """What their function gave: the cost where it gave one, gradients by the model's names (time-major, with a batch axis), and notes."""

    cost: float | None
    gradients: Mapping[str, Array]
    ignored: tuple[str, ...]
    single: bool  # computed in single precision


@dataclass(frozen=True)
class Contract:
    """Their function, with the model and the layout that say how it is called."""

    place: str
    function: Callable[..., Any]
    system: System
    layout: Layout

    # ------------------------------------------------------------ what it takes

    def asked(self) -> dict[str, str]:
        """What each of their arguments stands for: "*" for all parameters, else the model's or the map's name."""
        try:
            signature = inspect.signature(self.function)
        except (TypeError, ValueError):
            raise self._wrong("U803", "its arguments cannot be read", "a function written in Python") from None
        found: dict[str, str] = {}
        everything: str | None = None
        for name, parameter in signature.parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            meaning = self._meaning(name)
            if meaning is None and parameter.default is not parameter.empty:
                continue
            if meaning is None and everything is None:
                everything, meaning = name, "*"
            if meaning is None:
                raise self._unknown_argument(name, everything or "")
            found[name] = meaning
        return found

    def _meaning(self, name: str) -> str | None:
        if name in self.layout.data:
            return self._target(self.layout.data[name], f"data.{name}")
        if name in self.layout.params or name in self._nameable:
            return name
        for key in outside_keys(self.system):
            state, _, where = key.partition("[")
            if where == "0]" and name.lower() in {f"{state}{s}".lower() for s in ("0", "_0", "prev", "_prev", "_init", "_initial")}:
                return key
        return None

    @property
    def _nameable(self) -> set[str]:
        kept = {d.name for d in self.system.declarations if d.kind != "variable"} - self.layout.rearranged
        return kept | {s.name for s in self.system.sizes}

    def _target(self, ours: str, place: str) -> str:
        known = [d.name for d in self.system.declarations if d.kind != "variable"]
        known += [s.name for s in self.system.sizes] + list(outside_keys(self.system))
        if ours not in known:
            raise UsageError.at(
                "U813", f"`{place}` is \"{ours}\", which `{self.system.name}` does not take", expected=", ".join(known),
                instead=nearest(ours, known), file=self.layout.source,
            )  # fmt: skip
        return ours

    def _unknown_argument(self, name: str, everything: str) -> UsageError:
        takes = [d.name for d in (*self.system.data, *self.system.constants)] + list(outside_keys(self.system))
        return self._wrong(
            "U804",
            f"it takes `{name}`, which is neither data nor a parameter of `{self.system.name}` (`{everything}` is given all parameters)",
            f"{everything or 'params'}, and {', '.join(takes) or 'nothing else'}",
            f'[data] {name} = "…" in the map, or a default for `{name}`',
        )

    def initial(self) -> tuple[str, ...]:
        """The values outside 1 … T that their function takes."""
        return tuple(key for key in self.asked().values() if key in outside_keys(self.system))

    # ------------------------------------------------------------ the call

    def call(self, point: AuditPoint) -> Answer:
        """Call it at a point and read the answer."""
        arguments = {name: self._value(meaning, point) for name, meaning in self.asked().items()}
        with self._theirs():
            result = self.function(**self._keywords(arguments))
        return self._read(result, point)

    def _keywords(self, arguments: dict[str, Any]) -> dict[str, Any]:
        positional = [n for n, p in inspect.signature(self.function).parameters.items() if p.kind is p.POSITIONAL_ONLY]
        if positional:
            raise self._wrong("U803", f"`{positional[0]}` can only be passed by position", "a function without `/` among its arguments")
        return arguments

    def _value(self, meaning: str, point: AuditPoint) -> Any:
        arranged = self.layout.arranged(point.params)
        if meaning == "*":
            return Arrays({name: value.copy() for name, value in arranged.items()})
        if meaning in arranged:
            return arranged[meaning].copy()
        if meaning in point.sizes:
            return point.sizes[meaning]
        if meaning in point.initial:
            return self.layout.laid_out(point.initial[meaning], False, True)
        if meaning in point.constants:
            value = point.constants[meaning]
            return value.copy() if value.ndim else float(value)
        declared = self.system.by_name[meaning]
        return self.layout.laid_out(self._as_they_take_it(meaning, point), declared.timed, True)

    def _as_they_take_it(self, name: str, point: AuditPoint) -> Array:
        declared, array = self.system.by_name[name], point.data[name]
        if declared.kind == "token" and name in self.layout.one_hot:
            return np.eye(size_value(declared.shape[0], point.sizes))[array]
        return np.argmax(array, axis=-1) if name in self.layout.classes and declared.kind == "target" else array

    @contextlib.contextmanager
    def _theirs(self) -> Iterator[None]:
        with running(self.place, self.place.rpartition(":")[0]):
            yield

    # ------------------------------------------------------------ the answer

    def _read(self, result: Any, point: AuditPoint) -> Answer:
        cost, table = self._split(result)
        pieces: dict[str, Array] = {}
        ignored = []
        single = False
        arranged = self.layout.arranged(point.params)
        for key, value in table.items():
            target = self._gradient_target(str(key), arranged)
            if target is None:
                ignored.append(str(key))
                continue
            array = self._array(value, f"the gradient `{key}`")
            single = single or array.dtype in (np.float32, np.float16)
            pieces[target] = self._shaped(str(key), target, array.astype(float), point, arranged)
        gradients = self._named(pieces, point, arranged)
        self._require_all(gradients, table)
        return Answer(cost, gradients, tuple(ignored), single)

    def _split(self, result: Any) -> tuple[float | None, Mapping[str, Any]]:
        if isinstance(result, Mapping):
            return self._cost_inside(dict(result))
        if isinstance(result, (tuple, list)) and self.layout.returns:
            if len(result) != len(self.layout.returns):
                wanted = self.layout.returns
                raise self._wrong("U805", f"it returns {len(result)} things", f"{len(wanted)}: {', '.join(wanted)}")
            table = {name: value for name, value in zip(self.layout.returns, result, strict=True) if name}
            return self._cost_inside(table)
        if isinstance(result, (tuple, list)):
            tables = [part for part in result if isinstance(part, Mapping)]
            scalars = [part for part in result if not isinstance(part, Mapping) and np.ndim(part) == 0 and not isinstance(part, str)]
            if len(tables) == 1:
                return (float(np.real(scalars[0])) if scalars else None), tables[0]
        found = f"a {type(result).__name__}" + (f" of {len(result)}" if isinstance(result, (tuple, list)) else "")
        instead = 'returns = ["cost", "W", "b", …] in the map, in the order of the tuple' if isinstance(result, (tuple, list)) else ""
        raise self._wrong(
            "U805", f"it returns {'nothing' if result is None else found}", "a dictionary of gradients, or (cost, dictionary)", instead
        )

    def _cost_inside(self, table: dict[str, Any]) -> tuple[float | None, dict[str, Any]]:
        for name in COST_NAMES:
            if name in table and np.ndim(table[name]) == 0 and self._gradient_target(name, {}) is None:
                return float(np.real(table.pop(name))), table
        return None, table

    def _gradient_target(self, key: str, arranged: Mapping[str, Array]) -> str | None:
        known = self._targets(arranged)
        if key in self.layout.gradients:
            target = self.layout.gradients[key]
            target = self.layout.data.get(target, target)
            if target not in known.values():
                raise UsageError.at(
                    "U813", f"`gradients.{key}` is \"{target}\", of which no gradient is known", expected=", ".join(known.values()),
                    instead=nearest(target, known.values()), file=self.layout.source,
                )  # fmt: skip
            return target
        words = [key, *(key.removeprefix(p) for p in ("d_", "grad_", "d", "g_", "D") if key.startswith(p)), key.removesuffix("_grad")]
        return next((known[word] for word in words if word in known), None)

    def _targets(self, arranged: Mapping[str, Array]) -> dict[str, str]:
        """Their words → what a gradient may be of: their parameters, inputs, constants, initial values."""
        found = {name: name for name in arranged}
        for name in (d.name for d in self.system.declarations if d.kind in ("input", "constant")):
            found.setdefault(name, name)
        for theirs, ours in self.asked().items():
            if ours in found.values() or ours in outside_keys(self.system):
                found.setdefault(theirs, ours)
        for key in self.initial():
            found.setdefault(key, key)
        return found

    def _array(self, value: Any, what: str) -> Array:
        try:
            array = np.asarray(value)
        except Exception:
            array = np.asarray(None)
        if array.dtype.kind not in "fiub":
            raise self._wrong("U806", f"{what} is {'nothing' if value is None else f'a {type(value).__name__}'}", "an array of numbers")
        return array

    def _shaped(self, key: str, target: str, array: Array, point: AuditPoint, arranged: Mapping[str, Array]) -> Array:
        expected = self._expected_shape(target, point, arranged)
        if array.shape != expected and _without_ones(array.shape) == _without_ones(expected):
            return array.reshape(expected)
        if array.shape != expected:
            hint = ""
            if array.shape == expected[::-1]:
                hint = "this is the shape of its transpose"
            elif array.ndim > len(expected):
                hint = "an axis is left that should have been summed over"
            raise self._wrong(
                "U807", f"the gradient `{key}` has shape {array.shape}{f': {hint}' if hint else ''}", f"{expected}, the shape of `{target}`"
            )
        return array

    def _expected_shape(self, target: str, point: AuditPoint, arranged: Mapping[str, Array]) -> tuple[int, ...]:
        if target in arranged:
            return arranged[target].shape
        if target in point.initial:
            return self.layout.shape_of(point.initial[target].shape, False, True)
        if target in point.constants:
            return point.constants[target].shape
        return self.layout.shape_of(point.data[target].shape, self.system.by_name[target].timed, True)

    def _named(self, pieces: Mapping[str, Array], point: AuditPoint, arranged: Mapping[str, Array]) -> dict[str, Array]:
        """The gradients under the model's names: parameters by the numbers of their entries, everything else by its axes."""
        numbers, first = {}, 0
        for name, value in point.params.items():
            numbers[name] = np.arange(first, first + value.size).reshape(value.shape)
            first += value.size
        flat = np.full(first, np.nan)
        given = np.zeros(first, bool)
        for theirs, places in self.layout.arranged(numbers).items():
            if theirs in pieces:
                flat[places.ravel()] = pieces[theirs].ravel()
                given[places.ravel()] = True
        found = {name: flat[places] for name, places in numbers.items() if given[places].all()}
        for target, array in pieces.items():
            if target in point.initial:
                own = point.initial[target].ndim - 1
                found[target] = self.layout.read_back(array, own, False, True)
            elif target not in arranged and target in point.data:
                declared = self.system.by_name[target]
                own = point.data[target].ndim - 1 - int(declared.timed)
                found[target] = self.layout.read_back(array, own, declared.timed, True)
            elif target in point.constants:
                found[target] = array
        return found

    def _require_all(self, gradients: Mapping[str, Array], table: Mapping[str, Any]) -> None:
        missing = [d.name for d in self.system.params if d.name not in gradients and d.name not in self.layout.skip]
        if missing:
            lacks, given = (", ".join(f"`{word}`" for word in words) for words in (missing, table))
            raise self._wrong(
                "U808",
                f"it gives no gradient of {lacks} (it gives {given or 'nothing'})",
                "a gradient of every parameter",
                f'skip = ["{missing[0]}"] in the map where one is left out on purpose; [gradients] where it has another name',
            )

    def _wrong(self, code: str, found: str, expected: str = "", instead: str = "") -> UsageError:
        return UsageError.at(code, found, expected=expected, instead=instead, file=self.place)


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


# ---------------------------------------------------------------- their file


def load_function(place: str) -> tuple[Callable[..., Any], Mapping[str, Any]]:
    """The function that `FILE.py:function` names, and the file's own `RNNSYM_AUDIT`, {} where it has none. Executes the file."""
    file, colon, name = place.rpartition(":")
    path = Path(file)
    if not colon or not name.isidentifier():
        raise UsageError.at(
            "U801", f"`{place}` names no function", expected="FILE.py:function", instead=f"{file or place}:backward", file="audit"
        )
    if not path.is_file():
        around = [str(p) for p in sorted(path.parent.glob("*.py"))] if path.parent.is_dir() else []
        raise UsageError.at("U801", f"there is no file `{file}`", instead=nearest(file, around), file="audit")
    with running(place, file):
        module = _executed(path)
    function = getattr(module, name, None)
    functions = [n for n, v in vars(module).items() if inspect.isfunction(v) and v.__module__ == module.__name__]
    if not callable(function):
        what = f"`{file}` has no function `{name}`" if function is None else f"`{name}` in `{file}` is no function"
        raise UsageError.at("U801", what, expected=", ".join(functions) or "a function", instead=nearest(name, functions), file="audit")
    table = getattr(module, "RNNSYM_AUDIT", {})
    if not isinstance(table, Mapping):
        raise UsageError.at("U811", f"RNNSYM_AUDIT is a {type(table).__name__}", expected="a dictionary", file=file)
    return function, table


def _executed(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"_audited_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError.at("U801", f"`{path}` is no Python file", expected="a file whose name ends in .py", file="audit")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickles of their file look it up
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def running(place: str, file: str) -> Iterator[None]:
    """Their code runs: beside its own folder, printing to stderr; an error in it is told with its line."""
    folder = str(Path(file).resolve().parent)
    sys.path.insert(0, folder)
    try:
        with contextlib.redirect_stdout(sys.stderr), np.errstate(all="ignore"):
            yield
    except UsageError:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        where = _where(error, file)
        raise UsageError.at("U802", _told(error), notes=((None, where),) if where else (), file=place) from error
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def _told(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "their code ends the program: SystemExit"
    sentence = "".join(traceback.format_exception_only(error)).strip().split("\n")[-1]
    return f"their code raises {sentence}"


def _where(error: BaseException, file: str) -> str:
    if isinstance(error, SyntaxError) and error.lineno:
        return f"line {error.lineno} of {file}: {(error.text or '').strip()}"
    own = Path(file).resolve()
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).resolve() == own]
    if not frames:
        return ""
    frame = frames[-1]
    text = (frame.line or linecache.getline(frame.filename, frame.lineno or 0)).strip()
    return f"line {frame.lineno} of {file}, in {frame.name}: {text}"
