"""The harness: contenders on one work, compared before they are timed, in interleaved rounds, warm, in one process."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

EXACT = 1e-8  # relative: deterministic contenders agree so far with convlab
ERRORS = 4.0  # standard errors: within so many the means of random contenders agree


class NotInstalledError(Exception):
    """A contender that is not installed here."""


class DisagreementError(Exception):
    """A contender that computes something else, which is then not timed."""


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    ``build`` does what is not timed and returns the call that is; ``units`` is how many steps × runs one call takes;
    ``check`` holds what the call returned against convlab's and says how well it agrees, or raises DisagreementError. A
    contender that ``reports`` is not timed: its call returns the number itself (bytes, or seconds of a part).
    """

    name: str
    build: Callable[[], Callable[[], Any]]
    units: float = 1.0
    check: Callable[[Any], str] = lambda output: ""
    note: str = ""
    reports: bool = False


Rounds = Mapping[str, Sequence[float]]  # of each contender that was measured, in the work's unit


@dataclass(frozen=True)
class Goal:
    """What SPEED asks for: the number of each round, its limit, and whether it must be that exactly."""

    words: str
    limit: float
    of_rounds: Callable[[Rounds], list[float]]  # KeyError names a contender without numbers
    sense: str = "at most"  # "at least", "exactly"

    def met(self, value: float) -> bool:
        return {"at most": value <= self.limit, "at least": value >= self.limit}.get(self.sense, value == self.limit)


@dataclass(frozen=True)
class Work:
    """Contenders, goals, and how their numbers are shown: seconds per unit times ``scale`` in ``unit``."""

    title: str
    contenders: Sequence[Contender]
    goals: Sequence[Goal] = ()
    unit: str = "ns/step/run"
    scale: float = 1e9
    axes: Mapping[str, Any] = field(default_factory=dict)  # of a scaling work: what is drawn against what
    baseline: str = "convlab"  # ratios are of this one's numbers to the others'
    most_rounds: int = 1000


def ratio(above: str, below: str) -> Callable[[Rounds], list[float]]:
    """Round by round, so that what slows the machine down slows both."""
    return lambda rounds: [a / b for a, b in zip(rounds[above], rounds[below], strict=True)]


def spread(names: Sequence[str]) -> Callable[[Rounds], list[float]]:
    """The largest over the smallest of several contenders, round by round."""
    return lambda rounds: [max(each) / min(each) for each in zip(*(rounds[name] for name in names), strict=True)]


def agree_exactly(ours: Any, theirs: Any, what: str, rounding: float = 0.0) -> str:
    """The words for a relative difference of at most 1e-8, beyond an absolute ``rounding``; else DisagreementError."""
    one, other = np.asarray(ours, float), np.asarray(theirs, float)
    if one.shape != other.shape:
        raise DisagreementError(f"{what}: shapes {other.shape} against {one.shape}")
    apart = np.maximum(np.abs(other - one) - rounding, 0.0)
    off = float(np.max(apart / np.maximum(np.abs(one), np.finfo(float).tiny)))
    if not off <= EXACT:
        raise DisagreementError(f"{what}: off by {off:.1e} relative")
    if off == 0:
        return f"{what}: equal{' but for rounding' if rounding else ''}"
    return f"{what}: {off:.0e} relative"


def agree_in_mean(ours: Any, theirs: Any, what: str) -> str:
    """The words for means that differ by at most 4 standard errors; arrays [runs] or [runs, kinds]."""
    one, other = (np.asarray(each, float).reshape(len(each), -1) for each in (ours, theirs))
    if len(one) < 2 or len(other) < 2:
        raise DisagreementError(f"{what}: a mean of one run has no standard error")
    error = np.sqrt(one.var(axis=0, ddof=1) / len(one) + other.var(axis=0, ddof=1) / len(other))
    off = float(np.max(np.abs(one.mean(axis=0) - other.mean(axis=0)) / error))
    if not off <= ERRORS:
        raise DisagreementError(f"{what}: means differ by {off:.1f} standard errors")
    return f"{what}: {off:.1f} standard errors"


def measure(work: Work, rounds: int, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Builds, compares, then times every contender in turn; what fails is told and the rest goes on."""
    rows: dict[str, dict[str, Any]] = {}
    calls: dict[str, Callable[[], Any]] = {}
    for each in work.contenders:
        rows[each.name] = row = {"name": each.name, "units": each.units, "note": each.note}
        began = time.perf_counter()
        try:
            call = each.build()
            row["agreement"] = each.check(call())
            calls[each.name] = call
        except Exception as error:
            row["failed"] = _reason(error)
        say(f"  {each.name}: {row.get('failed') or row['agreement'] or 'ready'} ({time.perf_counter() - began:.1f} s)")
    values: dict[str, list[float]] = {name: [] for name in calls}
    cores: dict[str, list[float]] = {name: [] for name in calls}
    by_name = {each.name: each for each in work.contenders}
    for _ in range(min(rounds, work.most_rounds)):
        for name in list(calls):
            try:
                seconds, busy = _timed(calls[name], by_name[name].reports)
            except Exception as error:
                rows[name]["failed"] = _reason(error)
                del calls[name], values[name]
                continue
            values[name].append(seconds / by_name[name].units * work.scale)
            cores[name].append(busy)
    for name in calls:
        rows[name] |= {"rounds": values[name], "cores": statistics.median(cores[name])}
    return {
        "title": work.title,
        "unit": work.unit,
        "baseline": work.baseline,
        "axes": dict(work.axes),
        "contenders": list(rows.values()),
        "goals": [_judged(goal, values, rows) for goal in work.goals],
    }


def _timed(call: Callable[[], Any], reports: bool) -> tuple[float, float]:
    """Seconds of a call, and how many cores it kept busy on average (child processes apart)."""
    gc.collect()
    cpu, began = time.process_time(), time.perf_counter()
    output = call()
    seconds = time.perf_counter() - began
    return (float(output) if reports else seconds), (time.process_time() - cpu) / seconds


def _judged(goal: Goal, values: Rounds, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    told = {"goal": goal.words, "limit": goal.limit, "sense": goal.sense}
    try:
        found = goal.of_rounds(values)
    except KeyError as error:
        name = str(error.args[0])
        return told | {
            "verdict": "not measured",
            "why": f"{name}: {rows.get(name, {}).get('failed', 'not among these')}",
        }
    value = statistics.median(found)
    return told | {"rounds": found, "value": value, "verdict": "met" if goal.met(value) else "missed"}


def _reason(error: Exception) -> str:
    first = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    words = {NotInstalledError: "not installed: ", DisagreementError: "disagrees: "}.get(
        type(error), f"{type(error).__name__}: "
    )
    return (words + first)[:200]
