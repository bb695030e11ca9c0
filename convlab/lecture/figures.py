"""How the lecture's figures are made: the lab's style, one row of axes, a title, and what it shows in small letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from convlab.plots import _style
from convlab.plots._style import COLOURS, GREY, SMALL, TINY, TITLE

__all__ = ["COLOURS", "GREY", "SMALL", "TINY", "TITLE", "row", "write"]


def row(panels: int, title: str, read: str = "", *, wide: float = 0.0, high: float = 3.3) -> tuple[Figure, list[Axes]]:
    """A figure with its axes side by side, a bold title and one line that says how to read it; use within `style`.

    ``wide`` is the width of a panel and ``high`` the height of all of it, in inches.
    """
    width = (wide or {1: 5.4, 2: 3.9, 3: 3.0}.get(panels, 2.8)) * panels + 0.2
    top = high + 0.55
    layout = ConstrainedLayoutEngine(rect=(0, 0, 1, 1 - (0.48 if read else 0.3) / top))
    figure = Figure(figsize=(width, top), dpi=200, layout=layout)
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(1, panels, squeeze=False)[0])
    figure.text(0.1 / width, 1 - 0.08 / top, title, fontsize=TITLE, weight="bold", va="top")
    if read:
        figure.text(0.1 / width, 1 - 0.27 / top, read, fontsize=SMALL, va="top")
    return figure, axes


def write(name: str, draw: Callable[[], Figure], out: Path) -> Sequence[Path]:
    """Draw an item's figure in the lab's style, and write it as SVG and PNG."""
    out.mkdir(parents=True, exist_ok=True)
    with _style.style():
        figure = draw()
    return _style.save(figure, out / name)
