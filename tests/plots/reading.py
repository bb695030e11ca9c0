"""What a figure says and draws, for the tests."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D


def entries(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def line(axes: Axes, start: str, exactly: bool = False) -> Line2D:
    labelled = [(each, str(each.get_label())) for each in axes.get_lines()]
    (found,) = (each for each, label in labelled if (label == start if exactly else label.startswith(start)))
    return found


def data(axes: Axes, start: str, exactly: bool = False) -> tuple[np.ndarray, np.ndarray]:
    x, y = line(axes, start, exactly).get_data()
    return np.asarray(x, dtype=float), np.asarray(y, dtype=float)
