"""What a run found, as a table: the rulings, why, what was written, and one line that sums it up."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click
from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from convlab.core.results import Results
    from convlab.core.trace import Trace
    from convlab.core.verdict import Verdict

PIPED_WIDTH = 120  # columns, where the output is no terminal
SHORTEST_LABEL = 24  # columns that the label of a run has at least, where a verdict is one line
_COLOURS = {"holds": "green", "violated": "red", "inconclusive": "yellow", "not applicable": "cyan"}
_AGAINST = {"power": "log t", "linear": "per step", "order": "order"}


class Outcome(Protocol):
    """What `lab.api` returns of a run or a judgement."""

    @property
    def results(self) -> Results: ...
    @property
    def folder(self) -> Path: ...
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
    """Prints verdicts, reasons, files, failures and the summary; returns the exit code."""
    results = outcome.results
    screen = console()
    screen.print(Text(results.title, style="bold"))
    if results.verdicts:
        screen.print(fitting_table(results, screen))
        show_reasons(screen, results.verdicts)
    for path in outcome.files:
        click.echo(Path(path).resolve())
    for failure in outcome.failures:
        click.echo(f"error: {failure}", err=True)
    click.echo(summary(outcome))
    return 0 if results.as_expected and not outcome.failures else 1


def fitting_table(results: Results, screen: Console) -> Table:
    """One line for each verdict where that fits (long labels of runs may be folded), else several."""
    wide = verdict_table(results, narrow=False)
    needed = Measurement.get(screen, screen.options.update(max_width=10_000), wide).maximum
    longest = max(len(cell_label(results.traces, verdict.cells)) for verdict in results.verdicts)
    fits = needed - max(longest - SHORTEST_LABEL, 0) <= screen.width
    return wide if fits else verdict_table(results, narrow=True)


def verdict_table(results: Results, narrow: bool) -> Table:
    """One row per verdict, numbered as the reasons below the table are; a narrow row has several lines."""
    gap = 1 if narrow else 2
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, gap - 1, 0, 0))
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("run, theorem" if narrow else "run", overflow="fold")
    if not narrow:
        table.add_column("theorem", no_wrap=True)
    table.add_column("ruling", overflow="fold", min_width=16, max_width=17)
    table.add_column("measured\n/bound" if narrow else "worst measured\n/bound", no_wrap=True)
    table.add_column("slope,\nclaimed" if narrow else "slope [interval]", no_wrap=True)
    if not narrow:
        table.add_column("claimed", no_wrap=True)
    for number, verdict in enumerate(results.verdicts, start=1):
        label = cell_label(results.traces, verdict.cells)
        worst, slope, claimed = worst_text(verdict), slope_text(verdict), claimed_text(verdict)
        if narrow:
            run = Text.assemble(label, "\n", (verdict.theorem, "dim"))
            measured = "\n".join([*slope.replace(" [", "\n[").split("\n"), *([f"{claimed}"] if claimed else [])])
            table.add_row(str(number), run, ruling_text(verdict), worst.replace(" at", "\nat"), measured)
        else:
            table.add_row(str(number), label, verdict.theorem, ruling_text(verdict), worst, slope, claimed)
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


def ruling_text(verdict: Verdict) -> Text:
    """The ruling with a mark: ✓ as expected, ✗ not."""
    mark = "✓" if verdict.as_expected else "✗"
    text = Text(f"{mark} {verdict.ruling}", style=_COLOURS.get(verdict.ruling, ""))
    if not verdict.as_expected and verdict.expect is not None:
        text.append(f"\nexpected {verdict.expect}", style="bold red")
    return text


def worst_text(verdict: Verdict) -> str:
    """The largest measured/bound, and where it is reached."""
    if verdict.worst_ratio is None:
        return "–"
    where = "" if verdict.worst_t is None else f" at t = {verdict.worst_t}"
    return number_text(verdict.worst_ratio) + where


def slope_text(verdict: Verdict) -> str:
    """The measured slope with its interval."""
    slope = verdict.slope
    if slope is None:
        return "–"
    return f"{number_text(slope.value, 3)} [{number_text(slope.low, 3)}, {number_text(slope.high, 3)}]"


def claimed_text(verdict: Verdict) -> str:
    """The claimed slope, and what it is a slope against."""
    slope = verdict.slope
    if slope is None:
        return ""
    against = "bound" if slope.against == "bound" else _AGAINST[slope.kind]
    return f"({against})" if verdict.claimed is None else f"{verdict.claimed:.3g} ({against})"


def number_text(value: float, decimals: int = 4) -> str:
    """So many decimals where that says something, else three digits.

    >>> number_text(1.0), number_text(2.5e-9), number_text(float("inf"))
    ('1.0000', '2.50e-09', 'inf')
    """
    if not math.isfinite(value):
        return str(value)
    return f"{value:.{decimals}f}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.2e}"


def cell_label(traces: Sequence[Trace], cells: tuple[int, ...]) -> str:
    """The run's label; for a sweep what its runs have in common, and their horizons."""
    present = [traces[cell] for cell in cells if 0 <= cell < len(traces)]
    if not present:
        return "–"
    labels = [trace.label or trace.setting.optimizer for trace in present]
    if len(present) == 1:
        return labels[0]
    shared = [part for part in labels[0].split(", ") if all(part in label.split(", ") for label in labels)]
    horizons = sorted({trace.setting.horizon for trace in present})
    return ", ".join([*(shared or labels[:1]), f"T = {horizons[0]} … {horizons[-1]}"])


def summary(outcome: Outcome) -> str:
    """The last line: ``4 claims: 4 as expected; 3 tasks run, 1 reused; 2.1 s``."""
    verdicts = outcome.results.verdicts
    claimed = any(verdict.expect is not None for verdict in verdicts)
    expected = sum(verdict.as_expected for verdict in verdicts)
    if claimed:
        first = f"{_counted(len(verdicts), 'ruling')} on claims: {expected} as expected"
    else:
        violated = sum(verdict.ruling == "violated" for verdict in verdicts)
        first = f"{_counted(len(verdicts), 'ruling')}, no claims: {violated} violated"
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
