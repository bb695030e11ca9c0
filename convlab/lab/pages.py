"""The page of an experiment: hypothesis, figures, rulings and what they teach, as Markdown beside its results.

A page is a function of the files alone: the tables come from the rulings, the words from the experiment file.
"""

from __future__ import annotations

from convlab.core.results import Results
from convlab.core.verdict import Verdict
from convlab.lab.condense import condensed, shared_label
from convlab.lab.docket import slope_of

PAGE = "README.md"
_KINDS = {
    "trajectory": "a trajectory: a run on a fixed problem, whose measured rate is its own and need not be a theorem's",
    "horizon sweep": "a horizon sweep: a fresh run for each horizon T, read at its end",
    "worst-case sweep": "a worst-case sweep: a fresh run for each horizon T on an instance that depends on T, where "
    "the theorem's own rate may be demanded",
}
_COLUMNS = ("run", "theorem", "ruling", "worst measured / bound", "measured rate", "claimed")


def page(results: Results) -> str:
    """The Markdown of an experiment's page."""
    parts = [f"# {results.title}", results.hypothesis]
    parts += [f"![{kind.replace('_', ' ')}]({kind}.svg)" for kind in results.figures]
    parts += [f"This is {_KINDS[results.kind]}."]
    parts += ["## Rulings", verdict_table(results)]
    if why := _reasons(results):
        parts += ["In words:", why]
    if results.lesson:
        parts += ["## What it teaches", results.lesson]
    parts += [
        "## Again",
        f"`convlab run {results.name}` runs it, `convlab judge {results.name}` rules on the files alone.",
    ]
    return "\n\n".join(part for part in parts if part).rstrip() + "\n"


def verdict_table(results: Results) -> str:
    """A row for each ruling, as Markdown."""
    rows = [_row(results, verdict) for verdict in condensed(results, results.verdicts)]
    lines = ["| " + " | ".join(_COLUMNS) + " |", "| --- " * len(_COLUMNS) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _row(results: Results, verdict: Verdict) -> list[str]:
    ruling = f"**{verdict.ruling}**" + (", vacuous" if verdict.all_vacuous else "")
    if not verdict.as_expected:
        ruling = f"✗ {ruling} " + (f"(expected {verdict.expected})" if verdict.expected else "(unexpected)")
    worst = ""
    if verdict.worst_ratio is not None and verdict.worst_t is not None:
        steps = f"{verdict.worst_t:,} step{'s' * (verdict.worst_t != 1)}"
        worst = f"{number(verdict.worst_ratio)} after {steps}"
    slope, claimed = verdict.slope, ""
    measured = ""
    if slope is not None:
        measured = f"{number(slope.value)} [{number(slope.low)}, {number(slope.high)}], {slope_of(slope)}"
        if not slope.a_law:
            measured = f"{number(slope.value)}, {slope_of(slope)}: {slope.law}"
        elif slope.candidates:
            measured += f"; {slope.law}"
        claimed = "" if verdict.claimed is None else number(verdict.claimed)
    label = shared_label(results, verdict).replace("|", "\\|")
    sure = "" if verdict.delta is None else f", δ = {verdict.delta:g}"
    return [label, f"`{verdict.theorem}`{sure}", ruling, worst, measured, claimed]


def _reasons(results: Results) -> str:
    """The sentence of every ruling that is not simply "holds" or as claimed, or whose ratio alone would puzzle."""
    found: dict[str, None] = {}
    for verdict in condensed(results, results.verdicts):
        beyond = verdict.worst_ratio is not None and verdict.worst_ratio > 1 + 5e-5
        if verdict.ruling != "holds" or not verdict.as_expected or beyond or verdict.all_vacuous:
            label = shared_label(results, verdict)
            ruled = verdict.ruling if verdict.ruling == "holds" else f"is {verdict.ruling}"
            sure = "" if verdict.delta is None else f" with δ = {verdict.delta:g}"
            found[f"- {label}: `{verdict.theorem}`{sure} {ruled}: {verdict.why}."] = None
    return "\n".join(found)


def number(value: float) -> str:
    """Four decimals where they say enough, else three digits.

    >>> number(1.0), number(0.00123), number(-7.43621)
    ('1.0000', '0.00123', '-7.4362')
    """
    return f"{value:.4f}" if 0.01 <= abs(value) < 1000 else f"{value:.3g}"
