"""Verdict: the ruling on one theorem and one cell, always with a sentence that says why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Ruling = Literal["holds", "violated", "inconclusive", "not applicable"]
RULINGS: tuple[Ruling, ...] = ("holds", "violated", "inconclusive", "not applicable")


POWER, POWER_LOG, POWER_FLOOR = "power law", "power law with a log factor", "power law plus a constant"
GEOMETRIC, GEOMETRIC_POWER = "geometric", "geometric with a power of t"
GEOMETRIC_FLOOR, SUPERLINEAR, CONSTANT = "geometric plus a constant", "superlinear", "constant"
LAWS = {  # what a slope of each kind presupposes
    "power": (POWER, POWER_LOG, POWER_FLOOR, CONSTANT),
    "linear": (GEOMETRIC, GEOMETRIC_POWER, GEOMETRIC_FLOOR, CONSTANT),
    "order": (SUPERLINEAR,),
}


@dataclass(frozen=True)
class Slope:
    """A measured rate with its interval, and the window of t it was read from.

    ``kind`` as in `Rate`: the slope of log quantity over log t, over t, or of log e_{t+1} over log e_t. ``against``
    says what it was regressed on: "t", or "bound" in a worst-case sweep, where the claimed slope is 1. ``model`` is the
    law that the points in the window follow, "" where none was asked for (few horizons) or none shows, and
    ``candidates`` are those that cannot be told from it. ``begins`` and ``ends`` say what was excluded before and after
    the window, "" where nothing was. ``envelope``: the curve oscillates, and its peaks were fitted. ``seeds``: the
    interval is a bootstrap of so many; 0 of a deterministic run. ``sweep`` is the kind of experiment.
    """

    value: float
    low: float
    high: float
    window: tuple[int, int]
    kind: Literal["power", "linear", "order"] = "power"
    against: Literal["t", "bound"] = "t"
    model: str = ""
    candidates: tuple[str, ...] = ()
    begins: str = ""
    ends: str = ""
    envelope: bool = False
    seeds: int = 0
    sweep: Literal["trajectory", "horizon sweep", "worst-case sweep"] = "trajectory"
    steady: bool = True

    @property
    def a_law(self) -> bool:
        """Whether the window shows a law of this kind, so that the slope is an exponent and no mere chord."""
        return self.steady and (not self.model or self.model in LAWS[self.kind])

    @property
    def may_be_demanded(self) -> bool:
        """Whether the theorem's rate may be demanded: of a worst-case sweep alone."""
        return self.sweep == "worst-case sweep"

    @property
    def law(self) -> str:
        """The law in words: "power law", "not distinguishable: power law, power law with a log factor"."""
        none = {"power": "no power law", "linear": "no geometric decay", "order": "no order"}[self.kind]
        if not self.a_law:
            return none + (f": {self.model}" if self.model and self.model not in LAWS[self.kind] else "")
        if self.candidates:
            return f"not distinguishable: {', '.join((self.model, *self.candidates))}"
        return self.model

    @property
    def interval(self) -> str:
        """What the interval is, in words."""
        if self.kind == "order":
            return "interval: the orders of single steps"
        if not self.a_law:
            return "interval: the local slopes, as it is no exponent"
        if self.seeds:
            return f"interval: 95% at least of the slopes of {self.seeds} seeds drawn anew"
        if self.envelope:
            return "interval: from the scatter of the peaks"
        if self.sweep != "trajectory":
            return "interval: the slopes over three horizons or more"
        return "interval: local slopes, with and without a constant, and their limits"

    @property
    def excluded(self) -> str:
        """The window in words, with the reason at each end: "t = 55 (before: transient) to 3,000 (end of the run)"."""
        name = "T" if self.sweep != "trajectory" and self.kind != "order" else "t"
        before = f" (before: {self.begins})" if self.begins else ""
        after = f" (then: {self.ends})" if self.ends else ""
        peaks = ", upper envelope of an oscillation" if self.envelope else ""
        return f"{name} = {self.window[0]:,}{before} to {self.window[1]:,}{after}{peaks}"


@dataclass(frozen=True)
class Verdict:
    """What a theorem and a run have to say to each other.

    ``t``, ``log_bound`` and ``ratio`` are the curve that was judged: at each checkpoint the bound and measured/bound
    (the mean over seeds where the theorem is about expectations). ``worst_ratio`` is its largest value and ``worst_t``
    where. ``expect`` is the ruling that the experiment claimed, or None, ``expect_slope`` where it wants the slope's
    interval. ``cells`` are the indices of the traces that were judged together: one, or, in a sweep over horizons,
    those that differ in the horizon alone; then ``t`` are the horizons and each ratio was read at the end of its own
    run. Of a theorem that holds with probability 1 − ``delta``, measured is the (1 − δ)-quantile of the seeds.
    ``vacuous`` says where the bound is no less than one that every such run obeys, ``trivial`` which that is.
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
    delta: float | None = None
    vacuous: np.ndarray | None = None
    trivial: str = ""

    @property
    def all_vacuous(self) -> bool:
        """Whether the bound is vacuous at every point of the curve that was judged."""
        if self.vacuous is None or self.ratio is None:
            return False
        judged = ~np.isnan(self.ratio)
        return bool(judged.any() and self.vacuous[judged].all())

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
