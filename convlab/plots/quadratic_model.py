"""How well the quadratic model predicted what each step gained: the decrease of R, and the share that it missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from convlab.core.errors import ConvlabError
from convlab.core.results import Results
from convlab.core.trace import OF_STEPS, Trace
from convlab.plots import _axes as ax
from convlab.plots import _curves as data
from convlab.plots import _layout as layout
from convlab.plots._style import BROAD, DASHES, PALE, SHARED, Style, style
from convlab.plots._text import plain
from convlab.plots._time import TimeAxis, positive

CLEAR = 100.0  # times the floor of ‖∇R‖²: where a step has to start, as in the rulings
LINEAR = 60  # steps up to which the axis of t is linear
DEEP = 1e-40  # of the largest value: how far down an axis goes
ABOVE = 1e3  # times the largest error: how far up the limits of a theorem may take the axis
SHADE: dict[str, Any] = {"linewidth": 5.0, "alpha": 0.3, "solid_capstyle": "butt"}  # of what was predicted


@dataclass(frozen=True)
class _Curve:
    label: str
    style: Style
    t: np.ndarray  # the step that leads to θ_t
    predicted: np.ndarray
    actual: np.ndarray
    missed: np.ndarray  # |actual/predicted − 1|
    limit: np.ndarray  # (M/6)‖s‖³ over what was predicted, NaN where no M is known


def plot(results: Results) -> Figure:
    """Decrease of R per step, as the quadratic model predicted it and as it was; beside it |actual/predicted − 1|.

    The model is R(θ_t) + ⟨∇R(θ_t), s⟩ + ½ sᵀ∇²R(θ_t) s for the step s from θ_t to θ_{t+1}. Dashes are the limit of the
    theorem, (M/6)‖s‖³ over the predicted decrease, where M is known. Over seeds both sides of a ratio are averaged. A
    step that starts below the rounding floor is left out. Raises `ConvlabError` where no model was measured.
    """
    with style():
        found = _curves(results)
        if not found:
            raise ConvlabError(
                f"{results.name}: quadratic_model needs steps whose model was measured: R twice differentiable, the "
                "output last, and this kind in [figures], or a claim of quadratic_model_error, when it runs"
            )
        figure, (left, right) = layout.sheet(2)
        last = max(float(c.t.max()) for c in found)
        linear = last <= LINEAR * max(data.counted(results, trace) for trace in results.traces)
        time = TimeAxis.over([c.t for c in found], results.x, linear)
        for panel in (left, right):
            time.draw(panel, False)
        _gains(left, time, found)
        _misses(right, time, found)
        read = ["Steps that start below the rounding floor are left out"]
        if any(len(trace.seeds) > 1 for trace in results.traces):
            read.append("Means over seeds")
        if results.kind != "trajectory":
            read.append("Of each method the longest run")
        layout.finish(figure, [left, right], layout.header(results, read), _entries(found, [left, right]))
    return figure


def _curves(results: Results) -> list[_Curve]:
    found = []
    for (g, output), look in data.styles(results).items():
        group = data.groups(results)[g]
        trace = results.traces[group.cells[-1]]
        if output == "last" and set(OF_STEPS) <= trace.measured.get(output, {}).keys():
            curve = _curve(trace, group.label + data.seeds([trace]), look, data.counted(results, trace))
            found += [curve] if np.isfinite(curve.missed).any() else []
    return found


def _curve(trace: Trace, label: str, look: Style, count: float) -> _Curve:
    """The means over the seeds whose step is clean; NaN where none is."""
    measured, at = trace.measured["last"], np.flatnonzero(np.diff(trace.t) == 1) + 1
    step2, predicted, error = (np.asarray(measured[name], dtype=float)[:, at] for name in OF_STEPS)
    start = np.asarray(measured["grad_norm2"], dtype=float)[:, at - 1]
    with np.errstate(invalid="ignore"):
        clean = np.isfinite(error) & (step2 > 0) & (start > CLEAR * trace.floor_of("grad_norm2")[:, at - 1])
    known = trace.setting.known
    M = known["M"].value if "M" in known and "Lipschitz Hessian" in trace.setting.traits else np.nan
    with np.errstate(over="ignore", invalid="ignore"):
        bound = M / 6 * step2**1.5
        parts = [_mean(values, clean) for values in (predicted, predicted - error, np.abs(error), bound)]
        of = _mean(np.abs(predicted), clean)
        missed, limit = (np.divide(part, of, where=of > 0, out=np.full_like(of, np.nan)) for part in parts[2:])
    return _Curve(label, look, count * trace.t[at].astype(float), parts[0], parts[1], missed, limit)


def _mean(values: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """[K]: the mean over the seeds that count, NaN where none does."""
    counts = clean.sum(axis=0)
    total = np.where(clean, values, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, counts, where=counts > 0, out=np.full(total.shape, np.nan)))


def _gains(panel: Axes, time: TimeAxis, found: Sequence[_Curve]) -> None:
    """Left: what was predicted, broad and pale, under what was gained."""
    values = positive([array for c in found for array in (c.predicted, c.actual)])
    high = float(values.max()) if values.size else 1.0
    low = max(float(values.min()) if values.size else 0.1, high * DEEP)
    ax.vertical(panel, *ax.padded(low, high), "decrease of $R$ in a step")
    for curve in found:
        _shade(panel, time, curve)
        _line(panel, time, curve, curve.actual)
        for array in (curve.predicted, curve.actual):
            ax.zeros(panel, time.at(curve.t), array, curve.style.colour, panel.get_ylim()[0])


def _misses(panel: Axes, time: TimeAxis, found: Sequence[_Curve]) -> None:
    """Right: the share of the predicted decrease by which the model was wrong, under the theorem's limit."""
    values, limits = positive([c.missed for c in found]), positive([c.limit for c in found])
    if not values.size:
        values = limits if limits.size else np.array([1e-16, 1.0])
    high = max(float(values.max()), min(float(limits.max()) if limits.size else 0.0, ABOVE * float(values.max())))
    low = max(float(values.min()), high * DEEP)
    ax.vertical(panel, *ax.padded(low, high), "|actual / predicted − 1|")
    for curve in found:
        panel.plot(
            time.at(curve.t), ax.loggable(curve.limit), color=curve.style.colour, linestyle=DASHES[0], linewidth=BROAD,
            alpha=PALE, zorder=2.2, label=f"_limit {curve.label}",
        )  # fmt: skip
        _line(panel, time, curve, curve.missed)
        ax.zeros(panel, time.at(curve.t), curve.missed, curve.style.colour, panel.get_ylim()[0])


def _shade(panel: Axes, time: TimeAxis, curve: _Curve) -> None:
    shown = ax.loggable(curve.predicted)
    panel.plot(
        time.at(curve.t), shown, color=curve.style.colour, zorder=1.8, marker="o", markersize=5, markeredgewidth=0,
        markevery=_alone(shown).tolist(), label=f"_predicted {curve.label}", **SHADE,
    )  # fmt: skip


def _line(panel: Axes, time: TimeAxis, curve: _Curve, values: np.ndarray) -> None:
    x, shown = time.at(curve.t), ax.loggable(values)
    here = np.flatnonzero(np.isfinite(shown))
    marked = here[ax.sparse(x[here], curve.style.index, linear=time.linear)] if here.size else here
    line = curve.style.line("-")
    line.set(data=(x, shown), markevery=np.union1d(marked, _alone(shown)).tolist(), zorder=2.5, label=curve.label)
    panel.add_line(line)


def _alone(shown: np.ndarray) -> np.ndarray:
    """Where a value has no neighbour to be joined with."""
    there = np.isfinite(np.pad(shown, 1, constant_values=np.nan))
    return np.flatnonzero(there[1:-1] & ~there[:-2] & ~there[2:])


def _entries(found: Sequence[_Curve], panels: Sequence[Axes]) -> list[tuple[Artist, str]]:
    entries: list[tuple[Artist, str]] = [(c.style.line("-"), plain(c.label)) for c in found]
    entries.append((Line2D([], [], color=SHARED, **SHADE), "decrease that the quadratic model predicted"))
    if any((c.limit > 0).any() for c in found):
        handle = Line2D([], [], color=SHARED, linestyle=DASHES[0], linewidth=BROAD, alpha=PALE)
        entries.append((handle, r"limit on the right: $(M/6)\,\Vert s\Vert^3$ / predicted"))
    if any(line.get_label() == "_zeros" for panel in panels for line in panel.get_lines()):
        entries.append((ax.triangle(SHARED), "zero, an increase, or below the axis"))
    return entries
