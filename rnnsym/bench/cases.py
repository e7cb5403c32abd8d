"""What is run: numbers for a model's sizes, and random arrays for its parameters and data.

Comes in: a System and the words of `--sizes`. Goes out: `Case`s. The named sizes are those of an LSTM (T, B, n_x, n_h, n_y); what a size of
another model corresponds to follows from where it occurs: in a matrix that runs in time (a quarter of n_h, so that the states are
comparable), in a target, in a recurrence, in an input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.algebra.operators import CrossEntropy
from rnnsym.algebra.sizes import size_value
from rnnsym.algebra.system import Declaration, System
from rnnsym.algebra.tensor import DATA, FINAL_LOSS, STEP_LOSS
from rnnsym.backends.head import classes_allowed
from rnnsym.backends.names import python_names
from rnnsym.bench.schedule import subexpressions
from rnnsym.errors import UsageError
from rnnsym.library import nearest
from rnnsym.proof.draws import constraints

Array = NDArray[Any]

NAMED: dict[str, dict[str, int]] = {
    "tiny": {"T": 50, "B": 1, "n_x": 32, "n_h": 64, "n_y": 32},
    "small": {"T": 100, "B": 16, "n_x": 64, "n_h": 128, "n_y": 64},
    "medium": {"T": 100, "B": 32, "n_x": 128, "n_h": 256, "n_y": 128},
    "large": {"T": 100, "B": 64, "n_x": 256, "n_h": 512, "n_y": 256},
    "long": {"T": 1000, "B": 8, "n_x": 32, "n_h": 128, "n_y": 32},
}
DEFAULT = "small"


@dataclass(frozen=True)
class Scale:
    """A row of the bench: its name, and a number for T, B and every size of the model."""

    name: str
    sizes: Mapping[str, int]

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(f'{k}={v}' for k, v in self.sizes.items())})"


def scales(system: System, text: str) -> tuple[Scale, ...]:
    """`tiny,small,n_h=100`: the named sizes in order, each with the numbers that are said; without a name, the default one.

    Raises UsageError for what is neither a named size nor T, B or a size of the model, and where a slice or a shape would not exist.
    """
    names, said = [], {}
    known = ["T", "B", *(s.name for s in system.sizes)]
    for word in filter(None, (w.strip() for w in text.split(","))):
        key, equals, number = (w.strip() for w in word.partition("="))
        if not equals and key in NAMED:
            names.append(key)
        elif not equals or key not in known:
            allowed = known if equals else list(NAMED)
            raise UsageError.at(
                "U302", f"`{word}` is no size of `{system.name}`", expected=", ".join([*NAMED, *(f"{k}=…" for k in known)]),
                instead=nearest(key, allowed), file="--sizes",
            )  # fmt: skip
        elif not number.isascii() or not number.isdigit() or int(number) < 1:
            raise UsageError.at("U302", f"`{word}` gives no whole number", expected=f"{key}=64", file="--sizes")
        else:
            said[key] = int(number)
    if not names:
        return (Scale("own" if said else DEFAULT, _numbers(system, NAMED[DEFAULT], said)),)
    return tuple(Scale(name, _numbers(system, NAMED[name], said)) for name in names)


def _numbers(system: System, pattern: Mapping[str, int], said: Mapping[str, int]) -> dict[str, int]:
    """A number for every size: what is said, else by what the size stands for; doubled or halved where a slice asks for it."""
    wanted = {name: pattern[like] // (4 if quartered else 1) for name, (like, quartered) in roles(system).items()}
    lengths, slices = constraints(system)
    free = [name for name in wanted if name not in said]
    for factors in product((1, 2, 0.5, 4), repeat=min(len(free), 5)):
        scaled = {name: max(1, int(wanted[name] * f)) for name, f in zip(free, factors, strict=False)}
        sizes = {**wanted, **scaled, **said}
        if all(size_value(n, sizes) >= 1 for n in lengths) and all(
            0 <= size_value(a, sizes) <= size_value(b, sizes) <= size_value(n, sizes) for a, b, n in slices
        ):
            return {"T": said.get("T", pattern["T"]), "B": said.get("B", pattern["B"])} | {n: sizes[n] for n in wanted}
    raise UsageError.at(
        "U504",
        f"no sizes were found that fit every shape of `{system.name}`",
        instead="--sizes " + ",".join(f"{n}=…" for n in wanted),
        file="bench",
    )


def roles(system: System) -> dict[str, tuple[str, bool]]:
    """For every size: which of n_x, n_h, n_y it stands for, and whether a quarter of it."""
    found: dict[str, tuple[str, bool]] = {}
    scans = {d.name for c in system.components if c.kind == "scan" for d in c.definitions}
    lagged = {name for name, reach in system.extents.items() if any(reach)}
    places = [
        (("n_h", True), [d for d in system.variables if d.timed and len(d.shape) == 2]),
        (("n_y", False), [d for d in system.data if d.kind != "input"]),
        (("n_h", False), [d for d in system.variables if d.name in scans & lagged]),
        (("n_x", False), list(system.data)),
        (("n_h", False), list(system.declarations)),
    ]
    for role, declarations in places:
        for declaration in declarations:
            for length in declaration.shape:
                for symbol in sorted(length.free_symbols, key=str):
                    found.setdefault(symbol.name, role)
    return {s.name: found[s.name] for s in system.sizes}


@dataclass(frozen=True)
class Case:
    """Arrays for one row of the bench, by the model's own names: parameters and data, in the dtype that is timed."""

    system: System
    scale: Scale
    dtype: str
    params: Mapping[str, Array] = field(repr=False)
    data: Mapping[str, Array] = field(repr=False)

    @property
    def classes(self) -> frozenset[str]:
        """Targets that are given as class numbers."""
        return frozenset(d.name for d in self.system.of_kind("target") if self.data[d.name].dtype.kind == "i")

    def keywords(self) -> dict[str, Array]:
        """The data under the names that the generated module gives them."""
        names = python_names(self.system)
        return {names[name]: array for name, array in self.data.items()}

    def module_params(self, module: Any, dtype: Any = None) -> Any:
        names, kind = python_names(self.system), np.dtype(dtype or self.dtype)
        sizes = {names[n]: v for n, v in self.scale.sizes.items() if n not in ("T", "B")}
        arrays = {names[name]: np.asarray(value, kind) for name, value in self.params.items()}
        return module.Params.from_arrays(arrays, **{n: v for n, v in sizes.items() if n in module.SIZES})


def cases(system: System, module: Any, scale: Scale, dtype: str, seed: int = 0) -> Case:
    """Matrices at their usual starts, biases and factors near theirs, normal data; where that is not finite, positive data.

    Raises UsageError where the cost or a gradient is finite for neither.
    """
    for positive in (False, True):
        rng = np.random.default_rng(seed)
        case = Case(system, scale, dtype, _params(system, module, scale, rng, dtype), _data(system, scale.sizes, positive, rng, dtype))
        if not has_cost(system):
            return case
        with np.errstate(all="ignore"):
            loss, gradients, _ = module.loss_and_grads(case.module_params(module), **case.keywords())
        if np.isfinite(loss) and np.isfinite(gradients.vector).all():
            return case
    raise UsageError.at("U503", f"the cost of `{system.name}`, or a gradient, is not finite at the random arrays tried", file="bench")


def has_cost(system: System) -> bool:
    """Whether there is something to train for."""
    return any(d.name in (STEP_LOSS, FINAL_LOSS) for d in system.definitions)


def _params(system: System, module: Any, scale: Scale, rng: np.random.Generator, dtype: str) -> dict[str, Array]:
    names = python_names(system)
    accepted = {names[n]: v for n, v in scale.sizes.items() if n not in ("T", "B") and names[n] in module.SIZES}
    start = module.init_params(**accepted, rng=rng, dtype=np.float64)
    found = {d.name: np.asarray(start[names[d.name]]) for d in system.params}
    near = {name: value + (0.1 * rng.standard_normal(value.shape) if value.ndim < 2 else 0) for name, value in found.items()}
    return {name: np.asarray(value, dtype) for name, value in near.items()}


def _data(system: System, sizes: Mapping[str, int], positive: bool, rng: np.random.Generator, dtype: str) -> dict[str, Array]:
    """Arrays for every input, target, token and free constant; class numbers where the cross-entropy reads a target as it is."""
    classes = set(classes_allowed(system)) - _read_as_vectors(system)
    found = {}
    for declaration in (*system.data, *(d for d in system.constants if d.start is None)):
        shape = tuple(size_value(n, sizes) for n in declaration.shape)
        lead = () if declaration.kind not in DATA else (sizes["T"], sizes["B"]) if declaration.timed else (sizes["B"],)
        found[declaration.name] = _draw(declaration, lead, shape, declaration.name in classes, positive, rng, dtype)
    return found


def _read_as_vectors(system: System) -> set[str]:
    """Targets that something else than a cross-entropy reads too: no class numbers are given for these."""
    found = set()
    for definition in system.every_definition:
        for node in subexpressions(definition.rhs):
            arguments = node.args[1:] if isinstance(node, CrossEntropy) else node.args
            found |= {a.name for a in arguments if getattr(a, "kind", "") == "target"}
    return found


def _draw(
    declaration: Declaration,
    lead: tuple[int, ...],
    shape: tuple[int, ...],
    as_class: bool,
    positive: bool,
    rng: np.random.Generator,
    dtype: str,
) -> Array:
    if declaration.kind == "token" or as_class:
        return rng.integers(0, shape[0], lead)
    if declaration.kind == "target":
        value = rng.dirichlet(np.ones(shape[0]), lead) if len(shape) == 1 else rng.uniform(0.1, 0.9, lead + shape)
    elif declaration.kind == "constant" or positive:
        value = rng.uniform(0.1, 0.9, lead + shape)
    else:
        value = rng.standard_normal(lead + shape)
    return np.asarray(value, dtype)
