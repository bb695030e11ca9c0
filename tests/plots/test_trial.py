"""What a new user stumbled over, picture by picture."""

from __future__ import annotations

import itertools

import numpy as np
from golden import GOLDEN
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from convlab.plots import _axes, _bounds, _curves, bound_ratio, gap_curves


def entries(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def drawn(axes: Axes, label: str) -> list[object]:
    return [line.get_color() for line in axes.get_lines() if str(line.get_label()).startswith(label)]


def test_a_run_without_a_floor_does_not_squeeze_the_others() -> None:
    results = GOLDEN["floors_apart"]()
    curves = _curves.curves(results, "gap")
    low, high = _axes.vertical_range(curves, _bounds.bounds(results), sweep=False)
    assert 1e-42 < low < 1e-36
    assert high < 100
    alone = [c for c in curves if c.label.startswith("newton")]
    assert _axes.vertical_range(alone, [], sweep=False)[0] < 1e-290


def test_a_second_deep_run_takes_the_axis_along() -> None:
    (axes,) = gap_curves.plot(GOLDEN["extremes"]()).axes
    assert axes.get_ylim()[0] < 1e-299


def test_the_zone_is_not_drawn_over_a_run_without_a_floor() -> None:
    (axes,) = gap_curves.plot(GOLDEN["floors_apart"]()).axes
    assert not axes.patches
    assert [text.get_text() for text in axes.texts] == ["rounding floor (of gd, step_size = 1/L)"]
    assert len(gap_curves.plot(GOLDEN["extreme_floor"]()).axes[0].patches) == 1


def test_nothing_is_called_not_judged_where_nothing_is_grey() -> None:
    for plot in (gap_curves.plot, bound_ratio.plot):
        for name, make in GOLDEN.items():
            figure = plot(make())
            grey = any(drawn(axes, "_below") for axes in figure.axes)
            said = any("not judged" in entry for entry in entries(figure))
            assert grey or not said, name


def test_bounds_that_coincide_are_drawn_once_in_grey() -> None:
    (axes,) = gap_curves.plot(GOLDEN["shared_bound"]()).axes
    assert drawn(axes, "_bound gd_smooth_convex") == ["#4D4D4D"]
    assert len(drawn(gap_curves.plot(GOLDEN["ten_curves"]()).axes[0], "_bound gd_smooth_convex")) == 10


def test_a_ratio_of_one_and_the_line_at_one_are_both_seen() -> None:
    figure = bound_ratio.plot(GOLDEN["shared_bound"]())
    (axes,) = figure.axes
    assert len(drawn(axes, "_equal")) == 1
    (line,) = (line for line in axes.get_lines() if np.all(np.asarray(line.get_ydata()) == 1.0) and line.zorder == 2.7)
    assert line.get_linestyle() == "-"
    assert not any("Noise floor" in entry for entry in entries(figure))  # nothing of it was judged


def test_many_short_labels_stand_in_columns() -> None:
    figure = gap_curves.plot(GOLDEN["many_curves"]())
    assert len(figure.legends) == 2
    height = figure.legends[0].get_window_extent(FigureCanvasAgg(figure).get_renderer()).height / figure.dpi
    assert height < 1.5


def test_the_gap_to_an_infimum_says_so() -> None:
    assert r"\inf" in gap_curves.plot(GOLDEN["many_curves"]()).axes[0].get_ylabel()
    assert r"\theta^{\star}" in gap_curves.plot(GOLDEN["ten_curves"]()).axes[0].get_ylabel()


def test_every_divergence_of_a_sweep_has_its_word_within_the_axes() -> None:
    figure = gap_curves.plot(GOLDEN["worst_case_sweep"]())
    (axes,) = figure.axes
    renderer = FigureCanvasAgg(figure).get_renderer()
    words = [text.get_window_extent(renderer) for text in axes.texts if "diverged" in text.get_text()]
    assert len(words) == 3
    frame = axes.get_window_extent(renderer)
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in words)
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(words))
