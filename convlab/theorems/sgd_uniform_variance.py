r"""Stochastic gradient descent on smooth convex functions, noise of uniform variance, the average of θ_1 … θ_T.

Let R be convex and L-smooth with a minimiser θ* at distance D from θ_0, and ∇f_t = ∇R + ξ_t with independent noise,
E ξ_t = 0 and E‖ξ_t‖² ≤ σ² at every θ. For a constant step 0 < η ≤ 1/L and the average θ̄ of θ_1 … θ_T,

    E R(θ̄) − R* ≤ D²/(2ηT) + ησ²(1 + ηL)/2       for every T ≥ 1.

Proof: add 2η times E R(θ_{t+1}) ≤ R(θ_t) − η(1 − ηL/2)‖∇R‖² + η²Lσ²/2 to the recursion of the distance,
E‖e_{t+1}‖² ≤ ‖e_t‖² − 2η(R(θ_t) − R*) + η²‖∇R‖² + η²σ²: what is left of ‖∇R‖² has the factor η²(ηL − 1) ≤ 0. Sum,
and use Jensen's inequality.

Source: Lan 2012 (the method and its order); the constant by the two inequalities above.

Instance: (λ/2)θ² with additive noise of variance σ², for which the expectation is known exactly (r = 1 − ηλ):
(λ/2)[(r(1 − r^T)D/((1 − r)T))² + σ² Σ_{k=1}^{T} (η(1 − r^k)/((1 − r)T))²]. At η = D/(σ√T) and λ ≈ 1.4/(ηT) the order
1/√T is attained.
"""

from __future__ import annotations

import numpy as np

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import (
    CONVEX,
    GRADIENT_STEP,
    HAS_MINIMISER,
    SMOOTH,
    UNBIASED,
    constant_step,
    log,
)
from convlab.theorems._sgd import UNIFORM_VARIANCE


def _log_bound(setting: Setting, t: int) -> float:
    eta = setting.step_size()
    start = 2 * log(setting["D"]) - log(2 * eta) - log(t)
    noise = log(eta / 2) + 2 * log(setting["sigma"]) + log(1 + eta * setting["L"])
    return float(np.logaddexp(start, noise))


def _noisy_line(setting: Setting, t: int) -> float:
    """E gap of the average of θ_1 … θ_t on (λ/2)θ² with additive noise: bias and variance of a linear recursion."""
    curvature, eta = setting["L"], setting.step_size()
    r = 1 - eta * curvature
    bias = setting["D"] * r * (1 - r**t) / ((1 - r) * t)
    weights = eta * (1 - r ** np.arange(1.0, t + 1)) / ((1 - r) * t)
    return float(curvature / 2 * (bias**2 + setting["sigma"] ** 2 * np.sum(weights**2)))


THEOREM = Theorem(
    title="SGD, smooth convex, uniform variance, average",
    statement=(
        r"E\,R(\bar\theta_T)-R^*\le\frac{D^2}{2\eta T}+\frac{\eta\sigma^2(1+\eta L)}{2},\qquad"
        r"\bar\theta_T=\frac1T\sum_{t=1}^{T}\theta_t,\quad E\|\nabla f_t-\nabla R\|^2\le\sigma^2,"
        r"\quad 0<\eta\le\frac1L"
    ),
    source="Lan 2012 (the method and its order); the constant by the descent lemma and the distance recursion",
    assumes=(
        GRADIENT_STEP,
        UNBIASED,
        UNIFORM_VARIANCE,
        CONVEX,
        SMOOTH,
        HAS_MINIMISER,
        constant_step("1/L", lambda setting: 1 / setting["L"], strict=False),
    ),
    output="average(1..T)",
    quantity="gap",
    sense="expectation",
    valid="every t >= 1",
    formula=r"$\frac{D^2}{2\eta T}+\frac{\eta\sigma^2(1+\eta L)}{2}$",
    rate=Rate("power", lambda setting: -1.0, "1/T + step_size"),
    instance=Instance(
        spec={
            "problem": {"name": "quadratic", "dimension": 1, "L": "1.4/sqrt(T)", "D": 1.0},
            "oracle": {"name": "additive_noise", "sigma": 1.0},
            "optimizer": {"name": "sgd", "step_size": "D/sqrt(T)"},
            "run": {"horizon": 100, "seeds": 512},
        },
        reaches=0.2906,
        expected=_noisy_line,
        note="a noisy quadratic in one dimension whose curvature, 1.4/sqrt(T), and step are tuned to the horizon",
    ),
    log_bound=_log_bound,
    constants=("L", "sigma", "D"),
)
