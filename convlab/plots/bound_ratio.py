"""The measured quantity over the bound on it: above 1 a theorem would be violated."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from convlab.core.results import Results
from convlab.plots import _axes as ax
from convlab.plots import _bounds as held
from convlab.plots import _certainty as certainty
from convlab.plots import _layout as layout
from convlab.plots._bounds import Bound
from convlab.plots._style import GREY, INK, RULING_COLOURS, TINY, VIOLATED, style
from convlab.plots._text import math_or_plain, plain
from convlab.plots._time import TimeAxis, positive

# One for each theorem, and for each δ that one was claimed with.
STROKES: tuple[Any, ...] = (
    "-",
    (0, (4.5, 1.8)),
    (0, (1, 1.4)),
    (0, (6, 1.6, 1.4, 1.6)),
    (0, (9, 2.5)),
    (0, (4, 1.4, 1.2, 1.4, 1.2, 1.4)),
)


def plot(results: Results) -> Figure:
    """Measured / bound against t (in a sweep: against T) for every theorem that was judged, with its worst point.

    Colours and markers are those of the curves in gap_curves, dashes tell theorems apart, and the δ of one of them. A
    lower bound is drawn as bound / measured, so that it is violated above the line at 1, whichever way it points.
    """
    with style():
        every = held.bounds(results)
        strokes = dict(zip(dict.fromkeys(map(_claimed, every)), itertools.cycle(STROKES), strict=False))
        bounds = [b for b in every if np.isfinite(b.ratio).any()]  # where something was judged
        sweep = results.kind != "trajectory"
        figure, (axes,) = layout.sheet(1)
        shown = [_shown(b) for b in bounds]
        _frame(axes, bounds, shown)
        time = TimeAxis.over([b.t for b in bounds], results.x)  # logarithmic: the worst points tend to come early
        time.draw(axes, sweep)
        entries: list[tuple[Artist, str]] = []
        zero = grey = False
        for bound, ratio in zip(bounds, shown, strict=True):
            entries.append(_draw(axes, time, bound, ratio, strokes[_claimed(bound)], sweep))
            with np.errstate(over="ignore"):
                floor = bound.floor / bound.value if bound.upper else np.zeros_like(ratio)
            grey |= ax.grey_out(axes, time.at(bound.t), ratio, floor)
            below = axes.get_ylim()[0] if sweep else 0.0
            zero |= ax.zeros(axes, time.at(bound.t), bound.ratio, bound.style.colour, below)
            _worst(axes, time, bound, ratio)
        window = certainty.windows(axes, time, bounds, of_ratio=True)
        if bounds:
            entries.append((_star("#4D4D4D"), "worst point"))
        if zero:
            entries.append((ax.triangle("#4D4D4D"), "zero, or below the axis"))
        if grey:
            entries.append((Line2D([], [], color=GREY, linewidth=1.5), "below the rounding floor: not judged"))
        entries += certainty.entries({"window"} if window else set(), bounds)
        layout.finish(figure, [axes], layout.header(results), entries)
    return figure


def _shown(bound: Bound) -> np.ndarray:
    """What must not exceed 1, where it has a logarithm."""
    ratio = np.where(np.isfinite(bound.ratio) & (bound.ratio > ax.LEAST), bound.ratio, np.nan)
    return np.asarray(np.minimum(ratio if bound.upper else 1 / ratio, ax.LARGEST))


def _frame(axes: Axes, bounds: Sequence[Bound], shown: Sequence[np.ndarray]) -> None:
    """Limits, the line at 1 and the shaded side."""
    values = positive(shown)
    low = min(0.3, max(1e-6, float(values.min()))) if values.size else 0.3  # what is far below 1 may leave the axes ...
    tops = [float(np.nanmax(ratio)) for ratio in shown if np.isfinite(ratio).any()]
    low = min([low, *(top / 3 for top in tops)])  # ... but no curve as a whole
    low, high = ax.padded(low, min(max([1.0, *tops]), 1e300) * 2, decades=1.0)
    lower = any(not b.upper for b in bounds)
    ax.vertical(axes, low, high, "measured / bound" + ("  (lower bounds: bound / measured)" if lower else ""))
    axes.axhline(1.0, color=INK, linewidth=0.7, zorder=2.7)  # above the curves: one that lies on it has a halo
    axes.axhspan(1.0, high, color=VIOLATED, linewidth=0, zorder=0.4)
    axes.annotate(
        "violated", (1, high), xycoords=axes.get_yaxis_transform(), xytext=(-4, -4), textcoords="offset points",
        ha="right", va="top", fontsize=TINY, color=RULING_COLOURS["violated"],
    )  # fmt: skip
    if not bounds:
        layout.notice(axes, "no theorem could be held against these runs")


def _claimed(bound: Bound) -> tuple[str, float | None]:
    """What has a stroke of its own."""
    return bound.theorem, bound.verdict.delta


def _draw(axes: Axes, time: TimeAxis, bound: Bound, ratio: np.ndarray, stroke: Any, sweep: bool) -> tuple[Artist, str]:
    x = time.at(bound.t)
    finite = np.flatnonzero(np.isfinite(ratio))
    marked = finite if sweep or not finite.size else finite[ax.sparse(x[finite], bound.style.index)]
    label = f"{math_or_plain(bound.title)} · {plain(bound.label)}"
    label += "" if bound.quantile is None else f", {bound.quantile:g}-quantile"
    label += "" if bound.upper else " (lower bound)"
    if bound.verdict.all_vacuous:
        label += " (vacuous: nowhere below " + plain(bound.verdict.trivial) + ")"
    line = bound.style.line(stroke)
    line.set(data=(x, ratio), markevery=marked.tolist(), zorder=2.5, label=label)
    axes.add_line(line)
    low, high = axes.get_ylim()
    level = np.abs(np.log(ratio)) < 0.005 * (np.log(high) - np.log(low))
    if level.any():
        axes.plot(
            x, np.where(level, ratio, np.nan), color=bound.style.colour, alpha=0.35, linewidth=5, zorder=2.3,
            solid_capstyle="butt", label="_equal",
        )  # fmt: skip
    return bound.style.line(stroke), label


def _worst(axes: Axes, time: TimeAxis, bound: Bound, shown: np.ndarray) -> None:
    """A star at the largest ratio, as the verdict names it; for a lower bound, at the top of its curve."""
    ratio, worst = bound.verdict.worst_ratio, bound.verdict.worst_t
    t = None if worst is None else bound.count * worst
    if not bound.upper and np.isfinite(shown).any():
        top = int(np.nanargmax(shown))
        ratio, t = float(shown[top]), float(bound.t[top])
    if ratio is None or t is None or not np.isfinite(ratio) or ratio <= 0:
        return
    star = _star(bound.style.colour)
    low, high = axes.get_ylim()
    star.set_data([float(time.at(np.array(t)))], [float(np.clip(ratio, low, high))])
    star.set_zorder(5)
    axes.add_line(star)


def _star(colour: str) -> Line2D:
    return Line2D(
        [], [], linestyle="none", marker="*", markersize=10, markerfacecolor=colour, markeredgecolor="white",
        markeredgewidth=0.7, label="_worst",
    )  # fmt: skip
