"""The order of an error: its slope in a log-log plot, with the range that the choice of the window leaves open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Slope:
    """error ~ h^value over the window from ``first`` to ``last`` of h; ``low`` and ``high`` are the least and largest
    slope over any window of half its points. The curve is deterministic, so that is what is uncertain of it."""

    value: float
    low: float
    high: float
    first: float
    last: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def log_slope(h: np.ndarray, error: np.ndarray) -> Slope | None:
    """The slope of ln error against ln h by least squares; None where fewer than three errors are positive and finite.

    >>> h = np.geomspace(1e-3, 1e-1, 9)
    >>> print(log_slope(h, 5 * h**2))
    2.000 [2.000, 2.000]
    """
    h, error = np.asarray(h, float), np.asarray(error, float)
    here = np.isfinite(error) & (error > 0) & (h > 0)
    if here.sum() < 3:
        return None
    x, y = np.log(h[here]), np.log(error[here])
    half = max(2, (x.size + 1) // 2)
    parts = [_fit(x[low : low + half], y[low : low + half]) for low in range(x.size - half + 1)]
    return Slope(_fit(x, y), min(parts), max(parts), float(h[here].min()), float(h[here].max()))


def _fit(x: np.ndarray, y: np.ndarray) -> float:
    x = x - x.mean()
    return float(x @ (y - y.mean()) / (x @ x))
