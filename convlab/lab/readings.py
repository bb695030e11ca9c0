"""What a theorem reads off a trace: measured values, bounds and their rounding, checkpoint by checkpoint."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from convlab.core.theorem import Theorem
from convlab.core.trace import Trace

# unit roundoff, and the square of the least normal number (of float64 the least normal square, as measured)
_PRECISIONS = {
    "float64": (2.0**-53, 2.0**-1022),
    "float32": (2.0**-24, 2.0**-252),
    "bfloat16": (2.0**-8, 2.0**-252),
    "float16": (2.0**-11, 2.0**-28),
}
CLEAR = 100.0  # floors: a squared quantity this far above its floor, ten times in the distance, is no rounding


@dataclass(frozen=True)
class Reading:
    """One checkpoint of one trace, for S seeds.

    ``values`` [S] is the measured quantity, +∞ from a divergence on, NaN where there is nothing to judge; ``error`` [S]
    bounds its absolute error. ``log_bound`` [S] is the bound, ``log_allowed`` [S] the bound widened by the rounding of
    the trajectory, and ``floor`` [S] the size below which rounding decides, see `_rounding`.
    """

    t: int
    horizon: int
    values: np.ndarray
    error: np.ndarray
    log_bound: np.ndarray
    log_allowed: np.ndarray
    floor: np.ndarray


def readings(theorem: Theorem, traces: Sequence[Trace]) -> list[Reading]:
    """What is to be judged: each checkpoint t ≥ 1 of one trace, the ends of several; for "per step" pairs t − 1, t."""
    every: list[Reading] = []
    for trace in sorted(traces, key=lambda trace: trace.setting.horizon):
        if theorem.log_step is not None:
            every.extend(_pairs(theorem, trace))
            continue
        only_end = theorem.valid == "at the horizon" or len(traces) > 1
        chosen = [k for k, t in enumerate(trace.t) if t >= 1 and (not only_end or t == trace.setting.horizon)]
        every.extend(_point(theorem, trace, k) for k in chosen)
    return every


def measured(theorem: Theorem, trace: Trace) -> np.ndarray:
    """The theorem's quantity at its output [S, K], with +∞ instead of NaN from where a run diverged on."""
    values = np.asarray(trace.measured[theorem.output][theorem.quantity], dtype=float)
    diverged = np.array([status == "diverged" for status in trace.status], dtype=bool)
    return np.where(np.isnan(values) & diverged[:, None], np.inf, values)


def _point(theorem: Theorem, trace: Trace, k: int) -> Reading:
    assert theorem.log_bound is not None
    values, t = measured(theorem, trace), int(trace.t[k])
    log_bound = theorem.log_bound(trace.setting, t)
    before = theorem.log_bound(trace.setting, t - 1) if t > 1 else log_bound
    start = values[:, trace.t == 0]
    if start.size and np.isfinite(start).all():  # a bound may contract by more than floating point can, even to 0
        before = max(before, _log(float(start.max())) + 2 * (t - 1) * math.log(8 * _precision(trace)[0]))
    bounds = np.full(values.shape[0], log_bound)
    return _reading(theorem, trace, t, values[:, k], bounds, np.full_like(bounds, before), float(t))


def _pairs(theorem: Theorem, trace: Trace) -> Iterator[Reading]:
    assert theorem.log_step is not None
    values, setting = measured(theorem, trace), trace.setting
    condition = setting["L"] / setting["mu"] if {"L", "mu"} <= setting.known.keys() and setting["mu"] > 0 else 1.0
    for k in np.flatnonzero(np.diff(trace.t) == 1):
        previous = values[:, k]
        usable = np.isfinite(previous)
        if not usable.any():
            return
        # A bound that rests on a measured point is only as good as that point: none below its floor.
        usable &= previous > CLEAR * trace.floor.get(theorem.quantity, 0.0)
        start = np.where(usable, previous, 1.0)
        bounds = np.array([theorem.log_step(setting, float(q)) for q in start])
        before = logs(start)
        following = np.where(usable, values[:, k + 1], np.nan)
        yield _reading(theorem, trace, int(trace.t[k + 1]), following, bounds, before, condition)


def _reading(
    theorem: Theorem,
    trace: Trace,
    t: int,
    values: np.ndarray,
    log_bound: np.ndarray,
    log_before: np.ndarray,
    roundings: float,
) -> Reading:
    unit, least = _precision(trace)
    log_allowed, step_floor = _rounding(log_bound, log_before, roundings, unit)
    if theorem.kind == "lower":
        log_allowed = np.where(np.isfinite(log_bound), 2 * log_bound - log_allowed, log_bound)
    floor = np.maximum(step_floor, max(least, trace.floor.get(theorem.quantity, 0.0)))
    error = np.full_like(values, trace.error.get(theorem.quantity, 0.0))
    if theorem.quantity == "dist2":  # the error is that of θ*, squared: |‖e + δ‖² − ‖e‖²| ≤ 2‖e‖‖δ‖ + ‖δ‖²
        error += 2 * np.sqrt(error) * np.sqrt(np.where(np.isfinite(values), values, 0.0))
    return Reading(t, trace.setting.horizon, values, error, log_bound, log_allowed, floor)


def _rounding(
    log_bound: np.ndarray, log_before: np.ndarray, roundings: float, unit: float
) -> tuple[np.ndarray, np.ndarray]:
    """The bound widened by the rounding of the run, and the size below which that rounding alone decides.

    A step θ − η g commits four roundings (η, g, their product, the difference), each relative to the point that it
    starts from: after ``n`` steps of a method that does not expand distances at most 4nu√B_before in the distance. The
    three quantities behave as squares of distances, so the bound B is widened to (√B + 4nu√B_before)², which for slow
    rates is B(1 + 8nu) and for fast ones more: where one step contracts a thousandfold, its rounding does not. A Newton
    step solves a system, and n is its condition number.
    """
    previous = np.maximum(log_bound, log_before)
    own = math.log(4 * roundings * unit) + previous / 2
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


def _precision(trace: Trace) -> tuple[float, float]:
    return _PRECISIONS.get(trace.setting.dtype, _PRECISIONS["float64"])


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf
