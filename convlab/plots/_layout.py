"""The sheet a plot is drawn on: title, kind, rulings, axes and legend, one below the other, none on top of another."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from convlab.core.results import Results
from convlab.core.verdict import RULINGS, Verdict
from convlab.plots._bounds import title
from convlab.plots._curves import groups
from convlab.plots._style import GREY, INK, RULING_COLOURS, SMALL, TITLE
from convlab.plots._text import Canvas, extent, inches, math_or_plain, plain, renderer, wrap

HEIGHT = 3.45  # of a set of axes, in inches; taller by up to one where it spans more than ten decades
WIDTHS = {1: 5.55, 2: 4.15, 3: 2.55}  # of a set of axes, by how many stand in a row
LEFT, RIGHT, BETWEEN, BELOW, EDGE = 0.78, 0.17, 0.80, 0.48, 0.10
MOST_BADGES = 6
MOST_IN_COLUMN = 10  # entries of the legend below one another
Entry = tuple[Artist, str]
Place = Callable[[float, float], None]
KINDS = {
    "trajectory": "trajectory: one fixed problem, read along each run",
    "horizon sweep": "horizon sweep: a fresh run for each $T$, read at its end",
    "worst-case sweep": "worst-case sweep: the instance depends on $T$; a fresh run for each $T$, read at its end",
}


@dataclass(frozen=True)
class Line:
    """One line of the header."""

    text: str
    size: float = SMALL
    colour: str = INK
    weight: str = "normal"
    most: int = 2  # lines it may be wrapped to


def sheet(panels: int, columns: int = 2) -> tuple[Figure, list[Axes]]:
    """A figure with its axes, at most ``columns`` in a row; `finish` gives them their places."""
    columns = min(panels, columns)
    wide = LEFT + WIDTHS[columns] * columns + BETWEEN * (columns - 1) + RIGHT
    figure = Figure(figsize=(wide, HEIGHT + 2), dpi=200)  # texts are measured at the resolution they are saved in
    Canvas(figure)
    return figure, [figure.add_axes((0.1, 0.1, 0.8, 0.8), label=f"panel {i}") for i in range(panels)]


def finish(
    figure: Figure,
    axes: Sequence[Axes],
    header: Sequence[Line],
    entries: Sequence[Entry],
    *,
    columns: int = 2,
    above: float = 0.0,
    tall: float | None = None,
    place: Place | None = None,
) -> None:
    """Put header, axes and legend in their places and give the figure the height that they need.

    ``columns`` as for `sheet`; ``above`` inches are left free over each set of axes, which is ``tall`` inches high.
    ``place(bottom, height)`` puts the axes elsewhere, in a figure of that height, over a body of ``tall`` inches.
    """
    width = float(figure.get_figwidth())
    room = (width - 2 * EDGE) * 0.98  # an SVG's letters are not hinted, and up to 2 % wider
    legends = _legends(figure, entries, room)
    legend_height = sum(high for _, high in legends)
    wrapped = [(line, part) for line in header for part in _parts(figure, line, room)]
    heights = [line.size * (1.5 if line.weight == "bold" else 1.42) / 72 for line, _ in wrapped]
    tall = _tall(axes) if tall is None else tall
    columns = min(len(axes), columns)
    rows = 1 if place else math.ceil(len(axes) / columns)
    pitch = tall + above + BELOW
    height = EDGE + sum(heights) + 0.10 + rows * pitch + legend_height + EDGE  # one margin is below the legend
    figure.set_size_inches(width, height)
    top = height - EDGE
    for (line, part), step in zip(wrapped, heights, strict=True):
        figure.text(
            EDGE / width, top / height, part, fontsize=line.size, color=line.colour, weight=line.weight, va="top"
        )
        top -= step
    if place:
        place(EDGE + legend_height + BELOW, height)
    for i, panel in enumerate(() if place else axes):
        row, column = divmod(i, columns)
        left = LEFT + column * (WIDTHS[columns] + BETWEEN)
        bottom = EDGE + legend_height + BELOW + (rows - 1 - row) * pitch
        panel.set_position((left / width, bottom / height, WIDTHS[columns] / width, tall / height))
    rest = legend_height
    for legend, high in legends:
        rest -= high
        legend.set_bbox_to_anchor((0.5, (EDGE + rest) / height), transform=figure.transFigure)
    figure.set_dpi(100)  # for notebooks; `save` has its own


def _tall(axes: Sequence[Axes]) -> float:
    """The height of a set of axes in inches: taller where one of them spans more than ten decades."""
    limits = [panel.get_ylim() for panel in axes if panel.get_yscale() == "log"]
    decades = max((math.log10(high) - math.log10(low) for low, high in limits), default=0.0)
    return HEIGHT + min(max(0.0, 0.05 * (decades - 10)), 1.0)


def box_width(panel: Axes) -> float:
    """The width in inches that `finish` gives to a panel of one or two columns."""
    return WIDTHS[min(2, len(cast(Figure, panel.figure).axes))]


def notice(panel: Axes, text: str) -> None:
    """A sentence in the middle of empty axes."""
    white = {"facecolor": "white", "linewidth": 0}
    panel.text(0.5, 0.4, text, transform=panel.transAxes, ha="center", va="center", color=GREY, bbox=white)


def _parts(figure: Figure, line: Line, room: float) -> list[str]:
    """A line, wrapped. Bold letters are up to 15 % wider than those that `wrap` measures."""
    return wrap(figure, line.text, room / 1.15 if line.weight == "bold" else room, line.size, line.most)


def _legends(figure: Figure, entries: Sequence[Entry], room: float) -> list[tuple[Legend, float]]:
    """The legends below the axes, from the top, with their heights in inches.

    One with as many columns as fit; where that is a single column of more than ten entries, the short ones stand in
    two or three columns above the long ones.
    """
    legend, height, columns = _legend(figure, entries, room, (3, 2, 1)) if entries else (None, 0.0, 0)
    if legend is None:
        return []
    if columns > 1 or len(entries) <= MOST_IN_COLUMN:
        return [(legend, height)]
    widths = [inches(figure, text, SMALL) for _, text in entries]
    short = [entry for entry, wide in zip(entries, widths, strict=True) if wide < room / 2 - 0.6]
    long = [entry for entry, wide in zip(entries, widths, strict=True) if wide >= room / 2 - 0.6]
    if len(short) < 4:
        return [(legend, height)]
    legend.remove()
    parts = [(short, (3, 2, 1)), (long, (1,))]
    found = [_legend(figure, part, room, options) for part, options in parts if part]
    return [(legend, height + 0.05 * (i > 0)) for i, (legend, height, _) in enumerate(found)]  # apart like two entries


def _legend(figure: Figure, entries: Sequence[Entry], room: float, options: Sequence[int]) -> tuple[Legend, float, int]:
    """A legend with the first number of columns that fits (the last one always does), its height and that number."""
    longest = room - 0.55
    labels = ["\n".join(wrap(figure, text, longest, SMALL, 3)) for _, text in entries]
    for columns in options:
        legend = figure.legend(
            [handle for handle, _ in entries], labels, loc="lower center", bbox_to_anchor=(0.5, 0.0), ncols=columns,
            frameon=False, handlelength=3.3, columnspacing=1.6, labelspacing=0.45, borderpad=0.1, borderaxespad=0.0,
        )  # fmt: skip
        for text in legend.get_texts():
            wide = extent(figure, text)
            if wide > longest:  # one formula wider than the figure: there is nowhere to break it
                text.set_fontsize(SMALL * longest / wide)
        box = legend.get_window_extent(renderer(figure))
        if columns == options[-1] or (box.width / figure.dpi <= room and columns <= len(entries)):
            return legend, float(box.height / figure.dpi), columns
        legend.remove()
    raise AssertionError("the last number of columns always returns")


def header(results: Results, subtitle_ends: Sequence[str] = ()) -> list[Line]:
    """Title, kind and rulings."""
    kind = ". ".join([KINDS[results.kind], *subtitle_ends])
    return [
        Line(math_or_plain(results.title or results.name), TITLE, weight="bold", most=3),
        Line(kind[0].upper() + kind[1:] + ".", SMALL, "#4D4D4D", most=3),
        *badges(results),
    ]


def badges(results: Results) -> list[Line]:
    """One line per verdict, the alarming ones first; a count where there are too many."""
    verdicts = sorted(results.verdicts, key=lambda v: (v.as_expected, v.ruling != "violated"))
    if len(verdicts) <= MOST_BADGES:
        return [_badge(results, verdict) for verdict in results.verdicts]
    alarming = [v for v in verdicts if not v.as_expected]
    shown = alarming[: MOST_BADGES - 1]
    counts = {ruling: sum(v.ruling == ruling for v in verdicts) for ruling in RULINGS}
    words = ", ".join(f"{count} {'hold' if r == 'holds' else r}" for r, count in counts.items() if count)
    more = len(alarming) - len(shown)
    claimed = all(v.expect is not None for v in verdicts) and not alarming
    unexpected = f"; {more} more not as expected" if more else ("; each as claimed" if claimed else "")
    return [*(_badge(results, v) for v in shown), Line(f"{len(verdicts)} verdicts: {words}{unexpected}", most=1)]


def _badge(results: Results, verdict: Verdict) -> Line:
    """\"GD smooth convex, gd: holds (worst measured/bound 1.0000 at t = 1000)\", in the ruling's colour."""
    labels = [group.label for group in groups(results) if set(verdict.cells) & set(group.cells)]
    sure = "" if verdict.delta is None else f", δ = {verdict.delta:g}"
    who = math_or_plain(title(results, verdict.theorem)) + sure + (f" · {plain(labels[0])}" if labels else "")
    if verdict.ruling in ("not applicable", "inconclusive") or verdict.worst_ratio is None:
        why = verdict.why.removeprefix(f"{verdict.ruling}: ")
        detail = f" – {plain(why)}" if why else ""
    else:
        symbol = "t" if results.kind == "trajectory" else "T"
        at = "" if verdict.worst_t is None else f" at {symbol} = {verdict.worst_t:,}"
        empty = f"; vacuous: nowhere below {verdict.trivial}" if verdict.all_vacuous else ""
        detail = f" (worst measured/bound {ratio_text(verdict.worst_ratio)}{at}{empty})"
    unexpected = "" if verdict.as_expected or verdict.expect is None else f"; expected: {verdict.expected}"
    colour = RULING_COLOURS[verdict.ruling if verdict.as_expected else "violated"]
    return Line(f"{who}: {verdict.ruling}{detail}{unexpected}", colour=colour, most=2)


def ratio_text(ratio: float) -> str:
    """Four decimals where they say something, scientific notation elsewhere.

    >>> ratio_text(1.0), ratio_text(0.00001234)
    ('1.0000', '1.23e-05')
    """
    return f"{ratio:.4f}" if 0.001 <= ratio < 10_000 else f"{ratio:.2e}"
