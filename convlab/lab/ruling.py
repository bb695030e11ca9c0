"""The ruling on all points, and the sentence that says why."""

from __future__ import annotations

import math
from collections.abc import Sequence

from convlab.core.setting import EXACT_EXPECTATION
from convlab.core.theorem import Theorem
from convlab.core.trace import Trace
from convlab.core.verdict import Ruling
from convlab.lab.counts import Counts
from convlab.lab.points import EQUAL, Point, on_counts, on_the_mean, worst
from convlab.lab.seeds_needed import words

_LOOSE = 1e-3


def rule(theorem: Theorem, traces: Sequence[Trace], points: Sequence[Point]) -> tuple[Ruling, str]:
    """Violated where one point is, open where one is, and it holds where every point that was judged says so."""
    several = len(traces) > 1
    judged = [point for point in points if point.state != "censored"]
    violated = [point for point in judged if point.state == "violated"]
    if violated:
        why = _violation(theorem, traces, violated, several)
        if any(theorem.output in t.confirms_only and "exact oracle" not in t.setting.traits for t in traces):
            return "inconclusive", f"{why}; but '{theorem.output}' under a random oracle may confirm, never refute"
        return "violated", why
    if not judged:
        return "inconclusive", f"at all {len(points)} points the bound lies below the rounding floor"
    at = worst(theorem, judged)
    extreme = "at most" if theorem.kind == "upper" else "at least"
    why = f"{_who(theorem, traces)} is {extreme} {number(at.log_ratio)} ({place(at, several)})"
    left = f"; at {len(points) - len(judged)} of {len(points)} points the bound lies below the rounding floor"
    tail = left if len(judged) < len(points) else ""
    mean, undecided = on_the_mean(theorem, traces), [point for point in judged if point.state == "open"]
    asked = [point.question for point in undecided if point.question]
    seeds = min(len(trace.seeds) for trace in traces)
    more = words(seeds, asked, len(judged), mean) if mean or asked else ""
    if undecided:
        return "inconclusive", f"{why}; {_open(theorem, undecided, several, mean)}{more}{tail}"
    if mean and more:
        return "inconclusive", f"{why}{more}{tail}"
    if on_counts(theorem, traces):
        likeliest = max((point for point in judged if point.counts), key=_high)
        assert likeliest.counts is not None
        why += f"; {_share(theorem, likeliest.counts, likeliest, several)}"
    return "holds", why + _closeness(theorem, at) + tail


def _high(point: Point) -> float:
    return point.counts.high if point.counts is not None else 0.0


def _low(point: Point) -> float:
    return point.counts.low if point.counts is not None else 0.0


def _who(theorem: Theorem, traces: Sequence[Trace]) -> str:
    seeds = min(len(trace.seeds) for trace in traces)
    if EXACT_EXPECTATION in traces[0].setting.traits:
        return "the exact expectation, over the bound,"
    if on_the_mean(theorem, traces):
        return f"the mean of {seeds} seeds, over the bound,"
    if on_counts(theorem, traces):
        share = 1 - traces[0].setting["delta"] if theorem.kind == "upper" else traces[0].setting["delta"]
        return f"the {share:g}-quantile of {seeds} seeds, over the bound,"
    return "measured/bound"


def _closeness(theorem: Theorem, at: Point) -> str:
    beyond = at.log_ratio if theorem.kind == "upper" else -at.log_ratio
    if abs(beyond) <= EQUAL:
        return ": the bound is attained"
    if beyond > 0:
        return "" if at.counts is not None else ", within the rounding of the trajectory"
    return ": the bound is loose here" if beyond < math.log(_LOOSE) else ""


def _share(theorem: Theorem, counts: Counts, point: Point, several: bool) -> str:
    """How many seeds are beyond the bound, and between which limits their share lies."""
    beyond = "above it" if theorem.kind == "upper" else "below it"
    k = f"{counts.sure}" if counts.sure == counts.possible else f"{counts.sure} to {counts.possible}"
    if counts.joint:
        who = f"{k} of {counts.n} runs go {beyond} at some checkpoint"
        who += f" (T = {point.horizon})" if several else ""
    else:
        who = f"{k} of {counts.n} seeds lie {beyond} {place(point, several)}"
    limits = "99% limits" if counts.joint and not several else "99% simultaneous limits"
    return f"{who}, a probability in [{counts.low:.3g}, {counts.high:.3g}] ({limits}), of {counts.delta:g} allowed"


def _open(theorem: Theorem, undecided: Sequence[Point], several: bool, mean: bool) -> str:
    point = max(undecided, key=lambda p: p.log_end if theorem.kind == "upper" else -p.log_end)
    if point.counts is not None:
        point = max(undecided, key=_high)
        assert point.counts is not None
        return _share(theorem, point.counts, point, several)
    what = "the error and the rounding floor leave it open"
    if mean:
        what = f"the 99% simultaneous limit of the mean is {number(point.log_end)}× the bound"
    return f"{what} {place(point, several)}"


def _violation(theorem: Theorem, traces: Sequence[Trace], violated: Sequence[Point], several: bool) -> str:
    first, at, seeds = violated[0], worst(theorem, violated), traces[0].seeds
    if first.diverged and first.counts is None:
        who = f"{len(first.diverged)} of {len(seeds)} seeds" if len(seeds) > 1 else "the run"
        return f"{who} diverged by {place(first, several)[3:]}, where the bound is {number(first.log_bound)}"
    if first.counts is not None:
        point = max(violated, key=_low)
        assert point.counts is not None
        told = f"; {len(point.diverged)} of them diverged" if point.diverged else ""
        return f"too many seeds are beyond the bound: {_share(theorem, point.counts, point, several)}{told}"
    verb = "exceeds" if theorem.kind == "upper" else "falls short of"
    ratio, where = _excess(at.log_ratio), place(at, several)
    if on_the_mean(theorem, traces):
        side = "lower" if theorem.kind == "upper" else "upper"
        limit = f"99% simultaneous {side} limit {number(at.log_end)}×"
        return f"the mean of {len(seeds)} seeds {verb} the bound, {ratio}× {where} ({limit})"
    earlier = "" if first is at else f", first {place(first, several)}"
    return f"measured {verb} the bound: measured/bound is {ratio} {where}{earlier}"


def _excess(log_value: float) -> str:
    """A ratio that is known not to be 1, even where four digits would say so.

    >>> _excess(1e-7), _excess(-1e-7), _excess(0.5)
    ('1 + 1.0e-07', '1 − 1.0e-07', '1.6487')
    """
    if not 0 < abs(log_value) < 5e-5:
        return number(log_value)
    off = math.expm1(log_value)
    return f"1 {'+' if off > 0 else '−'} {abs(off):.1e}"


def place(point: Point, several: bool) -> str:
    return f"at T = {point.horizon}" if several and point.t == point.horizon else f"at t = {point.t}"


def number(log_value: float) -> str:
    """A ratio as a reader wants it, from its logarithm.

    >>> number(0.0), number(-30.0), number(5000.0)
    ('1.0000', '9.36e-14', '1e+2171')
    """
    if log_value == math.inf:
        return "infinity"
    if abs(log_value) > 700 and log_value != -math.inf:
        return f"1e{log_value / math.log(10):+.0f}"
    value = math.exp(log_value)
    return f"{value:.4f}" if 1e-3 <= value < 1e4 or value == 0 else f"{value:.3g}"
