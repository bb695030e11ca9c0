"""The measured gap and the bounds on it, against the number of steps."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from convlab.core.results import Results
from convlab.plots import _axes as ax
from convlab.plots import _bounds as held
from convlab.plots import _certainty as certainty
from convlab.plots import _curves as data
from convlab.plots import _floor as floors
from convlab.plots import _layout as layout
from convlab.plots._bounds import Bound
from convlab.plots._curves import Curve
from convlab.plots._labels import Label, place
from convlab.plots._style import BROAD, GREY, PALE, SHARED, TINY, ZONE, style
from convlab.plots._text import formula, math_or_plain, plain
from convlab.plots._time import TimeAxis

Entry = layout.Entry
WORD = 0.72  # inches that "diverged" takes, its distance from the cross included


def plot(results: Results) -> Figure:
    """R(θ_t) − R(θ*) against t on log-log axes: mean over seeds, 95 % band, bounds, rounding floor, divergence.

    One curve per cell and output; in a sweep, one point per horizon. A quantity other than the gap that some theorem
    judged (‖θ − θ*‖², ‖∇R‖²) gets axes of its own beside. The band is Student's interval for the mean over seeds,
    on the scale of its logarithm (delta method).
    """
    with style():
        quantities = held.panels(results)
        figure, axes = layout.sheet(len(quantities))
        drawn = [_panel(results, panel, quantity) for panel, quantity in zip(axes, quantities, strict=True)]
        curves = {c.style.index: c for found, _ in drawn for c in found}
        bounds = [b for b in held.bounds(results) if b.quantity in quantities]
        marks = set().union(*(found for _, found in drawn))
        entries = [
            *_curve_entries(curves, results.kind != "trajectory"),
            *_bound_entries(_coloured(bounds), len(quantities) > 1, data.least(results)),
            *_mark_entries(marks),
            *certainty.entries(marks, bounds),
        ]
        band = any(c.low is not None for c in curves.values())
        shape = "band" if results.kind == "trajectory" else "bars"
        ends = [f"Mean over seeds; {shape}: 95 % confidence limits of the mean (Student, log scale), point by point"]
        header = [*layout.header(results, ends if band else ()), *certainty.lines(results)]
        layout.finish(figure, axes, header, entries)
        for panel, quantity in zip(axes, quantities, strict=True):
            place(panel, _lower_labels(panel, bounds, quantity))
    return figure


def _panel(results: Results, panel: Axes, quantity: str) -> tuple[list[Curve], set[str]]:
    """Draw one quantity; returns its curves and the marks that the legend has to explain."""
    sweep = results.kind != "trajectory"
    curves = data.curves(results, quantity)
    bounds = [b for b in held.bounds(results) if b.quantity == quantity]
    linear = held.linear_time(results, bounds, curves)
    time = TimeAxis.over([*(c.t for c in curves), *(b.t for b in bounds)], results.x, linear)
    time.draw(panel, sweep)
    low, high = ax.vertical_range(curves, bounds, sweep)
    average = data.outputs(results) != ("last",)
    ax.vertical(panel, low, high, ax.symbol(quantity, sweep, average, data.least(results)))
    flat = [curve for curve in curves if not floors.varies(curve)]
    marks = {"floor"} if ax.floor_zone(panel, flat) else set()
    marks |= floors.draw(panel, time, curves)
    marks |= {"interval"} if certainty.interval(panel, results, quantity) else set()
    marks |= {"vacuous"} if any(bound.vacuous.any() for bound in bounds) else set()
    drawn: list[Bound] = []
    for bound, colour in _coloured(bounds):
        if not any(_covers(b, bound) for b in drawn):
            _draw_bound(panel, time, bound, colour)
            drawn.append(bound)
    for curve in curves:
        marks |= _draw_curve(panel, time, curve, sweep)
    marks |= certainty.quantiles(panel, time, bounds)
    marks |= {"window"} if certainty.windows(panel, time, bounds) else set()
    if _crosses(panel, time, curves, sweep):
        marks.add("cross")
    if not curves:
        layout.notice(panel, f"no {ax.WORDS[quantity]} was measured" if results.traces else "nothing has run")
    return curves, marks


def _draw_curve(panel: Axes, time: TimeAxis, curve: Curve, sweep: bool) -> set[str]:
    x = time.at(curve.t)
    mean = ax.loggable(curve.mean)
    look = curve.style
    if curve.low is not None and curve.high is not None and not sweep:
        low, high = ax.loggable(curve.low), ax.loggable(curve.high)
        panel.fill_between(x, low, high, color=look.colour, alpha=0.20, linewidth=0, zorder=1.5)
    if curve.low is not None and curve.high is not None and sweep:
        shown = np.isfinite(mean)
        low, high, middle = (a[shown] for a in (ax.loggable(curve.low), ax.loggable(curve.high), mean))
        panel.errorbar(
            x[shown], middle, [middle - low, high - middle], fmt="none", ecolor=look.colour, elinewidth=1, capsize=2.5
        )
    shown = np.flatnonzero(np.isfinite(mean))
    marked = shown if sweep or not shown.size else shown[ax.sparse(x[shown], look.index, linear=time.linear)]
    if sweep:  # points, joined by a shade: a bound that they reach stays visible
        panel.plot(x, mean, color=look.colour, alpha=0.25, linewidth=1.3, zorder=1.8, label="_join")
    line = look.line("none" if sweep else "-")
    line.set(data=(x, mean), markevery=marked.tolist(), zorder=2.5, label=curve.label)
    panel.add_line(line)
    marks = {"grey"} if ax.grey_out(panel, x, mean, curve.floor) else set()
    below = ax.zeros(panel, x, curve.mean, look.colour, panel.get_ylim()[0])
    return marks | ({"zero"} if below else set())


def _coloured(bounds: Sequence[Bound]) -> list[tuple[Bound, str]]:
    """Each bound, the longest first, with its colour: its curve's, or grey where bounds on other curves lie on it."""
    ordered = sorted(bounds, key=lambda b: -int(np.isfinite(b.value).sum()))
    other = [[b for b in bounds if b.style.colour != bound.style.colour] for bound in ordered]
    return [
        (bound, SHARED if any(_coincide(bound, b) for b in others) else bound.style.colour)
        for bound, others in zip(ordered, other, strict=True)
    ]


def _coincide(first: Bound, second: Bound) -> bool:
    """Whether one bound lies on the other, to the eye, at all the steps that both have."""
    if first.quantity != second.quantity:
        return False
    _, here, there = np.intersect1d(first.t, second.t, return_indices=True)
    left, right = first.value[here], second.value[there]
    both = np.isfinite(left) & np.isfinite(right)
    return bool(both.any()) and bool(np.allclose(left[both], right[both], rtol=0.01, atol=0.0))


def _covers(drawn: Bound, bound: Bound) -> bool:
    """Whether a bound would only be drawn a second time."""
    shown, t = (b.t[np.isfinite(b.value)] for b in (drawn, bound))
    inside = not t.size or (shown.size and shown.min() <= t.min() and t.max() <= shown.max())
    return bool(inside) and drawn.theorem == bound.theorem and _coincide(drawn, bound)


def _draw_bound(panel: Axes, time: TimeAxis, bound: Bound, colour: str) -> None:
    """Broad pale dashes, below the measured curve: so both are seen where a run attains its bound; thin if vacuous."""
    value = ax.loggable(bound.value)
    if bound.vacuous.any():
        lasts = bound.vacuous & ~np.roll(bound.vacuous, -1)  # the thin line goes on to where the broad one begins
        lasts[-1] = False
        thin = bound.vacuous | np.roll(lasts, 1)
        panel.plot(
            time.at(bound.t), np.where(thin, value, np.nan), color=colour, linestyle=(0, (2, 2)), zorder=2.2,
            linewidth=certainty.THIN, label=f"_vacuous {bound.theorem}",
        )  # fmt: skip
        value = np.where(bound.vacuous, np.nan, value)
    single = int(np.isfinite(value).sum()) == 1
    panel.plot(
        time.at(bound.t), value, color=colour, linestyle=held.dashes(bound), linewidth=BROAD, alpha=PALE,
        zorder=2.2, marker="_" if single else "", markersize=12, label=f"_bound {bound.theorem}",
    )  # fmt: skip


def _lower_labels(panel: Axes, bounds: Sequence[Bound], quantity: str) -> list[Label]:
    """ "lower bound" and the theorem's title, beside the first curve of each theorem that bounds from below."""
    first: dict[str, Label] = {}
    for bound, colour in _coloured([b for b in bounds if b.quantity == quantity and not b.upper]):
        text = f"lower bound: {math_or_plain(bound.title)}"
        first.setdefault(bound.theorem, Label(bound.t, ax.loggable(bound.value), text, colour))
    return list(first.values())


def _crosses(panel: Axes, time: TimeAxis, curves: Sequence[Curve], sweep: bool) -> bool:
    """A cross where a run was last finite (at the top edge where that is higher), and the word, where it has room.

    The word is on the right, or on the left where it would leave the axes; in a sweep, whose crosses are in a row,
    then all words are on the left.
    """
    words: list[tuple[float, float]] = []
    length = WORD / layout.box_width(panel)
    low, high = panel.get_ylim()
    crosses = [(curve.style.colour, t, value) for curve in curves for t, value in curve.crosses if value > 0]
    places = [time.fraction(panel, t) for _, t, _ in crosses]
    leftwards = sweep and any(across > 1 - length for across in places)
    for (colour, t, value), across in zip(crosses, places, strict=True):
        x = float(time.at(np.array(t)))
        up = float(np.clip((math.log(value) - math.log(low)) / (math.log(high) - math.log(low)), 0.02, 0.98))
        height = math.exp(math.log(low) + up * (math.log(high) - math.log(low)))
        panel.plot(
            [x], [height], linestyle="none", marker="x", markersize=7, markeredgewidth=1.8,
            color=colour, zorder=6, clip_on=False, label="_diverged",
        )  # fmt: skip
        before = across > 1 - length or (leftwards and across > length)
        side, shift, begin = ("right", -7, across - length) if before else ("left", 7, across)
        if all(abs(begin - b) > length or abs(up - u) > 0.05 for b, u in words):
            words.append((begin, up))
            panel.annotate(
                "diverged" if value <= high else "↑ diverged", (across, up), xycoords="axes fraction",
                xytext=(shift, 5 if up < 0.9 else 0), textcoords="offset points", ha=side, va="center",
                fontsize=TINY + 0.4, color=colour, zorder=6,
                path_effects=[withStroke(linewidth=2, foreground="white")],
            )  # fmt: skip
    return bool(crosses)


def _curve_entries(curves: dict[int, Curve], sweep: bool) -> list[Entry]:
    dashes = "none" if sweep else "-"
    return [(curve.style.line(dashes), plain(curve.label)) for _, curve in sorted(curves.items())]


def _bound_entries(bounds: Sequence[tuple[Bound, str]], several: bool, least: str) -> list[Entry]:
    """One entry per theorem: in its curve's colour or, where it bounds several curves, in grey."""
    by_theorem: dict[str, list[tuple[Bound, str]]] = {}
    for bound, colour in sorted(bounds, key=lambda pair: pair[0].rank):
        by_theorem.setdefault(bound.theorem, []).append((bound, colour))
    entries: list[Entry] = []
    for found in by_theorem.values():
        first, colours = found[0][0], {colour for _, colour in found}
        colour = colours.pop() if len(colours) == 1 else SHARED
        handle = Line2D([], [], color=colour, linestyle=held.dashes(first), linewidth=BROAD, alpha=PALE)
        what = ax.bounded(first.quantity, first.upper, least) if several else ""
        written = f": {what}{formula(first.formula)}" if first.formula else ""
        side = "" if first.upper else " (lower bound)"
        each = " (each in its curve's colour)" if colours else ""
        if SHARED in colours:
            each = " (in its curve's colour; grey where bounds coincide)"
        entries.append((handle, f"{math_or_plain(first.title)}{written}{side}{each}"))
    return entries


def _mark_entries(marks: set[str]) -> list[Entry]:
    cross = Line2D([], [], linestyle="none", marker="x", markersize=6, markeredgewidth=1.6, color=SHARED)
    rounding = "below the rounding floor: not judged"
    entries: dict[str, Entry] = {
        "cross": (cross, "diverged: the last finite checkpoint"),
        "zero": (ax.triangle(SHARED), "zero, or below the axis"),
        "floors": (Line2D([], [], color=SHARED, linewidth=1.0, linestyle=(0, (1, 1.5))), "rounding floor of a run"),
        "floor": (Patch(facecolor=ZONE, linewidth=0), rounding),
        "grey": (Line2D([], [], color=GREY, linewidth=1.5), rounding),  # of a curve, where there is no zone
    }
    return [entry for key, entry in entries.items() if key in marks - ({"grey"} if "floor" in marks else set())]
