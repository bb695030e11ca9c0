"""An instance that attains its bound holds at every T up to 10^6: roundings of 10^6 steps are allowed for, no less.

Each row is run by the lab at T = 1, 2, 3, 10, …; the ruling at each T, and on all of them together, is "holds", and the
measurement is the bound to rounding; a bound a little lower is violated by the same run.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import pytest

from convlab.core.theorem import Theorem
from convlab.core.trace import Trace
from convlab.lab import catalog
from convlab.lab.judge import judge
from convlab.lab.spec import Claim
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
    "gd_nonconvex": ({"name": "zigzag", "segments": "T-1", "L": 2.0, "initial_gap": 0.3}, GD, TIMES[1:8]),
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
        if T > 1_000 and theorem.output == "smallest_gradient":
            continue  # without convexity what rounding may do grows with T², and decides
        lower = judge(name, raised(theorem, -1e-6 if T <= 1_000 else -2e-3), [trace], (0,), "trajectory")
        assert lower.ruling == "violated", f"T = {T}: {lower.why}"
