"""How often a step goes up: the share of steps after which R is larger than before, along the run."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator

from convlab.core.errors import ConvlabError
from convlab.core.results import Results
from convlab.core.trace import Trace
from convlab.plots import _curves as data
from convlab.plots import _layout as layout
from convlab.plots._style import Style, style
from convlab.plots._text import plain
from convlab.plots._time import TimeAxis

WINDOWS = 12  # along the run, even in log t ...
STEPS = 10  # ... but no shorter than this
LINEAR = 60  # steps up to which the axis of t is linear


@dataclass(frozen=True)
class _Curve:
    label: str
    style: Style
    t: np.ndarray  # the middle of each window
    share: np.ndarray
    total: float
    of: str  # what the total is a share of


def plot(results: Results) -> Figure:
    """The share of steps with R(θ_{t+1}) > R(θ_t), in windows along the run: mean over seeds, of clean steps alone.

    A step that starts at or below the rounding floor does not count. Of checkpoints in pairs the pairs count; where
    checkpoints lie apart, the stretches between them do, and the picture says so. Raises `ConvlabError` where there is
    no gap at two checkpoints.
    """
    with style():
        found, every_step = _curves(results)
        if not found:
            raise ConvlabError(
                f"{results.name}: up_steps needs a run with a gap at two checkpoints or more above the rounding floor"
            )
        figure, (axes,) = layout.sheet(1)
        last = max(float(c.t.max()) for c in found)
        linear = last <= LINEAR * max(data.counted(results, trace) for trace in results.traces)
        time = TimeAxis.over([c.t for c in found], results.x, linear)
        time.draw(axes, False)
        _vertical(axes, max(float(np.nanmax(c.share)) for c in found), every_step)
        entries = [_draw(axes, time, curve) for curve in found]
        what = "step" if every_step else "stretch between two checkpoints, not a step,"
        read = [f"A {what} goes up if $R$ is larger after it; mean over seeds, in windows of $t$"]
        if results.kind != "trajectory":
            read.append("Of each method the longest run")
        layout.finish(figure, [axes], layout.header(results, read), entries)
    return figure


def _curves(results: Results) -> tuple[list[_Curve], bool]:
    """The share of each method, and whether all of it was read from single steps."""
    found, every_step = [], True
    for (g, output), look in data.styles(results).items():
        group = data.groups(results)[g]
        trace = results.traces[group.cells[-1]]
        if output != "last" or "gap" not in trace.measured.get(output, {}):
            continue
        single = np.diff(trace.t) == 1
        if not single.size:
            continue
        chosen = single if single[-1] else np.ones_like(single)  # checkpoints in pairs show single steps as well
        rises, counts = (array[:, chosen] for array in _rises(trace, output))
        if not counts.any():
            continue
        t, share = _windows(trace.t[1:][chosen], rises, counts, STEPS if single.all() else 1)
        every_step &= bool(single[-1])
        label = group.label + data.seeds([trace])
        total = float(_mean_share(rises, counts))
        of = "all steps" if single.all() else "the steps recorded" if single[-1] else "all stretches"
        found.append(_Curve(label, look, data.counted(results, trace) * t, share, total, of))
    return found, every_step


def _rises(trace: Trace, output: str) -> tuple[np.ndarray, np.ndarray]:
    """[S, K−1]: whether the gap rose since the checkpoint before, and whether that is more than rounding."""
    gap = np.asarray(trace.measured[output]["gap"], dtype=float)
    before, after = gap[:, :-1], gap[:, 1:]
    counts = np.isfinite(before) & np.isfinite(after) & (before > trace.floor_of("gap", output)[:, :-1])
    with np.errstate(invalid="ignore"):
        return (after > before) & counts, counts


def _mean_share(rises: np.ndarray, counts: np.ndarray) -> float:
    """The share of each seed, averaged over the seeds that have one; NaN where none has."""
    total = counts.sum(axis=1)
    return float((rises.sum(axis=1)[total > 0] / total[total > 0]).mean()) if (total > 0).any() else math.nan


def _windows(t: np.ndarray, rises: np.ndarray, counts: np.ndarray, most: int = STEPS) -> tuple[np.ndarray, np.ndarray]:
    """The share in each window of t, at its (geometric) middle."""
    first, last = float(t[0]), float(t[-1])
    space = np.linspace if last <= LINEAR else np.geomspace
    edges = space(first, last + 0.5, min(WINDOWS, len(t)) + 1)
    middles, shares = [], []
    for low, high in itertools.pairwise(_wide(edges, t, most)):
        here = (t >= low) & (t < high)
        if here.any() and counts[:, here].any():
            middles.append(math.sqrt(float(t[here][0]) * float(t[here][-1])))
            shares.append(_mean_share(rises[:, here], counts[:, here]))
    return np.array(middles), np.array(shares)


def _wide(edges: np.ndarray, t: np.ndarray, most: int) -> list[float]:
    """Edges of which neighbours hold enough checkpoints between them, ``most`` or fewer where there are few."""
    least = min(most, max(1, len(t) // 3))
    kept = [float(edges[0])]
    for edge in edges[1:-1]:
        enough = ((t >= kept[-1]) & (t < edge)).sum() >= least and (t >= edge).sum() >= least
        kept += [float(edge)] if enough else []
    return [*kept, float(edges[-1])]


def _vertical(axes: Axes, most: float, every_step: bool) -> None:
    """A linear axis in per cent, from 0 to what there is."""
    top = min(1.0, max(0.05, 1.1 * most)) if most < 0.9 else 1.0
    places = [float(y) for y in MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(0, top) if 0 <= y <= top + 1e-9]
    axes.set_ylim(-0.03 * top, 1.03 * top)
    axes.yaxis.set_major_locator(FixedLocator(places))
    axes.yaxis.set_major_formatter(FixedFormatter([f"{100 * y:g} %" for y in np.round(places, 9)]))
    axes.grid(True, which="major")
    axes.set_ylabel("share of steps that go up" if every_step else "share of rises between checkpoints")


def _draw(axes: Axes, time: TimeAxis, curve: _Curve) -> tuple[Artist, str]:
    line = curve.style.line("-")
    line.set(data=(time.at(curve.t), curve.share), zorder=2.5, label=curve.label, clip_on=False)
    axes.add_line(line)
    return curve.style.line("-"), f"{plain(curve.label)}: {_percent(curve.total)} of {curve.of}"


def _percent(share: float) -> str:
    """A share in per cent, with a digit where it says something.

    >>> _percent(0.0), _percent(0.1234), _percent(0.00004)
    ('0 %', '12.3 %', '0.004 %')
    """
    return "0 %" if share == 0 else f"{100 * share:.3g} %"
