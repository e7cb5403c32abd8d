"""The figure of `rnnsym analyze`: norms against the distance in time, on a logarithmic scale, one row for every recurrence.

Comes in: a report. Goes out: the bytes of a PNG, SVG or PDF file, the same for the same report and the same matplotlib. Left what the cost
feels of an earlier state, right the product of the step Jacobians with the law that was fitted to it and the bound beside it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnsym.proof.measured_growth import Curve, GrowthReport, Measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#2b66b1", "#5d6470", "#c8472e", "#8a5bb5", "#2f8f6b", "#b07d1a")  # told apart by readers who see few colours, too
INK, PALE = "#22262e", "#d9dce1"
LOWEST, HIGHEST = 1e-16, 1e12  # beyond these, norms are only "nothing" and "everything"
STYLE = {
    "font.family": "STIXGeneral", "mathtext.fontset": "stix", "font.size": 11, "axes.edgecolor": INK, "axes.labelcolor": INK,
    "text.color": INK, "xtick.color": INK, "ytick.color": INK, "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
    "svg.hashsalt": "rnnsym", "svg.fonttype": "path", "pdf.fonttype": 42, "path.simplify": False, "axes.unicode_minus": True,
}  # fmt: skip
METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "ModDate": None, "Producer": None, "Creator": None},
}


def growth_figure(report: GrowthReport, kind: str) -> bytes:
    """The figure as a file of that kind."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    kind = kind.lower()
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE, "backend": "agg"}):
        rows = len(report.recurrences)
        figure = Figure(figsize=(9.6, 0.9 + 3.4 * rows), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, 2, squeeze=False)
        for measured, (left, right) in zip(report.recurrences, axes, strict=True):
            _cost(left, measured)
            _jacobians(right, measured)
            for axis in (left, right):
                _dress(axis, measured, report.steps)
        sizes = ", ".join(f"{_math(n)} = {v}" for n, v in report.sizes.items())
        figure.suptitle(f"{_plain(report.model)}: how errors vanish or explode", x=0.012, ha="left", fontsize=15)
        figure.supxlabel(
            f"{sizes}; seed {report.seed}; medians over a few sequences, the band from least to largest", fontsize=9, color=INK
        )
        keys = [
            Line2D([], [], color=INK, linewidth=0, marker="o", markersize=3.2, label="measured"),
            Line2D([], [], color=INK, linewidth=1.4, label="fitted law"),
            Line2D([], [], color=INK, linewidth=1.1, dashes=(5, 2.5), label="bound"),
        ]
        figure.legend(handles=keys, frameon=False, fontsize=10, loc="upper right", ncols=3, handlelength=2.6)
        out = io.BytesIO()
        figure.savefig(out, format=kind, dpi=200, metadata=METADATA[kind])
    return out.getvalue()


def _cost(axis: Axes, measured: Measured) -> None:
    """‖dC_T/ds_k‖ for every scale, with the spread over the sequences."""
    state = _state(measured)
    axis.set_title(rf"$\Vert\,\mathrm{{d}}C_{{{measured.end}}}/\mathrm{{d}}{state}_k\,\Vert$", loc="left", fontsize=13)
    shown = [(i, c) for i, c in enumerate(measured.curves) if any(c.cost)]
    if not shown:
        axis.text(0.5, 0.5, "no cost reads this recurrence", transform=axis.transAxes, ha="center", color=INK)
        return
    for place, curve in shown:
        distance, colour = np.arange(len(curve.cost)), COLOURS[place % len(COLOURS)]
        axis.fill_between(distance, _seen(curve.least), _seen(curve.largest), color=colour, alpha=0.16, linewidth=0)
        axis.plot(distance, _seen(curve.cost), color=colour, linewidth=1.8, solid_capstyle="round")
    _label_ends(axis, [(_last(c.cost), _words(c), COLOURS[i % len(COLOURS)]) for i, c in shown])


def _jacobians(axis: Axes, measured: Measured) -> None:
    """‖ds_T/ds_k‖₂, the law fitted to it, and the bound."""
    state = _state(measured)
    norm = rf"$\Vert\,\mathrm{{d}}{state}_{{{measured.end}}}/\mathrm{{d}}{state}_k\,\Vert_2$"
    axis.set_title(f"{norm}", loc="left", fontsize=13)
    ends = []
    for place, curve in enumerate(measured.curves):
        if not curve.jacobian:
            continue
        distance, colour = np.arange(len(curve.jacobian)), COLOURS[place % len(COLOURS)]
        axis.plot(distance, _seen(curve.bound), color=colour, linewidth=1.1, dashes=(5, 2.5), alpha=0.85)
        axis.plot(distance, _seen(curve.jacobian), color=colour, linewidth=0, marker="o", markersize=3.2, markeredgewidth=0)
        if curve.rate is not None:
            level = np.nanmean(np.log(_seen(curve.jacobian)) - distance * np.log(curve.rate))
            axis.plot(distance, _seen(np.exp(level + distance * np.log(curve.rate))), color=colour, linewidth=1.4)
            bound = "" if curve.bound_rate is None else f", bound {curve.bound_rate:.3f}"
            ends.append((_last(curve.jacobian), f"rate {curve.rate:.3f}{bound}", colour))
    if not ends:
        axis.text(0.5, 0.5, "not multiplied out: the state is too wide", transform=axis.transAxes, ha="center", color=INK)
        return
    _label_ends(axis, ends)
    measured_only = np.concatenate([_seen(curve.jacobian) for curve in measured.curves if curve.jacobian])
    axis.set_ylim(np.nanmin(measured_only) / 3, max(np.nanmax(measured_only), 1.0) * 300)  # a bound far above may leave the frame


def _dress(axis: Axes, measured: Measured, steps: int) -> None:
    """Scales, grid, and the names of the axes."""
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    axis.set_ylim(max(low, LOWEST), min(high, HIGHEST))
    axis.set_xlim(0, steps - 1)
    axis.axhline(1, color=INK, linewidth=0.5)
    axis.grid(axis="y", color=PALE, linewidth=0.5)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_xlabel("distance $T-k$" if measured.direction > 0 else "distance $k-1$")


def _label_ends(axis: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """The name of each curve at its right end, moved apart where they would touch."""
    if not ends:
        return
    low, high = (np.log10(max(LOWEST, min(v for v, _, _ in ends)) / 10), np.log10(min(HIGHEST, max(v for v, _, _ in ends)) * 10))
    gap = max((high - low) * 0.14, 0.3)
    placed = -np.inf
    for value, words, colour in sorted(ends):
        place = max(float(np.log10(min(max(value, LOWEST), HIGHEST))), placed + gap)
        placed = place
        axis.annotate(
            words, (1.0, 10**place), xycoords=("axes fraction", "data"), xytext=(6, 0), textcoords="offset points", color=colour,
            fontsize=9.5, va="center", ha="left", annotation_clip=False,
        )  # fmt: skip


def _seen(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Values on a logarithmic axis: what is zero, infinite or out of sight is left out."""
    array = np.asarray(values, float)
    return np.where(np.isfinite(array) & (array >= LOWEST / 10) & (array <= HIGHEST * 10), array, np.nan)


def _last(values: Sequence[float]) -> float:
    array = _seen(values)
    finite = array[np.isfinite(array)]
    return float(finite[-1]) if finite.size else 1.0


def _words(curve: Curve) -> str:
    return curve.word if curve.scale is None else f"{curve.word}, $\\Vert U\\Vert_2$ = {curve.scale:.3g}".replace("U", "\\cdot")


def _state(measured: Measured) -> str:
    """The letter of the state: its name where it is one short one, otherwise s."""
    (first, *others) = measured.states
    return first if not others and first.isalpha() and len(first) == 1 else "s"


def _math(name: str) -> str:
    base, _, rest = name.partition("_")
    return f"${base}_{{{rest}}}$" if rest and name.replace("_", "").isalnum() else _plain(name)


def _plain(text: str) -> str:
    """Text that matplotlib does not take for mathematics."""
    return text.replace("$", r"\$")
