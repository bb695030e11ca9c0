r"""Gradient descent on smooth convex functions, the tight bound on the gradient of the last iterate.

For an L-smooth convex R with a minimiser at distance D from θ_0 and a constant step η = h/L, h ∈ (0, √2],

    ‖∇R(θ_T)‖² ≤ L²D²/(Th + 1)²       for every T ≥ 0.

Proof, with L = 1, g_t = ∇R(θ_t), p_t = θ_t − g_t and F_t = R(θ_t) − ‖g_t‖²/2 ≥ R*. Cocoercivity says
F_i ≥ F_j + ⟨g_j, p_i − p_j⟩ and F_j + ⟨g_j, θ* − p_j⟩ ≤ R*. From the second, summed over the run,

    D² ≥ Σ_{t<T} (2h(F_t − R*) + h(2 − h)‖g_t‖²) + ‖θ_T − θ*‖²,   ‖θ_T − θ*‖² ≥ 2(F_T − R*) + ‖g_T‖².

From the first, F_t − F_T ≥ Σ_{t<j≤T} (‖g_j‖² − (1 − h)⟨g_{j−1}, g_j⟩), which is inserted, and, used both ways,
m_j = (2 − h)⟨g_{j−1}, g_j⟩ − ‖g_j‖² − (1 − h)‖g_{j−1}‖² ≥ 0. With λ_j = 2j(1 − h + hj) and
c_j = j(2(1 − h) + h(2 − h)j), not negative as h² ≤ 2, what then stands on the right is

    (Th + 1)²‖g_T‖² + Σ_{j=1}^{T} (λ_j m_j + c_j‖g_{j−1} − g_j‖²) + 2(Th + 1)(F_T − R*).

The range is the largest on which this is true for every T: for T = 1 and h > √2 it fails on L θ²/2. Attained by the
Huber function with kink D/(Th + 1), which θ_T reaches from its linear part.

Source: derived here.
"""

from __future__ import annotations

import math

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import CONVEX, EXACT, GRADIENT_STEP, HAS_MINIMISER, SMOOTH, constant_step, log


def _log_bound(setting: Setting, t: int) -> float:
    smooth = setting["L"]
    return 2 * (log(smooth) + log(setting["D"]) - math.log1p(t * setting.step_size() * smooth))


def _on_the_linear_part(setting: Setting, t: int) -> float:
    """Huber with kink τ = D/(Th + 1): the slope is Lτ up to t = T, where θ_T = D − Thτ = τ."""
    smooth = setting["L"]
    return (smooth * setting["D"] / (setting.horizon * setting.step_size() * smooth + 1)) ** 2


THEOREM = Theorem(
    title="Gradient descent, smooth convex, gradient norm",
    statement=r"\|\nabla R(\theta_T)\|^2\le\frac{L^2D^2}{(Th+1)^2},\qquad h=\eta L\in(0,\sqrt2]",
    source="Derived from cocoercivity, with the weights in the module's text",
    assumes=(
        GRADIENT_STEP,
        EXACT,
        CONVEX,
        SMOOTH,
        HAS_MINIMISER,
        constant_step("sqrt(2)/L", lambda setting: math.sqrt(2) / setting["L"], strict=False),
    ),
    output="last",
    quantity="grad_norm2",
    sense="every run",
    valid="every t >= 1",
    formula=r"$\frac{L^2D^2}{(Th+1)^2},\ h=\eta L$",
    rate=Rate("power", lambda setting: -2.0, "1/T^2"),
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
    constants=("L", "D"),
)
