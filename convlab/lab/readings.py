"""What a theorem reads off a trace: measured values, bounds and their rounding, checkpoint by checkpoint."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from convlab.core.theorem import Theorem
from convlab.core.trace import Trace
from convlab.lab import rounding
from convlab.lab.uncertainty import error_of

CLEAR = 100.0  # floors: a squared quantity this far above its floor, ten times in the distance, is no rounding


@dataclass(frozen=True)
class Reading:
    """One checkpoint of one trace, for S seeds.

    ``values`` [S] is the measured quantity, +∞ from a divergence on, NaN where there is nothing to judge; ``error`` [S]
    bounds its absolute error. ``log_bound`` [S] is the bound, ``log_allowed`` [S] the bound widened by rounding that
    is relative to the distance from θ*, ``floor`` [S] the size below which rounding decides, see `_widened`; ``drift``
    [S] bounds what absolute rounding, of gradients near θ* and of points θ* ≠ 0, does to the root of the quantity.
    ``rest`` [S] is the trace's own floor, which is predicted from the run and not from what could happen at worst.
    """

    t: int
    horizon: int
    values: np.ndarray
    error: np.ndarray
    log_bound: np.ndarray
    log_allowed: np.ndarray
    floor: np.ndarray
    drift: np.ndarray
    rest: np.ndarray


def readings(theorem: Theorem, traces: Sequence[Trace]) -> list[Reading]:
    """What is to be judged: each checkpoint t ≥ 1 of one trace, the ends of several; for "per step" pairs t − 1, t, for
    "all t at once" each checkpoint of all."""
    every: list[Reading] = []
    for trace in sorted(traces, key=lambda trace: trace.setting.horizon):
        if theorem.log_step is not None:
            every.extend(_pairs(theorem, trace))
            continue
        together = theorem.valid == "all t at once"
        only_end = theorem.valid == "at the horizon" or (len(traces) > 1 and not together)
        chosen = [k for k, t in enumerate(trace.t) if t >= 1 and (not only_end or t == trace.setting.horizon)]
        every.extend(_point(theorem, trace, k) for k in chosen)
    return every


def measured(theorem: Theorem, trace: Trace) -> np.ndarray:
    """The theorem's quantity at its output [S, K], with +∞ instead of NaN from where a run diverged on."""
    values = _quantity(theorem, trace, theorem.quantity)
    if theorem.quantity == "observed_M":  # a step to nowhere is none
        return values
    diverged = np.array([status == "diverged" for status in trace.status], dtype=bool)
    return np.where(np.isnan(values) & diverged[:, None], np.inf, values)


def _quantity(theorem: Theorem, trace: Trace, name: str) -> np.ndarray:
    """A quantity at the theorem's output [S, K]; the decrease of R is that of the gap since the checkpoint before."""
    found = trace.measured[theorem.output]
    if name == "observed_M":
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            constant = 6 * np.abs(found["model_error"]) / np.asarray(found["step2"], dtype=float) ** 1.5
        return np.where(np.isfinite(constant), constant, np.nan)
    if name != "decrease":
        return np.asarray(found[name], dtype=float)
    gap = np.asarray(found["gap"], dtype=float)
    return np.concatenate([np.full_like(gap[:, :1], np.nan), gap[:, :-1] - gap[:, 1:]], axis=1)


def _point(theorem: Theorem, trace: Trace, k: int) -> Reading:
    assert theorem.log_bound is not None
    values, t = measured(theorem, trace), int(trace.t[k])
    log_bound = theorem.log_bound(trace.setting, t)
    before = theorem.log_bound(trace.setting, t - 1) if t > 1 else log_bound
    start = values[:, trace.t == 0]
    if start.size and np.isfinite(start).all():  # a bound may contract by more than floating point can, even to 0
        least = 2 * (t - 1) * math.log(min(1.0, 2 * rounding.relative_step(trace)))
        before = max(before, _log(float(start.max())) + least)
    bounds, steps = np.full(values.shape[0], log_bound), rounding.remaining(theorem, trace.setting, t)
    return _reading(theorem, trace, k, values[:, k], bounds, np.full_like(bounds, before), steps)


def _pairs(theorem: Theorem, trace: Trace) -> Iterator[Reading]:
    assert theorem.log_step is not None
    values, setting = measured(theorem, trace), trace.setting
    given = theorem.given or theorem.quantity
    starts = values if theorem.given is None else _quantity(theorem, trace, given)
    condition = rounding.condition(setting)
    for k in pairs(trace):
        previous = starts[:, k]
        usable = np.isfinite(previous)
        if not usable.any():
            return
        # A bound that rests on a measured point is only as good as that point: none below its floor.
        usable &= previous > CLEAR * trace.floor_of(given, theorem.output)[:, k]
        start = np.where(usable, previous, 1.0)
        bounds = np.array([theorem.log_step(setting, float(q)) for q in start])
        before = logs(start)
        following = np.where(usable, values[:, k + 1], np.nan)
        yield _reading(theorem, trace, k + 1, following, bounds, before, condition)


def pairs(trace: Trace) -> list[int]:
    """The checkpoints k that the next one follows after one step."""
    return [int(k) for k in np.flatnonzero(np.diff(trace.t) == 1)]


def _reading(
    theorem: Theorem,
    trace: Trace,
    k: int,
    values: np.ndarray,
    log_bound: np.ndarray,
    log_before: np.ndarray,
    steps: float,
) -> Reading:
    if theorem.quantity == "observed_M":
        return _of_the_step(theorem, trace, k, values, log_bound)
    t, lambdas = int(trace.t[k]), rounding.lipschitz(theorem, trace, k)
    relative = steps * rounding.relative_step(trace) * rounding.stretch(theorem, trace, k, lambdas)
    log_allowed, own = _widened(log_bound, log_before, relative)
    log_allowed = log_allowed + math.log1p(rounding.relative_measurement(theorem, trace))
    if theorem.kind == "lower":
        log_allowed = np.where(np.isfinite(log_bound), 2 * log_bound - log_allowed, log_bound)
    rest = np.maximum(rounding.least(trace), trace.floor_of(theorem.quantity, theorem.output)[:, k])
    floor = np.maximum(own, rest)
    if theorem.quantity == "decrease":  # two gaps, the first of them farther out
        error = 2 * error_of(trace, theorem.output, "gap")[:, max(k - 1, 0)]
    else:
        error = error_of(trace, theorem.output, theorem.quantity)[:, k]
    moved = rounding.drift(theorem, trace, t)
    drift = lambdas * moved if moved > 0 else np.zeros_like(lambdas)
    return Reading(t, trace.setting.horizon, values, error, log_bound, log_allowed, floor, drift, rest)


def _of_the_step(theorem: Theorem, trace: Trace, k: int, values: np.ndarray, log_bound: np.ndarray) -> Reading:
    """What is true of any two points, and so of those that were measured: how they were rounded on the way does not
    matter, and the measurement errs relative to the bound, which holds for each of its terms."""
    zero = np.zeros_like(values)
    log_allowed = log_bound + math.log1p(rounding.relative_measurement(theorem, trace))
    return Reading(int(trace.t[k]), trace.setting.horizon, values, zero, log_bound, log_allowed, zero, zero, zero)


def _widened(log_bound: np.ndarray, log_before: np.ndarray, relative: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bound widened by roundings relative to the distance from θ*, and the size below which these alone decide.

    Such are the roundings of a step where θ* = 0, and of what a gradient falls short of ∇R(θ*). After n steps of a
    method that does not expand distances they move the root of the quantity by at most w√B_before, w = ``relative``
    (n·4u for a diagonal quadratic), so the bound B is widened to (√B + w√B_before)², which for slow rates is B(1 + 2w)
    and for fast ones more: where one step contracts a thousandfold, its rounding does not. Roundings relative to
    ‖θ*‖ ≠ 0 do not shrink with B: see `rounding.drift`. A Newton step solves a system, and n is its condition number.
    """
    own = np.log(relative) + np.maximum(log_bound, log_before) / 2
    allowed = 2 * np.logaddexp(log_bound / 2, own)
    evaluation = 2.0**-50 * (1 + np.abs(np.where(np.isfinite(log_bound), log_bound, 0.0)))  # of log_bound itself
    return allowed + evaluation, exp(2 * own)


def exp(log_values: np.ndarray) -> np.ndarray:
    """eˣ, capped where multiples of it would overflow."""
    return np.asarray(np.exp(np.minimum(log_values, 690.0)))


def logs(values: np.ndarray) -> np.ndarray:
    """ln x, and −∞ for x ≤ 0."""
    positive = values > 0
    return np.where(positive, np.log(np.where(positive, values, 1.0)), -np.inf)


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf
