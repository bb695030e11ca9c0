"""The gap at the end of a run against its step size in units of 1/L: where a method is stable, and where best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from convlab.core.errors import ConvlabError
from convlab.core.results import Results
from convlab.core.setting import Setting
from convlab.core.trace import Trace
from convlab.plots import _axes as ax
from convlab.plots import _bounds as held
from convlab.plots import _curves as data
from convlab.plots import _layout as layout
from convlab.plots._statistics import statistics
from convlab.plots._style import BROAD, GREY, INK, PALE, SHARED, TINY, Style, shade, style
from convlab.plots._text import formula, math_or_plain, plain
from convlab.plots._time import positive

MARKED = 24  # points of a curve that have a mark, at most
LOGARITHMIC = 40  # times the least step size: from there on the axis of step sizes is logarithmic


@dataclass(frozen=True)
class _Series:
    """The runs of one problem, optimizer and horizon, by step size."""

    label: str
    output: str
    style: Style
    colour: Any
    cells: tuple[int, ...]
    x: np.ndarray  # η·L, ascending
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    floor: np.ndarray
    start: float


def plot(results: Results) -> Figure:
    """R(θ_T) − R(θ*) against η·L, one curve per problem, optimizer and horizon, with the bounds that were held.

    Runs that diverged rise off the top. Raises `ConvlabError` where no optimizer ran with two step sizes on a problem
    whose L is known.
    """
    with style():
        quantity = "gap" if data.curves(results, "gap") else "grad_norm2"
        found = _series(results, quantity)
        if not found:
            raise ConvlabError(
                f"{results.name}: step_size_map needs an optimizer with two or more constant values of step_size, "
                "on a problem whose L is known"
            )
        figure, (axes,) = layout.sheet(1)
        bounds = _bounds(results, found, quantity)
        gone = _frame(axes, found, [value for *_, value in bounds])
        average = data.outputs(results) != ("last",)
        axes.set_ylabel("at the end: " + ax.symbol(quantity, True, average, data.least(results)))
        entries = [_draw(axes, series, 0.978 - 0.035 * (k % 5)) for k, series in enumerate(found)]
        entries += _draw_bounds(axes, results, bounds)
        if gone:
            entries.append((_arrow(SHARED), "off the top: diverged, or far above the start"))
        if any(ax.zeros(axes, s.x, s.mean, str(s.style.colour), axes.get_ylim()[0]) for s in found):
            entries.append((ax.triangle(SHARED), "zero, or below the axis"))
        _limits(axes, all("gradient step" in results.traces[i].setting.traits for s in found for i in s.cells))
        layout.finish(figure, [axes], layout.header(results, _read(results, found)), entries, above=0.17)
    return figure


def _read(results: Results, found: Sequence[_Series]) -> list[str]:
    """How to read the picture, in words that the kind of experiment does not say yet."""
    horizons = sorted({results.traces[i].setting.horizon for series in found for i in series.cells})
    at = f"$T$ = {horizons[0]:,}" if len(horizons) == 1 else "the end of the run"
    bars = ["Bars: 95 % confidence limits of the mean"] if any((s.high > s.low).any() for s in found) else []
    return [f"Each point is a run with its own step size, read at {at}", *bars]


def _series(results: Results, quantity: str) -> list[_Series]:
    """The curves: everything as written but for the step size, which takes two values at least."""
    together: dict[tuple[str, str], dict[int, list[int]]] = {}
    for output in results.outputs:
        for i, trace in enumerate(results.traces):
            step = _step(trace.setting)
            if step is not None and quantity in trace.measured.get(output, {}):
                key = (data.identity(trace.setting, any_step=True), output)
                together.setdefault(key, {}).setdefault(trace.setting.horizon, []).append(i)
    swept = {k: {T: c for T, c in by.items() if len({_step(results.traces[i].setting) for i in c}) > 1}
             for k, by in together.items()}  # fmt: skip
    swept = {key: by for key, by in swept.items() if by}
    found = []
    several = len({output for _, output in swept}) > 1
    for index, ((_, output), by_horizon) in enumerate(swept.items()):
        for k, horizon in enumerate(sorted(by_horizon)):
            cells = by_horizon[horizon]
            words = [data.shared_name([data.name(results.traces[i]) for i in cells])]
            words += [output] if several else []
            words += [f"T = {horizon:,}"] if len(by_horizon) > 1 else []
            weight = 0.35 + 0.65 * (k + 1) / len(by_horizon)
            found.append(_measured(results, cells, output, quantity, ", ".join(words), Style(index), weight))
    return found


def _step(setting: Setting) -> float | None:
    """η·L, where the step size is one number and L is known."""
    if not setting.constant_step or "L" not in setting.known:
        return None
    product = setting.step_size() * setting["L"]
    return float(f"{product:.12g}") if product > 0 else None


def _measured(
    results: Results, cells: Sequence[int], output: str, quantity: str, label: str, look: Style, weight: float
) -> _Series:
    steps = [_step(results.traces[i].setting) or 0.0 for i in cells]
    ordered = [cells[k] for k in np.argsort(steps, kind="stable")]
    traces = [results.traces[i] for i in ordered]
    ends = np.array([_end(trace, output, quantity) for trace in traces])
    starts = positive([trace.measured[output][quantity][:, 0] for trace in traces])
    return _Series(
        label + data.seeds(traces),
        output,
        look,
        shade(look.colour, weight),
        tuple(ordered),
        np.sort(steps),
        *(ends[:, 0], ends[:, 1], ends[:, 2]),
        np.array([trace.floor_of(quantity, output)[:, -1].max() for trace in traces]),
        float(starts.max()) if starts.size else 1.0,
    )


def _end(trace: Trace, output: str, quantity: str) -> tuple[float, float, float]:
    """Mean and limits at the end of the run; NaN where a seed diverged."""
    values = np.asarray(trace.measured[output][quantity], dtype=float)[:, -1:]
    if "diverged" in trace.status:
        values = np.full_like(values, np.nan)
    mean, low, high = (float(each[0]) for each in statistics(values))
    return mean, low, high


def _frame(axes: Axes, found: Sequence[_Series], bounds: Sequence[np.ndarray]) -> bool:
    """Scales and limits; True if some run leaves through the top."""
    steps = np.concatenate([s.x for s in found])
    first, last = float(steps.min()), float(steps.max())
    label = r"step size in units of $1/L$:  $\eta L$"
    if last > LOGARITHMIC * first:
        margin = (last / first) ** 0.04
        ax.horizontal(axes, first / margin, last * margin, label)
    else:
        axes.set_xlim(first - 0.05 * (last - first), last + 0.05 * (last - first))
        axes.set_xlabel(label)
    start = max(s.start for s in found)
    inside = positive([np.where(s.mean <= 30 * start, np.maximum(s.mean, 1e-3 * s.floor), np.nan) for s in found])
    low, high = (float(inside.min()), max(float(inside.max()), start)) if inside.size else (start / 10, start)
    lines = positive(bounds)
    if lines.size:
        low, high = min(low, max(float(lines.min()), low / 100)), max(high, min(float(lines.max()), 100 * high))
    low, high = ax.padded(low, high)
    high = high * (high / low) ** 0.08  # room for what leaves through the top
    ax.vertical(axes, low, high, "")
    return any((~np.isfinite(s.mean) | (s.mean > high)).any() for s in found)


def _draw(axes: Axes, series: _Series, height: float) -> tuple[Artist, str]:
    """One curve; what leaves through the top has its triangle at that height, in axes."""
    low, high = axes.get_ylim()
    gone = ~np.isfinite(series.mean) | (series.mean > high)
    beside = np.convolve(~gone, [1, 1, 1], "same") > 0  # the line goes up to the first run that is gone, not along it
    y = np.where(gone, np.where(beside, high, np.nan), ax.loggable(series.mean))
    line = series.style.line("-")
    line.set(data=(series.x, y), color=series.colour, markerfacecolor=series.colour, markeredgecolor=series.colour)
    line.set(markevery=_some(np.flatnonzero(~gone)), zorder=2.5, label=series.label)
    axes.add_line(line)
    if gone.any():
        arrows = _arrow(series.colour)
        some = _some(np.flatnonzero(gone))
        arrows.set(data=(series.x[some], np.full(len(some), height)), transform=axes.get_xaxis_transform())
        axes.add_line(arrows)
    bars = ~gone & (series.high > series.low)
    if bars.any():
        middle = series.mean[bars]
        reach = [middle - series.low[bars], series.high[bars] - middle]
        axes.errorbar(series.x[bars], middle, reach, fmt="none", ecolor=series.colour, elinewidth=1, capsize=2)
    here = ~gone & (series.mean <= series.floor) & (series.mean > low)
    axes.plot(series.x[here], series.mean[here], "o", color=GREY, markersize=4.6, zorder=2.9, label="_below")
    handle = series.style.line("-")
    handle.set(color=series.colour, markerfacecolor=series.colour, markeredgecolor=series.colour)
    return handle, plain(series.label) + (" (grey: below its rounding floor)" if here.any() else "")


def _some(points: np.ndarray) -> list[int]:
    """So many of the points that their marks stay apart."""
    return [int(k) for k in points[:: max(1, math.ceil(len(points) / MARKED))]]


def _arrow(colour: Any) -> Line2D:
    return Line2D(
        [], [], linestyle="none", marker="^", markersize=6, markerfacecolor="white", markeredgecolor=colour,
        markeredgewidth=1.2, zorder=6, label="_gone",
    )  # fmt: skip


def _bounds(
    results: Results, found: Sequence[_Series], quantity: str
) -> list[tuple[held.Bound, _Series, np.ndarray, np.ndarray]]:
    """(bound, series, η·L, the bound at the end of the run there) of every theorem that judged two points or more."""
    curves = []
    every = [bound for bound in held.bounds(results) if bound.quantity == quantity]
    held_against = {(bound.theorem, cell): bound for bound in every for cell in bound.verdict.cells}
    for series in found:
        for theorem in dict.fromkeys(bound.theorem for bound in every):
            if data.fact(results, theorem, "output", series.output) != series.output:
                continue
            values = np.full(series.x.shape, np.nan)
            for k, cell in enumerate(series.cells):
                bound = held_against.get((theorem, cell))
                if bound is None:
                    continue
                at = np.isclose(bound.t, bound.count * results.traces[cell].setting.horizon, rtol=1e-12)
                if at.any():
                    values[k], used = float(bound.value[at][-1]), bound
            if np.isfinite(values).sum() > 1:
                curves.append((used, series, series.x, ax.loggable(values)))
    return curves


def _draw_bounds(
    axes: Axes, results: Results, bounds: Sequence[tuple[held.Bound, _Series, np.ndarray, np.ndarray]]
) -> list[tuple[Artist, str]]:
    """Each bound in the colour of its curve; one entry per theorem."""
    entries: dict[str, tuple[Artist, str]] = {}
    for bound, series, x, value in bounds:
        look: dict[str, Any] = {"linestyle": held.dashes(bound), "linewidth": BROAD, "alpha": PALE}
        axes.plot(x, value, color=series.colour, zorder=2.2, label=f"_bound {bound.theorem}", **look)
        written = f": {formula(bound.formula)}" if bound.formula else ""
        text = f"{'' if bound.upper else 'lower '}bound, {math_or_plain(bound.title)}{written}"
        several = len({s.style for b, s, *_ in bounds if b.theorem == bound.theorem}) > 1
        colour = SHARED if several else series.style.colour
        entries[bound.theorem] = (Line2D([], [], color=colour, **look), text)
    return list(entries.values())


def _limits(axes: Axes, gradient_steps: bool) -> None:
    """Lines at 1/L and 2/L, named above the axes."""
    left, right = axes.get_xlim()
    for place, words, side in ((1.0, "$1/L$", "right"), (2.0, "limit $2/L$" if gradient_steps else "$2/L$", "left")):
        if left < place < right:
            axes.axvline(place, color=INK, linewidth=0.7, linestyle=(0, (3, 2)), zorder=1.3, label="_limit")
            axes.annotate(
                words, (place, 1.0), xycoords=axes.get_xaxis_transform(), xytext=(3 if side == "right" else -3, 3),
                textcoords="offset points", ha=side, va="bottom", fontsize=TINY + 0.4, color=INK,
            )  # fmt: skip
