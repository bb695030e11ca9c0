"""Acceleration: the committed gaps against closed forms and recursions in numpy, and exponents from the traces."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from convlab.core.trace import Trace
from tests.experiments.committed import traces_of

SWEEP, CONDITIONING = "acceleration", "acceleration_and_conditioning"


@functools.cache
def _all(name: str) -> list[Trace]:
    return traces_of(name)


def _traces(name: str, problem: str, optimizer: str, momentum: str = "") -> list[Trace]:
    found = [t for t in _all(name) if (t.setting.problem, t.setting.optimizer) == (problem, optimizer)]
    return [trace for trace in found if not momentum or trace.setting.options["momentum"] == momentum]


def _gaps(problem: str, optimizer: str, momentum: str = "") -> dict[int, float]:
    found = _traces(SWEEP, problem, optimizer, momentum)
    return {trace.setting.horizon: float(trace.measured["last"]["gap"][0, -1]) for trace in found}


def test_each_method_attains_its_worst_case_on_its_own_huber_function() -> None:
    gd, nesterov = _gaps("huber", "gd"), _gaps("huber", "nesterov")
    assert list(gd) == list(nesterov) == [10, 30, 100, 300, 1000]
    for T in gd:
        assert gd[T] == pytest.approx(1 / (4 * T + 2), rel=1e-9)
        assert nesterov[T] == pytest.approx(2 / (T**2 + 5 * T + 6), rel=1e-9)
        if T >= 100:
            assert nesterov[T] > 0.97 * 2 / (T + 1) ** 2


def test_nothing_on_the_chain_crosses_the_lower_bound() -> None:
    gd, simple = _gaps("nesterov_chain", "gd"), _gaps("nesterov_chain", "nesterov", "simple")
    fista, ball = _gaps("nesterov_chain", "nesterov", "fista"), _gaps("nesterov_chain", "heavy_ball")
    for T in (10, 30, 100, 300, 1000):
        least = 1 / (16 * (T + 1))
        assert least < min(gd[T], simple[T], fista[T], ball[T])
        assert max(simple[T], fista[T]) < 4 * least
    assert 4 < gd[10] * 16 * 11 < 5
    assert 49 < gd[1000] * 16 * 1001 < 50
    assert ball[300] == pytest.approx(gd[300], rel=0.01)
    assert gd[1000] < 0.6 * ball[1000]


def _chain_by_hand(T: int, momentum: Any, step: float, gradient_at_y: bool) -> float:
    """R − R* after T steps on the chain of 2T + 1 links with L = 1: a Hessian as a matrix, and plain recursion."""
    d = 2 * T + 1
    H = (2 * np.eye(d) - np.eye(d, k=1) - np.eye(d, k=-1)) / 4
    x = before = np.zeros(d)
    for i in range(T):
        y = x + (momentum(i) if i else 0.0) * (x - before)
        x, before = y - step * (H @ (y if gradient_at_y else x) - np.eye(d)[0] / 4), x
    error = x - (1 - np.arange(1, d + 1) / (d + 1))
    return float(error @ H @ error / 2)


@pytest.mark.parametrize("T", [10, 30, 100])
def test_the_chain_is_what_plain_recursion_gives(T: int) -> None:
    by_hand = _chain_by_hand(T, lambda i: 0.0, 1.0, True)
    assert _gaps("nesterov_chain", "gd")[T] == pytest.approx(by_hand, rel=1e-9)
    by_hand = _chain_by_hand(T, lambda i: (i - 1) / (i + 2), 1.0, True)
    assert _gaps("nesterov_chain", "nesterov", "simple")[T] == pytest.approx(by_hand, rel=1e-9)
    root = np.sin(np.pi / (4 * (T + 1)))  # of the least eigenvalue
    by_hand = _chain_by_hand(T, lambda i: ((1 - root) / (1 + root)) ** 2, 4 / (1 + root) ** 2, False)
    assert _gaps("nesterov_chain", "heavy_ball")[T] == pytest.approx(by_hand, rel=1e-9)


def _steps(trace: Trace) -> float:
    """The first t at which the gap is a millionth of the first one, on straight lines in (t, log gap)."""
    share = trace.measured["last"]["gap"][0] / trace.measured["last"]["gap"][0, 0]
    k = int(np.argmax(share <= 1e-6))
    assert k > 0
    fall = (np.log(share[k - 1]) - np.log(1e-6)) / (np.log(share[k - 1]) - np.log(share[k]))
    return float(trace.t[k - 1] + fall * (trace.t[k] - trace.t[k - 1]))


@pytest.mark.parametrize("problem", ["quadratic", "logistic"])
@pytest.mark.parametrize(("optimizer", "exponent"), [("gd", 1.0), ("nesterov", 0.5), ("heavy_ball", 0.5)])
def test_steps_go_with_the_condition_number_or_its_root(problem: str, optimizer: str, exponent: float) -> None:
    traces = _traces(CONDITIONING, problem, optimizer)
    assert len(traces) == {"quadratic": 6, "logistic": 5}[problem]
    kappas = [trace.setting["L"] / trace.setting["mu"] for trace in traces]
    slope = np.polyfit(np.log(kappas), np.log([_steps(trace) for trace in traces]), 1)[0]
    assert slope == pytest.approx(exponent, abs=0.1)


def _share_along_mu(optimizer: str, mu: float, t: int) -> float:
    """R(θ_t)/R(θ_0) along the eigenvector of μ, L = 1, where the errors have a double root."""
    root = np.sqrt(mu)
    if optimizer == "gd":
        return float((1 - mu) ** (2 * t))
    if optimizer == "nesterov":
        return float(((1 - root) ** t * (1 + root * t)) ** 2)
    rho = (1 - root) / (1 + root)
    return float((rho**t * (1 + t * (1 - rho))) ** 2)


@pytest.mark.parametrize(("optimizer", "steps"), [("gd", 6905), ("nesterov", 287), ("heavy_ball", 146)])
def test_the_quadratics_are_their_closed_forms(optimizer: str, steps: int) -> None:
    for trace in _traces(CONDITIONING, "quadratic", optimizer):
        share = trace.measured["last"]["gap"][0] / trace.measured["last"]["gap"][0, 0]
        exact = np.array([_share_along_mu(optimizer, trace.setting["mu"], int(t)) for t in trace.t])
        seen = exact > 1e-20
        np.testing.assert_allclose(share[seen], exact[seen], rtol=1e-6)
    assert _share_along_mu(optimizer, 0.001, steps) <= 1e-6 < _share_along_mu(optimizer, 0.001, steps - 1)
