"""One step as data flow: the picture of the equations between the values that come in and those that go out.

Comes in: a System. Goes out: a Drawing: what comes in stands at the left, what goes on to other steps at the right, operations between,
each one rank after the last of its operands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rnnsym.algebra.system import System
from rnnsym.documents.mathematics import Node
from rnnsym.documents.names import Names
from rnnsym.documents.unicode_text import unicode_text
from rnnsym.pictures.drawing import Drawing, cropped
from rnnsym.pictures.layered import Item, Link, lay_out
from rnnsym.pictures.steps import StepGraph


def data_flow(system: System, names: Names | None = None) -> Drawing:
    """One step of a System as layered data flow, from left to right.

    names: how names are typeset; by default as the System says.
    """
    graph = StepGraph(system, names or Names.of(system))
    items = ranked(list(graph.items.values()), graph.links)
    parts = lay_out(items, graph.links)
    entering = [item for item in items if item.key.startswith("in ")]
    leaving = [item for item in items if item.key.startswith("out ")]
    title = f"One step of {system.name} as data flow"
    text = f"From the left come {listing(entering)}; to the right leave {listing(leaving)}; between stand operations, first operands above."
    return cropped(f"{system.name}-data-flow", title, text, parts.shapes, parts.edges, parts.labels, parts.dots)


def listing(items: Sequence[Item]) -> str:
    """The items' labels in words: `x_t, h_{t-1} and c_{t-1}`."""
    words = [unicode_text(item.label) for item in items if isinstance(item.label, Node)]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words) or "no values"


def ranked(items: Sequence[Item], links: Sequence[Link]) -> list[Item]:
    """Every item with its rank: one after its last operand; data just before its first reader; what leaves, last."""
    operands: dict[str, list[str]] = {item.key: [] for item in items}
    readers: dict[str, list[str]] = {item.key: [] for item in items}
    for link in links:
        operands[link.target].append(link.source)
        readers[link.source].append(link.target)
    rank: dict[str, int] = {}
    pending = [item.key for item in items]
    while pending:
        for key in pending:
            if all(k in rank for k in operands[key]):
                rank[key] = max((rank[k] + 1 for k in operands[key]), default=0)
        pending = [key for key in pending if key not in rank]
    last = max(rank.values(), default=0)
    for item in items:
        if item.key.startswith("out "):
            rank[item.key] = last
    for item in items:
        if not operands[item.key] and readers[item.key] and item.kind in ("data", "plain") and not item.dashed:
            rank[item.key] = min(rank[k] for k in readers[item.key]) - 1
    return [replace(item, rank=rank[item.key]) for item in items]
