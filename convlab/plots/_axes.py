"""Logarithmic axes that can be trusted: names, how far each axis reaches, the rounding floor, exact zeros."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator

from convlab.plots._bounds import Bound
from convlab.plots._curves import Curve
from convlab.plots._floor import near
from convlab.plots._minor import minor_ticks
from convlab.plots._style import GREY, TINY, ZONE
from convlab.plots._time import mantissas, positive

LEAST, LARGEST = 1e-306, 1e306  # limits of an axis: margins and ticks beyond them must stay float64 numbers

SYMBOLS = {"gap": r"R({0}) - {1}", "dist2": r"\Vert {0} - \theta^{\star}\Vert^2",
           "grad_norm2": r"\Vert\nabla R({0})\Vert^2", "decrement2": r"\lambda({0})^2",
           "stationary_gap": r"R({0}) - R(\bar\theta)"}  # fmt: skip
LEAST_VALUES = {"attained": r"R(\theta^{\star})", "infimum": r"\inf\,R", "bounded": r"R^{\star}_{\mathrm{low}}"}
WORDS = {
    "gap": "gap",
    "dist2": "squared distance",
    "grad_norm2": "squared gradient norm",
    "decrement2": "squared Newton decrement",
    "stationary_gap": r"$\bar\theta$ a certified stationary point:",
}


def symbol(quantity: str, sweep: bool, average: bool, least: str = "attained") -> str:
    """The axis label of a quantity, with the point in the notation that is true for all of its curves."""
    point = r"\theta" if average else (r"\theta_T" if sweep else r"\theta_t")
    words = "gap to a lower bound of $R^{\\star}$:" if quantity == "gap" and least == "bounded" else WORDS[quantity]
    return f"{words}  ${_written(quantity, point, least)}$"


def bounded(quantity: str, upper: bool, least: str = "attained") -> str:
    """The left side of a bound, in mathtext."""
    return f"${_written(quantity, chr(92) + 'theta', least)}$ {'≤' if upper else '≥'} "


def _written(quantity: str, point: str, least: str) -> str:
    """A quantity at a point, the gap with what `_curves.least` says that it is the gap to."""
    return SYMBOLS[quantity].replace("{0}", point).replace("{1}", LEAST_VALUES[least])


def vertical_range(curves: Sequence[Curve], bounds: Sequence[Bound], sweep: bool) -> tuple[float, float]:
    """Limits of the axis for a measured quantity.

    Runs are shown whole, but for what lies more than six decades below their rounding floor, and for what is deeper
    than `_depth`. A run that diverged may leave the axes, six decades beyond the others, and a bound three. In a sweep
    a run that was not judged may leave them too, so that it cannot squeeze those that were.
    """
    judged = {bound.style for bound in bounds}
    main = [c for c in curves if not c.crosses and (c.style in judged or not sweep)] or [
        c for c in curves if not c.crosses
    ]
    inner = positive([limit for c in main for limit in (_above(c), *_band(c))])
    inner = inner[inner >= 0.1 * _depth(main)]
    outer = positive([_above(c) for c in curves] + [np.array([v for _, v in c.crosses]) for c in curves])
    lines = positive([b.value for b in bounds])
    inner = next((values for values in (inner, outer, lines) if values.size), np.array([0.1, 1.0]))
    first, last = max(float(inner.min()), 1e-300), min(float(inner.max()), 1e300)
    low, high = float(inner.min()), float(inner.max())
    for values, factor in ((outer, 1e6), (lines, 1e3)):
        if values.size:
            low = min(low, max(float(values.min()), first / factor))
            high = max(high, min(float(values.max()), last * factor))
    floor = max((floor for _, floor in _reached(curves)), default=0.0)
    low = min([low, *(float(values.min()) for values in map(near, curves) if values.size)])
    if low < 30 * floor:  # the zone is tall enough for its label
        low = min(low, math.exp(1.08 * math.log(floor) - 0.08 * math.log(max(high, floor))))
    return padded(low, high)


def _depth(curves: Sequence[Curve]) -> float:
    """How far down the axis goes for the runs: forty decades below their largest value for whoever gets there.

    Below that a run (Newton's on a quadratic, whose floor is 0) takes the axis at most six decades deeper than the
    next one, lest it squeeze the others into the top of the picture; it leaves through the bottom, and triangles say
    where. A run on its own is shown whole.
    """
    values = [v for v in (positive([_above(c)]) for c in curves) if v.size]
    ends = sorted((float(v.min()) for v in values), reverse=True)
    depth = ends[0] if ends else 0.0
    for end in ends[1:]:
        depth = min(depth, max(end, min(max(float(v.max()) for v in values) * 1e-40, depth * 1e-6)))
    return depth


def _reached(curves: Sequence[Curve]) -> list[tuple[Curve, float]]:
    """The curves that go down to their rounding floor, with it (the highest one, where it depends on the horizon)."""
    below = [(c, np.isfinite(c.mean) & (c.mean <= c.floor) & (c.floor > 0)) for c in curves]
    return [(c, float(c.floor[here].max())) for c, here in below if here.any()]


def _band(curve: Curve) -> list[np.ndarray]:
    """The confidence limits, as far as they are worth an axis: within a factor of ten of the mean."""
    if curve.low is None or curve.high is None:
        return []
    mean = _above(curve)
    return [np.maximum(curve.low, mean * 0.1), np.minimum(curve.high, np.minimum(mean, 1e305) * 10)]


def _above(curve: Curve) -> np.ndarray:
    return np.where(curve.mean > curve.floor * 1e-6, curve.mean, np.nan)


def padded(low: float, high: float, decades: float = 2.0) -> tuple[float, float]:
    """A margin of 4 % on both sides, at least two decades in all, and no limit that float64 cannot hold."""
    low, high = (math.log10(min(max(value, LEAST * 10), LARGEST / 10)) for value in (low, high))
    middle, half = (low + high) / 2, max(high - low, decades / 1.08) / 2 * 1.08
    low, high = max(middle - half, math.log10(LEAST)), min(middle + half, math.log10(LARGEST))
    return 10.0**low, 10.0**high


def vertical(axes: Axes, low: float, high: float, label: str) -> None:
    """A logarithmic y axis with ticks at powers of ten."""
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    _ticks(axes, "y", low, high)
    axes.set_ylabel(label)
    axes.grid(True, which="major")


def horizontal(axes: Axes, low: float, high: float, label: str, falling: bool = False) -> None:
    """A logarithmic x axis with ticks at powers of ten; from high to low where it is to be ``falling``."""
    axes.set_xscale("log")
    axes.set_xlim(*((high, low) if falling else (low, high)))
    _ticks(axes, "x", low, high)
    axes.set_xlabel(label)


def _ticks(axes: Axes, name: Literal["x", "y"], low: float, high: float) -> None:
    axis = axes.xaxis if name == "x" else axes.yaxis
    decades = math.log10(high) - math.log10(low)
    powers = [k for k in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1) if low <= 10.0**k <= high]
    stride = next(s for s in (1, 2, 3, 5, 10, 20, 25, 50, 100, 200) if len(powers) <= 9 * s)
    major = [10.0**k for k in powers if k % stride == 0]
    words = [f"$10^{{{round(math.log10(value))}}}$" for value in major]
    if decades < 2.3 and low > 1e-3 and high < 1e4:
        major = [value for value in mantissas(low, high, (1, 2, 5)) if low <= value <= high]
        words = [f"{value:g}" for value in major]
    axis.set_major_locator(FixedLocator(major))
    axis.set_major_formatter(FixedFormatter(words))
    minor = mantissas(low, high, range(2, 10)) if decades <= 8 else [10.0**k for k in powers if k % stride]
    minor = [value for value in minor if low <= value <= high]
    minor_ticks(axes, name, minor if len(minor) <= 80 else [])


def loggable(values: np.ndarray) -> np.ndarray:
    """NaN for what a logarithmic axis cannot show."""
    return np.where(np.isfinite(values) & (values >= LEAST) & (values <= LARGEST), values, np.nan)


def floor_zone(axes: Axes, curves: Sequence[Curve]) -> bool:
    """Grey out what rounding decides for every curve that is there. True if there is such a zone.

    Where it decides for some of them alone (their floors lie more than two decades apart), a thin line with their names
    marks their floor, and the others pass below it on white.
    """
    found = _reached(curves)
    low, high = axes.get_ylim()
    top = min(max((floor for _, floor in found), default=0.0), high)
    if top <= low:
        return False
    inside = [c for c in curves if ((c.mean > low) & (c.mean <= top)).any()] + [c for c, _ in found]
    least = min(float(c.floor.min()) for c in inside)
    shared = least if least * 100 < top else top
    names: dict[float, list[str]] = {}
    for curve, floor in found:
        if low < floor < high and floor > shared:
            near = next((f for f in names if abs(math.log10(f / floor)) < 1), floor)
            names.setdefault(near, []).append(curve.label)
    for floor, labels in names.items():
        axes.axhline(floor, color=GREY, linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=1.2)
        _floor_label(axes, floor, labels)
    if shared <= low:
        return False
    axes.axhspan(low, shared, color=ZONE, alpha=0.5 if low < least < shared else 0.9, linewidth=0, zorder=0.5)
    if low < least < shared:
        axes.axhspan(low, least, color=ZONE, alpha=0.8, linewidth=0, zorder=0.6)
    _floor_label(axes, shared, [])
    return True


def _floor_label(axes: Axes, floor: float, labels: Sequence[str]) -> None:
    """Below a floor what it is, and whose where it is not everyone's; nothing where there is no room."""
    low, high = axes.get_ylim()
    if math.log(floor) - math.log(low) <= 0.045 * (math.log(high) - math.log(low)):
        return
    first = labels[0] if labels and len(labels[0]) <= 32 else f"{labels[0][:31]}…" if labels else ""
    more = f" and {len(labels) - 1} more" if len(labels) > 1 else ""
    whose = f" (of {first}{more})".replace("$", r"\$") if labels else ""
    axes.annotate(
        f"rounding floor{whose}", (0, floor), xycoords=axes.get_yaxis_transform(), xytext=(4, -3),
        textcoords="offset points", va="top", ha="left", fontsize=TINY, color="#666666", zorder=4,
    )  # fmt: skip


def sparse(x: np.ndarray, offset: int, count: int = 7, linear: bool = False) -> np.ndarray:
    """Indices of about ``count`` points evenly spread in log x (or x), shifted from curve to curve."""
    if x.size <= count + 2:
        return np.arange(x.size)
    logs = x if linear else np.log(x)
    start = (offset % 5) / 5 / count
    targets = logs[0] + (logs[-1] - logs[0]) * (start + np.arange(count) / count)
    return np.unique(np.abs(logs[None, :] - targets[:, None]).argmin(axis=1))


def zeros(axes: Axes, x: np.ndarray, values: np.ndarray, colour: str, least: float = 0.0) -> bool:
    """Triangles at the bottom where a finite value has no logarithm, or is at most ``least``. True if there was one."""
    here = np.isfinite(values) & (values <= least)
    if not here.any():
        return False
    places = x[here]
    places = places[sparse(places, 0)]
    marks = triangle(colour)
    marks.set(data=(places, np.full(places.shape, 0.018)), transform=axes.get_xaxis_transform(), zorder=5)
    axes.add_line(marks)
    return True


def triangle(colour: str) -> Line2D:
    """The mark of a value that has no place on a logarithmic axis."""
    look = {"marker": "v", "markersize": 5, "markerfacecolor": "white", "markeredgecolor": colour}
    return Line2D([], [], linestyle="none", label="_zeros", **look)  # type: ignore[arg-type]


def grey_out(axes: Axes, x: np.ndarray, values: np.ndarray, floor: np.ndarray) -> bool:
    """The stretch of a curve at or below its floor, in grey. True if some of it lies on the axes."""
    below = (values > 0) & (values <= floor)
    seen = below & (values >= axes.get_ylim()[0])
    if below.any():
        axes.plot(x, np.where(below, values, np.nan), color=GREY, linewidth=1.5, zorder=2.9, label="_below")
    return bool((below[1:] & below[:-1] & (seen[1:] | seen[:-1])).any())
