"""What the plots draw, as plain arrays: one Curve per cell (or sweep) and output, one Bound per ruling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from convlab.core.errors import ConvlabError
from convlab.core.results import Results
from convlab.core.setting import EXACT_EXPECTATION, Setting
from convlab.core.trace import Trace
from convlab.plots._statistics import statistics
from convlab.plots._style import Style

_WIDE = 0.1  # of the gap at the start: the error from which on a gap is one to a bound of R*


@dataclass(frozen=True)
class Curve:
    """A measured curve: the mean over seeds at ``t`` with the limits of its 95 % confidence band.

    ``t`` counts what the x axis of the results counts.
    In a sweep ``t`` are horizons and every point is the end of its own run. ``mean`` is NaN where a seed had diverged;
    ``crosses`` are the (t, value) at which the last finite means were measured. ``low`` and ``high`` are None for one
    seed.
    """

    label: str
    style: Style
    t: np.ndarray
    mean: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None
    floor: np.ndarray
    crosses: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Group:
    """The traces behind one curve: a single cell or, in a sweep, the cells that differ in the horizon alone."""

    label: str
    cells: tuple[int, ...]


def groups(results: Results) -> tuple[Group, ...]:
    """The cells of each curve, in the order of the traces."""
    if results.kind == "trajectory":
        return tuple(Group(name(trace), (i,)) for i, trace in enumerate(results.traces))
    found: dict[str, list[int]] = {}
    for i, trace in enumerate(results.traces):
        found.setdefault(identity(trace.setting), []).append(i)
    traces = results.traces
    ordered = (sorted(cells, key=lambda i: traces[i].setting.horizon) for cells in found.values())
    return tuple(Group(shared_name([name(traces[i]) for i in cells]), tuple(cells)) for cells in ordered)


def name(trace: Trace) -> str:
    """The label of a cell; made from its optimizer where it has none."""
    if trace.label:
        return trace.label
    hyper = [f"{key} = {value.written}" for key, value in sorted(trace.setting.hyper.items())]
    return ", ".join([trace.setting.optimizer, *hyper])


def identity(setting: Setting, any_step: bool = False, any_problem: bool = False) -> str:
    """Everything as the config wrote it, except the horizon, and the step size or the problem's parameters if told."""
    steps = ("step_size", "learning_rate") if any_step else ()
    hyper = sorted((key, value.written) for key, value in setting.hyper.items() if key not in steps)
    problem = {} if any_problem else setting.problem_parameters
    tables = [sorted(table.items()) for table in (setting.options, problem, setting.oracle_parameters)]
    return repr((setting.problem, setting.oracle, setting.optimizer, setting.dtype, hyper, tables))


def shared_name(labels: list[str]) -> str:
    """The parts (between commas) that all labels share: "gd, T = 10" and "gd, T = 100" give "gd"."""
    parts = [label.split(", ") for label in labels]
    shared = [part for part in parts[0] if all(part in other for other in parts[1:])]
    return ", ".join(shared) or labels[0]


def drawn(results: Results) -> tuple[tuple[int, str], ...]:
    """(group, output) of every curve: the outputs asked for, and where a theorem judged another one, that one too."""
    found = groups(results)
    pairs = [(g, output) for g in range(len(found)) for output in results.outputs]
    for verdict in results.verdicts:
        judged = fact(results, verdict.theorem, "output", None)
        if verdict.t is not None and judged is not None:
            pairs += [(g, judged) for g, group in enumerate(found) if set(group.cells) & set(verdict.cells)]
    for g in set(range(len(found))) - {
        g for g, _ in pairs
    }:  # of a run that nothing judged, where no output is asked for
        pairs.append((g, next(iter(results.traces[found[g].cells[0]].measured))))
    unique = sorted(set(pairs), key=lambda pair: (pair[0], pairs.index(pair)))
    return tuple((g, o) for g, o in unique if any(o in results.traces[i].measured for i in found[g].cells))


def outputs(results: Results) -> tuple[str, ...]:
    """The outputs that are drawn."""
    return tuple(dict.fromkeys(output for _, output in drawn(results)))


def fact(results: Results, theorem: str, key: str, default: Any) -> Any:
    """A fact about a theorem, or the default where the results do not hold it."""
    return results.theorems.get(theorem, {}).get(key, default)


def styles(results: Results) -> dict[tuple[int, str], Style]:
    """(group, output) -> style; the same in every plot of these results."""
    return {pair: Style(i) for i, pair in enumerate(drawn(results))}


def curves(results: Results, quantity: str) -> list[Curve]:
    """All measured curves of a quantity; those without a single number are left out."""
    several = len(outputs(results)) > 1
    found = []
    for (g, output), look in styles(results).items():
        group = groups(results)[g]
        traces = [results.traces[i] for i in group.cells]
        traces = [trace for trace in traces if quantity in trace.measured.get(output, {})]
        if traces:
            label = group.label + (f", {output}" if several else "") + seeds(traces)
            counts = [counted(results, trace) for trace in traces]
            found.append(_curve(traces, counts, output, quantity, results.kind != "trajectory", label, look))
    return [c for c in found if np.isfinite(c.mean).any() or c.crosses]


def counted(results: Results, trace: Trace) -> float:
    """What a step counts for on an x axis: 1, its row gradients, or those over the number of rows.

    Raises `ConvlabError` for epochs of a run without data.
    """
    if results.x == "steps":
        return 1.0
    if results.x == "row gradients":
        return float(trace.rows_per_step)
    if trace.rows == 0:
        raise ConvlabError(
            f'{results.name}: [figures] x = "epochs" needs data, and {name(trace)} has none; '
            'allowed: "steps", "row gradients"'
        )
    return float(trace.rows_per_step) / trace.rows


def _curve(
    traces: list[Trace], counts: list[float], output: str, quantity: str, sweep: bool, label: str, look: Style
) -> Curve:
    t, points, floor = [], [], []
    crosses = []
    for trace, count in zip(traces, counts, strict=True):
        mean, low, high = statistics(trace.measured[output][quantity])
        finite = np.flatnonzero(np.isfinite(mean))
        diverged = "diverged" in trace.status
        if diverged and finite.size:
            last = int(finite[-1])
            crosses.append((count * float(trace.setting.horizon if sweep else trace.t[last]), float(mean[last])))
        here = slice(-1, None) if sweep else slice(None)
        points.append(np.stack([mean, low, high])[:, here])
        if sweep and diverged:
            points[-1] = np.full((3, 1), np.nan)
        t.append(count * np.asarray([trace.setting.horizon] if sweep else trace.t, dtype=float))
        floor.append(trace.floor_of(quantity, output).max(axis=0)[here])
    mean, low, high = np.concatenate(points, axis=1)
    band = any(len(trace.seeds) > 1 for trace in traces) and bool((high > low).any())
    return Curve(
        label,
        look,
        np.concatenate(t),
        mean,
        low if band else None,
        high if band else None,
        np.concatenate(floor),
        tuple(crosses),
    )


def seeds(traces: list[Trace]) -> str:
    """What a legend adds to a label: how many seeds, and how many of them diverged."""
    counts = sorted({len(trace.seeds) for trace in traces})
    words = []
    if counts[-1] > 1:
        words.append("–".join(str(count) for count in dict.fromkeys((counts[0], counts[-1]))) + " seeds")
    elif traces[0].setting.oracle != "exact" and EXACT_EXPECTATION not in traces[0].setting.traits:
        words.append("1 seed")
    gone = sum(trace.status.count("diverged") for trace in traces)
    total = sum(len(trace.status) for trace in traces)
    if gone:
        of = "" if total == 1 else f"{gone} of {total} runs " if len(traces) > 1 else f"{gone} "
        words.append(f"{of}diverged")
    return f" ({', '.join(words)})" if words else ""


def least(results: Results) -> str:
    """What the gap is one to: R(θ*) ("attained"), inf R where no run's problem has a minimiser ("infimum"), or, where
    R* is known from one side alone, so that its interval is no smaller than a tenth of the gap at the start, that side
    ("bounded")."""
    for trace in results.traces:
        for measured in trace.measured.values():
            start = np.asarray(measured.get("gap", np.full((1, 1), np.nan)))[:, 0]
            if np.isfinite(start).any() and trace.error.get("gap", 0.0) >= _WIDE * np.nanmax(start) > 0:
                return "bounded"
    if not results.traces or any("has minimiser" in trace.setting.traits for trace in results.traces):
        return "attained"
    return "infimum"
