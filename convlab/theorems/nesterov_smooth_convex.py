r"""Nesterov's accelerated gradient with momentum i/(i + 3) on smooth convex functions.

For an L-smooth convex R with a minimiser at distance D from θ_0, x_{i+1} = y_i − η∇R(y_i) and y_{i+1} = x_{i+1} +
(i/(i + 3))(x_{i+1} − x_i), x_0 = y_0 = θ_0, with a constant step 0 < η ≤ 1/L,

    R(x_T) − R* ≤ 2 D²/(η (T + 1)²)       for every T ≥ 1.

Proof: with λ_t = (t + 1)/2 the momentum is (λ_t − 1)/λ_{t+1} at t = i + 1, λ_1 = 1, and λ_{t+1}² − λ_{t+1} ≤ λ_t²; so
η λ_t² (R(x_t) − R*) + ½‖z_t − θ*‖², z_t = x_{t−1} + λ_t(x_t − x_{t−1}), does not increase and is at most D²/2 from
t = 1 on.

The step enters by 1/η ≥ L, which is a smoothness constant too. At η = 1/L the worst case found by semidefinite
programs is 2LD²/((T + 2)(T + 3)) (Taylor, Hendrickx and Glineur 2017, Table 1). The Huber function with kink
4D/(T² + 5T + 6) attains it, and multipliers in exact arithmetic prove it for T ≤ 15, in this theorem's tests. No proof
for all T is known here, so the bound is the classical one, larger by (T + 2)(T + 3)/(T + 1)², which tends to 1.

Source: Nesterov 1983; the proof with any such λ_t is that of Beck and Teboulle 2009, Theorem 4.4.
"""

from __future__ import annotations

import math

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem, needs
from convlab.theorems._assumptions import CONVEX, EXACT, HAS_MINIMISER, SMOOTH, log
from convlab.theorems._nesterov import AT_MOST_ONE_OVER_L, NESTEROV_STEP


def _log_bound(setting: Setting, t: int) -> float:
    return math.log(2) + 2 * log(setting["D"]) - log(setting.step_size()) - 2 * math.log1p(t)


def _on_the_linear_part(setting: Setting, t: int) -> float:
    """Huber, kink τ = 4D/(T² + 5T + 6), step 1/L: x_t = D − τ(t² + 5t + 2)/8 ≥ τ for t ≤ T; the gap Lτ(x_t − τ/2)."""
    distance, horizon = setting["D"], setting.horizon
    kink = 4 * distance / (horizon**2 + 5 * horizon + 6)
    moved = (t**2 + 5 * t + 2) / 8 if t else 0.0
    return setting["L"] * kink * (distance - kink * (moved + 0.5))


THEOREM = Theorem(
    title="Nesterov's accelerated gradient, smooth convex, momentum i/(i+3)",
    statement=r"R(x_T)-R^*\le\frac{2D^2}{\eta(T+1)^2},\qquad\beta_i=\frac{i}{i+3},\quad 0<\eta\le\frac1L",
    source="Nesterov 1983; Beck and Teboulle 2009, Theorem 4.4, with lambda_t = (t+1)/2",
    assumes=(
        NESTEROV_STEP,
        needs("simple momentum", "the momentum i/(i + 3)"),
        EXACT,
        CONVEX,
        SMOOTH,
        HAS_MINIMISER,
        AT_MOST_ONE_OVER_L,
    ),
    output="last",
    quantity="gap",
    sense="every run",
    valid="every t >= 1",
    formula=r"$\frac{2D^2}{\eta(T+1)^2}$",
    rate=Rate("power", lambda setting: -2.0, "1/T^2"),
    instance=Instance(
        spec={
            "problem": {"name": "huber", "L": 1, "D": 1, "kink": "4*D/(T**2+5*T+6)"},
            "optimizer": {"name": "nesterov", "step_size": "1/L"},
            "run": {"horizon": 100},
        },
        reaches=0.9709,
        expected=_on_the_linear_part,
        note="Huber with a kink that depends on the horizon: the worst case that semidefinite programs find",
    ),
    log_bound=_log_bound,
    constants=("L", "D"),
)
