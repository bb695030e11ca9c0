"""What makes figures cheap leaves them as they were: minor ticks in one artist, lines broken by bisection; strokes."""

from __future__ import annotations

import dataclasses
import itertools
import re
from typing import Any

import numpy as np
import pytest
from golden import GOLDEN
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from convlab.plots import bound_ratio
from convlab.plots._axes import horizontal, vertical
from convlab.plots._layout import sheet
from convlab.plots._style import style
from convlab.plots._text import inches, wrap


def test_minor_ticks_are_where_matplotlib_would_draw_them() -> None:
    """The same pixels as one tick object for each; and none beyond limits that are set later."""
    places = [k * 10.0**p for p in range(-3, 2) for k in range(2, 10)]
    pixels = []
    for one_artist in (False, True):
        with style():
            figure, (axes,) = sheet(1)
            vertical(axes, 1e-3, 1e2, "y")
            horizontal(axes, 1e-3, 1e2, "x")
            if not one_artist:
                for axis in (axes.xaxis, axes.yaxis):
                    axis.set_minor_locator(FixedLocator(places))
            drawn = [line for line in axes.get_lines() if line.get_label() == "_minor"]
            assert len(drawn) == 2
            for line in drawn:
                line.set_visible(one_artist)
            pixels.append([_drawn(figure)])
            axes.set_ylim(1e-2, 1e1)
            pixels[-1].append(_drawn(figure))
    for ours, theirs in zip(*pixels, strict=True):
        assert np.abs(ours - theirs).max() <= 4  # of 255, where an edge is smoothed
    assert np.abs(pixels[0][0] - pixels[0][1]).max() > 100


def _drawn(figure: Figure) -> np.ndarray:
    canvas: Any = figure.canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).astype(int)


@pytest.mark.parametrize("size", [7.5, 9.5])
def test_a_text_is_broken_where_the_next_word_would_not_fit(size: float) -> None:
    """Word by word, as one would do it by hand, is what the bisection has to find."""
    text = r"Gradient descent, strongly convex: $R(\theta) - R^\star$ ≤ $\frac{1}{2}$ and iiiii WWWWW " * 4
    with style():
        figure, _ = sheet(1)
        for room in (0.9, 2.2, 3.1, 5.0):
            lines = wrap(figure, text, room, size, 99)
            assert " ".join(lines) == " ".join(text.split())
            for line, following in itertools.pairwise(lines):
                assert inches(figure, line, size) <= room or " " not in line
                first = re.match(r"(?:\$[^$]*\$|[^\s$])+", following)
                assert first is not None
                assert inches(figure, f"{line} {first.group()}", size) > room


def test_each_delta_of_a_theorem_has_a_stroke_of_its_own() -> None:
    golden = GOLDEN["quickstart"]()
    judged = next(v for v in golden.verdicts if v.log_bound is not None)
    sure = [dataclasses.replace(judged, delta=delta) for delta in (0.1, 0.01, 0.01)]
    axes = bound_ratio.plot(dataclasses.replace(golden, verdicts=tuple(sure))).axes[0]
    lines = [
        line for line in axes.get_lines() if not str(line.get_label()).startswith("_") and len(line.get_xdata()) > 2
    ]
    assert len(lines) == 3
    first, second, third = (str(line._dash_pattern) for line in lines)  # type: ignore[attr-defined]
    assert first != second
    assert second == third
