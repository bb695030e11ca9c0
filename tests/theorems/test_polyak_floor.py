"""Polyak's step steers by R(θ) − R*: where that difference is rounding it stands still, and no theorem is violated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convlab.lab import catalog
from convlab.lab.judge import judge
from tests.running import run

STALLED: list[tuple[str, dict[str, Any], int]] = [
    ("polyak_strongly_convex", {"name": "logistic", "data": "synthetic", "n": 40, "dimension": 3, "ridge": 0.3}, 300),
    (
        "polyak_strongly_convex",
        {"name": "least_squares", "data": "synthetic", "n": 40, "dimension": 3, "condition": 3.0},
        300,
    ),
    (
        "polyak_strongly_convex",
        {"name": "least_squares", "data": "synthetic", "n": 40, "dimension": 3, "condition": 5.0},
        300,
    ),
    ("polyak_strongly_convex", {"name": "centroid", "n": 9, "mu": 0.5}, 200),
    ("polyak_strongly_convex", {"name": "centroid", "n": 9, "spread": 1e9}, 50),
    ("polyak_strongly_convex", {"name": "nesterov_chain", "dimension": 6, "mu": 0.3}, 300),
    ("polyak_smooth", {"name": "log_sum_exp", "scale": 1e9, "dimension": 1}, 60),
]


@pytest.mark.parametrize(("theorem", "problem", "horizon"), STALLED, ids=lambda value: str(value)[:40])
def test_rounding_of_the_minimum_is_no_violation(theorem: str, problem: dict[str, Any], horizon: int) -> None:
    (trace,) = run(problem, [{"name": "polyak"}], horizon=horizon, every_step=True, outputs=("last", "best"))
    verdict = judge(theorem, catalog.load("theorems", theorem), [trace], (0,), "trajectory")
    assert verdict.ruling != "violated", verdict.why
    assert np.all(trace.floor_of("gap", "best")[0, 1:] > 0)


def test_where_the_minimum_is_zero_nothing_is_lost() -> None:
    (trace,) = run({"name": "quadratic", "mu": 0.5}, [{"name": "polyak"}], horizon=100)
    assert np.all(trace.floor_of("gap") == 0)
