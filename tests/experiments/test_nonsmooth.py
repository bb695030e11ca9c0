"""The committed numbers of `nonsmooth` against closed forms and plain recursions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from convlab.core.trace import Trace
from tests.experiments.committed import ROOT, traces_of

NAME = "nonsmooth"
HORIZONS = [10, 30, 100, 300, 1_000, 3_000]


def runs(problem: str, optimizer: str, written: str = "") -> list[Trace]:
    """The sweep of one optimizer whose step size is written so."""
    found = [
        trace
        for trace in traces_of(NAME, problem=problem, optimizer=optimizer)
        if not written or trace.setting.hyper["step_size"].written == written
    ]
    assert [trace.setting.horizon for trace in found] == HORIZONS
    return found


def final(trace: Trace, output: str) -> float:
    return float(trace.measured[output]["gap"][0, -1])


@pytest.mark.parametrize(
    ("optimizer", "written", "outputs"),
    [("subgradient", "D/(G*sqrt(T))", ("best", "average")), ("polyak", "", ("best",)), ("nesterov", "", ("best",))],
)
def test_no_method_is_below_one_over_root_t(optimizer: str, written: str, outputs: tuple[str, ...]) -> None:
    """G = D = 1 and as many coordinates as steps: one of them was never seen, so that R is 0 and R* = −1/√T."""
    for trace in runs("max_coordinate", optimizer, written):
        for output in outputs:
            assert final(trace, output) == pytest.approx(trace.setting.horizon**-0.5, rel=1e-12)


def test_linear_decay_brings_the_last_iterate_to_one_over_the_root_of_t_plus_one() -> None:
    for trace in runs("max_coordinate", "subgradient", "D*(T-t)/(G*(T+1)**1.5)"):
        assert final(trace, "last") == pytest.approx((trace.setting.horizon + 1) ** -0.5, rel=1e-12)


def test_with_smoothness_the_worst_case_is_one_over_four_t() -> None:
    for trace in runs("huber", "gd"):
        assert final(trace, "last") == pytest.approx(1 / (4 * trace.setting.horizon + 2), rel=1e-9)


def test_decreasing_steps_on_the_absolute_value_are_their_recursion() -> None:
    for trace in runs("absolute", "subgradient"):
        theta, total, weights = 1.0, 0.0, 0.0
        for t in range(trace.setting.horizon):
            eta = 0.45 / math.sqrt(t + 1)
            total, weights = total + eta * theta, weights + eta
            theta -= math.copysign(eta, theta)
        assert final(trace, "last") == pytest.approx(abs(theta), rel=1e-9)
        assert final(trace, "weighted_average") == pytest.approx(abs(total / weights), rel=1e-9)


def test_the_last_iterate_on_the_absolute_value_falls_like_one_over_root_t() -> None:
    gaps = [final(trace, "last") for trace in runs("absolute", "subgradient")]
    assert np.polyfit(np.log(HORIZONS), np.log(gaps), 1)[0] == pytest.approx(-0.5, abs=0.01)


def test_the_companion_with_data_is_logistic_regression() -> None:
    """The flights once more, in numpy: Newton for R*, and the constant step D/(G√T)."""
    table = np.loadtxt(ROOT / "experiments" / "o_rings.csv", delimiter=",", skiprows=1)
    x = (table[:, 0] - table[:, 0].mean()) / table[:, 0].std()
    A = np.where(table[:, 1] > 0, 1.0, -1.0)[:, None] * np.column_stack([x, np.ones(len(x))])

    def wrong(theta: np.ndarray) -> np.ndarray:
        return np.asarray(1 / (1 + np.exp(A @ theta)))

    star = np.zeros(2)
    for _ in range(30):
        p = wrong(star)
        star = star + np.linalg.solve(A.T @ ((p * (1 - p))[:, None] * A), A.T @ p)
    minimum = np.mean(np.log1p(np.exp(-A @ star)))
    for trace in runs("logistic", "subgradient", "D/(G*sqrt(T))"):
        theta, least = np.zeros(2), math.inf
        for _ in range(trace.setting.horizon):
            least = min(least, float(np.mean(np.log1p(np.exp(-A @ theta)))))
            theta = theta + trace.setting.step_size() * np.mean(A * wrong(theta)[:, None], axis=0)
        assert trace.setting["D"] == pytest.approx(np.linalg.norm(star), rel=1e-9)
        assert final(trace, "best") == pytest.approx(least - minimum, abs=1e-13)
