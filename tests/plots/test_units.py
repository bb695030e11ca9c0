"""What x axes count, linear rates, lower bounds, R* known from one side, and exponents with intervals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from golden_kinds import (
    epochs,
    linear_rates,
    network,
)
from plot_makers import checkpoints, noise, results, trace
from reading import data, entries, line, texts

from convlab.core.errors import ConvlabError
from convlab.core.results import Results
from convlab.plots import (
    _bounds,
    _statistics,
    bound_ratio,
    gap_curves,
    steps_to_epsilon,
    up_steps,
)


def test_epochs_and_row_gradients_rescale_curves_and_bounds() -> None:
    made = epochs()
    (axes,) = gap_curves.plot(made).axes
    assert axes.get_xlabel().startswith("epochs")
    np.testing.assert_allclose(data(axes, "gd")[0][1:], made.traces[0].t[1:])  # 100 rows a step, of 100
    np.testing.assert_allclose(data(axes, "sgd")[0][1:], made.traces[1].t[1:] / 100)
    np.testing.assert_allclose(data(axes, "_bound")[0], made.traces[0].t[1:])
    (axes,) = bound_ratio.plot(dataclasses.replace(made, x="row gradients")).axes
    assert axes.get_xlabel() == "row gradients"
    np.testing.assert_allclose(data(axes, "GD smooth")[0], 100.0 * made.traces[0].t[1:])
    assert data(axes, "_worst")[0] == 100.0 * made.verdicts[0].worst_t  # type: ignore[operator]
    figure = steps_to_epsilon.plot(dataclasses.replace(made, x="row gradients"))
    assert figure.axes[0].get_ylabel().startswith("row gradients to reach")


@pytest.mark.parametrize("plot", [gap_curves.plot, bound_ratio.plot, steps_to_epsilon.plot, up_steps.plot])
def test_epochs_need_data(plot: type) -> None:
    made = dataclasses.replace(linear_rates(), x="epochs")
    with pytest.raises(
        ConvlabError, match=r'^linear: \[figures\] x = "epochs" needs data, and gd, step_size = 1/L has'
    ):
        plot(made)


def test_a_lower_bound_is_dotted_and_labelled_directly() -> None:
    (axes,) = gap_curves.plot(linear_rates()).axes
    assert texts(axes) == ["lower bound: Nesterov's chain"]
    bound = line(axes, "_bound slowest")
    upper = line(axes, "_bound linear")
    assert bound._dash_pattern[1] != upper._dash_pattern[1]  # type: ignore[attr-defined]
    (ratio,) = bound_ratio.plot(linear_rates()).axes
    x, y = data(ratio, "Nesterov's chain · gd")
    np.testing.assert_allclose(y, 0.02 * (0.88 / 0.95) ** x, rtol=1e-9)
    assert "lower bounds: bound / measured" in ratio.get_ylabel()


def test_linear_rates_are_straight_lines() -> None:
    (axes,) = gap_curves.plot(linear_rates()).axes
    assert axes.get_xscale() == "linear"
    assert axes.get_yscale() == "log"
    assert 0 in axes.get_xticks()
    (axes,) = bound_ratio.plot(linear_rates()).axes
    assert axes.get_xscale() == "log"  # worst points come early


def _scale(made: Results) -> str:
    return gap_curves.plot(made).axes[0].get_xscale()


def test_the_axis_of_t_follows_the_rates_and_without_any_the_curves() -> None:
    t = checkpoints(500, 60)
    power, exponential = trace("gd", t, 0.5 / (1 + t)), trace("gd", t, 0.5 * 0.97**t, hyper="2/L")
    assert _scale(results("a", "a", (exponential,), ())) == "linear"
    assert _scale(results("a", "a", (power,), ())) == "log"
    assert _scale(results("a", "a", (exponential, power), ())) == "log"
    made = linear_rates()
    mixed = {**made.theorems, "slowest": {**made.theorems["slowest"], "rate_kind": "power"}}
    assert _scale(dataclasses.replace(made, theorems=mixed)) == "log"
    newton = trace("newton", np.arange(9), 0.5 ** (2.0 ** np.arange(9)), floor=1e-10)
    assert _scale(dataclasses.replace(made, traces=(*made.traces, newton))) == "log"


def test_a_one_sided_minimum_is_called_one() -> None:
    gap, gradient = gap_curves.plot(network()).axes
    assert "gap to a lower bound of $R^{\\star}$" in gap.get_ylabel()
    assert r"\mathrm{low}" in gap.get_ylabel()
    assert "squared gradient norm" in gradient.get_ylabel()
    assert _bounds.panels(network()) == ("gap", "grad_norm2")  # the decrease per step has no axes, but a ratio
    assert any("Descent lemma" in entry for entry in entries(bound_ratio.plot(network())))


SPANS = ((0, 2), (1, 3), (2, 4), (0, 3), (1, 4), (0, 4))  # of half of four points at least


def test_an_exponent_is_the_least_squares_slope() -> None:
    x, y = np.array([1.0, 3.0, 9.0, 20.0]), np.array([2.0, 5.0, 30.0, 50.0])
    found = _statistics.exponent(x, [np.array([value]) for value in y])
    assert found is not None
    assert found.value == pytest.approx(np.polyfit(np.log(x), np.log(y), 1)[0])
    windows = [np.polyfit(np.log(x[i:j]), np.log(y[i:j]), 1)[0] for i, j in SPANS]
    assert (found.low, found.high) == pytest.approx((min(windows), max(windows)))
    assert _statistics.exponent(x[:2], [y[:1], y[1:2]]) is None
    inverse = found.inverse()
    assert (inverse.value, inverse.low, inverse.high) == pytest.approx((1 / found.value, 1 / found.high, 1 / found.low))


def test_the_interval_of_a_noisy_exponent_covers_the_truth_about_as_often_as_it_says() -> None:
    x = np.array([10.0, 30.0, 100.0, 300.0, 1_000.0])
    covered = 0
    for trial in range(40):
        values = [x_k**-0.5 * np.exp(0.3 * row) for x_k, row in zip(x, noise(5, 16, seed=trial), strict=True)]
        found = _statistics.exponent(x, values)
        assert found is not None
        covered += found.low <= -0.5 <= found.high
    assert covered >= 33  # a true 95 % interval misses eight or more of 40 with probability 0.0007
