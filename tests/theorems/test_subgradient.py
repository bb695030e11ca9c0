"""Bounds of subgradient methods: attained where that is claimed, never exceeded on piecewise linear functions."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from instances import times

from convlab.core.expression import Expression
from convlab.core.setting import Hyper, Known, Setting
from convlab.core.theorem import Theorem
from convlab.core.verdict import Ruling
from convlab.lab.judge import judge
from tests.running import run

NAMES = ("best", "average", "step_weighted", "linear_decay", "strongly_convex")
BEST, AVERAGE, WEIGHTED, LINEAR, STRONG = (
    importlib.import_module(f"convlab.theorems.subgradient_{name}").THEOREM for name in NAMES
)
LOWER: Theorem = importlib.import_module("convlab.theorems.nonsmooth_lower_bound").THEOREM
LINEAR_STEPS, STRONG_STEPS = "D*(T-t)/(G*(T+1)**1.5)", "2/(mu*(t+2))"

Array = np.ndarray


def setting_of(theorem: Theorem, horizon: int, step: float | str, **known: float) -> Setting:
    """A setting that has every trait the theorem asks for; the step is a number or an expression."""
    if isinstance(step, str):
        names = {**known, "T": float(horizon)}
        hyper = Hyper(step, None, {name: names[name] for name in Expression(step).names - {"t"}})
    else:
        hyper = Hyper(repr(step), step)
    return Setting(
        problem="max_coordinate",
        oracle="exact",
        optimizer="by hand",
        horizon=horizon,
        traits=frozenset({each.trait for each in theorem.assumes if each.trait} | {"subgradient step"}),
        known={name: Known(value, "exact") for name, value in known.items()},
        hyper={"step_size": hyper},
    )


def bound(theorem: Theorem, setting: Setting, t: int) -> float:
    assert theorem.log_bound is not None
    return math.exp(theorem.log_bound(setting, t))


def objection(theorem: Theorem, setting: Setting) -> str:
    """The first hypothesis that fails, with what was found; empty where all hold."""
    failing = (each for each in theorem.assumes if not each.holds(setting))
    return next((each.words + (f": {each.finding(setting)}" if each.finding else "") for each in failing), "")


# --- piecewise linear functions max_i a_i·(x − x*), 0 in the hull of the a_i, plus a quadratic; R* = 0 ---


def risk(slopes: Array, mu: float, e: Array) -> float:
    return float((slopes @ e).max() + mu / 2 * e @ e)


def path(slopes: Array, mu: float, e: Array, steps: Iterable[float], radius: float) -> Array:
    """θ_t − θ* for every t, by the plain method on the ball of this radius about θ*, with the last active piece."""
    points = [e]
    for eta in steps:
        values = slopes @ e
        active = np.flatnonzero(values == values.max())[-1]
        e = e - eta * (slopes[active] + mu * e)
        e = e * min(1.0, radius / max(float(np.linalg.norm(e)), 1e-300))
        points.append(e)
    return np.array(points)


def cases(count: int) -> Iterator[tuple[Array, Array, float, float, float]]:
    """Slopes, θ_0 − θ*, the radius of the ball, infinite in every second case, G and D."""
    generator = np.random.default_rng(12)
    for k in range(count):
        dimension, pieces = int(generator.integers(1, 9)), int(generator.integers(1, 12))
        slopes = generator.standard_normal((pieces, dimension)) * generator.exponential(1.0, (pieces, 1))
        weights, start = generator.exponential(1.0, pieces), generator.standard_normal(dimension)
        slopes = np.concatenate([slopes, [-(weights @ slopes) / weights.sum()]])
        D = float(np.linalg.norm(start))
        yield slopes, start, math.inf if k % 2 else 1.2 * D, float(np.linalg.norm(slopes, axis=1).max()), D


@pytest.mark.parametrize(
    ("law", "near"),
    [*((f"{scale}*D/G", 0.8) for scale in (0.03, 0.1, 0.3, 1, 30)), ("D/(G*sqrt(t+1))", 0.6), ("0.05*D*(t+1)/G", 0.6)],
)
def test_no_step_sizes_exceed_their_bound(law: str, near: float) -> None:
    """The weighted average and the best; with a constant step their bounds are those of its own theorems."""
    worst = 0.0
    for slopes, start, radius, G, D in cases(60):
        setting = setting_of(WEIGHTED, 30, law, G=G, D=D)
        eta = np.array([setting.step_size(t) for t in range(30)])
        points = path(slopes, 0.0, start, eta, radius)
        for t in (1, 2, 5, 12, 30):
            allowed = bound(WEIGHTED, setting, t)
            if "t" not in Expression(law).names:
                constant = setting_of(BEST, 30, eta[0], G=G, D=D)
                assert bound(BEST, constant, t) == bound(AVERAGE, constant, t) == pytest.approx(allowed, rel=1e-13)
            average = risk(slopes, 0.0, eta[:t] @ points[:t] / eta[:t].sum())
            best = min(risk(slopes, 0.0, e) for e in points[:t])
            worst = max(worst, average / allowed, best / allowed)
    assert near < worst <= 1 + 1e-12


@pytest.mark.parametrize("T", [1, 2, 6, 25])
def test_the_last_iterate_of_decaying_steps_keeps_below_the_bound(T: int) -> None:
    worst = 0.0
    for slopes, start, radius, G, D in cases(200):
        setting = setting_of(LINEAR, T, LINEAR_STEPS, G=G, D=D)
        steps = [D * (T + 1 - k) / (G * (T + 1) ** 1.5) for k in range(1, T + 1)]
        last = path(slopes, 0.0, start, steps, radius)[-1]
        worst = max(worst, risk(slopes, 0.0, last) / bound(LINEAR, setting, T))
    assert 0.3 < worst <= 1 + 1e-12


def test_linear_weights_keep_below_the_bound_on_strongly_convex_functions() -> None:
    worst = 0.0
    for slopes, start, radius, G, _ in cases(60):
        for mu in (0.1, 1.0, 10.0) if math.isfinite(radius) else ():
            setting = setting_of(STRONG, 30, STRONG_STEPS, G=G + mu * radius, mu=mu)
            points = path(slopes, mu, start, [2 / (mu * (t + 2)) for t in range(30)], radius)
            for t in (1, 2, 5, 12, 30):
                average = risk(slopes, mu, np.arange(1, t + 1) @ points[:t] / (t * (t + 1) / 2))
                worst = max(worst, average / bound(STRONG, setting, t))
    assert 0.1 < worst <= 1 + 1e-12


def test_linear_weights_come_within_a_small_factor_in_many_dimensions() -> None:
    """max_i x_i + ‖x‖²/2 on a ball, as many dimensions as steps: the constant 2 cannot be made smaller than 0.92."""
    T, radius = 1000, 0.067
    x, total = np.zeros(T), np.zeros(T)
    for t in range(T):
        total += (t + 1) * x
        x = x - 2 / (t + 2) * (x + np.eye(1, T, int(np.argmax(x)))[0])
        x = x * min(1.0, radius / float(np.linalg.norm(x)))
    mean = total / (T * (T + 1) / 2)
    gap = mean.max() + mean @ mean / 2 + 1 / (2 * T)  # the minimum, at −(1/T)(1, …, 1), lies in the ball
    setting = setting_of(STRONG, T, STRONG_STEPS, G=1 + radius, mu=1.0)
    assert 0.46 < gap / bound(STRONG, setting, T) < 1


# --- equality, and its neighbours ---


@pytest.mark.parametrize("T", [1, 2, 3, 10, 100])
@pytest.mark.parametrize(("G", "D"), [(1.0, 1.0), (3.3, 0.07)])
def test_closed_forms_of_the_instances(T: int, G: float, D: float) -> None:
    """The recursions give the values that are known in closed form, which are the bounds, and no neighbour's."""
    setting = setting_of(BEST, T, D / (G * math.sqrt(T)), G=G, D=D, initial_gap=G * D / math.sqrt(T))
    for theorem in (BEST, AVERAGE, LOWER):
        assert theorem.instance.expected(setting, T) == pytest.approx(G * D / math.sqrt(T), rel=1e-13)
        assert bound(theorem, setting, T) == pytest.approx(G * D / math.sqrt(T), rel=1e-13)
    assert bound(BEST, setting, T + 1) < BEST.instance.expected(setting, T) * (1 - 1e-6)
    decaying = setting_of(LINEAR, T, LINEAR_STEPS, G=G, D=D)
    assert LINEAR.instance.expected(decaying, T) == pytest.approx(G * D / math.sqrt(T + 1), rel=1e-13)
    assert bound(LINEAR, decaying, T) == pytest.approx(G * D / math.sqrt(T + 1), rel=1e-13)
    written = str(WEIGHTED.instance.spec["optimizer"]["step_size"])
    falling = setting_of(WEIGHTED, T, written, G=G, D=D)
    eta = [D * (math.sqrt(t + 1) - math.sqrt(t)) / (G * math.sqrt(T)) for t in range(T)]
    half = G * D / 2 * (1 + math.fsum(step**2 for step in eta) * (G / D) ** 2)
    assert WEIGHTED.instance.expected(falling, T) == pytest.approx(half, rel=1e-12)
    assert bound(WEIGHTED, falling, T) == pytest.approx(half, rel=1e-12)


@pytest.mark.parametrize("T", [2, 5, 40])
def test_small_constant_steps_are_attained_by_the_absolute_value(T: int) -> None:
    """θ_t = D(1 − t/T) at η = D/(GT): the mean over 0 … T − 1 attains the bound, that over 1 … T does not."""
    G, D = 2.0, 0.3
    points = D * (1 - np.arange(T + 1) / T)
    allowed = bound(AVERAGE, setting_of(AVERAGE, T, D / (G * T), G=G, D=D), T)
    assert G * points[:-1].mean() == pytest.approx(allowed, rel=1e-14)
    assert G * points[1:].mean() < allowed * (1 - 0.4 / T)


def test_the_bound_on_the_last_iterate_is_one_at_the_horizon() -> None:
    """Before the horizon GD/√(t + 1) is false: on |θ| the first of 100 steps moves by a tenth."""
    setting = setting_of(LINEAR, 100, LINEAR_STEPS, G=1.0, D=1.0)
    assert LINEAR.valid == "at the horizon"
    assert 1 - setting.step_size(0) > 1 / math.sqrt(1 + 1)


def rulings(problem: dict[str, Any], step: str, T: int, *theorems: Theorem) -> list[tuple[Ruling, ...]]:
    """The rulings on one run of each theorem, and of it with its bound closer by a millionth."""
    outputs = tuple(dict.fromkeys(theorem.output for theorem in theorems))
    (trace,) = run(problem, [{"name": "subgradient", "step_size": step}], horizon=T, outputs=outputs)
    closer = [times(theorem, 1 - 1e-6 if theorem.kind == "upper" else 1 + 1e-6) for theorem in theorems]
    both = zip(theorems, closer, strict=True)
    return [tuple(judge("", each, [trace], (0,), "trajectory").ruling for each in pair) for pair in both]


@pytest.mark.parametrize("T", [1, 2, 3, 10, 30, 100, 300, 1000])
def test_equality_is_seen_in_floating_point(T: int) -> None:
    """Equality holds and a millionth less is violated, at every horizon, in numbers that are not round."""
    size: dict[str, Any] = {"G": 3.3, "D": 0.07}
    found = rulings({"name": "max_coordinate", "dimension": "T", **size}, "D/(G*sqrt(T))", T, BEST, AVERAGE, LOWER)
    found += rulings({"name": "max_coordinate", "dimension": "T+1", **size}, LINEAR_STEPS, T, LINEAR)
    falling = str(WEIGHTED.instance.spec["optimizer"]["step_size"])
    found += rulings({"name": "absolute", **size}, falling, T, WEIGHTED)
    assert found == [("holds", "violated")] * 5


PROBLEMS = (
    {"name": "absolute", "G": 2.0, "D": 0.75, "radius": 0.8},
    {"name": "max_coordinate", "dimension": 7, "G": 0.5, "D": 3.0},
    {"name": "log_sum_exp", "rows": 8, "dimension": 3, "scale": 0.05, "D": 1.5},
    {"name": "logistic", "data": "synthetic", "n": 60, "dimension": 3},
)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem["name"])
def test_they_hold_on_lipschitz_problems(problem: dict[str, Any]) -> None:
    steps = ["0.1*D/(G*sqrt(T))", "D/(G*sqrt(T))", "10*D/(G*sqrt(T))", "D/(G*sqrt(t+1))", LINEAR_STEPS]
    optimizers = [{"name": "subgradient", "step_size": step} for step in steps]
    traces = run(problem, optimizers, horizon=60, outputs=("last", "best", "average", "weighted_average"))
    for theorem, chosen in ((BEST, traces[:3]), (AVERAGE, traces[:3]), (WEIGHTED, traces), (LINEAR, traces[4:])):
        for trace in chosen:
            verdict = judge("", theorem, [trace], (0,), "trajectory")
            assert verdict.ruling == "holds", verdict.why


IN_THE_SPAN: tuple[dict[str, Any], ...] = (
    {"name": "subgradient", "step_size": "D/(G*sqrt(6))"},
    {"name": "gd", "step_size": 5.0},
    {"name": "heavy_ball", "step_size": 0.1, "momentum": 0.9},
)


@pytest.mark.parametrize("optimizer", IN_THE_SPAN, ids=lambda optimizer: optimizer["name"])
def test_no_method_gets_below_the_lower_bound_before_it_ends(optimizer: dict[str, Any]) -> None:
    problem = {"name": "max_coordinate", "dimension": 6, "G": 2.0, "D": 0.5}
    (trace,) = run(problem, [optimizer], horizon=12, outputs=("best", "last"))
    assert trace.measured["last"]["gap"][0, :6].min() >= 1 / math.sqrt(6) * (1 - 1e-15)
    verdict = judge("", LOWER, [trace], (0,), "trajectory")
    assert verdict.ruling == "holds", verdict.why
    assert [bound(LOWER, trace.setting, t) == 0 for t in range(1, 13)] == [t > 6 for t in range(1, 13)]
    if optimizer is IN_THE_SPAN[0]:  # which reaches the minimiser: for one T more the bound would be false
        late = replace(LOWER, log_bound=lambda setting, t: LOWER.log_bound(setting, min(t, 6)))  # type: ignore[misc]
        assert trace.measured["best"]["gap"][0, 7] < 1e-15
        assert judge("", late, [trace], (0,), "trajectory").ruling == "violated"


def test_the_lower_bound_speaks_of_one_function_and_of_spans() -> None:
    setting = setting_of(LOWER, 5, 0.1, G=1.0, D=1.0, initial_gap=0.5)
    assert objection(LOWER, setting) == ""
    assert objection(LOWER, replace(setting, problem="absolute")) == "the problem 'max_coordinate': it is 'absolute'"
    other = replace(setting, traits=frozenset({"exact oracle"}), optimizer="adam")
    assert objection(LOWER, other).endswith(": of 'adam' nothing of the kind is known")


# --- step sizes ---


def test_the_sums_are_those_of_the_steps() -> None:
    T, law = 1000, "min(D/(G*sqrt(t+1)), 2*D/(T-t))"
    setting = setting_of(WEIGHTED, T, law, G=3.0, D=0.2)
    eta = [setting.step_size(t) for t in range(T)]
    for t in (1, 2, 17, 1000):
        total, squares = math.fsum(eta[:t]), math.fsum(step**2 for step in eta[:t])
        assert bound(WEIGHTED, setting, t) == pytest.approx((0.2**2 + 9 * squares) / (2 * total), rel=1e-13)


def test_the_claimed_rate_is_that_of_the_schedule() -> None:
    assert WEIGHTED.rate is not None
    falling = setting_of(WEIGHTED, 10**6, "D/(G*sqrt(t+1))", G=1.0, D=1.0)
    T = 10**6  # H_T ~ log T + 0.5772, and Σ 1/√(t+1) ~ 2√T − 1.4604
    ends = [(1 + math.log(t) + 0.5772) / (4 * math.sqrt(t) - 2.9208) for t in (T // 2, T)]
    assert WEIGHTED.rate.value(falling) == pytest.approx(math.log(ends[1] / ends[0]) / math.log(2), abs=1e-4)
    assert WEIGHTED.rate.value(setting_of(WEIGHTED, 1000, 1e-9, G=1.0, D=1.0)) == pytest.approx(-1, abs=1e-6)
    assert WEIGHTED.rate.value(setting_of(WEIGHTED, 1, 1.0, G=1.0, D=1.0)) == 0


KNOWN = {"G": 1.0, "D": 1.0, "mu": 0.5}


@pytest.mark.parametrize(
    ("theorem", "step", "words"),
    [
        (BEST, 0.0, "a constant step_size > 0: step_size = 0.0 is 0"),
        (AVERAGE, -1.0, "a constant step_size > 0: step_size = -1.0 is -1"),
        (BEST, "1/(t+1)", "a constant step_size > 0: step_size = 1/(t+1) varies with t"),
        (WEIGHTED, "D*(2-t)", "step_size > 0 at every t: step_size = D*(2-t) is 0 at t = 2"),
        (WEIGHTED, "D/t", "step_size > 0 at every t: step_size = D/t is inf at t = 0"),
        (LINEAR, "D*(T-t)/(G*T**1.5)", "is 0.447214 at t = 0, where 0.340207 is needed"),
        (LINEAR, "D*(T-t-1)/(G*(T+1)**1.5)", "is 0.272166 at t = 0, where 0.340207 is needed"),
        (STRONG, "2/(mu*(t+1))", "step_size = 2/(mu*(t+2)): step_size = 2/(mu*(t+1)) is 4 at t = 0, where 2 is needed"),
        (STRONG, 2.0, "step_size = 2/(mu*(t+2)): step_size = 2.0 is 2 at t = 1, where 1.33333 is needed"),
    ],
)
def test_steps_that_a_theorem_does_not_allow_are_quoted(theorem: Theorem, step: float | str, words: str) -> None:
    assert objection(theorem, setting_of(theorem, 5, step, **KNOWN)).endswith(words)
