"""The two plots that every run draws: their legends, their marks and their header."""

from __future__ import annotations

import numpy as np
import pytest
from golden import GOLDEN
from matplotlib.axes import Axes
from plot_makers import checkpoints
from reading import entries

from convlab.core.results import Results
from convlab.plots import bound_ratio, gap_curves


def labels(axes: Axes) -> list[str]:
    return [str(line.get_label()) for line in axes.get_lines()]


@pytest.mark.parametrize(
    ("result", "curves", "bounds", "marks"),
    [
        ("quickstart", 4, 3, ["below the rounding floor: not judged"]),
        ("worst_case_sweep", 2, 1, ["diverged: the last finite checkpoint"]),
        ("seeded_sweep", 2, 1, []),
        ("diverging", 4, 1, ["diverged: the last finite checkpoint"]),
        ("ten_curves", 10, 2, []),
        ("exact_zeros", 2, 1, ["zero, or below the axis"]),
        ("one_checkpoint", 1, 0, []),
        ("no_verdicts", 1, 0, []),
        ("no_minimiser", 1, 0, []),
        ("extremes", 2, 2, []),
        ("extreme_floor", 2, 0, ["zero, or below the axis", "below the rounding floor: not judged"]),
        ("floors_apart", 3, 1, ["zero, or below the axis", "below the rounding floor: not judged"]),
        ("shared_bound", 3, 2, []),
        ("many_curves", 18, 1, []),
        ("judged_average", 3, 1, []),
        ("empty", 0, 0, []),
    ],
)
def test_the_legend_of_gap_curves(result: str, curves: int, bounds: int, marks: list[str]) -> None:
    found = entries(gap_curves.plot(GOLDEN[result]()))
    assert len(found) == curves + bounds + len(marks)
    assert found[len(found) - len(marks) :] == marks


def test_gap_curves_of_the_quickstart() -> None:
    made = gap_curves.plot(GOLDEN["quickstart"]())
    gap, distance = made.axes
    assert "R(" in gap.get_ylabel()
    assert "squared distance" in distance.get_ylabel()
    assert [text for text in entries(made) if "32 seeds" in text] == ["SGD, step_size = 0.5/L_max (32 seeds)"]
    assert len(gap.collections) == 1  # one band: a single deterministic run has none
    assert labels(gap).count("_bound gd_smooth_convex") == 1
    assert labels(distance).count("_bound newton_local_quadratic") == 1
    assert "_below" in labels(gap)
    assert any("Trajectory" in text.get_text() for text in made.texts)
    assert any("holds (worst measured/bound" in text.get_text() for text in made.texts)


def test_a_worst_case_sweep_says_so_and_shows_one_point_per_horizon() -> None:
    made = gap_curves.plot(GOLDEN["worst_case_sweep"]())
    assert any("Worst-case sweep: the instance depends on" in text.get_text() for text in made.texts)
    (line,) = (line for line in made.axes[0].get_lines() if line.get_label() == "gd, step_size = 1/L")
    (bound,) = (line for line in made.axes[0].get_lines() if str(line.get_label()).startswith("_bound"))
    np.testing.assert_array_equal(line.get_xdata(), [10, 100, 1_000, 10_000, 100_000])
    np.testing.assert_allclose(line.get_ydata(), bound.get_ydata(), rtol=1e-12)
    assert labels(made.axes[0]).count("_diverged") == 3


def test_divergence_is_marked_where_it_happens() -> None:
    (axes,) = gap_curves.plot(GOLDEN["diverging"]()).axes
    crosses = {float(line.get_xdata()[0]) for line in axes.get_lines() if line.get_label() == "_diverged"}
    t = checkpoints(3_000)
    assert crosses == {t[t < 700].max(), t[t < 60].max(), t[t <= 200].max()}  # where the last finite means are
    assert sum("diverged" in text.get_text() for text in axes.texts) == 3


def test_many_verdicts_become_a_count_and_alarms_stay() -> None:
    results = GOLDEN["ten_curves"]()
    first = results.verdicts[3]
    alarm = type(first)(**{**first.__dict__, "ruling": "violated", "expect": "holds"})
    changed = Results(**{**results.__dict__, "verdicts": (*results.verdicts, alarm)})
    header = [text.get_text() for text in bound_ratio.plot(changed).texts]
    assert "12 verdicts: 11 hold, 1 violated" in header
    assert any("violated" in line and "lr = 4e-3" in line for line in header)


def test_bound_ratio_of_a_sweep_lies_on_one() -> None:
    (axes,) = bound_ratio.plot(GOLDEN["worst_case_sweep"]()).axes
    (line,) = (line for line in axes.get_lines() if str(line.get_label()).startswith("GD smooth"))
    np.testing.assert_allclose(line.get_ydata(), 1.0, rtol=1e-12)
    assert labels(axes).count("_worst") == 1
