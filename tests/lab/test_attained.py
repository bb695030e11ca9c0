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


LINEAR = (
    "gd_exact_line_search",
    "gd_quadratic",
    "heavy_ball_quadratic",
    "newton_degenerate",
    "polyak_strongly_convex",
    "proximal_gradient_strongly_convex",
    "strongly_convex_lower_bound",
)


@pytest.mark.parametrize("name", LINEAR)
def test_linear_rates_hold_to_the_floor_and_past_it(name: str) -> None:
    """10^6 steps on the instance that attains the bound: most points lie below the floor, and the others decide."""
    theorem: Theorem = catalog.load("theorems", name)
    assert theorem.instance is not None
    spec = theorem.instance.spec
    trace = run(
        spec["problem"], [spec["optimizer"]], horizon=TIMES[-1], outputs=(theorem.output,), claims=(Claim(name),)
    )[0]
    verdict = judge(name, theorem, [trace], (0,), "trajectory")
    assert verdict.ruling == "holds", verdict.why
    wrong = judge(name, raised(theorem, -1e-2), [trace], (0,), "trajectory")
    assert wrong.ruling == "violated", wrong.why


# --- what rounding could do at worst acquits, and does not confirm ---


def test_a_bound_half_as_high_does_not_hold_because_rounding_might_have_done_it() -> None:
    """In single precision 1,000 roundings of subgradient steps could double a gap of 1/√1000 at worst; they did not."""
    theorem, name = THEOREMS["subgradient_average"], "subgradient_average"
    (trace,) = run({**CONE, "dimension": "T"}, [SUBGRADIENT], horizon=1_000, outputs=(theorem.output,), dtype="float32")
    assert judge(name, theorem, [trace], (0,), "trajectory").ruling == "holds"
    for share in (0.9, 0.5):
        false = judge(name, raised(theorem, math.log(share)), [trace], (0,), "trajectory")
        assert false.ruling == "inconclusive", false.why
        assert false.worst_ratio == pytest.approx(1 / share, rel=1e-6)


def test_momentum_is_not_given_what_an_inverse_curvature_would_do() -> None:
    """κ = 10^8: a step 1/L rounds by ε/L and not by ε/μ; half of what was measured is a bound that is violated."""
    problem = {"name": "least_squares", "data": "synthetic", "n": 30, "dimension": 4, "condition": 1e8}
    theorem, name = catalog.load("theorems", "nesterov_smooth_convex"), "nesterov_smooth_convex"
    (trace,) = run(problem, [{"name": "nesterov", "step_size": "1/L"}], horizon=3_000)
    true = judge(name, theorem, [trace], (0,), "trajectory")
    assert true.ruling == "holds"
    false = judge(name, raised(theorem, math.log(true.worst_ratio / 2)), [trace], (0,), "trajectory")
    assert false.ruling == "violated", false.why


# --- why the smallest gradient needs one step's rounding, not the sum of all ---


def slope(x: float, g: float, width: float, pieces: int) -> float:
    """The derivative of a function with L = 1: x up to g, then as often as ``pieces`` from g down and up again."""
    if x <= g:
        return x
    whole, s = divmod(x - g, width)
    return g - min(s, width - s) if whole < pieces else g


@pytest.mark.parametrize("error", [1e-3, 0.05])
@pytest.mark.parametrize("h", [0.3, 0.7, 1.0])
def test_a_step_short_by_epsilon_raises_the_smallest_gradient_by_epsilon(h: float, error: float) -> None:
    """The zigzag with pieces of length h(g − ε): that step leads from end to end, and every gradient is g."""
    T, g = 200, 1.0
    width = h * (g - error) * (1 - 1e-12)  # to step too far is forgiven, to fall short is doubled
    delta = (T - 1) * (g * width - width**2 / 4) + g**2 / 2
    bound = math.sqrt(4 * delta / ((T - 1) * h * (4 - h) + 2))
    x, seen = (T - 1) * width + g, []
    for _ in range(T):
        seen.append(abs(slope(x, g, width, T - 1)))
        x -= h * (seen[-1] - error)
    assert min(seen) == pytest.approx(g, abs=1e-9)
    first_order = (2 - h) / (4 - h)  # at most 1, which it comes to where ε is as large as the root
    assert bound + 0.95 * first_order * error < g <= bound + grown(h) * error


@pytest.mark.parametrize("h", [0.3, 1.0, 1.2, 1.5, 1.65])
def test_two_gradients_and_an_error_lose_no_more_than_is_allowed(h: float) -> None:
    """The inequality of one step over all g_t, g_{t+1}, e in a plane, with ‖g_t − g_{t+1}‖ at most what smoothness
    allows: the m at which it is the bound's share, c, is at most 1 + grown·ε."""
    angles = np.linspace(-np.pi, np.pi, 121)
    for error in (0.0, 0.02, 0.3, 1.0):
        low, high = 0.0, 100.0  # of m: 4L·decrease per step exceeds c from some m on
        while high - low > 1e-3:
            m = (low + high) / 2
            low, high = (m, high) if least_decrease(m, h, error, angles) <= share(h) else (low, m)
        assert low <= 1 + grown(h) * error + 2e-3, (error, low)
        if error == 0.0:
            assert low >= (0.998 if h <= 1 else 0.9)  # the grid comes near the worst case
        elif h == 1.0:
            assert low > 1 + 0.3 * error


def least_decrease(m: float, h: float, error: float, angles: np.ndarray) -> float:
    """2h⟨g + g', g + e⟩ + ‖g − g'‖² − h²‖g + e‖², least over ‖g‖, ‖g'‖ ≥ m and ‖e‖ = ε, L = 1."""
    worst = math.inf
    for a in m * np.array([1.0, 1.02, 1.1, 1.3]):
        for b in m * np.array([1.0, 1.02, 1.1, 1.3]):
            other, e = np.exp(1j * angles)[:, None] * b, np.exp(1j * angles)[None, :] * error
            moved, apart = a + e, np.abs(a - other)
            value = 2 * h * np.real((a + other) * np.conj(moved)) + apart**2 - h**2 * np.abs(moved) ** 2
            worst = min(worst, float(np.min(value, where=apart <= h * np.abs(moved), initial=math.inf)))
    return worst


def share(h: float) -> float:
    return h * (4 - h) if h <= 1 else h * (4 - h**2)


def grown(h: float) -> float:
    """The part of the allowance that the inequality of one step takes, in ε."""
    return rounding.remaining(THEOREMS["gd_nonconvex"], setting_with(h), 200) * h - 2


def setting_with(step: float) -> Setting:
    setting = setting_of(200, traits=("smooth", "gradient step", "exact oracle"), L=1.0)
    return dataclasses.replace(setting, hyper={"step_size": Hyper(str(step), step)})
