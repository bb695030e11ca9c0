"""Measured rates: the exponent of what was measured, with an interval, the window it was read from, and the law there.

Respecting a bound and attaining its rate are two questions. On a fixed problem the slope is a fact about that problem,
and need not be the theorem's; only where the instance depends on the horizon may the theorem's slope be demanded.
`estimate` takes any curve, without a theorem; `measured_rate` reads the curve that a theorem speaks of off its traces.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from convlab.core.errors import ConvlabError
from convlab.core.results import Kind, Results
from convlab.core.theorem import Theorem
from convlab.core.trace import Trace
from convlab.core.verdict import GEOMETRIC, POWER, POWER_LOG, SUPERLINEAR, Slope
from convlab.lab.exponents import fit, slope_of
from convlab.lab.few_seeds import CHOSEN, FEW_SEEDS, carried
from convlab.lab.rate_models import log_factors
from convlab.lab.readings import CLEAR, Reading, logs, readings
from convlab.lab.windows import Curve

__all__ = ["NoRateError", "estimate", "measured_rate", "of"]
_MOVES = 0.5  # of log bound over a sweep: a bound that hardly moves claims no rate
_FEWEST = 3  # points of a fit; fewer give no slope rather than an invented one
_DRAWS = 400  # bootstrap resamples
_SHRINKS = math.log(0.1)  # an order is read from steps that shrink the quantity at least tenfold
_SUPERLINEAR = 1.2  # an order above this one, at every step, is superlinear


class NoRateError(ConvlabError):
    """Why a curve has no rate to speak of, in one line."""


def estimate(
    t: Sequence[int] | np.ndarray,
    values: Sequence[float] | np.ndarray,
    *,
    floor: float | np.ndarray = 0.0,
    kind: Literal["power", "linear", "order"] | None = None,
) -> Slope:
    """The rate of ``values`` [K], or of the mean over seeds of ``values`` [S, K], at the steps ``t`` [K].

    Values within a hundred ``floor`` are rounding and left out, as is what is not finite. ``kind`` says which slope is
    wanted: of ln g over ln t ("power"), over t ("linear"), of ln e_{t+1} over ln e_t ("order"); None: of the law along
    which ln g falls farthest.

    Raises NoRateError where fewer than five clean points remain, or they span less than three octaves of t, or, with
    ``kind`` None, none of the laws shows; ConvlabError where the arrays do not fit together.

    >>> t = 2.0 ** np.arange(12)
    >>> found = estimate(t, 3 * t**-1.5)
    >>> found.model, round(found.value, 6), found.window
    ('power law', -1.5, (1, 2048))
    """
    at, rows, least = _checked(t, values, floor)
    clean = np.isfinite(rows).all(axis=0) & (at >= 1)
    mean = np.array([_mean_log(column) if ok else math.nan for column, ok in zip(rows.T, clean, strict=True)])
    above = clean & (np.nan_to_num(mean, nan=-math.inf) > logs(CLEAR * least))
    curve = _curve(at[above], rows[:, above], _after(at, clean, above))
    if kind in (None, "order"):
        order = _order_of(at, np.where(above, mean, math.nan), _after(at, clean, above))
        if order is not None and (kind == "order" or order.low > _SUPERLINEAR):
            return order
    wanted = [each for each in ("power", "linear") if kind in (None, each)]
    found = [slope for each in wanted if (slope := slope_of(curve, each)) is not None]  # type: ignore[arg-type]
    if not found:
        what = "three steps that shrink it tenfold" if kind == "order" else "five over three octaves of t"
        why = f"; beyond them {FEW_SEEDS}" if curve.after == FEW_SEEDS else ""
        raise NoRateError(f"no rate: {len(curve.t)} clean points, and a rate needs {what} at least{why}")
    lawful = [slope for slope in found if slope.a_law]
    if kind is None and not lawful:
        raise NoRateError(
            "no rate: neither a power law nor geometric decay shows over three octaves or a quarter of the run"
        )
    return _main(lawful or found)


def of(results: Results, quantity: str = "gap") -> dict[str, Slope | str]:
    """The rate of each run of some results, without any theorem, or why it has none; of a sweep, of each horizon's."""
    found: dict[str, Slope | str] = {}
    for trace in results.traces:
        for output, measured in trace.measured.items():
            if quantity in measured:
                name = f"{trace.label}, T = {trace.setting.horizon:,}: {output}"
                try:
                    found[name] = estimate(
                        trace.t, measured[quantity], floor=trace.floor_of(quantity, output).max(axis=0)
                    )
                except NoRateError as none:
                    found[name] = str(none)
    return found


def _main(slopes: Sequence[Slope]) -> Slope:
    """The law along which ln g falls farther; its begin or its end names the other one."""
    fallen = [abs(slope.value) * _extent(slope) for slope in slopes]
    best = slopes[int(np.argmax(fallen))]
    for slope in slopes:
        if slope is not best and slope.window[0] >= best.window[1]:
            best = dataclasses.replace(best, ends=f"crossover to {slope.model}")
        if slope is not best and slope.window[1] <= best.window[0]:
            best = dataclasses.replace(best, begins=f"{slope.model} to {slope.window[1]:,}, then a crossover")
    return best


def _extent(slope: Slope) -> float:
    first, last = slope.window
    return math.log(last / first) if slope.kind == "power" else last - first


def _checked(t: Any, values: Any, floor: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    at, rows = np.asarray(t, dtype=float), np.atleast_2d(np.asarray(values, dtype=float))
    if at.ndim != 1 or rows.ndim != 2 or rows.shape[1] != at.size:
        raise ConvlabError(
            f"values {np.shape(values)} at steps t {np.shape(t)}: they must have shape [K] or [seeds, K], t [K]"
        )
    if not np.isfinite(at).all() or np.any(np.diff(at) <= 0):
        raise ConvlabError("t must be finite and increase from one entry to the next")
    if np.any(rows < 0):
        raise ConvlabError(f"values must not be negative (the least is {np.nanmin(rows):g}): a rate is read off ln g")
    return at, rows, np.broadcast_to(np.asarray(floor, dtype=float), at.shape)


def _after(t: np.ndarray, finite: np.ndarray, above: np.ndarray) -> str:
    """What ended the clean part of a curve: "" at its last checkpoint."""
    if not above.any() or above[-1]:
        return ""
    last = int(np.flatnonzero(above)[-1])
    return "rounding floor" if finite[last + 1] else "divergence"


def measured_rate(theorem: Theorem, traces: Sequence[Trace], sweep: Kind) -> tuple[Slope | None, float | None]:
    """The slope and the slope that the theorem claims for it; the slope is None where too few clean points remain.

    One trace: log quantity against log t ("power"), against t ("linear"), or log e_{t+1} against log e_t ("order").
    Several traces of a worst-case sweep: log measured at T against log bound at T, claimed 1. Of another sweep over
    horizons: log measured at T against log T or T, and the claim is the slope of the bound itself at these horizons,
    which a step size that depends on T changes.
    """
    slope, claimed = _rate(theorem, sorted(traces, key=lambda trace: trace.setting.horizon), sweep)
    return (None if slope is None else dataclasses.replace(slope, sweep=sweep)), claimed


def _rate(theorem: Theorem, traces: Sequence[Trace], sweep: Kind) -> tuple[Slope | None, float | None]:
    if theorem.rate is None:
        return None, None
    if theorem.rate.kind == "order":
        return _order(theorem, traces), theorem.rate.value(traces[-1].setting)
    if theorem.log_bound is None:
        return None, None
    every = readings(theorem, traces)
    clean = [reading for reading in every if _clean(reading)]
    bound = np.array([reading.log_bound[0] for reading in clean])
    if len(traces) == 1:
        claimed = theorem.rate.value(traces[0].setting)
        keep = _rate_shows(clean, bound, claimed, theorem.rate.kind == "power")
        shown = [reading for reading, ok in zip(clean, keep, strict=True) if ok]
        if len(shown) < _FEWEST:
            return None, claimed
        curve = _curve_of(shown, _why_after(every, clean, shown))
        return slope_of(curve, theorem.rate.kind), claimed
    over = _curve_of(clean, "") if clean else None
    clean = clean[: 0 if over is None else len(over.t)]
    horizons, bound = np.array([reading.t for reading in clean], dtype=float), bound[: len(clean)]
    against_bound = sweep == "worst-case sweep"
    x = bound if against_bound else np.log(horizons) if theorem.rate.kind == "power" else horizons
    if over is None or len(clean) < _FEWEST or np.ptp(x) <= (_MOVES if against_bound else 0):
        return None, 1.0 if against_bound else None
    claimed = 1.0 if against_bound else fit(x, bound)
    kind = "power" if against_bound else theorem.rate.kind
    return _over_horizons(over, x, kind, "bound" if against_bound else "t"), claimed


def _clean(reading: Reading) -> bool:
    """Whether all seeds are finite and their mean lies clear of the rounding floor."""
    if not np.isfinite(reading.values).all() or not np.isfinite(reading.log_bound).all():
        return False
    return bool(_mean_log(reading.values) > logs(CLEAR * reading.floor.max(keepdims=True))[0])


def _why_after(every: Sequence[Reading], clean: Sequence[Reading], shown: Sequence[Reading]) -> str:
    """What ended the clean part: a floor or a divergence after it, or a bound that has stopped to fall."""
    if clean[-1].t > shown[-1].t:
        return "the bound's own plateau"
    after = [reading for reading in every if reading.t > clean[-1].t]
    if not after:
        return ""
    return "rounding floor" if np.isfinite(after[0].values).all() else "divergence"


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


def _curve_of(clean: Sequence[Reading], after: str) -> Curve:
    seeds = min(reading.values.size for reading in clean)
    rows = np.stack([reading.values[:seeds] for reading in clean], axis=1)
    return _curve(np.array([reading.t for reading in clean], dtype=float), rows, after)


def _curve(t: np.ndarray, rows: np.ndarray, after: str) -> Curve:
    """The mean over seeds as far as enough of them carry it, with draws of the seeds where they differ (whole
    trajectories, a fixed generator)."""
    enough = carried(rows)
    if enough < len(t):
        t, rows, after = t[:enough], rows[:, :enough], FEW_SEEDS
    y = np.array([_mean_log(column) for column in rows.T])
    seeds = len(rows)
    if seeds == 1 or not y.size or float(np.ptp(rows, axis=0).max()) == 0:
        return Curve(t, y, None, after)
    scaled = np.exp(logs(rows) - y)
    counts = np.random.default_rng(0).multinomial(seeds, np.full(seeds, 1 / seeds), size=_DRAWS)
    draws = y + logs(counts @ scaled / seeds) * (CHOSEN if after == FEW_SEEDS else 1.0)
    return Curve(t, y, draws[np.isfinite(draws).all(axis=1)], after, seeds=seeds)


def _over_horizons(curve: Curve, x: np.ndarray, kind: str, against: str) -> Slope:
    """The slope over all horizons, few as they are, each a run of its own.

    Of a random run: 95 % of the slopes when whole seeds are drawn anew. Of a deterministic one the slopes over all
    windows of three horizons or more. So few points cannot be made to predict others; of a power of T the exponent is
    also read with each log factor taken off that leaves the points no less straight, and then these laws are not
    distinguishable.
    """
    bare = kind != "power" or against == "bound"
    factors = [] if bare else [f for f in log_factors(curve) if _bent(x, curve.y - f) <= _bent(x, curve.y)]
    value, ends = fit(x, curve.y), [fit(x, curve.y - factor) for factor in factors]
    pairs = itertools.combinations(range(len(x) + 1), 2)
    ends += [fit(x[i:j], curve.y[i:j]) for i, j in pairs if j - i >= _FEWEST and curve.draws is None]
    if curve.draws is not None and len(curve.draws):
        for factor in [0.0, *factors]:
            ends += [float(end) for end in np.quantile([fit(x, row - factor) for row in curve.draws], (0.025, 0.975))]
    window = (int(curve.t[0]), int(curve.t[-1]))
    low, high = min([*ends, value]), max([*ends, value])
    law = "" if bare else POWER
    doubt = (POWER_LOG,) if factors else ()
    return Slope(value, low, high, window, kind, against, law, doubt, "", curve.after, seeds=curve.seeds)  # type: ignore[arg-type]


def _bent(x: np.ndarray, y: np.ndarray) -> float:
    """The sum of squares by which points miss their line."""
    return float(np.sum((y - y.mean() - fit(x, y) * (x - x.mean())) ** 2))


def _order(theorem: Theorem, traces: Sequence[Trace]) -> Slope | None:
    """log e_{t+1} against log e_t over the steps of the longest run that shrink e at least tenfold, above the floor."""
    every = readings(theorem, traces[-1:])
    clean = [reading for reading in every if _clean(reading)]
    if not clean:
        return None
    quantity = traces[-1].measured[theorem.output][theorem.quantity]
    index = {int(t): k for k, t in enumerate(traces[-1].t)}
    before = np.array([_mean_log(quantity[:, index[reading.t - 1]]) for reading in clean])
    then = np.array([_mean_log(reading.values) for reading in clean])
    return _order_from(np.array([reading.t for reading in clean]), before, then, _why_after(every, clean, clean))


def _order_of(t: np.ndarray, y: np.ndarray, after: str) -> Slope | None:
    one = np.flatnonzero((np.diff(t) == 1) & np.isfinite(y[1:]) & np.isfinite(y[:-1]))
    return _order_from(t[one + 1], y[one], y[one + 1], after)


def _order_from(t: np.ndarray, before: np.ndarray, then: np.ndarray, after: str) -> Slope | None:
    keep = np.flatnonzero(then <= before + _SHRINKS)
    if len(keep) < _FEWEST:
        return None
    x, y = before[keep], then[keep]
    local = np.diff(y) / np.diff(x)
    value = fit(x, y)
    low, high = min(value, float(local.min())), max(value, float(local.max()))
    window = (int(t[keep[0]]) - 1, int(t[keep[-1]]))
    begins = "slower steps" if keep[0] > 0 else ""
    model = SUPERLINEAR if low > 1.05 else GEOMETRIC if high < 1.05 else ""
    return Slope(value, low, high, window, "order", "t", model, (), begins, after)
