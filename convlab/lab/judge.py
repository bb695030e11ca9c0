"""The judge: what a theorem and its traces have to say to each other, as a pure function of both."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convlab.core.errors import Unknown
from convlab.core.results import Kind
from convlab.core.setting import EXACT_EXPECTATION
from convlab.core.theorem import Theorem
from convlab.core.trace import Trace
from convlab.core.verdict import Ruling, Verdict
from convlab.lab.limits import mean_limits
from convlab.lab.monitors import failed_hypothesis
from convlab.lab.rates import measured_rate
from convlab.lab.readings import CLEAR, Reading, exp, logs, pairs, readings
from convlab.lab.seeds_needed import Question, question, words

ALPHA = 0.01  # probability that any of an expectation's simultaneous limits, over all checkpoints, misses
_FROM_BELOW = frozenset({"mu", "mu_PL"})  # upper bounds decrease in them: a proven lower bound of them is sound
_MEASURED_AS = {"decrease": "gap", "observed_M": "model_error"}
_UNMEASURED = {
    "decrement2": "R is not self-concordant",
    "observed_M": "a [[claim]] of this theorem, or the figure quadratic_model, makes a run measure its steps",
}
_LOOSE = 1e-3
_EQUAL = 1e-9  # of logarithms: nearer ratios are equal, so that no machine's last digit decides what is said


@dataclass(frozen=True)
class _Point:
    """A reading judged: what it says, the worst measured/bound as a logarithm, and that entry's bound."""

    t: int
    horizon: int
    state: str  # "holds", "violated", "open", or "censored"
    log_ratio: float
    log_bound: float
    log_end: float  # log of (the deciding end of the interval)/bound
    diverged: tuple[int, ...]  # indices of the seeds that have
    question: Question | None  # of an expectation that is open


def judge(
    theorem_name: str,
    theorem: Theorem,
    traces: Sequence[Trace],
    cells: tuple[int, ...],
    sweep: Kind,
    expect: Ruling | None = None,
) -> Verdict:
    """Rule on one trace, or on several that differ in their horizon alone.

    Hypotheses come first; the first that fails gives "not applicable". Then at every reading (see `readings`), with m
    the measurement and its error ε, B the bound, B' ≥ B the bound widened by rounding relative to the distance from
    θ*, F the floor, and d what absolute rounding may have done to √m (see `rounding.drift`), in roots, that is in
    distances, since it is points that rounding moves:

    - it is violated where √(m − ε − 100 F) − 10 d > √B'; a divergence is an infinite m,
    - it is not judged where B < F or √B < 10 d and it is not violated: there rounding decides,
    - it holds where √(m + ε) − d ≤ √B',
    - it is open in any other case.

    For "every run" that is asked of every seed. For "expectation" m ± ε is replaced by simultaneous confidence limits
    of the mean over seeds (Bonferroni over the readings, two-sided level 0.01), unless the oracle is exact and a run is
    its own expectation; fewer than 30 seeds may refute, never confirm. Lower bounds are judged mirrored.
    """
    traces = sorted(traces, key=lambda trace: trace.setting.horizon)
    bare = Verdict(theorem_name, tuple(cells), "not applicable", "", expect=expect)
    for trace in traces:
        objection = inapplicable(theorem, trace)
        if objection:
            where = f"at T = {trace.setting.horizon}: " if len(traces) > 1 else ""
            return dataclasses.replace(bare, why=where + objection)
    points = _points(theorem, traces)
    if not points:
        return dataclasses.replace(bare, ruling="inconclusive", why=_nothing_to_judge(theorem, traces))
    ruling, why = _rule(theorem, traces, points)
    slope, claimed = measured_rate(theorem, traces, sweep)
    several = len(traces) > 1
    curve = _one_per_horizon(theorem, points) if several else points
    judged = [point for point in points if point.state != "censored"]
    worst = _worst(theorem, judged) if judged else None
    return dataclasses.replace(
        bare,
        ruling=ruling,
        why=why,
        worst_ratio=None if worst is None else _exp(worst.log_ratio),
        worst_t=None if worst is None else worst.horizon if several else worst.t,
        slope=slope,
        claimed=claimed,
        t=np.array([point.horizon if several else point.t for point in curve]),
        log_bound=np.array([point.log_bound for point in curve]),
        ratio=np.array([math.nan if point.state == "censored" else _exp(point.log_ratio) for point in curve]),
    )


def inapplicable(theorem: Theorem, trace: Trace) -> str | None:
    """Why the theorem says nothing about a trace, as a sentence, or None: a hypothesis, a constant, an output.

    A constant must be exact, computed, or bounded on the side that keeps the theorem true (mu from below, the others
    from above); an estimate is a guess. Last come the monitors: what the measured points say of the constants.
    """
    setting = trace.setting
    for assumption in theorem.assumes:
        try:
            if assumption.holds(setting):
                continue
            found, denied = assumption.finding, setting.denied.get(assumption.trait or "", "")
            detail = denied if found is None else found(setting)
        except Unknown as unknown:
            return str(unknown)
        return f"needs {assumption.words}" + (f": {detail}" if detail else "")
    for name in theorem.constants:
        if name not in setting.known:
            return str(Unknown(name))
        how = setting.known[name].how
        wrong = "upper bound" if (name in _FROM_BELOW) == (theorem.kind == "upper") else "lower bound"
        if how in ("estimated", wrong):
            article = "an" if how[0] in "eu" else "a"
            return f"only {article} {'estimate' if how == 'estimated' else how} of {name} is known"
    if theorem.sense == "every run" and EXACT_EXPECTATION in setting.traits:
        return "it speaks of every run, and here expectations alone were computed"
    if theorem.output not in trace.measured:
        return f"it speaks of the output '{theorem.output}', which was not measured: add it to the outputs of [run]"
    for quantity in (theorem.quantity, theorem.given or theorem.quantity):
        values = trace.measured[theorem.output].get(_MEASURED_AS.get(quantity, quantity))
        if values is None or not np.isfinite(values).any():
            return f"{quantity} was not measured: {_UNMEASURED.get(quantity, 'no minimiser or minimum is known')}"
    return failed_hypothesis(theorem, trace)


def _nothing_to_judge(theorem: Theorem, traces: Sequence[Trace]) -> str:
    if any(not np.isnan(reading.values).all() for reading in readings(theorem, traces)):
        return "its bound says nothing at the points that were measured: it is infinite there"
    if theorem.valid == "per step":
        if any(pairs(trace) for trace in traces):
            return "every step starts below the rounding floor: what a bound says of such a point is rounding"
        return "no two checkpoints with measured points lie one step apart: it needs a checkpoint at every step"
    if theorem.valid == "at the horizon":
        return "there is no checkpoint at the horizon, the only step it speaks of"
    return "there is no checkpoint after the start"


def _on_the_mean(theorem: Theorem, trace: Trace) -> bool:
    return theorem.sense == "expectation" and not {"exact oracle", EXACT_EXPECTATION} & trace.setting.traits


def _points(theorem: Theorem, traces: Sequence[Trace]) -> list[_Point]:
    usable = [reading for reading in readings(theorem, traces) if _says_something(theorem, reading)]
    mean = any(_on_the_mean(theorem, trace) for trace in traces)
    return [_judged(theorem, reading, ALPHA / (2 * len(usable)) if mean else None) for reading in usable]


def _says_something(theorem: Theorem, reading: Reading) -> bool:
    """Whether there is a measurement, and a bound that is not infinitely far off."""
    vacuous = np.isposinf if theorem.kind == "upper" else np.isneginf
    return not np.isnan(reading.values).all() and not vacuous(reading.log_bound).all()


def _judged(theorem: Theorem, reading: Reading, tail: float | None) -> _Point:
    """One reading; for an expectation ``tail`` is the probability of either limit's missing the mean."""
    values, log_bound, log_allowed = reading.values, reading.log_bound, reading.log_allowed
    keep = ~np.isnan(values)
    centre, error, floor = values[keep], reading.error[keep], reading.floor[keep]
    log_bound, log_allowed = log_bound[keep], log_allowed[keep]
    drift, low, high = reading.drift[keep], centre, centre
    if tail is not None:  # roots of means add up as roots do (Minkowski)
        low, centre, high = (np.atleast_1d(limit) for limit in mean_limits(centre, tail))
        error, floor, drift = np.atleast_1d(error.mean()), floor.max(keepdims=True), drift.max(keepdims=True)
        widest = log_allowed.max if theorem.kind == "upper" else log_allowed.min
        log_bound, log_allowed = log_bound[:1], np.atleast_1d(widest())
    if theorem.kind == "upper":
        violated = 2 * logs(_root(low - error - CLEAR * floor) - math.sqrt(CLEAR) * drift) > log_allowed
        holds = 2 * logs(np.maximum(_root(high + error) - drift, np.sqrt(floor))) <= log_allowed
    else:
        violated = 2 * logs(_root(high + error + CLEAR * floor) + math.sqrt(CLEAR) * drift) < log_allowed
        holds = 2 * logs(_root(low - error) + drift) >= log_allowed
    censored = ((exp(log_bound) < floor) | (log_bound < 2 * logs(math.sqrt(CLEAR) * drift))) & ~violated
    nothing = (centre == 0) | np.isposinf(log_bound)
    log_ratio = np.where(nothing, -np.inf, logs(centre) - np.where(nothing, 0.0, log_bound))
    log_ratio = np.where((centre == 0) & np.isneginf(log_bound), 0.0, log_ratio)  # 0 ≤ 0 is equality
    shown = ~censored if (~censored).any() else np.ones_like(censored)
    worst = _extreme(theorem, np.where(shown, log_ratio, np.inf if theorem.kind == "lower" else -np.inf))
    if violated.any():
        state, end = "violated", low if theorem.kind == "upper" else high
    else:
        state = "censored" if censored.all() else "holds" if (holds | censored).all() else "open"
        end = high if theorem.kind == "upper" else low
    log_end = float(logs(end)[worst]) - float(log_bound[worst]) if end[worst] > 0 else -math.inf
    diverged = tuple(int(s) for s in np.flatnonzero(np.isposinf(values)))
    ratio, bound, asked = float(log_ratio[worst]), float(log_bound[worst]), None
    if tail is not None and state == "open":
        asked = question(theorem, values[keep], tail, log_allowed, error, floor, drift)
    return _Point(reading.t, reading.horizon, state, ratio, bound, log_end, diverged, asked)


def _rule(theorem: Theorem, traces: Sequence[Trace], points: Sequence[_Point]) -> tuple[Ruling, str]:
    mean = any(_on_the_mean(theorem, trace) for trace in traces)
    seeds = min(len(trace.seeds) for trace in traces)
    several = len(traces) > 1
    judged = [point for point in points if point.state != "censored"]
    violated = [point for point in judged if point.state == "violated"]
    if violated:
        why = _violation(theorem, traces, violated, mean, several)
        if any(theorem.output in t.confirms_only and "exact oracle" not in t.setting.traits for t in traces):
            return "inconclusive", f"{why}; but '{theorem.output}' under a random oracle may confirm, never refute"
        return "violated", why
    if not judged:
        return "inconclusive", f"at all {len(points)} points the bound lies below the rounding floor"
    worst = _worst(theorem, judged)
    who = f"the mean of {seeds} seeds, over the bound," if mean else "measured/bound"
    who = "the exact expectation, over the bound," if EXACT_EXPECTATION in traces[0].setting.traits else who
    extreme = "at most" if theorem.kind == "upper" else "at least"
    why = f"{who} is {extreme} {_number(worst.log_ratio)} ({_at(worst, several)})"
    left = f"; at {len(points) - len(judged)} of {len(points)} points the bound lies below the rounding floor"
    tail = left if len(judged) < len(points) else ""
    undecided = [point for point in judged if point.state == "open"]
    more = words(seeds, [point.question for point in undecided if point.question], len(judged)) if mean else ""
    if undecided:
        point = max(undecided, key=lambda p: p.log_end if theorem.kind == "upper" else -p.log_end)
        what = "the error and the rounding floor leave it open"
        if mean:
            what = f"the 99% simultaneous limit of the mean is {_number(point.log_end)}× the bound"
        return "inconclusive", f"{why}; {what} {_at(point, several)}{more}{tail}"
    if mean and more:
        return "inconclusive", f"{why}{more}{tail}"
    beyond = worst.log_ratio if theorem.kind == "upper" else -worst.log_ratio
    if abs(beyond) <= _EQUAL:
        why += ": the bound is attained"
    elif beyond > 0:
        why += ", within the rounding of the trajectory"
    elif beyond < math.log(_LOOSE):
        why += ": the bound is loose here"
    return "holds", why + tail


def _violation(theorem: Theorem, traces: Sequence[Trace], violated: Sequence[_Point], mean: bool, several: bool) -> str:
    first, worst, seeds = violated[0], _worst(theorem, violated), traces[0].seeds
    if first.diverged:
        who = f"{len(first.diverged)} of {len(seeds)} seeds" if len(seeds) > 1 else "the run"
        return f"{who} diverged by {_at(first, several)[3:]}, where the bound is {_number(first.log_bound)}"
    verb = "exceeds" if theorem.kind == "upper" else "falls short of"
    ratio, at = _number(worst.log_ratio), _at(worst, several)
    if mean:
        side = "lower" if theorem.kind == "upper" else "upper"
        limit = f"99% simultaneous {side} limit {_number(worst.log_end)}×"
        return f"the mean of {len(seeds)} seeds {verb} the bound, {ratio}× {at} ({limit})"
    earlier = "" if first is worst else f", first {_at(first, several)}"
    return f"measured {verb} the bound: measured/bound is {ratio} {at}{earlier}"


def _extreme(theorem: Theorem, log_ratio: np.ndarray) -> int:
    """The first of those that are worst up to rounding."""
    signed = log_ratio if theorem.kind == "upper" else -log_ratio
    return int(np.argmax(signed >= signed.max() - _EQUAL))


def _worst(theorem: Theorem, points: Sequence[_Point]) -> _Point:
    return points[_extreme(theorem, np.array([point.log_ratio for point in points]))]


def _one_per_horizon(theorem: Theorem, points: Sequence[_Point]) -> list[_Point]:
    """The worst judged point of each horizon: in a sweep the curve has one entry for each run."""
    groups: dict[int, list[_Point]] = {}
    for point in points:
        groups.setdefault(point.horizon, []).append(point)
    judged = [[p for p in group if p.state != "censored"] or group for group in groups.values()]
    return [_worst(theorem, group) for group in judged]


def _at(point: _Point, several: bool) -> str:
    return f"at T = {point.horizon}" if several and point.t == point.horizon else f"at t = {point.t}"


def _root(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.maximum(values, 0.0)))


def _exp(log_value: float) -> float:
    return math.exp(log_value) if log_value < 709 else math.inf


def _number(log_value: float) -> str:
    """A ratio as a reader wants it, from its logarithm.

    >>> _number(0.0), _number(-30.0), _number(5000.0)
    ('1.0000', '9.36e-14', '1e+2171')
    """
    if log_value == math.inf:
        return "infinity"
    if abs(log_value) > 700 and log_value != -math.inf:
        return f"1e{log_value / math.log(10):+.0f}"
    value = math.exp(log_value)
    return f"{value:.4f}" if 1e-3 <= value < 1e4 or value == 0 else f"{value:.3g}"
