"""What `minimize` recorded: the value and the gradient norm, against the number of steps."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from convlab.plots._style import COLOURS, GREY, SMALL, TINY, style

_DECADES = 2  # of positive values from which on a logarithmic axis is the readable one


def draw(t: np.ndarray, value: np.ndarray, grad_norm: np.ndarray, status: str, tolerance: float | None) -> Figure:
    """f(x_t) and ‖∇f(x_t)‖ side by side, with the tolerance as a dashed line; values not finite are left out."""
    with style():
        figure = Figure(figsize=(6.8, 2.7), layout="constrained")
        left, right = figure.subplots(1, 2)
        _panel(left, t, value, r"value $f(x_t)$", COLOURS[0])
        _panel(right, t, grad_norm, r"gradient norm $\|\nabla f(x_t)\|$", COLOURS[1])
        if tolerance is not None:
            right.axhline(tolerance, color=GREY, linewidth=1, linestyle=(0, (4, 2)), label="tolerance")
            right.legend(frameon=False, fontsize=TINY)
        figure.suptitle(status, fontsize=SMALL)
    return figure


def _panel(panel: Axes, t: np.ndarray, values: np.ndarray, label: str, colour: str) -> None:
    shown = np.isfinite(values)
    finite = values[shown]
    if finite.size and finite.min() > 0 and finite.max() / finite.min() > 10**_DECADES:
        panel.set_yscale("log")
    panel.plot(t[shown], finite, color=colour, linewidth=1.3, marker="o" if finite.size < 30 else "", markersize=3)
    panel.set_xlabel("steps $t$")
    panel.set_ylabel(label)
    panel.grid(True)
