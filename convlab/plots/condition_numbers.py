"""Steps to a fixed accuracy against the condition number: ~ κ for gradient descent, ~ √κ when accelerated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from convlab.core.errors import ConvlabError
from convlab.core.results import Results
from convlab.core.setting import Setting
from convlab.core.trace import Trace
from convlab.plots import _axes as ax
from convlab.plots import _curves as data
from convlab.plots import _layout as layout
from convlab.plots._statistics import Exponent, exponent
from convlab.plots._style import SHARED, Style, style
from convlab.plots._text import plain
from convlab.plots._time import positive

TARGET = 1e-6  # of the gap at the start
COARSE = 0.1  # a run that never gets below this share of its first gap has not converged
COUNTS = {"steps": "steps", "epochs": "epochs (row gradients / $n$)", "row gradients": "row gradients"}


@dataclass(frozen=True)
class _Curve:
    """One method on problems of different condition numbers, ascending."""

    label: str
    style: Style
    kappa: np.ndarray
    cost: np.ndarray  # NaN where the accuracy is not reached ...
    length: np.ndarray  # ... within this
    slope: Exponent | None


def plot(results: Results) -> Figure:
    """Steps until R(θ_t) − R(θ*) ≤ ε (R(θ_0) − R(θ*)) against κ on log-log axes, with exponents and intervals.

    ε = 10⁻⁶, or the smallest share that all converging runs reach; of the mean over seeds the first t, on straight
    lines in (t, log gap) between checkpoints. Raises `ConvlabError` where κ does not vary or no run converges.
    """
    with style():
        families = _families(results)
        epsilon = _accuracy(results, families)
        if epsilon is None:
            raise ConvlabError(
                f"{results.name}: condition_numbers needs a method on problems with two or more known values of kappa, "
                "whose gap falls below a tenth"
            )
        found = [_curve(results, family, Style(k), epsilon) for k, family in enumerate(families)]
        found = [curve for curve in found if np.isfinite(curve.cost).any()]
        figure, (axes,) = layout.sheet(1)
        kappas = positive([c.kappa for c in found])
        costs = positive([*(c.cost for c in found), *(c.length[~np.isfinite(c.cost)] for c in found)])
        ax.horizontal(
            axes, *ax.padded(float(kappas.min()), float(kappas.max()), 1.0), r"condition number $\kappa = L/\mu$"
        )
        count = COUNTS[results.x]
        ax.vertical(
            axes, *ax.padded(float(costs.min()), float(costs.max())), f"{count} to {_share(epsilon)} × the initial gap"
        )
        entries = [_draw(axes, curve) for curve in found]
        if any((~np.isfinite(c.cost)).any() for c in found):
            entries.append((_open(SHARED), "not reached within the run: its length is drawn"))
        least = [f"{_share(epsilon)} is the least share that all runs reach"] if epsilon > TARGET else []
        read = [r"Exponents $p$ of steps ~ $\kappa^p$, fitted by least squares, with their intervals"]
        fitted = any(curve.slope is not None for curve in found)
        layout.finish(figure, [axes], layout.header(results, [*(read if fitted else []), *least]), entries)
    return figure


def _families(results: Results) -> list[list[int]]:
    """Cells of one method and problem, with κ ascending; in a sweep over horizons the longest run of each."""
    last = {group.cells[-1] for group in data.groups(results)}
    together: dict[str, list[int]] = {}
    for i, trace in enumerate(results.traces):
        if i in last and kappa(trace.setting) is not None and _output(results, trace) is not None:
            together.setdefault(data.identity(trace.setting, any_problem=True), []).append(i)

    def of(i: int) -> float:
        return kappa(results.traces[i].setting) or 0.0

    ordered = [sorted(cells, key=of) for cells in together.values()]
    return [cells for cells in ordered if of(cells[-1]) > of(cells[0]) * (1 + 1e-9)]


def kappa(setting: Setting) -> float | None:
    """κ as it is known, or L/μ; None where neither is."""
    if "kappa" in setting.known:
        return setting["kappa"]
    if "L" in setting.known and "mu" in setting.known and setting["mu"] > 0:
        return setting["L"] / setting["mu"]
    return None


def _output(results: Results, trace: Trace) -> str | None:
    """The output that is read: the first one asked for that has a gap."""
    asked = (output for output in results.outputs if "gap" in trace.measured.get(output, {}))
    return next(asked, None)


def _gaps(results: Results, cell: int) -> np.ndarray:
    """The gaps over the first one [S, K]; NaN from a divergence on."""
    trace = results.traces[cell]
    gap = np.asarray(trace.measured[_output(results, trace) or ""]["gap"], dtype=float)
    start = float(gap[:, 0].mean())
    return gap / start if start > 0 else np.full_like(gap, np.nan)


def _accuracy(results: Results, families: Sequence[Sequence[int]]) -> float | None:
    """ε: the target, or the smallest share that all converging runs reach."""
    least = [np.nanmin(m) for f in families for i in f if np.isfinite(m := _gaps(results, i).mean(axis=0)).any()]
    converging = [float(share) for share in least if share <= COARSE]
    return max([TARGET, *converging]) if converging else None


def _reached(trace: Trace, gap: np.ndarray, epsilon: float) -> float:
    """The first t at which a curve is at most ε, on straight lines in (t, log gap); NaN where it never is."""
    below = np.flatnonzero(np.isfinite(gap) & (gap <= epsilon * (1 + 1e-12)))
    if not below.size:
        return float("nan")
    k = int(below[0])
    if k == 0 or gap[k] <= 0:
        return float(trace.t[k])
    before, after = np.log(gap[k - 1]), np.log(gap[k])
    share = (before - np.log(epsilon)) / (before - after)
    return float(trace.t[k - 1] + min(share, 1.0) * (trace.t[k] - trace.t[k - 1]))


def _curve(results: Results, cells: Sequence[int], look: Style, epsilon: float) -> _Curve:
    traces = [results.traces[i] for i in cells]
    counts = np.array([data.counted(results, trace) for trace in traces])
    cost = counts * np.array([
        _reached(trace, _gaps(results, i).mean(axis=0), epsilon) for i, trace in zip(cells, traces, strict=True)
    ])  # fmt: skip
    cost = np.where(cost > 0, cost, np.nan)
    kappas = np.array([kappa(trace.setting) for trace in traces], dtype=float)
    here = np.isfinite(cost)
    slope = exponent(kappas[here], [np.array([value]) for value in cost[here]])
    label = data.shared_name([data.name(trace) for trace in traces]) + data.seeds(traces)
    length = counts * np.array([trace.setting.horizon for trace in traces], dtype=float)
    return _Curve(label, look, kappas, cost, length, slope)


def _draw(axes: Axes, curve: _Curve) -> tuple[Artist, str]:
    here = np.isfinite(curve.cost)
    line = curve.style.line("-" if curve.slope is None else "none")
    line.set(data=(curve.kappa[here], curve.cost[here]), zorder=2.5, label=curve.label)
    axes.add_line(line)
    label = plain(curve.label)
    if curve.slope is not None:
        x, y = np.log(curve.kappa[here]), np.log(curve.cost[here])
        ends = np.array([x.min(), x.max()])
        fit = np.exp(y.mean() + curve.slope.value * (ends - x.mean()))
        axes.plot(np.exp(ends), fit, color=curve.style.colour, linewidth=1.0, alpha=0.7, zorder=2.3, label="_fit")
        label += f": exponent {curve.slope}"
    if (~here).any():
        marks = _open(curve.style.colour)
        marks.set(data=(curve.kappa[~here], curve.length[~here]), zorder=2.6)
        axes.add_line(marks)
    return curve.style.line("-"), label


def _open(colour: str) -> Line2D:
    return Line2D(
        [], [], linestyle="none", marker="^", markersize=6, markerfacecolor="white", markeredgecolor=colour,
        markeredgewidth=1.2, label="_open",
    )  # fmt: skip


def _share(epsilon: float) -> str:
    """ε in mathtext.

    >>> _share(1e-6), _share(0.0034)
    ('$10^{-6}$', '$3.4·10^{-3}$')
    """
    power = int(np.floor(np.log10(epsilon) + 1e-9))
    factor = f"{epsilon / 10.0**power:.2g}"
    return f"$10^{{{power}}}$" if factor == "1" else f"${factor}·10^{{{power}}}$"
