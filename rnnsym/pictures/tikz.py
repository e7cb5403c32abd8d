"""A drawing as TikZ.

Comes in: a Drawing. Goes out: a `tikzpicture` with absolute coordinates that needs the library arrows.meta and amsmath; letters are
those of the document, set by the LaTeX printer of the tree of mathematics.
"""

from __future__ import annotations

from rnnsym.documents.latex import latex
from rnnsym.documents.mathematics import Node
from rnnsym.pictures.drawing import DETAIL_SIZE, LABEL_SIZE, NODE_SIZE, SIGN_SIZE, Drawing, Edge, Point, Shape
from rnnsym.pictures.lettering import in_one_line
from rnnsym.pictures.svg import COLOURS, number

LARGEST = 0.5625  # points per pixel: letters of 16 pixels become 9 points


def tikz_source(drawing: Drawing, width: float, height: float) -> str:
    """The tikzpicture of a drawing, at most `width` points wide and `height` points high."""
    scale = min(LARGEST, width / drawing.width, height / drawing.height)
    rows = [f"% {drawing.title}. Needs \\usetikzlibrary{{arrows.meta}}."]
    rows += [
        f"\\begin{{tikzpicture}}[x={scale:.4f}pt, y=-{scale:.4f}pt, line join=round,",
        f"  line/.style={{draw=pictureline, line width={1.5 * scale:.2f}pt, rounded corners={4 * scale:.2f}pt}},",
        f"  head/.style={{-{{Stealth[length={9 * scale:.2f}pt, width={6.6 * scale:.2f}pt]}}}},",
        "  error/.style={draw=pictureerror}, dashed line/.style={dash pattern=on "
        f"{5 * scale:.2f}pt off {3.5 * scale:.2f}pt}}, node outline/.style={{line width={1.3 * scale:.2f}pt}},",
        "  letters/.style={inner sep=0pt, outer sep=0pt, anchor=base}]",
    ]
    rows += _colours()
    rows.append(f"  \\useasboundingbox (0,0) rectangle ({number(drawing.width)},{number(drawing.height)});")
    rows += [_edge(edge) for edge in drawing.edges]
    rows += [_dot(dot.x, dot.y, dot.kind, scale) for dot in drawing.dots]
    rows += [line for shape in drawing.nodes for line in _shape(shape, scale)]
    rows += [
        _letters(label.tree, label.x, label.y + label.drop - 0.32 * LABEL_SIZE, LABEL_SIZE, scale, label.kind) for label in drawing.labels
    ]
    return "\n".join([*rows, "\\end{tikzpicture}", ""])


def _colours() -> list[str]:
    used = {"line": "line", "error": "error"} | {k: k for k in COLOURS if k not in ("ink", "line", "error")}
    return [f"  \\definecolor{{picture{name.replace('-', '')}}}{{HTML}}{{{COLOURS[name][0][1:].upper()}}}" for name in used]


def _point(point: Point) -> str:
    return f"({number(point[0])},{number(point[1])})"


def _edge(edge: Edge) -> str:
    options = (
        ["line"] + (["error"] if edge.kind == "error" else []) + (["head"] if edge.arrow else []) + (["dashed line"] if edge.dashed else [])
    )
    return f"  \\path[{', '.join(options)}] {' -- '.join(map(_point, edge.points))};"


def _dot(x: float, y: float, kind: str, scale: float) -> str:
    colour = "pictureerror" if kind == "error" else "pictureline"
    return f"  \\fill[{colour}] {_point((x, y))} circle[radius={2.4 * scale:.2f}pt];"


def _shape(shape: Shape, scale: float) -> list[str]:
    rows = []
    if shape.kind != "plain":
        left, top, right, bottom = shape.box
        options = f"node outline, fill=picture{shape.kind}, draw=picture{shape.kind}line, rounded corners={shape.corner * scale:.2f}pt"
        options += ", dashed line" if shape.dashed else ""
        rows.append(f"  \\path[{options}] {_point((left, top))} rectangle {_point((right, bottom))};")
    lift = 7.0 if shape.detail is not None else 0.0
    if shape.label is not None:
        size = SIGN_SIZE if shape.kind == "delay" else NODE_SIZE
        rows.append(_letters(shape.label, shape.x, shape.y - lift, size, scale))
    if shape.detail is not None:
        rows.append(_letters(shape.detail, shape.x, shape.y + 12, DETAIL_SIZE, scale))
    return rows


def _letters(tree: Node, x: float, y: float, size: float, scale: float, kind: str = "") -> str:
    points = size * scale
    colour = "text=pictureerror, " if kind == "error" else ""
    font = f"font=\\fontsize{{{points:.2f}}}{{{points * 1.2:.2f}}}\\selectfont"
    return f"  \\node[letters, {colour}{font}] at {_point((x, y + 0.32 * size))} {{\\({latex(in_one_line(tree)).strip()}\\)}};"
