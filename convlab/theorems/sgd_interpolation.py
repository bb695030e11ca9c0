r"""Stochastic gradient descent on strongly convex functions under interpolation: linear convergence, without a ball.

Let E f_t = R with independent draws, E‖∇f_t(θ) − ∇f_t(θ*)‖² ≤ 2ℒ (R(θ) − R*), R μ-strongly convex, and
σ*² = E‖∇f_t(θ*)‖² = 0: all samples are stationary at θ*. For a constant step 0 < η ≤ 1/ℒ,

    E‖θ_T − θ*‖² ≤ (1 − ημ(2 − ηℒ))^T D²       for every T ≥ 0,

which is (1 − μ/ℒ)^T D² at η = 1/ℒ. For one random row a step ℒ = L_max.

Proof: E‖θ_{t+1} − θ*‖² ≤ ‖e‖² − 2η⟨∇R, e⟩ + 2η²ℒ gap with e = θ_t − θ*, and ⟨∇R, e⟩ ≥ gap + (μ/2)‖e‖²; then the gap
has the factor −2η(1 − ηℒ) ≤ 0, and gap ≥ (μ/2)‖e‖².

Attained with equality at every T by f_i = (d/2)θ_i², i = 1 … d (mu = 1, L_max = d), whatever θ_0 (coordinates). The
mean of a sample never confirms a bound that equals the expectation, so that the instance has one flatter coordinate:
E‖θ_T‖² = Σ_i (1 − ηλ_i(2 − ηdλ_i))^T D²/d with λ = (1, …, 1, 0.9).

Source: variance transfer as in Gower et al. 2019, with the gap kept instead of dropped.
"""

from __future__ import annotations

import math

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
from convlab.theorems._sgd import NO_NOISE_AT_THE_MINIMISER


def _log_factor(setting: Setting) -> float:
    eta = setting.step_size()
    loss = eta * setting["mu"] * (2 - eta * setting["L_expected"])
    return math.log1p(-loss) if loss < 1 else -math.inf


def _log_bound(setting: Setting, t: int) -> float:
    return 2 * log(setting["D"]) + (t * _log_factor(setting) if t else 0.0)


def _one_flat_coordinate(setting: Setting, t: int) -> float:
    """E θ_i² falls by the mean of (1 − ηdλ_i)² with probability 1/d and 1 otherwise; all start alike."""
    d, eta, moments = setting["n"], setting.step_size(), [1.0, 1.0]
    for _ in range(t):
        for k, curvature in enumerate((1.0, setting["mu"])):
            moments[k] *= (1 - eta * d * curvature) ** 2 / d + (d - 1) / d
    return ((d - 1) * moments[0] + moments[1]) / d * setting["D"] ** 2


THEOREM = Theorem(
    title="SGD, strongly convex, interpolation",
    statement=(
        r"E\|\theta_T-\theta^*\|^2\le(1-\eta\mu(2-\eta\mathcal{L}))^T\|\theta_0-\theta^*\|^2,"
        r"\qquad\sigma_*=0,\quad 0<\eta\le\frac{1}{\mathcal{L}}"
    ),
    source="variance transfer as in Gower et al. 2019, with the gap kept instead of dropped",
    assumes=(
        GRADIENT_STEP,
        UNBIASED,
        CONVEX_SAMPLES,
        STRONGLY_CONVEX,
        NO_NOISE_AT_THE_MINIMISER,
        constant_step("1/L_expected", lambda setting: 1 / setting["L_expected"], strict=False),
    ),
    output="last",
    quantity="dist2",
    sense="expectation",
    valid="every t >= 1",
    formula=r"$(1-\eta\mu(2-\eta\mathcal{L}))^TD^2$",
    rate=Rate("linear", _log_factor, "(1 - step_size mu (2 - step_size L_expected))^T"),
    instance=Instance(
        spec={
            "problem": {"name": "coordinates", "dimension": 50, "mu": 0.9, "D": 1.0},
            "oracle": {"name": "minibatch", "size": 1},
            "optimizer": {"name": "sgd", "step_size": "1/L_expected"},
            "run": {"horizon": 50, "seeds": 512},
        },
        reaches=0.9032,
        expected=_one_flat_coordinate,
        note="random coordinates, one of them flatter; with none flatter the bound is an equality",
    ),
    log_bound=_log_bound,
    constants=("L_expected", "mu", "sigma_star", "D"),
)
