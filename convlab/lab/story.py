"""The story of one ruling in half a page: what was measured, where the bound comes from, what would change it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from convlab.core.errors import ConvlabError, Unknown, nearest
from convlab.core.results import Results
from convlab.core.setting import EXACT_EXPECTATION, Setting
from convlab.core.theorem import SENSES, Assumption, Theorem
from convlab.core.trace import Trace
from convlab.core.verdict import Verdict
from convlab.lab.changes import changes, step_limit
from convlab.lab.condense import shared_label
from convlab.lab.docket import slope_of
from convlab.lab.evidence import Evidence, deciding, evidence
from convlab.lab.monitors import failed_hypothesis
from convlab.lab.pages import number
from convlab.lab.plain_math import plain
from convlab.lab.points import asked_with

_OUTPUTS = {"last": "the last iterate", "average": "the average of the iterates", "best": "the best iterate"}
_QUANTITIES = {
    **{"gap": "the gap R(θ) − R*", "grad_norm2": "‖∇R(θ)‖²", "dist2": "‖θ − θ*‖²", "decrement2": "Newton's λ²"},
    **{"decrease": "the decrease of R in a step", "observed_M": "6|R − model|/‖step‖³"},
}
_KINDS = {
    "trajectory": "a trajectory, a fixed problem: its rate is its own, and the theorem's may not be demanded of it",
    "horizon sweep": "a horizon sweep, a fresh run for each T on one problem: its rate is its own, and the theorem's "
    "may not be demanded of it",
    "worst-case sweep": "a worst-case sweep, a fresh run and another instance for each T: here, and only here, the "
    "theorem's own rate may be demanded",
}
_SYMBOLS = {"L_expected": "𝓛", "sigma_star": "σ*", "initial_gap": "R(θ_0) − R*", "G_expected": "G", "mu_PL": "μ"}


@dataclass(frozen=True)
class Story:
    """A ruling told: whose, how it ruled, and sections (a word, its lines) in the order of reading."""

    label: str
    theorem: str
    title: str
    ruling: str
    as_expected: bool
    sections: tuple[tuple[str, tuple[str, ...]], ...]


def chosen(results: Results, theorem: str, label: str | None = None) -> list[Verdict]:
    """The rulings on a theorem, those of the run with this label where one is given; ConvlabError where none is."""
    ruled = [verdict for verdict in results.verdicts if verdict.theorem == theorem]
    if not ruled:
        known = {verdict.theorem for verdict in results.verdicts}
        raise ConvlabError(f"'{theorem}' was not ruled on in {results.name}; {nearest(theorem, known)}")
    if label is None:
        return ruled
    found = [verdict for verdict in ruled if shared_label(results, verdict) == label]
    if not found:
        known = set(labels_of(results, ruled))
        raise ConvlabError(f"'{theorem}' was not ruled on for a run '{label}'; {nearest(label, known)}")
    return found


def labels_of(results: Results, verdicts: Sequence[Verdict]) -> list[str]:
    """What the run of each verdict is called, each name once."""
    return list(dict.fromkeys(shared_label(results, verdict) for verdict in verdicts))


def story(results: Results, theorem: Theorem, verdict: Verdict) -> Story:
    """What there is to say about one verdict of these results, which this theorem gave."""
    traces = asked_with(theorem, [results.traces[cell] for cell in verdict.cells], verdict.delta)
    traces = sorted(traces, key=lambda trace: trace.setting.horizon)
    found = evidence(theorem, traces, verdict)
    point = deciding(theorem, verdict, found)
    trace = point.trace if point is not None else traces[0]
    if verdict.ruling == "not applicable":
        trace = next((one for one in traces if f"at T = {one.setting.horizon}: " in verdict.why), traces[0])
    sections = {
        "why": [verdict.why, _claim(verdict)],
        "numbers": _numbers(theorem, verdict, traces, point),
        "kind": [_KINDS[results.kind]],
        "bound": _bound(theorem, trace, point),
        "needs": _needs(theorem, trace),
        "rate": _rate(theorem, verdict),
        "change": changes(theorem, verdict, traces, found, trace),
    }
    told = tuple((word, tuple(lines)) for word, lines in sections.items() if lines)
    label = shared_label(results, verdict)
    return Story(label, verdict.theorem, theorem.title, verdict.ruling, verdict.as_expected, told)


def _needs(theorem: Theorem, trace: Trace) -> list[str]:
    """Each hypothesis, those that are met and of which there is no number to tell in one line; then the monitors."""
    every = [_hypothesis(trace.setting, assumption) for assumption in theorem.assumes]
    bare = [line for line in every if line.startswith("✓ ") and ": " not in line]
    joined = ["✓ " + "; ".join(line.removeprefix("✓ ") for line in bare)] if bare else []
    seen = failed_hypothesis(theorem, trace)
    return [*joined, *(line for line in every if line not in bare), *([f"✗ {seen}"] if seen else [])]


def _claim(verdict: Verdict) -> str:
    if verdict.expect is None:
        return "no claim of the experiment speaks of it"
    return f"the experiment claims: {verdict.expected}" + (
        "" if verdict.as_expected else ", which is not what was found"
    )


def _numbers(theorem: Theorem, verdict: Verdict, traces: Sequence[Trace], point: Evidence | None) -> list[str]:
    horizons = sorted({trace.setting.horizon for trace in traces})
    steps = f"T = {horizons[0]:,}" + (f" … {horizons[-1]:,} ({len(horizons)} runs)" if len(horizons) > 1 else "")
    exact = EXACT_EXPECTATION in traces[0].setting.traits
    seeds = "the expectation, computed exactly" if exact else _counted(len(traces[0].seeds), "seed")
    ran = f"{seeds}, {steps}, {traces[0].setting.dtype}"
    if point is None:
        return [f"none that decide: {ran}"]
    what = f"{_QUANTITIES[theorem.quantity]} of {_OUTPUTS.get(theorem.output, theorem.output)}"
    if theorem.quantity in ("decrease", "observed_M"):
        what = _QUANTITIES[theorem.quantity]
    at = f"at t = T = {point.t:,}" if len(traces) > 1 else f"at t = {point.t:,}"
    ratio = "" if point.centre == 0 else f": measured/bound = {number(math.exp(min(point.log_ratio, 700.0)))}"
    bound = f"{'at most' if theorem.kind == 'upper' else 'at least'} {_from_log(point.log_bound)} is claimed{ratio}"
    judged, below = _counts(verdict)
    wider = math.expm1(abs(point.log_allowed - point.log_bound)) if math.isfinite(point.log_bound) else 0.0
    return [
        f"{what} {at}: {_measured(theorem, point, judged + below, exact)}; {bound}",
        f"{_error(theorem, point)}; for rounding the bound is widened by {_tiny(wider)} of itself, "
        f"and below {_tiny(point.floor)} rounding decides",
        f"{_counted(judged, 'horizon' if len(traces) > 1 else 'checkpoint')} judged, {below} below the floor; {ran}",
        *_vacuous(verdict),
    ]


def _vacuous(verdict: Verdict) -> list[str]:
    """Where the bound says no more than what every such run obeys."""
    if verdict.vacuous is None or verdict.t is None or not verdict.vacuous.any():
        return []
    name = "T" if len(verdict.cells) > 1 else "t"
    where = [int(t) for t in verdict.t[verdict.vacuous]]
    told = f"from {name} = {where[0]:,} to {where[-1]:,}" if len(where) > 1 else f"at {name} = {where[0]:,}"
    count = f"{len(where)} of {len(verdict.vacuous)} points"
    return [f"vacuous at {count}, {told}: the bound is no less than {verdict.trivial}, which every such run obeys"]


def _measured(theorem: Theorem, point: Evidence, checkpoints: int, exact: bool) -> str:
    if point.seeds and theorem.sense == "probability":
        share = 1 - point.trace.setting["delta"] if theorem.kind == "upper" else point.trace.setting["delta"]
        of = "" if theorem.valid == "all t at once" else f", simultaneous over {_counted(checkpoints, 'checkpoint')}"
        ends = f"[{shown(point.low)}, {shown(point.high)}]"
        quantile = f"{share:g}-quantile {shown(point.centre)} of {_counted(point.seeds, 'seed')}"
        return f"{quantile}, {ends} (99% limits, Clopper and Pearson{of})"
    if point.seeds:
        level = f"99% limits, simultaneous over {_counted(checkpoints, 'checkpoint')}"
        least = point.low if theorem.quantity == "decrease" else max(point.low, 0.0)  # nothing else can be negative
        ends = f"[{shown(least)}, {shown(point.high)}]"
        return f"mean {shown(point.centre)} of {_counted(point.seeds, 'seed')}, {ends} ({level})"
    several = f" (seed {point.trace.seeds[point.seed]}, the worst)" if len(point.trace.seeds) > 1 else ""
    return f"{'exact expectation ' if exact else ''}{point.centre:.6g}{several}"


def _error(theorem: Theorem, point: Evidence) -> str:
    low, high = point.trace.risk_star or (0.0, point.trace.error.get("gap", 0.0))
    interval = f"interval of R*: width {_tiny(high - low)}"
    if theorem.quantity == "dist2":
        interval = f"θ* is known to {_tiny(math.sqrt(point.trace.error.get('dist2', 0.0)))}"
    return f"{interval}; error of the measurement at most {_tiny(point.error)}"


def _tiny(value: float) -> str:
    return f"{value:.1e}" if value else "0"


def _counts(verdict: Verdict) -> tuple[int, int]:
    if verdict.ratio is None:
        return 0, 0
    below = sum(math.isnan(ratio) for ratio in verdict.ratio)
    return len(verdict.ratio) - below, below


def _bound(theorem: Theorem, trace: Trace, point: Evidence | None) -> list[str]:
    """Statement, source, and the constants filled in, each with how it is known."""
    known, setting = trace.setting.known, trace.setting
    parts = []
    for name in (name for name in theorem.constants if name in known):
        symbol = f"{_SYMBOLS[name]} = " if name in _SYMBOLS else ""
        parts.append(f"{symbol}{name} = {known[name].value:.6g} ({known[name].how})")
    for name, hyper in setting.hyper.items():
        symbol = "η = " if name in ("step_size", "learning_rate") else ""
        parts.append(f"{symbol}{name} = {_written(hyper.written, hyper.value)}")
    unknown = [name for name in theorem.constants if name not in known]
    guessed = [name for name in theorem.constants if name in known and known[name].how == "estimated"]
    proof = "no constant enters"
    if theorem.constants:
        seen = "but" if failed_hypothesis(theorem, trace) is not None else "and no"
        proof = f"these constants are proved, {seen} measured points contradict them"
    if guessed:
        proof = f"{', '.join(guessed)}: an estimate, which is never accepted"
    if unknown:
        proof = f"{', '.join(unknown)}: unknown"
    at = ""
    if point is not None:
        at = f"T = {point.t:,}: " if theorem.log_bound is not None else f"the step to t = {point.t:,}: "
    sense = SENSES[theorem.sense]
    relation = "≤" if theorem.kind == "upper" else "≥"
    formula = plain(theorem.formula)
    claim = formula if theorem.quantity == "observed_M" else f"{_QUANTITIES[theorem.quantity]} {relation} {formula}"
    return [
        f"{claim}, {sense}, {theorem.valid}",
        f"{at}{', '.join(parts) or 'nothing to fill in'}; {proof}",
        theorem.source,
    ]


def _written(text: str, value: float | None) -> str:
    try:
        return f"{float(text):.6g}"
    except ValueError:
        return text if value is None else f"{text} = {value:.6g}"


def _hypothesis(setting: Setting, assumption: Assumption) -> str:
    """✓ or ✗, the hypothesis in words, and what was found in numbers."""
    try:
        met = assumption.holds(setting)
        if met:
            found = _values(setting, assumption.words) if assumption.trait is None else ""
        else:
            denied = setting.denied.get(assumption.trait or "", "")
            found = assumption.finding(setting) if assumption.finding is not None else denied
    except Unknown as unknown:
        met, found = False, str(unknown)
    return f"{'✓' if met else '✗'} {assumption.words}" + (f": {found}" if found else "")


def _values(setting: Setting, words: str) -> str:
    """What the names in a hypothesis stand for here, and the limit of a step size."""
    parts = []
    for name, hyper in setting.hyper.items():
        if re.search(rf"\b{name}\b", words) or (name == "learning_rate" and "step_size" in words):
            parts.append(f"{name} = {_written(hyper.written, hyper.value)}")
    limit = step_limit(setting, words)
    if limit is not None and any(hyper.written == limit[0] for hyper in setting.hyper.values()):
        return ", ".join(parts)
    if limit is not None:
        return ", ".join([*parts, f"{limit[0]} = {limit[1]:.6g}"])
    mentioned = [
        name for name in setting.known if name not in setting.hyper and re.search(rf"\b{re.escape(name)}\b", words)
    ]
    return ", ".join([*parts, *(f"{name} = {setting[name]:.6g}" for name in mentioned)])


def _rate(theorem: Theorem, verdict: Verdict) -> list[str]:
    if theorem.rate is None:
        return ["the bound claims no rate"]
    slope = verdict.slope
    if slope is None:
        return (
            []
            if verdict.ruling == "not applicable"
            else [f"too few clean points for one; {theorem.rate.written} is claimed"]
        )
    value = f"{slope.value:.4g} [{slope.low:.4g}, {slope.high:.4g}]"
    claimed = "" if verdict.claimed is None else f"; claimed: {verdict.claimed:.4g}, {theorem.rate.written}"
    if claimed and not slope.may_be_demanded:
        claimed += f", not to be demanded of a {slope.sweep}"
    law = f"law: {slope.law}; " if slope.law else ""
    return [f"{value}, {slope_of(slope)}{claimed}", f"{law}read from {slope.excluded}; {slope.interval}"]


def shown(value: float) -> str:
    return f"{value:.4g}"


def _from_log(log_value: float) -> str:
    if abs(log_value) > 700 and math.isfinite(log_value):
        return f"1e{log_value / math.log(10):+.0f}"
    return f"{math.exp(log_value):.6g}" if log_value < math.inf else "infinity"


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
