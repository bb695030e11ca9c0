"""The bounds that were held against the runs, as plain arrays: one Bound per verdict that has a curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convlab.core.results import Results
from convlab.core.theorem import DERIVED
from convlab.core.verdict import Verdict
from convlab.plots._curves import Curve, counted, curves, fact, groups, outputs, styles
from convlab.plots._style import DASHES, DOTS, Style

_LOG_LARGEST = 705.0  # e^705 is finite in float64, and stays so when an axis adds its margin


@dataclass(frozen=True)
class Bound:
    """The judged curve of one verdict: the bound, and measured/bound, at ``t``; NaN where float64 cannot hold them."""

    verdict: Verdict
    theorem: str
    title: str
    formula: str
    upper: bool
    quantity: str
    rank: int  # of the theorem among those drawn: its dash pattern
    label: str  # of the curve that was judged
    style: Style
    t: np.ndarray
    value: np.ndarray
    ratio: np.ndarray
    count: float  # what a step counts for on the x axis
    floor: np.ndarray  # of the quantity at ``t``: what was measured below it was not judged
    vacuous: np.ndarray  # where the bound is no less than what every such run obeys
    quantile: float | None = None  # of the seeds, where the theorem is one about probabilities


def bounds(results: Results) -> list[Bound]:
    """The curve of every verdict that has one."""
    found = groups(results)
    group_of = {cell: g for g, group in enumerate(found) for cell in group.cells}
    looks = styles(results)
    ruled = [v for v in results.verdicts if v.t is not None and v.log_bound is not None and v.cells[0] in group_of]
    ranks = {theorem: i for i, theorem in enumerate(dict.fromkeys(v.theorem for v in ruled))}
    drawn = outputs(results)
    several, default = len(drawn) > 1, (drawn or ("last",))[0]
    every = []
    for verdict in ruled:
        output = fact(results, verdict.theorem, "output", default)
        g = group_of[verdict.cells[0]]
        quantity = fact(results, verdict.theorem, "quantity", "gap")
        t, value, ratio, vacuous = _judged(results, verdict)
        upper = fact(results, verdict.theorem, "kind", "upper") == "upper"
        delta = verdict.delta if fact(results, verdict.theorem, "sense", "") == "probability" else None
        count = counted(results, results.traces[verdict.cells[0]])
        every.append(
            Bound(
                verdict,
                verdict.theorem,
                title(results, verdict.theorem),
                results.formulas.get(verdict.theorem, ""),
                upper,
                quantity,
                ranks[verdict.theorem],
                found[g].label + (f", {output}" if several else ""),
                looks.get((g, output), looks.get((g, default), Style(g))),
                count * t,
                value,
                ratio,
                count,
                _floor(results, verdict, output, quantity, t),
                vacuous,
                None if delta is None else 1 - delta if upper else delta,
            )
        )
    return every


def dashes(bound: Bound) -> tuple[int, tuple[float, ...]]:
    """Dashes for an upper bound, dots for a lower one; a pattern of its own for each theorem."""
    patterns = DASHES if bound.upper else DOTS
    return patterns[bound.rank % len(patterns)]


def _floor(results: Results, verdict: Verdict, output: str, quantity: str, t: np.ndarray) -> np.ndarray:
    """The floor at every t; of a sweep that of each run's end."""
    traces = [results.traces[i] for i in verdict.cells]
    if results.kind == "trajectory":
        trace = traces[0]
        at = np.clip(np.searchsorted(trace.t, t), 0, len(trace.t) - 1)
        return np.asarray(trace.floor_of(quantity, output).max(axis=0)[at])
    ends = {float(trace.setting.horizon): trace.floor_of(quantity, output)[:, -1].max() for trace in traces}
    return np.array([ends[float(horizon)] for horizon in t])


def _judged(results: Results, verdict: Verdict) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """t, bound, ratio and where it is vacuous, of a verdict; in a sweep only at the horizons of its cells."""
    t = np.asarray(verdict.t, dtype=float)
    logs = np.asarray(verdict.log_bound, dtype=float)
    representable = np.isfinite(logs) & (np.abs(logs) < _LOG_LARGEST)
    value = np.where(representable, np.exp(np.where(representable, logs, 0.0)), np.nan)
    ratio = np.full_like(value, np.nan) if verdict.ratio is None else np.asarray(verdict.ratio, dtype=float)
    vacuous = np.zeros(t.shape, dtype=bool) if verdict.vacuous is None else np.asarray(verdict.vacuous, dtype=bool)
    if results.kind == "trajectory":
        return t, value, ratio, vacuous
    keep = np.isin(t, [results.traces[i].setting.horizon for i in verdict.cells])
    return t[keep], value[keep], ratio[keep], vacuous[keep]


def title(results: Results, theorem: str) -> str:
    """What a figure calls a theorem."""
    return str(fact(results, theorem, "title", "") or theorem.replace("_", " "))


def panels(results: Results) -> tuple[str, ...]:
    """The quantities that deserve axes: the gap, and what else a theorem judged; ‖∇R‖² where there is no gap, and
    R(θ) − R(θ̄) where nothing but a stationary point θ̄ is certified."""
    judged = [bound.quantity for bound in bounds(results) if bound.quantity not in DERIVED]
    first = "gap" if curves(results, "gap") or not curves(results, "grad_norm2") else "grad_norm2"
    if curves(results, "stationary_gap"):
        several = any("certified stationary point" not in trace.setting.traits for trace in results.traces)
        return tuple(dict.fromkeys([*([first] if several else []), "stationary_gap", *judged]))
    return tuple(dict.fromkeys([first, *judged]))


def linear_time(results: Results, bounds: Sequence[Bound], curves: Sequence[Curve]) -> bool:
    """Whether t belongs on a linear axis, on which a linear rate is a straight line.

    So it is along trajectories whose theorems all claim linear rates or orders; where none claims a rate, if each curve
    is nearer to exp(−ct) than to t^(−c). Runs whose lengths, down to the rounding floor, differ more than thirtyfold,
    or which all end long before the axis, need a logarithmic one.
    """
    if results.kind != "trajectory" or not curves:
        return False
    ends = [end for end in map(_end, curves) if end > 0]
    if not ends or max(ends) > 30 * min(ends) or max(ends) < 0.3 * max(float(curve.t.max()) for curve in curves):
        return False
    kinds = {fact(results, bound.theorem, "rate_kind", None) for bound in bounds} - {None}
    if kinds:
        return kinds <= {"linear", "order"}
    return all(_exponential(curve) for curve in curves if _end(curve) > 0)


def _clear(curve: Curve) -> np.ndarray:
    clear = (curve.mean > 10 * curve.floor) & (curve.mean > 0)
    return np.asarray(np.isfinite(curve.mean) & clear & (curve.t > 0))


def _end(curve: Curve) -> float:
    """The last t at which a curve is above its rounding floor."""
    here = _clear(curve)
    return float(curve.t[here].max()) if here.any() else 0.0


def _exponential(curve: Curve) -> bool:
    """Whether log(mean) is nearer to a line in t than to one in log t, over at least a decade and six points."""
    here = _clear(curve)
    y = np.log(curve.mean[here])
    if y.size < 6 or np.ptp(y) < np.log(10):
        return False
    misfits = []
    for x in (curve.t[here], np.log(curve.t[here])):
        residual = y - np.polyval(np.polyfit(x, y, 1), x)
        misfits.append(float(residual @ residual))
    return misfits[0] < misfits[1]
