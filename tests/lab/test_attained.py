"""An instance that attains its bound holds at every T up to 10^6: roundings of 10^6 steps are allowed for, no less.

Each row is run by the lab at T = 1, 2, 3, 10, …; the ruling at each T, and on all of them together, is "holds", and the
measurement is the bound to rounding; a bound a little lower is violated by the same run.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

import numpy as np
import pytest

from convlab.core.setting import Hyper, Setting
from convlab.core.theorem import Theorem
from convlab.core.trace import Trace
from convlab.lab import catalog, rounding
from convlab.lab.judge import judge
from convlab.lab.spec import Claim
from tests.lab.toys import setting_of
from tests.running import run

TIMES = (1, 2, 3, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
SHORT = TIMES[:5]  # where the dimension is T, and each T a program
ON_THE_LINE: dict[str, Any] = {"name": "quadratic", "dimension": 1, "L": 3.0, "D": 0.7}
SHRINKING = {"name": "gd", "step_size": "1/(2*T*L)"}
HUBER, CONE = {"name": "huber", "L": 2.0, "D": 1.5}, {"name": "max_coordinate", "G": 2.0, "D": 0.7}
GD, SUBGRADIENT = {"name": "gd", "step_size": "1/L"}, {"name": "subgradient", "step_size": "D/(G*sqrt(T))"}
DECAY = {"name": "subgradient", "step_size": "D*(T-t)/(G*(T+1)**1.5)"}
WEIGHTS = {"name": "subgradient", "step_size": "D*(sqrt(t+1)-sqrt(t))/(G*sqrt(T))"}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[int, ...]]] = {
    "gd_smooth_convex": ({**HUBER, "kink": "D/(2*T+1)"}, GD, TIMES),
    "gd_gradient_norm": ({**HUBER, "kink": "D/(T+1)"}, GD, TIMES),
    "gd_gradient_norm_from_gap": ({**HUBER, "kink": "D/(T+1)"}, GD, TIMES),
    "gd_strongly_convex_distance": (ON_THE_LINE, SHRINKING, TIMES),
    "gd_strongly_convex_gap": (ON_THE_LINE, SHRINKING, TIMES),
    "proximal_gradient_convex": (
        {"name": "shrinkage", "L": 2.0, "D": 1.5, "l1": "L*D/(2*T)"},
        {"name": "proximal_gradient", "step_size": "1/L"},
        TIMES,
    ),
    "gd_nonconvex": ({"name": "zigzag", "segments": "T-1", "L": 2.0, "initial_gap": 0.3}, GD, TIMES[1:]),
    "subgradient_step_weighted": ({"name": "absolute", "G": 2.0, "D": 0.7}, WEIGHTS, TIMES),
    "subgradient_best": ({**CONE, "dimension": "T"}, SUBGRADIENT, SHORT),
    "subgradient_average": ({**CONE, "dimension": "T"}, SUBGRADIENT, SHORT),
    "nonsmooth_lower_bound": ({**CONE, "dimension": "T"}, SUBGRADIENT, SHORT),
    "subgradient_linear_decay": ({**CONE, "dimension": "T+1"}, DECAY, SHORT),
}


THEOREMS: dict[str, Theorem] = {name: catalog.load("theorems", name) for name in CASES}


@functools.cache
def traces_of(first: str) -> list[Trace]:
    """The runs of a case, with the outputs of all cases that share them."""
    problem, optimizer, horizons = CASES[first]
    together = [name for name, case in CASES.items() if case == CASES[first]]
    outputs = tuple(dict.fromkeys(THEOREMS[name].output for name in together))
    return run(problem, [optimizer], horizon=horizons, outputs=outputs, claims=tuple(map(Claim, together)))


def raised(theorem: Theorem, shift: float) -> Theorem:
    bound = theorem.log_bound
    assert bound is not None
    sign = 1 if theorem.kind == "upper" else -1
    return dataclasses.replace(theorem, log_bound=lambda setting, t: bound(setting, t) + sign * shift)


@pytest.mark.parametrize("name", CASES)
def test_it_holds_at_every_horizon_and_a_bound_a_little_lower_does_not(name: str) -> None:
    """x_T = D − T·kink errs by T u D, which is T² u of the kink: so far the last gradient may fall short."""
    theorem, traces = THEOREMS[name], traces_of(next(other for other in CASES if CASES[other] == CASES[name]))
    together = judge(name, theorem, traces, tuple(range(len(traces))), "worst-case sweep")
    assert together.ruling == "holds", together.why
    for trace in traces:
        T = trace.setting.horizon
        verdict = judge(name, theorem, [trace], (0,), "trajectory")
        assert verdict.ruling == "holds", f"T = {T}: {verdict.why}"
        assert verdict.worst_ratio == pytest.approx(1.0, abs=max(1e-9, 4 * T**2 * 2.0**-53)), f"T = {T}"
        lower = judge(name, raised(theorem, -1e-6 if T <= 1_000 else -2e-3), [trace], (0,), "trajectory")
        assert lower.ruling == "violated", f"T = {T}: {lower.why}"


# --- why the smallest gradient needs one step's rounding, not the sum of all ---


def slope(x: float, g: float, width: float, pieces: int) -> float:
    """The derivative of a function with L = 1: x up to g, then as often as ``pieces`` from g down and up again."""
    if x <= g:
        return x
    whole, s = divmod(x - g, width)
    return g - min(s, width - s) if whole < pieces else g


@pytest.mark.parametrize("error", [1e-3, 0.05])
def test_a_step_short_by_epsilon_raises_the_smallest_gradient_by_epsilon(error: float) -> None:
    """The zigzag with pieces of length g − ε: the step g − ε leads from end to end, and every gradient is g."""
    T, g = 200, 1.0
    width = (g - error) * (1 - 1e-12)  # to step too far is forgiven, to fall short is doubled
    delta = (T - 1) * (g * width - width**2 / 4) + g**2 / 2
    bound = math.sqrt(4 * delta / (3 * (T - 1) + 2))
    x, seen = (T - 1) * width + g, []
    for _ in range(T):
        seen.append(abs(slope(x, g, width, T - 1)))
        x -= seen[-1] - error
    grown = rounding.remaining(THEOREMS["gd_nonconvex"], setting_with(1.0), T) - 2
    assert min(seen) == pytest.approx(g, abs=1e-9)
    assert bound + 0.33 * error < g <= bound + error * grown  # ε/3 to first order


@pytest.mark.parametrize("h", [0.3, 1.0, 1.4, 1.7])
def test_the_smallest_gradient_under_errors_of_any_sign(h: float) -> None:
    """Random functions of curvature ±1 and random errors of norm ε; T steps of size h."""
    rng, T, error = np.random.default_rng(3), 30, 0.02
    grown = rounding.remaining(THEOREMS["gd_nonconvex"], setting_with(h), T) * h - 2
    share = h * (4 - h) if h <= 1 else h * (4 - h**2)
    for _ in range(200):
        g, width, pieces = 1.0, rng.uniform(0.5, 2) * h, int(rng.integers(1, T))
        depth = pieces * (g * width - width**2 / 4) + g**2 / 2
        x, signs, smallest = pieces * width + g, rng.choice([-1.0, 0.0, 1.0], size=T), math.inf
        for sign in signs:
            here = slope(x, g, width, pieces)
            smallest = min(smallest, abs(here))
            x -= h * (here + sign * error)
        assert smallest <= math.sqrt(4 * depth / ((T - 1) * share + 2)) + grown * error + 1e-12


def setting_with(step: float) -> Setting:
    setting = setting_of(200, traits=("smooth", "gradient step", "exact oracle"), L=1.0)
    return dataclasses.replace(setting, hyper={"step_size": Hyper(str(step), step)})
