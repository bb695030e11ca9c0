r"""Stochastic gradient descent on smooth functions, convex or not: the gradient at a random iterate.

Let R be L-smooth and bounded below, Δ = R(θ_0) − inf R, and ∇f_t = ∇R + ξ_t with independent noise, E ξ_t = 0 and
E‖ξ_t‖² ≤ σ² at every θ. For a constant step 0 < η ≤ 1/L and τ uniform on 0 … T−1, independent of the noise,

    E‖∇R(θ_τ)‖² = (1/T) Σ_{t<T} E‖∇R(θ_t)‖² ≤ 2Δ/(ηT) + ηLσ²       for every T ≥ 1.

Proof: E R(θ_{t+1}) ≤ R(θ_t) − η(1 − ηL/2)‖∇R‖² + η²Lσ²/2 by the descent lemma, and 1 − ηL/2 ≥ 1/2; sum.

Source: Ghadimi and Lan 2013.

Instance: (L/2)θ² with noise ±σ at η = 1/L, where θ_t = −σξ/L for t ≥ 1: E‖∇R(θ_τ)‖² = (L²D² + (T − 1)σ²)/T, while the
bound is L²D²/T + σ². Signs keep ‖∇R(θ_t)‖² = σ² on every path, so that few seeds show the mean.
"""

from __future__ import annotations

import numpy as np

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import GRADIENT_STEP, SMOOTH, UNBIASED, constant_step, log
from convlab.theorems._sgd import UNIFORM_VARIANCE, noisy_second_moments


def _log_bound(setting: Setting, t: int) -> float:
    eta = setting.step_size()
    start = log(2 / eta) + log(setting["initial_gap"]) - log(t)
    return float(np.logaddexp(start, log(eta * setting["L"]) + 2 * log(setting["sigma"])))


def _noisy_line(setting: Setting, t: int) -> float:
    """The mean of L² E θ_s² over s < t on (L/2)θ² with additive noise."""
    moments = noisy_second_moments(setting, setting["L"], t - 1)
    return float(setting["L"] ** 2 * np.mean(moments))


THEOREM = Theorem(
    title="SGD, smooth, uniform variance, a random iterate",
    statement=(
        r"E\|\nabla R(\theta_\tau)\|^2\le\frac{2(R(\theta_0)-\inf R)}{\eta T}+\eta L\sigma^2,\qquad"
        r"\tau\sim\mathrm{uniform}\{0,\ldots,T-1\},\quad E\|\nabla f_t-\nabla R\|^2\le\sigma^2,\quad 0<\eta\le\frac1L"
    ),
    source="Ghadimi and Lan 2013",
    assumes=(
        GRADIENT_STEP,
        UNBIASED,
        UNIFORM_VARIANCE,
        SMOOTH,
        constant_step("1/L", lambda setting: 1 / setting["L"], strict=False),
    ),
    output="random",
    quantity="grad_norm2",
    sense="expectation",
    valid="every t >= 1",
    formula=r"$\frac{2(R(\theta_0)-\inf R)}{\eta T}+\eta L\sigma^2$",
    rate=Rate("power", lambda setting: -1.0, "1/T + step_size"),
    instance=Instance(
        spec={
            "problem": {"name": "quadratic", "dimension": 1, "L": 2.0, "D": 0.25},
            "oracle": {"name": "additive_noise", "sigma": 1.0, "law": "signs"},
            "optimizer": {"name": "sgd", "step_size": "1/L"},
            "run": {"horizon": 10, "seeds": 512},
        },
        reaches=0.9024,
        expected=_noisy_line,
        note="a quadratic in one dimension with noise of random signs, at the largest step: 1 - O(1/T) of the bound",
    ),
    log_bound=_log_bound,
    constants=("L", "sigma", "initial_gap"),
)
