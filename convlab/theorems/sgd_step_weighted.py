r"""Stochastic (projected) subgradient steps on convex functions with any schedule, the average weighted by the steps.

Let R be convex on a closed convex set (or all of space) with a minimiser θ* at distance D from θ_0, E f_t = R with
independent draws, and E‖g_t‖² ≤ G² for the subgradients g_t of f_t. Steps θ_{t+1} = P(θ_t − η_t g_t) with any η_t > 0
satisfy, for θ̄ = Σ η_t θ_t / Σ η_t over t = 0 … T−1,

    E R(θ̄) − R* ≤ (D² + G² Σ η_t²) / (2 Σ η_t)       for every T ≥ 1.

Proof: E‖θ_{t+1} − θ*‖² ≤ E‖θ_t − θ*‖² − 2η_t(E R(θ_t) − R*) + η_t²G², as P does not expand; sum, and use Jensen's
inequality. It needs no bounded domain. With η_t = c/√(t + 1) it is of the order (ln T)/√T.

Source: Nemirovski, Juditsky, Lan and Shapiro 2009.

Instance: G|x| with noise ±σ, G = 1.6σ/√T: the expectation is the mean over all 2^T equally likely paths.
"""

from __future__ import annotations

import numpy as np

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Theorem
from convlab.theorems._assumptions import CONVEX, HAS_MINIMISER, UNBIASED, log
from convlab.theorems._sgd import POSITIVE_STEPS, SUBGRADIENT_STEP, sign_paths, steps


def _log_bound(setting: Setting, t: int) -> float:
    eta = steps(setting, max(t, setting.horizon))[:t]
    noise = 2 * log(setting["G_expected"]) + log(float(np.sum(np.square(eta))))
    return float(np.logaddexp(2 * log(setting["D"]), noise)) - log(2 * float(np.sum(eta)))


def _all_paths(setting: Setting, t: int) -> float:
    """E gap of the weighted average on G|x| with noise ±σ, over all paths of signs."""
    points, weights = sign_paths(setting, t, lambda x: setting["G"] * np.sign(x)), steps(setting, t)
    return setting["G"] * float(np.mean(np.abs(points @ weights))) / float(np.sum(weights))


THEOREM = Theorem(
    title="Stochastic subgradient method, any steps, weighted average",
    statement=(
        r"E\,R(\bar\theta_T)-R^*\le\frac{D^2+G^2\sum_{t<T}\eta_t^2}{2\sum_{t<T}\eta_t},\qquad"
        r"\bar\theta_T=\frac{\sum_{t<T}\eta_t\theta_t}{\sum_{t<T}\eta_t},\quad E\|g_t\|^2\le G^2,\quad\eta_t>0"
    ),
    source="Nemirovski, Juditsky, Lan and Shapiro 2009",
    assumes=(SUBGRADIENT_STEP, UNBIASED, CONVEX, HAS_MINIMISER, POSITIVE_STEPS),
    output="weighted_average",
    quantity="gap",
    sense="expectation",
    valid="every t >= 1",
    formula=r"$\frac{D^2+G^2\sum\eta_t^2}{2\sum\eta_t}$",
    rate=None,
    instance=Instance(
        spec={
            "problem": {"name": "absolute", "G": "1.6/sqrt(T)", "D": 1.0},
            "oracle": {"name": "additive_noise", "sigma": 1.0, "law": "signs"},
            "optimizer": {"name": "sgd", "step_size": "D/(G_expected*sqrt(t+1))"},
            "run": {"horizon": 16, "seeds": 512},
        },
        reaches=0.6644,
        expected=_all_paths,
        note="a noisy absolute value whose slope, 1.6/sqrt(T), is tuned to the horizon; all sign paths",
    ),
    log_bound=_log_bound,
    constants=("G_expected", "D"),
)
