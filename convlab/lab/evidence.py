"""What decided a ruling, point by point, and which constant would have to be wrong by how much to change it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convlab.core.errors import Unknown
from convlab.core.setting import Setting
from convlab.core.theorem import Theorem
from convlab.core.trace import Trace
from convlab.core.verdict import Verdict
from convlab.lab.counts import quantile_limits
from convlab.lab.limits import mean_limits
from convlab.lab.monitors import failed_hypothesis
from convlab.lab.points import on_counts, on_the_mean, tail_of, usable_readings
from convlab.lab.readings import Reading, readings

ANY = 1e-6  # of a logarithm: what so small a change would flip, any change flips
_SHAPES = frozenset({"capacity", "source", "batch_size"})
_RUNGS = (*(1e-9, 1e-6, 1e-3), *map(math.log, (1.03, 1.1, 1.3, 1.6, 2.1, 3, 5, 10, 20, 50, 100, 1e3, 1e4, 1e5, 1e6)))
_UNDEFINED = "the bound is not defined"
_NEAR = 1e-7  # of the logarithm of a factor, where the bisection ends


@dataclass(frozen=True)
class Evidence:
    """One judged point: the measurement m of the seed that decides, or a mean or quantile in limits, and the bound.

    ``low`` ≤ ``centre`` ≤ ``high`` are one number except for a mean, or a quantile, of ``seeds`` > 0; ``error`` bounds
    the error of each. ``margin`` = ln(bound, widened by rounding) − ln(the end that has to
    lie below it), of a lower bound the reverse: negative where the point does not confirm the bound.
    """

    trace: Trace
    t: int
    seed: int
    low: float
    centre: float
    high: float
    error: float
    log_bound: float
    log_allowed: float
    floor: float
    margin: float
    seeds: int = 0

    @property
    def log_ratio(self) -> float:
        return _log(self.centre) - self.log_bound


@dataclass(frozen=True)
class Flip:
    """A constant multiplied by ``factor`` changes the ruling: by the bound alone, or since a hypothesis fails.

    ``failed`` is that hypothesis, in words. ``contradicted``: the points that were measured are not those of a problem
    whose constant is that much smaller or larger, so it cannot be wrong by that factor; see `monitors`.
    """

    constant: str
    factor: float
    failed: str = ""
    contradicted: bool = False


def evidence(theorem: Theorem, traces: Sequence[Trace], verdict: Verdict) -> list[Evidence]:
    """The points that were judged, none of those below the rounding floor; empty where there was nothing to judge."""
    if verdict.t is None or verdict.ratio is None:
        return []
    judged = {int(t) for t, ratio in zip(verdict.t, verdict.ratio, strict=True) if not np.isnan(ratio)}
    usable = usable_readings(theorem, traces)
    of_seeds = on_the_mean(theorem, traces) or on_counts(theorem, traces)
    tail = tail_of(theorem, usable) if of_seeds else None
    of = {trace.setting.horizon: trace for trace in traces}
    several = len(traces) > 1
    return [
        _of_all_seeds(theorem, of[reading.horizon], reading, tail)
        if tail is not None
        else _of_a_seed(theorem, of[reading.horizon], reading)
        for reading in usable
        if (reading.horizon if several else reading.t) in judged
    ]


def _of_a_seed(theorem: Theorem, trace: Trace, reading: Reading) -> Evidence:
    """The seed that is worst relative to its bound."""
    upper = theorem.kind == "upper"
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(np.maximum(reading.values, 0.0)) - reading.log_bound
    lost = -np.inf if upper else np.inf
    ratio = np.where(np.isnan(reading.values) | np.isnan(ratio), lost, ratio)
    seed = int(np.argmax(ratio) if upper else np.argmin(ratio))
    value, error = float(reading.values[seed]), float(reading.error[seed])
    bound, allowed = float(reading.log_bound[seed]), float(reading.log_allowed[seed])
    margin = allowed - _log(value + error) if upper else _log(value - error) - allowed
    floor = float(reading.floor[seed])
    return Evidence(trace, reading.t, seed, value, value, value, error, bound, allowed, floor, margin)


def _of_all_seeds(theorem: Theorem, trace: Trace, reading: Reading, tail: float) -> Evidence:
    """The mean over seeds, or the quantile that a theorem on probabilities speaks of."""
    upper, values = theorem.kind == "upper", reading.values[~np.isnan(reading.values)]
    if theorem.sense == "probability":
        sign, delta = 1 if upper else -1, trace.setting["delta"]
        low, centre, high = sorted(sign * end for end in quantile_limits(sign * values, tail, delta))
    else:
        low, centre, high = (float(end) for end in mean_limits(values, tail))
    error, bound = float(np.nanmean(reading.error)), float(reading.log_bound[0])
    allowed = float(reading.log_allowed.max() if upper else reading.log_allowed.min())
    margin = allowed - _log(high + error) if upper else _log(low - error) - allowed
    ends = (low, centre, high, error, bound, allowed, float(reading.floor.max()), margin)
    return Evidence(trace, reading.t, 0, *ends, seeds=values.size)


def deciding(theorem: Theorem, verdict: Verdict, found: Sequence[Evidence]) -> Evidence | None:
    """The point that the ruling rests on: where measured/bound is worst, or, where it stays open, what is most open."""
    if not found:
        return None
    if verdict.ruling == "inconclusive":
        return min(found, key=lambda one: one.margin)
    sign = 1 if theorem.kind == "upper" else -1
    where = [one for one in found if verdict.worst_t in (one.t, one.trace.setting.horizon)]
    return max(where or found, key=lambda one: sign * one.log_ratio)


def skipped(theorem: Theorem) -> frozenset[str]:
    """Constants that say what was asked for, and not what was found out: the shape of a spectrum, the size of a batch.

    In a power law μ = L d^(−capacity) says no more than the dimension d.
    """
    return _SHAPES | ({"mu"} if "capacity" in theorem.constants else set())


def flips(theorem: Theorem, verdict: Verdict, found: Sequence[Evidence]) -> list[Flip]:
    """For each constant that the theorem reads the smallest change, either way, that ends or mends the ruling.

    One constant c at a time is replaced by f·c in the setting; all else, the step size too, stays what it was. "holds"
    ends where the bound at f·c no longer covers the measurement at some judged point; "violated" is mended where it
    covers it at all of them; both end where a hypothesis on the constants fails. The f nearest 1 is found on a ladder
    up to a million and by bisection. Constants that are 0 or `skipped`, and changes for which the bound is not defined,
    are left out.
    """
    changed = []
    for name in (name for name in theorem.constants if name not in skipped(theorem)):
        known = found[0].trace.setting.known.get(name) if found else None
        for sign in (-1.0, 1.0) if known is not None and known.value != 0 else ():
            flip = _first_flip(theorem, verdict, found, name, sign)
            changed += [flip] if flip is not None else []
    return sorted(changed, key=lambda flip: abs(math.log(flip.factor)))


def _first_flip(theorem: Theorem, verdict: Verdict, found: Sequence[Evidence], name: str, sign: float) -> Flip | None:
    inside, outside, failed = 0.0, math.inf, ""
    for rung in _RUNGS:
        there = _changed(theorem, verdict, found, name, math.exp(sign * rung))
        if there == _UNDEFINED:
            return None
        if there is not None:
            outside, failed = rung, there
            break
        inside = rung
    if outside == math.inf:
        return None
    while outside - inside > _NEAR * max(outside, ANY):
        middle = (inside + outside) / 2
        there = _changed(theorem, verdict, found, name, math.exp(sign * middle))
        if there is None:
            inside = middle
        else:
            outside, failed = middle, there
    factor = math.exp(sign * outside)
    seen = any(failed_hypothesis(theorem, _with(trace, name, factor)) is not None for trace in _traces(found).values())
    return Flip(name, factor, failed, seen)


def failing(theorem: Theorem, setting: Setting) -> str | None:
    """The first hypothesis that a setting does not meet, in words; monitors of what was measured are not asked."""
    for assumption in theorem.assumes:
        try:
            met = assumption.holds(setting)
        except Unknown:
            met = False
        if not met:
            return assumption.words
    return None


def _traces(found: Sequence[Evidence]) -> dict[int, Trace]:
    return {one.trace.setting.horizon: one.trace for one in found}


def _changed(theorem: Theorem, verdict: Verdict, found: Sequence[Evidence], name: str, factor: float) -> str | None:
    """None where the ruling stays, "" where the bound alone changes it, or the hypothesis that fails, in words."""
    replaced = {horizon: _with(trace, name, factor) for horizon, trace in _traces(found).items()}
    try:
        for trace in replaced.values():
            if (words := failing(theorem, trace.setting)) is not None:
                return words
        margins = [one.margin + shift for one, shift in zip(found, _shifts(theorem, found, replaced), strict=True)]
    except (ArithmeticError, ValueError, Unknown):
        return _UNDEFINED
    if any(math.isnan(margin) for margin in margins):
        return _UNDEFINED
    if verdict.ruling == "holds":  # what holds within the rounding of the run has no margin left, not less than none
        spare = [min(one.margin, 0.0) for one in found]
        return "" if any(margin < less for margin, less in zip(margins, spare, strict=True)) else None
    return "" if min(margins) >= 0 else None


def _shifts(theorem: Theorem, found: Sequence[Evidence], replaced: dict[int, Trace]) -> list[float]:
    """By how much each point's margin grows: the change of its bound's logarithm."""
    sign = 1.0 if theorem.kind == "upper" else -1.0
    if theorem.log_bound is not None:
        bounds = [theorem.log_bound(replaced[one.trace.setting.horizon].setting, one.t) for one in found]
    else:
        again = {(r.horizon, r.t): r.log_bound for r in readings(theorem, list(replaced.values()))}
        bounds = [float(again[one.trace.setting.horizon, one.t][one.seed]) for one in found]
    pairs = zip(found, bounds, strict=True)
    return [0.0 if bound == one.log_bound else sign * (bound - one.log_bound) for one, bound in pairs]


def _with(trace: Trace, name: str, factor: float) -> Trace:
    known = {**trace.setting.known, name: trace.setting.known[name].times(factor)}
    return dataclasses.replace(trace, setting=dataclasses.replace(trace.setting, known=known))


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf
