"""The committed numbers of `small_network` against backpropagation by hand, in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from convlab.core.trace import Trace
from convlab.lab import catalog
from tests.experiments.committed import results_of, traces_of

NAME = "small_network"


def run(optimizer: str) -> Trace:
    return traces_of(NAME, optimizer=optimizer)[0]


def test_gradient_descent_is_backpropagation_by_hand() -> None:
    problem = catalog.load("problems", "network")(hidden=8)
    X, Y = (np.asarray(part) for part in problem.data)
    W, b = (np.asarray(problem.theta0["hidden"][key]) for key in ("weights", "bias"))
    V, c = (np.asarray(problem.theta0["output"][key]) for key in ("weights", "bias"))
    risks = []
    for _ in range(21):
        units = np.tanh(X @ W + b)
        logits = units @ V + c
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        risks.append(-np.mean(np.log(np.sum(p * Y, axis=1))))
        out = (p - Y) / len(X)
        inner = (out @ V.T) * (1 - units**2)
        W, b, V, c = W - 0.5 * X.T @ inner, b - 0.5 * inner.sum(0), V - 0.5 * units.T @ out, c - 0.5 * out.sum(0)
    trace = run("gd")
    early = trace.t <= 20
    assert early.sum() > 8
    assert trace.measured["last"]["gap"][0, early] == pytest.approx(np.array(risks)[trace.t[early]], rel=1e-9)


def test_all_three_go_down_and_the_random_ones_sooner_in_epochs() -> None:
    risks = {}
    for optimizer in ("gd", "sgd", "optax.adam"):
        trace = run(optimizer)
        mean = trace.mean("last", "gap")
        assert mean[-1] < 0.05 * mean[0]
        epochs = trace.t * trace.rows_per_step / 1797
        risks[optimizer] = np.interp(2000 * 32 / 1797, epochs, mean)
    assert risks["gd"] > 10 * max(risks["sgd"], risks["optax.adam"])


def test_every_theorem_is_refused_with_a_reason_and_nothing_is_known_of_the_curvature() -> None:
    results = results_of(NAME)
    assert {verdict.ruling for verdict in results.verdicts} == {"not applicable"}
    assert all(verdict.why for verdict in results.verdicts)
    for trace in results.traces:
        assert not {"L", "mu", "M", "G", "sigma", "D"} & set(trace.setting.known)
