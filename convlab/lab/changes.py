"""What would change a ruling, in sentences: which constant by what factor, how many seeds, which step size."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence

import numpy as np

from convlab.core.errors import ConvlabError, Unknown
from convlab.core.expression import Expression
from convlab.core.setting import Hyper, Setting
from convlab.core.theorem import Theorem
from convlab.core.trace import Trace
from convlab.core.verdict import Verdict
from convlab.lab.evidence import ANY, Evidence, Flip, deciding, failing, flips, skipped
from convlab.lab.points import on_counts, on_the_mean
from convlab.lab.readings import readings

_FLOAT64 = "float64"
_PERCENT = math.log(1.05)  # smaller changes are told in per cent
_ONE_AT_A_TIME = "or one constant, with all else, the step size too, as it is:"
_FINITE = 700.0  # logarithms of what a float can hold


def changes(
    theorem: Theorem, verdict: Verdict, traces: Sequence[Trace], found: Sequence[Evidence], trace: Trace
) -> list[str]:
    """A line for each thing that would change the ruling; ``trace`` is the run whose numbers the story tells."""
    if verdict.ruling == "not applicable":
        return _to_apply(theorem, verdict, trace)
    if verdict.ruling == "inconclusive":
        return _to_settle(theorem, verdict, traces, found)
    if not found:
        return []
    if theorem.valid == "all t at once" and found[0].seeds:
        return [
            "the number of runs that go beyond the bound anywhere; of each checkpoint for itself: "
            f"{_of_the_measurement(theorem, verdict, found)}"
        ]
    return [_of_the_measurement(theorem, verdict, found), *_of_constants(theorem, verdict, found)]


def _of_the_measurement(theorem: Theorem, verdict: Verdict, found: Sequence[Evidence]) -> str:
    """How much larger the measurement, or smaller the bound, would have to be."""
    least = min(one.margin for one in found)
    grows = (theorem.kind == "upper") == (verdict.ruling == "holds")
    seeds = "a quantile with its limits" if theorem.sense == "probability" else "a mean with its limits"
    what = seeds if found[0].seeds else "a measurement"
    measured, bound = ("larger", "smaller") if grows else ("smaller", "larger")
    if math.isinf(least):
        return "nothing in the numbers" if verdict.ruling == "holds" else "no bound covers a run that diverged"
    if abs(least) < ANY:
        return f"any {measured} measurement, or {bound} bound: what was measured is the bound itself, up to rounding"
    return f"{what} {_much(abs(least), measured)}, or a bound {_much(abs(least), bound)}"


def _of_constants(theorem: Theorem, verdict: Verdict, found: Sequence[Evidence]) -> list[str]:
    """One line for each constant: if it were wrong, one at a time, by what factor the ruling would be another."""
    changed = flips(theorem, verdict, found)
    known, told = found[0].trace.setting.known, set[str]()
    lines = []
    for name in dict.fromkeys(flip.constant for flip in changed):
        of_this = [flip for flip in changed if flip.constant == name]
        either = len(of_this) == 2 and all(abs(math.log(flip.factor)) < ANY for flip in of_this)
        if either and of_this[0].failed == of_this[1].failed:
            ways = ["any other value" + _consequence(verdict, of_this[0], told)]
        else:
            ways = [_size(flip) + _consequence(verdict, flip, told) for flip in of_this]
        lines.append(f"{name} ({known[name].how}): {'; or '.join(ways)}")
    silent = {flip.constant for flip in changed} | skipped(theorem)
    others = [name for name in theorem.constants if name not in silent and name in known]
    if others:
        lines.append(f"{', '.join(others)}: no factor up to a million")
    return [_ONE_AT_A_TIME, *lines] if changed else lines


def _size(flip: Flip) -> str:
    log_factor = math.log(flip.factor)
    return _much(abs(log_factor), "larger" if log_factor > 0 else "smaller")


def _consequence(verdict: Verdict, flip: Flip, told: set[str]) -> str:
    """What then, where it is not simply that the bound is too small; a hypothesis in full the first time."""
    excluded = " (what was measured excludes that)" if flip.contradicted else ""
    if not flip.failed:
        return excluded if verdict.ruling == "holds" else f", and it would hold{excluded}"
    reason = "as above" if flip.failed in told else f"needs {flip.failed}"
    told.add(flip.failed)
    return f", and it no longer applies ({reason}){excluded}"


def _much(log_factor: float, side: str) -> str:
    """A change by a factor > 1 in words.

    >>> _much(math.log(7.1126), "larger"), _much(0.002, "smaller"), _much(1e-9, "larger"), _much(2e3, "larger")
    ('7.113 times larger', '0.2% smaller', 'any larger', '1e+869 times larger')
    """
    if log_factor < ANY:
        return f"any {side}"
    if log_factor < _PERCENT:
        return f"{-100 * math.expm1(-log_factor) if side == 'smaller' else 100 * math.expm1(log_factor):.2g}% {side}"
    times = f"{math.exp(log_factor):.4g}" if log_factor < _FINITE else f"1e{log_factor / math.log(10):+.0f}"
    return f"{times} times {side}"


def _to_settle(theorem: Theorem, verdict: Verdict, traces: Sequence[Trace], found: Sequence[Evidence]) -> list[str]:
    """What an open ruling waits for."""
    if verdict.t is None:
        if any(not np.isnan(reading.values).all() for reading in readings(theorem, traces)):
            return ["a start, or a run, that comes to where the bound is finite: here it is vacuous"]
        return ["checkpoints where the theorem speaks, above the rounding floor ([run] checkpoints)"]
    if not found:
        wider = "" if traces[0].setting.dtype == _FLOAT64 else ", or float64"
        return [f"fewer steps{wider}: a bound below the rounding floor can be neither kept nor broken visibly"]
    if "may confirm, never refute" in verdict.why:
        return ["another output, or the exact oracle: this output sees f_t in place of R, and cannot refute"]
    if on_the_mean(theorem, traces) or on_counts(theorem, traces):
        return _seeds(theorem, verdict)
    point = deciding(theorem, verdict, found)
    assert point is not None
    away = abs(point.centre - math.exp(min(point.log_bound, _FINITE)))
    return [
        f"at t = {point.t:,} the measurement is {away:.1e} from the bound, with an error of {point.error:.1e} and a "
        f"rounding floor of {point.floor:.1e}: a sharper R*, or a longer float, decides"
    ]


def _seeds(theorem: Theorem, verdict: Verdict) -> list[str]:
    """How many seeds, as the ruling itself says it, and, of an expectation, how to do without."""
    asked = [clause for clause in verdict.why.split("; ")[1:] if "seeds would" in clause or "are needed" in clause]
    if theorem.sense == "probability":
        return asked or ["more seeds"]
    return [*asked, 'or no seeds: expectation = "exact" computes the expectation where R is quadratic']


def _to_apply(theorem: Theorem, verdict: Verdict, trace: Trace) -> list[str]:
    """The hypotheses that fail, and what to write where one is a step size."""
    lines = []
    for assumption in theorem.assumes:
        try:
            if assumption.holds(trace.setting):
                continue
        except Unknown as unknown:
            lines.append(f"a problem of which {unknown.name} is known")
            continue
        limit = step_limit(trace.setting, assumption.words)
        if limit is not None:
            relation = "<=" if "step_size <=" in assumption.words else "<"
            lines.append(f"step_size {relation} {limit[0]} = {limit[1]:.6g}{_then(theorem, trace.setting, limit[1])}")
        elif "step_size" in assumption.words and assumption.trait is None:
            lines.append(f"in the experiment file: {assumption.words}")
        else:
            lines.append(f"another run, one with {assumption.words}")
    if not lines and "hypothesis failed" in verdict.why:
        return ["constants that the measured points do not contradict: declare what the ruling says of them"]
    return list(dict.fromkeys(lines)) or [f"what is missing: {verdict.why}"]


def _then(theorem: Theorem, setting: Setting, limit: float) -> str:
    """Whether half that step is all that is missing."""
    names = [name for name in ("step_size", "learning_rate") if name in setting.hyper]
    if not names:
        return ""
    hyper = {**setting.hyper, names[0]: Hyper(str(limit / 2), limit / 2)}
    return ", and it applies" if failing(theorem, dataclasses.replace(setting, hyper=hyper)) is None else ""


def step_limit(setting: Setting, words: str) -> tuple[str, float] | None:
    """The largest step size that a hypothesis allows, as written and in numbers, where its words name one."""
    found = re.search(r"step_size <=? ([^<>=]+)$", words)
    if found is None or found[1].strip() == "infinity":
        return None
    try:
        names = {name: known.value for name, known in setting.known.items()}
        return found[1].strip(), float(Expression(found[1].strip())(names))
    except (ConvlabError, ArithmeticError, KeyError):
        return None
