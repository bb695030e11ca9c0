"""The rates as a table and a picture: each measured slope with its interval, and the slope that the theorem claims."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator

from convlab.core.errors import ConvlabError
from convlab.core.results import Results
from convlab.core.verdict import RULINGS, Slope, Verdict
from convlab.plots import _curves as data
from convlab.plots import _layout as layout
from convlab.plots import _sparklines as sparklines
from convlab.plots._bounds import title
from convlab.plots._style import GREY, INK, RULING_COLOURS, TINY, ZONE, style
from convlab.plots._text import math_or_plain, plain, wrap

ROW, LINE = 0.36, 0.125  # inches: a row, and what a third and fourth line of text add to every row
TEXTS, NUMBERS, CLAIMS, CURVES = 2.12, 1.78, 0.70, 0.72  # inches: the columns of texts, numbers and small curves
ROOM = TEXTS - layout.EDGE - 0.08
ABOVE, BELOW = 0.27, 0.52  # inches over and under the rows of one unit: its column heads and its axis
UNITS = {
    "power": "slope of log measured over log $t$",
    "bound": "slope of log measured over log bound",
    "linear": "change of log measured per step",
    "linear, relative": "change of log measured per step, as a multiple of the claimed one",
    "order": "order of convergence: slope of log $e_{t+1}$ over log $e_t$",
}


def plot(results: Results) -> Figure:
    """One row per verdict with a slope: the measured one, its interval, the claimed one; an axis for each unit.

    Raises `ConvlabError` where no verdict has a slope.
    """
    with style():
        ruled = [verdict for verdict in results.verdicts if verdict.slope is not None]
        if not ruled:
            raise ConvlabError(
                f"{results.name}: rates needs a verdict with a measured slope: a claim on a theorem that has a rate, "
                "and at least three clean points"
            )
        units = {unit: [v for v in ruled if _unit(v) == unit] for unit in dict.fromkeys(map(_unit, ruled))}
        relative = {unit for unit, found in units.items() if unit == "linear" and _far_apart(found)}
        figure, axes = layout.sheet(len(units), columns=1)
        lines = max(_lines(figure, results, verdict) for verdict in ruled)
        row = ROW + LINE * max(0, lines - 2)
        inside = float(figure.get_figwidth()) - TEXTS - NUMBERS - CLAIMS - CURVES - layout.EDGE
        for panel, (unit, found) in zip(axes, units.items(), strict=True):
            _panel(results, panel, found, unit + (", relative" if unit in relative else ""))
            left, across = 1 + (NUMBERS + CLAIMS) / inside, CURVES / inside
            for k, verdict in enumerate(found):
                place_of = (left, 1 - (k + 0.92) / len(found), across, 0.84 / len(found))
                sparklines.draw(panel, place_of, results, verdict)
        rulings = [ruling for ruling in RULINGS if any(v.ruling == ruling for v in ruled)]
        entries: list[layout.Entry] = [(_dot(RULING_COLOURS[r]), f"measured, with its interval ({r})") for r in rulings]
        demanded = any(v.slope is not None and v.slope.may_be_demanded for v in ruled)
        entries.append((_claim(), f"claimed by the theorem{'' if demanded else ', not to be demanded here'}"))
        entries += sparklines.entries()
        if any(v.expect_slope is not None for v in ruled):
            entries.append((Patch(facecolor=ZONE, linewidth=0), "where the experiment expects it"))
        counts = [len(found) for found in units.values()]
        tall = sum(counts) * row + len(counts) * ABOVE + (len(counts) - 1) * BELOW

        def place(bottom: float, height: float) -> None:
            wide, top = float(figure.get_figwidth()), bottom + tall
            for panel, count in zip(axes, counts, strict=True):
                top -= ABOVE + count * row
                panel.set_position((TEXTS / wide, top / height, inside / wide, count * row / height))
                top -= BELOW

        layout.finish(figure, axes, layout.header(results)[:2], entries, tall=tall, place=place)
    return figure


def _lines(figure: Figure, results: Results, verdict: Verdict) -> int:
    """Of a row: those of its label, or of its numbers, interval, window and reasons."""
    assert verdict.slope is not None
    left = sum(len(wrap(figure, text, ROOM, TINY, 2)) for text in _label(results, verdict))
    return max(left, 1 + len(_below(figure, results, verdict.slope)))


def _below(figure: Figure, results: Results, slope: Slope) -> list[str]:
    """Under a slope: its window, why it ends there, and the law where that is in doubt."""
    symbol = "t" if results.kind == "trajectory" or slope.kind == "order" else "T"
    told = [f"{symbol} = {slope.window[0]:,} … {slope.window[1]:,}"]
    doubtful = slope.candidates or not slope.a_law
    for words in (sparklines.reasons(slope), slope.law if doubtful else ""):
        told += wrap(figure, words, NUMBERS - 0.16, TINY, 2) if words else []
    return told


def _unit(verdict: Verdict) -> str:
    slope = verdict.slope
    assert slope is not None
    return "bound" if slope.against == "bound" else slope.kind


def _far_apart(found: Sequence[Verdict]) -> bool:
    """Whether per-step slopes differ so much that one axis shows them only as multiples of what is claimed."""
    values = [abs(v.slope.value) for v in found if v.slope is not None and v.slope.value != 0]
    claimed = all(v.claimed is not None and v.claimed != 0 and math.isfinite(v.claimed) for v in found)
    return claimed and len(values) > 1 and max(values) > 5 * min(values)


def _panel(results: Results, panel: Axes, found: Sequence[Verdict], unit: str) -> None:
    """The rows of one unit, the first one on top."""
    ends = []
    for row, verdict in enumerate(found):
        slope = verdict.slope
        assert slope is not None
        by = verdict.claimed if unit.endswith("relative") and verdict.claimed else 1.0
        low, value, high = sorted((slope.low / by, slope.value / by, slope.high / by))
        colour = RULING_COLOURS[verdict.ruling]
        if verdict.expect_slope is not None:
            first, last = sorted(end / by for end in verdict.expect_slope)
            panel.fill_betweenx([row - 0.36, row + 0.36], first, last, color=ZONE, linewidth=0, zorder=0.8)
        panel.plot([low, high], [row, row], color=colour, linewidth=2.4, alpha=0.45, solid_capstyle="butt", zorder=2)
        panel.plot([low, high], [row, row], linestyle="none", marker="|", markersize=7, color=colour, zorder=2.1)
        dot = _dot(colour)
        dot.set(data=([value], [row]), zorder=3, label="measured")
        panel.add_line(dot)
        ends += [low, high]
        if verdict.claimed is not None and math.isfinite(verdict.claimed):
            mark = _claim()
            mark.set(data=([verdict.claimed / by], [row]), zorder=2.5, label="claimed")
            panel.add_line(mark)
            ends.append(verdict.claimed / by)
        _texts(results, panel, row, verdict, slope)
    _frame(panel, ends, len(found), unit)


def _frame(panel: Axes, ends: Sequence[float], count: int, unit: str) -> None:
    finite = [end for end in ends if math.isfinite(end)] or [0.0]
    low, high = min(finite), max(finite)
    margin = max(0.08 * (high - low), 0.03 * max(abs(low), abs(high)), 1e-12)
    panel.set_xlim(low - margin, high + margin)
    panel.set_ylim(count - 0.5, -0.5)
    places = [
        float(x)
        for x in MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(*panel.get_xlim())
        if low - margin <= x <= high + margin
    ]
    panel.xaxis.set_major_locator(FixedLocator(places))
    panel.xaxis.set_major_formatter(FixedFormatter([f"{x:g}".replace("-", "−") for x in np.round(places, 12)]))
    panel.yaxis.set_major_locator(FixedLocator([]))
    panel.set_xlabel(UNITS[unit])
    panel.spines["left"].set_visible(False)
    panel.grid(True, axis="x")
    for row in range(count + 1):
        panel.axhline(row - 0.5, color="#E6E6E6", linewidth=0.5, zorder=0.5)
    for place, head, across in (
        (-TEXTS + layout.EDGE, "theorem · run", 0),
        (0.1, "measured [interval]", 1),
        (NUMBERS, "claimed", 1),
    ):
        panel.annotate(
            head, (across, 1), xycoords="axes fraction", xytext=(72 * place, 4), textcoords="offset points",
            ha="left", va="bottom", fontsize=TINY, color=GREY, annotation_clip=False,
        )  # fmt: skip


def _texts(results: Results, panel: Axes, row: int, verdict: Verdict, slope: Slope) -> None:
    """Left of the axes theorem and run, right of them the numbers."""
    name, label = _label(results, verdict)
    claimed = "–" if verdict.claimed is None or not math.isfinite(verdict.claimed) else _number(verdict.claimed)
    figure = cast(Figure, panel.figure)
    above, below = (wrap(figure, text, ROOM, TINY, 2) for text in (name, label))
    under = _below(figure, results, slope)
    middle = 36 * LINE * (len(below) - len(above))  # points by which the gap between them lies above the row's middle
    right = 36 * LINE * (len(under) - 1)
    cells = (
        (-TEXTS + layout.EDGE, 0, 1, "\n".join(above), INK),
        (-TEXTS + layout.EDGE, 0, -1, "\n".join(below), "#5F5F5F"),
        (0.1, 1, 1, _interval(slope), INK),
        (0.1, 1, -1, "\n".join(under), "#5F5F5F"),
        (NUMBERS, 1, 1, claimed, INK),
    )
    for place, across, side, words, colour in cells:
        shift = middle if across == 0 else right
        panel.annotate(
            words, (across, row), xycoords=("axes fraction", "data"),
            xytext=(72 * place, 1.5 * side + shift), textcoords="offset points", ha="left",
            va="bottom" if side > 0 else "top", fontsize=TINY, color=colour, annotation_clip=False,
        )  # fmt: skip


def _interval(slope: Slope) -> str:
    """A slope and its interval, three digits each, with one power of ten where they are small."""
    size = max(abs(slope.low), abs(slope.high))
    power = math.floor(math.log10(size)) if 0 < size < 0.01 else 0
    ends = (slope.value / 10.0**power, slope.low / 10.0**power, slope.high / 10.0**power)
    value, low, high = (f"{end:#.3g}".removesuffix(".").replace("-", "−") for end in ends)
    return f"{value} [{low}, {high}]" + (f" $·10^{{{power}}}$" if power else "")


def _label(results: Results, verdict: Verdict) -> tuple[str, str]:
    """A theorem's title and the run that was judged."""
    labels = [group.label for group in data.groups(results) if set(verdict.cells) & set(group.cells)]
    return math_or_plain(title(results, verdict.theorem)), plain(labels[0] if labels else "")


def _number(value: float) -> str:
    """Three digits, whatever the size.

    >>> _number(-0.98765), _number(-0.00012345), _number(2.0)
    ('−0.988', '−1.23$·10^{-4}$', '2')
    """
    if value == 0 or abs(value) >= 0.01:
        return f"{value:.3g}".replace("-", "−")
    power = math.floor(math.log10(abs(value)))
    return f"{value / 10.0**power:.3g}".replace("-", "−") + f"$·10^{{{power}}}$"


def _dot(colour: str) -> Line2D:
    return Line2D([], [], linestyle="none", marker="o", markersize=5, color=colour, markeredgecolor="white")


def _claim() -> Line2D:
    return Line2D(
        [], [], linestyle="none", marker="D", markersize=7.5, markerfacecolor="none", markeredgecolor="#D55E00",
        markeredgewidth=1.3,
    )  # fmt: skip
