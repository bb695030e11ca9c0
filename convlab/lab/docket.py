"""The docket: which theorem is held against which cells, the verdicts, and their tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convlab.core.expression import Expression
from convlab.core.results import Kind, Results
from convlab.core.theorem import Theorem
from convlab.core.trace import Trace
from convlab.core.verdict import Slope, Verdict
from convlab.lab import catalog, store
from convlab.lab.claims import matches
from convlab.lab.judge import judge
from convlab.lab.spec import Claim, Experiment


def kind_of(experiment: Experiment) -> Kind:
    """A fixed run, a fresh run for each horizon, or one whose instance depends on the horizon as well."""
    if len(experiment.horizons) == 1:
        return "trajectory"
    values = [value for part in experiment.problems for value in part.parameters.values()]
    flat = [each for value in values for each in (value if isinstance(value, list) else [value])]
    return "worst-case sweep" if any(_speaks_of_horizon(value) for value in flat) else "horizon sweep"


def _speaks_of_horizon(value: Any) -> bool:
    if not isinstance(value, str) or "T" not in value:
        return False
    try:
        return "T" in Expression(value).names
    except Exception:  # a text that is no expression: a file's name, say
        return False


def results_of(
    experiment: Mapping[str, Any],
    kind: Kind,
    traces: Sequence[Trace],
    facts: Sequence[Mapping[str, Any]],
    groups: Sequence[tuple[int, ...]],
    allow_code: bool = False,
) -> Results:
    """Every claim judged on the cells it speaks of; without claims, every theorem of the catalogue on every cell.

    ``allow_code``: a claim may name a theorem outside the package. A file of results may not decide that by itself.
    """
    claims = [Claim.from_json(each) for each in experiment["claims"]]
    verdicts: list[Verdict] = []
    theorems: dict[str, Theorem] = {}
    wanted = claims or [Claim(name) for name in catalog.names("theorems")]
    for claim in wanted:
        theorem: Theorem = catalog.load("theorems", claim.theorem, allow_code)
        theorems[claim.theorem] = theorem
        for group in groups:
            chosen = tuple(index for index in group if matches(claim, facts[index]))
            if chosen:
                expect = claim.expect if claims else None
                verdict = judge(claim.theorem, theorem, [traces[i] for i in chosen], chosen, kind, expect, claim.delta)
                verdicts.append(dataclasses.replace(verdict, expect_slope=claim.slope))
    return Results(
        name=experiment["name"],
        title=experiment["title"],
        kind=kind,
        traces=tuple(traces),
        verdicts=tuple(verdicts),
        outputs=tuple(experiment["outputs"]),
        formulas={name: theorem.formula for name, theorem in theorems.items()},
        theorems={name: _facts(theorem) for name, theorem in theorems.items()},
    )


def _facts(theorem: Theorem) -> dict[str, Any]:
    return {
        "title": theorem.title,
        "output": theorem.output,
        "quantity": theorem.quantity,
        "sense": theorem.sense,
        "valid": theorem.valid,
        "kind": theorem.kind,
        "rate": theorem.rate.written if theorem.rate else "none",
        "rate_kind": theorem.rate.kind if theorem.rate else None,
    }


def write_tables(results: Results, folder: Path) -> tuple[Path, ...]:
    """verdicts.csv (a row for each ruling) and summary.csv (a row for each cell, output and quantity, at the end)."""
    verdicts, summary = folder / "verdicts.csv", folder / "summary.csv"
    store.write_table(verdicts, _VERDICT_COLUMNS, [_verdict_row(results, verdict) for verdict in results.verdicts])
    store.write_table(summary, _SUMMARY_COLUMNS, [row for trace in results.traces for row in _summary_rows(trace)])
    return verdicts, summary


_VERDICT_COLUMNS = (
    *("cell", "theorem", "ruling", "expected", "as_expected", "worst_ratio", "worst_t"),
    *("slope", "slope_low", "slope_high", "claimed_slope", "slope_of", "window_first", "window_last"),
    *("law", "window", "delta", "vacuous", "why"),
)
_SUMMARY_COLUMNS = (
    "cell",
    "horizon",
    "output",
    "quantity",
    "seeds",
    "diverged",
    "t",
    "mean",
    "standard_error",
    "floor",
)


def _verdict_row(results: Results, verdict: Verdict) -> list[Any]:
    slope = verdict.slope
    label = results.traces[verdict.cells[0]].label
    measured = (slope.value, slope.low, slope.high) if slope else (None, None, None)
    window = (slope_of(slope), *slope.window, slope.law, slope.excluded) if slope else (None,) * 5
    ruled = (
        verdict.ruling,
        verdict.expected or None,
        verdict.as_expected,
        _finite(verdict.worst_ratio),
        verdict.worst_t,
    )
    vacuous = None if verdict.vacuous is None else f"{int(verdict.vacuous.sum())} of {len(verdict.vacuous)}"
    last = (verdict.delta, vacuous, verdict.why)
    return [label, verdict.theorem, *ruled, *measured, verdict.claimed, *window, *last]


def slope_of(slope: Slope) -> str:
    """What a slope is the slope of, in words."""
    if slope.against == "bound":
        return "log measured over log bound"
    return {"power": "log measured over log t", "linear": "log measured per step", "order": "order of convergence"}[
        slope.kind
    ]


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None


def _summary_rows(trace: Trace) -> list[list[Any]]:
    rows = []
    for output, quantities in trace.measured.items():
        for quantity, values in quantities.items():
            (complete,) = np.nonzero(np.isfinite(values).all(axis=0))
            last = complete[-1]
            mean, spread = _mean_and_error(values[:, last])
            ended = (len(values), trace.status.count("diverged"), int(trace.t[last]))
            found = (mean, spread, float(trace.floor_of(quantity, output)[:, last].max()))
            rows.append([trace.label, trace.setting.horizon, output, quantity, *ended, *found])
    return rows


def _mean_and_error(values: np.ndarray) -> tuple[float, float | None]:
    """The mean and its standard error, scaled by a power of two so that no square overflows. One value has no error."""
    _, exponent = np.frexp(np.abs(values).max())
    scaled = np.ldexp(values, -exponent)
    mean = float(np.ldexp(scaled.mean(), exponent))
    if values.size == 1:
        return mean, None
    return mean, float(np.ldexp(scaled.std(ddof=1) / np.sqrt(values.size), exponent))
