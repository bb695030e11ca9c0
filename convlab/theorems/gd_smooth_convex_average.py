r"""Gradient descent on smooth convex functions, the average of θ_1 … θ_T: worse than the last iterate.

For an L-smooth convex R with a minimiser at distance D from θ_0 and a constant step η = h/L, h ∈ (0, 1],

    R(θ̄_T) − R* ≤ D²/(2ηT),   θ̄_T = (θ_1 + … + θ_T)/T,       for every T ≥ 1.

Proof: ‖θ_{t+1} − θ*‖² ≤ ‖θ_t − θ*‖² − 2η(R(θ_t) − R*) + η²‖g_t‖² by convexity, and the descent lemma,
R(θ_{t+1}) ≤ R(θ_t) − η(1 − h/2)‖g_t‖², makes this ‖θ_t − θ*‖² − 2η(R(θ_{t+1}) − R*) − η²(1 − h)‖g_t‖². Sum, and use
Jensen's inequality.

Instance: the Huber function with kink D/(T + 2) at h = 1. The whole run takes place on its linear part, where the
gap of the average is L D²/(2T + 4), the fraction T/(T + 2) of the bound. On no L-smooth convex function is the gap of
the last iterate above L D²/(4T + 2) (Drori and Teboulle 2014): averaging makes gradient descent slower by almost two.

Source: classical; the instance is computed here.
"""

from __future__ import annotations

import math

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import CONVEX, EXACT, GRADIENT_STEP, HAS_MINIMISER, SMOOTH, constant_step, log


def _log_bound(setting: Setting, t: int) -> float:
    return 2 * log(setting["D"]) - math.log(2 * setting.step_size() * t)


def _on_the_linear_part(setting: Setting, t: int) -> float:
    """Huber with kink τ = D/(T + 2): the mean of D − τ, …, D − tτ is on the linear part, where R = Lτ(θ − τ/2)."""
    smooth, distance = setting["L"], setting["D"]
    kink = distance / (setting.horizon + 2)
    mean = distance - setting.step_size() * smooth * kink * (t + 1) / 2
    return smooth * kink * (mean - kink / 2)


THEOREM = Theorem(
    title="Gradient descent, smooth convex, average",
    statement=(
        r"R(\bar\theta_T)-R^*\le\frac{D^2}{2\eta T},\qquad"
        r"\bar\theta_T=\frac1T\sum_{t=1}^{T}\theta_t,\quad 0<\eta\le\frac1L"
    ),
    source="Classical, by convexity, the descent lemma and telescoping",
    assumes=(
        GRADIENT_STEP,
        EXACT,
        CONVEX,
        SMOOTH,
        HAS_MINIMISER,
        constant_step("1/L", lambda setting: 1 / setting["L"], strict=False),
    ),
    output="average(1..T)",
    quantity="gap",
    sense="every run",
    valid="every t >= 1",
    formula=r"$\frac{D^2}{2\eta T}$",
    rate=Rate("power", lambda setting: -1.0, "1/T"),
    instance=Instance(
        spec={
            "problem": {"name": "huber", "L": 1, "D": 1, "kink": "D/(T+2)"},
            "optimizer": {"name": "gd", "step_size": "1/L"},
            "run": {"horizon": 200},
        },
        reaches=0.99,
        expected=_on_the_linear_part,
        note="Huber with kink D/(T+2): L D^2/(2T+4), the fraction T/(T+2), nearly twice the last iterate's worst case",
    ),
    log_bound=_log_bound,
    constants=("L", "D"),
)
