"""The committed numbers of `sparse_regression` against closed forms and plain recursions in numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from convlab.problems import _bundled
from tests.experiments.committed import traces_of

NAME = "sparse_regression"
HORIZONS = [10, 30, 100, 300, 1_000, 3_000]


def gaps(problem: str, optimizer: str) -> dict[int, float]:
    found = traces_of(NAME, problem=problem, optimizer=optimizer)
    assert [trace.setting.horizon for trace in found] == HORIZONS
    return {trace.setting.horizon: float(trace.measured["last"]["gap"][0, -1]) for trace in found}


def test_the_worst_case_of_plain_steps_is_one_over_four_t() -> None:
    for horizon, gap in gaps("shrinkage", "proximal_gradient").items():
        assert gap == pytest.approx(1 / (4 * horizon), rel=1e-9)


def test_fista_on_its_slowest_function_is_its_recursion() -> None:
    """f = 0 and h = c|x|, c = 4/(T² + 5T + 2), L = D = 1: every step takes c off y."""
    for horizon, gap in gaps("shrinkage", "accelerated_proximal_gradient").items():
        c, x, y, size = 4 / (horizon**2 + 5 * horizon + 2), 1.0, 1.0, 1.0
        for _ in range(horizon):
            after, larger = y - c, (1 + math.sqrt(1 + 4 * size**2)) / 2
            x, y, size = after, after + (size - 1) / larger * (after - x), larger
        assert gap == pytest.approx(c * x, rel=1e-9)


def lasso() -> tuple[np.ndarray, np.ndarray, float, float]:
    """(X, y, λ, L) of the experiment, from the data alone."""
    X, y = _bundled.bundled("diabetes")
    X = X / X.std(axis=0)
    X = X - X.mean(axis=0)
    return X, y, 0.01 * float(np.abs(X.T @ y).max()) / len(y), float(np.linalg.eigvalsh(X.T @ X / len(y))[-1])


@pytest.mark.parametrize("optimizer", ["proximal_gradient", "accelerated_proximal_gradient"])
def test_the_lasso_of_the_diabetes_data_is_run_once_more(optimizer: str) -> None:
    """R along a loop in numpy, to where the difference of two values of R, 1.3e4 each, still says something."""
    X, y, l1, L = lasso()
    gram, mean = X.T @ X / len(y), X.T @ y / len(y)

    def shrunk(z: np.ndarray) -> np.ndarray:
        return np.asarray(np.sign(z) * np.maximum(np.abs(z) - l1 / L, 0.0))

    def risk(theta: np.ndarray) -> float:
        return 0.5 * float(np.mean((X @ theta - y) ** 2)) + l1 * float(np.abs(theta).sum())

    x, z, size, at = np.zeros(10), np.zeros(10), 1.0, {}
    for t in range(1, 3_001):
        after, larger = shrunk(z - (gram @ z - mean) / L), (1 + math.sqrt(1 + 4 * size**2)) / 2
        beta = (size - 1) / larger if optimizer.startswith("accelerated") else 0.0
        x, z, size = after, after + beta * (after - x), larger
        at[t] = risk(x)
    measured = gaps("lasso", optimizer)
    for horizon in HORIZONS[:4]:
        assert measured[horizon] == pytest.approx(at[horizon] - at[3_000], rel=1e-8, abs=1e-10)
    assert measured[3_000] < 1e-20
    assert int((x != 0.0).sum()) == 8


def test_what_the_lesson_says() -> None:
    plain, fast = gaps("lasso", "proximal_gradient"), gaps("lasso", "accelerated_proximal_gradient")
    assert 330 < plain[100] / fast[100] < 350
    assert plain[1_000] < fast[1_000] < 1e-11
    (trace,) = [t for t in traces_of(NAME, problem="shrinkage") if "accel" in t.setting.optimizer][-1:]
    lambdas = [1.0]
    while len(lambdas) < 3_000:
        lambdas.append((1 + math.sqrt(1 + 4 * lambdas[-1] ** 2)) / 2)
    assert float(trace.measured["last"]["gap"][0, -1]) * 2 * lambdas[-1] ** 2 == pytest.approx(0.9996, abs=5e-5)
