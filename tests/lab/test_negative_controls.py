"""Negative controls: what is false has to be found, in the right words; what cannot be known must not be claimed."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toys import ruled, setting_of, theorem_of, trace_of

from convlab.core.results import Results
from convlab.core.setting import EXACT_EXPECTATION, Setting
from convlab.core.theorem import Theorem
from convlab.core.verdict import POWER_LOG, Slope
from convlab.lab import api, catalog
from convlab.lab.config import load_experiment
from convlab.lab.rates import measured_rate

Runner = Callable[..., Results]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Runs the tables of an experiment file as a user would, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def one(tables: str, *overrides: str) -> Results:
        text = f'title = "A negative control"\n{tables}\n[figures]\nkinds = ["bound_ratio"]\n'
        Path("control.toml").write_text(text, encoding="utf-8")
        outcome = api.run(load_experiment("control.toml", overrides=overrides))
        assert not outcome.failures
        return outcome.results

    return one


@functools.cache
def theorem(name: str) -> Theorem:
    found: Theorem = catalog.load("theorems", name)
    return found


def bounded(name: str, log_bound: Callable[[Setting, int], float], **changes: object) -> Theorem:
    """A theorem of the catalogue with another bound, and other things changed: most are false."""
    return replace(theorem(name), log_bound=log_bound, **changes)  # type: ignore[arg-type]


def times(name: str, factor: float, **changes: object) -> Theorem:
    bound = theorem(name).log_bound
    assert bound is not None
    return bounded(name, lambda setting, t: bound(setting, t) + math.log(factor), **changes)


# --- bounds that are too small ---

WORST_CASES = """
[[problem]]
name = "huber"
L = 2.0
D = 3.0
kink = "D/(2*T+1)"
[[problem]]
name = "huber"
L = 2.0
D = 3.0
kink = "D/(T+2)"
[optimizer]
name = "gd"
step_size = "1/L"
[run]
horizon = 200
outputs = ["last", "average(1..T)"]
"""


def test_a_bound_that_is_too_small_by_2_4_percent_is_violated_where_the_true_one_is_attained(run: Runner) -> None:
    """And the average of gradient descent does not obey the last iterate's bound, which is almost twice as good."""
    last, average = run(WORST_CASES).traces
    assert ruled(theorem("gd_smooth_convex"), last).why.endswith("(at t = 200): the bound is attained")
    small = ruled(times("gd_smooth_convex", 1 / 1.024), last)
    assert (small.ruling, small.worst_ratio) == ("violated", pytest.approx(1.024))
    # L D²/(2T + 4) is the truth of the average on this instance: T/(T + 2) of its theorem's D²/(2ηT)
    assert ruled(theorem("gd_smooth_convex_average"), average).ruling == "holds"
    assert ruled(times("gd_smooth_convex_average", 200 / 202), average).why.endswith("the bound is attained")
    small = ruled(times("gd_smooth_convex_average", 200 / 202 / 1.024), average)
    assert (small.ruling, small.worst_ratio) == ("violated", pytest.approx(1.024))
    wrong = ruled(times("gd_smooth_convex", 1.0, output="average(1..T)"), average)
    assert (wrong.ruling, wrong.worst_t) == ("violated", 200)
    assert wrong.worst_ratio == pytest.approx((4 * 200 + 2) / (2 * 200 + 4))


def test_the_heavy_balls_rate_is_not_rho_to_the_t(run: Runner) -> None:
    """‖θ_T − θ*‖ ≤ ρ^T D is what everybody quotes; along the eigenvector of L it is (1 + T(1 + ρ)) ρ^T D."""
    (trace,) = run(
        """
        [problem]
        name = "quadratic"
        dimension = 2
        L = 9.0
        mu = 1.0
        start = "steepest"
        [optimizer]
        name = "heavy_ball"
        step_size = "4/(sqrt(L)+sqrt(mu))**2"
        momentum = "((sqrt(L)-sqrt(mu))/(sqrt(L)+sqrt(mu)))**2"
        [run]
        horizon = 50
        """
    ).traces
    assert ruled(theorem("heavy_ball_quadratic"), trace).why.endswith(": the bound is attained")
    myth = bounded("heavy_ball_quadratic", lambda setting, t: 2 * (math.log(setting["D"]) + t * math.log(0.5)))
    verdict = ruled(myth, trace)
    assert (verdict.ruling, verdict.worst_t) == ("violated", 50)
    assert verdict.worst_ratio == pytest.approx((1 + 50 * 1.5) ** 2)


# --- hypotheses that are missing ---


def test_newton_is_not_quadratic_on_a_fourth_power(run: Runner) -> None:
    results = run(
        """
        [problem]
        name = "power"
        p = 4.0
        [optimizer]
        name = "newton"
        [run]
        horizon = 30
        [[claim]]
        theorem = "newton_local_quadratic"
        """
    )
    (verdict,), (trace,) = results.verdicts, results.traces
    assert verdict.ruling == "not applicable"
    assert verdict.why == "needs a strongly convex risk, mu > 0: f''(0) = 0"
    # of the distance, which falls to 2/3 in each step, and of the gradient, which falls to 8/27, as |θ|³ does
    bare = {"assumes": theorem("newton_local_quadratic").assumes[:2], "constants": ()}
    for quantity, falls in (("dist2", 4 / 9), ("grad_norm2", 64 / 729)):
        wrong = replace(
            theorem("newton_local_quadratic"),
            quantity=quantity,
            log_step=lambda setting, previous: 2 * math.log(previous),  # ‖e_{t+1}‖ ≤ ‖e_t‖², right at t = 0 and 1
            **bare,
        )
        found = ruled(wrong, trace)
        assert found.ruling == "violated"
        assert found.worst_ratio == pytest.approx(falls ** (1 - 29), rel=1e-9)
        assert found.claimed == 2
        if falls < 0.1:  # an order is only read where a step gains a digit
            assert found.slope is not None
            assert (found.slope.kind, found.slope.value) == ("order", pytest.approx(1, abs=1e-9))
            assert found.slope.high - found.slope.low < 1e-9
        else:
            assert found.slope is None


NOISY = """
[problem]
name = "quadratic"
dimension = 1
[optimizer]
name = "sgd"
step_size = "1/(2*L)"
oracle = { name = "additive_noise", sigma = 0.1 }
[run]
horizon = 60
seeds = 256
expectation = ["exact", "sampled"]
[[claim]]
theorem = "sgd_strongly_convex"
"""
NO_BALL = bounded(  # "SGD with a constant step converges": (1 − ημ)^(2T) D², without the ball that noise leaves
    "sgd_strongly_convex", lambda s, t: 2 * (math.log(s["D"]) + t * math.log(1 - s.step_size() * s["mu"]))
)


def test_sgd_with_a_constant_step_does_not_converge_and_four_seeds_confirm_nothing(run: Runner) -> None:
    results = run(NOISY)
    assert [verdict.ruling for verdict in results.verdicts] == ["holds", "holds"]
    exact, sampled = results.traces
    assert EXACT_EXPECTATION in exact.setting.traits
    assert (len(exact.seeds), len(sampled.seeds)) == (1, 256)
    # E θ_T² is 1/4^T + (η²σ²/(1 − r²))(1 − 1/4^T), r = 1/2: it tends to 1/300
    verdict = ruled(NO_BALL, exact)
    assert (verdict.ruling, verdict.worst_t) == ("violated", 60)
    assert verdict.worst_ratio == pytest.approx(4.0**60 / 300, rel=1e-9)
    verdict = ruled(NO_BALL, sampled)
    assert verdict.ruling == "violated"
    assert verdict.why.startswith("the mean of 256 seeds exceeds the bound")
    few = run(NOISY, "run.seeds=4")
    confirmed, unconfirmed = few.verdicts
    assert confirmed.ruling == "holds"  # the expectation is computed, and needs no seeds
    assert unconfirmed.ruling == "inconclusive"
    assert "4 seeds" in unconfirmed.why
    for generous in (1.0, 1e3, 1e300):
        verdict = ruled(times("sgd_strongly_convex", generous), few.traces[1])
        assert verdict.ruling == "inconclusive", verdict.why


def test_gradient_descent_does_not_survive_steps_beyond_two_over_l(run: Runner) -> None:
    results = run(
        """
        [[problem]]
        name = "huber"
        kink = 0.5
        [[problem]]
        name = "quadratic"
        mu = 0.1
        [optimizer]
        name = "gd"
        step_size = "2.1/L"
        [run]
        horizon = 30_000
        [[claim]]
        theorem = "gd_smooth_convex"
        """
    )
    for verdict in results.verdicts:
        assert verdict.ruling == "not applicable"
        assert verdict.why.endswith("step_size = 2.1/L = 2.1 exceeds 2/L = 2")
    bold = bounded(
        "gd_smooth_convex",
        lambda setting, t: math.log(setting["L"] * setting["D"] ** 2 / (4 * t + 2)),
        assumes=theorem("gd_smooth_convex").assumes[:-1],
    )
    bounces, diverges = (ruled(bold, trace) for trace in results.traces)
    # on Huber's affine part the steps have one length: it goes back and forth, and its gap stays
    assert bounces.ruling == "violated"
    assert bounces.why.startswith("measured exceeds the bound")
    assert diverges.ruling == "violated"
    assert diverges.why.endswith(", first at t = 3")
    assert diverges.worst_ratio == math.inf
    assert results.traces[1].status == ("diverged",)


SEPARABLE = """
[problem]
name = "logistic"
data = "apart.csv"
label = "y"
[[optimizer]]
name = "gd"
step_size = "1/L"
[[optimizer]]
name = "newton"
[run]
horizon = 200
outputs = ["last", "average(1..T)"]
[[claim]]
theorem = "gd_smooth_convex"
where = { optimizer = "gd" }
[[claim]]
theorem = "gd_smooth_convex_average"
where = { optimizer = "gd" }
[[claim]]
theorem = "gd_gradient_norm"
where = { optimizer = "gd" }
[[claim]]
theorem = "gd_strongly_convex_gap"
where = { optimizer = "gd" }
[[claim]]
theorem = "newton_local_quadratic"
where = { optimizer = "newton" }
[[claim]]
theorem = "gd_gradient_norm_from_gap"
where = { optimizer = "gd" }
"""


def test_separable_rows_have_no_minimiser_and_none_is_invented(run: Runner) -> None:
    """R falls to 0 along every separating direction, for ever: what needs θ*, or D, or mu, says nothing, and why."""
    x = np.random.default_rng(0).standard_normal((30, 2))
    x[:, 0] += 0.3 * np.sign(x[:, 0])
    rows = "".join(f"{a!r},{b!r},{int(a > 0)}\n" for a, b in x.tolist())
    Path("apart.csv").write_text("a,b,y\n" + rows)
    results = run(SEPARABLE)
    said = {verdict.theorem: (verdict.ruling, verdict.why) for verdict in results.verdicts}
    for name in ("gd_smooth_convex", "gd_smooth_convex_average", "gd_gradient_norm"):
        ruling, why = said[name]
        assert ruling == "not applicable"
        assert why.startswith("needs a risk that attains its minimum: the rows are linearly separable (margin ")
        assert why.endswith("so R has infimum 0 and no minimiser")
    for name in ("gd_strongly_convex_gap", "newton_local_quadratic"):
        assert said[name][0] == "not applicable"
        assert said[name][1].startswith("needs a strongly convex risk, mu > 0: the logistic loss flattens far out")
    assert said["gd_gradient_norm_from_gap"][0] == "holds"  # it needs the infimum alone
    descent = results.traces[0]
    assert "D" not in descent.setting.known
    assert "dist2" not in descent.measured["last"]
    gap = descent.measured["last"]["gap"][0]
    assert (np.diff(gap) < 0).all()
    assert descent.points is not None  # the gap is R itself, above the infimum 0, and not above the best value seen
    margins = np.sign(x[:, :1]) * x @ descent.points[0].T
    np.testing.assert_allclose(gap, np.logaddexp(0, -margins).mean(axis=0), rtol=1e-12)


# --- what cannot be known ---


def of_powers(t: np.ndarray) -> np.ndarray:
    return (2 + np.log(t)) / np.sqrt(t)


@pytest.mark.parametrize(
    ("first", "last"),
    [(1, 16), (16, 256), (64, 1024), (10_000, 160_000), (1, 10_000), (100, 1_000_000)],
    ids=lambda value: str(value),
)
def test_a_logarithm_is_not_measured_as_an_exponent(first: int, last: int) -> None:
    """(2 + ln T)/√T over four octaves and over four decades, as a trajectory and as a sweep over horizons.

    Its local slope −1/2 + 1/(2 + ln T) looks like an exponent; the interval must contain −1/2, and the law is not
    distinguishable from a power, but over four decades.
    """
    t = np.unique(np.geomspace(first, last, 50).round().astype(int))
    trajectory, _ = measured_rate(theorem_of(), [trace_of(t, of_powers(t))], "trajectory")
    horizons = np.geomspace(first, last, 9).round().astype(int)
    runs = [trace_of([0, int(T)], [1.0, float(of_powers(T))], setting_of(int(T))) for T in horizons]
    sweep, _ = measured_rate(theorem_of(lambda setting, t: 1 / math.sqrt(t)), runs, "horizon sweep")
    noise = np.random.default_rng(8).standard_normal((64, 1)) ** 2
    mean = theorem_of(sense="expectation")
    random, _ = measured_rate(mean, [trace_of(t, noise * of_powers(t))], "trajectory")
    for slope in (trajectory, sweep, random):
        assert slope is not None
        seen = -0.5 + 1 / (2 + math.log(math.sqrt(slope.window[0] * slope.window[1])))
        assert slope.low - 1e-9 <= -0.5 <= slope.high + 1e-9
        assert slope.low <= slope.value <= slope.high
        assert slope.high - slope.low < 0.45
        if slope.model == POWER_LOG:  # told from a power by what it predicts, and over four decades only
            assert last >= 10_000 * first
            assert slope.value == pytest.approx(-0.5, abs=0.03)
        else:
            assert POWER_LOG in slope.candidates
            assert slope.value == pytest.approx(seen, abs=0.03)


@pytest.mark.parametrize("exponent", [-0.5, -1.0, -2.0])
@pytest.mark.parametrize("factor", [0, 1, -1])
def test_a_power_is_measured_as_one_and_a_log_factor_of_either_sign_leaves_room(exponent: float, factor: int) -> None:
    """t^p alone keeps the interval narrow; t^p (1 + ln t)^(±1) has p in it, and so has a power with a transient."""
    t = np.unique(np.geomspace(1, 100_000, 60).round().astype(int))

    def slope_of(values: np.ndarray) -> Slope:
        slope, _ = measured_rate(theorem_of(), [trace_of(t, values)], "trajectory")
        assert slope is not None
        return slope

    slope = slope_of(t**exponent * (1 + np.log(t)) ** factor)
    assert slope.low - 1e-9 <= exponent <= slope.high + 1e-9
    assert slope.high - slope.low < (1e-9 if factor == 0 else 0.2)
    if factor == 0:
        transient = slope_of(t**exponent * (1 + 3 / t))
        assert transient.high - transient.low < 0.1
        assert transient.low - 0.01 <= exponent <= transient.high + 0.01


SINGLE = """
[[problem]]
name = "huber"
kink = "D/(2*T+1)"
[[problem]]
name = "quadratic"
dimension = 2
mu = 1e-3
[[problem]]
name = "least_squares"
data = "synthetic"
n = 20
dimension = 3
[optimizer]
name = "gd"
step_size = "1/L"
[run]
horizon = 1_000_000
dtype = "float32"
[[claim]]
theorem = "gd_smooth_convex"
[[claim]]
theorem = "gd_strongly_convex_gap"
where = { problem = "quadratic" }
[[claim]]
theorem = "gd_strongly_convex_distance"
where = { problem = "quadratic" }
[[claim]]
theorem = "gd_strongly_convex_gap"
where = { problem = "least_squares" }
[[claim]]
theorem = "gd_strongly_convex_distance"
where = { problem = "least_squares" }
"""


def test_a_million_steps_in_single_precision_end_on_their_floor_and_violate_nothing(run: Runner) -> None:
    results = run(SINGLE)
    assert len(results.verdicts) == 7
    for verdict in results.verdicts:
        assert verdict.ruling == "holds", verdict.why
        if results.traces[verdict.cells[0]].setting.problem == "least_squares":
            assert "of 56 points the bound lies below the rounding floor" in verdict.why
    for trace in results.traces:
        gap, floor = trace.measured["last"]["gap"][0], trace.floor["gap"]
        assert trace.status == ("done",)
        assert floor > 1e6 * 2.0**-53 * trace.setting["initial_gap"] * 1e-8
        assert gap[-1] <= 100 * floor  # where a double would have gone on
    stuck = results.traces[2].measured["last"]["gap"][0]
    assert stuck[-1] == stuck[-10] > 1e-16  # the data's minimiser is not 0, and a float32 comes no closer
