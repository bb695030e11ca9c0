"""Many rulings in few rows: runs that were ruled alike by one theorem, as a grid of step sizes is, become one row."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from convlab.core.results import Results
from convlab.core.verdict import Verdict

MOST_ROWS = 30  # rulings that are shown one by one


def condensed(results: Results, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts as they are where they are few; else one for each group, the worst of it.

    Groups have the theorem, the ruling, the problem and the optimizer (and how it is labelled) in common. The cells of
    a group's verdict are those of all its members, and its sentence says how many they are.
    """
    if len(verdicts) <= MOST_ROWS:
        return list(verdicts)
    together: dict[tuple[object, ...], list[Verdict]] = {}
    for verdict in verdicts:
        trace = results.traces[verdict.cells[0]]
        parts = trace.label.split(", ")
        where = tuple(part for part in parts if part.startswith("on "))
        who = (trace.setting.problem, where, trace.setting.optimizer, parts[0], trace.setting.horizon)
        key = (verdict.theorem, verdict.ruling, verdict.as_expected, verdict.expected, *who)
        together.setdefault(key, []).append(verdict)
    return [_one_for(results, group) for group in together.values()]


def _one_for(results: Results, group: Sequence[Verdict]) -> Verdict:
    if len(group) == 1:
        return group[0]
    lower = results.theorems.get(group[0].theorem, {}).get("kind") == "lower"
    judged = [verdict for verdict in group if verdict.worst_ratio is not None]
    worst = (min if lower else max)(judged, key=lambda v: v.worst_ratio or 0.0) if judged else group[0]
    cells = tuple(cell for verdict in group for cell in verdict.cells)
    which = "the worst" if judged else "the first"
    return dataclasses.replace(worst, cells=cells, slope=None, why=f"{len(group)} runs; of {which}: {worst.why}")


def shared_label(results: Results, verdict: Verdict) -> str:
    """What the labels of a verdict's runs have in common, and their number where they are several cells of a group."""
    labels = [results.traces[cell].label for cell in verdict.cells]
    parts = [part for part in labels[0].split(", ") if all(part in label.split(", ") for label in labels)]
    distinct = len(set(labels))
    return ", ".join(parts or labels[:1]) + (f" ({distinct} runs)" if distinct > 1 else "")
