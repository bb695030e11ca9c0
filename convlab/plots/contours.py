"""The ways of the iterates over the contours of a two-dimensional problem."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from convlab.core.errors import ConvlabError
from convlab.core.results import Landscape, Results
from convlab.plots import _curves as data
from convlab.plots import _layout as layout
from convlab.plots._style import GREY, INK, SHARED, TINY, Style, style
from convlab.plots._text import plain, wrap

TOGETHER = 5  # ways in one panel, at most; more get a panel each
MOST = 12  # panels
LEVELS = 14  # contours
DECADES = 6.0  # below the highest contour, at most
FINITE = 1e300  # of R: larger values stand for points outside its domain


def plot(results: Results) -> Figure:
    """θ_t on contours of R, for two-dimensional problems; a panel per problem, or per run where there are many.

    The contours are evenly spaced in log(R − min R). Markers stand at t = 1, 2, 4, 8, …; of several seeds the first
    one is drawn, of several horizons the longest run. Raises `ConvlabError` where no problem has two dimensions.
    """
    with style():
        panels = _panels(results)
        if not panels:
            raise ConvlabError(f"{results.name}: contours needs a problem with two parameters; no run here has one")
        shown = panels[:MOST]
        columns = 1 if len(shown) == 1 else 3 if len(shown) > 4 else 2
        figure, axes = layout.sheet(len(shown), columns)
        styles = _styles(results, panels)
        wide = layout.WIDTHS[min(columns, len(shown))]
        tall = max(min(1.25, max(0.45, _ratio(land))) for land, _ in shown) * wide
        tall = min(tall, 4.6) if columns == 1 else tall
        for panel, (landscape, cells) in zip(axes, shown, strict=True):
            _contours(panel, landscape)
            for cell in cells:
                _way(results, panel, cell, styles[cell])
            _marks(results, panel, landscape, cells)
            _head(figure, panel, results, cells, len(shown) > 1, wide)
        named = len(shown) > 1 and all(len(cells) == 1 for _, cells in shown)  # each panel has its run's name already
        entries = _entries(results, styles, [] if named else [cell for _, cells in shown for cell in cells])
        header = layout.header(results, _read(results, panels))
        layout.finish(figure, axes, header, entries, columns=columns, above=0.2 * (len(shown) > 1), tall=tall)
    return figure


def _read(results: Results, panels: Sequence[tuple[Landscape, tuple[int, ...]]]) -> list[str]:
    """How to read the picture: what the contours are, and what of the runs is not drawn."""
    traces = [results.traces[cell] for _, cells in panels for cell in cells]
    words = [r"Contours of $R$, evenly spaced in $\log(R - \min R)$; markers at $t$ = 1, 2, 4, 8 and so on"]
    if any(len(trace.seeds) > 1 for trace in traces):
        words.append("Of each run the first seed")
    if results.kind != "trajectory":
        words.append("Of each method the longest run")
    if any((np.diff(trace.t) > 1).any() for trace in traces):
        words.append("Between checkpoints that lie apart, straight lines")
    if len(panels) > MOST:
        words.append(f"The first {MOST} of {len(panels)} panels")
    return words


def _panels(results: Results) -> list[tuple[Landscape, tuple[int, ...]]]:
    """What to draw on which landscape: of a sweep the longest run of each group."""
    last = {group.cells[-1] for group in data.groups(results)}
    found: list[tuple[Landscape, tuple[int, ...]]] = []
    for landscape in results.landscapes:
        cells = tuple(c for c in landscape.cells if c in last and results.traces[c].points is not None)
        split = [cells] if len(cells) <= TOGETHER else [(cell,) for cell in cells]
        found += [(landscape, part) for part in split if part]
    return found


def _styles(results: Results, panels: Sequence[tuple[Landscape, tuple[int, ...]]]) -> dict[int, Style]:
    """The colour of each run, as in the other pictures."""
    looks = data.styles(results)
    first: dict[int, Style] = {}
    for (g, _), look in looks.items():
        first.setdefault(g, look)
    group_of = {cell: g for g, group in enumerate(data.groups(results)) for cell in group.cells}
    drawn = sorted({cell for _, cells in panels for cell in cells})
    return {cell: first.get(group_of[cell], Style(k)) for k, cell in enumerate(drawn)}


def _ratio(landscape: Landscape) -> float:
    """Height over width in the units of the parameters, if that makes a picture; else that of a page."""
    ratio = float(np.ptp(landscape.y) / np.ptp(landscape.x))
    return ratio if 0.3 <= ratio <= 3.0 else 0.62


def _contours(panel: Axes, landscape: Landscape) -> None:
    risk = np.where(np.abs(landscape.risk) < FINITE, landscape.risk, np.nan)
    above = risk - np.nanmin(risk)
    positive = above[np.isfinite(above) & (above > 0)]
    if positive.size:
        top = float(np.quantile(positive, 0.98))
        low = max(float(np.sort(positive)[: max(1, positive.size // 500)].max()), top * 10**-DECADES)
        levels = np.geomspace(low, top, LEVELS) if low < top else np.array([low])
        shades = [str(grey) for grey in np.linspace(0.62, 0.86, len(levels))]
        with np.errstate(invalid="ignore"):
            panel.contour(
                landscape.x, landscape.y, np.ma.masked_invalid(above), levels=levels, colors=shades, linewidths=0.7,
                zorder=1,
            )  # fmt: skip
    outside = ~np.isfinite(risk)
    if outside.any():
        panel.contourf(
            landscape.x, landscape.y, outside.astype(float), levels=[0.5, 1.5], colors=["#EFEFEF"], zorder=0.6
        )
    panel.set_xlim(float(landscape.x[0]), float(landscape.x[-1]))
    panel.set_ylim(float(landscape.y[0]), float(landscape.y[-1]))
    ratio = float(np.ptp(landscape.y) / np.ptp(landscape.x))
    if 0.3 <= ratio <= 3.0:
        panel.set_aspect("equal", adjustable="box")
    panel.set_xlabel(r"$\theta_1$")
    panel.set_ylabel(r"$\theta_2$")
    panel.locator_params(nbins=5)


def _way(results: Results, panel: Axes, cell: int, look: Style) -> None:
    trace = results.traces[cell]
    assert trace.points is not None
    points = np.asarray(trace.points[0], dtype=float)
    with np.errstate(over="ignore"):
        points = np.where(np.isfinite(points), np.clip(points, -1e150, 1e150), np.nan)
    points = points[: _leaves(panel, points)]
    finite = np.flatnonzero(np.isfinite(points).all(axis=1))
    powers = [0, *(2**k for k in range(40))]
    marked = sorted({int(finite[np.abs(trace.t[finite] - power).argmin()]) for power in powers}) if finite.size else []
    marked = [k for k in marked if k > 0]
    line = look.line("-")
    line.set(data=(points[:, 0], points[:, 1]), markevery=marked, zorder=3, label=data.name(trace), linewidth=1.1)
    line.set(markersize=3.6)
    _edge(line, look)
    panel.add_line(line)


def _edge(line: Line2D, look: Style) -> None:
    """White edges tell full markers from their line; hollow ones have theirs already."""
    if look.face != "white":
        line.set(markeredgecolor="white", markeredgewidth=0.4)


def _leaves(panel: Axes, points: np.ndarray) -> int:
    """How many points to draw: up to the first one a picture away from its edge, from where few runs come back."""
    corners = np.array([panel.get_xlim(), panel.get_ylim()])
    with np.errstate(invalid="ignore"):
        far = np.abs(points - corners.mean(axis=1)) > 1.5 * np.ptp(corners, axis=1)
    gone = np.flatnonzero(far.any(axis=1))
    return int(gone[0]) + 1 if gone.size else len(points)


def _marks(results: Results, panel: Axes, landscape: Landscape, cells: Sequence[int]) -> None:
    """Where the runs start, and the minimiser."""
    starts = np.unique([np.asarray(results.traces[cell].points)[0, 0] for cell in cells], axis=0)
    places = [(_start(), x, y) for x, y in starts]
    places += [] if landscape.minimiser is None else [(_star(), *landscape.minimiser)]
    for mark, x, y in places:
        mark.set(data=([x], [y]), zorder=5)
        panel.add_line(mark)


def _head(figure: Figure, panel: Axes, results: Results, cells: Sequence[int], several: bool, wide: float) -> None:
    """What a panel shows, above it, where there are several."""
    if several:
        words = data.name(results.traces[cells[0]]) if len(cells) == 1 else _problem(results, cells)
        gone = " (diverged)" if len(cells) == 1 and "diverged" in results.traces[cells[0]].status[:1] else ""
        text = wrap(figure, plain(words) + gone, wide, TINY + 0.4, 1)[0]
        panel.annotate(
            text, (0, 1), xycoords="axes fraction", xytext=(0, 4), textcoords="offset points", va="bottom",
            fontsize=TINY + 0.4, color=SHARED,
        )  # fmt: skip


def _problem(results: Results, cells: Sequence[int]) -> str:
    setting = results.traces[cells[0]].setting
    return ", ".join([setting.problem, *(f"{k} = {v}" for k, v in sorted(setting.problem_parameters.items()))])


def _start() -> Line2D:
    look = {"marker": "o", "markersize": 6, "markerfacecolor": "white", "markeredgecolor": INK}
    return Line2D([], [], linestyle="none", markeredgewidth=1.2, **look)  # type: ignore[arg-type]


def _star() -> Line2D:
    look = {"marker": "*", "markersize": 11, "markerfacecolor": INK, "markeredgecolor": "white"}
    return Line2D([], [], linestyle="none", markeredgewidth=0.7, **look)  # type: ignore[arg-type]


def _entries(results: Results, styles: dict[int, Style], cells: Sequence[int]) -> list[tuple[Artist, str]]:
    entries: list[tuple[Artist, str]] = []
    for cell in dict.fromkeys(cells):
        trace = results.traces[cell]
        gone = " (diverged)" if "diverged" in trace.status[:1] else ""
        handle = styles[cell].line("-")
        _edge(handle, styles[cell])
        entries.append((handle, plain(data.name(trace)) + gone))
    entries.append((_start(), "start"))
    if any(land.minimiser is not None for land in results.landscapes):
        entries.append((_star(), r"minimiser $\theta^{\star}$"))
    if any((np.abs(land.risk) >= FINITE).any() for land in results.landscapes):
        outside = Line2D([], [], linestyle="none", marker="s", markersize=8, color="#EFEFEF", markeredgecolor=GREY)
        entries.append((outside, "outside the domain of $R$"))
    return entries
