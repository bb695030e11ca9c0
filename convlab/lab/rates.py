"""Measured rates: the slope of what was measured, with an interval and the window it was read from.

Respecting a bound and attaining its rate are two questions. On a fixed problem the slope is a fact about that problem,
and need not be the theorem's; only where the instance depends on the horizon may the theorem's slope be demanded.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from convlab.core.results import Kind
from convlab.core.theorem import Theorem
from convlab.core.trace import Trace
from convlab.core.verdict import Slope
from convlab.lab.readings import CLEAR, Reading, logs, readings

_MOVES = 0.5  # of log bound over a sweep: a bound that hardly moves claims no rate
_FEWEST = 3  # points of a fit; fewer give no slope rather than an invented one
_DRAWS = 400  # bootstrap resamples
_SHRINKS = math.log(0.1)  # an order is read from steps that shrink the quantity at least tenfold


def measured_rate(theorem: Theorem, traces: Sequence[Trace], sweep: Kind) -> tuple[Slope | None, float | None]:
    """The slope and the slope that the theorem claims for it; the slope is None where too few clean points remain.

    One trace: log quantity against log t ("power"), against t ("linear"), or log e_{t+1} against log e_t ("order").
    Several traces of a worst-case sweep: log measured at T against log bound at T, claimed 1. Of another sweep over
    horizons: log measured at T against log T or T, and the claim is the slope of the bound itself at these horizons,
    which a step size that depends on T changes.
    """
    traces = sorted(traces, key=lambda trace: trace.setting.horizon)
    if theorem.rate is None:
        return None, None
    if theorem.rate.kind == "order":
        return _order(theorem, traces), theorem.rate.value(traces[-1].setting)
    if theorem.log_bound is None:
        return None, None
    clean = [reading for reading in readings(theorem, traces) if _clean(reading)]
    bound = np.array([reading.log_bound[0] for reading in clean])
    if len(traces) == 1:
        claimed = theorem.rate.value(traces[0].setting)
        keep = _rate_shows(clean, bound, claimed, theorem.rate.kind == "power")
        return _trajectory(theorem.rate.kind, [reading for reading, ok in zip(clean, keep, strict=True) if ok]), claimed
    horizons = np.array([reading.t for reading in clean], dtype=float)
    against_bound = sweep == "worst-case sweep"
    x = bound if against_bound else np.log(horizons) if theorem.rate.kind == "power" else horizons
    if len(clean) < _FEWEST or np.ptp(x) <= (_MOVES if against_bound else 0):
        return None, 1.0 if against_bound else None
    claimed = 1.0 if against_bound else _fit(x, bound)
    windows = [(i, j) for i, j in itertools.combinations(range(len(x) + 1), 2) if j - i >= _FEWEST]
    kind = "power" if against_bound else theorem.rate.kind
    return _slope(clean, x, windows, (0, len(x)), kind, "bound" if against_bound else "t"), claimed


def _clean(reading: Reading) -> bool:
    """Whether all seeds are finite and their mean lies clear of the rounding floor."""
    if not np.isfinite(reading.values).all() or not np.isfinite(reading.log_bound).all():
        return False
    return bool(_mean_log(reading.values) > logs(CLEAR * reading.floor.max(keepdims=True))[0])


def _mean_log(values: np.ndarray) -> float:
    """The logarithm of the mean over seeds, since theorems speak of that; −∞ where it is 0."""
    largest = float(values.max())
    return math.log(largest) + math.log(float((values / largest).mean())) if largest > 0 else -math.inf


def _rate_shows(clean: Sequence[Reading], log_bound: np.ndarray, claimed: float, power: bool) -> np.ndarray:
    """Where the bound itself falls at half its claimed rate at least: on its plateau it claims no rate."""
    t = np.array([reading.t for reading in clean], dtype=float)
    if len(t) < _FEWEST or not math.isfinite(claimed):
        return np.zeros(len(t), dtype=bool)
    return np.asarray(np.gradient(log_bound, np.log(t) if power else t) <= 0.5 * claimed)


def _trajectory(kind: str, clean: Sequence[Reading]) -> Slope | None:
    """The fit over the upper half of the (logarithmic) range of t, past the transient; its interval from others."""
    if len(clean) < _FEWEST:
        return None
    t = np.array([reading.t for reading in clean], dtype=float)
    x = np.log(t) if kind == "power" else t
    span = x[-1] - x[0]

    def window(start: float, end: float) -> tuple[int, int]:
        return int(np.searchsorted(x, x[0] + start * span)), int(np.searchsorted(x, x[0] + end * span, side="right"))

    windows = [window(start, end) for start in (0.3, 0.4, 0.5, 0.6, 0.7) for end in (0.8, 0.9, 1.0)]
    main = window(0.5, 1.0)
    if main[1] - main[0] < _FEWEST:
        main = (0, len(x))
    usable = [(i, j) for i, j in windows if j - i >= _FEWEST] or [main]
    return _slope(clean, x, usable, main, kind, "t")


def _slope(
    clean: Sequence[Reading],
    x: np.ndarray,
    windows: Sequence[tuple[int, int]],
    main: tuple[int, int],
    kind: str,
    against: str,
) -> Slope:
    """The slope over the main window, with its interval.

    Of a random run: 95% of the slopes when whole seeds are resampled. Of a deterministic one, whose residuals are no
    noise: the slopes over the other windows. Of a power of t also what it would be with a log factor, see `_logged`.
    """
    y = np.array([_mean_log(reading.values) for reading in clean])
    value = _fit(x[slice(*main)], y[slice(*main)])
    seeds = min(reading.values.size for reading in clean)
    random = any(np.ptp(reading.values) > 0 for reading in clean)
    if random and seeds > 1:
        slopes = _bootstrap(clean[slice(*main)], x[slice(*main)], seeds)
        low, high = (float(end) for end in np.quantile(slopes, (0.025, 0.975))) if len(slopes) else (value, value)
    else:
        others = [_fit(x[i:j], y[i:j]) for i, j in windows]
        low, high = min(others), max(others)
    if kind == "power" and against == "t":
        possible = [low, high, *_logged(x[slice(*main)], y[slice(*main)])]
        low, high = min(possible), max(possible)
    first, last = clean[main[0]].t, clean[main[1] - 1].t
    return Slope(value, min(low, value), max(high, value), (first, last), kind, against)  # type: ignore[arg-type]


def _logged(x: np.ndarray, y: np.ndarray) -> list[float]:
    """The exponents p of those t^p·(c + ln t)^(±1), x = ln t and c = 0, 1, 2, that fit no worse than a power alone.

    A log factor masquerades as an exponent: the local slope of (2 + ln T)/√T is −1/2 + 1/(2 + ln T), −0.38 at T = 500,
    −0.44 at a million, and in no window of a few decades does it visibly move. What it does is bend. Where a curve
    bends at least half as much as such a factor, they are not distinguishable, and its exponent is as good as another.
    """

    def misfit(values: np.ndarray) -> float:
        return float(np.sum((values - values.mean() - _fit(x, values) * (x - x.mean())) ** 2))

    bent = [y - q * np.log(c + x) for q in (1, -1) for c in (0, 1, 2) if c + x[0] > 0]
    return [_fit(x, rest) for rest in bent if misfit(rest) <= misfit(y)]


def _bootstrap(clean: Sequence[Reading], x: np.ndarray, seeds: int) -> np.ndarray:
    """Slopes when the seeds, with their whole trajectories, are drawn anew with replacement (a fixed generator)."""
    logarithms = [_mean_log(reading.values) for reading in clean]
    scaled = np.array([np.exp(logs(r.values[:seeds]) - m) for r, m in zip(clean, logarithms, strict=True)])
    generator = np.random.default_rng(0)
    counts = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=_DRAWS)
    means = counts @ scaled.T / seeds
    y = logs(means) + np.array(logarithms)
    return np.array([_fit(x, row) for row in y if np.isfinite(row).all()])


def _order(theorem: Theorem, traces: Sequence[Trace]) -> Slope | None:
    """log e_{t+1} against log e_t over the steps of the longest run that shrink e at least tenfold, above the floor."""
    clean = [reading for reading in readings(theorem, traces[-1:]) if _clean(reading)]
    quantity = traces[-1].measured[theorem.output][theorem.quantity]
    index = {int(t): k for k, t in enumerate(traces[-1].t)}
    before = np.array([_mean_log(quantity[:, index[reading.t - 1]]) for reading in clean])
    after = np.array([_mean_log(reading.values) for reading in clean])
    keep = np.flatnonzero(after <= before + _SHRINKS)
    if len(keep) < _FEWEST:
        return None
    x, y = before[keep], after[keep]
    local = np.diff(y) / np.diff(x)
    window = (clean[keep[0]].t - 1, clean[keep[-1]].t)
    value = _fit(x, y)
    return Slope(value, min(value, float(local.min())), max(value, float(local.max())), window, "order", "t")


def _fit(x: np.ndarray, y: np.ndarray) -> float:
    """The least squares slope."""
    centred = x - x.mean()
    return float(np.sum(centred * y) / np.sum(centred**2))
