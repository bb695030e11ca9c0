"""The table: goals with what was measured beside them, then every work with its contenders."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from convlab.cli.tables import console

_COLOURS = {"met": "green", "missed": "red", "not measured": "yellow"}
_SIGNS = {"at most": "≤", "at least": "≥", "exactly": "="}
_GPU = Path(__file__).resolve().parents[2] / "results" / "benchmarks" / "gpu.md"
_PLACES = ("w1", "w2", "w3", "w3_large", "w4", "w5", "curve", "scaling", "memory")


def show(record: Mapping[str, Any]) -> None:
    screen = console()
    for key, work in record["works"].items():
        screen.print(Text(f"\n{key}: {work['title']}", style="bold"))
        if "failed" in work:
            screen.print(Text(f"failed: {work['failed']}", style="red"))
            continue
        screen.print(_contenders(work))
    screen.print(Text("\nGoals", style="bold"))
    if any(work.get("quick") for work in record["works"].values()):
        screen.print("Small sizes, to try it: fixed costs dominate, and the verdicts say nothing.")
    screen.print(_goals(record))


def _contenders(work: Mapping[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("contender", overflow="fold")
    table.add_column(work["unit"], justify="right", no_wrap=True)
    table.add_column("min – max", justify="right", no_wrap=True)
    table.add_column(f"{work['baseline']} /" if work["baseline"] else "", justify="right", no_wrap=True)
    table.add_column("compared; what it did", overflow="fold")
    for row in contender_rows(work):
        table.add_row(*(Text(cell, style="yellow" if row[5] else "") for cell in row[:5]))
    return table


def contender_rows(work: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, str, bool]]:
    """Name, median, spread, the baseline's ratio to it, words, whether it failed."""
    by_name = {each["name"]: each for each in work["contenders"]}
    baseline = by_name.get(work["baseline"], {}).get("rounds")
    for each in work["contenders"]:
        if "rounds" not in each:
            yield each["name"], "–", "", "", each.get("failed", ""), True
            continue
        rounds = each["rounds"]
        ratio = ""
        if baseline and each["name"] != work["baseline"]:
            ratio = number(statistics.median(a / b for a, b in zip(baseline, rounds, strict=True)))
        words = "; ".join(filter(None, (each["agreement"], each["note"])))
        middle = number(statistics.median(rounds))
        yield each["name"], middle, f"{number(min(rounds))} – {number(max(rounds))}", ratio, words, False


def _goals(record: Mapping[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for name, right in (("goal", False), ("cores", True), ("limit", True), ("measured", True), ("min – max", True)):
        table.add_column(name, justify="right" if right else "left", no_wrap=right, overflow="fold")
    table.add_column("")
    for words, cores, limit, value, spread, verdict in goal_rows(record):
        short = verdict.split(":")[0]
        table.add_row(words, cores, limit, value, spread, Text(verdict, style=_COLOURS.get(short, "")))
    return table


def goal_rows(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, str, str]]:
    for work in record["works"].values():
        for goal in work["goals"]:
            limit = f"{_SIGNS[goal['sense']]} {number(goal['limit'])}"
            cores = str(work["threads"])
            if "rounds" not in goal:
                yield goal["goal"], cores, limit, "–", "", f"not measured: {goal['why']}"
                continue
            spread = f"{number(min(goal['rounds']))} – {number(max(goal['rounds']))}"
            yield goal["goal"], cores, limit, number(goal["value"]), spread, goal["verdict"]
    for name in _PLACES:
        found = [work for key, work in record["works"].items() if key.split(",")[0] == name]
        if not found or any("failed" in work for work in found):
            why = next((work["failed"] for work in found if "failed" in work), "not run")
            yield f"all of {name}", "–", "–", "–", "", f"not measured: {why}"
    told = "see gpu.md" if _GPU.is_file() else "not measured: python -m tests.benchmarks.gpu measures"
    yield "GPU: width, share of bandwidth", "–", "≥ 0.5", "–", "", told


def number(value: float) -> str:
    """Three significant digits, thousands with commas.

    >>> number(0.98765), number(14.04), number(14_900.4), number(1.0)
    ('0.988', '14.0', '14,900', '1.00')
    """
    if value == 0 or abs(value) >= 1_000:
        return f"{value:,.0f}" if abs(value) < 1e6 else f"{value:.2e}"
    return f"{value:#.3g}".removesuffix(".")
