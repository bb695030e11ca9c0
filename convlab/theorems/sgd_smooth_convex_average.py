r"""Stochastic gradient descent on smooth convex functions, with the variance at the optimum only.

Let every f_t be convex and smooth enough in expectation, E‖∇f_t(θ) − ∇f_t(θ*)‖² ≤ 2ℒ (R(θ) − R*), E f_t = R, with
independent draws, and σ*² = E‖∇f_t(θ*)‖². For a constant step 0 < η < 1/(2ℒ) and the average θ̄ of θ_0 … θ_{T−1},

    E R(θ̄) − R* ≤ D²/(2η(1 − 2ηℒ)T) + ησ*²/(1 − 2ηℒ)       for every T ≥ 1.

Proof: E‖∇f_t‖² ≤ 4ℒ(R − R*) + 2σ*², so E‖θ_{t+1} − θ*‖² ≤ ‖θ_t − θ*‖² − 2η(1 − 2ηℒ)(R(θ_t) − R*) + 2η²σ*²; sum, and
use Jensen's inequality. Neither a bounded domain nor a bounded variance is needed: least squares on R^d is covered.

Source: Garrigos and Gower 2023, arXiv 2301.11235, section 5; minibatches: Gower et al. 2019.

Instance: (λ/2)θ² with additive noise of variance σ², for which the expectation is known exactly (r = 1 − ηλ):
(λ/2) [ (θ_0(1 − r^T)/((1 − r)T))² + σ² Σ_{k=0}^{T−2} (η(1 − r^{T−1−k})/((1 − r)T))² ]. At the step that minimises the
bound, η = D/(σ√(2T)), and the curvature λ ≈ 1.3/(ηT) the order 1/√T is attained, the constant within a factor of 4.1.
"""

from __future__ import annotations

import numpy as np

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import (
    CONVEX_SAMPLES,
    GRADIENT_STEP,
    HAS_MINIMISER,
    UNBIASED,
    constant_step,
    log,
)


def _log_bound(setting: Setting, t: int) -> float:
    eta, share = setting.step_size(), 1 - 2 * setting.step_size() * setting["L_expected"]
    start = 2 * log(setting["D"]) - log(2 * eta * share * t)
    noise = 2 * log(setting["sigma_star"]) + log(eta / share)
    return float(np.logaddexp(start, noise))


def _noisy_line(setting: Setting, t: int) -> float:
    """E gap of the average on (λ/2)θ² with additive noise: bias and variance of a linear recursion."""
    curvature, eta, sigma = setting["L"], setting.step_size(), setting["sigma_star"]
    r = 1 - eta * curvature
    bias = setting["D"] * (1 - r**t) / ((1 - r) * t)
    weights = eta * (1 - r ** np.arange(t - 1, 0, -1.0)) / ((1 - r) * t)
    return float(curvature / 2 * (bias**2 + sigma**2 * np.sum(weights**2)))


THEOREM = Theorem(
    title="SGD, smooth convex, average",
    statement=(
        r"E\,R(\bar\theta_T)-R^*\le\frac{D^2}{2\eta(1-2\eta\mathcal{L})T}+\frac{\eta\sigma_*^2}{1-2\eta\mathcal{L}},"
        r"\qquad\bar\theta_T=\frac1T\sum_{t=0}^{T-1}\theta_t,\quad 0<\eta<\frac{1}{2\mathcal{L}}"
    ),
    source="Garrigos and Gower 2023, arXiv 2301.11235, section 5; for minibatches Gower et al. 2019",
    assumes=(
        GRADIENT_STEP,
        UNBIASED,
        CONVEX_SAMPLES,
        HAS_MINIMISER,
        constant_step("1/(2*L_expected)", lambda setting: 1 / (2 * setting["L_expected"]), strict=True),
    ),
    output="average",
    quantity="gap",
    sense="expectation",
    valid="every t >= 1",
    formula=r"$\frac{D^2}{2\eta(1-2\eta\mathcal{L})T}+\frac{\eta\sigma_*^2}{1-2\eta\mathcal{L}}$",
    rate=Rate("power", lambda setting: -1.0, "1/T + step_size"),
    instance=Instance(
        spec={
            "problem": {"name": "quadratic", "dimension": 1, "L": "1.8/sqrt(T)", "D": 1.0},
            "oracle": {"name": "additive_noise", "sigma": 1.0},
            "optimizer": {"name": "sgd", "step_size": "D/sqrt(2*T)"},
            "run": {"horizon": 100, "seeds": 256},
        },
        reaches=0.2437,
        expected=_noisy_line,
        note="a noisy quadratic in one dimension whose curvature, 1.8/sqrt(T), and step are tuned to the horizon",
    ),
    log_bound=_log_bound,
    constants=("L_expected", "sigma_star", "D"),
)
