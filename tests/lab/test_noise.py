"""The noise of f_t: measured over all samples, it finds a σ, σ*, G or 𝓛 that is too small, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from toys import theorem_of

from convlab.core.trace import Trace
from convlab.lab import catalog, environment, records
from convlab.lab.monitors import MONITORED, failed_hypothesis
from convlab.lab.noise import measure_noise, observed
from convlab.lab.spec import Claim
from tests.running import run

DATA = {"name": "least_squares", "data": "synthetic", "n": 30, "dimension": 3, "data_seed": 4}
SGD = {"name": "sgd", "step_size": "1/(4*L_max)"}
CLAIM = (Claim("sgd_strongly_convex"),)  # which reads σ* and 𝓛


def noisy(oracle: Mapping[str, Any], problem: Mapping[str, Any] = DATA, **options: Any) -> Trace:
    return run(problem, [options.pop("optimizer", SGD)], oracle=oracle, claims=CLAIM, **options)[0]


def declared(trace: Trace, name: str, factor: float) -> Trace:
    known = dict(trace.setting.known)
    known[name] = replace(known[name], value=known[name].value * factor)
    return replace(trace, setting=replace(trace.setting, known=known))


@pytest.mark.parametrize(("size", "replacement"), [(1, True), (5, True), (5, False)])
def test_the_noise_of_batches_is_that_of_all_of_them(size: int, replacement: bool) -> None:
    """noise2 and longest2 at θ*, and the mean over many draws of batches, by numpy alone."""
    options = {key: value for key, value in DATA.items() if key != "name"}
    problem = catalog.load("problems", "least_squares")(**options)
    oracle = catalog.load("oracles", "minibatch")(size=size, replacement=replacement)
    X, y = (np.asarray(part) for part in problem.data)
    points = np.random.default_rng(2).standard_normal((7, 3))
    with environment.numerics():
        found = measure_noise(problem, oracle, points)
        at_the_minimiser = observed(problem, oracle)["sigma_star"]
    rows = X[None] * (points @ X.T - y)[:, :, None]
    generator = np.random.default_rng(3)
    draws = np.stack([generator.choice(30, size, replacement) for _ in range(20_000)])
    batches = rows[:, draws].mean(axis=2)
    sampled = ((batches - rows.mean(axis=1, keepdims=True)) ** 2).sum(axis=2).mean(axis=1)
    np.testing.assert_allclose(found["noise2"], sampled, rtol=0.05)
    longest = (rows**2).sum(axis=2).max(axis=1)
    if replacement:
        np.testing.assert_allclose(found["longest2"], longest, rtol=1e-12)
    else:
        assert np.isnan(found["longest2"]).all()
    star = X * (X @ np.asarray(problem.optimum.hi) - y)[:, None]
    left = 1 / size if replacement else (30 - size) / (size * 29)
    assert at_the_minimiser == pytest.approx(np.sqrt((star**2).sum(axis=1).mean() * left), rel=1e-9)
    assert at_the_minimiser <= np.sqrt((star**2).sum(axis=1).mean() * left)


WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "σ* of minibatches": ({"name": "minibatch"}, {}, "sigma_star", "√(E‖∇f_t‖²) exceeds sigma_star by 5.26% at the"),
    "σ of added noise": (
        {"name": "additive_noise", "sigma": 0.7},
        {"optimizer": {"name": "sgd", "step_size": "1/(2*L)"}},
        "sigma",
        "√(E‖∇f_t − ∇R‖²) exceeds sigma by 5.26% at t = 0",
    ),
    "𝓛 where the rows agree at θ*": (
        {"name": "minibatch"},
        {"problem": {"name": "coordinates", "dimension": 5}, "optimizer": {"name": "sgd", "step_size": "1/L_expected"}},
        "L_expected",
        "√(E‖∇f_t‖²) exceeds sigma_star + √(2L_expected·gap) by 2.6% at t = ",
    ),
    "G of one row's gradients": (
        {"name": "additive_noise", "sigma": 0.5, "law": "signs"},
        {"problem": {"name": "absolute"}, "optimizer": {"name": "sgd", "step_size": 0.01}},
        "G_sure",
        "the longest ‖∇f_t‖ exceeds G_sure by 5.26% at t = 0",
    ),
    "the second moment": (
        {"name": "additive_noise", "sigma": 0.5},
        {"problem": {"name": "absolute"}, "optimizer": {"name": "sgd", "step_size": 0.01}},
        "G_expected",
        "√(E‖∇f_t‖²) exceeds G_expected by 5.26% at t = 0",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_constant_of_the_noise_that_is_5_percent_too_small_is_found(case: str) -> None:
    oracle, options, name, words = WRONG[case]
    trace = noisy(oracle, horizon=20, seeds=4, **options)
    assert failed_hypothesis(theorem_of(constants=MONITORED), trace) is None
    reads = theorem_of(constants=(name, "sigma_star"))
    found = failed_hypothesis(reads, declared(trace, name, 0.95))
    assert found is not None
    assert found.startswith(f"hypothesis failed: {words}")
    assert f"{name} is larger than {trace.setting[name] * 0.95:.6g}" in found
    assert failed_hypothesis(reads, declared(trace, name, 1 - 1e-10)) is not None or name == "L_expected"
    assert failed_hypothesis(reads, declared(trace, name, 1 + 1e-10)) is None


def test_it_is_measured_where_a_claim_reads_it_and_kept_in_files(tmp_path: Any) -> None:
    options: dict[str, Any] = {"oracle": {"name": "minibatch"}, "horizon": 5, "seeds": 3}
    (without,) = run(DATA, [SGD], **options)
    (trace,) = run(DATA, [SGD], claims=CLAIM, **options)
    assert "noise2" not in without.measured["last"]
    assert without.observed == {}
    path = records.save_trace(tmp_path, "task", trace, {})
    again = records.load_trace([path], 3, "")
    assert again.observed == trace.observed
    assert again.risk_star == trace.risk_star
    assert again.certificate == trace.certificate != ""
    np.testing.assert_array_equal(again.measured["last"]["noise2"], trace.measured["last"]["noise2"])
    np.testing.assert_array_equal(trace.measured["last"]["gap"], without.measured["last"]["gap"])


def test_on_a_whole_batch_there_is_no_noise() -> None:
    trace = noisy({"name": "minibatch", "size": 30, "replacement": False}, horizon=5, seeds=2)
    assert np.max(trace.measured["last"]["noise2"]) == 0
    assert failed_hypothesis(theorem_of(constants=MONITORED), trace) is None
