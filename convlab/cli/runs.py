"""The runs themselves as a table: how long, how many seeds, where they ended, and whether they diverged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from convlab.core.setting import EXACT_EXPECTATION

if TYPE_CHECKING:
    from convlab.core.results import Results
    from convlab.core.trace import Trace

MOST_ROWS = 12


def show_runs(results: Results, screen: Console) -> None:
    """A row for each run; the runs of a sweep over horizons are one row."""
    groups = _groups(results.traces, results.kind != "trajectory")
    if not groups:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("run", overflow="fold", min_width=min(24, max(len(_label(group)) for group in groups)))
    table.add_column("steps", justify="right", no_wrap=True)
    table.add_column("seeds", justify="right", no_wrap=True)
    table.add_column("final gap", justify="right", no_wrap=True)
    table.add_column("status", overflow="fold")
    for group in groups[:MOST_ROWS]:
        status = status_text(group)
        computed = EXACT_EXPECTATION in group[0].setting.traits
        seeds = "exact" if computed else str(max(len(trace.status) for trace in group))
        style = "" if status == "done" else "yellow"
        table.add_row(Text(_label(group)), _steps(group), seeds, _gaps(group), Text(status, style=style))
    screen.print(table)
    if len(groups) > MOST_ROWS:
        screen.print(f"… and {len(groups) - MOST_ROWS} more (summary.csv has all)")
    screen.print()


def cell_label(traces: Sequence[Trace], cells: tuple[int, ...]) -> str:
    """The run's label; for a sweep what its runs have in common, and their horizons."""
    present = [traces[cell] for cell in cells if 0 <= cell < len(traces)]
    if not present:
        return "–"
    return _label(present) if len(present) == 1 else f"{_label(present)}, {_steps(present)}"


def status_text(group: Sequence[Trace]) -> str:
    """Whether the runs went well to their end, and if none did, by when they had diverged."""
    ends = [end for trace in group for end in _divergences(trace)]
    total = sum(len(trace.status) for trace in group)
    if not ends:
        return "done"
    if len(ends) < total:
        return f"{len(ends)} of {total} {'seeds' if len(group) == 1 else 'runs'} diverged"
    return f"diverged by t = {min(ends)}" + (f" … {max(ends)}" if max(ends) > min(ends) else "")


def _divergences(trace: Trace) -> list[int]:
    """Of each seed that diverged, the first checkpoint without a finite measurement, or the last where all have one."""
    quantities = list(next(iter(trace.measured.values()), {}).values())
    found = []
    for seed, word in enumerate(trace.status):
        if word != "done":
            lengths = [sum(math.isfinite(value) for value in values[seed]) for values in quantities]
            found.append(int(trace.t[min(max(lengths, default=0), len(trace.t) - 1)]))
    return found


def _groups(traces: Sequence[Trace], sweep: bool) -> list[list[Trace]]:
    """Runs that differ in the horizon alone are together in a sweep, as they are judged."""
    together: dict[str, list[Trace]] = {}
    for number, trace in enumerate(traces):
        setting = trace.setting
        parts = (setting.problem, dict(setting.problem_parameters), setting.oracle, dict(setting.oracle_parameters))
        written = {name: hyper.written for name, hyper in setting.hyper.items()}
        key = (trace.label, *parts, setting.optimizer, written, dict(setting.options))
        together.setdefault(repr(key) if sweep else str(number), []).append(trace)
    return [sorted(group, key=lambda trace: trace.setting.horizon) for group in together.values()]


def _label(group: Sequence[Trace]) -> str:
    labels = [trace.label or trace.setting.optimizer for trace in group]
    shared = [part for part in labels[0].split(", ") if all(part in label.split(", ") for label in labels)]
    distinct = len(set(labels))
    return ", ".join(shared or labels[:1]) + (f" ({distinct} runs)" if distinct > 1 else "")


def _steps(group: Sequence[Trace]) -> str:
    horizons = sorted({trace.setting.horizon for trace in group})
    return str(horizons[0]) if len(horizons) == 1 else f"T = {horizons[0]} … {horizons[-1]}"


def _gaps(group: Sequence[Trace]) -> str:
    """The gap at the end, of a sweep that of its shortest and its longest run."""
    first, last = _final_gap(group[0]), _final_gap(group[-1])
    return last if len(group) == 1 else f"{first} … {last}"


def _final_gap(trace: Trace) -> str:
    """The mean over seeds at the last checkpoint of the last iterate, or of the first output; – where not finite."""
    output = "last" if "last" in trace.measured else next(iter(trace.measured), "")
    if "gap" not in trace.measured.get(output, {}):
        return "–"
    mean = float(trace.mean(output, "gap")[-1])
    return f"{mean:.3g}" if math.isfinite(mean) else "–"
