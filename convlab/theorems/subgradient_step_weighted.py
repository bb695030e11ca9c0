r"""The subgradient method with any step sizes, the average weighted by them.

For a convex, G-Lipschitz R with a minimiser at distance D from θ_0, any steps η_t > 0,
θ_{t+1} = P(θ_t − η_t g_t), g_t a subgradient of R at θ_t, and θ̄ = Σ η_t θ_t / Σ η_t over t = 0, …, T−1,

    R(θ̄) − R* ≤ (D² + G² Σ η_t²)/(2 Σ η_t)       for every T ≥ 1.

For η_t = c/√(t + 1) that is of the order log T/√T: the sums are evaluated here as they are. The same bounds the best
of θ_0 … θ_{T−1}. Proof: ‖θ_{t+1} − θ*‖² ≤ ‖θ_t − θ*‖² − 2η_t(R(θ_t) − R*) + η_t²G²; sum, and use Jensen's inequality.

Source: Shor 1962, Polyak 1967.

Instance: attained for every schedule by R = G|θ| from θ_0 = D where Σ η_t = D/G. With S = Σ η_t and Q = Σ η_t², every
θ_t = D − G Σ_{s<t} η_s is positive and the gap G(D − G(S² − Q)/(2S)) = (D² + G²Q)/(2S) − (D − GS)²/(2S). The schedule
is D(√(t+1) − √t)/(G√T), which falls as 1/√t.
"""

from __future__ import annotations

import math

import numpy as np

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import CONVEX, EXACT, HAS_MINIMISER
from convlab.theorems._subgradient import LIPSCHITZ, SUBGRADIENT_STEP, log_sum_bound, positive_steps, step_sizes


def _log_bound(setting: Setting, t: int) -> float:
    eta = step_sizes(setting)[:t]
    return log_sum_bound(setting, float(np.sum(eta)), float(np.sum(eta * eta)))


def _own_rate(setting: Setting) -> float:
    """The bound's slope between T/2 and T, on logarithmic axes: what the schedule of this run claims."""
    T, half = setting.horizon, (setting.horizon + 1) // 2
    return 0.0 if half == T else (_log_bound(setting, T) - _log_bound(setting, half)) / math.log(T / half)


def _absolute_value(setting: Setting, t: int) -> float:
    """The gap of the weighted average on G|θ| from D, step by step."""
    G, theta, total, weights = setting["G"], setting["D"], 0.0, 0.0
    for s in range(max(t, 1)):
        eta = setting.step_size(s)
        total, weights = total + eta * theta, weights + eta
        theta -= eta * G * float(np.sign(theta))
    return G * abs(total / weights)


THEOREM = Theorem(
    title="Subgradient method, average weighted by the steps",
    statement=(
        r"R(\bar\theta_T)-R^*\le\frac{D^2+G^2\sum_{t<T}\eta_t^2}{2\sum_{t<T}\eta_t},\qquad"
        r"\bar\theta_T=\frac{\sum_{t<T}\eta_t\theta_t}{\sum_{t<T}\eta_t}"
    ),
    source="Shor 1962, Polyak 1967",
    assumes=(SUBGRADIENT_STEP, EXACT, CONVEX, LIPSCHITZ, HAS_MINIMISER, positive_steps()),
    output="weighted_average",
    quantity="gap",
    sense="every run",
    valid="every t >= 1",
    formula=r"$\frac{D^2+G^2\sum\eta_t^2}{2\sum\eta_t}$",
    rate=Rate("power", _own_rate, "log(T)/sqrt(T) for steps c/sqrt(t+1)"),
    instance=Instance(
        spec={
            "problem": {"name": "absolute", "G": 1.0, "D": 1.0},
            "optimizer": {"name": "subgradient", "step_size": "D*(sqrt(t+1)-sqrt(t))/(G*sqrt(T))"},
            "run": {"horizon": 100},
        },
        reaches=1.0,
        expected=_absolute_value,
        note="G|theta|, with steps that fall as 1/sqrt(t) and add up to D/G at the horizon: equality at t = T",
    ),
    log_bound=_log_bound,
    constants=("G", "D"),
)
