"""The judge: what a theorem and its traces have to say to each other, as a pure function of both."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from convlab.core.errors import Unknown
from convlab.core.results import Kind
from convlab.core.setting import EXACT_EXPECTATION
from convlab.core.theorem import DELTA, Theorem
from convlab.core.trace import Trace
from convlab.core.verdict import Ruling, Verdict
from convlab.lab.monitors import failed_hypothesis
from convlab.lab.points import ALPHA, Point, asked_with, on_the_mean, points, worst
from convlab.lab.rates import measured_rate
from convlab.lab.readings import pairs, readings
from convlab.lab.ruling import rule
from convlab.lab.trivial import is_vacuous, log_trivial

__all__ = ["ALPHA", "inapplicable", "judge", "on_the_mean"]
_FROM_BELOW = frozenset({"mu", "mu_PL"})  # upper bounds decrease in them: a proven lower bound of them is sound
_MEASURED_AS = {"decrease": "gap", "observed_M": "model_error"}
_OF_MINIMISERS = {"gap": "R(θ) − R*", "dist2": "‖θ − θ*‖"}
_UNMEASURED = {
    "decrement2": "R is not self-concordant",
    "observed_M": "a [[claim]] of this theorem, or the figure quadratic_model, makes a run measure its steps",
}


def judge(
    theorem_name: str,
    theorem: Theorem,
    traces: Sequence[Trace],
    cells: tuple[int, ...],
    sweep: Kind,
    expect: Ruling | None = None,
    delta: float | None = None,
) -> Verdict:
    """Rule on one trace, or on several that differ in their horizon alone.

    Hypotheses come first; the first that fails gives "not applicable". Then at every reading (see `readings`), with m
    the measurement and its error ε, B the bound, B' ≥ B the bound widened by rounding relative to the distance from
    θ*, F the floor, and d what absolute rounding may have done to √m (see `rounding.drift`), in roots, that is in
    distances, since it is points that rounding moves:

    - it is violated where √(m − ε − 100 F) − 10 d > √B'; a divergence is an infinite m,
    - it is not judged where B < F or √B < 10 d and it is not violated: there rounding decides,
    - it holds where √(m + ε) − d ≤ √B',
    - it is open in any other case, and wherever m > 1.01 B is clear of the trace's own floor, but not violated: B' and
      d say what roundings that add up could do at worst, which acquits and does not confirm.

    For "every run" that is asked of every seed. For "expectation" m ± ε is replaced by simultaneous confidence limits
    of the mean over seeds (Bonferroni over the readings, two-sided level 0.01), unless the oracle is exact and a run is
    its own expectation; fewer than 30 seeds may refute, never confirm. For "probability", with δ = ``delta``, it is
    asked of every seed, and k of n are violated: Clopper and Pearson's limits of P(m > B), as simultaneous, confirm it
    where the upper one is at most δ and refute it where the lower one is above. Lower bounds are judged mirrored.
    """
    given = (DELTA if delta is None else delta) if theorem.sense == "probability" else None
    traces = sorted(asked_with(theorem, traces, given), key=lambda trace: trace.setting.horizon)
    bare = Verdict(theorem_name, tuple(cells), "not applicable", "", expect=expect, delta=given)
    for trace in traces:
        objection = inapplicable(theorem, trace)
        if objection:
            where = f"at T = {trace.setting.horizon}: " if len(traces) > 1 else ""
            return dataclasses.replace(bare, why=where + objection)
    found = points(theorem, traces)
    if not found:
        return dataclasses.replace(bare, ruling="inconclusive", why=_nothing_to_judge(theorem, traces))
    ruling, why = rule(theorem, traces, found)
    slope, claimed = measured_rate(theorem, traces, sweep)
    several = len(traces) > 1
    curve = _one_per_horizon(theorem, found) if several else found
    judged = [point for point in found if point.state != "censored"]
    decisive = [point for point in judged if point.state == "violated"] or judged  # what is told is what decided
    at = worst(theorem, decisive) if decisive else None
    verdict = dataclasses.replace(
        bare,
        ruling=ruling,
        why=why,
        worst_ratio=None if at is None else _exp(at.log_ratio),
        worst_t=None if at is None else at.horizon if several else at.t,
        slope=slope,
        claimed=claimed,
        t=np.array([point.horizon if several else point.t for point in curve]),
        log_bound=np.array([point.log_bound for point in curve]),
        ratio=np.array([math.nan if point.state == "censored" else _exp(point.log_ratio) for point in curve]),
    )
    return _held_against_the_trivial(theorem, traces, verdict, curve)


def _held_against_the_trivial(
    theorem: Theorem, traces: Sequence[Trace], verdict: Verdict, curve: Sequence[Point]
) -> Verdict:
    """The verdict, told where its bound is vacuous; one that is so at all judged points still holds, and says so."""
    least = {trace.setting.horizon: log_trivial(theorem, trace.setting) for trace in traces}
    vacuous = np.array([is_vacuous(point.log_bound, least[point.horizon][0]) for point in curve])
    told = dataclasses.replace(verdict, vacuous=vacuous, trivial=next(iter(least.values()))[1])
    if not (told.all_vacuous and told.ruling == "holds"):
        return told
    return dataclasses.replace(
        told, why=f"{told.why}; vacuous: nowhere is the bound below {told.trivial}, which every such run obeys"
    )


def inapplicable(theorem: Theorem, trace: Trace) -> str | None:
    """Why the theorem says nothing about a trace, as a sentence, or None: a hypothesis, a constant, an output.

    A constant must be exact, computed, or bounded on the side that keeps the theorem true (mu from below, the others
    from above); an estimate is a guess. Last come the monitors: what the measured points say of the constants.
    """
    setting = trace.setting
    spoken = [words for name, words in _OF_MINIMISERS.items() if name in (theorem.quantity, theorem.given)]
    if "certified stationary point" in setting.traits and spoken:
        return (
            f"it speaks of {spoken[0]}, and what is certified here is a stationary point, no minimiser: "
            "R there need not be R*"
        )
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
    if theorem.sense == "probability" and EXACT_EXPECTATION in setting.traits:
        return "it speaks of a probability, and here expectations alone were computed"
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


def _one_per_horizon(theorem: Theorem, found: Sequence[Point]) -> list[Point]:
    """The worst judged point of each horizon: in a sweep the curve has one entry for each run."""
    groups: dict[int, list[Point]] = {}
    for point in found:
        groups.setdefault(point.horizon, []).append(point)
    judged = [[p for p in group if p.state != "censored"] or group for group in groups.values()]
    return [worst(theorem, group) for group in judged]


def _exp(log_value: float) -> float:
    return math.exp(log_value) if log_value < 709 else math.inf
