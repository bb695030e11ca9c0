r"""Stochastic projected subgradient steps on strongly convex functions, bounded second moments, linear weights.

Let R be μ-strongly convex on a closed convex set, E f_t = R with independent draws, and E‖g_t‖² ≤ G² on the set for the
subgradients g_t of f_t. Steps θ_{t+1} = P(θ_t − η_t g_t) with η_t = 2/(μ(t + 2)), t = 0, 1, …, satisfy, for the average
θ̄ = Σ (t + 1)θ_t / Σ (t + 1) over t = 0 … T−1,

    E R(θ̄) − R* ≤ 2G²/(μ(T + 1))       for every T ≥ 1.

Proof: with k = t + 1, k·gap_t ≤ (μ/4)[k(k − 1)‖e_t‖² − k(k + 1)‖e_{t+1}‖²] + G²/μ in expectation, as P does not expand;
sum, divide by T(T + 1)/2, and use Jensen's inequality. On all of space no strongly convex R has bounded gradients:
without a constraint the theorem speaks of nothing.

Source: Lacoste-Julien, Schmidt and Bach 2012.

Instance: c|x| + (μ/2)x² on an interval, with noise ±σ: the mean over all 2^T equally likely paths, the cuts included.
"""

from __future__ import annotations

import numpy as np

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import HAS_MINIMISER, STRONGLY_CONVEX, UNBIASED, log
from convlab.theorems._sgd import SUBGRADIENT_STEP, Array, schedule, sign_paths


def _steps(setting: Setting, t: Array) -> Array:
    return 2 / (setting["mu"] * (t + 2))


def _log_bound(setting: Setting, t: int) -> float:
    return log(2) + 2 * log(setting["G_expected"]) - log(setting["mu"]) - log(t + 1)


def _all_paths(setting: Setting, t: int) -> float:
    """E gap of the weighted average on c|x| + (μ/2)x², |x| ≤ radius, with noise ±σ, over all paths of signs."""
    mu, radius = setting["mu"], setting["diameter"] / 2
    kink = setting["G"] - mu * radius
    points = sign_paths(setting, t, lambda x: kink * np.sign(x) + mu * x, radius)
    weights = np.arange(1.0, t + 1)
    x = points @ weights / np.sum(weights)
    return float(np.mean(kink * np.abs(x) + mu / 2 * x**2))


THEOREM = Theorem(
    title="Stochastic projected subgradient method, strongly convex, weighted average",
    statement=(
        r"E\,R(\bar\theta_T)-R^*\le\frac{2G^2}{\mu(T+1)},\qquad\bar\theta_T=\frac{2}{T(T+1)}"
        r"\sum_{t=0}^{T-1}(t+1)\theta_t,\quad\eta_t=\frac{2}{\mu(t+2)},\quad E\|g_t\|^2\le G^2"
    ),
    source="Lacoste-Julien, Schmidt and Bach 2012",
    assumes=(
        SUBGRADIENT_STEP,
        UNBIASED,
        STRONGLY_CONVEX,
        HAS_MINIMISER,
        schedule("step_size = 2/(mu*(t+2))", _steps),
    ),
    output="weighted_average(t+1)",
    quantity="gap",
    sense="expectation",
    valid="every t >= 1",
    formula=r"$\frac{2G^2}{\mu(T+1)}$",
    rate=Rate("power", lambda setting: -1.0, "1/T"),
    instance=Instance(
        spec={
            "problem": {"name": "absolute", "G": 0.41, "mu": 1.0, "radius": 0.6, "D": 0.6},
            "oracle": {"name": "additive_noise", "sigma": 1.0, "law": "signs"},
            "optimizer": {"name": "subgradient", "step_size": "2/(mu*(t+2))"},
            "run": {"horizon": 10, "seeds": 512},
        },
        reaches=0.2224,
        expected=_all_paths,
        note="a noisy absolute value plus a parabola on an interval that the first steps leave; all sign paths",
    ),
    log_bound=_log_bound,
    constants=("mu", "G_expected"),
)
