r"""The projected subgradient method on strongly convex functions, with linear weights: no logarithm.

For a μ-strongly convex R with a minimiser, G-Lipschitz on the convex set that it is minimised over, the steps
θ_{t+1} = P(θ_t − η_t g_t), g_t a subgradient of R at θ_t, η_t = 2/(μ(t + 2)), and θ̄ = Σ (t+1)θ_t / Σ (t+1) over t < T,

    R(θ̄) − R* ≤ 2G²/(μ(T + 1))       for every T ≥ 1.

Proof: with k = t + 1 and d_t = ‖θ_t − θ*‖² the step gives k(R(θ_t) − R*) ≤ (μ/4)(k(k − 1)d_t − k(k + 1)d_{t+1}) + G²/μ;
sum over k = 1, …, T, divide by T(T + 1)/2, and use Jensen's inequality. D does not appear: the first step forgets θ_0.

Source: Lacoste-Julien, Schmidt and Bach 2012, arXiv 1212.2002.

Instance: g|θ| + (μ/2)θ² on |θ| ≤ radius, where G = g + μ·radius. On a line θ̄ nearly cancels, so that the gap falls
faster than the bound and a small fraction is reached; g max_i θ_i + (μ/2)‖θ‖² in R^T reaches 0.46 of it at T = 1000.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import EXACT, HAS_MINIMISER, STRONGLY_CONVEX, log
from convlab.theorems._subgradient import LIPSCHITZ, SUBGRADIENT_STEP, schedule


def _steps(setting: Setting, t: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 2 / (setting["mu"] * (t + 2))


def _log_bound(setting: Setting, t: int) -> float:
    return math.log(2) + 2 * log(setting["G"]) - log(setting["mu"]) - math.log1p(t)


def _on_the_interval(setting: Setting, t: int) -> float:
    """The gap of the weighted average on g|θ| + (μ/2)θ², |θ| ≤ radius, from D, step by step."""
    mu, radius = setting["mu"], setting["diameter"] / 2
    slope = setting["G"] - mu * radius
    theta, total = setting["D"], 0.0
    for k in range(1, max(t, 1) + 1):
        total += k * theta
        step = 2 / (mu * (k + 1)) * (slope * np.sign(theta) + mu * theta)
        theta = float(np.clip(theta - step, -radius, radius))
    mean = abs(total) / sum(range(1, max(t, 1) + 1))
    return slope * mean + mu * mean**2 / 2


THEOREM = Theorem(
    title="Subgradient method, strongly convex, linear weights",
    statement=(
        r"R(\bar\theta_T)-R^*\le\frac{2G^2}{\mu(T+1)},\qquad\bar\theta_T=\frac{2}{T(T+1)}\sum_{t=0}^{T-1}(t+1)\theta_t,"
        r"\quad\eta_t=\frac{2}{\mu(t+2)}"
    ),
    source="Lacoste-Julien, Schmidt and Bach 2012, arXiv 1212.2002",
    assumes=(
        SUBGRADIENT_STEP,
        EXACT,
        STRONGLY_CONVEX,
        LIPSCHITZ,
        HAS_MINIMISER,
        schedule("2/(mu*(t+2))", _steps),
    ),
    output="weighted_average(t+1)",
    quantity="gap",
    sense="every run",
    valid="every t >= 1",
    formula=r"$\frac{2G^2}{\mu(T+1)}$",
    rate=Rate("power", lambda setting: -1.0, "1/T"),
    instance=Instance(
        spec={
            "problem": {"name": "absolute", "G": 3.0, "mu": 1.0, "D": 0.1, "radius": 1.0},
            "optimizer": {"name": "subgradient", "step_size": "2/(mu*(t+2))"},
            "run": {"horizon": 10},
        },
        reaches=0.0809,
        expected=_on_the_interval,
        note="3|theta| + theta^2/2 on [-1, 1], where the first step lands on the boundary",
    ),
    log_bound=_log_bound,
    constants=("G", "mu"),
)
