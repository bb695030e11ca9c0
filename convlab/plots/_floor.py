"""The rounding floor where it changes along a run: a line at every checkpoint, and grey below it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from convlab.plots._curves import Curve
from convlab.plots._style import TINY, ZONE
from convlab.plots._time import TimeAxis

NEAR = 1e-3  # of the curve: a floor that comes so near is drawn, reached or not


def varies(curve: Curve) -> bool:
    """Whether the floor is no single number."""
    return bool(np.ptp(curve.floor) > 0)


def near(curve: Curve) -> np.ndarray:
    """The floor where it is near its curve, which the axes have to show."""
    with np.errstate(invalid="ignore"):
        here = (curve.floor > 0) & (curve.floor >= NEAR * curve.mean) & (curve.mean > 0)
    return np.asarray(curve.floor[here]) if varies(curve) else np.zeros(0)


def draw(axes: Axes, time: TimeAxis, curves: Sequence[Curve]) -> set[str]:
    """A thin line for each floor near its curve, and grey below what is a floor of all. The marks for a legend."""
    low, high = axes.get_ylim()
    seen = [c for c in curves if near(c).size and bool(((c.floor > low) & (c.floor < high)).any())]
    for curve in seen:
        shown = np.where((curve.floor > 0) & (curve.t > 0), curve.floor, np.nan)
        axes.plot(
            time.at(curve.t),
            shown,
            color=curve.style.colour,
            alpha=0.8,
            linewidth=1.0,
            linestyle=(0, (1, 1.5)),
            zorder=1.2,
            label="_floor",
        )
    if not seen:
        return set()
    x, least = _least(curves)
    axes.fill_between(time.at(x), low, np.maximum(least, low), color=ZONE, alpha=0.9, linewidth=0, zorder=0.5)
    _label(axes, time, seen[0], low, high)
    return {"floors", "floor"} if bool((least > low).any()) else {"floors"}


def _least(curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray]:
    """The lowest of all floors at every t that some curve has; a curve's floor holds from its first t to its last."""
    t = np.unique(np.concatenate([c.t[c.t > 0] for c in curves]))
    floors = []
    for curve in curves:
        there = curve.t > 0
        if not there.any() or not (curve.floor[there] > 0).all():
            return t, np.zeros_like(t)
        order = np.argsort(curve.t[there])
        at, floor = curve.t[there][order], np.log(curve.floor[there][order])
        floors.append(np.exp(np.interp(np.log(t), np.log(at), floor, left=np.inf, right=np.inf)))
    least = np.min(floors, axis=0)
    return t, np.where(np.isfinite(least), least, 0.0)


def _label(axes: Axes, time: TimeAxis, curve: Curve, low: float, high: float) -> None:
    """The words below the highest floor, on the right, where there is room."""
    inside = np.flatnonzero((curve.floor > low) & (curve.floor < high) & (curve.t > 0))
    k = inside[int(np.argmax(curve.floor[inside]))]
    if np.log(curve.floor[k] / low) <= 0.045 * np.log(high / low):
        return
    side = "right" if time.fraction(axes, float(curve.t[k])) > 0.3 else "left"
    place = (float(time.at(curve.t[k : k + 1])[0]), float(curve.floor[k]))
    axes.annotate(
        "rounding floor", place, xytext=(-4 if side == "right" else 4, -3), textcoords="offset points",
        va="top", ha=side, fontsize=TINY, color="#666666", zorder=4,
    )  # fmt: skip
