"""The axis of t or T: logarithmic with a place for t = 0, or linear; in steps, epochs or row gradients."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator

from convlab.core.results import XAxis
from convlab.plots._minor import minor_ticks
from convlab.plots._style import INK

_ALONG = {"steps": "step $t$", "epochs": "epochs (row gradients / $n$)", "row gradients": "row gradients"}
_HORIZON = {
    "steps": "horizon $T$ (steps)",
    "epochs": "horizon $T$ (epochs: row gradients / $n$)",
    "row gradients": "horizon $T$ (row gradients)",
}


@dataclass(frozen=True)
class TimeAxis:
    """An axis for t (or T): logarithmic, t = 0 left of a break where there is such a point, or linear from 0."""

    first: float  # the least positive t
    last: float
    zero: float | None
    linear: bool = False
    unit: XAxis = "steps"

    @classmethod
    def over(cls, arrays: Sequence[np.ndarray], unit: XAxis = "steps", linear: bool = False) -> TimeAxis:
        steps = positive(arrays)
        first, last = (float(steps.min()), float(steps.max())) if steps.size else (1.0, 1.0)
        decades = math.log10(last / first)
        has_zero = any((np.asarray(a) == 0).any() for a in arrays)
        zero = first / 10 ** max(0.25, 0.085 * decades) if has_zero else None
        return cls(first, last, 0.0 if linear else zero, linear, unit)

    def at(self, t: np.ndarray) -> np.ndarray:
        """Positions on the axis: t itself, and the place left of the break for t = 0."""
        return np.where(t > 0, t, self.first if self.zero is None else self.zero)

    def fraction(self, axes: Axes, t: float) -> float:
        """Where t lies between the left edge (0) and the right edge (1) of the axes."""
        left, right = axes.get_xlim()
        place = float(self.at(np.array(float(t))))
        if self.linear:
            return (place - left) / (right - left)
        return math.log(place / left) / math.log(right / left)

    def draw(self, axes: Axes, sweep: bool) -> None:
        """Scale, limits, ticks, label, and the sign of a break between 0 and the first step."""
        axes.set_xlabel((_HORIZON if sweep else _ALONG)[self.unit])
        if self.linear:
            axes.set_xlim(-0.025 * self.last, 1.025 * self.last)
            places = [float(t) for t in MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(0, self.last)]
            places = [t for t in places if 0 <= t <= 1.02 * self.last]
            axes.xaxis.set_major_locator(FixedLocator(places))
            words = [f"{t:,.0f}" if self.last >= 10 else f"{t:g}" for t in places]
            axes.xaxis.set_major_formatter(FixedFormatter(words))
            return
        decades = max(0.5, math.log10(self.last / self.first))
        margin = 10 ** max(0.04 * decades, 0.06)
        axes.set_xscale("log")
        axes.set_xlim((self.zero or self.first) / margin, self.last * margin)
        places = self._ticks()
        words = [_count(t, self.last) for t in places]
        if self.zero is not None:
            places, words = [self.zero, *places], ["0", *words]
            _break(axes, math.sqrt(self.zero * self.first))
        axes.xaxis.set_major_locator(FixedLocator(places))
        axes.xaxis.set_major_formatter(FixedFormatter(words))
        minor = [t for t in mantissas(self.first, self.last, range(2, 10)) if self.first <= t <= self.last]
        minor_ticks(axes, "x", minor if decades <= 8 else [])

    def _ticks(self) -> list[float]:
        decades = math.log10(self.last / self.first)
        fine = (1, 2, 5) if decades <= 2 else (1,)
        stride = 1 if decades <= 9 else math.ceil(decades / 9)
        ticks = [t for t in mantissas(self.first, self.last, fine) if self.first <= t <= self.last * (1 + 1e-9)]
        return ticks[::stride] or [self.first]


def _break(axes: Axes, place: float) -> None:
    """Two strokes through a logarithmic x axis."""
    left, right = np.log(axes.get_xlim())
    middle = (math.log(place) - left) / (right - left)
    for shift in (-0.006, 0.006):
        axes.plot(
            [middle + shift], [0], transform=axes.transAxes, color=INK,
            marker=[(-1, -2), (1, 2)], markersize=6, markeredgewidth=0.7, clip_on=False, label="_break",
        )  # fmt: skip


def mantissas(first: float, last: float, factors: Sequence[int]) -> list[float]:
    """factor·10^k around [first, last], ascending."""
    powers = range(math.floor(math.log10(first)), math.ceil(math.log10(last)) + 1)
    return [factor * 10.0**k for k in powers for factor in factors]


def _count(t: float, last: float) -> str:
    if last < 10_000 and t >= 0.01:
        return f"{t:,g}"
    power = math.log10(t)
    return f"$10^{{{power:.0f}}}$" if abs(power - round(power)) < 1e-9 else f"{t:,g}"


def positive(arrays: Iterable[np.ndarray]) -> np.ndarray:
    """All the positive finite numbers in some arrays, one after the other."""
    every = np.concatenate([np.ravel(a) for a in arrays] or [np.empty(0)])
    return np.asarray(every[np.isfinite(every) & (every > 0)])
