"""Small curves beside a table of slopes: what was measured, the window a slope was read from, what was left out."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from convlab.core.results import Results
from convlab.core.verdict import Slope, Verdict
from convlab.plots._curves import fact
from convlab.plots._layout import Entry
from convlab.plots._style import INK

WINDOW, LEFT_OUT = "#D6E8F5", "#B4B4B4"


def draw(table: Axes, place: tuple[float, float, float, float], results: Results, verdict: Verdict) -> None:
    """ln of the measured quantity against ln t (t, where the slope is one per step), without ticks; the window shaded,
    points outside of it grey. ``place`` is left, bottom, width and height as shares of the table's axes."""
    panel = table.inset_axes(place)
    slope = verdict.slope
    assert slope is not None
    t, log_value = _measured(results, verdict)
    shown = np.isfinite(log_value) & (t > 0) & ((slope.kind != "order") | (t <= slope.window[1] + 3))
    x, y = (np.log(t[shown]) if slope.kind == "power" else t[shown]), log_value[shown]
    inside = (t[shown] >= slope.window[0]) & (t[shown] <= slope.window[1])
    if inside.any():
        panel.axvspan(float(x[inside].min()), float(x[inside].max()), color=WINDOW, linewidth=0, zorder=0.5)
    panel.plot(x, y, color=LEFT_OUT, linewidth=0.6, zorder=1)
    for chosen, colour, size in ((~inside, LEFT_OUT, 1.2), (inside, INK, 1.4)):
        panel.plot(x[chosen], y[chosen], linestyle="none", marker="o", markersize=size, color=colour, zorder=2)
    panel.set_xticks([])
    panel.set_yticks([])
    panel.margins(0.06, 0.1)
    for spine in panel.spines.values():
        spine.set_visible(False)


def entries() -> list[Entry]:
    """The legend's."""
    dot = {"linestyle": "none", "marker": "o", "markersize": 3}
    return [
        (Patch(facecolor=WINDOW, linewidth=0), "window that the slope was read from"),
        (Line2D([], [], color=LEFT_OUT, **dot), "left out, for the reason beside it"),  # type: ignore[arg-type]
    ]


def reasons(slope: Slope) -> str:
    """Why the window begins and ends where it does: "before: transient; after: plateau"."""
    words = [f"before: {slope.begins}"] if slope.begins else []
    words += [f"after: {slope.ends}"] if slope.ends else []
    words += ["upper envelope"] if slope.envelope else []
    return "; ".join(words)


def _measured(results: Results, verdict: Verdict) -> tuple[np.ndarray, np.ndarray]:
    """t and ln of the measured quantity: along one run all of it, of several the point that each was judged by."""
    trace = results.traces[verdict.cells[0]]
    output, quantity = (fact(results, verdict.theorem, key, word) for key, word in _WHAT)
    with np.errstate(divide="ignore", invalid="ignore"):
        if len(verdict.cells) == 1 and quantity in trace.measured.get(output, {}):
            return np.asarray(trace.t, dtype=float), np.log(trace.mean(output, quantity))
        if verdict.t is None or verdict.ratio is None or verdict.log_bound is None:
            return np.zeros(0), np.zeros(0)
        return np.asarray(verdict.t, dtype=float), np.log(verdict.ratio) + verdict.log_bound


_WHAT = (("output", "last"), ("quantity", "gap"))
