"""Points: every reading of a theorem judged for itself, before a ruling is made of them all."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convlab.core.setting import EXACT_EXPECTATION, Known
from convlab.core.theorem import Theorem
from convlab.core.trace import Trace
from convlab.lab.counts import Counts, quantile_index
from convlab.lab.limits import mean_limits
from convlab.lab.readings import CLEAR, Reading, exp, logs, readings
from convlab.lab.seeds_needed import Question, question

ALPHA = 0.01  # probability that any of the simultaneous limits, over all checkpoints, misses
CLOSE = math.log(1.01)  # so much beyond the bound still holds, if rounding may have done it
EQUAL = 1e-9  # of logarithms: nearer ratios are equal, so that no machine's last digit decides what is said


@dataclass(frozen=True)
class Point:
    """A reading judged: what it says, the worst measured/bound as a logarithm, and that entry's bound.

    Measured is the worst seed, the mean over seeds, or, of a theorem on probabilities, the (1 − δ)-quantile.
    """

    t: int
    horizon: int
    state: str  # "holds", "violated", "open", or "censored"
    log_ratio: float
    log_bound: float
    log_end: float  # log of (the deciding end of the interval)/bound
    diverged: tuple[int, ...]  # indices of the seeds that have
    question: Question | Counts | None  # of an expectation or a probability that is open
    counts: Counts | None = None  # of a probability


@dataclass(frozen=True)
class _Sides:
    """Of each seed of a reading, or of its mean: whether it is beyond the bound, within it, or below the floor."""

    violated: np.ndarray
    holds: np.ndarray
    censored: np.ndarray


def on_the_mean(theorem: Theorem, traces: Sequence[Trace]) -> bool:
    """Whether a mean over seeds is judged: the theorem speaks of an expectation, and no run is its own."""
    return theorem.sense == "expectation" and _random(traces)


def on_counts(theorem: Theorem, traces: Sequence[Trace]) -> bool:
    """Whether seeds beyond the bound are counted; a run without randomness has to obey what holds with probability."""
    return theorem.sense == "probability" and _random(traces)


def _random(traces: Sequence[Trace]) -> bool:
    return any(not {"exact oracle", EXACT_EXPECTATION} & trace.setting.traits for trace in traces)


def asked_with(theorem: Theorem, traces: Sequence[Trace], delta: float | None) -> list[Trace]:
    """The traces; of a theorem on probabilities with ``delta`` among the constants of their settings."""
    if theorem.sense != "probability" or delta is None:
        return list(traces)
    known = Known(delta, "exact")
    return [
        dataclasses.replace(
            trace, setting=dataclasses.replace(trace.setting, known={**trace.setting.known, "delta": known})
        )
        for trace in traces
    ]


def points(theorem: Theorem, traces: Sequence[Trace]) -> list[Point]:
    """Every reading that has something to say, judged; limits of means and of shares hold simultaneously over all."""
    usable = usable_readings(theorem, traces)
    tail = tail_of(theorem, usable)
    if on_counts(theorem, traces):
        delta = traces[0].setting["delta"]
        if theorem.valid == "all t at once":
            horizons = dict.fromkeys(reading.horizon for reading in usable)
            groups = ([reading for reading in usable if reading.horizon == horizon] for horizon in horizons)
            return [point for group in groups for point in _jointly(theorem, group, tail, delta)]
        return [_by_counts(theorem, reading, tail, delta) for reading in usable]
    if on_the_mean(theorem, traces):
        return [_of_the_mean(theorem, reading, tail) for reading in usable]
    return [_of_every_run(theorem, reading) for reading in usable]


def usable_readings(theorem: Theorem, traces: Sequence[Trace]) -> list[Reading]:
    """Those with a measurement, and a bound that is not infinitely far off."""
    infinite = np.isposinf if theorem.kind == "upper" else np.isneginf
    return [
        reading
        for reading in readings(theorem, traces)
        if not np.isnan(reading.values).all() and not infinite(reading.log_bound).all()
    ]


def tail_of(theorem: Theorem, usable: Sequence[Reading]) -> float:
    """How often one limit may miss, of two for each reading, or for each run's horizon where runs are counted."""
    together = theorem.valid == "all t at once"
    return ALPHA / (2 * max(len({r.horizon for r in usable}) if together else len(usable), 1))


def _kept(reading: Reading) -> Reading:
    """Without the seeds that have nothing to judge."""
    keep = ~np.isnan(reading.values)
    names = ("values", "error", "log_bound", "log_allowed", "floor", "drift", "rest")
    return dataclasses.replace(reading, **{name: getattr(reading, name)[keep] for name in names})


def _sides(theorem: Theorem, one: Reading, low: np.ndarray, high: np.ndarray) -> _Sides:
    """What roundings that add up could do at worst acquits, and does not confirm: where a measurement clear of the
    trace's own floor is beyond the bound by more than a percent, and they might account for it, the point is open. What
    one step rounds is no worst case, and decides between a point and the next."""
    error, floor, drift, allowed = one.error, one.floor, one.drift, one.log_allowed
    if theorem.kind == "upper":
        violated = 2 * logs(_root(low - error - CLEAR * floor) - math.sqrt(CLEAR) * drift) > allowed
        holds = 2 * logs(np.maximum(_root(high + error) - drift, np.sqrt(floor))) <= allowed
    else:
        violated = 2 * logs(_root(high + error + CLEAR * floor) + math.sqrt(CLEAR) * drift) < allowed
        holds = 2 * logs(_root(low - error) + drift) >= allowed
    censored = ((exp(one.log_bound) < floor) | (one.log_bound < 2 * logs(math.sqrt(CLEAR) * drift))) & ~violated
    clear = (high > CLEAR * one.rest) & (theorem.valid != "per step")
    if theorem.kind == "upper":
        above, surely = (clear & (logs(end) > one.log_bound + CLOSE) for end in (high, low))
    else:
        above, surely = (clear & (logs(end) < one.log_bound - CLOSE) for end in (low, high))
    return _Sides(violated, holds & ~above, censored & ~surely)


def _of_every_run(theorem: Theorem, reading: Reading) -> Point:
    one = _kept(reading)
    sides = _sides(theorem, one, one.values, one.values)
    return _point(theorem, reading, one, sides, _log_ratios(one.values, one.log_bound), (one.values, one.values))


def _of_the_mean(theorem: Theorem, reading: Reading, tail: float) -> Point:
    """The mean between limits of which either misses it with probability ``tail``."""
    kept = _kept(reading)
    low, centre, high = (np.atleast_1d(limit) for limit in mean_limits(kept.values, tail))
    widest = kept.log_allowed.max if theorem.kind == "upper" else kept.log_allowed.min
    one = dataclasses.replace(  # roots of means add up as roots do (Minkowski)
        kept,
        values=centre,
        error=np.atleast_1d(kept.error.mean()),
        floor=kept.floor.max(keepdims=True),
        drift=kept.drift.max(keepdims=True),
        rest=kept.rest.max(keepdims=True),
        log_bound=kept.log_bound[:1],
        log_allowed=np.atleast_1d(widest()),
    )
    point = _point(
        theorem, reading, one, _sides(theorem, one, low, high), _log_ratios(centre, one.log_bound), (low, high)
    )
    if point.state != "open":
        return point
    asked = question(theorem, kept.values, tail, one.log_allowed, one.error, one.floor, one.drift)
    return dataclasses.replace(point, question=asked)


def _point(
    theorem: Theorem,
    reading: Reading,
    one: Reading,
    sides: _Sides,
    log_ratio: np.ndarray,
    limits: tuple[np.ndarray, np.ndarray],
) -> Point:
    """What all entries say: violated if one is, and it holds where each does."""
    shown = ~sides.censored if (~sides.censored).any() else np.ones_like(sides.censored)
    worst = extreme(theorem, np.where(shown, log_ratio, np.inf if theorem.kind == "lower" else -np.inf))
    low, high = limits if theorem.kind == "upper" else limits[::-1]
    if sides.violated.any():
        state, end = "violated", low
    else:
        state = "censored" if sides.censored.all() else "holds" if (sides.holds | sides.censored).all() else "open"
        end = high
    log_end = float(logs(end)[worst]) - float(one.log_bound[worst]) if end[worst] > 0 else -math.inf
    ratio, bound = float(log_ratio[worst]), float(one.log_bound[worst])
    return Point(reading.t, reading.horizon, state, ratio, bound, log_end, _diverged(reading), None)


def _by_counts(theorem: Theorem, reading: Reading, tail: float, delta: float) -> Point:
    one = _kept(reading)
    sides = _sides(theorem, one, one.values, one.values)
    counts = Counts(one.values.size, int(sides.violated.sum()), int((~sides.holds).sum()), delta, tail)
    return _counted(theorem, reading, one, sides, counts)


def _jointly(theorem: Theorem, group: Sequence[Reading], tail: float, delta: float) -> list[Point]:
    """All readings of one horizon: a run is beyond the bound where it is at any of them. A seed that is not measured
    at a reading says nothing there."""
    sure = possible = np.zeros(group[0].values.shape, dtype=bool)
    every = []
    for reading in group:
        sides = _sides(theorem, reading, reading.values, reading.values)
        there = ~np.isnan(reading.values)
        sure = sure | (sides.violated & there)
        possible = possible | (~sides.holds & ~sides.censored & there)
        keep = _Sides(sides.violated[there], sides.holds[there], sides.censored[there])
        every.append((reading, _kept(reading), keep))
    counts = Counts(sure.size, int(sure.sum()), int((sure | possible).sum()), delta, tail, joint=True)
    return [_counted(theorem, reading, one, sides, counts) for reading, one, sides in every]


def _counted(theorem: Theorem, reading: Reading, one: Reading, sides: _Sides, counts: Counts) -> Point:
    state = "violated" if counts.refutes else "censored" if sides.censored.all() else "open"
    state = "holds" if state == "open" and counts.confirms else state
    ratios = np.sort(_log_ratios(one.values, one.log_bound))
    index = quantile_index(ratios.size, counts.delta)
    place = index if theorem.kind == "upper" else ratios.size - 1 - index
    asked = counts if state == "open" else None
    ratio, bound = float(ratios[place]), float(one.log_bound[0])
    return Point(reading.t, reading.horizon, state, ratio, bound, ratio, _diverged(reading), asked, counts)


def _diverged(reading: Reading) -> tuple[int, ...]:
    return tuple(int(s) for s in np.flatnonzero(np.isposinf(reading.values[~np.isnan(reading.values)])))


def _log_ratios(values: np.ndarray, log_bound: np.ndarray) -> np.ndarray:
    nothing = (values == 0) | np.isposinf(log_bound)
    log_ratio = np.where(nothing, -np.inf, logs(values) - np.where(nothing, 0.0, log_bound))
    return np.where((values == 0) & np.isneginf(log_bound), 0.0, log_ratio)  # 0 ≤ 0 is equality


def extreme(theorem: Theorem, log_ratio: np.ndarray) -> int:
    """The first of those that are worst up to rounding."""
    signed = log_ratio if theorem.kind == "upper" else -log_ratio
    return int(np.argmax(signed >= signed.max() - EQUAL))


def worst(theorem: Theorem, judged: Sequence[Point]) -> Point:
    return judged[extreme(theorem, np.array([point.log_ratio for point in judged]))]


def _root(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.maximum(values, 0.0)))
