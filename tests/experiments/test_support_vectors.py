"""The committed numbers of `support_vectors` against plain loops in numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from convlab.core.trace import Trace
from convlab.problems import _bundled
from tests.experiments.committed import traces_of

NAME, RIDGE, STEPS = "support_vectors", 0.01, 30_000
DECREASING, CONSTANT = "2/(mu*(t+2))", "D/(G*sqrt(T))"


def trace_of(oracle: str, written: str) -> Trace:
    (trace,) = [t for t in traces_of(NAME, oracle=oracle) if t.setting.hyper["step_size"].written == written]
    assert trace.setting.horizon == STEPS
    return trace


def machine() -> tuple[np.ndarray, float]:
    """y_i x_i and R*, from the data, numpy and scikit-learn alone."""
    X, y = _bundled.bundled("breast_cancer")
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    sign = np.where(y > 0, 1.0, -1.0)
    C = 1 / (len(y) * RIDGE)
    model = LinearSVC(C=C, loss="hinge", fit_intercept=False, tol=1e-10, max_iter=1_000_000, random_state=0)
    A = sign[:, None] * X
    return A, risk(A, model.fit(X, sign).coef_[0])


def risk(A: np.ndarray, theta: np.ndarray) -> float:
    return float(np.mean(np.maximum(0.0, 1.0 - A @ theta))) + 0.5 * RIDGE * float(theta @ theta)


def test_both_exact_methods_are_run_once_more() -> None:
    """Subgradient steps, cut to the ball of radius 10; the weighted average of the one, the mean of the other."""
    A, least = machine()
    for written, output in ((DECREASING, "weighted_average(t+1)"), (CONSTANT, "average")):
        trace = trace_of("exact", written)
        last = 2_000 if written == DECREASING else STEPS
        theta, total, weights, seen = np.zeros(30), np.zeros(30), 0.0, {}
        for t in range(last):
            weight = t + 1.0 if written == DECREASING else 1.0
            total, weights = total + weight * theta, weights + weight
            if t + 1 in trace.t:
                seen[t + 1] = risk(A, total / weights) - least
            slope = RIDGE * theta - A[A @ theta < 1.0].sum(axis=0) / len(A)
            theta = theta - trace.setting.step_size(t) * slope
            theta = theta * min(1.0, 10.0 / max(float(np.linalg.norm(theta)), 1e-300))
        measured = dict(zip(trace.t.tolist(), trace.measured[output]["gap"][0].tolist(), strict=True))
        for t, gap in seen.items():
            assert measured[t] == pytest.approx(gap, rel=1e-6, abs=1e-9)


def test_what_the_lesson_says() -> None:
    all_rows, constant, one_row = (
        trace_of("exact", DECREASING),
        trace_of("exact", CONSTANT),
        trace_of("minibatch", DECREASING),
    )
    weighted = all_rows.measured["weighted_average(t+1)"]["gap"][0]
    average = constant.measured["average"]["gap"][0]
    assert weighted[-1] == pytest.approx(2.9e-6, rel=0.02)
    assert average[-1] == pytest.approx(2.6e-3, rel=0.02)
    single = one_row.measured["weighted_average(t+1)"]["gap"][:, -1]
    assert single.mean() == pytest.approx(1.5e-3, rel=0.05)
    assert np.all(weighted[all_rows.t >= 10] < average[all_rows.t >= 10])
    known = all_rows.setting
    assert (2 * known["G"] / (RIDGE * known["D"])) ** 2 == pytest.approx(170_000, rel=0.03)
    late = all_rows.t >= 1_000
    slope = np.polyfit(np.log(all_rows.t[late]), np.log(weighted[late]), 1)[0]
    assert -1.15 < slope < -1.0
    after = all_rows.t >= 1
    assert np.all(2 * known["G"] ** 2 / (RIDGE * (all_rows.t[after] + 1)) > 600 * weighted[after])
    assert known["D"] < 1 / math.sqrt(RIDGE)
