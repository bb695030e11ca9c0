"""What the plots draw, as plain arrays: one Curve per cell (or sweep) and output, one Bound per ruling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from convlab.core.results import Results
from convlab.core.setting import Setting
from convlab.core.trace import Trace
from convlab.core.verdict import Verdict
from convlab.plots._style import Style

_LOG_LARGEST = 705.0  # e^705 is finite in float64, and stays so when an axis adds its margin


@dataclass(frozen=True)
class Curve:
    """A measured curve: the mean over seeds at ``t`` with the limits of its 95 % confidence band.

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
class Bound:
    """The judged curve of one verdict: the bound, and measured/bound, at ``t``; NaN where float64 cannot hold them."""

    verdict: Verdict
    theorem: str
    title: str
    formula: str
    upper: bool
    quantity: str
    rank: int  # of the theorem among those drawn: its dash pattern
    label: str  # of the curve that was judged
    style: Style
    t: np.ndarray
    value: np.ndarray
    ratio: np.ndarray
    floor: float  # of the quantity: what was measured below it was not judged


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
        found.setdefault(_identity(trace.setting), []).append(i)
    traces = results.traces
    ordered = (sorted(cells, key=lambda i: traces[i].setting.horizon) for cells in found.values())
    return tuple(Group(_shared_name([name(traces[i]) for i in cells]), tuple(cells)) for cells in ordered)


def name(trace: Trace) -> str:
    """The label of a cell; made from its optimizer where it has none."""
    if trace.label:
        return trace.label
    hyper = [f"{key} = {value.written}" for key, value in sorted(trace.setting.hyper.items())]
    return ", ".join([trace.setting.optimizer, *hyper])


def _identity(setting: Setting) -> str:
    """Everything as the config wrote it, except the horizon."""
    hyper = sorted((key, value.written) for key, value in setting.hyper.items())
    tables = [
        sorted(table.items()) for table in (setting.options, setting.problem_parameters, setting.oracle_parameters)
    ]
    return repr((setting.problem, setting.oracle, setting.optimizer, setting.dtype, hyper, tables))


def _shared_name(labels: list[str]) -> str:
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
            label = group.label + (f", {output}" if several else "") + _seeds(traces)
            found.append(_curve(traces, output, quantity, results.kind != "trajectory", label, look))
    return [c for c in found if np.isfinite(c.mean).any() or c.crosses]


def _curve(traces: list[Trace], output: str, quantity: str, sweep: bool, label: str, look: Style) -> Curve:
    t, points, floor = [], [], []
    crosses = []
    for trace in traces:
        mean, low, high = statistics(trace.measured[output][quantity])
        finite = np.flatnonzero(np.isfinite(mean))
        diverged = "diverged" in trace.status
        if diverged and finite.size:
            last = int(finite[-1])
            crosses.append((float(trace.setting.horizon if sweep else trace.t[last]), float(mean[last])))
        here = slice(-1, None) if sweep else slice(None)
        points.append(np.stack([mean, low, high])[:, here])
        if sweep and diverged:
            points[-1] = np.full((3, 1), np.nan)
        t.append(np.asarray([trace.setting.horizon] if sweep else trace.t, dtype=float))
        floor.append(np.full(t[-1].shape, float(trace.floor.get(quantity, 0.0))))
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


def _seeds(traces: list[Trace]) -> str:
    """What a legend adds to a label: how many seeds, and how many of them diverged."""
    counts = sorted({len(trace.seeds) for trace in traces})
    words = []
    if counts[-1] > 1:
        words.append("–".join(str(count) for count in dict.fromkeys((counts[0], counts[-1]))) + " seeds")
    elif traces[0].setting.oracle != "exact":
        words.append("1 seed")
    gone = sum(trace.status.count("diverged") for trace in traces)
    total = sum(len(trace.status) for trace in traces)
    if gone:
        of = "" if total == 1 else f"{gone} of {total} runs " if len(traces) > 1 else f"{gone} "
        words.append(f"{of}diverged")
    return f" ({', '.join(words)})" if words else ""


def statistics(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over seeds [K] and the limits of its 95 % confidence interval, from [S, K].

    The interval is Student's for log(mean), by the delta method: mean·exp(± t₀.₉₇₅(S−1)·s/(mean·√S)). So it stays
    positive, and it is symmetric on the axis that it is drawn on. One seed, or a mean that is not positive, has none.
    """
    values = np.asarray(values, dtype=float)
    seeds = values.shape[0]
    finite = np.isfinite(values).all(axis=0)
    values = np.where(finite, values, np.nan)
    scale = np.where(finite, np.abs(values).max(axis=0), 1.0)  # so that no sum or square overflows or underflows
    scale = np.where(scale > 0, scale, 1.0)
    unit = values / scale
    mean = unit.mean(axis=0)
    if seeds == 1:
        return mean * scale, mean * scale, mean * scale
    positive = mean > 0
    error = np.where(positive, unit.std(axis=0, ddof=1) / np.sqrt(seeds) / np.where(positive, mean, 1.0), 0.0)
    log_mean = np.log(np.where(positive, mean, 1.0)) + np.log(scale)
    low, high = (
        np.exp(np.clip(log_mean + sign * student(seeds - 1) * error, -_LOG_LARGEST, _LOG_LARGEST)) for sign in (-1, 1)
    )
    return mean * scale, np.where(positive, low, mean * scale), np.where(positive, high, mean * scale)


def student(freedom: int) -> float:
    """The 0.975 quantile of Student's t (Abramowitz and Stegun 26.7.5; closed forms below three degrees of freedom).

    >>> round(student(9), 3)
    2.262
    """
    if freedom == 1:
        return math.tan(0.475 * math.pi)
    if freedom == 2:
        return 0.95 * math.sqrt(2 / (1 - 0.95 * 0.95))
    z: float = 1.959963984540054
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + float(sum(term / freedom ** (k + 1) for k, term in enumerate(terms)))


def bounds(results: Results) -> list[Bound]:
    """The curve of every verdict that has one."""
    found = groups(results)
    group_of = {cell: g for g, group in enumerate(found) for cell in group.cells}
    looks = styles(results)
    ruled = [v for v in results.verdicts if v.t is not None and v.log_bound is not None and v.cells[0] in group_of]
    ranks = {theorem: i for i, theorem in enumerate(dict.fromkeys(v.theorem for v in ruled))}
    default = (outputs(results) or ("last",))[0]
    every = []
    for verdict in ruled:
        output = fact(results, verdict.theorem, "output", default)
        g = group_of[verdict.cells[0]]
        quantity = fact(results, verdict.theorem, "quantity", "gap")
        t, value, ratio = _judged(results, verdict)
        several = len(outputs(results)) > 1
        every.append(
            Bound(
                verdict,
                verdict.theorem,
                title(results, verdict.theorem),
                results.formulas.get(verdict.theorem, ""),
                fact(results, verdict.theorem, "kind", "upper") == "upper",
                quantity,
                ranks[verdict.theorem],
                found[g].label + (f", {output}" if several else ""),
                looks.get((g, output), looks.get((g, default), Style(g))),
                t,
                value,
                ratio,
                max(results.traces[i].floor.get(quantity, 0.0) for i in verdict.cells),
            )
        )
    return every


def _judged(results: Results, verdict: Verdict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """t, bound and ratio of a verdict; in a sweep only at the horizons of its cells."""
    t = np.asarray(verdict.t, dtype=float)
    logs = np.asarray(verdict.log_bound, dtype=float)
    representable = np.isfinite(logs) & (np.abs(logs) < _LOG_LARGEST)
    value = np.where(representable, np.exp(np.where(representable, logs, 0.0)), np.nan)
    ratio = np.full_like(value, np.nan) if verdict.ratio is None else np.asarray(verdict.ratio, dtype=float)
    if results.kind == "trajectory":
        return t, value, ratio
    keep = np.isin(t, [results.traces[i].setting.horizon for i in verdict.cells])
    return t[keep], value[keep], ratio[keep]


def title(results: Results, theorem: str) -> str:
    """What a figure calls a theorem."""
    return str(fact(results, theorem, "title", "") or theorem.replace("_", " "))


def attained(results: Results) -> bool:
    """Whether some run's problem has a minimiser: where none has, the gap is one to inf R."""
    return not results.traces or any("has minimiser" in trace.setting.traits for trace in results.traces)


def panels(results: Results) -> tuple[str, ...]:
    """The quantities that deserve axes: the gap, and what else a theorem judged; ‖∇R‖² where there is no gap."""
    judged = [bound.quantity for bound in bounds(results)]
    first = "gap" if curves(results, "gap") or not curves(results, "grad_norm2") else "grad_norm2"
    return tuple(dict.fromkeys([first, *judged]))
