r"""Stochastic gradient descent on strongly convex functions with steps 2/(μ(t + t_0)): 1/T, at every T.

Let every f_t be convex and smooth enough in expectation, E‖∇f_t(θ) − ∇f_t(θ*)‖² ≤ 2ℒ (R(θ) − R*), E f_t = R, with
independent draws, σ*² = E‖∇f_t(θ*)‖², and R μ-strongly convex. For the steps η_t = 2/(μ(t + t_0)), t = 0, 1, …, with
any t_0 ≥ 4ℒ/μ, which is η_0 ≤ 1/(2ℒ),

    E‖θ_T − θ*‖² ≤ [(t_0 − 1)(t_0 − 2)D² + 8σ*²T/μ²] / ((T + t_0 − 1)(T + t_0 − 2))       for every T ≥ 0.

Proof: E‖∇f_t‖² ≤ 4ℒ(R − R*) + 2σ*² gives E‖e_{t+1}‖² ≤ (1 − η_tμ)E‖e_t‖² + 2η_t²σ*² as η_t ≤ 1/(2ℒ). With s = t + t_0
multiply by s(s − 1): s(s − 1)E‖e_{t+1}‖² ≤ (s − 1)(s − 2)E‖e_t‖² + 8σ*²/μ², which telescopes. Neither a bounded
domain nor a bounded variance is needed, and no horizon: the steps are the same for every T.

Source: the recursion of Gower et al. 2019 with its weights s(s − 1).

Instance: (μ/2)θ² with additive noise, m ← (1 − η_tμ)²m + η_t²σ². For long runs it is (4/3)σ²/(μ²T), a sixth of the
bound.
"""

from __future__ import annotations

import numpy as np

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import CONVEX_SAMPLES, GRADIENT_STEP, STRONGLY_CONVEX, UNBIASED, log
from convlab.theorems._sgd import Array, noisy_second_moments, schedule, steps


def _offset(setting: Setting) -> float:
    """t_0, read off the first step; the least that is allowed where that step is too long."""
    first, least = float(steps(setting, 1)[0]), 4 * setting["L_expected"] / setting["mu"]
    return max(2 / (setting["mu"] * first), least) if first > 0 else least


def _steps(setting: Setting, t: Array) -> Array:
    return 2 / (setting["mu"] * (t + _offset(setting)))


def _log_bound(setting: Setting, t: int) -> float:
    t0 = _offset(setting)
    start = log((t0 - 1) * (t0 - 2)) + 2 * log(setting["D"])
    noise = log(8 * t) + 2 * log(setting["sigma_star"]) - 2 * log(setting["mu"])
    return float(np.logaddexp(start, noise)) - log((t + t0 - 1) * (t + t0 - 2))


def _noisy_line(setting: Setting, t: int) -> float:
    """E θ_t² on (μ/2)θ² with additive noise."""
    return float(noisy_second_moments(setting, setting["mu"], t)[t])


THEOREM = Theorem(
    title="SGD, strongly convex, decreasing steps",
    statement=(
        r"E\|\theta_T-\theta^*\|^2\le\frac{(t_0-1)(t_0-2)\|\theta_0-\theta^*\|^2+8\sigma_*^2T/\mu^2}"
        r"{(T+t_0-1)(T+t_0-2)},\qquad\eta_t=\frac{2}{\mu(t+t_0)},\quad t_0\ge\frac{4\mathcal{L}}{\mu}"
    ),
    source="the recursion of Gower et al. 2019, multiplied by s(s-1), s = t + t_0, and summed",
    assumes=(
        GRADIENT_STEP,
        UNBIASED,
        CONVEX_SAMPLES,
        STRONGLY_CONVEX,
        schedule("step_size = 2/(mu*(t+t0)) with t0 >= 4*L_expected/mu", _steps),
    ),
    output="last",
    quantity="dist2",
    sense="expectation",
    valid="every t >= 1",
    formula=r"$\frac{(t_0-1)(t_0-2)D^2+8\sigma_*^2T/\mu^2}{(T+t_0-1)(T+t_0-2)}$",
    rate=Rate("power", lambda setting: -1.0, "1/T"),
    instance=Instance(
        spec={
            "problem": {"name": "quadratic", "dimension": 1, "L": 1.0, "D": 0.1},
            "oracle": {"name": "additive_noise", "sigma": 1.0},
            "optimizer": {"name": "sgd", "step_size": "2/(mu*(t+4*L_expected/mu))"},
            "run": {"horizon": 20, "seeds": 512},
        },
        reaches=0.1871,
        expected=_noisy_line,
        note="a noisy quadratic in one dimension; a sixth of the bound in the long run",
    ),
    log_bound=_log_bound,
    constants=("L_expected", "mu", "sigma_star", "D"),
)
