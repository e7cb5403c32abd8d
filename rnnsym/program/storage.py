"""Storage: how long every array lives, and which share one.

Comes in: phases, and the places that stacking chose. Goes out: for every name how many steps of it are held (all, a stretch, one), with
results written over operands that nobody reads again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from rnnsym.algebra.sizes import same_shape
from rnnsym.program.ops import PER_STEP, Cell, Op, Ref, Stage
from rnnsym.program.phases import Phase
from rnnsym.program.stacking import Place
from rnnsym.program.vocabulary import ELEMENTWISE

STEP, STRETCH, STORED = 1, 2, 3  # held for one step, for a stretch of steps, for all


@dataclass
class Storage:
    """held: name → STEP, STRETCH, STORED (arrays of the loops alone); places: where the values of a name lie, if not in their own array."""

    held: dict[str, int] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)

    def array(self, name: str) -> str:
        """The array that holds the values of a name."""
        while name in self.places:
            name = self.places[name].array
        return name


def in_place(stages: list[Stage], cells: Mapping[str, Cell], places: dict[str, Place], kept: set[str]) -> list[Stage]:
    """Places for results of loops that are written over an operand which nobody reads again, and for factors over what they are factors of.

    Goes out: the stages, where other readers of such an operand stand before.
    """
    reads: dict[str, int] = {}
    for stage in stages:
        for op in stage.ops:
            for ref in op.reads:
                reads[ref.name] = reads.get(ref.name, 0) + 1
    maps = {op.out for stage in stages if stage.kind == "map" for op in stage.ops}
    lasting = _lasting(stages)
    overwritten: set[str] = set()
    found = []
    for stage in stages:
        ops = list(stage.ops)
        for op in stage.ops if stage.kind == "scan" else ():
            if op.function not in ELEMENTWISE or op.place or op.details or not _is_simple(op.out, cells):
                continue
            for ref in op.reads:
                if ref.delay != 0 or ref.rows or ref.name in kept or ref.name in overwritten or not _fits(ref.name, op.out, cells):
                    continue
                others = [other for other in ops if ref in other.reads and other is not op]
                if (
                    ref.name in places
                    and op.out not in places
                    and reads[ref.name] == 1 + len(others)
                    and _move_up(ops, ref, others, places)
                ):
                    places[op.out] = places[ref.name]
                    overwritten.add(ref.name)
                    break
                alone = reads[ref.name] == 1 and cells[ref.name].kind == "part"
                if alone and ref.name in maps and ref.name not in places and op.out in lasting:
                    places[ref.name] = places.get(op.out, Place(op.out))
                    break
        found.append(replace(stage, ops=tuple(ops)))
    return found


def _move_up(ops: list[Op], ref: Ref, others: list[Op], places: Mapping[str, Place]) -> bool:
    """Put the other readers of an operand right behind what computes it, where they read nothing else."""
    array = places[ref.name].array
    own = (k for k, op in enumerate(ops) if op.out == ref.name)  # what stands in a stack may have an operation of its own after it
    position = next(own, None)
    if position is None:
        position = next((k for k, op in enumerate(ops) if op.out == array and not op.details[1:]), None)
    if position is None or any(set(other.reads) != {ref} or other.out == array for other in others):
        return False
    for other in others:
        ops.remove(other)
        ops.insert(position + 1, other)
    return True


def _lasting(stages: list[Stage]) -> set[str]:
    """What is held beyond its own step anyway: read at other steps, or in other stages."""
    home = {op.out: k for k, stage in enumerate(stages) for op in stage.ops}
    return {ref.name for k, stage in enumerate(stages) for op in stage.ops for ref in op.reads if ref.delay or home.get(ref.name, k) != k}


def _is_simple(name: str, cells: Mapping[str, Cell]) -> bool:
    return cells[name].axes == PER_STEP and cells[name].entries == "number"


def _fits(name: str, out: str, cells: Mapping[str, Cell]) -> bool:
    first, second = cells[name], cells[out]
    no_slots = not (second.lag or second.lead) or first.kind == "part"
    return first.axes == PER_STEP and first.entries == "number" and same_shape(first.shape, second.shape) and no_slots


def storage(phases: Iterable[Phase], cells: Mapping[str, Cell], places: dict[str, Place], traced: set[str]) -> Storage:
    """How long every array of the loops is held."""
    found = Storage(places=places)
    where: dict[str, tuple[int, int, str]] = {}
    phases = list(phases)
    for p, phase in enumerate(phases):
        for s, stage in enumerate(phase.stages):
            for op in stage.ops:
                if cells[op.out].axes == PER_STEP:
                    where.setdefault(op.out, (p, s, stage.kind))
    for name in where:
        found.held[name] = STORED if name in traced or cells[name].kind == "slab" else STEP
    for p, phase in enumerate(phases):
        for s, stage in enumerate(phase.stages):
            for op in stage.ops:
                for ref in op.reads:
                    if ref.name in where:
                        found.held[ref.name] = max(found.held[ref.name], _needed(where[ref.name], (p, s, stage.kind), op, ref, phase))
    for name, (_, _, kind) in where.items():
        if kind == "map":
            found.held[name] = max(found.held[name], STRETCH)
    _shared(found, where)
    return found


def _needed(home: tuple[int, int, str], reader: tuple[int, int, str], op: Op, ref: Ref, phase: Phase) -> int:
    """How long a value must be held for one reader."""
    if home[0] != reader[0] or ref.delay != 0 or not phase.direction:
        return STORED
    if home[2] == "map":
        return STRETCH
    return STEP if home[1] == reader[1] else STORED


def _shared(found: Storage, where: Mapping[str, tuple[int, int, str]]) -> None:
    """What lies in one array is held as long as any of it."""
    longest: dict[str, int] = {}
    for name, place in found.places.items():
        array = found.array(place.array)
        own = found.held.get(array, STORED)  # an array that only its parts are written to is read as a whole
        longest[array] = max(longest.get(array, 0), found.held.get(name, STORED), own)
    for array, held in longest.items():
        found.held[array] = held
    for name in found.places:
        found.held[name] = longest[found.array(name)]


def resolved(ref: Ref, places: Mapping[str, Place]) -> Ref:
    """The operand as rows of the array in which it lies."""
    while ref.name in places and ref.delay is not None:
        place = places[ref.name]
        start = place.rows[0] if place.rows else None
        rows = ref.rows
        if start is not None:
            rows = place.rows if rows is None else (start + rows[0], start + rows[1])
        ref = replace(ref, name=place.array, delay=ref.delay + place.shift, rows=rows)
    return ref
