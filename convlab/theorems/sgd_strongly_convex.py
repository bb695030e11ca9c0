r"""Stochastic gradient descent on strongly convex functions with a constant step: linear down to a ball.

Let every f_t be convex and smooth enough in expectation, E‖∇f_t(θ) − ∇f_t(θ*)‖² ≤ 2ℒ (R(θ) − R*), E f_t = R, with
independent draws, σ*² = E‖∇f_t(θ*)‖², and R μ-strongly convex. For a constant step 0 < η ≤ 1/(2ℒ),

    E‖θ_T − θ*‖² ≤ (1 − ημ)^T D² + 2ησ*²/μ       for every T ≥ 0.

Source: Gower et al. 2019, Theorem 3.1.

Instance: (λ/2)θ² with additive noise of variance σ²: E θ_T² = r^(2T) θ_0² + η²σ²(1 − r^(2T))/(1 − r²), r = 1 − ηλ. In
stationarity that is ησ²/(λ(2 − ηλ)), the fraction 1/(2(2 − ηλ)) of the bound's ball: 1/3 at the largest step, which is
the most that any rows and any noise reach in one dimension once the start is forgotten.
"""

from __future__ import annotations

import numpy as np

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import (
    CONVEX_SAMPLES,
    GRADIENT_STEP,
    STRONGLY_CONVEX,
    UNBIASED,
    constant_step,
    log,
)


def _log_bound(setting: Setting, t: int) -> float:
    eta, mu = setting.step_size(), setting["mu"]
    start = 2 * log(setting["D"]) + (t * log(1 - eta * mu) if t else 0.0)
    ball = log(2 * eta / mu) + 2 * log(setting["sigma_star"])
    return float(np.logaddexp(start, ball))


def _noisy_line(setting: Setting, t: int) -> float:
    """E θ_t² on (λ/2)θ² with additive noise: the closed form of m ← r² m + η²σ²."""
    eta, sigma = setting.step_size(), setting["sigma_star"]
    r = 1 - eta * setting["mu"]
    return r ** (2 * t) * setting["D"] ** 2 + (eta * sigma) ** 2 * (1 - r ** (2 * t)) / (1 - r**2)


THEOREM = Theorem(
    title="SGD, strongly convex, constant step",
    statement=(
        r"E\|\theta_T-\theta^*\|^2\le(1-\eta\mu)^T\|\theta_0-\theta^*\|^2+\frac{2\eta\sigma_*^2}{\mu},"
        r"\qquad 0<\eta\le\frac{1}{2\mathcal{L}}"
    ),
    source="Gower et al. 2019, Theorem 3.1",
    assumes=(
        GRADIENT_STEP,
        UNBIASED,
        CONVEX_SAMPLES,
        STRONGLY_CONVEX,
        constant_step("1/(2*L_expected)", lambda setting: 1 / (2 * setting["L_expected"]), strict=False),
    ),
    output="last",
    quantity="dist2",
    sense="expectation",
    valid="every t >= 1",
    formula=r"$(1-\eta\mu)^TD^2+2\eta\sigma_*^2/\mu$",
    rate=Rate("linear", lambda setting: log(1 - setting.step_size() * setting["mu"]), "(1 - step_size mu)^T + a ball"),
    instance=Instance(
        spec={
            "problem": {"name": "quadratic", "dimension": 1, "L": 1.0, "D": 1.0},
            "oracle": {"name": "additive_noise", "sigma": 1.0},
            "optimizer": {"name": "sgd", "step_size": "1/(2*L)"},
            "run": {"horizon": 20, "seeds": 256},
        },
        reaches=0.3333330,
        expected=_noisy_line,
        note="a noisy quadratic in one dimension at the largest step: 1/3 of the ball in stationarity",
    ),
    log_bound=_log_bound,
    constants=("L_expected", "mu", "sigma_star", "D"),
)
