"""The numbers behind the pictures: means, bands, Student's quantile, groups, limits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from golden import GOLDEN
from plot_makers import checkpoints, trace
from scipy import stats

from convlab.plots import _axes, _bounds, _curves, _statistics, _style, _time


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 7, 15, 31, 99, 10_000])
def test_students_quantile(freedom: int) -> None:
    assert _statistics.student(freedom) == pytest.approx(
        stats.t.ppf(0.975, freedom), rel=3e-3 if freedom == 3 else 6e-4
    )


def test_the_band_is_positive_symmetric_in_logarithms_and_of_the_right_width() -> None:
    values = np.array([[1.0], [2.0], [3.0], [10.0]])
    mean, low, high = _statistics.statistics(values)
    assert mean[0] == 4.0
    half = stats.t.ppf(0.975, 3) * values.std(ddof=1) / 2 / 4
    np.testing.assert_allclose([low[0], high[0]], [4 * np.exp(-half), 4 * np.exp(half)], rtol=1e-2)
    assert low[0] * high[0] == pytest.approx(16.0)


@pytest.mark.parametrize("scale", [1e300, 1.0, 1e-300])
def test_statistics_neither_overflow_nor_underflow(scale: float) -> None:
    mean, low, high = _statistics.statistics(np.array([[1.0], [2.0], [3.0]]) * scale)
    assert mean[0] == pytest.approx(2 * scale)
    assert 0 < low[0] < mean[0] < high[0] < np.inf


def test_the_mean_ends_where_a_seed_does() -> None:
    values = np.array([[1.0, 2.0, np.nan], [1.0, np.inf, np.nan]])
    mean, low, high = _statistics.statistics(values)
    np.testing.assert_array_equal(np.isfinite(mean), [True, False, False])
    assert low[0] == pytest.approx(1.0)
    assert high[0] == pytest.approx(1.0)


def test_zeros_have_a_mean_and_no_band() -> None:
    np.testing.assert_array_equal(_statistics.statistics(np.zeros((3, 2))), np.zeros((3, 2)))


def test_a_sweep_makes_one_curve_of_cells_that_differ_in_the_horizon_alone() -> None:
    found = _curves.groups(GOLDEN["worst_case_sweep"]())
    assert [group.label for group in found] == ["gd, step_size = 1/L", "gd, step_size = 2.1/L"]
    assert [group.cells for group in found] == [tuple(range(5)), tuple(range(5, 10))]


def test_a_judged_output_that_was_not_asked_for_is_drawn_for_its_cell_alone() -> None:
    results = GOLDEN["judged_average"]()
    assert _curves.drawn(results) == ((0, "last"), (1, "last"), (1, "average"))
    (bound,) = _bounds.bounds(results)
    assert bound.style == _curves.styles(results)[1, "average"]


def test_a_label_is_made_from_the_setting_where_there_is_none() -> None:
    made = trace("gd", checkpoints(10), np.ones(checkpoints(10).shape))
    assert _curves.name(made) == "gd, step_size = 1/L"
    assert _curves.name(type(made)(**{**made.__dict__, "label": ""})) == "gd, step_size = 1/L"


def test_ten_styles_differ_and_twenty_are_told_apart() -> None:
    looks = [_style.Style(i) for i in range(20)]
    assert len({look.colour for look in looks[:10]}) == 10
    assert len({look.marker for look in looks[:10]}) == 10
    assert len({(look.colour, look.marker, look.face) for look in looks}) == 20


@pytest.mark.parametrize(
    ("low", "high"), [(1.0, 1.0), (1e-320, 1e-310), (1e307, 1.7e308), (1e-300, 1e300), (1e-20, 1e-20)]
)
def test_limits_are_finite_and_apart(low: float, high: float) -> None:
    left, right = _axes.padded(low, high)
    assert 0 < left < right < np.inf
    assert np.log10(right / left) >= 1.0 if right / left < np.inf else True


def test_a_run_that_was_not_judged_does_not_squeeze_those_that_were() -> None:
    results = GOLDEN["worst_case_sweep"]()
    stray = [c for c in _curves.curves(results, "gap") if not c.crosses]
    stray.append(dataclasses.replace(stray[0], style=_style.Style(5), mean=stray[0].mean * 1e-15))
    low, high = _axes.vertical_range(stray, _bounds.bounds(results), sweep=True)
    assert 1e-13 < low < 1e-11
    assert high < 1.0
    assert _axes.vertical_range(stray, _bounds.bounds(results), sweep=False)[0] < 1e-19


def test_zero_lies_left_of_the_first_step() -> None:
    time = _time.TimeAxis.over([np.array([0, 1, 10_000])])
    places = time.at(np.array([0.0, 1.0, 100.0]))
    assert 0.3 < places[0] < 0.6
    np.testing.assert_array_equal(places[1:], [1.0, 100.0])
