"""Verdict: the ruling on one theorem and one cell, always with a sentence that says why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Ruling = Literal["holds", "violated", "inconclusive", "not applicable"]
RULINGS: tuple[Ruling, ...] = ("holds", "violated", "inconclusive", "not applicable")


@dataclass(frozen=True)
class Slope:
    """A measured rate with its interval, and the window of t it was read from.

    ``kind`` as in `Rate`: the slope of log quantity over log t, over t, or of log e_{t+1} over log e_t. ``against``
    says what it was regressed on: "t", or "bound" in a worst-case sweep, where the claimed slope is 1.
    """

    value: float
    low: float
    high: float
    window: tuple[int, int]
    kind: Literal["power", "linear", "order"] = "power"
    against: Literal["t", "bound"] = "t"


@dataclass(frozen=True)
class Verdict:
    """What a theorem and a run have to say to each other.

    ``t``, ``log_bound`` and ``ratio`` are the curve that was judged: at each checkpoint the bound and measured/bound
    (the mean over seeds where the theorem is about expectations). ``worst_ratio`` is its largest value and ``worst_t``
    where. ``expect`` is the ruling that the experiment claimed, or None, ``expect_slope`` where it wants the slope's
    interval. ``cells`` are the indices of the traces that were judged together: one, or, in a sweep over horizons,
    those that differ in the horizon alone; then ``t`` are the horizons and each ratio was read at the end of its own
    run.
    """

    theorem: str
    cells: tuple[int, ...]
    ruling: Ruling
    why: str
    worst_ratio: float | None = None
    worst_t: int | None = None
    slope: Slope | None = None
    claimed: float | None = None
    expect: Ruling | None = None
    expect_slope: tuple[float, float] | None = None
    t: np.ndarray | None = None
    log_bound: np.ndarray | None = None
    ratio: np.ndarray | None = None

    @property
    def as_expected(self) -> bool:
        """True unless a claim expected another ruling or slope; without a claim, unless the ruling is "violated"."""
        if self.expect is None:
            return self.ruling != "violated"
        return self.ruling == self.expect and self.slope_as_expected

    @property
    def slope_as_expected(self) -> bool:
        """Whether the interval of the measured slope lies where the claim wants it, if it wants it anywhere."""
        if self.expect_slope is None:
            return True
        low, high = self.expect_slope
        return self.slope is not None and low <= self.slope.low and self.slope.high <= high

    @property
    def expected(self) -> str:
        """What the claim expects, in words; empty where there is none."""
        if self.expect is None:
            return ""
        if self.expect_slope is None:
            return self.expect
        return f"{self.expect}, slope in [{self.expect_slope[0]:g}, {self.expect_slope[1]:g}]"
