"""How many steps a method needs to reach an accuracy: T(ε), with its exponent where the horizon was swept."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from convlab.core.errors import ConvlabError
from convlab.core.expression import Expression
from convlab.core.results import Results
from convlab.core.setting import Setting
from convlab.core.trace import Trace
from convlab.plots import _axes as ax
from convlab.plots import _bounds as held
from convlab.plots import _curves as data
from convlab.plots import _layout as layout
from convlab.plots._statistics import Exponent, exponent
from convlab.plots._style import BROAD, PALE, SHARED, Style, style
from convlab.plots._text import math_or_plain, plain
from convlab.plots._time import positive

FINEST = 1e-16  # of the largest gap: no accuracy below it is worth an axis
BEYOND = 0.03  # of the finest accuracy of a sweep: how much farther the axis shows trajectories
COUNTS = {"steps": "steps $T$", "epochs": "epochs (row gradients / $n$)", "row gradients": "row gradients"}


@dataclass(frozen=True)
class _Curve:
    """What reaching ε costs: points of a sweep, or the way down a single run."""

    label: str
    style: Style
    epsilon: np.ndarray
    cost: np.ndarray
    swept: bool
    slope: Exponent | None


def plot(results: Results) -> Figure:
    """The steps after which R(θ_T) − R(θ*) ≤ ε, against ε on log-log axes; exponents where the horizon was swept.

    Of a sweep: a point (gap at T, T) per horizon, and the exponent d log T / d log ε of a least-squares line. Of a
    trajectory, and of a fixed problem within a worst-case sweep: the first t at which the mean over seeds is at most ε,
    on straight lines between the checkpoints of its running minimum. Points below the rounding floor are left out,
    and the axis ends at 10⁻¹⁶ of the largest gap. Raises `ConvlabError` where no gap falls.
    """
    with style():
        found = [curve for curve in _curves(results) if curve.epsilon.size > 1]
        if not found:
            raise ConvlabError(f"{results.name}: steps_to_epsilon needs a run whose gap falls; none was measured")
        figure, (axes,) = layout.sheet(1)
        bounds = [b for b in held.bounds(results) if b.quantity == "gap" and b.upper]
        bounds = [b for b in bounds if b.style in {curve.style for curve in found}]
        epsilon = positive([c.epsilon for c in found])
        finest = max(float(epsilon.min()), FINEST * float(epsilon.max()))
        if swept := [c.epsilon for c in found if c.swept and c.epsilon.size]:  # a trajectory may go on for decades
            finest = max(finest, BEYOND * float(positive(swept).min()))
        cost = positive([c.cost[c.epsilon >= finest] for c in found])
        low, high = ax.padded(finest, float(epsilon.max()))
        word = r"accuracy $\varepsilon$ of the " + ax.symbol(
            "gap", results.kind != "trajectory", data.outputs(results) != ("last",), data.least(results)
        )
        ax.horizontal(axes, low, high, f"{word},  decreasing", falling=True)
        low, high = ax.padded(float(cost.min()), float(cost.max()))
        ax.vertical(axes, low, high, f"{COUNTS[results.x]} to reach " + r"$\varepsilon$")
        entries = [_draw(axes, curve) for curve in found]
        entries += _draw_bounds(axes, bounds)
        read = [r"Exponents are $\mathrm{d}\log T/\mathrm{d}\log\varepsilon$ with their intervals"]
        layout.finish(figure, [axes], layout.header(results, read if any(c.slope for c in found) else ()), entries)
    return figure


def _curves(results: Results) -> list[_Curve]:
    found = []
    several = len(data.outputs(results)) > 1
    for (g, output), look in data.styles(results).items():
        group = data.groups(results)[g]
        traces = [results.traces[i] for i in group.cells if "gap" in results.traces[i].measured.get(output, {})]
        if not traces:
            continue
        label = group.label + (f", {output}" if several else "") + data.seeds(traces)
        kinds = {"worst-case sweep": "worst-case sweep", "horizon sweep": "horizon sweep"}
        fixed = results.kind == "worst-case sweep" and not depends([trace.setting for trace in traces])
        if results.kind == "trajectory" or (fixed and _same_steps(traces)):
            where = "trajectory" if results.kind == "trajectory" else "trajectory of a fixed problem"
            found.append(_along(results, traces[-1], output, f"{label} – {where}", look))
        else:
            where = "fixed problem, swept over $T$" if fixed else kinds[results.kind]
            curve = _swept(results, traces, output, f"{label} – {where}", look)
            # beside worst cases a fixed problem is a curve of its own, not a law
            found.append(dataclasses.replace(curve, slope=None) if fixed else curve)
    return found


def depends(settings: Sequence[Setting]) -> bool:
    """Whether the problem depends on the horizon: by a parameter written with T, or by constants that differ."""
    written = [value for value in settings[0].problem_parameters.values() if isinstance(value, str)]
    if any(_names_horizon(text) for text in written):
        return True
    known = [{name: round(float(k.value), 300) for name, k in s.known.items()} for s in settings]
    return any(
        name not in other or not np.isclose(value, other[name], rtol=1e-9, atol=0.0)
        for other in known[1:]
        for name, value in known[0].items()
    )


def _names_horizon(text: str) -> bool:
    try:
        return "T" in Expression(text).names
    except ConvlabError:  # a word, such as the name of a data set
        return False


def _same_steps(traces: Sequence[Trace]) -> bool:
    """Whether all runs of a sweep take the same steps, so that the longest one holds the others."""
    first = {name: (hyper.value, "T" in hyper.names) for name, hyper in traces[0].setting.hyper.items()}
    others = [{n: (h.value, "T" in h.names) for n, h in trace.setting.hyper.items()} for trace in traces]
    return all(other == first for other in others) and not any(named for _, named in first.values())


def _swept(results: Results, traces: Sequence[Trace], output: str, label: str, look: Style) -> _Curve:
    ends = [np.asarray(trace.measured[output]["gap"], dtype=float)[:, -1] for trace in traces]
    cost = np.array([data.counted(results, trace) * trace.setting.horizon for trace in traces])
    keep = [
        k
        for k, (trace, end) in enumerate(zip(traces, ends, strict=True))
        if np.isfinite(end).all()
        and end.mean() > trace.floor_of("gap", output)[:, -1].max()
        and "diverged" not in trace.status
    ]
    values = [ends[k] for k in keep]
    fitted = exponent(cost[keep], values)  # T is exact and the gap is not: so the gap is fitted, and the fit inverted
    slope = fitted.inverse() if fitted is not None and fitted.value < 0 else None
    if slope is not None and slope.high - slope.low > abs(slope.value):
        slope = None  # no power law: an exponent would say nothing
    return _Curve(label, look, np.array([v.mean() for v in values]), cost[keep], True, slope)


def _along(results: Results, trace: Trace, output: str, label: str, look: Style) -> _Curve:
    """(ε, the first t with mean ≤ ε): the points where the running minimum falls."""
    mean = trace.mean(output, "gap")
    usable = np.isfinite(mean) & (mean > trace.floor_of("gap", output).max(axis=0)) & (trace.t > 0)
    t, values = data.counted(results, trace) * trace.t[usable], mean[usable]
    least = np.minimum.accumulate(values) if values.size else values
    falls = np.append(True, np.diff(least) < 0) if values.size else np.zeros(0, dtype=bool)
    return _Curve(label, look, values[falls], t[falls], False, None)


def _draw(axes: Axes, curve: _Curve) -> tuple[Artist, str]:
    seen = np.flatnonzero(curve.epsilon >= axes.get_xlim()[1])
    marked = seen if curve.swept or not seen.size else seen[ax.sparse(1 / curve.epsilon[seen], curve.style.index)]
    line = curve.style.line("none" if curve.swept else "-")
    line.set(data=(curve.epsilon, curve.cost), markevery=[int(k) for k in marked], zorder=2.5, label=curve.label)
    axes.add_line(line)
    label = math_or_plain(curve.label)
    if curve.slope is not None:
        x, y = np.log(curve.epsilon), np.log(curve.cost)
        middle, ends = (x.mean(), y.mean()), np.array([x.min(), x.max()])
        fit = np.exp(middle[1] + curve.slope.value * (ends - middle[0]))
        axes.plot(np.exp(ends), fit, color=curve.style.colour, linewidth=1.0, alpha=0.7, zorder=2.3, label="_fit")
        label += f": exponent {curve.slope}"
    return curve.style.line("none" if curve.swept else "-"), label


def _draw_bounds(axes: Axes, bounds: Sequence[held.Bound]) -> list[tuple[Artist, str]]:
    """What the theorems promise: the T at which a bound is ε."""
    entries: dict[str, tuple[Artist, str]] = {}
    colours: dict[str, set[str]] = {}
    for bound in bounds:
        shown = np.isfinite(bound.value) & (bound.value > ax.LEAST) & (bound.t > 0)
        if bound.verdict.ratio is None or shown.sum() < 2:
            continue
        look: dict[str, Any] = {"linestyle": held.dashes(bound), "linewidth": BROAD, "alpha": PALE}
        name, colour = bound.theorem, bound.style.colour
        axes.plot(bound.value[shown], bound.t[shown], color=colour, zorder=2.2, label=f"_bound {name}", **look)
        colours.setdefault(name, set()).add(colour)
        handle = Line2D([], [], color=colour if len(colours[name]) == 1 else SHARED, **look)
        entries[name] = (handle, f"enough by the theorem: {plain(bound.title)}")
    return list(entries.values())
