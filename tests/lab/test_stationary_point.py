"""A certified stationary point in place of a minimiser: measured, floored and drawn, and no theorem's R*."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from convlab.core.trace import Trace
from convlab.lab import catalog
from convlab.lab.judge import judge
from convlab.plots import gap_curves
from tests.plots.plot_makers import results
from tests.running import run


@functools.cache
def traces() -> tuple[Trace, ...]:
    """Gradient descent with a long step and with a short one, until both stand still."""
    steps = [{"name": "gd", "step_size": 1.5}, {"name": "gd", "step_size": 0.2}]
    return tuple(run({"name": "single_neuron"}, steps, horizon=30_000))


def test_it_is_measured_beside_a_one_sided_gap() -> None:
    measured = traces()[0].measured["last"]
    assert np.all(measured["stationary_gap"][0, :5] < measured["gap"][0, :5])  # R(θ̄) lies above the bound 0 of R*
    assert np.isnan(measured["dist2"]).all()
    assert traces()[0].risk_star is not None
    low, high = traces()[0].risk_star  # type: ignore[misc]
    assert low == 0 < high == pytest.approx(measured["gap"][0, -1], rel=1e-12)


def test_runs_end_below_a_floor_that_depends_on_their_step() -> None:
    ends = []
    for trace in traces():
        for quantity in ("stationary_gap", "stationary_dist2", "grad_norm2"):
            end, floor = trace.measured["last"][quantity][0, -1], trace.floor_of(quantity)[0, -1]
            assert 1e-4 * floor < abs(end) <= floor
        ends.append(trace.measured["last"]["stationary_gap"][0, -1])
    assert ends[1] > trace.floor["stationary_gap"] > ends[0]  # one number for both would be too low for the short step


@pytest.mark.parametrize(
    ("name", "spoken"),
    [
        ("gd_polyak_lojasiewicz", "R(θ) − R*"),
        ("gd_smooth_convex", "R(θ) − R*"),
        ("gd_strongly_convex_distance", "‖θ − θ*‖"),
    ],
)
def test_theorems_on_minima_do_not_apply(name: str, spoken: str) -> None:
    verdict = judge(name, catalog.load("theorems", name), [traces()[0]], (0,), "trajectory")
    assert verdict.ruling == "not applicable"
    assert verdict.why.startswith(
        f"it speaks of {spoken}, and what is certified here is a stationary point, no minimiser"
    )


def test_theorems_on_gradients_say_what_else_they_miss() -> None:
    verdict = judge("gd_nonconvex", catalog.load("theorems", "gd_nonconvex"), [traces()[0]], (0,), "trajectory")
    assert verdict.ruling == "not applicable"
    assert "stationary point" not in verdict.why


def test_its_figure_names_the_stationary_point_and_no_minimum() -> None:
    (axes,) = gap_curves.plot(results("neuron", "Neuron", traces(), ())).axes
    label = axes.get_ylabel()
    assert r"R(\theta_t) - R(\bar\theta)" in label
    assert "certified stationary point" in label
    assert r"\star" not in label
