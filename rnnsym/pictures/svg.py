"""A drawing as SVG.

Comes in: a Drawing. Goes out: one `<svg>` element with title and description, that stands alone or inside a page. Every colour is a custom
property with a value for light and one for dark, so that a page may set its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape

from rnnsym.documents.mathematics import Node
from rnnsym.documents.mathml import styled
from rnnsym.pictures.drawing import DETAIL_SIZE, LABEL_SIZE, NODE_SIZE, SIGN_SIZE, Drawing, Edge, Label, Point, Shape
from rnnsym.pictures.lettering import lettering

FONTS = "'rnnsym math','STIX Two Text','STIX Two Math','Latin Modern Roman','Cambria Math',Cambria,'Times New Roman','DejaVu Serif',serif"
COLOURS = {  # name → (light, dark)
    "ink": ("#222222", "#e6e6e6"), "line": ("#505050", "#b4b4b4"), "error": ("#b3201a", "#ff8077"),
    "data": ("#eef0f3", "#2c3036"), "data-line": ("#5a6270", "#9aa4b2"),
    "state": ("#e5edfb", "#1d2c47"), "state-line": ("#2f5c9e", "#85b0f0"),
    "function": ("#fff0cf", "#40330f"), "function-line": ("#a8790f", "#e0b350"),
    "readout": ("#e2f2e2", "#1b3720"), "readout-line": ("#2f8b3a", "#79c983"),
    "operator": ("#fde3e0", "#452320"), "operator-line": ("#b3403a", "#f0968f"),
    "loss": ("#f5dcf2", "#412040"), "loss-line": ("#8f3287", "#dc95d5"),
    "delay": ("#ffffff", "#16181b"), "delay-line": ("#505050", "#b4b4b4"),
}  # fmt: skip
_RADIUS = 5.0  # of a line's corners
_HEAD = ((0.0, 0.0), (-9.0, -3.6), (-7.0, 0.0), (-9.0, 3.6))  # an arrow's head that points to the right


def svg_source(drawing: Drawing, mathematical: bool = False) -> str:
    """The SVG of a drawing; `mathematical`: italics as characters of their own."""
    identifier = "picture-" + "".join(c if c.isalnum() else "-" for c in drawing.name)
    width, height = number(drawing.width), number(drawing.height)
    rows = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="rnnsym-picture" role="img" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" aria-labelledby="{identifier}-title {identifier}-desc">',
        f'<title id="{identifier}-title">{escape(drawing.title)}</title>',
        f'<desc id="{identifier}-desc">{escape(drawing.description)}</desc>',
        f"<style>{style_sheet()}</style>",
    ]
    rows += [_edge(edge) for edge in drawing.edges]
    rows += [f'<circle class="dot {dot.kind}" cx="{number(dot.x)}" cy="{number(dot.y)}" r="2.4"/>' for dot in drawing.dots]
    write = partial(letters, mathematical=mathematical)
    rows += [_shape(shape, write) for shape in drawing.nodes]
    rows += [_label(label, write) for label in drawing.labels]
    return "\n".join([*rows, "</svg>", ""])


def style_sheet() -> str:
    """The rules of all pictures; they reach nothing outside them."""
    root = ".rnnsym-picture"
    dark = ";".join(f"--picture-{name}:{value}" for name, (_, value) in COLOURS.items())
    rules = [
        f"@media (prefers-color-scheme:dark){{:where({root}){{{dark}}}}}",
        f"{root} text{{font-family:{FONTS};text-anchor:middle;{_paint('fill', 'ink')}}}",
        f"{root} .line{{fill:none;stroke-width:1.4;{_paint('stroke', 'line')}}}",
        f"{root} .head,{root} .dot{{stroke:none;{_paint('fill', 'line')}}}",
        f"{root} .line.error{{stroke-width:1.7;{_paint('stroke', 'error')}}}",
        f"{root} .head.error,{root} .dot.error,{root} text.error{{{_paint('fill', 'error')}}}",
        f"{root} .dashed{{stroke-dasharray:5 3.5}}",
        f"{root} .node{{stroke-width:1.3}}",
    ]
    for kind in ("data", "state", "function", "readout", "operator", "loss", "delay"):
        rules.append(f"{root} .node.{kind}{{{_paint('fill', kind)};{_paint('stroke', kind + '-line')}}}")
    return "".join(rules)


def _paint(what: str, name: str) -> str:
    """The declaration twice: with a plain colour for readers that do not know custom properties."""
    light = COLOURS[name][0]
    return f"{what}:{light};{what}:var(--picture-{name},{light})"


def number(value: float) -> str:
    """A coordinate to a tenth of a pixel, without needless zeros."""
    text = f"{value:.1f}"
    text = text[:-2] if text.endswith(".0") else text
    return "0" if text == "-0" else text


def _edge(edge: Edge) -> str:
    classes = f"line {edge.kind}" + (" dashed" if edge.dashed else "")
    points = list(edge.points)
    head = ""
    if edge.arrow and len(points) > 1:
        head = _head(points[-2], points[-1], edge.kind)
        points[-1] = _toward(points[-1], points[-2], 6.0)
    return f'<path class="{classes}" d="{rounded_path(points)}"/>{head}'


def rounded_path(points: list[Point]) -> str:
    """A line with round corners as path data."""
    data = [f"M{number(points[0][0])} {number(points[0][1])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(_RADIUS, _length(before, corner) / 2, _length(corner, after) / 2)
        start, end = _toward(corner, before, radius), _toward(corner, after, radius)
        data.append(f"L{number(start[0])} {number(start[1])}Q{number(corner[0])} {number(corner[1])} {number(end[0])} {number(end[1])}")
    data.append(f"L{number(points[-1][0])} {number(points[-1][1])}")
    return "".join(data)


def _length(a: Point, b: Point) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def _toward(start: Point, goal: Point, distance: float) -> Point:
    """The point `distance` from start on the way to the goal (along an axis)."""
    length = _length(start, goal)
    part = min(1.0, distance / length) if length else 0.0
    return start[0] + (goal[0] - start[0]) * part, start[1] + (goal[1] - start[1]) * part


def _head(before: Point, tip: Point, kind: str) -> str:
    length = _length(before, tip) or 1.0
    dx, dy = (tip[0] - before[0]) / length, (tip[1] - before[1]) / length
    corners = [(tip[0] + a * dx - b * dy, tip[1] + a * dy + b * dx) for a, b in _HEAD]
    return f'<path class="head {kind}" d="M{"L".join(f"{number(x)} {number(y)}" for x, y in corners)}Z"/>'


def _shape(shape: Shape, write: Callable[..., str]) -> str:
    out = ""
    if shape.kind != "plain":
        left, top, _, _ = shape.box
        classes = f"node {shape.kind}" + (" dashed" if shape.dashed else "")
        out = (
            f'<rect class="{classes}" x="{number(left)}" y="{number(top)}" width="{number(shape.width)}" '
            f'height="{number(shape.height)}" rx="{number(shape.corner)}"/>'
        )
    lift = 7.0 if shape.detail is not None else 0.0
    if shape.label is not None:
        out += write(shape.label, shape.x, shape.y - lift, SIGN_SIZE if shape.kind == "delay" else NODE_SIZE)
    if shape.detail is not None:
        out += write(shape.detail, shape.x, shape.y + 12, DETAIL_SIZE)
    return out


def _label(label: Label, write: Callable[..., str]) -> str:
    return write(label.tree, label.x, label.y + label.drop - 0.32 * LABEL_SIZE, LABEL_SIZE, label.kind)


def letters(tree: Node, x: float, y: float, size: float, kind: str = "", mathematical: bool = False) -> str:
    """A `<text>` centred at (x, y), its scripts as shifted spans; `mathematical`: italics as characters of their own."""
    spans, level = [], 0.0
    for run in lettering(tree, size).runs:
        attributes = f' dy="{number(level - run.rise)}"' if run.rise != level else ""
        attributes += f' dx="{number(run.shift)}"' if run.shift else ""
        attributes += f' font-size="{number(run.size)}"' if run.size != round(size, 1) else ""
        attributes += ' font-style="italic"' if run.italic and not mathematical else ""
        attributes += ' font-weight="bold"' if run.bold else ""
        text = escape("".join(styled(c, "italic") for c in run.text) if run.italic and mathematical else run.text)
        spans.append(f"<tspan{attributes}>{text}</tspan>" if attributes else text)
        level = run.rise
    chosen = f' class="{kind}"' if kind == "error" else ""
    return f'<text{chosen} x="{number(x)}" y="{number(y + 0.32 * size)}" font-size="{number(size)}">{"".join(spans)}</text>'
