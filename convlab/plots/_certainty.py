"""How sure a figure is: the interval of R*, the window of each fitted slope, quantiles, and bounds that are vacuous."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.patches import Patch

from convlab.core.results import Results
from convlab.plots import _axes as ax
from convlab.plots import _curves as data
from convlab.plots._bounds import Bound
from convlab.plots._layout import Entry, Line
from convlab.plots._style import SHARED, SMALL
from convlab.plots._text import plain
from convlab.plots._time import TimeAxis

THIN = 1.0  # points: of bounds where they are vacuous, and of quantiles
_HATCH, _DOTTED = ".....", "#9A9A9A"
_MOST = 2  # problems whose R* is told in a figure


def interval(panel: Axes, results: Results, quantity: str) -> bool:
    """Dot the part of the axes that is narrower than what R* (for ‖θ − θ*‖², θ*) is known to. True if there is one.

    Where R* is known from one side alone the axis is not called a gap, and nothing is dotted.
    """
    if data.least(results) == "bounded":
        return False
    low, high = panel.get_ylim()
    width = min(max((trace.error.get(quantity, 0.0) for trace in results.traces), default=0.0), high)
    if not width > low:
        return False
    panel.axhspan(low, width, facecolor="none", edgecolor=_DOTTED, hatch=_HATCH, linewidth=0, zorder=0.7)
    panel.axhline(width, color=_DOTTED, linewidth=0.7, zorder=0.7, label="_interval")
    return True


def windows(panel: Axes, time: TimeAxis, bounds: Sequence[Bound], of_ratio: bool = False) -> bool:
    """Brackets round the part of each curve that its slope was read from. True if there are any."""
    drawn: set[tuple[float, float, float]] = set()
    for bound in bounds:
        slope = bound.verdict.slope
        if slope is None:
            continue
        for end, bracket in zip(slope.window, ("[", "]"), strict=True):
            found = np.flatnonzero(bound.t == bound.count * end)
            with np.errstate(over="ignore", invalid="ignore"):
                ratio = bound.ratio if bound.upper or not of_ratio else 1 / bound.ratio
                heights = ax.loggable(ratio if of_ratio else bound.ratio * bound.value)
            if not found.size or not np.isfinite(heights[found[0]]):
                continue
            x, y = float(time.at(bound.t[found[:1]])[0]), float(heights[found[0]])
            if (x, y, ord(bracket)) not in drawn:
                drawn.add((x, y, ord(bracket)))
                panel.add_line(_bracket(bracket, bound.style.colour, x, y))
    return bool(drawn)


def _bracket(bracket: str, colour: str, x: float | None = None, y: float | None = None) -> Line2D:
    where = ([], []) if x is None or y is None else ([x], [y])
    return Line2D(
        *where, linestyle="none", marker=_mark(bracket), markersize=9, markeredgewidth=0.5, color=colour, zorder=5,
        label="_window",
    )  # fmt: skip


@functools.cache
def _mark(bracket: str) -> MarkerStyle:
    """Parsed once, not for each end of each window."""
    return MarkerStyle(f"${bracket}$")


def quantiles(panel: Axes, time: TimeAxis, bounds: Sequence[Bound]) -> set[str]:
    """What theorems on probabilities were held against: the quantile of the seeds. Returns what quantiles they are."""
    found = set()
    for bound in bounds:
        if bound.quantile is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                heights = ax.loggable(bound.ratio * bound.value)
            panel.plot(
                time.at(bound.t), heights, color=bound.style.colour, linestyle=(0, (1, 1)), linewidth=THIN, zorder=2.4,
                label="_quantile",
            )  # fmt: skip
            found.add(f"{bound.quantile:g}-quantile of the seeds")
    return found


def lines(results: Results) -> list[Line]:
    """What R* is, and how it is known: a line for each problem, where they are few."""
    told: dict[str, str] = {}
    for trace in results.traces:
        if trace.risk_star is None or not trace.certificate:
            continue
        low, high = trace.risk_star
        narrow = high - low < 1e-3 * abs(low)
        ends = f"{low:.10g} + {high - low:.1e}" if narrow else f"{high:.3g}"
        value = f"= {low:.10g}" if low == high else f"in [{low:.10g}, {ends}]"
        name = trace.setting.problem
        if name in told and not told[name].startswith(f"R* {value}"):
            value = "with each instance"
        told[name] = f"R* {value}, {trace.certificate}"
    if len(told) > _MOST:
        return []
    several = len(told) > 1
    return [
        Line(plain(f"{name}: {text}" if several else text) + ".", SMALL, "#4D4D4D", most=2)
        for name, text in told.items()
    ]


def entries(marks: set[str], bounds: Sequence[Bound]) -> list[Entry]:
    """The legend's: of the interval, of windows, of vacuous parts, of quantiles."""
    trivial = "/".join(dict.fromkeys(b.verdict.trivial for b in bounds if b.vacuous.any() and b.verdict.trivial))
    known: dict[str, Entry] = {
        "interval": (
            Patch(facecolor="none", edgecolor=_DOTTED, hatch=_HATCH, linewidth=0),
            "smaller than the interval that R* is known to lie in",
        ),
        "window": (
            Line2D([], [], linestyle="none", marker="$[\\,]$", markersize=13, markeredgewidth=0.5, color=SHARED),
            "window that the slope was read from",
        ),
        "vacuous": (
            Line2D([], [], color=SHARED, linewidth=THIN, linestyle=(0, (2, 2))),
            f"a bound where it is vacuous: no less than {plain(trivial)}",
        ),
    }
    found = [entry for key, entry in known.items() if key in marks]
    return found + [
        (Line2D([], [], color=SHARED, linewidth=THIN, linestyle=(0, (1, 1))), mark)
        for mark in sorted(marks)
        if mark.endswith("-quantile of the seeds")
    ]
