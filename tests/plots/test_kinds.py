"""The plots of one question each: what they draw and print, against closed forms."""

from __future__ import annotations

import dataclasses
import itertools
import re

import numpy as np
import pytest
from golden_kinds import (
    accuracies,
    conditions,
    many_rates,
    models,
    plane,
    planes,
    step_sizes,
    up_and_down,
)
from matplotlib.figure import Figure
from plot_makers import checkpoints, noise, results, trace
from reading import data, entries, line, texts

from convlab.plots import (
    condition_numbers,
    contours,
    quadratic_model,
    rates,
    step_size_map,
    steps_to_epsilon,
    up_steps,
)


def exponents(figure: Figure) -> list[tuple[float, float, float]]:
    """(value, low, high) of every legend entry that prints one."""
    found = [re.search(r"exponent (−?[\d.]+) \[(−?[\d.]+), (−?[\d.]+)\]", entry) for entry in entries(figure)]
    numbers = [match.groups() for match in found if match]
    return [tuple(float(number.replace("−", "-")) for number in each) for each in numbers]  # type: ignore[misc]


# Step sizes


def test_a_step_size_map_has_the_gaps_at_the_end_over_the_scaled_step_size() -> None:
    made = step_sizes()
    (axes,) = step_size_map.plot(made).axes
    x, y = data(axes, "gd, T = 30", exactly=True)
    h = np.array([0.1, 0.2, 0.4, 0.7, 1.0, 1.3, 1.6, 1.8, 1.95, 2.1])
    np.testing.assert_allclose(x[:10], h)
    np.testing.assert_allclose(y[:10], 0.5 * (0.95 * (1 - 0.02 * h) ** 60 + 0.05 * (1 - h) ** 60), rtol=1e-12)
    assert r"\eta L" in axes.get_xlabel()
    assert "gap" in axes.get_ylabel()
    assert texts(axes) == ["$1/L$", "limit $2/L$"]
    assert [each.get_xdata()[0] for each in axes.get_lines() if each.get_label() == "_limit"] == [1.0, 2.0]


def test_runs_that_diverge_leave_the_map_through_the_top() -> None:
    (axes,) = step_size_map.plot(step_sizes()).axes
    gone = [each for each in axes.get_lines() if each.get_label() == "_gone"]
    assert [list(each.get_xdata()) for each in gone] == [[2.2], [2.1, 2.2], [2.1, 2.2]]
    x, y = data(axes, "gd, T = 300")
    assert y[x == 2.1] == axes.get_ylim()[1]
    assert np.isnan(y[x == 2.2]).all()


def test_bounds_over_step_sizes_are_those_of_the_verdicts_at_the_end() -> None:
    (axes,) = step_size_map.plot(step_sizes()).axes
    found = [each.get_data() for each in axes.get_lines() if each.get_label() == "_bound gd_smooth_convex"]
    for (x, y), horizon in zip(found, (30, 300), strict=True):
        judged = np.asarray(x) <= 1
        expected = 60 / (4 * np.asarray(x)[judged] * horizon + 2)
        np.testing.assert_allclose(np.asarray(y)[judged], expected, rtol=1e-12)
        assert np.isnan(np.asarray(y)[~judged]).all()


def test_the_limit_is_one_only_of_gradient_steps() -> None:
    made = step_sizes()
    plain = [
        dataclasses.replace(each, setting=dataclasses.replace(each.setting, traits=frozenset())) for each in made.traces
    ]
    (axes,) = step_size_map.plot(dataclasses.replace(made, traces=tuple(plain))).axes
    assert texts(axes) == ["$1/L$", "$2/L$"]


# Steps to an accuracy


def test_the_exponents_of_worst_case_sweeps_are_printed() -> None:
    gd, sgd = exponents(steps_to_epsilon.plot(accuracies()))
    assert gd[1] <= -1.0 <= gd[2]
    assert abs(gd[0] + 1) < 0.02
    assert sgd[1] <= -2.0 <= sgd[2]
    assert sgd[2] - sgd[1] < 0.5


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_an_exact_power_law_has_its_exponent_and_no_width(power: float) -> None:
    horizons = (10, 100, 1_000, 10_000)
    runs = [
        trace("gd", checkpoints(T), 3.0 * np.maximum(checkpoints(T), 0.1) ** -power, parameters={"kink": "1/T"})
        for T in horizons
    ]
    made = results("power", "A power law", tuple(runs), (), kind="worst-case sweep")
    figure = steps_to_epsilon.plot(made)
    np.testing.assert_allclose(exponents(figure), [[-1 / power] * 3])
    epsilon, cost = data(figure.axes[0], "gd")
    np.testing.assert_allclose(epsilon, 3.0 * np.array(horizons) ** -power)
    np.testing.assert_array_equal(cost, horizons)


def test_a_fixed_problem_in_a_worst_case_sweep_is_a_trajectory() -> None:
    figure = steps_to_epsilon.plot(accuracies())
    found = entries(figure)
    assert any("gd, on huber – worst-case sweep: exponent" in entry for entry in found)
    assert "gd, on quadratic – trajectory of a fixed problem" in found
    epsilon, cost = data(figure.axes[0], "gd, on quadratic")
    np.testing.assert_allclose(cost, np.log(epsilon / 0.5) / np.log(0.998), rtol=1e-9)


def test_a_trajectory_is_its_running_minimum() -> None:
    gap = np.array([9.0, 5.0, 7.0, 3.0, 4.0, 3.5, 1.0])
    figure = steps_to_epsilon.plot(results("up", "Up and down", (trace("gd", np.arange(7), gap),), ()))
    epsilon, cost = data(figure.axes[0], "gd")
    np.testing.assert_array_equal(epsilon, [5.0, 3.0, 1.0])
    np.testing.assert_array_equal(cost, [1, 3, 6])
    assert any(entry.endswith("– trajectory") for entry in entries(figure))
    left, right = figure.axes[0].get_xlim()
    assert left > right
    assert "decreasing" in figure.axes[0].get_xlabel()


def test_no_accuracy_beyond_rounding_takes_the_axis_along() -> None:
    t = np.arange(1, 301)
    figure = steps_to_epsilon.plot(results("deep", "Deep", (trace("gd", t, 0.1 ** t.astype(float), floor=0.0),), ()))
    (axes,) = figure.axes
    assert 1e-19 < min(axes.get_xlim()) < 1e-17
    assert axes.get_ylim()[1] < 100  # no higher than what is seen, padded to two decades


def test_known_constants_that_differ_make_a_problem_depend_on_the_horizon() -> None:
    one, other = (trace("gd", np.arange(3), np.ones(3), known={"mu": mu}).setting for mu in (0.1, 0.01))
    assert steps_to_epsilon.depends([one, other])
    assert not steps_to_epsilon.depends([one, one])
    word = dataclasses.replace(one, problem_parameters={"data": "breast cancer, T", "rows": "standardised"})
    assert not steps_to_epsilon.depends([word, word])
    assert steps_to_epsilon.depends([dataclasses.replace(one, problem_parameters={"mu": "L/(2*T+1)"})])


# Rates


def test_the_table_of_rates_has_a_row_for_each_slope_and_an_axis_for_each_unit() -> None:
    figure = rates.plot(many_rates())
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert labels[0] == "slope of log measured over log $t$"
    assert "per step, as a multiple of the claimed one" in labels[1]
    assert "over log bound" in labels[2]
    assert "order of convergence" in labels[3]
    counts = [sum(each.get_label() == "measured" for each in axes.get_lines()) for axes in figure.axes]
    assert counts == [8, 5, 5, 1]
    assert sum(each.get_label() == "claimed" for each in figure.axes[0].get_lines()) == 7  # one claims nothing
    assert "−0.500 [−0.550, −0.500]" in texts(figure.axes[0])
    assert "t = 30 … 1,000" in texts(figure.axes[0])
    assert "−4.07 [−4.26, −3.78] $·10^{-3}$" in texts(figure.axes[1])
    values = [each.get_xdata()[0] for each in figure.axes[1].get_lines() if each.get_label() == "measured"]
    np.testing.assert_allclose(values, 1.1)


def test_the_columns_of_rates_are_aligned() -> None:
    figure = rates.plot(many_rates())
    places = [axes.get_position() for axes in figure.axes]
    assert len({(round(box.x0, 9), round(box.x1, 9)) for box in places}) == 1
    assert all(upper.y0 > lower.y1 for upper, lower in itertools.pairwise(places))
    heights = [box.height / rows for box, rows in zip(places, (8, 5, 5, 1), strict=True)]
    np.testing.assert_allclose(heights, heights[0])


# Contours


def test_contours_have_a_way_for_each_run_with_start_and_minimiser() -> None:
    figure = contours.plot(plane())
    (axes,) = figure.axes
    x, y = data(axes, "heavy_ball")
    np.testing.assert_allclose([x[0], y[0]], [2.0, 1.0])
    assert entries(figure)[-2:] == ["start", r"minimiser $\theta^{\star}$"]
    levels = np.asarray(axes.collections[0].levels)  # type: ignore[attr-defined]
    np.testing.assert_allclose(np.diff(np.log(levels)), np.log(levels[1] / levels[0]), rtol=1e-9)
    assert axes.get_aspect() == 1.0
    marked = line(axes, "heavy_ball").get_markevery()
    assert marked == [1, 2, 4, 8, 16, 32, 60]


def test_a_way_ends_where_it_has_left_the_picture() -> None:
    (axes,) = contours.plot(plane()).axes
    _, y = data(axes, "gd, step_size = 0.21")
    assert 3 < len(y) < 30
    assert np.abs(y[:-1]).max() <= 1.5 * 2.4


def test_many_ways_have_a_panel_each() -> None:
    figure = contours.plot(planes())
    assert len(figure.axes) == 7
    assert [texts(axes)[0] for axes in figure.axes[:2]] == ["gd, step_size = 0.03", "heavy_ball, step_size = 0.06"]
    assert "outside the domain of $R$" in entries(figure)
    assert not any("minimiser" in entry for entry in entries(figure))


def test_only_the_longest_run_of_a_sweep_is_drawn() -> None:
    one, other = plane(1, wild=False), plane(1, wild=False)
    short = dataclasses.replace(
        one.traces[0],
        setting=dataclasses.replace(one.traces[0].setting, horizon=10),
        t=one.traces[0].t[:11],
        points=np.asarray(one.traces[0].points)[:, :11],
    )
    land = dataclasses.replace(one.landscapes[0], cells=(0, 1))
    made = dataclasses.replace(one, kind="horizon sweep", traces=(short, *other.traces), landscapes=(land,))
    (axes,) = contours.plot(made).axes
    assert len(data(axes, "gd")[0]) == 61


# Condition numbers


def test_the_exponents_of_the_condition_number_are_printed() -> None:
    figure = condition_numbers.plot(conditions())
    np.testing.assert_allclose(exponents(figure), [[1.0] * 3, [0.5] * 3], atol=0.005)
    (axes,) = figure.axes
    x, y = data(axes, "gd, on quadratic")
    np.testing.assert_allclose(x, [10, 30, 100, 300])
    np.testing.assert_allclose(y, x * np.log(1e6), rtol=1e-9)
    assert axes.get_ylabel() == "steps to $10^{-6}$ × the initial gap"
    assert list(line(axes, "_open").get_data()) == [[1_000], [10_000]]


def test_the_accuracy_is_the_least_that_all_runs_reach() -> None:
    made = conditions()
    short = [dataclasses.replace(each, t=each.t[each.t <= 3_000]) for each in made.traces[:4]]
    short = [
        dataclasses.replace(
            each, measured={"last": {"gap": each.measured["last"]["gap"][:, : len(each.t)]}}
        )
        for each in short
    ]  # fmt: skip
    figure = condition_numbers.plot(dataclasses.replace(made, traces=tuple(short)))
    (axes,) = figure.axes
    assert axes.get_ylabel() == "steps to $7.1·10^{-5}$ × the initial gap"
    words = " ".join(text.get_text() for text in figure.texts)
    assert "$7.1·10^{-5}$ is the least share that all runs reach" in words
    x, y = data(axes, "gd, on quadratic")
    end = short[0].t[-1]  # where the slowest run, exp(−t/300), ends
    assert np.exp(-end / 300) == pytest.approx(7.1e-5, rel=0.01)
    np.testing.assert_allclose(y, x * end / 300, rtol=1e-9)


# Up-steps


def test_the_share_of_steps_that_go_up_is_printed() -> None:
    figure = up_steps.plot(up_and_down())
    found = entries(figure)
    assert found[0].endswith(": 0 % of all steps")
    assert found[1].endswith(": 50 % of all steps")
    assert found[2].endswith("% of all steps")
    walk = up_and_down().traces[2].measured["last"]["gap"]
    share = float(re.search(r"([\d.]+) %", found[2]).group(1))  # type: ignore[union-attr]
    assert share == pytest.approx(100 * (np.diff(walk, axis=1) > 0).mean(), abs=0.06)
    assert figure.axes[0].get_ylabel() == "share of steps that go up"
    assert (data(figure.axes[0], "gd")[1] == 0).all()


def test_checkpoints_that_lie_apart_are_no_steps() -> None:
    t = checkpoints(10_000)
    gap = 0.5 / (1 + t) * np.exp(0.3 * noise(4, t.size))
    figure = up_steps.plot(results("apart", "Apart", (trace("sgd", t, gap),), ()))
    assert "between checkpoints" in figure.axes[0].get_ylabel()
    assert entries(figure)[0].endswith("% of all stretches")
    assert any("between two checkpoints, not a step," in text.get_text() for text in figure.texts)


def test_rounding_below_the_floor_is_no_step_up() -> None:
    t = np.arange(41)
    gap = np.where(t < 20, 0.5**t, 1e-20 * (1 + t % 2))
    figure = up_steps.plot(results("floor", "Floor", (trace("gd", t, gap, floor=1e-19),), ()))
    assert entries(figure)[0].endswith(": 0 % of all steps")


# Quadratic models


def test_the_model_of_a_cubic_misses_its_third_order_term() -> None:
    """On θ²/2 + θ³/6 from θ to θ + s: (1/6)s³, which is the limit with M = 1; GD's share of it by hand."""
    left, right = quadratic_model.plot(models()).axes
    theta = [1.0]
    for _ in range(80):
        theta.append(theta[-1] - 0.25 * (theta[-1] + theta[-1] ** 2 / 2))
    x, y = np.array(theta[:-1]), np.array(theta[1:])
    actual = x**2 / 2 + x**3 / 6 - y**2 / 2 - y**3 / 6
    predicted = (x + x**2 / 2) * (x - y) - (1 + x) * (y - x) ** 2 / 2
    t, drawn = data(left, "gd, step_size = 1/L", exactly=True)
    np.testing.assert_array_equal(t, np.arange(1, 81))
    np.testing.assert_allclose(drawn, actual, rtol=1e-9)
    np.testing.assert_allclose(data(left, "_predicted gd, step_size = 1/L", exactly=True)[1], predicted, rtol=1e-9)
    missed = data(right, "gd, step_size = 1/L", exactly=True)[1]
    np.testing.assert_allclose(missed, (x - y) ** 3 / 6 / predicted, rtol=1e-9)
    np.testing.assert_allclose(data(right, "_limit gd, step_size = 1/L", exactly=True)[1], missed, rtol=1e-9)


def test_steps_from_below_the_floor_are_left_out_and_what_a_logarithm_cannot_show_is_marked() -> None:
    made = models()
    figure = quadratic_model.plot(made)
    left, right = figure.axes
    _, gained = data(left, "newton")
    start = made.traces[1].measured["last"]["grad_norm2"][0, :-1]
    np.testing.assert_array_equal(np.isfinite(gained), start > 100 * 1e-30)
    assert 4 < np.isfinite(gained).sum() < 9
    marked = [each.get_xdata() for each in left.get_lines() if each.get_label() == "_zeros"]
    assert [np.asarray(x, float)[0] for x in marked] == [1.0, 1.0]  # predicted and actual: the noisy run goes up
    assert np.isnan(data(right, "gd, on a parabola")[1]).all()  # nothing is missed
    assert "zero, an increase, or below the axis" in entries(figure)


def test_ratios_of_seeds_are_ratios_of_means() -> None:
    made = models()
    measured = made.traces[2].measured["last"]
    _, missed = data(quadratic_model.plot(made).axes[1], "sgd")
    error, predicted = (np.abs(measured[name][:, 1:]).mean(axis=0) for name in ("model_error", "model_decrease"))
    np.testing.assert_allclose(missed, error / predicted, rtol=1e-12)
