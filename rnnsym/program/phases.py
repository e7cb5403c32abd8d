"""Phases: which loops are walked together, a stretch of steps at a time, so that what one computes is still near when the next reads it.

Comes in: stages. Goes out: phases. A phase is either done once, or is one loop over stretches of steps (in one direction) through
stages that run over a stretch (maps) and step by step (scans), in order. A stage joins a phase unless it reads what the phase has
not computed yet at that stretch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rnnsym.program.ops import Op, Ref, Stage


@dataclass(frozen=True)
class Phase:
    """Stages that are walked together; `direction` 0 for what is done once."""

    direction: int
    stages: tuple[Stage, ...]

    @property
    def ops(self) -> tuple[Op, ...]:
        return tuple(op for stage in self.stages for op in stage.ops)

    @property
    def has_scan(self) -> bool:
        return any(stage.kind == "scan" for stage in self.stages)

    def __str__(self) -> str:
        head = {0: "once", 1: "over the steps →", -1: "over the steps ←"}[self.direction]
        return "\n".join([head, *(f"  {line}" for stage in self.stages for line in str(stage).split("\n"))])


def phases(stages: Sequence[Stage], array: Callable[[str], str] = str, lasting: frozenset[str] = frozenset()) -> list[Phase]:
    """The stages in phases.

    array    names the array in which a name's values lie
    lasting  results that are held for all steps anyway: what computes nothing else gains nothing from another loop's nearness
    """
    lasting = lasting | {ref.name for stage in stages if stage.kind == "static" for op in stage.ops for ref in op.reads}
    found: list[Phase] = []
    is_done = False  # whether all that the last phase computes for others is held for all steps
    for index, stage in enumerate(stages):
        if stage.kind == "static":
            _place_static(found, stage, array)
            continue
        last = found[-1] if found else None
        is_final = stage.kind == "map" and _outer_results(index, stages) <= lasting
        apart = last is not None and (last.has_scan if stage.kind == "map" else False)
        if last is not None and last.direction and not apart and (not is_done or is_final) and _joins(last, stage, array):
            direction = stage.direction if stage.kind == "scan" else last.direction
            found[-1] = Phase(direction, (*last.stages, stage))
        else:
            found.append(Phase(stage.direction or 1, (stage,)))
        is_done = is_final and not found[-1].has_scan
    return found


def _outer_results(index: int, stages: Sequence[Stage]) -> set[str]:
    """What a stage computes and other stages read."""
    made = {op.out for op in stages[index].ops}
    return {ref.name for k, stage in enumerate(stages) if k != index for op in stage.ops for ref in op.reads if ref.name in made}


def _place_static(found: list[Phase], stage: Stage, array: Callable[[str], str]) -> None:
    """What is done once goes before a loop that it does not read."""
    for op in stage.ops:
        position = len(found)
        while position and not _depends(op, found[position - 1], array):
            position -= 1
        if position < len(found) and not found[position].direction:
            found[position] = Phase(0, (Stage("static", 0, (*found[position].stages[0].ops, op)),))
        elif position and not found[position - 1].direction:
            found[position - 1] = Phase(0, (Stage("static", 0, (*found[position - 1].stages[0].ops, op)),))
        else:
            found.insert(position, Phase(0, (Stage("static", 0, (op,)),)))


def _depends(op: Op, phase: Phase, array: Callable[[str], str]) -> bool:
    """Whether an operation must stand behind a phase: it reads what the phase computes, or fills what the phase reads."""
    written = {array(other.out) for other in phase.ops}
    read = {array(ref.name) for other in phase.ops for ref in other.reads}
    return any(array(ref.name) in written for ref in op.reads) or array(op.out) in read or array(op.out) in written


def _joins(phase: Phase, stage: Stage, array: Callable[[str], str]) -> bool:
    scans = [s for s in phase.stages if s.kind == "scan"]
    if stage.kind == "scan" and scans and phase.direction != stage.direction:
        return False
    direction = stage.direction if stage.kind == "scan" else phase.direction if scans else 0
    written = {array(op.out) for op in phase.ops}
    if any(array(ref.name) in written and not _is_at_hand(ref, direction) for op in stage.ops for ref in op.reads):
        return False
    if stage.kind == "scan" and not scans:  # the direction of what has joined before is settled now
        for earlier in phase.stages:
            if any(array(ref.name) in written and ref.delay and ref.delay * stage.direction > 0 for op in earlier.ops for ref in op.reads):
                return False
    return True


def _is_at_hand(ref: Ref, direction: int) -> bool:
    """Whether a stretch of what the same phase computes is there when it is read."""
    return ref.delay == 0 or (ref.delay is not None and direction * ref.delay < 0)
