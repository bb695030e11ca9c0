"""The last iterate or an average: the committed gaps against closed forms and exact expectations."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from convlab.core.trace import Trace
from tests.experiments.committed import traces_of

TRAJECTORY, SWEEP = "last_or_average", "last_or_average_worst_cases"
CURVATURES = np.geomspace(0.02, 1.0, 10)
ETA, VARIANCE = 0.25, 0.3**2 / 10  # the noise's variance in each coordinate
RATIOS = 1 - ETA * CURVATURES


@functools.cache
def _run(optimizer: str) -> Trace:
    (trace,) = traces_of(TRAJECTORY, optimizer=optimizer)
    return trace


@functools.cache
def _sweep(problem: str, kink: str = "") -> dict[int, Trace]:
    found = traces_of(SWEEP, problem=problem)
    chosen = [trace for trace in found if trace.setting.problem_parameters.get("kink", "") == kink]
    return {trace.setting.horizon: trace for trace in chosen}


def _weights(output: str, t: int) -> np.ndarray:
    """The weight of each of θ_0 … θ_t in the output."""
    ones = np.ones(t + 1)
    ones[0 if output == "average(1..T)" else t] = 0.0
    if output == "last":
        return np.asarray(np.arange(t + 1) == t, dtype=float)
    return np.asarray(ones / t if output.startswith("average") else np.arange(1, t + 2) * ones / (t * (t + 1) / 2))


def _expected(output: str, t: int, variance: float) -> float:
    """E gap of Σ w_s θ_s: θ_s = r^s θ_0 − η Σ_{k<s} r^(s−1−k) ξ_k in each coordinate."""
    w, s = _weights(output, t), np.arange(t + 1)
    total = 0.0
    for curvature, r in zip(CURVATURES, RATIOS, strict=True):
        bias = float(w @ r**s) ** 2 / 10
        after = np.zeros(t + 1)  # after[k] = Σ_{s>k} w_s r^(s−1−k)
        for k in range(t - 1, -1, -1):
            after[k] = w[k + 1] + r * after[k + 1]
        total += curvature / 2 * (bias + ETA**2 * variance * float(np.sum(after[:t] ** 2)))
    return total


OUTPUTS = ("last", "average", "average(1..T)", "weighted_average(t+1)")


@pytest.mark.parametrize("output", OUTPUTS)
def test_every_output_of_the_exact_run_is_its_closed_form(output: str) -> None:
    trace = _run("gd")
    exact = [_expected(output, int(t), 0.0) for t in trace.t[1:]]
    np.testing.assert_allclose(trace.measured[output]["gap"][0, 1:], exact, rtol=1e-6)


@pytest.mark.parametrize("output", OUTPUTS)
def test_every_output_of_the_noisy_run_has_its_exact_expectation(output: str) -> None:
    trace = _run("sgd")
    gap = trace.measured[output]["gap"]
    assert gap.shape[0] == 128
    error = gap.std(axis=0, ddof=1) / np.sqrt(128)
    for k in (np.flatnonzero(trace.t >= 30)[0], np.flatnonzero(trace.t >= 300)[0], -1):
        assert abs(gap[:, k].mean() - _expected(output, int(trace.t[k]), VARIANCE)) < 4 * error[k]


def test_averaging_ruins_the_exact_run_and_rescues_the_noisy_one() -> None:
    exact, noisy = ({o: _expected(o, 2000, v) for o in OUTPUTS} for v in (0.0, VARIANCE))
    assert min(exact[output] for output in OUTPUTS[1:]) > 1e5 * exact["last"]
    assert noisy["last"] == pytest.approx(float(np.sum(ETA * VARIANCE / (2 * (1 + RATIOS)))), rel=1e-6)
    assert 18 < noisy["last"] / noisy["average"] < 20
    trace = _run("sgd")
    assert trace.measured["best"]["gap"][:, -1].mean() > 2 * noisy["average"]
    falls = [_expected(output, 4000, 0.0) / exact[output] for output in ("average", "weighted_average(t+1)")]
    assert np.log2(falls) == pytest.approx([-2.0, -4.0], abs=0.01)


@pytest.mark.parametrize("horizon", [10, 30, 100, 300, 1000, 3000])
def test_each_huber_function_is_the_worst_for_one_output(horizon: int) -> None:
    """The whole run is on the linear part, θ_t = 1 − tτ, where the gap is τ(θ − τ/2)."""
    T = horizon
    for kink, written in ((1 / (2 * T + 1), "D/(2*T+1)"), (1 / (T + 2), "D/(T+2)")):
        trace = _sweep("huber", written)[T]
        last, mean = 1 - T * kink, 1 - (T + 1) / 2 * kink
        for output, theta in (("last", last), ("average(1..T)", mean)):
            gap = trace.measured[output]["gap"][0, -1]
            assert gap == pytest.approx(kink * (theta - kink / 2), rel=1e-9)
        if written == "D/(2*T+1)":
            assert trace.measured["last"]["gap"][0, -1] == pytest.approx(1 / (4 * T + 2), rel=1e-9)
        else:
            assert trace.measured["average(1..T)"]["gap"][0, -1] == pytest.approx(1 / (2 * T + 4), rel=1e-9)
            ratio = trace.measured["average(1..T)"]["gap"][0, -1] / trace.measured["last"]["gap"][0, -1]
            assert ratio == pytest.approx((T + 2) / 3, rel=1e-9)


@pytest.mark.parametrize("horizon", [100, 300, 1000, 3000])
def test_the_noisy_absolute_value_hovers_where_stationarity_says(horizon: int) -> None:
    """E x² does not change from step to step: E G|x| = η(G² + σ²)/2 = 0.0375."""
    trace = _sweep("absolute")[horizon]
    gap = trace.measured["last"]["gap"][:, -1]
    assert abs(gap.mean() - 0.06 * 1.25 / 2) < 4 * gap.std(ddof=1) / np.sqrt(len(gap))
    average = trace.measured["average"]["gap"][:, -1].mean()
    assert (average < gap.mean()) == (horizon >= 300)
