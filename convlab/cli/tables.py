"""What a run found, as tables: the runs, the rulings, why, what was written, and one line that sums it up."""

from __future__ import annotations

import itertools
import math
import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click
from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from convlab.cli.runs import cell_label, show_runs
from convlab.lab.condense import condensed

if TYPE_CHECKING:
    from convlab.core.results import Results
    from convlab.core.verdict import Slope, Verdict

PIPED_WIDTH = 120  # columns, where the output is no terminal
SHORTEST_LABEL = 24  # columns that the label of a run has at least, where a verdict is one line
_COLOURS = {"holds": "green", "violated": "red", "inconclusive": "yellow", "not applicable": "cyan"}
_UNITS = {"power": "in log t", "linear": "per step", "order": "order"}
MOST_REASONS = 6  # why theorems that nobody asked for do not apply; verdicts.csv has them all


class Outcome(Protocol):
    """What `lab.api` returns of a run or a judgement."""

    @property
    def results(self) -> Results: ...
    @property
    def folder(self) -> Path | None: ...
    @property
    def files(self) -> tuple[Path, ...]: ...
    @property
    def failures(self) -> tuple[str, ...]: ...
    @property
    def reused(self) -> int: ...
    @property
    def ran(self) -> int: ...
    @property
    def seconds(self) -> float: ...


def console() -> Console:
    """Standard output: as wide as the terminal, or 120 columns without colours where it is none."""
    if sys.stdout.isatty():
        return Console(file=sys.stdout, highlight=False)
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdecimal() and 40 <= int(columns) <= 1000 else PIPED_WIDTH
    return Console(file=sys.stdout, width=width, highlight=False, color_system=None, force_terminal=False)


def show_outcome(outcome: Outcome) -> int:
    """Prints runs, verdicts, reasons, files, failures and the summary; returns the exit code."""
    results = outcome.results
    screen = console()
    screen.print(Text(results.title, style="bold"))
    show_runs(results, screen)
    asked = [bool(verdict.expect) or verdict.ruling != "not applicable" for verdict in results.verdicts]
    shown = condensed(results, list(itertools.compress(results.verdicts, asked)))
    if shown:
        screen.print(fitting_table(results, shown, screen))
        show_reasons(screen, shown)
        show_slopes(screen, shown)
    unasked = itertools.compress(results.verdicts, (not wanted for wanted in asked))
    show_inapplicable(screen, [verdict.why for verdict in unasked])
    for path in outcome.files:
        click.echo(Path(path).resolve())
    for failure in outcome.failures:
        click.echo(f"error: {failure}", err=True)
    click.echo(summary(outcome))
    return 0 if results.as_expected and not outcome.failures else 1


def show_inapplicable(screen: Console, whys: Sequence[str]) -> None:
    """Of theorems that nobody asked for: how many do not apply, and each reason once, the most frequent first."""
    if not whys:
        return
    screen.print(f"not applicable: {_counted(len(whys), 'theorem/run pair')}")
    table = Table(box=None, pad_edge=False, show_header=False)
    for why, times in Counter(whys).most_common(MOST_REASONS):
        table.add_row(Text(f"{times} ×"), Text(why, overflow="fold"))
    screen.print(table)
    screen.print()


def fitting_table(results: Results, verdicts: Sequence[Verdict], screen: Console) -> Table:
    """One line for each verdict where that fits (long labels of runs may be folded), else several."""
    wide = verdict_table(results, verdicts, narrow=False)
    needed = Measurement.get(screen, screen.options.update(max_width=10_000), wide).maximum
    longest = max(len(cell_label(results.traces, verdict.cells)) for verdict in verdicts)
    fits = needed - max(longest - SHORTEST_LABEL, 0) <= screen.width
    return wide if fits else verdict_table(results, verdicts, narrow=True)


def verdict_table(results: Results, verdicts: Sequence[Verdict], narrow: bool) -> Table:
    """One row per verdict, numbered as the reasons below the table are; a narrow row has several lines."""
    gap = 1 if narrow else 2
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, gap - 1, 0, 0))
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("run, theorem" if narrow else "run", overflow="fold")
    if not narrow:
        table.add_column("theorem", no_wrap=True)
    table.add_column("ruling", overflow="fold", min_width=16, max_width=17)
    table.add_column("measured\n/bound" if narrow else "worst measured\n/bound", no_wrap=True)
    units = {unit_text(verdict) for verdict in verdicts} - {""}
    unit = f"\n{units.pop()}" if len(units) == 1 else ""
    header = Text(f"slope [interval]{unit}" + (",\nclaimed" if narrow else ""))
    table.add_column(header, no_wrap=True)
    if not narrow:
        table.add_column("claimed", no_wrap=True)
    for number, verdict in enumerate(verdicts, start=1):
        label = cell_label(results.traces, verdict.cells)
        theorem = verdict.theorem + ("" if verdict.delta is None else f", δ = {verdict.delta:g}")
        worst, slope, claimed = worst_text(verdict), slope_text(verdict), claimed_text(verdict, with_unit=not unit)
        if narrow:
            run = Text.assemble(label, "\n", (theorem, "dim"))
            measured = "\n".join([slope, *([claimed] if claimed else [])])
            measured = measured.replace(" [", "\n[").replace(" (against", "\n(against").replace(" (no", "\n(no")
            table.add_row(str(number), run, ruling_text(verdict), worst.replace(" at", "\nat"), measured)
        else:
            table.add_row(str(number), label, theorem, ruling_text(verdict), worst, slope, claimed)
    return table


def show_reasons(screen: Console, verdicts: Sequence[Verdict]) -> None:
    """Why each ruling, one paragraph for all rows that have the same reason."""
    rows: dict[str, list[int]] = {}
    for number, verdict in enumerate(verdicts, start=1):
        rows.setdefault(verdict.why, []).append(number)
    screen.print()
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for why, numbers in rows.items():
        grid.add_row(_ranges(numbers), Text(why))
    screen.print(grid)
    screen.print()


def show_slopes(screen: Console, verdicts: Sequence[Verdict]) -> None:
    """Of each slope the kind of experiment, the window with the reason at either end, and the law that it presupposes;
    one paragraph for all rows that have these in common."""
    rows: dict[str, list[int]] = {}
    for number, verdict in enumerate(verdicts, start=1):
        if verdict.slope is not None:
            rows.setdefault(slope_words(verdict.slope), []).append(number)
    if not rows:
        return
    screen.print(Text("slopes, each with its experiment, its window and what was left out, and the law in it"))
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for words, numbers in rows.items():
        grid.add_row(_ranges(numbers), Text(words))
    screen.print(grid)
    screen.print()


def slope_words(slope: Slope) -> str:
    """``trajectory: t = 42 (before: transient) to 3,000: power law``."""
    law = f": {slope.law}" if slope.law else ""
    demanded = ", where the theorem's rate may be demanded" if slope.may_be_demanded else ""
    return f"{slope.sweep}{demanded}: {slope.excluded}{law}"


def ruling_text(verdict: Verdict) -> Text:
    """The ruling with a mark: ✓ as a claim expects, ✗ not; none where no claim expects anything. Vacuous is told."""
    mark = "✗ " if not verdict.as_expected else "✓ " if verdict.expect is not None else ""
    text = Text(f"{mark}{verdict.ruling}", style=_COLOURS.get(verdict.ruling, ""))
    if verdict.all_vacuous:
        text.append("\nvacuous", style="yellow")
    if not verdict.as_expected and verdict.expect is not None:
        text.append(f"\nexpected {verdict.expected}", style="bold red")
    return text


def worst_text(verdict: Verdict) -> str:
    """The largest measured/bound, and where it is reached."""
    if verdict.worst_ratio is None:
        return "–"
    where = "" if verdict.worst_t is None else f" at t = {verdict.worst_t}"
    return number_text(verdict.worst_ratio) + where


def slope_text(verdict: Verdict) -> str:
    """The measured slope with its interval, or the word that no law of this kind describes the curve."""
    slope = verdict.slope
    if slope is None:
        return "–"
    if not slope.a_law:
        return f"{three_digits(slope.value)} ({slope.law.partition(':')[0]})"
    return f"{three_digits(slope.value)} [{three_digits(slope.low)}, {three_digits(slope.high)}]"


def claimed_text(verdict: Verdict, with_unit: bool) -> str:
    """The claimed slope and, where the header does not say it, what it is a slope of."""
    claimed = "" if verdict.claimed is None or verdict.slope is None else three_digits(verdict.claimed)
    unit = f"({unit_text(verdict)})" if with_unit and verdict.slope is not None else ""
    return f"{claimed} {unit}".strip()


def unit_text(verdict: Verdict) -> str:
    """What the slope is a slope of."""
    slope = verdict.slope
    if slope is None:
        return ""
    return "against the bound" if slope.against == "bound" else _UNITS[slope.kind]


def three_digits(value: float) -> str:
    """Three significant digits, a zero at the end too.

    >>> three_digits(-0.0063149), three_digits(1.0), three_digits(123.4), three_digits(1.5e-7)
    ('-0.00631', '1.00', '123', '1.50e-07')
    """
    return f"{value:#.3g}".removesuffix(".")


def number_text(value: float) -> str:
    """Four decimals where that says something, else three digits.

    >>> number_text(1.0), number_text(2.5e-9), number_text(float("inf"))
    ('1.0000', '2.50e-09', 'inf')
    """
    if not math.isfinite(value):
        return str(value)
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.2e}"


def summary(outcome: Outcome) -> str:
    """The last line: ``4 claims: 4 as expected; 3 tasks run, 1 reused; 2.1 s``."""
    verdicts = outcome.results.verdicts
    claimed = any(verdict.expect is not None for verdict in verdicts)
    expected = sum(verdict.as_expected for verdict in verdicts)
    if claimed:
        first = f"{_counted(len(verdicts), 'ruling')} on claims: {expected} as expected"
    else:
        violated = sum(verdict.ruling == "violated" for verdict in verdicts)
        applied = sum(verdict.ruling != "not applicable" for verdict in verdicts)
        first = f"{_counted(applied, 'ruling')}, no claims: {violated} violated"
    failed = f", {len(outcome.failures)} failed" if outcome.failures else ""
    tasks = f"{_counted(outcome.ran, 'task')} run, {outcome.reused} reused{failed}"
    return f"{first}; {tasks}; {outcome.seconds:.1f} s"


def show_doctor(rows: Iterable[tuple[str, str, bool]]) -> int:
    """What the doctor found; exit code 1 where something is not well."""
    found = list(rows)
    table = Table(box=None, pad_edge=False, show_header=False)
    for what, finding, well in found:
        mark = Text("✓", style="green") if well else Text("✗", style="red")
        table.add_row(mark, Text(what), Text(finding, overflow="fold"))
    console().print(table)
    return 0 if all(well for _, _, well in found) else 1


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _ranges(numbers: list[int]) -> str:
    """Row numbers, shortened: 1-3, 7."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)
