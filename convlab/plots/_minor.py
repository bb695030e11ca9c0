"""The minor ticks of a logarithmic axis as one artist.

Matplotlib has five artists for each tick, which took a quarter of the time of a figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.markers import TICKDOWN, TICKLEFT
from matplotlib.ticker import NullLocator

_BELOW = 0.5  # where axes draw their ticks under "axes.axisbelow": True


def minor_ticks(axes: Axes, name: Literal["x", "y"], places: Sequence[float]) -> None:
    """Minor ticks at these places of the axis ``name``, and no others; without labels."""
    (axes.xaxis if name == "x" else axes.yaxis).set_minor_locator(NullLocator())
    for line in axes.get_lines():
        if isinstance(line, _MinorTicks) and line.name == name:
            line.remove()
    if places:
        axes.add_line(_MinorTicks(axes, name, places))


class _MinorTicks(Line2D):
    """Looks like what matplotlib draws; as there, ticks beyond the limits of the axis do not show."""

    def __init__(self, axes: Axes, name: Literal["x", "y"], places: Sequence[float]) -> None:
        self.name, self.places = name, np.asarray(places, dtype=float)
        across = axes.get_xaxis_transform if name == "x" else axes.get_yaxis_transform
        settings: Any = matplotlib.rcParams
        look = {part: settings[f"{name}tick.{part}"] for part in ("color", "minor.size", "minor.width")}
        mark: Any = TICKDOWN if name == "x" else TICKLEFT
        super().__init__(
            [], [], linestyle="none", marker=mark, color=look["color"],
            markersize=look["minor.size"], markeredgewidth=look["minor.width"], zorder=_BELOW, clip_on=False,
            transform=across(which="tick1"), label="_minor",
        )  # fmt: skip
        self._put(axes)

    def draw(self, renderer: Any) -> None:
        self._put(self.axes)
        super().draw(renderer)

    def _put(self, axes: Any) -> None:
        low, high = sorted(axes.get_xlim() if self.name == "x" else axes.get_ylim())
        shown = self.places[(self.places >= low) & (self.places <= high)]
        edge = np.zeros(shown.shape)
        self.set_data(*((shown, edge) if self.name == "x" else (edge, shown)))
