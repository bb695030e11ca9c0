r"""Gradient descent on smooth convex functions, the gradient of the last iterate in terms of the initial gap.

For an L-smooth convex R that is bounded below, Δ = R(θ_0) − inf R, and a constant step η = h/L, h ∈ (0, 3/2],

    ‖∇R(θ_T)‖² ≤ 2LΔ/(2Th + 1)       for every T ≥ 0.

No minimiser is needed. Proof, with L = 1, g_t = ∇R(θ_t) and F_t = R(θ_t) − ‖g_t‖²/2 ≥ inf R: cocoercivity of θ_{j−1}
and θ_j = θ_{j−1} − h g_{j−1} says F_{j−1} − F_j ≥ ‖g_j‖² − (1 − h)⟨g_{j−1}, g_j⟩ and, both ways,
m_j = (2 − h)⟨g_{j−1}, g_j⟩ − ‖g_j‖² − (1 − h)‖g_{j−1}‖² ≥ 0. Hence

    Δ ≥ ‖g_0‖²/2 + Σ_{j=1}^{T} (F_{j−1} − F_j) ≥ (Th + ½)‖g_T‖² + Σ_{j=1}^{T} (λ_j m_j + c_j‖g_{j−1} − g_j‖²)

with λ_j = 2j − 1 and c_j = j(2 − h) − ½, not negative as h ≤ 3/2. For T = 1 and larger h the bound fails on L θ²/2.
Attained by the Huber function whose kink τ is θ_T: θ_0 = (Th + 1)τ and Δ = Lτ²(Th + ½).

Source: derived here.
"""

from __future__ import annotations

import math

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import CONVEX, EXACT, GRADIENT_STEP, SMOOTH, constant_step, log


def _log_bound(setting: Setting, t: int) -> float:
    smooth = setting["L"]
    return math.log(2) + log(smooth) + log(setting["initial_gap"]) - math.log1p(2 * t * setting.step_size() * smooth)


def _on_the_linear_part(setting: Setting, t: int) -> float:
    """Huber with kink τ = D/(Th + 1): the slope is Lτ up to t = T."""
    smooth = setting["L"]
    return (smooth * setting["D"] / (setting.horizon * setting.step_size() * smooth + 1)) ** 2


THEOREM = Theorem(
    title="Gradient descent, smooth convex, gradient norm from the gap",
    statement=r"\|\nabla R(\theta_T)\|^2\le\frac{2L(R(\theta_0)-R^*)}{2Th+1},\qquad h=\eta L\in(0,3/2]",
    source="Derived from cocoercivity, with the weights in the module's text",
    assumes=(
        GRADIENT_STEP,
        EXACT,
        CONVEX,
        SMOOTH,
        constant_step("3/(2*L)", lambda setting: 1.5 / setting["L"], strict=False),
    ),
    output="last",
    quantity="grad_norm2",
    sense="every run",
    valid="every t >= 1",
    formula=r"$\frac{2L(R(\theta_0)-R^*)}{2Th+1},\ h=\eta L$",
    rate=Rate("power", lambda setting: -1.0, "1/T"),
    instance=Instance(
        spec={
            "problem": {"name": "huber", "L": 1, "D": 1, "kink": "D/(T+1)"},
            "optimizer": {"name": "gd", "step_size": "1/L"},
            "run": {"horizon": 50},
        },
        reaches=1.0,
        expected=_on_the_linear_part,
        note="Huber with a kink that depends on the horizon: equality at t = T, where theta_T is the kink",
    ),
    log_bound=_log_bound,
    constants=("L", "initial_gap"),
)
