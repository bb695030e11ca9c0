"""Labels beside lines: each stands where it covers no line and no other text, or is left out (the legend says it)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

from convlab.plots._style import TINY
from convlab.plots._text import renderer

_ALONG = (0.5, 0.6, 0.4, 0.7, 0.3, 0.8, 0.2, 0.9, 0.1)  # of a line's visible length, in order of preference
_SPACING = 1.5  # pixels between the points that stand for a line


@dataclass(frozen=True)
class Label:
    """A text for the line through (x, y); ``above`` says on which side of it the text should rather be."""

    x: np.ndarray
    y: np.ndarray
    text: str
    colour: str
    above: bool = False


def place(axes: Axes, labels: Sequence[Label]) -> int:
    """Put labels beside their lines, once the axes have their final size; returns how many found a place."""
    figure = cast(Figure, axes.figure)
    frame = axes.get_window_extent(renderer(figure))
    taken = [text.get_window_extent(renderer(figure)) for text in axes.texts if text.get_text()]
    lines = [line for line in axes.get_lines() if line.get_transform() == axes.transData]
    dots = np.concatenate([_dots(axes, *np.asarray(line.get_data(), dtype=float)) for line in lines] or [_NONE])
    placed = 0
    for label in labels:
        text = axes.annotate(
            label.text, (0.5, 0.5), xycoords="axes fraction", ha="center", va="center", fontsize=TINY,
            color=label.colour, zorder=6, path_effects=[withStroke(linewidth=2, foreground="white")],
        )  # fmt: skip
        box = text.get_window_extent(renderer(figure))
        for middle in _candidates(label, _dots(axes, label.x, label.y), box.width, box.height, frame):
            here = Bbox.from_bounds(middle[0] - box.width / 2, middle[1] - box.height / 2, box.width, box.height)
            if _free(here, frame, taken, dots):
                text.xy = ((middle[0] - frame.x0) / frame.width, (middle[1] - frame.y0) / frame.height)
                text.set_position(text.xy)
                taken.append(here)
                placed += 1
                break
        else:
            text.remove()
    return placed


_NONE = np.empty((0, 2))


def _dots(axes: Axes, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Points [N, 2] in pixels, close to one another, along a line; gaps stay gaps."""
    with np.errstate(all="ignore"):
        points = axes.transData.transform(np.column_stack([np.ravel(x), np.ravel(y)]))
    found = [points[np.isfinite(points).all(axis=1)]]
    for first, second in itertools.pairwise(points):
        if np.isfinite([first, second]).all():
            steps = int(min(2000.0, float(np.abs(second - first).max()) / _SPACING)) + 1
            found.append(first + (second - first) * np.linspace(0, 1, steps, endpoint=False)[:, None])
    return np.concatenate(found) if points.size else _NONE


def _candidates(label: Label, line: np.ndarray, wide: float, high: float, frame: Bbox) -> Iterator[np.ndarray]:
    """Middles of the text, the preferred ones first: below or above the line, and left or right of steep ones."""
    inside = (line[:, 0] >= frame.x0) & (line[:, 0] <= frame.x1) & (line[:, 1] >= frame.y0) & (line[:, 1] <= frame.y1)
    visible = line[inside]
    visible = visible[np.argsort(visible[:, 0], kind="stable")]
    first = 1 if label.above else -1
    for side in (first, -first):
        for gap in (3.0, 7.0, 12.0):
            for along in _ALONG if len(visible) else ():
                at = visible[int(along * (len(visible) - 1))]
                yield at + np.array([0.0, side * (high / 2 + gap)])
                for beside in (-1, 1):
                    yield at + np.array([beside * (wide / 2 + gap), side * high / 2])


def _free(box: Bbox, frame: Bbox, taken: Sequence[Bbox], dots: np.ndarray) -> bool:
    if box.x0 < frame.x0 + 2 or box.x1 > frame.x1 - 2 or box.y0 < frame.y0 + 2 or box.y1 > frame.y1 - 2:
        return False
    if any(box.x0 < b.x1 + 2 and b.x0 < box.x1 + 2 and box.y0 < b.y1 + 2 and b.y0 < box.y1 + 2 for b in taken):
        return False
    within = (
        (dots[:, 0] > box.x0 - 2) & (dots[:, 0] < box.x1 + 2) & (dots[:, 1] > box.y0 - 1) & (dots[:, 1] < box.y1 + 1)
    )
    return not bool(within.any())
